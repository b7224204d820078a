// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: requests of the list+watch machines, and to which server they go.
 *
 * The machine says what to GET. Two things are settled here without bothering it:
 *
 * - No connection, or no TLS, with one server: the same request goes to the next one at once, until
 *   each was tried. The server that answers is kept. (Answers 5xx twice in a row also move on.)
 * - 401: credentials are read again at once. If there are others by now than those that were sent,
 *   the request is sent once more; the machine hears of it if there are none or they fail too.
 *
 * A transfer that hung is followed by one over a fresh connection: on HTTP/2 all share one, and
 * libcurl would put the next request on the connection that hangs. That one is ended, for all.
 *
 * Thread: T1. Callbacks come from kvip_http_poll(), the rest from kvip_client_step().
 */
#include "kvip_client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MS       10000
#define CONNECT_SHORT_MS 4000 /* where there is another server to try */
#define MANY_5XX         2
#define MAX_TURNS        8 /* of one machine in one step: abort, request, refused, ... */

/* ---- servers ---- */

static void tell_server_changed(struct kvip_client *c)
{
	for (size_t i = 0; i < KVIP_KIND_MAX; i++)
		if (c->watch[i])
			kvip_watch_server_changed(c->watch[i]);
}

void kvip_client_servers_changed(struct kvip_client *c, const struct kvip_credentials *cred)
{
	struct kvip_server_status fresh;

	kvip_client_lock(c);
	for (size_t i = 0; i < cred->n_servers; i++) {
		fresh = (struct kvip_server_status){ 0 };
		memcpy(fresh.url, cred->servers[i].url, sizeof(fresh.url));
		if (i >= c->n_servers || strcmp(c->servers[i].url, fresh.url) != 0)
			c->servers[i] = fresh;
	}
	c->n_servers = cred->n_servers;
	if (c->current >= c->n_servers)
		c->current = 0;
	kvip_client_unlock(c);
}

/*
 * Requests that wait for the same server: send them to the next one as well, now. On HTTP/2 they
 * wait for the connection that has just failed, and would try to open it one after the other.
 */
static void leave_server(struct kvip_client *c, size_t server)
{
	for (size_t i = 0; i < KVIP_KIND_MAX; i++) {
		struct kvip_task *t = &c->main[i];

		if (!t->transfer || t->status || t->server != server ||
		    t->tries + 1 >= c->n_servers)
			continue;
		kvip_http_cancel(t->transfer);
		t->transfer = NULL;
		t->tries++;
		t->again = true;
	}
	if (c->identity.transfer && !c->identity.status && c->identity.server == server) {
		kvip_http_cancel(c->identity.transfer);
		c->identity.transfer = NULL;
	}
}

void kvip_client_server_failed(struct kvip_client *c, size_t server, const char *why)
{
	bool leave = server == c->current && c->n_servers > 1;

	if (server >= c->n_servers)
		return;
	c->answered = false;
	kvip_client_lock(c);
	c->servers[server].failures++;
	snprintf(c->servers[server].last_error, sizeof(c->servers[server].last_error), "%s", why);
	if (leave) {
		c->current = (c->current + 1) % c->n_servers;
		c->server_errors = 0;
		tell_server_changed(c);
	}
	kvip_client_unlock(c);
	if (leave)
		leave_server(c, server);
}

void kvip_client_server_well(struct kvip_client *c, size_t server)
{
	c->back = c->back || !c->answered;
	c->answered = true;
	if (server >= c->n_servers || !c->servers[server].last_error[0])
		return;
	kvip_client_lock(c);
	c->servers[server].last_error[0] = '\0';
	kvip_client_unlock(c);
}

static bool is_known(const struct kvip_server_status *s, const struct kvip_addr *peer)
{
	for (uint32_t i = 0; i < s->n_peers; i++)
		if (kvip_addr_equal(&s->peers[i], peer))
			return true;
	return false;
}

void kvip_client_peer(void *ctx, const struct kvip_addr *peer)
{
	const struct kvip_task *t = ctx;
	struct kvip_server_status *s;

	if (t->magic != KVIP_TASK_MAGIC || t->server >= t->client->n_servers)
		return;
	s = &t->client->servers[t->server];
	if (is_known(s, peer))
		return;
	kvip_client_lock(t->client);
	s->peers[s->next_peer] = *peer;
	s->next_peer = (s->next_peer + 1) % KVIP_MAX_PEERS;
	if (s->n_peers < KVIP_MAX_PEERS)
		s->n_peers++;
	kvip_client_unlock(t->client);
}

