// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the withdrawal guard: rules R4.
 *
 * Job: trip, hold, release. Thread: T1.
 *
 * It trips when pending and recent withdrawals together exceed the percentage of what the cluster
 * had before them *and* the minimum, or when a relist would leave no VIP at all, or while another
 * cluster answers under the name of this one. Once it has tripped it does not let go because time
 * passes: the window slides, a mistake does not. It releases when the operator accepts, when
 * release-after has passed, or when the table has come back: no more than the minimum still waits,
 * and the rest is within the percentage of what there was.
 */
#include "vip/kvip_guard.h"

#include <string.h>

static void slide(struct kvip_guard *g, kvip_msec now)
{
	int64_t second = now / 1000;

	if (second - g->second >= KVIP_GUARD_WINDOW_S) {
		memset(g->per_second, 0, sizeof(g->per_second));
		g->second = second;
	}
	while (g->second < second) {
		g->second++;
		g->per_second[(uint64_t)g->second % KVIP_GUARD_WINDOW_S] = 0;
	}
}

static size_t recent(struct kvip_guard *g, kvip_msec now)
{
	size_t n = 0;

	slide(g, now);
	for (unsigned int i = 0; i < KVIP_GUARD_WINDOW_S; i++)
		n += g->per_second[i];
	return n;
}

static bool trips(const struct kvip_guard_case *c, size_t withdrawn)
{
	size_t all = c->pending + withdrawn;

	if (c->relisted && c->pending >= c->routed)
		return true;
	return all > c->min && all * 100 > (size_t)c->percent * (c->routed + withdrawn);
}

static bool came_back(const struct kvip_guard *g, const struct kvip_guard_case *c)
{
	size_t left = c->routed - c->pending;

	return c->pending <= c->min &&
	       left * 100 >= (size_t)(100 - (c->percent < 100 ? c->percent : 100)) * g->base &&
	       left;
}

/* Let go; what waits passes uncounted. */
static void release(struct kvip_guard *g)
{
	memset(g->per_second, 0, sizeof(g->per_second));
	g->active = false;
	g->passing = true;
}

static void trip(struct kvip_guard *g, const struct kvip_guard_case *c, size_t withdrawn,
		 kvip_msec now)
{
	g->active = true;
	g->since_ms = now;
	g->base = c->routed + withdrawn;
}

bool kvip_guard_holds(struct kvip_guard *g, const struct kvip_guard_case *c, kvip_msec now)
{
	size_t withdrawn = recent(g, now);

	if (c->pending == 0) {
		g->active = g->passing = g->identity = false;
		return false;
	}
	if (c->identity_changed) {
		if (!g->active)
			trip(g, c, withdrawn, now);
		g->identity = true;
		g->passing = false;
		return true;
	}
	if (g->identity) /* release-after begins when ours answers again */
		g->since_ms = now;
	g->identity = false;
	if (g->passing)
		return false;
	if (!g->active && trips(c, withdrawn)) {
		trip(g, c, withdrawn, now);
	} else if (g->active && now >= kvip_guard_deadline(g, c->release_s)) {
		release(g);
	} else if (g->active && came_back(g, c)) {
		g->active = false;
	}
	return g->active;
}

void kvip_guard_note(struct kvip_guard *g, kvip_msec now)
{
	if (g->passing)
		return;
	slide(g, now);
	g->per_second[(uint64_t)g->second % KVIP_GUARD_WINDOW_S]++;
}

void kvip_guard_accept(struct kvip_guard *g)
{
	if (g->active)
		release(g);
	else
		memset(g->per_second, 0, sizeof(g->per_second));
}

kvip_msec kvip_guard_deadline(const struct kvip_guard *g, uint32_t release_s)
{
	if (!g->active || g->identity || release_s == 0)
		return KVIP_NEVER;
	return g->since_ms + (kvip_msec)release_s * 1000;
}
