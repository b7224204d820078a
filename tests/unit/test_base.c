// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: addresses, buffers, the meter: the ground that everything stands on.
 */
#include "base/kvip_addr.h"
#include "base/kvip_buf.h"
#include "base/kvip_meter.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *in, *out; /* out NULL: refused */
} addresses[] = {
	{ "192.168.77.128", "192.168.77.128" },
	{ "fd00:0:0::1", "fd00::1" },
	{ "::ffff:1.2.3.4", NULL },
	{ "1.2.3", NULL },
	{ "01.2.3.4", NULL },
	{ "1.2.3.4 ", NULL },
	{ "fe80::1%eth0", NULL },
	{ "", NULL },
};

START_TEST(addresses_are_canonical)
{
	char text[KVIP_ADDR_STRLEN];
	struct kvip_addr a;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		int rc = kvip_addr_parse(addresses[i].in, &a);

		ck_assert_int_eq(rc, addresses[i].out ? 0 : -EINVAL);
		if (!rc)
			ck_assert_str_eq(kvip_addr_render(&a, text), addresses[i].out);
	}
}
END_TEST

static const struct {
	const char *in;
	int rc;
} prefixes[] = {
	{ "192.168.77.0/24", 0 },  { "192.168.77.1/24", -ERANGE },
	{ "192.168.77.1", 0 },     { "0.0.0.0/0", 0 },
	{ "fd00::/128", 0 },       { "fd00::/129", -EINVAL },
	{ "fd00::1/64", -ERANGE }, { "1.2.3.4/", -EINVAL },
	{ "1.2.3.4/-1", -EINVAL }, { "1.2.3.4/+8", -EINVAL },
	{ "1.2.3.4/33", -EINVAL }, { "1.2.3.4/32x", -EINVAL },
};

START_TEST(prefixes_have_no_host_bits)
{
	struct kvip_prefix p;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		ck_assert_int_eq(kvip_prefix_parse(prefixes[i].in, &p), prefixes[i].rc);
}
END_TEST

START_TEST(containment)
{
	struct kvip_prefix p, q;
	struct kvip_addr a;

	ck_assert_int_eq(kvip_prefix_parse("192.168.76.0/23", &p), 0);
	ck_assert_int_eq(kvip_addr_parse("192.168.77.255", &a), 0);
	ck_assert(kvip_prefix_contains(&p, &a));
	ck_assert_int_eq(kvip_addr_parse("192.168.78.0", &a), 0);
	ck_assert(!kvip_prefix_contains(&p, &a));
	ck_assert_int_eq(kvip_addr_parse("fd00::1", &a), 0);
	ck_assert(!kvip_prefix_contains(&p, &a));
	ck_assert_int_eq(kvip_prefix_parse("192.168.77.0/24", &q), 0);
	ck_assert(kvip_prefix_covers(&p, &q));
	ck_assert(!kvip_prefix_covers(&q, &p));
	ck_assert_int_eq(kvip_prefix_parse("0.0.0.0/0", &p), 0);
	ck_assert(kvip_prefix_covers(&p, &q));
}
END_TEST

static const struct {
	const char *in;
	enum kvip_addr_class want;
} classes[] = {
	{ "192.168.77.1", KVIP_ADDR_GLOBAL }, { "0.1.2.3", KVIP_ADDR_UNSPECIFIED },
	{ "127.0.0.53", KVIP_ADDR_LOOPBACK }, { "169.254.1.1", KVIP_ADDR_LINK_LOCAL },
	{ "224.0.0.1", KVIP_ADDR_MULTICAST }, { "255.255.255.255", KVIP_ADDR_MULTICAST },
	{ "fd00::1", KVIP_ADDR_GLOBAL },      { "::", KVIP_ADDR_UNSPECIFIED },
	{ "::1", KVIP_ADDR_LOOPBACK },        { "fe80::1", KVIP_ADDR_LINK_LOCAL },
	{ "febf::1", KVIP_ADDR_LINK_LOCAL },  { "ff02::1", KVIP_ADDR_MULTICAST },
	{ "fec0::1", KVIP_ADDR_GLOBAL },
};

