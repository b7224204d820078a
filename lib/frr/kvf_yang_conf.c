// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: lines to nodes of the model, nodes to lines.
 *
 * Thread: T0. Keeps nothing. Rows with one value need no code here: the schema says whether the
 * node of a word is a leaf, a leaf-list or a flag. What a line with several words looks like stands
 * in one table, composites[], for both directions. Trees are edited with libyang itself and not
 * with nb_cli_enqueue_change(): that takes 16 changes of 1024 bytes and makes XPath predicates of
 * values, which a list of servers, a long selector or an apostrophe in a path would overrun.
 *
 * Sources: libyang 2.1, tree_data.h; FRR 8.4.4, lib/northbound_cli.c (nb_cli_enqueue_change),
 * lib/northbound.c (nb_candidate_edit).
 */
#include "frr/kvf_yang_conf.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <libyang/libyang.h>
#include <stdio.h>
#include <string.h>

#define MAX_LINES_BYTES (16u << 20)
#define MAX_WORDS       ((int)KVIP_MAX_SERVERS + 8)

/* One word or pair of words of a composite line. */
struct part {
	const char *leaf;
	const char *keyword; /* before the value; NULL: the value stands alone */
	const char *unsaid;  /* the value of the leaf that no words stand for */
	bool flag;           /* the keyword alone: a boolean or an empty leaf */
};

static const struct part kubeconfig[] = { { .leaf = "path" },
					  { .leaf = "context", .keyword = "context" },
					  { NULL } };
static const struct part certificate[] = { { .leaf = "path" },
					   { .leaf = "key", .keyword = "key" },
					   { NULL } };
static const struct part range[] = {
	{ .leaf = "prefix" },
	{ .leaf = "namespace", .keyword = "namespace", .unsaid = "*" },
	{ .leaf = "allow-connected", .keyword = "allow-connected", .flag = true },
	{ NULL }
};
static const struct part api_loss[] = { { .leaf = "hold", .keyword = "hold", .unsaid = "forever" },
					{ NULL } };
static const struct part guard[] = {
	{ .leaf = "percent" },
	{ .leaf = "min", .keyword = "min" },
	{ .leaf = "release-after", .keyword = "release-after", .unsaid = "never" },
	{ NULL }
};
static const struct part next_hop[] = {
	{ .leaf = "internal-ip", .keyword = "internal-ip", .flag = true },
	{ .leaf = "external-ip", .keyword = "external-ip", .flag = true },
	{ .leaf = "annotation", .keyword = "annotation" },
	{ .leaf = "subnet", .keyword = "subnet" },
	{ NULL }
};

static const struct {
	const char *word;
	const struct part *parts;
} composites[] = {
	{ "kubeconfig", kubeconfig }, { "client-certificate", certificate },
	{ "vip-range", range },       { "on-api-loss", api_loss },
	{ "withdraw-guard", guard },  { "next-hop", next_hop },
};

static const struct part *parts_of(const char *word)
{
	for (size_t i = 0; i < sizeof(composites) / sizeof(composites[0]); i++)
		if (strcmp(composites[i].word, word) == 0)
			return composites[i].parts;
	return NULL;
}

/* ---- a line's place: which object, which row ---- */

struct place {
	const char *cluster, *adv; /* NULL: not below one */
	const char *word;          /* of the row; NULL: the object itself */
};

static struct place place_of(int argc, const char *const *argv)
{
	struct place at = { 0 };
	int i = 0;

	if (argc >= 2 && strcmp(argv[0], "cluster") == 0) {
		at.cluster = argv[1];
		i = 2;
		if (argc >= 4 && strcmp(argv[2], "advertise") == 0) {
			at.adv = argv[3];
			i = 4;
		}
	}
	at.word = i < argc ? argv[i] : NULL;
	return at;
}

/* ---- lines to nodes ---- */

static int refused(const struct lyd_node *parent, const char *word, struct kvip_err *err, LY_ERR rc)
{
	const char *why = ly_errmsg(LYD_CTX(parent));

	if (rc == LY_EMEM)
		return kvip_err_set(err, -ENOMEM, "out of memory: the line was not taken");
	kvip_err_set(err, -EINVAL, "%s: the model frr-kubevip refuses it: %s", word,
		     why ? why : "no reason given");
	ly_err_clean((struct ly_ctx *)(uintptr_t)LYD_CTX(parent), NULL); /* libyang keeps them */
	return -EINVAL;
}

static int put_leaf(struct lyd_node *parent, const char *word, const char *value,
		    struct kvip_err *err)
{
	LY_ERR rc = lyd_new_term(parent, NULL, word, value, false, NULL);

