// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: unit tests of the JSON getters and of decoding objects.
 */
#include "base/kvip_limits.h"
#include "kube/kvip_json.h"
#include "kube/kvip_obj.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META "\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"}"

static struct kvip_obj *decode(enum kvip_kind kind, const char *json)
{
	struct kvip_obj *o = NULL;
	struct kvip_err err = { "" };
	int rc = kvip_obj_decode(kind, json, strlen(json), &o, NULL, 0, &err);

	ck_assert_msg(rc == 0, "%s: %s", json, err.text);
	return o;
}

static void assert_addr(const struct kvip_addr *a, const char *want)
{
	char text[KVIP_ADDR_STRLEN];

	ck_assert_str_eq(kvip_addr_render(a, text), want);
}

START_TEST(test_time)
{
	static const struct {
		const char *text;
		kvip_wall want; /* -1: refused */
	} times[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-23T10:27:21Z", 1795429641 },
		{ "2026-11-23T10:27:21.123456Z", 1795429641 },
		{ "2026-11-23T12:27:21+02:00", 1795429641 },
		{ "2026-11-23t05:57:21-04:30", 1795429641 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2026-11-23T10:27:21", -1 },
		{ "2026-11-23 10:27:21Z", -1 },
		{ "2026-13-23T10:27:21Z", -1 },
		{ "2026-00-23T10:27:21Z", -1 },
		{ "2026-11-23T24:27:21Z", -1 },
		{ "2026-11-23T10:27:21Zx", -1 },
		{ "26-11-23T10:27:21Z", -1 },
		{ "", -1 },
		{ NULL, -1 },
	};
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		kvip_wall got = -7;
		int rc = kvip_time_parse(times[i].text, &got);

		ck_assert_int_eq(rc, times[i].want < 0 ? -EINVAL : 0);
		ck_assert_int_eq(got, times[i].want < 0 ? -7 : times[i].want);
	}
}
END_TEST

START_TEST(test_json_refused)
{
	static const char *const bad[] = {
		"", " ", "null", "[]", "1", "{", "{\"a\":1}x", "{} {}", "{\"a\":}", "{\"a\":\"",
	};
	struct json_object *json = NULL;
	struct kvip_err err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(kvip_json_parse(bad[i], strlen(bad[i]), &json, &err), -EBADMSG);
		ck_assert_ptr_null(json);
	}
	ck_assert_int_eq(kvip_json_parse(" {} \r\n", 6, &json, &err), 0);
	kvip_json_free(json);
}
END_TEST

START_TEST(test_json_getters)
{
	static const char text[] = "{\"s\":\"x\",\"nul\":\"a\\u0000b\",\"i\":7,\"b\":true,\"o\":{},"
				   "\"a\":[\"y\",{},1],\"n\":null,\"d\":1.5}";
	struct json_object *json, *array;

	ck_assert_int_eq(kvip_json_parse(text, sizeof(text) - 1, &json, NULL), 0);
	ck_assert_str_eq(kvip_json_string(json, "s"), "x");
	ck_assert_ptr_null(kvip_json_string(json, "nul"));
	ck_assert_ptr_null(kvip_json_string(json, "i"));
	ck_assert_ptr_null(kvip_json_string(json, "missing"));
	ck_assert_ptr_null(kvip_json_string(NULL, "s"));
	ck_assert_int_eq(kvip_json_int(json, "i", -1), 7);
	ck_assert_int_eq(kvip_json_int(json, "s", -1), -1);
	ck_assert_int_eq(kvip_json_int(json, "d", -1), -1);
	ck_assert(kvip_json_bool(json, "b", false));
	ck_assert(kvip_json_bool(json, "n", true));
	ck_assert_ptr_nonnull(kvip_json_object(json, "o"));
	ck_assert_ptr_null(kvip_json_object(json, "a"));
	ck_assert_ptr_null(kvip_json_object(kvip_json_object(json, "x"), "y"));
	array = kvip_json_array(json, "a");
	ck_assert_uint_eq(kvip_json_len(array), 3);
	ck_assert_str_eq(kvip_json_string_at(array, 0), "y");
	ck_assert_ptr_null(kvip_json_string_at(array, 1));
	ck_assert_ptr_nonnull(kvip_json_object_at(array, 1));
	ck_assert_ptr_null(kvip_json_object_at(array, 9));
	ck_assert_ptr_null(kvip_json_object_at(NULL, 0));
	ck_assert_ptr_null(kvip_json_string_at(NULL, 0));
	ck_assert_uint_eq(kvip_json_len(NULL), 0);
	ck_assert_uint_eq(kvip_json_members(kvip_json_object(json, "o")), 0);
	kvip_json_free(json);
}
END_TEST

