// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: kept lines of configuration: a list, because a configuration has tens of them.
 *
 * Thread: T0. libc only: the shim has nothing else (rules R5).
 */
#include "frr-module/bgp_kubevip_lines.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int bgp_kubevip_lines_add(struct bgp_kubevip_lines *lines, const void *owner, const char *text)
{
	struct bgp_kubevip_line *line, **last = &lines->first;
	size_t size = strlen(text) + 1;

	for (; *last; last = &(*last)->next)
		if ((*last)->owner == owner && strcmp((*last)->text, text) == 0)
			return 0;
	line = malloc(sizeof(*line) + size);
	if (!line)
		return -ENOMEM;
	line->next = NULL;
	line->owner = owner;
	memcpy(line->text, text, size);
	*last = line;
	return 0;
}

/* "kubevip cluster a" begins "kubevip cluster a shutdown", and not "kubevip cluster ab". */
static bool begins_with(const char *text, const char *words)
{
	size_t n = strlen(words);

	return strncmp(text, words, n) == 0 && (text[n] == '\0' || text[n] == ' ');
}

size_t bgp_kubevip_lines_remove(struct bgp_kubevip_lines *lines, const void *owner,
				const char *words)
{
	struct bgp_kubevip_line *line, **at = &lines->first;
	size_t n = 0;

	while ((line = *at)) {
		if (line->owner != owner || (words && !begins_with(line->text, words))) {
			at = &line->next;
			continue;
		}
		*at = line->next;
		free(line);
		n++;
	}
	return n;
}

size_t bgp_kubevip_lines_count(const struct bgp_kubevip_lines *lines, const void *owner)
{
	size_t n = 0;

	for (const struct bgp_kubevip_line *line = lines->first; line; line = line->next)
		n += line->owner == owner;
	return n;
}
