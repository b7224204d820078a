// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: a model that cannot be loaded, in a libfrr that has its own models: an error, no exit, and
 * libfrr goes on as before. (The test brings the text of the model instead of the one built in.)
 */
#include "frr/kvf_yang.h"

#include <zebra.h>

#include "command.h"
#include "filter.h"
#include "if.h"
#include "northbound.h"
#include "northbound_cli.h"
#include "thread.h"
#include "vrf.h"
#include "vty.h"

#include <check.h>

char kvf_yang_model[4096];

#define HEAD                                                                                       \
	"module frr-kubevip { yang-version 1.1; namespace \"urn:frr-kubevip\";"                    \
	" prefix frr-kubevip; revision 2026-01-01;"

static const struct {
	const char *model, *why;
} broken[] = {
	{ "", "does not read the model" },
	{ "module frr-kubevip { nonsense", "does not read the model" },
	/* it must not depend on a model of FRR, which would be compiled anew for it */
	{ "module frr-kubevip { yang-version 1.1; namespace \"urn:frr-kubevip\"; prefix frr-kubevip;"
	  " import frr-interface { prefix i; } revision 2026-01-01; }",
	  "does not read the model" },
	{ HEAD
	  " container kubevip { container state { config false; leaf news { type string; } } } }",
	  "/frr-kubevip:kubevip/state/news, of which the code knows nothing" },
	{ HEAD " container kubevip { config false; list vip { key a; leaf a { type string; } } } }",
	  "the model has /frr-kubevip:kubevip, of which" },
	{ HEAD " container kubevip { leaf-list l { type string; ordered-by user; } } }",
	  "/frr-kubevip:kubevip/l" },
	{ HEAD " rpc reboot; }", "/frr-kubevip:reboot" },
};

START_TEST(nothing_is_loaded_and_nobody_is_harmed)
{
	static const struct frr_yang_module_info *const modules[] = { &frr_filter_info,
								      &frr_interface_info,
								      &frr_vrf_info };
	struct thread_master *loop = thread_master_create(NULL);
	const struct nb_node *theirs;
	struct kvip_err err;

	strcpy(kvf_yang_model, broken[_i].model);
	cmd_init(1);
	vty_init(loop, false);
	nb_init(loop, modules, array_size(modules), false);
	theirs = nb_node_find("/frr-interface:lib/interface");
	ck_assert_int_lt(kvf_yang_init_module(&err), 0);
	ck_assert_msg(strstr(err.text, broken[_i].why) != NULL, "%s", err.text);
	ck_assert_ptr_null(kvf_yang_info(&err));
	ck_assert_ptr_null(ly_ctx_get_module_implemented(ly_native_ctx, "frr-kubevip"));
	ck_assert_ptr_eq(nb_node_find("/frr-interface:lib/interface"), theirs);
	nb_validate_callbacks();
	ck_assert_int_eq(kvip_mem_live(), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_yang_broken");
	TCase *t = tcase_create("kvf_yang_broken");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, nothing_is_loaded_and_nobody_is_harmed, 0, array_size(broken));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
