// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <stdlib.h>

#include "options.h"

static int run(struct cli *cli, int argc, char **argv)
{
	char *version, *mode;

	int r = options_parse(cli, &cmd_version, NULL, argc, argv);
	if (r >= 0)
		return r;
	printf("hvctl %s\n", hvctl_library_version());
	r = cli_open(cli);
	if (r >= 0)
		return r;
	if (hvctl_service(cli->h, &version, &mode) < 0)
		return report_error(cli->h);
	printf("vmmsd %s (%s, %s)\n", version, mode, hvctl_address(cli->h));
	free(version);
	free(mode);
	return EXIT_DONE;
}

const struct command cmd_version = {
	.name = "version",
	.arguments = "",
	.summary = "Show the versions of hvctl and of the vmmsd that it reaches",
	.details = "'hvctl --version' asks nobody.",
	.example = "hvctl version",
	.max_names = 0,
	.run = run,
};
