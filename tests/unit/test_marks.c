// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what VIPs answer to route-maps' questions, decided by the engine and posted like a route.
 */
#include "engine_helper.h"

#define V  "192.168.77.1"
#define V2 "192.168.77.2"

static struct kvip_matches *matches;

static void setup(void)
{
	matches = kvip_matches_new();
}

static void teardown(void)
{
	kvip_matches_free(matches);
}

static unsigned int ask(enum kvip_match_kind kind, const char *text)
{
	int slot = kvip_matches_ref(matches, kind, text);

	ck_assert_int_ge(slot, 0);
	return (unsigned int)slot;
}

static void publish(struct eh *h)
{
	struct kvip_facts *f = eh_facts("", "");

	f->matches = kvip_matches_publish(matches);
	ck_assert_ptr_nonnull(f->matches);
	eh_publish(h, f);
}

static struct eh *running(const char *conf)
{
	struct eh *h = eh_new();

	publish(h);
	eh_conf(h, conf);
	eh_three_nodes(h, "lab");
	eh_synced(h, "lab");
	return h;
}

static void service(struct eh *h, const char *name, const char *vip, const char *labels)
{
	char meta[256];

	snprintf(meta, sizeof(meta), "'labels':{%s}", labels);
	eh_service(h, "lab", name, vip, meta, "'loadBalancerClass':'a.b/c'");
	eh_slice(h, "lab", name, "n1:r");
	eh_step(h);
}

static bool answers(struct eh *h, const char *vip, unsigned int slot)
{
	return kvip_matches_asks(matches, slot, &eh_get(h, vip)->marks);
}

START_TEST(every_kind)
{
	unsigned int label = ask(KVIP_MATCH_LABEL, "tier=gold");
	unsigned int other = ask(KVIP_MATCH_LABEL, "tier=silver");
	unsigned int none = ask(KVIP_MATCH_LABEL, "absent=");
	unsigned int empty = ask(KVIP_MATCH_LABEL, "empty=");
	unsigned int ns = ask(KVIP_MATCH_NAMESPACE, "prod");
	unsigned int ns2 = ask(KVIP_MATCH_NAMESPACE, "pro");
	unsigned int svc = ask(KVIP_MATCH_SERVICE, "prod/web");
	unsigned int svc2 = ask(KVIP_MATCH_SERVICE, "prod/web2");
	unsigned int cluster = ask(KVIP_MATCH_CLUSTER, "lab");
	unsigned int cluster2 = ask(KVIP_MATCH_CLUSTER, "labor");
	unsigned int class = ask(KVIP_MATCH_CLASS, "a.b/c");
	unsigned int class2 = ask(KVIP_MATCH_CLASS, "a.b");
	struct eh *h = running(EH_CONF);

	service(h, "web", V, "'tier':'gold','empty':''");
	ck_assert(answers(h, V, label) && answers(h, V, empty) && answers(h, V, ns) &&
		  answers(h, V, svc) && answers(h, V, cluster) && answers(h, V, class));
	ck_assert(!answers(h, V, other) && !answers(h, V, none) && !answers(h, V, ns2) &&
		  !answers(h, V, svc2) && !answers(h, V, cluster2) && !answers(h, V, class2));
	eh_free(h);
}
END_TEST

/* The route is the same and is posted once more; what is not asked for is no change. */
START_TEST(a_change_of_labels)
{
	unsigned int gold = ask(KVIP_MATCH_LABEL, "tier=gold");
	struct eh *h = running(EH_CONF);

	service(h, "web", V, "");
	ck_assert_uint_eq(h->announced, 1);
	ck_assert(!answers(h, V, gold));
	service(h, "web", V, "'tier':'gold'");
	ck_assert_uint_eq(h->announced, 2);
	ck_assert(answers(h, V, gold));
	service(h, "web", V, "'tier':'gold','other':'label'");
	ck_assert_uint_eq(h->announced, 2);
	service(h, "web", V, "'tier':'silver'");
	ck_assert_uint_eq(h->announced, 3);
	ck_assert(!answers(h, V, gold));
	ck_assert_uint_eq(h->withdrawn, 0);
	ck_assert_uint_eq(eh_cluster(h).announcements, 1); /* a route was decided once */
	eh_free(h);
}
END_TEST

START_TEST(a_question_that_comes_later)
{
	struct eh *h = running(EH_CONF);
	unsigned int gold;

	service(h, "web", V, "'tier':'gold'");
	gold = ask(KVIP_MATCH_LABEL, "tier=gold");
	ck_assert(!answers(h, V, gold));
	publish(h);
	ck_assert(answers(h, V, gold));
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

static void gateway(struct eh *h, const char *labels)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'gw','namespace':'prod','uid':'g','labels':{%s}},"
		 "'spec':{'gatewayClassName':'x'},"
		 "'status':{'addresses':[{'type':'IPAddress','value':'" V "'}]}}",
		 labels);
	ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_GATEWAY, json), 0);
	eh_step(h);
}

