/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One small YAML (or JSON) document as a tree, read-only and bounded: for kubeconfig files.
 *
 * Nodes belong to the document. Aliases are links, never copies, so that a file cannot grow by
 * being read; whoever walks the tree follows a fixed path and cannot loop.
 */
#pragma once

#include "base/kvip_err.h"

#include <stdbool.h>
#include <stddef.h>

enum kvip_yaml_type { KVIP_YAML_SCALAR, KVIP_YAML_SEQUENCE, KVIP_YAML_MAPPING, KVIP_YAML_ALIAS };

struct kvip_yaml_node {
	enum kvip_yaml_type type;
	bool plain; /* scalar without quotes: may mean null, true, a number */
	unsigned int line;
	const char *text; /* of a scalar */
	/* children of a sequence; of a mapping key, value, key, value; target of an alias */
	struct kvip_yaml_node *first;
	struct kvip_yaml_node *next; /* the next child of the same parent */
	struct kvip_yaml_node *all;  /* every node of the document, for freeing */
};

struct kvip_yaml;

/**
 * kvip_yaml_parse - @len bytes of text to a tree
 * @name: of the file, for errors
 * Return: 0; -EINVAL (syntax, several documents, NUL in a value), -E2BIG (too deep, too many
 * values), -ENOMEM. Any thread.
 */
int kvip_yaml_parse(const char *text, size_t len, const char *name, struct kvip_yaml **out,
		    struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_yaml_free - takes NULL. */
void kvip_yaml_free(struct kvip_yaml *doc);

/** kvip_yaml_root - the outermost value; NULL for an empty document. */
const struct kvip_yaml_node *kvip_yaml_root(const struct kvip_yaml *doc);
/** kvip_yaml_deref - @n, or what it is an alias of. Takes NULL. */
const struct kvip_yaml_node *kvip_yaml_deref(const struct kvip_yaml_node *n);
/**
 * kvip_yaml_member - value of @key in mapping @map
 * @again: set to the second key of that name when there is one (a mistake of whoever wrote it)
 * Return: the value, dereferenced, or NULL. @map may be NULL or no mapping.
 */
const struct kvip_yaml_node *kvip_yaml_member(const struct kvip_yaml_node *map, const char *key,
					      const struct kvip_yaml_node **again);
/** kvip_yaml_is_null - absent, ~, null or an empty plain scalar? */
bool kvip_yaml_is_null(const struct kvip_yaml_node *n);
