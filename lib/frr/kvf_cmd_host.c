// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the hooks of the command table over kvf_host: what kubewatch and the bgpd module do when
 * told.
 *
 * Thread: T0. A configuration line changes the draft only; kvf_host publishes it when it has
 * settled.
 */
#include "frr/kvf_answer.h"
#include "frr/kvf_check.h"
#include "frr/kvf_cmd.h"
#include "frr/kvf_explain.h"
#include "frr/kvf_host.h"
#include "frr/kvf_record.h"
#include "frr/kvf_rib.h"
#include "frr/kvf_settle.h"
#include "frr/kvf_yang.h"

#include "base/kvip_mem.h"
#include "vip/kvip_show.h"

#include "command.h"
#include "log.h"
#include "vty.h"

#include <errno.h>
#include <time.h>

static int conf_line(struct vty *vty, int argc, const char *const *argv, bool negate,
		     struct kvip_err *err)
{
	int rc = kvf_yang_line(vty, argc, argv, negate, err);

	if (!rc)
		kvf_settle_changed();
	return rc;
}

static int conf_render(struct kvip_buf *out)
{
	return kvip_conf_render(kvf_host_conf(), out);
}

typedef int prefix_show_fn(const struct kvip_show_ctx *s, const struct kvip_prefix *only, bool json,
			   struct kvip_buf *out);

/* What takes an address or prefix to look at, or none for all. */
static int show_inside(prefix_show_fn *fn, const struct kvip_show_ctx *s, const char *arg,
		       bool json, struct kvip_buf *out, struct kvip_err *err)
{
	struct kvip_prefix only;
	int rc;

	if (!arg)
		return fn(s, NULL, json, out);
	rc = kvip_prefix_parse(arg, &only);
	if (rc)
		return kvip_err_set(
			err, rc,
			"`%.80s` is no prefix: write an address, or a prefix without host bits",
			arg);
	return fn(s, &only, json, out);
}

struct lookup {
	struct kvf_rib rib;
	struct kvf_rib_route route;
	char protocol[8];
};

static int look_up(void *ctx, const struct kvip_prefix *p, struct kvip_found *out)
{
	struct lookup *l = ctx;
	int rc = kvf_rib_find(&l->rib, p, &l->route);

	if (rc <= 0)
		return rc;
	*out = (struct kvip_found){
		.present = true,
		.protocol = kvf_rib_protocol(l->route.protocol, l->protocol),
		.nhs = l->route.nhs,
		.n = l->route.n,
	};
	return 0;
}

static void done_looking(void *ctx)
{
	struct lookup *l = ctx;

	kvf_rib_close(&l->rib);
	kvip_free(l);
}

static int open_lookup(struct kvip_lookup *out)
{
	struct lookup *l = kvip_calloc(1, sizeof(*l));
	int rc = l ? kvf_rib_open(&l->rib) : -ENOMEM;

	if (rc) {
		kvip_free(l);
		return rc;
	}
	*out = (struct kvip_lookup){ .find = look_up, .done = done_looking, .ctx = l };
	return 0;
}

static int observe(const struct kvip_show_ctx *s, const struct kvip_prefix *only, bool json,
		   struct kvip_buf *out)
{
	struct kvip_lookup l;
	int rc = open_lookup(&l);

	return rc ? rc : kvip_show_observe(s, only, &l, json, out);
}

static int explain_vip(const struct kvip_show_ctx *s, const char *arg, bool json,
		       struct kvip_buf *out, struct kvip_err *err)
{
	struct kvip_addr a;

	if (kvip_addr_parse(arg, &a))
		return kvip_err_set(err, -EINVAL, "`%.80s` is no address", arg);
	return kvip_show_explain_vip(s, &a, kvf_explain_more, NULL, json, out);
}

static int explain_service(const struct kvip_show_ctx *s, const char *arg, bool json,
			   struct kvip_buf *out, struct kvip_err *err)
{
	int rc = kvip_show_explain_service(s, arg, kvf_explain_more, NULL, json, out);

	if (rc == -EINVAL)
		return kvip_err_set(err, rc, "`%.80s`: write NAMESPACE/NAME", arg);
	if (rc == -ENOENT)
		return kvip_err_set(err, rc, "no cluster has a Service %.300s", arg);
	return rc;
}

static void look(struct kvip_show_ctx *s)
{
	*s = (struct kvip_show_ctx){
		.engine = kvf_host_engine(),
		.recon = kvf_host_recon(),
		.inject = kvf_host_conf()->inject,
		.meter = kvf_host_meter(),
		.now = kvf_host_now(),
		.wall = time(NULL),
		.standby = kvf_host_standby(),
		.state_note = kvf_record_note(),
	};
}

static struct kvip_show_job *begin_observe(const struct kvip_show_ctx *s,
					   const struct kvip_prefix *only, bool json,
					   struct kvip_buf *out)
{
	struct kvip_lookup l;

	return open_lookup(&l) ? NULL : kvip_show_observe_begin(s, only, &l, json, out);
}

typedef struct kvip_show_job *prefix_begin_fn(const struct kvip_show_ctx *s,
					      const struct kvip_prefix *only, bool json,
					      struct kvip_buf *out);

