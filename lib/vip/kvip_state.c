// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: writing the state file; kvip_state_read.c reads it.
 *
 * Thread: T0. Lines are rendered into one buffer and written by one write(2) at commit, before the
 * routes they name are sent. While a rewrite is under way the same bytes go to the new file too;
 * lines are idempotent and the last one about a route wins, so the order in which the rewrite meets
 * a route that changes under it does not matter.
 */
#include "vip/kvip_state_priv.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REWRITE_MIN_BYTES (1u << 20)
#define BYTES_PER_ROUTE   160u

/* Append one line and its checksum to @b; nothing is appended on failure but the buffer's error. */
static int add_line(struct kvip_buf *b, size_t line_start)
{
	uint32_t sum;

	if (b->err)
		return b->err;
	sum = kvip_state_checksum(b->data + line_start, b->len - line_start);
	return kvip_buf_printf(b, " *%08" PRIx32 "\n", sum);
}

void kvip_state_set_matches(struct kvip_state *s, const struct kvip_match_set *set)
{
	s->matches = set;
}

static void set_last(const struct kvip_nhset **last, const struct kvip_nhset *nhs)
{
	if (nhs)
		kvip_nhset_ref(nhs);
	kvip_nhset_unref(*last);
	*last = nhs;
}

/* @last: of the + line before this one, in any file that gets it. */
static void render_next_hops(struct kvip_buf *b, const struct kvip_nhset *nhs,
			     const struct kvip_nhset **last)
{
	char text[KVIP_ADDR_STRLEN];

	if (!nhs || !nhs->n)
		kvip_buf_puts(b, "-");
	else if (nhs == *last)
		kvip_buf_puts(b, "=");
	else
		for (uint32_t i = 0; i < nhs->n; i++)
			kvip_buf_printf(b, "%s%s", i ? "," : "",
					kvip_addr_render(&nhs->addrs[i], text));
	set_last(last, nhs);
}

static int render_route(const struct kvip_state *s, struct kvip_buf *b, const struct kvip_route *r,
			const struct kvip_nhset **last)
{
	char text[KVIP_PREFIX_STRLEN];
	size_t start = b->len;

	kvip_buf_printf(b, "+ %s %u %u %u %u %u %s ", kvip_prefix_render(&r->id.prefix, text),
			r->id.vrf_id, r->id.table, r->id.distance, r->tag, r->resolution,
			r->cluster[0] ? r->cluster : "-");
	render_next_hops(b, r->nhs, last);
	kvip_match_render(s->matches, &r->marks, " ", KVIP_STATE_MARKS_BYTES, b);
	return add_line(b, start);
}

int kvip_state_own(struct kvip_state *s, const struct kvip_route *r)
{
	return render_route(s, &s->pending, r, &s->pending_nhs);
}

int kvip_state_gone(struct kvip_state *s, const struct kvip_route_id *id)
{
	char text[KVIP_PREFIX_STRLEN];
	size_t start = s->pending.len;

	kvip_buf_printf(&s->pending, "- %s %u %u %u", kvip_prefix_render(&id->prefix, text),
			id->vrf_id, id->table, id->distance);
	return add_line(&s->pending, start);
}

static int render_cluster(struct kvip_buf *b, const char *cluster, const char *identity,
			  kvip_wall confirmed_s)
{
	size_t start = b->len;

	kvip_buf_printf(b, "C %s %s %" PRId64, cluster, identity[0] ? identity : "-", confirmed_s);
	return add_line(b, start);
}

/* Remembered too, so that a rewrite can repeat it. */
int kvip_state_note_seen(struct kvip_state *s, const char *cluster, const char *identity,
			 kvip_wall confirmed_s)
{
	struct kvip_state_seen *seen;

	SLIST_FOREACH(seen, &s->seen, link)
		if (strcmp(seen->cluster, cluster) == 0)
			break;
	if (!seen) {
		seen = kvip_calloc(1, sizeof(*seen));
		if (!seen)
			return -ENOMEM;
		SLIST_INSERT_HEAD(&s->seen, seen, link);
	}
	snprintf(seen->cluster, sizeof(seen->cluster), "%s", cluster);
	snprintf(seen->identity, sizeof(seen->identity), "%s", identity);
	seen->confirmed_s = confirmed_s;
	return 0;
}

int kvip_state_seen(struct kvip_state *s, const char *cluster, const char *identity,
		    kvip_wall confirmed_s)
{
	int rc = kvip_state_note_seen(s, cluster, identity, confirmed_s);

	return rc ? rc : render_cluster(&s->pending, cluster, identity, confirmed_s);
}

/* All of it or an error: a part that was written is cut off again, so that the file ends with a
 * whole line. */
