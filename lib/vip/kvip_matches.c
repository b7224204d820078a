// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what route-maps ask of VIPs: values, slots, and what the state file brings back. Thread: T0.
 *
 * A slot that nobody asks for any more keeps its question until another one needs the place: a line
 * that is removed and said again (frr-reload does that) finds its answers where they were, and so
 * does a line that comes after the state file has named its question.
 */
#include "vip/kvip_match.h"

#include "base/kvip_mem.h"
#include "vip/kvip_selector.h"

#include <errno.h>
#include <string.h>

/* What was read from the state file is of this generation, and so are the slots it named. */
#define RESTORED 1u

struct slot {
	uint32_t refs;
	uint32_t since;
	uint8_t kind;
	bool reused; /* marks may be about a question it had before */
	char *text;  /* NULL: empty */
};

struct kvip_matches {
	struct slot v[KVIP_MAX_MATCHES];
	size_t n;            /* the slots from here on have never been used */
	uint32_t generation; /* that was published last */
	bool changed;
};

/* ---- values ---- */

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static int check_label(const char *text, struct kvip_err *err)
{
	struct kvip_selector *s = NULL;
	int rc;

	if (count(text, '=') != 1 || strpbrk(text, "!,() "))
		return kvip_err_set(err, -EINVAL, "label: write KEY=VALUE, not `%.80s`", text);
	rc = kvip_selector_parse(text, &s, err);
	kvip_selector_free(s);
	return rc;
}

static bool made_of(const char *text, size_t n, const char *chars, size_t max)
{
	return n > 0 && n <= max && strspn(text, chars) >= n;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789-"
#define ALNUM LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ_."

static bool is_service(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && made_of(text, (size_t)(slash - text), LOWER, 63) &&
	       made_of(slash + 1, strlen(slash + 1), LOWER ".", KVIP_MAX_NAME);
}

/* Names as Kubernetes v1.36 allows them: "Object Names and IDs"; a class is like a label's key. */
int kvip_match_check(enum kvip_match_kind kind, const char *text, struct kvip_err *err)
{
	size_t n = strlen(text);

	switch (kind) {
	case KVIP_MATCH_LABEL:
		return check_label(text, err);
	case KVIP_MATCH_NAMESPACE:
		if (made_of(text, n, LOWER, 63))
			return 0;
		return kvip_err_set(
			err, -EINVAL,
			"namespace: 1 to 63 lower case letters, digits or `-`, not `%.80s`", text);
	case KVIP_MATCH_SERVICE:
		if (is_service(text))
			return 0;
		return kvip_err_set(err, -EINVAL, "service: write NAMESPACE/NAME, not `%.80s`",
				    text);
	case KVIP_MATCH_CLUSTER:
		if (made_of(text, n, ALNUM, 63))
			return 0;
		return kvip_err_set(
			err, -EINVAL,
			"cluster: 1 to 63 letters, digits, `.`, `_` or `-`, not `%.80s`", text);
	case KVIP_MATCH_CLASS:
		if (made_of(text, n, ALNUM "/", KVIP_MAX_LABEL_KEY))
			return 0;
		return kvip_err_set(err, -EINVAL,
				    "class: write a loadBalancerClass like example.com/name, not "
				    "`%.80s`",
				    text);
	case KVIP_MATCH_KIND_MAX:
		break;
	}
	return -EINVAL;
}

/* ---- slots ---- */

struct kvip_matches *kvip_matches_new(void)
{
	struct kvip_matches *m = kvip_calloc(1, sizeof(*m));

	if (m)
		m->generation = RESTORED;
	return m;
}

void kvip_matches_free(struct kvip_matches *m)
{
	for (size_t i = 0; m && i < m->n; i++)
		kvip_free(m->v[i].text);
	kvip_free(m);
}

static int find(const struct kvip_matches *m, enum kvip_match_kind kind, const char *text)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].text && m->v[i].kind == kind && strcmp(m->v[i].text, text) == 0)
			return (int)i;
	return -ENOENT;
}

