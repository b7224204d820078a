// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the engine inside bgpd: what kubewatch is as a daemon, as hooks of bgpd's life.
 *
 * Thread: T0. Commands are installed in frr_late_init (before, libfrr has no command table); the
 * worker starts from the first event, after the fork (frr_config_post), for threads made earlier
 * die with the parent. The end is frr_early_fini: routes stay (rules R4).
 *
 * What libfrr has once per process and bgpd has taken is left alone: the prefix-list hooks, the
 * interface callbacks, the callbacks of a configuration load.
 */
#include "frr/kvf_compat.h"

#include "frr-module/bgp_kubevip.h"
#include "frr-module/bgp_kubevip_explain.h"
#include "frr-module/bgp_kubevip_facts.h"
#include "frr-module/bgp_kubevip_match.h"
#include "frr-module/bgp_kubevip_sink.h"

#include "frr/kvf_cmd.h"
#include "frr/kvf_facts.h"
#include "frr/kvf_host.h"
#include "frr/kvf_yang.h"

#include "bgpd/bgp_vty.h"
#include "bgpd/bgpd.h"

#include "libfrr.h"
#include "module.h"

extern struct zebra_privs_t bgpd_privs; /* bgpd/bgp_main.c; no header has it */

static int start(struct kvf_event_loop *loop)
{
	(void)loop;
	(void)!kvf_host_start(); /* the log says why; bgpd goes on (rules R5) */
	return 0;
}

static int stop(void)
{
	bgp_kubevip_review_stop();
	kvf_host_stop();
	return 0;
}

static int engine_start(void *loop, char *why, size_t size)
{
	struct kvip_err err;

	if (kvf_yang_init_module(&err)) {
		snprintf(why, size, "%s", err.text);
		return -1;
	}
	if (kvf_host_init(&(struct kvf_host_options){
		    .loop = loop,
		    .privs = &bgpd_privs,
		    .name = "bgpd",
		    .in_bgpd = true,
		    .bgp_sink = &bgp_kubevip_sink,
		    .marked = bgp_kubevip_review_marked,
		    .loading = bgp_config_inprocess,
	    }) ||
	    kvf_cmd_init(true)) {
		snprintf(why, size, "out of memory");
		return -1;
	}
	bgp_kubevip_explain_init();
	kvf_facts_set_neighbours(bgp_kubevip_each_neighbour);
	bgp_kubevip_sink_watch();
	bgp_kubevip_review_init(loop);
	bgp_kubevip_match_init();
	bgp_kubevip_deleted_init();
	bgp_kubevip_advice_init();
	hook_register(frr_config_post, start);
	hook_register(frr_early_fini, stop);
	return 0;
}

extern const struct bgp_kubevip_entry bgp_kubevip_entry;
const struct bgp_kubevip_entry bgp_kubevip_entry __attribute__((visibility("default"))) = {
	.abi = BGP_KUBEVIP_ABI,
	.frr_version = KVF_BUILT_FOR,
	.version = KUBEVIP_VERSION,
	.start = engine_start,
};

FRR_COREMOD_SETUP(.name = "kubevip", .version = KUBEVIP_VERSION,
		  .description = "Kubernetes virtual IPs as routes: the engine", );
