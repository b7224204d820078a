/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reconciler: desired routes against what a sink has, in bounded slices on T0.
 *
 * It owns the life of every route we have sent: recorded in the state file, sent, confirmed by the
 * feed, swept and sent again, shadowed, withdrawn. Next hops count as far as they resolve (rules
 * R2); which ones do is kept per interned set, so that a node's link going down is one change, then
 * as many sends as routes really use it.
 *
 * Nothing is removed for want of information: a route of ours for which there is no decision is
 * kept.
 */
#pragma once

#include "base/kvip_log.h"
#include "base/kvip_time.h"
#include "vip/kvip_facts.h"
#include "vip/kvip_history.h"
#include "vip/kvip_mailbox.h"
#include "vip/kvip_reason.h"
#include "vip/kvip_route.h"
#include "vip/kvip_sink.h"

struct kvip_recon;
struct kvip_state;

struct kvip_recon_deps {
	const struct kvip_sink_ops *sink;
	void *sink_ctx;
	const struct kvip_sink_ops *node_sink; /* for `inject bgp`; NULL: there is none */
	void *node_ctx;
	struct kvip_nhsets *nhsets;
	struct kvip_state *state; /* NULL: nothing is recorded (tests, dry run), or see
				     kvip_recon_set_state() */
	const struct kvip_log *log;
	/* For the host that answers route-maps; else NULL. */
	/** marks_matter - do these two answer any question differently? */
	bool (*marks_matter)(void *ctx, const struct kvip_marks *a, const struct kvip_marks *b);
	/** marked - kvip_recon_take_marked() has something, and had nothing. */
	void (*marked)(void *ctx);
	void *marks_ctx;
};

struct kvip_recon *kvip_recon_new(const struct kvip_recon_deps *deps) KVIP_USE_RESULT;
/** kvip_recon_free - withdraws nothing. */
void kvip_recon_free(struct kvip_recon *r);

/** kvip_recon_set_state - where to record from now on; before the first step. */
void kvip_recon_set_state(struct kvip_recon *r, struct kvip_state *state);
/** kvip_recon_adopt - a route that the state file says is ours: kept until a decision about it
 *  comes, if there is none already (takeover). */
int kvip_recon_adopt(struct kvip_recon *r, const struct kvip_route *route) KVIP_USE_RESULT;
/** kvip_recon_decide - a decision from the mailbox; takes its reference. Return: 0, -ENOMEM (not
 * taken). */
int kvip_recon_decide(struct kvip_recon *r, struct kvip_decision *d, kvip_msec now) KVIP_USE_RESULT;

/** kvip_recon_has_work - would a step do anything? */
bool kvip_recon_has_work(const struct kvip_recon *r);
/** kvip_recon_step - at most @max_ops sends. Return: true when there is more to do at once. */
bool kvip_recon_step(struct kvip_recon *r, unsigned int max_ops, kvip_msec now);
/** kvip_recon_deadline - when to step again even if there is no work now; KVIP_NEVER. */
kvip_msec kvip_recon_deadline(const struct kvip_recon *r);
/** kvip_recon_tick - once a second or so: overdue confirmations, delayed re-sends. */
void kvip_recon_tick(struct kvip_recon *r, kvip_msec now);

/* The sink's side. */
/** kvip_recon_sink_up - the far side is there and knows nothing: every route is sent again, once
 * its next hops have been answered anew. */
void kvip_recon_sink_up(struct kvip_recon *r, kvip_msec now);
void kvip_recon_sink_down(struct kvip_recon *r, kvip_msec now);
void kvip_recon_sink_writable(struct kvip_recon *r);
/** kvip_recon_set_active - may we inject into zebra (lock held)? Inactive: nothing is sent there or
 *  withdrawn. */
void kvip_recon_set_active(struct kvip_recon *r, bool active, kvip_msec now);
/** kvip_recon_disown - what was adopted is another process's to care for: inactive, it is forgotten,
 *  in slices, until something is adopted anew. */
