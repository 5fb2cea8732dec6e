/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hv_fixture.h"

#include <string.h>

/* ---- the world ------------------------------------------------------------------------------- */

static uint64_t test_monotonic_ns(void *context)
{
	return ((struct hv_test *)context)->now_ns;
}

static void *test_timer_new(void *context, void (*expired)(void *owner), void *owner)
{
	struct hv_test *t = context;
	struct hv_test_timer *timer = &t->timers[t->n_timers++];

	g_assert_cmpuint(t->n_timers, <=, HV_VPS);
	*timer = (struct hv_test_timer){expired, owner, 0};
	return timer;
}

static void test_timer_arm(void *timer, uint64_t monotonic_ns)
{
	((struct hv_test_timer *)timer)->deadline = monotonic_ns;
}

static void test_timer_disarm(void *timer)
{
	((struct hv_test_timer *)timer)->deadline = 0;
}

static void test_timer_free(void *timer)
{
	g_assert_nonnull(timer);
	((struct hv_test_timer *)timer)->expired = NULL;
}

static void test_reset(void *context)
{
	((struct hv_test *)context)->resets++;
}

static void test_crashed(void *context, const struct hv_crash *crash)
{
	struct hv_test *t = context;

	t->crashes++;
	t->crash = *crash;
}

static void set_time(struct hv_test *t, uint64_t ns)
{
	t->now_ns = ns;
	fake_set_tsc(TSC_HZ, ns * (TSC_HZ / 1000000000), t->tsc_stable);
}

void hv_test_advance(struct hv_test *t, uint64_t ns)
{
	uint64_t until = t->now_ns + ns;

	for (;;) {
		struct hv_test_timer *first = NULL;

		for (unsigned int i = 0; i < t->n_timers; i++) {
			struct hv_test_timer *timer = &t->timers[i];

			if (timer->deadline != 0 && timer->deadline <= until &&
			    (!first || timer->deadline < first->deadline))
				first = timer;
		}
		if (!first)
			break;
		set_time(t, MAX(t->now_ns, first->deadline));
		first->deadline = 0;
		first->expired(first->owner);
	}
	set_time(t, until);
}

/* ---- birth and death ------------------------------------------------------------------------- */

static void partition_build(struct hv_test *t)
{
	const struct partition_properties properties = {
		.memory_size = MEMORY,
		.vp_count = HV_VPS,
		.synthetic_msrs = true,
		.apic_assist = true,
	};
	struct hv_fault fault;

	g_assert_cmpint(partition_create(&properties, &t->partition, &fault), ==, 0);
	for (uint32_t i = 0; i < HV_VPS; i++)
		g_assert_cmpint(vp_create(t->partition, i, &t->vps[i], &fault), ==, 0);
	g_assert_cmpint(hv_attach(t->hv, t->partition, t->vps), ==, 0);
}

void hv_test_build(struct hv_test *t, struct hv_features features, bool tsc_stable)
{
	const struct hv_config config = {
		.vp_count = HV_VPS,
		.features = features,
		.tsc_stable = tsc_stable,
		.clock = {test_monotonic_ns, test_timer_new, test_timer_arm, test_timer_disarm,
			  test_timer_free, t},
		.reset = test_reset,
		.crashed = test_crashed,
		.context = t,
	};

	fake_reset();
	memset(t, 0, sizeof(*t));
	t->tsc_stable = tsc_stable;
	set_time(t, 5000000000);
	t->hv = hv_new(&config);
	partition_build(t);
}

void hv_test_reset(struct hv_test *t)
{
	hv_detach(t->hv);
	partition_delete(t->partition);
	partition_build(t);
}

void hv_test_drop(struct hv_test *t)
{
	hv_detach(t->hv);
	for (unsigned int i = 0; i < t->n_timers; i++)
		g_assert_cmpuint(t->timers[i].deadline, ==, 0);
	partition_delete(t->partition);
	hv_free(t->hv);
	fake_reset();
}

/* ---- the guest ------------------------------------------------------------------------------- */

void hv_test_write(struct hv_test *t, uint32_t vp, uint32_t index, uint64_t value)
{
	g_assert_true(hv_msr_write(t->hv, vp, index, value));
}

