/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was not read: said, or refused where the machine would be another without it. */
#include "import_part.h"

#define D "/domain/devices"

/*
 * The first that fits counts, for the element and all in it. refused is a reason, too: the machine
 * would not boot, would see other data, or would be open to others.
 */
static const struct rule {
	const char *kind; /* with * and ? */
	const char *why;
	gboolean refused;
} rules[] = {
	{"/domain/metadata/*", "kept by libvirt for other programs", FALSE},
	{"*foreign:*", "extensions of a hypervisor change the machine as vmms cannot", TRUE},
	{"/domain/bootloader*", "a program of the host that loads the guest is not run", TRUE},
	{"/domain/launchSecurity", "memory is not encrypted here; the guest counts on it", TRUE},
	{"/domain/devices/hostdev", "devices of the host are not passed through", TRUE},
	{"/domain/devices/filesystem", "directories of the host are not shared with guests", TRUE},
	{"/domain/devices/shmem", "memory is not shared between machines", TRUE},
	{"/domain/devices/memory", "there are no memory modules; add theirs to memory", TRUE},
	{"/domain/devices/tpm", "there is no TPM, and what the guest sealed with it is lost", TRUE},
	{"/domain/devices/lease", "there is no lock manager to hold the lease", TRUE},
	{D "/interface/filterref", "its packets would no longer be filtered", TRUE},
	{D "/interface/vlan", "it would leave its VLAN; give a bridge that is in it", TRUE},
	{D "/interface/virtualport", "the port of such a switch cannot be had; give a bridge",
	 TRUE},
	{D "/interface/port", "the port would no longer be isolated", TRUE},
	{D "/interface/source/@portgroup", "the group may put it into a VLAN; give a bridge", TRUE},
	{D "/interface/teaming", "the adapter is one half of a pair", TRUE},
	{D "/disk/transient", "what the guest writes would stay", TRUE},
	{D "/disk/encryption", "encrypted images are not served", TRUE},
	{D "/disk/source/encryption", "encrypted images are not served", TRUE},
	{D "/disk/source/slices", "parts of an image are not served", TRUE},
	{D "/disk/mirror", "the image is being moved; finish that first", TRUE},
	{D "/disk/blockio/@logical_block_size", "sectors have 512 bytes here", TRUE},
	{"/domain/os/dtb", "an x86_64 machine has no device tree", TRUE},
	{"/domain/@id", "the number of a domain that runs", FALSE},
	{"/domain/genid", "there is no generation id", FALSE},
	{"/domain/maxMemory", "memory cannot be added while it runs", FALSE},
	{"/domain/memory/@dumpCore", "dumps are the host's affair", FALSE},
	{"/domain/memoryBacking", "the host chooses how memory is backed", FALSE},
	{"/domain/memtune", "the machine never has more than its memory", FALSE},
	{"/domain/numatune/memnode", "the guest has one memory node", FALSE},
	{"/domain/vcpus", "all processors are there from the start", FALSE},
	{"/domain/iothreads", "one thread serves all disks", FALSE},
	{"/domain/iothreadids", "one thread serves all disks", FALSE},
	{"/domain/defaultiothread", "one thread serves all disks", FALSE},
	{"/domain/cputune/emulator*", "what serves devices is not limited or bound by itself",
	 FALSE},
	{"/domain/cputune/iothread*", "what serves devices is not limited or bound by itself",
	 FALSE},
	{"/domain/cputune/vcpusched", "processors have weights, not real-time priorities", FALSE},
	{"/domain/cputune/cachetune", "caches are not divided", FALSE},
	{"/domain/cputune/memorytune", "memory bandwidth is not divided", FALSE},
	{"/domain/blkiotune", "disks have limits (iops, bandwidth), not weights", FALSE},
	{"/domain/resource", "its cgroup is vmms.slice, or that of its CPU group", FALSE},
	{"/domain/sysinfo", "SMBIOS tells the machine's own name and uuid", FALSE},
	{"/domain/os/type/@machine", "there is one kind of machine", FALSE},
	{"/domain/os/*", "the kernel is started directly, without firmware", FALSE},
	{"/domain/os/@*", "the kernel is started directly, without firmware", FALSE},
	{"/domain/features/hyperv", "not among the enlightenments, and guests do without", FALSE},
	{"/domain/features/hyperv/spinlocks/@retries", "the count is vmms' own", FALSE},
	{"/domain/features/hyperv/*", "not among the enlightenments, and guests do without", FALSE},
	{"/domain/features/kvm", "KVM's own interface is never shown to guests", FALSE},
	{"/domain/features/*", "there is no such switch", FALSE},
	{"/domain/cpu/numa", "the guest has one memory node", FALSE},
	{"/domain/cpu/*", "the guest sees the host's processor with all that it has", FALSE},
	{"/domain/cpu/@*", "the guest sees the host's processor with all that it has", FALSE},
	{"/domain/clock/*", "guests tell the time by Hyper-V's clocks", FALSE},
	{"/domain/clock/@*", "guests tell the time by Hyper-V's clocks", FALSE},
	{"/domain/on_lockfailure", "a lock that is lost ends no machine", FALSE},
	{"/domain/pm", "suspend of the guest needs no permission", FALSE},
	{"/domain/seclabel", "workers are confined by their own sandbox", FALSE},
	{D "/emulator", "workers are vmms' own programs", FALSE},
	{D "/*/alias", "names of devices are libvirt's", FALSE},
	{D "/*/address", "addresses of devices are vmms' own", FALSE},
	{D "/*/acpi", "the guest finds synthetic devices by VMBus", FALSE},
	{D "/*/boot", "the kernel is started directly", FALSE},
	{D "/disk/driver/*", "disks have one queue of io_uring", FALSE},
	{D "/disk/backingStore", "what an image is based on is read from the image", FALSE},
	{D "/disk/iotune/*", "there is one limit for reads and writes, without bursts", FALSE},
	{D "/disk/target/@*", "Linux names disks by their address", FALSE},
	{D "/disk/source/*", "the image itself is opened", FALSE},
	{D "/disk/*", "disks are what Hyper-V shows to guests", FALSE},
	{D "/disk/@*", "disks are what Hyper-V shows to guests", FALSE},
	{D "/interface/model", "the guest's driver is hv_netvsc", FALSE},
	{D "/interface/target", "the TAP device gets a name when it is made", FALSE},
	{D "/interface/bandwidth/*", "the limit is the average; there are no bursts", FALSE},
	{D "/interface/*", "the guest's driver is hv_netvsc, and has no such setting", FALSE},
	{D "/interface/@*", "the guest's driver is hv_netvsc, and has no such setting", FALSE},
	{D "/controller", "controllers come with their disks", FALSE},
	{D "/serial", "two serial ports are always there; see hvctl console", FALSE},
	{D "/console", "two serial ports are always there; see hvctl console", FALSE},
	{D "/channel", "the integration services do what an agent does", FALSE},
	{D "/input", "the synthetic keyboard is always there; there is no pointer", FALSE},
	{D "/graphics", "there is no display; see hvctl console", FALSE},
	{D "/video", "there is no display; see hvctl console", FALSE},
	{D "/sound", "there is no sound", FALSE},
	{D "/audio", "there is no sound", FALSE},
	{D "/rng", "the guest takes random numbers from the processor", FALSE},
	{D "/memballoon", "memory is not taken back", FALSE},
	{D "/panic", "a guest tells of its crash by Hyper-V's registers", FALSE},
	{D "/watchdog", "nothing watches but the heartbeat of the integration services", FALSE},
	{D "/vsock", "AF_VSOCK is always there, by hv_sock", FALSE},
	{D "/*", "vmms has no such device", FALSE},
	{"*", "vmms has nothing that corresponds", FALSE},
};

