// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DOC: what a VIP answers to the questions of bgpd's route-maps. Thread: T1.
 *
 * The owners are those whose claims the route comes from: of a shared VIP all that hold it
 * together, and one that matches is enough. Labels and classes are looked for as selection does
 * (F4): a label in the Service and, where that has no such key, in the Gateway that owns it; a
 * class is the Service's loadBalancerClass or the Gateway's gatewayClassName.
 *
 * A VIP whose claims have gone and that is held (guard, restart) keeps the marks it had: it is not
 * looked at here.
 */
#include "vip/kvip_table_priv.h"

#include <string.h>

/* The Gateway that @o is, or that owns it, if it is there. */
static const struct kvip_obj *gateway_of(const struct kvip_owner *o)
{
	const struct kvip_gateway_entry *g;

	if (o->e.kind == KVIP_KIND_GATEWAY)
		return o->e.obj;
	g = ((const struct kvip_service_entry *)o)->gateway;
	return g ? kvip_entry_obj(&g->o.e) : NULL;
}

static const char *label_of(const struct kvip_owner *o, const char *key)
{
	const struct kvip_obj *gateway = gateway_of(o);
	const char *value = kvip_meta_label(&o->e.obj->meta, key);

	if (!value && gateway)
		value = kvip_meta_label(&gateway->meta, key);
	return value;
}

static bool equal(const char *found, const char *wanted)
{
	return found && strcmp(found, wanted) == 0;
}

static bool is_of_class(const struct kvip_owner *o, const char *class)
{
	const struct kvip_obj *gateway = gateway_of(o);

	if (o->e.kind == KVIP_KIND_SERVICE && equal(o->e.obj->service.lb_class, class))
		return true;
	return gateway && equal(gateway->gateway.class_name, class);
}

static bool is_service(const struct kvip_owner *o, const char *text)
{
	const struct kvip_meta *m = &o->e.obj->meta;
	size_t n = strlen(m->ns);

	return o->e.kind == KVIP_KIND_SERVICE && strncmp(text, m->ns, n) == 0 && text[n] == '/' &&
	       strcmp(text + n + 1, m->name) == 0;
}

static bool claim_answers(const struct kvip_claim *c, const struct kvip_match_expr *x)
{
	const struct kvip_owner *o = c->owner;

	switch ((enum kvip_match_kind)x->kind) {
	case KVIP_MATCH_LABEL:
		return equal(label_of(o, x->key), kvip_match_value(x));
	case KVIP_MATCH_NAMESPACE:
		return strcmp(o->e.obj->meta.ns, x->text) == 0;
	case KVIP_MATCH_SERVICE:
		return is_service(o, x->text);
	case KVIP_MATCH_CLUSTER:
		return strcmp(c->cluster->name, x->text) == 0;
	case KVIP_MATCH_CLASS:
		return is_of_class(o, x->text);
	case KVIP_MATCH_KIND_MAX:
		break;
	}
	return false;
}

struct kvip_marks kvip_vip_marks(const struct kvip_table *t, const struct kvip_vip *v,
				 const struct kvip_claim *top)
{
	const struct kvip_match_set *set = t->facts ? t->facts->matches : NULL;
	struct kvip_marks out = { .generation = set ? set->generation : 0 };
	const struct kvip_claim *c;

	if (!set || !set->n)
		return out;
	SLIST_FOREACH(c, &v->claims, of_vip) {
		if (c->reason != KVIP_REASON_SELECTED || !kvip_claim_shares(c, top))
			continue;
		for (unsigned int i = 0; i < set->n; i++)
			if (set->v[i].since && claim_answers(c, &set->v[i]))
				kvip_marks_set(&out, i);
	}
	return out;
}
