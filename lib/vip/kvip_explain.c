// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the writer of explanations, and the reconciler's part of them. Thread: T0.
 *
 * Text:
 *     192.168.77.128
 *       [ok] range        vip-range 192.168.77.0/24
 *       [NO] selection    no advertise block selects it
 *              web        label mdhlabs-bgp is not there
 *            do: ...
 *     => selection: no advertise block selects it
 */
#include "vip/kvip_explain.h"

#include <stdio.h>
#include <string.h>

#define TEXT_STRLEN 512

static const struct {
	const char *word, *sign;
} marks[] = {
#define X(id, word, sign) [KVIP_MARK_##id] = { word, sign },
	KVIP_MARKS(X)
#undef X
};

void kvip_explain_begin(struct kvip_explain *x, const char *subject, bool json,
			struct kvip_buf *out)
{
	memset(x, 0, sizeof(*x));
	x->out = out;
	if (!json) {
		kvip_buf_printf(out, "%s\n", subject);
		return;
	}
	x->json = &x->writer;
	kvip_jsonw_init(x->json, out);
	kvip_jsonw_object(x->json, NULL);
	kvip_jsonw_string(x->json, "subject", subject);
	kvip_jsonw_array(x->json, "steps");
}

/* A step's object stays open for its details. */
static void close_step(struct kvip_explain *x)
{
	if (x->json && x->in_details)
		kvip_jsonw_end(x->json);
	if (x->json && x->in_step)
		kvip_jsonw_end(x->json);
	x->in_details = x->in_step = false;
}

void kvip_explain_topic(struct kvip_explain *x, const struct kvip_addr *a)
{
	kvip_addr_render(a, x->address);
	if (!x->json)
		kvip_buf_printf(x->out, " %s\n", x->address);
}

static void diagnose(struct kvip_explain *x, const struct kvip_step *s, const char *text)
{
	if (x->diagnosed || s->mark != KVIP_MARK_NO)
		return;
	x->diagnosed = true;
	snprintf(x->diagnosis.step, sizeof(x->diagnosis.step), "%s", s->step);
	snprintf(x->diagnosis.reason, sizeof(x->diagnosis.reason), "%s",
		 s->reason ? s->reason : "");
	snprintf(x->diagnosis.text, sizeof(x->diagnosis.text), "%s", text);
	snprintf(x->diagnosis.remedy, sizeof(x->diagnosis.remedy), "%s",
		 s->remedy ? s->remedy : "");
}

static void json_step(struct kvip_explain *x, const struct kvip_step *s, const char *text)
{
	struct kvip_jsonw *w = x->json;

	kvip_jsonw_object(w, NULL);
	kvip_jsonw_string(w, "address", x->address[0] ? x->address : NULL);
	kvip_jsonw_string(w, "step", s->step);
	kvip_jsonw_string(w, "mark", marks[s->mark].word);
	kvip_jsonw_string(w, "cluster", s->cluster);
	kvip_jsonw_string(w, "object", s->object);
	kvip_jsonw_string(w, "reason", s->reason);
	kvip_jsonw_string(w, "text", text);
	kvip_jsonw_string(w, "remedy", s->remedy && *s->remedy ? s->remedy : NULL);
	x->in_step = true;
}

static void text_step(struct kvip_explain *x, const struct kvip_step *s, const char *text)
{
	kvip_buf_printf(x->out, "  [%s] %-13s %s", marks[s->mark].sign, s->step, text);
	if (s->object && s->cluster)
		kvip_buf_printf(x->out, " (%s, %s)", s->cluster, s->object);
	kvip_buf_puts(x->out, "\n");
	if (s->remedy && *s->remedy)
		kvip_buf_printf(x->out, "       do: %s\n", s->remedy);
}

void kvip_explain_step(struct kvip_explain *x, const struct kvip_step *s, const char *fmt, ...)
{
	char text[TEXT_STRLEN];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	close_step(x);
	diagnose(x, s, text);
	if (x->json)
		json_step(x, s, text);
	else
		text_step(x, s, text);
}

