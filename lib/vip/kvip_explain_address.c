// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the engine's part of an explanation: who names an address and who holds it; what a Service
 * lacks before it has one.
 *
 * Thread: T0, with the engine's lock. A VIP that is known leads to its claims at once; for an
 * address that nobody claims in a range every Service is looked at, once or twice.
 */
#include "vip/kvip_explain_priv.h"
#include "vip/kvip_show_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WAITING_SHOWN 5
#define CLAIMS_SHOWN  16
#define ANY_SOURCE    (-1)

/* ---- who names the address ---- */

static bool is_asked(const struct kvip_explain_asking *q, const struct kvip_owner *o)
{
	return !q->of ||
	       (o->e.kind == KVIP_KIND_SERVICE && strcmp(kvip_entry_ns(&o->e), q->of->ns) == 0 &&
		strcmp(kvip_entry_name(&o->e), q->of->name) == 0);
}

/* Does @o name it? As it does from @source; ANY_SOURCE: the strongest way. */
static bool find_wanted(const struct kvip_cluster *c, const struct kvip_owner *o,
			const struct kvip_addr *a, int source, struct kvip_wanted *out)
{
	struct kvip_wanted wanted[KVIP_MAX_WANTED];
	size_t n;

	if (!o->e.present)
		return false;
	n = kvip_select_wanted(c->conf, o, wanted);
	for (size_t i = 0; i < n; i++) {
		if (!kvip_addr_equal(&wanted[i].addr, a) ||
		    (source != ANY_SOURCE && wanted[i].source != source))
			continue;
		*out = wanted[i];
		return true;
	}
	return false;
}

/* The claim that is shown after @last; NULL: the first one. */
static const struct kvip_claim *next_claim(const struct kvip_vip *v,
					   const struct kvip_claim *winner,
					   const struct kvip_claim *last)
{
	const struct kvip_claim *c, *best = NULL;

	SLIST_FOREACH(c, &v->claims, of_vip)
		if ((!last || kvip_claim_shown_cmp(last, c, winner) < 0) &&
		    (!best || kvip_claim_shown_cmp(c, best, winner) < 0))
			best = c;
	return best;
}

/* Nothing is wrong with @c, but that @winner comes before it. */
static void explain_lost(struct kvip_explain_asking *q, const struct kvip_claim *c,
			 const struct kvip_claim *winner)
{
	const struct kvip_reason_info *why = kvip_reason_info(KVIP_REASON_HELD_BY_OTHER);
	char object[KVIP_EXPLAIN_OBJECT], other[KVIP_EXPLAIN_OBJECT];
	const struct kvip_step s = { .step = "holder",
				     .mark = KVIP_MARK_NO,
				     .reason = why->word,
				     .remedy = why->remedy,
				     .cluster = c->cluster->name,
				     .object = kvip_explain_object(c->owner, object) };

	if (winner && c->reason == KVIP_REASON_SELECTED && !kvip_claim_shares(c, winner))
		kvip_explain_step(q->x, &s, "%s: %s, %.400s", why->text, winner->cluster->name,
				  kvip_explain_object(winner->owner, other));
}

/*
 * The first is the one that holds the VIP, or would: what is wrong with it is what is wrong with the
 * VIP. What others lack is not.
 */
static void explain_claims_of(struct kvip_explain_asking *q, struct kvip_vip *v)
{
	const struct kvip_claim *winner = kvip_vip_winner(q->t, v), *c;
	struct kvip_wanted w;

	for (c = next_claim(v, winner, NULL); c && q->found < CLAIMS_SHOWN;
	     c = next_claim(v, winner, c)) {
		if (!is_asked(q, c->owner) ||
		    !find_wanted(c->cluster, c->owner, q->addr, c->source, &w))
			continue;
		q->x->aside = q->found++ > 0;
		kvip_explain_claim(q, c->cluster, c->owner, &w);
		explain_lost(q, c, winner);
	}
	q->x->aside = false;
}

static void look_at_kind(struct kvip_explain_asking *q, struct kvip_cluster *c, enum kvip_kind kind,
			 bool say)
{
	const struct kvip_owner *o;
	struct kvip_wanted w;
	struct kvip_entry *e;

	for (e = kvip_cache_first(c->cache, kind); e; e = kvip_cache_next(e)) {
		o = (const struct kvip_owner *)e;
		if (q->found >= CLAIMS_SHOWN || !is_asked(q, o) ||
		    !find_wanted(c, o, q->addr, ANY_SOURCE, &w))
			continue;
		q->found++;
		if (say)
			kvip_explain_claim(q, c, o, &w);
	}
}

/* Those for whom it is no claim: it lies in none of their ranges. Return: how many there are. */
static size_t look_at_everybody(struct kvip_explain_asking *q, bool say)
{
	struct kvip_cluster *c;

	q->found = 0;
	TAILQ_FOREACH(c, &q->t->clusters, of_table) {
		if (c->removed)
			continue;
		look_at_kind(q, c, KVIP_KIND_SERVICE, say);
		look_at_kind(q, c, KVIP_KIND_GATEWAY, say);
	}
	return q->found;
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

static void explain_nearest_range(struct kvip_explain_asking *q)
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
static void explain_waiting(struct kvip_explain_asking *q)
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

static void explain_nobody(struct kvip_explain_asking *q)
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
		kvip_explain_pool(q, c);
	explain_waiting(q);
}

