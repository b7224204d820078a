// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: composition of a shell.
 *
 * Thread: T0. Order at start: the state file is read and its routes adopted; then the session to
 * zebra is opened; when zebra has told this router's addresses and which of our routes it still
 * has, or two seconds have gone by without it, the engine gets what is to be restored, and then the
 * configuration and the facts, and the worker begins. Nothing is decided before. A process that
 * takes over later reads the file then, injects when it has read it, and tells the engine, which is
 * at work, what it does not know (kvf_turn.c).
 *
 * Whatever grows with the number of VIPs (reading, adopting, restoring, sending) is cut into events
 * of a few hundred routes: inside bgpd, BGP goes on in between (rules R5).
 *
 * Later: decisions come through the mailbox (an eventfd wakes the loop), are handed to the
 * reconciler, and slices of it run as events until nothing is left to do.
 */
#include "frr/kvf_host.h"

#include "base/kvip_limits.h"
#include "frr/kvf_answer.h"
#include "frr/kvf_clock.h"
#include "frr/kvf_facts.h"
#include "frr/kvf_flush.h"
#include "frr/kvf_record.h"
#include "frr/kvf_settle.h"
#include "frr/kvf_turn.h"
#include "frr/kvf_worker.h"
#include "frr/kvf_yang.h"
#include "frr/kvf_zebra.h"

#include "libfrr.h"
#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define FACTS_MS          50
#define FIRST_FACTS_MS    2000
#define TICK_MS           1000
#define DECISIONS_A_SLICE 256
#define SENDS_A_SLICE     128

static struct {
	struct kvf_host_options opt;
	struct kvip_log log;
	struct kvip_meter meter;
	/* configuration */
	struct kvip_conf *draft;
	enum {
		RESTORE_NONE,
		RESTORE_UNDER_WAY,
		RESTORE_DONE
	} restore;      /* what was before: to the engine */
	bool published; /* and it has had its first configuration */
	bool no_thread; /* it would run, but there is no thread to be had */
	bool zebra_started;
	kvip_msec start_ms;
	/* engine and worker */
	struct kvip_nhsets *nhsets;
	struct kvip_matches *matches; /* NULL: no route-map asks here */
	struct kvip_mailbox *mailbox;
	struct kvip_http *http;
	struct kvip_engine *engine;
	struct kvip_recon *recon;
	int wake_fd;
	struct kvf_event *t_facts, *t_wake, *t_work, *t_again, *t_tick;
} host = { .wake_fd = -1 };

static void write_log(void *ctx, enum kvip_log_level level, const char *line)
{
	static const int priority[] = {
		[KVIP_LOG_ERROR] = LOG_ERR,
		[KVIP_LOG_WARN] = LOG_WARNING,
		[KVIP_LOG_INFO] = LOG_INFO,
		[KVIP_LOG_DEBUG] = LOG_DEBUG,
	};

	(void)ctx;
	zlog(priority[level], "kubevip: %s", line);
}

void kvf_host_enter(void)
{
	kvip_meter_begin(&host.meter);
}

void kvf_host_leave(const char *what)
{
	kvip_meter_end(&host.meter, what);
}

static void enter(void *ctx)
{
	(void)ctx;
	kvf_host_enter();
}

static void leave(void *ctx, const char *what)
{
	(void)ctx;
	kvf_host_leave(what);
}

/* ---- decisions and slices ---- */

static void work(struct kvf_event *t);

static void schedule_work(void *ctx)
{
	(void)ctx;
	kvf_event_add_event(host.opt.loop, work, NULL, 0, &host.t_work);
}

static void work(struct kvf_event *t)
{
	kvip_msec now = kvf_now(), next;
	bool more;

	(void)t;
	enter(NULL);
	more = kvip_recon_step(host.recon, SENDS_A_SLICE, now);
	next = kvip_recon_deadline(host.recon);
	leave(NULL, "slice of routes");
	if (more)
		schedule_work(NULL);
	else if (next != KVIP_NEVER)
		kvf_event_add_timer_ms(host.opt.loop, work, NULL, next > now ? next - now : 1,
				       &host.t_again);
}

