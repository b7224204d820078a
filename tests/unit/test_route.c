// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: interned sets and the mailbox, alone and with a thread on each side.
 */
#include "base/kvip_mem.h"
#include "vip/kvip_mailbox.h"
#include "vip/kvip_route.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static struct kvip_nhsets *nhsets;

static void setup(void)
{
	nhsets = kvip_nhsets_new();
}

static void teardown(void)
{
	ck_assert_uint_eq(kvip_nhsets_count(nhsets), 0);
	kvip_nhsets_free(nhsets);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

static struct kvip_addr node(unsigned int i)
{
	return (struct kvip_addr){ .family = KVIP_IPV4,
				   .b = { 10, 0, (uint8_t)(i >> 8), (uint8_t)i } };
}

START_TEST(equal_sets_are_one)
{
	const struct kvip_addr ab[] = { node(1), node(2) }, bab[] = { node(2), node(1), node(2) };
	const struct kvip_nhset *x = kvip_nhset_get(nhsets, ab, 2);
	const struct kvip_nhset *y = kvip_nhset_get(nhsets, bab, 3);
	const struct kvip_nhset *z = kvip_nhset_get(nhsets, ab, 1);

	ck_assert_ptr_eq(x, y);
	ck_assert_ptr_ne(x, z);
	ck_assert_uint_eq(x->n, 2);
	ck_assert_uint_eq(kvip_nhsets_count(nhsets), 2);
	ck_assert(kvip_nhset_has(x, &ab[1]));
	ck_assert(!kvip_nhset_has(z, &ab[1]));
	kvip_nhset_unref(x);
	ck_assert_uint_eq(kvip_nhsets_count(nhsets), 2);
	kvip_nhset_unref(y);
	kvip_nhset_unref(z);
}
END_TEST

START_TEST(a_set_is_bounded)
{
	struct kvip_addr many[300];
	const struct kvip_nhset *s;

	for (unsigned int i = 0; i < 300; i++)
		many[i] = node(299 - i);
	s = kvip_nhset_get(nhsets, many, 300);
	ck_assert_uint_eq(s->n, 256);
	ck_assert(kvip_addr_equal(&s->addrs[0], &many[299]));
	kvip_nhset_unref(s);
}
END_TEST

static struct kvip_decision decision(unsigned int vip, unsigned int nh, kvip_msec ms)
{
	const struct kvip_addr a = node(vip), b = node(nh);
	struct kvip_decision d = { .prefix = kvip_prefix_host(&a), .event_ms = ms };

	d.route.id.prefix = d.prefix;
	d.route.nhs = kvip_nhset_get(nhsets, &b, 1);
	return d;
}

static void post(struct kvip_mailbox *m, unsigned int vip, unsigned int nh, kvip_msec ms)
{
	struct kvip_decision d = decision(vip, nh, ms);

	ck_assert_int_eq(kvip_mailbox_post(m, &d), 0);
}

static void expect(struct kvip_mailbox *m, unsigned int vip, unsigned int nh, kvip_msec ms)
{
	const struct kvip_addr a = node(vip), b = node(nh);
	struct kvip_decision d;

	ck_assert(kvip_mailbox_take(m, &d));
	ck_assert(kvip_addr_equal(&d.prefix.addr, &a));
	ck_assert(kvip_nhset_has(d.route.nhs, &b));
	ck_assert_int_eq(d.event_ms, ms);
	kvip_nhset_unref(d.route.nhs);
}

static void count_wake(void *ctx)
{
	++*(int *)ctx;
}

/* T1 has decided anew between the taking and the putting back: that stands. */
START_TEST(what_is_put_back_yields_to_what_is_newer)
{
	struct kvip_mailbox *m = kvip_mailbox_new(NULL, NULL);
	struct kvip_decision d;

	post(m, 1, 11, 5);
	ck_assert(kvip_mailbox_take(m, &d));
	ck_assert_int_eq(kvip_mailbox_put_back(m, &d), 0);
	ck_assert(kvip_mailbox_take(m, &d));
	post(m, 1, 12, 6);
	ck_assert_int_eq(kvip_mailbox_put_back(m, &d), 0);
	expect(m, 1, 12, 5);
	ck_assert_uint_eq(kvip_mailbox_pending(m), 0);
	kvip_mailbox_free(m);
}
END_TEST

START_TEST(newest_value_oldest_key_first)
{
	struct kvip_decision none;
	int wakes = 0;
	struct kvip_mailbox *m = kvip_mailbox_new(count_wake, &wakes);

	post(m, 1, 11, 5);
	post(m, 2, 12, 6);
	post(m, 1, 13, 7);
	ck_assert_int_eq(wakes, 1);
	ck_assert_uint_eq(kvip_mailbox_pending(m), 2);
	expect(m, 1, 13, 5);
	expect(m, 2, 12, 6);
	ck_assert(!kvip_mailbox_take(m, &none));
	post(m, 3, 14, 8);
	ck_assert_int_eq(wakes, 2);
	kvip_mailbox_free(m);
}
END_TEST

START_TEST(without_memory_the_poster_keeps_its_reference)
{
	struct kvip_mailbox *m = kvip_mailbox_new(NULL, NULL);
	struct kvip_decision d = decision(1, 11, 0);

	kvip_mem_fail_at(1);
	ck_assert_int_eq(kvip_mailbox_post(m, &d), -ENOMEM);
	kvip_mem_fail_at(0);
	kvip_nhset_unref(d.route.nhs);
	kvip_mailbox_free(m);
}
END_TEST

#define VIPS   500u
#define ROUNDS 200u

static void *poster(void *ctx)
{
	for (unsigned int round = 1; round <= ROUNDS; round++)
		for (unsigned int vip = 0; vip < VIPS; vip++) {
			struct kvip_decision d = decision(vip, round, round);

			if (kvip_mailbox_post(ctx, &d))
				abort();
		}
	return NULL;
}

START_TEST(two_threads_lose_nothing)
{
	struct kvip_mailbox *m = kvip_mailbox_new(NULL, NULL);
	const struct kvip_addr last = node(ROUNDS);
	unsigned int finished = 0;
	struct kvip_decision d;
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, poster, m), 0);
	while (finished < VIPS) {
		if (!kvip_mailbox_take(m, &d))
			continue;
		finished += kvip_nhset_has(d.route.nhs, &last);
		kvip_nhset_unref(d.route.nhs);
	}
	pthread_join(t, NULL);
	ck_assert(!kvip_mailbox_take(m, &d));
	kvip_mailbox_free(m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("route");
	TCase *t = tcase_create("route");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, equal_sets_are_one);
	tcase_add_test(t, a_set_is_bounded);
	tcase_add_test(t, newest_value_oldest_key_first);
	tcase_add_test(t, what_is_put_back_yields_to_what_is_newer);
	tcase_add_test(t, without_memory_the_poster_keeps_its_reference);
	tcase_add_test(t, two_threads_lose_nothing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
