// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show kubevip vip`: what the engine decided about each VIP beside what the router did with
 * it.
 *
 * Thread: T0; the engine's lock is held inside the callbacks, which therefore only write into
 * buffers. Routes of ours that no VIP of the engine speaks of (kept from before, being withdrawn)
 * come after the VIPs; to know them, the prefixes shown without a decision are remembered.
 */
#include "vip/kvip_show_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct show {
	const struct kvip_show_ctx *s;
	const struct kvip_prefix *only;
	bool detail;
	struct kvip_jsonw *json;
	struct kvip_buf *out;
	struct kvip_columns *table;
	struct kvip_show_legend legend;
	struct kvip_buf undecided; /* struct kvip_prefix after struct kvip_prefix, in order */
	size_t n;
	kvip_show_vip_fn *fn; /* of kvip_show_each_vip(): nothing is written */
	void *fn_ctx;
	bool stop;
};

/* One VIP as both sides see it. @vip NULL: a route that the engine says nothing of; @route NULL: T0
 * has none. */
struct both {
	const struct kvip_vip_view *vip;
	const struct kvip_route_view *route;
	struct kvip_prefix prefix;
};

static const char *state_word(const struct show *sh, const struct both *b)
{
	bool routed = b->vip && b->vip->routed;

	if (b->route)
		return kvip_route_state_word(b->route->state);
	if (!routed)
		return "not-routed";
	return sh->s->recon ? "pending" : "would-be-routed";
}

static const char *state_text(const struct show *sh, const struct both *b)
{
	bool routed = b->vip && b->vip->routed;

	if (b->route)
		return kvip_route_state_text(b->route->state);
	if (!routed)
		return "not routed";
	return sh->s->recon ? "decided, about to be sent" : "would be routed";
}

/* The router's reason stands above the engine's: it is what keeps a decided route out of the
 * kernel. */
static enum kvip_reason why(const struct both *b)
{
	if (b->route && b->route->reason != KVIP_REASON_NONE)
		return b->route->reason;
	return b->vip ? b->vip->reason : KVIP_REASON_NONE;
}

static const struct kvip_route *decided(const struct both *b)
{
	if (b->vip && b->vip->routed)
		return b->vip->route;
	if (!b->route)
		return NULL;
	return b->route->want ? b->route->want : b->route->adopted;
}

static const struct kvip_claim_view *holder(const struct both *b)
{
	return b->vip && b->vip->n_claims ? &b->vip->claims[0] : NULL;
}

static const char *cluster_name(const struct both *b)
{
	const struct kvip_claim_view *c = holder(b);
	const struct kvip_route *r = decided(b);

	if (c)
		return c->cluster;
	if (r)
		return r->cluster;
	return b->route ? b->route->cluster : NULL;
}

static void json_decision(struct kvip_jsonw *w, const struct kvip_route *r)
{
	static const char *const resolutions[] = { "connected", "igp", "any" };

	kvip_show_json_nhset(w, "nextHops", r ? r->nhs : NULL);
	if (!r)
		return;
	if (r->nhs)
		kvip_jsonw_uint(w, "nextHopSet", r->nhs->id);
	kvip_jsonw_uint(w, "tag", r->tag);
	kvip_jsonw_uint(w, "distance", r->id.distance);
	kvip_jsonw_uint(w, "table", r->id.table);
	kvip_jsonw_uint(w, "vrfId", r->id.vrf_id);
	kvip_jsonw_string(w, "nextHopResolution",
			  r->resolution < 3 ? resolutions[r->resolution] : NULL);
}

typedef void match_fn(const struct show *sh, const char *text, unsigned int n);

/* What bgpd's route-maps ask and this VIP answers: as it stands behind `match kubevip`. */
static unsigned int each_match(const struct show *sh, const struct kvip_route_view *v, match_fn *fn)
{
	const struct kvip_match_set *set = v->asked;
	const struct kvip_route *r = v->want ? v->want : v->adopted;
	unsigned int n = 0;

	for (unsigned int i = 0; set && r && i < set->n; i++) {
		const struct kvip_match_expr *x = &set->v[i];
		char text[KVIP_MAX_LABEL_KEY + KVIP_MAX_NAME + 16];

		if (!kvip_marks_has(&r->marks, i, x->since))
			continue;
		snprintf(text, sizeof(text), "%s %s",
			 kvip_match_word((enum kvip_match_kind)x->kind), x->text);
		fn(sh, text, n++);
	}
	return n;
}

