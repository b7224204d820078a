// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the end of the way in explanations, as bgpd itself sees it: is the route redistributed, by
 * which entry of the route-map and of the prefix-list, is it the best path, and to whom is it sent.
 *
 * Thread: T0, only when somebody asks; changes nothing in bgpd. The route-map is gone through rule by
 * rule with the very functions that bgpd applies, on a path as bgp_redistribute_add() makes it; only
 * so can the entry be named that decided. (route_map_apply() would count it as applied.)
 *
 * Sources: FRR 8.4.4, bgpd/bgp_route.c (bgp_redistribute_add), bgpd/bgp_advertise.c
 * (bgp_adj_out_lookup), lib/routemap.c (route_map_apply_ext, route_map_apply_match).
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip_explain.h"
#include "frr-module/bgp_kubevip_match.h"

#include "frr/kvf_explain.h"
#include "frr/kvf_host.h"

#include "plist.h"
#include "plist_int.h"
#include "routemap.h"

#include "bgpd/bgpd.h"
/* the one that names struct bgp_dest comes before those that use it */
#include "bgpd/bgp_table.h"

#include "bgpd/bgp_advertise.h"
#include "bgpd/bgp_aspath.h"
#include "bgpd/bgp_attr.h"
#include "bgpd/bgp_route.h"
#include "bgpd/bgp_zebra.h"

#define NAME_STRLEN 128
#define PEERS_SHOWN 64

struct asking {
	struct kvip_explain *x;
	struct bgp *bgp;
	afi_t afi;
	struct prefix p;
	const char *prefix; /* as text */
	uint32_t tag;
	const struct kvip_addr *next_hop; /* the first one; NULL: none */
	char instance[NAME_STRLEN];
};

static const char *family_words(afi_t afi)
{
	return afi == AFI_IP ? "ipv4 unicast" : "ipv6 unicast";
}

/* ---- the redistribution route-map ---- */

/* As the entry was written: "192.168.77.0/24 ge 32". */
static const char *entry_text(const struct prefix_list_entry *e, char buf[NAME_STRLEN])
{
	size_t n;

	if (e->any)
		return "any";
	prefix2str(&e->prefix, buf, NAME_STRLEN);
	n = strlen(buf);
	if (e->ge)
		n += (size_t)snprintf(buf + n, NAME_STRLEN - n, " ge %d", e->ge);
	if (e->le)
		snprintf(buf + n, NAME_STRLEN - n, " le %d", e->le);
	return buf;
}

/* The entry, before the one that decides (@by; NULL: the end does), that holds the address and would
 * permit it if it took host routes. */
static const struct prefix_list_entry *forgotten_ge(const struct asking *q,
						    const struct prefix_list *l,
						    const struct prefix_list_entry *by)
{
	const struct prefix_list_entry *e;

	if (by && by->type == PREFIX_PERMIT)
		return NULL;
	for (e = l->head; e && e != by; e = e->next)
		if (e->type == PREFIX_PERMIT && prefix_match(&e->prefix, &q->p))
			return e;
	return NULL;
}

/* How a prefix-list judges the VIP, and by which entry. */
static void describe_plist(struct asking *q, afi_t afi, const char *name)
{
	struct prefix_list *l = prefix_list_lookup(afi, name);
	const struct prefix_list_entry *e = NULL, *cover;
	char text[NAME_STRLEN];

	if (!l) {
		kvip_explain_detail(q->x, name, "prefix-list-undefined",
				    "prefix-list %s does not exist: it matches nothing", name);
		return;
	}
	prefix_list_apply_ext(l, &e, &q->p, false);
	if (e)
		kvip_explain_detail(q->x, name, e->type == PREFIX_PERMIT ? "permit" : "deny",
				    "prefix-list %s seq %lld %s %s", name, (long long)e->seq,
				    e->type == PREFIX_PERMIT ? "permits" : "denies",
				    entry_text(e, text));
	else
		kvip_explain_detail(q->x, name, "no-entry",
				    "prefix-list %s has no entry that matches %s", name, q->prefix);
	cover = forgotten_ge(q, l, e);
	if (cover)
		kvip_explain_detail(
			q->x, name, "prefix-length",
			"seq %lld permit %s holds the address, but without `ge %u` it matches no host route",
			(long long)cover->seq, entry_text(cover, text), q->p.prefixlen);
}

/* ---- what is wrong with a route-map in which no entry matches ---- */

