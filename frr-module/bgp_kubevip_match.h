/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `match kubevip ...` in bgpd's route-maps. One per process, everything is T0.
 *
 *   bgp_kubevip_match.c    the lines, the rules that libfrr runs, and how they are written back
 *   bgp_kubevip_review.c   when the answers change: which routes bgpd has to look at again
 *   bgp_kubevip_deleted.c  route-maps that are deleted
 *   bgp_kubevip_advice.c   `show kubevip check`, with bgp_kubevip_policy.c
 */
#pragma once

#include "frr/kvf_compat.h"

#include "base/kvip_addr.h"
#include "frr/kvf_check.h"

#include "routemap.h"

#include <stdbool.h>
#include <stddef.h>

/** bgp_kubevip_match_init - in frr_late_init, after kvf_host_init(). */
void bgp_kubevip_match_init(void);
struct bgp;
/** bgp_kubevip_match_concerns - is it an instance whose routes can be VIPs? */
bool bgp_kubevip_match_concerns(const struct bgp *bgp);
/*
 * What a search of route-maps may cost, and what it has found. Calls of maps by maps multiply: after so
 * many entries (some 1 ms) the rest is taken to ask. Not to be kept: route-maps come and go.
 */
#define BGP_KUBEVIP_LOOKS 20000
struct bgp_kubevip_looks {
	unsigned int left;
	size_t n;
	const struct route_map *quiet[32]; /* the last ones that ask nothing */
};
/** bgp_kubevip_match_asks - does @map, or one that it calls, have a line of ours? NULL: no. */
bool bgp_kubevip_match_asks(const struct route_map *map, struct bgp_kubevip_looks *looks);
/** bgp_kubevip_match_unanswered - lines of ours that never match because KVIP_MAX_MATCHES others
 *  are in use. */
size_t bgp_kubevip_match_unanswered(void);

typedef void bgp_kubevip_entry_fn(void *ctx, const struct route_map_index *entry, bool alone);
/** bgp_kubevip_match_each - every entry with a line of ours, by name and sequence; @alone: nothing
 *  else is matched in it. */
void bgp_kubevip_match_each(bgp_kubevip_entry_fn *fn, void *ctx);

/** bgp_kubevip_review_init - @loop: bgpd's main loop. */
void bgp_kubevip_review_init(struct kvf_event_loop *loop);
/** bgp_kubevip_review_marked - for struct kvf_host_options. */
void bgp_kubevip_review_marked(void *ctx);
/** bgp_kubevip_review_edited - a line of ours came or went. */
void bgp_kubevip_review_edited(void);
void bgp_kubevip_review_stop(void);

/** bgp_kubevip_deleted_init - in frr_late_init: bgpd has its hooks by then. */
void bgp_kubevip_deleted_init(void);

/** bgp_kubevip_policy_check - findings about bgpd's route-maps, prefix-lists and neighbours
 *  (bgp_kubevip_policy.c). */
void bgp_kubevip_policy_check(kvf_check_say *say, void *ctx);
/** bgp_kubevip_plist_family - whose prefix-list a rule names; AFI_MAX: it names none. */
afi_t bgp_kubevip_plist_family(const struct route_map_rule *r);
struct peer;
/** bgp_kubevip_tells_node - is @peer told the node @next_hop of a VIP, not this router? NULL: it is
 *  not known which one. */
bool bgp_kubevip_tells_node(struct peer *peer, afi_t afi, const struct kvip_addr *next_hop);
/** bgp_kubevip_advice_init - register with `show kubevip check`. */
void bgp_kubevip_advice_init(void);
