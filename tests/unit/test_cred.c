// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: credentials from files: what is needed, what is refused, and rotation with its own clock.
 */
#include "kube/kvip_cred.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_CA   "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n"
#define PEM_CERT "-----BEGIN CERTIFICATE-----\nQ0VSVA==\n-----END CERTIFICATE-----\n"
#define PEM_KEY  "-----BEGIN PRIVATE KEY-----\nS0VZ\n-----END PRIVATE KEY-----\n"
/* {"alg":"none"}.{"sub":"x","exp":1800000000,"kubernetes.io":{"exp":1}}. */
#define JWT                                                                                        \
	"eyJhbGciOiJub25lIn0."                                                                     \
	"eyJzdWIiOiJ4IiwiZXhwIjoxODAwMDAwMDAwLCJrdWJlcm5ldGVzLmlvIjp7ImV4cCI6MX19.c2ln"

static char dir[64];
static char paths[8][128];
static const char *const one_server[] = { "https://192.0.2.1:6443" };
static struct kvip_client_conf conf;
static struct kvip_cred *cred;
static kvip_msec now;

static const char *path(unsigned int i, const char *name)
{
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", dir, name);
	return paths[i];
}

/* As a careful program does it: another file under the same name. */
static void put(const char *where, const char *text)
{
	char temp[160];
	FILE *f;

	snprintf(temp, sizeof(temp), "%s.new", where);
	f = fopen(temp, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	chmod(temp, 0600);
	ck_assert_int_eq(rename(temp, where), 0);
}

static void setup(void)
{
	strcpy(dir, "/tmp/test_cred.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	now = 1000;
	cred = NULL;
	conf = (struct kvip_client_conf){
		.name = "lab",
		.servers = one_server,
		.n_servers = 1,
		.ca_file = path(0, "ca.crt"),
		.token_file = path(1, "token"),
	};
	put(conf.ca_file, PEM_CA);
	put(conf.token_file, " \ttoken-1 \n");
}

static void teardown(void)
{
	char command[128];

	kvip_cred_free(cred);
	ck_assert_int_eq(kvip_mem_live(), 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void make(void)
{
	ck_assert_int_eq(kvip_cred_new(&conf, dir, &cred), 0);
	ck_assert_ptr_null(kvip_cred_get(cred));
	(void)kvip_cred_refresh(cred, now, false);
}

static const char *token(void)
{
	return kvip_cred_get(cred)->item[KVIP_CRED_TOKEN].data.data;
}

/* Time goes on until the files are looked at again. */
static bool later(void)
{
	now = kvip_cred_due(cred);
	return kvip_cred_refresh(cred, now, false);
}

START_TEST(test_by_hand)
{
	make();
	ck_assert_str_eq(kvip_cred_error(cred), "");
	ck_assert_str_eq(kvip_cred_warning(cred), "");
	ck_assert_str_eq(token(), "token-1");
	ck_assert_str_eq(kvip_cred_get(cred)->item[KVIP_CRED_CA].data.data, PEM_CA);
	ck_assert_str_eq(kvip_cred_get(cred)->servers[0].host, "192.0.2.1");
	ck_assert_str_eq(kvip_cred_get(cred)->proxy_url, "");
	ck_assert(!later());
}
END_TEST

START_TEST(test_token_rotates)
{
	make();
	put(conf.token_file, JWT "\n");
	ck_assert(!kvip_cred_refresh(cred, now + 1, false)); /* not looked at yet */
	ck_assert(later());
	ck_assert_str_eq(token(), JWT);
	ck_assert_int_eq(kvip_cred_get(cred)->token_expires_s, 1800000000);
	put(conf.token_file, "token-3");
	ck_assert(kvip_cred_refresh(cred, now + 1, true)); /* a 401: at once */
	ck_assert_str_eq(token(), "token-3");
}
END_TEST

START_TEST(test_symlink_swap)
{
	char to[160];

	snprintf(to, sizeof(to), "%s/..data", dir);
	path(2, "v1");
	path(3, "v2");
	mkdir(paths[2], 0700);
	mkdir(paths[3], 0700);
	put(path(4, "v1/token"), "one");
	put(path(5, "v2/token"), "two");
	ck_assert_int_eq(symlink("v1", to), 0);
	conf.token_file = path(6, "..data/token");
	make();
	ck_assert_str_eq(token(), "one");
	ck_assert_int_eq(unlink(to), 0);
	ck_assert_int_eq(symlink("v2", to), 0);
	ck_assert(later());
	ck_assert_str_eq(token(), "two");
}
END_TEST

/* A rotation that went wrong: the old one stays, with a warning, until there is a good one. */
static const char *const bad_tokens[] = { "",
					  " \n\t\n",
					  "to\nken",
					  "to ken",
					  "tok\x01"
					  "en",
					  "tök",
					  NULL };

START_TEST(test_bad_token_keeps_old)
{
	const char *bad = bad_tokens[_i];

	make();
	if (bad)
		put(conf.token_file, bad);
	else
		unlink(conf.token_file);
	ck_assert(!later());
	ck_assert_str_eq(token(), "token-1");
	ck_assert_ptr_nonnull(strstr(kvip_cred_warning(cred), "the former token-file stays"));
	put(conf.token_file, "token-2");
	ck_assert(later());
	ck_assert_str_eq(token(), "token-2");
	ck_assert_str_eq(kvip_cred_warning(cred), "");
}
END_TEST

START_TEST(test_bad_token_from_the_start)
{
	if (bad_tokens[_i])
		put(conf.token_file, bad_tokens[_i]);
	else
		unlink(conf.token_file);
	make();
	ck_assert_ptr_null(kvip_cred_get(cred));
	ck_assert_ptr_nonnull(strstr(kvip_cred_error(cred), conf.token_file));
	put(conf.token_file, "token-2"); /* it appears later */
	ck_assert(later());
	ck_assert_str_eq(token(), "token-2");
	ck_assert_str_eq(kvip_cred_error(cred), "");
}
END_TEST

START_TEST(test_certificate_and_key_together)
{
	const struct kvip_credentials *c;

	conf.token_file = NULL;
	conf.cert_file = path(2, "tls.crt");
	conf.key_file = path(3, "tls.key");
	put(conf.cert_file, PEM_CERT);
	put(conf.key_file, PEM_KEY);
	make();
	ck_assert_str_eq(kvip_cred_error(cred), "");
	put(conf.cert_file, PEM_CERT "new\n");
	unlink(conf.key_file);
	ck_assert(!later()); /* neither changes without the other */
	c = kvip_cred_get(cred);
	ck_assert_str_eq(c->item[KVIP_CRED_CERT].data.data, PEM_CERT);
	ck_assert_str_eq(c->item[KVIP_CRED_KEY].data.data, PEM_KEY);
	put(conf.key_file, PEM_KEY "new\n");
	ck_assert(later());
	c = kvip_cred_get(cred);
	ck_assert_str_eq(c->item[KVIP_CRED_CERT].data.data, PEM_CERT "new\n");
	ck_assert_str_eq(c->item[KVIP_CRED_KEY].data.data, PEM_KEY "new\n");
}
END_TEST

START_TEST(test_encrypted_key_is_refused)
{
	conf.cert_file = path(2, "tls.crt");
	conf.key_file = path(3, "tls.key");
	put(conf.cert_file, PEM_CERT);
	put(conf.key_file, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nx\n");
	make();
	ck_assert_ptr_nonnull(strstr(kvip_cred_error(cred), "passphrase"));
}
END_TEST

START_TEST(test_something_is_missing)
{
	static const char *const http[] = { "http://10.0.0.1" };
	struct kvip_client_conf whole = conf;
	const char *const says[] = { "no CA",           "no token",           "no API server",
				     "belong together", "no PEM certificate", "loopback",
				     "proxy-url",       "regular file" };

	switch (_i) {
	case 0:
		conf.ca_file = NULL;
		break;
	case 1:
		conf.token_file = NULL;
		break;
	case 2:
		conf.n_servers = 0;
		break;
	case 3:
		conf.cert_file = conf.ca_file;
		break;
	case 4:
		put(conf.ca_file, "hello");
		break;
	case 5:
		conf.servers = http;
		break;
	case 6:
		conf.proxy_url = "gopher://x";
		break;
	case 7:
		conf.ca_file = dir;
		break;
	}
	make();
	ck_assert_ptr_null(kvip_cred_get(cred));
	ck_assert_msg(strstr(kvip_cred_error(cred), says[_i]), "%s", kvip_cred_error(cred));
	ck_assert(!later());
	conf = whole;
}
END_TEST

START_TEST(test_loopback_http_needs_nothing)
{
	static const char *const http[] = { "http://127.0.0.1:8001" };

	conf = (struct kvip_client_conf){ .name = "lab", .servers = http, .n_servers = 1 };
	make();
	ck_assert_str_eq(kvip_cred_error(cred), "");
	kvip_cred_free(cred);
	conf.proxy_url = "http://10.0.0.1:3128"; /* it would carry the token in the clear */
	make();
	ck_assert_ptr_nonnull(strstr(kvip_cred_error(cred), "proxy"));
}
END_TEST

START_TEST(test_fifo_does_not_block)
{
	conf.token_file = path(2, "fifo");
	ck_assert_int_eq(mkfifo(conf.token_file, 0600), 0);
	make();
	ck_assert_ptr_nonnull(strstr(kvip_cred_error(cred), "regular file"));
}
END_TEST

START_TEST(test_too_large)
{
	char *big = malloc(KVIP_MAX_TOKEN_BYTES + 2);

	memset(big, 'a', KVIP_MAX_TOKEN_BYTES + 1);
	big[KVIP_MAX_TOKEN_BYTES + 1] = '\0';
	put(conf.token_file, big);
	free(big);
	make();
	ck_assert_ptr_nonnull(strstr(kvip_cred_error(cred), "larger"));
}
END_TEST

START_TEST(test_permissions_warn)
{
	chmod(conf.token_file, 0644);
	make();
	ck_assert_ptr_nonnull(strstr(kvip_cred_warning(cred), "everybody"));
	ck_assert_str_eq(token(), "token-1");
	chmod(conf.token_file, 0640);
	ck_assert(!later()); /* the group is the daemon's */
	ck_assert_str_eq(kvip_cred_warning(cred), "");
}
END_TEST

static void put_kubeconfig(const char *server, const char *user)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "clusters: [{name: c, cluster: {server: '%s', certificate-authority: ca.crt,"
		 " tls-server-name: kubernetes}}]\n"
		 "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
		 "users: [{name: u, user: {%s}}]\n",
		 server, user);
	put(conf.kubeconfig, text);
}

START_TEST(test_kubeconfig)
{
	conf = (struct kvip_client_conf){ .name = "lab", .kubeconfig = path(2, "k.yaml") };
	put_kubeconfig("https://a:6443", "tokenFile: token");
	make();
	ck_assert_msg(kvip_cred_get(cred) != NULL, "%s", kvip_cred_error(cred));
	ck_assert_str_eq(token(), "token-1");
	ck_assert_str_eq(kvip_cred_get(cred)->servers[0].url, "https://a:6443");
	ck_assert_str_eq(kvip_cred_get(cred)->tls_server_name, "kubernetes");

	put_kubeconfig("https://b:6443", "token: inline");
	ck_assert(later());
	ck_assert_str_eq(token(), "inline");
	ck_assert_str_eq(kvip_cred_get(cred)->servers[0].url, "https://b:6443");

	put(conf.kubeconfig, "half a fi: [");
	ck_assert(!later());
	ck_assert_str_eq(token(), "inline");
	ck_assert_ptr_nonnull(strstr(kvip_cred_warning(cred), "former credentials stay"));

	/* Another server with a token that cannot be read: nothing of the old one goes there. */
	put_kubeconfig("https://c:6443", "tokenFile: nowhere");
	ck_assert(!later());
	ck_assert_str_eq(kvip_cred_get(cred)->servers[0].url, "https://b:6443");
	ck_assert_str_eq(token(), "inline");
}
END_TEST

START_TEST(test_by_hand_beats_kubeconfig)
{
	conf.kubeconfig = path(2, "k.yaml");
	conf.tls_server_name = "other";
	put_kubeconfig("https://a:6443", "exec: {command: aws}");
	make();
	ck_assert_msg(kvip_cred_get(cred) != NULL, "%s", kvip_cred_error(cred));
	ck_assert_str_eq(token(), "token-1");
	ck_assert_str_eq(kvip_cred_get(cred)->servers[0].url, "https://192.0.2.1:6443");
	ck_assert_uint_eq(kvip_cred_get(cred)->n_servers, 1);
	ck_assert_str_eq(kvip_cred_get(cred)->tls_server_name, "other");
	kvip_cred_free(cred);
	conf.token_file = NULL;
	make();
	ck_assert_ptr_nonnull(strstr(kvip_cred_error(cred), "exec"));
	ck_assert_ptr_nonnull(strstr(kvip_cred_error(cred), "create token"));
}
END_TEST

START_TEST(test_in_cluster)
{
	conf = (struct kvip_client_conf){ .name = "lab", .in_cluster = true };
	unsetenv("KUBERNETES_SERVICE_HOST");
	make();
	ck_assert_ptr_nonnull(strstr(kvip_cred_error(cred), "KUBERNETES_SERVICE_HOST"));
	setenv("KUBERNETES_SERVICE_HOST", "2001:db8::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	chmod(paths[1], 0644); /* as the kubelet writes it: no warning */
	ck_assert(later());
	ck_assert_str_eq(kvip_cred_get(cred)->servers[0].url, "https://[2001:db8::1]:443");
	ck_assert_str_eq(token(), "token-1");
	ck_assert_str_eq(kvip_cred_warning(cred), "");
}
END_TEST

START_TEST(test_expiry)
{
	ck_assert_int_eq(kvip_cred_token_expiry(JWT), 1800000000);
	ck_assert_int_eq(kvip_cred_token_expiry("opaque"), 0);
	ck_assert_int_eq(kvip_cred_token_expiry("a.b.c"), 0);
	ck_assert_int_eq(kvip_cred_token_expiry("a.e30.c"), 0);
	ck_assert_int_eq(kvip_cred_token_expiry(".."), 0);
	ck_assert_int_eq(kvip_cred_token_expiry("a.eyJleHAiOi01fQ.c"), 0); /* {"exp":-5} */
}
END_TEST

/* Whatever fails, at the start or later: no leak, no crash, and the old credentials stay. */
START_TEST(test_memory_runs_out)
{
	conf.kubeconfig = path(2, "k.yaml");
	put_kubeconfig("https://a:6443", "token: x");
	for (int64_t n = 1;; n++) {
		int rc;

		kvip_mem_fail_at(n);
		rc = kvip_cred_new(&conf, dir, &cred);
		if (rc == 0)
			(void)kvip_cred_refresh(cred, now, true);
		if (!kvip_mem_failed())
			break;
		ck_assert(rc == -ENOMEM || !kvip_cred_get(cred));
		if (rc == 0)
			kvip_cred_free(cred);
		cred = NULL;
		ck_assert_int_eq(kvip_mem_live(), 0);
	}
	for (int64_t n = 1;; n++) {
		kvip_mem_fail_at(n);
		(void)kvip_cred_refresh(cred, now, true);
		if (!kvip_mem_failed())
			break;
		ck_assert_str_eq(token(), "token-1");
	}
	kvip_mem_fail_at(0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cred");
	TCase *t = tcase_create("cred");
	SRunner *r = srunner_create(s);
	int failed, n_bad = (int)(sizeof(bad_tokens) / sizeof(bad_tokens[0]));

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_by_hand);
	tcase_add_test(t, test_token_rotates);
	tcase_add_test(t, test_symlink_swap);
	tcase_add_loop_test(t, test_bad_token_keeps_old, 0, n_bad);
	tcase_add_loop_test(t, test_bad_token_from_the_start, 0, n_bad);
	tcase_add_test(t, test_certificate_and_key_together);
	tcase_add_test(t, test_encrypted_key_is_refused);
	tcase_add_loop_test(t, test_something_is_missing, 0, 8);
	tcase_add_test(t, test_loopback_http_needs_nothing);
	tcase_add_test(t, test_fifo_does_not_block);
	tcase_add_test(t, test_too_large);
	tcase_add_test(t, test_permissions_warn);
	tcase_add_test(t, test_kubeconfig);
	tcase_add_test(t, test_by_hand_beats_kubeconfig);
	tcase_add_test(t, test_in_cluster);
	tcase_add_test(t, test_expiry);
	tcase_add_test(t, test_memory_runs_out);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
