// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: checks of the configuration, the kernel's settings and the daemons beside us.
 *
 * Thread: T0, only when asked. A few small files of /proc and FRR's pid files are read; nothing is
 * remembered. What a check cannot read it says nothing about.
 */
#include "frr/kvf_compat.h"

#include "base/kvip_jsonw.h"
#include "frr/kvf_check.h"
#include "frr/kvf_host.h"
#include "frr/kvf_record.h"
#include "frr/kvf_zebra.h"
#include "vip/kvip_show.h"

#include "libfrr.h"

#include <stdio.h>
#include <unistd.h>

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

/* The number in a file, or -1. */
static long number_in(const char *path)
{
	FILE *f = fopen(path, "r");
	long n = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

struct setting {
	const char *path, *kind, *text;
	long wrong; /* the value that is to be said */
};

static const struct setting settings[] = {
	{ "/proc/sys/net/ipv4/ip_forward", "ip-forward",
	  "net.ipv4.ip_forward is 0: this host forwards no IPv4", 0 },
	{ "/proc/sys/net/ipv6/conf/all/forwarding", "ipv6-forwarding",
	  "net.ipv6.conf.all.forwarding is 0: this host forwards no IPv6", 0 },
	{ "/proc/sys/net/ipv4/fib_multipath_hash_policy", "multipath-hash-policy",
	  "net.ipv4.fib_multipath_hash_policy is 0: one client always meets one node; 1 spreads by port",
	  0 },
	{ "/proc/sys/net/ipv6/fib_multipath_hash_policy", "ipv6-multipath-hash-policy",
	  "net.ipv6.fib_multipath_hash_policy is 0: one client always meets one node; 1 spreads by port",
	  0 },
	{ "/proc/sys/net/ipv4/conf/all/rp_filter", "rp-filter",
	  "net.ipv4.conf.all.rp_filter is 1 (strict): answers that come another way are dropped; 2 is loose",
	  1 },
};

static void check_settings(struct report *r)
{
	for (size_t i = 0; i < array_size(settings); i++)
		if (number_in(settings[i].path) == settings[i].wrong)
			finding(r, settings[i].kind, settings[i].text);
}

/* When a process began, in seconds after boot; -1: no such process. proc(5), stat, field 22. */
static double started_s(long pid)
{
	char path[64], text[1024];
	unsigned long long ticks;
	const char *after_name;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	after_name = strrchr(text, ')');
	if (!after_name ||
	    sscanf(after_name + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &ticks) != 1)
		return -1;
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double daemon_started_s(const char *name)
{
	char path[512];
	long pid;

	snprintf(path, sizeof(path), "%s/%s.pid", frr_vtydir, name);
	pid = number_in(path);
	return pid > 0 ? started_s(pid) : -1;
}

/*
 * bgpd that has survived a restart of zebra keeps what it had redistributed and does not register again: it
 * hears of no change any more (measured on FRR 8.4.4; watchfrr restarts both). A second is the order
 * in which one start of FRR brings them up.
 */
static void check_bgpd_deaf(struct report *r)
{
	double zebra = daemon_started_s("zebra"), bgpd = daemon_started_s("bgpd");

	if (zebra >= 0 && bgpd >= 0 && bgpd + 1 < zebra)
		finding(r, "bgpd-older-than-zebra",
			"bgpd is older than zebra: zebra was restarted alone and bgpd hears of no route any more: restart bgpd");
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
	check_bgpd_deaf(r);
	check_settings(r);
	check_width(r);
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
