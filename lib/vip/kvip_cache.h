/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One cluster's objects as the API server last told them, and how they hang together:
 * EndpointSlices under their Service, Services under their Gateway. Cilium's objects hang on
 * nothing: they are configuration (kvip_cilium.h).
 *
 * The cache decides nothing. It tells its hooks which owner (Service or Gateway) or node may have
 * to be looked at again, and never for an object that is equal to the one it has. A list is taken
 * mark and sweep: nothing is swept before its refresh_end (rules R4). All on T1, or under the
 * engine's lock.
 */
#pragma once

#include "kube/kvip_obj.h"

struct kvip_cache;
struct kvip_owner;
struct kvip_node_entry;

struct kvip_cache_hooks {
	/** owner_changed - a Service or Gateway appeared, changed or went, or something that hangs
	 *  on it did. */
	void (*owner_changed)(void *ctx, struct kvip_owner *o);
	/** node_changed - a node appeared, changed or went. */
	void (*node_changed)(void *ctx, struct kvip_node_entry *n);
	/** cilium_changed - one of Cilium's objects appeared, changed or went. */
	void (*cilium_changed)(void *ctx);
	void *ctx;
};

/** kvip_cache_new - an empty cache. @hooks is copied; NULL: nobody wants to know. */
struct kvip_cache *kvip_cache_new(const struct kvip_cache_hooks *hooks) KVIP_USE_RESULT;
/** kvip_cache_free - objects and entries; takes NULL. Calls no hook; no owner may be in use any
 *  more. */
void kvip_cache_free(struct kvip_cache *c);

/** kvip_cache_set_hooks - who is told from now on. */
void kvip_cache_set_hooks(struct kvip_cache *c, const struct kvip_cache_hooks *hooks);
/** kvip_cache_set_now - the time that the changes to come are dated with. */
void kvip_cache_set_now(struct kvip_cache *c, kvip_msec now);

/* The feed: see kvip_feed.h. */
/** kvip_cache_put - takes @obj whatever it returns. 0, -ENOMEM, -E2BIG (KVIP_MAX_OBJECTS); on
 *  failure what was known of the object stays. */
int kvip_cache_put(struct kvip_cache *c, struct kvip_obj *obj) KVIP_USE_RESULT;
/** kvip_cache_del - @uid NULL or "": not compared. The deletion of another uid than the one present
 *  is that of an older object with the same name, and ignored. */
void kvip_cache_del(struct kvip_cache *c, enum kvip_kind kind, const char *ns, const char *name,
		    const char *uid);
void kvip_cache_refresh_begin(struct kvip_cache *c, enum kvip_kind kind);
/** kvip_cache_refresh_end - the list is complete; what it did not name goes with
 *  kvip_cache_sweep(). */
void kvip_cache_refresh_end(struct kvip_cache *c, enum kvip_kind kind);
void kvip_cache_refresh_abort(struct kvip_cache *c, enum kvip_kind kind);
/**
 * kvip_cache_sweep - remove what complete lists did not name
 * @budget: objects to look at, at most
 * Return: true when there is more to do.
 */
bool kvip_cache_sweep(struct kvip_cache *c, size_t budget);

/** kvip_cache_find - borrows; NULL when there is none. */
const struct kvip_obj *kvip_cache_find(struct kvip_cache *c, enum kvip_kind kind, const char *ns,
				       const char *name);
size_t kvip_cache_count(const struct kvip_cache *c, enum kvip_kind kind);
/** kvip_cache_slices - how many slices hang on Service @ns/@name (present or not); for tests. */
size_t kvip_cache_slices(struct kvip_cache *c, const char *ns, const char *name);
