// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: owners and their claims.
 *
 * Job: ask selection about every address an owner names inside its cluster's ranges, and keep the
 * answers as claims on VIPs. What lies in no range is no claim and costs no memory: it never counts
 * (rules R3), and `show` asks selection again; it is only counted, like every refusal. Thread: T1.
 *
 * Invariant: an owner has at most one claim on a VIP. A change of any claim leaves its VIP dirty;
 * so does every look at an owner, because its place in the order (creationTimestamp, uid) or the
 * block's tag may have changed under an equal answer.
 *
 * A claim remembers its last next hops by usable endpoints: they may have to be held when all
 * kubelets fall silent. The first of them to do so could not be told from a node that died alone,
 * and its VIP was withdrawn: within KVIP_LAST_GOOD_WINDOW_MS it comes back with the others'. After
 * a restart in the middle of it the restored route says what was.
 */
#include "vip/kvip_table_priv.h"

#include <errno.h>

struct kvip_select kvip_table_select(const struct kvip_cluster *c)
{
	const struct kvip_table *t = c->table;

	return (struct kvip_select){ .conf = t->conf,
				     .cluster = c->conf,
				     .facts = t->facts,
				     .taken = t->taken,
				     .n_taken = t->n_taken,
				     .servers = t->servers,
				     .nodes = c->nodes,
				     .nhsets = t->nhsets,
				     .api_lost = c->api_lost,
				     .cilium_unknown = c->conf && c->conf->from_cilium &&
						       !c->cilium_known };
}

static void count_refusal(struct kvip_cluster *c, uint8_t reason, int by)
{
	if (kvip_reason_refuses((enum kvip_reason)reason))
		c->refused[reason] += (size_t)by;
}

static void count_outside(struct kvip_cluster *c, struct kvip_owner *o, uint16_t n)
{
	count_refusal(c, KVIP_REASON_OUT_OF_RANGE, n - o->n_outside);
	o->n_outside = n;
}

static void claim_free(struct kvip_table *t, struct kvip_claim *claim)
{
	count_refusal(claim->cluster, claim->reason, -1);
	SLIST_REMOVE(&claim->vip->claims, claim, kvip_claim, of_vip);
	SLIST_REMOVE(&claim->owner->claims, claim, kvip_claim, of_owner);
	kvip_vip_dirty(t, claim->vip);
	kvip_nhset_unref(claim->nhs);
	kvip_nhset_unref(claim->last);
	kvip_free(claim);
}

void kvip_owner_drop_claims(struct kvip_cluster *c, struct kvip_owner *o)
{
	while (!SLIST_EMPTY(&o->claims))
		claim_free(c->table, SLIST_FIRST(&o->claims));
	count_outside(c, o, 0);
}

static struct kvip_claim *claim_find(struct kvip_owner *o, const struct kvip_prefix *p)
{
	struct kvip_claim *claim;

	SLIST_FOREACH(claim, &o->claims, of_owner)
		if (kvip_prefix_cmp(&claim->vip->prefix, p) == 0)
			return claim;
	return NULL;
}

/* A claim without an answer yet, on a VIP that may be new, too. */
static struct kvip_claim *claim_new(struct kvip_cluster *c, struct kvip_owner *o,
				    const struct kvip_prefix *p)
{
	struct kvip_claim *claim = kvip_calloc(1, sizeof(*claim));
	struct kvip_vip *v = claim ? kvip_vip_get(c->table, p) : NULL;

	if (!v) {
		kvip_free(claim);
		return NULL;
	}
	claim->vip = v;
	claim->owner = o;
	claim->cluster = c;
	SLIST_INSERT_HEAD(&v->claims, claim, of_vip);
	SLIST_INSERT_HEAD(&o->claims, claim, of_owner);
	return claim;
}

/* Next hops of @claim by endpoints that are usable, or were not long ago. */
static const struct kvip_nhset *last_good(const struct kvip_claim *claim, kvip_msec now)
{
	if (claim->nhs && !claim->held)
		return claim->nhs;
	if (claim->held || now - claim->last_ms <= KVIP_LAST_GOOD_WINDOW_MS)
		return claim->last;
	return NULL;
}

