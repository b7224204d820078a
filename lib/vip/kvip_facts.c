// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: local facts, a snapshot that T0 fills and T1 reads.
 *
 * Thread: filled by its maker before it is shared, never changed after; referenced and released
 * from any. Source: FRR 8.4.4, lib/plist.c, prefix_list_entry_match() and prefix_list_apply_ext().
 */
#include "vip/kvip_facts.h"

#include <stdlib.h>
#include <string.h>

struct kvip_facts *kvip_facts_new(void)
{
	struct kvip_facts *f = kvip_calloc(1, sizeof(*f));

	if (f)
		atomic_init(&f->refs, 1);
	return f;
}

struct kvip_facts *kvip_facts_ref(struct kvip_facts *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

void kvip_facts_unref(struct kvip_facts *f)
{
	if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < f->n_plists; i++) {
		kvip_free(f->plists[i].name);
		kvip_free(f->plists[i].entries);
	}
	kvip_free(f->plists);
	kvip_free(f->own);
	kvip_free(f->connected);
	kvip_free(f->neighbours);
	kvip_match_set_free(f->matches);
	kvip_free(f);
}

static int addr_cmp(const void *a, const void *b)
{
	return kvip_addr_cmp(a, b);
}

void kvip_facts_settle(struct kvip_facts *f)
{
	if (f->n_neighbours)
		qsort(f->neighbours, f->n_neighbours, sizeof(f->neighbours[0]), addr_cmp);
}

bool kvip_facts_is_neighbour(const struct kvip_facts *f, const struct kvip_addr *a)
{
	return f->n_neighbours &&
	       bsearch(a, f->neighbours, f->n_neighbours, sizeof(*a), addr_cmp) != NULL;
}

const struct kvip_plist *kvip_facts_plist(const struct kvip_facts *f, const char *name,
					  uint8_t family)
{
	for (size_t i = 0; i < f->n_plists; i++) {
		const struct kvip_plist *l = &f->plists[i];

		if (l->family == family && strcmp(l->name, name) == 0)
			return l->n ? l : NULL;
	}
	return NULL;
}

static bool entry_matches(const struct kvip_plist_entry *e, const struct kvip_prefix *p)
{
	if (e->any)
		return true;
	if (!kvip_prefix_covers(&e->prefix, p))
		return false;
	if (!e->ge && !e->le)
		return p->len == e->prefix.len;
	return (!e->ge || p->len >= e->ge) && (!e->le || p->len <= e->le);
}

bool kvip_plist_permits(const struct kvip_plist *l, const struct kvip_prefix *p)
{
	if (l->family != p->addr.family)
		return false;
	for (size_t i = 0; i < l->n; i++)
		if (entry_matches(&l->entries[i], p))
			return l->entries[i].permit;
	return false;
}
