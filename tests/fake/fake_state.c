/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpuid_state.h"
#include "fake_private.h"
#include "state.h"

#define VERSION 1u

static hv_status status_of(const struct state_reader *reader)
{
	return state_ok(reader) ? HV_STATUS_SUCCESS : HV_STATUS_INVALID_PARAMETER;
}

/* A failure that was asked for is told by the reader, too. */
static bool restore_fails(enum fake_call call, const char *name, struct state_reader *reader,
			  hv_status *status)
{
	if (!fake_call_fails(call, name, status, NULL))
		return false;
	state_fail(reader, name);
	return true;
}

hv_status partition_save(struct partition *partition, struct state_writer *writer)
{
	hv_status status;

	if (fake_call_fails(FAKE_PARTITION_SAVE, "partition_save", &status, NULL))
		return status;
	state_begin(writer, "partition", VERSION);
	g_mutex_lock(&partition->lock);
	for (size_t i = 0; i < FAKE_N_GSIS; i++)
		state_put_bool(writer, partition->level[i]);
	g_mutex_unlock(&partition->lock);
	state_end(writer);
	return HV_STATUS_SUCCESS;
}

hv_status partition_restore(struct partition *partition, struct state_reader *reader)
{
	hv_status status;

	if (restore_fails(FAKE_PARTITION_RESTORE, "partition_restore", reader, &status))
		return status;
	state_enter(reader, "partition", VERSION);
	g_mutex_lock(&partition->lock);
	for (size_t i = 0; i < FAKE_N_GSIS; i++)
		partition->level[i] = state_get_bool(reader);
	g_mutex_unlock(&partition->lock);
	state_leave(reader);
	return status_of(reader);
}

hv_status vp_save(struct vp *vp, struct state_writer *writer)
{
	hv_status status;
	size_t n;
	const hv_register_name *names = fake_register_names(&n);

	if (fake_call_fails(FAKE_VP_SAVE, "vp_save", &status, NULL))
		return status;
	state_begin(writer, "vp", VERSION);
	state_put_u32(writer, vp->index);
	for (size_t i = 0; i < n; i++) {
		union hv_register_value value = fake_vp_register(vp, names[i]);

		state_put_bytes(writer, &value, sizeof(value));
	}
	g_mutex_lock(&vp->lock);
	/* Its last instruction is complete. */
	vp->answered = vp->delivered;
	g_cond_broadcast(&vp->changed);
	cpuid_state_save(writer, (const struct hv_cpuid_entry *)vp->cpuid->data, vp->cpuid->len);
	g_mutex_unlock(&vp->lock);
	state_end(writer);
	return HV_STATUS_SUCCESS;
}

hv_status vp_restore(struct vp *vp, struct state_reader *reader)
{
	hv_status status;
	size_t n;
	const hv_register_name *names = fake_register_names(&n);

	if (restore_fails(FAKE_VP_RESTORE, "vp_restore", reader, &status))
		return status;
	state_enter(reader, "vp", VERSION);
	if (state_get_u32(reader) != vp->index)
		state_fail(reader, "it is another processor's");
	for (size_t i = 0; i < n; i++) {
		union hv_register_value value;

		state_get_bytes(reader, &value, sizeof(value));
		if (state_ok(reader))
			(void)vp_set_registers(vp, &names[i], &value, 1);
	}
	g_mutex_lock(&vp->lock);
	cpuid_state_check(reader, (const struct hv_cpuid_entry *)vp->cpuid->data, vp->cpuid->len);
	g_mutex_unlock(&vp->lock);
	state_leave(reader);
	return status_of(reader);
}
