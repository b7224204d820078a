// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the command table in the real libfrr: every line that kvip_conf_render() can write is taken
 * by FRR's parser (in full and as `no`), every command reaches its hook with its words, help texts
 * fit.
 */
#include <zebra.h>

#include "frr/kvf_cmd.h"
#include "vip/kvip_conf.h"

#include "buffer.h"
#include "command.h"
#include "memory.h"
#include "vty.h"

#include <check.h>
#include <errno.h>

static struct kvip_conf *conf;
static struct vty *vty;
static char *said;
static enum kvf_show shown;
static enum kvf_order ordered;
static char argument[64];
static bool json;
static unsigned int debug_mask;
static const struct cmd_element *matched;
static int in_vtysh; /* which walks up the nodes itself */

static int conf_line(struct vty *in, int argc, const char *const *argv, bool negate,
		     struct kvip_err *err)
{
	ck_assert_ptr_eq(in, vty);
	return kvip_conf_line(conf, argc, argv, negate, err);
}

static int conf_render(struct kvip_buf *out)
{
	return kvip_conf_render(conf, out);
}

static int show(enum kvf_show what, const char *arg, bool as_json, struct kvip_buf *out,
		struct kvip_err *err)
{
	shown = what;
	json = as_json;
	snprintf(argument, sizeof(argument), "%s", arg ? arg : "");
	if (arg && strcmp(arg, "none") == 0)
		return kvip_err_set(err, -ENOENT, "there is none");
	return kvip_buf_puts(out, "shown 100%s\n");
}

static int order(enum kvf_order what, const char *arg, struct kvip_err *err)
{
	ordered = what;
	snprintf(argument, sizeof(argument), "%s", arg ? arg : "");
	return kvip_err_set(err, 0, "ordered");
}

static void debug(unsigned int mask)
{
	debug_mask = mask;
}

static struct kvf_cmd_hooks hooks = {
	.conf_line = conf_line,
	.conf_render = conf_render,
	.show = show,
	.order = order,
	.debug = debug,
};

/* Each test runs in a process of its own: libfrr's table is never taken down. */
static void setup(void)
{
	conf = kvip_conf_new();
	cmd_init(1);
	vty = vty_new();
	vty->type = VTY_FILE;
	vty->wfd = -1;
	said = NULL;
}

static void setup_installed(void)
{
	setup();
	ck_assert_int_eq(kvf_cmd_install(&hooks), 0);
}

static void teardown(void)
{
	XFREE(MTYPE_TMP, said);
	kvip_conf_unref(conf);
}

static int run(enum node_type node, const char *line)
{
	int rc;

	XFREE(MTYPE_TMP, said);
	vty->node = node;
	buffer_reset(vty->obuf);
	rc = cmd_execute(vty, line, &matched, in_vtysh);
	said = buffer_getstr(vty->obuf);
	return rc;
}

static void take(const char *line)
{
	int rc = run(CONFIG_NODE, line);

	ck_assert_msg(rc == CMD_SUCCESS, "%s: %d %s", line, rc, said);
}

/* What our node adds to `show running-config`. */
static void running(void)
{
	struct cmd_node *node = vector_lookup(cmdvec, NODE_TYPE_MAX + 40);

	ck_assert_ptr_nonnull(node);
	XFREE(MTYPE_TMP, said);
	buffer_reset(vty->obuf);
	node->config_write(vty);
	said = buffer_getstr(vty->obuf);
}

static void expect_running(const char *want)
{
	running();
	if (*want)
		ck_assert_msg(strstr(said, want) != NULL, "no `%s` in %s", want, said);
	else
		ck_assert_ptr_null(strstr(said, "kubevip"));
}

