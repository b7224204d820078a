// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: selection: which Services, which addresses, through which nodes, and the reason for every
 * no.
 *
 * Rows of features.md: F1 to F9, F12 to F14; rules R2, R3.
 */
#include "engine_helper.h"

#define V  "192.168.77.128"
#define V6 "2001:db8:77::1"

/* One Service "web", one slice, three nodes: what the first lines of configuration make of it. */
static const struct {
	const char *conf;        /* added to EH_CONF without its advertise line */
	const char *meta, *spec; /* of the Service */
	const char *eps;         /* NULL: no slice */
	const char *route;       /* expected next hops */
	const char *reason;
	const char *warning;
} cases[] = {
	/* label selectors */
	{ "advertise web service-selector any", "", "", "n1:r", EH_ALL, "selected", "none" },
	{ "advertise web namespace prod", "", "", "n1:r", "", "not-selected", "none" },
	{ "maximum-vips 5", "", "", "n1:r", "", "no-advertise-block", "none" },
	{ "advertise web service-selector bgp=enable", "'labels':{'bgp':'enable'}", "", "n1:r",
	  EH_ALL, "selected", "none" },
	{ "advertise web service-selector bgp=enable", "'labels':{'bgp':'no'}", "", "n1:r", "",
	  "not-selected", "none" },
	{ "advertise web service-selector io.kubernetes.service.name=web", "", "", "n1:r", EH_ALL,
	  "selected", "none" },
	{ "advertise web service-selector io.kubernetes.service.namespace=dev", "", "", "n1:r", "",
	  "not-selected", "none" },
	/* namespaces and classes: lines of one kind are ORed, kinds ANDed */
	{ "advertise web service-selector any\ncluster lab advertise web namespace dev\n"
	  "cluster lab advertise web namespace prod",
	  "", "", "n1:r", EH_ALL, "selected", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web namespace dev", "", "",
	  "n1:r", "", "not-selected", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web loadbalancer-class a/b",
	  "", "'loadBalancerClass':'a/b'", "n1:r", EH_ALL, "selected", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web loadbalancer-class a/b",
	  "", "", "n1:r", "", "not-selected", "none" },
	/* endpoints: Cluster */
	{ "advertise web service-selector any", "", "", NULL, "", "no-endpoints", "none" },
	{ "advertise web service-selector any", "", "", "n1:", "", "no-endpoints", "none" },
	{ "advertise web service-selector any", "", "", "n1:st", EH_ALL, "selected", "none" },
	{ "advertise web service-selector any", "", "", "n1:s", "", "no-endpoints", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web endpoint-rule ready", "",
	  "", "n1:st", "", "no-endpoints", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web endpoint-rule ready-or-serving",
	  "", "", "n1:s", EH_ALL, "selected", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web allow-no-endpoints", "",
	  "", NULL, EH_ALL, "selected", "none" },
	{ "advertise web service-selector any", "", "", "-:r", EH_ALL, "selected", "none" },
	/* endpoints: Local */
	{ "advertise web service-selector any", "", "'externalTrafficPolicy':'Local'", "n1:r n3:r",
	  EH_N1 " " EH_N3, "selected", "none" },
	{ "advertise web service-selector any", "", "'externalTrafficPolicy':'Local'",
	  "n1:r n1:r n2:st", EH_N1, "selected", "none" },
	{ "advertise web service-selector any", "", "'externalTrafficPolicy':'Local'",
	  "n1:st n2:st", EH_N1 " " EH_N2, "selected", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web endpoint-rule ready-or-serving",
	  "", "'externalTrafficPolicy':'Local'", "n1:r n2:st", EH_N1 " " EH_N2, "selected",
	  "none" },
	{ "advertise web service-selector any", "", "'externalTrafficPolicy':'Local'", "n9:r", "",
	  "no-local-node", "none" },
	{ "advertise web service-selector any", "", "'externalTrafficPolicy':'Local'", "-:r", "",
	  "endpoint-without-node", "none" },
	{ "advertise web service-selector any", "", "'externalTrafficPolicy':'Local'", "-:r n2:r",
	  EH_N2, "selected", "none" },
	{ "advertise web service-selector any", "", "'externalTrafficPolicy':'Local'", NULL, "",
	  "no-endpoints", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web allow-no-endpoints", "",
	  "'externalTrafficPolicy':'Local'", NULL, "", "no-endpoints", "none" },
	/* the marker counts only on a Service without selector, and only that address */
	{ "advertise web service-selector any", "",
	  "'externalTrafficPolicy':'Local','selector':null", "-:rm", EH_ALL, "selected", "none" },
	{ "advertise web service-selector any", "", "'externalTrafficPolicy':'Local'", "-:rm", "",
	  "endpoint-without-node", "none" },
	{ "advertise web service-selector any", "",
	  "'externalTrafficPolicy':'Local','selector':null", "-:r", "", "endpoint-without-node",
	  "none" },
	{ "advertise web service-selector any", "", "'selector':null", "-:rm", EH_ALL, "selected",
	  "none" },
	/* node selectors */
	{ "advertise web service-selector any\ncluster lab advertise web node-selector edge", "",
	  "", "n1:r", "", "no-eligible-node", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web node-selector !edge", "",
	  "", "n1:r", EH_ALL, "selected", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web next-hop external-ip", "",
	  "", "n1:r", "", "node-has-no-ipv4", "none" },
	{ "advertise web service-selector any\ncluster lab advertise web next-hop external-ip", "",
	  "'externalTrafficPolicy':'Local'", "n1:r", "", "node-has-no-ipv4", "none" },
	{ "advertise web service-selector any\n"
	  "cluster lab advertise web next-hop subnet 192.168.99.12/31",
	  "", "", "n1:r", EH_N2 " " EH_N3, "selected", "none" },
	/* the rest of the cluster's lines */
	{ "advertise web service-selector any\ncluster lab shutdown", "", "", "n1:r", "",
	  "cluster-shutdown", "none" },
	{ "advertise web service-selector any\nreserved-prefix 192.168.77.128/25", "", "", "n1:r",
	  "", "reserved-prefix", "none" },
	/* the first block in natural order that matches decides */
	{ "advertise web10 service-selector any\ncluster lab advertise web2 service-selector any\n"
	  "cluster lab advertise web2 next-hop subnet 192.168.99.13/32",
	  "", "", "n1:r", EH_N3, "selected", "none" },
};

