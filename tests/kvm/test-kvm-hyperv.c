/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hypervisor interface, by a guest on real KVM that does what tables tell it. */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv_reftime.h"
#include "hyperv_guest.h"

/* ---- cases ----------------------------------------------------------------------------------- */

static void test_leaves(struct fixture *f, gconstpointer data)
{
	(void)data;
	const struct element *vendor = element_add(f, OP_CPUID, HV_CPUID_VENDOR, 0, 0);
	const struct element *interface = element_add(f, OP_CPUID, HV_CPUID_INTERFACE, 0, 0);
	const struct element *features = element_add(f, OP_CPUID, HV_CPUID_FEATURES, 0, 0);
	const struct element *basic = element_add(f, OP_CPUID, 1, 0, 0);
	work(f);
	const uint32_t *words = (const uint32_t *)vendor->out;

	g_assert_cmphex(words[0], ==, 0x40000006);
	same_bytes(&words[1], 12, "Microsoft Hv");
	same_bytes(interface->out, 4, "Hv#1");
	g_assert_cmphex(features->out[0] & 0x66, ==, 0x66);
	g_assert_cmphex(basic->out[1] >> 31 & 1, ==, 1);
}

static void test_identity(struct fixture *f, gconstpointer data)
{
	(void)data;
	g_assert_cmpuint(read_msr(f, HV_MSR_VP_INDEX), ==, 0);
	write_msr(f, HV_MSR_HYPERCALL, CALL_PAGE | HV_PAGE_ENABLE); /* too early */
	g_assert_cmphex(read_msr(f, HV_MSR_HYPERCALL), ==, CALL_PAGE);
	enable_calls(f);
	g_assert_cmphex(read_msr(f, HV_MSR_HYPERCALL), ==, CALL_PAGE | HV_PAGE_ENABLE);
	g_assert_cmphex(hv_guest_os_id(f->hv), ==, 0x8100000600010000);
	write_msr(f, HV_MSR_VP_ASSIST_PAGE, NOWHERE | HV_PAGE_ENABLE);
	g_assert_true(faults(f, OP_WRMSR, HV_MSR_VP_INDEX, 0));
	g_assert_true(faults(f, OP_WRMSR, HV_MSR_HYPERCALL, NOWHERE | HV_PAGE_ENABLE));
	g_assert_true(faults(f, OP_RDMSR, 0x40000070, 0)); /* EOI: not offered */
	g_assert_true(faults(f, OP_RDMSR, 0x400001ff, 0));
	g_assert_cmpuint(f->resets, ==, 0);
	write_msr(f, HV_MSR_RESET, HV_RESET_NOW);
	g_assert_cmpuint(f->resets, ==, 1);
}

/* The MSR, the page and the partition tell one time, and it runs as the host's does. */
static void test_reference_time(struct fixture *f, gconstpointer data)
{
	(void)data;
	write_msr(f, HV_MSR_REFERENCE_TSC, TSC_PAGE | HV_PAGE_ENABLE);
	const struct element *before = element_add(f, OP_RDMSR, HV_MSR_TIME_REF_COUNT, 0, 0);
	const struct element *tsc = element_add(f, OP_RDTSC, 0, 0, 0);
	const struct element *after = element_add(f, OP_RDMSR, HV_MSR_TIME_REF_COUNT, 0, 0);
	gint64 us = g_get_monotonic_time();
	work(f);
	uint64_t first = before->out[0], second = after->out[0], ticks = tsc->out[0];

	g_assert_cmpuint(second, >=, first);
	const struct hv_tsc_page *page = at(f, TSC_PAGE);
	if (partition_tsc_is_stable() && partition_tsc_frequency(f->partition) != 0) {
		g_assert_cmpuint(page->sequence, !=, HV_TSC_SEQUENCE_INVALID);
		uint64_t by_page = hv_reftime_by_tsc(page->scale, page->offset, ticks);

		g_assert_cmpuint(by_page, >=, first);
		g_assert_cmpuint(by_page, <=, second);
	} else {
		g_assert_cmpuint(page->sequence, ==, HV_TSC_SEQUENCE_INVALID);
	}
	g_usleep(20000); /* so that there is something to compare */
	uint64_t passed = read_msr(f, HV_MSR_TIME_REF_COUNT) - first;
	uint64_t host = (uint64_t)(g_get_monotonic_time() - us) * 10;
	g_assert_cmpuint(passed, <=, host + 1000);
	g_assert_cmpuint(passed, >=, 20000 * 10 - 1000);
	g_assert_cmpuint(read_msr(f, HV_MSR_APIC_FREQUENCY), ==, 1000000000);
	g_assert_cmpuint(read_msr(f, HV_MSR_TSC_FREQUENCY), ==,
			 partition_tsc_frequency(f->partition));
	g_assert_cmpuint(read_msr(f, HV_MSR_VP_RUNTIME), >, 0);
}

