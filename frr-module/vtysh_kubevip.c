// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: vtysh's extension. vtysh has its commands and its daemons compiled in and loads no modules;
 * this object is preloaded into it (packaging/vtysh) and steps in at the functions of libfrr that
 * vtysh calls:
 *
 *   vty_init_vtysh()                  when vtysh's own table is complete: ours are added
 *   cmd_execute()                     a line typed, or given by -c
 *   command_config_read_one_line()    a line of a file: -b, -f, -C, copy FILE running-config
 *
 * Our commands carry bgpd's bit, so that vtysh itself sends them to bgpd, marks files with them and
 * merges bgpd's answers. Where bgpd has not our module, a typed line is carried out by kubewatch
 * instead and vtysh is given the result; a line of a file never is, for files are bgpd's and
 * kubewatch has its own (rules R5).
 *
 * Everything of libfrr or vtysh that is needed to load is weak: preloaded into any other program
 * this does nothing. In another version of FRR it says so in one line and steps in nowhere; what it
 * does then is in vtysh_kubevip_other.c.
 */
#include "frr/kvf_compat.h"

#include "frr-module/vtysh_kubevip.h"

#include "frr/kvf_cmd.h"

#include "command.h"
#include "module.h"
#include "vty.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#pragma weak frrmod_list
/* vtysh/vtysh.c, vtysh_main.c */
extern char vtydir[] __attribute__((weak)); /* --vty_socket, -N and all */
extern char *vtysh_pager_name __attribute__((weak));
extern struct kvf_event_loop *master __attribute__((weak)); /* there is one in a terminal alone */

#define EXPORT __attribute__((visibility("default")))

#define MAX_FD 64 /* vtysh opens its sockets first: some thirty daemons */

static bool ready; /* our commands are in vtysh's table */

/* One variable for all copies of this object that are preloaded: the first one's. */
extern bool vtysh_kubevip_present;
EXPORT bool vtysh_kubevip_present;

/* vtysh's pager and what it pings with must not have it. What else was to be preloaded stays. */
static void leave_environment(void)
{
	const char *list = getenv("LD_PRELOAD"), *own;
	char rest[4096];
	size_t n = 0;
	Dl_info self;

	if (!list || !dladdr((void *)leave_environment, &self))
		return;
	own = self.dli_fname;
	while (*list) {
		size_t len = strcspn(list, " :");
		bool keep = len && (len != strlen(own) || strncmp(list, own, len));

		if (keep && n + len + 2 < sizeof(rest)) {
			n += (size_t)snprintf(rest + n, sizeof(rest) - n, "%s%.*s", n ? ":" : "",
					      (int)len, list);
		}
		list += len + (list[len] != '\0');
	}
	if (n)
		setenv("LD_PRELOAD", rest, 1);
	else
		unsetenv("LD_PRELOAD");
}

static bool is_another_version(void)
{
	const char *running = frrmod_list->info->version;
	bool known;

	if (strcmp(running, KVF_BUILT_FOR) == 0)
		return false;
	known = vtysh_other_install();
	fprintf(stderr,
		"vtysh: %s: this is FRR %.40s, the extension is for %s: build kubevip again\n",
		known ? "lines of kubevip are not checked" : "no kubevip commands", running,
		KVF_BUILT_FOR);
	return true;
}

static bool install(void)
{
	const char *why = NULL;

	if (!&frrmod_list || !frrmod_list || !vtydir)
		why = "this vtysh is built in another way";
	else if (is_another_version())
		return false;
	else if (kvf_cmd_install_vtysh(VTYSH_BGPD))
		why = "out of memory";
	if (why)
		fprintf(stderr, "vtysh: no kubevip commands: %s\n", why);
	return !why;
}

EXPORT void vty_init_vtysh(void);
void vty_init_vtysh(void)
{
	void (*real)(void) = (void (*)(void))dlsym(RTLD_NEXT, "vty_init_vtysh");

	if (real)
		real(); /* another copy's, if there is one */
	leave_environment();
	if (vtysh_kubevip_present)
		return;
	vtysh_kubevip_present = true;
	ready = install();
}

/* ---- what vtysh is connected to ---- */

/* By the name of the socket alone: its directory is as the daemon calls it, not as vtysh does. */
static bool is_socket_of(int fd, const char *daemon)
{
	struct {
		struct sockaddr_un sa;
		char end; /* sun_path may fill its array */
	} peer = { 0 };
	socklen_t len = sizeof(peer.sa);
	const char *name, *suffix;

	if (getpeername(fd, (struct sockaddr *)&peer.sa, &len) || peer.sa.sun_family != AF_UNIX)
		return false;
	name = strrchr(peer.sa.sun_path, '/');
	suffix = name ? strrchr(name, '.') : NULL;
	if (!suffix || strcmp(suffix, ".vty"))
		return false;
	return !daemon || ((size_t)(suffix - name - 1) == strlen(daemon) &&
			   strncmp(name + 1, daemon, strlen(daemon)) == 0);
}

/* Without @daemon: to any? It is to none in a dry run (-C) and while vtysh.conf is read; with
 * `-d NAME` it is to that one alone. vtysh does not tell, but its open files do. */
static bool connected(const char *daemon)
{
	for (int fd = 0; fd < MAX_FD; fd++)
		if (is_socket_of(fd, daemon))
			return true;
	return false;
}

/* ---- a line that was typed ---- */