/* A place for one more: a fresh one if there is, else (@any) one that nobody asks for. */
static int vacant(const struct kvip_matches *m, bool any)
{
	if (m->n < KVIP_MAX_MATCHES)
		return (int)m->n;
	for (size_t i = 0; any && i < m->n; i++)
		if (m->v[i].refs == 0)
			return (int)i;
	return -ENOSPC;
}

static int settle(struct kvip_matches *m, enum kvip_match_kind kind, const char *text,
		  uint32_t since, bool any)
{
	int at = vacant(m, any);
	char *copy;

	if (at < 0)
		return at;
	copy = kvip_strdup(text);
	if (!copy)
		return -ENOMEM;
	kvip_free(m->v[at].text);
	m->v[at] = (struct slot){
		.since = since, .kind = (uint8_t)kind, .reused = (size_t)at < m->n, .text = copy
	};
	if ((size_t)at == m->n)
		m->n++;
	m->changed = true;
	return at;
}

int kvip_matches_ref(struct kvip_matches *m, enum kvip_match_kind kind, const char *text)
{
	int at = find(m, kind, text);

	if (at < 0 && kvip_match_check(kind, text, NULL))
		return -EINVAL;
	if (at < 0)
		at = settle(m, kind, text, m->generation + 1, true);
	if (at >= 0)
		m->v[at].refs++;
	return at;
}

void kvip_matches_unref(struct kvip_matches *m, unsigned int slot)
{
	m->v[slot].refs--;
}

bool kvip_matches_changed(const struct kvip_matches *m)
{
	return m->changed;
}

bool kvip_matches_asks(const struct kvip_matches *m, unsigned int slot,
		       const struct kvip_marks *marks)
{
	return kvip_marks_has(marks, slot, m->v[slot].since);
}

bool kvip_matches_differ(const struct kvip_matches *m, const struct kvip_marks *a,
			 const struct kvip_marks *b)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (m->v[i].refs && kvip_matches_asks(m, i, a) != kvip_matches_asks(m, i, b))
			return true;
	return false;
}

/* ---- snapshots ---- */

static int copy_slot(struct kvip_match_expr *to, const struct slot *from)
{
	to->since = from->since;
	to->kind = from->kind;
	to->text = kvip_strdup(from->text);
	if (!to->text)
		return -ENOMEM;
	if (to->kind != KVIP_MATCH_LABEL)
		return 0;
	to->key = kvip_strdup(from->text);
	if (!to->key)
		return -ENOMEM;
	*strchr(to->key, '=') = '\0';
	return 0;
}

struct kvip_match_set *kvip_matches_publish(struct kvip_matches *m)
{
	struct kvip_match_set *s = kvip_calloc(1, sizeof(*s) + m->n * sizeof(s->v[0]));

	if (!s)
		return NULL;
	s->n = m->n;
	for (size_t i = 0; i < m->n; i++) {
		if (copy_slot(&s->v[i], &m->v[i])) {
			kvip_match_set_free(s);
			return NULL;
		}
	}
	m->generation += m->changed;
	m->changed = false;
	s->generation = m->generation;
	return s;
}

/* ---- restart ---- */

static void restore_item(struct kvip_matches *m, const char *item, struct kvip_marks *out)
{
	const char *colon = strchr(item, ':');
	int at = -ENOENT;

	for (unsigned int k = 0; colon && k < KVIP_MATCH_KIND_MAX; k++) {
		enum kvip_match_kind kind = (enum kvip_match_kind)k;
		const char *word = kvip_match_word(kind);
		size_t n = strlen(word);

		if ((size_t)(colon - item) != n || strncmp(item, word, n) != 0)
			continue;
		at = find(m, kind, colon + 1);
		if (at < 0 && kvip_match_check(kind, colon + 1, NULL) == 0)
			at = settle(m, kind, colon + 1, RESTORED, false);
	}
	if (at < 0 || m->v[at].reused)
		return;
	m->v[at].since = RESTORED;
	kvip_marks_set(out, (unsigned int)at);
}

void kvip_matches_restore(struct kvip_matches *m, const char *text, struct kvip_marks *out)
{
	char *copy = kvip_strdup(text), *rest = copy, *item;

	*out = (struct kvip_marks){ .generation = RESTORED };
	while ((item = strsep(&rest, ",")))
		restore_item(m, item, out);
	kvip_free(copy);
}
