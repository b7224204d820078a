// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the table's life, its clusters, and the order of work.
 *
 * Job: kvip_table_work() runs the stages described in kvip_table_priv.h. Thread: T1, under the
 * engine's lock for one call at a time.
 *
 * Invariants: the claims of a live cluster are what selection said of its owners when they were
 * last looked at; whoever changes an input of selection queues the owners, or a sweep over all of
 * them, in the same breath. Without memory the key that failed stays queued, the batch stays open
 * and so nothing is withdrawn.
 */
#include "vip/kvip_table_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void kvip_table_init(struct kvip_table *t, struct kvip_nhsets *nhsets, struct kvip_mailbox *mailbox,
		     const struct kvip_log *log)
{
	*t = (struct kvip_table){ .nhsets = nhsets, .mailbox = mailbox, .log = log };
	RB_INIT(&t->vips);
	TAILQ_INIT(&t->clusters);
	TAILQ_INIT(&t->dirty);
	TAILQ_INIT(&t->now_list);
	LIST_INIT(&t->restored);
}

static void free_vip(struct kvip_table *t, struct kvip_vip *v)
{
	kvip_restored_forget(v);
	kvip_vip_enqueue(t, v, KVIP_QUEUE_NONE);
	if (v->in_force)
		kvip_vip_set_in_force(t, v, NULL, NULL, false);
	kvip_vip_release(t, v);
}

void kvip_table_done(struct kvip_table *t)
{
	struct kvip_vip *v, *next;

	for (v = kvip_vip_first(t); v; v = next) {
		next = kvip_vip_next(v);
		free_vip(t, v);
	}
	kvip_conf_unref(t->conf);
	kvip_facts_unref(t->facts);
	kvip_cache_free(t->garbage);
	kvip_free(t->servers);
}

struct kvip_cluster *kvip_table_cluster(struct kvip_table *t, const char *name)
{
	struct kvip_cluster *c;