/* T1 calls this: the mailbox is no longer empty. */
static void wake_main(void *ctx)
{
	uint64_t one = 1;

	(void)ctx;
	if (write(host.wake_fd, &one, sizeof(one)) != sizeof(one))
		return; /* the counter is full: the loop is awake anyway */
}

static void take_decisions(void)
{
	struct kvip_decision d;

	for (int i = 0; i < DECISIONS_A_SLICE && kvip_mailbox_take(host.mailbox, &d); i++) {
		if (!kvip_recon_decide(host.recon, &d, kvf_now()))
			continue;
		/* no memory: back into the box, and not at once again */
		if (kvip_mailbox_put_back(host.mailbox, &d)) {
			kvip_nhset_unref(d.route.nhs);
			kvip_engine_republish(host.engine);
		}
		return;
	}
}

static void on_wake(struct kvf_event *t)
{
	uint64_t n;

	(void)t;
	kvf_event_add_read(host.opt.loop, on_wake, NULL, host.wake_fd, &host.t_wake);
	if (read(host.wake_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return;
	enter(NULL);
	take_decisions();
	(void)kvip_recon_step(host.recon, SENDS_A_SLICE, kvf_now());
	leave(NULL, "decisions");
	if (kvip_mailbox_pending(host.mailbox))
		wake_main(NULL);
	schedule_work(NULL);
}

/* ---- configuration and facts ---- */

static struct kvip_facts *gather_facts(void)
{
	struct kvip_facts *f = kvf_facts_gather(host.draft);

	if (f && host.matches) {
		f->matches = kvip_matches_publish(host.matches);
		if (!f->matches) {
			kvip_facts_unref(f);
			f = NULL;
		}
	}
	if (f)
		kvip_recon_set_facts(host.recon, f, kvf_now());
	return f;
}

static void publish(struct kvip_conf *conf)
{
	struct kvip_facts *f = gather_facts();

	if (conf)
		kvip_recon_set_conf(host.recon, conf);
	kvip_engine_configure(host.engine, conf, f);
	kvip_facts_unref(f);
	schedule_work(NULL);
	kvf_worker_wake();
}

static void publish_draft(void)
{
	struct kvip_conf *frozen = kvip_conf_dup(host.draft);

	if (!frozen) {
		zlog_err(
			"kubevip: out of memory: the configuration is not in force, say a line again");
		return;
	}
	frozen->generation = ++host.draft->generation;
	kvf_turn_configure(frozen);
	publish(frozen);
	kvip_conf_unref(frozen);
}

/* Half a configuration may say `inject zebra` where the whole one does not, and has not every
 * range: it would withdraw what the other half routes (rules R4). */
static bool ready_for_first(void)
{
	if (kvf_settle_busy())
		return false;
	return kvf_zebra_told() || kvf_now() - host.start_ms >= FIRST_FACTS_MS;
}

static void start_worker(void)
{
	int rc = kvf_worker_start(host.engine, host.http);

	if (rc && !host.no_thread)
		zlog_err(
			"kubevip: cannot start a thread: %s: nothing is watched, tried again each second",
			safe_strerror(-rc));
	host.no_thread = rc != 0;
}

static void begin(void)
{
	host.published = true;
	publish_draft();
	start_worker();
}

/* Addresses of this router have been told, and with them everything that zebra says on connect. */
static void facts_settled(struct kvf_event *t)
{
	(void)t;
	if (!host.published && !ready_for_first()) {
		kvf_event_add_timer_ms(host.opt.loop, facts_settled, NULL, FACTS_MS, &host.t_facts);
		return;
	}
	enter(NULL);
	if (host.published && !kvf_settle_pending()) { /* else they go with the configuration */
		publish(NULL);
	} else if (!host.published && host.restore == RESTORE_NONE) {
		host.restore = RESTORE_UNDER_WAY;
		kvf_turn_restore(host.engine);
	} else if (!host.published && host.restore == RESTORE_DONE) {
		begin();
	}
	leave(NULL, "addresses");
}

/* The engine knows to the end what was before: it may decide, unless a load has begun meanwhile. */
static void restored(void)
{
	host.restore = RESTORE_DONE;
	if (host.published)
		kvf_worker_wake();
	else
		kvf_event_add_event(host.opt.loop, facts_settled, NULL, 0, &host.t_facts);
}

static void addresses_changed(void *ctx)
{
	(void)ctx;
	if (host.opt.flush_and_exit)
		return; /* the engine stays out of it: what it decided would never be gone */
	kvf_event_add_timer_ms(host.opt.loop, facts_settled, NULL, FACTS_MS, &host.t_facts);
}

static void settled(void)
{
	if (!host.published)
		return; /* facts_settled() waits for this, and takes the draft as it is then */
	enter(NULL);
	publish_draft();
	leave(NULL, "configuration");
}

void kvf_host_set_conf(struct kvip_conf *conf)
{
	conf->generation = host.draft->generation;
	kvip_conf_unref(host.draft);
	host.draft = conf;
	kvf_settle_changed();
}

/* ---- once a second ---- */

static void leave_with(int status)
{
	kvf_host_stop();
	exit(status);
}

static void flush_and_exit(void)
{
	int status = kvf_flush_step(host.recon);

	if (status >= 0)
		leave_with(status);
}

static void tick(struct kvf_event *t)
{
	(void)t;
	enter(NULL);
	kvf_turn_take(host.draft);
	kvip_recon_tick(host.recon, kvf_now());
	if (host.opt.flush_and_exit)
		flush_and_exit();
	else if (host.published)
		kvf_record_keep(host.engine, host.draft);
	if (host.opt.in_bgpd && kvf_facts_plists_changed(host.draft))
		kvf_settle_changed();
	if (kvf_facts_neighbours_changed())
		addresses_changed(NULL);
	if (host.matches && kvip_matches_changed(host.matches))
		kvf_host_matches_changed(); /* there was no memory */
	if (host.published)
		start_worker();
	kvf_yang_notify();
	leave(NULL, "tick");
	schedule_work(NULL);
	kvf_event_add_timer_ms(host.opt.loop, tick, NULL, TICK_MS, &host.t_tick);
}

/* ---- life ---- */

/* When what is ours has been read: zebra's answers are compared with it. */
static void start_zebra(void)
{
	if (host.zebra_started)
		return;
	host.zebra_started = true;
	host.start_ms = kvf_now();
	kvf_zebra_start(host.recon);
	if (!host.opt.flush_and_exit)
		addresses_changed(NULL);
}

int kvf_host_init(const struct kvf_host_options *options)
{
	const struct kvf_zebra_host zh = {
		.work = schedule_work,
		.addresses_changed = addresses_changed,
		.enter = enter,
		.leave = leave,
	};

	host.opt = *options;
	host.log.write = write_log;
	host.draft = kvip_conf_new();
	host.nhsets = kvip_nhsets_new();
	host.matches = options->marked ? kvip_matches_new() : NULL;
	if (!host.draft || !host.nhsets || (options->marked && !host.matches))
		return -ENOMEM;
	kvf_turn_init(&(struct kvf_turn_options){
		.loop = host.opt.loop,
		.name = host.opt.name,
		.state_path = host.opt.state_path,
		.flush = host.opt.flush_and_exit,
		.read = start_zebra,
		.restored = restored,
		.enter = enter,
		.leave = leave,
	});
	kvf_settle_init(host.opt.loop, host.opt.loading, settled);
	kvf_zebra_init(host.opt.loop, host.opt.privs, &zh);
	kvf_answer_init(&(struct kvf_answer_options){
		.loop = host.opt.loop,
		.enter = kvf_host_enter,
		.leave = kvf_host_leave,
	});
	if (!host.opt.in_bgpd)
		kvf_facts_on_plist_change(kvf_settle_changed);
	return 0;
}

static uint64_t random_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uint64_t)kvf_now();
	return seed;
}

