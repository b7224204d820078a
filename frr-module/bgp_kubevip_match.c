// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `match kubevip label|namespace|service|cluster|class VALUE` in bgpd's route-maps.
 *
 * Thread: T0. libfrr keeps one rule of a kind for each entry and replaces it when another value is
 * given (route_map_add_match(), FRR 8.4.4). So it is here, but for labels: an entry may ask for
 * several keys, all of which must hold; they are one rule whose text is a list. A second value for
 * the same key replaces the first.
 *
 * A rule holds slots of questions (vip/kvip_match.h), and to apply it is to look the prefix up and
 * to test bits. What is not known, not ours or not answered yet does not match (rules R5).
 *
 * libfrr's writer does not know our rules. They are written by a configuration node of ours, as a
 * second block for the same entry, which vtysh merges with libfrr's and a daemon that reads its own
 * file enters again. They are listed here from their compilation to their end, which libfrr
 * decides, so that nothing stale can be written.
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip_match.h"

#include "bgpd/bgp_route.h"
#include "bgpd/bgpd.h"

#include "frr/kvf_host.h"
#include "frr/kvf_rmap.h"
#include "vip/kvip_match.h"

#include "command.h"
#include "log.h"
#include "northbound.h"
#include "vty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* No node of libfrr or a daemon has this number, and kvf_cmd.c takes the one before. */
#define KUBEVIP_RMAP_NODE ((enum node_type)(NODE_TYPE_MAX + 41))

/* Labels of one entry. */
#define MAX_VALUES 32

/* What libfrr holds as the value of a rule. */
struct rule {
	LIST_ENTRY(rule) link;
	struct route_map_index *entry; /* NULL: libfrr has not taken it */
	enum kvip_match_kind kind;
	char *values; /* separated by one space */
	unsigned int n;
	int slots[MAX_VALUES]; /* negative: nobody answers */
};

static LIST_HEAD(, rule) rules = LIST_HEAD_INITIALIZER(rules);

/* ---- rules ---- */

/* A view is a table of its own beside the default instance's, in the default VRF. */
bool bgp_kubevip_match_concerns(const struct bgp *bgp)
{
	return bgp && (bgp->vrf_id == VRF_DEFAULT || bgp->inst_type == BGP_INSTANCE_TYPE_VIEW);
}

static bool to_vip(const struct prefix *p, struct kvip_prefix *out)
{
	bool v4 = p->family == AF_INET;

	if ((!v4 && p->family != AF_INET6) || p->prefixlen != (v4 ? 32 : 128))
		return false;
	*out = (struct kvip_prefix){ .len = (uint8_t)p->prefixlen };
	out->addr.family = v4 ? KVIP_IPV4 : KVIP_IPV6;
	memcpy(out->addr.b, &p->u.prefix, v4 ? 4 : 16);
	return true;
}

static enum route_map_cmd_result_t apply(void *value, const struct prefix *p, void *object)
{
	const struct bgp_path_info *path = object;
	const struct rule *r = value;
	struct kvip_prefix vip;
	struct kvip_marks marks;

	if (!kvf_host_recon() || !to_vip(p, &vip) || !path || !path->peer ||
	    !bgp_kubevip_match_concerns(path->peer->bgp) ||
	    !kvip_recon_marks(kvf_host_recon(), VRF_DEFAULT, &vip, &marks))
		return RMAP_NOMATCH;
	for (unsigned int i = 0; i < r->n; i++)
		if (r->slots[i] < 0 ||
		    !kvip_matches_asks(kvf_host_matches(), (unsigned int)r->slots[i], &marks))
			return RMAP_NOMATCH;
	return RMAP_MATCH;
}

static void rule_free(void *value)
{
	struct rule *r = value;

	LIST_REMOVE(r, link);
	for (unsigned int i = 0; i < r->n; i++)
		if (r->slots[i] >= 0)
			kvip_matches_unref(kvf_host_matches(), (unsigned int)r->slots[i]);
	free(r->values);
	free(r);
	bgp_kubevip_review_edited();
}

