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
 * Sources: zebra/zapi_msg.c, zebra/zserv.c, lib/zclient.c of FRR 8.4.4.
 */
#include "frr/kvf_zebra.h"

#include "frr/kvf_compat_zapi.h"

#include "if.h"
#include "nexthop.h"
#include "prefix.h"
#include "vrf.h"

#include <errno.h>
#include <time.h>

#define HELLO_INSTANCE 77
#define RECONNECT_MS   100

static struct {
	struct zclient *zc;
	struct kvip_recon *recon;
	struct kvf_event_loop *loop;
	struct kvf_event *t_reconnect;
	struct kvf_zebra_host host;
	bool up;
	bool full; /* zclient buffers: stop until it has written */
} zebra;

static kvip_msec now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (kvip_msec)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void to_frr_prefix(const struct kvip_prefix *p, struct prefix *out)
{
	memset(out, 0, sizeof(*out));
	out->family = p->addr.family == KVIP_IPV4 ? AF_INET : AF_INET6;
	out->prefixlen = p->len;
	memcpy(&out->u.prefix, p->addr.b, p->addr.family == KVIP_IPV4 ? 4 : 16);
}

static struct kvip_addr from_bytes(int family, const void *bytes)
{
	struct kvip_addr a = { .family = family == AF_INET ? KVIP_IPV4 : KVIP_IPV6 };

	memcpy(a.b, bytes, family == AF_INET ? 4 : 16);
	return a;
}

static struct kvip_prefix from_frr_prefix(const struct prefix *p)
{
	return (struct kvip_prefix){ .addr = from_bytes(p->family, &p->u.prefix),
				     .len = p->prefixlen };
}

static int sent(enum zclient_send_status status)
{
	if (status == ZCLIENT_SEND_BUFFERED)
		zebra.full = true; /* taken, but the next one would pile up */
	return status == ZCLIENT_SEND_FAILURE ? -EAGAIN : 0;
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
	if (!zebra.up || zebra.full)
		return -EAGAIN;
	api = route_of(&r->id);
	SET_FLAG(api->message, ZAPI_MESSAGE_NEXTHOP | ZAPI_MESSAGE_TAG);
	if (r->resolution != KVIP_RESOLVE_CONNECTED)
		SET_FLAG(api->flags, ZEBRA_FLAG_ALLOW_RECURSION);
	api->tag = r->tag;
	for (uint32_t i = 0; i < usable->n && i < MULTIPATH_NUM; i++)
		add_nexthop(api, &usable->addrs[i]);
	return sent(zclient_route_send(ZEBRA_ROUTE_ADD, zebra.zc, api));
}

static int sink_withdraw(void *ctx, const struct kvip_route_id *id)
{
	(void)ctx;
	if (!zebra.up || zebra.full)
		return -EAGAIN;
	return sent(zclient_route_send(ZEBRA_ROUTE_DELETE, zebra.zc, route_of(id)));
}

/*
 * Resolution through a default route is asked for too: what it resolves through is judged in
 * classify(), and `next-hop-resolution any` may want it.
 */
static void sink_track(void *ctx, const struct kvip_addr *nh, bool on)
{
	struct kvip_prefix host = kvip_prefix_host(nh);
	struct prefix p;

	(void)ctx;
	to_frr_prefix(&host, &p);
	(void)sent(zclient_send_rnh(zebra.zc,
				    on ? ZEBRA_NEXTHOP_REGISTER : ZEBRA_NEXTHOP_UNREGISTER, &p,
				    SAFI_UNICAST, false, true, VRF_DEFAULT));
}

const struct kvip_sink_ops kvf_zebra_ops = {
	.name = "zebra",
	.announce = sink_announce,
	.withdraw = sink_withdraw,
	.track = sink_track,
};

static void enter(void)
{
	zebra.host.enter(zebra.host.ctx);
}

static void leave(const char *what)
{
	if (kvip_recon_has_work(zebra.recon))
		zebra.host.work(zebra.host.ctx);
	zebra.host.leave(zebra.host.ctx, what);
}

/* Rules R2: through a connected route; through an IGP or a static route of the operator; through
 * anything else. */
