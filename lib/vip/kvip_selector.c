// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: label selectors as kubectl reads them.
 *
 * Job: text to a list of requirements, and their evaluation. Thread: any; a selector never changes
 * after parsing, and is one allocation together with its words.
 *
 * The lexer and the parser follow apimachinery's, function by function, so that they accept and
 * refuse the same texts: a word runs to the next special symbol (`=!(),<>`) or white space; `in`
 * and `notin` are operators after a key and ordinary words elsewhere; quotes mean nothing and fail
 * as characters of a key or value; `a=`, `a in ()` and `a in (,b)` name the empty value. What is
 * added is `any`, and that an empty text is refused.
 *
 * Sources: k8s.io/apimachinery v0.36 pkg/labels/selector.go (Lexer, Parser, NewRequirement,
 * Requirement.Matches) and pkg/util/validation (IsQualifiedName, IsValidLabelValue).
 */
#include "vip/kvip_selector.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A selector longer than this is no selector. */
#define MAX_TEXT   8192u
#define MAX_PREFIX 253u
#define MAX_PART   63u

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_NOT_EXISTS, OP_GREATER, OP_LESS };

struct requirement {
	const char *key;
	enum op op;
	uint32_t n_values;
	const char **values;
	int64_t number; /* of OP_GREATER and OP_LESS */
};

struct kvip_selector {
	char *text;
	bool any;
	size_t n;
	struct requirement *reqs;
};

enum token {
	TOK_ERROR,
	TOK_END,
	TOK_WORD,
	TOK_IN,
	TOK_NOT_IN,
	TOK_OPEN,
	TOK_CLOSE,
	TOK_COMMA,
	TOK_NOT,
	TOK_EQUAL,
	TOK_DOUBLE_EQUAL,
	TOK_NOT_EQUAL,
	TOK_GREATER,
	TOK_LESS,
};

/* The parser: one token of look-ahead over the text, and room for what it finds. */
struct parser {
	const char *text, *pos;
	enum token tok;
	const char *lit; /* the token in the text: for errors and words */
	size_t lit_len;
	struct kvip_selector *sel;
	const char **values; /* the next free ones */
	char *words;
	struct kvip_err *err;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
	return c && strchr("=!(),<>", c);
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static enum token special_token(const char *s, size_t n)
{
	static const struct {
		const char *text;
		enum token tok;
	} table[] = {
		{ "(", TOK_OPEN },       { ")", TOK_CLOSE },   { ",", TOK_COMMA },
		{ "!", TOK_NOT },        { "=", TOK_EQUAL },   { "==", TOK_DOUBLE_EQUAL },
		{ "!=", TOK_NOT_EQUAL }, { ">", TOK_GREATER }, { "<", TOK_LESS },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].text) == n && memcmp(table[i].text, s, n) == 0)
			return table[i].tok;
	return TOK_ERROR;
}

/* The longest run of special symbols that is a token, as scanSpecialSymbol() does it. */
static void scan_special(struct parser *p)
{
	size_t n = 1;

	p->tok = special_token(p->pos, 1);
	while (is_special(p->pos[n])) {
		enum token t = special_token(p->pos, n + 1);

		if (t == TOK_ERROR)
			break;
		p->tok = t;
		n++;
	}
	p->lit = p->pos;
	p->lit_len = n;
	p->pos += n;
}

static void scan_word(struct parser *p)
{
	p->lit = p->pos;
	while (*p->pos && !is_space(*p->pos) && !is_special(*p->pos))
		p->pos++;
	p->lit_len = (size_t)(p->pos - p->lit);
	p->tok = TOK_WORD;
	if (p->lit_len == 2 && memcmp(p->lit, "in", 2) == 0)
		p->tok = TOK_IN;
	if (p->lit_len == 5 && memcmp(p->lit, "notin", 5) == 0)
		p->tok = TOK_NOT_IN;
}

static void advance(struct parser *p)
{
	while (is_space(*p->pos))
		p->pos++;
	if (!*p->pos) {
		p->tok = TOK_END;
		p->lit = p->pos;
		p->lit_len = 0;
	} else if (is_special(*p->pos)) {
		scan_special(p);
	} else {
		scan_word(p);
	}
}

