// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the reconciler lives random histories with a zebra that behaves as measured.
 *
 * One route per prefix, table and distance, whoever sent it; the feed shows the selected route of
 * the main table. On the way no route may go that is wanted and not known to be without a next hop,
 * and none of the operator's may be touched. When all is put right zebra has exactly what is
 * decided, and so does the state file. A failure prints its seed.
 */
#include "vip/kvip_recon.h"
#include "vip/kvip_state.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIXES  3
#define TABLES    2
#define DISTANCES 3
#define NODES     3
#define OPS       60
#define SEEDS     1500
#define HIS_TAG   1234

static const uint8_t distances[DISTANCES] = { 1, 15, 16 };
static const uint32_t tables[TABLES] = { 0, 5 };

enum whose { NOBODYS = 0, OURS, HIS };

struct zroute {
	enum whose whose;
	uint32_t tag;
	const struct kvip_nhset *nhs; /* of ours */
};

struct wanted {
	bool decided;
	uint8_t distance, table; /* indices */
	uint32_t tag;
	unsigned int nodes; /* bits */
};

static struct world {
	unsigned int seed, rolled;
	struct kvip_nhsets *nhsets;
	struct kvip_recon *recon;
	struct kvip_state *state;
	kvip_msec now;
	bool up, flushed, observes;
	int room;
	struct zroute rib[PREFIXES][TABLES][DISTANCES];
	struct wanted want[PREFIXES];
	bool told[PREFIXES];                   /* this process knows what is wanted */
	bool answered[NODES], resolves[NODES]; /* in this session */
	bool resolved[NODES];                  /* at some time of it */
	bool news[PREFIXES];                   /* to be fed */
	bool shown[PREFIXES];                  /* the feed has shown a route */
} w;

static char dir[64], path[96];

static unsigned int roll(unsigned int n)
{
	w.rolled = w.rolled * 1103515245u + 12345u;
	return (w.rolled >> 16) % n;
}

static struct kvip_prefix prefix_of(unsigned int i)
{
	struct kvip_prefix p = { .len = 32 };

	p.addr = (struct kvip_addr){ .family = KVIP_IPV4, .b = { 192, 168, 77, (uint8_t)(i + 1) } };
	return p;
}

static struct kvip_addr node(unsigned int i)
{
	return (struct kvip_addr){ .family = KVIP_IPV4, .b = { 192, 168, 99, (uint8_t)(i + 1) } };
}

static const struct kvip_nhset *nodes(unsigned int bits)
{
	struct kvip_addr a[NODES];
	size_t n = 0;

	for (unsigned int i = 0; i < NODES; i++)
		if (bits >> i & 1)
			a[n++] = node(i);
	return kvip_nhset_get(w.nhsets, a, n);
}

static struct zroute *slot(const struct kvip_route_id *id)
{
	unsigned int d = 0;

	while (distances[d] != id->distance)
		d++;
	return &w.rib[id->prefix.addr.b[3] - 1][id->table != 0][d];
}

static void put(struct zroute *z, enum whose whose, uint32_t tag, const struct kvip_nhset *nhs)
{
	kvip_nhset_unref(z->nhs);
	*z = (struct zroute){ whose, tag, nhs };
}

/* ---- the sink ---- */

static int announce(void *ctx, const struct kvip_route *r, const struct kvip_nhset *usable)
{
	struct zroute *z = slot(&r->id);

	(void)ctx;
	if (w.room-- <= 0)
		return -EAGAIN;
	ck_assert_msg(w.up, "seed %u: sent without a session", w.seed);
	ck_assert_msg(z->whose != HIS, "seed %u: the operator's route is replaced", w.seed);
	put(z, OURS, r->tag, kvip_nhset_ref(usable));
	w.news[r->id.prefix.addr.b[3] - 1] = true;
	return 0;
}

/* None resolves; and those that are silent are not all there is to know. */
static bool no_next_hop(const struct wanted *want)
{
	bool silent = false, resolved = false;

	for (unsigned int i = 0; i < NODES; i++) {
		if (!(want->nodes >> i & 1))
			continue;
		if (w.answered[i] && w.resolves[i])
			return false;
		silent |= !w.answered[i];
		resolved |= w.resolved[i];
	}
	return resolved || !silent;
}

static int take_away(void *ctx, const struct kvip_route_id *id)
{
	unsigned int p = id->prefix.addr.b[3] - 1u;
	const struct wanted *want = &w.want[p];
	struct zroute *z = slot(id);
	bool wanted = want->decided && distances[want->distance] == id->distance &&
		      tables[want->table] == id->table;

	(void)ctx;
	if (w.room-- <= 0)
		return -EAGAIN;
	ck_assert_msg(z->whose != HIS, "seed %u: the operator's route is withdrawn", w.seed);
	ck_assert_msg(!wanted || w.flushed || w.observes || no_next_hop(want),
		      "seed %u: withdrawn by accident", w.seed);
	put(z, NOBODYS, 0, NULL);
	w.news[p] = true;
	return 0;
}

static void track(void *ctx, const struct kvip_addr *nh, bool on)
{
	(void)ctx;
	if (!on)
		w.answered[nh->b[3] - 1] = false;
}

