// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the engine's part of an explanation: one claim, from range to next hops.
 *
 * Thread: T0, with the engine's lock. Everything is asked of selection anew, with the very functions
 * that decide; nothing is kept for it.
 */
#include "vip/kvip_cilium.h"
#include "vip/kvip_explain_priv.h"

#include <stdio.h>

#define NODES_SHOWN 16

const char *kvip_explain_object(const struct kvip_owner *o, char buf[KVIP_EXPLAIN_OBJECT])
{
	snprintf(buf, KVIP_EXPLAIN_OBJECT, "%s %s/%s", kvip_kinds[o->e.kind].kind,
		 o->e.obj->meta.ns, o->e.obj->meta.name);
	return buf;
}

static const struct kvip_range_conf *deciding_range(const struct kvip_cluster_conf *conf,
						    const struct kvip_addr *a)
{
	const struct kvip_range_conf *best = NULL;

	for (size_t i = 0; i < conf->n_ranges; i++)
		if (kvip_prefix_contains(&conf->ranges[i].prefix, a) &&
		    (!best || conf->ranges[i].prefix.len > best->prefix.len))
			best = &conf->ranges[i];
	return best;
}

static void explain_range(struct kvip_explain_asking *q, const struct kvip_cluster *c,
			  const char *object, enum kvip_reason refused)
{
	const struct kvip_range_conf *r = deciding_range(c->conf, q->addr);
	const struct kvip_step ok = {
		.step = "range", .reason = "in-range", .cluster = c->name, .object = object
	};
	char p[KVIP_PREFIX_STRLEN];

	if (refused != KVIP_REASON_NONE) {
		kvip_explain_reason(q->x, "range", refused, c->name, object);
		if (r)
			kvip_explain_detail(q->x, "vip-range", NULL, "%s%s%s",
					    kvip_prefix_render(&r->prefix, p),
					    r->ns ? " namespace " : "", r->ns ? r->ns : "");
		return;
	}
	kvip_explain_step(q->x, &ok, "vip-range %s%s%s", kvip_prefix_render(&r->prefix, p),
			  r->ns ? " namespace " : "", r->ns ? r->ns : "");
}

/* The blocks from @from on that would have taken it too. */
static void explain_later_blocks(struct kvip_explain_asking *q, const struct kvip_cluster *c,
				 const struct kvip_owner *o, enum kvip_source source, size_t from)
{
	char why[256];

	for (size_t i = from; i < c->conf->n_advs; i++)
		if (!kvip_select_unmet(c->conf, i, o, source, why, sizeof(why)))
			kvip_explain_detail(q->x, c->conf->advs[i]->name, "later",
					    "would take it too; the first block decides");
}

static void explain_selected(struct kvip_explain_asking *q, const struct kvip_cluster *c,
			     const struct kvip_owner *o, const struct kvip_wanted *w,
			     const struct kvip_selected *s, const char *object)
{
	const struct kvip_adv_conf *adv = c->conf->advs[s->block];
	const struct kvip_step step = {
		.step = "selection", .reason = "selected", .cluster = c->name, .object = object
	};

	kvip_explain_about(q->x, c->name, adv->name);
	kvip_explain_step(q->x, &step, "advertise %s: %.200s, by the labels of the %s", adv->name,
			  kvip_selector_text(adv->service_selector),
			  s->by == KVIP_BY_GATEWAY ? "Gateway" : "Service");
	explain_later_blocks(q, c, o, (enum kvip_source)w->source, (size_t)s->block + 1);
}

static void explain_unselected(struct kvip_explain_asking *q, const struct kvip_cluster *c,
			       const struct kvip_owner *o, const struct kvip_wanted *w,
			       enum kvip_reason r, const char *object)
{
	char why[256];
	const char *word;

	kvip_explain_reason(q->x, "selection", r, c->name, object);
	for (size_t i = 0; i < c->conf->n_advs; i++) {
		word = kvip_select_unmet(c->conf, i, o, (enum kvip_source)w->source, why,
					 sizeof(why));
		if (word)
			kvip_explain_detail(q->x, c->conf->advs[i]->name, word, "%s", why);
	}
}

