/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kubewatch --flush`: withdraw every route of ours, and leave. T0. */
#pragma once

#include "vip/kvip_recon.h"

/** kvf_flush_step - once a second. Return: -1: not done; else the exit status, and why on standard
 *  error. */
int kvf_flush_step(struct kvip_recon *recon);
