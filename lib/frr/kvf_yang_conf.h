/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration lines as nodes of yang/frr-kubevip.yang, and back.
 *
 * The grammar table (vip/tbl/kvip_conf.def) is the source of lines and mirrored by the model: a
 * word of the table is a node of that name below kubevip, cluster or advertise. What is in force
 * is struct kvip_conf; the data tree is its picture.
 */
#pragma once

#include "vip/kvip_conf.h"

struct lyd_node;

/**
 * kvf_yang_put_line - after a line was applied to @conf: bring its row of @kubevip up to date
 * @kubevip: the top container of a data tree, changed in place
 * @argc, @argv: the line, as kvip_conf_line() took it; whether it was a `no` makes no difference
 *
 * Nothing else of the tree is looked at: the cost is that of the row.
 * Return: 0; -EINVAL with @err: the model refuses what the grammar allows; -ENOMEM. The tree is
 * unfinished then.
 */
int kvf_yang_put_line(struct lyd_node *kubevip, const struct kvip_conf *conf, int argc,
		      const char *const *argv, struct kvip_err *err) KVIP_USE_RESULT;
/**
 * kvf_yang_read - the configuration that a data tree stands for
 * @kubevip: the top container
 * @out: a fresh configuration with one reference
 *
 * Every node goes through kvip_conf_line(), so that what is refused at a terminal is refused here,
 * with the same text.
 * Return: 0, -EINVAL with @err, -ENOMEM.
 */
int kvf_yang_read(const struct lyd_node *kubevip, struct kvip_conf **out,
		  struct kvip_err *err) KVIP_USE_RESULT;
