// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the engine and its clients: a client that this file plays itself.
 *
 * What is under test: when a client is made, kept, made anew and freed; optional kinds; the loss of
 * the API; new credentials, whose data takes the old one's place as a whole. Rules R4.
 */
#include "base/kvip_mem.h"
#include "engine_helper.h"
#include "vip/kvip_engine_priv.h"

#include <errno.h>

#define V "192.168.77.128"

struct kvip_client {
	struct kvip_client_hooks hooks;
	char kubeconfig[64];
	bool cilium; /* asks for Cilium's kinds */
	struct kvip_client_status status;
};

static struct kvip_client *client; /* the newest */
static int made, freed, relists;
static int no_http;

static int fake_new(struct kvip_http *http, const struct kvip_client_conf *conf,
		    const struct kvip_client_hooks *hooks, const struct kvip_log *log,
		    uint64_t seed, kvip_msec now, struct kvip_client **out)
{
	struct kvip_client *c = calloc(1, sizeof(*c));

	(void)http, (void)log, (void)seed, (void)now;
	ck_assert(conf->kinds[KVIP_KIND_GATEWAY]);
	c->hooks = *hooks;
	snprintf(c->kubeconfig, sizeof(c->kubeconfig), "%s",
		 conf->kubeconfig ? conf->kubeconfig : "");
	c->cilium = conf->kinds[KVIP_KIND_ADVERTISEMENT];
	for (int k = 0; k < KVIP_KIND_MAX; k++) {
		ck_assert(conf->kinds[k] == (!kvip_kinds[k].cilium || c->cilium));
		if (conf->kinds[k])
			c->status.kind[k].state = KVIP_WATCH_LISTING;
	}
	client = c;
	made++;
	*out = c;
	return 0;
}

static void fake_free(struct kvip_client *c)
{
	if (client == c)
		client = NULL;
	free(c);
	freed++;
}

static kvip_msec fake_step(struct kvip_client *c, kvip_msec now)
{
	/* the hooks must not be held here: a client may call back */
	c->hooks.lock_enter(c->hooks.ctx);
	c->hooks.lock_leave(c->hooks.ctx);
	return now + 1000;
}

static void fake_relist(struct kvip_client *c, kvip_msec now)
{
	(void)c, (void)now;
	relists++;
}

static void fake_get_status(const struct kvip_client *c, struct kvip_client_status *out)
{
	*out = c->status;
}

static const struct kvip_client_ops fake_ops = {
	.create = fake_new,
	.destroy = fake_free,
	.step = fake_step,
	.relist = fake_relist,
	.get_status = fake_get_status,
};

static struct eh *start(void)
{
	struct eh *h = eh_new();
	struct kvip_engine_deps deps = { .http = (struct kvip_http *)&no_http,
					 .nhsets = h->nhsets,
					 .mailbox = h->mailbox };

	made = freed = relists = 0;
	kvip_engine_free(h->engine);
	h->engine = kvip_engine_new(&deps);
	h->engine->client_ops = &fake_ops;
	return h;
}

static void stop(struct eh *h)
{
	eh_free(h);
	ck_assert_int_eq(made, freed);
}

/* All that follows comes from the newest client. */
static void put(enum kvip_kind kind, const char *json)
{
	client->hooks.lock_enter(client->hooks.ctx);
	ck_assert_int_eq(client->hooks.feed->put(client->hooks.ctx, eh_obj(kind, json)), 0);
	client->hooks.lock_leave(client->hooks.ctx);
}

static void put_node(const char *name, const char *ip)
{
	char json[512];

	snprintf(
		json, sizeof(json),
		"{'metadata':{'name':'%s'},'status':{'addresses':[{'type':'InternalIP','address':'%s'}],"
		"'conditions':[{'type':'Ready','status':'True'}]}}",
		name, ip);
	put(KVIP_KIND_NODE, json);
}

static void put_service(const char *name, const char *ip)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s','namespace':'prod'},'spec':{'type':'LoadBalancer'},"
		 "'status':{'loadBalancer':{'ingress':[{'ip':'%s'}]}}}",
		 name, ip);
	put(KVIP_KIND_SERVICE, json);
	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s-1','namespace':'prod','labels':{"
		 "'kubernetes.io/service-name':'%s'}},'addressType':'IPv4',"
		 "'endpoints':[{'addresses':['10.0.0.1'],'nodeName':'n1'}]}",
		 name, name);
	put(KVIP_KIND_SLICE, json);
}

