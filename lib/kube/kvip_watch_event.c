// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: watch events: ADDED, MODIFIED, DELETED, BOOKMARK, ERROR.
 *
 * Job: one event to the feed, and the resourceVersion that goes with it. Thread: T1.
 *
 * The resourceVersion moves only when the event has been applied. The initial events of a streaming
 * list come in no order, so there it moves with the bookmark that ends them. An event older than
 * what we have cannot come from the watch that we asked for: list from scratch.
 *
 * Sources: Kubernetes documentation v1.36, "API concepts": "Efficient detection of changes", "Watch
 * bookmarks", "Streaming lists"; apimachinery pkg/watch/watch.go.
 */
#include "kvip_obj_priv.h"
#include "kvip_watch_priv.h"

#include <errno.h>
#include <string.h>

#define INITIAL_EVENTS_END "k8s.io/initial-events-end"

static const char *rv_of(struct json_object *object)
{
	const char *rv = kvip_json_string(kvip_json_object(object, "metadata"), "resourceVersion");

	return rv && kvip_rv_live(rv) && strlen(rv) < KVIP_RV_SIZE ? rv : NULL;
}

static bool back_in_time(const struct kvip_watch *w, struct json_object *object)
{
	const char *rv = rv_of(object);

	return rv && w->xfer == KVIP_XFER_WATCH && kvip_rv_older(rv, w->rv);
}

static void advance(struct kvip_watch *w, struct json_object *object, kvip_msec now)
{
	const char *rv = rv_of(object);

	w->xfer_events++;
	kvip_watch_proof(w, now);
	if (!rv || w->xfer != KVIP_XFER_WATCH)
		return;
	w->rv_moved = w->rv_moved || strcmp(w->rv, rv) != 0;
	strcpy(w->rv, rv);
	w->expired = w->rv_fails = 0;
}

static int on_put(struct kvip_watch *w, struct json_object *object, kvip_msec now)
{
	struct kvip_obj *obj;
	struct kvip_err err;
	int rc = kvip_obj_decode_json(w->kind, object, &obj, &err);

	w->st.events++;
	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		w->st.objects_refused++;
		kvip_debug(w->log, KVIP_DEBUG_API, "%s %s: passed over: %s", w->name,
			   kvip_kinds[w->kind].plural, err.text);
		return 0;
	}
	rc = kvip_watch_put(w, obj);
	if (!rc)
		advance(w, object, now);
	return rc;
}

static int on_deleted(struct kvip_watch *w, struct json_object *object, kvip_msec now)
{
	struct json_object *meta = kvip_json_object(object, "metadata");
	const char *ns = kvip_json_string(meta, "namespace");
	const char *name = kvip_json_string(meta, "name");
	const char *uid = kvip_json_string(meta, "uid");
	const char *kind = kvip_json_string(object, "kind");

	w->st.events++;
	if (!name || (kind && strcmp(kind, kvip_kinds[w->kind].kind))) {
		w->st.objects_refused++;
		return 0;
	}
	w->feed->del(w->feed_ctx, w->kind, ns ? ns : "", name, uid ? uid : "");
	advance(w, object, now);
	return 0;
}

static bool ends_initial_events(struct json_object *object)
{
	struct json_object *meta = kvip_json_object(object, "metadata");
	const char *mark = kvip_json_string(kvip_json_object(meta, "annotations"),
					    INITIAL_EVENTS_END);

	return mark && !strcmp(mark, "true");
}

static int on_bookmark(struct kvip_watch *w, struct json_object *object, kvip_msec now)
{
	const char *rv = rv_of(object);

	w->st.bookmarks++;
	if (w->xfer != KVIP_XFER_STREAM || !ends_initial_events(object) || !rv) {
		advance(w, object, now);
		return 0;
	}
	w->has_stream = KVIP_STREAM_YES;
	w->xfer = KVIP_XFER_WATCH;
	w->st.watches++;
	w->st.watch_timeout_ms = w->timeout_ms;
	kvip_watch_synced(w, rv, now);
	return 0;
}

static int on_error(struct kvip_watch *w, struct json_object *object, kvip_msec now)
{
	struct kvip_api_error e = { .code = 500, .retry_after_s = -1 };
	int rc = kvip_watch_stop(w);

	kvip_api_error_read(object, &e);
	kvip_watch_refused(w, &e, now);
	return rc;
}

static int drop_stream(struct kvip_watch *w, enum kvip_watch_event ev, const char *why,
		       kvip_msec now)
{
	int rc = kvip_watch_stop(w);

	if (w->xfer == KVIP_XFER_STREAM)
		kvip_watch_stream_failed(w);
	kvip_watch_fail(w, 0, why, now);
	kvip_watch_fsm(w, ev, KVIP_BY_BACKOFF, why, now);
	return rc;
}

static const struct {
	const char *type;
	int (*apply)(struct kvip_watch *w, struct json_object *object, kvip_msec now);
	bool dated; /* its resourceVersion never goes back */
} events[] = {
	{ "ADDED", on_put, true },       { "MODIFIED", on_put, true },
	{ "DELETED", on_deleted, true }, { "BOOKMARK", on_bookmark, true },
	{ "ERROR", on_error, false },
};

static int dispatch(struct kvip_watch *w, struct json_object *event, kvip_msec now)
{
	struct json_object *object = kvip_json_object(event, "object");
	const char *type = kvip_json_string(event, "type");
	size_t i;

	for (i = 0; type && object && i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(events[i].type, type))
			continue;
		if (events[i].dated && back_in_time(w, object))
			return drop_stream(w, KVIP_EV_SCRATCH,
					   "an event older than what was sent before", now);
		return events[i].apply(w, object, now);
	}
	return drop_stream(w, KVIP_EV_RELIST,
			   "an event of an unknown type: is this the API server?", now);
}

int kvip_watch_apply(struct kvip_watch *w, const char *json, size_t len, kvip_msec now)
{
	struct json_object *event;
	int rc = kvip_json_parse(json, len, &event, NULL);

	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		kvip_watch_unreadable(w);
		return 0;
	}
	rc = dispatch(w, event, now);
	kvip_json_free(event);
	return rc;
}
