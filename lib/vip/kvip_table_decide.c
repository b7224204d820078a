// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the decision about one VIP.
 *
 * Job: compare who should hold it with what is in force. A route that differs is announced at once;
 * a VIP that nobody holds is queued for the end of the batch: PENDING when the cluster's side is
 * the cause, NOW when the operator is. Thread: T1.
 *
 * "The cause is the operator" (rules R4) means: the batch was opened by a configuration or by
 * facts, which are only taken over when nothing from the API is left undecided, so that what
 * vanishes in it vanishes because of them. A VIP that the guard already held does not profit from
 * that, unless today's configuration does not let the cluster have it at all.
 */
#include "vip/kvip_table_priv.h"

#include <errno.h>

/* A restored entry whose time is over: the operator dismissed it, or its cluster can speak for
 * itself. */
static void settle_restored(struct kvip_table *t, struct kvip_vip *v)
{
	struct kvip_cluster *c;

	if (!v->restored)
		return;
	c = kvip_restored_cluster(t, v->restored);
	if (c != v->holder && !(v->restored->dismissed && v->holder))
		kvip_vip_set_holder(t, v, c);
	if (v->restored->dismissed || (c && (c->live || c->conf->shutdown)))
		kvip_restored_forget(v);
}

static enum kvip_reason refusal(const struct kvip_cluster *c, const struct kvip_vip *v)
{
	struct kvip_select s = kvip_table_select(c);
	enum kvip_reason r = kvip_select_address(&s, NULL, &v->prefix.addr);

	return r != KVIP_REASON_NONE ? r : kvip_select_plist(&s, &v->prefix.addr, true);
}

bool kvip_vip_allowed(const struct kvip_cluster *c, const struct kvip_vip *v)
{
	enum kvip_reason r;

	if (c->removed || c->api_lost || c->conf->shutdown)
		return false;
	r = refusal(c, v);
	return r == KVIP_REASON_NONE || r == KVIP_REASON_PREFIX_LIST_HOLDS;
}

/* Does the configuration, or what FRR knows of this router, refuse the address? A node's address
 * does not count: that is the cluster's doing. */
static bool operator_refuses(const struct kvip_cluster *c, const struct kvip_vip *v)
{
	switch (refusal(c, v)) {
	case KVIP_REASON_NONE:
	case KVIP_REASON_PREFIX_LIST_HOLDS:
	case KVIP_REASON_NODE_ADDRESS:
	case KVIP_REASON_API_SERVER_ADDRESS:
		return false;
	default:
		return true;
	}
}

/* May the withdrawal of @v pass the guard? */
static bool passes_guard(const struct kvip_table *t, const struct kvip_vip *v)
{
	const struct kvip_cluster *h = v->holder;

	if (!h || v->was_now || h->removed || h->api_lost || h->conf->shutdown)
		return true;
	if (t->cause == KVIP_CAUSE_OPERATOR && !v->was_pending)
		return true;
	return operator_refuses(h, v);
}

static void note_pick(struct kvip_table *t, struct kvip_vip *v, const struct kvip_pick *p)
{
	t->n_conflicts += (size_t)p->conflict - (size_t)v->conflict;
	t->conflicts_begun += p->conflict && !v->conflict;
	t->n_over_limit += (size_t)p->over_limit - (size_t)v->over_limit;
	v->conflict = p->conflict;
	v->over_limit = p->over_limit;
	v->reason = p->reason;
	kvip_vip_warn(t, v, (enum kvip_reason)p->warning);
}

static bool debugging(const struct kvip_table *t)
{
	return t->log && (atomic_load_explicit(&t->log->debug_mask, memory_order_relaxed) &
			  (1u << KVIP_DEBUG_SELECT));
}

/* One line of `debug kubevip select`. */
static void debug_decision(const struct kvip_table *t, const struct kvip_vip *v, const char *what)
{
	char p[KVIP_PREFIX_STRLEN];

	if (!debugging(t))
		return;
	kvip_debug(t->log, KVIP_DEBUG_SELECT, "%s: %s, cluster %s, %s%s%s",
		   kvip_prefix_render(&v->prefix, p), what, v->holder ? v->holder->name : "-",
		   kvip_reason_info((enum kvip_reason)v->reason)->word, v->warning ? ", " : "",
		   v->warning ? kvip_reason_info((enum kvip_reason)v->warning)->word : "");
}

static void decided(struct kvip_table *t, struct kvip_vip *v, enum kvip_vip_queue queue)
{
	v->was_pending = false;
	v->was_now = false;
	kvip_vip_enqueue(t, v, queue);
}

