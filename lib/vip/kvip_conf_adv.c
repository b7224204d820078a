// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: values of an advertise block's lines that are more than one word.
 *
 * Thread: T0 (set, drop), any for copy and render. set() parses and allocates everything first and
 * stores then. Rules: rules R1 (distance, table), R2 (next hops), R3 (advertise blocks).
 */
#include "vip/kvip_conf_impl.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <string.h>

#define MAX_SELECTOR_BYTES 4096u

/* The words of the line as a selector. */
static int parse_selector(struct kvip_conf_edit *e, struct kvip_selector **out)
{
	struct kvip_buf text;
	int rc;

	if (e->argc < 1)
		return kvip_conf_usage(e);
	kvip_buf_init(&text, MAX_SELECTOR_BYTES);
	rc = kvip_conf_join(e->argc, e->argv, &text);
	if (rc == -EMSGSIZE)
		rc = kvip_err_set(e->err, -EINVAL, "%s: longer than %u bytes", e->row->word,
				  MAX_SELECTOR_BYTES);
	else if (!rc)
		rc = kvip_conf_refuse(e, kvip_selector_parse(kvip_buf_str(&text), out, e->err));
	kvip_buf_done(&text);
	return rc;
}

static int selector_set(struct kvip_conf_edit *e)
{
	struct kvip_selector **field = KVIP_CONF_FIELD(struct kvip_selector *, e->obj, e->row);
	struct kvip_selector *s;
	int rc = parse_selector(e, &s);

	if (rc)
		return rc;
	kvip_selector_free(*field);
	*field = s;
	return 0;
}

static void selector_reset(const struct kvip_conf_row *row, void *obj)
{
	struct kvip_selector **field = KVIP_CONF_FIELD(struct kvip_selector *, obj, row);

	kvip_selector_free(*field);
	*field = NULL;
}

static int selector_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	const struct kvip_selector *was = *KVIP_CONF_CFIELD(struct kvip_selector *, from, row);

	if (!was)
		return 0;
	return kvip_selector_parse(kvip_selector_text(was),
				   KVIP_CONF_FIELD(struct kvip_selector *, to, row), NULL);
}

static void selector_render(const struct kvip_conf_row *row, const void *obj,
			    struct kvip_conf_out *o)
{
	const struct kvip_selector *s = *KVIP_CONF_CFIELD(struct kvip_selector *, obj, row);

	if (!s || !kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " %s", kvip_selector_text(s));
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_selector = { .set = selector_set,
							.reset = selector_reset,
							.copy = selector_copy,
							.render = selector_render };

static size_t node_selector_pos(const struct kvip_adv_conf *a, const char *text, bool *found)
{
	size_t i = 0;
	int c = -1;

	while (i < a->n_node_selectors &&
	       (c = strcmp(kvip_selector_text(a->node_selectors[i]), text)) < 0)
		i++;
	*found = i < a->n_node_selectors && c == 0;
	return i;
}

static int node_selector_set(struct kvip_conf_edit *e)
{
	struct kvip_adv_conf *a = e->obj;
	struct kvip_selector *s;
	int rc = parse_selector(e, &s);
	bool found;
	size_t pos;

	if (rc)
		return rc;
	pos = node_selector_pos(a, kvip_selector_text(s), &found);
	if (!found && a->n_node_selectors >= KVIP_MAX_RANGES)
		rc = kvip_err_set(e->err, -EINVAL, "node-selector: no more than %u lines",
				  KVIP_MAX_RANGES);
	else if (!found)
		rc = kvip_conf_vec_insert(&a->node_selectors, &a->n_node_selectors, pos, &s,
					  sizeof(s));
	if (rc || found)
		kvip_selector_free(s);
	return rc;
}

static void node_selector_erase(struct kvip_adv_conf *a, size_t pos)
{
	kvip_selector_free(a->node_selectors[pos]);
	kvip_conf_vec_erase(&a->node_selectors, &a->n_node_selectors, pos,
			    sizeof(*a->node_selectors));
}

static int node_selector_drop(struct kvip_conf_edit *e)
{
	struct kvip_adv_conf *a = e->obj;
	struct kvip_selector *s;
	int rc = parse_selector(e, &s);
	bool found;
	size_t pos;

	if (rc)
		return rc;
	pos = node_selector_pos(a, kvip_selector_text(s), &found);
	kvip_selector_free(s);
	if (!found)
		return -ENOENT;
	node_selector_erase(a, pos);
	return 0;
}

static void node_selector_reset(const struct kvip_conf_row *row, void *obj)
{
	struct kvip_adv_conf *a = obj;

	(void)row;
	while (a->n_node_selectors)
		node_selector_erase(a, a->n_node_selectors - 1);
}

static int node_selector_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	struct kvip_adv_conf *a = to;
	const struct kvip_adv_conf *was = from;
	int rc = 0;

