// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: facts from libfrr. Thread: T0; the snapshot goes to T1 and is never changed.
 * Source: lib/plist.c, lib/plist_int.h of FRR 8.4.4 (entries are kept in order of seq).
 */
#include "frr/kvf_facts.h"
#include "base/kvip_hash.h"
#include "frr/kvf_addr.h"
#include "frr/kvf_compat.h"
#include "frr/kvf_zebra.h"

#include "plist.h"
#include "plist_int.h"

#include <ctype.h>
#include <unistd.h>

static void (*plist_changed)(void);
static void (*each_neighbour)(kvf_neighbour_fn *fn, void *ctx);

static struct kvip_prefix to_prefix(const struct prefix *p)
{
	struct kvip_prefix out = { .len = p->prefixlen };

	out.addr.family = p->family == AF_INET ? KVIP_IPV4 : KVIP_IPV6;
	memcpy(out.addr.b, &p->u.prefix, p->family == AF_INET ? 4 : 16);
	return out;
}

static int copy_plist(struct kvip_plist *out, const char *name, uint8_t family,
		      const struct prefix_list *l)
{
	const struct prefix_list_entry *e;
	size_t n = 0;

	for (e = l->head; e; e = e->next)
		n++;
	out->name = kvip_strdup(name);
	out->family = family;
	out->entries = kvip_calloc(n, sizeof(*out->entries));
	if (!out->name || !out->entries)
		return -1;
	for (e = l->head; e; e = e->next) {
		if (e->prefix.family != AF_INET && e->prefix.family != AF_INET6 && !e->any)
			continue;
		out->entries[out->n++] = (struct kvip_plist_entry){
			.seq = e->seq,
			.permit = e->type == PREFIX_PERMIT,
			.any = e->any,
			.prefix = to_prefix(&e->prefix),
			.ge = (uint8_t)e->ge,
			.le = (uint8_t)e->le,
		};
	}
	return 0;
}

static int add_plists(struct kvip_facts *f, const char *name)
{
	static const struct {
		afi_t afi;
		uint8_t family;
	} both[] = { { AFI_IP, KVIP_IPV4 }, { AFI_IP6, KVIP_IPV6 } };

	for (size_t i = 0; i < array_size(both); i++) {
		const struct prefix_list *l = prefix_list_lookup(both[i].afi, name);

		if (!l || kvip_facts_plist(f, name, both[i].family))
			continue;
		f->n_plists++; /* counted first: unref frees a half-made one */
		if (copy_plist(&f->plists[f->n_plists - 1], name, both[i].family, l))
			return -1;
	}
	return 0;
}

/* As the kubelet names its Node unless it is told otherwise: the host's name, trimmed, in lower case
 * (Kubernetes v1.36, pkg/util/node GetHostname()). */
static void note_hostname(struct kvip_facts *f)
{
	char name[sizeof(f->hostname)], *at = name;
	size_t n;

	if (gethostname(name, sizeof(name)))
		return;
	name[sizeof(name) - 1] = '\0';
	at += strspn(at, " \t\n");
	n = strcspn(at, " \t\n");
	for (size_t i = 0; i < n; i++)
		f->hostname[i] = (char)tolower((unsigned char)at[i]);
	f->hostname[n] = '\0';
}

static void count_neighbour(void *ctx, const struct kvip_addr *a)
{
	(void)a;
	(*(size_t *)ctx)++;
}

static void add_neighbour(void *ctx, const struct kvip_addr *a)
{
	struct kvip_facts *f = ctx;

	f->neighbours[f->n_neighbours++] = *a;
}

static int add_neighbours(struct kvip_facts *f)
{
	size_t n = 0;

	if (!each_neighbour)
		return 0;
	each_neighbour(count_neighbour, &n);
	f->neighbours = kvip_calloc(n, sizeof(*f->neighbours));
	if (!f->neighbours)
		return -1;
	each_neighbour(add_neighbour, f);
	return 0;
}

static int gather(struct kvip_facts *f, const struct kvip_conf *conf)
{
	note_hostname(f);
	f->plists = kvip_calloc(2 * conf->n_clusters, sizeof(*f->plists));
	if (!f->plists || kvf_addr_facts(f) || add_neighbours(f))
		return -1;
	kvip_facts_settle(f);
	for (size_t i = 0; i < conf->n_clusters; i++)
		if (conf->clusters[i]->prefix_list && add_plists(f, conf->clusters[i]->prefix_list))
			return -1;
	f->known = kvf_zebra_told();
	return 0;
}

struct kvip_facts *kvf_facts_gather(const struct kvip_conf *conf)
{
	struct kvip_facts *f = kvip_facts_new();

	if (f && gather(f, conf)) {
		kvip_facts_unref(f);
		return NULL;
	}
	return f;
}

static void on_plist(struct prefix_list *l)
{
	(void)l;
	plist_changed();
}

void kvf_facts_on_plist_change(void (*changed)(void))
{
	plist_changed = changed;
	prefix_list_add_hook(on_plist);
	prefix_list_delete_hook(on_plist);
}

static uint64_t digest_plist(uint64_t h, const struct prefix_list *l)
{
	const struct prefix_list_entry *e;

	if (!l)
		return kvip_hash(h, "", 1);
	for (e = l->head; e; e = e->next) {
		const int64_t v[] = { e->seq, e->type, e->any, e->ge, e->le, e->prefix.prefixlen };

		h = kvip_hash(h, v, sizeof(v));
		h = kvip_hash(h, &e->prefix.u.prefix, e->prefix.family == AF_INET ? 4 : 16);
	}
	return kvip_hash(h, "\n", 1);
}

bool kvf_facts_plists_changed(const struct kvip_conf *conf)
{
	static uint64_t last;
	uint64_t h = KVIP_HASH_BEGIN;
	bool changed;

	for (size_t i = 0; i < conf->n_clusters; i++) {
		const char *name = conf->clusters[i]->prefix_list;

		if (!name)
			continue;
		h = digest_plist(h, prefix_list_lookup(AFI_IP, name));
		h = digest_plist(h, prefix_list_lookup(AFI_IP6, name));
	}
	changed = last && h != last;
	last = h;
	return changed;
}

/* The order in which they are told does not matter. */
static void digest_neighbour(void *ctx, const struct kvip_addr *a)
{
	*(uint64_t *)ctx += kvip_hash(kvip_hash(KVIP_HASH_BEGIN, &a->family, 1), a->b,
				      sizeof(a->b));
}

void kvf_facts_set_neighbours(void (*each)(kvf_neighbour_fn *fn, void *ctx))
{
	each_neighbour = each;
}

bool kvf_facts_neighbours_changed(void)
{
	static uint64_t last;
	uint64_t h = 0;
	bool changed;

	if (!each_neighbour)
		return false;
	each_neighbour(digest_neighbour, &h);
	changed = h != last;
	last = h;
	return changed;
}
