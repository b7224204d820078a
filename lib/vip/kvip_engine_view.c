// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what `show` sees: VIPs, claims, clusters, counts. Thread: T0, which takes the engine's lock.
 *
 * Everything is lent for the time of one callback. Without memory for the list of a VIP's claims
 * the VIP is shown without them.
 */
#include "vip/kvip_cilium.h"
#include "vip/kvip_engine_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINNER_STRLEN 640

static const char *kind_name(const struct kvip_owner *o)
{
	return kvip_kinds[o->e.kind].kind;
}

static const char *by_name(uint8_t by)
{
	switch (by) {
	case KVIP_BY_SERVICE:
		return "service labels";
	case KVIP_BY_GATEWAY:
		return "gateway labels";
	default:
		return NULL;
	}
}

static const char *block_name(const struct kvip_cluster *c, int block)
{
	if (block < 0 || !c->nodes || (size_t)block >= c->nodes->n_sets)
		return NULL;
	return c->nodes->sets[block]->block;
}

/* What Cilium says of an address, and of what the block would be announced with. */
static void view_cilium(const struct kvip_cluster *c, int block, struct kvip_claim_view *v)
{
	const struct kvip_obj *pool;
	const struct kvip_adv_conf *a;

	if (!c->conf || !c->conf->from_cilium)
		return;
	pool = v->addr ? kvip_cilium_pool(c->cache, v->addr) : NULL;
	v->pool = pool ? pool->meta.name : NULL;
	if (block < 0 || (size_t)block >= c->conf->n_advs)
		return;
	a = c->conf->advs[block];
	v->communities = a->communities;
	v->large_communities = a->large_communities;
	v->has_local_preference = a->local_preference >= 0;
	v->local_preference = a->local_preference;
}

/* What a claim view says of its owner, as far as an address from @source is concerned. */
static struct kvip_claim_view view_owner(const struct kvip_cluster *c, const struct kvip_owner *o,
					 enum kvip_source source)
{
	const struct kvip_meta *m = &o->e.obj->meta;
	struct kvip_claim_view v = { .cluster = c->name,
				     .kind = kind_name(o),
				     .ns = m->ns,
				     .name = m->name,
				     .source = kvip_source_name(source),
				     .created_s = m->created_s };

	if (o->e.kind == KVIP_KIND_SERVICE) {
		v.gateway = o->e.obj->service.gateway;
		v.local = kvip_select_local(&o->e.obj->service, source);
		v.external_local = o->e.obj->service.local;
		v.internal_local = o->e.obj->service.internal_local;
	}
	return v;
}

static struct kvip_claim_view view_claim(const struct kvip_claim *claim,
					 const struct kvip_claim *winner, const char *winner_text)
{
	struct kvip_claim_view v = view_owner(claim->cluster, claim->owner,
					      (enum kvip_source)claim->source);

	v.addr = &claim->vip->prefix.addr;
	v.reason = (enum kvip_reason)claim->reason;
	v.warning = (enum kvip_reason)claim->warning;
	v.advertise = block_name(claim->cluster, claim->block);
	v.selected_by = by_name(claim->by);
	v.nhs = claim->nhs;
	v.endpoints_known = claim->owner->e.kind == KVIP_KIND_SERVICE &&
			    kvip_reason_counts((enum kvip_reason)claim->reason);
	v.endpoints_usable = claim->usable;
	v.endpoints_total = claim->total;
	view_cilium(claim->cluster, claim->block, &v);
	if (v.reason != KVIP_REASON_SELECTED)
		return v;
	if (winner ? !kvip_claim_shares(claim, winner) : claim->vip->as_restored) {
		v.reason = KVIP_REASON_HELD_BY_OTHER;
		v.winner = winner_text;
	} else if (!winner) {
		v.reason = (enum kvip_reason)claim->vip->reason;
	}
	return v;
}

static void describe_winner(const struct kvip_vip *vip, const struct kvip_claim *w,
			    char buf[WINNER_STRLEN])
{
	const struct kvip_meta *m;

	buf[0] = '\0';
	if (w) {
		m = &w->owner->e.obj->meta;
		snprintf(buf, WINNER_STRLEN, "%s/%s %s/%s", w->cluster->name, kind_name(w->owner),
			 m->ns, m->name);
	} else if (vip->restored) {
		snprintf(buf, WINNER_STRLEN, "%s (restored)", vip->restored->cluster);
	}
}

