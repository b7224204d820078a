// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the zebra sink (rules R1 and R2).
 *
 * Thread: T0. The session says hello as (static, instance 77) and sends routes as (static, instance
 * 0): they are what plain `redistribute static` takes, and zebra, which sweeps by the hello's
 * identity when a session ends, never sweeps them nor the operator's. RR_USE_DISTANCE makes the
 * distance part of a route's identity, so that an operator's static route of the same prefix is
 * neither replaced nor removed. Metric is never sent: from FRR 10.7 on it is part of the identity
 * too.
 *
 * Nothing is remembered here but the connection: the reconciler is told that the sink is up after
 * every connect and sends everything again.
 *
 * Sources: zebra/zapi_msg.c (zread_rnh_unregister), zebra/zserv.c, lib/zclient.c of FRR 8.4.4.
 */
#include "frr/kvf_zebra_priv.h"

#include "frr/kvf_addr.h"
#include "frr/kvf_clock.h"
#include "frr/kvf_zapi.h"

#include "nexthop.h"
#include "prefix.h"
#include "vrf.h"

#include <errno.h>

#define HELLO_INSTANCE 77

struct kvf_zebra kvf_zebra;

static void to_frr_prefix(const struct kvip_prefix *p, struct prefix *out)
{
	memset(out, 0, sizeof(*out));
	out->family = p->addr.family == KVIP_IPV4 ? AF_INET : AF_INET6;
	out->prefixlen = p->len;
	memcpy(&out->u.prefix, p->addr.b, p->addr.family == KVIP_IPV4 ? 4 : 16);
}

static int sent(enum zclient_send_status status)
{
	int rc = kvf_zapi_sent(status);

	if (rc > 0)
		kvf_zebra.full = true; /* taken, but the next one would pile up */
	return rc < 0 ? rc : 0;
}

/* Too large for the stack: it holds MULTIPATH_NUM next hops, twice. T0 alone uses it. */
static struct zapi_route *route_of(const struct kvip_route_id *id)
{
	static struct zapi_route api;

	memset(&api, 0, sizeof(api));
	api.type = ZEBRA_ROUTE_STATIC;
	api.safi = SAFI_UNICAST;
	api.vrf_id = id->vrf_id;
	to_frr_prefix(&id->prefix, &api.prefix);
	SET_FLAG(api.flags, ZEBRA_FLAG_RR_USE_DISTANCE);
	SET_FLAG(api.message, ZAPI_MESSAGE_DISTANCE);
	api.distance = id->distance;
	if (id->table) {
		SET_FLAG(api.message, ZAPI_MESSAGE_TABLEID);
		api.tableid = id->table;
	}
	return &api;
}

static void add_nexthop(struct zapi_route *api, const struct kvip_addr *a)
{
	struct zapi_nexthop *nh = &api->nexthops[api->nexthop_num++];

	nh->vrf_id = api->vrf_id;
	if (a->family == KVIP_IPV4) {
		nh->type = NEXTHOP_TYPE_IPV4;
		memcpy(&nh->gate.ipv4, a->b, 4);
	} else {
		nh->type = NEXTHOP_TYPE_IPV6;
		memcpy(&nh->gate.ipv6, a->b, 16);
	}
}

static int sink_announce(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable)
{
	struct zapi_route *api;

	(void)ctx;
	if (!kvf_zebra.up || kvf_zebra.full)
		return -EAGAIN;
	api = route_of(&r->id);
	SET_FLAG(api->message, ZAPI_MESSAGE_NEXTHOP | ZAPI_MESSAGE_TAG);
	if (r->resolution != KVIP_RESOLVE_CONNECTED)
		SET_FLAG(api->flags, ZEBRA_FLAG_ALLOW_RECURSION);
	api->tag = r->tag;
	for (uint32_t i = 0; i < usable->n && i < MULTIPATH_NUM; i++)
		add_nexthop(api, &usable->addrs[i]);
	return sent(zclient_route_send(ZEBRA_ROUTE_ADD, kvf_zapi_client(), api));
}

