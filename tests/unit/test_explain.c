// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `explain` over a real engine: the diagnosis is about what keeps the VIP from being routed, or
 * about the Service that was asked for, and the remedy can be typed. What the router's part says of
 * it is tested in integration/test_explain.py.
 */
#include "engine_helper.h"

#include "vip/kvip_explain.h"
#include "vip/kvip_show.h"

#include <errno.h>
#include <json-c/json.h>

#define V "192.168.77.128"
#define CONF                                                                                       \
	"cluster lab server https://api.example:6443\n"                                            \
	"cluster lab vip-range 192.168.77.0/24\n"                                                  \
	"cluster lab advertise web service-selector app=web\n"
#define WEB "'labels':{'app':'web'}"

static struct eh *lab(const char *conf)
{
	struct eh *h = eh_new();

	eh_publish(h, eh_facts("", ""));
	eh_conf(h, conf);
	eh_three_nodes(h, "lab");
	return h;
}

static struct json_object *explained(int rc, struct kvip_buf *out)
{
	struct json_object *j;

	ck_assert_int_eq(rc, 0);
	kvip_buf_add(out, "", 1);
	j = json_tokener_parse(out->data);
	ck_assert_ptr_nonnull(j);
	kvip_buf_done(out);
	return j;
}

static struct json_object *explain_vip(struct eh *h, const char *vip)
{
	const struct kvip_show_ctx s = { .engine = h->engine, .now = h->now, .wall = h->wall };
	struct kvip_addr a;
	struct kvip_buf out;

	kvip_buf_init(&out, 1 << 20);
	ck_assert_int_eq(kvip_addr_parse(vip, &a), 0);
	return explained(kvip_show_explain_vip(&s, &a, NULL, NULL, true, &out), &out);
}

static struct json_object *explain_service(struct eh *h, const char *name)
{
	const struct kvip_show_ctx s = { .engine = h->engine, .now = h->now, .wall = h->wall };
	struct kvip_buf out;

	kvip_buf_init(&out, 1 << 20);
	return explained(kvip_show_explain_service(&s, name, NULL, NULL, true, &out), &out);
}

static const char *member(struct json_object *j, const char *key)
{
	return json_object_get_string(json_object_object_get(j, key));
}

/* "step reason", or "none". Takes @j. */
static const char *diagnosis(struct json_object *j)
{
	struct json_object *d = json_object_object_get(j, "diagnosis");
	static char text[200];

	if (d)
		snprintf(text, sizeof(text), "%s %s", member(d, "step"), member(d, "reason"));
	json_object_put(j);
	return d ? text : "none";
}

static const char *remedy(struct json_object *j)
{
	struct json_object *d = json_object_object_get(j, "diagnosis");
	static char text[600];

	ck_assert_ptr_nonnull(d);
	snprintf(text, sizeof(text), "%s", member(d, "remedy"));
	json_object_put(j);
	return text;
}

/* What another Service on the address lacks does not keep the VIP away: nothing is wrong with it,
 * but with that Service. */
START_TEST(test_another_on_the_address)
{
	struct eh *h = lab(CONF);

	eh_service(h, "lab", "web", V, WEB, "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_service(h, "lab", "aside", V, "", "");
	eh_service(h, "lab", "empty", V, WEB, "");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_ALL);
	ck_assert_str_eq(diagnosis(explain_vip(h, V)), "none");
	ck_assert_str_eq(diagnosis(explain_service(h, "prod/web")), "none");
	ck_assert_str_eq(diagnosis(explain_service(h, "prod/aside")), "selection not-selected");
	ck_assert_str_eq(diagnosis(explain_service(h, "prod/empty")), "endpoints no-endpoints");
	eh_free(h);
}
END_TEST

static const char *const orders[][2] = { { "a", "b" }, { "b", "a" } };

/* a is selected, b is not, and a comes first by its uid, whichever we heard of first. */
static void two_services(struct eh *h, int order)
{
	for (int i = 0; i < 2; i++)
		eh_service(h, "lab", orders[order][i], V, orders[order][i][0] == 'a' ? WEB : "",
			   "");
}

/* Nobody has it: the claim that would have it says why. */
START_TEST(test_nobody_has_it)
{
	struct eh *h = lab(CONF);

	two_services(h, _i);
	eh_synced(h, "lab");
	ck_assert_str_eq(diagnosis(explain_vip(h, V)), "endpoints no-endpoints");
	eh_free(h);
}
END_TEST

static bool take_reason(void *ctx, const struct kvip_vip_view *v)
{
	*(enum kvip_reason *)ctx = v->reason;
	return true;
}

/* The same among claims that do not count: the VIP's reason is the first claim's, on each router. */
START_TEST(test_none_counts)
{
	struct eh *h = lab(CONF);
	enum kvip_reason reason = KVIP_REASON_NONE;
	struct kvip_prefix p;

	two_services(h, _i);
	eh_conf(h, CONF "cluster lab prefix-list NONE\n");
	eh_synced(h, "lab");
	ck_assert_int_eq(kvip_prefix_parse(V, &p), 0);
	ck_assert(kvip_engine_show_vip(h->engine, &p, take_reason, &reason));
	ck_assert_str_eq(kvip_reason_info(reason)->word, "prefix-list-undefined");
	ck_assert_str_eq(diagnosis(explain_vip(h, V)), "prefix-list prefix-list-undefined");
	eh_free(h);
}
END_TEST

