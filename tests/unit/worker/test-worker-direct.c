/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine direct as a whole on the fake hypervisor: its life, its failures, its messages. */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "direct.h"
#include "engine_fixture.h"
#include "fake_partition.h"
#include "guests.h"
#include "hv.h"
#include "vmms1.h"
#include "worker_error.h"

static void setup(struct fixture *f, gconstpointer data)
{
	(void)data;
	engine_fixture_init(f);
}

static void teardown(struct fixture *f, gconstpointer data)
{
	(void)data;
	engine_fixture_clear(f);
}

static void test_engines(void)
{
	struct engine_ops lacking = direct_engine;

	g_assert_true(engine_is_complete(&direct_engine));
	lacking.copy = NULL;
	g_assert_false(engine_is_complete(&lacking));
}

static void test_life(struct fixture *f, gconstpointer data)
{
	struct engine *engine = engine_built(f);
	struct partition *first = fake_partition_last();

	(void)data;
	g_assert_true(f->ops->run(engine, NULL));
	guest_says(fake_partition_vp(first, 0), "hello\n");
	g_assert_cmpuint(counter_value(f, engine, "console.bytes"), ==, 6);
	g_assert_cmpuint(counter_value(f, engine, "vp.0.exits.io"), >=, 6);
	g_assert_true(f->ops->pause(engine, NULL));
	g_assert_true(f->ops->pause(engine, NULL));
	g_assert_true(f->ops->resume(engine, NULL));

	/* Power off by the ACPI registers: halted once, then only reset or free. */
	fake_vp_push_io(fake_partition_vp(first, 1), true, 0x604, 2, 0x2000 | 5 << 10);
	events_until(f, &f->halts, 1);
	g_assert_cmpint(f->halt.what, ==, ENGINE_HALT_POWER_OFF);
	g_assert_cmpstr(f->halt.detail, ==, "ACPI S5");
	g_assert_cmpuint(f->halt.vp, ==, 1);

	/* A reset makes a new partition; consoles and counters stay. */
	g_assert_true(f->ops->reset(engine, NULL));
	g_assert_cmpuint(fake_live_partitions(), ==, 1);
	g_assert_cmpuint(fake_calls(FAKE_PARTITION_CREATE), ==, 2);
	struct vp *vp = fake_partition_vp(fake_partition_last(), 0);
	guest_says(vp, "again\nKernel panic - not syncing: test\n");
	g_assert_cmpuint(counter_value(f, engine, "console.bytes"), ==, 45);
	g_assert_cmpuint(counter_value(f, engine, "vp.0.exits.io"), >=, 45);
	events_until(f, &f->panics, 1);
	g_assert_cmpstr(f->line, ==, "Kernel panic - not syncing: test");
	fake_vp_push_io(vp, true, 0x64, 1, 0xfe);
	events_until(f, &f->halts, 2);
	g_assert_cmpint(f->halt.what, ==, ENGINE_HALT_RESET);
	g_assert_cmpstr(f->halt.detail, ==, "keyboard controller");
	g_assert_true(f->ops->free(engine));
}

static void test_power_button(struct fixture *f, gconstpointer data)
{
	struct engine *engine = engine_built(f);
	struct partition *partition = fake_partition_last();
	struct vp *vp = fake_partition_vp(partition, 0);

	(void)data;
	g_assert_true(f->ops->run(engine, NULL));
	uint64_t n = fake_vp_push_io(vp, true, 0x602, 2, 0x100); /* PM1 enable: power button */
	g_assert_true(fake_vp_answer(vp, n, NULL, 0, NULL, WAIT_MS));
	g_assert_false(fake_line_level(partition, 9));
	f->ops->power_button(engine);
	g_assert_true(fake_line_level(partition, 9));
	g_assert_true(f->ops->free(engine));
}

static void test_console_input(struct fixture *f, gconstpointer data)
{
	struct engine *engine = engine_built(f);
	struct vp *vp = fake_partition_vp(fake_partition_last(), 0);
	gint64 deadline = g_get_monotonic_time() + (gint64)WAIT_MS * 1000;
	uint8_t value = 0;
	int fd = -1;

	(void)data;
	g_assert_true(f->ops->run(engine, NULL));
	g_assert_true(f->ops->console(engine, 0, VMMS_CONSOLE_REPLAY, &fd, NULL));
	g_assert_cmpint(write(fd, "x", 1), ==, 1);
	while (!(value & 1)) { /* data ready */
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
		uint64_t n = fake_vp_push_io(vp, false, 0x3fd, 1, 0);
		g_assert_true(fake_vp_answer(vp, n, &value, 1, NULL, WAIT_MS));
	}
	uint64_t n = fake_vp_push_io(vp, false, 0x3f8, 1, 0);
	g_assert_true(fake_vp_answer(vp, n, &value, 1, NULL, WAIT_MS));
	g_assert_cmpint(value, ==, 'x');
	close(fd);
	g_assert_true(f->ops->free(engine));
}

