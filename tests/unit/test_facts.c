// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: local facts: prefix-lists as FRR 8.4.4 evaluates them, snapshots without leaks.
 */
#include "vip/kvip_facts.h"

#include <check.h>
#include <stdlib.h>

static struct kvip_prefix prefix(const char *text)
{
	struct kvip_prefix p;

	ck_assert_int_eq(kvip_prefix_parse(text, &p), 0);
	return p;
}

struct row {
	int64_t seq;
	bool permit, any;
	const char *prefix;
	uint8_t ge, le;
};

static struct kvip_facts *facts;
static struct kvip_plist *list;

static void setup(void)
{
	facts = kvip_facts_new();
	ck_assert_ptr_nonnull(facts);
	ck_assert(!facts->known);
}

static void teardown(void)
{
	kvip_facts_unref(facts);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

static void fill(const struct row *rows, size_t n, uint8_t family)
{
	facts->plists = kvip_calloc(1, sizeof(*facts->plists));
	facts->n_plists = 1;
	list = facts->plists;
	list->name = kvip_strdup("VIPS");
	list->family = family;
	list->n = n;
	list->entries = kvip_calloc(n, sizeof(*list->entries));
	for (size_t i = 0; i < n; i++) {
		struct kvip_plist_entry *e = &list->entries[i];

		e->seq = rows[i].seq;
		e->permit = rows[i].permit;
		e->any = rows[i].any;
		if (!e->any)
			e->prefix = prefix(rows[i].prefix);
		e->ge = rows[i].ge;
		e->le = rows[i].le;
	}
}

static bool permits(const char *text)
{
	struct kvip_prefix p = prefix(text);

	return kvip_plist_permits(list, &p);
}

START_TEST(without_ge_and_le_only_the_prefix_itself_matches)
{
	static const struct row rows[] = { { 5, true, false, "192.168.77.0/24", 0, 0 } };

	fill(rows, 1, KVIP_IPV4);
	ck_assert(permits("192.168.77.0/24"));
	ck_assert(!permits("192.168.77.1/32"));
	ck_assert(!permits("192.168.0.0/16"));
	ck_assert(!permits("fd00::1"));
}
END_TEST

START_TEST(ge_and_le_bound_the_length)
{
	static const struct row rows[] = { { 5, true, false, "10.0.0.0/8", 24, 30 },
					   { 10, true, false, "11.0.0.0/8", 32, 0 },
					   { 15, true, false, "12.0.0.0/8", 0, 16 } };

	fill(rows, 3, KVIP_IPV4);
	ck_assert(permits("10.1.2.0/24"));
	ck_assert(permits("10.1.2.0/30"));
	ck_assert(!permits("10.1.2.1/32"));
	ck_assert(!permits("10.1.0.0/16"));
	ck_assert(permits("11.1.2.3/32"));
	ck_assert(!permits("11.1.2.0/24"));
	ck_assert(permits("12.0.0.0/8"));
	ck_assert(permits("12.1.0.0/16"));
	ck_assert(!permits("12.1.1.0/24"));
}
END_TEST

START_TEST(the_first_match_decides)
{
	static const struct row rows[] = { { 5, false, false, "10.1.0.0/16", 0, 32 },
					   { 10, true, true, NULL, 0, 32 } };

	fill(rows, 2, KVIP_IPV4);
	ck_assert(!permits("10.1.2.3/32"));
	ck_assert(permits("10.2.2.3/32"));
	ck_assert(permits("0.0.0.0/0"));
	ck_assert(!permits("fd00::1"));
}
END_TEST

START_TEST(ipv6_lists_are_a_name_space_of_their_own)
{
	static const struct row rows[] = { { 5, true, false, "fd00:77::/64", 128, 0 } };

	fill(rows, 1, KVIP_IPV6);
	ck_assert(permits("fd00:77::1"));
	ck_assert(!permits("fd00:78::1"));
	ck_assert_ptr_eq(kvip_facts_plist(facts, "VIPS", KVIP_IPV6), list);
	ck_assert_ptr_null(kvip_facts_plist(facts, "VIPS", KVIP_IPV4));
	ck_assert_ptr_null(kvip_facts_plist(facts, "VIPS6", KVIP_IPV6));
}
END_TEST

START_TEST(an_empty_list_is_not_defined)
{
	fill(NULL, 0, KVIP_IPV4);
	ck_assert_ptr_null(kvip_facts_plist(facts, "VIPS", KVIP_IPV4));
	ck_assert(!permits("10.0.0.1"));
}
END_TEST

START_TEST(references)
{
	facts->own = kvip_calloc(2, sizeof(*facts->own));
	facts->connected = kvip_calloc(2, sizeof(*facts->connected));
	ck_assert_ptr_eq(kvip_facts_ref(facts), facts);
	kvip_facts_unref(facts);
	ck_assert_ptr_nonnull(facts->own);
	kvip_facts_unref(NULL);
	kvip_mem_fail_at(1);
	ck_assert_ptr_null(kvip_facts_new());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("facts");
	TCase *t = tcase_create("facts");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, without_ge_and_le_only_the_prefix_itself_matches);
	tcase_add_test(t, ge_and_le_bound_the_length);
	tcase_add_test(t, the_first_match_decides);
	tcase_add_test(t, ipv6_lists_are_a_name_space_of_their_own);
	tcase_add_test(t, an_empty_list_is_not_defined);
	tcase_add_test(t, references);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
