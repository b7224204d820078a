// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the engine without memory: every allocation of a whole life fails once.
 *
 * Whatever fails, nothing is withdrawn that should not be, nothing leaks, and after a retry the
 * table is the one that would have been without the failure.
 */
#include "base/kvip_mem.h"
#include "engine_helper.h"

#include <errno.h>

#define CONF                                                                                       \
	"cluster b vip-range 192.168.77.0/24\n"                                                    \
	"cluster b advertise web service-selector any\n"                                           \
	"cluster lab server https://192.168.99.9:6443\n"                                           \
	"cluster lab vip-range 192.168.77.0/24\n"                                                  \
	"cluster lab advertise edge service-selector edge\n"                                       \
	"cluster lab advertise edge node-selector !core\n"                                         \
	"cluster lab advertise cilium next-hop internal-ip\n"                                      \
	"cluster lab from-cilium\n"

/* A put that fails is put again: the machine relists. */
static void put(struct eh *h, const char *cluster, enum kvip_kind kind, const char *json)
{
	char buf[EH_TEXT];
	void *ctx;
	const struct kvip_feed *f = kvip_engine_feed(h->engine, cluster, &ctx);

	eh_quote(buf, json);
	for (int i = 0; i < 3; i++) {
		struct kvip_obj *o;

		if (kvip_obj_decode(kind, buf, strlen(buf), &o, NULL, 0, NULL))
			continue;
		if (f->put(ctx, o) == 0)
			return;
	}
	ck_abort_msg("put failed three times");
}

static void node(struct eh *h, const char *cluster, int i, const char *ready)
{
	char json[EH_TEXT];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'n%d','uid':'u%d'},'status':{'addresses':["
		 "{'type':'InternalIP','address':'192.168.99.1%d'}],"
		 "'conditions':[{'type':'Ready','status':'%s'}]}}",
		 i, i, i, ready);
	put(h, cluster, KVIP_KIND_NODE, json);
}

static void service(struct eh *h, const char *cluster, const char *name, const char *ip,
		    const char *labels, const char *policy, const char *eps_node)
{
	char json[EH_TEXT];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s','namespace':'prod','uid':'u-%s','labels':{%s}},"
		 "'spec':{'type':'LoadBalancer','externalTrafficPolicy':'%s','selector':{'a':'b'}},"
		 "'status':{'loadBalancer':{'ingress':[{'ip':'%s'}]}}}",
		 name, name, labels, policy, ip);
	put(h, cluster, KVIP_KIND_SERVICE, json);
	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s-1','namespace':'prod','labels':{"
		 "'kubernetes.io/service-name':'%s'}},'addressType':'IPv4',"
		 "'endpoints':[{'addresses':['10.0.0.1'],'nodeName':'%s'}]}",
		 name, name, eps_node);
	put(h, cluster, KVIP_KIND_SLICE, json);
}

static void end_all(struct eh *h, const char *cluster)
{
	void *ctx;
	const struct kvip_feed *f = kvip_engine_feed(h->engine, cluster, &ctx);

	for (int k = 0; k < KVIP_KIND_MAX; k++)
		f->refresh_end(ctx, (enum kvip_kind)k);
}

/* Two passes: the one that may fail, and the retry. */
static void settle(struct eh *h)
{
	eh_step(h);
	eh_pass(h, 1000);
}

static void wait_for_clusters(struct eh *h)
{
	void *ctx;

	for (int i = 0; i < 3 && !kvip_engine_feed(h->engine, "lab", &ctx); i++)
		eh_pass(h, 1000);
	ck_assert_ptr_nonnull(kvip_engine_feed(h->engine, "lab", &ctx));
}

static void publish(struct eh *h, struct kvip_conf *conf)
{
	kvip_engine_configure(h->engine, conf, NULL);
	wait_for_clusters(h);
	settle(h);
}

