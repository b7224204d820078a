// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the engine as a whole, fed by hand: synchronisation, relists, the guard, configuration
 * changes, orders. Rules R3, R4.
 */
#include "base/kvip_mem.h"
#include "engine_helper.h"

#include <errno.h>

#define V  "192.168.77.128"
#define V2 "192.168.77.129"

static void del_services(struct eh *h, const char *cluster, int from, int to)
{
	char name[16];

	for (int i = from; i <= to; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		eh_del(h, cluster, KVIP_KIND_SERVICE, "prod", name);
	}
}

static struct eh *running(const char *conf, int n)
{
	struct eh *h = eh_new();

	eh_conf(h, conf);
	eh_three_nodes(h, "lab");
	eh_services(h, "lab", n);
	eh_synced(h, "lab");
	ck_assert_uint_eq(h->n, n);
	return h;
}

START_TEST(test_one_service)
{
	struct eh *h = eh_new();

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), ""); /* nothing before every kind has listed */
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_STARTING);
	ck_assert_str_eq(eh_reason(h, "lab", "web"), "not-synchronised");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_uint_eq(eh_get(h, V)->tag, 77);
	ck_assert_uint_eq(eh_get(h, V)->distance, 15);
	ck_assert_str_eq(eh_get(h, V)->cluster, "lab");
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_LIVE);
	ck_assert_uint_eq(eh_cluster(h).objects, 5);
	eh_del(h, "lab", KVIP_KIND_SERVICE, "prod", "web");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), "");
	ck_assert_uint_eq(h->announced, 1);
	ck_assert_uint_eq(h->withdrawn, 1);
	eh_free(h);
}
END_TEST

START_TEST(test_optional_kind_delays_two_seconds)
{
	struct eh *h = eh_new();
	void *ctx;
	const struct kvip_feed *f;

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_services(h, "lab", 1);
	eh_end(h, "lab", KVIP_KIND_SERVICE);
	eh_end(h, "lab", KVIP_KIND_SLICE);
	eh_pass(h, 10000);
	ck_assert_uint_eq(h->n, 0); /* a mandatory kind may take its time */
	eh_end(h, "lab", KVIP_KIND_NODE);
	eh_step(h);
	ck_assert_uint_eq(h->n, 0);
	ck_assert_int_le(h->next, h->now + 2000);
	eh_pass(h, 1999);
	ck_assert_uint_eq(h->n, 0);
	eh_pass(h, 1);
	ck_assert_uint_eq(h->n, 1);
	eh_free(h);

	h = eh_new();
	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_services(h, "lab", 1);
	f = eh_feed(h, "lab", &ctx);
	f->absent(ctx, KVIP_KIND_GATEWAY);
	eh_end(h, "lab", KVIP_KIND_SERVICE);
	eh_end(h, "lab", KVIP_KIND_SLICE);
	eh_end(h, "lab", KVIP_KIND_NODE);
	eh_step(h);
	ck_assert_uint_eq(h->n, 1);
	eh_free(h);
}
END_TEST

START_TEST(test_relist)
{
	struct eh *h = running(EH_CONF, 20);
	void *ctx;
	const struct kvip_feed *f = eh_feed(h, "lab", &ctx);
	size_t announced = h->announced;

	eh_begin(h, "lab", KVIP_KIND_SERVICE); /* the same again: no event */
	eh_services(h, "lab", 20);
	eh_end(h, "lab", KVIP_KIND_SERVICE);
	eh_step(h);
	ck_assert_uint_eq(h->announced, announced);
	eh_begin(h, "lab", KVIP_KIND_SERVICE); /* broken off: nothing is swept */
	eh_services(h, "lab", 3);
	eh_step(h);
	f->refresh_abort(ctx, KVIP_KIND_SERVICE);
	eh_step(h);
	ck_assert_uint_eq(h->n, 20);
	eh_begin(h, "lab", KVIP_KIND_SERVICE); /* complete: five less */
	eh_services(h, "lab", 15);
	eh_step(h);
	ck_assert_uint_eq(h->n, 20);
	eh_end(h, "lab", KVIP_KIND_SERVICE);
	eh_step(h);
	ck_assert_uint_eq(h->n, 15);
	ck_assert_uint_eq(h->announced, announced);
	eh_free(h);
}
END_TEST

