/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VIP table: which claims there are for each address, who holds it, and what has been decided.
 *
 * One table for all clusters, keyed by prefix. It works in stages, each in slices: sweep what
 * complete lists did not name, look at nodes, at owners (Services, Gateways), at VIPs; a later
 * stage only runs when the earlier ones have nothing left. What is to be withdrawn waits for the
 * end of the batch, where the guard judges it as a whole. For kvip_table*.c, kvip_engine*.c and
 * their tests; T1, or under the engine's lock.
 */
#pragma once

#include "base/kvip_limits.h"
#include "base/kvip_log.h"
#include "vip/kvip_guard.h"
#include "vip/kvip_mailbox.h"
#include "vip/kvip_select.h"

struct kvip_table;
struct kvip_cluster;
struct kvip_vip;

/* One owner's claim to one address inside a vip-range of its cluster, with selection's answer. */
struct kvip_claim {
	SLIST_ENTRY(kvip_claim) of_vip;
	SLIST_ENTRY(kvip_claim) of_owner;
	struct kvip_vip *vip;
	struct kvip_owner *owner;
	struct kvip_cluster *cluster;
	const struct kvip_nhset *nhs; /* one reference, if reason is SELECTED */
	/* One reference: the last nhs by usable endpoints, where the present one is not; its age. */
	const struct kvip_nhset *last;
	kvip_msec last_ms;
	uint32_t usable, total;
	int16_t block;
	uint8_t source, reason, warning, by;
	bool held; /* SELECTED by endpoints as they last were: yields to who has endpoints */
	bool seen; /* named again by the evaluation under way */
};

/* What the state file said of a VIP, until its cluster has synchronised (rules R4). */
struct kvip_restored_entry {
	LIST_ENTRY(kvip_restored_entry) of_table;
	struct kvip_vip *vip;
	kvip_wall confirmed_s;
	bool in_zebra;
	bool dismissed;      /* by the operator: cleared orphan, removed or shut down cluster */
	const char *cluster; /* it came from, by kvip_nhsets_name() */
	char identity[64];
};

enum kvip_vip_queue {
	KVIP_QUEUE_NONE = 0,
	KVIP_QUEUE_DIRTY,   /* to be decided */
	KVIP_QUEUE_PENDING, /* the cluster's side wants it withdrawn: the guard decides */
	KVIP_QUEUE_NOW,     /* to be withdrawn at the end of the batch, guard or not */
};

/*
 * One VIP. What is "in force" is the route that T0 has: nhs, holder, and tag to resolution. It is
 * there from the first announcement (or from the state file) until a withdrawal has been posted.
 */
struct kvip_vip {
	RB_ENTRY(kvip_vip) by_prefix;
	TAILQ_ENTRY(kvip_vip) in_queue;
	struct kvip_claims claims;
	const struct kvip_nhset *nhs;
	struct kvip_cluster *holder; /* whose route it is; NULL: an orphan's */
	struct kvip_restored_entry *restored;
	kvip_msec changed_ms;
	uint32_t tag, table;
	struct kvip_marks marks;
	struct kvip_prefix prefix;
	uint8_t distance, resolution;
	uint8_t reason, warning;
	uint8_t queue; /* enum kvip_vip_queue */
	bool in_force : 1;
	bool told : 1;        /* it was decided in this run: T0 has it from us */
	bool as_restored : 1; /* it is the state file's, not confirmed by the API */
	bool was_pending : 1; /* it was PENDING before it became DIRTY */
	bool was_now : 1;     /* it was NOW before it became DIRTY */
	bool conflict : 1;    /* claims that count and lost */
	bool over_limit : 1;  /* refused by maximum-vips */
	/* of what is in force: node mode, see kvip_table_self() */
	bool through_self : 1;
};

RB_HEAD(kvip_vips, kvip_vip);
TAILQ_HEAD(kvip_vip_list, kvip_vip);
TAILQ_HEAD(kvip_owner_list, kvip_owner);

/* A walk over all owners of a cache that can be left and taken up again. */
struct kvip_walk {
	struct kvip_entry *at; /* the next one; NULL: the first of @kind, or the end */
	enum kvip_kind kind;   /* Services, then Gateways */
	bool begun;
};

enum kvip_sweep {
	KVIP_SWEEP_NONE = 0,
	KVIP_SWEEP_CHANGED, /* owners with a claim in a block whose nodes changed */
	KVIP_SWEEP_ALL,
};

