// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: label selectors: what apimachinery's labels.Parse accepts and refuses, and what matches.
 *
 * Sources: the cases follow k8s.io/apimachinery pkg/labels/selector_test.go (TestSelectorParse,
 * TestDeterministicParse, TestParserLookahead, TestToString, TestRequirementSelectorMatching).
 */
#include "base/kvip_mem.h"
#include "vip/kvip_selector.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const good[] = {
	"any",
	" any ",
	"\tany\n",
	"x=a,y=b,z=c",
	"x!=a,y=b",
	"x=",
	"x= ",
	"x=,z= ",
	"x= ,z= ",
	"!x",
	"x>1",
	"x>1,z<5",
	"x",
	"x,y",
	"x==a",
	"x in (a)",
	"x in (a,b)",
	"x notin (a,b),y",
	"x in (a,)",
	"x in (,a)",
	"x in (,)",
	"x in (a,,b)",
	"x in (,,a)",
	"x in (a,,)",
	"x in (,,)",
	"x in (a,,,b)",
	"x in ()",
	"x notin ()",
	"x in ( )",
	"in in (in,notin)",
	"in",
	"notin=in",
	"!in",
	"x=notin",
	"any,any",
	"any=x",
	"!any",
	"a.b/c_d.e-f=1.2_3-4",
	"kubernetes.io/role = worker",
	"x  =  a  ,  y",
	"0=0",
	"x in(a,b)",
	"x notin(a)",
	"x<0",
	"x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static const char *const bad[] = {
	"",
	" ",
	"\n",
	",",
	"x=a||y=b",
	"x==a==b",
	"!x=a",
	"x<a",
	"x>",
	"x>a1",
	"x>99999999999999999999",
	"x!a",
	"x=a,",
	"x=a,,y=b",
	",x=a",
	"x in",
	"x in (",
	"x in a",
	"x in (a",
	"x in (a b)",
	"x in (a,b))",
	"x notin (a,b",
	"x in (=)",
	"x (a)",
	"x y",
	"()",
	"=a",
	"!",
	"!!x",
	"! ,x",
	"x=a=b",
	"\"x\"=a",
	"x='a'",
	"x=a b",
	"-x=a",
	"x-=a",
	"x=-a",
	"x=a-",
	"/x=a",
	"x/=a",
	"a/b/c=d",
	"A/b=c",
	"a..b/c=d",
	"a-/c=d",
	"a-.b/c=d",
	".a/c=d",
	"x=a*",
	"x=\xc3\xa4",
	"x~=a",
	"x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	"x===a",
	"x=>a",
	"x in (a>b)",
};

START_TEST(test_good)
{
	struct kvip_selector *s = NULL;
	struct kvip_err err = { "" };
	int64_t live = kvip_mem_live();

	ck_assert_msg(kvip_selector_parse(good[_i], &s, &err) == 0, "'%s': %s", good[_i], err.text);
	ck_assert_str_eq(kvip_selector_text(s), good[_i]);
	kvip_selector_free(s);
	ck_assert_int_eq(kvip_mem_live(), live);
}
END_TEST

START_TEST(test_bad)
{
	struct kvip_selector *s = NULL;
	struct kvip_err err = { "" };
	int64_t live = kvip_mem_live();

	ck_assert_msg(kvip_selector_parse(bad[_i], &s, &err) == -EINVAL, "'%s' was accepted",
		      bad[_i]);
	ck_assert_ptr_null(s);
	ck_assert_str_ne(err.text, "");
	ck_assert_int_eq(kvip_mem_live(), live);
}
END_TEST

static struct kvip_label labels[] = {
	{ "app", "web" }, { "empty", "" }, { "in", "notin" }, { "n", "10" }, { "tier", "gold" },
};

static const struct {
	const char *selector;
	bool matches;
} cases[] = {
	{ "any", true },
	{ "app", true },
	{ "!app", false },
	{ "none", false },
	{ "!none", true },
	{ "app=web", true },
	{ "app==web", true },
	{ "app=db", false },
	{ "app!=db", true },
	{ "app!=web", false },
	{ "none=x", false },
	{ "none!=x", true },
	{ "none=", false },
	{ "none!=", true },
	{ "empty", true },
	{ "empty=", true },
	{ "empty!=", false },
	{ "app=", false },
	{ "app!=", true },
	{ "empty in ()", true },
	{ "app in ()", false },
	{ "app notin ()", true },
	{ "app in (web,db)", true },
	{ "app in (db)", false },
	{ "app in (,db)", false },
	{ "empty in (,db)", true },
	{ "empty in (db,)", true },
	{ "none in (x)", false },
	{ "app notin (web)", false },
	{ "app notin (db)", true },
	{ "none notin (x)", true },
	{ "app=web,tier=gold", true },
	{ "app=web,tier=silver", false },
	{ "app=web,!none,n>9", true },
	{ "n>9", true },
	{ "n>10", false },
	{ "n<11", true },
	{ "n<10", false },
	{ "app>1", false },
	{ "none<1", false },
	{ "in=notin", true },
	{ "in in (notin)", true },
	{ "in notin (in)", true },
	{ "any=x", false },
	{ "!any", true },
	{ "any,app", false },
	{ "io.kubernetes.service.name=web-1", true },
	{ "io.kubernetes.service.namespace in (prod,dev)", true },
	{ "io.kubernetes.service.namespace=dev", false },
	{ "tier=iron,pseudo", false },
};

