// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what was in force before a restart: rules R4, "the snapshot".
 *
 * Job: keep each restored route as it is until its cluster can speak for itself. Thread: T1; the
 * entries are made before the first step.
 *
 * An entry is in one of these states, told apart anew whenever the configuration changes:
 *   allowed   its cluster is configured and today's configuration lets it have the address: it is
 *             decided as it was, marked restored, and ranks as a LoadBalancer claim of that
 * cluster; waiting   its cluster is configured, but something is against it (age, range,
 * prefix-list): T0 has the route and nobody touches it before the cluster has synchronised; orphan
 * its cluster is not configured (yet): the same, until `clear kubevip orphans`; dismissed by the
 * operator: it goes. When its cluster has synchronised the entry is forgotten, and the route is in
 * force like any other: confirmed by a claim, or withdrawn as that cluster's withdrawal, which the
 * guard may hold.
 */
#include "vip/kvip_table_priv.h"

#include "kube/kvip_feed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct kvip_restored_entry *entry_new(const char *cluster, const char *identity)
{
	struct kvip_restored_entry *r = kvip_calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->cluster = cluster;
	snprintf(r->identity, sizeof(r->identity), "%s", identity ? identity : "");
	return r;
}

/* A second route for a prefix (another table or distance) is T0's alone. */
int kvip_table_restore(struct kvip_table *t, const struct kvip_route *r, const char *identity,
		       kvip_wall confirmed_s, bool in_zebra)
{
	struct kvip_vip *v = kvip_vip_get(t, &r->id.prefix);
	struct kvip_restored_entry *e;
	struct kvip_route copy = *r;

	if (!v)
		return -ENOMEM;
	if (v->in_force)
		return 0;
	e = entry_new(r->cluster, identity);
	if (!e) {
		kvip_vip_release(t, v);
		return -ENOMEM;
	}
	e->vip = v;
	e->confirmed_s = confirmed_s;
	e->in_zebra = in_zebra;
	LIST_INSERT_HEAD(&t->restored, e, of_table);
	v->restored = e;
	copy.nhs = kvip_nhset_ref(r->nhs);
	copy.restored = true;
	kvip_vip_set_in_force(t, v, &copy, NULL, false);
	kvip_vip_dirty(t, v);
	t->batch_open = true;
	return 0;
}

struct kvip_cluster *kvip_restored_cluster(struct kvip_table *t,
					   const struct kvip_restored_entry *r)
{
	return kvip_table_cluster(t, r->cluster);
}

/* Age and identity are asked once, at the first decision: afterwards it is simply held (rules R4).
 * */
static bool is_fresh(const struct kvip_table *t, const struct kvip_restored_entry *r,
		     const struct kvip_cluster *c)
{
	if (r->vip->told)
		return true;
	if (kvip_identity_differs(c->identity, r->identity))
		return false;
	return r->in_zebra || t->wall - r->confirmed_s <= (kvip_wall)c->conf->snapshot_max_age_s;
}

bool kvip_restored_allowed(struct kvip_table *t, const struct kvip_restored_entry *r)
{
	const struct kvip_cluster *c = kvip_restored_cluster(t, r);

	if (!c || c->live || r->dismissed)
		return false;
	if (r->vip->prefix.len != kvip_addr_bits(&r->vip->prefix.addr) || r->vip->nhs->n == 0)
		return false;
	return is_fresh(t, r, c) && kvip_vip_allowed(c, r->vip);
}

void kvip_restored_forget(struct kvip_vip *v)
{
	struct kvip_restored_entry *r = v->restored;

	if (!r)
		return;
	LIST_REMOVE(r, of_table);
	kvip_free(r);
	v->restored = NULL;
}

void kvip_table_dismiss(struct kvip_table *t, const char *cluster)
{
	struct kvip_restored_entry *r;

	LIST_FOREACH(r, &t->restored, of_table) {
		bool ours = cluster ? strcmp(cluster, r->cluster) == 0
				    : !kvip_restored_cluster(t, r);

		if (!ours)
			continue;
		r->dismissed = true;
		kvip_vip_dirty(t, r->vip);
	}
}

void kvip_table_review_restored(struct kvip_table *t)
{
	struct kvip_restored_entry *r;

	LIST_FOREACH(r, &t->restored, of_table)
		kvip_vip_dirty(t, r->vip);
}
