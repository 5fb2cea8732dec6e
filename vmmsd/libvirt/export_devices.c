/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "definition_member.h"
#include "export_part.h"
#include "import_part.h"

/* sda, ... sdz, sdba, ...: libvirt only wants them to differ. */
static void put_target(xmlNode *disk, size_t index)
{
	char name[] = {'s', 'd', (char)('a' + index / 26), (char)('a' + index % 26), '\0'};
	xmlNode *target = export_element(disk, "target", NULL);

	if (index < 26)
		memmove(name + 2, name + 3, 2);
	export_attribute(target, "dev", "%s", name);
	export_attribute(target, "bus", "scsi");
}

static void put_driver(xmlNode *element, struct json_object *disk)
{
	xmlNode *driver = export_element(element, "driver", NULL);
	const char *format = text(disk, "format"), *on_error = text(disk, "onError");

	export_attribute(driver, "name", "qemu");
	export_attribute(driver, "type", "%s", g_str_equal(format, "vhd") ? "vpc" : format);
	export_attribute(driver, "cache", "%s", text(disk, "cache"));
	export_attribute(driver, "error_policy", "%s",
			 g_str_equal(on_error, "pause") ? "stop" : on_error);
	export_attribute(driver, "discard",
			 json_object_get_boolean(member(disk, "discard")) ? "unmap" : "ignore");
}

static void put_limits(xmlNode *element, struct json_object *disk)
{
	int64_t bandwidth = json_object_get_int64(member(disk, "bandwidth"));
	uint32_t iops = number(disk, "iops");
	xmlNode *iotune;

	if (!bandwidth && !iops)
		return;
	iotune = export_element(element, "iotune", NULL);
	if (bandwidth)
		(void)export_element(iotune, "total_bytes_sec", "%" G_GINT64_FORMAT, bandwidth);
	if (iops)
		(void)export_element(iotune, "total_iops_sec", "%u", iops);
}

/* libvirt's have no colon. */
static void put_serial(struct exporting *export, xmlNode *element, struct json_object *disk)
{
	const char *serial = text(disk, "serial");
	char key[IMPORT_ADDRESS];

	if (!serial)
		return;
	if (!strchr(serial, ':')) {
		(void)export_element(element, "serial", "%s", serial);
		return;
	}
	import_address_key(disk, key);
	import_put_text(import_object(export->kept, "serials"), key, serial);
}

static void put_disk(struct exporting *export, xmlNode *devices, struct json_object *disk,
		     size_t index)
{
	gboolean block = g_str_has_prefix(text(disk, "path"), "/dev/");
	xmlNode *element = export_element(devices, "disk", NULL), *address;

	export_attribute(element, "type", block ? "block" : "file");
	export_attribute(element, "device",
			 g_str_equal(text(disk, "type"), "dvd") ? "cdrom" : "disk");
	put_driver(element, disk);
	export_attribute(export_element(element, "source", NULL), block ? "dev" : "file", "%s",
			 text(disk, "path"));
	put_target(element, index);
	put_limits(element, disk);
	if (json_object_get_boolean(member(disk, "readOnly")))
		(void)export_element(element, "readonly", NULL);
	put_serial(export, element, disk);
	address = export_element(element, "address", NULL);
	export_attribute(address, "type", "drive");
	export_attribute(address, "controller", "%u", number(disk, "controller"));
	export_attribute(address, "bus", "0");
	export_attribute(address, "target", "0");
	export_attribute(address, "unit", "%u", number(disk, "lun"));
}

static void put_controllers(xmlNode *devices, struct json_object *disks)
{
	uint32_t used = 0;
	xmlNode *usb = export_element(devices, "controller", NULL);

	export_attribute(usb, "type", "usb");
	export_attribute(usb, "model", "none");
	for (size_t i = 0; i < json_object_array_length(disks); i++)
		used |= 1u << number(json_object_array_get_idx(disks, i), "controller");
	for (uint32_t i = 0; used >> i; i++) {
		xmlNode *controller = export_element(devices, "controller", NULL);

		export_attribute(controller, "type", "scsi");
		export_attribute(controller, "index", "%u", i);
		export_attribute(controller, "model", "virtio-scsi");
	}
}

/* ---- adapters -------------------------------------------------------------------------------- */

/* The type, and the source that goes with it. */
static void put_source(xmlNode *element, struct json_object *nic)
{
	const char *type = text(nic, "type"), *bridge = text(nic, "bridge");
	const char *theirs = type, *value = text(nic, "network"), *attribute = "name";

	if (g_str_equal(type, "bridge")) {
		theirs = attribute = bridge ? "bridge" : "network";
		value = bridge ? bridge : value;
	} else if (g_str_equal(type, "private")) {
		theirs = "internal";
	} else if (g_str_equal(type, "none")) {
		theirs = "null";
	}
	export_attribute(element, "type", "%s", theirs);
	if (value)
		export_attribute(export_element(element, "source", NULL), attribute, "%s", value);
}

/* libvirt counts in thousands of bytes: what is over is kept beside it. */
static void put_bandwidth(struct exporting *export, xmlNode *element, struct json_object *nic)
{
	static const char *const ways[] = {"inbound", "outbound"};
	int64_t bytes = json_object_get_int64(member(nic, "bandwidth"));
	xmlNode *bandwidth;

	if (!bytes)
		return;
	bandwidth = export_element(element, "bandwidth", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++)
		export_attribute(export_element(bandwidth, ways[i], NULL), "average",
				 "%" G_GINT64_FORMAT, bytes / 1000);
	if (bytes % 1000)
		(void)json_object_object_add(import_object(export->kept, "adapters"),
					     text(nic, "mac"), json_object_new_int64(bytes));
}

/* libvirt refuses to set that of others than those on a bridge. */
static void put_mtu(struct exporting *export, xmlNode *element, struct json_object *nic)
{
	uint32_t mtu = number(nic, "mtu");

	if (g_str_equal(text(nic, "type"), "bridge"))
		export_attribute(export_element(element, "mtu", NULL), "size", "%u", mtu);
	else
		import_put_number(import_object(export->kept, "mtus"), text(nic, "mac"), mtu);
}

static void put_nic(struct exporting *export, xmlNode *devices, struct json_object *nic)
{
	xmlNode *element = export_element(devices, "interface", NULL);

	put_source(element, nic);
	export_attribute(export_element(element, "mac", NULL), "address", "%s", text(nic, "mac"));
	export_attribute(export_element(element, "model", NULL), "type", "virtio");
	put_mtu(export, element, nic);
	put_bandwidth(export, element, nic);
	if (!json_object_get_boolean(member(nic, "connected")))
		export_attribute(export_element(element, "link", NULL), "state", "down");
}

void export_devices(struct exporting *export, xmlNode *domain)
{
	struct json_object *disks = member(export->definition, "disks");
	struct json_object *nics = member(export->definition, "nics");
	xmlNode *devices = export_element(domain, "devices", NULL), *balloon;

	for (size_t i = 0; i < json_object_array_length(disks); i++)
		put_disk(export, devices, json_object_array_get_idx(disks, i), i);
	put_controllers(devices, disks);
	for (size_t i = 0; i < json_object_array_length(nics); i++)
		put_nic(export, devices, json_object_array_get_idx(nics, i));
	for (int port = 0; port < 2; port++) {
		xmlNode *serial = export_element(devices, "serial", NULL);

		export_attribute(serial, "type", "pty");
		export_attribute(export_element(serial, "target", NULL), "port", "%d", port);
	}
	balloon = export_element(devices, "memballoon", NULL);
	export_attribute(balloon, "model", "none");
}
