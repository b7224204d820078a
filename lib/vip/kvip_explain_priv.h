/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the two files of the engine's part of explanations. T0, with the engine's lock. */
#pragma once

#include "vip/kvip_engine_priv.h"
#include "vip/kvip_explain.h"

#define KVIP_EXPLAIN_OBJECT 640

struct kvip_explain_asking {
	struct kvip_table *t;
	struct kvip_explain *x;
	const struct kvip_addr *addr;
	const struct kvip_explain_of *of; /* NULL: everybody's claims */
	size_t found;
};

/** kvip_explain_object - "Service prod/web". */
const char *kvip_explain_object(const struct kvip_owner *o, char buf[KVIP_EXPLAIN_OBJECT]);
/** kvip_explain_claim - @o of @c names the address as @w says: what comes of it. */
void kvip_explain_claim(struct kvip_explain_asking *q, struct kvip_cluster *c,
			const struct kvip_owner *o, const struct kvip_wanted *w);
/** kvip_explain_pool - the allocator's side of it, where the cluster's pools are known. */
void kvip_explain_pool(struct kvip_explain_asking *q, const struct kvip_cluster *c);
