// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: operational data, RPCs and notifications of the model, over a real engine: everything that
 * is given out is what the model allows, lists are bounded and say so, every leaf of the model is
 * given out by something.
 */
#include "yang_helper.h"

#include "engine_helper.h"

#include "linklist.h"

static struct eh *h;

static void look_now(void)
{
	h->now += 100; /* the overview is kept for 50 ms */
	yh_look.now = h->now;
	yh_look.wall = h->wall;
}

static void setup(void)
{
	yh_begin(true);
	h = eh_new();
	yh_look.engine = h->engine;
	look_now();
}

/* Services web (.1, three nodes) and api (.2, no endpoint); web2 claims .1 from another namespace
 * of things: cluster old, which loses. */
static void scene(void)
{
	eh_conf(h, EH_CONF "cluster lab advertise web table 10077\n"
			   "cluster old server https://192.168.99.8:6443\n"
			   "cluster old vip-range 192.168.77.0/24\n"
			   "cluster old preference 50\n"
			   "cluster old advertise all service-selector any\n");
	eh_three_nodes(h, "lab");
	eh_three_nodes(h, "old");
	eh_service(h, "lab", "web", "192.168.77.1", "", "");
	eh_slice(h, "lab", "web", "n1:r n2:r n3:r");
	eh_service(h, "lab", "api", "192.168.77.2", "", "");
	eh_service(h, "old", "web2", "192.168.77.1", "", "");
	eh_slice(h, "old", "web2", "n1:r");
	eh_synced(h, "lab");
	eh_synced(h, "old");
	eh_step(h);
	look_now();
}

/* ---- what `show yang operational-data` prints, as a data tree ---- */

static struct lyd_node *shown(const char *xpath)
{
	struct lyd_node *tree = NULL;
	char command[256];
	const char *text;

	look_now();
	yh_vty->node = ENABLE_NODE;
	snprintf(command, sizeof(command), "show yang operational-data %s", xpath);
	ck_assert_int_eq(cmd_execute(yh_vty, command, NULL, 0), CMD_SUCCESS);
	yh_vty->node = CONFIG_NODE;
	text = yh_said();
	ck_assert_msg(lyd_parse_data_mem(ly_native_ctx, text, LYD_JSON, LYD_PARSE_STRICT,
					 LYD_VALIDATE_PRESENT, &tree) == LY_SUCCESS,
		      "the model refuses %s", text);
	return tree;
}

static const char *value(const struct lyd_node *tree, const char *below)
{
	struct lyd_node *n = NULL;
	char xpath[512];

	snprintf(xpath, sizeof(xpath), KVF_YANG_TOP "%s", below);
	if (lyd_find_path(tree, xpath, false, &n))
		return "";
	return lyd_get_value(n);
}

static uint32_t count(const struct lyd_node *tree, const char *below)
{
	struct ly_set *set = NULL;
	char xpath[512];
	uint32_t n;

	snprintf(xpath, sizeof(xpath), KVF_YANG_TOP "%s", below);
	ck_assert_int_eq(lyd_find_xpath(tree, xpath, &set), LY_SUCCESS);
	n = set->count;
	ly_set_free(set, NULL);
	return n;
}

#define expect(tree, below, want) ck_assert_str_eq(value(tree, below), want)

