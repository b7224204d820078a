// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: kubeconfig v1 to one context.
 *
 * Job: find context -> cluster, user in the tree and copy what is understood. Reading goes through
 * a `struct reader` with a sticky error, so that the functions below read as a list of fields.
 *
 * Decisions: a key given twice in a mapping that is read, and two entries of one name, are refused
 * (client-go refuses the latter); unknown keys are ignored (it does, too), except those that change
 * who connects or whether the server is verified. The -data form beats the file, tokenFile beats
 * token. $KUBECONFIG lists and merging are kubectl's business.
 *
 * Thread: any; nothing is shared.
 * Sources: client-go v0.36 tools/clientcmd/api/v1/types.go,
 * tools/clientcmd/validation.go, client_config.go.
 */
#include "kvip_kubeconfig.h"

#include "kvip_yaml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_WAY                                                                                  \
	"use a ServiceAccount token (kubectl -n NAMESPACE create token NAME > FILE) as tokenFile"

struct reader {
	const char *path;
	struct kvip_err *err;
	int rc; /* the first error; all later reads give nothing */
};

static void refuse(struct reader *r, int code, const struct kvip_yaml_node *at, const char *what,
		   const char *subject, const char *todo)
{
	char line[32] = "";

	if (r->rc)
		return;
	if (at)
		snprintf(line, sizeof(line), " line %u", at->line);
	r->rc = kvip_err_set(r->err, code, "%s%s: %s%.60s%s%s", r->path, line, what, subject,
			     todo[0] ? ": " : "", todo);
}

static void no_memory(struct reader *r)
{
	if (!r->rc)
		r->rc = kvip_err_set(r->err, -ENOMEM, "%s: not enough memory to read it", r->path);
}

static const struct kvip_yaml_node *member(struct reader *r, const struct kvip_yaml_node *map,
					   const char *key)
{
	const struct kvip_yaml_node *again, *n = kvip_yaml_member(map, key, &again);

	if (again)
		refuse(r, -EINVAL, again, "a second ", key, "remove one of the two");
	return r->rc || kvip_yaml_is_null(n) ? NULL : n;
}

/* A member that is text and not empty, or NULL. */
static const char *text_of(struct reader *r, const struct kvip_yaml_node *map, const char *key)
{
	const struct kvip_yaml_node *n = member(r, map, key);

	if (!n)
		return NULL;
	if (n->type != KVIP_YAML_SCALAR) {
		refuse(r, -EINVAL, n, key, " is not a text", "write one value");
		return NULL;
	}
	return n->text[0] ? n->text : NULL;
}

static char *copy_of(struct reader *r, const char *text)
{
	char *copy = kvip_strdup(text);

	if (text && !copy)
		no_memory(r);
	return copy;
}

static char *take_text(struct reader *r, const struct kvip_yaml_node *map, const char *key)
{
	return copy_of(r, text_of(r, map, key));
}

/* A path, joined with the directory of the kubeconfig if it is relative. */
static char *take_path(struct reader *r, const struct kvip_yaml_node *map, const char *key)
{
	const char *text = text_of(r, map, key), *slash = strrchr(r->path, '/');
	size_t dir, len;
	char *path;

	if (!text || text[0] == '/' || !slash)
		return copy_of(r, text);
	dir = (size_t)(slash - r->path) + 1;
	len = strlen(text) + 1;
	path = kvip_malloc(dir + len);
	if (!path) {
		no_memory(r);
		return NULL;
	}
	memcpy(path, r->path, dir);
	memcpy(path + dir, text, len);
	return path;
}

static void take_data(struct reader *r, const struct kvip_yaml_node *map, const char *key,
		      struct kvip_blob *out)
{
	const char *text = text_of(r, map, key);
	struct kvip_blob b = { 0 };
	int rc;

	if (!text)
		return;
	rc = kvip_base64_decode(text, strlen(text), &b);
	if (rc == -ENOMEM)
		no_memory(r);
	else if (rc || b.len == 0)
		refuse(r, -EINVAL, member(r, map, key), key, " is not base64",
		       "write `base64 -w0 FILE`");
	if (r->rc)
		kvip_blob_done(&b);
	else
		*out = b;
}

