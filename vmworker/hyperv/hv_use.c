/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guest took up of what it is given: by what it does itself, since its reset. VPs' threads
 * set bits; what is set stays, also when the guest switches it off again.
 */
#include "hv_private.h"
#include "state.h"

#define USE_POSSIBLE(hv) ((hv)->served.on | HV_FEATURE_BIT(HV_USE_HYPERCALLS))

static bool is_seen(const struct hv *hv, unsigned int what)
{
	return (atomic_load_explicit(&hv->used, memory_order_relaxed) & HV_FEATURE_BIT(what)) != 0;
}

enum hv_use hv_feature_use(const struct hv *hv, enum hv_feature feature)
{
	switch (feature) {
	case HV_FEATURE_TLB_FLUSH:
	case HV_FEATURE_IPI:
		/* Calls that go by us, but not from a guest that has told nothing of itself. */
		return hv_guest_os_id(hv) == 0 && !is_seen(hv, HV_USE_HYPERCALLS) ? HV_USE_NONE
										  : HV_USE_UNKNOWN;
	case HV_FEATURE_APIC_ASSIST:
		/* So do the APIC's MSRs; the page does not. */
		return is_seen(hv, feature) ? HV_USE_SEEN : HV_USE_UNKNOWN;
	default:
		return is_seen(hv, feature) ? HV_USE_SEEN : HV_USE_NONE;
	}
}

bool hv_hypercalls_used(const struct hv *hv)
{
	return is_seen(hv, HV_USE_HYPERCALLS);
}

void hv_use_synic(struct hv_vp *vp)
{
	if ((vp->scontrol & HV_SCONTROL_ENABLE) == 0)
		return;
	for (size_t i = 0; i < HV_SINTS; i++)
		if ((vp->sint[i] & HV_SINT_MASKED) == 0)
			hv_use(vp->hv, HV_FEATURE_SYNIC);
}

void hv_use_stimer(struct hv_vp *vp, const struct hv_stimer *timer)
{
	if ((timer->config & HV_STIMER_ENABLE) == 0)
		return;
	hv_use(vp->hv, HV_FEATURE_STIMER);
	if ((timer->config & HV_STIMER_DIRECT) != 0)
		hv_use(vp->hv, HV_FEATURE_STIMER_DIRECT);
}

/* ---- saved state ----------------------------------------------------------------------------- */

void hv_use_save(const struct hv *hv, struct state_writer *writer)
{
	state_put_u32(writer, atomic_load_explicit(&hv->used, memory_order_relaxed));
}

void hv_use_restore(struct hv *hv, struct state_reader *reader)
{
	uint32_t used = state_get_u32(reader);

	if ((used & ~USE_POSSIBLE(hv)) != 0)
		state_fail(reader, "enlightenments in use that are not served");
	atomic_store_explicit(&hv->used, used, memory_order_relaxed);
}

static void use_infer_vp(struct hv_vp *vp)
{
	if ((vp->assist_page & HV_PAGE_ENABLE) != 0 && hv_serves(vp->hv, HV_FEATURE_APIC_ASSIST))
		hv_use(vp->hv, HV_FEATURE_APIC_ASSIST);
	pthread_mutex_lock(&vp->lock);
	if (hv_serves(vp->hv, HV_FEATURE_SYNIC))
		hv_use_synic(vp);
	for (size_t i = 0; i < HV_STIMERS; i++)
		hv_use_stimer(vp, &vp->stimer[i]);
	pthread_mutex_unlock(&vp->lock);
}

void hv_use_infer(struct hv *hv)
{
	if ((atomic_load(&hv->hypercall) & HV_PAGE_ENABLE) != 0)
		hv_use(hv, HV_USE_HYPERCALLS);
	if ((hv->reference_tsc & HV_PAGE_ENABLE) != 0 && hv_serves(hv, HV_FEATURE_REFERENCE_TSC))
		hv_use(hv, HV_FEATURE_REFERENCE_TSC);
	if (hv->tsc_invariant != 0 && hv_serves(hv, HV_FEATURE_TSC_INVARIANT))
		hv_use(hv, HV_FEATURE_TSC_INVARIANT);
	for (uint32_t i = 0; i < hv->config.vp_count; i++)
		use_infer_vp(&hv->vps[i]);
}
