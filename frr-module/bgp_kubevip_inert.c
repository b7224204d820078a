// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: inert mode: what bgpd has of us when there is no engine for it (rules R5).
 *
 * Thread: T0. libc and the weak symbols of libfrr only. `write memory` must lose nothing, so what
 * was typed is kept word for word and in order, however it may read; the engine will judge it.
 */
#include "frr-module/bgp_kubevip_inert.h"

#include "frr-module/bgp_kubevip_lines.h"
#include "frr-module/bgp_kubevip_weak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	const char *path;
	const struct bgp_kubevip_failure *why;
	struct bgp_kubevip_lines lines; /* "kubevip ..." and "debug kubevip ..." */
} inert;

/* A keyword may have been cut short when it was typed; everything else is as typed. */
static const char *word_of(const struct bgp_kubevip_token *t)
{
	return t->type == BGP_KUBEVIP_KEYWORD ? t->text : t->arg;
}

char *bgp_kubevip_words(int argc, struct bgp_kubevip_token *argv[], int first)
{
	size_t size = 1, used = 0;
	char *text;

	for (int i = first; i < argc; i++)
		size += strlen(word_of(argv[i])) + 1;
	text = malloc(size);
	if (!text)
		return NULL;
	text[0] = '\0';
	for (int i = first; i < argc; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "",
					 word_of(argv[i]));
	return text;
}

/* ---- configuration ---- */

static int keep(const struct bgp_kubevip_command *c, struct vty *vty, int argc,
		struct bgp_kubevip_token *argv[])
{
	char *text = bgp_kubevip_words(argc, argv, 0);
	int rc = text ? bgp_kubevip_lines_add(&inert.lines, NULL, text) : -1;

	(void)c;
	free(text);
	if (!rc)
		return BGP_KUBEVIP_CMD_SUCCESS;
	vty_out(vty, "%% kubevip: out of memory: this line is lost, do not save\n");
	return BGP_KUBEVIP_CMD_FAILED;
}

static int drop(const struct bgp_kubevip_command *c, struct vty *vty, int argc,
		struct bgp_kubevip_token *argv[])
{
	char *text = bgp_kubevip_words(argc, argv, 1);

	(void)c;
	(void)vty;
	if (!text)
		return BGP_KUBEVIP_CMD_FAILED;
	bgp_kubevip_lines_remove(&inert.lines, NULL, text);
	free(text);
	return BGP_KUBEVIP_CMD_SUCCESS;
}

/* The order of the engine's own writer: these lines, then the blocks of route-maps. */
static int write_config(struct vty *vty)
{
	const struct bgp_kubevip_line *line = inert.lines.first;
	int n = 0;

	for (; line; line = line->next, n++)
		vty_out(vty, "%s\n", line->text);
	if (n)
		vty_out(vty, "!\n");
	return n + bgp_kubevip_inert_match_write(vty);
}

/* ---- looking ---- */

static void json_string(FILE *out, const char *key, const char *text, const char *end)
{
	fprintf(out, "\"%s\": \"", key);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", *text);
		else
			fputc(*text, out);
	}
	fprintf(out, "\"%s", end);
}

static void show_json(FILE *out)
{
	fputs("{\n  \"trouble\": [{", out);
	json_string(out, "kind", inert.why->reason, ", ");
	json_string(out, "text", inert.why->text, "}],\n  \"engine\": {\n    ");
	json_string(out, "state", "inert", ",\n    ");
	json_string(out, "reason", inert.why->reason, ",\n    ");
	json_string(out, "text", inert.why->text, ",\n    ");
	json_string(out, "todo", inert.why->todo, ",\n    ");
	json_string(out, "path", inert.path, ",\n    ");
	json_string(out, "frrVersion", frrmod_list->info->version, ",\n    ");
	json_string(out, "shimVersion", KUBEVIP_VERSION, "\n  },\n");
	fprintf(out, "  \"keptLines\": %zu,\n  \"keptMatches\": %zu\n}\n",
		bgp_kubevip_lines_count(&inert.lines, NULL), bgp_kubevip_inert_match_count());
}

static void show_text(FILE *out)
{
	fprintf(out,
		"! kubevip is inert: this bgpd runs without it, no VIP is routed from here\n"
		"  why    %s\n"
		"  to do  %s\n"
		"  engine %s\n"
		"  kept   %zu lines of configuration and %zu `match kubevip` lines: they are written "
		"back unchanged,\n"
		"         and until the engine runs such a match matches nothing\n",
		inert.why->text, inert.why->todo, inert.path,
		bgp_kubevip_lines_count(&inert.lines, NULL), bgp_kubevip_inert_match_count());
}

static int show(const struct bgp_kubevip_command *c, struct vty *vty, int argc,
		struct bgp_kubevip_token *argv[])
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)c;
	if (!out)
		return BGP_KUBEVIP_CMD_WARNING;
	if (strcmp(argv[argc - 1]->arg, "json") == 0)
		show_json(out);
	else
		show_text(out);
	if (fclose(out) == 0)
		vty_out(vty, "%s", text);
	free(text);
	return BGP_KUBEVIP_CMD_SUCCESS;
}

static int refuse(const struct bgp_kubevip_command *c, struct vty *vty, int argc,
		  struct bgp_kubevip_token *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	vty_out(vty, "%% kubevip is inert: %s: %s\n", inert.why->text, inert.why->todo);
	return BGP_KUBEVIP_CMD_WARNING;
}

/* ---- installation ---- */

static const struct bgp_kubevip_raw commands[] = {
#define INERT(node, handler, text, help) { node, { text, help, .func = handler, .name = text } },
#include "frr-module/bgp_kubevip_inert.def"
};

static struct bgp_kubevip_node kubevip_node = {
	.name = "kubevip",
	.prompt = "",
	.config_write = write_config,
};

void bgp_kubevip_inert(const struct bgp_kubevip_layout *layout, const char *path,
		       const struct bgp_kubevip_failure *why)
{
	inert.path = path;
	inert.why = why;
	/* as in lib/frr/kvf_cmd.c, so that lines stay where they were in the written file */
	kubevip_node.node = layout->node_type_max + 40;
	install_node(&kubevip_node);
	bgp_kubevip_raw_install(commands, sizeof(commands) / sizeof(commands[0]));
	bgp_kubevip_inert_match(layout);
}
