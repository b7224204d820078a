// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what zebra's redistribution feed says of our routes, and of others in their place.
 *
 * Thread: T0. The feed shows the selected static route of a prefix in the main table, once the
 * kernel has it. Whose it is follows from the identity and the tag that were sent (rules R1): zebra
 * keeps one route of a kind, so that another tag under our identity means that ours is no longer
 * there.
 */
#include "vip/kvip_recon_priv.h"

/* A route that is swept again this soon after it was re-sent waits for the next tick. */
#define SWEPT_AGAIN_MS 100

/* The feed speaks of the main table: is this the identity that we hold there? */
static bool has_our_id(const struct recon_entry *e, const struct kvip_feed_route *f)
{
	return e->owned && e->id.table == 0 && f->distance == e->id.distance;
}

/* Does the feed show the route that we sent (or, after a restart, recorded)? */
static bool is_ours(const struct recon_entry *e, const struct kvip_feed_route *f)
{
	return has_our_id(e, f) && (f->tag == e->tag || f->tag == e->tag_before ||
				    (e->has_want && f->tag == e->want.tag));
}

static void confirmed(struct kvip_recon *r, struct recon_entry *e, const struct kvip_feed_route *f,
		      kvip_msec now)
{
	const struct kvip_nhset *nhs = kvip_nhset_get(r->deps.nhsets, f->nhs, f->n_nhs);

	if (nhs)
		recon_replace(&e->installed, nhs);
	e->installed_ms = now;
	e->foreign = false;
	e->refused = KVIP_REASON_NONE;
	recon_pending(r, e, false);
	kvip_history_installed(r->history, e->change, now);
	r->confirmations++;
	if (!SLIST_EMPTY(&e->olds))
		recon_dirty(r, e);
}

/* The identity besides the wanted one that the feed shows, or somebody in its place. */
static struct recon_old *shown_old(const struct recon_entry *e, const struct kvip_feed_route *f)
{
	struct recon_old *old;

	SLIST_FOREACH(old, &e->olds, link)
		if (old->id.table == 0 && old->id.distance == f->distance)
			return old;
	return NULL;
}

static void others(struct kvip_recon *r, struct recon_entry *e, const struct kvip_feed_route *f,
		   kvip_msec now)
{
	e->foreign = true;
	e->foreign_distance = f->distance;
	e->foreign_tag = f->tag;
	recon_replace(&e->installed, NULL);
	recon_pending(r, e, false);
	if (has_our_id(e, f)) { /* zebra keeps one of a kind: his has taken our place and is his */
		recon_note_change(r, e, KVIP_CHANGE_DISPLACED, now);
		recon_displaced(r, e);
	}
	if (e->has_want && (!e->owned || r->inject != KVIP_INJECT_ZEBRA))
		recon_dirty(r, e);
}

void kvip_recon_feed_add(struct kvip_recon *r, const struct kvip_feed_route *f, kvip_msec now)
{
	bool host = f->prefix.len == kvip_addr_bits(&f->prefix.addr); /* as every VIP is */
	struct recon_entry *e = recon_find(r, f->vrf_id, &f->prefix);
	struct kvip_marks before;
	struct recon_old *old;

	if (!e && host)
		e = recon_get(r, f->vrf_id, &f->prefix);
	if (!e)
		return;
	recon_renew(r, e);
	before = recon_marks(r, e);
	old = shown_old(e, f);
	if (old && old->tag != f->tag &&
	    old->tag_before != f->tag) { /* his has taken its place: it is not ours to delete */
		recon_displaced_old(r, e, old);
		old = NULL;
	}
	if (is_ours(e, f))
		confirmed(r, e, f, now);
	else if (old)
		e->foreign = false; /* ours, until the wanted one is confirmed */
	else if (host)
		others(r, e, f, now);
	recon_compare_marks(r, e, &before);
}

static void swept(struct kvip_recon *r, struct recon_entry *e, kvip_msec now)
{
	e->swept++;
	r->swept++;
	recon_replace(&e->sent, NULL);
	recon_note_change(r, e, KVIP_CHANGE_SWEPT, now);
	if (e->swept > 1 && now - e->swept_ms < SWEPT_AGAIN_MS)
		r->some_held_back = e->held_back = true;
	else
		recon_dirty(r, e);
	e->swept_ms = now;
}

void kvip_recon_feed_del(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p,
			 kvip_msec now)
{
	struct recon_entry *e = recon_find(r, vrf_id, p);
	struct kvip_marks before;
	bool was_installed;

	if (!e ||
	    e->owned) /* not our own doing: it may be staticd's end, which sweeps every table */
		r->tables_swept = true;
	if (!e)
		return;
	recon_renew(r, e);
	was_installed = e->installed != NULL;
	before = recon_marks(r, e);
	e->foreign = false;
	recon_compare_marks(r, e, &before);
	e->refused = KVIP_REASON_NONE;
	recon_replace(&e->installed, NULL);
	if (e->has_want && e->owned && e->sent && was_installed)
		swept(r, e, now);
	else if (e->has_want) /* what stood in its way is gone, a sweep may have taken it along */
		recon_dirty(r, e);
	if (e->has_want)
		recon_node_again(r, e, now);
	else
		recon_drop_if_idle(r, e);
}
