// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: when what a VIP answers to route-maps has changed, bgpd runs its route through them again.
 *
 * Thread: T0. bgpd asks its route-maps in two places, at different times:
 *
 *   redistribution   when zebra tells it of the route, and then only. So our route is sent to zebra
 *                    once more as it is: zebra tells everybody who redistributes static routes,
 *                    and bgpd changes, adds or removes this one path, without a withdrawal in
 *                    between (bgp_redistribute_add(), FRR 8.4.4). The kernel replaces its route by
 *                    an equal one; but an IPv6 route zebra deletes and adds (without
 *                    --v6-rr-semantics). So for IPv6, for many at once, and when it is not ours to
 *                    send (another process injects, another's route stands there), bgpd is made to
 *                    ask zebra for all static routes, as it does itself when a route-map is edited.
 *   announcement     to peers (neighbor ... route-map out, unsuppress-map): when the prefix is
 *                    processed in bgpd's table. It is processed again as `clear bgp ipv4 prefix P`
 *                    would do.
 *
 * Prefixes are collected for a moment, so that a Service that changes often costs no more than ten
 * times a second, and taken in slices. While a route-map is being edited nothing is done: bgpd, too,
 * waits for `bgp route-map delay-timer` after the last line.
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip_match.h"

#include "bgpd/bgp_route.h"
#include "bgpd/bgp_table.h"
#include "bgpd/bgp_zebra.h"
#include "bgpd/bgpd.h"

#include "frr/kvf_host.h"

#include "linklist.h"

#define COALESCE_MS 100
#define SLICE       64
/* A route sent again costs zebra and bgpd about 60 us together, a route of a walk about 15 us
 * (10,000 VIPs, FRR 8.4.4): a walk is cheaper from a quarter of all on. */
#define MANY      256
#define MANY_PART 4
/* Walks are not made more often than this, and less often the longer they take: what they cost
 * stays below some 15 % of a processor, however often labels change. */
#define WALK_EACH_MS       2000
#define WALK_ROUTES_PER_MS 10

static const afi_t afis[] = { AFI_IP, AFI_IP6 };

static struct {
	struct kvf_event_loop *loop;
	struct kvf_event *timer;
	kvip_msec edited_ms; /* when a line of ours came or went; 0: never */
	kvip_msec walked_ms[AFI_MAX];
	bool walk[AFI_MAX]; /* to be made */
} review;

/* ---- what bgpd asks where ---- */

static bool redistribution_asks(const struct bgp *bgp, afi_t afi, struct bgp_kubevip_looks *looks)
{
	struct listnode *node;
	struct bgp_redist *red;

	if (!bgp->redist[afi][ZEBRA_ROUTE_STATIC])
		return false;
	for (ALL_LIST_ELEMENTS_RO(bgp->redist[afi][ZEBRA_ROUTE_STATIC], node, red))
		if (bgp_kubevip_match_asks(red->rmap.map, looks))
			return true;
	return false;
}

static bool peer_asks(const struct peer *peer, afi_t afi, struct bgp_kubevip_looks *looks)
{
	for (safi_t safi = SAFI_UNICAST; safi < SAFI_MAX; safi++) {
		const struct bgp_filter *f = &peer->filter[afi][safi];

		if (bgp_kubevip_match_asks(f->map[RMAP_OUT].map, looks) ||
		    bgp_kubevip_match_asks(f->usmap.map, looks))
			return true;
	}
	return false;
}

static bool peers_ask(const struct bgp *bgp, afi_t afi, struct bgp_kubevip_looks *looks)
{
	struct listnode *node;
	struct peer *peer;

	for (ALL_LIST_ELEMENTS_RO(bgp->peer, node, peer))
		if (peer_asks(peer, afi, looks))
			return true;
	return false;
}

/* What is asked anywhere in bgpd. Kept for a slice alone: instances and route-maps come and go. */
struct asked {
	bool redistribution[AFI_MAX];
	bool announcement[AFI_MAX];
};

static void find_asked(struct asked *out)
{
	struct bgp_kubevip_looks looks = { .left = BGP_KUBEVIP_LOOKS };
	struct listnode *node;
	struct bgp *bgp;

	*out = (struct asked){ 0 };
	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp)) {
		if (!bgp_kubevip_match_concerns(bgp))
			continue;
		for (size_t i = 0; i < array_size(afis); i++) {
			afi_t afi = afis[i];

			out->redistribution[afi] |= redistribution_asks(bgp, afi, &looks);
			out->announcement[afi] |= peers_ask(bgp, afi, &looks);
		}
	}
}

/* ---- again ---- */

static void to_prefix(const struct kvip_prefix *from, struct prefix *out)
{
	bool v4 = from->addr.family == KVIP_IPV4;

	memset(out, 0, sizeof(*out));
	out->family = v4 ? AF_INET : AF_INET6;
	out->prefixlen = from->len;
	memcpy(&out->u.prefix, from->addr.b, v4 ? 4 : 16);
}

