// SPDX-License-Identifier: GPL-2.0-or-later
/* DOC: a ring of changes; change N lies in slot N modulo its size. Thread: T0. */
#include "vip/kvip_history.h"

#include "base/kvip_mem.h"

struct kvip_history {
	uint64_t last; /* number of the newest */
	struct kvip_history_entry v[KVIP_HISTORY_SIZE];
};

const char *kvip_change_word(enum kvip_change c)
{
	static const char *const words[] = {
#define X(id, word) [KVIP_CHANGE_##id] = word,
		KVIP_CHANGES(X)
#undef X
	};

	return words[c];
}

struct kvip_history *kvip_history_new(void)
{
	return kvip_calloc(1, sizeof(struct kvip_history));
}

void kvip_history_free(struct kvip_history *h)
{
	kvip_free(h);
}

uint64_t kvip_history_add(struct kvip_history *h, const struct kvip_history_entry *e)
{
	struct kvip_history_entry *slot;

	if (!h)
		return 0;
	slot = &h->v[++h->last % KVIP_HISTORY_SIZE];
	*slot = *e;
	slot->number = h->last;
	return h->last;
}

void kvip_history_installed(struct kvip_history *h, uint64_t number, kvip_msec now)
{
	struct kvip_history_entry *slot;

	if (!h || !number)
		return;
	slot = &h->v[number % KVIP_HISTORY_SIZE];
	if (slot->number == number && !slot->installed_ms)
		slot->installed_ms = now;
}

void kvip_history_each(const struct kvip_history *h, kvip_history_fn *fn, void *ctx)
{
	uint64_t n;

	if (!h)
		return;
	for (n = h->last; n && h->last - n < KVIP_HISTORY_SIZE; n--)
		if (!fn(ctx, &h->v[n % KVIP_HISTORY_SIZE]))
			return;
}
