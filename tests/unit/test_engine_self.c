// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: node mode in the engine: is this node among the next hops? Rules R2.
 */
#include "engine_helper.h"

#define V "192.168.77.128"
#define W "192.168.77.129"

#define BGP  "inject bgp\n"
#define SELF "node-name n1\n"

static struct eh *h;

static void setup(void)
{
	h = eh_new();
}

static void teardown(void)
{
	eh_free(h);
	ck_assert_int_eq(kvip_mem_live(), 0);
}

/* "" no route, "here", "elsewhere" */
static const char *where(const char *vip)
{
	const struct eh_route *r = eh_get(h, vip);

	if (!r)
		return "";
	return r->through_self ? "here" : "elsewhere";
}

static void begin(const char *conf)
{
	eh_conf(h, conf);
	eh_three_nodes(h, "lab");
}

static void local(const char *name, const char *vip, const char *eps)
{
	eh_service(h, "lab", name, vip, "", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "lab", name, eps);
}

START_TEST(a_cluster_service_is_everywhere_a_local_one_where_its_endpoints_are)
{
	begin(EH_CONF BGP SELF);
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n2:r");
	local("loc", W, "n2:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(where(V), "here");
	ck_assert_str_eq(where(W), "elsewhere");
	local("loc", W, "n1:r");
	eh_step(h);
	ck_assert_str_eq(where(W), "here");
	local("loc", W, "n1:r n3:r");
	eh_step(h);
	ck_assert_str_eq(where(W), "here");
	local("loc", W, "n3:r");
	eh_step(h);
	ck_assert_str_eq(where(W), "elsewhere");
}
END_TEST

START_TEST(only_in_node_mode_and_only_with_a_name)
{
	begin(EH_CONF SELF);
	local("loc", V, "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(where(V), "elsewhere");
	ck_assert_str_eq(eh_summary(h).node_name, "");
	eh_conf(h, EH_CONF BGP);
	ck_assert_str_eq(where(V), "elsewhere");
	eh_conf(h, EH_CONF BGP SELF);
	ck_assert_str_eq(where(V), "here");
	ck_assert_str_eq(eh_summary(h).node_name, "n1");
	eh_conf(h, EH_CONF "inject observe\n" SELF);
	ck_assert_str_eq(where(V), "elsewhere");
}
END_TEST

START_TEST(another_name_is_another_node)
{
	begin(EH_CONF BGP SELF);
	local("loc", V, "n2:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(where(V), "elsewhere");
	eh_conf(h, EH_CONF BGP "node-name n2\n");
	ck_assert_str_eq(where(V), "here");
	eh_conf(h, EH_CONF BGP "node-name nobody\n");
	ck_assert_str_eq(where(V), "elsewhere");
	ck_assert(eh_cluster(h).no_self);
	eh_conf(h, EH_CONF BGP "node-name n2\n");
	ck_assert(!eh_cluster(h).no_self);
	eh_del(h, "lab", KVIP_KIND_NODE, "", "n2");
	eh_step(h);
	ck_assert(eh_cluster(h).no_self);
}
END_TEST

START_TEST(auto_is_the_host_name)
{
	struct kvip_facts *f;

	begin(EH_CONF BGP "node-name auto\n");
	local("loc", V, "n2:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(where(V), "elsewhere"); /* of a dry run nothing is known */
	f = eh_facts(EH_N2, "");
	snprintf(f->hostname, sizeof(f->hostname), "n2");
	eh_publish(h, f);
	ck_assert_str_eq(where(V), "here");
	ck_assert_str_eq(eh_summary(h).node_name, "n2");
	f = eh_facts(EH_N2, "");
	snprintf(f->hostname, sizeof(f->hostname), "n3");
	eh_publish(h, f);
	ck_assert_str_eq(where(V), "elsewhere");
}
END_TEST

START_TEST(it_is_the_address_the_block_would_take)
{
	begin(EH_CONF BGP SELF "cluster lab advertise web next-hop external-ip\n");
	ck_assert_int_eq(
		eh_put(h, "lab", KVIP_KIND_NODE,
		       "{'metadata':{'name':'n1','uid':'uid-n1'},'spec':{},'status':{'addresses':["
		       "{'type':'InternalIP','address':'" EH_N1 "'},"
		       "{'type':'ExternalIP','address':'198.51.100.1'}],"
		       "'conditions':[{'type':'Ready','status':'True'}]}}"),
		0);
	local("loc", V, "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), "198.51.100.1");
	ck_assert_str_eq(where(V), "here");
}
END_TEST

START_TEST(shared_vips_count_as_they_came_out)
{
	begin(EH_CONF BGP SELF);
	local("tcp", V, "n1:r n2:r");
	local("udp", V, "n2:r n3:r");
	local("a", W, "n1:r");
	local("b", W, "n3:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_N2); /* what they have in common */
	ck_assert_str_eq(where(V), "elsewhere");
	ck_assert_str_eq(eh_route(h, W), EH_N1 " " EH_N3); /* nothing in common: the union */
	ck_assert_str_eq(where(W), "here");
	eh_conf(h, EH_CONF BGP "node-name n2\n");
	ck_assert_str_eq(where(V), "here");
	ck_assert_str_eq(where(W), "elsewhere");
	eh_conf(h, EH_CONF BGP "node-name n3\n");
	ck_assert_str_eq(where(W), "here"); /* through a claim that is not the first */
}
END_TEST

START_TEST(claims_that_share_may_reach_a_node_by_different_addresses)
{
	begin(EH_CONF BGP SELF "cluster lab advertise alpha service-selector k=ext\n"
			       "cluster lab advertise alpha next-hop external-ip\n");
	ck_assert_int_eq(
		eh_put(h, "lab", KVIP_KIND_NODE,
		       "{'metadata':{'name':'n1','uid':'uid-n1'},'spec':{},'status':{'addresses':["
		       "{'type':'InternalIP','address':'" EH_N1 "'},"
		       "{'type':'ExternalIP','address':'198.51.100.1'}],"
		       "'conditions':[{'type':'Ready','status':'True'}]}}"),
		0);
	local("tcp", V, "n2:r");
	eh_service(h, "lab", "udp", V, "'labels':{'k':'ext'}", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "lab", "udp", "n1:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(eh_route(h, V), EH_N2 " 198.51.100.1");
	ck_assert_str_eq(where(V), "here"); /* by the second's block alone */
}
END_TEST

START_TEST(a_node_object_of_another_name_with_the_same_address)
{
	begin(EH_CONF BGP SELF);
	local("loc", V, "n1:r");
	eh_service(h, "lab", "web", W, "", "");
	eh_slice(h, "lab", "web", "n2:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(where(V), "here");
	ck_assert_str_eq(where(W), "here");
	/* the host is registered anew: every next hop is as before */
	eh_del(h, "lab", KVIP_KIND_NODE, "", "n1");
	eh_node(h, "lab", "other", EH_N1, "True", "", "");
	local("loc", V, "other:r");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N1);
	ck_assert_str_eq(eh_route(h, W), EH_ALL);
	ck_assert_str_eq(where(V), "elsewhere");
	ck_assert_str_eq(where(W), "elsewhere");
	eh_conf(h, EH_CONF BGP "node-name other\n");
	ck_assert_str_eq(where(V), "here");
	ck_assert_str_eq(where(W), "here");
}
END_TEST

START_TEST(each_cluster_has_a_node_of_that_name)
{
	eh_conf(h, BGP SELF
		"cluster a vip-range 192.168.77.0/25\ncluster a advertise w service-selector any\n"
		"cluster b vip-range 192.168.77.128/25\ncluster b advertise w service-selector any\n");
	eh_three_nodes(h, "a");
	eh_node(h, "b", "n1", "10.0.0.1", "True", "", "");
	eh_node(h, "b", "n2", EH_N1, "True", "", ""); /* our address, under another name */
	eh_service(h, "a", "web", "192.168.77.1", "", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "a", "web", "n1:r");
	eh_service(h, "b", "one", "192.168.77.201", "", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "b", "one", "n1:r");
	eh_service(h, "b", "two", "192.168.77.202", "", "'externalTrafficPolicy':'Local'");
	eh_slice(h, "b", "two", "n2:r");
	eh_synced(h, "a");
	eh_synced(h, "b");
	ck_assert_str_eq(where("192.168.77.1"), "here");
	ck_assert_str_eq(where("192.168.77.201"), "here");
	ck_assert_str_eq(where("192.168.77.202"), "elsewhere");
}
END_TEST

START_TEST(a_node_that_is_not_eligible_announces_nothing)
{
	begin(EH_CONF BGP SELF);
	eh_service(h, "lab", "web", V, "", "");
	eh_slice(h, "lab", "web", "n2:r");
	eh_synced(h, "lab");
	ck_assert_str_eq(where(V), "here");
	eh_node(h, "lab", "n1", EH_N1, "False", "", "");
	eh_step(h);
	ck_assert_str_eq(eh_route(h, V), EH_N2 " " EH_N3);
	ck_assert_str_eq(where(V), "elsewhere");
	eh_node(h, "lab", "n1", EH_N1, "True", "", "");
	eh_step(h);
	ck_assert_str_eq(where(V), "here");
}
END_TEST

START_TEST(the_digest_is_that_of_every_node)
{
	uint64_t digest;

	begin(EH_CONF BGP SELF);
	local("loc", V, "n1:r");
	eh_synced(h, "lab");
	digest = eh_summary(h).table_digest;
	ck_assert_str_eq(where(V), "here");
	eh_conf(h, EH_CONF BGP "node-name n2\n");
	ck_assert_str_eq(where(V), "elsewhere");
	ck_assert_uint_eq(eh_summary(h).table_digest, digest);
}
END_TEST

static bool is_n2(void *ctx, const struct kvip_node_view *v)
{
	if (v->self)
		snprintf(ctx, 64, "%s/%s", v->cluster, v->name);
	return true;
}

START_TEST(show_says_which_node_we_are)
{
	char name[64] = "";

	begin(EH_CONF BGP "node-name n2\n");
	eh_synced(h, "lab");
	kvip_engine_each_node(h->engine, is_n2, name);
	ck_assert_str_eq(name, "lab/n2");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine-self");
	TCase *t = tcase_create("self");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_cluster_service_is_everywhere_a_local_one_where_its_endpoints_are);
	tcase_add_test(t, only_in_node_mode_and_only_with_a_name);
	tcase_add_test(t, another_name_is_another_node);
	tcase_add_test(t, auto_is_the_host_name);
	tcase_add_test(t, it_is_the_address_the_block_would_take);
	tcase_add_test(t, shared_vips_count_as_they_came_out);
	tcase_add_test(t, claims_that_share_may_reach_a_node_by_different_addresses);
	tcase_add_test(t, a_node_object_of_another_name_with_the_same_address);
	tcase_add_test(t, each_cluster_has_a_node_of_that_name);
	tcase_add_test(t, a_node_that_is_not_eligible_announces_nothing);
	tcase_add_test(t, the_digest_is_that_of_every_node);
	tcase_add_test(t, show_says_which_node_we_are);
	suite_add_tcase(s, t);
	return eh_run(s);
}
