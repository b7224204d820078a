// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: an answer of `show` in slices: what stands above, a walk, the table, what stands below.
 *
 * Thread: T0. Between slices the engine's lock is free and the router goes on: what is shown may
 * change under the walk, which goes by name. Ages are all of the moment it began.
 */
#include "vip/kvip_show_priv.h"

#include <limits.h>

enum phase { HEAD = 0, WALK, TABLE, TAIL };

/* Rows are rendered from cells: so much cheaper than what they show. */
#define ROWS_PER_LOOK 4

struct kvip_show_job *kvip_show_job_new(const struct kvip_show_ops *ops,
					const struct kvip_show_ctx *s, bool json,
					struct kvip_buf *out)
{
	struct kvip_show_job *j = kvip_calloc(1, ops->bytes);

	if (!j)
		return NULL;
	j->ops = ops;
	j->ctx = *s;
	j->s = &j->ctx;
	j->out = out;
	j->json = json ? &j->w : NULL;
	return j;
}

void kvip_show_job_free(struct kvip_show_job *j)
{
	if (!j)
		return;
	if (j->ops->done)
		j->ops->done(j);
	if (j->table)
		kvip_columns_done(j->table);
	kvip_free(j);
}

static void head(struct kvip_show_job *j)
{
	if (j->json) {
		kvip_jsonw_init(&j->w, j->out);
		kvip_jsonw_object(&j->w, NULL);
		if (j->ops->open)
			j->ops->open(j);
	} else if (j->ops->headings) {
		j->table = &j->columns;
		kvip_columns_init(j->table, j->ops->headings, KVIP_MAX_SHOW_BYTES);
	}
	j->phase = WALK;
}

static int table(struct kvip_show_job *j, unsigned int max)
{
	int rc = 0;

	if (max < UINT_MAX / ROWS_PER_LOOK)
		max *= ROWS_PER_LOOK;
	if (j->table && j->n)
		rc = kvip_columns_render_some(j->table, max, j->out);
	if (rc == 0)
		j->phase = TAIL;
	return rc;
}

static int tail(struct kvip_show_job *j)
{
	int rc;

	if (!j->json)
		kvip_show_legend_render(&j->legend, j->out);
	rc = j->ops->close(j);
	if (!j->json)
		return rc ? rc : j->out->err;
	kvip_jsonw_end(&j->w);
	return rc ? rc : kvip_jsonw_finish(&j->w);
}

int kvip_show_job_step(struct kvip_show_job *j, unsigned int max)
{
	int rc;

	switch ((enum phase)j->phase) {
	case HEAD:
		head(j);
		break;
	case WALK:
		if (!j->ops->walk(j, max))
			j->phase = TABLE;
		break;
	case TABLE:
		rc = table(j, max);
		return rc < 0 ? rc : 1;
	case TAIL:
		return tail(j);
	}
	return 1;
}

int kvip_show_job_run(struct kvip_show_job *j)
{
	int rc = j ? 1 : -ENOMEM;

	while (rc > 0)
		rc = kvip_show_job_step(j, UINT_MAX);
	kvip_show_job_free(j);
	return rc;
}
