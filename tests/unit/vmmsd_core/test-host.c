/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host as fake trees show it: two sockets with SMT, CPUs offline, no topology, no KVM. */
#include "host.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <json-c/json.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "assert_error.h"
#include "block_node.h"
#include "fake_file.h"
#include "json_text.h"
#include "temporary_directory.h"

#define NO_TRANSLATOR \
	"vmworker-translate --probe gave no answer: install vmms with it, and libvirt's QEMU driver"

static const char amd[] = "processor\t: 0\nvendor_id\t: AuthenticAMD\n"
			  "model name\t: AMD EPYC 7313: 16-Core\nflags\t\t: fpu svm npt\n\n"
			  "processor\t: 1\nvendor_id\t: other\n";

static const char usable[] =
	"{\"virtualization\":\"amd-v\",\"usable\":true,\"reason\":\"\",\"apiVersion\":12,"
	"\"maxVps\":240,\"capabilities\":{\"KVM_CAP_IRQFD\":1,\"odd\":\"x\"},"
	"\"speed\":{\"kernel\":2000000000,\"user\":\"x\"}}\n";

#define SLOW                                                \
	"{\"virtualization\":\"software\",\"usable\":true," \
	"\"speed\":{\"kernel\":700000,\"user\":2300000000}}"
#define TRANSLATOR "{\"usable\":true,\"reason\":\"\"}"

static void put_cpu(const char *root, unsigned cpu, unsigned socket, unsigned core,
		    const char *siblings)
{
	g_autofree char *base = g_strdup_printf("sys/devices/system/cpu/cpu%u/topology/", cpu);
	g_autofree char *package = g_strconcat(base, "physical_package_id", NULL);
	g_autofree char *core_id = g_strconcat(base, "core_id", NULL);
	g_autofree char *list = g_strconcat(base, "core_cpus_list", NULL);

	fake_put(root, package, "%u\n", socket);
	fake_put(root, core_id, "%u\n", core);
	fake_put(root, list, "%s\n", siblings);
}

/* An AMD host without topology or KVM; the tests add what they need. */
static temporary_directory_t *new_tree(const char *cpuinfo)
{
	temporary_directory_t *root = temporary_directory_new();

	fake_put(root, "proc/cpuinfo", "%s", cpuinfo);
	fake_put(root, "proc/meminfo",
		 "MemTotal:    8388608 kB\nMemFree: 1 kB\n"
		 "MemAvailable:   2097152 kB\n");
	fake_put(root, "proc/sys/kernel/osrelease", "6.1.0-test\n");
	fake_put(root, "sys/devices/system/cpu/online", "0-1\n");
	return root;
}

static struct host *new_host(const char *root)
{
	g_autofree char *sysfs = g_build_filename(root, "sys", NULL);
	g_autofree char *proc = g_build_filename(root, "proc", NULL);
	g_autofree char *kvm = g_build_filename(root, "dev/kvm", NULL);
	g_autoptr(GError) error = NULL;
	struct host *host = host_new(sysfs, proc, kvm, &error);

	g_assert_no_error(error);
	return host;
}

static json_value_t *describe(const struct host *host)
{
	g_autofree char *text = host_describe(host, "auto", NULL, NULL);
	json_value_t *value = json_text_parse(text, 1u << 20, NULL);

	g_assert_nonnull(value);
	return value;
}

static void assert_member(json_value_t *object, const char *name, const char *expected)
{
	g_autofree char *text = json_text_print(json_object_object_get(object, name));

	g_assert_cmpstr(text, ==, expected);
}

/* 2 sockets, 2 cores each, 2 threads each; the second threads are numbered behind all first ones.
 */
