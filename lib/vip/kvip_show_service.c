// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show kubevip service`: every claim, the unselected ones too, with the reason; and `show
 * kubevip node`.
 *
 * Thread: T0; the engine's lock is held inside the callbacks, which therefore only write into
 * buffers.
 */
#include "vip/kvip_show_priv.h"

#include <stdio.h>
#include <string.h>

struct show {
	const struct kvip_show_ctx *s;
	const char *only;
	struct kvip_jsonw *json;
	struct kvip_columns *table;
	struct kvip_show_legend legend;
	size_t n;
};

static bool is_wanted(const struct show *sh, const struct kvip_claim_view *c)
{
	size_t n = strlen(c->ns);

	if (!sh->only)
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
	kvip_columns_cell(sh->table, "%u/%u", c->endpoints_usable, c->endpoints_total);
	kvip_columns_cell(sh->table, "%u", c->nhs ? c->nhs->n : 0);
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

void kvip_show_json_services(const struct kvip_show_ctx *s, const char *only, struct kvip_jsonw *w)
{
	struct show sh = { .s = s, .only = only, .json = w };

	kvip_jsonw_array(w, "services");
	if (s->engine)
		kvip_engine_each_claim(s->engine, on_claim, &sh);
	kvip_jsonw_end(w);
}

static int services_json(const struct kvip_show_ctx *s, const char *only, struct kvip_buf *out)
{
	struct kvip_jsonw w;

	kvip_jsonw_init(&w, out);
	kvip_jsonw_object(&w, NULL);
	kvip_show_json_services(s, only, &w);
	kvip_jsonw_end(&w);
	return kvip_jsonw_finish(&w);
}

int kvip_show_services(const struct kvip_show_ctx *s, const char *only, bool json,
		       struct kvip_buf *out)
{
	static const char *const headings[] = { "Cluster",   "Service", "Address",
						"Block",     "Policy",  "Ready",
						"Next hops", "Why",     NULL };
	struct show sh = { .s = s, .only = only };
	struct kvip_columns t;

	if (json)
		return services_json(s, only, out);
	sh.table = &t;
	kvip_columns_init(&t, headings, KVIP_MAX_SHOW_BYTES);
	if (s->engine)
		kvip_engine_each_claim(s->engine, on_claim, &sh);
	if (sh.n)
		kvip_show_table(&t, out);
	else
		kvip_columns_done(&t);
	kvip_show_legend_render(&sh.legend, out);
	if (!sh.n && only)
		kvip_buf_printf(
			out, "No LoadBalancer Service %s is known (write NAMESPACE/NAME).\n", only);
	else if (!sh.n)
		kvip_buf_puts(out,
			      "No LoadBalancer Service is known: see `show kubevip cluster`.\n");
	return out->err;
}

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

void kvip_show_json_nodes(const struct kvip_show_ctx *s, struct kvip_jsonw *w)
{
	struct show sh = { .s = s, .json = w };

	kvip_jsonw_array(w, "nodes");
	if (s->engine)
		kvip_engine_each_node(s->engine, on_node, &sh);
	kvip_jsonw_end(w);
}

static int nodes_json(const struct kvip_show_ctx *s, struct kvip_buf *out)
{
	struct kvip_jsonw w;

	kvip_jsonw_init(&w, out);
	kvip_jsonw_object(&w, NULL);
	kvip_show_json_nodes(s, &w);
	kvip_jsonw_end(&w);
	return kvip_jsonw_finish(&w);
}

int kvip_show_nodes(const struct kvip_show_ctx *s, bool json, struct kvip_buf *out)
{
	static const char *const headings[] = { "Cluster", "Node",   "Ready", "Addresses",
						"VIPs",    "Blocks", NULL };
	struct show sh = { .s = s };
	struct kvip_columns t;

	if (json)
		return nodes_json(s, out);
	sh.table = &t;
	kvip_columns_init(&t, headings, KVIP_MAX_SHOW_BYTES);
	if (s->engine)
		kvip_engine_each_node(s->engine, on_node, &sh);
	if (sh.n)
		kvip_show_table(&t, out);
	else
		kvip_columns_done(&t);
	kvip_show_legend_render(&sh.legend, out);
	if (!sh.n)
		kvip_buf_puts(out, "No node is known: see `show kubevip cluster`.\n");
	return out->err;
}
