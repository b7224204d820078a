// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler and route-maps: marks are told, listed when they change, recorded, and never
 * a reason to send anything.
 */
#include "base/kvip_mem.h"
#include "vip/kvip_recon.h"
#include "vip/kvip_state.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VIP1 "192.168.77.128/32"
#define VIP2 "192.168.77.129/32"
#define GOLD "tier=gold"

static struct kvip_nhsets *nhsets;
static struct kvip_matches *matches;
static struct kvip_recon *recon;
static struct kvip_state *state;
static char state_path[64];
static unsigned int gold, sent, woken;
static struct kvip_marks read_marks;

static int mock_announce(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable)
{
	(void)ctx;
	(void)r;
	(void)usable;
	sent++;
	return 0;
}

static int mock_withdraw(void *ctx, const struct kvip_route_id *id)
{
	(void)ctx;
	(void)id;
	return 0;
}

static void mock_track(void *ctx, const struct kvip_addr *nh, bool on)
{
	(void)ctx;
	if (on)
		kvip_recon_nexthop(recon, nh, KVIP_NH_CONNECTED, 1000);
}

static const struct kvip_sink_ops mock = {
	.name = "mock",
	.announce = mock_announce,
	.withdraw = mock_withdraw,
	.track = mock_track,
};

static bool marks_matter(void *ctx, const struct kvip_marks *a, const struct kvip_marks *b)
{
	return kvip_matches_differ(ctx, a, b);
}

static void marked(void *ctx)
{
	ck_assert_ptr_eq(ctx, matches);
	woken++;
}

static void on_route(void *ctx, const struct kvip_route *r)
{
	(void)ctx;
	read_marks = r->marks;
}

static void on_cluster(void *ctx, const char *name, const char *identity, kvip_wall s)
{
	(void)ctx;
	(void)name;
	(void)identity;
	(void)s;
}

static void on_marks(void *ctx, const char *text, struct kvip_marks *out)
{
	kvip_matches_restore(ctx, text, out);
}

static struct kvip_state *open_state(struct kvip_matches *to)
{
	const struct kvip_state_reader reader = { on_route, on_cluster, to, on_marks };
	struct kvip_err refused, err;
	struct kvip_state *s;

	ck_assert_int_eq(kvip_state_open(state_path, nhsets, &reader, &s, &refused, &err), 0);
	ck_assert_str_eq(refused.text, "");
	return s;
}

static struct kvip_facts *facts(void)
{
	struct kvip_facts *f = kvip_facts_new();

	f->known = true;
	f->matches = kvip_matches_publish(matches);
	return f;
}

static void publish(void)
{
	struct kvip_facts *f = facts();

	kvip_recon_set_facts(recon, f, 1000);
	kvip_facts_unref(f);
}

static void setup(void)
{
	struct kvip_recon_deps deps = { .sink = &mock };

	snprintf(state_path, sizeof(state_path), "/tmp/kubevip-test-marks.%d", getpid());
	unlink(state_path);
	nhsets = kvip_nhsets_new();
	matches = kvip_matches_new();
	gold = (unsigned int)kvip_matches_ref(matches, KVIP_MATCH_LABEL, GOLD);
	deps.nhsets = nhsets;
	deps.marks_matter = marks_matter;
	deps.marked = marked;
	deps.marks_ctx = matches;
	recon = kvip_recon_new(&deps);
	state = open_state(matches);
	publish();
	kvip_recon_set_state(recon, state);
	kvip_recon_set_active(recon, true, 1000);
	kvip_recon_sink_up(recon, 1000);
	sent = woken = 0;
}

