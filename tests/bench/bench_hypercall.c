/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a hypercall takes, by a tiny guest on this machine's KVM: HvSignalEvent that an eventfd
 * takes in the kernel, the same by an exit to us, and one that fails. Usage: bench_hypercall [RUNS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"
#include "user_mode.h"

#define CALLS	   2000u
#define CONNECTION 17u

/* Microseconds each. */
static void measure(struct fixture *f, struct bench_series *series, uint64_t control,
		    uint64_t input, uint64_t status)
{
	double start;

	set_register(f->vp, HV_X64_REGISTER_RBX, CALLS);
	set_register(f->vp, HV_X64_REGISTER_R12, control);
	set_register(f->vp, HV_X64_REGISTER_R13, input);
	set_register(f->vp, HV_X64_REGISTER_R15, CALL_PAGE);
	start = bench_now_ms();
	run_user_mode(f);
	bench_add(series, (bench_now_ms() - start) * 1000 / CALLS);
	if (get_register(f->vp, HV_X64_REGISTER_RAX) != status) {
		fprintf(stderr, "bench_hypercall: a call gave status %#llx\n",
			(unsigned long long)get_register(f->vp, HV_X64_REGISTER_RAX));
		exit(EXIT_FAILURE);
	}
}

int main(int argc, char **argv)
{
	static struct bench_series by_eventfd, by_exit, failing;
	const struct hv_input_signal_event input = {.connection_id = CONNECTION};
	int runs = argc > 1 ? atoi(argv[1]) : 20; // NOLINT(cert-err34-c): 0 is refused below
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct fixture f = {0};

	if (runs < 1 || runs > 500) {
		fprintf(stderr, "bench_hypercall: RUNS is 1 to 500\n");
		return 2;
	}
	if (kvm_missing() != 0)
		return EXIT_FAILURE;
	setup(&f, NULL);
	enable_calls(&f);
	put(&f, INPUT, &input, sizeof(input));
	enter_user_mode(&f, guest_user_calls, guest_user_calls_size);
	if (hv_signal_bind(f.hv, CONNECTION, fd) != HV_STATUS_SUCCESS)
		return EXIT_FAILURE;
	/* In turn, since the machine may be busy with other things now and then. */
	for (int i = 0; i < runs; i++) {
		measure(&f, &by_eventfd, HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST, CONNECTION, 0);
		measure(&f, &by_exit, HV_CALL_SIGNAL_EVENT, INPUT, 0);
		measure(&f, &failing, HV_CALL_SIGNAL_EVENT | HV_CONTROL_FAST, 0,
			HV_STATUS_INVALID_CONNECTION_ID);
	}
	bench_print_header();
	bench_print_row("HvSignalEvent, taken by an eventfd", "us", &by_eventfd, "");
	bench_print_row("HvSignalEvent, by an exit", "us", &by_exit, ">= 2 times the above");
	bench_print_row("HvSignalEvent, no such connection", "us", &failing, "");
	hv_signal_unbind(f.hv, CONNECTION);
	teardown(&f, NULL);
	close(fd);
	return EXIT_SUCCESS;
}
