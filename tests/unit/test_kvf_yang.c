// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the configuration in the model: the grammar table and yang/frr-kubevip.yang say the same,
 * lines go through libfrr's northbound layer and come back, other northbound clients change what is
 * in force or are refused.
 */
#include "yang_helper.h"

#include "base/kvip_limits.h"
#include "vip/kvip_conf_impl.h"

static void setup(void)
{
	yh_begin(true);
}

static void setup_daemon(void)
{
	yh_begin(true);
	yh_hooks.in_bgpd = false;
}

/* ---- the table and the model ---- */

static const struct lysc_node *schema(const char *xpath)
{
	const struct lysc_node *s = lys_find_path(ly_native_ctx, NULL, xpath, 0);

	ck_assert_msg(s != NULL, "the model has no %s", xpath);
	return s;
}

static const char *const scope_path[] = {
	[KVIP_SCOPE_TOP] = KVF_YANG_TOP,
	[KVIP_SCOPE_CLUSTER] = KVF_YANG_TOP "/cluster",
	[KVIP_SCOPE_ADV] = KVF_YANG_TOP "/cluster/advertise",
};

static const struct lysc_node *node_of(const struct kvip_conf_row *row)
{
	char xpath[256];

	snprintf(xpath, sizeof(xpath), "%s/%s", scope_path[row->scope], row->word);
	return schema(xpath);
}

static const struct lysc_type *type_of(const struct lysc_node *s)
{
	ck_assert_msg(s->nodetype & (LYS_LEAF | LYS_LEAFLIST), "%s is no leaf", s->name);
	return ((const struct lysc_node_leaf *)s)->type;
}

static void expect_default(const struct lysc_node *s, const char *want)
{
	const char *def = yang_snode_get_default(s);

	ck_assert_msg((!def && !want) || (def && want && strcmp(def, want) == 0),
		      "%s: the model's default is %s, the table's %s", s->name, def ? def : "none",
		      want ? want : "none");
}

static void expect_range(const char *name, const struct lysc_range *range, uint64_t min,
			 uint64_t max)
{
	size_t n = LY_ARRAY_COUNT(range->parts);

	ck_assert_msg(range->parts[0].min_u64 == min && range->parts[n - 1].max_u64 == max,
		      "%s: the model says %llu to %llu, the table %llu to %llu", name,
		      (unsigned long long)range->parts[0].min_u64,
		      (unsigned long long)range->parts[n - 1].max_u64, (unsigned long long)min,
		      (unsigned long long)max);
}

static void compare_number(const struct kvip_conf_row *row, const struct lysc_node *s)
{
	const struct kvip_conf_number *bounds = row->param;
	char def[16];

	ck_assert_int_eq(type_of(s)->basetype, LY_TYPE_UINT32);
	expect_range(s->name, ((const struct lysc_type_num *)type_of(s))->range, bounds->min,
		     bounds->max);
	snprintf(def, sizeof(def), "%u", bounds->def);
	/* a default below the smallest value is `none` */
	expect_default(s, bounds->def < bounds->min ? NULL : def);
}

static void compare_words(const struct kvip_conf_row *row, const struct lysc_node *s)
{
	const struct lysc_type_enum *type = (const struct lysc_type_enum *)type_of(s);
	const char *const *words = row->param;
	size_t n = 0;

	ck_assert_int_eq(type->basetype, LY_TYPE_ENUM);
	for (; words[n]; n++)
		ck_assert_str_eq(type->enums[n].name, words[n]);
	ck_assert_uint_eq(LY_ARRAY_COUNT(type->enums), n);
	expect_default(s, words[0]);
}

static void compare_flag(const struct lysc_node *s)
{
	ck_assert_int_eq(type_of(s)->basetype, LY_TYPE_BOOL);
	expect_default(s, "false");
}

static void compare_row(const struct kvip_conf_row *row)
{
	const struct lysc_node *s = node_of(row);

	ck_assert_msg(s->flags & LYS_CONFIG_W, "%s is no configuration", s->name);
	if (row->type == &kvip_conf_type_flag)
		compare_flag(s);
	else if (row->type == &kvip_conf_type_number)
		compare_number(row, s);
	else if (row->type == &kvip_conf_type_word)
		compare_words(row, s);
	else if (row->type == &kvip_conf_type_text || row->type == &kvip_conf_type_selector)
		ck_assert_int_eq(s->nodetype, LYS_LEAF);
	else if (row->type == &kvip_conf_type_texts || row->type == &kvip_conf_type_reserved ||
		 row->type == &kvip_conf_type_node_selector)
		ck_assert_int_eq(s->nodetype, LYS_LEAFLIST);
}

START_TEST(every_row_has_its_node)
{
	ck_assert_uint_gt(kvip_conf_rows_n, 30);
	for (size_t i = 0; i < kvip_conf_rows_n; i++)
		compare_row(&kvip_conf_rows[i]);
}
END_TEST

