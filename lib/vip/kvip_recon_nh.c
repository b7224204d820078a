// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: next hops and the sets they form (rules R2).
 *
 * Thread: T0. A next hop is tracked while a set contains it. What of a set resolves is computed
 * once per set and resolution rule, and only when the sink has answered for every member: a route
 * is never sent with half of its next hops because the other half had not been heard of yet. An
 * answer that does not come in time is not waited for if others resolve; but a zebra that says
 * nothing (it is busy, or we were) has said nothing against a route. Every answer, even an unchanged
 * one, sends the set's routes again, because zebra forgets them when a link flaps.
 *
 * There may be as many sets as routes. An answer therefore only gets a number, and sets are looked
 * at in slices: one that has a member with a higher number than its own is computed anew. Answers
 * that come together are one walk.
 *
 * Resolution through a default route is asked for only where a route may use it: zebra 8.4 keeps
 * one answer for all clients that track an address, and would then tell bgpd that its own next hop,
 * which is a node of ours, is reached through the default route (zebra/zapi_msg.c,
 * zread_rnh_register()).
 */
#include "vip/kvip_recon_priv.h"

#include "base/kvip_limits.h"

#include <string.h>

int recon_nh_cmp(const struct recon_nh *a, const struct recon_nh *b)
{
	return kvip_addr_cmp(&a->addr, &b->addr);
}

int recon_set_cmp(const struct recon_set *a, const struct recon_set *b)
{
	if (a->nhs != b->nhs)
		return (uintptr_t)a->nhs < (uintptr_t)b->nhs ? -1 : 1;
	return (int)a->resolution - (int)b->resolution;
}

RB_GENERATE(recon_nhs, recon_nh, link, recon_nh_cmp)
RB_GENERATE(recon_sets, recon_set, link, recon_set_cmp)

static struct recon_nh *nh_find(struct kvip_recon *r, const struct kvip_addr *a)
{
	struct recon_nh key = { .addr = *a };

	return RB_FIND(recon_nhs, &r->nhs, &key);
}

static bool is_own(const struct kvip_recon *r, const struct kvip_addr *a)
{
	for (size_t i = 0; r->facts && i < r->facts->n_own; i++)
		if (kvip_addr_equal(&r->facts->own[i], a))
			return true;
	return false;
}

static struct recon_nh *nh_get(struct kvip_recon *r, const struct kvip_addr *a, kvip_msec now)
{
	struct recon_nh *nh = nh_find(r, a);

	if (nh)
		return nh;
	nh = kvip_calloc(1, sizeof(*nh));
	if (!nh)
		return NULL;
	nh->addr = *a;
	nh->own = is_own(r, a);
	nh->asked_ms = now;
	RB_INSERT(recon_nhs, &r->nhs, nh);
	if (r->up)
		r->deps.sink->track(r->deps.sink_ctx, a, true);
	return nh;
}

static void track_default(struct kvip_recon *r, const struct recon_nh *nh, bool on)
{
	if (r->up && r->deps.sink->track_default)
		r->deps.sink->track_default(r->deps.sink_ctx, &nh->addr, on);
}

static struct recon_nh *nh_use(struct kvip_recon *r, const struct kvip_addr *a, uint8_t resolution,
			       kvip_msec now)
{
	struct recon_nh *nh = nh_get(r, a, now);

	if (!nh)
		return NULL;
	nh->uses++;
	if (resolution == KVIP_RESOLVE_ANY && nh->uses_any++ == 0)
		track_default(r, nh, true);
	return nh;
}

static void nh_unuse(struct kvip_recon *r, struct recon_nh *nh, uint8_t resolution)
{
	if (--nh->uses) {
		if (resolution == KVIP_RESOLVE_ANY && --nh->uses_any == 0)
			track_default(r, nh, false);
		return;
	}
	if (r->up)
		r->deps.sink->track(r->deps.sink_ctx, &nh->addr, false);
	RB_REMOVE(recon_nhs, &r->nhs, nh);
	kvip_free(nh);
}

static bool counts(const struct recon_nh *nh, uint8_t resolution)
{
	switch (nh->state) {
	case KVIP_NH_CONNECTED:
		return true;
	case KVIP_NH_IGP:
		return resolution >= KVIP_RESOLVE_IGP;
	case KVIP_NH_OTHER:
		return resolution == KVIP_RESOLVE_ANY;
	default:
		return false;
	}
}

const struct kvip_nhset *recon_usable(const struct kvip_recon *r, const struct recon_set *s)
{
	return s->epoch == r->epoch ? s->usable : NULL;
}

