/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How VMs share this machine's processors, with a worker that has threads but no guest. What
 * cgroups do is not seen here (tests/lab/scheduling.sh does); that threads are bound where it was
 * asked is.
 */
#include <glib/gstdio.h>
#include <json-c/json.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "vmmsd_fixture.h"

static char *call_text(struct fixture *f, const char *vm, const char *method)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *text;
	char *copy;

	if (sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, method, &error, &reply, NULL) < 0)
		g_error("%s: %s", method, error.message);
	g_assert_cmpint(sd_bus_message_read(reply, "s", &text), >, 0);
	copy = g_strdup(text);
	sd_bus_message_unref(reply);
	return copy;
}

/* A member of "scheduling" in what show prints, as JSON. */
static char *shown(struct fixture *f, const char *vm, const char *member)
{
	g_autofree char *text = call_text(f, vm, "Describe");
	json_object *root = json_tokener_parse(text);
	json_object *value =
		json_object_object_get(json_object_object_get(root, "scheduling"), member);
	char *copy = g_strdup(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));

	json_object_put(root);
	return copy;
}

static void assert_shown(struct fixture *f, const char *vm, const char *member,
			 const char *expected)
{
	g_autofree char *text = shown(f, vm, member);

	g_assert_cmpstr(text, ==, expected);
}

static void edit(struct fixture *f, const char *vm, const char *patch)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;

	if (sd_bus_call_method(f->bus, NULL, vm, VMMS_IFACE_VM, "Edit", &error, NULL, "s", patch) <
	    0)
		g_error("Edit: %s", error.message);
}

#define SCHEDULING(members) "{\"cpus\":{\"scheduling\":{" members "}}}"

static char *define(struct fixture *f, const char *name, guint count, const char *scheduling)
{
	g_autofree char *members =
		g_strdup_printf(",\"cpus\":{\"count\":%u,\"scheduling\":{%s}}", count, scheduling);

	return fixture_define_with(f, name, "vps", members);
}

/* The first CPU that this test may use, and how many there are. */
static guint first_cpu(void)
{
	cpu_set_t set;
	guint cpu = 0;

	g_assert_cmpint(sched_getaffinity(0, sizeof(set), &set), ==, 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	return cpu;
}

static gboolean has_two_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_ISSET(0, &set) &&
	       CPU_ISSET(1, &set);
}

/* "0x3": where a thread of the worker may run; name NULL: the process itself. */
static unsigned long mask_of(struct fixture *f, const char *vm, const char *name)
{
	guint32 pid = fixture_worker_pid(f, vm);
	g_autofree char *path = g_strdup_printf("/proc/%u/task", pid);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *entry;
	cpu_set_t set;

	while ((entry = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, entry, "comm", NULL);
		g_autofree char *comm = NULL;
		unsigned long mask = 0;
		int tid = (int)g_ascii_strtoll(entry, NULL, 10);

		if (!g_file_get_contents(file, &comm, NULL, NULL))
			continue;
		if (name ? !g_str_equal(g_strchomp(comm), name) : tid != (int)pid)
			continue;
		g_assert_cmpint(sched_getaffinity(tid, sizeof(set), &set), ==, 0);
		for (guint cpu = 0; cpu < 32; cpu++)
			mask |= CPU_ISSET(cpu, &set) ? 1ul << cpu : 0;
		return mask;
	}
	g_error("the worker has no thread %s", name ? name : "of its own");
}

