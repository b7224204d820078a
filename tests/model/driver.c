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
 *   plist NAME permit|deny PREFIX GE LE one more entry of a prefix-list (0: not given)
 *   publish                             the lines and facts since the last `publish` are in force
 *   restart                             another process: it finds what T0 had, and nothing else
 *   renew CLUSTER                       other credentials: what they bring is fed aside until it is
 *                                       complete
 *   identity CLUSTER UID                who answers under that name
 *   lost CLUSTER 0|1                    the API is lost for longer than on-api-loss allows, or back
 *   mark | kept                         remember the routes | die unless all of them are still there
 *   oom N                               the Nth allocation of the next `pass` fails
 *   republish | clear-orphans           as T0 orders
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
#include "vip/kvip_engine_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROUTES 4096
#define MAX_WORDS  64
#define MAX_FACTS  64
#define MAX_PLISTS 4
#define MAX_STEPS  100000
#define WALL       1790000000

struct world {
	struct kvip_nhsets *nhsets;
	struct kvip_mailbox *mailbox;
	struct kvip_engine *engine;
	struct kvip_conf *conf;
	struct kvip_facts *facts;
	kvip_msec now;
	int64_t fail_at; /* see `oom` */
	struct kvip_route routes[MAX_ROUTES];
	size_t n;
	struct kvip_prefix marked[MAX_ROUTES];
	size_t n_marked;
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

/* Everything that is counted as things change, counted anew. */
struct audit {
	size_t told, as_restored, conflicts, over_limit, in_force, pending, dirty, refused;
};

static void must_be(const char *what, size_t is, size_t ought)
{
	if (is != ought)
		die("%s: %zu, and it ought to be %zu", what, is, ought);
}

/* Would it be decided as it was, if it were decided again? */
static void audit_decision(struct kvip_table *t, struct kvip_vip *v)
{
	char p[KVIP_PREFIX_STRLEN];
	struct kvip_pick pick;

	if (v->queue != KVIP_QUEUE_NONE)
		return;
	if (kvip_vip_pick(t, v, &pick))
		die("no memory");
	if (pick.top && (v->holder != pick.cluster || v->nhs != pick.nhs))
		die("%s is not what its claims say", kvip_prefix_render(&v->prefix, p));
	if (pick.over_limit != v->over_limit || pick.conflict != v->conflict)
		die("%s has not been looked at", kvip_prefix_render(&v->prefix, p));
	kvip_nhset_unref(pick.nhs);
}

static void audit_vip(struct world *w, const struct kvip_vip *v, struct audit *a)
{
	const struct kvip_route *r = find(w, &v->prefix);

	a->told += v->in_force && v->told;
	a->as_restored += v->in_force && v->told && v->as_restored;
	a->conflicts += v->conflict;
	a->over_limit += v->over_limit;
	a->dirty += v->queue == KVIP_QUEUE_DIRTY;
	if (v->in_force && v->told && (!r || r->nhs != v->nhs || r->tag != v->tag))
		die("T0 does not have what is in force");
	if (!v->in_force && r)
		die("T0 has a route that is not in force");
	if (!v->in_force && !v->restored && SLIST_EMPTY(&v->claims) && v->queue == KVIP_QUEUE_NONE)
		die("a VIP that nobody knows is kept");
}

static void audit_cluster(struct world *w, const struct kvip_cluster *c)
{
	struct audit a = { 0 };
	struct kvip_vip *v;

	for (v = kvip_vip_first(&w->engine->table); v; v = kvip_vip_next(v)) {
		const struct kvip_claim *claim;

		a.in_force += v->in_force && v->holder == c;
		a.pending += v->queue == KVIP_QUEUE_PENDING && v->holder == c;
		SLIST_FOREACH(claim, &v->claims, of_vip)
			a.refused += claim->cluster == c &&
				     kvip_reason_refuses((enum kvip_reason)claim->reason);
	}
	must_be("VIPs of a cluster", c->n_in_force, a.in_force);
	must_be("VIPs that wait for a guard", c->n_pending, a.pending);
	for (int i = 0; i < KVIP_REASON_MAX; i++)
		a.refused -= i == KVIP_REASON_OUT_OF_RANGE ? 0 : c->refused[i];
	must_be("refused addresses", a.refused, 0);
}

static void audit(struct world *w)
{
	struct kvip_table *t = &w->engine->table;
	struct audit a = { 0 };
	struct kvip_cluster *c;
	struct kvip_vip *v;

	for (v = kvip_vip_first(t); v; v = kvip_vip_next(v)) {
		audit_vip(w, v, &a);
		audit_decision(t, v);
	}
	must_be("decided routes", t->n_told, a.told);
	must_be("restored routes", t->n_as_restored, a.as_restored);
	must_be("conflicts", t->n_conflicts, a.conflicts);
	must_be("VIPs over the limit", t->n_over_limit, a.over_limit);
	must_be("VIPs to be decided", t->n_dirty, a.dirty);
	TAILQ_FOREACH(c, &t->clusters, of_table)
		audit_cluster(w, c);
}

static void work(struct world *w)
{
	struct kvip_engine_summary sum = { .backlog = 1 };
	kvip_msec next = w->now;

	for (int i = 0; next <= w->now || sum.backlog; i++) {
		if (i == MAX_STEPS)
			die("the engine does not come to an end");
		next = kvip_engine_step(w->engine, w->now, WALL + w->now / 1000);
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

static void make_engine(struct world *w)
{
	const struct kvip_engine_deps deps = { .nhsets = w->nhsets, .mailbox = w->mailbox };

	w->engine = kvip_engine_new(&deps);
	if (!w->engine)
		die("no engine");
}

static void make(struct world *w)
{
	drop(w);
	memset(w, 0, sizeof(*w));
	w->now = 1000000;
	w->nhsets = kvip_nhsets_new();
	w->mailbox = kvip_mailbox_new(NULL, NULL);
	make_engine(w);
}

static void mark(struct world *w)
{
	for (w->n_marked = 0; w->n_marked < w->n; w->n_marked++)
		w->marked[w->n_marked] = w->routes[w->n_marked].id.prefix;
}

static void kept(struct world *w)
{
	char p[KVIP_PREFIX_STRLEN];

	for (size_t i = 0; i < w->n_marked; i++)
		if (!find(w, &w->marked[i]))
			die("%s has been withdrawn", kvip_prefix_render(&w->marked[i], p));
}

static void restart(struct world *w)
{
	take(w);
	kvip_engine_free(w->engine);
	make_engine(w);
	for (size_t i = 0; i < w->n; i++) {
		const struct kvip_restored v = { .route = w->routes[i],
						 .identity = "",
						 .confirmed_s = WALL + w->now / 1000,
						 .in_zebra = true };

		if (kvip_engine_restore(w->engine, &v, 1))
			die("not restored");
	}
	mark(w);
}

static struct kvip_engine_cluster *cluster_of(struct world *w, char **text)
{
	struct kvip_cluster *c = kvip_table_cluster(&w->engine->table, need(text, "cluster"));

	if (!c)
		die("no such cluster");
	return kvip_engine_of(c);
}

/* What kvip_engine_cluster.c does when it makes another client. */
static void renew(struct kvip_engine_cluster *ec)
{
	if (!ec->c.live)
		return;
	kvip_cache_free(ec->shadow);
	ec->shadow = kvip_cache_new(NULL);
	memset(ec->listed, 0, sizeof(ec->listed));
	memset(ec->absent, 0, sizeof(ec->absent));
	ec->mandatory_ms = 0;
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
		w->facts->plists = kvip_calloc(MAX_PLISTS, sizeof(*w->facts->plists));
	}
	if (w->facts->n_own == MAX_FACTS || w->facts->n_connected == MAX_FACTS)
		die("too many facts");
	if (strcmp(what, "own") == 0
		    ? kvip_addr_parse(value, &w->facts->own[w->facts->n_own++])
		    : kvip_prefix_parse(value, &w->facts->connected[w->facts->n_connected++]))
		die("%s: %s?", what, value);
}

static struct kvip_plist *plist_get(struct kvip_facts *f, const char *name, uint8_t family)
{
	struct kvip_plist *l = &f->plists[f->n_plists];

	for (size_t i = 0; i < f->n_plists; i++)
		if (f->plists[i].family == family && strcmp(f->plists[i].name, name) == 0)
			return &f->plists[i];
	if (f->n_plists++ == MAX_PLISTS)
		die("too many prefix-lists");
	l->name = kvip_strdup(name);
	l->family = family;
	l->entries = kvip_calloc(MAX_FACTS, sizeof(*l->entries));
	return l;
}

/* There are other facts already. */
static void plist(struct world *w, char *text)
{
	const char *name = need(&text, "name");
	struct kvip_plist_entry e = { .permit = strcmp(need(&text, "permit"), "permit") == 0 };
	struct kvip_plist *l;

	if (kvip_prefix_parse(need(&text, "prefix"), &e.prefix))
		die("plist: no prefix");
	e.ge = (uint8_t)atoi(need(&text, "ge"));
	e.le = (uint8_t)atoi(need(&text, "le"));
	l = plist_get(w->facts, name, e.prefix.addr.family);
	e.seq = (int64_t)l->n;
	l->entries[l->n++] = e;
}

static void publish(struct world *w)
{
	if (!w->conf)
		w->conf = kvip_conf_new();
	kvip_engine_configure(w->engine, w->conf, w->facts);
	kvip_conf_unref(w->conf);
	w->conf = NULL;
	drop_facts(w);
	work(w);
}

static void pass(struct world *w, char *text)
{
	w->now += atol(need(&text, "milliseconds"));
	kvip_mem_fail_at(w->fail_at);
	work(w);
	kvip_mem_fail_at(0);
	audit(w);
	w->fail_at = 0;
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
	kvip_jsonw_end(&j);
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] != '\n')
			putchar(out.data[i]);
	putchar('\n');
	fflush(stdout);
	kvip_buf_done(&out);
}

