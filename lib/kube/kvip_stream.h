/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting an answer of the API server into JSON values as it arrives, in bounded memory.
 *
 * A list of 100,000 Services is 220 MB of text and would be 5 GB as a tree; one item at a time it
 * is a few kilobytes. The value of `metadata.managedFields`, half of every object and nothing to
 * us, is replaced by null on the way.
 *
 * One thread at a time. Values are handed out as text; nothing but the nesting is checked here, the
 * JSON parser does the rest.
 */
#pragma once

#include "base/kvip_buf.h"
#include "base/kvip_err.h"
#include "base/kvip_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kvip_stream_mode {
	KVIP_STREAM_WATCH, /* any number of top-level objects, each is a value */
	KVIP_STREAM_LIST,  /* one top-level object: each element of its `items` is a value, the rest
			      of  it, with `items` empty, is the envelope */
};

struct kvip_stream_ops {
	/** value, envelope - the text is NUL-terminated and valid during the call only. Anything
	 * but 0 stops the stream and is what kvip_stream_feed() returns. */
	int (*value)(void *ctx, const char *json, size_t len);
	int (*envelope)(void *ctx, const char *json, size_t len);
};

/* The answer's levels, and those around an item of a list. */
#define KVIP_STREAM_DEPTH (KVIP_MAX_JSON_DEPTH + 4)

struct kvip_stream {
	const struct kvip_stream_ops *ops;
	void *ctx;
	enum kvip_stream_mode mode;
	struct kvip_buf value;    /* the value being read */
	struct kvip_buf envelope; /* LIST: the rest */
	struct kvip_buf *dst;     /* which of them the bytes go to; NULL: they are left out */
	uint32_t depth;           /* open brackets */
	uint32_t path;            /* the innermost open bracket whose keys matter; <= depth */
	uint32_t cut_depth;       /* bracket whose member is being left out; 0: none */
	uint64_t is_array[KVIP_STREAM_DEPTH / 64 + 1];
	uint8_t lex;     /* what the next byte belongs to, enum lex in kvip_stream.c */
	bool expect_key; /* the next string at this level is a key */
	bool key_hit;    /* the last key was the one that matters at its level */
	bool finished;   /* LIST: the envelope is complete */
	uint8_t key_len;
	char key[16];
	uint64_t values, cut_bytes;
};

/** kvip_stream_init - allocates nothing. @ops and @ctx are borrowed until kvip_stream_done(). */
void kvip_stream_init(struct kvip_stream *s, const struct kvip_stream_ops *ops, void *ctx);
/** kvip_stream_reset - begin a new answer; keeps the memory. */
void kvip_stream_reset(struct kvip_stream *s, enum kvip_stream_mode mode);
/** kvip_stream_done - free what is held. */
void kvip_stream_done(struct kvip_stream *s);
/**
 * kvip_stream_feed - some bytes of the answer, cut anywhere
 * Return: 0; -EBADMSG (no JSON, brackets that do not match); -EMSGSIZE (a value, the envelope or
 * the nesting is over its limit); -ENOMEM; what a callback returned. After an error: reset or done.
 */
int kvip_stream_feed(struct kvip_stream *s, const char *data, size_t len,
		     struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_stream_end - the answer ended. Return: 0, or -EBADMSG when that was in the middle of a
 * value. */
int kvip_stream_end(const struct kvip_stream *s, struct kvip_err *err) KVIP_USE_RESULT;
