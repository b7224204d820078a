// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the command table: rows in, struct cmd_element out, one handler for each family of commands.
 *
 * Thread: T0. Elements are what DEFUN would make, without its xref (which libfrr does not read at
 * run time) and from data, so that one grammar serves daemon, module and vtysh. A word is given to
 * the hooks as the grammar spells it, even if the user cut it short.
 *
 * Sources: FRR 8.4.4, lib/command.h (DEFUN_CMD_ELEMENT), lib/command.c, lib/debug.h (what debug
 * lines of CONFIG_NODE and ENABLE_NODE mean).
 */
#include <zebra.h>

#include "frr/kvf_cmd.h"
#include "frr/kvf_rmap.h"

#include "base/kvip_limits.h"
#include "vip/kvip_conf.h"

#include "command.h"
#include "vty.h"

#include <errno.h>

/* No node of libfrr or a daemon has this number: they stop at NODE_TYPE_MAX, and the vector
 * grows. */
#define KUBEVIP_NODE ((enum node_type)(NODE_TYPE_MAX + 40))

#define KUBEVIP_HELP "Virtual IPs of Kubernetes clusters\n"
#define JSON_HELP    "JavaScript Object Notation\n"
#define CLUSTER_HELP "A Kubernetes cluster\nName of the cluster\n"

enum family { CONFIG, SHOW, SHOW_RUNNING, ORDER, DEBUG, SHOW_DEBUG, MATCH };

struct exec_row {
	enum family family;
	int code; /* enum kvf_show or kvf_order */
	const char *syntax, *help;
};

#define VIP_SYNTAX "[<A.B.C.D|A.B.C.D/M|X:X::X:X|X:X::X:X/M>]"
#define VIP_HELP   "One VIP in detail\nVIPs in a prefix\nOne VIP in detail\nVIPs in a prefix\n"

static const struct exec_row exec_rows[] = {
	{ SHOW, KVF_SHOW_OVERVIEW, "show kubevip [json]", SHOW_STR KUBEVIP_HELP JSON_HELP },
	{ SHOW, KVF_SHOW_VIP, "show kubevip vip " VIP_SYNTAX " [json]",
	  SHOW_STR KUBEVIP_HELP "VIPs, who claims them and where they are\n" VIP_HELP JSON_HELP },
	{ SHOW, KVF_SHOW_SERVICE, "show kubevip service [NAME] [json]",
	  SHOW_STR KUBEVIP_HELP
	  "LoadBalancer Services, the unselected ones too, and why\nNAMESPACE/NAME\n" JSON_HELP },
	{ SHOW, KVF_SHOW_EXPLAIN_VIP, "show kubevip vip <A.B.C.D|X:X::X:X> explain [json]",
	  SHOW_STR KUBEVIP_HELP
	  "VIPs, who claims them and where they are\nAn address, routed or not\nAn address, routed or not\n"
	  "The whole way from its Service to the peers, and where it ends\n" JSON_HELP },
	{ SHOW, KVF_SHOW_EXPLAIN_SERVICE, "show kubevip service NAME explain [json]",
	  SHOW_STR KUBEVIP_HELP
	  "LoadBalancer Services, the unselected ones too, and why\nNAMESPACE/NAME\n"
	  "The whole way of each of its addresses, and where it ends\n" JSON_HELP },
	{ SHOW, KVF_SHOW_NODE, "show kubevip node [json]",
	  SHOW_STR KUBEVIP_HELP "Nodes, their addresses and readiness\n" JSON_HELP },
	{ SHOW, KVF_SHOW_CLUSTER, "show kubevip cluster [NAME] [json]",
	  SHOW_STR KUBEVIP_HELP
	  "Servers, watches and errors of clusters\nName of the cluster\n" JSON_HELP },
	{ SHOW, KVF_SHOW_OBSERVE, "show kubevip observe " VIP_SYNTAX " [json]",
	  SHOW_STR KUBEVIP_HELP
	  "What would be routed, beside what others route today\n"
	  "One VIP\nVIPs in a prefix\nOne VIP\nVIPs in a prefix\n" JSON_HELP },
	{ SHOW, KVF_SHOW_HISTORY, "show kubevip history " VIP_SYNTAX " [json]",
	  SHOW_STR KUBEVIP_HELP
	  "The last changes of routes, and how long they took\n"
	  "Of one VIP\nOf VIPs in a prefix\nOf one VIP\nOf VIPs in a prefix\n" JSON_HELP },
	{ SHOW, KVF_SHOW_CHECK, "show kubevip check [json]",
	  SHOW_STR KUBEVIP_HELP
	  "What in the configuration and on this host cannot work\n" JSON_HELP },
	{ SHOW_RUNNING, 0, "show kubevip running-config",
	  SHOW_STR KUBEVIP_HELP "Our lines in force, whichever file they are saved in\n" },
	{ ORDER, KVF_ORDER_RELIST, "clear kubevip cluster NAME",
	  CLEAR_STR KUBEVIP_HELP "List everything of a cluster again\nName of the cluster\n" },
	{ ORDER, KVF_ORDER_ACCEPT, "clear kubevip withdraw-guard [cluster NAME]",
	  CLEAR_STR KUBEVIP_HELP "Let the withdrawals pass that the guard holds\n" CLUSTER_HELP },
	{ ORDER, KVF_ORDER_CLEAR_ORPHANS, "clear kubevip orphans",
	  CLEAR_STR KUBEVIP_HELP "Remove routes that belong to no configured cluster\n" },
	{ ORDER, KVF_ORDER_CLEAR_FLUSH, "clear kubevip flush",
	  CLEAR_STR KUBEVIP_HELP "Go back to work after `kubevip flush`\n" },
	{ ORDER, KVF_ORDER_FLUSH, "kubevip flush",
	  KUBEVIP_HELP "Withdraw every route of ours, until `clear kubevip flush`\n" },
};

