/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine direct's hypervisor interface: what a guest of it meets, and what the engine hears. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "fake_partition.h"
#include "guest_interface.h"
#include "guests.h"
#include "hv_tlfs.h"

struct interface_fixture {
	struct fixture base;
	struct engine *engine;
};

static void setup(struct interface_fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	engine_fixture_init(&f->base);
	if (data)
		f->base.config.devices = *(const struct engine_devices *)data;
	f->engine = f->base.ops->build(&f->base.config, &error);
	g_assert_no_error(error);
	g_assert_true(f->base.ops->run(f->engine, NULL));
}

static void teardown(struct interface_fixture *f, gconstpointer data)
{
	(void)data;
	g_assert_true(f->base.ops->free(f->engine));
	engine_fixture_clear(&f->base);
}

static struct vp *vp0(void)
{
	return fake_partition_vp(fake_partition_last(), 0);
}

/* An access of VP 0's; false: it faulted. */
static bool msr(bool write, uint32_t index, uint64_t *value)
{
	uint64_t n = fake_vp_push_msr(vp0(), write, index, *value);
	bool fault = false;

	g_assert_true(fake_vp_answer(vp0(), n, value, sizeof(*value), &fault, WAIT_MS));
	return !fault;
}

static void write_msr(uint32_t index, uint64_t value)
{
	g_assert_true(msr(true, index, &value));
}

static uint32_t hypervisor_bit(void)
{
	size_t n;
	const struct hv_cpuid_entry *table = fake_vp_cpuid(vp0(), &n);

	for (size_t i = 0; i < n; i++)
		if (table[i].function == 1)
			return table[i].ecx >> 31;
	return 2;
}

/* Whether the firmware's tables tell the guest of VMBus. */
static bool told_of_vmbus(void)
{
	static const char id[] = "MSFT1000";
	g_autofree char *low = g_malloc(1 << 20);

	g_assert_cmpint(partition_read_gpa(fake_partition_last(), 0, low, 1 << 20), ==, 0);
	return memmem(low, 1 << 20, id, strlen(id)) != NULL;
}

static void test_visible(struct interface_fixture *f, gconstpointer data)
{
	uint64_t value = 0;

	(void)data;
	g_assert_true(told_of_vmbus());
	g_assert_true(fake_synthetic_msrs(fake_partition_last()));
	g_assert_cmpuint(hypervisor_bit(), ==, 1);
	g_assert_true(msr(false, HV_MSR_VP_INDEX, &value));
	g_assert_false(msr(false, 0x40000070, &value));
	g_assert_cmpuint(counter_value(&f->base, f->engine, "hv.msr.reads"), ==, 2);
	g_assert_cmpuint(counter_value(&f->base, f->engine, "hv.msr.faults"), ==, 1);
	g_assert_cmpuint(counter_value(&f->base, f->engine, "msr.faults"), ==, 1);
}

static void test_hypercall(struct interface_fixture *f, gconstpointer data)
{
	(void)data;
	write_msr(HV_MSR_GUEST_OS_ID, 1);
	write_msr(HV_MSR_HYPERCALL, 0x100000 | HV_PAGE_ENABLE);
	uint64_t n = fake_vp_push_io(vp0(), true, HV_PORT_CALL, 4, 0);
	g_assert_true(fake_vp_answer(vp0(), n, NULL, 0, NULL, WAIT_MS));
	g_assert_cmphex(fake_vp_register(vp0(), HV_X64_REGISTER_RAX).reg64, ==,
			HV_STATUS_INVALID_HYPERCALL_CODE);
	g_assert_cmpuint(counter_value(&f->base, f->engine, "hv.hypercall.unknown"), ==, 1);
	/* Narrower ones are no hypercalls. */
	uint64_t unclaimed = counter_value(&f->base, f->engine, "io.unclaimed");
	n = fake_vp_push_io(vp0(), true, HV_PORT_CALL, 1, 0);
	g_assert_true(fake_vp_answer(vp0(), n, NULL, 0, NULL, WAIT_MS));
	g_assert_cmpuint(counter_value(&f->base, f->engine, "io.unclaimed"), ==, unclaimed + 1);
}

