/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cilium's objects, cut down to what decides or explains which addresses a cluster means to
 * announce. For kvip_obj.h alone. All are cluster-scoped.
 *
 * A LabelSelector is kept as text that kvip_selector_parse() reads (kubectl's grammar): NULL where
 * there is none, "any" for an empty one, "" for one that cannot be used and therefore matches
 * nothing.
 *
 * Sources: Cilium v1.20.2 pkg/k8s/apis/cilium.io/v2 (bgp_*_types.go, lbipam_types.go); v2alpha1 has
 * the same fields and, for pools of Cilium 1.14 and older, spec.cidrs.
 */
#pragma once

#include "base/kvip_addr.h"

#define KVIP_SELECTOR_ANY      "any"
#define KVIP_SELECTOR_UNUSABLE ""

/* service.addresses */
#define KVIP_CILIUM_LOADBALANCER_IP 0x1u
#define KVIP_CILIUM_EXTERNAL_IP     0x2u
#define KVIP_CILIUM_CLUSTER_IP      0x4u

/* One of spec.advertisements */
struct kvip_cilium_advert {
	const char *type; /* "Service", "PodCIDR", ... */
	const char *selector;
	const char *communities;       /* standard and well-known, as FRR writes them; or NULL */
	const char *large_communities; /* or NULL */
	int64_t local_preference;      /* -1: none */
	uint8_t addresses;             /* KVIP_CILIUM_* */
	bool aggregates;               /* announces a shorter prefix than the host route */
};

struct kvip_cilium_advertisement {
	uint32_t n;
	struct kvip_cilium_advert *v;
};

struct kvip_cilium_peer {
	const char *instance, *name;
	const char *config;    /* peerConfigRef.name or NULL */
	struct kvip_addr addr; /* family NONE: found by Cilium itself */
};

struct kvip_cilium_cluster_config {
	const char *node_selector; /* NULL: every node */
	uint32_t n_instances, n_peers;
	const char **instances; /* their names */
	struct kvip_cilium_peer *peers;
};

struct kvip_cilium_family {
	const char *afi, *safi;     /* "ipv4", "unicast" */
	const char *advertisements; /* selector on labels of CiliumBGPAdvertisements; NULL: none */
};

struct kvip_cilium_peer_config {
	uint32_t n;
	struct kvip_cilium_family *v;
};

struct kvip_cilium_override {
	uint32_t n;
	const char **instances;
};

struct kvip_cilium_block {
	struct kvip_addr first, last; /* of one family, first <= last */
};

struct kvip_cilium_pool {
	const char *selector; /* of Services; NULL: every one */
	bool disabled;        /* allocates no more, what is allocated stays */
	uint32_t n;
	struct kvip_cilium_block *v;
};