static void listed(struct eh *h, enum kvip_kind kind)
{
	client->hooks.feed->refresh_end(client->hooks.ctx, kind);
	client->status.kind[kind].state = KVIP_WATCH_WATCHING;
	client->status.kind[kind].synced = true;
	client->status.kind[kind].last_proof_ms = h->now;
	client->status.kind[kind].watch_timeout_ms = 60000;
}

static void mandatory_listed(struct eh *h)
{
	listed(h, KVIP_KIND_SERVICE);
	listed(h, KVIP_KIND_SLICE);
	listed(h, KVIP_KIND_NODE);
}

static void proof(struct eh *h)
{
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		client->status.kind[k].last_proof_ms = h->now;
}

/* A cluster that runs, with V behind one node. */
static struct eh *running(const char *conf)
{
	struct eh *h = start();

	eh_conf(h, conf);
	ck_assert_ptr_null(client);
	ck_assert_int_le(h->next, h->now); /* the new cluster wants its client */
	eh_step(h);
	ck_assert_ptr_nonnull(client);
	put_node("n1", EH_N1);
	put_service("web", V);
	mandatory_listed(h);
	listed(h, KVIP_KIND_GATEWAY);
	eh_pass(h, 200);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	return h;
}

#define CONF "cluster lab kubeconfig /etc/one\n" EH_CONF

START_TEST(test_optional_kind_forbidden)
{
	struct eh *h = start();

	eh_conf(h, CONF);
	eh_step(h);
	put_node("n1", EH_N1);
	put_service("web", V);
	mandatory_listed(h);
	eh_pass(h, 300);
	ck_assert_uint_eq(h->n, 0);
	client->status.kind[KVIP_KIND_GATEWAY].state = KVIP_WATCH_BACKOFF;
	client->status.kind[KVIP_KIND_GATEWAY].http_status = 403;
	eh_pass(h, 300);
	ck_assert_uint_eq(h->n, 1);
	stop(h);
}
END_TEST

START_TEST(test_client_is_kept)
{
	struct eh *h = running(CONF);

	eh_conf(h, CONF "cluster lab maximum-vips 7\ncluster lab advertise b service-selector x\n");
	eh_step(h);
	ck_assert_int_eq(made, 1);
	eh_conf(h, "cluster other kubeconfig /etc/other\n");
	eh_step(h);
	ck_assert_int_eq(made, 2);
	ck_assert_int_eq(freed, 1);
	ck_assert_uint_eq(h->n, 0);
	stop(h);
}
END_TEST

/* What the client says of itself is copied now and then, but never older than what came of it. */
START_TEST(test_live_with_its_signs_of_life)
{
	struct eh *h = start();
	struct kvip_cluster_view v;

	eh_conf(h, CONF);
	eh_step(h); /* the status is copied */
	put_node("n1", EH_N1);
	h->now += 10;
	mandatory_listed(h);
	eh_step(h);
	v = eh_cluster(h);
	ck_assert_int_eq(v.state, KVIP_CLUSTER_STARTING); /* Gateways have not said anything */
	ck_assert_int_eq(v.client->kind[KVIP_KIND_NODE].state, KVIP_WATCH_WATCHING);
	ck_assert_int_eq(v.client->kind[KVIP_KIND_GATEWAY].state, KVIP_WATCH_LISTING);
	h->now += 10;
	listed(h, KVIP_KIND_GATEWAY);
	eh_step(h);
	v = eh_cluster(h);
	ck_assert_int_eq(v.state, KVIP_CLUSTER_LIVE);
	ck_assert_int_eq(v.last_proof_ms, h->now - 10);
	ck_assert_int_eq(v.client->kind[KVIP_KIND_GATEWAY].state, KVIP_WATCH_WATCHING);
	stop(h);
}
END_TEST

