// SPDX-License-Identifier: LGPL-2.1-or-later
#include "batch.h"
#include "definition_options.h"
#include "spec.h"

struct options {
	struct definition_options definition;
	const char *patch;
};

static const struct option_spec options[] = {
	DEFINITION_OPTIONS(offsetof(struct options, definition)),
	{"patch", 0, OPTION_TEXT, "JSON", "a merge patch of the definition (RFC 7396)",
	 offsetof(struct options, patch)},
	{0},
};

static int edit_one(struct cli *cli, const char *name, const void *context)
{
	const char *const *patch = context;

	return hvctl_edit(cli->h, name, *patch) < 0 ? report_error(cli->h) : EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_edit, &o, argc, argv);
	if (r >= 0)
		return r;
	bool given = definition_options_given(&o.definition);
	if (!given && !o.patch)
		return report_usage(&cmd_edit,
				    "nothing to change; give an option like --memory 1G");
	if (given && o.patch)
		return report_usage(&cmd_edit, "--patch and the other options exclude each other");
	struct json_object *document = json_object_new_object();
	r = definition_options_apply(&cmd_edit, &o.definition, document);
	if (r < 0)
		r = cli_open(cli);
	const char *patch = o.patch ? o.patch : json_object_to_json_string(document);
	if (r < 0)
		r = batch_calls(cli, edit_one, &patch);
	json_object_put(document);
	return r;
}

const struct command cmd_edit = {
	.name = "edit",
	.arguments = "NAME...",
	.summary = "Change definitions of virtual machines",
	.details =
		"Only what is given changes; an empty --kernel or --initrd takes it away.\n"
		"--disk and --nic, given once for each, replace the list of disks or adapters;\n"
		"an empty one takes all away, and an adapter keeps the MAC address of its place.\n"
		"Processors, memory, kernel, engine and devices can change only while a VM is\n"
		"off.\n\n" SPEC_HELP,
	.example = "hvctl edit web1 --memory 2G --on-crash restart\n"
		   "hvctl edit web1 --disk path=/srv/a.img --disk path=/srv/debian.iso,type=dvd",
	.options = options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
