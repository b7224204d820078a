/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `show kubevip check`: what in the configuration and on this host keeps VIPs from working. T0. */
#pragma once

#include "base/kvip_buf.h"

#include <stdbool.h>

/** kvf_check_show - every finding, as text or as JSON {"findings":[{"kind","text"}]}, with
 * "cluster" and "object" where there is one. 0, -ENOMEM. */
int kvf_check_show(bool json, struct kvip_buf *out);

typedef void kvf_check_say(void *ctx, const char *kind, const char *text);
/** kvf_check_register - one more check, which calls @say for each thing it finds. The last one
 *  registered counts: there is the module's. */
void kvf_check_register(void (*check)(kvf_check_say *say, void *ctx));
/** kvf_check_host - this host's part: the kernel, FRR's processes, systemd's units. */
void kvf_check_host(kvf_check_say *say, void *ctx);
