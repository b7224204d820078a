/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kubernetes objects, cut down to what a router needs to know of them.
 *
 * An object is immutable after decoding and is one allocation together with its strings (`struct
 * kvip_obj *` and every pointer in it live and die together), so that 100,000 Services stay small.
 * Everything is validated on the way in: addresses are parsed, strings are bounded, lists are cut
 * at kvip_limits.h. What is not understood is left out and never a reason to drop the object.
 *
 * Sources: Kubernetes API reference v1.36, core/v1 Service and Node, discovery.k8s.io/v1
 * EndpointSlice; Gateway API v1.5 Gateway; Cilium v1.20.2 (kvip_obj_cilium.h).
 */
#pragma once

#include "base/kvip_addr.h"
#include "base/kvip_err.h"
#include "base/kvip_time.h"
#include "kube/kvip_obj_cilium.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kvip_kind {
#define KVIP_KIND(id, plural, path, older, kind, mandatory, cilium) KVIP_KIND_##id,
#include "kube/tbl/kvip_kind.def"
#undef KVIP_KIND
	KVIP_KIND_MAX
};

struct kvip_kind_info {
	const char *plural; /* "services" */
	const char *path;   /* "/api/v1/services" */
	const char *older;  /* path of an older version of the CRD, or NULL */
	const char *kind;   /* "Service" */
	bool mandatory;     /* nothing is decided before it has listed once (rules R4) */
	bool cilium;        /* watched only with `from-cilium` */
};
extern const struct kvip_kind_info kvip_kinds[KVIP_KIND_MAX];

/** kvip_kind_find - enum value for a Kind name ("Service"), or KVIP_KIND_MAX. */
enum kvip_kind kvip_kind_find(const char *kind_name);

struct kvip_label {
	const char *key;
	const char *value; /* never NULL; "" is a value */
};

struct kvip_meta {
	const char *ns; /* "" for cluster-scoped kinds */
	const char *name;
	const char *uid;     /* "" when the server sent none */
	kvip_wall created_s; /* creationTimestamp; 0 when absent */
	bool deleting;       /* deletionTimestamp is set */
	uint32_t n_labels;
	struct kvip_label *labels; /* sorted by key, keys unique; none are kept of a slice */
};

/* One address of status.loadBalancer.ingress[] */
struct kvip_ingress {
	struct kvip_addr addr;
	bool proxy; /* ipMode: Proxy, not to be routed (KEP-1860) */
};

struct kvip_service {
	bool load_balancer;  /* spec.type == LoadBalancer */
	bool local;          /* externalTrafficPolicy: Local */
	bool internal_local; /* internalTrafficPolicy: Local: what it says of the cluster IPs */
	bool has_selector;
	bool hostname_ingress;      /* an ingress entry has a hostname and no ip */
	uint16_t health_check_port; /* healthCheckNodePort, 0: none */
	const char *lb_class;       /* spec.loadBalancerClass or NULL */
	const char *gateway; /* name of the owning Gateway (ownerReference of kind Gateway, else
				label gateway.networking.k8s.io/gateway-name), same namespace; or
				NULL */
	uint32_t n_ingress, n_external_ips, n_cluster_ips;
	struct kvip_ingress *ingress;
	struct kvip_addr *external_ips;
	struct kvip_addr *cluster_ips; /* "None" (headless) is left out */
};

/*
 * Endpoint conditions, discovery.k8s.io/v1: absent ready counts as true; absent serving follows
 * ready (the API's wording until v1.32; since then "true", but a slice that says ready: false and
 * nothing else is older than the field, or by a controller that is).
 */
#define KVIP_EP_READY       0x01
#define KVIP_EP_SERVING     0x02
#define KVIP_EP_TERMINATING 0x04
/* The address is one of the documented dummies of an L7 proxy (192.192.192.192): rules R3. */
#define KVIP_EP_MARKER 0x08

struct kvip_endpoint {
	const char *node; /* nodeName or NULL; equal names in one slice share storage */
	uint8_t flags;
};

struct kvip_slice {
	const char *service; /* name of the Service, same namespace, or NULL: linked to none */
	bool linked_by_owner; /* no label kubernetes.io/service-name: linked by an ownerReference to the
				 Service, or to the Gateway or Ingress that it was made for */
	uint8_t family;       /* addressType: KVIP_IPV4, KVIP_IPV6, or KVIP_AF_NONE (FQDN) */
	uint32_t n_endpoints;
	struct kvip_endpoint *endpoints;
};

enum kvip_ready { KVIP_READY_UNKNOWN = 0, KVIP_READY_TRUE, KVIP_READY_FALSE };

/* An annotation whose value is an IP address (or a list of them): `next-hop annotation KEY`. */
struct kvip_node_annotation {
	const char *key;
	struct kvip_addr addr;
};

struct kvip_node {
	enum kvip_ready ready; /* condition Ready; absent = UNKNOWN */
	bool network_unavailable;
	bool unschedulable; /* cordoned */
	bool being_removed; /* taint ToBeDeletedByClusterAutoscaler */
	uint32_t n_internal, n_external, n_annotations;
	struct kvip_addr *internal; /* status.addresses, InternalIP, in the order given */
	struct kvip_addr *external; /* ExternalIP */
	struct kvip_node_annotation *annotations;
};

struct kvip_gateway {
	const char *class_name; /* spec.gatewayClassName */
	bool hostname_address;  /* status.addresses has a Hostname */
	uint32_t n_addresses;
	struct kvip_addr *addresses; /* status.addresses of type IPAddress */
};

struct kvip_obj {
	enum kvip_kind kind;
	uint32_t n_dropped; /* labels, addresses, endpoints, annotations cut off at kvip_limits.h */
	struct kvip_meta meta;
	union {
		struct kvip_service service;
		struct kvip_slice slice;
		struct kvip_node node;
		struct kvip_gateway gateway;
		struct kvip_cilium_advertisement advertisement;
		struct kvip_cilium_cluster_config cluster_config;
		struct kvip_cilium_peer_config peer_config;
		struct kvip_cilium_override node_override;
		struct kvip_cilium_pool pool;
	};
};

/**
 * kvip_obj_decode - one JSON object to a kvip_obj
 * @kind: what it must be. List items of built-in kinds carry no `kind`, so it is checked only if
 * present.
 * @json, @len: the bytes of exactly one JSON value
 * @out: the new object, owned by the caller (kvip_obj_free)
 * @rv: optional: metadata.resourceVersion is copied here (NUL-terminated, at most @rv_size bytes;
 *      "" when missing)
 * Return: 0; -EBADMSG (not JSON, so nobody can say which object it was); -EINVAL (JSON, but no
 * object of
 *	   @kind: no usable name, or another kind); -ENOMEM. Any thread.
 */
int kvip_obj_decode(enum kvip_kind kind, const char *json, size_t len, struct kvip_obj **out,
		    char *rv, size_t rv_size, struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_obj_free - takes NULL. */
void kvip_obj_free(struct kvip_obj *o);
/**
 * kvip_obj_equal - same contents in everything that a router acts on
 * A node's heartbeat changes its resourceVersion and a timestamp and nothing else: equal.
 */
bool kvip_obj_equal(const struct kvip_obj *a, const struct kvip_obj *b);
/** kvip_meta_label - value of label @key, or NULL. O(log n). */
const char *kvip_meta_label(const struct kvip_meta *m, const char *key);