START_TEST(what_the_engine_knows)
{
	struct lyd_node *t;

	scene();
	t = shown(KVF_YANG_TOP);
	expect(t, "/state/vips-routed", "1");
	expect(t, "/state/conflicts", "1");
	expect(t, "/state/active", "false");
	expect(t, "/state/configuration-generation", "0");
	ck_assert_uint_eq(strlen(value(t, "/state/table-digest")), 16);
	ck_assert_uint_eq(count(t, "/state/vip"), 2);
	expect(t, "/state/vip[prefix='192.168.77.1/32']/cluster", "lab");
	expect(t, "/state/vip[prefix='192.168.77.1/32']/routed", "true");
	expect(t, "/state/vip[prefix='192.168.77.1/32']/reason", "selected");
	expect(t, "/state/vip[prefix='192.168.77.1/32']/state", "would-be-routed");
	expect(t, "/state/vip[prefix='192.168.77.1/32']/table", "10077");
	expect(t, "/state/vip[prefix='192.168.77.1/32']/tag", "77");
	ck_assert_uint_eq(count(t, "/state/vip[prefix='192.168.77.1/32']/next-hop"), 3);
	ck_assert_uint_eq(count(t, "/state/vip[prefix='192.168.77.1/32']/next-hop[.='" EH_N2 "']"),
			  1);
	expect(t,
	       "/state/vip[prefix='192.168.77.1/32']/owner[cluster='old'][kind='Service']"
	       "[namespace='prod'][name='web2']/reason",
	       "held-by-other");
	expect(t,
	       "/state/vip[prefix='192.168.77.1/32']/owner[cluster='lab'][kind='Service']"
	       "[namespace='prod'][name='web']/advertise",
	       "web");
	expect(t, "/state/vip[prefix='192.168.77.2/32']/routed", "false");
	expect(t, "/state/vip[prefix='192.168.77.2/32']/reason", "no-endpoints");
	ck_assert_uint_eq(count(t, "/state/vip[prefix='192.168.77.2/32']/tag"), 0);
	expect(t, "/state/vips-truncated", "false");
	ck_assert_uint_eq(count(t, "/state/node"), 6);
	expect(t, "/state/node[cluster='lab'][name='n1']/ready", "ready");
	expect(t, "/state/node[cluster='lab'][name='n1']/vips", "1");
	expect(t, "/cluster[name='lab']/state/state", "live");
	expect(t, "/cluster[name='lab']/state/vips", "1");
	expect(t, "/cluster[name='lab']/state/services", "2");
	expect(t, "/cluster[name='old']/state/vips", "0");
	lyd_free_all(t);
}
END_TEST

START_TEST(before_the_engine_is_there)
{
	struct lyd_node *t;

	yh_look.engine = NULL;
	t = shown(KVF_YANG_TOP);
	expect(t, "/state/vips-routed", "0");
	ck_assert_uint_eq(count(t, "/cluster"), 0);
	ck_assert_uint_eq(count(t, "/state/vip"), 0);
	lyd_free_all(t);
}
END_TEST

static void many(unsigned int n)
{
	char name[16], ip[32];

	eh_conf(h, "cluster lab server https://192.168.99.9:6443\n"
		   "cluster lab vip-range 10.0.0.0/8\n"
		   "cluster lab advertise web service-selector any\n");
	eh_node(h, "lab", "n1", EH_N1, "True", "", "");
	for (unsigned int i = 1; i <= n; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		snprintf(ip, sizeof(ip), "10.7.%u.%u", i / 256, i % 256);
		eh_service(h, "lab", name, ip, "", "");
		eh_slice(h, "lab", name, "n1:r");
	}
	eh_synced(h, "lab");
	for (int i = 0; i < 20; i++)
		eh_pass(h, 10);
	look_now();
}

static unsigned int leaves_seen;

static int slow_client(const struct lysc_node *s, struct yang_translator *t, struct yang_data *d,
		       void *arg)
{
	(void)s;
	(void)t;
	look_now(); /* time goes by: the overview is read anew */
	if (strcmp(d->xpath, KVF_YANG_TOP "/state/vips-truncated") == 0)
		snprintf(arg, 8, "%s", d->value);
	leaves_seen++;
	yang_data_free(d);
	return NB_OK;
}

START_TEST(a_long_list_is_cut_and_says_so)
{
	char truncated[8] = "";
	struct lyd_node *t;

	many(1001);
	t = shown(KVF_YANG_TOP);
	expect(t, "/state/vips-routed", "1001");
	ck_assert_uint_eq(count(t, "/state/vip"), 1000);
	expect(t, "/state/vips-truncated", "true");
	lyd_free_all(t);
	ck_assert_int_eq(nb_oper_data_iterate(KVF_YANG_TOP, NULL, 0, slow_client, truncated),
			 NB_OK);
	ck_assert_str_eq(truncated, "true");
	eh_del(h, "lab", KVIP_KIND_SERVICE, "prod", "s1");
	for (int i = 0; i < 20; i++)
		eh_pass(h, 10);
	t = shown(KVF_YANG_TOP);
	ck_assert_uint_eq(count(t, "/state/vip"), 1000);
	expect(t, "/state/vips-truncated", "false");
	lyd_free_all(t);
}
END_TEST

