// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: small sorted vectors of the configuration. Thread: the owner's of the configuration.
 *
 * An insertion allocates once and fails without a trace; a removal never fails.
 */
#include "vip/kvip_conf_impl.h"

#include <errno.h>
#include <string.h>

static void *load(void *vec)
{
	void *v;

	memcpy(&v, vec, sizeof(v));
	return v;
}

int kvip_conf_vec_insert(void *vec, size_t *n, size_t pos, const void *elem, size_t elem_bytes)
{
	char *v = kvip_realloc(load(vec), (*n + 1) * elem_bytes);

	if (!v)
		return -ENOMEM;
	memcpy(vec, &v, sizeof(v));
	v += pos * elem_bytes;
	memmove(v + elem_bytes, v, (*n - pos) * elem_bytes);
	memcpy(v, elem, elem_bytes);
	++*n;
	return 0;
}

void kvip_conf_vec_erase(void *vec, size_t *n, size_t pos, size_t elem_bytes)
{
	char *v = load(vec);

	--*n;
	if (*n == 0) {
		kvip_free(v);
		memset(vec, 0, sizeof(v));
		return;
	}
	memmove(v + pos * elem_bytes, v + (pos + 1) * elem_bytes, (*n - pos) * elem_bytes);
}

int kvip_conf_strings_add(struct kvip_strings *s, size_t pos, const char *text)
{
	char *copy = kvip_strdup(text);
	int rc;

	if (!copy)
		return -ENOMEM;
	rc = kvip_conf_vec_insert(&s->v, &s->n, pos, &copy, sizeof(copy));
	if (rc)
		kvip_free(copy);
	return rc;
}

void kvip_conf_strings_erase(struct kvip_strings *s, size_t pos)
{
	kvip_free(s->v[pos]);
	kvip_conf_vec_erase(&s->v, &s->n, pos, sizeof(*s->v));
}

void kvip_conf_strings_clear(struct kvip_strings *s)
{
	while (s->n)
		kvip_conf_strings_erase(s, s->n - 1);
}

int kvip_conf_strings_copy(struct kvip_strings *to, const struct kvip_strings *from)
{
	int rc = 0;

	for (size_t i = 0; i < from->n && !rc; i++)
		rc = kvip_conf_strings_add(to, to->n, from->v[i]);
	return rc;
}

size_t kvip_conf_strings_pos(const struct kvip_strings *s, const char *text, bool *found)
{
	size_t i = 0;
	int c = -1;

	while (i < s->n && (c = kvip_natural_cmp(s->v[i], text)) < 0)
		i++;
	*found = i < s->n && c == 0;
	return i;
}

int kvip_conf_replace(char **field, const char *text)
{
	char *copy = kvip_strdup(text);

	if (text && !copy)
		return -ENOMEM;
	kvip_free(*field);
	*field = copy;
	return 0;
}
