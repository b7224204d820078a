// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the server's and the cache's side of the replay driver: JSON out of short words, and a feed
 * that writes down what it is told.
 */
#include "replay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell(struct replay *r, const char *fmt, ...) KVIP_PRINTF(2, 3);
static void tell(struct replay *r, const char *fmt, ...)
{
	size_t used = strlen(r->fed);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->fed + used, sizeof(r->fed) - used, fmt, ap);
	va_end(ap);
}

static void on_begin(void *ctx, enum kvip_kind kind)
{
	(void)kind;
	tell(ctx, "begin ");
}

static int on_put(void *ctx, struct kvip_obj *obj)
{
	struct replay *r = ctx;
	int rc = r->put_rc;

	tell(r, rc ? "put-failed:%s " : "put:%s ", obj->meta.name);
	kvip_obj_free(obj);
	r->put_rc = 0;
	return rc;
}

static void on_del(void *ctx, enum kvip_kind kind, const char *ns, const char *name,
		   const char *uid)
{
	(void)kind;
	(void)ns;
	(void)uid;
	tell(ctx, "del:%s ", name);
}

static void on_end(void *ctx, enum kvip_kind kind)
{
	(void)kind;
	tell(ctx, "end ");
}

static void on_abort(void *ctx, enum kvip_kind kind)
{
	(void)kind;
	tell(ctx, "abort ");
}

static void on_absent(void *ctx, enum kvip_kind kind)
{
	(void)kind;
	tell(ctx, "absent ");
}

const struct kvip_feed replay_feed = {
	.refresh_begin = on_begin,
	.put = on_put,
	.del = on_del,
	.refresh_end = on_end,
	.refresh_abort = on_abort,
	.absent = on_absent,
};

static const char *next_word(char **args)
{
	char *word = strtok_r(NULL, " \t", args);

	return word ? word : "";
}

static void send_bytes(struct replay *r, const char *data, size_t len)
{
	size_t n;

	for (r->last_rc = 0; len && !r->last_rc; data += n, len -= n) {
		n = len < r->piece ? len : r->piece;
		r->last_rc = kvip_watch_bytes(r->w, data, n, r->now);
	}
}