static bool has_row(enum kvip_conf_scope scope, const char *word)
{
	for (size_t i = 0; i < kvip_conf_rows_n; i++)
		if (kvip_conf_rows[i].scope == scope && strcmp(kvip_conf_rows[i].word, word) == 0)
			return true;
	return false;
}

START_TEST(every_node_has_its_row)
{
	for (unsigned int scope = 0; scope < array_size(scope_path); scope++) {
		const struct lysc_node *s;

		LY_LIST_FOR(lysc_node_child(schema(scope_path[scope])), s)
		{
			bool inner = strcmp(s->name, "cluster") == 0 ||
				     strcmp(s->name, "advertise") == 0;

			if (!(s->flags & LYS_CONFIG_W) || lysc_is_key(s) || inner)
				continue;
			ck_assert_msg(has_row(scope, s->name), "%s/%s is in no row",
				      scope_path[scope], s->name);
		}
	}
}
END_TEST

static const struct lysc_range *union_range(const char *xpath)
{
	const struct lysc_type_union *u = (const struct lysc_type_union *)type_of(schema(xpath));

	ck_assert_int_eq(u->basetype, LY_TYPE_UNION);
	ck_assert_int_eq(u->types[1]->basetype, LY_TYPE_UINT32);
	return ((const struct lysc_type_num *)u->types[1])->range;
}

#define CLUSTER KVF_YANG_TOP "/cluster"

/* Values of composite lines, whose bounds stand in code: their defaults are those of an empty
 * object. Bounds: see a_value_is_taken_by_both_or_by_none. */
START_TEST(defaults_of_composite_lines)
{
	struct kvip_cluster_conf *cl = kvip_cluster_conf_new("lab");
	struct kvip_adv_conf *a = kvip_adv_conf_new("web");
	char text[16];

	snprintf(text, sizeof(text), "%u", cl->guard_percent);
	expect_default(schema(CLUSTER "/withdraw-guard/percent"), text);
	snprintf(text, sizeof(text), "%u", cl->guard_min);
	expect_default(schema(CLUSTER "/withdraw-guard/min"), text);
	expect_default(schema(CLUSTER "/withdraw-guard/release-after"),
		       cl->guard_release_s ? "?" : "never");
	expect_default(schema(CLUSTER "/on-api-loss/hold"),
		       cl->api_loss_withdraw_s ? "?" : "forever");
	snprintf(text, sizeof(text), "%u", a->distance);
	expect_default(schema(CLUSTER "/advertise/distance"), text);
	expect_default(schema(CLUSTER "/advertise/address"),
		       a->addresses == KVIP_ADDRESS_LOADBALANCER ? "loadbalancer-ip" : "?");
	ck_assert_int_eq(a->next_hop, KVIP_NH_INTERNAL);
	expect_range("hold", union_range(CLUSTER "/on-api-loss/hold"), 1, 31536000);
	expect_range("release-after", union_range(CLUSTER "/withdraw-guard/release-after"), 1,
		     31536000);
	kvip_adv_conf_free(a);
	kvip_cluster_conf_free(cl);
}
END_TEST

START_TEST(limits_are_those_of_the_engine)
{
	static const struct {
		const char *xpath;
		uint32_t max;
	} lists[] = {
		{ CLUSTER, KVIP_MAX_CLUSTERS },
		{ CLUSTER "/server", KVIP_MAX_SERVERS },
		{ CLUSTER "/vip-range", KVIP_MAX_RANGES },
		{ CLUSTER "/advertise", KVIP_MAX_ADVERTISE },
	};
	static const char *const leaf_lists[] = { KVF_YANG_TOP "/reserved-prefix",
						  CLUSTER "/advertise/namespace",
						  CLUSTER "/advertise/loadbalancer-class",
						  CLUSTER "/advertise/node-selector" };

	for (size_t i = 0; i < array_size(lists); i++)
		ck_assert_uint_eq(((const struct lysc_node_list *)schema(lists[i].xpath))->max,
				  lists[i].max);
	for (size_t i = 0; i < array_size(leaf_lists); i++)
		ck_assert_uint_eq(((const struct lysc_node_leaflist *)schema(leaf_lists[i]))->max,
				  KVIP_MAX_RANGES);
}
END_TEST

/* ---- values: what the parser takes the model takes, what it refuses is refused ---- */