/* Affinity at the start, and edited while the VM runs, of the whole and of one processor. */
static void test_affinity(void)
{
	struct fixture *f;
	g_autofree char *vm = NULL;
	guint32 pid;

	if (!has_two_cpus()) {
		g_test_skip("this takes CPUs 0 and 1");
		return;
	}
	f = fixture_new(NULL);
	vm = define(f, "web1", 2, "\"affinity\":\"0\"");
	assert_shown(f, vm, "cpus", "null");
	fixture_do(f, vm, "Start");
	pid = fixture_worker_pid(f, vm);
	g_assert_cmpuint(mask_of(f, vm, "vp0"), ==, 1);
	g_assert_cmpuint(mask_of(f, vm, "vp1"), ==, 1);
	g_assert_cmpuint(mask_of(f, vm, NULL), ==, 1);
	assert_shown(f, vm, "cpus", "\"0\"");
	edit(f, vm, SCHEDULING("\"affinity\":\"1\""));
	g_assert_cmpuint(mask_of(f, vm, "vp0"), ==, 2);
	g_assert_cmpuint(mask_of(f, vm, NULL), ==, 2);
	edit(f, vm, SCHEDULING("\"affinity\":null,\"vcpuAffinity\":[\"0\",\"1\"]"));
	g_assert_cmpuint(mask_of(f, vm, "vp0"), ==, 1);
	g_assert_cmpuint(mask_of(f, vm, "vp1"), ==, 2);
	g_assert_cmpuint(mask_of(f, vm, NULL) & 3, ==, 3);
	edit(f, vm, SCHEDULING("\"vcpuAffinity\":null"));
	g_assert_cmpuint(mask_of(f, vm, "vp0") & 3, ==, 3);
	g_assert_cmpuint(fixture_worker_pid(f, vm), ==, pid);
	/* A later vmmsd finds it as it is, and goes on. */
	edit(f, vm, SCHEDULING("\"affinity\":\"1\""));
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_start(f);
	g_assert_cmpuint(mask_of(f, vm, "vp0"), ==, 2);
	assert_shown(f, vm, "cpus", "\"1\"");
	edit(f, vm, SCHEDULING("\"affinity\":\"0\""));
	g_assert_cmpuint(mask_of(f, vm, "vp0"), ==, 1);
	g_assert_cmpuint(fixture_worker_pid(f, vm), ==, pid);
	fixture_free(f);
}

static void refuses_edit(struct fixture *f, const char *vm, const char *error, const char *text,
			 const char *patch)
{
	g_autofree char *before = call_text(f, vm, "GetDefinition");
	g_autofree char *after = NULL;

	fixture_expect_error(f, vm, VMMS_IFACE_VM, "Edit", error, text, "s", patch);
	after = call_text(f, vm, "GetDefinition");
	g_assert_cmpstr(after, ==, before);
}

/* CPUs that this host has not, and sets that cannot be. */
static void test_bad_cpus(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *absent = define(f, "absent", 1, "\"affinity\":\"0,8000\"");
	g_autofree char *list = define(f, "list", 1, "\"vcpuAffinity\":[\"8000\"]");
	g_autofree char *node = define(f, "node", 1, "\"numaNode\":900");
	g_autofree char *all = define(f, "all", 1, "");
	g_autofree char *topology =
		fixture_define_with(f, "topology", "vps",
				    ",\"cpus\":{\"count\":128,\"topology\":{\"threadsPerCore\":0,"
				    "\"cores\":2}}");
	g_autofree char *whole = NULL;
	g_autofree char *online = NULL;

	fixture_refuses(f, absent, "Start", "InsufficientCpu",
			"VM absent: affinity: CPU 8000 is not in this host, where CPU");
	fixture_refuses(f, list, "Start", "InsufficientCpu",
			"VM list: vcpuAffinity[0]: CPU 8000 is not in this host");
	fixture_refuses(f, node, "Start", "InsufficientCpu",
			"VM node: numaNode: node 900 is not in this host, which has");
	fixture_refuses(f, topology, "Start", "InvalidDefinition",
			"2 cores per socket would need 64 threads each, and a core of this host "
			"has");
	fixture_do(f, all, "Start");
	refuses_edit(f, all, "InsufficientCpu", "VM all: affinity: CPU 8000 is not in this host",
		     SCHEDULING("\"affinity\":\"8000\""));
	refuses_edit(f, all, "InvalidDefinition", "$.cpus.scheduling.affinity: \"\" is not valid",
		     SCHEDULING("\"affinity\":\"\""));
	refuses_edit(f, all, "InvalidDefinition",
		     "$.cpus.scheduling.weight: 0 is below the minimum 1; give 1 to 10000",
		     SCHEDULING("\"weight\":0"));
	refuses_edit(f, all, "InvalidDefinition",
		     "$.cpus.scheduling.limit: 101 is more than the 100 % of 1 processor",
		     SCHEDULING("\"limit\":101"));
	refuses_edit(f, all, "InvalidDefinition",
		     "$.cpus.scheduling.reserve: 101 is more than the 100 % of 1 processor",
		     SCHEDULING("\"reserve\":101"));
	g_assert_true(g_file_get_contents("/sys/devices/system/cpu/online", &online, NULL, NULL));
	whole = g_strdup_printf(
		"{\"cpus\":{\"scheduling\":{\"affinity\":\"%s\",\"exclusive\":true}}}",
		g_strchomp(online));
	refuses_edit(f, all, "InsufficientCpu", "for itself would leave the host no CPU", whole);
	/* One that does not run may be defined for another host. */
	edit(f, absent, SCHEDULING("\"affinity\":\"7000\""));
	fixture_free(f);
}