static hv_status on_message(void *context, uint32_t vp, uint32_t type, const uint8_t *payload,
			    uint32_t size)
{
	struct fixture *f = context;

	g_assert_cmpuint(vp, ==, 0);
	g_assert_cmpuint(type, ==, 1);
	same_bytes(payload, size, "hello");
	f->messages++;
	return HV_STATUS_SUCCESS;
}

static void test_post_message(struct fixture *f, gconstpointer data)
{
	struct hv_input_post_message input = {4, 0, 1, 5, "hello"};

	(void)data;
	hv_message_handle(f->hv, 4, on_message, f);
	enable_calls(f);
	put(f, INPUT, &input, sizeof(input));
	g_assert_cmphex(call(f, HV_CALL_POST_MESSAGE, INPUT, 0), ==, HV_STATUS_SUCCESS);
	g_assert_cmpuint(f->messages, ==, 1);
	input.connection_id = 5;
	put(f, INPUT, &input, sizeof(input));
	g_assert_cmphex(call(f, HV_CALL_POST_MESSAGE, INPUT, 0), ==,
			HV_STATUS_INVALID_CONNECTION_ID);
	g_assert_cmphex(call(f, HV_CALL_POST_MESSAGE, NOWHERE, 0), ==,
			HV_STATUS_INVALID_HYPERCALL_INPUT);
	g_assert_cmphex(call(f, HV_CALL_POST_MESSAGE, INPUT + 4, 0), ==,
			HV_STATUS_INVALID_ALIGNMENT);
	g_assert_cmphex(call(f, HV_CALL_POST_MESSAGE | HV_CONTROL_FAST, INPUT, 0), ==,
			HV_STATUS_INVALID_HYPERCALL_INPUT);
	g_assert_cmpuint(f->messages, ==, 1);
}

static uint64_t signals(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void test_signal_event(struct fixture *f, gconstpointer data)
{
	const uint64_t fast = HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST;
	const struct hv_input_signal_event input = {.connection_id = 17};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)data;
	enable_calls(f);
	put(f, INPUT, &input, sizeof(input));
	g_assert_cmphex(call(f, fast, 17, 0), ==, HV_STATUS_INVALID_CONNECTION_ID);
	g_assert_cmpint(hv_signal_bind(f->hv, 17, fd), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(hv_signal_bind(f->hv, 17, fd), ==, HV_STATUS_NO_RESOURCES);
	uint64_t exits = f->call_exits;

	/* Without an exit; by one, when it is slow; with a flag that no connection has. */
	g_assert_cmphex(call(f, fast, 17, 0), ==, HV_STATUS_SUCCESS);
	g_assert_cmpuint(f->call_exits, ==, exits);
	g_assert_cmpuint(signals(fd), ==, 1);
	g_assert_cmphex(call(f, HV_CALL_SIGNAL_EVENT, INPUT, 0), ==, HV_STATUS_SUCCESS);
	g_assert_cmpuint(signals(fd), ==, 1);
	g_assert_cmphex(call(f, fast, 17 | 1ull << 32, 0), ==, HV_STATUS_INVALID_PARAMETER);
	g_assert_cmphex(call(f, fast, 16, 0), ==, HV_STATUS_INVALID_CONNECTION_ID);
	g_assert_cmpuint(signals(fd), ==, 0);
	hv_signal_unbind(f->hv, 17);
	g_assert_cmphex(call(f, fast, 17, 0), ==, HV_STATUS_INVALID_CONNECTION_ID);
	close(fd);
}

static uint64_t call_32(struct fixture *f, uint64_t control, uint64_t input)
{
	uint64_t result = UINT64_MAX;

	put(f, 0x540, &control, sizeof(control));
	put(f, 0x548, &input, sizeof(input));
	put(f, 0x550, &result, sizeof(result));
	work(f);
	memcpy(&result, at(f, 0x550), sizeof(result));
	return result;
}

/* The same page, called by 32-bit code. */
static void test_32_bit(struct fixture *f, gconstpointer data)
{
	const uint64_t fast = HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)data;
	enable_calls(f);
	put(f, GUEST_LOAD_ADDRESS, guest_hypercall_32, guest_hypercall_32_size);
	set_protected_mode(f->vp);
	set_register(f->vp, HV_X64_REGISTER_RIP, GUEST_LOAD_ADDRESS);
	g_assert_cmpint(hv_signal_bind(f->hv, 17, fd), ==, HV_STATUS_SUCCESS);
	g_assert_cmphex(call_32(f, fast, 17), ==, HV_STATUS_SUCCESS);
	g_assert_cmpuint(signals(fd), ==, 1);
	g_assert_cmphex(call_32(f, fast, 18), ==, HV_STATUS_INVALID_CONNECTION_ID);
	g_assert_cmphex(call_32(f, fast | 1ull << 63, 17), ==, HV_STATUS_INVALID_HYPERCALL_INPUT);
	g_assert_cmphex(call_32(f, 0xffff, 17), ==, HV_STATUS_INVALID_HYPERCALL_CODE);
	g_assert_cmpuint(signals(fd), ==, 0);
	hv_signal_unbind(f->hv, 17);
	close(fd);
}

