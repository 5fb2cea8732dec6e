/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest has taken up of the interface: by what it did, until it is reset. */
#include "hv_saved.h"

#define TSC_PAGE  0x35000ull
#define CONFIG(n) (HV_MSR_STIMER0_CONFIG + 2 * (n))
#define COUNT(n)  (CONFIG(n) + 1)
#define FAR	  (1ull << 50)

/* The hypervisor below serves the flushes, IPIs and the APIC. */
#define BELOW                                                                    \
	(HV_FEATURE_BIT(HV_FEATURE_TLB_FLUSH) | HV_FEATURE_BIT(HV_FEATURE_IPI) | \
	 HV_FEATURE_BIT(HV_FEATURE_APIC_ASSIST))
#define HYPERCALLS HV_FEATURE_BIT(HV_FEATURE_N)

static void setup(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_saved_build(t, true);
}

static void teardown(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_drop(t);
}

static uint32_t uses(struct hv_test *t, enum hv_use use)
{
	uint32_t found = 0;

	for (unsigned int i = 0; i < HV_FEATURE_N; i++)
		if (hv_feature_use(t->hv, (enum hv_feature)i) == use)
			found |= HV_FEATURE_BIT(i);
	if (use == HV_USE_SEEN && hv_hypercalls_used(t->hv))
		found |= HYPERCALLS;
	return found;
}

static void write_config(struct hv_test *t, uint64_t config)
{
	hv_test_write(t, 1, CONFIG(2), config);
	hv_test_write(t, 1, COUNT(2), FAR);
}

/* ---- one by one ------------------------------------------------------------------------------ */

static const struct use_case {
	const char *name;
	struct {
		uint32_t index;
		bool write;
		uint64_t value;
	} steps[3];
	uint32_t used; /* HV_FEATURE_BITs */
} cases[] = {
#define F(feature) HV_FEATURE_BIT(HV_FEATURE_##feature)
	{"runtime", {{HV_MSR_VP_RUNTIME, false, 0}}, F(VP_RUNTIME)},
	{"counter", {{HV_MSR_TIME_REF_COUNT, false, 0}}, F(REFERENCE_COUNTER)},
	{"tsc-page", {{HV_MSR_REFERENCE_TSC, true, TSC_PAGE | HV_PAGE_ENABLE}}, F(REFERENCE_TSC)},
	{"tsc-page/looked-at", {{HV_MSR_REFERENCE_TSC, false, 0}}, 0},
	{"tsc-page/off", {{HV_MSR_REFERENCE_TSC, true, TSC_PAGE}}, 0},
	{"frequencies/tsc", {{HV_MSR_TSC_FREQUENCY, false, 0}}, F(FREQUENCIES)},
	{"frequencies/apic", {{HV_MSR_APIC_FREQUENCY, false, 0}}, F(FREQUENCIES)},
	{"tsc-invariant", {{HV_MSR_TSC_INVARIANT_CONTROL, true, 1}}, F(TSC_INVARIANT)},
	{"tsc-invariant/off", {{HV_MSR_TSC_INVARIANT_CONTROL, true, 0}}, 0},
	{"synic",
	 {{HV_MSR_SINT0 + 2, true, 0x40}, {HV_MSR_SCONTROL, true, HV_SCONTROL_ENABLE}},
	 F(SYNIC)},
	{"synic/other-order",
	 {{HV_MSR_SCONTROL, true, HV_SCONTROL_ENABLE}, {HV_MSR_SINT0 + 2, true, 0x40}},
	 F(SYNIC)},
	{"synic/masked",
	 {{HV_MSR_SCONTROL, true, HV_SCONTROL_ENABLE},
	  {HV_MSR_SINT0 + 2, true, 0x40 | HV_SINT_MASKED}},
	 0},
	{"synic/off", {{HV_MSR_SINT0 + 2, true, 0x40}, {HV_MSR_SIMP, true, SIM_PAGE | 1}}, 0},
	{"timer/message",
	 {{CONFIG(1), true, HV_STIMER_AUTO_ENABLE | 3 << 16}, {COUNT(1), true, FAR}},
	 F(STIMER)},
	{"timer/direct",
	 {{COUNT(1), true, FAR},
	  {CONFIG(1), true, HV_STIMER_ENABLE | HV_STIMER_DIRECT | 0x40 << 4}},
	 F(STIMER) | F(STIMER_DIRECT)},
	{"timer/over",
	 {{COUNT(1), true, 1}, {CONFIG(1), true, HV_STIMER_ENABLE | HV_STIMER_DIRECT | 0x40 << 4}},
	 F(STIMER) | F(STIMER_DIRECT)},
	{"timer/no-count", {{CONFIG(1), true, HV_STIMER_ENABLE | 3 << 16}}, 0},
	{"timer/off", {{CONFIG(1), true, 3 << 16}, {COUNT(1), true, FAR}}, 0},
	{"reset", {{HV_MSR_RESET, true, HV_RESET_NOW}}, F(RESET)},
	{"idle", {{HV_MSR_GUEST_IDLE, false, 0}}, F(GUEST_IDLE)},
	{"crash/read", {{HV_MSR_CRASH_CTL, false, 0}}, F(CRASH)},
	{"crash/write", {{HV_MSR_CRASH_P0, true, 5}}, F(CRASH)},
	{"assist-page", {{HV_MSR_VP_ASSIST_PAGE, true, INPUT | HV_PAGE_ENABLE}}, F(APIC_ASSIST)},
	{"assist-page/off", {{HV_MSR_VP_ASSIST_PAGE, true, INPUT}}, 0},
	{"hypercalls",
	 {{HV_MSR_GUEST_OS_ID, true, 1}, {HV_MSR_HYPERCALL, true, CALL_PAGE | HV_PAGE_ENABLE}},
	 HYPERCALLS},
	{"hypercalls/nameless", {{HV_MSR_HYPERCALL, true, CALL_PAGE | HV_PAGE_ENABLE}}, 0},
	{"always-there", {{HV_MSR_VP_INDEX, false, 0}, {HV_MSR_GUEST_OS_ID, false, 0}}, 0},
#undef F
};

