// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show` output over hand-made views. The engine and the reconciler are stood in for by the
 * functions below, so that every state can be had; JSON is read back with json-c, text is checked
 * to be there.
 */
#include "vip/kvip_show.h"

#include <check.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW  1000000
#define WALL 1790000000

struct kvip_engine {
	int unused;
};
struct kvip_recon {
	int unused;
};

static struct kvip_engine engine;
static struct kvip_recon recon;
static struct kvip_show_ctx ctx;
static struct kvip_buf out;
static bool troubled;
static bool node_mode; /* `inject bgp`: this router is node2; .1 is announced */

static struct kvip_addr addrs[3];
static struct kvip_nhsets *nhsets;
static const struct kvip_nhset *three;
static const struct kvip_nhset two = { .id = 8, .n = 2, .addrs = addrs };

static struct kvip_addr addr(const char *text)
{
	struct kvip_addr a;

	ck_assert_int_eq(kvip_addr_parse(text, &a), 0);
	return a;
}

static struct kvip_prefix host(const char *text)
{
	struct kvip_addr a = addr(text);

	return kvip_prefix_host(&a);
}

static struct kvip_route route(const char *vip)
{
	struct kvip_route r = { .id = { .prefix = host(vip), .distance = 15 },
				.tag = 77,
				.nhs = three };

	r.cluster = "lab";
	return r;
}

static struct kvip_claim_view claim(const char *name, const struct kvip_addr *a,
				    enum kvip_reason reason)
{
	return (struct kvip_claim_view){
		.cluster = "lab",
		.kind = "Service",
		.ns = "prod",
		.name = name,
		.addr = a,
		.reason = reason,
		.advertise = reason == KVIP_REASON_SELECTED ? "web" : NULL,
		.source = a ? "load-balancer" : NULL,
		.nhs = reason == KVIP_REASON_SELECTED ? three : NULL,
		.created_s = WALL - 3600,
		.endpoints_known = reason != KVIP_REASON_NOT_SELECTED,
		.endpoints_usable = 2,
		.endpoints_total = 3,
	};
}

/* .1 installed with two of three next hops, .2 without endpoints, .3 held and restored, .4 kept by
 * T0 alone */
static void each_vip(struct kvip_engine *e, kvip_vip_fn *fn, void *fn_ctx)
{
	struct kvip_addr a = addr("192.168.77.1");
	struct kvip_claim_view claims[2] = { claim("web", &a, KVIP_REASON_SELECTED),
					     claim("web2", &a, KVIP_REASON_HELD_BY_OTHER) };
	struct kvip_route r = route("192.168.77.1");
	struct kvip_vip_view v = { .prefix = r.id.prefix,
				   .routed = true,
				   .reason = KVIP_REASON_SELECTED,
				   .warning = KVIP_REASON_SHARED_DISJOINT,
				   .route = &r,
				   .changed_ms = NOW - 192000,
				   .n_claims = 2,
				   .claims = claims };

	ck_assert_ptr_eq(e, &engine);
	claims[1].winner = "lab/Service prod/web";
	claims[0].gateway = "gw\"1";
	claims[0].selected_by = "gateway labels";
	if (!fn(fn_ctx, &v))
		return;
	claims[0] = claim("api", &a, KVIP_REASON_NO_ENDPOINTS);
	v = (struct kvip_vip_view){ .prefix = host("192.168.77.2"),
				    .reason = KVIP_REASON_NO_ENDPOINTS,
				    .n_claims = 1,
				    .claims = claims };
	if (!fn(fn_ctx, &v))
		return;
	r = route("192.168.77.3");
	v = (struct kvip_vip_view){ .prefix = r.id.prefix,
				    .routed = true,
				    .held = true,
				    .restored = true,
				    .reason = KVIP_REASON_GUARD_HOLDS,
				    .route = &r,
				    .changed_ms = NOW - 93600000,
				    .restored_confirmed_s = WALL - 600 };
	fn(fn_ctx, &v);
}

struct search {
	const struct kvip_prefix *p;
	kvip_vip_fn *fn;
	void *ctx;
	bool found;
};

static bool search_vip(void *fn_ctx, const struct kvip_vip_view *v)
{
	struct search *s = fn_ctx;

	if (kvip_prefix_cmp(&v->prefix, s->p) != 0)
		return true;
	s->found = true;
	s->fn(s->ctx, v);
	return false;
}

bool kvip_engine_show_vip(struct kvip_engine *e, const struct kvip_prefix *p, kvip_vip_fn *fn,
			  void *fn_ctx)
{
	struct search s = { .p = p, .fn = fn, .ctx = fn_ctx };

	each_vip(e, search_vip, &s);
	return s.found;
}

static void each_claim(struct kvip_engine *e, kvip_claim_fn *fn, void *fn_ctx)
{
	struct kvip_addr a = addr("192.168.77.1");
	struct kvip_claim_view v = claim("web", &a, KVIP_REASON_SELECTED);

	(void)e;
	if (!fn(fn_ctx, &v))
		return;
	v = claim("no-address", NULL, KVIP_REASON_NO_ADDRESS);
	if (!fn(fn_ctx, &v))
		return;
	v = claim("loser", &a, KVIP_REASON_HELD_BY_OTHER);
	v.winner = "lab/Service prod/web";
	v.kind = "Gateway";
	v.warning = KVIP_REASON_SLICE_BY_OWNER;
	v.local = v.external_local = true;
	fn(fn_ctx, &v);
}

