// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: configuration through libfrr's northbound layer.
 *
 * Thread: T0. A line is parsed into a copy of the configuration (that parser's refusals say what to
 * do), its row is renewed in the vty's candidate, and the candidate is committed: the model
 * validates. When libfrr applies the commit, the copy becomes the configuration. A commit that does
 * not come from such a line (another northbound client, `commit` of the transactional CLI, a
 * loaded file, a rollback) is turned back into lines before it is accepted.
 *
 * Invariant: after each commit the configuration is what its tree says. Lines are committed one by
 * one, also while `vtysh -b` lets libfrr gather commands in one transaction: a wrong line of
 * somebody else would take ours with it.
 *
 * Single nodes have nothing to do: what a change means is decided on the whole.
 *
 * Sources: FRR 8.4.4, lib/northbound.c (nb_candidate_commit_prepare, nb_candidate_validate_code,
 * nb_transaction_apply_finish), lib/northbound_cli.c (nb_cli_apply_changes_internal), lib/command.c
 * (cmd_execute_command_real).
 */
#include <zebra.h>

#include "frr/kvf_yang_priv.h"

#include "base/kvip_limits.h"
#include "frr/kvf_yang_conf.h"

#include "command.h"
#include "libfrr.h"
#include "northbound_cli.h"

#include <errno.h>

static struct {
	struct kvip_conf *typed; /* what a line of our own makes, while it is being committed */
	struct kvip_conf *read;  /* what somebody else's candidate makes */
} pending;

struct lyd_node *kvf_yang_top_of(struct lyd_node *tree)
{
	struct lyd_node *n;

	LY_LIST_FOR(lyd_first_sibling(tree), n)
	if (n->schema && strcmp(n->schema->module->name, KVF_YANG_MODULE) == 0)
		return n;
	return NULL;
}

/* ---- callbacks ---- */

static int create(struct nb_cb_create_args *args)
{
	(void)args;
	return NB_OK;
}

static int modify(struct nb_cb_modify_args *args)
{
	(void)args;
	return NB_OK;
}

static int destroy(struct nb_cb_destroy_args *args)
{
	(void)args;
	return NB_OK;
}

static bool is_running(const struct lyd_node *top)
{
	const struct lyd_node *running = kvf_yang_top_of(running_config->dnode);

	return running &&
	       lyd_compare_single(top, running, LYD_COMPARE_FULL_RECURSION) == LY_SUCCESS;
}

static int read_candidate(const struct lyd_node *top, struct kvip_conf **out, struct kvip_err *err)
{
	int rc = kvf_yang_read(top, out, err);

	if (rc || kvf_yang_hooks()->in_bgpd || (*out)->inject != KVIP_INJECT_BGP)
		return rc;
	kvip_conf_unref(*out);
	*out = NULL;
	return kvip_err_set(err, -EINVAL, KVF_INJECT_BGP_REFUSED);
}

/* Called for every candidate of this daemon, whatever it changes. */
static int pre_validate(struct nb_cb_pre_validate_args *args)
{
	struct kvip_err err = { "" };

	kvip_conf_unref(pending.read);
	pending.read = NULL;
	if (pending.typed || !kvf_yang_hooks() || is_running(args->dnode))
		return NB_OK;
	if (!read_candidate(args->dnode, &pending.read, &err))
		return NB_OK;
	snprintf(args->errmsg, args->errmsg_len, "%s", err.text);
	return NB_ERR_VALIDATION;
}

/* The configuration that has been committed is in force. */
static void apply_finish(struct nb_cb_apply_finish_args *args)
{
	struct kvip_conf *conf = pending.typed ? pending.typed : pending.read;

	(void)args;
	pending.typed = pending.read = NULL;
	if (conf)
		kvf_yang_hooks()->set_conf(conf);
}