static void test_two_sockets(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);

	fake_put(root, "sys/devices/system/cpu/online", "0-7\n");
	fake_put(root, "sys/devices/system/cpu/present", "0-7\n");
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		g_autofree char *siblings = g_strdup_printf("%u,%u", cpu % 4, cpu % 4 + 4);
		put_cpu(root, cpu, cpu % 4 / 2, cpu % 2, siblings);
	}
	fake_put(root, "sys/devices/system/node/online", "0-1\n");
	fake_put(root, "sys/devices/system/node/node0/cpulist", "0-1,4-5\n");
	fake_put(root, "sys/devices/system/node/node0/meminfo",
		 "Node 0 MemTotal:   4 kB\n"
		 "Node 0 MemFree: 1 kB\n");
	fake_put(root, "sys/devices/system/node/node1/cpulist", "2-3,6-7\n");
	g_autoptr(host_t) host = new_host(root);
	g_autoptr(json_value_t) json = describe(host);
	json_value_t *topology = json_object_object_get(json, "topology");

	assert_member(topology, "known", "true");
	assert_member(topology, "sockets", "2");
	assert_member(topology, "cores", "4");
	assert_member(topology, "threads", "8");
	assert_member(topology, "threadsPerCore", "2");
	assert_member(topology, "online", "\"0-7\"");
	assert_member(topology, "offline", "\"\"");
	assert_member(topology, "nodes",
		      "[{\"node\":0,\"cpus\":\"0-1,4-5\",\"memory\":4096},"
		      "{\"node\":1,\"cpus\":\"2-3,6-7\",\"memory\":0}]");
	json_value_t *cpus = json_object_object_get(topology, "cpus");
	g_autofree char *last = json_text_print(json_object_array_get_idx(cpus, 7));
	g_assert_cmpstr(last, ==,
			"{\"cpu\":7,\"socket\":1,\"core\":1,\"node\":1,\"siblings\":\"3,7\"}");
}

static void test_offline(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);

	fake_put(root, "sys/devices/system/cpu/online", "0,2\n");
	fake_put(root, "sys/devices/system/cpu/present", "0-3\n");
	put_cpu(root, 0, 0, 0, "0");
	put_cpu(root, 2, 0, 1, "2");
	g_autoptr(host_t) host = new_host(root);
	g_autoptr(json_value_t) json = describe(host);
	json_value_t *topology = json_object_object_get(json, "topology");

	assert_member(topology, "threads", "2");
	assert_member(topology, "cores", "2");
	assert_member(topology, "sockets", "1");
	assert_member(topology, "threadsPerCore", "1");
	assert_member(topology, "online", "\"0,2\"");
	assert_member(topology, "offline", "\"1,3\"");
	assert_member(topology, "nodes", "[]");
	assert_member(json_object_array_get_idx(json_object_object_get(topology, "cpus"), 0),
		      "node", "null");
}

static void test_no_topology(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);
	g_autoptr(json_value_t) json = describe(host);
	json_value_t *topology = json_object_object_get(json, "topology");

	assert_member(topology, "known", "false");
	assert_member(topology, "sockets", "1");
	assert_member(topology, "cores", "2");
	assert_member(topology, "threads", "2");
	assert_member(
		topology, "cpus",
		"[{\"cpu\":0,\"socket\":null,\"core\":null,\"node\":null,\"siblings\":\"0\"},"
		"{\"cpu\":1,\"socket\":null,\"core\":null,\"node\":null,\"siblings\":\"1\"}]");
}

static void test_bad_lists(void)
{
	static const char *const bad[] = {"", "x", "0-", "3-1", "0,0", "1,0", "0,", "99999", "-1"};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(temporary_directory_t) root = new_tree(amd);
		fake_put(root, "sys/devices/system/cpu/online", "%s\n", bad[i]);
		g_autoptr(host_t) host = new_host(root);
		g_autoptr(json_value_t) json = describe(host);
		assert_member(json, "topology", "null");
	}
}

