// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: incremental is the same as from scratch.
 *
 * An engine lives through random changes, relists and steps; then a second one is given only what
 * there is at the end. Both tables must be equal: rules R3, "order, not arrival, decides", and F20.
 * What depends on the past by design (last good nodes, maximum-vips, the guard) is kept out of it.
 */
#include "base/kvip_mem.h"
#include "engine_helper.h"

#define SERVICES 12
#define NODES    4
#define GATEWAYS 3
#define CILIUM   3 /* of each of its kinds */
#define OPS      150

struct world {
	unsigned int seed;
	bool service[2][SERVICES], slice[2][SERVICES], node[2][NODES], gateway[2][GATEWAYS];
	unsigned int service_v[2][SERVICES], slice_v[2][SERVICES], node_v[2][NODES],
		gateway_v[2][GATEWAYS];
	bool cilium[2][KVIP_KIND_MAX][CILIUM];
	unsigned int cilium_v[2][KVIP_KIND_MAX][CILIUM];
	int conf;
};

static const char *const cluster_name[2] = { "a", "b" };

#define RANGES                                                                                     \
	"cluster a vip-range 192.168.77.0/28\ncluster b vip-range 192.168.77.8/29\n"               \
	"cluster a withdraw-guard 100 min 1000000\ncluster b withdraw-guard 100 min 1000000\n"

static const char *const confs[] = {
	RANGES
	"cluster a advertise web service-selector any\ncluster b advertise web service-selector any\n",
	RANGES
	"cluster a advertise web service-selector x\ncluster b advertise web service-selector any\n"
	"cluster a advertise web node-selector !edge\ncluster b preference 200\n"
	"cluster a advertise zoo service-selector !x\n"
	"cluster a advertise zoo address external-ip loadbalancer-ip\n",
	RANGES
	"cluster a advertise web service-selector any\ncluster a advertise web tag 99\n"
	"cluster a vip-range 192.168.77.4/30 namespace other\n"
	"cluster b advertise web service-selector x\ncluster b advertise web allow-no-endpoints\n",
	RANGES "cluster a from-cilium\ncluster b from-cilium\n"
	       "cluster a advertise zoo service-selector !x\ncluster a advertise cilium tag 66\n"
	       "cluster b advertise cilium:a1/0 tag 55\n",
};
#define CONFS ((unsigned int)(sizeof(confs) / sizeof(confs[0])))

static unsigned int roll(struct world *w, unsigned int n)
{
	w->seed = w->seed * 1103515245u + 12345u;
	return (w->seed >> 16) % n;
}

/* The objects, each a function of its name and a version number. */
static void put_service(struct eh *h, int c, int i, unsigned int v)
{
	char json[2048], label[200] = "";

	if (v & 1)
		snprintf(label, sizeof(label), "'x':'1'");
	if (v & 2)
		snprintf(label + strlen(label), sizeof(label) - strlen(label),
			 "%s'gateway.networking.k8s.io/gateway-name':'g%u'", *label ? "," : "",
			 v / 4 % GATEWAYS);
	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'s%d','namespace':'prod','uid':'u%d-%u',"
		 "'creationTimestamp':'2026-01-%02uT00:00:00Z','labels':{%s}},"
		 "'spec':{'type':'LoadBalancer','externalTrafficPolicy':'%s','selector':{'a':'b'},"
		 "'externalIPs':['192.168.77.%u']},"
		 "'status':{'loadBalancer':{'ingress':[{'ip':'192.168.77.%u'}]}}}",
		 i, i, v % 3, v % 28 + 1, label, v & 16 ? "Local" : "Cluster", v / 7 % 16,
		 v / 5 % 16);
	ck_assert_int_eq(eh_put(h, cluster_name[c], KVIP_KIND_SERVICE, json), 0);
}

static void put_slice(struct eh *h, int c, int i, unsigned int v)
{
	char json[2048];

	snprintf(
		json, sizeof(json),
		"{'metadata':{'name':'s%d-x','namespace':'prod','labels':{"
		"'kubernetes.io/service-name':'s%d'}},'addressType':'IPv4','endpoints':["
		"{'addresses':['10.0.0.1'],'nodeName':'n%u','conditions':{'ready':%s}},"
		"{'addresses':['10.0.0.2'],'nodeName':'n%u','conditions':{'ready':%s,'serving':true,"
		"'terminating':%s}}]}",
		i, v & 64 ? (i + 1) % SERVICES : i, v % NODES, v & 4 ? "true" : "false",
		v / 8 % NODES, v & 8 ? "true" : "false", v & 8 ? "false" : "true");
	ck_assert_int_eq(eh_put(h, cluster_name[c], KVIP_KIND_SLICE, json), 0);
}