/* How another client would write the value of a line: the nodes of it. */
static const struct value {
	const char *line;   /* with %s for the value */
	const char *xpath;  /* of the leaf; %s: the value is part of it */
	const char *values; /* separated by spaces */
} values[] = {
	{ "inject %s", "/inject", "zebra bgp observe Zebra none" },
	{ "node-name %s", "/node-name", "auto node-1.example Node a_b" },
	{ "reserved-prefix %s", "/reserved-prefix[.='%s']",
	  "10.0.0.0/8 fd00::/8 10.0.0.0/33 10.0.0 ::/129 0.0.0.0/0" },
	{ "cluster lab ca-file %s", "/cluster[name='lab']/ca-file", "/a a/b ./a /a/../b /" },
	{ "cluster lab token-file %s", "/cluster[name='lab']/token-file", "/a b" },
	{ "cluster lab tls-server-name %s", "/cluster[name='lab']/tls-server-name",
	  "kubernetes.default ::1 a_b a/b" },
	{ "cluster lab proxy-url %s", "/cluster[name='lab']/proxy-url",
	  "http://a https://a:1 socks5://a socks5h://a socks4://a http:// http:///a ftp://a" },
	{ "cluster lab kubeconfig %s", "/cluster[name='lab']/kubeconfig/path", "/a a" },
	{ "cluster lab server %s", "/cluster[name='lab']/server[index='1']/url",
	  "https://a https://a:6443 https://[::1]:6443 http://127.0.0.1:1 http://a https://a@b "
	  "https://a?b ftp://a https:// https://a:0" },
	{ "cluster lab vip-range %s", "/cluster[name='lab']/vip-range[prefix='%s'][namespace='*']",
	  "10.0.0.0/8 fd00::/64 10.0.0.0/33 0.0.0.0/0 127.0.0.0/8 224.0.0.0/4 fe80::/64" },
	{ "cluster lab vip-range 10.0.0.0/8 namespace %s",
	  "/cluster[name='lab']/vip-range[prefix='10.0.0.0/8'][namespace='%s']",
	  "prod Prod a.b a-1" },
	{ "cluster %s shutdown", "/cluster[name='%s']/shutdown", "lab Lab_1.a-b a/b a:b" },
	{ "cluster lab advertise %s tag 7", "/cluster[name='lab']/advertise[name='%s']/tag",
	  "web cilium cilium:a.b/0 cilium: cilium:A web:a" },
	{ "cluster lab prefix-list %s", "/cluster[name='lab']/prefix-list", "VIPS a/b:c" },
	{ "cluster lab maximum-vips %s", "/cluster[name='lab']/maximum-vips",
	  "0 1 1000000 1000001 -1 a 99999999999" },
	{ "cluster lab preference %s", "/cluster[name='lab']/preference", "0 1 65535 65536" },
	{ "cluster lab min-ready-nodes %s", "/cluster[name='lab']/min-ready-nodes",
	  "0 1 5000 5001" },
	{ "cluster lab snapshot-max-age %s", "/cluster[name='lab']/snapshot-max-age",
	  "0 1 31536000 31536001" },
	{ "cluster lab on-api-loss hold %s", "/cluster[name='lab']/on-api-loss/hold",
	  "0 1 31536000 31536001 x" },
	{ "cluster lab withdraw-guard %s", "/cluster[name='lab']/withdraw-guard/percent",
	  "0 1 100 101" },
	{ "cluster lab withdraw-guard 50 min %s", "/cluster[name='lab']/withdraw-guard/min",
	  "0 1 1000000 1000001" },
	{ "cluster lab withdraw-guard 50 release-after %s",
	  "/cluster[name='lab']/withdraw-guard/release-after", "0 1 31536000 31536001" },
	{ "cluster lab advertise web service-selector %s",
	  "/cluster[name='lab']/advertise[name='web']/service-selector",
	  "any a=b a,!b a=='b' ((( a=b=c" },
	{ "cluster lab advertise web node-selector %s",
	  "/cluster[name='lab']/advertise[name='web']/node-selector[.='%s']", "a=b a,!b (((" },
	{ "cluster lab advertise web namespace %s",
	  "/cluster[name='lab']/advertise[name='web']/namespace[.='%s']", "prod Prod a_b" },
	{ "cluster lab advertise web address %s",
	  "/cluster[name='lab']/advertise[name='web']/address",
	  "loadbalancer-ip external-ip cluster-ip node-ip" },
	{ "cluster lab advertise web loadbalancer-class %s",
	  "/cluster[name='lab']/advertise[name='web']/loadbalancer-class[.='%s']",
	  "io.cilium/bgp a:b" },
	{ "cluster lab advertise web next-hop annotation %s",
	  "/cluster[name='lab']/advertise[name='web']/next-hop/annotation", "a.b/c a:b" },
	{ "cluster lab advertise web next-hop subnet %s",
	  "/cluster[name='lab']/advertise[name='web']/next-hop/subnet",
	  "10.0.0.0/8 fd00::/8 10/8" },
	{ "cluster lab advertise web next-hop-resolution %s",
	  "/cluster[name='lab']/advertise[name='web']/next-hop-resolution", "connected igp any x" },
	{ "cluster lab advertise web endpoint-rule %s",
	  "/cluster[name='lab']/advertise[name='web']/endpoint-rule",
	  "ready-else-serving ready ready-or-serving serving" },
	{ "cluster lab advertise web tag %s", "/cluster[name='lab']/advertise[name='web']/tag",
	  "0 1 4294967295 4294967296" },
	{ "cluster lab advertise web distance %s",
	  "/cluster[name='lab']/advertise[name='web']/distance", "0 1 2 19 20 254 255 256" },
	{ "cluster lab advertise web table %s", "/cluster[name='lab']/advertise[name='web']/table",
	  "0 1 252 253 254 255 256 4294967295" },
};

