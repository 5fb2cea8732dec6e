// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	(void)context;
	return hvctl_reset(h, name, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	return batch_verb(cli, &cmd_reset, argc, argv, begin);
}

const struct command cmd_reset = {
	.name = "reset",
	.arguments = "NAME...",
	.summary = "Reset running virtual machines, like pressing the reset button",
	.details = NULL,
	.example = "hvctl reset web1",
	.options = batch_options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
