// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the incremental splitter.
 *
 * Job: find where values begin and end, cut anywhere, without building anything. Thread: the
 * owner's.
 *
 * Brackets and strings are all that is looked at. A bracket is "on the path" when the keys that
 * lead to it matter (event > object > metadata, or list > items > item > metadata): there keys are
 * read (shallow()). Everything deeper is skipped over by a table (deep()), which is where the time
 * goes. Bytes are copied in spans: `cursor.span` is the first byte not yet copied.
 *
 * A key written with escapes ("\u0069tems") is not recognised; no API server writes one, and the
 * envelope's limit bounds what that could cost.
 *
 * Sources: RFC 8259; Kubernetes documentation v1.36, "API concepts" (list and watch answers; keys
 * come in any order, facts: custom resources have `items` before `metadata`).
 */
#include "kvip_stream.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* A buffer that one huge object made large is given back. */
#define KEEP_BYTES (1u << 20)

enum lex { LEX_OUT, LEX_STRING, LEX_ESCAPE, LEX_KEY };

enum byte_class { PLAIN, QUOTE, ESCAPE, OPEN, CLOSE };

static const uint8_t byte_class[256] = {
	['"'] = QUOTE, ['\\'] = ESCAPE, ['{'] = OPEN, ['['] = OPEN, ['}'] = CLOSE, [']'] = CLOSE,
};

/* The key that matters at each level of the path. */
#define PATH_LEVELS 5
static const char *const path_key[][PATH_LEVELS] = {
	[KVIP_STREAM_WATCH] = { NULL, "object", "metadata", "managedFields", NULL },
	[KVIP_STREAM_LIST] = { NULL, "items", NULL, "metadata", "managedFields" },
};
#define LIST_ITEMS_DEPTH 2 /* inside the brackets of `items` */
#define LIST_ITEM_DEPTH  3 /* inside an item */

struct cursor {
	const char *p, *end, *span;
	struct kvip_err *err;
};

void kvip_stream_init(struct kvip_stream *s, const struct kvip_stream_ops *ops, void *ctx)
{
	*s = (struct kvip_stream){ .ops = ops, .ctx = ctx };
	kvip_buf_init(&s->value, KVIP_MAX_OBJECT_BYTES);
	kvip_buf_init(&s->envelope, KVIP_MAX_ENVELOPE_BYTES);
}

static void empty(struct kvip_buf *b)
{
	if (b->size > KEEP_BYTES)
		kvip_buf_done(b);
	else
		kvip_buf_reset(b);
}

void kvip_stream_reset(struct kvip_stream *s, enum kvip_stream_mode mode)
{
	empty(&s->value);
	empty(&s->envelope);
	s->mode = mode;
	s->dst = NULL;
	s->depth = s->path = s->cut_depth = 0;
	s->lex = LEX_OUT;
	s->expect_key = s->key_hit = s->finished = false;
	s->values = s->cut_bytes = 0;
}

void kvip_stream_done(struct kvip_stream *s)
{
	kvip_buf_done(&s->value);
	kvip_buf_done(&s->envelope);
}

/* Copy the span that ends at the cursor, or leave it out. */
static int flush(struct kvip_stream *s, struct cursor *c)
{
	size_t n = (size_t)(c->p - c->span);
	int rc = 0;

	if (s->dst)
		rc = kvip_buf_add(s->dst, c->span, n);
	else if (s->cut_depth)
		s->cut_bytes += n;
	c->span = c->p;
	if (rc == -EMSGSIZE)
		return kvip_err_set(c->err, rc, "%s is larger than %zu bytes",
				    s->dst == &s->value ? "an object" : "the list's envelope",
				    s->dst->max_bytes);
	return rc ? kvip_err_set(c->err, rc, "out of memory") : 0;
}

/* From here on bytes go to @dst (NULL: nowhere). The byte at the cursor is the first of them. */
static int redirect(struct kvip_stream *s, struct cursor *c, struct kvip_buf *dst)
{
	int rc = flush(s, c);

	s->dst = dst;
	return rc;
}

static int garbage(struct cursor *c, const char *where)
{
	unsigned char ch = (unsigned char)*c->p;

	if (isprint(ch))
		return kvip_err_set(c->err, -EBADMSG, "not the JSON expected: '%c' %s", ch, where);
	return kvip_err_set(c->err, -EBADMSG, "not the JSON expected: byte 0x%02x %s", ch, where);
}