static void json_match(const struct show *sh, const char *text, unsigned int n)
{
	(void)n;
	kvip_jsonw_string(sh->json, NULL, text);
}

static void text_match(const struct show *sh, const char *text, unsigned int n)
{
	if (n)
		kvip_buf_printf(sh->out, ", %s", text);
	else
		kvip_buf_printf(sh->out, "  %-11s %s", "matches", text);
}

static void json_matches(const struct show *sh, const struct kvip_route_view *v)
{
	if (!v->asked || !v->asked->n)
		return;
	kvip_jsonw_array(sh->json, "matches");
	each_match(sh, v, json_match);
	kvip_jsonw_end(sh->json);
}

static void json_route(const struct show *sh, const struct kvip_route_view *r)
{
	struct kvip_jsonw *w = sh->json;

	if (r->inject == KVIP_INJECT_BGP)
		kvip_jsonw_bool(w, "throughThisNode", r->want && r->want->through_self);
	kvip_jsonw_string(w, "stateText", kvip_route_state_text(r->state));
	kvip_show_json_nhset(w, "usableNextHops", r->usable);
	kvip_show_json_nhset(w, "installedNextHops", r->installed);
	kvip_show_json_age(sh->s, w, "sentAgeSec", r->sent_ms);
	kvip_show_json_age(sh->s, w, "installedAgeSec", r->installed_ms);
	kvip_jsonw_uint(w, "sweptCount", r->swept);
	json_matches(sh, r);
}

static void json_vip(const struct show *sh, const struct kvip_vip_view *v)
{
	struct kvip_jsonw *w = sh->json;

	kvip_show_json_warning(w, v->warning);
	kvip_show_json_age(sh->s, w, "changedAgeSec", v->changed_ms);
	if (v->restored)
		kvip_jsonw_int(w, "restoredAgeSec", sh->s->wall - v->restored_confirmed_s);
	kvip_jsonw_array(w, "claims");
	for (size_t i = 0; i < v->n_claims; i++)
		kvip_show_json_claim(sh->s, w, &v->claims[i]);
	kvip_jsonw_end(w);
}

static void json_both(const struct show *sh, const struct both *b)
{
	struct kvip_jsonw *w = sh->json;
	char text[KVIP_PREFIX_STRLEN];

	kvip_prefix_render(&b->prefix, text);
	kvip_jsonw_object(w, text);
	kvip_jsonw_string(w, "prefix", text);
	kvip_jsonw_string(w, "state", state_word(sh, b));
	kvip_jsonw_bool(w, "routed", b->vip && b->vip->routed);
	kvip_jsonw_bool(w, "held", b->vip && b->vip->held);
	kvip_jsonw_bool(w, "restored", b->vip && b->vip->restored);
	kvip_show_json_reason(w, why(b));
	kvip_jsonw_string(w, "cluster", cluster_name(b));
	json_decision(w, decided(b));
	if (b->route)
		json_route(sh, b->route);
	if (b->vip)
		json_vip(sh, b->vip);
	kvip_jsonw_end(w);
}

/* What Cilium would have announced it with; see `show kubevip check` for how to say it in FRR. */
static void text_cilium(struct kvip_buf *out, const struct kvip_claim_view *c)
{
	if (c->pool)
		kvip_buf_printf(out, "              from pool %s\n", c->pool);
	if (c->communities || c->large_communities)
		kvip_buf_printf(out, "              Cilium's communities:%s%s%s%s\n",
				c->communities ? " " : "", c->communities ? c->communities : "",
				c->large_communities ? " " : "",
				c->large_communities ? c->large_communities : "");
	if (c->has_local_preference)
		kvip_buf_printf(out, "              Cilium's local preference: %" PRId64 "\n",
				c->local_preference);
}

static void text_claim(const struct show *sh, const struct kvip_claim_view *c, bool first)
{
	struct kvip_buf *out = sh->out;

	kvip_buf_printf(out, "  %-11s %s %s %s/%s", first ? "claimed by" : "and by", c->cluster,
			c->kind, c->ns, c->name);
	kvip_buf_printf(out, " (%s", c->source ? c->source : "no address");
	if (c->gateway)
		kvip_buf_printf(out, ", Gateway %s", c->gateway);
	if (c->advertise)
		kvip_buf_printf(out, ", advertise %s", c->advertise);
	if (c->selected_by)
		kvip_buf_printf(out, " by %s", c->selected_by);
	kvip_buf_puts(out, ")\n              ");
	kvip_show_sentence(out, c->reason);
	if (c->winner)
		kvip_buf_printf(out, ": %s", c->winner);
	kvip_buf_printf(out,
			"\n              externalTrafficPolicy %s, %u of %u endpoints usable\n",
			c->local ? "Local" : "Cluster", c->endpoints_usable, c->endpoints_total);
	text_cilium(out, c);
	if (c->warning != KVIP_REASON_NONE) {
		kvip_buf_puts(out, "              ! ");
		kvip_show_sentence(out, c->warning);
		kvip_buf_puts(out, "\n");
	}
}

