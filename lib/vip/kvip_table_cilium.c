// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a cluster's configuration together with the blocks that Cilium's objects make
 * (`from-cilium`).
 *
 * Job: keep c->conf equal to kvip_cilium_expand(configuration, cache). Thread: T1, under the
 * engine's lock.
 *
 * A change of a Cilium object that leaves the blocks as they were costs nothing more; otherwise
 * nodes and owners are looked at again, as for a change of the configuration, and the guard judges
 * what is to be withdrawn, for the cluster's side is the cause.
 *
 * While one of the kinds that make blocks has neither listed nor been found absent (its RBAC rule
 * is missing, the server has just started), nobody can say that a Service is not selected: VIPs
 * that are in force and that no known block selects are held (rules R4).
 */
#include "vip/kvip_cilium.h"
#include "vip/kvip_table_priv.h"

#include <errno.h>

static void use(struct kvip_cluster *c, struct kvip_cluster_conf *expanded)
{
	kvip_cilium_expanded_free(c->expanded);
	c->expanded = expanded;
	c->conf = expanded ? expanded : c->configured;
}

int kvip_cluster_renew_conf(struct kvip_cluster *c)
{
	struct kvip_cluster_conf *new;
	int rc;

	rc = kvip_cilium_expand(c->cache, c->configured, &new);
	if (rc)
		return rc;
	rc = c->expanded ? kvip_cilium_same_blocks(c->expanded, new) : 0;
	if (rc < 0) {
		kvip_cilium_expanded_free(new);
		return rc;
	}
	c->cilium_dirty = false;
	use(c, new);
	if (rc)
		return 0;
	c->nodes_dirty = true;
	kvip_table_sweep_all(c);
	return 0;
}

void kvip_cluster_set_conf(struct kvip_cluster *c, const struct kvip_cluster_conf *conf)
{
	c->configured = conf;
	if (!conf || !conf->from_cilium) {
		c->cilium_dirty = false;
		use(c, NULL);
		return;
	}
	if (!c->expanded)
		c->conf = conf;
	c->cilium_dirty = true;
	if (kvip_cluster_renew_conf(c))
		c->table->batch_open = true; /* tried again before anything is decided */
}

void kvip_table_set_cilium_known(struct kvip_cluster *c, bool known)
{
	if (known == c->cilium_known)
		return;
	c->cilium_known = known;
	kvip_table_sweep_all(c);
	c->table->batch_open = true;
}

bool kvip_vip_waits_for_cilium(const struct kvip_vip *v)
{
	const struct kvip_claim *c;

	SLIST_FOREACH(c, &v->claims, of_vip)
		if (c->cluster == v->holder && c->reason == KVIP_REASON_CILIUM_UNKNOWN)
			return true;
	return false;
}
