// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: who holds a VIP, shared VIPs, maximum-vips, the digest; and the withdrawal guard by itself.
 *
 * Rows F13, F14, F18, F20; rules R3, R4.
 */
#include "engine_helper.h"
#include "vip/kvip_guard.h"

#define V "192.168.77.128"

#define TWO                                                                                        \
	"cluster a vip-range 192.168.77.0/24\n"                                                    \
	"cluster a advertise web service-selector any\n"                                           \
	"cluster a advertise web address loadbalancer-ip external-ip cluster-ip\n"                 \
	"cluster b vip-range 192.168.77.0/24\n"                                                    \
	"cluster b advertise web service-selector any\n"

/* Claims to V: in every order of arrival the same one holds it. */
struct claimant {
	const char *cluster, *name, *created, *kind; /* lb, ext, cip */
	const char *eps;
};

static const struct {
	struct claimant c[4];
	const char *extra;  /* configuration */
	const char *winner; /* cluster/name */
	const char *route;
} contests[] = {
	/* externalIPs are claimed, not allocated: the oldest has it */
	{ { { "a", "young", "2026-02-01", "ext", "n1:r" },
	    { "a", "old", "2026-01-01", "ext", "n2:r" },
	    { "a", "none", "2026-03-01", "ext", "n3:r" } },
	  "",
	  "a/old",
	  EH_N2 },
	/* status before externalIPs before cluster IPs, whatever the age */
	{ { { "a", "ext", "2020-01-01", "ext", "n1:r" },
	    { "a", "lb", "2026-01-01", "lb", "n2:r" },
	    { "a", "cip", "2019-01-01", "cip", "n3:r" } },
	  "",
	  "a/lb",
	  EH_N2 },
	/* a stranger's externalIP does not inherit the VIP when the holder's pods are gone */
	{ { { "a", "ext", "2020-01-01", "ext", "n1:r" }, { "a", "lb", "2026-01-01", "lb", "n2:" } },
	  "",
	  "",
	  "" },
	/* by cluster name, then by preference */
	{ { { "b", "web", "2020-01-01", "lb", "n1:r" },
	    { "a", "web", "2026-01-01", "lb", "n2:r" } },
	  "",
	  "a/web",
	  EH_N2 },
	{ { { "b", "web", "2026-01-01", "lb", "n1:r" },
	    { "a", "web", "2020-01-01", "lb", "n2:r" } },
	  "cluster b preference 200\n",
	  "b/web",
	  EH_N1 },
	/* failover to the other cluster when the preferred one has no endpoint (F18) */
	{ { { "b", "web", "2026-01-01", "lb", "n1:" }, { "a", "web", "2020-01-01", "lb", "n2:r" } },
	  "cluster b preference 200\n",
	  "a/web",
	  EH_N2 },
	/* shared by two Services of one cluster: the nodes they have in common */
	{ { { "a", "tcp", "2026-01-01", "lb", "n1:r n2:r" },
	    { "a", "udp", "2026-01-02", "lb", "n2:r n3:r" } },
	  "",
	  "a/tcp",
	  EH_N2 },
	/* none in common: the union */
	{ { { "a", "tcp", "2026-01-01", "lb", "n1:r" },
	    { "a", "udp", "2026-01-02", "lb", "n3:r" } },
	  "",
	  "a/tcp",
	  EH_N1 " " EH_N3 },
	{ { { "a", "s1", "2026-01-01", "lb", "n1:r" },
	    { "a", "s2", "2026-01-02", "lb", "n2:r" },
	    { "a", "s3", "2026-01-03", "lb", "n3:r" } },
	  "",
	  "a/s1",
	  EH_ALL },
	/* one that has no endpoint takes no part */
	{ { { "a", "tcp", "2026-01-01", "lb", "n1:" }, { "a", "udp", "2026-01-02", "lb", "n3:r" } },
	  "",
	  "a/udp",
	  EH_N3 },
	/* same second, same everything: by uid */
	{ { { "a", "y", "2026-01-01", "ext", "n1:r" }, { "a", "x", "2026-01-01", "ext", "n2:r" } },
	  "",
	  "a/x",
	  EH_N2 },
};

