// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the object store: links between kinds, mark and sweep, who is told, memory.
 */
#include "base/kvip_limits.h"
#include "base/kvip_mem.h"
#include "vip/kvip_cache_priv.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the hooks said since the last look, as words. */
struct told {
	char text[2048];
	struct kvip_cache *cache;
};

static void tell_owner(void *ctx, struct kvip_owner *o)
{
	struct told *t = ctx;
	size_t n = strlen(t->text);

	snprintf(t->text + n, sizeof(t->text) - n, "%c:%s%s ",
		 o->e.kind == KVIP_KIND_SERVICE ? 's' : 'g', kvip_entry_name(&o->e),
		 o->e.present ? "" : "-");
	kvip_cache_release(t->cache, o);
}

static void tell_node(void *ctx, struct kvip_node_entry *e)
{
	struct told *t = ctx;
	size_t n = strlen(t->text);

	snprintf(t->text + n, sizeof(t->text) - n, "n:%s%s ", kvip_entry_name(&e->e),
		 e->e.present ? "" : "-");
}

static void tell_cilium(void *ctx)
{
	struct told *t = ctx;
	size_t n = strlen(t->text);

	snprintf(t->text + n, sizeof(t->text) - n, "cilium ");
}

static struct told told;
static struct kvip_cache *cache;
static int64_t live;

static void setup(void)
{
	struct kvip_cache_hooks hooks = { .owner_changed = tell_owner,
					  .node_changed = tell_node,
					  .cilium_changed = tell_cilium,
					  .ctx = &told };

	live = kvip_mem_live();
	cache = kvip_cache_new(&hooks);
	told.text[0] = '\0';
	told.cache = cache;
}

static void teardown(void)
{
	kvip_cache_free(cache);
	ck_assert_int_eq(kvip_mem_live(), live);
}

static void check_told(const char *expected)
{
	ck_assert_str_eq(told.text, expected);
	told.text[0] = '\0';
}

static struct kvip_obj *obj(enum kvip_kind kind, const char *json)
{
	struct kvip_obj *o = NULL;
	struct kvip_err err = { "" };
	char buf[2048], *p = buf;

	for (; *json; json++)
		*p++ = *json == '\'' ? '"' : *json;
	*p = '\0';
	ck_assert_msg(kvip_obj_decode(kind, buf, strlen(buf), &o, NULL, 0, &err) == 0, "%s",
		      err.text);
	return o;
}

static int put(enum kvip_kind kind, const char *json)
{
	return kvip_cache_put(cache, obj(kind, json));
}

static void service(const char *name, const char *uid, const char *gateway, const char *ip)
{
	char json[1024], label[200] = "";

	if (*gateway)
		snprintf(label, sizeof(label), "'gateway.networking.k8s.io/gateway-name':'%s'",
			 gateway);
	snprintf(
		json, sizeof(json),
		"{'metadata':{'name':'%s','namespace':'ns','uid':'%s','labels':{%s}},"
		"'spec':{'type':'LoadBalancer'},'status':{'loadBalancer':{'ingress':[{'ip':'%s'}]}}}",
		name, uid, label, ip);
	ck_assert_int_eq(put(KVIP_KIND_SERVICE, json), 0);
}

static void slice(const char *name, const char *of, const char *node)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s','namespace':'ns','labels':{"
		 "'kubernetes.io/service-name':'%s'}},'addressType':'IPv4',"
		 "'endpoints':[{'addresses':['10.0.0.1'],'nodeName':'%s'}]}",
		 name, of, node);
	ck_assert_int_eq(put(KVIP_KIND_SLICE, json), 0);
}

static void gateway(const char *name, const char *label)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s','namespace':'ns','labels':{'x':'%s'}}}", name, label);
	ck_assert_int_eq(put(KVIP_KIND_GATEWAY, json), 0);
}

static void node(const char *name, const char *uid, const char *ready)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s','uid':'%s'},"
		 "'status':{'conditions':[{'type':'Ready','status':'%s'}]}}",
		 name, uid, ready);
	ck_assert_int_eq(put(KVIP_KIND_NODE, json), 0);
}

