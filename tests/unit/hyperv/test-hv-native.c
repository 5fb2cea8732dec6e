/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that the hypervisor below serves: what the page does, and what is told. */
#include <string.h>

#include "hv_fixture.h"

static const struct partition_native_calls by_vmmcall = {true, true, {0x0f, 0x01, 0xd9}, false};
static const struct partition_native_calls by_vmcall = {true, true, {0x0f, 0x01, 0xc1}, false};

static void native_build(struct hv_test *t, const struct partition_native_calls *calls,
			 uint32_t off)
{
	struct hv_features features = {.visible = true, .on = hv_features_all.on & ~off};

	hv_test_build(t, features, true);
	fake_set_native_calls(calls);
	hv_test_reset(t);
	hv_test_enable_calls(t);
}

/* Goes through the page's comparisons as a processor does with the call code in AX: what it comes
 * to, an `out` to a port, or an instruction of the hypervisor's. */
static const uint8_t *native_follow(struct hv_test *t, uint32_t from, uint16_t code)
{
	const uint8_t *at = (const uint8_t *)hv_test_at(t, CALL_PAGE) + from;

	while (at[0] == 0x66 && at[1] == 0x3d && at[4] == 0x74)
		at += 6 + (code == (at[2] | at[3] << 8) ? at[5] : 0);
	return at;
}

static void native_check(struct hv_test *t, const struct partition_native_calls *calls,
			 uint16_t code, bool below)
{
	static const struct {
		uint32_t from;
		uint8_t port;
	} routes[] = {{0x40, HV_PORT_CALL}, {0x80, HV_PORT_CALL_32}};

	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
		const uint8_t out[] = {0xe7, routes[i].port, 0xc3};
		const uint8_t *at = native_follow(t, routes[i].from, code);

		g_assert_cmpint(memcmp(at, below ? calls->instruction : out, sizeof(out)), ==, 0);
		g_assert_cmphex(at[below ? 3 : 2], ==, 0xc3);
	}
}

static const struct native_case {
	struct partition_native_calls calls;
	uint32_t off;	 /* HV_FEATURE_BITs */
	bool flush, ipi; /* are served below */
	uint32_t advice;
} native_cases[] = {
	{{true, true, {0x0f, 0x01, 0xd9}, false}, 0, true, true, 0xc04},
	{{true, true, {0x0f, 0x01, 0xc1}, false}, 0, true, true, 0xc04},
	{{true, false, {0x0f, 0x01, 0xd9}, false}, 0, true, false, 0x804},
	{{false, true, {0x0f, 0x01, 0xd9}, false}, 0, false, true, 0xc00},
	{{true, true, {0x0f, 0x01, 0xd9}, false},
	 HV_FEATURE_BIT(HV_FEATURE_IPI),
	 true,
	 false,
	 0x804},
	{{true, true, {0x0f, 0x01, 0xd9}, false},
	 HV_FEATURE_BIT(HV_FEATURE_TLB_FLUSH),
	 false,
	 true,
	 0xc00},
	{{false, false, {0}, false}, 0, false, false, 0},
};

/* Told and routed is what the hypervisor serves and nobody switched off; all else comes to us. */
static void test_native(void)
{
	static const uint16_t flushes[] = {2, 3, 0x13, 0x14}, ipis[] = {0xb, 0x15};
	static const uint16_t others[] = {0, 1, 4, 8, 0xa, 0xc, 0x12, 0x16, 0x5c, 0x5d, 0x8001};

	for (size_t i = 0; i < G_N_ELEMENTS(native_cases); i++) {
		const struct native_case *c = &native_cases[i];
		struct hv_cpuid_entry table[CPUID_MAX_ENTRIES];
		struct hv_test t;

		native_build(&t, &c->calls, c->off);
		size_t n = hv_test_apply(&t, table);
		g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_ADVICE).eax, ==, 0x220 | c->advice);
		for (size_t j = 0; j < G_N_ELEMENTS(flushes); j++)
			native_check(&t, &c->calls, flushes[j], c->flush);
		for (size_t j = 0; j < G_N_ELEMENTS(ipis); j++)
			native_check(&t, &c->calls, ipis[j], c->ipi);
		for (size_t j = 0; j < G_N_ELEMENTS(others); j++)
			native_check(&t, &c->calls, others[j], false);
		/* Who makes them by our port is told that there is no such call. */
		g_assert_cmphex(hv_test_call(&t, HV_CALL_FLUSH_SPACE, INPUT, 0), ==,
				HV_STATUS_INVALID_HYPERCALL_CODE);
		hv_test_drop(&t);
	}
}

/* The hypervisor serves guests that said what they are: it hears of it, and of its end. */
static void test_native_identity(void)
{
	const struct partition_native_calls *const all[] = {&by_vmmcall, &by_vmcall, NULL};

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		struct hv_test t;

		native_build(&t, all[i], 0);
		g_assert_cmphex(fake_guest_os_id(t.partition), ==, all[i] ? 1ull << 48 : 0);
		hv_test_write(&t, 1, HV_MSR_GUEST_OS_ID, 0);
		g_assert_cmphex(fake_guest_os_id(t.partition), ==, 0);
		hv_test_drop(&t);
	}
}
/* Told is what the hypervisor serves; it learns where the page is, and says whether that is memory.
 */
static void test_native_assist(void)
{
	static const struct partition_native_calls native = {.apic_assist = true};
	struct hv_cpuid_entry table[CPUID_MAX_ENTRIES];

	for (unsigned int on = 0; on < 4; on++) {
		bool has = (on & 1) != 0, wanted = (on & 2) != 0, is = on == 3;
		struct hv_test t;

		native_build(&t, has ? &native : NULL,
			     wanted ? 0 : HV_FEATURE_BIT(HV_FEATURE_APIC_ASSIST));
		size_t n = hv_test_apply(&t, table);
		g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_FEATURES).eax & 0x10, ==,
				is ? 0x10 : 0);
		g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_ADVICE).eax & 8, ==, is ? 8 : 0);
		hv_test_write(&t, 0, HV_MSR_VP_ASSIST_PAGE, 0x5001);
		g_assert_cmphex(hv_test_read(&t, 0, HV_MSR_VP_ASSIST_PAGE), ==, 0x5001);
		g_assert_cmphex(fake_assist_page(t.partition), ==, is ? 0x5001 : 0);
		/* Where there is no memory. */
		g_assert_cmpint(hv_msr_write(t.hv, 0, HV_MSR_VP_ASSIST_PAGE, 1ull << 45 | 1), ==,
				!is);
		hv_test_drop(&t);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/hv/native/calls", test_native);
	g_test_add_func("/hv/native/identity", test_native_identity);
	g_test_add_func("/hv/native/assist", test_native_assist);
	return g_test_run();
}
