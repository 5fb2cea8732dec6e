/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's XML as others write it: what becomes of it, what is said, and what is refused. */
#include "domain_import.h"

#include <string.h>

#include "definition.h"
#include "xml_tree.h"

#define MEMORY "<memory unit='MiB'>64</memory>"
#define OS     "<os><type arch='x86_64'>hvm</type><kernel>/vmlinuz</kernel></os>"
#define HEAD   "<domain type='kvm'><name>web1</name>"

/* A domain with these elements and devices beside what it needs; g_free. */
static char *domain_of(const char *elements, const char *devices)
{
	return g_strdup_printf(HEAD MEMORY OS "%s<devices>%s</devices></domain>", elements,
			       devices);
}

struct outcome {
	char *json, *notes;
	GError *error;
};

static void outcome_clear(struct outcome *outcome)
{
	g_free(outcome->json);
	g_free(outcome->notes);
	g_clear_error(&outcome->error);
}

static void import_given(const char *xml, unsigned given, struct outcome *outcome)
{
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);

	*outcome = (struct outcome){0};
	outcome->json = domain_import(xml, strlen(xml), given, notes, &outcome->error);
	g_assert_true((outcome->json == NULL) == (outcome->error != NULL));
	g_ptr_array_add(notes, NULL);
	outcome->notes = g_strjoinv("\n", (char **)notes->pdata);
}

static void import(const char *xml, struct outcome *outcome)
{
	import_given(xml, 0, outcome);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		g_error("%s\nhas no %s", text, part);
}

static void maps(const char *elements, const char *devices, const char *json, const char *note)
{
	g_autofree char *xml = domain_of(elements, devices);
	struct outcome outcome;

	import(xml, &outcome);
	if (outcome.error)
		g_error("%s: %s", xml, outcome.error->message);
	g_autoptr(definition_t) definition = definition_parse(outcome.json, NULL);
	g_assert_nonnull(definition);
	has(outcome.json, json);
	if (note)
		has(outcome.notes, note);
	else
		g_assert_cmpstr(outcome.notes, ==, "");
	outcome_clear(&outcome);
}

