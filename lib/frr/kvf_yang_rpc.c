// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: orders as RPCs of the model. Commands give their orders through the RPC as well, so that
 * there is one way. Thread: T0. Keeps nothing.
 *
 * Source: FRR 8.4.4, lib/northbound.c (nb_callback_rpc); ripd/rip_nb_rpcs.c for the form of input.
 */
#include <zebra.h>

#include "frr/kvf_yang_priv.h"

#include "linklist.h"

#include <errno.h>

static const struct {
	const char *name;
	enum kvf_order order;
} rpcs[] = {
	{ "flush", KVF_ORDER_FLUSH },
	{ "clear-flush", KVF_ORDER_CLEAR_FLUSH },
	{ "relist", KVF_ORDER_RELIST },
	{ "accept-withdrawals", KVF_ORDER_ACCEPT },
	{ "clear-orphans", KVF_ORDER_CLEAR_ORPHANS },
};

#define XPATH(name, buf) snprintf(buf, sizeof(buf), "/" KVF_YANG_MODULE ":%s", name)

/* Clients write it with and without the level `input`. */
static const char *cluster_of(const struct list *input)
{
	const struct yang_data *data;
	struct listnode *n;

	if (!input)
		return NULL;
	for (ALL_LIST_ELEMENTS_RO(input, n, data)) {
		const char *leaf = strrchr(data->xpath, '/');

		if (leaf && strcmp(leaf, "/cluster") == 0)
			return data->value;
	}
	return NULL;
}

static int run(enum kvf_order what, const char *cluster, struct kvip_err *err)
{
	if (!kvf_yang_hooks())
		return kvip_err_set(err, -EAGAIN, "still starting: say it again in a moment");
	if (what == KVF_ORDER_RELIST && !cluster)
		return kvip_err_set(err, -EINVAL, "relist: name the cluster");
	return kvf_yang_hooks()->order(what, cluster, err);
}

static int rpc(struct nb_cb_rpc_args *args)
{
	struct kvip_err err = { "" };
	char xpath[64];

	for (size_t i = 0; i < array_size(rpcs); i++) {
		int rc;

		XPATH(rpcs[i].name, xpath);
		if (strcmp(args->xpath, xpath) != 0)
			continue;
		rc = run(rpcs[i].order, cluster_of(args->input), &err);
		snprintf(args->errmsg, args->errmsg_len, "%s", err.text);
		return rc ? NB_ERR : NB_OK;
	}
	return NB_ERR_NOT_FOUND;
}

bool kvf_yang_rpc_cbs(const struct lysc_node *s, struct nb_callbacks *cbs)
{
	for (size_t i = 0; i < array_size(rpcs); i++)
		if (strcmp(rpcs[i].name, s->name) == 0)
			cbs->rpc = rpc;
	return cbs->rpc != NULL;
}

static int call(const char xpath[64], const char *arg, struct kvip_err *err)
{
	struct nb_node *node = nb_node_find(xpath);
	struct list *input = yang_data_list_new(), *output = yang_data_list_new();
	char leaf[96];
	int rc = -EINVAL;

	snprintf(leaf, sizeof(leaf), "%s/cluster", xpath);
	if (arg)
		listnode_add(input, yang_data_new(leaf, arg));
	err->text[0] = '\0';
	if (!node)
		kvip_err_set(err, rc, "the model " KVF_YANG_MODULE " is not loaded");
	else if (nb_callback_rpc(node, xpath, input, output, err->text, sizeof(err->text)) == NB_OK)
		rc = 0;
	list_delete(&input);
	list_delete(&output);
	return rc;
}

int kvf_yang_order(enum kvf_order what, const char *arg, struct kvip_err *err)
{
	char xpath[64];

	for (size_t i = 0; i < array_size(rpcs); i++) {
		if (rpcs[i].order != what)
			continue;
		XPATH(rpcs[i].name, xpath);
		return call(xpath, arg, err);
	}
	return kvip_err_set(err, -EINVAL, "no such order");
}
