// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the configuration: every kind of line there and back, refusals that change nothing, `no` in
 * both forms, checks, natural order, copies, and each allocation failed once.
 */
#include "base/kvip_limits.h"
#include "vip/kvip_conf.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order in which kvip_conf_render() writes them. */
static const char *const full[] = {
	"kubevip inject bgp",
	"kubevip node-name auto",
	"kubevip reserved-prefix 192.168.77.1/32",
	"kubevip reserved-prefix fd00:77::/112",
	"kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig context admin@lab",
	"kubevip cluster lab in-cluster",
	"kubevip cluster lab server https://192.168.99.12:6443 https://[fd00:99::13]:6443 http://127.0.0.1:8001",
	"kubevip cluster lab ca-file /etc/frr/ca.pem",
	"kubevip cluster lab token-file /etc/frr/token",
	"kubevip cluster lab client-certificate /etc/frr/c.pem key /etc/frr/k.pem",
	"kubevip cluster lab tls-server-name kubernetes.default",
	"kubevip cluster lab proxy-url socks5://127.0.0.1:1080",
	"kubevip cluster lab vip-range 192.168.77.0/24",
	"kubevip cluster lab vip-range 192.168.78.0/24 namespace dev",
	"kubevip cluster lab vip-range 192.168.78.0/24 namespace prod allow-connected",
	"kubevip cluster lab vip-range fd00:77::/64 allow-connected",
	"kubevip cluster lab prefix-list VIPS",
	"kubevip cluster lab from-cilium",
	"kubevip cluster lab shutdown",
	"kubevip cluster lab maximum-vips 2000",
	"kubevip cluster lab preference 200",
	"kubevip cluster lab min-ready-nodes 3",
	"kubevip cluster lab snapshot-max-age 0",
	"kubevip cluster lab on-api-loss hold 600",
	"kubevip cluster lab withdraw-guard 30 min 5 release-after 900",
	"kubevip cluster lab advertise web2 service-selector any",
	"kubevip cluster lab advertise web10 service-selector mdhlabs-bgp=enable,tier in (gold, silver),!internal",
	"kubevip cluster lab advertise web10 namespace dev",
	"kubevip cluster lab advertise web10 namespace prod",
	"kubevip cluster lab advertise web10 address external-ip cluster-ip",
	"kubevip cluster lab advertise web10 loadbalancer-class io.cilium/bgp-control-plane",
	"kubevip cluster lab advertise web10 node-selector node-role.kubernetes.io/control-plane",
	"kubevip cluster lab advertise web10 node-selector zone in (a,b)",
	"kubevip cluster lab advertise web10 next-hop annotation example.com/bgp-ip",
	"kubevip cluster lab advertise web10 next-hop-resolution igp",
	"kubevip cluster lab advertise web10 endpoint-rule ready-or-serving",
	"kubevip cluster lab advertise web10 allow-no-endpoints",
	"kubevip cluster lab advertise web10 honour-cordon",
	"kubevip cluster lab advertise web10 ignore-exclude-label",
	"kubevip cluster lab advertise web10 tag 99",
	"kubevip cluster lab advertise web10 distance 12",
	"kubevip cluster lab advertise web10 table 10077",
	"kubevip cluster lab2 in-cluster",
	"kubevip cluster lab2 advertise a next-hop subnet 10.0.0.0/8",
	"kubevip cluster lab2 advertise b next-hop external-ip",
	"kubevip cluster lab2 advertise cilium:mdhlabs-bgp-advertisement/0 tag 78",
	"kubevip cluster lab10 in-cluster",
};
#define N_FULL (sizeof(full) / sizeof(full[0]))

static struct kvip_conf *conf;

static void setup(void)
{
	conf = kvip_conf_new();
	ck_assert_ptr_nonnull(conf);
}

