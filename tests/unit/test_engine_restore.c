// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what the state file brings back: allowed, waiting, orphaned, dismissed, confirmed. Rules R4.
 */
#include "engine_helper.h"

static struct kvip_restored restored(struct eh *h, const char *vip, const char *nh, const char *cl,
				     kvip_wall age, bool in_zebra)
{
	struct kvip_restored r = { .identity = "kube-system/one",
				   .confirmed_s = h->wall - age,
				   .in_zebra = in_zebra };
	struct kvip_addr a;

	ck_assert_int_eq(kvip_prefix_parse(vip, &r.route.id.prefix), 0);
	ck_assert_int_eq(kvip_addr_parse(nh, &a), 0);
	r.route.id.distance = 15;
	r.route.tag = 77;
	r.route.nhs = kvip_nhset_get(h->nhsets, &a, 1);
	r.route.cluster = cl;
	return r;
}

static void restore(struct eh *h, struct kvip_restored *v, size_t n)
{
	ck_assert_int_eq(kvip_engine_restore(h->engine, v, n), 0);
	for (size_t i = 0; i < n; i++)
		kvip_nhset_unref(v[i].route.nhs);
}

START_TEST(test_restored)
{
	struct eh *h = eh_new();
	struct kvip_restored v[] = {
		restored(h, "192.168.77.1", EH_N1, "lab", 60, false),
		restored(h, "192.168.77.2", EH_N2, "lab", 60, false),
		restored(h, "192.168.77.3", EH_N3, "lab", 7200, false), /* too old */
		restored(h, "192.168.77.4", EH_N3, "lab", 7200, true),  /* but still in zebra */
		restored(h, "10.0.0.1", EH_N1, "lab", 60, true),        /* out of range today */
		restored(h, "192.168.77.6", EH_N1, "gone", 60, true),   /* no such cluster */
	};

	restore(h, v, 6);
	eh_step(h);
	ck_assert_uint_eq(h->n, 0); /* no configuration is not an empty configuration */
	eh_conf(h, EH_CONF);
	ck_assert_uint_eq(h->n, 3);
	ck_assert(eh_get(h, "192.168.77.1")->restored);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N1);
	ck_assert_str_eq(eh_route(h, "192.168.77.4"), EH_N3);
	ck_assert_uint_eq(eh_summary(h).vips_restored, 3);
	eh_pass(h, 7200000);
	ck_assert_uint_eq(h->n, 3); /* held for ever */
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "s1", "192.168.77.1", "", "");
	eh_slice(h, "lab", "s1", "n1:r");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N1); /* not synchronised yet */
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_ALL);
	ck_assert(!eh_get(h, "192.168.77.1")->restored);
	/* 2, 3, 4 and 10.0.0.1 are no longer wanted; the orphan stays */
	ck_assert_uint_eq(h->n, 1);
	ck_assert_uint_eq(h->withdrawn, 4);
	ck_assert_uint_eq(eh_summary(h).vips_restored, 0);
	kvip_engine_clear_orphans(h->engine);
	eh_step(h);
	ck_assert_uint_eq(h->withdrawn, 5);
	ck_assert_uint_eq(h->withdrawn_by_operator, 2); /* the orphan and what today's ranges refuse
							 */
	eh_free(h);
}
END_TEST

/* Started while all kubelets are silent: nobody is known to be good but by what was routed. */
START_TEST(test_restored_in_a_cut_off)
{
	struct eh *h = eh_new();
	struct kvip_restored v[] = { restored(h, "192.168.77.1", EH_N1, "lab", 60, true) };

	restore(h, v, 1);
	eh_conf(h, EH_CONF);
	eh_node(h, "lab", "n1", EH_N1, "Unknown", "", "");
	eh_node(h, "lab", "n2", EH_N2, "Unknown", "", "");
	eh_service(h, "lab", "s1", "192.168.77.1", "", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "lab", "s1", "n1: n2:");
	eh_service(h, "lab", "s2", "192.168.77.2", "", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "lab", "s2", "n1: n2:");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N1);
	ck_assert_str_eq(eh_warning(h, "lab", "s1"), "endpoints-kept");
	ck_assert_str_eq(eh_route(h, "192.168.77.2"), "");
	eh_pass(h, 3600000);
	eh_slice(h, "lab", "s1", "n1: n2: n1:");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N1);
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

