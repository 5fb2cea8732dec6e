/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests are saved in the middle of what they do, and go on in another partition. */
#include <string.h>

#include "hv_reftime.h"
#include "hyperv_guest.h"
#include "saved_bytes.h"

#define MIB	   0x100000ull
#define MMIO	   0xd0000000ull
#define CR4_OSFXSR 0x600ull
#define SSE_AT	   0x800u
#define COUNT_AT   0x810u
#define SSE_TO	   0x820u

static GBytes *vp_saved(struct vp *vp)
{
	g_autoptr(state_writer) writer = state_writer_new();

	g_assert_cmpint(vp_save(vp, writer), ==, HV_STATUS_SUCCESS);
	return saved_bytes(writer);
}

static GBytes *partition_saved(struct partition *partition)
{
	g_autoptr(state_writer) writer = state_writer_new();

	g_assert_cmpint(partition_save(partition, writer), ==, HV_STATUS_SUCCESS);
	return saved_bytes(writer);
}

static hv_status vp_restored(struct vp *vp, GBytes *bytes, struct state_reader *reader)
{
	saved_bytes_read(reader, bytes);
	hv_status status = vp_restore(vp, reader);

	g_assert_cmpint(status == HV_STATUS_SUCCESS, ==, state_ok(reader));
	if (status == HV_STATUS_SUCCESS)
		g_assert_true(reader->at == reader->end);
	return status;
}

/* Memory, the partition, and all VPs. */
static void copy(struct partition *from, struct partition *to, struct vp *const *vps,
		 struct vp *const *to_vps, uint32_t n)
{
	size_t size = partition_memory_size(from);
	g_autoptr(GBytes) bytes = partition_saved(from);
	struct state_reader reader;

	memcpy(partition_gpa_pointer(to, 0, size), partition_gpa_pointer(from, 0, size), size);
	saved_bytes_read(&reader, bytes);
	hv_status status = partition_restore(to, &reader);
	g_assert_cmpstr(reader.fault, ==, "");
	g_assert_cmpint(status, ==, HV_STATUS_SUCCESS);
	for (uint32_t i = 0; i < n; i++) {
		g_autoptr(GBytes) vp = vp_saved(vps[i]);

		(void)vp_restored(to_vps[i], vp, &reader);
		g_assert_cmpstr(reader.fault, ==, "");
	}
}

/* ---- a guest that counts --------------------------------------------------------------------- */

static struct machine *counter_new(bool irqchip)
{
	static const uint8_t sse[] = "sixteen bytes...";
	struct machine *machine = machine_new(2 * MIB, 1, irqchip, guest_state, guest_state_size);
	struct vp *vp = machine->vps[0];

	enter_long_mode(machine, MMIO);
	set_register(vp, HV_X64_REGISTER_CR4, get_register(vp, HV_X64_REGISTER_CR4) | CR4_OSFXSR);
	g_assert_cmpint(partition_write_gpa(machine->partition, SSE_AT, sse, 16), ==, 0);
	return machine;
}

/* Its next byte, and what it gets for it. */
static void answer(struct vp *vp, uint8_t value)
{
	struct hv_intercept intercept;

	run_until(vp, &intercept, HV_INTERCEPT_IO_PORT);
	g_assert_false(intercept.io.write);
	memcpy(intercept.io.data, &value, sizeof(value));
}

/* To another partition; the old one is gone. */
static struct machine *move_machine(struct machine *machine, bool irqchip)
{
	struct machine *to =
		machine_new(partition_memory_size(machine->partition), 1, irqchip, "", 0);

	copy(machine->partition, to->partition, machine->vps, to->vps, 1);
	machine_free(machine);
	return to;
}

static void run_canceled(struct vp *vp)
{
	struct hv_intercept intercept;

	vp_cancel(vp);
	run_until(vp, &intercept, HV_INTERCEPT_CANCELED);
}

static void test_counter(gconstpointer data)
{
	bool irqchip = data != NULL;
	g_autoptr(machine_t) machine = counter_new(irqchip);
	struct hv_intercept intercept;
	uint64_t *at, sum = 0;

	for (uint8_t i = 1; i <= 10; i++) {
		answer(machine->vps[0], i);
		sum += i;
		if (i % 3 == 0) /* with the instruction completed before */
			run_canceled(machine->vps[0]);
		machine = move_machine(g_steal_pointer(&machine), irqchip);
		at = partition_gpa_pointer(machine->partition, COUNT_AT, 8);
		g_assert_cmpuint(*at, ==, i - 1u);
	}
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_MMIO);
	g_assert_cmpuint(get_register(machine->vps[0], HV_X64_REGISTER_R13), ==, sum);
	same_bytes(partition_gpa_pointer(machine->partition, SSE_TO, 16), 16, "sixteen bytes...");
}

