// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: small requests beside the watches.
 *
 * Identity: which cluster is this? uid of namespace kube-system; where that may not be read (or is
 * hidden: 404), uid of Service default/kubernetes. It is read whenever a list begins, because that
 * is when a cluster that was rebuilt under the same address would show itself. The source that
 * worked is asked first from then on: the two uids of one cluster differ.
 *
 * Probe: a watch has been silent for long; one object is listed over the same connection. That
 * proves that the server lives, and its resourceVersion shows whether time went backwards. No
 * answer to it means that the server, or what is between, hangs: the watch is ended and begins
 * again over another connection (and with the next server, if there is one) where it was. Without
 * that a watch would be blind until the end of its timeoutSeconds, up to ten minutes.
 *
 * Thread: T1. Sources: facts on the Kubernetes API (watch at a future resourceVersion is silent);
 * rules R4 (identity).
 */
#include "kvip_client_priv.h"

#include "kvip_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ASIDE_TIMEOUT_MS    15000L /* an API server may queue a request for 15 s, then it is 429 */
#define IDENTITY_RETRY_MS   5000
#define IDENTITY_REFUSED_MS 300000 /* both refused: RBAC may be mended some day */

static const char *const identity_targets[] = {
	"/api/v1/namespaces/kube-system",
	"/api/v1/namespaces/default/services/kubernetes",
};
static const char *const identity_sources[] = { "kube-system", "kubernetes" };
#define N_SOURCES (sizeof(identity_targets) / sizeof(identity_targets[0]))

static bool is_task(const struct kvip_task *t, enum kvip_task_role role)
{
	return t->magic == KVIP_TASK_MAGIC && t->role == role;
}

/* ---- what both have in common ---- */

static void on_answer(void *ctx, const struct kvip_http_answer *a)
{
	struct kvip_task *t = ctx;

	if (t->magic != KVIP_TASK_MAGIC)
		return;
	t->status = a->status;
	if (a->status == 401)
		t->client->reread = true;
	if (a->status < 500)
		kvip_client_server_well(t->client, t->server);
}

/* A body that is too large is dropped; what is left then is no JSON, so the request has failed. */
static int on_bytes(void *ctx, const char *data, size_t len)
{
	struct kvip_task *t = ctx;

	if (t->magic != KVIP_TASK_MAGIC)
		return -EINVAL;
	(void)kvip_buf_add(&t->body, data, len);
	return 0;
}

/* metadata.@field of the body, "" when the answer is not what was asked for */
static void read_metadata(const struct kvip_task *t, const char *field, char *out, size_t size)
{
	struct json_object *json = NULL;
	const char *text;

	out[0] = '\0';
	if (t->status != 200 || t->body.err || !t->body.len)
		return;
	if (kvip_json_parse(t->body.data, t->body.len, &json, NULL))
		return;
	text = kvip_json_string(kvip_json_object(json, "metadata"), field);
	if (text && strlen(text) < size)
		snprintf(out, size, "%s", text);
	kvip_json_free(json);
}

static int send_aside(struct kvip_task *t, const char *target, const struct kvip_http_events *ev)
{
	enum kvip_transfer_end end;

	kvip_buf_reset(&t->target);
	if (kvip_buf_puts(&t->target, target))
		return -ENOMEM;
	return kvip_client_send(t, ev, ASIDE_TIMEOUT_MS, &end, NULL);
}

/* ---- identity ---- */

bool kvip_identity_differs(const char *a, const char *b)
{
	size_t source = strcspn(a, "/");

	if (!a[0] || !b[0] || source != strcspn(b, "/") || strncmp(a, b, source) != 0)
		return false;
	return strcmp(a + source, b + source) != 0;
}

void kvip_client_want_identity(struct kvip_client *c)
{
	c->want_identity = true;
}

static void identity_found(struct kvip_client *c, const char *uid)
{
	c->want_identity = false;
	kvip_client_lock(c);
	snprintf(c->identity_uid, sizeof(c->identity_uid), "%s/%.48s",
		 identity_sources[c->identity_source], uid);
	kvip_printable(c->identity_uid);
	if (c->hooks.feed->identity)
		c->hooks.feed->identity(c->hooks.ctx, c->identity_uid);
	kvip_client_unlock(c);
}

