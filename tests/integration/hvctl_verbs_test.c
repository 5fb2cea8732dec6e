// SPDX-License-Identifier: LGPL-2.1-or-later
/* Every verb of hvctl against the fake service: what it prints, and how it fails. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hvctl_fixture.h"

static void setup(struct service *service, const void *data)
{
	service_start(service, GPOINTER_TO_INT(data));
}

static void teardown(struct service *service, const void *data)
{
	(void)data;
	service_stop(service);
}

static struct json_object *json_of(const struct service *service, const char *verb, const char *a,
				   const char *b)
{
	struct result r = hvctl(service, verb, "-o", "json", a, b, NULL);

	g_assert_cmpint(r.status, ==, 0);
	struct json_object *object = json_tokener_parse(r.out);
	g_assert_nonnull(object);
	result_clear(&r);
	return object;
}

static void test_life(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "create", "web1", "web2", "--cpus", "2", "--memory", "1g");
	expect(s, 0, "web1  off       2      1G       -  -\n", "list");
	expect(s, 0, "web1\nweb2\n", "list", "-o", "name");
	expect(s, 0, "", "start", "web1", "web2", "--timeout", "10");
	expect(s, 0, "web1  running     2      1G", "list", "web*");
	expect(s, 4, "VM web1 is running", "start", "web1");
	expect(s, 0, "", "pause", "web1");
	expect(s, 0, "paused", "list", "web1");
	expect(s, 0, "", "resume", "web1");
	expect(s, 0, "", "reset", "web1");
	expect(s, 4, "VM web1 is running", "discard", "web1");
	expect(s, 0, "", "save", "web1", "--timeout", "5");
	expect(s, 0, "saved", "list", "web1");
	expect(s, 4, "VM web1 is saved", "save", "web1");
	expect(s, 0, "", "discard", "web1");
	expect(s, 3, "nobody", "save", "nobody");
	expect(s, 0, "", "start", "web1");
	expect(s, 4, "stop it first", "delete", "web1");
	expect(s, 0, "", "shutdown", "web1", "--timeout", "5");
	expect(s, 0, "", "stop", "web2");
	expect(s, 0, "", "rename", "web2", "db1");
	expect(s, 0, "db1 off\n", "autostart", "db1");
	expect(s, 0, "", "autostart", "db1", "web1", "on");
	expect(s, 0, "db1 on\nweb1 on\n", "autostart", "db1", "web1");
	expect(s, 0, "", "edit", "db1", "--memory", "3M", "--description", "x");
	expect(s, 0, "Memory:         3M (3145728 bytes)\nUptime:         -\n", "show", "db1");
	expect(s, 0, "db1\n", "show", "db1", "-o", "name");
	expect(s, 0, "", "start", "db1", "web1");
	expect(s, 0, "", "stop-all");
	expect(s, 0, "db1   off", "list");
	expect(s, 0, "", "start", "db1");
	expect(s, 0, "", "delete", "--stop", "db1", "web1");
	expect(s, 0, "", "list");
	expect(s, 0, "[]\n", "list", "-o", "json");
}

static void test_definition(struct service *s, const void *data)
{
	g_autofree char *here = g_get_current_dir();
	struct json_object *object, *boot;

	(void)data;
	expect(s, 0, "", "create", "a", "--kernel", "vmlinuz", "--initrd", "/i", "--cmdline",
	       "a\"b", "--engine", "direct", "--stop-action", "off", "--stop-timeout", "7",
	       "--stop-order", "3", "--on-reboot", "stop", "--on-crash", "restart", "--autostart",
	       "--memory", "2GiB");
	struct result r = hvctl(s, "show", "a", "--definition", NULL);
	object = json_tokener_parse(r.out);
	g_assert_true(json_object_object_get_ex(object, "boot", &boot));
	g_autofree char *kernel = g_build_filename(here, "vmlinuz", NULL);
	g_assert_cmpstr(json_object_get_string(json_object_object_get(boot, "kernel")), ==, kernel);
	g_assert_cmpstr(json_object_get_string(json_object_object_get(boot, "initrd")), ==, "/i");
	g_assert_cmpstr(json_object_get_string(json_object_object_get(boot, "cmdline")), ==,
			"a\"b");
	g_assert_cmpint(json_object_get_int(json_object_object_get(object, "version")), ==, 1);
	g_assert_cmpint(json_object_get_int(json_object_object_get(object, "stopTimeout")), ==, 7);
	g_assert_cmpint(json_object_get_int(json_object_object_get(object, "stopOrder")), ==, 3);
	g_assert_cmpstr(json_object_get_string(json_object_object_get(object, "onCrash")), ==,
			"restart");
	g_assert_true(json_object_get_boolean(json_object_object_get(object, "autostart")));
	json_object_put(object);
	result_clear(&r);
	expect(s, 0, "", "edit", "a", "--patch", "{\"description\":\"note\"}");
	expect(s, 0, "note", "show", "a", "--definition");
	expect(s, 0, "", "edit", "a", "--initrd", "");
	expect(s, 0, "\"initrd\": null", "show", "a", "--definition");
	expect(s, 0, "", "create", "d", "--disk", "path=/a,cache=none", "--disk",
	       "path=b.iso,type=dvd", "--nic", "type=user", "--weight", "300");
	g_autofree char *iso = g_strdup_printf("\"path\": \"%s/b.iso\"", here);
	expect(s, 0, iso, "show", "d", "--definition");
	expect(s, 0, "\"cache\": \"none\"", "show", "d", "--definition");
	expect(s, 0, "\"type\": \"user\"", "show", "d", "--definition");
	expect(s, 0, "\"weight\": 300", "show", "d", "--definition");
	expect(s, 0, "", "edit", "d", "--disk", "", "--nic", "type=none");
	expect(s, 0, "\"disks\": [\n  ]", "show", "d", "--definition");
	expect(s, 0, "\"type\": \"none\"", "show", "d", "--definition");
	expect(s, 0, "", "delete", "d");
	char *argv[] = {"create", "--file", "-", NULL};
	r = hvctl_argv(s, "{\"version\":1,\"name\":\"from-file\"}", argv);
	check_result(&r, 0, "", __FILE__, __LINE__);
	expect(s, 0, "from-file", "list");
}

/* What of the definition the options on processors make: `member` of cpus, as JSON. */
static void check_cpus(const struct service *s, const char *member, const char *expected)
{
	struct result r = hvctl(s, "show", "a", "--definition", NULL);
	struct json_object *object = json_tokener_parse(r.out);
	struct json_object *cpus = json_object_object_get(object, "cpus");
	const char *text = json_object_to_json_string_ext(json_object_object_get(cpus, member),
							  JSON_C_TO_STRING_PLAIN);

	g_assert_cmpstr(text, ==, expected);
	json_object_put(object);
	result_clear(&r);
}