/* What of @s resolves now. Without memory the set stays as it was, and a tick tries again. */
static void evaluate(struct kvip_recon *r, struct recon_set *s)
{
	struct kvip_addr usable[KVIP_MAX_NEXTHOPS];
	const struct kvip_nhset *set;
	bool silent = false;
	size_t n = 0;

	s->news = r->news;
	s->has_own = false;
	for (uint32_t i = 0; i < s->nhs->n; i++) {
		const struct recon_nh *nh = s->members[i];

		if (!nh->answered && !nh->overdue)
			return;
		silent |= !nh->answered;
		s->has_own |= nh->own;
		if (nh->answered && counts(nh, s->resolution))
			usable[n++] = nh->addr;
	}
	if (n == 0 && silent && !recon_usable(r, s))
		return; /* nothing is removed for want of information (rules R4) */
	set = kvip_nhset_get(r->deps.nhsets, usable, n);
	if (!set) {
		r->sets_want_memory = true;
		return;
	}
	recon_replace(&s->usable, set);
	s->epoch = r->epoch;
}

static void walk(struct kvip_recon *r, struct recon_set *s)
{
	s->cursor = TAILQ_FIRST(&s->entries);
	if (s->walking || !s->cursor)
		return;
	s->walking = true;
	TAILQ_INSERT_TAIL(&r->walks, s, in_walks);
}

static void walk_over(struct kvip_recon *r, struct recon_set *s)
{
	if (!s->walking)
		return;
	s->walking = false;
	TAILQ_REMOVE(&r->walks, s, in_walks);
}

void recon_walk_some(struct kvip_recon *r, unsigned int max)
{
	struct recon_set *s;

	while (max && (s = TAILQ_FIRST(&r->walks))) {
		for (; max && s->cursor; max--) {
			recon_dirty(r, s->cursor);
			s->cursor = TAILQ_NEXT(s->cursor, in_set);
		}
		if (!s->cursor)
			walk_over(r, s);
	}
}

/* The sweep goes on at @next; at the end once more from the beginning, if something came meanwhile. */
static void sweep_on(struct kvip_recon *r, struct recon_set *next)
{
	r->sweep_cursor = next;
	if (next || !r->sweep_again)
		return;
	r->sweep_again = false;
	r->sweep_cursor = RB_MIN(recon_sets, &r->sets);
}

void recon_set_done(struct kvip_recon *r, struct recon_set *s)
{
	struct recon_set *next;

	if (!TAILQ_EMPTY(&s->entries))
		return;
	walk_over(r, s);
	next = RB_NEXT(recon_sets, &r->sets, s);
	for (uint32_t i = 0; i < s->nhs->n; i++)
		nh_unuse(r, s->members[i], s->resolution);
	RB_REMOVE(recon_sets, &r->sets, s);
	if (r->sweep_cursor == s)
		sweep_on(r, next);
	kvip_nhset_unref(s->usable);
	kvip_nhset_unref(s->nhs);
	kvip_free(s);
}

struct recon_set *recon_set_get(struct kvip_recon *r, const struct kvip_nhset *nhs,
				uint8_t resolution, kvip_msec now)
{
	struct recon_set key = { .nhs = nhs, .resolution = resolution }, *s;

	s = RB_FIND(recon_sets, &r->sets, &key);
	if (s)
		return s;
	s = kvip_calloc(1, sizeof(*s) + nhs->n * sizeof(s->members[0]));
	if (!s)
		return NULL;
	s->nhs = nhs;
	s->resolution = resolution;
	TAILQ_INIT(&s->entries);
	for (uint32_t i = 0; i < nhs->n; i++) {
		s->members[i] = nh_use(r, &nhs->addrs[i], resolution, now);
		if (s->members[i])
			continue;
		while (i--)
			nh_unuse(r, s->members[i], resolution);
		kvip_free(s);
		return NULL;
	}
	kvip_nhset_ref(nhs);
	RB_INSERT(recon_sets, &r->sets, s);
	evaluate(r, s);
	return s;
}

void recon_set_join(struct recon_set *s, struct recon_entry *e)
{
	TAILQ_INSERT_TAIL(&s->entries, e, in_set);
	e->set = s;
}

void recon_set_leave(struct kvip_recon *r, struct recon_entry *e)
{
	struct recon_set *s = e->set;

	if (s->cursor == e)
		s->cursor = TAILQ_NEXT(e, in_set);
	TAILQ_REMOVE(&s->entries, e, in_set);
	e->set = NULL;
	recon_set_done(r, s);
}

