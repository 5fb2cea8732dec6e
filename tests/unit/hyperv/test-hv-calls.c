/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leaves, MSRs of the partition, hypercalls, connections and crashes. */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cpuid.h"
#include "hv_fixture.h"

#define FAST_SIGNAL (HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST)

static void setup(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_build(t, hv_features_all, true);
}

static void teardown(struct hv_test *t, gconstpointer data)
{
	(void)data;
	hv_test_drop(t);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

/* The bits that a stock Linux looks for, and none that nobody serves. */
static void test_leaves(struct hv_test *t, gconstpointer data)
{
	struct hv_cpuid_entry table[CPUID_MAX_ENTRIES];
	size_t n = hv_test_apply(t, table);

	(void)data;
	g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_VENDOR).eax, ==, 0x40000006);
	g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_FEATURES).eax, ==, 0x8eef);
	g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_FEATURES).ebx, ==, 0x30);
	g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_FEATURES).edx, ==, 0x80520);
	g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_ADVICE).eax, ==, 0x220);
	g_assert_cmphex(hv_test_leaf(table, n, HV_CPUID_ADVICE).ebx, ==, 0xfff);
	g_assert_cmphex(hv_test_leaf(table, n, 1).ecx, ==, 1u << 31);
	/* Again on its own result, and without room. */
	g_assert_cmpuint(hv_cpuid_apply(t->hv, table, n, CPUID_MAX_ENTRIES), ==, n);
	g_assert_cmpuint(hv_cpuid_apply(t->hv, table, n, n - 1), ==, 0);
}

static const uint32_t msr_of_feature[HV_FEATURE_N] = {
	[HV_FEATURE_VP_RUNTIME] = HV_MSR_VP_RUNTIME,
	[HV_FEATURE_REFERENCE_COUNTER] = HV_MSR_TIME_REF_COUNT,
	[HV_FEATURE_REFERENCE_TSC] = HV_MSR_REFERENCE_TSC,
	[HV_FEATURE_FREQUENCIES] = HV_MSR_TSC_FREQUENCY,
	[HV_FEATURE_TSC_INVARIANT] = HV_MSR_TSC_INVARIANT_CONTROL,
	[HV_FEATURE_SYNIC] = HV_MSR_SCONTROL,
	[HV_FEATURE_STIMER] = HV_MSR_STIMER0_CONFIG,
	[HV_FEATURE_RESET] = HV_MSR_RESET,
	[HV_FEATURE_GUEST_IDLE] = HV_MSR_GUEST_IDLE,
	[HV_FEATURE_CRASH] = HV_MSR_CRASH_CTL,
};

/* For every set of features, what the leaves tell is what can be used; what needs another one falls
 * with it. */
static void test_every_feature_set(void)
{
	for (uint32_t on = 0; on < HV_FEATURE_BIT(HV_FEATURE_N); on += 7) {
		struct hv_features features = {.visible = true, .on = on};
		struct hv_cpuid_entry table[CPUID_MAX_ENTRIES];
		struct hv_test t;

		hv_test_build(&t, features, (on & 64) != 0);
		size_t n = hv_test_apply(&t, table);
		struct hv_features served = hv_features_served(t.hv);
		g_assert_cmphex(served.on & ~on, ==, 0);
		for (unsigned int f = 0; f < HV_FEATURE_N; f++) {
			uint64_t value;
			bool is = (served.on & HV_FEATURE_BIT(f)) != 0;

			if (msr_of_feature[f] != 0)
				g_assert_cmpint(hv_msr_read(t.hv, 0, msr_of_feature[f], &value), ==,
						is);
		}
		uint32_t told = hv_test_leaf(table, n, HV_CPUID_FEATURES).eax;
		g_assert_cmpint((told & 4) != 0, ==,
				(served.on & HV_FEATURE_BIT(HV_FEATURE_SYNIC)) != 0);
		if ((told & 8) != 0) /* timers */
			g_assert_cmphex(told & 6, ==, 6);
		g_assert_cmphex(told & 0x60, ==, 0x60);
		hv_test_drop(&t);
	}
}

