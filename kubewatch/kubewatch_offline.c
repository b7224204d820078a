// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: --check-config and --dry-run. No fork, no socket, no privileges; one thread.
 *
 * The file is read through libfrr's own parser, so that what is accepted here is what the daemon
 * accepts, stock lines (log, hostname, prefix-list) included; what cannot work although every line
 * is right is said by kvip_conf_check().
 */
#include "frr/kvf_compat.h"

#include "frr/kvf_facts.h"
#include "frr/kvf_host.h"
#include "kubewatch/kubewatch_offline.h"
#include "vip/kvip_dump.h"
#include "vip/kvip_show.h"

#include "base/kvip_limits.h"

#include "buffer.h"
#include "command.h"
#include "command_match.h"
#include "linklist.h"
#include "northbound_cli.h"
#include "vty.h"

#include <stdio.h>
#include <time.h>

/* A dump of a million objects is done in far fewer steps. */
#define MAX_STEPS 100000

static void say(const char *file, unsigned int line, const char *text, const char *said)
{
	fprintf(stderr, "%s:%u: %.*s: %s\n", file, line, (int)strcspn(text, "\r\n"), text, said);
}

/*
 * `log` lines are parsed and no more: `log file`, run as root, would leave a file that the daemon
 * cannot open, and `log stdout` would write into a dry run's JSON.
 */
static bool is_log_line(const char *line)
{
	line += strspn(line, " \t");
	return strncmp(line, "log ", 4) == 0 || strncmp(line, "no log ", 7) == 0;
}

static int parse_only(const char *line)
{
	const struct cmd_node *node = vector_slot(cmdvec, CONFIG_NODE);
	vector words = cmd_make_strvec(line);
	const struct cmd_element *found;
	struct list *argv = NULL;
	bool ok = command_match(node->cmdgraph, words, &argv, &found) == MATCHER_OK;

	if (argv)
		list_delete(&argv);
	cmd_free_strvec(words);
	return ok ? CMD_SUCCESS : CMD_ERR_NO_MATCH;
}

/* One line through the parser. Return: true if it was taken. */
static bool read_line(struct vty *vty, const char *file, unsigned int n)
{
	int rc = is_log_line(vty->buf) ? parse_only(vty->buf)
				       : command_config_read_one_line(vty, NULL, n, 1);
	char *said = buffer_getstr(vty->obuf);
	bool ok = rc == CMD_SUCCESS || rc == CMD_ERR_NOTHING_TODO;

	if (!ok) {
		said[strcspn(said, "\r\n")] = '\0';
		if (said[0])
			say(file, n, vty->buf, said + (strncmp(said, "% ", 2) ? 0 : 2));
		else
			say(file, n, vty->buf, "unknown command");
	}
	XFREE(MTYPE_TMP, said);
	buffer_reset(vty->obuf);
	return ok;
}

/* The rest of a line that is longer than FRR reads: it is no line of its own, which counts. */
static bool skip_rest(const char *line, FILE *f)
{
	int c;

	if (strchr(line, '\n') || (c = fgetc(f)) == EOF)
		return false;
	while (c != '\n' && c != EOF)
		c = fgetc(f);
	return true;
}

/* Return: true if the line was taken. */
static bool check_line(struct vty *vty, const char *file, unsigned int n, FILE *f)
{
	if (!skip_rest(vty->buf, f))
		return read_line(vty, file, n);
	fprintf(stderr, "%s:%u: the line is longer than FRR reads (%d bytes)\n", file, n,
		VTY_BUFSIZ - 1);
	return false;
}

/* Return: lines that were refused, -1 when the file cannot be read. */
static int read_config(const char *file)
{
	FILE *f = fopen(file, "r");
	unsigned int n = 0;
	int refused = 0;
	struct vty *vty;

	if (!f) {
		fprintf(stderr, "%s: %s\n", file, safe_strerror(errno));
		return -1;
	}
	vty = vty_new();
	vty->type = VTY_FILE;
	vty->node = CONFIG_NODE;
	vty->config = true;
	vty->candidate_config = vty_shared_candidate_config;
	while (fgets(vty->buf, VTY_BUFSIZ, f))
		refused += !check_line(vty, file, ++n, f);
	if (ferror(f)) {
		fprintf(stderr, "%s: %s\n", file, safe_strerror(errno));
		refused = -1;
	}
	nb_cli_pending_commit_check(vty);
	vty->wfd = -1;
	vty_close(vty);
	fclose(f);
	return refused;
}

struct findings {
	const char *file;
	unsigned int n;
};

static void finding(void *ctx, const char *text)
{
	struct findings *f = ctx;

	f->n++;
	fprintf(stderr, "%s: warning: %s\n", f->file, text);
}

int kubewatch_check_config(const char *file)
{
	struct findings f = { .file = file };
	int refused = read_config(file);

	if (refused < 0)
		return 1;
	kvip_conf_check(kvf_host_conf(), finding, &f);
	if (refused)
		fprintf(stderr, "%s: %d line%s refused\n", file, refused, refused == 1 ? "" : "s");
	return refused ? 1 : 0;
}

