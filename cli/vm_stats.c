// SPDX-License-Identifier: LGPL-2.1-or-later
#include "vm_stats.h"

#include <string.h>

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, name, &value);
	return value;
}

static bool is_amount(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0;
}

struct amount amount_of(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name);

	return is_amount(value) ? (struct amount){true, json_object_get_uint64(value)}
				: (struct amount){false, 0};
}

struct amount amount_of_exits(struct json_object *vcpu)
{
	struct json_object *exits = member(vcpu, "exits");
	struct amount sum = {.known = json_object_is_type(exits, json_type_object)};

	if (!sum.known)
		return sum;
	json_object_object_foreach (exits, reason, count) {
		(void)reason;
		sum.value += is_amount(count) ? json_object_get_uint64(count) : 0;
	}
	return sum;
}

static void add(struct amount *sum, struct amount part)
{
	sum->known = sum->known && part.known;
	sum->value += part.value;
}

bool vm_stats_only_affinity(struct json_object *document)
{
	const char *mechanism = json_object_get_string(member(document, "mechanism"));

	return mechanism && strcmp(mechanism, "affinity") == 0;
}

void vm_stats_read(struct json_object *document, struct vm_stats *ret)
{
	struct json_object *vcpus = member(document, "vcpus");

	*ret = (struct vm_stats){0};
	if (json_object_is_type(vcpus, json_type_array))
		ret->vcpus = json_object_array_length(vcpus);
	ret->time = amount_of(document, "time");
	ret->only_affinity = vm_stats_only_affinity(document);
	ret->throttled = amount_of(member(document, "throttled"), "time");
	ret->others = amount_of(member(document, "others"), "used");
	ret->used.known = ret->ready.known = ret->exits.known = ret->vcpus > 0;
	for (size_t i = 0; i < ret->vcpus; i++) {
		struct json_object *vcpu = json_object_array_get_idx(vcpus, i);

		add(&ret->used, amount_of(vcpu, "used"));
		add(&ret->ready, amount_of(vcpu, "ready"));
		add(&ret->exits, amount_of_exits(vcpu));
	}
}

struct rate rate_between(const struct vm_stats *then, const struct vm_stats *now,
			 struct amount from, struct amount to)
{
	if (!then->time.known || !now->time.known || now->time.value <= then->time.value ||
	    !from.known || !to.known || to.value < from.value)
		return (struct rate){0};
	return (struct rate){true, 1e9 * (double)(to.value - from.value) /
					   (double)(now->time.value - then->time.value)};
}

struct rate rate_ready(struct rate used, struct rate ready)
{
	double sum = used.value + ready.value;

	return used.known && ready.known && sum > 0 ? (struct rate){true, ready.value / sum}
						    : (struct rate){0};
}
