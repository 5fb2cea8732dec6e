/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kvm_private.h"

#define API_VERSION 12

struct cap {
	const char *name;
	unsigned long number;
	bool required;
};

#define REQUIRED(c)         \
	{                   \
#c, c, true \
	}
#define OPTIONAL(c)          \
	{                    \
#c, c, false \
	}
static const struct cap caps[] = {
	REQUIRED(KVM_CAP_USER_MEMORY),
	REQUIRED(KVM_CAP_IRQCHIP),
	REQUIRED(KVM_CAP_PIT2),
	REQUIRED(KVM_CAP_EXT_CPUID),
	REQUIRED(KVM_CAP_SET_TSS_ADDR),
	REQUIRED(KVM_CAP_SET_IDENTITY_MAP_ADDR),
	REQUIRED(KVM_CAP_IMMEDIATE_EXIT),
	REQUIRED(KVM_CAP_IOEVENTFD),
	REQUIRED(KVM_CAP_IRQFD),
	REQUIRED(KVM_CAP_SIGNAL_MSI),
	OPTIONAL(KVM_CAP_NR_VCPUS),
	OPTIONAL(KVM_CAP_NR_MEMSLOTS),
	OPTIONAL(KVM_CAP_IOEVENTFD_ANY_LENGTH),
	OPTIONAL(KVM_CAP_SYNC_REGS),
	OPTIONAL(KVM_CAP_X86_USER_SPACE_MSR),
	OPTIONAL(KVM_CAP_X86_MSR_FILTER),
	OPTIONAL(KVM_CAP_TSC_DEADLINE_TIMER),
	OPTIONAL(KVM_CAP_TSC_CONTROL),
	OPTIONAL(KVM_CAP_GET_TSC_KHZ),
	OPTIONAL(KVM_CAP_KVMCLOCK_CTRL),
	OPTIONAL(KVM_CAP_BINARY_STATS_FD),
	OPTIONAL(KVM_CAP_SPLIT_IRQCHIP),
	OPTIONAL(KVM_CAP_X2APIC_API),
	OPTIONAL(KVM_CAP_DIRTY_LOG_RING),
	OPTIONAL(KVM_CAP_HYPERV),
	OPTIONAL(KVM_CAP_HYPERV_VAPIC),
	OPTIONAL(KVM_CAP_HYPERV_SYNIC2),
	OPTIONAL(KVM_CAP_HYPERV_VP_INDEX),
	OPTIONAL(KVM_CAP_HYPERV_TLBFLUSH),
	OPTIONAL(KVM_CAP_HYPERV_SEND_IPI),
	OPTIONAL(KVM_CAP_HYPERV_CPUID),
};
#define N_CAPS (sizeof(caps) / sizeof(caps[0]))
_Static_assert(N_CAPS <= PARTITION_MAX_CAPS, "struct partition_host has room for them");

int kvm_cap_value(int fd, unsigned long cap)
{
	int value = ioctl(fd, KVM_CHECK_EXTENSION, cap);

	return value < 0 ? 0 : value;
}

bool kvm_has_cap(int fd, unsigned long cap)
{
	return kvm_cap_value(fd, cap) > 0;
}

int kvm_open(struct hv_fault *fault)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		kvm_fault_errno(fault, "open(/dev/kvm)", errno);
		return -1;
	}
	int version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != API_VERSION) {
		kvm_fault(fault, HV_STATUS_OPERATION_DENIED, "KVM_GET_API_VERSION",
			  version < 0 ? errno : 0);
		(void)close(fd);
		return -1;
	}
	return fd;
}

hv_status kvm_check_required(int kvm_fd, struct hv_fault *fault)
{
	for (size_t i = 0; i < N_CAPS; i++)
		if (caps[i].required && !kvm_has_cap(kvm_fd, caps[i].number))
			return kvm_fault(fault, HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED,
					 caps[i].name, 0);
	return HV_STATUS_SUCCESS;
}

enum partition_virt kvm_virt_of_processor(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & (1u << 2)) != 0)
		return PARTITION_VIRT_AMDV;
	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & (1u << 5)) != 0)
		return PARTITION_VIRT_VTX;
	return PARTITION_VIRT_NONE;
}

/* KVM may be there and yet refuse, as when another hypervisor holds the processor. */
static bool can_create(int kvm_fd, struct hv_fault *fault)
{
	int vm_fd = kvm_ioctl(kvm_fd, KVM_CREATE_VM, NULL);

	if (vm_fd < 0) {
		kvm_fault_errno(fault, "KVM_CREATE_VM", errno);
		return false;
	}
	(void)close(vm_fd);
	return true;
}

void partition_probe(struct partition_host *host)
{
	memset(host, 0, sizeof(*host));
	host->virt = kvm_virt_of_processor();
	host->n_caps = N_CAPS;
	for (size_t i = 0; i < N_CAPS; i++)
		host->caps[i] =
			(struct partition_cap){.name = caps[i].name, .required = caps[i].required};

	int fd = kvm_open(&host->fault);
	if (fd < 0)
		return;
	host->api_version = API_VERSION;
	for (size_t i = 0; i < N_CAPS; i++)
		host->caps[i].value = kvm_cap_value(fd, caps[i].number);
	uint32_t max_vps = (uint32_t)kvm_cap_value(fd, KVM_CAP_MAX_VCPUS);
	host->max_vps = max_vps < PARTITION_MAX_VPS ? max_vps : PARTITION_MAX_VPS;
	if (host->virt == PARTITION_VIRT_NONE)
		host->virt = PARTITION_VIRT_SOFTWARE;
	host->usable = kvm_check_required(fd, &host->fault) == HV_STATUS_SUCCESS &&
		       can_create(fd, &host->fault);
	(void)close(fd);
}
