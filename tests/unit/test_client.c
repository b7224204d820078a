// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the client against a small HTTP server: objects reach the feed; 401, other servers, proxies.
 *
 * The server is a thread of this program (http_server.h); plain HTTP over 127.0.0.1, which the
 * client takes for a loopback address. TLS is tested with the fake API server in Python.
 */
#include "http_server.h"

#include "kube/kvip_client.h"
#include "kube/kvip_http.h"
#include "kube/kvip_http_socket.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 8000

struct seen {
	int begins, puts, dels, ends, aborts, absent, lock, outside;
	char last_put[64], last_del[64], identity[64];
};

static struct seen seen;
static struct server *api, *api2;
static struct kvip_http *http;
static struct kvip_client *client;
static struct kvip_client_conf conf;
static struct kvip_client_hooks hooks;
static const char *servers[2];
static char url[2][64], token_file[64];

/* ---- the feed ---- */

static void note(void)
{
	if (seen.lock != 1)
		seen.outside++;
}

static void refresh_begin(void *ctx, enum kvip_kind kind)
{
	(void)ctx, (void)kind;
	note();
	seen.begins++;
}

static int put(void *ctx, struct kvip_obj *obj)
{
	(void)ctx;
	note();
	seen.puts++;
	snprintf(seen.last_put, sizeof(seen.last_put), "%s", obj->meta.name);
	kvip_obj_free(obj);
	return 0;
}

static void del(void *ctx, enum kvip_kind kind, const char *ns, const char *name, const char *uid)
{
	(void)ctx, (void)kind, (void)ns, (void)uid;
	note();
	seen.dels++;
	snprintf(seen.last_del, sizeof(seen.last_del), "%s", name);
}

static void refresh_end(void *ctx, enum kvip_kind kind)
{
	(void)ctx, (void)kind;
	note();
	seen.ends++;
}

static void refresh_abort(void *ctx, enum kvip_kind kind)
{
	(void)ctx, (void)kind;
	note();
	seen.aborts++;
}

static void absent(void *ctx, enum kvip_kind kind)
{
	(void)ctx, (void)kind;
	note();
	seen.absent++;
}

static void identity(void *ctx, const char *uid)
{
	(void)ctx;
	note();
	snprintf(seen.identity, sizeof(seen.identity), "%s", uid);
}

static void lock_enter(void *ctx)
{
	(void)ctx;
	seen.lock++;
}

static void lock_leave(void *ctx)
{
	(void)ctx;
	seen.lock--;
}

/* ---- running ---- */

static void write_token(const char *token)
{
	char temp[80];
	FILE *f;

	snprintf(temp, sizeof(temp), "%s.new", token_file);
	f = fopen(temp, "w");
	ck_assert_ptr_nonnull(f);
	fputs(token, f);
	fclose(f);
	ck_assert_int_eq(rename(temp, token_file), 0);
}

static void setup(void)
{
	static const struct kvip_feed feed = { refresh_begin, put,    del,     refresh_end,
					       refresh_abort, absent, identity };
	int fd;

	signal(SIGPIPE, SIG_IGN);
	memset(&seen, 0, sizeof(seen));
	strcpy(token_file, "/tmp/test_client.XXXXXX");
	fd = mkstemp(token_file);
	ck_assert_int_ge(fd, 0);
	close(fd);
	write_token("secret-1\n");
	api = server_start("secret-1");
	api2 = server_start("secret-1");
	snprintf(url[0], sizeof(url[0]), "http://127.0.0.1:%d", server_port(api));
	servers[0] = url[0];
	hooks = (struct kvip_client_hooks){ .feed = &feed,
					    .lock_enter = lock_enter,
					    .lock_leave = lock_leave };
	conf = (struct kvip_client_conf){ .name = "lab",
					  .servers = servers,
					  .n_servers = 1,
					  .token_file = token_file,
					  .kinds = { [KVIP_KIND_SERVICE] = true } };
	http = kvip_http_new("kubevip-test/1 (router)", NULL);
	ck_assert_ptr_nonnull(http);
	client = NULL;
}

