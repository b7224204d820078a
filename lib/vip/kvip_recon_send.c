// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler's hand: records, announces and withdraws, a slice at a time.
 *
 * Thread: T0. A slice takes the first entries of the dirty list, writes what they are about to
 * become to the state file with one write, and only then talks to the sink (rules R1). If the file
 * cannot be written, what is not recorded yet waits, and what is goes on.
 */
#include "vip/kvip_recon_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What only looks is so much cheaper than a route that is sent. */
#define LOOKS_PER_SEND 4

static bool same_id(const struct recon_entry *e)
{
	return e->owned && kvip_route_id_cmp(&e->id, &e->want.id) == 0;
}

/* What the entry should come to, given what is known at this moment. */
enum intent { LEAVE, ANNOUNCE, WITHDRAW };

static enum intent intent_of(struct kvip_recon *r, struct recon_entry *e)
{
	if (!r->active || !r->up || r->inject != KVIP_INJECT_ZEBRA)
		return LEAVE;
	e->refused = KVIP_REASON_NONE;
	if (e->withdraw || r->flushed)
		return WITHDRAW;
	if (!e->has_want)
		return LEAVE;
	recon_look_at(r, e->set); /* by what is known now, not when it came to the list */
	if (!recon_usable(r, e->set))
		return LEAVE;
	if (e->set->has_own)
		e->refused = KVIP_REASON_ROUTER_IS_NODE;
	else if (e->set->usable->n == 0)
		e->refused = KVIP_REASON_NO_NEXT_HOP;
	if (e->refused)
		return WITHDRAW;
	if (!e->owned && e->foreign && e->foreign_distance == e->want.id.distance &&
	    e->foreign_tag != e->want.tag) {
		e->refused = KVIP_REASON_SAME_IDENTITY;
		return LEAVE;
	}
	return ANNOUNCE;
}

static void state_failed(struct kvip_recon *r, const char *why)
{
	if (!r->state_failing)
		kvip_log(r->deps.log, KVIP_LOG_ERROR, "%s", why);
	r->state_failing = true;
	snprintf(r->state_error, sizeof(r->state_error), "%.190s", why);
}

/* Record what the first @n dirty entries are about to become. */
static void record(struct kvip_recon *r, unsigned int n)
{
	struct kvip_err err = { "out of memory" };
	struct recon_entry *e;
	unsigned int i = 0;
	int rc = 0;

	if (!r->deps.state)
		return;
	/* what could not be written waits there: more would only pile up behind it */
	if (r->state_failing && kvip_state_commit(r->deps.state, &err)) {
		state_failed(r, err.text);
		return;
	}
	TAILQ_FOREACH(e, &r->dirty, in_dirty) {
		if (i++ == n)
			break;
		recon_renew(r, e);
		if (!rc && intent_of(r, e) == ANNOUNCE && !e->current)
			rc = kvip_state_own(r->deps.state, &e->want);
	}
	if (!rc)
		rc = kvip_state_commit(r->deps.state, &err);
	if (rc) {
		state_failed(r, err.text);
		return;
	}
	if (r->state_failing) {
		kvip_log(r->deps.log, KVIP_LOG_INFO, "the state file can be written again");
		recon_resync(r); /* what waited for that is on no list */
	}
	r->state_failing = false;
	i = 0;
	TAILQ_FOREACH(e, &r->dirty, in_dirty) {
		if (i++ == n)
			break;
		if (intent_of(r, e) == ANNOUNCE)
			e->current = true;
	}
}

static void note_gone(struct kvip_recon *r, const struct kvip_route_id *id)
{
	if (r->deps.state && kvip_state_gone(r->deps.state, id))
		state_failed(r, "out of memory for the state file");
}

void recon_displaced(struct kvip_recon *r, struct recon_entry *e)
{
	note_gone(r, &e->id);
	recon_own(r, e, false);
	e->current = false;
	recon_replace(&e->sent, NULL);
}

void recon_unrecord(struct kvip_recon *r, struct recon_entry *e)
{
	if (e->current && !e->owned)
		note_gone(r, &e->want.id);
	e->current = false;
}

