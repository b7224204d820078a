// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the end of a batch: what shall be withdrawn, judged as a whole.
 *
 * Job: ask each cluster's guard, then withdraw what may go, in slices. Thread: T1.
 *
 * Everything is known when this runs: no key is dirty, no sweep under way. What the guard holds
 * stays in the cluster's pending list, its route in force, until its claims come back (then it
 * leaves the list as a decision like any other) or the guard lets go.
 */
#include "vip/kvip_table_priv.h"

#include <errno.h>

static int withdraw(struct kvip_table *t, struct kvip_vip *v, enum kvip_withdraw_why why)
{
	struct kvip_cluster *c = v->holder;

	if (kvip_vip_post_withdraw(t, v, why))
		return -ENOMEM;
	kvip_vip_enqueue(t, v, KVIP_QUEUE_NONE);
	kvip_vip_set_in_force(t, v, NULL, NULL, false);
	if (c)
		c->withdrawals++;
	kvip_vip_release(t, v);
	return 0;
}

static enum kvip_work flush_now(struct kvip_table *t, size_t *budget)
{
	struct kvip_vip *v;

	while ((v = TAILQ_FIRST(&t->now_list))) {
		bool lost = v->holder && v->holder->api_lost;

		if (!*budget)
			return KVIP_WORK_MORE;
		(*budget)--;
		if (withdraw(t, v, lost ? KVIP_WITHDRAW_API : KVIP_WITHDRAW_OPERATOR))
			return KVIP_WORK_NOMEM;
	}
	return KVIP_WORK_IDLE;
}

static bool guard_holds(struct kvip_cluster *c)
{
	struct kvip_guard_case gc = { .routed = c->n_in_force,
				      .pending = c->n_pending,
				      .relisted = c->relisted,
				      .identity_changed = c->identity_changed };
	bool was = c->guard.active, holds;

	if (c->conf) {
		gc.percent = c->conf->guard_percent;
		gc.min = c->conf->guard_min;
		gc.release_s = c->conf->guard_release_s;
	}
	holds = kvip_guard_holds(&c->guard, &gc, c->table->now);
	if (holds && !was)
		kvip_log(c->table->log, KVIP_LOG_WARN,
			 "cluster %s: withdrawal guard holds %zu of %zu VIPs; "
			 "`clear kubevip withdraw-guard` if their withdrawal is right",
			 c->name, c->n_pending, c->n_in_force);
	if (!holds && was)
		kvip_log(c->table->log, KVIP_LOG_INFO,
			 "cluster %s: withdrawal guard released, %zu VIPs to withdraw", c->name,
			 c->n_pending);
	return holds;
}

static enum kvip_work flush_pending(struct kvip_cluster *c, size_t *budget)
{
	struct kvip_vip *v;

	if (guard_holds(c))
		return KVIP_WORK_IDLE;
	while ((v = TAILQ_FIRST(&c->pending))) {
		if (!*budget)
			return KVIP_WORK_MORE;
		(*budget)--;
		if (withdraw(c->table, v, KVIP_WITHDRAW_API))
			return KVIP_WORK_NOMEM;
		kvip_guard_note(&c->guard, c->table->now);
	}
	guard_holds(c); /* nothing waits any more: it forgets what it let pass */
	return KVIP_WORK_IDLE;
}

/* VIPs that maximum-vips refused get their chance when there is room. */
static bool fill_room(struct kvip_table *t)
{
	struct kvip_vip *v;

	if (!t->room)
		return false;
	t->room = false;
	if (t->n_over_limit == 0)
		return false;
	for (v = kvip_vip_first(t); v; v = kvip_vip_next(v))
		if (v->over_limit)
			kvip_vip_dirty(t, v);
	return true;
}

enum kvip_work kvip_table_end_batch(struct kvip_table *t, size_t budget)
{
	struct kvip_cluster *c;
	enum kvip_work w = flush_now(t, &budget);

	if (w != KVIP_WORK_IDLE)
		return w;
	TAILQ_FOREACH(c, &t->clusters, of_table) {
		w = flush_pending(c, &budget);
		if (w != KVIP_WORK_IDLE)
			return w;
	}
	if (fill_room(t))
		return KVIP_WORK_MORE;
	TAILQ_FOREACH(c, &t->clusters, of_table)
		if (c->live)
			c->relisted = false;
	t->batch_open = false;
	return KVIP_WORK_IDLE;
}

void kvip_table_accept(struct kvip_cluster *c)
{
	c->identity_changed = false;
	kvip_guard_accept(&c->guard);
	c->table->batch_open = true;
}
