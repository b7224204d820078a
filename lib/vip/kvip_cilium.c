// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: advertise blocks made from Cilium's objects.
 *
 * Job: see kvip_cilium.h. Pure; thread: T1.
 *
 * Nodes: those of the ClusterConfigs that send the advertisement to some peer. If none does (the
 * seed's own objects: the PeerConfig selects another label than the Advertisement carries), those
 * of all ClusterConfigs, for they say where BGP speaks; without any ClusterConfig every node. A
 * nodeSelector that cannot be used selects none.
 *
 * Sources: Cilium v1.20.2 pkg/bgp/manager/reconciler/service.go (selectors, address kinds, the
 * loadBalancerClass) and operator/pkg/bgp/cluster.go (an absent nodeSelector is every node).
 */
#include "vip/kvip_cilium.h"
#include "vip/kvip_conf_impl.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No node has the label and has it not. */
#define NO_NODE "kubernetes.io/hostname,!kubernetes.io/hostname"

static bool is_settings(const struct kvip_adv_conf *a)
{
	return !a->service_selector && kvip_conf_is_settings(a->name);
}

static bool is_block(const struct kvip_adv_conf *a)
{
	return !is_settings(a);
}

static const struct kvip_adv_conf *settings_named(const struct kvip_cluster_conf *conf,
						  const char *name)
{
	for (size_t i = 0; i < conf->n_advs; i++)
		if (is_settings(conf->advs[i]) && strcmp(conf->advs[i]->name, name) == 0)
			return conf->advs[i];
	return NULL;
}

static char *block_name(char *buf, size_t size, const char *object, uint32_t index)
{
	snprintf(buf, size, "cilium:%s/%" PRIu32, object, index);
	return buf;
}

const struct kvip_adv_conf *kvip_cilium_settings(const struct kvip_cluster_conf *conf,
						 const char *object, uint32_t index)
{
	char name[KVIP_MAX_NAME + 24];
	const struct kvip_adv_conf *a;

	a = settings_named(conf, block_name(name, sizeof(name), object, index));
	if (!a) {
		snprintf(name, sizeof(name), "cilium:%s", object);
		a = settings_named(conf, name);
	}
	return a ? a : settings_named(conf, "cilium");
}

static int add_node_selector(struct kvip_adv_conf *b, const char *text)
{
	struct kvip_selector *s;
	int rc;

	for (size_t i = 0; i < b->n_node_selectors; i++)
		if (strcmp(kvip_selector_text(b->node_selectors[i]), text) == 0)
			return 0;
	rc = kvip_cilium_selector(text, &s);
	if (!rc && !s)
		rc = kvip_cilium_selector(NO_NODE, &s);
	if (rc)
		return rc;
	rc = kvip_conf_vec_insert(&b->node_selectors, &b->n_node_selectors, b->n_node_selectors, &s,
				  sizeof(s));
	if (rc)
		kvip_selector_free(s);
	return rc;
}

static bool is_sent(const struct kvip_cilium_links *l, const struct kvip_obj *a)
{
	for (size_t i = 0; i < l->n_configs; i++)
		if (kvip_cilium_sends(l, l->configs[i], a))
			return true;
	return false;
}

/* May @config say where advertisement @a is announced? */
static bool concerns(const struct kvip_cilium_links *l, const struct kvip_obj *config,
		     const struct kvip_obj *a, bool sent)
{
	return !sent || kvip_cilium_sends(l, config, a);
}

static bool any_node(const struct kvip_cilium_links *l, const struct kvip_obj *a, bool sent)
{
	for (size_t i = 0; i < l->n_configs; i++) {
		const char *text = l->configs[i]->cluster_config.node_selector;

		if (concerns(l, l->configs[i], a, sent) &&
		    (!text || strcmp(text, KVIP_SELECTOR_ANY) == 0))
			return true;
	}
	return l->n_configs == 0;
}

/* The nodes of block @b, which is of advertisement @a. What the settings say stands above it. */
static int add_nodes(struct kvip_adv_conf *b, const struct kvip_cilium_links *l,
		     const struct kvip_obj *a)
{
	bool sent = is_sent(l, a);
	int rc = 0;

	if (b->n_node_selectors || any_node(l, a, sent))
		return 0;
	for (size_t i = 0; i < l->n_configs && !rc; i++)
		if (concerns(l, l->configs[i], a, sent))
			rc = add_node_selector(b, l->configs[i]->cluster_config.node_selector);
	return rc;
}

static unsigned int address_bits(uint8_t addresses)
{
	unsigned int bits = 0;

	if (addresses & KVIP_CILIUM_LOADBALANCER_IP)
		bits |= KVIP_ADDRESS_LOADBALANCER;
	if (addresses & KVIP_CILIUM_EXTERNAL_IP)
		bits |= KVIP_ADDRESS_EXTERNAL;
	if (addresses & KVIP_CILIUM_CLUSTER_IP)
		bits |= KVIP_ADDRESS_CLUSTER;
	return bits;
}

static int fill_block(struct kvip_adv_conf *b, const struct kvip_cilium_advert *v,
		      struct kvip_selector *sel)
{
	b->from_cilium = true;
	b->service_selector = sel;
	b->addresses = address_bits(v->addresses);
	b->local_preference = v->local_preference;
	if (kvip_conf_replace(&b->communities, v->communities))
		return -ENOMEM;
	return kvip_conf_replace(&b->large_communities, v->large_communities);
}

/* *@out is NULL where the advertisement makes no block. */
static int make_block(const struct kvip_cluster_conf *conf, const struct kvip_cilium_links *l,
		      const struct kvip_obj *a, uint32_t index, struct kvip_adv_conf **out)
{
	const struct kvip_adv_conf *settings = kvip_cilium_settings(conf, a->meta.name, index);
	const struct kvip_cilium_advert *v = &a->advertisement.v[index];
	char name[KVIP_MAX_NAME + 24];
	struct kvip_selector *sel;
	struct kvip_adv_conf *b;
	int rc;

	*out = NULL;
	if (strcmp(v->type, "Service") != 0 || !v->addresses)
		return 0;
	rc = kvip_cilium_selector(v->selector, &sel);
	if (rc || !sel)
		return rc;
	block_name(name, sizeof(name), a->meta.name, index);
	b = settings ? kvip_adv_conf_dup(settings, name) : kvip_adv_conf_new(name);
	if (!b) {
		kvip_selector_free(sel);
		return -ENOMEM;
	}
	if (fill_block(b, v, sel) || add_nodes(b, l, a)) {
		kvip_adv_conf_free(b);
		return -ENOMEM;
	}
	*out = b;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return kvip_natural_cmp((*(struct kvip_adv_conf *const *)a)->name,
				(*(struct kvip_adv_conf *const *)b)->name);
}

static int append_blocks(struct kvip_cluster_conf *to, const struct kvip_cluster_conf *conf,
			 const struct kvip_cilium_links *l)
{
	size_t configured = to->n_advs;
	int rc = 0;

	for (size_t i = 0; i < l->n_advertisements; i++) {
		const struct kvip_obj *a = l->advertisements[i];

		for (uint32_t k = 0; k < a->advertisement.n && !rc; k++) {
			struct kvip_adv_conf *b;

			if (to->n_advs == KVIP_MAX_ADVERTISE)
				break;
			rc = make_block(conf, l, a, k, &b);
			if (!rc && b)
				rc = kvip_cluster_conf_append(to, b);
		}
	}
	if (to->n_advs > configured)
		qsort(to->advs + configured, to->n_advs - configured, sizeof(*to->advs), by_name);
	return rc;
}

int kvip_cilium_expand(struct kvip_cache *cache, const struct kvip_cluster_conf *conf,
		       struct kvip_cluster_conf **out)
{
	struct kvip_cluster_conf *to = kvip_cluster_conf_dup(conf, is_block);
	struct kvip_cilium_links *l = kvip_cilium_links_new(cache);
	int rc = to && l ? append_blocks(to, conf, l) : -ENOMEM;

	kvip_cilium_links_free(l);
	if (rc) {
		kvip_cluster_conf_free(to);
		return rc;
	}
	*out = to;
	return 0;
}

void kvip_cilium_expanded_free(struct kvip_cluster_conf *conf)
{
	kvip_cluster_conf_free(conf);
}

static void render_block(const struct kvip_adv_conf *a, struct kvip_buf *out)
{
	struct kvip_conf_out o = { .buf = out, .cluster = "", .adv = a->name };

	kvip_conf_out_scope(&o, KVIP_SCOPE_ADV, a);
	kvip_buf_printf(out, "%d %s; %s; %" PRId64 "\n", a->from_cilium,
			a->communities ? a->communities : "",
			a->large_communities ? a->large_communities : "", a->local_preference);
}

int kvip_cilium_same_blocks(const struct kvip_cluster_conf *a, const struct kvip_cluster_conf *b)
{
	struct kvip_buf x, y;
	int rc;

	if (a->n_advs != b->n_advs)
		return 0;
	kvip_buf_init(&x, KVIP_MAX_SHOW_BYTES);
	kvip_buf_init(&y, KVIP_MAX_SHOW_BYTES);
	for (size_t i = 0; i < a->n_advs; i++) {
		render_block(a->advs[i], &x);
		render_block(b->advs[i], &y);
	}
	rc = x.err || y.err ? -ENOMEM : strcmp(kvip_buf_str(&x), kvip_buf_str(&y)) == 0;
	kvip_buf_done(&x);
	kvip_buf_done(&y);
	return rc;
}

const struct kvip_obj *kvip_cilium_pool(struct kvip_cache *cache, const struct kvip_addr *a)
{
	struct kvip_entry *e;

	for (e = kvip_cache_first(cache, KVIP_KIND_IP_POOL); e; e = kvip_cache_next(e)) {
		const struct kvip_cilium_pool *p = &e->obj->pool;

		for (uint32_t i = 0; e->present && i < p->n; i++)
			if (p->v[i].first.family == a->family &&
			    kvip_addr_cmp(&p->v[i].first, a) <= 0 &&
			    kvip_addr_cmp(a, &p->v[i].last) <= 0)
				return e->obj;
	}
	return NULL;
}
