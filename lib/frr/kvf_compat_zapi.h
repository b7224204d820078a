/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of ZAPI differs between FRR's versions, as far as we read and write it:
 *
 *   options of a client       8.4: receive_notify, synchronous    10.x: synchronous, auxiliary
 *   next-hop tracking answer  8.4: next hops counted in 8 bits    10.x: in 16
 */
#pragma once

#include "frr/kvf_compat.h"

#include "zclient.h"

/** kvf_zclient_new - a client without handlers: what zebra says is read by kvf_zapi.c. */
struct zclient *kvf_zclient_new(struct kvf_event_loop *loop);
/** kvf_zapi_get_nexthop_count - the number of next hops in an answer of next-hop tracking. Return:
 *  false when @s ends before it. */
bool kvf_zapi_get_nexthop_count(struct stream *s, unsigned int *n);