#define WORD_OF(id, word, help)   #word,
#define SYNTAX_OF(id, word, help) "|" #word
#define HELP_OF(id, word, help)   help "\n"

static const char *const debug_words[] = { KVIP_DEBUG_CATEGORIES(WORD_OF) };

/* "<|api|select>" without the first bar: cut at run time */
static const char debug_alternatives[] = KVIP_DEBUG_CATEGORIES(SYNTAX_OF);
static const char debug_help[] = DEBUG_STR KUBEVIP_HELP KVIP_DEBUG_CATEGORIES(HELP_OF);

struct command {
	struct cmd_element element; /* first: libfrr hands it back to the handler */
	char *syntax, *help;
	enum node_type node;
	int code;
	bool negate;
};

static struct {
	const struct kvf_cmd_hooks *hooks; /* NULL: vtysh */
	int daemons;
	struct command *commands;
	size_t n, size;
	unsigned int debug_terminal, debug_configured; /* bit per enum kvip_debug */
	bool node_installed;
} table;

static const struct command *command_of(const struct cmd_element *el)
{
	return (const struct command *)(const void *)el;
}

/* The word of a token: in full for a keyword, as typed for everything else. */
static const char *word_of(const struct cmd_token *t)
{
	return IS_VARYING_TOKEN(t->type) ? t->arg : t->text;
}

static void complain(struct vty *vty, const struct kvip_err *err, int rc)
{
	vty_out(vty, "%% %s\n", err->text[0] ? err->text : safe_strerror(-rc));
}

static bool is_inject_bgp(int argc, const char *const *argv)
{
	return argc == 2 && strcmp(argv[0], "inject") == 0 && strcmp(argv[1], "bgp") == 0;
}

static void enter(void)
{
	if (table.hooks->enter)
		table.hooks->enter();
}

static void leave(const char *what)
{
	if (table.hooks->leave)
		table.hooks->leave(what);
}

