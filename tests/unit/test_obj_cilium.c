// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: unit tests of decoding, comparing and packing Cilium's objects.
 */
#include "base/kvip_mem.h"
#include "engine_helper.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* A LabelSelector and the text it becomes. */
static const struct {
	const char *json; /* NULL: no member at all */
	const char *text;
} selectors[] = {
	{ NULL, NULL },
	{ "null", NULL },
	{ "{}", "any" },
	{ "{'matchLabels':{}}", "any" },
	{ "{'matchLabels':{},'matchExpressions':[]}", "any" },
	{ "{'matchLabels':{'mdhlabs-bgp':'enable'}}", "mdhlabs-bgp=enable" },
	{ "{'matchLabels':{'node-role.kubernetes.io/control-plane':''}}",
	  "node-role.kubernetes.io/control-plane=" },
	{ "{'matchLabels':{'a':'b','c':'d'}}", "a=b,c=d" },
	{ "{'matchExpressions':[{'key':'k','operator':'In','values':['a','b']}]}", "k in (a,b)" },
	{ "{'matchExpressions':[{'key':'k','operator':'In','values':['']}]}", "k in ()" },
	{ "{'matchExpressions':[{'key':'k','operator':'In','values':['a','','b']}]}",
	  "k in (a,,b)" },
	{ "{'matchExpressions':[{'key':'k','operator':'NotIn','values':['x']}]}", "k notin (x)" },
	{ "{'matchExpressions':[{'key':'k','operator':'Exists'}]}", "k" },
	{ "{'matchExpressions':[{'key':'k','operator':'Exists','values':[]}]}", "k" },
	{ "{'matchExpressions':[{'key':'k','operator':'DoesNotExist'}]}", "!k" },
	/* alone, the key `any` would be the word */
	{ "{'matchExpressions':[{'key':'any','operator':'Exists'}]}", "any,any" },
	{ "{'matchExpressions':[{'key':'any','operator':'DoesNotExist'}]}", "!any" },
	{ "{'matchLabels':{'a':'b'},'matchExpressions':[{'key':'c','operator':'Exists'},"
	  "{'key':'d','operator':'NotIn','values':['e']}]}",
	  "a=b,c,d notin (e)" },
	/* what is not understood whole matches nothing */
	{ "{'matchLabels':{'a':5}}", "" },
	{ "{'matchLabels':{'a':'b','c':null}}", "" },
	{ "{'matchLabels':{'a':'b,c!=d'}}", "" },
	{ "{'matchLabels':{'a b':'c'}}", "" },
	{ "{'matchLabels':{'':'c'}}", "" },
	{ "{'matchExpressions':[{'key':'k','operator':'In'}]}", "" },
	{ "{'matchExpressions':[{'key':'k','operator':'In','values':[]}]}", "" },
	{ "{'matchExpressions':[{'key':'k','operator':'In','values':['a',7]}]}", "" },
	{ "{'matchExpressions':[{'key':'k','operator':'In','values':['a)']}]}", "" },
	{ "{'matchExpressions':[{'key':'k','operator':'NotIn','values':[]}]}", "" },
	{ "{'matchExpressions':[{'key':'k','operator':'Exists','values':['a']}]}", "" },
	{ "{'matchExpressions':[{'key':'k','operator':'Gt','values':['1']}]}", "" },
	{ "{'matchExpressions':[{'operator':'Exists'}]}", "" },
	{ "{'matchExpressions':[{'key':'k'}]}", "" },
	{ "{'matchExpressions':[7]}", "" },
};

START_TEST(test_selector)
{
	const char *json = selectors[_i].json;
	struct kvip_obj *o;
	char text[1024];

	snprintf(text, sizeof(text), "{'metadata':{'name':'p'},'spec':{%s%s}}",
		 json ? "'serviceSelector':" : "", json ? json : "");
	o = eh_obj(KVIP_KIND_IP_POOL, text);
	if (selectors[_i].text)
		ck_assert_str_eq(o->pool.selector, selectors[_i].text);
	else
		ck_assert_ptr_null(o->pool.selector);
	kvip_obj_free(o);
}
END_TEST

