// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options.h"

static int run(struct cli *cli, int argc, char **argv)
{
	int r = options_parse(cli, &cmd_rename, NULL, argc, argv);
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	if (hvctl_rename(cli->h, cli->names[0], cli->names[1]) < 0)
		return report_error(cli->h);
	return EXIT_DONE;
}

const struct command cmd_rename = {
	.name = "rename",
	.arguments = "NAME NEW-NAME",
	.summary = "Give a virtual machine another name; its uuid stays",
	.example = "hvctl rename web1 web-old",
	.min_names = 2,
	.max_names = 2,
	.run = run,
};