static const char *const lines[] = {
	"kubevip inject observe",
	"kubevip node-name auto",
	"kubevip node-name node-1.example",
	"kubevip reserved-prefix 192.168.77.1/32",
	"kubevip reserved-prefix fd00:77::/112",
	"kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig",
	"kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig context admin@lab",
	"kubevip cluster lab in-cluster",
	"kubevip cluster lab server https://192.168.99.12:6443 https://[fd00:99::13]:6443 http://127.0.0.1:8001",
	"kubevip cluster lab ca-file /etc/frr/ca.pem",
	"kubevip cluster lab token-file /etc/frr/token",
	"kubevip cluster lab client-certificate /etc/frr/c.pem key /etc/frr/k.pem",
	"kubevip cluster lab tls-server-name kubernetes.default",
	"kubevip cluster lab proxy-url socks5://127.0.0.1:1080",
	"kubevip cluster lab vip-range 192.168.77.0/24",
	"kubevip cluster lab vip-range 192.168.78.0/24 namespace dev",
	"kubevip cluster lab vip-range 192.168.79.0/24 namespace prod allow-connected",
	"kubevip cluster lab vip-range fd00:77::/64 allow-connected",
	"kubevip cluster lab prefix-list VIPS",
	"kubevip cluster lab from-cilium",
	"kubevip cluster lab shutdown",
	"kubevip cluster lab maximum-vips 2000",
	"kubevip cluster lab preference 200",
	"kubevip cluster lab min-ready-nodes 3",
	"kubevip cluster lab snapshot-max-age 0",
	"kubevip cluster lab on-api-loss hold 600",
	"kubevip cluster lab withdraw-guard 30",
	"kubevip cluster lab withdraw-guard 30 release-after 900",
	"kubevip cluster lab withdraw-guard 30 min 5 release-after 900",
	"kubevip cluster lab advertise web service-selector any",
	"kubevip cluster lab advertise web service-selector a=b,tier in (gold, silver),!internal",
	"kubevip cluster lab advertise web namespace prod",
	"kubevip cluster lab advertise web address external-ip cluster-ip",
	"kubevip cluster lab advertise web address loadbalancer-ip external-ip cluster-ip",
	"kubevip cluster lab advertise web address cluster-ip",
	"kubevip cluster lab advertise web loadbalancer-class io.cilium/bgp-control-plane",
	"kubevip cluster lab advertise web node-selector node-role.kubernetes.io/control-plane",
	"kubevip cluster lab advertise web node-selector zone in (a, b)",
	"kubevip cluster lab advertise web next-hop external-ip",
	"kubevip cluster lab advertise web next-hop annotation example.com/bgp-ip",
	"kubevip cluster lab advertise web next-hop subnet 10.0.0.0/8",
	"kubevip cluster lab advertise web next-hop subnet fd00::/8",
	"kubevip cluster lab advertise web next-hop-resolution any",
	"kubevip cluster lab advertise web endpoint-rule ready",
	"kubevip cluster lab advertise web endpoint-rule ready-or-serving",
	"kubevip cluster lab advertise web allow-no-endpoints",
	"kubevip cluster lab advertise web honour-cordon",
	"kubevip cluster lab advertise web ignore-exclude-label",
	"kubevip cluster lab advertise web tag 4294967295",
	"kubevip cluster lab advertise web distance 12",
	"kubevip cluster lab advertise web table 10077",
	"kubevip cluster lab advertise cilium:mdhlabs-bgp-advertisement/0 tag 78",
};

/* What frr-reload and `write` need: typed, shown, removed by the whole line. */
START_TEST(every_line_passes_frrs_parser)
{
	char no[512];

	for (size_t i = 0; i < array_size(lines); i++) {
		take(lines[i]);
		expect_running(lines[i]);
		snprintf(no, sizeof(no), "no %s", lines[i]);
		take(no);
		ck_assert_str_eq(said, "");
		expect_running("");
	}
}
END_TEST

