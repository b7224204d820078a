// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: T1 steps and feeds while T0 looks, orders and publishes: for ThreadSanitizer, and to see
 * that T0 gets the lock although T1 hardly ever lets go of it.
 */
#include "base/kvip_mem.h"
#include "engine_helper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define SERVICES 200

static atomic_bool stop;
static atomic_int rounds;

static void one_round(struct eh *h, int round)
{
	char name[16], ip[32];

	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		snprintf(ip, sizeof(ip), "192.168.77.%d", i + 1);
		eh_service(h, "lab", name, ip, "",
			   round % 2 ? "'externalTrafficPolicy':'Local'" : "");
		eh_slice(h, "lab", name, i % 2 ? "n1:r" : "n2:r");
	}
	eh_node(h, "lab", "n3", EH_N3, round % 3 ? "True" : "False", "", "");
}

/* T1. The mailbox is T0's to read. */
static void *worker(void *arg)
{
	struct eh *h = arg;

	for (int round = 0; !atomic_load(&stop); round++) {
		one_round(h, round);
		h->now += 100;
		kvip_engine_step(h->engine, h->now, h->wall);
		atomic_fetch_add(&rounds, 1);
	}
	return NULL;
}

static bool look_vip(void *ctx, const struct kvip_vip_view *v)
{
	*(size_t *)ctx += v->n_claims + (v->route ? v->route->nhs->n : 0);
	return true;
}

static bool look_claim(void *ctx, const struct kvip_claim_view *v)
{
	*(size_t *)ctx += strlen(v->name);
	return true;
}

static bool look_node(void *ctx, const struct kvip_node_view *v)
{
	*(size_t *)ctx += v->vips;
	return true;
}

static bool look_cluster(void *ctx, const struct kvip_cluster_view *v)
{
	*(size_t *)ctx += v->vips;
	return true;
}

static void look_at_all(struct eh *h)
{
	struct kvip_engine_summary s;
	char identity[64];
	kvip_wall when;
	size_t n = 0;

	kvip_engine_each_vip(h->engine, look_vip, &n);
	kvip_engine_each_claim(h->engine, look_claim, &n);
	kvip_engine_each_node(h->engine, look_node, &n);
	kvip_engine_each_cluster(h->engine, look_cluster, &n);
	kvip_engine_get_summary(h->engine, &s);
	kvip_engine_cluster_seen(h->engine, "lab", identity, sizeof(identity), &when);
	kvip_engine_relist(h->engine, NULL);
	kvip_engine_accept_withdrawals(h->engine, "lab");
	kvip_engine_republish(h->engine);
	kvip_engine_clear_orphans(h->engine);
	eh_take(h);
}

static void publish(struct eh *h, int i)
{
	struct kvip_conf *c = eh_parse(i % 2 ? EH_CONF
					     : EH_CONF "cluster lab advertise web tag 88\n");

	kvip_engine_configure(h->engine, c, i % 5 ? NULL : eh_facts("10.0.0.1", "10.0.0.0/24"));
	kvip_conf_unref(c);
}

START_TEST(test_two_threads)
{
	struct eh *h = eh_new();
	pthread_t t1;

	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_synced(h, "lab");
	ck_assert_int_eq(pthread_create(&t1, NULL, worker, h), 0);
	for (int i = 0; i < 60 || atomic_load(&rounds) < 10; i++) {
		const struct timespec pause = { .tv_nsec = 2000000 };

		look_at_all(h);
		if (i % 3 == 0 && i % 5)
			publish(h, i);
		nanosleep(&pause, NULL);
	}
	atomic_store(&stop, true);
	pthread_join(t1, NULL);
	eh_conf(h, EH_CONF);
	one_round(h, 2);
	eh_step(h);
	ck_assert_uint_eq(h->n, SERVICES);
	eh_free(h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine_threads");
	TCase *tc = tcase_create("threads");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_two_threads);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