static bool nhset_has(const struct kvip_nhset *nhs, const struct kvip_addr *a)
{
	for (uint32_t i = 0; nhs && i < nhs->n; i++)
		if (kvip_addr_equal(&nhs->addrs[i], a))
			return true;
	return false;
}

static void text_next_hops(const struct show *sh, const struct both *b)
{
	const struct kvip_route *r = decided(b);
	char addr[KVIP_ADDR_STRLEN];

	for (uint32_t i = 0; r && r->nhs && i < r->nhs->n; i++) {
		const struct kvip_addr *a = &r->nhs->addrs[i];
		struct kvip_nexthop_view nh;

		kvip_buf_printf(sh->out, "  %-11s %s", i ? "" : "next hops",
				kvip_addr_render(a, addr));
		if (sh->s->recon && kvip_recon_find_nexthop(sh->s->recon, a, &nh))
			kvip_buf_printf(sh->out, "  %s%s", kvip_show_nh_state(nh.state),
					nh.own ? ", this router's own address" : "");
		if (b->route && b->route->usable)
			kvip_buf_puts(sh->out,
				      nhset_has(b->route->usable, a) ? ", used" : ", not used");
		if (b->route && b->route->installed && nhset_has(b->route->installed, a))
			kvip_buf_puts(sh->out, ", installed");
		kvip_buf_puts(sh->out, "\n");
	}
}

/* Node mode: there is no route in zebra, and so no distance and no confirmation. */
static void text_announced(const struct show *sh, const struct kvip_route_view *r)
{
	char age[KVIP_AGE_STRLEN];

	if (r->want)
		kvip_buf_printf(sh->out, "  %-11s tag %u\n", "to bgpd", r->want->tag);
	if (r->state == KVIP_ROUTE_ANNOUNCED)
		kvip_buf_printf(sh->out, "  %-11s %s, next hop: this node\n", "since",
				kvip_show_since(sh->s, r->installed_ms, age));
}

static void text_route(const struct show *sh, const struct both *b)
{
	const struct kvip_route *r = decided(b);
	char age[KVIP_AGE_STRLEN];

	if (b->route && b->route->inject == KVIP_INJECT_BGP) {
		text_announced(sh, b->route);
		return;
	}
	if (r && r->id.table)
		kvip_buf_printf(
			sh->out,
			"  %-11s tag %u, distance %u, table %u (kernel only, not redistributed)\n",
			"route", r->tag, r->id.distance, r->id.table);
	else if (r)
		kvip_buf_printf(sh->out, "  %-11s tag %u, distance %u\n", "route", r->tag,
				r->id.distance);
	if (!b->route)
		return;
	kvip_buf_printf(sh->out, "  %-11s %s", "sent since",
			kvip_show_since(sh->s, b->route->sent_ms, age));
	kvip_buf_printf(sh->out, ", confirmed since %s",
			kvip_show_since(sh->s, b->route->installed_ms, age));
	if (b->route->swept)
		kvip_buf_printf(sh->out, "; removed by somebody else and sent again %u times",
				b->route->swept);
	kvip_buf_puts(sh->out, "\n");
	if (each_match(sh, b->route, text_match))
		kvip_buf_puts(sh->out, "\n");
}

static void text_vip_notes(const struct show *sh, const struct kvip_vip_view *v)
{
	char age[KVIP_AGE_STRLEN];

	if (v->warning != KVIP_REASON_NONE) {
		kvip_buf_printf(sh->out, "  %-11s ", "! warning");
		kvip_show_sentence(sh->out, v->warning);
		kvip_buf_puts(sh->out, "\n");
	}
	if (v->restored)
		kvip_buf_printf(sh->out,
				"  %-11s from the state file, confirmed by the API %s ago\n",
				"restored",
				kvip_show_age(age, sh->s->wall - v->restored_confirmed_s));
	kvip_buf_printf(sh->out, "  %-11s %s\n", "so since",
			kvip_show_since(sh->s, v->changed_ms, age));
	for (size_t i = 0; i < v->n_claims; i++)
		text_claim(sh, &v->claims[i], i == 0);
}

