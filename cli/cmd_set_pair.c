// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options.h"

struct options {
	bool delete;
};

static const struct option_spec options[] = {
	{"delete", 0, OPTION_FLAG, NULL, "take the pair away", offsetof(struct options, delete)},
	{0},
};

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_set_pair, &o, argc, argv);
	if (r < 0 && o.delete &&cli->n_names == 3)
		r = report_usage(&cmd_set_pair, "--delete takes no value");
	if (r < 0 && !o.delete &&cli->n_names == 2)
		r = report_usage(&cmd_set_pair, "the value, or --delete, is missing");
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	if (hvctl_set_pair(cli->h, cli->names[0], cli->names[1], o.delete ? NULL : cli->names[2]) <
	    0)
		return report_error(cli->h);
	return EXIT_DONE;
}

const struct command cmd_set_pair = {
	.name = "set-pair",
	.arguments = "NAME KEY [VALUE]",
	.summary = "Set a key-value pair that the guest can read",
	.details = "The guest needs hv_kvp_daemon; what it says itself is in 'hvctl show NAME'.",
	.example = "hvctl set-pair web1 role frontend\nhvctl set-pair web1 role --delete",
	.options = options,
	.min_names = 2,
	.max_names = 3,
	.run = run,
};
