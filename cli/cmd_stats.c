// SPDX-License-Identifier: LGPL-2.1-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "output.h"
#include "stats_hint.h"
#include "vm_stats.h"

struct options {
	const char *format;
};

static const struct option_spec options[] = {
	{"output", 'o', OPTION_CHOICE, "table|json", "how to print it",
	 offsetof(struct options, format)},
	{0},
};

static const struct column columns[] = {
	{"NAME", COLUMN_SHRINK}, {"VCPU", COLUMN_RIGHT},  {"CPU", COLUMN_RIGHT},
	{"USED", COLUMN_RIGHT},	 {"READY", COLUMN_RIGHT}, {"READY%", COLUMN_RIGHT},
	{"EXITS", COLUMN_RIGHT},
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* What the names have in common. */
struct stats {
	bool json;
	int printed;
	struct table *table;
	struct json_object *hints; /* sentences */
};

static void put_number(char buffer[FORMAT_SIZE], struct amount number)
{
	if (number.known)
		snprintf(buffer, FORMAT_SIZE, "%" PRIu64, number.value);
	else
		snprintf(buffer, FORMAT_SIZE, "-");
}

static void put_time(char buffer[FORMAT_SIZE], struct amount ns)
{
	if (ns.known)
		snprintf(buffer, FORMAT_SIZE, "%" PRIu64 ".%03" PRIu64 "s", ns.value / 1000000000u,
			 ns.value / 1000000u % 1000u);
	else
		snprintf(buffer, FORMAT_SIZE, "-");
}

static bool add_row(struct stats *stats, const char *name, struct json_object *vcpu)
{
	char cells[N_COLUMNS][FORMAT_SIZE];
	struct amount used = amount_of(vcpu, "used"), ready = amount_of(vcpu, "ready");
	const char *row[N_COLUMNS] = {name};

	for (size_t i = 1; i < N_COLUMNS; i++)
		row[i] = cells[i];
	put_number(cells[1], amount_of(vcpu, "vcpu"));
	put_number(cells[2], amount_of(vcpu, "cpu"));
	put_time(cells[3], used);
	put_time(cells[4], ready);
	if (used.known && ready.known && used.value + ready.value > 0)
		snprintf(cells[5], FORMAT_SIZE, "%.0f%%",
			 100.0 * (double)ready.value / (double)(used.value + ready.value));
	else
		snprintf(cells[5], FORMAT_SIZE, "-");
	put_number(cells[6], amount_of_exits(vcpu));
	return table_add(stats->table, row);
}

static bool add_vm(struct stats *stats, struct json_object *document)
{
	struct json_object *vcpus = NULL, *label = NULL;

	json_object_object_get_ex(document, "name", &label);
	json_object_object_get_ex(document, "vcpus", &vcpus);
	const char *name = label ? json_object_get_string(label) : "-";
	for (size_t i = 0; vcpus && i < json_object_array_length(vcpus); i++) {
		struct json_object *vcpu = json_object_array_get_idx(vcpus, i);

		if (!add_row(stats, name, vcpu))
			return false;
	}
	stats_hints_add(document, stats->hints);
	return true;
}

static int stats_one(struct cli *cli, const char *name, const void *context)
{
	struct stats *stats = *(struct stats *const *)context;
	int r = EXIT_DONE;
	char *text;

	if (hvctl_statistics(cli->h, name, &text) < 0)
		return report_error(cli->h);
	struct json_object *document = json_tokener_parse(text);
	free(text);
	if (!json_object_is_type(document, json_type_object)) {
		r = report(EXIT_FAILED,
			   "vmmsd's counters of %s are not a JSON object; use the same version of "
			   "hvctl and vmmsd",
			   name);
	} else if (stats->json) {
		fputs(stats->printed > 0 ? ",\n  " : "[\n  ", stdout);
		json_put_document(stdout, document, 2);
	} else if (!add_vm(stats, document)) {
		r = report(EXIT_FAILED, "out of memory");
	}
	if (r == EXIT_DONE)
		stats->printed++;
	json_object_put(document);
	return r;
}

static void print_end(struct stats *stats)
{
	if (stats->json) {
		fputs(stats->printed > 0 ? "\n]\n" : "[]\n", stdout);
		return;
	}
	if (stats->printed > 0)
		table_print(stats->table);
	for (size_t i = 0; i < json_object_array_length(stats->hints); i++) {
		text_print(stdout,
			   json_object_get_string(json_object_array_get_idx(stats->hints, i)));
		putchar('\n');
	}
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {.format = "table"};
	struct stats stats = {0}, *context = &stats;

	int r = options_parse(cli, &cmd_stats, &o, argc, argv);
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	stats.json = strcmp(o.format, "json") == 0;
	stats.table = table_new(columns, N_COLUMNS);
	stats.hints = json_object_new_array();
	if (!stats.table)
		r = report(EXIT_FAILED, "out of memory");
	else if (cli->n_names > 0)
		r = batch_calls(cli, stats_one, &context);
	else
		r = batch_running(cli, stats_one, &context);
	if (stats.table)
		print_end(&stats);
	table_free(stats.table);
	json_object_put(stats.hints);
	return r;
}

const struct command cmd_stats = {
	.name = "stats",
	.arguments = "[NAME...]",
	.summary = "Show what the processors of running VMs use and wait for",
	.details =
		"USED: on a CPU; READY: it could run and waited for one. Counted from the start.",
	.example = "hvctl stats\nhvctl stats web1 -o json",
	.options = options,
	.max_names = -1,
	.run = run,
};
