/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "kvm_private.h"

#define N_GSIS 24u

hv_status partition_set_interrupt_line(struct partition *partition, uint32_t gsi, bool level)
{
	const struct kvm_irq_level line = {.irq = gsi, .level = level};

	if (gsi >= N_GSIS)
		return HV_STATUS_INVALID_PARAMETER;
	if (!partition->irqchip)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (kvm_ioctl(partition->vm_fd, KVM_IRQ_LINE, &line) < 0)
		return kvm_fault_errno(NULL, "KVM_IRQ_LINE", errno);
	return HV_STATUS_SUCCESS;
}

hv_status partition_signal_msi(struct partition *partition, uint64_t address, uint32_t data)
{
	const struct kvm_msi msi = {
		.address_lo = (uint32_t)address,
		.address_hi = (uint32_t)(address >> 32),
		.data = data,
	};

	if (!partition->irqchip)
		return HV_STATUS_INVALID_PARTITION_STATE;
	/* 0 says that the guest masks it, which is the guest's right. */
	if (kvm_ioctl(partition->vm_fd, KVM_SIGNAL_MSI, &msi) < 0)
		return kvm_fault_errno(NULL, "KVM_SIGNAL_MSI", errno);
	return HV_STATUS_SUCCESS;
}

static hv_status port_eventfd(struct partition *partition, uint16_t port, uint8_t size,
			      uint32_t value, int fd, uint32_t flags)
{
	const struct kvm_ioeventfd binding = {
		.datamatch = size == 0 ? 0 : value,
		.addr = port,
		.len = size,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_PIO | flags |
			 (size == 0 ? 0 : (uint32_t)KVM_IOEVENTFD_FLAG_DATAMATCH),
	};

	if (fd < 0 || (size != 0 && size != 1 && size != 2 && size != 4))
		return HV_STATUS_INVALID_PARAMETER;
	if (size == 0 && !kvm_has_cap(partition->kvm_fd, KVM_CAP_IOEVENTFD_ANY_LENGTH))
		return HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED;
	if (kvm_ioctl(partition->vm_fd, KVM_IOEVENTFD, &binding) < 0)
		return errno == ENOENT ? HV_STATUS_INVALID_PARAMETER
				       : kvm_fault_errno(NULL, "KVM_IOEVENTFD", errno);
	return HV_STATUS_SUCCESS;
}

hv_status partition_bind_port_eventfd(struct partition *partition, uint16_t port, uint8_t size,
				      uint32_t value, int fd)
{
	return port_eventfd(partition, port, size, value, fd, 0);
}

hv_status partition_unbind_port_eventfd(struct partition *partition, uint16_t port, uint8_t size,
					uint32_t value, int fd)
{
	return port_eventfd(partition, port, size, value, fd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

hv_status partition_bind_irqfd(struct partition *partition, uint32_t gsi, int fd)
{
	const struct kvm_irqfd binding = {.fd = (uint32_t)fd, .gsi = gsi};

	if (gsi >= N_GSIS || fd < 0)
		return HV_STATUS_INVALID_PARAMETER;
	if (!partition->irqchip)
		return HV_STATUS_INVALID_PARTITION_STATE;
	if (kvm_ioctl(partition->vm_fd, KVM_IRQFD, &binding) < 0)
		return kvm_fault_errno(NULL, "KVM_IRQFD", errno);
	return HV_STATUS_SUCCESS;
}

/* ---- ends of interrupts ---------------------------------------------------------------------- */

/*
 * Writing the local APIC as a whole could lose interrupts that arrive meanwhile. KVM's own Hyper-V
 * EOI register does what the guest's EOI does, for the vector that is in service.
 */
#define MSR_HV_EOI 0x40000070u

#define APIC_ISR 0x100u /* 8 registers of 32 bits, 16 bytes apart */
#define APIC_IRR 0x200u

static bool apic_bit(const struct kvm_lapic_state *apic, unsigned int base, unsigned int vector)
{
	uint32_t word;

	memcpy(&word, apic->regs + base + (size_t)(vector / 32) * 16, sizeof(word));
	return (word >> vector % 32 & 1) != 0;
}

static int apic_in_service(const struct kvm_lapic_state *apic)
{
	for (unsigned int vector = 256; vector-- > 0;)
		if (apic_bit(apic, APIC_ISR, vector))
			return (int)vector;
	return -1;
}

bool partition_can_end_interrupts(const struct partition *partition)
{
	return partition->irqchip && kvm_has_cap(partition->kvm_fd, KVM_CAP_HYPERV);
}

hv_status vp_end_interrupt(struct vp *vp, uint8_t vector, bool *left)
{
	struct kvm_lapic_state apic;

	if (!partition_can_end_interrupts(vp->partition))
		return HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED;
	if (kvm_ioctl(vp->fd, KVM_GET_LAPIC, &apic) < 0)
		return kvm_fault_errno(NULL, "KVM_GET_LAPIC", errno);
	if (apic_in_service(&apic) != vector) {
		*left = apic_bit(&apic, APIC_ISR, vector) || apic_bit(&apic, APIC_IRR, vector);
		return HV_STATUS_SUCCESS;
	}
	if (!kvm_msr_set(vp, MSR_HV_EOI, 0))
		return kvm_fault_errno(NULL, "KVM_SET_MSRS", errno);
	*left = apic_bit(&apic, APIC_IRR, vector); /* the next of the same vector */
	return HV_STATUS_SUCCESS;
}
