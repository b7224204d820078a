// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: which nodes an advertise block may use, and by which address: features F9, F12.
 *
 * Job: one struct kvip_nodeset per advertise block, computed when a node or the configuration
 * changes and then only read, by every Service of the block. Thread: T1.
 *
 * Sources: Kubernetes v1.36 cloud-provider controllers/service (stableNodeSetPredicates: not
 * deleted, not excluded, no ToBeDeleted taint); well-known labels.
 */
#include "vip/kvip_select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXCLUDE_LABEL "node.kubernetes.io/exclude-from-external-load-balancers"

static bool selected_by_label(const struct kvip_adv_conf *adv, const struct kvip_meta *m)
{
	for (size_t i = 0; i < adv->n_node_selectors; i++)
		if (kvip_selector_matches(adv->node_selectors[i], m, NULL, 0))
			return true;
	return adv->n_node_selectors == 0;
}

static enum kvip_reason judge_node(const struct kvip_adv_conf *adv, const struct kvip_obj *obj)
{
	const struct kvip_node *n = &obj->node;

	if (!selected_by_label(adv, &obj->meta))
		return KVIP_REASON_NODE_NOT_SELECTED;
	if (!adv->ignore_exclude_label && kvip_meta_label(&obj->meta, EXCLUDE_LABEL))
		return KVIP_REASON_NODE_EXCLUDED;
	if (n->being_removed || obj->meta.deleting)
		return KVIP_REASON_NODE_REMOVED;
	if (n->network_unavailable)
		return KVIP_REASON_NODE_NO_NETWORK;
	if (adv->honour_cordon && n->unschedulable)
		return KVIP_REASON_NODE_CORDONED;
	if (n->ready == KVIP_READY_FALSE)
		return KVIP_REASON_NODE_NOT_READY;
	if (n->ready == KVIP_READY_UNKNOWN)
		return KVIP_REASON_NODE_UNKNOWN;
	return KVIP_REASON_SELECTED;
}

/* A next hop is global: never link-local (rules R2). */
static bool usable_address(const struct kvip_addr *a, uint8_t family)
{
	return a->family == family && kvip_addr_classify(a) == KVIP_ADDR_GLOBAL;
}

static const struct kvip_addr *first_address(const struct kvip_addr *v, uint32_t n, uint8_t family,
					     const struct kvip_prefix *subnet)
{
	for (uint32_t i = 0; i < n; i++)
		if (usable_address(&v[i], family) &&
		    (!subnet || kvip_prefix_contains(subnet, &v[i])))
			return &v[i];
	return NULL;
}

static const struct kvip_addr *annotated_address(const struct kvip_node *n, const char *key,
						 uint8_t family)
{
	for (uint32_t i = 0; key && i < n->n_annotations; i++)
		if (strcmp(n->annotations[i].key, key) == 0 &&
		    usable_address(&n->annotations[i].addr, family))
			return &n->annotations[i].addr;
	return NULL;
}

/* The first of the wanted kind and family, in the order in which the node lists them. */
static struct kvip_addr choose_address(const struct kvip_adv_conf *adv, const struct kvip_node *n,
				       uint8_t family)
{
	const struct kvip_prefix *subnet = &adv->next_hop_subnet;
	const struct kvip_addr *a = NULL;

	switch (adv->next_hop) {
	case KVIP_NH_INTERNAL:
		a = first_address(n->internal, n->n_internal, family, NULL);
		break;
	case KVIP_NH_EXTERNAL:
		a = first_address(n->external, n->n_external, family, NULL);
		break;
	case KVIP_NH_ANNOTATION:
		a = annotated_address(n, adv->next_hop_annotation, family);
		break;
	case KVIP_NH_SUBNET:
		a = first_address(n->internal, n->n_internal, family, subnet);
		if (!a)
			a = first_address(n->external, n->n_external, family, subnet);
		break;
	}
	return a ? *a : (struct kvip_addr){ 0 };
}

static void judge_all(struct kvip_cache *cache, const struct kvip_adv_conf *adv,
		      struct kvip_nodeset *s)
{
	struct kvip_entry *e;

