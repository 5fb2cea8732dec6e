/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beside speed.c, since vmworker-translate has no partition. */
#include <json-c/json.h>

#include "speed.h"

static void add(struct json_object *object, const char *name, int64_t speed)
{
	if (speed != SPEED_UNKNOWN)
		json_object_object_add(object, name, json_object_new_int64(speed));
}

struct json_object *speed_to_json(const struct speed *speed)
{
	struct json_object *object = json_object_new_object();

	add(object, "kernel", speed->kernel);
	add(object, "user", speed->user);
	return object;
}
