/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CPUID_PRIVATE_H
#define CPUID_PRIVATE_H

#include "cpuid.h"

#define BIT(n) (1u << (n))

/* A table that is being filled. */
struct cpuid_table {
	struct hv_cpuid_entry *entries;
	size_t n, max;
	bool full; /* something did not fit */
};

struct hv_cpuid_entry *cpuid_table_find(const struct cpuid_table *table, uint32_t function,
					uint32_t index);
void cpuid_table_add(struct cpuid_table *table, const struct hv_cpuid_entry *entry);
/* Removes every sub-leaf of function. */
void cpuid_table_remove(struct cpuid_table *table, uint32_t function);

/* Where a VP stands, and how many bits of its APIC id say so. */
struct cpuid_place {
	uint32_t apic_id, core_id, package_id; /* core_id within the package */
	uint32_t threads;		       /* per core */
	uint32_t package_threads;	       /* per package */
	unsigned int thread_bits, package_bits;
	bool amd; /* AuthenticAMD or HygonGenuine; else the leaves are Intel's */
};

void cpuid_place_init(struct cpuid_place *place, const struct cpuid_topology *topology,
		      uint32_t vp_index);

/* Rewrites or adds the leaves that tell a VP its place. */
void cpuid_set_topology(struct cpuid_table *table, const struct cpuid_place *place);

/* Makes leaf 0xd tell of those states only that the other leaves have features for. */
void cpuid_set_xsave(struct cpuid_table *table);

#endif
