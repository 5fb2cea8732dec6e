// SPDX-License-Identifier: LGPL-2.1-or-later
#include "placement_map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, name, &value);
	return value;
}

static size_t length(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* Whether "0-3,8" has it. What is not such a list has nothing. */
static bool list_has(const char *list, int64_t cpu)
{
	while (list && *list) {
		char *end;
		int64_t first = strtoll(list, &end, 10), last = first;

		if (end == list)
			return false;
		if (*end == '-')
			last = strtoll(end + 1, &end, 10);
		if (cpu >= first && cpu <= last)
			return true;
		list = *end == ',' ? end + 1 : NULL;
	}
	return false;
}

/* Siblings beside each other: by socket, by core, then by number. */
static int compare_cpus(const void *a, const void *b)
{
	static const char *const keys[] = {"socket", "core", "cpu"};
	struct json_object *x = *(struct json_object *const *)a;
	struct json_object *y = *(struct json_object *const *)b;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		int64_t s = json_object_get_int64(member(x, keys[i]));
		int64_t t = json_object_get_int64(member(y, keys[i]));

		if (s != t)
			return s < t ? -1 : 1;
	}
	return 0;
}

static void copy(struct json_object *to, struct json_object *from, const char *name)
{
	json_object_object_add(to, name, json_object_get(member(from, name)));
}

struct json_object *placement_map_new(struct json_object *host)
{
	static const char *const names[] = {"cpu", "socket", "core", "node", "siblings"};
	struct json_object *topology = member(host, "topology"), *from = member(topology, "cpus");
	struct json_object *map, *cpus;

	if (length(from) == 0)
		return NULL;
	map = json_object_new_object();
	cpus = json_object_new_array();
	copy(map, topology, "online");
	copy(map, topology, "offline");
	for (size_t i = 0; i < length(from); i++) {
		struct json_object *cpu = json_object_new_object();

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			copy(cpu, json_object_array_get_idx(from, i), names[k]);
		json_object_object_add(cpu, "vcpus", json_object_new_array());
		json_object_object_add(cpu, "vms", json_object_new_array());
		json_object_array_add(cpus, cpu);
	}
	json_object_array_sort(cpus, compare_cpus);
	json_object_object_add(map, "cpus", cpus);
	json_object_object_add(map, "unbound", json_object_new_array());
	return map;
}

static void add_vcpu(struct json_object *cpu, struct json_object *name, struct json_object *vcpu)
{
	struct json_object *one = json_object_new_object();

	json_object_object_add(one, "vm", json_object_get(name));
	json_object_object_add(one, "vcpu", json_object_get(member(vcpu, "vcpu")));
	json_object_array_add(member(cpu, "vcpus"), one);
}

void placement_map_add(struct json_object *map, struct json_object *description,
		       struct json_object *statistics)
{
	struct json_object *name = member(description, "name"), *cpus = member(map, "cpus");
	struct json_object *vcpus = member(statistics, "vcpus");
	const char *bound =
		json_object_get_string(member(member(description, "scheduling"), "cpus"));
	const char *online = json_object_get_string(member(map, "online"));
	bool anywhere = !bound || (online && strcmp(bound, online) == 0);

	if (anywhere)
		json_object_array_add(member(map, "unbound"), json_object_get(name));
	for (size_t i = 0; i < length(cpus); i++) {
		struct json_object *cpu = json_object_array_get_idx(cpus, i);
		int64_t number = json_object_get_int64(member(cpu, "cpu"));

		if (!anywhere && list_has(bound, number))
			json_object_array_add(member(cpu, "vms"), json_object_get(name));
		for (size_t k = 0; k < length(vcpus); k++) {
			struct json_object *vcpu = json_object_array_get_idx(vcpus, k);
			struct json_object *on = member(vcpu, "cpu");

			if (on && json_object_get_int64(on) == number)
				add_vcpu(cpu, name, vcpu);
		}
	}
}

/* ---- as a table ------------------------------------------------------------------------------ */

static const struct column columns[] = {
	{"SOCKET", COLUMN_RIGHT},    {"CORE", COLUMN_RIGHT},	    {"CPU", COLUMN_RIGHT},
	{"RAN LAST", COLUMN_SHRINK}, {"BOUND HERE", COLUMN_SHRINK},
};

#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* "web1/0,web1/1", or the names alone; "-" for none. free(). */
static char *words(struct json_object *array, bool of_vcpus)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	for (size_t i = 0; i < length(array); i++) {
		struct json_object *one = json_object_array_get_idx(array, i);
		const char *name = json_object_get_string(of_vcpus ? member(one, "vm") : one);

		fprintf(stream, "%s%s", i > 0 ? "," : "", name ? name : "-");
		if (of_vcpus)
			fprintf(stream, "/%" PRId64, json_object_get_int64(member(one, "vcpu")));
	}
	if (length(array) == 0)
		fputc('-', stream);
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}

static bool put_cpu(struct table *table, struct json_object *cpu)
{
	char *vcpus = words(member(cpu, "vcpus"), true), *vms = words(member(cpu, "vms"), false);
	const char *texts[N_COLUMNS] = {json_object_get_string(member(cpu, "socket")),
					json_object_get_string(member(cpu, "core")),
					json_object_get_string(member(cpu, "cpu")), vcpus, vms};
	bool done = vcpus && vms;

	for (size_t i = 0; i < 3; i++)
		texts[i] = texts[i] ? texts[i] : "-";
	done = done && table_add(table, texts);
	free(vcpus);
	free(vms);
	return done;
}

bool placement_map_print(struct json_object *map)
{
	struct table *table = table_new(columns, N_COLUMNS);
	struct json_object *cpus = member(map, "cpus"), *unbound = member(map, "unbound");
	const char *offline = json_object_get_string(member(map, "offline"));
	bool done = table != NULL;

	for (size_t i = 0; done && i < length(cpus); i++)
		done = put_cpu(table, json_object_array_get_idx(cpus, i));
	char *names = words(unbound, false);
	done = done && names;
	if (done)
		table_print(table);
	if (done && length(unbound) > 0) {
		fputs("On any CPU: ", stdout);
		text_print(stdout, names);
		putchar('\n');
	}
	if (done && offline && offline[0]) {
		fputs("Offline: ", stdout);
		text_print(stdout, offline);
		putchar('\n');
	}
	free(names);
	table_free(table);
	return done;
}