/* An instruction of two accesses: between them nothing can be saved, and nothing gets lost. */
static void test_two_accesses(void)
{
	g_autoptr(machine_t) machine = counter_new(true);
	g_autoptr(state_writer) writer = state_writer_new();
	struct hv_intercept intercept;

	for (unsigned int i = 0; i < 10; i++)
		answer(machine->vps[0], 1);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_MMIO);
	g_assert_cmphex(intercept.mmio.gpa, ==, MMIO);
	g_assert_cmpuint(intercept.mmio.size, ==, 8);
	for (unsigned int i = 0; i < 2; i++)
		g_assert_cmpint(vp_save(machine->vps[0], writer), ==, HV_STATUS_INVALID_VP_STATE);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_MMIO);
	g_assert_cmphex(intercept.mmio.gpa, ==, MMIO + 8);
	same_bytes(intercept.mmio.data, 8, "bytes...");
	machine = move_machine(g_steal_pointer(&machine), true);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_IO_PORT);
	g_assert_true(intercept.io.write);
}

/* What is restored is what was saved, and after a save the VP goes on. */
static void test_again(void)
{
	g_autoptr(machine_t) machine = counter_new(true);
	struct state_reader reader;
	struct hv_intercept intercept;
	size_t irqchip = 32 + 8 + 1 + 3 * 500;

	answer(machine->vps[0], 5);
	g_assert_cmpint(partition_set_interrupt_line(machine->partition, 4, true), ==, 0);
	g_autoptr(GBytes) vp = vp_saved(machine->vps[0]);
	g_autoptr(GBytes) partition = partition_saved(machine->partition);
	g_autoptr(machine_t) to = machine_new(2 * MIB, 1, true, "", 0);
	saved_bytes_read(&reader, partition);
	g_assert_cmpint(partition_restore(to->partition, &reader), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_restored(to->vps[0], vp, &reader), ==, HV_STATUS_SUCCESS);
	g_autoptr(GBytes) vp_again = vp_saved(to->vps[0]);
	g_autoptr(GBytes) partition_again = partition_saved(to->partition);
	g_assert_true(g_bytes_equal(vp, vp_again));
	/* But for the TSC before it and the PIT behind. */
	g_assert_cmpint(memcmp((const uint8_t *)g_bytes_get_data(partition, NULL) + 40,
			       (const uint8_t *)g_bytes_get_data(partition_again, NULL) + 40,
			       irqchip - 40),
			==, 0);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_CANCELED);
	answer(machine->vps[0], 1);
	g_assert_cmpuint(get_register(machine->vps[0], HV_X64_REGISTER_R13), ==, 5);
}

