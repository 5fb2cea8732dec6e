/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm_private.h"

#define MSR_MTRR_DEF_TYPE	 0x2ffu
#define MTRR_ENABLED		 0x800u
#define MTRR_TYPE_WRITEBACK	 6u
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define MAX_CPUID_ENTRIES	 256u

struct cpuid_table {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[MAX_CPUID_ENTRIES];
};

uint32_t vp_index(const struct vp *vp)
{
	return vp->index;
}

static hv_status vp_open(struct vp *vp, struct hv_fault *fault)
{
	const struct partition *partition = vp->partition;

	/* The argument is the index itself, which KVM also makes the APIC id. */
	vp->fd = kvm_ioctl(partition->vm_fd, KVM_CREATE_VCPU, (const void *)(uintptr_t)vp->index);
	if (vp->fd < 0)
		return kvm_fault_errno(fault, "KVM_CREATE_VCPU", errno);
	void *run = mmap(NULL, partition->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vp->fd, 0);
	if (run == MAP_FAILED)
		return kvm_fault_errno(fault, "mmap(vcpu)", errno);
	vp->run = run;
	if (partition->sync_registers)
		vp->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	if (vp->index == 0)
		kvm_learn_tsc(vp);
	vp->stats_fd = kvm_ioctl(vp->fd, KVM_GET_STATS_FD, NULL);
	return HV_STATUS_SUCCESS;
}

/*
 * Memory is write-back, as firmware would have left it: a kernel that finds the MTRRs disabled
 * does without the PAT. Not every KVM lets it be set, and none needs it to run.
 */
static void vp_set_memory_type(struct vp *vp)
{
	(void)kvm_msr_set(vp, MSR_MTRR_DEF_TYPE, MTRR_ENABLED | MTRR_TYPE_WRITEBACK);
}

hv_status vp_create(struct partition *partition, uint32_t index, struct vp **ret,
		    struct hv_fault *fault)
{
	if (index >= partition->vp_count || partition->vps[index] != NULL)
		return kvm_fault(fault, HV_STATUS_INVALID_VP_INDEX, "vp_index", 0);
	struct vp *vp = calloc(1, sizeof(*vp));
	if (vp == NULL)
		return kvm_fault(fault, HV_STATUS_INSUFFICIENT_MEMORY, "calloc", ENOMEM);
	vp->partition = partition;
	vp->index = index;
	vp->fd = -1;
	vp->stats_fd = -1;

	hv_status status = vp_open(vp, fault);
	if (status != HV_STATUS_SUCCESS) {
		vp_delete(vp);
		return status;
	}
	vp_set_memory_type(vp);
	partition->vps[index] = vp;
	*ret = vp;
	return HV_STATUS_SUCCESS;
}

void vp_delete(struct vp *vp)
{
	if (vp == NULL)
		return;
	vp->partition->vps[vp->index] = NULL;
	if (vp->run != NULL)
		(void)munmap(vp->run, vp->partition->run_size);
	if (vp->stats_fd >= 0)
		(void)close(vp->stats_fd);
	if (vp->fd >= 0)
		(void)close(vp->fd);
	free(vp->cpuid);
	free(vp);
}

/* ---- CPUID ---------------------------------------------------------------------------------- */

hv_status partition_supported_cpuid(const struct partition *partition,
				    struct hv_cpuid_entry *entries, size_t *n_inout)
{
	struct cpuid_table table = {.head.nent = MAX_CPUID_ENTRIES};

	if (kvm_ioctl(partition->kvm_fd, KVM_GET_SUPPORTED_CPUID, &table) < 0)
		return kvm_fault_errno(NULL, "KVM_GET_SUPPORTED_CPUID", errno);
	if (table.head.nent > *n_inout)
		return HV_STATUS_NO_RESOURCES;
	/* KVM leaves this bit to whoever knows whether the LAPIC is in the kernel. */
	bool tsc_deadline =
		partition->irqchip && kvm_has_cap(partition->kvm_fd, KVM_CAP_TSC_DEADLINE_TIMER);

	for (uint32_t i = 0; i < table.head.nent; i++) {
		const struct kvm_cpuid_entry2 *from = &table.entries[i];

		entries[i] = (struct hv_cpuid_entry){
			.function = from->function,
			.index = from->index,
			.indexed = (from->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0,
			.eax = from->eax,
			.ebx = from->ebx,
			.ecx = from->ecx,
			.edx = from->edx,
		};
		if (from->function == 1 && tsc_deadline)
			entries[i].ecx |= CPUID_1_ECX_TSC_DEADLINE;
	}
	*n_inout = table.head.nent;
	return HV_STATUS_SUCCESS;
}

hv_status vp_set_cpuid(struct vp *vp, const struct hv_cpuid_entry *entries, size_t n)
{
	struct cpuid_table table = {.head.nent = (uint32_t)n};

	if (n > MAX_CPUID_ENTRIES)
		return HV_STATUS_NO_RESOURCES;
	for (size_t i = 0; i < n; i++)
		table.entries[i] = (struct kvm_cpuid_entry2){
			.function = entries[i].function,
			.index = entries[i].index,
			.flags = entries[i].indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = entries[i].eax,
			.ebx = entries[i].ebx,
			.ecx = entries[i].ecx,
			.edx = entries[i].edx,
		};
	struct hv_cpuid_entry *copy = calloc(n + 1, sizeof(*copy));
	if (copy == NULL)
		return HV_STATUS_INSUFFICIENT_MEMORY;
	if (kvm_ioctl(vp->fd, KVM_SET_CPUID2, &table) < 0) {
		int error = errno;

		free(copy);
		return kvm_fault_errno(NULL, "KVM_SET_CPUID2", error);
	}
	free(vp->cpuid);
	vp->cpuid = copy;
	vp->n_cpuid = n;
	if (n > 0)
		memcpy(copy, entries, n * sizeof(*copy));
	return HV_STATUS_SUCCESS;
}