START_TEST(test_restored_and_empty_cluster)
{
	struct eh *h = eh_new();
	struct kvip_restored v[] = { restored(h, "192.168.77.1", EH_N1, "lab", 60, false) };

	restore(h, v, 1);
	eh_conf(h, EH_CONF);
	eh_synced(h, "lab"); /* etcd emptied while we were down: the first list meets the guard, too
			      */
	ck_assert_uint_eq(h->n, 1);
	ck_assert(eh_cluster(h).guard_active);
	eh_conf(h, EH_CONF "cluster lab maximum-vips 5\n");
	ck_assert_uint_eq(h->n, 1);
	kvip_engine_accept_withdrawals(h->engine, "lab");
	eh_step(h);
	ck_assert_uint_eq(h->n, 0);
	eh_free(h);
}
END_TEST

START_TEST(test_restored_other_identity)
{
	struct eh *h = eh_new();
	struct kvip_restored v[] = { restored(h, "192.168.77.1", EH_N1, "lab", 60, false),
				     restored(h, "192.168.77.2", EH_N1, "lab", 60, false) };

	restore(h, v, 2);
	eh_conf(h, EH_CONF);
	ck_assert_uint_eq(h->n, 2);
	eh_identity(h, "lab", "kube-system/two"); /* another cluster answers */
	eh_three_nodes(h, "lab");
	eh_services(h, "lab", 1);
	eh_synced(h, "lab");
	ck_assert(eh_cluster(h).identity_changed);
	ck_assert_uint_eq(h->n, 2);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_ALL);
	kvip_engine_accept_withdrawals(h->engine, "lab");
	eh_step(h);
	ck_assert_uint_eq(h->n, 1);
	eh_free(h);
}
END_TEST

START_TEST(test_restored_waits_through_configuration)
{
	struct eh *h = eh_new();
	struct kvip_restored v[] = { restored(h, "192.168.77.1", EH_N1, "lab", 60, true),
				     restored(h, "192.168.77.2", EH_N1, "b", 60, true) };

	restore(h, v, 2);
	eh_conf(h, "reserved-prefix 10.0.0.0/8\n");
	ck_assert_uint_eq(h->n, 0);
	eh_conf(h, "cluster lab maximum-vips 5\n");
	ck_assert_uint_eq(h->n, 0); /* its range comes later */
	eh_conf(h, EH_CONF);
	ck_assert_uint_eq(h->n, 1);
	eh_conf(h, "cluster lab maximum-vips 5\n"); /* not synchronised once: nothing is removed */
	ck_assert_uint_eq(h->n, 1);
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_conf(h, EH_CONF "cluster b vip-range 192.168.77.0/24\n");
	ck_assert_uint_eq(h->n, 2);
	eh_conf(h, EH_CONF); /* `no kubevip cluster b` while we run */
	ck_assert_uint_eq(h->n, 1);
	ck_assert_uint_eq(h->withdrawn_by_operator, 1);
	eh_conf(h, EH_CONF "cluster lab shutdown\n");
	ck_assert_uint_eq(h->n, 0);
	eh_free(h);
}
END_TEST

START_TEST(test_restored_and_preference)
{
	struct eh *h = eh_new();
	struct kvip_restored v[] = { restored(h, "192.168.77.1", EH_N1, "lab", 60, true) };
	const char *conf = EH_CONF "cluster b vip-range 192.168.77.0/24\n"
				   "cluster b advertise web service-selector any\n"
				   "cluster lab preference 200\n";

	restore(h, v, 1);
	eh_conf(h, conf);
	eh_node(h, "b", "b1", "192.168.99.99", "True", "", "");
	eh_services(h, "b", 1);
	eh_synced(h, "b");
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_N1); /* the preferred one's, as it was */
	eh_synced(h, "lab");                                  /* it no longer has it */
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), "192.168.99.99");
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_free(h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine_restore");
	TCase *tc = tcase_create("restore");

	tcase_add_test(tc, test_restored);
	tcase_add_test(tc, test_restored_in_a_cut_off);
	tcase_add_test(tc, test_restored_and_empty_cluster);
	tcase_add_test(tc, test_restored_other_identity);
	tcase_add_test(tc, test_restored_waits_through_configuration);
	tcase_add_test(tc, test_restored_and_preference);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
