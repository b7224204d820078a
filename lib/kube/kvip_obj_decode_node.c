// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: JSON to Node and EndpointSlice: what leads to next hops.
 *
 * Job: fill the draft. Thread: any.
 *
 * Sources: Kubernetes API reference v1.36, core/v1 NodeStatus and discovery.k8s.io/v1
 * EndpointSlice; Cilium v1.20 operator/pkg/model/translation (the dummy endpoint 192.192.192.192 of
 * Gateways and Ingresses); cluster-autoscaler utils/taints (the taint of a node about to be
 * removed).
 */
#include "kvip_obj_priv.h"

#include <string.h>

#define SERVICE_NAME_LABEL "kubernetes.io/service-name"

static const char *const autoscaler_taint = "ToBeDeletedByClusterAutoscaler";

/* Addresses that stand for "the L7 proxy on every node", never for an endpoint (rules R3). */
static const char *const marker_addrs[] = { "192.192.192.192" };

static bool is(const char *s, const char *what)
{
	return s && !strcmp(s, what);
}

static bool is_marker(const char *addr)
{
	size_t i;

	for (i = 0; i < sizeof(marker_addrs) / sizeof(marker_addrs[0]); i++)
		if (is(addr, marker_addrs[i]))
			return true;
	return false;
}

/* Only the first address of an endpoint means anything (discovery/v1 Endpoint.addresses). */
static uint8_t endpoint_flags(struct json_object *endpoint)
{
	struct json_object *conditions = kvip_json_object(endpoint, "conditions");
	bool ready = kvip_json_bool(conditions, "ready", true);
	uint8_t flags = ready ? KVIP_EP_READY : 0;

	if (kvip_json_bool(conditions, "serving", ready))
		flags |= KVIP_EP_SERVING;
	if (kvip_json_bool(conditions, "terminating", false))
		flags |= KVIP_EP_TERMINATING;
	if (is_marker(kvip_json_string_at(kvip_json_array(endpoint, "addresses"), 0)))
		flags |= KVIP_EP_MARKER;
	return flags;
}

/* Open addressing over the endpoints of one slice, by node name. */
#define NODE_SLOTS 2048 /* a power of two, twice KVIP_MAX_ENDPOINTS */
_Static_assert(NODE_SLOTS >= 2 * KVIP_MAX_ENDPOINTS, "the table must not fill up");

/* FNV-1a */
static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

/* Index of the first endpoint with the node name of endpoint @i, which may be @i itself. */
static uint16_t first_with_node(const struct kvip_draft *d, uint16_t *slots, uint16_t i)
{
	const char *node = d->slice.endpoints[i].node;
	uint32_t at;

	if (!node)
		return i;
	for (at = hash(node) % NODE_SLOTS; slots[at]; at = (at + 1) % NODE_SLOTS)
		if (!strcmp(d->slice.endpoints[slots[at] - 1].node, node))
			return slots[at] - 1;
	slots[at] = i + 1;
	return i;
}

static void draft_endpoints(struct kvip_draft *d, struct json_object *list)
{
	uint16_t slots[NODE_SLOTS] = { 0 }; /* index + 1; 0: free */
	struct kvip_slice *s = &d->obj.slice;
	size_t i;

	for (i = 0; i < kvip_json_len(list); i++) {
		struct json_object *endpoint = kvip_json_object_at(list, i);
		const char *node = kvip_json_string(endpoint, "nodeName");
		uint16_t n = (uint16_t)s->n_endpoints;

		if (!endpoint)
			continue;
		if (n == KVIP_MAX_ENDPOINTS) {
			d->obj.n_dropped++;
			continue;
		}
		d->slice.endpoints[n] = (struct kvip_endpoint){
			.node = node && kvip_obj_name_ok(node) ? node : NULL,
			.flags = endpoint_flags(endpoint),
		};
		d->slice.first[n] = first_with_node(d, slots, n);
		s->n_endpoints++;
	}
}

/*
 * The Service of a slice without the label: that which owns it. Cilium 1.19 writes no label, and lets
 * the Gateway or the Ingress own both the slice and the Service, which then have one name
 * (cilium#45209).
 */
static const char *owning_service(const struct kvip_draft *d, struct json_object *json)
{
	const char *service = kvip_draft_owner(json, "", "Service");

	if (service)
		return service;
	if (kvip_draft_owner(json, GATEWAY_GROUP, "Gateway") ||
	    kvip_draft_owner(json, "networking.k8s.io", "Ingress"))
		return d->obj.meta.name;
	return NULL;
}

