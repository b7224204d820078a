/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resourceVersion: an opaque string that is stored and sent back as it came.
 *
 * Since Kubernetes v1.35 it may be compared, as a decimal integer of any length, within one kind of
 * one server; it is used here only to notice time that runs backwards. Any thread.
 *
 * Source: k8s.io/apimachinery util/resourceversion.
 */
#pragma once

#include <stdbool.h>

/* With the NUL. etcd's revisions have at most 19 digits. */
#define KVIP_RV_SIZE 64

/** kvip_rv_live - can a list or watch start at @rv? Not for "" and "0", which mean "anything", nor
 *  for what is not printable: `show` has it. */
bool kvip_rv_live(const char *rv);
/** kvip_rv_decimal - is @rv what every Kubernetes so far has given out? */
bool kvip_rv_decimal(const char *rv);
/** kvip_rv_older - is @a certainly older than @b? False unless both are decimal integers. */
bool kvip_rv_older(const char *a, const char *b);
