/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk_counters.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "emulator_monitor.h"

static const struct {
	const char *name;
	const char *of[4]; /* QEMU's, the sum of which it is */
} counters[] = {
	{"reads", {"rd_operations"}},
	{"writes", {"wr_operations"}},
	{"flushes", {"flush_operations"}},
	{"discards", {"unmap_operations"}},
	{"readBytes", {"rd_bytes"}},
	{"writtenBytes", {"wr_bytes"}},
	{"errors",
	 {"failed_rd_operations", "failed_wr_operations", "failed_flush_operations",
	  "failed_unmap_operations"}},
};

/* By its name, or by its path among QEMU's objects, in which that stands. */
static gboolean is_device(const char *qdev, const char *id)
{
	const char *at = qdev ? strstr(qdev, id) : NULL;
	char behind = at ? at[strlen(id)] : 'x';

	return at && (at == qdev || at[-1] == '/') && (behind == 0 || behind == '/');
}

static gboolean find_disk(const char *qdev, const struct engine_devices *devices, size_t *ret)
{
	for (size_t i = 0; i < devices->n_disks; i++) {
		char id[EMULATOR_MONITOR_DISK_ID];

		emulator_monitor_disk_id(&devices->disks[i], i, id);
		if (is_device(qdev, id)) {
			*ret = i;
			return TRUE;
		}
	}
	return FALSE;
}

static uint64_t sum_of(json_object *stats, const char *const names[4])
{
	uint64_t sum = 0;

	for (size_t i = 0; i < 4 && names[i]; i++) {
		json_object *value = NULL;

		if (json_object_object_get_ex(stats, names[i], &value))
			sum += json_object_get_uint64(value);
	}
	return sum;
}

static void visit_device(json_object *device, const struct engine_devices *devices,
			 engine_counter_visit visit, void *context)
{
	json_object *qdev = NULL, *stats = NULL;
	size_t index;

	if (!json_object_object_get_ex(device, "qdev", &qdev) ||
	    !json_object_object_get_ex(device, "stats", &stats) ||
	    !find_disk(json_object_get_string(qdev), devices, &index))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(counters); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "disk.%zu.%s", index, counters[i].name);
		visit(context, name, sum_of(stats, counters[i].of));
	}
}

gboolean disk_counters_read(const char *answer, const struct engine_devices *devices,
			    engine_counter_visit visit, void *context)
{
	json_object *root = json_tokener_parse(answer), *list = NULL;
	gboolean is = json_object_object_get_ex(root, "return", &list) &&
		      json_object_is_type(list, json_type_array);

	for (size_t i = 0; is && i < json_object_array_length(list); i++)
		visit_device(json_object_array_get_idx(list, i), devices, visit, context);
	json_object_put(root);
	return is;
}
