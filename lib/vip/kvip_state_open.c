// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: opening the state file, in slices: the bytes, then the lines, then what they come to.
 *
 * Thread: T0, when it begins to inject. Nothing of the file is told before all of it has been read
 * and found good; a file that is not is put aside. Between slices the host does other things, but
 * nobody writes to the file.
 */
#include "vip/kvip_state_priv.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_A_SLICE (256u << 10)

struct kvip_state_opening {
	struct kvip_state *state;
	struct kvip_nhsets *nhsets;
	struct kvip_state_reader reader; /* the caller's */
	struct kvip_state_reader tee;    /* what is told to us */
	char *text;
	size_t len, size; /* of text: read so far, of the file */
	struct kvip_state_reading *reading;
	bool read;
};

static void tee_route(void *ctx, const struct kvip_route *r)
{
	const struct kvip_state_opening *o = ctx;

	o->reader.route(o->reader.ctx, r);
}

/* What the file says of clusters is remembered for its next rewrite, and passed on. */
static void tee_cluster(void *ctx, const char *name, const char *identity, kvip_wall confirmed_s)
{
	const struct kvip_state_opening *o = ctx;

	if (kvip_state_note_seen(o->state, name, identity, confirmed_s))
		return; /* without memory its next rewrite lacks a line that is written each minute
			   anyway */
	o->reader.cluster(o->reader.ctx, name, identity, confirmed_s);
}

static void tee_marks(void *ctx, const char *text, struct kvip_marks *out)
{
	const struct kvip_state_opening *o = ctx;

	if (o->reader.marks)
		o->reader.marks(o->reader.ctx, text, out);
}

static struct kvip_state *state_new(const char *path)
{
	struct kvip_state *s = kvip_calloc(1, sizeof(*s));
	size_t n = strlen(path) + sizeof(".new");

	if (!s)
		return NULL;
	s->fd = s->new_fd = -1;
	SLIST_INIT(&s->seen);
	kvip_buf_init(&s->pending, KVIP_MAX_STATE_BYTES);
	s->path = kvip_strdup(path);
	s->new_path = kvip_malloc(n);
	if (!s->path || !s->new_path) {
		kvip_state_close(s);
		return NULL;
	}
	snprintf(s->new_path, n, "%s.new", path);
	return s;
}

struct kvip_state_opening *kvip_state_open_begin(const char *path, struct kvip_nhsets *nhsets,
						 const struct kvip_state_reader *reader)
{
	struct kvip_state_opening *o = kvip_calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->state = state_new(path);
	if (!o->state) {
		kvip_free(o);
		return NULL;
	}
	o->nhsets = nhsets;
	o->reader = *reader;
	o->tee = (struct kvip_state_reader){ tee_route, tee_cluster, o, tee_marks };
	return o;
}

void kvip_state_open_cancel(struct kvip_state_opening *o)
{
	if (!o)
		return;
	kvip_state_reading_free(o->reading);
	kvip_free(o->text);
	kvip_state_close(o->state);
	kvip_free(o);
}

static int open_file(struct kvip_state_opening *o, struct kvip_err *err)
{
	struct kvip_state *s = o->state;
	struct stat st;

	s->fd = open(s->path, O_RDWR | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st))
		return -errno;
	if (st.st_size > (off_t)KVIP_MAX_STATE_BYTES)
		return kvip_err_set(err, -EBADMSG, "larger than %u bytes", KVIP_MAX_STATE_BYTES);
	o->size = (size_t)st.st_size;
	o->text = kvip_malloc(o->size + 1);
	return o->text ? 1 : kvip_err_set(err, -ENOMEM, "out of memory");
}

/* A part of the file's bytes. Return: 1; -errno. */
static int slurp(struct kvip_state_opening *o, struct kvip_err *err)
{
	size_t left = o->size - o->len;
	size_t want = left < BYTES_A_SLICE ? left : BYTES_A_SLICE;
	ssize_t n = pread(o->state->fd, o->text + o->len, want, (off_t)o->len);

	if (n < 0)
		return errno == EINTR ? 1 : -errno;
	o->len += (size_t)n;
	if (n == 0) /* shorter than it was */
		o->size = o->len;
	if (o->len < o->size)
		return 1;
	o->reading = kvip_state_reading_new(o->text, o->len, o->nhsets, &o->tee);
	return o->reading ? 1 : kvip_err_set(err, -ENOMEM, "out of memory");
}

static int read_slice(struct kvip_state_opening *o, unsigned int max, struct kvip_err *err)
{
	int rc = kvip_state_read_some(o->reading, max, err);

	if (rc)
		return rc;
	o->state->size = (off_t)kvip_state_reading_good(o->reading);
	if (ftruncate(o->state->fd, o->state->size))
		return -errno;
	o->read = true;
	return 1;
}

static int slice(struct kvip_state_opening *o, unsigned int max, struct kvip_err *err)
{
	if (!o->text)
		return open_file(o, err);
	if (!o->reading)
		return slurp(o, err);
	if (!o->read)
		return read_slice(o, max, err);
	return kvip_state_tell_some(o->reading, max);
}

static int put_aside(struct kvip_state *s, struct kvip_err *refused, struct kvip_err *err)
{
	char aside[4096], why[sizeof(err->text)];

	memcpy(why, err->text, sizeof(why));
	if (snprintf(aside, sizeof(aside), "%s.damaged", s->path) >= (int)sizeof(aside) ||
	    rename(s->path, aside))
		return kvip_err_set(err, -errno, "%s: %.120s, and it cannot be put aside: %s",
				    s->path, why, strerror(errno));
	kvip_err_set(refused, 0, "%s: %.120s: kept as %s, ownership of present routes is not known",
		     s->path, why, aside);
	return 0;
}

/* There is no file, or none that can be believed. */
static int begin_anew(struct kvip_state_opening *o, int why, struct kvip_err *refused,
		      struct kvip_err *err)
{
	struct kvip_state *s = o->state;
	int rc = why == -EBADMSG ? put_aside(s, refused, err) : 0;

	if (rc)
		return rc;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = kvip_state_create(s->path, &s->size);
	return s->fd < 0 ? s->fd : 0;
}

int kvip_state_open_some(struct kvip_state_opening *o, unsigned int max, struct kvip_state **out,
			 struct kvip_err *refused, struct kvip_err *err)
{
	int rc = slice(o, max, err);

	refused->text[0] = '\0';
	if (rc > 0)
		return rc;
	if (rc == -ENOENT || rc == -EBADMSG)
		rc = begin_anew(o, rc, refused, err);
	if (rc)
		return kvip_err_set(err, rc, "%s: %s", o->state->path, strerror(-rc));
	*out = o->state;
	o->state = NULL;
	return 0;
}

int kvip_state_open(const char *path, struct kvip_nhsets *nhsets,
		    const struct kvip_state_reader *reader, struct kvip_state **out,
		    struct kvip_err *refused, struct kvip_err *err)
{
	struct kvip_state_opening *o = kvip_state_open_begin(path, nhsets, reader);
	int rc;

	refused->text[0] = '\0';
	if (!o)
		return kvip_err_set(err, -ENOMEM, "out of memory");
	do {
		rc = kvip_state_open_some(o, UINT_MAX, out, refused, err);
	} while (rc > 0);
	kvip_state_open_cancel(o);
	return rc;
}
