/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text tables for people: cells in, aligned columns out.
 *
 * Cells are added row by row from left to right; what a terminal would not print becomes `?`, and an empty
 * cell `-`. The last column is not padded. Errors are sticky and reported by kvip_table_render().
 */
#pragma once

#include "kvip_buf.h"

#define KVIP_TABLE_MAX_COLUMNS 12u

struct kvip_table {
	struct kvip_buf cells; /* NUL-terminated, one after the other; the headings are the first row */
	unsigned int n_columns, column;
	size_t n_cells;
	unsigned int width[KVIP_TABLE_MAX_COLUMNS];
};

/** kvip_table_init - @headings: NULL-terminated, at most KVIP_TABLE_MAX_COLUMNS. @max_bytes: of all cells. */
void kvip_table_init(struct kvip_table *t, const char *const *headings, size_t max_bytes);
void kvip_table_done(struct kvip_table *t);
/** kvip_table_cell - the next cell. */
void kvip_table_cell(struct kvip_table *t, const char *fmt, ...) KVIP_PRINTF(2, 3);
/** kvip_table_rows - complete rows below the headings. */
size_t kvip_table_rows(const struct kvip_table *t);
/** kvip_table_render - append the table. Return: 0, -ENOMEM, -EMSGSIZE. */
int kvip_table_render(const struct kvip_table *t, struct kvip_buf *out);
