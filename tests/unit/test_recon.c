// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler against a mock sink: a zebra with one table, whose channel can fill up.
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
#define N3   "192.168.99.14"

/* What the mock was told, as a line of text for each call. */
static char calls[65536];
static int room; /* calls it takes before its channel is full */
static struct kvip_nhsets *nhsets;
static struct kvip_recon *recon;
static kvip_msec now;
static char state_path[64];

static void told(const char *fmt, ...)
{
	size_t n = strlen(calls);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(calls + n, sizeof(calls) - n, fmt, ap);
	va_end(ap);
}

static int mock_announce(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable)
{
	char p[KVIP_PREFIX_STRLEN], a[KVIP_ADDR_STRLEN];

	(void)ctx;
	if (room-- <= 0)
		return -EAGAIN;
	told("+%s d%u t%u", kvip_prefix_render(&r->id.prefix, p), r->id.distance, r->tag);
	for (uint32_t i = 0; i < usable->n; i++)
		told(" %s", kvip_addr_render(&usable->addrs[i], a) + strlen("192.168.99."));
	told("\n");
	return 0;
}

static int mock_withdraw(void *ctx, const struct kvip_route_id *id)
{
	char p[KVIP_PREFIX_STRLEN];

	(void)ctx;
	if (room-- <= 0)
		return -EAGAIN;
	told("-%s d%u\n", kvip_prefix_render(&id->prefix, p), id->distance);
	return 0;
}

static char tracks[4096]; /* of the last octet: "+12 -12", and "+12*" for a default route's */

static void told_track(const char *sign, const struct kvip_addr *nh, const char *what)
{
	size_t n = strlen(tracks);

	snprintf(tracks + n, sizeof(tracks) - n, "%s%s%u%s", n ? " " : "", sign, nh->b[3], what);
}

static void mock_track(void *ctx, const struct kvip_addr *nh, bool on)
{
	(void)ctx;
	told_track(on ? "+" : "-", nh, "");
}

static void mock_track_default(void *ctx, const struct kvip_addr *nh, bool on)
{
	(void)ctx;
	told_track(on ? "+" : "-", nh, "*");
}