static bool innermost_is_array(const struct kvip_stream *s)
{
	return s->is_array[s->depth / 64] >> (s->depth % 64) & 1;
}

static int push(struct kvip_stream *s, struct cursor *c)
{
	uint64_t bit;

	if (s->depth + 1 >= KVIP_STREAM_DEPTH)
		return kvip_err_set(c->err, -EMSGSIZE, "JSON is nested deeper than %d levels",
				    KVIP_STREAM_DEPTH);
	s->depth++;
	bit = UINT64_C(1) << (s->depth % 64);
	if (*c->p == '[')
		s->is_array[s->depth / 64] |= bit;
	else
		s->is_array[s->depth / 64] &= ~bit;
	c->p++;
	return 0;
}

static int pop(struct kvip_stream *s, struct cursor *c)
{
	if (innermost_is_array(s) != (*c->p == ']'))
		return garbage(c, "closes a bracket of the other kind");
	s->depth--;
	if (s->path > s->depth)
		s->path = s->depth;
	c->p++;
	return 0;
}

/* Behind the opening quote, or further: to behind the closing one, if it is there. */
static void skip_string(struct kvip_stream *s, struct cursor *c)
{
	const char *p = c->p, *end = c->end;

	s->lex = LEX_STRING;
	for (;;) {
		while (p < end && byte_class[(uint8_t)*p] != QUOTE &&
		       byte_class[(uint8_t)*p] != ESCAPE)
			p++;
		if (p == end)
			break;
		if (*p++ == '"') {
			s->lex = LEX_OUT;
			break;
		}
		if (p == end) {
			s->lex = LEX_ESCAPE;
			break;
		}
		p++;
	}
	c->p = p;
}

static void read_key(struct kvip_stream *s, struct cursor *c)
{
	const char *want = path_key[s->mode][s->path];

	for (; c->p < c->end && s->lex == LEX_KEY; c->p++) {
		if (*c->p == '"') {
			s->key_hit = want && strlen(want) == s->key_len &&
				     !memcmp(want, s->key, s->key_len);
			s->lex = LEX_OUT;
		} else if (*c->p == '\\' || s->key_len == sizeof(s->key)) {
			s->lex = *c->p == '\\' ? LEX_ESCAPE : LEX_STRING;
		} else {
			s->key[s->key_len++] = *c->p;
		}
	}
}

/* Off the path: nothing matters but where it ends. */
static int deep(struct kvip_stream *s, struct cursor *c)
{
	int rc = 0;

	while (!rc && c->p < c->end && s->lex == LEX_OUT && s->depth > s->path) {
		switch (byte_class[(uint8_t)*c->p]) {
		case OPEN:
			rc = push(s, c);
			break;
		case CLOSE:
			rc = pop(s, c);
			break;
		case QUOTE:
			c->p++;
			skip_string(s, c);
			break;
		default:
			c->p++;
		}
	}
	return rc;
}

static bool is_space(char ch)
{
	return ch == ' ' || ch == '\n' || ch == '\r' || ch == '\t';
}

static void enter_path(struct kvip_stream *s)
{
	s->path = s->depth;
	s->expect_key = true;
	s->key_hit = false;
}

/* The cursor is behind the last byte of a value or of the envelope. */
static int deliver(struct kvip_stream *s, struct cursor *c)
{
	struct kvip_buf *done = s->dst;
	int rc = redirect(s, c, NULL);

	if (rc)
		return rc;
	if (done == &s->value) {
		s->values++;
		rc = s->ops->value(s->ctx, kvip_buf_str(done), done->len);
	} else {
		s->finished = true;
		rc = s->ops->envelope(s->ctx, kvip_buf_str(done), done->len);
	}
	empty(done);
	return rc;
}

/* Outside everything: before, between and after values. */
static int between(struct kvip_stream *s, struct cursor *c)
{
	int rc;

	while (c->p < c->end && is_space(*c->p))
		c->p++;
	if (c->p == c->end)
		return 0;
	if (*c->p != '{')
		return garbage(c, "where an object should begin");
	if (s->finished)
		return garbage(c, "after the end of the list");
	rc = redirect(s, c, s->mode == KVIP_STREAM_LIST ? &s->envelope : &s->value);
	if (!rc)
		rc = push(s, c);
	enter_path(s);
	return rc;
}

