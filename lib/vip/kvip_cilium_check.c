// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what is wrong with Cilium's BGP objects, or cannot be carried over.
 *
 * Job: the misprints that the seed's author had to find by hand: names that nobody selects,
 * selectors that match nothing, peers in a network that is not there, pools outside of the
 * vip-ranges. Pure. Thread: T0 under the engine's lock; the bounds of KVIP_MAX_CILIUM_OBJECTS keep
 * it short.
 *
 * Most of them harm Cilium's own sessions only, and kubevip routes all the same (kvip_cilium.h):
 * the texts say which is which.
 */
#include "vip/kvip_cilium.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct checker {
	const struct kvip_cilium_view *v;
	const struct kvip_cilium_links *l;
	kvip_finding_fn *fn;
	void *ctx;
};

static void KVIP_PRINTF(4, 5) say(const struct checker *k, const char *kind,
				  const struct kvip_obj *obj, const char *fmt, ...)
{
	struct kvip_finding f = { .kind = kind, .cluster = k->v->conf->name };
	va_list ap;
	int n;

	if (obj)
		snprintf(f.object, sizeof(f.object), "%s %s", kvip_kinds[obj->kind].kind,
			 obj->meta.name);
	n = snprintf(f.text, sizeof(f.text), "cluster %s: %s%s", f.cluster, f.object,
		     obj ? ": " : "");
	va_start(ap, fmt);
	if (n > 0 && (size_t)n < sizeof(f.text))
		vsnprintf(f.text + n, sizeof(f.text) - (size_t)n, fmt, ap);
	va_end(ap);
	k->fn(k->ctx, &f);
}

static bool unusable(const char *selector)
{
	struct kvip_selector *s;
	bool bad;

	if (!selector || kvip_cilium_selector(selector, &s))
		return false;
	bad = !s;
	kvip_selector_free(s);
	return bad;
}

/* ---- CiliumBGPAdvertisement ---- */

static bool has_attributes(const struct kvip_cilium_advert *a)
{
	return a->communities || a->large_communities || a->local_preference >= 0;
}

static bool has_tag(const struct checker *k, const struct kvip_obj *obj, uint32_t i)
{
	const struct kvip_adv_conf *s = kvip_cilium_settings(k->v->conf, obj->meta.name, i);

	return s && s->tag != KVIP_DEFAULT_TAG;
}

/* `set` lines of a route-map that say what Cilium would have sent. */
static void say_attributes(const struct checker *k, const struct kvip_obj *obj, uint32_t i)
{
	const struct kvip_cilium_advert *a = &obj->advertisement.v[i];
	char set[400] = "";
	size_t n = 0;

	if (a->communities)
		n += (size_t)snprintf(set, sizeof(set), " `set community %.120s additive`",
				      a->communities);
	if (a->large_communities)
		n += (size_t)snprintf(set + n, sizeof(set) - n,
				      " `set large-community %.120s additive`",
				      a->large_communities);
	if (a->local_preference >= 0)
		snprintf(set + n, sizeof(set) - n, " `set local-preference %" PRId64 "`",
			 a->local_preference);
	say(k, "cilium-attributes-not-carried", obj,
	    "a static route carries no attributes of advertisement %" PRIu32
	    ": write `kubevip cluster %s advertise cilium:%.120s/%" PRIu32
	    " tag N` and in bgpd's route-map an entry with `match tag N`%s",
	    i, k->v->conf->name, obj->meta.name, i, set);
}

