// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "batch.h"
#include "definition_options.h"
#include "spec.h"

struct options {
	struct definition_options definition;
	const char *file;
};

static const struct option_spec options[] = {
	DEFINITION_OPTIONS(offsetof(struct options, definition)),
	{"file", 0, OPTION_TEXT, "FILE", "the whole definition as JSON ('-': standard input)",
	 offsetof(struct options, file)},
	{0},
};

static int create_one(struct cli *cli, const char *name, const void *context)
{
	const struct options *o = context;

	struct json_object *document = json_object_new_object();
	json_object_object_add(document, "version", json_object_new_int(1));
	json_object_object_add(document, "name", json_object_new_string(name));
	int r = definition_options_apply(&cmd_create, &o->definition, document);
	if (r < 0)
		r = hvctl_define(cli->h, json_object_to_json_string(document), NULL) < 0
			    ? report_error(cli->h)
			    : EXIT_DONE;
	json_object_put(document);
	return r;
}

static int create_from_file(struct cli *cli, const char *path)
{
	int r;

	char *text = definition_read_file(path, &r);
	if (!text)
		return r;
	r = cli_open(cli);
	if (r < 0)
		r = hvctl_define(cli->h, text, NULL) < 0 ? report_error(cli->h) : EXIT_DONE;
	free(text);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_create, &o, argc, argv);
	if (r >= 0)
		return r;
	if (o.file && (cli->n_names > 0 || definition_options_given(&o.definition)))
		return report_usage(&cmd_create,
				    "--file holds the whole definition; give no name and no other "
				    "option with it");
	if (o.file)
		return create_from_file(cli, o.file);
	if (cli->n_names == 0)
		return report_usage(&cmd_create, "the name of a VM is missing; write 'hvctl create "
						 "NAME [OPTIONS]' or 'hvctl create --file FILE'");
	r = cli_open(cli);
	return r < 0 ? batch_calls(cli, create_one, &o) : r;
}

const struct command cmd_create = {
	.name = "create",
	.arguments = "NAME... | --file FILE",
	.summary = "Define virtual machines; start runs them",
	.details = "Several names give several machines that are alike.\n\n" SPEC_HELP,
	.example = "hvctl create web1 --cpus 2 --memory 1G --kernel /vmlinuz --initrd /initrd.img\n"
		   "hvctl create db1 --kernel /vmlinuz --disk path=/srv/db1.img --nic type=user\n"
		   "hvctl create --file web2.json",
	.options = options,
	.max_names = -1,
	.run = run,
};