static const struct kvip_sink_ops mock = {
	.name = "mock",
	.announce = mock_announce,
	.withdraw = mock_withdraw,
	.track = mock_track,
	.track_default = mock_track_default,
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

static const struct kvip_nhset *nhset(const char *list)
{
	struct kvip_addr a[8];
	char copy[256], *at = copy, *w;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", list);
	while ((w = strsep(&at, " ")))
		if (*w)
			a[n++] = addr(w);
	return kvip_nhset_get(nhsets, a, n);
}

static int decide_with(const char *p, const char *nhs, uint8_t distance, uint8_t resolution)
{
	struct kvip_decision d = { .prefix = prefix(p) };
	int rc;

	d.route.id = (struct kvip_route_id){ .prefix = d.prefix, .distance = distance };
	d.route.tag = 77;
	d.route.resolution = resolution;
	d.route.cluster = "lab";
	d.route.nhs = nhset(nhs);
	if (!d.route.nhs)
		return -ENOMEM;
	rc = kvip_recon_decide(recon, &d, now);
	kvip_nhset_unref(d.route.nhs);
	return rc;
}

static void decide(const char *p, const char *nhs)
{
	ck_assert_int_eq(decide_with(p, nhs, 15, KVIP_RESOLVE_CONNECTED), 0);
}

static void withdraw(const char *p)
{
	struct kvip_decision d = { .prefix = prefix(p), .withdraw = KVIP_WITHDRAW_API };

	ck_assert_int_eq(kvip_recon_decide(recon, &d, now), 0);
}

static void answer(const char *nh, enum kvip_nh_state state)
{
	struct kvip_addr a = addr(nh);

	kvip_recon_nexthop(recon, &a, state, now);
}

static void run(void)
{
	while (kvip_recon_step(recon, 4, now))
		;
}

/* Run until idle and compare what the sink was told since the last look. */
static void expect(const char *want)
{
	run();
	ck_assert_str_eq(calls, want);
	calls[0] = '\0';
}

static void feed_add(const char *p, uint8_t distance, uint32_t tag, const char *nhs)
{
	const struct kvip_nhset *set = nhset(nhs);
	struct kvip_feed_route f = {
		.prefix = prefix(p),
		.distance = distance,
		.tag = tag,
		.nhs = set->addrs,
		.n_nhs = set->n,
	};

	kvip_recon_feed_add(recon, &f, now);
	kvip_nhset_unref(set);
}

static void feed_del(const char *p)
{
	struct kvip_prefix q = prefix(p);

	kvip_recon_feed_del(recon, 0, &q, now);
}

static enum kvip_route_state state_of(const char *p)
{
	struct kvip_prefix q = prefix(p);
	struct kvip_route_view v;

	ck_assert(kvip_recon_find(recon, 0, &q, &v));
	return v.state;
}

static enum kvip_reason reason_of(const char *p)
{
	struct kvip_prefix q = prefix(p);
	struct kvip_route_view v;

	ck_assert(kvip_recon_find(recon, 0, &q, &v));
	return v.reason;
}

static void make(void)
{
	const struct kvip_recon_deps deps = { .sink = &mock, .nhsets = nhsets };

	recon = kvip_recon_new(&deps);
	ck_assert_ptr_nonnull(recon);
	calls[0] = '\0';
	room = 1 << 20;
	now = 1000;
}

static void setup(void)
{
	nhsets = kvip_nhsets_new();
	make();
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

static void installed(const char *p, const char *nhs)
{
	decide(p, nhs);
	answer(N1, KVIP_NH_CONNECTED);
	answer(N2, KVIP_NH_CONNECTED);
	answer(N3, KVIP_NH_CONNECTED);
	run();
	feed_add(p, 15, 77, nhs);
	run();
	calls[0] = '\0';
	ck_assert_int_eq(state_of(p), KVIP_ROUTE_INSTALLED);
}

static unsigned int read_routes;

static void on_route(void *ctx, const struct kvip_route *r)
{
	(void)ctx;
	(void)r;
	read_routes++;
}

static void on_cluster(void *ctx, const char *name, const char *identity, kvip_wall s)
{
	(void)ctx;
	(void)name;
	(void)identity;
	(void)s;
}

static struct kvip_state *open_state(const char *path)
{
	const struct kvip_state_reader reader = { on_route, on_cluster, NULL, NULL };
	struct kvip_err refused, err;
	struct kvip_state *s;

	read_routes = 0;
	ck_assert_int_eq(kvip_state_open(path, nhsets, &reader, &s, &refused, &err), 0);
	ck_assert_str_eq(refused.text, "");
	return s;
}

START_TEST(a_route_waits_until_every_next_hop_has_been_answered)
{
	decide(VIP1, N1 " " N2);
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_WAITING);
	answer(N1, KVIP_NH_CONNECTED);
	expect("");
	answer(N2, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 12 13\n");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_SENT);
	feed_add(VIP1, 15, 77, N1 " " N2);
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_INSTALLED);
}
END_TEST

START_TEST(a_next_hop_that_is_never_answered_does_not_hold_the_others_up)
{
	decide(VIP1, N1 " " N2);
	answer(N1, KVIP_NH_CONNECTED);
	now += 2000;
	kvip_recon_tick(recon, now);
	expect("+" VIP1 " d15 t77 12\n");
}
END_TEST

/* Zebra is busy, or we were: no answer is no reason to take away what is routed (rules R4). */
START_TEST(silence_about_next_hops_withdraws_nothing)
{
	installed(VIP1, N1 " " N2);
	kvip_recon_sink_down(recon, now);
	kvip_recon_sink_up(recon, now);
	run();
	now += 5000;
	kvip_recon_tick(recon, now);
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_WAITING);
	answer(N1, KVIP_NH_UNRESOLVED);
	expect("");
	answer(N2, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 13\n");
	answer(N1, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 12 13\n");
}
END_TEST

START_TEST(only_connected_next_hops_count_by_default)
{
	decide(VIP1, N1 " " N2 " " N3);
	answer(N1, KVIP_NH_IGP);
	answer(N2, KVIP_NH_OTHER);
	answer(N3, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 14\n");
	ck_assert_int_eq(decide_with(VIP1, N1 " " N2 " " N3, 15, KVIP_RESOLVE_IGP), 0);
	expect("+" VIP1 " d15 t77 12 14\n");
	ck_assert_int_eq(decide_with(VIP1, N1 " " N2 " " N3, 15, KVIP_RESOLVE_ANY), 0);
	expect("+" VIP1 " d15 t77 12 13 14\n");
}
END_TEST

static void expect_tracks(const char *want)
{
	ck_assert_str_eq(tracks, want);
	tracks[0] = '\0';
}

/* zebra 8.4 keeps one answer for all who ask: bgpd's own next hops are not to change for ours. */
START_TEST(a_default_route_is_asked_for_only_where_a_route_may_use_it)
{
	tracks[0] = '\0';
	decide(VIP1, N1 " " N2);
	expect_tracks("+12 +13");
	ck_assert_int_eq(decide_with(VIP2, N2 " " N3, 15, KVIP_RESOLVE_ANY), 0);
	expect_tracks("+13* +14 +14*");
	kvip_recon_sink_down(recon, now);
	kvip_recon_sink_up(recon, now);
	expect_tracks("+12 +13 +13* +14 +14*");
	ck_assert_int_eq(decide_with(VIP2, N1 " " N3, 15, KVIP_RESOLVE_ANY), 0);
	expect_tracks("+12* -13*");
	ck_assert_int_eq(decide_with(VIP2, N1 " " N3, 15, KVIP_RESOLVE_IGP), 0);
	expect_tracks("-12* -14*");
	withdraw(VIP2);
	expect_tracks("-14");
	withdraw(VIP1);
	expect_tracks("-12 -13");
}
END_TEST

START_TEST(a_vip_without_a_next_hop_that_resolves_is_withdrawn_and_comes_back)
{
	installed(VIP1, N1 " " N2);
	answer(N1, KVIP_NH_UNRESOLVED);
	expect("+" VIP1 " d15 t77 13\n");
	answer(N2, KVIP_NH_OTHER); /* through the default route: a loop */
	expect("-" VIP1 " d15\n");
	feed_del(VIP1);
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_NO_NEXT_HOP);
	ck_assert_int_eq(reason_of(VIP1), KVIP_REASON_NO_NEXT_HOP);
	answer(N2, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 13\n");
}
END_TEST

START_TEST(an_equal_decision_sends_nothing)
{
	struct kvip_state *s;

	snprintf(state_path, sizeof(state_path), "/tmp/kubevip-test-recon.%d", getpid());
	s = open_state(state_path);
	kvip_recon_set_state(recon, s);
	installed(VIP1, N1 " " N2);
	decide(VIP1, N1 " " N2);
	expect("");
	decide(VIP1, N1);
	expect("+" VIP1 " d15 t77 12\n");
	withdraw(VIP1);
	decide(VIP1, N1); /* both before a step */
	answer(N1, KVIP_NH_CONNECTED);
	run();
	ck_assert_ptr_nonnull(strstr(calls, "+" VIP1));
	kvip_state_close(s);
	kvip_recon_set_state(recon, NULL);
	unlink(state_path);
}
END_TEST

START_TEST(every_answer_sends_the_routes_again)
{
	installed(VIP1, N1 " " N2);
	decide(VIP2, N1 " " N2);
	run();
	calls[0] = '\0';
	answer(N1, KVIP_NH_CONNECTED); /* nothing new, but zebra may have lost them */
	expect("+" VIP1 " d15 t77 12 13\n+" VIP2 " d15 t77 12 13\n");
}
END_TEST

START_TEST(a_swept_route_is_sent_again)
{
	installed(VIP1, N1);
	feed_del(VIP1); /* staticd was restarted */
	expect("+" VIP1 " d15 t77 12\n");
	feed_add(VIP1, 15, 77, N1);
	now += 5;
	feed_del(VIP1); /* and again at once: somebody fights us */
	expect("");
	now += 1000;
	kvip_recon_tick(recon, now);
	expect("+" VIP1 " d15 t77 12\n");
}
END_TEST

START_TEST(our_own_withdrawal_is_not_taken_for_a_sweep)
{
	installed(VIP1, N1);
	withdraw(VIP1);
	expect("-" VIP1 " d15\n");
	feed_del(VIP1);
	expect("");
	ck_assert(!kvip_recon_find(recon, 0, &(struct kvip_prefix){ prefix(VIP1).addr, 32 },
				   &(struct kvip_route_view){ 0 }));
}
END_TEST

START_TEST(withdrawing_what_is_unknown_does_nothing)
{
	withdraw(VIP1);
	expect("");
}
END_TEST

START_TEST(nothing_is_removed_without_a_decision)
{
	struct kvip_route r = { .id = { .prefix = prefix(VIP1), .distance = 15 }, .tag = 77 };

	r.nhs = nhset(N1);
	ck_assert_int_eq(kvip_recon_adopt(recon, &r), 0);
	kvip_nhset_unref(r.nhs);
	feed_add(VIP1, 15, 77, N1);
	kvip_recon_sink_down(recon, now);
	kvip_recon_sink_up(recon, now);
	now += 60000;
	kvip_recon_tick(recon, now);
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_KEPT);
	withdraw(VIP1);
	expect("-" VIP1 " d15\n");
}
END_TEST

START_TEST(an_adopted_route_that_is_decided_again_is_sent_without_a_gap)
{
	struct kvip_route r = { .id = { .prefix = prefix(VIP1), .distance = 15 }, .tag = 77 };

	r.nhs = nhset(N1);
	ck_assert_int_eq(kvip_recon_adopt(recon, &r), 0);
	kvip_nhset_unref(r.nhs);
	feed_add(VIP1, 15, 77, N1);
	decide(VIP1, N1 " " N2);
	answer(N1, KVIP_NH_CONNECTED);
	answer(N2, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 12 13\n");
}
END_TEST

/* The set at which the sweep stands goes, when answers have come about one behind it. Which one that
 * is depends on addresses in memory: both are tried. */
START_TEST(an_answer_is_not_lost_with_another_set)
{
	const char *stays = _i ? VIP1 : VIP2, *goes = _i ? VIP2 : VIP1;

	installed(VIP1, N1);
	decide(VIP2, N2);
	answer(N2, KVIP_NH_CONNECTED);
	run();
	answer(N1, KVIP_NH_UNRESOLVED);
	answer(N2, KVIP_NH_UNRESOLVED);
	(void)kvip_recon_step(recon, 1, now);
	answer(N1, KVIP_NH_CONNECTED);
	answer(N2, KVIP_NH_CONNECTED);
	withdraw(goes);
	run();
	ck_assert_int_ne(state_of(stays), KVIP_ROUTE_NO_NEXT_HOP);
}
END_TEST

/* The withdrawal waited for the channel; meanwhile the next hop is back. (Sets are looked at in the
 * order of their addresses in memory: some VIP's set is not among the first.) */
START_TEST(a_withdrawal_that_waited_goes_by_what_is_known_now)
{
	static const char *const others[] = { N2,        N3,        N1 " " N2,
					      N1 " " N3, N2 " " N3, N1 " " N2 " " N3 };
	char vip[32];

	installed(VIP1, N1);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(vip, sizeof(vip), "192.168.78.%zu/32", i);
		decide(vip, others[i]);
	}
	answer(N2, KVIP_NH_CONNECTED);
	answer(N3, KVIP_NH_CONNECTED);
	run();
	room = 0;
	answer(N1, KVIP_NH_UNRESOLVED);
	answer(N2, KVIP_NH_UNRESOLVED);
	answer(N3, KVIP_NH_UNRESOLVED);
	run();
	calls[0] = '\0';
	answer(N1, KVIP_NH_CONNECTED);
	answer(N2, KVIP_NH_CONNECTED);
	answer(N3, KVIP_NH_CONNECTED);
	room = 1000;
	kvip_recon_sink_writable(recon);
	while (kvip_recon_step(recon, 1, now))
		;
	ck_assert_ptr_null(strchr(calls, '-'));
}
END_TEST

START_TEST(a_new_distance_removes_the_old_route_only_when_confirmed)
{
	installed(VIP1, N1);
	ck_assert_int_eq(decide_with(VIP1, N1, 12, KVIP_RESOLVE_CONNECTED), 0);
	expect("+" VIP1 " d12 t77 12\n");
	feed_add(VIP1, 12, 77, N1);
	run();
	ck_assert_ptr_nonnull(strstr(calls, "-" VIP1 " d15\n"));
}
END_TEST

/* The feed shows the selected route alone: while the old one is better, the new one is never
 * confirmed. */
START_TEST(a_worse_distance_removes_the_old_route_at_once)
{
	installed(VIP1, N1);
	ck_assert_int_eq(decide_with(VIP1, N1, 17, KVIP_RESOLVE_CONNECTED), 0);
	expect("+" VIP1 " d17 t77 12\n-" VIP1 " d15\n");
	feed_add(VIP1, 17, 77, N1);
	run();
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_INSTALLED);
}
END_TEST

START_TEST(a_distance_changed_there_and_back_leaves_one_route)
{
	installed(VIP1, N1);
	ck_assert_int_eq(decide_with(VIP1, N1, 12, KVIP_RESOLVE_CONNECTED), 0);
	run();
	calls[0] = '\0';
	ck_assert_int_eq(decide_with(VIP1, N1, 15, KVIP_RESOLVE_CONNECTED), 0);
	run();
	feed_add(VIP1, 15, 77, N1);
	run();
	ck_assert_ptr_nonnull(strstr(calls, "-" VIP1 " d12\n"));
	ck_assert_ptr_null(strstr(calls, "-" VIP1 " d15\n"));
}
END_TEST

/* The identity gone back to is in zebra all the time: it goes with the other one. */
START_TEST(a_distance_changed_there_and_back_without_next_hops_leaves_no_route)
{
	installed(VIP1, N1);
	ck_assert_int_eq(decide_with(VIP1, N1, 12, KVIP_RESOLVE_CONNECTED), 0);
	expect("+" VIP1 " d12 t77 12\n");
	answer(N1, KVIP_NH_UNRESOLVED);
	ck_assert_int_eq(decide_with(VIP1, N1, 15, KVIP_RESOLVE_CONNECTED), 0);
	expect("-" VIP1 " d12\n-" VIP1 " d15\n");
}
END_TEST

/* The other one was never sent: what is there is what is wanted, and not to be deleted. */
START_TEST(a_distance_changed_there_and_back_before_anything_was_sent_changes_nothing)
{
	installed(VIP1, N1);
	kvip_recon_sink_down(recon, now);
	ck_assert_int_eq(decide_with(VIP1, N1, 12, KVIP_RESOLVE_CONNECTED), 0);
	run();
	ck_assert_int_eq(decide_with(VIP1, N1, 15, KVIP_RESOLVE_CONNECTED), 0);
	kvip_recon_sink_up(recon, now);
	answer(N1, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 12\n");
	feed_add(VIP1, 15, 77, N1);
	expect("");
}
END_TEST

START_TEST(an_identity_left_over_goes_when_zebra_is_back)
{
	installed(VIP1, N1);
	kvip_recon_sink_down(recon, now);
	ck_assert_int_eq(decide_with(VIP1, N1, 12, KVIP_RESOLVE_CONNECTED), 0);
	run();
	withdraw(VIP1);
	expect("");
	kvip_recon_sink_up(recon, now);
	expect("-" VIP1 " d15\n");
}
END_TEST

START_TEST(an_operators_route_of_the_same_identity_is_left_alone)
{
	feed_add(VIP1, 15, 1234, N3);
	decide(VIP1, N1);
	answer(N1, KVIP_NH_CONNECTED);
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_REFUSED);
	ck_assert_int_eq(reason_of(VIP1), KVIP_REASON_SAME_IDENTITY);
	feed_del(VIP1);
	expect("+" VIP1 " d15 t77 12\n");
}
END_TEST

START_TEST(an_operators_better_route_shadows_ours)
{
	installed(VIP1, N1);
	feed_add(VIP1, 1, 0, N3);
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_SHADOWED);
	feed_add(VIP1, 15, 77, N1); /* he removed it */
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_INSTALLED);
}
END_TEST

