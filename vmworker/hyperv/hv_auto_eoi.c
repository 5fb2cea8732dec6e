/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SINTs whose interrupts the guest does not end (TLFS, section 11.8, "AutoEOI"). We advise against
 * them (leaf 0x40000004), but guests older than that advice use nothing else.
 *
 * The local APIC is the hypervisor's, and has an interrupt in service from when the guest takes it.
 * So the VP is brought out of the guest a little later, and its thread ends what is in service; as
 * long as the guest has not taken it, that is tried again.
 */
#include "hv_private.h"
#include "state.h"

#define FIRST_NS 50000u
#define AGAIN_NS 1000000u

static void look_in(struct hv_vp *vp, uint64_t ns)
{
	const struct hv_clock *clock = &vp->hv->config.clock;

	vp->eoi_deadline = clock->monotonic_ns(clock->context) + ns;
	hv_host_timer_set(vp);
}

void hv_auto_eoi_raised(struct hv_vp *vp, uint8_t vector)
{
	vp->auto_eoi[vector / 64] |= 1ull << vector % 64;
	atomic_store(&vp->eoi_due, true);
	if (vp->eoi_deadline == 0)
		look_in(vp, FIRST_NS);
}

void hv_auto_eoi_look(struct hv_vp *vp)
{
	vp->eoi_deadline = 0;
	if (atomic_load(&vp->eoi_due))
		vp_cancel(vp->vp);
}

void hv_auto_eoi_reset(struct hv_vp *vp)
{
	memset(vp->auto_eoi, 0, sizeof(vp->auto_eoi));
	vp->eoi_deadline = 0;
	atomic_store(&vp->eoi_due, false);
}

/* Ends what can be ended; true when some is left. Highest first, as they are in service. */
static bool end_all(struct hv_vp *vp)
{
	bool any = false;

	for (unsigned int vector = 256; vector-- > HV_SINT_FIRST_VECTOR;) {
		uint64_t *word = &vp->auto_eoi[vector / 64], bit = 1ull << vector % 64;
		bool left = false;

		if ((*word & bit) == 0)
			continue;
		if (vp_end_interrupt(vp->vp, (uint8_t)vector, &left) != HV_STATUS_SUCCESS || !left)
			*word &= ~bit;
		any |= left;
	}
	return any;
}

void hv_before_run(struct hv *hv, uint32_t index)
{
	struct hv_vp *vp = &hv->vps[index];

	if (!atomic_load_explicit(&vp->eoi_due, memory_order_relaxed))
		return;
	pthread_mutex_lock(&vp->lock);
	if (!end_all(vp))
		hv_auto_eoi_reset(vp);
	else if (vp->eoi_deadline == 0)
		look_in(vp, AGAIN_NS);
	pthread_mutex_unlock(&vp->lock);
}

/* ---- saved state ----------------------------------------------------------------------------- */

void hv_auto_eoi_save(const struct hv_vp *vp, struct state_writer *writer)
{
	for (size_t i = 0; i < G_N_ELEMENTS(vp->auto_eoi); i++)
		state_put_u64(writer, vp->auto_eoi[i]);
}

void hv_auto_eoi_restore(struct hv_vp *vp, struct state_reader *reader)
{
	uint64_t any = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(vp->auto_eoi); i++)
		any |= vp->auto_eoi[i] = state_get_u64(reader);
	if (any == 0)
		return;
	if ((vp->auto_eoi[0] & ((1ull << HV_SINT_FIRST_VECTOR) - 1)) != 0 ||
	    !partition_can_end_interrupts(vp->partition))
		state_fail(reader, "an interrupt that cannot be ended");
	/* hv_before_run sees to them. */
	atomic_store(&vp->eoi_due, true);
}
