// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the session to zebra against a zebra that the test plays: what is said and when, messages in
 * any pieces, messages without sense, a zebra that goes, that does not read, that comes back.
 */
#include <zebra.h>

#include "frr/kvf_addr.h"
#include "frr/kvf_clock.h"
#include "frr/kvf_zapi.h"
#include "frr/kvf_zebra_priv.h"

#include "log.h"
#include "network.h"
#include "stream.h"
#include "vrf.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LIMIT_MS 10000

static struct kvf_event_loop *loop;
static char directory[] = "/tmp/kubevip-zapi-XXXXXX";
static int server = -1, peer = -1; /* of zebra, of its side of the session */
static int opened, closed, writable, depth;
static int messages, in_a_run, most_in_a_run;
static int answer; /* of the message handler */
static uint16_t last_command;
static size_t last_length;

static void on_opened(void)
{
	ck_assert_int_eq(depth, 1); /* everything of ours is metered */
	opened++;
}

static void on_closed(void)
{
	ck_assert_int_eq(depth, 1);
	closed++;
}

static void on_writable(void)
{
	ck_assert_int_eq(depth, 1);
	writable++;
}

static int on_message(uint16_t command, vrf_id_t vrf_id, struct stream *body)
{
	ck_assert_int_eq(depth, 1);
	ck_assert_uint_eq(vrf_id, 5);
	last_command = command;
	last_length = STREAM_READABLE(body);
	messages++;
	in_a_run++;
	return answer;
}

static void enter(void)
{
	ck_assert_int_eq(depth++, 0);
	in_a_run = 0;
}

static void leave(const char *what)
{
	ck_assert_ptr_nonnull(what);
	ck_assert_int_eq(--depth, 0);
	most_in_a_run = in_a_run > most_in_a_run ? in_a_run : most_in_a_run;
}

static const struct kvf_zapi_user user = {
	.opened = on_opened,
	.closed = on_closed,
	.message = on_message,
	.writable = on_writable,
	.enter = enter,
	.leave = leave,
};

static void wake(struct kvf_event *t)
{
	(void)t;
}

/* One event of the loop, or 5 ms without one. */
static void turn(void)
{
	struct kvf_event *t_wake = NULL;
	struct thread fetched;

	thread_add_timer_msec(loop, wake, NULL, 5, &t_wake);
	ck_assert_ptr_nonnull(thread_fetch(loop, &fetched));
	thread_call(&fetched);
	thread_cancel(&t_wake);
}

#define turn_until(condition)                                                                      \
	do {                                                                                       \
		kvip_msec began = kvf_now();                                                       \
		while (!(condition)) {                                                             \
			ck_assert_msg(kvf_now() - began < LIMIT_MS, "never: " #condition);         \
			turn();                                                                    \
		}                                                                                  \
	} while (0)

static void listen_as_zebra(void)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&zclient_addr;

	memset(&zclient_addr, 0, sizeof(zclient_addr));
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s/zserv", directory);
	zclient_addr_len = sizeof(*un);
	unlink(un->sun_path);
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(server, (struct sockaddr *)un, sizeof(*un)), 0);
	ck_assert_int_eq(listen(server, 4), 0);
}

static void stop_listening(void)
{
	close(server);
	server = -1;
	unlink(((struct sockaddr_un *)&zclient_addr)->sun_path);
}

static bool has_accepted(void)
{
	peer = accept4(server, NULL, NULL, SOCK_NONBLOCK);
	return peer >= 0;
}

static void accept_session(void)
{
	if (peer >= 0)
		close(peer);
	turn_until(has_accepted());
}

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN); /* as frr_init() has it */
	ck_assert_ptr_nonnull(mkdtemp(directory));
	loop = thread_master_create("test");
	listen_as_zebra();
	kvf_zapi_init(loop, NULL, 77, &user);
}

static void setup_open(void)
{
	setup();
	kvf_zapi_start();
	accept_session();
	ck_assert_int_eq(opened, 1);
}

static void teardown(void)
{
	kvf_zapi_stop();
	if (peer >= 0)
		close(peer);
	stop_listening();
	rmdir(directory);
}

static size_t put_message(uint8_t *at, uint16_t command, uint16_t body)
{
	uint16_t length = (uint16_t)(ZEBRA_HEADER_SIZE + body);
	const uint8_t header[ZEBRA_HEADER_SIZE] = {
		(uint8_t)(length >> 8),
		(uint8_t)length,
		ZEBRA_HEADER_MARKER,
		ZSERV_VERSION,
		0,
		0,
		0,
		5,
		(uint8_t)(command >> 8),
		(uint8_t)command,
	};

	memcpy(at, header, sizeof(header));
	memset(at + sizeof(header), 0, body);
	return length;
}

