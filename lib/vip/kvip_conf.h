/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration: a value that is built line by line and published as a whole.
 *
 * T0 edits one struct kvip_conf through kvip_conf_line(); when it has settled (rules R4) a frozen
 * copy is handed to T1 (kvip_conf_dup + reference count). A published kvip_conf is never changed.
 *
 * The grammar lives in one table, tbl/kvip_conf.def, from which come the daemon's commands,
 * vtysh's, the documentation and the order in which lines are written back.
 */
#pragma once

#include "base/kvip_addr.h"
#include "base/kvip_buf.h"
#include "base/kvip_err.h"
#include "vip/kvip_selector.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum kvip_inject { KVIP_INJECT_ZEBRA = 0, KVIP_INJECT_BGP, KVIP_INJECT_OBSERVE };
enum kvip_next_hop_source {
	KVIP_NH_INTERNAL = 0,
	KVIP_NH_EXTERNAL,
	KVIP_NH_ANNOTATION,
	KVIP_NH_SUBNET
};
enum kvip_endpoint_rule {
	KVIP_EP_READY_ELSE_SERVING = 0,
	KVIP_EP_ONLY_READY,
	KVIP_EP_READY_OR_SERVING
};
enum kvip_resolution { KVIP_RESOLVE_CONNECTED = 0, KVIP_RESOLVE_IGP, KVIP_RESOLVE_ANY };

#define KVIP_ADDRESS_LOADBALANCER 0x1u
#define KVIP_ADDRESS_EXTERNAL     0x2u
#define KVIP_ADDRESS_CLUSTER      0x4u

#define KVIP_DEFAULT_TAG              77u
#define KVIP_DEFAULT_DISTANCE         15u
#define KVIP_DEFAULT_PREFERENCE       100u
#define KVIP_DEFAULT_GUARD_PERCENT    50u
#define KVIP_DEFAULT_GUARD_MIN        10u
#define KVIP_DEFAULT_SNAPSHOT_MAX_AGE 3600u
#define KVIP_DEFAULT_MIN_READY        1u

struct kvip_strings {
	char **v;
	size_t n;
};

struct kvip_adv_conf {
	char *name;
	struct kvip_selector *service_selector; /* NULL: matches nothing */
	struct kvip_strings namespaces;         /* empty: every one */
	struct kvip_strings classes;
	struct kvip_selector **node_selectors; /* ORed; none: every node */
	size_t n_node_selectors;
	unsigned int addresses; /* KVIP_ADDRESS_* */
	enum kvip_next_hop_source next_hop;
	char *next_hop_annotation;
	struct kvip_prefix next_hop_subnet;
	enum kvip_endpoint_rule endpoint_rule;
	bool allow_no_endpoints, honour_cordon, ignore_exclude_label;
	enum kvip_resolution resolution;
	uint32_t tag;
	uint8_t distance;
	uint32_t table; /* 0: the main table of the VRF */
	/* Not configured: set in blocks that kvip_cilium.c makes, and there alone. */
	bool from_cilium;
	char *communities, *large_communities; /* that Cilium would send; NULL: none */
	int64_t local_preference;              /* -1: none */
};

struct kvip_range_conf {
	struct kvip_prefix prefix;
	char *ns; /* NULL: every namespace */
	bool allow_connected;
};

struct kvip_cluster_conf {
	char *name;
	char *kubeconfig, *context;
	bool in_cluster;
	struct kvip_strings servers;
	char *ca_file, *token_file, *cert_file, *key_file, *tls_server_name, *proxy_url;
	struct kvip_range_conf *ranges;
	size_t n_ranges;
	char *prefix_list;
	bool from_cilium;
	bool shutdown;
	uint32_t snapshot_max_age_s, min_ready_nodes, maximum_vips, preference;
	uint32_t api_loss_withdraw_s;                       /* 0: hold for ever */
	uint32_t guard_percent, guard_min, guard_release_s; /* guard_release_s 0: never by itself */
	struct kvip_adv_conf **advs; /* by name, natural order (web2 before web10) */
	size_t n_advs;
};

