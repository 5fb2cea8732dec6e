/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The CPUID table that a VP was given, in saved state. Knows nothing of KVM. Private to the
 * implementations of partition.h. */
#ifndef CPUID_STATE_H
#define CPUID_STATE_H

#include "partition.h"

void cpuid_state_save(struct state_writer *writer, const struct hv_cpuid_entry *entries, size_t n);
/* A fault of the reader unless the saved table is this one. */
void cpuid_state_check(struct state_reader *reader, const struct hv_cpuid_entry *entries, size_t n);

#endif
