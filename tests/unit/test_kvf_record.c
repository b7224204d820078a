// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what a shell records of clusters, and what it says of the file, with the clock and the
 * directory that the test gives it.
 */
#include "engine_helper.h"

#include "frr/kvf_lock.h"
#include "frr/kvf_record.h"
#include "vip/kvip_state.h"

#include <unistd.h>

#define YEAR_S 31536000

static struct eh *h;
static struct kvip_recon *recon;
static struct kvip_conf *conf;
static char dir[] = "/tmp/kubevip-record-XXXXXX", lock_path[64], path[64];
static kvip_wall recorded_s;

static void open_record(const char *at)
{
	kvf_record_open(at, recon, h->nhsets, NULL);
	while (kvf_record_open_some(recon))
		;
}

static void close_record(void)
{
	kvip_recon_set_state(recon, NULL);
	kvf_record_close();
}

static void setup(void)
{
	char holder[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state", dir);
	snprintf(lock_path, sizeof(lock_path), "%s/lock", dir);
	kvf_lock_init(lock_path);
	ck_assert(kvf_lock_try("test", true, holder, sizeof(holder)));
	h = eh_new();
	recon = kvip_recon_new(&(struct kvip_recon_deps){ .nhsets = h->nhsets });
	conf = eh_parse("cluster lab vip-range 192.168.77.0/24\n");
	eh_conf(h, "cluster lab vip-range 192.168.77.0/24\n");
}

static void teardown(void)
{
	close_record();
	kvip_conf_unref(conf);
	kvip_recon_free(recon);
	eh_free(h);
	kvf_lock_release();
	unlink(path);
	unlink(lock_path);
	rmdir(dir);
}

static void on_route(void *ctx, const struct kvip_route *r)
{
	(void)ctx;
	(void)r;
}

static void on_cluster(void *ctx, const char *name, const char *identity, kvip_wall confirmed_s)
{
	(void)ctx;
	ck_assert_str_eq(name, "lab");
	ck_assert_str_eq(identity, "uid");
	recorded_s = confirmed_s;
}

/* What a restart would read. */
static kvip_wall recorded(void)
{
	const struct kvip_state_reader reader = { on_route, on_cluster, NULL, NULL };
	struct kvip_err refused, err;
	struct kvip_state *s;

	recorded_s = 0;
	ck_assert_int_eq(kvip_state_open(path, h->nhsets, &reader, &s, &refused, &err), 0);
	ck_assert_str_eq(refused.text, "");
	kvip_state_close(s);
	return recorded_s;
}

/* The API is heard at @wall. */
static void heard(kvip_wall wall)
{
	h->wall = wall;
	eh_pass(h, 0);
	eh_synced(h, "lab");
	kvf_record_keep(h->engine, conf);
}

START_TEST(a_clock_that_is_set_back_is_followed)
{
	kvip_wall now = h->wall;

	open_record(path);
	eh_identity(h, "lab", "uid");
	heard(now + YEAR_S);
	heard(now + YEAR_S);
	ck_assert_int_eq(recorded(), now + YEAR_S);
	heard(now);
	ck_assert_int_eq(recorded(), now);
	heard(now + 59); /* once a minute is enough */
	ck_assert_int_eq(recorded(), now);
	heard(now + 60);
	ck_assert_int_eq(recorded(), now + 60);
}
END_TEST

START_TEST(trouble_with_the_file_is_said_as_long_as_it_lasts)
{
	open_record("/nowhere/at/all");
	ck_assert_ptr_nonnull(kvf_record_note());
	close_record();
	open_record(path);
	ck_assert_ptr_null(kvf_record_note());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_record");
	TCase *t = tcase_create("record");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_clock_that_is_set_back_is_followed);
	tcase_add_test(t, trouble_with_the_file_is_said_as_long_as_it_lasts);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
