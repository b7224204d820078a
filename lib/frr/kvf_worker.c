// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the worker thread.
 *
 * A thread of ours must be an frr_pthread: zlog from any other thread crashes the daemon in its
 * RCU. A custom start function begins with RCU locked and has to let go of it, or RCU never frees
 * anything (FRR, bgpd/bgp_keepalives.c). Signals are blocked by frr_pthread_run().
 */
#include "frr/kvf_worker.h"
#include "frr/kvf_compat.h"

#include "frr_pthread.h"
#include "frrcu.h"

#include <stdatomic.h>
#include <time.h>

#define LONGEST_WAIT_MS 1000

static struct {
	struct frr_pthread *thread;
	struct kvip_engine *engine;
	struct kvip_http *http;
	atomic_bool stop;
} worker;

static kvip_msec now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (kvip_msec)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

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
		(void)!kvip_http_poll(worker.http, wait_ms(next, now_ms()));
		next = kvip_engine_step(worker.engine, now_ms(), (kvip_wall)time(NULL));
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

void kvf_worker_start(struct kvip_engine *engine, struct kvip_http *http)
{
	static const struct frr_pthread_attr attr = { .start = run, .stop = stop };

	worker.engine = engine;
	worker.http = http;
	atomic_store(&worker.stop, false);
	worker.thread = frr_pthread_new(&attr, "kubevip engine", "kubevip");
	frr_pthread_run(worker.thread, NULL);
	frr_pthread_wait_running(worker.thread);
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