/* Inside the brackets of `items`, between two items. */
static int between_items(struct kvip_stream *s, struct cursor *c)
{
	int rc;

	while (c->p < c->end && (is_space(*c->p) || *c->p == ','))
		c->p++;
	if (c->p == c->end)
		return 0;
	if (*c->p == ']') {
		rc = redirect(s, c, &s->envelope);
		return rc ? rc : pop(s, c);
	}
	if (*c->p != '{')
		return garbage(c, "where an item of the list should begin");
	rc = redirect(s, c, &s->value);
	if (!rc)
		rc = push(s, c);
	enter_path(s);
	return rc;
}

/* The first byte of a member's value is at the cursor: is it one to leave out? */
static int begin_member(struct kvip_stream *s, struct cursor *c)
{
	uint32_t cut_at = s->mode == KVIP_STREAM_LIST ? LIST_ITEM_DEPTH + 1 : 3;
	int rc;

	if (!s->key_hit || s->depth != cut_at)
		return 0;
	s->key_hit = false;
	rc = redirect(s, c, NULL);
	if (!rc && kvip_buf_puts(&s->value, "null"))
		rc = kvip_err_set(c->err, s->value.err, "an object is too large, or no memory");
	s->cut_depth = s->depth;
	return rc;
}

/* A comma or a closing bracket ends a member that is left out. */
static int end_member(struct kvip_stream *s, struct cursor *c)
{
	int rc;

	if (!s->cut_depth || s->cut_depth != s->depth)
		return 0;
	rc = redirect(s, c, &s->value);
	s->cut_depth = 0;
	return rc;
}

static int open_member(struct kvip_stream *s, struct cursor *c)
{
	bool list_items = s->mode == KVIP_STREAM_LIST && s->depth + 1 == LIST_ITEMS_DEPTH;
	bool on_path = s->key_hit && (*c->p == '[') == list_items;
	int rc;

	s->key_hit = false;
	rc = push(s, c);
	if (rc || !on_path)
		return rc;
	enter_path(s);
	return list_items ? redirect(s, c, NULL) : 0;
}

static int close_object(struct kvip_stream *s, struct cursor *c)
{
	int rc = end_member(s, c);

	if (!rc)
		rc = pop(s, c);
	if (rc)
		return rc;
	if (s->depth == 0 || (s->mode == KVIP_STREAM_LIST && s->path == LIST_ITEMS_DEPTH))
		return deliver(s, c);
	return 0;
}

/* On the path, in an object: keys matter. */
static int shallow(struct kvip_stream *s, struct cursor *c)
{
	int rc;

	switch (*c->p) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
	case ':':
		c->p++;
		return 0;
	case ',':
		rc = end_member(s, c);
		s->expect_key = true;
		s->key_hit = false;
		c->p++;
		return rc;
	case '}':
	case ']':
		return close_object(s, c);
	case '"':
		if (s->expect_key) {
			s->expect_key = false;
			s->key_len = 0;
			s->lex = LEX_KEY;
			c->p++;
			return 0;
		}
	}
	rc = begin_member(s, c);
	if (rc)
		return rc;
	if (byte_class[(uint8_t)*c->p] == OPEN)
		return open_member(s, c);
	if (*c->p++ == '"')
		skip_string(s, c);
	return 0;
}

static int outside_strings(struct kvip_stream *s, struct cursor *c)
{
	if (s->depth > s->path)
		return deep(s, c);
	if (s->depth == 0)
		return between(s, c);
	if (s->mode == KVIP_STREAM_LIST && s->depth == LIST_ITEMS_DEPTH)
		return between_items(s, c);
	return shallow(s, c);
}

int kvip_stream_feed(struct kvip_stream *s, const char *data, size_t len, struct kvip_err *err)
{
	struct cursor c = { .p = data, .end = data + len, .span = data, .err = err };
	int rc = 0;

	while (!rc && c.p < c.end) {
		switch ((enum lex)s->lex) {
		case LEX_OUT:
			rc = outside_strings(s, &c);
			break;
		case LEX_STRING:
			skip_string(s, &c);
			break;
		case LEX_ESCAPE:
			c.p++;
			s->lex = LEX_STRING;
			break;
		case LEX_KEY:
			read_key(s, &c);
			break;
		}
	}
	return rc ? rc : flush(s, &c);
}

int kvip_stream_end(const struct kvip_stream *s, struct kvip_err *err)
{
	if (s->depth || s->lex != LEX_OUT)
		return kvip_err_set(err, -EBADMSG, "the answer ends in the middle of an object");
	if (s->mode == KVIP_STREAM_LIST && !s->finished)
		return kvip_err_set(err, -EBADMSG, "the answer is empty");
	return 0;
}