static void teardown(void)
{
	kvip_conf_unref(conf);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

static char *rendered(const struct kvip_conf *c)
{
	struct kvip_buf b;

	kvip_buf_init(&b, 1 << 20);
	ck_assert_int_eq(kvip_conf_render(c, &b), 0);
	if (!b.data)
		ck_assert_int_eq(kvip_buf_puts(&b, ""), 0);
	return kvip_buf_steal(&b);
}

static void take(struct kvip_conf *c, const char *line)
{
	struct kvip_err err;
	int rc = kvip_conf_text(c, line, &err);

	ck_assert_msg(rc == 0, "%s: %d %s", line, rc, err.text);
}

static void take_all(struct kvip_conf *c)
{
	for (size_t i = 0; i < N_FULL; i++)
		take(c, full[i]);
}

static void expect(const struct kvip_conf *c, const char *want)
{
	char *text = rendered(c);

	ck_assert_str_eq(text, want);
	kvip_free(text);
}

static char *full_text(size_t without)
{
	struct kvip_buf b;

	kvip_buf_init(&b, 1 << 20);
	for (size_t i = 0; i < N_FULL; i++)
		if (i != without)
			kvip_buf_printf(&b, "%s\n", full[i]);
	return kvip_buf_steal(&b);
}

START_TEST(every_line_comes_back_in_order)
{
	char *want = full_text(N_FULL);

	take_all(conf);
	expect(conf, want);
	kvip_free(want);
}
END_TEST

START_TEST(order_of_typing_does_not_matter)
{
	char *want = full_text(N_FULL);

	for (size_t i = N_FULL; i-- > 0;)
		take(conf, full[i]);
	expect(conf, want);
	take_all(conf); /* and again: each line replaces itself */
	expect(conf, want);
	kvip_free(want);
}
END_TEST

/* frr-reload sends `no` and the whole old line: exactly that line is gone. */
START_TEST(no_full_line_removes_that_line)
{
	char line[512], *want;

	for (size_t i = 0; i < N_FULL; i++) {
		struct kvip_conf *c = kvip_conf_new();

		take_all(c);
		snprintf(line, sizeof(line), "no %s", full[i]);
		take(c, line);
		want = full_text(i);
		expect(c, want);
		take(c, full[i]);
		kvip_free(want);
		want = full_text(N_FULL);
		expect(c, want);
		kvip_free(want);
		kvip_conf_unref(c);
	}
}
END_TEST

START_TEST(no_of_every_line_leaves_nothing)
{
	char line[512];

	take_all(conf);
	for (size_t i = 0; i < N_FULL; i++) {
		snprintf(line, sizeof(line), "no %s", full[i]);
		take(conf, line);
	}
	expect(conf, "");
	ck_assert_uint_eq(conf->n_clusters, 0);
}
END_TEST

START_TEST(no_in_its_shortest_form)
{
	static const char *const lines[] = {
		"no kubevip inject",
		"no kubevip node-name",
		"no kubevip reserved-prefix 192.168.77.1/32",
		"no kubevip reserved-prefix fd00:77::/112",
		"no kubevip cluster lab kubeconfig",
		"no kubevip cluster lab in-cluster",
		"no kubevip cluster lab server",
		"no kubevip cluster lab ca-file",
		"no kubevip cluster lab token-file",
		"no kubevip cluster lab client-certificate",
		"no kubevip cluster lab tls-server-name",
		"no kubevip cluster lab proxy-url",
		"no kubevip cluster lab vip-range 192.168.77.0/24",
		"no kubevip cluster lab vip-range 192.168.78.0/24 namespace dev",
		"no kubevip cluster lab vip-range 192.168.78.0/24",
		"no kubevip cluster lab vip-range fd00:77::/64",
		"no kubevip cluster lab prefix-list",
		"no kubevip cluster lab from-cilium",
		"no kubevip cluster lab shutdown",
		"no kubevip cluster lab maximum-vips",
		"no kubevip cluster lab preference",
		"no kubevip cluster lab min-ready-nodes",
		"no kubevip cluster lab snapshot-max-age",
		"no kubevip cluster lab on-api-loss",
		"no kubevip cluster lab withdraw-guard",
		"no kubevip cluster lab advertise web2 service-selector",
		"no kubevip cluster lab advertise web10",
		"no kubevip cluster lab2",
		"no kubevip cluster lab10",
	};

	take_all(conf);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		take(conf, lines[i]);
	expect(conf, "");
}
END_TEST

START_TEST(no_of_another_value_removes_nothing_and_says_so)
{
	struct kvip_err err;

	take(conf, "kubevip cluster lab preference 200");
	ck_assert_int_eq(kvip_conf_text(conf, "no kubevip cluster lab preference 300", &err), 0);
	ck_assert(strlen(err.text) > 0);
	ck_assert_int_eq(kvip_conf_text(conf, "no kubevip cluster lba", &err), 0);
	ck_assert(strlen(err.text) > 0);
	ck_assert_int_eq(kvip_conf_text(conf, "no kubevip cluster lab advertise web tag", &err), 0);
	ck_assert(strlen(err.text) > 0);
	ck_assert_int_eq(kvip_conf_text(conf, "no kubevip cluster lab vip-range 10.0.0.0/24", &err),
			 0);
	ck_assert(strlen(err.text) > 0);
	expect(conf, "kubevip cluster lab preference 200\n");
	ck_assert_int_eq(kvip_conf_text(conf, "no kubevip cluster lab preference 200", &err), 0);
	ck_assert_str_eq(err.text, "");
}
END_TEST

START_TEST(defaults_are_not_written)
{
	take(conf, "kubevip inject zebra");
	take(conf, "kubevip cluster lab preference 100");
	take(conf, "kubevip cluster lab withdraw-guard 50 min 10");
	take(conf, "kubevip cluster lab on-api-loss hold");
	take(conf, "kubevip cluster lab advertise web distance 15");
	take(conf, "kubevip cluster lab advertise web address loadbalancer-ip");
	take(conf, "kubevip cluster lab advertise web next-hop internal-ip");
	take(conf, "kubevip cluster lab advertise web tag 77");
	expect(conf, "");
	ck_assert_uint_eq(conf->n_clusters, 0);
}
END_TEST

START_TEST(values_are_where_the_engine_reads_them)
{
	const struct kvip_cluster_conf *cl;
	const struct kvip_adv_conf *a;

	take_all(conf);
	cl = kvip_conf_cluster(conf, "lab");
	ck_assert_ptr_nonnull(cl);
	ck_assert_uint_eq(cl->servers.n, 3);
	ck_assert_uint_eq(cl->n_ranges, 4);
	ck_assert_uint_eq(cl->guard_percent, 30);
	ck_assert_uint_eq(cl->guard_release_s, 900);
	ck_assert_uint_eq(cl->api_loss_withdraw_s, 600);
	ck_assert(cl->shutdown && cl->in_cluster);
	a = kvip_cluster_adv(cl, "web10");
	ck_assert_ptr_nonnull(a);
	ck_assert_str_eq(cl->advs[0]->name, "web2");
	ck_assert_uint_eq(a->addresses, KVIP_ADDRESS_EXTERNAL | KVIP_ADDRESS_CLUSTER);
	ck_assert_int_eq(a->next_hop, KVIP_NH_ANNOTATION);
	ck_assert_int_eq(a->resolution, KVIP_RESOLVE_IGP);
	ck_assert_int_eq(a->endpoint_rule, KVIP_EP_READY_OR_SERVING);
	ck_assert_uint_eq(a->distance, 12);
	ck_assert_uint_eq(a->table, 10077);
	ck_assert_int_eq(conf->inject, KVIP_INJECT_BGP);
	ck_assert_ptr_null(kvip_conf_cluster(conf, "web"));
	ck_assert_uint_eq(kvip_cluster_adv(cl, "web2")->tag, KVIP_DEFAULT_TAG);
}
END_TEST

static const char *const refused[] = {
	"kubevip",
	"kubevip cluster",
	"kubevip cluster lab",
	"kubevip cluster la/b shutdown",
	"kubevip cluster cilium:a shutdown",
	"kubevip cluster lab from-cilium please",
	"kubevip cluster lab advertise cilia:a tag 5",
	"kubevip cluster lab advertise cilium: tag 5",
	"kubevip cluster lab advertise cilium:A_b tag 5",
	"kubevip cluster lab nonsense",
	"kubevip nonsense",
	"kubevip inject fpm",
	"kubevip inject zebra now",
	"kubevip node-name Node_1",
	"kubevip cluster lab shutdown now",
	"no kubevip cluster lab shutdown now",
	"kubevip cluster lab kubeconfig",
	"kubevip cluster lab kubeconfig relative/path",
	"kubevip cluster lab kubeconfig /a context",
	"kubevip cluster lab kubeconfig /a contxt x",
	"kubevip cluster lab server",
	"kubevip cluster lab server 192.168.99.12:6443",
	"kubevip cluster lab server http://192.168.99.12:6443",
	"kubevip cluster lab server https://",
	"kubevip cluster lab server https://host:",
	"kubevip cluster lab server https://host:0",
	"kubevip cluster lab server https://host:65536",
	"kubevip cluster lab server https://user@host",
	"kubevip cluster lab server https://fd00::1:6443",
	"kubevip cluster lab server https://[fd00::1",
	"kubevip cluster lab server https://[nonsense]:1",
	"kubevip cluster lab server https://a https://b https://a",
	"kubevip cluster lab client-certificate /a",
	"kubevip cluster lab client-certificate /a key b",
	"kubevip cluster lab proxy-url ftp://x",
	"kubevip cluster lab proxy-url http://",
	"kubevip cluster lab vip-range",
	"kubevip cluster lab vip-range 0.0.0.0/0",
	"kubevip cluster lab vip-range ::/0",
	"kubevip cluster lab vip-range 127.0.0.0/8",
	"kubevip cluster lab vip-range 169.254.1.0/24",
	"kubevip cluster lab vip-range 224.0.0.0/4",
	"kubevip cluster lab vip-range fe80::/64",
	"kubevip cluster lab vip-range ff00::/8",
	"kubevip cluster lab vip-range 192.168.77.1/24",
	"kubevip cluster lab vip-range 192.168.77.0/33",
	"kubevip cluster lab vip-range 192.168.77.0/24 namespace",
	"kubevip cluster lab vip-range 192.168.77.0/24 namespace Prod",
	"kubevip cluster lab vip-range 192.168.77.0/24 allow-connected namespace prod",
	"kubevip cluster lab maximum-vips 0",
	"kubevip cluster lab maximum-vips 1000001",
	"kubevip cluster lab maximum-vips -1",
	"kubevip cluster lab maximum-vips 99999999999",
	"kubevip cluster lab on-api-loss withdraw",
	"kubevip cluster lab withdraw-guard 101",
	"kubevip cluster lab withdraw-guard 50 release-after 5 min 1",
	"kubevip cluster lab advertise",
	"kubevip cluster lab advertise web",
	"kubevip cluster lab advertise web nonsense",
	"kubevip cluster lab advertise web service-selector",
	"kubevip cluster lab advertise web service-selector a in",
	"kubevip cluster lab advertise web namespace a b",
	"kubevip cluster lab advertise web address",
	"kubevip cluster lab advertise web address pod-ip",
	"kubevip cluster lab advertise web next-hop",
	"kubevip cluster lab advertise web next-hop annotation",
	"kubevip cluster lab advertise web next-hop internal-ip now",
	"kubevip cluster lab advertise web next-hop subnet 10.0.0.1/8",
	"kubevip cluster lab advertise web tag 0",
	"kubevip cluster lab advertise web distance 1",
	"kubevip cluster lab advertise web distance 255",
	"kubevip cluster lab advertise web distance 256",
	"kubevip cluster lab advertise web table 254",
};

START_TEST(a_refused_line_says_why_and_changes_nothing)
{
	char *before;
	struct kvip_err err;

	take(conf, "kubevip cluster other shutdown");
	take(conf, "kubevip cluster lab vip-range 10.1.0.0/16");
	before = rendered(conf);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int rc = kvip_conf_text(conf, refused[i], &err);

		ck_assert_msg(rc == -EINVAL, "%s: %d", refused[i], rc);
		ck_assert_msg(strlen(err.text) > 10, "%s: `%s`", refused[i], err.text);
		expect(conf, before);
		ck_assert_uint_eq(conf->n_clusters, 2);
	}
	kvip_free(before);
}
END_TEST