static bool marks_matter(void *ctx, const struct kvip_marks *a, const struct kvip_marks *b)
{
	return kvip_matches_differ(ctx, a, b);
}

/* Without a descriptor or memory: this process goes on without us (rules R5), or ends by itself. */
static int give_up(void)
{
	int rc = errno ? -errno : -ENOMEM;

	zlog_err("kubevip: cannot start: %s: nothing is injected until the next start",
		 safe_strerror(-rc));
	kvip_engine_free(host.engine);
	kvip_recon_free(host.recon);
	kvip_http_free(host.http);
	kvip_mailbox_free(host.mailbox);
	if (host.wake_fd >= 0)
		close(host.wake_fd);
	host.engine = NULL;
	host.recon = NULL;
	host.http = NULL;
	host.mailbox = NULL;
	host.wake_fd = -1;
	return rc;
}

int kvf_host_start(void)
{
	const struct kvip_recon_deps rd = {
		.sink = &kvf_zebra_ops,
		.node_sink = host.opt.bgp_sink,
		.nhsets = host.nhsets,
		.log = &host.log,
		.marks_matter = host.matches ? marks_matter : NULL,
		.marked = host.opt.marked,
		.marks_ctx = host.matches,
	};
	struct kvip_engine_deps ed = {
		.nhsets = host.nhsets,
		.log = &host.log,
		.seed = random_seed(),
	};
	char agent[64];

	snprintf(agent, sizeof(agent), "%s/%s", host.opt.name, KUBEVIP_VERSION);
	host.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	host.mailbox = kvip_mailbox_new(wake_main, NULL);
	host.http = kvip_http_new(agent, &host.log);
	ed.mailbox = host.mailbox;
	ed.http = host.http;
	host.recon = kvip_recon_new(&rd);
	host.engine = kvip_engine_new(&ed);
	if (host.wake_fd < 0 || !host.mailbox || !host.http || !host.recon || !host.engine)
		return give_up();
	kvf_turn_start(host.recon, host.nhsets, host.matches);
	kvf_turn_take(host.draft);
	kvf_event_add_read(host.opt.loop, on_wake, NULL, host.wake_fd, &host.t_wake);
	tick(NULL);
	if (!kvf_turn_reading())
		start_zebra();
	return 0;
}

