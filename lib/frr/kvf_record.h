/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file in a shell. One per process, everything is T0. */
#pragma once

#include "frr/kvf_compat.h"
#include "vip/kvip_engine.h"
#include "vip/kvip_recon.h"

/** kvf_record_open - read @path, let @recon adopt what it names, and record there from now on. */
void kvf_record_open(const char *path, struct kvip_recon *recon, struct kvip_nhsets *nhsets);
/** kvf_record_restore - give the engine what was adopted and is not decided yet. */
void kvf_record_restore(struct kvip_recon *recon, struct kvip_engine *engine);
/** kvf_record_keep - once a second: note when each cluster was last known to be live. */
void kvf_record_keep(struct kvip_engine *engine, const struct kvip_conf *conf);
/** kvf_record_note - what is wrong with the file, for people; NULL: nothing. */
const char *kvf_record_note(void);
void kvf_record_close(void);
