// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what `show` sees of nodes and clusters, and the summary. Thread: T0, which takes the
 * engine's lock.
 *
 * VIPs per node are counted at the time of asking: once over the table, by address. A set never has
 * two addresses of one node, so that their sum is the node's.
 */
#include "vip/kvip_engine_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* VIPs whose next hops contain an address. */
struct use {
	RB_ENTRY(use) link;
	struct kvip_addr addr;
	size_t vips;
};
RB_HEAD(uses, use);

struct kvip_node_uses {
	struct uses by_addr;
	struct kvip_vip_at at;
};

static int use_cmp(const struct use *a, const struct use *b)
{
	return kvip_addr_cmp(&a->addr, &b->addr);
}

RB_GENERATE_STATIC(uses, use, link, use_cmp)

struct kvip_node_uses *kvip_engine_uses_new(void)
{
	return kvip_calloc(1, sizeof(struct kvip_node_uses)); /* RB_INIT is all zero */
}

void kvip_engine_uses_free(struct kvip_node_uses *u)
{
	struct use *use;

	while (u && (use = RB_MIN(uses, &u->by_addr))) {
		RB_REMOVE(uses, &u->by_addr, use);
		kvip_free(use);
	}
	kvip_free(u);
}

static size_t uses_of(const struct kvip_node_uses *u, const struct kvip_addr *a)
{
	struct use key = { .addr = *a };
	const struct use *use = RB_FIND(uses, (struct uses *)(uintptr_t)&u->by_addr, &key);

	return use ? use->vips : 0;
}

/* Without memory: nobody uses it. */
static void count(struct kvip_node_uses *u, const struct kvip_addr *a)
{
	struct use key = { .addr = *a }, *use = RB_FIND(uses, &u->by_addr, &key);

	if (!use) {
		use = kvip_calloc(1, sizeof(*use));
		if (!use)
			return;
		use->addr = *a;
		RB_INSERT(uses, &u->by_addr, use);
	}
	use->vips++;
}

bool kvip_engine_count_uses(struct kvip_engine *e, struct kvip_node_uses *u, unsigned int max)
{
	struct kvip_vip_at *at = &u->at;
	struct kvip_vip *v;

	kvip_engine_lock_t0(e);
	v = at->begun ? kvip_vip_after(&e->table, &at->prefix) : kvip_vip_first(&e->table);
	for (; v && max; max--, v = kvip_vip_next(v)) {
		*at = (struct kvip_vip_at){ .begun = true, .prefix = v->prefix };
		for (uint32_t i = 0; v->in_force && v->told && i < v->nhs->n; i++)
			count(u, &v->nhs->addrs[i]);
	}
	kvip_engine_unlock(e);
	return v != NULL;
}

/* What is lent to a callback about one node. */
struct node_walk {
	const struct kvip_node_uses *uses;
	struct kvip_object_at *at;
	unsigned int left;
	const char *block[KVIP_MAX_ADVERTISE];
	enum kvip_reason reason[KVIP_MAX_ADVERTISE];
	struct kvip_addr addrs[2 * KVIP_MAX_ADDRS];
};

static size_t collect_addrs(const struct kvip_node *n, struct kvip_addr *out)
{
	size_t k = 0;

	for (uint32_t i = 0; i < n->n_internal && i < KVIP_MAX_ADDRS; i++)
		out[k++] = n->internal[i];
	for (uint32_t i = 0; i < n->n_external && i < KVIP_MAX_ADDRS; i++)
		out[k++] = n->external[i];
	return k;
}

static size_t collect_blocks(const struct kvip_cluster *c, const char *name, struct node_walk *w)
{
	size_t n = 0;

	for (size_t i = 0; c->nodes && i < c->nodes->n_sets && n < KVIP_MAX_ADVERTISE; i++) {
		const struct kvip_member *m = kvip_nodeset_find(c->nodes->sets[i], name);

		if (!m)
			continue;
		w->block[n] = c->nodes->sets[i]->block;
		w->reason[n] = (enum kvip_reason)m->reason;
		n++;
	}
	return n;
}

static bool is_self(const struct kvip_table *t, const char *name)
{
	const char *self = kvip_table_self(t);

	return self && strcmp(self, name) == 0;
}

static bool show_node(const struct kvip_cluster *c, const struct kvip_obj *obj, struct node_walk *w,
		      kvip_node_fn *fn, void *ctx)
{
	struct kvip_node_view v = { .cluster = c->name,
				    .name = obj->meta.name,
				    .ready = obj->node.ready,
				    .cordoned = obj->node.unschedulable,
				    .addrs = w->addrs,
				    .block = w->block,
				    .reason = w->reason };

	v.self = is_self(c->table, v.name);
	v.n_addrs = collect_addrs(&obj->node, w->addrs);
	v.n_blocks = collect_blocks(c, v.name, w);
	for (size_t i = 0; i < v.n_addrs; i++)
		v.vips += uses_of(w->uses, &v.addrs[i]);
	return fn(ctx, &v);
}

static bool show_nodes(struct kvip_cluster *c, struct node_walk *w, kvip_node_fn *fn, void *ctx)
{
	struct kvip_entry *e = kvip_engine_entry_at(c, KVIP_KIND_NODE, w->at);

	for (; e && w->left; w->left--, e = kvip_cache_next(e)) {
		kvip_engine_stand_behind(w->at, c, e);
		if (e->present && !show_node(c, e->obj, w, fn, ctx))
			return false;
	}
	return true;
}

