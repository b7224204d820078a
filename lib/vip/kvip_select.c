// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: selection of one claim: features F1 to F5, F14, rules R3.
 *
 * Job: the addresses that an owner names, the advertise block that takes them, and the answer for
 * each. Thread: T1, or T0 under the engine's lock for what is only shown. Pure.
 *
 * The labels of the Gateway that owns a Service select it as if they were its own (F4). They are
 * one set: a label of the Service stands above the Gateway's of the same key. So `a=b` is met by
 * either object, and `!a`, `a!=b` are broken by either: an exclusion on the Gateway is not undone
 * by its generated Service, which carries no such label.
 *
 * Sources: KEP-1860 (ipMode); Cilium's BGP control plane for the pseudo-labels
 * io.kubernetes.service.name and io.kubernetes.service.namespace.
 */
#include "vip/kvip_select.h"
#include "vip/kvip_cilium.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PSEUDO_NAME      "io.kubernetes.service.name"
#define PSEUDO_NAMESPACE "io.kubernetes.service.namespace"

const char *kvip_source_name(enum kvip_source s)
{
	static const char *const names[] = {
		[KVIP_SOURCE_LOADBALANCER] = "load-balancer",
		[KVIP_SOURCE_GATEWAY] = "gateway",
		[KVIP_SOURCE_EXTERNAL] = "external-ip",
		[KVIP_SOURCE_CLUSTER] = "cluster-ip",
	};

	return (unsigned int)s < sizeof(names) / sizeof(names[0]) ? names[s] : "?";
}

static unsigned int address_bit(enum kvip_source s)
{
	switch (s) {
	case KVIP_SOURCE_EXTERNAL:
		return KVIP_ADDRESS_EXTERNAL;
	case KVIP_SOURCE_CLUSTER:
		return KVIP_ADDRESS_CLUSTER;
	case KVIP_SOURCE_LOADBALANCER:
	case KVIP_SOURCE_GATEWAY:
		break;
	}
	return KVIP_ADDRESS_LOADBALANCER;
}

static size_t want(struct kvip_wanted *out, size_t n, const struct kvip_addr *v, uint32_t n_v,
		   enum kvip_source source)
{
	for (uint32_t i = 0; i < n_v && n < KVIP_MAX_WANTED; i++)
		out[n++] = (struct kvip_wanted){ .addr = v[i], .source = (uint8_t)source };
	return n;
}

static size_t service_wanted(const struct kvip_cluster_conf *conf, const struct kvip_service *s,
			     struct kvip_wanted *out)
{
	unsigned int kinds = 0;
	size_t n = 0;

	for (size_t i = 0; i < conf->n_advs; i++)
		kinds |= conf->advs[i]->addresses;
	for (uint32_t i = 0; s->load_balancer && i < s->n_ingress && n < KVIP_MAX_WANTED; i++) {
		out[n] = (struct kvip_wanted){ .addr = s->ingress[i].addr,
					       .source = KVIP_SOURCE_LOADBALANCER,
					       .proxy = s->ingress[i].proxy };
		n++;
	}
	if (kinds & KVIP_ADDRESS_EXTERNAL)
		n = want(out, n, s->external_ips, s->n_external_ips, KVIP_SOURCE_EXTERNAL);
	if (kinds & KVIP_ADDRESS_CLUSTER)
		n = want(out, n, s->cluster_ips, s->n_cluster_ips, KVIP_SOURCE_CLUSTER);
	return n;
}

bool kvip_select_has_service(const struct kvip_owner *gateway)
{
	const struct kvip_gateway_entry *g = (const struct kvip_gateway_entry *)gateway;
	const struct kvip_service_entry *s;

	LIST_FOREACH(s, &g->services, of_gateway)
		if (s->o.e.present)
			return true;
	return false;
}

size_t kvip_select_wanted(const struct kvip_cluster_conf *conf, const struct kvip_owner *o,
			  struct kvip_wanted *out)
{
	const struct kvip_obj *obj = kvip_entry_obj(&o->e);

	if (!obj)
		return 0;
	if (o->e.kind == KVIP_KIND_SERVICE)
		return service_wanted(conf, &obj->service, out);
	if (kvip_select_has_service(o))
		return 0;
	return want(out, 0, obj->gateway.addresses, obj->gateway.n_addresses, KVIP_SOURCE_GATEWAY);
}

static bool one_of(const struct kvip_strings *list, const char *s)
{
	for (size_t i = 0; i < list->n; i++)
		if (s && strcmp(list->v[i], s) == 0)
			return true;
	return list->n == 0;
}