START_TEST(labels_of_the_gateway)
{
	unsigned int gold = ask(KVIP_MATCH_LABEL, "tier=gold");
	unsigned int silver = ask(KVIP_MATCH_LABEL, "tier=silver");
	unsigned int class = ask(KVIP_MATCH_CLASS, "x");
	struct eh *h = running(EH_CONF);

	gateway(h, "'tier':'gold'");
	service(h, "web", V, "'gateway.networking.k8s.io/gateway-name':'gw'");
	ck_assert(answers(h, V, gold) && answers(h, V, class));
	gateway(h, "'tier':'silver'");
	ck_assert(answers(h, V, silver) && !answers(h, V, gold));
	/* the Service's own stands above it */
	service(h, "web", V, "'gateway.networking.k8s.io/gateway-name':'gw','tier':'gold'");
	ck_assert(answers(h, V, gold) && !answers(h, V, silver));
	eh_free(h);
}
END_TEST

START_TEST(one_of_those_that_share_is_enough)
{
	unsigned int gold = ask(KVIP_MATCH_LABEL, "tier=gold");
	unsigned int red = ask(KVIP_MATCH_LABEL, "color=red");
	struct eh *h = running(EH_CONF "cluster lab advertise web address loadbalancer-ip "
				       "external-ip\n");

	service(h, "a", V, "'tier':'gold'");
	service(h, "b", V, "'color':'red'");
	ck_assert(answers(h, V, gold) && answers(h, V, red));
	eh_del(h, "lab", KVIP_KIND_SERVICE, "prod", "b");
	eh_step(h);
	ck_assert(answers(h, V, gold) && !answers(h, V, red));
	/* who does not hold it does not count */
	eh_service(h, "lab", "c", V2, "'labels':{'color':'red'}", "'externalIPs':['" V "']");
	eh_slice(h, "lab", "c", "n1:r");
	eh_step(h);
	ck_assert(answers(h, V2, red));
	ck_assert(answers(h, V, gold) && !answers(h, V, red));
	eh_free(h);
}
END_TEST

/* Labels are not known again before the API has answered: what the state file said holds. */
START_TEST(a_restored_vip_keeps_its_marks)
{
	unsigned int gold = ask(KVIP_MATCH_LABEL, "tier=gold"), later;
	struct eh *h = eh_new();
	struct kvip_restored v = { .identity = "", .confirmed_s = h->wall, .in_zebra = true };
	struct kvip_addr a;

	ck_assert_int_eq(kvip_prefix_parse(V, &v.route.id.prefix), 0);
	ck_assert_int_eq(kvip_addr_parse(EH_N1, &a), 0);
	v.route.id.distance = 15;
	v.route.nhs = kvip_nhset_get(h->nhsets, &a, 1);
	v.route.cluster = "lab";
	kvip_matches_restore(matches, "label:tier=gold", &v.route.marks);
	publish(h);
	ck_assert_int_eq(kvip_engine_restore(h->engine, &v, 1), 0);
	kvip_nhset_unref(v.route.nhs);
	eh_conf(h, EH_CONF);
	ck_assert(eh_get(h, V)->restored);
	ck_assert(answers(h, V, gold));
	later = ask(KVIP_MATCH_NAMESPACE, "prod");
	publish(h);
	ck_assert(answers(h, V, gold) && !answers(h, V, later));
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert(!eh_get(h, V)->restored);
	ck_assert(!answers(h, V, gold) && answers(h, V, later));
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

START_TEST(what_the_guard_holds_keeps_its_marks)
{
	unsigned int gold = ask(KVIP_MATCH_LABEL, "tier=gold");
	struct eh *h = running(EH_CONF);

	service(h, "web", V, "'tier':'gold'");
	eh_begin(h, "lab", KVIP_KIND_SERVICE);
	eh_end(h, "lab", KVIP_KIND_SERVICE);
	eh_step(h);
	ck_assert(eh_cluster(h).guard_active);
	ask(KVIP_MATCH_NAMESPACE, "prod");
	publish(h);
	ck_assert(answers(h, V, gold));
	eh_free(h);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("marks");
	TCase *tc = tcase_create("marks");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_kind);
	tcase_add_test(tc, a_change_of_labels);
	tcase_add_test(tc, a_question_that_comes_later);
	tcase_add_test(tc, labels_of_the_gateway);
	tcase_add_test(tc, one_of_those_that_share_is_enough);
	tcase_add_test(tc, a_restored_vip_keeps_its_marks);
	tcase_add_test(tc, what_the_guard_holds_keeps_its_marks);
	suite_add_tcase(s, tc);
	return eh_run(s);
}
