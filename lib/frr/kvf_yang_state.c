// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: operational data of the model: what `show kubevip` says, leaf by leaf.
 *
 * Thread: T0. libfrr walks lists one entry and one leaf at a time. At the first entry everything
 * the list may give out is copied, at most MAX_ENTRIES, with the engine's lock held once; entries
 * are pointers into that copy, which is dropped at the end of the walk. So a walk is linear,
 * consistent, and cannot be surprised by a change. An entry that is asked for by its key is copied
 * alone; FRR 8.4.4 never asks: it looks for keys on the wrong node, and for lists of its own says
 * `Duplicate predicate key` [ran].
 *
 * libfrr builds a data tree of what it is given on the main loop, 0.1 to 0.2 ms for a VIP [ran]:
 * hence the limit, and the leaf that says that something was left out.
 *
 * Sources: FRR 8.4.4, lib/northbound.c (nb_oper_data_iterate and what it calls).
 */
#include <zebra.h>

#include "frr/kvf_yang_priv.h"

#include "base/kvip_limits.h"
#include "frr/kvf_yang_copy.h"

#include <errno.h>
#include <stddef.h>

#define MAX_ENTRIES 1000u

static struct {
	struct kvf_yang_overview overview;
	struct kvf_yang_copy clusters, vips, nodes; /* of the walk under way */
	struct kvf_yang_copy one_vip;               /* that was asked for by its key */
} state = {
	.clusters = { .entry_bytes = sizeof(struct kvf_yang_cluster), .max = KVIP_MAX_CLUSTERS },
	.vips = { .entry_bytes = sizeof(struct kvf_yang_vip),
		  .max = MAX_ENTRIES,
		  .release = kvf_yang_vip_release },
	.nodes = { .entry_bytes = sizeof(struct kvf_yang_node), .max = MAX_ENTRIES },
	.one_vip = { .entry_bytes = sizeof(struct kvf_yang_vip),
		     .max = 1,
		     .release = kvf_yang_vip_release },
};

/* ---- leaves ---- */

enum kind { BOOL, U32, U64, AGE, TEXT, WORD, ROUTE_U32 };

struct leaf {
	const char *name;
	enum kind kind;
	size_t offset;
};

