/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: everything between the API's bytes and decisions about routes, for all clusters.
 *
 * It runs on T1. T0 reads it for `show` and gives it orders through the functions marked "T0,
 * locked": they take the engine's lock, which T1 holds only for a slice of its work (at most some
 * hundred objects), so that the main loop never waits long. Decisions leave through the mailbox.
 *
 * Nothing is withdrawn but by a decision that says so: what the engine does not (yet) know anything
 * about stays as it is (rules R4).
 */
#pragma once

#include "base/kvip_limits.h"
#include "base/kvip_log.h"
#include "base/kvip_time.h"
#include "kube/kvip_client.h"
#include "vip/kvip_conf.h"
#include "vip/kvip_facts.h"
#include "vip/kvip_finding.h"
#include "vip/kvip_mailbox.h"
#include "vip/kvip_reason.h"
#include "vip/kvip_route.h"

struct kvip_engine;

struct kvip_engine_deps {
	struct kvip_http *http; /* NULL: no API; objects are fed through kvip_engine_feed (dry run,
				   tests) */
	struct kvip_nhsets *nhsets;
	struct kvip_mailbox *mailbox;
	const struct kvip_log *log;
	uint64_t seed;
};

/** kvip_engine_new - T0 or T1, before the worker runs. */
struct kvip_engine *kvip_engine_new(const struct kvip_engine_deps *deps) KVIP_USE_RESULT;
/** kvip_engine_free - after the worker has stopped. */
void kvip_engine_free(struct kvip_engine *e);

/* What was in force before a restart: read from the state file by the host. */
struct kvip_restored {
	struct kvip_route route; /* .nhs: borrowed */
	const char *identity;    /* of the cluster it came from; "" unknown */
	kvip_wall confirmed_s;   /* when that cluster's data was last known to be live */
	bool in_zebra;           /* the age limit does not apply (rules R4) */
};
/** kvip_engine_restore - before the first step, or when this process takes over from another (T0,
 *  locked: then wake T1); copies. Entries that today's configuration allows are decided as they were
 *  until their cluster has synchronised; the others wait, untouched. What was decided here stays. */
int kvip_engine_restore(struct kvip_engine *e, const struct kvip_restored *v,
			size_t n) KVIP_USE_RESULT;

/**
 * kvip_engine_configure - publish a new configuration and/or new facts Each takes a reference;
 * NULL: as before. Any thread; in force from the next step that has nothing left to decide. The
 * newest wins. Facts that were never given: a dry run, nothing local is checked. Facts with known
 * == false: nothing is decided before they are known (an own address must not be routed for a
 * moment); once known, unknown ones do not replace them.
 */
void kvip_engine_configure(struct kvip_engine *e, struct kvip_conf *conf, struct kvip_facts *facts);

/**
 * kvip_engine_step - T1: do what is due, in slices
 * @wall: seconds since the epoch, for ages
 * Return: when to be called again at the latest. To be called after each kvip_http_poll().
 */
kvip_msec kvip_engine_step(struct kvip_engine *e, kvip_msec now, kvip_wall wall);

/** kvip_engine_feed - T1: the feed of cluster @name, for hosts without HTTP; NULL: no such cluster
 *  (or not yet: clusters come into being in the step after kvip_engine_configure()). */
const struct kvip_feed *kvip_engine_feed(struct kvip_engine *e, const char *name, void **ctx);

/* Orders. T0, locked; carried out by T1's next step: wake it. @cluster NULL: all. Return: 0,
 * -ENOENT. */
int kvip_engine_relist(struct kvip_engine *e, const char *cluster);
/* clear the guard */
int kvip_engine_accept_withdrawals(struct kvip_engine *e, const char *cluster);
/** kvip_engine_clear_orphans - withdraw what belongs to no configured cluster. */
int kvip_engine_clear_orphans(struct kvip_engine *e);
/** kvip_engine_republish - post every decision again (T0 has lost its table; takeover). */
int kvip_engine_republish(struct kvip_engine *e);

/* Views for show: borrowed pointers, valid inside the callback, which must not call the engine: its
 * lock is held. T0, locked. A callback returns false to stop. */