/* 60 % and 30 % fit on a CPU, and 20 % more do not: at the start, and by an edit. */
static void test_reservations(void)
{
	struct fixture *f = fixture_new(NULL);
	guint cpu = first_cpu();
	g_autofree char *on = g_strdup_printf("\"affinity\":\"%u\",\"reserve\":60", cpu);
	g_autofree char *on30 = g_strdup_printf("\"affinity\":\"%u\",\"reserve\":30", cpu);
	g_autofree char *on20 = g_strdup_printf("\"affinity\":\"%u\",\"reserve\":20", cpu);
	g_autofree char *a = define(f, "a", 1, on);
	g_autofree char *b = define(f, "b", 1, on30);
	g_autofree char *c = define(f, "c", 1, on20);
	g_autofree char *d = define(f, "d", 1, "");
	g_autofree char *sum = g_strdup_printf("= 110 %% of a CPU would be reserved, and CPU %u "
					       "can give 95 %% (95 %% each): lower a reservation",
					       cpu);

	fixture_do(f, a, "Start");
	fixture_do(f, b, "Start");
	fixture_refuses(f, c, "Start", "InsufficientCpu", sum);
	fixture_refuses(f, c, "Start", "InsufficientCpu", "VM c: its reservation does not fit: ");
	fixture_refuses(f, c, "Start", "InsufficientCpu", " + 20 % (c) ");
	refuses_edit(f, b, "InsufficientCpu", "VM b: its reservation does not fit",
		     SCHEDULING("\"reserve\":50"));
	edit(f, b, SCHEDULING("\"reserve\":35"));
	/* Without one it may run beside them; with their end there is room. */
	fixture_do(f, d, "Start");
	fixture_do(f, a, "Stop");
	fixture_do(f, c, "Start");
	fixture_free(f);
}

/* A member of "scheduling" in what "host" prints; g_free. */
static char *host_says(struct fixture *f, const char *member)
{
	sd_bus_message *reply = NULL;
	json_object *root;
	const char *text;
	char *copy;

	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					   "DescribeHost", NULL, &reply, NULL),
			>=, 0);
	g_assert_cmpint(sd_bus_message_read(reply, "s", &text), >, 0);
	root = json_tokener_parse(text);
	copy = g_strdup(json_object_get_string(
		json_object_object_get(json_object_object_get(root, "scheduling"), member)));
	json_object_put(root);
	sd_bus_message_unref(reply);
	return copy;
}