/* `in` and `notin` are words wherever a key or a value may stand. */
static bool at_word(const struct parser *p)
{
	return p->tok == TOK_WORD || p->tok == TOK_IN || p->tok == TOK_NOT_IN;
}

static int unexpected(struct parser *p, const char *expected)
{
	if (p->tok == TOK_END)
		return kvip_err_set(p->err, -EINVAL, "selector ends where %s is expected",
				    expected);
	return kvip_err_set(p->err, -EINVAL, "selector: found '%.*s' at column %zu, expected %s",
			    (int)p->lit_len, p->lit, (size_t)(p->lit - p->text) + 1, expected);
}

/* (([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]) of at most 63 characters */
static bool is_name_part(const char *s, size_t n)
{
	if (n == 0 || n > MAX_PART || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return false;
	return true;
}

/* RFC 1123 subdomain: dot-separated, each part alphanumeric at both ends, lower case. */
static bool is_subdomain(const char *s, size_t n)
{
	bool edge = true; /* the last character was none, or a dot */

	if (n == 0 || n > MAX_PREFIX)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool alnum = is_alnum(s[i]) && !(s[i] >= 'A' && s[i] <= 'Z');

		if (!alnum && (edge || (s[i] != '-' && s[i] != '.')))
			return false;
		if (s[i] == '.' && s[i - 1] == '-')
			return false;
		edge = s[i] == '.';
	}
	return !edge && s[n - 1] != '-';
}

static bool is_label_key(const char *s, size_t n)
{
	const char *slash = memchr(s, '/', n);
	size_t prefix = slash ? (size_t)(slash - s) : 0;

	if (!slash)
		return is_name_part(s, n);
	return is_subdomain(s, prefix) && is_name_part(slash + 1, n - prefix - 1);
}

/* Keep the current token as a terminated word and go on to the next. */
static const char *keep_word(struct parser *p)
{
	char *w = p->words;

	memcpy(w, p->lit, p->lit_len);
	w[p->lit_len] = '\0';
	p->words += p->lit_len + 1;
	advance(p);
	return w;
}

static void add_value(struct parser *p, struct requirement *r, const char *value)
{
	for (uint32_t i = 0; i < r->n_values; i++)
		if (strcmp(r->values[i], value) == 0)
			return;
	r->values[r->n_values++] = value;
	p->values++;
}

static int parse_value(struct parser *p, struct requirement *r)
{
	if (!is_name_part(p->lit, p->lit_len))
		return unexpected(p, "a label value (at most 63 letters, digits, '-', '_', '.')");
	add_value(p, r, keep_word(p));
	return 0;
}

/* parseIdentifiersList(): what stands between the parentheses. */
static int parse_list(struct parser *p, struct requirement *r)
{
	int rc;

	for (;;) {
		if (at_word(p)) {
			rc = parse_value(p, r);
			if (rc || p->tok == TOK_CLOSE)
				return rc;
			if (p->tok != TOK_COMMA)
				return unexpected(p, "',' or ')'");
		} else if (p->tok == TOK_COMMA) {
			advance(p);
			if (r->n_values == 0 || p->tok == TOK_COMMA || p->tok == TOK_CLOSE)
				add_value(p, r, "");
			if (p->tok == TOK_CLOSE)
				return 0;
		} else {
			return unexpected(p, "',' or a value");
		}
	}
}

static int parse_set(struct parser *p, struct requirement *r)
{
	int rc;

	if (p->tok != TOK_OPEN)
		return unexpected(p, "'('");
	advance(p);
	if (p->tok == TOK_CLOSE) {
		add_value(p, r, "");
		advance(p);
		return 0;
	}
	rc = parse_list(p, r);
	if (rc)
		return rc;
	if (p->tok != TOK_CLOSE)
		return unexpected(p, "')'");
	advance(p);
	return 0;
}

static int parse_exact(struct parser *p, struct requirement *r)
{
	if (p->tok == TOK_END || p->tok == TOK_COMMA) {
		add_value(p, r, "");
		return 0;
	}
	if (!at_word(p))
		return unexpected(p, "a value");
	return parse_value(p, r);
}

