/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd_above.h"
#include "kvm_private.h"

/*
 * Pages that VT-x without "unrestricted guest" needs in the guest's address space: below the I/O
 * APIC, where the machine has nothing else.
 */
#define IDENTITY_MAP_ADDRESS 0xfeffc000ull
#define TSS_ADDRESS	     0xfeffd000ul

struct guest_memory *partition_guest_memory(const struct partition *partition)
{
	return (struct guest_memory *)&partition->memory;
}

uint32_t partition_vp_count(const struct partition *partition)
{
	return partition->vp_count;
}

int partition_open_hypervisor(struct hv_fault *fault)
{
	int fd = kvm_open(fault);

	if (fd < 0)
		return fd;
	fd = fd_above(fd);
	if (fd < 0)
		(void)kvm_fault_errno(fault, "fcntl(F_DUPFD_CLOEXEC)", errno);
	return fd;
}

static hv_status vm_open(struct partition *partition, int hypervisor_fd, struct hv_fault *fault)
{
	struct hv_fault why = {0};

	if (hypervisor_fd > 0) {
		partition->kvm_fd = fcntl(hypervisor_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (partition->kvm_fd < 0)
			return kvm_fault_errno(fault, "fcntl(F_DUPFD_CLOEXEC)", errno);
	} else {
		partition->kvm_fd = kvm_open(&why);
		if (partition->kvm_fd < 0)
			return kvm_fault(fault, why.status, why.call, why.sys_errno);
	}
	hv_status status = kvm_check_required(partition->kvm_fd, fault);
	if (status != HV_STATUS_SUCCESS)
		return status;

	int run_size = kvm_ioctl(partition->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (run_size < (int)sizeof(struct kvm_run))
		return kvm_fault_errno(fault, "KVM_GET_VCPU_MMAP_SIZE", run_size < 0 ? errno : 0);
	partition->run_size = (size_t)run_size;

	partition->vm_fd = kvm_ioctl(partition->kvm_fd, KVM_CREATE_VM, NULL);
	if (partition->vm_fd < 0)
		return kvm_fault_errno(fault, "KVM_CREATE_VM", errno);
	return HV_STATUS_SUCCESS;
}

/* Before the irqchip: every memory slot after it costs milliseconds. */
static hv_status vm_register_memory(struct partition *partition, struct hv_fault *fault)
{
	const struct guest_memory *memory = &partition->memory;
	uint64_t hva = (uint64_t)(uintptr_t)memory->hva;

	for (uint32_t slot = 0; slot < memory->n_ranges; slot++) {
		const struct gpa_range *range = &memory->range[slot];
		const struct kvm_userspace_memory_region region = {
			.slot = slot,
			.guest_phys_addr = range->base,
			.memory_size = range->size,
			.userspace_addr = hva,
		};

		if (kvm_ioctl(partition->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
			return kvm_fault_errno(fault, "KVM_SET_USER_MEMORY_REGION", errno);
		hva += range->size;
	}
	return HV_STATUS_SUCCESS;
}

static hv_status vm_create_machine(struct partition *partition, struct hv_fault *fault)
{
	const uint64_t identity_map = IDENTITY_MAP_ADDRESS;
	const struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

	if (kvm_ioctl(partition->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0)
		return kvm_fault_errno(fault, "KVM_SET_IDENTITY_MAP_ADDR", errno);
	/* The argument is the address itself. */
	if (kvm_ioctl(partition->vm_fd, KVM_SET_TSS_ADDR, (const void *)TSS_ADDRESS) < 0)
		return kvm_fault_errno(fault, "KVM_SET_TSS_ADDR", errno);
	if (!partition->irqchip)
		return HV_STATUS_SUCCESS;
	if (kvm_ioctl(partition->vm_fd, KVM_CREATE_IRQCHIP, NULL) < 0)
		return kvm_fault_errno(fault, "KVM_CREATE_IRQCHIP", errno);
	if (kvm_ioctl(partition->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
		return kvm_fault_errno(fault, "KVM_CREATE_PIT2", errno);
	return HV_STATUS_SUCCESS;
}

static hv_status partition_build(struct partition *partition,
				 const struct partition_properties *properties,
				 struct hv_fault *fault)
{
	hv_status status = vm_open(partition, properties->hypervisor_fd, fault);

	/* Before the memory: KVM waits for readers of what was there before, 15 ms and more, unless
	 * nobody can have read anything yet. */
	partition->apic_assist = properties->apic_assist && properties->irqchip &&
				 partition->kvm_fd >= 0 &&
				 kvm_has_cap(partition->kvm_fd, KVM_CAP_HYPERV_VAPIC);
	if (status == HV_STATUS_SUCCESS && properties->synthetic_msrs)
		status = kvm_filter_msrs(partition, fault);
	if (status == HV_STATUS_SUCCESS)
		status = guest_memory_init(&partition->memory, properties->memory_size,
					   properties->pages_fd, fault);
	if (status == HV_STATUS_SUCCESS)
		status = vm_register_memory(partition, fault);
	if (status == HV_STATUS_SUCCESS)
		status = vm_create_machine(partition, fault);
	if (status == HV_STATUS_SUCCESS)
		partition->sync_registers =
			((unsigned int)kvm_cap_value(partition->kvm_fd, KVM_CAP_SYNC_REGS) &
			 KVM_SYNC_X86_REGS) != 0;
	return status;
}

hv_status partition_create(const struct partition_properties *properties, struct partition **ret,
			   struct hv_fault *fault)
{
	if (properties->vp_count == 0 || properties->vp_count > PARTITION_MAX_VPS)
		return kvm_fault(fault, HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE, "vp_count", 0);
	if (!guest_memory_size_valid(properties->memory_size))
		return kvm_fault(fault, HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE, "memory_size", 0);

	struct partition *partition =
		calloc(1, sizeof(*partition) + properties->vp_count * sizeof(struct vp *));
	if (partition == NULL)
		return kvm_fault(fault, HV_STATUS_INSUFFICIENT_MEMORY, "calloc", ENOMEM);
	partition->memory.pages_fd = -1;
	partition->kvm_fd = -1;
	partition->vm_fd = -1;
	partition->vp_count = properties->vp_count;
	partition->irqchip = properties->irqchip;

	hv_status status = partition_build(partition, properties, fault);
	if (status != HV_STATUS_SUCCESS) {
		partition_delete(partition);
		return status;
	}
	*ret = partition;
	return HV_STATUS_SUCCESS;
}

void partition_delete(struct partition *partition)
{
	if (partition == NULL)
		return;
	for (uint32_t i = 0; i < partition->vp_count; i++)
		vp_delete(partition->vps[i]);
	if (partition->vm_fd >= 0)
		(void)close(partition->vm_fd);
	guest_memory_release(&partition->memory);
	if (partition->kvm_fd >= 0)
		(void)close(partition->kvm_fd);
	free(partition);
}
