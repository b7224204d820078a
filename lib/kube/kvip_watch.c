// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the list+watch machine: its states, and what its owner reports.
 *
 * Job: keep the feed equal to what the API server holds, through everything that a server, a proxy
 * or a network can do. Thread: T1.
 *
 *	LISTING --SYNCED--> WATCHING --OVER--> WATCHING ...
 *	   |  ^                |
 *	   |  +----RELIST------+ SCRATCH
 *	   +--> BACKOFF, ABSENT --DUE--> what was tried before
 *
 * kvip_watch_fsm() owns every change of state and ends in one debug line. The last error is kept
 * for `show`, in words that say what to do. Nothing is ever swept from the feed but by a complete
 * list.
 *
 * kvip_watch_request.c says what is asked for and for how long, kvip_watch_list.c and
 * kvip_watch_event.c read what comes, kvip_watch_error.c judges what goes wrong.
 *
 * Sources: Kubernetes documentation v1.36, "API concepts"; client-go v0.36
 * tools/cache/reflector.go; OpenBGPD session.c (one function for the transitions).
 */
#include "kvip_watch_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const event_names[] = {
	[KVIP_EV_DUE] = "DUE",       [KVIP_EV_PAGE] = "PAGE",       [KVIP_EV_SYNCED] = "SYNCED",
	[KVIP_EV_OVER] = "OVER",     [KVIP_EV_RENEW] = "RENEW",     [KVIP_EV_RETRY] = "RETRY",
	[KVIP_EV_RELIST] = "RELIST", [KVIP_EV_SCRATCH] = "SCRATCH", [KVIP_EV_ABSENT] = "ABSENT",
};

const char *kvip_watch_state_name(enum kvip_watch_state s)
{
	static const char *const names[] = {
		[KVIP_WATCH_IDLE] = "idle",         [KVIP_WATCH_LISTING] = "listing",
		[KVIP_WATCH_WATCHING] = "watching", [KVIP_WATCH_BACKOFF] = "backoff",
		[KVIP_WATCH_ABSENT] = "absent",
	};

	return (size_t)s < sizeof(names) / sizeof(names[0]) ? names[s] : "unknown";
}

static void next_goal(struct kvip_watch *w, enum kvip_watch_event ev)
{
	switch (ev) {
	case KVIP_EV_SYNCED:
	case KVIP_EV_OVER:
	case KVIP_EV_RENEW:
		w->goal = KVIP_GOAL_WATCH;
		break;
	case KVIP_EV_SCRATCH:
		w->rv_unset = true;
		w->goal = KVIP_GOAL_LIST;
		break;
	case KVIP_EV_RELIST:
	case KVIP_EV_ABSENT:
		w->goal = KVIP_GOAL_LIST;
		break;
	case KVIP_EV_DUE:
	case KVIP_EV_PAGE:
	case KVIP_EV_RETRY:
		break;
	}
}

static enum kvip_watch_state next_state(const struct kvip_watch *w, enum kvip_watch_event ev,
					kvip_msec wait_ms)
{
	if (ev == KVIP_EV_ABSENT)
		return KVIP_WATCH_ABSENT;
	if (wait_ms > 0)
		return KVIP_WATCH_BACKOFF;
	return w->goal == KVIP_GOAL_WATCH ? KVIP_WATCH_WATCHING : KVIP_WATCH_LISTING;
}

void kvip_watch_fsm(struct kvip_watch *w, enum kvip_watch_event ev, kvip_msec wait_ms,
		    const char *why, kvip_msec now)
{
	enum kvip_watch_state from = w->state;

	if (w->in_flight && ev != KVIP_EV_SYNCED) {
		w->in_flight = false;
		w->abort = true;
	}
	if (ev != KVIP_EV_PAGE && ev != KVIP_EV_SYNCED)
		kvip_watch_drop_list(w);
	if (wait_ms == KVIP_BY_BACKOFF)
		wait_ms = kvip_watch_backoff(w, now);
	next_goal(w, ev);
	w->state = next_state(w, ev, wait_ms);
	w->next_try_ms = wait_ms > 0 ? now + wait_ms : 0;
	kvip_debug(w->log, KVIP_DEBUG_API, "%s %s: %s -> %s on %s, next try in %lld ms, rv %s: %s",
		   w->name, kvip_kinds[w->kind].plural, kvip_watch_state_name(from),
		   kvip_watch_state_name(w->state), event_names[ev], (long long)wait_ms,
		   w->rv[0] ? w->rv : "unset", why);
}