static int append(int fd, const struct kvip_buf *b, off_t *size)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = pwrite(fd, b->data + done, b->len - done, *size + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int err = n < 0 ? errno : EIO;

			if (ftruncate(fd, *size))
				return -EIO;
			return -err;
		}
		done += (size_t)n;
	}
	*size += (off_t)b->len;
	return 0;
}

static void abandon_rewrite(struct kvip_state *s)
{
	if (s->new_fd < 0)
		return;
	close(s->new_fd);
	unlink(s->new_path);
	s->new_fd = -1;
	set_last(&s->new_nhs, NULL);
}

/* What is pending has been written, or is given up: the next line stands for itself. */
static void reset_pending(struct kvip_state *s)
{
	kvip_buf_reset(&s->pending);
	set_last(&s->pending_nhs, NULL);
	set_last(&s->new_nhs, NULL);
}

int kvip_state_commit(struct kvip_state *s, struct kvip_err *err)
{
	int rc = s->pending.err;

	if (!rc && s->pending.len == 0)
		return 0;
	if (rc) { /* a line is lost: what follows would not be the whole truth */
		reset_pending(s);
		return kvip_err_set(err, rc, "state file: %s", strerror(-rc));
	}
	rc = append(s->fd, &s->pending, &s->size);
	if (rc)
		return kvip_err_set(err, rc,
				    "cannot write %s: %s: new routes wait until it can be written",
				    s->path, strerror(-rc));
	if (s->new_fd >= 0 && append(s->new_fd, &s->pending, &s->new_size))
		abandon_rewrite(s);
	reset_pending(s);
	return 0;
}

int kvip_state_create(const char *path, off_t *size)
{
	struct kvip_buf head;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	int rc;

	if (fd < 0)
		return -errno;
	kvip_buf_init(&head, 64);
	*size = 0;
	rc = kvip_buf_puts(&head, KVIP_STATE_HEADER "\n");
	if (!rc)
		rc = append(fd, &head, size);
	kvip_buf_done(&head);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

bool kvip_state_compact_wanted(const struct kvip_state *s, size_t live_routes)
{
	return s->new_fd < 0 && s->size > REWRITE_MIN_BYTES && s->size > 2 * s->rewritten &&
	       (uint64_t)s->size > 4u * BYTES_PER_ROUTE * (uint64_t)live_routes;
}

/* Write @b, which a render function filled, to the new file, or give the rewrite up. Ends @b. */
static int rewrite_with(struct kvip_state *s, struct kvip_buf *b)
{
	int rc = b->err ? b->err : append(s->new_fd, b, &s->new_size);

	kvip_buf_done(b);
	if (rc)
		abandon_rewrite(s);
	return rc;
}

int kvip_state_compact_begin(struct kvip_state *s)
{
	const struct kvip_state_seen *seen;
	struct kvip_buf b;

	abandon_rewrite(s);
	s->new_fd = kvip_state_create(s->new_path, &s->new_size);
	if (s->new_fd < 0)
		return s->new_fd;
	kvip_buf_init(&b, KVIP_MAX_FILE_BYTES);
	SLIST_FOREACH(seen, &s->seen, link)
		render_cluster(&b, seen->cluster, seen->identity, seen->confirmed_s);
	return rewrite_with(s, &b);
}

int kvip_state_compact_route(struct kvip_state *s, const struct kvip_route *r)
{
	struct kvip_buf b;

	if (s->new_fd < 0)
		return -EINVAL;
	kvip_buf_init(&b, KVIP_STATE_LINE_BYTES);
	render_route(s, &b, r, &s->new_nhs);
	return rewrite_with(s, &b);
}

int kvip_state_compact_end(struct kvip_state *s, struct kvip_err *err)
{
	int rc = kvip_state_commit(s, err);

	if (rc)
		return rc;
	if (s->new_fd < 0)
		return kvip_err_set(err, -EIO, "cannot rewrite %s", s->path);
	if (rename(s->new_path, s->path)) {
		rc = -errno;
		abandon_rewrite(s);
		return kvip_err_set(err, rc, "cannot replace %s: %s", s->path, strerror(-rc));
	}
	close(s->fd);
	s->fd = s->new_fd;
	s->size = s->rewritten = s->new_size;
	s->new_fd = -1;
	set_last(&s->new_nhs, NULL);
	return 0;
}

void kvip_state_close(struct kvip_state *s)
{
	struct kvip_state_seen *seen;

	if (!s)
		return;
	if (s->fd >= 0) {
		(void)!kvip_state_commit(s, NULL);
		close(s->fd);
	}
	abandon_rewrite(s);
	reset_pending(s);
	kvip_buf_done(&s->pending);
	while ((seen = SLIST_FIRST(&s->seen))) {
		SLIST_REMOVE_HEAD(&s->seen, link);
		kvip_free(seen);
	}
	kvip_free(s->path);
	kvip_free(s->new_path);
	kvip_free(s);
}
