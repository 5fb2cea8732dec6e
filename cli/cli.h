/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every verb of hvctl is made of: the command, the exit codes, and how a failure is reported.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hvctl.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_SUCH_VM = 3,
	EXIT_WRONG_STATE = 4,
	EXIT_DENIED = 5,
	EXIT_TIMED_OUT = 6,
	EXIT_UNREACHABLE = 7,
	/* 128 + signal: stopped by a signal while it waited */
};

struct command;
struct option_spec;

struct cli {
	const char *connect; /* --connect, or NULL */
	const struct command *command;
	hvctl *h;	   /* see cli_open() */
	bool only_watches; /* cli_open() does not start a vmmsd that does not run */
	int n_names;
	char **names; /* the arguments that are not options, in argv */
};

struct command {
	const char *name;
	const char *arguments;		   /* "NAME...", for the synopsis */
	const char *summary;		   /* a line of at most 60 characters */
	const char *details;		   /* further sentences, or NULL */
	const char *example;		   /* one or more lines, each a whole command */
	const struct option_spec *options; /* ended by a NULL name, or NULL */
	int min_names, max_names;	   /* max_names -1: any number */
	int (*run)(struct cli *cli, int argc, char **argv);
};

extern const struct command cmd_attach, cmd_autostart, cmd_console, cmd_cp, cmd_create, cmd_delete,
	cmd_detach, cmd_edit, cmd_events, cmd_group, cmd_help, cmd_host, cmd_list, cmd_metrics,
	cmd_pause, cmd_power, cmd_rename, cmd_reboot, cmd_hibernate, cmd_reset, cmd_resize,
	cmd_resume, cmd_save, cmd_discard, cmd_set_pair, cmd_freeze, cmd_thaw, cmd_show,
	cmd_shutdown, cmd_start, cmd_stats, cmd_stop, cmd_stop_all, cmd_top, cmd_type, cmd_version;

/* Ended by NULL; in the order of `hvctl help`. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);
void command_help(const struct command *command);

/* Connects by --connect or the default rules. Returns -1, or the exit code after reporting. */
int cli_open(struct cli *cli);

/* report.c: one sentence on standard error, "hvctl: " before it; the exit code as the result. */
int report(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* EXIT_USAGE, with "; see 'hvctl VERB --help'" behind it. */
int report_usage(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The last error of the connection. */
int report_error(const hvctl *h);
int exit_code_of(enum hvctl_code code);

/* User text for a sentence: at most 60 bytes of it, control characters as '?'. */
struct quote {
	char text[72];
};
struct quote quote(const char *text);
#define QUOTE(word) (quote(word).text)

/* The candidate nearest to `word` (NULL: none is near); `candidates` ends with NULL. */
const char *suggest(const char *word, const char *const *candidates);

#endif
