// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the JSON writer (its text is read back with json-c), and text tables.
 */
#include "base/kvip_columns.h"
#include "base/kvip_jsonw.h"

#include <check.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

static struct kvip_buf out;
static struct kvip_jsonw w;

static void setup(void)
{
	kvip_buf_init(&out, 1 << 20);
	kvip_jsonw_init(&w, &out);
}

static void teardown(void)
{
	kvip_buf_done(&out);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

START_TEST(layout_is_frrs)
{
	kvip_jsonw_object(&w, NULL);
	kvip_jsonw_string(&w, "a", "x");
	kvip_jsonw_array(&w, "list");
	kvip_jsonw_int(&w, NULL, -1);
	kvip_jsonw_uint(&w, NULL, UINT64_MAX);
	kvip_jsonw_object(&w, NULL);
	kvip_jsonw_end(&w);
	kvip_jsonw_end(&w);
	kvip_jsonw_bool(&w, "yes", true);
	kvip_jsonw_null(&w, "none");
	kvip_jsonw_end(&w);
	ck_assert_int_eq(kvip_jsonw_finish(&w), 0);
	ck_assert_str_eq(kvip_buf_str(&out),
			 "{\n  \"a\":\"x\",\n  \"list\":[\n    -1,\n    18446744073709551615,\n"
			 "    {}\n  ],\n  \"yes\":true,\n  \"none\":null\n}\n");
}
END_TEST

/* What json-c reads of the string @value. */
static char *there_and_back(const char *value)
{
	struct json_object *o, *v;
	char *text;

	kvip_buf_reset(&out);
	kvip_jsonw_init(&w, &out);
	kvip_jsonw_object(&w, NULL);
	kvip_jsonw_string(&w, "v", value);
	kvip_jsonw_end(&w);
	ck_assert_int_eq(kvip_jsonw_finish(&w), 0);
	o = json_tokener_parse(kvip_buf_str(&out));
	ck_assert_ptr_nonnull(o);
	ck_assert(json_object_object_get_ex(o, "v", &v));
	text = strdup(json_object_get_string(v));
	json_object_put(o);
	return text;
}

START_TEST(strings_come_back)
{
	static const struct {
		const char *in, *want;
	} t[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "q\"b\\s/\b\f\n\r\t\x01\x1f\x7f", "q\"b\\s/\b\f\n\r\t\x01\x1f\x7f" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x80",
		  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x80" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "a\xc3", "a\xef\xbf\xbd" },                               /* cut */
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* overlong */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x82"
		  "b",
		  "\xef\xbf\xbd\xef\xbf\xbd"
		  "b" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char *got = there_and_back(t[i].in);

		ck_assert_str_eq(got, t[i].want);
		free(got);
	}
}
END_TEST

START_TEST(misuse_is_an_error)
{
	kvip_jsonw_object(&w, NULL);
	ck_assert_int_eq(kvip_jsonw_finish(&w), -EINVAL); /* still open */
	kvip_jsonw_init(&w, &out);
	kvip_jsonw_end(&w);
	ck_assert_int_eq(kvip_jsonw_finish(&w), -EINVAL);
	kvip_jsonw_init(&w, &out);
	kvip_jsonw_object(&w, NULL);
	kvip_jsonw_int(&w, NULL, 1); /* no key */
	kvip_jsonw_end(&w);
	ck_assert_int_eq(kvip_jsonw_finish(&w), -EINVAL);
	kvip_jsonw_init(&w, &out);
	for (unsigned int i = 0; i < 2 * KVIP_JSONW_MAX_DEPTH; i++)
		kvip_jsonw_array(&w, NULL);
	ck_assert_int_eq(kvip_jsonw_finish(&w), -EINVAL);
}
END_TEST

START_TEST(errors_of_the_buffer_stick)
{
	struct kvip_buf small;

	kvip_buf_init(&small, 10);
	kvip_jsonw_init(&w, &small);
	kvip_jsonw_array(&w, NULL);
	kvip_jsonw_string(&w, NULL, "longer than ten bytes");
	kvip_jsonw_end(&w);
	ck_assert_int_eq(kvip_jsonw_finish(&w), -EMSGSIZE);
	kvip_buf_done(&small);
}
END_TEST

static const char *const headings[] = { "Name", "N", "Why", NULL };

START_TEST(tables_are_aligned)
{
	struct kvip_columns t;

	kvip_columns_init(&t, headings, 1 << 16);
	kvip_columns_cell(&t, "%s", "longer-name");
	kvip_columns_cell(&t, "%d", 1);
	kvip_columns_cell(&t, "%s", "a\033b");
	kvip_columns_cell(&t, "%s", "x");
	kvip_columns_cell(&t, "%d", 1000);
	kvip_columns_cell(&t, "%s", "");
	ck_assert_uint_eq(kvip_columns_rows(&t), 2);
	ck_assert_int_eq(kvip_columns_render(&t, &out), 0);
	ck_assert_str_eq(kvip_buf_str(&out), "Name         N     Why\n"
					     "longer-name  1     a?b\n"
					     "x            1000  -\n");
	kvip_columns_done(&t);
}
END_TEST

START_TEST(tables_are_bounded)
{
	struct kvip_columns t;

	kvip_columns_init(&t, headings, 20);
	kvip_columns_cell(&t, "%s", "more than twenty bytes");
	ck_assert_int_eq(kvip_columns_render(&t, &out), -EMSGSIZE);
	kvip_columns_done(&t);
	for (int64_t nth = 1; nth < 3; nth++) {
		kvip_mem_fail_at(nth);
		kvip_columns_init(&t, headings, 1 << 16);
		for (int i = 0; i < 100; i++)
			kvip_columns_cell(&t, "%d", i);
		kvip_mem_fail_at(0);
		ck_assert_int_eq(kvip_columns_render(&t, &out), -ENOMEM);
		kvip_columns_done(&t);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("jsonw");
	TCase *t = tcase_create("jsonw");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, layout_is_frrs);
	tcase_add_test(t, strings_come_back);
	tcase_add_test(t, misuse_is_an_error);
	tcase_add_test(t, errors_of_the_buffer_stick);
	tcase_add_test(t, tables_are_aligned);
	tcase_add_test(t, tables_are_bounded);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