START_TEST(test_new_uid)
{
	struct eh *h = running(EH_CONF, 2);
	void *ctx;
	const struct kvip_feed *f = eh_feed(h, "lab", &ctx);

	f->del(ctx, KVIP_KIND_SERVICE, "prod", "s1", "uid-of-an-older-one");
	eh_step(h);
	ck_assert_uint_eq(h->n, 2);
	f->del(ctx, KVIP_KIND_SERVICE, "prod", "s1", "uid-lab-s1");
	eh_step(h);
	ck_assert_uint_eq(h->n, 1);
	eh_free(h);
}
END_TEST

/* A relist of any mandatory kind that would leave none holds all. */
START_TEST(test_empty_relist)
{
	enum kvip_kind kind = (enum kvip_kind)_i;
	struct eh *h = running(EH_CONF, 3);

	eh_begin(h, "lab", kind);
	eh_end(h, "lab", kind);
	eh_step(h);
	ck_assert_uint_eq(h->n, 3);
	ck_assert(eh_cluster(h).guard_active);
	ck_assert_uint_eq(eh_cluster(h).held, 3);
	ck_assert_uint_eq(eh_summary(h).vips_held, 3);
	eh_pass(h, 3600000);
	ck_assert_uint_eq(h->n, 3);
	eh_begin(h, "lab", kind); /* the table comes back */
	eh_services(h, "lab", 3);
	eh_three_nodes(h, "lab");
	eh_end(h, "lab", kind);
	eh_step(h);
	ck_assert(!eh_cluster(h).guard_active);
	ck_assert_uint_eq(h->withdrawn, 0);
	eh_begin(h, "lab", kind);
	eh_end(h, "lab", kind);
	eh_step(h);
	ck_assert_uint_eq(h->n, 3);
	ck_assert_int_eq(kvip_engine_accept_withdrawals(h->engine, "nobody"), -ENOENT);
	ck_assert_int_eq(kvip_engine_accept_withdrawals(h->engine, "lab"), 0);
	eh_step(h);
	ck_assert_uint_eq(h->n, 0);
	ck_assert(!eh_cluster(h).guard_active);
	ck_assert_uint_eq(eh_cluster(h).withdrawals, 3);
	eh_free(h);
}
END_TEST

START_TEST(test_mass_withdrawal)
{
	struct eh *h = running(EH_CONF, 40);

	del_services(h, "lab", 1, 30);
	eh_step(h);
	ck_assert_uint_eq(h->n, 40); /* the whole batch, not what is left at the half */
	ck_assert(eh_cluster(h).guard_active);
	eh_service(h, "lab", "new", V, "", ""); /* additions pass */
	eh_slice(h, "lab", "new", "n1:r");
	eh_step(h);
	ck_assert_uint_eq(h->n, 41);
	eh_node(h, "lab", "n2", EH_N2, "False", "", ""); /* shrinking sets pass */
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1 " " EH_N3);
	ck_assert_str_eq(eh_route(h, "192.168.77.40"), EH_N1 " " EH_N3);
	del_services(h, "lab", 31, 31); /* further ones wait */
	eh_step(h);
	ck_assert_uint_eq(h->n, 41);
	kvip_engine_accept_withdrawals(h->engine, NULL);
	eh_step(h);
	ck_assert_uint_eq(h->n, 10);
	eh_free(h);
}
END_TEST

