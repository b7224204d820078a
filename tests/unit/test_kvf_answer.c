// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: answers in slices, to a vty that the test plays: short, long, failing, to a slow reader, to
 * one that leaves, several on one connection.
 */
#include <zebra.h>

#include "frr/kvf_answer.h"
#include "vip/kvip_show_priv.h"

#include "buffer.h"
#include "command.h"
#include "memory.h"
#include "vty.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#define LIMIT_TURNS 200000

static struct kvf_event_loop *loop;
static struct vty *vty;
static int reader = -1;
static int depth;

static void enter(void)
{
	depth++;
}

static void leave(const char *what)
{
	ck_assert_ptr_nonnull(what);
	depth--;
}

/* A page of @lines lines, each of which takes some time; it fails behind them if it is to. */
struct page {
	struct kvip_show_job;
	unsigned int lines, shown;
	int rc;
};

static unsigned int pages;

static void burn(unsigned int us)
{
	struct timespec began, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while ((now.tv_sec - began.tv_sec) * 1000000 + (now.tv_nsec - began.tv_nsec) / 1000 < us);
}

static bool walk(struct kvip_show_job *j, unsigned int max)
{
	struct page *p = (struct page *)j;

	for (; max && p->shown < p->lines; max--, p->shown++)
		kvip_buf_printf(p->out, "%099u\n", p->shown);
	burn(200);
	return p->shown < p->lines;
}

static int finish(struct kvip_show_job *j)
{
	return ((struct page *)j)->rc;
}

static void done(struct kvip_show_job *j)
{
	(void)j;
	pages--;
}

static const struct kvip_show_ops ops = {
	.bytes = sizeof(struct page),
	.walk = walk,
	.close = finish,
	.done = done,
};

static int give(unsigned int lines, int rc)
{
	static const struct kvip_show_ctx s;
	struct kvf_answer *a = kvf_answer_new();
	struct page *p = (struct page *)kvip_show_job_new(&ops, &s, false, kvf_answer_out(a));

	p->lines = lines;
	p->rc = rc;
	pages++;
	return kvf_answer_give(a, vty, (struct kvip_show_job *)p);
}

/* libfrr would free a vty, but only one that came over its own listening socket: they are kept here. */
static struct {
	struct vty *vty;
	struct buffer *lines, *out;
	char *line;
} kept[64];
static size_t n_kept;

static void keep(void)
{
	ck_assert_uint_lt(n_kept, array_size(kept));
	kept[n_kept].vty = vty;
	kept[n_kept].lines = vty->lbuf;
	kept[n_kept].out = vty->obuf;
	kept[n_kept++].line = vty->buf;
}

static void setup(void)
{
	int pair[2];

	signal(SIGPIPE, SIG_IGN);
	loop = thread_master_create("test");
	kvf_answer_init(&(struct kvf_answer_options){ loop, enter, leave });
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	reader = pair[0];
	vty = vty_new();
	keep();
	vty->type = VTY_SHELL_SERV;
	vty->fd = vty->wfd = pair[1];
}

static void teardown(void)
{
	kvf_answer_stop();
	ck_assert_uint_eq(pages, 0);
	ck_assert_int_eq(depth, 0);
	ck_assert_int_eq(kvip_mem_live(), 0);
	if (reader >= 0)
		close(reader);
}

static void wake(struct kvf_event *t)
{
	(void)t;
}

static void turn(void)
{
	struct kvf_event *t_wake = NULL;
	struct thread fetched;

	thread_add_timer_msec(loop, wake, NULL, 2, &t_wake);
	ck_assert_ptr_nonnull(thread_fetch(loop, &fetched));
	thread_call(&fetched);
	thread_cancel(&t_wake);
}

static char got[8 << 20], unread[8 << 20]; /* an answer; what came, it too */
static size_t n_got, n_unread;

/* Is an answer whole? Then it is moved to got. */
static bool has_answer(void)
{
	const char *end = memmem(unread, n_unread, "\0\0", 3);

	if (!end || (size_t)(end + 4 - unread) > n_unread)
		return false;
	n_got = (size_t)(end + 4 - unread);
	memcpy(got, unread, n_got);
	n_unread -= n_got;
	memmove(unread, unread + n_got, n_unread);
	return true;
}

/* The next answer, its result included; read at most @most bytes at a time. Return: its status. */
static int read_answer(size_t most)
{
	for (int i = 0; i < LIMIT_TURNS; i++) {
		ssize_t n;

		if (has_answer())
			return (unsigned char)got[n_got - 1];
		turn();
		n = read(reader, unread + n_unread, most);
		if (n > 0)
			n_unread += (size_t)n;
	}
	ck_abort_msg("no end after %zu bytes", n_unread);
	return -1;
}

static void expect_lines(unsigned int lines)
{
	ck_assert_uint_ge(n_got, lines * 100u);
	for (unsigned int i = 0; i < lines; i++)
		ck_assert_uint_eq(strtoul(got + i * 100u, NULL, 10), i);
}

static char *printed(void)
{
	return buffer_getstr(vty->obuf);
}

START_TEST(a_short_answer_is_printed)
{
	char *text;

	ck_assert_int_eq(give(3, 0), CMD_SUCCESS);
	text = printed();
	ck_assert_uint_eq(strlen(text), 300);
	XFREE(MTYPE_TMP, text);
}
END_TEST