struct kvip_claim_view {
	const char *cluster, *kind, *ns, *name; /* kind: "Service" or "Gateway" */
	const char *gateway;                    /* owning Gateway's name, or NULL */
	const struct kvip_addr *addr;           /* NULL: the Service has no address to speak of */
	enum kvip_reason reason;
	enum kvip_reason warning;     /* KVIP_REASON_NONE or one of level WARN */
	const char *advertise;        /* the block that matched, or NULL */
	const char *source;           /* "load-balancer", "gateway", "external-ip", "cluster-ip" */
	const char *selected_by;      /* "service labels", "gateway labels", NULL */
	const char *winner;           /* HELD_BY_OTHER: "cluster/Kind ns/name" */
	const struct kvip_nhset *nhs; /* this claim's own set or NULL */
	kvip_wall created_s;
	bool local;           /* the policy that applies to this address */
	bool external_local;  /* externalTrafficPolicy */
	bool internal_local;  /* internalTrafficPolicy */
	bool endpoints_known; /* false: a Gateway, or refused before they were counted */
	uint32_t endpoints_usable, endpoints_total;
	/* with `from-cilium`: what Cilium says of it beside the route */
	const char *pool;                            /* CiliumLoadBalancerIPPool, or NULL */
	const char *communities, *large_communities; /* or NULL */
	bool has_local_preference;
	int64_t local_preference;
};
struct kvip_vip_view {
	struct kvip_prefix prefix;
	bool routed; /* a route is decided */
	bool held;   /* the guard or a missing prefix-list keeps it */
	bool restored;
	enum kvip_reason reason; /* of the whole VIP */
	enum kvip_reason warning;
	const struct kvip_route *route; /* if routed */
	kvip_wall restored_confirmed_s;
	kvip_msec changed_ms; /* last change of the decision */
	size_t n_claims;
	const struct kvip_claim_view *claims; /* the holder's first */
};
typedef bool kvip_vip_fn(void *ctx, const struct kvip_vip_view *v);
/** kvip_engine_each_vip - in prefix order, every VIP with at least one claim in range, and restored
 *  ones. */
void kvip_engine_each_vip(struct kvip_engine *e, kvip_vip_fn *fn, void *ctx);

/* Walks in slices. Where one stands is a name, not a pointer: between slices the lock is free, and
 * what is shown may come and go. Zero: at the beginning. Each returns false at the end. */
struct kvip_vip_at {
	bool begun;
	struct kvip_prefix prefix;
};
struct kvip_object_at {
	bool begun;
	char cluster[64];
	enum kvip_kind kind;
	char key[2 * KVIP_MAX_NAME + 2]; /* namespace, NUL, name */
};
/** kvip_engine_each_vip_some - the next @max VIPs. */
bool kvip_engine_each_vip_some(struct kvip_engine *e, struct kvip_vip_at *at, unsigned int max,
			       kvip_vip_fn *fn, void *ctx);

/** kvip_engine_show_vip - the one at @p; its claims included. Return: false if there is none. */
bool kvip_engine_show_vip(struct kvip_engine *e, const struct kvip_prefix *p, kvip_vip_fn *fn,
			  void *ctx);

/**
 * kvip_engine_find_conflict - T0, locked: look through the table for VIPs with claims that do not go
 * together, a slice at a time
 * @at: where the last look ended (all zero: nowhere yet); moves on to the VIP found, or to the last
 *      one looked at
 * Return: 1: @at is in conflict; 0: none in this slice; -ENOENT: nor is there any behind it.
 */
int kvip_engine_find_conflict(struct kvip_engine *e, struct kvip_prefix *at) KVIP_USE_RESULT;

typedef bool kvip_claim_fn(void *ctx, const struct kvip_claim_view *v);
/** kvip_engine_each_claim - every LoadBalancer Service (and address), the unselected ones too, in
 *  order of cluster, namespace, name, address; and the Gateways that have no Service. */
void kvip_engine_each_claim(struct kvip_engine *e, kvip_claim_fn *fn, void *ctx);
/** kvip_engine_each_claim_some - the next @max Services and Gateways. */
bool kvip_engine_each_claim_some(struct kvip_engine *e, struct kvip_object_at *at, unsigned int max,
				 kvip_claim_fn *fn, void *ctx);