struct failure {
	enum fake_call call;
	unsigned int skip;
	hv_status status;
	int sys_errno;
	int code;
	const char *part;
};

static const struct failure failures[] = {
	{FAKE_PARTITION_CREATE, 0, HV_STATUS_INSUFFICIENT_MEMORY, 12, WORKER_ERROR_NO_MEMORY,
	 "cannot give 64 MiB"},
	{FAKE_PARTITION_CREATE, 0, HV_STATUS_ACCESS_DENIED, 13, WORKER_ERROR_DENIED, "/dev/kvm"},
	{FAKE_PARTITION_CREATE, 0, HV_STATUS_OPERATION_DENIED, 2, WORKER_ERROR_NO_HYPERVISOR,
	 "load kvm_intel or kvm_amd"},
	{FAKE_PARTITION_CREATE, 0, HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED, 0,
	 WORKER_ERROR_NOT_SUPPORTED, "update the kernel"},
	{FAKE_SUPPORTED_CPUID, 0, HV_STATUS_NO_RESOURCES, 0, WORKER_ERROR_FAILED, "CPUID"},
	{FAKE_VP_CREATE, 0, HV_STATUS_NO_RESOURCES, 24, WORKER_ERROR_FAILED, "web1"},
	{FAKE_VP_CREATE, 1, HV_STATUS_INSUFFICIENT_MEMORY, 12, WORKER_ERROR_NO_MEMORY, "web1"},
	{FAKE_VP_SET_CPUID, 1, HV_STATUS_INVALID_PARAMETER, 0, WORKER_ERROR_FAILED, "CPUID"},
	{FAKE_VP_SET_REGISTERS, 0, HV_STATUS_INVALID_REGISTER_VALUE, 0, WORKER_ERROR_FAILED,
	 "registers"},
};

/* Whatever fails while building: one sentence that names the machine, and nothing stays. */
static void test_build_fails(struct fixture *f, gconstpointer data)
{
	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(failures); i++) {
		const struct failure *failure = &failures[i];
		g_autoptr(GError) error = NULL;

		fake_reset();
		fake_fail(failure->call, failure->skip, failure->status, failure->sys_errno);
		g_assert_null(f->ops->build(&f->config, &error));
		g_assert_error(error, WORKER_ERROR, failure->code);
		if (!strstr(error->message, failure->part) || !strstr(error->message, "web1"))
			g_error("\"%s\" lacks \"%s\"", error->message, failure->part);
		g_assert_cmpuint(fake_live_partitions(), ==, 0);
		g_assert_cmpuint(fake_live_vps(), ==, 0);
	}
}

/* What the engine does not have, or not together, is refused before anything exists. */
static void test_devices_refused(struct fixture *f, gconstpointer data)
{
	static const struct engine_disk disk = {.fd = -1, .path = "/d", .serial = "s"};
	static const struct engine_nic nic = {.type = ENGINE_NIC_NONE};
	const struct {
		struct engine_devices devices;
		const char *part;
	} cases[] = {
		{{.disks = &disk, .n_disks = 1, .hidden = true},
		 "VM web1: disks and network adapters come by VMBus, which a guest does not find "
		 "when the hypervisor is hidden; make the hypervisor visible, or remove them"},
		{{.nics = &nic, .n_nics = 1, .enlightenments_off = ENGINE_ENLIGHTENMENT_BIT(SYNIC)},
		 "needs the enlightenment synic; switch synic on"},
		{{.enlightenments_off = ENGINE_ENLIGHTENMENT_BIT(SYNIC)},
		 "VM web1: the enlightenment stimer needs synic, which is off; switch synic on, or "
		 "stimer off"},
		{{.enlightenments_off = ENGINE_ENLIGHTENMENT_BIT(REFERENCE_COUNTER)},
		 "stimer needs referenceCounter"},
		{{.enlightenments_off = ENGINE_ENLIGHTENMENT_BIT(STIMER)},
		 "stimerDirect needs stimer"},
	};

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		f->config.devices = cases[i].devices;
		g_assert_null(f->ops->build(&f->config, &error));
		g_assert_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED);
		if (!strstr(error->message, cases[i].part))
			g_error("\"%s\" lacks \"%s\"", error->message, cases[i].part);
	}
}

/* Adapters come with the bus, again after a reset, and go with it. */
static void test_adapters(struct fixture *f, gconstpointer data)
{
	static const struct engine_nic nics[2] = {
		{.type = ENGINE_NIC_NONE, .mac = {2, 0, 0, 0, 0, 1}, .connected = true},
		{.type = ENGINE_NIC_NONE, .mac = {2, 0, 0, 0, 0, 2}, .connected = true},
	};
	struct engine *engine;

	(void)data;
	f->config.devices = (struct engine_devices){.nics = nics, .n_nics = 2};
	engine = engine_built(f);
	g_assert_true(f->ops->run(engine, NULL));
	g_assert_cmpuint(counter_value(f, engine, "nic.1.sent"), ==, 0);
	g_assert_true(f->ops->reset(engine, NULL));
	g_assert_cmpuint(counter_value(f, engine, "nic.0.link"), ==, 0);
	g_assert_true(f->ops->free(engine));
}