START_TEST(test_case)
{
	struct eh *h = eh_new();
	char conf[EH_TEXT];

	snprintf(conf, sizeof(conf),
		 "cluster lab server https://192.168.99.9:6443\n"
		 "cluster lab vip-range 192.168.77.0/24\ncluster lab %s",
		 cases[_i].conf);
	eh_conf(h, conf);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, cases[_i].meta, cases[_i].spec);
	if (cases[_i].eps)
		eh_slice(h, "lab", "web", cases[_i].eps);
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), cases[_i].route);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), cases[_i].reason);
	ck_assert_str_eq(eh_warning(h, "lab", "web"), cases[_i].warning);
	eh_free(h);
}
END_TEST

/* Who may claim what: one Service with address @vip under these ranges. */
static const struct {
	const char *ranges, *vip, *reason;
} ranges[] = {
	{ "192.168.77.0/24", V, "selected" },
	{ "192.168.78.0/24", V, "out-of-range" },
	{ "192.168.77.128/32", V, "selected" },
	{ "192.168.77.0/24 namespace prod", V, "selected" },
	{ "192.168.77.0/24 namespace dev", V, "range-of-other-namespace" },
	{ "192.168.77.0/24\ncluster lab vip-range 192.168.77.128/25 namespace dev", V,
	  "range-of-other-namespace" },
	{ "192.168.77.0/24 namespace dev\ncluster lab vip-range 192.168.77.128/25", V, "selected" },
	{ "192.168.77.0/24 namespace dev\ncluster lab vip-range 192.168.0.0/16", V,
	  "range-of-other-namespace" },
	{ "0.0.0.0/0", "192.168.99.12", "node-address" },
	{ "0.0.0.0/0", "192.168.99.9", "api-server-address" },
	{ "0.0.0.0/0", "127.0.0.1", "not-a-unicast-address" },
	{ "0.0.0.0/0", "224.0.0.5", "not-a-unicast-address" },
	{ "0.0.0.0/0", "169.254.1.1", "not-a-unicast-address" },
	{ "0.0.0.0/0", "10.9.9.1", "own-address" },
	{ "0.0.0.0/0", "10.9.9.7", "connected-prefix" },
	{ "10.9.9.0/24", "10.9.9.7", "connected-prefix" },
	{ "10.9.9.0/24 allow-connected", "10.9.9.7", "selected" },
	{ "10.9.9.0/24 allow-connected", "10.9.9.1", "own-address" },
};

