/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests run, and every kind of intercept arrives as partition.h says. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "kvm_fixture.h"

#define MIB	0x100000ull
#define WAIT_US (30ll * G_USEC_PER_SEC)

#define GUEST(name) guest_##name, guest_##name##_size

static void want_bytes(const void *got, const void *wanted, size_t size)
{
	g_assert_cmpint(memcmp(got, wanted, size), ==, 0);
}

static void want_port(struct vp *vp, struct hv_intercept *intercept, bool write, uint16_t port,
		      uint8_t size)
{
	run_until(vp, intercept, HV_INTERCEPT_IO_PORT);
	g_assert_cmpint(intercept->io.write, ==, write);
	g_assert_cmphex(intercept->io.port, ==, port);
	g_assert_cmpuint(intercept->io.size, ==, size);
}

static void test_port_io(void)
{
	static const uint8_t sizes[] = {1, 2, 4};
	static const uint32_t first[] = {0x42, 0x1234, 0x12345678};
	static const uint32_t answer[] = {0x99, 0xabcd, 0xdeadbeef};
	g_autoptr(machine_t) machine = machine_new(MIB, 1, false, GUEST(port_io));
	struct hv_intercept intercept;
	struct vp_statistics statistics;
	struct vp *vp = machine->vps[0];

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		want_port(vp, &intercept, true, 0x100, sizes[i]);
		g_assert_cmpuint(intercept.io.count, ==, 1);
		want_bytes(intercept.io.data, &first[i], sizes[i]);
		want_port(vp, &intercept, false, 0x100, sizes[i]);
		memcpy(intercept.io.data, &answer[i], sizes[i]);
		want_port(vp, &intercept, true, 0x100, sizes[i]);
		want_bytes(intercept.io.data, &answer[i], sizes[i]);
	}
	run_until(vp, &intercept, HV_INTERCEPT_HALT);
	vp_get_statistics(vp, &statistics);
	g_assert_cmpuint(statistics.intercepts[HV_INTERCEPT_IO_PORT], ==, 9);
	g_assert_cmpuint(statistics.intercepts[HV_INTERCEPT_HALT], ==, 1);
	g_assert_cmpuint(statistics.intercepts[HV_INTERCEPT_CANCELED], ==, 0);
}

/* KVM may hand over a string whole or in parts: the bytes count. */
static void string_io(struct vp *vp, bool write, uint8_t *data, size_t n)
{
	struct hv_intercept intercept;
	size_t done = 0;

	while (done < n) {
		run_until(vp, &intercept, HV_INTERCEPT_IO_PORT);
		size_t size = (size_t)intercept.io.size * intercept.io.count;

		g_assert_cmphex(intercept.io.port, ==, 0x200);
		g_assert_cmpint(intercept.io.write, ==, write);
		g_assert_cmpuint(size, <=, n - done);
		if (write)
			memcpy(data + done, intercept.io.data, size);
		else
			memcpy(intercept.io.data, data + done, size);
		done += size;
	}
}

static void test_string_io(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, false, GUEST(string_io));
	struct hv_intercept intercept;
	uint8_t data[8];

	string_io(machine->vps[0], true, data, sizeof(data));
	want_bytes(data, "ABCDEFGH", 8);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)('a' + i);
	string_io(machine->vps[0], false, data, sizeof(data));
	memset(data, 0, sizeof(data));
	string_io(machine->vps[0], true, data, sizeof(data));
	want_bytes(data, "abcdefgh", 8);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_HALT);
}

static void test_mmio(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, false, GUEST(mmio));
	struct hv_intercept intercept;
	struct vp *vp = machine->vps[0];

	run_until(vp, &intercept, HV_INTERCEPT_MMIO);
	g_assert_true(intercept.mmio.write);
	g_assert_cmphex(intercept.mmio.gpa, ==, MIB);
	g_assert_cmpuint(intercept.mmio.size, ==, 2);
	want_bytes(intercept.mmio.data, "\x34\x12", 2);
	run_until(vp, &intercept, HV_INTERCEPT_MMIO);
	g_assert_cmphex(intercept.mmio.gpa, ==, MIB + 2);
	g_assert_cmpuint(intercept.mmio.size, ==, 1);
	run_until(vp, &intercept, HV_INTERCEPT_MMIO);
	g_assert_false(intercept.mmio.write);
	g_assert_cmphex(intercept.mmio.gpa, ==, MIB + 4);
	memcpy(intercept.mmio.data, "\xcd\xab", 2);
	want_port(vp, &intercept, true, 0x100, 2);
	want_bytes(intercept.io.data, "\xcd\xab", 2);
	run_until(vp, &intercept, HV_INTERCEPT_HALT);
}

static void test_triple_fault(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(triple_fault));
	struct hv_intercept intercept;

	set_protected_mode(machine->vps[0]);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_TRIPLE_FAULT);
}

/* ---- long mode ------------------------------------------------------------------------------- */

#define MMIO 0xd0000000ull

