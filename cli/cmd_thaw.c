// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	(void)context;
	return hvctl_thaw(h, name, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	return batch_verb(cli, &cmd_thaw, argc, argv, begin);
}

const struct command cmd_thaw = {
	.name = "thaw",
	.arguments = "NAME...",
	.summary = "Thaw the file systems of guests that were frozen",
	.details = "Fails when they did not stay frozen until now: what was copied meanwhile\n"
		   "may not be consistent.",
	.example = "hvctl thaw web1",
	.options = batch_options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
