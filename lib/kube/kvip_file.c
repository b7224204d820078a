// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: files of credentials.
 *
 * Job: read them whole and bounded, tell when they changed, decode base64. Thread: any; these are
 * short local files, reading them is what T1 may block on. Secrets are wiped before they are freed.
 *
 * Sources: RFC 4648 (base64, base64url); Kubernetes documentation v1.36, "Projected volumes"
 * (a rotation swaps a symbolic link, so a file is always opened by its path again).
 */
#include "kvip_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void kvip_blob_done(struct kvip_blob *b)
{
	if (b->data)
		explicit_bzero(b->data, b->len);
	kvip_free(b->data);
	*b = (struct kvip_blob){ 0 };
}

bool kvip_blob_equal(const struct kvip_blob *a, const struct kvip_blob *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static int64_t in_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static struct kvip_file_id id_of(const struct stat *st)
{
	return (struct kvip_file_id){
		.exists = true,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size_bytes = st->st_size,
		.mtime_ns = in_ns(&st->st_mtim),
		.ctime_ns = in_ns(&st->st_ctim),
		.mode = st->st_mode,
	};
}

struct kvip_file_id kvip_file_identify(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct kvip_file_id){ 0 };
	return id_of(&st);
}

bool kvip_file_same(const struct kvip_file_id *a, const struct kvip_file_id *b)
{
	return a->exists == b->exists && a->dev == b->dev && a->ino == b->ino &&
	       a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns;
}

static const char *remedy(int error)
{
	switch (error) {
	case ENOENT:
		return "create it or correct the path";
	case EACCES:
	case EPERM:
		return "let the daemon's user (frr) read it";
	default:
		return "check the path";
	}
}

static int failed(struct kvip_err *err, const char *what, const char *path, int error)
{
	return kvip_err_set(err, -error, "%s %s: %s: %s", what, path, strerror(error),
			    remedy(error));
}

/* One byte more than stat promised is asked for, so that a file that grows is noticed. */
static int read_all(int fd, char *buf, size_t size, size_t *len)
{
	ssize_t n;

	*len = 0;
	while (*len < size) {
		n = read(fd, buf + *len, size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

static int read_fd(int fd, const char *path, const char *what, size_t max_bytes,
		   const struct stat *st, struct kvip_blob *out, struct kvip_err *err)
{
	struct kvip_blob b = { 0 };
	size_t size = (size_t)st->st_size + 1;
	int rc;

	if (!S_ISREG(st->st_mode))
		return kvip_err_set(err, -EINVAL, "%s %s: not a regular file: give a file", what,
				    path);
	if (st->st_size < 0 || (size_t)st->st_size > max_bytes)
		return kvip_err_set(err, -EFBIG,
				    "%s %s: larger than %zu bytes: is it the right file?", what,
				    path, max_bytes);
	b.data = kvip_malloc(size + 1);
	if (!b.data)
		return kvip_err_set(err, -ENOMEM, "%s %s: not enough memory", what, path);
	rc = read_all(fd, b.data, size, &b.len);
	if (rc == 0 && b.len == size)
		rc = -EAGAIN; /* it grew while it was read: being written */
	b.data[b.len] = '\0';
	if (rc) {
		kvip_blob_done(&b);
		return failed(err, what, path, -rc);
	}
	*out = b;
	return 0;
}

int kvip_file_read(const char *path, const char *what, size_t max_bytes, struct kvip_blob *out,
		   struct kvip_file_id *id, struct kvip_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rc;

	if (fd < 0)
		return failed(err, what, path, errno);
	if (fstat(fd, &st) < 0)
		rc = failed(err, what, path, errno);
	else
		rc = read_fd(fd, path, what, max_bytes, &st, out, err);
	close(fd);
	if (rc == 0 && id)
		*id = id_of(&st);
	return rc;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int decode_into(const char *text, size_t len, struct kvip_blob *b)
{
	uint32_t acc = 0;
	unsigned int bits = 0;
	size_t i = 0;
	int v;

	for (; i < len && text[i] != '='; i++) {
		if (is_space(text[i]))
			continue;
		v = base64_value(text[i]);
		if (v < 0)
			return -EINVAL;
		acc = (acc << 6 | (uint32_t)v) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			b->data[b->len++] = (char)(acc >> bits & 0xff);
		}
	}
	for (; i < len; i++)
		if (text[i] != '=' && !is_space(text[i]))
			return -EINVAL;
	return bits == 6 ? -EINVAL : 0; /* one character alone is no byte */
}

int kvip_base64_decode(const char *text, size_t len, struct kvip_blob *out)
{
	struct kvip_blob b = { .data = kvip_malloc(len / 4 * 3 + 4) };
	int rc;

	if (!b.data)
		return -ENOMEM;
	rc = decode_into(text, len, &b);
	if (rc) {
		kvip_blob_done(&b);
		return rc;
	}
	b.data[b.len] = '\0';
	*out = b;
	return 0;
}
