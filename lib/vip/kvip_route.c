// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: interned next-hop sets and the identity of a route.
 *
 * A set is created on T1 (selection) or T0 (the part of a set that resolves) and released on
 * either, so the table has a mutex and the last reference is dropped under it: a set that
 * kvip_nhset_get() finds is never one that is being freed.
 */
#include "vip/kvip_route.h"

#include "base/kvip_hash.h"
#include "base/kvip_limits.h"

#include "base/kvip_tree.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct entry {
	struct kvip_nhset set; /* first: what the outside sees */
	RB_ENTRY(entry) link;
	struct kvip_nhsets *table;
	uint32_t refs; /* under the table's mutex */
	struct kvip_addr addrs[];
};

RB_HEAD(entries, entry);

/* Names are as many as clusters were ever configured or recorded: a handful. */
struct name {
	SLIST_ENTRY(name) link;
	char text[];
};

struct kvip_nhsets {
	pthread_mutex_t mutex;
	struct entries sets;
	SLIST_HEAD(, name) names;
	size_t count;
	uint32_t next_id;
};

static int entry_cmp(const struct entry *a, const struct entry *b)
{
	if (a->set.n != b->set.n)
		return a->set.n < b->set.n ? -1 : 1;
	for (uint32_t i = 0; i < a->set.n; i++) {
		int c = kvip_addr_cmp(&a->set.addrs[i], &b->set.addrs[i]);

		if (c)
			return c;
	}
	return 0;
}

RB_GENERATE_STATIC(entries, entry, link, entry_cmp)

struct kvip_nhsets *kvip_nhsets_new(void)
{
	struct kvip_nhsets *t = kvip_calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	pthread_mutex_init(&t->mutex, NULL);
	RB_INIT(&t->sets);
	SLIST_INIT(&t->names);
	return t;
}

void kvip_nhsets_free(struct kvip_nhsets *t)
{
	if (!t)
		return;
	while (!SLIST_EMPTY(&t->names)) {
		struct name *n = SLIST_FIRST(&t->names);

		SLIST_REMOVE_HEAD(&t->names, link);
		kvip_free(n);
	}
	pthread_mutex_destroy(&t->mutex);
	kvip_free(t);
}

static struct name *name_get(struct kvip_nhsets *t, const char *text)
{
	size_t size = strlen(text) + 1;
	struct name *n;

	SLIST_FOREACH(n, &t->names, link)
		if (strcmp(n->text, text) == 0)
			return n;
	n = kvip_malloc(sizeof(*n) + size);
	if (!n)
		return NULL;
	memcpy(n->text, text, size);
	SLIST_INSERT_HEAD(&t->names, n, link);
	return n;
}

const char *kvip_nhsets_name(struct kvip_nhsets *t, const char *name)
{
	struct name *n;

	pthread_mutex_lock(&t->mutex);
	n = name_get(t, name);
	pthread_mutex_unlock(&t->mutex);
	return n ? n->text : NULL;
}

static int addr_cmp_qsort(const void *a, const void *b)
{
	return kvip_addr_cmp(a, b);
}

/* Sorted, unique, at most KVIP_MAX_NEXTHOPS. */
static struct entry *candidate(const struct kvip_addr *addrs, size_t n)
{
	struct entry *e = kvip_malloc(sizeof(*e) + n * sizeof(*addrs));
	uint32_t out = 0;

	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	if (n) {
		memcpy(e->addrs, addrs, n * sizeof(*addrs));
		qsort(e->addrs, n, sizeof(*addrs), addr_cmp_qsort);
	}
	for (size_t i = 0; i < n; i++)
		if (out == 0 || !kvip_addr_equal(&e->addrs[out - 1], &e->addrs[i]))
			e->addrs[out++] = e->addrs[i];
	e->set.n = out < KVIP_MAX_NEXTHOPS ? out : KVIP_MAX_NEXTHOPS;
	e->set.addrs = e->addrs;
	return e;
}

static uint64_t hash_of(const struct kvip_nhset *s)
{
	uint64_t h = KVIP_HASH_BEGIN;

	for (uint32_t i = 0; i < s->n; i++)
		h = kvip_hash(h, s->addrs[i].b, sizeof(s->addrs[i].b));
	return h;
}

const struct kvip_nhset *kvip_nhset_get(struct kvip_nhsets *t, const struct kvip_addr *addrs,
					size_t n)
{
	struct entry *e = candidate(addrs, n), *found;

	if (!e)
		return NULL;
	pthread_mutex_lock(&t->mutex);
	found = RB_INSERT(entries, &t->sets, e);
	if (!found) {
		e->table = t;
		e->set.id = ++t->next_id;
		e->set.hash = hash_of(&e->set);
		t->count++;
		found = e;
		e = NULL;
	}
	found->refs++;
	pthread_mutex_unlock(&t->mutex);
	kvip_free(e);
	return &found->set;
}

static struct entry *entry_of(const struct kvip_nhset *s)
{
	return (struct entry *)(uintptr_t)s;
}

const struct kvip_nhset *kvip_nhset_ref(const struct kvip_nhset *s)
{
	struct entry *e = entry_of(s);

	pthread_mutex_lock(&e->table->mutex);
	e->refs++;
	pthread_mutex_unlock(&e->table->mutex);
	return s;
}

void kvip_nhset_unref(const struct kvip_nhset *s)
{
	struct entry *e = entry_of(s);
	struct kvip_nhsets *t;
	bool last;

	if (!s)
		return;
	t = e->table;
	pthread_mutex_lock(&t->mutex);
	last = --e->refs == 0;
	if (last) {
		RB_REMOVE(entries, &t->sets, e);
		t->count--;
	}
	pthread_mutex_unlock(&t->mutex);
	if (last)
		kvip_free(e);
}

bool kvip_nhset_has(const struct kvip_nhset *s, const struct kvip_addr *a)
{
	return s->n && bsearch(a, s->addrs, s->n, sizeof(*a), addr_cmp_qsort) != NULL;
}

size_t kvip_nhsets_count(struct kvip_nhsets *t)
{
	size_t n;

	pthread_mutex_lock(&t->mutex);
	n = t->count;
	pthread_mutex_unlock(&t->mutex);
	return n;
}

int kvip_route_id_cmp(const struct kvip_route_id *a, const struct kvip_route_id *b)
{
	if (a->vrf_id != b->vrf_id)
		return a->vrf_id < b->vrf_id ? -1 : 1;
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return kvip_prefix_cmp(&a->prefix, &b->prefix);
}

bool kvip_route_equal(const struct kvip_route *a, const struct kvip_route *b)
{
	return kvip_route_id_cmp(&a->id, &b->id) == 0 && a->tag == b->tag &&
	       a->resolution == b->resolution && a->nhs == b->nhs;
}
