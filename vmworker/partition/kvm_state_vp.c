/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VP's part of saved state. The order is that in which KVM wants it back: special registers
 * first, since they say in which mode the local APIC is and what the others may hold; the deadline
 * after the TSC and the APIC's timer; what is pending last, since other calls drop it.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpuid_state.h"
#include "kvm_private.h"
#include "kvm_state.h"
#include "state.h"

#define TAG		 "vp"
#define VERSION		 1u
#define PART_MAX	 16384u /* bytes */
#define XSAVE_SIZE	 4096u
#define MSR_TSC_DEADLINE 0x6e0u

/* ---- KVM's structures ------------------------------------------------------------------------ */

struct part {
	const char *get_name, *set_name;
	unsigned long get, set;
	size_t size;	      /* 0: what KVM_CAP_XSAVE2 says */
	unsigned long cap;    /* only where KVM has it, */
	unsigned long unless; /* and only where it has not this one; 0: no such condition */
};

#define PART(what, size, cap, unless)                                                          \
	{                                                                                      \
		"KVM_GET_" #what, "KVM_SET_" #what, KVM_GET_##what, KVM_SET_##what, size, cap, \
			unless                                                                 \
	}
static const struct part registers[] = {
	PART(SREGS2, sizeof(struct kvm_sregs2), KVM_CAP_SREGS2, 0),
	PART(SREGS, sizeof(struct kvm_sregs), 0, KVM_CAP_SREGS2),
	PART(REGS, sizeof(struct kvm_regs), 0, 0),
	PART(XCRS, sizeof(struct kvm_xcrs), KVM_CAP_XCRS, 0),
	{"KVM_GET_XSAVE2", "KVM_SET_XSAVE", KVM_GET_XSAVE2, KVM_SET_XSAVE, 0, KVM_CAP_XSAVE2, 0},
	PART(XSAVE, XSAVE_SIZE, 0, KVM_CAP_XSAVE2),
	PART(DEBUGREGS, sizeof(struct kvm_debugregs), KVM_CAP_DEBUGREGS, 0),
};
static const struct part apic[] = {
	PART(LAPIC, sizeof(struct kvm_lapic_state), 0, 0),
};
static const struct part pending[] = {
	PART(VCPU_EVENTS, sizeof(struct kvm_vcpu_events), KVM_CAP_VCPU_EVENTS, 0),
	PART(MP_STATE, sizeof(struct kvm_mp_state), 0, 0),
};
#undef PART
#define N_PARTS(parts) (sizeof(parts) / sizeof((parts)[0]))

static bool part_applies(const struct vp *vp, const struct part *part)
{
	int vm_fd = vp->partition->vm_fd;

	return (part->cap == 0 || kvm_has_cap(vm_fd, part->cap)) &&
	       (part->unless == 0 || !kvm_has_cap(vm_fd, part->unless));
}

static size_t part_size(const struct vp *vp, const struct part *part)
{
	return part->size != 0 ? part->size
			       : (size_t)kvm_cap_value(vp->partition->vm_fd, KVM_CAP_XSAVE2);
}

static hv_status parts_put(const struct vp *vp, struct state_writer *writer,
			   const struct part *parts, size_t n)
{
	_Alignas(64) uint8_t data[PART_MAX];
	hv_status status = HV_STATUS_SUCCESS;

	for (size_t i = 0; i < n && status == HV_STATUS_SUCCESS; i++) {
		size_t size = part_size(vp, &parts[i]);

		if (!part_applies(vp, &parts[i]))
			continue;
		if (size > sizeof(data))
			return HV_STATUS_NO_RESOURCES;
		memset(data, 0, size);
		status = kvm_state_put(writer, vp->fd, parts[i].get, parts[i].get_name, data, size);
	}
	return status;
}

static hv_status parts_get(const struct vp *vp, struct state_reader *reader,
			   const struct part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!part_applies(vp, &parts[i]))
			continue;
		const void *data =
			kvm_state_get(reader, parts[i].set_name, part_size(vp, &parts[i]));
		if (data == NULL)
			return kvm_state_status(reader);
		if (kvm_ioctl(vp->fd, parts[i].set, data) < 0)
			return kvm_state_refused(reader, parts[i].set_name, errno);
	}
	return HV_STATUS_SUCCESS;
}

/* ---- the TSC --------------------------------------------------------------------------------- */

/* Against the partition's, so that all go on from one moment. */
static hv_status tsc_put(const struct vp *vp, struct state_writer *writer)
{
	uint64_t offset;

	if (!kvm_tsc_offset(vp, &offset))
		return HV_STATUS_OPERATION_DENIED;
	state_put_u64(writer, offset - vp->partition->tsc_offset);
	return HV_STATUS_SUCCESS;
}

