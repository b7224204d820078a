// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: credentials that follow their files.
 *
 *   kvip_cred_plan    configuration, kubeconfig  ->  servers, and a path or contents for each part
 *   load              paths                      ->  contents, checked
 *   install           if all went well, in one step; else the old ones stay (or nothing is usable)
 *
 * A part that cannot be read now but was read before from the same path keeps its old contents and
 * gives a warning. When the path itself is new, the old credentials stay as a whole: parts of two
 * configurations are never mixed. Certificate and key change together.
 *
 * Thread: T1; only kvip_cred_refresh() changes anything.
 * Sources: client-go v0.36 transport/token_source.go, cert_rotation.go; facts of rotation in
 * Kubernetes documentation v1.36, "Projected volumes".
 */
#include "kvip_cred_priv.h"

#include <errno.h>
#include <string.h>

struct kvip_cred {
	struct kvip_cred_conf conf;
	struct kvip_file_id kubeconfig_id;
	struct kvip_credentials now;
	bool usable;
	kvip_msec due_ms, token_due_ms;
	struct kvip_err error, warning;
};

int kvip_cred_new(const struct kvip_client_conf *conf, const char *service_account_dir,
		  struct kvip_cred **out)
{
	struct kvip_cred *c = kvip_calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	rc = kvip_cred_conf_copy(conf, service_account_dir, &c->conf);
	if (rc) {
		kvip_free(c);
		return rc;
	}
	kvip_err_set(&c->error, 0, "credentials are not read yet");
	*out = c;
	return 0;
}

void kvip_cred_free(struct kvip_cred *c)
{
	if (!c)
		return;
	kvip_credentials_done(&c->now);
	kvip_cred_conf_done(&c->conf);
	kvip_free(c);
}

static bool changed_on_disk(const struct kvip_cred *c)
{
	struct kvip_file_id id;

	if (c->conf.kubeconfig) {
		id = kvip_file_identify(c->conf.kubeconfig);
		if (!kvip_file_same(&id, &c->kubeconfig_id))
			return true;
	}
	for (size_t i = 0; i < KVIP_CRED_PARTS; i++) {
		if (!c->now.item[i].path)
			continue;
		id = kvip_file_identify(c->now.item[i].path);
		if (!kvip_file_same(&id, &c->now.item[i].id))
			return true;
	}
	return false;
}

static int load_item(const struct kvip_cred *c, enum kvip_cred_part part,
		     struct kvip_cred_item *item, struct kvip_err *warning, struct kvip_err *err)
{
	size_t max_bytes = part == KVIP_CRED_TOKEN ? KVIP_MAX_TOKEN_BYTES : KVIP_MAX_FILE_BYTES;
	bool secret = part == KVIP_CRED_TOKEN || part == KVIP_CRED_KEY;
	const char *where = item->path ? item->path : "in the kubeconfig";
	int rc;

	if (item->path) {
		rc = kvip_file_read(item->path, kvip_cred_part_name(part), max_bytes, &item->data,
				    &item->id, err);
		if (rc)
			return rc;
		/* The kubelet writes a ServiceAccount's token 0644: that is its doing. */
		if (secret && !c->conf.in_cluster)
			kvip_cred_check_mode(item->path, &item->id, warning);
	}
	if (!item->data.data)
		return 0;
	if (part == KVIP_CRED_TOKEN && item->data.len > KVIP_MAX_TOKEN_BYTES)
		return kvip_err_set(err, -EFBIG, "token %s: larger than %u bytes", where,
				    KVIP_MAX_TOKEN_BYTES);
	return kvip_cred_check_part(part, where, &item->data, err);
}

static int copy_data(struct kvip_blob *to, const struct kvip_blob *from)
{
	struct kvip_blob b = { .data = kvip_malloc(from->len + 1), .len = from->len };

	if (!b.data)
		return -ENOMEM;
	memcpy(b.data, from->data, from->len + 1);
	kvip_blob_done(to);
	*to = b;
	return 0;
}

/* Keep what was read before from the same path. @code: of the failure that makes it necessary. */
static int keep_old(const struct kvip_cred *c, enum kvip_cred_part part,
		    struct kvip_cred_item *item, int code)
{
	const struct kvip_cred_item *old = &c->now.item[part];
	int rc;

	if (!c->usable || !old->data.data || !old->path || !item->path ||
	    strcmp(old->path, item->path) != 0)
		return code;
	rc = copy_data(&item->data, &old->data);
	if (rc == 0)
		item->id = old->id;
	return rc;
}

static int load_or_keep(const struct kvip_cred *c, struct kvip_credentials *fresh,
			enum kvip_cred_part part, bool *kept, struct kvip_err *warning,
			struct kvip_err *err)
{
	struct kvip_err why = { "" };
	int rc = load_item(c, part, &fresh->item[part], warning, &why);