static enum kvip_mark mark_of(enum kvip_reason r)
{
	switch (kvip_reason_info(r)->level) {
	case KVIP_LEVEL_NO:
		return KVIP_MARK_NO;
	case KVIP_LEVEL_WARN:
		return KVIP_MARK_WARN;
	case KVIP_LEVEL_NOTE:
		return KVIP_MARK_NOTE;
	case KVIP_LEVEL_OK:
		break;
	}
	return KVIP_MARK_OK;
}

void kvip_explain_reason(struct kvip_explain *x, const char *step, enum kvip_reason r,
			 const char *cluster, const char *object)
{
	const struct kvip_reason_info *i = kvip_reason_info(r);
	const struct kvip_step s = { .step = step,
				     .mark = mark_of(r),
				     .reason = i->word,
				     .remedy = i->remedy,
				     .cluster = cluster,
				     .object = object };

	kvip_explain_step(x, &s, "%s", i->text);
}

void kvip_explain_detail(struct kvip_explain *x, const char *name, const char *reason,
			 const char *fmt, ...)
{
	char text[TEXT_STRLEN];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!x->json) {
		kvip_buf_printf(x->out, "         %-11s %s\n", name, text);
		return;
	}
	if (!x->in_details)
		kvip_jsonw_array(x->json, "details");
	x->in_details = true;
	kvip_jsonw_object(x->json, NULL);
	kvip_jsonw_string(x->json, "name", name);
	kvip_jsonw_string(x->json, "reason", reason);
	kvip_jsonw_string(x->json, "text", text);
	kvip_jsonw_end(x->json);
}

static void json_diagnosis(struct kvip_explain *x)
{
	struct kvip_jsonw *w = x->json;

	kvip_jsonw_object(w, "diagnosis");
	kvip_jsonw_string(w, "step", x->diagnosis.step);
	kvip_jsonw_string(w, "reason", x->diagnosis.reason);
	kvip_jsonw_string(w, "text", x->diagnosis.text);
	kvip_jsonw_string(w, "remedy", x->diagnosis.remedy);
	kvip_jsonw_end(w);
}

static int end_json(struct kvip_explain *x)
{
	kvip_jsonw_end(x->json);
	if (x->diagnosed)
		json_diagnosis(x);
	else
		kvip_jsonw_null(x->json, "diagnosis");
	kvip_jsonw_end(x->json);
	return kvip_jsonw_finish(x->json);
}

int kvip_explain_end(struct kvip_explain *x)
{
	close_step(x);
	if (x->json)
		return end_json(x);
	if (!x->diagnosed)
		kvip_buf_puts(x->out, "=> nothing is in its way\n");
	else if (x->diagnosis.remedy[0])
		kvip_buf_printf(x->out, "=> %s: %s: %s\n", x->diagnosis.step, x->diagnosis.text,
				x->diagnosis.remedy);
	else
		kvip_buf_printf(x->out, "=> %s: %s\n", x->diagnosis.step, x->diagnosis.text);
	return x->out->err;
}

/* ---- the reconciler's part ---- */

static enum kvip_mark mark_of_next_hops(const struct kvip_route_view *v, uint32_t resolved,
					uint32_t all)
{
	if (v->usable && v->usable->n)
		return resolved == all ? KVIP_MARK_OK : KVIP_MARK_WARN;
	return v->state == KVIP_ROUTE_WAITING || v->state == KVIP_ROUTE_STANDBY ? KVIP_MARK_UNKNOWN
										: KVIP_MARK_NO;
}

static uint32_t count_resolved(const struct kvip_route_view *v)
{
	return v->usable ? v->usable->n : 0;
}

static void explain_next_hops(struct kvip_recon *r, const struct kvip_route_view *v,
			      struct kvip_explain *x)
{
	const struct kvip_nhset *nhs = v->want->nhs;
	uint32_t resolved = count_resolved(v);
	enum kvip_mark mark = mark_of_next_hops(v, resolved, nhs->n);
	const struct kvip_reason_info *why = kvip_reason_info(
		v->reason == KVIP_REASON_NONE ? KVIP_REASON_NO_NEXT_HOP : v->reason);
	const struct kvip_step s = { .step = "next-hops",
				     .mark = mark,
				     .reason = mark == KVIP_MARK_OK ? "resolved" : why->word,
				     .remedy = mark == KVIP_MARK_OK ? NULL : why->remedy };
	char a[KVIP_ADDR_STRLEN];