/* A cluster, as far as the table is concerned; the engine's struct begins with it. */
struct kvip_cluster {
	TAILQ_ENTRY(kvip_cluster) of_table;
	struct kvip_table *table;
	const char *name;                           /* by kvip_nhsets_name(): routes have it, too */
	const struct kvip_cluster_conf *conf;       /* what is in force: one of the two below */
	const struct kvip_cluster_conf *configured; /* of table->conf */
	struct kvip_cluster_conf *expanded; /* with the blocks of Cilium's objects; NULL: not asked
					       for */
	bool cilium_dirty;                  /* those have changed: to be expanded anew */
	bool cilium_known; /* every kind that makes blocks has listed, or is absent */
	struct kvip_cache *cache;
	struct kvip_cache *retired; /* the cache of former credentials, whose claims are being given
				       up */
	bool live;                  /* has synchronised: its owners are looked at */
	bool removed;               /* no longer configured: gives up everything, then goes */
	bool api_lost;              /* for longer than on-api-loss allows */
	bool relisted;              /* a list was completed since the last batch ended */
	bool identity_changed;
	char identity[64]; /* "" while unknown */

	struct kvip_nodes *nodes;
	bool nodes_dirty;
	enum kvip_sweep sweep;
	struct kvip_walk walk; /* of the sweep */
	struct kvip_walk retired_walk;
	bool changed[KVIP_MAX_ADVERTISE]; /* blocks whose nodes changed, for SWEEP_CHANGED */
	struct kvip_owner_list owners;    /* to be looked at */
	size_t n_owners;

	struct kvip_guard guard;
	struct kvip_vip_list pending;
	size_t n_pending;
	size_t n_in_force;               /* VIPs whose holder it is */
	size_t refused[KVIP_REASON_MAX]; /* addresses that its owners may not have, by reason */
	uint64_t withdrawals, announcements;
};

TAILQ_HEAD(kvip_clusters, kvip_cluster);

/* Why things are being decided: the operator's causes pass the guard. */
enum kvip_cause { KVIP_CAUSE_API = 0, KVIP_CAUSE_OPERATOR };

struct kvip_table {
	struct kvip_vips vips;
	struct kvip_clusters clusters; /* by name */
	struct kvip_vip_list dirty, now_list;
	LIST_HEAD(, kvip_restored_entry) restored;
	struct kvip_conf *conf;   /* one reference */
	struct kvip_facts *facts; /* one reference; NULL: a dry run */
	struct kvip_addrset *servers;
	const struct kvip_addrset *taken[KVIP_MAX_CLUSTERS];
	size_t n_taken;
	struct kvip_nhsets *nhsets;
	struct kvip_mailbox *mailbox;
	const struct kvip_log *log;
	enum kvip_cause cause;
	kvip_msec now;
	kvip_wall wall;
	size_t n_told, n_as_restored, n_conflicts, n_over_limit, n_dirty;
	size_t n_warned[KVIP_REASON_MAX]; /* VIPs by their warning */
	uint64_t conflicts_begun;         /* since the start */
	bool room;                        /* a cluster that was full no longer is */
	uint64_t digest; /* sum over decided routes of a hash of each: see kvip_table_vip.c */
	struct kvip_cache *garbage; /* to be freed when the lock is not held */
	bool batch_open;            /* something was done since the last batch ended */
};

/* kvip_table.c: life of the table and of its clusters */
void kvip_table_init(struct kvip_table *t, struct kvip_nhsets *nhsets, struct kvip_mailbox *mailbox,
		     const struct kvip_log *log);
/** kvip_table_done - every cluster must have been taken out. Withdraws nothing. */
void kvip_table_done(struct kvip_table *t);
/** kvip_table_add_cluster - @c, zeroed by the caller, gets a name, a cache and a place. 0, -ENOMEM.
 *  */
int kvip_table_add_cluster(struct kvip_table *t, struct kvip_cluster *c,
			   const struct kvip_cluster_conf *conf) KVIP_USE_RESULT;
/** kvip_table_drop_cluster - free what @c has; its routes stay in force as nobody's. */
void kvip_table_drop_cluster(struct kvip_table *t, struct kvip_cluster *c);
struct kvip_cluster *kvip_table_cluster(struct kvip_table *t, const char *name);
/** kvip_table_set_conf - the clusters' conf pointers are renewed, everything is looked at again.
 *  Clusters that are gone from it are marked removed. Takes the references; NULL @facts: as before.
 *  */
