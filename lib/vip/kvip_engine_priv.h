/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the engine: its clusters with their clients, its lock and its orders. For
 * kvip_engine*.c and their tests.
 */
#pragma once

#include "vip/kvip_engine.h"
#include "vip/kvip_table_priv.h"

#include <pthread.h>
#include <stdatomic.h>

/* Keys that are looked at with the lock held once. */
#define KVIP_SLICE 256
/* An optional kind, and the cluster's identity, may delay the first decision that long. */
#define KVIP_OPTIONAL_WAIT_MS 2000
/* An optional kind that does not say no may delay it that long while routes of the cluster are in
 * force: they may be there because of it. */
#define KVIP_OPTIONAL_WAIT_IN_FORCE_MS 30000
/* Without memory: try again after that. */
#define KVIP_NOMEM_RETRY_MS 500
/* The clients' status is copied that often. */
#define KVIP_STATUS_EVERY_MS 200
/* Of a watch that has not said its time-out yet. */
#define KVIP_DEFAULT_WATCH_TIMEOUT_MS 300000

struct kvip_engine_cluster {
	struct kvip_cluster c; /* first */
	struct kvip_engine *engine;
	struct kvip_client *client;                /* T1's alone */
	struct kvip_client_status *status, *fresh; /* a copy for T0; T1's scratch */
	kvip_msec status_ms;
	bool status_due; /* a list has ended, say: what is shown of it must not be older than that */
	struct kvip_cache *shadow; /* fed by new credentials until they have synchronised */
	bool listed[KVIP_KIND_MAX], absent[KVIP_KIND_MAX];
	bool identity_known; /* read since the client was made */
	char answers_as[64]; /* the identity last read */
	bool relist_wanted;  /* orders from T0 */
	bool accept_wanted;
	bool client_stale;      /* its configuration has changed: to be made anew */
	kvip_msec started_ms;   /* of the client */
	kvip_msec mandatory_ms; /* when the last mandatory kind was listed; 0: not yet */
	kvip_msec synced_ms;
	kvip_msec lost_ms;     /* since when the API is lost; KVIP_NEVER: it is not */
	kvip_msec fed_ms;      /* last call of the feed */
	kvip_wall confirmed_s; /* wall time of the last proof of life */
};

/* The client, as the engine uses it: kvip_client.h's functions, or a test's. */
struct kvip_client_ops {
	int (*create)(struct kvip_http *http, const struct kvip_client_conf *conf,
		      const struct kvip_client_hooks *hooks, const struct kvip_log *log,
		      uint64_t seed, kvip_msec now, struct kvip_client **out);
	void (*destroy)(struct kvip_client *c);
	kvip_msec (*step)(struct kvip_client *c, kvip_msec now);
	void (*relist)(struct kvip_client *c, kvip_msec now);
	void (*get_status)(const struct kvip_client *c, struct kvip_client_status *out);
};
extern const struct kvip_client_ops kvip_client_real_ops;

struct kvip_engine {
	struct kvip_engine_deps deps;
	const struct kvip_client_ops *client_ops;
	pthread_mutex_t lock;
	atomic_uint waiters; /* T0 wants the lock: T1 lets it go first */
	struct kvip_table table;
	pthread_mutex_t inbox_lock;
	struct kvip_conf *new_conf; /* of the inbox */
	struct kvip_facts *new_facts;
	bool clear_orphans, republish; /* orders */
	bool servers_changed;          /* the list of API servers may have */
	struct kvip_prefix republish_at;
	bool republishing;
	kvip_msec now;
	kvip_wall wall;
};

/* T1 takes the lock after whoever waits on T0; T0 says that it waits. */
void kvip_engine_lock_t1(struct kvip_engine *e);
void kvip_engine_lock_t0(struct kvip_engine *e);
/** kvip_engine_trylock - for T0 where it can come again. */
bool kvip_engine_trylock(struct kvip_engine *e);
void kvip_engine_unlock(struct kvip_engine *e);

static inline struct kvip_engine_cluster *kvip_engine_of(struct kvip_cluster *c)
{
	return (struct kvip_engine_cluster *)c;
}
/** kvip_engine_ready - configuration and, where FRR has them, facts are known. */
bool kvip_engine_ready(const struct kvip_engine *e);

/* kvip_engine_cluster.c */
int kvip_engine_cluster_new(struct kvip_engine *e, const struct kvip_cluster_conf *conf,
			    struct kvip_engine_cluster **out) KVIP_USE_RESULT;
void kvip_engine_cluster_free(struct kvip_engine_cluster *ec);
/** kvip_engine_client_free - T1, without the lock: a client may call back. */
void kvip_engine_client_free(struct kvip_engine_cluster *ec);
/** kvip_engine_same_connection - may the client be kept? */
bool kvip_engine_same_connection(const struct kvip_cluster_conf *a,
				 const struct kvip_cluster_conf *b);
/** kvip_engine_clients_step - T1, no lock held: make, step and read the clients. Return: deadline.
 *  */
kvip_msec kvip_engine_clients_step(struct kvip_engine *e);
/** kvip_engine_review - lock held: synchronisation, API loss. Return: deadline. */
kvip_msec kvip_engine_review(struct kvip_engine_cluster *ec);

/** kvip_engine_note_cilium - a kind has listed or is absent: do we know all that makes blocks? */
void kvip_engine_note_cilium(struct kvip_engine_cluster *ec);

/* kvip_engine_view.c: walks in slices */
/** kvip_engine_cluster_at - the cluster in which @at stands, or the next one. */
struct kvip_cluster *kvip_engine_cluster_at(struct kvip_engine *e, const struct kvip_object_at *at);
struct kvip_cluster *kvip_engine_cluster_after(struct kvip_cluster *c);
/** kvip_engine_entry_at - the first entry of @c and @kind behind @at. */
struct kvip_entry *kvip_engine_entry_at(struct kvip_cluster *c, enum kvip_kind kind,
					const struct kvip_object_at *at);
void kvip_engine_stand_behind(struct kvip_object_at *at, const struct kvip_cluster *c,
			      const struct kvip_entry *e);
/** kvip_claim_shown_cmp - the holder's claims first, then the order of rules R3; those that do not
 *  count last. */
int kvip_claim_shown_cmp(const struct kvip_claim *a, const struct kvip_claim *b,
			 const struct kvip_claim *winner);
/** kvip_engine_view_cluster - lock held; borrows from @c. */
struct kvip_cluster_view kvip_engine_view_cluster(struct kvip_cluster *c);

/* kvip_engine_servers.c */
/** kvip_engine_collect_servers - addresses of all API servers that are known, sorted; NULL without
 *  memory. */
struct kvip_addrset *kvip_engine_collect_servers(struct kvip_engine *e) KVIP_USE_RESULT;

/* kvip_engine_feed.c */
extern const struct kvip_feed kvip_engine_inner_feed; /* the lock is held */
extern const struct kvip_feed kvip_engine_outer_feed; /* takes the lock */
void kvip_engine_feed_enter(void *ctx);
void kvip_engine_feed_leave(void *ctx);
