// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: unit tests of the list+watch machine that a replay script cannot say: spread of its timers,
 * long runs, sizes, log lines. Its behaviour is in tests/replay.
 */
#include "kube/kvip_rv.h"
#include "kube/kvip_watch.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int begun, ended, aborted, puts_seen;

static void on_begin(void *ctx, enum kvip_kind kind)
{
	(void)ctx;
	(void)kind;
	begun++;
}

static int on_put(void *ctx, struct kvip_obj *obj)
{
	(void)ctx;
	puts_seen++;
	kvip_obj_free(obj);
	return 0;
}

static void on_del(void *ctx, enum kvip_kind kind, const char *ns, const char *name,
		   const char *uid)
{
	(void)ctx;
	(void)kind;
	(void)ns;
	(void)name;
	(void)uid;
}

static void on_end(void *ctx, enum kvip_kind kind)
{
	(void)ctx;
	(void)kind;
	ended++;
}

static void on_abort(void *ctx, enum kvip_kind kind)
{
	(void)ctx;
	(void)kind;
	aborted++;
}

static const struct kvip_feed feed = {
	.refresh_begin = on_begin,
	.put = on_put,
	.del = on_del,
	.refresh_end = on_end,
	.refresh_abort = on_abort,
	.absent = on_abort,
};

static struct kvip_watch *make(uint64_t seed, const struct kvip_log *log)
{
	struct kvip_watch *w = NULL;

	begun = ended = aborted = puts_seen = 0;
	ck_assert_int_eq(kvip_watch_new(KVIP_KIND_SERVICE, &feed, NULL, "c", log, seed, 0, &w), 0);
	return w;
}

static int send_text(struct kvip_watch *w, const char *text, kvip_msec now)
{
	return kvip_watch_bytes(w, text, strlen(text), now);
}

/* To a watch at RV 5. */
static void sync_up(struct kvip_watch *w, kvip_msec now)
{
	struct kvip_watch_request req;

	ck_assert_int_eq(kvip_watch_poll(w, now, &req), KVIP_WANT_REQUEST);
	kvip_watch_response(w, 200, "application/json", -1, now);
	ck_assert_int_eq(
		send_text(
			w,
			"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"5\","
			"\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}",
			now),
		0);
	ck_assert_int_eq(ended, 1);
}

