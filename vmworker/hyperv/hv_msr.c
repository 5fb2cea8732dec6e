/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The synthetic MSRs (TLFS, appendix C) that belong to the partition, and the table of all. */
#include <time.h>

#include "hv_private.h"

#define APIC_FREQUENCY 1000000000ull /* the bus clock of KVM's local APIC */
#define RFLAGS_IF      (1ull << 9)
/* How long a VP sleeps that does not take interrupts: KVM would not wake it for one. */
#define IDLE_NS 100000

/* ---- identity and hypercalls ----------------------------------------------------------------- */

static bool read_guest_os_id(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = atomic_load(&vp->hv->guest_os_id);
	return true;
}

/* A guest without identity has no hypercalls. Should the hypervisor below not take the identity, it
 * refuses the calls that it serves, and the guest does without them. */
static bool write_guest_os_id(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	struct hv *hv = vp->hv;

	(void)index;
	pthread_mutex_lock(&hv->lock);
	atomic_store(&hv->guest_os_id, value);
	if (hv->native.tlb_flush || hv->native.ipi)
		(void)vp_set_guest_os_id(vp->vp, value);
	if (value == 0)
		atomic_store(&hv->hypercall,
			     atomic_load(&hv->hypercall) & ~(uint64_t)HV_PAGE_ENABLE);
	pthread_mutex_unlock(&hv->lock);
	return true;
}

static bool read_hypercall(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = atomic_load(&vp->hv->hypercall);
	return true;
}

static bool write_hypercall(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	struct hv *hv = vp->hv;
	bool valid = true;

	(void)index;
	pthread_mutex_lock(&hv->lock);
	if ((atomic_load(&hv->hypercall) & HV_HYPERCALL_LOCKED) == 0) {
		if (atomic_load(&hv->guest_os_id) == 0)
			value &= ~(uint64_t)HV_PAGE_ENABLE;
		if ((value & HV_PAGE_ENABLE) != 0)
			valid = hv_hypercall_install(hv, value);
		if (valid)
			atomic_store(&hv->hypercall, value);
		if (valid && (value & HV_PAGE_ENABLE) != 0)
			hv_use(hv, HV_USE_HYPERCALLS);
	}
	pthread_mutex_unlock(&hv->lock);
	return valid;
}

static bool read_vp_index(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = vp->index;
	return true;
}

static bool read_zero(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)vp;
	(void)index;
	*value = 0;
	return true;
}

static bool write_reset(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	const struct hv_config *config = &vp->hv->config;

	(void)index;
	if ((value & HV_RESET_NOW) != 0)
		config->reset(config->context);
	return true;
}

/* ---- time ------------------------------------------------------------------------------------ */

/* This thread runs the VP and does little else. Where it is saved, the next goes on from what the
 * guest knows. */
static bool read_vp_runtime(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	struct timespec t;

	(void)index;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	*value = vp->runtime_base + (uint64_t)t.tv_sec * HV_REFTIME_HZ + (uint64_t)t.tv_nsec / 100;
	vp->runtime_told = *value;
	return true;
}

static bool read_time_ref_count(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = hv_time(vp->hv, vp->hv->partition);
	return true;
}

static bool read_reference_tsc(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)index;
	pthread_mutex_lock(&vp->hv->lock);
	*value = vp->hv->reference_tsc;
	pthread_mutex_unlock(&vp->hv->lock);
	return true;
}

/* A page that is no RAM can be enabled; nobody will find the time there. */
static bool write_reference_tsc(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	struct hv *hv = vp->hv;
	struct hv_tsc_page *page = NULL;

	(void)index;
	pthread_mutex_lock(&hv->lock);
	hv->reference_tsc = value;
	if ((value & HV_PAGE_ENABLE) != 0) {
		hv_use(hv, HV_FEATURE_REFERENCE_TSC);
		page = partition_gpa_pointer(hv->partition, value & HV_PAGE_ADDRESS, HV_PAGE_SIZE);
	}
	if (page)
		hv_reftime_publish(&hv->reftime, page);
	pthread_mutex_unlock(&hv->lock);
	return true;
}

