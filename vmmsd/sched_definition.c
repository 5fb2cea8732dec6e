/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_definition.h"

#include <json-c/json.h>
#include <string.h>

#include "host_cpu_list.h"
#include "json_text.h"
#include "sched_cpus.h"
#include "sched_share.h"
#include "service_error.h"

#define PATH "$.cpus.scheduling"

static const char *const placement_names[] = {
	[PLACEMENT_NONE] = "none",
	[PLACEMENT_SPREAD] = "spread",
	[PLACEMENT_PACK] = "pack",
};

static const char *const core_names[] = {
	[SCHED_CORE_OFF] = "off", [SCHED_CORE_VM] = "vm", [SCHED_CORE_VCPU] = "vcpu"};

const char *sched_placement_name(enum placement_mode placement)
{
	return placement_names[placement];
}

void sched_definition_clear(struct sched_definition *sched)
{
	for (guint i = 0; i < sched->n_vcpu_affinity; i++)
		g_clear_pointer(&sched->vcpu_affinity[i], g_array_unref);
	g_clear_pointer(&sched->vcpu_affinity, g_free);
	g_clear_pointer(&sched->affinity, g_array_unref);
	g_clear_pointer(&sched->group, g_free);
	sched->n_vcpu_affinity = 0;
}

G_GNUC_PRINTF(3, 4)
static gboolean fail(GError **error, const char *path, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION, "definition: %s: %s",
		    path, what);
	return FALSE;
}

static uint32_t number_or(struct json_object *object, const char *name, uint32_t otherwise)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value)
		       ? (uint32_t)json_object_get_int64(value)
		       : otherwise;
}

static gboolean flag(struct json_object *object, const char *name)
{
	return json_object_get_boolean(json_object_object_get(object, name));
}

/* The schema has seen to the characters. */
static gboolean list_read(const char *text, const char *path, GArray **ret, GError **error)
{
	*ret = host_cpu_list_parse(text);
	if (*ret && (*ret)->len > 0)
		return TRUE;
	g_clear_pointer(ret, g_array_unref);
	g_autofree char *shown = json_text_excerpt(text);
	return fail(error, path,
		    "\"%s\" is not valid; give CPUs in ascending order, each once and below %u, "
		    "such as \"0-3,8\"",
		    shown, HOST_CPU_MAX);
}

static gboolean topology_read(struct json_object *topology, uint32_t count,
			      struct sched_definition *ret, GError **error)
{
	struct topology_guest resolved;
	g_autoptr(GError) local = NULL;

	ret->topology = (struct topology_guest){1, 0, 1};
	if (!topology)
		return TRUE;
	ret->has_topology = TRUE;
	ret->topology = (struct topology_guest){
		.sockets = number_or(topology, "sockets", 1),
		.cores = number_or(topology, "cores", 0),
		.threads = number_or(topology, "threadsPerCore", 1),
	};
	return topology_guest_resolve(&ret->topology, count, 0, &resolved, &local) ||
	       fail(error, "$.cpus.topology", "%s", local->message);
}

static gboolean percent_check(uint32_t percent, uint32_t count, const char *path, GError **error)
{
	return percent <= 100 * count ||
	       fail(error, path,
		    "%u is more than the %u %% of %u processor%s; 100 is all of one processor",
		    percent, 100 * count, count, count == 1 ? "" : "s");
}

static gboolean times_check(const struct sched_definition *sched, uint32_t count, GError **error)
{
	if (!percent_check(sched->limit, count, PATH ".limit", error) ||
	    !percent_check(sched->reserve, count, PATH ".reserve", error))
		return FALSE;
	if (sched->limit > 0 && sched->reserve > sched->limit)
		return fail(error, PATH ".reserve", "%u %% is more than the limit, %u %%",
			    sched->reserve, sched->limit);
	if (sched->background && sched->reserve > 0)
		return fail(error, PATH ".reserve",
			    "a background virtual machine gets only time that nobody else wants "
			    "and cannot reserve any; leave one of the two out");
	return TRUE;
}

static gboolean vcpu_affinity_read(struct json_object *lists, uint32_t count,
				   struct sched_definition *ret, GError **error)
{
	size_t n = lists ? json_object_array_length(lists) : 0;

	if (n > count)
		return fail(error, PATH ".vcpuAffinity",
			    "has %zu elements for %u processor%s; give one each", n, count,
			    count == 1 ? "" : "s");
	ret->vcpu_affinity = n > 0 ? g_new0(GArray *, n) : NULL;
	ret->n_vcpu_affinity = (guint)n;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(lists, i));
		g_autofree char *path = g_strdup_printf(PATH ".vcpuAffinity[%zu]", i);

		if (strcmp(text, "all") == 0)
			continue;
		if (!list_read(text, path, &ret->vcpu_affinity[i], error))
			return FALSE;
		if (ret->affinity && !sched_cpus_is_subset(ret->vcpu_affinity[i], ret->affinity))
			return fail(error, path,
				    "%s is not within affinity, the CPUs of the whole virtual "
				    "machine",
				    text);
	}
	return TRUE;
}

