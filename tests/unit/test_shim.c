// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the parts of the shim that need no bgpd: kept lines, what is said of a file that is no
 * engine, which FRR is known, and that the shim loads into a process that is not the right FRR.
 *
 * This program exports some of libfrr's names, as a daemon of an FRR would, and too few of them.
 */
#include "frr-module/bgp_kubevip_abi.h"
#include "frr-module/bgp_kubevip_lines.h"
#include "frr-module/bgp_kubevip_load.h"
#include "frr-module/bgp_kubevip_rmap.h"

#include <check.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHIM   "frr-module/.libs/bgpd_kubevip.so"
#define ENGINE "frr-module/.libs/engine.so"

/* ---- the FRR that this pretends to be ---- */

#define EXPORT __attribute__((visibility("default")))

extern struct bgp_kubevip_module *frrmod_list;
EXPORT struct bgp_kubevip_module *frrmod_list;
extern int _hook_frr_late_init, hooks;
EXPORT int _hook_frr_late_init;
int hooks;

EXPORT void _hook_register(void);
void _hook_register(void)
{
	hooks++;
}

static int init_in(const char *version)
{
	static struct bgp_kubevip_module_info info;
	static struct bgp_kubevip_module libfrr = { .info = &info };
	struct bgp_kubevip_module **module;
	void *dl;

	info.version = version;
	frrmod_list = version ? &libfrr : NULL;
	dl = dlopen(SHIM, RTLD_NOW | RTLD_GLOBAL);
	ck_assert_msg(dl, "%s", dlerror());
	module = dlsym(dl, "frr_module");
	ck_assert_ptr_nonnull(module);
	ck_assert_str_eq((*module)->info->name, "kubevip");
	return (*module)->info->init();
}

START_TEST(a_known_frr_without_a_symbol_is_left_alone)
{
	ck_assert_int_eq(init_in(bgp_kubevip_built.version), 0);
	ck_assert_int_eq(hooks, 0);
}
END_TEST

START_TEST(no_frr_at_all)
{
	ck_assert_int_eq(init_in(NULL), 0);
	ck_assert_int_eq(hooks, 0);
}
END_TEST

START_TEST(the_symbols_alone_decide)
{
	ck_assert_ptr_nonnull(dlsym(RTLD_DEFAULT, "_hook_register"));
	ck_assert_ptr_null(dlsym(RTLD_DEFAULT, "install_node"));
}
END_TEST

/* ---- versions ---- */

START_TEST(layouts)
{
	const struct bgp_kubevip_layout *built = &bgp_kubevip_built, *l;
	char series[32];
	int major, minor;

	ck_assert_ptr_eq(bgp_kubevip_layout_find(built->version), built);
	/* the table agrees with the headers, if it has that series */
	ck_assert_int_eq(sscanf(built->version, "%d.%d", &major, &minor), 2);
	snprintf(series, sizeof(series), "%d.%d-other", major, minor);
	l = bgp_kubevip_layout_find(series);
	if (l) {
		ck_assert_int_eq(l->node_type_max, built->node_type_max);
		ck_assert_uint_eq(l->vty_xpath_index, built->vty_xpath_index);
	}
	ck_assert_str_eq(bgp_kubevip_layout_find("10.3.4")->version, "10.3");
	ck_assert_str_eq(bgp_kubevip_layout_find("8.5")->version, "8.5");
	ck_assert_str_eq(bgp_kubevip_layout_find("8.4-MyOwnFRRVersion")->version, "8.4");
	ck_assert_ptr_null(bgp_kubevip_layout_find("8.45"));
	ck_assert_ptr_null(bgp_kubevip_layout_find("9.0"));
	ck_assert_ptr_null(bgp_kubevip_layout_find("10.30"));
	ck_assert_ptr_null(bgp_kubevip_layout_find(""));
}
END_TEST