	kvip_explain_step(x, &s, "%u of %u next hops are used", resolved, nhs->n);
	for (uint32_t i = 0; i < nhs->n; i++) {
		struct kvip_nexthop_view nh = { .state = KVIP_NH_UNKNOWN };

		(void)kvip_recon_find_nexthop(r, &nhs->addrs[i], &nh);
		kvip_explain_detail(x, kvip_addr_render(&nhs->addrs[i], a),
				    kvip_nh_state_word(nh.state), "%s%s",
				    kvip_nh_state_word(nh.state),
				    nh.own ? ", this router's own address" : "");
	}
}

static enum kvip_mark mark_of_state(enum kvip_route_state s)
{
	switch (s) {
	case KVIP_ROUTE_INSTALLED:
		return KVIP_MARK_OK;
	case KVIP_ROUTE_SENT:
	case KVIP_ROUTE_KEPT:
	case KVIP_ROUTE_STANDBY:
		return KVIP_MARK_NOTE;
	case KVIP_ROUTE_WAITING:
		return KVIP_MARK_UNKNOWN;
	default:
		return KVIP_MARK_NO;
	}
}

static const char *remedy_of_state(enum kvip_route_state s)
{
	switch (s) {
	case KVIP_ROUTE_WAITING:
		return "see that zebra runs and answers";
	case KVIP_ROUTE_SHADOWED:
		return "that is what distances are for: remove your own static route, or let it be";
	case KVIP_ROUTE_OVERDUE:
		return "look at `show ip route PREFIX` in zebra, and at its log";
	default:
		return NULL;
	}
}

static void explain_zebra(const struct kvip_route_view *v, struct kvip_explain *x)
{
	const struct kvip_reason_info *why = kvip_reason_info(v->reason);
	const struct kvip_step s = {
		.step = "zebra",
		.mark = mark_of_state(v->state),
		.reason = v->reason == KVIP_REASON_NONE ? kvip_route_state_word(v->state)
							: why->word,
		.remedy = v->reason == KVIP_REASON_NONE ? remedy_of_state(v->state) : why->remedy
	};

	if (v->reason == KVIP_REASON_NONE)
		kvip_explain_step(x, &s, "%s", kvip_route_state_text(v->state));
	else
		kvip_explain_step(x, &s, "%s: %s", kvip_route_state_text(v->state), why->text);
}

/* Node mode: no next hop is tracked, zebra is told nothing. What bgpd's policy says is bgpd's part. */
static void explain_node(const struct kvip_route_view *v, struct kvip_explain *x)
{
	const struct kvip_step here = { .step = "node", .reason = "through-this-node" };

	switch (v->reason) {
	case KVIP_REASON_NONE:
	case KVIP_REASON_NOT_REDISTRIBUTED:
	case KVIP_REASON_POLICY_DENIES:
		kvip_explain_step(x, &here, "this node is among its next hops");
		return;
	default:
		kvip_explain_reason(x, "node", v->reason, NULL, NULL);
	}
}

bool kvip_explain_goes_to_bgp(const struct kvip_route_view *v)
{
	return v->state == KVIP_ROUTE_ANNOUNCED || v->reason == KVIP_REASON_NOT_REDISTRIBUTED ||
	       v->reason == KVIP_REASON_POLICY_DENIES;
}

void kvip_explain_route(struct kvip_recon *r, const struct kvip_prefix *p, struct kvip_explain *x)
{
	struct kvip_route_view v;

	if (!kvip_recon_find(r, 0, p, &v))
		return; /* nothing was decided: the engine's part says why */
	if (v.inject == KVIP_INJECT_BGP && v.want) {
		explain_node(&v, x);
		return;
	}
	if (v.want && v.want->nhs)
		explain_next_hops(r, &v, x);
	explain_zebra(&v, x);
}
