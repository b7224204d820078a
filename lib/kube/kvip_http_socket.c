// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: sockets that can be ended from outside of libcurl. Thread: T1.
 *
 * libcurl closes them, and does not always say so (7.88.1: a connection that is dropped while it is
 * being made). So numbers are remembered, at most one time each, and the kernel is asked whether
 * one is still a socket with those ports. Both: the number may be a BGP session's by now, and
 * Linux gives one local port to several connections whose peers differ.
 *
 * Sources: libcurl 7.88.1, traced; Linux tcp(7).
 */
#include "kvip_http_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>

#define KEEPCNT         3
#define USER_TIMEOUT_MS 30000

/* Unacknowledged bytes for 30 s: the peer is gone. Keepalive does the same for an idle one. */
static void set_options(int fd)
{
	unsigned int ms = USER_TIMEOUT_MS;
	int count = KEEPCNT;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* A number that is known was closed meanwhile. */
static void remember(struct kvip_sockets *s, int fd)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->fd[i] == fd)
			return;
	s->fd[s->next] = fd;
	s->next = (s->next + 1) % KVIP_MAX_SOCKETS;
	if (s->n < KVIP_MAX_SOCKETS)
		s->n++;
}

int kvip_sockets_open(struct kvip_sockets *s, int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return fd;
	set_options(fd);
	remember(s, fd);
	return fd;
}

typedef int name_fn(int fd, struct sockaddr *sa, socklen_t *len);

static bool has_port(name_fn *name, int fd, long port)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = { 0 };
	socklen_t len = sizeof(a);

	if (name(fd, &a.sa, &len))
		return false;
	if (a.sa.sa_family == AF_INET)
		return ntohs(a.in.sin_port) == port;
	return a.sa.sa_family == AF_INET6 && ntohs(a.in6.sin6_port) == port;
}

void kvip_sockets_shut(const struct kvip_sockets *s, long local, long remote)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (has_port(getsockname, s->fd[i], local) &&
		    has_port(getpeername, s->fd[i], remote))
			(void)shutdown(s->fd[i], SHUT_RDWR);
}
