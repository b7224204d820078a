/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What operational data gives out, copied from the engine's and the reconciler's views. T0. */
#pragma once

#include "base/kvip_addr.h"
#include "base/kvip_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvf_yang_overview {
	kvip_msec taken_ms;
	bool active, zebra_connected, flushed, vips_truncated, nodes_truncated;
	char standby[160], node[254], digest[17];
	uint32_t backlog, nhsets, routed, held, restored, conflicts, routes, suspects;
	uint64_t generation, announcements, withdrawals, confirmations, swept;
};

struct kvf_yang_cluster {
	char name[64], error[400], server[256];
	const char *state;
	bool identity_changed, guard_active;
	int64_t sync_age_s, synced_age_s, guard_age_s; /* -1: never */
	uint32_t vips, held, services, nodes, objects;
	uint64_t announcements, withdrawals;
};

struct kvf_yang_owner {
	char cluster[64], ns[64], name[256], advertise[272];
	const char *kind, *reason;
};

struct kvf_yang_hops {
	struct kvip_addr *v;
	size_t n;
};

struct kvf_yang_vip {
	struct kvip_prefix prefix;
	char cluster[64];
	const char *state, *reason, *warning;
	bool routed, held, restored, has_route;
	int64_t changed_age_s;
	uint32_t tag, distance, table; /* if has_route */
	struct kvf_yang_hops hops, installed;
	struct kvf_yang_owner *owners;
	size_t n_owners;
};

struct kvf_yang_node {
	char cluster[64], name[256];
	const char *ready;
	bool cordoned, self;
	uint32_t vips;
};

/* Some entries of one of these. */
struct kvf_yang_copy {
	void *v;
	size_t n;
	bool truncated;
	/* set once: */
	size_t max, entry_bytes;
	void (*release)(void *entry); /* what an entry owns; NULL: nothing */
};

/** kvf_yang_copy_overview - @o: as it was left by the last call (zero: none); what is younger than
 * 50 ms stays, and so do the flags of lists. */
void kvf_yang_copy_overview(struct kvf_yang_overview *o);
/** kvf_yang_copy_clusters, _vips, _nodes - at most @c->max into an empty one. Without memory, or
 * when there are more: @c->truncated. */
void kvf_yang_copy_clusters(struct kvf_yang_copy *c);
void kvf_yang_copy_vips(struct kvf_yang_copy *c);
void kvf_yang_copy_nodes(struct kvf_yang_copy *c);
/** kvf_yang_copy_vip - that of @p into an empty one. Return: false: there is none. */
bool kvf_yang_copy_vip(struct kvf_yang_copy *c, const struct kvip_prefix *p);
/** kvf_yang_copy_drop - make it empty. */
void kvf_yang_copy_drop(struct kvf_yang_copy *c);
void kvf_yang_vip_release(void *entry);
