// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what zebra says: next-hop tracking, the redistribution feed, addresses of this router.
 *
 * Thread: T0. Each message goes to the reconciler or to the table of addresses, and nowhere else:
 * libfrr's lists of interfaces and VRFs belong to the process. What cannot be decoded ends the
 * session (kvf_zapi.c).
 *
 * zebra answers requests in their order, and one for a next hop always at once: so the answer about
 * the next hop that is asked for last says that addresses and static routes have all been told.
 *
 * Sources: FRR 8.4.4 and 10.7: zebra/zapi_msg.c, zebra/zebra_rnh.c (zebra_add_rnh_client,
 * zebra_send_rnh_update), zebra/redistribute.c (zebra_redistribute_add), zebra/zserv.c
 * (zserv_process_messages).
 */
#include "frr/kvf_zebra_priv.h"

#include "frr/kvf_addr.h"
#include "frr/kvf_clock.h"
#include "frr/kvf_compat_zapi.h"

#include "nexthop.h"
#include "prefix.h"
#include "stream.h"
#include "vrf.h"

#include <errno.h>

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

/* How a next hop resolves: through which route, and has that one next hops? */
struct answer {
	struct prefix asked, route;
	uint8_t type;
	unsigned int nexthops;
};

/* Rules R2: through a connected route; through an IGP or a static route of the operator; through
 * anything else. */
static enum kvip_nh_state classify(const struct answer *a)
{
	if (a->nexthops == 0)
		return KVIP_NH_UNRESOLVED;
	switch (a->type) {
	case ZEBRA_ROUTE_CONNECT:
		return KVIP_NH_CONNECTED;
	case ZEBRA_ROUTE_STATIC: /* a host route may be one of ours */
		if (a->route.prefixlen == a->asked.prefixlen)
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
		return a->route.prefixlen ? KVIP_NH_IGP : KVIP_NH_OTHER;
	default:
		return KVIP_NH_OTHER;
	}
}

static bool get_prefix(struct stream *s, struct prefix *p)
{
	STREAM_GETW(s, p->family);
	STREAM_GETC(s, p->prefixlen);
	if ((p->family != AF_INET && p->family != AF_INET6) || p->prefixlen > 8 * prefix_blen(p))
		return false;
	STREAM_GET(&p->u.prefix, s, prefix_blen(p));
	return true;
stream_failure:
	return false;
}

/* libfrr's own decoder is not to be had from FRR 10 on; the next hops themselves do not matter. */
static bool get_answer(struct stream *s, struct answer *a)
{
	uint32_t message;

	STREAM_GETL(s, message);
	STREAM_FORWARD_GETP(s, 2); /* SAFI */
	if (!get_prefix(s, &a->asked) || !get_prefix(s, &a->route))
		return false;
	if (CHECK_FLAG(message, ZAPI_MESSAGE_SRTE))
		STREAM_FORWARD_GETP(s, 4); /* color */
	STREAM_GETC(s, a->type);
	STREAM_FORWARD_GETP(s, 7); /* instance, distance, metric */
	return kvf_zapi_get_nexthop_count(s, &a->nexthops);
stream_failure:
	return false;
}

const struct kvip_addr kvf_zebra_last_question = { .family = KVIP_IPV4, .b = { 127, 0, 0, 1 } };

static void all_told(void)
{
	kvf_zebra.told = true;
	kvf_addr_told();
	kvf_zebra.host.addresses_changed(kvf_zebra.host.ctx);
}

static int on_nexthop(vrf_id_t vrf_id, struct stream *s)
{
	struct answer a = { 0 };
	struct kvip_addr nh;

	if (!get_answer(s, &a))
		return -EBADMSG;
	if (vrf_id != VRF_DEFAULT)
		return 0;
	nh = from_bytes(a.asked.family, &a.asked.u.prefix);
	if (kvip_addr_equal(&nh, &kvf_zebra_last_question))
		all_told();
	else
		kvip_recon_nexthop(kvf_zebra.recon, &nh, classify(&a), kvf_now());
	return 0;
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

static int on_route(uint16_t command, vrf_id_t vrf_id, struct stream *s)
{
	static struct zapi_route api; /* too large for the stack */
	static struct kvip_addr nhs[MULTIPATH_NUM];
	struct kvip_feed_route f;

	if (zapi_route_decode(s, &api) < 0)
		return -EBADMSG;
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
	if (command == ZEBRA_REDISTRIBUTE_ROUTE_ADD)
		kvip_recon_feed_add(kvf_zebra.recon, &f, kvf_now());
	else
		kvip_recon_feed_del(kvf_zebra.recon, vrf_id, &f.prefix, kvf_now());
	return 0;
}

static int on_address(uint16_t command, vrf_id_t vrf_id, struct stream *s)
{
	int rc = kvf_addr_message(command, vrf_id, s);

	if (!rc && kvf_zebra.told)
		kvf_zebra.host.addresses_changed(kvf_zebra.host.ctx);
	return rc;
}

int kvf_zebra_message(uint16_t command, vrf_id_t vrf_id, struct stream *body)
{
	switch (command) {
	case ZEBRA_REDISTRIBUTE_ROUTE_ADD:
	case ZEBRA_REDISTRIBUTE_ROUTE_DEL:
		return on_route(command, vrf_id, body);
	case ZEBRA_NEXTHOP_UPDATE:
		return on_nexthop(vrf_id, body);
	case ZEBRA_INTERFACE_ADDRESS_ADD:
	case ZEBRA_INTERFACE_ADDRESS_DELETE:
	case ZEBRA_INTERFACE_DELETE:
		return on_address(command, vrf_id, body);
	default:
		return 0;
	}
}
