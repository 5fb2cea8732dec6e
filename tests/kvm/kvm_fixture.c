/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "kvm_fixture.h"

#define SKIPPED 77
#define PML4	0x9000ull
#define PDPT	0xa000ull
#define PD	0xb000ull

int kvm_missing(void)
{
	struct partition_host host;

	partition_probe(&host);
	if (host.usable)
		return 0;
	g_print("1..0 # SKIP no partition can be created here: %s: %s (%s)\n", host.fault.call,
		g_strerror(host.fault.sys_errno), hv_status_name(host.fault.status));
	return SKIPPED;
}

void set_register(struct vp *vp, hv_register_name name, uint64_t value)
{
	const union hv_register_value v = {.reg64 = value};

	g_assert_cmpint(vp_set_registers(vp, &name, &v, 1), ==, HV_STATUS_SUCCESS);
}

uint64_t get_register(struct vp *vp, hv_register_name name)
{
	union hv_register_value v;

	g_assert_cmpint(vp_get_registers(vp, &name, &v, 1), ==, HV_STATUS_SUCCESS);
	return v.reg64;
}

static void set_real_mode(struct vp *vp)
{
	const hv_register_name names[] = {HV_X64_REGISTER_CS, HV_X64_REGISTER_RIP,
					  HV_X64_REGISTER_RFLAGS};
	const union hv_register_value values[] = {
		{.segment = {.limit = 0xffff, .attributes = 0x9b}},
		{.reg64 = GUEST_LOAD_ADDRESS},
		{.reg64 = 2},
	};

	g_assert_cmpint(vp_set_registers(vp, names, values, G_N_ELEMENTS(names)), ==,
			HV_STATUS_SUCCESS);
}

/* All in one call: KVM looks at the whole of it. */
static void set_flat_mode(struct vp *vp, uint16_t code_attributes, uint64_t cr0, uint64_t cr3,
			  uint64_t cr4, uint64_t efer)
{
	const struct hv_segment_register code = {
		.limit = 0xffffffff, .selector = 0x08, .attributes = code_attributes};
	const struct hv_segment_register data = {
		.limit = 0xffffffff, .selector = 0x10, .attributes = 0xc093};
	const hv_register_name names[] = {
		HV_X64_REGISTER_CS,  HV_X64_REGISTER_DS,  HV_X64_REGISTER_ES,  HV_X64_REGISTER_SS,
		HV_X64_REGISTER_CR0, HV_X64_REGISTER_CR3, HV_X64_REGISTER_CR4, HV_X64_REGISTER_EFER,
	};
	const union hv_register_value values[] = {
		{.segment = code}, {.segment = data}, {.segment = data}, {.segment = data},
		{.reg64 = cr0},	   {.reg64 = cr3},    {.reg64 = cr4},	 {.reg64 = efer},
	};

	g_assert_cmpint(vp_set_registers(vp, names, values, G_N_ELEMENTS(names)), ==,
			HV_STATUS_SUCCESS);
}

void set_protected_mode(struct vp *vp)
{
	set_flat_mode(vp, 0xc09b, 0x11, 0, 0, 0);
}

void set_long_mode(struct vp *vp, uint64_t cr3)
{
	set_flat_mode(vp, 0xa09b, 0x80000011, cr3, 0x20, 0x500);
}

struct machine *machine_new(uint64_t memory, uint32_t n, bool irqchip, const char *guest,
			    size_t guest_size)
{
	const struct partition_properties properties = {
		.memory_size = memory, .vp_count = n, .irqchip = irqchip};
	struct machine *machine = g_new0(struct machine, 1);
	struct hv_fault fault = {0};

	hv_status status = partition_create(&properties, &machine->partition, &fault);
	if (status != HV_STATUS_SUCCESS)
		g_error("%s: %s", fault.call, g_strerror(fault.sys_errno));
	for (uint32_t i = 0; i < n; i++)
		g_assert_cmpint(vp_create(machine->partition, i, &machine->vps[i], &fault), ==,
				HV_STATUS_SUCCESS);
	g_assert_cmpint(
		partition_write_gpa(machine->partition, GUEST_LOAD_ADDRESS, guest, guest_size), ==,
		HV_STATUS_SUCCESS);
	set_real_mode(machine->vps[0]);
	return machine;
}

void write64(struct machine *machine, uint64_t gpa, uint64_t value)
{
	g_assert_cmpint(partition_write_gpa(machine->partition, gpa, &value, sizeof(value)), ==, 0);
}

void enter_long_mode(struct machine *machine, uint64_t window)
{
	const hv_register_name name = HV_X64_REGISTER_CS;
	union hv_register_value code;

	write64(machine, PML4, PDPT | 3);
	write64(machine, PDPT, PD | 3);
	write64(machine, PD, 0x83);
	write64(machine, PD + 8, window | 0x83);
	set_long_mode(machine->vps[0], PML4);
	g_assert_cmpint(vp_get_registers(machine->vps[0], &name, &code, 1), ==, HV_STATUS_SUCCESS);
	g_assert_cmphex(code.segment.attributes, ==, 0xa09b);
}

void machine_free(struct machine *machine)
{
	partition_delete(machine->partition);
	g_free(machine);
}

void run_until(struct vp *vp, struct hv_intercept *intercept, enum hv_intercept_type type)
{
	g_assert_cmpint(vp_run(vp, intercept), ==, HV_STATUS_SUCCESS);
	if (intercept->type == HV_INTERCEPT_UNRECOVERABLE)
		g_error("VP %u cannot go on: reason %u, detail %" G_GUINT64_FORMAT, vp_index(vp),
			intercept->error.reason, intercept->error.detail);
	g_assert_cmpstr(hv_intercept_type_name(intercept->type), ==, hv_intercept_type_name(type));
}
