/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: a very small API server for test_client.c: a thread, HTTP/1.1 on 127.0.0.1, one Service.
 *
 * It answers CONNECT as a proxy that leads to itself. All functions: any thread.
 * Header-only, because each test is one program of one file.
 */
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define SERVER_CONNECTIONS 16
#define SERVER_REQUESTS    64
#define SERVER_TEXT        4096

enum server_mode {
	SERVER_PLAIN,        /* knows no streaming list: 422 */
	SERVER_STREAMING,    /* knows it */
	SERVER_503,          /* has no backend */
	SERVER_NO_NAMESPACE, /* 403 on namespace kube-system */
	SERVER_HALF,         /* the list breaks off in the middle and hangs */
	SERVER_DEAF,         /* takes connections and never says a word */
	SERVER_TRAILERS,     /* the list is followed by half a megabyte of trailers */
	SERVER_BOMB,         /* ... has 64 MB of blanks in it, and is well packed */
};

struct server_conn {
	int fd; /* -1: free */
	bool watch;
	char text[SERVER_TEXT];
	size_t len;
};

struct server {
	pthread_t thread;
	pthread_mutex_t lock;
	int fd, port;
	bool stop;
	enum server_mode mode;
	char token[64];
	struct server_conn conn[SERVER_CONNECTIONS];
	char requests[SERVER_REQUESTS][SERVER_TEXT];
	int n_requests, n_watches, n_401, n_connects;
};

