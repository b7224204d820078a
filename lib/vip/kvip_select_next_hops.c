// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: from endpoints and nodes to next hops: features F6, F7, F8, F11's count, rules R2, R3.
 *
 * Job: the set of next hops of one Service for one address family. Thread: T1; changes nothing but
 * the scratch memory of struct kvip_nodes.
 *
 * Endpoints count for the family of their slice: kube-proxy sends an IPv6 VIP to IPv6 endpoints
 * only. The marker of an L7 proxy (192.192.192.192 on a Service without selector) counts for both:
 * Cilium writes that IPv4 dummy for dual-stack Gateways too.
 *
 * With the kubelets cut off from the API, nodes are kept (kvip_select_kept.c) and the node
 * controller says of all their pods that they are not ready. What was usable until then still
 * counts if nothing else does: the claim is held, through nodes it already had. It yields to
 * another cluster's claim that has endpoints (kvip_table_order.c). What had no endpoint before the
 * silence gets none from it.
 *
 * Which policy speaks is a matter of the address: kube-proxy applies internalTrafficPolicy to
 * whatever comes to a cluster IP, from a pod or from a router, and externalTrafficPolicy to the
 * other addresses. A node without endpoint drops what comes to a cluster IP under Local.
 *
 * Sources: Kubernetes v1.36 EndpointSlice conditions; KEP-1669 (terminating endpoints); KEP-2086
 * and pkg/proxy/iptables/proxier.go, internalPolicyChain (so does Cilium 1.16, issue 31389).
 */
#include "vip/kvip_select.h"

#include <errno.h>
#include <string.h>

bool kvip_select_local(const struct kvip_service *s, enum kvip_source source)
{
	return source == KVIP_SOURCE_CLUSTER ? s->internal_local : s->local;
}

struct tally {
	uint32_t total, ready, usable;
	uint32_t usable_nodeless; /* of the usable ones: name no node and are no marker */
	bool marker;              /* a usable marker */
	bool by_owner;            /* a slice was linked by its owner */
};

/* The marker of rules R3, exactly: nothing else without a node counts as being on every node. */
static bool is_marker(const struct kvip_obj *service, const struct kvip_endpoint *ep)
{
	return (ep->flags & KVIP_EP_MARKER) && !ep->node && !service->service.has_selector;
}

static bool counts_for(const struct kvip_obj *service, const struct kvip_slice *l,
		       const struct kvip_endpoint *ep, uint8_t family)
{
	return l->family == family || is_marker(service, ep);
}

static bool is_usable(enum kvip_endpoint_rule rule, uint8_t flags, bool any_ready)
{
	switch (rule) {
	case KVIP_EP_ONLY_READY:
		return flags & KVIP_EP_READY;
	case KVIP_EP_READY_OR_SERVING:
		return flags & (KVIP_EP_READY | KVIP_EP_SERVING);
	case KVIP_EP_READY_ELSE_SERVING:
		break;
	}
	if (any_ready)
		return flags & KVIP_EP_READY;
	return (flags & KVIP_EP_SERVING) && (flags & KVIP_EP_TERMINATING);
}

/* One run over the endpoints that count for @family. */
typedef void endpoint_fn(void *ctx, const struct kvip_obj *service, const struct kvip_endpoint *ep);

static void each_endpoint(const struct kvip_service_entry *s, uint8_t family, endpoint_fn *fn,
			  void *ctx)
{
	const struct kvip_obj *service = s->o.e.obj;
	const struct kvip_slice_entry *l;

	LIST_FOREACH(l, &s->slices, of_service) {
		const struct kvip_slice *slice = &l->e.obj->slice;

		for (uint32_t i = 0; i < slice->n_endpoints; i++)
			if (counts_for(service, slice, &slice->endpoints[i], family))
				fn(ctx, service, &slice->endpoints[i]);
	}
}

