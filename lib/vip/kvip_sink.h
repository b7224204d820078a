/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where decided routes go. One table of functions per sink: zebra, bgpd, a dry run, the tests'
 * mock.
 *
 * A sink carries no policy and keeps no table. What comes back (next hops that resolve, routes that
 * were installed or swept) is data for the reconciler: kvip_recon_nexthop(), kvip_recon_feed_*().
 * All on T0.
 *
 * A node sink (`inject bgp`) is one whose routes lead to this node itself and live in this process:
 * it needs no next-hop tracking, no lock and no record, and its answer to announce() is all the
 * confirmation there is. Because nobody tells it when bgpd's policy or table changes, it is asked
 * to announce every route again each second.
 */
#pragma once

#include "vip/kvip_route.h"

struct kvip_sink_ops {
	const char *name;
	/**
	 * announce - add or replace @r with the next hops @usable (never empty); idempotent
	 * Return: 0; -EAGAIN: the channel is full, nothing was sent: the reconciler stops and goes
	 * on at kvip_recon_sink_writable(); another negative errno: this route cannot be sent (it
	 * is shown). A node sink: 0: it is there now; positive: an enum kvip_reason why it is not.
	 */
	int (*announce)(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable);
	/** withdraw - remove by identity; unknown is success. Return: 0, -EAGAIN. */
	int (*withdraw)(void *ctx, const struct kvip_route_id *id);
	/** track - start or stop to report how @nh resolves. Every start is answered at least
	 * once. NULL in a node sink. */
	void (*track)(void *ctx, const struct kvip_addr *nh, bool on);
	/** track_default - a default route, too, may resolve @nh, which is tracked; or not any more.
	 * Answered as a start is. NULL: makes no difference to this sink. */
	void (*track_default)(void *ctx, const struct kvip_addr *nh, bool on);
	/* A node sink's, both or neither: */
	/** settling - policy is being edited: what it made of a route is not to be asked again now */
	bool (*settling)(void *ctx);
	/** holds - is @r still there, whatever policy would say to it today? */
	bool (*holds)(void *ctx, const struct kvip_route *r);
};
