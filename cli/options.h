/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options of a verb: one table from which the parser, the help and the completion come. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "cli.h"

enum option_kind {
	OPTION_FLAG,	/* bool */
	OPTION_TEXT,	/* const char *, in argv */
	OPTION_CHOICE,	/* const char *; `value` is "one|other" */
	OPTION_NUMBER,	/* struct number, a non-negative integer */
	OPTION_SIZE,	/* struct number, bytes; K, M, G, T and KiB... are powers of 1024 */
	OPTION_SECONDS, /* struct number, given in seconds, kept in microseconds, more than 0 */
	OPTION_LIST,	/* struct text_list; may be given several times */
	OPTION_LATER,	/* in the design, not in this version: refused, not shown */
};

struct number {
	bool set;
	uint64_t value;
};

#define TEXT_LIST_MAX 64
struct text_list {
	size_t n;
	const char *items[TEXT_LIST_MAX]; /* in argv */
};

struct option_spec {
	const char *name; /* without the dashes */
	char letter;	  /* 0: none */
	enum option_kind kind;
	const char *value; /* what the help calls it; NULL for a flag */
	const char *help;
	size_t offset; /* of the member in the verb's struct */
};

/*
 * Parses into `values` (zeroed or defaults on entry), sets cli->names, answers --help and checks
 * the number of names. Returns -1 to go on, or the exit code to end with.
 */
int options_parse(struct cli *cli, const struct command *command, void *values, int argc,
		  char **argv);
/* The lines of the help: first the verb's, then those of every verb. */
void options_help(const struct option_spec *options);
/* "--name" of each, one a line. */
void options_names(const struct option_spec *options);

/* parse.c: whole-string parsers; false when `text` is not that or out of range. */
bool parse_number(const char *text, uint64_t *ret);
bool parse_size(const char *text, uint64_t *ret);
bool parse_seconds(const char *text, uint64_t *ret_usec);
/* The path from the root, not resolved further; free(). NULL and errno when the current directory
 * cannot be had. */
char *parse_path(const char *text);
/* "90s", "10m", "2h", "3d" ago, "@SECONDS", or local "YYYY-MM-DD[ HH:MM[:SS]]" -> realtime µs. */
bool parse_since(const char *text, uint64_t now_usec, uint64_t *ret_usec);

#endif
