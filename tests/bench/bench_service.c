/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the management service costs, seen by a libhvctl client:
 *
 *   bench_service ADDRESS define N       definitions a second in one client, one call at a time
 *   bench_service ADDRESS list RUNS      the whole list
 *   bench_service ADDRESS start NAME RUNS       Start to running, then stop, of one VM
 *   bench_service ADDRESS fleet KERNEL N WIDTH  N VMs defined, then started WIDTH at a time
 *   bench_service ADDRESS edit NAME RUNS        an edit of a VM that runs, until it is in force
 *
 * ADDRESS is what `hvctl --connect` takes; "": the system's.
 */
#include <hvctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define WAIT_US (60ull * 1000000ull)

static int fail(hvctl *h, const char *what)
{
	fprintf(stderr, "bench_service: %s: %s\n", what, hvctl_error_message(hvctl_last_error(h)));
	return 1;
}

static int bench_define(hvctl *h, unsigned int n)
{
	struct bench_series rate = {0};
	double start = bench_now_ms();
	char json[256];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(json, sizeof(json), "{\"version\":1,\"name\":\"bench-%u\"}", i);
		if (hvctl_define(h, json, NULL) < 0)
			return fail(h, "define");
	}
	bench_add(&rate, (double)n / (bench_now_ms() - start) * 1e3);
	bench_print_row("define, one client", "1/s", &rate, ">= 2000");
	return 0;
}

static int bench_list(hvctl *h, unsigned int runs)
{
	struct bench_series series = {0};
	char name[64];
	size_t size = 0;

	for (unsigned int i = 0; i < runs; i++) {
		double start = bench_now_ms();
		hvctl_list *list = NULL;

		if (hvctl_list_vms(h, &list) < 0)
			return fail(h, "list");
		size = hvctl_list_size(list);
		bench_add(&series, bench_now_ms() - start);
		hvctl_list_free(list);
	}
	snprintf(name, sizeof(name), "list of %zu definitions", size);
	bench_print_row(name, "ms", &series, "<= 50 at 10000");
	return 0;
}

static int wait_for(hvctl *h, hvctl_job *job, const char *what)
{
	int r = hvctl_job_wait(job, WAIT_US);

	hvctl_job_free(job);
	return r < 0 ? fail(h, what) : 0;
}

static int stop_vm(hvctl *h, const char *name)
{
	hvctl_job *job = NULL;

	if (hvctl_stop(h, name, &job) < 0)
		return fail(h, "stop");
	return wait_for(h, job, "stop");
}

static int bench_start(hvctl *h, const char *vm, unsigned int runs)
{
	struct bench_series series = {0};

	for (unsigned int i = 0; i < runs; i++) {
		double start = bench_now_ms();
		hvctl_job *job = NULL;

		if (hvctl_start(h, vm, &job) < 0)
			return fail(h, "start");
		if (wait_for(h, job, "start") != 0)
			return 1;
		bench_add(&series, bench_now_ms() - start);
		if (stop_vm(h, vm) != 0)
			return 1;
	}
	bench_print_row("start -> running", "ms", &series, "virsh / 10");
	return 0;
}

static int define_fleet(hvctl *h, const char *kernel, unsigned int n)
{
	char json[4608];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(json, sizeof(json),
			 "{\"version\":1,\"name\":\"fleet-%u\",\"engine\":\"direct\","
			 "\"memory\":{\"size\":\"16M\"},"
			 "\"boot\":{\"kernel\":\"%s\",\"cmdline\":\"halt\"}}",
			 i, kernel);
		if (hvctl_define(h, json, NULL) < 0)
			return fail(h, "define");
	}
	return 0;
}

static int bench_fleet(hvctl *h, const char *kernel, unsigned int n, unsigned int width)
{
	struct bench_series rate = {0};
	hvctl_job *jobs[64] = {0};
	unsigned int failed = 0;
	char name[32];
	double start;

	if (width == 0 || width > 64 || define_fleet(h, kernel, n) != 0)
		return 1;
	start = bench_now_ms();
	for (unsigned int i = 0; i < n + width; i++) {
		if (i >= width && jobs[i % width])
			failed += wait_for(h, jobs[i % width], "start") != 0;
		jobs[i % width] = NULL;
		if (i >= n)
			continue;
		snprintf(name, sizeof(name), "fleet-%u", i);
		if (hvctl_start(h, name, &jobs[i % width]) < 0) {
			fail(h, "start");
			failed++;
		}
	}
	bench_add(&rate, (double)n / (bench_now_ms() - start) * 1e3);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "fleet-%u", i);
		stop_vm(h, name);
		hvctl_delete(h, name);
	}
	bench_print_row("fleet of tiny VMs started", "1/s", &rate, ">= 10 per core, none failed");
	printf("  %u of %u failed\n", failed, n);
	return failed != 0;
}

/* ---- edits ----------------------------------------------------------------------------------- */

struct edited {
	int pid;
	char cgroup[512]; /* of the worker; "" where there is none of its own */
	char text[64];	  /* what a file is to begin with */
	int cpu;	  /* where all threads are to be */
};

static bool file_begins(const char *path, const char *text)
{
	char line[64] = "";
	FILE *file = fopen(path, "re");
	bool begins;

	if (!file)
		return false;
	begins = fgets(line, sizeof(line), file) && strncmp(line, text, strlen(text)) == 0;
	fclose(file);
	return begins;
}

