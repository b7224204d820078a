// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what single words of a configuration line may be. Thread: any. Keeps nothing.
 *
 * Every refusal says what would be right; the caller puts the line's own word before it.
 * Sources: RFC 1123 (names), RFC 3986 (URLs), Kubernetes documentation v1.36 "Object Names and
 * IDs".
 */
#include "vip/kvip_conf_impl.h"

#include "base/kvip_limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALNUM          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define LOWER          "abcdefghijklmnopqrstuvwxyz0123456789"
#define MAX_PATH_BYTES 1024u
#define MAX_URL_BYTES  250u

static bool made_of(const char *word, const char *chars, size_t max)
{
	size_t n = strlen(word);

	return n > 0 && n <= max && strspn(word, chars) == n;
}

/* Every word must come back from a line of text as it was: no spaces, nothing that cannot be
 * printed. */
static bool printable(const char *word, size_t max)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)word[i] <= ' ' || word[i] == 0x7f)
			return false;
	return n > 0 && n <= max;
}

int kvip_conf_check_name(const char *word, struct kvip_err *err)
{
	if (made_of(word, ALNUM "._-", 63))
		return 0;
	return kvip_err_set(err, -EINVAL,
			    "a name is 1 to 63 letters, digits, `.`, `_` or `-`, not `%.80s`",
			    word);
}

bool kvip_conf_is_settings(const char *name)
{
	return strncmp(name, "cilium", 6) == 0 && (name[6] == '\0' || name[6] == ':');
}

/* cilium:NAME/INDEX: NAME is that of an object, longer than ours may be. */
int kvip_conf_check_block_name(const char *word, struct kvip_err *err)
{
	if (kvip_conf_is_settings(word) && word[6] &&
	    made_of(word + 7, LOWER ".-/", KVIP_MAX_NAME + 4))
		return 0;
	return kvip_conf_check_name(word, err);
}

int kvip_conf_check_path(const char *word, struct kvip_err *err)
{
	if (word[0] == '/' && printable(word, MAX_PATH_BYTES))
		return 0;
	return kvip_err_set(err, -EINVAL, "write an absolute path (/etc/frr/...), not `%.80s`",
			    word);
}

int kvip_conf_check_node_name(const char *word, struct kvip_err *err)
{
	if (made_of(word, LOWER "-.", KVIP_MAX_NAME))
		return 0;
	return kvip_err_set(err, -EINVAL,
			    "write `auto` or the name of a Node object (lower case), not `%.80s`",
			    word);
}

int kvip_conf_check_host_name(const char *word, struct kvip_err *err)
{
	if (made_of(word, ALNUM ".-:", KVIP_MAX_NAME))
		return 0;
	return kvip_err_set(err, -EINVAL, "write a host name or an address, not `%.80s`", word);
}

int kvip_conf_check_list_name(const char *word, struct kvip_err *err)
{
	if (printable(word, 128))
		return 0;
	return kvip_err_set(err, -EINVAL, "the name of a prefix-list has at most 128 characters");
}

int kvip_conf_check_ns(const char *word, struct kvip_err *err)
{
	if (made_of(word, LOWER "-", 63))
		return 0;
	return kvip_err_set(err, -EINVAL,
			    "a namespace is 1 to 63 lower case letters, digits or `-`, not `%.80s`",
			    word);
}

int kvip_conf_check_label_key(const char *word, struct kvip_err *err)
{
	if (made_of(word, ALNUM "._-/", KVIP_MAX_LABEL_KEY))
		return 0;
	return kvip_err_set(err, -EINVAL, "write a key like example.com/name, not `%.80s`", word);
}

static bool is_loopback(const char *host)
{
	struct kvip_addr a;

	if (strcmp(host, "localhost") == 0)
		return true;
	return kvip_addr_parse(host, &a) == 0 && kvip_addr_classify(&a) == KVIP_ADDR_LOOPBACK;
}

/* HOST of HOST, HOST:PORT, [V6] or [V6]:PORT up to the first slash; false if it is none of
 * these. */
