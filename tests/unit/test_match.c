// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what route-maps ask: values, slots, generations, and the text in the state file.
 */
#include "base/kvip_mem.h"
#include "vip/kvip_match.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kvip_matches *m;
static int64_t live;

static void setup(void)
{
	live = kvip_mem_live();
	m = kvip_matches_new();
	ck_assert_ptr_nonnull(m);
}

static void teardown(void)
{
	kvip_mem_fail_at(0);
	kvip_matches_free(m);
	ck_assert_int_eq(kvip_mem_live(), live);
}

static unsigned int ref(enum kvip_match_kind kind, const char *text)
{
	int slot = kvip_matches_ref(m, kind, text);

	ck_assert_int_ge(slot, 0);
	return (unsigned int)slot;
}

/* As T1 does: marks of the set published now, with one answer. */
static struct kvip_marks answered(unsigned int slot)
{
	struct kvip_match_set *s = kvip_matches_publish(m);
	struct kvip_marks marks = { .generation = s->generation };

	kvip_marks_set(&marks, slot);
	kvip_match_set_free(s);
	return marks;
}

START_TEST(values)
{
	static const struct {
		enum kvip_match_kind kind;
		const char *text;
		bool good;
	} cases[] = {
		{ KVIP_MATCH_LABEL, "tier=gold", true },
		{ KVIP_MATCH_LABEL, "example.com/tier=gold", true },
		{ KVIP_MATCH_LABEL, "tier=", true },
		{ KVIP_MATCH_LABEL, "tier", false },
		{ KVIP_MATCH_LABEL, "tier==gold", false },
		{ KVIP_MATCH_LABEL, "tier!=gold", false },
		{ KVIP_MATCH_LABEL, "tier=gold,a=b", false },
		{ KVIP_MATCH_LABEL, "=gold", false },
		{ KVIP_MATCH_LABEL, "tier=-gold", false },
		{ KVIP_MATCH_LABEL, "tier=go ld", false },
		{ KVIP_MATCH_LABEL, "", false },
		{ KVIP_MATCH_NAMESPACE, "prod-1", true },
		{ KVIP_MATCH_NAMESPACE, "Prod", false },
		{ KVIP_MATCH_NAMESPACE, "a/b", false },
		{ KVIP_MATCH_NAMESPACE, "", false },
		{ KVIP_MATCH_SERVICE, "prod/web", true },
		{ KVIP_MATCH_SERVICE, "prod/", false },
		{ KVIP_MATCH_SERVICE, "/web", false },
		{ KVIP_MATCH_SERVICE, "web", false },
		{ KVIP_MATCH_SERVICE, "prod/web/x", false },
		{ KVIP_MATCH_CLUSTER, "Lab_1.x", true },
		{ KVIP_MATCH_CLUSTER, "a,b", false },
		{ KVIP_MATCH_CLASS, "io.cilium/bgp-control-plane", true },
		{ KVIP_MATCH_CLASS, "a b", false },
		{ KVIP_MATCH_CLASS, "a:b", false },
	};
	struct kvip_err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = kvip_match_check(cases[i].kind, cases[i].text, &err);

		ck_assert_msg((rc == 0) == cases[i].good, "%s %s", kvip_match_word(cases[i].kind),
			      cases[i].text);
		if (!cases[i].good)
			ck_assert_int_eq(kvip_matches_ref(m, cases[i].kind, cases[i].text),
					 -EINVAL);
	}
	ck_assert_int_eq(kvip_match_check(KVIP_MATCH_LABEL, "tier", &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "KEY=VALUE"));
}
END_TEST

START_TEST(one_question_has_one_slot)
{
	unsigned int gold = ref(KVIP_MATCH_LABEL, "tier=gold");

	ck_assert_uint_eq(ref(KVIP_MATCH_LABEL, "tier=gold"), gold);
	ck_assert_uint_ne(ref(KVIP_MATCH_LABEL, "tier=silver"), gold);
	ck_assert_uint_ne(ref(KVIP_MATCH_NAMESPACE, "gold"), ref(KVIP_MATCH_CLUSTER, "gold"));
}
END_TEST