START_TEST(test_relist_order)
{
	struct eh *h = running(CONF);

	ck_assert_int_eq(kvip_engine_relist(h->engine, "lab"), 0);
	ck_assert_int_eq(kvip_engine_relist(h->engine, "x"), -ENOENT);
	eh_step(h);
	eh_step(h);
	ck_assert_int_eq(relists, 1);
	stop(h);
}
END_TEST

START_TEST(test_api_lost_and_held)
{
	struct eh *h = running(CONF);

	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_LIVE);
	eh_pass(h, 119000);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_LIVE);
	eh_pass(h, 1000);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_STALE);
	eh_pass(h, 7 * 86400000);
	ck_assert_uint_eq(h->n, 1);
	proof(h);
	eh_pass(h, 300);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_LIVE);
	client->status.unauthorized = true; /* 401 counts at once */
	eh_pass(h, 300);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_STALE);
	ck_assert_uint_eq(h->n, 1);
	/* an optional kind is not the API */
	client->status.unauthorized = false;
	proof(h);
	client->status.kind[KVIP_KIND_GATEWAY].last_proof_ms = 1;
	eh_pass(h, 60000);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_LIVE);
	stop(h);
}
END_TEST

START_TEST(test_api_lost_and_withdrawn)
{
	struct eh *h = running(CONF "cluster lab on-api-loss hold 300\n");
	char name[16], ip[32];

	for (int i = 1; i <= 40; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(ip, sizeof(ip), "192.168.77.%d", i);
		put_service(name, ip);
	}
	eh_pass(h, 300);
	ck_assert_uint_eq(h->n, 41);
	proof(h);
	eh_pass(h, 120000);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_STALE);
	ck_assert_int_le(h->next, h->now + 300000);
	eh_pass(h, 299000);
	ck_assert_uint_eq(h->n, 41);
	eh_pass(h, 1000);
	ck_assert_uint_eq(h->n, 0); /* the guard does not apply to that */
	ck_assert_uint_eq(h->withdrawn_by_operator, 0);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "api-lost");
	proof(h);
	eh_pass(h, 300);
	ck_assert_uint_eq(h->n, 41);
	stop(h);
}
END_TEST

START_TEST(test_never_reached_is_held)
{
	struct eh *h = start();
	struct kvip_restored r = { .identity = "", .confirmed_s = h->wall, .in_zebra = true };
	struct kvip_addr a;

	ck_assert_int_eq(kvip_addr_parse(EH_N1, &a), 0);
	ck_assert_int_eq(kvip_prefix_parse(V, &r.route.id.prefix), 0);
	r.route.nhs = kvip_nhset_get(h->nhsets, &a, 1);
	r.route.cluster = "lab";
	ck_assert_int_eq(kvip_engine_restore(h->engine, &r, 1), 0);
	kvip_nhset_unref(r.route.nhs);
	eh_conf(h, CONF "cluster lab on-api-loss hold 300\n");
	for (int i = 0; i < 100; i++)
		eh_pass(h, 100000);
	ck_assert_uint_eq(h->n, 1);
	ck_assert(eh_get(h, V)->restored);
	stop(h);
}
END_TEST

static void put_gateway(void)
{
	put(KVIP_KIND_GATEWAY,
	    "{'metadata':{'name':'gw','namespace':'prod','labels':{'tier':'gold'}}}");
}

/* And another VIP, which needs no Gateway: it is not the guard that holds the last one. */
static void put_gateways_service(void)
{
	put_node("n1", EH_N1);
	put_service("web", V);
	put_service("own", "192.168.77.1");
	put(KVIP_KIND_SERVICE,
	    "{'metadata':{'name':'own','namespace':'prod','labels':{'tier':'gold'}},"
	    "'spec':{'type':'LoadBalancer'},"
	    "'status':{'loadBalancer':{'ingress':[{'ip':'192.168.77.1'}]}}}");
	put(KVIP_KIND_SERVICE,
	    "{'metadata':{'name':'web','namespace':'prod','labels':{"
	    "'gateway.networking.k8s.io/gateway-name':'gw'}},'spec':{'type':'LoadBalancer'},"
	    "'status':{'loadBalancer':{'ingress':[{'ip':'" V "'}]}}}");
}