static enum kvip_nh_state classify(const struct prefix *asked, const struct zapi_route *answer)
{
	if (answer->nexthop_num == 0)
		return KVIP_NH_UNRESOLVED;
	switch (answer->type) {
	case ZEBRA_ROUTE_CONNECT:
		return KVIP_NH_CONNECTED;
	case ZEBRA_ROUTE_STATIC: /* a host route may be one of ours */
		if (answer->prefix.prefixlen == asked->prefixlen)
			return KVIP_NH_OTHER;
		/* fallthrough */
	case ZEBRA_ROUTE_OSPF:
	case ZEBRA_ROUTE_OSPF6:
	case ZEBRA_ROUTE_ISIS:
	case ZEBRA_ROUTE_RIP:
	case ZEBRA_ROUTE_RIPNG:
	case ZEBRA_ROUTE_EIGRP:
	case ZEBRA_ROUTE_BABEL:
	case ZEBRA_ROUTE_OPENFABRIC:
		return answer->prefix.prefixlen ? KVIP_NH_IGP : KVIP_NH_OTHER;
	default:
		return KVIP_NH_OTHER;
	}
}

static void on_nexthop(vrf_id_t vrf_id, struct prefix *asked, struct zapi_route *answer)
{
	struct kvip_addr nh = from_bytes(asked->family, &asked->u.prefix);

	if (vrf_id != VRF_DEFAULT)
		return;
	enter();
	kvip_recon_nexthop(zebra.recon, &nh, classify(asked, answer), now_ms());
	leave("next-hop tracking");
}

static size_t gateways(const struct zapi_route *api, struct kvip_addr *out)
{
	size_t n = 0;

	for (unsigned int i = 0; i < api->nexthop_num; i++) {
		const struct zapi_nexthop *nh = &api->nexthops[i];

		if (nh->type == NEXTHOP_TYPE_IPV4 || nh->type == NEXTHOP_TYPE_IPV4_IFINDEX)
			out[n++] = from_bytes(AF_INET, &nh->gate.ipv4);
		else if (nh->type == NEXTHOP_TYPE_IPV6 || nh->type == NEXTHOP_TYPE_IPV6_IFINDEX)
			out[n++] = from_bytes(AF_INET6, &nh->gate.ipv6);
	}
	return n;
}

static int on_route(ZAPI_CALLBACK_ARGS)
{
	static struct zapi_route api;
	static struct kvip_addr nhs[MULTIPATH_NUM];
	struct kvip_feed_route f;

	(void)length;
	if (zapi_route_decode(zclient->ibuf, &api) < 0)
		return -1;
	if (api.type != ZEBRA_ROUTE_STATIC || api.instance != 0)
		return 0;
	f = (struct kvip_feed_route){
		.prefix = from_frr_prefix(&api.prefix),
		.vrf_id = vrf_id,
		.distance = api.distance,
		.tag = api.tag,
		.nhs = nhs,
		.n_nhs = gateways(&api, nhs),
	};
	enter();
	if (cmd == ZEBRA_REDISTRIBUTE_ROUTE_ADD)
		kvip_recon_feed_add(zebra.recon, &f, now_ms());
	else
		kvip_recon_feed_del(zebra.recon, vrf_id, &f.prefix, now_ms());
	leave("redistribution feed");
	return 0;
}

static int on_address(ZAPI_CALLBACK_ARGS)
{
	struct connected *c = zebra_interface_address_read(cmd, zclient->ibuf, vrf_id);

	(void)length;
	if (c && cmd == ZEBRA_INTERFACE_ADDRESS_DELETE)
		connected_free(&c);
	zebra.host.addresses_changed(zebra.host.ctx);
	return 0;
}

static int on_interface(struct interface *ifp)
{
	(void)ifp;
	zebra.host.addresses_changed(zebra.host.ctx);
	return 0;
}

/*
 * libfrr takes the client's own route type for one it does not want redistributed, so
 * zclient_redistribute() would skip it: the request is sent raw, on every connect.
 */
