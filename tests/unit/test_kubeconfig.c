// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: kubeconfig: what is taken, what is refused and how; URLs; base64; YAML's bounds.
 */
#include "kube/kvip_kubeconfig.h"
#include "kube/kvip_url.h"
#include "kube/kvip_yaml.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTERS "clusters: [{name: c, cluster: {server: 'https://h:6443', " CA "}}]\n"
#define CA       "certificate-authority: ca.crt"
#define CONTEXTS "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
#define USERS    "users: [{name: u, user: {token: abc}}]\n"

static int parse(const char *text, const char *context, struct kvip_kubeconfig **k,
		 struct kvip_err *err)
{
	return kvip_kubeconfig_parse(text, strlen(text), "/etc/k/lab.yaml", context, k, err);
}

static const char full[] =
	"apiVersion: v1\n"
	"kind: Config\n"
	"preferences: {}\n"
	"clusters:\n"
	"- name: other\n"
	"  cluster: {server: https://other}\n"
	"- name: lab\n"
	"  cluster:\n"
	"    server: https://192.168.99.12:6443\n"
	"    certificate-authority: /never/read\n"
	"    certificate-authority-data: aGVs\n"
	"      bG8=\n"
	"    tls-server-name: kubernetes\n"
	"    proxy-url: socks5://127.0.0.1:1080\n"
	"    insecure-skip-tls-verify: false\n"
	"contexts:\n"
	"- {name: a, context: {cluster: lab, user: router, namespace: default}}\n"
	"- {name: b, context: {cluster: other, user: router}}\n"
	"current-context: a\n"
	"users:\n"
	"- name: router\n"
	"  user:\n"
	"    token: old\n"
	"    tokenFile: secret/token\n"
	"    client-certificate: tls.crt\n"
	"    client-key-data: a2V5\n"
	"    unknown-field: [1, {2: 3}]\n";

START_TEST(test_every_field)
{
	struct kvip_kubeconfig *k;
	struct kvip_err err;

	ck_assert_msg(parse(full, NULL, &k, &err) == 0, "%s", err.text);
	ck_assert_str_eq(k->context, "a");
	ck_assert_str_eq(k->server, "https://192.168.99.12:6443");
	ck_assert_str_eq(k->tls_server_name, "kubernetes");
	ck_assert_str_eq(k->proxy_url, "socks5://127.0.0.1:1080");
	ck_assert_ptr_null(k->ca_file); /* the data beats the file */
	ck_assert_str_eq(k->ca.data, "hello");
	ck_assert_str_eq(k->token_file, "/etc/k/secret/token");
	ck_assert_ptr_null(k->token); /* tokenFile beats it */
	ck_assert_str_eq(k->cert_file, "/etc/k/tls.crt");
	ck_assert_str_eq(k->key.data, "key");
	ck_assert(k->holds_secret);
	ck_assert_str_eq(k->user_error.text, "");
	kvip_kubeconfig_free(k);
	ck_assert_int_eq(kvip_mem_live(), 0);
}
END_TEST