static void take_slot(struct rule *r, const char *value)
{
	int slot = kvip_matches_ref(kvf_host_matches(), r->kind, value);

	r->slots[r->n++] = slot;
	if (slot < 0)
		zlog_warn("kubevip: `match kubevip %s %s` never matches: %s",
			  kvip_match_word(r->kind), value,
			  slot == -ENOSPC ? "too many different ones are in use"
					  : safe_strerror(-slot));
}

/* libfrr may call this for a rule that it then does not take. */
static void *compile(enum kvip_match_kind kind, const char *arg)
{
	struct rule *r = calloc(1, sizeof(*r));
	char *copy = strdup(arg), *rest = copy, *value;

	if (!r || !copy || !(r->values = strdup(arg))) {
		free(copy);
		free(r);
		return NULL;
	}
	r->kind = kind;
	LIST_INSERT_HEAD(&rules, r, link);
	while ((value = strsep(&rest, " ")) && r->n < MAX_VALUES)
		take_slot(r, value);
	free(copy);
	bgp_kubevip_review_edited();
	return r;
}

#define COMPILE(id, word)                                                                          \
	static void *compile_##id(const char *arg)                                                 \
	{                                                                                          \
		return compile(KVIP_MATCH_##id, arg);                                              \
	}
KVIP_MATCH_KINDS(COMPILE)

/* `show route-map` writes the name and the values. */
#define COMMAND(id, word)                                                                          \
	[KVIP_MATCH_##id] = { .str = "kubevip " word,                                              \
			      .func_apply = apply,                                                 \
			      .func_compile = compile_##id,                                        \
			      .func_free = rule_free },
static const struct route_map_rule_cmd commands[] = { KVIP_MATCH_KINDS(COMMAND) };

static struct route_map_rule_cmd_proxy proxies[array_size(commands)];

static bool is_ours(const struct route_map_rule *r)
{
	return r->cmd >= commands && r->cmd < commands + array_size(commands);
}

static struct rule *find(const struct route_map_index *entry, enum kvip_match_kind kind)
{
	for (struct route_map_rule *r = entry->match_list.head; r; r = r->next)
		if (r->cmd == &commands[kind])
			return r->value;
	return NULL;
}

/* ---- lines ---- */

static bool same_key(enum kvip_match_kind kind, const char *a, const char *b)
{
	size_t n = strcspn(b, "=");

	return kind != KVIP_MATCH_LABEL || (strncmp(a, b, n) == 0 && a[n] == b[n]);
}

/* The values of a rule without those that @drop says, and with @add at the end. */
static char *edited(const struct rule *r, bool (*drop)(const char *value, const char *by),
		    const char *by, const char *add)
{
	char *copy = r ? strdup(r->values) : NULL, *rest = copy, *value;
	size_t size = (r ? strlen(r->values) : 0) + (add ? strlen(add) : 0) + 2;
	char *out = calloc(1, size);

	while (out && (value = strsep(&rest, " "))) {
		if (drop(value, by))
			continue;
		snprintf(out + strlen(out), size - strlen(out), "%s%s", out[0] ? " " : "", value);
	}
	if (out && add)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", out[0] ? " " : "", add);
	free(copy);
	return out;
}

static unsigned int count(const char *values)
{
	unsigned int n = 1;

	while ((values = strchr(values, ' '))) {
		values++;
		n++;
	}
	return n;
}

static bool same_label_key(const char *value, const char *by)
{
	return same_key(KVIP_MATCH_LABEL, value, by);
}

static bool same_value(const char *value, const char *by)
{
	return strcmp(value, by) == 0;
}

static int complain(struct vty *vty, const char *text)
{
	vty_out(vty, "%% %s\n", text);
	return CMD_WARNING_CONFIG_FAILED;
}

/* The entry that is being typed into. */
static struct route_map_index *current_entry(struct vty *vty)
{
	if (vty->xpath_index == 0)
		return NULL;
	return nb_running_get_entry(NULL, VTY_CURR_XPATH, false);
}

static enum kvip_match_kind kind_of(const char *word)
{
	unsigned int k = 0;

	while (k < KVIP_MATCH_KIND_MAX && strcmp(word, kvip_match_word((enum kvip_match_kind)k)))
		k++;
	return (enum kvip_match_kind)k;
}

/* libfrr has put a rule into @entry, or found that it was there as it is. */
static int put(struct vty *vty, struct route_map_index *entry, enum kvip_match_kind kind,
	       const char *values)
{
	if (route_map_add_match(entry, commands[kind].str, values, RMAP_EVENT_MATCH_ADDED) !=
	    RMAP_COMPILE_SUCCESS)
		return complain(vty, "out of memory: the line is not in force");
	find(entry, kind)->entry = entry;
	return CMD_SUCCESS;
}

static int add_value(struct vty *vty, struct route_map_index *entry, enum kvip_match_kind kind,
		     const char *value)
{
	const struct rule *r = kind == KVIP_MATCH_LABEL ? find(entry, kind) : NULL;
	char *values = edited(r, same_label_key, value, value);
	int rc;

	if (values && count(values) > MAX_VALUES) {
		free(values);
		return complain(vty, "an entry can ask for 32 labels: use `continue` or `call`");
	}
	rc = values ? put(vty, entry, kind, values) : complain(vty, "out of memory");
	free(values);
	return rc;
}

/* Without @value: whatever it is. What is not there needs no `no`, as with FRR's own matches. */
static int drop_value(struct vty *vty, struct route_map_index *entry, enum kvip_match_kind kind,
		      const char *value)
{
	const struct rule *r = find(entry, kind);
	char *values;
	int rc = CMD_SUCCESS;

	if (!r)
		return CMD_SUCCESS;
	values = value ? edited(r, same_value, value, NULL) : strdup("");
	if (!values)
		return complain(vty, "out of memory");
	if (!values[0])
		route_map_delete_match(entry, commands[kind].str, NULL, RMAP_EVENT_MATCH_DELETED);
	else if (strcmp(values, r->values))
		rc = put(vty, entry, kind, values);
	free(values);
	return rc;
}

static int run(struct vty *vty, bool negate, const char *word, const char *value)
{
	struct route_map_index *entry = current_entry(vty);
	enum kvip_match_kind kind = kind_of(word);
	struct kvip_err err = { "" };

	if (!entry || kind == KVIP_MATCH_KIND_MAX)
		return complain(vty,
				"this entry of the route-map is not there yet: commit it first");
	if (value && kvip_match_check(kind, value, &err))
		return complain(vty, err.text);
	return negate ? drop_value(vty, entry, kind, value) : add_value(vty, entry, kind, value);
}

static int run_match(const struct cmd_element *el, struct vty *vty, int argc,
		     struct cmd_token *argv[])
{
	(void)el;
	(void)argc;
	return run(vty, false, argv[2]->text, argv[3]->arg);
}

static int run_no_match(const struct cmd_element *el, struct vty *vty, int argc,
			struct cmd_token *argv[])
{
	(void)el;
	return run(vty, true, argv[3]->text, argc > 4 ? argv[4]->arg : NULL);
}

static struct cmd_element elements[] = {
	{ .string = KVF_RMAP_SYNTAX,
	  .doc = KVF_RMAP_HELP,
	  .name = "match kubevip",
	  .func = run_match },
	{ .string = KVF_RMAP_NO_SYNTAX,
	  .doc = KVF_RMAP_NO_HELP,
	  .name = "no match kubevip",
	  .func = run_no_match },
};

/* ---- entries ---- */

static int entry_cmp(const void *a, const void *b)
{
	const struct route_map_index *x = *(const struct route_map_index *const *)a;
	const struct route_map_index *y = *(const struct route_map_index *const *)b;
	int c = strcmp(x->map->name, y->map->name);

	return c ? c : x->pref - y->pref;
}

static bool is_alone(const struct route_map_index *entry)
{
	for (const struct route_map_rule *r = entry->match_list.head; r; r = r->next)
		if (!is_ours(r))
			return false;
	return true;
}

void bgp_kubevip_match_each(bgp_kubevip_entry_fn *fn, void *ctx)
{
	const struct route_map_index **v;
	const struct rule *r;
	size_t n = 0;

	LIST_FOREACH(r, &rules, link)
		n += r->entry != NULL;
	v = n ? calloc(n, sizeof(*v)) : NULL;
	if (!v)
		return;
	n = 0;
	LIST_FOREACH(r, &rules, link)
		if (r->entry)
			v[n++] = r->entry;
	qsort(v, n, sizeof(*v), entry_cmp);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || v[i] != v[i - 1])
			fn(ctx, v[i], is_alone(v[i]));
	free(v);
}

