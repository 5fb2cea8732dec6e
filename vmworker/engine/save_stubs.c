/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for the parts that cannot be saved yet: general registers only, and no VMBus. */
#include "save_stubs.h"

static const hv_register_name names[] = {
	HV_X64_REGISTER_RAX,	HV_X64_REGISTER_RCX,  HV_X64_REGISTER_RDX,  HV_X64_REGISTER_RBX,
	HV_X64_REGISTER_RSP,	HV_X64_REGISTER_RBP,  HV_X64_REGISTER_RSI,  HV_X64_REGISTER_RDI,
	HV_X64_REGISTER_R8,	HV_X64_REGISTER_R9,   HV_X64_REGISTER_R10,  HV_X64_REGISTER_R11,
	HV_X64_REGISTER_R12,	HV_X64_REGISTER_R13,  HV_X64_REGISTER_R14,  HV_X64_REGISTER_R15,
	HV_X64_REGISTER_RIP,	HV_X64_REGISTER_CR0,  HV_X64_REGISTER_CR2,  HV_X64_REGISTER_CR3,
	HV_X64_REGISTER_CR4,	HV_X64_REGISTER_CR8,  HV_X64_REGISTER_ES,   HV_X64_REGISTER_CS,
	HV_X64_REGISTER_SS,	HV_X64_REGISTER_DS,   HV_X64_REGISTER_FS,   HV_X64_REGISTER_GS,
	HV_X64_REGISTER_LDTR,	HV_X64_REGISTER_TR,   HV_X64_REGISTER_IDTR, HV_X64_REGISTER_GDTR,
	HV_X64_REGISTER_RFLAGS, HV_X64_REGISTER_EFER,
};

hv_status partition_save(struct partition *partition, struct state_writer *writer)
{
	(void)partition;
	state_begin(writer, "partition", 1);
	state_end(writer);
	return HV_STATUS_SUCCESS;
}

hv_status partition_restore(struct partition *partition, struct state_reader *reader)
{
	(void)partition;
	if (!state_enter(reader, "partition", 1))
		return HV_STATUS_INVALID_PARAMETER;
	state_leave(reader);
	return HV_STATUS_SUCCESS;
}

hv_status vp_save(struct vp *vp, struct state_writer *writer)
{
	union hv_register_value values[G_N_ELEMENTS(names)] = {0};
	struct hv_intercept intercept;
	hv_status status;

	/* Completes the instruction that was intercepted last. */
	vp_cancel(vp);
	(void)vp_run(vp, &intercept);
	status = vp_get_registers(vp, names, values, G_N_ELEMENTS(names));
	state_begin(writer, "vp", 1);
	state_put_bytes(writer, values, sizeof(values));
	state_end(writer);
	return status;
}

hv_status vp_restore(struct vp *vp, struct state_reader *reader)
{
	union hv_register_value values[G_N_ELEMENTS(names)];

	if (!state_enter(reader, "vp", 1))
		return HV_STATUS_INVALID_PARAMETER;
	state_get_bytes(reader, values, sizeof(values));
	state_leave(reader);
	if (!state_ok(reader))
		return HV_STATUS_INVALID_PARAMETER;
	return vp_set_registers(vp, names, values, G_N_ELEMENTS(names));
}

void hv_save(struct hv *hv, struct state_writer *writer)
{
	(void)hv;
	state_begin(writer, "hv", 1);
	state_end(writer);
}

bool hv_restore(struct hv *hv, struct state_reader *reader)
{
	(void)hv;
	if (!state_enter(reader, "hv", 1))
		return false;
	state_leave(reader);
	return state_ok(reader);
}

bool synthetic_save(struct synthetic *synthetic, struct state_writer *writer, GError **error)
{
	(void)synthetic;
	(void)error;
	state_begin(writer, "synthetic", 1);
	state_end(writer);
	return true;
}

void synthetic_release(struct synthetic *synthetic)
{
	(void)synthetic;
}

bool synthetic_restore(struct synthetic *synthetic, struct state_reader *reader, GError **error)
{
	(void)synthetic;
	(void)error;
	if (!state_enter(reader, "synthetic", 1))
		return false;
	state_leave(reader);
	return state_ok(reader);
}