START_TEST(a_session_says_where_it_is)
{
	static const struct bgp_kubevip_layout layout = { "test", 0, 8 };
	struct {
		char before[8];
		int depth;
		char xpath[8][BGP_KUBEVIP_XPATH_MAX];
	} session = { .xpath = { "/one", "/two" } };
	const struct vty *vty = (const void *)&session;

	ck_assert_ptr_null(bgp_kubevip_xpath(&layout, vty));
	session.depth = 1;
	ck_assert_str_eq(bgp_kubevip_xpath(&layout, vty), "/one");
	session.depth = 2;
	ck_assert_str_eq(bgp_kubevip_xpath(&layout, vty), "/two");
	session.depth = 9;
	ck_assert_ptr_null(bgp_kubevip_xpath(&layout, vty));
}
END_TEST

/* ---- files ---- */

static char directory[] = "/tmp/kubevip-shim-XXXXXX";
static char engine[64];

static void file_setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(engine, sizeof(engine), "%s/8.4.4.so", directory);
}

static void file_teardown(void)
{
	char other[64];

	snprintf(other, sizeof(other), "%s/9.9.so", directory);
	unlink(other);
	if (unlink(engine))
		rmdir(engine);
	rmdir(directory);
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
}

static void write_file(const char *path, const char *bytes, size_t n)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

static struct bgp_kubevip_failure refused(void)
{
	struct bgp_kubevip_failure why = { 0 };

	ck_assert_int_lt(bgp_kubevip_load(engine, "8.4.4", NULL, &why), 0);
	ck_assert_str_ne(why.text, "");
	ck_assert_str_ne(why.todo, "");
	return why;
}

START_TEST(no_file)
{
	struct bgp_kubevip_failure why = refused();
	char other[64];

	ck_assert_str_eq(why.reason, "engine-missing");
	snprintf(other, sizeof(other), "%s/9.9.so", directory);
	write_file(other, "", 0);
	why = refused();
	ck_assert_ptr_nonnull(strstr(why.text, "engines there: 9.9)"));
}
END_TEST

START_TEST(no_directory)
{
	struct bgp_kubevip_failure why = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/none/8.4.4.so", directory);
	ck_assert_int_lt(bgp_kubevip_load(path, "8.4.4", NULL, &why), 0);
	ck_assert_str_eq(why.reason, "engine-missing");
}
END_TEST

START_TEST(no_engine_in_the_file)
{
	write_file(engine, "", 0);
	ck_assert_str_eq(refused().reason, "engine-damaged");
	write_file(engine, "#!/bin/sh\nexit 0\n", 17);
	ck_assert_str_eq(refused().reason, "engine-damaged");
	ck_assert_int_eq(unlink(engine), 0);
	ck_assert_int_eq(mkdir(engine, 0755), 0);
	ck_assert_str_eq(refused().reason, "engine-damaged");
	ck_assert_int_eq(rmdir(engine), 0);
	ck_assert_int_eq(mkfifo(engine, 0600), 0);
	ck_assert_str_eq(refused().reason, "engine-damaged");
}
END_TEST

/* dlopen() itself would die of most of these. */
START_TEST(an_engine_cut_short)
{
	static char bytes[64 << 20];
	FILE *f = fopen(ENGINE, "r");
	size_t size;

	ck_assert_ptr_nonnull(f);
	size = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert_uint_gt(size, 4096);
	for (size_t n = 1; n < size; n += size / 40) {
		write_file(engine, bytes, n);
		ck_assert_str_eq(refused().reason, "engine-damaged");
	}
	write_file(engine, bytes, size - 1);
	ck_assert_str_eq(refused().reason, "engine-damaged");
}
END_TEST

START_TEST(the_place_of_the_engine)
{
	char path[1024], longest[2048];
	const char *name;

	ck_assert_int_eq(bgp_kubevip_engine_path("8.4.4", path, sizeof(path)), 0);
	name = strrchr(path, '/');
	ck_assert_str_eq(name, "/8.4.4.so");
	ck_assert_int_eq(strncmp(name - 8, "/kubevip", 8), 0);
	ck_assert_int_lt(bgp_kubevip_engine_path("../../tmp/evil", path, sizeof(path)), 0);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_lt(bgp_kubevip_engine_path(longest, path, sizeof(path)), 0);
}
END_TEST

/* ---- kept lines ---- */

