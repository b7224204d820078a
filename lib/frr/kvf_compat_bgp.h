/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of bgpd's own functions differs between FRR's versions; for the module alone.
 *
 *   bgp_redistribute_add   8.4, 10.3: 11 arguments             10.7: two more, of SRv6
 *   bgp_process            8.4: without the path               10.x: with it
 *   a path's removal       8.4, 10.3: bgp_path_info_delete()   10.7: _mark_for_delete()
 *
 * They are plain C symbols: a module of another version would load and call them wrongly, which the
 * shim's comparison of versions prevents.
 */
#pragma once

#include "frr/kvf_compat.h"

#include "bgpd/bgpd.h"

#include "bgpd/bgp_attr.h"
#include "bgpd/bgp_mplsvpn.h"
#include "bgpd/bgp_route.h"
#include "bgpd/bgp_table.h"
#include "bgpd/bgp_zebra.h"

#ifdef HAVE_FRR_REDISTRIBUTE_SEG6
#define KVF_NO_SEG6 , 0, NULL
#else
#define KVF_NO_SEG6
#endif

#ifdef HAVE_FRR_BGP_PROCESS_PATH
#define kvf_bgp_process(bgp, dest, path, afi, safi) bgp_process(bgp, dest, path, afi, safi)
#else
#define kvf_bgp_process(bgp, dest, path, afi, safi) bgp_process(bgp, dest, afi, safi)
#endif

#ifdef HAVE_FRR_PATH_MARK_FOR_DELETE
#define kvf_bgp_path_delete bgp_path_info_mark_for_delete
#else
#define kvf_bgp_path_delete bgp_path_info_delete
#endif

/** kvf_redistribute_self - as if zebra had told a static route that leads to this router itself: a
 *  blackhole route's next hop is "self" towards every peer. */
static inline void kvf_redistribute_self(struct bgp *bgp, struct prefix *p, uint8_t distance,
					 enum blackhole_type bhtype, route_tag_t tag)
{
	static const union g_addr none;

	bgp_redistribute_add(bgp, p, &none, 0, NEXTHOP_TYPE_BLACKHOLE, distance, bhtype, 0,
			     ZEBRA_ROUTE_STATIC, 0, tag KVF_NO_SEG6);
}