static void check_advert(const struct checker *k, const struct kvip_obj *obj, uint32_t i)
{
	const struct kvip_cilium_advert *a = &obj->advertisement.v[i];

	if (strcmp(a->type, "Service") != 0) {
		say(k, "cilium-other-advertisement", obj,
		    "advertisement %" PRIu32 " is of type %.60s: not VIPs, kubevip routes none", i,
		    a->type);
		return;
	}
	if (!a->selector)
		say(k, "cilium-selector-missing", obj,
		    "advertisement %" PRIu32
		    " has no selector: it matches no Service, as in Cilium "
		    "(an empty one, {}, matches every Service)",
		    i);
	else if (unusable(a->selector))
		say(k, "cilium-selector-unusable", obj,
		    "the selector of advertisement %" PRIu32
		    " cannot be used: it matches no Service",
		    i);
	if (!a->addresses)
		say(k, "cilium-no-address-kind", obj,
		    "advertisement %" PRIu32
		    " names no address: want LoadBalancerIP, ExternalIP or "
		    "ClusterIP",
		    i);
	if (a->aggregates)
		say(k, "cilium-aggregation-ignored", obj,
		    "advertisement %" PRIu32 " aggregates: kubevip routes each VIP; use bgpd's "
		    "aggregate-address",
		    i);
	if (has_attributes(a) && !has_tag(k, obj, i))
		say_attributes(k, obj, i);
}

/* The labels of @m as "a=b,c=d", cut at @size. */
static const char *labels_text(const struct kvip_meta *m, char *buf, size_t size)
{
	size_t n = 0;

	snprintf(buf, size, "it has none");
	for (uint32_t i = 0; i < m->n_labels && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s=%s", i ? "," : "", m->labels[i].key,
				      m->labels[i].value);
	return buf;
}

/* What the first family that selects anything at all wants. */
static const char *wanted_text(const struct checker *k)
{
	for (size_t i = 0; i < k->l->n_peers; i++) {
		const struct kvip_cilium_peer_config *p = &k->l->peers[i]->obj->peer_config;

		for (uint32_t f = 0; f < p->n; f++)
			if (p->v[f].advertisements)
				return p->v[f].advertisements;
	}
	return NULL;
}

static void check_selected(const struct checker *k, const struct kvip_obj *obj)
{
	const char *wanted = wanted_text(k);
	char labels[160];

	for (size_t i = 0; i < k->l->n_peers; i++)
		if (kvip_cilium_selects(k->l->peers[i], obj))
			return;
	say(k, "cilium-advertisement-not-selected", obj,
	    "no CiliumBGPPeerConfig selects it by its labels (%s)%s%.160s%s: Cilium announces nothing of "
	    "it, kubevip does",
	    labels_text(&obj->meta, labels, sizeof(labels)), wanted ? ", wanted is `" : "",
	    wanted ? wanted : "", wanted ? "`" : "");
}

static void check_advertisement(const struct checker *k, const struct kvip_obj *obj)
{
	check_selected(k, obj);
	for (uint32_t i = 0; i < obj->advertisement.n; i++)
		check_advert(k, obj, i);
}

/* ---- CiliumBGPPeerConfig ---- */

static void check_family(const struct checker *k, const struct kvip_cilium_peer_link *p, uint32_t f)
{
	const struct kvip_cilium_family *family = &p->obj->peer_config.v[f];

	for (size_t i = 0; p->sel[f] && i < k->l->n_advertisements; i++)
		if (kvip_selector_matches(p->sel[f], &k->l->advertisements[i]->meta, NULL, 0))
			return;
	if (!family->advertisements)
		say(k, "cilium-peer-config-selects-nothing", p->obj,
		    "family %s/%s has no `advertisements`: Cilium sends such a peer nothing",
		    family->afi, family->safi);
	else
		say(k, "cilium-peer-config-selects-nothing", p->obj,
		    "family %s/%s selects `%.160s`, which no CiliumBGPAdvertisement has: Cilium sends "
		    "such a peer nothing",
		    family->afi, family->safi, family->advertisements);
}

