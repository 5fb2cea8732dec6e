/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From exec of the process that runs a VM to the guest's first byte on COM1, and the private memory
 * of that process while the guest is idle: vmworker, and QEMU's microvm and q35 machines with the
 * same guest and 128 MiB, taken in turn.
 *
 *   bench_worker VMWORKER TINY.ELF [RUNS]
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "console_ring.h"
#include "vmms1.h"

#define WAIT_MS	      20000.0
#define GUEST_MEMORY  (128u << 20)
#define GUEST_RAM_MIN (64u << 20) /* a mapping of this size is guest RAM */
#define UUID	      "11111111-2222-4333-8444-555555555555"

struct run {
	double first_out_ms;
	double private_kib;
};

/* Private pages of the process outside guest RAM, from smaps. */
static double private_kib(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/smaps", pid);
	g_autofree char *text = NULL;
	unsigned long size = 0;
	double sum = 0;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *dash, *colon;
		unsigned long from = strtoul(line, &dash, 16);

		if (*dash == '-' && dash > line) {
			size = strtoul(dash + 1, NULL, 16) - from;
			continue;
		}
		colon = strchr(line, ':');
		if (colon && size < GUEST_RAM_MIN && g_str_has_prefix(line, "Private_") &&
		    !g_str_has_prefix(line, "Private_Hugetlb"))
			sum += (double)strtoul(colon + 1, NULL, 10);
	}
	return sum;
}

static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- QEMU ------------------------------------------------------------------------------------ */

static gboolean run_qemu(const char *machine, const char *kernel, struct run *run)
{
	const char *argv[] = {"qemu-system-x86_64",
			      "-M",
			      machine,
			      "-accel",
			      "kvm",
			      "-cpu",
			      "host,-arch-capabilities",
			      "-m",
			      "128",
			      "-display",
			      "none",
			      "-nodefaults",
			      "-no-user-config",
			      "-no-reboot",
			      "-serial",
			      "stdio",
			      "-kernel",
			      kernel,
			      "-append",
			      "halt",
			      NULL};
	int out[2], in[2];
	char byte;

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(in, O_CLOEXEC) < 0)
		return FALSE;
	double start = bench_now_ms();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	close(out[1]);
	close(in[0]);
	gboolean ok = read(out[0], &byte, 1) == 1;
	run->first_out_ms = bench_now_ms() - start;
	if (ok) {
		usleep(50000); /* let it settle before its memory is read; not part of the time */
		run->private_kib = private_kib(pid);
	}
	close(out[0]);
	close(in[1]);
	reap(pid);
	return ok;
}

/* ---- vmworker -------------------------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4) < 0)
		return -1;
	return fd;
}

static pid_t spawn_worker(const char *worker, const char *directory, int listen_fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (listen_fd == 3)
		fcntl(3, F_SETFD, 0);
	else
		dup2(listen_fd, 3);
	g_autofree char *self = g_strdup_printf("%d", getpid());
	g_setenv("LISTEN_PID", self, TRUE);
	g_setenv("LISTEN_FDS", "1", TRUE);
	execl(worker, worker, "--uuid", UUID, "--name", "bench", "--runtime-dir", directory,
	      (char *)NULL);
	_exit(127);
}

static int send_start(sd_bus *bus, int kernel, int console, int result)
{
	sd_bus_message *m = NULL;
	g_autofree char *definition = g_strdup_printf(
		"{\"version\":1,\"uuid\":\"" UUID "\",\"name\":\"bench\",\"description\":\"\","
		"\"engine\":\"direct\",\"cpus\":{\"count\":1},\"memory\":{\"size\":%u},"
		"\"boot\":{\"kernel\":\"/tiny.elf\",\"cmdline\":\"halt\"},\"autostart\":false,"
		"\"stopAction\":\"off\",\"stopTimeout\":90,\"stopOrder\":0,"
		"\"onReboot\":\"restart\",\"onCrash\":\"stop\"}",
		GUEST_MEMORY);
	int r = sd_bus_message_new_method_call(bus, &m, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER,
					       "Start");

	if (r >= 0)
		r = sd_bus_message_append(m, "sa(sh)", definition, 3, VMMS_FILE_KERNEL, kernel,
					  VMMS_FILE_CONSOLE0, console, VMMS_FILE_RESULT, result);
	if (r >= 0)
		r = sd_bus_send(bus, m, NULL);
	if (r >= 0)
		r = sd_bus_flush(bus);
	sd_bus_message_unref(m);
	return r;
}

/* Lets the processor go, which the worker may need: QEMU's peer blocks in read, too. */
static void look_away(void)
{
	const struct timespec moment = {.tv_nsec = 20000};

	nanosleep(&moment, NULL);
}

