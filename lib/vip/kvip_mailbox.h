/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyed mailbox from T1 to T0: the newest decision for each prefix.
 *
 * A prefix that changes twice before T0 looks is one entry with the newest value, so that the box
 * is bounded by the number of prefixes and can lose nothing. Memory for a slot is allocated when a
 * VIP is first posted and kept until it has been taken.
 */
#pragma once

#include "base/kvip_time.h"
#include "vip/kvip_route.h"

enum kvip_withdraw_why {
	KVIP_WITHDRAW_NONE = 0, /* not a withdrawal */
	KVIP_WITHDRAW_API,      /* the cluster's side says so */
	KVIP_WITHDRAW_OPERATOR, /* configuration, shutdown, flush, clear orphans */
};

struct kvip_decision {
	struct kvip_prefix prefix;
	uint32_t vrf_id;
	enum kvip_withdraw_why withdraw; /* else: @route */
	struct kvip_route route;         /* route.nhs: one reference, handed over */
	kvip_msec event_ms; /* when the event that led to it was read, for latency figures */
};

struct kvip_mailbox;
/** kvip_mailbox_new - @wake is called (T1, no lock held) when the box was empty and no longer
 * is. */
struct kvip_mailbox *kvip_mailbox_new(void (*wake)(void *ctx), void *ctx) KVIP_USE_RESULT;
void kvip_mailbox_free(struct kvip_mailbox *m);
/** kvip_mailbox_post - T1. Takes the reference in @d. Return: 0, -ENOMEM (then @d was not taken:
 * post again). */
int kvip_mailbox_post(struct kvip_mailbox *m, const struct kvip_decision *d) KVIP_USE_RESULT;
/** kvip_mailbox_put_back - T0: what was taken and could not be dealt with; something newer that has
 *  come meanwhile stays. Takes the reference in @d, unless -ENOMEM. */
int kvip_mailbox_put_back(struct kvip_mailbox *m, const struct kvip_decision *d) KVIP_USE_RESULT;
/** kvip_mailbox_take - T0: the oldest pending entry. Return: true and @out (whose reference is now
 * the caller's), false when empty. */
bool kvip_mailbox_take(struct kvip_mailbox *m, struct kvip_decision *out);
size_t kvip_mailbox_pending(struct kvip_mailbox *m);