size_t bgp_kubevip_match_unanswered(void)
{
	const struct rule *r;
	size_t n = 0;

	LIST_FOREACH(r, &rules, link)
		for (unsigned int i = 0; i < r->n; i++)
			n += r->slots[i] < 0;
	return n;
}

/* libfrr gives up deeper calls, too (RMAP_RECURSION_LIMIT). */
static bool asks(const struct route_map *map, struct bgp_kubevip_looks *looks, int depth)
{
	if (!map || depth > RMAP_RECURSION_LIMIT)
		return false;
	for (const struct route_map_index *e = map->head; e; e = e->next) {
		if (looks->left == 0)
			return true;
		looks->left--;
		for (const struct route_map_rule *r = e->match_list.head; r; r = r->next)
			if (is_ours(r))
				return true;
		if (e->nextrm && asks(route_map_lookup_by_name(e->nextrm), looks, depth + 1))
			return true;
	}
	return false;
}

bool bgp_kubevip_match_asks(const struct route_map *map, struct bgp_kubevip_looks *looks)
{
	if (!map || LIST_EMPTY(&rules))
		return false;
	for (size_t i = 0; i < array_size(looks->quiet); i++)
		if (looks->quiet[i] == map)
			return false;
	if (asks(map, looks, 0))
		return true;
	looks->quiet[looks->n++ % array_size(looks->quiet)] = map;
	return false;
}