void kvip_watch_fail(struct kvip_watch *w, int http_status, const char *text, kvip_msec now)
{
	struct kvip_watch_status *st = &w->st;
	bool news = st->http_status != (uint32_t)http_status ||
		    strncmp(st->last_error, text, sizeof(st->last_error) - 1) != 0;

	st->errors++;
	st->http_status = (uint32_t)http_status;
	st->last_error_ms = now;
	if (!news)
		return;
	snprintf(st->last_error, sizeof(st->last_error), "%s", text);
	kvip_log(w->log, KVIP_LOG_WARN, "cluster %s, %s: %s", w->name, kvip_kinds[w->kind].plural,
		 st->last_error);
}

void kvip_watch_well(struct kvip_watch *w)
{
	if (!w->st.last_error[0])
		return;
	kvip_log(w->log, KVIP_LOG_INFO, "cluster %s, %s: the API server answers again", w->name,
		 kvip_kinds[w->kind].plural);
	w->st.last_error[0] = '\0';
	w->st.http_status = 0;
}

void kvip_watch_proof(struct kvip_watch *w, kvip_msec now)
{
	w->st.last_proof_ms = now;
}

int kvip_watch_stop(struct kvip_watch *w)
{
	w->in_flight = false;
	return -ECANCELED;
}

static int on_value(void *ctx, const char *json, size_t len)
{
	struct kvip_watch *w = ctx;

	return w->xfer == KVIP_XFER_PAGE ? kvip_watch_item(w, json, len)
					 : kvip_watch_apply(w, json, len, w->now_ms);
}

static int on_envelope(void *ctx, const char *json, size_t len)
{
	return kvip_watch_envelope(ctx, json, len);
}

static const struct kvip_stream_ops stream_ops = { .value = on_value, .envelope = on_envelope };

int kvip_watch_new(enum kvip_kind kind, const struct kvip_feed *feed, void *feed_ctx,
		   const char *log_name, const struct kvip_log *log, uint64_t seed, kvip_msec now,
		   struct kvip_watch **out)
{
	struct kvip_watch *w = kvip_calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->name = kvip_strdup(log_name);
	if (!w->name) {
		kvip_free(w);
		return -ENOMEM;
	}
	w->kind = kind;
	w->feed = feed;
	w->feed_ctx = feed_ctx;
	w->log = log;
	w->seed = seed;
	w->state = KVIP_WATCH_LISTING;
	w->goal = KVIP_GOAL_LIST;
	w->now_ms = now;
	w->backoff_until_ms = now;
	kvip_buf_init(&w->target, 8 * KVIP_MAX_TOKEN);
	kvip_buf_init(&w->error_body, KVIP_MAX_ERROR_BODY);
	kvip_stream_init(&w->stream, &stream_ops, w);
	*out = w;
	return 0;
}

void kvip_watch_free(struct kvip_watch *w)
{
	if (!w)
		return;
	kvip_stream_done(&w->stream);
	kvip_buf_done(&w->target);
	kvip_buf_done(&w->error_body);
	kvip_free(w->token);
	kvip_free(w->name);
	kvip_free(w);
}

static enum kvip_watch_want nothing_until(struct kvip_watch_request *req, kvip_msec when)
{
	req->deadline_ms = when;
	return KVIP_WANT_NOTHING;
}

static bool probing(const struct kvip_watch *w)
{
	return w->in_flight && w->xfer == KVIP_XFER_WATCH && w->http_status == 200;
}

enum kvip_watch_want kvip_watch_poll(struct kvip_watch *w, kvip_msec now,
				     struct kvip_watch_request *req)
{
	*req = (struct kvip_watch_request){ .deadline_ms = now };
	if (w->in_flight && now >= kvip_watch_deadline(w)) {
		req->overdue = true;
		kvip_watch_overdue(w, now);
	}
	if (w->abort) {
		w->abort = false;
		return KVIP_WANT_ABORT;
	}
	if (probing(w))
		return nothing_until(req, kvip_earlier(kvip_watch_deadline(w), w->probe_due_ms));
	if (w->in_flight)
		return nothing_until(req, kvip_watch_deadline(w));
	if (now < w->next_try_ms)
		return nothing_until(req, w->next_try_ms);
	if (w->next_try_ms)
		kvip_watch_fsm(w, KVIP_EV_DUE, 0, "the wait is over", now);
	if (!kvip_watch_start(w, now, req))
		return KVIP_WANT_REQUEST;
	kvip_watch_fail(w, 0, "out of memory", now);
	kvip_watch_fsm(w, KVIP_EV_RETRY, KVIP_BY_BACKOFF, "out of memory", now);
	return nothing_until(req, w->next_try_ms);
}

