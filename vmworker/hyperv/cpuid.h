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
 * Copies and adjusts: APIC id and topology leaves (1, 4, 0xb, 0x1f, 0x8000001d, 0x8000001e), the
 * hypervisor bit, leaf 0xd sizes for the features really offered, no performance counters, no
 * features that the machine lacks (MONITOR, nested virtualization), no KVM paravirtual leaves that
 * would hide a later Hyper-V interface unless kvm_leaves. Returns the count, 0 when out is too small.
 */
size_t cpuid_build(const struct hv_cpuid_entry *supported, size_t n_supported,
		   const struct cpuid_topology *topology, uint32_t vp_index, bool kvm_leaves,
		   struct hv_cpuid_entry *out, size_t max);

#endif
