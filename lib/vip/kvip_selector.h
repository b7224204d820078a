/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Label selectors in kubectl's grammar: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x,y)`, `a`,
 * `!a`, joined by commas (and). The word `any` alone matches everything and must be said aloud: an
 * empty selector is an error.
 *
 * Source: Kubernetes documentation v1.36, "Labels and Selectors"; apimachinery labels/selector.go.
 * Note: `!=` and `notin` also match objects without the key.
 */
#pragma once

#include "base/kvip_err.h"
#include "kube/kvip_obj.h"

#include <stdbool.h>

struct kvip_selector;

/** kvip_selector_parse - text to selector. Return: 0, -EINVAL (err names the place), -ENOMEM. */
int kvip_selector_parse(const char *text, struct kvip_selector **out,
			struct kvip_err *err) KVIP_USE_RESULT;
void kvip_selector_free(struct kvip_selector *s);
/** kvip_selector_text - the text as it was written; lives as long as @s. */
const char *kvip_selector_text(const struct kvip_selector *s);
/** kvip_selector_matches - against @m's labels. @pseudo: extra pairs that stand above the labels,
 *  as Cilium's io.kubernetes.service.name and io.kubernetes.service.namespace; may be NULL. */
bool kvip_selector_matches(const struct kvip_selector *s, const struct kvip_meta *m,
			   const struct kvip_label *pseudo, size_t n_pseudo);
/** kvip_selector_unmet - the first requirement that is not met, in words for people ("mdhlabs-bgp=enable:
 *  there is no such label"). Return: false when all are met. */
bool kvip_selector_unmet(const struct kvip_selector *s, const struct kvip_meta *m,
			 const struct kvip_label *pseudo, size_t n_pseudo, char *buf, size_t size);
