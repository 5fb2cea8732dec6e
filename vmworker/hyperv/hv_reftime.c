/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hv_reftime.h"

#define NS_PER_UNIT 100u
/* How far the TSC may be from where it was when the time was read. */
#define BEHIND_MAX HV_REFTIME_HZ
#define AHEAD_MAX  (60 * HV_REFTIME_HZ)

__extension__ typedef unsigned __int128 wide;

uint64_t hv_reftime_scale(uint64_t tsc_hz)
{
	if (tsc_hz <= HV_REFTIME_HZ)
		return 0;
	return (uint64_t)(((wide)HV_REFTIME_HZ << 64) / tsc_hz);
}

uint64_t hv_reftime_by_tsc(uint64_t scale, int64_t offset, uint64_t tsc)
{
	return (uint64_t)((wide)tsc * scale >> 64) + (uint64_t)offset;
}

void hv_reftime_init(struct hv_reftime *time, uint64_t tsc_hz, uint64_t tsc, uint64_t monotonic_ns)
{
	*time = (struct hv_reftime){.scale = hv_reftime_scale(tsc_hz), .start_ns = monotonic_ns};
	time->by_tsc = time->scale != 0;
	if (time->by_tsc)
		time->offset = (int64_t)(0 - hv_reftime_by_tsc(time->scale, 0, tsc));
}

uint64_t hv_reftime_now(const struct hv_reftime *time, uint64_t tsc, uint64_t monotonic_ns)
{
	if (time->by_tsc)
		return hv_reftime_by_tsc(time->scale, time->offset, tsc);
	return (monotonic_ns - time->start_ns) / NS_PER_UNIT;
}

bool hv_reftime_resume(struct hv_reftime *time, const struct hv_reftime *saved, uint64_t at,
		       uint64_t tsc, uint64_t monotonic_ns)
{
	if (!time->by_tsc) {
		time->start_ns = monotonic_ns - at * NS_PER_UNIT;
		return !saved->by_tsc;
	}
	uint64_t by_page = hv_reftime_by_tsc(time->scale, saved->offset, tsc);
	/* The TSC was saved a little earlier than the time, and it did run on meanwhile. */
	if (saved->by_tsc && saved->scale == time->scale &&
	    by_page - at + BEHIND_MAX <= BEHIND_MAX + AHEAD_MAX) {
		time->offset = saved->offset;
		return true;
	}
	time->offset = (int64_t)(at - hv_reftime_by_tsc(time->scale, 0, tsc));
	return false;
}

void hv_reftime_publish(const struct hv_reftime *time, struct hv_tsc_page *page)
{
	uint32_t sequence = __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) + 1;

	__atomic_store_n(&page->sequence, HV_TSC_SEQUENCE_INVALID, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&page->scale, time->scale, __ATOMIC_RELAXED);
	__atomic_store_n(&page->offset, time->offset, __ATOMIC_RELAXED);
	if (!time->by_tsc)
		return;
	/* Old interfaces took all ones for "invalid" too. */
	if (sequence == HV_TSC_SEQUENCE_INVALID || sequence == UINT32_MAX)
		sequence = 1;
	__atomic_store_n(&page->sequence, sequence, __ATOMIC_RELEASE);
}