static void put_claimant(struct eh *h, const struct claimant *c)
{
	char json[2048], what[256] = "", status[128] = "";

	if (strcmp(c->kind, "lb") == 0)
		snprintf(status, sizeof(status), "{'ip':'" V "'}");
	else if (strcmp(c->kind, "ext") == 0)
		snprintf(what, sizeof(what), ",'externalIPs':['" V "']");
	else
		snprintf(what, sizeof(what), ",'clusterIP':'" V "','clusterIPs':['" V "']");
	snprintf(
		json, sizeof(json),
		"{'metadata':{'name':'%s','namespace':'prod','uid':'u-%s',"
		"'creationTimestamp':'%sT00:00:00Z'},"
		"'spec':{'type':'LoadBalancer','externalTrafficPolicy':'Local','selector':{'a':'b'}%s},"
		"'status':{'loadBalancer':{'ingress':[%s]}}}",
		c->name, c->name, c->created, what, status);
	eh_slice(h, c->cluster, c->name, c->eps);
	ck_assert_int_eq(eh_put(h, c->cluster, KVIP_KIND_SERVICE, json), 0);
}

static void check_contest(struct eh *h, int i, const int *order, int n)
{
	size_t announced;

	ck_assert_str_eq(eh_route(h, V), contests[i].route);
	for (int k = 0; k < n; k++) {
		const struct claimant *c = &contests[i].c[order[k]];
		struct eh_claim v = eh_claim(h, c->cluster, c->name, V);
		char full[300];

		snprintf(full, sizeof(full), "%s/%s", c->cluster, c->name);
		if (strcmp(full, contests[i].winner) == 0)
			ck_assert_str_eq(kvip_reason_info(v.reason)->word, "selected");
		if (v.reason == KVIP_REASON_HELD_BY_OTHER) {
			snprintf(full, sizeof(full), "%.1s/Service prod/%s", contests[i].winner,
				 contests[i].winner + 2);
			ck_assert_str_eq(v.winner, full);
		}
	}
	announced = h->announced;
	eh_step(h);
	ck_assert_uint_eq(h->announced, announced);
}

static int permutation(int k, int n, int *order)
{
	int left[4] = { 0, 1, 2, 3 };

	for (int i = 0; i < n; i++) {
		int j = k % (n - i);

		k /= n - i;
		order[i] = left[j];
		memmove(&left[j], &left[j + 1], (size_t)(3 - j) * sizeof(int));
	}
	return k;
}

static void run_contest(int i, const int *order, int n, bool step_between)
{
	struct eh *h = eh_new();
	char conf[EH_TEXT];

	snprintf(conf, sizeof(conf), "%s%s", TWO, contests[i].extra);
	eh_conf(h, conf);
	eh_three_nodes(h, "a");
	eh_three_nodes(h, "b");
	eh_synced(h, "a");
	eh_synced(h, "b");
	for (int k = 0; k < n; k++) {
		put_claimant(h, &contests[i].c[order[k]]);
		if (step_between)
			eh_step(h);
	}
	eh_step(h);
	check_contest(h, i, order, n);
	/* and once more after everything has come anew as a relist */
	eh_begin(h, "a", KVIP_KIND_SERVICE);
	for (int k = n - 1; k >= 0; k--)
		if (contests[i].c[order[k]].cluster[0] == 'a')
			put_claimant(h, &contests[i].c[order[k]]);
	eh_end(h, "a", KVIP_KIND_SERVICE);
	eh_step(h);
	check_contest(h, i, order, n);
	eh_free(h);
}

START_TEST(test_contest)
{
	int n = 0, total = 1, order[4];

	while (n < 4 && contests[_i].c[n].name)
		total *= ++n;
	for (int k = 0; k < total; k++) {
		permutation(k, n, order);
		run_contest(_i, order, n, false);
		run_contest(_i, order, n, true);
	}
}
END_TEST

START_TEST(test_shared_disjoint_warning)
{
	struct claimant one = { "a", "tcp", "2026-01-01", "lb", "n1:r" };
	struct claimant two = { "a", "udp", "2026-01-02", "lb", "n3:r" };
	struct eh *h = eh_new();

	eh_conf(h, TWO);
	eh_three_nodes(h, "a");
	put_claimant(h, &one);
	put_claimant(h, &two);
	eh_synced(h, "a");
	ck_assert_str_eq(eh_route(h, V), EH_N1 " " EH_N3);
	eh_del(h, "a", KVIP_KIND_SERVICE, "prod", "tcp"); /* withdrawn with the last owner only */
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N3);
	eh_del(h, "a", KVIP_KIND_SERVICE, "prod", "udp");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), "");
	eh_free(h);
}
END_TEST