START_TEST(test_guard_release_after)
{
	struct eh *h = running(EH_CONF "cluster lab withdraw-guard 30 min 2 release-after 60\n",
			       10);

	del_services(h, "lab", 1, 4);
	eh_step(h);
	ck_assert_uint_eq(h->n, 10);
	ck_assert_int_le(h->next, h->now + 60000);
	eh_pass(h, 59000);
	ck_assert_uint_eq(h->n, 10);
	eh_pass(h, 1000);
	ck_assert_uint_eq(h->n, 6);
	eh_free(h);
}
END_TEST

/* Another identity holds whatever release-after says; and nobody is woken up for it again and again.
 */
START_TEST(test_guard_release_after_and_identity)
{
	struct eh *h = running(EH_CONF "cluster lab withdraw-guard 30 min 2 release-after 60\n",
			       10);

	eh_identity(h, "lab", "kube-system/one");
	eh_step(h);
	eh_identity(h, "lab", "kube-system/two");
	del_services(h, "lab", 1, 4);
	eh_step(h);
	eh_pass(h, 3600000);
	ck_assert_uint_eq(h->n, 10);
	ck_assert_int_gt(h->next, h->now);
	eh_identity(h, "lab", "kube-system/one");
	eh_step(h);
	ck_assert_uint_eq(h->n, 10);
	eh_pass(h, 60000);
	ck_assert_uint_eq(h->n, 6);
	eh_free(h);
}
END_TEST

START_TEST(test_guard_and_another_owner)
{
	struct eh *h = running(EH_CONF "cluster z vip-range 192.168.77.0/24\n"
				       "cluster z advertise web service-selector any\n",
			       20);

	eh_node(h, "z", "z1", "192.168.99.99", "True", "", "");
	eh_service(h, "z", "web", "192.168.77.1", "", "");
	eh_slice(h, "z", "web", "z1:r");
	eh_synced(h, "z");
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), EH_ALL);
	del_services(h, "lab", 1, 20);
	eh_step(h);
	ck_assert_str_eq(eh_route(h, "192.168.77.1"), "192.168.99.99"); /* no withdrawal: passes */
	ck_assert_uint_eq(h->n, 20);
	ck_assert_uint_eq(h->withdrawn, 0);
	ck_assert_uint_eq(eh_cluster(h).held, 19);
	eh_free(h);
}
END_TEST

/* The operator's causes pass, but not what the guard held for other reasons. */
START_TEST(test_configuration_passes_guard)
{
	struct eh *h = running(EH_CONF "cluster lab vip-range 192.168.78.0/24\n", 40);

	eh_conf(h,
		"cluster lab vip-range 192.168.77.0/28\ncluster lab advertise web service-selector any\n");
	ck_assert_uint_eq(h->n, 15);
	ck_assert_uint_eq(h->withdrawn_by_operator, 25);
	ck_assert(!eh_cluster(h).guard_active);
	eh_conf(h, EH_CONF);
	ck_assert_uint_eq(h->n, 40);
	del_services(h, "lab", 1, 30);
	eh_step(h);
	ck_assert_uint_eq(h->n, 40);
	eh_conf(h, EH_CONF "cluster lab maximum-vips 5000\n"); /* has nothing to do with it */
	ck_assert_uint_eq(h->n, 40);
	ck_assert(eh_cluster(h).guard_active);
	eh_conf(h, "cluster lab vip-range 192.168.77.16/28\n" /* has */
		   "cluster lab vip-range 192.168.77.32/28\n"
		   "cluster lab advertise web service-selector any\n");
	ck_assert_uint_eq(h->n, 25);
	eh_conf(h, EH_CONF "cluster lab shutdown\n");
	ck_assert_uint_eq(h->n, 0);
	ck_assert_int_eq(eh_cluster(h).state, KVIP_CLUSTER_SHUTDOWN);
	eh_conf(h, EH_CONF);
	ck_assert_uint_eq(h->n, 10); /* it went on watching */
	eh_free(h);
}
END_TEST