START_TEST(test_equal_is_no_event)
{
	service("a", "u", "", "10.0.0.1");
	check_told("s:a ");
	service("a", "u", "", "10.0.0.1");
	check_told("");
	service("a", "u", "", "10.0.0.2");
	check_told("s:a ");
	service("a", "u2", "", "10.0.0.2"); /* deleted and made again */
	check_told("s:a ");
	node("n", "u", "True");
	node("n", "u", "True");
	check_told("n:n ");
	ck_assert_uint_eq(kvip_cache_count(cache, KVIP_KIND_SERVICE), 1);
	kvip_cache_del(cache, KVIP_KIND_SERVICE, "ns", "a", "u");
	check_told(""); /* that was the older one */
	kvip_cache_del(cache, KVIP_KIND_SERVICE, "ns", "a", "u2");
	check_told("s:a- ");
	kvip_cache_del(cache, KVIP_KIND_SERVICE, "ns", "a", "u2");
	kvip_cache_del(cache, KVIP_KIND_SERVICE, "ns", "never", "");
	check_told("");
	ck_assert_uint_eq(kvip_cache_count(cache, KVIP_KIND_SERVICE), 0);
	ck_assert_ptr_null(kvip_cache_first(cache, KVIP_KIND_SERVICE));
}
END_TEST

START_TEST(test_slices_before_their_service)
{
	slice("a-1", "a", "n1");
	slice("a-2", "a", "n2");
	check_told("s:a- s:a- ");
	ck_assert_uint_eq(kvip_cache_slices(cache, "ns", "a"), 2);
	ck_assert_ptr_null(kvip_cache_find(cache, KVIP_KIND_SERVICE, "ns", "a"));
	service("a", "u", "", "10.0.0.1");
	check_told("s:a ");
	ck_assert_uint_eq(kvip_cache_slices(cache, "ns", "a"), 2);
	slice("a-2", "b", "n2"); /* moves to another Service */
	check_told("s:a s:b- ");
	ck_assert_uint_eq(kvip_cache_slices(cache, "ns", "a"), 1);
	kvip_cache_del(cache, KVIP_KIND_SERVICE, "ns", "a", "");
	check_told("s:a- ");
	ck_assert_uint_eq(kvip_cache_slices(cache, "ns", "a"), 1); /* its name lives on */
	kvip_cache_del(cache, KVIP_KIND_SLICE, "ns", "a-1", "");
	check_told("s:a- ");
	kvip_cache_del(cache, KVIP_KIND_SLICE, "ns", "a-2", "");
	check_told("s:b- ");
	ck_assert_ptr_null(kvip_cache_first(cache, KVIP_KIND_SERVICE));
}
END_TEST

START_TEST(test_gateways)
{
	service("a", "u", "gw", "10.0.0.1");
	check_told("g:gw- s:a ");
	gateway("gw", "1");
	check_told("s:a g:gw ");
	gateway("gw", "2"); /* its labels select the Service: both are told */
	check_told("s:a g:gw ");
	service("a", "u", "", "10.0.0.1");
	check_told("g:gw s:a ");
	service("a", "u", "gw", "10.0.0.1");
	told.text[0] = '\0';
	kvip_cache_del(cache, KVIP_KIND_GATEWAY, "ns", "gw", "");
	check_told("s:a g:gw- ");
	kvip_cache_del(cache, KVIP_KIND_SERVICE, "ns", "a", "");
	check_told("g:gw- s:a- ");
	ck_assert_ptr_null(kvip_cache_first(cache, KVIP_KIND_GATEWAY));
}
END_TEST

START_TEST(test_mark_and_sweep)
{
	service("a", "u", "", "10.0.0.1");
	service("b", "u", "", "10.0.0.1");
	service("c", "u", "", "10.0.0.1");
	told.text[0] = '\0';
	kvip_cache_refresh_begin(cache, KVIP_KIND_SERVICE);
	service("b", "u", "", "10.0.0.1");
	ck_assert(!kvip_cache_sweep(cache, 100)); /* nothing before the end */
	kvip_cache_refresh_abort(cache, KVIP_KIND_SERVICE);
	ck_assert(!kvip_cache_sweep(cache, 100));
	ck_assert_uint_eq(kvip_cache_count(cache, KVIP_KIND_SERVICE), 3);
	kvip_cache_refresh_begin(cache, KVIP_KIND_SERVICE);
	service("c", "u", "", "10.0.0.1");
	kvip_cache_refresh_end(cache, KVIP_KIND_SERVICE);
	check_told("");
	service("b2", "u", "", "10.0.0.1"); /* the watch goes on while the sweep has not */
	check_told("s:b2 ");
	ck_assert(kvip_cache_sweep(cache, 1));
	check_told("s:a- ");
	ck_assert(!kvip_cache_sweep(cache, 100));
	check_told("s:b- ");
	ck_assert_uint_eq(kvip_cache_count(cache, KVIP_KIND_SERVICE), 2);
}
END_TEST

