// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: values of a cluster's lines that are more than one word: credentials, servers, API loss,
 * guard.
 *
 * Thread: T0 (set), any for copy and render. set() allocates everything first and stores then.
 * Rules: rules R4 (guard, API loss).
 */
#include "vip/kvip_conf_impl.h"

#include "base/kvip_limits.h"

#include <errno.h>
#include <string.h>

/* Two texts that belong together: both are stored or none. */
static int replace_two(char **a, const char *ta, char **b, const char *tb)
{
	char *copy = kvip_strdup(ta);
	int rc;

	if (ta && !copy)
		return -ENOMEM;
	rc = kvip_conf_replace(b, tb);
	if (rc) {
		kvip_free(copy);
		return rc;
	}
	kvip_free(*a);
	*a = copy;
	return 0;
}

static int kubeconfig_set(struct kvip_conf_edit *e)
{
	struct kvip_cluster_conf *cl = e->obj;
	const char *context = NULL;
	int i = 1, rc;

	if (e->argc < 1)
		return kvip_conf_usage(e);
	kvip_conf_option(e, &i, "context", &context);
	if (i != e->argc)
		return kvip_conf_usage(e);
	rc = kvip_conf_refuse(e, kvip_conf_check_path(e->argv[0], e->err));
	return rc ? rc : replace_two(&cl->kubeconfig, e->argv[0], &cl->context, context);
}

static void kubeconfig_reset(const struct kvip_conf_row *row, void *obj)
{
	struct kvip_cluster_conf *cl = obj;

	(void)row;
	kvip_free(cl->kubeconfig);
	kvip_free(cl->context);
	cl->kubeconfig = cl->context = NULL;
}

static int kubeconfig_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	struct kvip_cluster_conf *cl = to;
	const struct kvip_cluster_conf *was = from;

	(void)row;
	return replace_two(&cl->kubeconfig, was->kubeconfig, &cl->context, was->context);
}

static void kubeconfig_render(const struct kvip_conf_row *row, const void *obj,
			      struct kvip_conf_out *o)
{
	const struct kvip_cluster_conf *cl = obj;

	if (!cl->kubeconfig || !kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " %s", cl->kubeconfig);
	if (cl->context)
		kvip_buf_printf(o->buf, " context %s", cl->context);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_kubeconfig = { .set = kubeconfig_set,
							  .reset = kubeconfig_reset,
							  .copy = kubeconfig_copy,
							  .render = kubeconfig_render };

static int certificate_set(struct kvip_conf_edit *e)
{
	struct kvip_cluster_conf *cl = e->obj;
	const char *key = NULL;
	int i = 1, rc;

	if (e->argc != 3 || !kvip_conf_option(e, &i, "key", &key))
		return kvip_conf_usage(e);
	rc = kvip_conf_refuse(e, kvip_conf_check_path(e->argv[0], e->err));
	if (!rc)
		rc = kvip_conf_refuse(e, kvip_conf_check_path(key, e->err));
	return rc ? rc : replace_two(&cl->cert_file, e->argv[0], &cl->key_file, key);
}

static void certificate_reset(const struct kvip_conf_row *row, void *obj)
{
	struct kvip_cluster_conf *cl = obj;

	(void)row;
	kvip_free(cl->cert_file);
	kvip_free(cl->key_file);
	cl->cert_file = cl->key_file = NULL;
}

static int certificate_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	struct kvip_cluster_conf *cl = to;
	const struct kvip_cluster_conf *was = from;

	(void)row;
	return replace_two(&cl->cert_file, was->cert_file, &cl->key_file, was->key_file);
}

static void certificate_render(const struct kvip_conf_row *row, const void *obj,
			       struct kvip_conf_out *o)
{
	const struct kvip_cluster_conf *cl = obj;

	if (!cl->cert_file || !kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " %s key %s", cl->cert_file, cl->key_file);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_certificate = { .set = certificate_set,
							   .reset = certificate_reset,
							   .copy = certificate_copy,
							   .render = certificate_render };

static int check_servers(struct kvip_conf_edit *e)
{
	if (e->argc < 1)
		return kvip_conf_usage(e);
	if (e->argc > (int)KVIP_MAX_SERVERS)
		return kvip_err_set(e->err, -EINVAL, "server: no more than %u URLs",
				    KVIP_MAX_SERVERS);
	for (int i = 0; i < e->argc; i++) {
		int rc = kvip_conf_refuse(e, kvip_conf_check_server(e->argv[i], e->err));

		if (rc)
			return rc;
		for (int k = 0; k < i; k++)
			if (strcmp(e->argv[i], e->argv[k]) == 0)
				return kvip_err_set(e->err, -EINVAL,
						    "server: `%.80s` is there twice", e->argv[i]);
	}
	return 0;
}

static int server_set(struct kvip_conf_edit *e)
{
	struct kvip_strings *s = &((struct kvip_cluster_conf *)e->obj)->servers;
	struct kvip_strings fresh = { 0 };
	int rc = check_servers(e);

	for (int i = 0; i < e->argc && !rc; i++)
		rc = kvip_conf_strings_add(&fresh, fresh.n, e->argv[i]);
	if (rc) {
		kvip_conf_strings_clear(&fresh);
		return rc;
	}
	kvip_conf_strings_clear(s);
	*s = fresh;
	return 0;
}

static void server_reset(const struct kvip_conf_row *row, void *obj)
{
	kvip_conf_strings_clear(KVIP_CONF_FIELD(struct kvip_strings, obj, row));
}

static int server_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	return kvip_conf_strings_copy(KVIP_CONF_FIELD(struct kvip_strings, to, row),
				      KVIP_CONF_CFIELD(struct kvip_strings, from, row));
}

