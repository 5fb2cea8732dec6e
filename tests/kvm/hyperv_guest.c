/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hyperv_guest.h"

#include <string.h>

#include "cpuid.h"

#define LIMIT_US (60ll * G_USEC_PER_SEC)
#define PML4	 0x9000ull
#define PDPT	 0xa000ull
#define PD	 0xb000ull
#define IDT	 0xc000ull
#define GDT	 0xd000ull
#define PD_APIC	 0xe000ull
#define STACK	 0x10000ull
#define CALL_AT	 0x518ull

/* ---- a clock with one timer ------------------------------------------------------------------ */

static uint64_t clock_now_ns(void *context)
{
	(void)context;
	return (uint64_t)g_get_monotonic_time() * 1000;
}

static gpointer clock_main(gpointer data)
{
	struct test_clock *clock = data;

	g_mutex_lock(&clock->lock);
	while (!clock->quit) {
		if (clock->deadline == 0) {
			g_cond_wait(&clock->changed, &clock->lock);
		} else if (g_get_monotonic_time() < clock->deadline) {
			g_cond_wait_until(&clock->changed, &clock->lock, clock->deadline);
		} else {
			clock->deadline = 0;
			g_mutex_unlock(&clock->lock);
			clock->expired(clock->owner);
			g_mutex_lock(&clock->lock);
		}
	}
	g_mutex_unlock(&clock->lock);
	return NULL;
}

static void clock_arm(void *timer, uint64_t monotonic_ns)
{
	struct test_clock *clock = timer;

	g_mutex_lock(&clock->lock);
	clock->deadline = monotonic_ns == 0 ? 0 : (gint64)(monotonic_ns / 1000 + 1);
	g_cond_signal(&clock->changed);
	g_mutex_unlock(&clock->lock);
}

static void clock_disarm(void *timer)
{
	clock_arm(timer, 0);
}

static void *clock_timer_new(void *context, void (*expired)(void *owner), void *owner)
{
	struct test_clock *clock = context;

	clock->expired = expired;
	clock->owner = owner;
	clock->thread = g_thread_new("clock", clock_main, clock);
	return clock;
}

