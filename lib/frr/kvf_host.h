/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What both shells are made of: configuration that settles, local facts, the worker, the reconciler
 * and the zebra sink, put together on FRR's main loop. One per process; everything here is T0.
 */
#pragma once

#include "base/kvip_meter.h"
#include "frr/kvf_compat.h"
#include "vip/kvip_engine.h"
#include "vip/kvip_recon.h"

#include <privs.h>

struct kvf_host_options {
	struct kvf_event_loop *loop;
	struct zebra_privs_t *privs;
	const char *name; /* "kubewatch", "bgpd": in the lock file, in logs and as User-Agent */
	const char *state_path; /* of the state file; NULL: where both shells have it */
	bool flush_and_exit;    /* kubewatch --flush */
	/* The module: libfrr's one hook for prefix-lists is bgpd's, so ours are looked at each
	 * second. */
	bool in_bgpd;
	/* `inject bgp`: bgpd's table, in the module; NULL: there is none. Its context is NULL. */
	const struct kvip_sink_ops *bgp_sink;
	/** marked - what route-maps are told of some VIP has changed (kvip_recon_take_marked());
	 *  NULL: no route-map asks here. */
	void (*marked)(void *ctx);
	/** loading - is a configuration load under way? NULL: kvf_settle_load() says so. */
	bool (*loading)(void);
};

/** kvf_host_init - before the fork: nothing runs yet. Return: 0, -ENOMEM. */
int kvf_host_init(const struct kvf_host_options *options) KVIP_USE_RESULT;
/** kvf_host_start - after the fork, when the configuration files have been read. Return: 0; negative
 * errno, logged: nothing runs, and nothing will. */
int kvf_host_start(void) KVIP_USE_RESULT;
/** kvf_host_stop - routes stay (rules R4). */
void kvf_host_stop(void);

/* The configuration being edited. */
struct kvip_conf *kvf_host_conf(void);
/** kvf_host_set_conf - @conf takes its place, as kvf_settle_changed(); takes the reference. */
void kvf_host_set_conf(struct kvip_conf *conf);

/* For route-maps (in bgpd). */
/** kvf_host_matches - what they ask; NULL where options.marked is. */
struct kvip_matches *kvf_host_matches(void);
/** kvf_host_matches_changed - publish it, soon. */
void kvf_host_matches_changed(void);
/** kvf_host_resend - kvip_recon_resend(). */
bool kvf_host_resend(uint32_t vrf_id, const struct kvip_prefix *p);

/* For commands. */
struct kvip_engine *kvf_host_engine(void); /* NULL before kvf_host_start() */
struct kvip_recon *kvf_host_recon(void);
struct kvip_log *kvf_host_log(void);
const struct kvip_meter *kvf_host_meter(void);
/** kvf_host_enter, kvf_host_leave - around what we do on the main loop (rules R5); they nest. @what:
 * static text. */
void kvf_host_enter(void);
void kvf_host_leave(const char *what);
/** kvf_host_standby - who injects instead of us, or NULL. */
const char *kvf_host_standby(void);
void kvf_host_flush(bool on);
size_t kvf_host_clear_orphans(void);
/** kvf_host_recheck - bgpd's redistribution may have changed: what was announced there is announced
 *  again soon. */
void kvf_host_recheck(void);
/** kvf_host_wake - an order was given to the engine. */
void kvf_host_wake(void);
kvip_msec kvf_host_now(void);