static void test_describe(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);

	host_set_probe(host, usable);
	g_autoptr(json_value_t) json = describe(host);
	assert_member(json, "kernel", "\"6.1.0-test\"");
	assert_member(json, "processor",
		      "{\"vendor\":\"AuthenticAMD\",\"model\":\"AMD EPYC 7313: 16-Core\","
		      "\"guest\":false}");
	assert_member(json, "virtualization", "\"amd-v\"");
	assert_member(json, "memory", "{\"total\":8589934592,\"available\":2147483648}");
	assert_member(json, "kvm",
		      "{\"usable\":true,\"reason\":\"\",\"apiVersion\":12,\"maxVps\":240,"
		      "\"capabilities\":{\"KVM_CAP_IRQFD\":1}}");
	assert_member(
		json, "engines",
		"[{\"name\":\"direct\",\"available\":true,\"reason\":\"KVM on AMD-V: guest code "
		"runs directly on the processor\",\"speed\":{\"kernel\":2000000000,\"user\":null}},"
		"{\"name\":\"translate\",\"available\":false,"
		"\"reason\":\"the engine translate cannot run here: " NO_TRANSLATOR "\","
		"\"speed\":{\"kernel\":null,\"user\":null}}]");
	assert_member(
		json, "auto",
		"{\"engine\":\"direct\",\"reason\":\"chosen by auto; KVM on AMD-V: guest code "
		"runs directly on the processor\"}");
}

static void expect_engine(const struct host *host, enum definition_engine asked,
			  const char *expected)
{
	g_autofree char *reason = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_cmpstr(host_choose_engine(host, asked, NULL, &reason, &error), ==, "direct");
	g_assert_no_error(error);
	g_assert_cmpstr(reason, ==, expected);
}

static void test_engines(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);
	GError *error = NULL;
	char *reason = NULL;

	host_set_probe(host, usable);
	expect_engine(host, ENGINE_DIRECT,
		      "asked for by the definition; KVM on AMD-V: guest code runs directly on the "
		      "processor");
	host_set_probe(host, "{\"virtualization\":\"vt-x\",\"usable\":true}");
	expect_engine(host, ENGINE_AUTO,
		      "chosen by auto; KVM on VT-x: guest code runs directly on the processor");
	host_set_probe(host, "{\"virtualization\":\"software\",\"usable\":true}");
	expect_engine(
		host, ENGINE_AUTO,
		"chosen by auto; software KVM: the processor offers neither AMD-V nor VT-x, so "
		"guest user code runs directly and guest kernel code is emulated slowly here");
	g_assert_null(host_choose_engine(host, ENGINE_TRANSLATE, NULL, &reason, &error));
	assert_message(error, SERVICE_ERROR_NO_HYPERVISOR,
		       "the engine translate cannot run here: " NO_TRANSLATOR);
	g_assert_null(reason);
}

static void expect_translate(const struct host *host, enum definition_engine asked,
			     const char *expected)
{
	g_autofree char *reason = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_cmpstr(host_choose_engine(host, asked, NULL, &reason, &error), ==, "translate");
	g_assert_no_error(error);
	g_assert_true(g_str_has_prefix(reason, expected));
}

/* It is there for whoever asks, and for auto only where direct is not. */
static void test_translate(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);
	GError *error = NULL;
	char *reason = NULL;

	host_set_translate_probe(host, "{\"usable\":true,\"reason\":\"\"}");
	expect_translate(host, ENGINE_TRANSLATE, "asked for by the definition; QEMU translates ");
	expect_translate(host, ENGINE_AUTO, "chosen by auto, since direct cannot run here (");
	g_assert_null(host_choose_engine(host, ENGINE_DIRECT, NULL, &reason, &error));
	g_clear_error(&error);
	host_set_probe(host, usable);
	expect_engine(host, ENGINE_AUTO,
		      "chosen by auto; KVM on AMD-V: guest code runs directly on the processor");
	host_set_translate_probe(host, "{\"usable\":false,\"reason\":\"no QEMU: install it\"}");
	g_assert_null(host_choose_engine(host, ENGINE_TRANSLATE, NULL, &reason, &error));
	assert_message(error, SERVICE_ERROR_NO_HYPERVISOR,
		       "the engine translate cannot run here: no QEMU: install it");
	error = NULL;
	host_set_translate_probe(host, "[1");
	g_assert_null(host_choose_engine(host, ENGINE_TRANSLATE, NULL, &reason, &error));
	assert_message(error, SERVICE_ERROR_NO_HYPERVISOR,
		       "the engine translate cannot run here: " NO_TRANSLATOR);
}

