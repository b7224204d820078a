// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: "Ready narrows, never empties" (rules R4): kubelets fall silent and come back one by one.
 *
 * The node controller marks the pods of a silent node not ready: so do these tests, seconds later.
 */
#include "engine_helper.h"
#include "vip/kvip_select.h"

#define V     "192.168.77.128"
#define W     "192.168.77.129"
#define LOCAL "'externalTrafficPolicy':'Local'"

/* Pass the time in which kept nodes may come back; the engine wakes up by itself for its end. */
static void eh_settle(struct eh *h)
{
	kvip_msec end = h->now + KVIP_SETTLE_MS;

	while (h->now < end) {
		kvip_msec next = h->next < end ? h->next : end;

		eh_pass(h, next - h->now > 0 ? next - h->now : 1);
	}
}

static void silent(struct eh *h, const char *name, const char *addr)
{
	eh_node(h, "lab", name, addr, "Unknown", "", "");
	eh_pass(h, 1000);
}

static void ready(struct eh *h, const char *name, const char *addr)
{
	eh_node(h, "lab", name, addr, "True", "", "");
	eh_pass(h, 1000);
}

/* n2 is the last: before, each of them looks like one that died among the living. */
static void all_silent(struct eh *h)
{
	silent(h, "n1", EH_N1);
	silent(h, "n3", EH_N3);
	silent(h, "n2", EH_N2);
}

static void endpoints(struct eh *h, const char *service, const char *eps)
{
	eh_slice(h, "lab", service, eps);
	eh_pass(h, 1000);
}

/* Three nodes; "web", policy Cluster, has V, "local" has W through n2 alone. */
static struct eh *cut_off_begins(void)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r n2:r n3:r");
	eh_service(h, "lab", "local", W, "", LOCAL);
	eh_slice(h, "lab", "local", "n2:r n3:");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	return h;
}

START_TEST(test_ready_never_empties)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_node(h, "lab", "n4", "192.168.99.14", "False", "", ""); /* never good: never back */
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_node(h, "lab", "n1", EH_N1, "Unknown", "", "");
	eh_pass(h, 500000);
	ck_assert_str_eq(eh_route(h, V), EH_N2 " " EH_N3);
	eh_node(h, "lab", "n2", EH_N2, "Unknown", "", ""); /* one after the other within seconds */
	eh_pass(h, 5000);
	ck_assert_str_eq(eh_route(h, V), EH_N3);
	eh_node(h, "lab", "n3", EH_N3, "Unknown", "", "");
	eh_pass(h, 5000);
	ck_assert_str_eq(eh_route(h, V), EH_N2 " " EH_N3); /* n1 left long before */
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "node-kept");
	eh_node(h, "lab", "n1", EH_N1, "True", "", "");
	eh_pass(h, 5000);
	ck_assert_str_eq(eh_route(h, V), EH_ALL); /* the others may be back any moment */
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "node-kept");
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "none");
	eh_free(h);
}
END_TEST

START_TEST(test_all_unknown_at_start)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_node(h, "lab", "n1", EH_N1, "Unknown", "", "");
	eh_node(h, "lab", "n2", EH_N2, "False", "", "");
	eh_service(h, "lab", "web", V, "", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "lab", "web", "n2:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_N2);
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "node-kept");
	eh_free(h);
}
END_TEST

START_TEST(test_min_ready_nodes)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF "cluster lab min-ready-nodes 2\n");
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	eh_node(h, "lab", "n1", EH_N1, "Unknown", "", "");
	eh_pass(h, 1000);
	ck_assert_str_eq(eh_route(h, V), EH_N2 " " EH_N3);
	eh_node(h, "lab", "n2", EH_N2, "Unknown", "", "");
	eh_pass(h, 1000);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	eh_del(h, "lab", KVIP_KIND_NODE, "", "n1"); /* deleted is decided, not silent */
	eh_pass(h, 1000);
	ck_assert_str_eq(eh_route(h, V), EH_N2 " " EH_N3);
	eh_free(h);
}
END_TEST

/* The whole story, as the real controllers tell it. */
START_TEST(test_cut_off_and_back)
{
	struct eh *h = cut_off_begins();

	all_silent(h);
	endpoints(h, "local", "n2: n3:");
	endpoints(h, "web", "n1: n2: n3:");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_route(h, W), EH_N2); /* not n3: that had no endpoint before either */
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "endpoints-kept");
	ck_assert_str_eq(eh_warning(h, "lab", "local"), "endpoints-kept");
	eh_pass(h, 3600000); /* hours */
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	ready(h, "n1", EH_N1);
	endpoints(h, "web", "n1:r n2: n3:");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_route(h, W), EH_N2); /* n2 is not back yet */
	ready(h, "n2", EH_N2);
	eh_pass(h, 10000); /* the kubelet is quicker than the readiness of its pods */
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	endpoints(h, "local", "n2:r n3:");
	ck_assert_str_eq(eh_warning(h, "lab", "local"), "none");
	ready(h, "n3", EH_N3);
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "none");
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

