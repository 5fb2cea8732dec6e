/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists the VMs, then starts the one that is named on the command line and waits for it:
 *
 *     cc list-vms.c -o list-vms $(pkg-config --cflags --libs libhvctl)
 *     HVCTL_BUS=/run/user/1000/vmms ./list-vms web1
 */
#include <hvctl.h>
#include <stdio.h>

#define SECOND UINT64_C(1000000)

static int fail(hvctl *h)
{
	fprintf(stderr, "%s\n", hvctl_error_message(hvctl_last_error(h)));
	hvctl_free(h);
	return 1;
}

int main(int argc, char **argv)
{
	hvctl_list *list;
	hvctl_job *job;
	hvctl *h;

	if (hvctl_new(&h) < 0)
		return 1;
	if (hvctl_open(h, NULL) < 0) /* $HVCTL_BUS, or the system bus, or the user's own */
		return fail(h);

	if (hvctl_list_vms(h, &list) < 0)
		return fail(h);
	for (size_t i = 0; i < hvctl_list_size(list); i++) {
		const hvctl_vm *vm = hvctl_list_at(list, i);
		printf("%s is %s\n", hvctl_vm_name(vm), hvctl_vm_state(vm));
	}
	hvctl_list_free(list);

	if (argc > 1) {
		if (hvctl_start(h, argv[1], &job) < 0)
			return fail(h);
		int r = hvctl_job_wait(job, 30 * SECOND);
		hvctl_job_free(job);
		if (r < 0)
			return fail(h);
		printf("%s runs\n", argv[1]);
	}
	hvctl_free(h);
	return 0;
}