static void test_scheduling(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "create", "a", "--cpus", "4", "--weight", "300", "--limit", "150",
	       "--reserve", "60", "--device-weight", "50", "--affinity", "0-3,8", "--exclusive",
	       "--numa-node", "1", "--topology", "cores=2,threads=2", "--core-scheduling", "vm");
	check_cpus(
		s, "scheduling",
		"{\"weight\":300,\"limit\":150,\"deviceWeight\":50,\"reserve\":60,\"affinity\":\"0-3,8\","
		"\"coreScheduling\":\"vm\",\"exclusive\":true,\"numaNode\":1}");
	check_cpus(s, "topology", "{\"cores\":2,\"threadsPerCore\":2}");
	/* The fake service only remembers the members of a patch. */
	expect(s, 0, "", "edit", "a", "--limit", "0", "--device-weight", "0", "--affinity", "all",
	       "--no-exclusive", "--numa-node", "any", "--background", "--vcpu-affinity", "0,4:all",
	       "--placement", "spread", "--topology", "host");
	check_cpus(
		s, "scheduling",
		"{\"limit\":null,\"deviceWeight\":null,\"affinity\":null,\"vcpuAffinity\":[\"0,4\",\"all\"],"
		"\"placement\":\"spread\",\"exclusive\":false,\"background\":true,"
		"\"numaNode\":null}");
	check_cpus(s, "topology", "{\"threadsPerCore\":0,\"sockets\":null,\"cores\":null}");
	expect(s, 0, "", "edit", "a", "--topology", "none");
	check_cpus(s, "topology", "null");
	expect(s, 2, "--weight needs a whole number, not 'high'", "edit", "a", "--weight", "high");
	expect(s, 2, "--limit needs a whole number, not '25%'", "edit", "a", "--limit", "25%");
	expect(s, 2, "--exclusive and --no-exclusive exclude each other", "edit", "a",
	       "--exclusive", "--no-exclusive");
	expect(s, 2, "--numa-node needs a whole number or any, not 'first'", "edit", "a",
	       "--numa-node", "first");
	expect(s, 2, "--placement is one of none|spread|pack, not 'wide'", "create", "b",
	       "--placement", "wide");
	static const char *const bad[] = {"",
					  "2",
					  "cores",
					  "cores=",
					  "cores=x",
					  "cores=2,",
					  "cores=2,cores=2",
					  "dies=2",
					  "cores=host",
					  "cores=99999999999999999999"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		expect(s, 2,
		       "--topology is 'host', 'none', or like "
		       "'sockets=1,cores=2,threads=2'",
		       "create", "b", "--topology", bad[i]);
}