	for (e = kvip_cache_first(cache, KVIP_KIND_NODE); e; e = kvip_cache_next(e)) {
		const struct kvip_obj *obj = kvip_entry_obj(e);
		struct kvip_member *m = &s->v[s->n];

		if (!obj)
			continue;
		m->node = (const struct kvip_node_entry *)e;
		m->reason = (uint8_t)judge_node(adv, obj);
		m->v4 = choose_address(adv, &obj->node, KVIP_IPV4);
		m->v6 = choose_address(adv, &obj->node, KVIP_IPV6);
		s->n_eligible += m->reason == KVIP_REASON_SELECTED;
		s->n++;
	}
}

static const struct kvip_nhset *intern_all(const struct kvip_nodeset *s, uint8_t family,
					   struct kvip_nhsets *nhsets, struct kvip_addr *scratch)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct kvip_addr *a = family == KVIP_IPV4 ? &s->v[i].v4 : &s->v[i].v6;

		if (kvip_member_eligible(&s->v[i]) && a->family)
			scratch[n++] = *a;
	}
	return kvip_nhset_get(nhsets, scratch, n);
}

static void nodeset_free(struct kvip_nodeset *s)
{
	if (!s)
		return;
	kvip_nhset_unref(s->all4);
	kvip_nhset_unref(s->all6);
	kvip_free(s->block);
	kvip_free(s);
}

/* What building them reads, beside the block. */
struct building {
	struct kvip_cache *cache;
	const struct kvip_cluster_conf *conf;
	struct kvip_nhsets *nhsets;
	const struct kvip_nodes *before;
	kvip_msec now;
};

static const struct kvip_nodeset *find_block(const struct kvip_nodes *nodes, const char *name)
{
	for (size_t i = 0; nodes && i < nodes->n_sets; i++)
		if (strcmp(nodes->sets[i]->block, name) == 0)
			return nodes->sets[i];
	return NULL;
}

static struct kvip_nodeset *nodeset_build(const struct building *b, const struct kvip_adv_conf *adv,
					  struct kvip_nodes *nodes)
{
	size_t n = kvip_cache_count(b->cache, KVIP_KIND_NODE);
	struct kvip_nodeset *s = kvip_calloc(1, sizeof(*s) + n * sizeof(s->v[0]));
	kvip_msec review_ms;

	if (!s)
		return NULL;
	judge_all(b->cache, adv, s);
	review_ms = kvip_nodeset_keep(s, find_block(b->before, adv->name), b->conf->min_ready_nodes,
				      b->now);
	nodes->review_ms = kvip_earlier(nodes->review_ms, review_ms);
	s->block = kvip_strdup(adv->name);
	s->all4 = intern_all(s, KVIP_IPV4, b->nhsets, nodes->picked);
	s->all6 = intern_all(s, KVIP_IPV6, b->nhsets, nodes->picked);
	if (!s->block || !s->all4 || !s->all6) {
		nodeset_free(s);
		return NULL;
	}
	return s;
}

/* Is @key the annotation that one of the blocks takes next hops from? */
static bool next_hop_annotation(const struct kvip_cluster_conf *conf, const char *key)
{
	for (size_t i = 0; i < conf->n_advs; i++)
		if (conf->advs[i]->next_hop == KVIP_NH_ANNOTATION &&
		    conf->advs[i]->next_hop_annotation &&
		    strcmp(conf->advs[i]->next_hop_annotation, key) == 0)
			return true;
	return false;
}

static size_t count_addresses(struct kvip_cache *cache)
{
	struct kvip_entry *e;
	size_t n = 0;

	for (e = kvip_cache_first(cache, KVIP_KIND_NODE); e; e = kvip_cache_next(e))
		if (e->present)
			n += e->obj->node.n_internal + e->obj->node.n_external +
			     e->obj->node.n_annotations;
	return n;
}

