/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files kvf_yang*.c share. */
#pragma once

#include "frr/kvf_yang.h"

#include "northbound.h"

#define KVF_YANG_MODULE "frr-kubevip"
#define KVF_YANG_TOP    "/frr-kubevip:kubevip"

/** kvf_yang_model - the text of yang/frr-kubevip.yang (made from it at build time). */
extern const char kvf_yang_model[];

/** kvf_yang_hooks - of the host; NULL before kvf_yang_set_hooks(). */
const struct kvf_yang_hooks *kvf_yang_hooks(void);
/** kvf_yang_top_of - the top container among the siblings of @tree, or NULL. */
struct lyd_node *kvf_yang_top_of(struct lyd_node *tree);

/* Callbacks, by schema node. Return: false: the node is not known to the code. */
bool kvf_yang_conf_cbs(const struct lysc_node *s, struct nb_callbacks *cbs);
bool kvf_yang_state_cbs(const struct lysc_node *s, struct nb_callbacks *cbs);
bool kvf_yang_rpc_cbs(const struct lysc_node *s, struct nb_callbacks *cbs);
