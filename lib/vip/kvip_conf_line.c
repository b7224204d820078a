// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: one configuration line: found in the grammar table, applied to the object it names.
 *
 * Thread: T0, on an unpublished configuration. Invariants: a refused line changes nothing (an
 * object that a line would create is built aside and joined last); an object that has no line left
 * is gone, so that the configuration always is what kvip_conf_render() writes.
 */
#include "vip/kvip_conf_impl.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <string.h>

#define MAX_WORDS      300
#define MAX_LINE_BYTES 8192u

/* The object a line is about; with new_* set it does not belong to the configuration yet. */
struct place {
	struct kvip_conf *conf;
	enum kvip_conf_scope scope;
	const char *cluster_name, *adv_name;
	struct kvip_cluster_conf *cluster;
	struct kvip_adv_conf *adv;
	bool new_cluster, new_adv;
	int argc; /* words that are left */
	const char *const *argv;
};

static int find_scope(struct place *at, struct kvip_err *err)
{
	if (at->argc < 1)
		return kvip_err_set(err, -EINVAL,
				    "write `kubevip cluster NAME ...`, `kubevip inject ...`");
	if (strcmp(at->argv[0], "cluster") != 0)
		return 0;
	if (at->argc < 2)
		return kvip_err_set(err, -EINVAL, "write `kubevip cluster NAME ...`");
	at->scope = KVIP_SCOPE_CLUSTER;
	at->cluster_name = at->argv[1];
	at->argc -= 2;
	at->argv += 2;
	if (at->argc < 1 || strcmp(at->argv[0], "advertise") != 0)
		return kvip_conf_check_name(at->cluster_name, err);
	if (at->argc < 2)
		return kvip_err_set(err, -EINVAL, "write `kubevip cluster %s advertise NAME ...`",
				    at->cluster_name);
	at->scope = KVIP_SCOPE_ADV;
	at->adv_name = at->argv[1];
	at->argc -= 2;
	at->argv += 2;
	if (kvip_conf_check_name(at->cluster_name, err))
		return -EINVAL;
	return kvip_conf_check_block_name(at->adv_name, err);
}

static void find_objects(struct place *at)
{
	bool found;
	size_t i;

	if (!at->cluster_name)
		return;
	i = kvip_conf_cluster_pos(at->conf, at->cluster_name, &found);
	at->cluster = found ? at->conf->clusters[i] : NULL;
	if (!at->cluster || !at->adv_name)
		return;
	i = kvip_conf_adv_pos(at->cluster, at->adv_name, &found);
	at->adv = found ? at->cluster->advs[i] : NULL;
}

static void *object(const struct place *at)
{
	if (at->scope == KVIP_SCOPE_TOP)
		return at->conf;
	return at->scope == KVIP_SCOPE_CLUSTER ? (void *)at->cluster : (void *)at->adv;
}

static const struct kvip_conf_row *find_row(const struct place *at)
{
	for (size_t i = 0; i < kvip_conf_rows_n; i++)
		if (kvip_conf_rows[i].scope == at->scope &&
		    strcmp(kvip_conf_rows[i].word, at->argv[0]) == 0)
			return &kvip_conf_rows[i];
	return NULL;
}

static int unknown_word(const struct place *at, struct kvip_err *err)
{
	struct kvip_buf words;
	int rc;

	kvip_buf_init(&words, sizeof(err->text));
	for (size_t i = 0; i < kvip_conf_rows_n; i++)
		if (kvip_conf_rows[i].scope == at->scope)
			kvip_buf_printf(&words, " %s", kvip_conf_rows[i].word);
	rc = kvip_err_set(err, -EINVAL, "unknown word `%.40s`%s: one of%s",
			  at->argc ? at->argv[0] : "",
			  at->scope == KVIP_SCOPE_TOP ? " (cluster?)" : "", kvip_buf_str(&words));
	kvip_buf_done(&words);
	return rc;
}

static void free_new(struct place *at)
{
	if (at->new_adv)
		kvip_adv_conf_free(at->adv);
	if (at->new_cluster)
		kvip_cluster_conf_free(at->cluster);
}

