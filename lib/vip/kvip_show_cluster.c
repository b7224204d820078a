// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show kubevip cluster`: servers, watches and errors of each cluster.
 *
 * Thread: T0; the engine's lock is held inside the callbacks, which therefore only write into
 * buffers.
 */
#include "vip/kvip_show_priv.h"

#include <inttypes.h>
#include <string.h>

struct show {
	const struct kvip_show_ctx *s;
	const char *only;
	struct kvip_jsonw *json;
	struct kvip_buf *out;
	size_t n;
};

const char *kvip_show_cluster_error(const struct kvip_cluster_view *v)
{
	const struct kvip_client_status *c = v->client;

	if (!c)
		return NULL;
	if (c->credential_error[0])
		return c->credential_error;
	for (unsigned int k = 0; k < KVIP_KIND_MAX; k++)
		if (kvip_kinds[k].mandatory && c->kind[k].last_error[0])
			return c->kind[k].last_error;
	for (size_t i = 0; i < c->n_servers; i++)
		if (c->servers[i].current && c->servers[i].last_error[0])
			return c->servers[i].last_error;
	return NULL;
}

/* A kind that the configuration does not ask for is not shown. */
static bool is_asked_for(unsigned int kind, const struct kvip_watch_status *k)
{
	return !kvip_kinds[kind].cilium || k->state != KVIP_WATCH_IDLE;
}

static const char *current_server(const struct kvip_cluster_view *v)
{
	for (size_t i = 0; v->client && i < v->client->n_servers; i++)
		if (v->client->servers[i].current)
			return v->client->servers[i].url;
	return NULL;
}

void kvip_show_json_cluster(const struct kvip_show_ctx *s, struct kvip_jsonw *w,
			    const struct kvip_cluster_view *v)
{
	const char *guard = v->guard_active ? kvip_reason_info(v->guard_reason)->word : NULL;

	kvip_jsonw_string(w, "name", v->name);
	kvip_jsonw_string(w, "state", kvip_show_cluster_state(v->state));
	kvip_show_json_age(s, w, "lastSyncAgeSec", v->last_proof_ms);
	kvip_show_json_age(s, w, "synchronisedAgeSec", v->synced_ms);
	kvip_jsonw_string(w, "lastError", kvip_show_cluster_error(v));
	kvip_jsonw_string(w, "server", current_server(v));
	kvip_jsonw_bool(w, "identityChanged", v->identity_changed);
	kvip_jsonw_bool(w, "guardActive", v->guard_active);
	kvip_jsonw_string(w, "guardReason", guard);
	kvip_show_json_age(s, w, "guardAgeSec", v->guard_active ? v->guard_since_ms : 0);
	kvip_jsonw_uint(w, "vips", v->vips);
	kvip_jsonw_uint(w, "heldVips", v->held);
	kvip_jsonw_uint(w, "services", v->services);
	kvip_jsonw_uint(w, "nodes", v->nodes);
	kvip_jsonw_uint(w, "objects", v->objects);
	kvip_jsonw_uint(w, "announcements", v->announcements);
	kvip_jsonw_uint(w, "withdrawals", v->withdrawals);
	kvip_jsonw_object(w, "refused");
	for (unsigned int r = 0; v->refused && r < KVIP_REASON_MAX; r++)
		if (v->refused[r])
			kvip_jsonw_uint(w, kvip_reason_info(r)->word, v->refused[r]);
	kvip_jsonw_end(w);
}

static void text_refused(const struct show *sh, const struct kvip_cluster_view *v)
{
	bool any = false;

	for (unsigned int r = 0; v->refused && r < KVIP_REASON_MAX; r++) {
		if (!v->refused[r])
			continue;
		kvip_buf_printf(sh->out, "%s%zu %s",
				any ? ", " : "  refused addresses: ", v->refused[r],
				kvip_reason_info(r)->word);
		any = true;
	}
	if (any)
		kvip_buf_puts(sh->out, " (see `show kubevip service`)\n");
}

