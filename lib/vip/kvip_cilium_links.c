// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: who is sent what in Cilium's BGP control plane.
 *
 * Job: the chain ClusterConfig -> peer -> PeerConfig -> family -> Advertisement, as Cilium walks
 * it. Pure. Thread: T1, or T0 under the engine's lock.
 *
 * Source: Cilium v1.20.2 pkg/bgp/manager/reconciler/peer_advertisements.go (a peer without
 * peerConfigRef, a family without `advertisements`: nothing is sent; an empty selector:
 * everything).
 */
#include "vip/kvip_cilium.h"

#include <errno.h>
#include <string.h>

int kvip_cilium_selector(const char *text, struct kvip_selector **out)
{
	int rc;

	*out = NULL;
	if (!text || strcmp(text, KVIP_SELECTOR_UNUSABLE) == 0)
		return 0;
	rc = kvip_selector_parse(text, out, NULL);
	return rc == -ENOMEM ? rc : 0;
}

/* Up to KVIP_MAX_CILIUM_OBJECTS objects of a kind, by name. */
static size_t collect(struct kvip_cache *cache, enum kvip_kind kind, const struct kvip_obj **out,
		      bool *cut)
{
	struct kvip_entry *e;
	size_t n = 0;

	for (e = kvip_cache_first(cache, kind); e; e = kvip_cache_next(e)) {
		if (!e->present)
			continue;
		if (n == KVIP_MAX_CILIUM_OBJECTS) {
			*cut = true;
			break;
		}
		out[n++] = e->obj;
	}
	return n;
}

static void peer_link_free(struct kvip_cilium_peer_link *p)
{
	for (size_t i = 0; i < p->n; i++)
		kvip_selector_free(p->sel[i]);
	kvip_free(p);
}

static struct kvip_cilium_peer_link *peer_link_new(const struct kvip_obj *obj)
{
	struct kvip_cilium_peer_link *p = kvip_calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->obj = obj;
	for (; p->n < obj->peer_config.n; p->n++) {
		if (kvip_cilium_selector(obj->peer_config.v[p->n].advertisements, &p->sel[p->n])) {
			peer_link_free(p);
			return NULL;
		}
	}
	return p;
}

static void mark_used(struct kvip_cilium_links *l)
{
	for (size_t i = 0; i < l->n_configs; i++) {
		const struct kvip_cilium_cluster_config *c = &l->configs[i]->cluster_config;

		for (uint32_t k = 0; k < c->n_peers; k++) {
			struct kvip_cilium_peer_link *p = kvip_cilium_find_peer(l,
										c->peers[k].config);

			if (p)
				p->used = true;
		}
	}
}

struct kvip_cilium_links *kvip_cilium_links_new(struct kvip_cache *cache)
{
	const struct kvip_obj *peers[KVIP_MAX_CILIUM_OBJECTS];
	struct kvip_cilium_links *l = kvip_calloc(1, sizeof(*l));
	size_t n;

	if (!l)
		return NULL;
	l->n_advertisements = collect(cache, KVIP_KIND_ADVERTISEMENT, l->advertisements, &l->cut);
	l->n_configs = collect(cache, KVIP_KIND_CLUSTER_CONFIG, l->configs, &l->cut);
	n = collect(cache, KVIP_KIND_PEER_CONFIG, peers, &l->cut);
	for (; l->n_peers < n; l->n_peers++) {
		l->peers[l->n_peers] = peer_link_new(peers[l->n_peers]);
		if (!l->peers[l->n_peers]) {
			kvip_cilium_links_free(l);
			return NULL;
		}
	}
	mark_used(l);
	return l;
}

void kvip_cilium_links_free(struct kvip_cilium_links *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_peers; i++)
		peer_link_free(l->peers[i]);
	kvip_free(l);
}

struct kvip_cilium_peer_link *kvip_cilium_find_peer(const struct kvip_cilium_links *l,
						    const char *name)
{
	size_t lo = 0, hi = name ? l->n_peers : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(name, l->peers[mid]->obj->meta.name);

		if (c == 0)
			return l->peers[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

bool kvip_cilium_selects(const struct kvip_cilium_peer_link *p, const struct kvip_obj *a)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->sel[i] && kvip_selector_matches(p->sel[i], &a->meta, NULL, 0))
			return true;
	return false;
}

bool kvip_cilium_sends(const struct kvip_cilium_links *l, const struct kvip_obj *config,
		       const struct kvip_obj *a)
{
	const struct kvip_cilium_cluster_config *c = &config->cluster_config;

	for (uint32_t i = 0; i < c->n_peers; i++) {
		const struct kvip_cilium_peer_link *p = kvip_cilium_find_peer(l,
									      c->peers[i].config);

		if (p && kvip_cilium_selects(p, a))
			return true;
	}
	return false;
}