static bool parser_takes(const char *line)
{
	struct kvip_conf *c = kvip_conf_new();
	char text[600];
	int rc;

	snprintf(text, sizeof(text), "kubevip %s", line);
	rc = kvip_conf_text(c, text, NULL);
	kvip_conf_unref(c);
	return rc == 0;
}

/* A commit of another client: the candidate is @config, which is freed. */
static int foreign_commit(struct nb_config *config, char *said, size_t size)
{
	struct nb_context who = { .client = NB_CLIENT_GRPC };
	int rc;

	said[0] = '\0';
	rc = nb_candidate_commit(&who, config, false, NULL, NULL, said, size);
	nb_config_free(config);
	return rc;
}

static bool model_takes(const struct value *v, const char *value)
{
	struct nb_config *config = nb_config_dup(running_config);
	char leaf[400], xpath[512], said[BUFSIZ];
	LY_ERR rc;

	snprintf(leaf, sizeof(leaf), v->xpath, value);
	snprintf(xpath, sizeof(xpath), KVF_YANG_TOP "%s", leaf);
	if (strstr(xpath, "/shutdown"))
		value = "true";
	if (strstr(v->line, "%s tag 7"))
		value = "7";
	rc = lyd_new_path(config->dnode, ly_native_ctx, xpath, value, LYD_NEW_PATH_UPDATE, NULL);
	if (!rc)
		return foreign_commit(config, said, sizeof(said)) != NB_ERR_VALIDATION;
	nb_config_free(config);
	return false;
}

START_TEST(a_value_is_taken_by_both_or_by_none)
{
	const struct value *v = &values[_i];
	char copy[512], line[512], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", v->values);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		bool parser, model;

		snprintf(line, sizeof(line), v->line, w);
		parser = parser_takes(line);
		model = model_takes(v, w);
		ck_assert_msg(parser == model, "`%s`: the parser %s it, the northbound layer %s it",
			      line, parser ? "takes" : "refuses", model ? "takes" : "refuses");
		yh_take("no cluster lab"); /* another client's candidate does not know of it */
	}
}
END_TEST

/* Numbers that are refused inside their bounds are refused by the model alone, too. */
START_TEST(holes_in_bounds)
{
	static const struct {
		const char *leaf;
		unsigned int from, to;
	} numbers[] = { { "distance", 0, 256 }, { "table", 250, 258 } };

	for (size_t i = 0; i < array_size(numbers); i++) {
		for (unsigned int n = numbers[i].from; n <= numbers[i].to; n++) {
			char line[80], xpath[80], text[12];
			bool model;

			snprintf(text, sizeof(text), "%u", n);
			snprintf(line, sizeof(line), "cluster lab advertise web %s %u",
				 numbers[i].leaf, n);
			snprintf(xpath, sizeof(xpath), CLUSTER "/advertise/%s", numbers[i].leaf);
			model = lyd_value_validate(ly_native_ctx, schema(xpath), text, strlen(text),
						   NULL, NULL, NULL) == LY_SUCCESS;
			ck_assert_msg(model == parser_takes(line), "%s", line);
		}
	}
}
END_TEST

/* ---- lines ---- */

static const char *const lines[] = {
	"inject bgp",
	"node-name auto",
	"reserved-prefix 192.168.77.1/32",
	"reserved-prefix fd00:77::/112",
	"cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig",
	"cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig context admin@lab",
	"cluster lab in-cluster",
	"cluster lab server https://192.168.99.12:6443 https://[fd00:99::13]:6443 http://127.0.0.1:8001",
	"cluster lab server https://b:6443/it's https://a:6443",
	"cluster lab ca-file /etc/frr/it's.pem",
	"cluster lab token-file /etc/frr/\"token\"",
	"cluster lab client-certificate /etc/frr/c.pem key /etc/frr/k.pem",
	"cluster lab tls-server-name kubernetes.default",
	"cluster lab proxy-url socks5://127.0.0.1:1080",
	"cluster lab vip-range 192.168.77.0/24",
	"cluster lab vip-range 192.168.77.0/24 allow-connected",
	"cluster lab vip-range 192.168.78.0/24 namespace dev",
	"cluster lab vip-range 192.168.78.0/24 namespace prod allow-connected",
	"cluster lab vip-range fd00:77::/64",
	"cluster lab prefix-list it's",
	"cluster lab from-cilium",
	"cluster lab shutdown",
	"cluster lab maximum-vips 2000",
	"cluster lab preference 200",
	"cluster lab min-ready-nodes 3",
	"cluster lab snapshot-max-age 0",
	"cluster lab on-api-loss hold 600",
	"cluster lab withdraw-guard 30",
	"cluster lab withdraw-guard 50 release-after 900",
	"cluster lab withdraw-guard 50 min 5 release-after 900",
	"cluster lab advertise web service-selector any",
	"cluster lab advertise web service-selector a=b,tier in (gold, silver),!internal",
	"cluster lab advertise web namespace prod",
	"cluster lab advertise web namespace dev",
	"cluster lab advertise web address external-ip cluster-ip",
	"cluster lab advertise web address cluster-ip loadbalancer-ip",
	"cluster lab advertise web loadbalancer-class io.cilium/bgp-control-plane",
	"cluster lab advertise web node-selector node-role.kubernetes.io/control-plane",
	"cluster lab advertise web node-selector zone in (a, b)",
	"cluster lab advertise web next-hop external-ip",
	"cluster lab advertise web next-hop annotation example.com/bgp-ip",
	"cluster lab advertise web next-hop subnet 10.0.0.0/8",
	"cluster lab advertise web next-hop subnet fd00::/8",
	"cluster lab advertise web next-hop-resolution any",
	"cluster lab advertise web endpoint-rule ready",
	"cluster lab advertise web allow-no-endpoints",
	"cluster lab advertise web honour-cordon",
	"cluster lab advertise web ignore-exclude-label",
	"cluster lab advertise web tag 4294967295",
	"cluster lab advertise web distance 12",
	"cluster lab advertise web table 10077",
	"cluster lab2 advertise api tag 99",
	"cluster lab2 advertise cilium:bgp.example/0 tag 99",
};