static void test_bad_control_words(struct fixture *f, gconstpointer data)
{
	static const uint64_t wrong[] = {1ull << 17, 1ull << 26,	1ull << 27, 1ull << 30,
					 1ull << 31, 1ull << 32,	1ull << 43, 1ull << 44,
					 1ull << 47, 1ull << 48,	1ull << 59, 1ull << 60,
					 1ull << 63, 0xfffffffffff00000};

	(void)data;
	enable_calls(f);
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_assert_cmphex(call(f, HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST | wrong[i], 17, 0),
				==, HV_STATUS_INVALID_HYPERCALL_INPUT);
	for (uint64_t code = 0; code < 0x10000; code += code < 0x10 ? 1 : 0x1111)
		if (code != HV_CALL_NOTIFY_LONG_SPIN_WAIT)
			g_assert_cmphex(call(f, code, 0, 0), ==, HV_STATUS_INVALID_HYPERCALL_CODE);
	g_assert_cmphex(call(f, HV_CALL_NOTIFY_LONG_SPIN_WAIT | HV_CONTROL_FAST, 4095, 0), ==, 0);
}

static void test_messages_and_events(struct fixture *f, gconstpointer data)
{
	const struct hv_message message = {1, 3, 7, (const uint8_t *)"abc"};

	(void)data;
	g_assert_cmpint(hv_message_post(f->hv, 0, 2, &message), ==, HV_POST_QUEUED);
	g_assert_false(hv_event_set(f->hv, 0, 2, 9));
	enable_synic(f, 2, VECTOR);
	wait_interrupts(f, 1);
	const struct hv_message_slot *slot = at(f, SIM_PAGE + 2ull * 256);
	g_assert_cmpuint(slot->type, ==, 1);
	same_bytes(slot->payload, slot->payload_size, "abc");

	/* The next waits for the guest's EOM. */
	g_assert_cmpint(hv_message_post(f->hv, 0, 2, &message), ==, HV_POST_QUEUED);
	g_assert_cmpuint(slot->flags, ==, HV_MESSAGE_PENDING);
	element_add(f, OP_STORE, SIM_PAGE + 2ull * 256, 0, 0);
	element_add(f, OP_WRMSR, HV_MSR_EOM, 0, 0);
	wait_interrupts(f, 2);
	g_assert_cmpuint(slot->type, ==, 1);
	g_assert_cmpuint(slot->flags, ==, 0);

	g_assert_true(hv_event_set(f->hv, 0, 2, 9));
	wait_interrupts(f, 3);
	g_assert_cmphex(((uint8_t *)at(f, SIEF_PAGE + 2ull * 256))[1], ==, 2);
}