/* strconv.ParseInt(s, 10, 64); a label value has no sign. */
static bool to_number(const char *s, int64_t *out)
{
	char *end;
	long long v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno || *end)
		return false;
	*out = v;
	return true;
}

static int parse_number(struct parser *p, struct requirement *r)
{
	int rc = parse_exact(p, r);

	if (rc)
		return rc;
	if (!to_number(r->values[0], &r->number))
		return kvip_err_set(p->err, -EINVAL, "selector: '%s %c' needs an integer, not '%s'",
				    r->key, r->op == OP_GREATER ? '>' : '<', r->values[0]);
	return 0;
}

static int parse_operator(struct parser *p, struct requirement *r)
{
	enum token t = p->tok;

	switch (t) {
	case TOK_IN:
	case TOK_NOT_IN:
		r->op = t == TOK_IN ? OP_IN : OP_NOT_IN;
		advance(p);
		return parse_set(p, r);
	case TOK_EQUAL:
	case TOK_DOUBLE_EQUAL:
	case TOK_NOT_EQUAL:
		r->op = t == TOK_NOT_EQUAL ? OP_NOT_IN : OP_IN;
		advance(p);
		return parse_exact(p, r);
	case TOK_GREATER:
	case TOK_LESS:
		r->op = t == TOK_GREATER ? OP_GREATER : OP_LESS;
		advance(p);
		return parse_number(p, r);
	default:
		return unexpected(p, "=, ==, !=, in, notin, > or <");
	}
}

static int parse_requirement(struct parser *p)
{
	struct requirement *r = &p->sel->reqs[p->sel->n];
	bool negated = p->tok == TOK_NOT;

	*r = (struct requirement){ .values = p->values };
	if (negated)
		advance(p);
	if (!at_word(p))
		return unexpected(p, "a label key");
	if (!is_label_key(p->lit, p->lit_len))
		return unexpected(p, "a label key ([prefix/]name)");
	r->key = keep_word(p);
	p->sel->n++;
	if (negated || p->tok == TOK_END || p->tok == TOK_COMMA) {
		r->op = negated ? OP_NOT_EXISTS : OP_EXISTS;
		return 0;
	}
	return parse_operator(p, r);
}

static int parse_all(struct parser *p)
{
	int rc;

	advance(p);
	if (p->tok == TOK_END)
		return kvip_err_set(p->err, -EINVAL,
				    "empty selector: say `any` if every object is meant");
	for (;;) {
		if (!at_word(p) && p->tok != TOK_NOT)
			return unexpected(p, "a label key or '!'");
		rc = parse_requirement(p);
		if (rc || p->tok == TOK_END)
			return rc;
		if (p->tok != TOK_COMMA)
			return unexpected(p, "',' or the end");
		advance(p);
	}
}

static bool is_any(const char *text)
{
	while (is_space(*text))
		text++;
	if (strncmp(text, "any", 3) != 0)
		return false;
	for (text += 3; is_space(*text); text++)
		;
	return !*text;
}

/*
 * One block: the selector, its requirements, the pointers to values, the words, the text. A word
 * takes at least one character of the text, and so does what stands for an empty value (or its
 * requirement's key does).
 */
static struct kvip_selector *alloc_selector(const char *text, size_t len, struct parser *p)
{
	size_t n_reqs = 1, n_values = len + 1;
	struct kvip_selector *s;

	for (const char *c = text; *c; c++)
		n_reqs += *c == ',';
	s = kvip_malloc(sizeof(*s) + n_reqs * sizeof(*s->reqs) + n_values * sizeof(char *) +
			2 * len + 2 + len + 1);
	if (!s)
		return NULL;
	*s = (struct kvip_selector){ .reqs = (struct requirement *)(s + 1) };
	p->values = (const char **)(s->reqs + n_reqs);
	p->words = (char *)(p->values + n_values);
	s->text = p->words + 2 * len + 2;
	memcpy(s->text, text, len + 1);
	return s;
}

