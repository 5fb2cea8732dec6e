/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes the worker's system call filter, as BPF, to standard output. It runs while vmms is built,
 * so that a worker neither loads libseccomp nor compiles rules in the milliseconds of its start.
 *
 *   sandbox_filter_gen strict|relaxed >FILE
 */
#include <errno.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox_filter.h"

#define CALL(name) SCMP_SYS(name)

/* Without a look at the arguments (the kernel then answers from a bitmap, at no cost). */
static const int allowed[] = {
	/* running VPs, the event loop, bus connections, consoles */
	CALL(read),
	CALL(write),
	CALL(readv),
	CALL(writev),
	CALL(pread64),
	CALL(pwrite64),
	CALL(close),
	CALL(lseek),
	CALL(fcntl),
	CALL(dup),
	CALL(fstat),
	CALL(newfstatat),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(fdatasync), /* a saved state */
	/* disks: a ring that was made before, and restricted to what disks need (uring.c) */
	CALL(io_uring_enter),
	CALL(poll),
	CALL(ppoll),
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_pwait2),
	CALL(eventfd2),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(timerfd_gettime),
	CALL(signalfd4),
	CALL(accept4),
	CALL(recvmsg),
	CALL(sendmsg),
	CALL(recvfrom),
	CALL(sendto),
	CALL(shutdown),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(getsockname),
	CALL(getpeername),
	/* memory: a reset makes the guest's RAM anew */
	CALL(memfd_create),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	/* threads and time */
	CALL(futex),
	CALL(set_robust_list),
	CALL(rseq),
	CALL(exit),
	CALL(exit_group),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(sched_getscheduler),
	CALL(getcpu),
	CALL(membarrier),
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(clock_nanosleep),
	CALL(nanosleep),
	CALL(gettimeofday),
	CALL(time),
	/* what libraries ask of themselves */
	CALL(getpid),
	CALL(gettid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getrandom),
	CALL(uname),
	CALL(sysinfo),
};

/* Libraries may try these and cope with a refusal; nothing is reached by name. */
static const int refused[] = {
	CALL(open),	 CALL(openat),	   CALL(openat2),
	CALL(access),	 CALL(faccessat),  CALL(faccessat2),
	CALL(readlink),	 CALL(readlinkat), CALL(stat),
	CALL(lstat),	 CALL(statx),	   CALL(statfs),
	CALL(getcwd),	 CALL(socket),	   CALL(connect),
	CALL(prlimit64), CALL(getrlimit),  CALL(sched_setaffinity),
	CALL(mlock),	 CALL(getrusage),
};

/* What nothing in a build with sanitizers needs either. */
static const int relaxed_killed[] = {
	CALL(execve),
	CALL(execveat),
	CALL(fork),
	CALL(vfork),
	CALL(setuid),
	CALL(setgid),
	CALL(setresuid),
	CALL(setresgid),
	CALL(mount),
	CALL(umount2),
	CALL(pivot_root),
	CALL(chroot),
	CALL(reboot),
	CALL(init_module),
	CALL(finit_module),
	CALL(bpf),
	CALL(kexec_load),
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(pidfd_getfd),
	CALL(unshare),
	CALL(setns),
	CALL(keyctl),
	CALL(add_key),
	CALL(perf_event_open),
	CALL(userfaultfd),
};

