/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Selection: which addresses a Service or Gateway claims, whether the configuration lets it have
 * them, and through which nodes they are reached. A pure function of what struct kvip_select points
 * to; the VIP table calls it again whenever one of those things has changed.
 *
 * Deliberately without what only this router sees (next-hop tracking, links): two routers with the
 * same input decide the same (features F20). For .c files and *_priv.h of lib/vip.
 */
#pragma once

#include "vip/kvip_cache_priv.h"
#include "vip/kvip_conf.h"
#include "vip/kvip_facts.h"
#include "vip/kvip_reason.h"
#include "vip/kvip_route.h"

/* Where a claim's address comes from, in the order of rules R3 (2). */
enum kvip_source {
	KVIP_SOURCE_LOADBALANCER = 0,
	KVIP_SOURCE_GATEWAY,
	KVIP_SOURCE_EXTERNAL,
	KVIP_SOURCE_CLUSTER,
};
/** kvip_source_name - "load-balancer", "gateway", "external-ip", "cluster-ip". */
const char *kvip_source_name(enum kvip_source s);

/*
 * A node that stopped being Ready no longer than this before the last one did is one of "the last
 * good nodes" (rules R4): kubelets that are cut off together turn Unknown within one node-monitor
 * period of each other (40 s grace, 5 s period), not at once.
 */
#define KVIP_LAST_GOOD_WINDOW_MS 120000
/*
 * When enough nodes are Ready again, the kept ones have that long to come back, too; and pods of a
 * node that was silent count as they last were for that long after the first word from it. Kubelets
 * try again every 10 s, each try may take as long, and their pods' readiness follows up to 10 s
 * later (kubelet v1.36: nodeStatusUpdateFrequency, status manager's syncPeriod).
 */
#define KVIP_SETTLE_MS 60000

/* Addresses, sorted, without duplicates. */
struct kvip_addrset {
	size_t n;
	struct kvip_addr v[];
};
bool kvip_addrset_has(const struct kvip_addrset *s, const struct kvip_addr *a);
/** kvip_addrset_settle - sort @s and drop duplicates. */
void kvip_addrset_settle(struct kvip_addrset *s);

/* A node as one advertise block sees it. */
struct kvip_member {
	const struct kvip_node_entry *node;
	struct kvip_addr v4, v6;   /* family NONE: it has none of the wanted kind */
	kvip_msec kept_until_ms;   /* NODE_KEPT till then. KVIP_NEVER: while too few are Ready */
	kvip_msec silent_until_ms; /* what the API says of its pods is no news till then */
	uint8_t reason;            /* SELECTED, NODE_KEPT, or why it is not eligible */
	bool silent;               /* that time is not over */
};

/* The nodes of a cluster as one advertise block sees them, by name. */
struct kvip_nodeset {
	char *block;                          /* its name, a copy */
	const struct kvip_nhset *all4, *all6; /* next hops of all eligible nodes */
	size_t n_eligible;
	bool kept; /* NODE_KEPT among them */
	size_t n;
	struct kvip_member v[];
};

/* What selection knows of a cluster's nodes: computed once when a node or the configuration
 * changes. */
struct kvip_nodes {
	struct kvip_addrset *taken; /* what can be no VIP because it is a node's */
	size_t n_sets;              /* one for each advertise block, in its order */
	struct kvip_nodeset **sets;
	uint64_t *bits;           /* scratch: one per member */
	struct kvip_addr *picked; /* scratch: one per member */
	kvip_msec review_ms;      /* when to be built again though nothing has happened */
};

/**
 * kvip_nodes_build - look at every node once per advertise block
 * @before: what it was before, or NULL: who is kept depends on that
 * Return: 0; -ENOMEM.
 */
int kvip_nodes_build(struct kvip_cache *cache, const struct kvip_cluster_conf *conf,
		     struct kvip_nhsets *nhsets, const struct kvip_nodes *before, kvip_msec now,
		     struct kvip_nodes **out) KVIP_USE_RESULT;
/** kvip_nodeset_keep - of nodes that have been judged, take back those that rules R4 keeps. @before:
 *  the same block's nodes, or NULL. Return: when it would say something else. */
kvip_msec kvip_nodeset_keep(struct kvip_nodeset *s, const struct kvip_nodeset *before,
			    uint32_t floor, kvip_msec now);
/** kvip_nodes_free - takes NULL. */
void kvip_nodes_free(struct kvip_nodes *n);
/** kvip_nodeset_same - the same next hops through the same nodes, and the same of them silent?
 *  Reasons why a node is not eligible do not count. */
bool kvip_nodeset_same(const struct kvip_nodeset *a, const struct kvip_nodeset *b);
/** kvip_nodeset_find - by name; NULL: no such node. */
const struct kvip_member *kvip_nodeset_find(const struct kvip_nodeset *s, const char *name);
/** kvip_nodeset_address - by which address of @family the block reaches node @name; NULL: there is
 *  no such node, or it has none. */
const struct kvip_addr *kvip_nodeset_address(const struct kvip_nodeset *s, const char *name,
					     uint8_t family);
static inline bool kvip_member_eligible(const struct kvip_member *m)
{
	return m->reason == KVIP_REASON_SELECTED || m->reason == KVIP_REASON_NODE_KEPT;
}

