/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long our callbacks keep a host's main loop busy (rules R5): the longest uninterrupted run, in
 * CPU time of the calling thread, so that neither a blocked vty nor a busy machine is taken for
 * work of ours.
 */
#pragma once

#include <stdint.h>

struct kvip_meter {
	uint64_t started_ns; /* of the run under way; 0: none */
	unsigned int depth;  /* runs nest: a callback may call another */
	uint64_t longest_ns;
	const char *longest_what; /* static text */
	uint64_t runs;
	uint64_t total_ns;
};

/** kvip_meter_begin - one of our callbacks starts on this thread. */
void kvip_meter_begin(struct kvip_meter *m);
/** kvip_meter_end - and returns to the loop. @what: static text that names it. */
void kvip_meter_end(struct kvip_meter *m, const char *what);
