// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the engine: clusters, table, configuration and orders under one lock.
 *
 * Job: composition. Thread: T1 runs kvip_engine_step(); T0 publishes, orders and looks.
 *
 * The lock is held by T1 for one slice at a time. pthread mutexes are not fair, so T0 says that it
 * waits (waiters) and T1 lets it go first; the inbox has a mutex of its own and T0 never waits for
 * it.
 *
 * A configuration or new facts are taken over only when everything that came from the API has been
 * decided. What is withdrawn in the batch that follows is therefore the operator's doing and passes
 * the guard (rules R4). If something is left undecided, for want of memory or of facts, that batch
 * counts as the API's: held rather than let go.
 */
#include "vip/kvip_engine_priv.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define YIELD_NS   50000
#define MAX_YIELDS 200

void kvip_engine_lock_t1(struct kvip_engine *e)
{
	const struct timespec pause = { .tv_nsec = YIELD_NS };

	for (int i = 0; i < MAX_YIELDS && atomic_load(&e->waiters); i++)
		nanosleep(&pause, NULL);
	pthread_mutex_lock(&e->lock);
}

void kvip_engine_lock_t0(struct kvip_engine *e)
{
	atomic_fetch_add(&e->waiters, 1);
	pthread_mutex_lock(&e->lock);
	atomic_fetch_sub(&e->waiters, 1);
}

bool kvip_engine_trylock(struct kvip_engine *e)
{
	return pthread_mutex_trylock(&e->lock) == 0;
}

void kvip_engine_unlock(struct kvip_engine *e)
{
	pthread_mutex_unlock(&e->lock);
}

struct kvip_engine *kvip_engine_new(const struct kvip_engine_deps *deps)
{
	struct kvip_engine *e = kvip_calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->deps = *deps;
	e->client_ops = &kvip_client_real_ops;
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->inbox_lock, NULL);
	kvip_table_init(&e->table, deps->nhsets, deps->mailbox, deps->log);
	return e;
}

void kvip_engine_free(struct kvip_engine *e)
{
	struct kvip_cluster *c;

	if (!e)
		return;
	while ((c = TAILQ_FIRST(&e->table.clusters)))
		kvip_engine_cluster_free(kvip_engine_of(c));
	kvip_table_done(&e->table);
	kvip_conf_unref(e->new_conf);
	kvip_facts_unref(e->new_facts);
	pthread_mutex_destroy(&e->lock);
	pthread_mutex_destroy(&e->inbox_lock);
	kvip_free(e);
}

static int restore_one(struct kvip_engine *e, const struct kvip_restored *v)
{
	const struct kvip_nhset *none = NULL;
	struct kvip_route r = v->route;
	int rc;

	if (!r.nhs) { /* ours, but through whom is not known: kept, never decided */
		none = kvip_nhset_get(e->deps.nhsets, NULL, 0);
		if (!none)
			return -ENOMEM;
		r.nhs = none;
	}
	rc = kvip_table_restore(&e->table, &r, v->identity, v->confirmed_s, v->in_zebra);
	kvip_nhset_unref(none);
	return rc;
}

int kvip_engine_restore(struct kvip_engine *e, const struct kvip_restored *v, size_t n)
{
	int rc = 0;

	kvip_engine_lock_t0(e);
	for (size_t i = 0; i < n && !rc; i++)
		rc = restore_one(e, &v[i]);
	kvip_engine_unlock(e);
	return rc;
}

void kvip_engine_configure(struct kvip_engine *e, struct kvip_conf *conf, struct kvip_facts *facts)
{
	struct kvip_conf *old_conf = NULL;
	struct kvip_facts *old_facts = NULL;

	pthread_mutex_lock(&e->inbox_lock);
	if (conf) {
		old_conf = e->new_conf;
		e->new_conf = kvip_conf_ref(conf);
	}
	if (facts) {
		old_facts = e->new_facts;
		e->new_facts = kvip_facts_ref(facts);
	}
	pthread_mutex_unlock(&e->inbox_lock);
	kvip_conf_unref(old_conf);
	kvip_facts_unref(old_facts);
}

