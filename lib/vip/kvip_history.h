/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last changes of routes, with the times of each: `show kubevip history` (features F23).
 *
 * A ring of fixed size, kept by the reconciler: nothing is allocated for a change. T0.
 */
#pragma once

#include "base/kvip_time.h"
#include "vip/kvip_reason.h"
#include "vip/kvip_route.h"

#define KVIP_HISTORY_SIZE 1024

#define KVIP_CHANGES(X)                                                                            \
	X(ANNOUNCED, "announced")                                                                  \
	X(CHANGED, "changed")                                                                      \
	X(WITHDRAWN, "withdrawn")                                                                  \
	X(SWEPT, "removed-by-somebody-else")                                                       \
	X(DISPLACED, "displaced")

enum kvip_change {
#define X(id, word) KVIP_CHANGE_##id,
	KVIP_CHANGES(X)
#undef X
};
const char *kvip_change_word(enum kvip_change c);

struct kvip_history_entry {
	uint64_t number; /* of the change since start, from 1; 0: no change */
	struct kvip_prefix prefix;
	enum kvip_change change;
	enum kvip_reason reason; /* why a route was withdrawn by this router; NONE */
	uint32_t next_hops;      /* that were sent */
	kvip_msec event_ms; /* when the event that led to it was read; 0: it was none of the API */
	kvip_msec sent_ms;
	kvip_msec installed_ms; /* when the feed confirmed it; 0: not (yet) */
	char cluster[64];
};

struct kvip_history;
struct kvip_history *kvip_history_new(void) KVIP_USE_RESULT;
/** kvip_history_free - takes NULL. */
void kvip_history_free(struct kvip_history *h);
/** kvip_history_add - @e is copied, its number is given. Return: that number. @h may be NULL: 0. */
uint64_t kvip_history_add(struct kvip_history *h, const struct kvip_history_entry *e);
/** kvip_history_installed - change @number was confirmed, if it is still remembered. */
void kvip_history_installed(struct kvip_history *h, uint64_t number, kvip_msec now);
typedef bool kvip_history_fn(void *ctx, const struct kvip_history_entry *e);
/** kvip_history_each - newest first; until @fn returns false. */
void kvip_history_each(const struct kvip_history *h, kvip_history_fn *fn, void *ctx);
