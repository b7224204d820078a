// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: from-cilium: what Cilium's objects make of a cluster's configuration. Row F17 of
 * features.md.
 */
#include "cilium_helper.h"

#define V        "192.168.77.128"
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* An advertisement of LoadBalancerIP, and whether Service prod/web (bgp=enable) is selected by it.
 */
static const struct {
	const char *selector; /* "" for none */
	const char *reason;
} selectors[] = {
	{ CH_ENABLE, "selected" },
	{ "{'matchLabels':{'bgp':'no'}}", "not-selected" },
	/* Cilium's meaning, not that of a configured block */
	{ "", "not-selected" },
	{ "{}", "selected" },
	{ "{'matchExpressions':[{'key':'bgp','operator':'In','values':['enable','x']}]}",
	  "selected" },
	{ "{'matchExpressions':[{'key':'bgp','operator':'NotIn','values':['enable']}]}",
	  "not-selected" },
	/* the documented way to say "all" */
	{ "{'matchExpressions':[{'key':'somekey','operator':'NotIn','values':['never-used']}]}",
	  "selected" },
	{ "{'matchExpressions':[{'key':'bgp','operator':'Exists'}]}", "selected" },
	{ "{'matchExpressions':[{'key':'bgp','operator':'DoesNotExist'}]}", "not-selected" },
	{ "{'matchLabels':{'bgp':'enable'},'matchExpressions':[{'key':'x','operator':'Exists'}]}",
	  "not-selected" },
	/* the pseudo-labels */
	{ "{'matchLabels':{'io.kubernetes.service.name':'web'}}", "selected" },
	{ "{'matchLabels':{'io.kubernetes.service.name':'other'}}", "not-selected" },
	{ "{'matchLabels':{'io.kubernetes.service.namespace':'prod'}}", "selected" },
	{ "{'matchExpressions':[{'key':'io.kubernetes.service.namespace','operator':'In',"
	  "'values':['dev']}]}",
	  "not-selected" },
	/* what is no selector of the API matches nothing */
	{ "{'matchExpressions':[{'key':'bgp','operator':'Gt','values':['1']}]}", "not-selected" },
	{ "{'matchLabels':{'-bad-':'x'}}", "not-selected" },
};

static struct eh *with(const char *conf)
{
	struct eh *h = eh_new();

	eh_conf(h, conf);
	ch_nodes(h);
	ch_service(h, "web", V);
	return h;
}

START_TEST(test_selector)
{
	struct eh *h = with(CH_CONF);
	bool yes = strcmp(selectors[_i].reason, "selected") == 0;

	ch_advertisement(h, "adv", "", ch_lb(selectors[_i].selector));
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), selectors[_i].reason);
	ck_assert_str_eq(eh_route(h, V), yes ? EH_ALL : "");
	if (yes)
		ck_assert_str_eq(eh_claim(h, "lab", "web", NULL).advertise, "cilium:adv/0");
	eh_free(h);
}
END_TEST

/* The kinds of addresses, and what of a Service with one of each is routed. */
static const struct {
	const char *addresses;
	const char *routed[3]; /* LoadBalancer, external, cluster IP */
} kinds[] = {
	{ "'LoadBalancerIP'", { EH_ALL, "", "" } },
	{ "'ExternalIP'", { "", EH_ALL, "" } },
	{ "'ClusterIP'", { "", "", EH_ALL } },
	{ "'LoadBalancerIP','ExternalIP','ClusterIP'", { EH_ALL, EH_ALL, EH_ALL } },
	{ "", { "", "", "" } },
};

START_TEST(test_address_kinds)
{
	struct eh *h = eh_new();
	char advert[256];

	eh_conf(h, CH_CONF);
	ch_nodes(h);
	eh_service(h, "lab", "web", "192.168.77.1", "",
		   "'externalIPs':['192.168.77.2'],'clusterIPs':['192.168.77.3']");
	eh_slice(h, "lab", "web", "n1:r");
	snprintf(advert, sizeof(advert),
		 "{'advertisementType':'Service','service':{'addresses':[%s]},'selector':{}}",
		 kinds[_i].addresses);
	ch_advertisement(h, "adv", "", advert);
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), kinds[_i].routed[0]);
	ck_assert_str_eq(eh_route(h, "192.168.77.2"), kinds[_i].routed[1]);
	ck_assert_str_eq(eh_route(h, "192.168.77.3"), kinds[_i].routed[2]);
	eh_free(h);
}
END_TEST

