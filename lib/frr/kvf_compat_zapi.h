/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of ZAPI differs between FRR's versions:
 *
 *   options of a client       8.4: receive_notify, synchronous    10.x: synchronous, auxiliary
 *   next-hop tracking answer  8.4: a handler that decodes         10.x: a callback of the client
 */
#pragma once

#include "frr/kvf_compat.h"

#include "zclient.h"

typedef void kvf_nexthop_fn(vrf_id_t vrf_id, struct prefix *asked, struct zapi_route *answer);

struct kvf_zapi_handlers {
	zclient_handler *route_add, *route_del, *address_add, *address_del;
	kvf_nexthop_fn *nexthop;
};

/** kvf_zclient_new - a client with these handlers; one per process (handlers are a static
 * table). */
struct zclient *kvf_zclient_new(struct kvf_event_loop *loop, const struct kvf_zapi_handlers *h);
