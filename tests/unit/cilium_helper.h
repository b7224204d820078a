/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cilium's objects as tests write them, short.
 */
#pragma once

#include "engine_helper.h"

#define CH_CONF                                                                                    \
	"cluster lab server https://192.168.99.9:6443\n"                                           \
	"cluster lab vip-range 192.168.77.0/24\n"                                                  \
	"cluster lab from-cilium\n"

/* CiliumBGPAdvertisement @name with labels {@labels} and @adverts, a list of objects. */
static inline void ch_advertisement(struct eh *h, const char *name, const char *labels,
				    const char *adverts)
{
	char json[EH_TEXT];

	snprintf(json, sizeof(json),
		 "{'metadata':{'name':'%s','labels':{%s}},'spec':{'advertisements':[%s]}}", name,
		 labels, adverts);
	ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_ADVERTISEMENT, json), 0);
}

/* One advertisement of LoadBalancer addresses with this member `selector` ("" for none). */
static inline const char *ch_lb(const char *selector)
{
	static char buf[4][EH_TEXT / 2];
	static unsigned int at;
	char *text = buf[at++ % 4];

	snprintf(text, sizeof(buf[0]),
		 "{'advertisementType':'Service','service':{'addresses':['LoadBalancerIP']}%s%s}",
		 *selector ? ",'selector':" : "", selector);
	return text;
}

/* CiliumBGPClusterConfig with one instance; @peers: a list of objects. */
static inline void ch_cluster_config(struct eh *h, const char *name, const char *node_selector,
				     const char *peers)
{
	char json[EH_TEXT];

	snprintf(
		json, sizeof(json),
		"{'metadata':{'name':'%s'},'spec':{%s%s%s'bgpInstances':[{'name':'i','peers':[%s]}]}}",
		name, *node_selector ? "'nodeSelector':" : "", node_selector,
		*node_selector ? "," : "", peers);
	ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_CLUSTER_CONFIG, json), 0);
}

/* CiliumBGPPeerConfig whose IPv4 family has this member `advertisements` ("" for none). */
static inline void ch_peer_config(struct eh *h, const char *name, const char *advertisements)
{
	char json[EH_TEXT];

	snprintf(
		json, sizeof(json),
		"{'metadata':{'name':'%s'},'spec':{'families':[{'afi':'ipv4','safi':'unicast'%s%s}]}}",
		name, *advertisements ? ",'advertisements':" : "", advertisements);
	ck_assert_int_eq(eh_put(h, "lab", KVIP_KIND_PEER_CONFIG, json), 0);
}

#define CH_ENABLE "{'matchLabels':{'bgp':'enable'}}"

/* Three nodes with a label each: zone=a, zone=b, zone=b. */
static inline void ch_nodes(struct eh *h)
{
	eh_node(h, "lab", "n1", EH_N1, "True", "'labels':{'zone':'a'}", "");
	eh_node(h, "lab", "n2", EH_N2, "True", "'labels':{'zone':'b'}", "");
	eh_node(h, "lab", "n3", EH_N3, "True", "'labels':{'zone':'b'}", "");
}

/* Service prod/@name with @ip behind n1 and the label bgp=enable. */
static inline void ch_service(struct eh *h, const char *name, const char *ip)
{
	eh_service(h, "lab", name, ip, "'labels':{'bgp':'enable'}", "");
	eh_slice(h, "lab", name, "n1:r");
}
