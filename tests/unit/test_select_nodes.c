// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: selection of nodes: eligibility, next-hop addresses, node addresses as VIPs. Rows F9, F12;
 * rules R3. Who is kept though not Ready: test_select_kept.c.
 */
#include "engine_helper.h"

#define V "192.168.77.128"

/* What one of the nodes (n1) may be, and whether it is a next hop. */
static const struct {
	const char *ready, *meta, *spec, *conf;
	bool used;
	enum kvip_reason reason;
} nodes[] = {
	{ "True", "", "", "", true, KVIP_REASON_SELECTED },
	{ "False", "", "", "", false, KVIP_REASON_NODE_NOT_READY },
	{ "Unknown", "", "", "", false, KVIP_REASON_NODE_UNKNOWN },
	{ "True", "'labels':{'node.kubernetes.io/exclude-from-external-load-balancers':''}", "", "",
	  false, KVIP_REASON_NODE_EXCLUDED },
	{ "True", "'labels':{'node.kubernetes.io/exclude-from-external-load-balancers':'false'}",
	  "", "ignore-exclude-label", true, KVIP_REASON_SELECTED },
	{ "True", "", "'unschedulable':true", "", true, KVIP_REASON_SELECTED },
	{ "True", "", "'unschedulable':true", "honour-cordon", false, KVIP_REASON_NODE_CORDONED },
	{ "True", "",
	  "'taints':[{'key':'ToBeDeletedByClusterAutoscaler','effect':'NoSchedule','value':'1'}]",
	  "", false, KVIP_REASON_NODE_REMOVED },
	{ "True", "'deletionTimestamp':'2026-01-01T00:00:00Z'", "", "", false,
	  KVIP_REASON_NODE_REMOVED },
	{ "True", "'labels':{'edge':'no'}", "", "node-selector !edge", false,
	  KVIP_REASON_NODE_NOT_SELECTED },
	{ "True", "'labels':{'edge':'no'}", "",
	  "node-selector !edge\ncluster lab advertise web node-selector edge=no", true,
	  KVIP_REASON_SELECTED },
};

static bool note_node(void *ctx, const struct kvip_node_view *v)
{
	if (strcmp(v->name, "n1") != 0)
		return true;
	ck_assert_uint_eq(v->n_blocks, 1);
	ck_assert_str_eq(v->block[0], "web");
	*(enum kvip_reason *)ctx = v->reason[0];
	return false;
}

START_TEST(test_node)
{
	enum kvip_reason reason = KVIP_REASON_NONE;
	struct eh *h = eh_new();
	char conf[EH_TEXT];

	snprintf(conf, sizeof(conf), "%s%s%s", EH_CONF,
		 nodes[_i].conf[0] ? "cluster lab advertise web " : "", nodes[_i].conf);
	eh_conf(h, conf);
	eh_three_nodes(h, "lab");
	eh_node(h, "lab", "n1", EH_N1, nodes[_i].ready, nodes[_i].meta, nodes[_i].spec);
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), nodes[_i].used ? EH_ALL : EH_N2 " " EH_N3);
	kvip_engine_each_node(h->engine, note_node, &reason);
	ck_assert_str_eq(kvip_reason_info(reason)->word, kvip_reason_info(nodes[_i].reason)->word);
	eh_free(h);
}
END_TEST

START_TEST(test_annotation_next_hop)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF
		"cluster lab advertise web next-hop annotation example.com/router-facing\n");
	eh_node(h, "lab", "n1", EH_N1, "True",
		"'annotations':{'example.com/router-facing':'10.1.1.1','x':'192.168.77.5'}", "");
	eh_node(h, "lab", "n2", EH_N2, "True", "", "");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_service(h, "lab", "hop", "10.1.1.1", "", "");
	eh_service(h, "lab", "note", "192.168.77.5", "", "");
	eh_slice(h, "lab", "note", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), "10.1.1.1");
	ck_assert_str_eq(eh_reason(h, "lab", "hop"), "out-of-range");
	ck_assert_str_eq(eh_reason(h, "lab", "note"), "selected"); /* another annotation is no next
								      hop */
	eh_free(h);
}
END_TEST

/* F12: by which of a node's addresses it is reached. */
static const struct {
	const char *conf, *v4, *v6;
} kinds[] = {
	{ "", EH_N1, "2001:db8:99::11" },
	{ "next-hop internal-ip", EH_N1, "2001:db8:99::11" },
	{ "next-hop external-ip", "198.51.100.1", "2001:db8:1::1" },
	{ "next-hop annotation example.com/a", "10.1.1.1", "2001:db8:a::1" },
	{ "next-hop annotation example.com/none", "", "" },
	{ "next-hop annotation example.com/text", "", "" },
	{ "next-hop subnet 192.168.98.0/23", EH_N1, "" }, /* the first one in it */
	{ "next-hop subnet 192.168.98.0/24", "192.168.98.11", "" },
	{ "next-hop subnet 198.51.100.0/24", "198.51.100.1", "" }, /* external ones, too */
	{ "next-hop subnet 2001:db8:99::aa/128", "", "2001:db8:99::aa" },
	{ "next-hop subnet 10.1.1.0/24", "", "" }, /* annotations are no addresses of the node */
};

