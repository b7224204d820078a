// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: the configuration as a value: objects, copies, references, names in natural order.
 *
 * Thread: an unpublished configuration belongs to T0; a published one is never changed and may be
 * read and unreferenced from any thread. Invariants: clusters and blocks are sorted by
 * kvip_natural_cmp() and unique; every value is what its row's reset() or set() left.
 */
#include "vip/kvip_conf_impl.h"

#include <errno.h>
#include <string.h>

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* Two runs of digits as numbers of any length: fewer digits after leading zeros is less. */
static int digits_cmp(const char *a, size_t na, const char *b, size_t nb)
{
	while (na > 1 && *a == '0')
		a++, na--;
	while (nb > 1 && *b == '0')
		b++, nb--;
	if (na != nb)
		return na < nb ? -1 : 1;
	return memcmp(a, b, na);
}

int kvip_natural_cmp(const char *a, const char *b)
{
	const char *p = a, *q = b;

	while (*p && *q) {
		size_t np = digits(p), nq = digits(q);
		int c;

		if (np && nq) {
			c = digits_cmp(p, np, q, nq);
		} else {
			c = (int)(unsigned char)*p - (int)(unsigned char)*q;
			np = nq = 1;
		}
		if (c)
			return c;
		p += np;
		q += nq;
	}
	if (*p || *q)
		return *p ? 1 : -1;
	return strcmp(a, b); /* "web01" and "web1" are different names */
}

static void reset_rows(enum kvip_conf_scope scope, void *obj)
{
	for (size_t i = 0; i < kvip_conf_rows_n; i++)
		if (kvip_conf_rows[i].scope == scope)
			kvip_conf_rows[i].type->reset(&kvip_conf_rows[i], obj);
}

static int copy_rows(enum kvip_conf_scope scope, void *to, const void *from)
{
	int rc = 0;

	for (size_t i = 0; i < kvip_conf_rows_n && !rc; i++)
		if (kvip_conf_rows[i].scope == scope)
			rc = kvip_conf_rows[i].type->copy(&kvip_conf_rows[i], to, from);
	return rc;
}

struct kvip_adv_conf *kvip_adv_conf_new(const char *name)
{
	struct kvip_adv_conf *a = kvip_calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	reset_rows(KVIP_SCOPE_ADV, a);
	a->local_preference = -1;
	a->name = kvip_strdup(name);
	if (a->name)
		return a;
	kvip_adv_conf_free(a);
	return NULL;
}

void kvip_adv_conf_free(struct kvip_adv_conf *a)
{
	if (!a)
		return;
	reset_rows(KVIP_SCOPE_ADV, a);
	kvip_free(a->communities);
	kvip_free(a->large_communities);
	kvip_free(a->name);
	kvip_free(a);
}

struct kvip_cluster_conf *kvip_cluster_conf_new(const char *name)
{
	struct kvip_cluster_conf *cl = kvip_calloc(1, sizeof(*cl));

	if (!cl)
		return NULL;
	reset_rows(KVIP_SCOPE_CLUSTER, cl);
	cl->name = kvip_strdup(name);
	if (cl->name)
		return cl;
	kvip_cluster_conf_free(cl);
	return NULL;
}

void kvip_cluster_conf_free(struct kvip_cluster_conf *cl)
{
	if (!cl)
		return;
	for (size_t i = 0; i < cl->n_advs; i++)
		kvip_adv_conf_free(cl->advs[i]);
	kvip_free(cl->advs);
	reset_rows(KVIP_SCOPE_CLUSTER, cl);
	kvip_free(cl->name);
	kvip_free(cl);
}

struct kvip_adv_conf *kvip_adv_conf_dup(const struct kvip_adv_conf *from, const char *name)
{
	struct kvip_adv_conf *a = kvip_adv_conf_new(name);

	if (!a || copy_rows(KVIP_SCOPE_ADV, a, from) == 0)
		return a;
	kvip_adv_conf_free(a);
	return NULL;
}

