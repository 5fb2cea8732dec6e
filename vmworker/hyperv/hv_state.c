/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface in saved state. Pages of the guest's, the hypercall page among them, are memory and
 * not here; but the page of reference time is written anew when its numbers do not hold any more.
 */
#include "hv_private.h"
#include "state.h"

#define TAG	   "hv"
#define TAG_VP	   "hv.vp"
#define VERSION	   2u /* 1: without what the guest has used */
#define VERSION_VP 1u

/* Of the TSC's frequency: what a guest that goes by it would be off at most, and hosts' own
 * measurements of one processor differ by less. */
#define TOLERANCE_PPM 250u
/* Reference time is at most that: some centuries. */
#define TIME_MAX (1ull << 57)

/* ---- the partition --------------------------------------------------------------------------- */

/* What is not the guest's to choose. */
struct facts {
	struct hv_reftime reftime; /* by_tsc, scale, offset */
	uint64_t time;
};

static uint64_t now_ns(const struct hv *hv)
{
	return hv->config.clock.monotonic_ns(hv->config.clock.context);
}

static void facts_save(const struct hv *hv, struct state_writer *writer)
{
	state_put_u32(writer, hv->config.vp_count);
	state_put_bool(writer, hv->served.visible);
	state_put_u32(writer, hv->served.on);
	state_put_u64(writer, hv->tsc_frequency);
	state_put_bool(writer, hv->reftime.by_tsc);
	state_put_u64(writer, hv->reftime.scale);
	state_put_u64(writer, (uint64_t)hv->reftime.offset);
	state_put_u64(writer, hv->partition ? hv_time(hv, hv->partition) : 0);
}

static bool frequency_fits(uint64_t saved, uint64_t here)
{
	uint64_t apart = saved > here ? saved - here : here - saved;

	return apart <= here / 1000000 * TOLERANCE_PPM;
}

static void facts_restore(const struct hv *hv, struct state_reader *reader, struct facts *facts)
{
	if (state_get_u32(reader) != hv->config.vp_count)
		state_fail(reader, "it has another number of processors");
	if (state_get_bool(reader) != hv->served.visible || state_get_u32(reader) != hv->served.on)
		state_fail(reader, "this host serves other enlightenments");
	if (!frequency_fits(state_get_u64(reader), hv->tsc_frequency))
		state_fail(reader, "the TSC of this host has another frequency");
	facts->reftime = (struct hv_reftime){.by_tsc = state_get_bool(reader)};
	facts->reftime.scale = state_get_u64(reader);
	facts->reftime.offset = (int64_t)state_get_u64(reader);
	facts->time = state_get_u64(reader);
	if (facts->time > TIME_MAX)
		state_fail(reader, "a time that cannot be");
}

static void registers_save(const struct hv *hv, struct state_writer *writer)
{
	state_put_u64(writer, atomic_load(&hv->guest_os_id));
	state_put_u64(writer, atomic_load(&hv->hypercall));
	state_put_u64(writer, hv->reference_tsc);
	state_put_u64(writer, hv->tsc_invariant);
	for (size_t i = 0; i < HV_CRASH_PARAMETERS; i++)
		state_put_u64(writer, hv->crash[i]);
}

static void registers_restore(struct hv *hv, struct state_reader *reader)
{
	uint64_t id = state_get_u64(reader), hypercall = state_get_u64(reader);

	/* As write_hypercall has it. */
	if ((hypercall & HV_PAGE_ENABLE) != 0 &&
	    (id == 0 ||
	     !partition_gpa_pointer(hv->partition, hypercall & HV_PAGE_ADDRESS, HV_PAGE_SIZE)))
		state_fail(reader, "a hypercall page that cannot be");
	atomic_store(&hv->guest_os_id, id);
	atomic_store(&hv->hypercall, hypercall);
	hv->reference_tsc = state_get_u64(reader);
	hv->tsc_invariant = state_get_u64(reader);
	if ((hv->tsc_invariant & ~1ull) != 0)
		state_fail(reader, "a register with bits that it does not have");
	for (size_t i = 0; i < HV_CRASH_PARAMETERS; i++)
		hv->crash[i] = state_get_u64(reader);
}

/* ---- VPs ------------------------------------------------------------------------------------- */

