// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: answers of show commands, without the loop waiting for them (rules R5).
 *
 * Thread: T0. What is made within a millisecond is printed as by any command. A longer answer to a
 * vtysh connection is suspended: the handler says CMD_SUSPEND, libfrr then sends no result, and the
 * text, with the result behind it, is written here as it is made, a part at a time. No more is made
 * than a slow reader takes. Nothing of the vty is kept but a duplicate of its descriptor, for the
 * vty may be gone by then: a reader that has left shows at the descriptor. That is what watchfrr
 * does with `write integrated`.
 *
 * libfrr goes on reading from a suspended connection. Whoever sends a second command of ours before
 * the first is answered gets both answers in their order. A telnet session cannot be suspended, nor
 * can a command with `| include` that came to us with it (vtysh filters by itself): these get the
 * same text at once.
 *
 * Sources: FRR 8.4.4 and 10.7: lib/vty.c (vtysh_read: CMD_SUSPEND; the result is three NULs and a
 * byte), lib/command.c (handle_pipe_action_done), watchfrr/watchfrr_vty.c.
 */
#include <zebra.h>

#include "frr/kvf_answer.h"

#include "base/kvip_limits.h"

#include "buffer.h"
#include "command.h"
#include "libfrr.h"
#include "network.h"
#include "typesafe.h"
#include "vty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS       1000000u /* of CPU time */
#define LOOKS_A_STEP   16
#define BYTES_A_WRITE  65536u
#define BYTES_WAITING  262144u /* then the reader has to take some first */
#define MOST_UNDER_WAY 16
#define RESULT_BYTES   4

PREDECL_DLIST(kvf_answers);

struct kvf_answer {
	struct kvf_answers_item link;
	struct kvip_buf out;       /* what is not yet written, behind what is */
	struct kvip_show_job *job; /* NULL: there is no more to come */
	size_t written;            /* of out */
	bool no_memory;            /* the text is lost: the bare result is to be written */
	int fd;                    /* -1: not suspended */
	ino_t connection;          /* answers of one connection are written in their order */
	struct kvf_event *t;
};

DECLARE_DLIST(kvf_answers, struct kvf_answer, link);

static struct {
	struct kvf_answer_options opt;
	struct kvf_answers_head under_way;
} answers = { .under_way = INIT_DLIST(answers.under_way) };

