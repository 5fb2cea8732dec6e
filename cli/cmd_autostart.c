// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <string.h>

#include "batch.h"

static int set_one(struct cli *cli, const char *name, const void *context)
{
	const bool *enabled = context;

	if (hvctl_set_autostart(cli->h, name, *enabled) < 0)
		return report_error(cli->h);
	return EXIT_DONE;
}

static int show_one(struct cli *cli, const char *name, const void *context)
{
	hvctl_list *list;

	(void)context;
	if (hvctl_get(cli->h, name, &list) < 0)
		return report_error(cli->h);
	const hvctl_vm *vm = hvctl_list_at(list, 0);
	printf("%s %s\n", hvctl_vm_name(vm), hvctl_vm_autostart(vm) ? "on" : "off");
	hvctl_list_free(list);
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	int r = options_parse(cli, &cmd_autostart, NULL, argc, argv);
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	const char *last = cli->names[cli->n_names - 1];
	bool on = strcmp(last, "on") == 0;
	if (cli->n_names < 2 || (!on && strcmp(last, "off") != 0))
		return batch_calls(cli, show_one, NULL);
	cli->n_names--;
	return batch_calls(cli, set_one, &on);
}

const struct command cmd_autostart = {
	.name = "autostart",
	.arguments = "NAME... [on|off]",
	.summary = "Set or show whether virtual machines start with the host",
	.example = "hvctl autostart web1 web2 on",
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