/* Who does not come back was dead: with its time over it is gone, and what only it had. */
START_TEST(test_one_does_not_come_back)
{
	struct eh *h = cut_off_begins();

	all_silent(h);
	endpoints(h, "local", "n2: n3:");
	endpoints(h, "web", "n1: n2: n3:");
	ready(h, "n1", EH_N1);
	endpoints(h, "web", "n1:r n2: n3:");
	ready(h, "n3", EH_N3);
	ck_assert_int_le(h->next, h->now + KVIP_SETTLE_MS); /* nobody else wakes it */
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1 " " EH_N3);
	ck_assert_str_eq(eh_route(h, W), "");
	ck_assert_str_eq(eh_reason(h, "lab", "local"), "no-endpoints");
	eh_free(h);
}
END_TEST

/* It is back and its pods are not: after the same time that is believed. */
START_TEST(test_pods_do_not_come_back)
{
	struct eh *h = cut_off_begins();

	all_silent(h);
	endpoints(h, "local", "n2: n3:");
	ready(h, "n2", EH_N2);
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, W), "");
	eh_free(h);
}
END_TEST

/* While enough nodes are Ready nobody is kept, not for a second. */
START_TEST(test_death_among_the_living)
{
	struct eh *h = cut_off_begins();

	silent(h, "n2", EH_N2);
	endpoints(h, "local", "n2: n3:");
	ck_assert_str_eq(eh_route(h, V), EH_N1 " " EH_N3);
	ck_assert_str_eq(eh_route(h, W), "");
	eh_free(h);
}
END_TEST

/* The first one to fall silent looked like that; when all are silent its VIP comes back. */
START_TEST(test_first_of_all)
{
	struct eh *h = cut_off_begins();

	silent(h, "n2", EH_N2);
	endpoints(h, "local", "n2: n3:");
	ck_assert_str_eq(eh_route(h, W), "");
	silent(h, "n1", EH_N1);
	silent(h, "n3", EH_N3);
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	eh_free(h);
}
END_TEST

/* But not when it was withdrawn long before. */
START_TEST(test_withdrawn_long_before)
{
	struct eh *h = cut_off_begins();

	endpoints(h, "local", "n2: n3:");
	ck_assert_str_eq(eh_route(h, W), "");
	eh_pass(h, KVIP_LAST_GOOD_WINDOW_MS);
	all_silent(h);
	ck_assert_str_eq(eh_route(h, W), "");
	ck_assert_str_eq(eh_reason(h, "lab", "local"), "no-endpoints");
	eh_free(h);
}
END_TEST

/* A pod that somebody deletes is no silence; and a Service that never had one gets none. */
START_TEST(test_not_held)
{
	struct eh *h = cut_off_begins();

	eh_service(h, "lab", "never", "192.168.77.130", "", "");
	endpoints(h, "never", "n1:");
	all_silent(h);
	ck_assert_str_eq(eh_route(h, "192.168.77.130"), "");
	endpoints(h, "local", "n2:t");
	ck_assert_str_eq(eh_route(h, W), "");
	endpoints(h, "web", "");
	ck_assert_str_eq(eh_route(h, V), "");
	eh_free(h);
}
END_TEST

/* NotReady is the kubelet's own word: what it says of its pods is believed, after a moment. */
START_TEST(test_not_ready)
{
	struct eh *h = cut_off_begins();

	eh_node(h, "lab", "n1", EH_N1, "False", "", "");
	eh_node(h, "lab", "n2", EH_N2, "False", "", "");
	eh_node(h, "lab", "n3", EH_N3, "False", "", "");
	eh_pass(h, 1000);
	endpoints(h, "local", "n2: n3:"); /* the node controller; the kubelet takes it back */
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	endpoints(h, "web", "n1: n2: n3:");
	endpoints(h, "local", "n2:r n3:");
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	ck_assert_str_eq(eh_route(h, V), "");
	eh_free(h);
}
END_TEST

/* Once that moment is over, it is: another look at the nodes is no new silence. */
START_TEST(test_not_ready_and_looked_at_again)
{
	struct eh *h = cut_off_begins();

	eh_node(h, "lab", "n1", EH_N1, "False", "", "");
	eh_node(h, "lab", "n2", EH_N2, "False", "", "");
	eh_node(h, "lab", "n3", EH_N3, "False", "", "");
	eh_pass(h, 1000);
	endpoints(h, "local", "n2: n3:");
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, W), "");
	eh_node(h, "lab", "n3", EH_N3, "False", "'labels':{'a':'b'}", "");
	eh_pass(h, 1000);
	ck_assert_str_eq(eh_route(h, W), "");
	eh_conf(h, EH_CONF);
	ck_assert_str_eq(eh_route(h, W), "");
	eh_free(h);
}
END_TEST

