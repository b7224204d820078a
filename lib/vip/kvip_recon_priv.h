/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reconciler's inside, shared by its files. */
#pragma once

#include "base/kvip_tree.h"
#include "vip/kvip_recon.h"
#include "vip/kvip_state.h"

#include <sys/queue.h>

/* A route that zebra has not confirmed after this long, or a next hop it has not answered for. */
#define RECON_CONFIRM_MS 2000

struct recon_entry;
TAILQ_HEAD(recon_entries, recon_entry);

/* One next hop, tracked as long as a set uses it. */
struct recon_nh {
	RB_ENTRY(recon_nh) link;
	struct kvip_addr addr;
	enum kvip_nh_state state;
	bool answered; /* since the sink came up */
	bool overdue;  /* it should have been, long ago */
	bool own;      /* it is this router's own address */
	uint64_t news; /* number of its last answer */
	kvip_msec asked_ms;
	uint32_t uses;     /* sets that contain it */
	uint32_t uses_any; /* and that a default route may resolve */
};
RB_HEAD(recon_nhs, recon_nh);

/*
 * One interned set as decided, under one resolution rule, with what of it resolves. It lives as
 * long as an entry wants it.
 */
struct recon_set {
	RB_ENTRY(recon_set) link;
	const struct kvip_nhset *nhs;    /* key; a reference */
	uint8_t resolution;              /* key */
	const struct kvip_nhset *usable; /* the part of nhs that resolves: recon_usable() */
	uint32_t epoch;                  /* of the sink that usable is about */
	uint64_t news;                   /* answers up to this one are in usable */
	bool has_own;                    /* a next hop is this router's own address */
	struct recon_entries entries;    /* that want it */
	/* While its routes are sent again: the next one. The walk is over when it is NULL. */
	struct recon_entry *cursor;
	TAILQ_ENTRY(recon_set) in_walks;
	bool walking;
	struct recon_nh *members[]; /* of nhs, in its order */
};
RB_HEAD(recon_sets, recon_set);
TAILQ_HEAD(recon_walks, recon_set);

/* An identity that zebra holds besides the wanted one: distance or table were changed. */
struct recon_old {
	SLIST_ENTRY(recon_old) link;
	struct kvip_route_id id;
	uint32_t tag, tag_before; /* as in the entry */
};

/* All that T0 knows of one prefix. */
struct recon_entry {
	RB_ENTRY(recon_entry) link;
	TAILQ_ENTRY(recon_entry) in_set; /* set->entries */
	TAILQ_ENTRY(recon_entry) in_dirty;
	TAILQ_ENTRY(recon_entry) in_pending;
	TAILQ_ENTRY(recon_entry) in_again;
	TAILQ_ENTRY(recon_entry) in_marked;
	SLIST_HEAD(, recon_old) olds;
	uint32_t vrf_id;           /* key */
	struct kvip_prefix prefix; /* key */
	struct kvip_route want;  /* decided if has_want, else as adopted (then .nhs may be NULL) */
	struct recon_set *set;   /* of want */
	struct kvip_route_id id; /* of the route of ours in zebra, if owned */
	const struct kvip_nhset *sent;      /* with these next hops; NULL: nothing to this sink */
	const struct kvip_nhset *installed; /* what the feed last confirmed of it */
	kvip_msec sent_ms, installed_ms, swept_ms;
	kvip_msec event_ms; /* of the decision that is not carried out yet; 0: none */
	kvip_msec again_ms; /* in r->again: when the node sink is asked for it once more; else 0 */
	uint64_t change;    /* number of its last change in the history */
	uint32_t epoch;     /* of the sink that sent, installed, pending and foreign are about */
	uint32_t swept;
	uint32_t tag;             /* as sent */
	uint32_t tag_before;      /* as sent the time before, whose confirmation may be under way */
	uint32_t foreign_tag;     /* of the static route that the feed shows and that is not ours */
	enum kvip_reason refused; /* why it cannot be sent; NONE */
	enum kvip_reason node_reason; /* why the node sink does not have it; NONE */
	uint8_t foreign_distance;
	bool has_want;
	bool owned;     /* zebra may have it: recorded in the state file; see recon_own() */
	bool current;   /* the state file has want as it is */
	bool withdraw;  /* decided: no route */
	bool dirty;     /* in r->dirty */
	bool pending;   /* in r->pending: sent, not confirmed */
	bool overdue;   /* confirmation did not come in time */
	bool foreign;   /* the feed shows a route that is not ours */
	bool held_back; /* swept again and again: sent at the next tick */
	bool in_node;   /* the node sink may have it */
	bool answered;  /* the node sink has answered for want as it is */
	bool marked;    /* in r->marked: route-maps are to look at it again */
};
RB_HEAD(recon_table, recon_entry);

