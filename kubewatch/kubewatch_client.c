// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: --command: ask the kubewatch that runs, where vtysh has not been taught to.
 */
#include "frr/kvf_compat.h"

#include "frr/kvf_relay.h"
#include "kubewatch/kubewatch_offline.h"

#include "command.h"
#include "libfrr.h"

#include <stdio.h>
#include <unistd.h>

#define TIMEOUT_S 30

static void print(void *ctx, const char *text, size_t len)
{
	fwrite(text, 1, len, ctx);
}

int kubewatch_command(const char *const *commands, size_t n)
{
	int fd = kvf_relay_open(frr_vtydir, "kubewatch", TIMEOUT_S), rc;

	if (fd < 0) {
		fprintf(stderr,
			"%s/kubewatch.vty: %s: is kubewatch running, and may you read its directory?\n",
			frr_vtydir, safe_strerror(-fd));
		return 1;
	}
	rc = kvf_relay_run(fd, "enable", print, stderr);
	for (size_t i = 0; i < n && rc == CMD_SUCCESS; i++)
		rc = kvf_relay_run(fd, commands[i], print, stdout);
	close(fd);
	if (rc < 0)
		fprintf(stderr, "kubewatch: %s\n", safe_strerror(-rc));
	return rc == CMD_SUCCESS ? 0 : 1;
}
