// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: see the header. Thread: T0.
 *
 * Sources: lib/zclient.[ch] of FRR 8.4.4, 10.3, 10.7; zebra_send_rnh_update() of
 * zebra/zebra_rnh.c.
 */
#include "frr/kvf_compat_zapi.h"

#include "stream.h"

struct zclient *kvf_zclient_new(struct kvf_event_loop *loop)
{
	static struct zclient_options options;

	return zclient_new(loop, &options, NULL, 0);
}

bool kvf_zapi_get_nexthop_count(struct stream *s, unsigned int *n)
{
#ifdef HAVE_FRR_ZCLIENT_NEXTHOP_CALLBACK
	STREAM_GETW(s, *n);
#else
	STREAM_GETC(s, *n);
#endif
	return true;
stream_failure:
	return false;
}
