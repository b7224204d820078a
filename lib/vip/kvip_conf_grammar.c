// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: tbl/kvip_conf.def as C tables: the rows that parse and write lines, and the grammar for
 * FRR's command table, vtysh and the manual. Thread: any; constant.
 *
 * Source of the syntax: FRR 8.4.4, doc/developer/cli.rst and lib/command_lex.l.
 */
#include "vip/kvip_conf_impl.h"

#include "base/kvip_limits.h"

#define NOTHING NULL
#define NUMBER(lo, hi, std)                                                                        \
	(&(const struct kvip_conf_number){ .min = (lo), .max = (hi), .def = (std) })
#define NUMBER_BUT(lo, hi, std, fn)                                                                \
	(&(const struct kvip_conf_number){ .min = (lo), .max = (hi), .def = (std), .refuse = (fn) })
#define WORDS(...)  ((const char *const[]){ __VA_ARGS__, NULL })
#define CHECK(what) (&(const struct kvip_conf_word_check){ kvip_conf_check_##what })

#define STRUCT_TOP     struct kvip_conf
#define STRUCT_CLUSTER struct kvip_cluster_conf
#define STRUCT_ADV     struct kvip_adv_conf

const struct kvip_conf_row kvip_conf_rows[] = {
#define KVIP_CONF(scope_, form_, word_, word_help_, tail_, tail_help_, type_, field_, param_)      \
	{ .scope = KVIP_SCOPE_##scope_,                                                            \
	  .form = KVIP_FORM_##form_,                                                               \
	  .word = word_,                                                                           \
	  .tail = tail_,                                                                           \
	  .type = &kvip_conf_type_##type_,                                                         \
	  .offset = offsetof(STRUCT_##scope_, field_),                                             \
	  .param = param_ },
#define KVIP_CONF_REMOVE(scope, help)
#include "vip/tbl/kvip_conf.def"
#undef KVIP_CONF
#undef KVIP_CONF_REMOVE
};
const size_t kvip_conf_rows_n = sizeof(kvip_conf_rows) / sizeof(kvip_conf_rows[0]);

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
