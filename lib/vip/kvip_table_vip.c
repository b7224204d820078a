// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: VIPs, the queues they wait in, and what is in force for each.
 *
 * Job: kvip_vip_set_in_force() is the one place that changes what T0 has, so that every count and
 * the digest follow by themselves; kvip_vip_enqueue() the one that moves a VIP between queues.
 * Thread: T1.
 *
 * The digest (F20) is the sum, modulo 2^64, of a hash of each decided route, so that it is kept up
 * to date with the change of one VIP and T0 reads it in no time; a sum does not depend on order,
 * which a digest over a walk in prefix order would only have to establish again.
 */
#include "base/kvip_hash.h"
#include "vip/kvip_table_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int vip_cmp(const struct kvip_vip *a, const struct kvip_vip *b)
{
	return kvip_prefix_cmp(&a->prefix, &b->prefix);
}

RB_GENERATE_STATIC(kvip_vips, kvip_vip, by_prefix, vip_cmp)

struct kvip_vip *kvip_vip_find(struct kvip_table *t, const struct kvip_prefix *p)
{
	struct kvip_vip key = { .prefix = *p };

	return RB_FIND(kvip_vips, &t->vips, &key);
}

struct kvip_vip *kvip_vip_get(struct kvip_table *t, const struct kvip_prefix *p)
{
	struct kvip_vip *v = kvip_vip_find(t, p);

	if (v)
		return v;
	v = kvip_calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->prefix = *p;
	RB_INSERT(kvip_vips, &t->vips, v);
	return v;
}

struct kvip_vip *kvip_vip_first(struct kvip_table *t)
{
	return RB_MIN(kvip_vips, &t->vips);
}

struct kvip_vip *kvip_vip_next(struct kvip_vip *v)
{
	return RB_NEXT(kvip_vips, NULL, v);
}

struct kvip_vip *kvip_vip_after(struct kvip_table *t, const struct kvip_prefix *p)
{
	struct kvip_vip key = { .prefix = *p }, *v = RB_NFIND(kvip_vips, &t->vips, &key);

	return v && kvip_prefix_cmp(&v->prefix, p) == 0 ? kvip_vip_next(v) : v;
}

static void dequeue(struct kvip_table *t, struct kvip_vip *v)
{
	switch (v->queue) {
	case KVIP_QUEUE_DIRTY:
		TAILQ_REMOVE(&t->dirty, v, in_queue);
		t->n_dirty--;
		break;
	case KVIP_QUEUE_PENDING:
		TAILQ_REMOVE(&v->holder->pending, v, in_queue);
		v->holder->n_pending--;
		break;
	case KVIP_QUEUE_NOW:
		TAILQ_REMOVE(&t->now_list, v, in_queue);
		break;
	}
	v->queue = KVIP_QUEUE_NONE;
}

void kvip_vip_enqueue(struct kvip_table *t, struct kvip_vip *v, enum kvip_vip_queue queue)
{
	dequeue(t, v);
	v->queue = (uint8_t)queue;
	switch (queue) {
	case KVIP_QUEUE_NONE:
		break;
	case KVIP_QUEUE_DIRTY:
		TAILQ_INSERT_TAIL(&t->dirty, v, in_queue);
		t->n_dirty++;
		break;
	case KVIP_QUEUE_PENDING:
		TAILQ_INSERT_TAIL(&v->holder->pending, v, in_queue);
		v->holder->n_pending++;
		break;
	case KVIP_QUEUE_NOW:
		TAILQ_INSERT_TAIL(&t->now_list, v, in_queue);
		break;
	}
}

/* A VIP that waited for the guard keeps that mark: an operator's cause that has nothing to do with
 * it must not carry it past the guard. */
void kvip_vip_dirty(struct kvip_table *t, struct kvip_vip *v)
{
	if (v->queue == KVIP_QUEUE_DIRTY)
		return;
	if (v->queue == KVIP_QUEUE_PENDING)
		v->was_pending = true;
	if (v->queue == KVIP_QUEUE_NOW)
		v->was_now = true;
	t->batch_open = true;
	kvip_vip_enqueue(t, v, KVIP_QUEUE_DIRTY);
}

bool kvip_vip_release(struct kvip_table *t, struct kvip_vip *v)
{
	if (v->in_force || v->restored || !SLIST_EMPTY(&v->claims) || v->queue != KVIP_QUEUE_NONE)
		return false;
	kvip_vip_warn(t, v, KVIP_REASON_NONE);
	RB_REMOVE(kvip_vips, &t->vips, v);
	kvip_free(v);
	return true;
}