struct hint {
	char text[256], remedy[256];
};

static bool hint_plist(const struct asking *q, const char *name, struct hint *h)
{
	const char *ip = q->afi == AFI_IP ? "ip" : "ipv6";
	const struct prefix_list_entry *e = NULL, *cover;
	struct prefix_list *l = prefix_list_lookup(q->afi, name);
	char range[PREFIX2STR_BUFFER];

	if (!l) {
		snprintf(h->text, sizeof(h->text), "prefix-list %.128s does not exist", name);
		snprintf(h->remedy, sizeof(h->remedy), "`%s prefix-list %.128s permit RANGE ge %u`",
			 ip, name, q->p.prefixlen);
		return true;
	}
	prefix_list_apply_ext(l, &e, &q->p, false);
	cover = forgotten_ge(q, l, e);
	if (!cover)
		return false;
	prefix2str(&cover->prefix, range, sizeof(range));
	snprintf(h->text, sizeof(h->text), "prefix-list %.100s permits %s, but no host route in it",
		 name, range);
	snprintf(h->remedy, sizeof(h->remedy), "`%s prefix-list %.100s seq %lld permit %s ge %u`",
		 ip, name, (long long)cover->seq, range, q->p.prefixlen);
	return true;
}

/* An entry for the other family does not match, and need not. */
static bool is_for_other_family(const struct asking *q, const struct route_map_index *i)
{
	const struct route_map_rule *r;
	afi_t afi;

	for (r = i->match_list.head; r; r = r->next) {
		afi = bgp_kubevip_plist_family(r);
		if (afi != AFI_MAX && afi != q->afi)
			return true;
	}
	return false;
}

/* Rule @r of entry @i does not match: the first of which there is something to say. */
static void note_hint(const struct asking *q, const struct route_map_index *i,
		      const struct route_map_rule *r, struct hint *h)
{
	if (h->text[0] || i->type != RMAP_PERMIT || !r->rule_str || is_for_other_family(q, i))
		return;
	if (bgp_kubevip_plist_family(r) == q->afi && hint_plist(q, r->rule_str, h))
		return;
	if (strcmp(r->cmd->str, "tag") != 0)
		return;
	snprintf(h->text, sizeof(h->text), "entry %d takes tag %.16s, it has tag %u", i->pref,
		 r->rule_str, q->tag);
	snprintf(h->remedy, sizeof(h->remedy),
		 "`match tag %u` in entry %d, or `kubevip cluster NAME advertise NAME tag %.16s`",
		 q->tag, i->pref, r->rule_str);
}

static const char *result_word(enum route_map_cmd_result_t r)
{
	switch (r) {
	case RMAP_MATCH:
		return "matches";
	case RMAP_NOOP:
		return "is no condition here";
	default:
		return "does not match";
	}
}

/* ---- as route_map_apply_ext() and route_map_apply_match() do it ---- */

struct trial {
	struct asking *q;
	struct bgp_path_info *path;
	bool aloud;        /* rule by rule */
	int depth;         /* of calls */
	struct hint *hint; /* NULL: not asked for */
};

static const char *entry_name(const struct trial *t, const struct route_map_index *i,
			      char buf[NAME_STRLEN])
{
	if (t->depth)
		snprintf(buf, NAME_STRLEN, "%.64s entry %d", i->map->name, i->pref);
	else
		snprintf(buf, NAME_STRLEN, "entry %d", i->pref);
	return buf;
}

static void describe_rule(struct trial *t, const char *entry, const struct route_map_rule *r,
			  enum route_map_cmd_result_t res)
{
	struct asking *q = t->q;

	kvip_explain_detail(q->x, entry, res == RMAP_NOMATCH ? "no-match" : "match",
			    "match %s %s: %s", r->cmd->str, r->rule_str ? r->rule_str : "",
			    result_word(res));
	if (bgp_kubevip_plist_family(r) == q->afi)
		describe_plist(q, q->afi, r->rule_str);
}

/* One entry's rules, all of which must hold. */
static enum route_map_cmd_result_t match_entry(struct trial *t, const struct route_map_index *i)
{
	enum route_map_cmd_result_t all = i->match_list.head ? RMAP_NOOP : RMAP_MATCH;
	char name[NAME_STRLEN];