START_TEST(test_context_by_name)
{
	struct kvip_kubeconfig *k;
	struct kvip_err err;

	ck_assert_int_eq(parse(full, "b", &k, &err), 0);
	ck_assert_str_eq(k->server, "https://other");
	kvip_kubeconfig_free(k);
	ck_assert_int_eq(parse(full, "c", &k, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/etc/k/lab.yaml line"));
}
END_TEST

START_TEST(test_json_and_aliases)
{
	static const char json[] =
		"{\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"https://h\"}}],"
		"\"contexts\":[{\"name\":\"x\",\"context\":{\"cluster\":\"c\",\"user\":\"u\"}}],"
		"\"current-context\":\"x\","
		"\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}]}";
	static const char aliases[] =
		"clusters: [{name: &n c, cluster: {server: https://h}}]\n"
		"contexts: [{name: *n, context: {cluster: *n, user: *n}}]\n"
		"users: [{name: *n, user: {token: t}}]\ncurrent-context: *n\n";
	struct kvip_kubeconfig *k;
	struct kvip_err err;

	ck_assert_msg(parse(json, NULL, &k, &err) == 0, "%s", err.text);
	ck_assert_str_eq(k->token, "t");
	kvip_kubeconfig_free(k);
	ck_assert_msg(parse(aliases, NULL, &k, &err) == 0, "%s", err.text);
	ck_assert_str_eq(k->context, "c");
	kvip_kubeconfig_free(k);
}
END_TEST

static const struct refusal {
	const char *text;
	int code;
	const char *says; /* in the error */
} refusals[] = {
	{ "", -EINVAL, "no kubeconfig" },
	{ "just text", -EINVAL, "no kubeconfig" },
	{ "a: [1, 2", -EINVAL, "line" },
	{ "a: *b", -EINVAL, "anchor" },
	{ "\tkind: Config", -EINVAL, "line 1" },
	{ "kind: Pod\n", -EINVAL, "kind is not Config but Pod" },
	{ "kind: Config\n", -EINVAL, "current-context" },
	{ CLUSTERS CONTEXTS USERS "---\n" USERS, -EINVAL, "second document" },
	{ "current-context: x\n", -EINVAL, "no list of contexts" },
	{ "contexts: {}\ncurrent-context: x\n", -EINVAL, "no list of contexts" },
	{ CONTEXTS USERS, -EINVAL, "no list of clusters" },
	{ CLUSTERS CONTEXTS, -EINVAL, "no list of users" },
	{ "clusters: []\n" CONTEXTS USERS, -ENOENT, "clusters" },
	{ CLUSTERS CONTEXTS "users: [{name: v, user: {}}]\n", -ENOENT, "users" },
	{ CLUSTERS CONTEXTS "users: [{name: u}]\n", -EINVAL, "no user" },
	{ CLUSTERS CONTEXTS USERS "current-context: y\n", -EINVAL, "a second current-context" },
	{ CLUSTERS CONTEXTS "users: [{name: u, user: {token: a, token: b}}]\n", -EINVAL,
	  "a second token" },
	{ CLUSTERS CONTEXTS "users: [{name: u, user: {}}, {name: u, user: {}}]\n", -EINVAL,
	  "a second entry with the name u" },
	{ "clusters: [{name: c, cluster: {" CA "}}]\n" CONTEXTS USERS, -EINVAL, "no server" },
	{ "clusters: [{name: c, cluster: {server: [a]}}]\n" CONTEXTS USERS, -EINVAL, "not a text" },
	{ "clusters:\n- name: c\n  cluster:\n    server: https://h\n"
	  "    insecure-skip-tls-verify: true\n" CONTEXTS USERS,
	  -EINVAL, "line 5: insecure-skip-tls-verify is refused" },
	{ "clusters: [{name: c, cluster: {server: a, insecure-skip-tls-verify: x}}]\n" CONTEXTS
		  USERS,
	  -EINVAL, "insecure" },
	{ "clusters: [{name: c, cluster: {server: a, certificate-authority-data: '*'}}]\n" CONTEXTS
		  USERS,
	  -EINVAL, "not base64" },
	{ CLUSTERS CONTEXTS "users: [{name: u, user: {token: \"a\\0b\"}}]\n", -EINVAL, "NUL" },
};

START_TEST(test_refused)
{
	const struct refusal *r = &refusals[_i];
	struct kvip_kubeconfig *k = NULL;
	struct kvip_err err = { "" };

	ck_assert_int_eq(parse(r->text, NULL, &k, &err), r->code);
	ck_assert_ptr_null(k);
	ck_assert_msg(strstr(err.text, r->says), "\"%s\" is not in \"%s\"", r->says, err.text);
	ck_assert_ptr_nonnull(strstr(err.text, "/etc/k/lab.yaml"));
	ck_assert_int_eq(kvip_mem_live(), 0);
}
END_TEST

static const char *const useless_users[][2] = {
	{ "exec: {command: aws}", "exec" },
	{ "auth-provider: {name: gcp}", "auth-provider" },
	{ "username: admin, password: x", "username" },
	{ "token: t, as: somebody", "impersonation" },
	{ "token: t, as-groups: [g]", "impersonation" },
	{ "client-certificate: c.pem", "belong together" },
	{ "client-key: c.pem", "belong together" },
};

START_TEST(test_useless_user)
{
	struct kvip_kubeconfig *k;
	struct kvip_err err;
	char text[1024];

	snprintf(text, sizeof(text), CLUSTERS CONTEXTS "users: [{name: u, user: {%s}}]\n",
		 useless_users[_i][0]);
	ck_assert_msg(parse(text, NULL, &k, &err) == 0, "%s", err.text);
	ck_assert_msg(strstr(k->user_error.text, useless_users[_i][1]), "%s", k->user_error.text);
	ck_assert_ptr_nonnull(strstr(k->user_error.text, "line 4"));
	kvip_kubeconfig_free(k);
}
END_TEST

START_TEST(test_null_and_empty_are_absent)
{
	struct kvip_kubeconfig *k;
	struct kvip_err err;

	ck_assert_int_eq(parse(CLUSTERS CONTEXTS "users: [{name: u, user: {token: t, exec: null, "
						 "username: '', password: ~, tokenFile: }}]\n",
			       NULL, &k, &err),
			 0);
	ck_assert_str_eq(k->user_error.text, "");
	ck_assert_str_eq(k->token, "t");
	ck_assert_ptr_null(k->token_file);
	kvip_kubeconfig_free(k);
}
END_TEST

static char *repeat(const char *unit, size_t n)
{
	size_t len = strlen(unit);
	char *text = malloc(len * n + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, unit, len + 1);
	return text;
}

/* Each of these would take libyaml's own loader seconds to minutes. */
START_TEST(test_hostile)
{
	static const char *const units[] = { "[", "{a: ", "- ", "? ", "[[],", "a: &a\n", "&a [*a," };
	char *text = repeat(units[_i], 100000);
	struct kvip_kubeconfig *k;
	struct kvip_err err;

	ck_assert_int_lt(parse(text, NULL, &k, &err), 0);
	ck_assert_int_eq(kvip_mem_live(), 0);
	free(text);
}
END_TEST

START_TEST(test_billion_laughs)
{
	char text[4096] = "a: &a0 [x, x, x, x]\n";
	struct kvip_kubeconfig *k;
	struct kvip_err err;

	for (int i = 1; i < 30; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1,
			 i - 1, i - 1);
	strcat(text, CLUSTERS CONTEXTS USERS);
	ck_assert_msg(parse(text, NULL, &k, &err) == 0, "%s", err.text);
	kvip_kubeconfig_free(k);
}
END_TEST

START_TEST(test_memory_runs_out)
{
	struct kvip_kubeconfig *k;
	struct kvip_err err;
	int rc;

	for (int64_t n = 1;; n++) {
		kvip_mem_fail_at(n);
		rc = parse(full, NULL, &k, &err);
		if (!kvip_mem_failed())
			break;
		ck_assert_int_eq(rc, -ENOMEM);
		ck_assert_int_eq(kvip_mem_live(), 0);
	}
	kvip_mem_fail_at(0);
	ck_assert_int_eq(rc, 0);
	kvip_kubeconfig_free(k);
	ck_assert_int_eq(kvip_mem_live(), 0);
}
END_TEST

static const struct url {
	const char *in;
	const char *url, *host; /* NULL: refused */
	int port;
	const char *path;
} urls[] = {
	{ "https://h", "https://h:443", "h", 443, "" },
	{ "https://h:6443/", "https://h:6443", "h", 6443, "" },
	{ "HTTPS://10.0.0.1:6443", "https://10.0.0.1:6443", "10.0.0.1", 6443, "" },
	{ "https://[2001:db8::1]:6443", "https://[2001:db8::1]:6443", "2001:db8::1", 6443, "" },
	{ "https://[2001:db8::1]", "https://[2001:db8::1]:443", "2001:db8::1", 443, "" },
	{ "https://r/k8s/clusters/c-1/", "https://r:443/k8s/clusters/c-1", "r", 443,
	  "/k8s/clusters/c-1" },
	{ "http://127.0.0.1:8001", "http://127.0.0.1:8001", "127.0.0.1", 8001, "" },
	{ "http://[::1]:8001", "http://[::1]:8001", "::1", 8001, "" },
	{ .in = "http://localhost:8001" },
	{ .in = "http://10.0.0.1" },
	{ .in = "http://h:80" },
	{ .in = "h:6443" },
	{ .in = "https://" },
	{ .in = "https://:6443" },
	{ .in = "https://h:0" },
	{ .in = "https://h:65536" },
	{ .in = "https://h:64a" },
	{ .in = "https://h:" },
	{ .in = "https://[::1" },
	{ .in = "https://[h]:1" },
	{ .in = "https://[10.0.0.1]:1" },
	{ .in = "https://2001:db8::1" },
	{ .in = "https://user:secret@h" },
	{ .in = "https://h/?a=b" },
	{ .in = "https://h#x" },
	{ .in = "https://h\r\nHost: x" },
	{ .in = "https://h x" },
	{ .in = "ftp://h" },
	{ .in = "file:///etc/passwd" },
};

START_TEST(test_server_url)
{
	const struct url *u = &urls[_i];
	struct kvip_server s;
	struct kvip_err err = { "" };
	int rc = kvip_server_parse(u->in, "server", &s, &err);

	if (!u->url) {
		ck_assert_int_eq(rc, -EINVAL);
		ck_assert_str_ne(err.text, "");
		ck_assert_ptr_null(strstr(err.text, "secret"));
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_str_eq(s.url, u->url);
	ck_assert_str_eq(s.host, u->host);
	ck_assert_int_eq(s.port, u->port);
	ck_assert_str_eq(s.path, u->path);
	ck_assert_int_eq(s.ip6, strchr(s.host, ':') != NULL);
	ck_assert_int_eq(s.tls, s.url[4] == 's');
}
END_TEST

START_TEST(test_long_url)
{
	char *name = repeat("a", 300);
	char text[400];
	struct kvip_server s;

	for (size_t n = 1; n < 300; n++) {
		snprintf(text, sizeof(text), "https://%.*s", (int)n, name);
		if (kvip_server_parse(text, "server", &s, NULL) == 0)
			ck_assert_uint_lt(strlen(s.url), sizeof(s.url));
		else
			ck_assert_uint_gt(n, 200);
	}
	free(name);
}
END_TEST

START_TEST(test_proxy_url)
{
	struct kvip_err err;
	char out[KVIP_URL_BYTES];
	bool loopback;

	ck_assert_int_eq(kvip_proxy_parse("socks5://u:p@[::1]:1080", out, &loopback, &err), 0);
	ck_assert_str_eq(out, "socks5h://u:p@[::1]:1080");
	ck_assert(loopback);
	ck_assert_int_eq(kvip_proxy_parse("http://proxy:3128/", out, &loopback, &err), 0);
	ck_assert_str_eq(out, "http://proxy:3128/");
	ck_assert(!loopback);
	ck_assert_int_lt(kvip_proxy_parse("socks4://h", out, &loopback, &err), 0);
	ck_assert_int_lt(kvip_proxy_parse("http://u:secret@h h", out, &loopback, &err), 0);
	ck_assert_ptr_null(strstr(err.text, "secret"));
	ck_assert_int_lt(kvip_proxy_parse("proxy:3128", out, &loopback, &err), 0);
}
END_TEST

START_TEST(test_base64)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9v\nYmFy", "foobar" },
		{ "Z", NULL },
		{ "Zm9v!", NULL },
		{ "Zg==Zg", NULL },
		{ "-_-_", "\xfb\xff\xbf" },
		{ "+/+/", "\xfb\xff\xbf" },
	};
	struct kvip_blob b;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = kvip_base64_decode(rows[i][0], strlen(rows[i][0]), &b);

		if (!rows[i][1]) {
			ck_assert_int_eq(rc, -EINVAL);
			continue;
		}
		ck_assert_int_eq(rc, 0);
		ck_assert_str_eq(b.data, rows[i][1]);
		ck_assert_uint_eq(b.len, strlen(rows[i][1]));
		kvip_blob_done(&b);
	}
	ck_assert_int_eq(kvip_mem_live(), 0);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
	Suite *s = suite_create("kubeconfig");
	TCase *t = tcase_create("kubeconfig");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, test_every_field);
	tcase_add_test(t, test_context_by_name);
	tcase_add_test(t, test_json_and_aliases);
	tcase_add_loop_test(t, test_refused, 0, ROWS(refusals));
	tcase_add_loop_test(t, test_useless_user, 0, ROWS(useless_users));
	tcase_add_test(t, test_null_and_empty_are_absent);
	tcase_add_loop_test(t, test_hostile, 0, 7);
	tcase_add_test(t, test_billion_laughs);
	tcase_add_test(t, test_memory_runs_out);
	tcase_add_loop_test(t, test_server_url, 0, ROWS(urls));
	tcase_add_test(t, test_long_url);
	tcase_add_test(t, test_proxy_url);
	tcase_add_test(t, test_base64);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
