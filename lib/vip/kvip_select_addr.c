// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: which addresses a cluster may claim: features F14, F15, rules R3.
 *
 * Job: default deny. An address must lie in a vip-range, the longest one that holds it must be free
 * or bound to the claim's namespace (so that `vip-range 10.1.0.0/16 namespace prod` reserves that
 * part of a wider range), and it must be none of those that are refused whatever the configuration
 * says. Thread: any; pure.
 */
#include "vip/kvip_select.h"

#include <stdlib.h>
#include <string.h>

static int addr_cmp(const void *a, const void *b)
{
	return kvip_addr_cmp(a, b);
}

bool kvip_addrset_has(const struct kvip_addrset *s, const struct kvip_addr *a)
{
	return s && s->n && bsearch(a, s->v, s->n, sizeof(*a), addr_cmp);
}

void kvip_addrset_settle(struct kvip_addrset *s)
{
	size_t n = 0;

	if (s->n == 0)
		return;
	qsort(s->v, s->n, sizeof(s->v[0]), addr_cmp);
	for (size_t i = 0; i < s->n; i++)
		if (n == 0 || !kvip_addr_equal(&s->v[n - 1], &s->v[i]))
			s->v[n++] = s->v[i];
	s->n = n;
}

bool kvip_reason_refuses(enum kvip_reason r)
{
	switch (r) {
	case KVIP_REASON_OUT_OF_RANGE:
	case KVIP_REASON_OTHER_NAMESPACE:
	case KVIP_REASON_NOT_GLOBAL:
	case KVIP_REASON_OWN_ADDRESS:
	case KVIP_REASON_NODE_ADDRESS:
	case KVIP_REASON_API_SERVER_ADDRESS:
	case KVIP_REASON_NEIGHBOUR_ADDRESS:
	case KVIP_REASON_CONNECTED_PREFIX:
	case KVIP_REASON_RESERVED:
	case KVIP_REASON_PREFIX_LIST_DENIES:
	case KVIP_REASON_PREFIX_LIST_UNDEFINED:
		return true;
	default:
		return false;
	}
}

/* Length of the longest vip-range that holds @a, or -1. */
static int longest_range(const struct kvip_cluster_conf *conf, const struct kvip_addr *a)
{
	int best = -1;

	for (size_t i = 0; i < conf->n_ranges; i++)
		if (conf->ranges[i].prefix.len > best &&
		    kvip_prefix_contains(&conf->ranges[i].prefix, a))
			best = conf->ranges[i].prefix.len;
	return best;
}

enum kvip_reason kvip_select_range(const struct kvip_cluster_conf *conf, const char *ns,
				   const struct kvip_addr *a, bool *allow_connected)
{
	int len = longest_range(conf, a);
	bool allowed = false;

	if (len < 0)
		return KVIP_REASON_OUT_OF_RANGE;
	for (size_t i = 0; i < conf->n_ranges; i++) {
		const struct kvip_range_conf *r = &conf->ranges[i];

		if (r->prefix.len != len || !kvip_prefix_contains(&r->prefix, a))
			continue;
		if (ns && r->ns && strcmp(r->ns, ns) != 0)
			continue;
		allowed = true;
		if (allow_connected)
			*allow_connected |= r->allow_connected;
	}
	return allowed ? KVIP_REASON_NONE : KVIP_REASON_OTHER_NAMESPACE;
}

static bool in_prefixes(const struct kvip_prefix *p, size_t n, const struct kvip_addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (kvip_prefix_contains(&p[i], a))
			return true;
	return false;
}

static bool is_own(const struct kvip_facts *f, const struct kvip_addr *a)
{
	for (size_t i = 0; i < f->n_own; i++)
		if (kvip_addr_equal(&f->own[i], a))
			return true;
	return false;
}

static bool is_taken(const struct kvip_select *s, const struct kvip_addr *a)
{
	for (size_t i = 0; i < s->n_taken; i++)
		if (kvip_addrset_has(s->taken[i], a))
			return true;
	return false;
}

enum kvip_reason kvip_select_address(const struct kvip_select *s, const char *ns,
				     const struct kvip_addr *a)
{
	bool allow_connected = false;
	enum kvip_reason r;

	if (kvip_addr_classify(a) != KVIP_ADDR_GLOBAL)
		return KVIP_REASON_NOT_GLOBAL;
	r = kvip_select_range(s->cluster, ns, a, &allow_connected);
	if (r != KVIP_REASON_NONE)
		return r;
	if (s->facts && is_own(s->facts, a))
		return KVIP_REASON_OWN_ADDRESS;
	if (is_taken(s, a))
		return KVIP_REASON_NODE_ADDRESS;
	if (kvip_addrset_has(s->servers, a))
		return KVIP_REASON_API_SERVER_ADDRESS;
	if (s->facts && kvip_facts_is_neighbour(s->facts, a))
		return KVIP_REASON_NEIGHBOUR_ADDRESS;
	if (in_prefixes(s->conf->reserved, s->conf->n_reserved, a))
		return KVIP_REASON_RESERVED;
	if (s->facts && !allow_connected &&
	    in_prefixes(s->facts->connected, s->facts->n_connected, a))
		return KVIP_REASON_CONNECTED_PREFIX;
	return KVIP_REASON_NONE;
}

enum kvip_reason kvip_select_plist(const struct kvip_select *s, const struct kvip_addr *a,
				   bool present)
{
	struct kvip_prefix host = kvip_prefix_host(a);
	const struct kvip_plist *l;

	if (!s->cluster->prefix_list || !s->facts)
		return KVIP_REASON_NONE;
	l = kvip_facts_plist(s->facts, s->cluster->prefix_list, a->family);
	if (!l)
		return present ? KVIP_REASON_PREFIX_LIST_HOLDS : KVIP_REASON_PREFIX_LIST_UNDEFINED;
	return kvip_plist_permits(l, &host) ? KVIP_REASON_NONE : KVIP_REASON_PREFIX_LIST_DENIES;
}
