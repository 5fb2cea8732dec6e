/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/ioctl.h>

#include "kvm_private.h"

hv_status kvm_fault(struct hv_fault *fault, hv_status status, const char *call, int sys_errno)
{
	if (fault != NULL)
		*fault = (struct hv_fault){.status = status, .sys_errno = sys_errno, .call = call};
	return status;
}

static hv_status status_of_errno(int sys_errno)
{
	switch (sys_errno) {
	case EACCES:
	case EPERM:
		return HV_STATUS_ACCESS_DENIED;
	case ENOMEM:
		return HV_STATUS_INSUFFICIENT_MEMORY;
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case E2BIG:
		return HV_STATUS_NO_RESOURCES;
	case EINVAL:
		return HV_STATUS_INVALID_PARAMETER;
	default: /* ENOENT, ENODEV, ENXIO: no /dev/kvm; EBUSY: another hypervisor has the CPU */
		return HV_STATUS_OPERATION_DENIED;
	}
}

hv_status kvm_fault_errno(struct hv_fault *fault, const char *call, int sys_errno)
{
	return kvm_fault(fault, status_of_errno(sys_errno), call, sys_errno);
}

int kvm_ioctl(int fd, unsigned long request, const void *argument)
{
	int result;

	do
		result = ioctl(fd, request, argument);
	while (result < 0 && errno == EINTR);
	return result;
}
