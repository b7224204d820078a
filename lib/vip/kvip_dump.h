/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump of a cluster's objects, as `kubectl get services,endpointslices,nodes,gateways -A -o json`
 * prints it, into a cluster of the engine: dry runs and replay.
 */
#pragma once

#include "base/kvip_err.h"
#include "kube/kvip_feed.h"

#include <stddef.h>

struct kvip_dump_counts {
	size_t objects; /* that were taken */
	size_t ignored; /* of kinds that are not watched */
	size_t refused; /* not decodable */
	char first_refusal[200];
};

/**
 * kvip_dump_feed - one complete list of every kind, from @text, to @feed
 * Kinds that do not occur in it count as empty. Any thread.
 * Return: 0; -EBADMSG when @text is not such a dump (then nothing was ended: what was known before
 * stays).
 */
int kvip_dump_feed(const char *text, size_t len, const struct kvip_feed *feed, void *ctx,
		   struct kvip_dump_counts *counts, struct kvip_err *err) KVIP_USE_RESULT;