static void test_stats(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "stats");
	expect(s, 0, "[]\n", "stats", "-o", "json");
	expect(s, 4, "VM vm-00000 is off and counts nothing", "stats", "vm-00000");
	expect(s, 3, "nosuch", "stats", "nosuch");
	expect(s, 0, "", "start", "vm-00001");
	expect(s, 0, "vm-00001     0    3  7.500s  2.500s     25%     42\n", "stats");
	expect(s, 0, "vm-00001     1    -       -       -       -      -\n", "stats", "vm-00001");
	expect(s, 0, "vm-00001: its processors waited 25% of the time that they could run",
	       "stats");
	struct json_object *list = json_of(s, "stats", "vm-00001", NULL);
	g_assert_true(json_object_is_type(list, json_type_array));
	g_assert_cmpuint(json_object_array_length(list), ==, 1);
	json_object_put(list);
}

static void test_placement(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "     0     0    0  -         -\n", "show", "--placement");
	expect(s, 0, "", "create", "bound-1", "bound-2", "grow-1");
	expect(s, 0, "", "start", "bound-1", "grow-1", "vm-00000");
	/* Siblings beside each other; a processor of which nothing is known is nowhere. */
	expect(s, 0,
	       "SOCKET  CORE  CPU  RAN LAST              BOUND HERE\n"
	       "     0     0    0  -                     bound-1\n"
	       "     0     0    2  -                     -\n"
	       "     0     1    1  grow-1/0              bound-1\n"
	       "     0     1    3  bound-1/0,vm-00000/0  bound-1\n"
	       "On any CPU: grow-1,vm-00000\n"
	       "Offline: 4-5\n",
	       "show", "--placement");
	expect(s, 0, "     0     1    3  vm-00000/0  -\nOn any CPU: vm-00000\n", "show",
	       "--placement", "vm-00000", "bound-2");
	struct result r = hvctl(s, "show", "--placement", "-o", "json", NULL);
	struct json_object *map = json_tokener_parse(r.out);
	struct json_object *cpus = json_object_object_get(map, "cpus");
	g_assert_cmpuint(json_object_array_length(cpus), ==, 4);
	g_assert_cmpstr(
		json_object_to_json_string_ext(
			json_object_object_get(json_object_array_get_idx(cpus, 2), "vcpus"), 0),
		==, "[{\"vm\":\"grow-1\",\"vcpu\":0}]");
	json_object_put(map);
	result_clear(&r);
	expect(s, 3, "there is no VM nosuch", "show", "--placement", "nosuch");
	expect(s, 2, "leave out --definition", "show", "--placement", "--definition");
	expect(s, 2, "leave out", "show", "--placement", "-o", "name");
	expect(s, 2, "the name of a VM is missing; write 'hvctl show NAME...'", "show");
}

static void test_metrics(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "create", "grow-1");
	expect(s, 0, "", "start", "grow-1");
	expect(s, 0, "# TYPE vmms_vm_running gauge\n# HELP vmms_vm_running 1 when", "metrics");
	struct result r = hvctl(s, "metrics", NULL);
	g_assert_cmpint(r.status, ==, 0);
	g_assert_true(g_str_has_suffix(r.out, "\n# EOF\n"));
	g_assert_nonnull(strstr(r.out, "\nvmms_vm_running{vm=\"vm-00000\",uuid=\""));
	g_assert_nonnull(strstr(r.out, "\nvmms_vm_memory_bytes{vm=\"grow-1\",uuid=\""));
	g_assert_nonnull(strstr(r.out, "\",vcpu=\"0\"} 1.200000000\n"));
	g_assert_nonnull(strstr(r.out, "\",vcpu=\"0\",reason=\"io\"} 1000\n"));
	result_clear(&r);
	r = hvctl(s, "metrics", "vm-00000", NULL);
	g_assert_null(strstr(r.out, "grow-1"));
	g_assert_null(strstr(r.out, "vmms_vcpu_used_seconds_total"));
	result_clear(&r);
	expect(s, 3, "nosuch", "metrics", "nosuch");
}

