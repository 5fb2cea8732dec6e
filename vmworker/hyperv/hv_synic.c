/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The synthetic interrupt controller (TLFS, chapter 11): its registers, event flags, and the
 * interrupts of its SINTs, which arrive as MSIs.
 *
 * The guest puts its two pages where it likes, over each other or where there is no RAM, and moves
 * them at any time: they are looked up at every access.
 */
#include "hv_private.h"
#include "state.h"

#define MSI_ADDRESS    0xfee00000ull
#define MSI_APIC_ID_AT 12u

void hv_synic_reset(struct hv_vp *vp)
{
	vp->scontrol = 0;
	vp->siefp = 0;
	vp->simp = 0;
	for (size_t i = 0; i < HV_SINTS; i++)
		vp->sint[i] = HV_SINT_MASKED;
}

void *hv_synic_page(const struct hv_vp *vp, uint64_t value)
{
	if (!vp->partition || (vp->scontrol & HV_SCONTROL_ENABLE) == 0 ||
	    (value & HV_PAGE_ENABLE) == 0)
		return NULL;
	return partition_gpa_pointer(vp->partition, value & HV_PAGE_ADDRESS, HV_PAGE_SIZE);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

void hv_synic_interrupt(struct hv_vp *vp, uint8_t vector)
{
	if (!vp->partition || vector < HV_SINT_FIRST_VECTOR)
		return;
	hv_count(vp->hv, HV_COUNT_INTERRUPT);
	/* Only a guest that has switched its APIC off does not get it, as section 11.7 has it. */
	(void)partition_signal_msi(vp->partition, MSI_ADDRESS | vp->index << MSI_APIC_ID_AT,
				   vector);
}

void hv_synic_interrupt_sint(struct hv_vp *vp, uint32_t sint)
{
	uint64_t value = vp->sint[sint];

	if ((value & (HV_SINT_MASKED | HV_SINT_POLLING)) == 0)
		hv_synic_interrupt(vp, (uint8_t)(value & HV_SINT_VECTOR));
	if ((value & (HV_SINT_MASKED | HV_SINT_POLLING | HV_SINT_AUTO_EOI)) == HV_SINT_AUTO_EOI)
		hv_auto_eoi_raised(vp, (uint8_t)(value & HV_SINT_VECTOR));
}

/* ---- registers ------------------------------------------------------------------------------- */

bool hv_synic_read(struct hv_vp *vp, uint32_t index, uint64_t *value)
{
	pthread_mutex_lock(&vp->lock);
	switch (index) {
	case HV_MSR_SCONTROL:
		*value = vp->scontrol;
		break;
	case HV_MSR_SVERSION:
		*value = HV_SYNIC_VERSION;
		break;
	case HV_MSR_SIEFP:
		*value = vp->siefp;
		break;
	case HV_MSR_SIMP:
		*value = vp->simp;
		break;
	case HV_MSR_EOM:
		*value = 0;
		break;
	default:
		*value = vp->sint[index - HV_MSR_SINT0];
		break;
	}
	pthread_mutex_unlock(&vp->lock);
	return true;
}

/* A SINT that is not masked has a vector that can be raised, and an end that we can bring about: a
 * guest that relies on it better faults than hangs. */
static bool sint_valid(const struct hv_vp *vp, uint64_t value)
{
	if ((value & HV_SINT_MASKED) != 0)
		return true;
	if ((value & HV_SINT_AUTO_EOI) != 0 && !partition_can_end_interrupts(vp->hv->partition))
		return false;
	return (value & HV_SINT_VECTOR) >= HV_SINT_FIRST_VECTOR;
}

bool hv_synic_write(struct hv_vp *vp, uint32_t index, uint64_t value)
{
	if (index >= HV_MSR_SINT0 && !sint_valid(vp, value))
		return false;
	pthread_mutex_lock(&vp->lock);
	switch (index) {
	case HV_MSR_SCONTROL:
		vp->scontrol = value;
		break;
	case HV_MSR_SIEFP:
		vp->siefp = value;
		break;
	case HV_MSR_SIMP:
		vp->simp = value;
		break;
	case HV_MSR_EOM:
		break;
	default:
		vp->sint[index - HV_MSR_SINT0] = value;
		break;
	}
	hv_use_synic(vp);
	/* Each of them may be what a message was waiting for. */
	uint32_t rooms = hv_message_deliver_all(vp);
	pthread_mutex_unlock(&vp->lock);
	hv_message_tell_rooms(vp, rooms);
	return true;
}

/* ---- saved state ----------------------------------------------------------------------------- */

void hv_synic_save(const struct hv_vp *vp, struct state_writer *writer)
{
	state_put_u64(writer, vp->scontrol);
	state_put_u64(writer, vp->siefp);
	state_put_u64(writer, vp->simp);
	for (size_t i = 0; i < HV_SINTS; i++)
		state_put_u64(writer, vp->sint[i]);
}

/* Pages are what the guest says: they are looked up at every access. */
void hv_synic_restore(struct hv_vp *vp, struct state_reader *reader)
{
	vp->scontrol = state_get_u64(reader);
	vp->siefp = state_get_u64(reader);
	vp->simp = state_get_u64(reader);
	for (size_t i = 0; i < HV_SINTS; i++) {
		vp->sint[i] = state_get_u64(reader);
		if (!sint_valid(vp, vp->sint[i]))
			state_fail(reader, "a SINT that cannot be raised");
	}
}

/* ---- event flags ----------------------------------------------------------------------------- */

bool hv_event_set(struct hv *hv, uint32_t index, uint32_t sint, uint32_t flag)
{
	struct hv_vp *vp = &hv->vps[index];

	pthread_mutex_lock(&vp->lock);
	uint8_t *page = hv_synic_page(vp, vp->siefp);
	if (page) {
		uint8_t *byte = page + (size_t)sint * (HV_EVENT_FLAGS / 8) + flag / 8;
		uint8_t bit = (uint8_t)(1u << flag % 8);

		hv_count(hv, HV_COUNT_EVENT_SET);
		if ((__atomic_fetch_or(byte, bit, __ATOMIC_SEQ_CST) & bit) == 0)
			hv_synic_interrupt_sint(vp, sint);
	}
	pthread_mutex_unlock(&vp->lock);
	return page != NULL;
}
