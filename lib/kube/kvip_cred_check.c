// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: is what was read usable? Thread: any; no state.
 *
 * Everything here would otherwise be found by libcurl or OpenSSL at the first connection, with an
 * error that names no file. An encrypted key must not get that far: OpenSSL would ask the terminal.
 *
 * Sources: RFC 6750 (bearer tokens), RFC 7519 (JWT, claim exp), RFC 7468 (PEM labels).
 */
#include "kvip_cred_priv.h"

#include "kvip_json.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

const char *kvip_cred_part_name(enum kvip_cred_part part)
{
	static const char *const names[KVIP_CRED_PARTS] = {
		[KVIP_CRED_CA] = "ca-file",
		[KVIP_CRED_CERT] = "client-certificate",
		[KVIP_CRED_KEY] = "client key",
		[KVIP_CRED_TOKEN] = "token-file",
	};

	return names[part];
}

/* Text up to the first NUL, as PEM is. */
static bool contains(const struct kvip_blob *b, const char *text)
{
	return strstr(b->data, text) != NULL;
}

static int check_certificate(const char *what, const char *where, const struct kvip_blob *b,
			     struct kvip_err *err)
{
	if (contains(b, "-----BEGIN CERTIFICATE-----") ||
	    contains(b, "-----BEGIN TRUSTED CERTIFICATE-----"))
		return 0;
	return kvip_err_set(err, -EINVAL,
			    "%s %s: no PEM certificate in it (-----BEGIN CERTIFICATE-----): give "
			    "the right file",
			    what, where);
}

static int check_key(const char *where, const struct kvip_blob *b, struct kvip_err *err)
{
	if (!contains(b, "PRIVATE KEY-----"))
		return kvip_err_set(err, -EINVAL,
				    "client key %s: no PEM private key in it: give the right file",
				    where);
	if (contains(b, "ENCRYPTED"))
		return kvip_err_set(err, -EINVAL,
				    "client key %s: it has a passphrase, which a daemon cannot ask "
				    "for: store it without one, mode 0600",
				    where);
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* White space around it goes; inside it, or a control character, would end up in a header. */
static int check_token(const char *where, struct kvip_blob *b, struct kvip_err *err)
{
	size_t start = 0, end = b->len;

	while (end > 0 && is_space(b->data[end - 1]))
		end--;
	while (start < end && is_space(b->data[start]))
		start++;
	if (start == end)
		return kvip_err_set(err, -EINVAL, "token %s: it is empty: write a token into it",
				    where);
	for (size_t i = start; i < end; i++)
		if (b->data[i] <= ' ' || b->data[i] > '~')
			return kvip_err_set(err, -EINVAL,
					    "token %s: byte %zu is not part of a token: write one "
					    "token and nothing else",
					    where, i + 1);
	memmove(b->data, b->data + start, end - start);
	explicit_bzero(b->data + end - start, b->len - (end - start));
	b->len = end - start;
	return 0;
}

int kvip_cred_check_part(enum kvip_cred_part part, const char *where, struct kvip_blob *data,
			 struct kvip_err *err)
{
	switch (part) {
	case KVIP_CRED_CA:
	case KVIP_CRED_CERT:
		return check_certificate(kvip_cred_part_name(part), where, data, err);
	case KVIP_CRED_KEY:
		return check_key(where, data, err);
	case KVIP_CRED_TOKEN:
		return check_token(where, data, err);
	default:
		return -EINVAL;
	}
}

static bool has(const struct kvip_credentials *c, enum kvip_cred_part part)
{
	return c->item[part].path || c->item[part].data.data;
}

int kvip_cred_check_whole(const struct kvip_credentials *c, bool loopback_proxy,
			  struct kvip_err *err)
{
	bool tls = false, plain = false;

	if (c->n_servers == 0)
		return kvip_err_set(err, -EINVAL,
				    "no API server: give a kubeconfig or server "
				    "https://HOST:PORT");
	for (size_t i = 0; i < c->n_servers; i++) {
		tls |= c->servers[i].tls;
		plain |= !c->servers[i].tls;
	}
	if (tls && !has(c, KVIP_CRED_CA))
		return kvip_err_set(
			err, -EINVAL,
			"no CA to verify the API server with: give ca-file "
			"(certificate-authority in a kubeconfig); there is no way without");
	if (has(c, KVIP_CRED_CERT) != has(c, KVIP_CRED_KEY))
		return kvip_err_set(err, -EINVAL,
				    "client certificate and key belong together: give both");
	if (tls && !has(c, KVIP_CRED_CERT) && !has(c, KVIP_CRED_TOKEN))
		return kvip_err_set(err, -EINVAL,
				    "no token and no client certificate: give token-file, or "
				    "client-certificate and key");
	if (plain && c->proxy_url[0] && !loopback_proxy)
		return kvip_err_set(err, -EINVAL,
				    "an http:// server through a proxy on another "
				    "machine would show the token: use https://");
	return 0;
}

void kvip_cred_check_mode(const char *path, const struct kvip_file_id *id, struct kvip_err *warning)
{
	if ((id->mode & (S_IROTH | S_IWOTH)) && warning->text[0] == '\0')
		kvip_err_set(warning, 0,
			     "%s holds a secret and everybody on this host can %s it: chmod o= it",
			     path, id->mode & S_IWOTH ? "write" : "read");
}

kvip_wall kvip_cred_token_expiry(const char *token)
{
	const char *dot = strchr(token, '.'), *end = dot ? strchr(dot + 1, '.') : NULL;
	struct json_object *claims = NULL;
	struct kvip_blob text = { 0 };
	int64_t exp = 0;

	if (!end || kvip_base64_decode(dot + 1, (size_t)(end - dot - 1), &text))
		return 0;
	if (kvip_json_parse(text.data, text.len, &claims, NULL) == 0) {
		exp = kvip_json_int(claims, "exp", 0);
		kvip_json_free(claims);
	}
	kvip_blob_done(&text);
	return exp > 0 ? exp : 0;
}