static int sink_withdraw(void *ctx, const struct kvip_route_id *id)
{
	(void)ctx;
	if (!kvf_zebra.up || kvf_zebra.full)
		return -EAGAIN;
	return sent(zclient_route_send(ZEBRA_ROUTE_DELETE, kvf_zapi_client(), route_of(id)));
}

/* zebra ignores an unregistration that has a flag set, without a word. */
static void track(const struct kvip_addr *nh, bool on, bool through_default)
{
	struct kvip_prefix host = kvip_prefix_host(nh);
	struct prefix p;

	to_frr_prefix(&host, &p);
	(void)sent(zclient_send_rnh(kvf_zapi_client(),
				    on ? ZEBRA_NEXTHOP_REGISTER : ZEBRA_NEXTHOP_UNREGISTER, &p,
				    SAFI_UNICAST, false, on && through_default, VRF_DEFAULT));
}

static void sink_track(void *ctx, const struct kvip_addr *nh, bool on)
{
	(void)ctx;
	track(nh, on, false);
}

static void sink_track_default(void *ctx, const struct kvip_addr *nh, bool on)
{
	(void)ctx;
	track(nh, true, on);
}

const struct kvip_sink_ops kvf_zebra_ops = {
	.name = "zebra",
	.announce = sink_announce,
	.withdraw = sink_withdraw,
	.track = sink_track,
	.track_default = sink_track_default,
};

/* ---- the session ---- */

static void ask_for_static_routes(afi_t afi)
{
	(void)sent(zebra_redistribute_send(ZEBRA_REDISTRIBUTE_ADD, kvf_zapi_client(), afi,
					   ZEBRA_ROUTE_STATIC, 0, VRF_DEFAULT));
}

void kvf_zebra_ask_again(void)
{
	kvf_zebra.told = false;
	track(&kvf_zebra_last_question, true, false);
	track(&kvf_zebra_last_question, false, false);
}

static void on_opened(void)
{
	kvf_zebra.up = true;
	kvf_zebra.full = false;
	kvf_addr_begin();
	ask_for_static_routes(AFI_IP);
	ask_for_static_routes(AFI_IP6);
	kvf_zebra_ask_again();
	kvip_recon_sink_up(kvf_zebra.recon, kvf_now());
}

static void on_closed(void)
{
	kvf_zebra.up = kvf_zebra.told = false;
	kvip_recon_sink_down(kvf_zebra.recon, kvf_now());
}

static void on_writable(void)
{
	kvf_zebra.full = false;
	kvip_recon_sink_writable(kvf_zebra.recon);
}

static void enter(void)
{
	kvf_zebra.host.enter(kvf_zebra.host.ctx);
}

static void leave(const char *what)
{
	if (kvip_recon_has_work(kvf_zebra.recon))
		kvf_zebra.host.work(kvf_zebra.host.ctx);
	kvf_zebra.host.leave(kvf_zebra.host.ctx, what);
}

void kvf_zebra_init(struct kvf_event_loop *loop, struct zebra_privs_t *privs,
		    const struct kvf_zebra_host *host)
{
	static const struct kvf_zapi_user user = {
		.opened = on_opened,
		.closed = on_closed,
		.message = kvf_zebra_message,
		.writable = on_writable,
		.enter = enter,
		.leave = leave,
	};

	kvf_zebra.host = *host;
	kvf_zapi_init(loop, privs, HELLO_INSTANCE, &user);
}

void kvf_zebra_start(struct kvip_recon *recon)
{
	kvf_zebra.recon = recon;
	kvf_zapi_start();
}

void kvf_zebra_stop(void)
{
	kvf_zebra.up = kvf_zebra.told = false;
	kvf_zapi_stop();
	kvf_addr_done();
}

bool kvf_zebra_connected(void)
{
	return kvf_zebra.up;
}

bool kvf_zebra_told(void)
{
	return kvf_zebra.told;
}

unsigned int kvf_zebra_width(void)
{
	return MULTIPATH_NUM;
}
