/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt is told; its own schema has the last word. */
#include <string.h>

#include "domain_xml.h"
#include "translate.h"
#include "validate_domain.h"
#include "worker_error.h"

static const struct domain_xml_places places = {
	.emulator = "/usr/bin/qemu-system-x86_64",
	.kernel = "/proc/7/fd/8",
	.initrd = "/proc/7/fd/9",
	.serial = {"/proc/7/fd/3/serial0", "/proc/7/fd/3/serial1"},
};

static const struct engine_disk disks[] = {
	{.path = "/a&<b>.img", .serial = "s-1", .controller = 0, .lun = 5, .discard = true},
	{.path = "/c.iso", .dvd = true, .read_only = true, .controller = 2, .lun = 63},
	{.path = "/d.img",
	 .cache = ENGINE_CACHE_NONE,
	 .on_error = ENGINE_DISK_ERROR_PAUSE,
	 .controller = 2,
	 .lun = 1,
	 .iops = 100,
	 .bandwidth = 1 << 20},
};

static struct engine_config machine(void)
{
	return (struct engine_config){
		.vm_name = "web1",
		.vm_uuid = {0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
		.memory = UINT64_C(64) << 20,
		.vp_count = 4,
		.sockets = 1,
		.cores = 2,
		.threads = 2,
		.cmdline = "root=/dev/sda \"a\" <&>",
		.devices = {.disks = disks,
			    .n_disks = G_N_ELEMENTS(disks),
			    .enlightenments_off = ENGINE_ENLIGHTENMENTS_OFF_DEFAULT},
	};
}

static void has(const char *xml, const char *part)
{
	if (!strstr(xml, part))
		g_error("%s\nhas no %s", xml, part);
}

static void test_format(void)
{
	const struct engine_config config = machine();
	g_autofree char *xml = domain_xml_format(&config, &places);

	has(xml, "<uuid>0f0e0d0c-0b0a-0908-0706-050403020100</uuid>");
	has(xml, "<memory unit='b'>67108864</memory>");
	has(xml, "<topology sockets='1' dies='1' cores='2' threads='2'/>");
	has(xml, "<cmdline>root=/dev/sda &quot;a&quot; &lt;&amp;&gt;</cmdline>");
	has(xml, "<source file='/a&amp;&lt;b&gt;.img' fdgroup='disk0'/>");
	has(xml, "<serial>s-1</serial>");
	has(xml, "cache='none' error_policy='stop' discard='ignore'");
	has(xml, "<controller type='scsi' index='2' model='virtio-scsi'/>");
	has(xml, "controller='2' bus='0' target='0' unit='63'");
	has(xml, "<total_iops_sec>100</total_iops_sec>");
	g_assert_null(strstr(xml, "hypervisor"));
}

static void test_bare(void)
{
	struct engine_config config = machine();
	struct domain_xml_places bare = places;

	bare.initrd = NULL;
	config.cmdline = "";
	config.sockets = 0;
	config.devices.n_disks = 0;
	config.devices.hidden = true;
	g_autofree char *xml = domain_xml_format(&config, &bare);
	has(xml, "<topology sockets='1' dies='1' cores='4' threads='1'/>");
	has(xml, "<feature policy='disable' name='hypervisor'/>");
	g_assert_null(strstr(xml, "<cmdline>"));
	g_assert_null(strstr(xml, "<initrd>"));
	g_assert_null(strstr(xml, "<disk "));
	g_assert_null(strstr(xml, "scsi"));
}

/* One that waits for its state is the machine that was saved. */
static void test_saved(void)
{
	const struct engine_config config = machine();
	struct domain_xml_places saved = places;

	saved.saved = "pc-i440fx-7.2";
	g_autofree char *xml = domain_xml_format(&config, &saved);
	has(xml, "<type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>");
	has(xml, "<qemu:arg value='-incoming'/>");
	if (validate_domain_available())
		validate_domain(xml);
	g_autofree char *anew = domain_xml_format(&config, &places);
	has(anew, "<type arch='x86_64' machine='pc'>hvm</type>");
	g_assert_null(strstr(anew, "-incoming"));
}

/* Guests see threads on an Intel processor; without threads nothing goes past libvirt. */
static void test_threads(void)
{
	struct engine_config config = machine();
	g_autofree char *two = domain_xml_format(&config, &places);

	has(two, "<qemu:arg value='max-x86_64-cpu.vendor=GenuineIntel'/>");
	if (validate_domain_available())
		validate_domain(two);
	config.cores = 4;
	config.threads = 1;
	g_autofree char *one = domain_xml_format(&config, &places);
	g_assert_null(strstr(one, "qemu:"));
	config.sockets = 0;
	config.threads = 2; /* nobody asked for a topology */
	g_autofree char *none = domain_xml_format(&config, &places);
	g_assert_null(strstr(none, "qemu:"));
}

static void test_schema(void)
{
	struct engine_config config = machine();

	if (!validate_domain_available())
		return;
	g_autofree char *full = domain_xml_format(&config, &places);
	validate_domain(full);
	config.devices.n_disks = 0;
	config.devices.hidden = true;
	g_autofree char *bare = domain_xml_format(&config, &places);
	validate_domain(bare);
}

/* Each disk has a place and a name of its own. */
static void test_many(void)
{
	struct engine_disk many[64] = {0};
	struct engine_config config = machine();

	for (unsigned int i = 0; i < G_N_ELEMENTS(many); i++)
		many[i] = (struct engine_disk){.path = "/x", .lun = i};
	config.devices.disks = many;
	config.devices.n_disks = G_N_ELEMENTS(many);
	g_autofree char *xml = domain_xml_format(&config, &places);
	has(xml, "dev='sda'");
	has(xml, "dev='sdz'");
	has(xml, "dev='sdaa'");
	has(xml, "dev='sdbl'");
}

/* ---- what it cannot have --------------------------------------------------------------------- */

static void refused(const struct engine_config *config, const char *part)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(translate_check(config, &error));
	g_assert_error(error, WORKER_ERROR, WORKER_ERROR_NOT_SUPPORTED);
	has(error->message, part);
	has(error->message, "VM web1: the engine translate ");
}

