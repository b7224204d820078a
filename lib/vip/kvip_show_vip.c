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

#include <limits.h>
#include <stdlib.h>

struct show {
	struct kvip_show_job;           /* first */
	const struct kvip_prefix *only; /* NULL: all */
	struct kvip_prefix inside;
	bool detail;
	struct kvip_vip_at vips;
	struct kvip_recon_at routes;
	bool vips_shown;
	struct kvip_buf undecided; /* struct kvip_prefix after struct kvip_prefix, in order */
	kvip_show_vip_fn *fn;      /* of kvip_show_each_vip(): nothing is written */
	void *fn_ctx;
	bool stop;
};

static void lend(struct show *sh, const struct kvip_show_both *b)
{
	const struct kvip_show_vip v = {
		.prefix = b->prefix,
		.state = kvip_show_both_word(sh->s, b),
		.reason = kvip_show_both_why(b),
		.cluster = kvip_show_both_cluster(b),
		.decided = kvip_show_both_decided(b),
		.vip = b->vip,
		.route = b->route,
	};

	sh->stop = !sh->fn(sh->fn_ctx, &v);
}

static void show_both(struct show *sh, const struct kvip_show_both *b)
{
	struct kvip_show_job *j = (struct kvip_show_job *)sh;

	j->n++;
	if (sh->fn)
		lend(sh, b);
	else if (j->json)
		kvip_show_both_json(j, b);
	else if (sh->detail)
		kvip_show_both_detail(j, b);
	else
		kvip_show_both_row(j, b);
}

static bool is_wanted(const struct show *sh, const struct kvip_prefix *p)
{
	return !sh->only || kvip_prefix_covers(sh->only, p);
}

static bool on_vip(void *ctx, const struct kvip_vip_view *v)
{
	struct show *sh = ctx;
	struct kvip_route_view route;
	struct kvip_show_both b = { .vip = v, .prefix = v->prefix };

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
	struct kvip_show_both b = { .route = r, .prefix = r->id.prefix };
	size_t n = sh->undecided.len / sizeof(b.prefix);

	if (r->want || !is_wanted(sh, &b.prefix))
		return true;
	if (n && bsearch(&b.prefix, sh->undecided.data, n, sizeof(b.prefix), prefix_order))
		return true;
	show_both(sh, &b);
	return !sh->stop;
}

static void begin(struct show *sh, const struct kvip_prefix *only)
{
	kvip_buf_init(&sh->undecided, KVIP_MAX_VIPS * sizeof(struct kvip_prefix));
	if (!only)
		return;
	sh->inside = *only;
	sh->only = &sh->inside;
	sh->detail = !sh->json && only->len == kvip_addr_bits(&only->addr);
}

static bool walk(struct kvip_show_job *j, unsigned int max)
{
	struct show *sh = (struct show *)j;

	if (!sh->vips_shown && sh->s->engine &&
	    kvip_engine_each_vip_some(sh->s->engine, &sh->vips, max, on_vip, sh))
		return true;
	if (!sh->vips_shown) {
		sh->vips_shown = true;
		return true;
	}
	if (!sh->s->recon || sh->undecided.err || sh->stop)
		return false;
	return kvip_recon_each_some(sh->s->recon, &sh->routes, max, on_route, sh);
}

/* All that begin() began. */
static int walk_all(struct show *sh)
{
	int rc;

	while (walk((struct kvip_show_job *)sh, UINT_MAX))
		;
	rc = sh->undecided.err;
	kvip_buf_done(&sh->undecided);
	return rc;
}

static void open_vips(struct kvip_show_job *j)
{
	kvip_jsonw_object(j->json, "vips");
}

static void none(const struct show *sh)
{
	char text[KVIP_PREFIX_STRLEN];

	if (sh->only)
		kvip_buf_printf(sh->out,
				"No VIP in %s: nothing in a vip-range claims it (see `show kubevip "
				"service`).\n",
				kvip_prefix_render(sh->only, text));
	else
		kvip_buf_puts(sh->out,
			      "No VIP: nothing in a vip-range claims an address (see `show kubevip "
			      "service`).\n");
}

static int close_vips(struct kvip_show_job *j)
{
	struct show *sh = (struct show *)j;

	if (sh->json)
		kvip_jsonw_end(sh->json);
	else if (!sh->n)
		none(sh);
	return sh->undecided.err;
}

static void done(struct kvip_show_job *j)
{
	kvip_buf_done(&((struct show *)j)->undecided);
}

static const char *const headings[] = { "VIP",     "State", "Next hops", "Claimed by",
					"Changed", "Why",   NULL };

static const struct kvip_show_ops table_ops = {
	.bytes = sizeof(struct show),
	.headings = headings,
	.open = open_vips,
	.walk = walk,
	.close = close_vips,
	.done = done,
};

static const struct kvip_show_ops detail_ops = {
	.bytes = sizeof(struct show),
	.open = open_vips,
	.walk = walk,
	.close = close_vips,
	.done = done,
};

struct kvip_show_job *kvip_show_vips_begin(const struct kvip_show_ctx *s,
					   const struct kvip_prefix *only, bool json,
					   struct kvip_buf *out)
{
	bool one = only && only->len == kvip_addr_bits(&only->addr);
	struct kvip_show_job *j = kvip_show_job_new(one ? &detail_ops : &table_ops, s, json, out);

	if (j)
		begin((struct show *)j, only);
	return j;
}

int kvip_show_vips(const struct kvip_show_ctx *s, const struct kvip_prefix *only, bool json,
		   struct kvip_buf *out)
{
	return kvip_show_job_run(kvip_show_vips_begin(s, only, json, out));
}

int kvip_show_json_vips(const struct kvip_show_ctx *s, const struct kvip_prefix *only,
			struct kvip_jsonw *w)
{
	struct show sh = { .s = s, .json = w };
	int rc;

	begin(&sh, only);
	kvip_jsonw_object(w, "vips");
	rc = walk_all(&sh);
	kvip_jsonw_end(w);
	return rc;
}

int kvip_show_each_vip(const struct kvip_show_ctx *s, kvip_show_vip_fn *fn, void *ctx)
{
	struct show sh = { .s = s, .fn = fn, .fn_ctx = ctx };

	begin(&sh, NULL);
	return walk_all(&sh);
}

bool kvip_show_one_vip(const struct kvip_show_ctx *s, const struct kvip_prefix *p,
		       kvip_show_vip_fn *fn, void *ctx)
{
	struct show sh = { .s = s, .fn = fn, .fn_ctx = ctx };
	struct kvip_route_view route;
	bool found;

	begin(&sh, NULL);
	found = s->engine && kvip_engine_show_vip(s->engine, p, on_vip, &sh);
	kvip_buf_done(&sh.undecided);
	if (found)
		return true;
	if (!s->recon || !kvip_recon_find(s->recon, 0, p, &route))
		return false;
	show_both(&sh, &(struct kvip_show_both){ .route = &route, .prefix = *p });
	return true;
}
