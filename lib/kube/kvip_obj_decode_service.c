// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: JSON to Service and Gateway: what holds virtual addresses.
 *
 * Job: fill the draft. Thread: any.
 *
 * Sources: Kubernetes API reference v1.36, core/v1 ServiceSpec, LoadBalancerIngress (KEP-1860
 * ipMode); Gateway API v1.5, GatewayStatusAddress (type defaults to IPAddress) and GEP-1762 (the
 * label gateway.networking.k8s.io/gateway-name on generated objects).
 */
#include "kvip_obj_priv.h"

#include <string.h>

#define GATEWAY_NAME_LABEL "gateway.networking.k8s.io/gateway-name"

static bool is(const char *s, const char *what)
{
	return s && !strcmp(s, what);
}

static bool has_ingress(const struct kvip_service *s, const struct kvip_addr *a)
{
	uint32_t i;

	for (i = 0; i < s->n_ingress; i++)
		if (kvip_addr_equal(&s->ingress[i].addr, a))
			return true;
	return false;
}

static void draft_ingress(struct kvip_draft *d, struct json_object *entry)
{
	struct kvip_service *s = &d->obj.service;
	const char *ip = kvip_json_string(entry, "ip");
	const char *hostname = kvip_json_string(entry, "hostname");
	struct kvip_addr a;

	if (!ip || !*ip) {
		if (hostname && *hostname)
			s->hostname_ingress = true;
		return;
	}
	if (kvip_addr_parse(ip, &a) || has_ingress(s, &a))
		return;
	if (s->n_ingress == KVIP_MAX_ADDRS) {
		d->obj.n_dropped++;
		return;
	}
	s->ingress[s->n_ingress++] = (struct kvip_ingress){
		.addr = a,
		.proxy = is(kvip_json_string(entry, "ipMode"), "Proxy"),
	};
}

static void draft_status(struct kvip_draft *d, struct json_object *json)
{
	struct json_object *lb, *list;
	size_t i;

	lb = kvip_json_object(kvip_json_object(json, "status"), "loadBalancer");
	list = kvip_json_array(lb, "ingress");
	d->obj.service.ingress = d->service.ingress;
	for (i = 0; i < kvip_json_len(list); i++)
		draft_ingress(d, kvip_json_object_at(list, i));
}

/* spec.clusterIPs, or before dual stack spec.clusterIP; "None" does not parse and so is left
 * out. */
static void draft_cluster_ips(struct kvip_draft *d, struct json_object *spec)
{
	struct kvip_draft_addrs *to = &d->service.cluster_ips;

	to->n = 0;
	kvip_draft_addr_array(d, to, kvip_json_array(spec, "clusterIPs"));
	if (!to->n)
		kvip_draft_addr(d, to, kvip_json_string(spec, "clusterIP"));
	d->obj.service.cluster_ips = to->a;
	d->obj.service.n_cluster_ips = to->n;
}

static const char *gateway_of(struct kvip_draft *d, struct json_object *json)
{
	const char *name = kvip_draft_owner(json, GATEWAY_GROUP, "Gateway");

	if (!name)
		name = kvip_meta_label(&d->obj.meta, GATEWAY_NAME_LABEL);
	return name && *name ? name : NULL;
}

static uint16_t port_of(struct json_object *spec)
{
	int64_t port = kvip_json_int(spec, "healthCheckNodePort", 0);

	return port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

void kvip_draft_service(struct kvip_draft *d, struct json_object *json)
{
	struct json_object *spec = kvip_json_object(json, "spec");
	struct kvip_service *s = &d->obj.service;
	const char *lb_class = kvip_json_string(spec, "loadBalancerClass");

	s->load_balancer = is(kvip_json_string(spec, "type"), "LoadBalancer");
	s->local = is(kvip_json_string(spec, "externalTrafficPolicy"), "Local");
	s->internal_local = is(kvip_json_string(spec, "internalTrafficPolicy"), "Local");
	s->has_selector = kvip_json_members(kvip_json_object(spec, "selector")) > 0;
	s->health_check_port = port_of(spec);
	if (lb_class && *lb_class && kvip_draft_text_ok(lb_class))
		s->lb_class = lb_class;
	s->gateway = gateway_of(d, json);
	draft_status(d, json);
	d->service.external_ips.n = 0;
	kvip_draft_addr_array(d, &d->service.external_ips, kvip_json_array(spec, "externalIPs"));
	s->external_ips = d->service.external_ips.a;
	s->n_external_ips = d->service.external_ips.n;
	draft_cluster_ips(d, spec);
}

void kvip_draft_gateway(struct kvip_draft *d, struct json_object *json)
{
	struct json_object *list = kvip_json_array(kvip_json_object(json, "status"), "addresses");
	struct kvip_gateway *g = &d->obj.gateway;
	size_t i;

	g->class_name = kvip_json_string(kvip_json_object(json, "spec"), "gatewayClassName");
	if (g->class_name && !kvip_draft_text_ok(g->class_name))
		g->class_name = NULL;
	d->gateway.n = 0;
	for (i = 0; i < kvip_json_len(list); i++) {
		struct json_object *entry = kvip_json_object_at(list, i);
		const char *type = kvip_json_string(entry, "type");

		if (!type || !strcmp(type, "IPAddress"))
			kvip_draft_addr(d, &d->gateway, kvip_json_string(entry, "value"));
		else if (!strcmp(type, "Hostname"))
			g->hostname_address = true;
	}
	g->addresses = d->gateway.a;
	g->n_addresses = d->gateway.n;
}
