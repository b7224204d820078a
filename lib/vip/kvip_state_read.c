// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: reading the state file. Thread: T0, at start.
 *
 * A file is believed as a whole or not at all: one line that does not match its checksum, or does
 * not parse, makes it refused, because ownership that is half right deletes the wrong routes. The
 * one exception is a last line without its newline, which is what a crash in the middle of a write
 * leaves.
 */
#include "vip/kvip_state_priv.h"

#include "base/kvip_limits.h"

#include "base/kvip_tree.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* What is in force while the file is being read. */
struct owned {
	RB_ENTRY(owned) link;
	struct kvip_route route;
};

RB_HEAD(owned_tree, owned);

static int owned_cmp(const struct owned *a, const struct owned *b)
{
	return kvip_route_id_cmp(&a->route.id, &b->route.id);
}

RB_GENERATE_STATIC(owned_tree, owned, link, owned_cmp)

struct reading {
	struct owned_tree owned;
	struct kvip_nhsets *nhsets;
	const struct kvip_state_reader *reader;
};

uint32_t kvip_state_checksum(const char *line, size_t len)
{
	return (uint32_t)crc32(0, (const Bytef *)line, (uInt)len);
}

/* The next space-separated word of *@at, terminated in place; NULL at the end. */
static char *word(char **at)
{
	char *w = strsep(at, " ");

	return w && *w ? w : NULL;
}

static int number(char **at, uint64_t max, uint64_t *out)
{
	char *w = word(at), *end;

	if (!w || *w < '0' || *w > '9')
		return -EBADMSG;
	errno = 0;
	*out = strtoull(w, &end, 10);
	return errno || *end || *out > max ? -EBADMSG : 0;
}

static int read_id(char **at, struct kvip_route_id *id)
{
	char *p = word(at);
	uint64_t vrf, table, distance;

	if (!p || kvip_prefix_parse(p, &id->prefix) || number(at, UINT32_MAX, &vrf) ||
	    number(at, UINT32_MAX, &table) || number(at, UINT8_MAX, &distance))
		return -EBADMSG;
	id->vrf_id = (uint32_t)vrf;
	id->table = (uint32_t)table;
	id->distance = (uint8_t)distance;
	return 0;
}

static int read_nhs(struct reading *rd, char *list, const struct kvip_nhset **out)
{
	struct kvip_addr addrs[KVIP_MAX_NEXTHOPS];
	size_t n = 0;
	char *a;

	if (strcmp(list, "-") == 0)
		list = NULL;
	while ((a = strsep(&list, ","))) {
		if (n == KVIP_MAX_NEXTHOPS || kvip_addr_parse(a, &addrs[n]))
			return -EBADMSG;
		n++;
	}
	*out = kvip_nhset_get(rd->nhsets, addrs, n);
	return *out ? 0 : -ENOMEM;
}

static void forget(struct reading *rd, const struct kvip_route_id *id)
{
	struct owned key = { .route.id = *id };
	struct owned *o = RB_FIND(owned_tree, &rd->owned, &key);

	if (!o)
		return;
	RB_REMOVE(owned_tree, &rd->owned, o);
	kvip_nhset_unref(o->route.nhs);
	kvip_free(o);
}

static int read_route(struct reading *rd, char *at)
{
	struct kvip_route r = { 0 };
	uint64_t tag, resolution;
	char *cluster, *nhs;
	struct owned *o;
	int rc;

	if (read_id(&at, &r.id) || number(&at, UINT32_MAX, &tag) ||
	    number(&at, KVIP_RESOLVE_ANY, &resolution))
		return -EBADMSG;
	cluster = word(&at);
	nhs = word(&at);
	if (!cluster || !nhs || at || strlen(cluster) >= sizeof(r.cluster))
		return -EBADMSG;
	r.tag = (uint32_t)tag;
	r.resolution = (uint8_t)resolution;
	if (strcmp(cluster, "-") != 0)
		strcpy(r.cluster, cluster);
	rc = read_nhs(rd, nhs, &r.nhs);
	if (rc)
		return rc;
	forget(rd, &r.id);
	o = kvip_malloc(sizeof(*o));
	if (!o) {
		kvip_nhset_unref(r.nhs);
		return -ENOMEM;
	}
	o->route = r;
	RB_INSERT(owned_tree, &rd->owned, o);
	return 0;
}

static int read_cluster(struct reading *rd, char *at)
{
	char *name = word(&at), *identity = word(&at);
	uint64_t confirmed_s;

	if (!name || !identity || number(&at, INT64_MAX, &confirmed_s) || at)
		return -EBADMSG;
	rd->reader->cluster(rd->reader->ctx, name, strcmp(identity, "-") ? identity : "",
			    (kvip_wall)confirmed_s);
	return 0;
}

static int read_line(struct reading *rd, char *line)
{
	struct kvip_route_id id;
	char *at = line + 2;

	if (strncmp(line, "+ ", 2) == 0)
		return read_route(rd, at);
	if (strncmp(line, "C ", 2) == 0)
		return read_cluster(rd, at);
	if (strncmp(line, "- ", 2) != 0 || read_id(&at, &id) || at)
		return -EBADMSG;
	forget(rd, &id);
	return 0;
}