static int rules_add(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = seccomp_rule_add_array(ctx, action, calls[i], 0, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

struct rule {
	int call;
	struct scmp_arg_cmp test;
};

/* The calls that are allowed for some arguments only. */
static const struct rule rules[] = {
	/* KVM's ioctls, and "is this a terminal" */
	{CALL(ioctl), {1, SCMP_CMP_MASKED_EQ, 0xff00, 0xae00}},
	{CALL(ioctl), {1, SCMP_CMP_EQ, TCGETS, 0}},
	{CALL(ioctl), {1, SCMP_CMP_EQ, FIONREAD, 0}},
	/* the sectors of a block device that is added as a disk */
	{CALL(ioctl), {1, SCMP_CMP_EQ, BLKSSZGET, 0}},
	{CALL(ioctl), {1, SCMP_CMP_EQ, BLKPBSZGET, 0}},
	/* a TAP that is added as an adapter: what it is, and the offloads of its guest */
	{CALL(ioctl), {1, SCMP_CMP_EQ, TUNGETIFF, 0}},
	{CALL(ioctl), {1, SCMP_CMP_EQ, TUNSETVNETHDRSZ, 0}},
	{CALL(ioctl), {1, SCMP_CMP_EQ, TUNSETOFFLOAD, 0}},
	/* no memory that is executable, so no code but the program's own */
	{CALL(mmap), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	{CALL(mprotect), {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
	/* threads, no processes */
	{CALL(clone), {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM}},
	{CALL(prctl), {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
	/* console viewers */
	{CALL(socketpair), {0, SCMP_CMP_EQ, AF_UNIX, 0}},
	/* signals to own threads only: vp_cancel, and abort in a library */
	{CALL(tgkill), {0, SCMP_CMP_EQ, SANDBOX_FILTER_SELF, 0}},
};

/* A VP's thread takes a cookie of core scheduling for itself. */
static const struct scmp_arg_cmp own_cookie[] = {
	{0, SCMP_CMP_EQ, PR_SCHED_CORE, 0},
	{1, SCMP_CMP_EQ, PR_SCHED_CORE_CREATE, 0},
	{2, SCMP_CMP_EQ, 0, 0},
};

/* A thread that serves devices chooses between these for itself; libraries may try others and cope
 * with a refusal. */
static const struct pace_rule {
	bool allowed;
	unsigned int n;
	struct scmp_arg_cmp tests[2];
} pace_rules[] = {
	{true, 2, {{0, SCMP_CMP_EQ, 0, 0}, {1, SCMP_CMP_EQ, SCHED_OTHER, 0}}},
	{true, 2, {{0, SCMP_CMP_EQ, 0, 0}, {1, SCMP_CMP_EQ, SCHED_BATCH, 0}}},
	{false, 2, {{0, SCMP_CMP_EQ, 0, 0}, {1, SCMP_CMP_EQ, SCHED_FIFO, 0}}},
	{false, 2, {{0, SCMP_CMP_EQ, 0, 0}, {1, SCMP_CMP_EQ, SCHED_RR, 0}}},
	{false, 2, {{0, SCMP_CMP_EQ, 0, 0}, {1, SCMP_CMP_GT, SCHED_BATCH, 0}}},
	{false, 1, {{0, SCMP_CMP_NE, 0, 0}}},
};

static int pace_rules_add(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < sizeof(pace_rules) / sizeof(pace_rules[0]); i++) {
		const struct pace_rule *rule = &pace_rules[i];
		int r = seccomp_rule_add_array(
			ctx, rule->allowed ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES),
			CALL(sched_setscheduler), rule->n, rule->tests);
		if (r < 0)
			return r;
	}
	return 0;
}

static int filter_fill_strict(scmp_filter_ctx ctx)
{
	int r = rules_add(ctx, SCMP_ACT_ALLOW, allowed, sizeof(allowed) / sizeof(allowed[0]));

	if (r == 0)
		r = rules_add(ctx, SCMP_ACT_ERRNO(EACCES), refused,
			      sizeof(refused) / sizeof(refused[0]));
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && r == 0; i++)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rules[i].call, 1, &rules[i].test);
	if (r == 0)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, CALL(prctl),
					   sizeof(own_cookie) / sizeof(own_cookie[0]), own_cookie);
	if (r == 0)
		r = pace_rules_add(ctx);
	/* clone3's flags are in memory, where a filter cannot look: glibc then uses clone. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
	/* KVM_RUN is the call that counts. */
	if (r == 0)
		r = seccomp_syscall_priority(ctx, CALL(ioctl), 255);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 2 || (strcmp(argv[1], "strict") != 0 && strcmp(argv[1], "relaxed") != 0)) {
		fprintf(stderr, "usage: sandbox_filter_gen strict|relaxed\n");
		return 2;
	}

	bool strict = strcmp(argv[1], "strict") == 0;
	scmp_filter_ctx ctx = seccomp_init(strict ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ALLOW);
	if (!ctx)
		return 1;

	int r = strict ? filter_fill_strict(ctx)
		       : rules_add(ctx, SCMP_ACT_KILL_PROCESS, relaxed_killed,
				   sizeof(relaxed_killed) / sizeof(relaxed_killed[0]));
	if (r == 0)
		r = seccomp_export_bpf(ctx, STDOUT_FILENO);
	seccomp_release(ctx);
	if (r < 0)
		fprintf(stderr, "sandbox_filter_gen: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
