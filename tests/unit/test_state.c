// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the state file: what is written is read back, damage is refused as a whole, a torn end is
 * not damage.
 */
#include "base/kvip_mem.h"
#include "vip/kvip_state.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kvip_nhsets *nhsets;
static char dir[64], path[128];
static char seen[65536]; /* what the reader was told */
static struct kvip_err refused;

static void on_route(void *ctx, const struct kvip_route *r)
{
	char p[KVIP_PREFIX_STRLEN], a[KVIP_ADDR_STRLEN];
	size_t n = strlen(seen);

	(void)ctx;
	n += (size_t)snprintf(seen + n, sizeof(seen) - n, "%s %u %u %u %u %u %s",
			      kvip_prefix_render(&r->id.prefix, p), r->id.vrf_id, r->id.table,
			      r->id.distance, r->tag, r->resolution, r->cluster);
	for (uint32_t i = 0; i < r->nhs->n; i++)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, " %s",
				      kvip_addr_render(&r->nhs->addrs[i], a));
	snprintf(seen + n, sizeof(seen) - n, "\n");
}

static void on_cluster(void *ctx, const char *name, const char *identity, kvip_wall confirmed_s)
{
	size_t n = strlen(seen);

	(void)ctx;
	snprintf(seen + n, sizeof(seen) - n, "%s=%s@%lld\n", name, identity,
		 (long long)confirmed_s);
}

static struct kvip_state *reopen(void)
{
	const struct kvip_state_reader reader = { on_route, on_cluster, NULL, NULL };
	struct kvip_state *s = NULL;
	struct kvip_err err;

	seen[0] = '\0';
	ck_assert_int_eq(kvip_state_open(path, nhsets, &reader, &s, &refused, &err), 0);
	return s;
}

static void setup(void)
{
	nhsets = kvip_nhsets_new();
	strcpy(dir, "/tmp/kubevip-test-state.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state", dir);
}