/* The holder's claims first, then in the order of rules R3, those that do not count last. */
static int claim_rank(const struct kvip_claim *c, const struct kvip_claim *winner)
{
	if (winner && c->reason == KVIP_REASON_SELECTED && kvip_claim_shares(c, winner))
		return 0;
	return kvip_reason_counts((enum kvip_reason)c->reason) ? 1 : 2;
}

int kvip_claim_shown_cmp(const struct kvip_claim *a, const struct kvip_claim *b,
			 const struct kvip_claim *winner)
{
	int c = claim_rank(a, winner) - claim_rank(b, winner);

	return c ? c : kvip_claim_cmp(a, b);
}

static int claim_sort_cmp(const void *a, const void *b, void *winner)
{
	return kvip_claim_shown_cmp(*(const struct kvip_claim *const *)a,
				    *(const struct kvip_claim *const *)b, winner);
}

/* The views of all claims of @vip; *@n is 0 without memory. */
static struct kvip_claim_view *view_claims(struct kvip_table *t, struct kvip_vip *vip, size_t *n,
					   char winner_text[WINNER_STRLEN])
{
	const struct kvip_claim *winner = kvip_vip_winner(t, vip), *c, **sorted;
	struct kvip_claim_view *views;
	size_t i = 0;

	*n = 0;
	SLIST_FOREACH(c, &vip->claims, of_vip)
		i++;
	sorted = kvip_calloc(i, sizeof(*sorted));
	views = kvip_calloc(i, sizeof(*views));
	if (!sorted || !views) {
		kvip_free(sorted);
		kvip_free(views);
		return NULL;
	}
	i = 0;
	SLIST_FOREACH(c, &vip->claims, of_vip)
		sorted[i++] = c;
	qsort_r(sorted, i, sizeof(*sorted), claim_sort_cmp, (void *)(uintptr_t)winner);
	describe_winner(vip, winner, winner_text);
	for (*n = 0; *n < i; (*n)++)
		views[*n] = view_claim(sorted[*n], winner, winner_text);
	kvip_free(sorted);
	return views;
}

static bool guard_holds(const struct kvip_vip *v)
{
	return v->holder && v->holder->guard.active &&
	       (v->queue == KVIP_QUEUE_PENDING || v->was_pending);
}

static enum kvip_reason vip_warning(const struct kvip_vip *v)
{
	if (guard_holds(v))
		return KVIP_REASON_GUARD_HOLDS;
	return (enum kvip_reason)v->warning;
}

static bool show_vip(struct kvip_table *t, struct kvip_vip *v, kvip_vip_fn *fn, void *ctx)
{
	char winner[WINNER_STRLEN];
	struct kvip_route route;
	struct kvip_vip_view view = { .prefix = v->prefix,
				      .routed = v->in_force && v->told,
				      .restored = v->as_restored && v->told,
				      .reason = (enum kvip_reason)v->reason,
				      .warning = vip_warning(v),
				      .changed_ms = v->changed_ms };
	struct kvip_claim_view *claims = view_claims(t, v, &view.n_claims, winner);
	bool more;

	kvip_vip_route(v, &route);
	view.held = guard_holds(v) || view.warning == KVIP_REASON_PREFIX_LIST_HOLDS ||
		    view.warning == KVIP_REASON_CILIUM_HOLDS;
	view.route = view.routed ? &route : NULL;
	view.restored_confirmed_s = v->restored ? v->restored->confirmed_s : 0;
	view.claims = claims;
	more = fn(ctx, &view);
	kvip_free(claims);
	return more;
}

bool kvip_engine_each_vip_some(struct kvip_engine *e, struct kvip_vip_at *at, unsigned int max,
			       kvip_vip_fn *fn, void *ctx)
{
	struct kvip_vip *v;
	bool more = true;

	kvip_engine_lock_t0(e);
	v = at->begun ? kvip_vip_after(&e->table, &at->prefix) : kvip_vip_first(&e->table);
	for (; v && more && max; max--, v = kvip_vip_next(v)) {
		*at = (struct kvip_vip_at){ .begun = true, .prefix = v->prefix };
		more = show_vip(&e->table, v, fn, ctx);
	}
	kvip_engine_unlock(e);
	return v && more;
}

void kvip_engine_each_vip(struct kvip_engine *e, kvip_vip_fn *fn, void *ctx)
{
	struct kvip_vip_at at = { 0 };

	(void)kvip_engine_each_vip_some(e, &at, UINT_MAX, fn, ctx);
}

