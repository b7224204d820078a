// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the real engine behind a line protocol, for the reference model (tests/model/model.py).
 *
 * One command per line on standard input; `table` answers with one line of JSON, everything else is
 * silent. What is wrong ends the process with a message: a test is not to go on with half a world.
 *
 *   new                                 a new engine, nothing configured
 *   conf WORDS...                       a configuration line, as after `kubevip`
 *   own ADDR | connected PREFIX         facts of this router
 *   publish                             the lines and facts since the last `publish` are in force
 *   begin|end|abort|absent CLUSTER KIND
 *   put CLUSTER KIND JSON
 *   del CLUSTER KIND NAMESPACE NAME UID ("-" for none)
 *   pass MS                             time goes by, the engine works
 *   accept                              `clear kubevip withdraw-guard`
 *   table                               routes as T0 got them, claims as `show` has them
 */
#include "base/kvip_jsonw.h"
#include "base/kvip_limits.h"
#include "base/kvip_mem.h"
#include "vip/kvip_engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROUTES 4096
#define MAX_WORDS  64
#define MAX_FACTS  64
#define MAX_STEPS  100000

struct world {
	struct kvip_nhsets *nhsets;
	struct kvip_mailbox *mailbox;
	struct kvip_engine *engine;
	struct kvip_conf *conf;
	struct kvip_facts *facts;
	kvip_msec now;
	struct kvip_route routes[MAX_ROUTES];
	size_t n;
};

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static struct kvip_route *find(struct world *w, const struct kvip_prefix *p)
{
	for (size_t i = 0; i < w->n; i++)
		if (kvip_prefix_cmp(&w->routes[i].id.prefix, p) == 0)
			return &w->routes[i];
	return NULL;
}

/* What T0 would have in its table. */
static void take(struct world *w)
{
	struct kvip_decision d;

	while (kvip_mailbox_take(w->mailbox, &d)) {
		struct kvip_route *r = find(w, &d.prefix);

		if (r)
			kvip_nhset_unref(r->nhs);
		if (d.withdraw) {
			kvip_nhset_unref(d.route.nhs);
			if (r)
				*r = w->routes[--w->n];
			continue;
		}
		if (!r && w->n == MAX_ROUTES)
			die("more than %d routes", MAX_ROUTES);
		if (!r)
			r = &w->routes[w->n++];
		*r = d.route;
	}
}

static void work(struct world *w)
{
	struct kvip_engine_summary sum = { .backlog = 1 };
	kvip_msec next = w->now;

	for (int i = 0; next <= w->now || sum.backlog; i++) {
		if (i == MAX_STEPS)
			die("the engine does not come to an end");
		next = kvip_engine_step(w->engine, w->now, 1790000000 + w->now / 1000);
		kvip_engine_get_summary(w->engine, &sum);
		take(w);
	}
}

static void drop_facts(struct world *w)
{
	kvip_facts_unref(w->facts);
	w->facts = NULL;
}

static void drop(struct world *w)
{
	if (!w->engine)
		return;
	kvip_engine_free(w->engine);
	while (w->n)
		kvip_nhset_unref(w->routes[--w->n].nhs);
	kvip_mailbox_free(w->mailbox);
	if (kvip_nhsets_count(w->nhsets))
		die("%zu next-hop sets leaked", kvip_nhsets_count(w->nhsets));
	kvip_nhsets_free(w->nhsets);
	kvip_conf_unref(w->conf);
	drop_facts(w);
	if (kvip_mem_live())
		die("%lld allocations leaked", (long long)kvip_mem_live());
}

static void make(struct world *w)
{
	struct kvip_engine_deps deps = { 0 };

	drop(w);
	memset(w, 0, sizeof(*w));
	w->now = 1000000;
	w->nhsets = kvip_nhsets_new();
	w->mailbox = kvip_mailbox_new(NULL, NULL);
	deps.nhsets = w->nhsets;
	deps.mailbox = w->mailbox;
	w->engine = kvip_engine_new(&deps);
	if (!w->engine)
		die("no engine");
}

