/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel routes for one prefix, whoever put it there. One request and one answer by
 * netlink, some 20 microseconds each. T0, only when somebody asks.
 */
#pragma once

#include "base/kvip_addr.h"
#include "base/kvip_err.h"
#include "base/kvip_limits.h"
#include "vip/kvip_recon.h"

/* Static routes of FRR, so ours, too: RTPROT_ZSTATIC in zebra/rt_netlink.h. */
#define KVF_RIB_STATIC 196

struct kvf_rib {
	int fd;
	uint32_t sequence;
};

struct kvf_rib_route {
	uint8_t protocol; /* RTPROT_* */
	size_t n;
	struct kvip_addr nhs[KVIP_MAX_NEXTHOPS]; /* gateways, sorted */
};

/** kvf_rib_open - Return: 0, negative errno. kvf_rib_close() ends it. */
int kvf_rib_open(struct kvf_rib *r) KVIP_USE_RESULT;
void kvf_rib_close(struct kvf_rib *r);
/** kvf_rib_find - the main table's route of exactly this prefix. Return: 1 with @out filled, 0 there
 *  is none, negative errno: the kernel was not understood. */
int kvf_rib_find(struct kvf_rib *r, const struct kvip_prefix *p,
		 struct kvf_rib_route *out) KVIP_USE_RESULT;
/** kvf_rib_agrees - has it the next hops that zebra confirmed? Recursive ones are not compared: the
 *  kernel has what they resolve to. */
bool kvf_rib_agrees(const struct kvf_rib_route *route, const struct kvip_route_view *v);
/** kvf_rib_protocol - "bgp", "static", ...; numbers that have no name in @buf. */
const char *kvf_rib_protocol(uint8_t protocol, char buf[8]);
