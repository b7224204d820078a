/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the configuration: rows of the grammar table and the types of their values.
 *
 * Only the files kvip_conf*.c include this. A row knows where its value lies in the struct of its
 * scope; its type knows how to set, reset, copy and write it. Objects are created, copied and freed
 * by walking the rows of their scope, so that a new kind of line is one row.
 */
#pragma once

#include "vip/kvip_conf.h"

enum kvip_conf_scope { KVIP_SCOPE_TOP, KVIP_SCOPE_CLUSTER, KVIP_SCOPE_ADV };
enum kvip_conf_form {
	KVIP_FORM_FLAG,
	KVIP_FORM_ONE,
	KVIP_FORM_MANY,
	KVIP_FORM_LIST,
	KVIP_FORM_LISTS
};

struct kvip_conf_row {
	enum kvip_conf_scope scope;
	enum kvip_conf_form form;
	const char *word;
	const char *tail; /* for error texts */
	const struct kvip_conf_type *type;
	size_t offset;
	const void *param;
};

/* What @param points to, by type. */
struct kvip_conf_number {
	uint32_t min, max, def;
	/** refuse - optional: what speaks against a value inside the bounds; NULL: nothing. */
	const char *(*refuse)(uint32_t value);
};
struct kvip_conf_word_check {
	/** is @word acceptable? Return: 0, or -EINVAL with a text that completes "ca-file: ". */
	int (*check)(const char *word, struct kvip_err *err);
};

/* One line being applied. @argv: the words after the row's own. */
struct kvip_conf_edit {
	const struct kvip_conf_row *row;
	void *obj;
	int argc;
	const char *const *argv;
	struct kvip_err *err;
};

/* Where lines are written to. @buf NULL: they are only counted. */
struct kvip_conf_out {
	struct kvip_buf *buf;
	const char *cluster, *adv;
	size_t lines;
};

struct kvip_conf_type {
	/** set - parse and store; on failure nothing has changed. 0, -EINVAL, -ENOMEM. */
	int (*set)(struct kvip_conf_edit *e);
	/** drop - of LIST and LISTS: remove what the words name. 0, -EINVAL, -ENOENT: not there. */
	int (*drop)(struct kvip_conf_edit *e);
	/** reset - free, and back to the default. */
	void (*reset)(const struct kvip_conf_row *row, void *obj);
	/** copy - from an object into one that was reset. On failure the caller resets it. */
	int (*copy)(const struct kvip_conf_row *row, void *to, const void *from);
	/** render - no line for a default. */
	void (*render)(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o);
};

extern const struct kvip_conf_type kvip_conf_type_flag;
extern const struct kvip_conf_type kvip_conf_type_number;
extern const struct kvip_conf_type kvip_conf_type_word;
extern const struct kvip_conf_type kvip_conf_type_text;
extern const struct kvip_conf_type kvip_conf_type_texts;
extern const struct kvip_conf_type kvip_conf_type_reserved;
extern const struct kvip_conf_type kvip_conf_type_kubeconfig;
extern const struct kvip_conf_type kvip_conf_type_server;
extern const struct kvip_conf_type kvip_conf_type_certificate;
extern const struct kvip_conf_type kvip_conf_type_range;
extern const struct kvip_conf_type kvip_conf_type_api_loss;
extern const struct kvip_conf_type kvip_conf_type_guard;
extern const struct kvip_conf_type kvip_conf_type_selector;
extern const struct kvip_conf_type kvip_conf_type_address;
extern const struct kvip_conf_type kvip_conf_type_node_selector;
extern const struct kvip_conf_type kvip_conf_type_next_hop;
extern const struct kvip_conf_type kvip_conf_type_distance;

extern const struct kvip_conf_row kvip_conf_rows[];
extern const size_t kvip_conf_rows_n;

/* Objects (kvip_conf.c). */
struct kvip_cluster_conf *kvip_cluster_conf_new(const char *name) KVIP_USE_RESULT;
void kvip_cluster_conf_free(struct kvip_cluster_conf *cl);
struct kvip_adv_conf *kvip_adv_conf_new(const char *name) KVIP_USE_RESULT;
void kvip_adv_conf_free(struct kvip_adv_conf *a);
/** kvip_adv_conf_dup - the lines of @from under another name. NULL without memory. */
struct kvip_adv_conf *kvip_adv_conf_dup(const struct kvip_adv_conf *from,
					const char *name) KVIP_USE_RESULT;
/** kvip_cluster_conf_dup - a deep copy; of its blocks those that are @wanted (NULL: all). */
struct kvip_cluster_conf *kvip_cluster_conf_dup(const struct kvip_cluster_conf *from,
						bool (*wanted)(const struct kvip_adv_conf *a))
	KVIP_USE_RESULT;