/* The next word of *@text, which is cut. NULL at its end. */
static char *word(char **text)
{
	char *w = strsep(text, " ");

	while (w && !*w)
		w = strsep(text, " ");
	return w;
}

static char *need(char **text, const char *what)
{
	char *w = word(text);

	if (!w)
		die("%s is missing", what);
	return w;
}

static void conf_line(struct world *w, char *text)
{
	const char *argv[MAX_WORDS];
	struct kvip_err err = { "" };
	int argc = 0;
	char *one;

	if (!w->conf)
		w->conf = kvip_conf_new();
	while (argc < MAX_WORDS && (one = word(&text)))
		argv[argc++] = one;
	if (!w->conf || kvip_conf_line(w->conf, argc, argv, false, &err))
		die("conf: %s", err.text);
}

static void fact(struct world *w, const char *what, const char *value)
{
	if (!w->facts) {
		w->facts = kvip_facts_new();
		if (!w->facts)
			die("no facts");
		w->facts->known = true;
		w->facts->own = kvip_calloc(MAX_FACTS, sizeof(*w->facts->own));
		w->facts->connected = kvip_calloc(MAX_FACTS, sizeof(*w->facts->connected));
	}
	if (w->facts->n_own == MAX_FACTS || w->facts->n_connected == MAX_FACTS)
		die("too many facts");
	if (strcmp(what, "own") == 0
		    ? kvip_addr_parse(value, &w->facts->own[w->facts->n_own++])
		    : kvip_prefix_parse(value, &w->facts->connected[w->facts->n_connected++]))
		die("%s: %s?", what, value);
}

static void publish(struct world *w)
{
	kvip_engine_configure(w->engine, w->conf, w->facts);
	kvip_conf_unref(w->conf);
	w->conf = NULL;
	drop_facts(w);
	work(w);
}

static enum kvip_kind kind_of(const char *name)
{
	enum kvip_kind kind = kvip_kind_find(name);

	if (kind == KVIP_KIND_MAX)
		die("kind %s?", name);
	return kind;
}

static void put(const struct kvip_feed *feed, void *ctx, enum kvip_kind kind, const char *json)
{
	struct kvip_err err = { "" };
	struct kvip_obj *o;

	if (!json || kvip_obj_decode(kind, json, strlen(json), &o, NULL, 0, &err))
		die("put: %s: %s", err.text, json ? json : "");
	if (feed->put(ctx, o))
		die("put: refused");
}

static void del(const struct kvip_feed *feed, void *ctx, enum kvip_kind kind, char *text)
{
	const char *ns = need(&text, "namespace"), *name = need(&text, "name"),
		   *uid = need(&text, "uid");

	feed->del(ctx, kind, strcmp(ns, "-") ? ns : "", name, strcmp(uid, "-") ? uid : "");
}

static void feed_command(struct world *w, const char *what, char *text)
{
	const char *cluster = need(&text, "cluster");
	enum kvip_kind kind = kind_of(need(&text, "kind"));
	void *ctx;
	const struct kvip_feed *feed = kvip_engine_feed(w->engine, cluster, &ctx);

	if (!feed)
		die("cluster %s?", cluster);
	if (strcmp(what, "put") == 0)
		put(feed, ctx, kind, text);
	else if (strcmp(what, "del") == 0)
		del(feed, ctx, kind, text);
	else if (strcmp(what, "begin") == 0)
		feed->refresh_begin(ctx, kind);
	else if (strcmp(what, "end") == 0)
		feed->refresh_end(ctx, kind);
	else if (strcmp(what, "abort") == 0)
		feed->refresh_abort(ctx, kind);
	else if (strcmp(what, "absent") == 0)
		feed->absent(ctx, kind);
	else
		die("command %s?", what);
}

