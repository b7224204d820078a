// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the engine's part of an explanation: from who names an address to who holds it.
 *
 * Thread: T0, with the engine's lock. Everything is asked of selection anew, with the very functions
 * that decide; nothing is kept for it. A VIP that is known leads to its claims at once; for an
 * address that nobody claims in a range every Service is looked at once.
 */
#include "vip/kvip_cilium.h"
#include "vip/kvip_engine_priv.h"
#include "vip/kvip_explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OBJECT_STRLEN 640
#define WAITING_SHOWN 5
#define CLAIMS_SHOWN  16

struct asking {
	struct kvip_table *t;
	struct kvip_explain *x;
	const struct kvip_addr *addr;
	size_t found;
};

static const char *object_name(const struct kvip_owner *o, char buf[OBJECT_STRLEN])
{
	snprintf(buf, OBJECT_STRLEN, "%s %s/%s", kvip_kinds[o->e.kind].kind, o->e.obj->meta.ns,
		 o->e.obj->meta.name);
	return buf;
}

/* ---- one claim ---- */

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

static void explain_range(struct asking *q, const struct kvip_cluster *c, const char *object,
			  enum kvip_reason refused)
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
static void explain_later_blocks(struct asking *q, const struct kvip_cluster *c,
				 const struct kvip_owner *o, enum kvip_source source, size_t from)
{
	char why[256];

	for (size_t i = from; i < c->conf->n_advs; i++)
		if (!kvip_select_unmet(c->conf, i, o, source, why, sizeof(why)))
			kvip_explain_detail(q->x, c->conf->advs[i]->name, "later",
					    "would take it too; the first block decides");
}

static void explain_selected(struct asking *q, const struct kvip_cluster *c,
			     const struct kvip_owner *o, const struct kvip_wanted *w,
			     const struct kvip_selected *s, const char *object)
{
	const struct kvip_adv_conf *adv = c->conf->advs[s->block];
	const struct kvip_step step = {
		.step = "selection", .reason = "selected", .cluster = c->name, .object = object
	};

	kvip_explain_step(q->x, &step, "advertise %s: %.200s, by the labels of the %s", adv->name,
			  kvip_selector_text(adv->service_selector),
			  s->by == KVIP_BY_GATEWAY ? "Gateway" : "Service");
	explain_later_blocks(q, c, o, (enum kvip_source)w->source, (size_t)s->block + 1);
}

