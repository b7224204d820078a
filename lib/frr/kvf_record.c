// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the state file in a shell: adopted by the reconciler, restored to the engine, kept up to date.
 *
 * Thread: T0. Both go in slices, as what is in the file may be tens of thousands of routes. What a
 * cluster was and when it was last known to be live is remembered here between the reading and the
 * restoring, and noted again once a minute while it lives (rules R4).
 */
#include "frr/kvf_record.h"

#include "frr/kvf_lock.h"
#include "vip/kvip_state.h"

#include "log.h"

#include <errno.h>
#include <string.h>

#define SEEN_EACH_S    60
#define MAX_SEEN       64
#define LINES_A_SLICE  512
#define ROUTES_A_SLICE 256

struct seen {
	char cluster[64], identity[64];
	kvip_wall confirmed_s;
};

static struct {
	struct kvip_state_opening *opening; /* NULL: not under way */
	struct kvip_state *state;
	struct kvip_matches *matches;
	struct kvip_recon_at restored; /* up to here */
	char note[400];
	struct seen seen[MAX_SEEN];
	size_t n_seen;
} record;

static void read_cluster(void *ctx, const char *name, const char *identity, kvip_wall confirmed_s)
{
	struct seen *s = NULL;

	(void)ctx;
	for (size_t i = 0; i < record.n_seen && !s; i++)
		if (strcmp(record.seen[i].cluster, name) == 0)
			s = &record.seen[i];
	if (!s && record.n_seen < MAX_SEEN)
		s = &record.seen[record.n_seen++];
	if (!s)
		return;
	snprintf(s->cluster, sizeof(s->cluster), "%s", name);
	snprintf(s->identity, sizeof(s->identity), "%s", identity);
	s->confirmed_s = confirmed_s;
}

static void read_marks(void *ctx, const char *text, struct kvip_marks *out)
{
	(void)ctx;
	if (record.matches)
		kvip_matches_restore(record.matches, text, out);
}

static void read_route(void *ctx, const struct kvip_route *r)
{
	if (kvip_recon_adopt(ctx, r))
		zlog_err("kubevip: out of memory: a route of ours from before is forgotten");
}

static void opened(struct kvip_recon *recon, int rc, const struct kvip_err *refused,
		   const struct kvip_err *err)
{
	if (rc) {
		snprintf(record.note, sizeof(record.note), "no state file: %.320s", err->text);
		zlog_err("kubevip: %s: nothing is restored after a restart", record.note);
	} else if (refused->text[0]) {
		snprintf(record.note, sizeof(record.note), "%.390s", refused->text);
		zlog_warn("kubevip: %s", record.note);
	}
	kvip_recon_set_state(recon, record.state);
}

void kvf_record_open(const char *path, struct kvip_recon *recon, struct kvip_nhsets *nhsets,
		     struct kvip_matches *matches)
{
	const struct kvip_state_reader reader = { read_route, read_cluster, recon, read_marks };
	const struct kvip_err nomem = { "out of memory" }, none = { "" };

	record.matches = matches;
	record.note[0] = '\0';
	record.opening = kvip_state_open_begin(path, nhsets, &reader);
	if (!record.opening)
		opened(recon, -ENOMEM, &none, &nomem);
}

bool kvf_record_open_some(struct kvip_recon *recon)
{
	struct kvip_err refused, err;
	int rc;

	if (!record.opening)
		return false;
	rc = kvip_state_open_some(record.opening, LINES_A_SLICE, &record.state, &refused, &err);
	if (rc > 0)
		return true;
	kvip_state_open_cancel(record.opening);
	record.opening = NULL;
	opened(recon, rc, &refused, &err);
	return false;
}

struct restoring {
	struct kvip_restored v[ROUTES_A_SLICE];
	size_t n;
};

static bool add_restored(void *ctx, const struct kvip_route_view *view)
{
	struct restoring *r = ctx;
	struct kvip_restored *v;

	if (!view->adopted || !view->adopted->nhs)
		return true;
	v = &r->v[r->n++];
	*v = (struct kvip_restored){
		.route = *view->adopted,
		.identity = "",
		.in_zebra = view->installed != NULL,
	};
	for (size_t i = 0; i < record.n_seen; i++) {
		if (strcmp(record.seen[i].cluster, view->cluster))
			continue;
		v->identity = record.seen[i].identity;
		v->confirmed_s = record.seen[i].confirmed_s;
	}
	return true;
}

void kvf_record_restore(void)
{
	record.restored = (struct kvip_recon_at){ 0 };
}

bool kvf_record_restore_some(struct kvip_recon *recon, struct kvip_engine *engine)
{
	static struct restoring r; /* T0 alone, and too large for the stack */
	bool more;

	r.n = 0;
	more = kvip_recon_each_some(recon, &record.restored, ROUTES_A_SLICE, add_restored, &r);
	if (!kvip_engine_restore(engine, r.v, r.n))
		return more;
	zlog_err("kubevip: out of memory: routes from before are kept, not restored");
	return false;
}

/* A clock that was set back, too: what it said before would be fresh after every restart. */
static bool is_old(const struct seen *s, kvip_wall now_s)
{
	return now_s < s->confirmed_s || now_s - s->confirmed_s >= SEEN_EACH_S;
}

static void note_seen(struct kvip_engine *engine, const char *cluster)
{
	char identity[64];
	kvip_wall confirmed_s;
	struct seen *s;

	if (!kvip_engine_cluster_seen(engine, cluster, identity, sizeof(identity), &confirmed_s))
		return;
	for (size_t i = 0; i < record.n_seen; i++) {
		s = &record.seen[i];
		if (strcmp(s->cluster, cluster) == 0 && strcmp(s->identity, identity) == 0 &&
		    !is_old(s, confirmed_s))
			return;
	}
	read_cluster(NULL, cluster, identity, confirmed_s);
	if (kvip_state_seen(record.state, cluster, identity, confirmed_s))
		zlog_err("kubevip: out of memory for the state file");
}

void kvf_record_keep(struct kvip_engine *engine, const struct kvip_conf *conf)
{
	struct kvip_err err;

	if (!record.state || !kvf_lock_held())
		return;
	for (size_t i = 0; i < conf->n_clusters; i++)
		note_seen(engine, conf->clusters[i]->name);
	if (kvip_state_commit(record.state, &err))
		return; /* the reconciler meets the same failure with its next route, and says so */
}

const char *kvf_record_note(void)
{
	return record.note[0] ? record.note : NULL;
}

void kvf_record_close(void)
{
	kvip_state_open_cancel(record.opening);
	record.opening = NULL;
	kvip_state_close(record.state);
	record.state = NULL;
}
