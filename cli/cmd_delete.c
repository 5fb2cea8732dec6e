// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "batch.h"

struct options {
	bool stop;
};

static const struct option_spec options[] = {
	{"stop", 0, OPTION_FLAG, NULL, "turn it off first when it runs",
	 offsetof(struct options, stop)},
	{0},
};

/* Off, in whatever way it is on. A VM that ends by itself meanwhile is as good. */
static int stop_first(struct cli *cli, const char *name)
{
	hvctl_list *list;
	hvctl_job *job;

	if (hvctl_get(cli->h, name, &list) < 0)
		return report_error(cli->h);
	const char *state = hvctl_vm_state(hvctl_list_at(list, 0));
	bool on = strcmp(state, "off") != 0 && strcmp(state, "crashed") != 0 &&
		  strcmp(state, "saved") != 0;
	hvctl_list_free(list);
	if (!on)
		return EXIT_DONE;
	int r = hvctl_stop(cli->h, name, &job);
	if (r == 0) {
		r = hvctl_job_wait(job, HVCTL_FOREVER);
		hvctl_job_free(job);
	}
	return r < 0 && r != -HVCTL_ERROR_WRONG_STATE ? report_error(cli->h) : EXIT_DONE;
}

static int delete_one(struct cli *cli, const char *name, const void *context)
{
	const struct options *o = context;

	int r = o->stop ? stop_first(cli, name) : EXIT_DONE;
	if (r != EXIT_DONE)
		return r;
	return hvctl_delete(cli->h, name) < 0 ? report_error(cli->h) : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_delete, &o, argc, argv);
	if (r < 0)
		r = cli_open(cli);
	return r < 0 ? batch_calls(cli, delete_one, &o) : r;
}

const struct command cmd_delete = {
	.name = "delete",
	.arguments = "NAME...",
	.summary = "Delete the definitions of virtual machines that are off",
	.details = "The files that they name (kernels, initrds) stay.",
	.example = "hvctl delete --stop web1",
	.options = options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
