// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "batch.h"
#include "spec.h"

struct options {
	const char *disk, *nic;
	struct wait_options wait;
};

static const struct option_spec options[] = {
	{"disk", 0, OPTION_TEXT, "SPEC", "a disk", offsetof(struct options, disk)},
	{"nic", 0, OPTION_TEXT, "SPEC", "a network adapter", offsetof(struct options, nic)},
	WAIT_OPTIONS(offsetof(struct options, wait)),
	{0},
};

/* context: the device, JSON. */
static int begin_disk(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	return hvctl_attach_disk(h, name, context, job);
}

static int begin_nic(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	return hvctl_attach_nic(h, name, context, job);
}

static int attach(struct cli *cli, const struct options *o)
{
	char *fault = NULL;

	struct json_object *device = o->disk ? spec_parse(&spec_disk, o->disk, &fault)
					     : spec_parse(&spec_nic, o->nic, &fault);
	if (!device) {
		int r = fault ? report_usage(&cmd_attach, "%s", fault)
			      : report(EXIT_FAILED, "out of memory");
		free(fault);
		return r;
	}
	int r = cli_open(cli);
	if (r < 0)
		r = batch_jobs(cli, &o->wait, o->disk ? begin_disk : begin_nic,
			       json_object_to_json_string_ext(device, JSON_C_TO_STRING_PLAIN));
	json_object_put(device);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_attach, &o, argc, argv);
	if (r >= 0)
		return r;
	if (!o.disk == !o.nic)
		return report_usage(&cmd_attach, "give --disk or --nic, one of them");
	if (o.wait.wait && o.wait.no_wait)
		return report_usage(&cmd_attach, "--wait and --no-wait exclude each other");
	return attach(cli, &o);
}

const struct command cmd_attach = {
	.name = "attach",
	.arguments = "NAME...",
	.summary = "Add a disk or network adapter to running machines",
	.details =
		"The guest finds it at once, and the definition keeps it. A VM that is off takes\n"
		"devices by 'hvctl edit'.\n" SPEC_HELP,
	.example = "hvctl attach web1 --disk path=/srv/data.img\n"
		   "hvctl attach web1 --nic type=bridge,bridge=br0",
	.options = options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
