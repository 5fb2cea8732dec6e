// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "metrics_text.h"

static bool is_wanted(const struct cli *cli, const hvctl_vm *vm)
{
	return cli->n_names == 0 || batch_has(cli, hvctl_vm_name(vm), hvctl_vm_uuid(vm));
}

/* 0, or what the call returned when there is no going on. One that ends meanwhile has none. */
static int ask(struct cli *cli, struct metrics_vm *vm)
{
	char *text;
	int r = hvctl_statistics(cli->h, vm->uuid, &text);

	if (r < 0)
		return exit_code_of((enum hvctl_code) - r) == EXIT_UNREACHABLE ? r : 0;
	vm->stats = json_tokener_parse(text);
	free(text);
	return 0;
}

static int collect(struct cli *cli, const hvctl_list *list, struct metrics_vm *vms, size_t *n)
{
	int r = 0;

	for (size_t i = 0; i < hvctl_list_size(list) && r >= 0; i++) {
		const hvctl_vm *vm = hvctl_list_at(list, i);

		if (!is_wanted(cli, vm))
			continue;
		vms[*n] = (struct metrics_vm){
			.name = hvctl_vm_name(vm),
			.uuid = hvctl_vm_uuid(vm),
			.state = hvctl_vm_state(vm),
			.vcpus = hvctl_vm_cpus(vm),
			.memory = hvctl_vm_memory(vm),
			.started = hvctl_vm_started(vm),
		};
		if (hvctl_vm_worker_pid(vm) != 0)
			r = ask(cli, &vms[*n]);
		(*n)++;
	}
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct metrics_vm *vms;
	hvctl_list *list;
	size_t n = 0;

	int r = options_parse(cli, &cmd_metrics, NULL, argc, argv);
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	r = batch_check_names(cli);
	if (r != EXIT_DONE)
		return r;
	if (hvctl_list_vms(cli->h, &list) < 0)
		return report_error(cli->h);
	vms = calloc(hvctl_list_size(list) + 1, sizeof(*vms));
	if (!vms)
		r = report(EXIT_FAILED, "out of memory");
	else if (collect(cli, list, vms, &n) < 0)
		r = report_error(cli->h);
	else
		metrics_print(stdout, vms, n);
	for (size_t i = 0; i < n; i++)
		json_object_put(vms[i].stats);
	free(vms);
	hvctl_list_free(list);
	return r;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.arguments = "[NAME...]",
	.summary = "Print the counters of VMs as OpenMetrics text",
	.details = "Of all VMs, or those named. What is not known is left out.",
	.example = "hvctl metrics\nhvctl metrics web1",
	.max_names = -1,
	.run = run,
};
