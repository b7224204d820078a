/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two URLs of a connection: of an API server, of a proxy. Parsed once, so that a mistake is
 * told at the configuration and not by the first request.
 */
#pragma once

#include "base/kvip_err.h"

#include <stdbool.h>
#include <stdint.h>

#define KVIP_URL_BYTES 256

struct kvip_server {
	char url[KVIP_URL_BYTES];  /* canonical: scheme://host:port/path, no slash at the end */
	char host[KVIP_URL_BYTES]; /* a name or an address, without brackets */
	char path[KVIP_URL_BYTES]; /* "" or "/prefix": a gateway in front of several clusters */
	uint16_t port;
	bool ip6; /* host is an IPv6 address and wants brackets in a URL */
	bool tls; /* https */
};

/**
 * kvip_server_parse - https://HOST[:PORT][/PATH]
 * http:// is taken for a loopback address only (127.0.0.0/8, [::1]; not for a name): that is
 * `kubectl proxy` on this machine, and nothing travels.
 * @where: "server" or the like, for the error
 * Return: 0, -EINVAL with @out untouched.
 */
int kvip_server_parse(const char *url, const char *where, struct kvip_server *out,
		      struct kvip_err *err) KVIP_USE_RESULT;

/**
 * kvip_proxy_parse - http://, https://, socks5:// [USER:PASSWORD@] HOST[:PORT]
 * @out: KVIP_URL_BYTES bytes: what libcurl is given. socks5 becomes socks5h: the proxy resolves the
 *       server's name, as client-go does it.
 * @loopback: is the proxy on this machine?
 * Errors never show the URL: it may hold a password. Return: 0, -EINVAL.
 */
int kvip_proxy_parse(const char *url, char *out, bool *loopback,
		     struct kvip_err *err) KVIP_USE_RESULT;