START_TEST(test_relist_before_the_sweep_is_through)
{
	service("a", "u", "", "10.0.0.1");
	kvip_cache_refresh_begin(cache, KVIP_KIND_SERVICE);
	kvip_cache_refresh_end(cache, KVIP_KIND_SERVICE);
	kvip_cache_refresh_begin(cache, KVIP_KIND_SERVICE); /* the list before this one was complete
							     */
	ck_assert_uint_eq(kvip_cache_count(cache, KVIP_KIND_SERVICE), 0);
	kvip_cache_refresh_abort(cache, KVIP_KIND_SERVICE);
}
END_TEST

START_TEST(test_sweep_of_slices)
{
	service("a", "u", "", "10.0.0.1");
	slice("a-1", "a", "n1");
	slice("a-2", "a", "n1");
	told.text[0] = '\0';
	kvip_cache_refresh_begin(cache, KVIP_KIND_SLICE);
	kvip_cache_refresh_end(cache, KVIP_KIND_SLICE);
	ck_assert(!kvip_cache_sweep(cache, 100));
	check_told("s:a s:a ");
	ck_assert_uint_eq(kvip_cache_slices(cache, "ns", "a"), 0);
}
END_TEST

START_TEST(test_left_ready)
{
	struct kvip_node_entry *n;

	kvip_cache_set_now(cache, 1000);
	node("n", "u", "True");
	n = (struct kvip_node_entry *)kvip_cache_first(cache, KVIP_KIND_NODE);
	ck_assert_int_eq(n->left_ready_ms, KVIP_NOT_SEEN);
	kvip_cache_set_now(cache, 2000);
	node("n", "u", "Unknown");
	ck_assert_int_eq(n->left_ready_ms, 2000);
	kvip_cache_set_now(cache, 3000);
	node("n", "u", "False");
	ck_assert_int_eq(n->left_ready_ms, 2000);
	node("n", "another", "False");
	ck_assert_int_eq(n->left_ready_ms, KVIP_NOT_SEEN);
	kvip_cache_del(cache, KVIP_KIND_NODE, "", "n", "");
	ck_assert_ptr_nonnull(kvip_cache_first(cache, KVIP_KIND_NODE)); /* node sets point to it */
	kvip_cache_reap_nodes(cache);
	ck_assert_ptr_null(kvip_cache_first(cache, KVIP_KIND_NODE));
}
END_TEST

/* Any allocation of a put may fail: what was there stays, nothing leaks, nobody is told. */
START_TEST(test_no_memory)
{
	static const char *const json[] = {
		"{'metadata':{'name':'a-9','namespace':'ns','labels':{'kubernetes.io/service-name':'z'}}}",
		"{'metadata':{'name':'z','namespace':'ns','labels':{"
		"'gateway.networking.k8s.io/gateway-name':'gg'}}}",
	};
	static const enum kvip_kind kinds[] = { KVIP_KIND_SLICE, KVIP_KIND_SERVICE };

	for (int k = 0; k < 2; k++) {
		for (int i = 1;; i++) {
			struct kvip_obj *o = obj(kinds[k], json[k]);
			int64_t before = kvip_mem_live();
			int rc;

			kvip_mem_fail_at(i);
			rc = kvip_cache_put(cache, o);
			kvip_mem_fail_at(0);
			if (rc == 0)
				break;
			ck_assert_int_eq(rc, -ENOMEM);
			ck_assert_int_eq(kvip_mem_live(), before - 1);
			check_told("");
		}
		told.text[0] = '\0';
	}
}
END_TEST

