// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the plain types of configuration values: flags, numbers, words, texts and lists of texts.
 *
 * Thread: T0 (set, drop), any for copy and render of a published configuration. set() parses
 * everything before it stores anything, so that a refused line changes nothing.
 */
#include "vip/kvip_conf_impl.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <string.h>

int kvip_conf_refuse(struct kvip_conf_edit *e, int rc)
{
	struct kvip_err was;

	if (!e->err || rc != -EINVAL)
		return rc;
	was = *e->err;
	return kvip_err_set(e->err, rc, "%s: %s", e->row->word, was.text);
}

int kvip_conf_usage(struct kvip_conf_edit *e)
{
	if (!e->row->tail[0])
		return kvip_err_set(e->err, -EINVAL, "%s: takes no further word", e->row->word);
	return kvip_err_set(e->err, -EINVAL, "write `%s %s`", e->row->word, e->row->tail);
}

bool kvip_conf_option(struct kvip_conf_edit *e, int *i, const char *word, const char **value)
{
	if (*i >= e->argc || strcmp(e->argv[*i], word) != 0)
		return false;
	if (!value) {
		*i += 1;
		return true;
	}
	if (*i + 1 >= e->argc)
		return false;
	*value = e->argv[*i + 1];
	*i += 2;
	return true;
}

static int flag_set(struct kvip_conf_edit *e)
{
	if (e->argc)
		return kvip_conf_usage(e);
	*KVIP_CONF_FIELD(bool, e->obj, e->row) = true;
	return 0;
}

static void flag_reset(const struct kvip_conf_row *row, void *obj)
{
	*KVIP_CONF_FIELD(bool, obj, row) = false;
}

static int flag_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	*KVIP_CONF_FIELD(bool, to, row) = *KVIP_CONF_CFIELD(bool, from, row);
	return 0;
}

static void flag_render(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o)
{
	if (*KVIP_CONF_CFIELD(bool, obj, row) && kvip_conf_out_begin(o, row))
		kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_flag = {
	.set = flag_set, .reset = flag_reset, .copy = flag_copy, .render = flag_render
};

static int number_set(struct kvip_conf_edit *e)
{
	const struct kvip_conf_number *bounds = e->row->param;
	const char *why;
	uint32_t value;
	int rc;

	if (e->argc != 1)
		return kvip_conf_usage(e);
	rc = kvip_conf_parse_number(e->argv[0], bounds, &value, e->err);
	why = !rc && bounds->refuse ? bounds->refuse(value) : NULL;
	if (why)
		rc = kvip_err_set(e->err, -EINVAL, "%s", why);
	if (rc)
		return kvip_conf_refuse(e, rc);
	*KVIP_CONF_FIELD(uint32_t, e->obj, e->row) = value;
	return 0;
}

static void number_reset(const struct kvip_conf_row *row, void *obj)
{
	*KVIP_CONF_FIELD(uint32_t, obj, row) = ((const struct kvip_conf_number *)row->param)->def;
}

static int number_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	*KVIP_CONF_FIELD(uint32_t, to, row) = *KVIP_CONF_CFIELD(uint32_t, from, row);
	return 0;
}

static void number_render(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o)
{
	uint32_t value = *KVIP_CONF_CFIELD(uint32_t, obj, row);

	if (value == ((const struct kvip_conf_number *)row->param)->def ||
	    !kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " %u", value);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_number = {
	.set = number_set, .reset = number_reset, .copy = number_copy, .render = number_render
};

/* An enum whose values are the indices of the row's words; the first is the default. An enum
 * without negative values is compatible with unsigned int (GCC, Clang). */
_Static_assert(sizeof(enum kvip_inject) == sizeof(unsigned int), "enums are unsigned int");

static int word_set(struct kvip_conf_edit *e)
{
	const char *const *words = e->row->param;

	if (e->argc != 1)
		return kvip_conf_usage(e);
	for (unsigned int i = 0; words[i]; i++) {
		if (strcmp(words[i], e->argv[0]) == 0) {
			*KVIP_CONF_FIELD(unsigned int, e->obj, e->row) = i;
			return 0;
		}
	}
	return kvip_conf_usage(e);
}

static void word_reset(const struct kvip_conf_row *row, void *obj)
{
	*KVIP_CONF_FIELD(unsigned int, obj, row) = 0;
}

static int word_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	*KVIP_CONF_FIELD(unsigned int, to, row) = *KVIP_CONF_CFIELD(unsigned int, from, row);
	return 0;
}

