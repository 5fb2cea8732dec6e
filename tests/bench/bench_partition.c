/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From nothing to a guest's first `out`, stage by stage, in this process: a partition of 128 MiB
 * and one VP with interrupt controllers; then the cost of an intercept. Usage: bench_partition
 * [RUNS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cpuid.h"
#include "guests.h"
#include "partition.h"

#define MEMORY	   (128ull << 20)
#define INTERCEPTS 10000u

enum stage { CREATE, VP, CPUID, REGISTERS, FIRST_OUT, TOTAL, DELETE, N_STAGES };

static const struct {
	const char *name, *note;
} stages[N_STAGES] = {
	[CREATE] = {"partition_create, 128 MiB", ""},  [VP] = {"vp_create", ""},
	[CPUID] = {"CPUID: ask, build, set", ""},      [REGISTERS] = {"vp_set_registers", ""},
	[FIRST_OUT] = {"vp_run to the first out", ""}, [TOTAL] = {"all of these", "<= 1 ms"},
	[DELETE] = {"partition_delete", ""},
};

static void must(hv_status status, const char *what)
{
	if (status != HV_STATUS_SUCCESS) {
		fprintf(stderr, "bench_partition: %s: %s\n", what, hv_status_name(status));
		exit(EXIT_FAILURE);
	}
}

static void set_cpuid(const struct partition *partition, struct vp *vp)
{
	const struct cpuid_topology topology = {1, 1, 1};
	struct hv_cpuid_entry supported[CPUID_MAX_ENTRIES], built[CPUID_MAX_ENTRIES];
	size_t n = CPUID_MAX_ENTRIES;

	must(partition_supported_cpuid(partition, supported, &n), "partition_supported_cpuid");
	n = cpuid_build(supported, n, &topology, 0, true, built, CPUID_MAX_ENTRIES);
	must(vp_set_cpuid(vp, built, n), "vp_set_cpuid");
}

static void set_real_mode(struct vp *vp)
{
	const hv_register_name names[] = {HV_X64_REGISTER_CS, HV_X64_REGISTER_RIP,
					  HV_X64_REGISTER_RFLAGS};
	const union hv_register_value values[] = {
		{.segment = {.limit = 0xffff, .attributes = 0x9b}},
		{.reg64 = GUEST_LOAD_ADDRESS},
		{.reg64 = 2},
	};

	must(vp_set_registers(vp, names, values, 3), "vp_set_registers");
}

static void run_once(struct bench_series series[N_STAGES])
{
	const struct partition_properties properties = {
		.memory_size = MEMORY, .vp_count = 1, .irqchip = true};
	struct partition *partition;
	struct vp *vp;
	struct hv_fault fault;
	struct hv_intercept intercept;
	double at[N_STAGES + 1];

	at[CREATE] = bench_now_ms();
	must(partition_create(&properties, &partition, &fault), "partition_create");
	at[VP] = bench_now_ms();
	must(vp_create(partition, 0, &vp, &fault), "vp_create");
	at[CPUID] = bench_now_ms();
	set_cpuid(partition, vp);
	at[REGISTERS] = bench_now_ms();
	must(partition_write_gpa(partition, GUEST_LOAD_ADDRESS, guest_loop, guest_loop_size),
	     "partition_write_gpa");
	set_real_mode(vp);
	at[FIRST_OUT] = bench_now_ms();
	must(vp_run(vp, &intercept), "vp_run");
	at[TOTAL] = bench_now_ms();
	if (intercept.type != HV_INTERCEPT_IO_PORT)
		must(HV_STATUS_INVALID_VP_STATE, hv_intercept_type_name(intercept.type));
	partition_delete(partition);
	double end = bench_now_ms();

	for (int stage = CREATE; stage < TOTAL; stage++)
		bench_add(&series[stage], at[stage + 1] - at[stage]);
	bench_add(&series[TOTAL], at[TOTAL] - at[CREATE]);
	bench_add(&series[DELETE], end - at[TOTAL]);
}

/* A loop of `out` in real mode: what a round trip to user space and back takes. */
static void bench_intercept(struct bench_series *series)
{
	static const uint8_t code[] = {0xe6, 0x80, 0xeb, 0xfc}; /* 1: out %al, $0x80; jmp 1b */
	const struct partition_properties properties = {.memory_size = 1 << 20, .vp_count = 1};
	struct partition *partition;
	struct vp *vp;
	struct hv_fault fault;
	struct hv_intercept intercept;

	must(partition_create(&properties, &partition, &fault), "partition_create");
	must(vp_create(partition, 0, &vp, &fault), "vp_create");
	must(partition_write_gpa(partition, GUEST_LOAD_ADDRESS, code, sizeof(code)), "write");
	set_real_mode(vp);
	must(vp_run(vp, &intercept), "vp_run");
	double start = bench_now_ms();
	for (unsigned int i = 0; i < INTERCEPTS; i++)
		must(vp_run(vp, &intercept), "vp_run");
	bench_add(series, (bench_now_ms() - start) * 1000 / INTERCEPTS);
	partition_delete(partition);
}

int main(int argc, char **argv)
{
	static struct bench_series series[N_STAGES], intercept;
	int runs = argc > 1 ? atoi(argv[1]) : 50; // NOLINT(cert-err34-c): 0 is refused below
	struct partition_host host;

	if (runs < 1 || runs > 500) {
		fprintf(stderr, "bench_partition: RUNS is 1 to 500\n");
		return 2;
	}
	partition_probe(&host);
	if (!host.usable) {
		fprintf(stderr, "bench_partition: no partition can be created here: %s: %s\n",
			host.fault.call, strerror(host.fault.sys_errno));
		return EXIT_FAILURE;
	}
	for (int i = 0; i < runs; i++)
		run_once(series);
	for (int i = 0; i < 20; i++)
		bench_intercept(&intercept);
	bench_print_header();
	for (int stage = 0; stage < N_STAGES; stage++)
		bench_print_row(stages[stage].name, "ms", &series[stage], stages[stage].note);
	bench_print_row("port intercept, round trip", "us", &intercept, "");
	return EXIT_SUCCESS;
}