/* spec.loadBalancerClass: Cilium announces its own and none. */
static const struct {
	const char *settings, *class;
	bool selected;
} classes[] = {
	{ "", "", true },
	{ "", "'loadBalancerClass':'io.cilium/bgp-control-plane'", true },
	{ "", "'loadBalancerClass':'io.cilium/l2-announcer'", false },
	{ "cluster lab advertise cilium loadbalancer-class a/b\n", "", false },
	{ "cluster lab advertise cilium loadbalancer-class a/b\n", "'loadBalancerClass':'a/b'",
	  true },
};

START_TEST(test_class)
{
	struct eh *h = eh_new();
	char conf[512];

	snprintf(conf, sizeof(conf), CH_CONF "%s", classes[_i].settings);
	eh_conf(h, conf);
	ch_nodes(h);
	eh_service(h, "lab", "web", V, "", classes[_i].class);
	eh_slice(h, "lab", "web", "n1:r");
	ch_advertisement(h, "adv", "", ch_lb("{}"));
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), classes[_i].selected ? EH_ALL : "");
	eh_free(h);
}
END_TEST

#define TO_A   "{'name':'p','peerAddress':'192.168.99.10','peerConfigRef':{'name':'to-a'}}"
#define TO_B   "{'name':'p','peerAddress':'192.168.99.11','peerConfigRef':{'name':'to-b'}}"
#define ZONE_A "{'matchLabels':{'zone':'a'}}"
#define ZONE_B "{'matchLabels':{'zone':'b'}}"

/* Nodes: those of the ClusterConfigs that send the advertisement somewhere. */
START_TEST(test_nodes)
{
	struct eh *h = with(CH_CONF);

	ch_advertisement(h, "adv", "'tier':'a'", ch_lb(CH_ENABLE));
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL); /* nobody says where */
	ch_cluster_config(h, "one", ZONE_A, TO_A);
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1); /* the only place where BGP speaks */
	ch_cluster_config(h, "two", ZONE_B, TO_B);
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ch_peer_config(h, "to-b", "{'matchLabels':{'tier':'a'}}");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N2 " " EH_N3); /* that one sends it */
	ch_peer_config(h, "to-a", "{}");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL); /* both do */
	ch_cluster_config(h, "two", "", TO_B);
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL); /* no nodeSelector: every node */
	ch_peer_config(h, "to-b", "");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1); /* no `advertisements`: nothing is sent */
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

START_TEST(test_no_such_node)
{
	static const char *const nobody[] = { "{'matchLabels':{'zone':'c'}}",
					      "{'matchLabels':{'zone':5}}" };
	struct eh *h = with(CH_CONF);

	ch_advertisement(h, "adv", "", ch_lb(CH_ENABLE));
	ch_cluster_config(h, "one", nobody[_i], TO_A);
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "no-eligible-node");
	ck_assert_str_eq(eh_route(h, V), "");
	eh_free(h);
}
END_TEST

/* Configured blocks come first, then Cilium's in natural order; the first that matches decides. */
START_TEST(test_order)
{
	struct eh *h = with(CH_CONF);

	ch_advertisement(h, "adv10", "", ch_lb(CH_ENABLE));
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_claim(h, "lab", "web", NULL).advertise, "cilium:adv10/0");
	ch_advertisement(h, "adv2", "", ch_lb(CH_ENABLE));
	eh_step(h);
	ck_assert_str_eq(eh_claim(h, "lab", "web", NULL).advertise, "cilium:adv2/0");
	eh_conf(h, CH_CONF "cluster lab advertise zz service-selector bgp=enable\n"
			   "cluster lab advertise zz tag 99\n");
	ck_assert_str_eq(eh_claim(h, "lab", "web", NULL).advertise, "zz");
	ck_assert_uint_eq(eh_get(h, V)->tag, 99);
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

START_TEST(test_several_in_one_object)
{
	struct eh *h = with(CH_CONF);
	char adverts[1024];

	snprintf(adverts, sizeof(adverts), "{'advertisementType':'PodCIDR'},%s,%s", ch_lb(""),
		 ch_lb(CH_ENABLE));
	ch_advertisement(h, "adv", "", adverts);
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_claim(h, "lab", "web", NULL).advertise, "cilium:adv/2");
	eh_free(h);
}
END_TEST