/* A timer goes through the machine's clock. */
static void test_timer(struct interface_fixture *f, gconstpointer data)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)WAIT_MS * 1000;

	(void)data;
	write_msr(HV_MSR_STIMER0_CONFIG, HV_STIMER_DIRECT | 0x60 << 4 | HV_STIMER_AUTO_ENABLE);
	write_msr(HV_MSR_STIMER0_CONFIG + 1, 100000); /* 10 ms */
	fake_set_tsc(2000000000, 2000000000, true);   /* the guest's time has come */
	while (fake_msis(fake_partition_last(), NULL, 0) == 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_assert_cmpint(sd_event_run(f->base.event, 100000), >=, 0);
	}
	g_assert_cmpuint(counter_value(&f->base, f->engine, "hv.timer.expirations"), ==, 1);
}

static uint64_t expirations(struct interface_fixture *f)
{
	return counter_value(&f->base, f->engine, "hv.timer.expirations");
}

/* Not while the machine is paused, however long; and then at once. */
static void test_timer_paused(struct interface_fixture *f, gconstpointer data)
{
	gint64 end;

	(void)data;
	write_msr(HV_MSR_STIMER0_CONFIG + 1, 10000); /* 1 ms */
	write_msr(HV_MSR_STIMER0_CONFIG,
		  HV_STIMER_DIRECT | 0x60 << 4 | HV_STIMER_PERIODIC | HV_STIMER_ENABLE);
	while (expirations(f) == 0)
		g_assert_cmpint(sd_event_run(f->base.event, 100000), >=, 0);
	g_assert_true(f->base.ops->pause(f->engine, NULL));
	uint64_t before = expirations(f);
	for (end = g_get_monotonic_time() + 20000; g_get_monotonic_time() < end;)
		g_assert_cmpint(sd_event_run(f->base.event, 5000), >=, 0);
	g_assert_cmpuint(expirations(f), ==, before);
	g_assert_true(f->base.ops->resume(f->engine, NULL));
	g_assert_cmpuint(expirations(f), ==, before + 1);
}

static void test_reset(struct interface_fixture *f, gconstpointer data)
{
	uint64_t value = 0;

	(void)data;
	write_msr(HV_MSR_GUEST_OS_ID, 1);
	fake_vp_push_msr(vp0(), true, HV_MSR_RESET, HV_RESET_NOW); /* is never run again */
	events_until(&f->base, &f->base.halts, 1);
	g_assert_cmpint(f->base.halt.what, ==, ENGINE_HALT_RESET);
	g_assert_cmpstr(f->base.halt.detail, ==, "Hyper-V reset MSR");
	g_assert_true(f->base.ops->reset(f->engine, NULL));
	g_assert_true(msr(false, HV_MSR_GUEST_OS_ID, &value));
	g_assert_cmphex(value, ==, 0);
}

static void test_crash(struct interface_fixture *f, gconstpointer data)
{
	static const char log[] = "<6> fine\n<0> Kernel panic - not syncing: lost\n"
				  "<0> ---[ end Kernel panic - not syncing: lost ]---\n";

	(void)data;
	g_assert_cmpint(partition_write_gpa(fake_partition_last(), 0x100000, log, sizeof(log) - 1),
			==, 0);
	write_msr(HV_MSR_CRASH_P0, 0xabc);
	write_msr(HV_MSR_CRASH_P0 + 3, 0x100000);
	write_msr(HV_MSR_CRASH_P0 + 4, sizeof(log) - 1);
	write_msr(HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY | HV_CRASH_MESSAGE);
	events_until(&f->base, &f->base.panics, 1);
	g_assert_cmpstr(f->base.line, ==,
			"<0> Kernel panic - not syncing: lost (crash parameters 0xabc 0 0 "
			"0x100000 0x61)");
}

static void word_collect(void *context, const char *section, const char *name, const char *value)
{
	g_string_append_printf(context, "%s %s %s;", section, name, value);
}

static char *described(struct interface_fixture *f)
{
	GString *words = g_string_new(NULL);

	f->base.ops->describe(f->engine, word_collect, words);
	return g_string_free(words, FALSE);
}