void recon_nh_sink_up(struct kvip_recon *r, kvip_msec now)
{
	struct recon_nh *nh;

	RB_FOREACH(nh, recon_nhs, &r->nhs) {
		nh->answered = nh->overdue = false;
		nh->asked_ms = now;
		r->deps.sink->track(r->deps.sink_ctx, &nh->addr, true);
		if (nh->uses_any)
			track_default(r, nh, true);
	}
}

static void sweep(struct kvip_recon *r)
{
	if (r->sweep_cursor)
		r->sweep_again = true;
	else
		r->sweep_cursor = RB_MIN(recon_sets, &r->sets);
}

static void sweep_all(struct kvip_recon *r)
{
	r->news_all = ++r->news;
	sweep(r);
}

static bool has_news(const struct kvip_recon *r, const struct recon_set *s)
{
	if (s->news < r->news_all)
		return true;
	for (uint32_t i = 0; i < s->nhs->n; i++)
		if (s->members[i]->news > s->news)
			return true;
	return false;
}

void recon_look_at(struct kvip_recon *r, struct recon_set *s)
{
	if (!r->sweep_cursor || !has_news(r, s))
		return;
	evaluate(r, s);
	walk(r, s);
}

void recon_sweep_some(struct kvip_recon *r, unsigned int max)
{
	for (; max && r->sweep_cursor; max--) {
		struct recon_set *s = r->sweep_cursor;

		recon_look_at(r, s);
		sweep_on(r, RB_NEXT(recon_sets, &r->sets, s));
	}
}

void kvip_recon_nexthop(struct kvip_recon *r, const struct kvip_addr *addr,
			enum kvip_nh_state state, kvip_msec now)
{
	struct recon_nh *nh = nh_find(r, addr);
	char text[KVIP_ADDR_STRLEN];

	(void)now;
	if (!nh)
		return;
	kvip_debug(r->deps.log, KVIP_DEBUG_ZEBRA, "next hop %s: %s", kvip_addr_render(addr, text),
		   kvip_nh_state_word(state));
	nh->state = state;
	nh->answered = true;
	nh->overdue = false;
	nh->news = ++r->news;
	sweep(r);
}

/* A sink that never answers must not keep a VIP from being routed through its other next hops. */
void recon_nh_tick(struct kvip_recon *r, kvip_msec now)
{
	struct recon_nh *nh;

	RB_FOREACH(nh, recon_nhs, &r->nhs) {
		if (!r->up || nh->answered || nh->overdue || now - nh->asked_ms < RECON_CONFIRM_MS)
			continue;
		nh->overdue = true;
		nh->news = ++r->news;
		sweep(r);
	}
	if (r->sets_want_memory) {
		r->sets_want_memory = false;
		sweep_all(r);
	}
}

static bool same_own(const struct kvip_facts *a, const struct kvip_facts *b)
{
	size_t n = a ? a->n_own : 0;

	if (n != (b ? b->n_own : 0))
		return false;
	return n == 0 || memcmp(a->own, b->own, n * sizeof(*a->own)) == 0;
}

void kvip_recon_set_facts(struct kvip_recon *r, struct kvip_facts *facts, kvip_msec now)
{
	struct kvip_facts *old = r->facts;
	struct recon_nh *nh;

	(void)now;
	r->facts = kvip_facts_ref(facts);
	if (r->deps.state)
		kvip_state_set_matches(r->deps.state, facts->matches);
	if (!same_own(old, facts)) {
		RB_FOREACH(nh, recon_nhs, &r->nhs)
			nh->own = is_own(r, &nh->addr);
		sweep_all(r);
	}
	kvip_facts_unref(old);
}

const char *kvip_nh_state_word(enum kvip_nh_state s)
{
	static const char *const words[] = {
		[KVIP_NH_UNKNOWN] = "unknown",     [KVIP_NH_UNRESOLVED] = "unresolved",
		[KVIP_NH_CONNECTED] = "connected", [KVIP_NH_IGP] = "igp",
		[KVIP_NH_OTHER] = "other",
	};

	return words[s];
}

bool kvip_recon_find_nexthop(struct kvip_recon *r, const struct kvip_addr *a,
			     struct kvip_nexthop_view *out)
{
	const struct recon_nh *nh = nh_find(r, a);

	if (!nh)
		return false;
	*out = (struct kvip_nexthop_view){
		.addr = nh->addr,
		.state = nh->answered ? nh->state : KVIP_NH_UNKNOWN,
		.own = nh->own,
	};
	return true;
}
