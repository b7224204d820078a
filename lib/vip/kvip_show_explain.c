// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: `show kubevip vip X explain` and `show kubevip service NAMESPACE/NAME explain`: who explains
 * what, in the order of the way that a VIP takes. Thread: T0.
 */
#include "vip/kvip_explain.h"
#include "vip/kvip_show_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct asker {
	const struct kvip_show_ctx *s;
	kvip_explain_more_fn *more;
	void *more_ctx;
	const struct kvip_explain_of *of; /* the Service that is asked for */
};

static void explain_one(const struct asker *k, const struct kvip_addr *a, struct kvip_explain *x)
{
	const struct kvip_prefix host = kvip_prefix_host(a);
	const struct kvip_step starting = { .step = "cluster",
					    .mark = KVIP_MARK_UNKNOWN,
					    .reason = "starting",
					    .remedy = "ask again in a moment" };

	kvip_explain_topic(x, a);
	if (!k->s->engine) {
		kvip_explain_step(x, &starting, "still starting");
		return;
	}
	kvip_explain_address(k->s->engine, a, k->of, x);
	if (k->s->recon)
		kvip_explain_route(k->s->recon, &host, x);
	if (k->more)
		k->more(k->more_ctx, &host, x);
}

int kvip_show_explain_vip(const struct kvip_show_ctx *s, const struct kvip_addr *a,
			  kvip_explain_more_fn *more, void *more_ctx, bool json,
			  struct kvip_buf *out)
{
	const struct asker k = { .s = s, .more = more, .more_ctx = more_ctx };
	char subject[KVIP_ADDR_STRLEN];
	struct kvip_explain x;

	kvip_explain_begin(&x, kvip_addr_render(a, subject), json, out);
	explain_one(&k, a, &x);
	return kvip_explain_end(&x);
}

int kvip_show_explain_service(const struct kvip_show_ctx *s, const char *name,
			      kvip_explain_more_fn *more, void *more_ctx, bool json,
			      struct kvip_buf *out)
{
	const char *slash = strchr(name, '/');
	struct kvip_addr addrs[KVIP_MAX_ADDRS];
	char subject[400], ns[64];
	const struct kvip_explain_of of = { ns, slash ? slash + 1 : NULL };
	const struct asker k = { .s = s, .more = more, .more_ctx = more_ctx, .of = &of };
	struct kvip_explain x;
	int n, rc;

	if (!slash || slash == name || !slash[1] || (size_t)(slash - name) >= sizeof(ns))
		return -EINVAL;
	if (!s->engine)
		return -ENOENT;
	snprintf(ns, sizeof(ns), "%.*s", (int)(slash - name), name);
	snprintf(subject, sizeof(subject), "Service %.330s", name);
	kvip_explain_begin(&x, subject, json, out);
	n = kvip_explain_service(s->engine, ns, slash + 1, &x, addrs, KVIP_MAX_ADDRS);
	for (int i = 0; i < n; i++)
		explain_one(&k, &addrs[i], &x);
	rc = kvip_explain_end(&x);
	if (n < 0)
		kvip_buf_reset(out);
	return n < 0 ? n : rc;
}