static void test_hidden(void)
{
	struct hv_features features = {.visible = false, .on = hv_features_all.on};
	struct hv_cpuid_entry table[CPUID_MAX_ENTRIES];
	struct hv_test t;
	uint64_t value;

	hv_test_build(&t, features, true);
	size_t n = hv_test_apply(&t, table);
	g_assert_cmpuint(n, ==, HV_TEST_BASIC_LEAVES);
	g_assert_cmphex(hv_test_leaf(table, n, 1).ecx, ==, 0);
	g_assert_cmphex(hv_features_served(t.hv).on, ==, 0);
	for (uint32_t i = 0x40000000; i < 0x40000200; i++) {
		g_assert_false(hv_msr_read(t.hv, 0, i, &value));
		g_assert_false(hv_msr_write(t.hv, 0, i, 1));
	}
	g_assert_false(hv_port_write(t.hv, 0, HV_PORT_CALL, 0));
	hv_test_drop(&t);
}

static void test_names(void)
{
	for (unsigned int f = 0; f < HV_FEATURE_N; f++)
		g_assert_cmpuint(strlen(hv_feature_name((enum hv_feature)f)), >, 1);
	g_assert_cmpstr(hv_feature_name(HV_FEATURE_N), ==, "?");
}

static void test_os_ids(void)
{
	static const struct {
		uint64_t id;
		const char *text;
	} ids[] = {
		{0, "unknown"},
		{0x8100000601240000, "Linux 6.1.36"},
		{0x8200000013d60000, "FreeBSD (version 0x13d6)"},
		{0x0001040a00005d59, "Windows 10.0.23897"},
		{0xff00000000000001, "system 0xff00000000000001"},
		{0x0002000000000000, "system 0x2000000000000"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
		char text[64];

		hv_guest_os_describe(ids[i].id, text, sizeof(text));
		g_assert_cmpstr(text, ==, ids[i].text);
	}
}

/* ---- MSRs ------------------------------------------------------------------------------------ */

static void test_hypercall_msr(struct hv_test *t, gconstpointer data)
{
	const uint8_t *page = hv_test_at(t, CALL_PAGE);

	(void)data;
	hv_test_write(t, 0, HV_MSR_HYPERCALL, CALL_PAGE | 1); /* before the identity: not enabled */
	g_assert_cmphex(hv_test_read(t, 0, HV_MSR_HYPERCALL), ==, CALL_PAGE);
	g_assert_cmphex(page[0], ==, 0);
	g_assert_false(hv_port_write(t->hv, 0, HV_PORT_CALL, 0));
	hv_test_enable_calls(t);
	g_assert_cmpint(memcmp(page, "\xf3\x0f\x1e\xfa", 4), ==, 0); /* endbr64 */
	g_assert_cmphex(page[4095], ==, 0xcc);
	g_assert_cmphex(hv_test_read(t, 1, HV_MSR_HYPERCALL), ==, CALL_PAGE | 1);
	g_assert_false(hv_msr_write(t->hv, 0, HV_MSR_HYPERCALL, NOWHERE | 1));
	g_assert_cmphex(hv_test_read(t, 0, HV_MSR_HYPERCALL), ==, CALL_PAGE | 1);
	hv_test_write(t, 0, HV_MSR_GUEST_OS_ID, 0); /* as before a kexec */
	g_assert_cmphex(hv_test_read(t, 0, HV_MSR_HYPERCALL), ==, CALL_PAGE);
	hv_test_write(t, 0, HV_MSR_GUEST_OS_ID, 5);
	hv_test_write(t, 0, HV_MSR_HYPERCALL, CALL_PAGE | 3); /* locked */
	hv_test_write(t, 0, HV_MSR_HYPERCALL, 0);
	g_assert_cmphex(hv_test_read(t, 0, HV_MSR_HYPERCALL), ==, CALL_PAGE | 3);
	hv_test_reset(t);
	g_assert_cmphex(hv_test_read(t, 0, HV_MSR_HYPERCALL), ==, 0);
	g_assert_cmphex(hv_guest_os_id(t->hv), ==, 0);
}

static void test_time_msrs(struct hv_test *t, gconstpointer data)
{
	const struct hv_tsc_page *page = hv_test_at(t, INPUT);

	(void)data;
	hv_test_advance(t, 1000000);
	g_assert_cmpuint(hv_test_read(t, 1, HV_MSR_TIME_REF_COUNT), ==, 10000);
	g_assert_cmpuint(hv_reference_time(t->hv), ==, 10000);
	g_assert_cmpuint(hv_test_read(t, 0, HV_MSR_TSC_FREQUENCY), ==, TSC_HZ);
	g_assert_cmpuint(hv_test_read(t, 0, HV_MSR_APIC_FREQUENCY), ==, 1000000000);
	hv_test_write(t, 0, HV_MSR_REFERENCE_TSC, NOWHERE | 1);
	hv_test_write(t, 0, HV_MSR_REFERENCE_TSC, INPUT);
	g_assert_cmpuint(page->sequence, ==, 0);
	hv_test_write(t, 0, HV_MSR_REFERENCE_TSC, INPUT | 1);
	g_assert_cmpuint(page->sequence, ==, 1);
	g_assert_cmphex(hv_test_read(t, 1, HV_MSR_REFERENCE_TSC), ==, INPUT | 1);
	g_assert_false(hv_msr_write(t->hv, 0, HV_MSR_TIME_REF_COUNT, 1));
	g_assert_false(hv_msr_write(t->hv, 0, HV_MSR_TSC_INVARIANT_CONTROL, 2));
	hv_test_write(t, 0, HV_MSR_TSC_INVARIANT_CONTROL, 1);
	g_assert_cmpuint(hv_test_read(t, 1, HV_MSR_TSC_INVARIANT_CONTROL), ==, 1);
}

static void test_vp_msrs(struct hv_test *t, gconstpointer data)
{
	const struct hv_call_registers enabled = {.rflags = 1 << 9};

	(void)data;
	g_assert_cmpuint(hv_test_read(t, 0, HV_MSR_VP_INDEX), ==, 0);
	g_assert_cmpuint(hv_test_read(t, 1, HV_MSR_VP_INDEX), ==, 1);
	uint64_t before = hv_test_read(t, 0, HV_MSR_VP_RUNTIME);
	g_assert_cmpuint(hv_test_read(t, 0, HV_MSR_VP_RUNTIME), >=, before);
	hv_test_write(t, 1, HV_MSR_VP_ASSIST_PAGE, NOWHERE | 1);
	g_assert_cmphex(hv_test_read(t, 1, HV_MSR_VP_ASSIST_PAGE), ==, NOWHERE | 1);
	/* Idle: with interrupts until one comes, else not for long. */
	g_assert_cmpuint(hv_test_read(t, 0, HV_MSR_GUEST_IDLE), ==, 0);
	g_assert_cmpuint(fake_vp_halts(t->vps[0]), ==, 0);
	g_assert_cmpint(vp_set_call_registers(t->vps[0], &enabled), ==, 0);
	g_assert_cmpuint(hv_test_read(t, 0, HV_MSR_GUEST_IDLE), ==, 0);
	g_assert_cmpuint(fake_vp_halts(t->vps[0]), ==, 1);
	hv_test_write(t, 0, HV_MSR_RESET, 0);
	g_assert_cmpuint(t->resets, ==, 0);
	hv_test_write(t, 0, HV_MSR_RESET, 1);
	g_assert_cmpuint(t->resets, ==, 1);
}

static void test_crash(struct hv_test *t, gconstpointer data)
{
	(void)data;
	for (uint32_t i = 0; i < 5; i++)
		hv_test_write(t, 0, HV_MSR_CRASH_P0 + i, i + 1);
	g_assert_cmpuint(hv_test_read(t, 1, HV_MSR_CRASH_P0 + 4), ==, 5);
	hv_test_write(t, 0, HV_MSR_CRASH_CTL, HV_CRASH_MESSAGE);
	g_assert_cmpuint(t->crashes, ==, 0);
	hv_test_write(t, 0, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY);
	g_assert_cmpuint(t->crashes, ==, 1);
	g_assert_cmpuint(t->crash.parameters[2], ==, 3);
	g_assert_cmpuint(t->crash.size, ==, 0);
	memset(hv_test_at(t, MEMORY - 4096), 'x', 4096);
	hv_test_write(t, 0, HV_MSR_CRASH_P0 + 3, MEMORY - 4096);
	hv_test_write(t, 0, HV_MSR_CRASH_P0 + 4, UINT64_MAX);
	hv_test_write(t, 0, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY | HV_CRASH_MESSAGE);
	g_assert_cmpuint(t->crash.size, ==, 4096);
	g_assert_cmpint(t->crash.text[4095], ==, 'x');
	hv_test_write(t, 0, HV_MSR_CRASH_P0 + 4, 3);
	hv_test_write(t, 0, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY | HV_CRASH_MESSAGE);
	g_assert_cmpuint(t->crash.size, ==, 3);
	hv_test_write(t, 0, HV_MSR_CRASH_P0 + 3, MEMORY - 1);
	hv_test_write(t, 0, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY | HV_CRASH_MESSAGE);
	g_assert_cmpuint(t->crash.size, ==, 0);
	g_assert_cmpuint(t->crashes, ==, 4);
}

/* ---- hypercalls ------------------------------------------------------------------------------ */

static hv_status on_message(void *context, uint32_t vp, uint32_t type, const uint8_t *payload,
			    uint32_t size)
{
	struct hv_input_post_message *got = context;

	g_assert_cmpuint(vp, ==, 0);
	got->message_type = type;
	got->payload_size = size;
	memcpy(got->payload, payload, size);
	return type == 77 ? HV_STATUS_INSUFFICIENT_BUFFERS : HV_STATUS_SUCCESS;
}

static void test_post_message(struct hv_test *t, gconstpointer data)
{
	struct hv_input_post_message got = {0}, *input = hv_test_at(t, INPUT);
	static const struct {
		uint32_t connection, type, size;
		hv_status status;
	} cases[] = {
		{4, 1, 240, HV_STATUS_SUCCESS},
		{4, 1, 0, HV_STATUS_SUCCESS},
		{4, 77, 8, HV_STATUS_INSUFFICIENT_BUFFERS},
		{4, 1, 241, HV_STATUS_INVALID_PARAMETER},
		{4, 1, UINT32_MAX, HV_STATUS_INVALID_PARAMETER},
		{4, 0, 8, HV_STATUS_INVALID_PARAMETER},
		{4, 0x80000001, 8, HV_STATUS_INVALID_PARAMETER},
		{5, 1, 8, HV_STATUS_INVALID_CONNECTION_ID},
	};

	(void)data;
	hv_message_handle(t->hv, 4, on_message, &got);
	hv_test_enable_calls(t);
	memset(input->payload, 'p', sizeof(input->payload));
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		input->connection_id = cases[i].connection;
		input->message_type = cases[i].type;
		input->payload_size = cases[i].size;
		got.message_type = 0;
		g_assert_cmphex(hv_test_call(t, HV_CALL_POST_MESSAGE, INPUT, 0), ==,
				cases[i].status);
		bool reached = cases[i].status == HV_STATUS_SUCCESS ||
			       cases[i].status == HV_STATUS_INSUFFICIENT_BUFFERS;
		g_assert_cmpuint(got.message_type, ==, reached ? cases[i].type : 0);
	}
	g_assert_cmpint(got.payload[239], ==, 'p');
	g_assert_cmpuint(hv_test_counter(t, "hv.hypercall.post-message"), ==, G_N_ELEMENTS(cases));
	g_assert_cmpuint(hv_test_counter(t, "hv.hypercall.refused"), ==, 6);
	hv_message_handle(t->hv, 4, NULL, NULL);
	input->connection_id = 4;
	g_assert_cmphex(hv_test_call(t, HV_CALL_POST_MESSAGE, INPUT, 0), ==,
			HV_STATUS_INVALID_CONNECTION_ID);
}

