/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VP threads and their gate, against scripted processors. */
#include <glib.h>
#include <stdatomic.h>
#include <string.h>

#include "fake_partition.h"
#include "io_bus.h"
#include "vp_group.h"
#include "worker_error.h"

#define WAIT_MS	  10000u
#define PORT	  0x510u
#define HALT_PORT 0x511u
#define MEMORY	  0xfed00000ull
#define MAX_VPS	  8u

struct fixture {
	struct partition *partition;
	struct vp *vps[MAX_VPS];
	uint32_t n;
	struct io_bus *bus;
	struct vp_group *group;
	/* written by VP threads */
	_Atomic uint64_t written;
	_Atomic unsigned int accesses, inside, halts;
	GMutex lock;
	struct engine_halt halt;
	uint32_t halt_caller;
};

static uint64_t port_read(void *device, uint64_t offset, unsigned int size)
{
	struct fixture *f = device;

	(void)offset;
	atomic_fetch_add(&f->accesses, 1);
	return 0x1122334455667788ull >> (64 - 8 * size);
}

static void port_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct fixture *f = device;

	(void)size;
	atomic_fetch_add(&f->inside, 1);
	atomic_fetch_add(&f->accesses, 1);
	atomic_store(&f->written, value);
	if (offset == HALT_PORT - PORT) {
		const struct engine_halt halt = {
			.what = ENGINE_HALT_RESET, .vp = vp_group_current(), .detail = "port"};
		vp_group_halt(f->group, &halt);
	}
	atomic_fetch_sub(&f->inside, 1);
}

static const struct io_ops port_ops = {.read = port_read, .write = port_write};

static void on_halted(void *context, const struct engine_halt *halt)
{
	struct fixture *f = context;

	g_mutex_lock(&f->lock);
	f->halt = *halt;
	f->halt_caller = vp_group_current();
	g_mutex_unlock(&f->lock);
	atomic_fetch_add(&f->halts, 1);
}

static void fixture_build(struct fixture *f, uint32_t n)
{
	const struct partition_properties properties = {.memory_size = 1 << 20, .vp_count = n};
	struct vp_group_config config = {.halted = on_halted, .context = f};
	struct hv_fault fault;

	fake_reset();
	f->n = n;
	g_assert_cmpint(partition_create(&properties, &f->partition, &fault), ==, 0);
	for (uint32_t i = 0; i < n; i++)
		g_assert_cmpint(vp_create(f->partition, i, &f->vps[i], &fault), ==, 0);
	f->bus = io_bus_new();
	g_assert_true(io_bus_add(f->bus, IO_SPACE_PORT, PORT, 8, &port_ops, f));
	g_assert_true(io_bus_add(f->bus, IO_SPACE_MEMORY, MEMORY, 8, &port_ops, f));
	config.bus = f->bus;
	f->group = vp_group_new(&config, f->vps, n);
}

static void fixture_drop(struct fixture *f)
{
	g_assert_true(vp_group_quit(f->group, WAIT_MS));
	vp_group_free(f->group);
	io_bus_free(f->bus);
	partition_delete(f->partition);
	g_assert_cmpuint(fake_live_partitions(), ==, 0);
	g_assert_cmpuint(fake_live_vps(), ==, 0);
	fake_reset();
}

/* Until *counter is at least goal. */
static void wait_for(_Atomic unsigned int *counter, unsigned int goal)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)WAIT_MS * 1000;

	while (atomic_load(counter) < goal) {
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_thread_yield();
	}
}