static gboolean places_check(const struct sched_definition *sched, GError **error)
{
	if (sched->exclusive && !sched->affinity)
		return fail(error, PATH ".exclusive",
			    "this needs affinity, which says what CPUs are meant");
	if (sched->placement != PLACEMENT_NONE && sched->n_vcpu_affinity > 0)
		return fail(error, PATH ".placement",
			    "it chooses the CPUs, and so does vcpuAffinity; leave one of them out");
	if (sched->core_required && sched->core_scheduling == SCHED_CORE_OFF)
		return fail(error, PATH ".coreSchedulingRequired",
			    "this needs coreScheduling, which says of what kind; give vm or vcpu");
	return TRUE;
}

/* The schema's enum is the same. */
static unsigned name_index(const char *const *names, unsigned n, const char *name)
{
	unsigned i = 0;

	while (i < n && !g_str_equal(name, names[i]))
		i++;
	g_assert(i < n);
	return i;
}

static const char *text_of(struct json_object *given, const char *name)
{
	return json_object_get_string(json_object_object_get(given, name));
}

static gboolean scheduling_read(struct json_object *given, uint32_t count,
				struct sched_definition *ret, GError **error)
{
	struct json_object *affinity;

	if (!given)
		return TRUE;
	ret->weight = number_or(given, "weight", SCHED_WEIGHT_DEFAULT);
	ret->limit = number_or(given, "limit", 0);
	ret->reserve = number_or(given, "reserve", 0);
	ret->device_weight = number_or(given, "deviceWeight", 0);
	ret->exclusive = flag(given, "exclusive");
	ret->background = flag(given, "background");
	if (json_object_object_get_ex(given, "numaNode", NULL))
		ret->numa_node = (int32_t)number_or(given, "numaNode", 0);
	if (json_object_object_get_ex(given, "latency", NULL))
		ret->latency = (int32_t)number_or(given, "latency", 0);
	ret->placement = name_index(placement_names, G_N_ELEMENTS(placement_names),
				    text_of(given, "placement"));
	ret->core_scheduling =
		name_index(core_names, G_N_ELEMENTS(core_names), text_of(given, "coreScheduling"));
	ret->core_required = flag(given, "coreSchedulingRequired");
	ret->group = g_strdup(text_of(given, "group"));
	affinity = json_object_object_get(given, "affinity");
	if (affinity &&
	    !list_read(json_object_get_string(affinity), PATH ".affinity", &ret->affinity, error))
		return FALSE;
	return times_check(ret, count, error) &&
	       vcpu_affinity_read(json_object_object_get(given, "vcpuAffinity"), count, ret,
				  error) &&
	       places_check(ret, error);
}

gboolean sched_definition_read(struct json_object *cpus, struct sched_definition *ret,
			       GError **error)
{
	uint32_t count = number_or(cpus, "count", 1);

	*ret = (struct sched_definition){
		.weight = SCHED_WEIGHT_DEFAULT, .numa_node = -1, .latency = -1};
	if (topology_read(json_object_object_get(cpus, "topology"), count, ret, error) &&
	    scheduling_read(json_object_object_get(cpus, "scheduling"), count, ret, error))
		return TRUE;
	sched_definition_clear(ret);
	return FALSE;
}

/* ---- for "show" ------------------------------------------------------------------------------ */

static void add(struct json_object *object, const char *name, struct json_object *value)
{
	(void)json_object_object_add(object, name, value);
}

static struct json_object *list_value(const GArray *cpus, const char *otherwise)
{
	g_autofree char *text = cpus ? host_cpu_list_format(cpus) : g_strdup(otherwise);

	return text ? json_object_new_string(text) : NULL;
}

static struct json_object *number_value(int64_t number, gboolean given)
{
	return given ? json_object_new_int64(number) : NULL;
}

struct json_object *sched_definition_describe(const struct sched_definition *sched)
{
	struct json_object *object = json_object_new_object(), *lists = NULL;

	if (sched->n_vcpu_affinity > 0)
		lists = json_object_new_array();
	for (guint i = 0; i < sched->n_vcpu_affinity; i++)
		(void)json_object_array_add(lists, list_value(sched->vcpu_affinity[i], "all"));
	add(object, "weight", json_object_new_int64(sched->weight));
	add(object, "limit", number_value(sched->limit, sched->limit > 0));
	add(object, "reserve", json_object_new_int64(sched->reserve));
	add(object, "deviceWeight", number_value(sched->device_weight, sched->device_weight > 0));
	add(object, "affinity", list_value(sched->affinity, NULL));
	add(object, "vcpuAffinity", lists);
	add(object, "group", sched->group ? json_object_new_string(sched->group) : NULL);
	add(object, "exclusive", json_object_new_boolean(sched->exclusive));
	add(object, "background", json_object_new_boolean(sched->background));
	add(object, "numaNode", number_value(sched->numa_node, sched->numa_node >= 0));
	add(object, "latency", number_value(sched->latency, sched->latency >= 0));
	add(object, "placement", json_object_new_string(sched_placement_name(sched->placement)));
	add(object, "coreScheduling", json_object_new_string(core_names[sched->core_scheduling]));
	add(object, "coreSchedulingRequired", json_object_new_boolean(sched->core_required));
	return object;
}

struct json_object *sched_definition_describe_topology(const struct sched_definition *sched)
{
	struct json_object *object;

	if (!sched->has_topology)
		return NULL;
	object = json_object_new_object();
	add(object, "sockets", json_object_new_int64(sched->topology.sockets));
	add(object, "cores", number_value(sched->topology.cores, sched->topology.cores > 0));
	add(object, "threadsPerCore", json_object_new_int64(sched->topology.threads));
	return object;
}
