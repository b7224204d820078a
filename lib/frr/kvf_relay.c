// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: speak to a daemon's .vty socket. kubewatch --command uses it, and vtysh's extension, because
 * stock vtysh knows only the daemons it was compiled with.
 *
 * Thread: any; blocks for at most the time-out at each step. A line and a NUL are sent; the answer
 * ends in three NULs and a status byte.
 *
 * Source: FRR 8.4.4, lib/vty.c (vtysh_read) and vtysh/vtysh.c (vtysh_client_run).
 */
#include "frr/kvf_relay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK 4096
#define TAIL  4 /* three NULs and the status */

int kvf_relay_open(const char *dir, const char *daemon, unsigned int timeout_s)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = timeout_s };
	int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s.vty", dir, daemon), fd, rc;

	if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The last bytes may be the ones that end the answer: they are held back until more has come. */
int kvf_relay_run(int fd, const char *line, void (*out)(void *ctx, const char *text, size_t len),
		  void *ctx)
{
	char buf[CHUNK + TAIL];
	size_t held = 0;
	int rc = send_all(fd, line, strlen(line) + 1);

	while (!rc) {
		ssize_t n = recv(fd, buf + held, CHUNK, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		held += (size_t)n;
		if (held < TAIL)
			continue;
		if (held > TAIL)
			out(ctx, buf, held - TAIL);
		memmove(buf, buf + held - TAIL, TAIL);
		held = TAIL;
		if (memcmp(buf, "\0\0\0", TAIL - 1) == 0)
			return (unsigned char)buf[TAIL - 1];
	}
	return rc;
}