static void explain_unselected(struct asking *q, const struct kvip_cluster *c,
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

static void explain_plist(struct asking *q, const struct kvip_cluster *c, bool present,
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

static void explain_endpoints(struct asking *q, const struct kvip_cluster *c,
			      const struct kvip_owner *o, const struct kvip_wanted *w,
			      const struct kvip_selected *s, const char *object)
{
	const enum kvip_source source = (enum kvip_source)w->source;
	const bool local = o->e.kind == KVIP_KIND_SERVICE &&
			   kvip_select_local(&o->e.obj->service, source);
	const struct kvip_step ok = {
		.step = "endpoints", .reason = "usable", .cluster = c->name, .object = object
	};

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

static void explain_nodes(struct asking *q, const struct kvip_cluster *c,
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
	for (size_t i = 0; i < set->n && i < CLAIMS_SHOWN; i++) {
		const struct kvip_reason_info *why = kvip_reason_info(
			(enum kvip_reason)set->v[i].reason);

		kvip_explain_detail(q->x, kvip_entry_name(&set->v[i].node->e), why->word, "%s",
				    why->text);
	}
}

/* What comes after selection. */
static void explain_ways(struct asking *q, struct kvip_cluster *c, const struct kvip_owner *o,
			 const struct kvip_wanted *w, const struct kvip_selected *s, bool present,
			 const char *object)
{
	explain_plist(q, c, present, object);
	if (s->reason == KVIP_REASON_PREFIX_LIST_DENIES ||
	    s->reason == KVIP_REASON_PREFIX_LIST_UNDEFINED)
		return;
	explain_endpoints(q, c, o, w, s, object);
	explain_nodes(q, c, s, object);
}

/* The allocator's side of it, where the cluster's pools are known. */
static void explain_pool(struct asking *q, const struct kvip_cluster *c)
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

static void explain_claim(struct asking *q, struct kvip_cluster *c, const struct kvip_owner *o,
			  const struct kvip_wanted *w)
{
	const struct kvip_select sel = kvip_table_select(c);
	const struct kvip_prefix host = kvip_prefix_host(&w->addr);
	const struct kvip_vip *v = kvip_vip_find(q->t, &host);
	const struct kvip_before before = kvip_claim_before(c, v, claim_of(v, o));
	const struct kvip_step named = { .step = "claim", .reason = "named", .cluster = c->name };
	enum kvip_reason refused = kvip_select_address(&sel, o->e.obj->meta.ns, &w->addr);
	struct kvip_selected s = { .block = -1 };
	char object[OBJECT_STRLEN];

	q->found++;
	kvip_explain_step(q->x, &named, "%s names it (%s)", object_name(o, object),
			  kvip_source_name((enum kvip_source)w->source));
	if (w->source == KVIP_SOURCE_LOADBALANCER)
		explain_pool(q, c);
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

/* ---- who names the address ---- */

/* Does @o name it? The strongest way it does. */
static bool find_wanted(const struct kvip_cluster *c, const struct kvip_owner *o,
			const struct kvip_addr *a, struct kvip_wanted *out)
{
	struct kvip_wanted wanted[KVIP_MAX_WANTED];
	size_t n;

	if (!o->e.present)
		return false;
	n = kvip_select_wanted(c->conf, o, wanted);
	for (size_t i = 0; i < n; i++) {
		if (!kvip_addr_equal(&wanted[i].addr, a))
			continue;
		*out = wanted[i];
		return true;
	}
	return false;
}

static void explain_claims_of(struct asking *q, const struct kvip_vip *v)
{
	const struct kvip_claim *claim;
	struct kvip_wanted w;

	SLIST_FOREACH(claim, &v->claims, of_vip)
		if (q->found < CLAIMS_SHOWN &&
		    find_wanted(claim->cluster, claim->owner, q->addr, &w))
			explain_claim(q, claim->cluster, claim->owner, &w);
}

static void look_at_kind(struct asking *q, struct kvip_cluster *c, enum kvip_kind kind)
{
	struct kvip_wanted w;
	struct kvip_entry *e;

	for (e = kvip_cache_first(c->cache, kind); e; e = kvip_cache_next(e))
		if (q->found < CLAIMS_SHOWN &&
		    find_wanted(c, (const struct kvip_owner *)e, q->addr, &w))
			explain_claim(q, c, (const struct kvip_owner *)e, &w);
}

static void look_at_everybody(struct asking *q)
{
	struct kvip_cluster *c;

	TAILQ_FOREACH(c, &q->t->clusters, of_table) {
		if (c->removed)
			continue;
		look_at_kind(q, c, KVIP_KIND_SERVICE);
		look_at_kind(q, c, KVIP_KIND_GATEWAY);
	}
}

/* ---- nobody does ---- */

/* Bits that two addresses have in common; -1: of two families. */
static int common_bits(const struct kvip_addr *a, const struct kvip_addr *b)
{
	int n = 0, bits = (int)kvip_addr_bits(a);

	if (a->family != b->family)
		return -1;
	while (n < bits && !((a->b[n / 8] ^ b->b[n / 8]) & (0x80 >> (n % 8))))
		n++;
	return n;
}

static void explain_nearest_range(struct asking *q)
{
	const struct kvip_range_conf *best = NULL;
	const struct kvip_cluster *of = NULL, *c;
	char p[KVIP_PREFIX_STRLEN];
	int best_bits = -1;

	TAILQ_FOREACH(c, &q->t->clusters, of_table) {
		for (size_t i = 0; !c->removed && i < c->conf->n_ranges; i++) {
			const struct kvip_prefix *r = &c->conf->ranges[i].prefix;
			int bits = common_bits(&r->addr, q->addr);

			if (bits > r->len)
				bits = r->len;
			if (bits <= best_bits)
				continue;
			best_bits = bits;
			best = &c->conf->ranges[i];
			of = c;
		}
	}
	if (best)
		kvip_explain_detail(q->x, "vip-range",
				    best_bits == best->prefix.len ? "inside" : "nearest",
				    "%s of cluster %s %s", kvip_prefix_render(&best->prefix, p),
				    of->name,
				    best_bits == best->prefix.len ? "holds it" : "is the nearest");
}

/* Services that should have an address and have none: one of them may be the one that is sought. */
static void explain_waiting(struct asking *q)
{
	struct kvip_cluster *c;
	struct kvip_entry *e;
	size_t n = 0;

	TAILQ_FOREACH(c, &q->t->clusters, of_table) {
		if (c->removed)
			continue;
		for (e = kvip_cache_first(c->cache, KVIP_KIND_SERVICE); e; e = kvip_cache_next(e)) {
			const struct kvip_obj *o = kvip_entry_obj(e);

			if (!o || !o->service.load_balancer || o->service.n_ingress ||
			    n++ >= WAITING_SHOWN)
				continue;
			kvip_explain_detail(q->x, "waiting", "no-address",
					    "%s: Service %s/%s is of type LoadBalancer and has no "
					    "address",
					    c->name, o->meta.ns, o->meta.name);
		}
	}
}

static void explain_nobody(struct asking *q)
{
	const struct kvip_cluster *c;
	const struct kvip_step s = {
		.step = "claim",
		.mark = KVIP_MARK_NO,
		.reason = "nobody-has-it",
		.remedy = "see that the Service or Gateway exists, and that the cluster's load "
			  "balancer has given it this address (kubectl get service,gateway -A)"
	};

	kvip_explain_step(q->x, &s, "no Service and no Gateway of a configured cluster names it");
	explain_nearest_range(q);
	TAILQ_FOREACH(c, &q->t->clusters, of_table)
		explain_pool(q, c);
	explain_waiting(q);
}

/* ---- the VIP as a whole ---- */

static void explain_clusters(struct asking *q)
{
	struct kvip_cluster *c;

	TAILQ_FOREACH(c, &q->t->clusters, of_table) {
		const struct kvip_step live = { .step = "cluster",
						.reason = "live",
						.cluster = c->name };

		if (c->removed)
			continue;
		if (!c->live)
			kvip_explain_reason(q->x, "cluster", KVIP_REASON_NOT_SYNCHRONISED, c->name,
					    NULL);
		else if (c->api_lost)
			kvip_explain_reason(q->x, "cluster", KVIP_REASON_API_LOST, c->name, NULL);
		else
			kvip_explain_step(q->x, &live, "cluster %s is synchronised", c->name);
	}
}

static void explain_holder(struct asking *q, struct kvip_vip *v)
{
	const struct kvip_claim *w = kvip_vip_winner(q->t, v);
	char object[OBJECT_STRLEN];
	struct kvip_step s = { .step = "holder",
			       .mark = v->conflict ? KVIP_MARK_WARN : KVIP_MARK_OK,
			       .reason = v->conflict ? "conflict" : "holder" };

	if (!w)
		return;
	s.cluster = w->cluster->name;
	s.object = object_name(w->owner, object);
	kvip_explain_step(q->x, &s,
			  v->conflict ? "it comes first among several claims" : "it has the VIP");
}

static void explain_decision(struct asking *q, const struct kvip_vip *v)
{
	const struct kvip_step routed = { .step = "decision",
					  .reason = "routed",
					  .cluster = v->holder ? v->holder->name : NULL };

	if (v->in_force && (v->queue == KVIP_QUEUE_PENDING || v->was_pending))
		kvip_explain_reason(q->x, "decision", KVIP_REASON_GUARD_HOLDS, routed.cluster,
				    NULL);
	else if (v->in_force && v->warning)
		kvip_explain_reason(q->x, "decision", (enum kvip_reason)v->warning, routed.cluster,
				    NULL);
	else if (v->in_force)
		kvip_explain_step(q->x, &routed, "to be routed, tag %u, distance %u, %u next hops",
				  v->tag, v->distance, v->nhs ? v->nhs->n : 0);
	else
		kvip_explain_reason(q->x, "decision", (enum kvip_reason)v->reason, NULL, NULL);
}

void kvip_explain_address(struct kvip_engine *e, const struct kvip_addr *a, struct kvip_explain *x)
{
	struct asking q = { .t = &e->table, .x = x, .addr = a };
	struct kvip_prefix host = kvip_prefix_host(a);
	struct kvip_vip *v;

	kvip_engine_lock_t0(e);
	explain_clusters(&q);
	v = kvip_vip_find(&e->table, &host);
	if (v)
		explain_claims_of(&q, v);
	if (q.found == 0)
		look_at_everybody(&q);
	if (q.found == 0)
		explain_nobody(&q);
	if (v) {
		explain_holder(&q, v);
		explain_decision(&q, v);
	}
	kvip_engine_unlock(e);
}

/* ---- a Service ---- */

static void explain_addressless(struct asking *q, const struct kvip_cluster *c,
				const struct kvip_owner *o)
{
	const struct kvip_service *s = &o->e.obj->service;
	char object[OBJECT_STRLEN];
	enum kvip_reason r = KVIP_REASON_NO_ADDRESS;

	if (!s->load_balancer)
		r = KVIP_REASON_NOT_LOAD_BALANCER;
	else if (s->hostname_ingress)
		r = KVIP_REASON_HOSTNAME_ONLY;
	kvip_explain_reason(q->x, "claim", r, c->name, object_name(o, object));
	if (s->lb_class)
		kvip_explain_detail(q->x, "class", NULL, "spec.loadBalancerClass is %s",
				    s->lb_class);
}

static const struct kvip_owner *find_service(struct kvip_cluster *c, const char *ns,
					     const char *name)
{
	struct kvip_entry *e;

	if (!kvip_cache_find(c->cache, KVIP_KIND_SERVICE, ns, name))
		return NULL;
	for (e = kvip_cache_first(c->cache, KVIP_KIND_SERVICE); e; e = kvip_cache_next(e))
		if (e->present && strcmp(kvip_entry_ns(e), ns) == 0 &&
		    strcmp(kvip_entry_name(e), name) == 0)
			return (const struct kvip_owner *)e;
	return NULL;
}

static bool is_listed(const struct kvip_addr *v, int n, const struct kvip_addr *a)
{
	for (int i = 0; i < n; i++)
		if (kvip_addr_equal(&v[i], a))
			return true;
	return false;
}

int kvip_explain_service(struct kvip_engine *e, const char *ns, const char *name,
			 struct kvip_explain *x, struct kvip_addr *out, size_t max)
{
	struct asking q = { .t = &e->table, .x = x };
	struct kvip_wanted wanted[KVIP_MAX_WANTED];
	struct kvip_cluster *c;
	bool known = false;
	int n_out = 0;

	kvip_engine_lock_t0(e);
	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		const struct kvip_owner *o = c->removed ? NULL : find_service(c, ns, name);
		size_t n = o ? kvip_select_wanted(c->conf, o, wanted) : 0;

		known |= o != NULL;
		if (o && n == 0)
			explain_addressless(&q, c, o);
		for (size_t i = 0; i < n && (size_t)n_out < max; i++)
			if (!is_listed(out, n_out, &wanted[i].addr))
				out[n_out++] = wanted[i].addr;
	}
	kvip_engine_unlock(e);
	return known ? n_out : -ENOENT;
}
