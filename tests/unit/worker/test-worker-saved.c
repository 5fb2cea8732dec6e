/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine direct on the fake hypervisor: machines that are saved, and that begin from there. */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "fake_partition.h"
#include "quiet_machine.h"
#include "state_part.h"
#include "vmms1.h"
#include "worker_error.h"

#define SCRATCH 0x3ffu /* a register of the first serial port */
#define RAM	0x300000u

static void setup(struct fixture *f, gconstpointer data)
{
	(void)data;
	engine_fixture_init(f);
}

static void teardown(struct fixture *f, gconstpointer data)
{
	(void)data;
	if (f->config.state_fd >= 0)
		close(f->config.state_fd);
	engine_fixture_clear(f);
}

static struct vp *first_vp(void)
{
	return fake_partition_vp(fake_partition_last(), 0);
}

static struct engine *running(struct fixture *f)
{
	struct engine *engine = engine_built(f);
	g_autoptr(GError) error = NULL;

	g_assert_true(f->ops->run(engine, &error));
	g_assert_no_error(error);
	return engine;
}

/* Forgets the consoles' rings, as those of another run are new. */
static void new_consoles(struct fixture *f)
{
	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		g_assert_cmpint(ftruncate(f->config.console_fd[i], 0), ==, 0);
}

/* Saves a machine that printed, wrote to a register, and to memory. */
static void save(struct fixture *f)
{
	struct engine *engine = running(f);
	g_autoptr(GError) error = NULL;

	guest_says(first_vp(), "before\n");
	fake_vp_push_io(first_vp(), true, SCRATCH, 1, 0x5a);
	g_assert_true(fake_vp_idle(first_vp(), WAIT_MS));
	g_assert_cmpint(partition_write_gpa(fake_partition_last(), RAM, "written", 8), ==,
			HV_STATUS_SUCCESS);
	g_assert_true(f->ops->pause(engine, NULL));
	f->config.state_fd = memory_file("", 0);
	g_assert_true(f->ops->save(engine, f->config.state_fd, &error));
	g_assert_no_error(error);
	g_assert_true(f->ops->free(engine));
	new_consoles(f);
}

static void ram_expect(const char *text)
{
	char is[8] = "";

	g_assert_cmpint(partition_read_gpa(fake_partition_last(), RAM, is, sizeof(is)), ==,
			HV_STATUS_SUCCESS);
	g_assert_cmpstr(is, ==, text);
}

static uint8_t scratch(void)
{
	uint8_t value = 0;
	uint64_t n = fake_vp_push_io(first_vp(), false, SCRATCH, 1, 0);

	g_assert_true(fake_vp_answer(first_vp(), n, &value, 1, NULL, WAIT_MS));
	return value;
}

static void console_expect(struct fixture *f, struct engine *engine, const char *text)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)WAIT_MS * 1000;
	g_autoptr(GString) seen = g_string_new(NULL);
	int fd = -1;

	g_assert_true(f->ops->console(engine, 0, VMMS_CONSOLE_LOG_ONLY, &fd, NULL));
	g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
	for (;;) {
		char buffer[64];
		ssize_t n = read(fd, buffer, sizeof(buffer));

		if (n == 0)
			break;
		if (n > 0)
			g_string_append_len(seen, buffer, n);
		else
			g_assert_cmpint(sd_event_run(f->event, 1000), >=, 0);
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
	}
	g_assert_cmpstr(seen->str, ==, text);
	close(fd);
}

static void test_goes_on(struct fixture *f, gconstpointer data)
{
	struct engine *engine;

	(void)data;
	save(f);
	engine = running(f);
	ram_expect("written");
	g_assert_cmphex(scratch(), ==, 0x5a);
	guest_says(first_vp(), "after\n");
	console_expect(f, engine, "before\nafter\n");
	g_assert_cmpuint(counter_value(f, engine, "console.bytes"), ==, 6);
	g_assert_true(f->ops->pause(engine, NULL));
	g_assert_true(f->ops->resume(engine, NULL));

	/* It can be saved again, and a reset begins with the kernel. */
	g_assert_true(f->ops->pause(engine, NULL));
	g_assert_true(f->ops->save(engine, f->config.state_fd, NULL));
	g_assert_true(f->ops->reset(engine, NULL));
	ram_expect("");
	g_assert_cmphex(scratch(), ==, 0);
	guest_says(first_vp(), "anew\n");
	g_assert_true(f->ops->free(engine));
}

/* Without VMBus there is less to save. */
static void test_hidden(struct fixture *f, gconstpointer data)
{
	struct engine *engine;

	(void)data;
	f->config.devices.hidden = true;
	save(f);
	engine = running(f);
	ram_expect("written");
	g_assert_true(f->ops->free(engine));
}

