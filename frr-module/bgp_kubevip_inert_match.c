// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `match kubevip` without an engine: a rule of a route-map that is there, and never matches.
 *
 * A line that is refused leaves a bare permit behind, and the operator's own static routes pass
 * (seen on 8.4.4; rules R5). So each entry with lines of ours gets one rule of libfrr's kind. The
 * rule's life is the lines' life: libfrr frees it with the entry, and then the lines go too.
 *
 * Thread: T0. libc and the weak symbols of libfrr only. Sources: FRR 8.4.4, 10.3 and 10.7.0,
 * lib/routemap.c (route_map_add_match(), route_map_apply_match(), route_map_index_delete()),
 * lib/routemap_northbound.c (the entry is the northbound's, found by its path).
 */
#include "frr-module/bgp_kubevip_inert.h"

#include "frr-module/bgp_kubevip_lines.h"
#include "frr-module/bgp_kubevip_rmap.h"
#include "frr-module/bgp_kubevip_weak.h"

#include <stdlib.h>
#include <string.h>

#define RULE "kubevip"
#define ARG  "(inert: matches nothing)" /* what `show route-map` says behind the rule's name */

struct anchor {
	struct bgp_kubevip_rmap_index *entry;
};

static struct {
	const struct bgp_kubevip_layout *layout;
	struct bgp_kubevip_lines lines;       /* owner: the entry */
	struct bgp_kubevip_rmap_index *entry; /* that a rule is being made for */
} match;

static int never(void *rule, const void *prefix, void *object)
{
	(void)rule;
	(void)prefix;
	(void)object;
	return BGP_KUBEVIP_RMAP_NOMATCH;
}

static void *anchor_new(const char *arg)
{
	struct anchor *a = malloc(sizeof(*a));

	(void)arg;
	if (a)
		a->entry = match.entry;
	return a;
}

static void anchor_free(void *rule)
{
	struct anchor *a = rule;

	bgp_kubevip_lines_remove(&match.lines, a->entry, NULL);
	free(a);
}

static const struct bgp_kubevip_rmap_rule rule = {
	.str = RULE,
	.apply = never,
	.compile = anchor_new,
	.free = anchor_free,
};

static struct bgp_kubevip_rmap_proxy proxy = { .rule = &rule };

static struct bgp_kubevip_rmap_index *current_entry(struct vty *vty)
{
	const char *xpath = bgp_kubevip_xpath(match.layout, vty);

	if (!xpath || strncmp(xpath, "/frr-route-map:lib/", 19) != 0)
		return NULL;
	return nb_running_get_entry(NULL, xpath, false);
}

static int complain(struct vty *vty, const char *what)
{
	vty_out(vty, "%% kubevip: %s\n", what);
	return BGP_KUBEVIP_CMD_FAILED;
}

/* The rule before the line: what cannot be made to match nothing is refused aloud. */
static int keep_for(struct bgp_kubevip_rmap_index *entry, const char *text)
{
	match.entry = entry;
	if (!bgp_kubevip_lines_count(&match.lines, entry) &&
	    route_map_add_match(entry, RULE, ARG, BGP_KUBEVIP_RMAP_MATCH_ADDED))
		return -1;
	return bgp_kubevip_lines_add(&match.lines, entry, text);
}

static int keep(const struct bgp_kubevip_command *c, struct vty *vty, int argc,
		struct bgp_kubevip_token *argv[])
{
	struct bgp_kubevip_rmap_index *entry = current_entry(vty);
	char *text;
	int rc;

	(void)c;
	if (!entry)
		return complain(vty, "this entry of the route-map is not there (yet): commit it "
				     "first, the line is lost");
	text = bgp_kubevip_words(argc, argv, 0);
	rc = text ? keep_for(entry, text) : -1;
	free(text);
	return rc ? complain(vty, "out of memory: this line is lost, do not save")
		  : BGP_KUBEVIP_CMD_SUCCESS;
}

static int drop(const struct bgp_kubevip_command *c, struct vty *vty, int argc,
		struct bgp_kubevip_token *argv[])
{
	struct bgp_kubevip_rmap_index *entry = current_entry(vty);
	char *text = entry ? bgp_kubevip_words(argc, argv, 1) : NULL;

	(void)c;
	if (!text)
		return complain(vty, "this entry of the route-map is not there");
	if (bgp_kubevip_lines_remove(&match.lines, entry, text) &&
	    !bgp_kubevip_lines_count(&match.lines, entry))
		route_map_delete_match(entry, RULE, ARG, BGP_KUBEVIP_RMAP_MATCH_DELETED);
	free(text);
	return BGP_KUBEVIP_CMD_SUCCESS;
}

static struct bgp_kubevip_rmap_place place_of(const void *owner)
{
	const struct bgp_kubevip_rmap_index *entry = owner;

	return (struct bgp_kubevip_rmap_place){
		.map = entry->map->name,
		.permit = entry->type == 0,
		.sequence = entry->sequence,
	};
}

int bgp_kubevip_inert_match_write(struct vty *vty)
{
	return (int)bgp_kubevip_rmap_write(&match.lines, place_of, vty_out, vty);
}

size_t bgp_kubevip_inert_match_count(void)
{
	size_t n = 0;

	for (const struct bgp_kubevip_line *l = match.lines.first; l; l = l->next)
		n++;
	return n;
}

static const struct bgp_kubevip_raw commands[] = {
#define INERT_MATCH(node, handler, text, help)                                                     \
	{ node, { text, help, .func = handler, .name = text } },
#include "frr-module/bgp_kubevip_inert.def"
};

void bgp_kubevip_inert_match(const struct bgp_kubevip_layout *layout)
{
	match.layout = layout;
	_route_map_install_match(&proxy);
	bgp_kubevip_raw_install(commands, sizeof(commands) / sizeof(commands[0]));
}
