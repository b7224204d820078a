// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the model in libfrr: how it gets there, and which callback each of its nodes has.
 *
 * Thread: T0, while the daemon starts. Callbacks are found by walking the schema and not listed by
 * hand: configuration nodes all have the same ones (kvf_yang_commit.c), operational ones those of
 * a table (kvf_yang_state.c). A node without any is an error here, not an exit in libfrr.
 *
 * bgpd's libfrr has its models before a module may speak (frr_late_init), and the function that
 * makes northbound nodes for one model is static. nb_nodes_create() makes them for every
 * implemented module and insists on having none yet: so the others are marked as not implemented
 * while it runs.
 *
 * Sources: FRR 8.4.4, lib/northbound.c (nb_init, nb_nodes_create, nb_load_callbacks,
 * nb_validate_callbacks), lib/yang.c (yang_module_load, yang_module_imp_clb).
 */
#include <zebra.h>

#include "frr/kvf_yang_priv.h"

#include "frr/kvf_compat_yang.h"

#include "northbound_cli.h"

#include <errno.h>

#define MAX_MODULES 256

static struct yang_module_embed embed = {
	.mod_name = KVF_YANG_MODULE,
	.mod_rev = "",
	.data = kvf_yang_model,
	.format = LYS_IN_YANG,
};

static struct frr_yang_module_info *info;
static const struct kvf_yang_hooks *hooks;

const struct kvf_yang_hooks *kvf_yang_hooks(void)
{
	return hooks;
}

void kvf_yang_set_hooks(const struct kvf_yang_hooks *h)
{
	hooks = h;
}

/* ---- a callback for each node ---- */

/* An element of frr_yang_module_info.nodes, whose type has no name and is const. */
struct info_node {
	const char *xpath;
	struct nb_callbacks cbs;
	uint32_t priority;
};
_Static_assert(sizeof(struct info_node) == sizeof(((struct frr_yang_module_info *)0)->nodes[0]),
	       "frr_yang_module_info.nodes is as it was");

struct filler {
	size_t n, size;
	struct kvip_err *err; /* "": all is well */
};

static bool callbacks_of(const struct lysc_node *s, struct nb_callbacks *cbs)
{
	if (s->nodetype & (LYS_RPC | LYS_ACTION))
		return kvf_yang_rpc_cbs(s, cbs);
	if (s->flags & LYS_CONFIG_W)
		return kvf_yang_conf_cbs(s, cbs) && kvf_yang_state_cbs(s, cbs);
	if (s->flags & LYS_CONFIG_R)
		return kvf_yang_state_cbs(s, cbs);
	return true; /* of an RPC or a notification */
}

static int add_node(const struct lysc_node *s, void *arg)
{
	struct info_node node = { 0 };
	struct filler *f = arg;
	char xpath[XPATH_MAXLEN];

	if (s->nodetype & (LYS_CHOICE | LYS_CASE | LYS_INPUT | LYS_OUTPUT))
		return YANG_ITER_CONTINUE;
	if (lysc_path(s, LYSC_PATH_DATA, xpath, sizeof(xpath)) && f->n < f->size)
		node.xpath = kvip_strdup(xpath);
	if (!node.xpath) {
		kvip_err_set(f->err, -ENOMEM, "out of memory for the model");
		return YANG_ITER_STOP;
	}
	if (!callbacks_of(s, &node.cbs))
		kvip_err_set(f->err, -EINVAL, "the model has %s, of which the code knows nothing",
			     node.xpath);
	memcpy((void *)(uintptr_t)&info->nodes[f->n++], &node, sizeof(node));
	return f->err->text[0] ? YANG_ITER_STOP : YANG_ITER_CONTINUE;
}

static int count_node(const struct lysc_node *s, void *arg)
{
	(void)s;
	(*(size_t *)arg)++;
	return YANG_ITER_CONTINUE;
}

/* Data, RPCs and notifications of one module; FRR's own walk is over its native context alone. */
static int each_node(const struct lys_module *m, yang_iterate_cb fn, void *arg)
{
	const struct lysc_node *top, *tops[] = {
		m->compiled->data,
		(const struct lysc_node *)m->compiled->rpcs,
		(const struct lysc_node *)m->compiled->notifs,
	};

	for (size_t i = 0; i < array_size(tops); i++)
		LY_LIST_FOR(tops[i], top)
	if (yang_snodes_iterate_subtree(top, NULL, fn, 0, arg) == YANG_ITER_STOP)
		return YANG_ITER_STOP;
	return YANG_ITER_CONTINUE;
}