#define LEAF(name, kind, type, field)                                                              \
	{                                                                                          \
		name, kind, offsetof(struct kvf_yang_##type, field)                                \
	}

static const struct leaf overview_leaves[] = {
	LEAF("active", BOOL, overview, active),
	LEAF("standby", TEXT, overview, standby),
	LEAF("node-name", TEXT, overview, node),
	LEAF("zebra-connected", BOOL, overview, zebra_connected),
	LEAF("flushed", BOOL, overview, flushed),
	LEAF("table-digest", TEXT, overview, digest),
	LEAF("configuration-generation", U64, overview, generation),
	LEAF("backlog", U32, overview, backlog),
	LEAF("next-hop-sets", U32, overview, nhsets),
	LEAF("vips-routed", U32, overview, routed),
	LEAF("vips-held", U32, overview, held),
	LEAF("vips-restored", U32, overview, restored),
	LEAF("conflicts", U32, overview, conflicts),
	LEAF("routes", U32, overview, routes),
	LEAF("suspects", U32, overview, suspects),
	LEAF("announcements", U64, overview, announcements),
	LEAF("withdrawals", U64, overview, withdrawals),
	LEAF("confirmations", U64, overview, confirmations),
	LEAF("swept", U64, overview, swept),
	LEAF("vips-truncated", BOOL, overview, vips_truncated),
	LEAF("nodes-truncated", BOOL, overview, nodes_truncated),
	{ 0 },
};
static const struct leaf cluster_leaves[] = {
	LEAF("state", WORD, cluster, state),
	LEAF("last-sync-age", AGE, cluster, sync_age_s),
	LEAF("synchronised-age", AGE, cluster, synced_age_s),
	LEAF("last-error", TEXT, cluster, error),
	LEAF("current-server", TEXT, cluster, server),
	LEAF("identity-changed", BOOL, cluster, identity_changed),
	LEAF("guard-active", BOOL, cluster, guard_active),
	LEAF("guard-age", AGE, cluster, guard_age_s),
	LEAF("vips", U32, cluster, vips),
	LEAF("held-vips", U32, cluster, held),
	LEAF("services", U32, cluster, services),
	LEAF("nodes", U32, cluster, nodes),
	LEAF("objects", U32, cluster, objects),
	LEAF("announcements", U64, cluster, announcements),
	LEAF("withdrawals", U64, cluster, withdrawals),
	{ 0 },
};
static const struct leaf vip_leaves[] = {
	LEAF("cluster", TEXT, vip, cluster),   LEAF("state", WORD, vip, state),
	LEAF("routed", BOOL, vip, routed),     LEAF("held", BOOL, vip, held),
	LEAF("restored", BOOL, vip, restored), LEAF("reason", WORD, vip, reason),
	LEAF("warning", WORD, vip, warning),   LEAF("changed-age", AGE, vip, changed_age_s),
	LEAF("tag", ROUTE_U32, vip, tag),      LEAF("distance", ROUTE_U32, vip, distance),
	LEAF("table", ROUTE_U32, vip, table),  { 0 },
};
static const struct leaf owner_leaves[] = {
	LEAF("reason", WORD, owner, reason),
	LEAF("advertise", TEXT, owner, advertise),
	{ 0 },
};
static const struct leaf node_leaves[] = {
	LEAF("ready", WORD, node, ready),
	LEAF("cordoned", BOOL, node, cordoned),
	LEAF("self", BOOL, node, self),
	LEAF("vips", U32, node, vips),
	{ 0 },
};

static const struct leaf *find_leaf(const struct leaf *table, const char *name)
{
	while (table->name && strcmp(table->name, name) != 0)
		table++;
	return table->name ? table : NULL;
}

static struct yang_data *text_data(const char *xpath, const char *text)
{
	return text[0] ? yang_data_new(xpath, text) : NULL;
}

static struct yang_data *number_data(const char *xpath, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return yang_data_new(xpath, text);
}

static struct yang_data *age_data(const char *xpath, int64_t age)
{
	return age < 0 ? NULL : number_data(xpath, (uint64_t)age);
}

static struct yang_data *value_of(const struct leaf *l, const char *xpath, const void *entry)
{
	const void *field = (const char *)entry + l->offset;

	switch (l->kind) {
	case BOOL:
		return yang_data_new(xpath, *(const bool *)field ? "true" : "false");
	case U32:
		return number_data(xpath, *(const uint32_t *)field);
	case U64:
		return number_data(xpath, *(const uint64_t *)field);
	case AGE:
		return age_data(xpath, *(const int64_t *)field);
	case TEXT:
		return text_data(xpath, field);
	case WORD:
		return text_data(xpath, *(const char *const *)field);
	case ROUTE_U32: /* table 0 is the main one */
		if (!((const struct kvf_yang_vip *)entry)->has_route ||
		    (l->offset == offsetof(struct kvf_yang_vip, table) &&
		     !*(const uint32_t *)field))
			return NULL;
		return number_data(xpath, *(const uint32_t *)field);
	}
	return NULL;
}

static struct yang_data *leaf_of(const struct leaf *table, const char *xpath, const void *entry)
{
	const struct leaf *l = find_leaf(table, strrchr(xpath, '/') + 1);

	return l ? value_of(l, xpath, entry) : NULL;
}

static struct yang_data *overview_get(struct nb_cb_get_elem_args *args)
{
	kvf_yang_copy_overview(&state.overview);
	return leaf_of(overview_leaves, args->xpath, &state.overview);
}

static struct yang_data *cluster_get(struct nb_cb_get_elem_args *args)
{
	return leaf_of(cluster_leaves, args->xpath, args->list_entry);
}

static struct yang_data *vip_get(struct nb_cb_get_elem_args *args)
{
	return leaf_of(vip_leaves, args->xpath, args->list_entry);
}

static struct yang_data *owner_get(struct nb_cb_get_elem_args *args)
{
	return leaf_of(owner_leaves, args->xpath, args->list_entry);
}

static struct yang_data *node_get(struct nb_cb_get_elem_args *args)
{
	return leaf_of(node_leaves, args->xpath, args->list_entry);
}

static struct yang_data *address_get(struct nb_cb_get_elem_args *args)
{
	char text[KVIP_ADDR_STRLEN];

	return yang_data_new(args->xpath, kvip_addr_render(args->list_entry, text));
}

/* ---- lists ---- */

static const void *next_of(struct kvf_yang_copy *c, const void *entry,
			   void (*fill)(struct kvf_yang_copy *c))
{
	size_t i = 0;

	if (entry) {
		i = (size_t)((const char *)entry - (const char *)c->v) / c->entry_bytes + 1;
	} else {
		kvf_yang_copy_drop(c);
		fill(c);
	}
	if (i < c->n)
		return (const char *)c->v + i * c->entry_bytes;
	kvf_yang_copy_drop(c);
	return NULL;
}

static void fill_vips(struct kvf_yang_copy *c)
{
	kvf_yang_copy_vips(c);
	state.overview.vips_truncated = c->truncated;
}

static void fill_nodes(struct kvf_yang_copy *c)
{
	kvf_yang_copy_nodes(c);
	state.overview.nodes_truncated = c->truncated;
}

static const void *clusters_next(struct nb_cb_get_next_args *args)
{
	return next_of(&state.clusters, args->list_entry, kvf_yang_copy_clusters);
}

static const void *vips_next(struct nb_cb_get_next_args *args)
{
	return next_of(&state.vips, args->list_entry, fill_vips);
}

static const void *nodes_next(struct nb_cb_get_next_args *args)
{
	return next_of(&state.nodes, args->list_entry, fill_nodes);
}

static const void *owners_next(struct nb_cb_get_next_args *args)
{
	const struct kvf_yang_vip *v = args->parent_list_entry;
	const struct kvf_yang_owner *o = args->list_entry;

	o = o ? o + 1 : v->owners;
	return o && o < v->owners + v->n_owners ? o : NULL;
}

static const void *hops_next(const struct kvf_yang_hops *h, const struct kvip_addr *a)
{
	size_t i = a ? (size_t)(a - h->v) + 1 : 0;

	return i < h->n ? &h->v[i] : NULL;
}

static const void *next_hops_next(struct nb_cb_get_next_args *args)
{
	const struct kvf_yang_vip *v = args->parent_list_entry;

	return hops_next(&v->hops, args->list_entry);
}

static const void *installed_next(struct nb_cb_get_next_args *args)
{
	const struct kvf_yang_vip *v = args->parent_list_entry;

	return hops_next(&v->installed, args->list_entry);
}

static void set_keys(struct yang_list_keys *keys, uint8_t n, const char *const *v)
{
	keys->num = n;
	for (uint8_t i = 0; i < n; i++)
		strlcpy(keys->key[i], v[i], sizeof(keys->key[i]));
}

static int cluster_keys(struct nb_cb_get_keys_args *args)
{
	const struct kvf_yang_cluster *c = args->list_entry;

	set_keys(args->keys, 1, (const char *const[]){ c->name });
	return NB_OK;
}

static int vip_keys(struct nb_cb_get_keys_args *args)
{
	const struct kvf_yang_vip *v = args->list_entry;
	char text[KVIP_PREFIX_STRLEN];

	set_keys(args->keys, 1, (const char *const[]){ kvip_prefix_render(&v->prefix, text) });
	return NB_OK;
}

static int owner_keys(struct nb_cb_get_keys_args *args)
{
	const struct kvf_yang_owner *o = args->list_entry;

	set_keys(args->keys, 4, (const char *const[]){ o->cluster, o->kind, o->ns, o->name });
	return NB_OK;
}

static int node_keys(struct nb_cb_get_keys_args *args)
{
	const struct kvf_yang_node *n = args->list_entry;

	set_keys(args->keys, 2, (const char *const[]){ n->cluster, n->name });
	return NB_OK;
}

static const void *cluster_lookup(struct nb_cb_lookup_entry_args *args)
{
	const struct kvf_yang_cluster *c;

	kvf_yang_copy_drop(&state.clusters);
	kvf_yang_copy_clusters(&state.clusters);
	c = state.clusters.v;
	for (size_t i = 0; i < state.clusters.n; i++)
		if (strcmp(c[i].name, args->keys->key[0]) == 0)
			return &c[i];
	return NULL;
}

static const void *vip_lookup(struct nb_cb_lookup_entry_args *args)
{
	struct kvip_prefix p;

	kvf_yang_copy_drop(&state.one_vip);
	if (kvip_prefix_parse(args->keys->key[0], &p) || !kvf_yang_copy_vip(&state.one_vip, &p))
		return NULL;
	return state.one_vip.v;
}

static const void *owner_lookup(struct nb_cb_lookup_entry_args *args)
{
	const struct kvf_yang_vip *v = args->parent_list_entry;

	for (size_t i = 0; i < v->n_owners; i++) {
		const struct kvf_yang_owner *o = &v->owners[i];

		if (strcmp(o->cluster, args->keys->key[0]) == 0 &&
		    strcmp(o->kind, args->keys->key[1]) == 0 &&
		    strcmp(o->ns, args->keys->key[2]) == 0 &&
		    strcmp(o->name, args->keys->key[3]) == 0)
			return o;
	}
	return NULL;
}

static const void *node_lookup(struct nb_cb_lookup_entry_args *args)
{
	const struct kvf_yang_node *n;

	kvf_yang_copy_drop(&state.nodes);
	fill_nodes(&state.nodes);
	n = state.nodes.v;
	for (size_t i = 0; i < state.nodes.n; i++)
		if (strcmp(n[i].cluster, args->keys->key[0]) == 0 &&
		    strcmp(n[i].name, args->keys->key[1]) == 0)
			return &n[i];
	return NULL;
}

/* ---- which node has which ---- */

/* Lists and containers by path below the top; leaves by the table of what holds them. */
static const struct place {
	const char *path;
	const struct leaf *leaves; /* of a container or list */
	struct nb_callbacks cbs;   /* of a list or leaf-list; .get_elem: of its leaves */
} places[] = {
	{ "/cluster",
	  NULL,
	  { .get_next = clusters_next, .get_keys = cluster_keys, .lookup_entry = cluster_lookup } },
	{ "/cluster/state", cluster_leaves, { .get_elem = cluster_get } },
	{ "/state", overview_leaves, { .get_elem = overview_get } },
	{ "/state/vip",
	  vip_leaves,
	  { .get_elem = vip_get,
	    .get_next = vips_next,
	    .get_keys = vip_keys,
	    .lookup_entry = vip_lookup } },
	{ "/state/vip/next-hop", NULL, { .get_elem = address_get, .get_next = next_hops_next } },
	{ "/state/vip/installed-next-hop",
	  NULL,
	  { .get_elem = address_get, .get_next = installed_next } },
	{ "/state/vip/owner",
	  owner_leaves,
	  { .get_elem = owner_get,
	    .get_next = owners_next,
	    .get_keys = owner_keys,
	    .lookup_entry = owner_lookup } },
	{ "/state/node",
	  node_leaves,
	  { .get_elem = node_get,
	    .get_next = nodes_next,
	    .get_keys = node_keys,
	    .lookup_entry = node_lookup } },
};

static const struct place *place_of(const struct lysc_node *s)
{
	char xpath[XPATH_MAXLEN];

	if (!lysc_path(s, LYSC_PATH_DATA, xpath, sizeof(xpath)))
		return NULL;
	for (size_t i = 0; i < array_size(places); i++)
		if (strcmp(xpath + strlen(KVF_YANG_TOP), places[i].path) == 0)
			return &places[i];
	return NULL;
}

static bool key_or_known(const struct lysc_node *s, struct nb_callbacks *cbs)
{
	const struct place *p = s->parent ? place_of(s->parent) : NULL;

	if (!p || !p->leaves)
		return false;
	cbs->get_elem = p->cbs.get_elem;
	return lysc_is_key(s) || find_leaf(p->leaves, s->name);
}

bool kvf_yang_state_cbs(const struct lysc_node *s, struct nb_callbacks *cbs)
{
	bool config = s->flags & LYS_CONFIG_W, list = s->nodetype & (LYS_LIST | LYS_LEAFLIST);
	const struct place *p;

	if (!config && s->nodetype == LYS_LEAF)
		return key_or_known(s, cbs);
	p = place_of(s);
	if (!p)
		return config;
	if (!list)
		return true;
	cbs->get_next = p->cbs.get_next;
	cbs->get_keys = p->cbs.get_keys;
	cbs->lookup_entry = p->cbs.lookup_entry;
	if (s->nodetype == LYS_LEAFLIST)
		cbs->get_elem = p->cbs.get_elem;
	return true;
}
