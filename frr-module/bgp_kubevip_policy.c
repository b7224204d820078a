// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what in bgpd's policy cannot do what it was written for, VIP or no VIP: `show kubevip check`.
 *
 * Thread: T0, only when asked. A route-map that names a prefix-list which nobody has defined matches
 * nothing by it; a prefix-list without `ge` matches the range and no host route in it; a peer on the
 * nodes' network that is not told next-hop-self sends a VIP's whole traffic to one node.
 *
 * Sources: FRR 8.4.4, lib/plist.c (prefix_list_entry_match), bgpd/bgp_route.c
 * (subgroup_announce_check) and bgp_updgrp_packet.c (bpacket_reformat_for_peer): third-party next
 * hops.
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip_match.h"

#include "bgpd/bgpd.h"

#include "bgpd/bgp_nexthop.h"
#include "bgpd/bgp_zebra.h"

#include "frr/kvf_host.h"

#include "linklist.h"
#include "plist.h"
#include "plist_int.h"
#include "routemap.h"

#include <stdio.h>
#include <string.h>

#define TEXT_STRLEN 400
#define LOOKS       256 /* at routes, for a next hop */

struct telling {
	kvf_check_say *say;
	void *ctx;
	const struct kvip_addr *node[AFI_MAX]; /* a next hop of some VIP */
};

afi_t bgp_kubevip_plist_family(const struct route_map_rule *r)
{
	if (!r->rule_str)
		return AFI_MAX;
	if (strcmp(r->cmd->str, "ip address prefix-list") == 0)
		return AFI_IP;
	return strcmp(r->cmd->str, "ipv6 address prefix-list") == 0 ? AFI_IP6 : AFI_MAX;
}

static void check_lists(const struct telling *t, const struct route_map_index *entry)
{
	const struct route_map_rule *r;
	char text[TEXT_STRLEN];

	for (r = entry->match_list.head; r; r = r->next) {
		afi_t afi = bgp_kubevip_plist_family(r);

		if (afi == AFI_MAX || prefix_list_lookup(afi, r->rule_str))
			continue;
		snprintf(text, sizeof(text),
			 "route-map %.128s %s %d matches by %s prefix-list %.128s, which does not "
			 "exist: define it, or name the right one",
			 entry->map->name, entry->type == RMAP_PERMIT ? "permit" : "deny",
			 entry->pref, afi == AFI_IP ? "ip" : "ipv6", r->rule_str);
		t->say(t->ctx, "route-map-prefix-list-undefined", text);
	}
}

static void check_maps(const struct telling *t)
{
	const struct route_map_index *entry;
	const struct route_map *map;

	for (map = route_map_master.head; map; map = map->next)
		for (entry = map->head; entry && !map->deleted; entry = entry->next)
			check_lists(t, entry);
}

static bool takes_host_routes(const struct prefix_list_entry *e, int host)
{
	if (e->any || e->le == host)
		return true;
	return e->le == 0 && (e->ge > 0 || e->prefix.prefixlen == host);
}

/* Does it permit something, and no host route? */
static bool permits_no_host(const struct prefix_list *l, int host)
{
	const struct prefix_list_entry *e;
	bool permits = false;

	for (e = l->head; e; e = e->next) {
		if (e->type != PREFIX_PERMIT)
			continue;
		if (takes_host_routes(e, host))
			return false;
		permits = true;
	}
	return permits;
}

/* The route-map that VIPs have to pass. */
static void check_redistribution(const struct telling *t, afi_t afi, const struct route_map *map)
{
	const int host = afi == AFI_IP ? 32 : 128;
	const struct route_map_index *entry;
	const struct route_map_rule *r;
	char text[TEXT_STRLEN];

	for (entry = map->head; entry; entry = entry->next) {
		for (r = entry->match_list.head; r; r = r->next) {
			const struct prefix_list *l;

			if (entry->type != RMAP_PERMIT || bgp_kubevip_plist_family(r) != afi)
				continue;
			l = prefix_list_lookup(afi, r->rule_str);
			if (!l || !permits_no_host(l, host))
				continue;
			snprintf(text, sizeof(text),
				 "prefix-list %.128s (route-map %.128s, `redistribute static`) "
				 "permits no host route, so no VIP: write `ge %d` behind the range",
				 r->rule_str, map->name, host);
			t->say(t->ctx, "redistribute-no-host-route", text);
		}
	}
}