	(void)row;
	for (size_t i = 0; i < was->n_node_selectors && !rc; i++) {
		struct kvip_selector *s;

		rc = kvip_selector_parse(kvip_selector_text(was->node_selectors[i]), &s, NULL);
		if (rc)
			break;
		rc = kvip_conf_vec_insert(&a->node_selectors, &a->n_node_selectors, i, &s,
					  sizeof(s));
		if (rc)
			kvip_selector_free(s);
	}
	return rc;
}

static void node_selector_render(const struct kvip_conf_row *row, const void *obj,
				 struct kvip_conf_out *o)
{
	const struct kvip_adv_conf *a = obj;

	for (size_t i = 0; i < a->n_node_selectors; i++) {
		if (!kvip_conf_out_begin(o, row))
			continue;
		kvip_buf_printf(o->buf, " %s", kvip_selector_text(a->node_selectors[i]));
		kvip_conf_out_end(o);
	}
}

const struct kvip_conf_type kvip_conf_type_node_selector = { .set = node_selector_set,
							     .drop = node_selector_drop,
							     .reset = node_selector_reset,
							     .copy = node_selector_copy,
							     .render = node_selector_render };

static const struct {
	const char *word;
	unsigned int bit;
} address_words[] = {
	{ "loadbalancer-ip", KVIP_ADDRESS_LOADBALANCER },
	{ "external-ip", KVIP_ADDRESS_EXTERNAL },
	{ "cluster-ip", KVIP_ADDRESS_CLUSTER },
};
#define N_ADDRESS_WORDS (sizeof(address_words) / sizeof(address_words[0]))

static int address_set(struct kvip_conf_edit *e)
{
	unsigned int bits = 0;

	for (int i = 0; i < e->argc; i++) {
		size_t k = 0;

		while (k < N_ADDRESS_WORDS && strcmp(e->argv[i], address_words[k].word) != 0)
			k++;
		if (k == N_ADDRESS_WORDS)
			return kvip_conf_usage(e);
		bits |= address_words[k].bit;
	}
	if (!bits)
		return kvip_conf_usage(e);
	*KVIP_CONF_FIELD(unsigned int, e->obj, e->row) = bits;
	return 0;
}

static void address_reset(const struct kvip_conf_row *row, void *obj)
{
	*KVIP_CONF_FIELD(unsigned int, obj, row) = KVIP_ADDRESS_LOADBALANCER;
}

static int address_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	*KVIP_CONF_FIELD(unsigned int, to, row) = *KVIP_CONF_CFIELD(unsigned int, from, row);
	return 0;
}

static void address_render(const struct kvip_conf_row *row, const void *obj,
			   struct kvip_conf_out *o)
{
	unsigned int bits = *KVIP_CONF_CFIELD(unsigned int, obj, row);

