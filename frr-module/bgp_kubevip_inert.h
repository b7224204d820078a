/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bgpd with the shim and no engine: every line of ours is accepted and written back, nothing is
 * routed, nothing matches.
 */
#pragma once

#include "frr-module/bgp_kubevip_abi.h"
#include "frr-module/bgp_kubevip_load.h"
#include "frr-module/bgp_kubevip_raw.h"

/** bgp_kubevip_inert - install the commands; in frr_late_init. @why, @path and @layout are kept. */
void bgp_kubevip_inert(const struct bgp_kubevip_layout *layout, const char *path,
		       const struct bgp_kubevip_failure *why);

/** bgp_kubevip_inert_match - the part of it in route-maps. */
void bgp_kubevip_inert_match(const struct bgp_kubevip_layout *layout);
/** bgp_kubevip_inert_match_write - returns how many blocks were written. */
int bgp_kubevip_inert_match_write(struct vty *vty);
/** bgp_kubevip_inert_match_count - lines kept. */
size_t bgp_kubevip_inert_match_count(void);

/** bgp_kubevip_words - the words of a command from the first one of interest, with one space
 *  between them; to be freed. NULL: no memory. */
char *bgp_kubevip_words(int argc, struct bgp_kubevip_token *argv[], int first);
