/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of selection, table and engine: an engine that is fed by hand, with a clock of its own,
 * and the routes that came out of its mailbox.
 *
 * Objects are JSON with ' for ". Configuration is text, one line each, without the leading
 * `kubevip`.
 */
#pragma once

#include "base/kvip_limits.h"
#include "vip/kvip_engine.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EH_MAX_ROUTES 4096
#define EH_TEXT       4096

struct eh_route {
	struct kvip_prefix prefix;
	char text[512]; /* "192.168.99.11 192.168.99.12" */
	uint32_t tag;
	uint8_t distance;
	bool restored;
	bool through_self;
	char cluster[64];
	struct kvip_marks marks;
};

struct eh {
	struct kvip_nhsets *nhsets;
	struct kvip_mailbox *mailbox;
	struct kvip_engine *engine;
	struct kvip_facts *facts;
	kvip_msec now;
	kvip_wall wall;
	kvip_msec next; /* what the last step returned */
	size_t n;
	struct eh_route routes[EH_MAX_ROUTES];
	size_t announced, withdrawn, withdrawn_by_operator;
};

static inline void eh_quote(char *out, const char *in)
{
	for (; *in; in++)
		*out++ = *in == '\'' ? '"' : *in;
	*out = '\0';
}

static inline struct eh *eh_new(void)
{
	struct eh *h = calloc(1, sizeof(*h));
	struct kvip_engine_deps deps = { 0 };

	h->now = 1000000;
	h->wall = 1790000000;
	h->nhsets = kvip_nhsets_new();
	h->mailbox = kvip_mailbox_new(NULL, NULL);
	deps.nhsets = h->nhsets;
	deps.mailbox = h->mailbox;
	h->engine = kvip_engine_new(&deps);
	ck_assert_ptr_nonnull(h->engine);
	return h;
}

static inline void eh_free(struct eh *h)
{
	kvip_engine_free(h->engine);
	kvip_mailbox_free(h->mailbox);
	ck_assert_uint_eq(kvip_nhsets_count(h->nhsets), 0);
	kvip_nhsets_free(h->nhsets);
	kvip_facts_unref(h->facts);
	free(h);
}

static inline struct eh_route *eh_find(struct eh *h, const struct kvip_prefix *p)
{
	for (size_t i = 0; i < h->n; i++)
		if (kvip_prefix_cmp(&h->routes[i].prefix, p) == 0)
			return &h->routes[i];
	return NULL;
}

static inline void eh_take_one(struct eh *h, const struct kvip_decision *d)
{
	struct eh_route *r = eh_find(h, &d->prefix);
	char a[KVIP_ADDR_STRLEN];

	if (d->withdraw) {
		h->withdrawn++;
		h->withdrawn_by_operator += d->withdraw == KVIP_WITHDRAW_OPERATOR;
		if (r)
			*r = h->routes[--h->n];
		return;
	}
	h->announced++;
	if (!r) {
		ck_assert_uint_lt(h->n, EH_MAX_ROUTES);
		r = &h->routes[h->n++];
	}
	memset(r, 0, sizeof(*r));
	r->prefix = d->prefix;
	r->tag = d->route.tag;
	r->distance = d->route.id.distance;
	r->restored = d->route.restored;
	r->through_self = d->route.through_self;
	r->marks = d->route.marks;
	snprintf(r->cluster, sizeof(r->cluster), "%s", d->route.cluster);
	for (uint32_t i = 0; i < d->route.nhs->n; i++)
		snprintf(r->text + strlen(r->text), sizeof(r->text) - strlen(r->text), "%s%s",
			 i ? " " : "", kvip_addr_render(&d->route.nhs->addrs[i], a));
}

/* Read the mailbox as T0 does. */
static inline void eh_take(struct eh *h)
{
	struct kvip_decision d;

	while (kvip_mailbox_take(h->mailbox, &d)) {
		eh_take_one(h, &d);
		kvip_nhset_unref(d.route.nhs);
	}
}

static inline void eh_step(struct eh *h)
{
	h->next = kvip_engine_step(h->engine, h->now, h->wall);
	eh_take(h);
}

static inline void eh_pass(struct eh *h, kvip_msec ms)
{
	h->now += ms;
	h->wall += ms / 1000;
	eh_step(h);
}

