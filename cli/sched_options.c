// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sched_options.h"

#include <stdlib.h>
#include <string.h>

bool sched_options_given(const struct sched_options *o)
{
	return o->weight.set || o->device_weight.set || o->limit.set || o->reserve.set ||
	       o->affinity || o->vcpu_affinity || o->numa_node || o->placement || o->topology ||
	       o->core || o->group || o->latency || o->exclusive || o->no_exclusive ||
	       o->background || o->no_background;
}

/* Numbers go through as they are: the service knows the ranges and says the JSON path. */
static void put_number(struct json_object *object, const char *key, struct number number)
{
	if (number.set)
		json_object_object_add(object, key, json_object_new_uint64(number.value));
}

/* 0 takes the member away. */
static void put_number_or_none(struct json_object *object, const char *key, struct number number)
{
	if (number.set && number.value == 0)
		json_object_object_add(object, key, NULL);
	else
		put_number(object, key, number);
}

/* `nothing` is the word that takes the member away. */
static void put_text(struct json_object *object, const char *key, const char *value,
		     const char *nothing)
{
	if (value)
		json_object_object_add(object, key,
				       strcmp(value, nothing) == 0 ? NULL
								   : json_object_new_string(value));
}

static int put_flag(const struct command *command, struct json_object *object, const char *key,
		    bool yes, bool no)
{
	if (yes && no)
		return report_usage(command, "--%s and --no-%s exclude each other", key, key);
	if (yes || no)
		json_object_object_add(object, key, json_object_new_boolean(yes));
	return -1;
}

/* "0,4:1,5": one list for each processor. */
static void put_lists(struct json_object *object, const char *value)
{
	struct json_object *lists;

	if (!value)
		return;
	if (strcmp(value, "all") == 0) {
		json_object_object_add(object, "vcpuAffinity", NULL);
		return;
	}
	lists = json_object_new_array();
	for (;;) {
		size_t length = strcspn(value, ":");

		json_object_array_add(lists, json_object_new_string_len(value, (int)length));
		if (!value[length])
			break;
		value += length + 1;
	}
	json_object_object_add(object, "vcpuAffinity", lists);
}

static int put_node(const struct command *command, struct json_object *object, const char *value)
{
	uint64_t node;

	if (!value)
		return -1;
	if (strcmp(value, "any") == 0)
		json_object_object_add(object, "numaNode", NULL);
	else if (parse_number(value, &node))
		json_object_object_add(object, "numaNode", json_object_new_uint64(node));
	else
		return report_usage(command, "--numa-node needs a whole number or any, not '%s'",
				    QUOTE(value));
	return -1;
}

#define LATENCY_LOW                                                                  \
	20 /* microseconds: what the shallowest idle states of processors stay below \
	    */

static int put_latency(const struct command *command, struct json_object *object, const char *value)
{
	uint64_t latency = LATENCY_LOW;

	if (!value)
		return -1;
	if (strcmp(value, "normal") == 0)
		json_object_object_add(object, "latency", NULL);
	else if (strcmp(value, "low") == 0 || parse_number(value, &latency))
		json_object_object_add(object, "latency", json_object_new_uint64(latency));
	else
		return report_usage(command,
				    "--latency needs low, normal or microseconds, not '%s'",
				    QUOTE(value));
	return -1;
}

static const char *const topology_keys[][2] = {
	{"sockets", "sockets"},
	{"cores", "cores"},
	{"threads", "threadsPerCore"},
};

/* One "key=number" of length bytes. */
static bool put_topology_part(struct json_object *topology, const char *part, size_t length)
{
	const char *equals = memchr(part, '=', length);
	char number[16];
	uint64_t count;

	if (!equals || length - (size_t)(equals - part) > sizeof(number))
		return false;
	size_t n = length - (size_t)(equals - part) - 1;
	memcpy(number, equals + 1, n);
	number[n] = '\0';
	for (size_t i = 0; i < sizeof(topology_keys) / sizeof(topology_keys[0]); i++) {
		const char *key = topology_keys[i][0];

		if (strlen(key) != (size_t)(equals - part) ||
		    strncmp(key, part, (size_t)(equals - part)) != 0 ||
		    json_object_object_get_ex(topology, topology_keys[i][1], NULL))
			continue;
		if (i == 2 && strcmp(number, "host") == 0)
			count = 0;
		else if (!parse_number(number, &count))
			return false;
		json_object_object_add(topology, topology_keys[i][1],
				       json_object_new_uint64(count));
		return true;
	}
	return false;
}

static int put_topology(const struct command *command, struct json_object *cpus, const char *value)
{
	struct json_object *topology;

	if (!value)
		return -1;
	if (strcmp(value, "none") == 0) {
		json_object_object_add(cpus, "topology", NULL);
		return -1;
	}
	topology = json_object_new_object();
	for (const char *part = strcmp(value, "host") == 0 ? "threads=host" : value;;) {
		size_t length = strcspn(part, ",");

		if (!put_topology_part(topology, part, length)) {
			json_object_put(topology);
			return report_usage(command,
					    "--topology is 'host', 'none', or like "
					    "'sockets=1,cores=2,threads=2', not '%s'",
					    QUOTE(value));
		}
		if (!part[length])
			break;
		part += length + 1;
	}
	/* In a patch: what is not given goes back to what it is without it. */
	for (size_t i = 0; i < sizeof(topology_keys) / sizeof(topology_keys[0]); i++) {
		if (!json_object_object_get_ex(topology, topology_keys[i][1], NULL) &&
		    command == &cmd_edit)
			json_object_object_add(topology, topology_keys[i][1], NULL);
	}
	json_object_object_add(cpus, "topology", topology);
	return -1;
}

/* null takes a member away in a patch; in a definition there is nothing to take away. */
static void drop_nulls(struct json_object *object)
{
	const char *empty[16];
	size_t n = 0;

	json_object_object_foreach (object, key, value) {
		if (!value && n < sizeof(empty) / sizeof(empty[0]))
			empty[n++] = key;
	}
	while (n > 0)
		json_object_object_del(object, empty[--n]);
}

int sched_options_apply(const struct command *command, const struct sched_options *o,
			struct json_object *cpus)
{
	struct json_object *object = json_object_new_object();
	int r;

	put_number(object, "weight", o->weight);
	put_number_or_none(object, "limit", o->limit);
	put_number_or_none(object, "deviceWeight", o->device_weight);
	put_number(object, "reserve", o->reserve);
	put_text(object, "affinity", o->affinity, "all");
	put_lists(object, o->vcpu_affinity);
	put_text(object, "group", o->group, "none");
	put_text(object, "placement", o->placement, "");
	put_text(object, "coreScheduling", o->core, "");
	r = put_flag(command, object, "exclusive", o->exclusive, o->no_exclusive);
	if (r < 0)
		r = put_flag(command, object, "background", o->background, o->no_background);
	if (r < 0)
		r = put_node(command, object, o->numa_node);
	if (r < 0)
		r = put_latency(command, object, o->latency);
	if (r < 0)
		r = put_topology(command, cpus, o->topology);
	if (command != &cmd_edit) {
		drop_nulls(object);
		drop_nulls(cpus);
	}
	if (r < 0 && json_object_object_length(object) > 0)
		json_object_object_add(cpus, "scheduling", object);
	else
		json_object_put(object);
	return r;
}
