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
 * Nothing of this happens before a configuration has settled (rules R4).
 */
#include "frr/kvf_turn.h"

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
	struct kvip_engine *engine; /* NULL: what is read is restored later */
	enum kvip_inject inject;    /* as configured last, if configured */
	bool configured;            /* there was a configuration */
	bool has_clusters;          /* and it had something to inject */
	bool injected;              /* into zebra, by configuration: so it is ours to withdraw */
	bool leaving;               /* zebra is being emptied of ours, with the lock held */
	bool reading;               /* the record is open: this process injects, or empties zebra */
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

void kvf_turn_start(struct kvip_recon *recon, struct kvip_nhsets *nhsets)
{
	turn.recon = recon;
	turn.nhsets = nhsets;
}

static kvip_msec now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (kvip_msec)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool into_zebra(void)
{
	return turn.opt.flush || turn.inject == KVIP_INJECT_ZEBRA;
}

static void restore(void)
{
	if (!turn.engine)
		return;
	kvf_record_restore(turn.recon, turn.engine);
	kvf_worker_wake();
}

/*
 * The record is read by the one that injects, when it begins to: before, it is another's to write,
 * and what that one sent in the meantime is ours from then on.
 */
static void begin(void)
{
	if (turn.reading)
		return;
	turn.reading = true;
	kvf_record_open(turn.state_path, turn.recon, turn.nhsets);
	if (!turn.leaving)
		restore();
}

static void end(void)
{
	kvip_recon_set_active(turn.recon, false, now_ms());
	kvip_recon_set_state(turn.recon, NULL);
	kvf_record_close();
	turn.reading = false;
}

static void note_standby(const char *holder)
{
	if (holder[0] && strcmp(turn.standby, holder))
		zlog_warn("kubevip: standby: %s injects", holder);
	if (!holder[0] && turn.standby[0] && into_zebra())
		zlog_info("kubevip: this process injects now");
	snprintf(turn.standby, sizeof(turn.standby), "%s", holder);
}

void kvf_turn_take(const struct kvip_conf *draft)
{
	char holder[sizeof(turn.standby)] = "";
	bool active;

	if (!turn.configured)
		turn.inject = draft->inject;
	active = (into_zebra() || turn.leaving) &&
		 kvf_lock_try(turn.opt.name, holder, sizeof(holder));
	note_standby(holder);
	if (active)
		begin();
	turn.injected |= active && turn.has_clusters && into_zebra();
	kvip_recon_set_active(turn.recon, active, now_ms());
	if (!turn.leaving || kvip_recon_owned(turn.recon))
		return;
	turn.leaving = false;
	end();
	kvf_lock_release();
}

/* @all: an order; else what this shell has injected. */
static void leave(const struct kvip_conf *conf, bool all)
{
	bool ours = all || turn.injected || kvf_lock_last_was(turn.opt.name);
	char holder[sizeof(turn.standby)];

	turn.leaving = ours && kvf_lock_try(turn.opt.name, holder, sizeof(holder));
	if (kvf_lock_held() && !turn.leaving) {
		end();
		kvf_lock_give_back();
	}
	turn.injected = false;
	kvf_turn_take(conf);
	if (turn.leaving)
		zlog_info("kubevip: %zu routes of ours are withdrawn from zebra",
			  kvip_recon_owned(turn.recon));
}

void kvf_turn_configure(const struct kvip_conf *conf)
{
	bool was_zebra = !turn.configured || turn.inject == KVIP_INJECT_ZEBRA;

	turn.configured = true;
	turn.inject = conf->inject;
	turn.has_clusters = conf->n_clusters > 0;
	if (conf->inject != KVIP_INJECT_ZEBRA && was_zebra) {
		leave(conf, false);
	} else if (conf->inject == KVIP_INJECT_ZEBRA && turn.leaving) {
		turn.leaving = false; /* what is left of it stays */
		restore();
	}
}

void kvf_turn_restore(struct kvip_engine *engine)
{
	turn.engine = engine;
	if (turn.reading)
		restore();
}

void kvf_turn_order_leave(void)
{
	if (turn.configured && !into_zebra())
		leave(NULL, true);
}

const char *kvf_turn_standby(void)
{
	return turn.standby[0] ? turn.standby : NULL;
}

void kvf_turn_stop(void)
{
	kvf_record_close();
	kvf_lock_release();
}