static void text_detail(const struct show *sh, const struct both *b)
{
	char prefix[KVIP_PREFIX_STRLEN];

	kvip_buf_printf(sh->out, "%s: %s\n", kvip_prefix_render(&b->prefix, prefix),
			state_text(sh, b));
	if (why(b) != KVIP_REASON_NONE) {
		kvip_buf_printf(sh->out, "  %-11s ", "why");
		kvip_show_sentence(sh->out, why(b));
		kvip_buf_puts(sh->out, "\n");
	}
	text_next_hops(sh, b);
	text_route(sh, b);
	if (b->vip)
		text_vip_notes(sh, b->vip);
}

/* Next hops in force, and of how many if some are left out. */
static void cell_next_hops(struct show *sh, const struct both *b)
{
	const struct kvip_route *r = decided(b);
	const struct kvip_nhset *want = r ? r->nhs : NULL;
	const struct kvip_nhset *used = b->route && b->route->usable ? b->route->usable : want;
	char text[4 * KVIP_ADDR_STRLEN];

	if (used && want && used->n < want->n) {
		kvip_show_nhset(used, 2, text, sizeof(text));
		kvip_columns_cell(sh->table, "%s (%u of %u)", text, used->n, want->n);
		return;
	}
	kvip_show_nhset(used, 3, text, sizeof(text));
	kvip_columns_cell(sh->table, "%s", text);
}

static void cell_claim(struct show *sh, const struct both *b)
{
	const struct kvip_claim_view *c = holder(b);
	const char *cluster = cluster_name(b);

	if (!c)
		kvip_columns_cell(sh->table, "%s", cluster ? cluster : "");
	else if (b->vip->n_claims > 1)
		kvip_columns_cell(sh->table, "%s %s/%s +%zu", c->cluster, c->ns, c->name,
				  b->vip->n_claims - 1);
	else
		kvip_columns_cell(sh->table, "%s %s/%s", c->cluster, c->ns, c->name);
}

static void text_row(struct show *sh, const struct both *b)
{
	enum kvip_reason warning = b->vip ? b->vip->warning : KVIP_REASON_NONE;
	char prefix[KVIP_PREFIX_STRLEN], age[KVIP_AGE_STRLEN];

	kvip_columns_cell(sh->table, "%s", kvip_prefix_render(&b->prefix, prefix));
	kvip_columns_cell(sh->table, "%s", state_word(sh, b));
	cell_next_hops(sh, b);
	cell_claim(sh, b);
	kvip_columns_cell(sh->table, "%s",
			  b->vip ? kvip_show_since(sh->s, b->vip->changed_ms, age) : "");
	if (warning != KVIP_REASON_NONE)
		kvip_columns_cell(sh->table, "%s, %s", kvip_show_legend_word(&sh->legend, why(b)),
				  kvip_show_legend_word(&sh->legend, warning));
	else
		kvip_columns_cell(sh->table, "%s", kvip_show_legend_word(&sh->legend, why(b)));
}

static void lend(struct show *sh, const struct both *b)
{
	const struct kvip_show_vip v = {
		.prefix = b->prefix,
		.state = state_word(sh, b),
		.reason = why(b),
		.cluster = cluster_name(b),
		.decided = decided(b),
		.vip = b->vip,
		.route = b->route,
	};

	sh->stop = !sh->fn(sh->fn_ctx, &v);
}

static void show_both(struct show *sh, const struct both *b)
{
	sh->n++;
	if (sh->fn)
		lend(sh, b);
	else if (sh->json)
		json_both(sh, b);
	else if (sh->detail)
		text_detail(sh, b);
	else
		text_row(sh, b);
}

static bool is_wanted(const struct show *sh, const struct kvip_prefix *p)
{
	return !sh->only || kvip_prefix_covers(sh->only, p);
}

static bool on_vip(void *ctx, const struct kvip_vip_view *v)
{
	struct show *sh = ctx;
	struct kvip_route_view route;
	struct both b = { .vip = v, .prefix = v->prefix };

	if (!is_wanted(sh, &v->prefix))
		return true;
	if (sh->s->recon && kvip_recon_find(sh->s->recon, 0, &v->prefix, &route))
		b.route = &route;
	if (b.route && !b.route->want)
		kvip_buf_add(&sh->undecided, &b.prefix, sizeof(b.prefix));
	show_both(sh, &b);
	return !sh->stop;
}

