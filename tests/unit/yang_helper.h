/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model in the real libfrr, without a daemon: for tests of lib/frr/kvf_yang*. Each test runs in
 * a process of its own, for libfrr is never taken down.
 */
#pragma once

#include <zebra.h>

#include "frr/kvf_yang_conf.h"
#include "frr/kvf_yang_priv.h"

#include "buffer.h"
#include "command.h"
#include "filter.h"
#include "if.h"
#include "northbound_cli.h"
#include "thread.h"
#include "vrf.h"
#include "vty.h"

#include <check.h>
#include <errno.h>

static struct kvip_conf *yh_conf; /* the configuration in force */
static size_t yh_changes;         /* how often it was replaced */
static enum kvf_order yh_order;
static char yh_argument[64];
static struct kvip_show_ctx yh_look; /* what operational data is read from */
static struct vty *yh_vty;

static inline struct kvip_conf *yh_get_conf(void)
{
	return yh_conf;
}

static inline void yh_set_conf(struct kvip_conf *conf)
{
	kvip_conf_unref(yh_conf);
	yh_conf = conf;
	yh_changes++;
}

static inline int yh_give(enum kvf_order what, const char *arg, struct kvip_err *err)
{
	yh_order = what;
	snprintf(yh_argument, sizeof(yh_argument), "%s", arg ? arg : "");
	if (arg && strcmp(arg, "none") == 0)
		return kvip_err_set(err, -ENOENT, "there is no cluster none");
	return kvip_err_set(err, 0, "ordered");
}

static inline void yh_do_look(struct kvip_show_ctx *s)
{
	*s = yh_look;
}

static struct kvf_yang_hooks yh_hooks = {
	.conf = yh_get_conf,
	.set_conf = yh_set_conf,
	.order = yh_give,
	.look = yh_do_look,
	.in_bgpd = true,
};

static inline void yh_vty_new(void)
{
	yh_vty = vty_new();
	yh_vty->type = VTY_FILE;
	yh_vty->wfd = -1;
	yh_vty->node = CONFIG_NODE;
	yh_vty->config = true;
	yh_vty->candidate_config = vty_shared_candidate_config;
}

/* @ours: load the model as kubewatch does; false: leave it out, as bgpd does. */
static inline void yh_begin(bool ours)
{
	struct kvip_err err;
	const struct frr_yang_module_info *modules[] = { &frr_filter_info, &frr_interface_info,
							 &frr_vrf_info, NULL };
	struct thread_master *loop = thread_master_create(NULL);

	if (ours) {
		modules[3] = kvf_yang_info(&err);
		ck_assert_msg(modules[3] != NULL, "%s", err.text);
	}
	cmd_init(1);
	vty_init(loop, false);
	nb_init(loop, modules, ours ? 4 : 3, false);
	yh_conf = kvip_conf_new();
	kvf_yang_set_hooks(&yh_hooks);
	yh_vty_new();
}

static inline struct lyd_node *yh_running(void)
{
	return kvf_yang_top_of(running_config->dnode);
}

static inline char *yh_render(const struct kvip_conf *c)
{
	struct kvip_buf b;

	kvip_buf_init(&b, 1 << 20);
	ck_assert_int_eq(kvip_conf_render(c, &b), 0);
	if (!b.data)
		ck_assert_int_eq(kvip_buf_puts(&b, ""), 0);
	return kvip_buf_steal(&b);
}

/* What libfrr has written to the terminal since the last call. */
static inline const char *yh_said(void)
{
	static char *text;

	XFREE(MTYPE_TMP, text);
	text = buffer_getstr(yh_vty->obuf);
	buffer_reset(yh_vty->obuf);
	return text;
}

/* One line, `no ` before it or not, without the word kubevip. */
static inline int yh_line(const char *line, struct kvip_err *err)
{
	char copy[4096], *save = NULL;
	const char *words[CMD_ARGC_MAX];
	bool negate = strncmp(line, "no ", 3) == 0;
	int n = 0;

	snprintf(copy, sizeof(copy), "%s", line + (negate ? 3 : 0));
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	err->text[0] = '\0';
	/* as cmd_execute() does before each command */
	if (running_config->version > yh_vty->candidate_config->version)
		nb_config_replace(yh_vty->candidate_config, running_config, true);
	return kvf_yang_line(yh_vty, n, words, negate, err);
}

static inline void yh_take(const char *line)
{
	struct kvip_err err;
	int rc = yh_line(line, &err);

	ck_assert_msg(rc == 0, "%s: %d %s %s", line, rc, err.text, rc ? yh_said() : "");
}

/* Running and candidate tree say what is in force. */
static inline void yh_expect_in_step(const char *after)
{
	char *force = yh_render(yh_conf), *tree;
	struct kvip_conf *read;
	struct kvip_err err;
	int rc = kvf_yang_read(yh_running(), &read, &err);

	ck_assert_msg(rc == 0, "%s: %s", after, err.text);
	tree = yh_render(read);
	ck_assert_msg(strcmp(tree, force) == 0, "%s: the tree says\n%sin force is\n%s", after, tree,
		      force);
	ck_assert_int_eq(lyd_compare_siblings(running_config->dnode,
					      vty_shared_candidate_config->dnode,
					      LYD_COMPARE_FULL_RECURSION),
			 LY_SUCCESS);
	kvip_free(tree);
	kvip_free(force);
	kvip_conf_unref(read);
}

static inline int yh_run(Suite *suite)
{
	SRunner *r = srunner_create(suite);
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