static void teardown(void)
{
	kvip_client_free(client);
	kvip_http_free(http);
	server_stop(api);
	server_stop(api2);
	unlink(token_file);
	ck_assert_int_eq(seen.lock, 0);
	ck_assert_int_eq(seen.outside, 0);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

static void make(void)
{
	ck_assert_int_eq(kvip_client_new(http, &conf, &hooks, NULL, 1, kvip_http_now(), &client),
			 0);
}

static void turn(void)
{
	kvip_msec now = kvip_http_now(), due = kvip_client_step(client, now);

	kvip_http_poll(http, due <= now ? 0 : due - now > 20 ? 20 : (int)(due - now));
}

#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		kvip_msec end_ = kvip_http_now() + PATIENCE_MS;                                    \
		while (!(condition)) {                                                             \
			ck_assert_msg(kvip_http_now() < end_, "no " #condition ": %s", last());    \
			turn();                                                                    \
		}                                                                                  \
	} while (0)

static struct kvip_client_status status(void)
{
	struct kvip_client_status st;

	kvip_client_get_status(client, &st);
	return st;
}

static const char *last(void)
{
	static struct kvip_client_status st;

	kvip_client_get_status(client, &st);
	return st.credential_error[0] ? st.credential_error : st.kind[KVIP_KIND_SERVICE].last_error;
}

static enum kvip_watch_state state(void)
{
	return status().kind[KVIP_KIND_SERVICE].state;
}

START_TEST(test_list_and_watch)
{
	make();
	UNTIL(seen.ends == 1 && seen.identity[0]);
	ck_assert_int_eq(seen.puts, 1);
	ck_assert_str_eq(seen.last_put, "web");
	ck_assert_str_eq(seen.identity, "kube-system/uid-of-kube-system");
	ck_assert_str_eq(status().identity, "kube-system/uid-of-kube-system");
	UNTIL(server_watches(api) == 1);
	server_event(api, "ADDED", "two", 11);
	UNTIL(seen.puts == 2);
	ck_assert_str_eq(seen.last_put, "two");
	server_event(api, "DELETED", "web", 12);
	UNTIL(seen.dels == 1);
	ck_assert_str_eq(seen.last_del, "web");
	ck_assert_str_eq(status().kind[KVIP_KIND_SERVICE].resource_version, "12");
	ck_assert_int_eq(status().servers[0].current, true);
	ck_assert(!status().unauthorized);
}
END_TEST

START_TEST(test_headers)
{
	char text[4096];

	make();
	UNTIL(server_watches(api) == 1);
	server_request(api, "limit=", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "\r\nAuthorization: Bearer secret-1\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nUser-Agent: kubevip-test/1 (router)\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nAccept: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nAccept-Encoding: gzip\r\n"));
	server_request(api, "resourceVersion=10", text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "watch=1"));
	ck_assert_ptr_null(strstr(text, "Accept-Encoding"));
}
END_TEST

START_TEST(test_streaming_list)
{
	server_set(api, SERVER_STREAMING);
	make();
	UNTIL(seen.ends == 1);
	ck_assert_int_eq(seen.puts, 1);
	server_event(api, "ADDED", "two", 11);
	UNTIL(seen.puts == 2);
	ck_assert_int_eq(seen.begins, 1);
	ck_assert(status().kind[KVIP_KIND_SERVICE].streaming_list);
}
END_TEST

START_TEST(test_token_is_read_again_after_401)
{
	make();
	UNTIL(server_watches(api) == 1);
	server_token(api, "secret-2");
	write_token("secret-2");
	server_end_watches(api);
	UNTIL(server_watches(api) == 2);
	ck_assert_int_eq(server_denied(api), 1);
	ck_assert_int_eq(seen.ends, 1); /* no relist */
	ck_assert(!status().unauthorized);
}
END_TEST

START_TEST(test_token_is_wrong)
{
	write_token("wrong");
	make();
	UNTIL(status().unauthorized);
	ck_assert_str_ne(last(), "");
	ck_assert_int_eq(seen.ends, 0);
	write_token("secret-1"); /* found by the next try or the next look at the file */
	UNTIL(seen.ends == 1);
	ck_assert(!status().unauthorized);
}
END_TEST

START_TEST(test_credentials_appear_later)
{
	unlink(token_file);
	make();
	UNTIL(status().credential_error[0]);
	ck_assert_ptr_nonnull(strstr(status().credential_error, token_file));
	UNTIL(state() == KVIP_WATCH_BACKOFF);
	write_token("secret-1");
	UNTIL(seen.ends == 1);
	ck_assert_str_eq(status().credential_error, "");
}
END_TEST

