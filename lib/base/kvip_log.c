// SPDX-License-Identifier: GPL-2.0-or-later
/* DOC: formats into a bounded line and hands it to the host. Thread: any. */
#include "kvip_log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 1024

static void write_line(const struct kvip_log *log, enum kvip_log_level level, const char *fmt,
		       va_list ap)
{
	char line[LINE_BYTES];

	vsnprintf(line, sizeof(line), fmt, ap);
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?'; /* no text of a stranger makes a line of its own */
	log->write(log->ctx, level, line);
}

void kvip_log(const struct kvip_log *log, enum kvip_log_level level, const char *fmt, ...)
{
	va_list ap;

	if (!log || !log->write)
		return;
	va_start(ap, fmt);
	write_line(log, level, fmt, ap);
	va_end(ap);
}

void kvip_debug(const struct kvip_log *log, enum kvip_debug category, const char *fmt, ...)
{
	va_list ap;

	if (!log || !log->write)
		return;
	if (!(atomic_load_explicit(&log->debug_mask, memory_order_relaxed) & (1u << category)))
		return;
	va_start(ap, fmt);
	write_line(log, KVIP_LOG_DEBUG, fmt, ap);
	va_end(ap);
}
