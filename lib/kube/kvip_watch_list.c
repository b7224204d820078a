// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: lists: items to the feed, pages, and when a list is complete.
 *
 * Job: begin and end the feed's refresh so that only what a complete list does not hold is swept.
 * Thread: T1.
 *
 * An item that is no object of ours (no name, another kind) cannot be one that we know, so it is
 * counted and passed over. An item that cannot be read at all might be: a relist with such an item
 * sweeps nothing, and another follows when the next watch ends. The first list does end its
 * refresh: there is nothing to lose yet, and one broken object must not keep a cluster from
 * starting.
 *
 * Sources: Kubernetes documentation v1.36, "API concepts": "Retrieving large results sets in
 * chunks".
 */
#include "kvip_json.h"
#include "kvip_watch_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void kvip_watch_begin_list(struct kvip_watch *w)
{
	w->refreshing = true;
	w->incomplete = false;
	w->unreadable = 0;
	w->pages = 0;
	w->feed->refresh_begin(w->feed_ctx, w->kind);
}

void kvip_watch_drop_list(struct kvip_watch *w)
{
	if (w->refreshing)
		w->feed->refresh_abort(w->feed_ctx, w->kind);
	w->refreshing = false;
	kvip_free(w->token);
	w->token = NULL;
}

void kvip_watch_unreadable(struct kvip_watch *w)
{
	w->st.objects_refused++;
	w->unreadable++;
	w->incomplete = true;
}

int kvip_watch_put(struct kvip_watch *w, struct kvip_obj *obj)
{
	int rc = w->feed->put(w->feed_ctx, obj);

	if (rc == -E2BIG) {
		w->st.objects_refused++;
		w->incomplete = true;
		return 0;
	}
	return rc ? -ENOMEM : 0;
}

int kvip_watch_item(struct kvip_watch *w, const char *json, size_t len)
{
	struct kvip_obj *obj;
	struct kvip_err err;
	int rc = kvip_obj_decode(w->kind, json, len, &obj, NULL, 0, &err);

	if (!rc)
		return kvip_watch_put(w, obj);
	if (rc == -ENOMEM)
		return rc;
	kvip_debug(w->log, KVIP_DEBUG_API, "%s %s: passed over: %s", w->name,
		   kvip_kinds[w->kind].plural, err.text);
	if (rc == -EBADMSG)
		kvip_watch_unreadable(w);
	else
		w->st.objects_refused++;
	return 0;
}

static int wrong_kind(const struct kvip_watch *w, struct json_object *json)
{
	const char *kind = kvip_json_string(json, "kind");
	size_t len = strlen(kvip_kinds[w->kind].kind);

	return kind && (strncmp(kind, kvip_kinds[w->kind].kind, len) || strcmp(kind + len, "List"));
}

/* The `continue` of the next page, if there is one. */
static int take_token(struct kvip_watch *w, const char *token)
{
	bool repeated = token && w->token && !strcmp(token, w->token);

	kvip_free(w->token);
	w->token = NULL;
	if (!token || !*token)
		return 0;
	if (repeated || strlen(token) > KVIP_MAX_TOKEN || ++w->pages >= KVIP_MAX_LIST_PAGES) {
		w->unpaged = true;
		return -EBADMSG;
	}
	w->token = kvip_strdup(token);
	return w->token ? 0 : -ENOMEM;
}

int kvip_watch_envelope(struct kvip_watch *w, const char *json, size_t len)
{
	struct json_object *value, *meta;
	const char *rv;
	int rc = kvip_json_parse(json, len, &value, NULL);

	if (rc)
		return rc;
	meta = kvip_json_object(value, "metadata");
	rv = kvip_json_string(meta, "resourceVersion");
	if (wrong_kind(w, value) || !rv || !kvip_rv_live(rv) || strlen(rv) >= sizeof(w->page_rv))
		rc = -EBADMSG;
	else
		strcpy(w->page_rv, rv);
	if (!rc)
		rc = take_token(w, kvip_json_string(meta, "continue"));
	kvip_json_free(value);
	return rc;
}

void kvip_watch_page_done(struct kvip_watch *w, kvip_msec now)
{
	if (w->token)
		kvip_watch_fsm(w, KVIP_EV_PAGE, 0, "there are more pages", now);
	else
		kvip_watch_synced(w, w->page_rv, now);
}

static void end_refresh(struct kvip_watch *w)
{
	w->refreshing = false;
	if (w->unreadable && w->synced)
		w->feed->refresh_abort(w->feed_ctx, w->kind);
	else
		w->feed->refresh_end(w->feed_ctx, w->kind);
}

static void say_incomplete(struct kvip_watch *w, kvip_msec now)
{
	char text[sizeof(w->st.last_error)];

	snprintf(text, sizeof(text),
		 "some %s could not be read (%u) or stored: see the counter of refused objects",
		 kvip_kinds[w->kind].plural, w->unreadable);
	kvip_watch_fail(w, 0, text, now);
}

void kvip_watch_synced(struct kvip_watch *w, const char *rv, kvip_msec now)
{
	struct kvip_watch_status *st = &w->st;

	end_refresh(w);
	snprintf(w->rv, sizeof(w->rv), "%s", rv);
	if (st->lists++)
		st->relists++;
	st->list_took_ms = now - w->list_started_ms;
	w->synced = true;
	w->absent_told = w->rv_unset = w->plain = w->unpaged = w->other_tried = false;
	w->stream_fails = w->too_large = w->rv_fails = w->absent = 0;
	kvip_watch_well(w);
	kvip_watch_proof(w, now);
	if (w->incomplete)
		say_incomplete(w, now);
	kvip_watch_fsm(w, KVIP_EV_SYNCED, 0, "the list is complete", now);
}
