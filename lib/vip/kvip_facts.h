/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local facts: what FRR knows of this router, as an immutable snapshot from T0 to T1 (rules R3).
 * A dry run has none and says so.
 */
#pragma once

#include "base/kvip_addr.h"
#include "vip/kvip_match.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvip_plist_entry {
	int64_t seq;
	bool permit;
	bool any;
	struct kvip_prefix prefix;
	uint8_t ge, le; /* 0: not given */
};

struct kvip_plist {
	char *name;
	uint8_t family;                   /* KVIP_IPV4 or KVIP_IPV6: FRR's two name spaces */
	struct kvip_plist_entry *entries; /* by seq */
	size_t n;
};

struct kvip_facts {
	atomic_uint refs;
	bool known; /* false: a dry run, or zebra has not told its interfaces yet */
	/* of this host, in lower case: what the kubelet registers its Node as. "": not known */
	char hostname[254];
	struct kvip_addr *own; /* this router's addresses */
	size_t n_own;
	struct kvip_prefix *connected; /* and the networks they are in */
	size_t n_connected;
	struct kvip_addr *neighbours; /* BGP neighbours, sorted; known in bgpd alone */
	size_t n_neighbours;
	struct kvip_plist *plists;
	size_t n_plists;
	struct kvip_match_set *matches; /* what route-maps ask of VIPs; NULL: nothing */
};

/** kvip_facts_new - empty, with one reference. The maker fills it before it shares it: every array
 * is from kvip_malloc() and becomes the snapshot's. NULL without memory. */
struct kvip_facts *kvip_facts_new(void) KVIP_USE_RESULT;
/** kvip_facts_ref, kvip_facts_unref - any thread; unref takes NULL. */
struct kvip_facts *kvip_facts_ref(struct kvip_facts *f);
void kvip_facts_unref(struct kvip_facts *f);
/** kvip_facts_settle - sort what is looked up; the maker's last step. */
void kvip_facts_settle(struct kvip_facts *f);
bool kvip_facts_is_neighbour(const struct kvip_facts *f, const struct kvip_addr *a);
/** kvip_facts_plist - the list @name of a family; NULL: not defined. A list without entries counts
 * as not defined: FRR lets it permit everything, a guard must not, and must not withdraw either
 * (rules R3). */
const struct kvip_plist *kvip_facts_plist(const struct kvip_facts *f, const char *name,
					  uint8_t family);
/** kvip_plist_permits - FRR's rules: first entry in seq order that matches; no entry: denied. */
bool kvip_plist_permits(const struct kvip_plist *l, const struct kvip_prefix *p);