bool kvip_engine_each_node_some(struct kvip_engine *e, struct kvip_object_at *at,
				const struct kvip_node_uses *u, unsigned int max, kvip_node_fn *fn,
				void *ctx)
{
	struct node_walk *w = kvip_calloc(1, sizeof(*w));
	struct kvip_cluster *c;
	bool more = true;

	if (!w)
		return false;
	w->uses = u;
	w->at = at;
	w->left = max;
	kvip_engine_lock_t0(e);
	for (c = kvip_engine_cluster_at(e, at); c && w->left && more;
	     c = kvip_engine_cluster_after(c))
		more = show_nodes(c, w, fn, ctx);
	kvip_engine_unlock(e);
	more = more && w->left == 0;
	kvip_free(w);
	return more;
}

void kvip_engine_each_node(struct kvip_engine *e, kvip_node_fn *fn, void *ctx)
{
	struct kvip_node_uses *u = kvip_engine_uses_new();
	struct kvip_object_at at = { 0 };

	if (!u)
		return;
	(void)kvip_engine_count_uses(e, u, UINT_MAX);
	(void)kvip_engine_each_node_some(e, &at, u, UINT_MAX, fn, ctx);
	kvip_engine_uses_free(u);
}

static enum kvip_cluster_state cluster_state(const struct kvip_engine_cluster *ec)
{
	if (ec->c.conf->shutdown)
		return KVIP_CLUSTER_SHUTDOWN;
	if (!ec->c.live)
		return KVIP_CLUSTER_STARTING;
	return ec->lost_ms != KVIP_NEVER ? KVIP_CLUSTER_STALE : KVIP_CLUSTER_LIVE;
}

/* The oldest of the mandatory kinds' last proofs of life; without HTTP the last call of the feed.
 * */
static kvip_msec last_proof(const struct kvip_engine_cluster *ec)
{
	kvip_msec oldest = KVIP_NEVER;

	if (!ec->status)
		return ec->fed_ms;
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		if (kvip_kinds[k].mandatory)
			oldest = kvip_earlier(oldest, ec->status->kind[k].last_proof_ms);
	return oldest;
}

static size_t count_held(const struct kvip_cluster *c)
{
	return c->guard.active ? c->n_pending : 0;
}

/* Node mode: does the cluster lack a Node of our name? Only what has synchronised can say so. */
static bool lacks_self(const struct kvip_cluster *c)
{
	const char *self = kvip_table_self(c->table);

	return self && c->live && !kvip_cache_find(c->cache, KVIP_KIND_NODE, "", self);
}

struct kvip_cluster_view kvip_engine_view_cluster(struct kvip_cluster *c)
{
	const struct kvip_engine_cluster *ec = kvip_engine_of(c);
	struct kvip_cluster_view v = { .name = c->name,
				       .state = cluster_state(ec),
				       .cilium_unknown = c->live && c->configured->from_cilium &&
							 !c->cilium_known,
				       .identity_changed = c->identity_changed,
				       .synced_ms = ec->synced_ms,
				       .last_proof_ms = last_proof(ec),
				       .vips = c->n_in_force,
				       .held = count_held(c),
				       .guard_active = c->guard.active,
				       .guard_since_ms = c->guard.active ? c->guard.since_ms : 0,
				       .withdrawals = c->withdrawals,
				       .announcements = c->announcements,
				       .refused = c->refused,
				       .client = ec->status };

	v.guard_reason = c->guard.active ? KVIP_REASON_GUARD_HOLDS : KVIP_REASON_NONE;
	v.no_self = lacks_self(c);
	v.services = kvip_cache_count(c->cache, KVIP_KIND_SERVICE);
	v.nodes = kvip_cache_count(c->cache, KVIP_KIND_NODE);
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		v.objects += kvip_cache_count(c->cache, (enum kvip_kind)k);
	return v;
}

void kvip_engine_each_cluster(struct kvip_engine *e, kvip_cluster_fn *fn, void *ctx)
{
	struct kvip_cluster *c;

	kvip_engine_lock_t0(e);
	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		struct kvip_cluster_view v;

		if (c->removed)
			continue;
		v = kvip_engine_view_cluster(c);
		if (!fn(ctx, &v))
			break;
	}
	kvip_engine_unlock(e);
}

void kvip_engine_get_summary(struct kvip_engine *e, struct kvip_engine_summary *out)
{
	struct kvip_table *t = &e->table;
	struct kvip_cluster *c;

	*out = (struct kvip_engine_summary){ 0 };
	kvip_engine_lock_t0(e);
	TAILQ_FOREACH(c, &t->clusters, of_table) {
		out->clusters += !c->removed;
		out->vips_held += count_held(c);
	}
	out->vips_routed = t->n_told;
	out->vips_restored = t->n_as_restored;
	out->conflicts = t->n_conflicts;
	memcpy(out->warned, t->n_warned, sizeof(out->warned));
	out->conflicts_begun = t->conflicts_begun;
	out->table_digest = t->digest;
	out->conf_generation = t->conf ? t->conf->generation : 0;
	out->backlog = kvip_table_backlog(t);
	if (kvip_table_self(t))
		snprintf(out->node_name, sizeof(out->node_name), "%s", kvip_table_self(t));
	kvip_engine_unlock(e);
	out->nhsets = kvip_nhsets_count(e->deps.nhsets);
}

bool kvip_engine_cluster_seen(struct kvip_engine *e, const char *cluster, char *identity,
			      size_t size, kvip_wall *confirmed_s)
{
	struct kvip_engine_cluster *ec;
	struct kvip_cluster *c;
	bool known = false;

	if (!kvip_engine_trylock(e))
		return false;
	c = kvip_table_cluster(&e->table, cluster);
	ec = c ? kvip_engine_of(c) : NULL;
	if (ec && c->live && ec->confirmed_s) {
		snprintf(identity, size, "%s", c->identity);
		*confirmed_s = ec->confirmed_s;
		known = true;
	}
	kvip_engine_unlock(e);
	return known;
}