static void teardown(void)
{
	kvip_recon_free(recon);
	kvip_state_close(state);
	kvip_matches_free(matches);
	kvip_nhsets_free(nhsets);
	unlink(state_path);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

static struct kvip_prefix prefix(const char *text)
{
	struct kvip_prefix p;

	ck_assert_int_eq(kvip_prefix_parse(text, &p), 0);
	return p;
}

static void run(void)
{
	while (kvip_recon_step(recon, 4, 1000))
		;
}

/* As the engine decides it, evaluated against what is published now. */
static void decide(const char *p, bool is_gold)
{
	struct kvip_decision d = { .prefix = prefix(p) };
	struct kvip_match_set *s = kvip_matches_publish(matches);
	struct kvip_addr nh;

	ck_assert_int_eq(kvip_addr_parse("192.168.99.12", &nh), 0);
	d.route.id = (struct kvip_route_id){ .prefix = d.prefix, .distance = 15 };
	d.route.tag = 77;
	d.route.cluster = "lab";
	d.route.nhs = kvip_nhset_get(nhsets, &nh, 1);
	d.route.marks.generation = s->generation;
	if (is_gold)
		kvip_marks_set(&d.route.marks, gold);
	kvip_match_set_free(s);
	ck_assert_int_eq(kvip_recon_decide(recon, &d, 1000), 0);
	kvip_nhset_unref(d.route.nhs);
	run();
}

static void feed_add(const char *p, uint8_t distance, uint32_t tag)
{
	struct kvip_addr nh;
	struct kvip_feed_route f = {
		.prefix = prefix(p), .distance = distance, .tag = tag, .nhs = &nh, .n_nhs = 1
	};

	ck_assert_int_eq(kvip_addr_parse("192.168.99.12", &nh), 0);
	kvip_recon_feed_add(recon, &f, 1000);
	run();
}

static void feed_del(const char *p)
{
	struct kvip_prefix q = prefix(p);

	kvip_recon_feed_del(recon, 0, &q, 1000);
	run();
}

static bool is_gold(const char *p)
{
	struct kvip_prefix q = prefix(p);
	struct kvip_marks m;

	return kvip_recon_marks(recon, 0, &q, &m) && kvip_matches_asks(matches, gold, &m);
}

/* Exactly these are listed, in this order, and then none. */
static void expect_listed(const char *a, const char *b)
{
	const char *const want[] = { a, b };
	struct kvip_prefix p, q;
	uint32_t vrf_id = 1;

	for (int i = 0; i < 2 && want[i]; i++) {
		ck_assert_msg(kvip_recon_take_marked(recon, &vrf_id, &p), "%s", want[i]);
		q = prefix(want[i]);
		ck_assert_int_eq(kvip_prefix_cmp(&p, &q), 0);
		ck_assert_uint_eq(vrf_id, 0);
	}
	ck_assert(!kvip_recon_take_marked(recon, &vrf_id, &p));
	ck_assert_uint_eq(kvip_recon_marked(recon), 0);
}

START_TEST(a_new_vip_is_told_and_not_listed)
{
	ck_assert(!is_gold(VIP1));
	decide(VIP1, true);
	ck_assert(is_gold(VIP1));
	feed_add(VIP1, 15, 77);
	ck_assert(is_gold(VIP1));
	ck_assert(!is_gold(VIP2));
	expect_listed(NULL, NULL); /* bgpd meets it after its marks are here */
	ck_assert_uint_eq(woken, 0);
}
END_TEST

START_TEST(a_change_lists_and_sends_nothing)
{
	decide(VIP1, false);
	decide(VIP2, false);
	feed_add(VIP1, 15, 77);
	feed_add(VIP2, 15, 77);
	sent = 0;
	decide(VIP1, true);
	decide(VIP2, true);
	ck_assert_uint_eq(woken, 1); /* when the list begins */
	ck_assert_uint_eq(kvip_recon_marked(recon), 2);
	ck_assert(is_gold(VIP1));
	decide(VIP1, false); /* listed once */
	ck_assert_uint_eq(kvip_recon_marked(recon), 2);
	expect_listed(VIP1, VIP2);
	ck_assert(!is_gold(VIP1) && is_gold(VIP2));
	decide(VIP1, true);
	ck_assert_uint_eq(woken, 2);
	ck_assert_uint_eq(sent, 0);
}
END_TEST

START_TEST(what_nobody_asks_is_not_listed)
{
	decide(VIP1, false);
	feed_add(VIP1, 15, 77);
	kvip_matches_unref(matches, gold);
	decide(VIP1, true);
	expect_listed(NULL, NULL);
	ck_assert_int_ge(kvip_matches_ref(matches, KVIP_MATCH_NAMESPACE, "prod"), 0);
	publish();
	decide(VIP1, true); /* another generation, the same answers */
	expect_listed(NULL, NULL);
}
END_TEST

START_TEST(a_listed_vip_may_go)
{
	struct kvip_decision d = { .prefix = prefix(VIP1), .withdraw = KVIP_WITHDRAW_API };

	decide(VIP1, false);
	feed_add(VIP1, 15, 77);
	decide(VIP1, true);
	ck_assert_int_eq(kvip_recon_decide(recon, &d, 1000), 0);
	run();
	feed_del(VIP1);
	ck_assert(!is_gold(VIP1));
	expect_listed(NULL, NULL);
}
END_TEST

START_TEST(resent_when_asked)
{
	struct kvip_prefix p = prefix(VIP1), none = prefix(VIP2);

	decide(VIP1, true);
	feed_add(VIP1, 15, 77);
	sent = 0;
	ck_assert(kvip_recon_resend(recon, 0, &p));
	run();
	ck_assert_uint_eq(sent, 1);
	ck_assert(!kvip_recon_resend(recon, 0, &none));
	kvip_recon_set_active(recon, false, 1000);
	ck_assert(!kvip_recon_resend(recon, 0, &p));
}
END_TEST

/* Rules R5: an operator's static route that stands there is not ours, whatever the VIP's labels. */
START_TEST(behind_an_operators_route_nothing_matches)
{
	struct kvip_prefix p = prefix(VIP1);

	decide(VIP1, true);
	feed_add(VIP1, 15, 77);
	feed_add(VIP1, 1, 0);
	ck_assert(!is_gold(VIP1));
	ck_assert(!kvip_recon_resend(recon, 0, &p));
	expect_listed(VIP1, NULL);
	feed_add(VIP1, 15, 77);
	ck_assert(is_gold(VIP1));
	expect_listed(VIP1, NULL);
	feed_add(VIP1, 1, 0);
	expect_listed(VIP1, NULL);
	feed_del(VIP1);
	ck_assert(is_gold(VIP1));
	expect_listed(VIP1, NULL);
}
END_TEST

/* Another process of this router injects: its routes are the VIPs that we know, too, and bgpd may
 * have met them before we did. */
START_TEST(in_standby_the_others_routes_match)
{
	kvip_recon_set_active(recon, false, 1000);
	feed_add(VIP1, 15, 77);
	decide(VIP1, true);
	ck_assert(is_gold(VIP1));
	expect_listed(VIP1, NULL);
	decide(VIP2, true);
	expect_listed(VIP2, NULL);
	feed_add(VIP1, 20, 5);
	ck_assert(!is_gold(VIP1));
}
END_TEST

START_TEST(marks_are_recorded_and_come_back)
{
	decide(VIP1, true);
	feed_add(VIP1, 15, 77);
	ck_assert_int_eq(kvip_state_commit(state, NULL), 0);
	kvip_state_close(open_state(matches));
	ck_assert(kvip_matches_asks(matches, gold, &read_marks));
	decide(VIP1, false); /* nothing is sent, and yet it is noted */
	ck_assert_int_eq(kvip_state_commit(state, NULL), 0);
	kvip_state_close(open_state(matches));
	ck_assert(!kvip_matches_asks(matches, gold, &read_marks));
}
END_TEST

START_TEST(an_adopted_route_is_told_before_anything_is_decided)
{
	struct kvip_route r = { .id.distance = 15, .tag = 77 };

	r.id.prefix = prefix(VIP1);
	r.nhs = kvip_nhset_get(nhsets, NULL, 0);
	kvip_matches_restore(matches, "label:" GOLD, &r.marks);
	ck_assert_int_eq(kvip_recon_adopt(recon, &r), 0);
	kvip_nhset_unref(r.nhs);
	ck_assert(is_gold(VIP1));
	expect_listed(NULL, NULL);
	decide(VIP1, true); /* the API says the same: nothing is to be done */
	expect_listed(NULL, NULL);
	decide(VIP1, false);
	expect_listed(VIP1, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("recon_marks");
	TCase *t = tcase_create("recon_marks");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_new_vip_is_told_and_not_listed);
	tcase_add_test(t, a_change_lists_and_sends_nothing);
	tcase_add_test(t, what_nobody_asks_is_not_listed);
	tcase_add_test(t, a_listed_vip_may_go);
	tcase_add_test(t, resent_when_asked);
	tcase_add_test(t, behind_an_operators_route_nothing_matches);
	tcase_add_test(t, in_standby_the_others_routes_match);
	tcase_add_test(t, marks_are_recorded_and_come_back);
	tcase_add_test(t, an_adopted_route_is_told_before_anything_is_decided);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
