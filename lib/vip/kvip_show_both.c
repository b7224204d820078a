// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: one VIP in each form of `show kubevip vip`: an object of JSON, a page, a row.
 *
 * Thread: T0; the engine's lock is held: nothing here but writes into buffers.
 */
#include "vip/kvip_show_priv.h"

#include <inttypes.h>
#include <stdio.h>

const char *kvip_show_both_word(const struct kvip_show_ctx *s, const struct kvip_show_both *b)
{
	bool routed = b->vip && b->vip->routed;

	if (b->route)
		return kvip_route_state_word(b->route->state);
	if (!routed)
		return "not-routed";
	return s->recon ? "pending" : "would-be-routed";
}

static const char *state_text(const struct kvip_show_job *j, const struct kvip_show_both *b)
{
	bool routed = b->vip && b->vip->routed;

	if (b->route)
		return kvip_route_state_text(b->route->state);
	if (!routed)
		return "not routed";
	return j->s->recon ? "decided, about to be sent" : "would be routed";
}

/* The router's reason stands above the engine's: it is what keeps a decided route out of the
 * kernel. */
enum kvip_reason kvip_show_both_why(const struct kvip_show_both *b)
{
	if (b->route && b->route->reason != KVIP_REASON_NONE)
		return b->route->reason;
	return b->vip ? b->vip->reason : KVIP_REASON_NONE;
}

const struct kvip_route *kvip_show_both_decided(const struct kvip_show_both *b)
{
	if (b->vip && b->vip->routed)
		return b->vip->route;
	if (!b->route)
		return NULL;
	return b->route->want ? b->route->want : b->route->adopted;
}

static const struct kvip_claim_view *holder(const struct kvip_show_both *b)
{
	return b->vip && b->vip->n_claims ? &b->vip->claims[0] : NULL;
}

const char *kvip_show_both_cluster(const struct kvip_show_both *b)
{
	const struct kvip_claim_view *c = holder(b);
	const struct kvip_route *r = kvip_show_both_decided(b);

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

typedef void match_fn(const struct kvip_show_job *j, const char *text, unsigned int n);

/* What bgpd's route-maps ask and this VIP answers: as it stands behind `match kubevip`. */
static unsigned int each_match(const struct kvip_show_job *j, const struct kvip_route_view *v,
			       match_fn *fn)
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
		fn(j, text, n++);
	}
	return n;
}

static void json_match(const struct kvip_show_job *j, const char *text, unsigned int n)
{
	(void)n;
	kvip_jsonw_string(j->json, NULL, text);
}

static void text_match(const struct kvip_show_job *j, const char *text, unsigned int n)
{
	if (n)
		kvip_buf_printf(j->out, ", %s", text);
	else
		kvip_buf_printf(j->out, "  %-11s %s", "matches", text);
}

static void json_matches(const struct kvip_show_job *j, const struct kvip_route_view *v)
{
	if (!v->asked || !v->asked->n)
		return;
	kvip_jsonw_array(j->json, "matches");
	each_match(j, v, json_match);
	kvip_jsonw_end(j->json);
}

/* 0: it is not out there today, whatever it was once. */
static kvip_msec sent_since(const struct kvip_route_view *r)
{
	return r->usable || r->inject == KVIP_INJECT_BGP ? r->sent_ms : 0;
}

static kvip_msec installed_since(const struct kvip_route_view *r)
{
	return r->installed || r->inject == KVIP_INJECT_BGP ? r->installed_ms : 0;
}

static void json_route(const struct kvip_show_job *j, const struct kvip_route_view *r)
{
	struct kvip_jsonw *w = j->json;

	if (r->inject == KVIP_INJECT_BGP)
		kvip_jsonw_bool(w, "throughThisNode", r->want && r->want->through_self);
	kvip_jsonw_string(w, "stateText", kvip_route_state_text(r->state));
	kvip_show_json_nhset(w, "usableNextHops", r->usable);
	kvip_show_json_nhset(w, "installedNextHops", r->installed);
	kvip_show_json_age(j->s, w, "sentAgeSec", sent_since(r));
	kvip_show_json_age(j->s, w, "installedAgeSec", installed_since(r));
	kvip_jsonw_uint(w, "sweptCount", r->swept);
	json_matches(j, r);
}

static void json_vip(const struct kvip_show_job *j, const struct kvip_vip_view *v)
{
	struct kvip_jsonw *w = j->json;

	kvip_show_json_warning(w, v->warning);
	kvip_show_json_age(j->s, w, "changedAgeSec", v->changed_ms);
	if (v->restored)
		kvip_jsonw_int(w, "restoredAgeSec", j->s->wall - v->restored_confirmed_s);
	kvip_jsonw_array(w, "claims");
	for (size_t i = 0; i < v->n_claims; i++)
		kvip_show_json_claim(j->s, w, &v->claims[i]);
	kvip_jsonw_end(w);
}

