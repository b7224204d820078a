// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler with many routes and as many next-hop sets: what one event means for all of
 * them is carried out in slices, and nothing that comes in between is lost.
 */
#include "base/kvip_mem.h"
#include "vip/kvip_recon.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VIPS  500u
#define NODES 40u

static struct kvip_nhsets *nhsets;
static struct kvip_recon *recon;
static kvip_msec now = 1000;
static unsigned int announced[VIPS], withdrawn[VIPS], next_hops[VIPS], calls;

static unsigned int number(const struct kvip_prefix *p)
{
	return p->addr.b[2] * 256u + p->addr.b[3];
}

static int mock_announce(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable)
{
	(void)ctx;
	calls++;
	announced[number(&r->id.prefix)]++;
	next_hops[number(&r->id.prefix)] = usable->n;
	return 0;
}

static int mock_withdraw(void *ctx, const struct kvip_route_id *id)
{
	(void)ctx;
	calls++;
	withdrawn[number(&id->prefix)]++;
	next_hops[number(&id->prefix)] = 0;
	return 0;
}

static void mock_track(void *ctx, const struct kvip_addr *nh, bool on)
{
	(void)ctx;
	(void)nh;
	(void)on;
}

static const struct kvip_sink_ops mock = {
	.name = "mock",
	.announce = mock_announce,
	.withdraw = mock_withdraw,
	.track = mock_track,
};

static struct kvip_prefix vip(unsigned int i)
{
	return (struct kvip_prefix){
		.addr = { .family = KVIP_IPV4, .b = { 10, 77, (uint8_t)(i >> 8), (uint8_t)i } },
		.len = 32,
	};
}

static struct kvip_addr node(unsigned int i)
{
	return (struct kvip_addr){ .family = KVIP_IPV4, .b = { 192, 168, 99, (uint8_t)i } };
}

/* The two nodes of a VIP: no two VIPs have the same two, as far as there are enough. */
static unsigned int first_of(unsigned int i)
{
	return i % NODES;
}

static unsigned int second_of(unsigned int i)
{
	return (i + 1 + i / NODES) % NODES;
}

static bool uses(unsigned int i, unsigned int n)
{
	return first_of(i) == n || second_of(i) == n;
}

static void decide_in(unsigned int i, uint32_t table)
{
	struct kvip_addr nhs[] = { node(first_of(i)), node(second_of(i)) };
	struct kvip_decision d = { .prefix = vip(i) };

	d.route.id = (struct kvip_route_id){ .prefix = d.prefix, .distance = 15, .table = table };
	d.route.tag = 77;
	d.route.nhs = kvip_nhset_get(nhsets, nhs, 2);
	ck_assert_int_eq(kvip_recon_decide(recon, &d, now), 0);
}

static void decide(unsigned int i)
{
	decide_in(i, 0);
}

static void withdraw(unsigned int i)
{
	struct kvip_decision d = { .prefix = vip(i), .withdraw = KVIP_WITHDRAW_API };

	ck_assert_int_eq(kvip_recon_decide(recon, &d, now), 0);
}

static void answer(unsigned int n, enum kvip_nh_state state)
{
	struct kvip_addr a = node(n);

	kvip_recon_nexthop(recon, &a, state, now);
}

static void confirm(unsigned int i)
{
	struct kvip_addr nhs[] = { node(first_of(i)), node(second_of(i)) };
	struct kvip_feed_route f = {
		.prefix = vip(i), .distance = 15, .tag = 77, .nhs = nhs, .n_nhs = 2
	};

	kvip_recon_feed_add(recon, &f, now);
}

/* Steps of at most @max until nothing is left; returns how many. */
static unsigned int run(unsigned int max)
{
	unsigned int steps = 0, before = calls;
	bool more;

	do {
		more = kvip_recon_step(recon, max, now);
		ck_assert_uint_le(calls - before, 2 * max); /* the new one, and the old one away */
		before = calls;
		steps++;
	} while (more);
	return steps;
}

static void forget_calls(void)
{
	memset(announced, 0, sizeof(announced));
	memset(withdrawn, 0, sizeof(withdrawn));
}

static void setup(void)
{
	nhsets = kvip_nhsets_new();
	recon = kvip_recon_new(&(struct kvip_recon_deps){ .sink = &mock, .nhsets = nhsets });
	kvip_recon_set_active(recon, true, now);
	kvip_recon_sink_up(recon, now);
	for (unsigned int i = 0; i < VIPS; i++)
		decide(i);
	for (unsigned int n = 0; n < NODES; n++)
		answer(n, KVIP_NH_CONNECTED);
	run(64);
	for (unsigned int i = 0; i < VIPS; i++) {
		ck_assert_uint_eq(announced[i], 1);
		ck_assert_uint_eq(next_hops[i], 2);
		confirm(i);
	}
	run(64);
	forget_calls();
}