/* One that waits for an interrupt does so again, and one that was never started as well. */
static void test_not_running(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 2, true, "", 0);
	g_autoptr(machine_t) to = machine_new(MIB, 2, true, "", 0);

	g_autoptr(GBytes) ready = vp_saved(machine->vps[0]);
	g_assert_cmpint(vp_halt(machine->vps[0]), ==, HV_STATUS_SUCCESS);
	copy(machine->partition, to->partition, machine->vps, to->vps, 2);
	for (unsigned int i = 0; i < 2; i++) {
		g_autoptr(GBytes) before = vp_saved(machine->vps[i]);
		g_autoptr(GBytes) after = vp_saved(to->vps[i]);

		g_assert_true(g_bytes_equal(before, after));
		g_assert_false(g_bytes_equal(ready, after));
	}
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void test_other_processor(void)
{
	static const struct hv_cpuid_entry one[] = {{.function = 0, .eax = 1}, {.function = 1}},
					   other[] = {{.function = 0, .eax = 1},
						      {.function = 1, .ecx = 1}};
	g_autoptr(machine_t) machine = machine_new(MIB, 2, true, "", 0);
	struct state_reader reader;
	struct vp *vp = machine->vps[1];

	g_assert_cmpint(vp_set_cpuid(vp, one, 2), ==, HV_STATUS_SUCCESS);
	g_autoptr(GBytes) bytes = vp_saved(vp);
	g_assert_cmpint(vp_restored(vp, bytes, &reader), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_set_cpuid(vp, other, 2), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_restored(vp, bytes, &reader), ==, HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpstr(reader.fault, ==,
			"vp: this host offers other processor features (CPUID leaf 0x1, index 0)");
	g_assert_cmpint(vp_set_cpuid(vp, one, 1), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_restored(vp, bytes, &reader), ==, HV_STATUS_INVALID_PARAMETER);
	g_autoptr(GBytes) fewer = vp_saved(vp);
	g_assert_cmpint(vp_set_cpuid(vp, one, 2), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_restored(vp, fewer, &reader), ==, HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(vp_restored(machine->vps[0], bytes, &reader), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpstr(reader.fault, ==, "vp: it is another processor's");
}

static void test_cut_off(void)
{
	g_autoptr(machine_t) machine = counter_new(true);
	g_autoptr(GBytes) vp = vp_saved(machine->vps[0]);
	g_autoptr(GBytes) partition = partition_saved(machine->partition);
	struct state_reader reader;

	for (size_t size = 0; size < g_bytes_get_size(vp); size += 61) {
		g_autoptr(GBytes) part = g_bytes_new_from_bytes(vp, 0, size);

		g_assert_cmpint(vp_restored(machine->vps[0], part, &reader), ==,
				HV_STATUS_INVALID_PARAMETER);
	}
	for (size_t size = 0; size < g_bytes_get_size(partition); size += 61) {
		g_autoptr(GBytes) part = g_bytes_new_from_bytes(partition, 0, size);

		saved_bytes_read(&reader, part);
		g_assert_cmpint(partition_restore(machine->partition, &reader), ==,
				HV_STATUS_INVALID_PARAMETER);
		g_assert_false(state_ok(&reader));
	}
}

static void test_other_machine(void)
{
	g_autoptr(machine_t) with = counter_new(true), without = counter_new(false);
	g_autoptr(GBytes) bytes = partition_saved(with->partition);
	struct state_reader reader;

	saved_bytes_read(&reader, bytes);
	g_assert_cmpint(partition_restore(without->partition, &reader), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpstr(reader.fault, ==, "partition: it has other interrupt controllers");
}

/* With one number in place of another, both of n bytes, where it is found first. */
static GBytes *patched(GBytes *bytes, const void *what, const void *with, size_t n)
{
	size_t size;
	uint8_t *copy = g_memdup2(g_bytes_get_data(bytes, &size), g_bytes_get_size(bytes));
	uint8_t *found = memmem(copy, size, what, n);

	g_assert_nonnull(found);
	memcpy(found, with, n);
	return g_bytes_new_take(copy, size);
}

struct msr {
	uint32_t index;
	uint64_t value;
} __attribute__((packed));

static void test_msrs_refused(struct fixture *f, gconstpointer data)
{
	static const struct {
		struct msr msr;
		const char *fault; /* NULL: none */
	} cases[] = {
		{{0xc0000082, 0xffffffff82000000}, NULL},
		{{0xc0000082, 1ull << 63}, "vp: the hypervisor here refuses MSR 0xc0000082"},
		{{0x10, 1}, "vp: the hypervisor here refuses MSR 0x10"}, /* the TSC */
		{{0x40000000, 1}, "vp: the hypervisor here refuses MSR 0x40000000"},
		{{0x12345678, 1}, "vp: the hypervisor here refuses MSR 0x12345678"},
		{{0x12345678, 0}, NULL}, /* of a newer KVM, and not used */
		{{0, 0}, "vp: "},	 /* the rest is not what it looks like */
	};
	const struct msr lstar = {0xc0000082, 0xffffffff81000000};
	struct state_reader reader;

	(void)data;
	write_msr(f, lstar.index, lstar.value);
	g_autoptr(GBytes) bytes = vp_saved(f->vp);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GBytes) other = patched(bytes, &lstar, &cases[i].msr, sizeof(lstar));

		(void)vp_restored(f->vp, other, &reader);
		if (!cases[i].fault)
			g_assert_cmpstr(reader.fault, ==, "");
		else
			g_assert_true(g_str_has_prefix(reader.fault, cases[i].fault));
	}
}

static void test_structures_refused(void)
{
	static const uint32_t mask = 0x1f80, other_mask = 0xffff1f80; /* of SSE's exceptions */
	/* A size, and the x87's control word behind it. */
	static const uint8_t xsave[] = {0, 16, 0, 0, 0x7f, 3}, larger[] = {0, 32, 0, 0, 0x7f, 3};
	g_autoptr(machine_t) machine = counter_new(true);
	struct state_reader reader;
	struct vp *vp = machine->vps[0];

	answer(vp, 1); /* it has used SSE */
	g_autoptr(GBytes) bytes = vp_saved(vp);
	g_autoptr(GBytes) bad_mask = patched(bytes, &mask, &other_mask, sizeof(mask));
	g_autoptr(GBytes) bad_size = patched(bytes, xsave, larger, sizeof(xsave));

	g_assert_cmpint(vp_restored(vp, bad_mask, &reader), ==, HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpstr(reader.fault, ==, "vp: KVM_SET_XSAVE: Invalid argument");
	g_assert_cmpint(vp_restored(vp, bad_size, &reader), ==, HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpstr(reader.fault, ==, "vp: the hypervisor here has another KVM_SET_XSAVE");
	g_assert_cmpint(vp_restored(vp, bytes, &reader), ==, HV_STATUS_SUCCESS);
}

/* ---- interrupts and the interface ------------------------------------------------------------ */

#define LVT_TIMER     0xfee00320u
#define INITIAL_COUNT 0xfee00380u
#define DIVIDE	      0xfee003e0u
#define BY_1	      0xbu
#define ONE_SHOT      VECTOR
#define PERIODIC      (VECTOR | 1u << 17)
#define BY_DEADLINE   (VECTOR | 2u << 17)
#define MSR_DEADLINE  0x6e0u
#define TICKS	      20000000u /* of 1 ns */

/* As it was in f, in g, which is built here. */
static void move_guest(struct fixture *f, struct fixture *g)
{
	g_autoptr(state_writer) writer = state_writer_new();
	struct state_reader reader;

	memset(g, 0, sizeof(*g));
	setup(g, NULL);
	hv_set_paused(f->hv, true);
	copy(f->partition, g->partition, &f->vp, &g->vp, 1);
	hv_save(f->hv, writer);
	g_autoptr(GBytes) bytes = saved_bytes(writer);
	saved_bytes_read(&reader, bytes);
	(void)hv_restore(g->hv, &reader);
	g_assert_cmpstr(reader.fault, ==, "");
	hv_set_paused(g->hv, false);
}

static void timer_start(struct fixture *f, uint32_t mode, uint32_t ticks)
{
	element_add(f, OP_STORE, DIVIDE, BY_1, 0);
	element_add(f, OP_STORE, LVT_TIMER, mode, 0);
	element_add(f, OP_STORE, INITIAL_COUNT, ticks, 0);
	work(f);
}

static uint64_t *interrupts(struct fixture *f)
{
	return at(f, 0x500);
}

/* KVM's own timers go by this, whether the VP runs or not. */
static void let_pass(gint64 us)
{
	gint64 until = g_get_monotonic_time() + us;

	while (g_get_monotonic_time() < until)
		continue;
}

/* One that is running, those that have expired before: without the guest, or so that it could have
 * seen it; and one that goes on and on. */
static void test_timer(struct fixture *f, gconstpointer data)
{
	static const struct {
		uint32_t mode, ticks, n;
		gint64 us;
	} timers[] = {{ONE_SHOT, TICKS, 1, 0},
		      {ONE_SHOT, TICKS / 4, 1, TICKS / 1000},
		      {ONE_SHOT, 1, 1, 0},
		      {PERIODIC, TICKS, 3, 0}};
	struct fixture g;

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(timers); i++) {
		*interrupts(f) = 0;
		timer_start(f, timers[i].mode, timers[i].ticks);
		let_pass(timers[i].us);
		move_guest(f, &g);
		g_assert_cmpuint(*interrupts(&g), ==, 0);
		wait_interrupts(&g, timers[i].n);
		g_assert_cmpuint(*interrupts(&g), ==, timers[i].n);
		teardown(&g, NULL);
		timer_start(f, ONE_SHOT, 0);
	}
}

static void test_msrs(struct fixture *f, gconstpointer data)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} msrs[] = {
		{0x277, 0x0007010600070106},	  /* PAT */
		{0x2ff, 0xc06},			  /* memory types */
		{0x200, 0x80000006},		  /* a range of them */
		{0xc0000081, 0x0023001000000000}, /* STAR, LSTAR, the mask of flags, KernelGSBase */
		{0xc0000082, 0xffffffff81000000},
		{0xc0000084, 0x47700},
		{0xc0000102, 0xffff888000000000},
	};
	struct fixture g;

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(msrs); i++)
		write_msr(f, msrs[i].index, msrs[i].value);
	move_guest(f, &g);
	for (size_t i = 0; i < G_N_ELEMENTS(msrs); i++)
		g_assert_cmphex(read_msr(&g, msrs[i].index), ==, msrs[i].value);
	teardown(&g, NULL);
}

