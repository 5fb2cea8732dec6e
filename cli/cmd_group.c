// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "output.h"

struct options {
	const char *format, *parent, *cpus;
	struct number cap, weight;
};

static const struct option_spec options[] = {
	{"parent", 0, OPTION_TEXT, "NAME", "the group that it is in, or none",
	 offsetof(struct options, parent)},
	{"cap", 0, OPTION_NUMBER, "PCT", "at most this much of a CPU for all; 0: any",
	 offsetof(struct options, cap)},
	{"cpus", 0, OPTION_TEXT, "LIST", "host CPUs that its VMs may use: 0-3,8 or all",
	 offsetof(struct options, cpus)},
	{"weight", 0, OPTION_NUMBER, "N", "share of all against what is beside it, 1 to 10000",
	 offsetof(struct options, weight)},
	{"output", 'o', OPTION_CHOICE, "table|json|name", "how list and show print them",
	 offsetof(struct options, format)},
	{0},
};

static const struct column columns[] = {
	{"GROUP", COLUMN_SHRINK}, {"PARENT", COLUMN_SHRINK}, {"WEIGHT", COLUMN_RIGHT},
	{"CAP", COLUMN_RIGHT},	  {"CPUS", COLUMN_SHRINK},   {"VMS", COLUMN_SHRINK},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* "-" stands for what is not given. */
static const char *text_of(struct json_object *group, const char *key)
{
	struct json_object *value = json_object_object_get(group, key);

	return value ? json_object_get_string(value) : "-";
}

static char *names_of(struct json_object *group)
{
	struct json_object *vms = json_object_object_get(group, "vms");
	size_t n = json_object_is_type(vms, json_type_array) ? json_object_array_length(vms) : 0;
	char *text = NULL;
	size_t size;

	FILE *stream = open_memstream(&text, &size);
	if (!stream)
		return NULL;
	for (size_t i = 0; i < n; i++)
		fprintf(stream, "%s%s", i > 0 ? "," : "",
			json_object_get_string(json_object_array_get_idx(vms, i)));
	if (n == 0)
		fputs("-", stream);
	fclose(stream);
	return text;
}

static bool add_row(struct table *table, struct json_object *group)
{
	char cap[FORMAT_SIZE];
	char *vms = names_of(group);
	bool capped = json_object_object_get(group, "cap") != NULL;

	snprintf(cap, sizeof(cap), "%s%s", text_of(group, "cap"), capped ? "%" : "");
	const char *const cells[N_COLUMNS] = {
		text_of(group, "name"),	  text_of(group, "parent"),
		text_of(group, "weight"), cap,
		text_of(group, "cpus"),	  vms,
	};
	bool ok = vms && table_add(table, cells);
	free(vms);
	return ok;
}

static int print_list(struct json_object *list, const char *format)
{
	struct table *table = table_new(columns, N_COLUMNS);
	size_t n = json_object_array_length(list);
	bool ok = table != NULL;

	for (size_t i = 0; ok && i < n; i++) {
		struct json_object *group = json_object_array_get_idx(list, i);

		if (strcmp(format, "name") == 0)
			printf("%s\n", text_of(group, "name"));
		else
			ok = add_row(table, group);
	}
	if (ok && n > 0 && strcmp(format, "table") == 0)
		table_print(table);
	table_free(table);
	return ok ? EXIT_DONE : report(EXIT_FAILED, "out of memory");
}

static int print(struct json_object *value, const char *format, bool one)
{
	if (strcmp(format, "json") == 0) {
		if (!one && json_object_array_length(value) == 0)
			fputs("[]", stdout); /* as "list" does */
		else
			json_put_document(stdout, value, 0);
		putchar('\n');
		return EXIT_DONE;
	}
	if (!one)
		return print_list(value, format);
	if (strcmp(format, "name") == 0)
		printf("%s\n", text_of(value, "name"));
	else
		json_render(stdout, value);
	return EXIT_DONE;
}

static struct json_object *find(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *group = json_object_array_get_idx(list, i);

		if (strcmp(text_of(group, "name"), name) == 0)
			return group;
	}
	return NULL;
}

