// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show kubevip observe`: what would be routed, beside what is routed today by somebody else.
 *
 * The way to come from another speaker (Cilium, MetalLB): with `kubevip inject observe` nothing is
 * injected, and this says for each VIP whether the other one's route leads to the same nodes.
 * Thread: T0, only when asked: one look-up for each VIP, while the engine's lock is not held.
 */
#include "vip/kvip_show_priv.h"

#include <errno.h>

#define STATES(X)                                                                                  \
	X(SAME, "same", "routed by somebody else to the same nodes")                               \
	X(OTHER, "other-next-hops", "routed by somebody else to other nodes")                      \
	X(MISSING, "nowhere-else", "would be routed, and nobody else does")                        \
	X(ONLY, "only-elsewhere",                                                                  \
	  "routed by somebody else, and would not be by us: see the reason")                       \
	X(OURS, "ours", "routed by us")                                                            \
	X(NEITHER, "not-routed", "not routed by anybody")

enum state {
#define X(id, word, text) STATE_##id,
	STATES(X)
#undef X
		STATE_MAX
};

static const struct {
	const char *word, *text;
} states[] = {
#define X(id, word, text) [STATE_##id] = { word, text },
	STATES(X)
#undef X
};

#define LOOKS_A_SLICE 32

struct wanted {
	struct kvip_prefix prefix;
	const struct kvip_nhset *nhs; /* one reference; NULL: not to be routed */
	enum kvip_reason reason;
};

struct show {
	struct kvip_show_job; /* first */
	struct kvip_prefix only;
	bool all;
	struct kvip_vip_at vips;
	struct kvip_lookup lookup;
	int err; /* of a look-up */
	struct wanted wanted[LOOKS_A_SLICE];
	size_t n_wanted;
	size_t count[STATE_MAX];
};

static bool collect(void *ctx, const struct kvip_vip_view *v)
{
	struct show *sh = ctx;
	struct wanted w = { .prefix = v->prefix, .reason = v->reason };

	if (!sh->all && !kvip_prefix_covers(&sh->only, &v->prefix))
		return true;
	if (v->routed)
		w.nhs = kvip_nhset_ref(v->route->nhs);
	sh->wanted[sh->n_wanted++] = w;
	return true;
}

static bool is_ours(const struct show *sh, const struct kvip_prefix *p)
{
	struct kvip_route_view v;

	return sh->s->recon && kvip_recon_find(sh->s->recon, 0, p, &v) && v.usable &&
	       v.state != KVIP_ROUTE_STANDBY;
}

static bool same_next_hops(const struct kvip_nhset *nhs, const struct kvip_found *f)
{
	if (nhs->n != f->n)
		return false;
	for (size_t i = 0; i < f->n; i++)
		if (!kvip_nhset_has(nhs, &f->nhs[i]))
			return false;
	return true;
}

static enum state judge(const struct show *sh, const struct wanted *w, const struct kvip_found *f)
{
	if (is_ours(sh, &w->prefix))
		return STATE_OURS;
	if (!f->present)
		return w->nhs ? STATE_MISSING : STATE_NEITHER;
	if (!w->nhs)
		return STATE_ONLY;
	return same_next_hops(w->nhs, f) ? STATE_SAME : STATE_OTHER;
}

static void json_found(struct kvip_jsonw *j, const struct kvip_found *f)
{
	char a[KVIP_ADDR_STRLEN];

	kvip_jsonw_string(j, "foundProtocol", f->present ? f->protocol : NULL);
	kvip_jsonw_array(j, "foundNextHops");
	for (size_t i = 0; f->present && i < f->n; i++)
		kvip_jsonw_string(j, NULL, kvip_addr_render(&f->nhs[i], a));
	kvip_jsonw_end(j);
}

static void json_row(struct show *sh, const struct wanted *w, const struct kvip_found *f,
		     enum state state)
{
	char p[KVIP_PREFIX_STRLEN];

	kvip_jsonw_object(sh->json, kvip_prefix_render(&w->prefix, p));
	kvip_jsonw_string(sh->json, "state", states[state].word);
	kvip_jsonw_string(sh->json, "stateText", states[state].text);
	kvip_show_json_reason(sh->json, w->reason);
	kvip_show_json_nhset(sh->json, "nextHops", w->nhs);
	json_found(sh->json, f);
	kvip_jsonw_end(sh->json);
}

