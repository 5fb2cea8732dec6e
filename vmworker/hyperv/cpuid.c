/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaves and bits: Intel SDM volume 2A, "CPUID"; AMD APM volume 3, appendix E; for 0x40000000 the
 * kernel's Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "cpuid.h"

#include <string.h>

#include "cpuid_private.h"

/* ---- the table ------------------------------------------------------------------------------ */

struct hv_cpuid_entry *cpuid_table_find(const struct cpuid_table *table, uint32_t function,
					uint32_t index)
{
	for (size_t i = 0; i < table->n; i++) {
		struct hv_cpuid_entry *entry = &table->entries[i];

		if (entry->function == function && (!entry->indexed || entry->index == index))
			return entry;
	}
	return NULL;
}

void cpuid_table_add(struct cpuid_table *table, const struct hv_cpuid_entry *entry)
{
	if (table->n == table->max)
		table->full = true;
	else
		table->entries[table->n++] = *entry;
}

void cpuid_table_remove(struct cpuid_table *table, uint32_t function)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->n; i++)
		if (table->entries[i].function != function)
			table->entries[kept++] = table->entries[i];
	table->n = kept;
}

/* ---- what the machine does not have ---------------------------------------------------------- */

/* Leaves that a guest finds empty. The topology leaves among them are written anew. */
static const struct {
	uint32_t first, last;
} dropped[] = {
	{0x3, 0x3},		  /* serial number */
	{0x5, 0x5},		  /* MONITOR/MWAIT */
	{0x9, 0xb},		  /* direct cache access, performance counters, topology */
	{0xf, 0x10},		  /* monitoring and allocation of shared resources */
	{0x12, 0x12},		  /* SGX */
	{0x14, 0x14},		  /* processor trace */
	{0x1b, 0x1c},		  /* PCONFIG, last-branch records */
	{0x23, 0x23},		  /* performance counters, continued */
	{0x40000000, 0x4fffffff}, /* a hypervisor's */
	{0x8000000a, 0x8000000a}, /* SVM */
	{0x8000001b, 0x8000001c}, /* instruction-based sampling, lightweight profiling */
	{0x8000001f, 0x80000020}, /* memory encryption, bandwidth enforcement */
	{0x80000022, 0x80000023}, /* performance counters, multi-key encryption */
	{0x80000026, 0x80000026}, /* topology, whose other leaves say the same */
};

enum { EAX, EBX, ECX, EDX };

/* Bits that are cleared in what is kept. */
static const struct {
	uint32_t function, index;
	int reg;
	uint32_t clear;
} absent[] = {
	/* DTES64, MONITOR, DS-CPL, VMX, SMX, EST, TM2, PDCM, DCA, OSXSAVE (which KVM keeps) */
	{0x1, 0, ECX,
	 BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(15) | BIT(18) |
		 BIT(27)},
	{0x1, 0, EDX, BIT(21) | BIT(22) | BIT(29) | BIT(31)}, /* DS, ACPI, TM, PBE */
	{0x6, 0, EAX, ~BIT(2)},				      /* all but ARAT */
	{0x6, 0, EBX, ~0u},
	{0x6, 0, ECX, ~0u}, /* APERF/MPERF, energy bias */
	{0x6, 0, EDX, ~0u},
	{0x7, 0, EBX, BIT(2) | BIT(12) | BIT(15) | BIT(25)}, /* SGX, RDT-M, RDT-A, trace */
	{0x7, 0, ECX, BIT(4) | BIT(30)},		     /* OSPKE (KVM's), SGX_LC */
	{0x7, 0, EDX, BIT(18) | BIT(19)},		     /* PCONFIG, last-branch records */
	/* CmpLegacy (by topology), SVM, IBS, SKINIT, WDT, LWP, NODEID_MSR */
	{0x80000001, 0, ECX, BIT(1) | BIT(2) | BIT(10) | BIT(12) | BIT(13) | BIT(15) | BIT(19)},
	/* PERFCTR_CORE, PERFCTR_NB, PERFTSC, PERFCTR_LLC, MWAITX */
	{0x80000001, 0, ECX, BIT(23) | BIT(24) | BIT(27) | BIT(28) | BIT(29)},
};