uint64_t hv_test_read(struct hv_test *t, uint32_t vp, uint32_t index)
{
	uint64_t value = 0xdead;

	g_assert_true(hv_msr_read(t->hv, vp, index, &value));
	return value;
}

void *hv_test_at(struct hv_test *t, uint64_t gpa)
{
	return partition_gpa_pointer(t->partition, gpa, 1);
}

struct hv_message_slot *hv_test_slot(struct hv_test *t, uint32_t sint)
{
	return (struct hv_message_slot *)hv_test_at(t, SIM_PAGE) + sint;
}

void hv_test_enable_synic(struct hv_test *t, uint32_t sint, uint64_t value)
{
	hv_test_write(t, 0, HV_MSR_SIMP, SIM_PAGE | HV_PAGE_ENABLE);
	hv_test_write(t, 0, HV_MSR_SIEFP, SIEF_PAGE | HV_PAGE_ENABLE);
	hv_test_write(t, 0, HV_MSR_SINT0 + sint, value);
	hv_test_write(t, 0, HV_MSR_SCONTROL, HV_SCONTROL_ENABLE);
}

void hv_test_consume(struct hv_test *t, uint32_t sint)
{
	struct hv_message_slot *slot = hv_test_slot(t, sint);

	g_assert_cmpuint(slot->type, !=, HV_MESSAGE_NONE);
	slot->type = HV_MESSAGE_NONE;
	if ((slot->flags & HV_MESSAGE_PENDING) != 0)
		hv_test_write(t, 0, HV_MSR_EOM, 0);
}

void hv_test_enable_calls(struct hv_test *t)
{
	hv_test_write(t, 0, HV_MSR_GUEST_OS_ID, 1ull << 48);
	hv_test_write(t, 0, HV_MSR_HYPERCALL, CALL_PAGE | HV_PAGE_ENABLE);
}

uint64_t hv_test_call(struct hv_test *t, uint64_t control, uint64_t input, uint64_t output)
{
	const struct hv_call_registers registers = {.rcx = control, .rdx = input, .r8 = output};
	struct hv_call_registers after;

	g_assert_cmpint(vp_set_call_registers(t->vps[0], &registers), ==, 0);
	g_assert_true(hv_port_write(t->hv, 0, HV_PORT_CALL, 0));
	g_assert_cmpint(vp_get_call_registers(t->vps[0], &after), ==, 0);
	g_assert_cmphex(after.rdx, ==, input);
	return after.rax;
}

struct hv_cpuid_entry hv_test_leaf(const struct hv_cpuid_entry *table, size_t n, uint32_t function)
{
	struct hv_cpuid_entry found = {0};
	unsigned int count = 0;

	for (size_t i = 0; i < n; i++)
		if (table[i].function == function) {
			found = table[i];
			count++;
		}
	g_assert_cmpuint(count, <=, 1);
	return found;
}

static const struct hv_cpuid_entry basic[HV_TEST_BASIC_LEAVES] = {{.function = 0, .eax = 1},
								  {.function = 1, .ecx = 1u << 31}};

size_t hv_test_apply(struct hv_test *t, struct hv_cpuid_entry table[CPUID_MAX_ENTRIES])
{
	memcpy(table, basic, sizeof(basic));
	return hv_cpuid_apply(t->hv, table, G_N_ELEMENTS(basic), CPUID_MAX_ENTRIES);
}

size_t hv_test_msis(struct hv_test *t, struct fake_msi *last)
{
	struct fake_msi all[1024];
	size_t n = fake_msis(t->partition, all, G_N_ELEMENTS(all));

	if (n > 0 && last)
		*last = all[MIN(n, G_N_ELEMENTS(all)) - 1];
	return n;
}

struct counter {
	const char *name;
	uint64_t value;
	unsigned int found;
};

static void on_counter(void *context, const char *name, uint64_t value)
{
	struct counter *counter = context;

	if (strcmp(name, counter->name) == 0) {
		counter->value = value;
		counter->found++;
	}
}

uint64_t hv_test_counter(struct hv_test *t, const char *name)
{
	struct counter counter = {.name = name};

	hv_statistics(t->hv, on_counter, &counter);
	g_assert_cmpuint(counter.found, ==, 1);
	return counter.value;
}