START_TEST(test_cluster_removed)
{
	struct eh *h = running(EH_CONF, 20);
	void *ctx;

	del_services(h, "lab", 1, 15);
	eh_step(h);
	ck_assert_uint_eq(h->n, 20); /* held */
	eh_conf(h, "cluster other vip-range 10.0.0.0/8\n");
	ck_assert_uint_eq(h->n, 0);
	ck_assert_uint_eq(h->withdrawn_by_operator, 20);
	ck_assert_ptr_null(kvip_engine_feed(h->engine, "lab", &ctx));
	ck_assert_uint_eq(eh_summary(h).clusters, 1);
	eh_conf(h, EH_CONF); /* anew, from nothing */
	eh_three_nodes(h, "lab");
	eh_services(h, "lab", 20);
	eh_synced(h, "lab");
	ck_assert_uint_eq(h->n, 20);
	eh_free(h);
}
END_TEST

/* A change of RBAC makes another object readable: that is the same cluster. */
START_TEST(test_identity_of_another_source)
{
	struct eh *h = running(EH_CONF, 3);

	eh_identity(h, "lab", "kube-system/one");
	eh_identity(h, "lab", "kubernetes/two");
	ck_assert(!eh_cluster(h).identity_changed);
	eh_identity(h, "lab", "kubernetes/three");
	ck_assert(eh_cluster(h).identity_changed);
	eh_free(h);
}
END_TEST

START_TEST(test_identity_changed)
{
	struct eh *h = running(EH_CONF, 3);
	char identity[64];
	kvip_wall when;

	eh_identity(h, "lab", "kube-system/one");
	eh_step(h);
	ck_assert(kvip_engine_cluster_seen(h->engine, "lab", identity, sizeof(identity), &when));
	ck_assert_str_eq(identity, "kube-system/one");
	ck_assert_int_eq(when, h->wall);
	eh_identity(h, "lab", "kube-system/two");
	del_services(h, "lab", 1, 1);
	eh_pass(h, 1000);
	ck_assert(eh_cluster(h).identity_changed);
	ck_assert_uint_eq(h->n, 3);
	ck_assert(kvip_engine_cluster_seen(h->engine, "lab", identity, sizeof(identity), &when));
	ck_assert_str_eq(identity, "kube-system/one");
	ck_assert_int_eq(when, h->wall - 1);
	kvip_engine_accept_withdrawals(h->engine, "lab");
	eh_step(h);
	ck_assert(!eh_cluster(h).identity_changed);
	ck_assert_uint_eq(h->n, 2);
	ck_assert(kvip_engine_cluster_seen(h->engine, "lab", identity, sizeof(identity), &when));
	ck_assert_str_eq(identity, "kube-system/two");
	eh_identity(h, "lab", "kube-system/one");
	eh_identity(h, "lab", "kube-system/two"); /* back again before anything was decided */
	del_services(h, "lab", 2, 2);
	eh_step(h);
	ck_assert_uint_eq(h->n, 1);
	eh_free(h);
}
END_TEST

START_TEST(test_facts_not_known)
{
	struct eh *h = eh_new();
	struct kvip_facts *f = kvip_facts_new();

	f->known = false;
	eh_publish(h, f);
	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_services(h, "lab", 2);
	eh_synced(h, "lab");
	ck_assert_uint_eq(h->n, 0); /* own addresses might be among them */
	eh_publish(h, eh_facts("192.168.77.1", ""));
	ck_assert_uint_eq(h->n, 1);
	ck_assert_str_eq(eh_reason(h, "lab", "s1"), "own-address");
	f = kvip_facts_new();
	f->known = false;
	eh_publish(h, f); /* zebra is gone: what was known stays */
	ck_assert_uint_eq(h->n, 1);
	eh_services(h, "lab", 3);
	eh_step(h);
	ck_assert_uint_eq(h->n, 2);
	eh_free(h);
}
END_TEST