static bool take_inbox(struct kvip_engine *e, struct kvip_conf **conf, struct kvip_facts **facts)
{
	pthread_mutex_lock(&e->inbox_lock);
	*conf = e->new_conf;
	*facts = e->new_facts;
	e->new_conf = NULL;
	e->new_facts = NULL;
	pthread_mutex_unlock(&e->inbox_lock);
	return *conf || *facts;
}

/* For the next step, unless something newer has come meanwhile. */
static void put_back(struct kvip_engine *e, struct kvip_conf *conf, struct kvip_facts *facts)
{
	pthread_mutex_lock(&e->inbox_lock);
	if (!e->new_conf) {
		e->new_conf = conf;
		conf = NULL;
	}
	if (!e->new_facts) {
		e->new_facts = facts;
		facts = NULL;
	}
	pthread_mutex_unlock(&e->inbox_lock);
	kvip_conf_unref(conf);
	kvip_facts_unref(facts);
}

bool kvip_engine_ready(const struct kvip_engine *e)
{
	return e->table.conf && (!e->table.facts || e->table.facts->known);
}

static int add_clusters(struct kvip_engine *e, const struct kvip_conf *conf)
{
	struct kvip_engine_cluster *ec;

	for (size_t i = 0; i < conf->n_clusters; i++) {
		if (kvip_table_cluster(&e->table, conf->clusters[i]->name))
			continue;
		if (kvip_engine_cluster_new(e, conf->clusters[i], &ec))
			return -ENOMEM;
	}
	return 0;
}

/* Undo add_clusters(): what the configuration in force does not know. */
static void drop_added(struct kvip_engine *e)
{
	struct kvip_cluster *c, *next;

	for (c = TAILQ_FIRST(&e->table.clusters); c; c = next) {
		next = TAILQ_NEXT(c, of_table);
		if (!c->removed && (!e->table.conf || !kvip_conf_cluster(e->table.conf, c->name)))
			kvip_engine_cluster_free(kvip_engine_of(c));
	}
}

static void compare_connections(struct kvip_engine *e, const struct kvip_conf *conf)
{
	struct kvip_cluster *c;

	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		const struct kvip_cluster_conf *now;

		if (c->removed)
			continue;
		now = kvip_conf_cluster(conf, c->name);
		if (now && c->configured != now && !kvip_engine_same_connection(c->configured, now))
			kvip_engine_of(c)->client_stale = true;
	}
}

/* Facts that are not known (zebra is gone) do not replace those that were. */
static struct kvip_facts *worth_having(struct kvip_engine *e, struct kvip_facts *facts)
{
	if (!facts || facts->known || !e->table.facts || !e->table.facts->known)
		return facts;
	kvip_facts_unref(facts);
	return NULL;
}

static void renew_servers(struct kvip_engine *e)
{
	struct kvip_addrset *s, *old = e->table.servers;

	if (!e->servers_changed)
		return;
	s = kvip_engine_collect_servers(e);
	if (!s)
		return;
	e->servers_changed = false;
	if (old && old->n == s->n && memcmp(old->v, s->v, s->n * sizeof(s->v[0])) == 0)
		kvip_free(s);
	else
		kvip_table_set_servers(&e->table, s);
}

static int apply(struct kvip_engine *e, struct kvip_conf *conf, struct kvip_facts *facts)
{
	struct kvip_table *t = &e->table;

	if (conf && add_clusters(e, conf)) {
		drop_added(e);
		return -ENOMEM;
	}
	if (conf)
		compare_connections(e, conf);
	facts = worth_having(e, facts);
	t->cause = t->batch_open ? KVIP_CAUSE_API : KVIP_CAUSE_OPERATOR;
	if (conf || t->conf) {
		kvip_table_set_conf(t, conf, facts);
	} else if (facts) {
		kvip_facts_unref(t->facts);
		t->facts = facts;
	}
	e->servers_changed = true;
	renew_servers(e);
	return 0;
}