/* A client that gives up in the middle, and the next one. */
static int give_up(const struct lysc_node *s, struct yang_translator *t, struct yang_data *d,
		   void *arg)
{
	unsigned int *left = arg;

	(void)s;
	(void)t;
	yang_data_free(d);
	return (*left)-- ? NB_OK : NB_ERR;
}

START_TEST(a_walk_may_end_anywhere)
{
	int64_t live;

	scene();
	lyd_free_all(shown(KVF_YANG_TOP));
	live = kvip_mem_live();
	for (unsigned int stop = 0; stop < 100; stop++) {
		unsigned int left = stop;

		(void)nb_oper_data_iterate(KVF_YANG_TOP, NULL, 0, give_up, &left);
	}
	lyd_free_all(shown(KVF_YANG_TOP));
	ck_assert_int_eq(kvip_mem_live(), live);
}
END_TEST

static const void *entry(const char *list, const void *parent, const char *const *keys, uint8_t n)
{
	struct yang_list_keys k = { .num = n };
	char xpath[256];

	for (uint8_t i = 0; i < n; i++)
		snprintf(k.key[i], sizeof(k.key[i]), "%s", keys[i]);
	snprintf(xpath, sizeof(xpath), KVF_YANG_TOP "%s", list);
	return nb_callback_lookup_entry(nb_node_find(xpath), parent, &k);
}

static void expect_elem(const char *below, const void *of, const char *want)
{
	struct yang_data *d;
	char xpath[256];

	snprintf(xpath, sizeof(xpath), KVF_YANG_TOP "%s", below);
	d = nb_callback_get_elem(nb_node_find(xpath), xpath, of);
	ck_assert_ptr_nonnull(d);
	ck_assert_str_eq(d->value, want);
	yang_data_free(d);
}

/* As a libfrr would that looks for keys where they are. */
START_TEST(entries_by_their_keys)
{
	static const char *const web[] = { "lab", "Service", "prod", "web" };
	static const char *const n2[] = { "lab", "n2" };
	const void *vip, *owner;

	scene();
	vip = entry("/state/vip", NULL, (const char *const[]){ "192.168.77.1/32" }, 1);
	ck_assert_ptr_nonnull(vip);
	expect_elem("/state/vip/reason", vip, "selected");
	owner = entry("/state/vip/owner", vip, web, 4);
	ck_assert_ptr_nonnull(owner);
	expect_elem("/state/vip/owner/advertise", owner, "web");
	ck_assert_ptr_null(
		entry("/state/vip/owner", vip, (const char *const[]){ "", "", "", "" }, 4));
	ck_assert_ptr_null(
		entry("/state/vip", NULL, (const char *const[]){ "192.168.77.99/32" }, 1));
	ck_assert_ptr_null(entry("/state/vip", NULL, (const char *const[]){ "nonsense" }, 1));
	expect_elem("/state/node/cordoned", entry("/state/node", NULL, n2, 2), "false");
	expect_elem("/cluster/state/state",
		    entry("/cluster", NULL, (const char *const[]){ "old" }, 1), "live");
	ck_assert_ptr_null(entry("/cluster", NULL, (const char *const[]){ "none" }, 1));
}
END_TEST

/* ---- every leaf ---- */

static char given[128][160];
static size_t n_given;

static int note(const struct lysc_node *s, struct yang_translator *t, struct yang_data *d,
		void *arg)
{
	char xpath[160];
	bool known = false;

	(void)t;
	(void)arg;
	lysc_path(s, LYSC_PATH_DATA, xpath, sizeof(xpath));
	for (size_t i = 0; i < n_given; i++)
		known = known || strcmp(given[i], xpath) == 0;
	if (!known && n_given < array_size(given))
		snprintf(given[n_given++], sizeof(given[0]), "%s", xpath);
	yang_data_free(d);
	return NB_OK;
}

