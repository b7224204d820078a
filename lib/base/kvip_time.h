/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time as the engine knows it: passed in, never asked for.
 *
 * kvip_msec is monotonic (CLOCK_MONOTONIC) and is what every timer runs on. kvip_wall is seconds
 * since the epoch; it is used only for what must survive a restart (the age of restored routes)
 * and for what Kubernetes dates (creationTimestamp).
 */
#pragma once

#include <stdint.h>

typedef int64_t kvip_msec;
typedef int64_t kvip_wall;

#define KVIP_NEVER INT64_MAX

static inline kvip_msec kvip_earlier(kvip_msec a, kvip_msec b)
{
	return a < b ? a : b;
}
