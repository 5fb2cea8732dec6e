/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The synthetic MSRs as intercepts (kernel documentation, "4.97 KVM_X86_SET_MSR_FILTER"). */
#include <errno.h>

#include "kvm_private.h"

hv_status kvm_filter_msrs(struct partition *partition, struct hv_fault *fault)
{
	static const uint8_t none[PARTITION_N_SYNTHETIC_MSRS / 8]; /* of them does KVM serve */
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
			.bitmap = (uint8_t *)none, /* KVM only reads it */
		}},
	};

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
