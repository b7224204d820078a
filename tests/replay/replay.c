// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: replays scripts against the list+watch machine, with a clock of their own (after Unbound's
 * .rpl).
 *
 * Usage: replay FILE.kvt... Each file runs with the body whole, in pieces of 7 bytes and byte by
 * byte, then once for each allocation that can fail (expectations are not checked then: nothing may
 * crash, nothing may leak). The language is described in tests/replay/README.md.
 */
#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE 8192

struct command {
	const char *word;
	void (*run)(struct replay *r, char *args);
};

void replay_wrong(struct replay *r, const char *what, const char *got)
{
	if (r->blind)
		return;
	fprintf(stderr, "%s:%d (pieces of %zu): %s; got: %s\n", r->file, r->line, r->piece, what,
		got);
	r->failures++;
}

static const char *next_word(char **args)
{
	char *word = strtok_r(NULL, " \t", args);

	return word ? word : "";
}

static void cmd_kind(struct replay *r, char *args)
{
	const char *word = next_word(&args);
	size_t i;

	for (i = 0; i < KVIP_KIND_MAX; i++)
		if (!strcmp(kvip_kinds[i].plural, word))
			r->kind = (enum kvip_kind)i;
	kvip_watch_free(r->w);
	r->w = NULL;
	if (kvip_watch_new(r->kind, &replay_feed, r, "test", NULL, 1, r->now, &r->w))
		replay_wrong(r, "the machine exists", "no memory");
}

static const char *want_name(enum kvip_watch_want want, const struct kvip_watch_request *req)
{
	if (want == KVIP_WANT_NOTHING)
		return "nothing";
	if (want == KVIP_WANT_ABORT)
		return "abort";
	if (!req->is_watch)
		return "list";
	return strstr(req->target, "sendInitialEvents=true") ? "stream" : "watch";
}

static void check_wait(struct replay *r, char *args)
{
	const char *min = next_word(&args), *max = next_word(&args);
	kvip_msec wait_ms = r->req.deadline_ms - r->now;
	char got[32];

	if (!*min)
		return;
	snprintf(got, sizeof(got), "%" PRId64 " ms", wait_ms);
	if (wait_ms < atoll(min) || wait_ms > atoll(*max ? max : min))
		replay_wrong(r, "the wait is as expected", got);
}

static void check_target(struct replay *r, char *args)
{
	const char *word;

	while (*(word = next_word(&args))) {
		bool without = *word == '!';

		if (!strstr(r->req.target, word + without) != without)
			replay_wrong(r, word, r->req.target);
	}
}

static void cmd_want(struct replay *r, char *args)
{
	const char *word = next_word(&args), *got;
	enum kvip_watch_want want = kvip_watch_poll(r->w, r->now, &r->req);

	got = want_name(want, &r->req);
	if (strcmp(word, got)) {
		replay_wrong(r, word, want == KVIP_WANT_REQUEST ? r->req.target : got);
		return;
	}
	if (want == KVIP_WANT_NOTHING)
		check_wait(r, args);
	else if (want == KVIP_WANT_REQUEST)
		check_target(r, args);
}

static void cmd_pass(struct replay *r, char *args)
{
	const char *word = next_word(&args);

	if (strcmp(word, "due"))
		r->now += atoll(word);
	else if (r->req.deadline_ms > r->now)
		r->now = r->req.deadline_ms;
}

static void cmd_rx(struct replay *r, char *args)
{
	int status = atoi(next_word(&args));
	const char *type = next_word(&args), *after = next_word(&args);

	kvip_watch_response(r->w, status,
			    !*type              ? "application/json"
			    : strcmp(type, "-") ? type
						: NULL,
			    *after ? atoll(after) : -1, r->now);
}

static void cmd_end(struct replay *r, char *args)
{
	static const char *const words[] = { "clean", "broken", "connect", "tls", "credentials" };
	const char *word = next_word(&args);
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], word))
			kvip_watch_done(r->w, (enum kvip_transfer_end)i, i ? "reason" : NULL,
					r->now);
}

static void cmd_dropped(struct replay *r, char *args)
{
	(void)args;
	if (r->last_rc >= 0)
		replay_wrong(r, "the transfer is dropped", "it is not");
}

static void cmd_feed(struct replay *r, char *args)
{
	char want[MAX_LINE] = "";
	const char *word;

	while (*(word = next_word(&args))) {
		if (!strcmp(word, "none"))
			break;
		snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s ", word);
	}
	if (strcmp(want, r->fed))
		replay_wrong(r, want, r->fed);
	r->fed[0] = '\0';
}

static void status_text(struct replay *r, char *buf, size_t size)
{
	struct kvip_watch_status st;

	kvip_watch_get_status(r->w, &st);
	snprintf(buf, size,
		 " state=%s synced=%d rv=%s lists=%" PRIu64 " relists=%" PRIu64 " events=%" PRIu64
		 " bookmarks=%" PRIu64 " watches=%" PRIu64 " errors=%" PRIu64 " refused=%" PRIu64
		 " http=%u streaming=%d took=%" PRId64 " proof=%" PRId64 " ",
		 kvip_watch_state_name(st.state), st.synced, st.resource_version, st.lists,
		 st.relists, st.events, st.bookmarks, st.watches, st.errors, st.objects_refused,
		 st.http_status, st.streaming_list, st.list_took_ms, st.last_proof_ms);
}

