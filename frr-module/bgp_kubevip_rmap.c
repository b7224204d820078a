// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the written form of `match kubevip` lines.
 *
 * Thread: T0. libc only: the shim has nothing else (rules R5).
 */
#include "frr-module/bgp_kubevip_rmap.h"

static bool is_first_of_owner(const struct bgp_kubevip_lines *lines,
			      const struct bgp_kubevip_line *line)
{
	const struct bgp_kubevip_line *l = lines->first;

	while (l->owner != line->owner)
		l = l->next;
	return l == line;
}

size_t bgp_kubevip_rmap_write(const struct bgp_kubevip_lines *lines,
			      struct bgp_kubevip_rmap_place (*place)(const void *owner),
			      int (*out)(struct vty *, const char *, ...), struct vty *vty)
{
	size_t n = 0;

	for (const struct bgp_kubevip_line *line = lines->first; line; line = line->next) {
		struct bgp_kubevip_rmap_place p;

		if (!is_first_of_owner(lines, line))
			continue;
		p = place(line->owner);
		out(vty, "route-map %s %s %d\n", p.map, p.permit ? "permit" : "deny", p.sequence);
		for (const struct bgp_kubevip_line *l = line; l; l = l->next)
			if (l->owner == line->owner)
				out(vty, " %s\n", l->text);
		out(vty, "exit\n!\n");
		n++;
	}
	return n;
}
