// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "output.h"

struct options {
	const char *format;
};

static const struct option_spec options[] = {
	{"output", 'o', OPTION_CHOICE, "table|json|name", "how to print them",
	 offsetof(struct options, format)},
	{0},
};

static const struct column columns[] = {
	{"NAME", COLUMN_SHRINK},  {"STATE", COLUMN_STATE},  {"CPUS", COLUMN_RIGHT},
	{"MEMORY", COLUMN_RIGHT}, {"UPTIME", COLUMN_RIGHT}, {"ENGINE", 0},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

static bool is_selected(const struct cli *cli, const hvctl_vm *vm, bool *used)
{
	bool selected = cli->n_names == 0;

	for (int i = 0; i < cli->n_names; i++) {
		if (fnmatch(cli->names[i], hvctl_vm_name(vm), 0) == 0 ||
		    strcmp(cli->names[i], hvctl_vm_uuid(vm)) == 0)
			selected = used[i] = true;
	}
	return selected;
}

static bool add_row(struct table *table, const hvctl_vm *vm)
{
	char cpus[FORMAT_SIZE], memory[FORMAT_SIZE], uptime[FORMAT_SIZE];
	const char *engine = hvctl_vm_engine(vm);

	snprintf(cpus, sizeof(cpus), "%u", hvctl_vm_cpus(vm));
	const char *const cells[N_COLUMNS] = {
		hvctl_vm_name(vm),
		hvctl_vm_state(vm),
		cpus,
		format_size(memory, hvctl_vm_memory(vm)),
		hvctl_vm_started(vm) ? format_duration(uptime, uptime_of(hvctl_vm_started(vm)))
				     : "-",
		engine[0] ? engine : "-",
	};
	return table_add(table, cells);
}

/* docs/json.md, "list". Written directly: there may be ten thousand. */
static void put_json(const hvctl_vm *vm, bool first)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{"name", hvctl_vm_name(vm)},	 {"uuid", hvctl_vm_uuid(vm)},
		{"state", hvctl_vm_state(vm)},	 {"reason", hvctl_vm_reason(vm)},
		{"engine", hvctl_vm_engine(vm)}, {"engineReason", hvctl_vm_engine_reason(vm)},
	};

	fputs(first ? "[\n  {" : ",\n  {", stdout);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		printf("\"%s\": ", texts[i].key);
		json_put_string(stdout, texts[i].value);
		fputs(", ", stdout);
	}
	printf("\"cpus\": %u, \"memory\": %llu, ", hvctl_vm_cpus(vm),
	       (unsigned long long)hvctl_vm_memory(vm));
	/* null, like those of Describe, when no worker runs it */
	if (hvctl_vm_started(vm))
		printf("\"uptime\": %llu, ", (unsigned long long)uptime_of(hvctl_vm_started(vm)));
	else
		printf("\"uptime\": null, ");
	if (hvctl_vm_worker_pid(vm))
		printf("\"workerPid\": %u, ", hvctl_vm_worker_pid(vm));
	else
		fputs("\"workerPid\": null, ", stdout);
	printf("\"autostart\": %s}", hvctl_vm_autostart(vm) ? "true" : "false");
}

static int print_list(struct cli *cli, const hvctl_list *list, const char *format, bool *used)
{
	bool json = strcmp(format, "json") == 0, names = strcmp(format, "name") == 0;
	struct table *table = table_new(columns, N_COLUMNS);
	size_t printed = 0;
	bool ok = table != NULL;

	for (size_t i = 0; ok && i < hvctl_list_size(list); i++) {
		const hvctl_vm *vm = hvctl_list_at(list, i);
		if (!is_selected(cli, vm, used))
			continue;
		if (names)
			printf("%s\n", hvctl_vm_name(vm));
		else if (json)
			put_json(vm, printed == 0);
		else
			ok = add_row(table, vm);
		printed++;
	}
	if (ok && json)
		fputs(printed > 0 ? "\n]\n" : "[]\n", stdout);
	else if (ok && !names && printed > 0)
		table_print(table);
	table_free(table);
	return ok ? EXIT_DONE : report(EXIT_FAILED, "out of memory");
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {.format = "table"};
	hvctl_list *list;

	int r = options_parse(cli, &cmd_list, &o, argc, argv);
	if (r < 0)
		r = cli_open(cli);
	if (r >= 0)
		return r;
	if (hvctl_list_vms(cli->h, &list) < 0)
		return report_error(cli->h);
	bool *used = calloc((size_t)cli->n_names + 1, sizeof(*used));
	r = used ? print_list(cli, list, o.format, used) : report(EXIT_FAILED, "out of memory");
	for (int i = 0; used && i < cli->n_names; i++) {
		if (!used[i] && !is_pattern(cli->names[i])) {
			int code = report(EXIT_NO_SUCH_VM, "there is no VM '%s'; see 'hvctl list'",
					  QUOTE(cli->names[i]));
			r = r == EXIT_DONE ? code : r;
		}
	}
	free(used);
	hvctl_list_free(list);
	return r;
}

const struct command cmd_list = {
	.name = "list",
	.arguments = "[PATTERN...]",
	.summary = "List virtual machines: state, processors, memory, uptime, engine",
	.details = "A PATTERN is a name, a uuid, or a name with * ? [...], quoted from the shell.",
	.example = "hvctl list\nhvctl list 'web*' -o json",
	.options = options,
	.max_names = -1,
	.run = run,
};