static void test_long_mode(void)
{
	g_autoptr(machine_t) machine = machine_new(2 * MIB, 1, true, GUEST(long_mode));
	struct hv_intercept intercept;
	struct vp *vp = machine->vps[0];

	enter_long_mode(machine, MMIO);
	run_until(vp, &intercept, HV_INTERCEPT_MMIO);
	g_assert_true(intercept.mmio.write);
	g_assert_cmphex(intercept.mmio.gpa, ==, MMIO);
	g_assert_cmpuint(intercept.mmio.size, ==, 8);
	want_bytes(intercept.mmio.data, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	run_until(vp, &intercept, HV_INTERCEPT_MMIO);
	g_assert_false(intercept.mmio.write);
	g_assert_cmphex(intercept.mmio.gpa, ==, MMIO + 8);
	memset(intercept.mmio.data, 0x5a, 8);
	want_port(vp, &intercept, true, 0x100, 1);
	g_assert_cmphex(get_register(vp, HV_X64_REGISTER_RBX), ==, 0x5a5a5a5a5a5a5a5a);
	g_assert_cmphex(get_register(vp, HV_X64_REGISTER_R15), ==, 0x5a5a5a5a5a5a5a5a);
}

/* Memory above 4 GiB is where both the guest and this process say; it is charged on touch only. */
static void test_high_memory(void)
{
	const struct partition_properties properties = {
		.memory_size = PARTITION_LOW_LIMIT + 16 * MIB, .vp_count = 1};
	struct partition *partition = NULL;
	struct hv_fault fault = {0};

	if (partition_create(&properties, &partition, &fault) == HV_STATUS_INSUFFICIENT_MEMORY) {
		g_test_skip("this machine cannot hold a partition of more than 3 GiB");
		return;
	}
	partition_delete(partition);

	g_autoptr(machine_t) machine =
		machine_new(properties.memory_size, 1, true, GUEST(long_mode));
	struct hv_intercept intercept;
	uint64_t written = 0;

	enter_long_mode(machine, PARTITION_HIGH_BASE);
	write64(machine, PARTITION_HIGH_BASE + 8, 0x0123456789abcdef);
	want_port(machine->vps[0], &intercept, true, 0x100, 1);
	g_assert_cmphex(get_register(machine->vps[0], HV_X64_REGISTER_RBX), ==, 0x0123456789abcdef);
	g_assert_cmpint(partition_read_gpa(machine->partition, PARTITION_HIGH_BASE, &written, 8),
			==, 0);
	g_assert_cmphex(written, ==, 0x1122334455667788);
}

/* ---- several processors ---------------------------------------------------------------------- */

struct runner {
	struct vp *vp;
	GThread *thread;
	unsigned int outs; /* read after the thread was joined */
	uint32_t total;
};

/* Counts the guest's words until it is canceled, or the first VP has all. */
static gpointer run_counting(gpointer data)
{
	struct runner *runner = data;
	struct hv_intercept intercept;

	for (;;) {
		g_assert_cmpint(vp_run(runner->vp, &intercept), ==, HV_STATUS_SUCCESS);
		if (intercept.type == HV_INTERCEPT_CANCELED)
			return NULL;
		g_assert_cmpint(intercept.type, ==, HV_INTERCEPT_IO_PORT);
		runner->outs++;
		if (intercept.io.port == 0x100) {
			memcpy(&runner->total, intercept.io.data, sizeof(runner->total));
			return NULL;
		}
	}
}

static void test_smp(gconstpointer data)
{
	uint32_t n = GPOINTER_TO_UINT(data);
	uint32_t others = n - 1;
	g_autoptr(machine_t) machine = machine_new(MIB, n, true, GUEST(smp));
	struct runner runners[PARTITION_MAX_VPS] = {0};

	g_assert_cmpint(partition_write_gpa(machine->partition, 0x504, &others, 4), ==, 0);
	set_protected_mode(machine->vps[0]);
	for (uint32_t i = n; i-- > 0;) {
		runners[i].vp = machine->vps[i];
		runners[i].thread = g_thread_new("vp", run_counting, &runners[i]);
	}
	g_thread_join(runners[0].thread);
	g_assert_cmpuint(runners[0].total, ==, others);
	for (uint32_t i = 1; i < n; i++) {
		vp_cancel(runners[i].vp);
		g_thread_join(runners[i].thread);
		g_assert_cmpuint(runners[i].outs, <=, 1);
	}
}

/* ---- cancel ---------------------------------------------------------------------------------- */

static void test_cancel_before_run(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	struct hv_intercept intercept;

	vp_cancel(machine->vps[0]);
	vp_cancel(machine->vps[0]);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_CANCELED);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_IO_PORT);
}

struct cancel_loop {
	struct vp *vp;
	gint canceled; /* atomic */
	gint stop;     /* atomic */
};

