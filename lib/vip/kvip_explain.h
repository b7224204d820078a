/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Explanations: the chain from a Service's address to what a peer is sent, step by step, each with
 * a mark and with what to do about it (features F23).
 *
 * Whoever knows a part of the chain adds its steps to one writer: the engine what it decided and
 * why (kvip_explain_address), the reconciler what became of it (kvip_explain_route), the shell what
 * it knows of kernel and bgpd. The first step marked NO is the diagnosis.
 *
 * JSON: {"subject", "steps": [{"address", "step", "mark", "cluster", "object", "reason", "text",
 * "remedy", "details": [{"name", "reason", "text"}]}], "diagnosis": {"address", "step", "reason", "text",
 * "remedy"}}.
 * Words of steps, marks and reasons are stable. T0.
 */
#pragma once

#include "base/kvip_buf.h"
#include "base/kvip_jsonw.h"
#include "vip/kvip_engine.h"
#include "vip/kvip_recon.h"

#define KVIP_MARKS(X)                                                                              \
	X(OK, "ok", "ok")                                                                          \
	X(NOTE, "note", "--")                                                                      \
	X(WARN, "warn", "!!")                                                                      \
	X(NO, "no", "NO")                                                                          \
	X(UNKNOWN, "unknown", "??")

enum kvip_mark {
#define X(id, word, sign) KVIP_MARK_##id,
	KVIP_MARKS(X)
#undef X
};

/* One link of the chain. Texts are copied; NULL where there is none. */
struct kvip_step {
	const char *step; /* "claim", "range", "zebra", ... */
	enum kvip_mark mark;
	const char *reason; /* a stable word */
	const char *remedy;
	const char *cluster;
	const char *object; /* "Service prod/web" */
};

struct kvip_explain {
	struct kvip_buf *out;
	struct kvip_jsonw *json; /* NULL: text */
	struct kvip_jsonw writer;
	char subject[400];
	char address[KVIP_ADDR_STRLEN]; /* that the steps to come are about; "" none */
	char cluster[64], block[320];   /* for which remedies are written; "" not known */
	bool in_details, in_step;
	bool aside;      /* what is said now is no diagnosis */
	char named[768]; /* text: the object that was named last; the next step does not repeat it */
	bool unknown;    /* there was a step of which nobody knows */
	bool diagnosed;
	struct {
		char address[KVIP_ADDR_STRLEN], step[32], reason[64], text[512], remedy[512];
	} diagnosis;
};

/** kvip_explain_begin, kvip_explain_end - one address, or one Service; @subject heads the text. */
void kvip_explain_begin(struct kvip_explain *x, const char *subject, bool json,
			struct kvip_buf *out);
/** kvip_explain_end - closes everything. Return: 0, -ENOMEM, -EMSGSIZE. */
int kvip_explain_end(struct kvip_explain *x) KVIP_USE_RESULT;
/** kvip_explain_topic - the steps to come are about @a. */
void kvip_explain_topic(struct kvip_explain *x, const struct kvip_addr *a);
/** kvip_explain_about - the NAMEs in `cluster NAME` and `advertise NAME` of the remedies to come, but
 *  for what is said aside. @block may be NULL. */
void kvip_explain_about(struct kvip_explain *x, const char *cluster, const char *block);
/** kvip_explain_step - add a link; details may follow. */
void kvip_explain_step(struct kvip_explain *x, const struct kvip_step *s, const char *fmt, ...)
	KVIP_PRINTF(3, 4);
/** kvip_explain_reason - the same with word, text and remedy of a reason; the mark is its level's. */
void kvip_explain_reason(struct kvip_explain *x, const char *step, enum kvip_reason r,
			 const char *cluster, const char *object);
/** kvip_explain_detail - a line under the last step; @reason may be NULL. */
void kvip_explain_detail(struct kvip_explain *x, const char *name, const char *reason,
			 const char *fmt, ...) KVIP_PRINTF(4, 5);

/* A Service; a NULL pointer to it: of any. */
struct kvip_explain_of {
	const char *ns, *name;
};

/**
 * kvip_explain_address - the engine's part for @a: who names it, range, guards, selection,
 * endpoints, nodes, who holds it. With @of only that Service's claim is gone through, and that
 * another one holds the address is what is wrong. For an address nobody names: the nearest range,
 * and who waits for an address. Takes the engine's lock: some microseconds, or a look at every
 * Service if no VIP is known.
 */
void kvip_explain_address(struct kvip_engine *e, const struct kvip_addr *a,
			  const struct kvip_explain_of *of, struct kvip_explain *x);
/** kvip_explain_service - what a Service lacks before it has an address. Return: its addresses in
 * @out (at most @max), -ENOENT: no such Service, and all clusters could say so. */
int kvip_explain_service(struct kvip_engine *e, const char *ns, const char *name,
			 struct kvip_explain *x, struct kvip_addr *out, size_t max);
/** kvip_explain_goes_to_bgp - node mode: is bgpd the next link of its chain? */
bool kvip_explain_goes_to_bgp(const struct kvip_route_view *v);
/** kvip_explain_route - the reconciler's part: next hops, zebra. */
void kvip_explain_route(struct kvip_recon *r, const struct kvip_prefix *p, struct kvip_explain *x);