/* ---- the VIP as a whole ---- */

static void unheard(struct kvip_explain_asking *q, const struct kvip_cluster_view *v,
		    const char *reason, enum kvip_mark mark, const char *text)
{
	const char *error = kvip_show_cluster_error(v);
	char remedy[120];
	const struct kvip_step s = { .step = "cluster",
				     .mark = mark,
				     .reason = reason,
				     .remedy = remedy,
				     .cluster = v->name };

	snprintf(remedy, sizeof(remedy), "see `show kubevip cluster %.64s`", v->name);
	kvip_explain_step(q->x, &s, "cluster %s %s%s%.300s", v->name, text, error ? ": " : "",
			  error ? error : "");
}

/* @named: somebody is known to name the address; else who does may not have been heard. */
static void explain_cluster(struct kvip_explain_asking *q, struct kvip_cluster *c, bool named)
{
	const struct kvip_step live = { .step = "cluster", .reason = "live", .cluster = c->name };
	const struct kvip_cluster_view v = kvip_engine_view_cluster(c);

	if (!c->live)
		unheard(q, &v, kvip_reason_info(KVIP_REASON_NOT_SYNCHRONISED)->word,
			named ? KVIP_MARK_NOTE : KVIP_MARK_NO,
			"has not listed every mandatory kind yet");
	else if (c->api_lost)
		kvip_explain_reason(q->x, "cluster", KVIP_REASON_API_LOST, c->name, NULL);
	else if (v.state == KVIP_CLUSTER_STALE)
		unheard(q, &v, "stale", named ? KVIP_MARK_WARN : KVIP_MARK_NO, "is stale");
	else
		kvip_explain_step(q->x, &live, "cluster %s is synchronised", c->name);
}

static void explain_clusters(struct kvip_explain_asking *q, bool named)
{
	struct kvip_cluster *c;

	TAILQ_FOREACH(c, &q->t->clusters, of_table)
		if (!c->removed)
			explain_cluster(q, c, named);
}

static void explain_holder(struct kvip_explain_asking *q, struct kvip_vip *v)
{
	const struct kvip_claim *w = kvip_vip_winner(q->t, v);
	char object[KVIP_EXPLAIN_OBJECT];
	struct kvip_step s = { .step = "holder",
			       .mark = v->conflict ? KVIP_MARK_WARN : KVIP_MARK_OK,
			       .reason = v->conflict ? "conflict" : "holder" };

	if (!w)
		return;
	s.cluster = w->cluster->name;
	s.object = kvip_explain_object(w->owner, object);
	kvip_explain_step(q->x, &s,
			  v->conflict ? "it comes first among several claims" : "it has the VIP");
}

static void explain_decision(struct kvip_explain_asking *q, const struct kvip_vip *v)
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

void kvip_explain_address(struct kvip_engine *e, const struct kvip_addr *a,
			  const struct kvip_explain_of *of, struct kvip_explain *x)
{
	struct kvip_explain_asking q = { .t = &e->table, .x = x, .addr = a, .of = of };
	struct kvip_prefix host = kvip_prefix_host(a);
	bool claimed, named;
	struct kvip_vip *v;

	kvip_engine_lock_t0(e);
	v = kvip_vip_find(&e->table, &host);
	claimed = v && !SLIST_EMPTY(&v->claims);
	named = claimed || of || look_at_everybody(&q, false);
	explain_clusters(&q, named);
	q.found = 0;
	if (claimed)
		explain_claims_of(&q, v);
	if (named && q.found == 0)
		look_at_everybody(&q, true);
	if (!named)
		explain_nobody(&q);
	if (v) {
		explain_holder(&q, v);
		explain_decision(&q, v);
	}
	kvip_engine_unlock(e);
}

/* ---- a Service ---- */

static void explain_addressless(struct kvip_explain_asking *q, const struct kvip_cluster *c,
				const struct kvip_owner *o)
{
	const struct kvip_service *s = &o->e.obj->service;
	char object[KVIP_EXPLAIN_OBJECT];
	enum kvip_reason r = KVIP_REASON_NO_ADDRESS;

	if (!s->load_balancer)
		r = KVIP_REASON_NOT_LOAD_BALANCER;
	else if (s->hostname_ingress)
		r = KVIP_REASON_HOSTNAME_ONLY;
	kvip_explain_reason(q->x, "claim", r, c->name, kvip_explain_object(o, object));
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

static bool all_heard(const struct kvip_table *t)
{
	struct kvip_cluster *c;

	TAILQ_FOREACH(c, &t->clusters, of_table)
		if (!c->removed &&
		    (!c->live || kvip_engine_view_cluster(c).state == KVIP_CLUSTER_STALE))
			return false;
	return true;
}

int kvip_explain_service(struct kvip_engine *e, const char *ns, const char *name,
			 struct kvip_explain *x, struct kvip_addr *out, size_t max)
{
	struct kvip_explain_asking q = { .t = &e->table, .x = x };
	struct kvip_wanted wanted[KVIP_MAX_WANTED];
	struct kvip_cluster *c;
	bool known = false, heard;
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
	heard = all_heard(&e->table);
	if (!known && !heard)
		explain_clusters(&q, false);
	kvip_engine_unlock(e);
	return known || !heard ? n_out : -ENOENT;
}
