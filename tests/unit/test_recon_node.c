// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler in node mode, and from one way to inject to another, against two mock sinks.
 *
 * The mocks write what they are told into one text: "z" is zebra's, "b" is bgpd's, whose answer to
 * an announcement is what the test says.
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
#define N1   "192.168.99.12"
#define N2   "192.168.99.13"

static char calls[65536];
static int zebra_room;
static int policy;      /* what bgpd answers: 0 or an enum kvip_reason */
static bool editing;    /* policy is being edited */
static bool taken_away; /* somebody took our paths out of bgpd's table */
static struct kvip_nhsets *nhsets;
static struct kvip_recon *recon;
static kvip_msec now;

static void told(const char *what, const struct kvip_prefix *p)
{
	char text[KVIP_PREFIX_STRLEN];
	size_t n = strlen(calls);

	snprintf(calls + n, sizeof(calls) - n, "%s%s\n", what, kvip_prefix_render(p, text));
}

static int zebra_announce(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable)
{
	(void)ctx;
	ck_assert_uint_gt(usable->n, 0);
	if (zebra_room-- <= 0)
		return -EAGAIN;
	told("z+", &r->id.prefix);
	return 0;
}

static int zebra_withdraw(void *ctx, const struct kvip_route_id *id)
{
	(void)ctx;
	if (zebra_room-- <= 0)
		return -EAGAIN;
	told("z-", &id->prefix);
	return 0;
}

static void zebra_track(void *ctx, const struct kvip_addr *nh, bool on)
{
	(void)ctx;
	(void)nh;
	(void)on;
}

static int bgp_announce(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable)
{
	ck_assert_ptr_eq(ctx, &policy);
	ck_assert_ptr_eq(usable, r->nhs); /* all of them: nothing is tracked */
	told(policy ? "b?" : "b+", &r->id.prefix);
	taken_away = false;
	return policy;
}

static int bgp_withdraw(void *ctx, const struct kvip_route_id *id)
{
	ck_assert_ptr_eq(ctx, &policy);
	told("b-", &id->prefix);
	return 0;
}

static bool bgp_settling(void *ctx)
{
	(void)ctx;
	return editing;
}

static bool bgp_holds(void *ctx, const struct kvip_route *r)
{
	(void)ctx;
	(void)r;
	return !taken_away;
}

static const struct kvip_sink_ops zebra = {
	.name = "zebra",
	.announce = zebra_announce,
	.withdraw = zebra_withdraw,
	.track = zebra_track,
};
static const struct kvip_sink_ops bgp = {
	.name = "bgp",
	.announce = bgp_announce,
	.withdraw = bgp_withdraw,
	.settling = bgp_settling,
	.holds = bgp_holds,
};

static struct kvip_prefix prefix(const char *text)
{
	struct kvip_prefix p;

	ck_assert_int_eq(kvip_prefix_parse(text, &p), 0);
	return p;
}

static struct kvip_addr addr(const char *text)
{
	struct kvip_addr a;

	ck_assert_int_eq(kvip_addr_parse(text, &a), 0);
	return a;
}

static const struct kvip_nhset *both(void)
{
	const struct kvip_addr a[] = { addr(N1), addr(N2) };

	return kvip_nhset_get(nhsets, a, 2);
}

static struct kvip_route route(const char *p)
{
	struct kvip_route r = { .id = { .prefix = prefix(p), .distance = 15 }, .tag = 77 };

	r.cluster = "lab";
	r.nhs = both();
	return r;
}

static void decide_route(struct kvip_route r)
{
	struct kvip_decision d = { .prefix = r.id.prefix, .route = r };

	ck_assert_int_eq(kvip_recon_decide(recon, &d, now), 0);
	kvip_nhset_unref(d.route.nhs);
}

static void decide(const char *p, bool through_self)
{
	struct kvip_route r = route(p);

	r.through_self = through_self;
	decide_route(r);
}

static void withdraw(const char *p)
{
	struct kvip_decision d = { .prefix = prefix(p), .withdraw = KVIP_WITHDRAW_API };

	ck_assert_int_eq(kvip_recon_decide(recon, &d, now), 0);
}

static void adopt(const char *p)
{
	struct kvip_route r = route(p);

	ck_assert_int_eq(kvip_recon_adopt(recon, &r), 0);
	kvip_nhset_unref(r.nhs);
}

static void run(void)
{
	while (kvip_recon_step(recon, 4, now))
		;
}

static void expect(const char *want)
{
	run();
	ck_assert_str_eq(calls, want);
	calls[0] = '\0';
}