START_TEST(test_republish)
{
	struct eh *h = running(EH_CONF, 200);

	h->n = 0;
	eh_step(h);
	ck_assert_uint_eq(h->n, 0);
	kvip_engine_republish(h->engine);
	eh_step(h);
	ck_assert_uint_eq(h->n, 200);
	eh_free(h);
}
END_TEST

struct seen_vip {
	struct kvip_vip_view v;
	char first_claim[64];
	size_t calls;
};

static bool copy_vip(void *ctx, const struct kvip_vip_view *v)
{
	struct seen_vip *s = ctx;

	s->v = *v;
	s->calls++;
	if (v->n_claims)
		snprintf(s->first_claim, sizeof(s->first_claim), "%s", v->claims[0].name);
	return true;
}

START_TEST(test_views)
{
	struct eh *h = running(EH_CONF "cluster lab advertise none service-selector x=y\n", 1);
	struct seen_vip s = { 0 };
	struct kvip_prefix p;

	eh_service(h, "lab", "a-new", "192.168.77.1", "'creationTimestamp':'2026-06-01T00:00:00Z'",
		   "");
	eh_step(h);
	kvip_engine_each_vip(h->engine, copy_vip, &s);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert(s.v.routed);
	ck_assert_uint_eq(s.v.n_claims, 2);
	ck_assert_str_eq(s.first_claim, "s1");
	ck_assert_int_eq(s.v.reason, KVIP_REASON_SELECTED);
	ck_assert_str_eq(eh_reason(h, "lab", "a-new"), "no-endpoints");
	ck_assert_int_eq(kvip_prefix_parse("192.168.77.1", &p), 0);
	ck_assert(kvip_engine_show_vip(h->engine, &p, copy_vip, &s));
	ck_assert_int_eq(kvip_prefix_parse("192.168.77.2", &p), 0);
	ck_assert(!kvip_engine_show_vip(h->engine, &p, copy_vip, &s));
	eh_service(h, "lab", "outside", "10.1.1.1", "", "");
	eh_step(h);
	ck_assert_str_eq(eh_reason(h, "lab", "outside"), "out-of-range");
	ck_assert_str_eq(eh_claim(h, "lab", "outside", NULL).advertise, "web");
	eh_free(h);
}
END_TEST

static bool count_node_vips(void *ctx, const struct kvip_node_view *v)
{
	size_t *n = ctx;

	n[v->name[1] - '1'] = v->vips;
	return true;
}

START_TEST(test_vips_per_node)
{
	struct eh *h = running(EH_CONF, 3);
	size_t n[3] = { 0 };

	eh_service(h, "lab", "local", V, "", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "lab", "local", "n2:r");
	eh_step(h);
	kvip_engine_each_node(h->engine, count_node_vips, n);
	ck_assert_uint_eq(n[0], 3);
	ck_assert_uint_eq(n[1], 4);
	ck_assert_uint_eq(n[2], 3);
	eh_free(h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine");
	TCase *tc = tcase_create("engine");

	tcase_add_test(tc, test_one_service);
	tcase_add_test(tc, test_optional_kind_delays_two_seconds);
	tcase_add_test(tc, test_relist);
	tcase_add_test(tc, test_new_uid);
	tcase_add_loop_test(tc, test_empty_relist, KVIP_KIND_SERVICE, KVIP_KIND_NODE + 1);
	tcase_add_test(tc, test_mass_withdrawal);
	tcase_add_test(tc, test_guard_release_after);
	tcase_add_test(tc, test_guard_release_after_and_identity);
	tcase_add_test(tc, test_guard_and_another_owner);
	tcase_add_test(tc, test_configuration_passes_guard);
	tcase_add_test(tc, test_cluster_removed);
	tcase_add_test(tc, test_identity_of_another_source);
	tcase_add_test(tc, test_identity_changed);
	tcase_add_test(tc, test_facts_not_known);
	tcase_add_test(tc, test_republish);
	tcase_add_test(tc, test_views);
	tcase_add_test(tc, test_vips_per_node);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