void kvip_vip_warn(struct kvip_table *t, struct kvip_vip *v, enum kvip_reason warning)
{
	if (v->warning)
		t->n_warned[v->warning]--;
	v->warning = (uint8_t)warning;
	if (v->warning)
		t->n_warned[v->warning]++;
}

/* Over prefix, next hops, tag and distance, in network order. */
static uint64_t route_hash(const struct kvip_vip *v)
{
	const uint8_t number[5] = { (uint8_t)(v->tag >> 24), (uint8_t)(v->tag >> 16),
				    (uint8_t)(v->tag >> 8), (uint8_t)v->tag, v->distance };
	uint64_t h = v->nhs->hash;

	h = kvip_hash(h, &v->prefix.addr.family, 1);
	h = kvip_hash(h, v->prefix.addr.b, sizeof(v->prefix.addr.b));
	h = kvip_hash(h, &v->prefix.len, 1);
	return kvip_hash(h, number, sizeof(number));
}

/* Everything that is counted about @v, once with its old state and once with the new. */
static void count(struct kvip_table *t, const struct kvip_vip *v, int sign)
{
	if (!v->in_force)
		return;
	if (v->holder)
		v->holder->n_in_force += (size_t)sign;
	if (!v->told)
		return;
	t->n_told += (size_t)sign;
	t->digest += (uint64_t)(int64_t)sign * route_hash(v);
	if (v->as_restored)
		t->n_as_restored += (size_t)sign;
}

static bool is_full(const struct kvip_cluster *c)
{
	return c && c->conf && c->n_in_force >= c->conf->maximum_vips;
}

void kvip_vip_set_in_force(struct kvip_table *t, struct kvip_vip *v, const struct kvip_route *r,
			   struct kvip_cluster *holder, bool told)
{
	struct kvip_cluster *before = v->holder;
	const struct kvip_nhset *old = v->nhs;
	bool was_full = is_full(before);

	count(t, v, -1);
	v->in_force = r != NULL;
	v->told = r && told;
	v->holder = r ? holder : NULL;
	v->nhs = r ? r->nhs : NULL;
	if (r) {
		v->tag = r->tag;
		v->table = r->id.table;
		v->distance = r->id.distance;
		v->resolution = r->resolution;
		v->marks = r->marks;
	}
	v->as_restored = r && r->restored;
	v->through_self = r && r->through_self;
	v->changed_ms = t->now;
	count(t, v, 1);
	t->room |= was_full && !is_full(before);
	kvip_nhset_unref(old);
}

void kvip_vip_set_holder(struct kvip_table *t, struct kvip_vip *v, struct kvip_cluster *holder)
{
	count(t, v, -1);
	v->holder = holder;
	count(t, v, 1);
}

void kvip_vip_set_marks(struct kvip_vip *v, const struct kvip_marks *marks)
{
	v->marks = *marks;
}

void kvip_vip_route(const struct kvip_vip *v, struct kvip_route *out)
{
	const char *name = "";

	if (v->holder)
		name = v->holder->name;
	else if (v->restored)
		name = v->restored->cluster;
	*out = (struct kvip_route){
		.id = { .table = v->table, .prefix = v->prefix, .distance = v->distance },
		.tag = v->tag,
		.resolution = v->resolution,
		.nhs = v->nhs,
		.cluster = name,
		.marks = v->marks,
		.restored = v->as_restored,
		.through_self = v->through_self,
	};
}

int kvip_vip_post_announce(struct kvip_table *t, const struct kvip_route *r)
{
	struct kvip_decision d = {
		.prefix = r->id.prefix, .vrf_id = r->id.vrf_id, .route = *r, .event_ms = t->now
	};
	int rc;

	kvip_nhset_ref(r->nhs);
	rc = kvip_mailbox_post(t->mailbox, &d);
	if (rc)
		kvip_nhset_unref(r->nhs);
	return rc;
}

int kvip_vip_post_withdraw(struct kvip_table *t, struct kvip_vip *v, enum kvip_withdraw_why why)
{
	struct kvip_decision d = { .prefix = v->prefix, .withdraw = why, .event_ms = t->now };

	kvip_vip_route(v, &d.route);
	d.route.nhs = NULL;
	return kvip_mailbox_post(t->mailbox, &d);
}