static void clock_timer_free(void *timer)
{
	struct test_clock *clock = timer;

	g_mutex_lock(&clock->lock);
	clock->quit = true;
	g_cond_signal(&clock->changed);
	g_mutex_unlock(&clock->lock);
	g_thread_join(clock->thread);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void on_reset(void *context)
{
	((struct fixture *)context)->resets++;
}

static void on_crashed(void *context, const struct hv_crash *crash)
{
	struct fixture *f = context;

	f->crashes++;
	f->crash = *crash;
}

void put(struct fixture *f, uint64_t gpa, const void *data, size_t size)
{
	g_assert_cmpint(partition_write_gpa(f->partition, gpa, data, size), ==, 0);
}

static void put64(struct fixture *f, uint64_t gpa, uint64_t value)
{
	put(f, gpa, &value, sizeof(value));
}

void *at(struct fixture *f, uint64_t gpa)
{
	return partition_gpa_pointer(f->partition, gpa, 1);
}

static void put_gate(struct fixture *f, unsigned int vector, size_t header_at)
{
	uint64_t handler;

	memcpy(&handler, guest_hyperv + header_at, sizeof(handler));
	put64(f, IDT + 16ull * vector,
	      (handler & 0xffff) | 0x08ull << 16 | 0x8eull << 40 | (handler >> 16) << 48);
	put64(f, IDT + 16ull * vector + 8, 0);
}

static void build_guest(struct fixture *f)
{
	const hv_register_name names[] = {HV_X64_REGISTER_RIP, HV_X64_REGISTER_RSP,
					  HV_X64_REGISTER_IDTR, HV_X64_REGISTER_GDTR,
					  HV_X64_REGISTER_RFLAGS};
	const union hv_register_value values[] = {
		{.reg64 = GUEST_LOAD_ADDRESS},
		{.reg64 = STACK},
		{.table = {.base = IDT, .limit = 4095}},
		{.table = {.base = GDT, .limit = 23}},
		{.reg64 = 2},
	};

	put(f, GUEST_LOAD_ADDRESS, guest_hyperv, guest_hyperv_size);
	put64(f, PML4, PDPT | 3);
	put64(f, PDPT, PD | 3);
	put64(f, PDPT + 24, PD_APIC | 3);
	put64(f, PD, 0x83);
	put64(f, PD_APIC + 0x1f7ull * 8, 0xfee00000 | 0x9b);
	put64(f, GDT + 8, 0x00af9b000000ffff);
	put64(f, GDT + 16, 0x00cf93000000ffff);
	put_gate(f, 13, 8);
	put_gate(f, VECTOR, 16);
	put_gate(f, VECTOR_2, 16);
	put64(f, CALL_AT, CALL_PAGE);
	set_long_mode(f->vp, PML4);
	g_assert_cmpint(vp_set_registers(f->vp, names, values, G_N_ELEMENTS(names)), ==, 0);
}

static void build_cpuid(struct fixture *f)
{
	const struct cpuid_topology one = {1, 1, 1};
	struct hv_cpuid_entry supported[CPUID_MAX_ENTRIES], table[CPUID_MAX_ENTRIES];
	size_t n = G_N_ELEMENTS(supported);

	g_assert_cmpint(partition_supported_cpuid(f->partition, supported, &n), ==, 0);
	n = cpuid_build(supported, n, &one, 0, false, table, G_N_ELEMENTS(table));
	n = hv_cpuid_apply(f->hv, table, n, G_N_ELEMENTS(table));
	g_assert_cmpuint(n, >, 0);
	g_assert_cmpint(vp_set_cpuid(f->vp, table, n), ==, 0);
}

void setup(struct fixture *f, gconstpointer data)
{
	const struct partition_properties properties = {
		.memory_size = MEMORY, .vp_count = 1, .irqchip = true, .synthetic_msrs = true};
	const struct hv_config config = {
		.vp_count = 1,
		.features = data ? *(const struct hv_features *)data : hv_features_all,
		.tsc_stable = partition_tsc_is_stable(),
		.clock = {clock_now_ns, clock_timer_new, clock_arm, clock_disarm, clock_timer_free,
			  &f->clock},
		.reset = on_reset,
		.crashed = on_crashed,
		.context = f,
	};
	struct hv_fault fault = {0};

	if (partition_create(&properties, &f->partition, &fault) != HV_STATUS_SUCCESS)
		g_error("%s: %s", fault.call, g_strerror(fault.sys_errno));
	g_assert_cmpint(vp_create(f->partition, 0, &f->vp, &fault), ==, 0);
	f->hv = hv_new(&config);
	g_assert_cmpint(hv_attach(f->hv, f->partition, &f->vp), ==, 0);
	build_cpuid(f);
	build_guest(f);
}

void teardown(struct fixture *f, gconstpointer data)
{
	(void)data;
	hv_detach(f->hv);
	partition_delete(f->partition);
	hv_free(f->hv);
}

/* Appends to the guest's work; returns where its results will be. */
struct element *element_add(struct fixture *f, enum op op, uint64_t a, uint64_t b, uint64_t c)
{
	struct element *element = &f->table[f->n++];

	g_assert_cmpuint(f->n, <, G_N_ELEMENTS(f->table));
	*element = (struct element){.op = op, .in = {a, b, c}, .fault = 1};
	return element;
}

void same_bytes(const void *got, size_t size, const char *wanted)
{
	g_assert_cmpuint(size, ==, strlen(wanted));
	g_assert_cmpint(memcmp(got, wanted, size), ==, 0);
}

static bool serve(struct fixture *f, struct hv_intercept *intercept)
{
	uint32_t value = 0;

	switch (intercept->type) {
	case HV_INTERCEPT_MSR:
		if (intercept->msr.write)
			*intercept->msr.fault = !hv_msr_write(f->hv, 0, intercept->msr.index,
							      *intercept->msr.value);
		else
			*intercept->msr.fault =
				!hv_msr_read(f->hv, 0, intercept->msr.index, intercept->msr.value);
		return true;
	case HV_INTERCEPT_IO_PORT:
		if (intercept->io.port == 0x100)
			return false;
		memcpy(&value, intercept->io.data, intercept->io.size);
		g_assert_cmpuint(intercept->io.size, ==, 4);
		g_assert_true(hv_port_write(f->hv, 0, intercept->io.port, value));
		f->call_exits++;
		return true;
	case HV_INTERCEPT_CANCELED:
		g_assert_cmpint(g_get_monotonic_time(), <, f->end);
		return true;
	default:
		g_error("VP: %s", hv_intercept_type_name(intercept->type));
	}
}

static gpointer watchdog(gpointer data)
{
	struct fixture *f = data;
	bool in_time = true;

	g_mutex_lock(&f->clock.lock);
	while (f->n != 0 && in_time)
		in_time = g_cond_wait_until(&f->clock.changed, &f->clock.lock, f->end);
	g_mutex_unlock(&f->clock.lock);
	if (!in_time)
		vp_cancel(f->vp);
	return NULL;
}

void run_guest(struct fixture *f)
{
	struct hv_intercept intercept;

	do {
		hv_before_run(f->hv, 0);
		g_assert_cmpint(vp_run(f->vp, &intercept), ==, HV_STATUS_SUCCESS);
	} while (serve(f, &intercept));
}

/* Lets the guest do its work. */
void work(struct fixture *f)
{
	f->end = g_get_monotonic_time() + LIMIT_US;
	GThread *dog = g_thread_new("watchdog", watchdog, f);
	unsigned int n = f->n;

	f->table[n].op = OP_END;
	put(f, TABLE, f->table, sizeof(f->table));
	run_guest(f);
	memcpy(f->table, at(f, TABLE), sizeof(f->table));
	g_mutex_lock(&f->clock.lock);
	f->n = 0;
	g_cond_broadcast(&f->clock.changed);
	g_mutex_unlock(&f->clock.lock);
	g_thread_join(dog);
}

uint64_t read_msr(struct fixture *f, uint32_t index)
{
	const struct element *element = element_add(f, OP_RDMSR, index, 0, 0);

	work(f);
	g_assert_cmpuint(element->fault, ==, 0);
	return element->out[0];
}

void write_msr(struct fixture *f, uint32_t index, uint64_t value)
{
	const struct element *element = element_add(f, OP_WRMSR, index, value, 0);

	work(f);
	g_assert_cmpuint(element->fault, ==, 0);
}

bool faults(struct fixture *f, enum op op, uint32_t index, uint64_t value)
{
	const struct element *element = element_add(f, op, index, value, 0);

	work(f);
	return element->fault != 0;
}

uint64_t call(struct fixture *f, uint64_t control, uint64_t input, uint64_t output)
{
	const struct element *element = element_add(f, OP_CALL, control, input, output);

	work(f);
	g_assert_cmphex(element->out[1], ==, input);   /* RDX */
	g_assert_cmphex(element->out[2], ==, control); /* RCX */
	return element->out[0];
}

void enable_calls(struct fixture *f)
{
	write_msr(f, HV_MSR_GUEST_OS_ID, 0x8100000600010000);
	write_msr(f, HV_MSR_HYPERCALL, CALL_PAGE | HV_PAGE_ENABLE);
}

void enable_synic(struct fixture *f, uint32_t sint, uint64_t value)
{
	write_msr(f, HV_MSR_SIMP, SIM_PAGE | HV_PAGE_ENABLE);
	write_msr(f, HV_MSR_SIEFP, SIEF_PAGE | HV_PAGE_ENABLE);
	write_msr(f, HV_MSR_SINT0 + sint, value);
	write_msr(f, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
}

void wait_interrupts(struct fixture *f, uint64_t n)
{
	element_add(f, OP_WAIT, n, 0, 0);
	work(f);
}