	for (struct route_map_rule *r = i->match_list.head; r; r = r->next) {
		enum route_map_cmd_result_t res = r->cmd->func_apply(r->value, &t->q->p, t->path);

		if (t->aloud)
			describe_rule(t, entry_name(t, i, name), r, res);
		if (res == RMAP_NOMATCH && t->hint && !t->depth)
			note_hint(t->q, i, r, t->hint);
		if (res == RMAP_NOMATCH || (res == RMAP_MATCH && all == RMAP_NOOP))
			all = res;
		if (all == RMAP_NOMATCH && !t->aloud)
			break;
	}
	return all;
}

static bool try_map(struct trial *t, const struct route_map *map, struct route_map_index **by);

/* `call`: what the other map denies is denied; one that does not exist is passed over. */
static bool try_call(struct trial *t, const struct route_map_index *i)
{
	struct route_map *map = route_map_lookup_by_name(i->nextrm);
	struct route_map_index *by;
	char name[NAME_STRLEN];
	bool permits;

	t->depth++;
	permits = !map || try_map(t, map, &by);
	t->depth--;
	if (t->aloud)
		kvip_explain_detail(t->q->x, entry_name(t, i, name),
				    permits ? "call-permits" : "call-denies", "call %.64s: %s",
				    i->nextrm,
				    !map      ? "it does not exist"
				    : permits ? "permits"
					      : "denies");
	return permits;
}

/* Where an entry that has permitted leads to; NULL: out of the map. */
static struct route_map_index *behind(const struct route_map_index *i)
{
	struct route_map_index *next = i->exitpolicy == RMAP_EXIT ? NULL : i->next;

	while (next && i->exitpolicy == RMAP_GOTO && next->pref < i->nextpref)
		next = next->next;
	return next;
}

/* @by: the entry that decided; NULL: none did. */
static bool try_map(struct trial *t, const struct route_map *map, struct route_map_index **by)
{
	struct route_map_index *i, *next;
	bool permits = map->head && t->depth <= RMAP_RECURSION_LIMIT;

	*by = NULL;
	for (i = permits ? map->head : NULL; i; i = next) {
		enum route_map_cmd_result_t res = match_entry(t, i);

		next = i->next;
		if (res == RMAP_NOMATCH) {
			*by = NULL;
			permits = false;
		}
		if (res != RMAP_MATCH)
			continue;
		*by = i;
		permits = i->type == RMAP_PERMIT;
		for (struct route_map_rule *s = i->set_list.head; s && permits; s = s->next)
			(void)s->cmd->func_apply(s->value, &t->q->p, t->path);
		if (!permits || (i->nextrm && !try_call(t, i)))
			return false;
		next = behind(i);
	}
	return permits;
}

/* With a path as redistribution makes it, for as long as the route-map is asked. Without @hint rule
 * by rule, aloud. */
static bool ask_map(struct asking *q, const struct route_map *map, struct hint *hint,
		    struct route_map_index **by)
{
	struct attr attr, tried;
	struct bgp_path_info path = { .peer = q->bgp->peer_self, .attr = &tried };
	struct trial t = { .q = q, .path = &path, .aloud = !hint, .hint = hint };
	bool permits;

	bgp_attr_default_set(&attr, q->bgp, BGP_ORIGIN_INCOMPLETE);
	attr.tag = q->tag;
	if (q->next_hop && q->afi == AFI_IP)
		memcpy(&attr.nexthop, q->next_hop->b, 4);
	else if (q->next_hop)
		memcpy(&attr.mp_nexthop_global, q->next_hop->b, 16);
	attr.mp_nexthop_len = q->afi == AFI_IP ? BGP_ATTR_NHLEN_IPV4 : BGP_ATTR_NHLEN_IPV6_GLOBAL;
	tried = attr;
	SET_FLAG(q->bgp->peer_self->rmap_type, PEER_RMAP_TYPE_REDISTRIBUTE);
	permits = try_map(&t, map, by);
	q->bgp->peer_self->rmap_type = 0;
	bgp_attr_flush(&tried); /* what `set` has put into it */
	aspath_unintern(&attr.aspath);
	return permits;
}

