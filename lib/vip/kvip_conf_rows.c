// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: tbl/kvip_conf.def as the rows that parse and write lines. Thread: any; constant.
 *
 * The grammar of the same table is a file of its own (kvip_conf_grammar.c): vtysh's extension has
 * the grammar without the types, and so without the engine behind them.
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
