/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definition_devices.h"

#include <json-c/json.h>
#include <string.h>

#include "definition_fields.h"

#define PATH_MAX_     4095u
#define BANDWIDTH_MAX (1ull << 40)

/* The enums of engine_devices.h in the words of the definition. */
static const char *const formats[] = {"raw", "qcow2", "vhd", "vhdx", NULL};
static const char *const kinds[] = {"disk", "dvd", NULL};
static const char *const caches[] = {"writeback", "writethrough", "none", "unsafe", NULL};
static const char *const errors[] = {"report", "pause", NULL};
static const char *const nic_types[] = {"user", "bridge", "private", "none", NULL};

void device_list_init(struct device_list *list)
{
	*list = (struct device_list){.enlightenments_off = ENGINE_ENLIGHTENMENTS_OFF_DEFAULT};
}

static void disk_clear(struct engine_disk *disk)
{
	g_free((char *)disk->path);
	g_free((char *)disk->serial);
}

void device_list_clear(struct device_list *list)
{
	for (size_t i = 0; i < list->n_disks; i++)
		disk_clear(&list->disks[i]);
	g_free(list->disks);
	g_free(list->nics);
	device_list_init(list);
}

/* The elements of an array of objects, at most max. */
static gboolean array_length(struct json_object *value, size_t max, const char *path, size_t *ret,
			     GError **error)
{
	if (!json_object_is_type(value, json_type_array))
		return field_fault(error, path, "this is not an array; give one");
	*ret = json_object_array_length(value);
	if (*ret > max)
		return field_fault(error, path, "there are %zu; give at most %zu", *ret, max);
	return TRUE;
}

/* ---- disks ----------------------------------------------------------------------------------- */

struct disk_text {
	char *path, *serial;
	unsigned int format, kind, cache, on_error;
	bool read_only, discard;
	uint64_t iops, bandwidth, controller, lun;
};

#define FIELD(struct_, member_, kind_, ...) \
	.kind = (kind_), .offset = offsetof(struct_, member_), ##__VA_ARGS__
#define DISK(member_, kind_, ...) FIELD(struct disk_text, member_, kind_, ##__VA_ARGS__)

static const struct field disk_fields[] = {
	{"path", DISK(path, FIELD_TEXT, .max = PATH_MAX_, .required = true)},
	{"format", DISK(format, FIELD_CHOICE, .choices = formats)},
	{"type", DISK(kind, FIELD_CHOICE, .choices = kinds)},
	{"readOnly", DISK(read_only, FIELD_FLAG)},
	{"cache", DISK(cache, FIELD_CHOICE, .choices = caches)},
	{"discard", DISK(discard, FIELD_FLAG)},
	{"serial", DISK(serial, FIELD_TEXT, .max = 36)},
	{"iops", DISK(iops, FIELD_NUMBER, .max = 10000000)},
	{"bandwidth", DISK(bandwidth, FIELD_NUMBER, .max = BANDWIDTH_MAX)},
	{"onError", DISK(on_error, FIELD_CHOICE, .choices = errors)},
	{"controller", DISK(controller, FIELD_NUMBER, .max = 3)},
	{"lun", DISK(lun, FIELD_NUMBER, .max = 63, .required = true)},
};

static gboolean disk_check(const struct device_list *list, const struct disk_text *text,
			   const char *path, GError **error)
{
	if (text->path[0] != '/')
		return field_fault(error, path, "the path is not absolute; begin it with /");
	if (text->kind == 1 && !text->read_only)
		return field_fault(error, path, "a DVD is not read-only; make it so");
	for (size_t i = 0; i < list->n_disks; i++) {
		if (list->disks[i].controller == text->controller &&
		    list->disks[i].lun == text->lun)
			return field_fault(error, path,
					   "it has the address of $.disks[%zu]; give another", i);
	}
	return TRUE;
}

/* Takes the strings, also when it fails. */
static gboolean disk_add(struct device_list *list, struct disk_text *text, const char *path,
			 GError **error)
{
	struct engine_disk disk = {
		.fd = -1,
		.life_fd = -1,
		.path = text->path,
		.format = (enum engine_disk_format)text->format,
		.cache = (enum engine_disk_cache)text->cache,
		.on_error = (enum engine_disk_error)text->on_error,
		.dvd = text->kind == 1,
		.read_only = text->read_only,
		.discard = text->discard,
		.serial = text->serial,
		.controller = (uint32_t)text->controller,
		.lun = (uint32_t)text->lun,
		.iops = text->iops,
		.bandwidth = text->bandwidth,
	};

	if (!disk_check(list, text, path, error)) {
		disk_clear(&disk);
		return FALSE;
	}
	list->disks[list->n_disks++] = disk;
	return TRUE;
}

gboolean device_list_read_disks(struct device_list *list, struct json_object *value,
				const char *path, GError **error)
{
	size_t n = 0;

	if (!array_length(value, VMMS_MAX_DISKS, path, &n, error))
		return FALSE;
	list->disks = g_new0(struct engine_disk, n);
	for (size_t i = 0; i < n; i++) {
		struct disk_text text = {.discard = true};
		g_autofree char *element = g_strdup_printf("%s[%zu]", path, i);
		if (!fields_read(&text, json_object_array_get_idx(value, i), element, disk_fields,
				 G_N_ELEMENTS(disk_fields), error)) {
			g_free(text.path);
			g_free(text.serial);
			return FALSE;
		}
		if (!disk_add(list, &text, element, error))
			return FALSE;
	}
	return TRUE;
}