static void test_dispatch(void)
{
	struct fixture f = {0};
	uint32_t value = 0;
	uint64_t wide = 0;
	bool fault = false;

	fixture_build(&f, 1);
	struct vp *vp = f.vps[0];
	g_assert_true(vp_group_run(f.group, NULL));
	uint64_t read = fake_vp_push_io(vp, false, PORT, 4, 0);
	g_assert_true(fake_vp_answer(vp, read, &value, 4, NULL, WAIT_MS));
	g_assert_cmphex(value, ==, 0x11223344);
	uint64_t write = fake_vp_push_io(vp, true, PORT, 2, 0xbeef);
	g_assert_true(fake_vp_answer(vp, write, NULL, 0, NULL, WAIT_MS));
	g_assert_cmphex(atomic_load(&f.written), ==, 0xbeef);
	uint64_t memory = fake_vp_push_mmio(vp, false, MEMORY, 8, 0);
	g_assert_true(fake_vp_answer(vp, memory, &wide, 8, NULL, WAIT_MS));
	g_assert_cmphex(wide, ==, 0x1122334455667788ull);
	memory = fake_vp_push_mmio(vp, true, MEMORY, 4, 0xcafe);
	g_assert_true(fake_vp_answer(vp, memory, NULL, 0, NULL, WAIT_MS));
	g_assert_cmphex(atomic_load(&f.written), ==, 0xcafe);
	uint64_t string = fake_vp_push_string_io(vp, true, PORT, 1, 3, "abc");
	g_assert_true(fake_vp_answer(vp, string, NULL, 0, NULL, WAIT_MS));
	g_assert_cmphex(atomic_load(&f.written), ==, 'c');

	/* Unclaimed: all ones, and counted. MSRs that nobody serves: #GP, and counted. */
	uint64_t nobody = fake_vp_push_io(vp, false, 0x80, 1, 0);
	value = 0;
	g_assert_true(fake_vp_answer(vp, nobody, &value, 1, NULL, WAIT_MS));
	g_assert_cmphex(value, ==, 0xff);
	g_assert_cmpuint(io_bus_unclaimed(f.bus), ==, 1);
	uint64_t msr = fake_vp_push_msr(vp, false, 0x40000000, 0);
	g_assert_true(fake_vp_answer(vp, msr, NULL, 0, &fault, WAIT_MS));
	g_assert_true(fault);
	g_assert_cmpuint(vp_group_msr_faults(f.group), ==, 1);
	g_assert_cmpuint(vp_group_current(), ==, UINT32_MAX);
	fixture_drop(&f);
}

/* What a VP does that ends the guest, and what is told of it. */
static void halt_expect(void (*push)(struct vp *vp), enum engine_halt_what what, const char *detail)
{
	struct fixture f = {0};

	fixture_build(&f, 2);
	g_assert_true(vp_group_run(f.group, NULL));
	push(f.vps[1]);
	wait_for(&f.halts, 1);
	g_mutex_lock(&f.lock);
	g_assert_cmpint(f.halt.what, ==, what);
	g_assert_cmpuint(f.halt.vp, ==, 1);
	g_assert_cmpuint(f.halt_caller, ==, 1);
	if (!strstr(f.halt.detail, detail))
		g_error("\"%s\" lacks \"%s\"", f.halt.detail, detail);
	g_mutex_unlock(&f.lock);
	/* Nothing runs any more, whatever is asked, and a second halt is not told. */
	g_assert_true(vp_group_hold(f.group, WAIT_MS));
	vp_group_release(f.group);
	g_assert_false(vp_group_is_running(f.group));
	push(f.vps[0]);
	g_assert_cmpuint(atomic_load(&f.halts), ==, 1);
	fixture_drop(&f);
}

static void push_triple_fault(struct vp *vp)
{
	fake_vp_push(vp, HV_INTERCEPT_TRIPLE_FAULT);
}

static void push_reset(struct vp *vp)
{
	fake_vp_push(vp, HV_INTERCEPT_RESET);
}

static void push_error(struct vp *vp)
{
	fake_vp_push_error(vp, 17, 0x1234);
}

static void push_port(struct vp *vp)
{
	fake_vp_push_io(vp, true, HALT_PORT, 1, 1);
}

static void test_halts(void)
{
	halt_expect(push_triple_fault, ENGINE_HALT_TRIPLE_FAULT, "RIP 0x");
	halt_expect(push_reset, ENGINE_HALT_RESET, "hypervisor");
	halt_expect(push_error, ENGINE_HALT_BROKEN, "KVM exit reason 17, detail 0x1234");
	halt_expect(push_port, ENGINE_HALT_RESET, "port");
}

static void test_run_fails(void)
{
	struct fixture f = {0};

	fixture_build(&f, 1);
	fake_fail(FAKE_VP_RUN, 0, HV_STATUS_INVALID_VP_STATE, 0);
	g_assert_true(vp_group_run(f.group, NULL));
	wait_for(&f.halts, 1);
	g_assert_cmpint(f.halt.what, ==, ENGINE_HALT_BROKEN);
	g_assert_nonnull(strstr(f.halt.detail, "HV_STATUS_INVALID_VP_STATE"));
	fixture_drop(&f);
}

/* A VP that halts without an interrupt controller can still be held, released and ended. */
static void test_halt_instruction(void)
{
	struct fixture f = {0};

	fixture_build(&f, 1);
	g_assert_true(vp_group_run(f.group, NULL));
	fake_vp_push(f.vps[0], HV_INTERCEPT_HALT);
	for (int i = 0; i < 100; i++) {
		g_assert_true(vp_group_hold(f.group, WAIT_MS));
		vp_group_release(f.group);
	}
	fixture_drop(&f);
}

