/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the list+watch machine; private to kvip_watch*.c. Everything on T1.
 *
 * Who changes what: `state`, `goal`, `next_try_ms`, `abort` and the refresh are changed by
 * kvip_watch_fsm() alone. The transfer's fields are those of the transfer in flight (or, after it,
 * of the last one) and are set by kvip_watch_start() and the three reports of the owner.
 */
#pragma once

#include "base/kvip_buf.h"
#include "base/kvip_limits.h"
#include "kube/kvip_rv.h"
#include "kube/kvip_stream.h"
#include "kube/kvip_watch.h"

struct json_object;

#define KVIP_PAGE_LIMIT         500 /* client-go's page; some 1 MB of Services */
#define KVIP_WATCH_MIN_S        300 /* timeoutSeconds: client-go's 5 to 10 minutes */
#define KVIP_WATCH_MAX_S        600
#define KVIP_WATCH_GRACE_MS     15000  /* past timeoutSeconds the server is stuck */
#define KVIP_SILENCE_MS         60000  /* without a byte: list, headers, mark */
#define KVIP_LIST_MAX_MS        600000 /* one page, or the initial events, whatever drips in */
#define KVIP_SHORT_WATCH_MS     1000   /* client-go's VeryShortWatchError */
#define KVIP_BACKOFF_MIN_MS     800    /* client-go reflector: 800 ms, doubled up to 30 s ... */
#define KVIP_BACKOFF_CAP_MS     30000  /* ... plus jitter as much again */
#define KVIP_BACKOFF_RESET_MS   120000 /* ... from the start after 2 minutes without */
#define KVIP_AUTH_RETRY_MS      5000   /* 401, after the one retry with credentials read again */
#define KVIP_ABSENT_MS          30000  /* plus jitter: when an absent kind is looked for again */
#define KVIP_RETRY_AFTER_MAX_MS 60000  /* a server's Retry-After is believed up to here */
#define KVIP_PROBE_MS           75000 /* silence of a watch: bookmarks come each 60 s, if they do */
#define KVIP_PROBE_SOON_MS      1000  /* the same, plus jitter, after a connection was lost */
#define KVIP_STREAM_TRIES       3     /* of a streaming list, before a plain list takes its place */
#define KVIP_TOO_LARGE_TRIES    3     /* of "Too large resource version" */
#define KVIP_RV_TRIES           5     /* of one resourceVersion that the server chokes on */
#define KVIP_SHORT_WATCHES      5     /* short ones in a row, even if they bring something */
#define KVIP_STEADY_MS          10000 /* a watch that lived so long starts the backoff anew */
#define KVIP_MAX_TOKEN          4096  /* of a list's `continue` */
#define KVIP_MAX_ERROR_BODY     (32u << 10)
#define KVIP_BY_BACKOFF         (-1) /* kvip_watch_fsm(): the wait is the backoff's */

enum kvip_watch_goal { KVIP_GOAL_LIST, KVIP_GOAL_WATCH };

enum kvip_transfer {
	KVIP_XFER_NONE,
	KVIP_XFER_PAGE,   /* a list, or a page of one */
	KVIP_XFER_STREAM, /* a streaming list before its mark */
	KVIP_XFER_WATCH,  /* a watch, or a streaming list behind its mark */
};

enum kvip_watch_event {
	KVIP_EV_DUE,     /* the wait is over */
	KVIP_EV_PAGE,    /* a page of a list is here, others follow */
	KVIP_EV_SYNCED,  /* a list is complete */
	KVIP_EV_OVER,    /* a watch ended as it should */
	KVIP_EV_RENEW,   /* drop the watch, watch again from where it was */
	KVIP_EV_RETRY,   /* the last try failed: wait, then again what was tried */
	KVIP_EV_RELIST,  /* list again, not older than what is known */
	KVIP_EV_SCRATCH, /* list again, whatever is known (unset resourceVersion) */
	KVIP_EV_ABSENT,  /* the server does not know the kind */
};

enum kvip_has_stream { KVIP_STREAM_UNKNOWN, KVIP_STREAM_YES, KVIP_STREAM_NO };

/* A Status, from an answer's body or an ERROR event. */
struct kvip_api_error {
	int code;
	char reason[48];
	char message[120];
	bool too_large;        /* cause ResourceVersionTooLarge */
	int64_t retry_after_s; /* -1: none */
};

struct kvip_watch {
	/* set once */
	enum kvip_kind kind;
	const struct kvip_feed *feed;
	void *feed_ctx;
	const struct kvip_log *log;
	char *name; /* of the cluster */
	uint64_t seed;

	/* the machine */
	enum kvip_watch_state state;
	enum kvip_watch_goal goal;
	bool abort;       /* the owner has yet to drop a transfer */
	kvip_msec now_ms; /* of the call under way, for the stream's callbacks */
	kvip_msec next_try_ms;
	kvip_msec backoff_ms, backoff_until_ms;

	/* the transfer */
	enum kvip_transfer xfer;
	bool in_flight;
	int http_status; /* 0: no answer yet */
	int64_t retry_after_s;
	kvip_msec started_ms, last_rx_ms;
	kvip_msec timeout_ms; /* timeoutSeconds of a watch */
	uint64_t xfer_events;
	bool rv_moved; /* during this watch */
	struct kvip_buf target;
	struct kvip_buf error_body;
	struct kvip_stream stream;

	/* what is known of the server */
	char rv[KVIP_RV_SIZE]; /* "" before the first list */
	enum kvip_has_stream has_stream;
	bool synced, absent_told;
	bool older;       /* the older version of its API is asked */
	bool other_tried; /* since the last list: the other version is not there either */
	bool incomplete; /* something could not be read or stored: list again when the watch ends */

