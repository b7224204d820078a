// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: checks of this host: the kernel's settings and routes, FRR's processes, systemd's units.
 *
 * Thread: T0, only when asked. A few small files are read and the kernel is asked for a few routes;
 * nothing is remembered. What a check cannot read it says nothing about.
 */
#include "frr/kvf_compat.h"

#include "frr/kvf_check.h"
#include "frr/kvf_clock.h"
#include "frr/kvf_host.h"
#include "frr/kvf_rib.h"
#include "vip/kvip_recon.h"

#include "libfrr.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static void check_settings(kvf_check_say *say, void *ctx)
{
	for (size_t i = 0; i < array_size(settings); i++)
		if (number_in(settings[i].path) == settings[i].wrong)
			say(ctx, settings[i].kind, settings[i].text);
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
 * bgpd that has survived a restart of zebra keeps what it had redistributed and does not register
 * again: it hears of no change any more (measured on FRR 8.4.4; watchfrr restarts both). A second is
 * the order in which one start of FRR brings them up.
 */
static void check_bgpd_deaf(kvf_check_say *say, void *ctx)
{
	double zebra = daemon_started_s("zebra"), bgpd = daemon_started_s("bgpd");

	if (zebra >= 0 && bgpd >= 0 && bgpd + 1 < zebra)
		say(ctx, "bgpd-older-than-zebra",
		    "bgpd is older than zebra: zebra was restarted alone and bgpd hears of no route any more: restart bgpd");
}

/*
 * Does the kernel have what zebra says that it has? One route is asked for of each set of next
 * hops, some 20 microseconds each: it is by sets that zebra 8.4.4 goes wrong, which takes next-hop
 * objects for there that the kernel dropped with a link. What has just changed may be on its way;
 * somebody else's route is there by policy routing, or zebra would say that ours is not.
 */
#define SETTLED_MS 2000
#define MAX_ROUTES 4096
#define MAX_ASKED  64

struct comparison {
	struct kvf_rib rib;
	const struct kvip_nhset *asked[MAX_ASKED];
	size_t n_asked;
	kvip_msec now;
	kvf_check_say *say;
	void *ctx;
};

static bool is_settled(const struct comparison *c, const struct kvip_route_view *v)
{
	return v->state == KVIP_ROUTE_INSTALLED && v->id.table == 0 && v->usable &&
	       v->installed == v->usable && c->now - v->sent_ms >= SETTLED_MS &&
	       c->now - v->installed_ms >= SETTLED_MS;
}

static bool is_new(struct comparison *c, const struct kvip_nhset *nhs)
{
	for (size_t i = 0; i < c->n_asked; i++)
		if (c->asked[i] == nhs)
			return false;
	c->asked[c->n_asked++] = nhs;
	return true;
}

static bool compare(void *ctx, const struct kvip_route_view *v)
{
	struct comparison *c = ctx;
	char prefix[KVIP_PREFIX_STRLEN], text[320];
	struct kvf_rib_route route;
	int rc;

	if (!is_settled(c, v) || !is_new(c, v->usable))
		return true;
	rc = kvf_rib_find(&c->rib, &v->id.prefix, &route);
	if (rc < 0)
		return false;
	if (rc > 0 && (route.protocol != KVF_RIB_STATIC || kvf_rib_agrees(&route, v)))
		return c->n_asked < MAX_ASKED;
	snprintf(
		text, sizeof(text),
		"zebra says that the kernel has the route to %s with %u next hops, the kernel has %s: restart FRR, with `no zebra nexthop kernel enable` if it is 8.4",
		kvip_prefix_render(&v->id.prefix, prefix), v->usable->n, rc ? "others" : "none");
	c->say(c->ctx, "kernel-differs", text);
	return false;
}

static void check_kernel_routes(kvf_check_say *say, void *ctx)
{
	struct comparison c = { .now = kvf_now(), .say = say, .ctx = ctx };
	struct kvip_recon_at at = { 0 };

	if (!kvf_host_recon() || kvf_rib_open(&c.rib) < 0)
		return;
	kvip_recon_each_some(kvf_host_recon(), &at, MAX_ROUTES, compare, &c);
	kvf_rib_close(&c.rib);
}

/* Where systemd looks for a unit, first to last: systemd.unit(5). */
static const char *const unit_dirs[] = { "/etc/systemd/system", "/run/systemd/system",
					 "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
					 "/lib/systemd/system" };

struct ordering {
	bool after_online, before_network;
};

static bool names(const char *line, const char *directive, const char *unit)
{
	const size_t n = strlen(directive), len = strlen(unit);
	const char *at;

	if (strncmp(line, directive, n) != 0)
		return false;
	for (at = strstr(line + n, unit); at; at = strstr(at + 1, unit))
		if (strchr("= \t", at[-1]) && strchr(" \t\r\n", at[len]))
			return true;
	return false;
}

static bool read_unit(const char *path, struct ordering *o)
{
	FILE *f = fopen(path, "r");
	char line[1024];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		o->after_online |= names(line, "After=", "network-online.target");
		o->before_network |= names(line, "Before=", "network.target");
	}
	fclose(f);
	return true;
}

/* Ordering is only ever added by a drop-in; so all of them count, in any order. */
static void read_drop_ins(const char *dir, struct ordering *o)
{
	char pattern[128];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/frr.service.d/*.conf", dir);
	if (glob(pattern, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		read_unit(g.gl_pathv[i], o);
	globfree(&g);
}

/*
 * FRR's unit is Before=network.target, and network-online.target is After= that. Who adds
 * After=network-online.target, so that FRR starts when the network is up, has made an ordering
 * cycle: systemd drops a unit of it at boot. Sources: systemd.unit(5), systemd.special(7) 252,
 * tools/frr.service of FRR 8.4.4 and 10.7.1.
 */
static void check_unit_ordering(kvf_check_say *say, void *ctx)
{
	struct ordering o = { 0 };
	char path[128];
	bool found = false;

	for (size_t i = 0; i < array_size(unit_dirs); i++) {
		snprintf(path, sizeof(path), "%s/frr.service", unit_dirs[i]);
		found = found || read_unit(path, &o);
		read_drop_ins(unit_dirs[i], &o);
	}
	if (o.after_online && o.before_network)
		say(ctx, "unit-ordering",
		    "frr.service is ordered After=network-online.target and Before=network.target, which is an ordering cycle: systemd leaves out one of its units at boot. Take After=network-online.target away: VIPs are routed when the nodes become reachable, however late that is");
}

void kvf_check_host(kvf_check_say *say, void *ctx)
{
	check_bgpd_deaf(say, ctx);
	check_settings(say, ctx);
	check_kernel_routes(say, ctx);
	check_unit_ordering(say, ctx);
}