/* name NULL: all of them. */
static int show(struct cli *cli, const struct options *o, const char *name)
{
	struct json_object *list, *shown;
	char *text;
	int r;

	if (hvctl_groups(cli->h, &text) < 0)
		return report_error(cli->h);
	list = json_tokener_parse(text);
	free(text);
	if (!json_object_is_type(list, json_type_array))
		r = report(EXIT_FAILED, "vmmsd's list of groups is not a JSON array; use the same "
					"version of hvctl and vmmsd");
	else if (!name)
		r = print(list, o->format, false);
	else if ((shown = find(list, name)))
		r = print(shown, o->format, true);
	else
		r = report(EXIT_NO_SUCH_VM, "there is no CPU group '%s'; see 'hvctl group list'",
			   QUOTE(name));
	json_object_put(list);
	return r;
}

static void put_text(struct json_object *object, const char *key, const char *value,
		     const char *nothing)
{
	if (value)
		json_object_object_add(object, key,
				       strcmp(value, nothing) == 0 ? NULL
								   : json_object_new_string(value));
}

/* Of a new group, or a patch in which null takes a member away. */
static struct json_object *document(const struct options *o)
{
	struct json_object *object = json_object_new_object();

	put_text(object, "parent", o->parent, "none");
	put_text(object, "cpus", o->cpus, "all");
	if (o->cap.set)
		json_object_object_add(object, "cap",
				       o->cap.value ? json_object_new_uint64(o->cap.value) : NULL);
	if (o->weight.set)
		json_object_object_add(object, "weight", json_object_new_uint64(o->weight.value));
	return object;
}

static int create(struct cli *cli, const struct options *o, const char *name)
{
	static const char *const optional[] = {"parent", "cpus", "cap"};
	struct json_object *object = document(o);

	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
		if (!json_object_object_get(object, optional[i]))
			json_object_object_del(object, optional[i]);
	}
	json_object_object_add(object, "name", json_object_new_string(name));
	int r = hvctl_define_group(cli->h, json_object_to_json_string(object));
	json_object_put(object);
	return r < 0 ? report_error(cli->h) : EXIT_DONE;
}

static int edit(struct cli *cli, const struct options *o, const char *name)
{
	struct json_object *patch = document(o);
	int r;

	if (json_object_object_length(patch) == 0)
		r = report_usage(&cmd_group, "nothing to change was given");
	else if (hvctl_edit_group(cli->h, name, json_object_to_json_string(patch)) < 0)
		r = report_error(cli->h);
	else
		r = EXIT_DONE;
	json_object_put(patch);
	return r;
}

static int delete (struct cli *cli, const struct options *o, const char *name)
{
	(void)o;
	return hvctl_delete_group(cli->h, name) < 0 ? report_error(cli->h) : EXIT_DONE;
}

static const struct {
	const char *name;
	int min_names, max_names; /* behind the word itself */
	bool changes;		  /* it takes the options on what a group has */
	int (*run)(struct cli *cli, const struct options *o, const char *name);
} actions[] = {
	{"list", 0, 0, false, show},	 {"show", 1, 1, false, show},
	{"create", 1, 1, true, create},	 {"edit", 1, 1, true, edit},
	{"delete", 1, 1, false, delete},
};

static int run(struct cli *cli, int argc, char **argv)
{
	struct options o = {.format = "table"};

	int r = options_parse(cli, &cmd_group, &o, argc, argv);
	if (r >= 0)
		return r;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, cli->names[0]) != 0)
			continue;
		int n = cli->n_names - 1;
		if (n < actions[i].min_names || n > actions[i].max_names)
			return report_usage(&cmd_group, "'group %s' takes %s", actions[i].name,
					    actions[i].max_names ? "the name of one group"
								 : "no name");
		if (!actions[i].changes && (o.parent || o.cpus || o.cap.set || o.weight.set))
			return report_usage(&cmd_group,
					    "'group %s' takes none of --parent, --cap, --cpus and "
					    "--weight",
					    actions[i].name);
		r = cli_open(cli);
		return r >= 0 ? r : actions[i].run(cli, &o, n > 0 ? cli->names[1] : NULL);
	}
	return report_usage(&cmd_group, "'%s' is none of list, show, create, edit and delete",
			    QUOTE(cli->names[0]));
}

const struct command cmd_group = {
	.name = "group",
	.arguments = "list|show|create|edit|delete [NAME]",
	.summary = "CPU groups: a cap, CPUs and a weight for several VMs",
	.details = "A VM is put into one with 'hvctl edit NAME --group GROUP'. Groups can be in\n"
		   "each other, and edited while their VMs run.",
	.example = "hvctl group create web --cap 150 --weight 200\n"
		   "hvctl edit web1 web2 --group web\n"
		   "hvctl group edit web --cap 300",
	.options = options,
	.min_names = 1,
	.max_names = 2,
	.run = run,
};
