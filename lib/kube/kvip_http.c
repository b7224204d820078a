// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: transfers over libcurl's multi interface. Only kvip_http*.c includes curl's headers.
 *
 * Job: one GET each; status, bytes and end go to callbacks. Nothing blocks: names are resolved in
 * libcurl's thread (CURLOPT_QUICK_EXIT, so that dropping a transfer does not wait for it either).
 *
 * What is not obvious:
 * - CURLOPT_CAINFO_BLOB replaces the default CA file but not the default CA *directory*: it is
 *   unset, or every CA of the distribution would be trusted beside the cluster's.
 * - libcurl takes proxies from the environment unless CURLOPT_PROXY is set, even to "".
 * - No Accept-Encoding on a watch: apiserver 1.37 sends a gzip member per flush, and libcurl ends
 *   the transfer after the first (libcurl 7.88 to HEAD, lib/content_encoding.c).
 * - A passphrase of "" keeps OpenSSL from asking the terminal for one.
 * - tls-server-name: the name goes into the URL, CURLOPT_CONNECT_TO leads to the real host: so SNI
 *   and verification use it. The Host header keeps the real one.
 * - A dead peer is found by TCP: keepalive on an idle connection, TCP_USER_TIMEOUT where bytes are
 *   not acknowledged. curl_easy_upkeep() sends HTTP/2 PINGs beside that, but looks at no answer,
 *   and with libcurl 7.88 and the multi interface it sends nothing at all (traced). A hung server
 *   is found by the deadlines and probes of kvip_watch, and its connection is ended here: libcurl
 *   would keep it and put further requests on it.
 * - The addresses that names resolve to are learned where sockets are opened, one for each try. A
 *   connection that was there opens none: of that, the answer tells the peer.
 * - kube-apiserver answers 401 on HTTP/2 with GOAWAY (UnauthenticatedHTTP2DOSMitigation): requests
 *   behind it on that connection end with "Error in the HTTP2 framing layer" and are tried again.
 *
 * Thread: T1, but for kvip_http_wakeup(). A transfer that is dropped while libcurl runs is only
 * marked, and freed by sweep() afterwards: libcurl forbids removing a handle from a callback. What
 * still comes for it is swallowed; an error from a callback would be no quicker.
 *
 * Sources: libcurl 7.88.1 manual pages; Kubernetes API facts of the project's design papers.
 */
#include "kvip_http.h"

#include "kvip_http_socket.h"

#include "base/kvip_buf.h"
#include "base/kvip_limits.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#if LIBCURL_VERSION_NUM < 0x075500
#error "libcurl 7.85 or later is needed: CURLOPT_PROTOCOLS_STR, CURLOPT_CAINFO_BLOB"
#endif

#define TRANSFER_MAGIC 0x6b767874u
#define UPKEEP_MS      30000
#define CHUNK_BYTES    65536L
/* A list slower than this for so long is dead; API servers may queue a request for 15 s. */
#define LOW_SPEED_BYTES 1L
#define LOW_SPEED_S     60L
#define KEEPIDLE_S      15L
#define KEEPINTVL_S     5L
/* Headers and trailers of one answer; some releases of libcurl keep any number of them. */
#define MAX_HEADER_BYTES 262144u
/* Lists of an API server shrink by 20 or so. One buffer of a bomb would keep us busy for minutes. */
#define MAX_GUNZIP_FACTOR 256
#define HUNG_MS           15000 /* a connection over which nothing came for so long may be dead */

struct kvip_http {
	CURLM *multi;
	char *user_agent;
	const struct kvip_log *log;
	struct kvip_http_transfer *first;
	struct kvip_sockets sockets;
	kvip_msec upkeep_ms;
	bool running; /* libcurl is on the stack */
};

struct kvip_http_transfer {
	uint32_t magic;
	struct kvip_http *http;
	struct kvip_http_transfer *next;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	const struct kvip_http_events *ev;
	void *ctx;
	bool dropped;    /* no more callbacks; swept when libcurl is off the stack */
	bool answered;   /* status and headers were reported */
	kvip_msec rx_ms; /* when something came for it; 0: never */
	size_t header_bytes;
	curl_off_t body_bytes; /* unpacked */
	char url[KVIP_URL_BYTES];
	char error[CURL_ERROR_SIZE];
};