struct kvip_before kvip_claim_before(const struct kvip_cluster *c, const struct kvip_vip *v,
				     const struct kvip_claim *claim)
{
	struct kvip_before b = { .present = v && v->in_force && v->holder == c };

	if (claim)
		b.nhs = last_good(claim, c->table->now);
	if (!b.nhs && b.present && v->as_restored)
		b.nhs = v->nhs;
	return b;
}

/* Before @claim gets the answer @res. @good: what kvip_claim_before() said. */
static void claim_remember(struct kvip_claim *claim, const struct kvip_selected *res,
			   const struct kvip_nhset *good, kvip_msec now)
{
	if (res->nhs && !res->held)
		good = NULL;
	if (good)
		kvip_nhset_ref(good);
	if (claim->nhs || !claim->last)
		claim->last_ms = now;
	kvip_nhset_unref(claim->last);
	claim->last = good;
}

static void claim_set(struct kvip_table *t, struct kvip_claim *claim, const struct kvip_wanted *w,
		      const struct kvip_selected *res)
{
	kvip_nhset_unref(claim->nhs);
	claim->nhs = res->nhs;
	claim->held = res->held;
	claim->usable = res->usable;
	claim->total = res->total;
	claim->block = res->block;
	claim->source = w->source;
	count_refusal(claim->cluster, claim->reason, -1);
	claim->reason = res->reason;
	count_refusal(claim->cluster, claim->reason, 1);
	claim->warning = res->warning;
	claim->by = res->by;
	claim->seen = true;
	kvip_vip_dirty(t, claim->vip);
}

/* The same address from two sources (status and externalIPs, say): the first that counts. */
static int evaluate_wanted(struct kvip_cluster *c, struct kvip_owner *o,
			   const struct kvip_select *s, const struct kvip_wanted *w)
{
	struct kvip_prefix p = kvip_prefix_host(&w->addr);
	struct kvip_claim *claim = claim_find(o, &p);
	struct kvip_before before;
	struct kvip_selected res;
	const struct kvip_vip *v;
	int rc;

	if (claim && claim->seen && kvip_reason_counts((enum kvip_reason)claim->reason))
		return 0;
	v = claim ? claim->vip : kvip_vip_find(c->table, &p);
	before = kvip_claim_before(c, v, claim);
	rc = kvip_select_claim(s, o, w, &before, &res);
	if (rc)
		return rc;
	if (claim && claim->seen && !kvip_reason_counts((enum kvip_reason)res.reason))
		return 0;
	if (!claim)
		claim = claim_new(c, o, &p);
	if (!claim) {
		kvip_nhset_unref(res.nhs);
		return -ENOMEM;
	}
	claim_remember(claim, &res, before.nhs, c->table->now);
	claim_set(c->table, claim, w, &res);
	return 0;
}

static void drop_unseen(struct kvip_table *t, struct kvip_owner *o)
{
	struct kvip_claim *claim, *next;

	for (claim = SLIST_FIRST(&o->claims); claim; claim = next) {
		next = SLIST_NEXT(claim, of_owner);
		if (!claim->seen)
			claim_free(t, claim);
	}
}

int kvip_owner_evaluate(struct kvip_cluster *c, struct kvip_owner *o)
{
	struct kvip_wanted wanted[KVIP_MAX_WANTED];
	struct kvip_claim *claim;
	struct kvip_select s;
	uint16_t n_outside = 0;
	size_t n;
	int rc;

	if (c->removed) {
		kvip_owner_drop_claims(c, o);
		return 0;
	}
	s = kvip_table_select(c);
	n = kvip_select_wanted(c->conf, o, wanted);
	SLIST_FOREACH(claim, &o->claims, of_owner)
		claim->seen = false;
	for (size_t i = 0; i < n; i++) {
		if (kvip_select_range(c->conf, NULL, &wanted[i].addr, NULL) != KVIP_REASON_NONE) {
			n_outside++;
			continue;
		}
		rc = evaluate_wanted(c, o, &s, &wanted[i]);
		if (rc)
			return rc;
	}
	count_outside(c, o, n_outside);
	drop_unseen(c->table, o);
	return 0;
}
