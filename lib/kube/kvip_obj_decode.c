// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: JSON to object: what all kinds have in common (metadata, ownerReferences).
 *
 * Job: validate what comes in; nothing here trusts the server more than a stranger: names are
 * bounded and printable, because they end in logs and in `show`. Thread: any.
 *
 * Sources: Kubernetes API reference v1.36, ObjectMeta; "Object names and IDs", "Labels and
 * selectors".
 */
#include "kvip_obj_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Printable ASCII without blanks, at most @max bytes. */
static bool clean(const char *s, size_t max)
{
	size_t n = 0;

	for (; s[n]; n++)
		if (s[n] <= ' ' || s[n] > '~' || n == max)
			return false;
	return true;
}

bool kvip_obj_name_ok(const char *s)
{
	return *s && clean(s, KVIP_MAX_NAME) && !strchr(s, '/');
}

bool kvip_draft_text_ok(const char *s)
{
	return clean(s, KVIP_MAX_LABEL_KEY);
}

void kvip_draft_addr(struct kvip_draft *d, struct kvip_draft_addrs *to, const char *text)
{
	struct kvip_addr a;
	uint32_t i;

	if (!text || kvip_addr_parse(text, &a))
		return;
	for (i = 0; i < to->n; i++)
		if (kvip_addr_equal(&to->a[i], &a))
			return;
	if (to->n == KVIP_MAX_ADDRS)
		d->obj.n_dropped++;
	else
		to->a[to->n++] = a;
}

void kvip_draft_addr_array(struct kvip_draft *d, struct kvip_draft_addrs *to,
			   struct json_object *array)
{
	size_t i;

	for (i = 0; i < kvip_json_len(array); i++)
		kvip_draft_addr(d, to, kvip_json_string_at(array, i));
}

static void add_label(void *ctx, const char *key, const char *value)
{
	struct kvip_draft *d = ctx;
	struct kvip_meta *m = &d->obj.meta;

	if (!*key || !clean(key, KVIP_MAX_LABEL_KEY) || !clean(value, KVIP_MAX_LABEL_VALUE))
		return;
	if (m->n_labels == KVIP_MAX_LABELS) {
		d->obj.n_dropped++;
		return;
	}
	d->labels[m->n_labels++] = (struct kvip_label){ .key = key, .value = value };
}

static int label_cmp(const void *a, const void *b)
{
	const struct kvip_label *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static int draft_meta(struct kvip_draft *d, struct json_object *json, struct kvip_err *err)
{
	struct json_object *meta = kvip_json_object(json, "metadata");
	struct kvip_meta *m = &d->obj.meta;

	m->name = kvip_json_string(meta, "name");
	if (!m->name || !kvip_obj_name_ok(m->name))
		return kvip_err_set(err, -EINVAL, "an object without a usable name");
	m->ns = kvip_json_string(meta, "namespace");
	if (!m->ns)
		m->ns = "";
	if (*m->ns && !kvip_obj_name_ok(m->ns))
		return kvip_err_set(err, -EINVAL, "object %s: its namespace is no name", m->name);
	m->uid = kvip_json_string(meta, "uid");
	if (!m->uid || !clean(m->uid, KVIP_MAX_NAME))
		m->uid = "";
	if (kvip_time_parse(kvip_json_string(meta, "creationTimestamp"), &m->created_s))
		m->created_s = 0;
	m->deleting = kvip_json_string(meta, "deletionTimestamp") != NULL;
	m->labels = d->labels;
	kvip_json_each_string(kvip_json_object(meta, "labels"), add_label, d);
	qsort(m->labels, m->n_labels, sizeof(*m->labels), label_cmp);
	return 0;
}

/* "gateway.networking.k8s.io/v1" is of group "gateway.networking.k8s.io"; "v1" is of group "". */
static bool in_group(const char *api_version, const char *group)
{
	const char *slash = strchr(api_version, '/');
	size_t len = slash ? (size_t)(slash - api_version) : 0;

	return strlen(group) == len && !memcmp(api_version, group, len);
}

const char *kvip_draft_owner(struct json_object *json, const char *group, const char *kind)
{
	struct json_object *owners = kvip_json_array(kvip_json_object(json, "metadata"),
						     "ownerReferences");
	size_t i;

	for (i = 0; i < kvip_json_len(owners); i++) {
		struct json_object *owner = kvip_json_object_at(owners, i);
		const char *owner_kind = kvip_json_string(owner, "kind");
		const char *version = kvip_json_string(owner, "apiVersion");
		const char *name = kvip_json_string(owner, "name");

		if (owner_kind && version && name && !strcmp(owner_kind, kind) &&
		    in_group(version, group) && kvip_obj_name_ok(name))
			return name;
	}
	return NULL;
}

static void draft_kind(struct kvip_draft *d, struct json_object *json)
{
	switch (d->obj.kind) {
	case KVIP_KIND_SERVICE:
		kvip_draft_service(d, json);
		break;
	case KVIP_KIND_SLICE:
		kvip_draft_slice(d, json);
		d->obj.meta.n_labels = 0; /* they named the Service: nothing selects a slice */
		break;
	case KVIP_KIND_NODE:
		kvip_draft_node(d, json);
		break;
	case KVIP_KIND_GATEWAY:
		kvip_draft_gateway(d, json);
		break;
	case KVIP_KIND_ADVERTISEMENT:
	case KVIP_KIND_CLUSTER_CONFIG:
	case KVIP_KIND_PEER_CONFIG:
	case KVIP_KIND_NODE_OVERRIDE:
	case KVIP_KIND_IP_POOL:
		kvip_draft_cilium(d, json);
		break;
	case KVIP_KIND_MAX:
		break;
	}
}

int kvip_obj_decode_json(enum kvip_kind kind, struct json_object *json, struct kvip_obj **out,
			 struct kvip_err *err)
{
	const char *kind_name = kvip_json_string(json, "kind");
	struct kvip_obj *o;
	struct kvip_draft d; /* some 30 kB: only its head is cleared */
	int rc;

	if (kind_name && strcmp(kind_name, kvip_kinds[kind].kind))
		return kvip_err_set(err, -EINVAL, "an object of kind %.64s among %s", kind_name,
				    kvip_kinds[kind].plural);
	memset(&d.obj, 0, sizeof(d.obj));
	d.obj.kind = kind;
	rc = draft_meta(&d, json, err);
	if (rc)
		return rc;
	draft_kind(&d, json);
	o = kvip_obj_pack(&d);
	if (!o)
		return kvip_err_set(err, -ENOMEM, "out of memory for %s %s", kvip_kinds[kind].kind,
				    d.obj.meta.name);
	*out = o;
	return 0;
}

static void copy_rv(struct json_object *json, char *rv, size_t rv_size)
{
	const char *s = kvip_json_string(kvip_json_object(json, "metadata"), "resourceVersion");

	if (!rv || !rv_size)
		return;
	rv[0] = '\0';
	if (s && strlen(s) < rv_size)
		strcpy(rv, s);
}

int kvip_obj_decode(enum kvip_kind kind, const char *json, size_t len, struct kvip_obj **out,
		    char *rv, size_t rv_size, struct kvip_err *err)
{
	struct json_object *value;
	int rc = kvip_json_parse(json, len, &value, err);

	if (rc)
		return rc;
	rc = kvip_obj_decode_json(kind, value, out, err);
	if (!rc)
		copy_rv(value, rv, rv_size);
	kvip_json_free(value);
	return rc;
}
