// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: node mode, `inject bgp`: routes that lead to this node itself (rules R2).
 *
 * Thread: T0. A VIP is announced if and only if this node is among its next hops, which T1 says
 * with the decision. The node sink lives in this process, so there is no session that could be down
 * or full, nothing outlives us, and therefore no lock is needed and no record is written. What is
 * in bgpd's table may vanish or be let in at any time, because somebody edits bgpd's policy, and
 * nothing tells us: kvip_recon_tick() has every route announced again, and what the sink answers is
 * the route's state.
 *
 * Who wins (rules R1): the operator's own. While the feed from zebra shows a static route for the
 * same prefix that is not ours, ours is withdrawn, whether bgpd's policy lets his in or not; it
 * comes back when his goes.
 */
#include "vip/kvip_recon_priv.h"

#include <errno.h>
#include <string.h>

/* bgpd works its queue off 50 ms after the first change (FRR 8.4.4, bgp_route.c,
 * bgp_process_queue_init()): what is put right before, no peer hears of. */
#define AGAIN_MS 20

void recon_node_not_again(struct kvip_recon *r, struct recon_entry *e)
{
	if (e->again_ms)
		TAILQ_REMOVE(&r->again, e, in_again);
	e->again_ms = 0;
}

void recon_node_again(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	if (r->inject != KVIP_INJECT_BGP)
		return;
	recon_node_not_again(r, e);
	e->again_ms = now + AGAIN_MS;
	TAILQ_INSERT_TAIL(&r->again, e, in_again);
}

void recon_node_due(struct kvip_recon *r, kvip_msec now)
{
	struct recon_entry *e;

	while ((e = TAILQ_FIRST(&r->again)) && e->again_ms <= now) {
		recon_node_not_again(r, e);
		recon_dirty(r, e);
	}
}

kvip_msec kvip_recon_deadline(const struct kvip_recon *r)
{
	const struct recon_entry *e = TAILQ_FIRST(&r->again);

	return e ? e->again_ms : KVIP_NEVER;
}

static enum kvip_reason obstacle(const struct recon_entry *e)
{
	if (!e->want.through_self)
		return KVIP_REASON_NOT_THROUGH_SELF;
	if (e->want.id.table)
		return KVIP_REASON_TABLE_NOT_BGP;
	return e->foreign ? KVIP_REASON_OPERATOR_ROUTE : KVIP_REASON_NONE;
}

static void leave(struct kvip_recon *r, struct recon_entry *e, enum kvip_reason why, kvip_msec now)
{
	const struct kvip_route_id id = { .vrf_id = e->vrf_id, .prefix = e->prefix };

	e->answered = false;
	e->node_reason = why;
	if (!e->in_node)
		return;
	/* it cannot fail: at worst there is nothing to withdraw */
	(void)r->deps.node_sink->withdraw(r->deps.node_ctx, &id);
	e->in_node = false;
	r->withdraws++;
	recon_note_change(r, e, KVIP_CHANGE_WITHDRAWN, now);
}

/* It is in bgpd's table: now, or still. */
static void announced(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	bool before = e->in_node;

	e->in_node = true;
	if (!before) {
		e->sent_ms = e->installed_ms = now;
		r->announces++;
		r->confirmations++;
	}
	if (before && !e->event_ms)
		return;
	recon_note_change(r, e, before ? KVIP_CHANGE_CHANGED : KVIP_CHANGE_ANNOUNCED, now);
	kvip_history_installed(r->history, e->change, now);
}

/* bgpd's policy, or a route of the operator's, has taken it out. */
static void lost(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	e->in_node = false;
	recon_note_change(r, e, KVIP_CHANGE_WITHDRAWN, now);
}

/*
 * While policy is being edited a half-typed route-map must neither let out what it denied before nor
 * withdraw what it let out (rules R4): only what somebody else took away is put back.
 */
static bool is_to_wait(const struct kvip_recon *r, const struct recon_entry *e)
{
	const struct kvip_sink_ops *sink = r->deps.node_sink;

	if (!e->answered || !sink->settling || !sink->settling(r->deps.node_ctx))
		return false;
	if (e->in_node)
		return sink->holds(r->deps.node_ctx, &e->want);
	return e->node_reason == KVIP_REASON_POLICY_DENIES;
}

static void join(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	const struct kvip_sink_ops *sink = r->deps.node_sink;
	int rc;

	if (is_to_wait(r, e))
		return;
	rc = sink->announce(r->deps.node_ctx, &e->want, e->want.nhs);
	if (rc < 0) {
		kvip_log(r->deps.log, KVIP_LOG_ERROR, "%s: cannot announce a route: %s", sink->name,
			 strerror(-rc));
		return;
	}
	e->answered = true;
	e->node_reason = (enum kvip_reason)rc;
	if (rc == 0)
		announced(r, e, now);
	else if (e->in_node)
		lost(r, e, now);
}

void recon_node_step(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	bool wanted = r->inject == KVIP_INJECT_BGP && r->deps.node_sink && e->has_want &&
		      !e->withdraw && !r->flushed;
	enum kvip_reason why = wanted ? obstacle(e) : KVIP_REASON_NONE;

	if (wanted && why == KVIP_REASON_NONE) {
		join(r, e, now);
		return;
	}
	leave(r, e, why, now);
}

enum kvip_route_state recon_node_state(const struct kvip_recon *r, const struct recon_entry *e)
{
	if (!e->has_want)
		return e->in_node || e->withdraw || (e->owned && r->active) ? KVIP_ROUTE_WITHDRAWING
									    : KVIP_ROUTE_KEPT;
	if (r->inject == KVIP_INJECT_OBSERVE || !r->deps.node_sink)
		return KVIP_ROUTE_OBSERVED;
	if (r->flushed)
		return KVIP_ROUTE_FLUSHED;
	switch (e->node_reason) {
	case KVIP_REASON_NONE:
		return e->in_node ? KVIP_ROUTE_ANNOUNCED : KVIP_ROUTE_WAITING;
	case KVIP_REASON_NOT_THROUGH_SELF:
		return KVIP_ROUTE_ELSEWHERE;
	case KVIP_REASON_OPERATOR_ROUTE:
		return KVIP_ROUTE_SHADOWED;
	default:
		return KVIP_ROUTE_REFUSED;
	}
}
