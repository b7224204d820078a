// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show kubevip`: one page, trouble first; and what a dry run prints.
 *
 * Thread: T0; the engine's lock is held inside the callbacks, which therefore only write into
 * buffers. What counts as trouble is decided in one place, find_trouble(), for text and JSON alike.
 */
#include "vip/kvip_show_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MAX_TROUBLE (4 * KVIP_MAX_CLUSTERS + 8)

struct trouble {
	const char *kind; /* stable word */
	char cluster[64];
	char text[480];
};

struct show {
	struct kvip_show_job; /* first */
	struct kvip_engine_summary sum;
	struct kvip_recon_summary rec;
	struct kvip_recon_at routes;
	struct trouble *trouble;
	size_t n_trouble;
	size_t n_clusters;
};

static void KVIP_PRINTF(4, 5)
	add_trouble(struct show *sh, const char *kind, const char *cluster, const char *fmt, ...)
{
	struct trouble *t;
	va_list ap;

	if (sh->n_trouble == MAX_TROUBLE)
		return;
	t = &sh->trouble[sh->n_trouble++];
	t->kind = kind;
	snprintf(t->cluster, sizeof(t->cluster), "%s", cluster ? cluster : "");
	va_start(ap, fmt);
	vsnprintf(t->text, sizeof(t->text), fmt, ap);
	va_end(ap);
}

static void guard_trouble(struct show *sh, const struct kvip_cluster_view *v)
{
	char age[KVIP_AGE_STRLEN];

	if (v->identity_changed)
		add_trouble(sh, "identity-changed", v->name,
			    "cluster %s: another cluster answers now, withdrawals are held: "
			    "`clear kubevip withdraw-guard cluster %s` if that is right",
			    v->name, v->name);
	if (v->guard_active)
		add_trouble(sh, "withdraw-guard", v->name,
			    "cluster %s: the withdrawal guard holds %zu VIPs since %s: "
			    "`clear kubevip withdraw-guard cluster %s` if they shall go",
			    v->name, v->held, kvip_show_since(sh->s, v->guard_since_ms, age),
			    v->name);
}

static const char *cilium_error(const struct kvip_cluster_view *v)
{
	for (unsigned int k = 0; v->client && k < KVIP_KIND_MAX; k++)
		if (kvip_kinds[k].cilium && v->client->kind[k].last_error[0])
			return v->client->kind[k].last_error;
	return "see `show kubevip cluster`";
}

static bool cluster_trouble(void *ctx, const struct kvip_cluster_view *v)
{
	const char *error = kvip_show_cluster_error(v);
	struct show *sh = ctx;
	int64_t age_s = kvip_show_age_s(sh->s, v->last_proof_ms);

	guard_trouble(sh, v);
	if (v->cilium_unknown)
		add_trouble(
			sh, "cilium-unknown", v->name,
			"cluster %s: Cilium's objects are not known, what they may select is left "
			"as it is: %.300s",
			v->name, cilium_error(v));
	if (v->no_self)
		add_trouble(sh, "no-such-node", v->name,
			    "cluster %s has no Node %.253s: nothing of it is announced here: see "
			    "`kubevip node-name`",
			    v->name, sh->sum.node_name);
	if (v->state == KVIP_CLUSTER_STALE)
		add_trouble(sh, "stale", v->name,
			    "cluster %s: stale, no sign of life for %" PRId64 " s: %.300s", v->name,
			    age_s < 0 ? 0 : age_s, error ? error : "see `show kubevip cluster`");
	else if (v->state == KVIP_CLUSTER_STARTING && error)
		add_trouble(sh, "not-synchronised", v->name,
			    "cluster %s: not synchronised yet: %.350s", v->name, error);
	return true;
}