static inline struct kvip_conf *eh_parse(const char *text)
{
	struct kvip_conf *c = kvip_conf_new();
	char buf[EH_TEXT], *line, *save = NULL;
	struct kvip_err err = { "" };

	snprintf(buf, sizeof(buf), "%s", text);
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *argv[64];
		char *word, *save2 = NULL;
		int argc = 0;

		for (word = strtok_r(line, " ", &save2); word && argc < 64;
		     word = strtok_r(NULL, " ", &save2))
			argv[argc++] = word;
		if (argc)
			ck_assert_msg(kvip_conf_line(c, argc, argv, false, &err) == 0, "%s",
				      err.text);
	}
	return c;
}

/* Publish and take over. */
static inline void eh_conf(struct eh *h, const char *text)
{
	struct kvip_conf *c = eh_parse(text);

	kvip_engine_configure(h->engine, c, NULL);
	kvip_conf_unref(c);
	eh_step(h);
}

static inline const struct kvip_feed *eh_feed(struct eh *h, const char *cluster, void **ctx)
{
	const struct kvip_feed *f = kvip_engine_feed(h->engine, cluster, ctx);

	ck_assert_ptr_nonnull(f);
	return f;
}

static inline struct kvip_obj *eh_obj(enum kvip_kind kind, const char *json)
{
	struct kvip_obj *o = NULL;
	struct kvip_err err = { "" };
	char buf[EH_TEXT * 4];

	eh_quote(buf, json);
	ck_assert_msg(kvip_obj_decode(kind, buf, strlen(buf), &o, NULL, 0, &err) == 0, "%s: %s",
		      err.text, buf);
	return o;
}

static inline int eh_put(struct eh *h, const char *cluster, enum kvip_kind kind, const char *json)
{
	void *ctx;
	const struct kvip_feed *f = eh_feed(h, cluster, &ctx);

	return f->put(ctx, eh_obj(kind, json));
}

static inline void eh_del(struct eh *h, const char *cluster, enum kvip_kind kind, const char *ns,
			  const char *name)
{
	void *ctx;
	const struct kvip_feed *f = eh_feed(h, cluster, &ctx);

	f->del(ctx, kind, ns, name, "");
}

/* A LoadBalancer Service prod/@name with address @ip ("" none); @meta and @spec: further members,
 * or "". */
static inline void eh_service(struct eh *h, const char *cluster, const char *name, const char *ip,
			      const char *meta, const char *spec)
{
	char json[EH_TEXT], ingress[128] = "";

	if (*ip)
		snprintf(ingress, sizeof(ingress), "{'ip':'%s'}", ip);
	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s','namespace':'prod','uid':'uid-%s-%s',"
		 "'creationTimestamp':'2026-01-01T00:00:00Z'%s%s},"
		 "'spec':{'type':'LoadBalancer','selector':{'app':'x'}%s%s},"
		 "'status':{'loadBalancer':{'ingress':[%s]}}}",
		 name, cluster, name, *meta ? "," : "", meta, *spec ? "," : "", spec, ingress);
	ck_assert_int_eq(eh_put(h, cluster, KVIP_KIND_SERVICE, json), 0);
}

/*
 * The slice of Service prod/@service: @eps is "node1:r node2:st -:r", r ready, s serving, t
 * terminating, "-" no node, m the marker's address.
 */
static inline void eh_slice(struct eh *h, const char *cluster, const char *service, const char *eps)
{
	char json[EH_TEXT], list[EH_TEXT / 2] = "", buf[512], *w, *save = NULL;
	int i = 0;

	snprintf(buf, sizeof(buf), "%s", eps);
	for (w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *colon = strchr(w, ':');
		const char *flags = colon + 1;
		char node[80] = "";

		*colon = '\0';
		if (strcmp(w, "-") != 0)
			snprintf(node, sizeof(node), ",'nodeName':'%s'", w);
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "%s{'addresses':['%s%d'],'conditions':{'ready':%s,'serving':%s,"
			 "'terminating':%s}%s}",
			 i ? "," : "", strchr(flags, 'm') ? "192.192.192.19" : "10.244.0.",
			 strchr(flags, 'm') ? 2 : i + 1, strchr(flags, 'r') ? "true" : "false",
			 strpbrk(flags, "rs") ? "true" : "false",
			 strchr(flags, 't') ? "true" : "false", node);
		i++;
	}
	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s-abc','namespace':'prod','uid':'uid-slice-%s',"
		 "'labels':{'kubernetes.io/service-name':'%s'}},"
		 "'addressType':'IPv4','endpoints':[%s]}",
		 service, service, service, list);
	ck_assert_int_eq(eh_put(h, cluster, KVIP_KIND_SLICE, json), 0);
}