START_TEST(every_row_is_among_the_lines)
{
	for (size_t i = 0; i < kvip_conf_rows_n; i++) {
		bool found = false;

		for (size_t k = 0; k < array_size(lines); k++) {
			char copy[256], *save = NULL, *w;
			int skip = kvip_conf_rows[i].scope == KVIP_SCOPE_TOP       ? 0
				   : kvip_conf_rows[i].scope == KVIP_SCOPE_CLUSTER ? 2
										   : 4;

			snprintf(copy, sizeof(copy), "%s", lines[k]);
			w = strtok_r(copy, " ", &save);
			for (; w && skip; skip--)
				w = strtok_r(NULL, " ", &save);
			found = found || (w && strcmp(w, kvip_conf_rows[i].word) == 0);
		}
		ck_assert_msg(found, "no line here tests %s", kvip_conf_rows[i].word);
	}
}
END_TEST

static void expect_no_node(void)
{
	const struct lyd_node *n;

	LY_LIST_FOR(lyd_child(yh_running()), n)
	ck_assert_msg(lyd_is_default(n), "%s is left", LYD_NAME(n));
}

START_TEST(a_line_there_and_back)
{
	char no[300], *left;

	yh_take(lines[_i]);
	ck_assert_uint_eq(yh_changes, 1);
	yh_expect_in_step(lines[_i]);
	yh_take(lines[_i]); /* said again: nothing changes */
	ck_assert_uint_eq(yh_changes, 1);
	snprintf(no, sizeof(no), "no %s", lines[_i]);
	yh_take(no);
	ck_assert_uint_eq(yh_changes, 2);
	yh_expect_in_step(no);
	left = yh_render(yh_conf);
	ck_assert_str_eq(left, "");
	kvip_free(left);
	expect_no_node();
}
END_TEST

START_TEST(a_block_and_a_cluster_go_with_everything)
{
	for (size_t i = 0; i < array_size(lines); i++)
		yh_take(lines[i]);
	yh_expect_in_step("all lines");
	yh_take("no cluster lab advertise web");
	yh_expect_in_step("no block");
	yh_take("no cluster lab");
	yh_expect_in_step("no cluster");
	yh_take("no cluster lab2 advertise cilium:bgp.example/0");
	yh_take("no cluster lab2 advertise api tag"); /* its only line */
	yh_expect_in_step("no last line");
	ck_assert_uint_eq(yh_conf->n_clusters, 0);
}
END_TEST

START_TEST(a_refused_line_changes_nothing)
{
	static const char *const refused[] = {
		"cluster lab advertise web distance 1",
		"cluster lab vip-range 0.0.0.0/0",
		"cluster lab vip-range 192.168.77.1/24",
		"cluster lab server http://192.168.99.12",
		"cluster lab nonsense",
		"inject nowhere",
		"no cluster lab vip-range nonsense",
	};
	struct kvip_err err;
	uint32_t version;

	yh_take("cluster lab vip-range 192.168.77.0/24");
	version = running_config->version;
	for (size_t i = 0; i < array_size(refused); i++) {
		ck_assert_int_lt(yh_line(refused[i], &err), 0);
		ck_assert_str_ne(err.text, "");
		yh_expect_in_step(refused[i]);
	}
	ck_assert_uint_eq(yh_changes, 1);
	ck_assert_uint_eq(running_config->version, version);
}
END_TEST