START_TEST(a_next_hop_of_our_own_is_refused)
{
	struct kvip_facts *f = kvip_facts_new();

	f->own = kvip_calloc(1, sizeof(*f->own));
	f->own[0] = addr(N2);
	f->n_own = 1;
	kvip_recon_set_facts(recon, f, now);
	kvip_facts_unref(f);
	decide(VIP1, N1 " " N2);
	answer(N1, KVIP_NH_CONNECTED);
	answer(N2, KVIP_NH_CONNECTED);
	expect("");
	ck_assert_int_eq(reason_of(VIP1), KVIP_REASON_ROUTER_IS_NODE);
}
END_TEST

START_TEST(a_reconnect_sends_everything_once_next_hops_are_answered)
{
	installed(VIP1, N1);
	kvip_recon_sink_down(recon, now);
	decide(VIP2, N1);
	expect("");
	kvip_recon_sink_up(recon, now);
	expect("");
	answer(N1, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 12\n+" VIP2 " d15 t77 12\n");
}
END_TEST

START_TEST(a_full_channel_loses_nothing)
{
	installed(VIP1, N1);
	room = 0;
	decide(VIP1, N2);
	decide(VIP2, N2);
	answer(N2, KVIP_NH_CONNECTED);
	expect("");
	kvip_recon_sink_writable(recon);
	room = 1;
	run();
	kvip_recon_sink_writable(recon);
	room = 100;
	expect("+" VIP1 " d15 t77 13\n+" VIP2 " d15 t77 13\n");
}
END_TEST

START_TEST(standby_sends_nothing_and_takes_over)
{
	kvip_recon_set_active(recon, false, now);
	decide(VIP1, N1);
	answer(N1, KVIP_NH_CONNECTED);
	expect("");
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_STANDBY);
	withdraw(VIP2);
	expect("");
	kvip_recon_set_active(recon, true, now);
	expect("+" VIP1 " d15 t77 12\n");
}
END_TEST

