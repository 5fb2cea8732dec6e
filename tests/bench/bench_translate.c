/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the stack adds to QEMU's translator: from asking for a machine to a text on its first
 * serial port, through vmmsd, its worker and libvirt, and with a plain QEMU of the same hardware,
 * in turn.
 *
 *   bench_translate ADDRESS RUNS KERNEL [CMDLINE TEXT [INITRD]]
 *
 * ADDRESS is what `hvctl --connect` takes. By default the kernel is the tiny guest and any output
 * will do. The first start, which may have QEMU probed, is not counted.
 */
#include <fcntl.h>
#include <hvctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define NAME	"bench-translate"
#define WAIT_US (300ull * 1000000ull)
#define MEMORY	"256M"

struct guest {
	const char *kernel, *cmdline, *text, *initrd; /* text "": anything; initrd NULL: none */
};

static int fail(hvctl *h, const char *what)
{
	fprintf(stderr, "bench_translate: %s: %s\n", what,
		hvctl_error_message(hvctl_last_error(h)));
	return -1;
}

/* Reads until the text has come. */
static int wait_text(int fd, const char *text)
{
	static char seen[1 << 20];
	size_t n = 0;

	for (;;) {
		ssize_t r = n < sizeof(seen) - 1 ? read(fd, seen + n, sizeof(seen) - 1 - n) : 0;
		if (r <= 0)
			return -1;
		n += (size_t)r;
		seen[n] = '\0';
		if (strstr(seen, text))
			return 0;
	}
}

/* ---- a plain QEMU ---------------------------------------------------------------------------- */

static void exec_qemu(const struct guest *guest)
{
	const char *argv[] = {"qemu-system-x86_64",
			      "-machine",
			      "pc",
			      "-accel",
			      "tcg",
			      "-cpu",
			      "max",
			      "-m",
			      MEMORY,
			      "-display",
			      "none",
			      "-nodefaults",
			      "-no-user-config",
			      "-serial",
			      "stdio",
			      "-kernel",
			      guest->kernel,
			      "-append",
			      guest->cmdline,
			      guest->initrd ? "-initrd" : NULL,
			      guest->initrd,
			      NULL};

	execvp(argv[0], (char **)argv);
	_exit(127);
}

static int run_qemu(const struct guest *guest, double *ret_ms)
{
	double start = bench_now_ms();
	int out[2], r;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, 0);
		dup2(out[1], 1);
		exec_qemu(guest);
	}
	close(out[1]);
	r = wait_text(out[0], guest->text);
	*ret_ms = bench_now_ms() - start;
	close(out[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (r < 0)
		fprintf(stderr, "bench_translate: QEMU ended before its guest spoke\n");
	return r;
}

/* ---- ours ------------------------------------------------------------------------------------ */

static int define(hvctl *h, const struct guest *guest)
{
	char json[8192], initrd[4160] = "";

	if (guest->initrd)
		(void)snprintf(initrd, sizeof(initrd), ",\"initrd\":\"%s\"", guest->initrd);
	(void)snprintf(json, sizeof(json),
		       "{\"version\":1,\"name\":\"" NAME "\",\"engine\":\"translate\","
		       "\"memory\":{\"size\":\"" MEMORY "\"},"
		       "\"boot\":{\"kernel\":\"%s\"%s,\"cmdline\":\"%s\"}}",
		       guest->kernel, initrd, guest->cmdline);
	return hvctl_define(h, json, NULL) < 0 ? fail(h, "define") : 0;
}

static int wait_for(hvctl *h, int r, hvctl_job *job, const char *what)
{
	if (r >= 0)
		r = hvctl_job_wait(job, WAIT_US);
	hvctl_job_free(job);
	return r < 0 ? fail(h, what) : 0;
}

static int run_ours(hvctl *h, const struct guest *guest, double *ret_ms)
{
	double start = bench_now_ms();
	hvctl_job *job = NULL;
	int console = -1, r;

	r = hvctl_start(h, NAME, &job);
	if (wait_for(h, r, job, "start") < 0)
		return -1;
	if (hvctl_open_console(h, NAME, 0, HVCTL_CONSOLE_REPLAY, &console) < 0)
		return fail(h, "console");
	r = wait_text(console, guest->text);
	*ret_ms = bench_now_ms() - start;
	close(console);
	if (r < 0)
		fprintf(stderr, "bench_translate: the console ended before the guest spoke\n");
	job = NULL;
	int stopped = hvctl_stop(h, NAME, &job);
	return wait_for(h, stopped, job, "stop") < 0 ? -1 : r;
}

static int run_all(hvctl *h, const struct guest *guest, unsigned int runs)
{
	struct bench_series plain = {0}, ours = {0}, over = {0};
	double p, o;

	if (run_ours(h, guest, &o) < 0)
		return -1;
	for (unsigned int i = 0; i < runs; i++) {
		if (run_qemu(guest, &p) < 0 || run_ours(h, guest, &o) < 0)
			return -1;
		bench_add(&plain, p);
		bench_add(&ours, o);
		bench_add(&over, o - p);
	}
	bench_print_header();
	bench_print_row("start -> output: qemu -accel tcg", "ms", &plain, "");
	bench_print_row("start -> output: translate", "ms", &ours, "");
	bench_print_row("of each pair the difference", "ms", &over, "<= 100");
	return 0;
}

int main(int argc, char **argv)
{
	const struct guest guest = {
		.kernel = argc > 3 ? argv[3] : "",
		.cmdline = argc > 4 ? argv[4] : "halt",
		.text = argc > 5 ? argv[5] : "",
		.initrd = argc > 6 ? argv[6] : NULL,
	};
	hvctl *h = NULL;
	int r;

	if (argc < 4) {
		fprintf(stderr, "usage: bench_translate ADDRESS RUNS KERNEL [CMDLINE TEXT "
				"[INITRD]]\n");
		return 2;
	}
	if (hvctl_new(&h) < 0)
		return 1;
	r = hvctl_open(h, argv[1]) < 0 ? fail(h, "open") : define(h, &guest);
	if (r == 0) {
		r = run_all(h, &guest, (unsigned int)strtoul(argv[2], NULL, 10));
		(void)hvctl_delete(h, NAME);
	}
	hvctl_free(h);
	return r < 0 ? 1 : 0;
}
