/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text tables for people: cells in, aligned columns out.
 *
 * Cells are added row by row from left to right; what a terminal would not print becomes `?`, and
 * an empty cell `-`. The last column is not padded. Errors are sticky and reported by
 * kvip_columns_render().
 */
#pragma once

#include "kvip_buf.h"

#define KVIP_COLUMNS_MAX 12u

struct kvip_columns {
	struct kvip_buf cells; /* NUL-terminated, one after the other; the headings are the first
				  row */
	unsigned int n_columns, column;
	size_t n_cells;
	size_t rendered, rendered_bytes; /* cells, and where they end */
	unsigned int width[KVIP_COLUMNS_MAX];
};

/** kvip_columns_init - @headings: NULL-terminated, at most KVIP_COLUMNS_MAX. @max_bytes: of all
 * cells. */
void kvip_columns_init(struct kvip_columns *t, const char *const *headings, size_t max_bytes);
void kvip_columns_done(struct kvip_columns *t);
/** kvip_columns_cell - the next cell. */
void kvip_columns_cell(struct kvip_columns *t, const char *fmt, ...) KVIP_PRINTF(2, 3);
/** kvip_columns_rows - complete rows below the headings. */
size_t kvip_columns_rows(const struct kvip_columns *t);
/** kvip_columns_render - append the table. Return: 0, -ENOMEM, -EMSGSIZE. */
int kvip_columns_render(struct kvip_columns *t, struct kvip_buf *out);
/** kvip_columns_render_some - the next @max rows. Return: 1: there are more; 0; as above. */
int kvip_columns_render_some(struct kvip_columns *t, unsigned int max, struct kvip_buf *out);
