/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Credentials of one cluster: from what the operator configured to what a connection needs, read
 * again whenever the files change.
 *
 * Fail closed, then fail static: nothing is usable before everything was read and looks right;
 * after that, a file that becomes unreadable or empty leaves the last good contents in use, with a
 * warning.
 */
#pragma once

#include "base/kvip_limits.h"
#include "base/kvip_time.h"
#include "kube/kvip_client.h"
#include "kube/kvip_file.h"
#include "kube/kvip_url.h"

/* Files are looked at this often (stat(2)); a token file is read anew at least each TOKEN_MS, as
 * client-go does (v0.36, transport/token_source.go: one minute). */
#define KVIP_CRED_CHECK_MS 10000
#define KVIP_CRED_RETRY_MS 2000 /* while nothing usable was read */
#define KVIP_CRED_TOKEN_MS 60000

enum kvip_cred_part {
	KVIP_CRED_CA,
	KVIP_CRED_CERT,
	KVIP_CRED_KEY,
	KVIP_CRED_TOKEN,
	KVIP_CRED_PARTS,
};

struct kvip_cred_item {
	char *path;            /* NULL: given in the kubeconfig itself, or absent */
	struct kvip_blob data; /* PEM, or the token without white space; .data NULL: absent */
	struct kvip_file_id id;
};

struct kvip_credentials {
	struct kvip_server servers[KVIP_MAX_SERVERS];
	size_t n_servers;
	char tls_server_name[KVIP_URL_BYTES]; /* "": the server's host */
	char proxy_url[KVIP_URL_BYTES];       /* "": none, whatever the environment says */
	struct kvip_cred_item item[KVIP_CRED_PARTS];
	kvip_wall token_expires_s; /* exp of the JWT; 0: unknown */
};

struct kvip_cred;

/**
 * kvip_cred_new - remember where credentials are; reads nothing yet
 * @service_account_dir: for in_cluster; NULL: the usual place (tests give another)
 * Return: 0, -ENOMEM. All functions: T1.
 */
int kvip_cred_new(const struct kvip_client_conf *conf, const char *service_account_dir,
		  struct kvip_cred **out) KVIP_USE_RESULT;
void kvip_cred_free(struct kvip_cred *c);

/**
 * kvip_cred_refresh - read what changed
 * @force: read everything now (after a 401), whatever stat(2) says
 * Return: are the credentials other than before (or usable for the first time)?
 */
bool kvip_cred_refresh(struct kvip_cred *c, kvip_msec now, bool force);
/** kvip_cred_due - when kvip_cred_refresh() has something to look at again. */
kvip_msec kvip_cred_due(const struct kvip_cred *c);

/** kvip_cred_get - the credentials, valid until the next refresh; NULL while there are none. */
const struct kvip_credentials *kvip_cred_get(const struct kvip_cred *c);
/** kvip_cred_error - why kvip_cred_get() is NULL and what to do; "" when it is not. */
const char *kvip_cred_error(const struct kvip_cred *c);
/** kvip_cred_warning - it works, but mend this (rotation failed, permissions); or "". */
const char *kvip_cred_warning(const struct kvip_cred *c);

/** kvip_cred_token_expiry - claim exp of a JWT, not verified; 0 when there is none. */
kvip_wall kvip_cred_token_expiry(const char *token);
