// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: JSON values, read through json-c.
 *
 * Job: parse exactly one object and hand out its members by type. Thread: the caller's.
 *
 * json-c allocates with malloc(3) of its own and is not made to run out of memory: 0.16 ends such a
 * parse with "success" and whatever level it was in, or passes a key that it could not copy to
 * strlen(3) and takes the host down [ran]. So a parse begins only if memory for the whole tree can
 * be had, and the strict mode makes trailing bytes an error, so that a success which did not reach
 * the end of the text can only mean memory.
 *
 * Sources: json-c 0.16 json_tokener.c and json_object.c; RFC 8259; RFC 3339.
 */
#include "kvip_json.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>
#include <time.h>

/* A tree is up to 23 times its text: json-c gives each object, even {}, a table of 16 slots. */
#define TREE_FACTOR 24
#define TREE_BASE   16384

static bool memory_for_tree(size_t len)
{
	void *room = kvip_malloc(len * TREE_FACTOR + TREE_BASE);
	bool there_is = room != NULL;

	kvip_free(room);
	return there_is;
}

static int parse_failed(struct json_tokener *tok, size_t len, struct kvip_err *err)
{
	enum json_tokener_error why = json_tokener_get_error(tok);
	size_t at = json_tokener_get_parse_end(tok);

	if (why == json_tokener_success && at < len)
		return kvip_err_set(err, -ENOMEM, "out of memory while reading JSON");
	if (why == json_tokener_success)
		return kvip_err_set(err, -EBADMSG, "not a JSON object");
	if (why == json_tokener_continue)
		return kvip_err_set(err, -EBADMSG, "JSON ends in the middle");
	return kvip_err_set(err, -EBADMSG, "not JSON: %s at byte %zu", json_tokener_error_desc(why),
			    at);
}

int kvip_json_parse(const char *text, size_t len, struct json_object **out, struct kvip_err *err)
{
	struct json_tokener *tok;
	struct json_object *value;
	int rc = 0;

	if (len >= INT_MAX)
		return kvip_err_set(err, -EBADMSG, "%zu bytes of JSON are too many", len);
	tok = memory_for_tree(len) ? json_tokener_new_ex(KVIP_MAX_JSON_DEPTH) : NULL;
	if (!tok)
		return kvip_err_set(err, -ENOMEM, "out of memory while reading JSON");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	value = json_tokener_parse_ex(tok, text, (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    json_tokener_get_parse_end(tok) != len || !json_object_is_type(value, json_type_object))
		rc = parse_failed(tok, len, err);
	json_tokener_free(tok);
	if (rc) {
		json_object_put(value);
		return rc;
	}
	*out = value;
	return 0;
}

void kvip_json_free(struct json_object *value)
{
	json_object_put(value);
}

static struct json_object *typed(struct json_object *value, enum json_type type)
{
	return json_object_is_type(value, type) ? value : NULL;
}

/* json_object_object_get_ex() takes a NULL parent; a parent of another type is absent, too. */
static struct json_object *member(struct json_object *parent, const char *name, enum json_type type)
{
	struct json_object *value = NULL;

	if (!typed(parent, json_type_object) || !json_object_object_get_ex(parent, name, &value))
		return NULL;
	return value ? typed(value, type) : NULL;
}

static const char *string_of(struct json_object *value)
{
	const char *s;

	if (!value || !typed(value, json_type_string))
		return NULL;
	s = json_object_get_string(value);
	if (!s || strlen(s) != (size_t)json_object_get_string_len(value))
		return NULL;
	return s;
}

struct json_object *kvip_json_object(struct json_object *parent, const char *name)
{
	return member(parent, name, json_type_object);
}

struct json_object *kvip_json_array(struct json_object *parent, const char *name)
{
	return member(parent, name, json_type_array);
}

const char *kvip_json_string(struct json_object *parent, const char *name)
{
	return string_of(member(parent, name, json_type_string));
}

bool kvip_json_bool(struct json_object *parent, const char *name, bool absent)
{
	struct json_object *value = member(parent, name, json_type_boolean);

	return value ? json_object_get_boolean(value) : absent;
}

int64_t kvip_json_int(struct json_object *parent, const char *name, int64_t absent)
{
	struct json_object *value = member(parent, name, json_type_int);

	return value ? json_object_get_int64(value) : absent;
}

size_t kvip_json_members(struct json_object *object)
{
	return object ? (size_t)json_object_object_length(object) : 0;
}

size_t kvip_json_len(struct json_object *array)
{
	return array ? json_object_array_length(array) : 0;
}

struct json_object *kvip_json_object_at(struct json_object *array, size_t i)
{
	struct json_object *value = array ? json_object_array_get_idx(array, i) : NULL;

	return value ? typed(value, json_type_object) : NULL;
}

const char *kvip_json_string_at(struct json_object *array, size_t i)
{
	return array ? string_of(json_object_array_get_idx(array, i)) : NULL;
}

void kvip_json_each_string(struct json_object *parent,
			   void (*fn)(void *ctx, const char *key, const char *value), void *ctx)
{
	if (!parent)
		return;
	json_object_object_foreach(parent, key, val)
	{
		const char *s = string_of(val);

		if (s)
			fn(ctx, key, s);
	}
}

/* @n decimal digits at *@p; moves *@p behind them. */
static int digits(const char **p, int n, int max, int *out)
{
	int v = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -EINVAL;
		v = v * 10 + (**p - '0');
	}
	if (v > max)
		return -EINVAL;
	*out = v;
	return 0;
}

static int literal(const char **p, char c)
{
	if (**p != c)
		return -EINVAL;
	(*p)++;
	return 0;
}

/* "Z" or "+hh:mm" or "-hh:mm", and nothing behind it. */
static int zone(const char **p, int *offset_s)
{
	int sign = **p == '-' ? -1 : 1, h, m;

	*offset_s = 0;
	if (**p == 'Z' || **p == 'z') {
		(*p)++;
	} else {
		if (**p != '+' && **p != '-')
			return -EINVAL;
		(*p)++;
		if (digits(p, 2, 23, &h) || literal(p, ':') || digits(p, 2, 59, &m))
			return -EINVAL;
		*offset_s = sign * (h * 3600 + m * 60);
	}
	return **p ? -EINVAL : 0;
}

int kvip_time_parse(const char *text, kvip_wall *out)
{
	struct tm tm = { 0 };
	const char *p = text;
	int offset_s;

	if (!p || digits(&p, 4, 9999, &tm.tm_year) || literal(&p, '-') ||
	    digits(&p, 2, 12, &tm.tm_mon) || literal(&p, '-') || digits(&p, 2, 31, &tm.tm_mday))
		return -EINVAL;
	if (*p != 'T' && *p != 't')
		return -EINVAL;
	p++;
	if (digits(&p, 2, 23, &tm.tm_hour) || literal(&p, ':') || digits(&p, 2, 59, &tm.tm_min) ||
	    literal(&p, ':') || digits(&p, 2, 60, &tm.tm_sec))
		return -EINVAL;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	if (zone(&p, &offset_s) || !tm.tm_mon || !tm.tm_mday)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*out = (kvip_wall)timegm(&tm) - offset_s;
	return 0;
}
