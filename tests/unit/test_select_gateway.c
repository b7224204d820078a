// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: selection: Gateways, the Services and slices that controllers make for them.
 *
 * Row F4 of features.md, rules R3. Sources of the objects: tests/data/recorded (Cilium 1.20.2);
 * cilium#45209 (1.19's slices without label).
 */
#include "engine_helper.h"

#define V "192.168.77.128"

/* F4: labels of the Gateway select its Service. */
START_TEST(test_gateway_labels)
{
	struct eh *h = eh_new();
	struct eh_claim c;

	eh_conf(h, "cluster lab vip-range 192.168.77.0/24\n"
		   "cluster lab advertise web service-selector bgp=enable,!internal\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "cilium-gateway-gw", V,
		   "'labels':{'gateway.networking.k8s.io/gateway-name':'gw'}", "'selector':null");
	eh_slice(h, "lab", "cilium-gateway-gw", "-:rm");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), "");
	eh_put(h, "lab", KVIP_KIND_GATEWAY,
	       "{'metadata':{'name':'gw','namespace':'prod','uid':'g','labels':{'bgp':'enable'}},"
	       "'status':{'addresses':[{'type':'IPAddress','value':'192.168.77.128'}]}}");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	c = eh_claim(h, "lab", "cilium-gateway-gw", NULL);
	ck_assert_str_eq(c.selected_by, "gateway labels");
	ck_assert_str_eq(c.advertise, "web");
	ck_assert_str_eq(eh_reason(h, "lab", "gw"), "missing"); /* one claim, not two */
	ck_assert_uint_eq(eh_summary(h).conflicts, 0);
	/* an exclusion on the Gateway is not undone by the Service that lacks the label */
	eh_put(h, "lab", KVIP_KIND_GATEWAY,
	       "{'metadata':{'name':'gw','namespace':'prod','uid':'g',"
	       "'labels':{'bgp':'enable','internal':''}}}");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), "");
	/* nor is the label needed on the Gateway if the Service has it */
	eh_service(h, "lab", "cilium-gateway-gw", V,
		   "'labels':{'gateway.networking.k8s.io/gateway-name':'gw','bgp':'enable'}",
		   "'selector':null");
	eh_put(h, "lab", KVIP_KIND_GATEWAY,
	       "{'metadata':{'name':'gw','namespace':'prod','uid':'g'}}");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_claim(h, "lab", "cilium-gateway-gw", NULL).selected_by,
			 "service labels");
	eh_free(h);
}
END_TEST

START_TEST(test_gateway_without_service)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_put(h, "lab", KVIP_KIND_GATEWAY,
	       "{'metadata':{'name':'gw','namespace':'prod','uid':'g'},"
	       "'status':{'addresses':[{'type':'IPAddress','value':'192.168.77.128'}]}}");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_claim(h, "lab", "gw", NULL).source, "gateway");
	/* its Service appears: that speaks for it from now on, even without an address */
	eh_service(h, "lab", "web", "", "'labels':{'gateway.networking.k8s.io/gateway-name':'gw'}",
		   "");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), "");
	eh_del(h, "lab", KVIP_KIND_SERVICE, "prod", "web");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_free(h);
}
END_TEST

