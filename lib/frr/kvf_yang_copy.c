// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what operational data gives out, copied from the engine's and the reconciler's views.
 *
 * Thread: T0. The engine's lock is held for one copy and no longer; inside the callbacks only
 * memory is taken and written. Without memory a copy is shorter and says so.
 */
#include "frr/kvf_yang_copy.h"

#include "frr/kvf_yang_priv.h"

#include <stdio.h>
#include <string.h>

#define FRESH_MS 50

static struct kvip_show_ctx look(void)
{
	struct kvip_show_ctx s = { 0 };

	if (kvf_yang_hooks())
		kvf_yang_hooks()->look(&s);
	return s;
}

void kvf_yang_vip_release(void *entry)
{
	struct kvf_yang_vip *v = entry;

	kvip_free(v->hops.v);
	kvip_free(v->installed.v);
	kvip_free(v->owners);
}

void kvf_yang_copy_drop(struct kvf_yang_copy *c)
{
	for (size_t i = 0; c->release && i < c->n; i++)
		c->release((char *)c->v + i * c->entry_bytes);
	kvip_free(c->v);
	c->v = NULL;
	c->n = 0;
	c->truncated = false;
}

/* Room for one more; NULL: no more, for want of memory or by the limit. */
static void *more(struct kvf_yang_copy *c)
{
	if (!c->v)
		c->v = kvip_calloc(c->max, c->entry_bytes);
	if (!c->v || c->n == c->max) {
		c->truncated = true;
		return NULL;
	}
	return (char *)c->v + c->n++ * c->entry_bytes;
}

static int64_t age_s(const struct kvip_show_ctx *s, kvip_msec then)
{
	if (!then)
		return -1;
	return s->now > then ? (s->now - then) / 1000 : 0;
}

void kvf_yang_copy_overview(struct kvf_yang_overview *o)
{
	struct kvip_engine_summary sum = { 0 };
	struct kvip_recon_summary rec = { 0 };
	struct kvip_show_ctx s = look();

	if (o->taken_ms && s.now - o->taken_ms < FRESH_MS)
		return;
	if (s.engine)
		kvip_engine_get_summary(s.engine, &sum);
	if (s.recon)
		kvip_recon_get_summary(s.recon, &rec);
	*o = (struct kvf_yang_overview){
		.taken_ms = s.now,
		.vips_truncated = o->vips_truncated, /* the lists' */
		.nodes_truncated = o->nodes_truncated,
		.active = rec.active,
		.zebra_connected = rec.sink_up,
		.flushed = rec.flushed,
		.backlog = (uint32_t)sum.backlog,
		.nhsets = (uint32_t)sum.nhsets,
		.routed = (uint32_t)sum.vips_routed,
		.held = (uint32_t)sum.vips_held,
		.restored = (uint32_t)sum.vips_restored,
		.conflicts = (uint32_t)sum.conflicts,
		.routes = (uint32_t)rec.routes,
		.suspects = (uint32_t)rec.suspects,
		.generation = sum.conf_generation,
		.announcements = rec.announces,
		.withdrawals = rec.withdraws,
		.confirmations = rec.confirmations,
		.swept = rec.swept,
	};
	snprintf(o->standby, sizeof(o->standby), "%s", s.standby ? s.standby : "");
	snprintf(o->node, sizeof(o->node), "%s", sum.node_name);
	snprintf(o->digest, sizeof(o->digest), "%016llx", (unsigned long long)sum.table_digest);
}

struct filling {
	const struct kvip_show_ctx *s;
	struct kvf_yang_copy *to;
};

static bool copy_cluster(void *ctx, const struct kvip_cluster_view *v)
{
	const struct filling *f = ctx;
	struct kvf_yang_cluster *c = more(f->to);
	const char *error = kvip_show_cluster_error(v);

	if (!c)
		return false;
	*c = (struct kvf_yang_cluster){
		.state = kvip_show_cluster_state(v->state),
		.identity_changed = v->identity_changed,
		.guard_active = v->guard_active,
		.sync_age_s = age_s(f->s, v->last_proof_ms),
		.synced_age_s = age_s(f->s, v->synced_ms),
		.guard_age_s = age_s(f->s, v->guard_since_ms),
		.vips = (uint32_t)v->vips,
		.held = (uint32_t)v->held,
		.services = (uint32_t)v->services,
		.nodes = (uint32_t)v->nodes,
		.objects = (uint32_t)v->objects,
		.announcements = v->announcements,
		.withdrawals = v->withdrawals,
	};
	snprintf(c->name, sizeof(c->name), "%s", v->name);
	snprintf(c->error, sizeof(c->error), "%s", error ? error : "");
	for (size_t i = 0; v->client && i < v->client->n_servers; i++)
		if (v->client->servers[i].current)
			snprintf(c->server, sizeof(c->server), "%s", v->client->servers[i].url);
	return true;
}