static bool is_dropped(uint32_t function)
{
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (function >= dropped[i].first && function <= dropped[i].last)
			return true;
	return false;
}

/* Not stored: a leaf without an entry reads as zeros anyway, and each one slows the search. */
static bool is_empty(const struct hv_cpuid_entry *entry)
{
	return (entry->eax | entry->ebx | entry->ecx | entry->edx) == 0;
}

static void clear_absent(struct cpuid_table *table)
{
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		struct hv_cpuid_entry *entry =
			cpuid_table_find(table, absent[i].function, absent[i].index);

		if (entry == NULL)
			continue;
		uint32_t *const reg[] = {[EAX] = &entry->eax,
					 [EBX] = &entry->ebx,
					 [ECX] = &entry->ecx,
					 [EDX] = &entry->edx};
		*reg[absent[i].reg] &= ~absent[i].clear;
	}
}

/* ---- what it has ----------------------------------------------------------------------------- */

#define KVM_SIGNATURE 0x40000000u
#define KVM_FEATURES  0x40000001u
/*
 * The two clocks and their stability, nothing else: the other features are ways into the hypervisor
 * that a guest of the Hyper-V interface will not use either, and async page faults or IPIs by
 * hypercall have no measured use here.
 */
#define KVM_FEATURES_SERVED (BIT(0) | BIT(3) | BIT(24))

static void add_kvm_leaves(struct cpuid_table *table, const struct hv_cpuid_entry *supported,
			   size_t n_supported)
{
	for (size_t i = 0; i < n_supported; i++) {
		struct hv_cpuid_entry entry = supported[i];

		if (entry.function == KVM_SIGNATURE) {
			entry.eax = KVM_FEATURES;
			cpuid_table_add(table, &entry);
		} else if (entry.function == KVM_FEATURES) {
			entry.eax &= KVM_FEATURES_SERVED;
			entry.ebx = entry.ecx = entry.edx = 0;
			cpuid_table_add(table, &entry);
		}
	}
}

static bool vendor_is_amd(const struct cpuid_table *table)
{
	const struct hv_cpuid_entry *entry = cpuid_table_find(table, 0, 0);

	if (entry == NULL)
		return false;
	const uint32_t name[] = {entry->ebx, entry->edx, entry->ecx};
	return memcmp(name, "AuthenticAMD", 12) == 0 || memcmp(name, "HygonGenuine", 12) == 0;
}

static void set_features(struct cpuid_table *table, bool amd)
{
	struct hv_cpuid_entry *features = cpuid_table_find(table, 1, 0);
	struct hv_cpuid_entry *extended = cpuid_table_find(table, 7, 0);

	if (features != NULL)
		features->ecx |= BIT(31); /* there is a hypervisor */
	/* IA32_ARCH_CAPABILITIES: KVM offers it everywhere, guests expect it on Intel only. */
	if (extended != NULL && amd)
		extended->edx &= ~BIT(29);
}

size_t cpuid_build(const struct hv_cpuid_entry *supported, size_t n_supported,
		   const struct cpuid_topology *topology, uint32_t vp_index, bool kvm_leaves,
		   struct hv_cpuid_entry *out, size_t max)
{
	struct cpuid_table table = {.entries = out, .max = max};
	struct cpuid_place place;

	if (!cpuid_topology_valid(topology) ||
	    vp_index >= topology->sockets * topology->cores * topology->threads)
		return 0;
	for (size_t i = 0; i < n_supported; i++)
		if (!is_dropped(supported[i].function) && !is_empty(&supported[i]))
			cpuid_table_add(&table, &supported[i]);
	clear_absent(&table);

	cpuid_place_init(&place, topology, vp_index);
	place.amd = vendor_is_amd(&table);
	set_features(&table, place.amd);
	cpuid_set_topology(&table, &place);
	cpuid_set_xsave(&table);
	if (kvm_leaves)
		add_kvm_leaves(&table, supported, n_supported);
	return table.full ? 0 : table.n;
}