static void teardown(void)
{
	char aside[160];

	snprintf(aside, sizeof(aside), "%s.damaged", path);
	unlink(aside);
	unlink(path);
	rmdir(dir);
	ck_assert_uint_eq(kvip_nhsets_count(nhsets), 0);
	kvip_nhsets_free(nhsets);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

static struct kvip_route route(unsigned int last, unsigned int n_nhs, uint8_t distance)
{
	struct kvip_route r = { .id.distance = distance, .tag = 77 };
	struct kvip_addr nhs[8];
	char text[64];

	snprintf(text, sizeof(text), "192.168.%u.%u/32", 77 + last / 256, last % 256);
	ck_assert_int_eq(kvip_prefix_parse(text, &r.id.prefix), 0);
	for (unsigned int i = 0; i < n_nhs; i++) {
		snprintf(text, sizeof(text), "fd00:99::%u", 12 + i);
		ck_assert_int_eq(kvip_addr_parse(text, &nhs[i]), 0);
	}
	r.nhs = kvip_nhset_get(nhsets, nhs, n_nhs);
	r.cluster = "lab";
	return r;
}

static void own(struct kvip_state *s, unsigned int last, unsigned int n_nhs, uint8_t distance)
{
	struct kvip_route r = route(last, n_nhs, distance);

	ck_assert_int_eq(kvip_state_own(s, &r), 0);
	kvip_nhset_unref(r.nhs);
}

static void gone(struct kvip_state *s, unsigned int last, uint8_t distance)
{
	struct kvip_route r = route(last, 0, distance);

	ck_assert_int_eq(kvip_state_gone(s, &r.id), 0);
	kvip_nhset_unref(r.nhs);
}

static void commit(struct kvip_state *s)
{
	ck_assert_int_eq(kvip_state_commit(s, NULL), 0);
}

/* A file with one route, 192.168.77.1. */
static void make_file(void)
{
	struct kvip_state *s = reopen();

	own(s, 1, 1, 15);
	commit(s);
	kvip_state_close(s);
}

static off_t file_size(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

START_TEST(what_is_written_is_read_back)
{
	struct kvip_state *s = reopen();

	ck_assert_str_eq(seen, "");
	own(s, 128, 3, 15);
	own(s, 129, 0, 15);
	ck_assert_int_eq(kvip_state_seen(s, "lab", "0b1c-uid", 1790000000), 0);
	commit(s);
	own(s, 128, 1, 15); /* the newest counts */
	gone(s, 129, 15);
	commit(s);
	kvip_state_close(s);
	s = reopen();
	ck_assert_str_eq(
		seen, "lab=0b1c-uid@1790000000\n192.168.77.128/32 0 0 15 77 0 lab fd00:99::12\n");
	ck_assert_str_eq(refused.text, "");
	kvip_state_close(s);
}
END_TEST

/* Thousands of VIPs on the same hundreds of nodes: the nodes are written once. */
START_TEST(next_hops_are_written_once)
{
	struct kvip_state *s = reopen();
	off_t one;

	own(s, 1, 8, 15);
	commit(s);
	one = file_size();
	for (unsigned int i = 2; i < 12; i++)
		own(s, i, 8, 15);
	own(s, 12, 0, 15);
	own(s, 13, 7, 15);
	own(s, 14, 7, 15);
	commit(s);
	ck_assert_int_lt(file_size(), 9 * one);
	kvip_state_close(s);
	kvip_state_close(reopen());
	ck_assert_str_eq(refused.text, "");
	ck_assert_ptr_nonnull(strstr(seen, "192.168.77.11/32 0 0 15 77 0 lab fd00:99::12 "
					   "fd00:99::13 fd00:99::14 fd00:99::15 fd00:99::16 "
					   "fd00:99::17 fd00:99::18 fd00:99::19\n"));
	ck_assert_ptr_nonnull(strstr(seen, "192.168.77.12/32 0 0 15 77 0 lab\n"));
	ck_assert_ptr_nonnull(strstr(seen, "192.168.77.14/32 0 0 15 77 0 lab fd00:99::12 "
					   "fd00:99::13 fd00:99::14 fd00:99::15 fd00:99::16 "
					   "fd00:99::17 fd00:99::18\n"));
}
END_TEST

START_TEST(two_distances_are_two_routes)
{
	struct kvip_state *s = reopen();

	own(s, 128, 1, 15);
	own(s, 128, 1, 12);
	gone(s, 128, 15);
	commit(s);
	kvip_state_close(s);
	kvip_state_close(reopen());
	ck_assert_str_eq(seen, "192.168.77.128/32 0 0 12 77 0 lab fd00:99::12\n");
}
END_TEST

START_TEST(what_is_not_committed_is_not_there)
{
	struct kvip_state *s = reopen();
	off_t before = file_size();

	own(s, 128, 1, 15);
	ck_assert_int_eq(file_size(), before);
	commit(s);
	ck_assert_int_gt(file_size(), before);
	kvip_state_close(s);
}
END_TEST

START_TEST(every_torn_end_leaves_the_lines_before_it)
{
	off_t size;

	make_file();
	size = file_size();
	for (off_t cut = size - 1; cut > 16; cut--) {
		ck_assert_int_eq(truncate(path, cut), 0);
		kvip_state_close(reopen());
		ck_assert_str_eq(seen, "");
		ck_assert_str_eq(refused.text, "");
	}
}
END_TEST

START_TEST(after_a_torn_end_the_file_goes_on_whole)
{
	struct kvip_state *s;

	make_file();
	ck_assert_int_eq(truncate(path, file_size() - 3), 0);
	s = reopen();
	own(s, 2, 1, 15);
	commit(s);
	kvip_state_close(s);
	kvip_state_close(reopen());
	ck_assert_str_eq(seen, "192.168.77.2/32 0 0 15 77 0 lab fd00:99::12\n");
}
END_TEST

START_TEST(any_flipped_bit_refuses_the_whole_file)
{
	make_file();
	for (off_t at = 0; at < file_size() - 1; at++) {
		int fd = open(path, O_RDWR);
		char c, good;

		ck_assert_int_eq(pread(fd, &good, 1, at), 1);
		c = good ^ 1;
		ck_assert_int_eq(pwrite(fd, &c, 1, at), 1);
		close(fd);
		kvip_state_close(reopen());
		ck_assert_str_eq(seen, "");
		ck_assert_str_ne(refused.text, "");
		ck_assert_int_eq(unlink(path), 0);
		make_file();
	}
}
END_TEST

START_TEST(another_version_is_refused)
{
	FILE *f = fopen(path, "w");

	fputs("kubevip-state 2\n", f);
	fclose(f);
	kvip_state_close(reopen());
	ck_assert_str_ne(refused.text, "");
	kvip_state_close(reopen()); /* an empty one was begun */
	ck_assert_str_eq(refused.text, "");
}
END_TEST

START_TEST(a_directory_that_does_not_exist_is_said)
{
	const struct kvip_state_reader reader = { on_route, on_cluster, NULL, NULL };
	struct kvip_state *s;
	struct kvip_err err;

	ck_assert_int_eq(kvip_state_open("/nonexistent/state", nhsets, &reader, &s, &refused, &err),
			 -ENOENT);
	ck_assert_str_ne(err.text, "");
}
END_TEST

START_TEST(a_full_disk_keeps_the_lines_for_later)
{
	struct kvip_state *s = reopen();
	struct kvip_err err;
	int full = open("/dev/full", O_WRONLY), saved, fd;

	/* the descriptor that the state file is open on: the first above ours */
	for (fd = full - 1; fd > 2; fd--) {
		char link[64], to[256];
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, to, sizeof(to) - 1);
		if (n > 0 && (to[n] = '\0', strcmp(to, path) == 0))
			break;
	}
	ck_assert_int_gt(fd, 2);
	saved = dup(fd);
	own(s, 128, 1, 15);
	dup2(full, fd);
	ck_assert_int_ne(kvip_state_commit(s, &err), 0);
	ck_assert_str_ne(err.text, "");
	dup2(saved, fd);
	commit(s);
	kvip_state_close(s);
	close(saved);
	close(full);
	kvip_state_close(reopen());
	ck_assert_str_eq(seen, "192.168.77.128/32 0 0 15 77 0 lab fd00:99::12\n");
}
END_TEST

START_TEST(a_rewrite_keeps_what_is_alive_and_what_comes_meanwhile)
{
	struct kvip_state *s = reopen();
	struct kvip_route r;

	ck_assert_int_eq(kvip_state_seen(s, "lab", "uid", 1790000000), 0);
	for (unsigned int i = 0; i < 6000; i++) {
		own(s, 1, 1, 15);
		own(s, 2, 2, 15);
		gone(s, 3, 15);
		own(s, 4, 8, 15);
		gone(s, 4, 15);
	}
	commit(s);
	ck_assert(kvip_state_compact_wanted(s, 2));
	ck_assert(!kvip_state_compact_wanted(s, 10000));
	ck_assert_int_eq(kvip_state_compact_begin(s), 0);
	r = route(1, 1, 15);
	ck_assert_int_eq(kvip_state_compact_route(s, &r), 0);
	kvip_nhset_unref(r.nhs);
	own(s, 5, 1, 15); /* while it goes on */
	gone(s, 2, 15);
	commit(s);
	ck_assert_int_eq(kvip_state_compact_end(s, NULL), 0);
	ck_assert_int_lt(file_size(), 1000);
	own(s, 6, 1, 15);
	commit(s);
	kvip_state_close(s);
	kvip_state_close(reopen());
	ck_assert_str_eq(seen, "lab=uid@1790000000\n"
			       "192.168.77.1/32 0 0 15 77 0 lab fd00:99::12\n"
			       "192.168.77.5/32 0 0 15 77 0 lab fd00:99::12\n"
			       "192.168.77.6/32 0 0 15 77 0 lab fd00:99::12\n");
}
END_TEST

static void compact_route(struct kvip_state *s, unsigned int last, unsigned int n_nhs)
{
	struct kvip_route r = route(last, n_nhs, 15);

	ck_assert_int_eq(kvip_state_compact_route(s, &r), 0);
	kvip_nhset_unref(r.nhs);
}

/* Lines come between those of the rewrite: "the line before" is another one in each file. */
START_TEST(a_rewrite_and_shared_next_hops)
{
	struct kvip_state *s = reopen();

	own(s, 1, 2, 15);
	commit(s);
	ck_assert_int_eq(kvip_state_compact_begin(s), 0);
	compact_route(s, 1, 2);
	own(s, 2, 2, 15);
	compact_route(s, 3, 2);
	own(s, 4, 1, 15);
	own(s, 5, 1, 15);
	commit(s);
	compact_route(s, 6, 2);
	own(s, 7, 1, 15);
	ck_assert_int_eq(kvip_state_compact_end(s, NULL), 0);
	own(s, 8, 1, 15);
	kvip_state_close(s);
	kvip_state_close(reopen());
	ck_assert_str_eq(refused.text, "");
	ck_assert_str_eq(seen, "192.168.77.1/32 0 0 15 77 0 lab fd00:99::12 fd00:99::13\n"
			       "192.168.77.2/32 0 0 15 77 0 lab fd00:99::12 fd00:99::13\n"
			       "192.168.77.3/32 0 0 15 77 0 lab fd00:99::12 fd00:99::13\n"
			       "192.168.77.4/32 0 0 15 77 0 lab fd00:99::12\n"
			       "192.168.77.5/32 0 0 15 77 0 lab fd00:99::12\n"
			       "192.168.77.6/32 0 0 15 77 0 lab fd00:99::12 fd00:99::13\n"
			       "192.168.77.7/32 0 0 15 77 0 lab fd00:99::12\n"
			       "192.168.77.8/32 0 0 15 77 0 lab fd00:99::12\n");
}
END_TEST

/* A rewrite that cannot make the file smaller is not begun again at once, for ever. */
START_TEST(what_has_just_been_rewritten_is_not_wanted_again)
{
	const unsigned int lines = 12000;
	struct kvip_state *s = reopen();

	for (unsigned int i = 0; i < lines; i++)
		own(s, i, 1 + i % 8, 15);
	commit(s);
	ck_assert(kvip_state_compact_wanted(s, 100));
	ck_assert_int_eq(kvip_state_compact_begin(s), 0);
	for (unsigned int i = 0; i < lines; i++)
		compact_route(s, i, 1 + i % 8);
	ck_assert_int_eq(kvip_state_compact_end(s, NULL), 0);
	ck_assert(!kvip_state_compact_wanted(s, 100));
	for (unsigned int i = 0; i < lines + 100; i++)
		own(s, i % lines, 1 + i % 8, 15);
	commit(s);
	ck_assert(kvip_state_compact_wanted(s, 100));
	kvip_state_close(s);
}
END_TEST

START_TEST(an_unfinished_rewrite_changes_nothing)
{
	struct kvip_state *s;

	make_file();
	s = reopen();
	ck_assert_int_eq(kvip_state_compact_begin(s), 0);
	kvip_state_close(s); /* killed: the new file is not in place */
	kvip_state_close(reopen());
	ck_assert_str_eq(seen, "192.168.77.1/32 0 0 15 77 0 lab fd00:99::12\n");
}
END_TEST

START_TEST(memory_may_run_out_anywhere)
{
	const struct kvip_state_reader reader = { on_route, on_cluster, NULL, NULL };

	make_file();
	for (int nth = 1; nth < 30; nth++) {
		struct kvip_state *s = NULL;
		struct kvip_err err;
		int rc;

		kvip_mem_fail_at(nth);
		rc = kvip_state_open(path, nhsets, &reader, &s, &refused, &err);
		kvip_mem_fail_at(0);
		if (!rc)
			kvip_state_close(s);
		ck_assert_str_eq(refused.text, ""); /* no memory is no damage */
	}
	kvip_state_close(reopen());
	ck_assert_str_eq(seen, "192.168.77.1/32 0 0 15 77 0 lab fd00:99::12\n");
}
END_TEST

static struct kvip_state_opening *begin_to_open(void)
{
	static const struct kvip_state_reader reader = { .route = on_route,
							 .cluster = on_cluster,
							 .ctx = NULL };
	struct kvip_state_opening *o = kvip_state_open_begin(path, nhsets, &reader);

	ck_assert_ptr_nonnull(o);
	seen[0] = '\0';
	return o;
}

/* @n routes, and as many lines again about others that have gone. */
static void make_long_file(unsigned int n)
{
	struct kvip_state *s = reopen();

	for (unsigned int i = 0; i < n; i++) {
		own(s, i, 2, 15);
		own(s, i, 1, 16);
		gone(s, i, 16);
	}
	commit(s);
	kvip_state_close(s);
}

START_TEST(a_file_is_opened_in_slices)
{
	char at_once[sizeof(seen)];
	struct kvip_state_opening *o;
	struct kvip_state *s;
	struct kvip_err err;
	unsigned int slices = 0, untold = 0;
	int rc;

	make_long_file(300);
	kvip_state_close(reopen());
	strcpy(at_once, seen);
	o = begin_to_open();
	do {
		size_t before = strlen(seen);

		rc = kvip_state_open_some(o, 10, &s, &refused, &err);
		ck_assert_int_ge(rc, 0);
		ck_assert_uint_le(strlen(seen) - before, 10 * 64);
		untold += seen[0] == '\0';
		slices++;
	} while (rc);
	kvip_state_open_cancel(o);
	ck_assert_str_eq(seen, at_once);
	ck_assert_uint_ge(untold, 90); /* nothing is told before all has been read */
	ck_assert_uint_ge(slices, 120);
	own(s, 1000, 1, 15); /* and it goes on */
	commit(s);
	kvip_state_close(s);
	kvip_state_close(reopen());
	ck_assert_uint_eq(strlen(seen),
			  strlen(at_once) +
				  strlen("192.168.80.232/32 0 0 15 77 0 lab fd00:99::12\n"));
}
END_TEST

START_TEST(an_opening_can_be_given_up_at_any_slice)
{
	struct kvip_state_opening *o;
	struct kvip_state *s = NULL;
	struct kvip_err err;
	off_t size;

	make_long_file(20);
	size = file_size();
	for (unsigned int slices = 0; slices < 14; slices++) {
		o = begin_to_open();
		for (unsigned int i = 0; i < slices; i++)
			ck_assert_int_eq(kvip_state_open_some(o, 6, &s, &refused, &err), 1);
		kvip_state_open_cancel(o);
		ck_assert_int_eq(file_size(), size);
	}
	kvip_state_open_cancel(NULL);
}
END_TEST

START_TEST(a_damaged_end_tells_no_route_of_the_beginning)
{
	struct kvip_state_opening *o;
	struct kvip_state *s = NULL;
	struct kvip_err err;
	int fd, rc;

	make_long_file(300);
	fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "X", 1, file_size() - 20), 1);
	close(fd);
	o = begin_to_open();
	while ((rc = kvip_state_open_some(o, 10, &s, &refused, &err)) > 0)
		;
	ck_assert_int_eq(rc, 0);
	kvip_state_open_cancel(o);
	ck_assert_str_eq(seen, "");
	ck_assert_ptr_nonnull(strstr(refused.text, "line 901 is damaged"));
	kvip_state_close(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("state");
	TCase *t = tcase_create("state");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_written_is_read_back);
	tcase_add_test(t, next_hops_are_written_once);
	tcase_add_test(t, two_distances_are_two_routes);
	tcase_add_test(t, what_is_not_committed_is_not_there);
	tcase_add_test(t, every_torn_end_leaves_the_lines_before_it);
	tcase_add_test(t, after_a_torn_end_the_file_goes_on_whole);
	tcase_add_test(t, any_flipped_bit_refuses_the_whole_file);
	tcase_add_test(t, another_version_is_refused);
	tcase_add_test(t, a_directory_that_does_not_exist_is_said);
	tcase_add_test(t, a_full_disk_keeps_the_lines_for_later);
	tcase_add_test(t, a_rewrite_keeps_what_is_alive_and_what_comes_meanwhile);
	tcase_add_test(t, a_rewrite_and_shared_next_hops);
	tcase_add_test(t, what_has_just_been_rewritten_is_not_wanted_again);
	tcase_add_test(t, an_unfinished_rewrite_changes_nothing);
	tcase_add_test(t, memory_may_run_out_anywhere);
	tcase_add_test(t, a_file_is_opened_in_slices);
	tcase_add_test(t, an_opening_can_be_given_up_at_any_slice);
	tcase_add_test(t, a_damaged_end_tells_no_route_of_the_beginning);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
