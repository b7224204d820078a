/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reasons: see tbl/kvip_reason.def. `show`, JSON, logs and tests read the same table. */
#pragma once

enum kvip_reason {
	KVIP_REASON_NONE = 0,
#define KVIP_REASON(id, word, level, text, remedy) KVIP_REASON_##id,
#include "vip/tbl/kvip_reason.def"
#undef KVIP_REASON
	KVIP_REASON_MAX
};

enum kvip_reason_level { KVIP_LEVEL_OK, KVIP_LEVEL_NOTE, KVIP_LEVEL_WARN, KVIP_LEVEL_NO };

struct kvip_reason_info {
	const char *word;
	enum kvip_reason_level level;
	const char *text;
	const char *remedy;
};
/** kvip_reason_info - never NULL: an unknown value gives the row of KVIP_REASON_NONE ("none"). */
const struct kvip_reason_info *kvip_reason_info(enum kvip_reason r);
