// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: Cilium's objects as values: comparison, and their part of kvip_obj_pack().
 *
 * Job: what needs no JSON. Thread: any; objects never change once they exist. Status, ports, timers
 * and the like are not among the fields, so that what Cilium's operator writes back changes nothing
 * here.
 */
#include "kvip_obj_priv.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
	return kvip_obj_same_string(a, b);
}

static bool same_adverts(const struct kvip_cilium_advertisement *a,
			 const struct kvip_cilium_advertisement *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		const struct kvip_cilium_advert *x = &a->v[i], *y = &b->v[i];

		if (!same_text(x->type, y->type) || !same_text(x->selector, y->selector) ||
		    !same_text(x->communities, y->communities) ||
		    !same_text(x->large_communities, y->large_communities) ||
		    x->local_preference != y->local_preference || x->addresses != y->addresses ||
		    x->aggregates != y->aggregates)
			return false;
	}
	return true;
}

static bool same_names(const char *const *a, uint32_t n, const char *const *b, uint32_t n_b)
{
	if (n != n_b)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool same_cluster_config(const struct kvip_cilium_cluster_config *a,
				const struct kvip_cilium_cluster_config *b)
{
	if (!same_text(a->node_selector, b->node_selector) || a->n_peers != b->n_peers ||
	    !same_names(a->instances, a->n_instances, b->instances, b->n_instances))
		return false;
	for (uint32_t i = 0; i < a->n_peers; i++) {
		const struct kvip_cilium_peer *x = &a->peers[i], *y = &b->peers[i];

		if (!same_text(x->instance, y->instance) || !same_text(x->name, y->name) ||
		    !same_text(x->config, y->config) || !kvip_addr_equal(&x->addr, &y->addr))
			return false;
	}
	return true;
}

static bool same_peer_config(const struct kvip_cilium_peer_config *a,
			     const struct kvip_cilium_peer_config *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!same_text(a->v[i].afi, b->v[i].afi) ||
		    !same_text(a->v[i].safi, b->v[i].safi) ||
		    !same_text(a->v[i].advertisements, b->v[i].advertisements))
			return false;
	return true;
}

static bool same_pool(const struct kvip_cilium_pool *a, const struct kvip_cilium_pool *b)
{
	if (!same_text(a->selector, b->selector) || a->disabled != b->disabled || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!kvip_addr_equal(&a->v[i].first, &b->v[i].first) ||
		    !kvip_addr_equal(&a->v[i].last, &b->v[i].last))
			return false;
	return true;
}

bool kvip_obj_cilium_equal(const struct kvip_obj *a, const struct kvip_obj *b)
{
	switch (a->kind) {
	case KVIP_KIND_ADVERTISEMENT:
		return same_adverts(&a->advertisement, &b->advertisement);
	case KVIP_KIND_CLUSTER_CONFIG:
		return same_cluster_config(&a->cluster_config, &b->cluster_config);
	case KVIP_KIND_PEER_CONFIG:
		return same_peer_config(&a->peer_config, &b->peer_config);
	case KVIP_KIND_NODE_OVERRIDE:
		return same_names(a->node_override.instances, a->node_override.n,
				  b->node_override.instances, b->node_override.n);
	case KVIP_KIND_IP_POOL:
		return same_pool(&a->pool, &b->pool);
	default:
		return false;
	}
}

#define PACK_ARRAY(p, array, n) kvip_pack((p), (array), (n) * sizeof(*(array)))

void kvip_pack_cilium_arrays(struct kvip_packer *p, struct kvip_obj *o)
{
	struct kvip_cilium_cluster_config *c = &o->cluster_config;

	switch (o->kind) {
	case KVIP_KIND_ADVERTISEMENT:
		o->advertisement.v = PACK_ARRAY(p, o->advertisement.v, o->advertisement.n);
		break;
	case KVIP_KIND_CLUSTER_CONFIG:
		c->instances = PACK_ARRAY(p, c->instances, c->n_instances);
		c->peers = PACK_ARRAY(p, c->peers, c->n_peers);
		break;
	case KVIP_KIND_PEER_CONFIG:
		o->peer_config.v = PACK_ARRAY(p, o->peer_config.v, o->peer_config.n);
		break;
	case KVIP_KIND_NODE_OVERRIDE:
		o->node_override.instances = PACK_ARRAY(p, o->node_override.instances,
							o->node_override.n);
		break;
	default:
		break;
	}
}

void kvip_pack_cilium_bytes(struct kvip_packer *p, struct kvip_obj *o)
{
	if (o->kind == KVIP_KIND_IP_POOL)
		o->pool.v = PACK_ARRAY(p, o->pool.v, o->pool.n);
}

static void pack_advert(struct kvip_packer *p, struct kvip_cilium_advert *a)
{
	a->type = kvip_pack_string(p, a->type);
	a->selector = kvip_pack_string(p, a->selector);
	a->communities = kvip_pack_string(p, a->communities);
	a->large_communities = kvip_pack_string(p, a->large_communities);
}

static void pack_names(struct kvip_packer *p, const char **names, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		names[i] = kvip_pack_string(p, names[i]);
}

static void pack_cluster_config(struct kvip_packer *p, struct kvip_cilium_cluster_config *c)
{
	c->node_selector = kvip_pack_string(p, c->node_selector);
	pack_names(p, c->instances, c->n_instances);
	for (uint32_t i = 0; i < c->n_peers; i++) {
		c->peers[i].instance = kvip_pack_string(p, c->peers[i].instance);
		c->peers[i].name = kvip_pack_string(p, c->peers[i].name);
		c->peers[i].config = kvip_pack_string(p, c->peers[i].config);
	}
}

static void pack_families(struct kvip_packer *p, struct kvip_cilium_peer_config *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		c->v[i].afi = kvip_pack_string(p, c->v[i].afi);
		c->v[i].safi = kvip_pack_string(p, c->v[i].safi);
		c->v[i].advertisements = kvip_pack_string(p, c->v[i].advertisements);
	}
}

void kvip_pack_cilium_strings(struct kvip_packer *p, struct kvip_obj *o)
{
	switch (o->kind) {
	case KVIP_KIND_ADVERTISEMENT:
		for (uint32_t i = 0; i < o->advertisement.n; i++)
			pack_advert(p, &o->advertisement.v[i]);
		break;
	case KVIP_KIND_CLUSTER_CONFIG:
		pack_cluster_config(p, &o->cluster_config);
		break;
	case KVIP_KIND_PEER_CONFIG:
		pack_families(p, &o->peer_config);
		break;
	case KVIP_KIND_NODE_OVERRIDE:
		pack_names(p, o->node_override.instances, o->node_override.n);
		break;
	case KVIP_KIND_IP_POOL:
		o->pool.selector = kvip_pack_string(p, o->pool.selector);
		break;
	default:
		break;
	}
}