/* A next hop on the network that is shared with an eBGP peer is passed on (bgp_updgrp_packet.c). */
static bool is_on_shared_network(struct peer *peer, const struct kvip_addr *next_hop)
{
	struct in6_addr a6;
	struct in_addr a4;

	if (peer->su.sa.sa_family != (next_hop->family == KVIP_IPV4 ? AF_INET : AF_INET6))
		return false;
	if (next_hop->family == KVIP_IPV4) {
		memcpy(&a4, next_hop->b, sizeof(a4));
		return bgp_multiaccess_check_v4(a4, peer);
	}
	memcpy(&a6, next_hop->b, sizeof(a6));
	return bgp_multiaccess_check_v6(a6, peer);
}

bool bgp_kubevip_tells_node(struct peer *peer, afi_t afi, const struct kvip_addr *next_hop)
{
	const uint64_t flags = peer->af_flags[afi][SAFI_UNICAST];

	if (CHECK_FLAG(flags, PEER_FLAG_NEXTHOP_SELF | PEER_FLAG_FORCE_NEXTHOP_SELF))
		return false;
	if (peer->sort != BGP_PEER_EBGP || CHECK_FLAG(flags, PEER_FLAG_NEXTHOP_UNCHANGED))
		return true;
	return next_hop && is_on_shared_network(peer, next_hop);
}

static void check_peer(const struct telling *t, struct peer *peer, afi_t afi)
{
	char text[TEXT_STRLEN];

	if (CHECK_FLAG(peer->sflags, PEER_STATUS_GROUP) || !peer->afc[afi][SAFI_UNICAST])
		return;
	if (!bgp_kubevip_tells_node(peer, afi, t->node[afi]))
		return;
	snprintf(text, sizeof(text),
		 "neighbor %.64s, %s unicast, is told a node's address as next hop: all of a VIP's "
		 "traffic goes to that node: `neighbor %.64s next-hop-self`",
		 peer->host, afi == AFI_IP ? "ipv4" : "ipv6", peer->host);
	t->say(t->ctx, "third-party-next-hop", text);
}

/* Of the first routes: the nodes of a cluster are on one network as a rule. */
static bool note_node(void *ctx, const struct kvip_route_view *v)
{
	afi_t afi = v->id.prefix.addr.family == KVIP_IPV4 ? AFI_IP : AFI_IP6;
	struct telling *t = ctx;

	if (!t->node[afi] && v->usable && v->usable->n)
		t->node[afi] = &v->usable->addrs[0];
	return !t->node[AFI_IP] || !t->node[AFI_IP6];
}

static void check_instance(const struct telling *t, const struct bgp *bgp)
{
	const struct bgp_redist *red;
	const struct listnode *node;
	struct peer *peer;

	for (afi_t afi = AFI_IP; afi <= AFI_IP6; afi++) {
		red = bgp_redist_lookup((struct bgp *)bgp, afi, ZEBRA_ROUTE_STATIC, 0);
		if (!red)
			continue;
		if (red->rmap.map)
			check_redistribution(t, afi, red->rmap.map);
		if (kvf_host_conf()->inject == KVIP_INJECT_BGP)
			continue; /* every peer is told this node itself */
		for (ALL_LIST_ELEMENTS_RO(bgp->peer, node, peer))
			check_peer(t, peer, afi);
	}
}

void bgp_kubevip_policy_check(kvf_check_say *say, void *ctx)
{
	struct telling t = { .say = say, .ctx = ctx };
	struct kvip_recon_at at = { 0 };
	const struct listnode *node;
	const struct bgp *bgp;

	if (kvf_host_recon())
		(void)kvip_recon_each_some(kvf_host_recon(), &at, LOOKS, note_node, &t);
	check_maps(&t);
	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		if (bgp_kubevip_match_concerns(bgp))
			check_instance(&t, bgp);
}