/* A kernel that is emulated would take minutes to boot: auto measures by that, the user may not. */
static void test_slow(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);

	host_set_probe(host, SLOW);
	expect_engine(host, ENGINE_AUTO,
		      "chosen by auto, though slow, since translate cannot run this (" NO_TRANSLATOR
		      "); software KVM: the processor offers neither AMD-V nor VT-x; guest user "
		      "code runs at 2300 and guest kernel code at 0.7 million instructions a "
		      "second");
	host_set_translate_probe(host, TRANSLATOR);
	expect_translate(host, ENGINE_AUTO,
			 "chosen by auto, since the software KVM of this host emulates guest "
			 "kernel code at 0.7 million instructions a second; QEMU translates ");
	expect_engine(host, ENGINE_DIRECT,
		      "asked for by the definition; software KVM: the processor offers neither "
		      "AMD-V nor VT-x; guest user code runs at 2300 and guest kernel code at 0.7 "
		      "million instructions a second");
	/* What is not known is not slow, and hardware is never taken for slow. */
	host_set_probe(host, "{\"virtualization\":\"software\",\"usable\":true,"
			     "\"speed\":{\"kernel\":-5}}");
	expect_engine(host, ENGINE_AUTO,
		      "chosen by auto; software KVM: the processor offers neither AMD-V nor VT-x, "
		      "so guest user code runs directly and guest kernel code is emulated slowly "
		      "here");
	host_set_probe(host, "{\"virtualization\":\"vt-x\",\"usable\":true,"
			     "\"speed\":{\"kernel\":700000,\"user\":700000}}");
	expect_engine(host, ENGINE_AUTO,
		      "chosen by auto; KVM on VT-x: guest code runs directly on the processor");
}

/* What translate has not decides where both could run. */
static void test_lacking(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);
	g_autoptr(definition_t) definition = definition_parse(
		"{\"version\":1,\"name\":\"x\",\"nics\":[{\"type\":\"private\",\"network\":\"n\"}]}",
		NULL);
	g_autofree char *reason = NULL;
	GError *error = NULL;

	host_set_probe(host, SLOW);
	host_set_translate_probe(host, TRANSLATOR);
	g_assert_cmpstr(host_choose_engine_for(host, definition, &reason, &error), ==, "direct");
	g_assert_nonnull(strstr(reason, "since translate cannot run this (definition: "
					"$.nics[0].type: the engine translate has adapters"));
	host_set_probe(host, "{\"usable\":false,\"reason\":\"no\"}");
	g_clear_pointer(&reason, g_free);
	g_assert_null(host_choose_engine_for(host, definition, &reason, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_HYPERVISOR);
	g_assert_nonnull(strstr(error->message, "; and auto cannot take translate (definition: "));
	g_clear_error(&error);
}

static struct definition *with_disk(const char *engine, const char *format, const char *path)
{
	g_autofree char *json = g_strdup_printf(
		"{\"version\":1,\"name\":\"x\",\"engine\":\"%s\",\"disks\":[{\"path\":"
		"\"/none.img\"},{\"path\":\"%s\",\"format\":\"%s\"}]}",
		engine, path, format);
	g_autoptr(GError) error = NULL;
	struct definition *definition = definition_parse(json, &error);

	g_assert_no_error(error);
	return definition;
}