static void each_node(struct kvip_engine *e, kvip_node_fn *fn, void *fn_ctx)
{
	static const char *const block[] = { "web" };
	enum kvip_reason reason[] = { KVIP_REASON_SELECTED };
	struct kvip_node_view v = { .cluster = "lab",
				    .name = "node1",
				    .ready = KVIP_READY_TRUE,
				    .addrs = addrs,
				    .n_addrs = 2,
				    .n_blocks = 1,
				    .block = block,
				    .reason = reason,
				    .vips = 4 };

	(void)e;
	if (!fn(fn_ctx, &v))
		return;
	v.name = "node2";
	v.self = node_mode;
	v.ready = KVIP_READY_FALSE;
	v.cordoned = true;
	reason[0] = KVIP_REASON_NODE_NOT_READY;
	fn(fn_ctx, &v);
}

void kvip_engine_each_cluster(struct kvip_engine *e, kvip_cluster_fn *fn, void *fn_ctx)
{
	static struct kvip_client_status client;
	struct kvip_cluster_view v = { .name = "lab",
				       .state = KVIP_CLUSTER_LIVE,
				       .synced_ms = NOW - 5000,
				       .last_proof_ms = NOW - 3000,
				       .vips = 2,
				       .services = 3,
				       .nodes = 2,
				       .objects = 9,
				       .client = &client };

	(void)e;
	client = (struct kvip_client_status){ .identity = "uid-1",
					      .token_expires_s = WALL + 60,
					      .n_servers = 1 };
	strcpy(client.servers[0].url, "https://192.168.99.12:6443");
	client.servers[0].current = true;
	client.kind[KVIP_KIND_SERVICE].state = KVIP_WATCH_WATCHING;
	client.kind[KVIP_KIND_SERVICE].synced = true;
	strcpy(client.kind[KVIP_KIND_SERVICE].resource_version, "4711");
	if (troubled) {
		v.state = KVIP_CLUSTER_STALE;
		v.last_proof_ms = NOW - 312000;
		v.guard_active = v.identity_changed = true;
		v.guard_reason = KVIP_REASON_GUARD_HOLDS;
		v.guard_since_ms = NOW - 10000;
		v.held = 12;
		strcpy(client.kind[KVIP_KIND_SERVICE].last_error,
		       "connection refused: is the API server up?");
		client.token_expires_s = WALL - 1;
	}
	v.no_self = node_mode && troubled;
	if (!fn(fn_ctx, &v))
		return;
	v = (struct kvip_cluster_view){ .name = "lab2", .state = KVIP_CLUSTER_STARTING };
	fn(fn_ctx, &v);
}

void kvip_engine_check(struct kvip_engine *e, kvip_finding_fn *fn, void *fn_ctx)
{
	const struct kvip_finding f = { .kind = "cilium-unknown",
					.cluster = "lab",
					.text = "cluster lab: look here" };

	(void)e;
	fn(fn_ctx, &f);
}

void kvip_engine_get_summary(struct kvip_engine *e, struct kvip_engine_summary *sum)
{
	(void)e;
	*sum = (struct kvip_engine_summary){ .clusters = 2,
					     .vips_routed = 2,
					     .vips_held = 1,
					     .vips_restored = 1,
					     .conflicts = 1,
					     .nhsets = 1,
					     .table_digest = 0xabcdef };
	if (node_mode && !troubled)
		strcpy(sum->node_name, "node2");
}

static bool find(const char *vip, struct kvip_route_view *v)
{
	static struct kvip_route want;

	*v = (struct kvip_route_view){ .id = { .prefix = host(vip), .distance = 15 },
				       .cluster = "lab",
				       .state = KVIP_ROUTE_KEPT,
				       .installed = &two };
	if (strcmp(vip, "192.168.77.1") == 0) {
		want = route(vip);
		v->state = KVIP_ROUTE_INSTALLED;
		v->want = &want;
		v->usable = &two;
		v->sent_ms = v->installed_ms = NOW - 1000;
		v->swept = 2;
	}
	if (node_mode) {
		v->inject = KVIP_INJECT_BGP;
		v->state = v->want ? KVIP_ROUTE_ANNOUNCED : KVIP_ROUTE_ELSEWHERE;
		v->reason = v->want ? KVIP_REASON_NONE : KVIP_REASON_NOT_THROUGH_SELF;
		want.through_self = true;
	}
	return true;
}

bool kvip_recon_find(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p,
		     struct kvip_route_view *v)
{
	struct kvip_prefix one = host("192.168.77.1"), held = host("192.168.77.3");

	(void)r;
	(void)vrf_id;
	if (kvip_prefix_cmp(p, &one) == 0)
		return find("192.168.77.1", v);
	return kvip_prefix_cmp(p, &held) == 0 ? find("192.168.77.3", v) : false;
}