static void check_peer_config(const struct checker *k, const struct kvip_cilium_peer_link *p)
{
	if (!p->used)
		say(k, "cilium-peer-config-unused", p->obj,
		    "no peer of a CiliumBGPClusterConfig refers to it");
	if (p->n == 0)
		say(k, "cilium-peer-config-selects-nothing", p->obj,
		    "it has no families with `advertisements`: Cilium sends such a peer nothing");
	for (uint32_t f = 0; f < p->n; f++)
		check_family(k, p, f);
}

/* ---- CiliumBGPClusterConfig ---- */

static bool is_own(const struct kvip_facts *f, const struct kvip_addr *a)
{
	for (size_t i = 0; i < f->n_own; i++)
		if (kvip_addr_equal(&f->own[i], a))
			return true;
	return false;
}

static bool is_connected(const struct kvip_facts *f, const struct kvip_addr *a)
{
	for (size_t i = 0; i < f->n_connected; i++)
		if (kvip_prefix_contains(&f->connected[i], a))
			return true;
	return false;
}

/* An address of this router that ends like @a: what may have been meant. */
static const struct kvip_addr *alike(const struct kvip_facts *f, const struct kvip_addr *a)
{
	size_t last = kvip_addr_bits(a) / 8 - 1;

	for (size_t i = 0; i < f->n_own; i++)
		if (f->own[i].family == a->family && f->own[i].b[last] == a->b[last] &&
		    kvip_addr_classify(&f->own[i]) == KVIP_ADDR_GLOBAL)
			return &f->own[i];
	return NULL;
}

static void check_peer_address(const struct checker *k, const struct kvip_obj *obj,
			       const struct kvip_cilium_peer *p)
{
	const struct kvip_facts *f = k->v->facts;
	char peer[KVIP_ADDR_STRLEN], own[KVIP_ADDR_STRLEN];
	const struct kvip_addr *meant;

	if (p->addr.family == KVIP_AF_NONE || is_connected(f, &p->addr))
		return;
	meant = alike(f, &p->addr);
	say(k, "cilium-peer-in-other-network", obj,
	    "peer %.80s is %s, which lies in no network of this router%s%s%s", p->name,
	    kvip_addr_render(&p->addr, peer), meant ? " (which has " : "",
	    meant ? kvip_addr_render(meant, own) : "", meant ? ": is that meant?)" : "");
}

/* Is one of the peers this router? If so, the others are others' business. */
static void check_addresses(const struct checker *k, const struct kvip_obj *obj)
{
	const struct kvip_cilium_cluster_config *c = &obj->cluster_config;
	const struct kvip_facts *f = k->v->facts;
	bool any = false;

	if (!f || f->n_own == 0)
		return;
	for (uint32_t i = 0; i < c->n_peers; i++) {
		if (is_own(f, &c->peers[i].addr))
			return;
		any |= c->peers[i].addr.family != KVIP_AF_NONE;
	}
	if (!any)
		return;
	for (uint32_t i = 0; i < c->n_peers; i++)
		check_peer_address(k, obj, &c->peers[i]);
	say(k, "cilium-peer-not-here", obj,
	    "none of its peers is this router: Cilium speaks BGP with others (kubevip needs no session)");
}

static void check_references(const struct checker *k, const struct kvip_obj *obj)
{
	const struct kvip_cilium_cluster_config *c = &obj->cluster_config;

	for (uint32_t i = 0; i < c->n_peers; i++) {
		const struct kvip_cilium_peer *p = &c->peers[i];

		if (!p->config)
			say(k, "cilium-peer-without-config", obj,
			    "peer %.80s has no peerConfigRef: Cilium sends it nothing", p->name);
		else if (!kvip_cilium_find_peer(k->l, p->config))
			say(k, "cilium-peer-config-missing", obj,
			    "peer %.80s refers to CiliumBGPPeerConfig %.120s, which does not exist: "
			    "Cilium sends it nothing",
			    p->name, p->config);
	}
}

