// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <string.h>

#include "options.h"

struct options {
	const char *format;
};

static const struct option_spec options[] = {
	{"output", 'o', OPTION_CHOICE, "table|name", "name: just the verbs, or a verb's options",
	 offsetof(struct options, format)},
	{0},
};

static void overview(void)
{
	printf("Usage: hvctl [--connect ADDRESS] VERB [NAME...] [OPTIONS]\n\n"
	       "Create, run and watch virtual machines.\n\nVerbs:\n");
	for (const struct command *const *c = commands; *c; c++)
		printf("  %-11s%s\n", (*c)->name, (*c)->summary);
	printf("\n'hvctl help VERB' or 'hvctl VERB --help' tells more.\n"
	       "vmmsd is reached at --connect, else $HVCTL_BUS, else the system bus, else\n"
	       "$XDG_RUNTIME_DIR/vmms.\n"
	       "Exit codes: 0 done, 1 failed, 2 usage, 3 no such VM, 4 wrong state, 5 denied,\n"
	       "6 timed out, 7 service unreachable.\n");
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_help, &o, argc, argv);
	if (r >= 0)
		return r;
	bool names = o.format && strcmp(o.format, "name") == 0;
	if (cli->n_names == 0 && !names) {
		overview();
		return EXIT_DONE;
	}
	for (const struct command *const *c = commands; cli->n_names == 0 && *c; c++)
		printf("%s\n", (*c)->name);
	for (int i = 0; i < cli->n_names; i++) {
		const struct command *command = command_find(cli->names[i]);
		if (!command)
			return report(EXIT_USAGE, "there is no verb '%s'; see 'hvctl help'",
				      QUOTE(cli->names[i]));
		if (names)
			options_names(command->options);
		else
			command_help(command);
	}
	return EXIT_DONE;
}

const struct command cmd_help = {
	.name = "help",
	.arguments = "[VERB...]",
	.summary = "Explain hvctl or a verb of it",
	.example = "hvctl help console",
	.options = options,
	.max_names = -1,
	.run = run,
};
