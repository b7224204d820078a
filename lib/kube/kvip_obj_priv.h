/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoding in two steps: a draft of bounded arrays on the stack that borrows every string from the
 * JSON tree, then one allocation that takes it all. Private to kvip_obj_*.c and kvip_watch_event.c.
 */
#pragma once

#include "base/kvip_limits.h"
#include "kube/kvip_json.h"
#include "kube/kvip_obj.h"

#define GATEWAY_GROUP "gateway.networking.k8s.io"

/* Addresses without duplicates, in the order given. */
struct kvip_draft_addrs {
	uint32_t n;
	struct kvip_addr a[KVIP_MAX_ADDRS];
};

/* Texts that are put together here rather than borrowed from the JSON tree: selectors, communities.
 */
struct kvip_draft_texts {
	char at[KVIP_MAX_DRAFT_TEXT];
	size_t used, begun; /* the text under way is from @begun to @used */
	bool full;          /* the text under way did not fit */
};

struct kvip_draft {
	struct kvip_obj obj; /* its arrays are those below */
	struct kvip_label labels[KVIP_MAX_LABELS];
	union {
		struct {
			struct kvip_ingress ingress[KVIP_MAX_ADDRS];
			struct kvip_draft_addrs external_ips, cluster_ips;
		} service;
		struct {
			struct kvip_endpoint endpoints[KVIP_MAX_ENDPOINTS];
			uint16_t first[KVIP_MAX_ENDPOINTS]; /* index of the first of that node */
		} slice;
		struct {
			struct kvip_draft_addrs internal, external;
			struct kvip_node_annotation annotations[KVIP_MAX_ADDRS];
		} node;
		struct kvip_draft_addrs gateway;
		struct {
			struct kvip_draft_texts texts;
			union {
				struct kvip_cilium_advert adverts[KVIP_MAX_CILIUM_ITEMS];
				struct kvip_cilium_peer peers[KVIP_MAX_CILIUM_ITEMS];
				struct kvip_cilium_family families[KVIP_MAX_CILIUM_ITEMS];
				struct kvip_cilium_block blocks[KVIP_MAX_CILIUM_ITEMS];
			};
			const char *instances[KVIP_MAX_CILIUM_ITEMS];
		} cilium;
	};
};

/** kvip_obj_decode_json - as kvip_obj_decode(), of a value already parsed. 0, -EINVAL, -ENOMEM. */
int kvip_obj_decode_json(enum kvip_kind kind, struct json_object *json, struct kvip_obj **out,
			 struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_obj_name_ok - may @s be the name of an object or of a label? Printable ASCII, no '/'. */
bool kvip_obj_name_ok(const char *s);
/** kvip_obj_pack - one allocation with all that @draft holds; NULL without memory. */
struct kvip_obj *kvip_obj_pack(struct kvip_draft *draft) KVIP_USE_RESULT;

/* One per kind: fill the draft's part; what is not understood is left out. */
void kvip_draft_service(struct kvip_draft *d, struct json_object *json);
void kvip_draft_slice(struct kvip_draft *d, struct json_object *json);
void kvip_draft_node(struct kvip_draft *d, struct json_object *json);
void kvip_draft_gateway(struct kvip_draft *d, struct json_object *json);
/** kvip_draft_cilium - the five kinds of cilium.io. */
void kvip_draft_cilium(struct kvip_draft *d, struct json_object *json);
/** kvip_draft_owner - name of the first ownerReference of this kind and API group, or NULL. */
const char *kvip_draft_owner(struct json_object *json, const char *group, const char *kind);

/* Comparing and packing Cilium's (kvip_obj_cilium.c). */
bool kvip_obj_cilium_equal(const struct kvip_obj *a, const struct kvip_obj *b);
/** kvip_obj_same_string - equal, or both NULL. */
bool kvip_obj_same_string(const char *a, const char *b);
/* One walk over an object: with @base NULL it measures and moves nothing (kvip_obj_pack.c). */
struct kvip_packer {
	char *base;
	size_t used;
	const uint16_t *first_with_node;
};
/** kvip_pack - @n_bytes from @src to the next place; returns where they are. */
void *kvip_pack(struct kvip_packer *p, const void *src, size_t n_bytes);
/** kvip_pack_string - takes NULL. */
const char *kvip_pack_string(struct kvip_packer *p, const char *s);
/* In this order: arrays with pointers, arrays of bytes, strings. */
void kvip_pack_cilium_arrays(struct kvip_packer *p, struct kvip_obj *o);
void kvip_pack_cilium_bytes(struct kvip_packer *p, struct kvip_obj *o);
void kvip_pack_cilium_strings(struct kvip_packer *p, struct kvip_obj *o);

/* Texts (kvip_obj_decode_selector.c). */
void kvip_draft_text_begin(struct kvip_draft_texts *t);
void kvip_draft_text_add(struct kvip_draft_texts *t, const char *s);
/** kvip_draft_text_end - the text, in @t for as long as the draft lives; NULL: it did not fit. */
const char *kvip_draft_text_end(struct kvip_draft_texts *t);
/** kvip_draft_selector - member @name of @parent, a LabelSelector, as kvip_obj_cilium.h keeps it.
 */
const char *kvip_draft_selector(struct kvip_draft *d, struct json_object *parent, const char *name);

/* Helpers of the kinds. */
/** kvip_draft_text_ok - printable ASCII without blanks, bounded like a label key? */
bool kvip_draft_text_ok(const char *s);
/** kvip_draft_addr - add @text (may be NULL) if it is an address that is not there yet. */
void kvip_draft_addr(struct kvip_draft *d, struct kvip_draft_addrs *to, const char *text);
/** kvip_draft_addr_array - the same for each string of @array (may be NULL). */
void kvip_draft_addr_array(struct kvip_draft *d, struct kvip_draft_addrs *to,
			   struct json_object *array);
