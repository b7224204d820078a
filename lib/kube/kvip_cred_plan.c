// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: where each part of the credentials comes from.
 *
 * Job: turn the configuration into a plan: servers, names, and for each of CA, certificate, key and
 * token a path or its contents. What the router's configuration gives by hand beats the kubeconfig;
 * a token-file or a client certificate given by hand replaces the kubeconfig's user as a whole, so
 * that two identities are never mixed.
 *
 * A proxy is used only when it was configured (here or as the kubeconfig's proxy-url). client-go
 * also takes HTTPS_PROXY from the environment; a routing daemon has the environment of its service
 * manager, and a proxy from there would be a surprise.
 *
 * Thread: T1. Sources: Kubernetes documentation v1.36, "Accessing the API from a Pod";
 * client-go v0.36 rest/config.go InClusterConfig, clientcmd/client_config.go.
 */
#include "kvip_cred_priv.h"

#include "kvip_kubeconfig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

static bool copy(char **out, const char *text)
{
	*out = kvip_strdup(text && text[0] ? text : NULL);
	return *out || !text || !text[0];
}

int kvip_cred_conf_copy(const struct kvip_client_conf *conf, const char *service_account_dir,
			struct kvip_cred_conf *out)
{
	struct kvip_cred_conf c = { .in_cluster = conf->in_cluster };
	bool ok;

	if (!service_account_dir)
		service_account_dir = SERVICE_ACCOUNT_DIR;
	ok = copy(&c.kubeconfig, conf->kubeconfig) && copy(&c.context, conf->context) &&
	     copy(&c.service_account_dir, service_account_dir) &&
	     copy(&c.tls_server_name, conf->tls_server_name) &&
	     copy(&c.proxy_url, conf->proxy_url) && copy(&c.path[KVIP_CRED_CA], conf->ca_file) &&
	     copy(&c.path[KVIP_CRED_CERT], conf->cert_file) &&
	     copy(&c.path[KVIP_CRED_KEY], conf->key_file) &&
	     copy(&c.path[KVIP_CRED_TOKEN], conf->token_file);
	for (size_t i = 0; ok && i < conf->n_servers && i < KVIP_MAX_SERVERS; i++)
		ok = copy(&c.servers[c.n_servers++], conf->servers[i]);
	if (!ok) {
		kvip_cred_conf_done(&c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void kvip_cred_conf_done(struct kvip_cred_conf *c)
{
	kvip_free(c->kubeconfig);
	kvip_free(c->context);
	kvip_free(c->service_account_dir);
	kvip_free(c->tls_server_name);
	kvip_free(c->proxy_url);
	for (size_t i = 0; i < KVIP_CRED_PARTS; i++)
		kvip_free(c->path[i]);
	for (size_t i = 0; i < c->n_servers; i++)
		kvip_free(c->servers[i]);
	*c = (struct kvip_cred_conf){ 0 };
}

static int no_memory(struct kvip_err *err)
{
	return kvip_err_set(err, -ENOMEM, "credentials: not enough memory");
}

static int set_path(struct kvip_cred_item *item, const char *path, struct kvip_err *err)
{
	kvip_free(item->path);
	item->path = kvip_strdup(path);
	return path && !item->path ? no_memory(err) : 0;
}

/* Move what the kubeconfig holds for one part: its path, else its contents. */
static void take(struct kvip_cred_item *item, char **path, struct kvip_blob *data)
{
	item->path = *path;
	*path = NULL;
	if (!data || item->path)
		return;
	item->data = *data;
	*data = (struct kvip_blob){ 0 };
}

static int take_user(const struct kvip_cred_conf *conf, struct kvip_kubeconfig *k,
		     struct kvip_credentials *out, struct kvip_err *err)
{
	struct kvip_blob token = { k->token, k->token ? strlen(k->token) : 0 };

	if (conf->path[KVIP_CRED_TOKEN] || conf->path[KVIP_CRED_CERT])
		return 0;
	if (k->user_error.text[0])
		return kvip_err_set(err, -EINVAL, "%s", k->user_error.text);
	take(&out->item[KVIP_CRED_CERT], &k->cert_file, &k->cert);
	take(&out->item[KVIP_CRED_KEY], &k->key_file, &k->key);
	take(&out->item[KVIP_CRED_TOKEN], &k->token_file, &token);
	k->token = token.data;
	return 0;
}

static int take_name(const char *text, const char *what, char *out, struct kvip_err *err)
{
	if (!text)
		return 0;
	if (strlen(text) >= KVIP_URL_BYTES)
		return kvip_err_set(err, -EINVAL, "%s is longer than %d bytes: correct it", what,
				    KVIP_URL_BYTES - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

static int add_server(struct kvip_credentials *out, const char *url, const char *where,
		      struct kvip_err *err)
{
	int rc = kvip_server_parse(url, where, &out->servers[out->n_servers], err);

	if (rc == 0)
		out->n_servers++;
	return rc;
}

static int plan_kubeconfig(const struct kvip_cred_conf *conf, struct kvip_credentials *out,
			   struct kvip_file_id *id, struct kvip_err *warning, struct kvip_err *err)
{
	struct kvip_kubeconfig *k = NULL;
	struct kvip_blob text = { 0 };
	int rc;

	rc = kvip_file_read(conf->kubeconfig, "kubeconfig", KVIP_MAX_FILE_BYTES, &text, id, err);
	if (rc)
		return rc;
	rc = kvip_kubeconfig_parse(text.data, text.len, conf->kubeconfig, conf->context, &k, err);
	kvip_blob_done(&text);
	if (rc)
		return rc;
	take(&out->item[KVIP_CRED_CA], &k->ca_file, &k->ca);
	rc = take_user(conf, k, out, err);
	if (rc == 0)
		rc = take_name(k->tls_server_name, "tls-server-name", out->tls_server_name, err);
	if (rc == 0)
		rc = take_name(k->proxy_url, "proxy-url", out->proxy_url, err);
	if (rc == 0 && conf->n_servers == 0)
		rc = add_server(out, k->server, conf->kubeconfig, err);
	if (rc == 0 && k->holds_secret)
		kvip_cred_check_mode(conf->kubeconfig, id, warning);
	kvip_kubeconfig_free(k);
	return rc;
}

static int in_cluster_path(const struct kvip_cred_conf *conf, enum kvip_cred_part part,
			   const char *name, struct kvip_credentials *out, struct kvip_err *err)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", conf->service_account_dir, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return kvip_err_set(err, -EINVAL, "the path of %s is too long", name);
	return set_path(&out->item[part], path, err);
}

static int plan_in_cluster(const struct kvip_cred_conf *conf, struct kvip_credentials *out,
			   struct kvip_err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	char url[KVIP_URL_BYTES];
	bool ip6 = host && strchr(host, ':');
	int n, rc = 0;

	if (conf->n_servers == 0) {
		if (!host || !port)
			return kvip_err_set(err, -ENOENT,
					    "in-cluster: KUBERNETES_SERVICE_HOST and _PORT are not "
					    "set: this is no Pod, give a kubeconfig");
		n = snprintf(url, sizeof(url), "https://%s%s%s:%s", ip6 ? "[" : "", host,
			     ip6 ? "]" : "", port);
		if (n < 0 || (size_t)n >= sizeof(url))
			return kvip_err_set(err, -EINVAL, "KUBERNETES_SERVICE_HOST is too long");
		rc = add_server(out, url, "in-cluster", err);
	}
	if (rc == 0)
		rc = in_cluster_path(conf, KVIP_CRED_CA, "ca.crt", out, err);
	if (rc == 0 && !conf->path[KVIP_CRED_TOKEN] && !conf->path[KVIP_CRED_CERT])
		rc = in_cluster_path(conf, KVIP_CRED_TOKEN, "token", out, err);
	return rc;
}

/* What was given by hand, over whatever was planned before. */
static int plan_by_hand(const struct kvip_cred_conf *conf, struct kvip_credentials *out,
			struct kvip_err *err)
{
	int rc = take_name(conf->tls_server_name, "tls-server-name", out->tls_server_name, err);

	for (size_t i = 0; rc == 0 && i < conf->n_servers; i++)
		rc = add_server(out, conf->servers[i], "server", err);
	for (size_t i = 0; rc == 0 && i < KVIP_CRED_PARTS; i++) {
		if (!conf->path[i])
			continue;
		kvip_blob_done(&out->item[i].data);
		rc = set_path(&out->item[i], conf->path[i], err);
	}
	return rc;
}

int kvip_cred_plan(const struct kvip_cred_conf *conf, struct kvip_credentials *out,
		   struct kvip_file_id *id, struct kvip_err *warning, struct kvip_err *err)
{
	const char *proxy = conf->proxy_url;
	bool loopback = false;
	int rc = 0;

	if (conf->kubeconfig)
		rc = plan_kubeconfig(conf, out, id, warning, err);
	else if (conf->in_cluster)
		rc = plan_in_cluster(conf, out, err);
	if (rc == 0)
		rc = plan_by_hand(conf, out, err);
	if (rc == 0 && !proxy && out->proxy_url[0])
		proxy = out->proxy_url;
	if (rc == 0 && proxy)
		rc = kvip_proxy_parse(proxy, out->proxy_url, &loopback, err);
	return rc ? rc : kvip_cred_check_whole(out, loopback, err);
}

void kvip_credentials_done(struct kvip_credentials *c)
{
	for (size_t i = 0; i < KVIP_CRED_PARTS; i++) {
		kvip_free(c->item[i].path);
		kvip_blob_done(&c->item[i].data);
	}
	explicit_bzero(c, sizeof(*c));
}
