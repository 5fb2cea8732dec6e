/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KVM's own Hyper-V layer, of which we use what is frequent and close to its state: a few
 * hypercalls that need every VP, and the local APIC's assist. It serves partitions whose CPUID
 * tells of "Hv#1" and, by hypercalls, whose guest has said what it is. All else of that layer
 * sleeps: the other synthetic MSRs do not reach it (kvm_filter_msrs), and its SynIC is never
 * enabled.
 */
#include <errno.h>
#include <string.h>

#include "kvm_private.h"

#define MSR_GUEST_OS_ID	   0x40000000u
#define MSR_VP_ASSIST_PAGE 0x40000073u

void partition_native_calls(const struct partition *partition, struct partition_native_calls *out)
{
	static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1}, vmmcall[] = {0x0f, 0x01, 0xd9};
	enum partition_virt virt = kvm_virt_of_processor();

	memset(out, 0, sizeof(*out));
	out->apic_assist = partition->apic_assist;
	if (virt != PARTITION_VIRT_AMDV && virt != PARTITION_VIRT_VTX)
		return;
	_Static_assert(sizeof(vmcall) == sizeof(out->instruction), "as long as each other");
	memcpy(out->instruction, virt == PARTITION_VIRT_AMDV ? vmmcall : vmcall, sizeof(vmcall));
	out->tlb_flush = kvm_has_cap(partition->kvm_fd, KVM_CAP_HYPERV_TLBFLUSH);
	out->ipi = partition->irqchip && kvm_has_cap(partition->kvm_fd, KVM_CAP_HYPERV_SEND_IPI);
}

static hv_status msr_set(const struct vp *vp, uint32_t index, uint64_t value)
{
	return kvm_msr_set(vp, index, value) ? HV_STATUS_SUCCESS : HV_STATUS_OPERATION_DENIED;
}

hv_status vp_set_guest_os_id(struct vp *vp, uint64_t id)
{
	return msr_set(vp, MSR_GUEST_OS_ID, id);
}

hv_status vp_set_assist_page(struct vp *vp, uint64_t value)
{
	return msr_set(vp, MSR_VP_ASSIST_PAGE, value);
}
