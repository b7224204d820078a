// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: this router's addresses in a table of our own.
 *
 * Thread: T0. libfrr's list of interfaces is not used: in bgpd it is bgpd's, and a second hand in
 * it takes an address away before bgpd has seen it go. When zebra comes back it tells every address
 * again; those that it does not tell are dropped only when it has told all (kvf_zebra.c knows), so
 * that an address of this router is at no moment taken for a stranger's.
 *
 * Sources: FRR 8.4.4, 10.3, 10.7: zebra/zapi_msg.c, zsend_interface_address() and
 * zserv_encode_interface(); lib/if.h, CONNECTED_PREFIX. An interface that leaves the VRF is deleted
 * under its old VRF (zebra/redistribute.c, zebra_interface_vrf_update_del()).
 */
#include "frr/kvf_addr.h"

#include "if.h"
#include "prefix.h"
#include "stream.h"
#include "typesafe.h"

#include <errno.h>

PREDECL_RBTREE_UNIQ(kvf_addrs);

struct own_addr {
	struct kvf_addrs_item link;
	uint32_t ifindex;
	struct prefix address; /* with its host bits */
	struct prefix network; /* that it is in, or the peer's */
	bool stale;            /* of an earlier session */
};

static int own_addr_cmp(const struct own_addr *a, const struct own_addr *b)
{
	const struct prefix *x = &a->address, *y = &b->address;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	if (x->family != y->family)
		return (int)x->family - (int)y->family;
	if (x->prefixlen != y->prefixlen)
		return (int)x->prefixlen - (int)y->prefixlen;
	return memcmp(&x->u.prefix, &y->u.prefix, prefix_blen(x)); /* prefix_cmp() masks */
}

DECLARE_RBTREE_UNIQ(kvf_addrs, struct own_addr, link, own_addr_cmp);

static struct kvf_addrs_head addrs = INIT_RBTREE_UNIQ(addrs);

static void drop(struct own_addr *a)
{
	kvf_addrs_del(&addrs, a);
	kvip_free(a);
}

void kvf_addr_begin(void)
{
	struct own_addr *a;

	frr_each(kvf_addrs, &addrs, a) a->stale = true;
}

void kvf_addr_told(void)
{
	struct own_addr *a;

	frr_each_safe(kvf_addrs, &addrs, a) if (a->stale) drop(a);
}

static void drop_interface(uint32_t ifindex)
{
	struct own_addr *a;

	frr_each_safe(kvf_addrs, &addrs, a) if (a->ifindex == ifindex) drop(a);
}

static int set(const struct own_addr *told)
{
	struct own_addr *a = kvf_addrs_find(&addrs, told);

	if (!a) {
		a = kvip_malloc(sizeof(*a));
		if (!a)
			return -ENOMEM;
		*a = *told;
		kvf_addrs_add(&addrs, a);
	}
	a->network = told->network;
	a->stale = false;
	return 0;
}

static bool get_address(struct stream *s, struct own_addr *a)
{
	struct prefix *p = &a->address;
	uint8_t flags;

	STREAM_GETL(s, a->ifindex);
	STREAM_GETC(s, flags);
	STREAM_GETC(s, p->family);
	if (p->family != AF_INET && p->family != AF_INET6)
		return false;
	STREAM_GET(&p->u.prefix, s, prefix_blen(p));
	STREAM_GETC(s, p->prefixlen);
	if (p->prefixlen > 8 * prefix_blen(p))
		return false;
	a->network = *p;
	/* without the flag it is the broadcast address, or nothing */
	if (CHECK_FLAG(flags, ZEBRA_IFA_PEER))
		STREAM_GET(&a->network.u.prefix, s, prefix_blen(p));
	apply_mask(&a->network);
	return true;
stream_failure:
	return false;
}

static bool get_ifindex(struct stream *s, uint32_t *ifindex)
{
	STREAM_FORWARD_GETP(s, INTERFACE_NAMSIZ);
	STREAM_GETL(s, *ifindex);
	return true;
stream_failure:
	return false;
}

int kvf_addr_message(uint16_t command, vrf_id_t vrf_id, struct stream *s)
{
	struct own_addr told = { 0 }, *a;

	if (vrf_id != VRF_DEFAULT)
		return 0;
	if (command == ZEBRA_INTERFACE_DELETE) {
		if (!get_ifindex(s, &told.ifindex))
			return -EBADMSG;
		drop_interface(told.ifindex);
		return 0;
	}
	if (!get_address(s, &told))
		return -EBADMSG;
	if (command == ZEBRA_INTERFACE_ADDRESS_ADD)
		return set(&told);
	a = kvf_addrs_find(&addrs, &told);
	if (a)
		drop(a);
	return 0;
}

static struct kvip_addr to_addr(const struct prefix *p)
{
	struct kvip_addr a = { .family = p->family == AF_INET ? KVIP_IPV4 : KVIP_IPV6 };

	memcpy(a.b, &p->u.prefix, prefix_blen(p));
	return a;
}

/*
 * kube-proxy in IPVS mode gives every Service address, VIPs too, to a dummy interface of this name
 * (Kubernetes v1.36, pkg/proxy/ipvs: defaultDummyDevice). On a node they would all look like this
 * router's own.
 */
#define SERVICE_ADDRESSES "kube-ipvs0"

int kvf_addr_facts(struct kvip_facts *f)
{
	uint32_t not_ours = if_nametoindex(SERVICE_ADDRESSES);
	size_t n = kvf_addrs_count(&addrs);
	struct own_addr *a;

	f->own = kvip_calloc(n, sizeof(*f->own));
	f->connected = kvip_calloc(n, sizeof(*f->connected));
	if (!f->own || !f->connected)
		return -ENOMEM;
	frr_each(kvf_addrs, &addrs, a)
	{
		if (a->ifindex == not_ours)
			continue;
		f->own[f->n_own++] = to_addr(&a->address);
		f->connected[f->n_connected++] = (struct kvip_prefix){
			.addr = to_addr(&a->network),
			.len = (uint8_t)a->network.prefixlen,
		};
	}
	return 0;
}

void kvf_addr_done(void)
{
	struct own_addr *a;

	while ((a = kvf_addrs_pop(&addrs)))
		kvip_free(a);
}
