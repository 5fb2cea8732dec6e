/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who reaps which child, with children that end. */
#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orphans.h"

#define PATIENCE_US (G_USEC_PER_SEC * 10)
#define LOOK_US	    5000

static pid_t leader_make(void)
{
	pid_t pid = fork();

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		(void)setsid();
		_exit(0);
	}
	return pid;
}

/* A process of another session than ours, whose maker has ended: as libvirt's QEMU is. */
static pid_t orphan_make(void)
{
	int pair[2];
	pid_t orphan = 0;

	g_assert_cmpint(pipe(pair), ==, 0);
	pid_t maker = fork();
	if (maker == 0) {
		(void)setsid();
		orphan = fork();
		if (orphan == 0)
			_exit(0);
		_exit(write(pair[1], &orphan, sizeof(orphan)) != sizeof(orphan));
	}
	g_assert_cmpint(maker, >, 0);
	g_assert_cmpint(read(pair[0], &orphan, sizeof(orphan)), ==, sizeof(orphan));
	/* As libvirt does, or the thread after a while. */
	(void)waitpid(maker, NULL, 0);
	close(pair[0]);
	close(pair[1]);
	return orphan;
}

static void vanishes(pid_t pid)
{
	gint64 deadline = g_get_monotonic_time() + PATIENCE_US;

	while (kill(pid, 0) == 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_usleep(LOOK_US);
	}
	g_assert_cmpint(errno, ==, ESRCH);
}

static void test_orphan(void)
{
	vanishes(orphan_make());
}

/* libvirt's probe of QEMU: nobody waits for it, and whoever ends after it is to be seen too. */
static void test_leader_nobody_waits_for(void)
{
	pid_t leader = leader_make();

	vanishes(orphan_make());
	vanishes(leader);
}

static void test_leader_that_is_waited_for(void)
{
	pid_t leader = leader_make();
	int status = -1;

	g_assert_cmpint(waitpid(leader, &status, 0), ==, leader);
	g_assert_cmpint(status, ==, 0);
}

/* One of our own session is in the way no longer than a leader is. */
static void test_ours_nobody_waits_for(void)
{
	pid_t ours = fork();

	g_assert_cmpint(ours, >=, 0);
	if (ours == 0)
		_exit(0);
	vanishes(orphan_make());
	vanishes(ours);
}

int main(int argc, char **argv)
{
	int pair[2];

	/* The child that lasts. */
	g_assert_cmpint(pipe(pair), ==, 0);
	pid_t keeper = fork();
	if (keeper == 0) {
		char byte;

		close(pair[1]);
		_exit((int)read(pair[0], &byte, 1));
	}
	g_test_init(&argc, &argv, NULL);
	orphans_adopt();
	g_test_add_func("/translate/orphans/orphan", test_orphan);
	g_test_add_func("/translate/orphans/leader-nobody-waits-for", test_leader_nobody_waits_for);
	g_test_add_func("/translate/orphans/leader-that-is-waited-for",
			test_leader_that_is_waited_for);
	g_test_add_func("/translate/orphans/ours-nobody-waits-for", test_ours_nobody_waits_for);
	return g_test_run();
}
