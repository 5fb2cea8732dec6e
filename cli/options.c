// SPDX-License-Identifier: LGPL-2.1-or-later
/* Options of a verb, parsed by getopt_long from the verb's table. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

#define OPTIONS_MAX 48
#define LONG_BASE   256 /* getopt's value of option i: beyond every letter */

/* What every verb takes. The offsets are those of struct cli and struct common. */
struct common {
	bool help;
	const char *connect;
};

static const struct option_spec common_options[] = {
	{"connect", 'c', OPTION_TEXT, "ADDRESS",
	 "of vmmsd: system, session, or its private directory", offsetof(struct common, connect)},
	{"help", 'h', OPTION_FLAG, NULL, "this text", offsetof(struct common, help)},
	{0},
};

/* The two tables as one, and what getopt wants to know of it. */
struct parser {
	const struct option_spec *specs[OPTIONS_MAX];
	bool is_common[OPTIONS_MAX];
	int n;
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 2]; /* zeroed; begins with ':' */
	size_t n_letters;
};

static void parser_add(struct parser *parser, const struct option_spec *specs, bool is_common)
{
	for (; specs && specs->name && parser->n < OPTIONS_MAX; specs++) {
		bool has_value = specs->kind != OPTION_FLAG;
		parser->longs[parser->n] = (struct option){
			.name = specs->name,
			.has_arg = has_value ? required_argument : no_argument,
			.val = LONG_BASE + parser->n,
		};
		if (specs->letter) {
			parser->letters[parser->n_letters++] = specs->letter;
			if (has_value)
				parser->letters[parser->n_letters++] = ':';
		}
		parser->is_common[parser->n] = is_common;
		parser->specs[parser->n++] = specs;
	}
}

static int parser_find(const struct parser *parser, int value)
{
	if (value >= LONG_BASE)
		return value - LONG_BASE;
	for (int i = 0; i < parser->n; i++) {
		if (parser->specs[i]->letter == value)
			return i;
	}
	return -1;
}