static void each_route(struct kvip_recon *r, kvip_route_fn *fn, void *fn_ctx)
{
	static const char *const vips[] = { "192.168.77.1", "192.168.77.3", "192.168.77.4" };
	struct kvip_route_view v;

	(void)r;
	for (size_t i = 0; i < 3 && find(vips[i], &v); i++)
		if (!fn(fn_ctx, &v))
			return;
}

bool kvip_recon_find_nexthop(struct kvip_recon *r, const struct kvip_addr *a,
			     struct kvip_nexthop_view *v)
{
	(void)r;
	*v = (struct kvip_nexthop_view){ .addr = *a, .state = KVIP_NH_CONNECTED };
	if (kvip_addr_equal(a, &addrs[2]))
		v->state = KVIP_NH_UNRESOLVED;
	return true;
}

static void get_summary(struct kvip_recon *r, struct kvip_recon_summary *sum)
{
	(void)r;
	*sum = (struct kvip_recon_summary){ .sink_up = !troubled,
					    .active = !troubled,
					    .routes = 3 };
	sum->by_state[KVIP_ROUTE_INSTALLED] = 1;
	sum->by_state[KVIP_ROUTE_KEPT] = 2;
	if (!troubled)
		return;
	sum->flushed = sum->state_failing = true;
	sum->suspects = 4;
	sum->by_state[KVIP_ROUTE_REFUSED] = sum->by_state[KVIP_ROUTE_OVERDUE] = 1;
	strcpy(sum->state_error, "disk full");
	if (!node_mode)
		return;
	sum->inject = KVIP_INJECT_BGP;
	sum->by_state[KVIP_ROUTE_REFUSED] = 3;
	sum->by_reason[KVIP_REASON_NOT_REDISTRIBUTED] = 2;
	sum->by_reason[KVIP_REASON_POLICY_DENIES] = 1;
}

/* A part of one of the lists above: behind the first @skip, at most @left. */
struct cut {
	unsigned int skip, left, shown;
	bool more;
	void *fn, *ctx;
};

/* Return: is this one shown? */
static bool is_in(struct cut *c)
{
	if (c->skip) {
		c->skip--;
		return false;
	}
	c->more = c->left == 0;
	if (c->more)
		return false;
	c->left--;
	c->shown++;
	return true;
}

#define CUT(name, type)                                                                            \
	static bool name(void *cut, const type *v)                                                 \
	{                                                                                          \
		struct cut *c = cut;                                                               \
		bool (*fn)(void *, const type *) = c->fn;                                          \
                                                                                                   \
		if (is_in(c))                                                                      \
			return fn(c->ctx, v);                                                      \
		return !c->more;                                                                   \
	}
CUT(cut_vip, struct kvip_vip_view)
CUT(cut_claim, struct kvip_claim_view)
CUT(cut_node, struct kvip_node_view)
CUT(cut_route, struct kvip_route_view)

/* Where a walk stands is a number here, kept in some byte of the position. */
bool kvip_engine_each_vip_some(struct kvip_engine *e, struct kvip_vip_at *at, unsigned int max,
			       kvip_vip_fn *fn, void *fn_ctx)
{
	struct cut c = { .skip = at->prefix.len, .left = max, .fn = fn, .ctx = fn_ctx };

	each_vip(e, cut_vip, &c);
	at->prefix.len += (uint8_t)c.shown;
	return c.more;
}

bool kvip_engine_each_claim_some(struct kvip_engine *e, struct kvip_object_at *at, unsigned int max,
				 kvip_claim_fn *fn, void *fn_ctx)
{
	struct cut c = { .skip = (uint8_t)at->key[0], .left = max, .fn = fn, .ctx = fn_ctx };

	each_claim(e, cut_claim, &c);
	at->key[0] += (char)c.shown;
	return c.more;
}

struct kvip_node_uses {
	unsigned int counted;
};

struct kvip_node_uses *kvip_engine_uses_new(void)
{
	return kvip_calloc(1, sizeof(struct kvip_node_uses));
}

void kvip_engine_uses_free(struct kvip_node_uses *u)
{
	kvip_free(u);
}

bool kvip_engine_count_uses(struct kvip_engine *e, struct kvip_node_uses *u, unsigned int max)
{
	ck_assert_ptr_eq(e, &engine);
	u->counted += max < 3 ? max : 3;
	return u->counted < 3;
}

bool kvip_engine_each_node_some(struct kvip_engine *e, struct kvip_object_at *at,
				const struct kvip_node_uses *u, unsigned int max, kvip_node_fn *fn,
				void *fn_ctx)
{
	struct cut c = { .skip = (uint8_t)at->key[0], .left = max, .fn = fn, .ctx = fn_ctx };

	ck_assert_uint_ge(u->counted, 3);
	each_node(e, cut_node, &c);
	at->key[0] += (char)c.shown;
	return c.more;
}

bool kvip_recon_each_some(struct kvip_recon *r, struct kvip_recon_at *at, unsigned int max,
			  kvip_route_fn *fn, void *fn_ctx)
{
	struct cut c = { .skip = at->prefix.len, .left = max, .fn = fn, .ctx = fn_ctx };

	each_route(r, cut_route, &c);
	at->prefix.len += (uint8_t)c.shown;
	return c.more;
}

