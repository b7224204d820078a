// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: facts from bgpd: whom it speaks to. An address of a neighbour is never a VIP (rules R3): the
 * session would go to the nodes.
 *
 * Thread: T0. bgpd has no hook for a neighbour that comes or goes, so they are looked at each second
 * (kvf_host.c). Configured ones count whether their session is up or not, dynamic ones while they
 * are there; an unnumbered neighbour has a link-local address, which is no VIP anyway.
 *
 * Source: FRR 8.4.4 to 10.7, bgpd/bgpd.c peer_create(): peer->host is the address as text, or the
 * interface's name. The address itself has moved to another structure in 10.x.
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip_facts.h"

#include "bgpd/bgpd.h"

static void each_of(const struct bgp *bgp, kvf_neighbour_fn *fn, void *ctx)
{
	const struct listnode *node;
	const struct peer *peer;
	struct kvip_addr a;

	for (ALL_LIST_ELEMENTS_RO(bgp->peer, node, peer))
		if (peer->host && kvip_addr_parse(peer->host, &a) == 0)
			fn(ctx, &a);
}

void bgp_kubevip_each_neighbour(kvf_neighbour_fn *fn, void *ctx)
{
	const struct listnode *node;
	const struct bgp *bgp;

	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		if (bgp->vrf_id == VRF_DEFAULT || bgp->inst_type == BGP_INSTANCE_TYPE_VIEW)
			each_of(bgp, fn, ctx);
}
