// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the writer of explanations, and the reconciler's part of them. Thread: T0.
 *
 * Text, broken at WIDTH columns; an object is named where the talk comes to it:
 *     192.168.77.128
 *       [ok] claim         it is the load-balancer address (lab, Service prod/web)
 *       [ok] range         vip-range 192.168.77.0/24
 *       [NO] selection     no advertise block selects it
 *                          do: ...
 *          web             mdhlabs-bgp=enable: there is no such label
 *     => selection: no advertise block selects it
 *        do: ...
 */
#include "vip/kvip_explain.h"

#include <stdio.h>
#include <string.h>

#define TEXT_STRLEN 512
#define WIDTH       80
#define STEP_COLUMN 21 /* where texts of steps and of details begin */
#define END_COLUMN  3  /* the last words */

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
	snprintf(x->subject, sizeof(x->subject), "%s", subject);
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
	x->named[0] = x->cluster[0] = x->block[0] = '\0';
	if (!x->json && strcmp(x->subject, x->address) != 0)
		kvip_buf_printf(x->out, " %s\n", x->address);
}

void kvip_explain_about(struct kvip_explain *x, const char *cluster, const char *block)
{
	if (x->aside)
		return;
	snprintf(x->cluster, sizeof(x->cluster), "%s", cluster);
	snprintf(x->block, sizeof(x->block), "%s", block ? block : "");
}

/* Does @text begin with @words and a NAME? Return: its length, 0: no. */
static size_t takes_name(const char *text, const char *words, const char *name)
{
	size_t n = strlen(words);

	return name[0] && strncmp(text, words, n) == 0 && strncmp(text + n, "NAME", 4) == 0 ? n : 0;
}

/* A remedy as it is to be typed. */
static const char *fill_in(const struct kvip_explain *x, const char *remedy, char *buf, size_t size)
{
	size_t n = 0, cluster, block;

	for (; *remedy && n < size; remedy++) {
		cluster = takes_name(remedy, " cluster ", x->cluster);
		block = takes_name(remedy, " advertise ", x->block);
		if (cluster || block) {
			n += (size_t)snprintf(buf + n, size - n, "%.*s%s", (int)(cluster + block),
					      remedy, cluster ? x->cluster : x->block);
			remedy += cluster + block + strlen("NAME") - 1;
		} else {
			buf[n++] = *remedy;
		}
	}
	buf[n < size ? n : size - 1] = '\0';
	return buf;
}