/* The entry of a prefix-list that decides, as FRR goes through it. */
static const struct kvip_plist_entry *deciding_entry(const struct kvip_plist *l,
						     const struct kvip_prefix *p)
{
	for (size_t i = 0; i < l->n; i++) {
		struct kvip_plist_entry entry = l->entries[i];
		struct kvip_plist alone = { .family = l->family, .entries = &entry, .n = 1 };

		entry.permit = true;
		if (kvip_plist_permits(&alone, p))
			return &l->entries[i];
	}
	return NULL;
}

/* The entry, before the one that decides (@by; NULL: the end does), that holds the VIP's address and
 * permits no host route: `ge` was forgotten. */
static const struct kvip_plist_entry *near_miss(const struct kvip_plist *l,
						const struct kvip_plist_entry *by,
						const struct kvip_prefix *p)
{
	for (size_t i = 0; i < l->n && &l->entries[i] != by; i++) {
		struct kvip_plist_entry entry = l->entries[i];
		struct kvip_plist alone = { .family = l->family, .entries = &entry, .n = 1 };

		if (entry.permit && !entry.any && kvip_prefix_contains(&entry.prefix, &p->addr) &&
		    !kvip_plist_permits(&alone, p))
			return &l->entries[i];
	}
	return NULL;
}

/* What is to be typed: the same entry with the length of a host route. */
static void plist_remedy(const char *name, const struct kvip_plist_entry *e,
			 const struct kvip_prefix *host, char *buf, size_t size)
{
	char p[KVIP_PREFIX_STRLEN];

	snprintf(buf, size, "`%s prefix-list %.128s seq %lld permit %s ge %u`",
		 host->addr.family == KVIP_IPV4 ? "ip" : "ipv6", name, (long long)e->seq,
		 kvip_prefix_render(&e->prefix, p), host->len);
}

static void explain_denied(struct kvip_explain_asking *q, const struct kvip_cluster *c,
			   const struct kvip_plist *l, const struct kvip_plist_entry *by,
			   const struct kvip_prefix *host, const char *object)
{
	const struct kvip_plist_entry *e = near_miss(l, by, host);
	const struct kvip_reason_info *why = kvip_reason_info(KVIP_REASON_PREFIX_LIST_DENIES);
	char remedy[256], p[KVIP_PREFIX_STRLEN];
	const struct kvip_step s = { .step = "prefix-list",
				     .mark = KVIP_MARK_NO,
				     .reason = why->word,
				     .remedy = remedy,
				     .cluster = c->name,
				     .object = object };

	if (!e) {
		kvip_explain_reason(q->x, "prefix-list", KVIP_REASON_PREFIX_LIST_DENIES, c->name,
				    object);
		return;
	}
	plist_remedy(c->conf->prefix_list, e, host, remedy, sizeof(remedy));
	kvip_explain_step(q->x, &s, "%s", why->text);
	kvip_explain_detail(q->x, c->conf->prefix_list, "prefix-length",
			    "seq %lld permit %s holds the address, but without `ge %u` it matches "
			    "no host route",
			    (long long)e->seq, kvip_prefix_render(&e->prefix, p), host->len);
}

static void explain_plist(struct kvip_explain_asking *q, const struct kvip_cluster *c, bool present,
			  const char *object)
{
	const struct kvip_select s = kvip_table_select(c);
	enum kvip_reason r = kvip_select_plist(&s, q->addr, present);
	const struct kvip_step ok = {
		.step = "prefix-list", .reason = "permitted", .cluster = c->name, .object = object
	};
	struct kvip_prefix host = kvip_prefix_host(q->addr);
	const struct kvip_plist_entry *e = NULL;
	const struct kvip_plist *l = NULL;
	char p[KVIP_PREFIX_STRLEN];

	if (!c->conf->prefix_list)
		return;
	if (s.facts)
		l = kvip_facts_plist(s.facts, c->conf->prefix_list, q->addr->family);
	if (l)
		e = deciding_entry(l, &host);
	if (r == KVIP_REASON_NONE)
		kvip_explain_step(q->x, &ok, "prefix-list %s permits it", c->conf->prefix_list);
	else if (l && r == KVIP_REASON_PREFIX_LIST_DENIES)
		explain_denied(q, c, l, e, &host, object);
	else
		kvip_explain_reason(q->x, "prefix-list", r, c->name, object);
	if (e)
		kvip_explain_detail(q->x, c->conf->prefix_list, e->permit ? "permit" : "deny",
				    "seq %lld %s %s", (long long)e->seq,
				    e->permit ? "permit" : "deny",
				    e->any ? "any" : kvip_prefix_render(&e->prefix, p));
	else if (l)
		kvip_explain_detail(q->x, c->conf->prefix_list, "no-entry",
				    "no entry matches %s: the end of a list denies",
				    kvip_prefix_render(&host, p));
}

