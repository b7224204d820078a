/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kubeconfig file, cut down to one context: where to connect, whom to trust, as whom.
 *
 * What a router cannot use safely (insecure-skip-tls-verify, programs that print tokens, passwords,
 * impersonation) is refused with the way out, never ignored.
 */
#pragma once

#include "base/kvip_err.h"
#include "kube/kvip_file.h"

#include <stdbool.h>
#include <stddef.h>

/* Strings are NULL when absent. Paths are absolute or relative to the working directory, ready to
 * open: relative ones were joined with the directory of the kubeconfig. */
struct kvip_kubeconfig {
	char *context; /* the one that was chosen */
	char *server;
	char *tls_server_name;
	char *proxy_url;
	char *ca_file;       /* certificate-authority, unless -data is given */
	struct kvip_blob ca; /* certificate-authority-data, decoded: PEM */
	char *token_file;    /* beats token */
	char *token;
	char *cert_file, *key_file;
	struct kvip_blob cert, key;
	bool holds_secret; /* a token or a key is in the file itself: its permissions matter */
	/* The user cannot be used: why, and what to do. "" when it can. Not fatal here, because
	 * credentials that the router's configuration gives by hand replace the user's. */
	struct kvip_err user_error;
};

/**
 * kvip_kubeconfig_parse - text of a kubeconfig (YAML or JSON) to one context
 * @path: of the file: for errors and for relative paths
 * @context: which one, or NULL for current-context
 * Errors name the file, the line and what to do.
 * Return: 0; -EINVAL, -E2BIG, -ENOENT (no such context, cluster or user), -ENOMEM. Any thread.
 */
int kvip_kubeconfig_parse(const char *text, size_t len, const char *path, const char *context,
			  struct kvip_kubeconfig **out, struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_kubeconfig_free - takes NULL; secrets are wiped. */
void kvip_kubeconfig_free(struct kvip_kubeconfig *k);