/** kvip_cluster_conf_append - one more block at the end; takes @a, NULL: there was no memory for
 * it. 0, -ENOMEM. */
int kvip_cluster_conf_append(struct kvip_cluster_conf *to, struct kvip_adv_conf *a) KVIP_USE_RESULT;
/** kvip_conf_cluster_pos - index of cluster @name, or where it would be inserted. */
size_t kvip_conf_cluster_pos(const struct kvip_conf *c, const char *name, bool *found);
size_t kvip_conf_adv_pos(const struct kvip_cluster_conf *cl, const char *name, bool *found);

/* Vectors: @vec points to the field that holds the array (kvip_conf_vec.c). */
int kvip_conf_vec_insert(void *vec, size_t *n, size_t pos, const void *elem,
			 size_t elem_bytes) KVIP_USE_RESULT;
void kvip_conf_vec_erase(void *vec, size_t *n, size_t pos, size_t elem_bytes);
int kvip_conf_strings_add(struct kvip_strings *s, size_t pos, const char *text) KVIP_USE_RESULT;
void kvip_conf_strings_erase(struct kvip_strings *s, size_t pos);
void kvip_conf_strings_clear(struct kvip_strings *s);
int kvip_conf_strings_copy(struct kvip_strings *to,
			   const struct kvip_strings *from) KVIP_USE_RESULT;
/** kvip_conf_strings_pos - index in natural order, or where it would be inserted. */
size_t kvip_conf_strings_pos(const struct kvip_strings *s, const char *text, bool *found);
/** kvip_conf_replace - *@field becomes a copy of @text (NULL: none). On failure it stays. */
int kvip_conf_replace(char **field, const char *text) KVIP_USE_RESULT;

/* Words (kvip_conf_word.c). Checks give 0 or -EINVAL and a text. */
int kvip_conf_check_name(const char *word, struct kvip_err *err);
/** kvip_conf_check_block_name - as a name, or that of a block with settings
 * (kvip_conf_is_settings()). */
int kvip_conf_check_block_name(const char *word, struct kvip_err *err);
int kvip_conf_check_path(const char *word, struct kvip_err *err);
int kvip_conf_check_node_name(const char *word, struct kvip_err *err);
int kvip_conf_check_host_name(const char *word, struct kvip_err *err);
int kvip_conf_check_proxy_url(const char *word, struct kvip_err *err);
int kvip_conf_check_server(const char *word, struct kvip_err *err);
int kvip_conf_check_list_name(const char *word, struct kvip_err *err);
int kvip_conf_check_ns(const char *word, struct kvip_err *err);
int kvip_conf_check_label_key(const char *word, struct kvip_err *err);
int kvip_conf_parse_number(const char *word, const struct kvip_conf_number *bounds, uint32_t *out,
			   struct kvip_err *err) KVIP_USE_RESULT;
int kvip_conf_parse_prefix(const char *word, struct kvip_prefix *out,
			   struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_conf_refuse_table - what speaks against a kernel table; NULL: nothing (kvip_conf_adv.c). */
const char *kvip_conf_refuse_table(uint32_t table);
/** kvip_conf_join - words with one space between them. */
int kvip_conf_join(int argc, const char *const *argv, struct kvip_buf *out) KVIP_USE_RESULT;

/* Help for types (kvip_conf_types.c). */
/** kvip_conf_refuse - put the row's word before the text in @e->err; returns @rc. */
int kvip_conf_refuse(struct kvip_conf_edit *e, int rc);
/** kvip_conf_usage - -EINVAL with the syntax of the row. */
int kvip_conf_usage(struct kvip_conf_edit *e);
/** kvip_conf_option - the value of option @word at argv[*i]: then *i moves on. False: another word
 * is there. */
bool kvip_conf_option(struct kvip_conf_edit *e, int *i, const char *word, const char **value);

/* Writing (kvip_conf_render.c). */
/** kvip_conf_out_begin - a line up to the row's word. False: only counted, write nothing. */
bool kvip_conf_out_begin(struct kvip_conf_out *o, const struct kvip_conf_row *row);
void kvip_conf_out_end(struct kvip_conf_out *o);
/** kvip_conf_out_scope - the lines of one object, without those of objects inside it. */
void kvip_conf_out_scope(struct kvip_conf_out *o, enum kvip_conf_scope scope, const void *obj);

#define KVIP_CONF_FIELD(type, obj, row)  ((type *)((char *)(obj) + (row)->offset))
#define KVIP_CONF_CFIELD(type, obj, row) ((const type *)((const char *)(obj) + (row)->offset))