static void diagnose(struct kvip_explain *x, const struct kvip_step *s, const char *text)
{
	if (x->diagnosed || x->aside || s->mark != KVIP_MARK_NO)
		return;
	x->diagnosed = true;
	snprintf(x->diagnosis.address, sizeof(x->diagnosis.address), "%s", x->address);
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

/* A `command` is one word, to be copied. */
static size_t word_length(const char *text)
{
	const char *end = text[0] == '`' ? strchr(text + 1, '`') : NULL;

	return end ? (size_t)(end - text) + strcspn(end, " ") : strcspn(text, " ");
}

/* The words of @text from @column on, broken before WIDTH; further lines begin at @indent. */
static void put_words(struct kvip_buf *out, size_t column, size_t indent, const char *text)
{
	size_t n = word_length(text);

	kvip_buf_add(out, text, n);
	for (column += n, text += n; *text; text += n) {
		n = 1 + word_length(text + 1);
		if (column + n > WIDTH) {
			kvip_buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
			text++;
			n--;
		}
		kvip_buf_add(out, text, n);
		column += n;
	}
	kvip_buf_puts(out, "\n");
}

static void put_at(struct kvip_buf *out, size_t column, const char *text)
{
	kvip_buf_printf(out, "%*s", (int)column, "");
	put_words(out, column, column, text);
}

static void text_remedy(struct kvip_buf *out, size_t column, const char *remedy)
{
	char text[TEXT_STRLEN + 4];

	snprintf(text, sizeof(text), "do: %s", remedy);
	put_at(out, column, text);
}

/* The object of a step, unless the step before it had the same. */
static void name_object(struct kvip_explain *x, const struct kvip_step *s, char *text, size_t size)
{
	char named[sizeof(x->named)];
	size_t n = strlen(text);

	if (!s->object || !s->cluster)
		return;
	snprintf(named, sizeof(named), "%s, %s", s->cluster, s->object);
	if (strcmp(named, x->named) == 0)
		return;
	memcpy(x->named, named, sizeof(named));
	snprintf(text + n, size - n, " (%s)", named);
}

/* The remedy of the diagnosis stands where that is made, and at the end. */
static bool repeats_diagnosis(const struct kvip_explain *x, const struct kvip_step *s)
{
	return x->diagnosed && s->reason && strcmp(x->diagnosis.reason, s->reason) == 0 &&
	       strcmp(x->diagnosis.step, s->step) != 0;
}

static void text_step(struct kvip_explain *x, const struct kvip_step *s, const char *text)
{
	char all[TEXT_STRLEN + sizeof(x->named)];

	snprintf(all, sizeof(all), "%s", text);
	name_object(x, s, all, sizeof(all));
	kvip_buf_printf(x->out, "  [%s] %-13s ", marks[s->mark].sign, s->step);
	put_words(x->out, STEP_COLUMN, STEP_COLUMN, all);
	if (s->remedy && *s->remedy && !repeats_diagnosis(x, s))
		text_remedy(x->out, STEP_COLUMN, s->remedy);
}

void kvip_explain_step(struct kvip_explain *x, const struct kvip_step *step, const char *fmt, ...)
{
	char text[TEXT_STRLEN], remedy[TEXT_STRLEN];
	struct kvip_step filled = *step, *s = &filled;
	va_list args;

	if (step->remedy)
		filled.remedy = fill_in(x, step->remedy, remedy, sizeof(remedy));

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	close_step(x);
	diagnose(x, s, text);
	x->unknown |= s->mark == KVIP_MARK_UNKNOWN;
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
		kvip_buf_printf(x->out, "     %-15s ", name);
		put_words(x->out, STEP_COLUMN + (strlen(name) > 15 ? strlen(name) - 15 : 0),
			  STEP_COLUMN, text);
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
	kvip_jsonw_string(w, "address", x->diagnosis.address[0] ? x->diagnosis.address : NULL);
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

/* The address is said where the page is about several. */
static void end_text(struct kvip_explain *x)
{
	const bool of_one = strcmp(x->subject, x->diagnosis.address) == 0;
	char text[TEXT_STRLEN + 128];

	if (!x->diagnosed) {
		kvip_buf_printf(x->out, "=> nothing is in its way%s\n",
				x->unknown ? ", as far as is known here" : "");
		return;
	}
	snprintf(text, sizeof(text), "=> %s%s%s: %s", of_one ? "" : x->diagnosis.address,
		 of_one || !x->diagnosis.address[0] ? "" : ": ", x->diagnosis.step,
		 x->diagnosis.text);
	put_words(x->out, 0, END_COLUMN, text);
	if (x->diagnosis.remedy[0])
		text_remedy(x->out, END_COLUMN, x->diagnosis.remedy);
}

int kvip_explain_end(struct kvip_explain *x)
{
	close_step(x);
	if (x->json)
		return end_json(x);
	end_text(x);
	return x->out->err;
}

/* ---- the reconciler's part ---- */

/* Is it the next hops that keep it out? */
static bool is_about_next_hops(enum kvip_reason r)
{
	return r == KVIP_REASON_NO_NEXT_HOP || r == KVIP_REASON_ROUTER_IS_NODE;
}

static struct kvip_step next_hops_step(const struct kvip_route_view *v, uint32_t used, uint32_t all)
{
	const struct kvip_reason_info *none = kvip_reason_info(KVIP_REASON_NO_NEXT_HOP);
	struct kvip_step s = { .step = "next-hops", .mark = KVIP_MARK_OK, .reason = "resolved" };

	if (is_about_next_hops(v->reason)) {
		s.mark = KVIP_MARK_NO;
		s.reason = kvip_reason_info(v->reason)->word;
		s.remedy = kvip_reason_info(v->reason)->remedy;
	} else if (used && used < all) {
		s.mark = KVIP_MARK_WARN;
		s.reason = none->word;
		s.remedy = none->remedy;
	} else if (!used) { /* nothing is sent, and not for their sake */
		s.mark = v->state == KVIP_ROUTE_WAITING ? KVIP_MARK_UNKNOWN : KVIP_MARK_NOTE;
		s.reason = kvip_route_state_word(v->state);
	}
	return s;
}

static void explain_next_hops(struct kvip_recon *r, const struct kvip_route_view *v,
			      struct kvip_explain *x)
{
	const struct kvip_nhset *nhs = v->want->nhs;
	const uint32_t used = v->usable ? v->usable->n : 0;
	const struct kvip_step s = next_hops_step(v, used, nhs->n);
	char a[KVIP_ADDR_STRLEN];

	kvip_explain_step(x, &s, "%u of %u next hops are used", used, nhs->n);
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
	case KVIP_ROUTE_OVERDUE: /* the kernel is asked next */
		return KVIP_MARK_WARN;
	default:
		return KVIP_MARK_NO;
	}
}

static void explain_zebra(const struct kvip_route_view *v, struct kvip_explain *x)
{
	const bool refused = v->reason != KVIP_REASON_NONE;
	const struct kvip_reason_info *why = kvip_reason_info(v->reason);
	const struct kvip_step s = {
		.step = "zebra",
		.mark = mark_of_state(v->state),
		.reason = refused ? why->word : kvip_route_state_word(v->state),
		.remedy = refused                          ? why->remedy
			  : v->state == KVIP_ROUTE_WAITING ? "see that zebra runs and answers"
							   : NULL,
	};

	if (!refused && v->state == KVIP_ROUTE_SENT && v->id.table)
		kvip_explain_step(x, &s, "sent, for table %u: zebra confirms the main table alone",
				  v->id.table);
	else
		kvip_explain_step(x, &s, "%s",
				  refused ? why->text : kvip_route_state_text(v->state));
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
