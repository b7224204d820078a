// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: "Ready narrows, never empties" (rules R4), for one advertise block.
 *
 * Job: which nodes stay though they are not Ready, and whose pods' readiness is no news. Thread: T1;
 * a function of the nodes as they are, of what was kept before, and of the time.
 *
 * It is applied per advertise block, not per cluster: a block is what routes use, and a block whose
 * few selected nodes are all silent would lose its VIPs even though other nodes are Ready.
 * min-ready-nodes is the floor of each block likewise. When fewer nodes are Ready than the floor,
 * those stay that nothing but Ready speaks against and that were the last to leave it (within
 * KVIP_LAST_GOOD_WINDOW_MS of the very last one: they are marked one after the other). If none was
 * ever seen Ready, as after a restart in the middle of it, all of them stay. A node that is being
 * deleted does not: that is somebody's decision, no silence.
 *
 * They come back one by one, too. With the first of them the floor may be reached; the others then
 * stay for another KVIP_SETTLE_MS, or a VIP whose endpoints are on the last one would be withdrawn
 * just before it is back. Where the floor was never undercut nobody is kept: a node that dies among
 * others that live is gone at once.
 *
 * When the node controller writes Unknown, it also marks all pods of the node not ready (so does it
 * for NotReady, until the kubelet repeats what it thinks of them). What EndpointSlices say of a kept
 * node is then an echo of its silence: see kvip_select_next_hops.c.
 *
 * Source: Kubernetes v1.36, pkg/controller/nodelifecycle, monitorNodeHealth() and
 * MarkPodsNotReady(); seen with the real kube-controller-manager.
 */
#include "vip/kvip_select.h"

static bool only_ready_missing(const struct kvip_member *m)
{
	return m->reason == KVIP_REASON_NODE_NOT_READY || m->reason == KVIP_REASON_NODE_UNKNOWN;
}

/* When the last of them stopped being Ready. */
static kvip_msec last_to_leave(const struct kvip_nodeset *s)
{
	kvip_msec last = KVIP_NOT_SEEN;

	for (size_t i = 0; i < s->n; i++)
		if (only_ready_missing(&s->v[i]) && s->v[i].node->left_ready_ms > last)
			last = s->v[i].node->left_ready_ms;
	return last;
}

static bool is_last_good(const struct kvip_member *m, kvip_msec last)
{
	if (last == KVIP_NOT_SEEN)
		return true;
	return m->node->left_ready_ms != KVIP_NOT_SEEN &&
	       m->node->left_ready_ms >= last - KVIP_LAST_GOOD_WINDOW_MS;
}

/* What had no end begins to run out; 0: it is over. */
static kvip_msec running_out(kvip_msec until_ms, kvip_msec now)
{
	if (until_ms == KVIP_NEVER)
		return now + KVIP_SETTLE_MS;
	return until_ms > now ? until_ms : 0;
}

static void keep(struct kvip_nodeset *s, struct kvip_member *m, kvip_msec until_ms)
{
	m->kept_until_ms = until_ms;
	m->reason = KVIP_REASON_NODE_KEPT;
	s->kept = true;
	s->n_eligible++;
}

/* NotReady is the kubelet's own word: it has a moment from when the node is first kept, once. */
static kvip_msec silent_until(const struct kvip_member *m, const struct kvip_member *was,
			      kvip_msec now)
{
	bool kept = m->reason == KVIP_REASON_NODE_KEPT;
	kvip_msec before = was ? was->silent_until_ms : 0;

	if (kept && m->node->e.obj->node.ready == KVIP_READY_UNKNOWN)
		return KVIP_NEVER;
	if (kept && !before && !(was && was->kept_until_ms))
		return now + KVIP_SETTLE_MS;
	return kvip_member_eligible(m) ? running_out(before, now) : 0;
}

static kvip_msec review_at(const struct kvip_member *m)
{
	kvip_msec at = KVIP_NEVER;

	if (m->kept_until_ms)
		at = m->kept_until_ms;
	return m->silent_until_ms ? kvip_earlier(at, m->silent_until_ms) : at;
}

kvip_msec kvip_nodeset_keep(struct kvip_nodeset *s, const struct kvip_nodeset *before,
			    uint32_t floor, kvip_msec now)
{
	const bool too_few = s->n_eligible < (floor ? floor : 1);
	const kvip_msec last = last_to_leave(s);
	kvip_msec review_ms = KVIP_NEVER;

	for (size_t i = 0; i < s->n; i++) {
		struct kvip_member *m = &s->v[i];
		const struct kvip_member *was = NULL;
		kvip_msec kept = 0;

		if (before)
			was = kvip_nodeset_find(before, kvip_entry_name(&m->node->e));
		if (only_ready_missing(m)) {
			kept = running_out(was ? was->kept_until_ms : 0, now);
			if (too_few && (kept || is_last_good(m, last)))
				kept = KVIP_NEVER;
			if (kept)
				keep(s, m, kept);
		}
		m->silent_until_ms = silent_until(m, was, now);
		m->silent = m->silent_until_ms != 0;
		review_ms = kvip_earlier(review_ms, review_at(m));
	}
	return review_ms;
}
