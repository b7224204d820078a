// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the keyed mailbox, newest value per prefix, oldest prefix first.
 *
 * T1 posts, T0 takes, one mutex held for a tree operation. The wake-up is called outside of it and
 * only when the box becomes non-empty: T0 empties the box before it goes back to sleep.
 */
#include "vip/kvip_mailbox.h"

#include "base/kvip_tree.h"
#include <errno.h>
#include <pthread.h>
#include <sys/queue.h>

struct slot {
	RB_ENTRY(slot) by_key;
	STAILQ_ENTRY(slot) in_order;
	struct kvip_decision d;
};

RB_HEAD(slots, slot);

struct kvip_mailbox {
	pthread_mutex_t mutex;
	struct slots slots;
	STAILQ_HEAD(, slot) order;
	size_t pending;
	void (*wake)(void *ctx);
	void *ctx;
};

static int slot_cmp(const struct slot *a, const struct slot *b)
{
	if (a->d.vrf_id != b->d.vrf_id)
		return a->d.vrf_id < b->d.vrf_id ? -1 : 1;
	return kvip_prefix_cmp(&a->d.prefix, &b->d.prefix);
}

RB_GENERATE_STATIC(slots, slot, by_key, slot_cmp)

struct kvip_mailbox *kvip_mailbox_new(void (*wake)(void *ctx), void *ctx)
{
	struct kvip_mailbox *m = kvip_calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	pthread_mutex_init(&m->mutex, NULL);
	RB_INIT(&m->slots);
	STAILQ_INIT(&m->order);
	m->wake = wake;
	m->ctx = ctx;
	return m;
}

void kvip_mailbox_free(struct kvip_mailbox *m)
{
	struct kvip_decision d;

	if (!m)
		return;
	while (kvip_mailbox_take(m, &d))
		kvip_nhset_unref(d.route.nhs);
	pthread_mutex_destroy(&m->mutex);
	kvip_free(m);
}

/* The event that waits longest dates the entry. */
static void replace(struct slot *s, const struct kvip_decision *d, bool newer)
{
	kvip_msec first_ms = kvip_earlier(s->d.event_ms, d->event_ms);

	kvip_nhset_unref(newer ? s->d.route.nhs : d->route.nhs);
	if (newer)
		s->d = *d;
	s->d.event_ms = first_ms;
}

/* @newer: than what may be in the box for the same prefix. */
static int post(struct kvip_mailbox *m, const struct kvip_decision *d, bool newer)
{
	struct slot *fresh = kvip_malloc(sizeof(*fresh)), *old;
	bool wake;

	if (!fresh)
		return -ENOMEM;
	fresh->d = *d;
	pthread_mutex_lock(&m->mutex);
	old = RB_INSERT(slots, &m->slots, fresh);
	if (old) {
		replace(old, d, newer);
	} else {
		STAILQ_INSERT_TAIL(&m->order, fresh, in_order);
		m->pending++;
		fresh = NULL;
	}
	wake = !old && m->pending == 1;
	pthread_mutex_unlock(&m->mutex);
	kvip_free(fresh);
	if (wake && m->wake)
		m->wake(m->ctx);
	return 0;
}

int kvip_mailbox_post(struct kvip_mailbox *m, const struct kvip_decision *d)
{
	return post(m, d, true);
}

int kvip_mailbox_put_back(struct kvip_mailbox *m, const struct kvip_decision *d)
{
	return post(m, d, false);
}

bool kvip_mailbox_take(struct kvip_mailbox *m, struct kvip_decision *out)
{
	struct slot *s;

	pthread_mutex_lock(&m->mutex);
	s = STAILQ_FIRST(&m->order);
	if (s) {
		STAILQ_REMOVE_HEAD(&m->order, in_order);
		RB_REMOVE(slots, &m->slots, s);
		m->pending--;
	}
	pthread_mutex_unlock(&m->mutex);
	if (!s)
		return false;
	*out = s->d;
	kvip_free(s);
	return true;
}

size_t kvip_mailbox_pending(struct kvip_mailbox *m)
{
	size_t n;

	pthread_mutex_lock(&m->mutex);
	n = m->pending;
	pthread_mutex_unlock(&m->mutex);
	return n;
}