/* The labels of @m and @pseudo above those of its Gateway: one set. Return: how many are in @above. */
static size_t merge_labels(const struct kvip_meta *m, const struct kvip_label pseudo[2],
			   struct kvip_label above[KVIP_MAX_LABELS + 2])
{
	uint32_t n = m->n_labels < KVIP_MAX_LABELS ? m->n_labels : KVIP_MAX_LABELS;

	above[0] = pseudo[0];
	above[1] = pseudo[1];
	if (n)
		memcpy(&above[2], m->labels, n * sizeof(above[0]));
	return n + 2;
}

static bool merged_match(const struct kvip_selector *sel, const struct kvip_meta *gw,
			 const struct kvip_meta *m, const struct kvip_label pseudo[2])
{
	struct kvip_label above[KVIP_MAX_LABELS + 2];
	size_t n = merge_labels(m, pseudo, above);

	return kvip_selector_matches(sel, gw, above, n);
}

static enum kvip_selected_by service_labels_match(const struct kvip_selector *sel,
						  const struct kvip_service_entry *s)
{
	const struct kvip_meta *m = &s->o.e.obj->meta;
	const struct kvip_label pseudo[2] = { { PSEUDO_NAME, m->name },
					      { PSEUDO_NAMESPACE, m->ns } };
	const struct kvip_obj *gw = s->gateway ? kvip_entry_obj(&s->gateway->o.e) : NULL;
	bool own = kvip_selector_matches(sel, m, pseudo, 2);

	if (gw && !merged_match(sel, &gw->meta, m, pseudo))
		return KVIP_BY_NONE;
	if (own)
		return KVIP_BY_SERVICE;
	return gw ? KVIP_BY_GATEWAY : KVIP_BY_NONE;
}

static enum kvip_selected_by labels_match(const struct kvip_selector *sel,
					  const struct kvip_owner *o)
{
	if (o->e.kind == KVIP_KIND_SERVICE)
		return service_labels_match(sel, (const struct kvip_service_entry *)o);
	return kvip_selector_matches(sel, &o->e.obj->meta, NULL, 0) ? KVIP_BY_GATEWAY
								    : KVIP_BY_NONE;
}

/* The Gateway that @o is, or that owns it, if it is there. */
static const struct kvip_obj *gateway_of(const struct kvip_owner *o)
{
	const struct kvip_gateway_entry *g;

	if (o->e.kind == KVIP_KIND_GATEWAY)
		return o->e.obj;
	g = ((const struct kvip_service_entry *)o)->gateway;
	return g ? kvip_entry_obj(&g->o.e) : NULL;
}

/* Cilium announces load balancers of its own class and of none. */
static bool cilium_takes_class(const struct kvip_owner *o, enum kvip_source source)
{
	const char *class = o->e.kind == KVIP_KIND_SERVICE ? o->e.obj->service.lb_class : NULL;

	return source != KVIP_SOURCE_LOADBALANCER || !class ||
	       strcmp(class, KVIP_CILIUM_CLASS) == 0;
}

/*
 * `loadbalancer-class` is met by the Service's spec.loadBalancerClass or by the gatewayClassName of
 * its Gateway: what a controller generates carries no class of its own, and who wrote the Gateway
 * has named one. The two do not meet by accident, a loadBalancerClass has a prefix ("io.cilium/...").
 */
static bool class_matches(const struct kvip_adv_conf *adv, const struct kvip_owner *o,
			  enum kvip_source source)
{
	const struct kvip_obj *gw = gateway_of(o);

	if (adv->from_cilium && adv->classes.n == 0)
		return cilium_takes_class(o, source);
	if (o->e.kind == KVIP_KIND_SERVICE && one_of(&adv->classes, o->e.obj->service.lb_class))
		return true;
	return one_of(&adv->classes, gw ? gw->gateway.class_name : NULL);
}

static bool labels_unmet(const struct kvip_selector *sel, const struct kvip_owner *o, char *buf,
			 size_t size)
{
	const struct kvip_meta *m = &o->e.obj->meta;
	const struct kvip_label pseudo[2] = { { PSEUDO_NAME, m->name },
					      { PSEUDO_NAMESPACE, m->ns } };
	struct kvip_label above[KVIP_MAX_LABELS + 2];
	const struct kvip_obj *gw = gateway_of(o);

	if (o->e.kind != KVIP_KIND_SERVICE)
		return kvip_selector_unmet(sel, m, NULL, 0, buf, size);
	if (!gw)
		return kvip_selector_unmet(sel, m, pseudo, 2, buf, size);
	return kvip_selector_unmet(sel, &gw->meta, above, merge_labels(m, pseudo, above), buf,
				   size);
}

