// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: JSON to Cilium's BGP objects and LB IPAM pools.
 *
 * Job: fill the draft; v2 and v2alpha1 alike. Thread: any.
 *
 * Sources: Cilium v1.20.2 pkg/k8s/apis/cilium.io/v2 and v2alpha1, and their CRDs.
 */
#include "kvip_obj_priv.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *s, const char *what)
{
	return s && !strcmp(s, what);
}

/* A name that may end in a log and in `show`; NULL for any other. */
static const char *name_of(struct json_object *o, const char *member)
{
	const char *s = kvip_json_string(o, member);

	return s && *s && kvip_draft_text_ok(s) ? s : NULL;
}

/* Room for one more of the @n items there are. */
static bool has_room(struct kvip_draft *d, uint32_t n)
{
	if (n < KVIP_MAX_CILIUM_ITEMS)
		return true;
	d->obj.n_dropped++;
	return false;
}

static uint8_t address_kind(const char *s)
{
	if (is(s, "LoadBalancerIP"))
		return KVIP_CILIUM_LOADBALANCER_IP;
	if (is(s, "ExternalIP"))
		return KVIP_CILIUM_EXTERNAL_IP;
	return is(s, "ClusterIP") ? KVIP_CILIUM_CLUSTER_IP : 0;
}

static uint8_t address_kinds(struct json_object *list)
{
	uint8_t bits = 0;

	for (size_t i = 0; i < kvip_json_len(list); i++)
		bits |= address_kind(kvip_json_string_at(list, i));
	return bits;
}

/* Two well-known communities have another name in FRR (bgpd/bgp_community.c, community_gettoken()).
 */
static const char *frr_name(const char *community)
{
	if (is(community, "planned-shut"))
		return "graceful-shutdown";
	return is(community, "no-export-subconfed") ? "local-AS" : community;
}

static void add_words(struct kvip_draft_texts *t, struct json_object *list, bool *any)
{
	for (size_t i = 0; i < kvip_json_len(list); i++) {
		const char *s = kvip_json_string_at(list, i);

		if (!s || !*s || !kvip_draft_text_ok(s))
			continue;
		if (*any)
			kvip_draft_text_add(t, " ");
		kvip_draft_text_add(t, frr_name(s));
		*any = true;
	}
}

/* The strings of two lists with blanks between; NULL if there are none. */
static const char *words_of(struct kvip_draft *d, struct json_object *a, struct json_object *b)
{
	struct kvip_draft_texts *t = &d->cilium.texts;
	const char *text;
	bool any = false;

	kvip_draft_text_begin(t);
	add_words(t, a, &any);
	add_words(t, b, &any);
	text = kvip_draft_text_end(t);
	return any ? text : NULL;
}

static void draft_advert(struct kvip_draft *d, struct json_object *o,
			 struct kvip_cilium_advert *out)
{
	struct json_object *service = kvip_json_object(o, "service");
	struct json_object *attributes = kvip_json_object(o, "attributes");
	struct json_object *communities = kvip_json_object(attributes, "communities");
	const char *type = name_of(o, "advertisementType");

	*out = (struct kvip_cilium_advert){
		.type = type ? type : "?",
		.selector = kvip_draft_selector(d, o, "selector"),
		.communities = words_of(d, kvip_json_array(communities, "standard"),
					kvip_json_array(communities, "wellKnown")),
		.large_communities = words_of(d, kvip_json_array(communities, "large"), NULL),
		.local_preference = kvip_json_int(attributes, "localPreference", -1),
		.addresses = address_kinds(kvip_json_array(service, "addresses")),
		.aggregates = kvip_json_int(service, "aggregationLengthIPv4", -1) >= 0 ||
			      kvip_json_int(service, "aggregationLengthIPv6", -1) >= 0,
	};
}

static void draft_advertisement(struct kvip_draft *d, struct json_object *spec)
{
	struct json_object *list = kvip_json_array(spec, "advertisements");
	struct kvip_cilium_advertisement *a = &d->obj.advertisement;

	a->v = d->cilium.adverts;
	for (size_t i = 0; i < kvip_json_len(list) && has_room(d, a->n); i++)
		draft_advert(d, kvip_json_object_at(list, i), &a->v[a->n++]);
}

static void draft_peer(struct kvip_draft *d, const char *instance, struct json_object *o)
{
	struct kvip_cilium_cluster_config *c = &d->obj.cluster_config;
	const char *name = name_of(o, "name");
	const char *address = kvip_json_string(o, "peerAddress");
	struct kvip_cilium_peer *p = &c->peers[c->n_peers];

	if (!name || !has_room(d, c->n_peers))
		return;
	*p = (struct kvip_cilium_peer){ .instance = instance, .name = name };
	p->config = name_of(kvip_json_object(o, "peerConfigRef"), "name");
	if (!address || kvip_addr_parse(address, &p->addr))
		p->addr = (struct kvip_addr){ 0 };
	c->n_peers++;
}