static int run_config(const struct cmd_element *el, struct vty *vty, int argc,
		      struct cmd_token *argv[])
{
	const struct command *c = command_of(el);
	const char *words[CMD_ARGC_MAX];
	int skip = c->negate ? 2 : 1, n = 0, rc; /* [no] kubevip */
	struct kvip_err err = { "" };

	for (int i = skip; i < argc && n < CMD_ARGC_MAX; i++)
		words[n++] = word_of(argv[i]);
	enter();
	if (!c->negate && !table.hooks->in_bgpd && is_inject_bgp(n, words))
		rc = kvip_err_set(&err, -EINVAL, KVF_INJECT_BGP_REFUSED);
	else
		rc = table.hooks->conf_line(vty, n, words, c->negate, &err);
	leave("configuration line");
	if (rc < 0)
		complain(vty, &err, rc);
	if (rc)
		return CMD_WARNING_CONFIG_FAILED;
	if (err.text[0])
		vty_out(vty, "%% %s\n", err.text);
	return CMD_SUCCESS;
}

/* What the user named: the one token that is no keyword. */
static const char *argument(int argc, struct cmd_token *argv[])
{
	for (int i = 0; i < argc; i++)
		if (IS_VARYING_TOKEN(argv[i]->type))
			return argv[i]->arg;
	return NULL;
}

static bool wants_json(int argc, struct cmd_token *argv[])
{
	const struct cmd_token *last = argv[argc - 1];

	return last->type == WORD_TKN && strcmp(last->text, "json") == 0;
}

static int show(enum kvf_show what, const char *arg, bool json, struct vty *vty)
{
	struct kvip_err err = { "" };
	struct kvip_buf out;
	int rc;

	kvip_buf_init(&out, KVIP_MAX_SHOW_BYTES);
	rc = table.hooks->show(what, arg, json, &out, &err);
	if (rc)
		complain(vty, &err, rc);
	else if (out.len)
		vty_out(vty, "%s", kvip_buf_str(&out));
	kvip_buf_done(&out);
	return rc ? CMD_WARNING : CMD_SUCCESS;
}

static int run_show(const struct cmd_element *el, struct vty *vty, int argc,
		    struct cmd_token *argv[])
{
	int (*give)(enum kvf_show, const char *, bool,
		    struct vty *) = table.hooks->answer ? table.hooks->answer : show;
	int rc;

	enter();
	rc = give(command_of(el)->code, argument(argc, argv), wants_json(argc, argv), vty);
	leave("show");
	return rc;
}

static int run_order(const struct cmd_element *el, struct vty *vty, int argc,
		     struct cmd_token *argv[])
{
	struct kvip_err err = { "" };
	int rc;

	enter();
	rc = table.hooks->order(command_of(el)->code, argument(argc, argv), &err);
	leave("order");
	if (rc) {
		complain(vty, &err, rc);
		return CMD_WARNING;
	}
	if (err.text[0])
		vty_out(vty, "%s\n", err.text);
	return CMD_SUCCESS;
}

/* FRR's custom: a line of the configuration stays, one of the enable node lasts for the session. */
static int run_debug(const struct cmd_element *el, struct vty *vty, int argc,
		     struct cmd_token *argv[])
{
	const char *word = word_of(argv[argc - 1]);
	bool negate = command_of(el)->negate, configured = vty->node == CONFIG_NODE;

	for (unsigned int i = 0; i < KVIP_DEBUG_MAX; i++) {
		unsigned int bit = 1u << i;

		if (strcmp(debug_words[i], word) != 0)
			continue;
		table.debug_terminal = negate ? table.debug_terminal & ~bit
					      : table.debug_terminal | bit;
		if (configured)
			table.debug_configured = negate ? table.debug_configured & ~bit
							: table.debug_configured | bit;
	}
	table.hooks->debug(table.debug_terminal | table.debug_configured);
	return CMD_SUCCESS;
}

