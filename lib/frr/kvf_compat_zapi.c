// SPDX-License-Identifier: GPL-2.0-or-later
/* DOC: see the header. Thread: T0. Sources: lib/zclient.[ch] of FRR 8.4.4, 10.3, 10.7.1. */
#include "frr/kvf_compat_zapi.h"

static zclient_handler *table[ZEBRA_INTERFACE_ADDRESS_DELETE + ZEBRA_NEXTHOP_UPDATE +
			      ZEBRA_REDISTRIBUTE_ROUTE_DEL + 1];

#ifndef HAVE_FRR_ZCLIENT_NEXTHOP_CALLBACK
static kvf_nexthop_fn *nexthop_fn;

static int nexthop_update(ZAPI_CALLBACK_ARGS)
{
	static struct zapi_route answer; /* too large for the stack */
	struct prefix asked;

	(void)cmd;
	(void)length;
	if (zapi_nexthop_update_decode(zclient->ibuf, &asked, &answer))
		nexthop_fn(vrf_id, &asked, &answer);
	return 0;
}
#endif

struct zclient *kvf_zclient_new(struct kvf_event_loop *loop, const struct kvf_zapi_handlers *h)
{
	static struct zclient_options options;
	struct zclient *zc;

	table[ZEBRA_REDISTRIBUTE_ROUTE_ADD] = h->route_add;
	table[ZEBRA_REDISTRIBUTE_ROUTE_DEL] = h->route_del;
	table[ZEBRA_INTERFACE_ADDRESS_ADD] = h->address_add;
	table[ZEBRA_INTERFACE_ADDRESS_DELETE] = h->address_del;
#ifndef HAVE_FRR_ZCLIENT_NEXTHOP_CALLBACK
	nexthop_fn = h->nexthop;
	table[ZEBRA_NEXTHOP_UPDATE] = nexthop_update;
#endif
	zc = zclient_new(loop, &options, table, array_size(table));
#ifdef HAVE_FRR_ZCLIENT_NEXTHOP_CALLBACK
	zc->nexthop_update = h->nexthop;
#endif
	return zc;
}
