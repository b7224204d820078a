// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: from a draft to one allocation.
 *
 * Job: the same walk over an object runs twice, first to measure (nothing moves), then to copy into
 * the block of that size, so the two can never disagree. Thread: any.
 *
 * Order in the block: the object, arrays with pointers, arrays of bytes, strings; so everything is
 * aligned without padding arithmetic.
 */
#include "kvip_obj_priv.h"

#include <string.h>

void *kvip_pack(struct kvip_packer *p, const void *src, size_t n_bytes)
{
	void *to = (void *)src;

	if (p->base) {
		to = p->base + p->used;
		if (n_bytes)
			memcpy(to, src, n_bytes);
	}
	p->used += n_bytes;
	return to;
}

const char *kvip_pack_string(struct kvip_packer *p, const char *s)
{
	return s ? kvip_pack(p, s, strlen(s) + 1) : NULL;
}

static void pack_pointer_arrays(struct kvip_packer *p, struct kvip_obj *o)
{
	struct kvip_slice *s = &o->slice;
	struct kvip_node *n = &o->node;

	o->meta.labels = kvip_pack(p, o->meta.labels, o->meta.n_labels * sizeof(*o->meta.labels));
	if (o->kind == KVIP_KIND_SLICE)
		s->endpoints = kvip_pack(p, s->endpoints, s->n_endpoints * sizeof(*s->endpoints));
	else if (o->kind == KVIP_KIND_NODE)
		n->annotations = kvip_pack(p, n->annotations,
					   n->n_annotations * sizeof(*n->annotations));
	else
		kvip_pack_cilium_arrays(p, o);
}

static struct kvip_addr *pack_addrs(struct kvip_packer *p, struct kvip_addr *a, uint32_t n)
{
	return kvip_pack(p, a, n * sizeof(*a));
}

static void pack_byte_arrays(struct kvip_packer *p, struct kvip_obj *o)
{
	struct kvip_service *s = &o->service;
	struct kvip_node *n = &o->node;

	switch (o->kind) {
	case KVIP_KIND_SERVICE:
		s->ingress = kvip_pack(p, s->ingress, s->n_ingress * sizeof(*s->ingress));
		s->external_ips = pack_addrs(p, s->external_ips, s->n_external_ips);
		s->cluster_ips = pack_addrs(p, s->cluster_ips, s->n_cluster_ips);
		break;
	case KVIP_KIND_NODE:
		n->internal = pack_addrs(p, n->internal, n->n_internal);
		n->external = pack_addrs(p, n->external, n->n_external);
		break;
	case KVIP_KIND_GATEWAY:
		o->gateway.addresses = pack_addrs(p, o->gateway.addresses, o->gateway.n_addresses);
		break;
	case KVIP_KIND_SLICE:
		break;
	default:
		kvip_pack_cilium_bytes(p, o);
		break;
	}
}

/* Equal node names in one slice share their storage. */
static void pack_nodes(struct kvip_packer *p, struct kvip_slice *s)
{
	uint32_t i;

	for (i = 0; i < s->n_endpoints; i++) {
		uint16_t first = p->first_with_node[i];

		if (first == i)
			s->endpoints[i].node = kvip_pack_string(p, s->endpoints[i].node);
		else
			s->endpoints[i].node = s->endpoints[first].node;
	}
}

static void pack_kind_strings(struct kvip_packer *p, struct kvip_obj *o)
{
	uint32_t i;

	switch (o->kind) {
	case KVIP_KIND_SERVICE:
		o->service.lb_class = kvip_pack_string(p, o->service.lb_class);
		o->service.gateway = kvip_pack_string(p, o->service.gateway);
		break;
	case KVIP_KIND_SLICE:
		o->slice.service = kvip_pack_string(p, o->slice.service);
		pack_nodes(p, &o->slice);
		break;
	case KVIP_KIND_NODE:
		for (i = 0; i < o->node.n_annotations; i++)
			o->node.annotations[i].key = kvip_pack_string(p,
								      o->node.annotations[i].key);
		break;
	case KVIP_KIND_GATEWAY:
		o->gateway.class_name = kvip_pack_string(p, o->gateway.class_name);
		break;
	default:
		kvip_pack_cilium_strings(p, o);
		break;
	}
}

static struct kvip_obj *pack_object(struct kvip_packer *p, struct kvip_obj *draft)
{
	struct kvip_obj *o = kvip_pack(p, draft, sizeof(*draft));
	struct kvip_meta *m = &o->meta;
	uint32_t i;

	pack_pointer_arrays(p, o);
	pack_byte_arrays(p, o);
	m->ns = kvip_pack_string(p, m->ns);
	m->name = kvip_pack_string(p, m->name);
	m->uid = kvip_pack_string(p, m->uid);
	for (i = 0; i < m->n_labels; i++) {
		m->labels[i].key = kvip_pack_string(p, m->labels[i].key);
		m->labels[i].value = kvip_pack_string(p, m->labels[i].value);
	}
	pack_kind_strings(p, o);
	return o;
}

struct kvip_obj *kvip_obj_pack(struct kvip_draft *draft)
{
	struct kvip_packer p = { 0 };

	if (draft->obj.kind == KVIP_KIND_SLICE)
		p.first_with_node = draft->slice.first;
	pack_object(&p, &draft->obj);
	p.base = kvip_malloc(p.used);
	if (!p.base)
		return NULL;
	p.used = 0;
	return pack_object(&p, &draft->obj);
}