/* @line, @len: without the newline. Checks and strips the checksum, then reads it. */
static int check_line(struct reading *rd, const char *line, size_t len)
{
	char copy[KVIP_STATE_LINE_BYTES];
	char expected[16];
	size_t body;

	if (len < 12 || len >= sizeof(copy))
		return -EBADMSG;
	body = len - 10; /* " *xxxxxxxx" */
	snprintf(expected, sizeof(expected), " *%08" PRIx32, kvip_state_checksum(line, body));
	if (memcmp(line + body, expected, 10) != 0 || memchr(line, '\0', len))
		return -EBADMSG;
	memcpy(copy, line, body);
	copy[body] = '\0';
	return read_line(rd, copy);
}

static int read_lines(struct reading *rd, const char *text, size_t len, size_t *good,
		      struct kvip_err *err)
{
	const size_t head = strlen(KVIP_STATE_HEADER);
	unsigned int n = 1;
	const char *nl;

	*good = 0;
	nl = memchr(text, '\n', len);
	if (!nl || (size_t)(nl - text) != head || memcmp(text, KVIP_STATE_HEADER, head) != 0)
		return kvip_err_set(err, -EBADMSG, "line 1 is not \"%s\"", KVIP_STATE_HEADER);
	for (*good = head + 1; *good < len; *good = (size_t)(nl - text) + 1) {
		int rc;

		n++;
		nl = memchr(text + *good, '\n', len - *good);
		if (!nl)
			break;
		rc = check_line(rd, text + *good, (size_t)(nl - text) - *good);
		if (rc == -ENOMEM)
			return kvip_err_set(err, rc, "out of memory");
		if (rc)
			return kvip_err_set(err, rc, "line %u is damaged", n);
	}
	return 0;
}

int kvip_state_read(const char *text, size_t len, struct kvip_nhsets *nhsets,
		    const struct kvip_state_reader *reader, size_t *good, struct kvip_err *err)
{
	struct reading rd = { .nhsets = nhsets, .reader = reader };
	struct owned *o;
	int rc;

	RB_INIT(&rd.owned);
	rc = read_lines(&rd, text, len, good, err);
	while ((o = RB_MIN(owned_tree, &rd.owned))) {
		if (!rc)
			reader->route(reader->ctx, &o->route);
		forget(&rd, &o->route.id);
	}
	return rc;
}

static int slurp(int fd, char **out, size_t *len)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size > (off_t)KVIP_MAX_STATE_BYTES)
		return -EFBIG;
	*out = kvip_malloc((size_t)st.st_size + 1);
	if (!*out)
		return -ENOMEM;
	n = pread(fd, *out, (size_t)st.st_size, 0);
	*len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -errno : 0;
}

/* What the file says of clusters is remembered for its next rewrite, and passed on. */
struct tee {
	struct kvip_state *state;
	const struct kvip_state_reader *to;
};

static void tee_route(void *ctx, const struct kvip_route *r)
{
	const struct tee *t = ctx;

	t->to->route(t->to->ctx, r);
}

static void tee_cluster(void *ctx, const char *name, const char *identity, kvip_wall confirmed_s)
{
	const struct tee *t = ctx;

	if (kvip_state_note_seen(t->state, name, identity, confirmed_s))
		return; /* without memory its next rewrite lacks a line that is written each minute
			   anyway */
	t->to->cluster(t->to->ctx, name, identity, confirmed_s);
}

/* Read what is there. Return: a descriptor to go on writing to, -EBADMSG (refused), another
 * -errno. */
static int open_existing(struct kvip_state *s, struct kvip_nhsets *nhsets,
			 const struct kvip_state_reader *reader, struct kvip_err *err)
{
	struct tee tee = { s, reader };
	const struct kvip_state_reader both = { tee_route, tee_cluster, &tee };
	int fd = open(s->path, O_RDWR | O_CLOEXEC), rc;
	char *text = NULL;
	size_t len = 0, good = 0;

	if (fd < 0)
		return -errno;
	rc = slurp(fd, &text, &len);
	if (rc == -EFBIG)
		rc = kvip_err_set(err, -EBADMSG, "larger than %u bytes", KVIP_MAX_STATE_BYTES);
	else if (!rc)
		rc = kvip_state_read(text, len, nhsets, &both, &good, err);
	kvip_free(text);
	s->size = (off_t)good;
	if (!rc && ftruncate(fd, s->size))
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
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
	return kvip_state_create(s->path, &s->size);
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

int kvip_state_open(const char *path, struct kvip_nhsets *nhsets,
		    const struct kvip_state_reader *reader, struct kvip_state **out,
		    struct kvip_err *refused, struct kvip_err *err)
{
	struct kvip_state *s = state_new(path);

	refused->text[0] = '\0';
	if (!s)
		return kvip_err_set(err, -ENOMEM, "out of memory");
	s->fd = open_existing(s, nhsets, reader, err);
	if (s->fd == -ENOENT)
		s->fd = kvip_state_create(path, &s->size);
	else if (s->fd == -EBADMSG)
		s->fd = put_aside(s, refused, err);
	if (s->fd < 0) {
		int rc = s->fd;

		kvip_state_close(s);
		return kvip_err_set(err, rc, "%s: %s", path, strerror(-rc));
	}
	*out = s;
	return 0;
}
