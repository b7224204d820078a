/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's way to say something: a callback of the host. The engine itself knows no log.
 *
 * Debug categories are the words of `debug kubevip <category>`.
 */
#pragma once

#include "kvip_mem.h"

#include <stdatomic.h>

enum kvip_log_level { KVIP_LOG_ERROR, KVIP_LOG_WARN, KVIP_LOG_INFO, KVIP_LOG_DEBUG };

#define KVIP_DEBUG_CATEGORIES(X)                                                                   \
	X(API, api, "requests, watches, relists and errors of the Kubernetes API")                 \
	X(SELECT, select, "why a VIP is or is not routed")                                         \
	X(ZEBRA, zebra, "routes, next hops and confirmations exchanged with zebra")

enum kvip_debug {
#define X(id, word, help) KVIP_DEBUG_##id,
	KVIP_DEBUG_CATEGORIES(X)
#undef X
		KVIP_DEBUG_MAX
};

struct kvip_log {
	/** write one line; @level DEBUG lines come only for enabled categories. Any thread. */
	void (*write)(void *ctx, enum kvip_log_level level, const char *line);
	void *ctx;
	atomic_uint debug_mask; /* bit per enum kvip_debug */
};

/** kvip_log - one line for the host's log. @log may be NULL (then nothing happens). */
void kvip_log(const struct kvip_log *log, enum kvip_log_level level, const char *fmt, ...)
	KVIP_PRINTF(3, 4);
/** kvip_debug - one line if @category is being debugged; arguments are evaluated in any case. */
void kvip_debug(const struct kvip_log *log, enum kvip_debug category, const char *fmt, ...)
	KVIP_PRINTF(3, 4);