static void test_json(struct service *s, const void *data)
{
	(void)data;
	struct json_object *list = json_of(s, "list", NULL, NULL);
	g_assert_cmpuint(json_object_array_length(list), ==, 2);
	struct json_object *row = json_object_array_get_idx(list, 0);
	static const char *const members[] = {"name",	      "uuid",	"state",    "engine",
					      "engineReason", "cpus",	"memory",   "uptime",
					      "workerPid",    "reason", "autostart"};
	for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
		g_assert_true(json_object_object_get_ex(row, members[i], NULL));
	json_object_put(list);
	struct json_object *one = json_of(s, "show", "vm-00000", NULL);
	g_assert_true(json_object_is_type(one, json_type_object));
	json_object_put(one);
	struct json_object *two = json_of(s, "show", "vm-00000", "vm-00001");
	g_assert_cmpuint(json_object_array_length(two), ==, 2);
	json_object_put(two);
	struct json_object *host = json_of(s, "host", NULL, NULL);
	g_assert_true(json_object_object_get_ex(host, "virtualization", NULL));
	json_object_put(host);
	expect(s, 0, "Virtualization:  AMD-V\n", "host");
}

/* Several names: each failure is a sentence, the code is that of the first, the rest is done. */
static void test_several(struct service *s, const void *data)
{
	(void)data;
	struct result r = hvctl(s, "start", "none-1", "vm-00000", "none-2", NULL);
	g_assert_cmpint(r.status, ==, 3);
	g_assert_nonnull(strstr(r.err, "none-1"));
	g_assert_nonnull(strstr(r.err, "none-2"));
	result_clear(&r);
	expect(s, 0, "running", "list", "vm-00000");
	expect(s, 4, "", "start", "vm-00000", "none-2");
	expect(s, 3, "there is no VM", "show", "none-1", "vm-00000");
	r = hvctl(s, "list", "vm-00000", "none-1", NULL);
	g_assert_cmpint(r.status, ==, 3);
	g_assert_nonnull(strstr(r.out, "vm-00000"));
	result_clear(&r);
	expect(s, 0, "", "list", "none-*");
}

static void test_jobs(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "create", "slow-1", "broken-1", "denied-1", "busy-1", "stubborn-1",
	       "mute-1");
	expect(s, 6, "the start of slow-1 goes on", "start", "slow-1", "--timeout", "0.1");
	expect(s, 4, "", "start", "slow-1");
	expect(s, 0, "", "stop", "slow-1");
	expect(s, 0, "", "start", "slow-1", "--no-wait");
	expect(s, 1, "its log", "start", "broken-1");
	expect(s, 5, "you may not", "start", "denied-1");
	expect(s, 4, "another job", "start", "busy-1");
	expect(s, 0, "", "start", "stubborn-1");
	expect(s, 6, "use --force", "shutdown", "stubborn-1", "--timeout", "1");
	expect(s, 0, "", "shutdown", "stubborn-1", "--timeout", "1", "--force");
	expect(s, 0, "", "start", "stubborn-1");
	expect(s, 0, "", "shutdown", "stubborn-1", "--timeout", "1", "--as-defined");
}

/* Until another client's job on the VM has begun: its state has no say while it is busy. */
static void wait_for_job(const struct service *s, const char *name)
{
	gint64 end = g_get_monotonic_time() + DEADLINE_US;

	for (gboolean there = FALSE; !there;) {
		struct result r = hvctl(s, "pause", name, NULL);
		there = strstr(r.err, "has a job") != NULL;
		result_clear(&r);
		g_assert_cmpint(g_get_monotonic_time(), <, end);
	}
}