static int refuse(struct vty *vty, enum vtysh_shell shell)
{
	vty_out(vty, "%% kubevip: %s\n", vtysh_shell_reason(shell));
	return CMD_WARNING_CONFIG_FAILED;
}

static const char *to_be_paged; /* the line */

static int ask_kubewatch(const struct cmd_element *el, struct vty *vty, int argc,
			 struct cmd_token *argv[])
{
	int rc = vtysh_shell_relay(vtydir, vty, to_be_paged, false);

	(void)el;
	(void)argc;
	(void)argv;
	return rc < 0 ? refuse(vty, vtysh_shell_find(vtydir)) : rc;
}

/* vtysh opens its pager, which is its own affair, for what it sends to daemons: it is given a
 * command that goes to none of them and prints the answer itself. */
static bool is_paged(const char *line, enum node_type node, const struct cmd_element **matched)
{
	static const struct cmd_element in_pager = { .string = "", .func = ask_kubewatch };

	if (node == CONFIG_NODE || !matched || !&master || !master || !&vtysh_pager_name ||
	    !vtysh_pager_name)
		return false;
	to_be_paged = line;
	*matched = &in_pager;
	return true;
}

/* vtysh was told that bgpd is to have the line. Return: that, or what became of it. */
static int dispatch(struct vty *vty, const char *line, enum node_type node,
		    const struct cmd_element **matched)
{
	enum vtysh_shell shell;
	int rc;

	if (!connected(NULL))
		return CMD_SUCCESS_DAEMON;
	shell = vtysh_shell_find(vtydir);
	if (shell == VTYSH_SHELL_KUBEWATCH && node != RMAP_NODE) {
		if (is_paged(line, node, matched))
			return CMD_SUCCESS_DAEMON;
		rc = vtysh_shell_relay(vtydir, vty, line, node == CONFIG_NODE);
		if (rc >= 0)
			return rc;
		shell = vtysh_shell_find(vtydir);
	}
	if (shell == VTYSH_SHELL_UNKNOWN && node >= CONFIG_NODE && connected("bgpd"))
		return CMD_SUCCESS_DAEMON; /* vtysh waits, as with every line of bgpd's: frr-reload
					      would try a refused line again, word for word shorter */
	return shell == VTYSH_SHELL_MODULE ? CMD_SUCCESS_DAEMON : refuse(vty, shell);
}

static bool is_write(const struct cmd_element *el)
{
	return strcmp(el->string, "write [<memory|file>]") == 0 ||
	       strcmp(el->string, "copy running-config startup-config") == 0;
}

/* vtysh has written frr.conf, or had each of its daemons write: kubewatch's turn. */
static int write_kubewatch(struct vty *vty, int rc)
{
	int own = CMD_SUCCESS;

	if (connected(NULL) && vtysh_shell_find(vtydir) == VTYSH_SHELL_KUBEWATCH)
		own = vtysh_shell_relay(vtydir, vty, "write memory", false);
	return rc == CMD_SUCCESS && own > 0 ? own : rc;
}

EXPORT int cmd_execute(struct vty *vty, const char *line, const struct cmd_element **matched,
		       int vtysh)
{
	static __typeof__(cmd_execute) *real;
	const struct cmd_element *el = NULL;
	int rc;

	if (!real)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "cmd_execute");
	rc = real(vty, line, &el, vtysh);
	if (matched && el)
		*matched = el;
	if (!ready || !el)
		return rc;
	if (rc == CMD_SUCCESS_DAEMON && kvf_cmd_node(el) >= 0)
		return dispatch(vty, line, (enum node_type)kvf_cmd_node(el), matched);
	if ((rc == CMD_SUCCESS || rc == CMD_WARNING || rc == CMD_WARNING_CONFIG_FAILED) &&
	    is_write(el))
		return write_kubewatch(vty, rc);
	return rc;
}

/* ---- a line of a file ---- */

/*
 * NULL: vtysh goes on with it, as with any line of bgpd's. That includes lines of a bgpd that does
 * not run, or to which vtysh is not connected, which vtysh skips; and of one that is busy, for which
 * vtysh waits.
 */
static const char *misplaced(void)
{
	bool sent = connected("bgpd");
	enum vtysh_shell shell;

	if (!connected(NULL))
		return NULL;
	if (!sent && !vtysh_shell_kubewatch_runs(vtydir))
		return NULL; /* and a bgpd that does not answer is not waited for */
	shell = vtysh_shell_find(vtydir);
	if (shell == VTYSH_SHELL_KUBEWATCH || (shell == VTYSH_SHELL_BGPD_ALONE && sent))
		return vtysh_shell_reason(shell);
	return NULL;
}

EXPORT int command_config_read_one_line(struct vty *vty, const struct cmd_element **matched,
					uint32_t line_num, int use_daemon)
{
	static __typeof__(command_config_read_one_line) *real;
	const char *why;
	int rc;

	if (!real)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "command_config_read_one_line");
	rc = real(vty, matched, line_num, use_daemon);
	if (!ready || rc != CMD_SUCCESS_DAEMON || !matched || kvf_cmd_node(*matched) < 0)
		return rc;
	why = misplaced();
	if (!why)
		return rc;
	fprintf(stderr, "line %u: %% kubevip: %s: %.*s\n", line_num, why,
		(int)strcspn(vty->buf, "\r\n"), vty->buf);
	return CMD_WARNING_CONFIG_FAILED;
}
