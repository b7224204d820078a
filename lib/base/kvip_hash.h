/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FNV-1a, 64 bits: for digests and for noticing a change, not against anybody who means harm.
 *
 * Source: draft-eastlake-fnv (offset basis and prime).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KVIP_HASH_BEGIN UINT64_C(0xcbf29ce484222325)

/** kvip_hash - go on from @h (at first KVIP_HASH_BEGIN) with @n bytes of @data. */
static inline uint64_t kvip_hash(uint64_t h, const void *data, size_t n)
{
	const uint8_t *b = data;

	while (n--)
		h = (h ^ *b++) * UINT64_C(0x100000001b3);
	return h;
}