bool kvip_engine_show_vip(struct kvip_engine *e, const struct kvip_prefix *p, kvip_vip_fn *fn,
			  void *ctx)
{
	struct kvip_vip *v;

	kvip_engine_lock_t0(e);
	v = kvip_vip_find(&e->table, p);
	if (v)
		show_vip(&e->table, v, fn, ctx);
	kvip_engine_unlock(e);
	return v != NULL;
}

/* Looking at one costs nanoseconds: no views are made. */
#define CONFLICT_SLICE 4096

int kvip_engine_find_conflict(struct kvip_engine *e, struct kvip_prefix *at)
{
	struct kvip_vip *v;
	int rc = 0;

	kvip_engine_lock_t0(e);
	v = kvip_vip_after(&e->table, at);
	for (int i = 0; v && i < CONFLICT_SLICE; i++, v = kvip_vip_next(v)) {
		*at = v->prefix;
		if (v->conflict) {
			rc = 1;
			break;
		}
	}
	if (!v)
		rc = -ENOENT;
	kvip_engine_unlock(e);
	return rc;
}

/* One walk over owners for kvip_engine_each_claim(). */
struct claim_walk {
	struct kvip_table *t;
	kvip_claim_fn *fn;
	void *ctx;
	struct kvip_object_at *at;
	unsigned int left; /* objects to look at */
};

static struct kvip_claim *find_claim(const struct kvip_owner *o, const struct kvip_addr *a)
{
	struct kvip_claim *claim;

	SLIST_FOREACH(claim, &o->claims, of_owner)
		if (kvip_addr_equal(&claim->vip->prefix.addr, a))
			return claim;
	return NULL;
}

/* An address that is no claim: in no range, or its cluster decides nothing yet. */
static bool show_unclaimed(struct claim_walk *w, const struct kvip_cluster *c,
			   const struct kvip_owner *o, const struct kvip_wanted *want)
{
	struct kvip_claim_view v = view_owner(c, o, (enum kvip_source)want->source);
	enum kvip_selected_by by = KVIP_BY_NONE;
	struct kvip_select s = kvip_table_select(c);
	int block = kvip_select_block(c->conf, o, (enum kvip_source)want->source, &by);

	v.addr = &want->addr;
	v.advertise = block_name(c, block);
	v.selected_by = by_name((uint8_t)by);
	view_cilium(c, block, &v);
	v.reason = want->proxy ? KVIP_REASON_IP_MODE_PROXY : kvip_select_address(&s, v.ns, v.addr);
	if (v.reason == KVIP_REASON_NONE)
		v.reason = KVIP_REASON_NOT_SYNCHRONISED;
	return w->fn(w->ctx, &v);
}

static bool show_claim(struct claim_walk *w, const struct kvip_claim *claim)
{
	const struct kvip_claim *winner = kvip_vip_winner(w->t, claim->vip);
	char text[WINNER_STRLEN];
	struct kvip_claim_view v;

	describe_winner(claim->vip, winner, text);
	v = view_claim(claim, winner, text);
	return w->fn(w->ctx, &v);
}

static bool says_any(const struct kvip_selector *s)
{
	return strcmp(kvip_selector_text(s), "any") == 0;
}

/* Why a Service or a Gateway has no address to speak of. */
static enum kvip_reason why_no_address(const struct kvip_owner *o)
{
	const struct kvip_obj *obj = o->e.obj;
	bool hostname = obj->kind == KVIP_KIND_SERVICE ? obj->service.hostname_ingress
						       : obj->gateway.hostname_address;

	if (obj->kind == KVIP_KIND_SERVICE && !obj->service.load_balancer)
		return KVIP_REASON_NOT_LOAD_BALANCER;
	return hostname ? KVIP_REASON_HOSTNAME_ONLY : KVIP_REASON_NO_ADDRESS;
}

/*
 * Without an address to speak of: why. Of the Services that are no load balancers only those that a
 * block picks by their labels, else `any` would list every Service of the cluster. A Gateway that
 * has a Service is shown as that.
 */
static bool show_addressless(struct claim_walk *w, const struct kvip_cluster *c,
			     const struct kvip_owner *o)
{
	bool service = o->e.kind == KVIP_KIND_SERVICE;
	enum kvip_source source = service ? KVIP_SOURCE_LOADBALANCER : KVIP_SOURCE_GATEWAY;
	struct kvip_claim_view v = view_owner(c, o, source);
	enum kvip_selected_by by = KVIP_BY_NONE;
	int block = kvip_select_block(c->conf, o, source, &by);

	v.reason = why_no_address(o);
	if (v.reason == KVIP_REASON_NOT_LOAD_BALANCER &&
	    (block < 0 || says_any(c->conf->advs[block]->service_selector)))
		return true;
	if (!service && kvip_select_has_service(o))
		return true;
	v.advertise = block_name(c, block);
	v.selected_by = by_name((uint8_t)by);
	return w->fn(w->ctx, &v);
}