	return rc ? refused(parent, word, err, rc) : 0;
}

static struct lyd_node *find_entry(const struct lyd_node *parent, const char *list, const char *key)
{
	struct lyd_node *n;

	LY_LIST_FOR(lyd_child(parent), n)
	if (strcmp(LYD_NAME(n), list) == 0 && strcmp(lyd_get_value(lyd_child(n)), key) == 0)
		return n;
	return NULL;
}

static int entry(struct lyd_node *parent, const char *list, const char *key, struct lyd_node **out,
		 struct kvip_err *err)
{
	LY_ERR rc;

	*out = find_entry(parent, list, key);
	if (*out)
		return 0;
	rc = lyd_new_list(parent, NULL, list, false, out, key);
	return rc ? refused(parent, list, err, rc) : 0;
}

static void remove_row(struct lyd_node *object, const char *word)
{
	struct lyd_node *n, *next;

	LY_LIST_FOR_SAFE(lyd_child(object), next, n)
	if (strcmp(LYD_NAME(n), word) == 0)
		lyd_free_tree(n);
}

/* The value of @p in the words of a line; *@said: it is there. */
static const char *part_value(const struct part *p, int argc, char **argv, int *i, bool *said)
{
	*said = *i < argc && (!p->keyword || strcmp(argv[*i], p->keyword) == 0);
	if (!*said)
		return p->unsaid;
	*i += p->keyword && !p->flag ? 2 : 1;
	return *i <= argc ? argv[*i - 1] : "";
}

static const struct lysc_node *leaf_schema(const struct lyd_node *node, const char *leaf)
{
	return lys_find_child(node->schema, node->schema->module, leaf, 0, LYS_LEAF, 0);
}

/* A flag's leaf is a boolean, or empty. */
static const char *flag_value(const struct lyd_node *node, const char *leaf)
{
	const struct lysc_node_leaf *s = (const struct lysc_node_leaf *)leaf_schema(node, leaf);

	return s->type->basetype == LY_TYPE_EMPTY ? NULL : "true";
}

static int put_parts(struct lyd_node *node, const struct part *p, int argc, char **argv,
		     struct kvip_err *err)
{
	int i = 0, rc = 0;

	for (; p->leaf && !rc; p++) {
		bool said;
		const char *value = part_value(p, argc, argv, &i, &said);

		if (said && p->flag)
			value = flag_value(node, p->leaf);
		if (said && !lysc_is_key(leaf_schema(node, p->leaf)))
			rc = put_leaf(node, p->leaf, value, err);
	}
	return rc;
}

/* A range is named by its prefix and its namespace. */
static int put_range(struct lyd_node *object, int argc, char **argv, struct kvip_err *err)
{
	const char *ns = argc > 2 && strcmp(argv[1], "namespace") == 0 ? argv[2] : range[1].unsaid;
	struct lyd_node *n;
	LY_ERR rc = lyd_new_list(object, NULL, "vip-range", false, &n, argv[0], ns);

	return rc ? refused(object, "vip-range", err, rc) : put_parts(n, range, argc, argv, err);
}

static int put_servers(struct lyd_node *object, int argc, char **argv, struct kvip_err *err)
{
	int rc = 0;

	for (int i = 0; i < argc && !rc; i++) {
		struct lyd_node *n;
		char index[12];

		snprintf(index, sizeof(index), "%d", i + 1);
		rc = entry(object, "server", index, &n, err);
		if (!rc)
			rc = put_leaf(n, "url", argv[i], err);
	}
	return rc;
}

static int put_container(struct lyd_node *object, const char *word, int argc, char **argv,
			 struct kvip_err *err)
{
	struct lyd_node *n;
	LY_ERR rc = lyd_new_inner(object, NULL, word, false, &n);

	return rc ? refused(object, word, err, rc) : put_parts(n, parts_of(word), argc, argv, err);
}

