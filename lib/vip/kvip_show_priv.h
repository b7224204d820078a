/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files kvip_show*.c share. */
#pragma once

#include "base/kvip_columns.h"
#include "base/kvip_jsonw.h"
#include "base/kvip_limits.h"
#include "vip/kvip_show.h"

#include <errno.h>

#define KVIP_AGE_STRLEN 24

/** kvip_show_age - @seconds as FRR writes times: 00:03:12, 1d02h03m, 01w2d03h. Returns @buf. */
const char *kvip_show_age(char buf[KVIP_AGE_STRLEN], int64_t seconds);
/** kvip_show_since - age of @then_ms, "never" for 0. */
const char *kvip_show_since(const struct kvip_show_ctx *s, kvip_msec then_ms,
			    char buf[KVIP_AGE_STRLEN]);
/** kvip_show_age_s - seconds since @then_ms; -1 for 0 (never). */
int64_t kvip_show_age_s(const struct kvip_show_ctx *s, kvip_msec then_ms);
/** kvip_show_json_age - the same as a member, null for never. */
void kvip_show_json_age(const struct kvip_show_ctx *s, struct kvip_jsonw *w, const char *key,
			kvip_msec then_ms);

/** kvip_show_nhset - addresses with a space between them, at most @max, then "+N". */
void kvip_show_nhset(const struct kvip_nhset *nhs, unsigned int max, char *buf, size_t size);
void kvip_show_json_nhset(struct kvip_jsonw *w, const char *key, const struct kvip_nhset *nhs);
/** kvip_show_json_reason - word, text and remedy under `reason`, `reasonText`, `remedy`. */
void kvip_show_json_reason(struct kvip_jsonw *w, enum kvip_reason r);
void kvip_show_json_warning(struct kvip_jsonw *w, enum kvip_reason r);
/** kvip_show_sentence - "text: remedy" of a reason. */
void kvip_show_sentence(struct kvip_buf *out, enum kvip_reason r);

/* Reasons met in a table, explained below it. */
struct kvip_show_legend {
	bool met[KVIP_REASON_MAX];
};
/** kvip_show_legend_word - the word of @r, which is noted down; "" for NONE. */
const char *kvip_show_legend_word(struct kvip_show_legend *l, enum kvip_reason r);
void kvip_show_legend_render(const struct kvip_show_legend *l, struct kvip_buf *out);

/*
 * An answer in slices. Each has its own structure, which begins with this one; @ops says what it
 * is made of.
 */
struct kvip_show_ops {
	size_t bytes;                /* of the structure */
	const char *const *headings; /* of the table that text has; NULL: none */
	/** open - JSON: what stands before the walk, inside of the outermost object; may be NULL. */
	void (*open)(struct kvip_show_job *j);
	/** walk - the next @max things. Return: false at the end. */
	bool (*walk)(struct kvip_show_job *j, unsigned int max);
	/** close - what stands below. Return: 0; negative errno: something is missing. */
	int (*close)(struct kvip_show_job *j);
	void (*done)(struct kvip_show_job *j); /* may be NULL */
};

struct kvip_show_job {
	const struct kvip_show_ops *ops;
	const struct kvip_show_ctx *s; /* of the beginning */
	struct kvip_show_ctx ctx;
	struct kvip_buf *out;
	struct kvip_jsonw *json; /* NULL: text */
	struct kvip_jsonw w;
	struct kvip_columns *table; /* NULL: none */
	struct kvip_columns columns;
	struct kvip_show_legend legend;
	int phase;
	size_t n; /* things shown */
};

/** kvip_show_job_new - NULL without memory. */
struct kvip_show_job *kvip_show_job_new(const struct kvip_show_ops *ops,
					const struct kvip_show_ctx *s, bool json,
					struct kvip_buf *out) KVIP_USE_RESULT;
/** kvip_show_job_run - all of it, and free it. @j NULL: -ENOMEM. */
int kvip_show_job_run(struct kvip_show_job *j);

/* One VIP as both sides see it. @vip NULL: a route that the engine says nothing of; @route NULL: T0
 * has none. */
struct kvip_show_both {
	const struct kvip_vip_view *vip;
	const struct kvip_route_view *route;
	struct kvip_prefix prefix;
};
/** kvip_show_both_word - its state in one word. */
const char *kvip_show_both_word(const struct kvip_show_ctx *s, const struct kvip_show_both *b);
enum kvip_reason kvip_show_both_why(const struct kvip_show_both *b);
/** kvip_show_both_decided - the route that shall be, or is kept; NULL: none. */
const struct kvip_route *kvip_show_both_decided(const struct kvip_show_both *b);
/** kvip_show_both_cluster - NULL: unknown. */
const char *kvip_show_both_cluster(const struct kvip_show_both *b);
void kvip_show_both_json(const struct kvip_show_job *j, const struct kvip_show_both *b);
void kvip_show_both_detail(const struct kvip_show_job *j, const struct kvip_show_both *b);
void kvip_show_both_row(struct kvip_show_job *j, const struct kvip_show_both *b);

/** kvip_show_table - append the table and free it; its error becomes the buffer's. */
void kvip_show_table(struct kvip_columns *t, struct kvip_buf *out);

const char *kvip_show_nh_state(enum kvip_nh_state state);
/** kvip_show_json_claim - one claim as an element of an array. */
void kvip_show_json_claim(const struct kvip_show_ctx *s, struct kvip_jsonw *w,
			  const struct kvip_claim_view *c);
/** kvip_show_json_vips, _services, _nodes - the member of that name, in an object that is open. */
int kvip_show_json_vips(const struct kvip_show_ctx *s, const struct kvip_prefix *only,
			struct kvip_jsonw *w) KVIP_USE_RESULT;
void kvip_show_json_services(const struct kvip_show_ctx *s, const char *only, struct kvip_jsonw *w);
void kvip_show_json_nodes(const struct kvip_show_ctx *s, struct kvip_jsonw *w);
/** kvip_show_json_cluster - the members that `show kubevip` and `show kubevip cluster` both
 * have. */
void kvip_show_json_cluster(const struct kvip_show_ctx *s, struct kvip_jsonw *w,
			    const struct kvip_cluster_view *v);