static void tick(void)
{
	now += 1000;
	kvip_recon_tick(recon, now);
}

static void inject(enum kvip_inject way)
{
	struct kvip_conf *c = kvip_conf_new();

	c->inject = way;
	kvip_recon_set_conf(recon, c);
	kvip_conf_unref(c);
}

static struct kvip_feed_route feed_route(const char *p, uint8_t distance, uint32_t tag)
{
	return (struct kvip_feed_route){ .prefix = prefix(p), .distance = distance, .tag = tag };
}

/* An operator's own static route comes and goes. */
static void his(const char *p, bool on)
{
	struct kvip_feed_route f = feed_route(p, 1, 0);

	if (on)
		kvip_recon_feed_add(recon, &f, now);
	else
		kvip_recon_feed_del(recon, 0, &f.prefix, now);
}

static struct kvip_route_view view(const char *p)
{
	struct kvip_prefix q = prefix(p);
	struct kvip_route_view v;

	ck_assert(kvip_recon_find(recon, 0, &q, &v));
	return v;
}

static void is(const char *p, enum kvip_route_state state, enum kvip_reason reason)
{
	ck_assert_str_eq(kvip_route_state_word(view(p).state), kvip_route_state_word(state));
	ck_assert_str_eq(kvip_reason_info(view(p).reason)->word, kvip_reason_info(reason)->word);
}

static bool is_known(const char *p)
{
	struct kvip_prefix q = prefix(p);
	struct kvip_route_view v;

	return kvip_recon_find(recon, 0, &q, &v);
}

static void next_hops_resolve(void)
{
	struct kvip_addr a = addr(N1), b = addr(N2);

	kvip_recon_nexthop(recon, &a, KVIP_NH_CONNECTED, now);
	kvip_recon_nexthop(recon, &b, KVIP_NH_CONNECTED, now);
}

static void make(void)
{
	const struct kvip_recon_deps deps = {
		.sink = &zebra, .node_sink = &bgp, .node_ctx = &policy, .nhsets = nhsets
	};

	recon = kvip_recon_new(&deps);
	ck_assert_ptr_nonnull(recon);
	calls[0] = '\0';
	zebra_room = 1 << 20;
	policy = 0;
	editing = taken_away = false;
	now = 1000;
}

/* Node mode, without the lock, without zebra. */
static void setup(void)
{
	nhsets = kvip_nhsets_new();
	make();
	inject(KVIP_INJECT_BGP);
}

/* `inject zebra`, the lock held, zebra there. */
static void setup_zebra(void)
{
	nhsets = kvip_nhsets_new();
	make();
	inject(KVIP_INJECT_ZEBRA);
	kvip_recon_set_active(recon, true, now);
	kvip_recon_sink_up(recon, now);
}

