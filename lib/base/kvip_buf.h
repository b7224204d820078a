/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing byte buffer with a mandatory ceiling (after curl's dynbuf).
 *
 * An error is sticky: once an append has failed, for memory or for the ceiling, the contents are
 * gone and every later append fails with the same code, so that a writer may check once at the end.
 */
#pragma once

#include "kvip_mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct kvip_buf {
	char *data; /* always NUL-terminated once something was appended */
	size_t len;
	size_t size;
	size_t max_bytes;
	int err; /* 0, -ENOMEM or -EMSGSIZE */
};

/** kvip_buf_init - an empty buffer that never holds more than @max_bytes. Allocates nothing. */
void kvip_buf_init(struct kvip_buf *b, size_t max_bytes);
/** kvip_buf_done - free the contents; the buffer may be used again as if just initialised. */
void kvip_buf_done(struct kvip_buf *b);
/** kvip_buf_reset - forget contents and error, keep the memory. */
void kvip_buf_reset(struct kvip_buf *b);
/** kvip_buf_drop - forget the first @n bytes (at most all of them). */
void kvip_buf_drop(struct kvip_buf *b, size_t n);
/** kvip_buf_add - append @n bytes. Return: 0, -ENOMEM, -EMSGSIZE (ceiling). */
int kvip_buf_add(struct kvip_buf *b, const void *data, size_t n);
/** kvip_buf_puts - append a string, without its NUL. */
int kvip_buf_puts(struct kvip_buf *b, const char *s);
/** kvip_buf_printf - append formatted text. */
int kvip_buf_printf(struct kvip_buf *b, const char *fmt, ...) KVIP_PRINTF(2, 3);
/** kvip_buf_str - the contents as a string, "" when empty; valid until the next change. */
const char *kvip_buf_str(const struct kvip_buf *b);
/** kvip_buf_steal - hand the contents to the caller (kvip_free), NULL when empty or in error. */
char *kvip_buf_steal(struct kvip_buf *b);