kvip_msec kvip_http_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (kvip_msec)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool kvip_http_resolver_blocks(void)
{
	return !(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS);
}

struct kvip_http *kvip_http_new(const char *user_agent, const struct kvip_log *log)
{
	struct kvip_http *h = kvip_calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		kvip_free(h);
		return NULL;
	}
	h->log = log;
	h->user_agent = kvip_strdup(user_agent);
	h->multi = curl_multi_init();
	if (!h->user_agent || !h->multi) {
		kvip_http_free(h);
		return NULL;
	}
	curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	return h;
}

static void transfer_free(struct kvip_http_transfer *t)
{
	if (t->easy) {
		curl_multi_remove_handle(t->http->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	for (struct curl_slist *i = t->headers; i; i = i->next)
		explicit_bzero(i->data, strlen(i->data)); /* one of them is the token */
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->connect_to);
	t->magic = 0;
	kvip_free(t);
}

static void sweep(struct kvip_http *h)
{
	struct kvip_http_transfer **p = &h->first, *t;

	while (*p) {
		t = *p;
		if (!t->dropped) {
			p = &t->next;
			continue;
		}
		*p = t->next;
		transfer_free(t);
	}
}

void kvip_http_free(struct kvip_http *h)
{
	if (!h)
		return;
	for (struct kvip_http_transfer *t = h->first; t; t = t->next)
		t->dropped = true;
	sweep(h);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	kvip_free(h->user_agent);
	kvip_free(h);
	curl_global_cleanup();
}

void kvip_http_cancel(struct kvip_http_transfer *t)
{
	if (!t || t->magic != TRANSFER_MAGIC)
		return;
	t->dropped = true;
	if (!t->http->running)
		sweep(t->http);
}

/* Which connection a transfer uses: all of one have the same local port. 0: none yet. */
static long local_port(const struct kvip_http_transfer *t)
{
	long port = 0;

	curl_easy_getinfo(t->easy, CURLINFO_LOCAL_PORT, &port);
	return port;
}

/* Does its connection carry something for anybody? Then this answer alone is late. */
static bool is_alive(const struct kvip_http *h, long port)
{
	kvip_msec since = kvip_http_now() - HUNG_MS;

	for (const struct kvip_http_transfer *t = h->first; t; t = t->next)
		if (t->rx_ms > since && local_port(t) == port)
			return true;
	return false;
}

static void hang_up(const struct kvip_http_transfer *t)
{
	struct kvip_http *h = t->http;
	long port = local_port(t), remote = 0;

	if (port == 0 || is_alive(h, port))
		return;
	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_PORT, &remote);
	kvip_sockets_shut(&h->sockets, port, remote);
	kvip_debug(h->log, KVIP_DEBUG_API, "%s: a connection that hangs is ended", t->url);
}

void kvip_http_hang_up(struct kvip_http_transfer *t)
{
	if (!t || t->magic != TRANSFER_MAGIC)
		return;
	hang_up(t);
	kvip_http_cancel(t);
}

/* ---- libcurl's callbacks ---- */

static void report_peer(struct kvip_http_transfer *t)
{
	struct kvip_addr peer;
	char *text = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &text);
	if (text && kvip_addr_parse(text, &peer) == 0)
		t->ev->peer(t->ctx, &peer);
}

static void report_answer(struct kvip_http_transfer *t)
{
	struct kvip_http_answer a = { .retry_after_s = -1 };
	curl_off_t retry_after = 0;
	char *content_type = NULL;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || t->answered)
		return;
	t->answered = true;
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &content_type);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
	a.status = (int)status;
	a.content_type = content_type;
	if (retry_after > 0)
		a.retry_after_s = retry_after;
	kvip_debug(t->http->log, KVIP_DEBUG_API, "%s: HTTP %d", t->url, a.status);
	report_peer(t);
	t->ev->answer(t->ctx, &a);
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct kvip_http_transfer *t = ctx;
	bool blank = n == 0 || data[0] == '\r' || data[0] == '\n';

	(void)size; /* always 1 */
	if (t->magic != TRANSFER_MAGIC)
		return 0;
	t->rx_ms = kvip_http_now();
	t->header_bytes += n;
	if (t->header_bytes > MAX_HEADER_BYTES)
		return 0;
	if (blank && !t->dropped)
		report_answer(t);
	return n;
}