static void test_timers(struct fixture *f, gconstpointer data)
{
	const uint64_t message = HV_STIMER_ENABLE | 3ull << 16;
	const uint64_t direct = HV_STIMER_AUTO_ENABLE | HV_STIMER_DIRECT | VECTOR_2 << 4;

	(void)data;
	enable_synic(f, 3, VECTOR);
	uint64_t due = read_msr(f, HV_MSR_TIME_REF_COUNT) + 50000;
	write_msr(f, HV_MSR_STIMER0_CONFIG + 1, due);
	write_msr(f, HV_MSR_STIMER0_CONFIG, message);
	wait_interrupts(f, 1);
	g_assert_cmpuint(read_msr(f, HV_MSR_TIME_REF_COUNT), >=, due);
	const struct hv_message_slot *slot = at(f, SIM_PAGE + 3ull * 256);
	struct hv_timer_message expired;
	memcpy(&expired, slot->payload, sizeof(expired));
	g_assert_cmphex(slot->type, ==, HV_MESSAGE_TIMER_EXPIRED);
	g_assert_cmpuint(slot->payload_size, ==, sizeof(expired));
	g_assert_cmpuint(expired.timer, ==, 0);
	g_assert_cmpuint(expired.expiration, ==, due);
	g_assert_cmpuint(expired.delivery, >=, due);

	/* Direct, for the past and for the future. */
	write_msr(f, HV_MSR_STIMER0_CONFIG + 2, direct);
	write_msr(f, HV_MSR_STIMER0_CONFIG + 3, 1);
	wait_interrupts(f, 2);
	write_msr(f, HV_MSR_STIMER0_CONFIG + 3, read_msr(f, HV_MSR_TIME_REF_COUNT) + 10000);
	wait_interrupts(f, 3);
	/* Periodic: by itself, again and again. */
	write_msr(f, HV_MSR_STIMER0_CONFIG + 2, direct | HV_STIMER_PERIODIC);
	write_msr(f, HV_MSR_STIMER0_CONFIG + 3, 10000);
	wait_interrupts(f, 6);
	write_msr(f, HV_MSR_STIMER0_CONFIG + 2, 0);
}

/* The guest ends no interrupt, and yet gets the next, also of a lower vector. */
static void test_auto_eoi(struct fixture *f, gconstpointer data)
{
	const uint8_t yes = 1;

	(void)data;
	if (!partition_can_end_interrupts(f->partition)) {
		g_assert_true(faults(f, OP_WRMSR, HV_MSR_SINT0 + 2, VECTOR | HV_SINT_AUTO_EOI));
		g_test_skip("this KVM cannot end interrupts for a guest");
		return;
	}
	put(f, 0x510, &yes, 1);
	enable_synic(f, 2, VECTOR | HV_SINT_AUTO_EOI);
	write_msr(f, HV_MSR_SINT0 + 3, VECTOR_2 | HV_SINT_AUTO_EOI);
	for (uint32_t i = 1; i <= 20; i++) {
		g_assert_true(hv_event_set(f->hv, 0, 2 + i % 2, i));
		wait_interrupts(f, i);
	}
}

/* Pages over each other, over code, and where nothing is. */
static void test_strange_pages(struct fixture *f, gconstpointer data)
{
	static const uint64_t pages[] = {NOWHERE,    MEMORY - 4096,	 MEMORY,
					 0xfee00000, 0xfffffffffffff000, SIEF_PAGE,
					 CALL_PAGE};
	const struct hv_message message = {1, 240, 7, (const uint8_t *)guest_hyperv};

	(void)data;
	enable_calls(f);
	enable_synic(f, 2, VECTOR);
	for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
		write_msr(f, HV_MSR_SIMP, pages[i] | HV_PAGE_ENABLE);
		(void)hv_message_post(f->hv, 0, 2, &message);
		(void)hv_event_set(f->hv, 0, 15, 2047);
		write_msr(f, HV_MSR_SIEFP, pages[i] | HV_PAGE_ENABLE);
		(void)hv_event_set(f->hv, 0, 15, 2047);
		write_msr(f, HV_MSR_REFERENCE_TSC, pages[i] | HV_PAGE_ENABLE);
		write_msr(f, HV_MSR_EOM, 0);
	}
	g_assert_cmpuint(read_msr(f, HV_MSR_VP_INDEX), ==, 0);
}

