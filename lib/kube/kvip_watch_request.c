// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what the machine asks for, how long it waits for the answer, and how long before it asks
 * again.
 *
 * Job: targets, deadlines, backoff. Thread: T1.
 *
 * The first list has no resourceVersion: it is the most recent state, by quorum. A relist says
 * NotOlderThan the last one, so that a server that lags cannot take us back in time; it has no
 * `limit` then, because pages would bypass the server's cache (as client-go does it).
 *
 * Sources: Kubernetes documentation v1.36, "API concepts": resourceVersion parameters, streaming
 * lists; client-go v0.36 reflector.go and its backoff; RFC 3986 for the encoding.
 */
#include "kvip_watch_priv.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014): enough for jitter, and the same on every machine. */
static uint64_t random64(struct kvip_watch *w)
{
	uint64_t z = (w->seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

kvip_msec kvip_watch_jitter(struct kvip_watch *w, kvip_msec base_ms)
{
	return base_ms + (kvip_msec)(random64(w) % (uint64_t)(base_ms + 1));
}

kvip_msec kvip_watch_backoff(struct kvip_watch *w, kvip_msec now)
{
	kvip_msec wait_ms;

	if (now - w->backoff_until_ms >= KVIP_BACKOFF_RESET_MS)
		w->backoff_ms = 0;
	w->backoff_ms = w->backoff_ms ? kvip_earlier(w->backoff_ms * 2, KVIP_BACKOFF_CAP_MS)
				      : KVIP_BACKOFF_MIN_MS;
	wait_ms = kvip_watch_jitter(w, w->backoff_ms);
	w->backoff_until_ms = now + wait_ms;
	return wait_ms;
}

/* @value as the value of a query parameter. */
static void encode(struct kvip_buf *b, const char *value)
{
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if ((isalnum(c) && c < 0x80) || strchr("-._~", c))
			(void)kvip_buf_add(b, value, 1);
		else
			(void)kvip_buf_printf(b, "%%%02X", c);
	}
}

static void add_rv(struct kvip_watch *w)
{
	(void)kvip_buf_puts(&w->target, "&resourceVersion=");
	encode(&w->target, w->rv);
}

static bool at_rv(const struct kvip_watch *w)
{
	return w->rv[0] && !w->rv_unset;
}

static void watch_target(struct kvip_watch *w, const char *how)
{
	uint64_t span_s = KVIP_WATCH_MAX_S - KVIP_WATCH_MIN_S + 1;
	int timeout_s = KVIP_WATCH_MIN_S + (int)(random64(w) % span_s);

	w->timeout_ms = timeout_s * INT64_C(1000);
	(void)kvip_buf_printf(&w->target, "?watch=1%s&allowWatchBookmarks=true&timeoutSeconds=%d",
			      how, timeout_s);
}

static void page_target(struct kvip_watch *w)
{
	if (w->token) {
		(void)kvip_buf_printf(&w->target, "?limit=%d&continue=", KVIP_PAGE_LIMIT);
		encode(&w->target, w->token);
	} else if (at_rv(w)) {
		(void)kvip_buf_puts(&w->target, "?resourceVersionMatch=NotOlderThan");
		add_rv(w);
	} else if (!w->unpaged) {
		(void)kvip_buf_printf(&w->target, "?limit=%d", KVIP_PAGE_LIMIT);
	}
}

const char *kvip_watch_path(const struct kvip_watch *w)
{
	const struct kvip_kind_info *info = &kvip_kinds[w->kind];

	return w->older ? info->older : info->path;
}

static enum kvip_transfer set_target(struct kvip_watch *w)
{
	kvip_buf_reset(&w->target);
	(void)kvip_buf_puts(&w->target, kvip_watch_path(w));
	if (w->goal == KVIP_GOAL_WATCH) {
		watch_target(w, "");
		add_rv(w);
		return KVIP_XFER_WATCH;
	}
	if (w->token || w->plain || w->has_stream == KVIP_STREAM_NO) {
		page_target(w);
		return KVIP_XFER_PAGE;
	}
	watch_target(w, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
	if (at_rv(w))
		add_rv(w);
	return KVIP_XFER_STREAM;
}

int kvip_watch_start(struct kvip_watch *w, kvip_msec now, struct kvip_watch_request *req)
{
	enum kvip_transfer xfer = set_target(w);

	if (w->target.err)
		return w->target.err;
	w->xfer = xfer;
	w->in_flight = true;
	w->http_status = 0;
	w->started_ms = w->last_rx_ms = now;
	w->xfer_events = 0;
	w->rv_moved = false;
	w->probe_rv[0] = '\0';
	if (xfer == KVIP_XFER_WATCH) {
		w->st.watches++;
		w->st.watch_timeout_ms = w->timeout_ms;
	} else if (!w->refreshing) {
		w->list_started_ms = now;
	}
	req->target = kvip_buf_str(&w->target);
	req->is_watch = xfer != KVIP_XFER_PAGE;
	req->deadline_ms = kvip_watch_deadline(w);
	return 0;
}

kvip_msec kvip_watch_deadline(const struct kvip_watch *w)
{
	kvip_msec silent = w->last_rx_ms + KVIP_SILENCE_MS;

	if (w->xfer == KVIP_XFER_WATCH && w->http_status == 200)
		return w->started_ms + w->timeout_ms + KVIP_WATCH_GRACE_MS;
	return kvip_earlier(silent, w->started_ms + KVIP_LIST_MAX_MS);
}

/*
 * A watch that outlives its own timeoutSeconds is stuck somewhere. A streaming list that says
 * nothing and does not end is a server that takes it for a plain watch: it is not asked for one
 * again.
 */
void kvip_watch_overdue(struct kvip_watch *w, kvip_msec now)
{
	const char *why =
		"the server does not answer: is it overloaded, or something between stuck?";

	if (w->http_status && w->http_status != 200) {
		w->in_flight = false;
		w->abort = true;
		kvip_watch_answered(w, now);
		return;
	}
	if (w->xfer == KVIP_XFER_STREAM && w->http_status == 200) {
		w->has_stream = KVIP_STREAM_NO;
		kvip_watch_fsm(w, KVIP_EV_RELIST, 0, "no initial-events-end", now);
		return;
	}
	if (w->xfer == KVIP_XFER_STREAM)
		kvip_watch_stream_failed(w);
	if (w->xfer == KVIP_XFER_WATCH && w->http_status == 200)
		why = "a watch did not end at its time-out: something between is stuck";
	w->lost = true;
	kvip_watch_fail(w, 0, why, now);
	kvip_watch_fsm(w, KVIP_EV_RETRY, KVIP_BY_BACKOFF, "overdue", now);
}
