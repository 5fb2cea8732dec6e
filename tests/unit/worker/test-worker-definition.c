/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <json-c/json.h>
#include <string.h>

#include "definition_read.h"
#include "worker_error.h"

#define UUID "0f0e0d0c-0b0a-0908-0706-050403020100"

static struct vm_definition *read_text(const char *text, GError **error)
{
	return vm_definition_read(text, strlen(text), UUID, error);
}

static void test_full(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) d = read_text(
		"{\"version\":1,\"name\":\"web1\",\"uuid\":\"" UUID "\",\"description\":\"x\","
		"\"engine\":\"direct\",\"cpus\":{\"count\":240},\"memory\":{\"size\":\"5G\"},"
		"\"boot\":{\"kernel\":\"/k\",\"initrd\":\"/i\",\"cmdline\":\"quiet\"},"
		"\"autostart\":true,\"stopAction\":\"off\",\"stopTimeout\":3,\"stopOrder\":7,"
		"\"onReboot\":\"stop\",\"onCrash\":\"restart\"}\n",
		&error);

	g_assert_no_error(error);
	g_assert_cmpstr(d->name, ==, "web1");
	g_assert_cmpuint(d->cpus, ==, 240);
	g_assert_cmpuint(d->memory, ==, 5ull << 30);
	g_assert_cmpstr(d->kernel, ==, "/k");
	g_assert_cmpstr(d->initrd, ==, "/i");
	g_assert_cmpstr(d->cmdline, ==, "quiet");
	g_assert_cmpint(d->on_reboot, ==, VM_POLICY_STOP);
	g_assert_cmpint(d->on_crash, ==, VM_POLICY_RESTART);
}

static void test_defaults(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) d =
		read_text("{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"}}", &error);

	g_assert_no_error(error);
	g_assert_cmpuint(d->cpus, ==, 1);
	g_assert_cmpuint(d->sockets, ==, 1);
	g_assert_cmpuint(d->cores, ==, 1);
	g_assert_cmpuint(d->threads, ==, 1);
	g_assert_cmpuint(d->memory, ==, 512ull << 20);
	g_assert_null(d->initrd);
	g_assert_cmpstr(d->cmdline, ==, "");
	g_assert_cmpint(d->on_reboot, ==, VM_POLICY_RESTART);
	g_assert_cmpint(d->on_crash, ==, VM_POLICY_STOP);
}

static void test_topology(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) plain = read_text(
		"{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"},\"cpus\":{\"count\":6}}",
		&error);
	g_autoptr(vm_definition_t) d = read_text(
		"{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"},\"cpus\":{"
		"\"topology\":{\"sockets\":2,\"cores\":2,\"threadsPerCore\":2},\"count\":8,"
		"\"scheduling\":{\"weight\":7,\"coreScheduling\":\"vcpu\"}}}",
		&error);

	g_assert_no_error(error);
	g_assert_cmpuint(plain->sockets, ==, 1);
	g_assert_cmpuint(plain->cores, ==, 6);
	g_assert_cmpuint(plain->threads, ==, 1);
	g_assert_cmpuint(d->sockets, ==, 2);
	g_assert_cmpuint(d->cores, ==, 2);
	g_assert_cmpuint(d->threads, ==, 2);
	g_assert_false(plain->core_scheduling);
	g_assert_true(d->core_scheduling);
	g_assert_true(d->core_per_vp);
}

/* The rest of a document that is good but for the members given. */
static void refuse(const char *members, int code, const char *part)
{
	g_autofree char *text = g_strdup_printf("{%s}", members);
	g_autoptr(GError) error = NULL;
	struct vm_definition *d = read_text(text, &error);

	g_assert_null(d);
	g_assert_error(error, WORKER_ERROR, code);
	if (!strstr(error->message, part))
		g_error("\"%s\" lacks \"%s\"", error->message, part);
}

#define GOOD "\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"}"