static int run_show_debug(const struct cmd_element *el, struct vty *vty, int argc,
			  struct cmd_token *argv[])
{
	unsigned int mask = table.debug_terminal | table.debug_configured;

	(void)el;
	(void)argc;
	(void)argv;
	vty_out(vty, "Kubevip debugging status:\n");
	for (unsigned int i = 0; i < KVIP_DEBUG_MAX; i++)
		if (mask & (1u << i))
			vty_out(vty, "  debug kubevip %s\n", debug_words[i]);
	return CMD_SUCCESS;
}

static int write_config(struct vty *vty)
{
	struct kvip_buf out;
	int lines = 0;

	for (unsigned int i = 0; i < KVIP_DEBUG_MAX; i++) {
		if (!(table.debug_configured & (1u << i)))
			continue;
		vty_out(vty, "debug kubevip %s\n", debug_words[i]);
		lines++;
	}
	if (lines)
		vty_out(vty, "!\n");
	kvip_buf_init(&out, KVIP_MAX_SHOW_BYTES);
	if (table.hooks->conf_render(&out))
		vty_out(vty,
			"! kubevip: out of memory, lines are missing here: do not save this\n");
	else
		vty_out(vty, "%s", kvip_buf_str(&out));
	lines += out.len > 0;
	kvip_buf_done(&out);
	return lines;
}

/* FRR's own `show running-config` does not have them in a vtysh where kubewatch is the shell. */
static int run_show_running(const struct cmd_element *el, struct vty *vty, int argc,
			    struct cmd_token *argv[])
{
	(void)el;
	(void)argc;
	(void)argv;
	write_config(vty);
	return CMD_SUCCESS;
}

static struct cmd_node kubevip_node = {
	.name = "kubevip",
	.node = KUBEVIP_NODE,
	.prompt = "",
	.config_write = write_config,
};

static int (*handler_of(enum family family))(const struct cmd_element *, struct vty *, int,
					     struct cmd_token *[])
{
	switch (family) {
	case CONFIG:
		return run_config;
	case SHOW:
		return run_show;
	case SHOW_RUNNING:
		return run_show_running;
	case ORDER:
		return run_order;
	case DEBUG:
		return run_debug;
	case SHOW_DEBUG:
		return run_show_debug;
	case MATCH: /* the bgpd module has its own; here they are for vtysh */
		break;
	}
	return NULL;
}

/* One command, not yet installed; takes both texts. Sticky: a NULL text is kept as a failure. */
static int add(enum node_type node, enum family family, int code, bool negate, char *syntax,
	       char *help)
{
	struct command *c;

	if (table.n == table.size || !syntax || !help) {
		kvip_free(syntax);
		kvip_free(help);
		return -ENOMEM;
	}
	c = &table.commands[table.n++];
	*c = (struct command){
		.syntax = syntax, .help = help, .node = node, .code = code, .negate = negate
	};
	c->element.string = syntax;
	c->element.doc = help;
	c->element.name = syntax;
	c->element.daemon = table.daemons;
	c->element.func = table.hooks ? handler_of(family) : NULL;
	return 0;
}

static char *joined(const char *a, const char *b, const char *c)
{
	struct kvip_buf text;

	kvip_buf_init(&text, 64 << 10);
	kvip_buf_printf(&text, "%s%s%s", a, b, c);
	return kvip_buf_steal(&text);
}

static int add_config(const char *syntax, const char *help, bool negate)
{
	return add(CONFIG_NODE, CONFIG, 0, negate, joined(negate ? "no " : "", "kubevip ", syntax),
		   joined(negate ? NO_STR : "", KUBEVIP_HELP, help));
}

static int add_grammar(void)
{
	int rc = 0;

	for (size_t i = 0; i < kvip_conf_grammar_n && !rc; i++) {
		const struct kvip_conf_grammar *g = &kvip_conf_grammar[i];

		if (g->syntax)
			rc = add_config(g->syntax, g->help, false);
		if (!rc)
			rc = add_config(g->no_syntax, g->no_help, true);
		if (!rc && g->no_full_syntax)
			rc = add_config(g->no_full_syntax, g->no_full_help, true);
	}
	return rc;
}