START_TEST(test_next_server)
{
	snprintf(url[1], sizeof(url[1]), "http://127.0.0.1:%d", server_port(api2));
	server_stop(api2); /* refuses */
	api2 = NULL;
	servers[0] = url[1];
	servers[1] = url[0];
	conf.n_servers = 2;
	make();
	UNTIL(seen.ends == 1);
	ck_assert(status().servers[1].current);
	ck_assert_uint_ge(status().servers[0].failures, 1);
	ck_assert_ptr_nonnull(strstr(status().servers[0].last_error, "127.0.0.1"));
	ck_assert_uint_eq(status().servers[1].failures, 0);
}
END_TEST

START_TEST(test_server_goes_away)
{
	snprintf(url[1], sizeof(url[1]), "http://127.0.0.1:%d", server_port(api2));
	servers[1] = url[1];
	conf.n_servers = 2;
	make();
	UNTIL(server_watches(api) == 1);
	server_stop(api);
	api = NULL;
	UNTIL(server_watches(api2) == 1);
	ck_assert(status().servers[1].current);
	ck_assert_int_eq(seen.ends, 1); /* the watch went on at its resourceVersion */
	server_event(api2, "ADDED", "two", 11);
	UNTIL(seen.puts == 2);
}
END_TEST

static bool waits_long(enum kvip_kind kind, kvip_msec *until)
{
	struct kvip_watch_status st = status().kind[kind];

	*until = st.next_try_ms;
	return st.state == KVIP_WATCH_BACKOFF && *until > kvip_http_now() + 2 * PATIENCE_MS;
}

/* One kind finds out that the server is back: the other, which would wait for long, does not. */
START_TEST(test_server_is_back)
{
	kvip_msec services, slices;
	int port = server_port(api);

	conf.kinds[KVIP_KIND_SLICE] = true;
	make();
	UNTIL(server_watches(api) == 2);
	server_stop(api);
	while (!waits_long(KVIP_KIND_SERVICE, &services) || !waits_long(KVIP_KIND_SLICE, &slices)) {
		kvip_client_step(client, kvip_http_now() + 80000); /* every wait is over */
		kvip_http_poll(http, 10);
	}
	api = server_start_at("secret-1", port);
	kvip_client_step(client, services < slices ? services : slices);
	UNTIL(server_watches(api) == 2);
	ck_assert_int_eq(seen.ends, 2); /* no relist */
}
END_TEST

START_TEST(test_server_answers_503)
{
	snprintf(url[1], sizeof(url[1]), "http://127.0.0.1:%d", server_port(api2));
	servers[1] = url[1];
	conf.n_servers = 2;
	server_set(api, SERVER_503);
	make();
	UNTIL(seen.ends == 1);
	ck_assert(status().servers[1].current);
	ck_assert_ptr_nonnull(strstr(status().servers[0].last_error, "503"));
}
END_TEST

static bool peer_is_known(size_t server, const char *address)
{
	struct kvip_client_status st = status();
	struct kvip_addr a;

	ck_assert_int_eq(kvip_addr_parse(address, &a), 0);
	for (uint32_t i = 0; i < st.servers[server].n_peers; i++)
		if (kvip_addr_equal(&st.servers[server].peers[i], &a))
			return st.servers[server].n_peers == 1;
	return false;
}

/* What is tried is known even if nobody is there; of a connection that was there already, too. */
START_TEST(test_addresses_of_servers)
{
	servers[0] = "http://127.0.0.7:1";
	servers[1] = url[0];
	conf.n_servers = 2;
	make();
	ck_assert(!peer_is_known(0, "127.0.0.7"));
	UNTIL(seen.ends == 1);
	ck_assert(peer_is_known(0, "127.0.0.7"));
	ck_assert(peer_is_known(1, "127.0.0.1"));
	kvip_client_free(client);
	servers[0] = url[0];
	conf.n_servers = 1;
	make(); /* the next client of this cluster, over the connections of the first */
	UNTIL(seen.ends == 2);
	ck_assert(peer_is_known(0, "127.0.0.1"));
}
END_TEST

/* No answer for the machine's patience: its next request goes to the other server. */
START_TEST(test_server_is_deaf)
{
	kvip_msec later;

	snprintf(url[1], sizeof(url[1]), "http://127.0.0.1:%d", server_port(api2));
	servers[1] = url[1];
	conf.n_servers = 2;
	server_set(api, SERVER_DEAF);
	make();
	for (int i = 0; i < 20; i++)
		turn();
	for (later = 70000; later < 90000; later += 500) {
		kvip_client_step(client, kvip_http_now() + later);
		kvip_http_poll(http, 5);
	}
	UNTIL(seen.ends == 1);
	ck_assert(status().servers[1].current);
	ck_assert_ptr_nonnull(strstr(status().servers[0].last_error, "no answer"));
}
END_TEST

