// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a bounded tree over libyaml's events.
 *
 * Job: libyaml's own document loader nests without limit and takes time quadratic in the depth
 * (3.6 s for 40,000 times "{a: ", measured with libyaml 0.2.5), so the tree is built from events
 * here and stops at MAX_DEPTH. Aliases become links to the node that carries the anchor.
 *
 * Thread: any; nothing is shared. Sources: YAML 1.1; libyaml 0.2.5 yaml.h.
 */
#include "kvip_yaml.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

/* A kubeconfig is 5 deep (exec.env[]); a cluster list of a large company has some 100 entries. */
#define MAX_DEPTH   32
#define MAX_NODES   50000
#define MAX_ANCHORS 64

struct anchor {
	char *name;
	struct kvip_yaml_node *node;
};

struct kvip_yaml {
	struct kvip_yaml_node *root;
	struct kvip_yaml_node *all;
};

struct builder {
	struct kvip_yaml *doc;
	const char *name;
	struct kvip_err *err;
	struct kvip_yaml_node *open[MAX_DEPTH]; /* collections that are not closed yet */
	struct kvip_yaml_node *last[MAX_DEPTH]; /* and the last child of each */
	unsigned int depth, n_nodes, n_anchors, n_documents;
	struct anchor anchors[MAX_ANCHORS];
	bool done;
};

static unsigned int line_of(const yaml_event_t *ev)
{
	return (unsigned int)ev->start_mark.line + 1;
}

static int no_memory(const struct builder *b)
{
	return kvip_err_set(b->err, -ENOMEM, "%s: not enough memory to read it", b->name);
}

static struct kvip_yaml_node *node_new(struct builder *b, enum kvip_yaml_type type,
				       const yaml_event_t *ev, const char *text)
{
	size_t len = text ? strlen(text) + 1 : 0;
	struct kvip_yaml_node *n = kvip_calloc(1, sizeof(*n) + len);

	if (!n)
		return NULL;
	n->type = type;
	n->line = line_of(ev);
	if (text)
		n->text = memcpy(n + 1, text, len);
	n->all = b->doc->all;
	b->doc->all = n;
	b->n_nodes++;
	return n;
}

static void attach(struct builder *b, struct kvip_yaml_node *n)
{
	if (b->depth == 0) {
		b->doc->root = n;
	} else if (b->last[b->depth - 1]) {
		b->last[b->depth - 1]->next = n;
		b->last[b->depth - 1] = n;
	} else {
		b->open[b->depth - 1]->first = n;
		b->last[b->depth - 1] = n;
	}
}

static int remember_anchor(struct builder *b, const yaml_char_t *name, struct kvip_yaml_node *n)
{
	char *copy;

	if (!name)
		return 0;
	if (b->n_anchors == MAX_ANCHORS)
		return kvip_err_set(
			b->err, -E2BIG,
			"%s line %u: more than %d anchors (&name): write the values out", b->name,
			n->line, MAX_ANCHORS);
	copy = kvip_strdup((const char *)name);
	if (!copy)
		return no_memory(b);
	b->anchors[b->n_anchors++] = (struct anchor){ copy, n };
	return 0;
}

static int add_scalar(struct builder *b, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	struct kvip_yaml_node *n;

	if (strlen(text) != ev->data.scalar.length)
		return kvip_err_set(b->err, -EINVAL, "%s line %u: a NUL byte in a value: remove it",
				    b->name, line_of(ev));
	n = node_new(b, KVIP_YAML_SCALAR, ev, text);
	if (!n)
		return no_memory(b);
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	attach(b, n);
	return remember_anchor(b, ev->data.scalar.anchor, n);
}

static int add_alias(struct builder *b, const yaml_event_t *ev)
{
	const char *name = (const char *)ev->data.alias.anchor;
	struct kvip_yaml_node *n;

	for (unsigned int i = b->n_anchors; i > 0; i--) {
		if (strcmp(b->anchors[i - 1].name, name) != 0)
			continue;
		n = node_new(b, KVIP_YAML_ALIAS, ev, NULL);
		if (!n)
			return no_memory(b);
		n->first = b->anchors[i - 1].node;
		attach(b, n);
		return 0;
	}
	return kvip_err_set(b->err, -EINVAL, "%s line %u: alias *%s has no anchor &%s before it",
			    b->name, line_of(ev), name, name);
}

