// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the addresses of API servers, which are never VIPs (rules R3).
 *
 * Job: IP literals in the `server` lines and in the URLs the clients use (a kubeconfig's), and what
 * names resolved to when the clients connected: the proxy's address, too. Of a name with several
 * addresses those count that were tried. Thread: T1, lock held.
 */
#include "vip/kvip_engine_priv.h"

#include <string.h>

/* https://A.B.C.D:PORT/ or https://[X::Y]:PORT/ */
static bool url_address(const char *url, struct kvip_addr *out)
{
	const char *host = strstr(url, "://");
	char text[KVIP_ADDR_STRLEN];
	size_t n;

	host = host ? host + 3 : url;
	if (*host == '[') {
		host++;
		n = strcspn(host, "]");
	} else {
		n = strcspn(host, ":/?#");
	}
	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	return kvip_addr_parse(text, out) == 0;
}

static void add_url(struct kvip_addrset *s, const char *url)
{
	if (url_address(url, &s->v[s->n]))
		s->n++;
}

static void add_server(struct kvip_addrset *s, const struct kvip_server_status *server)
{
	add_url(s, server->url);
	for (uint32_t i = 0; i < server->n_peers; i++)
		s->v[s->n++] = server->peers[i];
}

/* How many addresses there may be. */
static size_t count_addresses(struct kvip_engine *e)
{
	struct kvip_cluster *c;
	size_t n = 0;

	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		const struct kvip_client_status *st = kvip_engine_of(c)->status;

		n += c->conf ? c->conf->servers.n : 0;
		for (size_t i = 0; st && i < st->n_servers; i++)
			n += 1 + st->servers[i].n_peers;
	}
	return n;
}

struct kvip_addrset *kvip_engine_collect_servers(struct kvip_engine *e)
{
	struct kvip_addrset *s;
	struct kvip_cluster *c;

	s = kvip_calloc(1, sizeof(*s) + (count_addresses(e) + 1) * sizeof(s->v[0]));
	if (!s)
		return NULL;
	TAILQ_FOREACH(c, &e->table.clusters, of_table) {
		const struct kvip_client_status *st = kvip_engine_of(c)->status;

		for (size_t i = 0; c->conf && i < c->conf->servers.n; i++)
			add_url(s, c->conf->servers.v[i]);
		for (size_t i = 0; st && i < st->n_servers; i++)
			add_server(s, &st->servers[i]);
	}
	kvip_addrset_settle(s);
	return s;
}