/* Gateways that share one address: as one Service's (which knows its endpoints), or by themselves. */
START_TEST(test_gateways_merged)
{
	static const char gw[] = "{'metadata':{'name':'gw%d','namespace':'prod','uid':'g%d',"
				 "'labels':{'bgp':'enable'}},"
				 "'status':{'addresses':[{'value':'192.168.77.128'}]}}";
	struct eh *h = eh_new();
	char json[512];

	eh_conf(h, "cluster lab vip-range 192.168.77.0/24\n"
		   "cluster lab advertise web service-selector bgp=enable\n");
	eh_three_nodes(h, "lab");
	for (int i = 1; i <= 2; i++) {
		snprintf(json, sizeof(json), gw, i, i);
		ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_GATEWAY, json), 0);
	}
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_uint_eq(eh_summary(h).conflicts, 0);
	ck_assert_str_eq(eh_reason(h, "lab", "gw1"), "selected");
	ck_assert_str_eq(eh_reason(h, "lab", "gw2"), "selected");
	eh_del(h, "lab", KVIP_KIND_GATEWAY, "prod", "gw1");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_uint_eq(h->withdrawn, 0);
	/* the Service of them all */
	eh_service(h, "lab", "envoy", V, "'labels':{'bgp':'enable'}",
		   "'externalTrafficPolicy':'Local'");
	eh_slice(h, "lab", "envoy", "n2:r");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N2);
	ck_assert_uint_eq(eh_summary(h).conflicts, 0);
	ck_assert_str_eq(eh_reason(h, "lab", "gw2"), "held-by-other");
	ck_assert_str_eq(eh_claim(h, "lab", "gw2", NULL).winner, "lab/Service prod/envoy");
	/* a stranger's externalIPs are another matter */
	eh_conf(h, "cluster lab vip-range 192.168.77.0/24\n"
		   "cluster lab advertise web service-selector bgp=enable\n"
		   "cluster lab advertise web address loadbalancer-ip external-ip\n");
	eh_service(h, "lab", "thief", "", "'labels':{'bgp':'enable'}",
		   "'externalIPs':['192.168.77.128']");
	eh_step(h);
	ck_assert_uint_eq(eh_summary(h).conflicts, 1);
	eh_free(h);
}
END_TEST

START_TEST(test_gateway_without_address)
{
	struct eh *h = eh_new();

	eh_conf(h, "cluster lab vip-range 192.168.77.0/24\n"
		   "cluster lab advertise web service-selector bgp=enable\n");
	eh_three_nodes(h, "lab");
	eh_put(h, "lab", KVIP_KIND_GATEWAY,
	       "{'metadata':{'name':'named','namespace':'prod','labels':{'bgp':'enable'}},"
	       "'status':{'addresses':[{'type':'Hostname','value':'gw.example.org'}]}}");
	eh_put(h, "lab", KVIP_KIND_GATEWAY, "{'metadata':{'name':'pending','namespace':'prod'}}");
	eh_put(h, "lab", KVIP_KIND_GATEWAY,
	       "{'metadata':{'name':'behind','namespace':'prod'},"
	       "'status':{'addresses':[{'type':'Hostname','value':'gw.example.org'}]}}");
	eh_service(h, "lab", "front", "",
		   "'labels':{'gateway.networking.k8s.io/gateway-name':'behind'}", "");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_reason(h, "lab", "named"), "hostname-only");
	ck_assert_str_eq(eh_claim(h, "lab", "named", NULL).advertise, "web");
	ck_assert_str_eq(eh_claim(h, "lab", "named", NULL).source, "gateway");
	ck_assert_str_eq(eh_reason(h, "lab", "pending"), "no-address");
	ck_assert_str_eq(eh_reason(h, "lab", "behind"), "missing");
	ck_assert_str_eq(eh_reason(h, "lab", "front"), "no-address");
	ck_assert_uint_eq(h->n, 0);
	eh_free(h);
}
END_TEST

/* `loadbalancer-class` is met by the class of the Gateway, too: @gateway and @service are theirs. */
static const struct {
	const char *gateway, *service;
	bool selected;
} class_cases[] = {
	{ "cilium", "", true },
	{ "cilium", "'loadBalancerClass':'other.io/x'", true },
	{ "istio", "", false },
	{ "istio", "'loadBalancerClass':'cilium'", true },
	{ "istio", "'loadBalancerClass':'other.io/x'", false },
};

