// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: notifications of the model: what has changed since the last look, once a second.
 *
 * Thread: T0. That a cluster went through several states within a second is not told: the last one
 * is. Conflicts are looked for only after the engine's count of them has changed, a slice of the
 * table at a time, and told at most MAX_TOLD a second; those that were told are remembered, as far
 * as there is room, so that none is told twice while it lasts.
 *
 * Source: FRR 8.4.4, lib/northbound.c (nb_notification_send); without a northbound client that
 * subscribed it only writes `debug northbound notifications`.
 */
#include <zebra.h>

#include "frr/kvf_yang_priv.h"

#include "base/kvip_limits.h"

#include "linklist.h"

#define MAX_TOLD      8u /* conflicts in one look */
#define MAX_CONFLICTS 256u

struct cluster {
	char name[64];
	enum kvip_cluster_state state;
	bool guard;
	size_t held;
	char error[400];
};

static struct {
	struct cluster clusters[KVIP_MAX_CLUSTERS]; /* as they were told */
	size_t n_clusters;
	/* conflicts */
	uint64_t begun; /* as the engine counted when the last search began */
	size_t conflicts;
	bool searching;
	struct kvip_prefix at;
	struct kvip_prefix told[MAX_CONFLICTS], found[MAX_CONFLICTS];
	size_t n_told, n_found;
} last;

/* A notification with up to three leaves; a NULL value is left out. */
static void send_notification(const char *name, const char *const (*leaves)[2], size_t n)
{
	struct list *arguments = yang_data_list_new();
	char xpath[XPATH_MAXLEN], leaf[XPATH_MAXLEN];

	snprintf(xpath, sizeof(xpath), "/" KVF_YANG_MODULE ":%s", name);
	for (size_t i = 0; i < n; i++) {
		if (!leaves[i][1])
			continue;
		snprintf(leaf, sizeof(leaf), "/" KVF_YANG_MODULE ":%s/%s", name, leaves[i][0]);
		listnode_add(arguments, yang_data_new(leaf, leaves[i][1]));
	}
	nb_notification_send(xpath, arguments);
}

/* ---- clusters ---- */

struct look {
	struct cluster v[KVIP_MAX_CLUSTERS];
	size_t n;
};

static bool copy_cluster(void *ctx, const struct kvip_cluster_view *v)
{
	const char *error = kvip_show_cluster_error(v);
	struct look *l = ctx;
	struct cluster *c;

	if (l->n == KVIP_MAX_CLUSTERS)
		return false;
	c = &l->v[l->n++];
	*c = (struct cluster){ .state = v->state, .guard = v->guard_active, .held = v->held };
	snprintf(c->name, sizeof(c->name), "%s", v->name);
	snprintf(c->error, sizeof(c->error), "%s", error ? error : "");
	return true;
}

static const struct cluster *as_told(const char *name)
{
	static const struct cluster fresh = { .state = KVIP_CLUSTER_STARTING };

	for (size_t i = 0; i < last.n_clusters; i++)
		if (strcmp(last.clusters[i].name, name) == 0)
			return &last.clusters[i];
	return &fresh;
}

static void tell_state(const struct cluster *c)
{
	const char *const leaves[][2] = {
		{ "cluster", c->name },
		{ "state", kvip_show_cluster_state(c->state) },
		{ "last-error", c->error[0] ? c->error : NULL },
	};

	send_notification("cluster-state-change", leaves, array_size(leaves));
}

static void tell_guard(const struct cluster *c)
{
	char held[24];
	const char *const leaves[][2] = {
		{ "cluster", c->name },
		{ "active", c->guard ? "true" : "false" },
		{ "held-vips", held },
	};

	snprintf(held, sizeof(held), "%zu", c->held);
	send_notification("withdraw-guard", leaves, array_size(leaves));
}

static void tell_clusters(struct kvip_engine *e)
{
	static struct look now;

	now.n = 0;
	kvip_engine_each_cluster(e, copy_cluster, &now);
	for (size_t i = 0; i < now.n; i++) {
		const struct cluster *c = &now.v[i], *was = as_told(c->name);

		if (c->state != was->state)
			tell_state(c);
		if (c->guard != was->guard)
			tell_guard(c);
	}
	memcpy(last.clusters, now.v, sizeof(now.v));
	last.n_clusters = now.n;
}

/* ---- conflicts ---- */

static void name_claim(char *buf, size_t size, const struct kvip_claim_view *c)
{
	snprintf(buf, size, "%s/%s %s/%s", c->cluster, c->kind, c->ns, c->name);
}

struct conflict {
	char holder[640], loser[640];
};

/* Claims stand in order: the holder's first, then those that lost. */
static bool copy_conflict(void *ctx, const struct kvip_vip_view *v)
{
	struct conflict *c = ctx;

	for (size_t i = 0; i < v->n_claims; i++) {
		if (v->claims[i].reason == KVIP_REASON_HELD_BY_OTHER && !c->loser[0]) {
			name_claim(c->loser, sizeof(c->loser), &v->claims[i]);
			if (!c->holder[0] && v->claims[i].winner)
				snprintf(c->holder, sizeof(c->holder), "%s", v->claims[i].winner);
		} else if (i == 0) {
			name_claim(c->holder, sizeof(c->holder), &v->claims[i]);
		}
	}
	return true;
}

static void tell_conflict(struct kvip_engine *e, const struct kvip_prefix *p)
{
	struct conflict c = { "", "" };
	char prefix[KVIP_PREFIX_STRLEN];
	const char *const leaves[][2] = {
		{ "prefix", kvip_prefix_render(p, prefix) },
		{ "holder", c.holder },
		{ "loser", c.loser },
	};

	if (kvip_engine_show_vip(e, p, copy_conflict, &c) && c.loser[0])
		send_notification("vip-conflict", leaves, array_size(leaves));
}

static bool was_told(const struct kvip_prefix *p)
{
	for (size_t i = 0; i < last.n_told; i++)
		if (kvip_prefix_cmp(&last.told[i], p) == 0)
			return true;
	return false;
}

static void search_ended(void)
{
	last.searching = false;
	memcpy(last.told, last.found, sizeof(last.found));
	last.n_told = last.n_found;
}

static void search(struct kvip_engine *e)
{
	unsigned int told = 0;
	int rc = 1;

	while (rc == 1 && told < MAX_TOLD) {
		rc = kvip_engine_find_conflict(e, &last.at);
		if (rc != 1)
			break;
		if (!was_told(&last.at)) {
			tell_conflict(e, &last.at);
			told++;
		}
		if (last.n_found < MAX_CONFLICTS)
			last.found[last.n_found++] = last.at;
	}
	if (rc == -ENOENT)
		search_ended();
}

static void tell_conflicts(struct kvip_engine *e)
{
	struct kvip_engine_summary sum;

	kvip_engine_get_summary(e, &sum);
	if (!last.searching &&
	    (sum.conflicts_begun != last.begun || sum.conflicts != last.conflicts)) {
		last.searching = true;
		last.begun = sum.conflicts_begun;
		last.conflicts = sum.conflicts;
		last.at = (struct kvip_prefix){ 0 };
		last.n_found = 0;
	}
	if (last.searching)
		search(e);
}

void kvf_yang_notify(void)
{
	struct kvip_show_ctx s;

	if (!kvf_yang_hooks())
		return;
	kvf_yang_hooks()->look(&s);
	if (!s.engine)
		return;
	tell_clusters(s.engine);
	tell_conflicts(s.engine);
}
