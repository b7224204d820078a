// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the worker thread in a system that has no thread to give (a limit of a cgroup or user): who
 * asked for it goes on, and asks again.
 */
#include <zebra.h>

#include "frr/kvf_worker.h"

#include "frr_pthread.h"
#include "frrcu.h"
#include "libfrr.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>

static bool refuse;

/* libfrr calls this one. */
__attribute__((visibility("default"))) int pthread_create(pthread_t *thread,
							  const pthread_attr_t *attr,
							  void *(*start)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
		    void *) = dlsym(RTLD_NEXT, "pthread_create");

	return refuse ? EAGAIN : real(thread, attr, start, arg);
}

START_TEST(without_a_thread_the_loop_goes_on)
{
	struct kvip_engine_deps deps = { .nhsets = kvip_nhsets_new(),
					 .mailbox = kvip_mailbox_new(NULL, NULL),
					 .http = kvip_http_new("test", NULL) };
	struct kvip_engine *engine = kvip_engine_new(&deps);
	struct rcu_thread *aside;

	ck_assert_ptr_nonnull(engine);
	frr_is_after_fork = true;
	frr_pthread_init();
	aside = rcu_thread_prepare(); /* starts libfrr's own thread */
	refuse = true;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(kvf_worker_start(engine, deps.http), -EAGAIN);
	kvf_worker_wake();
	kvf_worker_stop();
	refuse = false;
	ck_assert_int_eq(kvf_worker_start(engine, deps.http), 0);
	ck_assert_int_eq(kvf_worker_start(engine, deps.http), 0);
	kvf_worker_wake();
	kvf_worker_stop();
	rcu_thread_unprepare(aside);
	rcu_shutdown(); /* ends only if nobody is left behind */
	kvip_engine_free(engine);
	kvip_http_free(deps.http);
	kvip_mailbox_free(deps.mailbox);
	kvip_nhsets_free(deps.nhsets);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_worker");
	TCase *t = tcase_create("worker");
	SRunner *r;
	int failed;

	tcase_add_test(t, without_a_thread_the_loop_goes_on);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