/* A job that somebody else stops ends the waiting with the reason. */
static void test_canceled(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "create", "slow-1");
	int err = memfd_create("err", MFD_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *argv[] = {HVCTL, "-c", s->directory, "start", "slow-1", NULL};
	pid_t pid = spawn(argv, null, null, err);
	wait_for_job(s, "slow-1");
	expect(s, 0, "", "stop", "slow-1");
	g_assert_cmpint(wait_bounded(pid), ==, 1);
	close(err);
	close(null);
}

static void test_interrupt(struct service *s, const void *data)
{
	static const int signals[] = {SIGINT, SIGTERM};

	(void)data;
	expect(s, 0, "", "create", "slow-1");
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
		int err[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
		char text[256] = "";
		g_assert_cmpint(pipe2(err, O_CLOEXEC), ==, 0);
		char *argv[] = {HVCTL, "-c", s->directory, "start", "slow-1", NULL};
		pid_t pid = spawn(argv, null, null, err[1]);
		close(err[1]);
		wait_for_job(s, "slow-1");
		/* The job is there; SIGINT before hvctl waits would end it just the same, with
		 * the same code. */
		kill(pid, signals[i]);
		g_assert_cmpint(wait_bounded(pid), ==, 128 + signals[i]);
		if (read(err[0], text, sizeof(text) - 1) > 0)
			g_assert_nonnull(strstr(text, "goes on"));
		expect(s, 0, "", "stop", "slow-1");
		close(err[0]);
		close(null);
	}
}

static void test_events(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "create", "e1");
	expect(s, 0, "", "start", "e1");
	expect(s, 0, "  started", "events", "--last", "1", "--no-follow");
	expect(s, 0, "\"event\": \"defined\"", "events", "e1", "--last", "9", "--count", "1", "-o",
	       "json");
	expect(s, 0, "  defined", "events", "--since", "1h", "--no-follow");
	expect(s, 0, "", "events", "--since", "2999-01-01", "--no-follow");
	expect(s, 3, "there is no VM", "events", "none");
	expect(s, 2, "--since needs a time", "events", "--since", "yesterday");
	expect(s, 2, "--count", "events", "--count", "0");
	/* A follower sees what happens after it has subscribed. */
	int out[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
	char *argv[] = {HVCTL,	  "-c", s->directory, "events", "e1",
			"--last", "1",	"--count",    "2",	NULL};
	pid_t pid = spawn(argv, null, out[1], STDERR_FILENO);
	close(out[1]);
	char text[512];
	g_assert_cmpint(read(out[0], text, sizeof(text)), >, 0); /* the past: it follows now */
	expect(s, 0, "", "pause", "e1");
	g_assert_cmpint(wait_bounded(pid), ==, 0);
	ssize_t n = read(out[0], text, sizeof(text) - 1);
	g_assert_cmpint(n, >, 0);
	text[n] = '\0';
	g_assert_nonnull(strstr(text, "paused"));
	close(out[0]);
	close(null);
}

static void test_events_gone(struct service *s, const void *data)
{
	char text[256];
	int out[2];

	(void)data;
	expect(s, 0, "", "create", "e1");
	g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
	char *argv[] = {HVCTL, "-c", s->directory, "events", "--last", "1", NULL};
	pid_t pid = spawn(argv, out[0], out[1], STDERR_FILENO);
	g_assert_cmpint(read(out[0], text, sizeof(text)), >, 0);
	service_signal(s, SIGKILL);
	g_assert_cmpint(wait_bounded(pid), ==, 7);
	close(out[0]);
	close(out[1]);
}

static void test_service_dies(struct service *s, const void *data)
{
	(void)data;
	expect(s, 0, "", "create", "fatal-1");
	expect(s, 7, "closed the connection", "start", "fatal-1");
	wait_bounded(s->pid);
	s->pid = 0;
	expect(s, 7, "nothing listens there; start it with 'systemctl start vmmsd'", "list");
}