/* What "host" says of it is what "show" says of a VM that runs, with the reason. */
static void assert_host_says(struct fixture *f, const char *mechanism)
{
	g_autofree char *here = host_says(f, "mechanism"), *note = host_says(f, "note");
	g_autofree char *core = host_says(f, "coreScheduling");
	g_autofree char *reason = host_says(f, "coreSchedulingReason");
	g_autofree char *quoted = g_strdup_printf("\"%s\"", here);

	g_assert_cmpstr(quoted, ==, mechanism);
	g_assert_cmpint(g_str_equal(here, "affinity"), ==,
			g_str_has_prefix(note, "no cgroup delegation ("));
	/* Either the kernel has it, or there is a reason. */
	g_assert_cmpint(g_str_equal(core, "true"), ==, *reason == '\0');
}

/* The detail of the last such event of a VM; NULL: there is none. */
static char *last_event(struct fixture *f, const char *vm, const char *wanted)
{
	const char *uuid, *name, *event, *detail;
	sd_bus_message *reply = NULL;
	char *last = NULL;
	uint64_t id, time;

	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					   "GetEvents", NULL, &reply, "t", UINT64_C(0)),
			>=, 0);
	g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', "(ttssss)"), >, 0);
	while (sd_bus_message_read(reply, "(ttssss)", &id, &time, &uuid, &name, &event, &detail) >
	       0) {
		if (!g_str_equal(event, wanted) || !g_str_equal(name, vm))
			continue;
		g_free(last);
		last = g_strdup(detail);
	}
	sd_bus_message_unref(reply);
	return last;
}

static guint count_events(struct fixture *f, const char *wanted)
{
	const char *uuid, *name, *event, *detail;
	sd_bus_message *reply = NULL;
	uint64_t id, time;
	guint n = 0;

	g_assert_cmpint(sd_bus_call_method(f->bus, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					   "GetEvents", NULL, &reply, "t", UINT64_C(0)),
			>=, 0);
	g_assert_cmpint(sd_bus_message_enter_container(reply, 'a', "(ttssss)"), >, 0);
	while (sd_bus_message_read(reply, "(ttssss)", &id, &time, &uuid, &name, &event, &detail) >
	       0)
		n += g_str_equal(event, wanted);
	sd_bus_message_unref(reply);
	return n;
}

/* Where the kernel has it there is nothing to say, and else the VM runs without, and says so. */
static void test_core_scheduling(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = define(f, "web1", 1, "\"coreScheduling\":\"vm\"");
	g_autofree char *strict =
		define(f, "web2", 1, "\"coreScheduling\":\"vcpu\",\"coreSchedulingRequired\":true");
	g_autofree char *note = NULL, *reason = NULL, *expected = NULL;

	fixture_do(f, vm, "Start");
	note = shown(f, vm, "note");
	reason = host_says(f, "coreSchedulingReason");
	expected = *reason ? g_strdup_printf("\"coreScheduling: %s\"", reason) : g_strdup("\"\"");
	g_assert_cmpstr(note, ==, expected);
	assert_shown(f, vm, "coreScheduling", "\"vm\"");
	refuses_edit(f, vm, "WrongState", "web1", SCHEDULING("\"coreScheduling\":\"off\""));
	if (g_str_has_prefix(reason, "unavailable"))
		fixture_refuses(f, strict, "Start", "InsufficientCpu",
				"VM web2: it requires core scheduling, which is unavailable on "
				"this kernel (no CONFIG_SCHED_CORE): start it on a kernel that has "
				"it, or take coreSchedulingRequired back");
	else
		fixture_do(f, strict, "Start");
	fixture_free(f);
}