static int make_missing(struct place *at, struct kvip_err *err)
{
	if (at->scope >= KVIP_SCOPE_CLUSTER && !at->cluster) {
		if (at->conf->n_clusters >= KVIP_MAX_CLUSTERS)
			return kvip_err_set(err, -EINVAL, "no more than %u clusters",
					    KVIP_MAX_CLUSTERS);
		at->cluster = kvip_cluster_conf_new(at->cluster_name);
		at->new_cluster = at->cluster != NULL;
		if (!at->cluster)
			return -ENOMEM;
	}
	if (at->scope == KVIP_SCOPE_ADV && !at->adv) {
		if (at->cluster->n_advs >= KVIP_MAX_ADVERTISE)
			return kvip_err_set(err, -EINVAL,
					    "no more than %u advertise blocks in one cluster",
					    KVIP_MAX_ADVERTISE);
		at->adv = kvip_adv_conf_new(at->adv_name);
		at->new_adv = at->adv != NULL;
		if (!at->adv)
			return -ENOMEM;
	}
	return 0;
}

static int join_new(struct place *at)
{
	struct kvip_cluster_conf *cl = at->cluster;
	bool found;
	size_t pos;
	int rc;

	if (at->new_adv) {
		pos = kvip_conf_adv_pos(cl, at->adv_name, &found);
		rc = kvip_conf_vec_insert(&cl->advs, &cl->n_advs, pos, &at->adv, sizeof(at->adv));
		if (rc)
			return rc;
		at->new_adv = false; /* lives and dies with its cluster from here on */
	}
	if (!at->new_cluster)
		return 0;
	pos = kvip_conf_cluster_pos(at->conf, at->cluster_name, &found);
	rc = kvip_conf_vec_insert(&at->conf->clusters, &at->conf->n_clusters, pos, &cl, sizeof(cl));
	if (!rc)
		at->new_cluster = false;
	return rc;
}

static void remove_adv(struct place *at)
{
	bool found;
	size_t pos = kvip_conf_adv_pos(at->cluster, at->adv_name, &found);

	kvip_adv_conf_free(at->adv);
	at->adv = NULL;
	kvip_conf_vec_erase(&at->cluster->advs, &at->cluster->n_advs, pos, sizeof(at->adv));
}

static void remove_cluster(struct place *at)
{
	bool found;
	size_t pos = kvip_conf_cluster_pos(at->conf, at->cluster_name, &found);

	kvip_cluster_conf_free(at->cluster);
	at->cluster = NULL;
	kvip_conf_vec_erase(&at->conf->clusters, &at->conf->n_clusters, pos, sizeof(at->cluster));
}

static bool has_lines(enum kvip_conf_scope scope, const void *obj)
{
	struct kvip_conf_out count = { 0 };

	kvip_conf_out_scope(&count, scope, obj);
	return count.lines > 0;
}

/* What has only defaults left has no line that could bring it back: it is gone. */
static void remove_empty(struct place *at)
{
	if (at->adv && !has_lines(KVIP_SCOPE_ADV, at->adv))
		remove_adv(at);
	if (at->cluster && !at->cluster->n_advs && !has_lines(KVIP_SCOPE_CLUSTER, at->cluster))
		remove_cluster(at);
}

static int set_line(struct place *at, struct kvip_conf_edit *e)
{
	int rc = make_missing(at, e->err);

	if (!rc) {
		e->obj = object(at);
		rc = e->row->type->set(e);
	}
	if (!rc)
		rc = join_new(at);
	if (rc)
		free_new(at);
	else
		remove_empty(at);
	return rc;
}

static int note(struct kvip_err *err, const char *what)
{
	kvip_err_set(err, 0, "nothing removed: there is no such %s", what);
	return 0;
}

/* The row of @obj as text, "" for a default. */
static int render_row(const struct kvip_conf_row *row, const void *obj, struct kvip_buf *out)
{
	struct kvip_conf_out o = { .buf = out, .cluster = "x", .adv = "x" };

	row->type->render(row, obj, &o);
	return out->err;
}

/* Is what `no` was given the line in force? It is read into an object aside and both are
 * written. */
