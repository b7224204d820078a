// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the turn to inject into zebra, and how it ends.
 *
 * Thread: T0. While routes go to zebra the lock is tried each second; whoever gets it reads the
 * record and injects. `inject bgp` and `observe` need no lock (rules R1), but what was injected
 * before has to go: now, if this process is the one that injects; at the first configuration, if
 * this shell did so before a restart. What the other shell has put into zebra is not ours to
 * withdraw, beside `observe` it may well go on injecting: then nothing is touched, and the lock,
 * which a process that had no configuration yet has taken at its start, is given back as it was.
 *
 * A shell without a cluster has nothing to inject. It takes the lock only if nobody wants it, so that
 * orphans are seen and can be cleared, and makes room as soon as somebody does.
 *
 * The record is read, and told to the engine, in slices: it may name tens of thousands of routes,
 * and inside bgpd BGP goes on in between (rules R5). This process is active when all of it has been
 * read.
 *
 * Nothing of this happens before a configuration has settled (rules R4).
 */
#include "frr/kvf_turn.h"

#include "frr/kvf_clock.h"
#include "frr/kvf_lock.h"
#include "frr/kvf_record.h"
#include "frr/kvf_worker.h"

#include "libfrr.h"
#include "log.h"

#include <string.h>
#include <unistd.h>

/* /var/lib/kubevip is made by the packages; without it the run directory has to do, which a boot
 * empties. One file for whichever shell injects: the next one finds what is ours. */
#define STATE_DIR "/var/lib/kubevip"

static struct {
	struct kvf_turn_options opt;
	struct kvip_recon *recon;
	struct kvip_nhsets *nhsets;
	struct kvip_matches *matches;
	struct kvip_engine *engine; /* NULL: what is read is restored later */
	enum kvip_inject inject;    /* as configured last, if configured */
	bool configured;            /* there was a configuration */
	bool has_clusters;          /* and it had something to inject */
	bool drafts_clusters;       /* until then: what has been typed has */
	bool injected;              /* into zebra, by configuration: so it is ours to withdraw */
	bool leaving;               /* zebra is being emptied of ours, with the lock held */
	/* Of the record. Read: this process injects, or empties zebra. */
	enum { RECORD_CLOSED = 0, RECORD_READING, RECORD_READ } record;
	struct kvf_event *t_read, *t_restore;
	char standby[160], state_path[512];
} turn;

void kvf_turn_init(const struct kvf_turn_options *options)
{
	char lock_path[512];

	turn.opt = *options;
	snprintf(lock_path, sizeof(lock_path), "%s/kubevip.lock", frr_vtydir);
	kvf_lock_init(lock_path);
	if (turn.opt.state_path)
		snprintf(turn.state_path, sizeof(turn.state_path), "%s", turn.opt.state_path);
	else
		snprintf(turn.state_path, sizeof(turn.state_path), "%s/kubevip.state",
			 access(STATE_DIR, F_OK) == 0 ? STATE_DIR : frr_vtydir);
}

void kvf_turn_start(struct kvip_recon *recon, struct kvip_nhsets *nhsets,
		    struct kvip_matches *matches)
{
	turn.recon = recon;
	turn.nhsets = nhsets;
	turn.matches = matches;
}

static bool into_zebra(void)
{
	return turn.opt.flush || turn.inject == KVIP_INJECT_ZEBRA;
}

static void take(void);

static void restore_some(struct kvf_event *t)
{
	bool more;

	(void)t;
	turn.opt.enter(NULL);
	more = kvf_record_restore_some(turn.recon, turn.engine);
	if (!more)
		turn.opt.restored();
	turn.opt.leave(NULL, "restoring routes");
	if (more)
		kvf_event_add_event(turn.opt.loop, restore_some, NULL, 0, &turn.t_restore);
}

/* From the beginning, if it is under way: what the engine has already it does not take twice. */
static void restore(void)
{
	if (!turn.engine)
		return;
	kvf_record_restore();
	kvf_event_add_event(turn.opt.loop, restore_some, NULL, 0, &turn.t_restore);
}

static void note_leaving(void)
{
	zlog_info("kubevip: %zu routes of ours are withdrawn from zebra",
		  kvip_recon_owned(turn.recon));
}

static void has_been_read(void)
{
	turn.record = RECORD_READ;
	if (turn.leaving)
		note_leaving();
	else
		restore();
	take();
	turn.opt.read();
}

static void read_some(struct kvf_event *t)
{
	bool more;

	(void)t;
	turn.opt.enter(NULL);
	more = kvf_record_open_some(turn.recon);
	if (!more)
		has_been_read();
	turn.opt.leave(NULL, "reading the state file");
	if (more)
		kvf_event_add_event(turn.opt.loop, read_some, NULL, 0, &turn.t_read);
}