static void teardown(void)
{
	kvip_recon_free(recon);
	ck_assert_uint_eq(kvip_nhsets_count(nhsets), 0);
	kvip_nhsets_free(nhsets);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

START_TEST(an_answer_reaches_each_route_that_uses_the_next_hop)
{
	answer(7, KVIP_NH_UNRESOLVED);
	ck_assert_uint_eq(calls, VIPS); /* nothing of it is done at once */
	ck_assert_uint_ge(run(1), VIPS / 2);
	for (unsigned int i = 0; i < VIPS; i++) {
		ck_assert_uint_eq(announced[i], uses(i, 7));
		ck_assert_uint_eq(next_hops[i], uses(i, 7) ? 1 : 2);
	}
}
END_TEST

START_TEST(answers_that_come_together_are_one_walk)
{
	unsigned int one, all;

	answer(7, KVIP_NH_CONNECTED);
	one = run(VIPS);
	for (unsigned int n = 0; n < NODES; n++)
		answer(n, KVIP_NH_CONNECTED);
	all = run(VIPS);
	ck_assert_uint_le(all, 3 * one);
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(announced[i], 1 + uses(i, 7));
}
END_TEST

/* Wherever the walk over the sets stands when it comes. */
START_TEST(an_answer_in_the_middle_is_not_lost)
{
	for (unsigned int steps = 0; steps < 2 * VIPS; steps += 37) {
		answer(7, KVIP_NH_UNRESOLVED);
		for (unsigned int i = 0; i < steps; i++)
			kvip_recon_step(recon, 1, now);
		answer(8, KVIP_NH_UNRESOLVED);
		answer(7, KVIP_NH_CONNECTED);
		run(1);
		for (unsigned int i = 0; i < VIPS; i++)
			ck_assert_uint_eq(next_hops[i], uses(i, 8) ? 1 : 2);
		answer(8, KVIP_NH_CONNECTED);
		run(64);
	}
}
END_TEST

START_TEST(sets_come_and_go_under_the_walk)
{
	answer(7, KVIP_NH_UNRESOLVED);
	for (unsigned int i = 0; i < VIPS; i += 2) {
		kvip_recon_step(recon, 1, now);
		withdraw(i);
	}
	run(1);
	answer(9, KVIP_NH_UNRESOLVED);
	for (unsigned int i = 0; i < VIPS; i += 2) {
		kvip_recon_step(recon, 1, now);
		decide(i);
	}
	run(1);
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(next_hops[i], 2u - uses(i, 7) - uses(i, 9));
}
END_TEST

START_TEST(an_address_of_ours_takes_its_routes_away)
{
	struct kvip_facts *f = kvip_facts_new();

	f->own = kvip_calloc(1, sizeof(*f->own));
	f->own[0] = node(5);
	f->n_own = 1;
	kvip_recon_set_facts(recon, f, now);
	kvip_facts_unref(f);
	run(8);
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(withdrawn[i], uses(i, 5));
}
END_TEST

/* The sink is new: nothing is sent before the next hops have been answered anew. */
START_TEST(a_new_sink_is_told_what_was_answered_to_it)
{
	kvip_recon_sink_down(recon, now);
	kvip_recon_sink_up(recon, now);
	run(64);
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(announced[i], 0);
	for (unsigned int n = 0; n < NODES; n++)
		answer(n, n == 3 ? KVIP_NH_UNRESOLVED : KVIP_NH_CONNECTED);
	run(64);
	for (unsigned int i = 0; i < VIPS; i++) {
		ck_assert_uint_ge(announced[i], 1);
		ck_assert_uint_eq(next_hops[i], uses(i, 3) ? 1 : 2);
	}
}
END_TEST

static unsigned int met[VIPS], last_met;

static bool on_route(void *ctx, const struct kvip_route_view *v)
{
	(void)ctx;
	last_met = number(&v->id.prefix);
	met[last_met]++;
	return true;
}

/* The one that would be next goes, the one that was last goes and comes back. */
START_TEST(a_walk_in_slices_meets_each_route_once)
{
	struct kvip_recon_at at = { 0 };
	bool gone[VIPS] = { false };
	unsigned int slices = 1;

	while (kvip_recon_each_some(recon, &at, 7, on_route, NULL)) {
		unsigned int last = last_met;

		slices++;
		withdraw(last + 1);
		gone[last + 1] = true;
		withdraw(last);
		run(64);
		decide(last);
		run(64);
	}
	ck_assert_uint_ge(slices, VIPS / 8);
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(met[i], !gone[i]);
}
END_TEST

START_TEST(a_sum_in_slices_is_the_same)
{
	struct kvip_recon_summary once, some;
	struct kvip_recon_at at = { 0 };
	unsigned int slices = 1;

	answer(7, KVIP_NH_UNRESOLVED);
	withdraw(3);
	kvip_recon_step(recon, 20, now);
	kvip_recon_get_summary(recon, &once);
	memset(&some, 0xff, sizeof(some));
	while (kvip_recon_sum_some(recon, &at, 7, &some))
		slices++;
	ck_assert_uint_ge(slices, VIPS / 7);
	ck_assert_uint_eq(some.routes, once.routes);
	ck_assert_uint_eq(some.announces, once.announces);
	for (unsigned int s = 0; s < KVIP_ROUTE_STATE_MAX; s++)
		ck_assert_uint_eq(some.by_state[s], once.by_state[s]);
}
END_TEST

START_TEST(many_confirmations_are_overdue)
{
	struct kvip_recon_summary sum;

	kvip_recon_sink_down(recon, now);
	kvip_recon_sink_up(recon, now);
	for (unsigned int n = 0; n < NODES; n++)
		answer(n, KVIP_NH_CONNECTED);
	run(64);
	now += 3000;
	kvip_recon_tick(recon, now);
	run(1);
	kvip_recon_get_summary(recon, &sum);
	ck_assert_uint_eq(sum.by_state[KVIP_ROUTE_OVERDUE], VIPS);
}
END_TEST

/* The feed does not speak of other tables: a sweep of the main one sends them again. */
START_TEST(routes_of_other_tables_are_sent_again_in_slices)
{
	struct kvip_prefix stranger = { .addr = node(200), .len = 32 };

	for (unsigned int i = 0; i < VIPS; i += 2)
		decide_in(i, 100);
	run(64);
	forget_calls();
	kvip_recon_feed_del(recon, 0, &stranger, now);
	kvip_recon_tick(recon, now);
	ck_assert_uint_ge(run(1), VIPS / 2);
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(announced[i], i % 2 == 0);
}
END_TEST

START_TEST(what_is_swept_again_and_again_waits_for_a_tick)
{
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < VIPS; i++) {
			struct kvip_prefix p = vip(i);

			confirm(i);
			kvip_recon_feed_del(recon, 0, &p, now);
		}
		run(64);
	}
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(announced[i], 1);
	kvip_recon_tick(recon, now);
	run(4);
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(announced[i], 2);
}
END_TEST