static bool is_bomb(const struct kvip_http_transfer *t)
{
	curl_off_t wire = 0;

	curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &wire);
	return t->body_bytes > (wire + CHUNK_BYTES) * MAX_GUNZIP_FACTOR;
}

static size_t on_bytes(char *data, size_t size, size_t n, void *ctx)
{
	struct kvip_http_transfer *t = ctx;

	(void)size;
	if (t->magic != TRANSFER_MAGIC)
		return 0;
	t->rx_ms = kvip_http_now();
	t->body_bytes += (curl_off_t)n;
	if (is_bomb(t))
		return 0;
	if (n && !t->dropped && t->ev->bytes(t->ctx, data, n) < 0)
		t->dropped = true;
	return n;
}

static bool socket_address(const struct curl_sockaddr *from, struct kvip_addr *out)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	*out = (struct kvip_addr){ 0 };
	if (from->family == AF_INET && from->addrlen >= sizeof(in)) {
		memcpy(&in, &from->addr, sizeof(in));
		out->family = KVIP_IPV4;
		memcpy(out->b, &in.sin_addr, sizeof(in.sin_addr));
	} else if (from->family == AF_INET6 && from->addrlen >= sizeof(in6)) {
		memcpy(&in6, &from->addr, sizeof(in6));
		out->family = KVIP_IPV6;
		memcpy(out->b, &in6.sin6_addr, sizeof(in6.sin6_addr));
	}
	return out->family != KVIP_AF_NONE;
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct kvip_http_transfer *t = ctx;
	struct kvip_addr peer;

	if (t->magic == TRANSFER_MAGIC && !t->dropped && purpose == CURLSOCKTYPE_IPCXN &&
	    socket_address(address, &peer))
		t->ev->peer(t->ctx, &peer);
	return kvip_sockets_open(&t->http->sockets, address->family, address->socktype,
				 address->protocol);
}

/* ---- starting ---- */

/* Options are set one after the other; the first failure is kept and the rest is harmless. */
#define SET(t, rc, option, value)                                                                  \
	do {                                                                                       \
		if (!*(rc))                                                                        \
			*(rc) = curl_easy_setopt((t)->easy, (option), (value));                    \
	} while (0)

static void set_blob(struct kvip_http_transfer *t, CURLcode *rc, CURLoption option,
		     const struct kvip_blob *b)
{
	struct curl_blob blob;

	if (!b || !b->data)
		return;
	blob = (struct curl_blob){ .data = b->data, .len = b->len, .flags = CURL_BLOB_COPY };
	SET(t, rc, option, &blob);
}