/* A Service that has everything, but another one has its address. */
START_TEST(test_lost)
{
	struct eh *h = lab(CONF "cluster lab advertise web address loadbalancer-ip external-ip\n");

	eh_service(h, "lab", "web", V, WEB, "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_service(h, "lab", "thief", "", WEB, "'externalIPs':['" V "']");
	eh_slice(h, "lab", "thief", "n2:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(diagnosis(explain_vip(h, V)), "none");
	ck_assert_str_eq(diagnosis(explain_service(h, "prod/web")), "none");
	ck_assert_str_eq(diagnosis(explain_service(h, "prod/thief")), "holder held-by-other");
	eh_free(h);
}
END_TEST

/* The API has not answered yet: that nobody is known to have the address says nothing. */
START_TEST(test_not_heard_yet)
{
	const struct kvip_show_ctx s = { 0 };
	struct eh *h = lab(CONF);
	struct kvip_show_ctx with = s;
	struct kvip_buf out;

	ck_assert_str_eq(diagnosis(explain_vip(h, V)), "cluster not-synchronised");
	ck_assert_str_eq(diagnosis(explain_service(h, "prod/web")), "cluster not-synchronised");
	eh_synced(h, "lab");
	ck_assert_str_eq(diagnosis(explain_vip(h, V)), "claim nobody-has-it");
	with.engine = h->engine;
	kvip_buf_init(&out, 1 << 20);
	ck_assert_int_eq(kvip_show_explain_service(&with, "prod/web", NULL, NULL, true, &out),
			 -ENOENT);
	kvip_buf_done(&out);
	eh_free(h);
}
END_TEST

/* Remedies are typed as they stand: with the cluster's and the block's name. */
START_TEST(test_remedy_is_typed)
{
	struct eh *h = lab(CONF);

	eh_service(h, "lab", "web", V, WEB, "");
	eh_service(h, "lab", "far", "192.168.78.1", WEB, "");
	eh_synced(h, "lab");
	ck_assert_ptr_nonnull(strstr(remedy(explain_vip(h, V)),
				     "`kubevip cluster lab advertise web allow-no-endpoints`"));
	ck_assert_ptr_nonnull(strstr(remedy(explain_vip(h, "192.168.78.1")),
				     "`kubevip cluster lab vip-range PREFIX`"));
	eh_free(h);
}
END_TEST

/* `ge` was forgotten: the entry as it should be; not where an entry before it denies. */
START_TEST(test_entry_without_ge)
{
	struct eh *h = lab(CONF "cluster lab prefix-list VIPS\n");
	struct kvip_facts *f = eh_facts("", "");

	eh_plist(f, "VIPS", "192.168.77.0/24");
	f->plists[0].entries[0].ge = 0;
	f->plists[0].entries[0].le = 0;
	f->plists[0].entries[0].seq = 5;
	eh_publish(h, f);
	eh_service(h, "lab", "web", V, WEB, "");
	eh_slice(h, "lab", "web", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(diagnosis(explain_vip(h, V)), "prefix-list prefix-list-denies");
	ck_assert_str_eq(remedy(explain_vip(h, V)),
			 "`ip prefix-list VIPS seq 5 permit 192.168.77.0/24 ge 32`");
	eh_free(h);
}
END_TEST

static int longest_line(const char *text)
{
	size_t longest = 0, n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		longest = n > longest ? n : longest;
	}
	return (int)longest;
}

/* Broken at 80 columns, but for a command that is to be copied. */
START_TEST(test_width)
{
	struct eh *h = lab(CONF);
	const struct kvip_show_ctx s = { .engine = h->engine };
	struct kvip_addr a;
	struct kvip_buf out;

	eh_service(h, "lab", "a-service-with-a-name-that-is-not-short-at-all", V, "", "");
	eh_synced(h, "lab");
	kvip_buf_init(&out, 1 << 20);
	ck_assert_int_eq(kvip_addr_parse(V, &a), 0);
	ck_assert_int_eq(kvip_show_explain_vip(&s, &a, NULL, NULL, false, &out), 0);
	kvip_buf_add(&out, "", 1);
	ck_assert_int_le(longest_line(out.data), 80);
	kvip_buf_done(&out);
	eh_free(h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("explain");
	TCase *tc = tcase_create("explain");

	tcase_add_test(tc, test_another_on_the_address);
	tcase_add_loop_test(tc, test_nobody_has_it, 0, 2);
	tcase_add_loop_test(tc, test_none_counts, 0, 2);
	tcase_add_test(tc, test_lost);
	tcase_add_test(tc, test_not_heard_yet);
	tcase_add_test(tc, test_remedy_is_typed);
	tcase_add_test(tc, test_entry_without_ge);
	tcase_add_test(tc, test_width);
	suite_add_tcase(suite, tc);
	return eh_run(suite);
}
