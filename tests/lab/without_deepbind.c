// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded before AddressSanitizer's runtime, which refuses RTLD_DEEPBIND: dlopen() without it.
 * The module's shim asks for it because libfrr has functions under names of libcrypto's; with
 * libcrypto preloaded as well, its own come first without it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

void *dlopen(const char *name, int flags)
{
	void *(*next)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");

	return next(name, flags & ~RTLD_DEEPBIND);
}
