/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two halves of vtysh's extension: vtysh_kubevip.c is preloaded and steps in where vtysh hands a
 * line to libfrr; vtysh_kubevip_shell.c knows who has our commands, and speaks to kubewatch.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct vty;

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
