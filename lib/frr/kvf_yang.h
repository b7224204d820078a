/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * yang/frr-kubevip.yang in this process: the model, its callbacks, and configuration lines on their
 * way through libfrr's northbound layer.
 *
 * kubewatch names the model among its yang_modules, so that libfrr loads it; bgpd's module loads it
 * later by itself (kvf_yang_init_module). Everything here is T0.
 */
#pragma once

#include "frr/kvf_cmd.h"
#include "vip/kvip_conf.h"
#include "vip/kvip_show.h"

struct frr_yang_module_info;
struct vty;

/* What the callbacks need of their host. */
struct kvf_yang_hooks {
	/** conf - the configuration being edited; NULL: none yet. */
	struct kvip_conf *(*conf)(void);
	/** set_conf - @conf is the configuration from now on; takes the reference. */
	void (*set_conf)(struct kvip_conf *conf);
	/** order - as in struct kvf_cmd_hooks. */
	int (*order)(enum kvf_order what, const char *arg, struct kvip_err *err);
	/** look - what operational data is read from. */
	void (*look)(struct kvip_show_ctx *ctx);
	bool in_bgpd; /* `inject bgp` is allowed */
};

/**
 * kvf_yang_info - the model and a callback for each of its nodes, for FRR_DAEMON_INFO
 * Return: the same for good, to be called before frr_init(); NULL with @err: libyang cannot read
 * the model, or a node has no callback.
 */
const struct frr_yang_module_info *kvf_yang_info(struct kvip_err *err) KVIP_USE_RESULT;
/**
 * kvf_yang_init_module - load the model into a libfrr that has loaded its own already (bgpd, from
 * frr_late_init)
 * Nothing exits: what would make libfrr exit is tried aside first.
 * Return: 0, negative with @err: nothing is loaded.
 */
int kvf_yang_init_module(struct kvip_err *err) KVIP_USE_RESULT;
/** kvf_yang_set_hooks - @hooks: borrowed for good. */
void kvf_yang_set_hooks(const struct kvf_yang_hooks *hooks);

/**
 * kvf_yang_line - one configuration line: parsed, put into the candidate, committed
 * @vty: where it was typed; libfrr's own refusals are written there
 * Arguments as kvip_conf_line(). With `--tcli` nothing is in force before `commit`.
 * Return: 0 (@err: "" or a note); negative with @err; KVF_YANG_SAID: refused, and @vty knows why.
 * A refused line changes neither the data tree nor the configuration.
 */
int kvf_yang_line(struct vty *vty, int argc, const char *const *argv, bool negate,
		  struct kvip_err *err) KVIP_USE_RESULT;
#define KVF_YANG_SAID 1

/** kvf_yang_order - give an order through its RPC. Return: as struct kvf_cmd_hooks says. */
int kvf_yang_order(enum kvf_order what, const char *arg, struct kvip_err *err) KVIP_USE_RESULT;

/** kvf_yang_notify - once a second: notifications for what has changed since the last time. */
void kvf_yang_notify(void);