/*
 * The record is read by the one that injects, when it begins to: before, it is another's to write,
 * and what that one sent in the meantime is ours from then on.
 */
static void begin(void)
{
	if (turn.record != RECORD_CLOSED)
		return;
	turn.record = RECORD_READING;
	kvf_record_open(turn.state_path, turn.recon, turn.nhsets, turn.matches);
	kvf_event_add_event(turn.opt.loop, read_some, NULL, 0, &turn.t_read);
}

static void close_record(void)
{
	kvf_event_cancel(&turn.t_read);
	kvf_record_close();
	turn.record = RECORD_CLOSED;
}

static void end(void)
{
	kvip_recon_set_active(turn.recon, false, kvf_now());
	kvip_recon_set_state(turn.recon, NULL);
	close_record();
}

/* Else nothing is lost if another process injects. */
static bool wants_turn(void)
{
	if (turn.leaving || turn.opt.flush || (turn.injected && kvip_recon_owned(turn.recon)))
		return true;
	return into_zebra() && (turn.has_clusters || turn.drafts_clusters);
}

/* The other one reads the record as it is: what was read from it here is forgotten. */
static void make_room(void)
{
	zlog_info("kubevip: nothing to inject here: another process may");
	end();
	kvip_recon_disown(turn.recon);
	if (turn.engine)
		kvip_engine_clear_orphans(turn.engine);
	kvf_worker_wake();
	if (turn.injected)
		kvf_lock_release();
	else
		kvf_lock_give_back();
}

/* What another process has to care for by now must have been forgotten before it is read again. */
static bool try_lock(char *holder, size_t size)
{
	if (turn.record == RECORD_READ && !wants_turn() && kvf_lock_is_wanted())
		make_room();
	if (turn.record == RECORD_CLOSED && kvip_recon_owned(turn.recon))
		return false;
	return kvf_lock_try(turn.opt.name, wants_turn(), holder, size);
}

static void note_standby(const char *holder, bool active)
{
	if (holder[0] && strcmp(turn.standby, holder))
		zlog_warn("kubevip: standby: %s injects", holder);
	if (active && turn.standby[0] && into_zebra())
		zlog_info("kubevip: this process injects now");
	snprintf(turn.standby, sizeof(turn.standby), "%s", holder);
}

static void take(void)
{
	char holder[sizeof(turn.standby)] = "";
	bool active;

	active = (into_zebra() || turn.leaving) && try_lock(holder, sizeof(holder));
	note_standby(holder, active);
	if (active)
		begin();
	turn.injected |= active && turn.has_clusters && into_zebra();
	kvip_recon_set_active(turn.recon, active && turn.record == RECORD_READ, kvf_now());
	if (!turn.leaving || turn.record != RECORD_READ || kvip_recon_owned(turn.recon))
		return;
	turn.leaving = false;
	end();
	kvf_lock_release();
}

void kvf_turn_take(const struct kvip_conf *draft)
{
	if (!turn.configured) {
		turn.inject = draft->inject;
		turn.drafts_clusters = draft->n_clusters > 0;
	}
	take();
}

/* @all: an order; else what this shell has injected. */
static void leave(bool all)
{
	bool ours = all || turn.injected || kvf_lock_last_was(turn.opt.name);
	char holder[sizeof(turn.standby)];

	turn.leaving = ours && kvf_lock_try(turn.opt.name, true, holder, sizeof(holder));
	if (kvf_lock_held() && !turn.leaving) {
		end();
		kvf_lock_give_back();
	}
	turn.injected = false;
	if (turn.leaving && turn.record == RECORD_READ)
		note_leaving();
	take();
}

void kvf_turn_configure(const struct kvip_conf *conf)
{
	bool was_zebra = !turn.configured || turn.inject == KVIP_INJECT_ZEBRA;

	turn.configured = true;
	turn.inject = conf->inject;
	turn.has_clusters = conf->n_clusters > 0;
	turn.drafts_clusters = false;
	if (conf->inject != KVIP_INJECT_ZEBRA && was_zebra) {
		leave(false);
	} else if (conf->inject == KVIP_INJECT_ZEBRA && turn.leaving) {
		turn.leaving = false; /* what is left of it stays */
		if (turn.record == RECORD_READ)
			restore();
	}
}

void kvf_turn_restore(struct kvip_engine *engine)
{
	turn.engine = engine;
	restore();
}

bool kvf_turn_reading(void)
{
	return turn.record == RECORD_READING;
}

void kvf_turn_order_leave(void)
{
	if (turn.configured && !into_zebra())
		leave(true);
}

const char *kvf_turn_standby(void)
{
	return turn.standby[0] ? turn.standby : NULL;
}

void kvf_turn_stop(void)
{
	kvf_event_cancel(&turn.t_restore);
	close_record();
	kvf_lock_release();
}
