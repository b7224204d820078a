/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every bound the engine puts on the outside world, in one place.
 *
 * Crossing one is an ordinary error with a counter and a text, never a crash: what the API server,
 * a configuration file or an object in the cluster may cost us is decided here.
 */
#pragma once

/* One object of a list or one watch event, in bytes of JSON. etcd refuses objects over 1.5 MiB. */
#define KVIP_MAX_OBJECT_BYTES (8u << 20)
/* A list's envelope: the answer without its items (kind, metadata, or a Status). */
#define KVIP_MAX_ENVELOPE_BYTES (256u << 10)
/* json-c's own default is 32; CRDs in the field nest deeper than that. */
#define KVIP_MAX_JSON_DEPTH 128
/* Objects of one kind in one cluster. */
#define KVIP_MAX_OBJECTS 1000000u
/* Pages of one paged list: a server that repeats its continue token for ever is stopped here. */
#define KVIP_MAX_LIST_PAGES 20000u

/* Labels, addresses, endpoints and annotations of one object; the rest is dropped and counted. */
#define KVIP_MAX_LABELS    512u
#define KVIP_MAX_ADDRS     64u
#define KVIP_MAX_ENDPOINTS 1000u /* Kubernetes' own limit for one EndpointSlice */
/* Advertisements, peers, families, blocks of one Cilium object, and the text of its selectors. */
#define KVIP_MAX_CILIUM_ITEMS 64u
#define KVIP_MAX_DRAFT_TEXT   16384u
/* Cilium objects of one kind that are looked at; the rest is said by `show kubevip check`. */
#define KVIP_MAX_CILIUM_OBJECTS 256u
/* RFC 1123 subdomain: the longest name of a Kubernetes object. */
#define KVIP_MAX_NAME 253u
/* Label key: prefix (253) + '/' + name (63); label value: 63. */
#define KVIP_MAX_LABEL_KEY   317u
#define KVIP_MAX_LABEL_VALUE 63u

/* Next hops of one route. FRR's own width (MULTIPATH_NUM) may be smaller: the sink says so. */
#define KVIP_MAX_NEXTHOPS 256u
/* VIPs of one cluster, unless `maximum-vips` says otherwise. */
#define KVIP_DEFAULT_MAX_VIPS 100000u
#define KVIP_MAX_VIPS         1000000u
/* Clusters and, for each, servers, ranges and advertise blocks in the configuration. */
#define KVIP_MAX_CLUSTERS  64u
#define KVIP_MAX_SERVERS   16u
#define KVIP_MAX_PEERS     16u /* addresses of one server's name that are remembered */
#define KVIP_MAX_RANGES    1024u
#define KVIP_MAX_ADVERTISE 256u
/* Distinct `match kubevip ...` of bgpd's route-maps: a bit of every VIP each. One more never
 * matches. */
#define KVIP_MAX_MATCHES 256u

/* Credentials and kubeconfig files. */
#define KVIP_MAX_FILE_BYTES  (1u << 20)
#define KVIP_MAX_TOKEN_BYTES (64u << 10)
/* The state file: 100,000 VIPs with three next hops are about 20 MB. */
#define KVIP_MAX_STATE_BYTES (256u << 20)

/* One page of `show` output. */
#define KVIP_MAX_SHOW_BYTES (256u << 20)
