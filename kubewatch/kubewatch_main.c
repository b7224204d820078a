// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: kubewatch, the stand-alone shell: an FRR daemon that watches Kubernetes and speaks ZAPI to
 * zebra.
 *
 * What it does is in lib/frr/kvf_host.c, which it shares with the bgpd module; here are its
 * options, its signals and its order of initialisation. --check-config, --dry-run and --command
 * never fork and need no privileges.
 */
#include "frr/kvf_compat.h"

#include "frr/kvf_cmd.h"
#include "frr/kvf_host.h"
#include "frr/kvf_settle.h"
#include "frr/kvf_yang.h"
#include "kubewatch/kubewatch_offline.h"

#include "command.h"
#include "filter.h"
#include "if.h"
#include "lib/version.h"
#include "libfrr.h"
#include "log.h"
#include "plist.h"
#include "privs.h"
#include "sigevent.h"
#include "vrf.h"

#include <getopt.h>
#include <unistd.h>

#define MAX_COMMANDS 64

static zebra_capabilities_t no_capabilities[] = {};

static struct zebra_privs_t privs = {
	.user = FRR_USER,
	.group = FRR_GROUP,
	.vty_group = VTY_GROUP,
	.caps_p = no_capabilities,
	.cap_num_p = 0,
};

static struct {
	bool flush;
	const char *check_config;
	struct kubewatch_dry_run dry_run;
	const char *state_file;
	const char *commands[MAX_COMMANDS];
	size_t n_commands;
} options;

enum {
	OPT_CHECK_CONFIG = 5000, /* above libfrr's own, which begin at 1000 */
	OPT_DRY_RUN,
	OPT_INPUT,
	OPT_JSON,
	OPT_FLUSH,
	OPT_STATE_FILE,
	OPT_COMMAND
};

static const struct option long_options[] = {
	{ "check-config", required_argument, NULL, OPT_CHECK_CONFIG },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "input", required_argument, NULL, OPT_INPUT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "flush", no_argument, NULL, OPT_FLUSH },
	{ "state-file", required_argument, NULL, OPT_STATE_FILE },
	{ "command", required_argument, NULL, OPT_COMMAND },
	{ 0 },
};

static const char help[] =
	"      --check-config FILE  read FILE, print every error with its line, and exit\n"
	"      --dry-run        print what would be routed, and why not, and exit\n"
	"      --input FILE     objects for --dry-run: kubectl get services,endpointslices,nodes,gateways -A -o json\n"
	"      --json           print JSON (--dry-run)\n"
	"      --flush          withdraw every route of ours and exit (no other kubewatch may run)\n"
	"      --command CMD    let the running kubewatch carry out CMD (may be repeated)\n"
	"      --state-file FILE  where to record which routes are ours\n";

static void stop(void)
{
	kvf_host_stop();
	frr_fini();
	exit(0);
}

static void on_usr1(void)
{
	zlog_rotate();
}

static void on_hup(void)
{
	zlog_info("SIGHUP ignored: change the configuration through the vty");
}

static struct frr_signal_t signals[] = {
	{ .signal = SIGTERM, .handler = stop },
	{ .signal = SIGINT, .handler = stop },
	{ .signal = SIGUSR1, .handler = on_usr1 },
	{ .signal = SIGHUP, .handler = on_hup },
};

static const struct frr_yang_module_info *kubewatch_yang_modules[] = {
	&frr_filter_info, &frr_interface_info, &frr_vrf_info,
	NULL, /* ours: put there before frr_init() */
};

FRR_DAEMON_INFO(kubewatch, KUBEWATCH,

		.vty_port = 0, .proghelp = "Kubernetes virtual IPs as routes in zebra.",
		.copyright = "kubevip " KUBEVIP_VERSION ", GPL-2.0-or-later",

		.signals = signals, .n_signals = array_size(signals),

		.privs = &privs, .yang_modules = kubewatch_yang_modules,
		.n_yang_modules = array_size(kubewatch_yang_modules));