static void copy_owners(struct kvf_yang_vip *to, const struct kvip_vip_view *v)
{
	to->owners = kvip_calloc(v->n_claims ? v->n_claims : 1, sizeof(*to->owners));
	for (size_t i = 0; to->owners && i < v->n_claims; i++) {
		const struct kvip_claim_view *c = &v->claims[i];
		struct kvf_yang_owner *o = &to->owners[to->n_owners++];

		o->kind = c->kind;
		o->reason = kvip_reason_info(c->reason)->word;
		snprintf(o->cluster, sizeof(o->cluster), "%s", c->cluster);
		snprintf(o->ns, sizeof(o->ns), "%s", c->ns);
		snprintf(o->name, sizeof(o->name), "%s", c->name);
		snprintf(o->advertise, sizeof(o->advertise), "%s",
			 c->advertise ? c->advertise : "");
	}
}

static void copy_hops(struct kvf_yang_hops *to, const struct kvip_nhset *nhs)
{
	if (!nhs || !nhs->n)
		return;
	to->v = kvip_calloc(nhs->n, sizeof(*to->v));
	if (!to->v)
		return;
	to->n = nhs->n;
	memcpy(to->v, nhs->addrs, nhs->n * sizeof(*to->v));
}

static void copy_route(struct kvf_yang_vip *to, const struct kvip_show_vip *v)
{
	const struct kvip_route *r = v->decided;

	copy_hops(&to->installed, v->route ? v->route->installed : NULL);
	if (!r)
		return;
	copy_hops(&to->hops, r->nhs);
	to->has_route = true;
	to->tag = r->tag;
	to->distance = r->id.distance;
	to->table = r->id.table;
}

static bool copy_vip(void *ctx, const struct kvip_show_vip *v)
{
	const struct filling *f = ctx;
	struct kvf_yang_vip *to = more(f->to);

	if (!to)
		return false;
	*to = (struct kvf_yang_vip){ .prefix = v->prefix,
				     .state = v->state,
				     .reason = kvip_reason_info(v->reason)->word,
				     .warning = "",
				     .changed_age_s = -1 };
	snprintf(to->cluster, sizeof(to->cluster), "%s", v->cluster ? v->cluster : "");
	copy_route(to, v);
	if (!v->vip)
		return true;
	to->routed = v->vip->routed;
	to->held = v->vip->held;
	to->restored = v->vip->restored;
	to->changed_age_s = age_s(f->s, v->vip->changed_ms);
	if (v->vip->warning != KVIP_REASON_NONE)
		to->warning = kvip_reason_info(v->vip->warning)->word;
	copy_owners(to, v->vip);
	return true;
}

static bool copy_node(void *ctx, const struct kvip_node_view *v)
{
	const struct filling *f = ctx;
	struct kvf_yang_node *n = more(f->to);

	if (!n)
		return false;
	n->ready = v->ready == KVIP_READY_TRUE    ? "ready"
		   : v->ready == KVIP_READY_FALSE ? "not-ready"
						  : "unknown";
	n->cordoned = v->cordoned;
	n->self = v->self;
	n->vips = (uint32_t)v->vips;
	snprintf(n->cluster, sizeof(n->cluster), "%s", v->cluster);
	snprintf(n->name, sizeof(n->name), "%s", v->name);
	return true;
}

void kvf_yang_copy_clusters(struct kvf_yang_copy *c)
{
	struct kvip_show_ctx s = look();
	struct filling f = { .s = &s, .to = c };

	if (s.engine)
		kvip_engine_each_cluster(s.engine, copy_cluster, &f);
}

void kvf_yang_copy_vips(struct kvf_yang_copy *c)
{
	struct kvip_show_ctx s = look();
	struct filling f = { .s = &s, .to = c };

	if (s.engine)
		(void)!kvip_show_each_vip(&s, copy_vip, &f);
}

void kvf_yang_copy_nodes(struct kvf_yang_copy *c)
{
	struct kvip_show_ctx s = look();
	struct filling f = { .s = &s, .to = c };

	if (s.engine)
		kvip_engine_each_node(s.engine, copy_node, &f);
}

bool kvf_yang_copy_vip(struct kvf_yang_copy *c, const struct kvip_prefix *p)
{
	struct kvip_show_ctx s = look();
	struct filling f = { .s = &s, .to = c };

	return kvip_show_one_vip(&s, p, copy_vip, &f) && c->n;
}
