// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: aligned text columns. Thread: the owner's. Invariant: width[] is the longest cell of each
 * column so far, so that rendering is one pass, which may be made in slices.
 */
#include "kvip_columns.h"

#include <limits.h>
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

static void render_row(struct kvip_columns *t, struct kvip_buf *out)
{
	for (unsigned int column = 0; column < t->n_columns && t->rendered < t->n_cells; column++) {
		const char *cell = t->cells.data + t->rendered_bytes;

		if (column + 1 < t->n_columns)
			kvip_buf_printf(out, "%-*s", (int)t->width[column] + GAP, cell);
		else
			kvip_buf_printf(out, "%s\n", cell);
		t->rendered++;
		t->rendered_bytes += strlen(cell) + 1;
	}
}

int kvip_columns_render_some(struct kvip_columns *t, unsigned int max, struct kvip_buf *out)
{
	if (t->cells.err)
		return t->cells.err;
	for (; max && t->rendered < t->n_cells; max--)
		render_row(t, out);
	return out->err ? out->err : t->rendered < t->n_cells;
}

int kvip_columns_render(struct kvip_columns *t, struct kvip_buf *out)
{
	int rc;

	do {
		rc = kvip_columns_render_some(t, UINT_MAX, out);
	} while (rc > 0);
	return rc;
}