/* n0 is always Ready: what is kept for want of Ready nodes depends on the past. */
static void put_node(struct eh *h, int c, int i, unsigned int v)
{
	char name[8], ip[32];

	snprintf(name, sizeof(name), "n%d", i);
	snprintf(ip, sizeof(ip), "192.168.%u.%d", v & 8 ? 77u : 99u, (v & 8 ? 0 : 1) + i);
	eh_node(h, cluster_name[c], name, ip, i && v & 1 ? "False" : "True",
		i && v & 2 ? "'labels':{'edge':''}" : "", "");
}

static void put_gateway(struct eh *h, int c, int i, unsigned int v)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'g%d','namespace':'prod','uid':'g%d','labels':{%s}},"
		 "'status':{'addresses':[{'type':'IPAddress','value':'192.168.77.%u'}]}}",
		 i, i, v & 1 ? "'x':'1'" : "", v / 2 % 16);
	ck_assert_int_eq(eh_put(h, cluster_name[c], KVIP_KIND_GATEWAY, json), 0);
}

static void put_advertisement(struct eh *h, int c, int i, unsigned int v)
{
	static const char *const selectors[] = { "'selector':{}", "'x':1",
						 "'selector':{'matchLabels':{'x':'1'}}",
						 "'selector':{'matchExpressions':[{'key':'x',"
						 "'operator':'DoesNotExist'}]}" };
	static const char *const addresses[] = { "'LoadBalancerIP'", "'ExternalIP'",
						 "'ExternalIP','LoadBalancerIP'" };
	char json[1024];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'a%d','labels':{'tier':'%u'}},'spec':{'advertisements':["
		 "{'advertisementType':'Service','service':{'addresses':[%s]},%s}]}}",
		 i, v % 2, addresses[v / 8 % 3], selectors[v / 2 % 4]);
	ck_assert_int_eq(eh_put(h, cluster_name[c], KVIP_KIND_ADVERTISEMENT, json), 0);
}

static void put_cluster_config(struct eh *h, int c, int i, unsigned int v)
{
	static const char *const nodes[] = {
		"", "'nodeSelector':{},",
		"'nodeSelector':{'matchExpressions':[{'key':'edge','operator':'Exists'}]},",
		"'nodeSelector':{'matchExpressions':[{'key':'edge','operator':'DoesNotExist'}]},"
	};
	char json[1024];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'c%d'},'spec':{%s'bgpInstances':[{'name':'i','peers':["
		 "{'name':'p','peerConfigRef':{'name':'p%u'}}]}]}}",
		 i, nodes[v % 4], v / 4 % (CILIUM + 1));
	ck_assert_int_eq(eh_put(h, cluster_name[c], KVIP_KIND_CLUSTER_CONFIG, json), 0);
}

static void put_peer_config(struct eh *h, int c, int i, unsigned int v)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'p%d'},'spec':{'families':[{'afi':'ipv4','safi':'unicast',"
		 "'advertisements':{'matchLabels':{'tier':'%u'}}}]}}",
		 i, v % 3);
	ck_assert_int_eq(eh_put(h, cluster_name[c], KVIP_KIND_PEER_CONFIG, json), 0);
}

static void put_override(struct eh *h, int c, int i, unsigned int v)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'n%d'},'spec':{'bgpInstances':[{'name':'i%u'}]}}", i, v % 2);
	ck_assert_int_eq(eh_put(h, cluster_name[c], KVIP_KIND_NODE_OVERRIDE, json), 0);
}

static void put_pool(struct eh *h, int c, int i, unsigned int v)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'l%d'},'spec':{'blocks':[{'start':'192.168.77.%u'}]}}", i,
		 v % 16);
	ck_assert_int_eq(eh_put(h, cluster_name[c], KVIP_KIND_IP_POOL, json), 0);
}

typedef void put_fn(struct eh *h, int c, int i, unsigned int v);

struct sort {
	enum kvip_kind kind;
	put_fn *put;
	bool *there;
	unsigned int *version;
	int n;
	const char *ns, *name; /* format */
};

static struct sort cilium(struct world *w, int c, enum kvip_kind kind, put_fn *put,
			  const char *name)
{
	return (struct sort){
		kind, put, w->cilium[c][kind], w->cilium_v[c][kind], CILIUM, "", name
	};
}

static struct sort sort_of(struct world *w, int c, enum kvip_kind kind)
{
	switch (kind) {
	case KVIP_KIND_SERVICE:
		return (struct sort){ kind,     put_service, w->service[c], w->service_v[c],
				      SERVICES, "prod",      "s%d" };
	case KVIP_KIND_SLICE:
		return (struct sort){ kind,     put_slice, w->slice[c], w->slice_v[c],
				      SERVICES, "prod",    "s%d-x" };
	case KVIP_KIND_NODE:
		return (struct sort){ kind, put_node, w->node[c], w->node_v[c], NODES, "", "n%d" };
	case KVIP_KIND_GATEWAY:
		return (struct sort){ kind,     put_gateway, w->gateway[c], w->gateway_v[c],
				      GATEWAYS, "prod",      "g%d" };
	case KVIP_KIND_ADVERTISEMENT:
		return cilium(w, c, kind, put_advertisement, "a%d");
	case KVIP_KIND_CLUSTER_CONFIG:
		return cilium(w, c, kind, put_cluster_config, "c%d");
	case KVIP_KIND_PEER_CONFIG:
		return cilium(w, c, kind, put_peer_config, "p%d");
	case KVIP_KIND_NODE_OVERRIDE:
		return cilium(w, c, kind, put_override, "n%d");
	default:
		return cilium(w, c, kind, put_pool, "l%d");
	}
}

