// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the client of one cluster.
 *
 * Job: holds credentials, one list+watch machine per kind and their requests together. It decides
 * nothing about objects; it moves bytes between kvip_http and kvip_watch and minds credentials.
 *
 *   worker loop:   kvip_http_poll()       -> callbacks of the transfers -> kvip_watch -> feed
 *                  kvip_client_step(now)  -> credentials, new requests, probes, identity
 *
 * kvip_client_step() is to be called after every kvip_http_poll() (what a callback wants to send is
 * sent from there) and at the latest at the time it returned.
 *
 * When credentials change, requests that are under way go on (authentication is at their start);
 * the next ones use the new ones. libcurl opens another connection by itself when CA, certificate
 * or key are not those of the one it has.
 *
 * Thread: T1. Sources: client-go v0.36 (rest, transport); Kubernetes API concepts v1.36.
 */
#include "kvip_client_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define START_JITTER_MS 100
#define HURRY_MS        10000 /* a server that answers every other request makes nobody spin */

void kvip_client_lock(struct kvip_client *c)
{
	if (c->hooks.lock_enter)
		c->hooks.lock_enter(c->hooks.ctx);
}

void kvip_client_unlock(struct kvip_client *c)
{
	if (c->hooks.lock_leave)
		c->hooks.lock_leave(c->hooks.ctx);
}

/* splitmix64, for seeds that shall not be alike */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static void task_init(struct kvip_task *t, struct kvip_client *c, enum kvip_task_role role,
		      enum kvip_kind kind)
{
	*t = (struct kvip_task){
		.magic = KVIP_TASK_MAGIC, .client = c, .role = role, .kind = kind, .server = 0
	};
	kvip_buf_init(&t->target, 16384);
	/* etcd takes no object over 1.5 MiB: room for the one of a probe */
	kvip_buf_init(&t->body, 2u << 20);
}

static void task_done(struct kvip_task *t)
{
	kvip_http_cancel(t->transfer);
	kvip_buf_done(&t->target);
	kvip_buf_done(&t->body);
	t->magic = 0;
}

static int start_watches(struct kvip_client *c, const struct kvip_client_conf *conf, uint64_t seed,
			 kvip_msec now)
{
	int rc = 0;

	for (size_t i = 0; i < KVIP_KIND_MAX && rc == 0; i++)
		if (conf->kinds[i])
			rc = kvip_watch_new((enum kvip_kind)i, c->hooks.feed, c->hooks.ctx, c->name,
					    c->log, mix(seed + i), now, &c->watch[i]);
	return rc;
}

