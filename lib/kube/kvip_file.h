/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small files that others rotate under us: bounded reading, and noticing that one has changed.
 */
#pragma once

#include "base/kvip_err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes with an owner. data is NUL-terminated beyond len; NULL when there is none. */
struct kvip_blob {
	char *data;
	size_t len;
};

/** kvip_blob_done - wipe and free: what was in it may have been a key. */
void kvip_blob_done(struct kvip_blob *b);
/** kvip_blob_equal - same bytes (two empty ones are equal). */
bool kvip_blob_equal(const struct kvip_blob *a, const struct kvip_blob *b);

/* What tells one state of a file from another, through symbolic links (projected volumes swap
 * them). */
struct kvip_file_id {
	bool exists;
	dev_t dev;
	ino_t ino;
	int64_t size_bytes;
	int64_t mtime_ns, ctime_ns;
	mode_t mode;
};

/** kvip_file_identify - the present state of @path; never fails (then it does not exist). */
struct kvip_file_id kvip_file_identify(const char *path);
bool kvip_file_same(const struct kvip_file_id *a, const struct kvip_file_id *b);

/**
 * kvip_file_read - the whole of a regular file
 * @what: what the file is to the reader of an error ("ca-file")
 * @id: optional: the state that was read
 * A FIFO or device is refused, it could block the thread.
 * Return: 0; -ENOENT, -EACCES and so on; -EINVAL (no regular file), -EFBIG, -ENOMEM.
 */
int kvip_file_read(const char *path, const char *what, size_t max_bytes, struct kvip_blob *out,
		   struct kvip_file_id *id, struct kvip_err *err) KVIP_USE_RESULT;

/**
 * kvip_base64_decode - standard or URL alphabet, white space and missing padding allowed
 * Return: 0, -EINVAL, -ENOMEM.
 */
int kvip_base64_decode(const char *text, size_t len, struct kvip_blob *out) KVIP_USE_RESULT;
