/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to a show command, given at once if it is short, else made and written in slices while
 * the loop goes on. Everything is T0.
 */
#pragma once

#include "frr/kvf_compat.h"
#include "vip/kvip_show.h"

struct vty;
struct kvf_answer;

struct kvf_answer_options {
	struct kvf_event_loop *loop;
	/** around each run of ours on the main loop; @what: static text */
	void (*enter)(void);
	void (*leave)(const char *what);
};

/** kvf_answer_init - before the first answer. */
void kvf_answer_init(const struct kvf_answer_options *options);
/** kvf_answer_stop - those under way are given up. */
void kvf_answer_stop(void);

/** kvf_answer_new - NULL without memory. */
struct kvf_answer *kvf_answer_new(void) KVIP_USE_RESULT;
/** kvf_answer_out - where its text is to be put. */
struct kvip_buf *kvf_answer_out(struct kvf_answer *a);
/**
 * kvf_answer_give - make the answer and give it to @vty
 * @a: taken
 * @job: taken; puts the text into kvf_answer_out(). NULL: it is there already.
 * Return: what the command handler has to return: CMD_SUCCESS, CMD_WARNING, CMD_SUSPEND.
 */
int kvf_answer_give(struct kvf_answer *a, struct vty *vty, struct kvip_show_job *job);
/** kvf_answer_refuse - say why there is none. @text: a line without its end. Takes @a. */
int kvf_answer_refuse(struct kvf_answer *a, struct vty *vty, const char *text);
