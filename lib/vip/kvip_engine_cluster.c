// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a cluster and its client: life, synchronisation, loss of the API.
 *
 * Thread: T1. Clients are made, stepped and freed without the engine's lock, because they call back
 * under it; what T0 may see of them is a copy.
 *
 * A cluster is live once every mandatory kind has listed and each optional one has listed, is
 * absent, is failing or has been silent for KVIP_OPTIONAL_WAIT_MS. After a restart, and with new
 * credentials, there are routes that only a Gateway may explain: then a failure that may pass (503,
 * no connection) is waited for, too, for KVIP_OPTIONAL_WAIT_IN_FORCE_MS (rules R4). New credentials
 * get a client and a cache of their own; when that has synchronised it takes the old one's place, as
 * one relist. Only selection lines changed: the client is not touched.
 *
 * API loss (rules R4): a mandatory kind without proof of life for twice its watch time-out, or
 * 401/403 on one.
 */
#include "base/kvip_hash.h"
#include "vip/kvip_engine_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct kvip_client_ops kvip_client_real_ops = {
	.create = kvip_client_new,
	.destroy = kvip_client_free,
	.step = kvip_client_step,
	.relist = kvip_client_relist,
	.get_status = kvip_client_get_status,
};

/* The identity under which the state file knows the cluster. */
static void recall_identity(struct kvip_engine_cluster *ec)
{
	const struct kvip_restored_entry *r;

	LIST_FOREACH(r, &ec->engine->table.restored, of_table)
		if (strcmp(r->cluster, ec->c.name) == 0 && r->identity[0]) {
			memcpy(ec->c.identity, r->identity, sizeof(ec->c.identity));
			return;
		}
}

int kvip_engine_cluster_new(struct kvip_engine *e, const struct kvip_cluster_conf *conf,
			    struct kvip_engine_cluster **out)
{
	struct kvip_engine_cluster *ec = kvip_calloc(1, sizeof(*ec));

	if (!ec)
		return -ENOMEM;
	ec->engine = e;
	ec->started_ms = e->now;
	ec->lost_ms = KVIP_NEVER;
	if (e->deps.http) {
		ec->status = kvip_calloc(1, sizeof(*ec->status));
		ec->fresh = kvip_calloc(1, sizeof(*ec->fresh));
	}
	if ((e->deps.http && (!ec->status || !ec->fresh)) ||
	    kvip_table_add_cluster(&e->table, &ec->c, conf)) {
		kvip_free(ec->status);
		kvip_free(ec->fresh);
		kvip_free(ec);
		return -ENOMEM;
	}
	recall_identity(ec);
	*out = ec;
	return 0;
}

void kvip_engine_client_free(struct kvip_engine_cluster *ec)
{
	if (ec->client)
		ec->engine->client_ops->destroy(ec->client);
	ec->client = NULL;
}

