/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock of both shells: milliseconds that go on whatever happens to the time of day. Any thread. */
#pragma once

#include "base/kvip_time.h"

#include <time.h>

static inline kvip_msec kvf_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (kvip_msec)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
