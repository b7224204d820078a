/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is (rules R1): who injects into zebra holds the lock, keeps the record of what is
 * ours, and withdraws it when the configuration says `inject bgp` or `observe`. One per process,
 * everything is T0.
 */
#pragma once

#include "frr/kvf_compat.h"
#include "vip/kvip_engine.h"
#include "vip/kvip_recon.h"

struct kvf_turn_options {
	struct kvf_event_loop *loop;
	const char *name;       /* of this shell */
	const char *state_path; /* NULL: where both shells have it */
	bool flush;             /* the turn is wanted whatever the configuration says */
	/** read - the record has been read, good or bad: routes of ours are known. */
	void (*read)(void);
	/** restored - the engine has been told what was read. */
	void (*restored)(void);
	/** around each run of ours on the main loop; @what: static text */
	void (*enter)(void *ctx);
	void (*leave)(void *ctx, const char *what);
};

void kvf_turn_init(const struct kvf_turn_options *options);
/** kvf_turn_start - before the first kvf_turn_take(). @matches: see kvf_record_open(). */
void kvf_turn_start(struct kvip_recon *recon, struct kvip_nhsets *nhsets,
		    struct kvip_matches *matches);
/** kvf_turn_take - at the start and once a second. @draft: counts until the first
 *  kvf_turn_configure(). */
void kvf_turn_take(const struct kvip_conf *draft);
/** kvf_turn_configure - @conf is about to be published. */
void kvf_turn_configure(const struct kvip_conf *conf);
/** kvf_turn_reading - is the record being read? Nothing is sent before it has been. */
bool kvf_turn_reading(void);
/** kvf_turn_restore - @engine is told what was read, in slices, and from now on what will be. */
void kvf_turn_restore(struct kvip_engine *engine);
/** kvf_turn_order_leave - unless zebra is where routes go: withdraw what the record says, whoever has
 *  put it there. */
void kvf_turn_order_leave(void);
/** kvf_turn_standby - who injects instead of us, or NULL. */
const char *kvf_turn_standby(void);
/** kvf_turn_stop - routes stay (rules R4). */
void kvf_turn_stop(void);
