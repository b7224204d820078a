/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One cluster's client: its servers and credentials, one list+watch machine per kind, and the
 * transfers that carry them. Everything here belongs to the worker thread (T1).
 */
#pragma once

#include "base/kvip_addr.h"
#include "base/kvip_err.h"
#include "base/kvip_limits.h"
#include "base/kvip_log.h"
#include "base/kvip_time.h"
#include "kube/kvip_feed.h"

struct kvip_http;
struct kvip_client;

/**
 * kvip_http_new - the transfer engine (a libcurl multi handle), shared by all clients of a worker
 * @user_agent: never one that looks like curl or a browser: the API server pretty-prints for those
 * Return: NULL without memory. Thread: created, used and freed on T1, but for kvip_http_wakeup().
 */
struct kvip_http *kvip_http_new(const char *user_agent, const struct kvip_log *log);
/** kvip_http_free - no client may be left. */
void kvip_http_free(struct kvip_http *h);
/**
 * kvip_http_poll - wait for traffic and run the transfers
 * @timeout_ms: the longest wait; 0 does not wait
 * Callbacks of clients run from here. Return: 0 or a negative errno (the loop goes on).
 */
int kvip_http_poll(struct kvip_http *h, int timeout_ms);
/** kvip_http_wakeup - let a kvip_http_poll() that waits return at once. Any thread. */
void kvip_http_wakeup(struct kvip_http *h);

/* Where and as whom to connect. All strings are borrowed for the call that takes it. */
struct kvip_client_conf {
	const char *name;           /* of the cluster: for logs and errors */
	const char *kubeconfig;     /* a file, or NULL: then servers etc. below */
	const char *context;        /* of the kubeconfig, or NULL: current-context */
	bool in_cluster;            /* ServiceAccount files and KUBERNETES_SERVICE_* */
	const char *const *servers; /* https://HOST:PORT, tried in turn; not the kubeconfig's then */
	size_t n_servers;
	const char *ca_file, *token_file, *cert_file, *key_file;
	const char *tls_server_name, *proxy_url;
	bool kinds[KVIP_KIND_MAX]; /* a kind that the configuration does not need is not watched */
};

/**
 * kvip_client_new - start to list and watch
 * @feed, @ctx: where objects go; @lock_enter/@lock_leave: called around every batch of feed calls
 *              (bounded by one chunk of bytes), so that `show` on T0 never waits long. May be NULL.
 * Wrong credentials or a wrong kubeconfig are no failure here: they are states, seen in the status
 * and tried again (a file may appear later).
 * Return: 0, -ENOMEM.
 */
struct kvip_client_hooks {
	const struct kvip_feed *feed;
	void (*lock_enter)(void *ctx);
	void (*lock_leave)(void *ctx);
	void *ctx;
};
int kvip_client_new(struct kvip_http *http, const struct kvip_client_conf *conf,
		    const struct kvip_client_hooks *hooks, const struct kvip_log *log,
		    uint64_t seed, kvip_msec now, struct kvip_client **out) KVIP_USE_RESULT;
/** kvip_client_free - aborts transfers; takes NULL. Feeds nothing. */
void kvip_client_free(struct kvip_client *c);
/** kvip_client_step - start what is due. Return: when to call again at the latest; to be called
 *  after every kvip_http_poll(), too, because callbacks start nothing themselves. */
kvip_msec kvip_client_step(struct kvip_client *c, kvip_msec now);
/** kvip_client_relist - `clear kubevip cluster NAME`: list every kind again, at once. */
void kvip_client_relist(struct kvip_client *c, kvip_msec now);

enum kvip_watch_state {
	KVIP_WATCH_IDLE,    /* not asked for */
	KVIP_WATCH_LISTING, /* a list, or the initial events of a streaming list, is under way */
	KVIP_WATCH_WATCHING,
	KVIP_WATCH_BACKOFF, /* waits before the next try */
	KVIP_WATCH_ABSENT,  /* the server does not know the kind */
};
const char *kvip_watch_state_name(enum kvip_watch_state s);

struct kvip_watch_status {
	enum kvip_watch_state state;
	bool synced; /* has listed completely at least once */
	char resource_version[64];
	kvip_msec last_proof_ms;    /* last sign of life: a list finished, an event, a bookmark, a
				       clean end of a watch, a probe answered. 0: never */
	kvip_msec watch_timeout_ms; /* no proof of life for twice as long is API loss */
	kvip_msec next_try_ms;      /* in BACKOFF and ABSENT */
	uint32_t http_status;       /* of the last answer that was an error; 0: none */
	char last_error[400];       /* what and what to do; "" when the last try went well */
	kvip_msec last_error_ms;
	uint64_t lists, relists, events, bookmarks, watches, errors;
	uint64_t objects_refused; /* not decodable, over a limit */
	kvip_msec list_took_ms;
	bool streaming_list; /* the server has it */
};

struct kvip_server_status {
	char url[256];
	bool current;
	/* What its name resolved to, and its proxy's: every address that was tried, the latest
	 * KVIP_MAX_PEERS. */
	struct kvip_addr peers[KVIP_MAX_PEERS];
	uint32_t n_peers, next_peer;
	uint64_t failures;
	char last_error[400];
};

struct kvip_client_status {
	char credential_error[320];   /* "" when credentials and configuration are usable */
	char credential_warning[320]; /* it works, but something is to be mended; or "" */
	char identity[64];            /* "" while unknown */
	bool unauthorized;            /* 401/403 on a mandatory kind: API loss at once (rules R4) */
	kvip_wall token_expires_s;    /* exp of the JWT, 0: unknown */
	size_t n_servers;
	struct kvip_server_status servers[16];
	struct kvip_watch_status kind[KVIP_KIND_MAX];
};
/** kvip_client_get_status - a copy, to be taken on T1 or under the lock of the hooks. */
void kvip_client_get_status(const struct kvip_client *c, struct kvip_client_status *out);
