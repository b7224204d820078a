// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler as `show` sees it, and the routes that only look like ours. Thread: T0.
 */
#include "vip/kvip_recon_priv.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

const char *kvip_route_state_word(enum kvip_route_state s)
{
	static const char *const words[] = {
#define X(id, word, text) [KVIP_ROUTE_##id] = word,
		KVIP_ROUTE_STATES(X)
#undef X
	};

	return words[s];
}

const char *kvip_route_state_text(enum kvip_route_state s)
{
	static const char *const texts[] = {
#define X(id, word, text) [KVIP_ROUTE_##id] = text,
		KVIP_ROUTE_STATES(X)
#undef X
	};

	return texts[s];
}

static enum kvip_route_state state_of(const struct kvip_recon *r, const struct recon_entry *e)
{
	if (r->inject != KVIP_INJECT_ZEBRA)
		return recon_node_state(r, e);
	if (e->withdraw)
		return KVIP_ROUTE_WITHDRAWING;
	if (!e->has_want)
		return KVIP_ROUTE_KEPT;
	if (!r->active)
		return KVIP_ROUTE_STANDBY;
	if (r->flushed)
		return KVIP_ROUTE_FLUSHED;
	if (e->refused == KVIP_REASON_NO_NEXT_HOP)
		return KVIP_ROUTE_NO_NEXT_HOP;
	if (e->refused)
		return KVIP_ROUTE_REFUSED;
	if (!e->sent)
		return KVIP_ROUTE_WAITING;
	if (e->foreign)
		return KVIP_ROUTE_SHADOWED;
	if (e->overdue)
		return KVIP_ROUTE_OVERDUE;
	return e->installed && !e->pending ? KVIP_ROUTE_INSTALLED : KVIP_ROUTE_SENT;
}

static enum kvip_reason reason_of(const struct kvip_recon *r, const struct recon_entry *e)
{
	if (r->inject != KVIP_INJECT_ZEBRA && e->has_want &&
	    recon_node_state(r, e) == KVIP_ROUTE_OBSERVED)
		return KVIP_REASON_OBSERVED;
	if (r->inject == KVIP_INJECT_ZEBRA && !r->active)
		return KVIP_REASON_STANDBY;
	if (r->flushed)
		return KVIP_REASON_FLUSHED;
	if (state_of(r, e) == KVIP_ROUTE_SHADOWED)
		return KVIP_REASON_OPERATOR_ROUTE;
	return r->inject == KVIP_INJECT_ZEBRA ? e->refused : e->node_reason;
}

static void view(struct kvip_recon *r, struct recon_entry *e, struct kvip_route_view *out)
{
	recon_renew(r, e);
	*out = (struct kvip_route_view){
		.id = e->has_want ? e->want.id : e->id,
		.inject = r->inject,
		.state = state_of(r, e),
		.reason = reason_of(r, e),
		.want = e->has_want ? &e->want : NULL,
		.adopted = e->has_want || !e->owned ? NULL : &e->want,
		.cluster = e->want.cluster,
		.usable = e->sent,
		.installed = e->installed,
		.sent_ms = e->sent_ms,
		.installed_ms = e->installed_ms,
		.swept = e->swept,
		.asked = r->facts ? r->facts->matches : NULL,
	};
}

bool kvip_recon_find(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p,
		     struct kvip_route_view *out)
{
	struct recon_entry *e = recon_find(r, vrf_id, p);

	if (!e || !(e->has_want || e->owned))
		return false;
	view(r, e, out);
	return true;
}

/* The first entry behind @at. */
static struct recon_entry *entry_after(struct kvip_recon *r, const struct kvip_recon_at *at)
{
	struct recon_entry key = { .vrf_id = at->vrf_id, .prefix = at->prefix }, *e;

	if (!at->begun)
		return RB_MIN(recon_table, &r->table);
	e = RB_NFIND(recon_table, &r->table, &key);
	return e && recon_entry_cmp(e, &key) == 0 ? RB_NEXT(recon_table, &r->table, e) : e;
}

static void stand_behind(struct kvip_recon_at *at, const struct recon_entry *e)
{
	*at = (struct kvip_recon_at){ .begun = true, .vrf_id = e->vrf_id, .prefix = e->prefix };
}