/* A guest that never stops doing port I/O. */
static bool guest_busy(void *context, struct vp *vp, uint64_t step, struct hv_intercept *intercept)
{
	static uint8_t data; /* what is written does not matter */

	(void)context;
	(void)vp;
	if (step % 3 == 2)
		return false; /* like a guest that computes: only a cancel gets it out */
	intercept->type = HV_INTERCEPT_IO_PORT;
	intercept->io.port = PORT;
	intercept->io.size = 1;
	intercept->io.write = true;
	intercept->io.count = 1;
	intercept->io.data = &data;
	return true;
}

/* No hold is ever missed, and nothing of the guest moves in it. */
static void test_hold_race(void)
{
	struct fixture f = {0};

	fixture_build(&f, MAX_VPS);
	fake_set_guest(guest_busy, NULL);
	g_assert_true(vp_group_run(f.group, NULL));
	for (int i = 0; i < 1000; i++) {
		g_assert_true(vp_group_hold(f.group, WAIT_MS));
		unsigned int accesses = atomic_load(&f.accesses);
		g_assert_cmpuint(atomic_load(&f.inside), ==, 0);
		if (i % 50 == 0)
			g_usleep(1000); /* a VP that still ran would be seen */
		g_assert_cmpuint(atomic_load(&f.accesses), ==, accesses);
		vp_group_release(f.group);
	}
	fixture_drop(&f);
}

/* Holding before the threads have come as far as the gate, and ending at once. */
static void test_early(void)
{
	for (int i = 0; i < 200; i++) {
		struct fixture f = {0};
		fixture_build(&f, 4);
		fake_set_guest(guest_busy, NULL);
		g_assert_true(vp_group_run(f.group, NULL));
		if (i % 2 == 0)
			g_assert_true(vp_group_hold(f.group, WAIT_MS));
		fixture_drop(&f);
	}
}

/* Several VPs halt at the same moment while the main thread holds and releases. */
static void test_halt_race(void)
{
	for (int i = 0; i < 200; i++) {
		struct fixture f = {0};
		fixture_build(&f, 4);
		g_assert_true(vp_group_run(f.group, NULL));
		for (uint32_t vp = 0; vp < f.n; vp++)
			push_port(f.vps[vp]);
		g_assert_true(vp_group_hold(f.group, WAIT_MS));
		vp_group_release(f.group);
		wait_for(&f.halts, 1);
		g_assert_true(vp_group_hold(f.group, WAIT_MS));
		g_assert_cmpuint(atomic_load(&f.halts), ==, 1);
		fixture_drop(&f);
	}
}

/* A device that does not return: the waits end, and say so. */
static GMutex stuck_lock;

static void stuck_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	_Atomic unsigned int *entered = device;

	(void)offset;
	(void)size;
	(void)value;
	atomic_fetch_add(entered, 1);
	g_mutex_lock(&stuck_lock);
	g_mutex_unlock(&stuck_lock);
}

static const struct io_ops stuck_ops = {.read = port_read, .write = stuck_write};

static void test_stuck(void)
{
	struct fixture f = {0};
	_Atomic unsigned int entered = 0;

	fixture_build(&f, 1);
	g_assert_true(io_bus_add(f.bus, IO_SPACE_PORT, 0x600, 1, &stuck_ops, &entered));
	g_mutex_lock(&stuck_lock);
	g_assert_true(vp_group_run(f.group, NULL));
	fake_vp_push_io(f.vps[0], true, 0x600, 1, 0);
	wait_for(&entered, 1);
	g_assert_false(vp_group_hold(f.group, 20));
	g_assert_true(vp_group_is_running(f.group)); /* a pause that failed changes nothing */
	g_assert_false(vp_group_quit(f.group, 20));
	g_mutex_unlock(&stuck_lock);
	fixture_drop(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/vps/dispatch", test_dispatch);
	g_test_add_func("/worker/vps/halts", test_halts);
	g_test_add_func("/worker/vps/run-fails", test_run_fails);
	g_test_add_func("/worker/vps/halt-instruction", test_halt_instruction);
	g_test_add_func("/worker/vps/hold-race", test_hold_race);
	g_test_add_func("/worker/vps/early", test_early);
	g_test_add_func("/worker/vps/halt-race", test_halt_race);
	g_test_add_func("/worker/vps/stuck", test_stuck);
	return g_test_run();
}
