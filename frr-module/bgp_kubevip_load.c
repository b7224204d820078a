// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the way from a file name to a running engine, with a reason at every step.
 *
 * Thread: T0, before bgpd's fork. libc only. A file is looked at before the dynamic linker gets it:
 * dlopen() maps what the headers promise, and a file that was cut short would end bgpd with SIGBUS.
 *
 * An engine that was opened and then refused stays open: its constructors have told libfrr
 * addresses in it.
 */
#include "frr-module/bgp_kubevip_load.h"

#include "frr-module/bgp_kubevip.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* DEEPBIND: libfrr exports functions of its own under OpenSSL's names (SHA256_Init and others,
 * lib/sha256.c), and bgpd has it loaded globally: without it, libcrypto would call those. */
#define ENGINE_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)

#define SUFFIX ".so"

__attribute__((format(printf, 4, 5))) static int fail(struct bgp_kubevip_failure *why,
						      const char *reason, const char *todo,
						      const char *fmt, ...)
{
	va_list ap;

	why->reason = reason;
	snprintf(why->todo, sizeof(why->todo), "%s, then restart bgpd", todo);
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -1;
}

int bgp_kubevip_engine_path(const char *frr_version, char *path, size_t size)
{
	Dl_info self;
	const char *slash;
	int n;

	if (strchr(frr_version, '/') || !dladdr((void *)bgp_kubevip_engine_path, &self))
		return -EINVAL;
	slash = strrchr(self.dli_fname, '/');
	if (!slash)
		return -EINVAL;
	n = snprintf(path, size, "%.*s/kubevip/%s" SUFFIX, (int)(slash - self.dli_fname),
		     self.dli_fname, frr_version);
	return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* Which engines are there instead: "8.5.1 10.3". */
static void list_engines(const char *path, char *list, size_t size)
{
	char directory[1024];
	struct dirent *e;
	size_t used = 0;
	DIR *d;

	snprintf(list, size, "none");
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(path, '/') - path), path);
	d = opendir(directory);
	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name), suffix = strlen(SUFFIX);

		if (n <= suffix || strcmp(e->d_name + n - suffix, SUFFIX) != 0)
			continue;
		n -= suffix;
		if (used + n + 2 > size)
			break;
		used += (size_t)snprintf(list + used, size - used, "%s%.*s", used ? " " : "",
					 (int)n, e->d_name);
	}
	if (d)
		closedir(d);
}

static int missing(const char *path, const char *frr_version, struct bgp_kubevip_failure *why)
{
	char there[128];

	list_engines(path, there, sizeof(there));
	return fail(why, "engine-missing", "install kubevip built for this FRR",
		    "there is no engine for FRR %s: %.400s does not exist (engines there: %s)",
		    frr_version, path, there);
}

/* What the dynamic linker will map must be there. NULL: it is. */
static const char *elf_trouble(int fd, uint64_t size)
{
	ElfW(Ehdr) elf;
	ElfW(Phdr) part;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_phentsize != sizeof(part))
		return "it is no shared object";
	if (elf.e_shoff > size || elf.e_shoff + (uint64_t)elf.e_shnum * elf.e_shentsize > size)
		return "it was cut short";
	for (unsigned int i = 0; i < elf.e_phnum; i++) {
		off_t at = (off_t)(elf.e_phoff + i * sizeof(part));

		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			return "it was cut short";
		if (part.p_type == PT_LOAD &&
		    (part.p_offset > size || part.p_filesz > size - part.p_offset))
			return "it was cut short";
	}
	return NULL;
}

/* O_NONBLOCK: whatever lies there, bgpd does not wait for it. */
static int look_at_file(const char *path, const char *frr_version, struct bgp_kubevip_failure *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = errno;
	const char *trouble;
	struct stat st;

	if (fd < 0 && (error == ENOENT || error == ENOTDIR))
		return missing(path, frr_version, why);
	if (fd < 0)
		return fail(why, "engine-unreadable",
			    "let the user that FRR runs as read it and its directories",
			    "%.400s: %s", path, strerror(error));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		trouble = "it is no regular file";
	else
		trouble = elf_trouble(fd, (uint64_t)st.st_size);
	close(fd);
	if (!trouble)
		return 0;
	return fail(why, "engine-damaged", "install kubevip again", "%.400s: %s", path, trouble);
}

static const struct bgp_kubevip_entry *open_engine(const char *path,
						   struct bgp_kubevip_failure *why)
{
	const struct bgp_kubevip_entry *entry = NULL;
	void *dl = dlopen(path, ENGINE_FLAGS);

	if (!dl) {
		fail(why, "engine-unloadable",
		     "install the library that is named here, or kubevip built for this FRR (`ldd "
		     "-r` on the file says more)",
		     "%s", dlerror());
		return NULL;
	}
	entry = dlsym(dl, "bgp_kubevip_entry");
	if (!entry)
		fail(why, "engine-foreign", "install kubevip again",
		     "%.400s: it is no engine of kubevip", path);
	return entry;
}

/* The number of the interface comes first: with another one, nothing else may be read. */
static int check_entry(const struct bgp_kubevip_entry *entry, const char *path,
		       const char *frr_version, struct bgp_kubevip_failure *why)
{
	if (entry->abi != BGP_KUBEVIP_ABI)
		return fail(why, "engine-abi", "install shim and engine from one package",
			    "%.400s: made for a shim with interface %u, this one has %u", path,
			    entry->abi, BGP_KUBEVIP_ABI);
	if (strcmp(entry->frr_version, frr_version) != 0)
		return fail(why, "engine-frr-version", "install kubevip built for this FRR",
			    "%.400s: built for FRR %.32s, this is FRR %s", path, entry->frr_version,
			    frr_version);
	return 0;
}

int bgp_kubevip_load(const char *path, const char *frr_version, void *loop,
		     struct bgp_kubevip_failure *why)
{
	const struct bgp_kubevip_entry *entry;
	char text[512] = "";

	if (look_at_file(path, frr_version, why))
		return -1;
	entry = open_engine(path, why);
	if (!entry || check_entry(entry, path, frr_version, why))
		return -1;
	if (entry->start(loop, text, sizeof(text)))
		return fail(why, "engine-start-failed", "put that right",
			    "the engine did not start: %s", text[0] ? text : "no reason given");
	return 0;
}
