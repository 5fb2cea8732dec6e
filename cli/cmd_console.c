// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console_pump.h"
#include "options.h"
#include "output.h"
#include "terminal.h"

struct options {
	const char *escape;
	struct number port;
	bool log, read_only, no_replay;
};

static const struct option_spec options[] = {
	{"escape", 'e', OPTION_TEXT, "KEY", "detach with KEY: ^X, one character, or none (^])",
	 offsetof(struct options, escape)},
	{"log", 0, OPTION_FLAG, NULL, "print the scroll-back and end",
	 offsetof(struct options, log)},
	{"no-replay", 0, OPTION_FLAG, NULL, "do not begin with the scroll-back",
	 offsetof(struct options, no_replay)},
	{"port", 'p', OPTION_NUMBER, "N", "serial port 0 (COM1, the default) or 1",
	 offsetof(struct options, port)},
	{"read-only", 'r', OPTION_FLAG, NULL, "look, do not type",
	 offsetof(struct options, read_only)},
	{0},
};

/* "^]" or "x" or "none" -> the byte, or -1. */
static bool parse_escape(const char *text, int *ret)
{
	if (strcmp(text, "none") == 0)
		*ret = -1;
	else if (text[0] == '^' && text[1] && !text[2] && toupper((unsigned char)text[1]) >= '@' &&
		 toupper((unsigned char)text[1]) <= '_')
		*ret = toupper((unsigned char)text[1]) - '@';
	else if (text[0] && !text[1])
		*ret = (unsigned char)text[0];
	else
		return false;
	return true;
}

static const char *escape_name(char buffer[16], int escape)
{
	if (escape < 0x20)
		snprintf(buffer, 16, "Ctrl-%c", escape + '@');
	else
		snprintf(buffer, 16, "'%c'", escape);
	return buffer;
}

static void notice(const char *text, const char *more)
{
	fputs("[hvctl: ", stderr);
	text_print(stderr, text);
	text_print(stderr, more);
	fputs("]\n", stderr);
}

/* What is said when the keys go to the VM. The terminal is raw then: a line ends with \r\n. */
static void greet(char *text, size_t size, const char *name, const struct pump *pump)
{
	const char *read_only = pump->read_only ? " (read-only)" : "";
	char key[16];

	if (pump->escape < 0)
		snprintf(text, size, "[hvctl: attached to %s%s; no key detaches]\r\n", name,
			 read_only);
	else
		snprintf(text, size, "[hvctl: attached to %s%s; %s detaches]\r\n", name, read_only,
			 escape_name(key, pump->escape));
}

/* The VM closed its end. The connection may have been idle for days: it is made anew to ask why. */
static int tell_end(struct cli *cli, const char *name)
{
	hvctl_list *list;
	char text[160];

	if (hvctl_open(cli->h, cli->connect) < 0 || hvctl_get(cli->h, name, &list) < 0) {
		snprintf(text, sizeof(text), "the console of %s was closed", name);
		notice(text, "");
		return report_error(cli->h);
	}
	const hvctl_vm *vm = hvctl_list_at(list, 0);
	const char *reason = hvctl_vm_reason(vm);
	snprintf(text, sizeof(text), "the console of %s was closed: it is %s%s", name,
		 hvctl_vm_state(vm), reason[0] ? ": " : "");
	notice(text, reason);
	hvctl_list_free(list);
	return EXIT_DONE;
}

static int attach(struct cli *cli, const char *name, struct pump *pump, bool log)
{
	bool interactive = pump->input >= 0;
	char greeting[160];

	if (interactive && terminal_open(pump->input) < 0)
		return report(EXIT_FAILED,
			      "cannot read the settings of the terminal; use "
			      "'hvctl console %s < /dev/null'",
			      name);
	if (interactive) {
		greet(greeting, sizeof(greeting), name, pump);
		pump->greeting = greeting;
	}
	enum pump_end end = pump_run(pump);
	/* Not when it is to end at once: the terminal may be one that takes no output. */
	if (interactive && end != PUMP_SIGNAL)
		fputc('\n', stderr);
	switch (end) {
	case PUMP_DETACHED:
		notice("detached from ", name);
		return EXIT_DONE;
	case PUMP_ENDED:
		return log ? EXIT_DONE : tell_end(cli, name);
	case PUMP_SIGNAL:
		raise(pump->signal); /* as it would have ended without the terminal */
		return 128 + pump->signal;
	case PUMP_HANGUP:
		return report(EXIT_FAILED, "the terminal is gone; %s goes on", name);
	case PUMP_FAILED:
		break;
	}
	return report(EXIT_FAILED, "the console of %s: cannot write its output: %s", name,
		      strerror(pump->error));
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {.escape = "^]"};
	struct pump pump = {.output = STDOUT_FILENO, .input = -1};
	unsigned flags = 0;

	int r = options_parse(cli, &cmd_console, &o, argc, argv);
	if (r >= 0)
		return r;
	if (!parse_escape(o.escape, &pump.escape))
		return report_usage(&cmd_console,
				    "--escape needs ^X, one character or none, not "
				    "'%s'",
				    QUOTE(o.escape));
	if (o.port.value > 1)
		return report_usage(&cmd_console, "--port is 0 or 1: a VM has two serial ports");
	if (o.log && o.no_replay)
		return report_usage(&cmd_console, "--log and --no-replay exclude each other");
	if (!o.log && isatty(STDIN_FILENO))
		pump.input = STDIN_FILENO;
	pump.read_only = o.read_only;
	flags |= o.no_replay ? 0 : HVCTL_CONSOLE_REPLAY;
	flags |= o.log ? HVCTL_CONSOLE_LOG_ONLY : 0;
	flags |= o.read_only || pump.input < 0 ? HVCTL_CONSOLE_READ_ONLY : 0;
	r = cli_open(cli);
	if (r >= 0)
		return r;
	const char *name = cli->names[0];
	if (hvctl_open_console(cli->h, name, (unsigned)o.port.value, flags, &pump.console) < 0)
		return report_error(cli->h);
	r = attach(cli, name, &pump, o.log);
	close(pump.console);
	return r;
}

const struct command cmd_console = {
	.name = "console",
	.arguments = "NAME",
	.summary = "Attach to the serial console of a virtual machine",
	.details =
		"It begins with the scroll-back. Ctrl-] detaches; the VM goes on. When standard\n"
		"input is no terminal, the output is copied until the VM ends.",
	.example = "hvctl console web1\nhvctl console web1 --log | tail",
	.options = options,
	.min_names = 1,
	.max_names = 1,
	.run = run,
};
