/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "fake_private.h"

static void push_free(void *data)
{
	struct fake_push *push = data;

	g_free(push->data);
	g_free(push);
}

hv_status vp_create(struct partition *partition, uint32_t index, struct vp **ret,
		    struct hv_fault *fault)
{
	hv_status status;

	if (fake_call_fails(FAKE_VP_CREATE, "vp_create", &status, fault))
		return status;
	if (index >= partition->vp_count || partition->vps[index] != NULL) {
		*fault = (struct hv_fault){HV_STATUS_INVALID_VP_INDEX, 0, "vp_index"};
		return fault->status;
	}
	struct vp *vp = g_new0(struct vp, 1);
	vp->partition = partition;
	vp->index = index;
	g_mutex_init(&vp->lock);
	g_cond_init(&vp->changed);
	vp->pushes = g_ptr_array_new_with_free_func(push_free);
	vp->cpuid = g_array_new(FALSE, FALSE, sizeof(struct hv_cpuid_entry));
	vp->registers = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	partition->vps[index] = vp;
	fake_count_vp(true);
	*ret = vp;
	return HV_STATUS_SUCCESS;
}

void vp_delete(struct vp *vp)
{
	if (vp == NULL)
		return;
	vp->partition->vps[vp->index] = NULL;
	g_ptr_array_unref(vp->pushes);
	g_array_unref(vp->cpuid);
	g_hash_table_unref(vp->registers);
	g_cond_clear(&vp->changed);
	g_mutex_clear(&vp->lock);
	g_free(vp);
	fake_count_vp(false);
}

uint32_t vp_index(const struct vp *vp)
{
	return vp->index;
}

hv_status vp_set_cpuid(struct vp *vp, const struct hv_cpuid_entry *entries, size_t n)
{
	hv_status status;

	if (fake_call_fails(FAKE_VP_SET_CPUID, "vp_set_cpuid", &status, NULL))
		return status;
	g_mutex_lock(&vp->lock);
	g_array_set_size(vp->cpuid, 0);
	g_array_append_vals(vp->cpuid, entries, (guint)n);
	g_mutex_unlock(&vp->lock);
	return HV_STATUS_SUCCESS;
}

const struct hv_cpuid_entry *fake_vp_cpuid(struct vp *vp, size_t *n)
{
	g_mutex_lock(&vp->lock);
	*n = vp->cpuid->len;
	const struct hv_cpuid_entry *entries = (const struct hv_cpuid_entry *)vp->cpuid->data;
	g_mutex_unlock(&vp->lock);
	return entries;
}

/* ---- registers ------------------------------------------------------------------------------ */

#define X(name) HV_X64_REGISTER_##name
static const hv_register_name register_names[] = {
	X(RAX), X(RCX), X(RDX),	 X(RBX), X(RSP),  X(RBP),  X(RSI),  X(RDI), X(R8),
	X(R9),	X(R10), X(R11),	 X(R12), X(R13),  X(R14),  X(R15),  X(RIP), X(RFLAGS),
	X(CR0), X(CR2), X(CR3),	 X(CR4), X(CR8),  X(ES),   X(CS),   X(SS),  X(DS),
	X(FS),	X(GS),	X(LDTR), X(TR),	 X(IDTR), X(GDTR), X(EFER),
};
#undef X

const hv_register_name *fake_register_names(size_t *n)
{
	*n = G_N_ELEMENTS(register_names);
	return register_names;
}

static bool register_known(hv_register_name name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(register_names); i++)
		if (register_names[i] == name)
			return true;
	return false;
}

static bool registers_known(const hv_register_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!register_known(names[i]))
			return false;
	return true;
}

union hv_register_value fake_vp_register(struct vp *vp, hv_register_name name)
{
	union hv_register_value value;

	memset(&value, 0, sizeof(value));
	g_mutex_lock(&vp->lock);
	const union hv_register_value *known =
		g_hash_table_lookup(vp->registers, GUINT_TO_POINTER(name));
	if (known != NULL)
		value = *known;
	g_mutex_unlock(&vp->lock);
	return value;
}

hv_status vp_get_registers(struct vp *vp, const hv_register_name *names,
			   union hv_register_value *values, size_t n)
{
	hv_status status;

	if (fake_call_fails(FAKE_VP_GET_REGISTERS, "vp_get_registers", &status, NULL))
		return status;
	if (!registers_known(names, n))
		return HV_STATUS_INVALID_PARAMETER;
	for (size_t i = 0; i < n; i++)
		values[i] = fake_vp_register(vp, names[i]);
	return HV_STATUS_SUCCESS;
}

hv_status vp_set_registers(struct vp *vp, const hv_register_name *names,
			   const union hv_register_value *values, size_t n)
{
	hv_status status;

	if (fake_call_fails(FAKE_VP_SET_REGISTERS, "vp_set_registers", &status, NULL))
		return status;
	if (!registers_known(names, n))
		return HV_STATUS_INVALID_PARAMETER;
	g_mutex_lock(&vp->lock);
	for (size_t i = 0; i < n; i++)
		g_hash_table_insert(vp->registers, GUINT_TO_POINTER(names[i]),
				    g_memdup2(&values[i], sizeof(values[i])));
	g_mutex_unlock(&vp->lock);
	return HV_STATUS_SUCCESS;
}

static const hv_register_name call_names[] = {
	HV_X64_REGISTER_RAX, HV_X64_REGISTER_RBX, HV_X64_REGISTER_RCX, HV_X64_REGISTER_RDX,
	HV_X64_REGISTER_RSI, HV_X64_REGISTER_RDI, HV_X64_REGISTER_R8,  HV_X64_REGISTER_RFLAGS,
};