/* `show configuration running` and the like: the lines of that tree. */
static void cli_show(struct vty *vty, const struct lyd_node *top, bool show_defaults)
{
	struct kvip_err err = { "" };
	struct kvip_conf *conf;
	struct kvip_buf lines;

	(void)show_defaults;
	if (kvf_yang_read(top, &conf, &err)) {
		vty_out(vty, "! kubevip: %s\n", err.text);
		return;
	}
	kvip_buf_init(&lines, KVIP_MAX_SHOW_BYTES);
	if (!kvip_conf_render(conf, &lines) && lines.len)
		vty_out(vty, "%s", kvip_buf_str(&lines));
	kvip_buf_done(&lines);
	kvip_conf_unref(conf);
}

bool kvf_yang_conf_cbs(const struct lysc_node *s, struct nb_callbacks *cbs)
{
	if (nb_operation_is_valid(NB_OP_CREATE, s))
		cbs->create = create;
	if (nb_operation_is_valid(NB_OP_MODIFY, s))
		cbs->modify = modify;
	if (nb_operation_is_valid(NB_OP_DESTROY, s))
		cbs->destroy = destroy;
	if (!s->parent) {
		cbs->pre_validate = pre_validate;
		cbs->apply_finish = apply_finish;
		cbs->cli_show = cli_show;
	}
	return !nb_operation_is_valid(NB_OP_MOVE, s);
}

/* ---- lines ---- */

/* A candidate that was loaded from a file need not have it. */
static struct lyd_node *candidate_top(struct vty *vty)
{
	const struct lys_module *m = ly_ctx_get_module_implemented(ly_native_ctx, KVF_YANG_MODULE);
	struct lyd_node **tree = &vty->candidate_config->dnode;

	if (m && !kvf_yang_top_of(*tree))
		lyd_new_implicit_module(tree, m, LYD_IMPLICIT_NO_STATE, NULL);
	return kvf_yang_top_of(*tree);
}

/* What the line is added to. With --tcli lines gather in the candidate, far from what is in
 * force. */
static struct kvip_conf *base_of(struct vty *vty, struct kvip_err *err)
{
	struct kvip_conf *conf = NULL;

	if (frr_get_cli_mode() != FRR_CLI_TRANSACTIONAL)
		return kvip_conf_ref(kvf_yang_hooks()->conf());
	if (kvf_yang_read(candidate_top(vty), &conf, err))
		return NULL;
	return conf;
}

/* Return: 0, KVF_YANG_SAID. Takes @conf. */
static int commit(struct vty *vty, struct kvip_conf *conf)
{
	int rc;

	pending.typed = conf;
	rc = nb_cli_apply_changes_clear_pending(vty, NULL);
	kvip_conf_unref(pending.typed); /* not taken: nothing has changed, or it was refused */
	pending.typed = NULL;
	return rc == CMD_SUCCESS ? 0 : KVF_YANG_SAID;
}

static int take_line(struct vty *vty, const struct kvip_conf *base, int argc,
		     const char *const *argv, bool negate, struct kvip_err *err)
{
	struct kvip_conf *conf = kvip_conf_dup(base);
	struct lyd_node *top = candidate_top(vty);
	struct kvip_err why;
	int rc;

	if (!conf)
		return kvip_err_set(err, -ENOMEM, "out of memory: the line was not taken");
	rc = kvip_conf_line(conf, argc, argv, negate, err);
	if (!rc && kvf_yang_put_line(top, conf, argc, argv, &why)) {
		rc = kvip_err_set(err, -EINVAL, "%s", why.text);
		(void)!kvf_yang_put_line(top, base, argc, argv, NULL); /* as it was */
	}
	if (!rc)
		return commit(vty, conf);
	kvip_conf_unref(conf);
	return rc;
}

int kvf_yang_line(struct vty *vty, int argc, const char *const *argv, bool negate,
		  struct kvip_err *err)
{
	struct kvip_conf *base;
	int rc;

	if (!vty->candidate_config || !candidate_top(vty))
		return kvip_err_set(err, -EINVAL, "the model " KVF_YANG_MODULE " is not loaded");
	base = base_of(vty, err);
	if (!base)
		return -EINVAL;
	rc = take_line(vty, base, argc, argv, negate, err);
	kvip_conf_unref(base);
	return rc;
}
