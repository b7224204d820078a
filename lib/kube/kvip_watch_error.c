// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what goes wrong, and what follows from it.
 *
 * Job: from an HTTP status, a Status object or a lost connection to one event for the machine and
 * one sentence for the operator. Thread: T1.
 *
 * Whatever "at once" is decided here sets something that keeps the same decision from being made
 * again (a remembered refusal, an unset resourceVersion, a counter), so that no server can make us
 * spin.
 *
 * Sources: Kubernetes API conventions, "Response Status Kind"; "API concepts", "410 Gone
 * responses"; client-go v0.36 reflector.go and rest/with_retry.go; RFC 9110 Retry-After.
 */
#include "kvip_json.h"
#include "kvip_watch_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Foreign text goes into logs: bounded, printable. */
static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
	kvip_printable(to);
}

static bool cause_is(struct json_object *details, const char *reason)
{
	struct json_object *causes = kvip_json_array(details, "causes");
	size_t i;

	for (i = 0; i < kvip_json_len(causes); i++) {
		const char *s = kvip_json_string(kvip_json_object_at(causes, i), "reason");

		if (s && !strcmp(s, reason))
			return true;
	}
	return false;
}

void kvip_api_error_read(struct json_object *json, struct kvip_api_error *e)
{
	struct json_object *details = kvip_json_object(json, "details");
	int64_t code = kvip_json_int(json, "code", e->code);
	const char *message = kvip_json_string(json, "message");

	copy_text(e->reason, sizeof(e->reason), kvip_json_string(json, "reason"));
	copy_text(e->message, sizeof(e->message), message);
	if (code >= 100 && code <= 999)
		e->code = (int)code;
	if (!strcmp(e->reason, "Expired") || !strcmp(e->reason, "Gone"))
		e->code = 410;
	/* Servers before v1.19 give no cause. */
	e->too_large = cause_is(details, "ResourceVersionTooLarge") ||
		       strstr(e->message, "Too large resource version");
	if (e->retry_after_s < 0)
		e->retry_after_s = kvip_json_int(details, "retryAfterSeconds", -1);
}

/* Take note: "403 Forbidden: what the server says; what to do". */
static void note(struct kvip_watch *w, const struct kvip_api_error *e, const char *advice,
		 kvip_msec now)
{
	char text[sizeof(w->st.last_error) * 2];

	snprintf(text, sizeof(text), "%d%s%s%s%s%s%s", e->code, e->reason[0] ? " " : "", e->reason,
		 advice[0] ? ": " : "", advice, e->message[0] ? "; the server says: " : "",
		 e->message);
	kvip_watch_fail(w, e->code, text, now);
}

static void wait_at_cap(struct kvip_watch *w, const char *why, kvip_msec now)
{
	kvip_watch_fsm(w, KVIP_EV_RETRY, kvip_watch_jitter(w, KVIP_BACKOFF_CAP_MS), why, now);
}

void kvip_watch_stream_failed(struct kvip_watch *w)
{
	if (++w->stream_fails < KVIP_STREAM_TRIES)
		return;
	w->stream_fails = 0;
	w->plain = true;
}

static void no_stream(struct kvip_watch *w, kvip_msec now)
{
	w->has_stream = KVIP_STREAM_NO;
	kvip_watch_fsm(w, KVIP_EV_RELIST, 0, "the server has no streaming lists", now);
}

/* 400, 406, 415, 422: what we asked for is not understood. Ask for less, if there is less. */
static void not_understood(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	bool had_token = w->token != NULL;

	if (w->xfer == KVIP_XFER_STREAM) {
		no_stream(w, now);
		return;
	}
	note(w, e, "the server does not understand the request", now);
	if (had_token)
		w->unpaged = true;
	if (w->xfer == KVIP_XFER_WATCH || had_token || (w->rv[0] && !w->rv_unset))
		kvip_watch_fsm(w, KVIP_EV_SCRATCH, KVIP_BY_BACKOFF, "request refused", now);
	else
		wait_at_cap(w, "request refused", now);
}