START_TEST(test_range)
{
	struct eh *h = eh_new();
	char conf[EH_TEXT];

	snprintf(conf, sizeof(conf),
		 "cluster lab server https://192.168.99.9:6443\ncluster lab vip-range %s\n"
		 "cluster lab advertise web service-selector any\n",
		 ranges[_i].ranges);
	if (strstr(conf, "0.0.0.0/0")) /* the grammar may refuse it: two halves */
		snprintf(
			conf, sizeof(conf),
			"cluster lab server https://192.168.99.9:6443\n"
			"cluster lab vip-range 8.0.0.0/5\ncluster lab vip-range 192.0.0.0/3\n"
			"cluster lab vip-range 160.0.0.0/3\ncluster lab advertise web service-selector any\n");
	eh_publish(h, eh_facts("10.9.9.1", "10.9.9.0/24"));
	eh_conf(h, conf);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", ranges[_i].vip, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), ranges[_i].reason);
	ck_assert_str_eq(eh_route(h, ranges[_i].vip),
			 strcmp(ranges[_i].reason, "selected") == 0 ? EH_ALL : "");
	eh_free(h);
}
END_TEST

/* A BGP neighbour's address, which bgpd alone knows; it may become one while it is a VIP. */
START_TEST(test_neighbour)
{
	static const char *const others[] = { "192.168.77.200", "192.168.77.3", V6, "10.0.0.1" };
	struct eh *h = eh_new();
	struct kvip_facts *f;

	eh_publish(h, eh_facts("10.9.9.1", "10.9.9.0/24"));
	eh_conf(h, EH_CONF "cluster lab vip-range 2001:db8:77::/64\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	f = eh_facts("10.9.9.1", "10.9.9.0/24");
	f->neighbours = kvip_calloc(5, sizeof(*f->neighbours));
	for (int i = 0; i < 4; i++) /* in no order: it is the maker's last step to sort them */
		ck_assert_int_eq(kvip_addr_parse(others[i], &f->neighbours[f->n_neighbours++]), 0);
	ck_assert_int_eq(kvip_addr_parse(V, &f->neighbours[f->n_neighbours++]), 0);
	kvip_facts_settle(f);
	eh_publish(h, f);
	ck_assert_str_eq(eh_route(h, V), "");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "neighbour-address");
	ck_assert_uint_eq(h->withdrawn_by_operator, 1);
	eh_service(h, "lab", "six", V6, "", "");
	eh_step(h);
	ck_assert_str_eq(eh_reason(h, "lab", "six"), "neighbour-address");
	eh_publish(h, eh_facts("10.9.9.1", "10.9.9.0/24"));
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_free(h);
}
END_TEST

START_TEST(test_address_kinds)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF "cluster lab advertise web address external-ip cluster-ip\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", "192.168.77.1", "",
		   "'externalIPs':['192.168.77.2'],'clusterIP':'192.168.77.3',"
		   "'clusterIPs':['192.168.77.3']");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), "");
	ck_assert_str_eq(eh_route(h, "192.168.77.2"), EH_ALL);
	ck_assert_str_eq(eh_route(h, "192.168.77.3"), EH_ALL);
	eh_conf(h, EH_CONF);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_ALL);
	ck_assert_str_eq(eh_route(h, "192.168.77.2"), "");
	ck_assert_str_eq(eh_route(h, "192.168.77.3"), "");
	eh_free(h);
}
END_TEST