static int read_all(const char *path, struct kvip_buf *out)
{
	FILE *f = path ? fopen(path, "r") : stdin;
	char chunk[65536];
	size_t n;
	int rc = 0;

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, safe_strerror(errno));
		return -1;
	}
	while (!rc && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		rc = kvip_buf_add(out, chunk, n);
	if (rc)
		fprintf(stderr, "%s: larger than %zu bytes\n", path ? path : "standard input",
			out->max_bytes);
	if (!rc && ferror(f)) {
		fprintf(stderr, "%s: %s\n", path ? path : "standard input", safe_strerror(errno));
		rc = -1;
	}
	if (path)
		fclose(f);
	return rc;
}

/* Until the engine has nothing to do at this moment. */
static void work(struct kvip_engine *e)
{
	struct kvip_engine_summary sum = { .backlog = 1 };
	kvip_msec now = kvf_host_now(), next = now;

	for (int i = 0; i < MAX_STEPS && (next <= now || sum.backlog); i++) {
		now = kvf_host_now();
		next = kvip_engine_step(e, now, (kvip_wall)time(NULL));
		kvip_engine_get_summary(e, &sum);
	}
}

/* Every configured cluster is given the same dump: usually there is one. */
static int feed_clusters(struct kvip_engine *e, const struct kvip_conf *conf,
			 const struct kvip_buf *dump)
{
	struct kvip_dump_counts counts;
	struct kvip_err err = { "" };

	for (size_t i = 0; i < conf->n_clusters; i++) {
		void *ctx;
		const struct kvip_feed *feed = kvip_engine_feed(e, conf->clusters[i]->name, &ctx);

		if (feed && kvip_dump_feed(dump->data, dump->len, feed, ctx, &counts, &err)) {
			fprintf(stderr, "input: %s\n", err.text);
			return -1;
		}
	}
	if (conf->n_clusters && counts.refused)
		fprintf(stderr, "input: %zu objects cannot be read, the first: %s\n",
			counts.refused, counts.first_refusal);
	return 0;
}

static int print(const struct kvip_show_ctx *show, bool json)
{
	struct kvip_buf out;
	int rc;

	kvip_buf_init(&out, KVIP_MAX_SHOW_BYTES);
	rc = kvip_show_dry_run(show, json, &out);
	fwrite(kvip_buf_str(&out), 1, out.len, stdout);
	kvip_buf_done(&out);
	return rc;
}

/* The engine without a router: prefix-lists of the configuration are its only local facts. */
static int run(struct kvip_engine *e, const struct kubewatch_dry_run *opt,
	       const struct kvip_buf *dump)
{
	struct kvip_conf *conf = kvip_conf_dup(kvf_host_conf());
	struct kvip_facts *facts = kvf_facts_gather(kvf_host_conf());
	struct kvip_show_ctx show = { .engine = e };
	int rc = -1;

	if (conf && facts) {
		facts->known = true; /* all there are: addresses of a router are not among them */
		kvip_engine_configure(e, conf, facts);
		work(e);
		rc = feed_clusters(e, conf, dump);
	}
	if (!rc) {
		work(e);
		show.now = kvf_host_now();
		show.wall = (kvip_wall)time(NULL);
		rc = print(&show, opt->json);
	}
	kvip_facts_unref(facts);
	kvip_conf_unref(conf);
	return rc;
}

static int with_engine(const struct kubewatch_dry_run *opt, const struct kvip_buf *dump)
{
	struct kvip_engine_deps deps = { 0 };
	struct kvip_engine *e = NULL;
	int rc = -1;

	deps.log = kvf_host_log();
	deps.nhsets = kvip_nhsets_new();
	deps.mailbox = kvip_mailbox_new(NULL, NULL);
	if (deps.nhsets && deps.mailbox)
		e = kvip_engine_new(&deps);
	if (e)
		rc = run(e, opt, dump);
	kvip_engine_free(e);
	kvip_mailbox_free(deps.mailbox);
	kvip_nhsets_free(deps.nhsets);
	return rc ? 1 : 0;
}

int kubewatch_dry_run(const struct kubewatch_dry_run *opt, const char *config)
{
	struct kvip_buf dump;
	int rc = 1;

	if (!config) {
		fprintf(stderr, "--dry-run wants the configuration too: -f FILE\n");
		return 1;
	}
	if (read_config(config))
		return 1;
	if (!kvf_host_conf()->n_clusters) {
		fprintf(stderr, "%s: no `kubevip cluster ...` line: nothing could be routed\n",
			config);
		return 1;
	}
	kvip_buf_init(&dump, KVIP_MAX_STATE_BYTES);
	if (!read_all(opt->input, &dump))
		rc = with_engine(opt, &dump);
	kvip_buf_done(&dump);
	return rc;
}