static struct kvip_show_job *begin_inside(prefix_begin_fn *fn, const struct kvip_show_ctx *s,
					  const char *arg, bool json, struct kvip_buf *out)
{
	struct kvip_prefix only;

	if (arg && kvip_prefix_parse(arg, &only))
		return NULL;
	return fn(s, arg ? &only : NULL, json, out);
}

/* Those that may be long. NULL: not one of them, or something is wrong, which show() says. */
static struct kvip_show_job *begin(enum kvf_show what, const char *arg, bool json,
				   struct kvip_buf *out)
{
	struct kvip_show_ctx s;

	look(&s);
	switch (what) {
	case KVF_SHOW_OVERVIEW:
		return kvip_show_overview_begin(&s, json, out);
	case KVF_SHOW_VIP:
		return begin_inside(kvip_show_vips_begin, &s, arg, json, out);
	case KVF_SHOW_OBSERVE:
		return begin_inside(begin_observe, &s, arg, json, out);
	case KVF_SHOW_SERVICE:
		return kvip_show_services_begin(&s, arg, json, out);
	case KVF_SHOW_NODE:
		return kvip_show_nodes_begin(&s, json, out);
	default:
		return NULL;
	}
}

static int show(enum kvf_show what, const char *arg, bool json, struct kvip_buf *out,
		struct kvip_err *err)
{
	struct kvip_show_ctx s;

	look(&s);
	switch (what) {
	case KVF_SHOW_OVERVIEW:
		return kvip_show_overview(&s, json, out);
	case KVF_SHOW_VIP:
		return show_inside(kvip_show_vips, &s, arg, json, out, err);
	case KVF_SHOW_OBSERVE:
		return show_inside(observe, &s, arg, json, out, err);
	case KVF_SHOW_HISTORY:
		return show_inside(kvip_show_history, &s, arg, json, out, err);
	case KVF_SHOW_SERVICE:
		return kvip_show_services(&s, arg, json, out);
	case KVF_SHOW_NODE:
		return kvip_show_nodes(&s, json, out);
	case KVF_SHOW_CLUSTER:
		return kvip_show_clusters(&s, arg, json, out);
	case KVF_SHOW_EXPLAIN_VIP:
		return explain_vip(&s, arg, json, out, err);
	case KVF_SHOW_EXPLAIN_SERVICE:
		return explain_service(&s, arg, json, out, err);
	case KVF_SHOW_CHECK:
		return kvf_check_show(json, out);
	}
	return -EINVAL;
}

static int answer(enum kvf_show what, const char *arg, bool json, struct vty *vty)
{
	struct kvf_answer *a = kvf_answer_new();
	struct kvip_show_job *job;
	struct kvip_err err = { "" };
	int rc;

	if (!a) {
		vty_out(vty, "%% %s\n", safe_strerror(ENOMEM));
		return CMD_WARNING;
	}
	job = begin(what, arg, json, kvf_answer_out(a));
	rc = job ? 0 : show(what, arg, json, kvf_answer_out(a), &err);
	if (rc)
		return kvf_answer_refuse(a, vty, err.text[0] ? err.text : safe_strerror(-rc));
	return kvf_answer_give(a, vty, job);
}

static int give(enum kvf_order what, const char *arg, struct kvip_err *err)
{
	struct kvip_engine *e = kvf_host_engine();

	switch (what) {
	case KVF_ORDER_RELIST:
		return kvip_engine_relist(e, arg);
	case KVF_ORDER_ACCEPT:
		return kvip_engine_accept_withdrawals(e, arg);
	case KVF_ORDER_CLEAR_ORPHANS:
		return kvip_err_set(err, 0, "%zu routes that only looked like ours removed",
				    kvf_host_clear_orphans());
	case KVF_ORDER_FLUSH:
		kvf_host_flush(true);
		return kvip_err_set(
			err, 0, "withdrawing every route; `clear kubevip flush` goes back to work");
	case KVF_ORDER_CLEAR_FLUSH:
		kvf_host_flush(false);
		return 0;
	}
	return -EINVAL;
}

static int order(enum kvf_order what, const char *arg, struct kvip_err *err)
{
	int rc;

	if (!kvf_host_engine())
		return kvip_err_set(err, -EAGAIN, "still starting: say it again in a moment");
	rc = give(what, arg, err);
	if (rc == -ENOENT)
		return kvip_err_set(err, rc, "there is no cluster %.63s", arg ? arg : "");
	if (!rc)
		kvf_host_wake();
	return rc;
}

static void debug(unsigned int mask)
{
	atomic_store_explicit(&kvf_host_log()->debug_mask, mask, memory_order_relaxed);
}

int kvf_cmd_init(bool in_bgpd)
{
	static struct kvf_cmd_hooks hooks = {
		.conf_line = conf_line,
		.conf_render = conf_render,
		.show = show,
		.answer = answer,
		.order = kvf_yang_order,
		.debug = debug,
		.enter = kvf_host_enter,
		.leave = kvf_host_leave,
	};
	static struct kvf_yang_hooks model = {
		.conf = kvf_host_conf,
		.set_conf = kvf_host_set_conf,
		.order = order,
		.look = look,
	};

	hooks.in_bgpd = in_bgpd;
	model.in_bgpd = in_bgpd;
	kvf_yang_set_hooks(&model);
	return kvf_cmd_install(&hooks);
}