/* kube-proxy asks internalTrafficPolicy for what comes to a cluster IP, from wherever it comes, and
 * externalTrafficPolicy for the other addresses. */
START_TEST(test_policy_is_the_address_s)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF
		"cluster lab advertise web address loadbalancer-ip external-ip cluster-ip\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "in", "192.168.77.1", "",
		   "'externalIPs':['192.168.77.2'],'clusterIPs':['192.168.77.3'],"
		   "'internalTrafficPolicy':'Local'");
	eh_slice(h, "lab", "in", "n1:r");
	eh_service(h, "lab", "out", "192.168.77.4", "",
		   "'externalIPs':['192.168.77.5'],'clusterIPs':['192.168.77.6'],"
		   "'externalTrafficPolicy':'Local'");
	eh_slice(h, "lab", "out", "n2:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_ALL);
	ck_assert_str_eq(eh_route(h, "192.168.77.2"), EH_ALL);
	ck_assert_str_eq(eh_route(h, "192.168.77.3"), EH_N1);
	ck_assert_str_eq(eh_route(h, "192.168.77.4"), EH_N2);
	ck_assert_str_eq(eh_route(h, "192.168.77.5"), EH_N2);
	ck_assert_str_eq(eh_route(h, "192.168.77.6"), EH_ALL);
	eh_slice(h, "lab", "in", "n3:r");
	eh_slice(h, "lab", "out", "");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, "192.168.77.3"), EH_N3);
	ck_assert_str_eq(eh_route(h, "192.168.77.6"), "");
	eh_free(h);
}
END_TEST

START_TEST(test_no_address)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF "cluster lab advertise web service-selector app=web\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "pending", "", "", "");
	eh_put(h, "lab", KVIP_KIND_SERVICE,
	       "{'metadata':{'name':'host','namespace':'prod'},'spec':{'type':'LoadBalancer'},"
	       "'status':{'loadBalancer':{'ingress':[{'hostname':'lb.example.com'}]}}}");
	eh_put(h, "lab", KVIP_KIND_SERVICE,
	       "{'metadata':{'name':'proxy','namespace':'prod'},'spec':{'type':'LoadBalancer'},"
	       "'status':{'loadBalancer':{'ingress':[{'ip':'192.168.77.1','ipMode':'Proxy'}]}}}");
	eh_put(h, "lab", KVIP_KIND_SERVICE,
	       "{'metadata':{'name':'wrong','namespace':'prod','labels':{'app':'web'}},"
	       "'spec':{'type':'ClusterIP'},"
	       "'status':{'loadBalancer':{'ingress':[{'ip':'192.168.77.1'}]}}}");
	eh_put(h, "lab", KVIP_KIND_SERVICE,
	       "{'metadata':{'name':'other','namespace':'prod'},'spec':{'type':'ClusterIP'}}");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_reason(h, "lab", "pending"), "no-address");
	ck_assert_str_eq(eh_reason(h, "lab", "host"), "hostname-only");
	ck_assert_str_eq(eh_reason(h, "lab", "proxy"), "ip-mode-proxy");
	ck_assert_str_eq(eh_reason(h, "lab", "wrong"), "not-load-balancer");
	ck_assert_str_eq(eh_reason(h, "lab", "other"), "missing");
	ck_assert_uint_eq(h->n, 0);
	eh_free(h);
}
END_TEST