int kvip_selector_parse(const char *text, struct kvip_selector **out, struct kvip_err *err)
{
	struct parser p = { .text = text, .pos = text, .err = err };
	size_t len = strnlen(text, MAX_TEXT + 1);
	int rc = 0;

	if (len > MAX_TEXT)
		return kvip_err_set(err, -EINVAL, "selector is longer than %u bytes", MAX_TEXT);
	p.sel = alloc_selector(text, len, &p);
	if (!p.sel)
		return kvip_err_set(err, -ENOMEM, "out of memory");
	p.sel->any = is_any(text);
	if (!p.sel->any)
		rc = parse_all(&p);
	if (rc) {
		kvip_free(p.sel);
		return rc;
	}
	*out = p.sel;
	return 0;
}

void kvip_selector_free(struct kvip_selector *s)
{
	kvip_free(s);
}

const char *kvip_selector_text(const struct kvip_selector *s)
{
	return s->text;
}

static const char *lookup(const char *key, const struct kvip_meta *m,
			  const struct kvip_label *pseudo, size_t n_pseudo)
{
	for (size_t i = 0; i < n_pseudo; i++)
		if (strcmp(pseudo[i].key, key) == 0)
			return pseudo[i].value;
	return kvip_meta_label(m, key);
}

static bool has_value(const struct requirement *r, const char *value)
{
	for (uint32_t i = 0; i < r->n_values; i++)
		if (strcmp(r->values[i], value) == 0)
			return true;
	return false;
}

static bool requirement_matches(const struct requirement *r, const char *value)
{
	int64_t number;

	switch (r->op) {
	case OP_EXISTS:
		return value;
	case OP_NOT_EXISTS:
		return !value;
	case OP_IN:
		return value && has_value(r, value);
	case OP_NOT_IN:
		return !value || !has_value(r, value);
	case OP_GREATER:
		return value && to_number(value, &number) && number > r->number;
	case OP_LESS:
		return value && to_number(value, &number) && number < r->number;
	}
	return false;
}

bool kvip_selector_matches(const struct kvip_selector *s, const struct kvip_meta *m,
			   const struct kvip_label *pseudo, size_t n_pseudo)
{
	if (s->any)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (!requirement_matches(&s->reqs[i], lookup(s->reqs[i].key, m, pseudo, n_pseudo)))
			return false;
	return s->n > 0;
}

/* Append to @buf, which may be full. */
static void append(char *buf, size_t size, const char *text)
{
	size_t n = strlen(buf);

	snprintf(buf + n, size - n, "%s", text);
}

static void append_values(const struct requirement *r, char *buf, size_t size)
{
	bool set = r->n_values != 1;

	append(buf, size, r->op == OP_NOT_IN ? (set ? " notin (" : "!=") : (set ? " in (" : "="));
	for (uint32_t i = 0; i < r->n_values; i++) {
		append(buf, size, i ? "," : "");
		append(buf, size, r->values[i]);
	}
	append(buf, size, set ? ")" : "");
}

static void describe(const struct requirement *r, char *buf, size_t size)
{
	char number[32];

	snprintf(buf, size, "%s%s", r->op == OP_NOT_EXISTS ? "!" : "", r->key);
	if (r->op == OP_IN || r->op == OP_NOT_IN)
		append_values(r, buf, size);
	if (r->op == OP_GREATER || r->op == OP_LESS) {
		snprintf(number, sizeof(number), "%s%lld", r->op == OP_GREATER ? ">" : "<",
			 (long long)r->number);
		append(buf, size, number);
	}
}

bool kvip_selector_unmet(const struct kvip_selector *s, const struct kvip_meta *m,
			 const struct kvip_label *pseudo, size_t n_pseudo, char *buf, size_t size)
{
	for (size_t i = 0; !s->any && i < s->n; i++) {
		const char *value = lookup(s->reqs[i].key, m, pseudo, n_pseudo);

		if (requirement_matches(&s->reqs[i], value))
			continue;
		describe(&s->reqs[i], buf, size);
		append(buf, size, value ? ": the label is \"" : ": there is no such label");
		append(buf, size, value ? value : "");
		append(buf, size, value ? "\"" : "");
		return true;
	}
	return false;
}
