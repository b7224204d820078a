/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `show kubevip ...` prints, as text for people and as JSON for programs.
 *
 * Everything is read from the engine's and the reconciler's views at the moment of asking; nothing
 * is kept. JSON: camelCase, numbers are numbers, units stand in the key (ageSec, tookMs), words of
 * states and reasons are those of the tables and stable; what is unknown is null. Text is for
 * reading and may change.
 *
 * T0. Every function appends to @out. Return: 0, -ENOMEM, -EMSGSIZE (over the buffer's ceiling).
 * That nothing was found is no error: JSON is then empty, text says so.
 */
#pragma once

#include "base/kvip_buf.h"
#include "base/kvip_jsonw.h"
#include "base/kvip_meter.h"
#include "vip/kvip_engine.h"
#include "vip/kvip_recon.h"

struct kvip_show_ctx {
	struct kvip_engine *engine;     /* NULL: not started yet */
	struct kvip_recon *recon;       /* NULL: a dry run */
	enum kvip_inject inject;        /* as it is configured, in force or not yet */
	const struct kvip_meter *meter; /* of the main loop; NULL: none */
	kvip_msec now;
	kvip_wall wall;
	const char *standby;    /* who injects instead of us ("kubewatch (pid 123)"), or NULL */
	const char *state_note; /* what is wrong with the state file, or NULL */
};

/** kvip_show_overview - one page; its first line is trouble, if there is any. */
int kvip_show_overview(const struct kvip_show_ctx *s, bool json, struct kvip_buf *out);
/** kvip_show_vips - @only: VIPs inside that prefix, a host prefix in detail; NULL: all. */
int kvip_show_vips(const struct kvip_show_ctx *s, const struct kvip_prefix *only, bool json,
		   struct kvip_buf *out);
/** kvip_show_services - @only: "NAMESPACE/NAME", or NULL. */
int kvip_show_services(const struct kvip_show_ctx *s, const char *only, bool json,
		       struct kvip_buf *out);
/** kvip_show_history - the last changes inside @only (NULL: all), newest first. */
int kvip_show_history(const struct kvip_show_ctx *s, const struct kvip_prefix *only, bool json,
		      struct kvip_buf *out);
int kvip_show_nodes(const struct kvip_show_ctx *s, bool json, struct kvip_buf *out);
/** kvip_show_clusters - @only: name of a cluster, or NULL. */
int kvip_show_clusters(const struct kvip_show_ctx *s, const char *only, bool json,
		       struct kvip_buf *out);

/* The long ones in slices, for a host whose loop must not wait. @out gets the text, and has to stay
 * until the job is freed; the context is copied. NULL without memory. */
struct kvip_show_job;
struct kvip_show_job *kvip_show_overview_begin(const struct kvip_show_ctx *s, bool json,
					       struct kvip_buf *out) KVIP_USE_RESULT;
struct kvip_show_job *kvip_show_vips_begin(const struct kvip_show_ctx *s,
					   const struct kvip_prefix *only, bool json,
					   struct kvip_buf *out) KVIP_USE_RESULT;
struct kvip_show_job *kvip_show_services_begin(const struct kvip_show_ctx *s, const char *only,
					       bool json, struct kvip_buf *out) KVIP_USE_RESULT;
struct kvip_show_job *kvip_show_nodes_begin(const struct kvip_show_ctx *s, bool json,
					    struct kvip_buf *out) KVIP_USE_RESULT;
/** kvip_show_job_step - at most @max VIPs, objects or routes. Return: 1: there is more to do; 0: @out
 *  has all of it; negative as above. */
int kvip_show_job_step(struct kvip_show_job *j, unsigned int max) KVIP_USE_RESULT;
void kvip_show_job_free(struct kvip_show_job *j);

/* What the shell knows of the rest of the way (kernel, bgpd), for kvip_show_explain_*(). */
struct kvip_explain;
typedef void kvip_explain_more_fn(void *ctx, const struct kvip_prefix *p, struct kvip_explain *x);

/** kvip_show_explain_vip - the whole chain for @a, owned or not. @more may be NULL. */
int kvip_show_explain_vip(const struct kvip_show_ctx *s, const struct kvip_addr *a,
			  kvip_explain_more_fn *more, void *more_ctx, bool json,
			  struct kvip_buf *out);
/** kvip_show_explain_service - the same for every address of NAMESPACE/NAME. Return: also -ENOENT
 *  (no such Service) and -EINVAL (@name is not of that form). */
int kvip_show_explain_service(const struct kvip_show_ctx *s, const char *name,
			      kvip_explain_more_fn *more, void *more_ctx, bool json,
			      struct kvip_buf *out);
/** kvip_show_json_finding - {"kind","cluster","object","text"}. */
void kvip_show_json_finding(struct kvip_jsonw *w, const struct kvip_finding *f);
/* A route that somebody has for a prefix. */
struct kvip_found {
	bool present;
	const char *protocol;
	const struct kvip_addr *nhs; /* lives until the next look-up */
	size_t n;
};
struct kvip_lookup {
	/** find - Return: 0, negative errno: it cannot be said. */
	int (*find)(void *ctx, const struct kvip_prefix *p, struct kvip_found *out);
	void (*done)(void *ctx); /* no more questions, whatever happened; or NULL */
	void *ctx;
};
/** kvip_show_observe - VIPs inside @only (NULL: all) beside the routes that others have for them.
 *  Return: also what @lookup failed with. */
int kvip_show_observe(const struct kvip_show_ctx *s, const struct kvip_prefix *only,
		      const struct kvip_lookup *lookup, bool json, struct kvip_buf *out);
/** kvip_show_observe_begin - the same in slices; @lookup is copied. */
struct kvip_show_job *kvip_show_observe_begin(const struct kvip_show_ctx *s,
					      const struct kvip_prefix *only,
					      const struct kvip_lookup *lookup, bool json,
					      struct kvip_buf *out) KVIP_USE_RESULT;
/** kvip_show_dry_run - findings, VIPs, Services and nodes one after the other; JSON: one object
 * with `vips`, `services`, `nodes` and `findings`. */
int kvip_show_dry_run(const struct kvip_show_ctx *s, bool json, struct kvip_buf *out);

/* For hosts that give out the same in their own form (YANG): what a VIP's line says. Borrowed for
 * one call, which must not call the engine: its lock may be held. */
struct kvip_show_vip {
	struct kvip_prefix prefix;
	const char *state;                   /* stable word */
	enum kvip_reason reason;             /* the router's, if it has one, else the engine's */
	const char *cluster;                 /* or NULL */
	const struct kvip_route *decided;    /* or NULL; its nhs may be NULL */
	const struct kvip_vip_view *vip;     /* NULL: the engine says nothing of it */
	const struct kvip_route_view *route; /* NULL: T0 has none */
};
typedef bool kvip_show_vip_fn(void *ctx, const struct kvip_show_vip *v);
/** kvip_show_each_vip - VIPs in prefix order, then routes of ours that no VIP speaks of; false from
 * @fn stops. Return: 0, -ENOMEM. */
int kvip_show_each_vip(const struct kvip_show_ctx *s, kvip_show_vip_fn *fn, void *ctx);
/** kvip_show_one_vip - that of @p. Return: false: there is none. */
bool kvip_show_one_vip(const struct kvip_show_ctx *s, const struct kvip_prefix *p,
		       kvip_show_vip_fn *fn, void *ctx);

const char *kvip_show_cluster_state(enum kvip_cluster_state state);
/** kvip_show_cluster_error - the last error that keeps a cluster's data from being live, or
 * NULL. */
const char *kvip_show_cluster_error(const struct kvip_cluster_view *v);
