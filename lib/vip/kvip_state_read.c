// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what the state file says; kvip_state_open.c finds it. Thread: T0, when it begins to inject,
 * in slices.
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
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX_CLUSTER_NAME 63u

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

struct kvip_state_reading {
	struct owned_tree owned;
	struct kvip_nhsets *nhsets;
	const struct kvip_state_reader *reader;
	const struct kvip_nhset *last; /* of the + line before: one reference; NULL: there is none */
	const char *text;
	size_t len, good; /* good: up to and including the last whole line */
	unsigned int lines;
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

static int read_nhs(struct kvip_state_reading *rd, char *list, const struct kvip_nhset **out)
{
	struct kvip_addr addrs[KVIP_MAX_NEXTHOPS];
	size_t n = 0;
	char *a;

	if (strcmp(list, "=") == 0) {
		*out = rd->last ? kvip_nhset_ref(rd->last) : NULL;
		return *out ? 0 : -EBADMSG;
	}
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

static void forget(struct kvip_state_reading *rd, const struct kvip_route_id *id)
{
	struct owned key = { .route.id = *id };
	struct owned *o = RB_FIND(owned_tree, &rd->owned, &key);

	if (!o)
		return;
	RB_REMOVE(owned_tree, &rd->owned, o);
	kvip_nhset_unref(o->route.nhs);
	kvip_free(o);
}

static int read_route(struct kvip_state_reading *rd, char *at)
{
	struct kvip_route r = { 0 };
	uint64_t tag, resolution;
	char *cluster, *nhs, *marks;
	struct owned *o;
	int rc;

	if (read_id(&at, &r.id) || number(&at, UINT32_MAX, &tag) ||
	    number(&at, KVIP_RESOLVE_ANY, &resolution))
		return -EBADMSG;
	cluster = word(&at);
	nhs = word(&at);
	marks = word(&at);
	if (!cluster || !nhs || at || strlen(cluster) > MAX_CLUSTER_NAME)
		return -EBADMSG;
	r.tag = (uint32_t)tag;
	r.resolution = (uint8_t)resolution;
	r.cluster = kvip_nhsets_name(rd->nhsets, strcmp(cluster, "-") ? cluster : "");
	if (!r.cluster)
		return -ENOMEM;
	rc = read_nhs(rd, nhs, &r.nhs);
	if (rc)
		return rc;
	kvip_nhset_unref(rd->last);
	rd->last = kvip_nhset_ref(r.nhs);
	if (marks && rd->reader->marks)
		rd->reader->marks(rd->reader->ctx, marks, &r.marks);
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

static int read_cluster(struct kvip_state_reading *rd, char *at)
{
	char *name = word(&at), *identity = word(&at);
	uint64_t confirmed_s;

	if (!name || !identity || number(&at, INT64_MAX, &confirmed_s) || at)
		return -EBADMSG;
	rd->reader->cluster(rd->reader->ctx, name, strcmp(identity, "-") ? identity : "",
			    (kvip_wall)confirmed_s);
	return 0;
}

static int read_line(struct kvip_state_reading *rd, char *line)
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
static int check_line(struct kvip_state_reading *rd, const char *line, size_t len)
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

struct kvip_state_reading *kvip_state_reading_new(const char *text, size_t len,
						  struct kvip_nhsets *nhsets,
						  const struct kvip_state_reader *reader)
{
	struct kvip_state_reading *rd = kvip_calloc(1, sizeof(*rd));

	if (!rd)
		return NULL;
	RB_INIT(&rd->owned);
	rd->nhsets = nhsets;
	rd->reader = reader;
	rd->text = text;
	rd->len = len;
	return rd;
}

void kvip_state_reading_free(struct kvip_state_reading *rd)
{
	struct owned *o;

	while (rd && (o = RB_MIN(owned_tree, &rd->owned)))
		forget(rd, &o->route.id);
	if (rd)
		kvip_nhset_unref(rd->last);
	kvip_free(rd);
}

size_t kvip_state_reading_good(const struct kvip_state_reading *rd)
{
	return rd->good;
}

static int read_header(struct kvip_state_reading *rd, struct kvip_err *err)
{
	const size_t head = strlen(KVIP_STATE_HEADER);
	const char *nl = memchr(rd->text, '\n', rd->len);

	if (!nl || (size_t)(nl - rd->text) != head || memcmp(rd->text, KVIP_STATE_HEADER, head))
		return kvip_err_set(err, -EBADMSG, "line 1 is not \"%s\"", KVIP_STATE_HEADER);
	rd->good = head + 1;
	rd->lines = 1;
	return 0;
}

/* Return: 1; 0: there is no whole line any more; -EBADMSG, -ENOMEM. */
static int next_line(struct kvip_state_reading *rd, struct kvip_err *err)
{
	const char *line = rd->text + rd->good;
	const char *nl = memchr(line, '\n', rd->len - rd->good);
	int rc;

	if (!nl)
		return 0;
	rd->lines++;
	rc = check_line(rd, line, (size_t)(nl - line));
	if (rc == -ENOMEM)
		return kvip_err_set(err, rc, "out of memory");
	if (rc)
		return kvip_err_set(err, rc, "line %u is damaged", rd->lines);
	rd->good += (size_t)(nl - line) + 1;
	return 1;
}

int kvip_state_read_some(struct kvip_state_reading *rd, unsigned int max, struct kvip_err *err)
{
	int rc = 1;

	if (!rd->lines)
		rc = read_header(rd, err) ? -EBADMSG : 1;
	while (rc > 0 && max--)
		rc = next_line(rd, err);
	return rc;
}

bool kvip_state_tell_some(struct kvip_state_reading *rd, unsigned int max)
{
	struct owned *o;

	for (; max && (o = RB_MIN(owned_tree, &rd->owned)); max--) {
		rd->reader->route(rd->reader->ctx, &o->route);
		forget(rd, &o->route.id);
	}
	return !RB_EMPTY(&rd->owned);
}

int kvip_state_read(const char *text, size_t len, struct kvip_nhsets *nhsets,
		    const struct kvip_state_reader *reader, size_t *good, struct kvip_err *err)
{
	struct kvip_state_reading *rd = kvip_state_reading_new(text, len, nhsets, reader);
	int rc;

	*good = 0;
	if (!rd)
		return kvip_err_set(err, -ENOMEM, "out of memory");
	rc = kvip_state_read_some(rd, UINT_MAX, err);
	*good = rd->good;
	if (!rc)
		(void)kvip_state_tell_some(rd, UINT_MAX);
	kvip_state_reading_free(rd);
	return rc;
}