START_TEST(test_many_in_any_order)
{
	char name[16];

	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "s%d", i * 7919 % 2000);
		service(name, "u", i % 3 ? "" : "gw", "10.0.0.1");
		slice(name, name, "n1");
		told.text[0] = '\0';
	}
	ck_assert_uint_eq(kvip_cache_count(cache, KVIP_KIND_SERVICE), 2000);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		ck_assert_uint_eq(kvip_cache_slices(cache, "ns", name), 1);
		kvip_cache_del(cache, KVIP_KIND_SERVICE, "ns", name, "");
		told.text[0] = '\0';
	}
	kvip_cache_refresh_begin(cache, KVIP_KIND_SLICE);
	kvip_cache_refresh_end(cache, KVIP_KIND_SLICE);
	while (kvip_cache_sweep(cache, 100))
		told.text[0] = '\0';
	ck_assert_ptr_null(kvip_cache_first(cache, KVIP_KIND_SERVICE));
	ck_assert_ptr_null(kvip_cache_first(cache, KVIP_KIND_SLICE));
	ck_assert_ptr_null(kvip_cache_first(cache, KVIP_KIND_GATEWAY));
}
END_TEST

/* Without hooks everything lets go by itself. */
START_TEST(test_cilium)
{
	static const char pool[] = "{'metadata':{'name':'p','uid':'u'},'spec':{'disabled':%s},"
				   "'status':{'conditions':[{'message':'%d'}]}}";
	char json[256];

	for (int i = 0; i < 3; i++) {
		snprintf(json, sizeof(json), pool, i == 2 ? "true" : "false", i);
		ck_assert_int_eq(put(KVIP_KIND_IP_POOL, json), 0);
		check_told(i == 1 ? "" : "cilium "); /* its status is no event */
	}
	ck_assert_uint_eq(kvip_cache_count(cache, KVIP_KIND_IP_POOL), 1);
	kvip_cache_refresh_begin(cache, KVIP_KIND_IP_POOL);
	ck_assert_int_eq(put(KVIP_KIND_IP_POOL, "{'metadata':{'name':'q'}}"), 0);
	kvip_cache_refresh_end(cache, KVIP_KIND_IP_POOL);
	check_told("cilium ");
	ck_assert(!kvip_cache_sweep(cache, 100));
	check_told("cilium ");
	ck_assert_ptr_null(kvip_cache_find(cache, KVIP_KIND_IP_POOL, "", "p"));
	kvip_cache_del(cache, KVIP_KIND_IP_POOL, "", "q", "");
	check_told("cilium ");
	ck_assert_uint_eq(kvip_cache_count(cache, KVIP_KIND_IP_POOL), 0);
}
END_TEST

START_TEST(test_without_hooks)
{
	kvip_cache_free(cache);
	cache = kvip_cache_new(NULL);
	service("a", "u", "gw", "10.0.0.1");
	slice("a-1", "a", "n1");
	node("n", "u", "True");
	gateway("gw", "x");
	kvip_cache_del(cache, KVIP_KIND_GATEWAY, "ns", "gw", "");
	kvip_cache_del(cache, KVIP_KIND_SERVICE, "ns", "a", "");
	kvip_cache_del(cache, KVIP_KIND_SLICE, "ns", "a-1", "");
	kvip_cache_del(cache, KVIP_KIND_NODE, "", "n", "");
	for (int k = 0; k < KVIP_KIND_MAX; k++)
		ck_assert_ptr_null(kvip_cache_first(cache, (enum kvip_kind)k));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cache");
	TCase *tc = tcase_create("cache");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_equal_is_no_event);
	tcase_add_test(tc, test_slices_before_their_service);
	tcase_add_test(tc, test_gateways);
	tcase_add_test(tc, test_mark_and_sweep);
	tcase_add_test(tc, test_relist_before_the_sweep_is_through);
	tcase_add_test(tc, test_sweep_of_slices);
	tcase_add_test(tc, test_left_ready);
	tcase_add_test(tc, test_no_memory);
	tcase_add_test(tc, test_many_in_any_order);
	tcase_add_test(tc, test_cilium);
	tcase_add_test(tc, test_without_hooks);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