/* The words of @rest cut in place. */
static int split(char *rest, char **words)
{
	char *save = NULL;
	int n = 0;

	for (char *w = strtok_r(rest, " ", &save); w && n < MAX_WORDS;
	     w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	return n;
}

/* @rest: what stands after the row's word, cut in place. */
static int put_row(struct lyd_node *object, const char *word, char *rest, struct kvip_err *err)
{
	const struct lysc_node *s = lys_find_child(object->schema, object->schema->module, word, 0,
						   0, 0);
	char *words[MAX_WORDS];
	int n;

	if (!s)
		return kvip_err_set(err, -EINVAL, "%s: the model frr-kubevip does not know it",
				    word);
	if (s->nodetype & (LYS_LEAF | LYS_LEAFLIST))
		return put_leaf(object, word, *rest ? rest : "true", err);
	n = split(rest, words);
	if (s->nodetype == LYS_CONTAINER)
		return put_container(object, word, n, words, err);
	return parts_of(word) ? put_range(object, n, words, err)
			      : put_servers(object, n, words, err);
}

/* What every line of the row begins with. */
static int row_prefix(const struct place *at, struct kvip_buf *out)
{
	kvip_buf_puts(out, "kubevip ");
	if (at->cluster)
		kvip_buf_printf(out, "cluster %s ", at->cluster);
	if (at->adv)
		kvip_buf_printf(out, "advertise %s ", at->adv);
	return kvip_buf_puts(out, at->word);
}

/* Of the rendered configuration @text, cut in place, the lines of one row. */
static int put_rows(struct lyd_node *object, const struct place *at, char *text, const char *prefix,
		    struct kvip_err *err)
{
	size_t n = strlen(prefix);
	char *save = NULL;
	int rc = 0;

	for (char *l = strtok_r(text, "\n", &save); l && !rc; l = strtok_r(NULL, "\n", &save))
		if (strncmp(l, prefix, n) == 0 && (l[n] == ' ' || l[n] == '\0'))
			rc = put_row(object, at->word, l + n + (l[n] == ' '), err);
	return rc;
}

static int renew_row(struct lyd_node *object, const struct kvip_conf *conf, const struct place *at,
		     struct kvip_err *err)
{
	struct kvip_buf text, prefix;
	int rc;

	kvip_buf_init(&text, MAX_LINES_BYTES);
	kvip_buf_init(&prefix, 1024);
	rc = kvip_conf_render(conf, &text);
	if (!rc)
		rc = row_prefix(at, &prefix);
	if (rc)
		rc = kvip_err_set(err, -ENOMEM, "out of memory: the line was not taken");
	else
		remove_row(object, at->word);
	if (!rc && text.len)
		rc = put_rows(object, at, text.data, kvip_buf_str(&prefix), err);
	kvip_buf_done(&text);
	kvip_buf_done(&prefix);
	return rc;
}

/* The entry of a cluster or block; none, and gone from the tree, where @exists is false. */
static int object_entry(struct lyd_node *parent, const char *list, const char *name, bool exists,
			struct lyd_node **out, struct kvip_err *err)
{
	if (exists)
		return entry(parent, list, name, out, err);
	*out = NULL;
	parent = find_entry(parent, list, name);
	if (parent)
		lyd_free_tree(parent);
	return 0;
}

int kvf_yang_put_line(struct lyd_node *kubevip, const struct kvip_conf *conf, int argc,
		      const char *const *argv, struct kvip_err *err)
{
	struct place at = place_of(argc, argv);
	const struct kvip_cluster_conf *cl = at.cluster ? kvip_conf_cluster(conf, at.cluster)
							: NULL;
	struct lyd_node *object = kubevip;
	int rc = 0;

	if (at.cluster)
		rc = object_entry(kubevip, "cluster", at.cluster, cl != NULL, &object, err);
	if (!rc && object && at.adv)
		rc = object_entry(object, "advertise", at.adv, kvip_cluster_adv(cl, at.adv) != NULL,
				  &object, err);
	return !rc && object && at.word ? renew_row(object, conf, &at, err) : rc;
}

/* ---- nodes to lines ---- */

struct reader {
	struct kvip_conf *conf;
	struct kvip_err *err;
	const char *words[MAX_WORDS];
	int n;
};

static void say(struct reader *r, const char *word)
{
	if (r->n < MAX_WORDS)
		r->words[r->n++] = word;
}

/* Where the line is about, before what is wrong with it. */
static int apply(struct reader *r, int object_words)
{
	struct kvip_err why;
	int rc = kvip_conf_line(r->conf, r->n, r->words, false, &why);

	if (!rc)
		return 0;
	if (object_words == 4)
		return kvip_err_set(r->err, rc, "cluster %s advertise %s: %.180s", r->words[1],
				    r->words[3], why.text);
	if (object_words == 2)
		return kvip_err_set(r->err, rc, "cluster %s: %.240s", r->words[1], why.text);
	return kvip_err_set(r->err, rc, "%s", why.text);
}

static const struct lyd_node *child_of(const struct lyd_node *node, const char *name)
{
	const struct lyd_node *n;

	LY_LIST_FOR(lyd_child(node), n)
	if (strcmp(LYD_NAME(n), name) == 0)
		return n;
	return NULL;
}

/* The value of a part; one that a candidate has not been given yet is its default. NULL: none. */
static const char *value_in(const struct lyd_node *node, const char *leaf)
{
	const struct lyd_node *n = child_of(node, leaf);
	const struct lysc_node_leaf *s;

	if (n)
		return lyd_get_value(n);
	s = (const struct lysc_node_leaf *)leaf_schema(node, leaf);
	return s->dflt ? lyd_value_get_canonical(LYD_CTX(node), s->dflt) : NULL;
}

static void say_part(struct reader *r, const struct part *p, const char *value)
{
	if (!value || (p->unsaid && strcmp(value, p->unsaid) == 0))
		return;
	if (p->flag && strcmp(value, "false") == 0)
		return;
	if (p->keyword)
		say(r, p->keyword);
	if (!p->flag)
		say(r, value);
}

/* A container with nothing but defaults is no line; nor is one that says nothing. */
static int read_composite(struct reader *r, const struct lyd_node *node)
{
	const struct part *p = parts_of(LYD_NAME(node));
	int object_words = r->n;

	if (lyd_is_default(node))
		return 0;
	say(r, LYD_NAME(node));
	for (; p->leaf; p++)
		say_part(r, p, value_in(node, p->leaf));
	return r->n > object_words + 1 ? apply(r, object_words) : 0;
}

static long index_of(const struct lyd_node *server)
{
	return strtol(lyd_get_value(lyd_child(server)), NULL, 10);
}

/* All servers are one line: at its first entry. */
static int read_servers(struct reader *r, const struct lyd_node *first)
{
	const struct lyd_node *n;
	int object_words = r->n;

	if (first->prev->next && first->prev->schema == first->schema)
		return 0;
	say(r, LYD_NAME(first));
	for (long turn = 1; turn <= (long)KVIP_MAX_SERVERS; turn++)
		LY_LIST_FOR(first, n)
	if (n->schema == first->schema && index_of(n) == turn)
		say(r, lyd_get_value(child_of(n, "url")));
	return apply(r, object_words);
}

static LY_DATA_TYPE type_of(const struct lyd_node *leaf)
{
	return ((const struct lysc_node_leaf *)leaf->schema)->type->basetype;
}

static int read_leaf(struct reader *r, const struct lyd_node *leaf)
{
	const char *value = lyd_get_value(leaf);
	int object_words = r->n;
	char copy[128], *words[MAX_WORDS];
	int n = 0;

	if (lyd_is_default(leaf) || (type_of(leaf) == LY_TYPE_BOOL && strcmp(value, "false") == 0))
		return 0;
	say(r, LYD_NAME(leaf));
	if (type_of(leaf) == LY_TYPE_BITS) {
		snprintf(copy, sizeof(copy), "%s", value);
		n = split(copy, words);
		for (int i = 0; i < n; i++)
			say(r, words[i]);
	} else if (type_of(leaf) != LY_TYPE_BOOL) {
		say(r, value);
	}
	return apply(r, object_words);
}

static int read_object(struct reader *r, const struct lyd_node *object);

static int read_node(struct reader *r, const struct lyd_node *node)
{
	const char *name = LYD_NAME(node);

	if (lysc_is_key(node->schema))
		return 0;
	if (node->schema->nodetype & (LYS_LEAF | LYS_LEAFLIST))
		return read_leaf(r, node);
	if (parts_of(name))
		return read_composite(r, node);
	if (strcmp(name, "server") == 0)
		return read_servers(r, node);
	say(r, name);
	say(r, lyd_get_value(lyd_child(node)));
	return read_object(r, node);
}

static int read_object(struct reader *r, const struct lyd_node *object)
{
	const struct lyd_node *n;
	int words = r->n, rc = 0;

	LY_LIST_FOR(lyd_child(object), n)
	{
		rc = n->schema->flags & LYS_CONFIG_W ? read_node(r, n) : 0;
		r->n = words;
		if (rc)
			break;
	}
	return rc;
}

int kvf_yang_read(const struct lyd_node *kubevip, struct kvip_conf **out, struct kvip_err *err)
{
	struct reader r = { .conf = kvip_conf_new(), .err = err };
	int rc = r.conf ? read_object(&r, kubevip) : kvip_err_set(err, -ENOMEM, "out of memory");

	if (rc) {
		kvip_conf_unref(r.conf);
		return rc;
	}
	*out = r.conf;
	return 0;
}
