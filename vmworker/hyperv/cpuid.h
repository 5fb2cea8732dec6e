/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The CPUID table of a guest's VP, derived from what the hypervisor supports on this host. Pure. */
#ifndef HYPERV_CPUID_H
#define HYPERV_CPUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "partition.h"

#define CPUID_MAX_ENTRIES 256

struct cpuid_topology {
	uint32_t sockets, cores, threads; /* per socket, per core; product = VPs */
};

/*
 * A VP's index is its APIC id, and a guest takes package and core from the bits of that id, so more
 * than one socket wants sockets of 2^n threads, and more than one core wants cores of 2^n threads.
 * False for a topology that breaks this, that is empty, or that has more than PARTITION_MAX_VPS.
 */
bool cpuid_topology_valid(const struct cpuid_topology *topology);

/*
 * Copies and adjusts: APIC id and topology leaves (1, 4, 0xb, 0x1f, 0x8000001d, 0x8000001e), the
 * hypervisor bit, leaf 0xd sizes for the features really offered, no performance counters, no
 * features that the machine lacks (MONITOR, nested virtualization), no KVM paravirtual leaves that
 * would hide a later Hyper-V interface unless kvm_leaves. Returns the count; 0 when out is too
 * small, the topology is not valid or has no such VP.
 */
size_t cpuid_build(const struct hv_cpuid_entry *supported, size_t n_supported,
		   const struct cpuid_topology *topology, uint32_t vp_index, bool kvm_leaves,
		   struct hv_cpuid_entry *out, size_t max);

#endif