START_TEST(test_refused)
{
	static const struct {
		const char *json;
		int rc;
	} bad[] = {
		{ "{}", -EINVAL },
		{ "{\"metadata\":{}}", -EINVAL },
		{ "{\"metadata\":{\"name\":\"\"}}", -EINVAL },
		{ "{\"metadata\":{\"name\":5}}", -EINVAL },
		{ "{\"metadata\":{\"name\":\"a/b\"}}", -EINVAL },
		{ "{\"metadata\":{\"name\":\"a\\nb\"}}", -EINVAL },
		{ "{\"metadata\":{\"name\":\"a\",\"namespace\":\"x y\"}}", -EINVAL },
		{ "{\"kind\":\"Pod\"," META "}", -EINVAL },
		{ "[]", -EBADMSG },
		{ "", -EBADMSG },
		{ "{\"metadata\":{\"name\":\"a\"}", -EBADMSG },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kvip_obj *o = NULL;
		struct kvip_err err = { "" };

		ck_assert_int_eq(kvip_obj_decode(KVIP_KIND_SERVICE, bad[i].json,
						 strlen(bad[i].json), &o, NULL, 0, &err),
				 bad[i].rc);
		ck_assert_ptr_null(o);
		ck_assert(err.text[0]);
	}
}
END_TEST

START_TEST(test_meta)
{
	static const char json[] =
		"{\"kind\":\"Service\",\"metadata\":{\"name\":\"web\",\"namespace\":\"dev\","
		"\"uid\":\"u1\",\"resourceVersion\":\"12345678901234567890\","
		"\"creationTimestamp\":\"2026-11-23T10:27:21Z\",\"deletionTimestamp\":\"x\","
		"\"labels\":{\"z\":\"1\",\"a.b/c\":\"\",\"m\":\"2\",\"bad\":5,\"sp\":\"a b\",\"m\":\"3\"}}}";
	char rv[32], tiny[4];
	struct kvip_obj *o, *again;

	ck_assert_int_eq(kvip_obj_decode(KVIP_KIND_SERVICE, json, sizeof(json) - 1, &o, rv,
					 sizeof(rv), NULL),
			 0);
	ck_assert_str_eq(rv, "12345678901234567890");
	ck_assert_str_eq(o->meta.name, "web");
	ck_assert_str_eq(o->meta.ns, "dev");
	ck_assert_str_eq(o->meta.uid, "u1");
	ck_assert_int_eq(o->meta.created_s, 1795429641);
	ck_assert(o->meta.deleting);
	ck_assert_uint_eq(o->meta.n_labels, 3);
	ck_assert_str_eq(kvip_meta_label(&o->meta, "a.b/c"), "");
	ck_assert_str_eq(kvip_meta_label(&o->meta, "m"), "3");
	ck_assert_str_eq(kvip_meta_label(&o->meta, "z"), "1");
	ck_assert_ptr_null(kvip_meta_label(&o->meta, "bad"));
	ck_assert_ptr_null(kvip_meta_label(&o->meta, "sp"));
	ck_assert_int_eq(kvip_obj_decode(KVIP_KIND_SERVICE, json, sizeof(json) - 1, &again, tiny,
					 sizeof(tiny), NULL),
			 0);
	ck_assert_str_eq(tiny, "");
	ck_assert(kvip_obj_equal(o, again));
	kvip_obj_free(again);
	kvip_obj_free(o);
	kvip_obj_free(NULL);
}
END_TEST

