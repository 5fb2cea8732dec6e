/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* $.disks of a definition. */
#include <string.h>

#include "definition_json.h"
#include "definition_member.h"
#include "json_text.h"
#include "service_error.h"

#define CONTROLLERS    4u /* the schema has these bounds, too */
#define LUNS	       64u
#define PATH_MAX_BYTES 4095u

static const char *const format_names[] = {
	[DISK_FORMAT_RAW] = "raw",
	[DISK_FORMAT_QCOW2] = "qcow2",
	[DISK_FORMAT_VHD] = "vhd",
	[DISK_FORMAT_VHDX] = "vhdx",
};

static const char *const cache_names[] = {
	[DISK_CACHE_WRITEBACK] = "writeback",
	[DISK_CACHE_WRITETHROUGH] = "writethrough",
	[DISK_CACHE_NONE] = "none",
	[DISK_CACHE_UNSAFE] = "unsafe",
};

const char *definition_disk_format_name(enum disk_format format)
{
	return format_names[format];
}

bool definition_fail_device(GError **error, const char *list, size_t index, const char *name,
			    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
		    "definition: $.%s[%zu].%s: %s", list, index, name, what);
	return false;
}

static bool is_read_only(struct json_object *disk)
{
	return json_object_get_boolean(member(disk, "readOnly"));
}

static bool is_dvd(struct json_object *disk)
{
	return g_str_equal(text(disk, "type"), "dvd");
}

static bool check_path(struct json_object *disks, size_t index, GError **error)
{
	struct json_object *disk = json_object_array_get_idx(disks, index);
	const char *path = text(disk, "path");

	if (strlen(path) > PATH_MAX_BYTES)
		return definition_fail_device(error, "disks", index, "path",
					      "has %zu bytes, more than the %u allowed",
					      strlen(path), PATH_MAX_BYTES);
	for (size_t i = 0; i < index; i++) {
		struct json_object *other = json_object_array_get_idx(disks, i);
		if (!g_str_equal(text(other, "path"), path) ||
		    (is_read_only(disk) && is_read_only(other)))
			continue;
		g_autofree char *shown = json_text_excerpt(path);
		return definition_fail_device(
			error, "disks", index, "path",
			"\"%s\" is the image of $.disks[%zu] already; give another, or make "
			"both readOnly",
			shown, i);
	}
	return true;
}

/* Which element of $.disks is at an address; 0: none, else its index + 1. */
struct addresses {
	size_t taken[CONTROLLERS][LUNS];
};

static bool take_address(struct addresses *addresses, struct json_object *disk, size_t index,
			 GError **error)
{
	uint32_t controller = number(disk, "controller"), lun = number(disk, "lun");
	size_t *taken = &addresses->taken[controller][lun];

	if (*taken)
		return definition_fail_device(
			error, "disks", index, "lun",
			"controller %u, LUN %u is the address of $.disks[%zu] already; give "
			"another, or leave lun out to get a free one",
			controller, lun, *taken - 1);
	*taken = index + 1;
	return true;
}

/* There are no more disks than LUNs on a controller, so one is free. */
static void give_address(struct addresses *addresses, struct json_object *disk, size_t index)
{
	size_t *taken = addresses->taken[number(disk, "controller")];
	int lun = 0;

	while (taken[lun])
		lun++;
	taken[lun] = index + 1;
	(void)json_object_object_add(disk, "lun", json_object_new_int(lun));
}

static bool refine_addresses(struct json_object *disks, GError **error)
{
	struct addresses addresses = {0};
	size_t n = json_object_array_length(disks);

	/* Those that are asked for go first. */
	for (size_t i = 0; i < n; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		if (member(disk, "lun") && !take_address(&addresses, disk, i, error))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		if (!member(disk, "lun"))
			give_address(&addresses, disk, i);
	}
	return true;
}

bool definition_disks_refine(struct json_object *complete, GError **error)
{
	struct json_object *disks = member(complete, "disks");

	for (size_t i = 0; i < json_object_array_length(disks); i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		g_autoptr(GError) local = NULL;

		if (is_dvd(disk))
			(void)json_object_object_add(disk, "readOnly",
						     json_object_new_boolean(true));
		if (!check_path(disks, i, error))
			return false;
		if (!definition_refine_bandwidth(disk, &local))
			return definition_fail_device(error, "disks", i, "bandwidth", "%s",
						      local->message);
	}
	return refine_addresses(disks, error);
}

void definition_disks_convert(struct definition *definition, struct json_object *complete)
{
	struct json_object *disks = member(complete, "disks");

	definition->n_disks = json_object_array_length(disks);
	definition->disks = g_new0(struct definition_disk, definition->n_disks);
	for (size_t i = 0; i < definition->n_disks; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		definition->disks[i] = (struct definition_disk){
			.path = g_strdup(text(disk, "path")),
			.format = choice(disk, "format", format_names, G_N_ELEMENTS(format_names)),
			.dvd = is_dvd(disk),
			.read_only = is_read_only(disk),
			.cache = choice(disk, "cache", cache_names, G_N_ELEMENTS(cache_names)),
			.discard = json_object_get_boolean(member(disk, "discard")),
			.controller = number(disk, "controller"),
			.lun = number(disk, "lun"),
		};
	}
}

void definition_disks_clear(struct definition *definition)
{
	for (size_t i = 0; i < definition->n_disks; i++)
		g_free(definition->disks[i].path);
	g_free(definition->disks);
}
