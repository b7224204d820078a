/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of kvip_client*.c.
 *
 *   kvip_client.c        the client: new, free, step, status
 *   kvip_client_send.c   requests of the list+watch machines; servers in turn; 401
 *   kvip_client_aside.c  small requests beside them: the cluster's identity, probes
 *
 * Everything is T1's. What kvip_client_get_status() shows is changed only between
 * kvip_client_lock() and kvip_client_unlock(), and so is every kvip_watch; nothing slow (files,
 * libcurl) happens in between.
 */
#pragma once

#include "base/kvip_buf.h"
#include "base/kvip_limits.h"
#include "kube/kvip_client.h"
#include "kube/kvip_cred.h"
#include "kube/kvip_http.h"
#include "kube/kvip_watch.h"

#define KVIP_TASK_MAGIC 0x6b767461u

enum kvip_task_role { KVIP_TASK_WATCH, KVIP_TASK_PROBE, KVIP_TASK_IDENTITY };

/* A place for one request at a time. */
struct kvip_task {
	uint32_t magic;
	enum kvip_task_role role;
	enum kvip_kind kind;
	struct kvip_client *client;
	struct kvip_http_transfer *transfer; /* NULL: none under way */
	struct kvip_buf target;
	struct kvip_buf body; /* of probes and the identity */
	bool is_watch;
	bool fresh;   /* the last transfer hung: use another connection */
	bool again;   /* send the same target at the next step; the machine knows nothing of it */
	bool denied;  /* ... because of a 401, if there are other credentials by then */
	bool retried; /* that has been done for this request */
	unsigned int tries;   /* servers this request was sent to */
	size_t server;        /* where it went */
	uint64_t credentials; /* with which generation */
	int status;           /* of the answer; 0: none yet */
};

struct kvip_client {
	struct kvip_http *http;
	struct kvip_client_hooks hooks;
	const struct kvip_log *log;
	char *name;
	kvip_msec start_ms; /* a little jitter: not all clusters in the same moment */

	struct kvip_cred *cred;
	uint64_t credentials; /* generation; 0: none were ever usable */
	bool reread;          /* force: a 401 or a failed handshake came */

	struct kvip_watch *watch[KVIP_KIND_MAX]; /* NULL: not asked for */
	struct kvip_task main[KVIP_KIND_MAX], probe[KVIP_KIND_MAX], identity;

	size_t current;             /* the server in use */
	unsigned int server_errors; /* answers 5xx in a row */
	bool answered;              /* the last word of a server was an answer */
	bool back;                  /* ... and the one before was none */
	kvip_msec hurry_ms;         /* not before: let all try that wait for a server */

	bool want_identity;
	kvip_msec identity_due_ms;
	size_t identity_source; /* which of the two is asked */

	/* shown by the status */
	char credential_error[320], credential_warning[320], identity_uid[64];
	bool refused[KVIP_KIND_MAX]; /* the last answer was 401 or 403 */
	kvip_wall token_expires_s;
	size_t n_servers;
	struct kvip_server_status servers[KVIP_MAX_SERVERS];
};

/* kvip_client.c */
void kvip_client_lock(struct kvip_client *c);
void kvip_client_unlock(struct kvip_client *c);

/* kvip_client_send.c */
/** kvip_client_step_watch - run the machine of @kind. Return: when again. */
kvip_msec kvip_client_step_watch(struct kvip_client *c, enum kvip_kind kind, kvip_msec now);
/**
 * kvip_client_send - send @t->target to the current server
 * Return: 0; or negative with @end and @err telling why nothing was sent.
 */
int kvip_client_send(struct kvip_task *t, const struct kvip_http_events *ev, long timeout_ms,
		     enum kvip_transfer_end *end, struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_client_server_failed - @server did not serve: note it; was it current, use the next. */
void kvip_client_server_failed(struct kvip_client *c, size_t server, const char *why);
/** kvip_client_server_well - @server answered. */
void kvip_client_server_well(struct kvip_client *c, size_t server);
/** kvip_client_peer - of a task's transfer: the address of @t's server is known. */
void kvip_client_peer(void *ctx, const struct kvip_addr *peer);
/** kvip_client_servers_changed - the credentials name other servers, or the first ones. */
void kvip_client_servers_changed(struct kvip_client *c, const struct kvip_credentials *cred);

/* kvip_client_aside.c */
kvip_msec kvip_client_step_probe(struct kvip_client *c, enum kvip_kind kind, kvip_msec now);
kvip_msec kvip_client_step_identity(struct kvip_client *c, kvip_msec now);
/** kvip_client_want_identity - a list begins: read the identity (again), soon. */
void kvip_client_want_identity(struct kvip_client *c);
