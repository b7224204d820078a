// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: JSON text, written as it comes. Thread: the owner's of the buffer. Allocates in the buffer
 * only.
 *
 * Sources: RFC 8259 (JSON), RFC 3629 (UTF-8, table 3-7 of Unicode 15 for well-formed sequences).
 */
#include "kvip_jsonw.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void kvip_jsonw_init(struct kvip_jsonw *w, struct kvip_buf *out)
{
	*w = (struct kvip_jsonw){ .out = out };
}

static uint32_t bit(const struct kvip_jsonw *w)
{
	return 1u << w->depth;
}

static void new_line(struct kvip_jsonw *w)
{
	kvip_buf_printf(w->out, "\n%*s", (int)(2 * w->depth), "");
}

/* Bytes of the well-formed UTF-8 sequence at @s, 0: none. The NUL at the end stops every
 * sequence. */
static unsigned int utf8_length(const unsigned char *s)
{
	unsigned int n = s[0] < 0x80   ? 1
			 : s[0] < 0xc2 ? 0
			 : s[0] < 0xe0 ? 2
			 : s[0] < 0xf0 ? 3
			 : s[0] < 0xf5 ? 4
				       : 0;

	for (unsigned int i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0))
		return 0; /* overlong, surrogate */
	if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0; /* overlong, beyond U+10FFFF */
	return n;
}

static void put_escaped(struct kvip_buf *out, unsigned char c)
{
	static const char plain[] = "\b\f\n\r\t\"\\", letter[] = "bfnrt\"\\";
	const char *at = c ? strchr(plain, c) : NULL;

	if (at)
		kvip_buf_printf(out, "\\%c", letter[at - plain]);
	else
		kvip_buf_printf(out, "\\u%04x", c);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_string(struct kvip_buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	kvip_buf_puts(out, "\"");
	while (*s) {
		size_t run = 0;
		unsigned int n;

		while (is_plain(s[run]))
			run++;
		kvip_buf_add(out, s, run);
		s += run;
		if (!*s)
			break;
		n = utf8_length(s);
		if (n > 1)
			kvip_buf_add(out, s, n);
		else if (n == 1)
			put_escaped(out, *s);
		else
			kvip_buf_puts(out, "\xef\xbf\xbd");
		s += n ? n : 1;
	}
	kvip_buf_puts(out, "\"");
}

/* Comma, new line and key: what stands before a value. */
static void lead(struct kvip_jsonw *w, const char *key)
{
	bool in_object = w->depth && !(w->arrays & bit(w));

	if (in_object != (key != NULL) || (w->depth == 0 && (w->filled & 1)))
		w->err = -EINVAL;
	if (w->filled & bit(w))
		kvip_buf_puts(w->out, ",");
	w->filled |= bit(w);
	if (w->depth)
		new_line(w);
	if (key) {
		put_string(w->out, key);
		kvip_buf_puts(w->out, ":");
	}
}

static void open_level(struct kvip_jsonw *w, const char *key, bool array)
{
	if (w->depth + 1 >= KVIP_JSONW_MAX_DEPTH) {
		w->err = -EINVAL;
		return;
	}
	lead(w, key);
	kvip_buf_puts(w->out, array ? "[" : "{");
	w->depth++;
	w->filled &= ~bit(w);
	w->arrays = array ? w->arrays | bit(w) : w->arrays & ~bit(w);
}

void kvip_jsonw_object(struct kvip_jsonw *w, const char *key)
{
	open_level(w, key, false);
}

void kvip_jsonw_array(struct kvip_jsonw *w, const char *key)
{
	open_level(w, key, true);
}

void kvip_jsonw_end(struct kvip_jsonw *w)
{
	bool array, filled;

	if (!w->depth) {
		w->err = -EINVAL;
		return;
	}
	array = w->arrays & bit(w);
	filled = w->filled & bit(w);
	w->depth--;
	if (filled)
		new_line(w);
	kvip_buf_puts(w->out, array ? "]" : "}");
}

void kvip_jsonw_string(struct kvip_jsonw *w, const char *key, const char *value)
{
	lead(w, key);
	if (value)
		put_string(w->out, value);
	else
		kvip_buf_puts(w->out, "null");
}

void kvip_jsonw_int(struct kvip_jsonw *w, const char *key, int64_t value)
{
	lead(w, key);
	kvip_buf_printf(w->out, "%" PRId64, value);
}

void kvip_jsonw_uint(struct kvip_jsonw *w, const char *key, uint64_t value)
{
	lead(w, key);
	kvip_buf_printf(w->out, "%" PRIu64, value);
}

void kvip_jsonw_bool(struct kvip_jsonw *w, const char *key, bool value)
{
	lead(w, key);
	kvip_buf_puts(w->out, value ? "true" : "false");
}

void kvip_jsonw_null(struct kvip_jsonw *w, const char *key)
{
	kvip_jsonw_string(w, key, NULL);
}

int kvip_jsonw_finish(struct kvip_jsonw *w)
{
	kvip_buf_puts(w->out, "\n");
	if (w->out->err)
		return w->out->err;
	return w->depth ? -EINVAL : w->err;
}
