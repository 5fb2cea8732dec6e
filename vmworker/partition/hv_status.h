/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Status codes of the partition API. Values and names are those of the TLFS, appendix "Hypercall
 * Status Codes", so that they can also be handed to a guest.
 */
#ifndef HV_STATUS_H
#define HV_STATUS_H

#include <stdint.h>

typedef enum hv_status {
	HV_STATUS_SUCCESS = 0x0000,
	HV_STATUS_INVALID_HYPERCALL_CODE = 0x0002,
	HV_STATUS_INVALID_HYPERCALL_INPUT = 0x0003,
	HV_STATUS_INVALID_ALIGNMENT = 0x0004,
	HV_STATUS_INVALID_PARAMETER = 0x0005,
	HV_STATUS_ACCESS_DENIED = 0x0006,
	HV_STATUS_INVALID_PARTITION_STATE = 0x0007,
	HV_STATUS_OPERATION_DENIED = 0x0008,
	HV_STATUS_UNKNOWN_PROPERTY = 0x0009,
	HV_STATUS_PROPERTY_VALUE_OUT_OF_RANGE = 0x000a,
	HV_STATUS_INSUFFICIENT_MEMORY = 0x000b,
	HV_STATUS_INVALID_PARTITION_ID = 0x000d,
	HV_STATUS_INVALID_VP_INDEX = 0x000e,
	HV_STATUS_INVALID_PORT_ID = 0x0011,
	HV_STATUS_INVALID_CONNECTION_ID = 0x0012,
	HV_STATUS_INSUFFICIENT_BUFFERS = 0x0013,
	HV_STATUS_INVALID_VP_STATE = 0x0015,
	HV_STATUS_NO_RESOURCES = 0x001d,
	HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED = 0x0020,
	HV_STATUS_INVALID_REGISTER_VALUE = 0x0050,
	HV_STATUS_TIMEOUT = 0x0078,
} hv_status;

/* Static string: the name of the constant, or "HV_STATUS_?" for a value not listed. */
const char *hv_status_name(hv_status status);

/*
 * What a failed control call leaves for the person who has to mend it: the call that failed, and
 * errno of the system call below it (0 when there was none).
 */
struct hv_fault {
	hv_status status;
	int sys_errno;
	const char *call; /* static, e.g. "KVM_CREATE_VM" or "open(/dev/kvm)" */
};

#endif