bool kvip_recon_sum_some(struct kvip_recon *r, struct kvip_recon_at *at, unsigned int max,
			 struct kvip_recon_summary *sum)
{
	get_summary(r, sum);
	at->prefix.len += (uint8_t)(max < 3 ? max : 3);
	return at->prefix.len < 3;
}

const char *kvip_route_state_word(enum kvip_route_state s)
{
	static const char *const words[] = {
#define X(id, word, text) word,
		KVIP_ROUTE_STATES(X)
#undef X
	};

	return words[s];
}

const char *kvip_route_state_text(enum kvip_route_state s)
{
	return kvip_route_state_word(s);
}

const char *kvip_watch_state_name(enum kvip_watch_state s)
{
	return s == KVIP_WATCH_WATCHING ? "watching" : "idle";
}

const struct kvip_kind_info kvip_kinds[KVIP_KIND_MAX] = {
#define KVIP_KIND(id, plural, path, older, kind, mandatory, cilium)                                \
	{ plural, path, older, kind, mandatory, cilium },
#include "kube/tbl/kvip_kind.def"
#undef KVIP_KIND
};

static void setup(void)
{
	kvip_buf_init(&out, 1 << 20);
	addrs[0] = addr("192.168.99.12");
	addrs[1] = addr("192.168.99.13");
	addrs[2] = addr("192.168.99.14");
	ctx = (struct kvip_show_ctx){ .engine = &engine, .recon = &recon, .now = NOW, .wall = WALL };
	troubled = node_mode = false;
	nhsets = kvip_nhsets_new();
	three = kvip_nhset_get(nhsets, addrs, 3);
	ck_assert_ptr_nonnull(three);
}

static void teardown(void)
{
	kvip_buf_done(&out);
	kvip_nhset_unref(three);
	ck_assert_uint_eq(kvip_nhsets_count(nhsets), 0);
	kvip_nhsets_free(nhsets);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

static struct json_object *parsed(int rc)
{
	struct json_object *o;

	ck_assert_int_eq(rc, 0);
	o = json_tokener_parse(kvip_buf_str(&out));
	ck_assert_msg(o != NULL, "no JSON: %s", kvip_buf_str(&out));
	kvip_buf_reset(&out);
	return o;
}

/* Borrowed: the value at a path like "vips/192.168.77.1|32/state" (`|` stands for a slash in a
 * key). */
static struct json_object *at(struct json_object *o, const char *path)
{
	char copy[200], *save = NULL;

	strcpy(copy, path);
	for (char *key = strtok_r(copy, "/", &save); key; key = strtok_r(NULL, "/", &save)) {
		char *bar = strchr(key, '|');

		if (bar)
			*bar = '/';
		if (json_object_is_type(o, json_type_array)) {
			o = json_object_array_get_idx(o, (size_t)atoi(key));
			continue;
		}
		ck_assert_msg(json_object_object_get_ex(o, key, &o), "no %s in %s", key, path);
	}
	return o;
}

static const char *str(struct json_object *o, const char *path)
{
	struct json_object *v = at(o, path);

	return v ? json_object_get_string(v) : "(null)";
}

static int64_t num(struct json_object *o, const char *path)
{
	ck_assert(json_object_is_type(at(o, path), json_type_int));
	return json_object_get_int64(at(o, path));
}

START_TEST(vips_as_json)
{
	struct json_object *o = parsed(kvip_show_vips(&ctx, NULL, true, &out));

	ck_assert_int_eq(json_object_object_length(at(o, "vips")), 4);
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/state"), "installed");
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/reason"), "selected");
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/warning"), "shared-vip-disjoint");
	ck_assert_int_eq(num(o, "vips/192.168.77.1|32/tag"), 77);
	ck_assert_int_eq(num(o, "vips/192.168.77.1|32/distance"), 15);
	ck_assert_int_eq(num(o, "vips/192.168.77.1|32/changedAgeSec"), 192);
	ck_assert_int_eq(num(o, "vips/192.168.77.1|32/sweptCount"), 2);
	ck_assert_uint_eq(json_object_array_length(at(o, "vips/192.168.77.1|32/nextHops")), 3);
	ck_assert_uint_eq(json_object_array_length(at(o, "vips/192.168.77.1|32/usableNextHops")),
			  2);
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/nextHops/0"), "192.168.99.12");
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/claims/0/gateway"), "gw\"1");
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/claims/1/winner"), "lab/Service prod/web");
	ck_assert_str_eq(str(o, "vips/192.168.77.2|32/state"), "not-routed");
	ck_assert_str_eq(str(o, "vips/192.168.77.2|32/reason"), "no-endpoints");
	ck_assert_str_eq(str(o, "vips/192.168.77.3|32/state"), "kept");
	ck_assert_str_eq(str(o, "vips/192.168.77.3|32/held"), "true");
	ck_assert_int_eq(num(o, "vips/192.168.77.3|32/restoredAgeSec"), 600);
	ck_assert_str_eq(str(o, "vips/192.168.77.4|32/state"), "kept");
	json_object_put(o);
}
END_TEST

