/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processors, their place in the guest and on the host, and their time. */
#include <string.h>

#include "cpu_set.h"
#include "import_part.h"
#include "json_text.h"

#define MAX_CPUS   240u
#define MAX_WEIGHT 10000u
#define NUMBER_MAX UINT64_C(1000000000000)

static struct json_object *scheduling(struct importing *import)
{
	return import_object(import_object(import->definition, "cpus"), "scheduling");
}

/* The set as we write it; g_free. NULL: no text, or INVALID. */
static char *cpu_set(struct importing *import, xmlNode *where, const char *attribute,
		     const char *text)
{
	char *set = text ? cpu_set_canonical(text) : NULL;

	if (text && !set) {
		g_autofree char *shown = json_text_excerpt(text);
		import_fail(import, where, attribute, XML_TREE_ERROR_INVALID,
			    "\"%s\" is not a set of CPUs such as 0-3,8", shown);
	}
	return set;
}

/* ---- the guest's ----------------------------------------------------------------------------- */

static void import_count(struct importing *import, xmlNode *domain)
{
	xmlNode *vcpu = xml_take_child(domain, "vcpu");
	g_autofree char *text = vcpu ? xml_text(vcpu) : NULL;
	g_autofree char *current = xml_take_attribute(vcpu, "current");
	g_autofree char *placement = xml_take_attribute(vcpu, "placement");
	g_autofree char *allowed = xml_take_attribute(vcpu, "cpuset");
	g_autofree char *affinity = cpu_set(import, vcpu, "cpuset", allowed);
	uint64_t now;

	if (vcpu && !import_number(import, vcpu, text, MAX_CPUS, &import->cpus))
		return;
	if (import_number(import, vcpu, current, MAX_CPUS, &now) && now != import->cpus)
		import_fail(import, vcpu, "current", XML_TREE_ERROR_NOT_SUPPORTED,
			    "processors cannot be added while the machine runs; make both "
			    "numbers the same");
	import_put_number(import_object(import->definition, "cpus"), "count", import->cpus);
	if (affinity)
		import_put_text(scheduling(import), "affinity", affinity);
	if (placement && !g_str_equal(placement, "static"))
		import_note(import, vcpu, "placement",
			    "CPUs are chosen by vmmsd if hvctl edit --placement says so");
}

static void import_topology(struct importing *import, xmlNode *cpu)
{
	static const char *const names[] = {"sockets", "dies", "cores", "threads"};
	xmlNode *element = xml_take_child(cpu, "topology");
	uint64_t n[G_N_ELEMENTS(names)] = {1, 1, 1, 1};
	struct json_object *topology;

	if (!element)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *text = xml_take_attribute(element, names[i]);
		(void)import_number(import, element, text, MAX_CPUS, &n[i]);
	}
	if (n[1] > 1)
		import_note(import, element, "dies", "its cores are given to the socket");
	topology = import_object(import_object(import->definition, "cpus"), "topology");
	import_put_number(topology, "sockets", n[0]);
	import_put_number(topology, "cores", n[1] * n[2]);
	import_put_number(topology, "threadsPerCore", n[3]);
}

static void import_features_of_cpu(struct importing *import, xmlNode *cpu)
{
	for (xmlNode *child = cpu->children; child; child = child->next) {
		g_autofree char *name = NULL, *policy = NULL;

		if (child->type != XML_ELEMENT_NODE ||
		    !xmlStrEqual(child->name, BAD_CAST "feature"))
			continue;
		name = (char *)xmlGetNoNsProp(child, BAD_CAST "name");
		if (!name || !g_str_equal(name, "hypervisor"))
			continue;
		xml_mark_all(child);
		policy = xml_take_attribute(child, "policy");
		import_put_text(import->definition, "hypervisor",
				g_strcmp0(policy, "disable") == 0 ||
						g_strcmp0(policy, "forbid") == 0
					? "hidden"
					: "visible");
	}
}

void import_processors(struct importing *import, xmlNode *domain)
{
	xmlNode *cpu = xml_take_child(domain, "cpu");
	g_autofree char *mode = xml_take_attribute(cpu, "mode");

	import->cpus = 1;
	import_count(import, domain);
	if (!cpu)
		return;
	g_free(xml_take_attribute(cpu, "check")); /* libvirt's own */
	import_topology(import, cpu);
	import_features_of_cpu(import, cpu);
	if (mode && !g_str_equal(mode, "host-passthrough") && !g_str_equal(mode, "maximum"))
		import_note(import, cpu, "mode",
			    import->translated
				    ? "the guest sees all that QEMU can translate"
				    : "the guest sees the host's processor with all that it has");
}

/* ---- the host's ------------------------------------------------------------------------------ */

/* libvirt's shares are the machine's, a weight is one processor's. */
static void import_shares(struct importing *import, xmlNode *cputune)
{
	xmlNode *element = xml_take_child(cputune, "shares");
	g_autofree char *text = element ? xml_text(element) : NULL;
	uint64_t shares, weight;

	if (!import_number(import, element, text, UINT32_MAX, &shares))
		return;
	weight = CLAMP((shares + import->cpus / 2) / import->cpus, 1, MAX_WEIGHT);
	if (weight * import->cpus != shares)
		import_note(import, element, NULL,
			    "rounded to a whole weight, from 1 to 10000, for each processor");
	import_put_number(scheduling(import), "weight", weight);
}

