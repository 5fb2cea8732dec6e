/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "definition_member.h"
#include "domain_import.h"
#include "import_part.h"

#define CONTROLLERS 4u
#define LUNS	    64u

static void refuse(struct importing *import, xmlNode *where, const char *attribute, const char *why)
{
	import_fail(import, where, attribute, XML_TREE_ERROR_NOT_SUPPORTED, "%s", why);
}

/* FALSE: there is no image, which is an empty drive or an error. */
static gboolean import_source(struct importing *import, xmlNode *disk, gboolean dvd,
			      struct json_object *to)
{
	g_autofree char *type = xml_take_attribute(disk, "type");
	gboolean block = g_strcmp0(type, "block") == 0;
	xmlNode *source = xml_take_child(disk, "source");
	g_autofree char *path = NULL;

	if (type && !block && !g_str_equal(type, "file")) {
		refuse(import, disk, "type", "its image is neither a file nor a block device");
		return FALSE;
	}
	path = xml_take_attribute(source, block ? "dev" : "file");
	if (path) {
		import_put_text(to, "path", path);
		return TRUE;
	}
	if (dvd)
		import_note(import, disk, NULL,
			    import->translated
				    ? "a drive without a medium is left out; hvctl edit --disk "
				      "brings a DVD"
				    : "a drive without a medium is left out; hvctl attach brings a "
				      "DVD");
	else
		refuse(import, disk, NULL, "it has no source");
	return FALSE;
}

static void import_driver(struct importing *import, xmlNode *disk, struct json_object *to)
{
	static const struct import_choice formats[] = {
		{"raw", "raw", NULL},
		{"qcow2", "qcow2", NULL},
		{"vpc", "vhd", NULL},
		{"vhdx", "vhdx", NULL},
		{NULL, NULL, "is not a format that vmms serves; convert the image with qemu-img"},
	};
	static const struct import_choice caches[] = {
		{"default", "writeback", NULL},
		{"writeback", "writeback", NULL},
		{"writethrough", "writethrough", NULL},
		{"none", "none", NULL},
		{"unsafe", "unsafe", NULL},
		{"directsync", "writethrough", "each write is flushed; the page cache is used"},
		{NULL, NULL, NULL},
	};
	static const struct import_choice policies[] = {
		{"report", "report", NULL},
		{"stop", "pause", NULL},
		{"enospace", "pause", "every error of the host pauses the machine"},
		{"ignore", "report", "the guest is told of errors"},
		{NULL, NULL, NULL},
	};
	xmlNode *driver = xml_take_child(disk, "driver");
	g_autofree char *format = xml_take_attribute(driver, "type");
	g_autofree char *cache = xml_take_attribute(driver, "cache");
	g_autofree char *policy = xml_take_attribute(driver, "error_policy");
	g_autofree char *discard = xml_take_attribute(driver, "discard");

	if (!driver)
		return;
	g_free(xml_take_attribute(driver, "name")); /* who opens it is no part of the machine */
	import_put_text(to, "format", import_choose(import, driver, "type", format, formats));
	import_put_text(to, "cache", import_choose(import, driver, "cache", cache, caches));
	import_put_text(to, "onError",
			import_choose(import, driver, "error_policy", policy, policies));
	if (discard)
		import_put_boolean(to, "discard", g_str_equal(discard, "unmap"));
}

static void import_limits(struct importing *import, xmlNode *disk, struct json_object *to)
{
	xmlNode *iotune = xml_take_child(disk, "iotune");
	g_autofree char *bytes = xml_take_text(iotune, "total_bytes_sec");
	g_autofree char *operations = xml_take_text(iotune, "total_iops_sec");
	uint64_t value;

	if (import_number(import, iotune, bytes, INT64_MAX, &value))
		import_put_number(to, "bandwidth", value);
	if (import_number(import, iotune, operations, INT64_MAX, &value))
		import_put_number(to, "iops", value);
}

/* Linux numbers disks by their bus; here all are sd. */
static gboolean root_is_on(struct importing *import, const char *bus)
{
	struct json_object *boot = json_object_object_get(import->definition, "boot");
	const char *cmdline =
		boot ? json_object_get_string(json_object_object_get(boot, "cmdline")) : NULL;

	if (!cmdline || import->given & DOMAIN_GIVEN_CMDLINE)
		return FALSE;
	return (g_str_equal(bus, "virtio") && strstr(cmdline, "/dev/vd")) ||
	       (g_str_equal(bus, "xen") && strstr(cmdline, "/dev/xvd")) ||
	       (g_str_equal(bus, "ide") && strstr(cmdline, "/dev/hd"));
}