static void say(const void *bytes, size_t n)
{
	ck_assert_int_eq(write(peer, bytes, n), (ssize_t)n);
}

static void say_message(uint16_t command, uint16_t body)
{
	static uint8_t b[65536];

	say(b, put_message(b, command, body));
}

START_TEST(test_hello_then_interfaces)
{
	uint8_t b[256];
	ssize_t n = read(peer, b, sizeof(b));

	/* header, static, instance 77, session 0, no notifications, not synchronous */
	ck_assert_int_ge(n, 19 + ZEBRA_HEADER_SIZE);
	ck_assert_int_eq(b[9], ZEBRA_HELLO);
	ck_assert_int_eq(b[10], ZEBRA_ROUTE_STATIC);
	ck_assert_int_eq(b[11] << 8 | b[12], 77);
	ck_assert_int_eq(n, (b[0] << 8 | b[1]) + ZEBRA_HEADER_SIZE);
	ck_assert_int_eq(b[n - 1], ZEBRA_INTERFACE_ADD);
	ck_assert_ptr_null(kvf_zapi_client()->t_connect);
}
END_TEST

START_TEST(test_pieces)
{
	uint8_t b[128];
	size_t n = put_message(b, 7, 50);

	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(messages, 0);
		say(b + i, 1);
		turn();
	}
	turn_until(messages == 1);
	ck_assert_int_eq(last_command, 7);
	ck_assert_uint_eq(last_length, 50);
	say(b, n - 1);
	say_message(9, 3); /* its first byte is the last of the one before */
	turn_until(messages == 2);
}
END_TEST

START_TEST(test_longest_message)
{
	say_message(8, 0);
	say_message(9, 65535 - ZEBRA_HEADER_SIZE);
	say_message(10, 1);
	turn_until(messages == 3);
	ck_assert_int_eq(last_command, 10);
	ck_assert_int_eq(closed, 0);
}
END_TEST

START_TEST(test_many_at_once_are_cut)
{
	uint8_t b[1000 * ZEBRA_HEADER_SIZE];
	size_t n = 0;

	while (n < sizeof(b))
		n += put_message(b + n, 3, 0);
	say(b, n);
	turn_until(messages == 1000);
	ck_assert_int_le(most_in_a_run, 64);
	say_message(4, 0); /* and it reads on */
	turn_until(messages == 1001);
}
END_TEST

static const struct {
	uint8_t at, value;
} damage[] = { { 2, 255 }, { 3, 5 }, { 1, 9 }, { 1, 0 } };

START_TEST(test_damaged_header)
{
	uint8_t b[64];
	size_t n = put_message(b, 7, 0);

	b[damage[_i].at] = damage[_i].value;
	say(b, n);
	accept_session();
	ck_assert_int_eq(closed, 1);
	ck_assert_int_eq(opened, 2);
	ck_assert_int_eq(messages, 0);
	say_message(7, 0); /* the new session begins with nothing of the old one */
	turn_until(messages == 1);
}
END_TEST

/* The next session waits, each time longer. */
START_TEST(test_message_without_sense)
{
	kvip_msec began = kvf_now();

	answer = -EBADMSG;
	say_message(7, 4);
	say_message(8, 4);
	accept_session();
	ck_assert_int_ge(kvf_now() - began, 199);
	ck_assert_int_eq(messages, 1); /* what came after it is not looked at */
	began = kvf_now();
	say_message(7, 4);
	accept_session();
	ck_assert_int_ge(kvf_now() - began, 399);
	ck_assert_int_eq(closed, 2);
	ck_assert_int_eq(opened, 3);
}
END_TEST

START_TEST(test_truncated_by_the_end)
{
	uint8_t b[64];

	say(b, put_message(b, 7, 20) - 1);
	turn();
	accept_session();
	ck_assert_int_eq(messages, 0);
	ck_assert_int_eq(closed, 1);
	ck_assert_int_eq(opened, 2);
}
END_TEST

START_TEST(test_comes_back)
{
	stop_listening();
	close(peer);
	peer = -1;
	turn_until(closed == 1);
	for (int i = 0; i < 50; i++)
		turn();
	ck_assert_int_eq(opened, 1);
	listen_as_zebra();
	accept_session();
	turn_until(opened == 2);
	ck_assert_int_eq(closed, 1);
}
END_TEST

