// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: one cluster's objects.
 *
 * Job: keep the newest object of each name, and the links between kinds. Thread: T1 changes it; T0
 * reads it under the engine's lock.
 *
 * Invariants: an entry is in the tree of its kind as long as it lives. A Service entry exists while
 * there is a Service or a slice that names it, so slices may come before their Service. Links are
 * made when the object is put and never point to a freed entry: who names an entry keeps it. Only
 * kvip_cache_put() allocates; a deletion cannot fail.
 *
 * Model: BIRD's refresh cycle (rt_refresh_begin/end), client-go's Replace().
 */
#include "vip/kvip_cache_priv.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <string.h>

RB_HEAD(kvip_entries, kvip_entry);

struct kvip_cache {
	struct kvip_entries tree[KVIP_KIND_MAX];
	size_t count[KVIP_KIND_MAX]; /* objects present */
	size_t entries[KVIP_KIND_MAX];
	uint32_t generation[KVIP_KIND_MAX];
	bool sweeping[KVIP_KIND_MAX];
	struct kvip_entry *cursor[KVIP_KIND_MAX]; /* of the sweep: the next one to look at */
	struct kvip_cache_hooks hooks;
	kvip_msec now;
};

const char *kvip_entry_name(const struct kvip_entry *e)
{
	return e->obj ? e->obj->meta.name : e->key + strlen(e->key) + 1;
}

static int entry_cmp(const struct kvip_entry *a, const struct kvip_entry *b)
{
	int c = strcmp(kvip_entry_ns(a), kvip_entry_ns(b));

	return c ? c : strcmp(kvip_entry_name(a), kvip_entry_name(b));
}

RB_GENERATE_STATIC(kvip_entries, kvip_entry, by_name, entry_cmp)

struct kvip_cache *kvip_cache_new(const struct kvip_cache_hooks *hooks)
{
	struct kvip_cache *c = kvip_calloc(1, sizeof(*c));

	if (c && hooks)
		c->hooks = *hooks;
	return c;
}

static void entry_free(struct kvip_entry *e)
{
	kvip_obj_free(e->obj);
	kvip_free(e->key);
	kvip_free(e);
}

void kvip_cache_free(struct kvip_cache *c)
{
	if (!c)
		return;
	for (int kind = 0; kind < KVIP_KIND_MAX; kind++) {
		struct kvip_entry *e, *next;

		for (e = RB_MIN(kvip_entries, &c->tree[kind]); e; e = next) {
			next = RB_NEXT(kvip_entries, &c->tree[kind], e);
			RB_REMOVE(kvip_entries, &c->tree[kind], e);
			entry_free(e);
		}
	}
	kvip_free(c);
}

void kvip_cache_set_hooks(struct kvip_cache *c, const struct kvip_cache_hooks *hooks)
{
	c->hooks = *hooks;
}

void kvip_cache_set_now(struct kvip_cache *c, kvip_msec now)
{
	c->now = now;
}

/* Look-up by a key on the stack: an object with nothing but its names. */
static struct kvip_entry *entry_find(struct kvip_cache *c, enum kvip_kind kind, const char *ns,
				     const char *name)
{
	struct kvip_obj obj = { .meta = { .ns = ns, .name = name } };
	struct kvip_entry key = { .obj = &obj };

	return RB_FIND(kvip_entries, &c->tree[kind], &key);
}

static size_t entry_size(enum kvip_kind kind)
{
	switch (kind) {
	case KVIP_KIND_SERVICE:
		return sizeof(struct kvip_service_entry);
	case KVIP_KIND_SLICE:
		return sizeof(struct kvip_slice_entry);
	case KVIP_KIND_GATEWAY:
		return sizeof(struct kvip_gateway_entry);
	case KVIP_KIND_NODE:
		return sizeof(struct kvip_node_entry);
	default:
		return sizeof(struct kvip_entry);
	}
}

/* An entry without object, in the tree. It takes @key. */
static struct kvip_entry *entry_new(struct kvip_cache *c, enum kvip_kind kind, char *key)
{
	struct kvip_entry *e = key ? kvip_calloc(1, entry_size(kind)) : NULL;