#define GOLD(file)                                                                                 \
	"cluster lab kubeconfig " file "\ncluster lab vip-range 192.168.77.0/24\n"                 \
	"cluster lab withdraw-guard 100 min 1000\n"                                                \
	"cluster lab advertise web service-selector tier=gold\n"

/* The API server is not well yet: VIPs that only a Gateway's labels select must not flap. */
START_TEST(test_gateways_fail_for_a_moment)
{
	struct eh *h = start();

	eh_conf(h, GOLD("/etc/one"));
	eh_step(h);
	put_gateway();
	put_gateways_service();
	mandatory_listed(h);
	listed(h, KVIP_KIND_GATEWAY);
	eh_pass(h, 300);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	eh_conf(h, GOLD("/etc/two"));
	eh_step(h);
	put_gateways_service();
	mandatory_listed(h);
	client->status.kind[KVIP_KIND_GATEWAY].state = KVIP_WATCH_BACKOFF;
	client->status.kind[KVIP_KIND_GATEWAY].http_status = 503;
	for (int i = 0; i < 29; i++)
		eh_pass(h, 1000);
	ck_assert_uint_eq(h->withdrawn, 0);
	put_gateway();
	client->status.kind[KVIP_KIND_GATEWAY].http_status = 0;
	listed(h, KVIP_KIND_GATEWAY);
	eh_pass(h, 300);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	ck_assert_uint_eq(h->withdrawn, 0);
	stop(h);
}
END_TEST

/* A plain no is waited for no longer than ever, a failure not for ever. */
START_TEST(test_gateways_fail_for_long)
{
	struct eh *h = running(CONF);

	for (int i = 0; i < 2; i++) {
		eh_conf(h, i ? "cluster lab kubeconfig /etc/three\n" EH_CONF
			     : "cluster lab kubeconfig /etc/two\n" EH_CONF);
		eh_step(h);
		put_node("n1", EH_N1);
		put_service("web", i ? "192.168.77.3" : "192.168.77.2");
		mandatory_listed(h);
		client->status.kind[KVIP_KIND_GATEWAY].state = KVIP_WATCH_BACKOFF;
		client->status.kind[KVIP_KIND_GATEWAY].http_status = i ? 403 : 0;
		eh_pass(h, 300);
		eh_pass(h, i ? 300 : 30000);
		ck_assert_str_eq(eh_route(h, i ? "192.168.77.3" : "192.168.77.2"), EH_N1);
	}
	stop(h);
}
END_TEST

START_TEST(test_new_credentials)
{
	struct eh *h = running(CONF);
	size_t announced;

	put_service("old", "192.168.77.1");
	eh_pass(h, 300);
	ck_assert_uint_eq(h->n, 2);
	eh_conf(h, "cluster lab kubeconfig /etc/two\n" EH_CONF);
	eh_step(h);
	ck_assert_int_eq(made, 2);
	ck_assert_int_eq(freed, 1);
	ck_assert_str_eq(client->kubeconfig, "/etc/two");
	eh_pass(h, 1000);
	ck_assert_uint_eq(h->n, 2);
	/* its lists come one by one; nothing is decided from a half of them */
	announced = h->announced;
	put_service("web", V);
	put_service("new", "192.168.77.2");
	listed(h, KVIP_KIND_SERVICE);
	listed(h, KVIP_KIND_SLICE);
	eh_pass(h, 5000);
	ck_assert_uint_eq(h->n, 2);
	ck_assert_uint_eq(h->announced, announced);
	/* what the operator says still counts, for the data there is */
	eh_conf(h, "cluster lab kubeconfig /etc/two\n"
		   "cluster lab server https://192.168.99.9:6443\n"
		   "cluster lab vip-range 192.168.77.128/25\n"
		   "cluster lab advertise web service-selector any\n");
	ck_assert_uint_eq(h->n, 1);
	eh_conf(h, "cluster lab kubeconfig /etc/two\n" EH_CONF);
	ck_assert_uint_eq(h->n, 2);
	put_node("n1", EH_N1);
	put_node("n2", EH_N2);
	listed(h, KVIP_KIND_NODE);
	listed(h, KVIP_KIND_GATEWAY);
	eh_pass(h, 1000);
	ck_assert_int_eq(made, 2);
	ck_assert_uint_eq(h->n, 2);
	ck_assert_str_eq(eh_route(h, V), EH_N1 " " EH_N2);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), "");
	ck_assert_str_eq(eh_route(h, "192.168.77.2"), EH_N1 " " EH_N2);
	put_service("later", "192.168.77.3"); /* the new cache is the cluster's now */
	eh_pass(h, 300);
	ck_assert_uint_eq(h->n, 3);
	stop(h);
}
END_TEST