static bool is_about_endpoints(enum kvip_reason r)
{
	return r == KVIP_REASON_NO_ENDPOINTS || r == KVIP_REASON_ENDPOINT_WITHOUT_NODE ||
	       r == KVIP_REASON_NO_LOCAL_NODE;
}

static void explain_endpoints(struct kvip_explain_asking *q, const struct kvip_cluster *c,
			      const struct kvip_owner *o, const struct kvip_wanted *w,
			      const struct kvip_selected *s, const char *object)
{
	const enum kvip_source source = (enum kvip_source)w->source;
	const bool local = o->e.kind == KVIP_KIND_SERVICE &&
			   kvip_select_local(&o->e.obj->service, source);
	struct kvip_step ok = {
		.step = "endpoints", .reason = "usable", .cluster = c->name, .object = object
	};

	if (o->e.kind == KVIP_KIND_GATEWAY) {
		ok.reason = "no-service";
		kvip_explain_step(q->x, &ok, "a Gateway without a Service: it has none to look at");
		return;
	}
	if (is_about_endpoints((enum kvip_reason)s->reason))
		kvip_explain_reason(q->x, "endpoints", (enum kvip_reason)s->reason, c->name,
				    object);
	else if (s->warning == KVIP_REASON_SLICE_BY_OWNER || s->held)
		kvip_explain_reason(q->x, "endpoints",
				    s->held ? KVIP_REASON_ENDPOINTS_KEPT
					    : KVIP_REASON_SLICE_BY_OWNER,
				    c->name, object);
	else
		kvip_explain_step(q->x, &ok, "%u of %u endpoints are usable", s->usable, s->total);
	kvip_explain_detail(
		q->x, "policy", local ? "Local" : "Cluster", "%s %s, %u of %u endpoints usable",
		source == KVIP_SOURCE_CLUSTER ? "internalTrafficPolicy" : "externalTrafficPolicy",
		local ? "Local" : "Cluster", s->usable, s->total);
}

static bool is_about_nodes(enum kvip_reason r)
{
	return r == KVIP_REASON_NO_NODE || r == KVIP_REASON_NODE_NO_IPV4 ||
	       r == KVIP_REASON_NODE_NO_IPV6;
}

/* The node's own reason, or that it has no address of the VIP's family. */
static enum kvip_reason why_not_through(const struct kvip_nodeset *set, size_t i,
					enum kvip_family family)
{
	enum kvip_reason r = (enum kvip_reason)set->v[i].reason;

	if (r != KVIP_REASON_SELECTED ||
	    kvip_nodeset_address(set, kvip_entry_name(&set->v[i].node->e), family))
		return r;
	return family == KVIP_IPV4 ? KVIP_REASON_NODE_NO_IPV4 : KVIP_REASON_NODE_NO_IPV6;
}

static void explain_nodes(struct kvip_explain_asking *q, const struct kvip_cluster *c,
			  const struct kvip_selected *s, const char *object)
{
	const struct kvip_nodeset *set = c->nodes ? c->nodes->sets[s->block] : NULL;
	const struct kvip_step step = {
		.step = "nodes", .reason = "eligible", .cluster = c->name, .object = object
	};

	if (!set || is_about_endpoints((enum kvip_reason)s->reason))
		return;
	if (is_about_nodes((enum kvip_reason)s->reason))
		kvip_explain_reason(q->x, "nodes", (enum kvip_reason)s->reason, c->name, object);
	else if (s->warning == KVIP_REASON_NODE_KEPT)
		kvip_explain_reason(q->x, "nodes", KVIP_REASON_NODE_KEPT, c->name, object);
	else
		kvip_explain_step(q->x, &step, "%u next hops from %zu eligible nodes of %zu",
				  s->nhs ? s->nhs->n : 0, set->n_eligible, set->n);
	for (size_t i = 0; i < set->n && i < NODES_SHOWN; i++) {
		const char *name = kvip_entry_name(&set->v[i].node->e);
		const struct kvip_reason_info *why = kvip_reason_info(
			why_not_through(set, i, q->addr->family));

		kvip_explain_detail(q->x, name, why->word, "%s", why->text);
	}
}