/* As libvirt guesses it from the name; g_free. */
static char *guess_bus(const char *name)
{
	static const char *const buses[][2] = {{"vd", "virtio"}, {"hd", "ide"}, {"xvd", "xen"}};

	for (size_t i = 0; name && i < G_N_ELEMENTS(buses); i++) {
		if (g_str_has_prefix(name, buses[i][0]))
			return g_strdup(buses[i][1]);
	}
	return g_strdup("scsi");
}

/* TRUE: of the bus whose addresses are ours. */
static gboolean import_target(struct importing *import, xmlNode *disk)
{
	xmlNode *target = xml_take_child(disk, "target");
	g_autofree char *name = xml_take_attribute(target, "dev");
	g_autofree char *bus = xml_take_attribute(target, "bus");

	if (!bus)
		bus = guess_bus(name);
	if (g_str_equal(bus, "scsi"))
		return TRUE;
	if (root_is_on(import, bus))
		refuse(import, target, "bus",
		       "the kernel's command line names a disk of this bus, but disks are "
		       "/dev/sda, ... here; name the root by LABEL= or UUID=, with --cmdline for one");
	else
		import_note(import, target, "bus",
			    import->translated ? "all disks are on virtio-scsi controllers"
					       : "all disks are on VMBus' SCSI controllers");
	return FALSE;
}

static void import_address(struct importing *import, xmlNode *disk, gboolean scsi,
			   struct json_object *to)
{
	static const char *const names[] = {"controller", "bus", "target", "unit"};
	xmlNode *address = scsi ? xml_take_child(disk, "address") : NULL;
	g_autofree char *type = xml_take_attribute(address, "type");
	uint64_t n[G_N_ELEMENTS(names)] = {0};

	if (!address)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *text = xml_take_attribute(address, names[i]);
		(void)import_number(import, address, text, UINT32_MAX, &n[i]);
	}
	if (g_strcmp0(type, "drive") != 0 || n[0] >= CONTROLLERS || n[1] || n[2] || n[3] >= LUNS) {
		import_note(import, address, NULL,
			    "there are controllers 0 to 3 with units 0 to 63; it gets a free one");
		return;
	}
	import_put_number(to, "controller", n[0]);
	import_put_number(to, "lun", n[3]);
}

/* Writers that share an image have to know of each other. */
static void import_sharing(struct importing *import, xmlNode *disk, struct json_object *to)
{
	gboolean read_only = xml_take_child(disk, "readonly") != NULL;
	xmlNode *shareable = xml_take_child(disk, "shareable");

	if (read_only)
		import_put_boolean(to, "readOnly", TRUE);
	if (shareable && !read_only)
		refuse(import, shareable, NULL, "an image has one machine that writes to it");
}

void import_address_key(struct json_object *disk, char ret[IMPORT_ADDRESS])
{
	(void)g_snprintf(ret, IMPORT_ADDRESS, "%u.%u", number(disk, "controller"),
			 number(disk, "lun"));
}

static void import_serial(struct importing *import, xmlNode *disk, struct json_object *to)
{
	g_autofree char *serial = xml_take_text(disk, "serial");
	struct json_object *serials = NULL;
	char key[IMPORT_ADDRESS];

	import_address_key(to, key);
	if (!serial && import->kept &&
	    json_object_object_get_ex(import->kept, "serials", &serials) &&
	    json_object_is_type(serials, json_type_object))
		serial = g_strdup(text(serials, key));
	import_put_text(to, "serial", serial);
}

/* What may be NULL is not in the list. */
static struct json_object *import_disk(struct importing *import, xmlNode *disk)
{
	static const struct import_choice devices[] = {
		{"disk", "disk", NULL},
		{"cdrom", "dvd", NULL},
		{NULL, NULL, "is not a device of vmms; only disk and cdrom are"},
	};
	g_autofree char *device = xml_take_attribute(disk, "device");
	const char *ours = device ? import_choose(import, disk, "device", device, devices) : "disk";
	struct json_object *to;

	if (!ours)
		return NULL;
	to = json_object_new_object();
	if (!import_source(import, disk, g_str_equal(ours, "dvd"), to)) {
		xml_mark_all(disk);
		json_object_put(to);
		return NULL;
	}
	import_put_text(to, "type", ours);
	import_driver(import, disk, to);
	import_limits(import, disk, to);
	import_sharing(import, disk, to);
	import_address(import, disk, import_target(import, disk), to);
	import_serial(import, disk, to);
	return to;
}

void import_disks(struct importing *import, xmlNode *devices)
{
	struct json_object *disks = json_object_new_array();

	for (xmlNode *disk = xml_take_child(devices, "disk"); disk; disk = xml_take_next(disk)) {
		struct json_object *one = import_disk(import, disk);
		if (one)
			json_object_array_add(disks, one);
	}
	(void)json_object_object_add(import->definition, "disks", disks);
}
