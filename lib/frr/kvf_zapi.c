// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the session to zebra: socket, hello, messages in, reconnection.
 *
 * Thread: T0. Of libfrr's client only the sending side is used. Its reading side would run libfrr's
 * own handlers for interfaces and VRFs, which belong to the process: in bgpd they would be run a
 * second time, and bgpd's counts of connected networks would be wrong. So the socket is opened
 * here, and read here.
 *
 * libfrr closes the socket by itself when a write fails, and then means to connect again by itself,
 * with its own reader. A failed send is therefore answered by zclient_stop(), which takes that
 * timer away, and the event that writes out the buffer is ours. Our events lie in the client's
 * t_read and t_write, because that is what zclient_stop() cancels before it closes the socket.
 *
 * Nothing that zebra sends is trusted: a message that makes no sense ends the session, is logged
 * once, and the next session waits longer, until one has lasted.
 *
 * Sources: FRR 8.4.4, 10.3, 10.7: lib/zclient.c (zclient_failed, zclient_stop, zclient_event,
 * zclient_read), lib/thread.c (more descriptors than the loop is made for end the process).
 */
#include "frr/kvf_zapi.h"

#include "base/kvip_time.h"
#include "frr/kvf_clock.h"

#include "buffer.h"
#include "libfrr.h"
#include "log.h"
#include "network.h"
#include "sockopt.h"
#include "stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECONNECT_MS      100
#define RECONNECT_LAST_MS 30000 /* after faults, one after the other */
#define FORGIVE_FAULTS_MS 60000
#define MESSAGES_A_SLICE  64
#define LONGEST_MESSAGE   65535 /* its length has 16 bits */
#define SEND_BUFFER_BYTES 1048576

static struct {
	struct kvf_event_loop *loop;
	const struct kvf_zapi_user *user;
	struct zclient *zc;
	struct kvf_event *t_open;
	bool open;           /* user->opened was called, user->closed not yet */
	unsigned int faults; /* messages without sense since a session lasted */
	kvip_msec opened_ms;
	struct stream *body; /* of the message at hand */
	size_t begin, end;   /* of what is in @in and not handled */
	uint8_t in[LONGEST_MESSAGE + 1];
} zapi;

static void on_readable(struct kvf_event *t);
static void on_rest(struct kvf_event *t);
static void on_writable(struct kvf_event *t);
static void reopen(struct kvf_event *t);

static void reopen_in(kvip_msec delay_ms)
{
	kvf_event_add_timer_ms(zapi.loop, reopen, NULL, delay_ms, &zapi.t_open);
}

/* The user hears of it from an event of ours: this may be inside a call of his. */
static void end_session(void)
{
	zclient_stop(zapi.zc);
	reopen_in(RECONNECT_MS);
}

static void tell_closed(void)
{
	if (!zapi.open)
		return;
	zapi.open = false;
	zapi.user->enter();
	zapi.user->closed();
	zapi.user->leave("zebra gone");
}

static void listen_to_zebra(void)
{
	kvf_event_add_read(zapi.loop, on_readable, NULL, zapi.zc->sock, &zapi.zc->t_read);
}

int kvf_zapi_sent(enum zclient_send_status status)
{
	struct zclient *zc = zapi.zc;

	if (status == ZCLIENT_SEND_SUCCESS)
		return 0;
	if (status == ZCLIENT_SEND_FAILURE) {
		if (zc->sock < 0)
			end_session();
		return -EAGAIN;
	}
	kvf_event_cancel(&zc->t_write); /* libfrr's, which reconnects when it fails */
	kvf_event_add_write(zapi.loop, on_writable, NULL, zc->sock, &zc->t_write);
	return 1;
}

static void write_out(void)
{
	switch (buffer_flush_available(zapi.zc->wb, zapi.zc->sock)) {
	case BUFFER_ERROR:
		end_session();
		break;
	case BUFFER_PENDING:
		kvf_event_add_write(zapi.loop, on_writable, NULL, zapi.zc->sock, &zapi.zc->t_write);
		break;
	case BUFFER_EMPTY:
		zapi.user->writable();
		break;
	}
}

static void on_writable(struct kvf_event *t)
{
	(void)t;
	zapi.user->enter();
	write_out();
	zapi.user->leave("zebra writable");
	if (zapi.zc->sock < 0)
		tell_closed();
}

/* ---- messages ---- */

struct header {
	uint16_t length;
	uint16_t command;
	vrf_id_t vrf_id;
};

static uint32_t number(const uint8_t *b, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | *b++;
	return v;
}

/* Return: 1; 0: it is not there yet; -EBADMSG. */
static int get_header(const uint8_t *b, size_t n, struct header *h)
{
	if (n < ZEBRA_HEADER_SIZE)
		return 0;
	*h = (struct header){
		.length = (uint16_t)number(b, 2),
		.vrf_id = number(b + 4, 4),
		.command = (uint16_t)number(b + 8, 2),
	};
	if (h->length < ZEBRA_HEADER_SIZE || b[2] != ZEBRA_HEADER_MARKER || b[3] != ZSERV_VERSION)
		return -EBADMSG;
	return n >= h->length;
}

static void log_fault(const struct header *h, int rc)
{
	if (zapi.faults++)
		return;
	zlog_err("kubevip: message %u of %u bytes from zebra cannot be taken (%s): the session to "
		 "it is opened anew; is this kubevip built for the FRR that runs?",
		 h->command, h->length, safe_strerror(-rc));
}

/* Return: 1: a message was handled; 0: there is no whole one; negative: the session cannot go
 * on. */
