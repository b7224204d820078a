// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what can be said of the clusters' configuration only with their objects and local facts at
 * hand. Thread: T0, which takes the engine's lock; or whoever owns an engine without threads.
 */
#include "vip/kvip_cilium.h"
#include "vip/kvip_engine_priv.h"

#include <stdio.h>

/* Of a large table the first ones are looked at: the main loop waits for this (rules R5). */
#define MAX_VIPS_LOOKED_AT 10000

/* Does @e match a host route of its family? FRR: `le` bounds the length; `ge` alone leaves it open.
 */
static bool matches_host(const struct kvip_plist_entry *e, uint8_t bits)
{
	if (e->any)
		return true;
	if (e->le)
		return e->le >= bits;
	return e->ge || e->prefix.len == bits;
}

static void say_entry(const struct kvip_cluster_conf *conf, const struct kvip_plist_entry *e,
		      kvip_finding_fn *fn, void *ctx)
{
	struct kvip_finding f = { .kind = "prefix-list-no-host-route", .cluster = conf->name };
	uint8_t bits = kvip_addr_bits(&e->prefix.addr);
	char p[KVIP_PREFIX_STRLEN];

	kvip_prefix_render(&e->prefix, p);
	snprintf(f.object, sizeof(f.object), "prefix-list %.128s", conf->prefix_list);
	snprintf(
		f.text, sizeof(f.text),
		"cluster %s: %s: entry %lld permits %s and can match no host route: write `permit %s ge "
		"%u`",
		conf->name, f.object, (long long)e->seq, p, p, bits);
	fn(ctx, &f);
}

static bool has_range(const struct kvip_cluster_conf *conf, uint8_t family)
{
	for (size_t i = 0; i < conf->n_ranges; i++)
		if (conf->ranges[i].prefix.addr.family == family)
			return true;
	return false;
}

static void say_undefined(const struct kvip_cluster_conf *conf, uint8_t family, kvip_finding_fn *fn,
			  void *ctx)
{
	struct kvip_finding f = { .kind = "prefix-list-undefined", .cluster = conf->name };

	snprintf(f.object, sizeof(f.object), "prefix-list %.128s", conf->prefix_list);
	snprintf(f.text, sizeof(f.text),
		 "cluster %s: there is no `%s %s`: new VIPs are denied, present ones held",
		 conf->name, family == KVIP_IPV4 ? "ip" : "ipv6", f.object);
	fn(ctx, &f);
}

void kvip_plist_check(const struct kvip_cluster_conf *conf, const struct kvip_facts *facts,
		      kvip_finding_fn *fn, void *ctx)
{
	static const uint8_t families[] = { KVIP_IPV4, KVIP_IPV6 };

	for (size_t i = 0; conf->prefix_list && facts && i < 2; i++) {
		const struct kvip_plist *l;

		if (!has_range(conf, families[i]))
			continue;
		l = kvip_facts_plist(facts, conf->prefix_list, families[i]);
		if (!l)
			say_undefined(conf, families[i], fn, ctx);
		for (size_t k = 0; l && k < l->n; k++)
			if (l->entries[k].permit &&
			    !matches_host(&l->entries[k], l->family == KVIP_IPV4 ? 32 : 128))
				say_entry(conf, &l->entries[k], fn, ctx);
	}
}

/* A load balancer's address that its cluster routes. */
static bool is_assigned(const struct kvip_vip *v, const struct kvip_cluster *c)
{
	const struct kvip_claim *claim;

	if (!v->in_force || v->holder != c)
		return false;
	SLIST_FOREACH(claim, &v->claims, of_vip)
		if (claim->cluster == c && claim->reason == KVIP_REASON_SELECTED &&
		    claim->source == KVIP_SOURCE_LOADBALANCER)
			return true;
	return false;
}

static void check_pools(const struct kvip_cluster *c, kvip_finding_fn *fn, void *ctx)
{
	struct kvip_finding f = { .kind = "cilium-vip-without-pool", .cluster = c->name };
	const struct kvip_vip *first = NULL;
	char text[KVIP_ADDR_STRLEN];
	size_t n = 0, looked_at = 0;
	struct kvip_vip *v;

	if (kvip_cache_count(c->cache, KVIP_KIND_IP_POOL) == 0)
		return;
	for (v = kvip_vip_first(c->table); v && looked_at < MAX_VIPS_LOOKED_AT;
	     v = kvip_vip_next(v), looked_at++) {
		if (!is_assigned(v, c) || kvip_cilium_pool(c->cache, &v->prefix.addr))
			continue;
		first = first ? first : v;
		n++;
	}
	if (!first)
		return;
	snprintf(
		f.text, sizeof(f.text),
		"cluster %s: %zu VIPs are in no CiliumLoadBalancerIPPool, the first is %s: another "
		"allocator assigned them, or the pool has been changed",
		c->name, n, kvip_addr_render(&first->prefix.addr, text));
	fn(ctx, &f);
}

static void check_cluster(const struct kvip_cluster *c, kvip_finding_fn *fn, void *ctx)
{
	const struct kvip_cilium_view v = { .cache = c->cache,
					    .conf = c->configured,
					    .expanded = c->expanded,
					    .facts = c->table->facts,
					    .known = c->cilium_known };

	kvip_plist_check(c->configured, c->table->facts, fn, ctx);
	if (!c->configured->from_cilium)
		return;
	kvip_cilium_check(&v, fn, ctx);
	check_pools(c, fn, ctx);
}

void kvip_engine_check(struct kvip_engine *e, kvip_finding_fn *fn, void *ctx)
{
	struct kvip_cluster *c;

	kvip_engine_lock_t0(e);
	TAILQ_FOREACH(c, &e->table.clusters, of_table)
		if (!c->removed)
			check_cluster(c, fn, ctx);
	kvip_engine_unlock(e);
}