START_TEST(short_forms_of_no)
{
	static const char *const words[] = { "kubeconfig",
					     "server",
					     "client-certificate",
					     "on-api-loss",
					     "withdraw-guard",
					     "advertise web service-selector",
					     "advertise web address",
					     "advertise web next-hop",
					     "advertise web tag" };
	char no[256];

	for (size_t i = 0; i < array_size(words); i++) {
		for (size_t k = 0; k < array_size(lines); k++)
			if (strncmp(lines[k], "kubevip cluster", 15) == 0)
				take(lines[k]);
		snprintf(no, sizeof(no), "no kubevip cluster lab %s", words[i]);
		take(no);
		snprintf(no, sizeof(no), "kubevip cluster lab %s ", words[i]);
		running();
		ck_assert_msg(strstr(said, no) == NULL, "%s", no);
	}
	take("no kubevip cluster lab advertise web");
	take("no kubevip cluster lab");
	expect_running("");
}
END_TEST

START_TEST(words_may_be_cut_short)
{
	take("kubevip clu lab adv web next-hop-res igp");
	expect_running("kubevip cluster lab advertise web next-hop-resolution igp\n");
	take("no kubev clu lab");
	expect_running("");
}
END_TEST

START_TEST(refusals_have_a_text)
{
	ck_assert_int_eq(run(CONFIG_NODE, "kubevip cluster lab advertise web distance 1"),
			 CMD_WARNING_CONFIG_FAILED);
	ck_assert_ptr_nonnull(strstr(said, "% distance: 1 is"));
	ck_assert_int_eq(run(CONFIG_NODE, "kubevip inject bgp"), CMD_WARNING_CONFIG_FAILED);
	ck_assert_ptr_nonnull(strstr(said, "only inside bgpd"));
	hooks.in_bgpd = true;
	take("kubevip inject bgp");
	ck_assert_int_eq(run(CONFIG_NODE, "no kubevip cluster nonsense"), CMD_SUCCESS);
	ck_assert_ptr_nonnull(strstr(said, "nothing removed"));
	ck_assert_int_eq(run(CONFIG_NODE, "kubevip cluster lab maximum-vips 0"), CMD_ERR_NO_MATCH);
}
END_TEST

static void shows(const char *line, enum kvf_show what, const char *arg, bool as_json)
{
	int rc = run(VIEW_NODE, line);

	ck_assert_msg(rc == CMD_SUCCESS, "%s: %d", line, rc);
	ck_assert_str_eq(said, "shown 100%s\n");
	ck_assert_int_eq(shown, what);
	ck_assert_str_eq(argument, arg);
	ck_assert_int_eq(json, as_json);
}

START_TEST(show_commands)
{
	shows("show kubevip", KVF_SHOW_OVERVIEW, "", false);
	shows("show kubevip json", KVF_SHOW_OVERVIEW, "", true);
	shows("show kubevip vip", KVF_SHOW_VIP, "", false);
	shows("show kubevip vip json", KVF_SHOW_VIP, "", true);
	shows("show kubevip vip 192.168.77.1", KVF_SHOW_VIP, "192.168.77.1", false);
	shows("show kubevip vip 192.168.77.0/24 json", KVF_SHOW_VIP, "192.168.77.0/24", true);
	shows("show kubevip vip fd00:77::1", KVF_SHOW_VIP, "fd00:77::1", false);
	shows("show kubevip vip fd00:77::/64 json", KVF_SHOW_VIP, "fd00:77::/64", true);
	shows("show kubevip service", KVF_SHOW_SERVICE, "", false);
	shows("show kubevip service json", KVF_SHOW_SERVICE, "", true);
	shows("show kubevip service prod/web json", KVF_SHOW_SERVICE, "prod/web", true);
	shows("show kubevip node json", KVF_SHOW_NODE, "", true);
	shows("show kubevip cluster lab", KVF_SHOW_CLUSTER, "lab", false);
	shows("show kubevip cluster lab json", KVF_SHOW_CLUSTER, "lab", true);
	shows("show kubevip check", KVF_SHOW_CHECK, "", false);
	ck_assert_int_eq(run(VIEW_NODE, "show kubevip cluster none"), CMD_WARNING);
	ck_assert_str_eq(said, "% there is none\n");
}
END_TEST

