/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FRR's northbound layer, where its versions differ.
 *
 *   yang_module_load   8.4: (name)                                10.x: (name, features)
 *   nb_callbacks.rpc   8.4: input and output are lists of yang_data   10.x: data trees
 *
 * So far there is code for 8.4 alone.
 */
#pragma once

#include "northbound.h"
#include "yang.h"

static inline struct yang_module *kvf_yang_module_load(const char *name)
{
	return yang_module_load(name);
}