START_TEST(test_maximum_vips)
{
	struct eh *h = eh_new();
	char name[16], ip[32];

	eh_conf(h, EH_CONF "cluster lab maximum-vips 3\n");
	eh_three_nodes(h, "lab");
	for (int i = 9; i >= 1; i--) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(ip, sizeof(ip), "192.168.77.%d", i);
		eh_service(h, "lab", name, ip, "", "");
		eh_slice(h, "lab", name, "n1:r");
	}
	eh_synced(h, "lab");
	ck_assert_uint_eq(h->n, 3);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_ALL); /* by name, not by arrival */
	ck_assert_str_eq(eh_route(h, "192.168.77.3"), EH_ALL);
	ck_assert_str_eq(eh_reason(h, "lab", "s4"), "maximum-vips");
	eh_service(h, "lab", "s0", "192.168.77.10", "", "");
	eh_slice(h, "lab", "s0", "n1:r");
	eh_node(h, "lab", "n1", EH_N1, "False", "", "");
	eh_step(h);
	ck_assert_uint_eq(h->n, 3);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N2 " " EH_N3); /* present ones stay and
									   follow */
	eh_del(h, "lab", KVIP_KIND_SERVICE, "prod", "s2");
	eh_step(h);
	ck_assert_uint_eq(h->n, 3); /* one moved up */
	eh_conf(h, EH_CONF);
	ck_assert_uint_eq(h->n, 9);
	eh_free(h);
}
END_TEST

static size_t refused(struct eh *h, enum kvip_reason r)
{
	return eh_cluster(h).refused[r];
}

