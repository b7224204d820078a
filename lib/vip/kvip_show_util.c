// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: small pieces of `show` output: ages, next hops, reasons. Thread: T0. Keeps nothing.
 *
 * Source: FRR 8.4.4, lib/frr_time.h, frrtime_to_interval(), for the look of ages.
 */
#include "vip/kvip_show_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_S  86400
#define WEEK_S (7 * DAY_S)

const char *kvip_show_age(char buf[KVIP_AGE_STRLEN], int64_t seconds)
{
	int64_t s = seconds < 0 ? 0 : seconds;
	int weeks, days = (int)(s % WEEK_S / DAY_S), hours = (int)(s % DAY_S / 3600);
	int minutes = (int)(s % 3600 / 60);

	if (s < DAY_S) {
		snprintf(buf, KVIP_AGE_STRLEN, "%02d:%02d:%02d", hours, minutes, (int)(s % 60));
	} else if (s < WEEK_S) {
		snprintf(buf, KVIP_AGE_STRLEN, "%dd%02dh%02dm", days, hours, minutes);
	} else {
		weeks = s / WEEK_S > 99999 ? 99999 : (int)(s / WEEK_S);
		snprintf(buf, KVIP_AGE_STRLEN, "%02dw%dd%02dh", weeks, days, hours);
	}
	return buf;
}

int64_t kvip_show_age_s(const struct kvip_show_ctx *s, kvip_msec then_ms)
{
	if (!then_ms)
		return -1;
	return s->now > then_ms ? (s->now - then_ms) / 1000 : 0;
}

const char *kvip_show_since(const struct kvip_show_ctx *s, kvip_msec then_ms,
			    char buf[KVIP_AGE_STRLEN])
{
	int64_t age_s = kvip_show_age_s(s, then_ms);

	return age_s < 0 ? "never" : kvip_show_age(buf, age_s);
}

void kvip_show_json_age(const struct kvip_show_ctx *s, struct kvip_jsonw *w, const char *key,
			kvip_msec then_ms)
{
	int64_t age_s = kvip_show_age_s(s, then_ms);

	if (age_s < 0)
		kvip_jsonw_null(w, key);
	else
		kvip_jsonw_int(w, key, age_s);
}

void kvip_show_nhset(const struct kvip_nhset *nhs, unsigned int max, char *buf, size_t size)
{
	char addr[KVIP_ADDR_STRLEN];
	size_t n = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; nhs && i < nhs->n && n < size; i++) {
		if (i == max) {
			snprintf(buf + n, size - n, " +%u", nhs->n - max);
			return;
		}
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? " " : "",
				      kvip_addr_render(&nhs->addrs[i], addr));
	}
}

