// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: fuzzes the kubeconfig parser, and the URL parsers with what it found.
 */
#include "fuzz.h"

#include "kube/kvip_kubeconfig.h"
#include "kube/kvip_url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kvip_kubeconfig *k = NULL;
	char proxy[KVIP_URL_BYTES];
	struct kvip_server server;
	struct kvip_err err;
	bool loopback;

	if (kvip_kubeconfig_parse((const char *)data, size, "/dir/fuzz", NULL, &k, &err) == 0) {
		(void)!kvip_server_parse(k->server, "server", &server, &err);
		if (k->proxy_url)
			(void)!kvip_proxy_parse(k->proxy_url, proxy, &loopback, &err);
		kvip_kubeconfig_free(k);
	}
	if (kvip_mem_live() != 0)
		abort();
	return 0;
}