/* Why, where it is another reason when QEMU is the machine; by the kind of the rule. */
static const struct {
	const char *kind, *why;
} translated[] = {
	{"/domain/sysinfo", "SMBIOS is QEMU's own, with the machine's uuid"},
	{"/domain/os/*", "QEMU's own firmware starts the kernel"},
	{"/domain/os/@*", "QEMU's own firmware starts the kernel"},
	{"/domain/features/hyperv", "QEMU's translator has no enlightenments"},
	{"/domain/cpu/*", "the guest sees all that QEMU can translate"},
	{"/domain/cpu/@*", "the guest sees all that QEMU can translate"},
	{"/domain/clock/*", "the clocks are as QEMU has them"},
	{"/domain/clock/@*", "the clocks are as QEMU has them"},
	{"/domain/seclabel", "workers and their QEMU are confined by vmms"},
	{D "/emulator", "it is the QEMU that the host has"},
	{D "/*/acpi", "the guest finds devices by their place on PCI"},
	{D "/disk/driver/*", "QEMU's own defaults hold"},
	{D "/disk/*", "disks are those of virtio-scsi, and have no such setting"},
	{D "/disk/@*", "disks are those of virtio-scsi, and have no such setting"},
	{D "/interface/model", "adapters are of virtio"},
	{D "/interface/target", "there is no TAP device"},
	{D "/interface/*", "adapters are of virtio, and have no such setting"},
	{D "/interface/@*", "adapters are of virtio, and have no such setting"},
	{D "/channel", "programs of the host have no way to an agent in the guest"},
	{D "/input", "there is nobody at them; see hvctl console"},
	{D "/panic", "a crash is read off the console"},
	{D "/watchdog", "nothing watches the guest"},
	{D "/vsock", "there is no AF_VSOCK with the engine translate"},
};