static void say_denied(struct asking *q, const char *name, const struct route_map_index *by,
		       const struct hint *h)
{
	struct kvip_step s = { .step = "route-map", .mark = KVIP_MARK_NO, .object = q->instance };
	char remedy[80];

	if (!by) {
		s.reason = "no-entry-matches";
		s.remedy = h->text[0] ? h->remedy
				      : "let one of its entries match: each has a condition that "
					"does not hold";
		kvip_explain_step(q->x, &s, "route-map %s has no entry that matches: %s", name,
				  h->text[0] ? h->text : "its end denies");
		return;
	}
	if (by->type == RMAP_PERMIT)
		snprintf(remedy, sizeof(remedy), "see the route-map that entry %d calls", by->pref);
	else
		snprintf(remedy, sizeof(remedy), "let entry %d match less, or remove it", by->pref);
	s.reason = "denied-by-entry";
	s.remedy = remedy;
	kvip_explain_step(q->x, &s, "route-map %s denies it by entry %d", name, by->pref);
}

static void explain_map(struct asking *q, const char *name, const struct route_map *map)
{
	const struct kvip_step ok = { .step = "route-map",
				      .reason = "permitted",
				      .object = q->instance };
	struct hint hint = { .text = "" };
	struct route_map_index *by;

	if (!ask_map(q, map, &hint, &by))
		say_denied(q, name, by, &hint);
	else if (by)
		kvip_explain_step(q->x, &ok, "route-map %s permits it by entry %d", name, by->pref);
	else
		kvip_explain_step(q->x, &ok, "route-map %s: no entry is about it", name);
	(void)ask_map(q, map, NULL, &by);
}

static bool explain_redistribution(struct asking *q)
{
	struct bgp_redist *red = bgp_redist_lookup(q->bgp, q->afi, ZEBRA_ROUTE_STATIC, 0);
	struct kvip_step s = { .step = "redistribute", .object = q->instance };
	struct route_map *map;

	if (!red) {
		s.mark = KVIP_MARK_NO;
		s.reason = "not-redistributed";
		s.remedy = "`redistribute static route-map NAME` in the address-family";
		kvip_explain_step(q->x, &s, "%s does not redistribute static in %s", q->instance,
				  family_words(q->afi));
		return false;
	}
	s.mark = red->rmap.name ? KVIP_MARK_OK : KVIP_MARK_WARN;
	s.reason = red->rmap.name ? "redistributed" : "no-route-map";
	s.remedy =
		red->rmap.name
			? NULL
			: "`redistribute static route-map NAME`: without one your own static routes go out, too";
	kvip_explain_step(q->x, &s, "%s redistributes static in %s", q->instance,
			  family_words(q->afi));
	if (!red->rmap.name)
		return true;
	map = route_map_lookup_by_name(red->rmap.name);
	if (map) {
		explain_map(q, red->rmap.name, map);
		return true;
	}
	s = (struct kvip_step){ .step = "route-map",
				.mark = KVIP_MARK_NO,
				.reason = "route-map-undefined",
				.remedy = "define it, or name another one at `redistribute static`",
				.object = q->instance };
	kvip_explain_step(q->x, &s, "route-map %s does not exist: it denies everything",
			  red->rmap.name);
	return true;
}

/* ---- bgpd's table, peers ---- */

static struct bgp_path_info *best_of(struct bgp_dest *dest)
{
	struct bgp_path_info *pi;

	for (pi = bgp_dest_get_bgp_path_info(dest); pi; pi = pi->next)
		if (CHECK_FLAG(pi->flags, BGP_PATH_SELECTED))
			return pi;
	return NULL;
}

static struct bgp_path_info *explain_table(struct asking *q, struct bgp_dest *dest)
{
	struct bgp_path_info *best = dest ? best_of(dest) : NULL;
	const bool ours = best && best->peer == q->bgp->peer_self;
	const struct kvip_step s = { .step = "bgp",
				     .mark = ours   ? KVIP_MARK_OK
					     : best ? KVIP_MARK_WARN
						    : KVIP_MARK_NO,
				     .reason = ours   ? "best-path"
					       : best ? "other-path"
						      : "absent",
				     .remedy = best || !dest ? NULL
							     : "look at `show bgp PREFIX`: no path "
							       "is valid",
				     .object = q->instance };

	if (ours)
		kvip_explain_step(q->x, &s, "in bgpd's table, and the best path");
	else if (best)
		kvip_explain_step(q->x, &s, "another path is best: learned from %s",
				  best->peer->host);
	else
		kvip_explain_step(q->x, &s, "not in bgpd's table");
	return best;
}