/* NULL, or the engine; takes the definition. */
static const char *choose(const struct host *host, struct definition *definition, char **reason,
			  GError **error)
{
	const char *engine = host_choose_engine_for(host, definition, reason, error);

	definition_unref(definition);
	return engine;
}

/* A block device as a disk: only direct takes it, unless another program serves it. */
static void test_block_device(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autofree char *path = g_build_filename(root, "disk", NULL), *reason = NULL;
	g_autofree char *refused =
		g_strdup_printf("definition: $.disks[1].path: the engine translate takes no block "
				"device as a raw disk, and \"%s\" is one; give an image file, or "
				"set the engine to direct",
				path);
	g_autoptr(host_t) host = new_host(root);
	GError *error = NULL;

	if (!block_node_put(path))
		return;
	host_set_probe(host, SLOW);
	host_set_translate_probe(host, TRANSLATOR);
	g_assert_cmpstr(choose(host, with_disk("auto", "raw", path), &reason, &error), ==,
			"direct");
	g_assert_nonnull(strstr(reason, "chosen by auto, though slow, since translate cannot"));
	g_assert_nonnull(strstr(reason, refused));
	g_clear_pointer(&reason, g_free);
	g_assert_null(choose(host, with_disk("translate", "raw", path), &reason, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_INVALID_DEFINITION, refused);
	g_assert_cmpstr(choose(host, with_disk("auto", "qcow2", path), &reason, &error), ==,
			"translate");
	g_clear_pointer(&reason, g_free);
	host_set_probe(host, "{\"usable\":false,\"reason\":\"no\"}");
	g_assert_null(choose(host, with_disk("auto", "raw", path), &reason, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_HYPERVISOR);
	g_assert_nonnull(strstr(error->message, refused));
	g_clear_error(&error);
}

/* The device file comes, changes and goes. */
static void test_stale(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autofree char *device = g_build_filename(root, "dev/kvm", NULL);
	g_autoptr(host_t) host = new_host(root);

	g_assert_true(host_is_stale(host));
	host_begin_probe(host);
	g_assert_false(host_is_stale(host));
	fake_put(root, "dev/kvm", "x");
	g_assert_true(host_is_stale(host));
	host_begin_probe(host);
	g_assert_false(host_is_stale(host));
	g_assert_cmpint(g_chmod(device, 0400), ==, 0);
	g_assert_true(host_is_stale(host));
	host_begin_probe(host);
	g_assert_cmpint(g_unlink(device), ==, 0);
	g_assert_true(host_is_stale(host));
	host_begin_probe(host);
	g_assert_false(host_is_stale(host));
	host_distrust(host);
	g_assert_true(host_is_stale(host));
}

static void expect_translate_speed(const struct host *host, const char *expected)
{
	g_autoptr(json_value_t) json = describe(host);
	json_value_t *engines = json_object_object_get(json, "engines");

	assert_member(json_object_array_get_idx(engines, 1), "speed", expected);
}

/* What was measured holds for the translator that it was measured of, however often the host is
 * probed and its stamp is asked for. */
static void test_translate_speed(void)
{
	static const char measured[] = "{\"kernel\":300,\"user\":5}",
			  none[] = "{\"kernel\":null,\"user\":null}";
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);

	g_assert_null(host_translate_stamp(host));
	host_set_translate_probe(host, TRANSLATOR "\n");
	host_set_translate_speed(host, "{\"speed\":{\"kernel\":300,\"user\":5}}");
	g_autofree char *before = host_translate_stamp(host);
	g_assert_cmpstr(before, ==, "6.1.0-test " TRANSLATOR);
	host_set_translate_probe(host, TRANSLATOR "\n");
	expect_translate_speed(host, measured);
	/* It is gone for a while. */
	host_set_translate_probe(host, NULL);
	g_assert_null(host_translate_stamp(host));
	expect_translate_speed(host, none);
	host_set_translate_probe(host, TRANSLATOR "\n");
	expect_translate_speed(host, measured);
	g_autofree char *after = host_translate_stamp(host);
	g_assert_cmpstr(before, ==, after);
	host_set_translate_probe(host, "{\"usable\":true,\"reason\":\"\",\"emulator\":\"x\"}\n");
	expect_translate_speed(host, none);
}

/* The service may open it, and the workers, who are another user, may not. */
static void test_closed_to_workers(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autofree char *device = g_build_filename(root, "dev/kvm", NULL);
	g_autoptr(host_t) host = new_host(root);
	g_autofree char *reason = NULL;
	g_autoptr(GError) error = NULL;
	struct stat st;

	if (!getpwnam("nobody") || geteuid() == getpwnam("nobody")->pw_uid) {
		g_test_skip("there is no user nobody, or it runs this");
		return;
	}
	host_set_worker(host, "nobody", NULL);
	host_set_translate_probe(host, TRANSLATOR);
	fake_put(root, "dev/kvm", "x");
	g_assert_cmpint(g_chmod(device, 0600), ==, 0);
	host_begin_probe(host);
	host_set_probe(host, usable);
	expect_translate(host, ENGINE_AUTO, "chosen by auto, since direct cannot run here (");
	g_assert_null(host_choose_engine(host, ENGINE_DIRECT, NULL, &reason, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_HYPERVISOR);
	g_assert_nonnull(strstr(error->message, "/dev/kvm is not open to nobody, the user of the "
						"workers (it is "));
	g_assert_nonnull(strstr(error->message, "mode 0600): run \""));
	g_assert_false(host_is_stale(host));
	/* Joining a group leaves the device as it is. */
	g_assert_cmpint(g_chmod(device, 0660), ==, 0);
	host_begin_probe(host);
	host_set_probe(host, usable);
	g_assert_cmpint(stat(device, &st), ==, 0);
	g_assert_false(host_is_stale(host));
	host_set_worker(host, "nobody", getgrgid(st.st_gid)->gr_name);
	g_assert_true(host_is_stale(host));
	host_set_worker(host, "nobody", NULL);
	g_assert_cmpint(g_chmod(device, 0666), ==, 0);
	g_assert_true(host_is_stale(host));
	host_begin_probe(host);
	host_set_probe(host, usable);
	g_assert_false(host_is_stale(host));
	expect_engine(host, ENGINE_AUTO,
		      "chosen by auto; KVM on AMD-V: guest code runs directly on the processor");
}

/* Who had it is told that it went, and auto says why it takes the other now. */
static void test_lost(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);
	GError *error = NULL;
	char *reason = NULL;

	host_set_probe(host, usable);
	host_set_probe(host, "{\"usable\":false,\"virtualization\":\"none\"}");
	g_assert_null(host_choose_engine(host, ENGINE_AUTO, NULL, &reason, &error));
	assert_message(error, SERVICE_ERROR_NO_HYPERVISOR,
		       "the engine direct cannot run here any more: the processor has AMD-V and "
		       "KVM is not loaded: run \"modprobe kvm_amd\"");
	host_set_translate_probe(host, TRANSLATOR);
	expect_translate(host, ENGINE_AUTO,
			 "chosen by auto, since direct cannot run here any more (the processor has "
			 "AMD-V and KVM is not loaded");
}

static void expect_no_hypervisor(const struct host *host, gboolean lost, const char *why)
{
	g_autofree char *expected = g_strconcat("the engine direct cannot run here",
						lost ? " any more: " : ": ", why, NULL);
	GError *error = NULL;
	char *reason = NULL;

	g_assert_null(host_choose_engine(host, ENGINE_AUTO, NULL, &reason, &error));
	assert_message(error, SERVICE_ERROR_NO_HYPERVISOR, expected);
	g_autoptr(json_value_t) json = describe(host);
	json_value_t *choice = json_object_object_get(json, "auto");
	assert_member(choice, "engine", "null");
	g_assert_cmpstr(json_object_get_string(json_object_object_get(choice, "reason")), ==,
			expected);
}

/* The remedy fits the processor and whether the device is there at all. */
static void test_no_kvm(void)
{
	static const struct {
		const char *vendor, *flags, *why;
		const char *virtualization; /* that the processor has */
		gboolean loaded;
	} cases[] = {
		{"AuthenticAMD", "fpu",
		 "the processor has AMD-V and the firmware keeps it off: enable SVM in the "
		 "firmware setup, then run \"modprobe kvm_amd\"",
		 "amd-v", FALSE},
		{"AuthenticAMD", "fpu svm",
		 "the processor has AMD-V and the firmware keeps it off: enable SVM in the "
		 "firmware setup, then run \"modprobe kvm_amd\"",
		 "amd-v", TRUE},
		{"GenuineIntel", "fpu",
		 "the processor has VT-x and the firmware keeps it off: enable it in the firmware "
		 "setup, then run \"modprobe kvm_intel\"",
		 "vt-x", FALSE},
		{"AuthenticAMD", "fpu svm",
		 "the processor has AMD-V and KVM is not loaded: run \"modprobe kvm_amd\"", "none",
		 FALSE},
		{"GenuineIntel", "fpu vmx",
		 "the processor has VT-x and KVM is not loaded: run \"modprobe kvm_intel\"", "none",
		 FALSE},
		{"AuthenticAMD", "fpu",
		 "the processor does not offer AMD-V: enable SVM in the "
		 "firmware setup, then run \"modprobe kvm_amd\"",
		 "none", FALSE},
		{"GenuineIntel", "fpu svmx",
		 "the processor does not offer VT-x: enable it in the "
		 "firmware setup, then run \"modprobe kvm_intel\"",
		 "none", FALSE},
		{"GenuineIntel", "fpu hypervisor",
		 "this host is itself a virtual machine whose processor offers neither AMD-V nor "
		 "VT-x: enable nested virtualization where it runs",
		 "none", FALSE},
		{"Other", "fpu",
		 "the processor offers neither AMD-V nor VT-x: use a host that has "
		 "one",
		 "none", FALSE},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *cpuinfo = g_strdup_printf("vendor_id\t: %s\nflags\t\t: %s\n",
							   cases[i].vendor, cases[i].flags);
		g_autoptr(temporary_directory_t) root = new_tree(cpuinfo);
		g_autoptr(host_t) host = new_host(root);
		g_autofree char *probe =
			g_strdup_printf("{\"virtualization\":\"%s\",\"usable\":false,"
					"\"reason\":\"open failed\"}",
					cases[i].virtualization);
		if (cases[i].loaded)
			fake_put(root, "sys/module/kvm_amd/refcnt", "0\n");
		host_set_probe(host, probe);
		expect_no_hypervisor(host, FALSE, cases[i].why);
	}
}

static void test_denied(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);

	fake_put(root, "sys/class/misc/kvm/dev", "10:232\n");
	host_set_probe(host,
		       "{\"virtualization\":\"amd-v\",\"usable\":false,\"reason\":\"the worker "
		       "may not open /dev/kvm: add its user web to group kvm\"}");
	expect_no_hypervisor(host, FALSE,
			     "the worker may not open /dev/kvm: add its user web to group kvm");
	g_autoptr(json_value_t) json = describe(host);
	assert_member(json, "virtualization", "\"amd-v\"");
	host_set_probe(host, "{\"usable\":false}");
	expect_no_hypervisor(host, FALSE,
			     "/dev/kvm cannot be used and the kernel does not say why: look at "
			     "the kernel log");
}