static int open_collection(struct builder *b, const yaml_event_t *ev, enum kvip_yaml_type type,
			   const yaml_char_t *anchor)
{
	struct kvip_yaml_node *n;

	if (b->depth == MAX_DEPTH)
		return kvip_err_set(b->err, -E2BIG,
				    "%s line %u: nested deeper than %d: this is no kubeconfig",
				    b->name, line_of(ev), MAX_DEPTH);
	n = node_new(b, type, ev, NULL);
	if (!n)
		return no_memory(b);
	attach(b, n);
	b->open[b->depth] = n;
	b->last[b->depth] = NULL;
	b->depth++;
	return remember_anchor(b, anchor, n);
}

static int start_document(struct builder *b, const yaml_event_t *ev)
{
	if (b->n_documents++ == 0)
		return 0;
	return kvip_err_set(
		b->err, -EINVAL,
		"%s line %u: a second document begins here (---): one file, one document", b->name,
		line_of(ev));
}

static int take_event(struct builder *b, const yaml_event_t *ev)
{
	if (b->n_nodes >= MAX_NODES)
		return kvip_err_set(b->err, -E2BIG,
				    "%s line %u: more than %d values: this is no kubeconfig",
				    b->name, line_of(ev), MAX_NODES);
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		return start_document(b, ev);
	case YAML_SCALAR_EVENT:
		return add_scalar(b, ev);
	case YAML_ALIAS_EVENT:
		return add_alias(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(b, ev, KVIP_YAML_SEQUENCE, ev->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return open_collection(b, ev, KVIP_YAML_MAPPING, ev->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	case YAML_STREAM_END_EVENT:
		b->done = true;
		return 0;
	default:
		return 0;
	}
}

static int syntax_error(const struct builder *b, const yaml_parser_t *p)
{
	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(b);
	return kvip_err_set(b->err, -EINVAL, "%s line %zu: neither YAML nor JSON: %s", b->name,
			    p->problem_mark.line + 1, p->problem ? p->problem : "syntax error");
}

static int build(struct builder *b, const char *text, size_t len)
{
	yaml_parser_t parser;
	yaml_event_t ev;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return no_memory(b);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (rc == 0 && !b->done) {
		if (!yaml_parser_parse(&parser, &ev)) {
			rc = syntax_error(b, &parser);
			break;
		}
		rc = take_event(b, &ev);
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&parser);
	return rc;
}

int kvip_yaml_parse(const char *text, size_t len, const char *name, struct kvip_yaml **out,
		    struct kvip_err *err)
{
	struct builder b = { .name = name, .err = err };
	int rc;

	b.doc = kvip_calloc(1, sizeof(*b.doc));
	if (!b.doc)
		return no_memory(&b);
	rc = build(&b, text, len);
	for (unsigned int i = 0; i < b.n_anchors; i++)
		kvip_free(b.anchors[i].name);
	if (rc)
		kvip_yaml_free(b.doc);
	else
		*out = b.doc;
	return rc;
}

void kvip_yaml_free(struct kvip_yaml *doc)
{
	struct kvip_yaml_node *next;

	if (!doc)
		return;
	for (struct kvip_yaml_node *n = doc->all; n; n = next) {
		next = n->all;
		if (n->text) /* it may be a token or a key */
			explicit_bzero(n + 1, strlen(n->text));
		kvip_free(n);
	}
	kvip_free(doc);
}

const struct kvip_yaml_node *kvip_yaml_root(const struct kvip_yaml *doc)
{
	return kvip_yaml_deref(doc->root);
}

const struct kvip_yaml_node *kvip_yaml_deref(const struct kvip_yaml_node *n)
{
	/* An anchor stands on a real node, never on an alias: one step is enough. */
	return n && n->type == KVIP_YAML_ALIAS ? n->first : n;
}

const struct kvip_yaml_node *kvip_yaml_member(const struct kvip_yaml_node *map, const char *key,
					      const struct kvip_yaml_node **again)
{
	const struct kvip_yaml_node *found = NULL, *k, *name;

	*again = NULL;
	if (!map || map->type != KVIP_YAML_MAPPING)
		return NULL;
	for (k = map->first; k && k->next; k = k->next->next) {
		name = kvip_yaml_deref(k);
		if (name->type != KVIP_YAML_SCALAR || strcmp(name->text, key) != 0)
			continue;
		if (found) {
			*again = k;
			break;
		}
		found = kvip_yaml_deref(k->next);
	}
	return found;
}

bool kvip_yaml_is_null(const struct kvip_yaml_node *n)
{
	if (!n)
		return true;
	if (n->type != KVIP_YAML_SCALAR || !n->plain)
		return false;
	return n->text[0] == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0 ||
	       strcmp(n->text, "Null") == 0 || strcmp(n->text, "NULL") == 0;
}
