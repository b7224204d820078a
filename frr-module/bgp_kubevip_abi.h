/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libfrr's binary interface, as far as the shim touches it, in the shim's own words.
 *
 * The shim must load into any FRR (rules R5), so FRR's headers, which are those of one version,
 * cannot be what it is compiled from. These structures are the same in 8.4, 8.5, 10.3 and 10.7
 * (lib/command.h, command_graph.h, hook.h, module.h, routemap.h, vector.h, read in each); numbers
 * that differ are in struct bgp_kubevip_layout. bgp_kubevip_built.c compares both with the headers
 * at hand, at compile time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vty;

/* ---- lib/module.h: since FRR 4 ---- */

struct bgp_kubevip_module_info {
	const char *name, *version, *description;
	int (*init)(void);
};

struct bgp_kubevip_module {
	struct bgp_kubevip_module *next;
	const struct bgp_kubevip_module_info *info;
	void *dl_handle;
	bool finished_loading;
	char *load_name, *load_args;
	char space[1024 - 48]; /* FRR's own structure has it for later versions */
};

/* ---- lib/hook.h ---- */

struct bgp_kubevip_hookent {
	void *opaque[8]; /* six are used; all zero says: not in a list yet */
};

/* ---- lib/vector.h, lib/command.h, lib/command_graph.h ---- */

struct bgp_kubevip_vector {
	unsigned int active, alloced, count;
	void **index;
};

struct bgp_kubevip_node {
	const char *name;
	int node, parent_node;
	const char *prompt;
	int (*config_write)(struct vty *);
	int (*node_exit)(struct vty *);
	void *cmdgraph, *cmd_vector, *cmd_hash;
	bool graph_built, no_xpath;
};

enum { BGP_KUBEVIP_KEYWORD = 0 };

struct bgp_kubevip_token {
	int type;
	uint8_t attr;
	bool allowrepeat;
	uint8_t varname_src;
	uint32_t refcnt;
	char *text, *desc; /* text: of a keyword, in full */
	long long min, max;
	char *arg; /* as typed */
	char *varname;
	void *forkjoin;
};

struct bgp_kubevip_command {
	const char *string, *doc;
	int daemon;
	uint32_t attr;
	int (*func)(const struct bgp_kubevip_command *, struct vty *, int argc,
		    struct bgp_kubevip_token *argv[]);
	const char *name;
	struct {
		void *data;
		int type, line;
		const char *file, *func;
	} xref; /* not read at run time */
};

enum { BGP_KUBEVIP_CMD_SUCCESS = 0, BGP_KUBEVIP_CMD_WARNING = 1, BGP_KUBEVIP_CMD_FAILED = 13 };

/* ---- lib/routemap.h ---- */

struct bgp_kubevip_rmap_map {
	char *name; /* first of struct route_map */
};

struct bgp_kubevip_rmap_index { /* the beginning of struct route_map_index */
	struct bgp_kubevip_rmap_map *map;
	char *description;
	int sequence;
	int type; /* 0 permit, 1 deny */
};

struct bgp_kubevip_rmap_rule {
	const char *str;
	int (*apply)(void *rule, const void *prefix, void *object);
	void *(*compile)(const char *arg);
	void (*free)(void *rule);
	void *(*key)(void *rule);
};

struct bgp_kubevip_rmap_proxy {
	void *item[2];
	const struct bgp_kubevip_rmap_rule *rule;
};

enum { BGP_KUBEVIP_RMAP_NOMATCH = 1 };
enum { BGP_KUBEVIP_RMAP_MATCH_ADDED = 3, BGP_KUBEVIP_RMAP_MATCH_DELETED = 4 };

/* ---- what differs between versions ---- */

struct bgp_kubevip_layout {
	const char *version;    /* "8.4.4", or of a series: "8.4" */
	int node_type_max;      /* enum node_type */
	size_t vty_xpath_index; /* struct vty: int xpath_index, and right behind it: */
};

#define BGP_KUBEVIP_XPATH_MAX 1024 /* char xpath[8][1024] */

/* The FRR whose headers were there when this was built. */
extern const struct bgp_kubevip_layout bgp_kubevip_built;

/** bgp_kubevip_layout_find - for a running FRR, or NULL: its interface is not known. */
const struct bgp_kubevip_layout *bgp_kubevip_layout_find(const char *version);
/** bgp_kubevip_xpath - where in the configuration a session is, or NULL: at the top. */
const char *bgp_kubevip_xpath(const struct bgp_kubevip_layout *layout, const struct vty *vty);