START_TEST(test_new_credentials_of_an_empty_cluster)
{
	struct eh *h = running(CONF);

	eh_conf(h, "cluster lab kubeconfig /etc/two\n" EH_CONF);
	eh_step(h);
	mandatory_listed(h);
	listed(h, KVIP_KIND_GATEWAY);
	eh_pass(h, 300);
	ck_assert_uint_eq(h->n, 1); /* a relist that would leave none */
	ck_assert(eh_cluster(h).guard_active);
	stop(h);
}
END_TEST

#define FROM_CILIUM                                                                                \
	"cluster lab kubeconfig /etc/one\ncluster lab vip-range 192.168.77.0/24\n"                 \
	"cluster lab from-cilium\n"

static void put_advertisement(void)
{
	put(KVIP_KIND_ADVERTISEMENT,
	    "{'metadata':{'name':'adv'},'spec':{'advertisements':[{'advertisementType':'Service',"
	    "'service':{'addresses':['LoadBalancerIP']},'selector':{}}]}}");
}

/* From a configured block to Cilium's and back: a client of its own kinds each time, and no flap.
 */
START_TEST(test_from_cilium_and_back)
{
	struct eh *h = running(CONF);

	ck_assert(!client->cilium);
	eh_conf(h, FROM_CILIUM);
	eh_step(h);
	ck_assert_int_eq(made, 2);
	ck_assert(client->cilium);
	eh_pass(h, 1000);
	ck_assert_str_eq(eh_route(h, V), EH_N1); /* held: nobody knows what Cilium says of it */
	put_node("n1", EH_N1);
	put_service("web", V);
	put_advertisement();
	mandatory_listed(h);
	listed(h, KVIP_KIND_GATEWAY);
	eh_pass(h, 300);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	for (int k = KVIP_KIND_ADVERTISEMENT; k < KVIP_KIND_MAX; k++)
		listed(h, (enum kvip_kind)k);
	eh_pass(h, 300);
	ck_assert_str_eq(eh_claim(h, "lab", "web", NULL).advertise, "cilium:adv/0");
	ck_assert(!eh_cluster(h).cilium_unknown);
	eh_conf(h, CONF);
	eh_step(h);
	ck_assert_int_eq(made, 3);
	ck_assert(!client->cilium);
	eh_pass(h, 1000);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	ck_assert_uint_eq(h->withdrawn, 0);
	stop(h);
}
END_TEST

/* 403 on the kinds of cilium.io: a warning, and what configured blocks select goes on. */
START_TEST(test_cilium_forbidden)
{
	struct eh *h = start();

	eh_conf(h, FROM_CILIUM "cluster lab advertise web service-selector own=yes\n");
	eh_step(h);
	put_node("n1", EH_N1);
	put_service("web", V);
	put(KVIP_KIND_SERVICE,
	    "{'metadata':{'name':'own','namespace':'prod','labels':{'own':'yes'}},"
	    "'spec':{'type':'LoadBalancer'},"
	    "'status':{'loadBalancer':{'ingress':[{'ip':'192.168.77.1'}]}}}");
	put(KVIP_KIND_SLICE, "{'metadata':{'name':'own-1','namespace':'prod','labels':{"
			     "'kubernetes.io/service-name':'own'}},'addressType':'IPv4',"
			     "'endpoints':[{'addresses':['10.0.0.1'],'nodeName':'n1'}]}");
	mandatory_listed(h);
	listed(h, KVIP_KIND_GATEWAY);
	for (int k = KVIP_KIND_ADVERTISEMENT; k < KVIP_KIND_MAX; k++) {
		client->status.kind[k].state = KVIP_WATCH_BACKOFF;
		client->status.kind[k].http_status = 403;
	}
	eh_pass(h, 300);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_LIVE);
	ck_assert(eh_cluster(h).cilium_unknown);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N1);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "cilium-unknown");
	/* the RBAC rule is there now */
	put_advertisement();
	for (int k = KVIP_KIND_ADVERTISEMENT; k < KVIP_KIND_MAX; k++)
		listed(h, (enum kvip_kind)k);
	eh_pass(h, 300);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	stop(h);
}
END_TEST