static void test_deadline(struct fixture *f, gconstpointer data)
{
	struct fixture g;

	(void)data;
	element_add(f, OP_STORE, LVT_TIMER, BY_DEADLINE, 0);
	const struct element *now = element_add(f, OP_RDTSC, 0, 0, 0);
	work(f);
	const struct element *set = element_add(f, OP_WRMSR, MSR_DEADLINE, now->out[0] + TICKS, 0);
	work(f);
	g_assert_cmpuint(set->fault, ==, 0);
	move_guest(f, &g);
	wait_interrupts(&g, 1);
	teardown(&g, NULL);
}

static void test_time(struct fixture *f, gconstpointer data)
{
	struct fixture g;

	(void)data;
	write_msr(f, HV_MSR_REFERENCE_TSC, TSC_PAGE | HV_PAGE_ENABLE);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t before = read_msr(f, HV_MSR_TIME_REF_COUNT);

		move_guest(f, &g);
		const struct element *tsc = element_add(&g, OP_RDTSC, 0, 0, 0);
		work(&g);
		const struct hv_tsc_page *page = at(&g, TSC_PAGE);
		uint64_t by_page = hv_reftime_by_tsc(page->scale, page->offset, tsc->out[0]);
		uint64_t after = read_msr(&g, HV_MSR_TIME_REF_COUNT);
		g_assert_cmpuint(before, <, after);
		g_assert_cmpuint(after - before, <, 60 * HV_REFTIME_HZ);
		if (page->sequence != HV_TSC_SEQUENCE_INVALID) {
			g_assert_cmpuint(by_page, <=, after);
			g_assert_cmpuint(after - by_page, <, 60 * HV_REFTIME_HZ);
		}
		teardown(f, NULL);
		move_guest(&g, f);
		teardown(&g, NULL);
	}
}