	if (!e) {
		kvip_free(key);
		return NULL;
	}
	e->kind = (uint8_t)kind;
	e->key = key;
	if (kind == KVIP_KIND_NODE)
		((struct kvip_node_entry *)e)->left_ready_ms = KVIP_NOT_SEEN;
	RB_INSERT(kvip_entries, &c->tree[kind], e);
	c->entries[kind]++;
	return e;
}

static char *make_key(const char *ns, const char *name)
{
	size_t n_ns = strlen(ns) + 1, n_name = strlen(name) + 1;
	char *key = kvip_malloc(n_ns + n_name);

	if (!key)
		return NULL;
	memcpy(key, ns, n_ns);
	memcpy(key + n_ns, name, n_name);
	return key;
}

static struct kvip_entry *entry_find_or_new(struct kvip_cache *c, enum kvip_kind kind,
					    const char *ns, const char *name)
{
	struct kvip_entry *e = entry_find(c, kind, ns, name);

	return e ? e : entry_new(c, kind, make_key(ns, name));
}

static void entry_drop(struct kvip_cache *c, struct kvip_entry *e)
{
	if (c->cursor[e->kind] == e)
		c->cursor[e->kind] = RB_NEXT(kvip_entries, &c->tree[e->kind], e);
	RB_REMOVE(kvip_entries, &c->tree[e->kind], e);
	c->entries[e->kind]--;
	entry_free(e);
}

bool kvip_cache_releasable(const struct kvip_owner *o)
{
	if (o->e.present || o->queued || !SLIST_EMPTY(&o->claims))
		return false;
	if (o->e.kind == KVIP_KIND_SERVICE)
		return LIST_EMPTY(&((const struct kvip_service_entry *)o)->slices);
	return LIST_EMPTY(&((const struct kvip_gateway_entry *)o)->services);
}

bool kvip_cache_release(struct kvip_cache *c, struct kvip_owner *o)
{
	if (!kvip_cache_releasable(o))
		return false;
	entry_drop(c, &o->e);
	return true;
}

static void tell_owner(struct kvip_cache *c, struct kvip_owner *o)
{
	if (c->hooks.owner_changed)
		c->hooks.owner_changed(c->hooks.ctx, o);
	else
		kvip_cache_release(c, o);
}

static void tell_node(struct kvip_cache *c, struct kvip_node_entry *n)
{
	if (c->hooks.node_changed)
		c->hooks.node_changed(c->hooks.ctx, n);
}

static void tell_cilium(struct kvip_cache *c)
{
	if (c->hooks.cilium_changed)
		c->hooks.cilium_changed(c->hooks.ctx);
}

static void tell_services(struct kvip_cache *c, struct kvip_gateway_entry *g)
{
	struct kvip_service_entry *s, *next;

	for (s = LIST_FIRST(&g->services); s; s = next) {
		next = LIST_NEXT(s, of_gateway);
		tell_owner(c, &s->o);
	}
}

/* Put @s under @to (NULL: under none). The Services of a Gateway make up its claims and the other
 * way round: both Gateways are told. */
static void link_gateway(struct kvip_cache *c, struct kvip_service_entry *s,
			 struct kvip_gateway_entry *to)
{
	struct kvip_gateway_entry *from = s->gateway;

	if (from == to)
		return;
	if (from)
		LIST_REMOVE(s, of_gateway);
	s->gateway = to;
	if (to) {
		LIST_INSERT_HEAD(&to->services, s, of_gateway);
		tell_owner(c, &to->o);
	}
	if (from)
		tell_owner(c, &from->o);
}

/* Put @l under @to (NULL: under none). Whom it leaves is told; whom it joins is by the caller. */
static void link_service(struct kvip_cache *c, struct kvip_slice_entry *l,
			 struct kvip_service_entry *to)
{
	struct kvip_service_entry *from = l->service;

	if (from == to)
		return;
	if (from)
		LIST_REMOVE(l, of_service);
	l->service = to;
	if (to)
		LIST_INSERT_HEAD(&to->slices, l, of_service);
	if (from)
		tell_owner(c, &from->o);
}

