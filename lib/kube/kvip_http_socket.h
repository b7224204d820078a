/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sockets of libcurl's connections: it tells nobody which connection a transfer uses, but for
 * its local port (CURLINFO_CONN_ID is 8.2's). Everything on T1.
 */
#pragma once

/* A few for each cluster; the oldest are forgotten first, and are left to the deadlines. */
#define KVIP_MAX_SOCKETS 256u

struct kvip_sockets {
	int fd[KVIP_MAX_SOCKETS];
	unsigned int n, next;
};

/** kvip_sockets_open - as socket(2), with the options that find a dead peer. -1: see errno. */
int kvip_sockets_open(struct kvip_sockets *s, int family, int type, int protocol);
/** kvip_sockets_shut - end the connections between these two ports; their owner closes them. */
void kvip_sockets_shut(const struct kvip_sockets *s, long local, long remote);
