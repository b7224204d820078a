// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the least that can hand routes to zebra, as a reference for the benchmark.
 *
 * It says the same hello as kubewatch and sends the same routes (lib/frr/kvf_zebra.c), one message
 * for each line of its standard input, at once, and does nothing else: no next-hop tracking, no
 * feed, no state. What kubewatch needs beyond this is its own cost.
 *
 *   add PREFIX NEXTHOP...    route with these next hops
 *   del PREFIX
 *   bulk FILE                the lines of a file, in one go
 *
 * It prints "ready" when zebra has taken it, "bulk N" when N lines have been handed over. It ends
 * with its input, or when zebra goes. One thread.
 *
 * Sources: lib/zclient.[ch] of FRR 8.4.4, 10.3.
 */
#include "frr/kvf_compat.h"

#include "lib/version.h"
#include "libfrr.h"
#include "nexthop.h"
#include "prefix.h"
#include "privs.h"
#include "vrf.h"
#include "zclient.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELLO_INSTANCE 77
#define DISTANCE       15
#define TAG            77
#define RETRY_MS       50

static struct zclient *zc;
static struct kvf_event_loop *loop;
static struct kvf_event *t_input, *t_connect;
static struct {
	char text[1 << 16];
	size_t len;
} input;

static void fail(const char *what, const char *about)
{
	fprintf(stderr, "barezapi: %s: %s\n", what, about);
	exit(1);
}

/* Too large for the stack: it holds MULTIPATH_NUM next hops, twice. */
static struct zapi_route *route_to(const char *prefix)
{
	static struct zapi_route api;

	memset(&api, 0, sizeof(api));
	if (!prefix || !str2prefix(prefix, &api.prefix))
		fail("not a prefix", prefix ? prefix : "(nothing)");
	api.type = ZEBRA_ROUTE_STATIC;
	api.safi = SAFI_UNICAST;
	api.vrf_id = VRF_DEFAULT;
	SET_FLAG(api.flags, ZEBRA_FLAG_RR_USE_DISTANCE);
	SET_FLAG(api.message, ZAPI_MESSAGE_DISTANCE);
	api.distance = DISTANCE;
	return &api;
}

static void add_nexthop(struct zapi_route *api, const char *address)
{
	struct zapi_nexthop *nh;

	if (api->nexthop_num == MULTIPATH_NUM)
		fail("too many next hops", address);
	nh = &api->nexthops[api->nexthop_num++];
	nh->vrf_id = api->vrf_id;
	if (inet_pton(AF_INET, address, &nh->gate.ipv4) == 1)
		nh->type = NEXTHOP_TYPE_IPV4;
	else if (inet_pton(AF_INET6, address, &nh->gate.ipv6) == 1)
		nh->type = NEXTHOP_TYPE_IPV6;
	else
		fail("not an address", address);
}

static void send_route(uint8_t command, struct zapi_route *api)
{
	if (zclient_route_send(command, zc, api) == ZCLIENT_SEND_FAILURE)
		fail("zebra", "did not take a route");
}

static void add_route(char **rest)
{
	struct zapi_route *api = route_to(strtok_r(NULL, " ", rest));
	const char *address;

	SET_FLAG(api->message, ZAPI_MESSAGE_NEXTHOP | ZAPI_MESSAGE_TAG);
	api->tag = TAG;
	while ((address = strtok_r(NULL, " ", rest)))
		add_nexthop(api, address);
	send_route(ZEBRA_ROUTE_ADD, api);
}

static bool route_line(const char *word, char **rest)
{
	if (strcmp(word, "add") == 0)
		add_route(rest);
	else if (strcmp(word, "del") == 0)
		send_route(ZEBRA_ROUTE_DELETE, route_to(strtok_r(NULL, " ", rest)));
	else
		return false;
	return true;
}

static void send_file(const char *path)
{
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[8192], *rest;
	unsigned int n = 0;

	if (!f)
		fail(path ? path : "bulk", path ? strerror(errno) : "no file");
	while (fgets(line, sizeof(line), f)) {
		const char *word;

		line[strcspn(line, "\n")] = '\0';
		word = strtok_r(line, " ", &rest);
		if (!word || !route_line(word, &rest))
			fail(path, "a line is neither add nor del");
		n++;
	}
	fclose(f);
	printf("bulk %u\n", n);
}

static void run_line(char *line)
{
	char *rest;
	const char *word = strtok_r(line, " ", &rest);

	if (!word || route_line(word, &rest))
		return;
	if (strcmp(word, "bulk") != 0)
		fail("no such command", word);
	send_file(strtok_r(NULL, " ", &rest));
}

static void take_lines(void)
{
	char *start = input.text, *end;

	while ((end = memchr(start, '\n', input.len - (size_t)(start - input.text)))) {
		*end = '\0';
		run_line(start);
		start = end + 1;
	}
	input.len -= (size_t)(start - input.text);
	memmove(input.text, start, input.len);
}

static void on_input(struct kvf_event *t)
{
	ssize_t n = read(STDIN_FILENO, input.text + input.len, sizeof(input.text) - input.len);

	(void)t;
	if (n == 0)
		exit(0);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		fail("standard input", strerror(errno));
	input.len += n > 0 ? (size_t)n : 0;
	take_lines();
	if (input.len == sizeof(input.text))
		fail("standard input", "a line without an end");
	kvf_event_add_read(loop, on_input, NULL, STDIN_FILENO, &t_input);
}

static void on_connected(struct zclient *client)
{
	(void)client;
	printf("ready\n");
	kvf_event_add_read(loop, on_input, NULL, STDIN_FILENO, &t_input);
}

/* libfrr would wait ten seconds before its second attempt. */
static void watch_connection(struct kvf_event *t)
{
	static bool connected;

	(void)t;
	if (zc->sock >= 0)
		connected = true;
	else if (connected)
		fail("zebra", "has gone");
	else {
		kvf_event_cancel(&zc->t_connect);
		zc->fail = 0;
		zclient_start(zc);
	}
	kvf_event_add_timer_ms(loop, watch_connection, NULL, RETRY_MS, &t_connect);
}

static struct zebra_privs_t no_privileges;

FRR_DAEMON_INFO(barezapi, BAREZAPI,

		.vty_port = 0, .proghelp = "The least that can hand routes to zebra.",

		.flags = FRR_NO_PRIVSEP | FRR_NO_CFG_PID_DRY | FRR_NO_TCPVTY,

		.privs = &no_privileges);

int main(int argc, char **argv)
{
	static struct zclient_options options;

	setvbuf(stdout, NULL, _IOLBF, 0);
	frr_preinit(&barezapi_di, argc, argv);
	if (frr_getopt(argc, argv, NULL) != EOF)
		frr_help_exit(1);
	loop = frr_init();
	vrf_init(NULL, NULL, NULL, NULL);
	zc = zclient_new(loop, &options, NULL, 0);
	zclient_init(zc, ZEBRA_ROUTE_STATIC, HELLO_INSTANCE, &no_privileges);
	zc->zebra_connected = on_connected;
	watch_connection(NULL);
	frr_run(loop);
	return 0;
}