static void test_bad_input(struct hv_test *t, gconstpointer data)
{
	static const struct {
		uint64_t control, input;
		hv_status status;
	} cases[] = {
		{HV_CALL_POST_MESSAGE, INPUT + 1, HV_STATUS_INVALID_ALIGNMENT},
		{HV_CALL_POST_MESSAGE, INPUT + 4096 - 248, HV_STATUS_INVALID_ALIGNMENT},
		{HV_CALL_POST_MESSAGE, NOWHERE, HV_STATUS_INVALID_HYPERCALL_INPUT},
		{HV_CALL_POST_MESSAGE, MEMORY, HV_STATUS_INVALID_HYPERCALL_INPUT},
		{HV_CALL_POST_MESSAGE, UINT64_MAX - 7, HV_STATUS_INVALID_ALIGNMENT},
		{HV_CALL_POST_MESSAGE, 0xfffffffffffff000, HV_STATUS_INVALID_HYPERCALL_INPUT},
		{HV_CALL_POST_MESSAGE | HV_CONTROL_FAST, 4, HV_STATUS_INVALID_HYPERCALL_INPUT},
		{0, 0, HV_STATUS_INVALID_HYPERCALL_CODE},
		{0xffff, 0, HV_STATUS_INVALID_HYPERCALL_CODE},
		{0x8001, 0, HV_STATUS_INVALID_HYPERCALL_CODE},
		{UINT64_MAX, UINT64_MAX, HV_STATUS_INVALID_HYPERCALL_CODE},
	};

	(void)data;
	hv_test_enable_calls(t);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmphex(hv_test_call(t, cases[i].control, cases[i].input, 0), ==,
				cases[i].status);
	/* Every bit above the call code but "fast" is wrong for every call. */
	for (unsigned int bit = 17; bit < 64; bit++) {
		g_assert_cmphex(hv_test_call(t, FAST_SIGNAL | 1ull << bit, 9, 0), ==,
				HV_STATUS_INVALID_HYPERCALL_INPUT);
		g_assert_cmphex(hv_test_call(t, HV_CALL_POST_MESSAGE | 1ull << bit, INPUT, 0), ==,
				HV_STATUS_INVALID_HYPERCALL_INPUT);
	}
	g_assert_cmphex(hv_test_call(t, HV_CALL_NOTIFY_LONG_SPIN_WAIT | HV_CONTROL_FAST, 9, 0), ==,
			HV_STATUS_SUCCESS);
}

