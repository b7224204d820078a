/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of vtysh's extension: vtysh_kubevip.c is preloaded and steps in where vtysh hands a line
 * to libfrr; vtysh_kubevip_shell.c knows who has our commands, and speaks to kubewatch;
 * vtysh_kubevip_other.c serves a vtysh of another FRR.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define VTYSH_BGPD 0x20 /* vtysh/vtysh.h, which is not installed; the same in 8.4.4, 10.3, 10.7 */

struct vty;

/** vtysh_other_install - our commands with any words. Return: false: this FRR's commands are
 *  not known. */
bool vtysh_other_install(void);

/* Rules R1, R5: a line goes to the module where bgpd has it, else to kubewatch, never to both. */
enum vtysh_shell {
	VTYSH_SHELL_MODULE,
	VTYSH_SHELL_KUBEWATCH,
	VTYSH_SHELL_BGPD_ALONE, /* bgpd runs without the module, kubewatch does not run */
	VTYSH_SHELL_NONE,
	VTYSH_SHELL_UNKNOWN, /* bgpd does not answer */
};

/** vtysh_shell_find - who has our commands now; an answer serves for a second. @dir: of sockets */
enum vtysh_shell vtysh_shell_find(const char *dir);
bool vtysh_shell_kubewatch_runs(const char *dir);
/** vtysh_shell_reason - why a line cannot go to bgpd's module: half a sentence. */
const char *vtysh_shell_reason(enum vtysh_shell shell);
/**
 * vtysh_shell_relay - let kubewatch carry out what was typed; what it says is printed on @vty
 * @line: as typed
 * @configure: it is a line of the configuration
 * Return: the command's status, as vtysh gets it from its own daemons; negative: it no longer runs
 * (and is not found from now on).
 */
int vtysh_shell_relay(const char *dir, struct vty *vty, const char *line, bool configure);