static void json_kind(const struct show *sh, enum kvip_kind kind, const struct kvip_watch_status *k)
{
	struct kvip_jsonw *w = sh->json;

	kvip_jsonw_object(w, kvip_kinds[kind].plural);
	kvip_jsonw_string(w, "state", kvip_watch_state_name(k->state));
	kvip_jsonw_bool(w, "mandatory", kvip_kinds[kind].mandatory);
	kvip_jsonw_bool(w, "synchronised", k->synced);
	kvip_jsonw_string(w, "resourceVersion", k->resource_version);
	kvip_show_json_age(sh->s, w, "lastProofAgeSec", k->last_proof_ms);
	kvip_jsonw_int(w, "watchTimeoutMs", k->watch_timeout_ms);
	kvip_jsonw_uint(w, "lists", k->lists);
	kvip_jsonw_uint(w, "relists", k->relists);
	kvip_jsonw_uint(w, "watches", k->watches);
	kvip_jsonw_uint(w, "events", k->events);
	kvip_jsonw_uint(w, "bookmarks", k->bookmarks);
	kvip_jsonw_uint(w, "errors", k->errors);
	kvip_jsonw_uint(w, "objectsRefused", k->objects_refused);
	kvip_jsonw_int(w, "listTookMs", k->list_took_ms);
	kvip_jsonw_bool(w, "streamingList", k->streaming_list);
	kvip_jsonw_uint(w, "httpStatus", k->http_status);
	kvip_jsonw_string(w, "lastError", k->last_error[0] ? k->last_error : NULL);
	kvip_show_json_age(sh->s, w, "lastErrorAgeSec", k->last_error_ms);
	kvip_jsonw_end(w);
}

static void json_servers(const struct show *sh, const struct kvip_client_status *c)
{
	struct kvip_jsonw *w = sh->json;
	char text[KVIP_ADDR_STRLEN];

	kvip_jsonw_array(w, "servers");
	for (size_t i = 0; i < c->n_servers; i++) {
		const struct kvip_server_status *server = &c->servers[i];

		kvip_jsonw_object(w, NULL);
		kvip_jsonw_string(w, "url", server->url);
		kvip_jsonw_bool(w, "current", server->current);
		kvip_jsonw_array(w, "addresses");
		for (uint32_t k = 0; k < server->n_peers; k++)
			kvip_jsonw_string(w, NULL, kvip_addr_render(&server->peers[k], text));
		kvip_jsonw_end(w);
		kvip_jsonw_uint(w, "failures", server->failures);
		kvip_jsonw_string(w, "lastError",
				  server->last_error[0] ? server->last_error : NULL);
		kvip_jsonw_end(w);
	}
	kvip_jsonw_end(w);
}

static void json_client(const struct show *sh, const struct kvip_client_status *c)
{
	struct kvip_jsonw *w = sh->json;

	kvip_jsonw_string(w, "identity", c->identity[0] ? c->identity : NULL);
	kvip_jsonw_bool(w, "unauthorized", c->unauthorized);
	kvip_jsonw_string(w, "credentialError",
			  c->credential_error[0] ? c->credential_error : NULL);
	if (c->token_expires_s)
		kvip_jsonw_int(w, "tokenExpiresInSec", c->token_expires_s - sh->s->wall);
	else
		kvip_jsonw_null(w, "tokenExpiresInSec");
	json_servers(sh, c);
	kvip_jsonw_object(w, "kinds");
	for (unsigned int k = 0; k < KVIP_KIND_MAX; k++)
		if (is_asked_for(k, &c->kind[k]))
			json_kind(sh, k, &c->kind[k]);
	kvip_jsonw_end(w);
}

static bool json_one(void *ctx, const struct kvip_cluster_view *v)
{
	struct show *sh = ctx;

	if (sh->only && strcmp(sh->only, v->name) != 0)
		return true;
	kvip_jsonw_object(sh->json, v->name);
	kvip_show_json_cluster(sh->s, sh->json, v);
	if (v->client)
		json_client(sh, v->client);
	kvip_jsonw_end(sh->json);
	return true;
}

static void text_head(const struct show *sh, const struct kvip_cluster_view *v)
{
	char age[KVIP_AGE_STRLEN];
	struct kvip_buf *out = sh->out;
	const char *error = kvip_show_cluster_error(v);

	kvip_buf_printf(out, "%sCluster %s: %s, last sign of life %s", sh->n ? "\n" : "", v->name,
			kvip_show_cluster_state(v->state),
			kvip_show_since(sh->s, v->last_proof_ms, age));
	kvip_buf_puts(out, v->last_proof_ms ? " ago\n" : "\n");
	if (error)
		kvip_buf_printf(out, "  ! %s\n", error);
	if (v->identity_changed)
		kvip_buf_printf(out,
				"  ! another cluster answers now: withdrawals are held until "
				"`clear kubevip withdraw-guard cluster %s`\n",
				v->name);
	if (v->guard_active)
		kvip_buf_printf(out,
				"  ! the withdrawal guard holds %zu VIPs since %s: "
				"`clear kubevip withdraw-guard cluster %s` if that is right\n",
				v->held, kvip_show_since(sh->s, v->guard_since_ms, age), v->name);
	kvip_buf_printf(out, "  %zu VIPs, %zu held; %zu Services, %zu nodes, %zu objects\n",
			v->vips, v->held, v->services, v->nodes, v->objects);
	text_refused(sh, v);
	kvip_buf_printf(out,
			"  %" PRIu64 " announcements, %" PRIu64
			" withdrawals since start; complete since %s\n",
			v->announcements, v->withdrawals,
			kvip_show_since(sh->s, v->synced_ms, age));
}