/* Everything that selection for one cluster reads. All borrowed. */
struct kvip_select {
	const struct kvip_conf *conf;
	const struct kvip_cluster_conf *cluster;
	const struct kvip_facts *facts;          /* NULL: a dry run, nothing local is checked */
	const struct kvip_addrset *const *taken; /* node addresses, of every cluster */
	size_t n_taken;
	const struct kvip_addrset *servers; /* API servers of every cluster; may be NULL */
	const struct kvip_nodes *nodes;
	struct kvip_nhsets *nhsets;
	bool api_lost;       /* for longer than on-api-loss allows */
	bool cilium_unknown; /* there may be blocks that nobody has told us of yet */
};

/* One address that an owner names. */
struct kvip_wanted {
	struct kvip_addr addr;
	uint8_t source; /* enum kvip_source */
	bool proxy;     /* ipMode: Proxy */
};
#define KVIP_MAX_WANTED (3 * KVIP_MAX_ADDRS)
/** kvip_select_wanted - the addresses of @o that the configuration could take, strongest source
 *  first. */
size_t kvip_select_wanted(const struct kvip_cluster_conf *conf, const struct kvip_owner *o,
			  struct kvip_wanted *out);

/** kvip_select_has_service - has this Gateway a Service? Then that speaks for it: they are one
 *  claim (rules R3). */
bool kvip_select_has_service(const struct kvip_owner *gateway);

enum kvip_selected_by { KVIP_BY_NONE = 0, KVIP_BY_SERVICE, KVIP_BY_GATEWAY };

/** kvip_select_unmet - why block @i takes no address of @o from @source, in words for people.
 *  Return: a stable word (reason of the block), NULL: it does take it. */
const char *kvip_select_unmet(const struct kvip_cluster_conf *conf, size_t i,
			      const struct kvip_owner *o, enum kvip_source source, char *buf,
			      size_t size);

/* The answer for one claim. */
struct kvip_selected {
	uint8_t reason;               /* SELECTED, or why not */
	uint8_t warning;              /* NONE, or one of level WARN */
	uint8_t by;                   /* enum kvip_selected_by */
	int16_t block;                /* index of the advertise block; -1: none matched */
	uint32_t usable, total;       /* endpoints */
	const struct kvip_nhset *nhs; /* one reference, if SELECTED */
	bool held;                    /* SELECTED by endpoints as they last were */
};

/* What was before: some answers keep it (rules R3, R4). Borrowed. */
struct kvip_before {
	bool present;                 /* a route of this cluster for it is in force */
	const struct kvip_nhset *nhs; /* the last next hops of the claim by endpoints that were
					 usable, if that is not long ago; or NULL */
};
/**
 * kvip_select_claim - may @o have @w, and through which nodes?
 * Return: 0; -ENOMEM with @out untouched.
 */
int kvip_select_claim(const struct kvip_select *s, const struct kvip_owner *o,
		      const struct kvip_wanted *w, const struct kvip_before *before,
		      struct kvip_selected *out) KVIP_USE_RESULT;

/** kvip_reason_counts - does a claim with this result take part in the order of rules R3? True for
 *  SELECTED and for what only lacks endpoints or nodes. */
bool kvip_reason_counts(enum kvip_reason r);

/** kvip_reason_refuses - may this claim not have the address, whatever becomes of its endpoints? */
bool kvip_reason_refuses(enum kvip_reason r);

/* The parts of it. */
/** kvip_select_range - the longest vip-range with @a decides; @ns NULL: the namespace is not known
 *  and not asked. Return: NONE (and *@allow_connected set if it says so; may be NULL),
 *  OUT_OF_RANGE, OTHER_NAMESPACE. */
enum kvip_reason kvip_select_range(const struct kvip_cluster_conf *conf, const char *ns,
				   const struct kvip_addr *a, bool *allow_connected);
/** kvip_select_address - range, binding, and everything that is refused always (rules R3). NONE: it
 *  may be. */
enum kvip_reason kvip_select_address(const struct kvip_select *s, const char *ns,
				     const struct kvip_addr *a);
/** kvip_select_plist - the cluster's prefix-list. NONE; PREFIX_LIST_HOLDS (undefined, but
 *  @present); or why not. */
enum kvip_reason kvip_select_plist(const struct kvip_select *s, const struct kvip_addr *a,
				   bool present);
/** kvip_select_block - the first advertise block, in natural order, that takes @o's addresses of
 *  @source; -1: none. */
int kvip_select_block(const struct kvip_cluster_conf *conf, const struct kvip_owner *o,
		      enum kvip_source source, enum kvip_selected_by *by);
/** kvip_select_local - does only a node with an endpoint of @s take traffic for its address from
 *  @source? */
bool kvip_select_local(const struct kvip_service *s, enum kvip_source source);
/** kvip_select_next_hops - endpoints and nodes: fills reason, warning, usable, total, nhs, held of
 *  @out. @last: as in struct kvip_before. 0, -ENOMEM. */
int kvip_select_next_hops(const struct kvip_select *s, const struct kvip_owner *o, size_t block,
			  const struct kvip_wanted *w, const struct kvip_nhset *last,
			  struct kvip_selected *out) KVIP_USE_RESULT;