START_TEST(vips_of_a_prefix)
{
	struct kvip_prefix p;
	struct json_object *o;

	ck_assert_int_eq(kvip_prefix_parse("192.168.77.2/31", &p), 0);
	o = parsed(kvip_show_vips(&ctx, &p, true, &out));
	ck_assert_int_eq(json_object_object_length(at(o, "vips")), 2);
	json_object_put(o);
	ck_assert_int_eq(kvip_prefix_parse("10.0.0.0/8", &p), 0);
	o = parsed(kvip_show_vips(&ctx, &p, true, &out));
	ck_assert_int_eq(json_object_object_length(at(o, "vips")), 0);
	json_object_put(o);
}
END_TEST

START_TEST(a_dry_run_says_would_be_routed)
{
	struct json_object *o;

	ctx.recon = NULL;
	o = parsed(kvip_show_vips(&ctx, NULL, true, &out));
	ck_assert_int_eq(json_object_object_length(at(o, "vips")), 3);
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/state"), "would-be-routed");
	ck_assert_str_eq(str(o, "vips/192.168.77.2|32/state"), "not-routed");
	json_object_put(o);
	o = parsed(kvip_show_dry_run(&ctx, true, &out));
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/state"), "would-be-routed");
	ck_assert_str_eq(str(o, "services/1/reason"), "no-address");
	ck_assert_str_eq(str(o, "nodes/0/name"), "node1");
	ck_assert_str_eq(str(o, "findings/0/kind"), "cilium-unknown");
	ck_assert_str_eq(str(o, "findings/0/cluster"), "lab");
	ck_assert_str_eq(str(o, "findings/0/object"), "(null)");
	json_object_put(o);
	o = parsed(kvip_show_overview(&ctx, true, &out));
	ck_assert_str_eq(str(o, "inject"), "dry-run");
	json_object_put(o);
}
END_TEST

/* "192.168.77.1/32 installed selected lab" for each, at most *@left. */
struct lines {
	char text[512];
	int left;
};

static bool add_line(void *fn_ctx, const struct kvip_show_vip *v)
{
	struct lines *l = fn_ctx;
	char p[KVIP_PREFIX_STRLEN];
	size_t n = strlen(l->text);

	snprintf(l->text + n, sizeof(l->text) - n, "%s %s %s %s%s\n",
		 kvip_prefix_render(&v->prefix, p), v->state, kvip_reason_info(v->reason)->word,
		 v->cluster ? v->cluster : "-", v->decided ? "" : " nothing decided");
	return --l->left > 0;
}

START_TEST(vips_for_other_forms)
{
	static const char *const all[] = {
		"192.168.77.1/32 installed selected lab\n",
		"192.168.77.2/32 not-routed no-endpoints lab nothing decided\n",
		"192.168.77.3/32 kept withdraw-guard-holds lab\n",
		"192.168.77.4/32 kept none lab nothing decided\n",
	};
	char want[512] = "";
	struct lines l;

	for (int n = 1; n <= 4; n++) {
		strcat(want, all[n - 1]);
		l = (struct lines){ .left = n };
		ck_assert_int_eq(kvip_show_each_vip(&ctx, add_line, &l), 0);
		ck_assert_str_eq(l.text, want);
	}
}
END_TEST

START_TEST(one_vip_for_other_forms)
{
	static const struct {
		const char *vip, *want;
	} vips[] = {
		{ "192.168.77.1", "192.168.77.1/32 installed selected lab\n" },
		{ "192.168.77.2", "192.168.77.2/32 not-routed no-endpoints lab nothing decided\n" },
		{ "192.168.77.9", "" },
	};

	for (size_t i = 0; i < sizeof(vips) / sizeof(vips[0]); i++) {
		struct kvip_prefix p = host(vips[i].vip);
		struct lines l = { .left = 9 };

		ck_assert_int_eq(kvip_show_one_vip(&ctx, &p, add_line, &l), vips[i].want[0] != 0);
		ck_assert_str_eq(l.text, vips[i].want);
	}
}
END_TEST

START_TEST(services_as_json)
{
	struct json_object *o = parsed(kvip_show_services(&ctx, NULL, true, &out));

	ck_assert_uint_eq(json_object_array_length(at(o, "services")), 3);
	ck_assert_str_eq(str(o, "services/0/address"), "192.168.77.1");
	ck_assert_str_eq(str(o, "services/1/address"), "(null)");
	ck_assert_str_eq(str(o, "services/1/reason"), "no-address");
	ck_assert_str_eq(str(o, "services/2/kind"), "Gateway");
	ck_assert_str_eq(str(o, "services/2/trafficPolicy"), "Local");
	ck_assert_str_eq(str(o, "services/2/externalTrafficPolicy"), "Local");
	ck_assert_str_eq(str(o, "services/2/internalTrafficPolicy"), "Cluster");
	ck_assert_int_eq(num(o, "services/0/endpointsUsable"), 2);
	ck_assert_int_eq(num(o, "services/0/createdAgeSec"), 3600);
	json_object_put(o);
	o = parsed(kvip_show_services(&ctx, "prod/loser", true, &out));
	ck_assert_uint_eq(json_object_array_length(at(o, "services")), 1);
	json_object_put(o);
	o = parsed(kvip_show_services(&ctx, "pro/dloser", true, &out));
	ck_assert_uint_eq(json_object_array_length(at(o, "services")), 0);
	json_object_put(o);
}
END_TEST

