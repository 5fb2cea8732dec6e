/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake keeps the promises of partition.h that tests of the layers above lean on. */
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fake_partition.h"
#include "saved_bytes.h"

#define WAIT_MS 20000

struct fixture {
	struct partition *partition;
	struct vp *vp;
};

static void set_up(struct fixture *f, gconstpointer data)
{
	const struct partition_properties properties = {
		.memory_size = 0x100000, .vp_count = 2, .irqchip = true};
	struct hv_fault fault;

	(void)data;
	fake_reset();
	g_assert_cmpint(partition_create(&properties, &f->partition, &fault), ==, 0);
	g_assert_cmpint(vp_create(f->partition, 0, &f->vp, &fault), ==, 0);
}

static void tear_down(struct fixture *f, gconstpointer data)
{
	(void)data;
	partition_delete(f->partition);
	g_assert_cmpuint(fake_live_partitions(), ==, 0);
	g_assert_cmpuint(fake_live_vps(), ==, 0);
	fake_reset();
}

static void test_script(struct fixture *f, gconstpointer data)
{
	struct hv_intercept intercept;
	struct vp_statistics statistics;
	uint8_t answer = 0;

	(void)data;
	fake_vp_push_io(f->vp, true, 0x3f8, 1, 'x');
	uint64_t read = fake_vp_push_io(f->vp, false, 0x3fd, 1, 0);
	fake_vp_push(f->vp, HV_INTERCEPT_TRIPLE_FAULT);

	g_assert_cmpint(vp_run(f->vp, &intercept), ==, 0);
	g_assert_cmpint(intercept.type, ==, HV_INTERCEPT_IO_PORT);
	g_assert_true(intercept.io.write);
	g_assert_cmpuint(intercept.io.port, ==, 0x3f8);
	g_assert_cmpuint(*(uint8_t *)intercept.io.data, ==, 'x');
	g_assert_cmpint(vp_run(f->vp, &intercept), ==, 0);
	g_assert_false(intercept.io.write);
	*(uint8_t *)intercept.io.data = 0x60;
	g_assert_false(fake_vp_answer(f->vp, read, &answer, 1, NULL, 0));
	g_assert_cmpint(vp_run(f->vp, &intercept), ==, 0);
	g_assert_cmpint(intercept.type, ==, HV_INTERCEPT_TRIPLE_FAULT);
	g_assert_true(fake_vp_answer(f->vp, read, &answer, 1, NULL, 0));
	g_assert_cmpuint(answer, ==, 0x60);
	vp_get_statistics(f->vp, &statistics);
	g_assert_cmpuint(statistics.intercepts[HV_INTERCEPT_IO_PORT], ==, 2);
}

static gpointer run_until_canceled(gpointer data)
{
	struct vp *vp = data;
	struct hv_intercept intercept;

	do
		g_assert_cmpint(vp_run(vp, &intercept), ==, 0);
	while (intercept.type != HV_INTERCEPT_CANCELED);
	return NULL;
}

static void test_cancel(struct fixture *f, gconstpointer data)
{
	(void)data;
	/* Before, and in, vp_run. */
	vp_cancel(f->vp);
	run_until_canceled(f->vp);
	GThread *thread = g_thread_new("vp", run_until_canceled, f->vp);
	g_assert_true(fake_vp_idle(f->vp, WAIT_MS));
	vp_cancel(f->vp);
	g_thread_join(thread);
}

static bool guest_counts(void *context, struct vp *vp, uint64_t step,
			 struct hv_intercept *intercept)
{
	(void)vp;
	(*(unsigned int *)context)++;
	if (step == 2)
		return false;
	intercept->type = HV_INTERCEPT_HALT;
	return true;
}

static void test_guest(struct fixture *f, gconstpointer data)
{
	unsigned int count = 0;
	struct hv_intercept intercept;

	(void)data;
	fake_set_guest(guest_counts, &count);
	g_assert_cmpint(vp_run(f->vp, &intercept), ==, 0);
	g_assert_cmpint(intercept.type, ==, HV_INTERCEPT_HALT);
	g_assert_cmpint(vp_run(f->vp, &intercept), ==, 0);
	g_assert_cmpuint(count, ==, 2);
	GThread *thread = g_thread_new("vp", run_until_canceled, f->vp);
	g_assert_true(fake_vp_idle(f->vp, WAIT_MS));
	vp_cancel(f->vp);
	g_thread_join(thread);
	g_assert_cmpuint(count, >=, 3);
}