START_TEST(text_lines_that_are_not_ours)
{
	struct kvip_err err;

	ck_assert_int_eq(kvip_conf_text(conf, "", &err), 0);
	ck_assert_int_eq(kvip_conf_text(conf, "  \n", &err), 0);
	ck_assert_int_eq(kvip_conf_text(conf, "! kubevip cluster", &err), 0);
	ck_assert_int_eq(kvip_conf_text(conf, "hostname r1", &err), -ENOENT);
	ck_assert_int_eq(kvip_conf_text(conf, "no", &err), -ENOENT);
	ck_assert_int_eq(kvip_conf_text(conf, "no kubevip", NULL), -EINVAL);
}
END_TEST

START_TEST(two_ranges_of_one_prefix_want_a_namespace)
{
	struct kvip_err err;

	take(conf, "kubevip cluster lab vip-range 10.1.0.0/16 namespace a");
	take(conf, "kubevip cluster lab vip-range 10.1.0.0/16 namespace b");
	ck_assert_int_eq(kvip_conf_text(conf, "no kubevip cluster lab vip-range 10.1.0.0/16", &err),
			 -EINVAL);
	take(conf, "kubevip cluster lab vip-range 10.1.0.0/16");
	take(conf, "no kubevip cluster lab vip-range 10.1.0.0/16");
	ck_assert_uint_eq(kvip_conf_cluster(conf, "lab")->n_ranges, 2);
	take(conf, "no kubevip cluster lab vip-range 10.1.0.0/16 namespace a");
	expect(conf, "kubevip cluster lab vip-range 10.1.0.0/16 namespace b\n");
}
END_TEST