static void test_msr_storm(struct fixture *f, gconstpointer data)
{
	GRand *rand = g_rand_new_with_seed(7);

	(void)data;
	for (unsigned int round = 0; round < 60; round++) {
		for (unsigned int i = 0; i < 50; i++) {
			uint32_t index = 0x40000000 + (uint32_t)g_rand_int_range(rand, 0, 0x200);

			if (index == HV_MSR_HYPERCALL || index == HV_MSR_GUEST_IDLE)
				index = HV_MSR_EOM; /* would overwrite the guest; may wait */
			element_add(f, g_rand_boolean(rand) ? OP_WRMSR : OP_RDMSR, index,
				    (uint64_t)g_rand_int(rand) << 32 | 0x40000 |
					    g_rand_int(rand) % 0x2000,
				    0);
		}
		work(f);
	}
	g_rand_free(rand);
}

static void test_idle(struct fixture *f, gconstpointer data)
{
	(void)data;
	/* IF is clear here: it must come back by itself. */
	g_assert_cmpuint(read_msr(f, HV_MSR_GUEST_IDLE), ==, 0);
}

static void test_crash(struct fixture *f, gconstpointer data)
{
	(void)data;
	g_assert_cmphex(read_msr(f, HV_MSR_CRASH_CTL), ==, HV_CRASH_NOTIFY | HV_CRASH_MESSAGE);
	put(f, INPUT, "panic: lost", 11);
	for (uint32_t i = 0; i < 3; i++)
		write_msr(f, HV_MSR_CRASH_P0 + i, i + 100);
	write_msr(f, HV_MSR_CRASH_P0 + 3, INPUT);
	write_msr(f, HV_MSR_CRASH_P0 + 4, 11);
	write_msr(f, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY | HV_CRASH_MESSAGE);
	g_assert_cmpuint(f->crashes, ==, 1);
	g_assert_cmpuint(f->crash.parameters[1], ==, 101);
	same_bytes(f->crash.text, f->crash.size, "panic: lost");
	write_msr(f, HV_MSR_CRASH_P0 + 3, NOWHERE);
	write_msr(f, HV_MSR_CRASH_CTL, HV_CRASH_NOTIFY | HV_CRASH_MESSAGE);
	g_assert_cmpuint(f->crashes, ==, 2);
	g_assert_cmpuint(f->crash.size, ==, 0);
}

static void test_hidden(struct fixture *f, gconstpointer data)
{
	(void)data;
	const struct element *vendor = element_add(f, OP_CPUID, HV_CPUID_VENDOR, 0, 0);
	const struct element *basic = element_add(f, OP_CPUID, 1, 0, 0);
	work(f);
	g_assert_true(memcmp((const uint8_t *)vendor->out + 4, "Microsoft Hv", 12) != 0);
	g_assert_cmphex(basic->out[1] >> 31 & 1, ==, 0);
	g_assert_true(faults(f, OP_RDMSR, HV_MSR_VP_INDEX, 0));
	g_assert_true(faults(f, OP_WRMSR, HV_MSR_GUEST_OS_ID, 1));
}

int main(int argc, char **argv)
{
	static const struct hv_features hidden = {.visible = false};

	g_test_init(&argc, &argv, NULL);
	int missing = kvm_missing();
	if (missing != 0)
		return missing;
#define CASE(name, fn) g_test_add("/kvm/hyperv/" name, struct fixture, NULL, setup, fn, teardown)
	CASE("leaves", test_leaves);
	CASE("identity", test_identity);
	CASE("reference-time", test_reference_time);
	CASE("post-message", test_post_message);
	CASE("signal-event", test_signal_event);
	CASE("32-bit", test_32_bit);
	CASE("bad-control-words", test_bad_control_words);
	CASE("messages-and-events", test_messages_and_events);
	CASE("timers", test_timers);
	CASE("auto-eoi", test_auto_eoi);
	CASE("strange-pages", test_strange_pages);
	CASE("msr-storm", test_msr_storm);
	CASE("idle", test_idle);
	CASE("crash", test_crash);
	g_test_add("/kvm/hyperv/hidden", struct fixture, &hidden, setup, test_hidden, teardown);
	return g_test_run();
}