void kvip_show_both_json(const struct kvip_show_job *j, const struct kvip_show_both *b)
{
	struct kvip_jsonw *w = j->json;
	char text[KVIP_PREFIX_STRLEN];

	kvip_prefix_render(&b->prefix, text);
	kvip_jsonw_object(w, text);
	kvip_jsonw_string(w, "prefix", text);
	kvip_jsonw_string(w, "state", kvip_show_both_word(j->s, b));
	kvip_jsonw_bool(w, "routed", b->vip && b->vip->routed);
	kvip_jsonw_bool(w, "held", b->vip && b->vip->held);
	kvip_jsonw_bool(w, "restored", b->vip && b->vip->restored);
	kvip_show_json_reason(w, kvip_show_both_why(b));
	kvip_jsonw_string(w, "cluster", kvip_show_both_cluster(b));
	json_decision(w, kvip_show_both_decided(b));
	if (b->route)
		json_route(j, b->route);
	if (b->vip)
		json_vip(j, b->vip);
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

static void text_claim(const struct kvip_show_job *j, const struct kvip_claim_view *c, bool first)
{
	const struct kvip_reason_info *why = kvip_reason_info(c->reason);
	struct kvip_buf *out = j->out;

	kvip_buf_printf(out, "  %-11s %s %s %s/%s", first ? "claimed by" : "and by", c->cluster,
			c->kind, c->ns, c->name);
	kvip_buf_printf(out, " (%s", c->source ? c->source : "no address");
	if (c->gateway)
		kvip_buf_printf(out, ", Gateway %s", c->gateway);
	if (c->advertise)
		kvip_buf_printf(out, ", advertise %s", c->advertise);
	if (c->selected_by)
		kvip_buf_printf(out, " by %s", c->selected_by);
	kvip_buf_printf(out, ")\n              %s", why->text);
	if (c->winner)
		kvip_buf_printf(out, " (%s)", c->winner);
	kvip_buf_printf(out, "%s%s\n", why->remedy[0] ? ": " : "", why->remedy);
	if (c->endpoints_known)
		kvip_buf_printf(
			out, "              externalTrafficPolicy %s, %u of %u endpoints usable\n",
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

static void text_next_hops(const struct kvip_show_job *j, const struct kvip_show_both *b)
{
	const struct kvip_route *r = kvip_show_both_decided(b);
	char addr[KVIP_ADDR_STRLEN];

	for (uint32_t i = 0; r && r->nhs && i < r->nhs->n; i++) {
		const struct kvip_addr *a = &r->nhs->addrs[i];
		struct kvip_nexthop_view nh;

		kvip_buf_printf(j->out, "  %-11s %s", i ? "" : "next hops",
				kvip_addr_render(a, addr));
		if (j->s->recon && kvip_recon_find_nexthop(j->s->recon, a, &nh))
			kvip_buf_printf(j->out, "  %s%s", kvip_show_nh_state(nh.state),
					nh.own ? ", this router's own address" : "");
		if (b->route && b->route->usable)
			kvip_buf_puts(j->out,
				      nhset_has(b->route->usable, a) ? ", used" : ", not used");
		if (b->route && b->route->installed && nhset_has(b->route->installed, a))
			kvip_buf_puts(j->out, ", installed");
		kvip_buf_puts(j->out, "\n");
	}
}

/* Node mode: there is no route in zebra, and so no distance and no confirmation. */
static void text_announced(const struct kvip_show_job *j, const struct kvip_route_view *r)
{
	char age[KVIP_AGE_STRLEN];

	if (r->want)
		kvip_buf_printf(j->out, "  %-11s tag %u\n", "to bgpd", r->want->tag);
	if (r->state == KVIP_ROUTE_ANNOUNCED)
		kvip_buf_printf(j->out, "  %-11s %s, next hop: this node\n", "since",
				kvip_show_since(j->s, r->installed_ms, age));
}

static void text_times(const struct kvip_show_job *j, const struct kvip_route_view *r)
{
	char age[KVIP_AGE_STRLEN];

	if (!sent_since(r))
		return;
	kvip_buf_printf(j->out, "  %-11s %s", "sent since",
			kvip_show_since(j->s, sent_since(r), age));
	if (installed_since(r))
		kvip_buf_printf(j->out, ", confirmed since %s",
				kvip_show_since(j->s, installed_since(r), age));
	if (r->swept)
		kvip_buf_printf(j->out, "; removed by somebody else and sent again %u times",
				r->swept);
	kvip_buf_puts(j->out, "\n");
}

static void text_route(const struct kvip_show_job *j, const struct kvip_show_both *b)
{
	const struct kvip_route *r = kvip_show_both_decided(b);

	if (b->route && b->route->inject == KVIP_INJECT_BGP) {
		text_announced(j, b->route);
		return;
	}
	if (r && r->id.table)
		kvip_buf_printf(
			j->out,
			"  %-11s tag %u, distance %u, table %u (kernel only, not redistributed)\n",
			"route", r->tag, r->id.distance, r->id.table);
	else if (r)
		kvip_buf_printf(j->out, "  %-11s tag %u, distance %u\n", "route", r->tag,
				r->id.distance);
	if (!b->route)
		return;
	text_times(j, b->route);
	if (each_match(j, b->route, text_match))
		kvip_buf_puts(j->out, "\n");
}

static void text_vip_notes(const struct kvip_show_job *j, const struct kvip_vip_view *v)
{
	char age[KVIP_AGE_STRLEN];

	if (v->warning != KVIP_REASON_NONE) {
		kvip_buf_printf(j->out, "  %-11s ", "! warning");
		kvip_show_sentence(j->out, v->warning);
		kvip_buf_puts(j->out, "\n");
	}
	if (v->restored)
		kvip_buf_printf(j->out,
				"  %-11s from the state file, confirmed by the API %s ago\n",
				"restored",
				kvip_show_age(age, j->s->wall - v->restored_confirmed_s));
	kvip_buf_printf(j->out, "  %-11s %s\n", "so since",
			kvip_show_since(j->s, v->changed_ms, age));
	for (size_t i = 0; i < v->n_claims; i++)
		text_claim(j, &v->claims[i], i == 0);
}

void kvip_show_both_detail(const struct kvip_show_job *j, const struct kvip_show_both *b)
{
	char prefix[KVIP_PREFIX_STRLEN];

	kvip_buf_printf(j->out, "%s: %s\n", kvip_prefix_render(&b->prefix, prefix),
			state_text(j, b));
	if (kvip_reason_info(kvip_show_both_why(b))->level != KVIP_LEVEL_OK) {
		kvip_buf_printf(j->out, "  %-11s ", "why");
		kvip_show_sentence(j->out, kvip_show_both_why(b));
		kvip_buf_puts(j->out, "\n");
	}
	text_next_hops(j, b);
	text_route(j, b);
	if (b->vip)
		text_vip_notes(j, b->vip);
}

/* Next hops in force, and of how many if some are left out. */
static void cell_next_hops(struct kvip_show_job *j, const struct kvip_show_both *b)
{
	const struct kvip_route *r = kvip_show_both_decided(b);
	const struct kvip_nhset *want = r ? r->nhs : NULL;
	const struct kvip_nhset *used = b->route && b->route->usable ? b->route->usable : want;
	char text[4 * KVIP_ADDR_STRLEN];

	if (used && want && used->n < want->n) {
		kvip_show_nhset(used, 2, text, sizeof(text));
		kvip_columns_cell(j->table, "%s (%u of %u)", text, used->n, want->n);
		return;
	}
	kvip_show_nhset(used, 3, text, sizeof(text));
	kvip_columns_cell(j->table, "%s", text);
}

static void cell_claim(struct kvip_show_job *j, const struct kvip_show_both *b)
{
	const struct kvip_claim_view *c = holder(b);
	const char *cluster = kvip_show_both_cluster(b);

	if (!c)
		kvip_columns_cell(j->table, "%s", cluster ? cluster : "");
	else if (b->vip->n_claims > 1)
		kvip_columns_cell(j->table, "%s %s/%s +%zu", c->cluster, c->ns, c->name,
				  b->vip->n_claims - 1);
	else
		kvip_columns_cell(j->table, "%s %s/%s", c->cluster, c->ns, c->name);
}

static void cell_why(struct kvip_show_job *j, enum kvip_reason why, enum kvip_reason warning)
{
	if (why == KVIP_REASON_NONE || warning == KVIP_REASON_NONE)
		kvip_columns_cell(j->table, "%s",
				  kvip_show_legend_word(&j->legend, warning ? warning : why));
	else
		kvip_columns_cell(j->table, "%s, %s", kvip_show_legend_word(&j->legend, why),
				  kvip_show_legend_word(&j->legend, warning));
}

void kvip_show_both_row(struct kvip_show_job *j, const struct kvip_show_both *b)
{
	enum kvip_reason warning = b->vip ? b->vip->warning : KVIP_REASON_NONE;
	char prefix[KVIP_PREFIX_STRLEN], age[KVIP_AGE_STRLEN];

	kvip_columns_cell(j->table, "%s", kvip_prefix_render(&b->prefix, prefix));
	kvip_columns_cell(j->table, "%s", kvip_show_both_word(j->s, b));
	cell_next_hops(j, b);
	cell_claim(j, b);
	kvip_columns_cell(j->table, "%s",
			  b->vip ? kvip_show_since(j->s, b->vip->changed_ms, age) : "");
	cell_why(j, kvip_show_both_why(b), warning);
}