static void test_bad_probe(void)
{
	static const char *const bad[] = {"", "x", "[]", "{\"usable\":true", "{\"a\":1,\"a\":2}"};
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		host_set_probe(host, usable);
		host_set_probe(host, bad[i]);
		expect_no_hypervisor(host, TRUE,
				     "vmworker --probe gave an answer that is not JSON: "
				     "install the vmworker that belongs to this vmmsd");
	}
	host_set_probe(host, NULL);
	expect_no_hypervisor(host, TRUE,
			     "/dev/kvm was not looked at, since vmworker --probe did not "
			     "answer: see that vmworker is installed");
	/* Members of the wrong type are as good as absent. */
	host_set_probe(host, "{\"virtualization\":7,\"usable\":true,\"maxVps\":\"x\","
			     "\"capabilities\":[]}");
	g_autoptr(json_value_t) json = describe(host);
	assert_member(json, "virtualization", "\"none\"");
	assert_member(json, "kvm",
		      "{\"usable\":true,\"reason\":\"\",\"apiVersion\":0,\"maxVps\":0,"
		      "\"capabilities\":{}}");
}

static void test_memory(void)
{
	g_autoptr(temporary_directory_t) root = new_tree(amd);
	g_autoptr(host_t) host = new_host(root);
	GError *error = NULL;

	g_assert_true(host_check_memory(host, UINT64_C(2) << 30, "web1", &error));
	g_assert_no_error(error);
	g_assert_false(host_check_memory(host, (UINT64_C(2) << 30) + 4096, "web1", &error));
	assert_message(
		g_steal_pointer(&error), SERVICE_ERROR_NO_MEMORY,
		"VM web1 needs 2049 MiB of memory and the host can give 2048 MiB now (it has "
		"8192 MiB): give the VM less, or stop another");
	fake_put(root, "proc/meminfo", "MemTotal: 5 kB\nXMemAvailable: 9 kB\n");
	g_assert_false(host_check_memory(host, 4096, "web1", &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED);
	g_clear_error(&error);
}

static void test_no_proc(void)
{
	GError *error = NULL;

	g_assert_null(host_new("/nonexistent/sys", "/nonexistent/proc", HOST_KVM_DEVICE, &error));
	assert_message(error, SERVICE_ERROR_FAILED,
		       "/nonexistent/proc/cpuinfo cannot be read: mount procfs");
}

/* This machine, whatever it is, is described without a complaint. */
static void test_here(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(host_t) host = host_new("/sys", "/proc", HOST_KVM_DEVICE, &error);

	g_assert_no_error(error);
	g_autoptr(json_value_t) json = describe(host);
	json_value_t *topology = json_object_object_get(json, "topology");
	json_value_t *threads = json_object_object_get(topology, "threads");
	json_value_t *cpus = json_object_object_get(topology, "cpus");
	g_assert_cmpint(json_object_get_int64(threads), >, 0);
	g_assert_cmpint(json_object_get_int64(threads), ==, (gint64)json_object_array_length(cpus));
	g_assert_true(host_check_memory(host, 4096, "x", &error));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/two-sockets", test_two_sockets);
	g_test_add_func("/host/offline", test_offline);
	g_test_add_func("/host/no-topology", test_no_topology);
	g_test_add_func("/host/bad-lists", test_bad_lists);
	g_test_add_func("/host/describe", test_describe);
	g_test_add_func("/host/engines", test_engines);
	g_test_add_func("/host/translate", test_translate);
	g_test_add_func("/host/slow", test_slow);
	g_test_add_func("/host/lacking", test_lacking);
	g_test_add_func("/host/block-device", test_block_device);
	g_test_add_func("/host/translate-speed", test_translate_speed);
	g_test_add_func("/host/closed-to-workers", test_closed_to_workers);
	g_test_add_func("/host/stale", test_stale);
	g_test_add_func("/host/lost", test_lost);
	g_test_add_func("/host/no-kvm", test_no_kvm);
	g_test_add_func("/host/denied", test_denied);
	g_test_add_func("/host/bad-probe", test_bad_probe);
	g_test_add_func("/host/memory", test_memory);
	g_test_add_func("/host/no-proc", test_no_proc);
	g_test_add_func("/host/here", test_here);
	return g_test_run();
}
