// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	(void)context;
	return hvctl_resume(h, name, job);
}

static int run(struct cli *cli, int argc, char **argv)
{
	return batch_verb(cli, &cmd_resume, argc, argv, begin);
}

const struct command cmd_resume = {
	.name = "resume",
	.arguments = "NAME...",
	.summary = "Let paused or saved virtual machines run again",
	.details = "'restore' is another name of this verb.",
	.example = "hvctl resume web1",
	.options = batch_options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
