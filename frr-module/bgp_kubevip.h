/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the shim (bgp_kubevip.c) and the engine behind it know of each other: one exported symbol,
 * looked up by name after dlopen().
 */
#pragma once

/* Changes whenever this structure or the order of calls does. */
#define BGP_KUBEVIP_ABI 1

struct bgp_kubevip_entry {
	unsigned int abi;
	const char *frr_version; /* that the engine was built for: "8.4.4" */
	const char *version;     /* of kubevip */
	/** start - from frr_late_init, before the fork: commands, model, hooks. @loop: bgpd's main
	 *  loop, a struct thread_master or event_loop. */
	void (*start)(void *loop);
};