void kvip_table_set_conf(struct kvip_table *t, struct kvip_conf *conf, struct kvip_facts *facts);
/** kvip_table_set_servers - addresses of API servers; takes @s. */
void kvip_table_set_servers(struct kvip_table *t, struct kvip_addrset *s);
/** kvip_table_go_live - @c has synchronised. */
void kvip_table_go_live(struct kvip_cluster *c);
/** kvip_table_swap_cache - @c is from now on what @cache says; the old one's claims are given up.
 *  */
void kvip_table_swap_cache(struct kvip_cluster *c, struct kvip_cache *cache);
/** kvip_table_set_api_lost - for longer than on-api-loss allows; or back again. */
void kvip_table_set_api_lost(struct kvip_cluster *c, bool lost);
/** kvip_table_self - node mode: the name of the Node object that this router is; NULL otherwise, and
 *  while it is not known. */
const char *kvip_table_self(const struct kvip_table *t);
/** kvip_table_sweep_all - look at every owner of @c again. */
void kvip_table_sweep_all(struct kvip_cluster *c);
/** kvip_table_hooks - what a cache of @c calls. */
struct kvip_cache_hooks kvip_table_hooks(struct kvip_cluster *c);

enum kvip_work { KVIP_WORK_IDLE = 0, KVIP_WORK_MORE, KVIP_WORK_NOMEM };
/**
 * kvip_table_work - one slice
 * @budget: keys to look at, about
 * Return: IDLE when nothing is left and the batch has ended; NOMEM: try again later, nothing was
 * lost.
 */
enum kvip_work kvip_table_work(struct kvip_table *t, size_t budget);
size_t kvip_table_backlog(const struct kvip_table *t);

/* kvip_table_cilium.c: the configuration in force */
/** kvip_cluster_set_conf - a new configuration; NULL: the cluster is no longer configured. */
void kvip_cluster_set_conf(struct kvip_cluster *c, const struct kvip_cluster_conf *conf);
/** kvip_cluster_renew_conf - Cilium's objects have changed. 0, -ENOMEM: what was in force stays so.
 */
int kvip_cluster_renew_conf(struct kvip_cluster *c) KVIP_USE_RESULT;
void kvip_table_set_cilium_known(struct kvip_cluster *c, bool known);
/** kvip_vip_waits_for_cilium - may a block that is not known yet select @v for its holder? */
bool kvip_vip_waits_for_cilium(const struct kvip_vip *v);

/* kvip_table_vip.c: VIPs and their queues */
struct kvip_vip *kvip_vip_find(struct kvip_table *t, const struct kvip_prefix *p);
struct kvip_vip *kvip_vip_get(struct kvip_table *t, const struct kvip_prefix *p) KVIP_USE_RESULT;
struct kvip_vip *kvip_vip_first(struct kvip_table *t);
struct kvip_vip *kvip_vip_next(struct kvip_vip *v);
/** kvip_vip_after - the first one behind @p, which need not be there; NULL at the end. */
struct kvip_vip *kvip_vip_after(struct kvip_table *t, const struct kvip_prefix *p);
void kvip_vip_dirty(struct kvip_table *t, struct kvip_vip *v);
/** kvip_vip_enqueue - put @v into @queue (and out of the one it is in). */
void kvip_vip_enqueue(struct kvip_table *t, struct kvip_vip *v, enum kvip_vip_queue queue);
/** kvip_vip_release - free @v if nothing is in force, claimed or restored. Return: true when it is
 *  gone. */
bool kvip_vip_release(struct kvip_table *t, struct kvip_vip *v);
/** kvip_vip_warn - what is to be said of it though it is routed; NONE. Counted. */
void kvip_vip_warn(struct kvip_table *t, struct kvip_vip *v, enum kvip_reason warning);
/** kvip_vip_set_in_force - the one place that changes what is in force; @r NULL: nothing. Not
 *  while it is PENDING. Takes r->nhs. */
void kvip_vip_set_in_force(struct kvip_table *t, struct kvip_vip *v, const struct kvip_route *r,
			   struct kvip_cluster *holder, bool told);
