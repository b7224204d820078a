// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: fuzz target: a selector from the configuration, matched against a few labels.
 */
#include "fuzz.h"

#include "vip/kvip_selector.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvip_label labels[] = { { "a", "b" }, { "in", "" }, { "n", "7" } };
	struct kvip_meta m = { .labels = labels, .n_labels = 3 };
	struct kvip_label pseudo = { "x", "y" };
	struct kvip_selector *s;
	struct kvip_err err;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (kvip_selector_parse(text, &s, &err) == 0) {
		if (strcmp(kvip_selector_text(s), text) != 0)
			abort();
		kvip_selector_matches(s, &m, &pseudo, 1);
		kvip_selector_matches(s, &m, NULL, 0);
		kvip_selector_free(s);
	}
	free(text);
	return 0;
}