static int take_message(void)
{
	struct header h = { 0 };
	const uint8_t *at = zapi.in + zapi.begin;
	int rc = get_header(at, zapi.end - zapi.begin, &h);

	if (rc == 0)
		return 0;
	if (rc > 0) {
		stream_reset(zapi.body);
		stream_put(zapi.body, at + ZEBRA_HEADER_SIZE, h.length - ZEBRA_HEADER_SIZE);
		zapi.begin += h.length;
		rc = zapi.user->message(h.command, h.vrf_id, zapi.body);
	}
	if (rc < 0) {
		log_fault(&h, rc);
		return rc;
	}
	return zapi.zc->sock < 0 ? -ECONNRESET : 1; /* a handler has sent, and that failed */
}

static void make_room(void)
{
	memmove(zapi.in, zapi.in + zapi.begin, zapi.end - zapi.begin);
	zapi.end -= zapi.begin;
	zapi.begin = 0;
}

static void take_messages(void)
{
	int rc = 1;

	for (int i = 0; i < MESSAGES_A_SLICE && rc > 0; i++)
		rc = take_message();
	if (rc < 0) {
		end_session();
	} else if (rc > 0) {
		kvf_event_add_event(zapi.loop, on_rest, NULL, 0, &zapi.zc->t_read);
	} else {
		make_room();
		listen_to_zebra();
	}
}

static void read_some(void)
{
	ssize_t n = read(zapi.zc->sock, zapi.in + zapi.end, sizeof(zapi.in) - zapi.end);

	if (n > 0) {
		zapi.end += (size_t)n;
		take_messages();
	} else if (n < 0 && ERRNO_IO_RETRY(errno)) {
		listen_to_zebra();
	} else {
		end_session();
	}
}

static void on_readable(struct kvf_event *t)
{
	(void)t;
	zapi.user->enter();
	read_some();
	zapi.user->leave("messages from zebra");
	if (zapi.zc->sock < 0)
		tell_closed();
}

static void on_rest(struct kvf_event *t)
{
	(void)t;
	zapi.user->enter();
	take_messages();
	zapi.user->leave("messages from zebra");
	if (zapi.zc->sock < 0)
		tell_closed();
}

/* ---- life of a session ---- */

/* Not libfrr's zclient_socket_connect(): that one blocks while zebra's queue is full. */
static int open_socket(void)
{
	int fd = socket(zclient_addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	uint32_t limit = frr_get_fd_limit();

	if (fd < 0)
		return -1;
	if ((limit && (uint32_t)fd >= limit) ||
	    connect(fd, (const struct sockaddr *)&zclient_addr, zclient_addr_len) < 0) {
		close(fd);
		return -1;
	}
	setsockopt_so_sendbuf(fd, SEND_BUFFER_BYTES);
	return fd;
}

static void ask_for_interfaces(void)
{
	struct stream *s = zapi.zc->obuf;

	stream_reset(s);
	zclient_create_header(s, ZEBRA_INTERFACE_ADD, VRF_DEFAULT);
	stream_putw_at(s, 0, stream_get_endp(s));
	(void)kvf_zapi_sent(zclient_send_message(zapi.zc));
}

static kvip_msec delay_of_next(void)
{
	kvip_msec delay = RECONNECT_MS;

	for (unsigned int i = 0; i < zapi.faults && delay < RECONNECT_LAST_MS; i++)
		delay *= 2;
	return delay < RECONNECT_LAST_MS ? delay : RECONNECT_LAST_MS;
}

static void open_session(void)
{
	int fd = open_socket();

	if (fd < 0) {
		reopen_in(RECONNECT_MS);
		return;
	}
	zapi.zc->sock = fd;
	zapi.begin = zapi.end = 0;
	zapi.opened_ms = kvf_now();
	zapi.open = true;
	listen_to_zebra();
	(void)kvf_zapi_sent(zclient_send_hello(zapi.zc));
	ask_for_interfaces();
	zapi.user->opened();
}

static void reopen(struct kvf_event *t)
{
	kvip_msec wait;

	(void)t;
	tell_closed();
	if (zapi.faults && kvf_now() - zapi.opened_ms >= FORGIVE_FAULTS_MS)
		zapi.faults = 0;
	wait = zapi.opened_ms + delay_of_next() - kvf_now();
	if (zapi.faults && wait > 0) {
		reopen_in(wait);
		return;
	}
	zapi.user->enter();
	open_session();
	zapi.user->leave("connected to zebra");
}

void kvf_zapi_init(struct kvf_event_loop *loop, struct zebra_privs_t *privs, uint16_t instance,
		   const struct kvf_zapi_user *user)
{
	zapi.loop = loop;
	zapi.user = user;
	zapi.body = stream_new(LONGEST_MESSAGE);
	zapi.zc = kvf_zclient_new(loop);
	zclient_init(zapi.zc, ZEBRA_ROUTE_STATIC, instance, privs);
	kvf_event_cancel(
		&zapi.zc->t_connect); /* zclient_init() means to connect, with its reader */
}

void kvf_zapi_start(void)
{
	reopen(NULL);
}

void kvf_zapi_stop(void)
{
	kvf_event_cancel(&zapi.t_open);
	zapi.open = false;
	zclient_stop(zapi.zc);
	zclient_free(zapi.zc);
	zapi.zc = NULL;
	stream_free(zapi.body);
	zapi.body = NULL;
}

struct zclient *kvf_zapi_client(void)
{
	return zapi.zc;
}
