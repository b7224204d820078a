/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a check found: for `show kubevip check` and dry runs.
 */
#pragma once

struct kvip_finding {
	const char *kind;    /* a stable word: "cilium-peer-not-here" */
	const char *cluster; /* its name */
	char object[340];    /* "CiliumBGPPeerConfig mdhlabs-bgp-peer-config"; "": none */
	char text[700];      /* for people: where, what, what to do */
};
/* @f is lent for the call. */
typedef void kvip_finding_fn(void *ctx, const struct kvip_finding *f);
