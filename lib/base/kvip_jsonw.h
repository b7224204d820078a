/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A streaming JSON writer into a bounded buffer: what `show ... json` prints, laid out as FRR's
 * output (two spaces, `"key":value`).
 *
 * Errors are sticky as the buffer's: write everything, ask kvip_jsonw_finish() once. @key is the
 * member's name inside an object and NULL inside an array and at the top. Strings are written as
 * valid JSON whatever they hold: bytes that are no UTF-8 become U+FFFD.
 */
#pragma once

#include "kvip_buf.h"

#include <stdint.h>

#define KVIP_JSONW_MAX_DEPTH 32u

struct kvip_jsonw {
	struct kvip_buf *out;
	unsigned int depth;
	uint32_t filled; /* bit per depth: something was written there */
	uint32_t arrays; /* bit per depth: an array is open there */
	int err;         /* misuse: -EINVAL */
};

void kvip_jsonw_init(struct kvip_jsonw *w, struct kvip_buf *out);
/** kvip_jsonw_object, kvip_jsonw_array - open one; kvip_jsonw_end() closes what was opened last. */
void kvip_jsonw_object(struct kvip_jsonw *w, const char *key);
void kvip_jsonw_array(struct kvip_jsonw *w, const char *key);
void kvip_jsonw_end(struct kvip_jsonw *w);
/** kvip_jsonw_string - @value NULL is written as null. */
void kvip_jsonw_string(struct kvip_jsonw *w, const char *key, const char *value);
void kvip_jsonw_int(struct kvip_jsonw *w, const char *key, int64_t value);
void kvip_jsonw_uint(struct kvip_jsonw *w, const char *key, uint64_t value);
void kvip_jsonw_bool(struct kvip_jsonw *w, const char *key, bool value);
void kvip_jsonw_null(struct kvip_jsonw *w, const char *key);
/** kvip_jsonw_finish - close the text with a newline. Return: 0, -ENOMEM, -EMSGSIZE; -EINVAL:
 * something is still open, or was nested too deeply. */
int kvip_jsonw_finish(struct kvip_jsonw *w) KVIP_USE_RESULT;