START_TEST(nodes_as_json)
{
	struct json_object *o = parsed(kvip_show_nodes(&ctx, true, &out));

	ck_assert_str_eq(str(o, "nodes/0/ready"), "ready");
	ck_assert_str_eq(str(o, "nodes/1/ready"), "not-ready");
	ck_assert_str_eq(str(o, "nodes/1/blocks/web/reason"), "node-not-ready");
	ck_assert_str_eq(str(o, "nodes/0/addresses/0/nextHopState"), "connected");
	ck_assert_int_eq(num(o, "nodes/0/vips"), 4);
	json_object_put(o);
}
END_TEST

START_TEST(clusters_as_json)
{
	struct json_object *o = parsed(kvip_show_clusters(&ctx, NULL, true, &out));

	ck_assert_int_eq(json_object_object_length(at(o, "clusters")), 2);
	ck_assert_str_eq(str(o, "clusters/lab/state"), "live");
	ck_assert_int_eq(num(o, "clusters/lab/lastSyncAgeSec"), 3);
	ck_assert_str_eq(str(o, "clusters/lab/kinds/services/resourceVersion"), "4711");
	ck_assert_str_eq(str(o, "clusters/lab/servers/0/url"), "https://192.168.99.12:6443");
	ck_assert_int_eq(num(o, "clusters/lab/tokenExpiresInSec"), 60);
	ck_assert_str_eq(str(o, "clusters/lab2/lastSyncAgeSec"), "(null)");
	json_object_put(o);
	o = parsed(kvip_show_clusters(&ctx, "lab2", true, &out));
	ck_assert_int_eq(json_object_object_length(at(o, "clusters")), 1);
	json_object_put(o);
}
END_TEST

START_TEST(overview_as_json)
{
	struct json_object *o = parsed(kvip_show_overview(&ctx, true, &out));

	ck_assert_uint_eq(json_object_array_length(at(o, "trouble")), 0);
	ck_assert_str_eq(str(o, "tableDigest"), "0000000000abcdef");
	ck_assert_str_eq(str(o, "inject"), "zebra");
	ck_assert_int_eq(num(o, "vips/routed"), 2);
	ck_assert_int_eq(num(o, "routes/byState/kept"), 2);
	ck_assert_int_eq(num(o, "clusters/lab/lastSyncAgeSec"), 3);
	json_object_put(o);
	troubled = true;
	ctx.standby = "bgpd (pid 5)";
	o = parsed(kvip_show_overview(&ctx, true, &out));
	ck_assert_str_eq(str(o, "trouble/0/kind"), "identity-changed");
	ck_assert_str_eq(str(o, "trouble/1/kind"), "withdraw-guard");
	ck_assert_str_eq(str(o, "trouble/2/kind"), "stale");
	ck_assert_str_eq(str(o, "trouble/2/cluster"), "lab");
	ck_assert_ptr_nonnull(strstr(str(o, "trouble/2/text"), "312 s: connection refused"));
	ck_assert_str_eq(str(o, "trouble/3/kind"), "standby");
	ck_assert_str_eq(str(o, "standby"), "bgpd (pid 5)");
	json_object_put(o);
}
END_TEST

static bool has_trouble(struct json_object *o, const char *kind)
{
	struct json_object *all = at(o, "trouble");

	for (size_t i = 0; i < json_object_array_length(all); i++)
		if (strcmp(str(json_object_array_get_idx(all, i), "kind"), kind) == 0)
			return true;
	return false;
}

START_TEST(node_mode_says_which_node_and_what_goes_through_it)
{
	struct json_object *o;

	node_mode = true;
	ctx.inject = KVIP_INJECT_BGP;
	o = parsed(kvip_show_overview(&ctx, true, &out));
	ck_assert_str_eq(str(o, "inject"), "bgp");
	ck_assert_str_eq(str(o, "nodeName"), "node2");
	ck_assert_uint_eq(json_object_array_length(at(o, "trouble")), 0);
	json_object_put(o);
	o = parsed(kvip_show_vips(&ctx, NULL, true, &out));
	ck_assert(json_object_get_boolean(at(o, "vips/192.168.77.1|32/throughThisNode")));
	ck_assert_str_eq(str(o, "vips/192.168.77.1|32/state"), "announced");
	ck_assert(!json_object_get_boolean(at(o, "vips/192.168.77.3|32/throughThisNode")));
	ck_assert_str_eq(str(o, "vips/192.168.77.3|32/state"), "elsewhere");
	ck_assert_str_eq(str(o, "vips/192.168.77.3|32/reason"), "not-through-this-node");
	json_object_put(o);
	o = parsed(kvip_show_nodes(&ctx, true, &out));
	ck_assert(!json_object_get_boolean(at(o, "nodes/0/thisNode")));
	ck_assert(json_object_get_boolean(at(o, "nodes/1/thisNode")));
	json_object_put(o);
}
END_TEST