START_TEST(test_rv)
{
	static const struct {
		const char *a, *b;
		bool older;
	} rows[] = {
		{ "1", "2", true },
		{ "2", "1", false },
		{ "9", "10", true },
		{ "10", "9", false },
		{ "7", "7", false },
		{ "", "1", false },
		{ "1", "", false },
		{ "0", "1", false },
		{ "01", "2", false },
		{ "a", "b", false },
		{ "1a", "2", false },
		{ "99999999999999999999999998", "99999999999999999999999999", true },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_int_eq(kvip_rv_older(rows[i].a, rows[i].b), rows[i].older);
	ck_assert(kvip_rv_live("1") && kvip_rv_live("abc"));
	ck_assert(!kvip_rv_live("") && !kvip_rv_live("0"));
}
END_TEST

/* timeoutSeconds is in [300,600], differs between machines, and is the same for the same seed. */
START_TEST(test_timeouts)
{
	struct kvip_watch_request req;
	int seed, seen_low = 0, seen_high = 0;

	for (seed = 0; seed < 200; seed++) {
		struct kvip_watch *w = make((uint64_t)seed, NULL);
		int timeout_s;

		ck_assert_int_eq(kvip_watch_poll(w, 0, &req), KVIP_WANT_REQUEST);
		timeout_s = atoi(strstr(req.target, "timeoutSeconds=") + 15);
		ck_assert_int_ge(timeout_s, 300);
		ck_assert_int_le(timeout_s, 600);
		seen_low += timeout_s < 360;
		seen_high += timeout_s > 540;
		kvip_watch_free(w);
	}
	ck_assert_int_gt(seen_low, 10);
	ck_assert_int_gt(seen_high, 10);
}
END_TEST

/* An hour of a server that refuses connections: some 80 tries, not thousands. */
START_TEST(test_backoff_rate)
{
	struct kvip_watch *w = make(1, NULL);
	struct kvip_watch_request req;
	struct kvip_watch_status st;
	kvip_msec now = 0;
	int tries = 0;

	while (now < 3600000) {
		if (kvip_watch_poll(w, now, &req) == KVIP_WANT_REQUEST) {
			tries++;
			kvip_watch_done(w, KVIP_END_CONNECT, "refused", now);
			continue;
		}
		ck_assert_int_gt(req.deadline_ms, now);
		now = req.deadline_ms;
	}
	ck_assert_int_gt(tries, 60);
	ck_assert_int_lt(tries, 140);
	kvip_watch_get_status(w, &st);
	ck_assert_uint_eq(st.errors, (uint64_t)tries);
	ck_assert_int_eq(begun, 0);
	kvip_watch_free(w);
}
END_TEST

/* Whatever a server answers at once and for ever, the number of requests a minute is bounded. */
static const struct {
	int status;
	const char *type, *body;
} hostile[] = {
	{ 200, "application/json", "" },
	{ 200, "text/html", "<html>" },
	{ 200, "application/json", "{}" },
	{ 200, "application/json", "{\"type\":\"ERROR\",\"object\":{\"code\":410}}" },
	{ 200, "application/json",
	  "{\"type\":\"ERROR\",\"object\":{\"code\":504,\"message\":"
	  "\"Too large resource version\"}}" },
	{ 200, "application/json",
	  "{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}" },
	{ 200, "application/json",
	  "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"5\","
	  "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}" },
	{ 200, "application/json",
	  "{\"kind\":\"ServiceList\",\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"x\"},"
	  "\"items\":[]}" },
	{ 400, "application/json", "" },
	{ 401, "application/json", "" },
	{ 403, "application/json", "{\"reason\":\"Invalid\"}" },
	{ 404, "text/plain", "" },
	{ 410, "application/json", "{\"metadata\":{\"continue\":\"y\"}}" },
	{ 422, "application/json", "" },
	{ 429, "application/json", "" },
	{ 500, "application/json", "" },
	{ 504, "application/json", "{\"message\":\"Too large resource version\"}" },
	{ 302, "text/html", "" },
	{ 204, NULL, "" },
};

START_TEST(test_never_busy)
{
	struct kvip_watch *w = make(3, NULL);
	struct kvip_watch_request req;
	enum kvip_watch_want want;
	kvip_msec now = 0;
	int requests = 0;

	while (now < 600000) {
		want = kvip_watch_poll(w, now, &req);
		if (want == KVIP_WANT_NOTHING) {
			ck_assert_int_gt(req.deadline_ms, now);
			now = req.deadline_ms;
		}
		if (want != KVIP_WANT_REQUEST)
			continue;
		requests++;
		ck_assert_int_lt(requests, 100);
		kvip_watch_response(w, hostile[_i].status, hostile[_i].type, -1, now);
		if (!send_text(w, hostile[_i].body, now))
			kvip_watch_done(w, KVIP_END_CLEAN, NULL, now);
	}
	ck_assert_int_gt(requests, 5);
	kvip_watch_free(w);
}
END_TEST

/* A paged list whose tokens never repeat and never end. */
START_TEST(test_endless_pages)
{
	struct kvip_watch *w = make(1, NULL);
	struct kvip_watch_request req;
	kvip_msec now = 0;
	int pages = 0;
	char text[256];

	ck_assert_int_eq(kvip_watch_poll(w, now, &req), KVIP_WANT_REQUEST);
	kvip_watch_response(w, 422, NULL, -1, now);
	kvip_watch_done(w, KVIP_END_CLEAN, NULL, now);
	while (kvip_watch_poll(w, now, &req) == KVIP_WANT_REQUEST) {
		kvip_watch_response(w, 200, NULL, -1, now);
		snprintf(
			text, sizeof(text),
			"{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"t%d\"},\"items\":[]}",
			pages++);
		ck_assert_int_le(pages, 20001);
		if (!send_text(w, text, now))
			kvip_watch_done(w, KVIP_END_CLEAN, NULL, now);
	}
	ck_assert_int_eq(aborted, 1);
	ck_assert_int_eq(ended, 0);
	kvip_watch_free(w);
}
END_TEST

struct lines {
	int warnings, infos, debugs;
	char last[512];
};

static void write_line(void *ctx, enum kvip_log_level level, const char *line)
{
	struct lines *lines = ctx;

	lines->warnings += level == KVIP_LOG_WARN;
	lines->infos += level == KVIP_LOG_INFO;
	lines->debugs += level == KVIP_LOG_DEBUG;
	snprintf(lines->last, sizeof(lines->last), "%s", line);
}

/* The same error is said once; each transition is one debug line; the server's text is made
 * harmless. */
START_TEST(test_log)
{
	struct lines lines = { .warnings = 0 };
	struct kvip_log log = { .write = write_line, .ctx = &lines };
	struct kvip_watch *w = make(1, &log);
	struct kvip_watch_request req;
	struct kvip_watch_status st;
	kvip_msec now = 0;
	int i;

	log.debug_mask = 1u << KVIP_DEBUG_API;
	for (i = 0; i < 3; i++, now += 100000) {
		ck_assert_int_eq(kvip_watch_poll(w, now, &req), KVIP_WANT_REQUEST);
		kvip_watch_response(w, 403, "application/json", -1, now);
		send_text(w, "{\"reason\":\"Forbidden\",\"message\":\"no\\n\\u001b[31mred\"}", now);
		kvip_watch_done(w, KVIP_END_CLEAN, NULL, now);
	}
	ck_assert_int_eq(lines.warnings, 1);
	ck_assert_int_eq(lines.debugs, 5); /* three refusals, two ends of a wait */
	kvip_watch_get_status(w, &st);
	ck_assert_ptr_nonnull(strstr(st.last_error, "no??[31mred"));
	now += 100000;
	ck_assert_int_eq(kvip_watch_poll(w, now, &req), KVIP_WANT_REQUEST);
	kvip_watch_response(w, 200, "text/\033[31mred", -1, now);
	kvip_watch_get_status(w, &st);
	ck_assert_ptr_nonnull(strstr(st.last_error, "text/?[31mred"));
	now += 100000;
	ck_assert_int_eq(kvip_watch_poll(w, now, &req), KVIP_WANT_ABORT);
	sync_up(w, now);
	ck_assert_int_eq(lines.infos, 1);
	kvip_watch_get_status(w, &st);
	ck_assert_str_eq(st.last_error, "");
	kvip_watch_free(w);
}
END_TEST

/* What an error says is in its beginning: its end is not waited for. */
START_TEST(test_endless_error)
{
	struct kvip_watch *w = make(1, NULL);
	struct kvip_watch_request req;
	struct kvip_watch_status st;
	char piece[1000];
	int n = 0;

	memset(piece, 'e', sizeof(piece));
	ck_assert_int_eq(kvip_watch_poll(w, 0, &req), KVIP_WANT_REQUEST);
	kvip_watch_response(w, 503, "text/plain", -1, 0);
	while (n < 100 && kvip_watch_bytes(w, piece, sizeof(piece), 0) == 0)
		n++;
	ck_assert_int_lt(n, 100);
	kvip_watch_get_status(w, &st);
	ck_assert_int_eq(st.state, KVIP_WATCH_BACKOFF);
	ck_assert_uint_eq(st.http_status, 503);
	kvip_watch_free(w);
}
END_TEST

START_TEST(test_late_calls)
{
	struct kvip_watch *w = make(1, NULL);
	struct kvip_watch_request req;

	/* nothing is in flight: reports are nobody's */
	kvip_watch_response(w, 200, NULL, -1, 0);
	ck_assert_int_eq(send_text(w, "{}", 0), -ECANCELED);
	kvip_watch_done(w, KVIP_END_CLEAN, NULL, 0);
	sync_up(w, 0);
	kvip_watch_relist(w, 1);
	/* the owner still has to drop it */
	ck_assert_int_eq(send_text(w, "{}", 1), -ECANCELED);
	kvip_watch_done(w, KVIP_END_BROKEN, NULL, 1);
	ck_assert_int_eq(kvip_watch_poll(w, 1, &req), KVIP_WANT_ABORT);
	ck_assert_int_eq(kvip_watch_poll(w, 1, &req), KVIP_WANT_REQUEST);
	kvip_watch_free(w);
	kvip_watch_free(NULL);
	ck_assert_int_eq(aborted, 0);
}
END_TEST

START_TEST(test_big_event)
{
	size_t size = 5u << 20;
	char *text = malloc(size + 256);
	struct kvip_watch *w = make(1, NULL);
	int head;

	ck_assert_ptr_nonnull(text);
	sync_up(w, 0);
	head = sprintf(
		text,
		"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"annotations\":{\"x\":\"");
	memset(text + head, 'x', size);
	strcpy(text + head + size, "\"}}}}");
	ck_assert_int_eq(send_text(w, text, 0), 0);
	ck_assert_int_eq(puts_seen, 1);
	/* over the limit: the stream is dropped, what is known stays */
	ck_assert_int_eq(kvip_watch_bytes(w, text, (size_t)head + size, 0), 0);
	memset(text, 'x', size);
	ck_assert_int_eq(kvip_watch_bytes(w, text, size, 0), -EMSGSIZE);
	ck_assert_int_eq(aborted, 0);
	kvip_watch_free(w);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_rv);
	tcase_add_test(tc, test_timeouts);
	tcase_add_test(tc, test_backoff_rate);
	tcase_add_loop_test(tc, test_never_busy, 0, (int)(sizeof(hostile) / sizeof(hostile[0])));
	tcase_add_test(tc, test_endless_pages);
	tcase_add_test(tc, test_log);
	tcase_add_test(tc, test_endless_error);
	tcase_add_test(tc, test_late_calls);
	tcase_add_test(tc, test_big_event);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
