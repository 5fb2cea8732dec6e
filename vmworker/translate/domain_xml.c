/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain_xml.h"

#define QEMU_NAMESPACE " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"

static void put_devices(GString *xml, const struct engine_config *config,
			const struct domain_xml_places *places);

/* G_MARKUP escapes what XML takes for markup, and control characters, in each %s. */
static G_GNUC_PRINTF(2, 3) void put(GString *xml, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_autofree char *text = g_markup_vprintf_escaped(format, ap);
	va_end(ap);
	g_string_append(xml, text);
}

static uint32_t threads_of(const struct engine_config *config)
{
	return config->sockets ? config->threads : 1;
}

/* What goes to QEMU past libvirt. */
static bool has_arguments(const struct engine_config *config,
			  const struct domain_xml_places *places)
{
	return places->saved || threads_of(config) > 1;
}

static void put_arguments(GString *xml, const struct engine_config *config,
			  const struct domain_xml_places *places)
{
	if (!has_arguments(config, places))
		return;
	put(xml, "  <qemu:commandline>\n");
	/* It takes up the state when all its devices are there, some of which libvirt does not
	 * know of. */
	if (places->saved)
		put(xml, "    <qemu:arg value='-incoming'/>\n    <qemu:arg value='defer'/>\n");
	/* By itself the translator is an AMD processor without the leaves that tell of threads
	 * there, so that guests would take them for cores. */
	if (threads_of(config) > 1)
		put(xml, "    <qemu:arg value='-global'/>\n"
			 "    <qemu:arg value='max-x86_64-cpu.vendor=GenuineIntel'/>\n");
	put(xml, "  </qemu:commandline>\n");
}

static void put_identity(GString *xml, const struct engine_config *config,
			 const struct domain_xml_places *places)
{
	const uint8_t *u = config->vm_uuid;

	put(xml, has_arguments(config, places) ? "<domain type='qemu'" QEMU_NAMESPACE ">\n"
					       : "<domain type='qemu'>\n");
	put(xml, "  <name>" DOMAIN_XML_NAME "</name>\n");
	put(xml,
	    "  <uuid>%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x</uuid>\n",
	    u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
	    u[14], u[15]);
	put(xml, "  <title>%s</title>\n", config->vm_name);
}

static void put_processors(GString *xml, const struct engine_config *config)
{
	uint32_t sockets = config->sockets ? config->sockets : 1;
	uint32_t cores = config->sockets ? config->cores : config->vp_count;

	put(xml, "  <memory unit='b'>%" G_GUINT64_FORMAT "</memory>\n", config->memory);
	put(xml, "  <vcpu>%u</vcpu>\n", config->vp_count);
	/* All that the translator can do. */
	put(xml, "  <cpu mode='maximum'>\n");
	put(xml, "    <topology sockets='%u' dies='1' cores='%u' threads='%u'/>\n", sockets, cores,
	    threads_of(config));
	if (config->devices.hidden)
		put(xml, "    <feature policy='disable' name='hypervisor'/>\n");
	put(xml, "  </cpu>\n");
}

static void put_boot(GString *xml, const struct engine_config *config,
		     const struct domain_xml_places *places)
{
	put(xml, "  <os>\n    <type arch='x86_64' machine='%s'>hvm</type>\n",
	    places->saved ? places->saved : "pc");
	put(xml, "    <kernel>%s</kernel>\n", places->kernel);
	if (places->initrd)
		put(xml, "    <initrd>%s</initrd>\n", places->initrd);
	if (config->cmdline[0])
		put(xml, "    <cmdline>%s</cmdline>\n", config->cmdline);
	put(xml, "  </os>\n  <features>\n    <acpi/>\n    <apic/>\n  </features>\n");
}

char *domain_xml_format(const struct engine_config *config, const struct domain_xml_places *places)
{
	GString *xml = g_string_new(NULL);

	put_identity(xml, config, places);
	put_processors(xml, config);
	put_boot(xml, config, places);
	put(xml, "  <clock offset='utc'/>\n");
	/* What an end leads to is the worker's to decide. */
	put(xml, "  <on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n"
		 "  <on_crash>destroy</on_crash>\n");
	put_devices(xml, config, places);
	put_arguments(xml, config, places);
	put(xml, "</domain>\n");
	return g_string_free(xml, FALSE);
}

