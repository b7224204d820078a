// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: unit tests of the splitter: every table row is fed whole and cut at every byte.
 */
#include "base/kvip_limits.h"
#include "kube/kvip_stream.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	char text[4096]; /* values separated by '|', the envelope between '<' and '>' */
	int stop_rc;     /* what the next callback returns */
	size_t bytes;
};

static int on_value(void *ctx, const char *json, size_t len)
{
	struct seen *seen = ctx;

	seen->bytes += len;
	if (strlen(seen->text) + len + 2 < sizeof(seen->text)) {
		strcat(seen->text, json);
		strcat(seen->text, "|");
	}
	return seen->stop_rc;
}

static int on_envelope(void *ctx, const char *json, size_t len)
{
	struct seen *seen = ctx;

	ck_assert_uint_eq(strlen(json), len);
	strcat(seen->text, "<");
	strcat(seen->text, json);
	strcat(seen->text, ">");
	return seen->stop_rc;
}

static const struct kvip_stream_ops ops = { .value = on_value, .envelope = on_envelope };

/* Feed @text in pieces of @piece bytes. */
static int run(enum kvip_stream_mode mode, const char *text, size_t piece, struct seen *seen,
	       struct kvip_err *err)
{
	size_t left = strlen(text), n;
	struct kvip_stream s;
	int rc = 0;

	kvip_stream_init(&s, &ops, seen);
	kvip_stream_reset(&s, mode);
	for (; left && !rc; text += n, left -= n) {
		n = left < piece ? left : piece;
		rc = kvip_stream_feed(&s, text, n, err);
	}
	if (!rc)
		rc = kvip_stream_end(&s, err);
	kvip_stream_done(&s);
	return rc;
}

struct row {
	enum kvip_stream_mode mode;
	int rc;
	const char *text, *want;
};

#define W KVIP_STREAM_WATCH
#define L KVIP_STREAM_LIST

