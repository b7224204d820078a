/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors for people. Functions return 0 or a negative errno; where an operator will read the
 * outcome they also fill a kvip_err: what went wrong and what to do about it, in one sentence.
 */
#pragma once

#include "kvip_mem.h"

struct kvip_err {
	char text[320];
};

/** kvip_err_set - write the text (cut at its size) and return @code, so that callers can tail-call
 * it. @err may be NULL. */
int kvip_err_set(struct kvip_err *err, int code, const char *fmt, ...) KVIP_PRINTF(3, 4);

/** kvip_printable - a stranger's text for a terminal: what is not printable ASCII becomes '?'. */
void kvip_printable(char *text);