/* ---- sending ---- */

int kvip_client_send(struct kvip_task *t, const struct kvip_http_events *ev, long timeout_ms,
		     enum kvip_transfer_end *end, struct kvip_err *err)
{
	struct kvip_client *c = t->client;
	const struct kvip_credentials *cred = kvip_cred_get(c->cred);
	struct kvip_http_request rq;
	int rc;

	*end = KVIP_END_CREDENTIALS;
	if (!cred)
		return kvip_err_set(err, -EACCES, "%s", kvip_cred_error(c->cred));
	t->server = c->current;
	t->credentials = c->credentials;
	t->status = 0;
	kvip_buf_reset(&t->body);
	rq = (struct kvip_http_request){
		.server = &cred->servers[t->server],
		.target = kvip_buf_str(&t->target),
		.tls_server_name = cred->tls_server_name,
		.proxy_url = cred->proxy_url,
		.token = cred->item[KVIP_CRED_TOKEN].data.data,
		.ca = &cred->item[KVIP_CRED_CA].data,
		.cert = &cred->item[KVIP_CRED_CERT].data,
		.key = &cred->item[KVIP_CRED_KEY].data,
		.is_watch = t->is_watch,
		.fresh = t->fresh,
		.timeout_ms = timeout_ms,
		.connect_ms = c->n_servers > 1 ? CONNECT_SHORT_MS : CONNECT_MS,
	};
	rc = kvip_http_start(c->http, &rq, ev, t, &t->transfer, err);
	if (rc == -ENOMEM)
		*end = KVIP_END_BROKEN;
	if (rc == 0)
		t->fresh = false;
	return rc;
}

/* ---- callbacks of a machine's transfer ---- */

static bool is_task(const struct kvip_task *t)
{
	return t->magic == KVIP_TASK_MAGIC && t->role == KVIP_TASK_WATCH;
}

static void count_5xx(struct kvip_client *c, const struct kvip_task *t, int status)
{
	char why[64];

	if (status < 500) {
		c->server_errors = 0;
		kvip_client_server_well(c, t->server);
		return;
	}
	snprintf(why, sizeof(why), "HTTP %d", status);
	if (++c->server_errors >= MANY_5XX)
		kvip_client_server_failed(c, t->server, why);
}

static void tell_answer(struct kvip_task *t, const struct kvip_http_answer *a, kvip_msec now)
{
	struct kvip_client *c = t->client;

	kvip_client_lock(c);
	if (a->status == 401 || a->status == 403)
		c->refused[t->kind] = true;
	else if (a->status < 300)
		c->refused[t->kind] = false;
	kvip_watch_response(c->watch[t->kind], a->status, a->content_type, a->retry_after_s, now);
	kvip_client_unlock(c);
}

static void on_answer(void *ctx, const struct kvip_http_answer *a)
{
	struct kvip_task *t = ctx;

	if (!is_task(t))
		return;
	t->status = a->status;
	count_5xx(t->client, t, a->status);
	if (a->status == 401 && !t->retried) {
		t->again = true;
		t->denied = true;
		t->client->reread = true;
		kvip_http_cancel(t->transfer);
		t->transfer = NULL;
		return;
	}
	tell_answer(t, a, kvip_http_now());
}

static int on_bytes(void *ctx, const char *data, size_t len)
{
	struct kvip_task *t = ctx;
	int rc;

	if (!is_task(t))
		return -EINVAL;
	kvip_client_lock(t->client);
	rc = kvip_watch_bytes(t->client->watch[t->kind], data, len, kvip_http_now());
	kvip_client_unlock(t->client);
	if (rc < 0)
		t->transfer = NULL;
	return rc;
}

static void tell_done(struct kvip_task *t, enum kvip_transfer_end end, const char *why,
		      kvip_msec now)
{
	struct kvip_client *c = t->client;

	kvip_client_lock(c);
	kvip_watch_done(c->watch[t->kind], end, end == KVIP_END_CLEAN ? NULL : why, now);
	kvip_client_unlock(c);
}

