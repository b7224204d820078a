// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: which FRR's command interface the shim knows, and the one thing it reads out of struct vty.
 *
 * Thread: any. libc only. The numbers come from lib/vty.h and lib/command.h of FRR 8.4.4, 8.4.7,
 * 8.5, 8.5.7, 10.3, 10.3.4 and 10.7.0, compiled for x86_64 (nothing in them is special to it but
 * the size of a pointer). A line may be added when bgp_kubevip_built.c compiles with that FRR's
 * headers: that compares every structure.
 */
#include "frr-module/bgp_kubevip_abi.h"

#include <ctype.h>
#include <string.h>

static const struct bgp_kubevip_layout known[] = {
#if __SIZEOF_POINTER__ == 8
	{ "8.4", 92, 16992 }, { "8.5", 92, 16992 }, { "10.3", 103, 33640 }, { "10.7", 104, 33584 },
#endif
	{ NULL, 0, 0 },
};

/* "8.4", "8.4.4" and "8.4-dev" are of the series 8.4; "8.45" is not. */
static bool is_of_series(const char *version, const char *series)
{
	size_t n = strlen(series);

	return strncmp(version, series, n) == 0 && !isdigit((unsigned char)version[n]);
}

const struct bgp_kubevip_layout *bgp_kubevip_layout_find(const char *version)
{
	if (strcmp(version, bgp_kubevip_built.version) == 0)
		return &bgp_kubevip_built;
	for (const struct bgp_kubevip_layout *l = known; l->version; l++)
		if (is_of_series(version, l->version))
			return l;
	return NULL;
}

const char *bgp_kubevip_xpath(const struct bgp_kubevip_layout *layout, const struct vty *vty)
{
	const char *at = (const char *)vty + layout->vty_xpath_index;
	int depth;

	memcpy(&depth, at, sizeof(depth));
	if (depth < 1 || depth > 8)
		return NULL;
	return at + sizeof(depth) + (size_t)(depth - 1) * BGP_KUBEVIP_XPATH_MAX;
}
