// SPDX-License-Identifier: GPL-2.0-or-later
/* DOC: the end of the way: the kernel, and who knows bgpd. Thread: T0, only when somebody asks. */
#include <zebra.h>

#include "frr/kvf_explain.h"
#include "frr/kvf_host.h"

#include "frr/kvf_rib.h"

static void (*explain_bgp)(const struct kvip_prefix *p, struct kvip_explain *x);

void kvf_explain_set_bgp(void (*fn)(const struct kvip_prefix *p, struct kvip_explain *x))
{
	explain_bgp = fn;
}

static int ask_kernel(const struct kvip_prefix *p, struct kvf_rib_route *route)
{
	struct kvf_rib rib;
	int rc = kvf_rib_open(&rib);

	if (rc)
		return rc;
	rc = kvf_rib_find(&rib, p, route);
	kvf_rib_close(&rib);
	return rc;
}

static void where_to_look(const struct kvip_prefix *p, const char *and, char *buf, size_t size)
{
	char prefix[KVIP_PREFIX_STRLEN];

	snprintf(buf, size, "see `show %s route %s`, %s",
		 p->addr.family == KVIP_IPV4 ? "ip" : "ipv6", kvip_prefix_render(p, prefix), and);
}

/* zebra puts ours in as static. */
static void say_present(const struct kvip_prefix *p, const struct kvf_rib_route *route,
			const struct kvip_route_view *v, struct kvip_explain *x)
{
	struct kvip_step s = { .step = "kernel", .reason = "present" };
	const bool ours = route->protocol == KVF_RIB_STATIC;
	char remedy[160], word[8];

	if (!ours) {
		where_to_look(p, "and who has put it there", remedy, sizeof(remedy));
		s.mark = x->diagnosed ? KVIP_MARK_NOTE : KVIP_MARK_NO;
		s.reason = "other-route";
		s.remedy = remedy;
	} else if (v && v->state == KVIP_ROUTE_INSTALLED && !kvf_rib_agrees(route, v)) {
		where_to_look(p, "and restart FRR if it stays so", remedy, sizeof(remedy));
		s.mark = x->diagnosed ? KVIP_MARK_NOTE : KVIP_MARK_WARN;
		s.reason = "other-next-hops";
		s.remedy = remedy;
	}
	kvip_explain_step(x, &s, "the kernel has %s route: %s, %zu next hops",
			  ours ? "the" : "somebody else's", kvf_rib_protocol(route->protocol, word),
			  route->n);
}

/* What was refused earlier on the way is rightly not there. */
static void say_absent(const struct kvip_prefix *p, struct kvip_explain *x)
{
	struct kvip_step s = { .step = "kernel", .mark = KVIP_MARK_NOTE, .reason = "absent" };
	char remedy[160];

	if (!x->diagnosed) {
		where_to_look(p, "and zebra's log", remedy, sizeof(remedy));
		s.mark = KVIP_MARK_NO;
		s.remedy = remedy;
	}
	kvip_explain_step(x, &s, "the kernel has no route of exactly this prefix");
}

static void explain_kernel(const struct kvip_prefix *p, const struct kvip_route_view *v,
			   struct kvip_explain *x)
{
	const struct kvip_step unknown = { .step = "kernel",
					   .mark = KVIP_MARK_UNKNOWN,
					   .reason = "unknown" };
	struct kvf_rib_route route;
	int rc = ask_kernel(p, &route);

	if (rc > 0)
		say_present(p, &route, v, x);
	else if (rc == 0)
		say_absent(p, x);
	else
		kvip_explain_step(x, &unknown, "the kernel did not answer: %s", strerror(-rc));
}

/* `table N`: the kernel cannot be asked for another table's routes by address, bgpd is told nothing. */
static void explain_other_table(uint32_t table, struct kvip_explain *x)
{
	const struct kvip_step s = { .step = "kernel",
				     .mark = KVIP_MARK_NOTE,
				     .reason = "other-table" };

	kvip_explain_step(x, &s, "it goes to table %u and to no peer: `ip route show table %u`",
			  table, table);
}

static void explain_elsewhere(const struct kvip_prefix *p, struct kvip_explain *x)
{
	const bool v4 = p->addr.family == KVIP_IPV4;
	char prefix[KVIP_PREFIX_STRLEN], remedy[200];
	const struct kvip_step s = { .step = "bgp",
				     .mark = KVIP_MARK_UNKNOWN,
				     .reason = "another-process",
				     .remedy = x->diagnosed ? NULL : remedy };

	snprintf(remedy, sizeof(remedy),
		 "ask bgpd: `show bgp %s unicast %s`, `show route-map`, `show %s prefix-list`",
		 v4 ? "ipv4" : "ipv6", kvip_prefix_render(p, prefix), v4 ? "ip" : "ipv6");
	kvip_explain_step(x, &s, "what bgpd makes of it is not known here");
}

void kvf_explain_more(void *ctx, const struct kvip_prefix *p, struct kvip_explain *x)
{
	struct kvip_route_view v;
	const bool known = kvf_host_recon() && kvip_recon_find(kvf_host_recon(), 0, p, &v);

	(void)ctx;
	if (known && v.inject == KVIP_INJECT_BGP) {
		if (explain_bgp && kvip_explain_goes_to_bgp(&v))
			explain_bgp(p, x);
		return;
	}
	if (known && v.id.table) {
		explain_other_table(v.id.table, x);
		return;
	}
	explain_kernel(p, known ? &v : NULL, x);
	if (explain_bgp)
		explain_bgp(p, x);
	else
		explain_elsewhere(p, x);
}