/* What Cilium knows nothing of is said by a block of the same name, from the special to the
 * general. */
START_TEST(test_settings)
{
	static const struct {
		const char *line;
		uint32_t tag;
	} steps[] = {
		{ "cluster lab advertise cilium tag 1001\n", 1001 },
		{ "cluster lab advertise cilium:adv tag 1002\n", 1002 },
		{ "cluster lab advertise cilium:adv/0 tag 1003\n", 1003 },
		{ "cluster lab advertise cilium:adv/1 tag 1004\n", 1003 },
	};
	struct eh *h = with(CH_CONF);
	char conf[1024] = CH_CONF;

	ch_advertisement(h, "adv", "", ch_lb(CH_ENABLE));
	eh_synced(h, "lab");
	ck_assert_uint_eq(eh_get(h, V)->tag, KVIP_DEFAULT_TAG);
	for (int i = 0; i < COUNT(steps); i++) {
		strcat(conf, steps[i].line);
		eh_conf(h, conf);
		ck_assert_uint_eq(eh_get(h, V)->tag, steps[i].tag);
	}
	/* with a selector of its own it is a block like any other */
	strcat(conf, "cluster lab advertise cilium:adv/0 service-selector none=such\n");
	eh_conf(h, conf);
	ck_assert_uint_eq(eh_get(h, V)->tag, 1002);
	/* without from-cilium settings are nobody's */
	eh_conf(h, EH_CONF "cluster lab advertise cilium tag 1001\n");
	ck_assert_uint_eq(eh_get(h, V)->tag, KVIP_DEFAULT_TAG);
	ck_assert_str_eq(eh_claim(h, "lab", "web", NULL).advertise, "web");
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

START_TEST(test_settings_of_nodes)
{
	struct eh *h = with(CH_CONF "cluster lab advertise cilium node-selector zone=b\n");

	ch_advertisement(h, "adv", "", ch_lb(CH_ENABLE));
	ch_cluster_config(h, "one", ZONE_A, TO_A);
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_N2 " " EH_N3);
	eh_free(h);
}
END_TEST

/* vip-range stays the fence; a Gateway's labels count as they do for configured blocks. */
START_TEST(test_range_and_gateway)
{
	struct eh *h = with(CH_CONF);

	ch_advertisement(h, "adv", "", ch_lb(CH_ENABLE));
	ch_service(h, "far", "192.168.78.1");
	eh_service(h, "lab", "cilium-gateway-gw", "192.168.77.129",
		   "'labels':{'gateway.networking.k8s.io/gateway-name':'gw'}", "'selector':null");
	eh_slice(h, "lab", "cilium-gateway-gw", "-:rm");
	eh_put(h, "lab", KVIP_KIND_GATEWAY,
	       "{'metadata':{'name':'gw','namespace':'prod','labels':{'bgp':'enable'}}}");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_reason(h, "lab", "far"), "out-of-range");
	ck_assert_str_eq(eh_route(h, "192.168.77.129"), EH_ALL);
	ck_assert_str_eq(eh_claim(h, "lab", "cilium-gateway-gw", NULL).selected_by,
			 "gateway labels");
	eh_free(h);
}
END_TEST

/* Incremental: an object that changes is followed; one that changes nothing decides nothing. */
START_TEST(test_changes)
{
	struct eh *h = with(CH_CONF);
	size_t announced;

	ch_advertisement(h, "adv", "", ch_lb(CH_ENABLE));
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	announced = h->announced;
	ch_advertisement(h, "adv", "'seen':'again'", ch_lb(CH_ENABLE)); /* a label nobody selects */
	ch_peer_config(h, "pc", "{}");
	eh_put(h, "lab", KVIP_KIND_IP_POOL, "{'metadata':{'name':'p'}}");
	eh_step(h);
	ck_assert_uint_eq(h->announced, announced);
	ch_advertisement(h, "adv", "", ch_lb("{'matchLabels':{'bgp':'other'}}"));
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), "");
	ch_advertisement(h, "adv", "", ch_lb(CH_ENABLE));
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_del(h, "lab", KVIP_KIND_ADVERTISEMENT, "", "adv");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), "");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "not-selected");
	ck_assert_uint_eq(h->withdrawn_by_operator, 0);
	eh_free(h);
}
END_TEST