/* F1, R2: next hops are of the VIP's family, global, in the order given. */
START_TEST(test_dual_stack)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF "cluster lab vip-range 2001:db8:77::/64\n");
	eh_put(h, "lab", KVIP_KIND_NODE,
	       "{'metadata':{'name':'n1'},'status':{'addresses':["
	       "{'type':'InternalIP','address':'192.168.99.11'},"
	       "{'type':'InternalIP','address':'fe80::11'},"
	       "{'type':'InternalIP','address':'2001:db8:99::11'},"
	       "{'type':'InternalIP','address':'2001:db8:99::aa'}],"
	       "'conditions':[{'type':'Ready','status':'True'}]}}");
	eh_node(h, "lab", "n2", EH_N2, "True", "", "");
	eh_put(h, "lab", KVIP_KIND_SERVICE,
	       "{'metadata':{'name':'web','namespace':'prod'},"
	       "'spec':{'type':'LoadBalancer','selector':{'a':'b'}},"
	       "'status':{'loadBalancer':{'ingress':[{'ip':'192.168.77.128'},{'ip':'2001:db8:77::1'}]}}}");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_N1 " " EH_N2);
	ck_assert_str_eq(eh_route(h, V6), ""); /* no IPv6 endpoint */
	ck_assert_str_eq(kvip_reason_info(eh_claim(h, "lab", "web", V6).reason)->word,
			 "no-endpoints");
	eh_put(h, "lab", KVIP_KIND_SLICE,
	       "{'metadata':{'name':'web-v6','namespace':'prod',"
	       "'labels':{'kubernetes.io/service-name':'web'}},'addressType':'IPv6',"
	       "'endpoints':[{'addresses':['fd00::1'],'nodeName':'n2'}]}");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V6), "2001:db8:99::11");
	eh_service(h, "lab", "local6", V6, "", "'externalTrafficPolicy':'Local'");
	eh_free(h);
}
END_TEST

START_TEST(test_prefix_list)
{
	struct eh *h = eh_new();
	struct kvip_facts *f;

	eh_publish(h, eh_facts("", ""));
	eh_conf(h, EH_CONF "cluster lab prefix-list VIPS\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "prefix-list-undefined");
	ck_assert_str_eq(eh_route(h, V), "");
	f = eh_facts("", "");
	eh_plist(f, "VIPS", "192.168.77.0/24");
	eh_publish(h, f);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_publish(h, eh_facts("", "")); /* the list is gone: present ones are held, new ones denied
					  */
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "prefix-list-undefined-holds");
	eh_service(h, "lab", "new", "192.168.77.129", "", "");
	eh_slice(h, "lab", "new", "n1:r");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, "192.168.77.129"), "");
	f = eh_facts("", "");
	eh_plist(f, "VIPS", "192.168.77.129/32");
	eh_publish(h, f);
	ck_assert_str_eq(eh_route(h, "192.168.77.129"), EH_ALL);
	ck_assert_str_eq(eh_route(h, V), "");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "prefix-list-denies");
	eh_free(h);
}
END_TEST

START_TEST(test_later_changes)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_synced(h, "lab");
	eh_slice(h, "lab", "web", "n1:r n2:r"); /* slice, Service, nodes: in the wrong order */
	eh_step(h);
	eh_service(h, "lab", "web", V, "", "'externalTrafficPolicy':'Local'");
	eh_step(h);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "no-eligible-node");
	eh_three_nodes(h, "lab");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1 " " EH_N2);
	eh_slice(h, "lab", "web", "n1:r");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	eh_service(h, "lab", "web", V, "", "");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_service(h, "lab", "web", "192.168.77.1", "", ""); /* another address */
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), "");
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_ALL);
	eh_node(h, "lab", "n1", "192.168.99.21", "True", "", "");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N2 " " EH_N3 " 192.168.99.21");
	eh_del(h, "lab", KVIP_KIND_SLICE, "prod", "web-abc");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), "");
	eh_free(h);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("select");
	TCase *tc = tcase_create("select");

	tcase_add_loop_test(tc, test_case, 0, COUNT(cases));
	tcase_add_loop_test(tc, test_range, 0, COUNT(ranges));
	tcase_add_test(tc, test_neighbour);
	tcase_add_test(tc, test_address_kinds);
	tcase_add_test(tc, test_policy_is_the_address_s);
	tcase_add_test(tc, test_no_address);
	tcase_add_test(tc, test_dual_stack);
	tcase_add_test(tc, test_prefix_list);
	tcase_add_test(tc, test_later_changes);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