START_TEST(a_short_refusal_is_printed)
{
	char *text;

	ck_assert_int_eq(give(3, -ENOMEM), CMD_WARNING);
	text = printed();
	ck_assert_str_eq(text, "% Cannot allocate memory\n");
	XFREE(MTYPE_TMP, text);
}
END_TEST

START_TEST(a_long_answer_comes_in_slices)
{
	ck_assert_int_eq(give(2000, 0), CMD_SUSPEND);
	ck_assert(buffer_flush_available(vty->obuf, vty->wfd) == BUFFER_EMPTY);
	ck_assert_int_eq(read_answer(65536), CMD_SUCCESS);
	expect_lines(2000);
	ck_assert_uint_eq(n_got, 2000 * 100 + 4);
}
END_TEST

START_TEST(a_slow_reader_gets_all_of_it_and_no_more_is_made_than_it_takes)
{
	ck_assert_int_eq(give(40000, 0), CMD_SUSPEND);
	for (int i = 0; i < 4000; i++)
		turn();
	ck_assert_uint_eq(pages, 1); /* 4 MB: it cannot be made whole */
	ck_assert_int_eq(read_answer(5000), CMD_SUCCESS);
	expect_lines(40000);
}
END_TEST

START_TEST(an_answer_that_breaks_off_says_so)
{
	ck_assert_int_eq(give(2000, -ENOMEM), CMD_SUSPEND);
	ck_assert_int_eq(read_answer(65536), CMD_WARNING);
	expect_lines(2000);
	ck_assert_str_eq(got + 2000 * 100, "\n% Cannot allocate memory\n");
}
END_TEST

/* The reader is told, even when there is no memory to say why. */
START_TEST(memory_may_run_out_at_any_moment)
{
	for (int nth = 1; nth < 60; nth++) {
		int rc;

		ck_assert_int_eq(give(2000, 0), CMD_SUSPEND);
		kvip_mem_fail_at(nth);
		rc = read_answer(65536);
		ck_assert(rc == CMD_WARNING || !kvip_mem_failed());
		kvip_mem_fail_at(0);
	}
}
END_TEST

START_TEST(a_reader_that_leaves_is_noticed)
{
	for (int turns = 0; turns < 200; turns += 20) {
		ck_assert_int_eq(give(40000, 0), CMD_SUSPEND);
		for (int i = 0; i < turns; i++)
			turn();
		close(reader);
		reader = -1;
		for (int i = 0; i < LIMIT_TURNS && pages; i++)
			turn();
		ck_assert_uint_eq(pages, 0);
		close(vty->wfd);
		setup();
	}
}
END_TEST

/* libfrr closes the vty when its reader has gone: the answer keeps nothing of it. */
START_TEST(the_vty_may_go_first)
{
	ck_assert_int_eq(give(2000, 0), CMD_SUSPEND);
	close(vty->wfd);
	memset(vty, 0xdb, sizeof(*vty));
	ck_assert_int_eq(read_answer(65536), CMD_SUCCESS);
	expect_lines(2000);
}
END_TEST

START_TEST(answers_of_one_connection_keep_their_order)
{
	ck_assert_int_eq(give(2000, 0), CMD_SUSPEND);
	ck_assert_int_eq(give(3, 0), CMD_SUSPEND); /* it must not overtake */
	ck_assert_int_eq(give(1000, -EMSGSIZE), CMD_SUSPEND);
	ck_assert_int_eq(read_answer(100), CMD_SUCCESS);
	ck_assert_uint_eq(n_got, 2000 * 100 + 4);
	ck_assert_int_eq(read_answer(100), CMD_SUCCESS);
	ck_assert_uint_eq(n_got, 3 * 100 + 4);
	ck_assert_int_eq(read_answer(100), CMD_WARNING);
	expect_lines(1000);
	ck_assert_int_eq(give(3, 0), CMD_SUCCESS);
}
END_TEST

START_TEST(what_cannot_be_suspended_is_printed_whole)
{
	char *text;

	if (_i == 0)
		vty->type = VTY_FILE;
	if (_i == 1) { /* something of an earlier command is still to be written */
		while (write(vty->wfd, got, 65536) > 0)
			;
		buffer_put(vty->obuf, "x", 1);
	}
	ck_assert_int_eq(give(2000, 0), CMD_SUCCESS);
	text = printed();
	ck_assert_uint_eq(strlen(text), 2000 * 100 + _i);
	XFREE(MTYPE_TMP, text);
}
END_TEST

START_TEST(an_end_of_the_process_ends_them)
{
	ck_assert_int_eq(give(40000, 0), CMD_SUSPEND);
	ck_assert_int_eq(give(40000, 0), CMD_SUSPEND);
	turn();
	kvf_answer_stop();
	ck_assert_uint_eq(pages, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_answer");
	TCase *t = tcase_create("kvf_answer");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_short_answer_is_printed);
	tcase_add_test(t, a_short_refusal_is_printed);
	tcase_add_test(t, a_long_answer_comes_in_slices);
	tcase_add_test(t, a_slow_reader_gets_all_of_it_and_no_more_is_made_than_it_takes);
	tcase_add_test(t, an_answer_that_breaks_off_says_so);
	tcase_add_test(t, memory_may_run_out_at_any_moment);
	tcase_add_test(t, a_reader_that_leaves_is_noticed);
	tcase_add_test(t, the_vty_may_go_first);
	tcase_add_test(t, answers_of_one_connection_keep_their_order);
	tcase_add_loop_test(t, what_cannot_be_suspended_is_printed_whole, 0, 2);
	tcase_add_test(t, an_end_of_the_process_ends_them);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