/* The entry that @obj refers to, made if need be: *@out is NULL when it refers to none. */
static int find_link(struct kvip_cache *c, const struct kvip_obj *obj, struct kvip_entry **out)
{
	const char *name = NULL;
	enum kvip_kind kind = KVIP_KIND_SERVICE;

	if (obj->kind == KVIP_KIND_SLICE)
		name = obj->slice.service;
	if (obj->kind == KVIP_KIND_SERVICE) {
		name = obj->service.gateway;
		kind = KVIP_KIND_GATEWAY;
	}
	*out = NULL;
	if (!name)
		return 0;
	*out = entry_find_or_new(c, kind, obj->meta.ns, name);
	return *out ? 0 : -ENOMEM;
}

/* A node that stops being Ready is dated: selection may have to keep the last good ones (rules R4).
 * */
static void date_node(struct kvip_cache *c, struct kvip_node_entry *n, const struct kvip_obj *old,
		      const struct kvip_obj *new)
{
	if (!old || strcmp(old->meta.uid, new->meta.uid) != 0)
		n->left_ready_ms = KVIP_NOT_SEEN;
	else if (old->node.ready == KVIP_READY_TRUE && new->node.ready != KVIP_READY_TRUE)
		n->left_ready_ms = c->now;
}

/* @e has its new object: links, then who has to know. */
static void entry_changed(struct kvip_cache *c, struct kvip_entry *e, struct kvip_entry *link)
{
	switch (e->kind) {
	case KVIP_KIND_SERVICE:
		link_gateway(c, (struct kvip_service_entry *)e, (struct kvip_gateway_entry *)link);
		tell_owner(c, (struct kvip_owner *)e);
		break;
	case KVIP_KIND_SLICE:
		link_service(c, (struct kvip_slice_entry *)e, (struct kvip_service_entry *)link);
		if (link)
			tell_owner(c, (struct kvip_owner *)link);
		break;
	case KVIP_KIND_GATEWAY:
		tell_services(c, (struct kvip_gateway_entry *)e);
		tell_owner(c, (struct kvip_owner *)e);
		break;
	case KVIP_KIND_NODE:
		tell_node(c, (struct kvip_node_entry *)e);
		break;
	default:
		tell_cilium(c);
		break;
	}
}

static void entry_set_obj(struct kvip_cache *c, struct kvip_entry *e, struct kvip_obj *obj)
{
	if (e->kind == KVIP_KIND_NODE)
		date_node(c, (struct kvip_node_entry *)e, e->present ? e->obj : NULL, obj);
	if (!e->present)
		c->count[e->kind]++;
	kvip_obj_free(e->obj);
	kvip_free(e->key);
	e->key = NULL;
	e->obj = obj;
	e->present = true;
	e->generation = c->generation[e->kind];
}

/* A name that was made for an object which then could not be put: nobody else may be using it. */
static void forget_name(struct kvip_cache *c, struct kvip_entry *e)
{
	bool is_owner;

	if (!e || e->present)
		return;
	is_owner = e->kind == KVIP_KIND_SERVICE || e->kind == KVIP_KIND_GATEWAY;
	if (is_owner)
		kvip_cache_release(c, (struct kvip_owner *)e);
	else if (!e->obj)
		entry_drop(c, e);
}

int kvip_cache_put(struct kvip_cache *c, struct kvip_obj *obj)
{
	enum kvip_kind kind = obj->kind;
	struct kvip_entry *e = entry_find(c, kind, obj->meta.ns, obj->meta.name), *link = NULL;
	int rc;

	if (e && e->present && kvip_obj_equal(e->obj, obj)) {
		e->generation = c->generation[kind];
		kvip_obj_free(obj);
		return 0;
	}
	rc = !e && c->entries[kind] >= KVIP_MAX_OBJECTS ? -E2BIG : find_link(c, obj, &link);
	if (!rc && !e) {
		e = entry_new(c, kind, make_key(obj->meta.ns, obj->meta.name));
		rc = e ? 0 : -ENOMEM;
	}
	if (rc) {
		forget_name(c, link);
		kvip_obj_free(obj);
		return rc;
	}
	entry_set_obj(c, e, obj);
	entry_changed(c, e, link);
	return 0;
}

/* Owners and nodes are dropped by those who point to them. */
static bool dropped_here(const struct kvip_cache *c, enum kvip_kind kind)
{
	if (kind == KVIP_KIND_NODE)
		return !c->hooks.node_changed;
	return kind == KVIP_KIND_SLICE || kvip_kinds[kind].cilium;
}

