/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of a daemon's .vty socket, as vtysh is one: a line in, its output and status out. Needs
 * nothing of libfrr, so that it serves programs that are no daemon.
 */
#pragma once

#include "base/kvip_err.h"

#include <stddef.h>

/**
 * kvf_relay_open - connect to a daemon
 * @dir: FRR's run directory
 * @daemon: "bgpd"; the socket is @dir/@daemon.vty
 * @timeout_s: how long the daemon may be silent, now and later
 * Return: a file descriptor (close()), or -errno: -ENOENT and -ECONNREFUSED mean that it does not
 * run, -EAGAIN that it does not answer.
 */
int kvf_relay_open(const char *dir, const char *daemon, unsigned int timeout_s) KVIP_USE_RESULT;

/**
 * kvf_relay_run - let the daemon carry out a line
 * @out: called with what it says, piece by piece; @text has no NUL at its end
 * Return: the command's status (CMD_SUCCESS is 0), or -errno: -EAGAIN as above, -EPIPE: it hung up.
 */
int kvf_relay_run(int fd, const char *line, void (*out)(void *ctx, const char *text, size_t len),
		  void *ctx) KVIP_USE_RESULT;