static void count_ready(void *ctx, const struct kvip_obj *service, const struct kvip_endpoint *ep)
{
	struct tally *t = ctx;

	(void)service;
	t->total++;
	t->ready += (ep->flags & KVIP_EP_READY) != 0;
}

/* The second run: who is usable, and where. */
struct picking {
	struct tally tally;
	enum kvip_endpoint_rule rule;
	bool local;
	const struct kvip_nodes *nodes;
	const struct kvip_nodeset *set;
	uint8_t family;
	const struct kvip_nhset *last; /* next hops before the silence, or NULL */
	bool held;                     /* a silent node has an endpoint that was usable */
};

static const struct kvip_addr *member_address(const struct kvip_member *m, uint8_t family)
{
	return family == KVIP_IPV4 ? &m->v4 : &m->v6;
}

static void pick_node(const struct picking *p, const struct kvip_member *m)
{
	size_t i = (size_t)(m - p->set->v);

	p->nodes->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static void pick(void *ctx, const struct kvip_obj *service, const struct kvip_endpoint *ep)
{
	struct picking *p = ctx;
	const struct kvip_member *m;

	if (!is_usable(p->rule, ep->flags, p->tally.ready > 0))
		return;
	p->tally.usable++;
	if (is_marker(service, ep)) {
		p->tally.marker = true;
		return;
	}
	if (!ep->node) {
		p->tally.usable_nodeless++;
		return;
	}
	if (!p->local)
		return;
	m = kvip_nodeset_find(p->set, ep->node);
	if (m && kvip_member_eligible(m))
		pick_node(p, m);
}

/* The third run, if nobody is usable: who was, on a node that is silent. A pod that is being
 * deleted is not: somebody decided that. */
static void pick_silent(void *ctx, const struct kvip_obj *service, const struct kvip_endpoint *ep)
{
	struct picking *p = ctx;
	const struct kvip_member *m;

	(void)service;
	if (!ep->node || (ep->flags & KVIP_EP_TERMINATING))
		return;
	m = kvip_nodeset_find(p->set, ep->node);
	if (!m || !m->silent || !kvip_member_eligible(m))
		return;
	if (p->local && !kvip_nhset_has(p->last, member_address(m, p->family)))
		return;
	p->held = true;
	if (p->local)
		pick_node(p, m);
}

static bool linked_by_owner(const struct kvip_service_entry *s)
{
	const struct kvip_slice_entry *l;

	LIST_FOREACH(l, &s->slices, of_service)
		if (l->e.obj->slice.linked_by_owner)
			return true;
	return false;
}

static enum kvip_reason no_address(uint8_t family)
{
	return family == KVIP_IPV4 ? KVIP_REASON_NODE_NO_IPV4 : KVIP_REASON_NODE_NO_IPV6;
}

/* All eligible nodes. */
static void take_all(const struct kvip_nodeset *set, uint8_t family, struct kvip_selected *out)
{
	const struct kvip_nhset *all = family == KVIP_IPV4 ? set->all4 : set->all6;

	if (set->n_eligible == 0) {
		out->reason = KVIP_REASON_NO_NODE;
	} else if (all->n == 0) {
		out->reason = (uint8_t)no_address(family);
	} else {
		out->reason = KVIP_REASON_SELECTED;
		out->nhs = kvip_nhset_ref(all);
	}
	if (set->kept && out->reason == KVIP_REASON_SELECTED)
		out->warning = KVIP_REASON_NODE_KEPT;
}

static enum kvip_reason why_no_local(const struct picking *p, size_t n_nodes, uint8_t family)
{
	if (p->tally.usable == 0 && !p->held)
		return KVIP_REASON_NO_ENDPOINTS;
	if (p->set->n_eligible == 0)
		return KVIP_REASON_NO_NODE;
	if (n_nodes)
		return no_address(family);
	if (p->tally.usable == p->tally.usable_nodeless)
		return KVIP_REASON_ENDPOINT_WITHOUT_NODE;
	return KVIP_REASON_NO_LOCAL_NODE;
}

static void clear_bits(const struct picking *p)
{
	if (p->local)
		memset(p->nodes->bits, 0, (p->set->n / 64 + 1) * sizeof(p->nodes->bits[0]));
}

/* The nodes whose bit is set; clears the bits. */
static int take_picked(const struct picking *p, struct kvip_nhsets *nhsets, uint8_t family,
		       struct kvip_selected *out)
{
	size_t n = 0, n_nodes = 0;
	bool kept = false;

	for (size_t i = 0; i < p->set->n; i++) {
		const struct kvip_member *m = &p->set->v[i];
		const struct kvip_addr *a = member_address(m, family);

		if (!(p->nodes->bits[i / 64] >> (i % 64) & 1))
			continue;
		n_nodes++;
		if (a->family)
			p->nodes->picked[n++] = *a;
		kept |= m->reason == KVIP_REASON_NODE_KEPT;
	}
	clear_bits(p);
	if (n == 0) {
		out->reason = (uint8_t)why_no_local(p, n_nodes, family);
		return 0;
	}
	out->nhs = kvip_nhset_get(nhsets, p->nodes->picked, n);
	if (!out->nhs)
		return -ENOMEM;
	out->reason = KVIP_REASON_SELECTED;
	if (kept)
		out->warning = KVIP_REASON_NODE_KEPT;
	return 0;
}

static int choose(const struct picking *p, struct kvip_nhsets *nhsets, bool allow_no_endpoints,
		  struct kvip_selected *out)
{
	int rc = 0;

	if (p->local && !p->tally.marker) {
		rc = take_picked(p, nhsets, p->family, out);
	} else {
		if (p->tally.usable == 0 && !p->held && !allow_no_endpoints)
			out->reason = KVIP_REASON_NO_ENDPOINTS;
		else
			take_all(p->set, p->family, out);
		clear_bits(p);
	}
	if (!rc && p->held && out->reason == KVIP_REASON_SELECTED) {
		out->held = true;
		out->warning = KVIP_REASON_ENDPOINTS_KEPT;
	}
	return rc;
}

static int service_next_hops(const struct kvip_select *s, const struct kvip_service_entry *svc,
			     size_t block, const struct kvip_wanted *w,
			     const struct kvip_nhset *last, struct kvip_selected *out)
{
	const struct kvip_service *service = &svc->o.e.obj->service;
	const struct kvip_adv_conf *adv = s->cluster->advs[block];
	const uint8_t family = w->addr.family;
	struct picking p = { .rule = adv->endpoint_rule,
			     .local = kvip_select_local(service, (enum kvip_source)w->source),
			     .nodes = s->nodes,
			     .set = s->nodes->sets[block],
			     .family = family,
			     .last = last };

	each_endpoint(svc, family, count_ready, &p.tally);
	each_endpoint(svc, family, pick, &p);
	if (p.tally.usable == 0 && last && (p.local || !adv->allow_no_endpoints))
		each_endpoint(svc, family, pick_silent, &p);
	out->total = p.tally.total;
	out->usable = p.tally.usable;
	if (linked_by_owner(svc))
		out->warning = KVIP_REASON_SLICE_BY_OWNER;
	return choose(&p, s->nhsets, adv->allow_no_endpoints, out);
}

int kvip_select_next_hops(const struct kvip_select *s, const struct kvip_owner *o, size_t block,
			  const struct kvip_wanted *w, const struct kvip_nhset *last,
			  struct kvip_selected *out)
{
	if (o->e.kind == KVIP_KIND_SERVICE)
		return service_next_hops(s, (const struct kvip_service_entry *)o, block, w, last,
					 out);
	/* A Gateway without a Service says nothing of endpoints: every node carries it. */
	take_all(s->nodes->sets[block], w->addr.family, out);
	return 0;
}
