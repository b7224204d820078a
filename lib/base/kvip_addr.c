// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: addresses and prefixes as values. Thread: any. Allocates nothing.
 *
 * Sources: RFC 4291 (IPv6 addressing), RFC 6890 (special purpose addresses), RFC 1112 (class E).
 */
#include "kvip_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int kvip_addr_parse(const char *text, struct kvip_addr *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct kvip_addr a = { 0 };

	if (inet_pton(AF_INET, text, a.b) == 1) {
		a.family = KVIP_IPV4;
	} else if (inet_pton(AF_INET6, text, a.b) == 1) {
		if (memcmp(a.b, mapped, sizeof(mapped)) == 0)
			return -EINVAL;
		a.family = KVIP_IPV6;
	} else {
		return -EINVAL;
	}
	*out = a;
	return 0;
}

const char *kvip_addr_render(const struct kvip_addr *a, char *buf)
{
	if (!inet_ntop(a->family == KVIP_IPV4 ? AF_INET : AF_INET6, a->b, buf, KVIP_ADDR_STRLEN))
		buf[0] = '\0';
	return buf;
}

int kvip_addr_cmp(const struct kvip_addr *a, const struct kvip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, sizeof(a->b));
}

uint8_t kvip_addr_bits(const struct kvip_addr *a)
{
	return a->family == KVIP_IPV4 ? 32 : 128;
}

static bool has_host_bits(const struct kvip_prefix *p)
{
	uint8_t bits = kvip_addr_bits(&p->addr);

	for (unsigned int i = p->len; i < bits; i++)
		if (p->addr.b[i / 8] & (0x80u >> (i % 8)))
			return true;
	return false;
}

int kvip_prefix_parse(const char *text, struct kvip_prefix *out)
{
	char addr[KVIP_ADDR_STRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct kvip_prefix p;
	char *end;
	long len;

	if (n >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (kvip_addr_parse(addr, &p.addr))
		return -EINVAL;
	p.len = kvip_addr_bits(&p.addr);
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		len = strtol(slash + 1, &end, 10);
		if (*end || len > p.len)
			return -EINVAL;
		p.len = (uint8_t)len;
	}
	if (has_host_bits(&p))
		return -ERANGE;
	*out = p;
	return 0;
}

const char *kvip_prefix_render(const struct kvip_prefix *p, char *buf)
{
	size_t n;

	kvip_addr_render(&p->addr, buf);
	n = strlen(buf);
	snprintf(buf + n, KVIP_PREFIX_STRLEN - n, "/%u", p->len);
	return buf;
}

struct kvip_prefix kvip_prefix_host(const struct kvip_addr *a)
{
	return (struct kvip_prefix){ .addr = *a, .len = kvip_addr_bits(a) };
}

int kvip_prefix_cmp(const struct kvip_prefix *a, const struct kvip_prefix *b)
{
	int c = kvip_addr_cmp(&a->addr, &b->addr);

	return c ? c : (int)a->len - (int)b->len;
}

bool kvip_prefix_contains(const struct kvip_prefix *p, const struct kvip_addr *a)
{
	unsigned int bytes = p->len / 8, rest = p->len % 8;

	if (p->addr.family != a->family || memcmp(p->addr.b, a->b, bytes) != 0)
		return false;
	return rest == 0 || ((p->addr.b[bytes] ^ a->b[bytes]) & (0xff00u >> rest) & 0xff) == 0;
}

bool kvip_prefix_covers(const struct kvip_prefix *outer, const struct kvip_prefix *inner)
{
	return inner->len >= outer->len && kvip_prefix_contains(outer, &inner->addr);
}

static enum kvip_addr_class classify4(const uint8_t b[4])
{
	if (b[0] == 0)
		return KVIP_ADDR_UNSPECIFIED;
	if (b[0] == 127)
		return KVIP_ADDR_LOOPBACK;
	if (b[0] == 169 && b[1] == 254)
		return KVIP_ADDR_LINK_LOCAL;
	if (b[0] >= 224)
		return KVIP_ADDR_MULTICAST;
	return KVIP_ADDR_GLOBAL;
}

static enum kvip_addr_class classify6(const uint8_t b[16])
{
	static const uint8_t zero[15];

	if (memcmp(b, zero, 15) == 0 && b[15] <= 1)
		return b[15] ? KVIP_ADDR_LOOPBACK : KVIP_ADDR_UNSPECIFIED;
	if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80)
		return KVIP_ADDR_LINK_LOCAL;
	if (b[0] == 0xff)
		return KVIP_ADDR_MULTICAST;
	return KVIP_ADDR_GLOBAL;
}

enum kvip_addr_class kvip_addr_classify(const struct kvip_addr *a)
{
	return a->family == KVIP_IPV4 ? classify4(a->b) : classify6(a->b);
}