static void send_text(struct replay *r, const char *fmt, ...) KVIP_PRINTF(2, 3);
static void send_text(struct replay *r, const char *fmt, ...)
{
	char text[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	send_bytes(r, text, strlen(text));
}

#define MANAGED "\"managedFields\":[{\"manager\":\"x\",\"fieldsV1\":{\"f:metadata\":{}}}]"

/* "NAME:RV" as an object; built-in kinds have no `kind` in a list. */
static void send_object(struct replay *r, const char *word, bool with_kind)
{
	const char *colon = strchr(word, ':');
	int len = colon ? (int)(colon - word) : (int)strlen(word);

	send_text(r, "{");
	if (with_kind)
		send_text(r, "\"kind\":\"%s\",", kvip_kinds[r->kind].kind);
	send_text(r,
		  "\"metadata\":{\"name\":\"%.*s\",\"namespace\":\"default\",\"uid\":\"u-%.*s\","
		  "\"resourceVersion\":\"%s\"," MANAGED "},\"spec\":{}}",
		  len, word, len, word, colon ? colon + 1 : "1");
}

/* list RV [continue=TOKEN] NAME:RV...; RV "-" leaves it out. */
void replay_list(struct replay *r, char *args)
{
	const char *rv = next_word(&args), *word = next_word(&args), *comma = "";

	send_text(r, "{\"kind\":\"%sList\",\"apiVersion\":\"v1\",\"metadata\":{",
		  kvip_kinds[r->kind].kind);
	if (strcmp(rv, "-"))
		send_text(r, "\"resourceVersion\":\"%s\"", rv);
	if (!strncmp(word, "continue=", 9)) {
		send_text(r, ",\"continue\":\"%s\"", word + 9);
		word = next_word(&args);
	}
	send_text(r, "},\"items\":[");
	for (; *word && !r->last_rc; word = next_word(&args), comma = ",") {
		send_text(r, "%s", comma);
		send_object(r, word, false);
	}
	send_text(r, "]}\n");
}

/* The same as a custom resource's list: keys sorted, metadata behind items, pretty-printed. */
void replay_crlist(struct replay *r, char *args)
{
	const char *rv = next_word(&args), *word = next_word(&args), *comma = "";

	send_text(r, "{\r\n  \"apiVersion\": \"x/v1\",\r\n  \"items\": [");
	for (; *word && !r->last_rc; word = next_word(&args), comma = ",") {
		send_text(r, "%s\r\n    ", comma);
		send_object(r, word, true);
	}
	send_text(r, "\r\n  ],\r\n  \"kind\": \"%sList\",\r\n  \"metadata\": {\r\n",
		  kvip_kinds[r->kind].kind);
	send_text(r, "    \"continue\": \"\",\r\n    \"resourceVersion\": \"%s\"\r\n  }\r\n}\r\n",
		  rv);
}

/* event TYPE NAME:RV... */
void replay_event(struct replay *r, char *args)
{
	const char *type = next_word(&args), *word;

	while (*(word = next_word(&args))) {
		send_text(r, "{\"type\":\"%s\",\"object\":", type);
		if (!r->last_rc)
			send_object(r, word, true);
		if (!r->last_rc)
			send_text(r, "}\n");
		if (r->last_rc)
			break;
	}
}

/* bookmark RV [end] */
void replay_bookmark(struct replay *r, char *args)
{
	const char *rv = next_word(&args), *end = next_word(&args);

	send_text(r,
		  "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"v1\","
		  "\"metadata\":{\"resourceVersion\":\"%s\"%s},\"spec\":{},\"status\":{}}}\n",
		  kvip_kinds[r->kind].kind, rv,
		  *end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

static void send_status(struct replay *r, char *args)
{
	int code = atoi(next_word(&args));
	const char *reason = next_word(&args), *cause = next_word(&args);

	send_text(
		r,
		"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
		"\"message\":\"it is so\",\"reason\":\"%s\",\"code\":%d",
		reason, code);
	if (*cause)
		send_text(r,
			  ",\"details\":{\"causes\":[{\"reason\":\"%s\"}],\"retryAfterSeconds\":1}",
			  cause);
	send_text(r, "}");
}

/* error CODE REASON [CAUSE]: an ERROR event */
void replay_error(struct replay *r, char *args)
{
	send_text(r, "{\"type\":\"ERROR\",\"object\":");
	send_status(r, args);
	if (!r->last_rc)
		send_text(r, "}\n");
}

/* refuse CODE REASON [CAUSE]: an answer that is a Status, complete */
void replay_refuse(struct replay *r, char *args)
{
	kvip_watch_response(r->w, atoi(args), "application/json", -1, r->now);
	send_status(r, args);
	kvip_watch_done(r->w, KVIP_END_CLEAN, NULL, r->now);
}

/* raw TEXT: as it is, but for \n and \r */
void replay_raw(struct replay *r, char *args)
{
	char *to = args, *from;

	for (from = args; *from; from++) {
		if (from[0] == '\\' && (from[1] == 'n' || from[1] == 'r'))
			*to++ = *++from == 'n' ? '\n' : '\r';
		else
			*to++ = *from;
	}
	send_bytes(r, args, (size_t)(to - args));
}

/* file NAME: bytes of a file beside the script's directory's parent, tests/data/NAME */
void replay_file(struct replay *r, char *args)
{
	const char *slash = strrchr(r->file, '/');
	int dir_len = slash ? (int)(slash - r->file) + 1 : 0;
	char path[1024], data[65536];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%.*s../data/%s", dir_len, r->file, next_word(&args));
	f = fopen(path, "r");
	if (!f) {
		replay_wrong(r, "a file", path);
		return;
	}
	r->last_rc = 0;
	while (!r->last_rc && (n = fread(data, 1, sizeof(data), f)) > 0)
		send_bytes(r, data, n);
	fclose(f);
}
