// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the shim that `bgpd -M kubevip` loads: it finds the engine built for the running FRR and
 * starts it; without one, bgpd goes on, and loses nothing of the configuration (rules R5).
 *
 * Thread: T0, before bgpd's fork. frrmod_load() stops the daemon when a module cannot be loaded or
 * its init fails (FRR 8.4.4, lib/module.c), and a bgpd that does not start takes every route with
 * it. So this file needs libc alone, asks libfrr for little and weakly, and always says 0.
 *
 * Where FRR's interface is not the one this was read from, a call could do anything: then there is
 * a line in the log, and nothing else.
 */
#include "frr-module/bgp_kubevip_abi.h"
#include "frr-module/bgp_kubevip_inert.h"
#include "frr-module/bgp_kubevip_load.h"
#include "frr-module/bgp_kubevip_weak.h"

#include <stdio.h>
#include <syslog.h>

#define HOOK_PRIORITY 1000 /* FRR's default */

static const struct bgp_kubevip_layout *layout;

/* libfrr's log, once there is one. */
__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vzlogx(NULL, LOG_ERR, fmt, ap);
	va_end(ap);
}

/* For what happens before there is a log, or where libfrr's cannot be called. */
__attribute__((format(printf, 1, 2))) static void say_early(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s\n", text);
	syslog(LOG_DAEMON | LOG_ERR, "%s", text);
}

static int start(void *loop)
{
	static struct bgp_kubevip_failure why;
	static char path[1024];
	const char *version = frrmod_list->info->version;

	if (bgp_kubevip_engine_path(version, path, sizeof(path))) {
		say("kubevip: its own path is not to be found out: nothing is started");
		return 0;
	}
	if (bgp_kubevip_load(path, version, loop, &why) == 0)
		return 0;
	say("kubevip: INERT, no VIP is routed by this bgpd: %s", why.text);
	say("kubevip: %s; until then `kubevip` and `match kubevip` lines are kept as they are, and "
	    "such a match matches nothing",
	    why.todo);
	bgp_kubevip_inert(layout, path, &why);
	return 0;
}

#define SYMBOL(name)                                                                               \
	{                                                                                          \
#name, (const void *)name                                                          \
	}
#define OBJECT(name)                                                                               \
	{                                                                                          \
#name, (const void *)&name                                                         \
	}

static const char *missing_symbol(void)
{
	static const struct {
		const char *name;
		const void *address;
	} needed[] = {
		OBJECT(_hook_frr_late_init),
		OBJECT(cmdvec),
		SYMBOL(_hook_register),
		SYMBOL(_install_element),
		SYMBOL(_route_map_install_match),
		SYMBOL(install_node),
		SYMBOL(nb_running_get_entry),
		SYMBOL(route_map_add_match),
		SYMBOL(route_map_delete_match),
		SYMBOL(vty_out),
		SYMBOL(vzlogx),
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!needed[i].address)
			return needed[i].name;
	return NULL;
}

static struct bgp_kubevip_module this_module;

static int init(void)
{
	static struct bgp_kubevip_hookent hook;
	const char *missing = missing_symbol();

	if (!&frrmod_list || !frrmod_list) {
		say_early("kubevip: not loaded by an FRR daemon: nothing is started");
		return 0;
	}
	layout = bgp_kubevip_layout_find(frrmod_list->info->version);
	if (!layout) {
		say_early("kubevip: FRR %s is not one that this module knows: nothing is started, "
			  "install kubevip built for this FRR",
			  frrmod_list->info->version);
		return 0;
	}
	if (missing) {
		say_early("kubevip: FRR %s has no %s: nothing is started, install kubevip built "
			  "for this FRR",
			  frrmod_list->info->version, missing);
		return 0;
	}
	_hook_register(&_hook_frr_late_init, &hook, (void *)start, NULL, false, &this_module,
		       "bgp_kubevip_start", HOOK_PRIORITY);
	return 0;
}

static const struct bgp_kubevip_module_info info = {
	.name = "kubevip",
	.version = KUBEVIP_VERSION,
	.description = "Kubernetes virtual IPs as routes",
	.init = init,
};

static struct bgp_kubevip_module this_module = { .info = &info };

/* What FRR looks up by name. */
extern struct bgp_kubevip_module *const frr_module;
struct bgp_kubevip_module *const frr_module __attribute__((visibility("default"))) = &this_module;
