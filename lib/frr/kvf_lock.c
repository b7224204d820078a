// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: flock(2) on a file that is never removed, so that two processes can never hold locks on two
 * files of one name. The kernel lets go of it whatever way the holder dies. Thread: T0.
 */
#include "frr/kvf_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct {
	char path[512];
	int fd;
	bool held;
} lock = { .fd = -1 };

void kvf_lock_init(const char *path)
{
	snprintf(lock.path, sizeof(lock.path), "%s", path);
}

static void read_holder(char *holder, size_t size)
{
	ssize_t n = pread(lock.fd, holder, size - 1, 0);

	holder[n > 0 ? n : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	if (!holder[0])
		snprintf(holder, size, "another process");
}

static void write_holder(const char *name)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%s (pid %ld)\n", name, (long)getpid());

	/* for people only: a failure leaves "another process" in their show output */
	if (ftruncate(lock.fd, 0) || pwrite(lock.fd, text, (size_t)n, 0) != n)
		return;
}

bool kvf_lock_try(const char *name, char *holder, size_t size)
{
	holder[0] = '\0';
	if (lock.held)
		return true;
	if (lock.fd < 0)
		lock.fd = open(lock.path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (lock.fd < 0) {
		snprintf(holder, size, "nobody: %.100s: %s", lock.path, strerror(errno));
		return false;
	}
	if (flock(lock.fd, LOCK_EX | LOCK_NB)) {
		read_holder(holder, size);
		return false;
	}
	lock.held = true;
	write_holder(name);
	return true;
}

bool kvf_lock_held(void)
{
	return lock.held;
}

void kvf_lock_release(void)
{
	if (lock.fd >= 0)
		close(lock.fd);
	lock.fd = -1;
	lock.held = false;
}