static int is_given(const struct lysc_node *s, void *arg)
{
	/* of a client with HTTP, a reconciler, a guard, a shared VIP: tests/integration */
	static const char *const others[] = { "last-error",    "current-server",    "guard-age",
					      "last-sync-age", "warning",           "standby",
					      "node-name",     "installed-next-hop" };
	char xpath[160];
	bool found = false;

	(void)arg;
	if (!(s->nodetype & (LYS_LEAF | LYS_LEAFLIST)) || !(s->flags & LYS_CONFIG_R) ||
	    lysc_is_key(s))
		return YANG_ITER_CONTINUE;
	lysc_path(s, LYSC_PATH_DATA, xpath, sizeof(xpath));
	for (size_t i = 0; i < n_given; i++)
		found = found || strcmp(given[i], xpath) == 0;
	for (size_t i = 0; i < array_size(others); i++)
		found = found || strcmp(others[i], s->name) == 0;
	ck_assert_msg(found, "nothing gives %s", xpath);
	return YANG_ITER_CONTINUE;
}

START_TEST(every_leaf_is_given)
{
	scene();
	ck_assert_int_eq(nb_oper_data_iterate(KVF_YANG_TOP, NULL, 0, note, NULL), NB_OK);
	yang_snodes_iterate_subtree(lys_find_path(ly_native_ctx, NULL, KVF_YANG_TOP, 0), NULL,
				    is_given, 0, NULL);
}
END_TEST

static void expect_valid(const char *xpath, const char *word)
{
	const struct lysc_node *s = lys_find_path(ly_native_ctx, NULL, xpath, 0);

	ck_assert_msg(lyd_value_validate(ly_native_ctx, s, word, strlen(word), NULL, NULL, NULL) ==
			      LY_SUCCESS,
		      "%s cannot be `%s`", xpath, word);
}

/* A word that the model does not allow would make the whole answer fail. */
START_TEST(the_model_allows_every_word)
{
	for (unsigned int r = 1; r < KVIP_REASON_MAX; r++)
		expect_valid(KVF_YANG_TOP "/state/vip/reason",
			     kvip_reason_info((enum kvip_reason)r)->word);
	for (unsigned int s = 0; s < KVIP_ROUTE_STATE_MAX; s++)
		expect_valid(KVF_YANG_TOP "/state/vip/state",
			     kvip_route_state_word((enum kvip_route_state)s));
	for (unsigned int s = 0; s <= KVIP_CLUSTER_SHUTDOWN; s++)
		expect_valid(KVF_YANG_TOP "/cluster/state/state",
			     kvip_show_cluster_state((enum kvip_cluster_state)s));
}
END_TEST

START_TEST(memory_may_run_out)
{
	int64_t live;

	scene();
	lyd_free_all(shown(KVF_YANG_TOP));
	live = kvip_mem_live();
	for (int64_t nth = 1;; nth++) {
		bool failed;

		look_now();
		kvip_mem_fail_at(nth);
		ck_assert_int_eq(nb_oper_data_iterate(KVF_YANG_TOP, NULL, 0, note, NULL), NB_OK);
		failed = kvip_mem_failed();
		kvip_mem_fail_at(0);
		ck_assert_int_eq(kvip_mem_live(), live);
		if (!failed)
			break;
	}
}
END_TEST

/* ---- orders ---- */

