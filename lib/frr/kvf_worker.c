// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the worker thread.
 *
 * A thread of ours must be an frr_pthread: zlog from any other thread crashes the daemon in its
 * RCU. A custom start function begins with RCU locked and has to let go of it, or RCU never frees
 * anything (FRR, bgpd/bgp_keepalives.c). Signals are blocked by frr_pthread_run().
 *
 * Sources: FRR 8.4.4, lib/frr_pthread.c (frr_pthread_run, frr_pthread_wait_running), lib/frrcu.c.
 */
#include "frr/kvf_worker.h"
#include "frr/kvf_clock.h"
#include "frr/kvf_compat.h"

#include "frr_pthread.h"
#include "frrcu.h"

#include <errno.h>
#include <stdatomic.h>

#define LONGEST_WAIT_MS 1000

static struct {
	struct frr_pthread *thread;
	struct kvip_engine *engine;
	struct kvip_http *http;
	atomic_bool stop;
} worker;

static int wait_ms(kvip_msec next, kvip_msec now)
{
	if (next <= now)
		return 0;
	return next - now < LONGEST_WAIT_MS ? (int)(next - now) : LONGEST_WAIT_MS;
}

static void *run(void *arg)
{
	struct frr_pthread *self = arg;
	kvip_msec next = 0;

	rcu_read_unlock();
	frr_pthread_set_name(self);
	frr_pthread_notify_running(self);
	while (!atomic_load(&worker.stop)) {
		(void)!kvip_http_poll(worker.http, wait_ms(next, kvf_now()));
		next = kvip_engine_step(worker.engine, kvf_now(), (kvip_wall)time(NULL));
	}
	return NULL;
}

static int stop(struct frr_pthread *self, void **result)
{
	atomic_store(&worker.stop, true);
	kvip_http_wakeup(worker.http);
	pthread_join(self->thread, result);
	return 0;
}

/* libfrr waits for one that does not run for ever, and takes it back only where the error is
 * negative, which pthread_create(3) never returns. */
static int no_thread(struct frr_pthread *t, int error)
{
	if (error > 0)
		rcu_thread_unprepare(t->rcu_thread);
	frr_pthread_destroy(t);
	return -EAGAIN;
}

int kvf_worker_start(struct kvip_engine *engine, struct kvip_http *http)
{
	static const struct frr_pthread_attr attr = { .start = run, .stop = stop };
	struct frr_pthread *t;
	int error;

	if (worker.thread)
		return 0;
	worker.engine = engine;
	worker.http = http;
	atomic_store(&worker.stop, false);
	t = frr_pthread_new(&attr, "kubevip engine", "kubevip");
	error = frr_pthread_run(t, NULL);
	if (error)
		return no_thread(t, error);
	frr_pthread_wait_running(t);
	worker.thread = t;
	return 0;
}

void kvf_worker_wake(void)
{
	if (worker.thread)
		kvip_http_wakeup(worker.http);
}

void kvf_worker_stop(void)
{
	if (!worker.thread)
		return;
	frr_pthread_stop(worker.thread, NULL);
	frr_pthread_destroy(worker.thread);
	worker.thread = NULL;
}