void kvip_show_json_nhset(struct kvip_jsonw *w, const char *key, const struct kvip_nhset *nhs)
{
	char addr[KVIP_ADDR_STRLEN];

	kvip_jsonw_array(w, key);
	for (uint32_t i = 0; nhs && i < nhs->n; i++)
		kvip_jsonw_string(w, NULL, kvip_addr_render(&nhs->addrs[i], addr));
	kvip_jsonw_end(w);
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

void kvip_show_json_reason(struct kvip_jsonw *w, enum kvip_reason r)
{
	const struct kvip_reason_info *info = kvip_reason_info(r);

	kvip_jsonw_string(w, "reason", info->word);
	kvip_jsonw_string(w, "reasonText", or_null(info->text));
	kvip_jsonw_string(w, "remedy", or_null(info->remedy));
}

void kvip_show_json_warning(struct kvip_jsonw *w, enum kvip_reason r)
{
	const struct kvip_reason_info *info = kvip_reason_info(r);

	kvip_jsonw_string(w, "warning", r == KVIP_REASON_NONE ? NULL : info->word);
	kvip_jsonw_string(w, "warningText", or_null(info->text));
}

void kvip_show_sentence(struct kvip_buf *out, enum kvip_reason r)
{
	const struct kvip_reason_info *info = kvip_reason_info(r);

	kvip_buf_puts(out, info->text);
	if (info->remedy[0])
		kvip_buf_printf(out, ": %s", info->remedy);
}

const char *kvip_show_legend_word(struct kvip_show_legend *l, enum kvip_reason r)
{
	if (r == KVIP_REASON_NONE || (unsigned int)r >= KVIP_REASON_MAX)
		return "";
	l->met[r] = true;
	return kvip_reason_info(r)->word;
}

void kvip_show_legend_render(const struct kvip_show_legend *l, struct kvip_buf *out)
{
	bool any = false;

	for (unsigned int r = 0; r < KVIP_REASON_MAX; r++) {
		const struct kvip_reason_info *info = kvip_reason_info(r);

		if (!l->met[r] || info->level == KVIP_LEVEL_OK)
			continue;
		kvip_buf_printf(out, "%s%s: %s\n", any ? "" : "\n", info->word, info->text);
		if (info->remedy[0])
			kvip_buf_printf(out, "    to do: %s\n", info->remedy);
		any = true;
	}
}

void kvip_show_table(struct kvip_columns *t, struct kvip_buf *out)
{
	int rc = kvip_columns_render(t, out);

	if (rc && !out->err) {
		kvip_buf_done(out);
		out->err = rc;
	}
	kvip_columns_done(t);
}

const char *kvip_show_cluster_state(enum kvip_cluster_state state)
{
	static const char *const words[] = {
		[KVIP_CLUSTER_STARTING] = "starting",
		[KVIP_CLUSTER_LIVE] = "live",
		[KVIP_CLUSTER_STALE] = "stale",
		[KVIP_CLUSTER_SHUTDOWN] = "shutdown",
	};

	return words[state];
}

const char *kvip_show_nh_state(enum kvip_nh_state state)
{
	static const char *const words[] = {
		[KVIP_NH_UNKNOWN] = "unknown",     [KVIP_NH_UNRESOLVED] = "unresolved",
		[KVIP_NH_CONNECTED] = "connected", [KVIP_NH_IGP] = "igp",
		[KVIP_NH_OTHER] = "other",
	};

	return words[state];
}

static void json_cilium(struct kvip_jsonw *w, const struct kvip_claim_view *c)
{
	if (c->pool)
		kvip_jsonw_string(w, "pool", c->pool);
	if (c->communities)
		kvip_jsonw_string(w, "communities", c->communities);
	if (c->large_communities)
		kvip_jsonw_string(w, "largeCommunities", c->large_communities);
	if (c->has_local_preference)
		kvip_jsonw_int(w, "localPreference", c->local_preference);
}

static void json_endpoints(struct kvip_jsonw *w, const struct kvip_claim_view *c)
{
	if (c->endpoints_known) {
		kvip_jsonw_uint(w, "endpointsUsable", c->endpoints_usable);
		kvip_jsonw_uint(w, "endpoints", c->endpoints_total);
	} else {
		kvip_jsonw_null(w, "endpointsUsable");
		kvip_jsonw_null(w, "endpoints");
	}
}

void kvip_show_json_claim(const struct kvip_show_ctx *s, struct kvip_jsonw *w,
			  const struct kvip_claim_view *c)
{
	char addr[KVIP_ADDR_STRLEN];

	kvip_jsonw_object(w, NULL);
	kvip_jsonw_string(w, "cluster", c->cluster);
	kvip_jsonw_string(w, "kind", c->kind);
	kvip_jsonw_string(w, "namespace", c->ns);
	kvip_jsonw_string(w, "name", c->name);
	kvip_jsonw_string(w, "gateway", c->gateway);
	kvip_jsonw_string(w, "address", c->addr ? kvip_addr_render(c->addr, addr) : NULL);
	kvip_jsonw_string(w, "source", c->source);
	kvip_show_json_reason(w, c->reason);
	kvip_show_json_warning(w, c->warning);
	kvip_jsonw_string(w, "winner", c->winner);
	kvip_jsonw_string(w, "advertise", c->advertise);
	kvip_jsonw_string(w, "selectedBy", c->selected_by);
	kvip_jsonw_string(w, "trafficPolicy", c->local ? "Local" : "Cluster");
	kvip_jsonw_string(w, "externalTrafficPolicy", c->external_local ? "Local" : "Cluster");
	kvip_jsonw_string(w, "internalTrafficPolicy", c->internal_local ? "Local" : "Cluster");
	json_endpoints(w, c);
	kvip_show_json_nhset(w, "nextHops", c->nhs);
	json_cilium(w, c);
	if (c->created_s && s->wall)
		kvip_jsonw_int(w, "createdAgeSec", s->wall - c->created_s);
	else
		kvip_jsonw_null(w, "createdAgeSec");
	kvip_jsonw_end(w);
}