static gpointer run_and_count_cancels(gpointer data)
{
	struct cancel_loop *loop = data;
	struct hv_intercept intercept;
	sigset_t all;

	/* As a worker's threads are: with every signal blocked. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (!g_atomic_int_get(&loop->stop)) {
		g_assert_cmpint(vp_run(loop->vp, &intercept), ==, HV_STATUS_SUCCESS);
		if (intercept.type == HV_INTERCEPT_CANCELED)
			g_atomic_int_inc(&loop->canceled);
		else
			g_assert_cmpint(intercept.type, ==, HV_INTERCEPT_IO_PORT);
	}
	return NULL;
}

/* Each cancel of a guest that never exits by itself must bring vp_run back, wherever it hits. */
static void test_no_cancel_is_lost(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	struct cancel_loop loop = {.vp = machine->vps[0]};
	GThread *thread = g_thread_new("vp", run_and_count_cancels, &loop);

	for (unsigned int i = 0; i < 2000; i++) {
		gint before = g_atomic_int_get(&loop.canceled);
		gint64 end = g_get_monotonic_time() + WAIT_US;

		if (i == 1999)
			g_atomic_int_set(&loop.stop, 1);
		vp_cancel(loop.vp);
		while (g_atomic_int_get(&loop.canceled) == before) {
			g_assert_cmpint(g_get_monotonic_time(), <, end);
			g_thread_yield();
		}
	}
	g_thread_join(thread);
}

static void on_alarm(int number)
{
	(void)number;
}

static void test_signal_cancels(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
	struct sigaction action = {.sa_handler = on_alarm}, old;
	struct hv_intercept intercept;

	run_until(machine->vps[0], &intercept, HV_INTERCEPT_IO_PORT);
	g_assert_cmpint(sigaction(SIGALRM, &action, &old), ==, 0);
	g_assert_cmpint(setitimer(ITIMER_REAL, &soon, NULL), ==, 0);
	run_until(machine->vps[0], &intercept, HV_INTERCEPT_CANCELED);
	g_assert_cmpint(sigaction(SIGALRM, &old, NULL), ==, 0);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void test_port_eventfd(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, false, GUEST(event));
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct hv_intercept intercept;
	uint64_t count = 0;

	g_assert_cmpint(partition_bind_port_eventfd(machine->partition, 0x100, 4, 1, fd), ==, 0);
	g_assert_cmpint(partition_bind_port_eventfd(machine->partition, 0x100, 4, 1, fd), !=, 0);
	g_assert_cmpint(partition_bind_port_eventfd(machine->partition, 0x100, 3, 1, fd), ==,
			HV_STATUS_INVALID_PARAMETER);
	want_port(machine->vps[0], &intercept, true, 0x100, 4);
	want_bytes(intercept.io.data, "\2\0\0\0", 4);
	g_assert_cmpint(read(fd, &count, sizeof(count)), ==, sizeof(count));
	g_assert_cmpuint(count, ==, 1);
	close(fd);
}

static void test_interrupts_refused(void)
{
	g_autoptr(machine_t) machine = machine_new(MIB, 1, true, GUEST(loop));
	g_autoptr(machine_t) bare = machine_new(MIB, 1, false, GUEST(loop));
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	g_assert_cmpint(partition_set_interrupt_line(machine->partition, 4, true), ==, 0);
	g_assert_cmpint(partition_set_interrupt_line(machine->partition, 4, false), ==, 0);
	g_assert_cmpint(partition_set_interrupt_line(machine->partition, 24, true), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(partition_signal_msi(machine->partition, 0xfee00000, 0x31), ==, 0);
	g_assert_cmpint(partition_bind_irqfd(machine->partition, 5, fd), ==, 0);
	g_assert_cmpint(partition_bind_irqfd(machine->partition, 24, fd), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(partition_bind_irqfd(machine->partition, 5, -1), ==,
			HV_STATUS_INVALID_PARAMETER);
	g_assert_cmpint(partition_set_interrupt_line(bare->partition, 4, true), ==,
			HV_STATUS_INVALID_PARTITION_STATE);
	g_assert_cmpint(partition_signal_msi(bare->partition, 0xfee00000, 0x31), ==,
			HV_STATUS_INVALID_PARTITION_STATE);
	g_assert_cmpint(partition_bind_irqfd(bare->partition, 5, fd), ==,
			HV_STATUS_INVALID_PARTITION_STATE);
	close(fd);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	int missing = kvm_missing();
	if (missing != 0)
		return missing;
	g_test_add_func("/kvm/port-io", test_port_io);
	g_test_add_func("/kvm/string-io", test_string_io);
	g_test_add_func("/kvm/mmio", test_mmio);
	g_test_add_func("/kvm/triple-fault", test_triple_fault);
	g_test_add_func("/kvm/long-mode", test_long_mode);
	g_test_add_func("/kvm/high-memory", test_high_memory);
	g_test_add_data_func("/kvm/smp/2", GUINT_TO_POINTER(2), test_smp);
	g_test_add_data_func("/kvm/smp/8", GUINT_TO_POINTER(8), test_smp);
	g_test_add_func("/kvm/cancel-before-run", test_cancel_before_run);
	g_test_add_func("/kvm/no-cancel-is-lost", test_no_cancel_is_lost);
	g_test_add_func("/kvm/signal-cancels", test_signal_cancels);
	g_test_add_func("/kvm/port-eventfd", test_port_eventfd);
	g_test_add_func("/kvm/interrupts-refused", test_interrupts_refused);
	return g_test_run();
}