static bool weight_is_in_force(const struct edited *edited)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/cpu.weight", edited->cgroup);
	return file_begins(path, edited->text);
}

static bool limit_is_in_force(const struct edited *edited)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/vcpu/cpu.max", edited->cgroup);
	return file_begins(path, edited->text);
}

static bool affinity_is_in_force(const struct edited *edited)
{
	cpu_set_t set;

	return sched_getaffinity(edited->pid, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1 &&
	       CPU_ISSET((size_t)edited->cpu, &set);
}

static int edited_find(hvctl *h, const char *vm, struct edited *edited)
{
	static const char root[] = "/sys/fs/cgroup";
	hvctl_list *list = NULL;
	char path[64], line[400];
	FILE *file;

	if (hvctl_get(h, vm, &list) < 0)
		return fail(h, "get");
	edited->pid = (int)hvctl_vm_worker_pid(hvctl_list_at(list, 0));
	hvctl_list_free(list);
	snprintf(path, sizeof(path), "/proc/%d/cgroup", edited->pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0 && strstr(line, "vm"))
			snprintf(edited->cgroup, sizeof(edited->cgroup), "%s%s", root, line + 3);
	}
	if (file)
		fclose(file);
	return 0;
}

/* From the call to the moment in which the kernel has it. */
static int edit_until(hvctl *h, const char *vm, const char *patch, const struct edited *edited,
		      bool (*in_force)(const struct edited *), struct bench_series *series)
{
	double start = bench_now_ms();

	if (hvctl_edit(h, vm, patch) < 0)
		return fail(h, "edit");
	while (!in_force(edited)) {
		if (bench_now_ms() - start > 10000) {
			fprintf(stderr, "bench_service: %s was never in force\n", patch);
			return 1;
		}
		sched_yield();
	}
	bench_add(series, bench_now_ms() - start);
	return 0;
}

static int bench_edit(hvctl *h, const char *vm, unsigned int runs)
{
	struct bench_series weight = {0}, limit = {0}, affinity = {0};
	struct edited edited = {0};
	char patch[128];
	int r = edited_find(h, vm, &edited);

	for (unsigned int i = 0; r == 0 && i < runs && edited.cgroup[0]; i++) {
		snprintf(edited.text, sizeof(edited.text), "%u\n", 200 + i);
		snprintf(patch, sizeof(patch), "{\"cpus\":{\"scheduling\":{\"weight\":%u}}}",
			 200 + i);
		r = edit_until(h, vm, patch, &edited, weight_is_in_force, &weight);
		snprintf(edited.text, sizeof(edited.text), "%u ", (20 + i) * 1000);
		snprintf(patch, sizeof(patch), "{\"cpus\":{\"scheduling\":{\"limit\":%u}}}",
			 20 + i);
		if (r == 0)
			r = edit_until(h, vm, patch, &edited, limit_is_in_force, &limit);
	}
	/* On one CPU there is nothing to choose. */
	for (unsigned int i = 0; r == 0 && i < runs && sysconf(_SC_NPROCESSORS_ONLN) > 1; i++) {
		edited.cpu = i % 2 == 0;
		snprintf(patch, sizeof(patch), "{\"cpus\":{\"scheduling\":{\"affinity\":\"%d\"}}}",
			 edited.cpu);
		r = edit_until(h, vm, patch, &edited, affinity_is_in_force, &affinity);
	}
	if (edited.cgroup[0]) {
		bench_print_row("edit of the weight, in force", "ms", &weight, "<= 100");
		bench_print_row("edit of the limit, in force", "ms", &limit, "<= 100");
	}
	if (affinity.n)
		bench_print_row("edit of the affinity, in force", "ms", &affinity, "<= 100");
	return r;
}

static unsigned int count(const char *text)
{
	return (unsigned int)strtoul(text, NULL, 10);
}

static int run(hvctl *h, int argc, char **argv)
{
	const char *what = argv[2];

	if (argc == 4 && strcmp(what, "define") == 0)
		return bench_define(h, count(argv[3]));
	if (argc == 4 && strcmp(what, "list") == 0)
		return bench_list(h, count(argv[3]));
	if (argc == 5 && strcmp(what, "start") == 0)
		return bench_start(h, argv[3], count(argv[4]));
	if (argc == 6 && strcmp(what, "fleet") == 0)
		return bench_fleet(h, argv[3], count(argv[4]), count(argv[5]));
	if (argc == 5 && strcmp(what, "edit") == 0)
		return bench_edit(h, argv[3], count(argv[4]));
	fprintf(stderr, "bench_service: see the head of bench_service.c for its arguments\n");
	return 2;
}

int main(int argc, char **argv)
{
	hvctl *h = NULL;
	int r;

	if (argc < 4) {
		fprintf(stderr, "usage: bench_service ADDRESS define|list|start|fleet|edit ARGS\n");
		return 2;
	}
	if (hvctl_new(&h) < 0)
		return 1;
	r = hvctl_open(h, argv[1][0] ? argv[1] : NULL) < 0 ? fail(h, "open") : run(h, argc, argv);
	hvctl_free(h);
	return r;
}