static void text_servers(const struct show *sh, const struct kvip_client_status *c)
{
	char age[KVIP_AGE_STRLEN];

	if (c->identity[0])
		kvip_buf_printf(sh->out, "  identity %s\n", c->identity);
	if (c->token_expires_s && c->token_expires_s <= sh->s->wall)
		kvip_buf_puts(sh->out, "  ! the token has expired: see that its file is renewed\n");
	else if (c->token_expires_s)
		kvip_buf_printf(sh->out, "  token expires in %s\n",
				kvip_show_age(age, c->token_expires_s - sh->s->wall));
	for (size_t i = 0; i < c->n_servers; i++) {
		const struct kvip_server_status *server = &c->servers[i];

		kvip_buf_printf(sh->out, "  %c server %s, %" PRIu64 " failures%s%s\n",
				server->current ? '*' : ' ', server->url, server->failures,
				server->last_error[0] ? ": " : "", server->last_error);
	}
}

static void text_kinds(const struct show *sh, const struct kvip_client_status *c)
{
	static const char *const headings[] = { "  Kind",  "State",  "Sign of life",
						"Version", "Lists",  "Relists",
						"Events",  "Errors", NULL };
	struct kvip_columns t;
	char age[KVIP_AGE_STRLEN];

	kvip_columns_init(&t, headings, 64 << 10);
	for (unsigned int i = 0; i < KVIP_KIND_MAX; i++) {
		const struct kvip_watch_status *k = &c->kind[i];

		if (!is_asked_for(i, k))
			continue;
		kvip_columns_cell(&t, "  %s", kvip_kinds[i].plural);
		kvip_columns_cell(&t, "%s", kvip_watch_state_name(k->state));
		kvip_columns_cell(&t, "%s", kvip_show_since(sh->s, k->last_proof_ms, age));
		kvip_columns_cell(&t, "%s", k->resource_version);
		kvip_columns_cell(&t, "%" PRIu64, k->lists);
		kvip_columns_cell(&t, "%" PRIu64, k->relists);
		kvip_columns_cell(&t, "%" PRIu64, k->events);
		kvip_columns_cell(&t, "%" PRIu64, k->errors);
	}
	kvip_show_table(&t, sh->out);
	for (unsigned int i = 0; i < KVIP_KIND_MAX; i++)
		if (c->kind[i].last_error[0])
			kvip_buf_printf(sh->out, "  ! %s, %s ago: %s\n", kvip_kinds[i].plural,
					kvip_show_since(sh->s, c->kind[i].last_error_ms, age),
					c->kind[i].last_error);
}

static bool text_one(void *ctx, const struct kvip_cluster_view *v)
{
	struct show *sh = ctx;

	if (sh->only && strcmp(sh->only, v->name) != 0)
		return true;
	text_head(sh, v);
	if (v->client) {
		text_servers(sh, v->client);
		text_kinds(sh, v->client);
	}
	sh->n++;
	return true;
}

int kvip_show_clusters(const struct kvip_show_ctx *s, const char *only, bool json,
		       struct kvip_buf *out)
{
	struct show sh = { .s = s, .only = only, .out = out };
	struct kvip_jsonw w;

	if (json) {
		sh.json = &w;
		kvip_jsonw_init(&w, out);
		kvip_jsonw_object(&w, NULL);
		kvip_jsonw_object(&w, "clusters");
		if (s->engine)
			kvip_engine_each_cluster(s->engine, json_one, &sh);
		kvip_jsonw_end(&w);
		kvip_jsonw_end(&w);
		return kvip_jsonw_finish(&w);
	}
	if (s->engine)
		kvip_engine_each_cluster(s->engine, text_one, &sh);
	if (!sh.n && only)
		kvip_buf_printf(out, "There is no cluster %s.\n", only);
	else if (!sh.n)
		kvip_buf_puts(out, "No cluster: write `kubevip cluster NAME kubeconfig PATH`.\n");
	return out->err;
}