/* What a definition, or a host, has to have as it had it. */
static void test_refused(struct fixture *f, gconstpointer data)
{
	const struct engine_config was = f->config;
	struct engine_config changed[4] = {was, was, was, was};
	static const char *const faults[] = {
		"it is of a machine with another size of memory",
		"machine: another topology of processors",
		"machine: other enlightenments than this host gives now",
		"it is of another VM",
	};

	(void)data;
	save(f);
	changed[0].memory += 1 << 20;
	changed[1].sockets = 2;
	changed[1].cores = changed[1].threads = 1;
	changed[2].devices.enlightenments_off = ENGINE_ENLIGHTENMENT_BIT(CRASH);
	changed[3].vm_uuid[0] = 1;
	for (size_t i = 0; i < G_N_ELEMENTS(changed); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *expected = g_strdup_printf(
			"VM web1: its saved state cannot be taken up: %s; discard it (hvctl "
			"discard web1)",
			faults[i]);
		int state_fd = f->config.state_fd;

		f->config = changed[i];
		f->config.state_fd = state_fd;
		g_assert_null(f->ops->build(&f->config, &error));
		g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_IMAGE);
		g_assert_cmpstr(error->message, ==, expected);
	}
	fake_set_tsc(2100000000, 0, true);
	g_autoptr(GError) error = NULL;
	int state_fd = f->config.state_fd;
	f->config = was;
	f->config.state_fd = state_fd;
	g_assert_null(f->ops->build(&f->config, &error));
	g_assert_nonnull(strstr(error->message, "the TSC of this host has another frequency"));
	fake_set_tsc(2000100000, 0, true); /* measured anew */
	g_assert_true(f->ops->free(running(f)));
}

/* A state that cannot be written: the machine goes on. */
static void test_save_fails(struct fixture *f, gconstpointer data)
{
	struct engine *engine = running(f);
	g_autoptr(GError) error = NULL;
	int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)data;
	g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), ==, 0);
	g_assert_true(f->ops->pause(engine, NULL));
	g_assert_false(f->ops->save(engine, fd, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_FAILED);
	g_assert_true(g_str_has_prefix(error->message, "VM web1: its state cannot be written ("));
	g_assert_true(f->ops->resume(engine, NULL));
	guest_says(first_vp(), "alive\n");
	g_assert_true(f->ops->free(engine));
	close(fd);
}

/* The guest powered off before it was held. */
static void test_save_halted(struct fixture *f, gconstpointer data)
{
	struct engine *engine = running(f);
	g_autoptr(GError) error = NULL;
	int fd = memory_file("", 0);
	struct stat st;

	(void)data;
	fake_vp_push_io(first_vp(), true, 0x604, 2, 0x2000 | 5 << 10);
	events_until(f, &f->halts, 1);
	g_assert_false(f->ops->save(engine, fd, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_WRONG_STATE);
	g_assert_cmpint(fstat(fd, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 0);
	g_assert_true(f->ops->free(engine));
	close(fd);
}

/* ---- the emulated machine alone ---------------------------------------------------------------
 */

STATE_PART(machine);

static void *machine_make(void *context)
{
	struct fixture *f = context;

	new_consoles(f);
	return machine_new(f->event, f->config.console_fd, &quiet_callbacks, NULL);
}

static void machine_use(void *context, void *machine)
{
	uint8_t bytes[4] = {'x', 0, 0, 0};

	(void)context;
	for (uint64_t port = 0; port < 0x1000; port++)
		io_bus_read(machine_bus(machine), IO_SPACE_PORT, port, 1, 1, bytes);
	machine_reset(machine);
}

static void machine_drop(void *context, void *machine)
{
	(void)context;
	machine_free(machine);
}

static void test_machine(struct fixture *f, gconstpointer data)
{
	static const uint8_t text[] = "text";
	struct machine *machine = machine_make(f);

	(void)data;
	io_bus_write(machine_bus(machine), IO_SPACE_PORT, 0x3f8, 1, 4, text);
	g_autoptr(GBytes) saved = state_part_save(&machine_part, machine);
	machine_free(machine);
	state_part_mutate(&machine_part, saved, machine_make, machine_use, machine_drop, f);
	machine = machine_make(f);
	g_autofree char *fault = state_part_restore(&machine_part, machine, saved);
	g_assert_cmpstr(fault, ==, NULL);
	machine_free(machine);
}

/* A processor that is in the middle of an instruction is let go for a moment, as often as it takes.
 */
static void test_in_an_instruction(struct fixture *f, gconstpointer data)
{
	struct engine *engine = running(f);
	g_autoptr(GError) error = NULL;

	(void)data;
	g_assert_true(f->ops->pause(engine, NULL));
	f->config.state_fd = memory_file("", 0);
	fake_fail(FAKE_VP_SAVE, 0, HV_STATUS_INVALID_VP_STATE, 0);
	g_assert_false(f->ops->save(engine, f->config.state_fd, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_BUSY);
	g_assert_cmpuint(fake_calls(FAKE_VP_SAVE), >=, 10);
	fake_fail(FAKE_VP_SAVE, 0, HV_STATUS_SUCCESS, 0);
	g_clear_error(&error);
	g_assert_true(f->ops->save(engine, f->config.state_fd, &error));
	g_assert_no_error(error);
	g_assert_true(f->ops->free(engine));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define CASE(name, fn) g_test_add("/worker/saved/" name, struct fixture, NULL, setup, fn, teardown)
	CASE("goes-on", test_goes_on);
	CASE("hidden", test_hidden);
	CASE("refused", test_refused);
	CASE("save-fails", test_save_fails);
	CASE("save-halted", test_save_halted);
	CASE("in-an-instruction", test_in_an_instruction);
	CASE("machine", test_machine);
	return g_test_run();
}
