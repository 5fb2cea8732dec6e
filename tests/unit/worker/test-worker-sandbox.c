/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is refused after the fall, each tried in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hvsock_guid.h"
#include "sandbox.h"

/* In the child, after the fall; the return value is its exit code. */
typedef int (*attempt_fn)(void);

/* The wait status of a process that falls and then tries. */
static int attempt(attempt_fn fn)
{
	int status = 0;
	pid_t pid = fork();

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		alarm(20);
		if (!sandbox_enter(NULL, NULL))
			_exit(99);
		_exit(fn());
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return status;
}

static void expect_killed(attempt_fn fn)
{
	int status = attempt(fn);

	g_assert_true(WIFSIGNALED(status));
	g_assert_cmpint(WTERMSIG(status), ==, SIGSYS);
}

static void expect_code(attempt_fn fn, int code)
{
	int status = attempt(fn);

	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, code);
}

static int try_execve(void)
{
	char *argv[] = {(char *)"/bin/true", NULL};

	execve(argv[0], argv, argv + 1);
	return 1;
}

static int try_setuid(void)
{
	return setuid(0) == 0 ? 1 : 2;
}

static int try_unshare(void)
{
	return (int)syscall(SYS_unshare, 0);
}

static void test_killed(void)
{
	expect_killed(try_execve);
	expect_killed(try_setuid);
	expect_killed(try_unshare);
}

static void *thread_main(void *argument)
{
	*(int *)argument = 7;
	return NULL;
}

/* What a reset needs goes on working. */
static int try_what_is_needed(void)
{
	pthread_t thread;
	int value = 0, pair[2];

	if (pthread_create(&thread, NULL, thread_main, &value) != 0 ||
	    pthread_join(thread, NULL) != 0 || value != 7)
		return 1;
	int fd = memfd_create("ram", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		return 2;
	char *ram = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ram == MAP_FAILED)
		return 3;
	ram[0] = 1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 4;
	void *heap = malloc(10 << 20);
	free(heap);
	return heap ? 0 : 5;
}

/* What is asked of a device that is added: these say that /dev/null is none of the kind. */
static int try_device_ioctls(void)
{
	static const unsigned long requests[] = {BLKSSZGET, BLKPBSZGET, TUNGETIFF, TUNSETVNETHDRSZ,
						 TUNSETOFFLOAD};
	char argument[64] = "";

	for (size_t i = 0; i < G_N_ELEMENTS(requests); i++)
		if (ioctl(STDIN_FILENO, requests[i], argument) == 0)
			return 1;
	return 0;
}

/* A connection from the host to the guest gets a name that no other has. In a program of its own,
 * since GLib's test framework has asked for random numbers before. */
static int random_guids(void)
{
	struct vmbus_guid one, other;

	if (!sandbox_enter(NULL, NULL))
		return 99;
	one = hvsock_guid_random();
	other = hvsock_guid_random();
	return memcmp(&one, &other, sizeof(one)) == 0;
}

static void test_random(void)
{
	char *argv[] = {(char *)"/proc/self/exe", (char *)"--guids", NULL};
	g_autoptr(GError) error = NULL;
	int status;

	g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
	g_assert_no_error(error);
	g_assert_true(g_spawn_check_wait_status(status, &error));
}

static void test_needed(void)
{
	expect_code(try_what_is_needed, 0);
	expect_code(try_device_ioctls, 0);
}

#ifndef SANDBOX_RELAXED
/* Somebody else's cookie, or another process made to take ours. */
static int try_share_core(void)
{
	return prctl(PR_SCHED_CORE, PR_SCHED_CORE_SHARE_TO, getppid(), PR_SCHED_CORE_SCOPE_THREAD,
		     0);
}

static int try_make_others_core(void)
{
	return prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, getppid(), PR_SCHED_CORE_SCOPE_THREAD, 0);
}

/* One's own: by the kernel's word, which may be that it has none. */
static int try_own_core(void)
{
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, PR_SCHED_CORE_SCOPE_THREAD, 0) == 0 ||
	    errno == EINVAL || errno == ENODEV)
		return 0;
	return 1;
}

static void test_cores(void)
{
	expect_killed(try_share_core);
	expect_killed(try_make_others_core);
	expect_code(try_own_core, 0);
}

static int refused_pace(pid_t pid, int policy)
{
	const struct sched_param none = {0};

	return sched_setscheduler(pid, policy, &none) < 0 && errno == EACCES;
}

/* A thread's own, and none that takes the CPU from others. */
static int try_pace(void)
{
	const struct sched_param none = {0};

	if (sched_getscheduler(0) != SCHED_OTHER || sched_setscheduler(0, SCHED_BATCH, &none) < 0 ||
	    sched_setscheduler(0, SCHED_OTHER, &none) < 0)
		return 1;
	return refused_pace(0, SCHED_FIFO) && refused_pace(0, SCHED_RR) &&
			       refused_pace(0, SCHED_IDLE) &&
			       refused_pace(0, SCHED_BATCH | SCHED_RESET_ON_FORK) &&
			       refused_pace(1, SCHED_BATCH)
		       ? 0
		       : 2;
}

static void test_pace(void)
{
	expect_code(try_pace, 0);
}

static int try_fork(void)
{
	return fork() >= 0 ? 1 : 2;
}

static int try_kill(void)
{
	return kill(getppid(), 0);
}

static int try_signal_other(void)
{
	return (int)syscall(SYS_tgkill, 1, 1, 0);
}

static int try_signal_self(void)
{
	return syscall(SYS_tgkill, getpid(), gettid(), 0) == 0 ? 0 : 1;
}

static int try_executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int try_ioctl(void)
{
	return (int)syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
}

static int try_inet(void)
{
	int pair[2];

	return socketpair(AF_INET, SOCK_STREAM, 0, pair);
}

static int try_open(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int try_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static void test_strict(void)
{
	expect_killed(try_fork);
	expect_killed(try_kill);
	expect_killed(try_signal_other);
	expect_killed(try_executable_memory);
	expect_killed(try_ioctl);
	expect_killed(try_inet);
	expect_code(try_open, EACCES);
	expect_code(try_socket, EACCES);
	expect_code(try_signal_self, 0);
}

#endif

int main(int argc, char **argv)
{
	if (argc == 2 && g_str_equal(argv[1], "--guids"))
		return random_guids();
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/worker/sandbox/killed", test_killed);
	g_test_add_func("/worker/sandbox/needed", test_needed);
	g_test_add_func("/worker/sandbox/random", test_random);
#ifndef SANDBOX_RELAXED
	g_test_add_func("/worker/sandbox/strict", test_strict);
	g_test_add_func("/worker/sandbox/cores", test_cores);
	g_test_add_func("/worker/sandbox/pace", test_pace);
#endif
	return g_test_run();
}