/* Where nothing can weigh, it is said, and only of what was asked for. */
static void test_note(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *plain = define(f, "plain", 1, "");
	g_autofree char *wishes =
		define(f, "wishes", 1, "\"weight\":300,\"limit\":50,\"deviceWeight\":20");
	g_autofree char *mechanism = NULL, *note = NULL;

	fixture_do(f, plain, "Start");
	fixture_do(f, wishes, "Start");
	assert_shown(f, plain, "note", "\"\"");
	assert_shown(f, wishes, "weight", "300");
	mechanism = shown(f, wishes, "mechanism");
	note = shown(f, wishes, "note");
	assert_host_says(f, mechanism);
	if (g_str_equal(mechanism, "\"affinity\"")) {
		g_assert_true(g_str_has_prefix(
			note,
			"\"not available here: weight, limit, deviceWeight: no cgroup delegation ("));
		assert_shown(f, wishes, "cpuWeight", "null");
		g_assert_cmpuint(count_events(f, "scheduling-limited"), ==, 1);
		edit(f, wishes, SCHEDULING("\"weight\":100,\"limit\":null,\"deviceWeight\":null"));
		assert_shown(f, wishes, "note", "\"\"");
	} else {
		g_assert_cmpstr(mechanism, ==, "\"cgroup\"");
		assert_shown(f, wishes, "cpuWeight", "300");
	}
	fixture_do(f, wishes, "Stop");
	assert_shown(f, wishes, "mechanism", "null");
	assert_shown(f, wishes, "note", "\"\"");
	fixture_free(f);
}

#define ONLINE "/sys/devices/system/cpu/online"

/* In place, since what is mounted is the file, not its name. */
static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	g_assert_nonnull(file);
	g_assert_cmpint(fputs(text, file), >=, 0);
	g_assert_cmpint(fclose(file), ==, 0);
}

static void expect_event(struct fixture *f, const char *name, const char *event, const char *part)
{
	g_autofree char *detail = last_event(f, name, event);

	g_assert_nonnull(detail);
	g_assert_nonnull(strstr(detail, part));
}

