// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what is right in every line of a configuration and still cannot work, or not as meant.
 *
 * Thread: any, on a published configuration. One sentence for each finding, which begins with where
 * it is and ends with what to do. Rules: rules R1 (distance), R2 (node mode), R3 (ranges).
 */
#include "vip/kvip_conf_impl.h"

#include <stdarg.h>
#include <stdio.h>

struct checker {
	void (*say)(void *ctx, const char *text);
	void *ctx;
};

static void KVIP_PRINTF(2, 3) say(const struct checker *k, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	k->say(k->ctx, text);
}

static void check_credentials(const struct checker *k, const struct kvip_cluster_conf *cl)
{
	bool own = cl->token_file || cl->cert_file;

	if (cl->kubeconfig && cl->in_cluster)
		say(k, "cluster %s: both kubeconfig and in-cluster: remove one of them", cl->name);
	if (cl->kubeconfig || cl->in_cluster)
		return;
	if (!cl->servers.n)
		say(k, "cluster %s: no API server: write a kubeconfig, server or in-cluster line",
		    cl->name);
	else if (!own)
		say(k,
		    "cluster %s: no credentials: write a kubeconfig, token-file or "
		    "client-certificate line",
		    cl->name);
	else if (!cl->ca_file)
		say(k,
		    "cluster %s: no ca-file: without it the servers cannot be checked and "
		    "nothing is sent",
		    cl->name);
}

static void check_ranges(const struct checker *k, const struct kvip_cluster_conf *cl)
{
	char text[KVIP_PREFIX_STRLEN];

	if (!cl->n_ranges)
		say(k, "cluster %s: no vip-range: no VIP is taken from it", cl->name);
	for (size_t i = 0; i < cl->n_ranges; i++) {
		const struct kvip_prefix *p = &cl->ranges[i].prefix;
		bool v4 = p->addr.family == KVIP_IPV4;

		if (p->len < (v4 ? 8 : 16))
			say(k,
			    "cluster %s: vip-range %s is very wide: name the networks VIPs come "
			    "from",
			    cl->name, kvip_prefix_render(p, text));
	}
}

static void check_adv(const struct checker *k, const struct kvip_cluster_conf *cl,
		      const struct kvip_adv_conf *a)
{
	bool settings = cl->from_cilium && kvip_conf_is_settings(a->name);

	if (!a->service_selector && !settings)
		say(k,
		    "cluster %s advertise %s: no service-selector: it selects nothing (`any` "
		    "selects everything)",
		    cl->name, a->name);
	if (a->distance >= 20)
		say(k,
		    "cluster %s advertise %s: distance %u loses to eBGP: a route learned from "
		    "the other router can "
		    "displace the VIP's and come and go; use 2 to 19",
		    cl->name, a->name, a->distance);
	if (a->table)
		say(k,
		    "cluster %s advertise %s: routes in table %u are kernel only: they are not "
		    "redistributed",
		    cl->name, a->name, a->table);
}

static const struct kvip_prefix *overlap(const struct kvip_cluster_conf *a,
					 const struct kvip_cluster_conf *b)
{
	for (size_t i = 0; i < a->n_ranges; i++) {
		for (size_t j = 0; j < b->n_ranges; j++) {
			if (kvip_prefix_covers(&a->ranges[i].prefix, &b->ranges[j].prefix))
				return &b->ranges[j].prefix;
			if (kvip_prefix_covers(&b->ranges[j].prefix, &a->ranges[i].prefix))
				return &a->ranges[i].prefix;
		}
	}
	return NULL;
}

static void check_overlaps(const struct checker *k, const struct kvip_conf *c, size_t i)
{
	const struct kvip_cluster_conf *a = c->clusters[i];
	char text[KVIP_PREFIX_STRLEN];

	for (size_t j = i + 1; j < c->n_clusters; j++) {
		const struct kvip_cluster_conf *b = c->clusters[j];
		const struct kvip_prefix *p = overlap(a, b);

		if (p)
			say(k,
			    "clusters %s and %s may both claim %s: whose it is says "
			    "`preference`, then the name",
			    a->name, b->name, kvip_prefix_render(p, text));
	}
}

static void check_reserved(const struct checker *k, const struct kvip_conf *c,
			   const struct kvip_cluster_conf *cl)
{
	char text[KVIP_PREFIX_STRLEN], by[KVIP_PREFIX_STRLEN];

	for (size_t i = 0; i < cl->n_ranges; i++)
		for (size_t j = 0; j < c->n_reserved; j++)
			if (kvip_prefix_covers(&c->reserved[j], &cl->ranges[i].prefix))
				say(k,
				    "cluster %s: vip-range %s lies in reserved-prefix %s: no "
				    "VIP of it is taken",
				    cl->name, kvip_prefix_render(&cl->ranges[i].prefix, text),
				    kvip_prefix_render(&c->reserved[j], by));
}

static void check_cluster(const struct checker *k, const struct kvip_conf *c, size_t i)
{
	const struct kvip_cluster_conf *cl = c->clusters[i];

	check_credentials(k, cl);
	check_ranges(k, cl);
	check_reserved(k, c, cl);
	if (!cl->n_advs && !cl->from_cilium)
		say(k, "cluster %s: no advertise block: nothing is selected", cl->name);
	for (size_t j = 0; j < cl->n_advs; j++)
		check_adv(k, cl, cl->advs[j]);
	check_overlaps(k, c, i);
}

void kvip_conf_check(const struct kvip_conf *c, void (*say_fn)(void *ctx, const char *text),
		     void *ctx)
{
	struct checker k = { .say = say_fn, .ctx = ctx };

	if (c->inject == KVIP_INJECT_BGP && !c->node_name)
		say(&k, "inject bgp: no node-name: write `kubevip node-name auto`");
	if (c->inject != KVIP_INJECT_BGP && c->node_name)
		say(&k, "node-name is used by `kubevip inject bgp` alone");
	for (size_t i = 0; i < c->n_clusters; i++)
		check_cluster(&k, c, i);
}
