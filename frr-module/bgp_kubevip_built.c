// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the FRR whose headers this is built with: its numbers for the shim, and the proof that the
 * shim's own declarations are right for it. Numbers only: nothing here refers to libfrr's symbols.
 *
 * An FRR that this does not compile with has changed its command interface: see what changed, and
 * whether one shim can still serve both.
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip_abi.h"

#include "command.h"
#include "hook.h"
#include "module.h"
#include "routemap.h"
#include "vector.h"
#include "vty.h"

#define SAME_SIZE(ours, theirs) _Static_assert(sizeof(ours) == sizeof(theirs), #theirs)
#define SAME_PLACE(ours, field, theirs, their_field)                                               \
	_Static_assert(offsetof(ours, field) == offsetof(theirs, their_field) &&                   \
			       sizeof(((ours *)0)->field) == sizeof(((theirs *)0)->their_field),   \
		       #theirs "." #their_field)

SAME_SIZE(struct bgp_kubevip_module_info, struct frrmod_info);
SAME_PLACE(struct bgp_kubevip_module_info, version, struct frrmod_info, version);
SAME_PLACE(struct bgp_kubevip_module_info, init, struct frrmod_info, init);
SAME_SIZE(struct bgp_kubevip_module, union _frrmod_runtime_u);
SAME_PLACE(struct bgp_kubevip_module, info, struct frrmod_runtime, info);
SAME_PLACE(struct bgp_kubevip_module, finished_loading, struct frrmod_runtime, finished_loading);
SAME_PLACE(struct bgp_kubevip_module, load_args, struct frrmod_runtime, load_args);

_Static_assert(sizeof(struct bgp_kubevip_hookent) >= sizeof(struct hookent), "hookent");

SAME_PLACE(struct bgp_kubevip_vector, active, struct _vector, active);
SAME_PLACE(struct bgp_kubevip_vector, index, struct _vector, index);

SAME_SIZE(struct bgp_kubevip_node, struct cmd_node);
SAME_PLACE(struct bgp_kubevip_node, name, struct cmd_node, name);
SAME_PLACE(struct bgp_kubevip_node, node, struct cmd_node, node);
SAME_PLACE(struct bgp_kubevip_node, parent_node, struct cmd_node, parent_node);
SAME_PLACE(struct bgp_kubevip_node, prompt, struct cmd_node, prompt);
SAME_PLACE(struct bgp_kubevip_node, config_write, struct cmd_node, config_write);
SAME_PLACE(struct bgp_kubevip_node, cmd_hash, struct cmd_node, cmd_hash);

SAME_SIZE(struct bgp_kubevip_token, struct cmd_token);
SAME_PLACE(struct bgp_kubevip_token, type, struct cmd_token, type);
SAME_PLACE(struct bgp_kubevip_token, text, struct cmd_token, text);
_Static_assert(BGP_KUBEVIP_KEYWORD == (int)WORD_TKN, "WORD_TKN");
SAME_PLACE(struct bgp_kubevip_token, arg, struct cmd_token, arg);

SAME_SIZE(struct bgp_kubevip_command, struct cmd_element);
SAME_PLACE(struct bgp_kubevip_command, string, struct cmd_element, string);
SAME_PLACE(struct bgp_kubevip_command, doc, struct cmd_element, doc);
SAME_PLACE(struct bgp_kubevip_command, daemon, struct cmd_element, daemon);
SAME_PLACE(struct bgp_kubevip_command, attr, struct cmd_element, attr);
SAME_PLACE(struct bgp_kubevip_command, func, struct cmd_element, func);
SAME_PLACE(struct bgp_kubevip_command, name, struct cmd_element, name);
_Static_assert(BGP_KUBEVIP_CMD_SUCCESS == CMD_SUCCESS && BGP_KUBEVIP_CMD_WARNING == CMD_WARNING &&
		       BGP_KUBEVIP_CMD_FAILED == CMD_WARNING_CONFIG_FAILED,
	       "CMD_");

SAME_PLACE(struct bgp_kubevip_rmap_map, name, struct route_map, name);
SAME_PLACE(struct bgp_kubevip_rmap_index, map, struct route_map_index, map);
SAME_PLACE(struct bgp_kubevip_rmap_index, sequence, struct route_map_index, pref);
SAME_PLACE(struct bgp_kubevip_rmap_index, type, struct route_map_index, type);
_Static_assert(RMAP_PERMIT == 0 && RMAP_DENY == 1, "enum route_map_type");
SAME_SIZE(struct bgp_kubevip_rmap_rule, struct route_map_rule_cmd);
SAME_PLACE(struct bgp_kubevip_rmap_rule, apply, struct route_map_rule_cmd, func_apply);
SAME_PLACE(struct bgp_kubevip_rmap_rule, compile, struct route_map_rule_cmd, func_compile);
SAME_PLACE(struct bgp_kubevip_rmap_rule, free, struct route_map_rule_cmd, func_free);
SAME_SIZE(struct bgp_kubevip_rmap_proxy, struct route_map_rule_cmd_proxy);
SAME_PLACE(struct bgp_kubevip_rmap_proxy, rule, struct route_map_rule_cmd_proxy, cmd);
_Static_assert(BGP_KUBEVIP_RMAP_NOMATCH == (int)RMAP_NOMATCH &&
		       BGP_KUBEVIP_RMAP_MATCH_ADDED == (int)RMAP_EVENT_MATCH_ADDED &&
		       BGP_KUBEVIP_RMAP_MATCH_DELETED == (int)RMAP_EVENT_MATCH_DELETED,
	       "RMAP_");

_Static_assert(offsetof(struct vty, xpath) == offsetof(struct vty, xpath_index) + sizeof(int) &&
		       sizeof(((struct vty *)0)->xpath[0]) == BGP_KUBEVIP_XPATH_MAX,
	       "vty.xpath");

const struct bgp_kubevip_layout bgp_kubevip_built = {
	.version = KVF_BUILT_FOR,
	.node_type_max = NODE_TYPE_MAX,
	.vty_xpath_index = offsetof(struct vty, xpath_index),
};