static const struct row rows[] = {
	/* watch: values, blanks between them or none */
	{ W, 0, "", "" },
	{ W, 0, " \r\n\t", "" },
	{ W, 0, "{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}|{\"b\":2}|" },
	{ W, 0, "{\"a\":1}{}\r\n{ }", "{\"a\":1}|{}|{ }|" },
	{ W, 0, "{\"a\":\"}{][\\\"}\\\\\"}", "{\"a\":\"}{][\\\"}\\\\\"}|" },
	/* managedFields of event.object.metadata and nothing else */
	{ W, 0,
	  "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"managedFields\":[{\"x\":\"]}\"}],\"n\":1}}}",
	  "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"managedFields\":null,\"n\":1}}}|" },
	{ W, 0, "{\"object\":{\"metadata\":{\"n\":1,\"managedFields\" : [ ] \n}},\"type\":\"A\"}",
	  "{\"object\":{\"metadata\":{\"n\":1,\"managedFields\" : null}},\"type\":\"A\"}|" },
	{ W, 0, "{\"object\":{\"metadata\":{\"labels\":{\"managedFields\":\"x\"}}}}",
	  "{\"object\":{\"metadata\":{\"labels\":{\"managedFields\":\"x\"}}}}|" },
	{ W, 0, "{\"metadata\":{\"managedFields\":[1]},\"object\":{\"managedFields\":[2]}}",
	  "{\"metadata\":{\"managedFields\":[1]},\"object\":{\"managedFields\":[2]}}|" },
	{ W, 0, "{\"object\":{\"spec\":{\"metadata\":{\"managedFields\":1}}}}",
	  "{\"object\":{\"spec\":{\"metadata\":{\"managedFields\":1}}}}|" },
	{ W, 0,
	  "{\"object\":{\"metadata\":{\"managedFields\":\"a,}\\\"\",\"z\":[\"managedFields\",1]}}}",
	  "{\"object\":{\"metadata\":{\"managedFields\":null,\"z\":[\"managedFields\",1]}}}|" },
	{ W, 0,
	  "{\"object\":{\"metadata\":{\"managedFields\":{\"managedFields\":[{}]},\"managedFields\":7}}}",
	  "{\"object\":{\"metadata\":{\"managedFields\":null,\"managedFields\":null}}}|" },
	{ W, 0, "{\"object\":{\"metadata\":{\"x\":\"managedFields\",\"y\":[1]}}}",
	  "{\"object\":{\"metadata\":{\"x\":\"managedFields\",\"y\":[1]}}}|" },
	{ W, 0, "{\"object\":[{\"metadata\":{\"managedFields\":[1]}}]}",
	  "{\"object\":[{\"metadata\":{\"managedFields\":[1]}}]}|" },
	/* list: either order, items null or missing or empty */
	{ L, 0, "{\"kind\":\"L\",\"items\":[{\"a\":1},{\"b\":[{}]}],\"z\":{}}",
	  "{\"a\":1}|{\"b\":[{}]}|<{\"kind\":\"L\",\"items\":[],\"z\":{}}>" },
	{ L, 0, "{\"items\":[\r\n {\"a\":1} ,\r\n {\"b\":2}\r\n ],\"kind\":\"L\"}\r\n",
	  "{\"a\":1}|{\"b\":2}|<{\"items\":[],\"kind\":\"L\"}>" },
	{ L, 0, "{\"items\":[{\"metadata\":{\"managedFields\":[{\"items\":[]}]}}]}",
	  "{\"metadata\":{\"managedFields\":null}}|<{\"items\":[]}>" },
	{ L, 0, "{\"items\":[{\"items\":[{\"x\":1}]}],\"metadata\":{\"managedFields\":[1]}}",
	  "{\"items\":[{\"x\":1}]}|<{\"items\":[],\"metadata\":{\"managedFields\":[1]}}>" },
	{ L, 0, "{\"items\":null}", "<{\"items\":null}>" },
	{ L, 0, "{\"items\":[]}", "<{\"items\":[]}>" },
	{ L, 0, "{}", "<{}>" },
	{ L, 0, "{\"items\":{\"a\":[{}]}}", "<{\"items\":{\"a\":[{}]}}>" },
	{ L, 0, "{\"a\":{\"items\":[{}]}}", "<{\"a\":{\"items\":[{}]}}>" },
	{ L, 0, "{\"a\":[\"items\",[{}]],\"b\":\"items\",\"c\":[{}]}",
	  "<{\"a\":[\"items\",[{}]],\"b\":\"items\",\"c\":[{}]}>" },
	/* what is no answer */
	{ W, -EBADMSG, "[]", "" },
	{ W, -EBADMSG, "{}x", "{}|" },
	{ W, -EBADMSG, "{\"a\":[}", "" },
	{ W, -EBADMSG, "{\"a\":{]", "" },
	{ W, -EBADMSG, "{\"object\":]", "" },
	{ W, -EBADMSG, "{\"a\":1", "" },
	{ W, -EBADMSG, "{\"a\":\"", "" },
	{ W, -EBADMSG, "{\"a\":\"\\", "" },
	{ W, -EBADMSG, "<html>", "" },
	{ L, -EBADMSG, "", "" },
	{ L, -EBADMSG, "{\"items\":[1]}", "" },
	{ L, -EBADMSG, "{\"items\":[{}", "{}|" },
	{ L, -EBADMSG, "{\"items\":[{}}", "{}|" },
	{ L, -EBADMSG, "{}{}", "<{}>" },
	{ L, -EBADMSG, "{}x", "<{}>" },
};

START_TEST(test_rows)
{
	const struct row *row = &rows[_i];
	size_t piece;

	for (piece = 1; piece <= strlen(row->text) + 1; piece++) {
		struct seen seen = { .stop_rc = 0 };
		struct kvip_err err = { "" };

		ck_assert_int_eq(run(row->mode, row->text, piece, &seen, &err), row->rc);
		ck_assert_str_eq(seen.text, row->want);
		ck_assert_int_eq(err.text[0] != '\0', row->rc != 0);
	}
}
END_TEST

