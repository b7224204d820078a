// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the shim that `bgpd -M kubevip` loads: it finds the engine built for the running FRR and
 * starts it.
 *
 * Thread: T0, before bgpd's fork. frrmod_load() stops the daemon when a module cannot be loaded or
 * its init fails (FRR 8.4.4, lib/module.c), and a bgpd that does not start takes every route with
 * it: so this file always loads and always says 0 (rules R5).
 */
#include <zebra.h>

#include "frr-module/bgp_kubevip.h"

#include "libfrr.h"
#include "log.h"
#include "module.h"

#include <dlfcn.h>

static const char *version_of_frr(void)
{
	return frrmod_list->info->version;
}

/* DEEPBIND: libfrr exports functions of its own under OpenSSL's names (SHA256_Init and others,
 * lib/sha256.c), and bgpd has it loaded globally: without it, libcrypto would call those. */
#define ENGINE_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)

static int engine_path(char *path, size_t size)
{
	Dl_info self;
	const char *slash;

	if (!dladdr((void *)engine_path, &self) || !(slash = strrchr(self.dli_fname, '/')))
		return -1;
	return snprintf(path, size, "%.*s/kubevip/%s.so", (int)(slash - self.dli_fname),
			self.dli_fname, version_of_frr()) < (int)size
		       ? 0
		       : -1;
}

static int start_engine(struct thread_master *loop)
{
	const struct bgp_kubevip_entry *entry;
	char path[1024];
	void *dl;

	if (engine_path(path, sizeof(path)))
		return 0;
	dl = dlopen(path, ENGINE_FLAGS);
	if (!dl) {
		zlog_err("kubevip: %s", dlerror());
		return 0;
	}
	entry = dlsym(dl, "bgp_kubevip_entry");
	if (!entry || entry->abi != BGP_KUBEVIP_ABI)
		return 0;
	entry->start(loop);
	return 0;
}

static int init(void)
{
	hook_register(frr_late_init, start_engine);
	return 0;
}

FRR_MODULE_SETUP(.name = "kubevip", .version = KUBEVIP_VERSION,
		 .description = "Kubernetes virtual IPs as routes", .init = init, );