static void test_failures(struct fixture *f, gconstpointer data)
{
	struct hv_fault fault;
	struct hv_intercept intercept;
	struct vp *vp = NULL;

	(void)data;
	fake_fail(FAKE_VP_CREATE, 0, HV_STATUS_NO_RESOURCES, EMFILE);
	g_assert_cmpint(vp_create(f->partition, 1, &vp, &fault), ==, HV_STATUS_NO_RESOURCES);
	g_assert_cmpint(fault.sys_errno, ==, EMFILE);
	fake_fail(FAKE_VP_CREATE, 0, HV_STATUS_SUCCESS, 0);
	g_assert_cmpint(vp_create(f->partition, 2, &vp, &fault), ==, HV_STATUS_INVALID_VP_INDEX);
	g_assert_cmpint(vp_create(f->partition, 0, &vp, &fault), ==, HV_STATUS_INVALID_VP_INDEX);
	g_assert_cmpint(vp_create(f->partition, 1, &vp, &fault), ==, HV_STATUS_SUCCESS);
	g_assert_true(fake_partition_vp(f->partition, 1) == vp);
	g_assert_true(fake_partition_last() == f->partition);
	g_assert_cmpuint(fake_calls(FAKE_VP_CREATE), ==, 5);

	fake_fail(FAKE_VP_RUN, 1, HV_STATUS_INVALID_VP_STATE, 0);
	fake_vp_push(vp, HV_INTERCEPT_HALT);
	g_assert_cmpint(vp_run(vp, &intercept), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(vp_run(vp, &intercept), ==, HV_STATUS_INVALID_VP_STATE);
}

static void test_registers(struct fixture *f, gconstpointer data)
{
	const hv_register_name names[] = {HV_X64_REGISTER_RIP, HV_X64_REGISTER_CS};
	const hv_register_name bad[] = {HV_X64_REGISTER_RIP, (hv_register_name)7};
	union hv_register_value values[2] = {{.reg64 = 0x1000}, {.segment = {.limit = 5}}};
	union hv_register_value got[2];

	(void)data;
	g_assert_cmpint(vp_set_registers(f->vp, names, values, 2), ==, 0);
	g_assert_cmpint(vp_get_registers(f->vp, names, got, 2), ==, 0);
	g_assert_cmpuint(got[0].reg64, ==, 0x1000);
	g_assert_cmpuint(got[1].segment.limit, ==, 5);
	g_assert_cmpint(vp_set_registers(f->vp, bad, values, 2), ==, HV_STATUS_INVALID_PARAMETER);
}

static void test_interrupts(struct fixture *f, gconstpointer data)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct fake_msi msi;
	uint64_t count;

	(void)data;
	g_assert_cmpint(partition_set_interrupt_line(f->partition, 4, true), ==, 0);
	g_assert_cmpint(partition_set_interrupt_line(f->partition, 4, true), ==, 0);
	g_assert_true(fake_line_level(f->partition, 4));
	g_assert_cmpuint(fake_line_raises(f->partition, 4), ==, 1);
	g_assert_cmpint(partition_set_interrupt_line(f->partition, 24, true), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(partition_signal_msi(f->partition, 0xfee00000, 0x31), ==, 0);
	g_assert_cmpuint(fake_msis(f->partition, &msi, 1), ==, 1);
	g_assert_cmpuint(msi.data, ==, 0x31);

	g_assert_cmpint(partition_bind_port_eventfd(f->partition, 0x5c, 4, 7, fd), ==, 0);
	g_assert_false(fake_port_write(f->partition, 0x5c, 4, 8));
	g_assert_true(fake_port_write(f->partition, 0x5c, 4, 7));
	g_assert_cmpint(read(fd, &count, sizeof(count)), ==, sizeof(count));
	g_assert_cmpint(fake_irqfd(f->partition, 5), ==, -1);
	g_assert_cmpint(partition_bind_irqfd(f->partition, 5, fd), ==, 0);
	g_assert_cmpint(fake_irqfd(f->partition, 5), ==, fd);
	close(fd);
}

static hv_status restore(struct fixture *f, const state_writer *writer, struct state_reader *reader)
{
	size_t size;
	const uint8_t *data = state_writer_data(writer, &size);

	state_reader_init(reader, data, size);
	hv_status status = partition_restore(f->partition, reader);
	if (status == HV_STATUS_SUCCESS)
		status = vp_restore(f->vp, reader);
	g_assert_cmpint(status == HV_STATUS_SUCCESS, ==, state_ok(reader));
	return status;
}

static void test_state(struct fixture *f, gconstpointer data)
{
	const hv_register_name name = HV_X64_REGISTER_R15;
	const union hv_register_value value = {.reg64 = 15}, zero = {.reg64 = 0};
	struct hv_cpuid_entry leaf = {.function = 7, .indexed = true, .index = 1, .ebx = 5};
	g_autoptr(state_writer) writer = state_writer_new();
	struct state_reader reader;

	(void)data;
	g_assert_cmpint(vp_set_cpuid(f->vp, &leaf, 1), ==, 0);
	g_assert_cmpint(vp_set_registers(f->vp, &name, &value, 1), ==, 0);
	g_assert_cmpint(partition_set_interrupt_line(f->partition, 4, true), ==, 0);
	g_assert_cmpint(partition_save(f->partition, writer), ==, 0);
	g_assert_cmpint(vp_save(f->vp, writer), ==, 0);
	g_assert_cmpint(vp_set_registers(f->vp, &name, &zero, 1), ==, 0);
	g_assert_cmpint(partition_set_interrupt_line(f->partition, 4, false), ==, 0);
	g_assert_cmpint(restore(f, writer, &reader), ==, 0);
	g_assert_cmpuint(fake_vp_register(f->vp, name).reg64, ==, 15);
	g_assert_true(fake_line_level(f->partition, 4));

	leaf.ebx = 6;
	g_assert_cmpint(vp_set_cpuid(f->vp, &leaf, 1), ==, 0);
	g_assert_cmpint(restore(f, writer, &reader), ==, HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpstr(reader.fault, ==,
			"vp: this host offers other processor features (CPUID leaf 0x7, index 1)");
	g_assert_cmpint(vp_set_cpuid(f->vp, NULL, 0), ==, 0);
	g_assert_cmpint(restore(f, writer, &reader), ==, HV_STATUS_INVALID_PARAMETER);
}

static void test_state_failures(struct fixture *f, gconstpointer data)
{
	static const enum fake_call calls[] = {FAKE_PARTITION_RESTORE, FAKE_VP_RESTORE};
	g_autoptr(state_writer) writer = state_writer_new();
	struct state_reader reader;

	(void)data;
	g_assert_cmpint(partition_save(f->partition, writer), ==, 0);
	g_assert_cmpint(vp_save(f->vp, writer), ==, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		fake_fail(calls[i], 0, HV_STATUS_OPERATION_DENIED, 0);
		g_assert_cmpint(restore(f, writer, &reader), ==, HV_STATUS_OPERATION_DENIED);
		fake_fail(calls[i], 0, HV_STATUS_SUCCESS, 0);
	}
	fake_fail(FAKE_PARTITION_SAVE, 0, HV_STATUS_INVALID_VP_STATE, 0);
	fake_fail(FAKE_VP_SAVE, 0, HV_STATUS_INVALID_VP_STATE, 0);
	g_assert_cmpint(partition_save(f->partition, writer), ==, HV_STATUS_INVALID_VP_STATE);
	g_assert_cmpint(vp_save(f->vp, writer), ==, HV_STATUS_INVALID_VP_STATE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(path, test) g_test_add(path, struct fixture, NULL, set_up, test, tear_down)
	ADD("/fake/script", test_script);
	ADD("/fake/cancel", test_cancel);
	ADD("/fake/guest", test_guest);
	ADD("/fake/failures", test_failures);
	ADD("/fake/registers", test_registers);
	ADD("/fake/interrupts", test_interrupts);
	ADD("/fake/state", test_state);
	ADD("/fake/state-failures", test_state_failures);
#undef ADD
	return g_test_run();
}