static void test_message(struct fixture *f, gconstpointer data)
{
	const struct hv_message message = {
		.type = 1, .size = 5, .origin = 4, .payload = (const uint8_t *)"hello"};
	const struct hv_message_slot *slot;
	struct fixture g;

	(void)data;
	enable_calls(f);
	enable_synic(f, 2, VECTOR);
	hv_set_paused(f->hv, true);
	g_assert_cmpint(hv_message_post(f->hv, 0, 2, &message), ==, HV_POST_QUEUED);
	move_guest(f, &g);
	wait_interrupts(&g, 1);
	slot = (const struct hv_message_slot *)at(&g, SIM_PAGE) + 2;
	g_assert_cmpuint(slot->type, ==, 1);
	same_bytes(slot->payload, slot->payload_size, "hello");
	g_assert_cmphex(read_msr(&g, HV_MSR_GUEST_OS_ID), ==, 0x8100000600010000);
	g_assert_cmphex(call(&g, HV_CALL_NOTIFY_LONG_SPIN_WAIT | HV_CONTROL_FAST, 1, 0), ==, 0);
	teardown(&g, NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	int missing = kvm_missing();
	if (missing != 0)
		return missing;
	g_test_add_data_func("/kvm/state/counter/bare", NULL, test_counter);
	g_test_add_data_func("/kvm/state/counter/irqchip", (gpointer)1, test_counter);
	g_test_add_func("/kvm/state/two-accesses", test_two_accesses);
	g_test_add_func("/kvm/state/again", test_again);
	g_test_add_func("/kvm/state/not-running", test_not_running);
	g_test_add_func("/kvm/state/other-processor", test_other_processor);
	g_test_add_func("/kvm/state/cut-off", test_cut_off);
	g_test_add_func("/kvm/state/other-machine", test_other_machine);
	g_test_add_func("/kvm/state/structures-refused", test_structures_refused);
#define CASE(name, fn) g_test_add("/kvm/state/" name, struct fixture, NULL, setup, fn, teardown)
	CASE("timer", test_timer);
	CASE("msrs", test_msrs);
	CASE("msrs-refused", test_msrs_refused);
	CASE("deadline", test_deadline);
	CASE("time", test_time);
	CASE("message", test_message);
	return g_test_run();
}
