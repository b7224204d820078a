// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: Kubernetes objects as values: the table of kinds, comparison, labels.
 *
 * Job: what needs no JSON. Thread: any; objects never change once they exist.
 *
 * Sources: see kvip_obj.h.
 */
#include "kvip_obj_priv.h"

#include <string.h>

const struct kvip_kind_info kvip_kinds[KVIP_KIND_MAX] = {
#define KVIP_KIND(id, plural_, path_, older_, kind_, mandatory_, cilium_)                          \
	[KVIP_KIND_##id] = { .plural = plural_,                                                    \
			     .path = path_,                                                        \
			     .older = older_,                                                      \
			     .kind = kind_,                                                        \
			     .mandatory = mandatory_,                                              \
			     .cilium = cilium_ },
#include "kube/tbl/kvip_kind.def"
#undef KVIP_KIND
};

enum kvip_kind kvip_kind_find(const char *kind_name)
{
	int i;

	for (i = 0; i < KVIP_KIND_MAX; i++)
		if (!strcmp(kvip_kinds[i].kind, kind_name))
			break;
	return (enum kvip_kind)i;
}

void kvip_obj_free(struct kvip_obj *o)
{
	kvip_free(o);
}

const char *kvip_meta_label(const struct kvip_meta *m, const char *key)
{
	uint32_t lo = 0, hi = m->n_labels;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int cmp = strcmp(m->labels[mid].key, key);

		if (!cmp)
			return m->labels[mid].value;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool kvip_obj_same_string(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_addrs(const struct kvip_addr *a, uint32_t n, const struct kvip_addr *b,
		       uint32_t n_b)
{
	uint32_t i;

	if (n != n_b)
		return false;
	for (i = 0; i < n; i++)
		if (!kvip_addr_equal(&a[i], &b[i]))
			return false;
	return true;
}

static bool same_meta(const struct kvip_meta *a, const struct kvip_meta *b)
{
	uint32_t i;

	if (strcmp(a->name, b->name) || strcmp(a->ns, b->ns) || strcmp(a->uid, b->uid) ||
	    a->created_s != b->created_s || a->deleting != b->deleting ||
	    a->n_labels != b->n_labels)
		return false;
	for (i = 0; i < a->n_labels; i++)
		if (strcmp(a->labels[i].key, b->labels[i].key) ||
		    strcmp(a->labels[i].value, b->labels[i].value))
			return false;
	return true;
}

static bool same_service(const struct kvip_service *a, const struct kvip_service *b)
{
	uint32_t i;

	if (a->load_balancer != b->load_balancer || a->local != b->local ||
	    a->internal_local != b->internal_local || a->has_selector != b->has_selector ||
	    a->hostname_ingress != b->hostname_ingress ||
	    a->health_check_port != b->health_check_port || a->n_ingress != b->n_ingress ||
	    !kvip_obj_same_string(a->lb_class, b->lb_class) ||
	    !kvip_obj_same_string(a->gateway, b->gateway))
		return false;
	for (i = 0; i < a->n_ingress; i++)
		if (a->ingress[i].proxy != b->ingress[i].proxy ||
		    !kvip_addr_equal(&a->ingress[i].addr, &b->ingress[i].addr))
			return false;
	return same_addrs(a->external_ips, a->n_external_ips, b->external_ips, b->n_external_ips) &&
	       same_addrs(a->cluster_ips, a->n_cluster_ips, b->cluster_ips, b->n_cluster_ips);
}

static bool same_slice(const struct kvip_slice *a, const struct kvip_slice *b)
{
	uint32_t i;

	if (a->linked_by_owner != b->linked_by_owner || a->family != b->family ||
	    a->n_endpoints != b->n_endpoints || !kvip_obj_same_string(a->service, b->service))
		return false;
	for (i = 0; i < a->n_endpoints; i++)
		if (a->endpoints[i].flags != b->endpoints[i].flags ||
		    !kvip_obj_same_string(a->endpoints[i].node, b->endpoints[i].node))
			return false;
	return true;
}

static bool same_node(const struct kvip_node *a, const struct kvip_node *b)
{
	uint32_t i;

	if (a->ready != b->ready || a->network_unavailable != b->network_unavailable ||
	    a->unschedulable != b->unschedulable || a->being_removed != b->being_removed ||
	    a->n_annotations != b->n_annotations)
		return false;
	for (i = 0; i < a->n_annotations; i++)
		if (strcmp(a->annotations[i].key, b->annotations[i].key) ||
		    !kvip_addr_equal(&a->annotations[i].addr, &b->annotations[i].addr))
			return false;
	return same_addrs(a->internal, a->n_internal, b->internal, b->n_internal) &&
	       same_addrs(a->external, a->n_external, b->external, b->n_external);
}

static bool same_gateway(const struct kvip_gateway *a, const struct kvip_gateway *b)
{
	return a->hostname_address == b->hostname_address &&
	       kvip_obj_same_string(a->class_name, b->class_name) &&
	       same_addrs(a->addresses, a->n_addresses, b->addresses, b->n_addresses);
}

bool kvip_obj_equal(const struct kvip_obj *a, const struct kvip_obj *b)
{
	if (a->kind != b->kind || !same_meta(&a->meta, &b->meta))
		return false;
	switch (a->kind) {
	case KVIP_KIND_SERVICE:
		return same_service(&a->service, &b->service);
	case KVIP_KIND_SLICE:
		return same_slice(&a->slice, &b->slice);
	case KVIP_KIND_NODE:
		return same_node(&a->node, &b->node);
	case KVIP_KIND_GATEWAY:
		return same_gateway(&a->gateway, &b->gateway);
	case KVIP_KIND_ADVERTISEMENT:
	case KVIP_KIND_CLUSTER_CONFIG:
	case KVIP_KIND_PEER_CONFIG:
	case KVIP_KIND_NODE_OVERRIDE:
	case KVIP_KIND_IP_POOL:
		return kvip_obj_cilium_equal(a, b);
	case KVIP_KIND_MAX:
		break;
	}
	return false;
}