	if (rc == 0)
		return 0;
	rc = keep_old(c, part, &fresh->item[part], rc);
	if (rc)
		return kvip_err_set(err, rc, "%s", why.text);
	*kept = true;
	kvip_err_set(warning, 0, "the former %s stays in use: %.230s", kvip_cred_part_name(part),
		     why.text);
	return 0;
}

/* A certificate and a key of two generations do not fit: if one was kept, keep the other. */
static int keep_pair(const struct kvip_cred *c, struct kvip_credentials *fresh,
		     struct kvip_err *err)
{
	int rc = keep_old(c, KVIP_CRED_CERT, &fresh->item[KVIP_CRED_CERT], -EINVAL);

	if (rc == 0)
		rc = keep_old(c, KVIP_CRED_KEY, &fresh->item[KVIP_CRED_KEY], -EINVAL);
	if (rc)
		return kvip_err_set(err, rc, "client certificate and key changed only in part");
	return 0;
}

static int load(const struct kvip_cred *c, struct kvip_credentials *fresh,
		struct kvip_file_id *kubeconfig_id, struct kvip_err *warning, struct kvip_err *err)
{
	int rc = kvip_cred_plan(&c->conf, fresh, kubeconfig_id, warning, err);
	bool kept[KVIP_CRED_PARTS] = { false };

	for (size_t i = 0; rc == 0 && i < KVIP_CRED_PARTS; i++)
		rc = load_or_keep(c, fresh, (enum kvip_cred_part)i, &kept[i], warning, err);
	if (rc == 0 && (kept[KVIP_CRED_CERT] || kept[KVIP_CRED_KEY]))
		rc = keep_pair(c, fresh, err);
	if (rc == 0 && fresh->item[KVIP_CRED_TOKEN].data.data)
		fresh->token_expires_s = kvip_cred_token_expiry(
			fresh->item[KVIP_CRED_TOKEN].data.data);
	return rc;
}

static bool same_servers(const struct kvip_credentials *a, const struct kvip_credentials *b)
{
	if (a->n_servers != b->n_servers)
		return false;
	for (size_t i = 0; i < a->n_servers; i++)
		if (strcmp(a->servers[i].url, b->servers[i].url) != 0)
			return false;
	return true;
}

static bool same(const struct kvip_credentials *a, const struct kvip_credentials *b)
{
	for (size_t i = 0; i < KVIP_CRED_PARTS; i++)
		if (!kvip_blob_equal(&a->item[i].data, &b->item[i].data))
			return false;
	return same_servers(a, b) && strcmp(a->tls_server_name, b->tls_server_name) == 0 &&
	       strcmp(a->proxy_url, b->proxy_url) == 0;
}

static bool install(struct kvip_cred *c, struct kvip_credentials *fresh,
		    const struct kvip_file_id *kubeconfig_id)
{
	bool changed = !c->usable || !same(&c->now, fresh);

	kvip_credentials_done(&c->now);
	c->now = *fresh;
	c->kubeconfig_id = *kubeconfig_id;
	c->usable = true;
	c->error.text[0] = '\0';
	return changed;
}

static void reject(struct kvip_cred *c, struct kvip_credentials *fresh, const struct kvip_err *err)
{
	kvip_credentials_done(fresh);
	if (c->usable)
		kvip_err_set(&c->warning, 0, "the former credentials stay in use: %.270s",
			     err->text);
	else
		c->error = *err;
}

bool kvip_cred_refresh(struct kvip_cred *c, kvip_msec now, bool force)
{
	struct kvip_err err = { "" }, warning = { "" };
	struct kvip_file_id kubeconfig_id = { 0 };
	struct kvip_credentials fresh = { 0 };
	bool changed = false;

	if (!force && now < c->due_ms)
		return false;
	if (!force && c->usable && now < c->token_due_ms && !changed_on_disk(c)) {
		c->due_ms = now + KVIP_CRED_CHECK_MS;
		return false;
	}
	if (load(c, &fresh, &kubeconfig_id, &warning, &err) == 0) {
		c->warning = warning;
		changed = install(c, &fresh, &kubeconfig_id);
	} else {
		reject(c, &fresh, &err);
	}
	c->token_due_ms = now + KVIP_CRED_TOKEN_MS;
	c->due_ms = now + (c->usable ? KVIP_CRED_CHECK_MS : KVIP_CRED_RETRY_MS);
	return changed;
}

kvip_msec kvip_cred_due(const struct kvip_cred *c)
{
	return c->due_ms;
}

const struct kvip_credentials *kvip_cred_get(const struct kvip_cred *c)
{
	return c->usable ? &c->now : NULL;
}

const char *kvip_cred_error(const struct kvip_cred *c)
{
	return c->usable ? "" : c->error.text;
}

const char *kvip_cred_warning(const struct kvip_cred *c)
{
	return c->warning.text;
}
