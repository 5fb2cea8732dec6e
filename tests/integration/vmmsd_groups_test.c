/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPU groups and power: hvctl, the service and its store together, with workers that have threads
 * only. */
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "vmmsd_fixture.h"

/* The verb, and that what it did is there for the next vmmsd. */
static void test_verb(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "vps");

	fixture_hvctl(f, 0, "", "group list");
	fixture_hvctl(f, 0, "[]\n", "group list -o json");
	fixture_hvctl(f, 0, "", "group create all --cap 150 --cpus 0");
	fixture_hvctl(f, 0, "", "group create web --parent all --weight 200");
	fixture_hvctl(f, 0, "", "edit web1 --group web");
	fixture_hvctl(f, 0, "web    all        200     -  -     web1", "group list");
	fixture_hvctl(f, 0, "all    -          100  150%  0     -", "group list");
	fixture_hvctl(f, 0, "all\nweb\n", "group list -o name");
	fixture_hvctl(f, 0, "\"vms\": [\n    \"web1\"\n", "group show web -o json");
	fixture_hvctl(f, 0, "150", "group show all");
	fixture_hvctl(f, 0, "\"group\": \"web\"", "show web1 -o json");
	g_assert_cmpint(fixture_end(f, SIGTERM), ==, 0);
	fixture_start(f);
	fixture_hvctl(f, 0, "web    all        200     -  -     web1", "group list");
	fixture_hvctl(f, 0, "", "group edit all --cap 0 --cpus all");
	fixture_hvctl(f, 0, "all    -          100    -  -     -", "group list");
	fixture_hvctl(f, 0, "", "group edit web --parent none");
	fixture_hvctl(f, 0, "", "group delete all");
	fixture_hvctl(
		f, 4,
		"group web: VM web1 is in it: take it out with \"hvctl edit web1 --group none\"",
		"group delete web");
	fixture_hvctl(f, 0, "", "edit web1 --group none");
	fixture_hvctl(f, 0, "", "group delete web");
	fixture_hvctl(f, 0, "[]\n", "group list -o json");
	fixture_free(f);
}

static void test_bad(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "vps");

	fixture_hvctl(f, 0, "", "group create a");
	fixture_hvctl(f, 0, "", "group create b --parent a");
	fixture_hvctl(f, 1, "there is a CPU group a already", "group create a");
	fixture_hvctl(f, 2, "$.name: \"x-y\" is not valid", "group create x-y");
	fixture_hvctl(f, 3, "there is no group x to be in", "group create c --parent x");
	fixture_hvctl(f, 2, "group a: it cannot be in b, which is within it",
		      "group edit a --parent b");
	fixture_hvctl(f, 2, "$.weight: 0 is below", "group edit a --weight 0");
	fixture_hvctl(f, 2, "$.cap: 900000 is above", "group edit a --cap 900000");
	fixture_hvctl(f, 2, "$.cpus: \"1-0\" is not valid", "group edit a --cpus 1-0");
	fixture_hvctl(f, 1, "group a: cpus: CPU 8000 is not in this host",
		      "group edit a --cpus 8000");
	fixture_hvctl(f, 3, "there is no CPU group \"x\"", "group edit x --cap 5");
	fixture_hvctl(f, 3, "there is no CPU group 'x'", "group show x");
	fixture_hvctl(f, 3, "there is no CPU group \"x\"", "group delete x");
	fixture_hvctl(f, 4, "group a: group b is in it", "group delete a");
	fixture_hvctl(f, 3, "there is no CPU group \"x\"", "edit web1 --group x");
	fixture_hvctl(f, 3, "there is no CPU group \"x\"", "create web2 --group x");
	fixture_hvctl(f, 2, "is not valid", "create web2 --group x-y");
	fixture_hvctl(f, 2, "nothing to change was given", "group edit a");
	fixture_hvctl(f, 2, "'group list' takes no name", "group list a");
	fixture_hvctl(f, 2, "'group show' takes the name of one group", "group show");
	fixture_hvctl(f, 2, "'group delete' takes none of --parent", "group delete a --cap 3");
	fixture_hvctl(f, 2, "'grow' is none of list, show, create, edit and delete",
		      "group grow a");
	fixture_expect_error(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "DefineGroup",
			     "InvalidDefinition", "CPU group: ", "s", "{");
	fixture_expect_error(f, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "EditGroup",
			     "InvalidDefinition", "expected an object", "ss", "a", "[]");
	fixture_hvctl(f, 0, "a\nb\n", "group list -o name");
	fixture_free(f);
}

/* A cap bounds what may be promised, to starts and against edits. */
static void test_caps(void)
{
	struct fixture *f = fixture_new(NULL);

	g_free(fixture_define(f, "a", "vps"));
	g_free(fixture_define(f, "b", "vps"));
	fixture_hvctl(f, 0, "", "group create web --cap 60");
	fixture_hvctl(f, 0, "", "edit a b --group web --reserve 30");
	fixture_hvctl(f, 0, "", "start a");
	fixture_hvctl(
		f, 1,
		"VM b: its reservation does not fit: 30 % (a) + 30 % (b) = 60 % of a CPU would be "
		"reserved in group web, whose cap is 60 %",
		"start b");
	fixture_hvctl(f, 0, "", "group edit web --cap 70");
	fixture_hvctl(f, 0, "", "start b");
	fixture_hvctl(f, 1, "group web: the reservations do not fit: ", "group edit web --cap 60");
	fixture_hvctl(f, 0, "70%", "group list");
	fixture_free(f);
}

