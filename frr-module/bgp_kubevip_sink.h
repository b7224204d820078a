/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The node sink of `inject bgp`: bgpd's own table, in-process. T0. */
#pragma once

#include "vip/kvip_sink.h"

extern const struct kvip_sink_ops bgp_kubevip_sink;

/** bgp_kubevip_sink_watch - have kvf_host_recheck() called when a command has changed what is
 *  redistributed. */
void bgp_kubevip_sink_watch(void);
