// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what `show kubevip check` says: the configuration's, the engine's, this host's findings.
 *
 * Thread: T0, only when asked.
 */
#include "frr/kvf_compat.h"

#include "base/kvip_jsonw.h"
#include "frr/kvf_check.h"
#include "frr/kvf_host.h"
#include "frr/kvf_record.h"
#include "frr/kvf_zebra.h"
#include "vip/kvip_show.h"

#include <stdio.h>

/* Of the module: what only bgpd knows. */
static void (*more)(kvf_check_say *say, void *ctx);

struct report {
	struct kvip_jsonw *json; /* NULL: text */
	struct kvip_buf *out;
	unsigned int n;
};

static void finding(struct report *r, const char *kind, const char *text)
{
	r->n++;
	if (!r->json) {
		kvip_buf_printf(r->out, "! %s\n", text);
		return;
	}
	kvip_jsonw_object(r->json, NULL);
	kvip_jsonw_string(r->json, "kind", kind);
	kvip_jsonw_string(r->json, "text", text);
	kvip_jsonw_end(r->json);
}

static void from_engine(void *ctx, const struct kvip_finding *f)
{
	struct report *r = ctx;

	r->n++;
	if (r->json)
		kvip_show_json_finding(r->json, f);
	else
		kvip_buf_printf(r->out, "! %s\n", f->text);
}

static void say(void *ctx, const char *kind, const char *text)
{
	finding(ctx, kind, text);
}

static void from_configuration(void *ctx, const char *text)
{
	finding(ctx, "configuration", text);
}

static void check_zebra(struct report *r)
{
	if (kvf_host_engine() && !kvf_zebra_connected())
		finding(r, "zebra-down", "no session to zebra: nothing can be installed");
}

static void check_width(struct report *r)
{
	char text[160];

	if (kvf_zebra_width() >= 16)
		return;
	snprintf(text, sizeof(text),
		 "this FRR was built for %u next hops a route: larger sets are cut",
		 kvf_zebra_width());
	finding(r, "multipath-width", text);
}

static void check_all(struct report *r)
{
	kvip_conf_check(kvf_host_conf(), from_configuration, r);
	if (kvf_host_engine())
		kvip_engine_check(kvf_host_engine(), from_engine, r);
	check_zebra(r);
	check_width(r);
	kvf_check_host(say, r);
	if (more)
		more(say, r);
	if (kvf_record_note())
		finding(r, "state-file", kvf_record_note());
}

void kvf_check_register(void (*check)(kvf_check_say *say, void *ctx))
{
	more = check;
}

int kvf_check_show(bool json, struct kvip_buf *out)
{
	struct report r = { .out = out };
	struct kvip_jsonw w;

	if (!json) {
		check_all(&r);
		if (!r.n)
			kvip_buf_puts(out, "Nothing found.\n");
		return out->err;
	}
	r.json = &w;
	kvip_jsonw_init(&w, out);
	kvip_jsonw_object(&w, NULL);
	kvip_jsonw_array(&w, "findings");
	check_all(&r);
	kvip_jsonw_end(&w);
	kvip_jsonw_end(&w);
	return kvip_jsonw_finish(&w);
}
