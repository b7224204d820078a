/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our commands in libfrr's command table, made at run time: configuration lines from the engine's
 * grammar (kvip_conf_grammar), show, clear, debug and flush from a table in kvf_cmd.c.
 *
 * They are installed once and stay to the end of the process (uninstall_element() of FRR 8.4.4
 * crashes on a grammar with repeated words [ran]).
 *
 * Handlers know nothing of a daemon; they call the hooks of whoever installed the table. kubewatch
 * and the bgpd module install the hooks of kvf_cmd_host.c; the vtysh extension installs the bare
 * grammar.
 */
#pragma once

#include "base/kvip_buf.h"
#include "base/kvip_err.h"
#include "base/kvip_log.h"

#include <stdbool.h>

struct cmd_element;
struct vty;

#define KVF_INJECT_BGP_REFUSED                                                                     \
	"inject: `bgp` works only inside bgpd (the module): use `zebra` or `observe`"

enum kvf_show {
	KVF_SHOW_OVERVIEW,
	KVF_SHOW_VIP,     /* argument: address or prefix */
	KVF_SHOW_SERVICE, /* NAMESPACE/NAME */
	KVF_SHOW_NODE,
	KVF_SHOW_CLUSTER, /* name */
	KVF_SHOW_CHECK,
	KVF_SHOW_OBSERVE,         /* address or prefix */
	KVF_SHOW_HISTORY,         /* address or prefix */
	KVF_SHOW_EXPLAIN_VIP,     /* argument: address */
	KVF_SHOW_EXPLAIN_SERVICE, /* NAMESPACE/NAME */
};

enum kvf_order {
	KVF_ORDER_RELIST, /* argument: cluster */
	KVF_ORDER_ACCEPT, /* `clear kubevip withdraw-guard`; argument: cluster or NULL for all */
	KVF_ORDER_CLEAR_ORPHANS,
	KVF_ORDER_FLUSH,
	KVF_ORDER_CLEAR_FLUSH,
};

/* All hooks run on T0 and may print through nothing but their out-parameters. */
struct kvf_cmd_hooks {
	/** conf_line - kvip_conf_line() on the configuration being edited; arguments and results
	 * are its. Positive: refused, and @vty has been told why. */
	int (*conf_line)(struct vty *vty, int argc, const char *const *argv, bool negate,
			 struct kvip_err *err);
	/** conf_render - every line in force, for `show running-config` and `write`. */
	int (*conf_render)(struct kvip_buf *out);
	/** show - @arg: as the command names it, or NULL. Return: 0; negative with @err. */
	int (*show)(enum kvf_show what, const char *arg, bool json, struct kvip_buf *out,
		    struct kvip_err *err);
	/** answer - the same, and print it, now or in slices. Return: what a command handler does.
	 * NULL: show() is printed. */
	int (*answer)(enum kvf_show what, const char *arg, bool json, struct vty *vty);
	/** order - Return: 0 with a sentence in @err for who gave it (may be ""); negative with
	 * @err. */
	int (*order)(enum kvf_order what, const char *arg, struct kvip_err *err);
	/** debug - categories in force: bit per enum kvip_debug. */
	void (*debug)(unsigned int mask);
	/** around each command; @what: static text. Both or neither. */
	void (*enter)(void);
	void (*leave)(const char *what);
	bool in_bgpd; /* `inject bgp` is allowed; `show debugging` belongs to bgpd */
};

/**
 * kvf_cmd_install - put the commands into the table of this process (after cmd_init())
 * @hooks: borrowed for good
 * Return: 0, -ENOMEM (nothing is installed).
 */
int kvf_cmd_install(const struct kvf_cmd_hooks *hooks) KVIP_USE_RESULT;
/**
 * kvf_cmd_install_vtysh - the same commands for vtysh, which sends the lines on, and `match kubevip`
 * in route-maps
 * @daemons: VTYSH_BGPD
 * Return: 0, -ENOMEM (nothing is installed).
 */
int kvf_cmd_install_vtysh(int daemons) KVIP_USE_RESULT;
/** kvf_cmd_node - the node where a command was installed, if it is one of these; else -1. */
int kvf_cmd_node(const struct cmd_element *el);
/** kvf_cmd_init - install the commands over kvf_host (kvf_cmd_host.c). Return: 0, -ENOMEM. */
int kvf_cmd_init(bool in_bgpd) KVIP_USE_RESULT;