START_TEST(test_next_hop)
{
	struct eh *h = eh_new();
	char conf[EH_TEXT];

	snprintf(conf, sizeof(conf), "%scluster lab vip-range 2001:db8:77::/64\n%s%s", EH_CONF,
		 kinds[_i].conf[0] ? "cluster lab advertise web " : "", kinds[_i].conf);
	eh_conf(h, conf);
	eh_put(h, "lab", KVIP_KIND_NODE,
	       "{'metadata':{'name':'n1','annotations':{'example.com/a':'10.1.1.1,2001:db8:a::1',"
	       "'example.com/text':'10.1.1.1 or so'}},"
	       "'status':{'addresses':["
	       "{'type':'Hostname','address':'192.168.99.77'},"
	       "{'type':'InternalIP','address':'192.168.99.11'},"
	       "{'type':'InternalIP','address':'192.168.98.11'},"
	       "{'type':'InternalIP','address':'2001:db8:99::11'},"
	       "{'type':'InternalIP','address':'2001:db8:99::aa'},"
	       "{'type':'ExternalIP','address':'198.51.100.1'},"
	       "{'type':'ExternalIP','address':'2001:db8:1::1'}],"
	       "'conditions':[{'type':'Ready','status':'True'}]}}");
	eh_service(h, "lab", "four", V, "", "");
	eh_slice(h, "lab", "four", "n1:r");
	eh_service(h, "lab", "six", "2001:db8:77::1", "", "");
	eh_put(h, "lab", KVIP_KIND_SLICE,
	       "{'metadata':{'name':'six','namespace':'prod',"
	       "'labels':{'kubernetes.io/service-name':'six'}},'addressType':'IPv6',"
	       "'endpoints':[{'addresses':['fd00::1'],'nodeName':'n1'}]}");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), kinds[_i].v4);
	ck_assert_str_eq(eh_route(h, "2001:db8:77::1"), kinds[_i].v6);
	ck_assert_str_eq(eh_reason(h, "lab", "four"),
			 kinds[_i].v4[0] ? "selected" : "node-has-no-ipv4");
	ck_assert_str_eq(eh_reason(h, "lab", "six"),
			 kinds[_i].v6[0] ? "selected" : "node-has-no-ipv6");
	eh_free(h);
}
END_TEST

/* Written by the cloud's route controller, by Calico and by others: no pod is reached there. */
START_TEST(test_network_unavailable)
{
	static const char node[] =
		"{'metadata':{'name':'n1','uid':'uid-n1'},'status':{'addresses':["
		"{'type':'InternalIP','address':'192.168.99.11'}],"
		"'conditions':[{'type':'NetworkUnavailable','status':'%s'},"
		"{'type':'Ready','status':'True'}]}}";
	enum kvip_reason reason = KVIP_REASON_NONE;
	struct eh *h = eh_new();
	char json[EH_TEXT];

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	snprintf(json, sizeof(json), node, "True");
	eh_put(h, "lab", KVIP_KIND_NODE, json);
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_N2 " " EH_N3);
	kvip_engine_each_node(h->engine, note_node, &reason);
	ck_assert_str_eq(kvip_reason_info(reason)->word, "node-network-unavailable");
	snprintf(json, sizeof(json), node, "False");
	eh_put(h, "lab", KVIP_KIND_NODE, json);
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_free(h);
}
END_TEST

START_TEST(test_node_takes_the_address)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF "cluster b vip-range 192.168.77.0/24\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_node(h, "b", "other", V, "True", "", ""); /* a node of another cluster */
	eh_synced(h, "b");
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "node-address");
	ck_assert_str_eq(eh_route(h, V), "");
	eh_del(h, "b", KVIP_KIND_NODE, "", "other");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_free(h);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("select_nodes");
	TCase *tc = tcase_create("nodes");

	tcase_add_loop_test(tc, test_node, 0, COUNT(nodes));
	tcase_add_test(tc, test_annotation_next_hop);
	tcase_add_loop_test(tc, test_next_hop, 0, COUNT(kinds));
	tcase_add_test(tc, test_network_unavailable);
	tcase_add_test(tc, test_node_takes_the_address);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