void kvip_draft_slice(struct kvip_draft *d, struct json_object *json)
{
	struct kvip_slice *s = &d->obj.slice;
	const char *type = kvip_json_string(json, "addressType");
	const char *service = kvip_meta_label(&d->obj.meta, SERVICE_NAME_LABEL);

	if (!service || !*service) {
		service = owning_service(d, json);
		s->linked_by_owner = service != NULL;
	}
	s->service = service;
	if (is(type, "IPv4"))
		s->family = KVIP_IPV4;
	else if (is(type, "IPv6"))
		s->family = KVIP_IPV6;
	s->endpoints = d->slice.endpoints;
	draft_endpoints(d, kvip_json_array(json, "endpoints"));
}

/* The next address of a list separated by commas, and where the list goes on. */
static const char *next_addr(const char *text, struct kvip_addr *out)
{
	char one[KVIP_ADDR_STRLEN];
	size_t len;

	text += strspn(text, " ");
	len = strcspn(text, ", ");
	if (len >= sizeof(one))
		return NULL;
	memcpy(one, text, len);
	one[len] = '\0';
	text += len + strspn(text + len, " ");
	if ((*text && *text != ',') || kvip_addr_parse(one, out))
		return NULL;
	return *text ? text + 1 : text;
}

static bool has_annotation(const struct kvip_node *n, const char *key, const struct kvip_addr *a)
{
	uint32_t i;

	for (i = 0; i < n->n_annotations; i++)
		if (n->annotations[i].key == key && kvip_addr_equal(&n->annotations[i].addr, a))
			return true;
	return false;
}

/* Is all of @text addresses? Then they are annotation @key, one entry each. */
static void add_annotation(void *ctx, const char *key, const char *text)
{
	struct kvip_draft *d = ctx;
	struct kvip_node *n = &d->obj.node;
	uint32_t before = n->n_annotations;
	struct kvip_addr a;

	if (!kvip_draft_text_ok(key))
		return;
	while (*text) {
		text = next_addr(text, &a);
		if (!text) {
			n->n_annotations = before;
			return;
		}
		if (has_annotation(n, key, &a))
			continue;
		if (n->n_annotations == KVIP_MAX_ADDRS) {
			d->obj.n_dropped++;
			return;
		}
		n->annotations[n->n_annotations++] = (struct kvip_node_annotation){ .key = key,
										    .addr = a };
	}
}

static void draft_node_addrs(struct kvip_draft *d, struct json_object *status)
{
	struct json_object *list = kvip_json_array(status, "addresses");
	struct kvip_node *n = &d->obj.node;
	size_t i;

	d->node.internal.n = d->node.external.n = 0;
	for (i = 0; i < kvip_json_len(list); i++) {
		struct json_object *entry = kvip_json_object_at(list, i);
		const char *type = kvip_json_string(entry, "type");
		const char *address = kvip_json_string(entry, "address");

		if (is(type, "InternalIP"))
			kvip_draft_addr(d, &d->node.internal, address);
		else if (is(type, "ExternalIP"))
			kvip_draft_addr(d, &d->node.external, address);
	}
	n->internal = d->node.internal.a;
	n->n_internal = d->node.internal.n;
	n->external = d->node.external.a;
	n->n_external = d->node.external.n;
}

static void draft_conditions(struct kvip_node *n, struct json_object *status)
{
	struct json_object *list = kvip_json_array(status, "conditions");
	size_t i;

	for (i = 0; i < kvip_json_len(list); i++) {
		struct json_object *entry = kvip_json_object_at(list, i);
		const char *type = kvip_json_string(entry, "type");
		const char *value = kvip_json_string(entry, "status");

		if (is(type, "NetworkUnavailable"))
			n->network_unavailable = is(value, "True");
		else if (is(type, "Ready") && is(value, "True"))
			n->ready = KVIP_READY_TRUE;
		else if (is(type, "Ready") && is(value, "False"))
			n->ready = KVIP_READY_FALSE;
	}
}

static bool has_taint(struct json_object *spec, const char *key)
{
	struct json_object *list = kvip_json_array(spec, "taints");
	size_t i;

	for (i = 0; i < kvip_json_len(list); i++)
		if (is(kvip_json_string(kvip_json_object_at(list, i), "key"), key))
			return true;
	return false;
}

void kvip_draft_node(struct kvip_draft *d, struct json_object *json)
{
	struct json_object *spec = kvip_json_object(json, "spec");
	struct json_object *status = kvip_json_object(json, "status");
	struct json_object *meta = kvip_json_object(json, "metadata");
	struct kvip_node *n = &d->obj.node;

	n->unschedulable = kvip_json_bool(spec, "unschedulable", false);
	n->being_removed = has_taint(spec, autoscaler_taint);
	draft_conditions(n, status);
	draft_node_addrs(d, status);
	n->annotations = d->node.annotations;
	kvip_json_each_string(kvip_json_object(meta, "annotations"), add_annotation, d);
}
