/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file in a shell. One per process, everything is T0. */
#pragma once

#include "frr/kvf_compat.h"
#include "vip/kvip_engine.h"
#include "vip/kvip_recon.h"

/** kvf_record_open - begin to read @path: @recon adopts what it names, and records there as soon as
 * all of it has been read. @matches: for what it says of route-maps; NULL: of no use here. */
void kvf_record_open(const char *path, struct kvip_recon *recon, struct kvip_nhsets *nhsets,
		     struct kvip_matches *matches);
/** kvf_record_open_some - a slice of the reading. Return: false at the end, good or bad. */
bool kvf_record_open_some(struct kvip_recon *recon);
/** kvf_record_restore - begin, or begin again, to give the engine what was adopted and is not
 * decided yet. */
void kvf_record_restore(void);
/** kvf_record_restore_some - a slice of that. Return: false at the end. */
bool kvf_record_restore_some(struct kvip_recon *recon, struct kvip_engine *engine);
/** kvf_record_keep - once a second: note when each cluster was last known to be live. */
void kvf_record_keep(struct kvip_engine *engine, const struct kvip_conf *conf);
/** kvf_record_note - what is wrong with the file, for people; NULL: nothing. */
const char *kvf_record_note(void);
void kvf_record_close(void);