START_TEST(a_snapshot_has_what_is_asked)
{
	unsigned int gold = ref(KVIP_MATCH_LABEL, "a.b/tier=gold");
	unsigned int ns = ref(KVIP_MATCH_NAMESPACE, "prod");
	struct kvip_match_set *s = kvip_matches_publish(m), *again = kvip_matches_publish(m);

	ck_assert(!kvip_matches_changed(m));
	ck_assert_uint_eq(s->n, 2);
	ck_assert_str_eq(s->v[gold].text, "a.b/tier=gold");
	ck_assert_str_eq(s->v[gold].key, "a.b/tier");
	ck_assert_str_eq(kvip_match_value(&s->v[gold]), "gold");
	ck_assert_str_eq(s->v[ns].text, "prod");
	ck_assert_ptr_null(s->v[ns].key);
	ck_assert_uint_eq(s->v[ns].since, s->generation);
	ck_assert_uint_eq(again->generation, s->generation); /* nothing was added */
	kvip_match_set_free(s);
	kvip_match_set_free(again);
}
END_TEST

/* Rules R5: what was not answered does not match. */
START_TEST(an_answer_must_not_be_older_than_the_question)
{
	unsigned int gold = ref(KVIP_MATCH_LABEL, "tier=gold"), later;
	struct kvip_marks none = { 0 }, marks = answered(gold);

	ck_assert(kvip_matches_asks(m, gold, &marks));
	ck_assert(!kvip_matches_asks(m, gold, &none));
	later = ref(KVIP_MATCH_LABEL, "tier=silver");
	kvip_marks_set(&marks, later); /* whatever may stand there */
	ck_assert(!kvip_matches_asks(m, later, &marks));
	ck_assert(kvip_matches_asks(m, gold, &marks));
	marks = answered(later);
	ck_assert(kvip_matches_asks(m, later, &marks));
}
END_TEST

static unsigned int fill(unsigned int n)
{
	unsigned int last = 0;
	char text[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "n=%u", i);
		last = ref(KVIP_MATCH_LABEL, text);
	}
	return last;
}

START_TEST(slots_are_used_again_and_old_answers_do_not_count)
{
	unsigned int last = fill(KVIP_MAX_MATCHES);
	struct kvip_marks marks = answered(last);

	ck_assert_uint_eq(last, KVIP_MAX_MATCHES - 1);
	ck_assert_int_eq(kvip_matches_ref(m, KVIP_MATCH_LABEL, "one=more"), -ENOSPC);
	kvip_matches_unref(m, last);
	ck_assert(kvip_matches_asks(m, last, &marks));
	ck_assert_uint_eq(ref(KVIP_MATCH_LABEL, "n=255"), last); /* removed and said again */
	ck_assert(kvip_matches_asks(m, last, &marks));
	ck_assert(!kvip_matches_changed(m));
	kvip_matches_unref(m, last);
	ck_assert_uint_eq(ref(KVIP_MATCH_LABEL, "one=more"), last);
	ck_assert(!kvip_matches_asks(m, last, &marks)); /* it is about n=255 */
	ck_assert(kvip_matches_changed(m));
	/* and a state file that knows the question has no say about answers of this run */
	kvip_matches_restore(m, "label:one=more", &(struct kvip_marks){ 0 });
	ck_assert(!kvip_matches_asks(m, last, &marks));
}
END_TEST

START_TEST(only_questions_in_use_matter)
{
	unsigned int gold = ref(KVIP_MATCH_LABEL, "tier=gold");
	unsigned int ns = ref(KVIP_MATCH_NAMESPACE, "prod");
	struct kvip_marks none = { 0 }, marks = answered(gold);

	ck_assert(kvip_matches_differ(m, &none, &marks));
	ck_assert(!kvip_matches_differ(m, &marks, &marks));
	kvip_matches_unref(m, gold);
	ck_assert(!kvip_matches_differ(m, &none, &marks));
	kvip_marks_set(&marks, ns);
	ck_assert(kvip_matches_differ(m, &none, &marks));
}
END_TEST

