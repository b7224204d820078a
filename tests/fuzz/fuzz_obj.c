// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: fuzz target of the decoder: any bytes, as any kind; what is decoded is within its limits and
 * equals itself decoded again. The first byte chooses the kind.
 */
#include "fuzz.h"

#include "base/kvip_limits.h"
#include "kube/kvip_obj.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct kvip_obj *o)
{
	uint32_t i;

	if (!*o->meta.name || strlen(o->meta.name) > KVIP_MAX_NAME ||
	    o->meta.n_labels > KVIP_MAX_LABELS)
		abort();
	for (i = 0; i < o->meta.n_labels; i++)
		if (kvip_meta_label(&o->meta, o->meta.labels[i].key) != o->meta.labels[i].value)
			abort();
	if (o->kind == KVIP_KIND_SLICE)
		for (i = 0; i < o->slice.n_endpoints; i++)
			if (o->slice.endpoints[i].node && !*o->slice.endpoints[i].node)
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvip_obj *a, *b;
	enum kvip_kind kind;
	char rv[64];

	if (!size)
		return 0;
	kind = (enum kvip_kind)(data[0] % KVIP_KIND_MAX);
	if (kvip_obj_decode(kind, (const char *)data + 1, size - 1, &a, rv, sizeof(rv), NULL))
		return 0;
	check(a);
	if (kvip_obj_decode(kind, (const char *)data + 1, size - 1, &b, NULL, 0, NULL))
		abort();
	if (!kvip_obj_equal(a, b))
		abort();
	kvip_obj_free(a);
	kvip_obj_free(b);
	return 0;
}
