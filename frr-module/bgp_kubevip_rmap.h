/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How kept `match kubevip ...` lines are written: in the form that the engine writes, too.
 *
 * libfrr's own writer does not know them, so they come as a second block for the same entry, from a
 * configuration node of ours:
 *
 *	route-map X permit 10
 *	 match kubevip label tier=gold
 *	exit
 *	!
 *
 * vtysh merges it with libfrr's block into one (8.4.4 to 10.7), and a daemon that reads its own
 * file enters the entry a second time.
 */
#pragma once

#include "frr-module/bgp_kubevip_lines.h"

#include <stdbool.h>

struct vty;

struct bgp_kubevip_rmap_place {
	const char *map; /* borrowed */
	bool permit;
	int sequence;
};

/**
 * bgp_kubevip_rmap_write - one block for each entry that has lines, in the order of their first.
 * @lines: text "match kubevip ...", owner the entry (a struct route_map_index; never NULL)
 * @place: says what the entry is called today: it may have turned from permit to deny
 * @out: vty_out
 *
 * Returns how many blocks were written.
 */
size_t bgp_kubevip_rmap_write(const struct bgp_kubevip_lines *lines,
			      struct bgp_kubevip_rmap_place (*place)(const void *owner),
			      int (*out)(struct vty *, const char *, ...), struct vty *vty);