void device_list_number(struct device_list *list, const char *uuid)
{
	for (size_t i = 0; i < list->n_disks; i++) {
		struct engine_disk *disk = &list->disks[i];
		if (!disk->serial)
			disk->serial = g_strdup_printf("vmms-%.8s-%u-%u", uuid, disk->controller,
						       disk->lun);
	}
}

/* ---- adapters -------------------------------------------------------------------------------- */

struct nic_text {
	unsigned int type;
	char *bridge, *network, *mac;
	bool connected;
	uint64_t mtu, bandwidth;
};

#define NIC(member_, kind_, ...) FIELD(struct nic_text, member_, kind_, ##__VA_ARGS__)

static const struct field nic_fields[] = {
	{"type", NIC(type, FIELD_CHOICE, .choices = nic_types, .required = true)},
	{"bridge", NIC(bridge, FIELD_TEXT, .max = 15)},
	{"network", NIC(network, FIELD_TEXT, .max = 64)},
	{"connected", NIC(connected, FIELD_FLAG)},
	{"mtu", NIC(mtu, FIELD_NUMBER, .min = 576, .max = 9000)},
	{"bandwidth", NIC(bandwidth, FIELD_NUMBER, .max = BANDWIDTH_MAX)},
	{"mac", NIC(mac, FIELD_TEXT, .max = 17, .required = true)},
};

gboolean device_mac_read(uint8_t mac[6], const char *text)
{
	if (strlen(text) != 17)
		return FALSE;
	for (size_t i = 0; i < 6; i++) {
		int high = g_ascii_xdigit_value(text[3 * i]);
		int low = g_ascii_xdigit_value(text[3 * i + 1]);
		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return FALSE;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return !(mac[0] & 1);
}

static gboolean nic_read(struct engine_nic *nic, struct json_object *value, const char *path,
			 GError **error)
{
	struct nic_text text = {.connected = true, .mtu = 1500};
	gboolean ok = fields_read(&text, value, path, nic_fields, G_N_ELEMENTS(nic_fields), error);

	*nic = (struct engine_nic){
		.type = (enum engine_nic_type)text.type,
		.connected = text.connected,
		.mtu = (uint32_t)text.mtu,
		.bandwidth = text.bandwidth,
	};
	if (ok && !device_mac_read(nic->mac, text.mac))
		ok = field_fault(error, path,
				 "mac is not a unicast address like 56:4d:53:00:00:01; mend it");
	g_free(text.bridge);
	g_free(text.network);
	g_free(text.mac);
	return ok;
}

gboolean device_list_read_nics(struct device_list *list, struct json_object *value,
			       const char *path, GError **error)
{
	size_t n = 0;

	if (!array_length(value, VMMS_MAX_NICS, path, &n, error))
		return FALSE;
	list->nics = g_new0(struct engine_nic, n);
	for (size_t i = 0; i < n; i++) {
		g_autofree char *element = g_strdup_printf("%s[%zu]", path, i);
		if (!nic_read(&list->nics[i], json_object_array_get_idx(value, i), element, error))
			return FALSE;
		list->n_nics = i + 1;
	}
	return TRUE;
}

/* ---- the hypervisor -------------------------------------------------------------------------- */

gboolean device_list_read_hypervisor(struct device_list *list, struct json_object *value,
				     const char *path, GError **error)
{
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	list->hidden = strcmp(text, "hidden") == 0;
	return list->hidden || strcmp(text, "visible") == 0 ||
	       field_fault(error, path, "this is neither visible nor hidden; give one of them");
}

gboolean device_list_read_enlightenments(struct device_list *list, struct json_object *value,
					 const char *path, GError **error)
{
	struct field fields[ENGINE_ENLIGHTENMENT_N];
	bool on[ENGINE_ENLIGHTENMENT_N];

	for (size_t i = 0; i < ENGINE_ENLIGHTENMENT_N; i++) {
		fields[i] = (struct field){
			.name = engine_enlightenment_name((enum engine_enlightenment)i),
			.kind = FIELD_FLAG,
			.offset = i * sizeof(on[0])};
		on[i] = !(ENGINE_ENLIGHTENMENTS_OFF_DEFAULT >> i & 1);
	}
	if (!fields_read(on, value, path, fields, ENGINE_ENLIGHTENMENT_N, error))
		return FALSE;
	list->enlightenments_off = 0;
	for (size_t i = 0; i < ENGINE_ENLIGHTENMENT_N; i++)
		list->enlightenments_off |= (uint32_t)!on[i] << i;
	return TRUE;
}

struct engine_devices device_list_engine(const struct device_list *list)
{
	return (struct engine_devices){
		.disks = list->disks,
		.n_disks = list->n_disks,
		.nics = list->nics,
		.n_nics = list->n_nics,
		.hidden = list->hidden,
		.enlightenments_off = list->enlightenments_off,
	};
}