void kvip_recon_disown(struct kvip_recon *r);
/** kvip_recon_set_facts - this router's own addresses; takes a reference. */
void kvip_recon_set_facts(struct kvip_recon *r, struct kvip_facts *facts, kvip_msec now);
/**
 * kvip_recon_set_conf - where routes go (`inject`), which distances and tags are ours; takes a
 * reference
 *
 * From `inject zebra` to `bgp` or `observe`: while active, what zebra has of ours is withdrawn; as
 * soon as the host takes that away it is forgotten (somebody else's to care for). From `bgp` to
 * another: what the node sink has is withdrawn. Until the first configuration: zebra.
 */
void kvip_recon_set_conf(struct kvip_recon *r, struct kvip_conf *conf);
/** kvip_recon_owned - identities that zebra may have of us. */
size_t kvip_recon_owned(const struct kvip_recon *r);
/** kvip_recon_recheck - the node sink's world may have changed: ask it for every route again. */
void kvip_recon_recheck(struct kvip_recon *r);

/* Marks (kvip_match.h). Their change alone sends nothing: the prefix is listed for the host, which
 * has bgpd look at it again. */
/** kvip_recon_marks - false: no VIP of ours, or another static route stands in its place. */
bool kvip_recon_marks(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p,
		      struct kvip_marks *out);
/** kvip_recon_take_marked - a prefix whose marks have changed since it was last taken; false: none.
 */
bool kvip_recon_take_marked(struct kvip_recon *r, uint32_t *vrf_id, struct kvip_prefix *out);
size_t kvip_recon_marked(const struct kvip_recon *r);
/** kvip_recon_size - prefixes that something is known of: about the number of routes, at no cost. */
size_t kvip_recon_size(const struct kvip_recon *r);
/** kvip_recon_resend - send the route as it is once more, with the next step, for everybody who
 *  takes it from the sink. Return: false when that would not reach them: it is not ours to send, or
 *  not selected. */
bool kvip_recon_resend(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p);

/* How a next hop resolves. */
enum kvip_nh_state {
	KVIP_NH_UNKNOWN = 0,
	KVIP_NH_UNRESOLVED,
	KVIP_NH_CONNECTED,
	KVIP_NH_IGP,
	KVIP_NH_OTHER
};
const char *kvip_nh_state_word(enum kvip_nh_state s);
/** kvip_recon_nexthop - next-hop tracking says; routes that use @nh are sent again even if nothing
 * changed, because zebra does not re-evaluate them by itself. */
void kvip_recon_nexthop(struct kvip_recon *r, const struct kvip_addr *nh, enum kvip_nh_state state,
			kvip_msec now);

struct kvip_feed_route {
	struct kvip_prefix prefix;
	uint32_t vrf_id;
	uint8_t distance;
	uint32_t tag;
	const struct kvip_addr *nhs;
	size_t n_nhs;
};
/** kvip_recon_feed_add - a static route is selected and installed. */
void kvip_recon_feed_add(struct kvip_recon *r, const struct kvip_feed_route *f, kvip_msec now);
/** kvip_recon_feed_del - no static route is selected for @p any longer. */
void kvip_recon_feed_del(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p,
			 kvip_msec now);

/* Orders of the operator. */
/** kvip_recon_flush - withdraw everything of ours and stay so (@on), or go back to work. */
void kvip_recon_flush(struct kvip_recon *r, bool on, kvip_msec now);
/** kvip_recon_clear_suspects - delete routes that only look like ours (state lost). */
size_t kvip_recon_clear_suspects(struct kvip_recon *r);

#define KVIP_ROUTE_STATES(X)                                                                       \
	X(KEPT, "kept", "ours from before, nothing decided about it")                              \
	X(WAITING, "waiting", "decided, not sent: zebra has not answered for its next hops")       \
	X(STANDBY, "standby", "decided, not sent: another process of this router injects")         \
	X(SENT, "sent", "sent, not confirmed yet")                                                 \
	X(INSTALLED, "installed", "in the kernel, as zebra confirms")                              \
	X(SHADOWED, "shadowed", "another route of the same prefix is preferred")                   \
	X(OVERDUE, "unconfirmed", "sent, and zebra has not confirmed it")                          \
	X(NO_NEXT_HOP, "no-next-hop", "withdrawn: no next hop resolves")                           \
	X(REFUSED, "refused", "this router cannot install it, or bgpd does not take it")           \
	X(ANNOUNCED, "announced", "in bgpd's table: this node announces it")                       \
	X(ELSEWHERE, "elsewhere",                                                                  \
	  "announced by the nodes that are its next hops, not by this one")                        \
	X(OBSERVED, "observed", "decided, not injected: `inject observe`")                         \
	X(FLUSHED, "flushed", "withdrawn by `kubevip flush`")                                      \
	X(WITHDRAWING, "withdrawing", "being withdrawn")

