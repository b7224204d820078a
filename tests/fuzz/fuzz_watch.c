// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: fuzz target of the list+watch machine: a server that answers anything at any time.
 *
 * The first byte chooses the kind; then each byte is a step, some with an argument behind it. The
 * feed's cycle is kept, no server makes the machine spin, what `show` gets is printable, and
 * nothing leaks.
 */
#include "fuzz.h"

#include "kube/kvip_watch.h"

#include <stdlib.h>
#include <string.h>

/* Requests without time going by: each decision "at once" is made once only. */
#define MANY_REQUESTS 24

static struct {
	struct kvip_watch *w;
	const uint8_t *p, *end;
	kvip_msec now;
	bool refreshing;
	int requests; /* since time went by */
} f;

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void on_begin(void *ctx, enum kvip_kind kind)
{
	(void)ctx, (void)kind;
	demand(!f.refreshing);
	f.refreshing = true;
}

static int on_put(void *ctx, struct kvip_obj *obj)
{
	(void)ctx;
	kvip_obj_free(obj);
	return 0;
}

static void on_del(void *ctx, enum kvip_kind kind, const char *ns, const char *name,
		   const char *uid)
{
	(void)ctx, (void)kind;
	demand(ns && name && uid);
}

static void on_end(void *ctx, enum kvip_kind kind)
{
	(void)ctx, (void)kind;
	demand(f.refreshing);
	f.refreshing = false;
}

static void on_absent(void *ctx, enum kvip_kind kind)
{
	(void)ctx;
	demand(!f.refreshing && !kvip_kinds[kind].mandatory);
}

static const struct kvip_feed feed = {
	.refresh_begin = on_begin,
	.put = on_put,
	.del = on_del,
	.refresh_end = on_end,
	.refresh_abort = on_end,
	.absent = on_absent,
};

static uint8_t next_byte(void)
{
	return f.p < f.end ? *f.p++ : 0;
}

static void poll_machine(void)
{
	struct kvip_watch_request req;
	enum kvip_watch_want want = kvip_watch_poll(f.w, f.now, &req);

	if (want == KVIP_WANT_REQUEST)
		demand(++f.requests < MANY_REQUESTS && req.target[0] == '/');
	else if (want == KVIP_WANT_NOTHING)
		demand(req.deadline_ms > f.now || kvip_watch_wants_probe(f.w, f.now));
}

static void respond(void)
{
	static const int statuses[] = { 200, 200, 200, 200, 204, 302, 400, 401,
					403, 404, 406, 410, 422, 429, 500, 504 };
	static const char *const types[] = { "application/json", NULL, "text/\033html",
					     "application/json;charset=utf-8" };
	uint8_t b = next_byte();

	kvip_watch_response(f.w, statuses[b % 16], types[b >> 4 & 3], (b >> 6) - 1, f.now);
}

static void send_bytes(const char *data, size_t len)
{
	(void)kvip_watch_bytes(f.w, data, len, f.now);
}

static void send_raw(void)
{
	size_t n = next_byte(), left = (size_t)(f.end - f.p);

	n = n < left ? n : left;
	send_bytes((const char *)f.p, n);
	f.p += n;
}

static void send_known(void)
{
	static const char *const texts[] = {
		"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\","
		"\"resourceVersion\":\"9\"}}}\n",
		"{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\","
		"\"resourceVersion\":\"12\"}}}\n",
		"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"10\","
		"\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n",
		"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"x\"}}}\n",
		"{\"type\":\"ERROR\",\"object\":{\"code\":410,\"reason\":\"Expired\"}}\n",
		"{\"type\":\"ERROR\",\"object\":{\"code\":500}}\n",
		"{\"metadata\":{\"resourceVersion\":\"11\"},\"items\":[]}",
		"{\"metadata\":{\"resourceVersion\":\"11\",\"continue\":\"t\"},\"items\":[]}",
		"{\"code\":403,\"reason\":\"Invalid\",\"message\":\"\\u001b[31m\"}",
	};
	const char *text = texts[next_byte() % (sizeof(texts) / sizeof(texts[0]))];

	send_bytes(text, strlen(text));
}

static void pass_time(void)
{
	static const kvip_msec spans[] = { 1, 500, 2000, 61000, 75000, 120000, 620000, 4000000 };

	f.now += spans[next_byte() % 8];
	f.requests = 0;
}

static void probe(void)
{
	static const char *const rvs[] = { "", "1", "99", "x" };

	kvip_watch_probe_result(f.w, rvs[next_byte() % 4], f.now);
}

static void check_status(void)
{
	struct kvip_watch_status st;

	kvip_watch_get_status(f.w, &st);
	for (const char *c = st.last_error; *c; c++)
		demand(*c >= ' ' && *c <= '~');
	for (const char *c = st.resource_version; *c; c++)
		demand(*c > ' ' && *c <= '~');
	demand(st.synced || !st.resource_version[0]);
}

static void step(void)
{
	switch (next_byte() % 9) {
	case 0:
		respond();
		break;
	case 1:
		send_raw();
		break;
	case 2:
		send_known();
		break;
	case 3:
		kvip_watch_done(f.w, (enum kvip_transfer_end)(next_byte() % 5), "why", f.now);
		break;
	case 4:
		pass_time();
		break;
	case 5:
		probe();
		break;
	case 6:
		kvip_watch_relist(f.w, f.now);
		f.requests = 0; /* the operator, not the server */
		break;
	case 7:
		kvip_watch_server_changed(f.w);
		break;
	case 8:
		(void)kvip_watch_server_back(f.w, f.now);
		f.requests = 0; /* the client sees to how often */
		break;
	}
	poll_machine();
	check_status();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	memset(&f, 0, sizeof(f));
	f.p = data + 1;
	f.end = data + size;
	if (kvip_watch_new((enum kvip_kind)(data[0] % KVIP_KIND_MAX), &feed, NULL, "c", NULL,
			   data[0], 0, &f.w))
		abort();
	poll_machine();
	while (f.p < f.end)
		step();
	kvip_watch_free(f.w);
	demand(kvip_mem_live() == 0);
	return 0;
}
