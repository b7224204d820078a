// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: dumps. Thread: the caller's. The text is split item by item like an answer of the API
 * server; unlike there, every item says its kind, and kinds come in any order.
 */
#include "vip/kvip_dump.h"

#include "kube/kvip_json.h"
#include "kube/kvip_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct dump {
	const struct kvip_feed *feed;
	void *ctx;
	struct kvip_dump_counts *counts;
	bool has_items;
};

static enum kvip_kind kind_of(const char *json, size_t len)
{
	struct json_object *o;
	enum kvip_kind kind;
	const char *name;

	if (kvip_json_parse(json, len, &o, NULL))
		return KVIP_KIND_MAX;
	name = kvip_json_string(o, "kind");
	kind = name ? kvip_kind_find(name) : KVIP_KIND_MAX;
	kvip_json_free(o);
	return kind;
}

static int on_value(void *ctx, const char *json, size_t len)
{
	struct dump *d = ctx;
	enum kvip_kind kind = kind_of(json, len);
	struct kvip_obj *o;
	struct kvip_err err;
	int rc;

	d->has_items = true;
	if (kind == KVIP_KIND_MAX) {
		d->counts->ignored++;
		return 0;
	}
	rc = kvip_obj_decode(kind, json, len, &o, NULL, 0, &err);
	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		if (!d->counts->refused++)
			snprintf(d->counts->first_refusal, sizeof(d->counts->first_refusal),
				 "%.190s", err.text);
		return 0;
	}
	d->counts->objects++;
	return d->feed->put(d->ctx, o);
}

static int on_envelope(void *ctx, const char *json, size_t len)
{
	struct dump *d = ctx;
	struct json_object *o;
	const char *kind;
	bool list;

	if (kvip_json_parse(json, len, &o, NULL))
		return -EBADMSG;
	kind = kvip_json_string(o, "kind");
	list = d->has_items ||
	       (kind && strlen(kind) >= 4 && strcmp(kind + strlen(kind) - 4, "List") == 0);
	kvip_json_free(o);
	return list ? 0 : -EBADMSG;
}

static const struct kvip_stream_ops ops = { .value = on_value, .envelope = on_envelope };

int kvip_dump_feed(const char *text, size_t len, const struct kvip_feed *feed, void *ctx,
		   struct kvip_dump_counts *counts, struct kvip_err *err)
{
	struct dump d = { .feed = feed, .ctx = ctx, .counts = counts };
	struct kvip_stream s;
	int rc;

	*counts = (struct kvip_dump_counts){ 0 };
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		feed->refresh_begin(ctx, (enum kvip_kind)k);
	kvip_stream_init(&s, &ops, &d);
	kvip_stream_reset(&s, KVIP_STREAM_LIST);
	rc = kvip_stream_feed(&s, text, len, err);
	if (!rc)
		rc = kvip_stream_end(&s, err);
	if (rc == -EBADMSG && !err->text[0])
		kvip_err_set(err, rc,
			     "this is no list: it wants the output of `kubectl get ... -o json`");
	kvip_stream_done(&s);
	for (int k = 0; k < KVIP_KIND_MAX; k++) {
		if (rc)
			feed->refresh_abort(ctx, (enum kvip_kind)k);
		else
			feed->refresh_end(ctx, (enum kvip_kind)k);
	}
	return rc;
}
