// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a configuration is put in force as a whole (rules R4): a second after the last line, never
 * within a load.
 *
 * Thread: T0. Who changes a line removes it first and adds the new one later: frr-reload.py with a
 * vtysh for each line that it removes, whosever line, and in another one what it adds. So the last
 * line is anybody's: while a line of ours waits, every line that this daemon is given in its
 * configuration lets it wait on. Loads and others' lines are waited for 30 s at most.
 *
 * Sources: FRR 8.4.4, tools/frr-reload.py, lib/command.c (cmd_execute).
 */
#include "frr/kvf_settle.h"

#include "frr/kvf_host.h"

#include "command.h"
#include "vty.h"

#define QUIET_MS 1000
#define LIMIT_MS 30000

static struct {
	struct kvf_event_loop *loop;
	bool (*loading)(void);
	void (*settled)(void);
	kvip_msec load_since;  /* a load is under way; 0: none */
	kvip_msec since, last; /* the first and the last line that wait, or have waited */
	struct kvf_event *timer;
} settle;

static bool is_loading(void)
{
	if (settle.loading && settle.loading() != !!settle.load_since)
		settle.load_since = settle.load_since ? 0 : kvf_host_now();
	return settle.load_since && kvf_host_now() - settle.load_since < LIMIT_MS;
}

static void expired(struct kvf_event *t);

static void wait_on(void)
{
	kvf_event_cancel(&settle.timer);
	if (settle.loop)
		kvf_event_add_timer_ms(settle.loop, expired, NULL, QUIET_MS, &settle.timer);
	settle.last = kvf_host_now();
}

static void expired(struct kvf_event *t)
{
	(void)t;
	if (is_loading()) {
		kvf_event_add_timer_ms(settle.loop, expired, NULL, QUIET_MS, &settle.timer);
		return;
	}
	settle.load_since = 0;
	settle.settled();
}

void kvf_settle_changed(void)
{
	if (!settle.timer)
		settle.since = kvf_host_now();
	wait_on();
}

static int on_command(struct vty *vty, const char *command)
{
	(void)command;
	if (settle.timer && vty->node >= CONFIG_NODE && kvf_host_now() - settle.since < LIMIT_MS)
		wait_on();
	return 0;
}

void kvf_settle_load(bool begins)
{
	settle.load_since = begins ? kvf_host_now() : 0;
	kvf_settle_changed();
}

bool kvf_settle_busy(void)
{
	return is_loading() || (settle.timer && kvf_host_now() - settle.last < QUIET_MS);
}

bool kvf_settle_pending(void)
{
	return settle.timer;
}

void kvf_settle_init(struct kvf_event_loop *loop, bool (*loading)(void), void (*settled)(void))
{
	settle.loop = loop;
	settle.loading = loading;
	settle.settled = settled;
	if (&_hook_cmd_execute_done)
		hook_register(cmd_execute_done, on_command);
}

void kvf_settle_stop(void)
{
	kvf_event_cancel(&settle.timer);
	settle.loop = NULL;
}