int kvip_client_new(struct kvip_http *http, const struct kvip_client_conf *conf,
		    const struct kvip_client_hooks *hooks, const struct kvip_log *log,
		    uint64_t seed, kvip_msec now, struct kvip_client **out)
{
	struct kvip_client *c = kvip_calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->http = http;
	c->hooks = *hooks;
	c->log = log;
	c->start_ms = now + (kvip_msec)(mix(~seed) % START_JITTER_MS);
	for (size_t i = 0; i < KVIP_KIND_MAX; i++) {
		task_init(&c->main[i], c, KVIP_TASK_WATCH, (enum kvip_kind)i);
		task_init(&c->probe[i], c, KVIP_TASK_PROBE, (enum kvip_kind)i);
	}
	task_init(&c->identity, c, KVIP_TASK_IDENTITY, KVIP_KIND_MAX);
	c->name = kvip_strdup(conf->name ? conf->name : "");
	rc = c->name ? kvip_cred_new(conf, NULL, &c->cred) : -ENOMEM;
	if (rc == 0)
		rc = start_watches(c, conf, seed, now);
	if (rc) {
		kvip_client_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void kvip_client_free(struct kvip_client *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < KVIP_KIND_MAX; i++) {
		task_done(&c->main[i]);
		task_done(&c->probe[i]);
		kvip_watch_free(c->watch[i]);
	}
	task_done(&c->identity);
	kvip_cred_free(c->cred);
	kvip_free(c->name);
	kvip_free(c);
}

/* Take over one text for the status; say it in the log once. */
static void show_text(struct kvip_client *c, char *shown, size_t size, const char *text,
		      enum kvip_log_level level)
{
	if (strncmp(shown, text, size - 1) == 0)
		return;
	kvip_client_lock(c);
	snprintf(shown, size, "%s", text);
	kvip_client_unlock(c);
	if (text[0])
		kvip_log(c->log, level, "cluster %s: %s", c->name, text);
	else
		kvip_log(c->log, KVIP_LOG_INFO, "cluster %s: credentials are well again", c->name);
}

/* Credentials became usable: do not wait for the end of a backoff that came from lack of them. */
static void stop_waiting(struct kvip_client *c, kvip_msec now)
{
	struct kvip_watch_status st;

	for (size_t i = 0; i < KVIP_KIND_MAX; i++) {
		if (!c->watch[i])
			continue;
		kvip_client_lock(c);
		kvip_watch_get_status(c->watch[i], &st);
		if (st.state == KVIP_WATCH_BACKOFF)
			kvip_watch_relist(c->watch[i], now);
		kvip_client_unlock(c);
	}
}

/* A server can be reached again: the others of its watches need not find out each for itself. */
static void mind_return(struct kvip_client *c, kvip_msec now)
{
	bool hurried = false;

	if (!c->back || now < c->hurry_ms)
		return;
	c->back = false;
	kvip_client_lock(c);
	for (size_t i = 0; i < KVIP_KIND_MAX; i++)
		if (c->watch[i] && kvip_watch_server_back(c->watch[i], now))
			hurried = true;
	kvip_client_unlock(c);
	if (hurried)
		c->hurry_ms = now + HURRY_MS;
}

static void mind_credentials(struct kvip_client *c, kvip_msec now)
{
	bool first = c->credentials == 0, reread = c->reread;
	const struct kvip_credentials *cred;

	c->reread = false;
	if (!reread && now < kvip_cred_due(c->cred))
		return;
	if (kvip_cred_refresh(c->cred, now, reread)) {
		cred = kvip_cred_get(c->cred);
		c->credentials++;
		kvip_client_lock(c);
		c->token_expires_s = cred->token_expires_s;
		kvip_client_unlock(c);
		kvip_client_servers_changed(c, cred);
		kvip_debug(c->log, KVIP_DEBUG_API, "cluster %s: credentials were read%s", c->name,
			   first ? "" : " again: they have changed");
		if (first)
			stop_waiting(c, now);
	}
	show_text(c, c->credential_error, sizeof(c->credential_error), kvip_cred_error(c->cred),
		  KVIP_LOG_ERROR);
	show_text(c, c->credential_warning, sizeof(c->credential_warning),
		  kvip_cred_warning(c->cred), KVIP_LOG_WARN);
}

kvip_msec kvip_client_step(struct kvip_client *c, kvip_msec now)
{
	kvip_msec due;

	if (now < c->start_ms)
		return c->start_ms;
	mind_credentials(c, now);
	mind_return(c, now);
	due = kvip_cred_due(c->cred);
	for (size_t i = 0; i < KVIP_KIND_MAX; i++) {
		if (!c->watch[i])
			continue;
		due = kvip_earlier(due, kvip_client_step_watch(c, (enum kvip_kind)i, now));
		due = kvip_earlier(due, kvip_client_step_identity(c, now));
		due = kvip_earlier(due, kvip_client_step_probe(c, (enum kvip_kind)i, now));
	}
	return c->reread ? now : due;
}

void kvip_client_relist(struct kvip_client *c, kvip_msec now)
{
	for (size_t i = 0; i < KVIP_KIND_MAX; i++) {
		if (!c->watch[i])
			continue;
		kvip_http_cancel(c->main[i].transfer);
		c->main[i].transfer = NULL;
		c->main[i].again = false;
		kvip_client_lock(c);
		kvip_watch_relist(c->watch[i], now);
		kvip_client_unlock(c);
	}
	c->reread = true;
	kvip_http_wakeup(c->http);
}

void kvip_client_get_status(const struct kvip_client *c, struct kvip_client_status *out)
{
	*out = (struct kvip_client_status){ .token_expires_s = c->token_expires_s,
					    .n_servers = c->n_servers };
	memcpy(out->credential_error, c->credential_error, sizeof(out->credential_error));
	memcpy(out->credential_warning, c->credential_warning, sizeof(out->credential_warning));
	memcpy(out->identity, c->identity_uid, sizeof(out->identity));
	for (size_t i = 0; i < c->n_servers; i++) {
		out->servers[i] = c->servers[i];
		out->servers[i].current = i == c->current;
	}
	for (size_t i = 0; i < KVIP_KIND_MAX; i++) {
		if (c->watch[i])
			kvip_watch_get_status(c->watch[i], &out->kind[i]);
		if (c->refused[i] && kvip_kinds[i].mandatory)
			out->unauthorized = true;
	}
}