static bool order(struct world *w, const char *what, char *text)
{
	if (strcmp(what, "accept") == 0)
		(void)kvip_engine_accept_withdrawals(w->engine, NULL);
	else if (strcmp(what, "republish") == 0)
		(void)kvip_engine_republish(w->engine);
	else if (strcmp(what, "clear-orphans") == 0)
		(void)kvip_engine_clear_orphans(w->engine);
	else if (strcmp(what, "renew") == 0)
		renew(cluster_of(w, &text));
	else if (strcmp(what, "identity") == 0) {
		struct kvip_engine_cluster *ec = cluster_of(w, &text);

		kvip_engine_outer_feed.identity(ec, need(&text, "identity"));
	} else if (strcmp(what, "lost") == 0) {
		struct kvip_engine_cluster *ec = cluster_of(w, &text);

		kvip_table_set_api_lost(&ec->c, atoi(need(&text, "0 or 1")));
	} else
		return false;
	return true;
}

static bool fact_or_line(struct world *w, const char *what, char *text)
{
	if (strcmp(what, "conf") == 0)
		conf_line(w, text);
	else if (strcmp(what, "own") == 0 || strcmp(what, "connected") == 0)
		fact(w, what, need(&text, "value"));
	else if (strcmp(what, "plist") == 0)
		plist(w, text);
	else if (strcmp(what, "publish") == 0)
		publish(w);
	else
		return false;
	return true;
}

static void carry_out(struct world *w, char *line)
{
	char *rest = line;
	const char *what = need(&rest, "command");

	if (strcmp(what, "new") == 0)
		make(w);
	else if (strcmp(what, "restart") == 0)
		restart(w);
	else if (strcmp(what, "mark") == 0)
		mark(w);
	else if (strcmp(what, "kept") == 0)
		kept(w);
	else if (strcmp(what, "oom") == 0)
		w->fail_at = atol(need(&rest, "which"));
	else if (strcmp(what, "table") == 0)
		table(w);
	else if (strcmp(what, "pass") == 0)
		pass(w, rest);
	else if (!fact_or_line(w, what, rest) && !order(w, what, rest))
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
