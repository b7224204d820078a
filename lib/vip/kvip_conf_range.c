// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: prefixes of the configuration: what a cluster may claim, and what nobody may.
 *
 * Thread: T0 (set, drop), any for copy and render. Invariant: both arrays are sorted and without
 * duplicates. Rules: rules R3 (default deny; what can never be a VIP).
 */
#include "vip/kvip_conf_impl.h"

#include "base/kvip_limits.h"

#include <errno.h>

static int ns_cmp(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return kvip_natural_cmp(a, b);
}

/* A range is named by its prefix and namespace; its place in the sorted array. */
static size_t range_pos(const struct kvip_cluster_conf *cl, const struct kvip_prefix *p,
			const char *ns, bool *found)
{
	size_t i;
	int c = -1;

	for (i = 0; i < cl->n_ranges; i++) {
		c = kvip_prefix_cmp(&cl->ranges[i].prefix, p);
		if (c == 0)
			c = ns_cmp(cl->ranges[i].ns, ns);
		if (c >= 0)
			break;
	}
	*found = i < cl->n_ranges && c == 0;
	return i;
}

static int parse_range(struct kvip_conf_edit *e, struct kvip_prefix *p, const char **ns,
		       bool *allow)
{
	int i = 1, rc;

	*ns = NULL;
	if (e->argc < 1)
		return kvip_conf_usage(e);
	kvip_conf_option(e, &i, "namespace", ns);
	*allow = kvip_conf_option(e, &i, "allow-connected", NULL);
	if (i != e->argc)
		return kvip_conf_usage(e);
	rc = kvip_conf_refuse(e, kvip_conf_parse_prefix(e->argv[0], p, e->err));
	if (!rc && *ns)
		rc = kvip_conf_refuse(e, kvip_conf_check_ns(*ns, e->err));
	return rc;
}

static int refuse_range(struct kvip_conf_edit *e, const struct kvip_prefix *p)
{
	static const char *const why[] = {
		[KVIP_ADDR_UNSPECIFIED] = "0.0.0.0 and ::",
		[KVIP_ADDR_LOOPBACK] = "loopback addresses",
		[KVIP_ADDR_LINK_LOCAL] = "link-local addresses",
		[KVIP_ADDR_MULTICAST] = "multicast and reserved addresses",
	};
	enum kvip_addr_class class = kvip_addr_classify(&p->addr);

	if (p->len == 0)
		return kvip_err_set(
			e->err, -EINVAL,
			"vip-range: a default prefix would allow every address: name the "
			"networks VIPs come from");
	if (class != KVIP_ADDR_GLOBAL)
		return kvip_err_set(
			e->err, -EINVAL,
			"vip-range: %s can never be VIPs: name the networks VIPs come from",
			why[class]);
	return 0;
}

static int range_set(struct kvip_conf_edit *e)
{
	struct kvip_cluster_conf *cl = e->obj;
	struct kvip_range_conf r = { 0 };
	const char *ns;
	bool found;
	size_t pos;
	int rc;

	rc = parse_range(e, &r.prefix, &ns, &r.allow_connected);
	if (!rc)
		rc = refuse_range(e, &r.prefix);
	if (rc)
		return rc;
	pos = range_pos(cl, &r.prefix, ns, &found);
	if (found) {
		cl->ranges[pos].allow_connected = r.allow_connected;
		return 0;
	}
	if (cl->n_ranges >= KVIP_MAX_RANGES)
		return kvip_err_set(e->err, -EINVAL, "vip-range: no more than %u in one cluster",
				    KVIP_MAX_RANGES);
	rc = kvip_conf_replace(&r.ns, ns);
	if (!rc)
		rc = kvip_conf_vec_insert(&cl->ranges, &cl->n_ranges, pos, &r, sizeof(r));
	if (rc)
		kvip_free(r.ns);
	return rc;
}

static void range_erase(struct kvip_cluster_conf *cl, size_t pos)
{
	kvip_free(cl->ranges[pos].ns);
	kvip_conf_vec_erase(&cl->ranges, &cl->n_ranges, pos, sizeof(*cl->ranges));
}

/* `no vip-range PREFIX` also names the only range of that prefix, whatever its namespace. */
static int range_drop(struct kvip_conf_edit *e)
{
	struct kvip_cluster_conf *cl = e->obj;
	struct kvip_prefix p;
	const char *ns;
	bool found, allow;
	size_t pos;
	int rc = parse_range(e, &p, &ns, &allow);

	if (rc)
		return rc;
	pos = range_pos(cl, &p, ns, &found);
	if (!found && !ns && pos < cl->n_ranges &&
	    kvip_prefix_cmp(&cl->ranges[pos].prefix, &p) == 0) {
		if (pos + 1 < cl->n_ranges && kvip_prefix_cmp(&cl->ranges[pos + 1].prefix, &p) == 0)
			return kvip_err_set(
				e->err, -EINVAL,
				"vip-range: %s is there for several namespaces: name one",
				e->argv[0]);
		found = true;
	}
	if (!found)
		return -ENOENT;
	range_erase(cl, pos);
	return 0;
}