struct kvip_node_view {
	const char *cluster, *name;
	enum kvip_ready ready;
	bool cordoned;
	const struct kvip_addr *addrs; /* internal, then external */
	size_t n_addrs;
	size_t n_blocks; /* per advertise block: */
	const char *const *block;
	const enum kvip_reason *reason; /* SELECTED, NODE_KEPT or why not */
	size_t vips;                    /* decided routes through one of its addresses */
	bool self;                      /* node mode: it is this router */
};
typedef bool kvip_node_fn(void *ctx, const struct kvip_node_view *v);
void kvip_engine_each_node(struct kvip_engine *e, kvip_node_fn *fn, void *ctx);

/* VIPs through each address, counted before nodes are shown. */
struct kvip_node_uses;
/** kvip_engine_uses_new - NULL without memory. */
struct kvip_node_uses *kvip_engine_uses_new(void) KVIP_USE_RESULT;
void kvip_engine_uses_free(struct kvip_node_uses *u);
/** kvip_engine_count_uses - of the next @max VIPs. Return: false at the end. */
bool kvip_engine_count_uses(struct kvip_engine *e, struct kvip_node_uses *u, unsigned int max);
/** kvip_engine_each_node_some - the next @max nodes. */
bool kvip_engine_each_node_some(struct kvip_engine *e, struct kvip_object_at *at,
				const struct kvip_node_uses *u, unsigned int max, kvip_node_fn *fn,
				void *ctx);

enum kvip_cluster_state {
	KVIP_CLUSTER_STARTING, /* has not synchronised since we run */
	KVIP_CLUSTER_LIVE,
	KVIP_CLUSTER_STALE, /* API loss: the last table is held */
	KVIP_CLUSTER_SHUTDOWN,
};
struct kvip_cluster_view {
	const char *name;
	enum kvip_cluster_state state;
	bool cilium_unknown;     /* from-cilium: there may be blocks that nobody has told us of */
	bool identity_changed;   /* another cluster answers: withdrawals are held until accepted */
	kvip_msec synced_ms;     /* when it last became complete; 0: never */
	kvip_msec last_proof_ms; /* oldest of the mandatory kinds' last proofs of life */
	size_t vips, held, services, nodes, objects;
	bool no_self; /* node mode: live, and without a Node object of this router's name */
	bool guard_active;
	enum kvip_reason guard_reason; /* GUARD_HOLDS or NONE */
	kvip_msec guard_since_ms;
	uint64_t withdrawals, announcements;
	const size_t *refused; /* by reason: addresses that its Services and Gateways may not have */
	const struct kvip_client_status *client; /* NULL without HTTP */
};
typedef bool kvip_cluster_fn(void *ctx, const struct kvip_cluster_view *v);
void kvip_engine_each_cluster(struct kvip_engine *e, kvip_cluster_fn *fn, void *ctx);

/** kvip_engine_check - T0, locked: what is wrong with the objects that configure (from-cilium) and
 * with the clusters' prefix-lists. */
void kvip_engine_check(struct kvip_engine *e, kvip_finding_fn *fn, void *ctx);

struct kvip_engine_summary {
	size_t clusters, vips_routed, vips_held, vips_restored, conflicts, nhsets;
	/* sum of a hash of (prefix, next hops, tag, distance) over decided routes: compare two
	 * routers (F20) */
	uint64_t table_digest;
	size_t warned[KVIP_REASON_MAX]; /* VIPs by their warning */
	uint64_t conflicts_begun;       /* since the start */
	uint64_t conf_generation;
	size_t backlog; /* keys still to be decided */
	/* node mode: the Node object that this router is; "": none, or unknown */
	char node_name[254];
};
void kvip_engine_get_summary(struct kvip_engine *e, struct kvip_engine_summary *out);

/** kvip_engine_cluster_seen - T0: identity and wall time of the last proof of life, for the state file.
 *  It is asked each second, and does not wait for T1, which may have been put to sleep with the lock
 *  held. Return: false while nothing is known, or now and then: ask again. */
bool kvip_engine_cluster_seen(struct kvip_engine *e, const char *cluster, char *identity,
			      size_t size, kvip_wall *confirmed_s);