static void change(struct eh *h, struct world *w)
{
	int c = (int)roll(w, 2);
	struct sort s = sort_of(w, c, (enum kvip_kind)roll(w, KVIP_KIND_MAX));
	int i = (int)roll(w, (unsigned int)s.n);
	char name[16];

	if (s.there[i] && roll(w, 3) == 0 && !(s.kind == KVIP_KIND_NODE && i == 0)) {
		snprintf(name, sizeof(name), s.name, i);
		eh_del(h, cluster_name[c], s.kind, s.ns, name);
		s.there[i] = false;
		return;
	}
	s.there[i] = true;
	s.version[i] = roll(w, 1u << 16);
	s.put(h, c, i, s.version[i]);
}

static void put_all(struct eh *h, struct world *w, int c, enum kvip_kind kind)
{
	struct sort s = sort_of(w, c, kind);

	for (int i = s.n - 1; i >= 0; i--)
		if (s.there[i])
			s.put(h, c, i, s.version[i]);
}

/* Some objects went, some came, while nobody was watching. */
static void relist(struct eh *h, struct world *w)
{
	int c = (int)roll(w, 2);
	enum kvip_kind kind = (enum kvip_kind)roll(w, KVIP_KIND_MAX);
	struct sort s = sort_of(w, c, kind);

	for (int i = kind == KVIP_KIND_NODE; i < s.n; i++) {
		if (roll(w, 4))
			continue;
		s.there[i] = roll(w, 2);
		s.version[i] = roll(w, 1u << 16);
	}
	eh_begin(h, cluster_name[c], kind);
	put_all(h, w, c, kind);
	if (roll(w, 2))
		eh_step(h);
	eh_end(h, cluster_name[c], kind);
}

static void live(struct eh *h, struct world *w)
{
	for (int c = 0; c < 2; c++) {
		w->node[c][0] = true;
		put_node(h, c, 0, 0);
	}
	for (int op = 0; op < OPS; op++) {
		unsigned int what = roll(w, 20);

		if (op == OPS / 5)
			eh_synced(h, "a");
		if (op == OPS / 4)
			eh_synced(h, "b");
		if (what == 0) {
			w->conf = (int)roll(w, CONFS);
			eh_conf(h, confs[w->conf]);
		} else if (what == 1) {
			relist(h, w);
		} else {
			change(h, w);
		}
		if (roll(w, 3) == 0)
			eh_pass(h, 100);
	}
	/* a relist that leaves none is held, whatever the percentage: not what is compared here */
	eh_step(h);
	ck_assert_uint_eq(eh_summary(h).backlog, 0);
	if (eh_summary(h).vips_held == 0)
		return;
	kvip_engine_accept_withdrawals(h->engine, NULL);
	eh_step(h);
}

static struct eh *from_scratch(struct world *w)
{
	struct eh *h = eh_new();

	eh_conf(h, confs[w->conf]);
	for (int c = 1; c >= 0; c--) {
		for (int k = KVIP_KIND_MAX - 1; k >= 0; k--)
			put_all(h, w, c, (enum kvip_kind)k);
		eh_synced(h, cluster_name[c]);
	}
	return h;
}

START_TEST(test_same_as_from_scratch)
{
	int64_t before = kvip_mem_live();
	struct world w = { .seed = (unsigned int)_i * 7919u + 1 };
	struct eh *h = eh_new(), *fresh;
	char p[KVIP_PREFIX_STRLEN];

	eh_conf(h, confs[0]);
	live(h, &w);
	fresh = from_scratch(&w);
	for (size_t i = 0; i < fresh->n; i++) {
		kvip_prefix_render(&fresh->routes[i].prefix, p);
		ck_assert_msg(strcmp(eh_route(h, p), fresh->routes[i].text) == 0,
			      "seed %d %s: '%s', from scratch '%s'", _i, p, eh_route(h, p),
			      fresh->routes[i].text);
	}
	ck_assert_uint_eq(h->n, fresh->n);
	ck_assert_uint_eq(eh_summary(h).table_digest, eh_summary(fresh).table_digest);
	ck_assert_uint_eq(eh_summary(h).conflicts, eh_summary(fresh).conflicts);
	ck_assert_uint_eq(eh_summary(h).vips_routed, h->n);
	eh_free(h);
	eh_free(fresh);
	ck_assert_int_eq(kvip_mem_live(), before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine_random");
	TCase *tc = tcase_create("random");
	const char *n = getenv("KUBEVIP_RANDOM_SEEDS");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_same_as_from_scratch, 0, n ? atoi(n) : 100);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
