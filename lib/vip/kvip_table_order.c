// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: who holds a VIP: rules R3, features F13, F14, F18.
 *
 * Job: order the claims of one VIP and combine those of the holder. Thread: T1. Nothing here looks
 * at what is in force (but for maximum-vips, where present VIPs stay), so that the order of arrival
 * cannot matter.
 *
 * A cluster whose first claim has no next hop leaves the VIP to the next cluster (F18), but not to
 * a lower claim of its own: otherwise a stranger's externalIPs would take over a LoadBalancer
 * address in the moment its pods restart (CVE-2020-8554).
 *
 * What a status says is shared by all Services of a cluster that carry it, for the allocator
 * decided so; externalIPs and cluster IPs are claimed, not allocated, and go to one. A sharing
 * Service without any next hop takes no part in the intersection: withholding the others' traffic
 * would not help it.
 *
 * A restored route ranks as a LoadBalancer claim of its cluster.
 *
 * A claim that is held (no endpoint is said to be ready, but the nodes are silent) is better than
 * none and worse than any other: the order is gone down without held claims first.
 */
#include "vip/kvip_table_priv.h"

#include <errno.h>
#include <string.h>

static int cmp_u64(uint64_t a, uint64_t b)
{
	return a == b ? 0 : a < b ? -1 : 1;
}

/* Higher preference first, then by name. */
static int cluster_cmp(const struct kvip_cluster *a, const struct kvip_cluster *b)
{
	if (a == b)
		return 0;
	if (a->conf && b->conf && a->conf->preference != b->conf->preference)
		return a->conf->preference > b->conf->preference ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Oldest first; without a time last. */
static uint64_t age_key(const struct kvip_meta *m)
{
	return m->created_s > 0 ? (uint64_t)m->created_s : UINT64_MAX;
}

int kvip_claim_cmp(const struct kvip_claim *a, const struct kvip_claim *b)
{
	const struct kvip_meta *x = &a->owner->e.obj->meta, *y = &b->owner->e.obj->meta;
	int c = (int)a->source - (int)b->source;

	if (!c)
		c = cluster_cmp(a->cluster, b->cluster);
	if (!c)
		c = cmp_u64(age_key(x), age_key(y));
	if (!c)
		c = strcmp(x->uid, y->uid);
	if (!c)
		c = strcmp(x->ns, y->ns);
	if (!c)
		c = strcmp(x->name, y->name);
	return c;
}

bool kvip_claim_shares(const struct kvip_claim *a, const struct kvip_claim *b)
{
	if (a == b)
		return true;
	return a->cluster == b->cluster && a->source == b->source &&
	       (a->source == KVIP_SOURCE_LOADBALANCER || a->source == KVIP_SOURCE_GATEWAY);
}

/* Clusters that have been passed over. */
struct passed {
	const struct kvip_cluster *v[KVIP_MAX_CLUSTERS];
	size_t n;
};

static bool is_passed(const struct passed *p, const struct kvip_cluster *c)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i] == c)
			return true;
	return p->n == KVIP_MAX_CLUSTERS;
}

static bool counts(const struct kvip_claim *c)
{
	return !c->cluster->removed && kvip_reason_counts((enum kvip_reason)c->reason);
}

static struct kvip_claim *first_claim(struct kvip_vip *v, const struct passed *p)
{
	struct kvip_claim *c, *best = NULL;

	SLIST_FOREACH(c, &v->claims, of_vip)
		if (counts(c) && !is_passed(p, c->cluster) &&
		    (!best || kvip_claim_cmp(c, best) < 0))
			best = c;
	return best;
}

/* Does @c hold the VIP together with @top? One that is held takes part among its like only. */
static bool takes_part(const struct kvip_claim *c, const struct kvip_claim *top)
{
	return c->reason == KVIP_REASON_SELECTED && c->held == top->held &&
	       kvip_claim_shares(c, top);
}

/* The first claim of @top's group that has next hops. */
static struct kvip_claim *first_routable(struct kvip_vip *v, const struct kvip_claim *top,
					 bool held)
{
	struct kvip_claim *c, *best = NULL;

	SLIST_FOREACH(c, &v->claims, of_vip)
		if (c->reason == KVIP_REASON_SELECTED && c->held == held &&
		    kvip_claim_shares(c, top) && (!best || kvip_claim_cmp(c, best) < 0))
			best = c;
	return best;
}

static bool in_all(const struct kvip_vip *v, const struct kvip_claim *top,
		   const struct kvip_addr *a)
{
	const struct kvip_claim *c;

	SLIST_FOREACH(c, &v->claims, of_vip)
		if (takes_part(c, top) && !kvip_nhset_has(c->nhs, a))
			return false;
	return true;
}

static const struct kvip_nhset *intersection(struct kvip_table *t, const struct kvip_vip *v,
					     const struct kvip_claim *top)
{
	struct kvip_addr tmp[KVIP_MAX_NEXTHOPS];
	size_t n = 0;

	for (uint32_t i = 0; i < top->nhs->n; i++)
		if (in_all(v, top, &top->nhs->addrs[i]))
			tmp[n++] = top->nhs->addrs[i];
	return kvip_nhset_get(t->nhsets, tmp, n);
}

/* Takes the reference of @a. */
static const struct kvip_nhset *join(struct kvip_table *t, const struct kvip_nhset *a,
				     const struct kvip_nhset *b)
{
	struct kvip_addr tmp[2 * KVIP_MAX_NEXTHOPS];
	const struct kvip_nhset *both;

	memcpy(tmp, a->addrs, a->n * sizeof(tmp[0]));
	memcpy(tmp + a->n, b->addrs, b->n * sizeof(tmp[0]));
	both = kvip_nhset_get(t->nhsets, tmp, a->n + b->n);
	kvip_nhset_unref(a);
	return both;
}

