// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what `show kubevip check` finds in Cilium's objects and in prefix-lists. Row F17 of
 * features.md; the seed's misprints.
 */
#include "base/kvip_mem.h"
#include "cilium_helper.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define V        "192.168.77.128"

struct found {
	char kinds[1024]; /* "kind kind " in the order found */
	char text[16384];
};

static void on_finding(void *ctx, const struct kvip_finding *f)
{
	struct found *all = ctx;

	ck_assert_str_eq(f->cluster, "lab");
	ck_assert_str_ne(f->text, "");
	snprintf(all->kinds + strlen(all->kinds), sizeof(all->kinds) - strlen(all->kinds), "%s ",
		 f->kind);
	snprintf(all->text + strlen(all->text), sizeof(all->text) - strlen(all->text), "%s [%s]\n",
		 f->text, f->object);
}

static struct found *check(struct eh *h)
{
	static struct found found;

	found = (struct found){ .kinds = "" };
	kvip_engine_check(h->engine, on_finding, &found);
	return &found;
}

/* One step from a chain in which nothing is wrong: NULL leaves an object as it is, "" leaves it
 * out. */
static const struct {
	const char *what;
	const char *conf; /* added */
	const char *labels, *advert, *advertisements, *node_selector, *peer, *pool, *override;
	const char *kinds;
} cases[] = {
	{ .what = "nothing", .kinds = "" },
	{ .what = "the label that is selected is another one",
	  .labels = "'bgp.cilium.io/advertise':'other'",
	  .kinds = "cilium-advertisement-not-selected cilium-peer-config-selects-nothing " },
	{ .what = "a family without advertisements",
	  .advertisements = "",
	  .kinds = "cilium-advertisement-not-selected cilium-peer-config-selects-nothing " },
	{ .what = "no selector",
	  .advert = "{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP']}}",
	  .kinds = "cilium-selector-missing " },
	{ .what = "an unusable selector",
	  .advert = "{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP']},"
		    "'selector':{'matchLabels':{'a':5}}}",
	  .kinds = "cilium-selector-unusable " },
	{ .what = "no kind of address",
	  .advert = "{'advertisementType':'Service','selector':{}}",
	  .kinds = "cilium-no-address-kind " },
	{ .what = "another type",
	  .advert = "{'advertisementType':'PodCIDR'}",
	  .kinds = "cilium-other-advertisement " },
	{ .what = "an aggregate",
	  .advert = "{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP'],"
		    "'aggregationLengthIPv4':24},'selector':{}}",
	  .kinds = "cilium-aggregation-ignored " },
	{ .what = "attributes",
	  .advert = "{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP']},"
		    "'selector':{},'attributes':{'localPreference':200}}",
	  .kinds = "cilium-attributes-not-carried " },
	{ .what = "attributes that a route-map may set by a tag",
	  .conf = "cluster lab advertise cilium:adv/0 tag 99\n",
	  .advert = "{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP']},"
		    "'selector':{},'attributes':{'localPreference':200}}",
	  .kinds = "" },
	{ .what = "settings for nobody",
	  .conf = "cluster lab advertise cilium:oops tag 99\n",
	  .kinds = "cilium-settings-unused " },
	{ .what = "a peer elsewhere",
	  .peer = "{'name':'p','peerAddress':'192.168.1.10','peerConfigRef':{'name':'pc'}}",
	  .kinds = "cilium-peer-in-other-network cilium-peer-not-here " },
	{ .what = "a peer beside us",
	  .peer = "{'name':'p','peerAddress':'192.168.99.9','peerConfigRef':{'name':'pc'}}",
	  .kinds = "cilium-peer-not-here " },
	{ .what = "a peer elsewhere, and one that is us",
	  .peer = "{'name':'p','peerAddress':'192.168.1.10','peerConfigRef':{'name':'pc'}},"
		  "{'name':'q','peerAddress':'192.168.99.10','peerConfigRef':{'name':'pc'}}",
	  .kinds = "" },
	{ .what = "a peer that Cilium finds itself",
	  .peer = "{'name':'p','peerConfigRef':{'name':'pc'}}",
	  .kinds = "" },
	{ .what = "a peer without PeerConfig",
	  .peer = "{'name':'p','peerAddress':'192.168.99.10'}",
	  .kinds = "cilium-peer-config-unused cilium-peer-without-config " },
	{ .what = "a PeerConfig that is not there",
	  .peer = "{'name':'p','peerAddress':'192.168.99.10','peerConfigRef':{'name':'cp'}}",
	  .kinds = "cilium-peer-config-unused cilium-peer-config-missing " },
	{ .what = "no node",
	  .node_selector = "{'matchLabels':{'zone':'c'}}",
	  .kinds = "cilium-no-node " },
	{ .what = "an unusable nodeSelector",
	  .node_selector = "{'matchLabels':{'zone':5}}",
	  .kinds = "cilium-selector-unusable " },
	{ .what = "a pool outside",
	  .pool = "'blocks':[{'cidr':'192.168.76.0/23'}]",
	  .kinds = "cilium-pool-outside-range " },
	{ .what = "a pool over two ranges",
	  .conf = "cluster lab vip-range 192.168.78.0/24\n",
	  .pool = "'blocks':[{'start':'192.168.77.100','stop':'192.168.78.9'}]",
	  .kinds = "" },
	{ .what = "a pool that ends after the last range",
	  .conf = "cluster lab vip-range 192.168.78.0/24\n",
	  .pool = "'blocks':[{'start':'192.168.77.100','stop':'192.168.79.0'}]",
	  .kinds = "cilium-pool-outside-range " },
	{ .what = "a pool with a gap between ranges",
	  .conf = "cluster lab vip-range 192.168.79.0/24\n",
	  .pool = "'blocks':[{'start':'192.168.77.100','stop':'192.168.79.9'}]",
	  .kinds = "cilium-pool-outside-range " },
	{ .what = "a pool at the end of the address space",
	  .pool = "'blocks':[{'cidr':'192.168.77.0/24'},{'start':'255.255.255.255'}]",
	  .kinds = "cilium-pool-outside-range " },
	{ .what = "a pool of nothing",
	  .pool = "'blocks':[]",
	  .kinds = "cilium-pool-empty cilium-vip-without-pool " },
	{ .what = "a pool without the VIP",
	  .pool = "'blocks':[{'start':'192.168.77.1'}]",
	  .kinds = "cilium-vip-without-pool " },
	{ .what = "no pool at all", .pool = "", .kinds = "" },
	{ .what = "an unusable serviceSelector",
	  .pool = "'serviceSelector':{'matchLabels':{'a b':'c'}},'blocks':[{'cidr':'192.168.77.0/24'}]",
	  .kinds = "cilium-selector-unusable " },
	{ .what = "an override of no node",
	  .override = "n9|i",
	  .kinds = "cilium-override-without-node " },
	{ .what = "an override of no instance",
	  .override = "n1|j",
	  .kinds = "cilium-override-without-instance " },
};

