/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "user_mode.h"

void enter_user_mode(struct fixture *f, const void *code, size_t size)
{
	const hv_register_name names[] = {HV_X64_REGISTER_CS, HV_X64_REGISTER_SS,
					  HV_X64_REGISTER_RFLAGS};
	const union hv_register_value values[] = {
		{.segment = {.limit = UINT32_MAX, .selector = 0x1b, .attributes = 0xa0fb}},
		{.segment = {.limit = UINT32_MAX, .selector = 0x23, .attributes = 0xc0f3}},
		{.reg64 = 0x3002},
	};
	uint64_t table = get_register(f->vp, HV_X64_REGISTER_CR3);

	for (int level = 0; level < 3; level++) {
		uint64_t *entry = at(f, table);

		*entry |= 4;
		table = *entry & ~0xfffull;
	}
	put(f, USER_CODE, code, size);
	g_assert_cmpint(vp_set_registers(f->vp, names, values, G_N_ELEMENTS(names)), ==, 0);
}

void run_user_mode(struct fixture *f)
{
	f->end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
	set_register(f->vp, HV_X64_REGISTER_RSP, USER_STACK);
	set_register(f->vp, HV_X64_REGISTER_RIP, USER_CODE);
	run_guest(f);
}