static int send_one(void)
{
	struct stream *s = kvf_zapi_client()->obuf;

	stream_reset(s);
	zclient_create_header(s, ZEBRA_NEXTHOP_REGISTER, VRF_DEFAULT);
	stream_put(s, NULL, 8000);
	stream_putw_at(s, 0, stream_get_endp(s));
	return kvf_zapi_sent(zclient_send_message(kvf_zapi_client()));
}

static bool all_read(void)
{
	static uint8_t b[65536];

	while (read(peer, b, sizeof(b)) > 0)
		;
	return writable > 0;
}

START_TEST(test_slow_zebra)
{
	int rc = 0;

	for (int i = 0; i < 10000 && rc == 0; i++)
		rc = send_one();
	ck_assert_int_eq(rc, 1);
	turn();
	ck_assert_int_eq(writable, 0);
	turn_until(all_read());
	ck_assert_int_eq(writable, 1);
	ck_assert_int_eq(send_one(), 0);
	ck_assert_int_eq(closed, 0);
}
END_TEST

/* libfrr closes the socket within the call and would connect by itself, ten seconds later. */
START_TEST(test_write_fails)
{
	close(peer);
	peer = -1;
	ck_assert_int_eq(send_one(), -EAGAIN);
	ck_assert_int_eq(closed, 0); /* not within the call */
	ck_assert_int_lt(kvf_zapi_client()->sock, 0);
	ck_assert_ptr_null(kvf_zapi_client()->t_connect);
	ck_assert_ptr_null(kvf_zapi_client()->t_read);
	ck_assert_int_eq(send_one(), -EAGAIN);
	accept_session();
	turn_until(opened == 2);
	ck_assert_int_eq(closed, 1);
}
END_TEST

START_TEST(test_buffered_write_fails)
{
	int rc = 0;

	for (int i = 0; i < 10000 && rc == 0; i++)
		rc = send_one();
	ck_assert_int_eq(rc, 1);
	ck_assert(!all_read()); /* there is room again, but no reader */
	shutdown(peer, SHUT_RD);
	turn_until(closed == 1);
	ck_assert_ptr_null(kvf_zapi_client()->t_connect);
	accept_session();
	turn_until(opened == 2);
	ck_assert_int_eq(send_one(), 0);
}
END_TEST

/* ---- what messages say ---- */

static struct stream *body;
static int changes;

static void changed(void *ctx)
{
	(void)ctx;
	changes++;
}

static void setup_messages(void)
{
	body = stream_new(65535);
	kvf_zebra.recon = NULL; /* no message here is for it */
	kvf_zebra.host.addresses_changed = changed;
	kvf_zebra.told = true;
}

static void teardown_messages(void)
{
	kvf_addr_done();
	stream_free(body);
}

static void put_address(const char *address, const char *other, uint8_t flags, uint32_t ifindex)
{
	struct prefix p, o = { 0 };

	ck_assert_int_eq(str2prefix(address, &p), 1);
	if (other)
		ck_assert_int_eq(str2prefix(other, &o), 1);
	stream_reset(body);
	stream_putl(body, ifindex);
	stream_putc(body, flags);
	stream_putc(body, p.family);
	stream_put(body, &p.u.prefix, prefix_blen(&p));
	stream_putc(body, p.prefixlen);
	stream_put(body, &o.u.prefix, prefix_blen(&p));
}

static void address(uint16_t command, const char *text, uint32_t ifindex)
{
	put_address(text, NULL, 0, ifindex);
	ck_assert_int_eq(kvf_zebra_message(command, VRF_DEFAULT, body), 0);
}

static void expect(const char *want)
{
	struct kvip_facts *f = kvip_facts_new();
	char text[KVIP_PREFIX_STRLEN], all[1024] = "";

	ck_assert_int_eq(kvf_addr_facts(f), 0);
	ck_assert_uint_eq(f->n_own, f->n_connected);
	for (size_t i = 0; i < f->n_own; i++) {
		strlcat(all, kvip_addr_render(&f->own[i], text), sizeof(all));
		strlcat(all, " in ", sizeof(all));
		strlcat(all, kvip_prefix_render(&f->connected[i], text), sizeof(all));
		strlcat(all, i + 1 < f->n_own ? ", " : "", sizeof(all));
	}
	ck_assert_str_eq(all, want);
	kvip_facts_unref(f);
}

