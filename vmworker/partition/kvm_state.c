/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What saving and restoring of a partition and of its VPs share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kvm_private.h"
#include "kvm_state.h"
#include "state.h"

hv_status kvm_state_put(struct state_writer *writer, int fd, unsigned long request,
			const char *call, void *data, size_t size)
{
	if (kvm_ioctl(fd, request, data) < 0)
		return kvm_fault_errno(NULL, call, errno);
	state_put_u32(writer, (uint32_t)size);
	state_put_bytes(writer, data, size);
	return HV_STATUS_SUCCESS;
}

const void *kvm_state_get(struct state_reader *reader, const char *call, size_t size)
{
	char text[96];

	if (state_get_u32(reader) != size && state_ok(reader)) {
		snprintf(text, sizeof(text), "the hypervisor here has another %s", call);
		state_fail(reader, text);
	}
	return state_get_view(reader, size);
}

hv_status kvm_state_refused(struct state_reader *reader, const char *call, int sys_errno)
{
	char text[96];

	snprintf(text, sizeof(text), "%s: %s", call, strerrordesc_np(sys_errno));
	state_fail(reader, text);
	return kvm_fault_errno(NULL, call, sys_errno);
}

hv_status kvm_state_status(const struct state_reader *reader)
{
	return state_ok(reader) ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARAMETER;
}