/* YAML 1.1 and 1.2 agree on these; whatever else is there is not a clear "no". */
static bool is_no(const char *text)
{
	return !text || strcmp(text, "false") == 0 || strcmp(text, "False") == 0 ||
	       strcmp(text, "FALSE") == 0;
}

/* The entry called @name of the list root.@list: { name: N, @inner: {...} }. */
static const struct kvip_yaml_node *find_entry(struct reader *r, const struct kvip_yaml_node *root,
					       const char *list, const char *inner,
					       const char *name)
{
	const struct kvip_yaml_node *seq = member(r, root, list), *found = NULL, *e;
	const char *entry_name;

	if (!seq || seq->type != KVIP_YAML_SEQUENCE) {
		refuse(r, -EINVAL, seq, "no list of ", list, "is this a kubeconfig?");
		return NULL;
	}
	for (const struct kvip_yaml_node *i = seq->first; i && !r->rc; i = i->next) {
		e = kvip_yaml_deref(i);
		entry_name = text_of(r, e, "name");
		if (!entry_name || strcmp(entry_name, name) != 0)
			continue;
		if (found)
			refuse(r, -EINVAL, e, "a second entry with the name ", name,
			       "remove one of the two");
		found = e;
	}
	if (r->rc)
		return NULL;
	if (!found) {
		refuse(r, -ENOENT, seq, list, " has no entry with the name that is asked for",
		       name);
		return NULL;
	}
	e = member(r, found, inner);
	if (!e || e->type != KVIP_YAML_MAPPING)
		refuse(r, -EINVAL, found, "the entry has no ", inner, "complete it");
	return r->rc ? NULL : e;
}

static void read_cluster(struct reader *r, const struct kvip_yaml_node *c,
			 struct kvip_kubeconfig *k)
{
	const char *insecure = text_of(r, c, "insecure-skip-tls-verify");

	if (!is_no(insecure))
		refuse(r, -EINVAL, member(r, c, "insecure-skip-tls-verify"),
		       "insecure-skip-tls-verify", " is refused",
		       "remove it and give certificate-authority (or tls-server-name, "
		       "if only the name differs)");
	k->server = take_text(r, c, "server");
	if (!k->server)
		refuse(r, -EINVAL, c, "the cluster has no server", "",
		       "add server: https://HOST:PORT");
	k->tls_server_name = take_text(r, c, "tls-server-name");
	k->proxy_url = take_text(r, c, "proxy-url");
	take_data(r, c, "certificate-authority-data", &k->ca);
	if (!k->ca.data)
		k->ca_file = take_path(r, c, "certificate-authority");
}

static void user_cannot(struct reader *r, struct kvip_kubeconfig *k,
			const struct kvip_yaml_node *at, const char *what)
{
	if (k->user_error.text[0] == '\0')
		kvip_err_set(&k->user_error, 0, "%s line %u: %s", r->path, at->line, what);
}

/* What makes the user unusable for a daemon on a router, each with the way out. */
static void check_user(struct reader *r, const struct kvip_yaml_node *u, struct kvip_kubeconfig *k)
{
	static const struct {
		const char *key, *what;
	} refused[] = {
		{ "exec",
		  "exec (a program that prints a token) is not run by a router: " TOKEN_WAY },
		{ "auth-provider", "auth-provider is no longer part of Kubernetes: " TOKEN_WAY },
		{ "username",
		  "username and password are no longer part of Kubernetes: " TOKEN_WAY },
		{ "password",
		  "username and password are no longer part of Kubernetes: " TOKEN_WAY },
		{ "as", "impersonation (as) is not supported: " TOKEN_WAY " of its own" },
		{ "as-uid", "impersonation (as-uid) is not supported: " TOKEN_WAY " of its own" },
		{ "as-groups",
		  "impersonation (as-groups) is not supported: " TOKEN_WAY " of its own" },
		{ "as-user-extra", "impersonation is not supported: " TOKEN_WAY " of its own" },
	};
	const struct kvip_yaml_node *n;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		n = member(r, u, refused[i].key);
		if (!n || (n->type == KVIP_YAML_SCALAR && n->text[0] == '\0'))
			continue;
		user_cannot(r, k, n, refused[i].what);
	}
}

