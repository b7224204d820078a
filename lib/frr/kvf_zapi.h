/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One ZAPI session beside whatever else the process has with zebra: it is opened again whenever it
 * ends, and what zebra says goes to us alone. Everything is T0; one per process.
 */
#pragma once

#include "frr/kvf_compat_zapi.h"

#include <privs.h>

struct kvf_zapi_user {
	/** opened - hello is said and interfaces are asked for: ask for the rest. */
	void (*opened)(void);
	/** closed - the session that was opened has ended. */
	void (*closed)(void);
	/**
	 * message - one message, whole
	 * @body: what follows the header, up to the message's end
	 * Return: 0 (also for what is of no interest); negative errno: the session cannot go on.
	 */
	int (*message)(uint16_t command, vrf_id_t vrf_id, struct stream *body);
	/** writable - zebra has taken everything that was buffered. */
	void (*writable)(void);
	/** around each run of ours on the main loop; @what: static text */
	void (*enter)(void);
	void (*leave)(const char *what);
};

/** kvf_zapi_init - say hello as static, @instance; nothing is opened yet. @user: borrowed. */
void kvf_zapi_init(struct kvf_event_loop *loop, struct zebra_privs_t *privs, uint16_t instance,
		   const struct kvf_zapi_user *user);
/** kvf_zapi_start - open the session, and again whenever it ended. */
void kvf_zapi_start(void);
void kvf_zapi_stop(void);

/** kvf_zapi_client - for libfrr's functions that send; what they return goes to kvf_zapi_sent(). */
struct zclient *kvf_zapi_client(void);
/**
 * kvf_zapi_sent - after every function of libfrr that sends
 * Return: 0: on its way; 1: taken, but zebra is slow: wait for user->writable; -EAGAIN: not taken.
 */
int kvf_zapi_sent(enum zclient_send_status status);