START_TEST(node_mode_has_troubles_of_its_own)
{
	struct json_object *o;

	node_mode = troubled = true;
	o = parsed(kvip_show_overview(&ctx, true, &out));
	ck_assert(has_trouble(o, "no-node-name"));
	ck_assert(has_trouble(o, "no-such-node"));
	ck_assert(has_trouble(o, "no-redistribute-static"));
	ck_assert(has_trouble(o, "route-map-denies"));
	ck_assert(!has_trouble(o, "refused")); /* all three have been said */
	json_object_put(o);
	node_mode = false;
	o = parsed(kvip_show_overview(&ctx, true, &out));
	ck_assert(has_trouble(o, "refused"));
	ck_assert(!has_trouble(o, "no-node-name"));
	json_object_put(o);
}
END_TEST

START_TEST(trouble_stands_in_the_first_line)
{
	troubled = true;
	ck_assert_int_eq(kvip_show_overview(&ctx, false, &out), 0);
	ck_assert_int_eq(kvip_buf_str(&out)[0], '!');
	kvip_buf_reset(&out);
	troubled = false;
	ck_assert_int_eq(kvip_show_overview(&ctx, false, &out), 0);
	ck_assert_int_ne(kvip_buf_str(&out)[0], '!');
}
END_TEST

/* Every page in turn. */
/* What others have: .1 as the engine wants it, .2 somewhere else, the rest not at all. */
static int asking, broken_lookup;

static int look_up(void *fn_ctx, const struct kvip_prefix *p, struct kvip_found *f)
{
	struct kvip_prefix first = host("192.168.77.1"), second = host("192.168.77.2");

	ck_assert_ptr_eq(fn_ctx, &asking);
	ck_assert_int_eq(asking, 1);
	if (broken_lookup)
		return -EIO;
	if (kvip_prefix_cmp(p, &first) == 0)
		*f = (struct kvip_found){ true, "bird", three->addrs, three->n };
	else if (kvip_prefix_cmp(p, &second) == 0)
		*f = (struct kvip_found){ true, "static", addrs, 1 };
	return 0;
}

static void done_looking(void *fn_ctx)
{
	ck_assert_ptr_eq(fn_ctx, &asking);
	asking--;
}

static const struct kvip_lookup *lookup(void)
{
	static const struct kvip_lookup l = { look_up, done_looking, &asking };

	ck_assert_int_eq(asking, 0);
	asking++;
	return &l;
}

static int page(int i, bool json)
{
	struct kvip_prefix one = host("192.168.77.1"), none = host("10.0.0.1");

	switch (i) {
	case 0:
		return kvip_show_overview(&ctx, json, &out);
	case 1:
		return kvip_show_vips(&ctx, NULL, json, &out);
	case 2:
		return kvip_show_vips(&ctx, &one, json, &out);
	case 3:
		return kvip_show_vips(&ctx, &none, json, &out);
	case 4:
		return kvip_show_services(&ctx, NULL, json, &out);
	case 5:
		return kvip_show_services(&ctx, "prod/none", json, &out);
	case 6:
		return kvip_show_nodes(&ctx, json, &out);
	case 7:
		return kvip_show_observe(&ctx, NULL, lookup(), json, &out);
	case 8:
		return kvip_show_observe(&ctx, &none, lookup(), json, &out);
	case 9:
		return kvip_show_clusters(&ctx, NULL, json, &out);
	case 10:
		return kvip_show_clusters(&ctx, "none", json, &out);
	case 11:
		return kvip_show_dry_run(&ctx, json, &out);
	default:
		return 1;
	}
}

START_TEST(every_page_has_text)
{
	bool print = getenv("KUBEVIP_SHOW") != NULL;

	for (int round = 0; round < 6; round++) {
		node_mode = round >= 4;
		ctx.inject = node_mode ? KVIP_INJECT_BGP : KVIP_INJECT_ZEBRA;
		troubled = round == 1 || round == 5;
		ctx.recon = round == 2 ? NULL : &recon;
		ctx.engine = round == 3 ? NULL : &engine;
		for (int i = 0; page(i, false) == 0; i++) {
			ck_assert_uint_gt(out.len, 0);
			ck_assert_int_eq(out.data[out.len - 1], '\n');
			if (print)
				printf("----\n%s", out.data);
			kvip_buf_reset(&out);
			json_object_put(parsed(page(i, true)));
		}
	}
}
END_TEST

/* Those of the pages that may be long. */
static struct kvip_show_job *begin_page(int i, bool json, struct kvip_buf *to)
{
	struct kvip_prefix one = host("192.168.77.1"), none = host("10.0.0.1");

	switch (i) {
	case 0:
		return kvip_show_overview_begin(&ctx, json, to);
	case 1:
		return kvip_show_vips_begin(&ctx, NULL, json, to);
	case 2:
		return kvip_show_vips_begin(&ctx, &one, json, to);
	case 3:
		return kvip_show_vips_begin(&ctx, &none, json, to);
	case 4:
		return kvip_show_services_begin(&ctx, NULL, json, to);
	case 5:
		return kvip_show_services_begin(&ctx, "prod/none", json, to);
	case 6:
		return kvip_show_nodes_begin(&ctx, json, to);
	case 7:
		return kvip_show_observe_begin(&ctx, NULL, lookup(), json, to);
	default:
		return kvip_show_observe_begin(&ctx, &none, lookup(), json, to);
	}
}

