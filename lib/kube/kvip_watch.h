/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list+watch machine of one kind: a protocol engine without sockets (after nghttp2).
 *
 * It is asked what to request (kvip_watch_poll), is told what came back (response, bytes, done) and
 * what time it is, and calls the feed. It knows no URL's host, no credentials, no curl: tests and
 * fuzzers drive it byte by byte with a clock of their own. One function, in kvip_watch.c, owns
 * every change of state.
 *
 * Sources: Kubernetes documentation v1.36, "API concepts" (watch, resourceVersion, bookmarks,
 * streaming lists); client-go v0.36 tools/cache/reflector.go for the backoff numbers.
 */
#pragma once

#include "base/kvip_err.h"
#include "base/kvip_log.h"
#include "base/kvip_time.h"
#include "kube/kvip_client.h"
#include "kube/kvip_feed.h"

struct kvip_watch;

/* What the owner shall do next. */
enum kvip_watch_want {
	KVIP_WANT_NOTHING, /* until deadline_ms */
	KVIP_WANT_REQUEST, /* GET target, then report response, bytes, done */
	KVIP_WANT_ABORT,   /* drop the transfer in flight without a report, then poll again */
};

struct kvip_watch_request {
	const char *target;    /* path and query; valid until the next call into the machine */
	bool is_watch;         /* endless answer: no Accept-Encoding, no low-speed limit */
	kvip_msec deadline_ms; /* poll again at the latest then; the machine gives ABORT if the
				  answer is overdue */
	bool overdue;          /* of ABORT: that is why */
};

/* Why a transfer ended. */
enum kvip_transfer_end {
	KVIP_END_CLEAN,       /* the answer is complete (terminating chunk, END_STREAM) */
	KVIP_END_BROKEN,      /* connection lost in the middle */
	KVIP_END_CONNECT,     /* no connection: refused, unreachable, name not found */
	KVIP_END_TLS,         /* certificate or handshake */
	KVIP_END_CREDENTIALS, /* nothing was sent: the credentials are unusable */
};

/**
 * kvip_watch_new - a machine for @kind that wants to list
 * @seed: for jitter; the same seed gives the same times
 */
int kvip_watch_new(enum kvip_kind kind, const struct kvip_feed *feed, void *feed_ctx,
		   const char *log_name, const struct kvip_log *log, uint64_t seed, kvip_msec now,
		   struct kvip_watch **out) KVIP_USE_RESULT;
void kvip_watch_free(struct kvip_watch *w);

/** kvip_watch_poll - what next? To be called after every other call and at the deadline it gave. */
enum kvip_watch_want kvip_watch_poll(struct kvip_watch *w, kvip_msec now,
				     struct kvip_watch_request *req);

/**
 * kvip_watch_response - the status line and headers arrived
 * @content_type: or NULL. @retry_after_s: value of Retry-After in seconds, -1 without one.
 */
void kvip_watch_response(struct kvip_watch *w, int http_status, const char *content_type,
			 int64_t retry_after_s, kvip_msec now);
/** kvip_watch_bytes - a part of the body, cut anywhere. Return: 0, or negative: drop the transfer
 * (the machine has already taken note, no done() must follow). */
int kvip_watch_bytes(struct kvip_watch *w, const char *data, size_t len, kvip_msec now);
/** kvip_watch_done - the transfer ended. @why: what happened, if not clean, or NULL. */
void kvip_watch_done(struct kvip_watch *w, enum kvip_transfer_end end, const char *why,
		     kvip_msec now);

/** kvip_watch_relist - drop the watch, list again at once with unset resourceVersion. */
void kvip_watch_relist(struct kvip_watch *w, kvip_msec now);
/**
 * kvip_watch_probe_result - a `limit=1` probe of a silent watch answered with @rv ("" if it failed)
 * An answer is a proof of life of the server. An rv older than ours makes the machine list from
 * scratch. An rv ahead of ours proves nothing, because a list's is the whole store's; if the watch
 * is still behind it at the next probe, the watch is begun anew from where it was.
 */
void kvip_watch_probe_result(struct kvip_watch *w, const char *rv, kvip_msec now);
/**
 * kvip_watch_wants_probe - has the watch been silent for so long that a probe is due?
 * To be asked after kvip_watch_poll() gave NOTHING (whose deadline comes early enough for it).
 * Return: the target to GET, valid until the next call, or NULL; asks once per 75 s of silence.
 */
const char *kvip_watch_wants_probe(struct kvip_watch *w, kvip_msec now);

/** kvip_watch_server_changed - another server (or the same one, upgraded) is used from now on: what
 *  was learned of it (streaming list or not) is forgotten; the resourceVersion is kept. */
void kvip_watch_server_changed(struct kvip_watch *w);

/** kvip_watch_server_back - the server, which could not be reached, answers: do not wait any longer,
 *  if it was for that. Return: was it? */
bool kvip_watch_server_back(struct kvip_watch *w, kvip_msec now);

void kvip_watch_get_status(const struct kvip_watch *w, struct kvip_watch_status *out);