/* The owner reads the credentials again for every request: one retry at once uses new ones. */
static void unauthorized(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	kvip_msec wait_ms = 0;

	note(w, e, "the server does not accept the credentials: renew the token or certificate",
	     now);
	if (w->auth_fails++) {
		wait_ms = kvip_watch_backoff(w, now);
		if (wait_ms < KVIP_AUTH_RETRY_MS)
			wait_ms = kvip_watch_jitter(w, KVIP_AUTH_RETRY_MS);
	}
	kvip_watch_fsm(w, KVIP_EV_RETRY, wait_ms, "unauthorized", now);
}

static void forbidden(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	char advice[96];

	if (w->xfer == KVIP_XFER_STREAM && !strcmp(e->reason, "Invalid")) {
		no_stream(w, now);
		return;
	}
	snprintf(advice, sizeof(advice), "grant us get, list and watch on %s",
		 kvip_kinds[w->kind].plural);
	note(w, e, advice, now);
	/* Not at the cap: a server that has just started says this until it has read its RBAC
	 * objects. */
	kvip_watch_fsm(w, KVIP_EV_RETRY, KVIP_BY_BACKOFF, "forbidden", now);
}

/*
 * A CRD is served in one version or two: the newer is asked for first, then, at once, the older one
 * (or the other way round, after a change of the CRD). Both missing: the kind is.
 */
static bool try_other_version(struct kvip_watch *w, kvip_msec now)
{
	if (!kvip_kinds[w->kind].older)
		return false;
	w->older = !w->older;
	w->other_tried = !w->other_tried;
	if (w->other_tried)
		kvip_watch_fsm(w, KVIP_EV_SCRATCH, 0, "not in this version", now);
	return w->other_tried;
}

/*
 * No such kind: for a mandatory one this is no Kubernetes API, or an ancient one, and never a
 * reason to forget what we know. For an optional one its CRD is not installed; if it was, one
 * answer is not believed: a server that has just started does not know its CRDs yet.
 */
static void not_found(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	char advice[128];

	if (kvip_kinds[w->kind].mandatory) {
		snprintf(advice, sizeof(advice),
			 "the server has no %s: is it Kubernetes, 1.21 or newer?",
			 kvip_kinds[w->kind].path);
		note(w, e, advice, now);
		wait_at_cap(w, "not found", now);
		return;
	}
	if (try_other_version(w, now))
		return;
	kvip_watch_fsm(w, KVIP_EV_ABSENT, kvip_watch_jitter(w, KVIP_ABSENT_MS), "no such kind",
		       now);
	if (w->synced && !w->absent++)
		return;
	kvip_watch_well(w);
	w->synced = false;
	w->rv[0] = '\0';
	if (!w->absent_told)
		w->feed->absent(w->feed_ctx, w->kind);
	w->absent_told = true;
}

/* 410: our resourceVersion, or our place in a list, has been forgotten. That happens; it is no
 * error. */
static void expired(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	kvip_msec wait_ms = KVIP_BY_BACKOFF;
	bool scratch = true;

	if (w->token) {
		wait_ms = w->unpaged ? KVIP_BY_BACKOFF : 0;
		w->unpaged = true;
	} else if (w->xfer != KVIP_XFER_WATCH) {
		if (w->rv[0] && !w->rv_unset)
			wait_ms = 0;
	} else if (!w->expired++) {
		wait_ms = 0;
		scratch = false;
	}
	if (wait_ms)
		note(w, e, "the server forgets its history at once", now);
	kvip_watch_fsm(w, scratch ? KVIP_EV_SCRATCH : KVIP_EV_RELIST, wait_ms,
		       "resourceVersion too old", now);
}

static kvip_msec retry_after(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	kvip_msec wait_ms = kvip_watch_backoff(w, now);
	kvip_msec asked_ms = 0;

	if (e->retry_after_s > 0)
		asked_ms = e->retry_after_s < KVIP_RETRY_AFTER_MAX_MS / 1000
				   ? e->retry_after_s * 1000
				   : KVIP_RETRY_AFTER_MAX_MS;
	return wait_ms > asked_ms ? wait_ms : asked_ms;
}

/* A server that lags catches up soon; one restored from a backup never does. */
static void too_large(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	note(w, e, "the server is behind what it told us before: it lags, or etcd was restored",
	     now);
	if (++w->too_large < KVIP_TOO_LARGE_TRIES) {
		kvip_watch_fsm(w, KVIP_EV_RETRY, retry_after(w, e, now), "too large", now);
		return;
	}
	w->too_large = 0;
	kvip_watch_fsm(w, KVIP_EV_SCRATCH, w->rv_unset ? KVIP_BY_BACKOFF : 0, "too large", now);
}

