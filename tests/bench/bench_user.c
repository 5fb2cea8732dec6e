/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The same machine code in a guest's user mode on this machine's KVM and in this process, in turn,
 * by the processor time of this thread. Usage: bench_user [RUNS [TURNS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench.h"
#include "user_mode.h"

#define SIZE 65536u /* of what the code works on */

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* What the code left in RAX. */
static uint64_t run_here(void *code, void *data, uint64_t turns)
{
	register uint64_t count asm("r12") = turns;
	register uint64_t flag asm("r13") = 0;
	uint64_t sum;

	__asm__ volatile("call *%[code]"
			 : "=a"(sum), "+r"(count), "+r"(flag)
			 : [code] "r"(code), "b"(data)
			 : "rcx", "rdx", "r8", "memory", "cc");
	return sum;
}

static uint64_t run_there(struct fixture *f, uint64_t turns)
{
	set_register(f->vp, HV_X64_REGISTER_RBX, USER_DATA);
	set_register(f->vp, HV_X64_REGISTER_R12, turns);
	set_register(f->vp, HV_X64_REGISTER_R13, 1);
	run_user_mode(f);
	return get_register(f->vp, HV_X64_REGISTER_RAX);
}

static void measure(struct fixture *f, void *code, void *data, uint64_t turns,
		    struct bench_series *here, struct bench_series *there,
		    struct bench_series *ratio)
{
	uint64_t sum_here, sum_there;
	double start, middle, end;

	memset(data, 1, SIZE);
	memset(at(f, USER_DATA), 1, SIZE);
	start = now_ms();
	sum_here = run_here(code, data, turns);
	middle = now_ms();
	sum_there = run_there(f, turns);
	end = now_ms();
	if (sum_here != sum_there) {
		fprintf(stderr, "bench_user: the guest's sum is %#llx, not %#llx\n",
			(unsigned long long)sum_there, (unsigned long long)sum_here);
		exit(EXIT_FAILURE);
	}
	bench_add(here, middle - start);
	bench_add(there, end - middle);
	bench_add(ratio, (middle - start) / (end - middle) * 100);
}

int main(int argc, char **argv)
{
	static struct bench_series here, there, ratio;
	int runs = argc > 1 ? atoi(argv[1]) : 20;    // NOLINT(cert-err34-c): 0 is refused below
	int turns = argc > 2 ? atoi(argv[2]) : 2000; // NOLINT(cert-err34-c)
	struct fixture f = {0};
	void *code = mmap(NULL, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (runs < 1 || runs > 500 || turns < 1 || code == MAP_FAILED || data == MAP_FAILED) {
		fprintf(stderr, "bench_user: RUNS is 1 to 500, TURNS at least 1\n");
		return 2;
	}
	if (kvm_missing() != 0)
		return EXIT_FAILURE;
	setup(&f, NULL);
	memcpy(code, guest_user_work, guest_user_work_size);
	enter_user_mode(&f, guest_user_work, guest_user_work_size);
	for (int i = 0; i < runs; i++)
		measure(&f, code, data, (uint64_t)turns, &here, &there, &ratio);
	bench_print_header();
	bench_print_row("in this process", "ms", &here, "");
	bench_print_row("in a guest's user mode", "ms", &there, "");
	bench_print_row("speed of the guest", "%", &ratio, ">= 98");
	teardown(&f, NULL);
	return EXIT_SUCCESS;
}
