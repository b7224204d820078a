// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler's table: adoption, decisions, the operator's orders, time.
 *
 * Thread: T0. Everything that changes an entry ends in recon_dirty(); kvip_recon_send.c works the
 * dirty list off in slices and is the only place that calls the sink for routes. An entry's life:
 *
 *   adopt / decide -> dirty -> recorded in the state file -> sent -> confirmed by the feed
 *        ^                                                              |
 *        +---- next hop changed, swept by somebody, sink back ----------+
 *   decide(withdraw) -> dirty -> withdrawn, recorded as gone -> dropped
 *
 * That is `inject zebra`. The two other ways, and the change between them, are kvip_recon_node.c's.
 *
 * Facts behind it, measured on FRR 8.4.4: zebra does not re-evaluate a static ZAPI route when its
 * next hop changes; a restart of staticd sweeps routes of type static, ours included; the
 * redistribution feed shows a route only while it is selected, and after the kernel has taken it.
 */
#include "vip/kvip_recon_priv.h"

#include <errno.h>
#include <string.h>

#define OVERDUE_A_TICK 1024

int recon_entry_cmp(const struct recon_entry *a, const struct recon_entry *b)
{
	if (a->vrf_id != b->vrf_id)
		return a->vrf_id < b->vrf_id ? -1 : 1;
	return kvip_prefix_cmp(&a->prefix, &b->prefix);
}

RB_GENERATE(recon_table, recon_entry, link, recon_entry_cmp)

struct recon_entry *recon_find(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p)
{
	struct recon_entry key = { .vrf_id = vrf_id, .prefix = *p };

	return RB_FIND(recon_table, &r->table, &key);
}

struct recon_entry *recon_get(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p)
{
	struct recon_entry *e = recon_find(r, vrf_id, p);

	if (e)
		return e;
	e = kvip_calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->vrf_id = vrf_id;
	e->prefix = *p;
	e->epoch = r->epoch;
	e->want.cluster = "";
	SLIST_INIT(&e->olds);
	RB_INSERT(recon_table, &r->table, e);
	r->entries++;
	return e;
}

void recon_dirty(struct kvip_recon *r, struct recon_entry *e)
{
	if (e->dirty)
		return;
	e->dirty = true;
	TAILQ_INSERT_TAIL(&r->dirty, e, in_dirty);
}

void recon_resync(struct kvip_recon *r)
{
	r->resync_cursor = RB_MIN(recon_table, &r->table);
}

void recon_resync_some(struct kvip_recon *r, unsigned int max)
{
	for (; max && r->resync_cursor; max--) {
		struct recon_entry *e = r->resync_cursor;

		r->resync_cursor = RB_NEXT(recon_table, &r->table, e);
		recon_renew(r, e);
		if (e->has_want || e->owned || e->in_node || !SLIST_EMPTY(&e->olds))
			recon_dirty(r, e);
		else
			recon_drop_if_idle(r, e);
	}
}

void recon_renew(struct kvip_recon *r, struct recon_entry *e)
{
	if (e->epoch == r->epoch)
		return;
	e->epoch = r->epoch;
	recon_replace(&e->sent, NULL);
	recon_replace(&e->installed, NULL);
	recon_pending(r, e, false);
	e->foreign = false;
}

void recon_pending(struct kvip_recon *r, struct recon_entry *e, bool on)
{
	if (e->pending)
		TAILQ_REMOVE(&r->pending, e, in_pending);
	e->pending = on;
	e->overdue = false;
	if (on)
		TAILQ_INSERT_TAIL(&r->pending, e, in_pending);
}

void recon_own(struct kvip_recon *r, struct recon_entry *e, bool on)
{
	r->owned += (size_t)on - (size_t)e->owned;
	e->owned = on;
}

void recon_replace(const struct kvip_nhset **slot, const struct kvip_nhset *take)
{
	kvip_nhset_unref(*slot);
	*slot = take;
}

static void forget_want(struct kvip_recon *r, struct recon_entry *e)
{
	if (e->has_want)
		recon_set_leave(r, e);
	recon_replace(&e->want.nhs, NULL);
	e->has_want = e->current = false;
}

void recon_drop_old(struct kvip_recon *r, struct recon_entry *e, struct recon_old *old)
{
	SLIST_REMOVE(&e->olds, old, recon_old, link);
	kvip_free(old);
	r->owned--;
}

static void entry_free(struct kvip_recon *r, struct recon_entry *e)
{
	if (r->compact_cursor == e)
		r->compact_cursor = RB_NEXT(recon_table, &r->table, e);
	if (r->resync_cursor == e)
		r->resync_cursor = RB_NEXT(recon_table, &r->table, e);
	if (r->resend_cursor == e)
		r->resend_cursor = RB_NEXT(recon_table, &r->table, e);
	forget_want(r, e);
	recon_pending(r, e, false);
	recon_node_not_again(r, e);
	recon_unmark(r, e);
	if (e->dirty)
		TAILQ_REMOVE(&r->dirty, e, in_dirty);
	recon_own(r, e, false);
	while (!SLIST_EMPTY(&e->olds))
		recon_drop_old(r, e, SLIST_FIRST(&e->olds));
	kvip_nhset_unref(e->sent);
	kvip_nhset_unref(e->installed);
	RB_REMOVE(recon_table, &r->table, e);
	r->entries--;
	kvip_free(e);
}

