// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a vtysh of another FRR than the extension was built for: FRR has been upgraded, and kubevip
 * has not been built again. bgpd's module is inert then and keeps our lines word for word. vtysh
 * hands them to it unchecked: else frr.conf could not be loaded whole, frr-reload would fail, and
 * the next `write` would lose them (rules R5).
 *
 * Thread: vtysh's. libc and the weak symbols of libfrr only.
 */
#include "frr-module/bgp_kubevip_raw.h"
#include "frr-module/bgp_kubevip_weak.h"
#include "frr-module/vtysh_kubevip.h"

#define ROW(in, text, help)                                                                        \
	{                                                                                          \
		in,                                                                                \
		{                                                                                  \
			text, help, VTYSH_BGPD, .name = text                                       \
		}                                                                                  \
	}

static const struct bgp_kubevip_raw commands[] = {
#define INERT(node, handler, text, help)       ROW(node, text, help),
#define INERT_MATCH(node, handler, text, help) ROW(node, text, help),
#include "frr-module/bgp_kubevip_inert.def"
};

bool vtysh_other_install(void)
{
	if (!bgp_kubevip_layout_find(frrmod_list->info->version) || !&cmdvec)
		return false;
	bgp_kubevip_raw_install(commands, sizeof(commands) / sizeof(commands[0]));
	return true;
}
