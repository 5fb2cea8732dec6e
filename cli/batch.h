/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One verb on several VMs. A failure is its own sentence; the exit code is that of the first. */
#ifndef BATCH_H
#define BATCH_H

#include "options.h"

/* What the options --no-wait and --timeout of a verb set. */
struct wait_options {
	bool no_wait;
	bool wait; /* the default, spelled out */
	struct number timeout;
};

/* Rows of an option table; `base` is the offset of the struct wait_options. */
#define WAIT_OPTIONS(base)                                              \
	{"wait",                                                        \
	 0,                                                             \
	 OPTION_FLAG,                                                   \
	 NULL,                                                          \
	 "wait until it has happened (the default)",                    \
	 (base) + offsetof(struct wait_options, wait)},                 \
		{"no-wait",                                             \
		 0,                                                     \
		 OPTION_FLAG,                                           \
		 NULL,                                                  \
		 "return when vmmsd has accepted the request",          \
		 (base) + offsetof(struct wait_options, no_wait)},      \
	{                                                               \
		"timeout", 0, OPTION_SECONDS, "SECONDS",                \
			"wait no longer (exit code 6); it goes on",     \
			(base) + offsetof(struct wait_options, timeout) \
	}

/* Asks for all jobs, then waits for all. `begin` returns like the calls of hvctl.h. */
int batch_jobs(struct cli *cli, const struct wait_options *wait,
	       int (*begin)(hvctl *h, const char *name, const void *context, hvctl_job **job),
	       const void *context);

/* One call after the other. `call` reports its own failure and returns the exit code. */
int batch_calls(struct cli *cli,
		int (*call)(struct cli *cli, const char *name, const void *context),
		const void *context);

/* The same with every VM that runs or is paused, until one fails. */
int batch_running(struct cli *cli,
		  int (*call)(struct cli *cli, const char *name, const void *context),
		  const void *context);

/* That each name is one of a VM. */
int batch_check_names(struct cli *cli);
/* Whether a VM is among the names, which may be UUIDs. */
bool batch_has(const struct cli *cli, const char *name, const char *uuid);

/* The whole of a verb that only begins jobs: options, connection, jobs, wait. */
int batch_verb(struct cli *cli, const struct command *command, int argc, char **argv,
	       int (*begin)(hvctl *h, const char *name, const void *context, hvctl_job **job));
/* The options of such a verb. */
extern const struct option_spec batch_options[];

#endif