	TAILQ_FOREACH(c, &t->clusters, of_table)
		if (!c->removed && strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

const char *kvip_table_self(const struct kvip_table *t)
{
	const char *name = t->conf ? t->conf->node_name : NULL;

	if (!name || t->conf->inject != KVIP_INJECT_BGP)
		return NULL;
	if (strcmp(name, "auto") != 0)
		return name;
	return t->facts && t->facts->hostname[0] ? t->facts->hostname : NULL;
}

static void insert_by_name(struct kvip_table *t, struct kvip_cluster *c)
{
	struct kvip_cluster *at;

	TAILQ_FOREACH(at, &t->clusters, of_table) {
		if (kvip_natural_cmp(c->name, at->name) < 0) {
			TAILQ_INSERT_BEFORE(at, c, of_table);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&t->clusters, c, of_table);
}

int kvip_table_add_cluster(struct kvip_table *t, struct kvip_cluster *c,
			   const struct kvip_cluster_conf *conf)
{
	struct kvip_cache_hooks hooks = kvip_table_hooks(c);

	TAILQ_INIT(&c->owners);
	TAILQ_INIT(&c->pending);
	c->name = kvip_nhsets_name(t->nhsets, conf->name);
	c->cache = kvip_cache_new(&hooks);
	if (!c->name || !c->cache) {
		kvip_cache_free(c->cache);
		return -ENOMEM;
	}
	c->table = t;
	kvip_cluster_set_conf(c, conf);
	c->nodes_dirty = true;
	insert_by_name(t, c);
	return 0;
}

static void drop_all_claims(struct kvip_cluster *c, struct kvip_cache *cache)
{
	struct kvip_entry *e;

	if (!cache)
		return;
	for (e = kvip_cache_first(cache, KVIP_KIND_SERVICE); e; e = kvip_cache_next(e))
		kvip_owner_drop_claims(c, (struct kvip_owner *)e);
	for (e = kvip_cache_first(cache, KVIP_KIND_GATEWAY); e; e = kvip_cache_next(e))
		kvip_owner_drop_claims(c, (struct kvip_owner *)e);
}

/* Who else's addresses are refused as VIPs: collected anew whenever nodes were. */
static void collect_taken(struct kvip_table *t)
{
	struct kvip_cluster *c;

	t->n_taken = 0;
	TAILQ_FOREACH(c, &t->clusters, of_table)
		if (c->nodes && !c->removed && t->n_taken < KVIP_MAX_CLUSTERS)
			t->taken[t->n_taken++] = c->nodes->taken;
}

void kvip_table_drop_cluster(struct kvip_table *t, struct kvip_cluster *c)
{
	struct kvip_vip *v;

	drop_all_claims(c, c->cache);
	drop_all_claims(c, c->retired);
	for (v = c->n_in_force ? kvip_vip_first(t) : NULL; v; v = kvip_vip_next(v))
		if (v->holder == c) {
			kvip_vip_enqueue(t, v, KVIP_QUEUE_NONE);
			kvip_vip_set_holder(t, v, NULL);
		}
	TAILQ_REMOVE(&t->clusters, c, of_table);
	kvip_nodes_free(c->nodes);
	c->nodes = NULL;
	collect_taken(t);
	kvip_cluster_set_conf(c, NULL);
	kvip_cache_free(c->cache);
	kvip_cache_free(c->retired);
}

void kvip_table_sweep_all(struct kvip_cluster *c)
{
	c->sweep = KVIP_SWEEP_ALL;
	c->walk.begun = false;
}

/* What waits for the guard is decided again: the cause may be another now. */
static void review_pending(struct kvip_cluster *c)
{
	struct kvip_vip *v;

	while ((v = TAILQ_FIRST(&c->pending)))
		kvip_vip_dirty(c->table, v);
}

void kvip_table_set_api_lost(struct kvip_cluster *c, bool lost)
{
	c->api_lost = lost;
	kvip_table_sweep_all(c);
	review_pending(c);
	c->table->batch_open = true;
}

static void remove_cluster(struct kvip_table *t, struct kvip_cluster *c)
{
	c->removed = true;
	kvip_cluster_set_conf(c, NULL);
	kvip_table_dismiss(t, c->name);
	kvip_table_sweep_all(c);
	collect_taken(t);
}

void kvip_table_set_conf(struct kvip_table *t, struct kvip_conf *conf, struct kvip_facts *facts)
{
	struct kvip_conf *old = t->conf;
	struct kvip_cluster *c;

	if (facts) {
		kvip_facts_unref(t->facts);
		t->facts = facts;
	}
	if (conf)
		t->conf = conf;
	TAILQ_FOREACH(c, &t->clusters, of_table) {
		const struct kvip_cluster_conf *cc;

		if (c->removed)
			continue;
		review_pending(c);
		cc = kvip_conf_cluster(t->conf, c->name);
		if (cc) {
			kvip_cluster_set_conf(c, cc);
			c->nodes_dirty = true;
			kvip_table_sweep_all(c);
		} else {
			remove_cluster(t, c);
		}
	}
	if (conf)
		kvip_conf_unref(old);
	kvip_table_review_restored(t);
	t->batch_open = true;
}

void kvip_table_set_servers(struct kvip_table *t, struct kvip_addrset *s)
{
	struct kvip_cluster *c;

	kvip_free(t->servers);
	t->servers = s;
	TAILQ_FOREACH(c, &t->clusters, of_table)
		kvip_table_sweep_all(c);
	t->batch_open = true;
}

void kvip_table_go_live(struct kvip_cluster *c)
{
	c->live = true;
	c->relisted = true;
	c->nodes_dirty = true;
	kvip_table_sweep_all(c);
	kvip_table_review_restored(c->table);
	c->table->batch_open = true;
}

void kvip_table_swap_cache(struct kvip_cluster *c, struct kvip_cache *cache)
{
	struct kvip_cache_hooks hooks = kvip_table_hooks(c);
	struct kvip_owner *o;

	while ((o = TAILQ_FIRST(&c->owners))) {
		TAILQ_REMOVE(&c->owners, o, in_queue);
		o->queued = false;
	}
	c->n_owners = 0;
	if (c->retired) { /* twice in a row: rare, and then not in slices */
		drop_all_claims(c, c->retired);
		kvip_nodes_free(c->nodes); /* they may be that one's */
		c->nodes = NULL;
		collect_taken(c->table);
		kvip_cache_free(c->retired);
	}
	c->retired = c->cache;
	c->retired_walk.begun = false;
	c->cache = cache;
	kvip_cache_set_hooks(cache, &hooks);
	c->relisted = true;
	c->cilium_dirty = c->expanded != NULL;
	c->nodes_dirty = true;
	kvip_table_sweep_all(c);
	c->table->batch_open = true;
}

/* Hooks of the cache. */
static void owner_changed(void *ctx, struct kvip_owner *o)
{
	struct kvip_cluster *c = ctx;

	c->table->batch_open = true;
	if (o->queued)
		return;
	if (!c->live) { /* a sweep over all of them follows when it goes live */
		kvip_cache_release(c->cache, o);
		return;
	}
	o->queued = true;
	TAILQ_INSERT_TAIL(&c->owners, o, in_queue);
	c->n_owners++;
}

static void node_changed(void *ctx, struct kvip_node_entry *n)
{
	struct kvip_cluster *c = ctx;

	(void)n;
	c->nodes_dirty = true;
	c->table->batch_open = true;
}

static void cilium_changed(void *ctx)
{
	struct kvip_cluster *c = ctx;

	c->cilium_dirty = c->expanded != NULL;
	c->table->batch_open = true;
}

struct kvip_cache_hooks kvip_table_hooks(struct kvip_cluster *c)
{
	return (struct kvip_cache_hooks){ .owner_changed = owner_changed,
					  .node_changed = node_changed,
					  .cilium_changed = cilium_changed,
					  .ctx = c };
}

/* The owners whose address became, or no longer is, a node's. */
static void queue_claimants(struct kvip_table *t, const struct kvip_addr *a)
{
	struct kvip_prefix p = kvip_prefix_host(a);
	struct kvip_vip *v = kvip_vip_find(t, &p);
	struct kvip_claim *claim;

	if (!v)
		return;
	kvip_vip_dirty(t, v);
	SLIST_FOREACH(claim, &v->claims, of_vip)
		if (claim->cluster->retired) /* whose owner may be one of those given up */
			kvip_table_sweep_all(claim->cluster);
		else
			owner_changed(claim->cluster, claim->owner);
}

static void queue_difference(struct kvip_table *t, const struct kvip_addrset *old,
			     const struct kvip_addrset *new)
{
	for (size_t i = 0; old && i < old->n; i++)
		if (!kvip_addrset_has(new, &old->v[i]))
			queue_claimants(t, &old->v[i]);
	for (size_t i = 0; i < new->n; i++)
		if (!kvip_addrset_has(old, &new->v[i]))
			queue_claimants(t, &new->v[i]);
}

/* Which blocks have other nodes than before: a sweep over the owners that use them. */
static void compare_nodes(struct kvip_cluster *c, const struct kvip_nodes *old,
			  const struct kvip_nodes *new)
{
	bool any = false;

	if (!old || old->n_sets != new->n_sets) {
		kvip_table_sweep_all(c);
		return;
	}
	if (c->sweep == KVIP_SWEEP_NONE)
		memset(c->changed, 0, sizeof(c->changed));
	for (size_t i = 0; i < new->n_sets &&i < KVIP_MAX_ADVERTISE; i++) {
		if (kvip_nodeset_same(old->sets[i], new->sets[i]))
			continue;
		c->changed[i] = true;
		any = true;
	}
	if (!any)
		return;
	if (c->sweep == KVIP_SWEEP_NONE)
		c->sweep = KVIP_SWEEP_CHANGED;
	c->walk.begun = false;
}

static int renew_nodes(struct kvip_cluster *c)
{
	struct kvip_nodes *nodes, *old = c->nodes;

	c->nodes_dirty = false;
	if (c->removed)
		return 0;
	c->nodes_dirty = true;
	if (kvip_nodes_build(c->cache, c->conf, c->table->nhsets, old, c->table->now, &nodes))
		return -ENOMEM;
	c->nodes = nodes;
	c->nodes_dirty = false;
	collect_taken(c->table);
	queue_difference(c->table, old ? old->taken : NULL, nodes->taken);
	compare_nodes(c, old, nodes);
	kvip_nodes_free(old);
	kvip_cache_reap_nodes(c->cache);
	return 0;
}

/* Look at @o, and let it go if it is over. The sweep must not be left standing on it. */
static int visit_owner(struct kvip_cluster *c, struct kvip_owner *o)
{
	int rc = kvip_owner_evaluate(c, o);

	if (rc)
		return rc;
	if (o->queued) {
		TAILQ_REMOVE(&c->owners, o, in_queue);
		o->queued = false;
		c->n_owners--;
	}
	if (!kvip_cache_releasable(o))
		return 0;
	if (c->walk.at == &o->e)
		c->walk.at = kvip_cache_next(&o->e);
	kvip_cache_release(c->cache, o);
	return 0;
}

static bool sweep_wants(const struct kvip_cluster *c, const struct kvip_owner *o)
{
	const struct kvip_claim *claim;

	if (c->sweep == KVIP_SWEEP_ALL)
		return true;
	SLIST_FOREACH(claim, &o->claims, of_owner)
		if (claim->block >= 0 && c->changed[claim->block])
			return true;
	return false;
}

/* The owner the walk stands at; NULL at the end. */
static struct kvip_owner *walk_at(struct kvip_walk *w, struct kvip_cache *cache)
{
	if (!w->begun) {
		w->begun = true;
		w->kind = KVIP_KIND_SERVICE;
		w->at = kvip_cache_first(cache, KVIP_KIND_SERVICE);
	}
	if (!w->at && w->kind == KVIP_KIND_SERVICE) {
		w->kind = KVIP_KIND_GATEWAY;
		w->at = kvip_cache_first(cache, KVIP_KIND_GATEWAY);
	}
	return (struct kvip_owner *)w->at;
}

static int sweep_owners(struct kvip_cluster *c, size_t *budget)
{
	struct kvip_owner *o;

	while ((o = walk_at(&c->walk, c->cache))) {
		if (!*budget)
			return 0;
		(*budget)--;
		if (sweep_wants(c, o) && visit_owner(c, o))
			return -ENOMEM;
		if (c->walk.at == &o->e) /* else it is gone and the walk has been moved on */
			c->walk.at = kvip_cache_next(c->walk.at);
	}
	c->sweep = KVIP_SWEEP_NONE;
	return 0;
}

static int queued_owners(struct kvip_cluster *c, size_t *budget)
{
	struct kvip_owner *o;

	while (*budget && (o = TAILQ_FIRST(&c->owners))) {
		(*budget)--;
		if (visit_owner(c, o))
			return -ENOMEM;
	}
	return 0;
}

/* Give up the claims of the cache before this one. */
static void retire(struct kvip_cluster *c, size_t *budget)
{
	struct kvip_table *t = c->table;
	struct kvip_owner *o;

	while ((o = walk_at(&c->retired_walk, c->retired))) {
		if (!*budget)
			return;
		(*budget)--;
		kvip_owner_drop_claims(c, o);
		c->retired_walk.at = kvip_cache_next(c->retired_walk.at);
	}
	if (t->garbage)
		kvip_cache_free(t->garbage);
	t->garbage = c->retired;
	c->retired = NULL;
}

/* Sweeps of relists, Cilium's objects, then nodes. A node's address may concern the owners of every
 * cluster, so all clusters are through with this before any looks at its owners. */
static enum kvip_work work_objects(struct kvip_table *t, size_t budget)
{
	struct kvip_cluster *c;

	TAILQ_FOREACH(c, &t->clusters, of_table) {
		if (kvip_cache_sweep(c->cache, budget))
			return KVIP_WORK_MORE;
		if (c->cilium_dirty && kvip_cluster_renew_conf(c))
			return KVIP_WORK_NOMEM;
		if ((c->live || c->removed) && c->nodes_dirty && renew_nodes(c))
			return KVIP_WORK_NOMEM;
	}
	return KVIP_WORK_IDLE;
}

static enum kvip_work work_owners(struct kvip_cluster *c, size_t *budget)
{
	if (!c->live && !c->removed)
		return KVIP_WORK_IDLE;
	if (queued_owners(c, budget))
		return KVIP_WORK_NOMEM;
	if (*budget && c->sweep != KVIP_SWEEP_NONE && sweep_owners(c, budget))
		return KVIP_WORK_NOMEM;
	if (*budget && c->retired)
		retire(c, budget);
	if (!*budget || c->retired || c->sweep != KVIP_SWEEP_NONE)
		return KVIP_WORK_MORE;
	return KVIP_WORK_IDLE;
}

static enum kvip_work work_vips(struct kvip_table *t, size_t *budget)
{
	struct kvip_vip *v;

	while ((v = TAILQ_FIRST(&t->dirty))) {
		if (!*budget)
			return KVIP_WORK_MORE;
		(*budget)--;
		if (kvip_vip_decide(t, v))
			return KVIP_WORK_NOMEM;
	}
	return KVIP_WORK_IDLE;
}

enum kvip_work kvip_table_work(struct kvip_table *t, size_t budget)
{
	struct kvip_cluster *c;
	enum kvip_work w;

	if (!t->conf || !t->batch_open)
		return KVIP_WORK_IDLE;
	w = work_objects(t, budget);
	if (w != KVIP_WORK_IDLE)
		return w;
	TAILQ_FOREACH(c, &t->clusters, of_table) {
		w = work_owners(c, &budget);
		if (w != KVIP_WORK_IDLE)
			return w;
	}
	w = work_vips(t, &budget);
	return w == KVIP_WORK_IDLE ? kvip_table_end_batch(t, budget + 1) : w;
}

size_t kvip_table_backlog(const struct kvip_table *t)
{
	const struct kvip_cluster *c;
	size_t n = t->n_dirty;

	TAILQ_FOREACH(c, &t->clusters, of_table)
		n += c->n_owners + (c->live && c->sweep != KVIP_SWEEP_NONE);
	return n;
}