/* Every refusal is counted as long as it stands: by whatever way it goes, the count goes with it. */
START_TEST(test_refusals_are_counted)
{
	struct eh *h = eh_new();

	eh_publish(h, eh_facts("192.168.77.9", "10.9.9.0/24"));
	eh_conf(h, EH_CONF "reserved-prefix 192.168.77.64/26\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "own", "192.168.77.9", "", "");
	eh_service(h, "lab", "res1", "192.168.77.65", "", "");
	eh_service(h, "lab", "res2", "192.168.77.66", "", "");
	eh_service(h, "lab", "far", "10.0.0.1", "", "");
	eh_service(h, "lab", "good", "192.168.77.1", "", "");
	eh_slice(h, "lab", "good", "n1:r");
	eh_synced(h, "lab");
	ck_assert_uint_eq(refused(h, KVIP_REASON_OWN_ADDRESS), 1);
	ck_assert_uint_eq(refused(h, KVIP_REASON_RESERVED), 2);
	ck_assert_uint_eq(refused(h, KVIP_REASON_OUT_OF_RANGE), 1);
	ck_assert_uint_eq(refused(h, KVIP_REASON_SELECTED), 0);
	eh_service(h, "lab", "far", "10.0.0.2", "", ""); /* looked at again: the same count */
	eh_service(h, "lab", "res2", "192.168.77.67", "", "");
	eh_del(h, "lab", KVIP_KIND_SERVICE, "prod", "own");
	eh_step(h);
	ck_assert_uint_eq(refused(h, KVIP_REASON_OWN_ADDRESS), 0);
	ck_assert_uint_eq(refused(h, KVIP_REASON_RESERVED), 2);
	ck_assert_uint_eq(refused(h, KVIP_REASON_OUT_OF_RANGE), 1);
	eh_conf(h, EH_CONF "cluster lab vip-range 10.0.0.0/24\n");
	ck_assert_uint_eq(refused(h, KVIP_REASON_RESERVED), 0);
	ck_assert_uint_eq(refused(h, KVIP_REASON_OUT_OF_RANGE), 0);
	eh_conf(h, EH_CONF);
	eh_begin(h, "lab", KVIP_KIND_SERVICE); /* a relist without any of them */
	eh_service(h, "lab", "good", "192.168.77.1", "", "");
	eh_end(h, "lab", KVIP_KIND_SERVICE);
	eh_step(h);
	ck_assert_uint_eq(refused(h, KVIP_REASON_OUT_OF_RANGE), 0);
	eh_free(h);
}
END_TEST

static bool count_vips(void *ctx, const struct kvip_vip_view *v)
{
	struct kvip_prefix *last = ctx;

	ck_assert_int_lt(kvip_prefix_cmp(last, &v->prefix), 0);
	*last = v->prefix;
	return true;
}

START_TEST(test_digest)
{
	struct kvip_prefix last = { 0 };
	struct eh *h1 = eh_new(), *h2 = eh_new();
	uint64_t before;

	eh_conf(h1, EH_CONF);
	eh_conf(h2, EH_CONF);
	for (int i = 1; i < 20; i++) {
		char name[16], ip[32];

		for (int k = 0; k < 2; k++) {
			int j = k ? 20 - i : i;

			snprintf(name, sizeof(name), "s%d", j);
			snprintf(ip, sizeof(ip), "192.168.77.%d", j);
			eh_service(k ? h2 : h1, "lab", name, ip, "", "");
			eh_slice(k ? h2 : h1, "lab", name, "n1:r");
		}
	}
	eh_three_nodes(h1, "lab");
	eh_three_nodes(h2, "lab");
	eh_synced(h1, "lab");
	eh_synced(h2, "lab");
	before = eh_summary(h1).table_digest;
	ck_assert_uint_eq(eh_summary(h1).vips_routed, 19);
	ck_assert_uint_eq(before, eh_summary(h2).table_digest);
	ck_assert_uint_ne(before, 0);
	eh_node(h1, "lab", "n1", EH_N1, "False", "", "");
	eh_step(h1);
	ck_assert_uint_ne(before, eh_summary(h1).table_digest);
	eh_node(h1, "lab", "n1", EH_N1, "True", "", "");
	eh_step(h1);
	ck_assert_uint_eq(before, eh_summary(h1).table_digest);
	kvip_engine_each_vip(h1->engine, count_vips, &last);
	eh_free(h1);
	eh_free(h2);
}
END_TEST

/* One event is one decision: nothing else is posted, however much there is. */
START_TEST(test_incremental)
{
	struct eh *h = eh_new();
	size_t announced;

	eh_conf(h, EH_CONF "cluster lab advertise local service-selector local\n");
	eh_three_nodes(h, "lab");
	for (int i = 1; i < 200; i++) {
		char name[16], ip[32];

		snprintf(name, sizeof(name), "s%d", i);
		snprintf(ip, sizeof(ip), "192.168.77.%d", i);
		eh_service(h, "lab", name, ip, i % 2 ? "'labels':{'local':''}" : "",
			   i % 2 ? "'externalTrafficPolicy':'Local'" : "");
		eh_slice(h, "lab", name, i % 4 == 1 ? "n1:r" : "n2:r");
	}
	eh_synced(h, "lab");
	ck_assert_uint_eq(h->n, 199);
	announced = h->announced;
	eh_slice(h, "lab", "s1", "n1:r n2:r");
	eh_step(h);
	ck_assert_uint_eq(h->announced, announced + 1);
	eh_slice(h, "lab", "s2", "n1:r n2:r"); /* Cluster: the same nodes as before */
	eh_step(h);
	ck_assert_uint_eq(h->announced, announced + 1);
	eh_node(h, "lab", "n3", EH_N3, "False", "", ""); /* the 99 Cluster ones use it */
	eh_step(h);
	ck_assert_uint_eq(h->announced, announced + 100);
	eh_node(h, "lab", "n3", EH_N3, "False", "'labels':{'x':'y'}", ""); /* no difference */
	eh_step(h);
	ck_assert_uint_eq(h->announced, announced + 100);
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

START_TEST(test_tag_and_distance)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	eh_conf(h, EH_CONF
		"cluster lab advertise web tag 99\ncluster lab advertise web distance 12\n");
	ck_assert_uint_eq(eh_get(h, V)->tag, 99);
	ck_assert_uint_eq(eh_get(h, V)->distance, 12);
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

/* The guard by itself. */
static struct kvip_guard_case gcase(size_t routed, size_t pending)
{
	return (struct kvip_guard_case){
		.percent = 50, .min = 10, .routed = routed, .pending = pending
	};
}

START_TEST(test_guard_percent_and_min)
{
	struct kvip_guard g = { 0 };
	struct kvip_guard_case c = gcase(100, 50);

	ck_assert(!kvip_guard_holds(&g, &c, 1000)); /* 50 % is not more than 50 % */
	c = gcase(100, 51);
	ck_assert(kvip_guard_holds(&g, &c, 1000));
	memset(&g, 0, sizeof(g));
	c = gcase(10, 10); /* the minimum */
	ck_assert(!kvip_guard_holds(&g, &c, 1000));
	c = gcase(11, 11);
	ck_assert(kvip_guard_holds(&g, &c, 1000));
}
END_TEST

START_TEST(test_guard_window)
{
	struct kvip_guard g = { 0 };
	struct kvip_guard_case c;
	size_t routed = 20;

	for (int i = 0; i < 10; i++) { /* ten, one after the other, pass */
		c = gcase(routed, 1);
		ck_assert(!kvip_guard_holds(&g, &c, 1000 + i * 1000));
		kvip_guard_note(&g, 1000 + i * 1000);
		routed--;
	}
	c = gcase(routed, 1);
	ck_assert(kvip_guard_holds(&g, &c, 12000));   /* the eleventh of twenty */
	ck_assert(kvip_guard_holds(&g, &c, 3600000)); /* time does not release it */
	c = gcase(routed + 1, 1);                     /* the table coming back does */
	ck_assert(!kvip_guard_holds(&g, &c, 3600000));
	memset(&g, 0, sizeof(g));
	for (int i = 0; i < 10; i++)
		kvip_guard_note(&g, 1000);
	c = gcase(10, 1);
	ck_assert(!kvip_guard_holds(&g, &c, 31000)); /* the window has slid on */
}
END_TEST

START_TEST(test_guard_relist)
{
	struct kvip_guard g = { 0 };
	struct kvip_guard_case c = gcase(1, 1);

	ck_assert(!kvip_guard_holds(&g, &c, 1000));
	c.relisted = true;
	ck_assert(kvip_guard_holds(&g, &c, 1000));
	c.relisted = false;
	ck_assert(kvip_guard_holds(&g, &c, 99000));
	c = gcase(2, 1); /* another VIP instead */
	ck_assert(!kvip_guard_holds(&g, &c, 99000));
	c = gcase(5, 4);
	c.relisted = true; /* leaves one */
	ck_assert(!kvip_guard_holds(&g, &c, 99000));
}
END_TEST

START_TEST(test_guard_accept_and_release)
{
	struct kvip_guard g = { 0 };
	struct kvip_guard_case c = gcase(100, 100);

	ck_assert(kvip_guard_holds(&g, &c, 1000));
	ck_assert_int_eq(kvip_guard_deadline(&g, 0), KVIP_NEVER);
	kvip_guard_accept(&g);
	ck_assert(!kvip_guard_holds(&g, &c, 1000));
	for (int i = 0; i < 100; i++)
		kvip_guard_note(&g, 1000);
	c = gcase(0, 0);
	ck_assert(!kvip_guard_holds(&g, &c, 1000));
	c = gcase(100, 30); /* what was accepted is not counted */
	ck_assert(!kvip_guard_holds(&g, &c, 2000));
	c = gcase(100, 80);
	c.release_s = 60;
	ck_assert(kvip_guard_holds(&g, &c, 5000));
	ck_assert_int_eq(kvip_guard_deadline(&g, 60), 65000);
	ck_assert(kvip_guard_holds(&g, &c, 64999));
	ck_assert(!kvip_guard_holds(&g, &c, 65000));
}
END_TEST

START_TEST(test_guard_accept_in_advance)
{
	struct kvip_guard g = { 0 };
	struct kvip_guard_case c = gcase(100, 100);

	kvip_guard_accept(&g); /* nothing is held: no free pass for later */
	ck_assert(kvip_guard_holds(&g, &c, 1000));
}
END_TEST

START_TEST(test_guard_identity)
{
	struct kvip_guard g = { 0 };
	struct kvip_guard_case c = gcase(100, 1);

	c.release_s = 1;
	c.identity_changed = true;
	ck_assert(kvip_guard_holds(&g, &c, 1000));
	ck_assert(kvip_guard_holds(&g, &c, 100000));
	c.identity_changed = false;
	kvip_guard_accept(&g);
	ck_assert(!kvip_guard_holds(&g, &c, 100000));
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tc = tcase_create("table");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_contest, 0, COUNT(contests));
	tcase_add_test(tc, test_shared_disjoint_warning);
	tcase_add_test(tc, test_maximum_vips);
	tcase_add_test(tc, test_refusals_are_counted);
	tcase_add_test(tc, test_digest);
	tcase_add_test(tc, test_incremental);
	tcase_add_test(tc, test_tag_and_distance);
	suite_add_tcase(suite, tc);
	tc = tcase_create("guard");
	tcase_add_test(tc, test_guard_percent_and_min);
	tcase_add_test(tc, test_guard_window);
	tcase_add_test(tc, test_guard_relist);
	tcase_add_test(tc, test_guard_accept_and_release);
	tcase_add_test(tc, test_guard_accept_in_advance);
	tcase_add_test(tc, test_guard_identity);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