START_TEST(test_service)
{
	struct kvip_obj *o = decode(
		KVIP_KIND_SERVICE,
		"{" META ",\"spec\":{\"type\":\"LoadBalancer\",\"externalTrafficPolicy\":\"Local\","
		"\"selector\":{\"app\":\"x\"},\"healthCheckNodePort\":31000,"
		"\"loadBalancerClass\":\"io.cilium/bgp\",\"externalIPs\":[\"10.9.0.1\",\"x\",\"10.9.0.1\"],"
		"\"clusterIPs\":[\"10.0.0.1\",\"fd00::1\"],\"clusterIP\":\"10.0.0.1\"},"
		"\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\",\"ipMode\":\"VIP\"},"
		"{\"ip\":\"192.0.2.1\"},{\"ip\":\"2001:DB8::0:1\",\"ipMode\":\"Proxy\"},"
		"{\"ip\":\"::ffff:192.0.2.9\"},{\"ip\":\"bad\"},{\"hostname\":\"lb.example\"}]}}}");
	const struct kvip_service *s = &o->service;

	ck_assert(s->load_balancer && s->local && s->has_selector && s->hostname_ingress);
	ck_assert_uint_eq(s->health_check_port, 31000);
	ck_assert_str_eq(s->lb_class, "io.cilium/bgp");
	ck_assert_ptr_null(s->gateway);
	ck_assert_uint_eq(s->n_ingress, 2);
	assert_addr(&s->ingress[0].addr, "192.0.2.1");
	assert_addr(&s->ingress[1].addr, "2001:db8::1");
	ck_assert(!s->ingress[0].proxy && s->ingress[1].proxy);
	ck_assert_uint_eq(s->n_external_ips, 1);
	ck_assert_uint_eq(s->n_cluster_ips, 2);
	kvip_obj_free(o);
	o = decode(KVIP_KIND_SERVICE,
		   "{" META ",\"spec\":{\"clusterIP\":\"None\",\"selector\":{},"
		   "\"healthCheckNodePort\":70000},\"status\":{\"loadBalancer\":{"
		   "\"ingress\":[{\"ip\":\"192.0.2.1\",\"hostname\":\"h\"}]}}}");
	ck_assert(!o->service.has_selector && !o->service.hostname_ingress);
	ck_assert_uint_eq(o->service.n_cluster_ips, 0);
	ck_assert_uint_eq(o->service.health_check_port, 0);
	ck_assert_uint_eq(o->service.n_ingress, 1);
	kvip_obj_free(o);
}
END_TEST

START_TEST(test_gateway_of_service)
{
	static const struct {
		const char *meta, *want;
	} cases[] = {
		{ "\"ownerReferences\":[{\"apiVersion\":\"gateway.networking.k8s.io/v1\",\"kind\":"
		  "\"Gateway\",\"name\":\"gw\"}],\"labels\":{\"gateway.networking.k8s.io/gateway-name\":\"l\"}",
		  "gw" },
		{ "\"labels\":{\"gateway.networking.k8s.io/gateway-name\":\"l\"}", "l" },
		{ "\"labels\":{\"gateway.networking.k8s.io/gateway-name\":\"\"}", NULL },
		{ "\"ownerReferences\":[{\"apiVersion\":\"networking.istio.io/v1\",\"kind\":\"Gateway\","
		  "\"name\":\"gw\"},{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"d\"},5]",
		  NULL },
	};
	char json[1024];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kvip_obj *o;

		snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"a\",%s}}", cases[i].meta);
		o = decode(KVIP_KIND_SERVICE, json);
		if (cases[i].want)
			ck_assert_str_eq(o->service.gateway, cases[i].want);
		else
			ck_assert_ptr_null(o->service.gateway);
		kvip_obj_free(o);
	}
}
END_TEST

