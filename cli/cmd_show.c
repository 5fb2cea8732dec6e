// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "libvirt_helper.h"
#include "output.h"
#include "show_placement.h"

struct options {
	const char *format;
	bool definition, placement;
};

static const struct option_spec options[] = {
	{"output", 'o', OPTION_CHOICE, "table|json|name|libvirt-xml", "how to print it",
	 offsetof(struct options, format)},
	{"definition", 0, OPTION_FLAG, NULL, "the stored definition, as 'create --file' takes it",
	 offsetof(struct options, definition)},
	{"placement", 0, OPTION_FLAG, NULL, "the host's CPUs, and what VMs run on which of them",
	 offsetof(struct options, placement)},
	{0},
};

/* What the names have in common; `printed` separates their documents. */
struct show {
	struct options options;
	bool json, several, xml;
	int printed;
};

static void print_document(struct show *show, struct json_object *document)
{
	struct json_object *name;

	if (strcmp(show->options.format, "name") == 0) {
		if (json_object_object_get_ex(document, "name", &name))
			printf("%s\n", json_object_get_string(name));
	} else if (show->json && show->several) {
		fputs(show->printed > 0 ? ",\n  " : "[\n  ", stdout);
		json_put_document(stdout, document, 2);
	} else if (show->json) {
		json_put_document(stdout, document, 0);
		putchar('\n');
	} else {
		fputs(show->printed > 0 ? "\n" : "", stdout);
		json_render(stdout, document);
	}
	show->printed++;
}

static int show_one(struct cli *cli, const char *name, const void *context)
{
	struct show *show = *(struct show *const *)context;
	char *text;

	int r = show->options.definition || show->xml ? hvctl_definition(cli->h, name, &text)
						      : hvctl_describe(cli->h, name, &text);
	if (r < 0)
		return report_error(cli->h);
	if (show->xml) {
		r = libvirt_export(text);
		free(text);
		return r;
	}
	struct json_object *document = json_tokener_parse(text);
	free(text);
	if (!json_object_is_type(document, json_type_object)) {
		json_object_put(document);
		return report(EXIT_FAILED,
			      "vmmsd's description of %s is not a JSON object; use "
			      "the same version of hvctl and vmmsd",
			      name);
	}
	print_document(show, document);
	json_object_put(document);
	return EXIT_DONE;
}

static int check_options(const struct cli *cli, const struct options *o)
{
	if (!o->placement && cli->n_names == 0)
		return report_usage(&cmd_show, "the name of a VM is missing; write 'hvctl show "
					       "NAME...'");
	if (o->placement && (o->definition || strcmp(o->format, "name") == 0))
		return report_usage(&cmd_show, "--placement is a table or JSON of the host's CPUs; "
					       "leave out --definition and -o name");
	if (strcmp(o->format, "libvirt-xml") == 0 && (o->placement || cli->n_names > 1))
		return report_usage(&cmd_show,
				    "-o libvirt-xml is the definition of one VM; give one "
				    "name, and no --placement");
	return -1;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct show show = {.options.format = "table"}, *context = &show;

	int r = options_parse(cli, &cmd_show, &show.options, argc, argv);
	if (r < 0)
		r = check_options(cli, &show.options);
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	if (show.options.placement)
		return show_placement(cli, strcmp(show.options.format, "json") == 0);
	show.json = strcmp(show.options.format, "json") == 0 ||
		    (show.options.definition && strcmp(show.options.format, "table") == 0);
	show.xml = strcmp(show.options.format, "libvirt-xml") == 0;
	show.several = cli->n_names > 1;
	r = batch_calls(cli, show_one, &context);
	if (show.json && show.several)
		fputs(show.printed > 0 ? "\n]\n" : "[]\n", stdout);
	return r;
}

const struct command cmd_show = {
	.name = "show",
	.arguments = "[NAME...]",
	.summary = "Show all about virtual machines",
	.details = "With -o json one name gives an object, several give an array of objects. Only\n"
		   "--placement needs no name: then it shows all VMs that run.",
	.example =
		"hvctl show web1\nhvctl show web1 -o json\nhvctl show web1 -o libvirt-xml\nhvctl show --placement",
	.options = options,
	.max_names = -1,
	.run = run,
};