static bool read_tsc_frequency(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = vp->hv->tsc_frequency;
	return true;
}

static bool read_apic_frequency(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)vp;
	(void)index;
	*value = APIC_FREQUENCY;
	return true;
}

static bool read_tsc_invariant(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)index;
	pthread_mutex_lock(&vp->hv->lock);
	*value = vp->hv->tsc_invariant;
	pthread_mutex_unlock(&vp->hv->lock);
	return true;
}

/* CPUID tells of the invariant TSC anyway; the guest may say that it has seen it. */
static bool write_tsc_invariant(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	(void)index;
	if ((value & ~1ull) != 0)
		return false;
	pthread_mutex_lock(&vp->hv->lock);
	vp->hv->tsc_invariant = value;
	pthread_mutex_unlock(&vp->hv->lock);
	if (value != 0)
		hv_use(vp->hv, HV_FEATURE_TSC_INVARIANT);
	return true;
}

/* ---- the VP ---------------------------------------------------------------------------------- */

/* Without HV_FEATURE_APIC_ASSIST no leaf offers what would be on that page, and it stays as the
 * guest left it. */
static bool read_assist_page(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = vp->assist_page;
	return true;
}

static bool write_assist_page(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	(void)index;
	if (hv_serves(vp->hv, HV_FEATURE_APIC_ASSIST) &&
	    vp_set_assist_page(vp->vp, value) != HV_STATUS_SUCCESS)
		return false;
	if ((value & HV_PAGE_ENABLE) != 0 && hv_serves(vp->hv, HV_FEATURE_APIC_ASSIST))
		hv_use(vp->hv, HV_FEATURE_APIC_ASSIST);
	vp->assist_page = value;
	return true;
}