static int fill(const struct lys_module *m, struct kvip_err *err)
{
	struct filler f = { .err = err };

	err->text[0] = '\0';
	each_node(m, count_node, &f.size);
	info = kvip_calloc(1, sizeof(*info) + (f.size + 1) * sizeof(struct info_node));
	if (!info)
		return kvip_err_set(err, -ENOMEM, "out of memory for the model");
	info->name = KVF_YANG_MODULE;
	if (each_node(m, add_node, &f) != YANG_ITER_STOP)
		return 0;
	for (size_t i = 0; i < f.n; i++)
		kvip_free((char *)(uintptr_t)info->nodes[i].xpath);
	kvip_free(info);
	info = NULL;
	return -EINVAL;
}

/* To libfrr, which need not find the file then. */
static void offer(const struct lys_module *m)
{
	char *revision = kvip_strdup(m->revision);

	if (revision)
		embed.mod_rev = revision;
	yang_module_embed(&embed);
}

/* In a context of its own: a model that does not load harms nobody there. */
const struct frr_yang_module_info *kvf_yang_info(struct kvip_err *err)
{
	struct ly_ctx *aside = NULL;
	struct lys_module *m;

	if (info)
		return info;
	if (ly_ctx_new(NULL, LY_CTX_NO_YANGLIBRARY | LY_CTX_DISABLE_SEARCHDIRS, &aside)) {
		kvip_err_set(err, -ENOMEM, "libyang gives no context for the model");
		return NULL;
	}
	if (lys_parse_mem(aside, kvf_yang_model, LYS_IN_YANG, &m))
		kvip_err_set(err, -EINVAL,
			     "libyang does not read the model " KVF_YANG_MODULE ": %s",
			     ly_errmsg(aside) ? ly_errmsg(aside) : "no reason given");
	else if (!fill(m, err))
		offer(m);
	ly_ctx_destroy(aside);
	return info;
}

/* ---- into a libfrr that runs already ---- */

static int make_nodes(const struct lys_module *ours, struct kvip_err *err)
{
	struct lys_module *others[MAX_MODULES], *m;
	uint32_t at = 0;
	size_t n = 0;

	while ((m = ly_ctx_get_module_iter(ly_native_ctx, &at)) && n < MAX_MODULES)
		if (m != ours && m->implemented)
			others[n++] = m;
	if (m)
		return kvip_err_set(err, -E2BIG, "libyang has more than %d modules", MAX_MODULES);
	for (size_t i = 0; i < n; i++)
		others[i]->implemented = 0;
	nb_nodes_create();
	for (size_t i = 0; i < n; i++)
		others[i]->implemented = 1;
	return 0;
}

static int set_callbacks(struct kvip_err *err)
{
	for (size_t i = 0; info->nodes[i].xpath; i++) {
		struct nb_node *n = nb_node_find(info->nodes[i].xpath);

		if (!n)
			return kvip_err_set(err, -EINVAL, "libfrr has no node %s",
					    info->nodes[i].xpath);
		n->cbs = info->nodes[i].cbs;
	}
	return 0;
}

/* Trees that were made before the model came have none of its nodes yet. */
static void add_defaults(const struct lys_module *m)
{
	lyd_new_implicit_module(&running_config->dnode, m, LYD_IMPLICIT_NO_STATE, NULL);
	lyd_new_implicit_module(&vty_shared_candidate_config->dnode, m, LYD_IMPLICIT_NO_STATE,
				NULL);
}

int kvf_yang_init_module(struct kvip_err *err)
{
	const struct lys_module *m;
	int rc;

	if (!kvf_yang_info(err))
		return -EINVAL;
	if (yang_module_find(KVF_YANG_MODULE))
		return kvip_err_set(err, -EEXIST, "the model " KVF_YANG_MODULE " is there already");
	m = ly_ctx_load_module(ly_native_ctx, KVF_YANG_MODULE, NULL, NULL);
	if (!m)
		return kvip_err_set(
			err, -EINVAL, "libyang does not load the model " KVF_YANG_MODULE ": %s",
			ly_errmsg(ly_native_ctx) ? ly_errmsg(ly_native_ctx) : "no reason given");
	kvf_yang_module_load(KVF_YANG_MODULE); /* finds it loaded: no exit */
	rc = make_nodes(m, err);
	if (!rc)
		rc = set_callbacks(err);
	if (!rc)
		add_defaults(m);
	return rc;
}
