// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a route-map that is deleted, and who in bgpd still has its address.
 *
 * Thread: T0. bgpd puts its pointers right when `bgp route-map delay-timer` is over. A deleted map
 * lives that long; but one that is entered again before takes its place, and then it is freed at
 * once: the next route that is redistributed or announced is run through freed memory, and bgpd ends
 * with SIGSEGV (seen on 8.4.4, with and without us). VIPs come and go at any time, so that is met
 * sooner or later by whoever replaces a route-map, and it would be met by us, too, when we look
 * for our lines.
 *
 * So what a VIP makes bgpd ask forgets a map with its deletion. That changes no answer: a deleted
 * map denies, and so does a name without a map. bgpd sets the pointers again as it always did.
 *
 * Sources: FRR 8.4.4, lib/routemap.c (route_map_delete(), route_map_add()), bgpd/bgp_routemap.c
 * (bgp_route_map_mark_update(), bgp_route_map_process_update()).
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip_match.h"

#include "bgpd/bgpd.h"

#include "bgpd/bgp_route.h"
#include "bgpd/bgp_table.h"

#include "linklist.h"
#include "routemap.h"

#include <string.h>

static void (*hook_of_bgpd)(const char *name);

static void forget(struct route_map **map, const char *its_name, const char *deleted)
{
	if (its_name && strcmp(its_name, deleted) == 0)
		*map = NULL;
}

static void forget_in_redistribution(struct bgp *bgp, const char *name)
{
	struct listnode *node;
	struct bgp_redist *red;

	for (afi_t afi = AFI_IP; afi < AFI_MAX; afi++)
		for (int type = 0; type < ZEBRA_ROUTE_MAX; type++) {
			if (!bgp->redist[afi][type])
				continue;
			for (ALL_LIST_ELEMENTS_RO(bgp->redist[afi][type], node, red))
				forget(&red->rmap.map, red->rmap.name, name);
		}
}

static void forget_in_peer(struct peer *peer, const char *name)
{
	afi_t afi;
	safi_t safi;

	FOREACH_AFI_SAFI(afi, safi)
	{
		struct bgp_filter *f = &peer->filter[afi][safi];

		forget(&f->map[RMAP_OUT].map, f->map[RMAP_OUT].name, name);
		forget(&f->usmap.map, f->usmap.name, name);
		forget(&peer->default_rmap[afi][safi].map, peer->default_rmap[afi][safi].name,
		       name);
	}
}

static void forget_in_aggregates(struct bgp *bgp, afi_t afi, safi_t safi, const char *name)
{
	struct bgp_dest *dest;

	for (dest = bgp_table_top(bgp->aggregate[afi][safi]); dest; dest = bgp_route_next(dest)) {
		struct bgp_aggregate *a = bgp_dest_get_bgp_aggregate_info(dest);

		if (!a)
			continue;
		forget(&a->rmap.map, a->rmap.name, name);
		forget(&a->suppress_map, a->suppress_map_name, name);
	}
}

static void forget_in(struct bgp *bgp, const char *name)
{
	struct peer_group *group;
	struct listnode *node;
	struct peer *peer;
	afi_t afi;
	safi_t safi;

	forget_in_redistribution(bgp, name);
	for (ALL_LIST_ELEMENTS_RO(bgp->peer, node, peer))
		forget_in_peer(peer, name);
	for (ALL_LIST_ELEMENTS_RO(bgp->group, node, group))
		forget_in_peer(group->conf, name);
	FOREACH_AFI_SAFI(afi, safi)
	forget_in_aggregates(bgp, afi, safi, name);
}

static void on_delete(const char *name)
{
	struct listnode *node;
	struct bgp *bgp;

	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		forget_in(bgp, name);
	hook_of_bgpd(name);
}

void bgp_kubevip_deleted_init(void)
{
	hook_of_bgpd = route_map_master.delete_hook;
	if (hook_of_bgpd)
		route_map_delete_hook(on_delete);
}