/* What became of it counts: not every KVM has a TSC of the guest's own. */
static hv_status tsc_get(const struct vp *vp, struct state_reader *reader)
{
	struct partition *partition = vp->partition;
	uint64_t ahead = state_get_u64(reader), offset;

	if (!state_ok(reader))
		return kvm_state_status(reader);
	if (!kvm_set_tsc_offset(vp, partition->tsc_offset + ahead) ||
	    !kvm_tsc_offset(vp, &offset)) {
		state_fail(reader, "the hypervisor here does not let the TSC be set");
		return HV_STATUS_OPERATION_DENIED;
	}
	if (vp->index == 0)
		partition->tsc_offset = offset - ahead;
	return HV_STATUS_SUCCESS;
}

/* ---- the local APIC -------------------------------------------------------------------------- */

/* KVM starts a one-shot timer that has expired with no time left: the interrupt of one that did so
 * while the VP stood still is not lost, and one that the guest has had comes again. */
static hv_status apic_put(const struct vp *vp, struct state_writer *writer)
{
	hv_status status = parts_put(vp, writer, apic, N_PARTS(apic));
	uint64_t deadline = 0;

	/* Without such a timer there is none. */
	(void)kvm_msr_get(vp, MSR_TSC_DEADLINE, &deadline);
	state_put_u64(writer, deadline);
	return status;
}

static hv_status apic_get(const struct vp *vp, struct state_reader *reader)
{
	hv_status status = parts_get(vp, reader, apic, N_PARTS(apic));
	uint64_t deadline = state_get_u64(reader);

	if (status != HV_STATUS_SUCCESS)
		return status;
	if (deadline != 0 && !kvm_msr_set(vp, MSR_TSC_DEADLINE, deadline))
		state_fail(reader, "the hypervisor here has no timer by TSC deadline");
	return kvm_state_status(reader);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What KVM still has to do for the last intercept, it does first thing when it is entered, and then
 * sees that it is to leave at once. The flag stays: vp_run returns once more than it had to, and no
 * cancel that came meanwhile is lost. */
static hv_status instruction_complete(struct vp *vp)
{
	int error;

	if (!vp->unfinished)
		return kvm_flush_registers(vp);
	__atomic_store_n(&vp->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	do
		error = ioctl(vp->fd, KVM_RUN, 0) < 0 ? errno : 0;
	while (error == EAGAIN);
	if (error == EINTR) {
		vp->unfinished = false;
		return HV_STATUS_SUCCESS;
	}
	vp->exited = error == 0;
	return HV_STATUS_INVALID_VP_STATE;
}

static hv_status vp_put(const struct vp *vp, struct state_writer *writer)
{
	hv_status status = parts_put(vp, writer, registers, N_PARTS(registers));

	if (status == HV_STATUS_SUCCESS)
		status = kvm_state_put_msrs(vp, writer);
	if (status == HV_STATUS_SUCCESS)
		status = tsc_put(vp, writer);
	if (status == HV_STATUS_SUCCESS && vp->partition->irqchip)
		status = apic_put(vp, writer);
	if (status == HV_STATUS_SUCCESS)
		status = parts_put(vp, writer, pending, N_PARTS(pending));
	return status;
}

hv_status vp_save(struct vp *vp, struct state_writer *writer)
{
	struct kvm_mp_state state;

	if (vp->dead || vp->exited)
		return HV_STATUS_INVALID_VP_STATE;
	hv_status status = instruction_complete(vp);
	if (status != HV_STATUS_SUCCESS)
		return status;
	/* KVM takes an INIT or SIPI that waits when it is asked for this, and sets registers. */
	if (kvm_ioctl(vp->fd, KVM_GET_MP_STATE, &state) < 0)
		return kvm_fault_errno(NULL, "KVM_GET_MP_STATE", errno);
	state_begin(writer, TAG, VERSION);
	state_put_u32(writer, vp->index);
	cpuid_state_save(writer, vp->cpuid, vp->n_cpuid);
	status = vp_put(vp, writer);
	state_end(writer);
	return status;
}

static hv_status vp_get(const struct vp *vp, struct state_reader *reader)
{
	hv_status status = parts_get(vp, reader, registers, N_PARTS(registers));

	if (status == HV_STATUS_SUCCESS)
		status = kvm_state_get_msrs(vp, reader);
	if (status == HV_STATUS_SUCCESS)
		status = tsc_get(vp, reader);
	if (status == HV_STATUS_SUCCESS && vp->partition->irqchip)
		status = apic_get(vp, reader);
	if (status == HV_STATUS_SUCCESS)
		status = parts_get(vp, reader, pending, N_PARTS(pending));
	return status;
}

hv_status vp_restore(struct vp *vp, struct state_reader *reader)
{
	hv_status status;

	state_enter(reader, TAG, VERSION);
	if (state_get_u32(reader) != vp->index)
		state_fail(reader, "it is another processor's");
	cpuid_state_check(reader, vp->cpuid, vp->n_cpuid);
	status = state_ok(reader) ? vp_get(vp, reader) : HV_STATUS_INVALID_PARAMETER;
	state_leave(reader);
	if (status == HV_STATUS_SUCCESS)
		status = kvm_state_status(reader);
	return status;
}
