// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the rows of tbl/kvip_reason.def as an array. Thread: any. Nothing here ever changes.
 */
#include "vip/kvip_reason.h"

#include <stddef.h>

static const struct kvip_reason_info reasons[KVIP_REASON_MAX] = {
	[KVIP_REASON_NONE] = { "none", KVIP_LEVEL_OK, "", "" },
#define KVIP_REASON(id, word, level, text, remedy)                                                 \
	[KVIP_REASON_##id] = { word, KVIP_LEVEL_##level, text, remedy },
#include "vip/tbl/kvip_reason.def"
#undef KVIP_REASON
};

const struct kvip_reason_info *kvip_reason_info(enum kvip_reason r)
{
	return (unsigned int)r < KVIP_REASON_MAX ? &reasons[r] : &reasons[KVIP_REASON_NONE];
}
