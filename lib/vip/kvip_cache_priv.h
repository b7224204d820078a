/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the cache, for selection and the VIP table: entries and their links.
 *
 * An entry outlives its object while others refer to its name (a slice to its Service, a Service to
 * its Gateway), while it is queued or while it has claims; its last object then stays as the holder
 * of the name, so that a deletion never has to allocate.
 */
#pragma once

#include "base/kvip_tree.h"
#include "vip/kvip_cache.h"

#include <sys/queue.h>

struct kvip_entry {
	RB_ENTRY(kvip_entry) by_name;
	struct kvip_obj *obj; /* what is there or, when not present, last was; NULL: only named by
				 others */
	char *key;            /* namespace, NUL, name: while @obj is NULL */
	uint32_t generation;  /* of the last list that named it */
	uint8_t kind;
	bool present;
};

struct kvip_claim;
SLIST_HEAD(kvip_claims, kvip_claim);

/* What may claim an address. The queue and the claims belong to the VIP table. */
struct kvip_owner {
	struct kvip_entry e;
	TAILQ_ENTRY(kvip_owner) in_queue;
	struct kvip_claims claims;
	uint16_t n_outside; /* addresses in no range of its cluster, when last looked at */
	bool queued;
};

struct kvip_slice_entry;
struct kvip_gateway_entry;

struct kvip_service_entry {
	struct kvip_owner o;
	LIST_HEAD(, kvip_slice_entry) slices;
	struct kvip_gateway_entry *gateway;
	LIST_ENTRY(kvip_service_entry) of_gateway;
};

struct kvip_slice_entry {
	struct kvip_entry e;
	struct kvip_service_entry *service; /* NULL: linked to none */
	LIST_ENTRY(kvip_slice_entry) of_service;
};

struct kvip_gateway_entry {
	struct kvip_owner o;
	LIST_HEAD(, kvip_service_entry) services;
};

struct kvip_node_entry {
	struct kvip_entry e;
	kvip_msec left_ready_ms; /* when it was seen to stop being Ready, or KVIP_NOT_SEEN */
};
#define KVIP_NOT_SEEN INT64_MIN

static inline const char *kvip_entry_ns(const struct kvip_entry *e)
{
	return e->obj ? e->obj->meta.ns : e->key;
}

const char *kvip_entry_name(const struct kvip_entry *e);

/** kvip_entry_obj - the object if it is there, else NULL. */
static inline const struct kvip_obj *kvip_entry_obj(const struct kvip_entry *e)
{
	return e->present ? e->obj : NULL;
}

/** kvip_cache_first, kvip_cache_next - entries in order of namespace and name, tombstones and names
 *  without object too. */
struct kvip_entry *kvip_cache_first(struct kvip_cache *c, enum kvip_kind kind);
struct kvip_entry *kvip_cache_next(struct kvip_entry *e);
/** kvip_cache_after - the first one behind @key (namespace, NUL, name), which need not be there. */
struct kvip_entry *kvip_cache_after(struct kvip_cache *c, enum kvip_kind kind, const char *key);

/** kvip_cache_release - free @o if nothing holds it any more: no object, nothing that names it, no
 *  claim, not queued. Return: true when it is gone. May free its Gateway with it. */
bool kvip_cache_release(struct kvip_cache *c, struct kvip_owner *o);
/** kvip_cache_releasable - would kvip_cache_release() free it? */
bool kvip_cache_releasable(const struct kvip_owner *o);
/** kvip_cache_reap_nodes - free the entries of nodes that have gone; nobody may point to them any
 *  more. */
void kvip_cache_reap_nodes(struct kvip_cache *c);
