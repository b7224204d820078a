/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of configuration in the order they were given. An owner (an entry of a route-map; NULL: the
 * configuration at large) has a line once.
 */
#pragma once

#include <stddef.h>

struct bgp_kubevip_line {
	struct bgp_kubevip_line *next;
	const void *owner;
	char text[];
};

struct bgp_kubevip_lines {
	struct bgp_kubevip_line *first;
};

/** bgp_kubevip_lines_add - keep a copy, behind the others; -ENOMEM or 0. A line that its owner has
 *  already stays where it is. */
int bgp_kubevip_lines_add(struct bgp_kubevip_lines *lines, const void *owner, const char *text)
	__attribute__((warn_unused_result));
/** bgp_kubevip_lines_remove - drop the owner's lines that begin with these words (NULL: all);
 *  returns how many. */
size_t bgp_kubevip_lines_remove(struct bgp_kubevip_lines *lines, const void *owner,
				const char *words);
/** bgp_kubevip_lines_count - how many lines an owner has. */
size_t bgp_kubevip_lines_count(const struct bgp_kubevip_lines *lines, const void *owner);
