// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: is the route in the kernel? Asked by netlink, one request and one answer.
 *
 * Thread: T0, only when somebody asks. The kernel's own look-up (RTM_GETROUTE) would also find a
 * covering route, so RTM_F_FIB_MATCH is set and the length of what it found is compared.
 *
 * Source: rtnetlink(7); RTM_F_FIB_MATCH since Linux 4.13.
 */
#include <zebra.h>

#include "frr/kvf_explain.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_MS 200

static void (*explain_bgp)(const struct kvip_prefix *p, struct kvip_explain *x);

void kvf_explain_set_bgp(void (*fn)(const struct kvip_prefix *p, struct kvip_explain *x))
{
	explain_bgp = fn;
}

struct question {
	struct nlmsghdr head;
	struct rtmsg route;
	struct rtattr attribute;
	uint8_t addr[16];
};

static void make_question(const struct kvip_prefix *p, struct question *q)
{
	const bool v4 = p->addr.family == KVIP_IPV4;
	const unsigned int bytes = v4 ? 4 : 16;

	memset(q, 0, sizeof(*q));
	q->head.nlmsg_type = RTM_GETROUTE;
	q->head.nlmsg_flags = NLM_F_REQUEST;
	q->head.nlmsg_len = NLMSG_LENGTH(sizeof(q->route)) + RTA_LENGTH(bytes);
	q->route.rtm_family = v4 ? AF_INET : AF_INET6;
	q->route.rtm_dst_len = p->len;
	q->route.rtm_flags = RTM_F_FIB_MATCH;
	q->attribute.rta_type = RTA_DST;
	q->attribute.rta_len = (unsigned short)RTA_LENGTH(bytes);
	memcpy(q->addr, p->addr.b, bytes);
}

static void set_deadline(int fd)
{
	const struct timeval limit = { .tv_usec = ANSWER_MS * 1000 };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

/* Return: 1 a route of exactly this length, 0 none, negative: the kernel was not understood. */
static int ask_kernel(const struct kvip_prefix *p)
{
	union {
		struct nlmsghdr head;
		char bytes[8192];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct question q;
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	make_question(p, &q);
	set_deadline(fd);
	if (send(fd, &q, q.head.nlmsg_len, 0) == (ssize_t)q.head.nlmsg_len)
		n = recv(fd, &answer, sizeof(answer), 0);
	close(fd);
	if (n < (ssize_t)sizeof(answer.head) || !NLMSG_OK(&answer.head, (size_t)n))
		return -EIO;
	if (answer.head.nlmsg_type == NLMSG_ERROR)
		return 0; /* nothing at all leads there */
	if (answer.head.nlmsg_type != RTM_NEWROUTE)
		return -EIO;
	return ((const struct rtmsg *)NLMSG_DATA(&answer.head))->rtm_dst_len == p->len;
}

static void explain_kernel(const struct kvip_prefix *p, struct kvip_explain *x)
{
	struct kvip_step s = { .step = "kernel", .reason = "present" };
	int rc = ask_kernel(p);

	if (rc > 0) {
		kvip_explain_step(x, &s, "the kernel has the route");
		return;
	}
	/* what was refused earlier on the way is rightly not there */
	s.mark = rc < 0 ? KVIP_MARK_UNKNOWN : x->diagnosed ? KVIP_MARK_NOTE : KVIP_MARK_NO;
	s.reason = rc < 0 ? "unknown" : "absent";
	if (rc < 0)
		kvip_explain_step(x, &s, "the kernel did not answer: %s", strerror(-rc));
	else
		kvip_explain_step(x, &s, "the kernel has no route of exactly this prefix");
}

static void explain_elsewhere(struct kvip_explain *x)
{
	const struct kvip_step s = { .step = "bgp",
				     .mark = KVIP_MARK_UNKNOWN,
				     .reason = "another-process",
				     .remedy = "ask bgpd: `show bgp ipv4 unicast PREFIX`, `show "
					       "route-map`, `show ip prefix-list`" };

	kvip_explain_step(x, &s, "what bgpd makes of it is not known here");
}

void kvf_explain_more(void *ctx, const struct kvip_prefix *p, struct kvip_explain *x)
{
	(void)ctx;
	explain_kernel(p, x);
	if (explain_bgp)
		explain_bgp(p, x);
	else
		explain_elsewhere(x);
}
