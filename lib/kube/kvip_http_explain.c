// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what libcurl's results mean, for the machines and for people. Thread: any; pure.
 *
 * Source: libcurl 7.88.1 manual pages (libcurl-errors); OpenSSL 3.0's texts of verification.
 */
#include "kvip_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static bool says(const char *detail, const char *words)
{
	return strstr(detail, words) != NULL;
}

/* What to do about a failed handshake, from OpenSSL's and libcurl's words. */
static const char *tls_remedy(const char *detail)
{
	if (says(detail, "expired"))
		return "the certificate has expired (or the clock here is wrong): renew it";
	if (says(detail, "not yet valid"))
		return "the certificate is not valid yet: is the clock here right?";
	if (says(detail, "subject name") || says(detail, "IP address"))
		return "the certificate is for another name: set tls-server-name to one it has";
	if (says(detail, "issuer certificate") || says(detail, "self-signed") ||
	    says(detail, "self signed") || says(detail, "first certificate"))
		return "it is not signed by the configured CA: give the cluster's CA (ca-file)";
	if (says(detail, "wrong version number"))
		return "that port does not speak TLS: correct the port";
	return "check ca-file, the server's certificate and tls-server-name";
}

static bool is_alert(const char *detail)
{
	return says(detail, "alert") && (says(detail, "certificate") ||
					 says(detail, "unknown ca") || says(detail, "handshake"));
}

static const struct {
	int code;
	enum kvip_transfer_end end;
	const char *remedy;
} meanings[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, KVIP_END_CONNECT,
	  "the name cannot be resolved: check it and DNS, or write the address" },
	{ CURLE_COULDNT_RESOLVE_PROXY, KVIP_END_CONNECT,
	  "the proxy's name cannot be resolved: check proxy-url and DNS" },
	{ CURLE_COULDNT_CONNECT, KVIP_END_CONNECT,
	  "check that the API server runs, the port, the route and the firewall" },
	{ CURLE_PROXY, KVIP_END_CONNECT, "the proxy refuses: check proxy-url" },
	{ CURLE_SSL_CERTPROBLEM, KVIP_END_CREDENTIALS,
	  "the client certificate and key cannot be used: do they belong together?" },
	{ CURLE_SSL_CACERT_BADFILE, KVIP_END_CREDENTIALS, "the CA cannot be used: check ca-file" },
	{ CURLE_PARTIAL_FILE, KVIP_END_BROKEN, "the connection broke off: it is tried again" },
	{ CURLE_RECV_ERROR, KVIP_END_BROKEN, "the connection broke off: it is tried again" },
	{ CURLE_SEND_ERROR, KVIP_END_BROKEN, "the connection broke off: it is tried again" },
	{ CURLE_GOT_NOTHING, KVIP_END_BROKEN,
	  "the server closed without an answer: is it an API server, and is https right?" },
	{ CURLE_WRITE_ERROR, KVIP_END_BROKEN,
	  "that is no answer of an API server: is something else between?" },
	{ CURLE_OUT_OF_MEMORY, KVIP_END_BROKEN, "not enough memory: it is tried again" },
};

static enum kvip_transfer_end classify(int code, const char *detail, bool connected,
				       const char **remedy)
{
	if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_CIPHER || code == CURLE_SSL_ISSUER_ERROR) {
		*remedy = tls_remedy(detail);
		return KVIP_END_TLS;
	}
	if (is_alert(detail)) { /* TLS 1.3: the server refuses us after the handshake */
		*remedy = "the server refuses our client certificate: give one that its CA signed";
		return KVIP_END_TLS;
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		*remedy = connected
				  ? "the server does not answer: it is tried again"
				  : "no connection in time: check the address, route and firewall";
		return connected ? KVIP_END_BROKEN : KVIP_END_CONNECT;
	}
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].code != code)
			continue;
		*remedy = meanings[i].remedy;
		return meanings[i].end;
	}
	*remedy = "it is tried again";
	return connected ? KVIP_END_BROKEN : KVIP_END_CONNECT;
}

enum kvip_transfer_end kvip_http_explain(int curl_code, const char *detail, const char *rq_url,
					 bool connected, char *text, size_t text_size)
{
	const char *remedy = "";
	enum kvip_transfer_end end = classify(curl_code, detail, connected, &remedy);

	snprintf(text, text_size, "%s: %.120s: %s", rq_url, detail, remedy);
	kvip_printable(text); /* names of a certificate may be in it */
	return end;
}
