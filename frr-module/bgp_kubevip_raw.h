/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands for an FRR whose headers were not there at build time (bgp_kubevip_abi.h).
 */
#pragma once

#include "frr-module/bgp_kubevip_abi.h"

struct bgp_kubevip_raw {
	const char *node; /* its name: numbers differ from version to version */
	struct bgp_kubevip_command command;
};

/** bgp_kubevip_raw_install - into libfrr's table, which borrows them for good; one whose node there
 *  is not is left out. */
void bgp_kubevip_raw_install(const struct bgp_kubevip_raw *commands, size_t n);