void kvf_host_stop(void)
{
	if (!host.engine)
		return;
	kvf_answer_stop();
	kvf_worker_stop();
	kvf_settle_stop();
	kvf_event_cancel(&host.t_facts);
	kvf_event_cancel(&host.t_wake);
	kvf_event_cancel(&host.t_work);
	kvf_event_cancel(&host.t_again);
	kvf_event_cancel(&host.t_tick);
	kvf_zebra_stop();
	kvip_engine_free(host.engine);
	host.engine = NULL;
	kvip_http_free(host.http);
	kvip_mailbox_free(host.mailbox);
	kvip_recon_free(host.recon);
	kvf_turn_stop();
	host.recon = NULL; /* route-maps may still ask */
	kvip_conf_unref(host.draft);
	kvip_nhsets_free(host.nhsets);
	/* host.matches stays: route-maps are taken down after us */
	close(host.wake_fd);
}

struct kvip_conf *kvf_host_conf(void)
{
	return host.draft;
}

struct kvip_matches *kvf_host_matches(void)
{
	return host.matches;
}

/* Before the first publication it is part of that one. */
void kvf_host_matches_changed(void)
{
	if (host.published)
		addresses_changed(NULL);
}

bool kvf_host_resend(uint32_t vrf_id, const struct kvip_prefix *p)
{
	bool ours = kvip_recon_resend(host.recon, vrf_id, p);

	if (ours)
		schedule_work(NULL);
	return ours;
}

struct kvip_engine *kvf_host_engine(void)
{
	return host.engine;
}

struct kvip_recon *kvf_host_recon(void)
{
	return host.recon;
}

struct kvip_log *kvf_host_log(void)
{
	return &host.log;
}

const struct kvip_meter *kvf_host_meter(void)
{
	return &host.meter;
}

const char *kvf_host_standby(void)
{
	return kvf_turn_standby();
}

void kvf_host_flush(bool on)
{
	kvip_recon_flush(host.recon, on, kvf_now());
	schedule_work(NULL);
}

void kvf_host_recheck(void)
{
	if (!host.recon)
		return;
	kvip_recon_recheck(host.recon);
	schedule_work(NULL);
}

size_t kvf_host_clear_orphans(void)
{
	size_t n;

	kvf_turn_order_leave();
	n = kvip_recon_clear_suspects(host.recon);
	kvip_engine_clear_orphans(host.engine);
	kvf_worker_wake();
	return n;
}

void kvf_host_wake(void)
{
	kvf_worker_wake();
}

kvip_msec kvf_host_now(void)
{
	return kvf_now();
}