/* Every address of every node, and what annotations make a next hop. */
static struct kvip_addrset *taken_build(struct kvip_cache *cache,
					const struct kvip_cluster_conf *conf)
{
	struct kvip_addrset *s;
	struct kvip_entry *e;

	s = kvip_calloc(1, sizeof(*s) + count_addresses(cache) * sizeof(s->v[0]));
	if (!s)
		return NULL;
	for (e = kvip_cache_first(cache, KVIP_KIND_NODE); e; e = kvip_cache_next(e)) {
		const struct kvip_node *n = &e->obj->node;

		if (!e->present)
			continue;
		for (uint32_t i = 0; i < n->n_internal; i++)
			s->v[s->n++] = n->internal[i];
		for (uint32_t i = 0; i < n->n_external; i++)
			s->v[s->n++] = n->external[i];
		for (uint32_t i = 0; i < n->n_annotations; i++)
			if (next_hop_annotation(conf, n->annotations[i].key))
				s->v[s->n++] = n->annotations[i].addr;
	}
	kvip_addrset_settle(s);
	return s;
}

static int build_sets(const struct building *b, struct kvip_nodes *nodes)
{
	nodes->review_ms = KVIP_NEVER;
	nodes->sets = kvip_calloc(b->conf->n_advs, sizeof(nodes->sets[0]));
	if (!nodes->sets)
		return -ENOMEM;
	for (size_t i = 0; i < b->conf->n_advs; i++) {
		nodes->sets[i] = nodeset_build(b, b->conf->advs[i], nodes);
		if (!nodes->sets[i])
			return -ENOMEM;
		nodes->n_sets++;
	}
	return 0;
}

int kvip_nodes_build(struct kvip_cache *cache, const struct kvip_cluster_conf *conf,
		     struct kvip_nhsets *nhsets, const struct kvip_nodes *before, kvip_msec now,
		     struct kvip_nodes **out)
{
	const struct building b = {
		.cache = cache, .conf = conf, .nhsets = nhsets, .before = before, .now = now
	};
	size_t n = kvip_cache_count(cache, KVIP_KIND_NODE);
	struct kvip_nodes *nodes = kvip_calloc(1, sizeof(*nodes));

	if (!nodes)
		return -ENOMEM;
	nodes->taken = taken_build(cache, conf);
	nodes->bits = kvip_calloc(n / 64 + 1, sizeof(nodes->bits[0]));
	nodes->picked = kvip_calloc(n + 1, sizeof(nodes->picked[0]));
	if (!nodes->taken || !nodes->bits || !nodes->picked || build_sets(&b, nodes)) {
		kvip_nodes_free(nodes);
		return -ENOMEM;
	}
	*out = nodes;
	return 0;
}

void kvip_nodes_free(struct kvip_nodes *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n_sets; i++)
		nodeset_free(n->sets[i]);
	kvip_free(n->sets);
	kvip_free(n->taken);
	kvip_free(n->bits);
	kvip_free(n->picked);
	kvip_free(n);
}

static bool next_eligible(const struct kvip_nodeset *s, size_t *i, const struct kvip_member **out)
{
	while (*i < s->n && !kvip_member_eligible(&s->v[*i]))
		(*i)++;
	*out = *i < s->n ? &s->v[(*i)++] : NULL;
	return *out;
}

bool kvip_nodeset_same(const struct kvip_nodeset *a, const struct kvip_nodeset *b)
{
	const struct kvip_member *x, *y;
	size_t i = 0, j = 0;

	if (a->all4 != b->all4 || a->all6 != b->all6 || a->n_eligible != b->n_eligible ||
	    a->kept != b->kept)
		return false;
	while (next_eligible(a, &i, &x) && next_eligible(b, &j, &y))
		if (x->node != y->node || x->reason != y->reason || x->silent != y->silent ||
		    !kvip_addr_equal(&x->v4, &y->v4) || !kvip_addr_equal(&x->v6, &y->v6))
			return false;
	return true;
}

const struct kvip_member *kvip_nodeset_find(const struct kvip_nodeset *s, const char *name)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(name, kvip_entry_name(&s->v[mid].node->e));

		if (c == 0)
			return &s->v[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct kvip_addr *kvip_nodeset_address(const struct kvip_nodeset *s, const char *name,
					     uint8_t family)
{
	const struct kvip_member *m = kvip_nodeset_find(s, name);
	const struct kvip_addr *a;

	if (!m)
		return NULL;
	a = family == KVIP_IPV4 ? &m->v4 : &m->v6;
	return a->family ? a : NULL;
}
