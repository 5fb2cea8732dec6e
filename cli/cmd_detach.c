// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "disk_name.h"

struct options {
	const char *disk, *nic;
	struct wait_options wait;
};

static const struct option_spec options[] = {
	{"disk", 0, OPTION_TEXT, "DISK", "by its path or CONTROLLER:LUN",
	 offsetof(struct options, disk)},
	{"nic", 0, OPTION_TEXT, "NIC", "an adapter by its MAC address or index, from 0",
	 offsetof(struct options, nic)},
	WAIT_OPTIONS(offsetof(struct options, wait)),
	{0},
};

static int begin_disk(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	return hvctl_detach_disk(h, name, context, job);
}

static int begin_nic(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	return hvctl_detach_nic(h, name, context, job);
}

static int detach(struct cli *cli, const struct options *o)
{
	char *disk = o->disk ? disk_name(o->disk) : NULL;

	if (o->disk && !disk)
		return report(EXIT_FAILED,
			      "cannot tell the current directory: %s; give an "
			      "absolute path",
			      strerror(errno));
	int r = cli_open(cli);
	if (r < 0 && disk)
		r = batch_jobs(cli, &o->wait, begin_disk, disk);
	else if (r < 0)
		r = batch_jobs(cli, &o->wait, begin_nic, o->nic);
	free(disk);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};

	int r = options_parse(cli, &cmd_detach, &o, argc, argv);
	if (r >= 0)
		return r;
	if (!o.disk == !o.nic)
		return report_usage(&cmd_detach, "give --disk or --nic, one of them");
	if (o.wait.wait && o.wait.no_wait)
		return report_usage(&cmd_detach, "--wait and --no-wait exclude each other");
	return detach(cli, &o);
}

const struct command cmd_detach = {
	.name = "detach",
	.arguments = "NAME...",
	.summary = "Take a disk or network adapter from running machines",
	.details =
		"Whatever the guest does with it: unmount there first. What it has written is in\n"
		"the image. The definition has the device no longer.",
	.example = "hvctl detach web1 --disk /srv/data.img\n"
		   "hvctl detach web1 --disk 0:1\n"
		   "hvctl detach web1 --nic 56:4d:53:00:00:01",
	.options = options,
	.min_names = 1,
	.max_names = -1,
	.run = run,
};
