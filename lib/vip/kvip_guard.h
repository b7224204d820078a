/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The withdrawal guard of one cluster: rules R4, the paragraph "Guard".
 *
 * It judges numbers, knows no VIP and has no clock. It is asked at the end of a batch, when
 * everything that an event or a relist has to say is known, so that a batch is held as a whole and
 * not from its middle on.
 */
#pragma once

#include "base/kvip_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KVIP_GUARD_WINDOW_S 30

struct kvip_guard {
	uint32_t per_second[KVIP_GUARD_WINDOW_S]; /* withdrawals carried out, by second */
	int64_t second;                           /* that the newest of them is for */
	bool active;
	bool identity; /* another cluster answers: no time lets it go */
	bool passing;  /* accepted or released: what waits goes, and is not counted */
	kvip_msec since_ms;
	size_t base; /* VIPs that the cluster had when the guard became active */
};

struct kvip_guard_case {
	uint32_t percent, min, release_s; /* of the configuration */
	size_t routed;  /* VIPs of the cluster in force, the pending ones among them */
	size_t pending; /* that the cluster's side wants withdrawn */
	bool relisted;  /* a list was completed in this batch */
	bool identity_changed;
};

/** kvip_guard_holds - shall the pending withdrawals wait? Keeps the guard's state. */
bool kvip_guard_holds(struct kvip_guard *g, const struct kvip_guard_case *c, kvip_msec now);
/** kvip_guard_note - a withdrawal that the cluster's side wanted has been carried out. */
void kvip_guard_note(struct kvip_guard *g, kvip_msec now);
/** kvip_guard_accept - the operator has looked: what waits may go, counting begins anew. */
void kvip_guard_accept(struct kvip_guard *g);
/** kvip_guard_deadline - when release-after lets it go by itself; KVIP_NEVER. */
kvip_msec kvip_guard_deadline(const struct kvip_guard *g, uint32_t release_s);