static const char *reason_of(const struct importing *import, const struct rule *rule)
{
	for (size_t i = 0; import->translated && i < G_N_ELEMENTS(translated); i++) {
		if (g_str_equal(translated[i].kind, rule->kind))
			return translated[i].why;
	}
	return rule->why;
}

static const struct rule *rule_for(const char *kind)
{
	const struct rule *rule = rules;

	while (!g_pattern_match_simple(rule->kind, kind))
		rule++;
	return rule;
}

/* What a machine of ours has only because libvirt wants it. */
static gboolean is_written(const struct importing *import, const char *kind)
{
	static const char *const written[] = {"/domain/features/hyperv/spinlocks/@retries",
					      D "/interface/model", NULL};

	return import->kept && g_strv_contains(written, kind);
}

static void apply(struct importing *import, xmlNode *element, const char *attribute)
{
	g_autofree char *parent = xml_kind(element);
	g_autofree char *kind = g_strconcat(parent, attribute ? "/@" : "", attribute, NULL);
	const struct rule *rule = rule_for(kind);
	const char *why = reason_of(import, rule);

	if (is_written(import, kind))
		return;
	if (rule->refused)
		import_fail(import, element, attribute, XML_TREE_ERROR_NOT_SUPPORTED, "%s", why);
	else
		import_note(import, element, attribute, why);
}

/* What vmms writes itself, or what says what is so anyway. */
static gboolean is_moot(xmlNode *element)
{
	static const char *const moot[] = {"usb none", "scsi virtio-scsi", "memballoon none",
					   "pty ", NULL};
	g_autofree char *type = (char *)xmlGetNoNsProp(element, BAD_CAST "type");
	g_autofree char *model = (char *)xmlGetNoNsProp(element, BAD_CAST "model");
	g_autofree char *both = g_strdup_printf("%s %s", type ? type : (const char *)element->name,
						model ? model : "");

	return xmlStrEqual(element->parent->name, BAD_CAST "devices") &&
	       g_strv_contains(moot, both);
}

void import_rest(struct importing *import, xmlNode *element)
{
	for (xmlAttr *attribute = element->properties; attribute; attribute = attribute->next) {
		if (!xml_attribute_is_marked(attribute))
			apply(import, element, (const char *)attribute->name);
	}
	for (xmlNode *child = element->children; child; child = child->next) {
		if (child->type != XML_ELEMENT_NODE || is_moot(child))
			continue;
		if (xml_is_marked(child))
			import_rest(import, child);
		else
			apply(import, child, NULL);
	}
}
