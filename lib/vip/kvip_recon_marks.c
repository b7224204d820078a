// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler and what bgpd's route-maps ask of its routes. Thread: T0.
 *
 * Marks are no part of a route: when they change alone, nothing is sent, the state file gets a new
 * line, and the prefix is listed for the host. A VIP whose route has not been sent yet is not
 * listed: bgpd meets it for the first time after its marks are here.
 *
 * An operator's static route that stands at the VIP's prefix is not ours, whatever the labels of
 * the VIP say: such a prefix matches nothing until the route has gone.
 */
#include "vip/kvip_recon_priv.h"

#include <string.h>

/* The static route that others are told of at this prefix is not ours. Another process of this
 * router that injects the same VIP (standby) sends what we would send. */
static bool is_hidden(const struct kvip_recon *r, const struct recon_entry *e)
{
	if (!e->foreign || e->epoch != r->epoch)
		return false;
	return e->foreign_distance != e->want.id.distance || e->foreign_tag != e->want.tag;
}

struct kvip_marks recon_marks(const struct kvip_recon *r, const struct recon_entry *e)
{
	static const struct kvip_marks none;

	return (e->has_want || e->owned) && !is_hidden(r, e) ? e->want.marks : none;
}

bool kvip_recon_marks(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p,
		      struct kvip_marks *out)
{
	const struct recon_entry *e = recon_find(r, vrf_id, p);

	if (!e || !(e->has_want || e->owned) || is_hidden(r, e))
		return false;
	*out = e->want.marks;
	return true;
}

void recon_compare_marks(struct kvip_recon *r, struct recon_entry *e,
			 const struct kvip_marks *before)
{
	struct kvip_marks after;

	if (!r->deps.marks_matter || e->marked)
		return;
	if ((r->active || r->inject == KVIP_INJECT_BGP) && !e->owned && !e->in_node && !e->foreign)
		return; /* nobody has met it yet */
	after = recon_marks(r, e);
	if (!r->deps.marks_matter(r->deps.marks_ctx, before, &after))
		return;
	e->marked = true;
	TAILQ_INSERT_TAIL(&r->marked, e, in_marked);
	if (r->n_marked++ == 0)
		r->deps.marked(r->deps.marks_ctx);
}

void recon_put_marks(struct kvip_recon *r, struct recon_entry *e, const struct kvip_marks *marks)
{
	/* the file has the route as it is (is_decided_so), so that this line claims nothing new */
	bool same = memcmp(e->want.marks.w, marks->w, sizeof(marks->w)) == 0;

	e->want.marks = *marks;
	if (!same && r->deps.state && kvip_state_own(r->deps.state, &e->want))
		kvip_log(r->deps.log, KVIP_LOG_ERROR, "out of memory for the state file");
}

void recon_unmark(struct kvip_recon *r, struct recon_entry *e)
{
	if (!e->marked)
		return;
	e->marked = false;
	r->n_marked--;
	TAILQ_REMOVE(&r->marked, e, in_marked);
}

size_t kvip_recon_marked(const struct kvip_recon *r)
{
	return r->n_marked;
}

size_t kvip_recon_size(const struct kvip_recon *r)
{
	return r->entries;
}

bool kvip_recon_take_marked(struct kvip_recon *r, uint32_t *vrf_id, struct kvip_prefix *out)
{
	struct recon_entry *e = TAILQ_FIRST(&r->marked);

	if (!e)
		return false;
	recon_unmark(r, e);
	*vrf_id = e->vrf_id;
	*out = e->prefix;
	return true;
}

bool kvip_recon_resend(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p)
{
	struct recon_entry *e = recon_find(r, vrf_id, p);
	bool reaches;

	if (!e || !e->has_want || is_hidden(r, e))
		return false;
	reaches = r->active && r->up && e->sent && e->epoch == r->epoch;
	if (!reaches && r->inject != KVIP_INJECT_BGP)
		return false;
	recon_dirty(r, e);
	return true;
}