/** kvip_vip_set_holder - whose route it is, without another change; not while it is PENDING. */
void kvip_vip_set_holder(struct kvip_table *t, struct kvip_vip *v, struct kvip_cluster *holder);
/** kvip_vip_route - what is in force, as a route; borrows nhs. */
void kvip_vip_route(const struct kvip_vip *v, struct kvip_route *out);
/** kvip_vip_set_marks - the route in force is the same, what route-maps are told of it is not. */
void kvip_vip_set_marks(struct kvip_vip *v, const struct kvip_marks *marks);
/** kvip_vip_post_announce, kvip_vip_post_withdraw - 0, -ENOMEM. */
int kvip_vip_post_announce(struct kvip_table *t, const struct kvip_route *r) KVIP_USE_RESULT;
int kvip_vip_post_withdraw(struct kvip_table *t, struct kvip_vip *v,
			   enum kvip_withdraw_why why) KVIP_USE_RESULT;

/* kvip_table_claim.c: owners */
int kvip_owner_evaluate(struct kvip_cluster *c, struct kvip_owner *o) KVIP_USE_RESULT;
void kvip_owner_drop_claims(struct kvip_cluster *c, struct kvip_owner *o);
/** kvip_claim_before - what was before, for selection. @claim: of cluster @c on @v; both may be
 *  NULL. */
struct kvip_before kvip_claim_before(const struct kvip_cluster *c, const struct kvip_vip *v,
				     const struct kvip_claim *claim);
/** kvip_table_select - what selection for @c reads. */
struct kvip_select kvip_table_select(const struct kvip_cluster *c);

/* kvip_table_order.c: rules R3 */
/** kvip_claim_cmp - the order of rules R3; total. */
int kvip_claim_cmp(const struct kvip_claim *a, const struct kvip_claim *b);
struct kvip_pick {
	struct kvip_cluster *cluster; /* the holder; NULL: nobody */
	struct kvip_claim *top;       /* its first claim; NULL: the restored route */
	const struct kvip_nhset *nhs; /* one reference; NULL if nobody or restored */
	uint8_t reason, warning;
	bool conflict, over_limit;
};
/** kvip_vip_pick - who holds @v by today's claims. Return: 0, -ENOMEM. */
int kvip_vip_pick(struct kvip_table *t, struct kvip_vip *v, struct kvip_pick *out) KVIP_USE_RESULT;
/** kvip_vip_winner - the claim that holds @v by today's claims, for show; NULL: none. Allocates
 *  nothing. */
const struct kvip_claim *kvip_vip_winner(struct kvip_table *t, struct kvip_vip *v);
/** kvip_claim_shares - do @a and @b, claims of one VIP, hold it together if one of them does? */
bool kvip_claim_shares(const struct kvip_claim *a, const struct kvip_claim *b);

/* kvip_table_marks.c */
/** kvip_vip_marks - what @v, held by @top and those that share it, answers to route-maps. */
struct kvip_marks kvip_vip_marks(const struct kvip_table *t, const struct kvip_vip *v,
				 const struct kvip_claim *top);

/* kvip_table_decide.c */
/** kvip_vip_decide - bring what is in force up to date, or queue the withdrawal. 0, -ENOMEM. May
 *  free @v. */
int kvip_vip_decide(struct kvip_table *t, struct kvip_vip *v) KVIP_USE_RESULT;
/** kvip_vip_allowed - does the configuration still let @c have the address of @v, whoever asks for
 *  it? */
bool kvip_vip_allowed(const struct kvip_cluster *c, const struct kvip_vip *v);

/* kvip_table_batch.c */
/** kvip_table_end_batch - guard, withdrawals: a slice. */
enum kvip_work kvip_table_end_batch(struct kvip_table *t, size_t budget);
/** kvip_table_accept - let go what the guard of @c holds, its changed identity included. */
void kvip_table_accept(struct kvip_cluster *c);

/* kvip_table_restore.c */
int kvip_table_restore(struct kvip_table *t, const struct kvip_route *r, const char *identity,
		       kvip_wall confirmed_s, bool in_zebra) KVIP_USE_RESULT;
/** kvip_restored_allowed - may it be decided as it was, today? */
bool kvip_restored_allowed(struct kvip_table *t, const struct kvip_restored_entry *r);
/** kvip_restored_cluster - the configured cluster it belongs to, or NULL. */
struct kvip_cluster *kvip_restored_cluster(struct kvip_table *t,
					   const struct kvip_restored_entry *r);
/** kvip_restored_forget - free the entry of @v, if it has one. */
void kvip_restored_forget(struct kvip_vip *v);
/** kvip_table_dismiss - entries of @cluster (NULL: of none that is configured) are to be withdrawn.
 *  */
void kvip_table_dismiss(struct kvip_table *t, const char *cluster);
/** kvip_table_review_restored - decide every VIP with an entry again. */
void kvip_table_review_restored(struct kvip_table *t);