static void refuses(const char *xml, enum xml_tree_error code, const char *text)
{
	struct outcome outcome;

	import(xml, &outcome);
	if (!outcome.error)
		g_error("%s: taken over as %s", xml, outcome.json);
	g_assert_error(outcome.error, XML_TREE_ERROR, (int)code);
	has(outcome.error->message, text);
	g_assert_null(strchr(outcome.error->message, '\n'));
	g_assert_true(g_utf8_validate(outcome.error->message, -1, NULL));
	outcome_clear(&outcome);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void test_identity(void)
{
	maps("", "", "\"name\":\"web1\"", NULL);
	maps("", "", "\"engine\":\"direct\"", NULL);
	maps("<uuid>6F1C9D0E6a4b-4b7e9f0e2d3c4b5a6978</uuid>", "",
	     "\"uuid\":\"6f1c9d0e-6a4b-4b7e-9f0e-2d3c4b5a6978\"", NULL);
	maps("<title>T</title>", "", "\"description\":\"T\"", NULL);
	maps("<description> a\n&lt;b&gt; </description>", "", "\"description\":\" a\\n<b> \"",
	     NULL);
	maps("<title>T</title><description>D</description>", "", "\"description\":\"T\\nD\"", NULL);
	maps("", "", "\"memory\":{\"size\":67108864}", NULL);
	maps("<currentMemory>1</currentMemory>", "", "", "/domain/currentMemory: ");
}

static void test_memory_units(void)
{
	static const struct {
		const char *memory, *size;
	} cases[] = {
		{"<memory>65536</memory>", "\"size\":67108864}"},
		{"<memory unit='KiB'>65536</memory>", "\"size\":67108864}"},
		{"<memory unit='K'>65536</memory>", "\"size\":67108864}"},
		{"<memory unit='b'>67108864</memory>", "\"size\":67108864}"},
		{"<memory unit='bytes'>67108864</memory>", "\"size\":67108864}"},
		{"<memory unit='KB'>4096000</memory>", "\"size\":4096000000}"},
		{"<memory unit='MB'>4096</memory>", "\"size\":4096000000}"},
		{"<memory unit='G'> 2 </memory>", "\"size\":2147483648}"},
		{"<memory unit='TiB'>16</memory>", "\"size\":17592186044416}"},
		{"<memory unit='b'>67108863</memory>", "\"size\":67108864}"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *xml = g_strdup_printf(HEAD OS "%s</domain>", cases[i].memory);
		struct outcome outcome;

		import(xml, &outcome);
		g_assert_no_error(outcome.error);
		has(outcome.json, cases[i].size);
		outcome_clear(&outcome);
	}
}

static void test_processors(void)
{
	maps("<vcpu>4</vcpu><cpu mode='host-passthrough'><topology sockets='1' dies='2' cores='1' "
	     "threads='2'/></cpu>",
	     "", "\"topology\":{\"sockets\":1,\"cores\":2,\"threadsPerCore\":2}",
	     "/domain/cpu/topology/@dies: ");
	maps("<cpu mode='custom'><model>Nehalem</model></cpu>", "", "", "/domain/cpu/@mode: ");
	maps("<cpu><feature policy='disable' name='hypervisor'/></cpu>", "",
	     "\"hypervisor\":\"hidden\"", NULL);
	maps("<vcpu placement='auto'>2</vcpu>", "", "\"count\":2", "/domain/vcpu/@placement: ");
	maps("<vcpu cpuset='0-5,^2,8'>2</vcpu>", "", "\"affinity\":\"0-1,3-5,8\"", NULL);
}

static void test_scheduling(void)
{
	static const char vcpu[] = "<vcpu>4</vcpu><cputune>%s</cputune>";
	static const struct {
		const char *tune, *json, *note;
	} cases[] = {
		{"<shares>4000</shares>", "\"weight\":1000", NULL},
		{"<shares>4001</shares>", "\"weight\":1000", "/domain/cputune/shares: rounded"},
		{"<shares>4294967295</shares>", "\"weight\":10000", "/domain/cputune/shares: "},
		{"<shares>0</shares>", "\"weight\":1", "/domain/cputune/shares: "},
		{"<quota>50000</quota>", "\"limit\":200", NULL},
		{"<period>20000</period><quota>5000</quota>", "\"limit\":100", NULL},
		{"<quota>17592186044415</quota>", "\"limit\":400", "/domain/cputune/quota: "},
		{"<global_quota>150000</global_quota>", "\"limit\":150", NULL},
		{"<quota>50000</quota><global_quota>150000</global_quota>", "\"limit\":150", NULL},
		{"<quota>-1</quota>", "\"count\":4", NULL},
		{"<vcpupin vcpu='2' cpuset='3'/><vcpupin vcpu='0' cpuset='0,1'/>",
		 "\"vcpuAffinity\":[\"0-1\",\"all\",\"3\"]", NULL},
		{"<emulatorpin cpuset='1'/>", "\"count\":4", "/domain/cputune/emulatorpin: "},
		{"<vcpusched vcpus='0' scheduler='fifo' priority='1'/>", "", "vcpusched: "},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) elements = g_string_new(vcpu);

		(void)g_string_replace(elements, "%s", cases[i].tune, 0);
		maps(elements->str, "", cases[i].json, cases[i].note);
	}
	maps("<numatune><memory mode='strict' nodeset='1'/></numatune>", "", "\"numaNode\":1",
	     NULL);
	maps("<numatune><memory mode='strict' nodeset='0-1'/></numatune>", "", "",
	     "/domain/numatune/memory: ");
	maps("<numatune><memory mode='preferred' nodeset='1'/></numatune>", "", "", "memory: ");
}

static void test_enlightenments(void)
{
	maps("<features><acpi/><apic/><hyperv mode='custom'><relaxed state='on'/><vpindex "
	     "state='on'/><runtime state='off'/></hyperv></features>",
	     "", "\"enlightenments\":{\"vpRuntime\":false}", NULL);
	maps("<features><hyperv><stimer state='on'><direct state='on'/></stimer></hyperv></features>",
	     "", "\"stimer\":true,\"stimerDirect\":true", NULL);
	maps("<features><hyperv><vpindex state='off'/></hyperv></features>", "", "",
	     "/domain/features/hyperv/vpindex: ");
	maps("<features><hyperv><evmcs state='on'/></hyperv></features>", "", "", "hyperv/evmcs: ");
	maps("<features><kvm><hidden state='on'/></kvm><pmu state='on'/></features>", "", "",
	     "/domain/features/kvm: ");
	maps("<clock offset='utc'><timer name='hypervclock' present='no'/></clock>", "",
	     "\"referenceCounter\":false,\"referenceTsc\":false", NULL);
	maps("<clock offset='localtime'/>", "", "", "/domain/clock/@offset: ");
}

static void test_ends(void)
{
	maps("<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot>"
	     "<on_crash>restart</on_crash>",
	     "", "\"onReboot\":\"stop\",\"onCrash\":\"restart\"", NULL);
	maps("<on_crash>coredump-restart</on_crash>", "", "\"onCrash\":\"restart\"",
	     "/domain/on_crash: no dump");
}

/* ---- devices --------------------------------------------------------------------------------- */

static void test_disks(void)
{
	maps("",
	     "<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none' "
	     "error_policy='stop' discard='ignore'/><source dev='/dev/sdb'/><target dev='sda' "
	     "bus='scsi'/><serial>S-1</serial><readonly/><iotune><total_bytes_sec>1048576"
	     "</total_bytes_sec><total_iops_sec>7</total_iops_sec></iotune><address type='drive' "
	     "controller='2' bus='0' target='0' unit='9'/></disk>",
	     "[{\"path\":\"/dev/sdb\",\"type\":\"disk\",\"format\":\"raw\","
	     "\"cache\":\"none\",\"onError\":\"pause\",\"discard\":false,\"bandwidth\":1048576,"
	     "\"iops\":7,\"readOnly\":true,\"controller\":2,\"lun\":9,\"serial\":\"S-1\"}]",
	     NULL);
	maps("", "<disk type='file' device='cdrom'><driver type='vpc'/><source file='/a'/></disk>",
	     "{\"path\":\"/a\",\"type\":\"dvd\",\"format\":\"vhd\"}", NULL);
	maps("", "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>",
	     "\"disks\":[]", "/domain/devices/disk: a drive without a medium");
	maps("", "<disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/></disk>",
	     "\"path\":\"/a\"", "/domain/devices/disk/target/@bus: ");
	maps("",
	     "<disk><source file='/a'/><target bus='scsi'/><address type='drive' controller='4'/>"
	     "</disk>",
	     "[{\"path\":\"/a\",\"type\":\"disk\"}]", "/domain/devices/disk/address: ");
}

static void test_nics(void)
{
	maps("",
	     "<interface type='bridge'><source bridge='br0'/><mac address='52:54:00:01:02:03'/>"
	     "<mtu size='9000'/><link state='down'/><bandwidth><inbound average='4096'/><outbound "
	     "average='4096'/></bandwidth></interface>",
	     "[{\"type\":\"bridge\",\"bridge\":\"br0\",\"mac\":\"52:54:00:01:02:03\",\"mtu\":9000,"
	     "\"connected\":false,\"bandwidth\":4096000}]",
	     NULL);
	maps("", "<interface type='network'><source network='default'/></interface>",
	     "{\"type\":\"bridge\",\"network\":\"default\"}", NULL);
	maps("", "<interface type='internal'><source name='lan'/></interface>",
	     "{\"type\":\"private\",\"network\":\"lan\"}", NULL);
	maps("", "<interface type='null'/><interface type='user'/>",
	     "[{\"type\":\"none\"},{\"type\":\"user\"}]", NULL);
	maps("",
	     "<interface type='user'><model type='e1000'/><bandwidth><inbound average='9' "
	     "peak='10'/></bandwidth></interface>",
	     "\"bandwidth\":9000", "inbound/@peak: ");
}

static void test_others(void)
{
	maps("", "<video/><graphics type='vnc'/>", "",
	     "/domain/devices/video: there is no display");
	maps("", "<serial type='pty'/><memballoon model='none'/>", "", NULL);
	maps("", "<serial type='file'/>", "", "/domain/devices/serial: ");
	maps("<unheard attribute='1'><of/></unheard>", "", "", "/domain/unheard: ");
	maps("<metadata><x:y xmlns:x='urn:x'/></metadata>", "", "", "/domain/metadata/x:y: ");
	maps("<!-- a comment --><?pi x?>", "", "", NULL);
}

/* Something of everything that is not taken over. */
#define ODDS                                                                                       \
	"<sysinfo type='smbios'/><seclabel type='none'/>"                                          \
	"<features><hyperv mode='custom'><relaxed state='on'/><spinlocks state='on' retries='1'/>" \
	"</hyperv></features><cpu mode='custom'><model>Nehalem</model></cpu>"                      \
	"<clock offset='utc'><timer name='rtc'/><timer name='hypervclock'/></clock>"               \
	"<devices><emulator>/q</emulator><disk type='file' device='cdrom'/>"                       \
	"<disk snapshot='no'><driver type='raw' io='native'/><source file='/a'/>"                  \
	"<target dev='vda' bus='virtio'/><wwn>5</wwn></disk><interface type='user'>"               \
	"<model type='%s'/><rom bar='off'/><target dev='t'/><driver queues='2'/>"                  \
	"<acpi index='1'/></interface><channel type='unix'/><input type='mouse'/>"                 \
	"<panic model='isa'/><watchdog model='i6300esb'/><vsock/></devices>"

static char *odd_domain(const char *type, const char *model)
{
	g_autofree char *odds = g_strdup_printf(ODDS, model);

	return g_strdup_printf("<domain type='%s'><name>x</name>" MEMORY
			       "<os><type>hvm</type><kernel>/k</kernel><bootmenu/></os>%s</domain>",
			       type, odds);
}

/* The reasons are those of the engine that will run it. */
static void test_translated(void)
{
	static const char *const untrue[] = {"Hyper-V",		 "VMBus",
					     "hv_netvsc",	 "io_uring",
					     "host's processor", "integration services",
					     "synthetic",	 "hv_sock",
					     "without firmware"};
	static const char *const told[] = {
		"/domain/features/hyperv: QEMU's translator has no enlightenments",
		"/domain/clock/timer[1]: the clocks are as QEMU has them",
		"/domain/clock/timer[2]: the clocks are as QEMU has them",
		"/domain/cpu/@mode: the guest sees all that QEMU can translate",
		"/domain/devices/disk[2]/target/@bus: all disks are on virtio-scsi controllers",
		"/domain/devices/disk[1]: a drive without a medium is left out; hvctl edit --disk",
		"/domain/devices/disk[2]/wwn: disks are those of virtio-scsi",
		"/domain/devices/interface/rom: adapters are of virtio, and have no such setting",
		"/domain/devices/panic: a crash is read off the console",
		"/domain/devices/vsock: there is no AF_VSOCK",
		"/domain/os/bootmenu: QEMU's own firmware starts the kernel",
	};
	g_autofree char *qemu = odd_domain("qemu", "e1000"), *kvm = odd_domain("kvm", "e1000");
	g_autofree char *virtio = odd_domain("qemu", "virtio");
	struct outcome outcome;

	import(qemu, &outcome);
	g_assert_no_error(outcome.error);
	for (size_t i = 0; i < G_N_ELEMENTS(told); i++)
		has(outcome.notes, told[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(untrue); i++)
		if (strstr(outcome.notes, untrue[i]))
			g_error("%s in\n%s", untrue[i], outcome.notes);
	has(outcome.notes, "/domain/devices/interface/model: adapters are of virtio");
	g_autoptr(definition_t) definition = definition_parse(outcome.json, NULL);
	g_assert_nonnull(definition); /* so vmmsd takes it */
	outcome_clear(&outcome);
	import(virtio, &outcome);
	g_assert_null(strstr(outcome.notes, "interface/model"));
	outcome_clear(&outcome);
	/* An engine that is given counts more. */
	import_given(kvm, DOMAIN_GIVEN_TRANSLATE, &outcome);
	has(outcome.notes, told[0]);
	outcome_clear(&outcome);
	import_given(qemu, DOMAIN_GIVEN_ENGINE, &outcome);
	has(outcome.notes, "/domain/devices/interface/model: the guest's driver is hv_netvsc");
	has(outcome.json, "\"spinWait\":true");
	outcome_clear(&outcome);
}

/* What cannot be listed is counted as one. */
static void test_many_notes(void)
{
	g_autoptr(GString) devices = g_string_new(NULL);

	for (int i = 0; i < 1000; i++)
		g_string_append(devices, "<sound/>");
	maps("", devices->str, "", "/domain/devices/sound[255]: ");
	maps("", devices->str, "", "/domain: there is more that is not listed");
}

/* ---- refused --------------------------------------------------------------------------------- */

static void test_refused(void)
{
	static const struct {
		const char *elements, *devices, *text;
	} cases[] = {
		{"", "<hostdev mode='subsystem' type='pci'/>", "/domain/devices/hostdev: devices"},
		{"", "<filesystem type='mount'/>", "/domain/devices/filesystem: "},
		{"", "<tpm model='tpm-tis'/>", "/domain/devices/tpm: "},
		{"", "<memory model='dimm'/>", "/domain/devices/memory: "},
		{"<launchSecurity type='sev'/>", "", "/domain/launchSecurity: "},
		{"<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'/>", "",
		 "/domain/q:commandline: extensions"},
		{"<on_poweroff>restart</on_poweroff>", "", "/domain/on_poweroff: \"restart\" "},
		{"<on_reboot>preserve</on_reboot>", "", "/domain/on_reboot: \"preserve\" "},
		{"<vcpu current='1'>2</vcpu>", "", "/domain/vcpu/@current: "},
		{"", "<disk type='network'/>", "/domain/devices/disk/@type: "},
		{"", "<disk device='lun' type='block'/>", "disk/@device: \"lun\" "},
		{"", "<disk type='file'/>", "/domain/devices/disk: it has no source"},
		{"", "<disk><driver type='vmdk'/><source file='/a'/></disk>",
		 "driver/@type: \"vmdk\" is not a format"},
		{"", "<disk><source file='/a'/><shareable/></disk>", "disk/shareable: "},
		{"", "<disk><source file='/a'/><transient/></disk>", "disk/transient: "},
		{"", "<disk><source file='/a'><encryption/></source></disk>", "encryption: "},
		{"", "<interface type='direct'><source dev='eth0'/></interface>",
		 "/domain/devices/interface/@type: "},
		{"", "<interface type='user'><filterref filter='clean-traffic'/></interface>",
		 "interface/filterref: "},
		{"", "<interface type='user'><vlan><tag id='4'/></vlan></interface>", "vlan: "},
		{"", "<interface type='network'><source network='n' portgroup='p'/></interface>",
		 "source/@portgroup: "},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *xml = domain_of(cases[i].elements, cases[i].devices);
		refuses(xml, XML_TREE_ERROR_NOT_SUPPORTED, cases[i].text);
	}
	refuses(HEAD MEMORY "<os><type>hvm</type><loader>/ovmf</loader></os></domain>",
		XML_TREE_ERROR_NOT_SUPPORTED, "/domain/os: firmware (BIOS or UEFI) boots it");
	refuses(HEAD MEMORY "<os><type>exe</type></os></domain>", XML_TREE_ERROR_NOT_SUPPORTED,
		"/domain/os/type: only whole machines");
	refuses(HEAD MEMORY "<os><type arch='aarch64'>hvm</type></os></domain>",
		XML_TREE_ERROR_NOT_SUPPORTED, "only x86_64");
	refuses("<domain type='xen'/>", XML_TREE_ERROR_NOT_SUPPORTED, "/domain/@type: \"xen\" is ");
}

/* A root that would not be there any more; a name that stays is fine. */
static void test_root(void)
{
	static const char unnamed[] = HEAD MEMORY
		"<os><type>hvm</type><kernel>/k</kernel><cmdline>root=/dev/vda</cmdline>"
		"</os><devices><disk><source file='/a'/><target dev='vda'/></disk>"
		"</devices></domain>";
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *given = NULL;
	static const char format[] =
		HEAD MEMORY "<os><type>hvm</type><kernel>/k</kernel><cmdline>root=%s</cmdline></os>"
			    "<devices><disk><source file='/a'/><target bus='%s'/></disk></devices>"
			    "</domain>";
	static const struct {
		const char *root, *bus;
		gboolean refused;
	} cases[] = {
		{"/dev/vda1", "virtio", TRUE},	 {"/dev/hda1", "ide", TRUE},
		{"/dev/sda1", "virtio", FALSE},	 {"/dev/sda1", "sata", FALSE},
		{"LABEL=root", "virtio", FALSE},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) xml = g_string_new(format);
		struct outcome outcome;

		(void)g_string_replace(xml, "root=%s", cases[i].root, 1);
		(void)g_string_replace(xml, "%s", cases[i].bus, 1);
		import(xml->str, &outcome);
		g_assert_cmpint(outcome.error != NULL, ==, cases[i].refused);
		outcome_clear(&outcome);
	}
	refuses(unnamed, XML_TREE_ERROR_NOT_SUPPORTED, "/domain/devices/disk/target/@bus: ");
	given = domain_import(unnamed, strlen(unnamed), DOMAIN_GIVEN_CMDLINE, notes, NULL);
	g_assert_nonnull(given);
}

/* ---- wrong ----------------------------------------------------------------------------------- */

static void test_wrong_values(void)
{
	static const struct {
		const char *elements, *text;
	} cases[] = {
		{"<uuid>6f1c9d0e</uuid>", "/domain/uuid: \"6f1c9d0e\" is not a uuid"},
		{"<uuid>6f1c9d0e6a4b4b7e9f0e2d3c4b5a69780</uuid>", "is not a uuid"},
		{"<uuid>6f1c9d0e6a4b4b7e9f0e2d3c4b5a697g</uuid>", "is not a uuid"},
		{"<vcpu>-1</vcpu>", "/domain/vcpu: \"-1\" is not a number from 0 to 240"},
		{"<vcpu>241</vcpu>", "/domain/vcpu: \"241\" is not"},
		{"<vcpu>two</vcpu>", "\"two\""},
		{"<vcpu>99999999999999999999999</vcpu>", "is not a number"},
		{"<vcpu cpuset='3-1'>1</vcpu>",
		 "/domain/vcpu/@cpuset: \"3-1\" is not a set of CPUs"},
		{"<vcpu cpuset='^1'>1</vcpu>", "is not a set"},
		{"<vcpu cpuset='10000'>1</vcpu>", "is not a set"},
		{"<vcpu cpuset=''>1</vcpu>", "is not a set"},
		{"<cputune><shares>many</shares></cputune>", "/domain/cputune/shares: "},
		{"<cputune><quota>99999999999999999</quota></cputune>", "/domain/cputune/quota: "},
		{"<cputune><vcpupin vcpu='1' cpuset='0'/></cputune>", "vcpupin/@vcpu: 1 is not "},
		{"<cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='0' cpuset='1'/></cputune>",
		 "/domain/cputune/vcpupin[2]/@vcpu: 0 is pinned twice"},
		{"<cputune><vcpupin vcpu='0'/></cputune>", "needs the attributes"},
		{"<metadata><v:d xmlns:v='urn:vmms:definition:1'>[</v:d></metadata>",
		 "v:d: it is not"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *xml = domain_of(cases[i].elements, "");
		refuses(xml, XML_TREE_ERROR_INVALID, cases[i].text);
	}
	refuses(HEAD "<memory unit='TiB'>17</memory>" OS "</domain>", XML_TREE_ERROR_INVALID,
		"/domain/memory: \"17\" is not a number from 0 to 16");
	refuses(HEAD "<memory unit='PiB'>1</memory>" OS "</domain>", XML_TREE_ERROR_INVALID,
		"/domain/memory: ");
	refuses(HEAD "<memory unit='furlong'>1</memory>" OS "</domain>", XML_TREE_ERROR_INVALID,
		"/domain/memory/@unit: ");
	refuses(HEAD OS "</domain>", XML_TREE_ERROR_INVALID, "needs the element memory");
	refuses("<domain type='kvm'>" MEMORY OS "</domain>", XML_TREE_ERROR_INVALID,
		"element name");
	refuses(HEAD MEMORY "</domain>", XML_TREE_ERROR_INVALID, "needs the element os");
	refuses("<domain/>", XML_TREE_ERROR_INVALID, "needs the attribute type");
}

static char *nested(int levels)
{
	g_autoptr(GString) xml = g_string_new(NULL);

	for (int i = 0; i < levels; i++)
		g_string_append(xml, "<domain>");
	for (int i = 0; i < levels; i++)
		g_string_append(xml, "</domain>");
	return g_strdup(xml->str);
}

static void test_not_xml(void)
{
	static const char *const broken[] = {"",	 "x",
					     "<domain",	 "<domain></x>",
					     "<a/><b/>", "<domain type='kvm'>&undefined;</domain>",
					     NULL};
	g_autofree char *deep = nested(33), *deeper = nested(5000);
	g_autoptr(GString) huge = g_string_new("<domain>");
	g_autoptr(GString) wide = g_string_new("<domain>");

	for (size_t i = 0; broken[i]; i++)
		refuses(broken[i], XML_TREE_ERROR_INVALID, ": this is not well-formed XML: ");
	refuses("<network/>", XML_TREE_ERROR_INVALID, "its first element is not domain");
	refuses("<domain xmlns='urn:x'/>", XML_TREE_ERROR_INVALID, "is not domain");
	refuses(deep, XML_TREE_ERROR_INVALID, "more than 32 levels");
	refuses(deeper, XML_TREE_ERROR_INVALID, "");
	while (huge->len < XML_TREE_MAX_BYTES)
		g_string_append(huge, "          ");
	g_string_append(huge, "</domain>");
	refuses(huge->str, XML_TREE_ERROR_INVALID, "more than the 1048576 bytes");
	for (unsigned i = 0; i < XML_TREE_MAX_NODES; i++)
		g_string_append(wide, "<a/>");
	g_string_append(wide, "</domain>");
	refuses(wide->str, XML_TREE_ERROR_INVALID, "more than 20000 elements");
}

/* Nothing is expanded and nothing is opened: the first word of a document type ends it. */
static void test_entities(void)
{
	static const char *const types[] = {
		"<!DOCTYPE domain>",
		"<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>",
		"<!DOCTYPE domain PUBLIC '-//x' 'http://127.0.0.1/x.dtd'>",
		"<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
		"<!DOCTYPE domain [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>",
		"<!DOCTYPE domain [<!ENTITY % x SYSTEM 'http://127.0.0.1/'> %x;]>",
		NULL,
	};

	for (size_t i = 0; types[i]; i++) {
		g_autofree char *xml = g_strdup_printf(
			"%s" HEAD "<title>&x;</title>" MEMORY OS "</domain>", types[i]);
		refuses(xml, XML_TREE_ERROR_INVALID, "line 1: a document type and its entities");
	}
	maps("<title>&amp;&#65;&lt;</title>", "", "\"description\":\"&A<\"", NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/domain-import/identity", test_identity);
	g_test_add_func("/domain-import/memory-units", test_memory_units);
	g_test_add_func("/domain-import/processors", test_processors);
	g_test_add_func("/domain-import/scheduling", test_scheduling);
	g_test_add_func("/domain-import/enlightenments", test_enlightenments);
	g_test_add_func("/domain-import/ends", test_ends);
	g_test_add_func("/domain-import/disks", test_disks);
	g_test_add_func("/domain-import/nics", test_nics);
	g_test_add_func("/domain-import/others", test_others);
	g_test_add_func("/domain-import/many-notes", test_many_notes);
	g_test_add_func("/domain-import/translated", test_translated);
	g_test_add_func("/domain-import/refused", test_refused);
	g_test_add_func("/domain-import/root", test_root);
	g_test_add_func("/domain-import/wrong-values", test_wrong_values);
	g_test_add_func("/domain-import/not-xml", test_not_xml);
	g_test_add_func("/domain-import/entities", test_entities);
	return g_test_run();
}
