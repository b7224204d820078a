// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: questions of route-maps and their answers, as both threads read them. Pure.
 */
#include "vip/kvip_match.h"

#include "base/kvip_mem.h"

#include <string.h>

const char *kvip_match_word(enum kvip_match_kind kind)
{
	static const char *const words[] = {
#define X(id, word) [KVIP_MATCH_##id] = word,
		KVIP_MATCH_KINDS(X)
#undef X
	};

	return words[kind];
}

void kvip_marks_set(struct kvip_marks *m, unsigned int slot)
{
	m->w[slot / 32] |= UINT32_C(1) << (slot % 32);
}

bool kvip_marks_has(const struct kvip_marks *m, unsigned int slot, uint32_t since)
{
	return since && m->generation >= since && (m->w[slot / 32] >> (slot % 32) & 1);
}

bool kvip_marks_equal(const struct kvip_marks *a, const struct kvip_marks *b)
{
	return a->generation == b->generation && memcmp(a->w, b->w, sizeof(a->w)) == 0;
}

void kvip_match_set_free(struct kvip_match_set *s)
{
	for (size_t i = 0; s && i < s->n; i++) {
		kvip_free(s->v[i].text);
		kvip_free(s->v[i].key);
	}
	kvip_free(s);
}

const char *kvip_match_value(const struct kvip_match_expr *x)
{
	return strchr(x->text, '=') + 1;
}

int kvip_match_render(const struct kvip_match_set *s, const struct kvip_marks *m, const char *lead,
		      size_t max, struct kvip_buf *out)
{
	size_t used = 0;

	for (unsigned int i = 0; s && i < s->n; i++) {
		const struct kvip_match_expr *x = &s->v[i];
		const char *word = kvip_match_word((enum kvip_match_kind)x->kind);
		size_t n;

		if (!kvip_marks_has(m, i, x->since))
			continue;
		n = strlen(word) + strlen(x->text) + 2;
		if (used + n > max)
			continue;
		kvip_buf_printf(out, "%s%s:%s", used ? "," : lead, word, x->text);
		used += n;
	}
	return out->err;
}
