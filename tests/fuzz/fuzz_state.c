// SPDX-License-Identifier: GPL-2.0-or-later
/* DOC: any bytes as a state file: refused or read, never both, and nothing is left behind. */
#include "fuzz.h"

#include "vip/kvip_state_priv.h"

#include <stdlib.h>

struct reading {
	size_t routes;
	struct kvip_matches *matches;
};

static void on_route(void *ctx, const struct kvip_route *r)
{
	struct reading *rd = ctx;

	if (!r->nhs)
		abort();
	rd->routes++;
}

static void on_marks(void *ctx, const char *text, struct kvip_marks *out)
{
	struct reading *rd = ctx;

	kvip_matches_restore(rd->matches, text, out);
}

static void on_cluster(void *ctx, const char *name, const char *identity, kvip_wall confirmed_s)
{
	(void)ctx;
	if (!name[0] || !identity || confirmed_s < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvip_nhsets *nhsets = kvip_nhsets_new();
	struct reading rd = { .matches = kvip_matches_new() };
	size_t good = 0;
	const struct kvip_state_reader reader = { on_route, on_cluster, &rd, on_marks };
	struct kvip_err err;
	int rc = kvip_state_read((const char *)data, size, nhsets, &reader, &good, &err);

	if (good > size || (rc && rd.routes) || kvip_nhsets_count(nhsets))
		abort();
	kvip_matches_free(rd.matches);
	kvip_nhsets_free(nhsets);
	return 0;
}