#define NO_FAR                                                                                    \
	"hvctl: there is no CPU group \"far\": \"hvctl group list\" shows those that there are, " \
	"\"hvctl group create\" makes one\n"

/* Every number out of range and every name that is wrong: the whole sentence and the status. */
static void test_sentences(void)
{
	static const struct {
		int code;
		const char *text, *line;
	} rows[] = {
		{2,
		 "hvctl: definition: $.cpus.scheduling.reserve: 101 is more than the 100 % of 1 processor; 100 is all of one processor\n",
		 "edit a --reserve 101"},
		{2,
		 "hvctl: definition: $.cpus.scheduling.reserve: 24001 is above the maximum 24000; give 0 to 24000\n",
		 "edit a --reserve 24001"},
		{2,
		 "hvctl: edit: --reserve needs a whole number, not '-1'; see 'hvctl edit --help'\n",
		 "edit a --reserve -1"},
		{2,
		 "hvctl: definition: $.cpus.scheduling.weight: 0 is below the minimum 1; give 1 to 10000\n",
		 "edit a --weight 0"},
		{2,
		 "hvctl: definition: $.cpus.scheduling.weight: 10001 is above the maximum 10000; give 1 to 10000\n",
		 "edit a --weight 10001"},
		{2,
		 "hvctl: definition: $.cpus.scheduling.limit: 24001 is above the maximum 24000; give 1 to 24000\n",
		 "edit a --limit 24001"},
		{2, "hvctl: CPU group: $.weight: 0 is below the minimum 1; give 1 to 10000\n",
		 "group edit in --weight 0"},
		{2,
		 "hvctl: CPU group: $.weight: 10001 is above the maximum 10000; give 1 to 10000\n",
		 "group edit in --weight 10001"},
		{2, "hvctl: group in: it cannot be in in, which is itself: choose another parent\n",
		 "group edit in --parent in"},
		{2,
		 "hvctl: group out: it cannot be in in, which is within it: choose another parent\n",
		 "group edit out --parent in"},
		{2,
		 "hvctl: group new: it cannot be in new, which is itself: choose another parent\n",
		 "group create new --parent new"},
		{3,
		 "hvctl: group in: there is no group far to be in: \"hvctl group list\" shows those that there are\n",
		 "group edit in --parent far"},
		{3, NO_FAR, "group edit far --weight 5"},
		{3, NO_FAR, "edit a --group far"},
		{3, NO_FAR, "group delete far"},
		{4,
		 "hvctl: group in: VM a is in it: take it out with \"hvctl edit a --group none\", or delete it\n",
		 "group delete in"},
		{4,
		 "hvctl: group out: group in is in it: delete that first, or move it with \"hvctl group edit in --parent\"\n",
		 "group delete out"},
	};
	struct fixture *f = fixture_new(NULL);
	g_autofree char *a = fixture_define(f, "a", "vps");

	g_free(fixture_define(f, "b", "vps"));
	fixture_hvctl(f, 0, "", "group create out");
	fixture_hvctl(f, 0, "", "group create in --parent out");
	fixture_hvctl(f, 0, "", "edit a --group in --reserve 0 --limit 0");
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		fixture_hvctl(f, rows[i].code, rows[i].text, rows[i].line);
	/* With hvctl 0 takes a limit back; in a definition it is none. */
	fixture_expect_error(f, a, VMMS_IFACE_VM, "Edit", "InvalidDefinition",
			     "definition: $.cpus.scheduling.limit: 0 is below the minimum 1; give "
			     "1 to 24000",
			     "s", "{\"cpus\":{\"scheduling\":{\"limit\":0}}}");
	fixture_hvctl(f, 0, "", "edit a --affinity 0 --reserve 60");
	fixture_hvctl(f, 0, "", "start a");
	fixture_hvctl(f, 0, "", "edit b --affinity 0 --reserve 36");
	fixture_hvctl(f, 1,
		      "hvctl: VM b: its reservation does not fit: 60 % (a) + 36 % (b) = 96 % of a "
		      "CPU would be reserved, and CPU 0 can give 95 % (95 % each): lower a "
		      "reservation, stop one of these VMs, or give one other CPUs\n",
		      "start b");
	fixture_free(f);
}

static gboolean has_two_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_ISSET(0, &set) &&
	       CPU_ISSET(1, &set);
}

static void assert_runs_on(struct fixture *f, const char *vm, unsigned cpu)
{
	cpu_set_t set;

	g_assert_cmpint(sched_getaffinity((pid_t)fixture_worker_pid(f, vm), sizeof(set), &set), ==,
			0);
	g_assert_cmpint(CPU_COUNT(&set), ==, 1);
	g_assert_true(CPU_ISSET(cpu, &set));
}

