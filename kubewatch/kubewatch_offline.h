/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kubewatch does without being a daemon: checks of a configuration, dry runs, questions to the
 * one that runs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** kubewatch_check_config - read @file; errors go to stderr as FILE:LINE: text. Return: the exit
 * status, 0 or 1. */
int kubewatch_check_config(const char *file);

struct kubewatch_dry_run {
	bool wanted;
	bool json;
	const char *input; /* NULL: stdin */
};

/** kubewatch_dry_run - what would be routed under @config for the objects of the input. Return: the
 * exit status. */
int kubewatch_dry_run(const struct kubewatch_dry_run *run, const char *config);

/** kubewatch_command - let the running kubewatch carry out @commands, in enable mode, until one
 * fails; answers go to stdout. Return: the exit status. */
int kubewatch_command(const char *const *commands, size_t n);