static void test_refused(void)
{
	static const char *const cases[][2] = {
		{"\"name\":\"a\",\"boot\":{\"kernel\":\"/k\"}", "$.version: the member is missing"},
		{"\"version\":2,\"name\":\"a\"", "$.version: 2"},
		{"\"version\":1,\"boot\":{\"kernel\":\"/k\"}", "$.name"},
		{"\"version\":1,\"name\":\"\",\"boot\":{\"kernel\":\"/k\"}", "$.name"},
		{"\"version\":1,\"name\":\"a\"", "$.boot.kernel"},
		{"\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"k\"}", "not absolute"},
		{"\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\\u0000x\"}",
		 "$.boot.kernel"},
		{GOOD ",\"x\":1", "$.x: this worker does not know"},
		{GOOD ",\"cpus\":{\"count\":4,\"topology\":{\"cores\":3}}",
		 "$.cpus.topology: 1 sockets of 3 cores of 1 threads are not the 4 processors"},
		{GOOD ",\"cpus\":{\"topology\":{\"threadsPerCore\":0}}",
		 "$.cpus.topology.threadsPerCore: 0 is out of range"},
		{GOOD ",\"cpus\":{\"topology\":{\"threads\":1}}", "$.cpus.topology.threads"},
		{GOOD ",\"uuid\":\"0f0e0d0c-0b0a-0908-0706-050403020101\"", "$.uuid"},
		{GOOD ",\"uuid\":7", "$.uuid"},
		{GOOD ",\"cpus\":{\"count\":0}", "$.cpus.count: 0 is out of range; give 1 to 240"},
		{GOOD ",\"cpus\":{\"count\":1.5}", "$.cpus.count"},
		{GOOD ",\"cpus\":{\"count\":99999999999999999999}", "$.cpus.count"},
		{GOOD ",\"cpus\":{\"cores\":1}", "$.cpus.cores"},
		{GOOD ",\"cpus\":null", "$.cpus"},
		{GOOD ",\"memory\":{\"size\":-1}", "$.memory.size"},
		{GOOD ",\"memory\":{\"size\":1048577}", "multiple of 4096"},
		{GOOD ",\"memory\":{\"size\":\"17T\"}", "$.memory.size"},
		{GOOD ",\"memory\":{\"size\":\"1MB\"}", "not a size"},
		{GOOD ",\"memory\":{\"size\":\"0x100000\"}", "not a size"},
		{GOOD ",\"memory\":{\"size\":\"999999999999999T\"}", "not a size"},
		{GOOD ",\"memory\":{\"size\":true}", "$.memory.size"},
		{GOOD ",\"onReboot\":\"\"", "$.onReboot"},
		{GOOD ",\"onCrash\":false", "$.onCrash"},
		{GOOD "} {", "not a JSON document"},
		{GOOD ",", "not a JSON document"},
		{"\"version\":'1'", "not a JSON document"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		refuse(cases[i][0], WORKER_ERROR_INVALID_DEFINITION, cases[i][1]);
	refuse(GOOD ",\"engine\":\"magic\"", WORKER_ERROR_INVALID_DEFINITION, "$.engine");
}

static void test_long_cmdline(void)
{
	g_autofree char *fits = g_strnfill(2047, 'c');
	g_autofree char *too_long = g_strnfill(2048, 'c');
	g_autofree char *good = g_strdup_printf(
		"{\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\",\"cmdline\":\"%s\"}}",
		fits);
	g_autofree char *bad = g_strdup_printf(
		"\"version\":1,\"name\":\"a\",\"boot\":{\"kernel\":\"/k\",\"cmdline\":\"%s\"}",
		too_long);
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) d = read_text(good, &error);

	g_assert_no_error(error);
	g_assert_cmpstr(d->cmdline, ==, fits);
	refuse(bad, WORKER_ERROR_INVALID_DEFINITION, "$.boot.cmdline");
}

#define DISK "\"path\":\"/d\",\"lun\":0"
#define NIC  "\"type\":\"user\",\"mac\":\"56:4d:53:00:00:01\""

static void test_devices(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(vm_definition_t) d = read_text(
		"{" GOOD ",\"disks\":[{" DISK "},{\"path\":\"/e\",\"format\":\"vhdx\","
		"\"type\":\"dvd\",\"readOnly\":true,\"cache\":\"unsafe\",\"discard\":false,"
		"\"serial\":\"S\",\"iops\":7,\"bandwidth\":1099511627776,\"onError\":\"pause\","
		"\"controller\":3,\"lun\":63}],"
		"\"nics\":[{" NIC "},{\"type\":\"bridge\",\"bridge\":\"br0\",\"mtu\":9000,"
		"\"connected\":false,\"bandwidth\":5,\"mac\":\"fe:dc:ba:98:76:54\"}],"
		"\"hypervisor\":\"hidden\",\"enlightenments\":{\"guestIdle\":false,\"crash\":true}}",
		&error);

	g_assert_no_error(error);
	struct engine_devices e = device_list_engine(&d->devices);
	g_assert_cmpuint(e.n_disks, ==, 2);
	g_assert_cmpint(e.disks[0].fd, ==, -1);
	g_assert_cmpstr(e.disks[0].path, ==, "/d");
	g_assert_cmpint(e.disks[0].format, ==, ENGINE_DISK_RAW);
	g_assert_cmpint(e.disks[0].cache, ==, ENGINE_CACHE_WRITEBACK);
	g_assert_true(e.disks[0].discard && !e.disks[0].read_only && !e.disks[0].dvd);
	g_assert_cmpstr(e.disks[0].serial, ==, "vmms-0f0e0d0c-0-0");
	g_assert_cmpint(e.disks[1].format, ==, ENGINE_DISK_VHDX);
	g_assert_cmpint(e.disks[1].cache, ==, ENGINE_CACHE_UNSAFE);
	g_assert_cmpint(e.disks[1].on_error, ==, ENGINE_DISK_ERROR_PAUSE);
	g_assert_true(!e.disks[1].discard && e.disks[1].read_only && e.disks[1].dvd);
	g_assert_cmpstr(e.disks[1].serial, ==, "S");
	g_assert_cmpuint(e.disks[1].iops, ==, 7);
	g_assert_cmpuint(e.disks[1].bandwidth, ==, 1ull << 40);
	g_assert_cmpuint(e.disks[1].controller, ==, 3);
	g_assert_cmpuint(e.disks[1].lun, ==, 63);
	g_assert_cmpuint(e.n_nics, ==, 2);
	g_assert_cmpint(e.nics[0].type, ==, ENGINE_NIC_USER);
	g_assert_cmpuint(e.nics[0].mtu, ==, 1500);
	g_assert_true(e.nics[0].connected);
	g_assert_cmpint(e.nics[1].type, ==, ENGINE_NIC_BRIDGE);
	g_assert_cmpuint(e.nics[1].mtu, ==, 9000);
	g_assert_cmpuint(e.nics[1].bandwidth, ==, 5);
	g_assert_false(e.nics[1].connected);
	g_assert_cmpint(memcmp(e.nics[1].mac, "\xfe\xdc\xba\x98\x76\x54", 6), ==, 0);
	g_assert_true(e.hidden);
	g_assert_cmphex(e.enlightenments_off, ==,
			ENGINE_ENLIGHTENMENTS_OFF_DEFAULT | ENGINE_ENLIGHTENMENT_BIT(GUEST_IDLE));
}

static void test_devices_refused(void)
{
	static const char *const cases[][2] = {
		{GOOD ",\"disks\":{}", "$.disks: this is not an array"},
		{GOOD ",\"disks\":[7]", "$.disks[0]: this is not an object"},
		{GOOD ",\"disks\":[{\"path\":\"/d\"}]", "$.disks[0]: the member lun is missing"},
		{GOOD ",\"disks\":[{\"lun\":0}]", "$.disks[0]: the member path is missing"},
		{GOOD ",\"disks\":[{" DISK ",\"x\":1}]", "$.disks[0].x: this worker does not know"},
		{GOOD ",\"disks\":[{\"path\":\"d\",\"lun\":0}]", "not absolute"},
		{GOOD ",\"disks\":[{\"path\":\"\",\"lun\":0}]", "$.disks[0].path: the text is"},
		{GOOD ",\"disks\":[{\"path\":\"/\\u0000\",\"lun\":0}]", "$.disks[0].path"},
		{GOOD ",\"disks\":[{\"path\":7,\"lun\":0}]",
		 "$.disks[0].path: this is not a string"},
		{GOOD ",\"disks\":[{\"path\":\"/d\",\"lun\":64}]",
		 "$.disks[0].lun: 64 is out of range; give 0 to 63"},
		{GOOD ",\"disks\":[{\"path\":\"/d\",\"lun\":-1}]", "$.disks[0].lun: -1"},
		{GOOD ",\"disks\":[{\"path\":\"/d\",\"lun\":\"0\"}]",
		 "$.disks[0].lun: this is not an"},
		{GOOD ",\"disks\":[{" DISK ",\"controller\":4}]", "$.disks[0].controller"},
		{GOOD ",\"disks\":[{" DISK ",\"format\":\"vmdk\"}]", "$.disks[0].format"},
		{GOOD ",\"disks\":[{" DISK ",\"format\":null}]", "$.disks[0].format"},
		{GOOD ",\"disks\":[{" DISK ",\"readOnly\":1}]", "$.disks[0].readOnly"},
		{GOOD ",\"disks\":[{" DISK ",\"type\":\"dvd\"}]", "a DVD is not read-only"},
		{GOOD ",\"disks\":[{" DISK "},{" DISK "}]",
		 "$.disks[1]: it has the address of $.disks[0]"},
		{GOOD ",\"nics\":[{" NIC "},{\"type\":\"user\"}]", "$.nics[1]: the member mac is"},
		{GOOD ",\"nics\":[{\"type\":\"user\",\"mac\":\"01:00:00:00:00:00\"}]",
		 "$.nics[0]: mac"},
		{GOOD ",\"nics\":[{\"type\":\"user\",\"mac\":\"56:4d:53:00:00:0\"}]",
		 "$.nics[0]: mac"},
		{GOOD ",\"nics\":[{" NIC ",\"mtu\":575}]", "$.nics[0].mtu"},
		{GOOD ",\"hypervisor\":\"off\"", "$.hypervisor"},
		{GOOD ",\"hypervisor\":true", "$.hypervisor"},
		{GOOD ",\"enlightenments\":{\"synic\":0}", "$.enlightenments.synic"},
		{GOOD ",\"enlightenments\":{\"warp\":true}", "$.enlightenments.warp"},
		{GOOD ",\"enlightenments\":[]", "$.enlightenments"},
	};
	g_autoptr(GString) many = g_string_new(GOOD ",\"disks\":[");

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		refuse(cases[i][0], WORKER_ERROR_INVALID_DEFINITION, cases[i][1]);
	for (unsigned i = 0; i <= VMMS_MAX_DISKS; i++)
		g_string_append(many, i > 0 ? ",{}" : "{}");
	g_string_append(many, "]");
	refuse(many->str, WORKER_ERROR_INVALID_DEFINITION,
	       "$.disks: there are 65; give at most 64");
}

static void test_enlightenments(void)
{
	g_autoptr(vm_definition_t) on = read_text("{" GOOD "}", NULL);
	g_autoptr(vm_definition_t) off =
		read_text("{" GOOD ",\"enlightenments\":{\"vpRuntime\":false,\"spinWait\":false,"
			  "\"synic\":true}}",
			  NULL);
	g_autoptr(vm_definition_t) timers = read_text(
		"{" GOOD ",\"enlightenments\":{\"stimer\":true,\"stimerDirect\":true}}", NULL);

	g_assert_cmphex(on->devices.enlightenments_off, ==, ENGINE_ENLIGHTENMENTS_OFF_DEFAULT);
	g_assert_cmphex(off->devices.enlightenments_off, ==,
			ENGINE_ENLIGHTENMENTS_OFF_DEFAULT | ENGINE_ENLIGHTENMENT_BIT(VP_RUNTIME) |
				ENGINE_ENLIGHTENMENT_BIT(SPIN_WAIT));
	g_assert_cmphex(timers->devices.enlightenments_off, ==, 0);
}

/* The schema and the worker know the same members with the same defaults. */
static void test_schema_members(void)
{
	g_autofree char *schema = NULL;
	json_object *root, *items;

	g_assert_true(g_file_get_contents(SCHEMA, &schema, NULL, NULL));
	root = json_tokener_parse(schema);
	items = json_object_object_get(
		json_object_object_get(json_object_object_get(root, "properties"),
				       "enlightenments"),
		"properties");
	g_assert_cmpint(json_object_object_length(items), ==, ENGINE_ENLIGHTENMENT_N);
	json_object_object_foreach (items, name, rule) {
		g_autofree char *text =
			g_strdup_printf("{" GOOD ",\"enlightenments\":{\"%s\":true}}", name);
		g_autoptr(GError) error = NULL;
		g_autoptr(vm_definition_t) d = read_text(text, &error);
		g_assert_no_error(error);
		g_assert_nonnull(d);
		for (unsigned int i = 0; i < ENGINE_ENLIGHTENMENT_N; i++) {
			if (strcmp(engine_enlightenment_name((enum engine_enlightenment)i), name) !=
			    0)
				continue;
			g_assert_cmpint(
				json_object_get_boolean(json_object_object_get(rule, "default")),
				==, !(ENGINE_ENLIGHTENMENTS_OFF_DEFAULT >> i & 1));
		}
	}
	json_object_put(root);
}

/* No prefix of a document, and no document with one byte changed, does harm. */
static void test_mutations(void)
{
	static const char text[] =
		"{" GOOD
		",\"cpus\":{\"count\":3},\"memory\":{\"size\":\"64M\"},\"onCrash\":\"stop\","
		"\"disks\":[{" DISK ",\"cache\":\"none\"},{\"path\":\"/e\",\"lun\":1}],"
		"\"nics\":[{" NIC "}],\"enlightenments\":{\"synic\":false}}";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(vm_definition_read(text, n, UUID, &error));
		g_assert_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_DEFINITION);
	}
	for (int i = 0; i < 20000; i++) {
		g_autofree char *copy = g_memdup2(text, sizeof(text));
		g_autoptr(GError) error = NULL;
		copy[g_test_rand_int_range(0, sizeof(text) - 1)] =
			(char)g_test_rand_int_range(0, 256);
		g_autoptr(vm_definition_t) d =
			vm_definition_read(copy, sizeof(text) - 1, UUID, &error);
		g_assert_true((d != NULL) == (error == NULL));
		if (d)
			g_assert_true(d->cpus >= 1 && d->cpus <= 240 && d->kernel && d->cmdline);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/definition/full", test_full);
	g_test_add_func("/worker-definition/topology", test_topology);
	g_test_add_func("/worker/definition/defaults", test_defaults);
	g_test_add_func("/worker/definition/refused", test_refused);
	g_test_add_func("/worker/definition/long-cmdline", test_long_cmdline);
	g_test_add_func("/worker/definition/devices", test_devices);
	g_test_add_func("/worker/definition/devices-refused", test_devices_refused);
	g_test_add_func("/worker/definition/enlightenments", test_enlightenments);
	g_test_add_func("/worker/definition/schema-members", test_schema_members);
	g_test_add_func("/worker/definition/mutations", test_mutations);
	return g_test_run();
}