static void test_case(struct hv_test *t, gconstpointer data)
{
	const struct use_case *c = data;
	uint64_t value;

	g_assert_cmphex(uses(t, HV_USE_SEEN), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(c->steps) && c->steps[i].index != 0; i++)
		if (c->steps[i].write)
			hv_test_write(t, 1, c->steps[i].index, c->steps[i].value);
		else
			g_assert_true(hv_msr_read(t->hv, 1, c->steps[i].index, &value));
	g_assert_cmphex(uses(t, HV_USE_SEEN), ==, c->used);
	hv_saved_reset(t);
	g_assert_cmphex(uses(t, HV_USE_SEEN), ==, 0);
}

static void test_spin_wait(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_enable_calls(t);
	g_assert_cmphex(uses(t, HV_USE_SEEN), ==, HYPERCALLS);
	(void)hv_test_call(t, HV_CALL_NOTIFY_LONG_SPIN_WAIT | HV_CONTROL_NESTED, 0, 0);
	g_assert_cmphex(uses(t, HV_USE_SEEN), ==, HYPERCALLS); /* it was none */
	g_assert_cmphex(hv_test_call(t, HV_CALL_NOTIFY_LONG_SPIN_WAIT | HV_CONTROL_FAST, 0, 0), ==,
			0);
	g_assert_cmphex(uses(t, HV_USE_SEEN), ==,
			HYPERCALLS | HV_FEATURE_BIT(HV_FEATURE_SPIN_WAIT));
}

/* What faults, or is not served, is not used. */
static void test_refused(struct hv_test *t, gconstpointer data)
{
	uint64_t value;

	(void)data;
	g_assert_false(hv_msr_write(t->hv, 0, HV_MSR_TIME_REF_COUNT, 1));
	g_assert_false(hv_msr_write(t->hv, 0, HV_MSR_TSC_INVARIANT_CONTROL, 3));
	hv_test_write(t, 0, HV_MSR_GUEST_OS_ID, 1);
	g_assert_false(hv_msr_write(t->hv, 0, HV_MSR_HYPERCALL, NOWHERE | HV_PAGE_ENABLE));
	g_assert_cmphex(uses(t, HV_USE_SEEN), ==, 0);
	hv_test_drop(t);
	hv_test_build(t, (struct hv_features){.visible = true}, true);
	g_assert_false(hv_msr_read(t->hv, 0, HV_MSR_VP_RUNTIME, &value));
	hv_test_write(t, 0, HV_MSR_VP_ASSIST_PAGE, INPUT | HV_PAGE_ENABLE);
	g_assert_cmphex(uses(t, HV_USE_SEEN), ==, 0);
}

/* Nobody tells what the hypervisor below does, unless it does nothing for this guest. */
static void test_below(struct hv_test *t, gconstpointer data)
{
	(void)data;
	g_assert_cmphex(uses(t, HV_USE_UNKNOWN), ==, HV_FEATURE_BIT(HV_FEATURE_APIC_ASSIST));
	hv_test_enable_calls(t);
	g_assert_cmphex(uses(t, HV_USE_UNKNOWN), ==, BELOW);
	hv_test_write(t, 0, HV_MSR_GUEST_OS_ID, 0); /* it may have, before */
	g_assert_cmphex(uses(t, HV_USE_UNKNOWN), ==, BELOW);
	hv_saved_reset(t);
	g_assert_cmphex(uses(t, HV_USE_UNKNOWN), ==, HV_FEATURE_BIT(HV_FEATURE_APIC_ASSIST));
}

/* ---- saved states ---------------------------------------------------------------------------- */

/* Also what no register tells any more. */
static void test_saved(struct hv_test *t, gconstpointer data)
{
	uint64_t value;
	uint32_t used;

	(void)data;
	hv_test_enable_calls(t);
	hv_test_enable_synic(t, 3, 0xf3);
	g_assert_true(hv_msr_read(t->hv, 0, HV_MSR_CRASH_CTL, &value));
	write_config(t, HV_STIMER_AUTO_ENABLE | HV_STIMER_DIRECT | 0x40 << 4);
	write_config(t, 0);
	hv_test_write(t, 0, HV_MSR_SCONTROL, 0);
	used = uses(t, HV_USE_SEEN);
	g_assert_cmphex(used, ==,
			HYPERCALLS | HV_FEATURE_BIT(HV_FEATURE_SYNIC) |
				HV_FEATURE_BIT(HV_FEATURE_CRASH) |
				HV_FEATURE_BIT(HV_FEATURE_STIMER) |
				HV_FEATURE_BIT(HV_FEATURE_STIMER_DIRECT));
	for (int i = 0; i < 2; i++) {
		g_autoptr(GBytes) bytes = hv_saved_move(t, true);

		g_assert_cmphex(uses(t, HV_USE_SEEN), ==, used);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/hv/use/%s", cases[i].name);

		g_test_add(path, struct hv_test, &cases[i], setup, test_case, teardown);
	}
	g_test_add("/hv/use/spin-wait", struct hv_test, NULL, setup, test_spin_wait, teardown);
	g_test_add("/hv/use/refused", struct hv_test, NULL, setup, test_refused, teardown);
	g_test_add("/hv/use/below", struct hv_test, NULL, setup, test_below, teardown);
	g_test_add("/hv/use/saved", struct hv_test, NULL, setup, test_saved, teardown);
	return g_test_run();
}