struct kvip_conf {
	atomic_uint refs;
	uint64_t generation; /* of the publication */
	enum kvip_inject inject;
	char *node_name; /* NULL: not a node */
	struct kvip_prefix *reserved;
	size_t n_reserved;
	struct kvip_cluster_conf **clusters; /* by name, natural order */
	size_t n_clusters;
};

/** kvip_conf_new - an empty configuration with one reference. */
struct kvip_conf *kvip_conf_new(void) KVIP_USE_RESULT;
/** kvip_conf_dup - a deep copy with one reference. NULL without memory. */
struct kvip_conf *kvip_conf_dup(const struct kvip_conf *c) KVIP_USE_RESULT;
/** kvip_conf_ref, kvip_conf_unref - any thread; unref takes NULL. */
struct kvip_conf *kvip_conf_ref(struct kvip_conf *c);
void kvip_conf_unref(struct kvip_conf *c);

/**
 * kvip_conf_line - apply one configuration line
 * @argc, @argv: the words after `kubevip` (`cluster`, `lab`, `vip-range`, ...)
 * @negate: the line began with `no`. `no` accepts the full old line (frr-reload sends that) and the
 *          shortest form that names the thing.
 * @err: may be NULL. Also filled when 0 is returned: "" or a note for who typed the line (a `no`
 *       that found nothing to remove).
 *
 * A cluster or block comes into being with its first line and ends with its last.
 *
 * Return: 0; -EINVAL with @err saying what is wrong and what to write; -ENOMEM. A refused line
 * changes nothing. T0.
 */
int kvip_conf_line(struct kvip_conf *c, int argc, const char *const *argv, bool negate,
		   struct kvip_err *err) KVIP_USE_RESULT;
/**
 * kvip_conf_text - kvip_conf_line() for one line of text, as a configuration file has it
 * @line: `kubevip ...`, `no kubevip ...`; an empty line or a comment (`!`, `#`) is 0
 * Return: as kvip_conf_line(); -ENOENT: a line that does not concern kubevip.
 */
int kvip_conf_text(struct kvip_conf *c, const char *line, struct kvip_err *err) KVIP_USE_RESULT;
/** kvip_conf_render - every line, as `show running-config` prints it; defaults are left out. */
int kvip_conf_render(const struct kvip_conf *c, struct kvip_buf *out);
/**
 * kvip_conf_check - what is no syntax error but cannot work: no vip-range, no advertise block, no
 * credentials, next hop annotation without key... One text per finding.
 */
void kvip_conf_check(const struct kvip_conf *c, void (*say)(void *ctx, const char *text),
		     void *ctx);

/** kvip_conf_is_settings - is @name one of a block that may only hold settings for blocks made from
 *  Cilium's objects: `cilium`, `cilium:NAME`, `cilium:NAME/INDEX`? */
bool kvip_conf_is_settings(const char *name);
const struct kvip_cluster_conf *kvip_conf_cluster(const struct kvip_conf *c, const char *name);
const struct kvip_adv_conf *kvip_cluster_adv(const struct kvip_cluster_conf *c, const char *name);
/** kvip_natural_cmp - "web2" before "web10". Total order; equal only for equal strings. */
int kvip_natural_cmp(const char *a, const char *b);

/* One kind of line, for whoever needs the grammar: FRR's command table, vtysh, the manual. */
struct kvip_conf_grammar {
	/* FRR command syntax, without the leading `kubevip`; NULL: there is a `no` form only */
	const char *syntax;
	/* FRR doc string: one line for each token of @syntax */
	const char *help;
	/* after `no kubevip`: the shortest form, and the full one if FRR can say both in one */
	const char *no_syntax;
	const char *no_help;
	/* the full form where a repeated word (LINE...) forbids that; else NULL */
	const char *no_full_syntax;
	const char *no_full_help;
};
extern const struct kvip_conf_grammar kvip_conf_grammar[];
extern const size_t kvip_conf_grammar_n;
