// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a LabelSelector of the API (matchLabels, matchExpressions) as a text of kubectl's grammar.
 *
 * Job: so that whoever reads it needs one grammar and can show what it read. Thread: any.
 *
 * A selector that is not understood whole is never widened by leaving a part of it out: it becomes
 * KVIP_SELECTOR_UNUSABLE, which matches nothing. Keys and values are checked for what could change
 * the meaning of the text (blanks, commas, parentheses); whether they may be labels is the parser's
 * business.
 *
 * Source: Kubernetes API reference v1.36, LabelSelector ("A null label selector matches no objects.
 * An empty label selector matches all objects."); apimachinery LabelSelectorAsSelector() (In and
 * NotIn want values, Exists and DoesNotExist want none).
 */
#include "kvip_obj_priv.h"

#include <string.h>

void kvip_draft_text_begin(struct kvip_draft_texts *t)
{
	t->begun = t->used;
	t->full = false;
}

void kvip_draft_text_add(struct kvip_draft_texts *t, const char *s)
{
	size_t n = strlen(s);

	if (t->full || n >= sizeof(t->at) - t->used) {
		t->full = true;
		return;
	}
	memcpy(t->at + t->used, s, n);
	t->used += n;
}

const char *kvip_draft_text_end(struct kvip_draft_texts *t)
{
	if (t->full) {
		t->used = t->begun;
		return NULL;
	}
	t->at[t->used++] = '\0';
	return t->at + t->begun;
}

/* A selector being written. */
struct writer {
	struct kvip_draft_texts *t;
	size_t n;      /* requirements written */
	size_t labels; /* of them, from matchLabels */
	bool bad;
};

static bool plain(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") ==
	       strlen(s);
}

static void add(struct writer *w, const char *s)
{
	kvip_draft_text_add(w->t, s);
}

static void add_word(struct writer *w, const char *s)
{
	if (!plain(s))
		w->bad = true;
	add(w, s);
}

static void begin_requirement(struct writer *w, const char *negation, const char *key)
{
	if (w->n++)
		add(w, ",");
	add(w, negation);
	if (!*key)
		w->bad = true;
	add_word(w, key);
}

static void match_label(void *ctx, const char *key, const char *value)
{
	struct writer *w = ctx;

	w->labels++;
	begin_requirement(w, "", key);
	add(w, "=");
	add_word(w, value);
}

static void match_set(struct writer *w, const char *key, const char *op, struct json_object *values)
{
	size_t n = kvip_json_len(values);

	begin_requirement(w, "", key);
	add(w, op);
	for (size_t i = 0; i < n; i++) {
		const char *value = kvip_json_string_at(values, i);

		if (i)
			add(w, ",");
		if (value)
			add_word(w, value);
		w->bad |= !value;
	}
	add(w, ")");
	w->bad |= n == 0;
}

/* Does a key exist? Alone, the key `any` would be the word that matches everything. */
static void match_key(struct writer *w, const char *key, const char *negation,
		      struct json_object *values)
{
	begin_requirement(w, negation, key);
	if (!*negation && strcmp(key, KVIP_SELECTOR_ANY) == 0)
		begin_requirement(w, "", key);
	w->bad |= kvip_json_len(values) > 0;
}

static void match_expression(struct writer *w, struct json_object *e)
{
	struct json_object *values = kvip_json_array(e, "values");
	const char *key = kvip_json_string(e, "key");
	const char *op = kvip_json_string(e, "operator");

	if (!key || !op)
		w->bad = true;
	else if (strcmp(op, "In") == 0)
		match_set(w, key, " in (", values);
	else if (strcmp(op, "NotIn") == 0)
		match_set(w, key, " notin (", values);
	else if (strcmp(op, "Exists") == 0)
		match_key(w, key, "", values);
	else if (strcmp(op, "DoesNotExist") == 0)
		match_key(w, key, "!", values);
	else
		w->bad = true;
}

const char *kvip_draft_selector(struct kvip_draft *d, struct json_object *parent, const char *name)
{
	struct json_object *selector = kvip_json_object(parent, name);
	struct json_object *labels = kvip_json_object(selector, "matchLabels");
	struct json_object *exprs = kvip_json_array(selector, "matchExpressions");
	struct writer w = { .t = &d->cilium.texts };
	const char *text;

	if (!selector)
		return NULL;
	kvip_draft_text_begin(w.t);
	kvip_json_each_string(labels, match_label, &w);
	for (size_t i = 0; i < kvip_json_len(exprs); i++)
		match_expression(&w, kvip_json_object_at(exprs, i));
	if (w.n == 0)
		add(&w, KVIP_SELECTOR_ANY);
	text = kvip_draft_text_end(w.t);
	w.bad |= w.labels != kvip_json_members(labels);
	return text && !w.bad ? text : KVIP_SELECTOR_UNUSABLE;
}
