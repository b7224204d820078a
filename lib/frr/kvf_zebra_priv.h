/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The zebra sink's inside, shared by its two files: what we send, and what zebra says. */
#pragma once

#include "frr/kvf_zebra.h"

struct stream;

struct kvf_zebra {
	struct kvip_recon *recon;
	struct kvf_zebra_host host;
	bool up;
	bool told; /* everything that it knew when the session began */
	bool full; /* stop until zebra has read */
};

extern struct kvf_zebra kvf_zebra;

/* Asked for last when a session begins. No VIP can have it as its next hop. */
extern const struct kvip_addr kvf_zebra_last_question;
/** kvf_zebra_message - see struct kvf_zapi_user. */
int kvf_zebra_message(uint16_t command, uint32_t vrf_id, struct stream *body);