START_TEST(what_can_never_be_a_vip)
{
	struct kvip_addr a;

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		ck_assert_int_eq(kvip_addr_parse(classes[i].in, &a), 0);
		ck_assert_int_eq(kvip_addr_classify(&a), classes[i].want);
	}
}
END_TEST

START_TEST(a_buffer_has_a_ceiling_and_remembers_its_error)
{
	struct kvip_buf b;

	kvip_buf_init(&b, 10);
	ck_assert_int_eq(kvip_buf_puts(&b, "12345"), 0);
	ck_assert_int_eq(kvip_buf_printf(&b, "%05d", 6), 0);
	ck_assert_str_eq(kvip_buf_str(&b), "1234500006");
	ck_assert_int_eq(kvip_buf_puts(&b, "x"), -EMSGSIZE);
	ck_assert_int_eq(kvip_buf_puts(&b, ""), -EMSGSIZE);
	ck_assert_str_eq(kvip_buf_str(&b), "");
	kvip_buf_reset(&b);
	ck_assert_int_eq(kvip_buf_puts(&b, "again"), 0);
	kvip_buf_done(&b);
	kvip_mem_fail_at(1);
	ck_assert_int_eq(kvip_buf_puts(&b, "x"), -ENOMEM);
	kvip_buf_done(&b);
	ck_assert_int_eq(kvip_mem_live(), 0);
}
END_TEST

static void burn(unsigned int ms)
{
	struct timespec from, at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	while ((at.tv_sec - from.tv_sec) * 1000 + (at.tv_nsec - from.tv_nsec) / 1000000 < (long)ms);
}

START_TEST(a_buffer_forgets_from_the_front)
{
	struct kvip_buf b;

	kvip_buf_init(&b, 16);
	kvip_buf_drop(&b, 3); /* of nothing */
	kvip_buf_puts(&b, "0123456789");
	kvip_buf_drop(&b, 0);
	ck_assert_str_eq(kvip_buf_str(&b), "0123456789");
	kvip_buf_drop(&b, 4);
	ck_assert_str_eq(kvip_buf_str(&b), "456789");
	ck_assert_uint_eq(b.len, 6);
	ck_assert_int_eq(kvip_buf_puts(&b, "abcdefghi"), 0); /* the ceiling is for what is there */
	ck_assert_str_eq(kvip_buf_str(&b), "456789abcdefghi");
	kvip_buf_drop(&b, 100);
	ck_assert_str_eq(kvip_buf_str(&b), "");
	ck_assert_int_eq(kvip_buf_puts(&b, "x"), 0);
	ck_assert_str_eq(kvip_buf_str(&b), "x");
	kvip_buf_done(&b);
}
END_TEST

START_TEST(a_callback_of_50_ms_is_caught)
{
	struct kvip_meter m = { 0 };

	kvip_meter_begin(&m);
	kvip_meter_end(&m, "short");
	ck_assert_uint_lt(m.longest_ns, 50000000);
	kvip_meter_begin(&m);
	burn(25);
	kvip_meter_begin(&m); /* a callback inside a callback is one run */
	burn(25);
	kvip_meter_end(&m, "inner");
	kvip_meter_end(&m, "long");
	ck_assert_uint_ge(m.longest_ns, 50000000 - 1000000);
	ck_assert_str_eq(m.longest_what, "long");
	ck_assert_uint_eq(m.runs, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");
	SRunner *r;
	int failed;

	tcase_add_test(t, addresses_are_canonical);
	tcase_add_test(t, prefixes_have_no_host_bits);
	tcase_add_test(t, containment);
	tcase_add_test(t, what_can_never_be_a_vip);
	tcase_add_test(t, a_buffer_has_a_ceiling_and_remembers_its_error);
	tcase_add_test(t, a_buffer_forgets_from_the_front);
	tcase_add_test(t, a_callback_of_50_ms_is_caught);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