static void announce_again_in(struct bgp *bgp, afi_t afi, const struct prefix *p)
{
	struct bgp_dest *dest = bgp_node_lookup(bgp->rib[afi][SAFI_UNICAST], p);

	if (!dest)
		return;
	SET_FLAG(dest->flags, BGP_NODE_USER_CLEAR);
	bgp_process(bgp, dest, afi, SAFI_UNICAST);
	bgp_dest_unlock_node(dest);
}

static void announce_again(afi_t afi, const struct kvip_prefix *vip)
{
	struct listnode *node;
	struct prefix p;
	struct bgp *bgp;

	to_prefix(vip, &p);
	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		if (bgp_kubevip_match_concerns(bgp))
			announce_again_in(bgp, afi, &p);
}

/* Can the one route be made to come to bgpd again, at no cost to traffic? */
static bool send_again(uint32_t vrf_id, const struct kvip_prefix *vip)
{
	bool in_process = kvf_host_conf()->inject == KVIP_INJECT_BGP;

	return (in_process || vip->addr.family == KVIP_IPV4) && kvf_host_resend(vrf_id, vip);
}

static void review_one(const struct asked *asked, uint32_t vrf_id, const struct kvip_prefix *vip)
{
	afi_t afi = vip->addr.family == KVIP_IPV4 ? AFI_IP : AFI_IP6;

	if (asked->redistribution[afi] && !review.walk[afi] && !send_again(vrf_id, vip))
		review.walk[afi] = true;
	if (asked->announcement[afi])
		announce_again(afi, vip);
}

static bool are_many(const struct kvip_recon *recon)
{
	size_t n = kvip_recon_marked(recon);

	return n > MANY && n > kvip_recon_size(recon) / MANY_PART;
}

static kvip_msec walk_due(afi_t afi)
{
	kvip_msec each = WALK_EACH_MS;

	if (!review.walked_ms[afi])
		return 0;
	each += (kvip_msec)kvip_recon_size(kvf_host_recon()) / WALK_ROUTES_PER_MS;
	return review.walked_ms[afi] + each;
}

static void walk(afi_t afi)
{
	struct bgp_kubevip_looks looks = { .left = BGP_KUBEVIP_LOOKS };
	struct listnode *node;
	struct bgp *bgp;

	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		if (bgp_kubevip_match_concerns(bgp) && redistribution_asks(bgp, afi, &looks))
			bgp_redistribute_resend(bgp, afi, ZEBRA_ROUTE_STATIC, 0);
}

/* Return: when the next one is due; 0: none is wanted. */
static kvip_msec make_walks(kvip_msec now)
{
	kvip_msec next = 0;

	for (size_t i = 0; i < array_size(afis); i++) {
		afi_t afi = afis[i];
		kvip_msec due = walk_due(afi);

		if (!review.walk[afi])
			continue;
		if (now < due) {
			next = next ? MIN(next, due) : due;
			continue;
		}
		walk(afi);
		review.walk[afi] = false;
		review.walked_ms[afi] = now;
	}
	return next;
}

static kvip_msec edited_until(void)
{
	return review.edited_ms ? review.edited_ms + 1000 * (kvip_msec)bm->rmap_update_timer : 0;
}

static void schedule(kvip_msec in_ms);

/* Return: prefixes are left. */
static bool run_slice(struct kvip_recon *recon)
{
	struct kvip_prefix vip;
	struct asked asked;
	uint32_t vrf_id;

	find_asked(&asked);
	if (are_many(recon))
		review.walk[AFI_IP] = review.walk[AFI_IP6] = true;
	for (int i = 0; i < SLICE && kvip_recon_take_marked(recon, &vrf_id, &vip); i++)
		review_one(&asked, vrf_id, &vip);
	return kvip_recon_marked(recon) > 0;
}

static void run(struct kvf_event *t)
{
	kvip_msec now = kvf_host_now(), next = 0;
	bool more;

	(void)t;
	if (now < edited_until()) {
		schedule(edited_until() - now);
		return;
	}
	kvf_host_enter();
	more = run_slice(kvf_host_recon());
	if (!more)
		next = make_walks(now);
	kvf_host_leave("route-maps again");
	if (more)
		schedule(0);
	else if (next)
		schedule(next - now);
}

static void schedule(kvip_msec in_ms)
{
	kvf_event_add_timer_ms(review.loop, run, NULL, (long)in_ms, &review.timer);
}

void bgp_kubevip_review_marked(void *ctx)
{
	(void)ctx;
	kvf_event_cancel(&review.timer); /* it may be set for the next walk */
	schedule(COALESCE_MS);
}

void bgp_kubevip_review_edited(void)
{
	review.edited_ms = kvf_host_now();
	if (kvip_matches_changed(kvf_host_matches()))
		kvf_host_matches_changed();
}

void bgp_kubevip_review_init(struct kvf_event_loop *loop)
{
	review.loop = loop;
}

void bgp_kubevip_review_stop(void)
{
	kvf_event_cancel(&review.timer);
}
