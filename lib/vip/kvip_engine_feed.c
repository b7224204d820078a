// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the clusters' feeds: from a client's list+watch machines, or a host without HTTP, into the
 * cache.
 *
 * Job: two equal tables of functions. A client calls the inner one between the lock hooks that it
 * was given, so that it can feed a whole chunk of bytes under one lock; whoever was given
 * kvip_engine_feed() calls the outer one, which locks by itself. Thread: T1.
 *
 * While a cluster has new credentials, what they bring goes to a cache of its own (shadow) and
 * nothing is decided from it: see kvip_engine_review().
 */
#include "vip/kvip_engine_priv.h"

#include <stdio.h>
#include <string.h>

void kvip_engine_feed_enter(void *ctx)
{
	kvip_engine_lock_t1(((struct kvip_engine_cluster *)ctx)->engine);
}

void kvip_engine_feed_leave(void *ctx)
{
	kvip_engine_unlock(((struct kvip_engine_cluster *)ctx)->engine);
}

/* The cache that is being fed; and note that somebody is alive. */
static struct kvip_cache *fed_cache(struct kvip_engine_cluster *ec)
{
	struct kvip_cache *cache = ec->shadow ? ec->shadow : ec->c.cache;

	ec->fed_ms = ec->engine->now;
	if (!ec->client && !ec->c.identity_changed)
		ec->confirmed_s = ec->engine->wall;
	kvip_cache_set_now(cache, ec->engine->now);
	return cache;
}

static void inner_begin(void *ctx, enum kvip_kind kind)
{
	kvip_cache_refresh_begin(fed_cache(ctx), kind);
}

static int inner_put(void *ctx, struct kvip_obj *obj)
{
	return kvip_cache_put(fed_cache(ctx), obj);
}

static void inner_del(void *ctx, enum kvip_kind kind, const char *ns, const char *name,
		      const char *uid)
{
	kvip_cache_del(fed_cache(ctx), kind, ns, name, uid);
}

static void inner_end(void *ctx, enum kvip_kind kind)
{
	struct kvip_engine_cluster *ec = ctx;

	kvip_cache_refresh_end(fed_cache(ec), kind);
	ec->status_due = true;
	ec->listed[kind] = true;
	ec->absent[kind] = false;
	ec->c.relisted = true;
	ec->engine->table.batch_open = true;
	kvip_engine_note_cilium(ec);
}

static void inner_abort(void *ctx, enum kvip_kind kind)
{
	kvip_cache_refresh_abort(fed_cache(ctx), kind);
}

/* No such kind (any more). What it listed before stays: nothing is removed for want of information.
 * */
static void inner_absent(void *ctx, enum kvip_kind kind)
{
	struct kvip_engine_cluster *ec = ctx;

	fed_cache(ec);
	ec->status_due = true;
	ec->absent[kind] = true;
	kvip_engine_note_cilium(ec);
}

static void inner_identity(void *ctx, const char *uid)
{
	struct kvip_engine_cluster *ec = ctx;
	struct kvip_cluster *c = &ec->c;
	bool changed;

	fed_cache(ec);
	ec->status_due = true;
	ec->identity_known = true;
	snprintf(ec->answers_as, sizeof(ec->answers_as), "%s", uid);
	changed = kvip_identity_differs(c->identity, ec->answers_as);
	if (!changed)
		memcpy(c->identity, ec->answers_as, sizeof(c->identity));
	if (changed && !c->identity_changed)
		kvip_log(c->table->log, KVIP_LOG_WARN,
			 "cluster %s: another cluster answers (identity %s, was %s): nothing is "
			 "withdrawn until `clear kubevip withdraw-guard cluster %s`",
			 c->name, ec->answers_as, c->identity, c->name);
	if (changed != c->identity_changed)
		c->table->batch_open = true;
	c->identity_changed = changed;
}

const struct kvip_feed kvip_engine_inner_feed = {
	.refresh_begin = inner_begin,
	.put = inner_put,
	.del = inner_del,
	.refresh_end = inner_end,
	.refresh_abort = inner_abort,
	.absent = inner_absent,
	.identity = inner_identity,
};

static void outer_begin(void *ctx, enum kvip_kind kind)
{
	kvip_engine_feed_enter(ctx);
	inner_begin(ctx, kind);
	kvip_engine_feed_leave(ctx);
}

static int outer_put(void *ctx, struct kvip_obj *obj)
{
	int rc;

	kvip_engine_feed_enter(ctx);
	rc = inner_put(ctx, obj);
	kvip_engine_feed_leave(ctx);
	return rc;
}

static void outer_del(void *ctx, enum kvip_kind kind, const char *ns, const char *name,
		      const char *uid)
{
	kvip_engine_feed_enter(ctx);
	inner_del(ctx, kind, ns, name, uid);
	kvip_engine_feed_leave(ctx);
}

static void outer_end(void *ctx, enum kvip_kind kind)
{
	kvip_engine_feed_enter(ctx);
	inner_end(ctx, kind);
	kvip_engine_feed_leave(ctx);
}

static void outer_abort(void *ctx, enum kvip_kind kind)
{
	kvip_engine_feed_enter(ctx);
	inner_abort(ctx, kind);
	kvip_engine_feed_leave(ctx);
}

static void outer_absent(void *ctx, enum kvip_kind kind)
{
	kvip_engine_feed_enter(ctx);
	inner_absent(ctx, kind);
	kvip_engine_feed_leave(ctx);
}

static void outer_identity(void *ctx, const char *uid)
{
	kvip_engine_feed_enter(ctx);
	inner_identity(ctx, uid);
	kvip_engine_feed_leave(ctx);
}

const struct kvip_feed kvip_engine_outer_feed = {
	.refresh_begin = outer_begin,
	.put = outer_put,
	.del = outer_del,
	.refresh_end = outer_end,
	.refresh_abort = outer_abort,
	.absent = outer_absent,
	.identity = outer_identity,
};
