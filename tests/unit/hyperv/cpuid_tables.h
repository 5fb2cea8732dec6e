/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What KVM_GET_SUPPORTED_CPUID answers on some hosts. */
#ifndef CPUID_TABLES_H
#define CPUID_TABLES_H

#include "partition.h"

struct cpuid_host {
	const char *name;
	bool amd;
	const struct hv_cpuid_entry *entries;
	size_t n;
};

extern const struct cpuid_host cpuid_hosts[];
extern const size_t cpuid_n_hosts;

#endif