/* What the model cannot hold (here a path that is no UTF-8), and the rows beside it. */
START_TEST(a_line_that_the_model_refuses_changes_nothing)
{
	struct kvip_err err;

	yh_take("cluster lab ca-file /etc/ca.pem");
	ck_assert_int_eq(yh_line("cluster lab ca-file /etc/\xff", &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "ca-file: the model frr-kubevip refuses it"));
	yh_expect_in_step("bad path");
	ck_assert_int_eq(yh_line("cluster new ca-file /etc/\xff", &err), -EINVAL);
	yh_expect_in_step("bad path of a new cluster");
	ck_assert_uint_eq(yh_changes, 1);
}
END_TEST

START_TEST(a_locked_configuration_is_not_changed)
{
	struct kvip_err err;

	yh_take("cluster lab shutdown");
	ck_assert_int_eq(nb_running_lock(NB_CLIENT_GRPC, NULL), 0);
	ck_assert_int_eq(yh_line("cluster lab preference 7", &err), KVF_YANG_SAID);
	ck_assert_ptr_nonnull(strstr(yh_said(), "locked by another client"));
	yh_expect_in_step("locked");
	ck_assert_int_eq(nb_running_unlock(NB_CLIENT_GRPC, NULL), 0);
	yh_take("cluster lab preference 7");
	ck_assert_uint_eq(kvip_conf_cluster(yh_conf, "lab")->preference, 7);
}
END_TEST

START_TEST(notes_come_through)
{
	struct kvip_err err;

	ck_assert_int_eq(yh_line("no cluster nonsense", &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "nothing removed"));
	ck_assert_uint_eq(yh_changes, 0);
}
END_TEST

/* Lines at random, thousands of them: running tree, candidate and what is in force never part. */
START_TEST(random_lines)
{
	unsigned int seed = 20261123;
	char line[400];

	for (int i = 0; i < 1500; i++) {
		const char *from = lines[(unsigned int)rand_r(&seed) % array_size(lines)];
		int dice = rand_r(&seed) % 10;
		const char *rest = strncmp(from, "cluster lab ", 12) == 0 ? from + 12 : NULL;
		struct kvip_err err;

		if (dice == 0)
			snprintf(line, sizeof(line), "no cluster lab%s",
				 rand_r(&seed) % 2 ? " advertise web" : "");
		else if (rest && rand_r(&seed) % 2)
			snprintf(line, sizeof(line), "%scluster c%d %s", dice < 5 ? "no " : "",
				 rand_r(&seed) % 3, rest);
		else
			snprintf(line, sizeof(line), "%s%s", dice < 5 ? "no " : "", from);
		ck_assert_int_le(yh_line(line, &err), 0);
		yh_expect_in_step(line);
	}
	ck_assert_uint_gt(yh_changes, 500);
}
END_TEST

/* ---- other northbound clients ---- */

static struct nb_config *edited(const char *json)
{
	struct nb_config *config = nb_config_dup(running_config);
	struct lyd_node *more;

	ck_assert_int_eq(lyd_parse_data_mem(ly_native_ctx, json, LYD_JSON,
					    LYD_PARSE_ONLY | LYD_PARSE_NO_STATE, 0, &more),
			 LY_SUCCESS);
	ck_assert_int_eq(lyd_merge_siblings(&config->dnode, more, LYD_MERGE_DESTRUCT), LY_SUCCESS);
	return config;
}

#define JSON(text) "{\"frr-kubevip:kubevip\":{" text "}}"

START_TEST(another_client_changes_what_is_in_force)
{
	char said[BUFSIZ], *text;

	yh_take("cluster lab vip-range 192.168.77.0/24");
	ck_assert_int_eq(
		foreign_commit(
			edited(JSON("\"inject\":\"observe\",\"cluster\":[{\"name\":\"lab\","
				    "\"server\":[{\"index\":7,\"url\":\"https://b\"},"
				    "{\"index\":3,\"url\":\"https://a\"}],"
				    "\"advertise\":[{\"name\":\"web\",\"address\":\"cluster-ip\","
				    "\"service-selector\":\"a in (b, c)\",\"tag\":77}]}]")),
			said, sizeof(said)),
		NB_OK);
	text = yh_render(yh_conf);
	ck_assert_str_eq(text, "kubevip inject observe\n"
			       "kubevip cluster lab server https://a https://b\n"
			       "kubevip cluster lab vip-range 192.168.77.0/24\n"
			       "kubevip cluster lab advertise web service-selector a in (b, c)\n"
			       "kubevip cluster lab advertise web address cluster-ip\n");
	kvip_free(text);
	ck_assert_uint_eq(yh_changes, 2);
	yh_take("no cluster lab server");
	yh_take("cluster lab shutdown");
	yh_expect_in_step("lines after another client");
}
END_TEST

