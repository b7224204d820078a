/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the shim (bgp_kubevip.c) and the engine behind it know of each other: one exported symbol,
 * looked up by name after dlopen().
 */
#pragma once

#include <stddef.h>

/* Changes whenever this structure or the order of calls does. */
#define BGP_KUBEVIP_ABI 2

struct bgp_kubevip_entry {
	unsigned int abi;
	const char *frr_version; /* that the engine was built for: "8.4.4" */
	const char *version;     /* of kubevip */
	/**
	 * start - from frr_late_init, before the fork: commands, model, hooks.
	 * @loop: bgpd's main loop, a struct thread_master or event_loop
	 * @why: what failed, and what to do about it
	 *
	 * Returns 0 or negative. On failure nothing may be installed: the shim then installs its
	 * own under the same names.
	 */
	int (*start)(void *loop, char *why, size_t size);
};