static void test_usage(struct service *s, const void *data)
{
	g_autofree char *huge = g_strnfill(100000, 'y');
	g_autofree char *escapes = g_strdup("\033]0;evil\a\n");

	(void)data;
	expect(s, 2, "there is no verb 'strat'; did you mean 'start'?", "strat");
	expect(s, 2, "there is no verb 'frobnicate'; see 'hvctl help'", "frobnicate");
	expect(s, 2, "there is no verb 'yyy", huge);
	expect(s, 2, "?]0;evil??", escapes);
	expect(s, 2, "a verb is missing", "--connect", "x");
	expect(s, 2, "needs an address", "--connect");
	expect(s, 2, "there is no option '--foo' before the verb", "--foo", "list");
	expect(s, 2, "did you mean --timeout?", "start", "vm-00000", "--timout", "3");
	expect(s, 2, "there is no option -Q", "start", "-Q");
	expect(s, 2, "takes no value", "start", "vm-00000", "--no-wait=yes");
	expect(s, 2, "--timeout needs a value", "start", "vm-00000", "--timeout");
	expect(s, 2, "greater than 0, not '0'", "start", "vm-00000", "--timeout", "0");
	expect(s, 2, "greater than 0, not '-1'", "start", "vm-00000", "--timeout=-1");
	expect(s, 2, "exclude each other", "start", "vm-00000", "--wait", "--no-wait");
	expect(s, 2, "the name of a VM is missing", "start");
	expect(s, 2, "an argument is missing", "rename", "vm-00000");
	expect(s, 2, "'c' is too many", "rename", "vm-00000", "b", "c");
	expect(s, 2, "'x' is too many", "host", "x");
	expect(s, 2, "--output is one of table|json|name, not 'xml'", "list", "-o", "xml");
	expect(s, 2, "--memory needs a size like 512M or 4G, not 'lots'", "create", "a", "--memory",
	       "lots");
	expect(s, 2, "--memory needs a size", "create", "a", "--memory", "99999999999T");
	expect(s, 2, "--cpus needs a whole number, not 'two'", "create", "a", "--cpus", "two");
	expect(s, 2, "--engine is one of auto|direct|translate", "create", "a", "--engine", "qemu");
	expect(s, 2, "--generation is not in this version", "create", "a", "--generation", "2");
	expect(s, 2, "--disk: there is no key 'pth'; did you mean path?; see 'hvctl create --help'",
	       "create", "a", "--disk", "pth=/x");
	expect(s, 2, "--disk: '' is not key=value", "create", "a", "--disk", "path=/x", "--disk",
	       "");
	expect(s, 2, "--nic: begin with type=", "edit", "vm-00000", "--nic", "mac=x");
	expect(s, 2, "--nic needs a value: SPEC", "create", "a", "--nic");
	expect(s, 2, "--autostart and --no-autostart exclude", "create", "a", "--autostart",
	       "--no-autostart");
	expect(s, 2, "nothing to change", "edit", "vm-00000");
	expect(s, 2, "--patch and the other options", "edit", "vm-00000", "--patch", "{}", "--cpus",
	       "1");
	expect(s, 2, "not a JSON object", "edit", "vm-00000", "--patch", "[");
	expect(s, 2, "--file holds the whole definition", "create", "a", "--file", "x");
	expect(s, 2, "the name of a VM is missing", "create");
	expect(s, 1, "cannot read the definition from '/nonexistent': No such file", "create",
	       "--file", "/nonexistent");
	expect(s, 1, "Is a directory", "create", "--file", "/");
	expect(s, 2, "longer than the 262144 bytes", "create", "--file", "/dev/zero");
	expect(s, 2, "zero byte", "create", "--file", "/proc/self/environ");
	expect(s, 2, "--port is 0 or 1", "console", "vm-00000", "--port", "2");
	expect(s, 2, "--escape needs", "console", "vm-00000", "--escape", "abc");
	expect(s, 2, "cannot be the name of a VM", "start", huge);
	expect(s, 2, "cannot be the name of a VM", "start", "");
	expect(s, 2, "cannot be the name of a VM", "start", "a b");
	expect(s, 2, "cannot be the name of a VM", "show", "\xff\xfe");
	expect(s, 2, "not valid UTF-8", "create", "a", "--description", "\xff\xfe");
	expect(s, 2, "at most 64", "rename", "vm-00000", huge);
	expect(s, 3, "there is no VM nosuch; see 'hvctl list'", "show", "nosuch");
	expect(s, 3, "there is no VM", "console", "nosuch");
	expect(s, 2, "there is no option '--name'", "create", "vm-00000", "--name", "x");
	expect(s, 1, "a VM named vm-00000 exists", "create", "vm-00000");
	/* Nothing of all that changed anything. */
	struct json_object *list = json_of(s, "list", NULL, NULL);
	g_assert_cmpuint(json_object_array_length(list), ==, 1);
	json_object_put(list);
}