static void server_render(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o)
{
	const struct kvip_strings *s = KVIP_CONF_CFIELD(struct kvip_strings, obj, row);

	if (!s->n || !kvip_conf_out_begin(o, row))
		return;
	for (size_t i = 0; i < s->n; i++)
		kvip_buf_printf(o->buf, " %s", s->v[i]);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_server = {
	.set = server_set, .reset = server_reset, .copy = server_copy, .render = server_render
};

static int api_loss_set(struct kvip_conf_edit *e)
{
	static const struct kvip_conf_number seconds = { .min = 1, .max = 31536000 };
	struct kvip_cluster_conf *cl = e->obj;

	if (e->argc < 1 || e->argc > 2 || strcmp(e->argv[0], "hold") != 0)
		return kvip_conf_usage(e);
	if (e->argc == 2)
		return kvip_conf_refuse(e,
					kvip_conf_parse_number(e->argv[1], &seconds,
							       &cl->api_loss_withdraw_s, e->err));
	cl->api_loss_withdraw_s = 0;
	return 0;
}

static void api_loss_reset(const struct kvip_conf_row *row, void *obj)
{
	*KVIP_CONF_FIELD(uint32_t, obj, row) = 0;
}

static int api_loss_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	*KVIP_CONF_FIELD(uint32_t, to, row) = *KVIP_CONF_CFIELD(uint32_t, from, row);
	return 0;
}

static void api_loss_render(const struct kvip_conf_row *row, const void *obj,
			    struct kvip_conf_out *o)
{
	uint32_t seconds = *KVIP_CONF_CFIELD(uint32_t, obj, row);

	if (!seconds || !kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " hold %u", seconds);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_api_loss = { .set = api_loss_set,
							.reset = api_loss_reset,
							.copy = api_loss_copy,
							.render = api_loss_render };

static int guard_set(struct kvip_conf_edit *e)
{
	static const struct kvip_conf_number percents = { .min = 1, .max = 100 };
	static const struct kvip_conf_number vips = { .max = KVIP_MAX_VIPS };
	static const struct kvip_conf_number seconds = { .min = 1, .max = 31536000 };
	struct kvip_cluster_conf *cl = e->obj;
	uint32_t percent, min = KVIP_DEFAULT_GUARD_MIN, release = 0;
	const char *min_text = NULL, *release_text = NULL;
	int i = 1, rc;

	if (e->argc < 1)
		return kvip_conf_usage(e);
	kvip_conf_option(e, &i, "min", &min_text);
	kvip_conf_option(e, &i, "release-after", &release_text);
	if (i != e->argc)
		return kvip_conf_usage(e);
	rc = kvip_conf_parse_number(e->argv[0], &percents, &percent, e->err);
	if (!rc && min_text)
		rc = kvip_conf_parse_number(min_text, &vips, &min, e->err);
	if (!rc && release_text)
		rc = kvip_conf_parse_number(release_text, &seconds, &release, e->err);
	if (rc)
		return kvip_conf_refuse(e, rc);
	cl->guard_percent = percent;
	cl->guard_min = min;
	cl->guard_release_s = release;
	return 0;
}

static void guard_reset(const struct kvip_conf_row *row, void *obj)
{
	struct kvip_cluster_conf *cl = obj;

	(void)row;
	cl->guard_percent = KVIP_DEFAULT_GUARD_PERCENT;
	cl->guard_min = KVIP_DEFAULT_GUARD_MIN;
	cl->guard_release_s = 0;
}

static int guard_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	struct kvip_cluster_conf *cl = to;
	const struct kvip_cluster_conf *was = from;

	(void)row;
	cl->guard_percent = was->guard_percent;
	cl->guard_min = was->guard_min;
	cl->guard_release_s = was->guard_release_s;
	return 0;
}

static void guard_render(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o)
{
	const struct kvip_cluster_conf *cl = obj;

	if (cl->guard_percent == KVIP_DEFAULT_GUARD_PERCENT &&
	    cl->guard_min == KVIP_DEFAULT_GUARD_MIN && !cl->guard_release_s)
		return;
	if (!kvip_conf_out_begin(o, row))
		return;
	kvip_buf_printf(o->buf, " %u", cl->guard_percent);
	if (cl->guard_min != KVIP_DEFAULT_GUARD_MIN)
		kvip_buf_printf(o->buf, " min %u", cl->guard_min);
	if (cl->guard_release_s)
		kvip_buf_printf(o->buf, " release-after %u", cl->guard_release_s);
	kvip_conf_out_end(o);
}

const struct kvip_conf_type kvip_conf_type_guard = {
	.set = guard_set, .reset = guard_reset, .copy = guard_copy, .render = guard_render
};
