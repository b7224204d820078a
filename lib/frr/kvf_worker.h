/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker thread (T1): an frr_pthread that runs the engine. */
#pragma once

#include "vip/kvip_engine.h"

/** kvf_worker_start - from the main loop, after the daemon's fork. Return: 0, also when it runs
 *  already; -EAGAIN: the system has no thread to give. */
int kvf_worker_start(struct kvip_engine *engine, struct kvip_http *http) KVIP_USE_RESULT;
/** kvf_worker_wake - let it look at new orders at once. T0. */
void kvf_worker_wake(void);
/** kvf_worker_stop - flag, wake-up, join. Takes at most the time of one slice. T0. */
void kvf_worker_stop(void);
