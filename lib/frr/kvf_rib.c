// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: look-ups in the kernel's routing table.
 *
 * RTM_GETROUTE finds what a packet would take, so a covering route too: RTM_F_FIB_MATCH makes the
 * answer the table's entry, whose length is compared. Routes by next-hop objects carry their next
 * hops as well, unless net.ipv4.nexthop_compat_mode is off: then there is a route without them.
 *
 * Source: rtnetlink(7), linux/rtnetlink.h; RTM_F_FIB_MATCH since Linux 4.13.
 */
#include <zebra.h>

#include "frr/kvf_rib.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MS 200

/* Routes of FRR's daemons, as zebra marks them (zebra/rt_netlink.c); the kernel's header names some. */
static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {
	{ 2, "kernel" },  { 3, "boot" },    { 4, "static" },  { 11, "zebra" },
	{ 186, "bgp" },   { 187, "isis" },  { 188, "ospf" },  { 189, "rip" },
	{ 190, "ripng" }, { 192, "eigrp" }, { 194, "sharp" }, { KVF_RIB_STATIC, "static" },
};

const char *kvf_rib_protocol(uint8_t protocol, char buf[8])
{
	for (size_t i = 0; i < array_size(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(buf, 8, "%u", protocol);
	return buf;
}

int kvf_rib_open(struct kvf_rib *r)
{
	const struct timeval limit = { .tv_usec = ANSWER_MS * 1000 };

	r->sequence = 0;
	r->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (r->fd < 0)
		return -errno;
	(void)setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return 0;
}

void kvf_rib_close(struct kvf_rib *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

struct question {
	struct nlmsghdr head;
	struct rtmsg route;
	struct rtattr attribute;
	uint8_t addr[16];
};

static int ask(struct kvf_rib *r, const struct kvip_prefix *p)
{
	const bool v4 = p->addr.family == KVIP_IPV4;
	const unsigned int bytes = v4 ? 4 : 16;
	struct question q;

	memset(&q, 0, sizeof(q));
	q.head.nlmsg_type = RTM_GETROUTE;
	q.head.nlmsg_flags = NLM_F_REQUEST;
	q.head.nlmsg_seq = ++r->sequence;
	q.head.nlmsg_len = NLMSG_LENGTH(sizeof(q.route)) + RTA_LENGTH(bytes);
	q.route.rtm_family = v4 ? AF_INET : AF_INET6;
	q.route.rtm_dst_len = p->len;
	q.route.rtm_flags = RTM_F_FIB_MATCH;
	q.attribute.rta_type = RTA_DST;
	q.attribute.rta_len = (unsigned short)RTA_LENGTH(bytes);
	memcpy(q.addr, p->addr.b, bytes);
	return send(r->fd, &q, q.head.nlmsg_len, 0) == (ssize_t)q.head.nlmsg_len ? 0 : -errno;
}

static void add_gateway(struct kvf_rib_route *out, int family, const struct rtattr *a)
{
	const size_t bytes = family == AF_INET ? 4 : 16;
	struct kvip_addr *to = &out->nhs[out->n];

	if (out->n == KVIP_MAX_NEXTHOPS || RTA_PAYLOAD(a) < bytes)
		return;
	memset(to, 0, sizeof(*to));
	to->family = family == AF_INET ? KVIP_IPV4 : KVIP_IPV6;
	memcpy(to->b, RTA_DATA(a), bytes);
	out->n++;
}

static void add_multipath(struct kvf_rib_route *out, int family, struct rtattr *a)
{
	struct rtnexthop *nh = RTA_DATA(a);
	int left = (int)RTA_PAYLOAD(a);

	for (; RTNH_OK(nh, left); left -= NLMSG_ALIGN(nh->rtnh_len), nh = RTNH_NEXT(nh)) {
		struct rtattr *sub = RTNH_DATA(nh);
		int sub_left = nh->rtnh_len - (int)RTNH_LENGTH(0);

		for (; RTA_OK(sub, sub_left); sub = RTA_NEXT(sub, sub_left))
			if (sub->rta_type == RTA_GATEWAY)
				add_gateway(out, family, sub);
	}
}

static int order(const void *a, const void *b)
{
	return kvip_addr_cmp(a, b);
}

static int read_route(struct nlmsghdr *head, const struct kvip_prefix *p, struct kvf_rib_route *out)
{
	struct rtmsg *route = NLMSG_DATA(head);
	int left = (int)RTM_PAYLOAD(head);
	struct rtattr *a = RTM_RTA(route);

	if (route->rtm_dst_len != p->len)
		return 0;
	out->protocol = route->rtm_protocol;
	out->n = 0;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_GATEWAY)
			add_gateway(out, route->rtm_family, a);
		if (a->rta_type == RTA_MULTIPATH)
			add_multipath(out, route->rtm_family, a);
	}
	qsort(out->nhs, out->n, sizeof(out->nhs[0]), order);
	return 1;
}

int kvf_rib_find(struct kvf_rib *r, const struct kvip_prefix *p, struct kvf_rib_route *out)
{
	union {
		struct nlmsghdr head;
		char bytes[16384];
	} answer;
	ssize_t n;
	int rc = ask(r, p);

	if (rc)
		return rc;
	n = recv(r->fd, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(&answer.head, (size_t)n) || answer.head.nlmsg_seq != r->sequence)
		return -EIO;
	if (answer.head.nlmsg_type == NLMSG_ERROR)
		return 0; /* nothing at all leads there */
	return answer.head.nlmsg_type == RTM_NEWROUTE ? read_route(&answer.head, p, out) : -EIO;
}

bool kvf_rib_agrees(const struct kvf_rib_route *route, const struct kvip_route_view *v)
{
	if (!v->want || v->want->resolution != KVIP_RESOLVE_CONNECTED || !v->installed)
		return true;
	for (size_t i = 0; i < route->n; i++)
		if (!kvip_nhset_has(v->installed, &route->nhs[i]))
			return false;
	return route->n == v->installed->n;
}
