// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show kubevip observe`: what would be routed, beside what is routed today by somebody else.
 *
 * The way to come from another speaker (Cilium, MetalLB): with `kubevip inject observe` nothing is
 * injected, and this says for each VIP whether the other one's route leads to the same nodes.
 * Thread: T0, only when asked: one look-up for each VIP, after the engine's lock is given back.
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

struct wanted {
	struct kvip_prefix prefix;
	const struct kvip_nhset *nhs; /* one reference; NULL: not to be routed */
	enum kvip_reason reason;
};

struct show {
	const struct kvip_show_ctx *s;
	const struct kvip_prefix *only;
	struct kvip_buf wanted; /* struct wanted after struct wanted */
	struct kvip_jsonw *json;
	struct kvip_columns *table;
	size_t count[STATE_MAX];
};

static bool collect(void *ctx, const struct kvip_vip_view *v)
{
	struct show *sh = ctx;
	struct wanted w = { .prefix = v->prefix, .reason = v->reason };

	if (sh->only && !kvip_prefix_covers(sh->only, &v->prefix))
		return true;
	if (v->routed)
		w.nhs = kvip_nhset_ref(v->route->nhs);
	if (kvip_buf_add(&sh->wanted, &w, sizeof(w)))
		kvip_nhset_unref(w.nhs);
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

/* Look everything up. Takes the references. */
static int compare(struct show *sh, kvip_lookup_fn *lookup, void *ctx)
{
	const struct wanted *w = (const struct wanted *)(void *)sh->wanted.data;
	size_t n = sh->wanted.len / sizeof(*w);
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		struct kvip_found f = { 0 };
		enum state state;

		if (!rc)
			rc = lookup(ctx, &w[i].prefix, &f);
		if (!rc) {
			state = judge(sh, &w[i], &f);
			sh->count[state]++;
			if (sh->json)
				json_row(sh, &w[i], &f, state);
			else
				text_row(sh, &w[i], &f, state);
		}
		kvip_nhset_unref(w[i].nhs);
	}
	return rc;
}

static int show_json(struct show *sh, kvip_lookup_fn *lookup, void *ctx, struct kvip_buf *out)
{
	struct kvip_jsonw j;
	int rc;

	sh->json = &j;
	kvip_jsonw_init(&j, out);
	kvip_jsonw_object(&j, NULL);
	kvip_jsonw_object(&j, "vips");
	rc = compare(sh, lookup, ctx);
	kvip_jsonw_end(&j);
	kvip_jsonw_object(&j, "counts");
	for (int i = 0; i < STATE_MAX; i++)
		kvip_jsonw_uint(&j, states[i].word, sh->count[i]);
	kvip_jsonw_end(&j);
	kvip_jsonw_end(&j);
	return rc ? rc : kvip_jsonw_finish(&j);
}

static int show_text(struct show *sh, kvip_lookup_fn *lookup, void *ctx, struct kvip_buf *out)
{
	static const char *const headings[] = { "VIP", "State", "Would be via", "Is via", "Proto",
						"Why", NULL };
	struct kvip_columns t;
	int rc;

	sh->table = &t;
	kvip_columns_init(&t, headings, KVIP_MAX_SHOW_BYTES);
	rc = compare(sh, lookup, ctx);
	kvip_show_table(&t, out);
	kvip_buf_puts(out, "\n");
	for (int i = 0; i < STATE_MAX; i++)
		if (sh->count[i])
			kvip_buf_printf(out, "  %5zu %-16s %s\n", sh->count[i], states[i].word,
					states[i].text);
	return rc ? rc : out->err;
}

int kvip_show_observe(const struct kvip_show_ctx *s, const struct kvip_prefix *only,
		      kvip_lookup_fn *lookup, void *ctx, bool json, struct kvip_buf *out)
{
	struct show sh = { .s = s, .only = only };
	int rc;

	kvip_buf_init(&sh.wanted, KVIP_MAX_VIPS * sizeof(struct wanted));
	if (s->engine)
		kvip_engine_each_vip(s->engine, collect, &sh);
	rc = json ? show_json(&sh, lookup, ctx, out) : show_text(&sh, lookup, ctx, out);
	kvip_buf_done(&sh.wanted);
	return rc;
}
