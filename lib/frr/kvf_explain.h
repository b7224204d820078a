/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of the way in explanations: the kernel, and, in bgpd, bgpd. All on T0. */
#pragma once

#include "vip/kvip_explain.h"
#include "vip/kvip_show.h"

/** kvf_explain_more - steps `kernel` and what kvf_explain_set_bgp() was given. */
void kvf_explain_more(void *ctx, const struct kvip_prefix *p, struct kvip_explain *x);
/** kvf_explain_set_bgp - who adds the steps about bgpd; without, one step says where to look. */
void kvf_explain_set_bgp(void (*fn)(const struct kvip_prefix *p, struct kvip_explain *x));
