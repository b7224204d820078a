// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: commands in the table of an FRR that may be of another version: nodes are found by their
 * names. Thread: T0. libc and the weak symbols of libfrr only.
 */
#include "frr-module/bgp_kubevip_raw.h"

#include "frr-module/bgp_kubevip_weak.h"

#include <string.h>

static int node_number(const char *name)
{
	for (unsigned int i = 0; i < cmdvec->active; i++) {
		const struct bgp_kubevip_node *node = cmdvec->index[i];

		if (node && strcmp(node->name, name) == 0)
			return node->node;
	}
	return -1;
}

void bgp_kubevip_raw_install(const struct bgp_kubevip_raw *commands, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int node = node_number(commands[i].node);

		if (node >= 0)
			_install_element(node, &commands[i].command);
	}
}