/* Node mode. What is said here is taken off @refused. */
static void bgp_trouble(struct show *sh, size_t *refused)
{
	size_t none = sh->rec.by_reason[KVIP_REASON_NOT_REDISTRIBUTED];
	size_t denied = sh->rec.by_reason[KVIP_REASON_POLICY_DENIES];

	if (sh->rec.inject != KVIP_INJECT_BGP)
		return;
	if (!sh->sum.node_name[0])
		add_trouble(sh, "no-node-name", NULL,
			    "inject bgp, and this router is no node: no VIP is announced: "
			    "`kubevip node-name auto`, or the name of its Node object");
	if (none)
		add_trouble(sh, "no-redistribute-static", NULL,
			    "%zu VIPs are not announced, no BGP instance has `redistribute static` "
			    "in their address family",
			    none);
	if (denied)
		add_trouble(sh, "route-map-denies", NULL,
			    "%zu VIPs are not announced, the route-map of `redistribute static` "
			    "denies them, or does not exist",
			    denied);
	*refused -= none + denied;
}

static void router_trouble(struct show *sh)
{
	const struct kvip_recon_summary *rec = &sh->rec;
	size_t refused = rec->by_state[KVIP_ROUTE_REFUSED];

	if (sh->s->standby)
		add_trouble(sh, "standby", NULL, "standby: %s injects, this process does not",
			    sh->s->standby);
	if (!sh->s->recon)
		return;
	if (rec->flushed)
		add_trouble(
			sh, "flushed", NULL,
			"everything is withdrawn by `kubevip flush`: `clear kubevip flush` goes "
			"back to work");
	if (!rec->sink_up)
		add_trouble(sh, "zebra-down", NULL, "no connection to zebra: see that it runs");
	if (rec->state_failing)
		add_trouble(sh, "state-file", NULL, "the state file cannot be written: %s",
			    rec->state_error);
	else if (sh->s->state_note)
		add_trouble(sh, "state-file", NULL, "%s", sh->s->state_note);
	if (rec->suspects)
		add_trouble(sh, "suspects", NULL,
			    "%zu routes look like ours and are in no record of ours: they are left "
			    "alone, "
			    "`clear kubevip orphans` removes them",
			    rec->suspects);
	if (rec->by_state[KVIP_ROUTE_NO_NEXT_HOP])
		add_trouble(
			sh, "no-next-hop", NULL,
			"%zu VIPs are withdrawn, no next hop resolves: see the links to the nodes",
			rec->by_state[KVIP_ROUTE_NO_NEXT_HOP]);
	bgp_trouble(sh, &refused);
	if (refused)
		add_trouble(sh, "refused", NULL,
			    "%zu VIPs cannot be installed on this router: see `show kubevip vip`",
			    refused);
	if (rec->by_state[KVIP_ROUTE_OVERDUE])
		add_trouble(sh, "unconfirmed", NULL,
			    "zebra has not confirmed %zu routes: see `show kubevip vip`",
			    rec->by_state[KVIP_ROUTE_OVERDUE]);
}

/* VIPs that are routed as they were, or to nodes that are in trouble. */
static void held_trouble(struct show *sh)
{
	static const enum kvip_reason kept[] = { KVIP_REASON_NODE_KEPT, KVIP_REASON_ENDPOINTS_KEPT,
						 KVIP_REASON_PREFIX_LIST_HOLDS };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const struct kvip_reason_info *why = kvip_reason_info(kept[i]);

		if (sh->sum.warned[kept[i]])
			add_trouble(sh, why->word, NULL, "%zu VIPs: %s%s%s",
				    sh->sum.warned[kept[i]], why->text, why->remedy[0] ? ": " : "",
				    why->remedy);
	}
}

static void find_trouble(struct show *sh)
{
	if (!sh->s->engine)
		add_trouble(sh, "starting", NULL, "starting: nothing has been decided yet");
	else
		kvip_engine_each_cluster(sh->s->engine, cluster_trouble, sh);
	held_trouble(sh);
	router_trouble(sh);
}

static const char *inject_word(const struct show *sh)
{
	static const char *const words[] = { "zebra", "bgp", "observe" };

	if (!sh->s->recon)
		return "dry-run";
	return words[sh->s->inject];
}