/* A selector that is too long for the draft is not cut: it matches nothing. */
START_TEST(test_selector_too_long)
{
	size_t n = 0, size = 2 * KVIP_MAX_DRAFT_TEXT;
	char *json = malloc(size);
	struct kvip_err err;
	struct kvip_obj *o;

	n += (size_t)snprintf(
		json, size,
		"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"serviceSelector\":{"
		"\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"In\",\"values\":[");
	while (n < size - 100)
		n += (size_t)snprintf(json + n, size - n, "\"value-%zu\",", n);
	snprintf(json + n, size - n, "\"x\"]}]},\"blocks\":[{\"cidr\":\"10.0.0.0/8\"}]}}");
	ck_assert_int_eq(kvip_obj_decode(KVIP_KIND_IP_POOL, json, strlen(json), &o, NULL, 0, &err),
			 0);
	ck_assert_str_eq(o->pool.selector, "");
	ck_assert_uint_eq(o->pool.n, 1);
	kvip_obj_free(o);
	free(json);
}
END_TEST

START_TEST(test_advertisement)
{
	struct kvip_obj *o = eh_obj(
		KVIP_KIND_ADVERTISEMENT,
		"{'apiVersion':'cilium.io/v2','kind':'CiliumBGPAdvertisement',"
		"'metadata':{'name':'a','labels':{'x':'y'}},'spec':{'advertisements':["
		"{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP','ExternalIP',"
		"'Other'],'aggregationLengthIPv4':24},'selector':{},'attributes':{'communities':{"
		"'standard':['65000:1','65000:2'],'wellKnown':['no-export'],'large':['1:2:3']},"
		"'localPreference':200}},"
		"{'advertisementType':'Service','service':{'addresses':['ClusterIP']}},"
		"{'advertisementType':'PodCIDR'},{}]}}");
	const struct kvip_cilium_advert *v = o->advertisement.v;

	ck_assert_uint_eq(o->advertisement.n, 4);
	ck_assert_str_eq(kvip_meta_label(&o->meta, "x"), "y");
	ck_assert_str_eq(v[0].type, "Service");
	ck_assert_str_eq(v[0].selector, "any");
	ck_assert_uint_eq(v[0].addresses, KVIP_CILIUM_LOADBALANCER_IP | KVIP_CILIUM_EXTERNAL_IP);
	ck_assert_str_eq(v[0].communities, "65000:1 65000:2 no-export");
	ck_assert_str_eq(v[0].large_communities, "1:2:3");
	ck_assert_int_eq(v[0].local_preference, 200);
	ck_assert(v[0].aggregates);
	ck_assert_ptr_null(v[1].selector);
	ck_assert_uint_eq(v[1].addresses, KVIP_CILIUM_CLUSTER_IP);
	ck_assert_ptr_null(v[1].communities);
	ck_assert_int_eq(v[1].local_preference, -1);
	ck_assert(!v[1].aggregates);
	ck_assert_str_eq(v[2].type, "PodCIDR");
	ck_assert_str_eq(v[3].type, "?");
	kvip_obj_free(o);
}
END_TEST

START_TEST(test_well_known_communities)
{
	struct kvip_obj *o = eh_obj(
		KVIP_KIND_ADVERTISEMENT,
		"{'metadata':{'name':'a'},'spec':{'advertisements':[{'attributes':{'communities':{"
		"'wellKnown':['planned-shut','no-export-subconfed','no-peer']}}}]}}");

	ck_assert_str_eq(o->advertisement.v[0].communities, "graceful-shutdown local-AS no-peer");
	kvip_obj_free(o);
}
END_TEST

START_TEST(test_cluster_config)
{
	struct kvip_obj *o = eh_obj(
		KVIP_KIND_CLUSTER_CONFIG,
		"{'metadata':{'name':'c'},'spec':{'nodeSelector':{'matchLabels':{'r':''}},"
		"'bgpInstances':[{'name':'one','localASN':65432,'peers':["
		"{'name':'p1','peerAddress':'192.168.1.10','peerConfigRef':{'name':'pc'}},"
		"{'name':'p2','peerAddress':'fd00::1'},{'name':'p3','autoDiscovery':{}},"
		"{'peerAddress':'10.0.0.1'}]},{'name':'two'}]}}");
	const struct kvip_cilium_cluster_config *c = &o->cluster_config;
	char a[KVIP_ADDR_STRLEN];

	ck_assert_str_eq(c->node_selector, "r=");
	ck_assert_uint_eq(c->n_instances, 2);
	ck_assert_str_eq(c->instances[1], "two");
	ck_assert_uint_eq(c->n_peers, 3);
	ck_assert_str_eq(c->peers[0].name, "p1");
	ck_assert_str_eq(c->peers[0].instance, "one");
	ck_assert_str_eq(c->peers[0].config, "pc");
	ck_assert_str_eq(kvip_addr_render(&c->peers[0].addr, a), "192.168.1.10");
	ck_assert_ptr_null(c->peers[1].config);
	ck_assert_uint_eq(c->peers[1].addr.family, KVIP_IPV6);
	ck_assert_uint_eq(c->peers[2].addr.family, KVIP_AF_NONE);
	kvip_obj_free(o);
}
END_TEST

