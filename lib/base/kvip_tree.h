/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Red-black trees: OpenBSD's <sys/tree.h> as libbsd ships it, whose RB_GENERATE_STATIC needs
 * `__unused`.
 *
 * For .c files and *_priv.h only: FRR has macros of the same names, so no header that a shell
 * includes may include this one.
 */
#pragma once

#ifndef __unused
#define __unused __attribute__((unused))
#endif
#include <bsd/sys/tree.h>