/* The cluster's own objects are the cluster's side: the guard judges what they take away. */
START_TEST(test_guard)
{
	struct eh *h = eh_new();

	eh_conf(h, CH_CONF);
	ch_nodes(h);
	eh_services(h, "lab", 30);
	ch_advertisement(h, "adv", "", ch_lb("{}"));
	eh_synced(h, "lab");
	ck_assert_uint_eq(h->n, 30);
	eh_del(h, "lab", KVIP_KIND_ADVERTISEMENT, "", "adv");
	eh_step(h);
	ck_assert_uint_eq(h->n, 30);
	ck_assert(eh_cluster(h).guard_active);
	ch_advertisement(h, "adv", "", ch_lb("{}"));
	eh_step(h);
	ck_assert(!eh_cluster(h).guard_active);
	/* `no from-cilium` is the operator's */
	eh_conf(h, "cluster lab server https://192.168.99.9:6443\n"
		   "cluster lab vip-range 192.168.77.0/24\n");
	ck_assert_uint_eq(h->n, 0);
	ck_assert_uint_eq(h->withdrawn_by_operator, 30);
	eh_free(h);
}
END_TEST

static void list_all_but(struct eh *h, enum kvip_kind left_out)
{
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		if (k != (int)left_out)
			eh_end(h, "lab", (enum kvip_kind)k);
	eh_step(h);
}

static bool vip_held(void *ctx, const struct kvip_vip_view *v)
{
	*(bool *)ctx = v->held && v->routed && v->reason == KVIP_REASON_CILIUM_UNKNOWN &&
		       v->warning == KVIP_REASON_CILIUM_HOLDS;
	return false;
}

static bool is_held(struct eh *h)
{
	struct kvip_prefix p;
	bool held = false;

	ck_assert_int_eq(kvip_prefix_parse(V, &p), 0);
	kvip_engine_show_vip(h->engine, &p, vip_held, &held);
	return held;
}

/*
 * A restart while the API server does not let us read one of the kinds that make blocks: what is in
 * force stays; nothing new is invented; what configured blocks select goes on.
 */
START_TEST(test_unknown)
{
	static const enum kvip_kind missing[] = { KVIP_KIND_ADVERTISEMENT, KVIP_KIND_CLUSTER_CONFIG,
						  KVIP_KIND_PEER_CONFIG };
	struct eh *h = eh_new();
	struct kvip_restored r = { .identity = "", .confirmed_s = h->wall, .in_zebra = true };
	struct kvip_addr a;

	ck_assert_int_eq(kvip_addr_parse(EH_N2, &a), 0);
	ck_assert_int_eq(kvip_prefix_parse(V, &r.route.id.prefix), 0);
	r.route.nhs = kvip_nhset_get(h->nhsets, &a, 1);
	r.route.cluster = "lab";
	ck_assert_int_eq(kvip_engine_restore(h->engine, &r, 1), 0);
	kvip_nhset_unref(r.route.nhs);
	eh_conf(h, CH_CONF "cluster lab advertise own service-selector own=yes\n");
	ch_nodes(h);
	ch_service(h, "web", V);
	ch_service(h, "new", "192.168.77.1");
	eh_service(h, "lab", "own", "192.168.77.2", "'labels':{'own':'yes'}", "");
	eh_slice(h, "lab", "own", "n1:r");
	list_all_but(h, missing[_i]);
	eh_pass(h, 3000); /* an optional kind is not waited for longer */
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_LIVE);
	ck_assert(eh_cluster(h).cilium_unknown);
	ck_assert_str_eq(eh_route(h, V), EH_N2);
	ck_assert(is_held(h));
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), "");
	ck_assert_str_eq(eh_reason(h, "lab", "new"), "cilium-unknown");
	ck_assert_str_eq(eh_route(h, "192.168.77.2"), EH_ALL);
	/* now it can be read, and nothing selects the VIP */
	eh_end(h, "lab", missing[_i]);
	eh_step(h);
	ck_assert(!eh_cluster(h).cilium_unknown);
	ck_assert_str_eq(eh_route(h, V), "");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "not-selected");
	eh_free(h);
}
END_TEST