static void draft_cluster_config(struct kvip_draft *d, struct json_object *spec)
{
	struct json_object *list = kvip_json_array(spec, "bgpInstances");
	struct kvip_cilium_cluster_config *c = &d->obj.cluster_config;

	c->node_selector = kvip_draft_selector(d, spec, "nodeSelector");
	c->instances = d->cilium.instances;
	c->peers = d->cilium.peers;
	for (size_t i = 0; i < kvip_json_len(list) && has_room(d, c->n_instances); i++) {
		struct json_object *o = kvip_json_object_at(list, i);
		struct json_object *peers = kvip_json_array(o, "peers");
		const char *name = name_of(o, "name");

		if (!name)
			continue;
		c->instances[c->n_instances++] = name;
		for (size_t k = 0; k < kvip_json_len(peers); k++)
			draft_peer(d, name, kvip_json_object_at(peers, k));
	}
}

static void draft_peer_config(struct kvip_draft *d, struct json_object *spec)
{
	struct json_object *list = kvip_json_array(spec, "families");
	struct kvip_cilium_peer_config *c = &d->obj.peer_config;

	c->v = d->cilium.families;
	for (size_t i = 0; i < kvip_json_len(list) && has_room(d, c->n); i++) {
		struct json_object *o = kvip_json_object_at(list, i);
		const char *afi = name_of(o, "afi"), *safi = name_of(o, "safi");

		c->v[c->n++] = (struct kvip_cilium_family){
			.afi = afi ? afi : "?",
			.safi = safi ? safi : "?",
			.advertisements = kvip_draft_selector(d, o, "advertisements"),
		};
	}
}

static void draft_override(struct kvip_draft *d, struct json_object *spec)
{
	struct json_object *list = kvip_json_array(spec, "bgpInstances");
	struct kvip_cilium_override *c = &d->obj.node_override;

	c->instances = d->cilium.instances;
	for (size_t i = 0; i < kvip_json_len(list) && has_room(d, c->n); i++) {
		const char *name = name_of(kvip_json_object_at(list, i), "name");

		if (name)
			c->instances[c->n++] = name;
	}
}

static struct kvip_addr last_of(const struct kvip_prefix *p)
{
	struct kvip_addr a = p->addr;

	for (uint8_t bit = p->len; bit < kvip_addr_bits(&a); bit++)
		a.b[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
	return a;
}

/* "192.168.77.0/24", host bits allowed as LB IPAM allows them; or first and last. */
static bool parse_cidr(const char *text, struct kvip_cilium_block *b)
{
	char addr[KVIP_ADDR_STRLEN], *end;
	struct kvip_prefix p;
	size_t n = strcspn(text, "/");
	unsigned long len;

	if (n >= sizeof(addr) || text[n] != '/')
		return false;
	memcpy(addr, text, n);
	addr[n] = '\0';
	len = strtoul(text + n + 1, &end, 10);
	if (*end || end == text + n + 1 || kvip_addr_parse(addr, &p.addr) ||
	    len > kvip_addr_bits(&p.addr))
		return false;
	for (unsigned int bit = (unsigned int)len; bit < kvip_addr_bits(&p.addr); bit++)
		p.addr.b[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
	p.len = (uint8_t)len;
	*b = (struct kvip_cilium_block){ .first = p.addr, .last = last_of(&p) };
	return true;
}

static bool parse_block(struct json_object *o, struct kvip_cilium_block *b)
{
	const char *cidr = kvip_json_string(o, "cidr");
	const char *start = kvip_json_string(o, "start"), *stop = kvip_json_string(o, "stop");

	if (cidr && *cidr)
		return parse_cidr(cidr, b);
	if (!start || kvip_addr_parse(start, &b->first))
		return false;
	b->last = b->first;
	if (stop && *stop && kvip_addr_parse(stop, &b->last))
		return false;
	return b->first.family == b->last.family && kvip_addr_cmp(&b->first, &b->last) <= 0;
}

static void draft_blocks(struct kvip_draft *d, struct json_object *list)
{
	struct kvip_cilium_pool *c = &d->obj.pool;

	for (size_t i = 0; i < kvip_json_len(list) && has_room(d, c->n); i++)
		if (parse_block(kvip_json_object_at(list, i), &c->v[c->n]))
			c->n++;
}

static void draft_pool(struct kvip_draft *d, struct json_object *spec)
{
	struct kvip_cilium_pool *c = &d->obj.pool;

	c->selector = kvip_draft_selector(d, spec, "serviceSelector");
	c->disabled = kvip_json_bool(spec, "disabled", false);
	c->v = d->cilium.blocks;
	draft_blocks(d, kvip_json_array(spec, "blocks"));
	draft_blocks(d, kvip_json_array(spec, "cidrs"));
}

void kvip_draft_cilium(struct kvip_draft *d, struct json_object *json)
{
	struct json_object *spec = kvip_json_object(json, "spec");

	d->cilium.texts.used = 0;
	switch (d->obj.kind) {
	case KVIP_KIND_ADVERTISEMENT:
		draft_advertisement(d, spec);
		break;
	case KVIP_KIND_CLUSTER_CONFIG:
		draft_cluster_config(d, spec);
		break;
	case KVIP_KIND_PEER_CONFIG:
		draft_peer_config(d, spec);
		break;
	case KVIP_KIND_NODE_OVERRIDE:
		draft_override(d, spec);
		break;
	default:
		draft_pool(d, spec);
		break;
	}
}