/* ---- devices --------------------------------------------------------------------------------- */

void domain_xml_disk_group(size_t index, char *ret, size_t size)
{
	(void)g_snprintf(ret, (gulong)size, "disk%zu", index);
}

/* sda, ... sdz, sdaa, ...: only unique; the guest numbers by the address. */
static void target_name(size_t index, char ret[5])
{
	(void)g_strlcpy(ret, "sd", 5);
	if (index >= 26) {
		ret[2] = (char)('a' + index / 26 - 1);
		ret[3] = (char)('a' + index % 26);
		ret[4] = '\0';
	} else {
		ret[2] = (char)('a' + index);
		ret[3] = '\0';
	}
}

static void put_driver(GString *xml, const struct engine_disk *disk)
{
	static const char *const caches[] = {
		[ENGINE_CACHE_WRITEBACK] = "writeback",
		[ENGINE_CACHE_WRITETHROUGH] = "writethrough",
		[ENGINE_CACHE_NONE] = "none",
		[ENGINE_CACHE_UNSAFE] = "unsafe",
	};

	put(xml,
	    "      <driver name='qemu' type='raw' cache='%s' error_policy='%s' discard='%s'/>\n",
	    caches[disk->cache], disk->on_error == ENGINE_DISK_ERROR_PAUSE ? "stop" : "report",
	    disk->discard ? "unmap" : "ignore");
}

static void put_disk(GString *xml, const struct engine_disk *disk, size_t index)
{
	char group[32], target[5];

	domain_xml_disk_group(index, group, sizeof(group));
	target_name(index, target);
	put(xml, "    <disk type='file' device='%s'>\n", disk->dvd ? "cdrom" : "disk");
	put_driver(xml, disk);
	/* The path is a name for messages: QEMU gets the descriptor. */
	put(xml, "      <source file='%s' fdgroup='%s'/>\n", disk->path, group);
	put(xml, "      <target dev='%s' bus='scsi'/>\n", target);
	if (disk->iops || disk->bandwidth) {
		put(xml, "      <iotune>\n");
		if (disk->bandwidth)
			put(xml,
			    "        <total_bytes_sec>%" G_GUINT64_FORMAT "</total_bytes_sec>\n",
			    disk->bandwidth);
		if (disk->iops)
			put(xml, "        <total_iops_sec>%" G_GUINT64_FORMAT "</total_iops_sec>\n",
			    disk->iops);
		put(xml, "      </iotune>\n");
	}
	if (disk->read_only)
		put(xml, "      <readonly/>\n");
	if (disk->serial)
		put(xml, "      <serial>%s</serial>\n", disk->serial);
	put(xml,
	    "      <address type='drive' controller='%u' bus='0' target='0' unit='%u'/>\n    "
	    "</disk>\n",
	    disk->controller, disk->lun);
}

static void put_devices(GString *xml, const struct engine_config *config,
			const struct domain_xml_places *places)
{
	const struct engine_devices *devices = &config->devices;
	uint32_t controllers = 0;

	put(xml, "  <devices>\n    <emulator>%s</emulator>\n", places->emulator);
	for (size_t i = 0; i < devices->n_disks; i++) {
		if (devices->disks[i].format == ENGINE_DISK_RAW)
			put_disk(xml, &devices->disks[i], i);
		controllers |= 1u << devices->disks[i].controller;
	}
	put(xml, "    <controller type='usb' model='none'/>\n");
	for (uint32_t i = 0; controllers >> i; i++)
		put(xml, "    <controller type='scsi' index='%u' model='virtio-scsi'/>\n", i);
	for (size_t i = 0; i < ENGINE_CONSOLES; i++)
		put(xml,
		    "    <serial type='unix'>\n      <source mode='bind' path='%s'/>\n      "
		    "<target port='%zu'/>\n    </serial>\n",
		    places->serial[i], i);
	put(xml, "    <memballoon model='none'/>\n  </devices>\n");
}