/* What comes after selection. */
static void explain_ways(struct kvip_explain_asking *q, struct kvip_cluster *c,
			 const struct kvip_owner *o, const struct kvip_wanted *w,
			 const struct kvip_selected *s, bool present, const char *object)
{
	explain_plist(q, c, present, object);
	if (s->reason == KVIP_REASON_PREFIX_LIST_DENIES ||
	    s->reason == KVIP_REASON_PREFIX_LIST_UNDEFINED)
		return;
	explain_endpoints(q, c, o, w, s, object);
	explain_nodes(q, c, s, object);
}

/* The allocator's side of it, where the cluster's pools are known. */
void kvip_explain_pool(struct kvip_explain_asking *q, const struct kvip_cluster *c)
{
	const struct kvip_obj *pool;

	if (!c->conf || !c->conf->from_cilium)
		return;
	pool = kvip_cilium_pool(c->cache, q->addr);
	if (pool)
		kvip_explain_detail(q->x, "pool", "in-pool", "CiliumLoadBalancerIPPool %s has it%s",
				    pool->meta.name, pool->pool.disabled ? " and is disabled" : "");
	else
		kvip_explain_detail(q->x, "pool", "in-no-pool",
				    "no CiliumLoadBalancerIPPool of cluster %s has it", c->name);
}

static const struct kvip_claim *claim_of(const struct kvip_vip *v, const struct kvip_owner *o)
{
	const struct kvip_claim *claim;

	SLIST_FOREACH(claim, &o->claims, of_owner)
		if (claim->vip == v)
			return claim;
	return NULL;
}

void kvip_explain_claim(struct kvip_explain_asking *q, struct kvip_cluster *c,
			const struct kvip_owner *o, const struct kvip_wanted *w)
{
	const struct kvip_select sel = kvip_table_select(c);
	const struct kvip_prefix host = kvip_prefix_host(&w->addr);
	const struct kvip_vip *v = kvip_vip_find(q->t, &host);
	const struct kvip_before before = kvip_claim_before(c, v, claim_of(v, o));
	enum kvip_reason refused = kvip_select_address(&sel, o->e.obj->meta.ns, &w->addr);
	struct kvip_selected s = { .block = -1 };
	char object[KVIP_EXPLAIN_OBJECT];
	const struct kvip_step named = { .step = "claim",
					 .reason = "named",
					 .cluster = c->name,
					 .object = kvip_explain_object(o, object) };

	kvip_explain_about(q->x, c->name, NULL);
	kvip_explain_step(q->x, &named, "it is named as %s address",
			  kvip_source_name((enum kvip_source)w->source));
	if (w->source == KVIP_SOURCE_LOADBALANCER)
		kvip_explain_pool(q, c);
	if (w->proxy) {
		kvip_explain_reason(q->x, "claim", KVIP_REASON_IP_MODE_PROXY, c->name, object);
		return;
	}
	explain_range(q, c, object, refused);
	if (refused != KVIP_REASON_NONE)
		return;
	if (!c->nodes) {
		kvip_explain_reason(q->x, "cluster", KVIP_REASON_NOT_SYNCHRONISED, c->name, object);
		return;
	}
	if (kvip_select_claim(&sel, o, w, &before, &s)) {
		kvip_explain_reason(q->x, "selection", KVIP_REASON_OUT_OF_MEMORY, c->name, object);
		return;
	}
	if (s.block < 0) {
		explain_unselected(q, c, o, w, (enum kvip_reason)s.reason, object);
		return;
	}
	explain_selected(q, c, o, w, &s, object);
	if (s.reason == KVIP_REASON_CLUSTER_SHUTDOWN || s.reason == KVIP_REASON_API_LOST)
		kvip_explain_reason(q->x, "cluster", (enum kvip_reason)s.reason, c->name, object);
	else
		explain_ways(q, c, o, w, &s, before.present, object);
	kvip_nhset_unref(s.nhs);
}