START_TEST(test_slice)
{
	struct kvip_obj *o = decode(
		KVIP_KIND_SLICE,
		"{\"metadata\":{\"name\":\"a\",\"labels\":{\"kubernetes.io/service-name\":\"svc\"}},"
		"\"addressType\":\"IPv4\",\"endpoints\":["
		"{\"addresses\":[\"10.1.0.1\"],\"nodeName\":\"n1\"},"
		"{\"conditions\":{\"ready\":false},\"nodeName\":\"n2\"},"
		"{\"conditions\":{\"ready\":false,\"serving\":true,\"terminating\":true},\"nodeName\":\"n1\"},"
		"{\"addresses\":[\"192.192.192.192\"],\"conditions\":{\"ready\":true}},"
		"{\"conditions\":{\"ready\":null,\"serving\":false}},7]}");
	static const uint8_t want[] = {
		KVIP_EP_READY | KVIP_EP_SERVING,
		0,
		KVIP_EP_SERVING | KVIP_EP_TERMINATING,
		KVIP_EP_READY | KVIP_EP_SERVING | KVIP_EP_MARKER,
		KVIP_EP_READY,
	};
	const struct kvip_slice *s = &o->slice;
	uint32_t i;

	ck_assert_str_eq(s->service, "svc");
	ck_assert(!s->linked_by_owner);
	ck_assert_uint_eq(s->family, KVIP_IPV4);
	ck_assert_uint_eq(s->n_endpoints, 5);
	for (i = 0; i < s->n_endpoints; i++)
		ck_assert_uint_eq(s->endpoints[i].flags, want[i]);
	ck_assert_str_eq(s->endpoints[0].node, "n1");
	ck_assert_str_eq(s->endpoints[1].node, "n2");
	ck_assert_ptr_eq(s->endpoints[2].node, s->endpoints[0].node);
	ck_assert_ptr_null(s->endpoints[3].node);
	kvip_obj_free(o);
	o = decode(
		KVIP_KIND_SLICE,
		"{\"metadata\":{\"name\":\"a\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
		"\"Service\",\"name\":\"s2\"}]},\"addressType\":\"IPv6\",\"endpoints\":null}");
	ck_assert_str_eq(o->slice.service, "s2");
	ck_assert(o->slice.linked_by_owner);
	ck_assert_uint_eq(o->slice.family, KVIP_IPV6);
	kvip_obj_free(o);
	o = decode(KVIP_KIND_SLICE, "{" META ",\"addressType\":\"FQDN\"}");
	ck_assert_ptr_null(o->slice.service);
	ck_assert_uint_eq(o->slice.family, KVIP_AF_NONE);
	kvip_obj_free(o);
}
END_TEST

START_TEST(test_node)
{
	struct kvip_obj *o = decode(
		KVIP_KIND_NODE,
		"{\"metadata\":{\"name\":\"n\",\"annotations\":{\"k/one\":\"10.0.0.7\",\"k/two\":"
		"\"10.0.0.8, 2001:db8::8\",\"k/no\":\"10.0.0.8,x\",\"k/text\":\"hello\",\"k/dup\":"
		"\"10.0.0.9,10.0.0.9\",\"k/empty\":\"\"}},\"spec\":{\"unschedulable\":true,\"taints\":"
		"[{\"key\":\"other\"},{\"key\":\"ToBeDeletedByClusterAutoscaler\",\"effect\":\"NoSchedule\"}]},"
		"\"status\":{\"addresses\":[{\"type\":\"Hostname\",\"address\":\"n\"},{\"type\":\"InternalIP\","
		"\"address\":\"10.0.0.2\"},{\"type\":\"InternalIP\",\"address\":\"2001:db8::2\"},{\"type\":"
		"\"InternalIP\",\"address\":\"10.0.0.2\"},{\"type\":\"ExternalIP\",\"address\":\"192.0.2.2\"}],"
		"\"conditions\":[{\"type\":\"NetworkUnavailable\",\"status\":\"True\"},{\"type\":\"Ready\","
		"\"status\":\"False\",\"lastHeartbeatTime\":\"x\"}]}}");
	const struct kvip_node *n = &o->node;

	ck_assert_int_eq(n->ready, KVIP_READY_FALSE);
	ck_assert(n->network_unavailable && n->unschedulable && n->being_removed);
	ck_assert_uint_eq(n->n_internal, 2);
	assert_addr(&n->internal[1], "2001:db8::2");
	ck_assert_uint_eq(n->n_external, 1);
	ck_assert_uint_eq(n->n_annotations, 4);
	ck_assert_str_eq(n->annotations[0].key, "k/one");
	ck_assert_str_eq(n->annotations[2].key, "k/two");
	assert_addr(&n->annotations[2].addr, "2001:db8::8");
	ck_assert_str_eq(n->annotations[3].key, "k/dup");
	kvip_obj_free(o);
	o = decode(KVIP_KIND_NODE,
		   "{" META ",\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":"
		   "\"Unknown\"}]}}");
	ck_assert_int_eq(o->node.ready, KVIP_READY_UNKNOWN);
	ck_assert(!o->node.network_unavailable && !o->node.being_removed);
	kvip_obj_free(o);
}
END_TEST