/* "application/json", with or without parameters; a missing type is left to the parser. */
static bool is_json(const char *content_type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	if (!content_type)
		return true;
	return !strncasecmp(content_type, json, len) && strchr("; ", content_type[len]);
}

static void not_json(struct kvip_watch *w, const char *content_type, kvip_msec now)
{
	char text[sizeof(w->st.last_error)];

	snprintf(text, sizeof(text),
		 "the answer is %.60s, not JSON: is this the API server, or a proxy's page?",
		 content_type);
	kvip_printable(text);
	if (w->xfer == KVIP_XFER_STREAM)
		kvip_watch_stream_failed(w);
	kvip_watch_fail(w, w->http_status, text, now);
	kvip_watch_fsm(w, KVIP_EV_RETRY, KVIP_BY_BACKOFF, "not JSON", now);
}

void kvip_watch_response(struct kvip_watch *w, int http_status, const char *content_type,
			 int64_t retry_after_s, kvip_msec now)
{
	if (!w->in_flight)
		return;
	w->http_status = http_status;
	w->retry_after_s = retry_after_s;
	w->last_rx_ms = now;
	w->probe_due_ms = now + KVIP_PROBE_MS;
	kvip_buf_reset(&w->error_body);
	if (http_status != 200)
		return;
	if (w->lost && w->xfer == KVIP_XFER_WATCH)
		w->probe_due_ms = now + kvip_watch_jitter(w, KVIP_PROBE_SOON_MS);
	w->lost = false;
	if (!is_json(content_type)) {
		not_json(w, content_type, now);
		return;
	}
	w->auth_fails = w->absent = 0;
	kvip_stream_reset(&w->stream,
			  w->xfer == KVIP_XFER_PAGE ? KVIP_STREAM_LIST : KVIP_STREAM_WATCH);
	if (w->xfer == KVIP_XFER_WATCH)
		kvip_watch_well(w);
	else if (!w->refreshing)
		kvip_watch_begin_list(w);
}

/* What an error says is in its first bytes; the rest of an endless one is nobody's loss. */
static int keep_error_body(struct kvip_watch *w, const char *data, size_t len, kvip_msec now)
{
	size_t room = KVIP_MAX_ERROR_BODY - w->error_body.len;

	(void)kvip_buf_add(&w->error_body, data, len < room ? len : room);
	if (len < room)
		return 0;
	w->in_flight = false;
	kvip_watch_answered(w, now);
	return -ECANCELED;
}

/* What the splitter says, or what its callbacks meant. */
static const char *reason(const struct kvip_err *err, int rc)
{
	if (err->text[0])
		return err->text;
	return rc == -ENOMEM ? "out of memory"
			     : "the answer is not the list asked for: is this the API server?";
}

int kvip_watch_bytes(struct kvip_watch *w, const char *data, size_t len, kvip_msec now)
{
	struct kvip_err err = { "" };
	int rc;

	if (!w->in_flight)
		return -ECANCELED;
	w->now_ms = w->last_rx_ms = now;
	w->probe_due_ms = now + KVIP_PROBE_MS;
	w->probe_rv[0] = '\0';
	if (w->http_status != 200)
		return keep_error_body(w, data, len, now);
	rc = kvip_stream_feed(&w->stream, data, len, &err);
	if (rc && rc != -ECANCELED) {
		w->in_flight = false;
		kvip_watch_garbled(w, reason(&err, rc), now);
	}
	return rc;
}

/* A clean end of a watch: by its own time-out, or because the server restarts. */
static void watch_over(struct kvip_watch *w, kvip_msec now)
{
	bool brief = now - w->started_ms < KVIP_SHORT_WATCH_MS;
	bool idle = brief && (!w->rv_moved || ++w->short_watches > KVIP_SHORT_WATCHES);

	kvip_watch_proof(w, now);
	if (!brief)
		w->short_watches = w->expired = w->rv_fails = 0;
	if (idle) {
		kvip_watch_fail(w, 0, "the server ends watches as soon as they begin", now);
		kvip_watch_fsm(w, KVIP_EV_RETRY, KVIP_BY_BACKOFF, "a very short watch", now);
	} else if (w->incomplete) {
		kvip_watch_fsm(w, KVIP_EV_RELIST, 0, "not all could be read or stored", now);
	} else {
		kvip_watch_fsm(w, KVIP_EV_OVER, 0, "the watch ended", now);
	}
}

