/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This router's addresses, as zebra tells them to our session. Everything is T0; one per process. */
#pragma once

#include "frr/kvf_compat_zapi.h"
#include "vip/kvip_facts.h"

/** kvf_addr_begin - a session begins and tells everything again. Until kvf_addr_told() what was
 * known stays. */
void kvf_addr_begin(void);
/** kvf_addr_told - all addresses have been told: what was not among them is gone. */
void kvf_addr_told(void);
/**
 * kvf_addr_message - ZEBRA_INTERFACE_ADDRESS_ADD, _DELETE or ZEBRA_INTERFACE_DELETE
 * Return: 0; -EBADMSG; -ENOMEM.
 */
int kvf_addr_message(uint16_t command, vrf_id_t vrf_id, struct stream *s);
/** kvf_addr_facts - put addresses and connected networks into @f. Return: 0, -ENOMEM. */
int kvf_addr_facts(struct kvip_facts *f);
void kvf_addr_done(void);