static void range_reset(const struct kvip_conf_row *row, void *obj)
{
	struct kvip_cluster_conf *cl = obj;

	(void)row;
	while (cl->n_ranges)
		range_erase(cl, cl->n_ranges - 1);
}

static int range_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	struct kvip_cluster_conf *cl = to;
	const struct kvip_cluster_conf *was = from;
	int rc = 0;

	(void)row;
	for (size_t i = 0; i < was->n_ranges && !rc; i++) {
		struct kvip_range_conf r = was->ranges[i];

		r.ns = NULL;
		rc = kvip_conf_replace(&r.ns, was->ranges[i].ns);
		if (!rc)
			rc = kvip_conf_vec_insert(&cl->ranges, &cl->n_ranges, i, &r, sizeof(r));
		if (rc)
			kvip_free(r.ns);
	}
	return rc;
}

static void range_render(const struct kvip_conf_row *row, const void *obj, struct kvip_conf_out *o)
{
	const struct kvip_cluster_conf *cl = obj;
	char text[KVIP_PREFIX_STRLEN];

	for (size_t i = 0; i < cl->n_ranges; i++) {
		const struct kvip_range_conf *r = &cl->ranges[i];

		if (!kvip_conf_out_begin(o, row))
			continue;
		kvip_buf_printf(o->buf, " %s", kvip_prefix_render(&r->prefix, text));
		if (r->ns)
			kvip_buf_printf(o->buf, " namespace %s", r->ns);
		if (r->allow_connected)
			kvip_buf_puts(o->buf, " allow-connected");
		kvip_conf_out_end(o);
	}
}

const struct kvip_conf_type kvip_conf_type_range = { .set = range_set,
						     .drop = range_drop,
						     .reset = range_reset,
						     .copy = range_copy,
						     .render = range_render };

static size_t reserved_pos(const struct kvip_conf *c, const struct kvip_prefix *p, bool *found)
{
	size_t i = 0;
	int d = -1;

	while (i < c->n_reserved && (d = kvip_prefix_cmp(&c->reserved[i], p)) < 0)
		i++;
	*found = i < c->n_reserved && d == 0;
	return i;
}

static int reserved_set(struct kvip_conf_edit *e)
{
	struct kvip_conf *c = e->obj;
	struct kvip_prefix p;
	bool found;
	size_t pos;
	int rc;

	if (e->argc != 1)
		return kvip_conf_usage(e);
	rc = kvip_conf_refuse(e, kvip_conf_parse_prefix(e->argv[0], &p, e->err));
	if (rc)
		return rc;
	pos = reserved_pos(c, &p, &found);
	if (found)
		return 0;
	if (c->n_reserved >= KVIP_MAX_RANGES)
		return kvip_err_set(e->err, -EINVAL, "reserved-prefix: no more than %u",
				    KVIP_MAX_RANGES);
	return kvip_conf_vec_insert(&c->reserved, &c->n_reserved, pos, &p, sizeof(p));
}

static int reserved_drop(struct kvip_conf_edit *e)
{
	struct kvip_conf *c = e->obj;
	struct kvip_prefix p;
	bool found;
	size_t pos;
	int rc;

	if (e->argc != 1)
		return kvip_conf_usage(e);
	rc = kvip_conf_refuse(e, kvip_conf_parse_prefix(e->argv[0], &p, e->err));
	if (rc)
		return rc;
	pos = reserved_pos(c, &p, &found);
	if (!found)
		return -ENOENT;
	kvip_conf_vec_erase(&c->reserved, &c->n_reserved, pos, sizeof(p));
	return 0;
}

static void reserved_reset(const struct kvip_conf_row *row, void *obj)
{
	struct kvip_conf *c = obj;

	(void)row;
	kvip_free(c->reserved);
	c->reserved = NULL;
	c->n_reserved = 0;
}

static int reserved_copy(const struct kvip_conf_row *row, void *to, const void *from)
{
	struct kvip_conf *c = to;
	const struct kvip_conf *was = from;
	int rc = 0;

	(void)row;
	for (size_t i = 0; i < was->n_reserved && !rc; i++)
		rc = kvip_conf_vec_insert(&c->reserved, &c->n_reserved, i, &was->reserved[i],
					  sizeof(*c->reserved));
	return rc;
}

static void reserved_render(const struct kvip_conf_row *row, const void *obj,
			    struct kvip_conf_out *o)
{
	const struct kvip_conf *c = obj;
	char text[KVIP_PREFIX_STRLEN];

	for (size_t i = 0; i < c->n_reserved; i++) {
		if (!kvip_conf_out_begin(o, row))
			continue;
		kvip_buf_printf(o->buf, " %s", kvip_prefix_render(&c->reserved[i], text));
		kvip_conf_out_end(o);
	}
}

const struct kvip_conf_type kvip_conf_type_reserved = { .set = reserved_set,
							.drop = reserved_drop,
							.reset = reserved_reset,
							.copy = reserved_copy,
							.render = reserved_render };
