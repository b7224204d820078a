/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of kvip_cred*.c: the plan (from configuration to paths) and the checks of each part. */
#pragma once

#include "kube/kvip_cred.h"

struct kvip_cred_conf {
	char *kubeconfig, *context, *service_account_dir;
	char *tls_server_name, *proxy_url;
	char *path[KVIP_CRED_PARTS];
	char *servers[KVIP_MAX_SERVERS];
	size_t n_servers;
	bool in_cluster;
};

int kvip_cred_conf_copy(const struct kvip_client_conf *conf, const char *service_account_dir,
			struct kvip_cred_conf *out) KVIP_USE_RESULT;
void kvip_cred_conf_done(struct kvip_cred_conf *conf);

/**
 * kvip_cred_plan - servers, names, and for each part its path or its contents
 * @id: state of the kubeconfig that was read
 * @warning: set when its permissions are too wide
 * Nothing but the kubeconfig is read. Return: 0 or an error; @out is to be freed in any case.
 */
int kvip_cred_plan(const struct kvip_cred_conf *conf, struct kvip_credentials *out,
		   struct kvip_file_id *id, struct kvip_err *warning,
		   struct kvip_err *err) KVIP_USE_RESULT;
void kvip_credentials_done(struct kvip_credentials *c);

/** kvip_cred_check_part - does it look like what it must be? Trims a token. 0 or -EINVAL. */
int kvip_cred_check_part(enum kvip_cred_part part, const char *where, struct kvip_blob *data,
			 struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_cred_check_whole - is there enough to connect, and nothing that contradicts? */
int kvip_cred_check_whole(const struct kvip_credentials *c, bool loopback_proxy,
			  struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_cred_part_name - "ca-file", "client-certificate", "client key", "token-file". */
const char *kvip_cred_part_name(enum kvip_cred_part part);
/** kvip_cred_check_mode - a warning if @id, a secret, can be read by everybody. */
void kvip_cred_check_mode(const char *path, const struct kvip_file_id *id,
			  struct kvip_err *warning);