static void parse_options(int argc, char **argv)
{
	int opt;

	frr_opt_add("", long_options, help);
	while ((opt = frr_getopt(argc, argv, NULL)) != EOF) {
		switch (opt) {
		case 0:
			break;
		case OPT_CHECK_CONFIG:
			options.check_config = optarg;
			break;
		case OPT_DRY_RUN:
			options.dry_run.wanted = true;
			break;
		case OPT_INPUT:
			options.dry_run.input = optarg;
			break;
		case OPT_JSON:
			options.dry_run.json = true;
			break;
		case OPT_FLUSH:
			options.flush = true;
			break;
		case OPT_STATE_FILE:
			options.state_file = optarg;
			break;
		case OPT_COMMAND:
			if (options.n_commands == MAX_COMMANDS)
				frr_help_exit(1);
			options.commands[options.n_commands++] = optarg;
			break;
		default:
			frr_help_exit(1);
		}
	}
}

/* Options are parsed after frr_preinit(), which already must know whether this is a daemon at
 * all. */
static bool is_offline(int argc, char **argv)
{
	static const char *const words[] = { "--check-config", "--dry-run", "--command" };

	for (int i = 1; i < argc; i++)
		for (size_t w = 0; w < array_size(words); w++)
			if (strncmp(argv[i], words[w], strlen(words[w])) == 0)
				return true;
	return false;
}

static void add_model(void)
{
	struct kvip_err err;
	const struct frr_yang_module_info *model = kvf_yang_info(&err);

	if (!model) {
		fprintf(stderr, "kubewatch: %s\n", err.text);
		exit(1);
	}
	kubewatch_yang_modules[array_size(kubewatch_yang_modules) - 1] = model;
}

static void stay_in_place(void)
{
	privs.user = privs.group = privs.vty_group = NULL;
	kubewatch_di.flags |= FRR_NO_PRIVSEP | FRR_NO_PID | FRR_NO_TCPVTY | FRR_NO_ZCLIENT;
}

static int start(struct kvf_event_loop *loop)
{
	(void)loop;
	if (kvf_host_start())
		exit(1); /* the log says why; watchfrr or systemd tries again */
	return 0;
}

static void load_begins(void)
{
	kvf_settle_load(true);
}

static void load_ends(void)
{
	kvf_settle_load(false);
}

static void init_library(void)
{
	vrf_init(NULL, NULL, NULL, NULL);
	access_list_init();
	prefix_list_init();
	cmd_init_config_callbacks(load_begins, load_ends);
}

static void init_host(struct kvf_event_loop *loop)
{
	int rc = kvf_host_init(&(struct kvf_host_options){
		.loop = loop,
		.privs = &privs,
		.name = "kubewatch",
		.state_path = options.state_file,
		.flush_and_exit = options.flush,
	});

	if (!rc)
		return;
	fprintf(stderr, "kubewatch: out of memory\n");
	exit(1);
}

/* Offline: zlog has made a directory for crash logs, which only a daemon's end would remove. */
static int leave(int status)
{
	zlog_fini();
	return status;
}

int main(int argc, char **argv)
{
	struct kvf_event_loop *loop;

	if (is_offline(argc, argv))
		stay_in_place();
	frr_preinit(&kubewatch_di, argc, argv);
	parse_options(argc, argv);
	add_model();
	loop = frr_init();
	init_library();
	init_host(loop);
	if (kvf_cmd_init(false)) {
		fprintf(stderr, "kubewatch: out of memory\n");
		return leave(1);
	}
	if (options.n_commands)
		return leave(kubewatch_command(options.commands, options.n_commands));
	if (options.check_config)
		return leave(kubewatch_check_config(options.check_config));
	if (options.dry_run.wanted)
		return leave(kubewatch_dry_run(&options.dry_run, kubewatch_di.config_file));
	hook_register(frr_config_post, start);
	frr_config_fork();
	frr_run(loop);
	return 0;
}