/* In percent of one CPU, for the whole machine; 0: no limit. */
static uint64_t import_quota(struct importing *import, xmlNode *cputune, const char *period_name,
			     const char *quota_name, uint64_t factor)
{
	xmlNode *element = xml_take_child(cputune, quota_name);
	g_autofree char *period_text = xml_take_text(cputune, period_name);
	g_autofree char *quota_text = element ? xml_text(element) : NULL;
	uint64_t period = 100000, quota, percent;

	(void)import_number(import, cputune, period_text, NUMBER_MAX, &period);
	if (period == 0)
		period = 100000; /* libvirt's word for the default */
	if (quota_text && quota_text[0] == '-')
		return 0;
	if (!import_number(import, element, quota_text, UINT64_C(17592186044415), &quota) ||
	    quota == 0)
		return 0;
	quota *= 100 * factor; /* below 2^59 */
	percent = CLAMP((quota + period / 2) / period, 1, 100 * import->cpus);
	if (percent * period != quota)
		import_note(import, element, NULL, "rounded to percent of a CPU");
	return percent;
}

static void import_limit(struct importing *import, xmlNode *cputune)
{
	uint64_t each = import_quota(import, cputune, "period", "quota", import->cpus);
	uint64_t all = import_quota(import, cputune, "global_period", "global_quota", 1);
	uint64_t limit = each && all ? MIN(each, all) : each + all;

	if (limit)
		import_put_number(scheduling(import), "limit", limit);
}

static void import_pin(struct importing *import, xmlNode *pin, char **sets)
{
	g_autofree char *number = xml_take_attribute(pin, "vcpu");
	g_autofree char *text = xml_take_attribute(pin, "cpuset");
	uint64_t vcpu;

	if (!number || !text) {
		import_fail(import, pin, NULL, XML_TREE_ERROR_INVALID,
			    "it needs the attributes vcpu and cpuset");
		return;
	}
	if (!import_number(import, pin, number, UINT32_MAX, &vcpu))
		return;
	if (vcpu >= import->cpus || sets[vcpu])
		import_fail(import, pin, "vcpu", XML_TREE_ERROR_INVALID,
			    "%" G_GUINT64_FORMAT " is %s", vcpu,
			    vcpu < import->cpus ? "pinned twice"
						: "not the number of one of its processors");
	else
		sets[vcpu] = cpu_set(import, pin, "cpuset", text);
}

/* Of a machine of ours: how many there are with those that are not pinned at the end. */
static size_t kept_pins(const struct importing *import)
{
	int64_t n = import->kept
			    ? json_object_get_int64(json_object_object_get(import->kept, "pins"))
			    : 0;

	return (size_t)CLAMP(n, 0, (int64_t)import->cpus);
}

static void import_pins(struct importing *import, xmlNode *cputune)
{
	char *sets[MAX_CPUS] = {NULL};
	struct json_object *array;
	size_t n = kept_pins(import);

	for (xmlNode *pin = xml_take_child(cputune, "vcpupin"); pin; pin = xml_take_next(pin))
		import_pin(import, pin, sets);
	for (size_t i = n; i < MAX_CPUS; i++)
		n = sets[i] ? i + 1 : n;
	if (n == 0)
		return;
	array = json_object_new_array();
	for (size_t i = 0; i < n; i++) {
		json_object_array_add(array, json_object_new_string(sets[i] ? sets[i] : "all"));
		g_free(sets[i]);
	}
	(void)json_object_object_add(scheduling(import), "vcpuAffinity", array);
}

static void import_numa(struct importing *import, xmlNode *domain)
{
	xmlNode *numatune = xml_take_child(domain, "numatune");
	xmlNode *memory = xml_take_child(numatune, "memory");
	g_autofree char *mode = xml_take_attribute(memory, "mode");
	g_autofree char *nodes = xml_take_attribute(memory, "nodeset");
	g_autofree char *set = cpu_set(import, memory, "nodeset", nodes);
	uint64_t node;

	if (!memory)
		return;
	g_free(xml_take_attribute(memory, "placement")); /* auto has no nodes */
	if (!set || strpbrk(set, ",-") || (mode && !g_str_equal(mode, "strict"))) {
		import_note(import, memory, NULL,
			    "memory is bound to one node or to none; hvctl edit --numa-node "
			    "chooses it");
		return;
	}
	if (import_number(import, memory, set, CPU_SET_MAX, &node))
		import_put_number(scheduling(import), "numaNode", node);
}

void import_scheduling(struct importing *import, xmlNode *domain)
{
	xmlNode *cputune = xml_take_child(domain, "cputune");

	import_numa(import, domain);
	if (!cputune || import->cpus == 0)
		return;
	import_shares(import, cputune);
	import_limit(import, cputune);
	import_pins(import, cputune);
}
