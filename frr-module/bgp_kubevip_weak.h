/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The symbols of libfrr that the shim uses: few, and weak. With a strong one, an FRR that lacks it
 * could not load the shim, and bgpd would not start.
 */
#pragma once

#include "frr-module/bgp_kubevip_abi.h"

#include <stdarg.h>

#define WEAK __attribute__((weak))

struct hook;
struct lyd_node;
struct xref_logmsg;

extern struct bgp_kubevip_module *frrmod_list WEAK;

extern struct hook _hook_frr_late_init WEAK;
extern void _hook_register(struct hook *hook, struct bgp_kubevip_hookent *ent, void *function,
			   void *arg, bool has_arg, struct bgp_kubevip_module *module,
			   const char *name, int priority) WEAK;

extern struct bgp_kubevip_vector *cmdvec WEAK;
extern void install_node(struct bgp_kubevip_node *node) WEAK;
extern void _install_element(int node, const struct bgp_kubevip_command *command) WEAK;

extern int vty_out(struct vty *vty, const char *format, ...) WEAK
	__attribute__((format(printf, 2, 3)));
extern void vzlogx(const struct xref_logmsg *xref, int priority, const char *format,
		   va_list ap) WEAK;

extern void *nb_running_get_entry(const struct lyd_node *node, const char *xpath,
				  bool abort_if_not_found) WEAK;
extern void _route_map_install_match(struct bgp_kubevip_rmap_proxy *proxy) WEAK;
extern int route_map_add_match(struct bgp_kubevip_rmap_index *index, const char *rule,
			       const char *arg, int event) WEAK;
extern int route_map_delete_match(struct bgp_kubevip_rmap_index *index, const char *rule,
				  const char *arg, int event) WEAK;