START_TEST(test_peer_config_and_override)
{
	struct kvip_obj *o = eh_obj(
		KVIP_KIND_PEER_CONFIG,
		"{'metadata':{'name':'c'},'spec':{'families':["
		"{'afi':'ipv4','safi':'unicast','advertisements':{'matchLabels':"
		"{'a':'b'}}},{'afi':'ipv6','safi':'unicast'}]}}");

	ck_assert_uint_eq(o->peer_config.n, 2);
	ck_assert_str_eq(o->peer_config.v[0].afi, "ipv4");
	ck_assert_str_eq(o->peer_config.v[0].advertisements, "a=b");
	ck_assert_ptr_null(o->peer_config.v[1].advertisements);
	kvip_obj_free(o);
	o = eh_obj(KVIP_KIND_NODE_OVERRIDE,
		   "{'metadata':{'name':'kube1'},'spec':{'bgpInstances':[{'name':'kubeas65432',"
		   "'localPort':32179,'routerID':'192.168.99.12'},{}]}}");
	ck_assert_uint_eq(o->node_override.n, 1);
	ck_assert_str_eq(o->node_override.instances[0], "kubeas65432");
	kvip_obj_free(o);
}
END_TEST

/* One block of a pool, and what it means; NULL: it is left out. */
static const struct {
	const char *json, *first, *last;
} blocks[] = {
	{ "'blocks':[{'cidr':'192.168.77.0/24'}]", "192.168.77.0", "192.168.77.255" },
	{ "'blocks':[{'cidr':'192.168.77.9/24'}]", "192.168.77.0", "192.168.77.255" },
	{ "'blocks':[{'cidr':'192.168.77.9/32'}]", "192.168.77.9", "192.168.77.9" },
	{ "'blocks':[{'cidr':'0.0.0.0/0'}]", "0.0.0.0", "255.255.255.255" },
	{ "'blocks':[{'cidr':'fd00:77::/64'}]", "fd00:77::", "fd00:77::ffff:ffff:ffff:ffff" },
	{ "'blocks':[{'start':'192.168.77.10','stop':'192.168.77.127'}]", "192.168.77.10",
	  "192.168.77.127" },
	{ "'blocks':[{'start':'192.168.77.10'}]", "192.168.77.10", "192.168.77.10" },
	{ "'cidrs':[{'cidr':'10.0.0.0/8'}]", "10.0.0.0", "10.255.255.255" },
	{ "'blocks':[{'start':'192.168.77.10','stop':'192.168.77.9'}]", NULL, NULL },
	{ "'blocks':[{'start':'192.168.77.10','stop':'fd00::1'}]", NULL, NULL },
	{ "'blocks':[{'start':'192.168.77.10','stop':'x'}]", NULL, NULL },
	{ "'blocks':[{'stop':'192.168.77.9'}]", NULL, NULL },
	{ "'blocks':[{'cidr':'192.168.77.0/33'}]", NULL, NULL },
	{ "'blocks':[{'cidr':'192.168.77.0/'}]", NULL, NULL },
	{ "'blocks':[{'cidr':'192.168.77.0'}]", NULL, NULL },
	{ "'blocks':[{'cidr':'x/24'}]", NULL, NULL },
	{ "'blocks':[{},7]", NULL, NULL },
};

START_TEST(test_block)
{
	char text[256], a[KVIP_ADDR_STRLEN];
	struct kvip_obj *o;

	snprintf(text, sizeof(text), "{'metadata':{'name':'p'},'spec':{%s}}", blocks[_i].json);
	o = eh_obj(KVIP_KIND_IP_POOL, text);
	ck_assert_uint_eq(o->pool.n, blocks[_i].first ? 1 : 0);
	if (blocks[_i].first) {
		ck_assert_str_eq(kvip_addr_render(&o->pool.v[0].first, a), blocks[_i].first);
		ck_assert_str_eq(kvip_addr_render(&o->pool.v[0].last, a), blocks[_i].last);
	}
	kvip_obj_free(o);
}
END_TEST

