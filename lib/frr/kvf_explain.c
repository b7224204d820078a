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

static void explain_kernel(const struct kvip_prefix *p, struct kvip_explain *x)
{
	struct kvip_step s = { .step = "kernel", .reason = "present" };
	struct kvf_rib_route route;
	int rc = ask_kernel(p, &route);
	char word[8];

	if (rc > 0) {
		kvip_explain_step(x, &s, "the kernel has the route: %s, %zu next hops",
				  kvf_rib_protocol(route.protocol, word), route.n);
		return;
	}
	/* what was refused earlier on the way is rightly not there */
	s.mark = rc < 0 ? KVIP_MARK_UNKNOWN : x->diagnosed ? KVIP_MARK_NOTE : KVIP_MARK_NO;
	s.reason = rc < 0 ? "unknown" : "absent";
	if (rc < 0)
		kvip_explain_step(x, &s, "the kernel did not answer: %s", strerror(-rc));
	else
		kvip_explain_step(x, &s, "the kernel has no route of exactly this prefix");
}

static void explain_elsewhere(struct kvip_explain *x)
{
	const struct kvip_step s = { .step = "bgp",
				     .mark = KVIP_MARK_UNKNOWN,
				     .reason = "another-process",
				     .remedy = "ask bgpd: `show bgp ipv4 unicast PREFIX`, `show "
					       "route-map`, `show ip prefix-list`" };

	kvip_explain_step(x, &s, "what bgpd makes of it is not known here");
}

void kvf_explain_more(void *ctx, const struct kvip_prefix *p, struct kvip_explain *x)
{
	struct kvip_route_view v;

	(void)ctx;
	if (kvf_host_recon() && kvip_recon_find(kvf_host_recon(), 0, p, &v) &&
	    v.inject == KVIP_INJECT_BGP) {
		if (explain_bgp && kvip_explain_goes_to_bgp(&v))
			explain_bgp(p, x);
		return;
	}
	explain_kernel(p, x);
	if (explain_bgp)
		explain_bgp(p, x);
	else
		explain_elsewhere(x);
}
