// SPDX-License-Identifier: GPL-2.0-or-later
/* DOC: CLOCK_THREAD_CPUTIME_ID around callbacks. Thread: the one that is metered. */
#include "kvip_meter.h"

#include <time.h>

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void kvip_meter_begin(struct kvip_meter *m)
{
	if (m->depth++ == 0)
		m->started_ns = thread_cpu_ns();
}

void kvip_meter_end(struct kvip_meter *m, const char *what)
{
	uint64_t ns;

	if (m->depth == 0 || --m->depth)
		return;
	ns = thread_cpu_ns() - m->started_ns;
	m->runs++;
	m->total_ns += ns;
	if (ns > m->longest_ns) {
		m->longest_ns = ns;
		m->longest_what = what;
	}
}
