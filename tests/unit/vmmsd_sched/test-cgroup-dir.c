/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In a directory that looks like a cgroup, and, where this machine lets us, in a real one. */
#include "cgroup_dir.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "assert_error.h"
#include "fake_topology.h"

static void expect_find(const char *root, const char *text, const char *expected)
{
	g_autofree char *proc = g_build_filename(root, "proc", NULL);
	g_autofree char *cgroups = g_build_filename(root, "cgroup", NULL);
	g_autoptr(GError) error = NULL;

	fake_put(root, "proc/7/cgroup", "%s", text);
	g_autofree char *found = cgroup_find(cgroups, proc, 7, &error);
	g_assert_cmpint(found == NULL, ==, error != NULL);
	if (expected)
		g_assert_cmpstr(found + strlen(cgroups), ==, expected);
	else
		g_assert_nonnull(error);
}

static void test_find(void)
{
	g_autoptr(temporary_directory_t) root = temporary_directory_new();

	expect_find(root, "0::/a.slice/b.service\n", NULL); /* no cgroup.controllers */
	fake_put(root, "cgroup/cgroup.controllers", "cpu\n");
	expect_find(root, "0::/a.slice/b.service\n", "/a.slice/b.service");
	expect_find(root, "1:name=systemd:/x\n0::/y\n", "/y");
	expect_find(root, "4:memory:/x\n", NULL);
	expect_find(root, "0::/../escaped\n", NULL);
	expect_find(root, "", NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *none = cgroup_find(root, "/nonexistent", 7, &error);
	g_assert_null(none);
	g_assert_nonnull(error);
}

static void test_files(void)
{
	g_autoptr(temporary_directory_t) root = temporary_directory_new();
	g_autofree char *message = g_strdup_printf(
		"%s/cpu.max cannot be set to \"max\": No such file or directory", (char *)root);
	GError *error = NULL;

	fake_put(root, "cgroup.subtree_control", "cpuset cpu memory\n");
	g_assert_true(cgroup_has_controller(root, "cpu"));
	g_assert_false(cgroup_has_controller(root, "cpus"));
	g_assert_false(cgroup_has_controller("/nonexistent", "cpu"));
	fake_put(root, "cpu.weight", "100\n");
	g_assert_true(cgroup_write(root, "cpu.weight", "300", NULL));
	g_autofree char *text = cgroup_read(root, "cpu.weight");
	g_assert_true(g_str_has_prefix(text, "300"));
	g_assert_false(cgroup_write(root, "cpu.max", "max", &error));
	assert_message(error, SERVICE_ERROR_FAILED, message);
}

static void put_self(const char *root, const char *text)
{
	g_autofree char *path = g_strdup_printf("proc/%d/cgroup", (int)getpid());

	fake_put(root, path, "%s", text);
}

static void expect_base(const char *root, gboolean systemd, const char *expected)
{
	g_autofree char *proc = g_build_filename(root, "proc", NULL);
	g_autofree char *cgroups = g_build_filename(root, "cgroup", NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *base = cgroup_base_take(cgroups, proc, systemd, &error);
	const char *said = base ? base + strlen(cgroups) : error->message;

	if (!strstr(said, expected))
		g_error("\"%s\" lacks \"%s\"", said, expected);
}

/* Every reason why there is nothing to use has its words. */
static void test_base(void)
{
	g_autoptr(temporary_directory_t) root = temporary_directory_new();

	put_self(root, "0::/me\n");
	expect_base(root, FALSE, "no cgroup delegation (");
	fake_put(root, "cgroup/cgroup.controllers", "cpu\n");
	expect_base(root, TRUE, "belongs to systemd; run vmmsd in a unit with Delegate=yes");
	expect_base(root, FALSE, "No such file or directory");
	fake_put(root, "cgroup/me/cgroup.controllers", "memory\n");
	expect_base(root, FALSE, "has not the controller cpu");
	fake_put(root, "cgroup/me/cgroup.controllers", "cpuset cpu memory\n");
	fake_put(root, "cgroup/me/cgroup.procs", "1\n%d\n", (int)getpid());
	expect_base(root, FALSE, "holds other processes than vmmsd");
	fake_put(root, "cgroup/me/cgroup.procs", "%d\n", (int)getpid());
	fake_put(root, "cgroup/me/cgroup.subtree_control", "\n");
	fake_put(root, "cgroup/me/vmmsd/cgroup.procs", "\n");
	expect_base(root, FALSE, "/me");
	g_autofree char *moved = g_build_filename(root, "cgroup/me/vmmsd", NULL);
	g_autofree char *procs = cgroup_read(moved, "cgroup.procs");
	g_assert_cmpint((int)g_ascii_strtoll(procs, NULL, 10), ==, getpid());
	/* A vmmsd that comes later finds itself in that place. */
	put_self(root, "0::/me/vmmsd\n");
	fake_put(root, "cgroup/me/cgroup.procs", "%s", "");
	expect_base(root, FALSE, "/me");
}

/* A CPU group: a directory whose children get the controllers. */
static void test_branch(void)
{
	g_autoptr(temporary_directory_t) root = temporary_directory_new();
	g_autofree char *bare = g_build_filename(root, "group-a", NULL);
	g_autofree char *dir = g_build_filename(root, "group-b", NULL);
	g_autofree char *nowhere = g_build_filename(root, "x", "group-c", NULL);
	g_autofree char *message = g_strdup_printf("%s has not the controller cpu", bare);
	GError *error = NULL;

	/* What the kernel makes there in a cgroup is not there in a plain directory. */
	g_assert_false(cgroup_make_branch(bare, FALSE, &error));
	assert_message(g_steal_pointer(&error), SERVICE_ERROR_FAILED, message);
	g_assert_true(g_file_test(bare, G_FILE_TEST_IS_DIR));
	fake_put(root, "group-b/cgroup.controllers", "cpuset cpu\n");
	fake_put(root, "group-b/cgroup.subtree_control", "cpu\n");
	g_assert_true(cgroup_make_branch(dir, FALSE, NULL));
	g_assert_true(cgroup_has_controller(dir, "cpu"));
	g_assert_true(cgroup_make_branch(dir, TRUE, NULL));
	g_autofree char *control = cgroup_read(dir, "cgroup.subtree_control");
	g_assert_true(g_str_has_prefix(control, "+cpuset"));
	g_assert_false(cgroup_make_branch(nowhere, FALSE, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED);
	g_clear_error(&error);
}

struct sleeper {
	pthread_t id;
	int go[2];
	_Atomic pid_t tid;
};

static void *sleeper_main(void *arg)
{
	struct sleeper *sleeper = arg;
	char byte;

	sleeper->tid = gettid();
	(void)!read(sleeper->go[0], &byte, 1);
	return NULL;
}

/* A thread of ours, moved to the sub-group of a real cgroup while the process stays above. The
 * controller cpu is not there on every machine: then only the threads are looked at. */
static void test_real(void)
{
	static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	g_autofree char *name = g_strdup_printf("vmms-test-%d", (int)getpid());
	g_autofree char *self = g_strdup_printf("%d", (int)getpid());
	g_autofree char *dir = NULL;
	g_autofree char *home = NULL;
	struct sleeper sleeper = {0};

	for (size_t i = 0; i < G_N_ELEMENTS(roots) && !dir; i++) {
		home = cgroup_find(roots[i], "/proc", getpid(), NULL);
		g_autofree char *path = home ? g_build_filename(home, name, NULL) : NULL;
		if (path && g_mkdir(path, 0755) == 0)
			dir = g_steal_pointer(&path);
		else
			g_clear_pointer(&home, g_free);
	}
	if (!dir || !cgroup_write(dir, "cgroup.procs", self, NULL)) {
		if (dir)
			cgroup_remove(dir);
		g_test_skip("no cgroup of version 2 that may be written");
		return;
	}
	g_assert_cmpint(pipe(sleeper.go), ==, 0);
	g_assert_cmpint(pthread_create(&sleeper.id, NULL, sleeper_main, &sleeper), ==, 0);
	while (!sleeper.tid)
		(void)sched_yield();
	g_autofree char *vcpu = g_build_filename(dir, CGROUP_VCPU, NULL);
	g_autoptr(GError) error = NULL;
	gboolean split = cgroup_split(dir, &error);
	if (!split) {
		/* No controller cpu here: what can be done without it. */
		g_assert_nonnull(strstr(error->message, "subtree_control"));
		g_assert_false(g_file_test(vcpu, G_FILE_TEST_EXISTS));
		g_assert_cmpint(g_mkdir(vcpu, 0755), ==, 0);
		g_assert_true(cgroup_write(vcpu, "cgroup.type", "threaded", NULL));
	}
	g_autofree char *tid = g_strdup_printf("%d", (int)sleeper.tid);
	g_assert_true(cgroup_write(vcpu, "cgroup.threads", tid, NULL));
	g_autofree char *threads = cgroup_read(vcpu, "cgroup.threads");
	g_assert_cmpint((int)g_ascii_strtoll(threads, NULL, 10), ==, sleeper.tid);
	g_autofree char *type = cgroup_read(dir, "cgroup.type");
	g_assert_cmpstr(g_strchomp(type), ==, "domain threaded");
	if (split) {
		g_autofree char *devices = g_build_filename(dir, CGROUP_DEVICES, NULL);

		g_assert_true(cgroup_split(dir, NULL));
		g_assert_true(cgroup_write_number(devices, "cpu.weight", 50, NULL));
		g_assert_true(cgroup_write_quota(vcpu, 25, NULL));
		g_autofree char *quota = cgroup_read(vcpu, "cpu.max");
		g_assert_cmpstr(quota, ==, "25000 100000\n");
		g_assert_true(cgroup_write_quota(vcpu, 0, NULL));
	}
	(void)!write(sleeper.go[1], "", 1);
	g_assert_cmpint(pthread_join(sleeper.id, NULL), ==, 0);
	g_assert_true(cgroup_write(home, "cgroup.procs", self, NULL));
	cgroup_remove(dir);
	g_assert_false(g_file_test(dir, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cgroup-dir/find", test_find);
	g_test_add_func("/cgroup-dir/files", test_files);
	g_test_add_func("/cgroup-dir/base", test_base);
	g_test_add_func("/cgroup-dir/branch", test_branch);
	g_test_add_func("/cgroup-dir/real", test_real);
	return g_test_run();
}