START_TEST(limits_are_ordinary_refusals)
{
	char line[128];
	struct kvip_err err;

	for (unsigned int i = 0; i < KVIP_MAX_CLUSTERS; i++) {
		snprintf(line, sizeof(line), "kubevip cluster c%u shutdown", i);
		take(conf, line);
	}
	ck_assert_int_eq(kvip_conf_text(conf, "kubevip cluster d shutdown", &err), -EINVAL);
	take(conf, "no kubevip cluster c0 shutdown"); /* `no` works at the limit, with a value as
							 well */
	take(conf, "kubevip cluster c0 tls-server-name x");
	take(conf, "no kubevip cluster c0 tls-server-name x");
	for (unsigned int i = 0; i < KVIP_MAX_RANGES; i++) {
		snprintf(line, sizeof(line), "kubevip cluster c1 vip-range 10.%u.%u.0/24", i / 256,
			 i % 256);
		take(conf, line);
	}
	ck_assert_int_eq(kvip_conf_text(conf, "kubevip cluster c1 vip-range 11.0.0.0/24", &err),
			 -EINVAL);
	for (unsigned int i = 0; i < KVIP_MAX_ADVERTISE; i++) {
		snprintf(line, sizeof(line), "kubevip cluster c1 advertise a%u honour-cordon", i);
		take(conf, line);
	}
	ck_assert_int_eq(kvip_conf_text(conf, "kubevip cluster c1 advertise x honour-cordon", &err),
			 -EINVAL);
}
END_TEST

