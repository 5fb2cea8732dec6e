/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "measure.h"

#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "measure_rom.h"
#include "translate.h"

#define ROM_SIZE 65536 /* the least that QEMU takes */
#define ROM_FD	 3
#define ROM_PATH "/proc/self/fd/3"

extern const uint8_t measure_rom[MEASURE_ROM_SIZE];

/* -1, or a descriptor of the ROM. */
static int rom_make(void)
{
	int fd = memfd_create("rom", MFD_CLOEXEC);

	if (fd >= 0 && (ftruncate(fd, ROM_SIZE) < 0 ||
			pwrite(fd, measure_rom, MEASURE_ROM_SIZE, ROM_SIZE - MEASURE_ROM_SIZE) !=
				MEASURE_ROM_SIZE)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* In the child. */
static void die_with_parent(void *unused)
{
	(void)unused;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/*
 * The same translation as for a VM, without its devices. Two mappings of the translated code, one
 * to write and one to run, are all that a unit with MemoryDenyWriteExecute= allows.
 */
static gboolean emulator_spawn(int rom, GPid *ret_pid, int *ret_output)
{
	static const char *const argv[] = {
		TRANSLATE_EMULATOR,
		"-accel",
		"tcg,split-wx=on",
		"-M",
		"pc",
		"-cpu",
		"max",
		"-m",
		"4",
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-bios",
		ROM_PATH,
		"-debugcon",
		"stdio",
		"-device",
		"isa-debug-exit,iobase=0xf4,iosize=1",
		NULL};
	const int source = rom, target = ROM_FD;

	return g_spawn_async_with_pipes_and_fds(NULL, argv, NULL,
						G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
							G_SPAWN_STDERR_TO_DEV_NULL,
						die_with_parent, NULL, -1, -1, -1, &source, &target,
						1, ret_pid, NULL, ret_output, NULL, NULL);
}

/* The processor time of a process, so that a busy host does not make it look slow. */
static int64_t now_ns(GPid pid)
{
	struct timespec now = {0};
	clockid_t id;

	if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &now) < 0)
		return 0;
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static gboolean read_mark(int output, gint64 deadline_us, char expected)
{
	struct pollfd fd = {.fd = output, .events = POLLIN};
	gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
	char mark;

	return left_ms > 0 && poll(&fd, 1, (int)left_ms) == 1 && read(output, &mark, 1) == 1 &&
	       mark == expected;
}

static int64_t speed_of(int64_t taken_ns)
{
	return taken_ns > 0 ? (int64_t)(MEASURE_TURNS * 2 * 1e9 / (double)taken_ns) : SPEED_UNKNOWN;
}

static void hear(GPid pid, int output, struct speed *ret)
{
	gint64 deadline = g_get_monotonic_time() + INT64_C(1000) * MEASURE_LIMIT_MS;

	if (!read_mark(output, deadline, 'k'))
		return;
	int64_t begin = now_ns(pid);
	if (!read_mark(output, deadline, 'u'))
		return;
	int64_t middle = now_ns(pid);
	ret->kernel = speed_of(middle - begin);
	if (read_mark(output, deadline, '.'))
		ret->user = speed_of(now_ns(pid) - middle);
}

void measure_translator(struct speed *ret)
{
	int rom = rom_make(), output = -1;
	GPid pid = 0;

	*ret = (struct speed){SPEED_UNKNOWN, SPEED_UNKNOWN};
	if (rom >= 0 && emulator_spawn(rom, &pid, &output)) {
		hear(pid, output, ret);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		close(output);
	}
	if (rom >= 0)
		close(rom);
}