static void cmd_status(struct replay *r, char *args)
{
	char text[512], item[128];
	const char *word;

	status_text(r, text, sizeof(text));
	while (*(word = next_word(&args))) {
		snprintf(item, sizeof(item), " %s ", word);
		if (!strstr(text, item))
			replay_wrong(r, word, text);
	}
}

/* says TEXT: the last error contains it; without a text: there is none. */
static void cmd_says(struct replay *r, char *args)
{
	struct kvip_watch_status st;

	kvip_watch_get_status(r->w, &st);
	if (*args ? !strstr(st.last_error, args) : st.last_error[0] != '\0')
		replay_wrong(r, *args ? args : "no error", st.last_error);
}

static void cmd_put_fails(struct replay *r, char *args)
{
	r->put_rc = strcmp(next_word(&args), "nomem") ? -E2BIG : -ENOMEM;
}

static void cmd_relist(struct replay *r, char *args)
{
	(void)args;
	kvip_watch_relist(r->w, r->now);
}

static void cmd_server_changed(struct replay *r, char *args)
{
	(void)args;
	kvip_watch_server_changed(r->w);
}

static void cmd_server_back(struct replay *r, char *args)
{
	(void)args;
	(void)kvip_watch_server_back(r->w, r->now);
}

static void cmd_probe(struct replay *r, char *args)
{
	const char *word = next_word(&args), *target;

	if (strcmp(word, "want") && strcmp(word, "none")) {
		kvip_watch_probe_result(r->w, strcmp(word, "failed") ? word : "", r->now);
		return;
	}
	target = kvip_watch_wants_probe(r->w, r->now);
	if ((target != NULL) != !strcmp(word, "want"))
		replay_wrong(r, word, target ? target : "no probe");
}

static const struct command commands[] = {
	{ "kind", cmd_kind },
	{ "want", cmd_want },
	{ "pass", cmd_pass },
	{ "rx", cmd_rx },
	{ "end", cmd_end },
	{ "dropped", cmd_dropped },
	{ "feed", cmd_feed },
	{ "status", cmd_status },
	{ "says", cmd_says },
	{ "put-fails", cmd_put_fails },
	{ "relist", cmd_relist },
	{ "server-changed", cmd_server_changed },
	{ "server-back", cmd_server_back },
	{ "probe", cmd_probe },
	{ "list", replay_list },
	{ "crlist", replay_crlist },
	{ "event", replay_event },
	{ "bookmark", replay_bookmark },
	{ "error", replay_error },
	{ "refuse", replay_refuse },
	{ "raw", replay_raw },
	{ "file", replay_file },
};

static void run_line(struct replay *r, char *text)
{
	char *args = NULL, *word = strtok_r(text, " \t", &args);
	size_t i;

	if (!word || *word == '#')
		return;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].word, word))
			continue;
		if (r->w || commands[i].run == cmd_kind)
			commands[i].run(r, args ? args : (char *)"");
		return;
	}
	replay_wrong(r, "a command", word);
}

/* Once through the file. Return: failures. */
static int run_file(struct replay *r, FILE *f)
{
	char text[MAX_LINE];

	rewind(f);
	while (fgets(text, sizeof(text), f)) {
		r->line++;
		text[strcspn(text, "\n")] = '\0';
		run_line(r, text);
	}
	if (r->fed[0])
		replay_wrong(r, "nothing fed at the end of the script", r->fed);
	kvip_watch_free(r->w);
	return r->failures;
}

static int run_pieces(const char *name, FILE *f, size_t piece)
{
	struct replay r = { .file = name, .piece = piece, .now = 1000 };
	int64_t before = kvip_mem_live();
	int failures = run_file(&r, f);

	if (kvip_mem_live() != before) {
		fprintf(stderr, "%s: %" PRId64 " blocks leaked\n", name, kvip_mem_live() - before);
		failures++;
	}
	return failures;
}

/* Each allocation fails once. */
static int run_without_memory(const char *name, FILE *f)
{
	int64_t before = kvip_mem_live();
	int nth;

	for (nth = 1;; nth++) {
		struct replay r = { .file = name, .piece = SIZE_MAX, .now = 1000, .blind = true };

		kvip_mem_fail_at(nth);
		run_file(&r, f);
		if (kvip_mem_live() != before) {
			fprintf(stderr, "%s: leak when allocation %d fails\n", name, nth);
			return 1;
		}
		if (!kvip_mem_failed())
			break;
	}
	kvip_mem_fail_at(0);
	return 0;
}

static int replay(const char *name)
{
	FILE *f = fopen(name, "r");
	int failures;

	if (!f) {
		perror(name);
		return 1;
	}
	failures = run_pieces(name, f, SIZE_MAX) + run_pieces(name, f, 7) + run_pieces(name, f, 1);
	if (!failures)
		failures = run_without_memory(name, f);
	fclose(f);
	printf("%s: %s\n", failures ? "FAIL" : "ok", name);
	return failures;
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	for (i = 1; i < argc; i++)
		failed += replay(argv[i]) != 0;
	return failed != 0;
}