	/* the list under way */
	bool refreshing; /* between refresh_begin and refresh_end or _abort */
	bool rv_unset;   /* list without a resourceVersion */
	bool plain;      /* no streaming list this time */
	bool unpaged;    /* no `limit` this time */
	uint32_t pages;
	uint32_t unreadable; /* items that nobody can tell which object they were */
	kvip_msec list_started_ms;
	char page_rv[KVIP_RV_SIZE];
	char *token; /* `continue` of the next page, or NULL */

	/* failures in a row */
	uint32_t stream_fails, too_large, auth_fails, expired, rv_fails, short_watches, absent;

	bool lost; /* a connection, since the last 200: who answers next may be older than that */

	/* the probe of a silent watch */
	kvip_msec probe_due_ms;
	char asked_rv[KVIP_RV_SIZE]; /* ours when the probe was asked for */
	char probe_rv[KVIP_RV_SIZE]; /* of the first probe in this silence that was ahead of us */

	struct kvip_watch_status st; /* counters and errors; the rest is filled in when asked for */
};

/* kvip_watch.c */
/** kvip_watch_fsm - the one place where the state changes; @wait_ms: before the next request. */
void kvip_watch_fsm(struct kvip_watch *w, enum kvip_watch_event ev, kvip_msec wait_ms,
		    const char *why, kvip_msec now);
/** kvip_watch_fail - take note of an error (@http_status 0: none) before telling the machine. */
void kvip_watch_fail(struct kvip_watch *w, int http_status, const char *text, kvip_msec now);
/** kvip_watch_well - the last try went well: forget its error. */
void kvip_watch_well(struct kvip_watch *w);
/** kvip_watch_proof - a sign of life, as kvip_watch_status.last_proof_ms means it. */
void kvip_watch_proof(struct kvip_watch *w, kvip_msec now);
/** kvip_watch_stop - end the transfer from inside; what the stream's callback shall return. */
int kvip_watch_stop(struct kvip_watch *w);

/* kvip_watch_request.c */
/** kvip_watch_path - of the version that is asked. */
const char *kvip_watch_path(const struct kvip_watch *w);
/** kvip_watch_start - the next request. Return: 0, -ENOMEM, -EMSGSIZE. */
int kvip_watch_start(struct kvip_watch *w, kvip_msec now, struct kvip_watch_request *req);
/** kvip_watch_deadline - when the transfer in flight is overdue. */
kvip_msec kvip_watch_deadline(const struct kvip_watch *w);
/** kvip_watch_overdue - the transfer in flight is; judge it. */
void kvip_watch_overdue(struct kvip_watch *w, kvip_msec now);
/** kvip_watch_backoff - the next wait of the backoff, with jitter. */
kvip_msec kvip_watch_backoff(struct kvip_watch *w, kvip_msec now);
/** kvip_watch_jitter - @base_ms and up to as much again. */
kvip_msec kvip_watch_jitter(struct kvip_watch *w, kvip_msec base_ms);

/* kvip_watch_list.c */
/** kvip_watch_item, kvip_watch_envelope - from the splitter; 0 or what stops it. */
int kvip_watch_item(struct kvip_watch *w, const char *json, size_t len);
int kvip_watch_envelope(struct kvip_watch *w, const char *json, size_t len);
/** kvip_watch_begin_list - a list's answer begins: tell the feed. */
void kvip_watch_begin_list(struct kvip_watch *w);
/** kvip_watch_page_done - a page ended clean. */
void kvip_watch_page_done(struct kvip_watch *w, kvip_msec now);
/** kvip_watch_synced - a list is complete at @rv. */
void kvip_watch_synced(struct kvip_watch *w, const char *rv, kvip_msec now);
/** kvip_watch_put - one object to the feed. Return: 0, or -ENOMEM: what was sent is lost. */
int kvip_watch_put(struct kvip_watch *w, struct kvip_obj *obj);
/** kvip_watch_unreadable - something came that nobody can tell which object it was. */
void kvip_watch_unreadable(struct kvip_watch *w);
/** kvip_watch_drop_list - forget the list under way; nothing is swept. */
void kvip_watch_drop_list(struct kvip_watch *w);

/* kvip_watch_event.c */
/** kvip_watch_apply - one event of a watch, from the splitter; 0 or what stops it. */
int kvip_watch_apply(struct kvip_watch *w, const char *json, size_t len, kvip_msec now);

/* kvip_watch_error.c */
/** kvip_api_error_read - a Status as far as @json is one; the rest of @e is left as it is. */
void kvip_api_error_read(struct json_object *json, struct kvip_api_error *e);
/** kvip_watch_refused - the server said no, by an answer or by an ERROR event. */
void kvip_watch_refused(struct kvip_watch *w, const struct kvip_api_error *e, kvip_msec now);
/** kvip_watch_answered - the same for an answer that is complete, as far as it will ever be. */
void kvip_watch_answered(struct kvip_watch *w, kvip_msec now);
/** kvip_watch_lost - the transfer ended without an answer, or in the middle of one. */
void kvip_watch_lost(struct kvip_watch *w, enum kvip_transfer_end end, const char *why,
		     kvip_msec now);
/** kvip_watch_garbled - the answer was no JSON, too large, or memory ran out. */
void kvip_watch_garbled(struct kvip_watch *w, const char *why, kvip_msec now);
/** kvip_watch_stream_failed - one more try of a streaming list came to nothing. */
void kvip_watch_stream_failed(struct kvip_watch *w);
