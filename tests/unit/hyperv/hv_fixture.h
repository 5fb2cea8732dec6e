/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hypervisor interface on the fake partition, with a clock that moves when told. */
#ifndef HV_FIXTURE_H
#define HV_FIXTURE_H

#include <glib.h>

#include "cpuid.h"
#include "fake_partition.h"
#include "hv.h"
#include "hv_tlfs.h"

#define HV_VPS	  2u
#define TSC_HZ	  2000000000ull
#define SIM_PAGE  0x32000ull
#define SIEF_PAGE 0x33000ull
#define CALL_PAGE 0x30000ull
#define INPUT	  0x34000ull
#define MEMORY	  (1ull << 20)
#define NOWHERE	  0x80000000ull

struct hv_test_timer {
	void (*expired)(void *owner);
	void *owner;
	uint64_t deadline; /* 0: none */
};

struct hv_test {
	struct partition *partition;
	struct vp *vps[HV_VPS];
	struct hv *hv;
	uint64_t now_ns;
	bool tsc_stable;
	struct hv_test_timer timers[HV_VPS];
	unsigned int n_timers, resets, crashes;
	struct hv_crash crash;
};

void hv_test_build(struct hv_test *t, struct hv_features features, bool tsc_stable);
void hv_test_drop(struct hv_test *t);
/* The machine resets: another partition. */
void hv_test_reset(struct hv_test *t);
/* Moves the clock and the TSC, and runs what expires on the way. */
void hv_test_advance(struct hv_test *t, uint64_t ns);

void hv_test_write(struct hv_test *t, uint32_t vp, uint32_t index, uint64_t value); /* no #GP */
uint64_t hv_test_read(struct hv_test *t, uint32_t vp, uint32_t index);
void *hv_test_at(struct hv_test *t, uint64_t gpa);
struct hv_message_slot *hv_test_slot(struct hv_test *t, uint32_t sint);
/* VP 0's pages at SIM_PAGE and SIEF_PAGE, and a SINT. */
void hv_test_enable_synic(struct hv_test *t, uint32_t sint, uint64_t value);
/* The guest takes the message of VP 0's slot and says so. */
void hv_test_consume(struct hv_test *t, uint32_t sint);
void hv_test_enable_calls(struct hv_test *t);
/* A call of VP 0 by a port; the result in RAX. */
uint64_t hv_test_call(struct hv_test *t, uint64_t control, uint64_t input, uint64_t output);
/* A guest's leaves, made of HV_TEST_BASIC_LEAVES; returns how many. */
#define HV_TEST_BASIC_LEAVES 2u
size_t hv_test_apply(struct hv_test *t, struct hv_cpuid_entry table[CPUID_MAX_ENTRIES]);
/* Zeros when there is none; there are never two. */
struct hv_cpuid_entry hv_test_leaf(const struct hv_cpuid_entry *table, size_t n, uint32_t function);
/* How many MSIs there were, and the last. */
size_t hv_test_msis(struct hv_test *t, struct fake_msi *last);
uint64_t hv_test_counter(struct hv_test *t, const char *name);

#endif