/* What lab's second block is made of. */
static void cilium(struct eh *h, const char *node_selector)
{
	char json[EH_TEXT];

	put(h, "lab", KVIP_KIND_ADVERTISEMENT,
	    "{'metadata':{'name':'web','labels':{'a':'b'}},'spec':{'advertisements':[{"
	    "'advertisementType':'Service','service':{'addresses':['LoadBalancerIP']},'selector':{},"
	    "'attributes':{'communities':{'standard':['65000:1'],'large':['1:2:3']}}}]}}");
	put(h, "lab", KVIP_KIND_PEER_CONFIG,
	    "{'metadata':{'name':'pc'},'spec':{'families':[{'advertisements':{'matchLabels':"
	    "{'a':'b'}}}]}}");
	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'cc'},'spec':{'nodeSelector':%s,'bgpInstances':[{'name':'i',"
		 "'peers':[{'name':'p','peerConfigRef':{'name':'pc'}}]}]}}",
		 node_selector);
	put(h, "lab", KVIP_KIND_CLUSTER_CONFIG, json);
}

static void build(struct eh *h)
{
	cilium(h, "{'matchExpressions':[{'key':'core','operator':'DoesNotExist'}]}");
	for (int i = 1; i <= 3; i++) {
		node(h, "lab", i, "True");
		node(h, "b", i, "True");
	}
	service(h, "lab", "web", "192.168.77.1", "", "Cluster", "n1");
	service(h, "lab", "loc", "192.168.77.2", "'edge':''", "Local", "n2");
	service(h, "lab", "tcp", "192.168.77.3", "", "Local", "n1");
	service(h, "lab", "udp", "192.168.77.3", "", "Local", "n3");
	service(h, "b", "web", "192.168.77.3", "", "Local", "n2"); /* b comes first */
	service(h, "lab", "bye", "192.168.77.4", "", "Cluster", "n1");
	put(h, "lab", KVIP_KIND_GATEWAY,
	    "{'metadata':{'name':'gw','namespace':'prod'},"
	    "'status':{'addresses':[{'type':'IPAddress','value':'192.168.77.5'}]}}");
	end_all(h, "lab");
	end_all(h, "b");
	settle(h);
}

static void change(struct eh *h)
{
	void *ctx;
	const struct kvip_feed *f = kvip_engine_feed(h->engine, "b", &ctx);

	f->del(ctx, KVIP_KIND_SERVICE, "prod", "web", ""); /* lab's two take over: union */
	settle(h);
	ck_assert_uint_eq(h->withdrawn, 0);
	node(h, "lab", 3, "Unknown");
	settle(h);
	ck_assert_uint_eq(h->withdrawn, 0);
	cilium(h, "{}");
	settle(h);
	ck_assert_uint_eq(h->withdrawn, 0);
	f = kvip_engine_feed(h->engine, "lab", &ctx);
	f->del(ctx, KVIP_KIND_SERVICE, "prod", "bye", "");
	settle(h);
	ck_assert_uint_eq(h->withdrawn, 1);
}

static bool look(void *ctx, const struct kvip_vip_view *v)
{
	*(size_t *)ctx += v->n_claims;
	return true;
}

static bool look_node(void *ctx, const struct kvip_node_view *v)
{
	*(size_t *)ctx += v->vips;
	return true;
}

static void check_end(struct eh *h)
{
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N1 " " EH_N2);
	ck_assert_str_eq(eh_route(h, "192.168.77.2"), EH_N2);
	ck_assert_str_eq(eh_route(h, "192.168.77.3"), EH_N1);
	ck_assert_str_eq(eh_route(h, "192.168.77.4"), "");
	ck_assert_str_eq(eh_route(h, "192.168.77.5"), EH_N1 " " EH_N2);
	ck_assert_uint_eq(h->n, 4);
	ck_assert_uint_eq(eh_summary(h).vips_routed, 4);
	ck_assert_uint_eq(eh_summary(h).backlog, 0);
}

/* The whole life with the @nth allocation failing. Return: did it get that far? */
static bool life(int64_t nth, struct kvip_conf *conf, struct kvip_conf *conf2)
{
	struct eh *h = eh_new();
	struct kvip_restored r = { .identity = "", .confirmed_s = h->wall, .in_zebra = true };
	struct kvip_addr a;
	size_t n = 0;
	bool failed;

	ck_assert_int_eq(kvip_addr_parse(EH_N1, &a), 0);
	ck_assert_int_eq(kvip_prefix_parse("192.168.77.4", &r.route.id.prefix), 0);
	r.route.nhs = kvip_nhset_get(h->nhsets, &a, 1);
	r.route.cluster = "lab";
	kvip_mem_fail_at(nth);
	if (kvip_engine_restore(h->engine, &r, 1))
		ck_assert_int_eq(kvip_engine_restore(h->engine, &r, 1), 0);
	publish(h, conf);
	build(h);
	ck_assert_uint_eq(h->withdrawn, 0);
	change(h);
	kvip_engine_each_vip(h->engine, look, &n);
	kvip_engine_each_node(h->engine, look_node, &n);
	kvip_engine_republish(h->engine);
	settle(h);
	check_end(h);
	publish(h, conf2); /* lab only, range smaller */
	settle(h);
	failed = kvip_mem_failed();
	kvip_mem_fail_at(0);
	eh_pass(h, 1000);
	ck_assert_uint_eq(h->n, 1);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N1 " " EH_N2);
	kvip_nhset_unref(r.route.nhs);
	eh_free(h);
	return failed;
}

START_TEST(test_every_allocation_fails_once)
{
	struct kvip_conf *conf = eh_parse(CONF);
	struct kvip_conf *conf2 = eh_parse("cluster lab vip-range 192.168.77.0/31\n"
					   "cluster lab advertise web service-selector any\n");
	int64_t live = kvip_mem_live(), nth = 0;

	while (life(++nth, conf, conf2))
		ck_assert_msg(kvip_mem_live() == live, "allocation %d leaks", (int)nth);
	ck_assert_int_gt(nth, 100);
	ck_assert_int_eq(kvip_mem_live(), live);
	kvip_conf_unref(conf);
	kvip_conf_unref(conf2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine_oom");
	TCase *tc = tcase_create("oom");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_every_allocation_fails_once);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
