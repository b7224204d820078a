// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: URLs of servers and proxies. Thread: any; no state, no allocation.
 *
 * Sources: RFC 3986 (generic syntax); client-go v0.36 clientcmd (proxy-url: http, https, socks5).
 */
#include "kvip_url.h"

#include "base/kvip_addr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* scheme://[user@]host[:port][/path], cut but not yet judged */
struct parts {
	char scheme[16];
	char host[KVIP_URL_BYTES];
	char path[KVIP_URL_BYTES];
	bool brackets, user;
	long port; /* -1: none given */
};

static bool printable(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || *s == '\\' || *s == '"')
			return false;
	return true;
}

static bool host_chars(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._";

	return *s && strspn(s, allowed) == strlen(s);
}

static int cut_port(const char *s, size_t len, long *port)
{
	char *end;

	*port = -1;
	if (len == 0)
		return 0;
	if (s[0] != ':' || len < 2 || len > 6 || s[1] < '0' || s[1] > '9')
		return -EINVAL;
	*port = strtol(s + 1, &end, 10);
	return end == s + len && *port >= 1 && *port <= 65535 ? 0 : -EINVAL;
}

static int cut_host(const char *s, size_t len, struct parts *p)
{
	const char *end;
	size_t n;

	if (len && s[0] == '[') {
		end = memchr(s, ']', len);
		if (!end)
			return -EINVAL;
		p->brackets = true;
		n = (size_t)(end - s) - 1;
		memcpy(p->host, s + 1, n);
		return cut_port(end + 1, len - n - 2, &p->port);
	}
	end = memchr(s, ':', len);
	n = end ? (size_t)(end - s) : len;
	memcpy(p->host, s, n);
	return cut_port(s + n, len - n, &p->port);
}

static int cut(const char *url, struct parts *p)
{
	const char *rest = strstr(url, "://"), *at;
	size_t n, len = strlen(url);

	*p = (struct parts){ .port = -1 };
	if (!rest || len >= KVIP_URL_BYTES || !printable(url))
		return -EINVAL;
	n = (size_t)(rest - url);
	if (n == 0 || n >= sizeof(p->scheme))
		return -EINVAL;
	memcpy(p->scheme, url, n);
	rest += 3;
	n = strcspn(rest, "/?#");
	if (rest[n] == '?' || rest[n] == '#' || strpbrk(rest + n, "?#"))
		return -EINVAL;
	memcpy(p->path, rest + n, strlen(rest + n)); /* shorter than url, which fits */
	at = rest + n;
	while (at > rest && *at != '@')
		at--;
	if (*at == '@') {
		p->user = true;
		n -= (size_t)(at + 1 - rest);
		rest = at + 1;
	}
	return cut_host(rest, n, p);
}

/* @addr gets family KVIP_AF_NONE for a name. */
static int check_host(const struct parts *p, struct kvip_addr *addr)
{
	*addr = (struct kvip_addr){ 0 };
	if (kvip_addr_parse(p->host, addr) == 0)
		return (addr->family == KVIP_IPV6) == p->brackets ? 0 : -EINVAL;
	return !p->brackets && host_chars(p->host) ? 0 : -EINVAL;
}

static int render(struct kvip_server *s)
{
	int n = snprintf(s->url, sizeof(s->url), "http%s://%s%s%s:%u%s", s->tls ? "s" : "",
			 s->ip6 ? "[" : "", s->host, s->ip6 ? "]" : "", s->port, s->path);

	return n > 0 && (size_t)n < sizeof(s->url) ? 0 : -EINVAL;
}

static int not_a_server(const char *url, const char *where, struct kvip_err *err)
{
	return kvip_err_set(err, -EINVAL,
			    "%s \"%.100s\" is no URL of an API server: write https://HOST:PORT",
			    where, strchr(url, '@') ? "(with a user name)" : url);
}

int kvip_server_parse(const char *url, const char *where, struct kvip_server *out,
		      struct kvip_err *err)
{
	struct kvip_server s = { 0 };
	struct kvip_addr addr;
	struct parts p;
	size_t n;

	if (cut(url, &p) || p.user || check_host(&p, &addr))
		return not_a_server(url, where, err);
	s.tls = strcasecmp(p.scheme, "https") == 0;
	if (!s.tls && strcasecmp(p.scheme, "http") != 0)
		return kvip_err_set(err, -EINVAL, "%s \"%.100s\": the scheme must be https", where,
				    url);
	if (!s.tls && (!addr.family || kvip_addr_classify(&addr) != KVIP_ADDR_LOOPBACK))
		return kvip_err_set(
			err, -EINVAL,
			"%s \"%.100s\": plain http is taken for a loopback address only "
			"(http://127.0.0.1:PORT): write https://",
			where, url);
	s.port = p.port > 0 ? (uint16_t)p.port : (s.tls ? 443 : 80);
	s.ip6 = addr.family == KVIP_IPV6;
	memcpy(s.host, p.host, sizeof(s.host));
	memcpy(s.path, p.path, sizeof(s.path));
	for (n = strlen(s.path); n && s.path[n - 1] == '/'; n--)
		s.path[n - 1] = '\0';
	if (render(&s))
		return not_a_server(url, where, err);
	*out = s;
	return 0;
}

int kvip_proxy_parse(const char *url, char *out, bool *loopback, struct kvip_err *err)
{
	struct kvip_addr addr;
	struct parts p;
	bool socks, known;

	if (cut(url, &p) || check_host(&p, &addr) || (p.path[0] && strcmp(p.path, "/") != 0) ||
	    strlen(url) >= KVIP_URL_BYTES - 1) /* socks5h is one longer than socks5 */
		return kvip_err_set(err, -EINVAL,
				    "proxy-url is no URL of a proxy: write http://HOST:PORT, "
				    "https://HOST:PORT or socks5://HOST:PORT");
	socks = strcasecmp(p.scheme, "socks5") == 0 || strcasecmp(p.scheme, "socks5h") == 0;
	known = socks || strcasecmp(p.scheme, "http") == 0 || strcasecmp(p.scheme, "https") == 0;
	if (!known)
		return kvip_err_set(
			err, -EINVAL,
			"proxy-url: scheme %s is not supported: use http, https or socks5",
			p.scheme);
	*loopback = addr.family && kvip_addr_classify(&addr) == KVIP_ADDR_LOOPBACK;
	snprintf(out, KVIP_URL_BYTES, "%s%s", socks ? "socks5h" : p.scheme, strstr(url, "://"));
	return 0;
}