static bool json_cluster(void *ctx, const struct kvip_cluster_view *v)
{
	struct show *sh = ctx;

	kvip_jsonw_object(sh->json, v->name);
	kvip_show_json_cluster(sh->s, sh->json, v);
	kvip_jsonw_end(sh->json);
	return true;
}

static void json_trouble(const struct show *sh)
{
	struct kvip_jsonw *w = sh->json;

	kvip_jsonw_array(w, "trouble");
	for (size_t i = 0; i < sh->n_trouble; i++) {
		kvip_jsonw_object(w, NULL);
		kvip_jsonw_string(w, "kind", sh->trouble[i].kind);
		kvip_jsonw_string(w, "cluster",
				  sh->trouble[i].cluster[0] ? sh->trouble[i].cluster : NULL);
		kvip_jsonw_string(w, "text", sh->trouble[i].text);
		kvip_jsonw_end(w);
	}
	kvip_jsonw_end(w);
}

static void json_routes(const struct show *sh)
{
	const struct kvip_recon_summary *rec = &sh->rec;
	struct kvip_jsonw *w = sh->json;

	kvip_jsonw_bool(w, "zebraConnected", rec->sink_up);
	kvip_jsonw_bool(w, "active", rec->active);
	kvip_jsonw_bool(w, "flushed", rec->flushed);
	kvip_jsonw_object(w, "routes");
	kvip_jsonw_uint(w, "total", rec->routes);
	kvip_jsonw_uint(w, "suspects", rec->suspects);
	kvip_jsonw_object(w, "byState");
	for (unsigned int i = 0; i < KVIP_ROUTE_STATE_MAX; i++)
		kvip_jsonw_uint(w, kvip_route_state_word(i), rec->by_state[i]);
	kvip_jsonw_end(w);
	kvip_jsonw_uint(w, "announcements", rec->announces);
	kvip_jsonw_uint(w, "withdrawals", rec->withdraws);
	kvip_jsonw_uint(w, "confirmations", rec->confirmations);
	kvip_jsonw_uint(w, "swept", rec->swept);
	kvip_jsonw_end(w);
}

static void json_summary(const struct show *sh)
{
	struct kvip_jsonw *w = sh->json;
	char digest[17];

	snprintf(digest, sizeof(digest), "%016" PRIx64, sh->sum.table_digest);
	kvip_jsonw_string(w, "tableDigest", digest);
	kvip_jsonw_uint(w, "configurationGeneration", sh->sum.conf_generation);
	kvip_jsonw_uint(w, "nextHopSets", sh->sum.nhsets);
	kvip_jsonw_uint(w, "backlog", sh->sum.backlog);
	kvip_jsonw_object(w, "vips");
	kvip_jsonw_uint(w, "routed", sh->sum.vips_routed);
	kvip_jsonw_uint(w, "held", sh->sum.vips_held);
	kvip_jsonw_uint(w, "restored", sh->sum.vips_restored);
	kvip_jsonw_uint(w, "conflicts", sh->sum.conflicts);
	kvip_jsonw_end(w);
}

/* Rules R5: how long our callbacks kept the main loop, in CPU time. */
static void json_main_loop(const struct show *sh)
{
	const struct kvip_meter *m = sh->s->meter;

	if (!m)
		return;
	kvip_jsonw_object(sh->json, "mainLoop");
	kvip_jsonw_uint(sh->json, "runs", m->runs);
	kvip_jsonw_uint(sh->json, "longestRunUsec", m->longest_ns / 1000);
	kvip_jsonw_string(sh->json, "longestRun", m->longest_what);
	kvip_jsonw_uint(sh->json, "totalUsec", m->total_ns / 1000);
	kvip_jsonw_end(sh->json);
}

static void show_json(struct show *sh)
{
	struct kvip_jsonw *w = sh->json;

	json_trouble(sh);
	kvip_jsonw_string(w, "inject", inject_word(sh));
	kvip_jsonw_string(w, "nodeName", sh->sum.node_name[0] ? sh->sum.node_name : NULL);
	kvip_jsonw_string(w, "standby", sh->s->standby);
	json_summary(sh);
	if (sh->s->recon)
		json_routes(sh);
	json_main_loop(sh);
	kvip_jsonw_object(w, "clusters");
	if (sh->s->engine)
		kvip_engine_each_cluster(sh->s->engine, json_cluster, sh);
	kvip_jsonw_end(w);
}