const char *kvip_select_unmet(const struct kvip_cluster_conf *conf, size_t i,
			      const struct kvip_owner *o, enum kvip_source source, char *buf,
			      size_t size)
{
	const struct kvip_adv_conf *adv = conf->advs[i];

	if (!adv->service_selector) {
		snprintf(buf, size, "it has no service-selector, so it selects nothing");
		return "no-selector";
	}
	if (!(adv->addresses & address_bit(source))) {
		snprintf(buf, size, "it does not take addresses of this kind (%s)",
			 kvip_source_name(source));
		return "other-address-kind";
	}
	if (!one_of(&adv->namespaces, o->e.obj->meta.ns)) {
		snprintf(buf, size, "namespace %.63s is not one of its namespaces",
			 o->e.obj->meta.ns);
		return "other-namespace";
	}
	if (!class_matches(adv, o, source)) {
		snprintf(buf, size, "%s",
			 adv->from_cilium && adv->classes.n == 0
				 ? "its loadBalancerClass is another one than Cilium's"
				 : "neither Service nor Gateway is of one of its classes");
		return "other-class";
	}
	return labels_unmet(adv->service_selector, o, buf, size) ? "labels" : NULL;
}

int kvip_select_block(const struct kvip_cluster_conf *conf, const struct kvip_owner *o,
		      enum kvip_source source, enum kvip_selected_by *by)
{
	for (size_t i = 0; i < conf->n_advs; i++) {
		const struct kvip_adv_conf *adv = conf->advs[i];

		if (!adv->service_selector || !(adv->addresses & address_bit(source)))
			continue;
		if (!one_of(&adv->namespaces, o->e.obj->meta.ns) || !class_matches(adv, o, source))
			continue;
		*by = labels_match(adv->service_selector, o);
		if (*by != KVIP_BY_NONE)
			return (int)i;
	}
	*by = KVIP_BY_NONE;
	return -1;
}

bool kvip_reason_counts(enum kvip_reason r)
{
	switch (r) {
	case KVIP_REASON_SELECTED:
	case KVIP_REASON_NO_ENDPOINTS:
	case KVIP_REASON_ENDPOINT_WITHOUT_NODE:
	case KVIP_REASON_NO_LOCAL_NODE:
	case KVIP_REASON_NO_NODE:
	case KVIP_REASON_NODE_NO_IPV4:
	case KVIP_REASON_NODE_NO_IPV6:
		return true;
	default:
		return false;
	}
}

static enum kvip_reason why_not_selected(const struct kvip_select *s)
{
	if (s->cilium_unknown)
		return KVIP_REASON_CILIUM_UNKNOWN;
	if (s->cluster->n_advs == 0 && !s->cluster->from_cilium)
		return KVIP_REASON_NO_ADVERTISE;
	return KVIP_REASON_NOT_SELECTED;
}

/* Everything before endpoints and nodes. NONE, or PREFIX_LIST_HOLDS: it may be routed. */
static enum kvip_reason admit(const struct kvip_select *s, const struct kvip_owner *o,
			      const struct kvip_wanted *w, bool present, struct kvip_selected *res)
{
	enum kvip_selected_by by;
	enum kvip_reason r;

	if (w->proxy)
		return KVIP_REASON_IP_MODE_PROXY;
	r = kvip_select_address(s, o->e.obj->meta.ns, &w->addr);
	if (r != KVIP_REASON_NONE)
		return r;
	res->block = (int16_t)kvip_select_block(s->cluster, o, (enum kvip_source)w->source, &by);
	if (res->block < 0)
		return why_not_selected(s);
	res->by = (uint8_t)by;
	if (s->cluster->shutdown)
		return KVIP_REASON_CLUSTER_SHUTDOWN;
	if (s->api_lost)
		return KVIP_REASON_API_LOST;
	return kvip_select_plist(s, &w->addr, present);
}

int kvip_select_claim(const struct kvip_select *s, const struct kvip_owner *o,
		      const struct kvip_wanted *w, const struct kvip_before *before,
		      struct kvip_selected *out)
{
	struct kvip_selected res = { .block = -1 };
	enum kvip_reason r = admit(s, o, w, before->present, &res);
	int rc;

	if (r == KVIP_REASON_NONE || r == KVIP_REASON_PREFIX_LIST_HOLDS) {
		rc = kvip_select_next_hops(s, o, (size_t)res.block, w, before->nhs, &res);
		if (rc)
			return rc;
		if (r == KVIP_REASON_PREFIX_LIST_HOLDS)
			res.warning = (uint8_t)r;
	} else {
		res.reason = (uint8_t)r;
	}
	*out = res;
	return 0;
}
