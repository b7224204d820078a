/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading JSON: typed getters over json-c. A member of the wrong type counts as absent.
 *
 * Whatever a getter returns belongs to the value it was read from and dies with it. The value is
 * borrowed by all functions but kvip_json_free(). Any thread, one value one thread at a time.
 */
#pragma once

#include "base/kvip_err.h"
#include "base/kvip_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/**
 * kvip_json_parse - exactly one JSON object in @len bytes, white space around it allowed
 * Return: 0; -EBADMSG (not JSON, not an object, deeper than KVIP_MAX_JSON_DEPTH); -ENOMEM.
 */
int kvip_json_parse(const char *text, size_t len, struct json_object **out,
		    struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_json_free - takes NULL. */
void kvip_json_free(struct json_object *value);

/** kvip_json_object - member @name if it is an object, else NULL. @parent may be NULL. */
struct json_object *kvip_json_object(struct json_object *parent, const char *name);
/** kvip_json_array - member @name if it is an array, else NULL. @parent may be NULL. */
struct json_object *kvip_json_array(struct json_object *parent, const char *name);
/** kvip_json_string - member @name if it is a string without NUL bytes, else NULL. */
const char *kvip_json_string(struct json_object *parent, const char *name);
/** kvip_json_bool - member @name if it is true or false, else @absent. */
bool kvip_json_bool(struct json_object *parent, const char *name, bool absent);
/** kvip_json_int - member @name if it is an integer, else @absent. */
int64_t kvip_json_int(struct json_object *parent, const char *name, int64_t absent);

/** kvip_json_members - members of @object, 0 for NULL. */
size_t kvip_json_members(struct json_object *object);
/** kvip_json_len - elements of @array, 0 for NULL. */
size_t kvip_json_len(struct json_object *array);
/** kvip_json_object_at - element @i of @array if it is an object, else NULL. @array may be NULL. */
struct json_object *kvip_json_object_at(struct json_object *array, size_t i);
/** kvip_json_string_at - element @i of @array if it is a string without NUL bytes, else NULL. */
const char *kvip_json_string_at(struct json_object *array, size_t i);

/** kvip_json_each_string - call @fn for each member of @parent whose value is a string. */
void kvip_json_each_string(struct json_object *parent,
			   void (*fn)(void *ctx, const char *key, const char *value), void *ctx);

/**
 * kvip_time_parse - RFC 3339 time ("2026-11-23T10:27:21Z", fraction and offset allowed) to seconds
 * Return: 0, or -EINVAL with @out untouched. @text may be NULL.
 */
int kvip_time_parse(const char *text, kvip_wall *out) KVIP_USE_RESULT;
