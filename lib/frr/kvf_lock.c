// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: flock(2) on a file that is never removed, so that two processes can never hold locks on two
 * files of one name. The kernel lets go of it whatever way the holder dies. Thread: T0.
 *
 * Who wants to inject says so with a second lock, shared and of the other kind, which has nothing to
 * do with the first (fcntl(2), open file description locks). The holder can see it; where the file
 * system has none, nobody is seen to want it.
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
	char before[128]; /* what the file said when we took it */
	int fd;
	bool held;
} lock = { .fd = -1 };

void kvf_lock_init(const char *path)
{
	snprintf(lock.path, sizeof(lock.path), "%s", path);
}

static void read_holder(int fd, char *holder, size_t size)
{
	ssize_t n = pread(fd, holder, size - 1, 0);

	holder[n > 0 ? n : 0] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
}

/* A failure leaves "another process" in people's show output, and kvf_lock_last_was() says no. */
static void write_holder(const char *text)
{
	ssize_t n = (ssize_t)strlen(text);

	if (ftruncate(lock.fd, 0) || pwrite(lock.fd, text, (size_t)n, 0) != n)
		return;
}

static void write_self(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "%s (pid %ld)\n", name, (long)getpid());
	write_holder(text);
}

static void set_wanted(bool on)
{
	struct flock l = { .l_type = on ? F_RDLCK : F_UNLCK, .l_whence = SEEK_SET, .l_len = 1 };

	(void)fcntl(lock.fd, F_OFD_SETLK, &l);
}

bool kvf_lock_is_wanted(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	return lock.fd >= 0 && fcntl(lock.fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

bool kvf_lock_try(const char *name, bool wanted, char *holder, size_t size)
{
	holder[0] = '\0';
	if (lock.fd < 0)
		lock.fd = open(lock.path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (lock.fd < 0) {
		snprintf(holder, size, "nobody: %.100s: %s", lock.path, strerror(errno));
		return false;
	}
	set_wanted(wanted);
	if (lock.held)
		return true;
	if (flock(lock.fd, LOCK_EX | LOCK_NB)) {
		read_holder(lock.fd, holder, size);
		if (!holder[0])
			snprintf(holder, size, "another process");
		return false;
	}
	if (!wanted && kvf_lock_is_wanted()) {
		flock(lock.fd, LOCK_UN);
		return false;
	}
	lock.held = true;
	read_holder(lock.fd, lock.before, sizeof(lock.before));
	write_self(name);
	return true;
}

bool kvf_lock_held(void)
{
	return lock.held;
}

bool kvf_lock_last_was(const char *name)
{
	char last[sizeof(lock.before)] = "";
	size_t n = strlen(name);
	int fd;

	if (lock.held) {
		memcpy(last, lock.before, sizeof(last));
	} else {
		fd = open(lock.path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return false;
		read_holder(fd, last, sizeof(last));
		close(fd);
	}
	return strncmp(last, name, n) == 0 && strncmp(last + n, " (pid ", 6) == 0;
}

void kvf_lock_release(void)
{
	if (lock.fd >= 0)
		close(lock.fd);
	lock.fd = -1;
	lock.held = false;
}

void kvf_lock_give_back(void)
{
	if (lock.held)
		write_holder(lock.before);
	kvf_lock_release();
}