static bool text_cluster(void *ctx, const struct kvip_cluster_view *v)
{
	struct show *sh = ctx;
	const char *error = kvip_show_cluster_error(v);
	char age[KVIP_AGE_STRLEN];

	sh->n_clusters++;
	kvip_columns_cell(sh->table, "  %s", v->name);
	kvip_columns_cell(sh->table, "%s", kvip_show_cluster_state(v->state));
	kvip_columns_cell(sh->table, "%s", kvip_show_since(sh->s, v->last_proof_ms, age));
	kvip_columns_cell(sh->table, "%zu", v->vips);
	kvip_columns_cell(sh->table, "%zu", v->held);
	kvip_columns_cell(sh->table, "%zu", v->services);
	kvip_columns_cell(sh->table, "%zu", v->nodes);
	kvip_columns_cell(sh->table, "%.60s", error ? error : "");
	return true;
}

static void text_clusters(struct show *sh, struct kvip_buf *out)
{
	static const char *const headings[] = { "  Cluster", "State", "Last sync",  "VIPs", "Held",
						"Services",  "Nodes", "Last error", NULL };
	struct kvip_columns t;

	sh->table = &t;
	kvip_columns_init(&t, headings, 256 << 10);
	if (sh->s->engine)
		kvip_engine_each_cluster(sh->s->engine, text_cluster, sh);
	sh->table = NULL;
	if (sh->n_clusters) {
		kvip_buf_puts(out, "\n");
		kvip_show_table(&t, out);
		return;
	}
	kvip_columns_done(&t);
	kvip_buf_puts(out, "\nNo cluster: write `kubevip cluster NAME kubeconfig PATH`.\n");
}

static void text_way(const struct show *sh, struct kvip_buf *out)
{
	const struct kvip_recon_summary *rec = &sh->rec;

	if (rec->inject == KVIP_INJECT_OBSERVE)
		kvip_buf_puts(out, "Observe, inject nothing");
	else if (rec->inject == KVIP_INJECT_BGP && sh->sum.node_name[0])
		kvip_buf_printf(out, "Inject into bgpd as node %s", sh->sum.node_name);
	else
		kvip_buf_printf(out, "Inject into %s%s",
				rec->inject == KVIP_INJECT_BGP ? "bgpd" : "zebra",
				rec->active ? "" : " (not active)");
}

static void text_routes(const struct show *sh, struct kvip_buf *out)
{
	const struct kvip_recon_summary *rec = &sh->rec;
	bool any = false;

	if (!sh->s->recon) {
		kvip_buf_puts(out, "Dry run: nothing is injected\n");
		return;
	}
	text_way(sh, out);
	kvip_buf_printf(out, ": %zu routes", rec->routes);
	for (unsigned int i = 0; i < KVIP_ROUTE_STATE_MAX; i++) {
		if (!rec->by_state[i])
			continue;
		kvip_buf_printf(out, "%s%zu %s", any ? ", " : " (", rec->by_state[i],
				kvip_route_state_word(i));
		any = true;
	}
	kvip_buf_puts(out, any ? ")\n" : "\n");
	kvip_buf_printf(out,
			"  since start: %" PRIu64 " announced, %" PRIu64 " withdrawn, %" PRIu64
			" removed by somebody else and sent again\n",
			rec->announces, rec->withdraws, rec->swept);
}