/* The Service goes while its block is unknown: then the VIP goes. */
START_TEST(test_unknown_without_service)
{
	struct eh *h = with(EH_CONF "cluster lab withdraw-guard 100\n");

	list_all_but(h, KVIP_KIND_ADVERTISEMENT);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_conf(h, CH_CONF "cluster lab withdraw-guard 100\n"); /* from a configured block to
								   Cilium's */
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert(is_held(h));
	eh_del(h, "lab", KVIP_KIND_SERVICE, "prod", "web");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), "");
	eh_free(h);
}
END_TEST

/* A kind that does not exist is known: there are no such objects. */
START_TEST(test_absent)
{
	struct eh *h = with(CH_CONF);
	const struct kvip_feed *f;
	void *ctx;

	for (int k = 0; k < KVIP_KIND_MAX; k++) {
		f = eh_feed(h, "lab", &ctx);
		if (kvip_kinds[k].cilium)
			f->absent(ctx, (enum kvip_kind)k);
		else
			f->refresh_end(ctx, (enum kvip_kind)k);
	}
	eh_step(h);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_LIVE);
	ck_assert(!eh_cluster(h).cilium_unknown);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "not-selected");
	eh_free(h);
}
END_TEST

/* More advertisements than there may be blocks: the first ones by name make them. */
START_TEST(test_many)
{
	struct eh *h = with(CH_CONF "cluster lab advertise own service-selector own=yes\n");
	char name[32];

	for (unsigned int i = 0; i < KVIP_MAX_ADVERTISE + 5; i++) {
		snprintf(name, sizeof(name), "adv%03u", i);
		ch_advertisement(h, name, "", ch_lb("{'matchLabels':{'none':'such'}}"));
	}
	ch_advertisement(h, "aaa", "", ch_lb(CH_ENABLE));
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_claim(h, "lab", "web", NULL).advertise, "cilium:aaa/0");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_free(h);
}
END_TEST

static bool see_attributes(void *ctx, const struct kvip_claim_view *v)
{
	char *text = ctx;

	snprintf(text, 256, "%s|%s|%s|%lld", v->pool ? v->pool : "-",
		 v->communities ? v->communities : "-",
		 v->large_communities ? v->large_communities : "-",
		 v->has_local_preference ? (long long)v->local_preference : -1LL);
	return false;
}

START_TEST(test_attributes_and_pool_are_shown)
{
	struct eh *h = with(CH_CONF);
	char text[256];

	ch_advertisement(
		h, "adv", "",
		"{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP']},"
		"'selector':{},'attributes':{'communities':{'standard':['65000:1'],"
		"'large':['1:2:3']},'localPreference':200}}");
	eh_put(h, "lab", KVIP_KIND_IP_POOL,
	       "{'metadata':{'name':'pool'},'spec':{'blocks':[{'start':'192.168.77.100',"
	       "'stop':'192.168.77.200'}]}}");
	eh_synced(h, "lab");
	kvip_engine_each_claim(h->engine, see_attributes, text);
	ck_assert_str_eq(text, "pool|65000:1|1:2:3|200");
	ch_advertisement(h, "adv", "", ch_lb("{}"));
	eh_del(h, "lab", KVIP_KIND_IP_POOL, "", "pool");
	eh_step(h);
	kvip_engine_each_claim(h->engine, see_attributes, text);
	ck_assert_str_eq(text, "-|-|-|-1");
	eh_free(h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cilium");
	TCase *tc = tcase_create("cilium");

	tcase_add_loop_test(tc, test_selector, 0, COUNT(selectors));
	tcase_add_loop_test(tc, test_address_kinds, 0, COUNT(kinds));
	tcase_add_loop_test(tc, test_class, 0, COUNT(classes));
	tcase_add_test(tc, test_nodes);
	tcase_add_loop_test(tc, test_no_such_node, 0, 2);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_several_in_one_object);
	tcase_add_test(tc, test_settings);
	tcase_add_test(tc, test_settings_of_nodes);
	tcase_add_test(tc, test_range_and_gateway);
	tcase_add_test(tc, test_changes);
	tcase_add_test(tc, test_guard);
	tcase_add_loop_test(tc, test_unknown, 0, 3);
	tcase_add_test(tc, test_unknown_without_service);
	tcase_add_test(tc, test_absent);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_attributes_and_pool_are_shown);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