static inline void server_send(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static inline void server_chunk(int fd, const char *text)
{
	char head[32];

	snprintf(head, sizeof(head), "%zx\r\n", strlen(text));
	server_send(fd, head);
	server_send(fd, text);
	server_send(fd, "\r\n");
}

static inline void server_answer(int fd, int code, const char *body)
{
	char head[160];

	snprintf(head, sizeof(head),
		 "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		 code, strlen(body));
	server_send(fd, head);
	server_send(fd, body);
}

static inline void server_error(int fd, int code, const char *reason)
{
	char body[200];

	snprintf(body, sizeof(body),
		 "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","
		 "\"reason\":\"%s\",\"code\":%d}",
		 reason, code);
	server_answer(fd, code, body);
}

#define SERVER_STREAM_HEAD                                                                         \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
#define SERVER_META(name, rv)                                                                      \
	"\"metadata\":{\"namespace\":\"default\",\"name\":\"" name "\",\"uid\":\"u-" name          \
	"\",\"resourceVersion\":\"" rv "\"},\"spec\":{\"type\":\"LoadBalancer\"}"
#define SERVER_LIST                                                                                \
	"{\"apiVersion\":\"v1\","                                                                  \
	"\"metadata\":{\"resourceVersion\":\"10\"},"                                               \
	"\"items\":[{" SERVER_META("web", "9") "}]}"

static inline void server_watch(struct server *s, struct server_conn *c, bool initial)
{
	server_send(c->fd, SERVER_STREAM_HEAD);
	c->watch = true;
	s->n_watches++;
	if (!initial)
		return;
	server_chunk(c->fd, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Service\","
			    "\"apiVersion\":\"v1\"," SERVER_META("web", "9") "}}\n");
	server_chunk(c->fd, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Service\","
			    "\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"10\","
			    "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n");
}

static inline void server_trailers(int fd)
{
	server_send(fd, SERVER_STREAM_HEAD);
	server_chunk(fd, SERVER_LIST);
	server_send(fd, "0\r\n");
	for (int i = 0; i < 512; i++) {
		char line[1024];

		snprintf(line, sizeof(line), "X-%d: %0999d\r\n", i, i);
		server_send(fd, line);
	}
	server_send(fd, "\r\n");
}

static inline void server_bomb(int fd)
{
	static const char head[] = "{\"items\":[",
			  tail[] = "],\"metadata\":{\"resourceVersion\":\"1\"}}";
	static const char http[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				   "Content-Encoding: gzip\r\nConnection: close\r\n\r\n";
	size_t blanks = 64u << 20, size = sizeof(head) + blanks + sizeof(tail);
	unsigned char *plain = malloc(size), *packed = malloc(size);
	z_stream z = { .next_in = plain, .next_out = packed, .avail_out = (uInt)size };

	memset(plain, ' ', size);
	memcpy(plain, head, sizeof(head) - 1);
	memcpy(plain + sizeof(head) + blanks, tail, sizeof(tail) - 1);
	z.avail_in = (uInt)(sizeof(head) + blanks + sizeof(tail) - 1);
	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	server_send(fd, http);
	(void)!send(fd, packed, z.total_out, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	deflateEnd(&z);
	free(plain);
	free(packed);
}

static inline void server_list(struct server *s, struct server_conn *c)
{
	if (s->mode == SERVER_TRAILERS) {
		server_trailers(c->fd);
		return;
	}
	if (s->mode == SERVER_BOMB) {
		server_bomb(c->fd);
		return;
	}
	if (s->mode == SERVER_HALF) {
		server_send(c->fd, SERVER_STREAM_HEAD
			    "20\r\n{\"kind\":\"ServiceList\",\"items\":[{\"m\r\n");
		return;
	}
	server_answer(c->fd, 200, SERVER_LIST);
}

static inline void server_route(struct server *s, struct server_conn *c)
{
	char auth[128];

	snprintf(auth, sizeof(auth), "\r\nAuthorization: Bearer %s\r\n", s->token);
	if (strncmp(c->text, "CONNECT ", 8) == 0) {
		s->n_connects++;
		server_send(c->fd, "HTTP/1.1 200 Connection established\r\n\r\n");
	} else if (s->mode == SERVER_DEAF) {
		return;
	} else if (s->mode == SERVER_503) {
		server_error(c->fd, 503, "ServiceUnavailable");
	} else if (!strstr(c->text, auth)) {
		s->n_401++;
		server_error(c->fd, 401, "Unauthorized");
	} else if (strstr(c->text, "/namespaces/kube-system ")) {
		if (s->mode == SERVER_NO_NAMESPACE)
			server_error(c->fd, 403, "Forbidden");
		else
			server_answer(c->fd, 200,
				      "{\"metadata\":{\"uid\":\"uid-of-kube-system\"}}");
	} else if (strstr(c->text, "/default/services/kubernetes ")) {
		server_answer(c->fd, 200, "{\"metadata\":{\"uid\":\"uid-of-kubernetes\"}}");
	} else if (strstr(c->text, "sendInitialEvents")) {
		if (s->mode == SERVER_STREAMING)
			server_watch(s, c, true);
		else
			server_error(c->fd, 422, "Invalid");
	} else if (strstr(c->text, "watch=1")) {
		server_watch(s, c, false);
	} else {
		server_list(s, c);
	}
}

static inline void server_close(struct server_conn *c)
{
	close(c->fd);
	c->fd = -1;
	c->watch = false;
	c->len = 0;
}

static inline void server_read(struct server *s, struct server_conn *c)
{
	ssize_t n = recv(c->fd, c->text + c->len, sizeof(c->text) - 1 - c->len, 0);
	char *end;

	if (n <= 0) {
		server_close(c);
		return;
	}
	c->len += (size_t)n;
	c->text[c->len] = '\0';
	end = strstr(c->text, "\r\n\r\n");
	if (!end)
		return;
	if (s->n_requests < SERVER_REQUESTS)
		memcpy(s->requests[s->n_requests++], c->text, c->len + 1);
	server_route(s, c);
	c->len = 0; /* libcurl does not pipeline */
}

static inline void server_accept(struct server *s)
{
	int fd = accept(s->fd, NULL, NULL);

	for (int i = 0; fd >= 0 && i < SERVER_CONNECTIONS; i++) {
		if (s->conn[i].fd >= 0)
			continue;
		s->conn[i].fd = fd;
		return;
	}
	if (fd >= 0)
		close(fd);
}

static inline void *server_run(void *ctx)
{
	struct server *s = ctx;
	struct pollfd p[SERVER_CONNECTIONS + 1];

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		for (int i = 0; i < SERVER_CONNECTIONS; i++)
			p[i] = (struct pollfd){ .fd = s->conn[i].fd, .events = POLLIN };
		p[SERVER_CONNECTIONS] = (struct pollfd){ .fd = s->fd, .events = POLLIN };
		pthread_mutex_unlock(&s->lock);
		(void)poll(p, SERVER_CONNECTIONS + 1, 5);
		pthread_mutex_lock(&s->lock);
		for (int i = 0; i < SERVER_CONNECTIONS; i++)
			if (p[i].revents && s->conn[i].fd == p[i].fd && p[i].fd >= 0)
				server_read(s, &s->conn[i]);
		if (p[SERVER_CONNECTIONS].revents)
			server_accept(s);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static inline struct server *server_start_at(const char *token, int port)
{
	struct server *s = calloc(1, sizeof(*s));
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons((uint16_t)port),
				   .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sin);
	int yes = 1;

	snprintf(s->token, sizeof(s->token), "%s", token);
	for (int i = 0; i < SERVER_CONNECTIONS; i++)
		s->conn[i].fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(s->fd, (struct sockaddr *)&sin, len) || listen(s->fd, 16) ||
	    getsockname(s->fd, (struct sockaddr *)&sin, &len))
		abort();
	s->port = ntohs(sin.sin_port);
	if (pthread_create(&s->thread, NULL, server_run, s))
		abort();
	return s;
}

static inline struct server *server_start(const char *token)
{
	return server_start_at(token, 0);
}

static inline void server_stop(struct server *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	for (int i = 0; i < SERVER_CONNECTIONS; i++)
		if (s->conn[i].fd >= 0)
			close(s->conn[i].fd);
	close(s->fd);
	free(s);
}

static inline int server_port(const struct server *s)
{
	return s->port;
}

/* SERVER_LOCKED: run @code with the lock held. */
#define SERVER_LOCKED(s, code)                                                                     \
	do {                                                                                       \
		pthread_mutex_lock(&(s)->lock);                                                    \
		code;                                                                              \
		pthread_mutex_unlock(&(s)->lock);                                                  \
	} while (0)

static inline void server_set(struct server *s, enum server_mode mode)
{
	SERVER_LOCKED(s, s->mode = mode);
}

static inline void server_token(struct server *s, const char *token)
{
	SERVER_LOCKED(s, snprintf(s->token, sizeof(s->token), "%s", token));
}

static inline int server_watches(struct server *s)
{
	int n;

	SERVER_LOCKED(s, n = s->n_watches);
	return n;
}

static inline int server_denied(struct server *s)
{
	int n;

	SERVER_LOCKED(s, n = s->n_401);
	return n;
}

static inline int server_connects(struct server *s)
{
	int n;

	SERVER_LOCKED(s, n = s->n_connects);
	return n;
}

/* The first request that contains @what, or "". */
static inline void server_request(struct server *s, const char *what, char *out, size_t size)
{
	out[0] = '\0';
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < s->n_requests && !out[0]; i++)
		if (strstr(s->requests[i], what))
			snprintf(out, size, "%s", s->requests[i]);
	pthread_mutex_unlock(&s->lock);
}

/* One event to every watch that is open. */
static inline void server_event(struct server *s, const char *type, const char *name, int rv)
{
	char text[400];

	snprintf(text, sizeof(text),
		 "{\"type\":\"%s\",\"object\":{\"kind\":\"Service\",\"apiVersion\":\"v1\","
		 "\"metadata\":{\"namespace\":\"default\",\"name\":\"%s\",\"uid\":\"u-%s\","
		 "\"resourceVersion\":\"%d\"}}}\n",
		 type, name, name, rv);
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < SERVER_CONNECTIONS; i++)
		if (s->conn[i].fd >= 0 && s->conn[i].watch)
			server_chunk(s->conn[i].fd, text);
	pthread_mutex_unlock(&s->lock);
}

/* The clean end that a watch's time-out is. */
static inline void server_end_watches(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < SERVER_CONNECTIONS; i++) {
		if (s->conn[i].fd < 0 || !s->conn[i].watch)
			continue;
		server_send(s->conn[i].fd, "0\r\n\r\n");
		s->conn[i].watch = false;
	}
	pthread_mutex_unlock(&s->lock);
}
