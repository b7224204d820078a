/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The grammar of our lines in route-maps: bgpd (with the engine) and vtysh install the same. The
 * words are those of KVIP_MATCH_KINDS, in its order.
 */
#pragma once

#define KVF_RMAP_HELP                                                                              \
	"Match values from routing table\n"                                                        \
	"What Kubernetes says of a VIP\n"                                                          \
	"A label of a Service or Gateway that claims it: KEY=VALUE\n"                              \
	"Namespace of a Service or Gateway that claims it\n"                                       \
	"A Service that claims it: NAMESPACE/NAME\n"                                               \
	"Cluster that claims it\n"                                                                 \
	"Its loadBalancerClass, or the gatewayClassName of the Gateway\n"                          \
	"Value\n"
#define KVF_RMAP_NO_HELP "Negate a command or set its defaults\n" KVF_RMAP_HELP

#define KVF_RMAP_WORDS     "<label|namespace|service|cluster|class>"
#define KVF_RMAP_SYNTAX    "match kubevip " KVF_RMAP_WORDS " WORD"
#define KVF_RMAP_NO_SYNTAX "no match kubevip " KVF_RMAP_WORDS " [WORD]"
