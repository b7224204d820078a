/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes and interned next-hop sets: what T1 decides and T0 installs.
 */
#pragma once

#include "base/kvip_addr.h"
#include "vip/kvip_conf.h"
#include "vip/kvip_match.h"

#include <stdint.h>

/*
 * A set of next hops, sorted, without duplicates, never changed, reference counted. Equal sets are
 * one object: thousands of VIPs on the same nodes share one, and comparing two sets is comparing
 * pointers.
 */
struct kvip_nhset {
	uint32_t id; /* for show: stable while the set lives */
	uint32_t n;
	uint64_t hash; /* of the addresses: equal sets have equal ones, on every router */
	const struct kvip_addr *addrs;
};

struct kvip_nhsets; /* the table they are interned in */

struct kvip_nhsets *kvip_nhsets_new(void) KVIP_USE_RESULT;
/** kvip_nhsets_free - every set must have been released. */
void kvip_nhsets_free(struct kvip_nhsets *t);
/**
 * kvip_nhset_get - the set of @addrs (copied, sorted, duplicates dropped), with one more reference
 * @n: may be 0: the empty set is a set. More than KVIP_MAX_NEXTHOPS: the lowest ones are kept.
 * Return: NULL without memory. Any thread.
 */
const struct kvip_nhset *kvip_nhset_get(struct kvip_nhsets *t, const struct kvip_addr *addrs,
					size_t n) KVIP_USE_RESULT;
const struct kvip_nhset *kvip_nhset_ref(const struct kvip_nhset *s);
/** kvip_nhset_unref - any thread; takes NULL. */
void kvip_nhset_unref(const struct kvip_nhset *s);
bool kvip_nhset_has(const struct kvip_nhset *s, const struct kvip_addr *a);
/** kvip_nhsets_name - a cluster's name, one copy for all its routes, which lives as long as @t. NULL
 *  without memory. Any thread. */
const char *kvip_nhsets_name(struct kvip_nhsets *t, const char *name) KVIP_USE_RESULT;
/** kvip_nhsets_count - distinct sets alive, for show and tests. */
size_t kvip_nhsets_count(struct kvip_nhsets *t);

/* How zebra knows a route again: rules R1. Metric is constant (0) and so not part of it here. */
struct kvip_route_id {
	uint32_t vrf_id;
	uint32_t table;
	struct kvip_prefix prefix;
	uint8_t distance;
};

struct kvip_route {
	struct kvip_route_id id;
	uint32_t tag;
	uint8_t resolution;           /* enum kvip_resolution */
	bool restored;                /* from the state file, not yet confirmed by the API */
	bool through_self;            /* node mode (rules R2): this node is among the next hops */
	struct kvip_marks marks;      /* for bgpd's route-maps; no part of the route in zebra */
	const struct kvip_nhset *nhs; /* one reference */
	const char *cluster;          /* whose claim it is, by kvip_nhsets_name(); never NULL */
};

int kvip_route_id_cmp(const struct kvip_route_id *a, const struct kvip_route_id *b);
/** kvip_route_equal - would sending @a after @b change anything in zebra? */
bool kvip_route_equal(const struct kvip_route *a, const struct kvip_route *b);