START_TEST(test_depth)
{
	char text[1024] = "{\"a\":";
	struct seen seen = { .stop_rc = 0 };
	struct kvip_err err;

	memset(text + 5, '[', 130);
	memset(text + 135, ']', 130);
	strcpy(text + 265, "}");
	ck_assert_int_eq(run(W, text, SIZE_MAX, &seen, &err), 0);
	memset(text + 5, '[', 500);
	text[505] = '\0';
	ck_assert_int_eq(run(W, text, SIZE_MAX, &seen, &err), -EMSGSIZE);
	ck_assert_ptr_nonnull(strstr(err.text, "nested"));
}
END_TEST

/* A value, and an envelope, of @n bytes of padding. */
static char *padded(const char *before, size_t n, const char *after)
{
	char *text = malloc(strlen(before) + n + strlen(after) + 1);

	ck_assert_ptr_nonnull(text);
	strcpy(text, before);
	memset(text + strlen(before), 'x', n);
	strcpy(text + strlen(before) + n, after);
	return text;
}

static int run_padded(enum kvip_stream_mode mode, const char *before, size_t n, const char *after)
{
	char *text = padded(before, n, after);
	struct seen seen = { .stop_rc = 0 };
	struct kvip_err err;
	int rc = run(mode, text, 65536, &seen, &err);

	free(text);
	return rc;
}

START_TEST(test_size)
{
	size_t max = KVIP_MAX_OBJECT_BYTES;

	ck_assert_int_eq(run_padded(W, "{\"a\":\"", 5 << 20, "\"}"), 0);
	ck_assert_int_eq(run_padded(W, "{\"a\":\"", max - 8, "\"}"), 0);
	ck_assert_int_eq(run_padded(W, "{\"a\":\"", max, "\"}"), -EMSGSIZE);
	ck_assert_int_eq(run_padded(L, "{\"items\":[{\"a\":\"", max, "\"}]}"), -EMSGSIZE);
	ck_assert_int_eq(run_padded(L, "{\"a\":\"", KVIP_MAX_ENVELOPE_BYTES, "\"}"), -EMSGSIZE);
	/* what is cut does not count */
	ck_assert_int_eq(
		run_padded(W, "{\"object\":{\"metadata\":{\"managedFields\":\"", max, "\"}}}"), 0);
}
END_TEST

START_TEST(test_stop_and_reset)
{
	struct seen seen = { .stop_rc = -ECANCELED };
	struct kvip_stream s;
	struct kvip_err err;

	kvip_stream_init(&s, &ops, &seen);
	kvip_stream_reset(&s, W);
	ck_assert_int_eq(kvip_stream_feed(&s, "{}{}", 4, &err), -ECANCELED);
	ck_assert_str_eq(seen.text, "{}|");
	seen.stop_rc = 0;
	kvip_stream_reset(&s, L);
	ck_assert_int_eq(kvip_stream_feed(&s, "{\"items\":[{}]}", 14, &err), 0);
	ck_assert_int_eq(kvip_stream_end(&s, &err), 0);
	ck_assert_str_eq(seen.text, "{}|{}|<{\"items\":[]}>");
	kvip_stream_done(&s);
}
END_TEST

START_TEST(test_no_memory)
{
	const char *text = rows[14].text;
	int64_t before = kvip_mem_live();
	int nth;

	for (nth = 1;; nth++) {
		struct seen seen = { .stop_rc = 0 };
		struct kvip_err err;
		int rc;

		kvip_mem_fail_at(nth);
		rc = run(L, text, 3, &seen, &err);
		ck_assert_int_eq(kvip_mem_live(), before);
		if (!kvip_mem_failed())
			break;
		ck_assert_int_eq(rc, -ENOMEM);
	}
	kvip_mem_fail_at(0);
	ck_assert_int_gt(nth, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, test_rows, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tc, test_depth);
	tcase_add_test(tc, test_size);
	tcase_add_test(tc, test_stop_and_reset);
	tcase_add_test(tc, test_no_memory);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