static void word_render(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o)
{
	unsigned int value = *KVIP_CONF_CFIELD(unsigned int, obj, row);

	if (value == 0 || !kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " %s", ((const char *const *)row->param)[value]);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_word = {
	.set = word_set, .reset = word_reset, .copy = word_copy, .render = word_render
};

static int checked(struct kvip_conf_edit *e, const char *word)
{
	const struct kvip_conf_word_check *c = e->row->param;

	return kvip_conf_refuse(e, c->check(word, e->err));
}

static int text_set(struct kvip_conf_edit *e)
{
	int rc;

	if (e->argc != 1)
		return kvip_conf_usage(e);
	rc = checked(e, e->argv[0]);
	return rc ? rc : kvip_conf_replace(KVIP_CONF_FIELD(char *, e->obj, e->row), e->argv[0]);
}

static void text_reset(const struct kvip_conf_row *row, void *obj)
{
	char **field = KVIP_CONF_FIELD(char *, obj, row);

	kvip_free(*field);
	*field = NULL;
}

static int text_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	return kvip_conf_replace(KVIP_CONF_FIELD(char *, to, row),
				 *KVIP_CONF_CFIELD(char *, from, row));
}

static void text_render(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o)
{
	const char *value = *KVIP_CONF_CFIELD(char *, obj, row);

	if (!value || !kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " %s", value);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_text = {
	.set = text_set, .reset = text_reset, .copy = text_copy, .render = text_render
};

static int texts_set(struct kvip_conf_edit *e)
{
	struct kvip_strings *s = KVIP_CONF_FIELD(struct kvip_strings, e->obj, e->row);
	bool found;
	size_t pos;
	int rc;

	if (e->argc != 1)
		return kvip_conf_usage(e);
	rc = checked(e, e->argv[0]);
	if (rc)
		return rc;
	pos = kvip_conf_strings_pos(s, e->argv[0], &found);
	if (found)
		return 0;
	if (s->n >= KVIP_MAX_RANGES)
		return kvip_err_set(e->err, -EINVAL, "%s: no more than %u lines", e->row->word,
				    KVIP_MAX_RANGES);
	return kvip_conf_strings_add(s, pos, e->argv[0]);
}

static int texts_drop(struct kvip_conf_edit *e)
{
	struct kvip_strings *s = KVIP_CONF_FIELD(struct kvip_strings, e->obj, e->row);
	bool found;
	size_t pos;

	if (e->argc != 1)
		return kvip_conf_usage(e);
	pos = kvip_conf_strings_pos(s, e->argv[0], &found);
	if (!found)
		return -ENOENT;
	kvip_conf_strings_erase(s, pos);
	return 0;
}

static void texts_reset(const struct kvip_conf_row *row, void *obj)
{
	kvip_conf_strings_clear(KVIP_CONF_FIELD(struct kvip_strings, obj, row));
}

static int texts_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	return kvip_conf_strings_copy(KVIP_CONF_FIELD(struct kvip_strings, to, row),
				      KVIP_CONF_CFIELD(struct kvip_strings, from, row));
}

static void texts_render(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o)
{
	const struct kvip_strings *s = KVIP_CONF_CFIELD(struct kvip_strings, obj, row);

	for (size_t i = 0; i < s->n; i++) {
		if (!kvip_conf_out_begin(o, row))
			continue;
		kvip_buf_printf(o->buf, " %s", s->v[i]);
		kvip_conf_out_end(o);
	}
}

const struct kvip_conf_type kvip_conf_type_texts = { .set = texts_set,
						     .drop = texts_drop,
						     .reset = texts_reset,
						     .copy = texts_copy,
						     .render = texts_render };
