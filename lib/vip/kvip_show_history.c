// SPDX-License-Identifier: GPL-2.0-or-later
/* DOC: `show kubevip history`: the last changes, newest first. Thread: T0. */
#include "vip/kvip_show_priv.h"

#include <inttypes.h>

struct show {
	const struct kvip_show_ctx *s;
	const struct kvip_prefix *only;
	struct kvip_jsonw *json;
	struct kvip_columns *table;
	size_t n;
};

static void json_took(struct kvip_jsonw *w, const char *key, kvip_msec from, kvip_msec to)
{
	if (from && to)
		kvip_jsonw_int(w, key, to - from);
	else
		kvip_jsonw_null(w, key);
}

static void json_entry(const struct show *sh, const struct kvip_history_entry *e)
{
	struct kvip_jsonw *w = sh->json;
	char p[KVIP_PREFIX_STRLEN];

	kvip_jsonw_object(w, NULL);
	kvip_jsonw_uint(w, "number", e->number);
	kvip_jsonw_string(w, "prefix", kvip_prefix_render(&e->prefix, p));
	kvip_jsonw_string(w, "change", kvip_change_word(e->change));
	kvip_jsonw_string(w, "cluster", e->cluster[0] ? e->cluster : NULL);
	kvip_show_json_reason(w, e->reason);
	kvip_jsonw_uint(w, "nextHops", e->next_hops);
	kvip_show_json_age(sh->s, w, "ageSec", e->sent_ms);
	json_took(w, "eventToSentMs", e->event_ms, e->sent_ms);
	json_took(w, "sentToInstalledMs", e->sent_ms, e->installed_ms);
	json_took(w, "eventToInstalledMs", e->event_ms, e->installed_ms);
	kvip_jsonw_end(w);
}

static void cell_took(struct show *sh, kvip_msec from, kvip_msec to)
{
	if (from && to)
		kvip_columns_cell(sh->table, "%" PRId64 " ms", (int64_t)(to - from));
	else
		kvip_columns_cell(sh->table, "-");
}

static void text_entry(struct show *sh, const struct kvip_history_entry *e)
{
	char p[KVIP_PREFIX_STRLEN], age[KVIP_AGE_STRLEN];

	kvip_columns_cell(sh->table, "%s", kvip_show_since(sh->s, e->sent_ms, age));
	kvip_columns_cell(sh->table, "%s", kvip_prefix_render(&e->prefix, p));
	kvip_columns_cell(sh->table, "%s", kvip_change_word(e->change));
	kvip_columns_cell(sh->table, "%u", e->next_hops);
	kvip_columns_cell(sh->table, "%s", e->cluster);
	cell_took(sh, e->event_ms, e->sent_ms);
	cell_took(sh, e->sent_ms, e->installed_ms);
	kvip_columns_cell(sh->table, "%s",
			  e->reason == KVIP_REASON_NONE ? "" : kvip_reason_info(e->reason)->word);
}

static bool on_entry(void *ctx, const struct kvip_history_entry *e)
{
	struct show *sh = ctx;

	if (sh->only && !kvip_prefix_covers(sh->only, &e->prefix))
		return true;
	sh->n++;
	if (sh->json)
		json_entry(sh, e);
	else
		text_entry(sh, e);
	return true;
}

static int history_json(struct show *sh, struct kvip_buf *out)
{
	struct kvip_jsonw w;

	sh->json = &w;
	kvip_jsonw_init(&w, out);
	kvip_jsonw_object(&w, NULL);
	kvip_jsonw_array(&w, "changes");
	if (sh->s->recon)
		kvip_history_each(kvip_recon_history(sh->s->recon), on_entry, sh);
	kvip_jsonw_end(&w);
	kvip_jsonw_end(&w);
	return kvip_jsonw_finish(&w);
}

int kvip_show_history(const struct kvip_show_ctx *s, const struct kvip_prefix *only, bool json,
		      struct kvip_buf *out)
{
	static const char *const headings[] = { "Ago",          "VIP",     "Change",
						"Next hops",    "Cluster", "To sent",
						"To installed", "Why",     NULL };
	struct show sh = { .s = s, .only = only };
	struct kvip_columns t;

	if (json)
		return history_json(&sh, out);
	sh.table = &t;
	kvip_columns_init(&t, headings, KVIP_MAX_SHOW_BYTES);
	if (s->recon)
		kvip_history_each(kvip_recon_history(s->recon), on_entry, &sh);
	if (sh.n) {
		kvip_show_table(&t, out);
		return out->err;
	}
	kvip_columns_done(&t);
	kvip_buf_puts(out, "No route was changed since start.\n");
	return out->err;
}