/* Section 10.1: sleeps until an interrupt is there, or less long. */
static bool read_guest_idle(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	const struct timespec nap = {.tv_nsec = IDLE_NS};
	struct hv_call_registers regs;

	(void)index;
	*value = 0;
	if (vp_get_call_registers(vp->vp, &regs) == HV_STATUS_SUCCESS &&
	    (regs.rflags & RFLAGS_IF) != 0 && vp_halt(vp->vp) == HV_STATUS_SUCCESS)
		return true;
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	return true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

#define ALWAYS HV_FEATURE_N

struct msr {
	enum hv_feature feature;
	bool (*read)(struct hv_vp *vp, uint32_t index, uint64_t *value);
	bool (*write)(struct hv_vp *vp, uint32_t index, uint64_t value);
};

#define AT(msr) [(msr)-PARTITION_SYNTHETIC_MSRS]
#define RANGE(first, n) \
	[(first)-PARTITION_SYNTHETIC_MSRS...(first) - PARTITION_SYNTHETIC_MSRS + (n)-1]

/* Without a function to read or to write it, that faults. */
static const struct msr msrs[PARTITION_N_SYNTHETIC_MSRS] = {
	AT(HV_MSR_GUEST_OS_ID) = {ALWAYS, read_guest_os_id, write_guest_os_id},
	AT(HV_MSR_HYPERCALL) = {ALWAYS, read_hypercall, write_hypercall},
	AT(HV_MSR_VP_INDEX) = {ALWAYS, read_vp_index, NULL},
	AT(HV_MSR_RESET) = {HV_FEATURE_RESET, read_zero, write_reset},
	AT(HV_MSR_VP_RUNTIME) = {HV_FEATURE_VP_RUNTIME, read_vp_runtime, NULL},
	AT(HV_MSR_TIME_REF_COUNT) = {HV_FEATURE_REFERENCE_COUNTER, read_time_ref_count, NULL},
	AT(HV_MSR_REFERENCE_TSC) = {HV_FEATURE_REFERENCE_TSC, read_reference_tsc,
				    write_reference_tsc},
	AT(HV_MSR_TSC_FREQUENCY) = {HV_FEATURE_FREQUENCIES, read_tsc_frequency, NULL},
	AT(HV_MSR_APIC_FREQUENCY) = {HV_FEATURE_FREQUENCIES, read_apic_frequency, NULL},
	/* Linux writes it whatever the leaves say. */
	AT(HV_MSR_VP_ASSIST_PAGE) = {ALWAYS, read_assist_page, write_assist_page},
	AT(HV_MSR_SCONTROL) = {HV_FEATURE_SYNIC, hv_synic_read, hv_synic_write},
	AT(HV_MSR_SVERSION) = {HV_FEATURE_SYNIC, hv_synic_read, NULL},
	AT(HV_MSR_SIEFP) = {HV_FEATURE_SYNIC, hv_synic_read, hv_synic_write},
	AT(HV_MSR_SIMP) = {HV_FEATURE_SYNIC, hv_synic_read, hv_synic_write},
	AT(HV_MSR_EOM) = {HV_FEATURE_SYNIC, hv_synic_read, hv_synic_write},
	RANGE(HV_MSR_SINT0, HV_SINTS) = {HV_FEATURE_SYNIC, hv_synic_read, hv_synic_write},
	RANGE(HV_MSR_STIMER0_CONFIG, 2 * HV_STIMERS) = {HV_FEATURE_STIMER, hv_stimer_read,
							hv_stimer_write},
	AT(HV_MSR_GUEST_IDLE) = {HV_FEATURE_GUEST_IDLE, read_guest_idle, NULL},
	RANGE(HV_MSR_CRASH_P0, HV_CRASH_PARAMETERS + 1) = {HV_FEATURE_CRASH, hv_crash_read,
							   hv_crash_write},
	AT(HV_MSR_TSC_INVARIANT_CONTROL) = {HV_FEATURE_TSC_INVARIANT, read_tsc_invariant,
					    write_tsc_invariant},
};

/* NULL: nothing is there. */
static const struct msr *msr_find(const struct hv *hv, uint32_t index)
{
	uint32_t at = index - PARTITION_SYNTHETIC_MSRS;

	if (!hv->served.visible || at >= PARTITION_N_SYNTHETIC_MSRS)
		return NULL;
	const struct msr *msr = &msrs[at];
	return msr->feature == ALWAYS || hv_serves(hv, msr->feature) ? msr : NULL;
}

/* Of these, whoever touches a register uses it; the others have to be switched on. */
#define USED_BY_ACCESS                                                                          \
	(HV_FEATURE_BIT(HV_FEATURE_VP_RUNTIME) | HV_FEATURE_BIT(HV_FEATURE_REFERENCE_COUNTER) | \
	 HV_FEATURE_BIT(HV_FEATURE_FREQUENCIES) | HV_FEATURE_BIT(HV_FEATURE_RESET) |            \
	 HV_FEATURE_BIT(HV_FEATURE_GUEST_IDLE) | HV_FEATURE_BIT(HV_FEATURE_CRASH))

static void msr_use(struct hv *hv, const struct msr *msr)
{
	if ((HV_FEATURE_BIT(msr->feature) & USED_BY_ACCESS) != 0)
		hv_use(hv, msr->feature);
}

bool hv_msr_read(struct hv *hv, uint32_t vp, uint32_t index, uint64_t *value)
{
	const struct msr *msr = msr_find(hv, index);

	hv_count(hv, HV_COUNT_MSR_READ);
	if (msr && msr->read && msr->read(&hv->vps[vp], index, value)) {
		msr_use(hv, msr);
		return true;
	}
	hv_count(hv, HV_COUNT_MSR_FAULT);
	return false;
}

bool hv_msr_write(struct hv *hv, uint32_t vp, uint32_t index, uint64_t value)
{
	const struct msr *msr = msr_find(hv, index);

	hv_count(hv, HV_COUNT_MSR_WRITE);
	if (msr && msr->write && msr->write(&hv->vps[vp], index, value)) {
		msr_use(hv, msr);
		return true;
	}
	hv_count(hv, HV_COUNT_MSR_FAULT);
	return false;
}