/* A megabyte of arguments (the kernel takes at most 128 KiB in one). */
static void test_megabyte(struct service *s, const void *data)
{
	g_autofree char *part = g_strnfill(100000, 'n');
	char *argv[] = {"start", part, part, part, part, part, part, part, part, part, part, NULL};

	(void)data;
	struct result r = hvctl_argv(s, NULL, argv);
	check_result(&r, 2, "(100000 bytes) cannot be the name of a VM", __FILE__, __LINE__);
	g_autofree char *definition = g_strnfill(1 << 20, ' ');
	char *create[] = {"create", "--file", "-", NULL};
	r = hvctl_argv(s, definition, create);
	check_result(&r, 2, "longer than the 262144 bytes", __FILE__, __LINE__);
	char *cmdline[] = {"create", "a",	 "--cmdline", part, "--description",
			   part,     "--kernel", part,	      NULL};
	r = hvctl_argv(s, NULL, cmdline);
	check_result(&r, 2, "at most 262144 are taken", __FILE__, __LINE__);
}

static void test_addresses(void)
{
	g_autofree char *directory = g_dir_make_tmp("hvctl-XXXXXX", NULL);
	g_autofree char *no_bus = g_strdup_printf(
		"cannot reach vmmsd at unix:path=%s/bus: no such file; start it with 'systemctl "
		"start vmmsd', or 'vmmsd --private DIR'",
		directory);
	g_autofree char *deep = g_strnfill(200, 'd');
	g_autofree char *long_path = g_strconcat("/tmp/", deep, NULL);

	expect(NULL, 7, no_bus, "-c", directory, "list");
	expect(NULL, 7, "/nonexistent/bus: no such file", "list", "--connect", "/nonexistent");
	expect(NULL, 7, "unix:path=/nonexistent/x: no such file", "-c", "unix:path=/nonexistent/x",
	       "list");
	expect(NULL, 7, "more than 107 bytes", "-c", long_path, "list");
	expect(NULL, 7, "nothing listens there", "-c", "/dev/null", "list");
	expect(NULL, 2, "'' is not an address", "-c", "", "list");
	expect(NULL, 2, "is not an address", "-c", "smoke:signal=3", "list");
	g_setenv("HVCTL_BUS", directory, TRUE);
	expect(NULL, 7, no_bus, "list");
	g_unsetenv("HVCTL_BUS");
	g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/system", TRUE);
	g_setenv("XDG_RUNTIME_DIR", directory, TRUE);
	expect(NULL, 7, "on the system bus (no such bus) nor at", "list");
	g_unsetenv("XDG_RUNTIME_DIR");
	expect(NULL, 7, "cannot reach vmmsd on the system bus: no such bus", "list");
	g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	g_assert_cmpint(rmdir(directory), ==, 0);
}

/* An output that cannot be written is a failure, not silence. */
static void test_full_disk(struct service *s, const void *data)
{
	int full = open("/dev/full", O_RDWR | O_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	char *argv[] = {HVCTL, "-c", s->directory, "list", NULL};

	(void)data;
	pid_t pid = spawn(argv, full, full, err);
	g_assert_cmpint(wait_bounded(pid), ==, 1);
	close(full);
	close(err);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_unsetenv("HVCTL_BUS");
	g_setenv("LC_ALL", "C.UTF-8", TRUE);
#define ADD(name, vms)                                                                        \
	g_test_add("/hvctl/" #name, struct service, GINT_TO_POINTER(vms), setup, test_##name, \
		   teardown)
	ADD(life, 0);
	ADD(definition, 0);
	ADD(scheduling, 0);
	ADD(stats, 2);
	ADD(placement, 1);
	ADD(metrics, 1);
	ADD(json, 2);
	ADD(several, 2);
	ADD(jobs, 0);
	ADD(canceled, 0);
	ADD(interrupt, 0);
	ADD(events, 0);
	ADD(events_gone, 0);
	ADD(service_dies, 0);
	ADD(usage, 1);
	ADD(megabyte, 0);
	ADD(full_disk, 1);
	g_test_add_func("/hvctl/addresses", test_addresses);
	return g_test_run();
}