START_TEST(test_gateway)
{
	struct kvip_obj *o = decode(
		KVIP_KIND_GATEWAY,
		"{" META
		",\"spec\":{\"gatewayClassName\":\"cilium\"},\"status\":{\"addresses\":[{\"value\":"
		"\"192.0.2.1\"},{\"type\":\"IPAddress\",\"value\":\"192.0.2.2\"},{\"type\":\"Hostname\","
		"\"value\":\"x\"},{\"type\":\"example.com/x\",\"value\":\"192.0.2.3\"}]}}");

	ck_assert_str_eq(o->gateway.class_name, "cilium");
	ck_assert(o->gateway.hostname_address);
	ck_assert_uint_eq(o->gateway.n_addresses, 2);
	kvip_obj_free(o);
}
END_TEST

/* Each differs from the base in one thing that a router acts on. */
START_TEST(test_equal)
{
	static const struct {
		enum kvip_kind kind;
		const char *a, *b;
		bool equal;
	} pairs[] = {
		{ KVIP_KIND_SERVICE, "\"spec\":{\"type\":\"ClusterIP\"}", "\"spec\":{}", true },
		{ KVIP_KIND_SERVICE, "\"spec\":{\"type\":\"LoadBalancer\"}", "\"spec\":{}", false },
		{ KVIP_KIND_SERVICE, "\"spec\":{\"internalTrafficPolicy\":\"Cluster\"}",
		  "\"spec\":{}", true },
		{ KVIP_KIND_SERVICE, "\"spec\":{\"internalTrafficPolicy\":\"Local\"}",
		  "\"spec\":{}", false },
		{ KVIP_KIND_SERVICE, "\"spec\":{\"loadBalancerClass\":\"a\"}", "\"spec\":{}",
		  false },
		{ KVIP_KIND_SERVICE, "\"spec\":{\"externalIPs\":[\"1.1.1.1\"]}",
		  "\"spec\":{\"externalIPs\":[\"1.1.1.2\"]}", false },
		{ KVIP_KIND_SERVICE,
		  "\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"1.1.1.1\"}]}}",
		  "\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"1.1.1.1\",\"ipMode\":\"Proxy\"}]}}",
		  false },
		{ KVIP_KIND_SLICE, "\"endpoints\":[{\"nodeName\":\"n\"}]",
		  "\"endpoints\":[{\"nodeName\":\"m\"}]", false },
		{ KVIP_KIND_SLICE,
		  "\"endpoints\":[{\"nodeName\":\"n\",\"addresses\":[\"1.1.1.1\"]}]",
		  "\"endpoints\":[{\"nodeName\":\"n\",\"addresses\":[\"1.1.1.2\"]}]", true },
		{ KVIP_KIND_NODE,
		  "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"t\":1}]}",
		  "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"t\":2}]}",
		  true },
		{ KVIP_KIND_NODE,
		  "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}",
		  "\"status\":{}", false },
		{ KVIP_KIND_NODE, "\"spec\":{\"unschedulable\":true}", "\"spec\":{}", false },
		{ KVIP_KIND_GATEWAY, "\"spec\":{\"gatewayClassName\":\"a\"}", "\"spec\":{}",
		  false },
		{ KVIP_KIND_GATEWAY, "\"status\":{\"addresses\":[{\"value\":\"1.1.1.1\"}]}",
		  "\"status\":{\"addresses\":[]}", false },
	};
	char json[512];
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct kvip_obj *a, *b;

		snprintf(json, sizeof(json), "{" META ",%s}", pairs[i].a);
		a = decode(pairs[i].kind, json);
		snprintf(json, sizeof(json), "{" META ",%s}", pairs[i].b);
		b = decode(pairs[i].kind, json);
		ck_assert_msg(kvip_obj_equal(a, b) == pairs[i].equal, "%s", json);
		ck_assert(kvip_obj_equal(a, a));
		kvip_obj_free(a);
		kvip_obj_free(b);
	}
}
END_TEST