static void entry_remove(struct kvip_cache *c, struct kvip_entry *e)
{
	enum kvip_kind kind = (enum kvip_kind)e->kind;

	e->present = false;
	c->count[kind]--;
	entry_changed(c, e, NULL); /* an owner may be gone after this */
	if (dropped_here(c, kind))
		entry_drop(c, e);
}

void kvip_cache_del(struct kvip_cache *c, enum kvip_kind kind, const char *ns, const char *name,
		    const char *uid)
{
	struct kvip_entry *e = entry_find(c, kind, ns, name);

	if (!e || !e->present)
		return;
	if (uid && *uid && *e->obj->meta.uid && strcmp(uid, e->obj->meta.uid) != 0)
		return;
	entry_remove(c, e);
}

/* Look at up to *@budget entries of one kind. Return: true when the sweep is not at its end. */
static bool sweep_kind(struct kvip_cache *c, enum kvip_kind kind, size_t *budget)
{
	while (c->cursor[kind] && *budget) {
		struct kvip_entry *e = c->cursor[kind];

		c->cursor[kind] = RB_NEXT(kvip_entries, &c->tree[kind], e);
		(*budget)--;
		if (e->present && e->generation != c->generation[kind])
			entry_remove(c, e);
	}
	c->sweeping[kind] = c->cursor[kind] != NULL;
	return c->sweeping[kind];
}

bool kvip_cache_sweep(struct kvip_cache *c, size_t budget)
{
	for (int kind = 0; kind < KVIP_KIND_MAX; kind++)
		if (c->sweeping[kind] && sweep_kind(c, (enum kvip_kind)kind, &budget))
			return true;
	return false;
}

void kvip_cache_refresh_begin(struct kvip_cache *c, enum kvip_kind kind)
{
	size_t all = SIZE_MAX;

	if (c->sweeping[kind])
		sweep_kind(c, kind, &all);
	c->generation[kind]++;
}

void kvip_cache_refresh_end(struct kvip_cache *c, enum kvip_kind kind)
{
	c->sweeping[kind] = true;
	c->cursor[kind] = RB_MIN(kvip_entries, &c->tree[kind]);
}

/* What the broken list did name keeps the new generation; the next list begins another one. */
void kvip_cache_refresh_abort(struct kvip_cache *c, enum kvip_kind kind)
{
	(void)c;
	(void)kind;
}

const struct kvip_obj *kvip_cache_find(struct kvip_cache *c, enum kvip_kind kind, const char *ns,
				       const char *name)
{
	struct kvip_entry *e = entry_find(c, kind, ns, name);

	return e ? kvip_entry_obj(e) : NULL;
}

size_t kvip_cache_count(const struct kvip_cache *c, enum kvip_kind kind)
{
	return c->count[kind];
}

size_t kvip_cache_slices(struct kvip_cache *c, const char *ns, const char *name)
{
	struct kvip_entry *e = entry_find(c, KVIP_KIND_SERVICE, ns, name);
	struct kvip_slice_entry *l;
	size_t n = 0;

	if (e)
		LIST_FOREACH(l, &((struct kvip_service_entry *)e)->slices, of_service)
			n++;
	return n;
}

struct kvip_entry *kvip_cache_first(struct kvip_cache *c, enum kvip_kind kind)
{
	return RB_MIN(kvip_entries, &c->tree[kind]);
}

struct kvip_entry *kvip_cache_next(struct kvip_entry *e)
{
	return RB_NEXT(kvip_entries, NULL, e);
}

struct kvip_entry *kvip_cache_after(struct kvip_cache *c, enum kvip_kind kind, const char *key)
{
	struct kvip_entry at = { .key = (char *)(uintptr_t)key }, *e;

	e = RB_NFIND(kvip_entries, &c->tree[kind], &at);
	return e && entry_cmp(e, &at) == 0 ? kvip_cache_next(e) : e;
}

void kvip_cache_reap_nodes(struct kvip_cache *c)
{
	struct kvip_entry *e, *next;

	for (e = kvip_cache_first(c, KVIP_KIND_NODE); e; e = next) {
		next = kvip_cache_next(e);
		if (!e->present)
			entry_drop(c, e);
	}
}
