// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "options.h"

#define TURN_US	       500000u
#define CANCEL_WAIT_US 10000000u

struct options {
	bool force;
};

static const struct option_spec options[] = {
	{"force", 'f', OPTION_FLAG, NULL, "replace a file that the guest has already",
	 offsetof(struct options, force)},
	{0},
};

/* Where to: "web1:/etc/motd" and "web1:/etc/", which takes the file's own name. */
struct target {
	char *name, *path;
};

static bool target_parse(const char *word, const char *file, struct target *target)
{
	const char *colon = strchr(word, ':'), *base = strrchr(file, '/');
	int n;

	if (!colon || colon == word || colon[1] != '/')
		return false;
	base = base ? base + 1 : file;
	target->name = strndup(word, (size_t)(colon - word));
	n = asprintf(&target->path, "%s%s", colon + 1, word[strlen(word) - 1] == '/' ? base : "");
	if (n < 0)
		target->path = NULL;
	return true;
}

/* The file, or -1 and *ret the exit code. */
static int file_open(const char *file, int *ret)
{
	struct stat st;

	/* Not to wait for the other end of a FIFO. */
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		*ret = report(EXIT_FAILED, "cannot read '%s': %s", QUOTE(file), strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	*ret = report(EXIT_FAILED, "'%s' is not a regular file; copy files one by one",
		      QUOTE(file));
	return -1;
}

static void progress_show(hvctl_job *job, bool shown)
{
	unsigned percent = 0;

	if (shown && hvctl_job_progress(job, &percent) >= 0)
		fprintf(stderr, "\r%3u %%", percent);
}

/* Until it has ended; Ctrl-C cancels it, and waits for the guest to clear up. */
static int copy_wait(struct cli *cli, hvctl_job *job)
{
	bool shown = isatty(STDERR_FILENO);
	struct interrupt interrupt;
	int r, signal = 0;

	interrupt_begin(&interrupt, cli->h);
	for (;;) {
		r = hvctl_job_wait(job, signal ? CANCEL_WAIT_US : TURN_US);
		if (r == -HVCTL_ERROR_INTERRUPTED && !signal) {
			signal = interrupt_take(&interrupt);
			(void)hvctl_job_cancel(job);
		} else if (r == -HVCTL_ERROR_TIMED_OUT && !hvctl_job_finished(job) && !signal) {
			progress_show(job, shown);
		} else {
			break;
		}
	}
	interrupt_end(&interrupt, cli->h);
	if (shown)
		fputs("\r     \r", stderr);
	if (signal && r < 0)
		return report(128 + signal, "the copy to %s was canceled", cli->names[1]);
	return r < 0 ? report_error(cli->h) : EXIT_DONE;
}

static int copy(struct cli *cli, const struct options *o, const struct target *target)
{
	hvctl_job *job = NULL;
	int r = EXIT_FAILED;

	int fd = file_open(cli->names[0], &r);
	if (fd < 0)
		return r;
	r = cli_open(cli);
	if (r < 0 && hvctl_copy(cli->h, target->name, fd, target->path, o->force, &job) < 0)
		r = report_error(cli->h);
	close(fd);
	if (r < 0)
		r = copy_wait(cli, job);
	hvctl_job_free(job);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {0};
	struct target target = {0};

	int r = options_parse(cli, &cmd_cp, &o, argc, argv);
	if (r >= 0)
		return r;
	if (!target_parse(cli->names[1], cli->names[0], &target))
		return report_usage(&cmd_cp, "'%s' is not NAME:/PATH", QUOTE(cli->names[1]));
	if (target.name && target.path)
		r = copy(cli, &o, &target);
	else
		r = report(EXIT_FAILED, "out of memory");
	free(target.name);
	free(target.path);
	return r;
}

const struct command cmd_cp = {
	.name = "cp",
	.arguments = "FILE NAME:/PATH",
	.summary = "Copy a file into a running virtual machine",
	.details =
		"The guest needs hv_fcopy_daemon, and the folder must be there; a path that ends\n"
		"with / takes the file's own name. Ctrl-C cancels the copy.",
	.example = "hvctl cp ./motd web1:/etc/\nhvctl cp -f app.conf web1:/etc/app/app.conf",
	.options = options,
	.min_names = 2,
	.max_names = 2,
	.run = run,
};
