// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: --flush, without the engine: what the record names is withdrawn.
 *
 * Thread: T0. A connection to a zebra that is stopped is made without its doing, and what it has not
 * read when a client leaves, it drops. So a route is withdrawn when zebra has answered a question
 * that was asked after the withdrawal was sent.
 *
 * Source: FRR 8.4.4, zebra/zserv.c (zserv_read, zserv_client_fail).
 */
#include "frr/kvf_flush.h"

#include "frr/kvf_clock.h"
#include "frr/kvf_record.h"
#include "frr/kvf_turn.h"
#include "frr/kvf_zebra.h"

#include <stdbool.h>
#include <stdio.h>

#define ANSWER_MS 5000

static struct {
	kvip_msec since_ms; /* an answer is waited for: zebra's, or that of who has the lock */
	bool active;        /* by the last look */
	bool begun;
	bool withdrawn; /* when zebra was asked last, every withdrawal had been sent */
} flush;

static bool may_wait(bool active)
{
	if (!flush.since_ms || active != flush.active)
		flush.since_ms = kvf_now();
	flush.active = active;
	return kvf_now() - flush.since_ms < ANSWER_MS;
}

static int no_turn(void)
{
	fprintf(stderr, "%s injects: let it carry out `kubevip flush`, or stop it first\n",
		kvf_turn_standby() ? kvf_turn_standby() : "another process");
	return 1;
}

static int no_answer(void)
{
	fprintf(stderr, "zebra does not answer: %s\n",
		flush.begun ? "routes of ours may still be there" : "nothing is withdrawn");
	return 1;
}

/* Every route that the record names is gone. */
static int done(void)
{
	const char *note = kvf_record_note();

	if (!note)
		return 0;
	fprintf(stderr, "%s: routes of ours may still be there\n", note);
	return 1;
}

static void ask(struct kvip_recon *recon, bool withdrawn)
{
	flush.begun = true;
	flush.withdrawn = withdrawn;
	flush.since_ms = kvf_now();
	kvip_recon_flush(recon, true, flush.since_ms);
	kvf_zebra_ask_again();
}

int kvf_flush_step(struct kvip_recon *recon)
{
	struct kvip_recon_summary sum;

	if (kvf_turn_reading())
		return -1;
	kvip_recon_get_summary(recon, &sum);
	if (!sum.active || !kvf_zebra_told()) {
		if (may_wait(sum.active))
			return -1;
		return sum.active ? no_answer() : no_turn();
	}
	if (!sum.routes && flush.withdrawn)
		return done();
	ask(recon, !sum.routes);
	return -1;
}