static void orders(const char *line, enum kvf_order what, const char *arg)
{
	ck_assert_int_eq(run(ENABLE_NODE, line), CMD_SUCCESS);
	ck_assert_str_eq(said, "ordered\n");
	ck_assert_int_eq(ordered, what);
	ck_assert_str_eq(argument, arg);
	ck_assert_int_ne(run(VIEW_NODE, line), CMD_SUCCESS);
}

START_TEST(orders_need_the_enable_node)
{
	orders("clear kubevip cluster lab", KVF_ORDER_RELIST, "lab");
	orders("clear kubevip withdraw-guard", KVF_ORDER_ACCEPT, "");
	orders("clear kubevip withdraw-guard cluster lab", KVF_ORDER_ACCEPT, "lab");
	orders("clear kubevip orphans", KVF_ORDER_CLEAR_ORPHANS, "");
	orders("clear kubevip flush", KVF_ORDER_CLEAR_FLUSH, "");
	orders("kubevip flush", KVF_ORDER_FLUSH, "");
}
END_TEST

START_TEST(debugging)
{
	ck_assert_int_eq(run(ENABLE_NODE, "debug kubevip api"), CMD_SUCCESS);
	ck_assert_uint_eq(debug_mask, 1u << KVIP_DEBUG_API);
	ck_assert_int_eq(run(CONFIG_NODE, "debug kubevip select"), CMD_SUCCESS);
	ck_assert_uint_eq(debug_mask, 1u << KVIP_DEBUG_API | 1u << KVIP_DEBUG_SELECT);
	running();
	ck_assert_ptr_nonnull(strstr(said, "debug kubevip select\n"));
	ck_assert_ptr_null(strstr(said, "debug kubevip api"));
	ck_assert_int_eq(run(ENABLE_NODE, "show debugging"), CMD_SUCCESS);
	ck_assert_ptr_nonnull(strstr(said, "debug kubevip api"));
	ck_assert_int_eq(run(ENABLE_NODE, "show debugging kubevip"), CMD_SUCCESS);
	ck_assert_int_eq(run(ENABLE_NODE, "no debug kubevip select"), CMD_SUCCESS);
	ck_assert_uint_eq(debug_mask, 1u << KVIP_DEBUG_API | 1u << KVIP_DEBUG_SELECT);
	ck_assert_int_eq(run(CONFIG_NODE, "no debug kubevip select"), CMD_SUCCESS);
	ck_assert_int_eq(run(ENABLE_NODE, "no debug kubevip api"), CMD_SUCCESS);
	ck_assert_uint_eq(debug_mask, 0);
}
END_TEST

static void visit(bool *visited)
{
	for (size_t i = 0; i < kvip_conf_grammar_n; i++)
		visited[i] |= kvip_conf_grammar[i].syntax &&
			      strcmp(matched->string + strlen("kubevip "),
				     kvip_conf_grammar[i].syntax) == 0;
}

/* A row that is new in the grammar wants a line here, and so in every test that uses them. */
START_TEST(every_row_has_a_line)
{
	bool *visited = calloc(kvip_conf_grammar_n, sizeof(*visited));

	for (size_t i = 0; i < array_size(lines); i++) {
		take(lines[i]);
		visit(visited);
	}
	for (size_t i = 0; i < kvip_conf_grammar_n; i++)
		ck_assert_msg(visited[i] || !kvip_conf_grammar[i].syntax, "no line for %s",
			      kvip_conf_grammar[i].syntax);
	free(visited);
}
END_TEST

START_TEST(show_running_config_of_our_own)
{
	take("kubevip cluster lab shutdown");
	take("debug kubevip api");
	ck_assert_int_eq(run(ENABLE_NODE, "show kubevip running-config"), CMD_SUCCESS);
	ck_assert_str_eq(said, "debug kubevip api\n!\nkubevip cluster lab shutdown\n");
	ck_assert_int_ne(run(VIEW_NODE, "show kubevip running-config"), CMD_SUCCESS);
	take("no debug kubevip api");
}
END_TEST

static struct cmd_node rmap_node = {
	.name = "routemap",
	.node = RMAP_NODE,
	.parent_node = CONFIG_NODE,
	.prompt = "",
};

