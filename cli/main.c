// SPDX-License-Identifier: LGPL-2.1-or-later
/* hvctl: the table of verbs, and what stands before the verb on the command line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

const struct command *const commands[] = {
	&cmd_create, &cmd_edit,	     &cmd_rename, &cmd_delete,	  &cmd_list,	 &cmd_show,
	&cmd_start,  &cmd_shutdown,  &cmd_reboot, &cmd_hibernate, &cmd_stop,	 &cmd_pause,
	&cmd_resume, &cmd_reset,     &cmd_save,	  &cmd_discard,	  &cmd_attach,	 &cmd_detach,
	&cmd_resize, &cmd_console,   &cmd_type,	  &cmd_cp,	  &cmd_set_pair, &cmd_freeze,
	&cmd_thaw,   &cmd_autostart, &cmd_events, &cmd_stats,	  &cmd_top,	 &cmd_metrics,
	&cmd_host,   &cmd_group,     &cmd_power,  &cmd_help,	  &cmd_version,	 &cmd_stop_all,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++) {
		if (strcmp((*c)->name, name) == 0)
			return *c;
	}
	/* libvirt's words; the first is the API's, too. */
	if (strcmp(name, "define") == 0)
		return &cmd_create;
	return strcmp(name, "restore") == 0 ? &cmd_resume : NULL;
}

void command_help(const struct command *command)
{
	printf("Usage: hvctl %s%s%s [OPTIONS]\n\n%s.\n", command->name,
	       command->arguments[0] ? " " : "", command->arguments, command->summary);
	if (command->details)
		printf("%s\n", command->details);
	printf("\nOptions:\n");
	options_help(command->options);
	printf("\nExample:\n");
	for (const char *line = command->example; *line;) {
		size_t length = strcspn(line, "\n");
		printf("  %.*s\n", (int)length, line);
		line += length + (line[length] == '\n');
	}
}

int cli_open(struct cli *cli)
{
	if (hvctl_new(&cli->h) < 0)
		return report(EXIT_FAILED, "out of memory");
	hvctl_set_activation(cli->h, !cli->only_watches);
	if (hvctl_open(cli->h, cli->connect) < 0)
		return report_error(cli->h);
	return -1;
}

static int unknown_verb(const char *word)
{
	const char *names[sizeof(commands) / sizeof(commands[0])];
	size_t n = 0;

	for (; commands[n]; n++)
		names[n] = commands[n]->name;
	names[n] = NULL;
	const char *near = suggest(word, names);
	if (near)
		return report(EXIT_USAGE, "there is no verb '%s'; did you mean '%s'?", QUOTE(word),
			      near);
	return report(EXIT_USAGE, "there is no verb '%s'; see 'hvctl help'", QUOTE(word));
}

/* Options before the verb. Returns the index of the verb, or -1 with *ret the exit code. */
static int before_verb(struct cli *cli, int argc, char **argv, int *ret)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *word = argv[i];
		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			*ret = cmd_help.run(cli, 1, argv);
			return -1;
		}
		if (strcmp(word, "--version") == 0) {
			printf("hvctl %s\n", VMMS_VERSION);
			*ret = EXIT_DONE;
			return -1;
		}
		if (strncmp(word, "--connect=", 10) == 0) {
			cli->connect = word + 10;
		} else if (strcmp(word, "--connect") == 0 || strcmp(word, "-c") == 0) {
			if (++i >= argc) {
				*ret = report(EXIT_USAGE, "%s needs an address; see 'hvctl help'",
					      word);
				return -1;
			}
			cli->connect = argv[i];
		} else {
			*ret = report(EXIT_USAGE,
				      "there is no option '%s' before the verb; see "
				      "'hvctl help'",
				      QUOTE(word));
			return -1;
		}
	}
	if (i < argc)
		return i;
	*ret = report(EXIT_USAGE, "a verb is missing; see 'hvctl help'");
	return -1;
}

int main(int argc, char **argv)
{
	struct cli cli = {0};
	int r = EXIT_USAGE;

	int verb = before_verb(&cli, argc, argv, &r);
	if (verb < 0)
		return r;
	cli.command = command_find(argv[verb]);
	if (!cli.command)
		return unknown_verb(argv[verb]);
	r = cli.command->run(&cli, argc - verb, argv + verb);
	hvctl_free(cli.h);
	errno = 0;
	if ((fflush(stdout) != 0 || ferror(stdout)) && r == EXIT_DONE)
		r = report(EXIT_FAILED, "cannot write the output: %s", strerror(errno));
	return r;
}
