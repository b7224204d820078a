/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One GET at a time: the inside of kvip_http, for kvip_client*.c. Everything on T1.
 *
 * The pure functions at the end are for tests.
 */
#pragma once

#include "kube/kvip_client.h"
#include "kube/kvip_file.h"
#include "kube/kvip_url.h"
#include "kube/kvip_watch.h"

struct kvip_http_transfer;

/* All pointers are borrowed for the call to kvip_http_start(). */
struct kvip_http_request {
	const struct kvip_server *server;
	const char *target;                      /* path and query, from "/" */
	const char *tls_server_name;             /* "": the server's host */
	const char *proxy_url;                   /* "": none */
	const char *token;                       /* NULL: none */
	const struct kvip_blob *ca, *cert, *key; /* .data NULL: none */
	bool is_watch;   /* endless: no compression, no lower limit of speed */
	bool fresh;      /* not over a connection that exists: the last one hung */
	long timeout_ms; /* of the whole transfer; 0: none */
	long connect_ms; /* of connecting, TLS included */
};

struct kvip_http_answer {
	int status;
	const char *content_type; /* or NULL */
	int64_t retry_after_s;    /* -1: none */
};

/* Called from kvip_http_poll() only. Start nothing there; cancelling is allowed. */
struct kvip_http_events {
	void (*answer)(void *ctx, const struct kvip_http_answer *a);
	/** Return: 0, or negative: drop the transfer; it is gone then, without done(). */
	int (*bytes)(void *ctx, const char *data, size_t len);
	/** The transfer is gone when this returns. @why: for people; "" when @end is clean. */
	void (*done)(void *ctx, enum kvip_transfer_end end, const char *why);
	/** A connection for it is tried to this address, or it goes over one (to the proxy, if
	 * there is one). Any number of times. */
	void (*peer)(void *ctx, const struct kvip_addr *peer);
};

/**
 * kvip_http_start - begin a GET
 * A token goes only over TLS or to a loopback address (the URL's parser sees to the latter).
 * Return: 0, -ENOMEM; -EINVAL: libcurl refuses an option (@err says which).
 */
int kvip_http_start(struct kvip_http *h, const struct kvip_http_request *rq,
		    const struct kvip_http_events *ev, void *ctx, struct kvip_http_transfer **out,
		    struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_http_cancel - drop a transfer; none of its callbacks is called any more. Takes NULL. */
void kvip_http_cancel(struct kvip_http_transfer *t);
/**
 * kvip_http_hang_up - the same for one whose answer is overdue
 * Its connection is ended for all that use it, unless something came over it in the last seconds:
 * libcurl would go on to put requests on it. A transfer that timed out by itself does this, too.
 */
void kvip_http_hang_up(struct kvip_http_transfer *t);

/** kvip_http_now - CLOCK_MONOTONIC, for the callbacks: traffic has the time at which it comes. */
kvip_msec kvip_http_now(void);
/** kvip_http_resolver_blocks - would libcurl resolve names in our thread (no AsynchDNS)? */
bool kvip_http_resolver_blocks(void);

/**
 * kvip_http_explain - what a libcurl result means for us and for people
 * @curl_code: CURLcode; @detail: libcurl's own text; @rq_url: for the text
 * @connected: had the connection (TLS included) been there?
 */
enum kvip_transfer_end kvip_http_explain(int curl_code, const char *detail, const char *rq_url,
					 bool connected, char *text, size_t text_size);
