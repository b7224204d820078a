// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: which shell has our commands, and kubewatch's answers. In vtysh's process and thread.
 *
 * bgpd is asked for its modules on a connection of our own; vtysh's own may be in the middle of
 * something. kubewatch is told apart by its socket. The answer is kept for a second, so that a file
 * with thousands of lines does not ask thousands of times, and no longer, for an interactive vtysh
 * outlives the daemons.
 */
#include <zebra.h>

#include "frr-module/vtysh_kubevip.h"

#include "base/kvip_buf.h"
#include "frr/kvf_relay.h"

#include "command.h"
#include "vty.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEEP_S            1
#define PROBE_TIMEOUT_S   10
#define RELAY_TIMEOUT_S   60
#define MAX_MODULES_BYTES (64u << 10)

static void collect(void *ctx, const char *text, size_t len)
{
	kvip_buf_add(ctx, text, len);
}

/* `show modules` is a line for each, beginning with its name (FRR 8.4.4 lib/lib_vty.c). */
static bool has_module(const char *text)
{
	static const char name[] = "kubevip";

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, sizeof(name) - 1) == 0 && line[sizeof(name) - 1] == ' ')
			return true;
	}
	return false;
}

/* Return: 1 bgpd has it, 0 it has not, -ENOENT bgpd does not run, other: it does not answer. */
static int ask_bgpd(const char *dir)
{
	int fd = kvf_relay_open(dir, "bgpd", PROBE_TIMEOUT_S), rc;
	struct kvip_buf said;

	if (fd < 0)
		return fd == -ECONNREFUSED ? -ENOENT : fd;
	kvip_buf_init(&said, MAX_MODULES_BYTES);
	rc = kvf_relay_run(fd, "show modules", collect, &said);
	if (rc >= 0)
		rc = has_module(kvip_buf_str(&said));
	kvip_buf_done(&said);
	close(fd);
	return rc == -EPIPE || rc == -ECONNRESET ? -ENOENT : rc;
}

bool vtysh_shell_kubewatch_runs(const char *dir)
{
	int fd = kvf_relay_open(dir, "kubewatch", PROBE_TIMEOUT_S);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static enum vtysh_shell look(const char *dir)
{
	int rc = ask_bgpd(dir);

	if (rc > 0)
		return VTYSH_SHELL_MODULE;
	if (rc < 0 && rc != -ENOENT)
		return VTYSH_SHELL_UNKNOWN;
	if (vtysh_shell_kubewatch_runs(dir))
		return VTYSH_SHELL_KUBEWATCH;
	return rc == 0 ? VTYSH_SHELL_BGPD_ALONE : VTYSH_SHELL_NONE;
}

static time_t until_s; /* the last answer serves */

enum vtysh_shell vtysh_shell_find(const char *dir)
{
	static enum vtysh_shell found;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < until_s)
		return found;
	found = look(dir);
	clock_gettime(CLOCK_MONOTONIC, &now);
	until_s = now.tv_sec + KEEP_S;
	return found;
}

const char *vtysh_shell_reason(enum vtysh_shell shell)
{
	switch (shell) {
	case VTYSH_SHELL_MODULE:
		break;
	case VTYSH_SHELL_KUBEWATCH:
		return "this is for bgpd's module, which bgpd does not have; kubewatch, which runs, "
		       "has its lines in kubewatch.conf alone";
	case VTYSH_SHELL_BGPD_ALONE:
		return "bgpd runs without its module (bgpd -M kubevip), and kubewatch does not run";
	case VTYSH_SHELL_NONE:
		return "neither bgpd, with its module kubevip, nor kubewatch runs";
	case VTYSH_SHELL_UNKNOWN:
		return "bgpd does not answer, so it is not known who has this line: try again";
	}
	return "";
}

static void print(void *ctx, const char *text, size_t len)
{
	vty_out(ctx, "%.*s", (int)len, text);
}

/* One line of the dialogue. Return: the status; a broken connection is said and is a failure. */
static int step(int fd, struct vty *vty, const char *line)
{
	int rc = kvf_relay_run(fd, line, print, vty);

	if (rc >= 0)
		return rc;
	vty_out(vty, "%% kubewatch: %s\n",
		rc == -EAGAIN ? "no answer" : "the connection broke: is it running?");
	return CMD_WARNING_CONFIG_FAILED;
}

static int converse(int fd, struct vty *vty, const char *line, bool configure)
{
	int rc = step(fd, vty, "enable");

	if (rc == CMD_SUCCESS && configure)
		rc = step(fd, vty, "configure terminal");
	if (rc == CMD_SUCCESS)
		rc = step(fd, vty, line);
	return rc;
}

int vtysh_shell_relay(const char *dir, struct vty *vty, const char *line, bool configure)
{
	int fd = kvf_relay_open(dir, "kubewatch", RELAY_TIMEOUT_S), rc;

	if (fd < 0) {
		until_s = 0;
		return fd;
	}
	rc = converse(fd, vty, line, configure);
	close(fd);
	return rc;
}
