/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's file: found, checked, opened, started, or a reason why not.
 */
#pragma once

#include <stddef.h>

struct bgp_kubevip_failure {
	const char *reason; /* stable word: "engine-missing" */
	char text[640];     /* what happened */
	char todo[320];     /* what to do about it */
};

/** bgp_kubevip_engine_path - where the engine for a version of FRR is: beside this shim.
 *  Returns 0, or negative when the name does not fit. */
int bgp_kubevip_engine_path(const char *frr_version, char *path, size_t size)
	__attribute__((warn_unused_result));

/**
 * bgp_kubevip_load - open an engine and start it.
 * @loop: bgpd's main loop
 *
 * Returns 0, or negative and the reason. What was opened is never closed again.
 */
int bgp_kubevip_load(const char *path, const char *frr_version, void *loop,
		     struct bgp_kubevip_failure *why) __attribute__((warn_unused_result));