static bool selects_a_node(const struct checker *k, const struct kvip_selector *s)
{
	struct kvip_entry *e;

	for (e = kvip_cache_first(k->v->cache, KVIP_KIND_NODE); e; e = kvip_cache_next(e))
		if (e->present && kvip_selector_matches(s, &e->obj->meta, NULL, 0))
			return true;
	return false;
}

static void check_nodes(const struct checker *k, const struct kvip_obj *obj)
{
	const char *text = obj->cluster_config.node_selector;
	struct kvip_selector *s;

	if (!text || kvip_cilium_selector(text, &s))
		return;
	if (!s)
		say(k, "cilium-selector-unusable", obj,
		    "its nodeSelector cannot be used: it matches no node");
	else if (!selects_a_node(k, s))
		say(k, "cilium-no-node", obj,
		    "its nodeSelector `%.160s` matches no node: its VIPs have no next hop", text);
	kvip_selector_free(s);
}

/* ---- CiliumBGPNodeConfigOverride ---- */

static bool is_instance(const struct checker *k, const char *name)
{
	for (size_t i = 0; i < k->l->n_configs; i++) {
		const struct kvip_cilium_cluster_config *c = &k->l->configs[i]->cluster_config;

		for (uint32_t n = 0; n < c->n_instances; n++)
			if (strcmp(c->instances[n], name) == 0)
				return true;
	}
	return false;
}

static void check_override(const struct checker *k, const struct kvip_obj *obj)
{
	const struct kvip_cilium_override *o = &obj->node_override;

	if (!kvip_cache_find(k->v->cache, KVIP_KIND_NODE, "", obj->meta.name))
		say(k, "cilium-override-without-node", obj, "there is no node of this name");
	for (uint32_t i = 0; i < o->n; i++)
		if (!is_instance(k, o->instances[i]))
			say(k, "cilium-override-without-instance", obj,
			    "no CiliumBGPClusterConfig has an instance %.80s", o->instances[i]);
}

/* ---- CiliumLoadBalancerIPPool ---- */

static struct kvip_addr end_of(const struct kvip_prefix *p)
{
	struct kvip_addr a = p->addr;

	for (unsigned int bit = p->len; bit < kvip_addr_bits(&a); bit++)
		a.b[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
	return a;
}

/* *@a becomes the address after it. Return: false at the end of the address space. */
static bool advance(struct kvip_addr *a)
{
	for (int i = kvip_addr_bits(a) / 8 - 1; i >= 0; i--)
		if (++a->b[i] != 0)
			return true;
	return false;
}

/* The end of the longest range that holds @a; false: none does. */
static bool range_end(const struct kvip_cluster_conf *conf, const struct kvip_addr *a,
		      struct kvip_addr *end)
{
	bool found = false;

	for (size_t i = 0; i < conf->n_ranges; i++) {
		struct kvip_addr e = end_of(&conf->ranges[i].prefix);

		if (!kvip_prefix_contains(&conf->ranges[i].prefix, a))
			continue;
		if (!found || kvip_addr_cmp(&e, end) > 0)
			*end = e;
		found = true;
	}
	return found;
}

/* The first address of @b that no vip-range holds; false: they hold all of it. */
static bool outside(const struct kvip_cluster_conf *conf, const struct kvip_cilium_block *b,
		    struct kvip_addr *out)
{
	struct kvip_addr a = b->first, end;