static void show_text(struct show *sh)
{
	const struct kvip_engine_summary *sum = &sh->sum;
	struct kvip_buf *out = sh->out;

	for (size_t i = 0; i < sh->n_trouble; i++)
		kvip_buf_printf(out, "! %s\n", sh->trouble[i].text);
	if (sh->n_trouble)
		kvip_buf_puts(out, "\n");
	kvip_buf_printf(
		out,
		"VIPs: %zu routed, %zu held, %zu restored, %zu in conflict; %zu next-hop sets\n",
		sum->vips_routed, sum->vips_held, sum->vips_restored, sum->conflicts, sum->nhsets);
	kvip_buf_printf(out,
			"  digest %016" PRIx64 " (another router with the same table has the same)",
			sum->table_digest);
	if (sum->backlog)
		kvip_buf_printf(out, "; %zu still to be decided", sum->backlog);
	kvip_buf_puts(out, "\n");
	text_routes(sh, out);
	text_clusters(sh, out);
}

/* What takes long is to count the routes. */
static bool walk(struct kvip_show_job *j, unsigned int max)
{
	struct show *sh = (struct show *)j;

	return sh->s->recon && kvip_recon_sum_some(sh->s->recon, &sh->routes, max, &sh->rec);
}

static int close_page(struct kvip_show_job *j)
{
	struct show *sh = (struct show *)j;

	sh->trouble = kvip_calloc(MAX_TROUBLE, sizeof(*sh->trouble));
	if (!sh->trouble)
		return -ENOMEM;
	if (sh->s->engine)
		kvip_engine_get_summary(sh->s->engine, &sh->sum);
	find_trouble(sh);
	if (sh->json)
		show_json(sh);
	else
		show_text(sh);
	return 0;
}

static void done(struct kvip_show_job *j)
{
	kvip_free(((struct show *)j)->trouble);
}

static const struct kvip_show_ops page_ops = {
	.bytes = sizeof(struct show),
	.walk = walk,
	.close = close_page,
	.done = done,
};

struct kvip_show_job *kvip_show_overview_begin(const struct kvip_show_ctx *s, bool json,
					       struct kvip_buf *out)
{
	return kvip_show_job_new(&page_ops, s, json, out);
}

int kvip_show_overview(const struct kvip_show_ctx *s, bool json, struct kvip_buf *out)
{
	return kvip_show_job_run(kvip_show_overview_begin(s, json, out));
}

void kvip_show_json_finding(struct kvip_jsonw *w, const struct kvip_finding *f)
{
	kvip_jsonw_object(w, NULL);
	kvip_jsonw_string(w, "kind", f->kind);
	kvip_jsonw_string(w, "cluster", f->cluster);
	kvip_jsonw_string(w, "object", f->object[0] ? f->object : NULL);
	kvip_jsonw_string(w, "text", f->text);
	kvip_jsonw_end(w);
}

static void json_finding(void *ctx, const struct kvip_finding *f)
{
	kvip_show_json_finding(ctx, f);
}

static void text_finding(void *ctx, const struct kvip_finding *f)
{
	kvip_buf_printf(ctx, "! %s\n", f->text);
}

static int dry_run_json(const struct kvip_show_ctx *s, struct kvip_buf *out)
{
	struct kvip_jsonw w;
	int rc;

	kvip_jsonw_init(&w, out);
	kvip_jsonw_object(&w, NULL);
	rc = kvip_show_json_vips(s, NULL, &w);
	kvip_show_json_services(s, NULL, &w);
	kvip_show_json_nodes(s, &w);
	kvip_jsonw_array(&w, "findings");
	kvip_engine_check(s->engine, json_finding, &w);
	kvip_jsonw_end(&w);
	kvip_jsonw_end(&w);
	return rc ? rc : kvip_jsonw_finish(&w);
}

int kvip_show_dry_run(const struct kvip_show_ctx *s, bool json, struct kvip_buf *out)
{
	int rc;

	size_t before = out->len;

	if (json)
		return dry_run_json(s, out);
	kvip_engine_check(s->engine, text_finding, out);
	if (out->len > before)
		kvip_buf_puts(out, "\n");
	rc = kvip_show_vips(s, NULL, false, out);
	kvip_buf_puts(out, "\n");
	if (!rc)
		rc = kvip_show_services(s, NULL, false, out);
	kvip_buf_puts(out, "\n");
	if (!rc)
		rc = kvip_show_nodes(s, false, out);
	return rc;
}
