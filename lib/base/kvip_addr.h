/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP addresses and prefixes, v4 and v6, as plain values.
 *
 * A value is always canonical: unused bytes are zero and a prefix has no host bits, so that
 * comparison is memcmp and order is the same on every machine.
 */
#pragma once

#include "kvip_mem.h"

#include <stdbool.h>
#include <stdint.h>

enum kvip_family { KVIP_AF_NONE = 0, KVIP_IPV4 = 4, KVIP_IPV6 = 6 };

struct kvip_addr {
	uint8_t family; /* enum kvip_family */
	uint8_t b[16];
};

struct kvip_prefix {
	struct kvip_addr addr;
	uint8_t len; /* bits */
};

#define KVIP_ADDR_STRLEN   46
#define KVIP_PREFIX_STRLEN 50

/**
 * kvip_addr_parse - text to address, as inet_pton(3) reads it (no zone, no port)
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is refused: two spellings of one VIP are one too
 * many. Return: 0, or -EINVAL with @out untouched.
 */
int kvip_addr_parse(const char *text, struct kvip_addr *out) KVIP_USE_RESULT;
/** kvip_addr_render - @a as text into @buf (KVIP_ADDR_STRLEN bytes); returns @buf. */
const char *kvip_addr_render(const struct kvip_addr *a, char *buf);
int kvip_addr_cmp(const struct kvip_addr *a, const struct kvip_addr *b);
static inline bool kvip_addr_equal(const struct kvip_addr *a, const struct kvip_addr *b)
{
	return kvip_addr_cmp(a, b) == 0;
}
/** kvip_addr_bits - 32 or 128. */
uint8_t kvip_addr_bits(const struct kvip_addr *a);

/**
 * kvip_prefix_parse - "A.B.C.D/M", "X::Y/M" or a bare address (a host prefix)
 * Return: 0; -EINVAL; -ERANGE when bits beyond the length are set (@out is untouched).
 */
int kvip_prefix_parse(const char *text, struct kvip_prefix *out) KVIP_USE_RESULT;
const char *kvip_prefix_render(const struct kvip_prefix *p, char *buf);
/** kvip_prefix_host - the /32 or /128 of @a. */
struct kvip_prefix kvip_prefix_host(const struct kvip_addr *a);
/** kvip_prefix_cmp - total order: family, address, length. */
int kvip_prefix_cmp(const struct kvip_prefix *a, const struct kvip_prefix *b);
/** kvip_prefix_contains - is @a inside @p? False for another family. */
bool kvip_prefix_contains(const struct kvip_prefix *p, const struct kvip_addr *a);
/** kvip_prefix_covers - is every address of @inner in @outer? */
bool kvip_prefix_covers(const struct kvip_prefix *outer, const struct kvip_prefix *inner);

/* What an address can never be as a VIP, whatever the configuration says (rules R3). */
enum kvip_addr_class {
	KVIP_ADDR_GLOBAL = 0, /* may be a VIP */
	KVIP_ADDR_UNSPECIFIED,
	KVIP_ADDR_LOOPBACK,
	KVIP_ADDR_LINK_LOCAL,
	KVIP_ADDR_MULTICAST, /* and 240.0.0.0/4, 255.255.255.255 */
};

/** kvip_addr_classify - RFC 6890 and RFC 4291, as far as routing a VIP is concerned. */
enum kvip_addr_class kvip_addr_classify(const struct kvip_addr *a);