static const char * or (const char *changed, const char *usual)
{
	return changed ? changed : usual;
}

static void put_override(struct eh *h, const char *text)
{
	char json[256];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%.2s'},'spec':{'bgpInstances':[{'name':'%s'}]}}", text,
		 text + 3);
	ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_NODE_OVERRIDE, json), 0);
}

START_TEST(test_case)
{
	struct eh *h = eh_new();
	struct found *f;
	char text[1024];

	snprintf(text, sizeof(text), CH_CONF "%s", or (cases[_i].conf, ""));
	eh_publish(h, eh_facts("192.168.99.10 127.0.0.1", "192.168.99.0/24"));
	eh_conf(h, text);
	ch_nodes(h);
	eh_service(h, "lab", "web", V, "'labels':{'bgp':'enable'}", "");
	eh_slice(h, "lab", "web", "n1:r");
	ch_advertisement(h, "adv", or (cases[_i].labels, "'bgp.cilium.io/advertise':'lb'"),
			 or (cases[_i].advert, ch_lb(CH_ENABLE)));
	ch_peer_config(h, "pc", or (cases[_i].advertisements,
				    "{'matchLabels':{'bgp.cilium.io/advertise':'lb'}}"));
	ch_cluster_config(h, "cc", or (cases[_i].node_selector, ""),
			  or (cases[_i].peer, "{'name':'p','peerAddress':'192.168.99.10',"
					      "'peerConfigRef':{'name':'pc'}}"));
	snprintf(text, sizeof(text), "{'metadata':{'name':'pool'},'spec':{%s}}",
		 or (cases[_i].pool, "'blocks':[{'cidr':'192.168.77.0/24'}]"));
	if (!cases[_i].pool || *cases[_i].pool)
		ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_IP_POOL, text), 0);
	put_override(h, or (cases[_i].override, "n1|i"));
	eh_synced(h, "lab");
	f = check(h);
	ck_assert_msg(strcmp(f->kinds, cases[_i].kinds) == 0, "%s: '%s', wanted '%s'\n%s",
		      cases[_i].what, f->kinds, cases[_i].kinds, f->text);
	eh_free(h);
	ck_assert_int_eq(kvip_mem_live(), 0);
}
END_TEST