static uint64_t signals(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* As the page does it: by the signal port, where a failure sets the carry flag. */
static uint64_t signal_by_port(struct hv_test *t, uint32_t connection, bool *carry)
{
	const struct hv_call_registers registers = {
		.rax = connection, .rdx = connection, .rcx = FAST_SIGNAL};
	struct hv_call_registers after;

	g_assert_cmpint(vp_set_call_registers(t->vps[0], &registers), ==, 0);
	g_assert_true(hv_port_write(t->hv, 0, HV_PORT_SIGNAL, connection));
	g_assert_cmpint(vp_get_call_registers(t->vps[0], &after), ==, 0);
	*carry = (after.rflags & 1) != 0;
	return after.rax;
}

static void test_signals(struct hv_test *t, gconstpointer data)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	bool carry;

	(void)data;
	hv_test_enable_calls(t);
	g_assert_cmpint(hv_signal_bind(t->hv, 9, fd), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(hv_signal_bind(t->hv, 9, fd), ==, HV_STATUS_NO_RESOURCES);
	g_assert_true(fake_port_write(t->partition, HV_PORT_SIGNAL, 4, 9));
	g_assert_false(fake_port_write(t->partition, HV_PORT_SIGNAL, 4, 8));
	g_assert_cmphex(hv_test_call(t, FAST_SIGNAL, 9, 0), ==, HV_STATUS_SUCCESS);
	g_assert_cmphex(signal_by_port(t, 9, &carry), ==, HV_STATUS_SUCCESS);
	g_assert_false(carry);
	g_assert_cmpuint(signals(fd), ==, 3);
	g_assert_cmphex(signal_by_port(t, 8, &carry), ==, HV_STATUS_INVALID_CONNECTION_ID);
	g_assert_true(carry);
	g_assert_cmphex(hv_test_call(t, FAST_SIGNAL, 9 | 5ull << 32, 0), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpuint(signals(fd), ==, 0);
	g_assert_cmpuint(hv_test_counter(t, "hv.signal.exit"), ==, 2);
	hv_count_signals(t->hv, 5);
	g_assert_cmpuint(hv_test_counter(t, "hv.signal.eventfd"), ==, 5);
	/* It stays over a reset, on the new partition; and goes when it is told to. */
	hv_test_reset(t);
	g_assert_true(fake_port_write(t->partition, HV_PORT_SIGNAL, 4, 9));
	hv_signal_unbind(t->hv, 9);
	hv_signal_unbind(t->hv, 9);
	g_assert_false(fake_port_write(t->partition, HV_PORT_SIGNAL, 4, 9));
	hv_test_enable_calls(t);
	g_assert_cmphex(hv_test_call(t, FAST_SIGNAL, 9, 0), ==, HV_STATUS_INVALID_CONNECTION_ID);
	close(fd);
}

/* 32-bit code has its words in other registers. */
static void test_32_bit(struct hv_test *t, gconstpointer data)
{
	struct hv_call_registers registers = {.rax = FAST_SIGNAL, .rcx = 9, .rsi = 3, .rdi = 4};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)data;
	hv_test_enable_calls(t);
	g_assert_cmpint(hv_signal_bind(t->hv, 9, fd), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_set_call_registers(t->vps[0], &registers), ==, 0);
	g_assert_true(hv_port_write(t->hv, 0, HV_PORT_CALL_32, 0));
	g_assert_cmpint(vp_get_call_registers(t->vps[0], &registers), ==, 0);
	g_assert_cmphex(registers.rax, ==, 0);
	g_assert_cmphex(registers.rdx, ==, 0);
	g_assert_cmpuint(signals(fd), ==, 1);
	registers = (struct hv_call_registers){.rax = FAST_SIGNAL, .rdx = 1, .rcx = 9};
	g_assert_cmpint(vp_set_call_registers(t->vps[0], &registers), ==, 0);
	g_assert_true(hv_port_write(t->hv, 0, HV_PORT_CALL_32, 0));
	g_assert_cmpint(vp_get_call_registers(t->vps[0], &registers), ==, 0);
	g_assert_cmphex(registers.rax, ==, HV_STATUS_INVALID_HYPERCALL_INPUT);
	hv_signal_unbind(t->hv, 9);
	close(fd);
}

/* Whatever is written, wherever: nothing is left that a guest which starts over would trip on. */
static void test_msr_storm(struct hv_test *t, gconstpointer data)
{
	const uint64_t pages[] = {SIM_PAGE, SIEF_PAGE, CALL_PAGE, NOWHERE, MEMORY, 0, UINT64_MAX};

	(void)data;
	for (unsigned int i = 0; i < 200000; i++) {
		uint32_t vp = g_random_int() % HV_VPS;
		uint32_t index = PARTITION_SYNTHETIC_MSRS + g_random_int() % 0x200;
		uint64_t value = (uint64_t)g_random_int() << 32 | g_random_int();

		/* the host's clock does not run on, so what is due at once is enough */
		if (i % 3 == 0)
			value = pages[g_random_int() % G_N_ELEMENTS(pages)] | (value & 3);
		if (i % 2 == 0)
			(void)hv_msr_write(t->hv, vp, index, value);
		else
			(void)hv_msr_read(t->hv, vp, index, &value);
	}
	g_assert_cmpuint(hv_test_counter(t, "hv.msr.writes"), ==, 100000);
	hv_test_reset(t);
	hv_test_enable_calls(t);
	g_assert_cmphex(hv_test_call(t, FAST_SIGNAL, 9, 0), ==, HV_STATUS_INVALID_CONNECTION_ID);
}

static void test_bind_fails(struct hv_test *t, gconstpointer data)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)data;
	fake_fail(FAKE_BIND_PORT_EVENTFD, 0, HV_STATUS_NO_RESOURCES, 24);
	g_assert_cmpint(hv_signal_bind(t->hv, 9, fd), ==, HV_STATUS_NO_RESOURCES);
	fake_fail(FAKE_BIND_PORT_EVENTFD, 0, HV_STATUS_SUCCESS, 0);
	g_assert_cmpint(hv_signal_bind(t->hv, 9, fd), ==, HV_STATUS_SUCCESS);
	hv_detach(t->hv);
	fake_fail(FAKE_BIND_PORT_EVENTFD, 0, HV_STATUS_NO_RESOURCES, 24);
	g_assert_cmpint(hv_attach(t->hv, t->partition, t->vps), ==, HV_STATUS_NO_RESOURCES);
	fake_fail(FAKE_BIND_PORT_EVENTFD, 0, HV_STATUS_SUCCESS, 0);
	g_assert_cmpuint(hv_reference_time(t->hv), ==, 0);
	hv_signal_unbind(t->hv, 9);
	g_assert_cmpint(hv_attach(t->hv, t->partition, t->vps), ==, HV_STATUS_SUCCESS);
	close(fd);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, fn) g_test_add("/hv/calls/" name, struct hv_test, NULL, setup, fn, teardown)
	CASE("leaves", test_leaves);
	g_test_add_func("/hv/calls/every-feature-set", test_every_feature_set);
	g_test_add_func("/hv/calls/hidden", test_hidden);
	g_test_add_func("/hv/calls/names", test_names);
	g_test_add_func("/hv/calls/os-ids", test_os_ids);
	CASE("hypercall-msr", test_hypercall_msr);
	CASE("time-msrs", test_time_msrs);
	CASE("vp-msrs", test_vp_msrs);
	CASE("crash", test_crash);
	CASE("post-message", test_post_message);
	CASE("bad-input", test_bad_input);
	CASE("signals", test_signals);
	CASE("32-bit", test_32_bit);
	CASE("msr-storm", test_msr_storm);
	CASE("bind-fails", test_bind_fails);
	return g_test_run();
}