static void write_values(struct vty *vty, const struct rule *r)
{
	char *copy = strdup(r->values), *rest = copy, *value;

	while ((value = strsep(&rest, " ")))
		vty_out(vty, " match kubevip %s %s\n", kvip_match_word(r->kind), value);
	free(copy);
}

static void write_entry(void *ctx, const struct route_map_index *entry, bool alone)
{
	struct vty *vty = ctx;

	(void)alone;
	vty_out(vty, "route-map %s %s %d\n", entry->map->name,
		entry->type == RMAP_PERMIT ? "permit" : "deny", entry->pref);
	for (unsigned int k = 0; k < KVIP_MATCH_KIND_MAX; k++) {
		const struct rule *r = find(entry, (enum kvip_match_kind)k);

		if (r)
			write_values(vty, r);
	}
	vty_out(vty, "exit\n!\n");
}

static int write_config(struct vty *vty)
{
	bgp_kubevip_match_each(write_entry, vty);
	return !LIST_EMPTY(&rules);
}

static struct cmd_node node = {
	.name = "kubevip in route-maps",
	.node = KUBEVIP_RMAP_NODE,
	.prompt = "",
	.config_write = write_config,
};

void bgp_kubevip_match_init(void)
{
	install_node(&node);
	for (size_t i = 0; i < array_size(commands); i++) {
		proxies[i].cmd = &commands[i];
		_route_map_install_match(&proxies[i]);
	}
	for (size_t i = 0; i < array_size(elements); i++)
		_install_element(RMAP_NODE, &elements[i]);
}