START_TEST(test_gateway_class)
{
	struct eh *h = eh_new();
	char json[512];

	eh_conf(h, EH_CONF "cluster lab advertise web loadbalancer-class cilium\n");
	eh_three_nodes(h, "lab");
	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'gw','namespace':'prod'},'spec':{'gatewayClassName':'%s'}}",
		 class_cases[_i].gateway);
	ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_GATEWAY, json), 0);
	eh_service(h, "lab", "web", V, "'labels':{'gateway.networking.k8s.io/gateway-name':'gw'}",
		   class_cases[_i].service);
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), class_cases[_i].selected ? EH_ALL : "");
	ck_assert_str_eq(eh_reason(h, "lab", "web"),
			 class_cases[_i].selected ? "selected" : "not-selected");
	eh_free(h);
}
END_TEST

/* A Gateway without Service has no other class than its own; a change of it is followed. */
START_TEST(test_gateway_class_alone)
{
	static const char gw[] = "{'metadata':{'name':'gw','namespace':'prod','uid':'g'},"
				 "'spec':{'gatewayClassName':'%s'},"
				 "'status':{'addresses':[{'value':'192.168.77.128'}]}}";
	struct eh *h = eh_new();
	char json[512];

	eh_conf(h, EH_CONF "cluster lab advertise web loadbalancer-class cilium\n");
	eh_three_nodes(h, "lab");
	for (int i = 0; i < 3; i++) {
		snprintf(json, sizeof(json), gw, i % 2 ? "istio" : "cilium");
		ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_GATEWAY, json), 0);
		if (i)
			eh_step(h);
		else
			eh_synced(h, "lab");
		ck_assert_str_eq(eh_route(h, V), i % 2 ? "" : EH_ALL);
	}
	eh_free(h);
}
END_TEST

START_TEST(test_slice_by_owner)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_put(h, "lab", KVIP_KIND_SLICE,
	       "{'metadata':{'name':'web-x','namespace':'prod','ownerReferences':[{'apiVersion':'v1',"
	       "'kind':'Service','name':'web','uid':'u'}]},'addressType':'IPv4',"
	       "'endpoints':[{'addresses':['10.0.0.1'],'nodeName':'n2'}]}");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "slice-linked-by-owner");
	eh_free(h);
}
END_TEST

/* Cilium 1.19: Service and slice of a Gateway (or Ingress) have one name and one owner. */
START_TEST(test_slice_by_gateway)
{
	static const char *const owners[] = {
		"'apiVersion':'gateway.networking.k8s.io/v1','kind':'Gateway'",
		"'apiVersion':'networking.k8s.io/v1','kind':'Ingress'",
	};
	struct eh *h = eh_new();
	char json[512];

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "'selector':null,'externalTrafficPolicy':'Local'");
	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'web','namespace':'prod','ownerReferences':[{%s,"
		 "'name':'gw','uid':'u'}]},'addressType':'IPv4',"
		 "'endpoints':[{'addresses':['192.192.192.192'],'conditions':{'ready':true}}]}",
		 owners[_i]);
	ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_SLICE, json), 0);
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "slice-linked-by-owner");
	eh_free(h);
}
END_TEST

/* A slice that nothing links is nobody's: the Service has no endpoint. */
START_TEST(test_slice_of_nobody)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_put(h, "lab", KVIP_KIND_SLICE,
	       "{'metadata':{'name':'web','namespace':'prod','ownerReferences':[{"
	       "'apiVersion':'apps/v1','kind':'Deployment','name':'web','uid':'u'}]},"
	       "'addressType':'IPv4','endpoints':[{'addresses':['10.0.0.1'],'nodeName':'n2'}]}");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "no-endpoints");
	eh_free(h);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("select_gateway");
	TCase *tc = tcase_create("select_gateway");

	tcase_add_test(tc, test_gateway_labels);
	tcase_add_test(tc, test_gateway_without_service);
	tcase_add_test(tc, test_gateways_merged);
	tcase_add_test(tc, test_gateway_without_address);
	tcase_add_loop_test(tc, test_gateway_class, 0, COUNT(class_cases));
	tcase_add_test(tc, test_gateway_class_alone);
	tcase_add_test(tc, test_slice_by_owner);
	tcase_add_loop_test(tc, test_slice_by_gateway, 0, 2);
	tcase_add_test(tc, test_slice_of_nobody);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