void kvf_answer_init(const struct kvf_answer_options *options)
{
	answers.opt = *options;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct kvf_answer *kvf_answer_new(void)
{
	struct kvf_answer *a = kvip_calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	kvip_buf_init(&a->out, KVIP_MAX_SHOW_BYTES);
	a->fd = -1;
	return a;
}

struct kvip_buf *kvf_answer_out(struct kvf_answer *a)
{
	return &a->out;
}

static void answer_free(struct kvf_answer *a)
{
	kvf_event_cancel(&a->t);
	kvip_show_job_free(a->job);
	kvip_buf_done(&a->out);
	if (a->fd >= 0)
		close(a->fd);
	kvip_free(a);
}

void kvf_answer_stop(void)
{
	struct kvf_answer *a;

	while ((a = kvf_answers_pop(&answers.under_way)))
		answer_free(a);
}

/* A part of the text is made. Return: 1: there is more; 0; -errno: there will be none. */
static int make_some(struct kvf_answer *a)
{
	uint64_t began = cpu_ns();
	int rc = a->job ? 1 : 0;

	while (rc > 0 && cpu_ns() - began < SLICE_NS)
		rc = kvip_show_job_step(a->job, LOOKS_A_STEP);
	if (rc > 0)
		return rc;
	kvip_show_job_free(a->job);
	a->job = NULL;
	return rc;
}

static int make_all(struct kvf_answer *a)
{
	int rc;

	do {
		rc = make_some(a);
	} while (rc > 0);
	return rc;
}

/* ---- suspended answers ---- */

static ino_t connection_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static struct kvf_answer *first_of(ino_t connection)
{
	struct kvf_answer *a;

	frr_each(kvf_answers, &answers.under_way, a) if (a->connection == connection) return a;
	return NULL;
}

static void go_on(struct kvf_event *t);

static void schedule(struct kvf_answer *a)
{
	kvf_event_add_event(answers.opt.loop, go_on, a, 0, &a->t);
}

/* The next one of the same connection may be waiting for its turn. */
static void end(struct kvf_answer *a)
{
	struct kvf_answer *next;

	kvf_answers_del(&answers.under_way, a);
	next = first_of(a->connection);
	if (next)
		schedule(next);
	answer_free(a);
}

static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static const uint8_t bad_result[RESULT_BYTES] = { 0, 0, 0, CMD_WARNING };
static const uint8_t good_result[RESULT_BYTES] = { 0, 0, 0, CMD_SUCCESS };

/* The text has been made, or the rest of it cannot be: behind it stands the result. */
static void seal(struct kvf_answer *a, int rc)
{
	if (!rc)
		rc = kvip_buf_add(&a->out, good_result, sizeof(good_result));
	if (!rc)
		return;
	if (a->out.err) { /* what was there is gone with it */
		kvip_buf_done(&a->out);
		a->written = 0;
	}
	kvip_buf_printf(&a->out, "\n%% %s\n", safe_strerror(-rc));
	a->no_memory = kvip_buf_add(&a->out, bad_result, sizeof(bad_result)) != 0;
}

static size_t waiting(const struct kvf_answer *a)
{
	return a->no_memory ? sizeof(bad_result) - a->written : a->out.len - a->written;
}

static const void *next_bytes(const struct kvf_answer *a)
{
	return a->no_memory ? (const char *)bad_result + a->written : a->out.data + a->written;
}

/* Return: 1: it was written; 0: the reader is slow; -errno: it has gone. */
static int write_some(struct kvf_answer *a)
{
	size_t n = waiting(a) < BYTES_A_WRITE ? waiting(a) : BYTES_A_WRITE;
	ssize_t done = send(a->fd, next_bytes(a), n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (done < 0)
		return ERRNO_IO_RETRY(errno) ? 0 : -errno;
	a->written += (size_t)done;
	if (!a->no_memory && (waiting(a) == 0 || a->written >= BYTES_WAITING)) {
		kvip_buf_drop(&a->out, a->written);
		a->written = 0;
	}
	return 1;
}

static void make_more(struct kvf_answer *a)
{
	int rc;

	if (!a->job || waiting(a) >= BYTES_WAITING)
		return;
	rc = make_some(a);
	if (rc <= 0)
		seal(a, rc);
}

/* Return: as write_some(); also 1 when it is another one's turn on this connection. */
static int write_in_turn(struct kvf_answer *a)
{
	if (waiting(a) == 0 || first_of(a->connection) != a)
		return 1;
	return write_some(a);
}

static void slice(struct kvf_answer *a)
{
	int rc = has_hung_up(a->fd) ? -EPIPE : 0;

	if (!rc) {
		make_more(a);
		rc = write_in_turn(a);
	}
	if (rc < 0 || (!a->job && waiting(a) == 0))
		end(a);
	else if (a->job && waiting(a) < BYTES_WAITING)
		schedule(a);
	else if (rc == 0)
		kvf_event_add_write(answers.opt.loop, go_on, a, a->fd, &a->t);
	else if (first_of(a->connection) == a)
		schedule(a);
	/* else the end of the one before it sees to it */
}

static void go_on(struct kvf_event *t)
{
	struct kvf_answer *a = kvf_event_arg(t);

	answers.opt.enter();
	slice(a);
	answers.opt.leave("slice of an answer");
}

/* ---- giving ---- */

static bool can_suspend(const struct vty *vty)
{
	return answers.opt.loop && vty->type == VTY_SHELL_SERV && !vty->filter &&
	       kvf_answers_count(&answers.under_way) < MOST_UNDER_WAY &&
	       buffer_flush_available(vty->obuf, vty->wfd) == BUFFER_EMPTY;
}

static bool must_wait(const struct vty *vty)
{
	return kvf_answers_count(&answers.under_way) && vty->type == VTY_SHELL_SERV &&
	       first_of(connection_of(vty->wfd));
}

/* Return: CMD_SUSPEND; 0 when it cannot be. */
static int suspend(struct kvf_answer *a, const struct vty *vty)
{
	uint32_t limit = frr_get_fd_limit();

	a->fd = fcntl(vty->wfd, F_DUPFD_CLOEXEC, 0);
	if (a->fd < 0)
		return 0;
	if (limit && (uint32_t)a->fd >= limit) {
		close(a->fd);
		a->fd = -1;
		return 0;
	}
	a->connection = connection_of(a->fd);
	kvf_answers_add_tail(&answers.under_way, a);
	schedule(a);
	return CMD_SUSPEND;
}

static int print(struct kvf_answer *a, struct vty *vty, int rc)
{
	if (rc)
		vty_out(vty, "%% %s\n", safe_strerror(-rc));
	else if (kvip_buf_str(&a->out)[0])
		vty_out(vty, "%s", kvip_buf_str(&a->out));
	answer_free(a);
	return rc ? CMD_WARNING : CMD_SUCCESS;
}

int kvf_answer_give(struct kvf_answer *a, struct vty *vty, struct kvip_show_job *job)
{
	bool wait = must_wait(vty);
	int rc;

	a->job = job;
	rc = make_some(a);
	if (can_suspend(vty) && (rc > 0 || (wait && rc == 0))) {
		if (rc == 0)
			seal(a, 0);
		if (suspend(a, vty))
			return CMD_SUSPEND;
	}
	if (rc > 0)
		rc = make_all(a);
	return print(a, vty, rc);
}

int kvf_answer_refuse(struct kvf_answer *a, struct vty *vty, const char *text)
{
	vty_out(vty, "%% %s\n", text);
	answer_free(a);
	return CMD_WARNING;
}