bool kvip_recon_each_some(struct kvip_recon *r, struct kvip_recon_at *at, unsigned int max,
			  kvip_route_fn *fn, void *ctx)
{
	struct recon_entry *e = entry_after(r, at);
	struct kvip_route_view v;

	for (; e && max; max--, e = RB_NEXT(recon_table, &r->table, e)) {
		stand_behind(at, e);
		if (!e->has_want && !e->owned)
			continue;
		view(r, e, &v);
		if (!fn(ctx, &v))
			return false;
	}
	return e != NULL;
}

void kvip_recon_each(struct kvip_recon *r, kvip_route_fn *fn, void *ctx)
{
	struct kvip_recon_at at = { 0 };

	(void)kvip_recon_each_some(r, &at, UINT_MAX, fn, ctx);
}

static bool block_makes(const struct kvip_cluster_conf *c, uint8_t distance, uint32_t tag)
{
	if (c->from_cilium && distance == KVIP_DEFAULT_DISTANCE && tag == KVIP_DEFAULT_TAG)
		return true;
	for (size_t i = 0; i < c->n_advs; i++)
		if (c->advs[i]->distance == distance && c->advs[i]->tag == tag)
			return true;
	return false;
}

/* The state file does not know it, but a configured advertise block would have sent just such a
 * route. */
static bool is_suspect(const struct kvip_recon *r, const struct recon_entry *e)
{
	if (!e->foreign || e->owned || !r->conf)
		return false;
	for (size_t i = 0; i < r->conf->n_clusters; i++)
		if (block_makes(r->conf->clusters[i], e->foreign_distance, e->foreign_tag))
			return true;
	return false;
}

static struct kvip_route_id foreign_id(const struct recon_entry *e)
{
	return (struct kvip_route_id){
		.vrf_id = e->vrf_id,
		.prefix = e->prefix,
		.distance = e->foreign_distance,
	};
}

void kvip_recon_each_suspect(struct kvip_recon *r, kvip_suspect_fn *fn, void *ctx)
{
	struct recon_entry *e;

	RB_FOREACH(e, recon_table, &r->table) {
		struct kvip_route_id id = foreign_id(e);

		if (is_suspect(r, e))
			fn(ctx, &id, e->foreign_tag);
	}
}

size_t kvip_recon_clear_suspects(struct kvip_recon *r)
{
	struct recon_entry *e;
	size_t n = 0;

	if (!r->active || !r->up)
		return 0;
	RB_FOREACH(e, recon_table, &r->table) {
		struct kvip_route_id id = foreign_id(e);

		if (!is_suspect(r, e) || e->has_want)
			continue;
		if (r->deps.sink->withdraw(r->deps.sink_ctx, &id))
			break; /* the channel is full: the operator repeats the command */
		n++;
	}
	return n;
}

static bool injects(const struct kvip_recon *r)
{
	if (r->inject == KVIP_INJECT_ZEBRA)
		return r->active;
	return r->inject == KVIP_INJECT_BGP && r->deps.node_sink;
}

static void sum_entry(struct kvip_recon *r, struct recon_entry *e, struct kvip_recon_summary *out)
{
	recon_renew(r, e);
	out->suspects += is_suspect(r, e);
	if (!e->has_want && !e->owned)
		return;
	out->routes++;
	out->by_state[state_of(r, e)]++;
	out->by_reason[reason_of(r, e)]++;
}

bool kvip_recon_sum_some(struct kvip_recon *r, struct kvip_recon_at *at, unsigned int max,
			 struct kvip_recon_summary *out)
{
	struct recon_entry *e = entry_after(r, at);

	if (!at->begun)
		*out = (struct kvip_recon_summary){ 0 };
	at->begun = true;
	for (; e && max; max--, e = RB_NEXT(recon_table, &r->table, e)) {
		stand_behind(at, e);
		sum_entry(r, e, out);
	}
	out->sink_up = r->up;
	out->active = injects(r);
	out->inject = r->inject;
	out->flushed = r->flushed;
	out->state_failing = r->state_failing;
	out->announces = r->announces;
	out->withdraws = r->withdraws;
	out->swept = r->swept;
	out->confirmations = r->confirmations;
	if (r->state_failing)
		snprintf(out->state_error, sizeof(out->state_error), "%s", r->state_error);
	return e != NULL;
}

void kvip_recon_get_summary(struct kvip_recon *r, struct kvip_recon_summary *out)
{
	struct kvip_recon_at at = { 0 };

	(void)kvip_recon_sum_some(r, &at, UINT_MAX, out);
}

const struct kvip_history *kvip_recon_history(const struct kvip_recon *r)
{
	return r->history;
}
