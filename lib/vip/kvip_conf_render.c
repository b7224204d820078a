// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the configuration as lines, in the order of the grammar table, defaults left out. Thread:
 * the owner's of the configuration (T0), any for a published one.
 *
 * Invariant (tested): what is written, read back, gives the same configuration and the same text.
 */
#include "vip/kvip_conf_impl.h"

bool kvip_conf_out_begin(struct kvip_conf_out *o, const struct kvip_conf_row *row)
{
	o->lines++;
	if (!o->buf)
		return false;
	kvip_buf_puts(o->buf, "kubevip ");
	if (row->scope >= KVIP_SCOPE_CLUSTER)
		kvip_buf_printf(o->buf, "cluster %s ", o->cluster);
	if (row->scope >= KVIP_SCOPE_ADV)
		kvip_buf_printf(o->buf, "advertise %s ", o->adv);
	kvip_buf_puts(o->buf, row->word);
	return true;
}

void kvip_conf_out_end(struct kvip_conf_out *o)
{
	kvip_buf_puts(o->buf, "\n");
}

void kvip_conf_out_scope(struct kvip_conf_out *o, enum kvip_conf_scope scope, const void *obj)
{
	for (size_t i = 0; i < kvip_conf_rows_n; i++)
		if (kvip_conf_rows[i].scope == scope)
			kvip_conf_rows[i].type->render(&kvip_conf_rows[i], obj, o);
}

static void render_cluster(struct kvip_conf_out *o, const struct kvip_cluster_conf *cl)
{
	o->cluster = cl->name;
	kvip_conf_out_scope(o, KVIP_SCOPE_CLUSTER, cl);
	for (size_t i = 0; i < cl->n_advs; i++) {
		o->adv = cl->advs[i]->name;
		kvip_conf_out_scope(o, KVIP_SCOPE_ADV, cl->advs[i]);
	}
}

int kvip_conf_render(const struct kvip_conf *c, struct kvip_buf *out)
{
	struct kvip_conf_out o = { .buf = out };

	kvip_conf_out_scope(&o, KVIP_SCOPE_TOP, c);
	for (size_t i = 0; i < c->n_clusters; i++)
		render_cluster(&o, c->clusters[i]);
	return out->err;
}
