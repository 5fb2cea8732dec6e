// SPDX-License-Identifier: LGPL-2.1-or-later
#include "options.h"

struct options {
	const char *key;
};

static const struct option_spec options[] = {
	{"key", 'k', OPTION_TEXT, "KEYS", "press these together: ctrl-alt-del, alt-f2, enter",
	 offsetof(struct options, key)},
	{0},
};

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_type, &o, argc, argv);
	if (r < 0 && o.key && cli->n_names == 2)
		r = report_usage(&cmd_type, "--key and a text exclude each other");
	if (r < 0 && !o.key && cli->n_names == 1)
		r = report_usage(&cmd_type, "a text to type, or --key, is missing");
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	if (hvctl_type(cli->h, cli->names[0], o.key ? o.key : cli->names[1], o.key != NULL) < 0)
		return report_error(cli->h);
	return EXIT_DONE;
}

const struct command cmd_type = {
	.name = "type",
	.arguments = "NAME [TEXT]",
	.summary = "Type on the keyboard of a virtual machine",
	.details =
		"The text is printable ASCII, line ends and tabs, for a guest with a US layout.\n"
		"The guest needs its Hyper-V keyboard driver, which Linux has.",
	.example = "hvctl type web1 $'root\\n'\nhvctl type web1 --key ctrl-alt-del",
	.options = options,
	.min_names = 1,
	.max_names = 2,
	.run = run,
};
