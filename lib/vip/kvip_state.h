/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state file: what is ours in zebra, and what was decided last (rules R1 and R4).
 *
 * One append-only text file with a checksum on every line: it is the record of ownership, written
 * before a route is sent, and the snapshot from which VIPs are restored before the API answers. It
 * is rewritten in slices when it has grown, and replaced atomically. No fsync: it has to outlive
 * our process, and a crash of the host takes zebra's routes with it anyway. All on T0.
 *
 *   kubevip-state 1
 *   C lab kube-system/5d1f... 1790000000 *1f0c22a9
 *       a cluster: its identity, when its data was last known to be live
 *   + 192.168.77.128/32 0 0 15 77 0 lab 192.168.99.12,192.168.99.13 label:tier=gold *08a7c3f1
 *       ours: prefix, VRF, table, distance, tag, resolution, cluster, next hops; and, where bgpd's
 *       route-maps ask for it, what of that the VIP matches
 *   + 192.168.77.129/32 0 0 15 77 0 lab = *5d20c4e7
 *       the same next hops as the + line before: where thousands of VIPs share hundreds of nodes, most
 *   - 192.168.77.128/32 0 0 15 *0b51dd02
 *       no longer ours
 */
#pragma once

#include "base/kvip_err.h"
#include "base/kvip_log.h"
#include "base/kvip_time.h"
#include "vip/kvip_route.h"

struct kvip_state;

struct kvip_state_reader {
	void (*route)(void *ctx, const struct kvip_route *r); /* r->nhs borrowed */
	void (*cluster)(void *ctx, const char *name, const char *identity, kvip_wall confirmed_s);
	void *ctx;
	/** marks - what kvip_match_render() wrote, to be read; NULL: of no use. */
	void (*marks)(void *ctx, const char *text, struct kvip_marks *out);
};

/**
 * kvip_state_open - read @path and go on writing to it
 * @path: absolute; created (0640) when missing, its directory must exist
 * @reader: told what is in force at the end of the file
 * A file that is damaged, of another version or over KVIP_MAX_STATE_BYTES is put aside as
 * @path.damaged and an empty one is begun: *@refused then says so (and is "" otherwise). A torn
 * last line is dropped silently: that is what a crash leaves. Return: 0; -errno when no file can be
 * written, with @err. -ENOMEM.
 */
int kvip_state_open(const char *path, struct kvip_nhsets *nhsets,
		    const struct kvip_state_reader *reader, struct kvip_state **out,
		    struct kvip_err *refused, struct kvip_err *err) KVIP_USE_RESULT;
void kvip_state_close(struct kvip_state *s);

/* The same in slices. */
struct kvip_state_opening;
/** kvip_state_open_begin - NULL without memory. */
struct kvip_state_opening *kvip_state_open_begin(const char *path, struct kvip_nhsets *nhsets,
						 const struct kvip_state_reader *reader)
	KVIP_USE_RESULT;
/** kvip_state_open_some - at most @max lines or routes. Return: 1: there is more; else as
 *  kvip_state_open(), and @o is to be given to kvip_state_open_cancel(). */
int kvip_state_open_some(struct kvip_state_opening *o, unsigned int max, struct kvip_state **out,
			 struct kvip_err *refused, struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_state_open_cancel - the end of an opening, whether it came to an end or not; takes NULL. */
void kvip_state_open_cancel(struct kvip_state_opening *o);

/** kvip_state_set_matches - what the marks of routes are answers to, from now on; borrowed until
 *  the next call. */
void kvip_state_set_matches(struct kvip_state *s, const struct kvip_match_set *set);
/** kvip_state_own - note that @r is about to be sent (buffered until commit). -ENOMEM. */
int kvip_state_own(struct kvip_state *s, const struct kvip_route *r) KVIP_USE_RESULT;
/** kvip_state_gone - note that the route of this identity was withdrawn. */
int kvip_state_gone(struct kvip_state *s, const struct kvip_route_id *id);
/** kvip_state_seen - note that @cluster's data was live at @confirmed_s. */
int kvip_state_seen(struct kvip_state *s, const char *cluster, const char *identity,
		    kvip_wall confirmed_s);
/** kvip_state_commit - write what is buffered: after it returned 0 the routes may be sent. On
 * failure everything stays buffered and is tried again by the next commit. */
int kvip_state_commit(struct kvip_state *s, struct kvip_err *err) KVIP_USE_RESULT;

/** kvip_state_compact_wanted - has the file grown so far beyond its live contents that it should be
 * rewritten? */
bool kvip_state_compact_wanted(const struct kvip_state *s, size_t live_routes);
/* A rewrite: begin (clusters are copied by itself), each route that is alive, in slices, then end.
 * What is committed meanwhile goes to both files. Any failure gives the rewrite up and leaves the
 * file as it is. */
int kvip_state_compact_begin(struct kvip_state *s) KVIP_USE_RESULT;
/** kvip_state_compact_route - @r->nhs may be NULL: ours, next hops not known. */
int kvip_state_compact_route(struct kvip_state *s, const struct kvip_route *r) KVIP_USE_RESULT;
int kvip_state_compact_end(struct kvip_state *s, struct kvip_err *err) KVIP_USE_RESULT;
