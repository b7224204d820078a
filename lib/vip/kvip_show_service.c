// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show kubevip service`: every claim, the unselected ones too, with the reason; and `show
 * kubevip node`.
 *
 * Thread: T0; the engine's lock is held inside the callbacks, which therefore only write into
 * buffers.
 */
#include "vip/kvip_show_priv.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct show {
	struct kvip_show_job;             /* first */
	char only[2 * KVIP_MAX_NAME + 2]; /* "": all */
	struct kvip_object_at at;
	struct kvip_node_uses *uses;
	bool counted;
};

static bool is_wanted(const struct show *sh, const struct kvip_claim_view *c)
{
	size_t n = strlen(c->ns);

	if (!sh->only[0])
		return true;
	return strncmp(sh->only, c->ns, n) == 0 && sh->only[n] == '/' &&
	       strcmp(sh->only + n + 1, c->name) == 0;
}

static void cell_why(struct show *sh, const struct kvip_claim_view *c)
{
	const char *word = kvip_show_legend_word(&sh->legend, c->reason);

	if (c->winner)
		kvip_columns_cell(sh->table, "%s: %s", word, c->winner);
	else if (c->warning != KVIP_REASON_NONE)
		kvip_columns_cell(sh->table, "%s, %s", word,
				  kvip_show_legend_word(&sh->legend, c->warning));
	else
		kvip_columns_cell(sh->table, "%s", word);
}

static void text_claim(struct show *sh, const struct kvip_claim_view *c)
{
	bool service = strcmp(c->kind, "Service") == 0;
	char addr[KVIP_ADDR_STRLEN];

	kvip_columns_cell(sh->table, "%s", c->cluster);
	kvip_columns_cell(sh->table, "%s%s%s/%s", service ? "" : c->kind, service ? "" : " ", c->ns,
			  c->name);
	kvip_columns_cell(sh->table, "%s", c->addr ? kvip_addr_render(c->addr, addr) : "");
	kvip_columns_cell(sh->table, "%s", c->advertise ? c->advertise : "");
	kvip_columns_cell(sh->table, "%s", c->local ? "Local" : "Cluster");
	if (c->endpoints_known)
		kvip_columns_cell(sh->table, "%u/%u", c->endpoints_usable, c->endpoints_total);
	else
		kvip_columns_cell(sh->table, "-");
	if (c->endpoints_known || c->nhs)
		kvip_columns_cell(sh->table, "%u", c->nhs ? c->nhs->n : 0);
	else
		kvip_columns_cell(sh->table, "-");
	cell_why(sh, c);
}

static bool on_claim(void *ctx, const struct kvip_claim_view *c)
{
	struct show *sh = ctx;

	if (!is_wanted(sh, c))
		return true;
	sh->n++;
	if (sh->json)
		kvip_show_json_claim(sh->s, sh->json, c);
	else
		text_claim(sh, c);
	return true;
}

static bool walk_services(struct kvip_show_job *j, unsigned int max)
{
	struct show *sh = (struct show *)j;

	return sh->s->engine &&
	       kvip_engine_each_claim_some(sh->s->engine, &sh->at, max, on_claim, sh);
}

static void open_services(struct kvip_show_job *j)
{
	kvip_jsonw_array(j->json, "services");
}

static int close_services(struct kvip_show_job *j)
{
	struct show *sh = (struct show *)j;

	if (sh->json)
		kvip_jsonw_end(sh->json);
	else if (!sh->n && sh->only[0])
		kvip_buf_printf(sh->out,
				"No LoadBalancer Service %s is known (write NAMESPACE/NAME).\n",
				sh->only);
	else if (!sh->n)
		kvip_buf_puts(sh->out,
			      "No LoadBalancer Service is known: see `show kubevip cluster`.\n");
	return 0;
}

static const char *const service_headings[] = { "Cluster",   "Service", "Address",
						"Block",     "Policy",  "Ready",
						"Next hops", "Why",     NULL };

static const struct kvip_show_ops service_ops = {
	.bytes = sizeof(struct show),
	.headings = service_headings,
	.open = open_services,
	.walk = walk_services,
	.close = close_services,
};

struct kvip_show_job *kvip_show_services_begin(const struct kvip_show_ctx *s, const char *only,
					       bool json, struct kvip_buf *out)
{
	struct kvip_show_job *j = kvip_show_job_new(&service_ops, s, json, out);
	struct show *sh = (struct show *)j;

	if (j && only)
		snprintf(sh->only, sizeof(sh->only), "%s", only);
	return j;
}

int kvip_show_services(const struct kvip_show_ctx *s, const char *only, bool json,
		       struct kvip_buf *out)
{
	return kvip_show_job_run(kvip_show_services_begin(s, only, json, out));
}

void kvip_show_json_services(const struct kvip_show_ctx *s, const char *only, struct kvip_jsonw *w)
{
	struct show sh = { .s = s, .json = w };

	if (only)
		snprintf(sh.only, sizeof(sh.only), "%s", only);
	kvip_jsonw_array(w, "services");
	while (walk_services((struct kvip_show_job *)&sh, UINT_MAX))
		;
	kvip_jsonw_end(w);
}

/* ---- nodes ---- */

static const char *ready_word(enum kvip_ready ready)
{
	return ready == KVIP_READY_TRUE    ? "ready"
	       : ready == KVIP_READY_FALSE ? "not-ready"
					   : "unknown";
}

static void json_addresses(const struct show *sh, const struct kvip_node_view *v)
{
	struct kvip_jsonw *w = sh->json;
	struct kvip_nexthop_view nh;
	char addr[KVIP_ADDR_STRLEN];

	kvip_jsonw_array(w, "addresses");
	for (size_t i = 0; i < v->n_addrs; i++) {
		bool known = sh->s->recon &&
			     kvip_recon_find_nexthop(sh->s->recon, &v->addrs[i], &nh);

		kvip_jsonw_object(w, NULL);
		kvip_jsonw_string(w, "address", kvip_addr_render(&v->addrs[i], addr));
		kvip_jsonw_string(w, "nextHopState", known ? kvip_show_nh_state(nh.state) : NULL);
		kvip_jsonw_end(w);
	}
	kvip_jsonw_end(w);
}

static void json_node(const struct show *sh, const struct kvip_node_view *v)
{
	struct kvip_jsonw *w = sh->json;

	kvip_jsonw_object(w, NULL);
	kvip_jsonw_string(w, "cluster", v->cluster);
	kvip_jsonw_string(w, "name", v->name);
	kvip_jsonw_bool(w, "thisNode", v->self);
	kvip_jsonw_string(w, "ready", ready_word(v->ready));
	kvip_jsonw_bool(w, "cordoned", v->cordoned);
	json_addresses(sh, v);
	kvip_jsonw_uint(w, "vips", v->vips);
	kvip_jsonw_object(w, "blocks");
	for (size_t i = 0; i < v->n_blocks; i++) {
		kvip_jsonw_object(w, v->block[i]);
		kvip_show_json_reason(w, v->reason[i]);
		kvip_jsonw_end(w);
	}
	kvip_jsonw_end(w);
	kvip_jsonw_end(w);
}

static void cell_addresses(struct show *sh, const struct kvip_node_view *v)
{
	char text[5 * KVIP_ADDR_STRLEN], addr[KVIP_ADDR_STRLEN];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < v->n_addrs && n < sizeof(text); i++) {
		struct kvip_nexthop_view nh;
		bool bad = sh->s->recon &&
			   kvip_recon_find_nexthop(sh->s->recon, &v->addrs[i], &nh) &&
			   nh.state == KVIP_NH_UNRESOLVED;

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s", i ? " " : "",
				      kvip_addr_render(&v->addrs[i], addr),
				      bad ? "(unresolved)" : "");
	}
	kvip_columns_cell(sh->table, "%s", text);
}

static void cell_blocks(struct show *sh, const struct kvip_node_view *v)
{
	char text[256];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < v->n_blocks && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s: %s", i ? ", " : "",
				      v->block[i],
				      kvip_show_legend_word(&sh->legend, v->reason[i]));
	kvip_columns_cell(sh->table, "%s", text);
}

static bool on_node(void *ctx, const struct kvip_node_view *v)
{
	struct show *sh = ctx;

	sh->n++;
	if (sh->json) {
		json_node(sh, v);
		return true;
	}
	kvip_columns_cell(sh->table, "%s", v->cluster);
	kvip_columns_cell(sh->table, "%s%s", v->name, v->self ? " (this node)" : "");
	kvip_columns_cell(sh->table, "%s%s", ready_word(v->ready), v->cordoned ? ", cordoned" : "");
	cell_addresses(sh, v);
	kvip_columns_cell(sh->table, "%zu", v->vips);
	cell_blocks(sh, v);
	return true;
}

/* First how many VIPs go through whom, then the nodes. */
static bool walk_nodes(struct kvip_show_job *j, unsigned int max)
{
	struct show *sh = (struct show *)j;
	struct kvip_engine *e = sh->s->engine;

	if (!e)
		return false;
	if (!sh->uses)
		sh->uses = kvip_engine_uses_new();
	if (!sh->uses)
		return false;
	if (!sh->counted) {
		sh->counted = !kvip_engine_count_uses(e, sh->uses, max);
		return true;
	}
	return kvip_engine_each_node_some(e, &sh->at, sh->uses, max, on_node, sh);
}

static void open_nodes(struct kvip_show_job *j)
{
	kvip_jsonw_array(j->json, "nodes");
}

static int close_nodes(struct kvip_show_job *j)
{
	if (j->json)
		kvip_jsonw_end(j->json);
	else if (!j->n)
		kvip_buf_puts(j->out, "No node is known: see `show kubevip cluster`.\n");
	return j->s->engine && !((struct show *)j)->uses ? -ENOMEM : 0;
}

static void done_nodes(struct kvip_show_job *j)
{
	kvip_engine_uses_free(((struct show *)j)->uses);
}

static const char *const node_headings[] = { "Cluster", "Node",   "Ready", "Addresses",
					     "VIPs",    "Blocks", NULL };

static const struct kvip_show_ops node_ops = {
	.bytes = sizeof(struct show),
	.headings = node_headings,
	.open = open_nodes,
	.walk = walk_nodes,
	.close = close_nodes,
	.done = done_nodes,
};

struct kvip_show_job *kvip_show_nodes_begin(const struct kvip_show_ctx *s, bool json,
					    struct kvip_buf *out)
{
	return kvip_show_job_new(&node_ops, s, json, out);
}

int kvip_show_nodes(const struct kvip_show_ctx *s, bool json, struct kvip_buf *out)
{
	return kvip_show_job_run(kvip_show_nodes_begin(s, json, out));
}

void kvip_show_json_nodes(const struct kvip_show_ctx *s, struct kvip_jsonw *w)
{
	struct show sh = { .s = s, .json = w };

	kvip_jsonw_array(w, "nodes");
	while (walk_nodes((struct kvip_show_job *)&sh, UINT_MAX))
		;
	kvip_jsonw_end(w);
	kvip_engine_uses_free(sh.uses);
}
