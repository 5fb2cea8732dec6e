/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's TSC, which is the host's plus an offset: a partition never has its TSC scaled. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "kvm_private.h"

#define MSR_TSC	    0x10u
#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* What the kernel keeps its own time by, it has found to be stable. */
bool partition_tsc_is_stable(void)
{
	static const char *const by_tsc[] = {"tsc\n", "hyperv_clocksource_tsc_page\n"};
	char name[64];
	int fd = open(CLOCKSOURCE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t n = read(fd, name, sizeof(name) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	name[n] = '\0';
	for (size_t i = 0; i < sizeof(by_tsc) / sizeof(by_tsc[0]); i++)
		if (strcmp(name, by_tsc[i]) == 0)
			return true;
	return false;
}

/* Exactly, where KVM tells and is told (Linux 5.16). */
static bool offset_attribute(const struct vp *vp, unsigned long request, uint64_t *offset)
{
	const struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uint64_t)(uintptr_t)offset,
	};

	return kvm_ioctl(vp->fd, request, &attr) == 0;
}

/* To within the time that reading the guest's TSC takes. */
static bool offset_by_reading(const struct vp *vp, uint64_t *offset)
{
	uint64_t before = __rdtsc(), tsc;

	if (!kvm_msr_get(vp, MSR_TSC, &tsc))
		return false;
	*offset = tsc - (before + (__rdtsc() - before) / 2);
	return true;
}

bool kvm_tsc_offset(const struct vp *vp, uint64_t *offset)
{
	return offset_attribute(vp, KVM_GET_DEVICE_ATTR, offset) || offset_by_reading(vp, offset);
}

/* Older kernels take what is written within a second of other VPs' TSCs for the same as theirs. */
bool kvm_set_tsc_offset(const struct vp *vp, uint64_t offset)
{
	return offset_attribute(vp, KVM_SET_DEVICE_ATTR, &offset) ||
	       kvm_msr_set(vp, MSR_TSC, __rdtsc() + offset);
}

void kvm_learn_tsc(struct vp *vp)
{
	struct partition *partition = vp->partition;
	int khz = kvm_ioctl(vp->fd, KVM_GET_TSC_KHZ, NULL);

	partition->tsc_frequency = 0;
	if (khz > 0 && kvm_tsc_offset(vp, &partition->tsc_offset))
		partition->tsc_frequency = (uint64_t)khz * 1000;
}

uint64_t partition_tsc_frequency(const struct partition *partition)
{
	return partition->tsc_frequency;
}

uint64_t partition_guest_tsc(const struct partition *partition)
{
	return __rdtsc() + partition->tsc_offset;
}
