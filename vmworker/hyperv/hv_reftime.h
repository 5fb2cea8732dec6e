/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reference time (TLFS, section 12.3): 100 ns units since the partition's birth, by the guest's own
 * TSC, so that its MSR and its page tell the same, or by the host's clock where the TSC cannot.
 * Pure.
 */
#ifndef HV_REFTIME_H
#define HV_REFTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "hv_tlfs.h"

#define HV_REFTIME_HZ 10000000ull

struct hv_reftime {
	bool by_tsc;
	uint64_t scale; /* reference units per tick, times 2^64 */
	int64_t offset;
	uint64_t start_ns; /* else: the host's clock at birth */
};

/* Begins at 0. tsc_hz 0, or too low for the page's format: by the host's clock. */
void hv_reftime_init(struct hv_reftime *time, uint64_t tsc_hz, uint64_t tsc, uint64_t monotonic_ns);

uint64_t hv_reftime_now(const struct hv_reftime *time, uint64_t tsc, uint64_t monotonic_ns);

/* Floor of 2^64 * 10^7 / tsc_hz; 0 when that does not fit. */
uint64_t hv_reftime_scale(uint64_t tsc_hz);
/* What the guest computes from the page. */
uint64_t hv_reftime_by_tsc(uint64_t scale, int64_t offset, uint64_t tsc);

/*
 * Lets a time that has begun go on from what it was when it was saved, `at` units. True when what
 * the guest's page says is still right: the TSC has gone on, too.
 */
bool hv_reftime_resume(struct hv_reftime *time, const struct hv_reftime *saved, uint64_t at,
		       uint64_t tsc, uint64_t monotonic_ns);

/*
 * Writes the guest's page so that a reader on another VP never takes half of it: the sequence is
 * invalid while the rest changes, and another one than before afterwards.
 */
void hv_reftime_publish(const struct hv_reftime *time, struct hv_tsc_page *page);

#endif
