/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file's inside, shared by its writer and its reader. */
#pragma once

#include "base/kvip_buf.h"
#include "vip/kvip_state.h"

#include <sys/queue.h>
#include <sys/types.h>

#define KVIP_STATE_HEADER "kubevip-state 1"
/* 256 next hops of 45 characters, marks, and the rest */
#define KVIP_STATE_LINE_BYTES  16384u
#define KVIP_STATE_MARKS_BYTES 4000u

/* When a cluster's data was last known to be live. */
struct kvip_state_seen {
	SLIST_ENTRY(kvip_state_seen) link;
	char cluster[64], identity[64];
	kvip_wall confirmed_s;
};

struct kvip_state {
	char *path, *new_path;
	int fd, new_fd; /* new_fd: the rewrite under way, or -1 */
	off_t size, new_size;
	off_t rewritten; /* what the last rewrite came to; 0: there was none */
	struct kvip_buf pending;
	/* Next hops of the last + line of pending, and of the new file: one reference each, or NULL. */
	const struct kvip_nhset *pending_nhs, *new_nhs;
	SLIST_HEAD(, kvip_state_seen) seen;
	const struct kvip_match_set *matches; /* borrowed; may be NULL */
};

/** kvip_state_checksum - CRC-32 (ISO 3309, zlib's) of a line without its checksum field. */
uint32_t kvip_state_checksum(const char *line, size_t len);
/** kvip_state_note_seen - remember without writing: -ENOMEM. */
int kvip_state_note_seen(struct kvip_state *s, const char *cluster, const char *identity,
			 kvip_wall confirmed_s) KVIP_USE_RESULT;
/** kvip_state_create - an empty file with its header. Return: a descriptor or -errno. */
int kvip_state_create(const char *path, off_t *size) KVIP_USE_RESULT;
/* The reading of a text, in slices. */
struct kvip_state_reading;
/** kvip_state_reading_new - of the @len bytes of @text, which has to stay; @reader: borrowed. */
struct kvip_state_reading *
kvip_state_reading_new(const char *text, size_t len, struct kvip_nhsets *nhsets,
		       const struct kvip_state_reader *reader) KVIP_USE_RESULT;
void kvip_state_reading_free(struct kvip_state_reading *rd);
/** kvip_state_read_some - the next @max lines; clusters are told at once. Return: 1: there are
 *  more; 0; -EBADMSG with @err naming the line; -ENOMEM. */
int kvip_state_read_some(struct kvip_state_reading *rd, unsigned int max,
			 struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_state_reading_good - bytes up to and including the last whole line. */
size_t kvip_state_reading_good(const struct kvip_state_reading *rd);
/** kvip_state_tell_some - when everything has been read: the next @max of the routes in force.
 *  Return: true: there are more. */
bool kvip_state_tell_some(struct kvip_state_reading *rd, unsigned int max);
/**
 * kvip_state_read - tell @reader what is in force in the @len bytes of @text
 * @good: bytes up to and including the last whole line
 * Return: 0; -EBADMSG with @err naming the line; -ENOMEM. Pure: this is what is fuzzed.
 */
int kvip_state_read(const char *text, size_t len, struct kvip_nhsets *nhsets,
		    const struct kvip_state_reader *reader, size_t *good,
		    struct kvip_err *err) KVIP_USE_RESULT;