/* 500 is also what a resourceVersion that is no number gets: that will not get better. */
static enum kvip_watch_event after_500(struct kvip_watch *w)
{
	if (w->rv[0] && !w->rv_unset && !kvip_rv_decimal(w->rv))
		return KVIP_EV_SCRATCH;
	if (!w->rv[0] || ++w->rv_fails < KVIP_RV_TRIES)
		return KVIP_EV_RETRY;
	w->rv_fails = 0;
	return w->xfer == KVIP_XFER_WATCH ? KVIP_EV_RELIST : KVIP_EV_SCRATCH;
}

static void unavailable(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	enum kvip_watch_event ev = e->code == 500 ? after_500(w) : KVIP_EV_RETRY;

	if (w->xfer == KVIP_XFER_STREAM)
		kvip_watch_stream_failed(w);
	note(w, e, e->code == 429 ? "the server is busy" : "the server has a problem", now);
	kvip_watch_fsm(w, ev, retry_after(w, e, now), "server error", now);
}

void kvip_watch_refused(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now)
{
	switch (e->code) {
	case 400:
	case 406:
	case 415:
	case 422:
		not_understood(w, e, now);
		return;
	case 401:
		unauthorized(w, e, now);
		return;
	case 403:
		forbidden(w, e, now);
		return;
	case 404:
		not_found(w, e, now);
		return;
	case 410:
		expired(w, e, now);
		return;
	}
	if (e->too_large) {
		too_large(w, e, now);
	} else if (e->code == 429 || e->code >= 500) {
		unavailable(w, e, now);
	} else {
		note(w, e, "not an answer of an API server: check the address", now);
		wait_at_cap(w, "odd status", now);
	}
}

void kvip_watch_answered(struct kvip_watch *w, kvip_msec now)
{
	struct kvip_api_error e = { .retry_after_s = w->retry_after_s };
	struct json_object *json;

	if (!kvip_json_parse(kvip_buf_str(&w->error_body), w->error_body.len, &json, NULL)) {
		kvip_api_error_read(json, &e);
		kvip_json_free(json);
	}
	e.code = w->http_status;
	kvip_buf_done(&w->error_body);
	kvip_watch_refused(w, &e, now);
}

void kvip_watch_lost(struct kvip_watch *w, enum kvip_transfer_end end, const char *why,
		     kvip_msec now)
{
	static const char *const what[] = {
		[KVIP_END_CLEAN] = "the server ended the connection without an answer",
		[KVIP_END_BROKEN] = "the connection was lost",
		[KVIP_END_CONNECT] = "cannot connect",
		[KVIP_END_TLS] = "TLS failed (check the CA, the server's name and both clocks)",
		[KVIP_END_CREDENTIALS] = "the credentials cannot be used",
	};
	char text[sizeof(w->st.last_error)];

	snprintf(text, sizeof(text), "%s%s%.320s", what[end], why ? ": " : "", why ? why : "");
	if (w->xfer == KVIP_XFER_STREAM && end == KVIP_END_BROKEN && w->http_status)
		kvip_watch_stream_failed(w);
	if (w->xfer == KVIP_XFER_WATCH && now - w->started_ms >= KVIP_STEADY_MS)
		w->backoff_ms = 0;
	w->lost = true;
	kvip_watch_fail(w, 0, text, now);
	kvip_watch_fsm(w, KVIP_EV_RETRY, KVIP_BY_BACKOFF, what[end], now);
}

void kvip_watch_garbled(struct kvip_watch *w, const char *why, kvip_msec now)
{
	enum kvip_watch_event ev = KVIP_EV_RETRY;

	if (w->xfer == KVIP_XFER_STREAM)
		kvip_watch_stream_failed(w);
	if (w->xfer == KVIP_XFER_WATCH && ++w->rv_fails >= KVIP_RV_TRIES) {
		w->rv_fails = 0;
		ev = KVIP_EV_RELIST;
	}
	kvip_watch_fail(w, 0, why, now);
	kvip_watch_fsm(w, ev, KVIP_BY_BACKOFF, "the answer is unusable", now);
}