	while (kvip_addr_cmp(&a, &b->last) <= 0) {
		if (!range_end(conf, &a, &end)) {
			*out = a;
			return true;
		}
		a = end;
		if (!advance(&a))
			return false;
	}
	return false;
}

static void check_pool(const struct checker *k, const struct kvip_obj *obj)
{
	const struct kvip_cilium_pool *p = &obj->pool;
	char first[KVIP_ADDR_STRLEN], last[KVIP_ADDR_STRLEN], at[KVIP_ADDR_STRLEN];
	struct kvip_addr a;

	for (uint32_t i = 0; i < p->n; i++)
		if (outside(k->v->conf, &p->v[i], &a))
			say(k, "cilium-pool-outside-range", obj,
			    "of its addresses %s to %s, %s lies in no vip-range of the cluster: what the "
			    "pool assigns there is not routed",
			    kvip_addr_render(&p->v[i].first, first),
			    kvip_addr_render(&p->v[i].last, last), kvip_addr_render(&a, at));
	if (p->n == 0)
		say(k, "cilium-pool-empty", obj, "it has no block of addresses that can be read");
	if (unusable(p->selector))
		say(k, "cilium-selector-unusable", obj,
		    "its serviceSelector cannot be used: it matches no Service");
}

/* ---- all of them ---- */

static void each_entry(const struct checker *k, enum kvip_kind kind,
		       void (*fn)(const struct checker *k, const struct kvip_obj *obj))
{
	struct kvip_entry *e;

	for (e = kvip_cache_first(k->v->cache, kind); e; e = kvip_cache_next(e))
		if (e->present)
			fn(k, e->obj);
}

static bool is_used(const struct checker *k, const struct kvip_adv_conf *settings)
{
	for (size_t i = 0; i < k->l->n_advertisements; i++) {
		const struct kvip_obj *obj = k->l->advertisements[i];

		for (uint32_t n = 0; n < obj->advertisement.n; n++)
			if (kvip_cilium_settings(k->v->conf, obj->meta.name, n) == settings)
				return true;
	}
	return false;
}

static void check_settings(const struct checker *k)
{
	const struct kvip_cluster_conf *conf = k->v->conf;

	for (size_t i = 0; i < conf->n_advs; i++) {
		const struct kvip_adv_conf *a = conf->advs[i];

		if (!a->service_selector && kvip_conf_is_settings(a->name) && !is_used(k, a))
			say(k, "cilium-settings-unused", NULL,
			    "advertise %.200s: no CiliumBGPAdvertisement makes a block of this name",
			    a->name);
	}
}

static void check_presence(const struct checker *k)
{
	if (!k->v->known)
		say(k, "cilium-unknown", NULL,
		    "from-cilium: Cilium's objects have not been read: see `show kubevip cluster`; is the "
		    "router granted get, list and watch on group cilium.io?");
	else if (k->l->n_advertisements == 0)
		say(k, "cilium-no-advertisement", NULL,
		    "from-cilium: there is no CiliumBGPAdvertisement, so it selects nothing");
	if (k->l->cut)
		say(k, "cilium-too-many", NULL,
		    "from-cilium: more than %u objects of a kind: the others are not looked at",
		    KVIP_MAX_CILIUM_OBJECTS);
	if (k->v->expanded && k->v->expanded->n_advs == KVIP_MAX_ADVERTISE)
		say(k, "cilium-too-many", NULL,
		    "from-cilium: %u advertise blocks, what comes after them makes none",
		    KVIP_MAX_ADVERTISE);
}

void kvip_cilium_check(const struct kvip_cilium_view *v, kvip_finding_fn *fn, void *ctx)
{
	struct kvip_cilium_links *l = kvip_cilium_links_new(v->cache);
	const struct checker k = { .v = v, .l = l, .fn = fn, .ctx = ctx };

	if (!l)
		return;
	check_presence(&k);
	for (size_t i = 0; i < l->n_advertisements; i++)
		check_advertisement(&k, l->advertisements[i]);
	for (size_t i = 0; i < l->n_peers; i++)
		check_peer_config(&k, l->peers[i]);
	for (size_t i = 0; i < l->n_configs; i++) {
		check_references(&k, l->configs[i]);
		check_addresses(&k, l->configs[i]);
		check_nodes(&k, l->configs[i]);
	}
	each_entry(&k, KVIP_KIND_NODE_OVERRIDE, check_override);
	each_entry(&k, KVIP_KIND_IP_POOL, check_pool);
	check_settings(&k);
	kvip_cilium_links_free(l);
}