void kvip_engine_cluster_free(struct kvip_engine_cluster *ec)
{
	kvip_engine_client_free(ec);
	kvip_table_drop_cluster(&ec->engine->table, &ec->c);
	kvip_cache_free(ec->shadow);
	kvip_free(ec->status);
	kvip_free(ec->fresh);
	kvip_free(ec);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_texts(const struct kvip_strings *a, const struct kvip_strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

bool kvip_engine_same_connection(const struct kvip_cluster_conf *a,
				 const struct kvip_cluster_conf *b)
{
	return same_text(a->kubeconfig, b->kubeconfig) && same_text(a->context, b->context) &&
	       a->in_cluster == b->in_cluster && same_texts(&a->servers, &b->servers) &&
	       same_text(a->ca_file, b->ca_file) && same_text(a->token_file, b->token_file) &&
	       same_text(a->cert_file, b->cert_file) && same_text(a->key_file, b->key_file) &&
	       same_text(a->tls_server_name, b->tls_server_name) &&
	       same_text(a->proxy_url, b->proxy_url) && a->from_cilium == b->from_cilium;
}

static bool is_wanted(const struct kvip_cluster_conf *c, int kind)
{
	return !kvip_kinds[kind].cilium || c->from_cilium;
}

static struct kvip_client_conf client_conf(const struct kvip_cluster_conf *c)
{
	struct kvip_client_conf cc = { .name = c->name,
				       .kubeconfig = c->kubeconfig,
				       .context = c->context,
				       .in_cluster = c->in_cluster,
				       .servers = (const char *const *)c->servers.v,
				       .n_servers = c->servers.n,
				       .ca_file = c->ca_file,
				       .token_file = c->token_file,
				       .cert_file = c->cert_file,
				       .key_file = c->key_file,
				       .tls_server_name = c->tls_server_name,
				       .proxy_url = c->proxy_url };

	for (int k = 0; k < KVIP_KIND_MAX; k++)
		cc.kinds[k] = is_wanted(c, k);
	return cc;
}

static uint64_t seed_for(const struct kvip_engine *e, const char *name)
{
	return kvip_hash(e->deps.seed ^ KVIP_HASH_BEGIN, name, strlen(name));
}

/* What the former client had begun is over; a cluster that had synchronised is fed aside from now
 * on. */
static int prepare_cache(struct kvip_engine_cluster *ec)
{
	struct kvip_cache *shadow = NULL;

	if (ec->c.live) {
		shadow = kvip_cache_new(NULL);
		if (!shadow)
			return -ENOMEM;
	}
	kvip_engine_lock_t1(ec->engine);
	kvip_cache_free(ec->shadow);
	ec->shadow = shadow;
	memset(ec->listed, 0, sizeof(ec->listed));
	memset(ec->absent, 0, sizeof(ec->absent));
	ec->mandatory_ms = 0;
	ec->identity_known = false;
	ec->status_ms = 0;
	ec->started_ms = ec->engine->now;
	kvip_engine_unlock(ec->engine);
	return 0;
}

/* Make the client that today's configuration wants. Without memory: tried again by the next step.
 * */
static void renew_client(struct kvip_engine_cluster *ec)
{
	struct kvip_engine *e = ec->engine;
	const struct kvip_client_hooks hooks = { .feed = &kvip_engine_inner_feed,
						 .lock_enter = kvip_engine_feed_enter,
						 .lock_leave = kvip_engine_feed_leave,
						 .ctx = ec };
	struct kvip_client_conf cc = client_conf(ec->c.configured);

	kvip_engine_client_free(ec);
	if (prepare_cache(ec))
		return;
	if (e->client_ops->create(e->deps.http, &cc, &hooks, e->deps.log, seed_for(e, cc.name),
				  e->now, &ec->client))
		ec->client = NULL;
	else
		ec->client_stale = false;
}

static kvip_msec client_step(struct kvip_engine_cluster *ec)
{
	struct kvip_engine *e = ec->engine;
	bool relist = false;
	kvip_msec next;

	if (!ec->client || ec->client_stale)
		renew_client(ec);
	if (!ec->client)
		return e->now + KVIP_NOMEM_RETRY_MS;
	kvip_engine_lock_t1(e);
	relist = ec->relist_wanted;
	ec->relist_wanted = false;
	kvip_engine_unlock(e);
	if (relist)
		e->client_ops->relist(ec->client, e->now);
	next = e->client_ops->step(ec->client, e->now);
	if (e->now - ec->status_ms < KVIP_STATUS_EVERY_MS && ec->status_ms && !ec->status_due)
		return kvip_earlier(next, ec->status_ms + KVIP_STATUS_EVERY_MS);
	ec->status_due = false;
	e->client_ops->get_status(ec->client, ec->fresh);
	kvip_engine_lock_t1(e);
	*ec->status = *ec->fresh;
	ec->status_ms = e->now ? e->now : 1;
	e->servers_changed = true;
	kvip_engine_unlock(e);
	return next;
}

kvip_msec kvip_engine_clients_step(struct kvip_engine *e)
{
	kvip_msec next = KVIP_NEVER;
	struct kvip_cluster *c;

	if (!e->deps.http)
		return next;
	TAILQ_FOREACH(c, &e->table.clusters, of_table)
		if (!c->removed)
			next = kvip_earlier(next, client_step(kvip_engine_of(c)));
	return next;
}

static bool mandatory_listed(const struct kvip_engine_cluster *ec)
{
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		if (kvip_kinds[k].mandatory && !ec->listed[k])
			return false;
	return true;
}

/* It will not change by itself: no such kind, or we may not read it. */
static bool says_no(const struct kvip_watch_status *s)
{
	return s->state == KVIP_WATCH_ABSENT || s->http_status == 401 || s->http_status == 403 ||
	       s->http_status == 404;
}

/* For how long after the mandatory kinds an optional one may be waited for: 0 when it has said
 * something, be it no. While Cilium's do not say anything what is in force is held anyway. */
static kvip_msec wait_for_kind(const struct kvip_engine_cluster *ec, int k)
{
	const struct kvip_watch_status *s = ec->client ? &ec->status->kind[k] : NULL;

	if (kvip_kinds[k].mandatory || ec->listed[k] || ec->absent[k] ||
	    !is_wanted(ec->c.configured, k) || (s && says_no(s)))
		return 0;
	if (ec->c.n_in_force && !kvip_kinds[k].cilium)
		return KVIP_OPTIONAL_WAIT_IN_FORCE_MS;
	return s && (s->state == KVIP_WATCH_BACKOFF || s->http_status) ? 0 : KVIP_OPTIONAL_WAIT_MS;
}

static kvip_msec optional_wait(const struct kvip_engine_cluster *ec)
{
	bool identity = ec->identity_known || !ec->client || !ec->c.identity[0];
	kvip_msec wait = identity ? 0 : KVIP_OPTIONAL_WAIT_MS;

	for (int k = 0; k < KVIP_KIND_MAX; k++) {
		kvip_msec more = wait_for_kind(ec, k);

		wait = more > wait ? more : wait;
	}
	return wait;
}

/* Pools and node overrides make no block. */
static bool makes_blocks(int kind)
{
	return kind == KVIP_KIND_ADVERTISEMENT || kind == KVIP_KIND_CLUSTER_CONFIG ||
	       kind == KVIP_KIND_PEER_CONFIG;
}

void kvip_engine_note_cilium(struct kvip_engine_cluster *ec)
{
	bool known = true;

	if (ec->shadow)
		return; /* what is in force is the cache's before */
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		if (makes_blocks(k) && !ec->listed[k] && !ec->absent[k])
			known = false;
	kvip_table_set_cilium_known(&ec->c, known);
}

static void become_synced(struct kvip_engine_cluster *ec)
{
	ec->synced_ms = ec->engine->now;
	if (ec->shadow) {
		kvip_table_swap_cache(&ec->c, ec->shadow);
		ec->shadow = NULL;
	} else {
		kvip_table_go_live(&ec->c);
	}
	kvip_engine_note_cilium(ec);
	kvip_log(ec->c.table->log, KVIP_LOG_INFO,
		 "cluster %s: synchronised: %zu Services, %zu nodes", ec->c.name,
		 kvip_cache_count(ec->c.cache, KVIP_KIND_SERVICE),
		 kvip_cache_count(ec->c.cache, KVIP_KIND_NODE));
}

/* Return: when to look again. */
static kvip_msec review_sync(struct kvip_engine_cluster *ec)
{
	kvip_msec now = ec->engine->now, wait;

	if ((ec->c.live && !ec->shadow) || !mandatory_listed(ec))
		return KVIP_NEVER;
	if (!ec->mandatory_ms)
		ec->mandatory_ms = now ? now : 1;
	wait = optional_wait(ec);
	if (now - ec->mandatory_ms < wait)
		return kvip_earlier(ec->mandatory_ms + wait, now + KVIP_STATUS_EVERY_MS);
	become_synced(ec);
	return KVIP_NEVER;
}

/* When the API counts as lost unless it gives a sign of life; in the past: it is lost. */
static kvip_msec loss_deadline(const struct kvip_engine_cluster *ec, kvip_msec *oldest_proof)
{
	kvip_msec at = KVIP_NEVER;

	*oldest_proof = KVIP_NEVER;
	for (int k = 0; k < KVIP_KIND_MAX; k++) {
		const struct kvip_watch_status *s = &ec->status->kind[k];
		kvip_msec proof = s->last_proof_ms > ec->started_ms ? s->last_proof_ms
								    : ec->started_ms;
		kvip_msec timeout = s->watch_timeout_ms ? s->watch_timeout_ms
							: KVIP_DEFAULT_WATCH_TIMEOUT_MS;

		if (!kvip_kinds[k].mandatory)
			continue;
		at = kvip_earlier(at, proof + 2 * timeout);
		*oldest_proof = kvip_earlier(*oldest_proof, s->last_proof_ms);
	}
	return ec->status->unauthorized ? INT64_MIN : at;
}

static void note_loss(struct kvip_engine_cluster *ec, bool lost)
{
	if (lost == (ec->lost_ms != KVIP_NEVER))
		return;
	ec->lost_ms = lost ? ec->engine->now : KVIP_NEVER;
	kvip_log(ec->c.table->log, lost ? KVIP_LOG_WARN : KVIP_LOG_INFO, "cluster %s: %s",
		 ec->c.name, lost ? "the API is lost: the last table is held" : "the API is back");
}

static kvip_msec review_loss(struct kvip_engine_cluster *ec)
{
	struct kvip_engine *e = ec->engine;
	kvip_msec proof, at, withdraw_at = KVIP_NEVER;
	bool over;

	if (!ec->client || !ec->status_ms || ec->status_ms < ec->started_ms)
		return KVIP_NEVER;
	at = loss_deadline(ec, &proof);
	if (proof != KVIP_NEVER && proof > 0 && !ec->c.identity_changed)
		ec->confirmed_s = e->wall - (e->now - proof) / 1000;
	note_loss(ec, e->now >= at);
	if (ec->lost_ms != KVIP_NEVER && ec->c.conf->api_loss_withdraw_s)
		withdraw_at = ec->lost_ms + (kvip_msec)ec->c.conf->api_loss_withdraw_s * 1000;
	over = ec->c.live && withdraw_at != KVIP_NEVER && e->now >= withdraw_at;
	if (over != ec->c.api_lost)
		kvip_table_set_api_lost(&ec->c, over);
	return e->now >= at ? (over ? KVIP_NEVER : withdraw_at) : at;
}

kvip_msec kvip_engine_review(struct kvip_engine_cluster *ec)
{
	kvip_msec next = review_sync(ec);

	return kvip_earlier(next, review_loss(ec));
}