static void clean_end(struct kvip_watch *w, kvip_msec now)
{
	struct kvip_err err;

	if (kvip_stream_end(&w->stream, &err)) {
		kvip_watch_garbled(w, err.text, now);
	} else if (w->xfer == KVIP_XFER_PAGE) {
		kvip_watch_page_done(w, now);
	} else if (w->xfer == KVIP_XFER_WATCH) {
		watch_over(w, now);
	} else {
		kvip_watch_stream_failed(w);
		if (w->plain)
			w->has_stream = KVIP_STREAM_NO;
		kvip_watch_fail(w, 0, "a streaming list ended before it was complete", now);
		kvip_watch_fsm(w, KVIP_EV_RETRY, KVIP_BY_BACKOFF, "no initial-events-end", now);
	}
}

void kvip_watch_done(struct kvip_watch *w, enum kvip_transfer_end end, const char *why,
		     kvip_msec now)
{
	if (!w->in_flight)
		return;
	w->in_flight = false;
	w->now_ms = now;
	if (w->http_status && w->http_status != 200)
		kvip_watch_answered(w, now);
	else if (end != KVIP_END_CLEAN || !w->http_status)
		kvip_watch_lost(w, end, why, now);
	else
		clean_end(w, now);
}

void kvip_watch_relist(struct kvip_watch *w, kvip_msec now)
{
	w->plain = w->unpaged = false;
	w->backoff_ms = 0;
	kvip_watch_fsm(w, KVIP_EV_SCRATCH, 0, "asked for", now);
}

const char *kvip_watch_wants_probe(struct kvip_watch *w, kvip_msec now)
{
	if (!probing(w) || now < w->probe_due_ms)
		return NULL;
	w->probe_due_ms = now + KVIP_PROBE_MS;
	strcpy(w->asked_rv, w->rv);
	kvip_buf_reset(&w->target);
	if (kvip_buf_printf(&w->target, "%s?limit=1", kvip_watch_path(w)))
		return NULL;
	return kvip_buf_str(&w->target);
}

/*
 * A consistent list cannot be older than what we had when it was asked for, unless the store was
 * restored. (What we have by now may well be newer: the answer takes its time.) Its resourceVersion
 * is the whole store's and moves with every kind, so being ahead of us proves nothing at once. If
 * one more silence later we are still behind it, neither an event nor a bookmark came through: the
 * watch is begun anew, which costs nothing.
 */
void kvip_watch_probe_result(struct kvip_watch *w, const char *rv, kvip_msec now)
{
	if (!probing(w) || !kvip_rv_live(rv) || strlen(rv) >= sizeof(w->probe_rv))
		return;
	kvip_watch_proof(w, now);
	if (kvip_rv_older(rv, w->asked_rv)) {
		kvip_watch_fail(
			w, 0, "the server is older than what it told us before: etcd was restored?",
			now);
		kvip_watch_fsm(w, KVIP_EV_SCRATCH, 0, "the server went back in time", now);
	} else if (w->probe_rv[0] && kvip_rv_older(w->rv, w->probe_rv)) {
		kvip_watch_fsm(w, KVIP_EV_RENEW, 0, "the watch is silent, the server is not", now);
	} else {
		strcpy(w->probe_rv, rv);
	}
}

void kvip_watch_server_changed(struct kvip_watch *w)
{
	w->has_stream = KVIP_STREAM_UNKNOWN;
	w->stream_fails = w->too_large = w->auth_fails = 0;
}

bool kvip_watch_server_back(struct kvip_watch *w, kvip_msec now)
{
	if (w->state != KVIP_WATCH_BACKOFF || !w->lost || w->http_status)
		return false;
	kvip_watch_fsm(w, KVIP_EV_RETRY, 0, "the server answers again", now);
	return true;
}

void kvip_watch_get_status(const struct kvip_watch *w, struct kvip_watch_status *out)
{
	*out = w->st;
	out->state = w->state;
	out->synced = w->synced;
	out->streaming_list = w->has_stream == KVIP_STREAM_YES;
	out->next_try_ms = w->next_try_ms;
	memcpy(out->resource_version, w->rv, sizeof(out->resource_version));
}