static const struct kvip_sink_ops sink = {
	.name = "mock", .announce = announce, .withdraw = take_away, .track = track
};

/* ---- zebra's side ---- */

static void feed(unsigned int p)
{
	struct kvip_feed_route f = { .prefix = prefix_of(p) };

	w.news[p] = false;
	for (unsigned int d = 0; d < DISTANCES; d++) {
		const struct zroute *z = &w.rib[p][0][d];

		if (z->whose == NOBODYS)
			continue;
		f.distance = distances[d];
		f.tag = z->tag;
		f.nhs = z->nhs ? z->nhs->addrs : NULL;
		f.n_nhs = z->nhs ? z->nhs->n : 0;
		w.shown[p] = true;
		kvip_recon_feed_add(w.recon, &f, w.now);
		return;
	}
	if (w.shown[p])
		kvip_recon_feed_del(w.recon, 0, &f.prefix, w.now);
	w.shown[p] = false;
}

static void run(void)
{
	bool more = true;

	for (int i = 0; i < 200 && more; i++) {
		more = kvip_recon_step(w.recon, 1 + roll(4), w.now);
		for (unsigned int p = 0; p < PREFIXES && w.up; p++) {
			more |= w.news[p];
			if (w.news[p])
				feed(p);
		}
	}
}

static void answer(unsigned int i, bool resolves)
{
	const struct kvip_addr a = node(i);
	struct kvip_nexthop_view v;

	if (!w.up || !kvip_recon_find_nexthop(w.recon, &a, &v))
		return;
	w.answered[i] = true;
	w.resolves[i] = resolves;
	w.resolved[i] |= resolves;
	kvip_recon_nexthop(w.recon, &a, resolves ? KVIP_NH_CONNECTED : KVIP_NH_UNRESOLVED, w.now);
}

static void session(bool up)
{
	if (up == w.up)
		return;
	w.up = up;
	memset(w.answered, 0, sizeof(w.answered));
	memset(w.resolved, 0, sizeof(w.resolved));
	memset(w.shown, 0, sizeof(w.shown));
	if (!up) {
		kvip_recon_sink_down(w.recon, w.now);
		return;
	}
	kvip_recon_sink_up(w.recon, w.now);
	for (unsigned int p = 0; p < PREFIXES; p++)
		feed(p);
}

/* Everything of type static goes; what is the operator's comes back. */
static void sweep_static(void)
{
	for (unsigned int i = 0; i < PREFIXES * TABLES * DISTANCES; i++) {
		struct zroute *z = &w.rib[0][0][0] + i;

		if (z->whose == OURS)
			put(z, NOBODYS, 0, NULL);
	}
	for (unsigned int p = 0; p < PREFIXES; p++)
		w.news[p] = true;
}

static void operators(unsigned int p, unsigned int d, bool there)
{
	struct zroute *z = &w.rib[p][0][d];

	if (!w.up || (!there && z->whose != HIS) || (there && w.rib[p][0][1 - d].whose == HIS))
		return;
	put(z, there ? HIS : NOBODYS, HIS_TAG, NULL);
	w.news[p] = true;
	feed(p);
}

/* ---- our side ---- */

static void tell(unsigned int p)
{
	const struct wanted *want = &w.want[p];
	struct kvip_decision d = { .prefix = prefix_of(p), .withdraw = KVIP_WITHDRAW_API };

	w.told[p] = true;
	if (want->decided) {
		d.withdraw = KVIP_WITHDRAW_NONE;
		d.route = (struct kvip_route){ .id = { .prefix = d.prefix,
						       .distance = distances[want->distance],
						       .table = tables[want->table] },
					       .tag = want->tag,
					       .cluster = "lab",
					       .nhs = nodes(want->nodes) };
	}
	ck_assert_int_eq(kvip_recon_decide(w.recon, &d, w.now), 0);
	kvip_nhset_unref(d.route.nhs);
}

static void decide(unsigned int p)
{
	w.want[p] = (struct wanted){ .decided = roll(4) != 0,
				     .distance = (uint8_t)(1 + roll(2)),
				     .table = roll(8) == 0,
				     .tag = 77 + p % 2,
				     .nodes = 1 + roll((1u << NODES) - 1) };
	tell(p);
}

static void adopt(void *ctx, const struct kvip_route *r)
{
	(void)ctx;
	ck_assert_int_eq(kvip_recon_adopt(w.recon, r), 0);
}

static void cluster(void *ctx, const char *name, const char *identity, kvip_wall when)
{
	(void)ctx, (void)name, (void)identity, (void)when;
}

static void open_state(void (*route)(void *ctx, const struct kvip_route *r))
{
	const struct kvip_state_reader reader = { route, cluster, NULL, NULL };
	struct kvip_err refused, err;

	ck_assert_int_eq(kvip_state_open(path, w.nhsets, &reader, &w.state, &refused, &err), 0);
	ck_assert_str_eq(refused.text, "");
}