static void on_connected(struct zclient *zc)
{
	enter();
	zebra.up = true;
	zebra.full = false;
	zclient_send_reg_requests(zc, VRF_DEFAULT);
	zebra_redistribute_send(ZEBRA_REDISTRIBUTE_ADD, zc, AFI_IP, ZEBRA_ROUTE_STATIC, 0,
				VRF_DEFAULT);
	zebra_redistribute_send(ZEBRA_REDISTRIBUTE_ADD, zc, AFI_IP6, ZEBRA_ROUTE_STATIC, 0,
				VRF_DEFAULT);
	kvip_recon_sink_up(zebra.recon, now_ms());
	leave("connected to zebra");
}

static void on_writable(void)
{
	enter();
	zebra.full = false;
	kvip_recon_sink_writable(zebra.recon);
	leave("zebra writable");
}

/* libfrr tries again after 10 s, later 60 s; a VIP is not to be without its route for so long. */
static void watch_connection(struct kvf_event *t)
{
	(void)t;
	if (zebra.zc->sock < 0) {
		if (zebra.up) {
			zebra.up = false;
			kvip_recon_sink_down(zebra.recon, now_ms());
		}
		kvf_event_cancel(&zebra.zc->t_connect);
		zebra.zc->fail = 0;
		zclient_start(zebra.zc);
	}
	kvf_event_add_timer_ms(zebra.loop, watch_connection, NULL, RECONNECT_MS,
			       &zebra.t_reconnect);
}

void kvf_zebra_init(struct kvf_event_loop *loop, struct zebra_privs_t *privs,
		    const struct kvf_zebra_host *host)
{
	static const struct kvf_zapi_handlers handlers = {
		.route_add = on_route,
		.route_del = on_route,
		.address_add = on_address,
		.address_del = on_address,
		.nexthop = on_nexthop,
	};

	zebra.loop = loop;
	zebra.host = *host;
	if_zapi_callbacks(on_interface, on_interface, on_interface, on_interface);
	zebra.zc = kvf_zclient_new(loop, &handlers);
	zclient_init(zebra.zc, ZEBRA_ROUTE_STATIC, HELLO_INSTANCE, privs);
	kvf_event_cancel(&zebra.zc->t_connect); /* kvf_zebra_start() connects: before it there is
						   nobody to tell */
	zebra.zc->zebra_connected = on_connected;
	zebra.zc->zebra_buffer_write_ready = on_writable;
}

void kvf_zebra_start(struct kvip_recon *recon)
{
	zebra.recon = recon;
	watch_connection(NULL);
}

void kvf_zebra_stop(void)
{
	kvf_event_cancel(&zebra.t_reconnect);
	zebra.up = false;
	zclient_stop(zebra.zc);
	zclient_free(zebra.zc);
	zebra.zc = NULL;
}

bool kvf_zebra_connected(void)
{
	return zebra.up;
}

unsigned int kvf_zebra_width(void)
{
	return MULTIPATH_NUM;
}

static size_t count_addresses(struct vrf *vrf)
{
	struct interface *ifp;
	size_t n = 0;

	FOR_ALL_INTERFACES(vrf, ifp)
		n += listcount(ifp->connected);
	return n;
}

int kvf_zebra_addresses(struct kvip_facts *f)
{
	struct vrf *vrf = vrf_lookup_by_id(VRF_DEFAULT);
	size_t n = vrf ? count_addresses(vrf) : 0;
	struct interface *ifp;
	struct connected *c;
	struct listnode *node;

	f->own = kvip_calloc(n, sizeof(*f->own));
	f->connected = kvip_calloc(n, sizeof(*f->connected));
	if (!f->own || !f->connected)
		return -ENOMEM;
	if (!n)
		return 0;
	FOR_ALL_INTERFACES(vrf, ifp) {
		for (ALL_LIST_ELEMENTS_RO(ifp->connected, node, c)) {
			struct prefix net = *c->address;

			f->own[f->n_own++] = from_bytes(net.family, &net.u.prefix);
			apply_mask(&net);
			f->connected[f->n_connected++] = from_frr_prefix(&net);
		}
	}
	return 0;
}
