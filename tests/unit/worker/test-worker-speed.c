/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The measurement of guest code, with a partition that pretends, and what the probe says of it. */
#include "speed.h"

#include <glib.h>
#include <string.h>

#include "fake_partition.h"
#include "probe.h"

static struct speed measure(void)
{
	struct speed speed = {7, 7};

	speed_measure(&speed);
	g_assert_cmpuint(fake_live_partitions(), ==, 0);
	g_assert_cmpuint(fake_live_vps(), ==, 0);
	return speed;
}

/* Counts as a guest would, in the mode that it finds itself in, until it is stopped. */
static bool guest_counts(void *context, struct vp *vp, uint64_t step,
			 struct hv_intercept *intercept)
{
	const hv_register_name rax = HV_X64_REGISTER_RAX;
	unsigned int *levels = context;
	const union hv_register_value turns = {.reg64 = 1000};

	(void)step, (void)intercept;
	*levels |= 1u << (fake_vp_register(vp, HV_X64_REGISTER_CS).segment.attributes >> 5 & 3u);
	g_assert_cmpint(vp_set_registers(vp, &rax, &turns, 1), ==, HV_STATUS_SUCCESS);
	return false;
}

static void test_measured(void)
{
	unsigned int levels = 0;

	fake_reset();
	fake_set_guest(guest_counts, &levels);
	struct speed speed = measure();
	g_assert_cmpint(speed.kernel, >, 0);
	g_assert_cmpint(speed.user, >, 0);
	g_assert_cmphex(levels, ==, 1u << 0 | 1u << 3);
}

/* A host that is slow gets nothing done in the first try. */
static bool guest_begins_late(void *context, struct vp *vp, uint64_t step,
			      struct hv_intercept *intercept)
{
	unsigned int *tries = context, levels = 0;

	if (step > 0 || ++*tries % 2 == 0)
		return guest_counts(&levels, vp, step, intercept);
	return false;
}

static void test_late(void)
{
	unsigned int tries = 0;

	fake_reset();
	fake_set_guest(guest_begins_late, &tries);
	struct speed speed = measure();
	g_assert_cmpint(speed.kernel, >, 0);
	g_assert_cmpint(speed.user, >, 0);
	g_assert_cmpuint(tries, ==, 4);
}

/* Whatever a hypervisor does not do leaves the speed unknown, and ends. */
static void test_unknown(void)
{
	static const enum fake_call calls[] = {FAKE_PARTITION_CREATE, FAKE_VP_CREATE,
					       FAKE_VP_SET_REGISTERS, FAKE_VP_RUN,
					       FAKE_VP_GET_REGISTERS};

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		unsigned int levels = 0;

		fake_reset();
		if (calls[i] != FAKE_VP_SET_REGISTERS)
			fake_set_guest(NULL, &levels);
		fake_fail(calls[i], 0, HV_STATUS_OPERATION_DENIED, 1);
		struct speed speed = measure();
		g_assert_cmpint(speed.kernel, ==, SPEED_UNKNOWN);
		g_assert_cmpint(speed.user, ==, SPEED_UNKNOWN);
	}
}

static bool guest_faults(void *context, struct vp *vp, uint64_t step,
			 struct hv_intercept *intercept)
{
	(void)context, (void)vp, (void)step;
	intercept->type = HV_INTERCEPT_TRIPLE_FAULT;
	return true;
}

static void test_fault(void)
{
	fake_reset();
	fake_set_guest(guest_faults, NULL);
	g_assert_cmpint(measure().kernel, ==, SPEED_UNKNOWN);
	g_assert_cmpint(measure().user, ==, SPEED_UNKNOWN);
}

static void test_answer(void)
{
	const struct speed speed = {700000, SPEED_UNKNOWN};
	struct partition_host host = {.usable = true, .virt = PARTITION_VIRT_SOFTWARE};
	g_autofree char *line = probe_format(&host, &speed);

	g_assert_nonnull(strstr(line, "\"speed\":{\"kernel\":700000}}\n"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/speed/measured", test_measured);
	g_test_add_func("/worker/speed/late", test_late);
	g_test_add_func("/worker/speed/unknown", test_unknown);
	g_test_add_func("/worker/speed/fault", test_fault);
	g_test_add_func("/worker/speed/answer", test_answer);
	return g_test_run();
}
