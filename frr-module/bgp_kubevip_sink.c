// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: node mode: VIPs as redistributed static routes in bgpd's table, without zebra.
 *
 * Thread: T0. A VIP is given to bgp_redistribute_add() as zebra's static routes are, in every
 * instance that says `redistribute static` in its address family: the redistribution's route-map
 * and metric apply, the tag can be matched. It is of the type blackhole, so its next hop is this
 * router towards every peer; nothing is sent to zebra or the kernel.
 *
 * bgpd keeps one redistributed path for a prefix (peer_self, BGP_ROUTE_REDISTRIBUTE), whoever gave
 * it. Ours is told from others' by what no route from zebra has: a blackhole whose kind is
 * unspecified (staticd and the kernel always say which; 8.4's zebra_read_route() puts the distance
 * there, which is never 0). Somebody else's is left alone: the operator's own wins (rules R1).
 *
 * bgpd has no hook for what happens to redistribution. `no redistribute static`, another route-map
 * and `no router bgp` withdraw our paths with zebra's, and nobody gives them back: the reconciler
 * does so each second. To be quicker than bgpd's process queue (50 ms), so that peers see no
 * withdrawal, the end of every command is watched for a change of the redistribution.
 *
 * Sources: FRR 8.4.4, bgpd/bgp_route.c bgp_redistribute_add(), _delete(), _withdraw(),
 * bgpd/bgp_zebra.c zebra_read_route(), bgp_redistribute_unreg(), lib/command.c cmd_execute().
 */
#include "frr/kvf_compat_bgp.h"

#include "frr-module/bgp_kubevip_sink.h"

#include "base/kvip_hash.h"
#include "frr/kvf_host.h"
#include "vip/kvip_reason.h"

#include "bgpd/bgp_vty.h"

#include "hook.h"

#define OURS BLACKHOLE_UNSPEC

static void to_prefix(const struct kvip_prefix *in, struct prefix *out)
{
	memset(out, 0, sizeof(*out));
	out->family = in->addr.family == KVIP_IPV4 ? AF_INET : AF_INET6;
	out->prefixlen = in->len;
	memcpy(&out->u.prefix, in->addr.b, in->addr.family == KVIP_IPV4 ? 4 : 16);
}

/* A view is a table of its own beside the default instance's, in the default VRF. */
static bool concerns(const struct bgp *bgp, uint32_t vrf_id)
{
	if (CHECK_FLAG(bgp->flags, BGP_FLAG_DELETE_IN_PROGRESS) || !bgp->peer_self)
		return false;
	if (bgp->inst_type == BGP_INSTANCE_TYPE_VIEW)
		return vrf_id == VRF_DEFAULT;
	return bgp->vrf_id == vrf_id;
}

/* The redistributed path of a prefix. */
struct slot {
	struct bgp_dest *dest; /* locked, if there is one */
	struct bgp_path_info *path;
};

static struct slot slot_get(struct bgp *bgp, const struct prefix *p)
{
	struct bgp_table *table = bgp->rib[family2afi(p->family)][SAFI_UNICAST];
	struct slot s = { .dest = bgp_node_lookup(table, p) };

	for (s.path = s.dest ? bgp_dest_get_bgp_path_info(s.dest) : NULL; s.path;
	     s.path = s.path->next)
		if (s.path->peer == bgp->peer_self && s.path->sub_type == BGP_ROUTE_REDISTRIBUTE &&
		    !CHECK_FLAG(s.path->flags, BGP_PATH_REMOVED))
			break;
	return s;
}

static void slot_done(struct slot *s)
{
	if (s->dest)
		bgp_dest_unlock_node(s->dest);
}

static bool is_ours(const struct bgp_path_info *path)
{
	return path && path->type == ZEBRA_ROUTE_STATIC && path->instance == 0 &&
	       path->attr->nh_type == NEXTHOP_TYPE_BLACKHOLE && path->attr->bh_type == OURS;
}

/*
 * Without `redistribute static` bgp_redistribute_delete() does nothing, and bgpd does not always
 * clear the table by itself: not in a view, and not after zebra was restarted
 * (bgp_redistribute_unreg() returns early where zebra was asked for nothing).
 */
static void remove_path(struct bgp *bgp, const struct prefix *p, const struct slot *s)
{
	afi_t afi = family2afi(p->family);

	if (bgp->inst_type != BGP_INSTANCE_TYPE_VIEW)
		vpn_leak_from_vrf_withdraw(bgp_get_default(), bgp, s->path);
	bgp_aggregate_decrement(bgp, p, s->path, afi, SAFI_UNICAST);
	kvf_bgp_path_delete(s->dest, s->path);
	kvf_bgp_process(bgp, s->dest, s->path, afi, SAFI_UNICAST);
}

static struct bgp_redist *redistribution(struct bgp *bgp, const struct prefix *p)
{
	return bgp_redist_lookup(bgp, family2afi(p->family), ZEBRA_ROUTE_STATIC, 0);
}

