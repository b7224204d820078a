/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of the replay driver share. */
#pragma once

#include "kube/kvip_watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

struct replay {
	const char *file;
	int line;
	size_t piece; /* the body is cut into pieces of so many bytes */
	bool blind;   /* run the commands, check nothing */
	int failures;

	struct kvip_watch *w;
	enum kvip_kind kind;
	kvip_msec now;
	struct kvip_watch_request req;
	int last_rc;    /* of the last kvip_watch_bytes() */
	int put_rc;     /* of the next put */
	char fed[8192]; /* what the feed was told since the last `feed` */
};

extern const struct kvip_feed replay_feed;

void replay_wrong(struct replay *r, const char *what, const char *got);

/* The commands that send a part of a body. */
void replay_list(struct replay *r, char *args);
void replay_crlist(struct replay *r, char *args);
void replay_event(struct replay *r, char *args);
void replay_bookmark(struct replay *r, char *args);
void replay_error(struct replay *r, char *args);
void replay_refuse(struct replay *r, char *args);
void replay_raw(struct replay *r, char *args);
void replay_file(struct replay *r, char *args);