/* Watches the console ring until the guest has written; FALSE after WAIT_MS. */
static gboolean wait_first_byte(int console, double start)
{
	struct stat st;

	while (bench_now_ms() - start < WAIT_MS) {
		if (fstat(console, &st) < 0)
			return FALSE;
		if ((size_t)st.st_size < sizeof(struct vmms_console_ring_header)) {
			look_away();
			continue;
		}
		struct vmms_console_ring_header *ring =
			mmap(NULL, sizeof(*ring), PROT_READ, MAP_SHARED, console, 0);
		if (ring == MAP_FAILED)
			return FALSE;
		while (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == 0 &&
		       bench_now_ms() - start < WAIT_MS)
			look_away();
		gboolean ok = ring->head != 0;
		munmap(ring, sizeof(*ring));
		return ok;
	}
	return FALSE;
}

static gboolean run_worker(const char *worker, const char *kernel_path, const char *directory,
			   struct run *run)
{
	g_autofree char *path = g_build_filename(directory, "control", NULL);
	g_autofree char *address = g_strdup_printf("unix:path=%s", path);
	int kernel = open(kernel_path, O_RDONLY | O_CLOEXEC);
	int console = memfd_create("console0", MFD_CLOEXEC);
	int result = memfd_create("result", MFD_CLOEXEC);
	int listen_fd = listen_at(path);
	sd_bus *bus = NULL;
	gboolean ok;

	double start = bench_now_ms();
	pid_t pid = spawn_worker(worker, directory, listen_fd);
	ok = sd_bus_new(&bus) >= 0 && sd_bus_set_address(bus, address) >= 0 &&
	     sd_bus_start(bus) >= 0 && send_start(bus, kernel, console, result) >= 0 &&
	     wait_first_byte(console, start);
	run->first_out_ms = bench_now_ms() - start;
	if (ok) {
		usleep(50000);
		run->private_kib = private_kib(pid);
	}
	sd_bus_flush_close_unref(bus);
	reap(pid);
	close(kernel);
	close(console);
	close(result);
	close(listen_fd);
	return ok;
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { OURS, MICROVM, Q35, N_KINDS };

int main(int argc, char **argv)
{
	static const char *const names[N_KINDS] = {"vmworker", "qemu -M microvm", "qemu -M q35"};
	struct bench_series first_out[N_KINDS] = {0}, memory[N_KINDS] = {0};
	g_autofree char *directory = g_dir_make_tmp("vmms-bench-XXXXXX", NULL);
	int runs = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 20;

	if (argc < 3 || !directory) {
		fprintf(stderr, "usage: bench_worker VMWORKER TINY.ELF [RUNS]\n");
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* nanoseconds */
	for (int i = 0; i < runs; i++) {
		for (int kind = 0; kind < N_KINDS; kind++) {
			struct run run = {0};
			gboolean ok = kind == OURS ? run_worker(argv[1], argv[2], directory, &run)
						   : run_qemu(kind == MICROVM ? "microvm" : "q35",
							      argv[2], &run);

			if (!ok) {
				fprintf(stderr, "bench_worker: %s failed in run %d\n", names[kind],
					i);
				continue;
			}
			bench_add(&first_out[kind], run.first_out_ms);
			bench_add(&memory[kind], run.private_kib / 1024);
		}
	}
	bench_print_header();
	for (int kind = 0; kind < N_KINDS; kind++) {
		g_autofree char *name = g_strdup_printf("exec -> first out: %s", names[kind]);

		bench_print_row(name, "ms", &first_out[kind], kind == OURS ? "<= 5" : "");
	}
	for (int kind = 0; kind < N_KINDS; kind++) {
		g_autofree char *name = g_strdup_printf("private memory, idle: %s", names[kind]);

		bench_print_row(name, "MiB", &memory[kind], kind == OURS ? "<= 3" : "");
	}
	g_autofree char *control = g_build_filename(directory, "control", NULL);
	unlink(control);
	rmdir(directory);
	return 0;
}