START_TEST(test_proxy)
{
	char proxy[64];

	/* Nobody listens at the server's port: only the proxy (which answers itself) can. */
	servers[0] = "http://127.0.0.1:1";
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", server_port(api));
	conf.proxy_url = proxy;
	make();
	UNTIL(seen.ends == 1);
	ck_assert_int_ge(server_connects(api), 1);
}
END_TEST

/* A proxy comes from the configuration alone. */
START_TEST(test_no_proxy_from_the_environment)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	make();
	UNTIL(seen.ends == 1);
}
END_TEST

START_TEST(test_identity_is_hidden)
{
	server_set(api, SERVER_NO_NAMESPACE);
	make();
	UNTIL(seen.identity[0]);
	ck_assert_str_eq(seen.identity, "kubernetes/uid-of-kubernetes");
}
END_TEST

START_TEST(test_relist)
{
	make();
	UNTIL(server_watches(api) == 1);
	strcpy(seen.identity, "");
	kvip_client_relist(client, kvip_http_now());
	UNTIL(seen.ends == 2 && seen.identity[0]);
	ck_assert_uint_eq(status().servers[0].failures, 0);
}
END_TEST

START_TEST(test_probe)
{
	char text[4096];
	kvip_msec end = kvip_http_now() + PATIENCE_MS;

	make();
	UNTIL(server_watches(api) == 1);
	server_request(api, "?limit=1 ", text, sizeof(text));
	ck_assert_str_eq(text, "");
	while (!text[0] && kvip_http_now() < end) {
		kvip_client_step(client, kvip_http_now() + 80000); /* silence */
		kvip_http_poll(http, 10);
		server_request(api, "?limit=1 ", text, sizeof(text));
	}
	ck_assert_str_ne(text, "");
}
END_TEST

/* Free in the middle of whatever is going on. */
START_TEST(test_free_any_time)
{
	for (int i = 0; i < 40; i++) {
		server_set(api, i % 2 ? SERVER_STREAMING : SERVER_HALF);
		make();
		for (int n = 0; n < i; n++)
			turn();
		kvip_client_free(client);
		client = NULL;
	}
}
END_TEST

START_TEST(test_half_an_answer)
{
	server_set(api, SERVER_HALF);
	make();
	UNTIL(seen.begins == 1);
	server_set(api, SERVER_PLAIN);
	kvip_client_relist(client, kvip_http_now());
	UNTIL(seen.ends == 1);
	ck_assert_int_ge(seen.aborts, 1);
}
END_TEST

static void *wake(void *ctx)
{
	usleep(100000);
	kvip_http_wakeup(ctx);
	return NULL;
}

/* What no API server sends is not waited for, and costs nothing. */
START_TEST(test_far_too_much)
{
	server_set(api, _i ? SERVER_BOMB : SERVER_TRAILERS);
	make();
	UNTIL(strstr(last(), "something else between"));
	ck_assert_int_eq(seen.ends, 0);
}
END_TEST

START_TEST(test_wakeup)
{
	kvip_msec start = kvip_http_now();
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, wake, http), 0);
	ck_assert_int_eq(kvip_http_poll(http, 5000), 0);
	ck_assert_int_lt(kvip_http_now() - start, 3000);
	pthread_join(thread, NULL);
}
END_TEST

/* Each allocation fails once, over as much of a synchronisation as a moment allows. */
START_TEST(test_memory_runs_out)
{
	int64_t before = kvip_mem_live();

	for (int64_t n = 1; n < 150; n++) {
		int rc;

		kvip_mem_fail_at(n);
		rc = kvip_client_new(http, &conf, &hooks, NULL, (uint64_t)n, kvip_http_now() - 1000,
				     &client);
		for (int i = 0; rc == 0 && i < 12; i++)
			turn();
		kvip_mem_fail_at(0);
		kvip_client_free(client);
		client = NULL;
		ck_assert_int_eq(kvip_mem_live(), before);
	}
}
END_TEST