enum kvip_route_state {
#define X(id, word, text) KVIP_ROUTE_##id,
	KVIP_ROUTE_STATES(X)
#undef X
		KVIP_ROUTE_STATE_MAX
};
const char *kvip_route_state_word(enum kvip_route_state s);
const char *kvip_route_state_text(enum kvip_route_state s);

struct kvip_route_view {
	struct kvip_route_id id; /* as sent, or as it would be */
	enum kvip_inject inject; /* where decided routes go */
	enum kvip_route_state state;
	enum kvip_reason reason;          /* NONE, or one of the router's reasons */
	const struct kvip_route *want;    /* NULL: KEPT, WITHDRAWING */
	const struct kvip_route *adopted; /* KEPT: as the state file had it (.nhs may be NULL) */
	const char *cluster;
	const struct kvip_nhset *usable;    /* NULL: none sent */
	const struct kvip_nhset *installed; /* what the feed last confirmed; NULL: nothing */
	kvip_msec sent_ms, installed_ms;    /* 0: never */
	uint32_t swept; /* times somebody else removed it and it was sent again */
	const struct kvip_match_set *asked; /* what the marks answer; NULL: nothing is asked */
};
/** kvip_recon_find - false: T0 knows nothing of this prefix. Pointers live until the next call into
 * @r. */
bool kvip_recon_find(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p,
		     struct kvip_route_view *out);
typedef bool kvip_route_fn(void *ctx, const struct kvip_route_view *v);
/** kvip_recon_each - in order of prefix. */
void kvip_recon_each(struct kvip_recon *r, kvip_route_fn *fn, void *ctx);

/* Where a walk in slices stands: behind this prefix. Zero: at the beginning. It holds nothing, so
 * that routes may come and go between slices. */
struct kvip_recon_at {
	bool begun;
	uint32_t vrf_id;
	struct kvip_prefix prefix;
};
/** kvip_recon_each_some - the next @max entries. Return: false at the end. */
bool kvip_recon_each_some(struct kvip_recon *r, struct kvip_recon_at *at, unsigned int max,
			  kvip_route_fn *fn, void *ctx);

struct kvip_nexthop_view {
	struct kvip_addr addr;
	enum kvip_nh_state state;
	bool own; /* this router's own address */
};
bool kvip_recon_find_nexthop(struct kvip_recon *r, const struct kvip_addr *a,
			     struct kvip_nexthop_view *out);
typedef void kvip_suspect_fn(void *ctx, const struct kvip_route_id *id, uint32_t tag);
/** kvip_recon_each_suspect - routes that look like ours and are in no record of ours. */
void kvip_recon_each_suspect(struct kvip_recon *r, kvip_suspect_fn *fn, void *ctx);

struct kvip_recon_summary {
	bool sink_up, flushed, state_failing;
	bool active; /* decided routes are sent: to zebra with the lock held, or to the node sink */
	enum kvip_inject inject;
	size_t routes, by_state[KVIP_ROUTE_STATE_MAX];
	size_t by_reason[KVIP_REASON_MAX]; /* the router's reasons */
	size_t suspects;
	uint64_t announces, withdraws, swept, confirmations;
	char state_error[200];
};
/** kvip_recon_history - the last changes; NULL when there was no memory for them. */
const struct kvip_history *kvip_recon_history(const struct kvip_recon *r);
void kvip_recon_get_summary(struct kvip_recon *r, struct kvip_recon_summary *out);
/** kvip_recon_sum_some - the same in slices: what is not counted is as of the last one. */
bool kvip_recon_sum_some(struct kvip_recon *r, struct kvip_recon_at *at, unsigned int max,
			 struct kvip_recon_summary *out);
