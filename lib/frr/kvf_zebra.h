/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The zebra sink: routes, next-hop tracking and the redistribution feed over a ZAPI session of our
 * own.
 */
#pragma once

#include "frr/kvf_compat.h"
#include "vip/kvip_facts.h"
#include "vip/kvip_recon.h"

#include <privs.h>

struct kvf_zebra_host {
	/** something reached the reconciler: run a slice soon */
	void (*work)(void *ctx);
	/** addresses of this router changed, or all have been told: kvf_addr_facts() has them */
	void (*addresses_changed)(void *ctx);
	/** around each of our callbacks on the main loop */
	void (*enter)(void *ctx);
	void (*leave)(void *ctx, const char *what);
	void *ctx;
};

extern const struct kvip_sink_ops kvf_zebra_ops;

/** kvf_zebra_init - a session that is not yet opened; one per process. T0. */
void kvf_zebra_init(struct kvf_event_loop *loop, struct zebra_privs_t *privs,
		    const struct kvf_zebra_host *host);
/** kvf_zebra_start - connect, and connect again whenever zebra went away (each 100 ms). */
void kvf_zebra_start(struct kvip_recon *recon);
/** kvf_zebra_stop - close the session; routes stay in zebra (rules R4). */
void kvf_zebra_stop(void);
bool kvf_zebra_connected(void);
/** kvf_zebra_told - has this session told all addresses and static routes that zebra has? */
bool kvf_zebra_told(void);
/** kvf_zebra_ask_again - kvf_zebra_told() says no until zebra has carried out what it was sent. */
void kvf_zebra_ask_again(void);
/** kvf_zebra_width - next hops that this FRR can install for one route (MULTIPATH_NUM). */
unsigned int kvf_zebra_width(void);