/* More than the limits: cut, counted, never refused. */
START_TEST(test_limits)
{
	size_t size = 1 << 20;
	char *json = malloc(size), *p = json;
	struct kvip_obj *o;
	int i;

	ck_assert_ptr_nonnull(json);
	p += sprintf(p, "{\"metadata\":{\"name\":\"a\",\"labels\":{");
	for (i = 0; i < 600; i++)
		p += sprintf(p, "%s\"l%d\":\"\"", i ? "," : "", i);
	p += sprintf(p, "}},\"endpoints\":[");
	for (i = 0; i < 1500; i++)
		p += sprintf(p, "%s{\"nodeName\":\"n%d\"}", i ? "," : "", i);
	sprintf(p, "]}");
	o = decode(KVIP_KIND_SERVICE, json);
	ck_assert_uint_eq(o->meta.n_labels, KVIP_MAX_LABELS);
	kvip_obj_free(o);
	o = decode(KVIP_KIND_SLICE, json);
	ck_assert_uint_eq(o->meta.n_labels, 0); /* a slice's labels only say whose it is */
	ck_assert_uint_eq(o->slice.n_endpoints, KVIP_MAX_ENDPOINTS);
	ck_assert_uint_eq(o->n_dropped, 600 - KVIP_MAX_LABELS + 1500 - KVIP_MAX_ENDPOINTS);
	ck_assert_str_eq(o->slice.endpoints[999].node, "n999");
	kvip_obj_free(o);
	p = json + sprintf(json, "{" META ",\"spec\":{\"externalIPs\":[");
	for (i = 0; i < 100; i++)
		p += sprintf(p, "%s\"10.0.0.%d\"", i ? "," : "", i);
	sprintf(p, "]}}");
	o = decode(KVIP_KIND_SERVICE, json);
	ck_assert_uint_eq(o->service.n_external_ips, KVIP_MAX_ADDRS);
	ck_assert_uint_eq(o->n_dropped, 100 - KVIP_MAX_ADDRS);
	kvip_obj_free(o);
	free(json);
}
END_TEST

START_TEST(test_no_memory)
{
	static const char json[] = "{" META ",\"spec\":{\"externalIPs\":[\"1.1.1.1\"]}}";
	int64_t before = kvip_mem_live();
	struct kvip_obj *o = NULL;
	int nth;

	for (nth = 1;; nth++) {
		int rc;

		kvip_mem_fail_at(nth);
		rc = kvip_obj_decode(KVIP_KIND_SERVICE, json, sizeof(json) - 1, &o, NULL, 0, NULL);
		if (!kvip_mem_failed())
			break;
		ck_assert_int_eq(rc, -ENOMEM);
		ck_assert_int_eq(kvip_mem_live(), before);
	}
	kvip_mem_fail_at(0);
	ck_assert_int_eq(kvip_mem_live(), before + 1); /* an object is one allocation */
	kvip_obj_free(o);
	ck_assert_int_eq(kvip_mem_live(), before);
}
END_TEST

START_TEST(test_kinds)
{
	ck_assert_int_eq(kvip_kind_find("EndpointSlice"), KVIP_KIND_SLICE);
	ck_assert_int_eq(kvip_kind_find("Pod"), KVIP_KIND_MAX);
	ck_assert_str_eq(kvip_kinds[KVIP_KIND_NODE].path, "/api/v1/nodes");
	ck_assert(kvip_kinds[KVIP_KIND_NODE].mandatory && !kvip_kinds[KVIP_KIND_GATEWAY].mandatory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("obj");
	TCase *tc = tcase_create("obj");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, test_time);
	tcase_add_test(tc, test_json_refused);
	tcase_add_test(tc, test_json_getters);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_meta);
	tcase_add_test(tc, test_service);
	tcase_add_test(tc, test_gateway_of_service);
	tcase_add_test(tc, test_slice);
	tcase_add_test(tc, test_node);
	tcase_add_test(tc, test_gateway);
	tcase_add_test(tc, test_equal);
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_no_memory);
	tcase_add_test(tc, test_kinds);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