hv_status vp_get_call_registers(struct vp *vp, struct hv_call_registers *r)
{
	uint64_t *const to[] = {&r->rax, &r->rbx, &r->rcx, &r->rdx,
				&r->rsi, &r->rdi, &r->r8,  &r->rflags};
	union hv_register_value values[G_N_ELEMENTS(call_names)] = {0};
	hv_status status = vp_get_registers(vp, call_names, values, G_N_ELEMENTS(values));

	for (size_t i = 0; i < G_N_ELEMENTS(values) && status == HV_STATUS_SUCCESS; i++)
		*to[i] = values[i].reg64;
	return status;
}

hv_status vp_set_call_registers(struct vp *vp, const struct hv_call_registers *r)
{
	const union hv_register_value values[] = {
		{.reg64 = r->rax}, {.reg64 = r->rbx}, {.reg64 = r->rcx}, {.reg64 = r->rdx},
		{.reg64 = r->rsi}, {.reg64 = r->rdi}, {.reg64 = r->r8},	 {.reg64 = r->rflags},
	};

	return vp_set_registers(vp, call_names, values, G_N_ELEMENTS(values));
}

hv_status vp_halt(struct vp *vp)
{
	g_mutex_lock(&vp->lock);
	vp->halts++;
	g_mutex_unlock(&vp->lock);
	return HV_STATUS_SUCCESS;
}

unsigned int fake_vp_halts(struct vp *vp)
{
	g_mutex_lock(&vp->lock);
	unsigned int n = vp->halts;
	g_mutex_unlock(&vp->lock);
	return n;
}

hv_status vp_set_guest_os_id(struct vp *vp, uint64_t id)
{
	g_mutex_lock(&vp->partition->lock);
	vp->partition->guest_os_id = id;
	g_mutex_unlock(&vp->partition->lock);
	return HV_STATUS_SUCCESS;
}

/* No page of a guest's is beyond its memory. */
hv_status vp_set_assist_page(struct vp *vp, uint64_t value)
{
	if (!partition_gpa_pointer(vp->partition, value & ~0xfffull, 0x1000))
		return HV_STATUS_OPERATION_DENIED;
	g_mutex_lock(&vp->partition->lock);
	vp->partition->assist_page = value;
	g_mutex_unlock(&vp->partition->lock);
	return HV_STATUS_SUCCESS;
}

uint64_t fake_assist_page(struct partition *partition)
{
	g_mutex_lock(&partition->lock);
	uint64_t page = partition->assist_page;
	g_mutex_unlock(&partition->lock);
	return page;
}

uint64_t fake_guest_os_id(struct partition *partition)
{
	g_mutex_lock(&partition->lock);
	uint64_t id = partition->guest_os_id;
	g_mutex_unlock(&partition->lock);
	return id;
}

/* ---- running -------------------------------------------------------------------------------- */

/* The next exit with vp->lock held, which a guest program is called without; false: wait. */
static bool next_exit(struct vp *vp, struct hv_intercept *intercept)
{
	if (vp->cancel) {
		vp->cancel = false;
		*intercept = (struct hv_intercept){.type = HV_INTERCEPT_CANCELED};
		return true;
	}
	if (vp->delivered < vp->pushes->len) {
		const struct fake_push *push = g_ptr_array_index(vp->pushes, vp->delivered);

		vp->delivered++;
		*intercept = push->intercept;
		return true;
	}
	uint64_t step = vp->step;
	g_mutex_unlock(&vp->lock);
	*intercept = (struct hv_intercept){.type = HV_INTERCEPT_CANCELED};
	bool exits = fake_run_guest(vp, step, intercept);
	g_mutex_lock(&vp->lock);
	if (exits)
		vp->step++;
	return exits;
}

hv_status vp_run(struct vp *vp, struct hv_intercept *intercept)
{
	hv_status status;

	if (fake_call_fails(FAKE_VP_RUN, "vp_run", &status, NULL))
		return status;
	g_mutex_lock(&vp->lock);
	vp->answered = vp->delivered;
	g_cond_broadcast(&vp->changed);
	while (!next_exit(vp, intercept)) {
		/* The guest program ran unlocked: look again before sleeping. */
		if (vp->cancel || vp->delivered < vp->pushes->len)
			continue;
		vp->idle = true;
		g_cond_broadcast(&vp->changed);
		g_cond_wait(&vp->changed, &vp->lock);
		vp->idle = false;
	}
	vp->statistics.intercepts[intercept->type]++;
	g_mutex_unlock(&vp->lock);
	return HV_STATUS_SUCCESS;
}

void vp_cancel(struct vp *vp)
{
	g_mutex_lock(&vp->lock);
	vp->cancel = true;
	g_cond_broadcast(&vp->changed);
	g_mutex_unlock(&vp->lock);
}

void vp_get_statistics(const struct vp *vp, struct vp_statistics *out)
{
	GMutex *lock = (GMutex *)&vp->lock;

	g_mutex_lock(lock);
	*out = vp->statistics;
	g_mutex_unlock(lock);
}

void partition_foreach_counter(const struct partition *partition, const struct vp *vp,
			       void (*visit)(void *context, const char *name, uint64_t value),
			       void *context)
{
	(void)partition;
	visit(context, vp != NULL ? "exits" : "remote_tlb_flush", 1);
}