struct kvip_recon {
	struct kvip_recon_deps deps;
	struct kvip_history *history; /* NULL: no memory for it */
	struct recon_table table;
	struct recon_nhs nhs;
	struct recon_sets sets;
	struct recon_entries dirty, pending, again, marked;
	struct recon_walks walks;
	struct kvip_facts *facts;
	struct kvip_conf *conf;
	enum kvip_inject inject; /* of conf */
	bool up, active, flushed;
	bool disowned; /* what was adopted is forgotten while not active */
	bool blocked;  /* the sink's channel is full */
	bool state_failing;
	char state_error[200];
	uint64_t announces, withdraws, swept, confirmations;
	size_t entries; /* in table */
	size_t owned;   /* identities that zebra may have: owned entries and olds */
	size_t n_marked;
	bool some_held_back;
	bool tables_swept; /* routes of other tables than the main one may have been */
	uint32_t epoch;    /* of the sink: a new one knows nothing of what was sent before */
	kvip_msec tick_ms; /* when time was last looked at */
	/* walks over the whole table, in slices: where they stand; NULL: not under way */
	struct recon_entry *resync_cursor;  /* look at everything again */
	struct recon_entry *compact_cursor; /* the state file's rewrite */
	struct recon_entry *resend_cursor;  /* send again what was held back, what was swept */
	bool compacting, resend_held_back, resend_tables;
	/* and over all sets, after answers about next hops */
	struct recon_set *sweep_cursor;
	bool sweep_again;  /* something came behind the cursor */
	uint64_t news;     /* answers, and other reasons to look at sets */
	uint64_t news_all; /* the last one that concerns every set */
	bool sets_want_memory;
};

RB_PROTOTYPE(recon_table, recon_entry, link, recon_entry_cmp)
RB_PROTOTYPE(recon_sets, recon_set, link, recon_set_cmp)
RB_PROTOTYPE(recon_nhs, recon_nh, link, recon_nh_cmp)
int recon_entry_cmp(const struct recon_entry *a, const struct recon_entry *b);
int recon_set_cmp(const struct recon_set *a, const struct recon_set *b);
int recon_nh_cmp(const struct recon_nh *a, const struct recon_nh *b);

/* kvip_recon.c */
struct recon_entry *recon_find(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p);
/** recon_get - the same, made if need be; NULL without memory. */
struct recon_entry *recon_get(struct kvip_recon *r, uint32_t vrf_id, const struct kvip_prefix *p);
void recon_dirty(struct kvip_recon *r, struct recon_entry *e);
/** recon_resync - look at every entry again, in slices. */
void recon_resync(struct kvip_recon *r);
void recon_resync_some(struct kvip_recon *r, unsigned int max);
/** recon_resend_some, recon_overdue_some - what a tick has found to do, in slices of @max entries. */
void recon_resend_some(struct kvip_recon *r, unsigned int max);
void recon_overdue_some(struct kvip_recon *r, unsigned int max);
bool recon_has_overdue(const struct kvip_recon *r);
/** recon_renew - forget what an entry knows of a sink that has gone since. To be called before it
 * is looked at. */
