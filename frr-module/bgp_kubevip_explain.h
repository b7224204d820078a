/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bgpd makes of a VIP, for `show kubevip vip X explain`. T0. */
#pragma once

void bgp_kubevip_explain_init(void);