/* They come to a machine that began without any, are there after a reset, and go. */
static void test_plug(struct fixture *f, gconstpointer data)
{
	static const struct engine_nic nic = {
		.type = ENGINE_NIC_NONE, .mac = {2, 0, 0, 0, 0, 1}, .connected = true};
	struct engine_disk disk = {.path = "/srv/a.img", .serial = "A", .controller = 1, .lun = 3};
	struct engine *engine = engine_built(f);
	uint8_t image[4096] = {0};
	g_autoptr(GError) error = NULL;
	uint64_t size = 0;

	(void)data;
	disk.fd = memory_file(image, sizeof(image));
	g_assert_true(f->ops->run(engine, NULL));
	g_assert_true(f->ops->attach_disk(engine, &disk, &error));
	g_assert_true(f->ops->attach_nic(engine, &nic, &error));
	close(disk.fd);
	g_assert_cmpuint(counter_value(f, engine, "disk.0.reads"), ==, 0);
	g_assert_cmpuint(counter_value(f, engine, "nic.0.sent"), ==, 0);
	g_assert_true(f->ops->pause(engine, NULL));
	g_assert_true(f->ops->reset(engine, NULL));
	g_assert_cmpuint(counter_value(f, engine, "disk.0.reads"), ==, 0);
	g_assert_cmpuint(counter_value(f, engine, "nic.0.sent"), ==, 0);
	g_assert_true(f->ops->refresh_disk(engine, 1, 3, &size, &error));
	g_assert_cmpuint(size, ==, sizeof(image));
	g_assert_true(f->ops->detach_disk(engine, 1, 3, &error));
	g_assert_true(f->ops->detach_nic(engine, nic.mac, &error));
	g_assert_no_error(error);
	g_assert_false(f->ops->detach_nic(engine, nic.mac, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT);
	g_assert_true(f->ops->reset(engine, NULL));
	g_assert_false(f->ops->refresh_disk(engine, 1, 3, &size, NULL));
	g_assert_true(f->ops->attach_nic(engine, &nic, NULL));
	g_assert_true(f->ops->free(engine));
}

/* Without VMBus nothing can come. */
static void test_plug_refused(struct fixture *f, gconstpointer data)
{
	static const struct engine_disk disk = {.fd = -1, .path = "/d", .serial = "s"};
	static const struct engine_nic nic = {.type = ENGINE_NIC_NONE, .mac = {2}};
	struct engine *engine;
	g_autoptr(GError) error = NULL;

	(void)data;
	f->config.devices.hidden = true;
	engine = engine_built(f);
	g_assert_true(f->ops->run(engine, NULL));
	g_assert_false(f->ops->attach_disk(engine, &disk, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED);
	g_assert_nonnull(strstr(error->message, "VM web1: disks and network adapters come by"));
	g_assert_false(f->ops->attach_nic(engine, &nic, NULL));
	g_assert_true(f->ops->free(engine));
}

static void test_bad_image(struct fixture *f, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	(void)data;
	g_assert_cmpint(ftruncate(f->config.kernel_fd, 100), ==, 0);
	g_assert_null(f->ops->build(&f->config, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE);
	g_assert_nonnull(strstr(error->message, "/boot/tiny"));
}

/* After a reset that failed the engine can be freed and nothing else. */
static void test_reset_fails(struct fixture *f, gconstpointer data)
{
	struct engine *engine = engine_built(f);
	g_autoptr(GError) error = NULL;

	(void)data;
	g_assert_true(f->ops->run(engine, NULL));
	fake_fail(FAKE_PARTITION_CREATE, 0, HV_STATUS_INSUFFICIENT_MEMORY, 12);
	g_assert_false(f->ops->reset(engine, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_NO_MEMORY);
	g_assert_true(f->ops->pause(engine, NULL));
	g_assert_true(f->ops->free(engine));
	g_assert_true(f->ops->free(NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/direct/engines", test_engines);
#define CASE(name, fn) g_test_add("/worker/direct/" name, struct fixture, NULL, setup, fn, teardown)
	CASE("life", test_life);
	CASE("power-button", test_power_button);
	CASE("console-input", test_console_input);
	CASE("build-fails", test_build_fails);
	CASE("devices-refused", test_devices_refused);
	CASE("adapters", test_adapters);
	CASE("plug", test_plug);
	CASE("plug-refused", test_plug_refused);
	CASE("bad-image", test_bad_image);
	CASE("reset-fails", test_reset_fails);
	return g_test_run();
}
