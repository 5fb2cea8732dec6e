// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	(void)context;
	return hvctl_stop(h, name, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	return batch_verb(cli, &cmd_stop, argc, argv, begin);
}

const struct command cmd_stop = {
	.name = "stop",
	.arguments = "NAME...",
	.summary = "Turn virtual machines off at once, like pulling the plug",
	.details = "The guest is not asked: see shutdown. A job that runs on the VM is cancelled.",
	.example = "hvctl stop web1",
	.options = batch_options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
