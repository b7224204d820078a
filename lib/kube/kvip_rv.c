// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: comparing resourceVersions. Job, thread and source: see kvip_rv.h.
 */
#include "kvip_rv.h"

#include <string.h>

static bool decimal(const char *s)
{
	return *s && *s != '0' && s[strspn(s, "0123456789")] == '\0';
}

bool kvip_rv_live(const char *rv)
{
	return *rv && strcmp(rv, "0") != 0;
}

bool kvip_rv_older(const char *a, const char *b)
{
	size_t len_a = strlen(a), len_b = strlen(b);

	if (!decimal(a) || !decimal(b))
		return false;
	return len_a != len_b ? len_a < len_b : strcmp(a, b) < 0;
}
