// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	(void)context;
	return hvctl_discard(h, name, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	return batch_verb(cli, &cmd_discard, argc, argv, begin);
}

const struct command cmd_discard = {
	.name = "discard",
	.arguments = "NAME...",
	.summary = "Forget the saved state of virtual machines: they are off",
	.details = "It is as if their plug had been pulled when they were saved.",
	.example = "hvctl discard web1",
	.options = batch_options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