/* New credentials: what the old ones knew of Cilium's objects holds until the new ones know it. */
START_TEST(test_cilium_with_new_credentials)
{
	struct eh *h = start();

	eh_conf(h, FROM_CILIUM);
	eh_step(h);
	put_node("n1", EH_N1);
	put_service("web", V);
	put_advertisement();
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		listed(h, (enum kvip_kind)k);
	eh_pass(h, 300);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	eh_conf(h, "cluster lab kubeconfig /etc/two\ncluster lab vip-range 192.168.77.0/24\n"
		   "cluster lab from-cilium\n");
	eh_step(h);
	ck_assert_str_eq(client->kubeconfig, "/etc/two");
	put_node("n1", EH_N1);
	put_service("web", V);
	mandatory_listed(h);
	listed(h, KVIP_KIND_GATEWAY);
	eh_pass(h, 300);
	eh_pass(h, 3000); /* Cilium's kinds are silent */
	ck_assert(eh_cluster(h).cilium_unknown);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	put_advertisement();
	for (int k = KVIP_KIND_ADVERTISEMENT; k < KVIP_KIND_MAX; k++)
		listed(h, (enum kvip_kind)k);
	eh_pass(h, 300);
	ck_assert(!eh_cluster(h).cilium_unknown);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	ck_assert_uint_eq(h->withdrawn, 0);
	stop(h);
}
END_TEST

START_TEST(test_kubeconfig_server_is_no_vip)
{
	struct eh *h = running(CONF);

	client->status.n_servers = 1;
	snprintf(client->status.servers[0].url, sizeof(client->status.servers[0].url),
		 "https://" V ":6443");
	eh_pass(h, 300);
	eh_pass(h, 300);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "api-server-address");
	ck_assert_uint_eq(h->n, 0);
	stop(h);
}
END_TEST

/* A server that is given by name: the address it was reached at, and the VIP was there first. */
START_TEST(test_server_by_name_is_no_vip)
{
	struct eh *h = running(CONF);
	struct kvip_server_status *server = &client->status.servers[0];

	client->status.n_servers = 1;
	snprintf(server->url, sizeof(server->url), "https://api.example.org:6443");
	eh_pass(h, 300);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "selected");
	ck_assert_int_eq(kvip_addr_parse("192.0.2.1", &server->peers[0]), 0);
	ck_assert_int_eq(kvip_addr_parse(V, &server->peers[1]), 0);
	server->n_peers = 2;
	eh_pass(h, 300);
	eh_pass(h, 300);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "api-server-address");
	ck_assert_uint_eq(h->n, 0);
	stop(h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine_client");
	TCase *tc = tcase_create("client");

	tcase_add_test(tc, test_optional_kind_forbidden);
	tcase_add_test(tc, test_client_is_kept);
	tcase_add_test(tc, test_live_with_its_signs_of_life);
	tcase_add_test(tc, test_relist_order);
	tcase_add_test(tc, test_api_lost_and_held);
	tcase_add_test(tc, test_api_lost_and_withdrawn);
	tcase_add_test(tc, test_never_reached_is_held);
	tcase_add_test(tc, test_gateways_fail_for_a_moment);
	tcase_add_test(tc, test_gateways_fail_for_long);
	tcase_add_test(tc, test_new_credentials);
	tcase_add_test(tc, test_new_credentials_of_an_empty_cluster);
	tcase_add_test(tc, test_from_cilium_and_back);
	tcase_add_test(tc, test_cilium_forbidden);
	tcase_add_test(tc, test_cilium_with_new_credentials);
	tcase_add_test(tc, test_kubeconfig_server_is_no_vip);
	tcase_add_test(tc, test_server_by_name_is_no_vip);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