/* A node with InternalIP @ip; @ready: "True", "False", "Unknown"; @more: further members of spec,
 * or "". */
static inline void eh_node(struct eh *h, const char *cluster, const char *name, const char *ip,
			   const char *ready, const char *meta, const char *spec)
{
	char json[EH_TEXT];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s','uid':'uid-%s'%s%s},'spec':{%s},"
		 "'status':{'addresses':[{'type':'InternalIP','address':'%s'}],"
		 "'conditions':[{'type':'Ready','status':'%s'}]}}",
		 name, name, *meta ? "," : "", meta, spec, ip, ready);
	ck_assert_int_eq(eh_put(h, cluster, KVIP_KIND_NODE, json), 0);
}

static inline void eh_begin(struct eh *h, const char *cluster, enum kvip_kind kind)
{
	void *ctx;
	const struct kvip_feed *f = eh_feed(h, cluster, &ctx);

	f->refresh_begin(ctx, kind);
}

static inline void eh_end(struct eh *h, const char *cluster, enum kvip_kind kind)
{
	void *ctx;
	const struct kvip_feed *f = eh_feed(h, cluster, &ctx);

	f->refresh_end(ctx, kind);
}

static inline void eh_identity(struct eh *h, const char *cluster, const char *uid)
{
	void *ctx;
	const struct kvip_feed *f = eh_feed(h, cluster, &ctx);

	f->identity(ctx, uid);
}

/* Every kind has listed what it was given so far. */
static inline void eh_synced(struct eh *h, const char *cluster)
{
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		eh_end(h, cluster, (enum kvip_kind)k);
	eh_step(h);
}

static inline void eh_three_nodes(struct eh *h, const char *cluster)
{
	eh_node(h, cluster, "n1", "192.168.99.11", "True", "", "");
	eh_node(h, cluster, "n2", "192.168.99.12", "True", "", "");
	eh_node(h, cluster, "n3", "192.168.99.13", "True", "", "");
}

#define EH_N1  "192.168.99.11"
#define EH_N2  "192.168.99.12"
#define EH_N3  "192.168.99.13"
#define EH_ALL EH_N1 " " EH_N2 " " EH_N3

/* Next hops of the route to @vip, last bytes counted; "" when there is no route. */
static inline const char *eh_route(struct eh *h, const char *vip)
{
	struct kvip_prefix p;
	struct eh_route *r;

	ck_assert_int_eq(kvip_prefix_parse(vip, &p), 0);
	r = eh_find(h, &p);
	return r ? r->text : "";
}

static inline struct eh_route *eh_get(struct eh *h, const char *vip)
{
	struct kvip_prefix p;

	ck_assert_int_eq(kvip_prefix_parse(vip, &p), 0);
	return eh_find(h, &p);
}

/* What each_claim says of Service or Gateway @name and @addr (NULL: the first). */
struct eh_claim {
	const char *cluster, *name, *addr;
	bool found;
	enum kvip_reason reason, warning;
	char advertise[64], selected_by[32], winner[200], source[32];
	uint32_t usable, total;
};

static inline void eh_copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static inline bool eh_claim_cb(void *ctx, const struct kvip_claim_view *v)
{
	struct eh_claim *c = ctx;
	char a[KVIP_ADDR_STRLEN] = "";

	if (v->addr)
		kvip_addr_render(v->addr, a);
	if (strcmp(v->cluster, c->cluster) || strcmp(v->name, c->name) ||
	    (c->addr && strcmp(c->addr, a)))
		return true;
	c->found = true;
	c->reason = v->reason;
	c->warning = v->warning;
	c->usable = v->endpoints_usable;
	c->total = v->endpoints_total;
	eh_copy(c->advertise, sizeof(c->advertise), v->advertise);
	eh_copy(c->selected_by, sizeof(c->selected_by), v->selected_by);
	eh_copy(c->winner, sizeof(c->winner), v->winner);
	eh_copy(c->source, sizeof(c->source), v->source);
	return false;
}