/* T1 frees clients without the lock: they may call back. */
static void free_removed_clients(struct kvip_engine *e)
{
	struct kvip_cluster *c;

	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		struct kvip_engine_cluster *ec = kvip_engine_of(c);

		if (c->removed)
			kvip_engine_client_free(ec);
	}
}

/* Return: 1 when something new is in force, 0 when there was nothing, -ENOMEM: tried again later.
 * */
static int apply_inbox(struct kvip_engine *e)
{
	struct kvip_facts *facts;
	struct kvip_conf *conf;
	int rc;

	if (!take_inbox(e, &conf, &facts))
		return 0;
	kvip_engine_lock_t1(e);
	rc = apply(e, conf, facts);
	kvip_engine_unlock(e);
	if (rc) {
		put_back(e, conf, facts);
		return rc;
	}
	free_removed_clients(e);
	return 1;
}

/* Everything that is due, a slice at a time. */
static enum kvip_work drain(struct kvip_engine *e)
{
	enum kvip_work w = KVIP_WORK_IDLE;

	do {
		struct kvip_cache *garbage;

		kvip_engine_lock_t1(e);
		if (kvip_engine_ready(e))
			w = kvip_table_work(&e->table, KVIP_SLICE);
		garbage = e->table.garbage;
		e->table.garbage = NULL;
		kvip_engine_unlock(e);
		kvip_cache_free(garbage);
	} while (w == KVIP_WORK_MORE);
	return w;
}

/* Clusters that are no longer configured and have given up everything. */
static void reap_clusters(struct kvip_engine *e)
{
	struct kvip_cluster *c, *next;

	for (c = TAILQ_FIRST(&e->table.clusters); c; c = next) {
		struct kvip_cache *cache;

		next = TAILQ_NEXT(c, of_table);
		if (!c->removed || c->n_in_force || c->retired || c->sweep != KVIP_SWEEP_NONE)
			continue;
		kvip_engine_lock_t1(e);
		cache = c->cache;
		c->cache = NULL;
		kvip_engine_cluster_free(kvip_engine_of(c));
		kvip_engine_unlock(e);
		kvip_cache_free(cache);
	}
}

static void carry_out_orders(struct kvip_engine *e)
{
	struct kvip_cluster *c;

	if (e->clear_orphans)
		kvip_table_dismiss(&e->table, NULL);
	e->clear_orphans = false;
	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		struct kvip_engine_cluster *ec = kvip_engine_of(c);

		if (!ec->accept_wanted)
			continue;
		ec->accept_wanted = false;
		if (c->identity_changed)
			memcpy(c->identity, ec->answers_as, sizeof(c->identity));
		kvip_table_accept(c);
	}
	if (e->republish) {
		e->republish = false;
		e->republishing = true;
		e->republish_at = (struct kvip_prefix){ 0 };
	}
}

/* Time has come, orders have been given. Return: deadline. */
static kvip_msec review(struct kvip_engine *e)
{
	kvip_msec next = KVIP_NEVER;
	struct kvip_cluster *c;

	carry_out_orders(e);
	renew_servers(e);
	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		if (c->removed)
			continue;
		if (e->now >= kvip_guard_deadline(&c->guard, c->conf->guard_release_s))
			e->table.batch_open = true;
		if (c->nodes && e->now >= c->nodes->review_ms) {
			c->nodes_dirty = true;
			e->table.batch_open = true;
		}
		next = kvip_earlier(next, kvip_engine_review(kvip_engine_of(c)));
	}
	return next;
}

/* When the first guard lets go by itself, or the first kept node. */
static kvip_msec table_deadline(const struct kvip_engine *e)
{
	const struct kvip_cluster *c;
	kvip_msec next = KVIP_NEVER;

	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		if (c->removed)
			continue;
		next = kvip_earlier(next, kvip_guard_deadline(&c->guard, c->conf->guard_release_s));
		if (c->nodes)
			next = kvip_earlier(next, c->nodes->review_ms);
	}
	return next;
}

