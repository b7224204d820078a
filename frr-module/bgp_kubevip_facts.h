/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bgpd knows of this router and nobody else does. T0. */
#pragma once

#include "frr/kvf_facts.h"

/** bgp_kubevip_each_neighbour - the addresses of BGP neighbours, of the default VRF and its views. */
void bgp_kubevip_each_neighbour(kvf_neighbour_fn *fn, void *ctx);