static bool split_host(const char *text, char *host, size_t size)
{
	const char *end = text + strcspn(text, "/"), *port;
	bool bracket = text[0] == '[';
	char *stop;
	size_t n;
	long value;

	text += bracket;
	n = strcspn(text, bracket ? "]/" : ":/");
	if (n == 0 || n >= size)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	port = text + n;
	if (bracket && *port++ != ']')
		return false;
	if (port == end)
		return true;
	if (*port != ':' || port[1] < '0' || port[1] > '9')
		return false;
	value = strtol(port + 1, &stop, 10);
	return stop == end && value >= 1 && value <= 65535;
}

static bool good_host(const char *host, bool bracket)
{
	struct in6_addr a6;

	if (bracket)
		return inet_pton(AF_INET6, host, &a6) == 1;
	return made_of(host, ALNUM ".-_", KVIP_MAX_NAME);
}

int kvip_conf_check_server(const char *word, struct kvip_err *err)
{
	bool tls = strncmp(word, "https://", 8) == 0, plain = strncmp(word, "http://", 7) == 0;
	const char *rest = word + (tls ? 8 : 7);
	char host[256];

	if (!tls && !plain)
		return kvip_err_set(err, -EINVAL, "write https://HOST:PORT, not `%.80s`", word);
	if (!printable(word, MAX_URL_BYTES) || strpbrk(word, "@?#") ||
	    !split_host(rest, host, sizeof(host)) || !good_host(host, rest[0] == '['))
		return kvip_err_set(
			err, -EINVAL,
			"`%.80s` is no server: write https://HOST:PORT, an IPv6 address in [ ]",
			word);
	if (plain && !is_loopback(host))
		return kvip_err_set(
			err, -EINVAL,
			"http:// would send credentials in the clear: write https:// (http for "
			"loopback only)");
	return 0;
}

int kvip_conf_check_proxy_url(const char *word, struct kvip_err *err)
{
	static const char *const schemes[] = { "http://", "https://", "socks5://", "socks5h://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i]);

		if (strncmp(word, schemes[i], n) == 0 && word[n] && word[n] != '/' &&
		    printable(word, MAX_URL_BYTES))
			return 0;
	}
	return kvip_err_set(
		err, -EINVAL,
		"write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, not `%.80s`",
		word);
}

int kvip_conf_parse_number(const char *word, const struct kvip_conf_number *bounds, uint32_t *out,
			   struct kvip_err *err)
{
	unsigned long long value = 0;
	char *end = NULL;

	if (made_of(word, "0123456789", 10))
		value = strtoull(word, &end, 10);
	if (!end || value < bounds->min || value > bounds->max)
		return kvip_err_set(err, -EINVAL, "write a number from %u to %u, not `%.80s`",
				    bounds->min, bounds->max, word);
	*out = (uint32_t)value;
	return 0;
}

/* What somebody meant who wrote 192.168.77.1/24. */
static int refuse_host_bits(const char *word, struct kvip_err *err)
{
	char text[KVIP_ADDR_STRLEN], right[KVIP_PREFIX_STRLEN];
	const char *slash = strchr(word, '/');
	struct kvip_prefix p;
	unsigned int bits;

	memcpy(text, word, (size_t)(slash - word));
	text[slash - word] = '\0';
	if (kvip_addr_parse(text, &p.addr))
		return kvip_err_set(err, -EINVAL, "`%.80s` is no prefix", word);
	p.len = (uint8_t)strtoul(slash + 1, NULL, 10);
	bits = kvip_addr_bits(&p.addr);
	for (unsigned int i = p.len; i < bits; i++)
		p.addr.b[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	return kvip_err_set(err, -EINVAL, "`%.80s` has bits set beyond its length: write %s", word,
			    kvip_prefix_render(&p, right));
}

int kvip_conf_parse_prefix(const char *word, struct kvip_prefix *out, struct kvip_err *err)
{
	int rc = kvip_prefix_parse(word, out);

	if (rc == -ERANGE)
		return refuse_host_bits(word, err);
	if (rc)
		return kvip_err_set(
			err, -EINVAL,
			"write a prefix like 192.168.77.0/24 or fd00:77::/64, not `%.80s`", word);
	return 0;
}

int kvip_conf_join(int argc, const char *const *argv, struct kvip_buf *out)
{
	int rc = 0;

	for (int i = 0; i < argc && !rc; i++) {
		rc = i ? kvip_buf_puts(out, " ") : 0;
		if (!rc)
			rc = kvip_buf_puts(out, argv[i]);
	}
	return rc;
}