static int add_exec(void)
{
	int rc = 0;

	for (size_t i = 0; i < array_size(exec_rows) && !rc; i++) {
		const struct exec_row *r = &exec_rows[i];

		rc = add(r->family == SHOW ? VIEW_NODE : ENABLE_NODE, r->family, r->code, false,
			 kvip_strdup(r->syntax), kvip_strdup(r->help));
	}
	return rc;
}

/* vtysh must know these whatever bgpd has loaded: a line it refuses leaves a bare permit behind
 * (rules R5). */
static int add_matches(void)
{
	int rc;

	if (table.hooks)
		return 0;
	rc = add(RMAP_NODE, MATCH, 0, false, kvip_strdup(KVF_RMAP_SYNTAX),
		 kvip_strdup(KVF_RMAP_HELP));
	if (!rc)
		rc = add(RMAP_NODE, MATCH, 0, true, kvip_strdup(KVF_RMAP_NO_SYNTAX),
			 kvip_strdup(KVF_RMAP_NO_HELP));
	return rc;
}

static int add_debug(enum node_type node, bool negate)
{
	return add(node, DEBUG, 0, negate,
		   joined(negate ? "no debug kubevip <" : "debug kubevip <", debug_alternatives + 1,
			  ">"),
		   joined(negate ? NO_STR : "", debug_help, ""));
}

static int add_debugs(void)
{
	bool own = table.hooks && !table.hooks->in_bgpd;
	int rc = add_debug(ENABLE_NODE, false);

	if (!rc)
		rc = add_debug(ENABLE_NODE, true);
	if (!rc)
		rc = add_debug(CONFIG_NODE, false);
	if (!rc)
		rc = add_debug(CONFIG_NODE, true);
	if (!rc)
		rc = add(ENABLE_NODE, SHOW_DEBUG, 0, false,
			 kvip_strdup(own ? "show debugging [kubevip]" : "show debugging kubevip"),
			 kvip_strdup(SHOW_STR DEBUG_STR KUBEVIP_HELP));
	return rc;
}

static void free_commands(void)
{
	for (size_t i = 0; i < table.n; i++) {
		kvip_free(table.commands[i].syntax);
		kvip_free(table.commands[i].help);
	}
	kvip_free(table.commands);
	table.commands = NULL;
	table.n = table.size = 0;
}

/* The array must not move once libfrr knows addresses in it: it is made for all there can be. */
static int make_commands(void)
{
	int rc;

	table.size = 3 * kvip_conf_grammar_n + array_size(exec_rows) + 10;
	table.commands = kvip_calloc(table.size, sizeof(*table.commands));
	if (!table.commands)
		return -ENOMEM;
	rc = add_grammar();
	if (!rc)
		rc = add_exec();
	if (!rc)
		rc = add_debugs();
	if (!rc)
		rc = add_matches();
	if (rc)
		free_commands();
	return rc;
}

static int install(const struct kvf_cmd_hooks *hooks, int daemons)
{
	int rc;

	table.hooks = hooks;
	table.daemons = daemons;
	rc = make_commands();
	if (rc)
		return rc;
	if (hooks && !table.node_installed)
		install_node(&kubevip_node);
	table.node_installed = table.node_installed || hooks;
	for (size_t i = 0; i < table.n; i++)
		_install_element(table.commands[i].node, &table.commands[i].element);
	return 0;
}

int kvf_cmd_node(const struct cmd_element *el)
{
	const struct command *c = command_of(el);

	return c >= table.commands && c < table.commands + table.n ? (int)c->node : -1;
}

int kvf_cmd_install(const struct kvf_cmd_hooks *hooks)
{
	return install(hooks, 0);
}

int kvf_cmd_install_vtysh(int daemons)
{
	return install(NULL, daemons);
}
