/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What route-maps of bgpd may ask of a VIP (`match kubevip label tier=gold`), and the answers.
 *
 * Every distinct question in use has a slot, a number below KVIP_MAX_MATCHES. T0 keeps them
 * (struct kvip_matches) and publishes them to T1 as a snapshot (struct kvip_match_set, part of the
 * facts). T1 answers all of them for each VIP with one bit per slot (struct kvip_marks), which
 * travel with the decision. So a route-map's rule costs the main loop one look-up of a prefix and
 * one bit: no strings and no lock.
 *
 * A slot may come to hold another question. Sets therefore have a generation: a slot knows the
 * first one that had its question, marks know the one they answer, and a bit counts only if the
 * marks are not older. A question that was not answered is not matched (rules R5).
 */
#pragma once

#include "base/kvip_buf.h"
#include "base/kvip_err.h"
#include "base/kvip_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(id, word) */
#define KVIP_MATCH_KINDS(X)                                                                        \
	X(LABEL, "label")                                                                          \
	X(NAMESPACE, "namespace")                                                                  \
	X(SERVICE, "service")                                                                      \
	X(CLUSTER, "cluster")                                                                      \
	X(CLASS, "class")

enum kvip_match_kind {
#define X(id, word) KVIP_MATCH_##id,
	KVIP_MATCH_KINDS(X)
#undef X
		KVIP_MATCH_KIND_MAX
};

/** kvip_match_word - "label" ... */
const char *kvip_match_word(enum kvip_match_kind kind);
/** kvip_match_check - is @text a value of @kind? Return: 0; -EINVAL with what would be right. */
int kvip_match_check(enum kvip_match_kind kind, const char *text, struct kvip_err *err);

/* The answers for one VIP. All zero: nothing is known. */
struct kvip_marks {
	uint32_t generation; /* of the set that was answered; 0: none */
	uint32_t w[KVIP_MAX_MATCHES / 32];
};

void kvip_marks_set(struct kvip_marks *m, unsigned int slot);
/** kvip_marks_has - does the VIP match the question that @slot has held since @since? */
bool kvip_marks_has(const struct kvip_marks *m, unsigned int slot, uint32_t since);
bool kvip_marks_equal(const struct kvip_marks *a, const struct kvip_marks *b);

/* One question in a snapshot. */
struct kvip_match_expr {
	uint32_t since; /* the generation that first had it; 0: the slot is empty */
	uint8_t kind;   /* enum kvip_match_kind */
	char *text;     /* as it was written: "tier=gold" */
	char *key;      /* LABEL: the part before the sign, else NULL */
};

/* The questions at one moment: immutable. */
struct kvip_match_set {
	uint32_t generation;
	size_t n; /* slots, with empty ones among them */
	struct kvip_match_expr v[];
};

/** kvip_match_set_free - takes NULL. */
void kvip_match_set_free(struct kvip_match_set *s);
/** kvip_match_value - LABEL: the part behind the sign. */
const char *kvip_match_value(const struct kvip_match_expr *x);
/** kvip_match_render - what of @s (may be NULL) @m matches: "label:tier=gold,namespace:prod", whole
 *  items, as many as fit in @max bytes. Appends to @out, with @lead before the first. Return: 0, or
 *  the error of @out. */
int kvip_match_render(const struct kvip_match_set *s, const struct kvip_marks *m, const char *lead,
		      size_t max, struct kvip_buf *out);

/* The slots, on T0. */
struct kvip_matches;
struct kvip_matches *kvip_matches_new(void) KVIP_USE_RESULT;
void kvip_matches_free(struct kvip_matches *m);
/** kvip_matches_ref - the slot of a question that somebody asks now. Return: the slot; -EINVAL;
 *  -ENOSPC (all are in use), -ENOMEM: then nobody will answer it. */
int kvip_matches_ref(struct kvip_matches *m, enum kvip_match_kind kind,
		     const char *text) KVIP_USE_RESULT;
void kvip_matches_unref(struct kvip_matches *m, unsigned int slot);
/** kvip_matches_changed - is there anything that was not published? */
bool kvip_matches_changed(const struct kvip_matches *m);
/** kvip_matches_publish - a snapshot, which is the caller's; NULL without memory. */
struct kvip_match_set *kvip_matches_publish(struct kvip_matches *m) KVIP_USE_RESULT;
/** kvip_matches_asks - do @marks match what @slot holds? */
bool kvip_matches_asks(const struct kvip_matches *m, unsigned int slot,
		       const struct kvip_marks *marks);
/** kvip_matches_differ - do @a and @b give a different answer to any question in use? */
bool kvip_matches_differ(const struct kvip_matches *m, const struct kvip_marks *a,
			 const struct kvip_marks *b);
/** kvip_matches_restore - marks from what kvip_match_render() wrote before a restart. What cannot
 *  be read or has no slot is left out: it is not matched until the API has answered. */
void kvip_matches_restore(struct kvip_matches *m, const char *text, struct kvip_marks *out);
