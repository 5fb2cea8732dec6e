// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "definition_options.h"
#include "libvirt_helper.h"
#include "spec.h"

struct options {
	struct definition_options definition;
	const char *file, *libvirt, *libvirt_uri;
};

static const struct option_spec options[] = {
	DEFINITION_OPTIONS(offsetof(struct options, definition)),
	{"file", 0, OPTION_TEXT, "FILE", "the whole definition as JSON ('-': standard input)",
	 offsetof(struct options, file)},
	{"from-libvirt", 0, OPTION_TEXT, "FILE|NAME", "a domain's XML, or a domain of libvirtd",
	 offsetof(struct options, libvirt)},
	{"libvirt-uri", 0, OPTION_TEXT, "URI", "which libvirt has the domain (qemu:///system)",
	 offsetof(struct options, libvirt_uri)},
	{0},
};

/* The options given over what is in the document, and vmmsd's answer. */
static int define(struct cli *cli, const struct definition_options *given,
		  struct json_object *document)
{
	int r = definition_options_apply(&cmd_create, given, document);

	if (r >= 0)
		return r;
	return hvctl_define(cli->h, json_object_to_json_string(document), NULL) < 0
		       ? report_error(cli->h)
		       : EXIT_DONE;
}

static int create_one(struct cli *cli, const char *name, const void *context)
{
	const struct options *o = context;

	struct json_object *document = json_object_new_object();
	json_object_object_add(document, "version", json_object_new_int(1));
	json_object_object_add(document, "name", json_object_new_string(name));
	int r = define(cli, &o->definition, document);
	json_object_put(document);
	return r;
}

static int create_from_libvirt(struct cli *cli, const struct options *o)
{
	const struct definition_options *d = &o->definition;
	bool translate = d->engine && strcmp(d->engine, "translate") == 0;
	char given[64];
	int r;

	snprintf(given, sizeof(given), "none%s%s%s", d->kernel ? ",kernel" : "",
		 d->cmdline ? ",cmdline" : "",
		 translate   ? ",translate"
		 : d->engine ? ",engine"
			     : "");

	struct json_object *document = libvirt_import(o->libvirt, o->libvirt_uri, given, &r);
	if (!document)
		return r;
	if (cli->n_names == 1)
		json_object_object_add(document, "name", json_object_new_string(cli->names[0]));
	r = cli_open(cli);
	if (r < 0)
		r = define(cli, &o->definition, document);
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
	if (o.libvirt && (o.file || cli->n_names > 1))
		return report_usage(&cmd_create,
				    "--from-libvirt gives one definition; give at most "
				    "one name, and no --file, with it");
	if (o.libvirt_uri && !o.libvirt)
		return report_usage(&cmd_create, "--libvirt-uri goes with --from-libvirt NAME");
	if (o.file)
		return create_from_file(cli, o.file);
	if (o.libvirt)
		return create_from_libvirt(cli, &o);
	if (cli->n_names == 0)
		return report_usage(&cmd_create, "the name of a VM is missing; write 'hvctl create "
						 "NAME [OPTIONS]' or 'hvctl create --file FILE'");
	r = cli_open(cli);
	return r < 0 ? batch_calls(cli, create_one, &o) : r;
}

const struct command cmd_create = {
	.name = "create",
	.arguments = "NAME... | --file FILE | [NAME] --from-libvirt FILE",
	.summary = "Define virtual machines; start runs them",
	.details = "Several names give several machines that are alike. Other options change what\n"
		   "--from-libvirt finds. 'define' is another name of this verb.\n\n" SPEC_HELP,
	.example = "hvctl create web1 --cpus 2 --memory 1G --kernel /vmlinuz --initrd /initrd.img\n"
		   "hvctl create db1 --kernel /vmlinuz --disk path=/srv/db1.img --nic type=user\n"
		   "hvctl create --file web2.json\n"
		   "hvctl create --from-libvirt web3.xml --kernel /vmlinuz --initrd /initrd.img",
	.options = options,
	.max_names = -1,
	.run = run,
};