START_TEST(test_addresses)
{
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.0.0.1/24", 2);
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.0.0.2/24", 2); /* a second one in the network */
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "fd00::1/64", 2);
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.0.0.1/24", 3);
	ck_assert_int_eq(changes, 4);
	expect("10.0.0.1 in 10.0.0.0/24, 10.0.0.2 in 10.0.0.0/24, fd00::1 in fd00::/64, "
	       "10.0.0.1 in 10.0.0.0/24");
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.0.0.1/24", 2); /* told again: no second entry */
	address(ZEBRA_INTERFACE_ADDRESS_DELETE, "10.0.0.2/24", 2);
	address(ZEBRA_INTERFACE_ADDRESS_DELETE, "10.9.9.9/24", 2); /* never told */
	expect("10.0.0.1 in 10.0.0.0/24, fd00::1 in fd00::/64, 10.0.0.1 in 10.0.0.0/24");
	put_address("10.5.0.1/32", "10.6.0.1/32", ZEBRA_IFA_PEER, 4);
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_INTERFACE_ADDRESS_ADD, VRF_DEFAULT, body), 0);
	put_address("10.7.0.1/24", "10.7.0.255/24", 0, 5); /* its broadcast address */
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_INTERFACE_ADDRESS_ADD, VRF_DEFAULT, body), 0);
	put_address("10.8.0.1/24", NULL, 0, 6);
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_INTERFACE_ADDRESS_ADD, 9, body), 0); /* VRF */
	expect("10.0.0.1 in 10.0.0.0/24, fd00::1 in fd00::/64, 10.0.0.1 in 10.0.0.0/24, "
	       "10.5.0.1 in 10.6.0.1/32, 10.7.0.1 in 10.7.0.0/24");
}
END_TEST

static void put_interface(uint32_t ifindex)
{
	stream_reset(body);
	stream_put(body, "lan\0\0\0\0\0\0\0\0\0\0\0\0", INTERFACE_NAMSIZ);
	stream_putl(body, ifindex);
	stream_put(body, NULL, 40);
}

START_TEST(test_interface_goes)
{
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.0.0.1/24", 2);
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "fd00::1/64", 2);
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.1.0.1/24", 3);
	put_interface(2);
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_INTERFACE_DELETE, 9, body), 0);
	expect("10.0.0.1 in 10.0.0.0/24, fd00::1 in fd00::/64, 10.1.0.1 in 10.1.0.0/24");
	put_interface(2);
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_INTERFACE_DELETE, VRF_DEFAULT, body), 0);
	expect("10.1.0.1 in 10.1.0.0/24");
}
END_TEST

/* zebra comes back and tells everything again: nothing is forgotten before it has told all. */
START_TEST(test_addresses_told_again)
{
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.0.0.1/24", 2);
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.0.0.2/24", 2);
	kvf_zebra.told = false;
	kvf_addr_begin();
	changes = 0;
	address(ZEBRA_INTERFACE_ADDRESS_ADD, "10.0.0.2/24", 2);
	ck_assert_int_eq(changes, 0);
	expect("10.0.0.1 in 10.0.0.0/24, 10.0.0.2 in 10.0.0.0/24");
	kvf_addr_told();
	expect("10.0.0.2 in 10.0.0.0/24");
}
END_TEST

static void put_nexthop_prefix(const char *text)
{
	struct prefix p;

	ck_assert_int_eq(str2prefix(text, &p), 1);
	stream_putw(body, p.family);
	stream_putc(body, p.prefixlen);
	stream_put(body, &p.u.prefix, prefix_blen(&p));
}

static void put_nexthop(const char *asked, const char *route)
{
	stream_reset(body);
	stream_putl(body, 0); /* message */
	stream_putw(body, SAFI_UNICAST);
	put_nexthop_prefix(asked);
	put_nexthop_prefix(route);
	stream_putc(body, ZEBRA_ROUTE_CONNECT);
	stream_put(body, NULL, 7); /* instance, distance, metric */
	stream_putc(body, 0);      /* next hops */
}

START_TEST(test_last_question_answered)
{
	kvf_zebra.told = false;
	put_nexthop("127.0.0.1/32", "0.0.0.0/0");
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_NEXTHOP_UPDATE, VRF_DEFAULT, body), 0);
	ck_assert(kvf_zebra_told());
	ck_assert_int_eq(changes, 1);
}
END_TEST