START_TEST(orders_go_through_rpcs)
{
	static const struct {
		enum kvf_order order;
		const char *xpath, *arg;
	} orders[] = {
		{ KVF_ORDER_FLUSH, "/frr-kubevip:flush", NULL },
		{ KVF_ORDER_CLEAR_FLUSH, "/frr-kubevip:clear-flush", NULL },
		{ KVF_ORDER_RELIST, "/frr-kubevip:relist", "lab" },
		{ KVF_ORDER_ACCEPT, "/frr-kubevip:accept-withdrawals", "lab" },
		{ KVF_ORDER_ACCEPT, "/frr-kubevip:accept-withdrawals", NULL },
		{ KVF_ORDER_CLEAR_ORPHANS, "/frr-kubevip:clear-orphans", NULL },
	};

	for (size_t i = 0; i < array_size(orders); i++) {
		struct kvip_err err;

		yh_order = -1;
		ck_assert_int_eq(kvf_yang_order(orders[i].order, orders[i].arg, &err), 0);
		ck_assert_str_eq(err.text, "ordered");
		ck_assert_int_eq(yh_order, orders[i].order);
		ck_assert_str_eq(yh_argument, orders[i].arg ? orders[i].arg : "");
		ck_assert_ptr_nonnull(nb_node_find(orders[i].xpath)->cbs.rpc);
	}
}
END_TEST

START_TEST(a_refused_order_says_why)
{
	struct list *input = yang_data_list_new(), *output = yang_data_list_new();
	const struct nb_node *relist = nb_node_find("/frr-kubevip:relist");
	char said[256] = "";
	struct kvip_err err;

	ck_assert_int_lt(kvf_yang_order(KVF_ORDER_RELIST, "none", &err), 0);
	ck_assert_str_eq(err.text, "there is no cluster none");
	ck_assert_int_eq(nb_callback_rpc(relist, "/frr-kubevip:relist", input, output, said,
					 sizeof(said)),
			 NB_ERR);
	ck_assert_ptr_nonnull(strstr(said, "name the cluster"));
	listnode_add(input, yang_data_new("/frr-kubevip:relist/input/cluster", "lab"));
	ck_assert_int_eq(nb_callback_rpc(relist, "/frr-kubevip:relist", input, output, said,
					 sizeof(said)),
			 NB_OK);
	ck_assert_str_eq(yh_argument, "lab");
	list_delete(&input);
	list_delete(&output);
}
END_TEST

/* ---- notifications ---- */

static char told[4096]; /* one line each */

static int hear(const char *xpath, struct list *arguments)
{
	struct yang_data *d;
	struct listnode *n;
	size_t used;

	used = strlen(told);
	used += snprintf(told + used, sizeof(told) - used, "%s", strchr(xpath, ':') + 1);
	for (ALL_LIST_ELEMENTS_RO(arguments, n, d)) {
		const struct lysc_node *s = lys_find_path(ly_native_ctx, NULL, d->xpath, 0);

		ck_assert_msg(s != NULL, "the model has no %s", d->xpath);
		expect_valid(d->xpath, d->value);
		used += snprintf(told + used, sizeof(told) - used, " %s=%s", s->name, d->value);
	}
	snprintf(told + used, sizeof(told) - used, "\n");
	return 0;
}

static void expect_told(const char *want)
{
	told[0] = '\0';
	look_now();
	kvf_yang_notify();
	ck_assert_str_eq(told, want);
}

START_TEST(what_changes_is_told_once)
{
	hook_register(nb_notification_send, hear);
	expect_told("");
	eh_conf(h, EH_CONF);
	expect_told("");
	eh_three_nodes(h, "lab");
	eh_services(h, "lab", 20);
	eh_synced(h, "lab");
	eh_step(h);
	expect_told("cluster-state-change cluster=lab state=live\n");
	expect_told("");
	eh_conf(h, EH_CONF "cluster lab shutdown\n");
	expect_told("cluster-state-change cluster=lab state=shutdown\n");
	eh_conf(h, EH_CONF);
	eh_pass(h, 100);
	expect_told("cluster-state-change cluster=lab state=live\n");
}
END_TEST