/* What is served and what the guest took up. */
static void test_described(struct interface_fixture *f, gconstpointer data)
{
	g_autofree char *before = described(f);

	(void)data;
	g_assert_nonnull(strstr(before, "enlightenment referenceTsc on;"));
	g_assert_nonnull(strstr(before, "enlightenment stimerDirect on;"));
	g_assert_true(g_str_has_suffix(before, "guest state unknown;"));
	g_assert_null(strstr(before, "guest os"));
	g_assert_null(strstr(before, "guest vmbus"));
	g_assert_nonnull(strstr(before, "used hypercalls no;"));
	g_assert_nonnull(strstr(before, "used stimerDirect no;"));
	write_msr(HV_MSR_GUEST_OS_ID, 0x81000006019e0000); /* Linux 6.1.158 */
	write_msr(HV_MSR_HYPERCALL, 0x100000 | HV_PAGE_ENABLE);
	write_msr(HV_MSR_STIMER0_CONFIG, HV_STIMER_DIRECT | 0x60 << 4 | HV_STIMER_AUTO_ENABLE);
	write_msr(HV_MSR_STIMER0_CONFIG + 1, UINT64_MAX);
	g_autofree char *after = described(f);
	g_assert_nonnull(strstr(after, "guest os Linux 6.1.158;"));
	g_assert_nonnull(strstr(after, "used hypercalls yes;"));
	g_assert_nonnull(strstr(after, "used stimerDirect yes;"));
	g_assert_nonnull(strstr(after, "used synic no;"));
	g_assert_true(f->base.ops->reset(f->engine, NULL));
	g_autofree char *again = described(f);
	g_assert_nonnull(strstr(again, "used hypercalls no;"));
	g_assert_nonnull(strstr(again, "used stimerDirect no;"));
}

/* What a definition switched off is neither told nor served. */
static void test_switched_off(struct interface_fixture *f, gconstpointer data)
{
	uint64_t value = 0;

	(void)data;
	g_assert_cmpuint(hypervisor_bit(), ==, 1);
	g_assert_true(msr(false, HV_MSR_VP_INDEX, &value));
	g_assert_false(msr(false, HV_MSR_CRASH_P0, &value));
	g_assert_false(msr(false, HV_MSR_STIMER0_CONFIG, &value));
	g_assert_false(told_of_vmbus());
	g_autofree char *words = described(f);
	g_assert_null(strstr(words, "synic"));
	g_assert_null(strstr(words, "stimer"));
	g_assert_nonnull(strstr(words, "used vpRuntime no;"));
	g_assert_nonnull(strstr(words, "enlightenment vpRuntime on;"));
}

static void test_hidden(struct interface_fixture *f, gconstpointer data)
{
	uint64_t value = 0;

	(void)data;
	g_assert_false(told_of_vmbus());
	g_assert_cmpuint(hypervisor_bit(), ==, 0);
	g_assert_false(msr(false, HV_MSR_VP_INDEX, &value));
	g_assert_cmpuint(counter_value(&f->base, f->engine, "msr.faults"), ==, 1);
}

static void test_crash_line(void)
{
	static const struct {
		const char *text, *line;
	} cases[] = {
		{"", NULL},
		{"\n\n", NULL},
		{"one", "one"},
		{"one\ntwo\n", "two"},
		{"panic - x\nafter\n", "panic - x"},
		{"panic: x\nafter\n", "panic: x"},
		{"panic - x\npanic - y\nafter", "panic - y"},
		{"panic - x\n---[ end panic - x ]---\n", "panic - x"},
		{"---[ end panic - x ]---\n", "---[ end panic - x ]---"},
		{"Kernel panic - not syncing: x\n panic+0x118/0x2f4\n",
		 "Kernel panic - not syncing: x"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		size_t size = 0;
		const char *line =
			guest_interface_crash_line(cases[i].text, strlen(cases[i].text), &size);
		g_autofree char *copy = line ? g_strndup(line, size) : NULL;

		g_assert_cmpstr(copy, ==, cases[i].line);
	}
}

int main(int argc, char **argv)
{
	static const struct engine_devices hidden = {.hidden = true};
	static const struct engine_devices some = {.enlightenments_off =
							   ENGINE_ENLIGHTENMENTS_OFF_DEFAULT |
							   ENGINE_ENLIGHTENMENT_BIT(SYNIC) |
							   ENGINE_ENLIGHTENMENT_BIT(CRASH)};

	g_test_init(&argc, &argv, NULL);
#define CASE(name, fn) \
	g_test_add("/worker/interface/" name, struct interface_fixture, NULL, setup, fn, teardown)
	CASE("visible", test_visible);
	CASE("hypercall", test_hypercall);
	CASE("timer", test_timer);
	CASE("timer-paused", test_timer_paused);
	CASE("reset", test_reset);
	CASE("crash", test_crash);
	CASE("described", test_described);
	g_test_add("/worker/interface/hidden", struct interface_fixture, &hidden, setup,
		   test_hidden, teardown);
	g_test_add("/worker/interface/switched-off", struct interface_fixture, &some, setup,
		   test_switched_off, teardown);
	g_test_add_func("/worker/interface/crash-line", test_crash_line);
	return g_test_run();
}