static void begin(void)
{
	const struct kvip_recon_deps deps = { .sink = &sink, .nhsets = w.nhsets };

	w.recon = kvip_recon_new(&deps);
	open_state(adopt);
	kvip_recon_set_state(w.recon, w.state);
	kvip_recon_set_active(w.recon, true, w.now);
	session(true);
}

static void end(void)
{
	w.up = w.flushed = w.observes = false;
	kvip_recon_free(w.recon);
	kvip_state_close(w.state);
	memset(w.told, 0, sizeof(w.told));
}

static void flush(bool on)
{
	w.flushed = on;
	kvip_recon_flush(w.recon, on, w.now);
}

/* `inject observe`: what zebra has of ours goes; and back. */
static void observe(bool on)
{
	struct kvip_conf *conf = kvip_conf_new();

	conf->inject = on ? KVIP_INJECT_OBSERVE : KVIP_INJECT_ZEBRA;
	w.observes = on;
	kvip_recon_set_conf(w.recon, conf);
	kvip_conf_unref(conf);
}

static void tick(kvip_msec ms)
{
	w.now += ms;
	kvip_recon_tick(w.recon, w.now);
}

static void writable(int room)
{
	w.room = room;
	kvip_recon_sink_writable(w.recon);
}

static void op(void)
{
	unsigned int what = roll(25), p = roll(PREFIXES);

	if (what < 7)
		decide(p);
	else if (what < 12)
		answer(roll(NODES), roll(3) != 0);
	else if (what < 15)
		operators(p, roll(2), roll(2));
	else if (what < 17)
		session(roll(3) != 0);
	else if (what == 17)
		writable(roll(2) ? (int)roll(6) : 1000);
	else if (what == 18)
		flush(roll(3) == 0);
	else if (what == 19)
		sweep_static();
	else if (what < 22)
		tick(roll(2) ? 1000 : 50);
	else if (what == 22)
		observe(roll(3) == 0);
	else if (what == 23) {
		session(false); /* zebra itself: what it had from us is gone */
		sweep_static();
		session(true);
	} else {
		end();
		begin();
	}
	if (roll(3))
		run();
}

/* ---- the end ---- */

static void recorded(void *ctx, const struct kvip_route *r)
{
	(void)ctx;
	ck_assert_msg(slot(&r->id)->whose == OURS, "seed %u: recorded, and not in zebra", w.seed);
	slot(&r->id)->whose = NOBODYS;
}

static void compare(void)
{
	for (unsigned int i = 0; i < PREFIXES * TABLES * DISTANCES; i++) {
		unsigned int p = i / (TABLES * DISTANCES), t = i / DISTANCES % TABLES,
			     d = i % DISTANCES;
		const struct wanted *want = &w.want[p];
		const struct zroute *z = &w.rib[p][t][d];
		bool wanted = want->decided && want->distance == d && want->table == t;

		ck_assert_msg(!wanted || z->whose == OURS, "seed %u: %u is missing", w.seed, p);
		ck_assert_msg(wanted || z->whose == NOBODYS, "seed %u: %u is left over", w.seed, p);
		if (wanted)
			ck_assert_msg(z->tag == want->tag, "seed %u: tag of %u", w.seed, p);
	}
}

static void put_right(void)
{
	session(true);
	writable(1 << 20);
	flush(false);
	observe(false);
	for (unsigned int p = 0; p < PREFIXES; p++) {
		operators(p, 0, false);
		operators(p, 1, false);
		if (!w.told[p])
			tell(p);
	}
	for (int i = 0; i < 6; i++) {
		run();
		tick(1000);
		for (unsigned int n = 0; n < NODES; n++)
			answer(n, true);
	}
	run();
}

static void live(unsigned int seed)
{
	memset(&w, 0, sizeof(w));
	w.seed = seed;
	w.rolled = seed * 2654435761u;
	w.now = 1000;
	w.room = 1 << 20;
	w.nhsets = kvip_nhsets_new();
	begin();
	for (int i = 0; i < OPS; i++)
		op();
	put_right();
	compare();
	kvip_recon_free(w.recon);
	kvip_state_close(w.state);
	open_state(recorded);
	kvip_state_close(w.state);
	for (unsigned int i = 0; i < PREFIXES * TABLES * DISTANCES; i++) {
		struct zroute *z = &w.rib[0][0][0] + i;

		ck_assert_msg(z->whose == NOBODYS, "seed %u: in zebra, and not recorded", seed);
		put(z, NOBODYS, 0, NULL);
	}
	ck_assert_uint_eq(kvip_nhsets_count(w.nhsets), 0);
	kvip_nhsets_free(w.nhsets);
	unlink(path);
}

START_TEST(zebra_has_what_is_decided)
{
	const char *first = getenv("KUBEVIP_SEED");
	unsigned int seed = first ? (unsigned int)atoi(first) : 1 + (unsigned int)_i * SEEDS;

	strcpy(dir, "/tmp/kubevip-test-recon.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state", dir);
	for (unsigned int i = 0; i < (first ? 1 : SEEDS); i++)
		live(seed + i);
	rmdir(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("recon_random");
	TCase *t = tcase_create("recon_random");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, zebra_has_what_is_decided, 0, 4);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
