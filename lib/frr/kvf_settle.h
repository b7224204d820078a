/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a configuration that is being edited is put in force (rules R4).
 */
#pragma once

#include "frr/kvf_compat.h"

#include <stdbool.h>

/**
 * kvf_settle_init - @settled is called when what was changed is to be put in force
 * @loop: NULL: never
 * @loading: is a configuration load under way? NULL: kvf_settle_load() says so.
 */
void kvf_settle_init(struct kvf_event_loop *loop, bool (*loading)(void), void (*settled)(void));
void kvf_settle_stop(void);
/** kvf_settle_changed - a line of ours was applied. */
void kvf_settle_changed(void);
/** kvf_settle_load - a configuration load begins or ends. */
void kvf_settle_load(bool begins);
/** kvf_settle_busy - what there is may be half of a configuration. */
bool kvf_settle_busy(void);
/** kvf_settle_pending - @settled will be called. */
bool kvf_settle_pending(void);
