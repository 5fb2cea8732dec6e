// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "disk_name.h"

struct options {
	const char *disk;
	bool force;
	struct wait_options wait;
};

static const struct option_spec options[] = {
	{"disk", 0, OPTION_TEXT, "DISK", "by its path or CONTROLLER:LUN",
	 offsetof(struct options, disk)},
	{"force", 'f', OPTION_FLAG, NULL, "also when it becomes smaller, and data are lost",
	 offsetof(struct options, force)},
	WAIT_OPTIONS(offsetof(struct options, wait)),
	{0},
};

struct change {
	const char *disk;
	uint64_t size; /* 0: as the image is */
	bool force;
};

static int begin(hvctl *h, const char *name, const void *context, hvctl_job **job)
{
	const struct change *change = context;

	return hvctl_resize_disk(h, name, change->disk, change->size, change->force, job);
}

static int resize(struct cli *cli, const struct options *o, uint64_t size)
{
	char *disk = disk_name(o->disk);
	const struct change change = {.disk = disk, .size = size, .force = o->force};

	if (!disk)
		return report(EXIT_FAILED,
			      "cannot tell the current directory: %s; give an "
			      "absolute path",
			      strerror(errno));
	int r = cli_open(cli);
	if (r < 0)
		r = batch_jobs(cli, &o->wait, begin, &change);
	free(disk);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};
	uint64_t size = 0;

	int r = options_parse(cli, &cmd_resize, &o, argc, argv);
	if (r >= 0)
		return r;
	if (!o.disk)
		return report_usage(&cmd_resize, "--disk is missing");
	if (o.wait.wait && o.wait.no_wait)
		return report_usage(&cmd_resize, "--wait and --no-wait exclude each other");
	if (cli->n_names == 2 && (!parse_size(cli->names[1], &size) || size == 0))
		return report_usage(&cmd_resize, "'%s' is not a size like 20G",
				    QUOTE(cli->names[1]));
	cli->n_names = 1;
	return resize(cli, &o, size);
}

const struct command cmd_resize = {
	.name = "resize",
	.arguments = "NAME [SIZE]",
	.summary = "Give a disk another size, which the guest sees at once",
	.details =
		"A raw image gets the SIZE (512M, 20G). Without one, as for block devices that\n"
		"grew on the host, the guest is told of the size that there is. File systems are\n"
		"for the guest to grow, or to shrink before.",
	.example = "hvctl resize web1 --disk /srv/data.img 20G\nhvctl resize web1 --disk 0:1",
	.options = options,
	.min_names = 1,
	.max_names = 2,
	.run = run,
};