static inline struct eh_claim eh_claim(struct eh *h, const char *cluster, const char *name,
				       const char *addr)
{
	struct eh_claim c = { .cluster = cluster, .name = name, .addr = addr };

	kvip_engine_each_claim(h->engine, eh_claim_cb, &c);
	return c;
}

/* The word of the reason of a claim; "missing" when there is none. */
static inline const char *eh_reason(struct eh *h, const char *cluster, const char *name)
{
	struct eh_claim c = eh_claim(h, cluster, name, NULL);

	return c.found ? kvip_reason_info(c.reason)->word : "missing";
}

static inline const char *eh_warning(struct eh *h, const char *cluster, const char *name)
{
	struct eh_claim c = eh_claim(h, cluster, name, NULL);

	return c.found ? kvip_reason_info(c.warning)->word : "missing";
}

static inline struct kvip_engine_summary eh_summary(struct eh *h)
{
	struct kvip_engine_summary s;

	kvip_engine_get_summary(h->engine, &s);
	return s;
}

/* @n Services s1.. with addresses 192.168.77.1.., in front of n1. */
static inline void eh_services(struct eh *h, const char *cluster, int n)
{
	char name[16], ip[32];

	for (int i = 1; i <= n; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(ip, sizeof(ip), "192.168.77.%d", i);
		eh_service(h, cluster, name, ip, "", "");
		eh_slice(h, cluster, name, "n1:r");
	}
}

static inline bool eh_cluster_cb(void *ctx, const struct kvip_cluster_view *v)
{
	*(struct kvip_cluster_view *)ctx = *v;
	return false;
}

static inline struct kvip_cluster_view eh_cluster(struct eh *h)
{
	struct kvip_cluster_view v = { 0 };

	kvip_engine_each_cluster(h->engine, eh_cluster_cb, &v);
	return v;
}

/* Publish facts: own addresses and connected prefixes as space-separated text. */
static inline struct kvip_facts *eh_facts(const char *own, const char *connected)
{
	struct kvip_facts *f = kvip_facts_new();
	char buf[512], *w, *save = NULL;

	f->known = true;
	f->own = kvip_calloc(16, sizeof(*f->own));
	f->connected = kvip_calloc(16, sizeof(*f->connected));
	snprintf(buf, sizeof(buf), "%s", own);
	for (w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
		ck_assert_int_eq(kvip_addr_parse(w, &f->own[f->n_own++]), 0);
	snprintf(buf, sizeof(buf), "%s", connected);
	for (w = strtok_r(buf, " ", &save); w; w = strtok_r(NULL, " ", &save))
		ck_assert_int_eq(kvip_prefix_parse(w, &f->connected[f->n_connected++]), 0);
	return f;
}

/* Add `ip prefix-list @name permit @prefix ge 32`. */
static inline void eh_plist(struct kvip_facts *f, const char *name, const char *prefix)
{
	struct kvip_plist *l;

	f->plists = kvip_realloc(f->plists, (f->n_plists + 1) * sizeof(*f->plists));
	l = &f->plists[f->n_plists++];
	memset(l, 0, sizeof(*l));
	l->name = kvip_strdup(name);
	l->entries = kvip_calloc(1, sizeof(*l->entries));
	l->n = 1;
	l->entries[0].seq = 5;
	l->entries[0].permit = true;
	ck_assert_int_eq(kvip_prefix_parse(prefix, &l->entries[0].prefix), 0);
	l->family = l->entries[0].prefix.addr.family;
	l->entries[0].ge = kvip_addr_bits(&l->entries[0].prefix.addr);
}

static inline void eh_publish(struct eh *h, struct kvip_facts *f)
{
	kvip_engine_configure(h->engine, NULL, f);
	kvip_facts_unref(f);
	eh_step(h);
}

static inline int eh_run(Suite *suite)
{
	SRunner *sr = srunner_create(suite);
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define EH_CONF                                                                                    \
	"cluster lab server https://192.168.99.9:6443\n"                                           \
	"cluster lab vip-range 192.168.77.0/24\n"                                                  \
	"cluster lab advertise web service-selector any\n"