static char *joined(const struct bgp_kubevip_lines *lines)
{
	static char text[512];

	text[0] = '\0';
	for (const struct bgp_kubevip_line *l = lines->first; l; l = l->next) {
		strncat(text, l->text, sizeof(text) - strlen(text) - 1);
		strncat(text, "|", sizeof(text) - strlen(text) - 1);
	}
	return text;
}

START_TEST(lines_are_kept_in_order_and_once)
{
	static const char *const typed[] = { "b", "a x", "b", "a xy", "a x y", "a x" };
	struct bgp_kubevip_lines lines = { NULL };
	int owner;

	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
		ck_assert_int_eq(bgp_kubevip_lines_add(&lines, NULL, typed[i]), 0);
	ck_assert_str_eq(joined(&lines), "b|a x|a xy|a x y|");
	ck_assert_int_eq(bgp_kubevip_lines_add(&lines, &owner, "a x"), 0);
	ck_assert_uint_eq(bgp_kubevip_lines_count(&lines, NULL), 4);
	ck_assert_uint_eq(bgp_kubevip_lines_remove(&lines, NULL, "a x"), 2);
	ck_assert_str_eq(joined(&lines), "b|a xy|a x|");
	ck_assert_uint_eq(bgp_kubevip_lines_remove(&lines, NULL, "c"), 0);
	ck_assert_uint_eq(bgp_kubevip_lines_remove(&lines, NULL, NULL), 2);
	ck_assert_str_eq(joined(&lines), "a x|");
	ck_assert_uint_eq(bgp_kubevip_lines_remove(&lines, &owner, NULL), 1);
	ck_assert_ptr_null(lines.first);
}
END_TEST

static char written[512];

static int out(struct vty *vty, const char *fmt, ...)
{
	size_t used = strlen(written);
	va_list ap;

	(void)vty;
	va_start(ap, fmt);
	vsnprintf(written + used, sizeof(written) - used, fmt, ap);
	va_end(ap);
	return 0;
}

static struct bgp_kubevip_rmap_place place(const void *owner)
{
	const int *sequence = owner;

	return (struct bgp_kubevip_rmap_place){ "X", *sequence != 20, *sequence };
}

START_TEST(matches_are_written_by_entry)
{
	static const int ten = 10, twenty = 20;
	struct bgp_kubevip_lines lines = { NULL };

	ck_assert_uint_eq(bgp_kubevip_rmap_write(&lines, place, out, NULL), 0);
	ck_assert_str_eq(written, "");
	ck_assert_int_eq(bgp_kubevip_lines_add(&lines, &twenty, "match kubevip label a=b"), 0);
	ck_assert_int_eq(bgp_kubevip_lines_add(&lines, &ten, "match kubevip namespace n"), 0);
	ck_assert_int_eq(bgp_kubevip_lines_add(&lines, &twenty, "match kubevip cluster c"), 0);
	ck_assert_uint_eq(bgp_kubevip_rmap_write(&lines, place, out, NULL), 2);
	ck_assert_str_eq(written, "route-map X deny 20\n"
				  " match kubevip label a=b\n"
				  " match kubevip cluster c\n"
				  "exit\n!\n"
				  "route-map X permit 10\n"
				  " match kubevip namespace n\n"
				  "exit\n!\n");
	bgp_kubevip_lines_remove(&lines, &ten, NULL);
	bgp_kubevip_lines_remove(&lines, &twenty, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("shim");
	TCase *t = tcase_create("host");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_known_frr_without_a_symbol_is_left_alone);
	tcase_add_test(t, no_frr_at_all);
	tcase_add_test(t, the_symbols_alone_decide);
	tcase_add_test(t, layouts);
	tcase_add_test(t, a_session_says_where_it_is);
	tcase_add_test(t, the_place_of_the_engine);
	tcase_add_test(t, lines_are_kept_in_order_and_once);
	tcase_add_test(t, matches_are_written_by_entry);
	suite_add_tcase(s, t);
	t = tcase_create("file");
	tcase_add_checked_fixture(t, file_setup, file_teardown);
	tcase_add_test(t, no_file);
	tcase_add_test(t, no_directory);
	tcase_add_test(t, no_engine_in_the_file);
	tcase_add_test(t, an_engine_cut_short);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
