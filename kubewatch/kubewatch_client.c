// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: --command: ask the kubewatch that runs. Stock vtysh knows only the daemons it was compiled
 * with, so this speaks to the daemon's .vty socket as vtysh does: a command and a NUL; the answer
 * ends in three NULs and a status byte (FRR 8.4.4 lib/vty.c, vtysh_read).
 */
#include "frr/kvf_compat.h"

#include "kubewatch/kubewatch_offline.h"

#include "command.h"
#include "libfrr.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_daemon(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlcpy(sa.sun_path, path, sizeof(sa.sun_path)) >= sizeof(sa.sun_path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/*
 * Print the answer up to its end. The last bytes may be the three NULs that end it, so they are
 * held back until more has come. Return: the status, or -1 when the daemon hung up.
 */
static int print_answer(int fd, FILE *out)
{
	char buf[4096 + 4];
	size_t held = 0;

	for (;;) {
		ssize_t n = read(fd, buf + held, 4096);

		if (n <= 0)
			return -1;
		held += (size_t)n;
		if (held >= 4 && memcmp(buf + held - 4, "\0\0\0", 3) == 0) {
			fwrite(buf, 1, held - 4, out);
			return (unsigned char)buf[held - 1];
		}
		if (held <= 4)
			continue;
		fwrite(buf, 1, held - 4, out);
		memmove(buf, buf + held - 4, 4);
		held = 4;
	}
}

static int ask(int fd, const char *command, FILE *out)
{
	if (!send_all(fd, command, strlen(command) + 1))
		return -1;
	return print_answer(fd, out);
}

int kubewatch_command(const char *const *commands, size_t n)
{
	char path[512];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/kubewatch.vty", frr_vtydir);
	fd = connect_daemon(path);
	if (fd < 0) {
		fprintf(stderr, "%s: %s: is kubewatch running, and may you read its directory?\n",
			path, safe_strerror(errno));
		return 1;
	}
	rc = ask(fd, "enable", stderr);
	for (size_t i = 0; i < n && rc == CMD_SUCCESS; i++)
		rc = ask(fd, commands[i], stdout);
	close(fd);
	if (rc < 0)
		fprintf(stderr, "%s: the daemon hung up\n", path);
	return rc == CMD_SUCCESS ? 0 : 1;
}