void recon_drop_if_idle(struct kvip_recon *r, struct recon_entry *e)
{
	if (!e->has_want && !e->owned && !e->in_node && !e->foreign && SLIST_EMPTY(&e->olds))
		entry_free(r, e);
}

struct kvip_recon *kvip_recon_new(const struct kvip_recon_deps *deps)
{
	struct kvip_recon *r = kvip_calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->deps = *deps;
	RB_INIT(&r->table);
	RB_INIT(&r->nhs);
	RB_INIT(&r->sets);
	TAILQ_INIT(&r->dirty);
	TAILQ_INIT(&r->pending);
	TAILQ_INIT(&r->again);
	TAILQ_INIT(&r->marked);
	TAILQ_INIT(&r->walks);
	r->history = kvip_history_new();
	return r;
}

void kvip_recon_free(struct kvip_recon *r)
{
	struct recon_entry *e;

	if (!r)
		return;
	r->up = false; /* next hops are let go without telling the sink */
	while ((e = RB_MIN(recon_table, &r->table)))
		entry_free(r, e);
	kvip_facts_unref(r->facts);
	kvip_conf_unref(r->conf);
	kvip_history_free(r->history);
	kvip_free(r);
}

void kvip_recon_set_state(struct kvip_recon *r, struct kvip_state *state)
{
	r->deps.state = state;
	if (state)
		kvip_state_set_matches(state, r->facts ? r->facts->matches : NULL);
}

static int add_old(struct kvip_recon *r, struct recon_entry *e, const struct kvip_route_id *id,
		   uint32_t tag, uint32_t tag_before)
{
	struct recon_old *old = kvip_malloc(sizeof(*old));

	if (!old)
		return -ENOMEM;
	old->id = *id;
	old->tag = tag;
	old->tag_before = tag_before;
	SLIST_INSERT_HEAD(&e->olds, old, link);
	r->owned++;
	return 0;
}

/* Return: it was one of them. */
static bool drop_old_id(struct kvip_recon *r, struct recon_entry *e, const struct kvip_route_id *id)
{
	struct recon_old *old;

	SLIST_FOREACH(old, &e->olds, link) {
		if (kvip_route_id_cmp(&old->id, id))
			continue;
		recon_drop_old(r, e, old);
		return true;
	}
	return false;
}

int kvip_recon_adopt(struct kvip_recon *r, const struct kvip_route *route)
{
	struct recon_entry *e = recon_get(r, route->id.vrf_id, &route->id.prefix);

	r->disowned = false;
	if (!e)
		return -ENOMEM;
	if (e->owned || (e->has_want && kvip_route_id_cmp(&e->want.id, &route->id)))
		return add_old(r, e, &route->id, route->tag,
			       route->tag); /* a change of distance was under way */
	recon_own(r, e, true);
	e->id = route->id;
	e->tag = e->tag_before = route->tag;
	if (e->has_want)
		return 0;
	e->want = *route;
	kvip_nhset_ref(route->nhs);
	return 0;
}

/* The wanted identity differs from the one in zebra: that one goes when the new one is
 * confirmed. One that is gone back to, zebra may still have. */
static int change_identity(struct kvip_recon *r, struct recon_entry *e,
			   const struct kvip_route_id *id)
{
	if (e->owned && kvip_route_id_cmp(&e->id, id) == 0)
		return 0;
	if (!e->owned)
		recon_unrecord(r, e);
	if (e->owned && add_old(r, e, &e->id, e->tag, e->tag_before))
		return -ENOMEM;
	recon_own(r, e, drop_old_id(r, e, id));
	e->id = *id;
	recon_replace(&e->sent, NULL);
	recon_replace(&e->installed, NULL);
	return 0;
}

static int decide_route(struct kvip_recon *r, struct recon_entry *e, struct kvip_route *want,
			kvip_msec now)
{
	struct recon_set *set = recon_set_get(r, want->nhs, want->resolution, now);

	if (!set)
		return -ENOMEM;
	if (change_identity(r, e, &want->id)) {
		recon_set_done(r, set);
		return -ENOMEM;
	}
	if (e->set != set) {
		if (e->set)
			recon_set_leave(r, e);
		recon_set_join(set, e);
	}
	kvip_nhset_unref(e->want.nhs);
	e->want = *want;
	want->nhs = NULL;
	e->has_want = true;
	e->withdraw = e->current = e->answered = false;
	e->refused = KVIP_REASON_NONE;
	return 0;
}

/* A restored route that its cluster has confirmed, say: nothing in zebra or on disk would change. */
static bool is_decided_so(const struct kvip_recon *r, const struct recon_entry *e,
			  const struct kvip_route *want)
{
	return r->inject == KVIP_INJECT_ZEBRA && e->has_want && e->owned && e->current && e->sent &&
	       kvip_route_equal(&e->want, want) && kvip_route_id_cmp(&e->id, &want->id) == 0 &&
	       strcmp(e->want.cluster, want->cluster) == 0;
}