/* By a test of its own, whose mounts nobody else sees: the host says that it lost CPU 1. */
static void lose_cpu(void)
{
	g_autofree char *dir = g_dir_make_tmp("vmmsd-online-XXXXXX", NULL);
	g_autofree char *online = g_build_filename(dir, "online", NULL);
	g_autofree char *bound = NULL, *a = NULL, *b = NULL, *other = NULL;
	struct fixture *f;

	write_file(online, "0-1\n");
	g_assert_cmpint(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
	g_assert_cmpint(mount(online, ONLINE, NULL, MS_BIND, NULL), ==, 0);
	f = fixture_new(NULL);
	bound = define(f, "bound", 1, "\"affinity\":\"1\"");
	a = define(f, "a", 1, "\"affinity\":\"0\",\"reserve\":60");
	b = define(f, "b", 1, "\"affinity\":\"1\",\"reserve\":60");
	other = define(f, "other", 1, "");
	fixture_hvctl(f, 0, "", "group create web");
	fixture_do(f, other, "Start");
	fixture_do(f, bound, "Start");
	fixture_do(f, a, "Start");
	fixture_do(f, b, "Start");
	write_file(online, "0\n");
	/* Whatever happens next finds it out; the sooner is udev's business. */
	edit(f, other, SCHEDULING("\"weight\":100,\"background\":true"));
	expect_event(f, "bound", "cpus-lost", "none of the CPUs of its affinity is online");
	expect_event(f, "bound", "scheduling-limited",
		     "none of the CPUs that it is bound to can be used now");
	expect_event(f, "b", "cpus-lost", "none of the CPUs of its affinity is online");
	expect_event(f, "b", "scheduling-limited",
		     "the reservation of 60 % cannot be kept now: 60 % (a) + 60 % (b) = 120 % of a "
		     "CPU would be reserved, and CPU 0 can give 95 % (95 % each)");
	g_assert_null(last_event(f, "bound", "scheduling-restored"));
	/* What has nothing to do with it, or leaves it as it is, goes on; what makes it worse not.
	 */
	fixture_hvctl(f, 0, "", "group edit web --weight 200");
	fixture_hvctl(f, 0, "", "group create mail");
	fixture_hvctl(f, 0, "", "edit b --weight 200");
	fixture_hvctl(f, 0, "", "edit b --group web");
	fixture_hvctl(f, 1,
		      "hvctl: VM b: its reservation does not fit: 60 % (a) + 61 % (b) = 121 % of a "
		      "CPU would be reserved, and CPU 0 can give 95 % (95 % each): lower a "
		      "reservation, stop one of these VMs, or give one other CPUs\n",
		      "edit b --reserve 61");
	fixture_hvctl(f, 1,
		      "hvctl: group web: the reservations do not fit: 60 % (b) = 60 % of a CPU "
		      "would be reserved in group web, whose cap is 63 % (of which 95 in 100 can "
		      "be reserved): lower a reservation, stop one of these VMs, or raise the "
		      "cap\n",
		      "group edit web --cap 63");
	write_file(online, "0-1\n");
	edit(f, other, SCHEDULING("\"background\":false"));
	expect_event(f, "bound", "cpus-back", "online again");
	expect_event(f, "bound", "scheduling-restored",
		     "nothing of what its definition asks for is lacking any more");
	expect_event(f, "b", "cpus-back", "online again");
	g_free(bound);
	bound = shown(f, b, "note");
	g_assert_null(strstr(bound, "cannot be kept"));
	fixture_free(f);
	g_assert_cmpint(umount(ONLINE), ==, 0);
	g_assert_cmpint(g_remove(online), ==, 0);
	g_assert_cmpint(g_rmdir(dir), ==, 0);
}

static void test_lost(void)
{
	if (g_test_subprocess()) {
		if (unshare(CLONE_NEWNS) == 0)
			lose_cpu();
		return;
	}
	if (geteuid() != 0) {
		g_test_skip("mounting something over sysfs takes root");
		return;
	}
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
	g_test_trap_assert_passed();
}

/* The worker is told a topology in which nothing is open. */
static void test_topology(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define_with(
		f, "web1", "vps", ",\"cpus\":{\"count\":4,\"topology\":{\"threadsPerCore\":0}}");
	g_autofree char *uuid = fixture_get(f, vm, "Uuid");
	g_autofree char *log = g_build_filename(f->dir, "run", uuid, "worker.log", NULL);
	g_autofree char *text = NULL;
	json_object *root, *topology;

	fixture_do(f, vm, "Start");
	g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
	root = json_tokener_parse(text);
	topology = json_object_object_get(json_object_object_get(root, "cpus"), "topology");
	g_assert_cmpint(
		json_object_get_int(json_object_object_get(topology, "sockets")) *
			json_object_get_int(json_object_object_get(topology, "cores")) *
			json_object_get_int(json_object_object_get(topology, "threadsPerCore")),
		==, 4);
	json_object_put(root);
	/* As the user wrote it. */
	g_free(text);
	text = call_text(f, vm, "GetDefinition");
	g_assert_nonnull(strstr(text, "\"topology\":{\"sockets\":1,\"threadsPerCore\":0}"));
	fixture_refuses(f, vm, "Start", "WrongState", "VM web1 is running");
	fixture_free(f);
}

static json_object *statistics(struct fixture *f, const char *vm)
{
	g_autofree char *text = call_text(f, vm, "GetStatistics");
	json_object *root = json_tokener_parse(text);

	g_assert_nonnull(root);
	return root;
}

static int64_t vcpu_number(json_object *stats, guint vcpu, const char *member)
{
	json_object *one = json_object_array_get_idx(json_object_object_get(stats, "vcpus"), vcpu);

	return json_object_get_int64(json_object_object_get(one, member));
}

static int on_no_statistics(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);

	(void)unused;
	g_assert_nonnull(error);
	g_assert_cmpstr(error->name, ==, VMMS_ERROR_PREFIX "Worker");
	g_assert_nonnull(strstr(error->message, "ended before it had answered"));
	*(gboolean *)userdata = TRUE;
	return 0;
}

