/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cilium's BGP objects as configuration: `kubevip cluster NAME from-cilium` (feature F17).
 *
 * Every advertisement of type Service becomes an advertise block `cilium:OBJECT/INDEX`, tried after
 * the configured ones. What it takes from Cilium: the selector, the kinds of addresses, the nodes
 * (nodeSelector of the CiliumBGPClusterConfigs whose peers are sent it). Where that leaves
 * something open it follows Cilium, not our own defaults: an absent selector matches nothing and an
 * empty one everything.
 *
 * What it does not take: whether a peer is really sent it. A CiliumBGPPeerConfig that selects no
 * advertisement, a peer in a network that does not exist: such objects say what their author
 * wanted, and kubevip needs no session to Cilium. kvip_cilium_check() says what is wrong with them.
 *
 * Settings that Cilium knows nothing of (tag, distance, next hop, ...) are those of a configured
 * block without service-selector that has the same name, else `cilium:OBJECT`, else `cilium`.
 *
 * Pure functions of (cache, configuration, facts). T1, or T0 under the engine's lock.
 */
#pragma once

#include "base/kvip_limits.h"
#include "vip/kvip_cache_priv.h"
#include "vip/kvip_conf.h"
#include "vip/kvip_facts.h"
#include "vip/kvip_finding.h"

/** KVIP_CILIUM_CLASS - the loadBalancerClass that Cilium's BGP announces, beside none at all. */
#define KVIP_CILIUM_CLASS "io.cilium/bgp-control-plane"

/**
 * kvip_cilium_expand - a copy of @conf with the blocks that the objects in @cache make
 * At most KVIP_MAX_ADVERTISE blocks in all. Return: 0, -ENOMEM with @out untouched.
 */
int kvip_cilium_expand(struct kvip_cache *cache, const struct kvip_cluster_conf *conf,
		       struct kvip_cluster_conf **out) KVIP_USE_RESULT;
/** kvip_cilium_expanded_free - takes NULL. */
void kvip_cilium_expanded_free(struct kvip_cluster_conf *conf);
/** kvip_cilium_same_blocks - do two results of kvip_cilium_expand() have the same blocks? 1, 0,
 * -ENOMEM.
 */
int kvip_cilium_same_blocks(const struct kvip_cluster_conf *a, const struct kvip_cluster_conf *b);
/** kvip_cilium_settings - the block of @conf that block @index of CiliumBGPAdvertisement @object
 * takes its settings from; NULL: none. */
const struct kvip_adv_conf *kvip_cilium_settings(const struct kvip_cluster_conf *conf,
						 const char *object, uint32_t index);
/** kvip_cilium_pool - the CiliumLoadBalancerIPPool that holds @a, by name; NULL: none. */
const struct kvip_obj *kvip_cilium_pool(struct kvip_cache *cache, const struct kvip_addr *a);

/* Who is sent what: PeerConfigs select Advertisements by label, ClusterConfigs name PeerConfigs.
 * Built for one call; borrows the objects of the cache. */
struct kvip_cilium_peer_link {
	const struct kvip_obj *obj; /* a CiliumBGPPeerConfig */
	bool used;                  /* a ClusterConfig names it */
	size_t n;
	struct kvip_selector *sel[KVIP_MAX_CILIUM_ITEMS]; /* one per family; NULL: matches nothing
							   */
};
struct kvip_cilium_links {
	size_t n_advertisements, n_configs, n_peers;
	bool cut; /* there are more than KVIP_MAX_CILIUM_OBJECTS of a kind */
	const struct kvip_obj *advertisements[KVIP_MAX_CILIUM_OBJECTS];
	const struct kvip_obj *configs[KVIP_MAX_CILIUM_OBJECTS];
	struct kvip_cilium_peer_link *peers[KVIP_MAX_CILIUM_OBJECTS]; /* by name */
};
/** kvip_cilium_links_new - NULL without memory. */
struct kvip_cilium_links *kvip_cilium_links_new(struct kvip_cache *cache) KVIP_USE_RESULT;
void kvip_cilium_links_free(struct kvip_cilium_links *l);
/** kvip_cilium_find_peer - a CiliumBGPPeerConfig by name; @name may be NULL. */
struct kvip_cilium_peer_link *kvip_cilium_find_peer(const struct kvip_cilium_links *l,
						    const char *name);
/** kvip_cilium_selects - does one of its families select advertisement @a by its labels? */
bool kvip_cilium_selects(const struct kvip_cilium_peer_link *p, const struct kvip_obj *a);
/** kvip_cilium_sends - does ClusterConfig @config have a peer that is sent advertisement @a? */
bool kvip_cilium_sends(const struct kvip_cilium_links *l, const struct kvip_obj *config,
		       const struct kvip_obj *a);
/** kvip_cilium_selector - @text as kvip_obj_cilium.h keeps selectors: *@out is NULL where it
 * matches nothing. 0, -ENOMEM. */
int kvip_cilium_selector(const char *text, struct kvip_selector **out) KVIP_USE_RESULT;

/* What kvip_cilium_check() looks at. */
struct kvip_cilium_view {
	struct kvip_cache *cache;
	const struct kvip_cluster_conf *conf;     /* as configured */
	const struct kvip_cluster_conf *expanded; /* of kvip_cilium_expand(), or NULL */
	const struct kvip_facts *facts;           /* NULL, or without addresses: a dry run */
	bool known; /* every kind that makes blocks has listed, or does not exist */
};
/** kvip_cilium_check - every finding, errors of one chain together. Without memory it says less. */
void kvip_cilium_check(const struct kvip_cilium_view *v, kvip_finding_fn *fn, void *ctx);
/** kvip_plist_check - entries of the cluster's prefix-lists that can match no host route, and lists
 * that do not exist (kvip_engine_check.c). */
void kvip_plist_check(const struct kvip_cluster_conf *conf, const struct kvip_facts *facts,
		      kvip_finding_fn *fn, void *ctx);
