/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the engine: counted, and made to fail on demand.
 *
 * The engine lives inside a routing daemon and never aborts it: every allocation is checked by its
 * caller. Tests fail each allocation once (kvip_mem_fail_at) and compare the live count before and
 * after. All functions may be called from any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KVIP_USE_RESULT        __attribute__((warn_unused_result))
#define KVIP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/** kvip_malloc - as malloc(3); NULL on failure. Free with kvip_free(). */
void *kvip_malloc(size_t size_bytes) KVIP_USE_RESULT;
/** kvip_calloc - as calloc(3). */
void *kvip_calloc(size_t n, size_t size_bytes) KVIP_USE_RESULT;
/** kvip_realloc - as realloc(3): on failure the old block is untouched and still the caller's. */
void *kvip_realloc(void *p, size_t size_bytes) KVIP_USE_RESULT;
/** kvip_strdup - a copy of @s, or NULL. @s may be NULL (the result then is, too). */
char *kvip_strdup(const char *s) KVIP_USE_RESULT;
/** kvip_strndup - a terminated copy of at most @n bytes of @s. */
char *kvip_strndup(const char *s, size_t n) KVIP_USE_RESULT;
/** kvip_free - as free(3); takes NULL. */
void kvip_free(void *p);

/** kvip_mem_live - blocks allocated and not yet freed. */
int64_t kvip_mem_live(void);

/**
 * kvip_mem_fail_at - let the @nth allocation from now on fail, once (tests only)
 * @nth: 1 is the next one; 0 switches it off
 */
void kvip_mem_fail_at(int64_t nth);
/** kvip_mem_failed - has the failure that was asked for happened? */
int kvip_mem_failed(void);
