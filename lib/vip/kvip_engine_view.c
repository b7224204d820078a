// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what `show` sees: VIPs, claims, clusters, counts. Thread: T0, which takes the engine's lock.
 *
 * Everything is lent for the time of one callback. Without memory for the list of a VIP's claims the
 * VIP is shown without them.
 */
#include "vip/kvip_engine_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINNER_STRLEN 640

static const char *kind_name(const struct kvip_owner *o)
{
	return kvip_kinds[o->e.kind].kind;
}

static const char *by_name(uint8_t by)
{
	switch (by) {
	case KVIP_BY_SERVICE:
		return "service labels";
	case KVIP_BY_GATEWAY:
		return "gateway labels";
	default:
		return NULL;
	}
}

static const char *block_name(const struct kvip_cluster *c, int block)
{
	if (block < 0 || !c->nodes || (size_t)block >= c->nodes->n_sets)
		return NULL;
	return c->nodes->sets[block]->block;
}

/* What a claim view says of its owner. */
static struct kvip_claim_view view_owner(const struct kvip_cluster *c, const struct kvip_owner *o)
{
	const struct kvip_meta *m = &o->e.obj->meta;
	struct kvip_claim_view v = { .cluster = c->name,
				     .kind = kind_name(o),
				     .ns = m->ns,
				     .name = m->name,
				     .created_s = m->created_s };

	if (o->e.kind == KVIP_KIND_SERVICE) {
		v.gateway = o->e.obj->service.gateway;
		v.local = o->e.obj->service.local;
	}
	return v;
}

static struct kvip_claim_view view_claim(const struct kvip_claim *claim,
					 const struct kvip_claim *winner, const char *winner_text)
{
	struct kvip_claim_view v = view_owner(claim->cluster, claim->owner);

	v.addr = &claim->vip->prefix.addr;
	v.reason = (enum kvip_reason)claim->reason;
	v.warning = (enum kvip_reason)claim->warning;
	v.advertise = block_name(claim->cluster, claim->block);
	v.source = kvip_source_name((enum kvip_source)claim->source);
	v.selected_by = by_name(claim->by);
	v.nhs = claim->nhs;
	v.endpoints_usable = claim->usable;
	v.endpoints_total = claim->total;
	if (v.reason != KVIP_REASON_SELECTED)
		return v;
	if (winner ? !kvip_claim_shares(claim, winner) : claim->vip->as_restored) {
		v.reason = KVIP_REASON_HELD_BY_OTHER;
		v.winner = winner_text;
	} else if (!winner) {
		v.reason = (enum kvip_reason)claim->vip->reason;
	}
	return v;
}

static void describe_winner(const struct kvip_vip *vip, const struct kvip_claim *w,
			    char buf[WINNER_STRLEN])
{
	const struct kvip_meta *m;

	buf[0] = '\0';
	if (w) {
		m = &w->owner->e.obj->meta;
		snprintf(buf, WINNER_STRLEN, "%s/%s %s/%s", w->cluster->name, kind_name(w->owner), m->ns,
			 m->name);
	} else if (vip->restored) {
		snprintf(buf, WINNER_STRLEN, "%s (restored)", vip->restored->cluster);
	}
}

/* The holder's claims first, then in the order of rules R3, those that do not count last. */
static const struct kvip_claim *sort_winner; /* under the engine's lock; qsort(3) has no context */

static int claim_sort_cmp(const void *a, const void *b)
{
	const struct kvip_claim *x = *(const struct kvip_claim *const *)a;
	const struct kvip_claim *y = *(const struct kvip_claim *const *)b;
	bool hx = sort_winner && kvip_claim_shares(x, sort_winner) &&
		  x->reason == KVIP_REASON_SELECTED;
	bool hy = sort_winner && kvip_claim_shares(y, sort_winner) &&
		  y->reason == KVIP_REASON_SELECTED;
	bool cx = kvip_reason_counts((enum kvip_reason)x->reason);
	bool cy = kvip_reason_counts((enum kvip_reason)y->reason);

	if (hx != hy)
		return hx ? -1 : 1;
	if (cx != cy)
		return cx ? -1 : 1;
	return kvip_claim_cmp(x, y);
}