static void read_user(struct reader *r, const struct kvip_yaml_node *u, struct kvip_kubeconfig *k)
{
	check_user(r, u, k);
	k->token_file = take_path(r, u, "tokenFile");
	if (!k->token_file)
		k->token = take_text(r, u, "token");
	take_data(r, u, "client-certificate-data", &k->cert);
	if (!k->cert.data)
		k->cert_file = take_path(r, u, "client-certificate");
	take_data(r, u, "client-key-data", &k->key);
	if (!k->key.data)
		k->key_file = take_path(r, u, "client-key");
	k->holds_secret = k->token || k->key.data;
	if ((k->cert.data || k->cert_file) != (k->key.data || k->key_file))
		user_cannot(r, k, u,
			    "client-certificate and client-key belong together: add the other");
}

static void read_root(struct reader *r, const struct kvip_yaml_node *root, const char *context,
		      struct kvip_kubeconfig *k)
{
	const struct kvip_yaml_node *ctx, *cluster, *user;
	const char *kind, *name, *cluster_name, *user_name;

	if (!root || root->type != KVIP_YAML_MAPPING) {
		refuse(r, -EINVAL, root, "this is no kubeconfig", "", "is it the right file?");
		return;
	}
	kind = text_of(r, root, "kind");
	if (kind && strcmp(kind, "Config") != 0)
		refuse(r, -EINVAL, member(r, root, "kind"), "kind is not Config but ", kind,
		       "is it the right file?");
	name = context ? context : text_of(r, root, "current-context");
	if (!name)
		refuse(r, -EINVAL, root, "no current-context", "",
		       "name one (kubeconfig FILE context NAME)");
	ctx = r->rc ? NULL : find_entry(r, root, "contexts", "context", name);
	cluster_name = text_of(r, ctx, "cluster");
	if (ctx && !cluster_name)
		refuse(r, -EINVAL, ctx, "the context names no cluster", "", "add cluster: NAME");
	cluster = r->rc ? NULL : find_entry(r, root, "clusters", "cluster", cluster_name);
	if (cluster)
		read_cluster(r, cluster, k);
	user_name = text_of(r, ctx, "user");
	if (ctx && !user_name)
		user_cannot(r, k, ctx, "the context names no user: add user: NAME");
	user = r->rc || !user_name ? NULL : find_entry(r, root, "users", "user", user_name);
	if (user)
		read_user(r, user, k);
	if (!r->rc)
		k->context = copy_of(r, name);
}

int kvip_kubeconfig_parse(const char *text, size_t len, const char *path, const char *context,
			  struct kvip_kubeconfig **out, struct kvip_err *err)
{
	struct reader r = { .path = path, .err = err };
	struct kvip_kubeconfig *k;
	struct kvip_yaml *doc;

	r.rc = kvip_yaml_parse(text, len, path, &doc, err);
	if (r.rc)
		return r.rc;
	k = kvip_calloc(1, sizeof(*k));
	if (k)
		read_root(&r, kvip_yaml_root(doc), context, k);
	else
		no_memory(&r);
	kvip_yaml_free(doc);
	if (r.rc)
		kvip_kubeconfig_free(k);
	else
		*out = k;
	return r.rc;
}

static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	kvip_free(secret);
}

void kvip_kubeconfig_free(struct kvip_kubeconfig *k)
{
	if (!k)
		return;
	kvip_free(k->context);
	kvip_free(k->server);
	kvip_free(k->tls_server_name);
	wipe(k->proxy_url);
	kvip_free(k->ca_file);
	kvip_free(k->token_file);
	wipe(k->token);
	kvip_free(k->cert_file);
	kvip_free(k->key_file);
	kvip_blob_done(&k->ca);
	kvip_blob_done(&k->cert);
	kvip_blob_done(&k->key);
	kvip_free(k);
}