static int decide_announce(struct kvip_recon *r, struct kvip_decision *d, kvip_msec now)
{
	struct recon_entry *e = recon_get(r, d->vrf_id, &d->prefix);
	struct kvip_marks before;

	if (!e)
		return -ENOMEM;
	recon_renew(r, e);
	e->event_ms = d->event_ms;
	before = recon_marks(r, e);
	if (is_decided_so(r, e, &d->route)) {
		e->event_ms = 0;
		e->want.restored = d->route.restored;
		e->want.through_self = d->route.through_self;
		recon_put_marks(r, e, &d->route.marks);
		recon_replace(&d->route.nhs, NULL);
	} else {
		if (decide_route(r, e, &d->route, now))
			return -ENOMEM;
		recon_dirty(r, e);
	}
	recon_compare_marks(r, e, &before);
	return 0;
}

int kvip_recon_decide(struct kvip_recon *r, struct kvip_decision *d, kvip_msec now)
{
	struct recon_entry *e;

	if (!d->withdraw)
		return decide_announce(r, d, now);
	e = recon_find(r, d->vrf_id, &d->prefix);
	if (!e)
		return 0;
	recon_unrecord(r, e);
	forget_want(r, e);
	e->withdraw = true;
	e->event_ms = d->event_ms;
	recon_dirty(r, e);
	return 0;
}

void kvip_recon_sink_up(struct kvip_recon *r, kvip_msec now)
{
	r->up = true;
	r->blocked = false;
	r->epoch++;
	recon_nh_sink_up(r, now);
	recon_resync(r);
}

void kvip_recon_sink_down(struct kvip_recon *r, kvip_msec now)
{
	(void)now;
	r->up = false;
}

void kvip_recon_sink_writable(struct kvip_recon *r)
{
	r->blocked = false;
	if (r->inject != KVIP_INJECT_ZEBRA)
		recon_resync(r); /* what could not be withdrawn is on no list */
}

void kvip_recon_set_active(struct kvip_recon *r, bool active, kvip_msec now)
{
	(void)now;
	if (r->active == active)
		return;
	r->active = active;
	r->disowned = false;
	if (active || r->inject != KVIP_INJECT_ZEBRA)
		recon_resync(r);
}

void kvip_recon_disown(struct kvip_recon *r)
{
	r->disowned = true;
	recon_resync(r);
}

void kvip_recon_set_conf(struct kvip_recon *r, struct kvip_conf *conf)
{
	struct kvip_conf *old = r->conf;

	r->conf = kvip_conf_ref(conf);
	kvip_conf_unref(old);
	if (r->inject == conf->inject)
		return;
	r->inject = conf->inject;
	recon_resync(r);
}

size_t kvip_recon_owned(const struct kvip_recon *r)
{
	return r->owned;
}

void kvip_recon_recheck(struct kvip_recon *r)
{
	if (r->inject == KVIP_INJECT_BGP)
		recon_resync(r);
}

void kvip_recon_flush(struct kvip_recon *r, bool on, kvip_msec now)
{
	(void)now;
	r->flushed = on;
	recon_resync(r);
}

/*
 * What was swept again and again was held back until a tick. And the feed speaks of the main table
 * alone, so routes of others are sent again on suspicion.
 */
static void resend(struct kvip_recon *r)
{
	if (r->resend_cursor || !(r->some_held_back || r->tables_swept))
		return; /* what comes while it is under way waits for the next tick */
	r->resend_held_back = r->some_held_back;
	r->resend_tables = r->tables_swept;
	r->some_held_back = r->tables_swept = false;
	r->resend_cursor = RB_MIN(recon_table, &r->table);
}

void recon_resend_some(struct kvip_recon *r, unsigned int max)
{
	for (; max && r->resend_cursor; max--) {
		struct recon_entry *e = r->resend_cursor;

		r->resend_cursor = RB_NEXT(recon_table, &r->table, e);
		if (r->resend_held_back && e->held_back) {
			e->held_back = false;
			recon_dirty(r, e);
		}
		if (r->resend_tables && e->owned && e->id.table)
			recon_dirty(r, e);
	}
}

bool recon_has_overdue(const struct kvip_recon *r)
{
	const struct recon_entry *e = TAILQ_FIRST(&r->pending);

	return e && r->tick_ms - e->sent_ms >= RECON_CONFIRM_MS;
}

void recon_overdue_some(struct kvip_recon *r, unsigned int max)
{
	for (; max && recon_has_overdue(r); max--) {
		struct recon_entry *e = TAILQ_FIRST(&r->pending);

		recon_pending(r, e, false);
		e->overdue = true;
	}
}

void kvip_recon_tick(struct kvip_recon *r, kvip_msec now)
{
	r->tick_ms = now;
	recon_overdue_some(r, OVERDUE_A_TICK); /* also while zebra does not read */
	recon_nh_tick(r, now);
	resend(r);
	if (r->state_failing || (r->inject == KVIP_INJECT_BGP && !r->resync_cursor))
		recon_resync(r);
}
