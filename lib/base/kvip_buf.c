// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: bounded buffers. Thread: the owner's. No invariants beyond the header's.
 */
#include "kvip_buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void kvip_buf_init(struct kvip_buf *b, size_t max_bytes)
{
	*b = (struct kvip_buf){ .max_bytes = max_bytes };
}

void kvip_buf_done(struct kvip_buf *b)
{
	kvip_free(b->data);
	kvip_buf_init(b, b->max_bytes);
}

void kvip_buf_reset(struct kvip_buf *b)
{
	b->len = 0;
	b->err = 0;
	if (b->data)
		b->data[0] = '\0';
}

void kvip_buf_drop(struct kvip_buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (!n)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len + 1);
}

static int fail(struct kvip_buf *b, int err)
{
	size_t max_bytes = b->max_bytes;

	kvip_buf_done(b);
	b->max_bytes = max_bytes;
	b->err = err;
	return err;
}

/* Room for @n more bytes and the terminating NUL. */
static int reserve(struct kvip_buf *b, size_t n)
{
	size_t need, size;
	char *data;

	if (b->err)
		return b->err;
	if (n > b->max_bytes - b->len)
		return fail(b, -EMSGSIZE);
	need = b->len + n + 1;
	if (need <= b->size)
		return 0;
	size = b->size ? b->size : 64;
	while (size < need)
		size *= 2;
	data = kvip_realloc(b->data, size);
	if (!data)
		return fail(b, -ENOMEM);
	b->data = data;
	b->size = size;
	return 0;
}

int kvip_buf_add(struct kvip_buf *b, const void *data, size_t n)
{
	int rc = reserve(b, n);

	if (rc)
		return rc;
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int kvip_buf_puts(struct kvip_buf *b, const char *s)
{
	return kvip_buf_add(b, s, strlen(s));
}

int kvip_buf_printf(struct kvip_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n, rc;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return fail(b, -EINVAL);
	rc = reserve(b, (size_t)n);
	if (rc)
		return rc;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

const char *kvip_buf_str(const struct kvip_buf *b)
{
	return b->data ? b->data : "";
}

char *kvip_buf_steal(struct kvip_buf *b)
{
	char *data = b->data;

	b->data = NULL;
	kvip_buf_init(b, b->max_bytes);
	return data;
}