static void expect_text(const struct kvip_marks *marks, size_t max, const char *wanted)
{
	struct kvip_match_set *s = kvip_matches_publish(m);
	struct kvip_buf b;

	kvip_buf_init(&b, 4096);
	ck_assert_int_eq(kvip_match_render(s, marks, "<", max, &b), 0);
	ck_assert_str_eq(kvip_buf_str(&b), wanted);
	kvip_buf_done(&b);
	kvip_match_set_free(s);
}

START_TEST(text_and_back)
{
	unsigned int gold = ref(KVIP_MATCH_LABEL, "tier=gold");
	unsigned int svc = ref(KVIP_MATCH_SERVICE, "prod/web");
	struct kvip_marks marks = answered(gold), back;

	expect_text(&(struct kvip_marks){ 0 }, 100, "");
	expect_text(&marks, 100, "<label:tier=gold");
	kvip_marks_set(&marks, svc);
	expect_text(&marks, 100, "<label:tier=gold,service:prod/web");
	expect_text(&marks, 20, "<label:tier=gold"); /* whole items */

	kvip_matches_free(m); /* a restart: the file first, the lines of route-maps after it */
	m = kvip_matches_new();
	kvip_matches_restore(m, "label:tier=gold,service:prod/web,new-kind:x,label:bad,,x", &back);
	ck_assert(!kvip_matches_differ(m, &back, &(struct kvip_marks){ 0 })); /* nobody asks */
	svc = ref(KVIP_MATCH_SERVICE, "prod/web");
	ck_assert(kvip_matches_asks(m, svc, &back));
	ck_assert(kvip_matches_asks(m, ref(KVIP_MATCH_LABEL, "tier=gold"), &back));
	ck_assert(!kvip_matches_asks(m, ref(KVIP_MATCH_LABEL, "tier=new"), &back));

	kvip_matches_free(m); /* and the other way round */
	m = kvip_matches_new();
	fill(3);
	gold = ref(KVIP_MATCH_LABEL, "tier=gold");
	kvip_matches_restore(m, "label:tier=gold", &back);
	ck_assert(kvip_matches_asks(m, gold, &back));
	ck_assert(!kvip_matches_asks(m, 0, &back));
}
END_TEST

START_TEST(a_full_table_restores_what_it_has)
{
	struct kvip_marks back;

	fill(KVIP_MAX_MATCHES);
	kvip_matches_restore(m, "label:not=there,label:n=7", &back);
	ck_assert(kvip_matches_asks(m, 7, &back));
	ck_assert_uint_eq(back.w[0], 1u << 7);
}
END_TEST

START_TEST(without_memory)
{
	struct kvip_match_set *s = NULL;
	struct kvip_marks back;

	ref(KVIP_MATCH_LABEL, "tier=gold");
	for (int i = 1; !s; i++) {
		kvip_mem_fail_at(i);
		s = kvip_matches_publish(m);
		ck_assert(kvip_matches_changed(m) == !s);
	}
	kvip_match_set_free(s);
	kvip_mem_fail_at(1);
	ck_assert_int_lt(kvip_matches_ref(m, KVIP_MATCH_CLUSTER, "lab"), 0);
	kvip_mem_fail_at(1);
	kvip_matches_restore(m, "label:tier=gold", &back);
	ck_assert_uint_eq(back.w[0], 0);
	kvip_mem_fail_at(1);
	ck_assert_ptr_null(kvip_matches_new());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("match");
	TCase *t = tcase_create("match");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, values);
	tcase_add_test(t, one_question_has_one_slot);
	tcase_add_test(t, a_snapshot_has_what_is_asked);
	tcase_add_test(t, an_answer_must_not_be_older_than_the_question);
	tcase_add_test(t, slots_are_used_again_and_old_answers_do_not_count);
	tcase_add_test(t, only_questions_in_use_matter);
	tcase_add_test(t, text_and_back);
	tcase_add_test(t, a_full_table_restores_what_it_has);
	tcase_add_test(t, without_memory);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