START_TEST(flush_withdraws_until_it_is_cleared)
{
	installed(VIP1, N1);
	kvip_recon_flush(recon, true, now);
	expect("-" VIP1 " d15\n");
	decide(VIP2, N1);
	expect("");
	ck_assert_int_eq(state_of(VIP2), KVIP_ROUTE_FLUSHED);
	kvip_recon_flush(recon, false, now);
	run();
	ck_assert_ptr_nonnull(strstr(calls, "+" VIP1));
	ck_assert_ptr_nonnull(strstr(calls, "+" VIP2));
}
END_TEST

START_TEST(an_unconfirmed_route_is_said)
{
	decide(VIP1, N1);
	answer(N1, KVIP_NH_CONNECTED);
	run();
	now += 1999;
	kvip_recon_tick(recon, now);
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_SENT);
	now += 1;
	kvip_recon_tick(recon, now);
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_OVERDUE);
	feed_add(VIP1, 15, 77, N1);
	ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_INSTALLED);
}
END_TEST

START_TEST(suspects_are_left_until_told)
{
	struct kvip_conf *c = kvip_conf_new();
	const char *const line[] = {
		"cluster", "lab", "advertise", "web", "service-selector", "any"
	};
	struct kvip_err err;

	ck_assert_int_eq(kvip_conf_line(c, 6, line, false, &err), 0);
	kvip_recon_set_conf(recon, c);
	kvip_conf_unref(c);
	feed_add(VIP1, 15, 77, N1); /* as we would send it, but no record says so */
	feed_add(VIP2, 1, 0, N1);   /* an operator's */
	expect("");
	ck_assert_uint_eq(kvip_recon_clear_suspects(recon), 1);
	expect("-" VIP1 " d15\n");
}
END_TEST

