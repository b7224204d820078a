/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a list+watch machine tells the cache, and in which order (after BIRD's refresh cycle).
 *
 *   refresh_begin  put* del*  refresh_end     a complete list: what was not put may be swept
 *   refresh_begin  put* del*  refresh_abort   the list broke off: nothing is swept
 *   put* del*                                 the watch
 *   absent                                    the kind does not exist on this server (no CRD)
 *
 * All calls come from the thread that runs the client (T1).
 */
#pragma once

#include "kube/kvip_obj.h"

struct kvip_feed {
	void (*refresh_begin)(void *ctx, enum kvip_kind kind);
	/** put - ADDED, MODIFIED or an item of a list. Takes @obj, whatever it returns. 0 or
	 * -ENOMEM/-E2BIG: the machine then relists later, because the cache no longer is the
	 * server's state. */
	int (*put)(void *ctx, struct kvip_obj *obj);
	/** del - DELETED. @uid may be "" (then it is not compared). Unknown is no error. */
	void (*del)(void *ctx, enum kvip_kind kind, const char *ns, const char *name,
		    const char *uid);
	void (*refresh_end)(void *ctx, enum kvip_kind kind);
	void (*refresh_abort)(void *ctx, enum kvip_kind kind);
	void (*absent)(void *ctx, enum kvip_kind kind);
	/** identity - the cluster's identity was read: "kube-system/UID" of that namespace where it
	 * may be read, else "kubernetes/UID" of Service default/kubernetes; called again when it is
	 * read again. */
	void (*identity)(void *ctx, const char *uid);
};

/**
 * kvip_identity_differs - do @a and @b belong to two clusters?
 * Only identities from the same source can be compared: when a change of RBAC makes another one
 * readable, that is no other cluster. "" is unknown and differs from nothing.
 */
bool kvip_identity_differs(const char *a, const char *b);