void recon_displaced_old(struct kvip_recon *r, struct recon_entry *e, struct recon_old *old)
{
	note_gone(r, &old->id);
	recon_drop_old(r, e, old);
}

/* The event that led to it counts for the first change after it only. */
void recon_note_change(struct kvip_recon *r, struct recon_entry *e, enum kvip_change change,
		       kvip_msec now)
{
	bool node = r->inject == KVIP_INJECT_BGP;
	struct kvip_history_entry h = { .prefix = e->prefix,
					.change = change,
					.reason = node ? e->node_reason : e->refused,
					.next_hops = e->sent ? e->sent->n : e->in_node,
					.event_ms = e->event_ms,
					.sent_ms = now };

	if (r->flushed)
		h.reason = KVIP_REASON_FLUSHED;
	snprintf(h.cluster, sizeof(h.cluster), "%s", e->want.cluster);
	e->event_ms = 0;
	e->change = kvip_history_add(r->history, &h);
}

static int announce(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	const struct kvip_nhset *usable = recon_usable(r, e->set), *before = e->sent;
	bool overdue;
	int rc;

	if (r->deps.state && !e->current && !same_id(e))
		return 0; /* not recorded: waits for the state file */
	rc = r->deps.sink->announce(r->deps.sink_ctx, &e->want, usable);
	if (rc == -EAGAIN)
		return rc;
	if (rc) {
		kvip_log(r->deps.log, KVIP_LOG_ERROR, "%s: cannot send a route: %s",
			 r->deps.sink->name, strerror(-rc));
		return 0;
	}
	r->announces++;
	overdue = e->overdue;
	e->tag_before = e->owned ? e->tag : e->want.tag;
	recon_own(r, e, true);
	e->id = e->want.id;
	e->tag = e->want.tag;
	recon_replace(&e->sent, kvip_nhset_ref(usable));
	e->sent_ms = now;
	if (before != usable || e->event_ms)
		recon_note_change(r, e, before ? KVIP_CHANGE_CHANGED : KVIP_CHANGE_ANNOUNCED, now);
	recon_pending(r, e, e->id.table == 0 && e->installed != usable);
	e->overdue = overdue && e->pending;
	return 0;
}

/*
 * Does this identity keep the wanted one from ever being confirmed? The feed shows the selected
 * route of a prefix alone, and of the main table alone.
 */
static bool hides_wanted(const struct recon_old *old, const struct recon_entry *e)
{
	if (e->want.id.table)
		return true;
	return old->id.table == 0 && old->id.distance < e->want.id.distance;
}

/* Delete identities that are no longer wanted: all, or those that hide the wanted one. */
static int delete_olds(struct kvip_recon *r, struct recon_entry *e, bool all)
{
	struct recon_old *old, *next;

	for (old = SLIST_FIRST(&e->olds); old; old = next) {
		int rc;

		next = SLIST_NEXT(old, link);
		if (!all && !hides_wanted(old, e))
			continue;
		rc = r->deps.sink->withdraw(r->deps.sink_ctx, &old->id);
		if (rc)
			return rc;
		r->withdraws++;
		note_gone(r, &old->id);
		recon_drop_old(r, e, old);
	}
	return 0;
}

static void forget_sent(struct kvip_recon *r, struct recon_entry *e)
{
	recon_own(r, e, false);
	e->current = false;
	recon_replace(&e->sent, NULL);
	recon_pending(r, e, false);
	e->withdraw = false;
}

static int withdraw(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	int rc = delete_olds(r, e, true);

	if (!rc && e->owned) {
		rc = r->deps.sink->withdraw(r->deps.sink_ctx, &e->id);
		if (!rc) {
			r->withdraws++;
			note_gone(r, &e->id);
			recon_replace(&e->sent, NULL);
			recon_note_change(r, e, KVIP_CHANGE_WITHDRAWN, now);
		}
	}
	if (rc)
		return rc;
	recon_unrecord(r, e);
	forget_sent(r, e);
	return 0;
}

/* Not `inject zebra`, or not our turn any more: what zebra has of ours goes, if it is ours to take
 * away. */