START_TEST(another_client_is_refused_what_a_terminal_is)
{
	static const struct {
		const char *json, *why;
	} wrong[] = {
		{ JSON("\"cluster\":[{\"name\":\"lab\",\"vip-range\":[{\"prefix\":\"0.0.0.0/0\","
		       "\"namespace\":\"*\"}]}]"),
		  "cluster lab: vip-range: a default prefix" },
		{ JSON("\"cluster\":[{\"name\":\"lab\",\"advertise\":[{\"name\":\"web\","
		       "\"service-selector\":\"(((\"}]}]"),
		  "cluster lab advertise web: service-selector: " },
		{ JSON("\"cluster\":[{\"name\":\"lab\",\"client-certificate\":{\"path\":\"/a\"}}]"),
		  "key" },
		{ JSON("\"cluster\":[{\"name\":\"lab\",\"advertise\":[{\"name\":\"web\","
		       "\"address\":\"\"}]}]"),
		  "address: at least one of" },
		{ JSON("\"inject\":\"bgp\""), "only inside bgpd" },
	};
	char said[BUFSIZ];

	yh_take("cluster old shutdown");
	for (size_t i = 0; i < array_size(wrong); i++) {
		ck_assert_int_eq(foreign_commit(edited(wrong[i].json), said, sizeof(said)),
				 NB_ERR_VALIDATION);
		ck_assert_msg(strstr(said, wrong[i].why) != NULL, "%s: %s", wrong[i].json, said);
		ck_assert_uint_eq(yh_changes, 1);
	}
	yh_hooks.in_bgpd = true;
	ck_assert_int_eq(foreign_commit(edited(JSON("\"inject\":\"bgp\"")), said, sizeof(said)),
			 NB_OK);
	ck_assert_int_eq(yh_conf->inject, KVIP_INJECT_BGP);
}
END_TEST

START_TEST(another_client_takes_everything_away)
{
	struct nb_config *empty;
	char said[BUFSIZ];

	for (size_t i = 0; i < array_size(lines); i++)
		yh_take(lines[i]);
	empty = nb_config_new(NULL);
	ck_assert_int_eq(foreign_commit(empty, said, sizeof(said)), NB_OK);
	ck_assert_uint_eq(yh_conf->n_clusters, 0);
	ck_assert_int_eq(yh_conf->inject, KVIP_INJECT_ZEBRA);
}
END_TEST

/* A candidate as files and clients leave it: nothing is validated, no default is there. */
START_TEST(an_unfinished_candidate_is_read)
{
	static const struct {
		const char *json, *line;
	} parts[] = {
		{ "\"withdraw-guard\":{\"min\":5}", "withdraw-guard 50 min 5" },
		{ "\"withdraw-guard\":{\"release-after\":60}",
		  "withdraw-guard 50 release-after 60" },
		{ "\"vip-range\":[{\"prefix\":\"10.0.0.0/8\",\"namespace\":\"*\"}]",
		  "vip-range 10.0.0.0/8" },
		{ "\"on-api-loss\":{\"hold\":7}", "on-api-loss hold 7" },
		{ "\"on-api-loss\":{\"hold\":\"forever\"},\"shutdown\":true", "shutdown" },
	};

	for (size_t i = 0; i < array_size(parts); i++) {
		char json[256], want[128], *text;
		struct kvip_conf *conf;
		struct lyd_node *tree;
		struct kvip_err err;

		snprintf(json, sizeof(json), JSON("\"cluster\":[{\"name\":\"lab\",%s}]"),
			 parts[i].json);
		snprintf(want, sizeof(want), "kubevip cluster lab %s\n", parts[i].line);
		ck_assert_int_eq(lyd_parse_data_mem(ly_native_ctx, json, LYD_JSON, LYD_PARSE_ONLY,
						    0, &tree),
				 LY_SUCCESS);
		ck_assert_msg(kvf_yang_read(kvf_yang_top_of(tree), &conf, &err) == 0, "%s: %s",
			      json, err.text);
		text = yh_render(conf);
		ck_assert_str_eq(text, want);
		kvip_free(text);
		kvip_conf_unref(conf);
		lyd_free_all(tree);
	}
}
END_TEST

START_TEST(a_candidate_without_our_model_takes_lines)
{
	lyd_free_tree(kvf_yang_top_of(vty_shared_candidate_config->dnode));
	yh_take("cluster lab shutdown");
	yh_expect_in_step("a new top");
}
END_TEST

/* A change of somebody else's model is none of ours. */
START_TEST(other_models_do_not_touch_ours)
{
	struct nb_config *config;
	char said[BUFSIZ];

	yh_take("cluster lab shutdown");
	config = nb_config_dup(running_config);
	ck_assert_int_eq(lyd_new_path(config->dnode, ly_native_ctx,
				      "/frr-interface:lib/interface[name='eth7']/description", "x",
				      LYD_NEW_PATH_UPDATE, NULL),
			 LY_SUCCESS);
	ck_assert_int_eq(foreign_commit(config, said, sizeof(said)), NB_OK);
	ck_assert_uint_eq(yh_changes, 1);
}
END_TEST

