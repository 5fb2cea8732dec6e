// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	(void)context;
	return hvctl_save(h, name, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	return batch_verb(cli, &cmd_save, argc, argv, begin);
}

const struct command cmd_save = {
	.name = "save",
	.arguments = "NAME...",
	.summary = "Save virtual machines: they go into a file and use no memory any more",
	.details = "start or resume goes on from there, also when the host has restarted.",
	.example = "hvctl save web1",
	.options = batch_options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
