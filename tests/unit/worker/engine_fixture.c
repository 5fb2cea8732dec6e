/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine_fixture.h"

#include "direct.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_partition.h"
#include "guests.h"

static void on_halted(void *context, const struct engine_halt *halt)
{
	struct fixture *f = context;

	f->halts++;
	f->halt = *halt;
}

static void on_panic(void *context, const char *line)
{
	struct fixture *f = context;

	f->panics++;
	g_free(f->line);
	f->line = g_strdup(line);
}

static void on_disk_stopped(void *context, const char *text)
{
	struct fixture *f = context;

	f->disk_stops++;
	g_free(f->line);
	f->line = g_strdup(text);
}

int memory_file(const void *data, size_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, data, size), ==, (ssize_t)size);
	return fd;
}

void engine_fixture_init(struct fixture *f)
{
	fake_reset();
	g_assert_cmpint(sd_event_new(&f->event), >=, 0);
	f->ops = &direct_engine;
	g_assert_true(engine_is_complete(f->ops));
	g_assert_nonnull(f->ops);
	f->config = (struct engine_config){
		.vm_name = "web1",
		.memory = 64 << 20,
		.vp_count = 2,
		.cmdline = "halt",
		.kernel_name = "/boot/tiny",
		.initrd_name = "initrd",
		.kernel_fd = memory_file(guest_tiny, guest_tiny_size),
		.payload_fd = -1,
		.initrd_fd = -1,
		.vsock_fd = -1,
		.state_fd = -1,
		.console_fd = {memory_file("", 0), memory_file("", 0)},
		.event = f->event,
		.events = {.halted = on_halted,
			   .panic = on_panic,
			   .disk_stopped = on_disk_stopped,
			   .context = f},
	};
}

void engine_fixture_clear(struct fixture *f)
{
	close(f->config.kernel_fd);
	close(f->config.console_fd[0]);
	close(f->config.console_fd[1]);
	sd_event_unref(f->event);
	g_free(f->line);
	g_assert_cmpuint(fake_live_partitions(), ==, 0);
	g_assert_cmpuint(fake_live_vps(), ==, 0);
	fake_reset();
}

void events_until(struct fixture *f, const unsigned int *counter, unsigned int goal)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)WAIT_MS * 1000;

	while (*counter < goal && g_get_monotonic_time() < deadline)
		g_assert_cmpint(sd_event_run(f->event, 100000), >=, 0);
	g_assert_cmpuint(*counter, ==, goal);
}

struct engine *engine_built(struct fixture *f)
{
	g_autoptr(GError) error = NULL;
	struct engine *engine = f->ops->build(&f->config, &error);

	g_assert_no_error(error);
	g_assert_nonnull(engine);
	return engine;
}

void guest_says(struct vp *vp, const char *text)
{
	uint64_t n = 0;

	for (; *text; text++)
		n = fake_vp_push_io(vp, true, 0x3f8, 1, (uint8_t)*text);
	g_assert_true(fake_vp_answer(vp, n, NULL, 0, NULL, WAIT_MS));
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

uint64_t counter_value(struct fixture *f, struct engine *engine, const char *name)
{
	struct counter counter = {.name = name};

	f->ops->statistics(engine, on_counter, &counter);
	g_assert_cmpuint(counter.found, ==, 1);
	return counter.value;
}
