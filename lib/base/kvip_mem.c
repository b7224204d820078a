// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: counted allocations with a planned failure, after curl's and nghttp2's torture tests.
 *
 * Job: a thin layer over malloc(3). Thread: any; two atomics are all the state there is.
 */
#include "kvip_mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_int_least64_t live_blocks;
static atomic_int_least64_t fail_in;
static atomic_int failed;

static int planned_failure(void)
{
	if (atomic_load_explicit(&fail_in, memory_order_relaxed) == 0)
		return 0;
	if (atomic_fetch_sub(&fail_in, 1) != 1)
		return 0;
	atomic_store(&failed, 1);
	return 1;
}

static void *counted(void *p)
{
	if (p)
		atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
	return p;
}

void *kvip_malloc(size_t size_bytes)
{
	return planned_failure() ? NULL : counted(malloc(size_bytes ? size_bytes : 1));
}

void *kvip_calloc(size_t n, size_t size_bytes)
{
	return planned_failure() ? NULL : counted(calloc(n ? n : 1, size_bytes ? size_bytes : 1));
}

void *kvip_realloc(void *p, size_t size_bytes)
{
	if (!p)
		return kvip_malloc(size_bytes);
	return planned_failure() ? NULL : realloc(p, size_bytes ? size_bytes : 1);
}

char *kvip_strdup(const char *s)
{
	return s ? kvip_strndup(s, strlen(s)) : NULL;
}

char *kvip_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = kvip_malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void kvip_free(void *p)
{
	if (!p)
		return;
	atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
	free(p);
}

int64_t kvip_mem_live(void)
{
	return atomic_load(&live_blocks);
}

void kvip_mem_fail_at(int64_t nth)
{
	atomic_store(&failed, 0);
	atomic_store(&fail_in, nth);
}

int kvip_mem_failed(void)
{
	return atomic_load(&failed);
}