static bool same_as_in_force(const struct kvip_vip *v, const struct kvip_route *r,
			     const struct kvip_cluster *holder)
{
	return v->in_force && v->told && v->nhs == r->nhs && v->tag == r->tag &&
	       v->table == r->id.table && v->distance == r->id.distance &&
	       v->resolution == r->resolution && v->holder == holder &&
	       v->as_restored == r->restored && v->through_self == r->through_self;
}

/* Announce @r, taking its reference whatever comes of it. */
static int put_in_force(struct kvip_table *t, struct kvip_vip *v, const struct kvip_route *r,
			struct kvip_cluster *holder)
{
	bool same = same_as_in_force(v, r, holder);
	int rc = 0;

	if (!same || !kvip_marks_equal(&v->marks, &r->marks))
		rc = kvip_vip_post_announce(t, r);
	if (rc || same)
		kvip_nhset_unref(r->nhs);
	if (rc)
		return rc;
	if (same) {
		kvip_vip_set_marks(v, &r->marks);
		decided(t, v, KVIP_QUEUE_NONE);
		return 0;
	}
	kvip_vip_set_in_force(t, v, r, holder, true);
	holder->announcements++;
	debug_decision(t, v, "announced");
	decided(t, v, KVIP_QUEUE_NONE);
	return 0;
}

/*
 * Node mode (rules R2): is the address by which an advertise block would reach this node among the
 * next hops that came out in the end? Asked of every claim that holds the VIP: each may have a
 * block, and so a kind of address, of its own.
 */
static bool through_self(const struct kvip_table *t, const struct kvip_vip *v,
			 const struct kvip_pick *p)
{
	const char *self = kvip_table_self(t);
	const struct kvip_claim *c;

	if (!self)
		return false;
	SLIST_FOREACH(c, &v->claims, of_vip) {
		const struct kvip_addr *a;

		if (c->reason != KVIP_REASON_SELECTED || !kvip_claim_shares(c, p->top))
			continue;
		a = kvip_nodeset_address(c->cluster->nodes->sets[c->block], self,
					 v->prefix.addr.family);
		if (a && kvip_nhset_has(p->nhs, a))
			return true;
	}
	return false;
}

static int decide_claimed(struct kvip_table *t, struct kvip_vip *v, const struct kvip_pick *p)
{
	const struct kvip_adv_conf *adv = p->cluster->conf->advs[p->top->block];
	struct kvip_vip as = { .prefix = v->prefix,
			       .holder = p->cluster,
			       .nhs = p->nhs,
			       .tag = adv->tag,
			       .table = adv->table,
			       .distance = adv->distance,
			       .marks = kvip_vip_marks(t, v, p->top),
			       .resolution = (uint8_t)adv->resolution,
			       .through_self = through_self(t, v, p) };
	struct kvip_route r;
	int rc;

	kvip_vip_route(&as, &r);
	rc = put_in_force(t, v, &r, p->cluster);
	if (!rc)
		kvip_restored_forget(v);
	return rc;
}

static int decide_restored(struct kvip_table *t, struct kvip_vip *v, const struct kvip_pick *p)
{
	struct kvip_route r;

	kvip_vip_route(v, &r);
	r.restored = true;
	kvip_nhset_ref(r.nhs);
	return put_in_force(t, v, &r, p->cluster);
}

static void decide_nobody(struct kvip_table *t, struct kvip_vip *v)
{
	if (v->restored) { /* it waits for its cluster: neither told nor withdrawn */
		v->reason = v->holder ? KVIP_REASON_NOT_SYNCHRONISED : KVIP_REASON_ORPHAN;
		debug_decision(t, v, "left alone");
		decided(t, v, KVIP_QUEUE_NONE);
	} else if (v->in_force && kvip_vip_waits_for_cilium(v)) {
		v->reason = KVIP_REASON_CILIUM_UNKNOWN;
		kvip_vip_warn(t, v, KVIP_REASON_CILIUM_HOLDS);
		debug_decision(t, v, "held");
		decided(t, v, KVIP_QUEUE_NONE);
	} else if (!v->in_force) {
		debug_decision(t, v, "not routed");
		decided(t, v, KVIP_QUEUE_NONE);
		kvip_vip_release(t, v);
	} else {
		debug_decision(t, v, "to be withdrawn");
		decided(t, v, passes_guard(t, v) ? KVIP_QUEUE_NOW : KVIP_QUEUE_PENDING);
	}
}

int kvip_vip_decide(struct kvip_table *t, struct kvip_vip *v)
{
	struct kvip_pick p;
	int rc;

	settle_restored(t, v);
	rc = kvip_vip_pick(t, v, &p);
	if (rc)
		return rc;
	note_pick(t, v, &p);
	if (p.top)
		return decide_claimed(t, v, &p);
	if (p.cluster)
		return decide_restored(t, v, &p);
	decide_nobody(t, v);
	return 0;
}