static const struct explained {
	int code;
	const char *detail;
	bool connected;
	enum kvip_transfer_end end;
	const char *says;
} explained[] = {
	{ 6, "Could not resolve host: h", false, KVIP_END_CONNECT, "DNS" },
	{ 7, "Connection refused", false, KVIP_END_CONNECT, "firewall" },
	{ 28, "Connection timed out", false, KVIP_END_CONNECT, "route" },
	{ 28, "Operation too slow", true, KVIP_END_BROKEN, "does not answer" },
	{ 60, "SSL certificate problem: certificate has expired", false, KVIP_END_TLS, "clock" },
	{ 60, "SSL certificate problem: unable to get local issuer certificate", false,
	  KVIP_END_TLS, "ca-file" },
	{ 60, "SSL: no alternative certificate subject name matches target host name 'h'", false,
	  KVIP_END_TLS, "tls-server-name" },
	{ 35, "error:0A00010B:SSL routines::wrong version number", false, KVIP_END_TLS, "port" },
	{ 56, "OpenSSL SSL_read: tlsv13 alert certificate required", true, KVIP_END_TLS,
	  "client certificate" },
	{ 58, "could not load PEM client certificate", false, KVIP_END_CREDENTIALS, "belong" },
	{ 77, "", false, KVIP_END_CREDENTIALS, "ca-file" },
	{ 18, "transfer closed with outstanding read data remaining", true, KVIP_END_BROKEN,
	  "again" },
	{ 52, "Empty reply from server", true, KVIP_END_BROKEN, "https" },
	{ 92, "stream error", true, KVIP_END_BROKEN, "again" },
	{ 60, "SSL: certificate subject name 'a\033[2J\n' does not match target host name 'h'",
	  false, KVIP_END_TLS, "'a?[2J?'" },
};

START_TEST(test_explain)
{
	const struct explained *e = &explained[_i];
	char text[400];

	ck_assert_int_eq(kvip_http_explain(e->code, e->detail, "https://h:6443", e->connected, text,
					   sizeof(text)),
			 e->end);
	ck_assert_msg(strstr(text, e->says), "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "https://h:6443"));
}
END_TEST

START_TEST(test_names_are_resolved_in_the_background)
{
	ck_assert(!kvip_http_resolver_blocks());
}
END_TEST

/* ---- sockets ---- */

static int listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET };
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)at, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

/* From port *@from; 0: any, which it becomes. */
static int connection(struct kvip_sockets *sockets, in_port_t *from, const struct sockaddr_in *to)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = *from };
	int fd = kvip_sockets_open(sockets, AF_INET, SOCK_STREAM, 0), yes = 1;
	socklen_t len = sizeof(own);

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&own, len), 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)to, sizeof(*to)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	*from = own.sin_port;
	return fd;
}

/* Two connections from one local port, and one of them hangs. */
START_TEST(test_connections_to_others_are_not_ended)
{
	struct sockaddr_in server, neighbour;
	struct kvip_sockets sockets = { .n = 0 };
	int listening[2] = { listener(&server), listener(&neighbour) }, ours, bgp;
	in_port_t port = 0;
	char c;

	ours = connection(&sockets, &port, &server);
	bgp = connection(&sockets, &port, &neighbour);
	kvip_sockets_shut(&sockets, ntohs(port), ntohs(server.sin_port));
	ck_assert_int_eq(recv(ours, &c, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(recv(bgp, &c, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(ours);
	close(bgp);
	close(listening[0]);
	close(listening[1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client");
	TCase *t = tcase_create("client"), *p = tcase_create("pure");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_list_and_watch);
	tcase_add_test(t, test_headers);
	tcase_add_test(t, test_streaming_list);
	tcase_add_test(t, test_token_is_read_again_after_401);
	tcase_add_test(t, test_token_is_wrong);
	tcase_add_test(t, test_credentials_appear_later);
	tcase_add_test(t, test_next_server);
	tcase_add_test(t, test_server_goes_away);
	tcase_add_test(t, test_server_is_back);
	tcase_add_test(t, test_server_answers_503);
	tcase_add_test(t, test_addresses_of_servers);
	tcase_add_test(t, test_server_is_deaf);
	tcase_add_test(t, test_proxy);
	tcase_add_test(t, test_no_proxy_from_the_environment);
	tcase_add_test(t, test_identity_is_hidden);
	tcase_add_test(t, test_relist);
	tcase_add_test(t, test_probe);
	tcase_add_test(t, test_free_any_time);
	tcase_add_test(t, test_half_an_answer);
	tcase_add_loop_test(t, test_far_too_much, 0, 2);
	tcase_add_test(t, test_wakeup);
	tcase_add_test(t, test_memory_runs_out);
	suite_add_tcase(s, t);
	tcase_add_loop_test(p, test_explain, 0, (int)(sizeof(explained) / sizeof(explained[0])));
	tcase_add_test(p, test_names_are_resolved_in_the_background);
	tcase_add_test(p, test_connections_to_others_are_not_ended);
	suite_add_tcase(s, p);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