static void text_row(struct show *sh, const struct wanted *w, const struct kvip_found *f,
		     enum state state)
{
	char p[KVIP_PREFIX_STRLEN], text[4 * KVIP_ADDR_STRLEN];
	const struct kvip_nhset found = { .n = (uint32_t)f->n, .addrs = f->nhs };

	kvip_columns_cell(sh->table, "%s", kvip_prefix_render(&w->prefix, p));
	kvip_columns_cell(sh->table, "%s", states[state].word);
	kvip_show_nhset(w->nhs, 3, text, sizeof(text));
	kvip_columns_cell(sh->table, "%s", text);
	kvip_show_nhset(f->present ? &found : NULL, 3, text, sizeof(text));
	kvip_columns_cell(sh->table, "%s", text);
	kvip_columns_cell(sh->table, "%s", f->present ? f->protocol : "");
	kvip_columns_cell(sh->table, "%s", kvip_reason_info(w->reason)->word);
}

/* Look the slice's up. Takes the references. */
static void compare(struct show *sh)
{
	const struct wanted *w = sh->wanted;

	for (size_t i = 0; i < sh->n_wanted; i++) {
		struct kvip_found f = { 0 };
		enum state state;

		if (!sh->err)
			sh->err = sh->lookup.find(sh->lookup.ctx, &w[i].prefix, &f);
		if (!sh->err) {
			state = judge(sh, &w[i], &f);
			sh->count[state]++;
			if (sh->json)
				json_row(sh, &w[i], &f, state);
			else
				text_row(sh, &w[i], &f, state);
		}
		kvip_nhset_unref(w[i].nhs);
	}
	sh->n_wanted = 0;
}

static void open_vips(struct kvip_show_job *j)
{
	kvip_jsonw_object(j->json, "vips");
}

static bool walk(struct kvip_show_job *j, unsigned int max)
{
	struct show *sh = (struct show *)j;
	bool more;

	if (!sh->s->engine)
		return false;
	if (max > LOOKS_A_SLICE)
		max = LOOKS_A_SLICE;
	more = kvip_engine_each_vip_some(sh->s->engine, &sh->vips, max, collect, sh);
	compare(sh);
	return more && !sh->err;
}

static int close_vips(struct kvip_show_job *j)
{
	struct show *sh = (struct show *)j;

	if (sh->json) {
		kvip_jsonw_end(sh->json);
		kvip_jsonw_object(sh->json, "counts");
		for (int i = 0; i < STATE_MAX; i++)
			kvip_jsonw_uint(sh->json, states[i].word, sh->count[i]);
		kvip_jsonw_end(sh->json);
		return sh->err;
	}
	kvip_buf_puts(sh->out, "\n");
	for (int i = 0; i < STATE_MAX; i++)
		if (sh->count[i])
			kvip_buf_printf(sh->out, "  %5zu %-16s %s\n", sh->count[i], states[i].word,
					states[i].text);
	return sh->err;
}

static void done(struct kvip_show_job *j)
{
	struct show *sh = (struct show *)j;

	if (sh->lookup.done)
		sh->lookup.done(sh->lookup.ctx);
}

struct kvip_show_job *kvip_show_observe_begin(const struct kvip_show_ctx *s,
					      const struct kvip_prefix *only,
					      const struct kvip_lookup *lookup, bool json,
					      struct kvip_buf *out)
{
	static const char *const headings[] = { "VIP", "State", "Would be via", "Is via", "Proto",
						"Why", NULL };
	static const struct kvip_show_ops ops = {
		.bytes = sizeof(struct show),
		.headings = headings,
		.open = open_vips,
		.walk = walk,
		.close = close_vips,
		.done = done,
	};
	struct kvip_show_job *j = kvip_show_job_new(&ops, s, json, out);
	struct show *sh = (struct show *)j;

	if (!j) {
		if (lookup->done)
			lookup->done(lookup->ctx);
		return NULL;
	}
	sh->lookup = *lookup;
	sh->all = !only;
	if (only)
		sh->only = *only;
	j->n = 1; /* headings even above nothing */
	return j;
}

int kvip_show_observe(const struct kvip_show_ctx *s, const struct kvip_prefix *only,
		      const struct kvip_lookup *lookup, bool json, struct kvip_buf *out)
{
	return kvip_show_job_run(kvip_show_observe_begin(s, only, lookup, json, out));
}