static void vp_save_all(struct hv_vp *vp, struct state_writer *writer)
{
	state_begin(writer, TAG_VP, VERSION_VP);
	pthread_mutex_lock(&vp->lock);
	state_put_u64(writer, vp->assist_page);
	state_put_u64(writer, vp->runtime_told);
	hv_synic_save(vp, writer);
	hv_auto_eoi_save(vp, writer);
	hv_stimer_save(vp, writer);
	hv_message_save(vp, writer);
	pthread_mutex_unlock(&vp->lock);
	state_end(writer);
}

static void vp_restore_all(struct hv_vp *vp, struct state_reader *reader)
{
	state_enter(reader, TAG_VP, VERSION_VP);
	pthread_mutex_lock(&vp->lock);
	vp->paused = true;
	vp->assist_page = state_get_u64(reader);
	vp->runtime_base = vp->runtime_told = state_get_u64(reader);
	hv_synic_restore(vp, reader);
	hv_auto_eoi_restore(vp, reader);
	hv_stimer_restore(vp, reader);
	hv_message_restore(vp, reader);
	pthread_mutex_unlock(&vp->lock);
	state_leave(reader);
}

/* ---- the whole ------------------------------------------------------------------------------- */

void hv_save(struct hv *hv, struct state_writer *writer)
{
	state_begin(writer, TAG, VERSION);
	pthread_mutex_lock(&hv->lock);
	facts_save(hv, writer);
	registers_save(hv, writer);
	hv_use_save(hv, writer);
	pthread_mutex_unlock(&hv->lock);
	for (uint32_t i = 0; i < hv->config.vp_count; i++)
		vp_save_all(&hv->vps[i], writer);
	state_end(writer);
}

/* What the hypervisor below has to know; what it does not take, no guest can have told it. */
static void tell_below(struct hv *hv, struct state_reader *reader)
{
	uint64_t id = atomic_load(&hv->guest_os_id);

	for (uint32_t i = 0; i < hv->config.vp_count; i++) {
		const struct hv_vp *vp = &hv->vps[i];

		if (vp->assist_page != 0 && hv_serves(hv, HV_FEATURE_APIC_ASSIST) &&
		    vp_set_assist_page(vp->vp, vp->assist_page) != HV_STATUS_SUCCESS)
			state_fail(reader, "an assist page outside memory");
	}
	if (state_ok(reader) && id != 0 && (hv->native.tlb_flush || hv->native.ipi))
		(void)vp_set_guest_os_id(hv->vps[0].vp, id);
}

static void time_resume(struct hv *hv, const struct facts *facts)
{
	struct hv_tsc_page *page = NULL;

	if (hv_reftime_resume(&hv->reftime, &facts->reftime, facts->time,
			      partition_guest_tsc(hv->partition), now_ns(hv)))
		return;
	if ((hv->reference_tsc & HV_PAGE_ENABLE) != 0)
		page = partition_gpa_pointer(hv->partition, hv->reference_tsc & HV_PAGE_ADDRESS,
					     HV_PAGE_SIZE);
	if (page)
		hv_reftime_publish(&hv->reftime, page);
}

bool hv_restore(struct hv *hv, struct state_reader *reader)
{
	struct facts facts;
	uint32_t version = state_enter(reader, TAG, VERSION);

	pthread_mutex_lock(&hv->lock);
	facts_restore(hv, reader, &facts);
	registers_restore(hv, reader);
	if (version >= 2)
		hv_use_restore(hv, reader);
	for (uint32_t i = 0; i < hv->config.vp_count; i++)
		vp_restore_all(&hv->vps[i], reader);
	if (version == 1)
		hv_use_infer(hv);
	state_leave(reader);
	if (state_ok(reader))
		tell_below(hv, reader);
	if (state_ok(reader))
		time_resume(hv, &facts);
	else
		hv_forget(hv);
	pthread_mutex_unlock(&hv->lock);
	for (uint32_t i = 0; i < hv->config.vp_count && !state_ok(reader); i++) {
		pthread_mutex_lock(&hv->vps[i].lock);
		hv_vp_forget(&hv->vps[i]);
		pthread_mutex_unlock(&hv->vps[i].lock);
	}
	return state_ok(reader);
}
