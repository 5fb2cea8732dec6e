// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	(void)context;
	return hvctl_pause(h, name, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	return batch_verb(cli, &cmd_pause, argc, argv, begin);
}

const struct command cmd_pause = {
	.name = "pause",
	.arguments = "NAME...",
	.summary = "Pause virtual machines: they keep their memory and stand still",
	.details = NULL,
	.example = "hvctl pause web1",
	.options = batch_options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