static void goes_to_bgpd(enum node_type node, enum node_type installed, const char *line)
{
	int rc = run(node, line);

	ck_assert_msg(rc == CMD_SUCCESS_DAEMON, "%s: %d %s", line, rc, said);
	ck_assert_int_eq(matched->daemon, 0x20);
	ck_assert_int_eq(kvf_cmd_node(matched), installed);
	ck_assert_ptr_null(matched->func);
}

START_TEST(vtysh_sends_everything_to_bgpd)
{
	static const char *const kinds[] = { "label tier=gold", "namespace prod",
					     "service prod/web", "cluster lab",
					     "class io.cilium/bgp-control-plane" };
	static const char *const shows[] = {
		"", " json", " vip", " vip fd00:77::/64 json", " node", " check", " cluster lab"
	};
	char line[512];

	in_vtysh = 1;
	install_node(&rmap_node);
	ck_assert_int_eq(kvf_cmd_install_vtysh(0x20), 0);
	for (size_t i = 0; i < array_size(lines); i++) {
		goes_to_bgpd(CONFIG_NODE, CONFIG_NODE, lines[i]);
		snprintf(line, sizeof(line), "no %s", lines[i]);
		goes_to_bgpd(CONFIG_NODE, CONFIG_NODE, line);
	}
	for (size_t i = 0; i < array_size(shows); i++) {
		snprintf(line, sizeof(line), "show kubevip%s", shows[i]);
		goes_to_bgpd(VIEW_NODE, VIEW_NODE, line);
	}
	goes_to_bgpd(ENABLE_NODE, ENABLE_NODE, "show kubevip running-config");
	goes_to_bgpd(ENABLE_NODE, ENABLE_NODE, "clear kubevip orphans");
	goes_to_bgpd(CONFIG_NODE, CONFIG_NODE, "debug kubevip api");
	for (size_t i = 0; i < array_size(kinds); i++) {
		snprintf(line, sizeof(line), "match kubevip %s", kinds[i]);
		goes_to_bgpd(RMAP_NODE, RMAP_NODE, line);
		snprintf(line, sizeof(line), "no match kubevip %s", kinds[i]);
		goes_to_bgpd(RMAP_NODE, RMAP_NODE, line);
		snprintf(line, sizeof(line), "no match kubevip %.5s", kinds[i]);
		goes_to_bgpd(RMAP_NODE, RMAP_NODE, line);
	}
	ck_assert_int_eq(run(ENABLE_NODE, "list"), CMD_SUCCESS);
	ck_assert_int_eq(kvf_cmd_node(matched), -1);
}
END_TEST

START_TEST(memory_may_run_out)
{
	for (int64_t nth = 1;; nth++) {
		int64_t live = kvip_mem_live();
		int rc;

		kvip_mem_fail_at(nth);
		rc = kvf_cmd_install(&hooks);
		kvip_mem_fail_at(0);
		if (!rc)
			break;
		ck_assert_int_eq(rc, -ENOMEM);
		ck_assert_int_eq(kvip_mem_live(), live);
	}
	take("kubevip cluster lab shutdown");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_cmd");
	TCase *t = tcase_create("kvf_cmd"), *bare = tcase_create("memory");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup_installed, teardown);
	tcase_add_checked_fixture(bare, setup, teardown);
	tcase_add_test(t, every_line_passes_frrs_parser);
	tcase_add_test(t, short_forms_of_no);
	tcase_add_test(t, words_may_be_cut_short);
	tcase_add_test(t, refusals_have_a_text);
	tcase_add_test(t, show_commands);
	tcase_add_test(t, orders_need_the_enable_node);
	tcase_add_test(t, debugging);
	tcase_add_test(t, every_row_has_a_line);
	tcase_add_test(t, show_running_config_of_our_own);
	tcase_add_test(bare, vtysh_sends_everything_to_bgpd);
	tcase_add_test(bare, memory_may_run_out);
	suite_add_tcase(s, t);
	suite_add_tcase(s, bare);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
