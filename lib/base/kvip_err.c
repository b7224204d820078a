// SPDX-License-Identifier: GPL-2.0-or-later
/* DOC: see the header. Thread: any. */
#include "kvip_err.h"

#include <stdarg.h>
#include <stdio.h>

int kvip_err_set(struct kvip_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

void kvip_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}