static void withdraw_from(struct bgp *bgp, struct prefix *p)
{
	struct slot s = slot_get(bgp, p);

	if (is_ours(s.path)) {
		if (redistribution(bgp, p))
			bgp_redistribute_delete(bgp, p, ZEBRA_ROUTE_STATIC, 0);
		else
			remove_path(bgp, p, &s);
	}
	slot_done(&s);
}

static bool has_ours(struct bgp *bgp, const struct prefix *p)
{
	struct slot s = slot_get(bgp, p);
	bool ours = is_ours(s.path);

	slot_done(&s);
	return ours;
}

static bool has_others(struct bgp *bgp, const struct prefix *p)
{
	struct slot s = slot_get(bgp, p);
	bool others = s.path && !is_ours(s.path);

	slot_done(&s);
	return others;
}

/* 0: it is in the table of @bgp; or an enum kvip_reason. */
static int announce_in(struct bgp *bgp, struct prefix *p, const struct kvip_route *r)
{
	if (!redistribution(bgp, p)) {
		withdraw_from(bgp, p);
		return KVIP_REASON_NOT_REDISTRIBUTED;
	}
	if (has_others(bgp, p))
		return KVIP_REASON_OPERATOR_ROUTE;
	kvf_redistribute_self(bgp, p, r->id.distance, OURS, r->tag);
	return has_ours(bgp, p) ? 0 : KVIP_REASON_POLICY_DENIES;
}

/* Several instances: one that has it is enough; else the answer that says most. */
static int better(int a, int b)
{
	static const int order[] = { 0, KVIP_REASON_OPERATOR_ROUTE, KVIP_REASON_POLICY_DENIES };

	for (size_t i = 0; i < array_size(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return KVIP_REASON_NOT_REDISTRIBUTED;
}

static int sink_announce(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable)
{
	int answer = KVIP_REASON_NOT_REDISTRIBUTED;
	struct listnode *node;
	struct prefix p;
	struct bgp *bgp;

	(void)ctx;
	(void)usable;
	to_prefix(&r->id.prefix, &p);
	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		if (concerns(bgp, r->id.vrf_id))
			answer = better(answer, announce_in(bgp, &p, r));
	return answer;
}

static int sink_withdraw(void *ctx, const struct kvip_route_id *id)
{
	struct listnode *node;
	struct prefix p;
	struct bgp *bgp;

	(void)ctx;
	to_prefix(&id->prefix, &p);
	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		if (concerns(bgp, id->vrf_id))
			withdraw_from(bgp, &p);
	return 0;
}

/*
 * `bgp route-map delay-timer` (5 s after the last line, unless changed) is how bgpd itself waits for
 * the end of an edit, of prefix-lists too; a configuration that is being loaded is another.
 */
static bool sink_settling(void *ctx)
{
	(void)ctx;
	return bm->t_rmap_update != NULL || bgp_config_inprocess();
}

static bool sink_holds(void *ctx, const struct kvip_route *r)
{
	struct listnode *node;
	struct prefix p;
	struct bgp *bgp;

	(void)ctx;
	to_prefix(&r->id.prefix, &p);
	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		if (concerns(bgp, r->id.vrf_id) && has_ours(bgp, &p))
			return true;
	return false;
}

const struct kvip_sink_ops bgp_kubevip_sink = {
	.name = "bgp",
	.announce = sink_announce,
	.withdraw = sink_withdraw,
	.settling = sink_settling,
	.holds = sink_holds,
};

/* ---- what commands change ---- */

static uint64_t mix_redistribution(uint64_t h, struct bgp *bgp, afi_t afi)
{
	const struct bgp_redist *red = bgp_redist_lookup(bgp, afi, ZEBRA_ROUTE_STATIC, 0);

	h = kvip_hash(h, &red, sizeof(red));
	if (red && red->rmap.name)
		h = kvip_hash(h, red->rmap.name, strlen(red->rmap.name) + 1);
	if (red && red->redist_metric_flag)
		h = kvip_hash(h, &red->redist_metric, sizeof(red->redist_metric));
	return h;
}

static uint64_t redistributions(void)
{
	uint64_t h = KVIP_HASH_BEGIN;
	struct listnode *node;
	struct bgp *bgp;

	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp)) {
		h = kvip_hash(h, &bgp, sizeof(bgp));
		h = mix_redistribution(h, bgp, AFI_IP);
		h = mix_redistribution(h, bgp, AFI_IP6);
	}
	return h;
}

static int on_command(struct vty *vty, const char *command)
{
	static uint64_t last;
	uint64_t now = redistributions();

	(void)vty;
	(void)command;
	if (now != last)
		kvf_host_recheck();
	last = now;
	return 0;
}

void bgp_kubevip_sink_watch(void)
{
	if (&_hook_cmd_execute_done)
		hook_register(cmd_execute_done, on_command);
}