/* CPUs of a group hold for members that run, with whatever mechanism there is. */
static void test_live(void)
{
	struct fixture *f;
	g_autofree char *vm = NULL;
	guint32 pid;

	if (!has_two_cpus()) {
		g_test_skip("this takes CPUs 0 and 1");
		return;
	}
	f = fixture_new(NULL);
	vm = fixture_define(f, "web1", "vps");
	fixture_hvctl(f, 0, "", "group create all --cpus 0");
	fixture_hvctl(f, 0, "", "group create web --parent all");
	fixture_do(f, vm, "Start");
	pid = fixture_worker_pid(f, vm);
	fixture_hvctl(f, 0, "", "edit web1 --group web");
	fixture_hvctl(f, 0, "\"cpus\": \"0\"", "show web1 -o json");
	fixture_hvctl(f, 0, "", "group edit all --cpus 1");
	fixture_hvctl(f, 0, "\"cpus\": \"1\"", "show web1 -o json");
	fixture_hvctl(f, 1, "affinity: its group web has CPU 1, and none of them is asked for",
		      "edit web1 --affinity 0");
	fixture_hvctl(f, 0, "", "edit web1 --affinity 1");
	assert_runs_on(f, vm, 1);
	fixture_hvctl(f, 1, "group all: VM web1: affinity: its group web has CPU 0",
		      "group edit all --cpus 0");
	fixture_hvctl(f, 0, "", "edit web1 --group none --affinity 0");
	assert_runs_on(f, vm, 0);
	g_assert_cmpuint(fixture_worker_pid(f, vm), ==, pid);
	fixture_free(f);
}

/* One that was placed stays on its CPU when another ends, and when vmmsd is another. */
static void test_placed(void)
{
	static const char placed[] = ",\"cpus\":{\"count\":1,\"scheduling\":"
				     "{\"placement\":\"spread\",\"affinity\":\"0-1\"}}";
	struct fixture *f;
	g_autofree char *first = NULL;
	g_autofree char *second = NULL;

	if (!has_two_cpus()) {
		g_test_skip("this takes CPUs 0 and 1");
		return;
	}
	f = fixture_new(NULL);
	first = fixture_define_with(f, "web1", "run", placed);
	second = fixture_define_with(f, "web2", "run", placed);
	fixture_do(f, first, "Start");
	fixture_do(f, second, "Start");
	assert_runs_on(f, first, 0);
	assert_runs_on(f, second, 1);
	fixture_do(f, first, "Stop");
	assert_runs_on(f, second, 1);
	fixture_restart(f);
	fixture_wait_state(f, second, "running");
	fixture_hvctl(f, 0, "\"cpus\": \"1\"", "show web2 -o json");
	assert_runs_on(f, second, 1);
	fixture_free(f);
}

/* Without touching this machine: what is refused, and what is only stored. */
static void test_power(void)
{
	struct fixture *f = fixture_new(NULL);
	g_autofree char *vm = fixture_define(f, "web1", "vps");

	fixture_hvctl(f, 0, "\"policy\": \"host\"", "power -o json");
	fixture_hvctl(f, 0, "", "power host");
	fixture_hvctl(f, 0, "Power policy:    host\n", "host");
	fixture_hvctl(f, 2, "$.policy: ", "power fast");
	fixture_hvctl(f, 2, "only the policy custom takes a governor", "power saver --governor x");
	fixture_hvctl(f, 2, "the policy custom needs a governor", "power custom");
	fixture_hvctl(f, 2, "$.latency: 100001 is above the maximum",
		      "power custom --latency 100001");
	fixture_hvctl(f, 1, "governor \"nosuch\" is not supported by this host",
		      "power custom --governor nosuch");
	fixture_hvctl(f, 2, "belong to the policy custom", "power --epp x");
	fixture_hvctl(f, 0, "\"policy\": \"host\"", "power -o json");
	fixture_hvctl(f, 0, "", "edit web1 --latency low");
	fixture_hvctl(f, 0, "\"latency\": 20", "show web1 -o json");
	fixture_hvctl(f, 0, "", "edit web1 --latency normal");
	fixture_hvctl(f, 0, "\"latency\": null", "show web1 -o json");
	fixture_hvctl(f, 2, "--latency needs low, normal or microseconds, not 'soon'",
		      "edit web1 --latency soon");
	fixture_hvctl(f, 2, "$.cpus.scheduling.latency: 100001 is above",
		      "edit web1 --latency 100001");
	fixture_free(f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmmsd/groups/verb", test_verb);
	g_test_add_func("/vmmsd/groups/bad", test_bad);
	g_test_add_func("/vmmsd/groups/sentences", test_sentences);
	g_test_add_func("/vmmsd/groups/caps", test_caps);
	g_test_add_func("/vmmsd/groups/live", test_live);
	g_test_add_func("/vmmsd/groups/placed", test_placed);
	g_test_add_func("/vmmsd/groups/power", test_power);
	return g_test_run();
}