/* The one that is back falls silent again: the others, whose time runs, stay. */
START_TEST(test_flapping_api)
{
	struct eh *h = cut_off_begins();

	all_silent(h);
	eh_pass(h, 3600000);
	ready(h, "n1", EH_N1);
	eh_pass(h, KVIP_SETTLE_MS / 2);
	silent(h, "n1", EH_N1);
	eh_settle(h);
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	eh_free(h);
}
END_TEST

/* A configuration line in the middle of it changes nothing. */
START_TEST(test_configuration_meanwhile)
{
	struct eh *h = cut_off_begins();

	all_silent(h);
	endpoints(h, "local", "n2: n3:");
	eh_conf(h, EH_CONF "cluster lab advertise alpha service-selector none=such\n");
	ready(h, "n1", EH_N1);
	eh_conf(h, EH_CONF);
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, W), "");
	eh_free(h);
}
END_TEST

/* Blocks are for themselves: nobody is kept for a block that has Ready nodes. */
START_TEST(test_each_block)
{
	struct eh *h = eh_new();

	eh_conf(h, "cluster lab server https://192.168.99.9:6443\n"
		   "cluster lab vip-range 192.168.77.0/24\n"
		   "cluster lab advertise edge service-selector app=edge\n"
		   "cluster lab advertise edge node-selector edge\n"
		   "cluster lab advertise web service-selector any\n");
	eh_node(h, "lab", "n1", EH_N1, "True", "'labels':{'edge':''}", "");
	eh_node(h, "lab", "n2", EH_N2, "True", "", "");
	eh_service(h, "lab", "edge", V, "'labels':{'app':'edge'}", "");
	eh_slice(h, "lab", "edge", "n1:r n2:r");
	eh_service(h, "lab", "web", W, "", "");
	eh_slice(h, "lab", "web", "n1:r n2:r");
	eh_synced(h, "lab");
	eh_node(h, "lab", "n1", EH_N1, "Unknown", "'labels':{'edge':''}", "");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	eh_free(h);
}
END_TEST

/* A claim that is held yields to another cluster's that has endpoints, and is better than none. */
START_TEST(test_other_cluster)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF "cluster lab preference 200\ncluster b vip-range 192.168.77.0/24\n"
			   "cluster b advertise web service-selector any\n");
	eh_node(h, "lab", "n1", EH_N1, "True", "", "");
	eh_node(h, "b", "m1", EH_N3, "True", "", "");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_service(h, "b", "web", V, "", "");
	eh_slice(h, "b", "web", "m1:r");
	eh_synced(h, "lab");
	eh_synced(h, "b");
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	silent(h, "n1", EH_N1);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	endpoints(h, "web", "n1:");
	ck_assert_str_eq(eh_route(h, V), EH_N3);
	eh_slice(h, "b", "web", "m1:");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "endpoints-kept");
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

/* Of two that share it, one has pods again: it takes the VIP where they are. */
START_TEST(test_shared)
{
	struct eh *h = cut_off_begins();

	eh_service(h, "lab", "two", W, "", LOCAL);
	endpoints(h, "two", "n2:r n1:r");
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	all_silent(h);
	endpoints(h, "local", "n2:");
	endpoints(h, "two", "n2: n1:");
	ck_assert_str_eq(eh_route(h, W), EH_N2);
	ready(h, "n1", EH_N1);
	endpoints(h, "two", "n2: n1:r");
	ck_assert_str_eq(eh_route(h, W), EH_N1);
	eh_free(h);
}
END_TEST

/* With allow-no-endpoints it does not hang on them at all. */
START_TEST(test_allow_no_endpoints)
{
	struct eh *h = cut_off_begins();

	eh_conf(h, EH_CONF "cluster lab advertise web allow-no-endpoints\n");
	all_silent(h);
	endpoints(h, "web", "n1: n2: n3:");
	ck_assert_str_eq(eh_warning(h, "lab", "web"), "node-kept");
	ready(h, "n1", EH_N1);
	eh_settle(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	eh_free(h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("select_kept");
	TCase *tc = tcase_create("kept");

	tcase_add_test(tc, test_ready_never_empties);
	tcase_add_test(tc, test_all_unknown_at_start);
	tcase_add_test(tc, test_min_ready_nodes);
	tcase_add_test(tc, test_cut_off_and_back);
	tcase_add_test(tc, test_one_does_not_come_back);
	tcase_add_test(tc, test_pods_do_not_come_back);
	tcase_add_test(tc, test_death_among_the_living);
	tcase_add_test(tc, test_first_of_all);
	tcase_add_test(tc, test_withdrawn_long_before);
	tcase_add_test(tc, test_not_held);
	tcase_add_test(tc, test_not_ready);
	tcase_add_test(tc, test_not_ready_and_looked_at_again);
	tcase_add_test(tc, test_flapping_api);
	tcase_add_test(tc, test_configuration_meanwhile);
	tcase_add_test(tc, test_each_block);
	tcase_add_test(tc, test_other_cluster);
	tcase_add_test(tc, test_shared);
	tcase_add_test(tc, test_allow_no_endpoints);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