/* A worker that ends instead of answering: its client is told so, and not left waiting. */
static void test_statistics_end(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *mute = fixture_define(f, "mute", "hang-in-statistics");
	gboolean told = FALSE;

	fixture_do(f, mute, "Start");
	g_assert_cmpint(sd_bus_call_method_async(f->bus, NULL, NULL, mute, VMMS_IFACE_VM,
						 "GetStatistics", on_no_statistics, &told, NULL),
			>=, 0);
	fixture_do(f, mute, "Stop");
	while (!told)
		fixture_turn(f);
	fixture_free(f);
}

/* The worker's counters in their places, and the kernel's of each thread. */
static void test_statistics(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = define(f, "web1", 2, "");
	g_autofree char *odd = fixture_define(f, "odd", "odd-statistics");
	g_autofree char *mute = fixture_define(f, "mute", "hang-in-statistics");
	json_object *first, *second, *exits;

	fixture_refuses(f, vm, "GetStatistics", "WrongState",
			"VM web1 is off and counts nothing: start it first");
	fixture_do(f, vm, "Start");
	first = statistics(f, vm);
	second = statistics(f, vm);
	g_assert_cmpuint(json_object_array_length(json_object_object_get(first, "vcpus")), ==, 2);
	g_assert_cmpint(vcpu_number(first, 0, "slices"), >, 0);
	g_assert_cmpint(vcpu_number(second, 0, "used"), >=, vcpu_number(first, 0, "used"));
	g_assert_cmpint(json_object_get_int64(json_object_object_get(second, "time")), >,
			json_object_get_int64(json_object_object_get(first, "time")));
	exits = json_object_object_get(
		json_object_array_get_idx(json_object_object_get(first, "vcpus"), 1), "exits");
	g_assert_cmpint(json_object_get_int64(json_object_object_get(exits, "io")), ==, 3);
	g_assert_cmpint(vcpu_number(first, 1, "halted"), ==, 7000);
	g_assert_null(json_object_object_get(
		json_object_array_get_idx(json_object_object_get(first, "vcpus"), 0), "halted"));
	exits = json_object_object_get(first, "exits");
	g_assert_cmpint(json_object_get_int64(json_object_object_get(exits, "io")), ==, 10);
	exits = json_object_object_get(first, "counters");
	g_assert_cmpint(json_object_get_int64(json_object_object_get(exits, "console.bytes")), ==,
			5);
	json_object_put(first);
	json_object_put(second);
	/* Names that make no sense are left out; one that does not answer is an error in time. */
	fixture_do(f, odd, "Start");
	first = statistics(f, odd);
	g_assert_null(json_object_object_get(first, "counters"));
	g_assert_cmpuint(json_object_array_length(json_object_object_get(first, "vcpus")), ==, 1);
	json_object_put(first);
	fixture_do(f, mute, "Start");
	fixture_refuses(f, mute, "GetStatistics", "Worker",
			"did not answer to GetStatistics in time");
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/scheduling/affinity", test_affinity);
	g_test_add_func("/vmmsd/scheduling/bad-cpus", test_bad_cpus);
	g_test_add_func("/vmmsd/scheduling/reservations", test_reservations);
	g_test_add_func("/vmmsd/scheduling/note", test_note);
	g_test_add_func("/vmmsd/scheduling/lost", test_lost);
	g_test_add_func("/vmmsd/scheduling/core-scheduling", test_core_scheduling);
	g_test_add_func("/vmmsd/scheduling/topology", test_topology);
	g_test_add_func("/vmmsd/scheduling/statistics", test_statistics);
	g_test_add_func("/vmmsd/scheduling/statistics-end", test_statistics_end);
	return g_test_run();
}