START_TEST(a_suspect_becomes_ours_when_the_engine_computes_it)
{
	feed_add(VIP1, 15, 77, N1);
	decide(VIP1, N1);
	answer(N1, KVIP_NH_CONNECTED);
	expect("+" VIP1 " d15 t77 12\n");
}
END_TEST

/* ---- with a state file ---- */

static unsigned int recorded(void)
{
	kvip_state_close(open_state(state_path));
	return read_routes;
}

START_TEST(a_route_is_recorded_before_it_is_sent_and_forgotten_after_it_is_gone)
{
	struct kvip_state *s;

	snprintf(state_path, sizeof(state_path), "/tmp/kubevip-test-recon.%d", getpid());
	s = open_state(state_path);
	kvip_recon_set_state(recon, s);
	decide(VIP1, N1);
	answer(N1, KVIP_NH_CONNECTED);
	room = 0; /* killed before the first byte to zebra */
	run();
	ck_assert_uint_eq(recorded(), 1);
	room = 100;
	kvip_recon_sink_writable(recon);
	withdraw(VIP1); /* it was never sent: nobody else would take it out of the file */
	run();
	ck_assert_uint_eq(recorded(), 0);
	decide(VIP2, N1);
	answer(N1, KVIP_NH_CONNECTED);
	run();
	ck_assert_uint_eq(recorded(), 1);
	withdraw(VIP2);
	run();
	decide(VIP1, N1);
	run();
	ck_assert_uint_eq(recorded(), 0);
	kvip_state_close(s);
	kvip_recon_set_state(recon, NULL);
	unlink(state_path);
}
END_TEST