static void on_done(void *ctx, enum kvip_transfer_end end, const char *why)
{
	struct kvip_task *t = ctx;
	struct kvip_client *c = t->client;

	if (!is_task(t))
		return;
	t->transfer = NULL;
	if (end == KVIP_END_TLS || end == KVIP_END_CREDENTIALS)
		c->reread = true; /* a CA or a certificate may have been renewed */
	if ((end == KVIP_END_CONNECT || end == KVIP_END_TLS) && t->status == 0) {
		kvip_client_server_failed(c, t->server, why);
		if (++t->tries < c->n_servers) {
			t->again = true;
			return;
		}
	}
	tell_done(t, end, why, kvip_http_now());
}

static const struct kvip_http_events watch_events = { on_answer, on_bytes, on_done,
						      kvip_client_peer };

/* ---- from the step ---- */

static void send_or_tell(struct kvip_task *t, kvip_msec now)
{
	enum kvip_transfer_end end;
	struct kvip_err err;

	if (kvip_client_send(t, &watch_events, 0, &end, &err))
		tell_done(t, end, err.text, now);
}

static void send_again(struct kvip_task *t, kvip_msec now)
{
	static const struct kvip_http_answer unauthorized = { .status = 401, .retry_after_s = -1 };
	bool denied = t->denied;

	t->again = false;
	t->denied = false;
	if (denied && t->credentials == t->client->credentials) {
		tell_answer(t, &unauthorized, now);
		tell_done(t, KVIP_END_CLEAN, NULL, now);
		return;
	}
	if (denied)
		t->retried = true;
	send_or_tell(t, now);
}

/* The machine wants the transfer dropped: it is overdue, or a relist was asked for. */
static void abort_transfer(struct kvip_task *t, bool overdue)
{
	bool hung = t->transfer != NULL;

	if (overdue)
		kvip_http_hang_up(t->transfer);
	else
		kvip_http_cancel(t->transfer);
	t->transfer = NULL;
	t->fresh = hung;
	t->again = false;
	if (hung && t->status == 0)
		kvip_client_server_failed(t->client, t->server, "no answer in time");
}

static int take_request(struct kvip_task *t, const struct kvip_watch_request *req)
{
	kvip_buf_reset(&t->target);
	t->is_watch = req->is_watch;
	t->tries = 0;
	t->retried = false;
	t->denied = false;
	return kvip_buf_puts(&t->target, req->target);
}

static bool begins_list(struct kvip_client *c, enum kvip_kind kind, const char *target)
{
	struct kvip_watch_status st;

	kvip_watch_get_status(c->watch[kind], &st);
	return st.state == KVIP_WATCH_LISTING && !strstr(target, "continue=");
}

/* Ask the machine once; its request is copied while the lock is held. */
static enum kvip_watch_want ask(struct kvip_client *c, struct kvip_task *t, kvip_msec now,
				struct kvip_watch_request *req)
{
	enum kvip_watch_want want;

	kvip_client_lock(c);
	want = kvip_watch_poll(c->watch[t->kind], now, req);
	if (want == KVIP_WANT_REQUEST) {
		if (begins_list(c, t->kind, req->target))
			kvip_client_want_identity(c);
		if (take_request(t, req)) {
			kvip_watch_done(c->watch[t->kind], KVIP_END_BROKEN, "not enough memory",
					now);
			want = KVIP_WANT_NOTHING;
			req->deadline_ms = now;
		}
	}
	kvip_client_unlock(c);
	return want;
}

kvip_msec kvip_client_step_watch(struct kvip_client *c, enum kvip_kind kind, kvip_msec now)
{
	struct kvip_task *t = &c->main[kind];
	struct kvip_watch_request req = { .deadline_ms = now };

	if (t->again)
		send_again(t, now);
	for (int turn = 0; turn < MAX_TURNS; turn++) {
		switch (ask(c, t, now, &req)) {
		case KVIP_WANT_NOTHING:
			return req.deadline_ms;
		case KVIP_WANT_ABORT:
			abort_transfer(t, req.overdue);
			break;
		case KVIP_WANT_REQUEST:
			kvip_http_cancel(t->transfer);
			t->transfer = NULL;
			if (c->answered) /* before the list, so that its end is judged with it */
				(void)kvip_client_step_identity(c, now);
			send_or_tell(t, now);
			break;
		}
	}
	return req.deadline_ms;
}