START_TEST(lines_of_a_tree_are_shown)
{
	yh_take("cluster lab server https://b https://a");
	yh_take("cluster lab advertise web distance 12");
	(void)yh_said();
	nb_cli_show_dnode_cmds(yh_vty, yh_running(), false);
	ck_assert_str_eq(yh_said(), "kubevip cluster lab server https://b https://a\n"
				    "kubevip cluster lab advertise web distance 12\n");
}
END_TEST

/* ---- into a libfrr that has its models ---- */

START_TEST(a_module_loads_the_model_late)
{
	struct nb_node *theirs = NULL;
	struct kvip_err err;

	yh_begin(false);
	ck_assert_int_eq(yh_line("cluster lab shutdown", &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "not loaded"));
	theirs = nb_node_find("/frr-interface:lib/interface");
	ck_assert_ptr_nonnull(theirs);
	ck_assert_msg(kvf_yang_init_module(&err) == 0, "%s", err.text);
	ck_assert_ptr_eq(nb_node_find("/frr-interface:lib/interface"), theirs);
	ck_assert_ptr_eq(theirs->snode, schema("/frr-interface:lib/interface"));
	nb_validate_callbacks(); /* exits if one is missing */
	for (size_t i = 0; i < array_size(lines); i++) {
		yh_take(lines[i]);
		yh_expect_in_step(lines[i]);
	}
	ck_assert_int_eq(kvf_yang_init_module(&err), -EEXIST);
}
END_TEST

/* ---- memory ---- */

START_TEST(memory_may_run_out)
{
	int64_t live;

	for (size_t i = 0; i < array_size(lines); i++)
		yh_take(lines[i]);
	yh_take("no cluster lab server");
	live = kvip_mem_live();
	for (int64_t nth = 1;; nth++) {
		struct kvip_err err;
		int rc;

		kvip_mem_fail_at(nth);
		rc = yh_line("cluster lab server https://a:6443 https://b:6443", &err);
		kvip_mem_fail_at(0);
		if (!rc)
			break;
		ck_assert_int_lt(rc, 0);
		ck_assert_ptr_nonnull(strstr(err.text, "memory"));
		ck_assert_int_eq(kvip_mem_live(), live);
		yh_expect_in_step("without memory");
	}
	yh_expect_in_step("with memory");
}
END_TEST

START_TEST(memory_may_run_out_for_the_model)
{
	for (int64_t nth = 1;; nth++) {
		int64_t live = kvip_mem_live();
		struct kvip_err err;
		const struct frr_yang_module_info *info;

		kvip_mem_fail_at(nth);
		info = kvf_yang_info(&err);
		kvip_mem_fail_at(0);
		if (info)
			break;
		ck_assert_ptr_nonnull(strstr(err.text, "memory"));
		ck_assert_int_eq(kvip_mem_live(), live);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kvf_yang");
	TCase *table = tcase_create("table"), *line = tcase_create("lines");
	TCase *foreign = tcase_create("foreign"), *bare = tcase_create("bare");
	TCase *const all[] = { table, line, foreign, bare };

	for (size_t i = 0; i < array_size(all); i++) {
		tcase_set_timeout(all[i], 60);
		suite_add_tcase(s, all[i]);
	}
	tcase_add_checked_fixture(table, setup, NULL);
	tcase_add_test(table, every_row_has_its_node);
	tcase_add_test(table, every_node_has_its_row);
	tcase_add_test(table, defaults_of_composite_lines);
	tcase_add_test(table, limits_are_those_of_the_engine);
	tcase_add_test(table, holes_in_bounds);
	tcase_add_loop_test(table, a_value_is_taken_by_both_or_by_none, 0, array_size(values));
	tcase_add_checked_fixture(line, setup, NULL);
	tcase_add_test(line, every_row_is_among_the_lines);
	tcase_add_loop_test(line, a_line_there_and_back, 0, array_size(lines));
	tcase_add_test(line, a_block_and_a_cluster_go_with_everything);
	tcase_add_test(line, a_refused_line_changes_nothing);
	tcase_add_test(line, a_line_that_the_model_refuses_changes_nothing);
	tcase_add_test(line, a_locked_configuration_is_not_changed);
	tcase_add_test(line, notes_come_through);
	tcase_add_test(line, random_lines);
	tcase_add_test(line, lines_of_a_tree_are_shown);
	tcase_add_test(line, memory_may_run_out);
	tcase_add_test(line, another_client_takes_everything_away);
	tcase_add_checked_fixture(foreign, setup_daemon, NULL);
	tcase_add_test(foreign, another_client_changes_what_is_in_force);
	tcase_add_test(foreign, another_client_is_refused_what_a_terminal_is);
	tcase_add_test(foreign, an_unfinished_candidate_is_read);
	tcase_add_test(foreign, a_candidate_without_our_model_takes_lines);
	tcase_add_test(foreign, other_models_do_not_touch_ours);
	tcase_add_test(bare, a_module_loads_the_model_late);
	tcase_add_test(bare, memory_may_run_out_for_the_model);
	return yh_run(s);
}
