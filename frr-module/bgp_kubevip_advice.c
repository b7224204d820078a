// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what `show kubevip check` says of bgpd's route-maps and redistribution (rules R5).
 *
 * Thread: T0, only when asked. A match that cannot be evaluated never matches: in a permit it lets
 * nothing pass, unless the line itself is missing; in a deny it lets everything pass.
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip_match.h"

#include "bgpd/bgpd.h"

#include "base/kvip_limits.h"
#include "frr/kvf_check.h"

#include "linklist.h"

#include <stdio.h>

struct telling {
	kvf_check_say *say;
	void *ctx;
};

static void check_entry(void *ctx, const struct route_map_index *entry, bool alone)
{
	const struct telling *t = ctx;
	char text[400];

	if (entry->type == RMAP_DENY) {
		snprintf(
			text, sizeof(text),
			"route-map %.128s deny %d has `match kubevip`: what it cannot answer (no "
			"answer of the API yet, no module) is not denied: permit what is wanted instead",
			entry->map->name, entry->pref);
		t->say(t->ctx, "route-map-deny", text);
	} else if (alone) {
		snprintf(
			text, sizeof(text),
			"route-map %.128s permit %d matches by `match kubevip` alone: a bgpd without "
			"the module lets everything pass there: put `match ip address prefix-list` or "
			"`match tag` beside it",
			entry->map->name, entry->pref);
		t->say(t->ctx, "route-map-alone", text);
	}
}

static void check_redistribution(const struct telling *t, const struct bgp *bgp, afi_t afi,
				 const struct bgp_redist *red)
{
	const char *family = afi == AFI_IP ? "ipv4" : "ipv6";
	char text[400];

	if (red->rmap.name && red->rmap.map)
		return;
	if (red->rmap.name) {
		snprintf(
			text, sizeof(text),
			"router bgp %u, %s unicast: `redistribute static route-map %.128s`: there is no "
			"such route-map, nothing is redistributed",
			bgp->as, family, red->rmap.name);
		t->say(t->ctx, "redistribute-map-missing", text);
		return;
	}
	snprintf(
		text, sizeof(text),
		"router bgp %u, %s unicast: `redistribute static` without a route-map announces every "
		"static route of the operator: `redistribute static route-map NAME`",
		bgp->as, family);
	t->say(t->ctx, "redistribute-without-map", text);
}

static void check_instance(const struct telling *t, const struct bgp *bgp)
{
	struct bgp_redist *red;
	struct listnode *node;

	for (afi_t afi = AFI_IP; afi <= AFI_IP6; afi++) {
		if (!bgp->redist[afi][ZEBRA_ROUTE_STATIC])
			continue;
		for (ALL_LIST_ELEMENTS_RO(bgp->redist[afi][ZEBRA_ROUTE_STATIC], node, red))
			check_redistribution(t, bgp, afi, red);
	}
}

static void check(kvf_check_say *say, void *ctx)
{
	struct telling t = { say, ctx };
	size_t unanswered = bgp_kubevip_match_unanswered();
	struct listnode *node;
	struct bgp *bgp;
	char text[200];

	bgp_kubevip_match_each(check_entry, &t);
	if (unanswered) {
		snprintf(text, sizeof(text),
			 "%zu `match kubevip` never match: more than %u different ones are in use",
			 unanswered, KVIP_MAX_MATCHES);
		say(ctx, "match-limit", text);
	}
	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, bgp))
		if (bgp_kubevip_match_concerns(bgp))
			check_instance(&t, bgp);
	bgp_kubevip_policy_check(say, ctx);
}

void bgp_kubevip_advice_init(void)
{
	kvf_check_register(check);
}