/* What is said tells where, what, and what to do. */
START_TEST(test_texts)
{
	struct eh *h = eh_new();
	struct found *f;

	eh_publish(h, eh_facts("192.168.99.10", "192.168.99.0/24"));
	eh_conf(h, CH_CONF);
	ch_nodes(h);
	ch_advertisement(
		h, "adv", "'bgp.cilium.io/advertise':'mdhlabs'",
		"{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP']},"
		"'selector':{},'attributes':{'communities':{'standard':['65000:1'],'large':"
		"['1:2:3']},'localPreference':200}}");
	ch_peer_config(h, "pc", "{'matchLabels':{'bgp.cilium.io/advertise':'loadbalancer'}}");
	ch_cluster_config(
		h, "cc", "",
		"{'name':'fedora1','peerAddress':'192.168.1.10','peerConfigRef':{'name':'pc'}}");
	eh_put(h, "lab", KVIP_KIND_IP_POOL,
	       "{'metadata':{'name':'pool'},'spec':{'blocks':[{'cidr':'192.168.76.0/23'}]}}");
	eh_synced(h, "lab");
	f = check(h);
	for (int i = 0; i < 11; i++) {
		static const char *const said[] = {
			"[CiliumBGPAdvertisement adv]",
			"bgp.cilium.io/advertise=mdhlabs",
			"bgp.cilium.io/advertise=loadbalancer",
			"`kubevip cluster lab advertise cilium:adv/0 tag N`",
			"`set community 65000:1 additive`",
			"`set large-community 1:2:3 additive`",
			"`set local-preference 200`",
			"fedora1",
			"192.168.1.10",
			"192.168.99.10", /* what was meant */
			"192.168.76.0",
		};

		ck_assert_msg(strstr(f->text, said[i]) != NULL, "%s is not in\n%s", said[i],
			      f->text);
	}
	eh_free(h);
}
END_TEST

/* A dry run knows no address of a router: nothing is said of peers. */
START_TEST(test_without_facts)
{
	struct eh *h = eh_new();

	eh_conf(h, CH_CONF);
	ch_nodes(h);
	ch_advertisement(h, "adv", "", ch_lb(CH_ENABLE));
	ch_peer_config(h, "pc", "{}");
	ch_cluster_config(
		h, "cc", "",
		"{'name':'p','peerAddress':'192.168.1.10','peerConfigRef':{'name':'pc'}}");
	eh_synced(h, "lab");
	ck_assert_str_eq(check(h)->kinds, "");
	eh_free(h);
}
END_TEST

START_TEST(test_presence)
{
	struct eh *h = eh_new();

	eh_conf(h, CH_CONF);
	ch_nodes(h);
	ck_assert_str_eq(check(h)->kinds, "cilium-unknown ");
	eh_synced(h, "lab");
	ck_assert_str_eq(check(h)->kinds, "cilium-no-advertisement ");
	eh_conf(h, EH_CONF);
	ck_assert_str_eq(check(h)->kinds, "");
	eh_free(h);
}
END_TEST

START_TEST(test_too_many)
{
	struct eh *h = eh_new();
	char name[32];

	eh_conf(h, CH_CONF);
	ch_nodes(h);
	ch_peer_config(h, "pc", "{}");
	ch_cluster_config(h, "cc", "", "{'name':'p','peerConfigRef':{'name':'pc'}}");
	for (unsigned int i = 0; i < KVIP_MAX_CILIUM_OBJECTS + 1; i++) {
		snprintf(name, sizeof(name), "adv%03u", i);
		ch_advertisement(h, name, "", ch_lb("{}"));
	}
	eh_synced(h, "lab");
	ck_assert_str_eq(check(h)->kinds, "cilium-too-many cilium-too-many ");
	eh_free(h);
}
END_TEST