START_TEST(the_guard_is_told)
{
	char name[16];

	hook_register(nb_notification_send, hear);
	eh_conf(h, EH_CONF);
	eh_three_nodes(h, "lab");
	eh_services(h, "lab", 30);
	eh_synced(h, "lab");
	eh_step(h);
	expect_told("cluster-state-change cluster=lab state=live\n");
	for (int i = 1; i <= 30; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		eh_del(h, "lab", KVIP_KIND_SERVICE, "prod", name);
	}
	eh_pass(h, 100);
	ck_assert(eh_cluster(h).guard_active);
	look_now();
	told[0] = '\0';
	kvf_yang_notify();
	ck_assert_ptr_nonnull(strstr(told, "withdraw-guard cluster=lab active=true held-vips="));
	expect_told("");
	ck_assert_int_eq(kvip_engine_accept_withdrawals(h->engine, "lab"), 0);
	eh_pass(h, 100);
	expect_told("withdraw-guard cluster=lab active=false held-vips=0\n");
}
END_TEST

#define CONFLICT                                                                                   \
	"vip-conflict prefix=192.168.77.1/32 holder=lab/Service prod/web "                         \
	"loser=old/Service prod/web2\n"

START_TEST(a_conflict_is_told_while_it_is_new)
{
	scene();
	expect_told(""); /* nobody listens yet */
	hook_register(nb_notification_send, hear);
	expect_told("");
	eh_del(h, "old", KVIP_KIND_SERVICE, "prod", "web2");
	eh_step(h);
	expect_told("");
	eh_service(h, "old", "web2", "192.168.77.1", "", "");
	eh_step(h);
	expect_told(CONFLICT);
	eh_service(h, "old", "web3", "192.168.77.2", "", "");
	eh_service(h, "lab", "api2", "192.168.77.3", "", "");
	eh_step(h);
	ck_assert_uint_eq(eh_summary(h).conflicts, 1);
	expect_told("");
}
END_TEST

/* Told at most so many at a time, each once, all in the end. */
START_TEST(many_conflicts)
{
	unsigned int lines = 0, most = 0;

	many(100);
	eh_conf(h, "cluster lab server https://192.168.99.9:6443\n"
		   "cluster lab vip-range 10.0.0.0/8\n"
		   "cluster lab advertise web service-selector any\n"
		   "cluster old server https://192.168.99.8:6443\n"
		   "cluster old vip-range 10.0.0.0/8\n"
		   "cluster old preference 50\n"
		   "cluster old advertise all service-selector any\n");
	eh_node(h, "old", "n1", EH_N1, "True", "", "");
	for (unsigned int i = 1; i <= 100; i++) {
		char name[16], ip[32];

		snprintf(name, sizeof(name), "s%u", i);
		snprintf(ip, sizeof(ip), "10.7.0.%u", i);
		eh_service(h, "old", name, ip, "", "");
		eh_slice(h, "old", name, "n1:r");
	}
	eh_synced(h, "old");
	eh_pass(h, 100);
	hook_register(nb_notification_send, hear);
	for (int i = 0; i < 30; i++) {
		unsigned int now = 0;

		told[0] = '\0';
		look_now();
		kvf_yang_notify();
		for (const char *p = told; (p = strstr(p, "vip-conflict ")); p++)
			now++;
		most = MAX(most, now);
		lines += now;
	}
	ck_assert_uint_eq(lines, 100);
	ck_assert_uint_eq(most, 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_yang_state");
	TCase *t = tcase_create("kvf_yang_state");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_the_engine_knows);
	tcase_add_test(t, before_the_engine_is_there);
	tcase_add_test(t, a_long_list_is_cut_and_says_so);
	tcase_add_test(t, a_walk_may_end_anywhere);
	tcase_add_test(t, entries_by_their_keys);
	tcase_add_test(t, every_leaf_is_given);
	tcase_add_test(t, the_model_allows_every_word);
	tcase_add_test(t, memory_may_run_out);
	tcase_add_test(t, orders_go_through_rpcs);
	tcase_add_test(t, a_refused_order_says_why);
	tcase_add_test(t, what_changes_is_told_once);
	tcase_add_test(t, the_guard_is_told);
	tcase_add_test(t, a_conflict_is_told_while_it_is_new);
	tcase_add_test(t, many_conflicts);
	suite_add_tcase(s, t);
	return yh_run(s);
}
