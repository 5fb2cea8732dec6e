/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MSRs, and the synthetic ones as intercepts (kernel documentation, "KVM_X86_SET_MSR_FILTER"). */
#include <errno.h>

#include "kvm_private.h"

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

bool kvm_msr_get(const struct vp *vp, uint32_t index, uint64_t *value)
{
	struct one_msr msrs = {.head.nmsrs = 1, .entry.index = index};

	if (kvm_ioctl(vp->fd, KVM_GET_MSRS, &msrs) != 1)
		return false;
	*value = msrs.entry.data;
	return true;
}

bool kvm_msr_set(const struct vp *vp, uint32_t index, uint64_t value)
{
	const struct one_msr msrs = {.head.nmsrs = 1, .entry = {.index = index, .data = value}};

	return kvm_ioctl(vp->fd, KVM_SET_MSRS, &msrs) == 1;
}

/* ---- the filter ------------------------------------------------------------------------------ */

/* EOI, ICR and TPR (TLFS, section 10.2.5), which KVM serves for its own local APIC. */
#define MSR_APIC_FIRST 0x40000070u
#define N_APIC_MSRS    3u

hv_status kvm_filter_msrs(struct partition *partition, struct hv_fault *fault)
{
	uint8_t served[PARTITION_N_SYNTHETIC_MSRS / 8] = {0}; /* by KVM */
	const struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = {KVM_MSR_EXIT_REASON_FILTER},
	};
	const struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges = {{
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.base = PARTITION_SYNTHETIC_MSRS,
			.nmsrs = PARTITION_N_SYNTHETIC_MSRS,
			.bitmap = served,
		}},
	};

	for (uint32_t i = 0; partition->apic_assist && i < N_APIC_MSRS; i++) {
		uint32_t bit = MSR_APIC_FIRST - PARTITION_SYNTHETIC_MSRS + i;

		served[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
	if (!kvm_has_cap(partition->kvm_fd, KVM_CAP_X86_USER_SPACE_MSR))
		return kvm_fault(fault, HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED,
				 "KVM_CAP_X86_USER_SPACE_MSR", 0);
	if (!kvm_has_cap(partition->kvm_fd, KVM_CAP_X86_MSR_FILTER))
		return kvm_fault(fault, HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED,
				 "KVM_CAP_X86_MSR_FILTER", 0);
	if (kvm_ioctl(partition->vm_fd, KVM_ENABLE_CAP, &cap) < 0)
		return kvm_fault_errno(fault, "KVM_ENABLE_CAP", errno);
	if (kvm_ioctl(partition->vm_fd, KVM_X86_SET_MSR_FILTER, &filter) < 0)
		return kvm_fault_errno(fault, "KVM_X86_SET_MSR_FILTER", errno);
	return HV_STATUS_SUCCESS;
}