static int same_line(struct place *at, struct kvip_conf_edit *e, bool *same)
{
	struct place aside = {
		.conf = kvip_conf_new(), .scope = at->scope, .cluster_name = "x", .adv_name = "x"
	};
	struct kvip_buf typed, present;
	int rc;

	kvip_buf_init(&typed, 2 * MAX_LINE_BYTES);
	kvip_buf_init(&present, 2 * MAX_LINE_BYTES);
	rc = aside.conf ? make_missing(&aside, NULL) : -ENOMEM;
	if (!rc) {
		e->obj = object(&aside);
		rc = e->row->type->set(e);
	}
	if (!rc)
		rc = render_row(e->row, e->obj, &typed);
	if (!rc)
		rc = render_row(e->row, object(at), &present);
	*same = !rc && strcmp(kvip_buf_str(&typed), kvip_buf_str(&present)) == 0;
	free_new(&aside);
	kvip_conf_unref(aside.conf);
	kvip_buf_done(&typed);
	kvip_buf_done(&present);
	return rc;
}

static int unset_value(struct place *at, struct kvip_conf_edit *e)
{
	bool same = true;
	int rc = 0;

	if (e->row->form == KVIP_FORM_FLAG && e->argc)
		return kvip_conf_usage(e);
	if (e->argc)
		rc = same_line(at, e, &same);
	if (rc)
		return rc;
	if (!same)
		return note(e->err, "line (its value is another one)");
	e->row->type->reset(e->row, object(at));
	return 0;
}

static int unset_line(struct place *at, struct kvip_conf_edit *e)
{
	int rc;

	if (!object(at))
		return note(e->err, at->cluster ? "advertise block" : "cluster");
	if (e->row->type->drop) {
		e->obj = object(at);
		rc = e->row->type->drop(e);
	} else {
		rc = unset_value(at, e);
	}
	if (rc == -ENOENT)
		return note(e->err, "line");
	if (!rc)
		remove_empty(at);
	return rc;
}

static int remove_object(struct place *at, struct kvip_err *err)
{
	if (!object(at))
		return note(err, at->cluster ? "advertise block" : "cluster");
	if (at->scope == KVIP_SCOPE_CLUSTER) {
		remove_cluster(at);
		return 0;
	}
	remove_adv(at);
	remove_empty(at);
	return 0;
}

static int apply(struct place *at, bool negate, struct kvip_err *err)
{
	struct kvip_conf_edit e = { .err = err };
	int rc = find_scope(at, err);

	if (rc)
		return rc;
	find_objects(at);
	if (negate && at->argc == 0)
		return remove_object(at, err);
	e.row = at->argc ? find_row(at) : NULL;
	if (!e.row)
		return unknown_word(at, err);
	e.argc = at->argc - 1;
	e.argv = at->argv + 1;
	return negate ? unset_line(at, &e) : set_line(at, &e);
}

int kvip_conf_line(struct kvip_conf *c, int argc, const char *const *argv, bool negate,
		   struct kvip_err *err)
{
	struct place at = { .conf = c, .argc = argc, .argv = argv };
	struct kvip_err unread;
	int rc;

	if (!err)
		err = &unread;
	err->text[0] = '\0';
	rc = apply(&at, negate, err);
	if (rc == -ENOMEM)
		kvip_err_set(err, rc, "out of memory: the line was not taken");
	return rc;
}

/* Words of @line, cut in place. Return: their number, -1: too many. */
static int split(char *line, const char **words)
{
	char *save = NULL;
	int n = 0;

	for (char *w = strtok_r(line, " \t\r\n", &save); w; w = strtok_r(NULL, " \t\r\n", &save)) {
		if (n == MAX_WORDS)
			return -1;
		words[n++] = w;
	}
	return n;
}

int kvip_conf_text(struct kvip_conf *c, const char *line, struct kvip_err *err)
{
	const char *words[MAX_WORDS];
	bool negate;
	int n, rc;
	char *copy;

	if (strlen(line) > MAX_LINE_BYTES)
		return kvip_err_set(err, -EINVAL, "a line has at most %u characters",
				    MAX_LINE_BYTES);
	copy = kvip_strdup(line);
	if (!copy)
		return -ENOMEM;
	n = split(copy, words);
	negate = n > 0 && strcmp(words[0], "no") == 0;
	if (n < 0)
		rc = kvip_err_set(err, -EINVAL, "a line has at most %d words", MAX_WORDS);
	else if (n == 0 || words[0][0] == '!' || words[0][0] == '#')
		rc = kvip_err_set(err, 0, "%s", "");
	else if (n <= negate || strcmp(words[negate], "kubevip") != 0)
		rc = kvip_err_set(err, -ENOENT, "not a line of kubevip");
	else
		rc = kvip_conf_line(c, n - negate - 1, words + negate + 1, negate, err);
	kvip_free(copy);
	return rc;
}
