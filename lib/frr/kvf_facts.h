/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local facts, gathered from libfrr on T0: this router's addresses, its BGP neighbours and the
 * prefix-lists in use. */
#pragma once

#include "vip/kvip_conf.h"
#include "vip/kvip_facts.h"

/** kvf_facts_gather - a snapshot with one reference; the prefix-lists are those that @conf names.
 * NULL without memory. */
struct kvip_facts *kvf_facts_gather(const struct kvip_conf *conf);
/** kvf_facts_set_neighbours - @each calls @fn with the address of every BGP neighbour; NULL: they
 *  are not known here. */
typedef void kvf_neighbour_fn(void *ctx, const struct kvip_addr *a);
void kvf_facts_set_neighbours(void (*each)(kvf_neighbour_fn *fn, void *ctx));
/** kvf_facts_neighbours_changed - since the last call? */
bool kvf_facts_neighbours_changed(void);
/** kvf_facts_on_plist_change - @changed is called when any prefix-list was edited. */
void kvf_facts_on_plist_change(void (*changed)(void));
/** kvf_facts_plists_changed - were prefix-lists that @conf names edited since the last call? For who
 * may not have the hook; a few microseconds for each entry. */
bool kvf_facts_plists_changed(const struct kvip_conf *conf);