START_TEST(pages_in_slices_are_the_same)
{
	struct kvip_buf sliced;
	struct kvip_show_job *j;

	kvip_buf_init(&sliced, 1 << 20);
	for (int i = 0; i < 9; i++) {
		for (unsigned int max = 1; max < 4; max++) {
			unsigned int steps = 1;
			int rc;

			ck_assert_int_eq(page(i, _i), 0);
			j = begin_page(i, _i, &sliced);
			while ((rc = kvip_show_job_step(j, max)) > 0)
				steps++;
			ck_assert_int_eq(rc, 0);
			kvip_show_job_free(j);
			ck_assert_uint_ge(steps, max == 1 ? 5 : 4);
			ck_assert_str_eq(kvip_buf_str(&sliced), kvip_buf_str(&out));
			kvip_buf_reset(&sliced);
			kvip_buf_reset(&out);
		}
	}
	kvip_buf_done(&sliced);
}
END_TEST

/* An answer that nobody waits for any more. */
START_TEST(a_page_can_be_given_up_at_any_slice)
{
	for (int i = 0; i < 9; i++) {
		for (int steps = 0; steps < 12; steps++) {
			struct kvip_show_job *j = begin_page(i, _i, &out);
			int rc = 1;

			for (int k = 0; k < steps && rc > 0; k++)
				rc = kvip_show_job_step(j, 1);
			kvip_show_job_free(j);
			kvip_buf_reset(&out);
		}
	}
	kvip_show_job_free(NULL);
	ck_assert_int_eq(asking, 0);
}
END_TEST

START_TEST(others_routes_are_compared)
{
	static const struct {
		const char *vip, *state;
	} rows[] = {
		{ "192.168.77.1/32", "same" },
		{ "192.168.77.2/32", "only-elsewhere" },
		{ "192.168.77.3/32", "nowhere-else" },
	};
	struct json_object *o, *vips, *v, *counts;

	ctx.recon = NULL;
	o = parsed(page(7, true));
	ck_assert(json_object_object_get_ex(o, "vips", &vips));
	ck_assert(json_object_object_get_ex(o, "counts", &counts));
	ck_assert_int_eq(json_object_object_length(vips), 3);
	for (size_t i = 0; i < 3; i++) {
		struct json_object *state, *n;

		ck_assert(json_object_object_get_ex(vips, rows[i].vip, &v));
		ck_assert(json_object_object_get_ex(v, "state", &state));
		ck_assert_str_eq(json_object_get_string(state), rows[i].state);
		ck_assert(json_object_object_get_ex(counts, rows[i].state, &n));
		ck_assert_int_eq(json_object_get_int(n), 1);
	}
	json_object_put(o);
	ck_assert_int_eq(asking, 0);
}
END_TEST

START_TEST(who_cannot_be_asked_is_said)
{
	broken_lookup = 1;
	ck_assert_int_eq(page(7, true), -EIO);
	ck_assert_int_eq(page(7, false), -EIO);
	ck_assert_int_eq(asking, 0);
	broken_lookup = 0;
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
	for (int i = 0; i < 12; i++)
		for (int json = 0; json < 2; json++)
			for (int64_t nth = 1;; nth++) {
				int rc;

				kvip_buf_done(&out);
				kvip_mem_fail_at(nth);
				rc = page(i, json);
				kvip_mem_fail_at(0);
				if (rc == 0)
					break;
				ck_assert_int_eq(rc, -ENOMEM);
			}
}
END_TEST

START_TEST(a_page_has_a_ceiling)
{
	struct kvip_buf small;

	kvip_buf_init(&small, 64);
	ck_assert_int_eq(kvip_show_vips(&ctx, NULL, true, &small), -EMSGSIZE);
	ck_assert_int_eq(kvip_show_vips(&ctx, NULL, false, &small), -EMSGSIZE);
	kvip_buf_done(&small);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("show");
	TCase *t = tcase_create("show");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, vips_as_json);
	tcase_add_test(t, vips_of_a_prefix);
	tcase_add_test(t, a_dry_run_says_would_be_routed);
	tcase_add_test(t, services_as_json);
	tcase_add_test(t, nodes_as_json);
	tcase_add_test(t, clusters_as_json);
	tcase_add_test(t, overview_as_json);
	tcase_add_test(t, node_mode_says_which_node_and_what_goes_through_it);
	tcase_add_test(t, node_mode_has_troubles_of_its_own);
	tcase_add_test(t, trouble_stands_in_the_first_line);
	tcase_add_test(t, every_page_has_text);
	tcase_add_loop_test(t, pages_in_slices_are_the_same, 0, 2);
	tcase_add_loop_test(t, a_page_can_be_given_up_at_any_slice, 0, 2);
	tcase_add_test(t, others_routes_are_compared);
	tcase_add_test(t, who_cannot_be_asked_is_said);
	tcase_add_test(t, memory_may_run_out_anywhere);
	tcase_add_test(t, a_page_has_a_ceiling);
	tcase_add_test(t, vips_for_other_forms);
	tcase_add_test(t, one_vip_for_other_forms);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