static void teardown(void)
{
	kvip_recon_free(recon);
	ck_assert_uint_eq(kvip_nhsets_count(nhsets), 0);
	kvip_nhsets_free(nhsets);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

START_TEST(only_what_goes_through_this_node_is_announced)
{
	decide(VIP1, true);
	decide(VIP2, false);
	expect("b+" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_ANNOUNCED, KVIP_REASON_NONE);
	is(VIP2, KVIP_ROUTE_ELSEWHERE, KVIP_REASON_NOT_THROUGH_SELF);
	decide(VIP1, false); /* the endpoint moved */
	decide(VIP2, true);
	expect("b-" VIP1 "\nb+" VIP2 "\n");
	is(VIP1, KVIP_ROUTE_ELSEWHERE, KVIP_REASON_NOT_THROUGH_SELF);
	is(VIP2, KVIP_ROUTE_ANNOUNCED, KVIP_REASON_NONE);
}
END_TEST

START_TEST(an_own_address_among_the_next_hops_is_what_node_mode_is_for)
{
	struct kvip_facts *f = kvip_facts_new();

	f->own = kvip_calloc(1, sizeof(*f->own));
	f->own[f->n_own++] = addr(N1);
	kvip_recon_set_facts(recon, f, now);
	kvip_facts_unref(f);
	decide(VIP1, true);
	expect("b+" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_ANNOUNCED, KVIP_REASON_NONE);
}
END_TEST

START_TEST(every_route_is_announced_again_each_second)
{
	decide(VIP1, true);
	decide(VIP2, false);
	expect("b+" VIP1 "\n");
	tick();
	expect("b+" VIP1 "\n");
	kvip_recon_recheck(recon);
	expect("b+" VIP1 "\n");
}
END_TEST

START_TEST(what_bgpd_answers_is_the_state)
{
	decide(VIP1, true);
	policy = KVIP_REASON_NOT_REDISTRIBUTED;
	expect("b?" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_REFUSED, KVIP_REASON_NOT_REDISTRIBUTED);
	policy = KVIP_REASON_POLICY_DENIES;
	tick();
	expect("b?" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_REFUSED, KVIP_REASON_POLICY_DENIES);
	policy = KVIP_REASON_OPERATOR_ROUTE; /* seen in bgpd before the feed told of it */
	tick();
	expect("b?" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_SHADOWED, KVIP_REASON_OPERATOR_ROUTE);
	policy = 0;
	tick();
	expect("b+" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_ANNOUNCED, KVIP_REASON_NONE);
}
END_TEST

START_TEST(the_operators_own_wins_in_every_order)
{
	decide(VIP1, true);
	expect("b+" VIP1 "\n");
	his(VIP1, true);
	expect("b-" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_SHADOWED, KVIP_REASON_OPERATOR_ROUTE);
	tick();
	expect("");
	his(VIP1, false);
	expect("b+" VIP1 "\n");
	his(VIP2, true);
	decide(VIP2, true);
	expect("");
	is(VIP2, KVIP_ROUTE_SHADOWED, KVIP_REASON_OPERATOR_ROUTE);
	withdraw(VIP2);
	expect("");
	decide(VIP2, true);
	his(VIP2, false);
	expect("b+" VIP2 "\n");
}
END_TEST

START_TEST(what_is_put_back_is_looked_at_once_more)
{
	decide(VIP1, true);
	his(VIP1, true);
	expect("");
	ck_assert_int_eq(kvip_recon_deadline(recon), KVIP_NEVER);
	his(VIP1, false); /* bgpd hears of it when we do, before or after */
	expect("b+" VIP1 "\n");
	ck_assert_int_eq(kvip_recon_deadline(recon), now + 20);
	expect("");
	now += 20;
	expect("b+" VIP1 "\n");
	ck_assert_int_eq(kvip_recon_deadline(recon), KVIP_NEVER);
	his(VIP1, true);
	his(VIP1, false);
	withdraw(VIP1);
	run();
	calls[0] = '\0';
	now += 20;
	expect("");
}
END_TEST

START_TEST(a_half_typed_policy_changes_nothing)
{
	decide(VIP1, true);
	expect("b+" VIP1 "\n");
	policy = KVIP_REASON_POLICY_DENIES;
	decide(VIP2, true);
	expect("b?" VIP2 "\n");
	editing = true;
	tick();
	expect("");
	is(VIP1, KVIP_ROUTE_ANNOUNCED, KVIP_REASON_NONE);
	policy = 0; /* would let VIP2 out */
	tick();
	expect("");
	is(VIP2, KVIP_ROUTE_REFUSED, KVIP_REASON_POLICY_DENIES);
	editing = false;
	tick();
	expect("b+" VIP1 "\nb+" VIP2 "\n");
}
END_TEST

START_TEST(what_is_new_or_was_taken_away_does_not_wait_for_the_end_of_an_edit)
{
	decide(VIP1, true);
	expect("b+" VIP1 "\n");
	editing = taken_away = true; /* `redistribute static route-map OTHER`, in the middle */
	tick();
	expect("b+" VIP1 "\n");
	decide(VIP2, true);
	expect("b+" VIP2 "\n");
	withdraw(VIP1);
	expect("b-" VIP1 "\n");
	taken_away = true;
	policy = KVIP_REASON_NOT_REDISTRIBUTED; /* `no redistribute static`, */
	tick();
	expect("b?" VIP2 "\n");
	policy = 0; /* and in the next line again */
	kvip_recon_recheck(recon);
	expect("b+" VIP2 "\n");
}
END_TEST

START_TEST(a_withdrawal_a_flush_and_the_end_of_it)
{
	decide(VIP1, true);
	decide(VIP2, true);
	expect("b+" VIP1 "\nb+" VIP2 "\n");
	withdraw(VIP1);
	expect("b-" VIP1 "\n");
	ck_assert(!is_known(VIP1));
	kvip_recon_flush(recon, true, now);
	expect("b-" VIP2 "\n");
	is(VIP2, KVIP_ROUTE_FLUSHED, KVIP_REASON_FLUSHED);
	tick();
	expect("");
	kvip_recon_flush(recon, false, now);
	expect("b+" VIP2 "\n");
}
END_TEST

struct last {
	struct kvip_history_entry e[8];
	size_t n;
};

static bool keep(void *ctx, const struct kvip_history_entry *e)
{
	struct last *l = ctx;

	l->e[l->n++] = *e;
	return l->n < 8;
}

START_TEST(the_history_tells_of_it)
{
	struct last l = { .n = 0 };

	decide(VIP1, true);
	run();
	tick();
	run(); /* again, and no change */
	policy = KVIP_REASON_POLICY_DENIES;
	tick();
	run();
	policy = 0;
	tick();
	run();
	decide(VIP1, false);
	run();
	kvip_history_each(kvip_recon_history(recon), keep, &l);
	ck_assert_uint_eq(l.n, 4); /* newest first */
	ck_assert_int_eq(l.e[3].change, KVIP_CHANGE_ANNOUNCED);
	ck_assert_int_eq(l.e[3].installed_ms, l.e[3].sent_ms);
	ck_assert_int_eq(l.e[2].change, KVIP_CHANGE_WITHDRAWN);
	ck_assert_int_eq(l.e[2].reason, KVIP_REASON_POLICY_DENIES);
	ck_assert_int_eq(l.e[1].change, KVIP_CHANGE_ANNOUNCED);
	ck_assert_int_eq(l.e[0].change, KVIP_CHANGE_WITHDRAWN);
	ck_assert_int_eq(l.e[0].reason, KVIP_REASON_NOT_THROUGH_SELF);
}
END_TEST

START_TEST(what_is_for_the_kernel_alone_is_not_announced)
{
	struct kvip_route r = route(VIP1);

	r.through_self = true;
	r.id.table = 100;
	decide_route(r);
	expect("");
	is(VIP1, KVIP_ROUTE_REFUSED, KVIP_REASON_TABLE_NOT_BGP);
}
END_TEST

START_TEST(zebra_is_told_nothing_in_node_mode)
{
	kvip_recon_set_active(recon, true, now);
	kvip_recon_sink_up(recon, now);
	decide(VIP1, false);
	next_hops_resolve();
	expect("");
}
END_TEST

/* ---- from one way to another ---- */

START_TEST(from_zebra_to_bgp_and_back)
{
	struct kvip_recon_summary sum;

	decide(VIP1, true);
	decide(VIP2, false);
	next_hops_resolve();
	expect("z+" VIP1 "\nz+" VIP2 "\n");
	ck_assert_uint_eq(kvip_recon_owned(recon), 2);
	inject(KVIP_INJECT_BGP);
	expect("b+" VIP1 "\nz-" VIP1 "\nz-" VIP2 "\n");
	ck_assert_uint_eq(kvip_recon_owned(recon), 0);
	kvip_recon_set_active(recon, false, now); /* the lock is let go */
	expect("b+" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_ANNOUNCED, KVIP_REASON_NONE);
	kvip_recon_get_summary(recon, &sum);
	ck_assert(sum.active);
	ck_assert_uint_eq(sum.by_state[KVIP_ROUTE_ANNOUNCED], 1);
	ck_assert_uint_eq(sum.by_reason[KVIP_REASON_NOT_THROUGH_SELF], 1);
	inject(KVIP_INJECT_ZEBRA);
	expect("b-" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_STANDBY, KVIP_REASON_STANDBY);
	kvip_recon_set_active(recon, true, now);
	expect("z+" VIP1 "\nz+" VIP2 "\n");
}
END_TEST

START_TEST(observe_takes_everything_away)
{
	struct kvip_recon_summary sum;

	decide(VIP1, true);
	next_hops_resolve();
	expect("z+" VIP1 "\n");
	inject(KVIP_INJECT_OBSERVE);
	expect("z-" VIP1 "\n");
	is(VIP1, KVIP_ROUTE_OBSERVED, KVIP_REASON_OBSERVED);
	inject(KVIP_INJECT_BGP);
	expect("b+" VIP1 "\n");
	inject(KVIP_INJECT_OBSERVE);
	expect("b-" VIP1 "\n");
	tick();
	expect("");
	kvip_recon_get_summary(recon, &sum);
	ck_assert(!sum.active);
}
END_TEST

START_TEST(adopted_routes_are_withdrawn_with_the_lock_and_forgotten_without)
{
	adopt(VIP1);
	adopt(VIP2);
	expect("");
	inject(KVIP_INJECT_BGP);
	expect("z-" VIP1 "\nz-" VIP2 "\n");
	ck_assert(!is_known(VIP1));
	inject(KVIP_INJECT_ZEBRA);
	adopt(VIP1);
	kvip_recon_set_active(recon, false, now); /* another shell's: not ours to withdraw */
	inject(KVIP_INJECT_OBSERVE);
	expect("");
	ck_assert_uint_eq(kvip_recon_owned(recon), 0);
	ck_assert(!is_known(VIP1));
}
END_TEST

START_TEST(zebra_may_be_away_or_slow_while_it_is_emptied)
{
	decide(VIP1, true);
	decide(VIP2, false);
	next_hops_resolve();
	expect("z+" VIP1 "\nz+" VIP2 "\n");
	kvip_recon_sink_down(recon, now);
	inject(KVIP_INJECT_BGP);
	expect("b+" VIP1 "\n"); /* what needs no zebra does not wait for it */
	ck_assert_uint_eq(kvip_recon_owned(recon), 2);
	zebra_room = 1;
	kvip_recon_sink_up(recon, now);
	run();
	ck_assert_ptr_nonnull(strstr(calls, "z-" VIP1));
	ck_assert_ptr_null(strstr(calls, "z-" VIP2));
	calls[0] = '\0';
	tick();
	expect("b+" VIP1 "\n"); /* a full channel holds nothing up either */
	zebra_room = 10;
	kvip_recon_sink_writable(recon);
	run();
	ck_assert_ptr_nonnull(strstr(calls, "z-" VIP2));
	ck_assert_uint_eq(kvip_recon_owned(recon), 0);
}
END_TEST

START_TEST(a_change_of_mind_while_zebra_is_emptied)
{
	decide(VIP1, true);
	next_hops_resolve();
	expect("z+" VIP1 "\n");
	kvip_recon_sink_down(recon, now);
	inject(KVIP_INJECT_OBSERVE);
	expect("");
	is(VIP1, KVIP_ROUTE_OBSERVED, KVIP_REASON_OBSERVED);
	inject(KVIP_INJECT_ZEBRA);
	kvip_recon_sink_up(recon, now);
	next_hops_resolve();
	expect("z+" VIP1 "\n");
}
END_TEST

static void no_route(void *ctx, const struct kvip_route *r)
{
	(void)ctx;
	(void)r;
}

static void no_cluster(void *ctx, const char *name, const char *identity, kvip_wall s)
{
	(void)ctx;
	(void)name;
	(void)identity;
	(void)s;
}

START_TEST(through_self_is_kept_up_to_date_while_zebra_has_the_routes)
{
	const struct kvip_state_reader reader = { .route = no_route, .cluster = no_cluster };
	struct kvip_err refused, err;
	struct kvip_state *s;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/kubevip-test-recon-node.%d", getpid());
	ck_assert_int_eq(kvip_state_open(path, nhsets, &reader, &s, &refused, &err), 0);
	kvip_recon_set_state(recon, s);
	decide(VIP1, false);
	next_hops_resolve();
	expect("z+" VIP1 "\n");
	decide(VIP1, true);
	expect(""); /* to zebra it makes no difference */
	inject(KVIP_INJECT_BGP);
	expect("b+" VIP1 "\nz-" VIP1 "\n");
	kvip_recon_set_state(recon, NULL);
	kvip_state_close(s);
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("recon-node");
	TCase *node = tcase_create("node"), *way = tcase_create("way");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(node, setup, teardown);
	tcase_add_test(node, only_what_goes_through_this_node_is_announced);
	tcase_add_test(node, an_own_address_among_the_next_hops_is_what_node_mode_is_for);
	tcase_add_test(node, every_route_is_announced_again_each_second);
	tcase_add_test(node, what_bgpd_answers_is_the_state);
	tcase_add_test(node, the_operators_own_wins_in_every_order);
	tcase_add_test(node, what_is_put_back_is_looked_at_once_more);
	tcase_add_test(node, a_half_typed_policy_changes_nothing);
	tcase_add_test(node, what_is_new_or_was_taken_away_does_not_wait_for_the_end_of_an_edit);
	tcase_add_test(node, a_withdrawal_a_flush_and_the_end_of_it);
	tcase_add_test(node, the_history_tells_of_it);
	tcase_add_test(node, what_is_for_the_kernel_alone_is_not_announced);
	tcase_add_test(node, zebra_is_told_nothing_in_node_mode);
	suite_add_tcase(s, node);
	tcase_add_checked_fixture(way, setup_zebra, teardown);
	tcase_add_test(way, from_zebra_to_bgp_and_back);
	tcase_add_test(way, observe_takes_everything_away);
	tcase_add_test(way, adopted_routes_are_withdrawn_with_the_lock_and_forgotten_without);
	tcase_add_test(way, zebra_may_be_away_or_slow_while_it_is_emptied);
	tcase_add_test(way, a_change_of_mind_while_zebra_is_emptied);
	tcase_add_test(way, through_self_is_kept_up_to_date_while_zebra_has_the_routes);
	suite_add_tcase(s, way);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