static bool choice_set(const char *choices, const char *value, const char **ret)
{
	size_t length = strlen(value);

	for (const char *c = choices; c; c = strchr(c, '|')) {
		c += *c == '|';
		if (length > 0 && strncmp(c, value, length) == 0 &&
		    (c[length] == '|' || c[length] == '\0')) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* The words for a value that the kind's parser refused. */
static const char *const wants[] = {
	[OPTION_NUMBER] = "a whole number",
	[OPTION_SIZE] = "a size like 512M or 4G",
	[OPTION_SECONDS] = "a number of seconds greater than 0",
};

static int list_add(const struct command *command, const struct option_spec *spec,
		    struct text_list *list, const char *value)
{
	if (list->n == TEXT_LIST_MAX)
		return report_usage(command, "--%s is given more than %d times", spec->name,
				    TEXT_LIST_MAX);
	list->items[list->n++] = value;
	return -1;
}

static int option_set(const struct command *command, const struct option_spec *spec, void *member,
		      const char *value)
{
	struct number *number = member;
	bool ok = true;

	switch (spec->kind) {
	case OPTION_FLAG:
		*(bool *)member = true;
		return -1;
	case OPTION_TEXT:
		*(const char **)member = value;
		return -1;
	case OPTION_LIST:
		return list_add(command, spec, member, value);
	case OPTION_CHOICE:
		if (choice_set(spec->value, value, member))
			return -1;
		return report_usage(command, "--%s is one of %s, not '%s'", spec->name, spec->value,
				    QUOTE(value));
	case OPTION_NUMBER:
		ok = parse_number(value, &number->value);
		break;
	case OPTION_SIZE:
		ok = parse_size(value, &number->value);
		break;
	case OPTION_SECONDS:
		ok = parse_seconds(value, &number->value);
		break;
	case OPTION_LATER:
		return report_usage(command, "--%s is not in this version", spec->name);
	}
	number->set = true;
	if (ok)
		return -1;
	return report_usage(command, "--%s needs %s, not '%s'", spec->name, wants[spec->kind],
			    QUOTE(value));
}

static int report_unknown(const struct parser *parser, const struct command *command,
			  const char *word)
{
	const char *names[OPTIONS_MAX + 1];
	char letter[3] = {'-', (char)optopt, '\0'};

	if (strncmp(word, "--", 2) != 0)
		return report_usage(command, "there is no option %s",
				    optopt > 0 && optopt < LONG_BASE ? letter : QUOTE(word));
	int n = 0;
	for (int i = 0; i < parser->n; i++) {
		if (parser->specs[i]->kind != OPTION_LATER)
			names[n++] = parser->specs[i]->name;
	}
	names[n] = NULL;
	char plain[64];
	snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	if (optopt >= LONG_BASE && strchr(word, '='))
		return report_usage(command, "--%s takes no value",
				    parser->specs[optopt - LONG_BASE]->name);
	const char *near = suggest(plain, names);
	if (near)
		return report_usage(command, "there is no option '%s'; did you mean --%s?",
				    QUOTE(word), near);
	return report_usage(command, "there is no option '%s'", QUOTE(word));
}

static int check_names(const struct cli *cli, const struct command *command)
{
	if (cli->n_names < command->min_names)
		return report_usage(command, "%s is missing; write 'hvctl %s %s'",
				    command->min_names == 1 && cli->n_names == 0
					    ? "the name of a VM"
					    : "an argument",
				    command->name, command->arguments);
	if (command->max_names >= 0 && cli->n_names > command->max_names)
		return report_usage(command, "'%s' is too many; write 'hvctl %s%s%s'",
				    QUOTE(cli->names[command->max_names]), command->name,
				    command->arguments[0] ? " " : "", command->arguments);
	return -1;
}

int options_parse(struct cli *cli, const struct command *command, void *values, int argc,
		  char **argv)
{
	struct parser parser = {.letters = ":", .n_letters = 1};
	struct common common = {0};
	int value;

	parser_add(&parser, command->options, false);
	parser_add(&parser, common_options, true);
	opterr = 0;
	optind = 0; /* GNU: begin anew */
	while ((value = getopt_long(argc, argv, parser.letters, parser.longs, NULL)) != -1) {
		if (value == '?')
			return report_unknown(&parser, command, argv[optind - 1]);
		int i = parser_find(&parser, value == ':' ? optopt : value);
		if (i < 0)
			return report_unknown(&parser, command, argv[optind - 1]);
		const struct option_spec *spec = parser.specs[i];
		if (value == ':')
			return report_usage(command, "--%s needs a value%s%s", spec->name,
					    spec->value ? ": " : "",
					    spec->value ? spec->value : "");
		char *base = parser.is_common[i] ? (char *)&common : values;
		int r = option_set(command, spec, base + spec->offset, optarg);
		if (r >= 0)
			return r;
	}
	if (common.help) {
		command_help(command);
		return EXIT_DONE;
	}
	if (common.connect)
		cli->connect = common.connect;
	cli->n_names = argc - optind;
	cli->names = argv + optind;
	return check_names(cli, command);
}

static void help_lines(const struct option_spec *specs)
{
	char left[64];

	for (; specs && specs->name; specs++) {
		if (specs->kind == OPTION_LATER)
			continue;
		char letter[4] = {'-', specs->letter, ',', '\0'};
		snprintf(left, sizeof(left), "%3s --%s%s%s", specs->letter ? letter : "",
			 specs->name, specs->value ? " " : "", specs->value ? specs->value : "");
		/* Two lines where one would not fit in 80 columns. */
		if (strlen(left) <= 21)
			printf("  %-23s%s\n", left, specs->help);
		else
			printf("  %s\n  %-23s%s\n", left, "", specs->help);
	}
}

void options_help(const struct option_spec *options)
{
	help_lines(options);
	help_lines(common_options);
}

void options_names(const struct option_spec *options)
{
	for (; options && options->name; options++) {
		if (options->kind != OPTION_LATER)
			printf("--%s\n", options->name);
	}
	for (options = common_options; options->name; options++)
		printf("--%s\n", options->name);
}
