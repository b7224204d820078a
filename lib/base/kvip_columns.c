// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: aligned text columns. Thread: the owner's. Invariant: width[] is the longest cell of each
 * column so far, so that rendering is one pass.
 */
#include "kvip_columns.h"

#include <stdio.h>
#include <string.h>

#define CELL_BYTES 512u
#define GAP        2

static void add_cell(struct kvip_columns *t, char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	if (!n)
		n = strlen(strcpy(text, "-"));
	if (n > t->width[t->column])
		t->width[t->column] = (unsigned int)n;
	t->column = (t->column + 1) % t->n_columns;
	t->n_cells++;
	kvip_buf_add(&t->cells, text, n + 1);
}

void kvip_columns_init(struct kvip_columns *t, const char *const *headings, size_t max_bytes)
{
	char text[CELL_BYTES];

	*t = (struct kvip_columns){ 0 };
	kvip_buf_init(&t->cells, max_bytes);
	while (headings[t->n_columns] && t->n_columns < KVIP_COLUMNS_MAX)
		t->n_columns++;
	for (unsigned int i = 0; i < t->n_columns; i++) {
		snprintf(text, sizeof(text), "%s", headings[i]);
		add_cell(t, text);
	}
}

void kvip_columns_done(struct kvip_columns *t)
{
	kvip_buf_done(&t->cells);
}

void kvip_columns_cell(struct kvip_columns *t, const char *fmt, ...)
{
	char text[CELL_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_cell(t, text);
}

size_t kvip_columns_rows(const struct kvip_columns *t)
{
	return t->n_cells / t->n_columns - 1;
}

int kvip_columns_render(const struct kvip_columns *t, struct kvip_buf *out)
{
	const char *cell = t->cells.data;

	if (t->cells.err)
		return t->cells.err;
	for (size_t i = 0; i < t->n_cells; i++) {
		unsigned int column = i % t->n_columns;

		if (column + 1 < t->n_columns)
			kvip_buf_printf(out, "%-*s", (int)t->width[column] + GAP, cell);
		else
			kvip_buf_printf(out, "%s\n", cell);
		cell += strlen(cell) + 1;
	}
	return out->err;
}