static const struct kvip_nhset *set_union(struct kvip_table *t, const struct kvip_vip *v,
					  const struct kvip_claim *top)
{
	const struct kvip_nhset *all = kvip_nhset_ref(top->nhs);
	const struct kvip_claim *c;

	SLIST_FOREACH(c, &v->claims, of_vip)
		if (all && takes_part(c, top) && c->nhs != all)
			all = join(t, all, c->nhs);
	return all;
}

static bool all_the_same(const struct kvip_vip *v, const struct kvip_claim *top)
{
	const struct kvip_claim *c;

	SLIST_FOREACH(c, &v->claims, of_vip)
		if (takes_part(c, top) && c->nhs != top->nhs)
			return false;
	return true;
}

/* The next hops of those that hold the VIP together. */
static int combine(struct kvip_table *t, const struct kvip_vip *v, struct kvip_pick *out)
{
	const struct kvip_claim *top = out->top;

	out->reason = KVIP_REASON_SELECTED;
	out->warning = top->warning;
	if (all_the_same(v, top)) {
		out->nhs = kvip_nhset_ref(top->nhs);
		return 0;
	}
	out->nhs = intersection(t, v, top);
	if (out->nhs && out->nhs->n == 0) {
		kvip_nhset_unref(out->nhs);
		out->nhs = set_union(t, v, top);
		out->warning = KVIP_REASON_SHARED_DISJOINT;
	}
	return out->nhs ? 0 : -ENOMEM;
}

static bool has_room(const struct kvip_vip *v, const struct kvip_cluster *c)
{
	if (v->in_force && v->holder == c)
		return true;
	return c->conf->maximum_vips == 0 || c->n_in_force < c->conf->maximum_vips;
}

/* Is there a restored route that ranks before @top (may be NULL)? */
static bool restored_first(struct kvip_table *t, const struct kvip_vip *v,
			   const struct kvip_claim *top)
{
	const struct kvip_cluster *c;

	if (!v->restored || !v->in_force || !kvip_restored_allowed(t, v->restored))
		return false;
	c = kvip_restored_cluster(t, v->restored);
	if (!top)
		return true;
	if (top->source != KVIP_SOURCE_LOADBALANCER)
		return true;
	return cluster_cmp(c, top->cluster) < 0;
}

/*
 * Do two claims stand against each other? What two statuses of one cluster say was decided by one
 * allocator: a Gateway that shares the Service of other Gateways (merged Gateways) names its address
 * too. The Service holds it all the same, for it knows its endpoints.
 */
static bool is_rival(const struct kvip_claim *a, const struct kvip_claim *b)
{
	return a->cluster != b->cluster || a->source > KVIP_SOURCE_GATEWAY ||
	       b->source > KVIP_SOURCE_GATEWAY;
}

static bool others_count(const struct kvip_vip *v, const struct kvip_claim *top)
{
	const struct kvip_claim *c;

	SLIST_FOREACH(c, &v->claims, of_vip)
		if (c != top && counts(c) && (!top || is_rival(c, top)))
			return true;
	return false;
}

/* Why nobody has it: what the first claim says, of those that count, or else of all. */
static uint8_t why_nobody(struct kvip_vip *v)
{
	const struct passed none = { .n = 0 };
	const struct kvip_claim *best = first_claim(v, &none), *c;

	if (!best)
		SLIST_FOREACH(c, &v->claims, of_vip)
			if (!best || kvip_claim_cmp(c, best) < 0)
				best = c;
	return best ? best->reason : KVIP_REASON_NONE;
}

/* Go down the order until there are next hops: @out without them. Return: true if there are. */
static bool go_down(struct kvip_table *t, struct kvip_vip *v, bool held, struct kvip_pick *out)
{
	struct passed passed = { .n = 0 };
	struct kvip_claim *top, *routable;

	for (;;) {
		top = first_claim(v, &passed);
		if (restored_first(t, v, top)) {
			out->cluster = kvip_restored_cluster(t, v->restored);
			return true;
		}
		if (!top)
			return false;
		routable = first_routable(v, top, held);
		if (routable && has_room(v, top->cluster)) {
			out->cluster = top->cluster;
			out->top = routable;
			return true;
		}
		if (routable)
			out->over_limit = true;
		passed.v[passed.n++] = top->cluster;
	}
}

static void choose(struct kvip_table *t, struct kvip_vip *v, struct kvip_pick *out)
{
	*out = (struct kvip_pick){ 0 };
	if (!go_down(t, v, false, out))
		(void)go_down(t, v, true, out);
}

int kvip_vip_pick(struct kvip_table *t, struct kvip_vip *v, struct kvip_pick *out)
{
	choose(t, v, out);
	if (out->top) {
		out->conflict = others_count(v, out->top);
		return combine(t, v, out);
	}
	if (out->cluster) {
		out->reason = KVIP_REASON_RESTORED;
		out->conflict = others_count(v, NULL);
	} else {
		out->reason = out->over_limit ? KVIP_REASON_MAXIMUM_VIPS : why_nobody(v);
	}
	return 0;
}

const struct kvip_claim *kvip_vip_winner(struct kvip_table *t, struct kvip_vip *v)
{
	struct kvip_pick p;

	choose(t, v, &p);
	return p.top;
}