START_TEST(natural_order_is_total)
{
	static const char *const sorted[] = {
		"",     "1",    "2",    "10",   "a",     "a1",  "a01",
		"a001", "a2",   "a2b1", "a2b9", "a2b10", "a10", "a99999999999999999999999",
		"b",    "web2", "web10"
	};
	size_t n = sizeof(sorted) / sizeof(sorted[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			int c = kvip_natural_cmp(sorted[i], sorted[j]);

			if (strpbrk(sorted[i], "0") && strpbrk(sorted[j], "0") &&
			    sorted[i][0] == 'a' && i != j) {
				ck_assert_int_ne(c, 0);
				continue;
			}
			if (i == j)
				ck_assert_int_eq(c, 0);
			else
				ck_assert_int_eq(c<0, kvip_natural_cmp(sorted[j], sorted[i])> 0);
		}
	ck_assert_int_lt(kvip_natural_cmp("web2", "web10"), 0);
	ck_assert_int_lt(kvip_natural_cmp("web", "web1"), 0);
	ck_assert_int_ne(kvip_natural_cmp("web01", "web1"), 0);
	ck_assert_int_lt(kvip_natural_cmp("web01", "web2"), 0);
}
END_TEST

START_TEST(a_copy_is_deep_and_counted)
{
	struct kvip_conf *copy;
	char *want = full_text(N_FULL);

	take_all(conf);
	conf->generation = 7;
	copy = kvip_conf_dup(conf);
	take(conf, "no kubevip cluster lab");
	ck_assert_uint_eq(copy->generation, 7);
	expect(copy, want);
	kvip_free(want);
	ck_assert_ptr_eq(kvip_conf_ref(copy), copy);
	kvip_conf_unref(copy);
	ck_assert_ptr_nonnull(kvip_conf_cluster(copy, "lab"));
	kvip_conf_unref(copy);
	kvip_conf_unref(NULL);
}
END_TEST

static struct kvip_buf said;

static void hear(void *ctx, const char *text)
{
	(void)ctx;
	kvip_buf_printf(&said, "%s\n", text);
}

static const char *findings(void)
{
	kvip_buf_reset(&said);
	kvip_conf_check(conf, hear, NULL);
	return kvip_buf_str(&said);
}

START_TEST(check_finds_what_cannot_work)
{
	kvip_buf_init(&said, 1 << 16);
	take(conf, "kubevip cluster lab shutdown");
	ck_assert_ptr_nonnull(strstr(findings(), "no API server"));
	ck_assert_ptr_nonnull(strstr(findings(), "no vip-range"));
	ck_assert_ptr_nonnull(strstr(findings(), "no advertise block"));
	take(conf, "kubevip cluster lab server https://a");
	ck_assert_ptr_nonnull(strstr(findings(), "no credentials"));
	take(conf, "kubevip cluster lab token-file /t");
	ck_assert_ptr_nonnull(strstr(findings(), "no ca-file"));
	take(conf, "kubevip cluster lab ca-file /c");
	take(conf, "kubevip cluster lab vip-range 32.0.0.0/7");
	ck_assert_ptr_nonnull(strstr(findings(), "very wide"));
	take(conf, "no kubevip cluster lab vip-range 32.0.0.0/7");
	take(conf, "kubevip cluster lab vip-range 10.0.0.0/8");
	take(conf, "kubevip cluster lab advertise web tag 5");
	ck_assert_ptr_nonnull(strstr(findings(), "no service-selector"));
	take(conf, "no kubevip cluster lab advertise web");
	take(conf, "kubevip cluster lab from-cilium"); /* blocks and their selectors are Cilium's */
	take(conf, "kubevip cluster lab advertise cilium tag 5");
	ck_assert_str_eq(findings(), "");
	take(conf, "no kubevip cluster lab from-cilium");
	ck_assert_ptr_nonnull(strstr(findings(), "no service-selector"));
	take(conf, "no kubevip cluster lab advertise cilium");
	take(conf, "kubevip cluster lab advertise web tag 5");
	take(conf, "kubevip cluster lab advertise web service-selector any");
	ck_assert_str_eq(findings(), "");
	take(conf, "kubevip cluster lab advertise web distance 20");
	ck_assert_ptr_nonnull(strstr(findings(), "distance 20"));
	take(conf, "no kubevip cluster lab advertise web distance");
	take(conf, "kubevip cluster two in-cluster");
	take(conf, "kubevip cluster two vip-range 10.77.0.0/16");
	take(conf, "kubevip cluster two advertise web service-selector any");
	ck_assert_ptr_nonnull(strstr(findings(), "may both claim 10.77.0.0/16"));
	take(conf, "kubevip reserved-prefix 10.77.0.0/16");
	ck_assert_ptr_nonnull(strstr(findings(), "reserved-prefix"));
	take(conf, "kubevip inject bgp");
	ck_assert_ptr_nonnull(strstr(findings(), "node-name"));
	kvip_buf_done(&said);
}
END_TEST

/* Pieces of help that a syntax needs: one for each word or placeholder. */
static unsigned int tokens(const char *syntax)
{
	unsigned int n = 0;

	for (const char *p = syntax; *p;) {
		size_t len;

		p += strspn(p, " <>[]{}|.");
		if (*p == '(')
			len = strcspn(p, ")") + 1;
		else if (strncmp(p, "A.B.C.D/M", 9) == 0)
			len = 9;
		else
			len = strcspn(p, " <>[]{}|.(");
		n += len > 0;
		p += len;
	}
	return n;
}

static unsigned int lines(const char *help)
{
	unsigned int n = 0;

	for (; *help; help++)
		n += *help == '\n';
	return n;
}

static void check_help(const char *syntax, const char *help)
{
	if (!syntax) {
		ck_assert_ptr_null(help);
		return;
	}
	ck_assert_msg(tokens(syntax) == lines(help), "%s: %u words, %u lines of help", syntax,
		      tokens(syntax), lines(help));
	ck_assert_msg(help[strlen(help) - 1] == '\n', "%s", syntax);
}

START_TEST(every_word_of_the_grammar_has_help)
{
	for (size_t i = 0; i < kvip_conf_grammar_n; i++) {
		const struct kvip_conf_grammar *g = &kvip_conf_grammar[i];

		check_help(g->syntax, g->help);
		check_help(g->no_syntax, g->no_help);
		check_help(g->no_full_syntax, g->no_full_help);
		ck_assert_ptr_nonnull(g->no_syntax);
	}
}
END_TEST

/* Fails each allocation of @line once: refused with -ENOMEM, nothing changed, nothing lost. */
static void starve(struct kvip_conf *c, const char *line)
{
	for (int64_t nth = 1;; nth++) {
		char *before = rendered(c);
		int64_t live = kvip_mem_live();
		struct kvip_err err;
		int rc;

		kvip_mem_fail_at(nth);
		rc = kvip_conf_text(c, line, &err);
		kvip_mem_fail_at(0);
		if (rc == 0) {
			kvip_free(before);
			return;
		}
		ck_assert_msg(rc == -ENOMEM, "%s, allocation %d: %d", line, (int)nth, rc);
		ck_assert_int_eq(kvip_mem_live(), live);
		expect(c, before);
		kvip_free(before);
	}
}

START_TEST(memory_may_run_out_anywhere)
{
	char line[512];

	for (size_t i = 0; i < N_FULL; i++)
		starve(conf, full[i]);
	for (int64_t nth = 1;; nth++) {
		int64_t live = kvip_mem_live();
		struct kvip_conf *copy;

		kvip_mem_fail_at(nth);
		copy = kvip_conf_dup(conf);
		kvip_mem_fail_at(0);
		if (copy) {
			kvip_conf_unref(copy);
			break;
		}
		ck_assert_int_eq(kvip_mem_live(), live);
	}
	for (size_t i = 0; i < N_FULL; i++) {
		snprintf(line, sizeof(line), "no %s", full[i]);
		starve(conf, line);
	}
	expect(conf, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_line_comes_back_in_order);
	tcase_add_test(t, order_of_typing_does_not_matter);
	tcase_add_test(t, no_full_line_removes_that_line);
	tcase_add_test(t, no_of_every_line_leaves_nothing);
	tcase_add_test(t, no_in_its_shortest_form);
	tcase_add_test(t, no_of_another_value_removes_nothing_and_says_so);
	tcase_add_test(t, defaults_are_not_written);
	tcase_add_test(t, values_are_where_the_engine_reads_them);
	tcase_add_test(t, a_refused_line_says_why_and_changes_nothing);
	tcase_add_test(t, text_lines_that_are_not_ours);
	tcase_add_test(t, two_ranges_of_one_prefix_want_a_namespace);
	tcase_add_test(t, limits_are_ordinary_refusals);
	tcase_add_test(t, natural_order_is_total);
	tcase_add_test(t, a_copy_is_deep_and_counted);
	tcase_add_test(t, check_finds_what_cannot_work);
	tcase_add_test(t, every_word_of_the_grammar_has_help);
	tcase_add_test(t, memory_may_run_out_anywhere);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