static int wanted_cmp(const void *a, const void *b)
{
	const struct kvip_wanted *x = a, *y = b;
	int c = kvip_addr_cmp(&x->addr, &y->addr);

	return c ? c : (int)x->source - (int)y->source;
}

static bool show_owner(struct claim_walk *w, const struct kvip_cluster *c,
		       const struct kvip_owner *o)
{
	struct kvip_wanted wanted[KVIP_MAX_WANTED];
	size_t n = kvip_select_wanted(c->conf, o, wanted);
	bool more = true;

	if (!o->e.present)
		return true;
	if (n == 0)
		return show_addressless(w, c, o);
	qsort(wanted, n, sizeof(wanted[0]), wanted_cmp);
	for (size_t i = 0; i < n && more; i++) {
		const struct kvip_claim *claim = find_claim(o, &wanted[i].addr);

		if (i && kvip_addr_equal(&wanted[i - 1].addr, &wanted[i].addr))
			continue;
		more = claim ? show_claim(w, claim) : show_unclaimed(w, c, o, &wanted[i]);
	}
	return more;
}

static struct kvip_cluster *next_of(struct kvip_cluster *c)
{
	do {
		c = TAILQ_NEXT(c, of_table);
	} while (c && c->removed);
	return c;
}

struct kvip_cluster *kvip_engine_cluster_at(struct kvip_engine *e, const struct kvip_object_at *at)
{
	struct kvip_cluster *c = TAILQ_FIRST(&e->table.clusters);

	if (c && c->removed)
		c = next_of(c);
	while (c && at->begun && kvip_natural_cmp(c->name, at->cluster) < 0)
		c = next_of(c);
	return c;
}

struct kvip_cluster *kvip_engine_cluster_after(struct kvip_cluster *c)
{
	return next_of(c);
}

/* Where the walk goes on in @c: behind what was last, if that was of this cluster and kind. */
struct kvip_entry *kvip_engine_entry_at(struct kvip_cluster *c, enum kvip_kind kind,
					const struct kvip_object_at *at)
{
	if (!at->begun || strcmp(at->cluster, c->name) != 0 || at->kind < kind)
		return kvip_cache_first(c->cache, kind);
	return at->kind == kind ? kvip_cache_after(c->cache, kind, at->key) : NULL;
}

void kvip_engine_stand_behind(struct kvip_object_at *at, const struct kvip_cluster *c,
			      const struct kvip_entry *e)
{
	size_t n = strlen(kvip_entry_ns(e));

	at->begun = true;
	at->kind = e->kind;
	snprintf(at->cluster, sizeof(at->cluster), "%s", c->name);
	memcpy(at->key, kvip_entry_ns(e), n + 1);
	snprintf(at->key + n + 1, sizeof(at->key) - n - 1, "%s", kvip_entry_name(e));
}

/* Of a cluster and a kind. Return: false when the callback wants no more. */
static bool show_owners(struct claim_walk *w, struct kvip_cluster *c, enum kvip_kind kind)
{
	struct kvip_entry *e = kvip_engine_entry_at(c, kind, w->at);

	for (; e && w->left; w->left--, e = kvip_cache_next(e)) {
		kvip_engine_stand_behind(w->at, c, e);
		if (!show_owner(w, c, (const struct kvip_owner *)e))
			return false;
	}
	return true;
}

bool kvip_engine_each_claim_some(struct kvip_engine *e, struct kvip_object_at *at, unsigned int max,
				 kvip_claim_fn *fn, void *ctx)
{
	struct claim_walk w = { .t = &e->table, .fn = fn, .ctx = ctx, .at = at, .left = max };
	struct kvip_cluster *c;
	bool more = true;

	kvip_engine_lock_t0(e);
	for (c = kvip_engine_cluster_at(e, at); c && w.left && more;
	     c = kvip_engine_cluster_after(c))
		more = show_owners(&w, c, KVIP_KIND_SERVICE) &&
		       show_owners(&w, c, KVIP_KIND_GATEWAY);
	kvip_engine_unlock(e);
	return more && w.left == 0;
}

void kvip_engine_each_claim(struct kvip_engine *e, kvip_claim_fn *fn, void *ctx)
{
	struct kvip_object_at at = { 0 };

	(void)kvip_engine_each_claim_some(e, &at, UINT_MAX, fn, ctx);
}