/* ---- answers ---- */

static void nhs_json(struct kvip_jsonw *j, const struct kvip_nhset *nhs)
{
	char a[KVIP_ADDR_STRLEN];

	kvip_jsonw_array(j, "nextHops");
	for (uint32_t i = 0; nhs && i < nhs->n; i++)
		kvip_jsonw_string(j, NULL, kvip_addr_render(&nhs->addrs[i], a));
	kvip_jsonw_end(j);
}

static void route_json(struct kvip_jsonw *j, const struct kvip_route *r)
{
	char p[KVIP_PREFIX_STRLEN];

	kvip_jsonw_object(j, kvip_prefix_render(&r->id.prefix, p));
	kvip_jsonw_string(j, "cluster", r->cluster);
	kvip_jsonw_int(j, "tag", r->tag);
	kvip_jsonw_int(j, "distance", r->id.distance);
	nhs_json(j, r->nhs);
	kvip_jsonw_end(j);
}

static bool claim_json(void *ctx, const struct kvip_claim_view *v)
{
	struct kvip_jsonw *j = ctx;
	char a[KVIP_ADDR_STRLEN];

	if (!v->addr)
		return true;
	kvip_jsonw_object(j, NULL);
	kvip_jsonw_string(j, "cluster", v->cluster);
	kvip_jsonw_string(j, "kind", v->kind);
	kvip_jsonw_string(j, "name", v->name);
	kvip_jsonw_string(j, "namespace", v->ns);
	kvip_jsonw_string(j, "address", kvip_addr_render(v->addr, a));
	kvip_jsonw_string(j, "source", v->source);
	kvip_jsonw_string(j, "reason", kvip_reason_info(v->reason)->word);
	kvip_jsonw_string(j, "advertise", v->advertise ? v->advertise : "");
	kvip_jsonw_end(j);
	return true;
}

static void table(struct world *w)
{
	struct kvip_engine_summary sum;
	struct kvip_jsonw j;
	struct kvip_buf out;

	kvip_buf_init(&out, KVIP_MAX_SHOW_BYTES);
	kvip_jsonw_init(&j, &out);
	kvip_jsonw_object(&j, NULL);
	kvip_jsonw_object(&j, "routes");
	for (size_t i = 0; i < w->n; i++)
		route_json(&j, &w->routes[i]);
	kvip_jsonw_end(&j);
	kvip_jsonw_array(&j, "claims");
	kvip_engine_each_claim(w->engine, claim_json, &j);
	kvip_jsonw_end(&j);
	kvip_engine_get_summary(w->engine, &sum);
	kvip_jsonw_int(&j, "held", (int64_t)sum.vips_held);
	kvip_jsonw_int(&j, "backlog", (int64_t)sum.backlog);
	kvip_jsonw_end(&j);
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] != '\n')
			putchar(out.data[i]);
	putchar('\n');
	fflush(stdout);
	kvip_buf_done(&out);
}

static void carry_out(struct world *w, char *line)
{
	char *rest = line;
	const char *what = need(&rest, "command");

	if (strcmp(what, "new") == 0)
		make(w);
	else if (strcmp(what, "conf") == 0)
		conf_line(w, rest);
	else if (strcmp(what, "own") == 0 || strcmp(what, "connected") == 0)
		fact(w, what, need(&rest, "value"));
	else if (strcmp(what, "publish") == 0)
		publish(w);
	else if (strcmp(what, "accept") == 0)
		(void)kvip_engine_accept_withdrawals(w->engine, NULL);
	else if (strcmp(what, "table") == 0)
		table(w);
	else if (strcmp(what, "pass") == 0) {
		w->now += atol(need(&rest, "milliseconds"));
		work(w);
	} else
		feed_command(w, what, rest);
}

int main(void)
{
	static struct world w;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (*line)
			carry_out(&w, line);
	}
	free(line);
	drop(&w);
	return 0;
}