START_TEST(test_matches)
{
	struct kvip_meta m = { .labels = labels, .n_labels = sizeof(labels) / sizeof(labels[0]) };
	struct kvip_label pseudo[] = { { "io.kubernetes.service.name", "web-1" },
				       { "io.kubernetes.service.namespace", "prod" } };
	struct kvip_selector *s;
	struct kvip_err err;

	ck_assert_int_eq(kvip_selector_parse(cases[_i].selector, &s, &err), 0);
	ck_assert_msg(kvip_selector_matches(s, &m, pseudo, 2) == cases[_i].matches, "%s",
		      cases[_i].selector);
	kvip_selector_free(s);
}
END_TEST

/*
 * The examples of the Kubernetes documentation ("Labels and Selectors", "Equality-based
 * requirement", "Set-based requirement", "List and watch filtering"), each with what it says they
 * select. An object is its labels; the answer names those that are selected.
 */
static struct kvip_label prod_front[] = { { "environment", "production" }, { "tier", "frontend" } };
static struct kvip_label prod_back[] = { { "environment", "production" }, { "tier", "backend" } };
static struct kvip_label qa_front[] = { { "environment", "qa" }, { "tier", "frontend" } };
static struct kvip_label dev_part[] = { { "environment", "dev" }, { "partition", "customerA" } };
static struct kvip_label tierless[] = { { "environment", "production" } };
static struct kvip_label unlabelled[1];

static const struct {
	char name;
	struct kvip_label *labels;
	uint32_t n;
} objects[] = {
	{ 'a', prod_front, 2 }, { 'b', prod_back, 2 }, { 'c', qa_front, 2 },
	{ 'd', dev_part, 2 },   { 'e', tierless, 1 },  { 'f', unlabelled, 0 },
};

static const struct {
	const char *selector, *selects;
} documented[] = {
	{ "environment = production", "abe" },
	{ "environment == production", "abe" },
	/* "all resources with key equal to tier and value distinct from frontend, and all resources
	 * with no labels with the tier key" */
	{ "tier != frontend", "bdef" },
	{ "environment=production,tier!=frontend", "be" },
	{ "environment in (production, qa)", "abce" },
	/* "and all resources with no labels with the tier key" */
	{ "tier notin (frontend, backend)", "def" },
	{ "partition", "d" },
	{ "!partition", "abcef" },
	{ "partition,environment notin (qa)", "d" },
	/* "mixed" */
	{ "partition in (customerA, customerB),environment!=qa", "d" },
	{ "environment=production,tier=frontend", "a" },
	{ "environment in (production),tier in (frontend)", "a" },
	{ "environment,environment notin (frontend)", "abcde" },
};

START_TEST(test_documented)
{
	struct kvip_selector *s;
	char selected[8] = "";
	size_t n = 0;

	ck_assert_int_eq(kvip_selector_parse(documented[_i].selector, &s, NULL), 0);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		struct kvip_meta m = { .labels = objects[i].labels, .n_labels = objects[i].n };

		if (kvip_selector_matches(s, &m, NULL, 0))
			selected[n++] = objects[i].name;
	}
	ck_assert_msg(strcmp(selected, documented[_i].selects) == 0,
		      "%s selects %s, documented: %s", documented[_i].selector, selected,
		      documented[_i].selects);
	kvip_selector_free(s);
}
END_TEST

START_TEST(test_pseudo_stands_above)
{
	struct kvip_meta m = { .labels = labels, .n_labels = sizeof(labels) / sizeof(labels[0]) };
	struct kvip_label pseudo[] = { { "tier", "iron" } };
	struct kvip_selector *s;

	ck_assert_int_eq(kvip_selector_parse("tier=iron", &s, NULL), 0);
	ck_assert(kvip_selector_matches(s, &m, pseudo, 1));
	ck_assert(!kvip_selector_matches(s, &m, NULL, 0));
	kvip_selector_free(s);
}
END_TEST

START_TEST(test_error_names_the_place)
{
	struct kvip_selector *s;
	struct kvip_err err;

	ck_assert_int_eq(kvip_selector_parse("app=web tier", &s, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "'tier' at column 9"));
	ck_assert_int_eq(kvip_selector_parse("app in (web", &s, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "ends where"));
	ck_assert_int_eq(kvip_selector_parse("", &s, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "any"));
}
END_TEST

START_TEST(test_too_long)
{
	char *text = malloc(10001);
	struct kvip_selector *s;

	memset(text, 'a', 10000);
	text[10000] = '\0';
	ck_assert_int_eq(kvip_selector_parse(text, &s, NULL), -EINVAL);
	free(text);
}
END_TEST

START_TEST(test_no_memory)
{
	struct kvip_selector *s;

	kvip_mem_fail_at(1);
	ck_assert_int_eq(kvip_selector_parse("a=b", &s, NULL), -ENOMEM);
	kvip_mem_fail_at(0);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("selector");
	TCase *tc = tcase_create("selector");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(tc, test_good, 0, COUNT(good));
	tcase_add_loop_test(tc, test_bad, 0, COUNT(bad));
	tcase_add_loop_test(tc, test_matches, 0, COUNT(cases));
	tcase_add_loop_test(tc, test_documented, 0, COUNT(documented));
	tcase_add_test(tc, test_pseudo_stands_above);
	tcase_add_test(tc, test_error_names_the_place);
	tcase_add_test(tc, test_too_long);
	tcase_add_test(tc, test_no_memory);
	suite_add_tcase(suite, tc);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