static void explain_peer(struct asking *q, struct peer *peer, struct bgp_dest *dest)
{
	const bool up = peer_established(peer);
	const bool sent = up && dest && bgp_adj_out_lookup(peer, dest, 0);
	struct kvip_step s = { .step = "peer", .object = peer->host };
	char remedy[160];

	if (!peer->afc[q->afi][SAFI_UNICAST])
		return;
	s.mark = sent ? KVIP_MARK_OK : KVIP_MARK_NO;
	s.reason = sent ? "sent" : up ? "not-sent" : "session-down";
	if (!up) {
		snprintf(remedy, sizeof(remedy), "see `show bgp neighbors %.64s`", peer->host);
		s.remedy = remedy;
		kvip_explain_step(q->x, &s, "the session with %s is not established", peer->host);
	} else if (!sent) {
		s.remedy = "see the neighbour's outbound filters, or why it is the path's source";
		kvip_explain_step(q->x, &s, "not sent to %s", peer->host);
	} else if (q->next_hop && bgp_kubevip_tells_node(peer, q->afi, q->next_hop)) {
		s.mark = KVIP_MARK_WARN;
		s.reason = "third-party-next-hop";
		snprintf(remedy, sizeof(remedy),
			 "`neighbor %.64s next-hop-self`: else one node gets all of the traffic",
			 peer->host);
		s.remedy = remedy;
		kvip_explain_step(q->x, &s, "sent to %s with a node's address as next hop",
				  peer->host);
	} else {
		kvip_explain_step(q->x, &s, "sent to %s", peer->host);
	}
}

static void explain_instance(struct asking *q)
{
	struct bgp_dest *dest;
	struct listnode *node;
	struct peer *peer;
	int shown = 0;

	if (!explain_redistribution(q))
		return;
	dest = bgp_node_lookup(q->bgp->rib[q->afi][SAFI_UNICAST], &q->p);
	if (explain_table(q, dest))
		for (ALL_LIST_ELEMENTS_RO(q->bgp->peer, node, peer))
			if (!CHECK_FLAG(peer->sflags, PEER_STATUS_GROUP) && shown++ < PEERS_SHOWN)
				explain_peer(q, peer, dest);
	if (dest)
		bgp_dest_unlock_node(dest);
}

static void name_instance(struct asking *q)
{
	snprintf(q->instance, sizeof(q->instance), "router bgp %u%s%.64s", q->bgp->as,
		 q->bgp->name ? " " : "", q->bgp->name ? q->bgp->name : "");
}

/* A view that redistributes nothing is for something else. */
static bool is_concerned(const struct asking *q)
{
	if (!bgp_kubevip_match_concerns(q->bgp))
		return false;
	return q->bgp->inst_type != BGP_INSTANCE_TYPE_VIEW ||
	       bgp_redist_lookup(q->bgp, q->afi, ZEBRA_ROUTE_STATIC, 0);
}

static void no_instance(struct kvip_explain *x)
{
	const struct kvip_step s = {
		.step = "redistribute",
		.mark = KVIP_MARK_NO,
		.reason = "no-router-bgp",
		.remedy = "configure `router bgp`, or leave it to other daemons"
	};

	kvip_explain_step(x, &s, "bgpd has no `router bgp`");
}

static void explain(const struct kvip_prefix *p, struct kvip_explain *x)
{
	struct asking q = { .x = x, .afi = p->addr.family == KVIP_IPV4 ? AFI_IP : AFI_IP6 };
	char text[KVIP_PREFIX_STRLEN];
	struct kvip_route_view v;
	struct listnode *node;
	unsigned int n = 0;

	if (!kvip_recon_find(kvf_host_recon(), 0, p, &v) || !v.want)
		return; /* nothing was decided: there is nothing to announce */
	q.tag = v.want->tag;
	if (v.usable && v.usable->n)
		q.next_hop = &v.usable->addrs[0];
	q.p.family = p->addr.family == KVIP_IPV4 ? AF_INET : AF_INET6;
	q.p.prefixlen = p->len;
	memcpy(&q.p.u.prefix, p->addr.b, q.afi == AFI_IP ? 4 : 16);
	q.prefix = kvip_prefix_render(p, text);
	for (ALL_LIST_ELEMENTS_RO(bm->bgp, node, q.bgp)) {
		if (!is_concerned(&q))
			continue;
		name_instance(&q);
		explain_instance(&q);
		n++;
	}
	if (!n)
		no_instance(x);
}

void bgp_kubevip_explain_init(void)
{
	kvf_explain_set_bgp(explain);
}