/* ---- every allocation failed once ---- */

static int scenario(void)
{
	int failed = 0;

	failed |= decide_with(VIP1, N1 " " N2, 15, KVIP_RESOLVE_CONNECTED);
	answer(N1, KVIP_NH_CONNECTED);
	answer(N2, KVIP_NH_CONNECTED);
	run();
	failed |= decide_with(VIP1, N1, 12, KVIP_RESOLVE_CONNECTED);
	run();
	failed |= decide_with(VIP2, N2, 15, KVIP_RESOLVE_CONNECTED);
	run();
	withdraw(VIP2);
	run();
	return failed;
}

START_TEST(memory_may_run_out_anywhere)
{
	for (int nth = 1; nth < 200; nth++) {
		kvip_mem_fail_at(nth);
		scenario();
		kvip_mem_fail_at(0);
		/* the owner of a decision tries again */
		ck_assert_int_eq(scenario(), 0);
		now += 2000;
		kvip_recon_tick(recon, now);
		run();
		ck_assert_int_eq(state_of(VIP1), KVIP_ROUTE_OVERDUE);
		kvip_recon_free(recon);
		make();
		kvip_recon_set_active(recon, true, now);
		kvip_recon_sink_up(recon, now);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("recon");
	TCase *t = tcase_create("recon");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_route_waits_until_every_next_hop_has_been_answered);
	tcase_add_test(t, a_next_hop_that_is_never_answered_does_not_hold_the_others_up);
	tcase_add_test(t, silence_about_next_hops_withdraws_nothing);
	tcase_add_test(t, only_connected_next_hops_count_by_default);
	tcase_add_test(t, a_default_route_is_asked_for_only_where_a_route_may_use_it);
	tcase_add_test(t, a_vip_without_a_next_hop_that_resolves_is_withdrawn_and_comes_back);
	tcase_add_test(t, an_equal_decision_sends_nothing);
	tcase_add_test(t, every_answer_sends_the_routes_again);
	tcase_add_test(t, a_swept_route_is_sent_again);
	tcase_add_test(t, our_own_withdrawal_is_not_taken_for_a_sweep);
	tcase_add_test(t, withdrawing_what_is_unknown_does_nothing);
	tcase_add_test(t, nothing_is_removed_without_a_decision);
	tcase_add_test(t, an_adopted_route_that_is_decided_again_is_sent_without_a_gap);
	tcase_add_loop_test(t, an_answer_is_not_lost_with_another_set, 0, 2);
	tcase_add_test(t, a_withdrawal_that_waited_goes_by_what_is_known_now);
	tcase_add_test(t, a_new_distance_removes_the_old_route_only_when_confirmed);
	tcase_add_test(t, a_worse_distance_removes_the_old_route_at_once);
	tcase_add_test(t, a_distance_changed_there_and_back_leaves_one_route);
	tcase_add_test(t, a_distance_changed_there_and_back_without_next_hops_leaves_no_route);
	tcase_add_test(t,
		       a_distance_changed_there_and_back_before_anything_was_sent_changes_nothing);
	tcase_add_test(t, an_identity_left_over_goes_when_zebra_is_back);
	tcase_add_test(t, an_operators_route_of_the_same_identity_is_left_alone);
	tcase_add_test(t, an_operators_better_route_shadows_ours);
	tcase_add_test(t, a_next_hop_of_our_own_is_refused);
	tcase_add_test(t, a_reconnect_sends_everything_once_next_hops_are_answered);
	tcase_add_test(t, a_full_channel_loses_nothing);
	tcase_add_test(t, standby_sends_nothing_and_takes_over);
	tcase_add_test(t, flush_withdraws_until_it_is_cleared);
	tcase_add_test(t, an_unconfirmed_route_is_said);
	tcase_add_test(t, suspects_are_left_until_told);
	tcase_add_test(t, a_suspect_becomes_ours_when_the_engine_computes_it);
	tcase_add_test(t, a_route_is_recorded_before_it_is_sent_and_forgotten_after_it_is_gone);
	tcase_add_test(t, memory_may_run_out_anywhere);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