static int leave_zebra(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	if (!e->owned && SLIST_EMPTY(&e->olds)) {
		recon_unrecord(r, e);
		e->withdraw = false;
		return 0;
	}
	if (r->active)
		return r->up && !r->blocked ? withdraw(r, e, now) : 0;
	while (!SLIST_EMPTY(&e->olds))
		recon_drop_old(r, e, SLIST_FIRST(&e->olds));
	forget_sent(r, e);
	return 0;
}

static int carry_out(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	int rc = 0;

	recon_renew(r, e);
	recon_node_step(r, e, now);
	if (r->inject != KVIP_INJECT_ZEBRA || r->disowned)
		return leave_zebra(r, e, now);
	switch (intent_of(r, e)) {
	case ANNOUNCE:
		if (!SLIST_EMPTY(&e->olds) && same_id(e) && e->installed)
			rc = delete_olds(r, e, true);
		if (!rc)
			rc = announce(r, e, now);
		if (!rc && same_id(e))
			rc = delete_olds(r, e, false);
		break;
	case WITHDRAW:
		rc = withdraw(r, e, now);
		break;
	case LEAVE:
		break;
	}
	return rc;
}

/* A full channel to zebra does not keep the node sink waiting. */
static bool is_stalled(const struct kvip_recon *r)
{
	return r->blocked && r->inject == KVIP_INJECT_ZEBRA;
}

bool kvip_recon_has_work(const struct kvip_recon *r)
{
	return !is_stalled(r) &&
	       (!TAILQ_EMPTY(&r->dirty) || !TAILQ_EMPTY(&r->walks) || r->resync_cursor ||
		r->compacting || r->sweep_cursor || r->resend_cursor || recon_has_overdue(r));
}

bool kvip_recon_step(struct kvip_recon *r, unsigned int max_ops, kvip_msec now)
{
	struct recon_entry *e;

	if (is_stalled(r))
		return false;
	recon_node_due(r, now);
	recon_compact_some(r, max_ops);
	recon_resync_some(r, max_ops);
	recon_resend_some(r, LOOKS_PER_SEND * max_ops);
	recon_overdue_some(r, LOOKS_PER_SEND * max_ops);
	recon_sweep_some(r, max_ops);
	recon_walk_some(r, max_ops);
	record(r, max_ops);
	for (unsigned int i = 0; i < max_ops && (e = TAILQ_FIRST(&r->dirty)); i++) {
		if (carry_out(r, e, now)) {
			r->blocked = true;
			if (is_stalled(r))
				return false;
		}
		e->dirty = false;
		TAILQ_REMOVE(&r->dirty, e, in_dirty);
		recon_drop_if_idle(r, e);
	}
	return kvip_recon_has_work(r);
}

static void compact_end(struct kvip_recon *r)
{
	struct kvip_err err;

	r->compacting = false;
	if (kvip_state_compact_end(r->deps.state, &err))
		kvip_log(r->deps.log, KVIP_LOG_WARN, "%s", err.text);
}

/* One line for each identity that zebra may have. */
static int compact_entry(struct kvip_recon *r, const struct recon_entry *e)
{
	struct kvip_route line = e->want;
	const struct recon_old *old;
	int rc = 0;

	if (e->owned) {
		line.id = e->id;
		line.tag = e->tag;
		rc = kvip_state_compact_route(r->deps.state, &line);
	}
	SLIST_FOREACH(old, &e->olds, link) {
		if (rc)
			break;
		line.id = old->id;
		rc = kvip_state_compact_route(r->deps.state, &line);
	}
	return rc;
}

void recon_compact_some(struct kvip_recon *r, unsigned int max)
{
	if (!r->deps.state)
		return;
	if (!r->compacting) {
		if (!kvip_state_compact_wanted(r->deps.state, r->entries))
			return;
		if (kvip_state_compact_begin(r->deps.state))
			return;
		r->compacting = true;
		r->compact_cursor = RB_MIN(recon_table, &r->table);
	}
	for (; max && r->compact_cursor; max--) {
		struct recon_entry *e = r->compact_cursor;

		r->compact_cursor = RB_NEXT(recon_table, &r->table, e);
		if (compact_entry(r, e)) {
			r->compacting = false;
			return;
		}
	}
	if (!r->compact_cursor)
		compact_end(r);
}