static void on_identity_done(void *ctx, enum kvip_transfer_end end, const char *why)
{
	struct kvip_task *t = ctx;
	struct kvip_client *c = t->client;
	char uid[sizeof(c->identity_uid)];

	if (!is_task(t, KVIP_TASK_IDENTITY))
		return;
	t->transfer = NULL;
	read_metadata(t, "uid", uid, sizeof(uid));
	if (end == KVIP_END_CLEAN && uid[0]) {
		identity_found(c, uid);
		return;
	}
	if (t->status != 403 && t->status != 404) {
		c->identity_due_ms = kvip_http_now() + IDENTITY_RETRY_MS;
		kvip_debug(c->log, KVIP_DEBUG_API, "cluster %s: identity not read: %s", c->name,
			   end == KVIP_END_CLEAN ? "an answer without a uid" : why);
		return;
	}
	if (++t->tries < N_SOURCES)
		c->identity_due_ms = kvip_http_now();
	else
		c->identity_due_ms = kvip_http_now() + IDENTITY_REFUSED_MS;
	if (t->tries >= N_SOURCES)
		t->tries = 0;
	c->identity_source = (c->identity_source + 1) % N_SOURCES;
}

kvip_msec kvip_client_step_identity(struct kvip_client *c, kvip_msec now)
{
	static const struct kvip_http_events ev = { on_answer, on_bytes, on_identity_done,
						    kvip_client_peer };
	struct kvip_task *t = &c->identity;

	if (!c->want_identity || t->transfer || !kvip_cred_get(c->cred))
		return KVIP_NEVER;
	if (now < c->identity_due_ms)
		return c->identity_due_ms;
	if (send_aside(t, identity_targets[c->identity_source], &ev))
		c->identity_due_ms = now + IDENTITY_RETRY_MS;
	return KVIP_NEVER;
}

/* ---- probes ---- */

static void tell_probe(struct kvip_task *t, const char *rv, kvip_msec now)
{
	kvip_client_lock(t->client);
	kvip_watch_probe_result(t->client->watch[t->kind], rv, now);
	kvip_client_unlock(t->client);
}

/* Nobody answers over there: as if the connection of the watch had broken. */
static void end_watch(struct kvip_client *c, enum kvip_kind kind, const char *why)
{
	struct kvip_task *t = &c->main[kind];

	if (!t->transfer || t->status != 200)
		return;
	kvip_http_hang_up(t->transfer);
	t->transfer = NULL;
	t->fresh = true;
	kvip_client_lock(c);
	kvip_watch_done(c->watch[kind], KVIP_END_BROKEN, why, kvip_http_now());
	kvip_client_unlock(c);
}

static void on_probe_done(void *ctx, enum kvip_transfer_end end, const char *why)
{
	struct kvip_task *t = ctx;
	char rv[64];

	if (!is_task(t, KVIP_TASK_PROBE))
		return;
	t->transfer = NULL;
	read_metadata(t, "resourceVersion", rv, sizeof(rv));
	if (end != KVIP_END_CLEAN)
		rv[0] = '\0';
	tell_probe(t, rv, kvip_http_now());
	if (end == KVIP_END_CLEAN || t->server != t->client->main[t->kind].server)
		return;
	/* Refused is not dead: a server that is told to stop goes on with open watches. */
	if (end == KVIP_END_BROKEN)
		end_watch(t->client, t->kind, why);
	kvip_client_server_failed(t->client, t->server, why);
}

kvip_msec kvip_client_step_probe(struct kvip_client *c, enum kvip_kind kind, kvip_msec now)
{
	static const struct kvip_http_events ev = { on_answer, on_bytes, on_probe_done,
						    kvip_client_peer };
	struct kvip_task *t = &c->probe[kind];
	enum kvip_transfer_end end;
	const char *target;
	int rc = 0;

	if (t->transfer || !kvip_cred_get(c->cred))
		return KVIP_NEVER;
	kvip_client_lock(c);
	target = kvip_watch_wants_probe(c->watch[kind], now);
	kvip_buf_reset(&t->target);
	if (target)
		rc = kvip_buf_puts(&t->target, target);
	kvip_client_unlock(c);
	if (!target)
		return KVIP_NEVER;
	if (rc == 0)
		rc = kvip_client_send(t, &ev, ASIDE_TIMEOUT_MS, &end, NULL);
	if (rc)
		tell_probe(t, "", now);
	return KVIP_NEVER;
}