int kvip_cluster_conf_append(struct kvip_cluster_conf *to, struct kvip_adv_conf *a)
{
	int rc = a ? kvip_conf_vec_insert(&to->advs, &to->n_advs, to->n_advs, &a, sizeof(a))
		   : -ENOMEM;

	if (rc)
		kvip_adv_conf_free(a);
	return rc;
}

struct kvip_cluster_conf *kvip_cluster_conf_dup(const struct kvip_cluster_conf *from,
						bool (*wanted)(const struct kvip_adv_conf *a))
{
	struct kvip_cluster_conf *cl = kvip_cluster_conf_new(from->name);
	int rc;

	if (!cl)
		return NULL;
	rc = copy_rows(KVIP_SCOPE_CLUSTER, cl, from);
	for (size_t i = 0; i < from->n_advs && !rc; i++)
		if (!wanted || wanted(from->advs[i]))
			rc = kvip_cluster_conf_append(cl, kvip_adv_conf_dup(from->advs[i],
									    from->advs[i]->name));
	if (!rc)
		return cl;
	kvip_cluster_conf_free(cl);
	return NULL;
}

static int copy_cluster(struct kvip_conf *to, const struct kvip_cluster_conf *from)
{
	struct kvip_cluster_conf *cl = kvip_cluster_conf_dup(from, NULL);
	int rc;

	if (!cl)
		return -ENOMEM;
	rc = kvip_conf_vec_insert(&to->clusters, &to->n_clusters, to->n_clusters, &cl, sizeof(cl));
	if (rc)
		kvip_cluster_conf_free(cl);
	return rc;
}

struct kvip_conf *kvip_conf_new(void)
{
	struct kvip_conf *c = kvip_calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	atomic_init(&c->refs, 1);
	reset_rows(KVIP_SCOPE_TOP, c);
	return c;
}

struct kvip_conf *kvip_conf_dup(const struct kvip_conf *from)
{
	struct kvip_conf *c = kvip_conf_new();
	int rc;

	if (!c)
		return NULL;
	c->generation = from->generation;
	rc = copy_rows(KVIP_SCOPE_TOP, c, from);
	for (size_t i = 0; i < from->n_clusters && !rc; i++)
		rc = copy_cluster(c, from->clusters[i]);
	if (!rc)
		return c;
	kvip_conf_unref(c);
	return NULL;
}

struct kvip_conf *kvip_conf_ref(struct kvip_conf *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void kvip_conf_unref(struct kvip_conf *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < c->n_clusters; i++)
		kvip_cluster_conf_free(c->clusters[i]);
	kvip_free(c->clusters);
	reset_rows(KVIP_SCOPE_TOP, c);
	kvip_free(c);
}

size_t kvip_conf_cluster_pos(const struct kvip_conf *c, const char *name, bool *found)
{
	size_t i = 0;
	int d = -1;

	while (i < c->n_clusters && (d = kvip_natural_cmp(c->clusters[i]->name, name)) < 0)
		i++;
	*found = i < c->n_clusters && d == 0;
	return i;
}

size_t kvip_conf_adv_pos(const struct kvip_cluster_conf *cl, const char *name, bool *found)
{
	size_t i = 0;
	int d = -1;

	while (i < cl->n_advs && (d = kvip_natural_cmp(cl->advs[i]->name, name)) < 0)
		i++;
	*found = i < cl->n_advs && d == 0;
	return i;
}

const struct kvip_cluster_conf *kvip_conf_cluster(const struct kvip_conf *c, const char *name)
{
	bool found;
	size_t i = kvip_conf_cluster_pos(c, name, &found);

	return found ? c->clusters[i] : NULL;
}

const struct kvip_adv_conf *kvip_cluster_adv(const struct kvip_cluster_conf *cl, const char *name)
{
	bool found;
	size_t i = kvip_conf_adv_pos(cl, name, &found);

	return found ? cl->advs[i] : NULL;
}