	if (bits == KVIP_ADDRESS_LOADBALANCER || !kvip_conf_out_begin(o, row))
		return;
	for (size_t k = 0; k < N_ADDRESS_WORDS; k++)
		if (bits & address_words[k].bit)
			kvip_buf_printf(o->buf, " %s", address_words[k].word);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_address = {
	.set = address_set, .reset = address_reset, .copy = address_copy, .render = address_render
};

static void next_hop_reset(const struct kvip_conf_row *row, void *obj)
{
	struct kvip_adv_conf *a = obj;

	(void)row;
	a->next_hop = KVIP_NH_INTERNAL;
	kvip_free(a->next_hop_annotation);
	a->next_hop_annotation = NULL;
	a->next_hop_subnet = (struct kvip_prefix){ 0 };
}

static int next_hop_annotation(struct kvip_conf_edit *e)
{
	struct kvip_adv_conf *a = e->obj;
	char *key;
	int rc = kvip_conf_refuse(e, kvip_conf_check_label_key(e->argv[1], e->err));

	if (rc)
		return rc;
	key = kvip_strdup(e->argv[1]);
	if (!key)
		return -ENOMEM;
	next_hop_reset(e->row, a);
	a->next_hop = KVIP_NH_ANNOTATION;
	a->next_hop_annotation = key;
	return 0;
}

static int next_hop_subnet(struct kvip_conf_edit *e)
{
	struct kvip_adv_conf *a = e->obj;
	struct kvip_prefix p;
	int rc = kvip_conf_refuse(e, kvip_conf_parse_prefix(e->argv[1], &p, e->err));

	if (rc)
		return rc;
	next_hop_reset(e->row, a);
	a->next_hop = KVIP_NH_SUBNET;
	a->next_hop_subnet = p;
	return 0;
}

static int next_hop_set(struct kvip_conf_edit *e)
{
	struct kvip_adv_conf *a = e->obj;
	const char *word = e->argc ? e->argv[0] : "";
	bool external = strcmp(word, "external-ip") == 0;

	if (e->argc == 2 && strcmp(word, "annotation") == 0)
		return next_hop_annotation(e);
	if (e->argc == 2 && strcmp(word, "subnet") == 0)
		return next_hop_subnet(e);
	if (e->argc != 1 || (!external && strcmp(word, "internal-ip") != 0))
		return kvip_conf_usage(e);
	next_hop_reset(e->row, a);
	a->next_hop = external ? KVIP_NH_EXTERNAL : KVIP_NH_INTERNAL;
	return 0;
}

static int next_hop_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	struct kvip_adv_conf *a = to;
	const struct kvip_adv_conf *was = from;

	(void)row;
	a->next_hop = was->next_hop;
	a->next_hop_subnet = was->next_hop_subnet;
	return kvip_conf_replace(&a->next_hop_annotation, was->next_hop_annotation);
}

static void next_hop_render(const struct kvip_conf_row *row, const void *obj,
			    struct kvip_conf_out *o)
{
	const struct kvip_adv_conf *a = obj;
	char text[KVIP_PREFIX_STRLEN];

	if (a->next_hop == KVIP_NH_INTERNAL || !kvip_conf_out_begin(o, row))
		return;
	if (a->next_hop == KVIP_NH_EXTERNAL)
		kvip_buf_puts(o->buf, " external-ip");
	else if (a->next_hop == KVIP_NH_ANNOTATION)
		kvip_buf_printf(o->buf, " annotation %s", a->next_hop_annotation);
	else
		kvip_buf_printf(o->buf, " subnet %s",
				kvip_prefix_render(&a->next_hop_subnet, text));
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_next_hop = { .set = next_hop_set,
							.reset = next_hop_reset,
							.copy = next_hop_copy,
							.render = next_hop_render };

static int distance_set(struct kvip_conf_edit *e)
{
	static const struct kvip_conf_number bounds = { .min = 1, .max = 255 };
	uint32_t value;
	int rc;

	if (e->argc != 1)
		return kvip_conf_usage(e);
	rc = kvip_conf_refuse(e, kvip_conf_parse_number(e->argv[0], &bounds, &value, e->err));
	if (rc)
		return rc;
	if (value == 1)
		return kvip_err_set(e->err, -EINVAL,
				    "distance: 1 is that of your own static routes, which would be "
				    "displaced: use 2 to 19");
	if (value == 255)
		return kvip_err_set(e->err, -EINVAL,
				    "distance: zebra never uses a route of 255: use 2 to 19");
	*KVIP_CONF_FIELD(uint8_t, e->obj, e->row) = (uint8_t)value;
	return 0;
}

static void distance_reset(const struct kvip_conf_row *row, void *obj)
{
	*KVIP_CONF_FIELD(uint8_t, obj, row) = KVIP_DEFAULT_DISTANCE;
}

static int distance_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	*KVIP_CONF_FIELD(uint8_t, to, row) = *KVIP_CONF_CFIELD(uint8_t, from, row);
	return 0;
}

static void distance_render(const struct kvip_conf_row *row, const void *obj,
			    struct kvip_conf_out *o)
{
	uint8_t value = *KVIP_CONF_CFIELD(uint8_t, obj, row);

	if (value == KVIP_DEFAULT_DISTANCE || !kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " %u", value);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_distance = { .set = distance_set,
							.reset = distance_reset,
							.copy = distance_copy,
							.render = distance_render };

/* RT_TABLE_DEFAULT, _MAIN and _LOCAL of linux/rtnetlink.h. */
const char *kvip_conf_refuse_table(uint32_t table)
{
	if (table < 253 || table > 255)
		return NULL;
	return "253 to 255 are the kernel's own tables: for the main one write no `table` line";
}