void recon_renew(struct kvip_recon *r, struct recon_entry *e);
void recon_pending(struct kvip_recon *r, struct recon_entry *e, bool on);
/** recon_own - zebra may have the route of @e, or no longer. */
void recon_own(struct kvip_recon *r, struct recon_entry *e, bool on);
/** recon_drop_old - forget an identity besides the wanted one. */
void recon_drop_old(struct kvip_recon *r, struct recon_entry *e, struct recon_old *old);
/** recon_replace - put @take (a reference or NULL) into @slot. */
void recon_replace(const struct kvip_nhset **slot, const struct kvip_nhset *take);
/** recon_drop_if_idle - free an entry that says nothing any more. */
void recon_drop_if_idle(struct kvip_recon *r, struct recon_entry *e);

/* kvip_recon_nh.c */
/** recon_set_get - the set of @nhs under @resolution, made and tracked if need be; NULL without
 * memory. */
struct recon_set *recon_set_get(struct kvip_recon *r, const struct kvip_nhset *nhs,
				uint8_t resolution, kvip_msec now);
void recon_set_join(struct recon_set *s, struct recon_entry *e);
/** recon_set_done - free a set that no entry is in. */
void recon_set_done(struct kvip_recon *r, struct recon_set *s);
/** recon_set_leave - the set dies with its last entry. */
void recon_set_leave(struct kvip_recon *r, struct recon_entry *e);
void recon_nh_sink_up(struct kvip_recon *r, kvip_msec now);
void recon_nh_tick(struct kvip_recon *r, kvip_msec now);
/** recon_usable - what of the set resolves; NULL: not known (yet, or to this sink). */
const struct kvip_nhset *recon_usable(const struct kvip_recon *r, const struct recon_set *s);
/** recon_look_at - if answers are being gone through: is there one for @s? */
void recon_look_at(struct kvip_recon *r, struct recon_set *s);
/** recon_sweep_some - look at up to @max sets whose next hops may have been answered. */
void recon_sweep_some(struct kvip_recon *r, unsigned int max);
/** recon_walk_some - move up to @max entries of sets whose next hops changed to the dirty list. */
void recon_walk_some(struct kvip_recon *r, unsigned int max);

/* kvip_recon_node.c */
/** recon_node_step - `inject bgp`: @e as the node sink should have it; else: out of it. */
void recon_node_step(struct kvip_recon *r, struct recon_entry *e, kvip_msec now);
/** recon_node_again - zebra's answer about @e is on its way to bgpd too, and may undo what the sink
 *  is asked for now. */
void recon_node_again(struct kvip_recon *r, struct recon_entry *e, kvip_msec now);
void recon_node_not_again(struct kvip_recon *r, struct recon_entry *e);
/** recon_node_due - move those whose time has come to the dirty list. */
void recon_node_due(struct kvip_recon *r, kvip_msec now);
enum kvip_route_state recon_node_state(const struct kvip_recon *r, const struct recon_entry *e);

/* kvip_recon_marks.c */
/** recon_marks - what route-maps are told of @e at this moment. */
struct kvip_marks recon_marks(const struct kvip_recon *r, const struct recon_entry *e);
/** recon_compare_marks - list @e for the host if they told @before and are now told another thing.
 */
void recon_compare_marks(struct kvip_recon *r, struct recon_entry *e,
			 const struct kvip_marks *before);
/** recon_put_marks - @marks are @e's, whose route is as it was: noted in the state file, not sent.
 */
void recon_put_marks(struct kvip_recon *r, struct recon_entry *e, const struct kvip_marks *marks);
void recon_unmark(struct kvip_recon *r, struct recon_entry *e);

/* kvip_recon_send.c */
/** recon_displaced - what was our route is somebody else's now: it is neither sent again nor
 * withdrawn. */
void recon_displaced(struct kvip_recon *r, struct recon_entry *e);
/** recon_displaced_old - the same for an identity besides the wanted one. */
void recon_displaced_old(struct kvip_recon *r, struct recon_entry *e, struct recon_old *old);
/** recon_unrecord - what was recorded and has not been sent is not ours. */
void recon_unrecord(struct kvip_recon *r, struct recon_entry *e);
/** recon_note_change - for `show kubevip history`. */
void recon_note_change(struct kvip_recon *r, struct recon_entry *e, enum kvip_change change,
		       kvip_msec now);
/** recon_compact_some - a slice of the state file's rewrite. */
void recon_compact_some(struct kvip_recon *r, unsigned int max);