/* Pairs that differ in what is acted upon; the first is also compared with itself decoded again. */
static const struct {
	enum kvip_kind kind;
	const char *a, *b;
} pairs[] = {
	{ KVIP_KIND_ADVERTISEMENT, "'advertisements':[{'selector':{}}]", "'advertisements':[{}]" },
	{ KVIP_KIND_ADVERTISEMENT, "'advertisements':[{}]", "'advertisements':[{},{}]" },
	{ KVIP_KIND_ADVERTISEMENT, "'advertisements':[{'service':{'addresses':['ClusterIP']}}]",
	  "'advertisements':[{'service':{'addresses':['ExternalIP']}}]" },
	{ KVIP_KIND_ADVERTISEMENT, "'advertisements':[{'attributes':{'localPreference':1}}]",
	  "'advertisements':[{'attributes':{'localPreference':2}}]" },
	{ KVIP_KIND_CLUSTER_CONFIG, "'nodeSelector':{}", "'bgpInstances':[]" },
	{ KVIP_KIND_CLUSTER_CONFIG, "'bgpInstances':[{'name':'a'}]",
	  "'bgpInstances':[{'name':'b'}]" },
	{ KVIP_KIND_CLUSTER_CONFIG,
	  "'bgpInstances':[{'name':'a','peers':[{'name':'p','peerAddress':'1.1.1.1'}]}]",
	  "'bgpInstances':[{'name':'a','peers':[{'name':'p','peerAddress':'1.1.1.2'}]}]" },
	{ KVIP_KIND_PEER_CONFIG, "'families':[{'afi':'ipv4','advertisements':{}}]",
	  "'families':[{'afi':'ipv4'}]" },
	{ KVIP_KIND_NODE_OVERRIDE, "'bgpInstances':[{'name':'a'}]",
	  "'bgpInstances':[{'name':'b'}]" },
	{ KVIP_KIND_IP_POOL, "'disabled':true", "'disabled':false" },
	{ KVIP_KIND_IP_POOL, "'blocks':[{'cidr':'10.0.0.0/8'}]",
	  "'blocks':[{'cidr':'10.0.0.0/9'}]" },
	{ KVIP_KIND_IP_POOL, "'serviceSelector':{}", "" },
};

START_TEST(test_equal)
{
	struct kvip_obj *o[3];
	char text[512];

	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text),
			 "{'metadata':{'name':'x','resourceVersion':'%d'},'spec':{%s},"
			 "'status':{'conditions':[{'type':'%d'}]}}",
			 i, i == 2 ? pairs[_i].b : pairs[_i].a, i);
		o[i] = eh_obj(pairs[_i].kind, text);
	}
	ck_assert(kvip_obj_equal(o[0], o[1])); /* what an operator writes back is no change */
	ck_assert(!kvip_obj_equal(o[0], o[2]));
	for (int i = 0; i < 3; i++)
		kvip_obj_free(o[i]);
}
END_TEST

/* More than there is room for is cut and counted. */
START_TEST(test_limits)
{
	size_t n = 0, size = 64 << 10;
	char *json = malloc(size);
	struct kvip_obj *o;

	n += (size_t)snprintf(json, size,
			      "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"advertisements\":[");
	for (unsigned int i = 0; i < KVIP_MAX_CILIUM_ITEMS + 3; i++)
		n += (size_t)snprintf(json + n, size - n,
				      "%s{\"advertisementType\":\"Service\",\"selector\":{}}",
				      i ? "," : "");
	snprintf(json + n, size - n, "]}}");
	ck_assert_int_eq(
		kvip_obj_decode(KVIP_KIND_ADVERTISEMENT, json, strlen(json), &o, NULL, 0, NULL), 0);
	ck_assert_uint_eq(o->advertisement.n, KVIP_MAX_CILIUM_ITEMS);
	ck_assert_uint_gt(o->n_dropped, 0);
	kvip_obj_free(o);
	free(json);
	ck_assert_int_eq(kvip_mem_live(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("obj_cilium");
	TCase *tc = tcase_create("obj_cilium");

	tcase_add_loop_test(tc, test_selector, 0, COUNT(selectors));
	tcase_add_test(tc, test_selector_too_long);
	tcase_add_test(tc, test_advertisement);
	tcase_add_test(tc, test_well_known_communities);
	tcase_add_test(tc, test_cluster_config);
	tcase_add_test(tc, test_peer_config_and_override);
	tcase_add_loop_test(tc, test_block, 0, COUNT(blocks));
	tcase_add_loop_test(tc, test_equal, 0, COUNT(pairs));
	tcase_add_test(tc, test_limits);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