/* One slice of "post every decision again". Return: true at the end, or without memory. */
static bool republish_slice(struct kvip_engine *e, bool *nomem)
{
	struct kvip_vip *v = kvip_vip_after(&e->table, &e->republish_at);

	for (int i = 0; v && i < KVIP_SLICE; i++, v = kvip_vip_next(v)) {
		struct kvip_route r;

		e->republish_at = v->prefix;
		if (!v->in_force || !v->told)
			continue;
		kvip_vip_route(v, &r);
		if (kvip_vip_post_announce(&e->table, &r)) {
			*nomem = true;
			return true;
		}
	}
	return v == NULL;
}

static enum kvip_work republish(struct kvip_engine *e)
{
	bool done = false, nomem = false;

	while (e->republishing && !done) {
		kvip_engine_lock_t1(e);
		done = republish_slice(e, &nomem);
		e->republishing = !done || nomem;
		if (nomem)
			e->republish_at = (struct kvip_prefix){ 0 };
		kvip_engine_unlock(e);
	}
	return nomem ? KVIP_WORK_NOMEM : KVIP_WORK_IDLE;
}

static void set_time(struct kvip_engine *e, kvip_msec now, kvip_wall wall)
{
	kvip_engine_lock_t1(e);
	e->now = now;
	e->wall = wall;
	e->table.now = now;
	e->table.wall = wall;
	kvip_engine_unlock(e);
}

kvip_msec kvip_engine_step(struct kvip_engine *e, kvip_msec now, kvip_wall wall)
{
	enum kvip_work w, w2;
	kvip_msec next;
	int applied = 0;

	set_time(e, now, wall);
	next = kvip_engine_clients_step(e);
	kvip_engine_lock_t1(e);
	next = kvip_earlier(next, review(e));
	kvip_engine_unlock(e);
	w = drain(e);
	if (w == KVIP_WORK_IDLE)
		applied = apply_inbox(e);
	if (applied > 0) {
		w = drain(e);
		next = now; /* new clusters want clients */
	}
	e->table.cause = KVIP_CAUSE_API;
	if (w == KVIP_WORK_IDLE)
		reap_clusters(e);
	w2 = republish(e);
	if (w == KVIP_WORK_NOMEM || w2 == KVIP_WORK_NOMEM || applied < 0)
		next = kvip_earlier(next, now + KVIP_NOMEM_RETRY_MS);
	return kvip_earlier(next, table_deadline(e));
}

const struct kvip_feed *kvip_engine_feed(struct kvip_engine *e, const char *name, void **ctx)
{
	struct kvip_cluster *c = kvip_table_cluster(&e->table, name);

	if (!c)
		return NULL;
	*ctx = kvip_engine_of(c);
	return &kvip_engine_outer_feed;
}

/* Orders: what T1's next step is to do. */
static int order(struct kvip_engine *e, const char *cluster,
		 void (*give)(struct kvip_engine_cluster *))
{
	struct kvip_cluster *c;
	int rc = cluster ? -ENOENT : 0;

	kvip_engine_lock_t0(e);
	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		if (c->removed || (cluster && strcmp(cluster, c->name) != 0))
			continue;
		give(kvip_engine_of(c));
		rc = 0;
	}
	kvip_engine_unlock(e);
	return rc;
}

static void want_relist(struct kvip_engine_cluster *ec)
{
	ec->relist_wanted = true;
}

static void want_accept(struct kvip_engine_cluster *ec)
{
	ec->accept_wanted = true;
}

int kvip_engine_relist(struct kvip_engine *e, const char *cluster)
{
	return order(e, cluster, want_relist);
}

int kvip_engine_accept_withdrawals(struct kvip_engine *e, const char *cluster)
{
	return order(e, cluster, want_accept);
}

int kvip_engine_clear_orphans(struct kvip_engine *e)
{
	kvip_engine_lock_t0(e);
	e->clear_orphans = true;
	kvip_engine_unlock(e);
	return 0;
}

int kvip_engine_republish(struct kvip_engine *e)
{
	kvip_engine_lock_t0(e);
	e->republish = true;
	kvip_engine_unlock(e);
	return 0;
}
