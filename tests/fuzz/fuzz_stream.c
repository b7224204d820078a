// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: fuzz target of the splitter: whatever comes, cut anywhere, the outcome is the same.
 *
 * The first byte chooses mode and piece size; the rest is the body. Values found must be JSON if
 * the whole body is, so the parser runs over them too.
 */
#include "fuzz.h"

#include "kube/kvip_json.h"
#include "kube/kvip_stream.h"

#include <stdlib.h>
#include <string.h>

struct outcome {
	uint64_t values, envelopes, hash;
};

static void add(struct outcome *o, const char *json, size_t len)
{
	struct json_object *value;
	size_t i;

	if (strlen(json) > len)
		abort();
	for (i = 0; i < len; i++)
		o->hash = (o->hash ^ (uint8_t)json[i]) * UINT64_C(1099511628211);
	if (!kvip_json_parse(json, len, &value, NULL))
		kvip_json_free(value);
}

static int on_value(void *ctx, const char *json, size_t len)
{
	struct outcome *o = ctx;

	o->values++;
	add(o, json, len);
	return 0;
}

static int on_envelope(void *ctx, const char *json, size_t len)
{
	struct outcome *o = ctx;

	o->envelopes++;
	add(o, json, len);
	return 0;
}

static const struct kvip_stream_ops ops = { .value = on_value, .envelope = on_envelope };

static int run(struct outcome *o, enum kvip_stream_mode mode, const char *data, size_t size,
	       size_t piece)
{
	struct kvip_stream s;
	struct kvip_err err;
	size_t n;
	int rc = 0;

	kvip_stream_init(&s, &ops, o);
	kvip_stream_reset(&s, mode);
	for (; size && !rc; data += n, size -= n) {
		n = size < piece ? size : piece;
		rc = kvip_stream_feed(&s, data, n, &err);
	}
	if (!rc)
		rc = kvip_stream_end(&s, &err);
	kvip_stream_done(&s);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole = { 0 }, cut = { 0 };
	enum kvip_stream_mode mode;

	if (!size)
		return 0;
	mode = data[0] & 1 ? KVIP_STREAM_LIST : KVIP_STREAM_WATCH;
	if (run(&whole, mode, (const char *)data + 1, size - 1, SIZE_MAX) !=
	    run(&cut, mode, (const char *)data + 1, size - 1, 1 + (data[0] >> 1) % 32))
		abort();
	if (memcmp(&whole, &cut, sizeof(whole)))
		abort();
	return 0;
}
