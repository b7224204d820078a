// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a configuration that is edited by lines of ours and of others, and by loads, in libfrr's own
 * loop; whoever edits is a timer in it, so that a busy machine delays both sides alike.
 */
#include <zebra.h>

#include "frr/kvf_settle.h"

#include "command.h"
#include "vty.h"

#include <check.h>

#define STEP_MS 400 /* two fit into the second of quiet */

static struct kvf_event_loop *loop;
static struct kvf_event *t_step;
static struct vty *vty;
static unsigned int in_force;
static int steps; /* that are left */
static void (*step)(void);
static bool loads;

static void settled(void)
{
	in_force++;
}

static bool loading(void)
{
	return loads;
}

static void another_step(struct kvf_event *t)
{
	(void)t;
	step();
	if (--steps)
		kvf_event_add_timer_ms(loop, another_step, NULL, STEP_MS, &t_step);
}

/* Until the configuration is in force. */
static void take_steps(int n, void (*what)(void))
{
	struct thread t;

	steps = n;
	step = what;
	kvf_event_add_timer_ms(loop, another_step, NULL, STEP_MS, &t_step);
	while (!in_force && thread_fetch(loop, &t))
		thread_call(&t);
}

/* Nothing may be in force before the last of these steps; then it must be, and once. */
static void wait_through(int n, void (*what)(void))
{
	take_steps(n, what);
	ck_assert_int_eq(steps, 0);
	ck_assert_uint_eq(in_force, 1);
	ck_assert(!kvf_settle_pending() && !kvf_settle_busy());
	in_force = 0;
}

static void setup(void)
{
	loop = thread_master_create("test");
	cmd_init(1);
	vty_init(loop, false);
	vty = vty_new();
	vty->type = VTY_SHELL_SERV;
	vty->node = CONFIG_NODE;
	kvf_settle_init(loop, loading, settled);
}

static void nobody(void)
{
}

static void type_ours(void)
{
	kvf_settle_changed();
}

static void type_others(void)
{
	(void)cmd_execute(vty, "hostname r1", NULL, 0);
}

static void look(void)
{
	vty->node = ENABLE_NODE;
	ck_assert_int_eq(cmd_execute(vty, "show version", NULL, 0), CMD_SUCCESS);
}

static void go_on_loading(void)
{
	loads = steps > 1;
}

START_TEST(a_line_waits_for_more)
{
	kvf_settle_changed();
	ck_assert(kvf_settle_pending() && kvf_settle_busy());
	wait_through(4, type_ours);
	kvf_settle_changed();
	wait_through(1, nobody);
}
END_TEST

START_TEST(a_line_waits_while_others_are_typed)
{
	kvf_settle_changed();
	wait_through(4, type_others);
}
END_TEST

START_TEST(looking_is_no_configuring)
{
	kvf_settle_changed();
	take_steps(1000, look);
	ck_assert_int_gt(steps, 0);
}
END_TEST

START_TEST(others_alone_change_nothing)
{
	type_others();
	ck_assert(!kvf_settle_pending());
}
END_TEST

START_TEST(a_load_is_waited_for)
{
	loads = true;
	ck_assert(kvf_settle_busy());
	kvf_settle_changed();
	wait_through(5, go_on_loading);
	kvf_settle_load(true);
	ck_assert(kvf_settle_busy());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_settle");
	TCase *t = tcase_create("kvf_settle");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_line_waits_for_more);
	tcase_add_test(t, a_line_waits_while_others_are_typed);
	tcase_add_test(t, looking_is_no_configuring);
	tcase_add_test(t, others_alone_change_nothing);
	tcase_add_test(t, a_load_is_waited_for);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
