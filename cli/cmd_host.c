// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "host_report.h"
#include "options.h"
#include "output.h"

struct options {
	const char *format, *launch;
	bool may_launch;
};

static const struct option_spec options[] = {
	{"launch", 0, OPTION_CHOICE, "auto|off", "whether VMs are started on this host",
	 offsetof(struct options, launch)},
	{"check-launch", 0, OPTION_FLAG, NULL,
	 "print nothing; exit status 1 while the policy is off",
	 offsetof(struct options, may_launch)},
	{"output", 'o', OPTION_CHOICE, "table|json", "how to print it",
	 offsetof(struct options, format)},
	{0},
};

/* For systemd's units, which are then left out instead of having failed. */
static int check_launch(const struct json_object *host)
{
	struct json_object *policy;

	if (json_object_object_get_ex(host, "launch", &policy) &&
	    strcmp(json_object_get_string(policy), "off") == 0)
		return report(EXIT_FAILED, "no VM is started, since the launch policy of this "
					   "host is off; allow starts with 'hvctl host "
					   "--launch auto'");
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {.format = "table"};
	char *text;

	int r = options_parse(cli, &cmd_host, &o, argc, argv);
	if (r < 0 && o.launch && o.may_launch)
		r = report_usage(&cmd_host,
				 "--launch sets the policy and --check-launch asks for it; "
				 "give one of them");
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	if (o.launch)
		return hvctl_set_launch(cli->h, o.launch) < 0 ? report_error(cli->h) : EXIT_DONE;
	if (hvctl_host(cli->h, &text) < 0)
		return report_error(cli->h);
	struct json_object *document = json_tokener_parse(text);
	free(text);
	r = EXIT_DONE;
	if (!json_object_is_type(document, json_type_object)) {
		r = report(EXIT_FAILED, "vmmsd's description of the host is not a JSON object; use "
					"the same version of hvctl and vmmsd");
	} else if (o.may_launch) {
		r = check_launch(document);
	} else if (strcmp(o.format, "json") == 0) {
		json_put_document(stdout, document, 0);
		putchar('\n');
	} else {
		host_report_print(stdout, document);
	}
	json_object_put(document);
	return r;
}

const struct command cmd_host = {
	.name = "host",
	.arguments = "",
	.summary = "Show this host, or set whether it starts VMs",
	.details =
		"It names the engine that 'auto' takes here, and why. With --launch off no VM is\n"
		"started, by hand or automatically; those that run run on.",
	.example = "hvctl host\nhvctl host -o json\nhvctl host --launch off",
	.options = options,
	.max_names = 0,
	.run = run,
};