static int prefix_order(const void *a, const void *b)
{
	return kvip_prefix_cmp(a, b);
}

/* Routes without a decision that have not been shown with their VIP. */
static bool on_route(void *ctx, const struct kvip_route_view *r)
{
	struct show *sh = ctx;
	struct both b = { .route = r, .prefix = r->id.prefix };
	size_t n = sh->undecided.len / sizeof(b.prefix);

	if (r->want || !is_wanted(sh, &b.prefix))
		return true;
	if (n && bsearch(&b.prefix, sh->undecided.data, n, sizeof(b.prefix), prefix_order))
		return true;
	show_both(sh, &b);
	return !sh->stop;
}

static int walk(struct show *sh)
{
	int rc;

	kvip_buf_init(&sh->undecided, KVIP_MAX_VIPS * sizeof(struct kvip_prefix));
	if (sh->s->engine)
		kvip_engine_each_vip(sh->s->engine, on_vip, sh);
	if (sh->s->recon && !sh->undecided.err && !sh->stop)
		kvip_recon_each(sh->s->recon, on_route, sh);
	rc = sh->undecided.err;
	kvip_buf_done(&sh->undecided);
	return rc;
}

int kvip_show_json_vips(const struct kvip_show_ctx *s, const struct kvip_prefix *only,
			struct kvip_jsonw *w)
{
	struct show sh = { .s = s, .only = only, .json = w };
	int rc;

	kvip_jsonw_object(w, "vips");
	rc = walk(&sh);
	kvip_jsonw_end(w);
	return rc;
}

static int show_json(const struct kvip_show_ctx *s, const struct kvip_prefix *only,
		     struct kvip_buf *out)
{
	struct kvip_jsonw w;
	int rc;

	kvip_jsonw_init(&w, out);
	kvip_jsonw_object(&w, NULL);
	rc = kvip_show_json_vips(s, only, &w);
	kvip_jsonw_end(&w);
	return rc ? rc : kvip_jsonw_finish(&w);
}

static int show_table(struct show *sh, struct kvip_buf *out)
{
	static const char *const headings[] = { "VIP",     "State", "Next hops", "Claimed by",
						"Changed", "Why",   NULL };
	struct kvip_columns t;
	int rc;

	sh->table = &t;
	kvip_columns_init(&t, headings, KVIP_MAX_SHOW_BYTES);
	rc = walk(sh);
	if (sh->n)
		kvip_show_table(&t, out);
	else
		kvip_columns_done(&t);
	kvip_show_legend_render(&sh->legend, out);
	return rc;
}

int kvip_show_vips(const struct kvip_show_ctx *s, const struct kvip_prefix *only, bool json,
		   struct kvip_buf *out)
{
	struct show sh = { .s = s, .only = only, .out = out };
	char text[KVIP_PREFIX_STRLEN];
	int rc;

	if (json)
		return show_json(s, only, out);
	sh.detail = only && only->len == kvip_addr_bits(&only->addr);
	rc = sh.detail ? walk(&sh) : show_table(&sh, out);
	if (!sh.n && only)
		kvip_buf_printf(out,
				"No VIP in %s: nothing in a vip-range claims it (see `show kubevip "
				"service`).\n",
				kvip_prefix_render(only, text));
	else if (!sh.n)
		kvip_buf_puts(out,
			      "No VIP: nothing in a vip-range claims an address (see `show kubevip "
			      "service`).\n");
	return rc ? rc : out->err;
}

int kvip_show_each_vip(const struct kvip_show_ctx *s, kvip_show_vip_fn *fn, void *ctx)
{
	struct show sh = { .s = s, .fn = fn, .fn_ctx = ctx };

	return walk(&sh);
}

bool kvip_show_one_vip(const struct kvip_show_ctx *s, const struct kvip_prefix *p,
		       kvip_show_vip_fn *fn, void *ctx)
{
	struct show sh = { .s = s, .fn = fn, .fn_ctx = ctx };
	struct kvip_route_view route;

	if (s->engine && kvip_engine_show_vip(s->engine, p, on_vip, &sh))
		return true;
	if (!s->recon || !kvip_recon_find(s->recon, 0, p, &route))
		return false;
	show_both(&sh, &(struct both){ .route = &route, .prefix = *p });
	return true;
}
