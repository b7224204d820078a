// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: comparing resourceVersions. Job, thread and source: see kvip_rv.h.
 */
#include "kvip_rv.h"

#include <string.h>

bool kvip_rv_decimal(const char *rv)
{
	return *rv && *rv != '0' && rv[strspn(rv, "0123456789")] == '\0';
}

bool kvip_rv_live(const char *rv)
{
	for (const char *c = rv; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return *rv && strcmp(rv, "0") != 0;
}

bool kvip_rv_older(const char *a, const char *b)
{
	size_t len_a = strlen(a), len_b = strlen(b);

	if (!kvip_rv_decimal(a) || !kvip_rv_decimal(b))
		return false;
	return len_a != len_b ? len_a < len_b : strcmp(a, b) < 0;
}