/* What is served is given to QEMU when it runs; the controller has to be there by then. */
static void test_served(void)
{
	struct engine_config config = machine();
	struct engine_disk disk = {
		.path = "/x", .format = ENGINE_DISK_QCOW2, .fd = -1, .controller = 2};

	config.devices.disks = &disk;
	config.devices.n_disks = 1;
	g_autofree char *xml = domain_xml_format(&config, &places);
	g_assert_null(strstr(xml, "<disk"));
	has(xml, "<controller type='scsi' index='2' model='virtio-scsi'/>");
}

static void test_refused(void)
{
	struct engine_config config = machine();
	struct engine_disk disk = {.path = "/x", .format = ENGINE_DISK_QCOW2, .fd = -1};
	struct engine_nic nic = {.type = ENGINE_NIC_PRIVATE};

	config.devices.n_disks = 0;
	g_assert_true(translate_check(&config, NULL));
	config.devices.disks = &disk;
	config.devices.n_disks = 1;
	g_assert_true(translate_check(&config, NULL)); /* the socket of its server */
	disk.format = ENGINE_DISK_RAW;
	refused(&config, "no block devices");
	config.devices.n_disks = 0;
	config.devices.nics = &nic;
	config.devices.n_nics = 1;
	refused(&config, "types user and none only");
	nic.type = ENGINE_NIC_USER;
	nic.bandwidth = 1;
	refused(&config, "bandwidth");
	config.devices.n_nics = 0;
	config.devices.enlightenments_off = 0;
	refused(&config, "no enlightenments");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/translate/domain-xml/format", test_format);
	g_test_add_func("/translate/domain-xml/bare", test_bare);
	g_test_add_func("/translate/domain-xml/saved", test_saved);
	g_test_add_func("/translate/domain-xml/threads", test_threads);
	g_test_add_func("/translate/domain-xml/schema", test_schema);
	g_test_add_func("/translate/domain-xml/many", test_many);
	g_test_add_func("/translate/domain-xml/refused", test_refused);
	g_test_add_func("/translate/domain-xml/served", test_served);
	return g_test_run();
}
