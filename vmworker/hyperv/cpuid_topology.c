/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpuid_private.h"

#define LEVEL_SMT      1u
#define LEVEL_CORE     2u
#define CACHE_TYPE     0x1fu
#define MAX_CACHES     16u
#define EBX_APIC_ID    0xff000000u
#define EBX_LOGICAL    0x00ff0000u
#define EDX_HTT	       BIT(28)
#define ECX_CMP_LEGACY BIT(1)
#define ECX_TOPOEXT    BIT(22)

/* How many bits number n things. */
static unsigned int bits_for(uint32_t n)
{
	return n <= 1 ? 0 : 32u - (unsigned int)__builtin_clz(n - 1);
}

static bool is_power_of_two(uint32_t n)
{
	return (n & (n - 1)) == 0;
}

bool cpuid_topology_valid(const struct cpuid_topology *topology)
{
	uint64_t package = (uint64_t)topology->cores * topology->threads;

	if (topology->sockets == 0 || package == 0 || package > PARTITION_MAX_VPS ||
	    topology->sockets > PARTITION_MAX_VPS / package)
		return false;
	if (topology->cores * topology->sockets > 1 && !is_power_of_two(topology->threads))
		return false;
	return topology->sockets == 1 || is_power_of_two((uint32_t)package);
}

void cpuid_place_init(struct cpuid_place *place, const struct cpuid_topology *topology,
		      uint32_t vp_index)
{
	unsigned int thread_bits = bits_for(topology->threads);
	unsigned int package_bits = thread_bits + bits_for(topology->cores);

	*place = (struct cpuid_place){
		.apic_id = vp_index,
		.core_id = (vp_index & (BIT(package_bits) - 1)) >> thread_bits,
		.package_id = vp_index >> package_bits,
		.threads = topology->threads,
		.package_threads = topology->cores * topology->threads,
		.thread_bits = thread_bits,
		.package_bits = package_bits,
	};
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
	return value < limit ? value : limit;
}

static void set_basic(struct cpuid_table *table, const struct cpuid_place *place)
{
	struct hv_cpuid_entry *leaf = cpuid_table_find(table, 1, 0);

	if (leaf == NULL)
		return;
	/* Intel: how many ids a package can have; AMD: how many threads it has. */
	uint32_t logical = place->amd ? place->package_threads : BIT(place->package_bits);

	leaf->ebx &= ~(EBX_APIC_ID | EBX_LOGICAL);
	leaf->ebx |= place->apic_id << 24 | at_most(logical, 255) << 16;
	leaf->edx &= ~EDX_HTT;
	if (place->package_threads > 1)
		leaf->edx |= EDX_HTT;
}

/* Leaf 0xb or 0x1f: a level of threads, one of cores, and the end. */
static void add_levels(struct cpuid_table *table, const struct cpuid_place *place,
		       uint32_t function)
{
	const struct hv_cpuid_entry levels[] = {
		{.eax = place->thread_bits, .ebx = place->threads, .ecx = LEVEL_SMT << 8},
		{.eax = place->package_bits, .ebx = place->package_threads, .ecx = LEVEL_CORE << 8},
		{0},
	};

	cpuid_table_remove(table, function);
	for (uint32_t index = 0; index < sizeof(levels) / sizeof(levels[0]); index++) {
		struct hv_cpuid_entry entry = levels[index];

		entry.function = function;
		entry.index = index;
		entry.indexed = true;
		entry.ecx |= index;
		entry.edx = place->apic_id;
		cpuid_table_add(table, &entry);
	}
}

static uint32_t cache_level(const struct hv_cpuid_entry *cache)
{
	return (cache->eax >> 5) & 7;
}

/* Caches up to the second level belong to a core, the others to the package. */
static void set_intel_caches(struct cpuid_table *table, const struct cpuid_place *place)
{
	for (uint32_t index = 0; index < MAX_CACHES; index++) {
		struct hv_cpuid_entry *cache = cpuid_table_find(table, 4, index);

		if (cache == NULL || (cache->eax & CACHE_TYPE) == 0)
			break;
		unsigned int bits =
			cache_level(cache) <= 2 ? place->thread_bits : place->package_bits;
		uint32_t cores = BIT(place->package_bits - place->thread_bits) - 1;

		cache->eax &= 0x3fff;
		cache->eax |= (BIT(bits) - 1) << 14 | at_most(cores, 63) << 26;
	}
}

static void set_amd_caches(struct cpuid_table *table, const struct cpuid_place *place)
{
	for (uint32_t index = 0; index < MAX_CACHES; index++) {
		struct hv_cpuid_entry *cache = cpuid_table_find(table, 0x8000001d, index);

		if (cache == NULL || (cache->eax & CACHE_TYPE) == 0)
			break;
		uint32_t sharing =
			cache_level(cache) <= 2 ? place->threads : place->package_threads;

		cache->eax &= ~(0xfffu << 14);
		cache->eax |= (sharing - 1) << 14;
	}
}

static void set_amd(struct cpuid_table *table, const struct cpuid_place *place)
{
	struct hv_cpuid_entry *features = cpuid_table_find(table, 0x80000001, 0);
	struct hv_cpuid_entry *sizes = cpuid_table_find(table, 0x80000008, 0);
	bool extended = features != NULL && (features->ecx & ECX_TOPOEXT) != 0;

	if (features != NULL && place->package_threads > 1)
		features->ecx |= ECX_CMP_LEGACY;
	if (sizes != NULL)
		sizes->ecx = (sizes->ecx & ~0xf0ffu) | place->package_bits << 12 |
			     (place->package_threads - 1);

	cpuid_table_remove(table, 0x8000001e);
	if (!extended) {
		cpuid_table_remove(table, 0x8000001d);
		return;
	}
	set_amd_caches(table, place);
	const struct hv_cpuid_entry entry = {
		.function = 0x8000001e,
		.eax = place->apic_id,
		.ebx = (place->threads - 1) << 8 | place->core_id,
		.ecx = place->package_id,
	};
	cpuid_table_add(table, &entry);
}

void cpuid_set_topology(struct cpuid_table *table, const struct cpuid_place *place)
{
	struct hv_cpuid_entry *head = cpuid_table_find(table, 0, 0);
	uint32_t last = 0;

	if (head != NULL && head->eax < 0xb)
		head->eax = 0xb;
	if (head != NULL)
		last = head->eax;
	set_basic(table, place);
	if (last >= 0xb)
		add_levels(table, place, 0xb);
	cpuid_table_remove(table, 0x1f);
	if (last >= 0x1f && !place->amd)
		add_levels(table, place, 0x1f);
	if (place->amd)
		set_amd(table, place);
	else
		set_intel_caches(table, place);
}