/* Each message cut at each byte, and with lengths and families that cannot be. */
START_TEST(test_cut_messages)
{
	static const uint16_t commands[] = {
		ZEBRA_INTERFACE_ADDRESS_ADD,  ZEBRA_INTERFACE_ADDRESS_DELETE,
		ZEBRA_INTERFACE_DELETE,       ZEBRA_NEXTHOP_UPDATE,
		ZEBRA_REDISTRIBUTE_ROUTE_ADD, ZEBRA_REDISTRIBUTE_ROUTE_DEL
	};
	uint16_t command = commands[_i];
	size_t needed;

	zlog_aux_init("NONE: ", LOG_EMERG); /* libfrr tells each cut at length */
	if (command == ZEBRA_INTERFACE_DELETE)
		put_interface(2);
	else if (command == ZEBRA_NEXTHOP_UPDATE)
		put_nexthop("127.0.0.1/32", "0.0.0.0/0");
	else
		put_address("fd00::1/64", "fd00::2/64", ZEBRA_IFA_PEER, 2);
	needed = command == ZEBRA_INTERFACE_DELETE ? INTERFACE_NAMSIZ + 4 : stream_get_endp(body);
	for (size_t n = 0; n < needed; n++) {
		body->endp = n;
		body->getp = 0;
		ck_assert_int_eq(kvf_zebra_message(command, VRF_DEFAULT, body), -EBADMSG);
	}
	expect("");
}
END_TEST

START_TEST(test_impossible_numbers)
{
	zlog_aux_init("NONE: ", LOG_EMERG);
	put_address("10.0.0.1/24", NULL, 0, 2);
	stream_putc_at(body, 5, AF_UNIX);
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_INTERFACE_ADDRESS_ADD, VRF_DEFAULT, body),
			 -EBADMSG);
	put_address("10.0.0.1/24", NULL, 0, 2);
	stream_putc_at(body, 10, 33);
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_INTERFACE_ADDRESS_ADD, VRF_DEFAULT, body),
			 -EBADMSG);
	put_nexthop("127.0.0.1/32", "0.0.0.0/0");
	stream_putc_at(body, 8, 200);
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_NEXTHOP_UPDATE, VRF_DEFAULT, body), -EBADMSG);
	put_nexthop("127.0.0.1/32", "0.0.0.0/0");
	stream_putw_at(body, 6, 77);
	ck_assert_int_eq(kvf_zebra_message(ZEBRA_NEXTHOP_UPDATE, VRF_DEFAULT, body), -EBADMSG);
	expect("");
}
END_TEST

START_TEST(test_others_messages)
{
	stream_reset(body);
	for (uint16_t command = 0; command < 300; command++) {
		if (command == ZEBRA_INTERFACE_ADDRESS_ADD ||
		    command == ZEBRA_INTERFACE_ADDRESS_DELETE ||
		    command == ZEBRA_INTERFACE_DELETE || command == ZEBRA_NEXTHOP_UPDATE ||
		    command == ZEBRA_REDISTRIBUTE_ROUTE_ADD ||
		    command == ZEBRA_REDISTRIBUTE_ROUTE_DEL)
			continue;
		ck_assert_int_eq(kvf_zebra_message(command, VRF_DEFAULT, body), 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_zapi");
	TCase *hello = tcase_create("session"), *said = tcase_create("messages");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(hello, setup_open, teardown);
	tcase_set_timeout(hello, 30);
	tcase_add_test(hello, test_hello_then_interfaces);
	tcase_add_test(hello, test_pieces);
	tcase_add_test(hello, test_longest_message);
	tcase_add_test(hello, test_many_at_once_are_cut);
	tcase_add_loop_test(hello, test_damaged_header, 0, (int)array_size(damage));
	tcase_add_test(hello, test_message_without_sense);
	tcase_add_test(hello, test_truncated_by_the_end);
	tcase_add_test(hello, test_comes_back);
	tcase_add_test(hello, test_slow_zebra);
	tcase_add_test(hello, test_write_fails);
	tcase_add_test(hello, test_buffered_write_fails);
	suite_add_tcase(s, hello);
	tcase_add_checked_fixture(said, setup_messages, teardown_messages);
	tcase_add_test(said, test_addresses);
	tcase_add_test(said, test_interface_goes);
	tcase_add_test(said, test_addresses_told_again);
	tcase_add_test(said, test_last_question_answered);
	tcase_add_loop_test(said, test_cut_messages, 0, 6);
	tcase_add_test(said, test_impossible_numbers);
	tcase_add_test(said, test_others_messages);
	suite_add_tcase(s, said);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