START_TEST(what_another_process_cares_for_is_forgotten_in_slices)
{
	kvip_recon_set_active(recon, false, now);
	kvip_recon_disown(recon);
	ck_assert_uint_gt(run(64), VIPS / 64);
	ck_assert_uint_eq(kvip_recon_owned(recon), 0);
	for (unsigned int i = 0; i < VIPS; i++) {
		struct kvip_route r = { .id = { .prefix = vip(i), .distance = 15 }, .tag = 77 };

		ck_assert_uint_eq(announced[i] + withdrawn[i], 0);
		ck_assert_int_eq(kvip_recon_adopt(recon, &r), 0);
	}
	run(64);
	ck_assert_uint_eq(kvip_recon_owned(recon), VIPS);
	withdraw(3);
	kvip_recon_set_active(recon, true, now);
	run(64);
	for (unsigned int i = 0; i < VIPS; i++)
		ck_assert_uint_eq(withdrawn[i], i == 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("recon_many");
	TCase *t = tcase_create("recon_many");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_answer_reaches_each_route_that_uses_the_next_hop);
	tcase_add_test(t, answers_that_come_together_are_one_walk);
	tcase_add_test(t, an_answer_in_the_middle_is_not_lost);
	tcase_add_test(t, sets_come_and_go_under_the_walk);
	tcase_add_test(t, an_address_of_ours_takes_its_routes_away);
	tcase_add_test(t, a_new_sink_is_told_what_was_answered_to_it);
	tcase_add_test(t, a_walk_in_slices_meets_each_route_once);
	tcase_add_test(t, a_sum_in_slices_is_the_same);
	tcase_add_test(t, many_confirmations_are_overdue);
	tcase_add_test(t, routes_of_other_tables_are_sent_again_in_slices);
	tcase_add_test(t, what_is_swept_again_and_again_waits_for_a_tick);
	tcase_add_test(t, what_another_process_cares_for_is_forgotten_in_slices);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
