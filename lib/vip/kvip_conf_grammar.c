// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: tbl/kvip_conf.def as the grammar for FRR's command table, vtysh and the manual. Thread: any;
 * constant.
 *
 * Source of the syntax: FRR 8.4.4, doc/developer/cli.rst and lib/command_lex.l.
 */
#include "vip/kvip_conf.h"

#define SYNTAX_TOP     ""
#define SYNTAX_CLUSTER "cluster NAME "
#define SYNTAX_ADV     "cluster NAME advertise NAME "
#define HELP_TOP       ""
#define HELP_CLUSTER   "A Kubernetes cluster\nName of the cluster\n"
#define HELP_ADV                                                                                   \
	HELP_CLUSTER "An advertise block: which VIPs, through which nodes\nName of the block\n"

#define ROW(scope, word, wh, tail, th, no, no_h, full, full_h)                                     \
	{ SYNTAX_##scope word tail,                                                                \
	  HELP_##scope wh th,                                                                      \
	  SYNTAX_##scope word no,                                                                  \
	  HELP_##scope wh no_h,                                                                    \
	  full,                                                                                    \
	  full_h },
#define ROW_FLAG(scope, word, wh, tail, th) ROW(scope, word, wh, "", "", "", "", NULL, NULL)
#define ROW_ONE(scope, word, wh, tail, th)                                                         \
	ROW(scope, word, wh, " " tail, th, " [" tail "]", th, NULL, NULL)
#define ROW_LIST(scope, word, wh, tail, th)                                                        \
	ROW(scope, word, wh, " " tail, th, " " tail, th, NULL, NULL)
#define ROW_LISTS ROW_LIST
#define ROW_MANY(scope, word, wh, tail, th)                                                        \
	ROW(scope, word, wh, " " tail, th, "", "", SYNTAX_##scope word " " tail, HELP_##scope wh th)

#define REMOVE_CLUSTER "cluster NAME"
#define REMOVE_ADV     "cluster NAME advertise NAME"

const struct kvip_conf_grammar kvip_conf_grammar[] = {
#define KVIP_CONF(scope, form, word, word_help, tail, tail_help, type, field, param)               \
	ROW_##form(scope, word, word_help, tail, tail_help)
#define KVIP_CONF_REMOVE(scope, help) { NULL, NULL, REMOVE_##scope, HELP_##scope, NULL, NULL },
#include "vip/tbl/kvip_conf.def"
#undef KVIP_CONF
#undef KVIP_CONF_REMOVE
};
const size_t kvip_conf_grammar_n = sizeof(kvip_conf_grammar) / sizeof(kvip_conf_grammar[0]);