/* Entries of the cluster's prefix-list; `ge`, `le`: 0 is not given. */
static const struct {
	const char *prefix;
	uint8_t ge, le;
	bool permit, any;
	const char *kinds;
} entries[] = {
	{ "192.168.77.0/24", 32, 0, true, false, "" },
	{ "192.168.77.0/24", 0, 0, true, false, "prefix-list-no-host-route " }, /* the seed's */
	{ "192.168.77.0/24", 25, 0, true, false, "" },
	{ "192.168.77.0/24", 0, 32, true, false, "" },
	{ "192.168.77.0/24", 0, 31, true, false, "prefix-list-no-host-route " },
	{ "192.168.77.0/24", 25, 30, true, false, "prefix-list-no-host-route " },
	{ "192.168.77.5/32", 0, 0, true, false, "" },
	{ "192.168.77.0/24", 0, 0, false, false, "" },
	{ "0.0.0.0/0", 0, 0, true, true, "" },
};

START_TEST(test_prefix_list)
{
	struct eh *h = eh_new();
	struct kvip_facts *f = eh_facts("192.168.99.10", "192.168.99.0/24");
	struct kvip_plist_entry *e;

	eh_plist(f, "KUBEFILTER", entries[_i].prefix);
	e = &f->plists[0].entries[0];
	e->ge = entries[_i].ge;
	e->le = entries[_i].le;
	e->permit = entries[_i].permit;
	e->any = entries[_i].any;
	eh_publish(h, f);
	eh_conf(h, EH_CONF "cluster lab prefix-list KUBEFILTER\n");
	ck_assert_str_eq(check(h)->kinds, entries[_i].kinds);
	if (*entries[_i].kinds) {
		ck_assert_ptr_nonnull(strstr(check(h)->text, "[prefix-list KUBEFILTER]"));
		ck_assert_ptr_nonnull(strstr(check(h)->text, "ge 32"));
	}
	eh_free(h);
}
END_TEST

START_TEST(test_prefix_list_undefined)
{
	struct eh *h = eh_new();

	eh_publish(h, eh_facts("192.168.99.10", "192.168.99.0/24"));
	eh_conf(h, EH_CONF "cluster lab vip-range fd00:77::/64\ncluster lab prefix-list NONE\n");
	ck_assert_str_eq(check(h)->kinds, "prefix-list-undefined prefix-list-undefined ");
	eh_conf(h, EH_CONF "cluster lab prefix-list NONE\n");
	ck_assert_str_eq(check(h)->kinds, "prefix-list-undefined ");
	eh_free(h);
}
END_TEST

/* Without memory it says less, and nothing else happens. */
START_TEST(test_no_memory)
{
	struct eh *h = eh_new();

	eh_conf(h, CH_CONF);
	ch_nodes(h);
	ch_advertisement(h, "adv", "", ch_lb("{}"));
	ch_peer_config(h, "pc", "{}");
	ch_cluster_config(h, "cc", "{}", "{'name':'p','peerConfigRef':{'name':'pc'}}");
	eh_synced(h, "lab");
	for (int nth = 1;; nth++) {
		int64_t before = kvip_mem_live();

		kvip_mem_fail_at(nth);
		check(h);
		ck_assert_int_eq(kvip_mem_live(), before);
		if (!kvip_mem_failed())
			break;
	}
	kvip_mem_fail_at(0);
	eh_free(h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cilium_check");
	TCase *tc = tcase_create("cilium_check");

	tcase_add_loop_test(tc, test_case, 0, COUNT(cases));
	tcase_add_test(tc, test_texts);
	tcase_add_test(tc, test_without_facts);
	tcase_add_test(tc, test_presence);
	tcase_add_test(tc, test_too_many);
	tcase_add_loop_test(tc, test_prefix_list, 0, COUNT(entries));
	tcase_add_test(tc, test_prefix_list_undefined);
	tcase_add_test(tc, test_no_memory);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