static void set_tls(struct kvip_http_transfer *t, CURLcode *rc, const struct kvip_http_request *rq)
{
	SET(t, rc, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(t, rc, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(t, rc, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(t, rc, CURLOPT_CAPATH, NULL);
	set_blob(t, rc, CURLOPT_CAINFO_BLOB, rq->ca);
	if (!rq->cert || !rq->cert->data)
		return;
	SET(t, rc, CURLOPT_SSLCERTTYPE, "PEM");
	SET(t, rc, CURLOPT_SSLKEYTYPE, "PEM");
	SET(t, rc, CURLOPT_KEYPASSWD, "");
	set_blob(t, rc, CURLOPT_SSLCERT_BLOB, rq->cert);
	set_blob(t, rc, CURLOPT_SSLKEY_BLOB, rq->key);
}

static void set_connection(struct kvip_http_transfer *t, CURLcode *rc,
			   const struct kvip_http_request *rq)
{
	SET(t, rc, CURLOPT_NOSIGNAL, 1L);
	SET(t, rc, CURLOPT_PROTOCOLS_STR, rq->server->tls ? "https" : "http");
	SET(t, rc, CURLOPT_FOLLOWLOCATION, 0L);
	SET(t, rc, CURLOPT_HTTP_VERSION,
	    rq->server->tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	SET(t, rc, CURLOPT_PIPEWAIT, 1L);
	SET(t, rc, CURLOPT_PROXY, rq->proxy_url);
	SET(t, rc, CURLOPT_NOPROXY, "");
	SET(t, rc, CURLOPT_HTTPPROXYTUNNEL, rq->proxy_url[0] ? 1L : 0L);
	SET(t, rc, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(t, rc, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	SET(t, rc, CURLOPT_FRESH_CONNECT, rq->fresh ? 1L : 0L);
	SET(t, rc, CURLOPT_CONNECTTIMEOUT_MS, rq->connect_ms);
	SET(t, rc, CURLOPT_TIMEOUT_MS, rq->timeout_ms);
	SET(t, rc, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(t, rc, CURLOPT_TCP_KEEPIDLE, KEEPIDLE_S);
	SET(t, rc, CURLOPT_TCP_KEEPINTVL, KEEPINTVL_S);
	SET(t, rc, CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(t, rc, CURLOPT_OPENSOCKETDATA, t);
	SET(t, rc, CURLOPT_UPKEEP_INTERVAL_MS, (long)UPKEEP_MS);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(t, rc, CURLOPT_QUICK_EXIT, 1L);
#endif
}

static void set_callbacks(struct kvip_http_transfer *t, CURLcode *rc,
			  const struct kvip_http_request *rq)
{
	SET(t, rc, CURLOPT_PRIVATE, t);
	SET(t, rc, CURLOPT_ERRORBUFFER, t->error);
	SET(t, rc, CURLOPT_HEADERFUNCTION, on_header);
	SET(t, rc, CURLOPT_HEADERDATA, t);
	SET(t, rc, CURLOPT_WRITEFUNCTION, on_bytes);
	SET(t, rc, CURLOPT_WRITEDATA, t);
	SET(t, rc, CURLOPT_BUFFERSIZE, CHUNK_BYTES);
	SET(t, rc, CURLOPT_USERAGENT, t->http->user_agent);
	if (rq->is_watch)
		return;
	SET(t, rc, CURLOPT_ACCEPT_ENCODING, "gzip");
	SET(t, rc, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
	SET(t, rc, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_S);
}

static int add_line(struct curl_slist **list, struct kvip_buf *line)
{
	struct curl_slist *longer = line->err ? NULL : curl_slist_append(*list, kvip_buf_str(line));

	if (line->data)
		explicit_bzero(line->data, line->len);
	kvip_buf_reset(line);
	if (!longer)
		return -ENOMEM;
	*list = longer;
	return 0;
}

static int set_headers(struct kvip_http_transfer *t, CURLcode *rc,
		       const struct kvip_http_request *rq, struct kvip_buf *line)
{
	const struct kvip_server *s = rq->server;
	int err;

	kvip_buf_puts(line, "Accept: application/json");
	err = add_line(&t->headers, line);
	if (!err && rq->token) {
		kvip_buf_puts(line, "Authorization: Bearer ");
		kvip_buf_puts(line, rq->token);
		err = add_line(&t->headers, line);
	}
	if (!err && rq->tls_server_name[0]) {
		kvip_buf_printf(line, "Host: %s%s%s:%u", s->ip6 ? "[" : "", s->host,
				s->ip6 ? "]" : "", s->port);
		err = add_line(&t->headers, line);
	}
	if (!err)
		SET(t, rc, CURLOPT_HTTPHEADER, t->headers);
	return err;
}

static int set_url(struct kvip_http_transfer *t, CURLcode *rc, const struct kvip_http_request *rq,
		   struct kvip_buf *line)
{
	const struct kvip_server *s = rq->server;
	const char *name = rq->tls_server_name;
	const char *open = strchr(name, ':') ? "[" : "", *close = open[0] ? "]" : "";
	int err = 0;

	if (!name[0] || !s->tls) {
		kvip_buf_puts(line, s->url);
	} else {
		kvip_buf_printf(line, "%s%s%s:%u:%s%s%s:%u", open, name, close, s->port,
				s->ip6 ? "[" : "", s->host, s->ip6 ? "]" : "", s->port);
		err = add_line(&t->connect_to, line);
		SET(t, rc, CURLOPT_CONNECT_TO, t->connect_to);
		kvip_buf_printf(line, "https://%s%s%s:%u%s", open, name, close, s->port, s->path);
	}
	kvip_buf_puts(line, rq->target);
	if (err || line->err)
		return -ENOMEM;
	SET(t, rc, CURLOPT_URL, kvip_buf_str(line));
	kvip_buf_reset(line);
	return 0;
}

static int configure(struct kvip_http_transfer *t, const struct kvip_http_request *rq,
		     struct kvip_err *err)
{
	CURLcode rc = CURLE_OK;
	struct kvip_buf line;
	int no_memory;

	kvip_buf_init(&line, KVIP_MAX_TOKEN_BYTES + 4096);
	set_callbacks(t, &rc, rq);
	set_connection(t, &rc, rq);
	if (rq->server->tls)
		set_tls(t, &rc, rq);
	no_memory = set_url(t, &rc, rq, &line);
	if (!no_memory)
		no_memory = set_headers(t, &rc, rq, &line);
	kvip_buf_done(&line);
	if (no_memory || rc == CURLE_OUT_OF_MEMORY)
		return kvip_err_set(err, -ENOMEM, "%s: not enough memory for a request", t->url);
	if (rc)
		return kvip_err_set(
			err, -EINVAL,
			"%s: libcurl refuses an option (%s): is it built with TLS and HTTP/2?",
			t->url, curl_easy_strerror(rc));
	return 0;
}

int kvip_http_start(struct kvip_http *h, const struct kvip_http_request *rq,
		    const struct kvip_http_events *ev, void *ctx, struct kvip_http_transfer **out,
		    struct kvip_err *err)
{
	struct kvip_http_transfer *t = kvip_calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return kvip_err_set(err, -ENOMEM, "%s: not enough memory", rq->server->url);
	*t = (struct kvip_http_transfer){
		.magic = TRANSFER_MAGIC, .http = h, .ev = ev, .ctx = ctx, .easy = curl_easy_init()
	};
	memcpy(t->url, rq->server->url, sizeof(t->url));
	if (t->easy)
		rc = configure(t, rq, err);
	else
		rc = kvip_err_set(err, -ENOMEM, "%s: not enough memory", t->url);
	if (rc == 0 && curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		rc = kvip_err_set(err, -ENOMEM, "%s: libcurl takes no further request", t->url);
	if (rc) {
		transfer_free(t);
		return rc;
	}
	kvip_debug(h->log, KVIP_DEBUG_API, "%s: GET %s", t->url, rq->target);
	t->next = h->first;
	h->first = t;
	*out = t;
	return 0;
}

/* ---- running ---- */

static void finish(struct kvip_http_transfer *t, CURLcode rc)
{
	char text[400] = "";
	enum kvip_transfer_end end = KVIP_END_CLEAN;
	double ready_s = 0;

	if (rc != CURLE_OK) {
		curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME, &ready_s);
		end = kvip_http_explain((int)rc, t->error[0] ? t->error : curl_easy_strerror(rc),
					t->url, ready_s > 0 || t->answered, text, sizeof(text));
		kvip_debug(t->http->log, KVIP_DEBUG_API, "%s (libcurl: %d, %s)", text, (int)rc,
			   t->error);
	}
	t->dropped = true;
	if (rc == CURLE_OPERATION_TIMEDOUT)
		hang_up(t);
	t->ev->done(t->ctx, end, text);
}

static void reap(struct kvip_http *h)
{
	struct kvip_http_transfer *t;
	CURLMsg *msg;
	CURLcode rc;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		rc = msg->data.result;
		t = NULL;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		if (t && t->magic == TRANSFER_MAGIC && !t->dropped)
			finish(t, rc);
	}
}

static void upkeep(struct kvip_http *h)
{
	kvip_msec now = kvip_http_now();

	if (now < h->upkeep_ms)
		return;
	h->upkeep_ms = now + UPKEEP_MS;
	for (struct kvip_http_transfer *t = h->first; t; t = t->next)
		if (!t->dropped)
			(void)curl_easy_upkeep(t->easy);
}

int kvip_http_poll(struct kvip_http *h, int timeout_ms)
{
	CURLMcode rc = CURLM_OK;
	int running;

	h->running = true;
	if (timeout_ms > 0)
		rc = curl_multi_poll(h->multi, NULL, 0, timeout_ms, NULL);
	if (rc == CURLM_OK)
		rc = curl_multi_perform(h->multi, &running);
	reap(h);
	upkeep(h);
	h->running = false;
	sweep(h);
	if (rc == CURLM_OK)
		return 0;
	kvip_log(h->log, KVIP_LOG_ERROR, "libcurl: %s", curl_multi_strerror(rc));
	return rc == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

void kvip_http_wakeup(struct kvip_http *h)
{
	(void)curl_multi_wakeup(h->multi);
}
