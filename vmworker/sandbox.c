/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_filter.h"
#include "worker_error.h"

/* Descriptors: two per VP (itself, its statistics), viewers, peers, files. */
#define SANDBOX_MAX_FILES 1024u

extern const char sandbox_filter[]; /* made by sandbox_filter_gen */
extern const size_t sandbox_filter_size;

void sandbox_close_inherited(unsigned int n_listen)
{
	/* Fails only where the kernel has no close_range (before 5.9). vmmsd and systemd pass
	 * nothing else, so that is no reason not to run. */
	(void)close_range(3 + n_listen, ~0u, 0);
}

static gboolean step_failed(const char *step, GError **error)
{
	g_set_error(
		error, WORKER_ERROR, WORKER_ERROR_FAILED,
		"the worker could not be confined: %s was refused (%s); see what else restricts this service",
		step, g_strerror(errno));
	return FALSE;
}

/* 1. No program that is executed can give privileges back; the later steps require it. */
static gboolean fall_no_new_privs(GString *steps, GError **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return step_failed("no_new_privs", error);
	g_string_append(steps, "no_new_privs");
	return TRUE;
}

/* 2. Root becomes a user without powers: no capability, now or by any later way. */
static gboolean fall_capabilities(GString *steps, GError **error)
{
	/* Dropping from the bounding set takes CAP_SETPCAP, so a worker that is not root has
	 * nothing to drop there. */
	if (cap_get_bound(CAP_SETPCAP) > 0 && geteuid() == 0) {
		for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++) {
			if (cap_drop_bound(cap) < 0 && errno != EPERM)
				return step_failed("dropping the bounding set", error);
		}
	}
	cap_t empty = cap_init();
	int r = empty ? cap_set_proc(empty) : -1;
	int saved = errno;
	cap_free(empty);
	errno = saved;
	if (r < 0)
		return step_failed("dropping capabilities", error);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	g_string_append(steps, ", no capabilities");
	return TRUE;
}

/*
 * 3. Limits. No core file (guest memory would be in it), a bounded number of descriptors. Tasks are
 * not limited here: a reset makes the VPs' threads anew and RLIMIT_NPROC counts all of the user's;
 * the filter lets only threads be made, and the unit has TasksMax=.
 */
static gboolean fall_limits(GString *steps, GError **error)
{
	const struct rlimit no_core = {0, 0};
	struct rlimit files;

	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return step_failed("the limit of core files", error);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return step_failed("the limit of descriptors", error);
	if (files.rlim_max > SANDBOX_MAX_FILES)
		files.rlim_max = SANDBOX_MAX_FILES;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return step_failed("the limit of descriptors", error);
	g_string_append(steps, ", limits");
	return TRUE;
}

#ifndef SANDBOX_RELAXED

/* linux/landlock.h, all fields up to ABI 6; the kernel takes the prefix that its ABI knows. */
struct landlock_ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

static const struct landlock_abi {
	uint64_t fs, net, scoped;
	size_t size;
} landlock_abis[] = {
	{0x1fff, 0, 0, 8},  /* 1: 5.13 */
	{0x3fff, 0, 0, 8},  /* 2: REFER */
	{0x7fff, 0, 0, 8},  /* 3: TRUNCATE */
	{0x7fff, 3, 0, 16}, /* 4: TCP bind and connect */
	{0xffff, 3, 0, 16}, /* 5: IOCTL_DEV */
	{0xffff, 3, 3, 24}, /* 6: abstract sockets, signals to others */
};

/* 4. No path can be opened, made, removed or executed: a ruleset that handles all and allows none.
 */
static gboolean fall_landlock(GString *steps, GError **error)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* ..._VERSION */);

	if (abi <= 0) {
		g_string_append(steps, ", Landlock absent from this kernel");
		return TRUE;
	}

	const struct landlock_abi *known =
		&landlock_abis[MIN((size_t)abi, G_N_ELEMENTS(landlock_abis)) - 1];
	const struct landlock_ruleset ruleset = {known->fs, known->net, known->scoped};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, known->size, 0);
	if (fd < 0)
		return step_failed("a Landlock ruleset", error);
	long r = syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	if (r < 0)
		return step_failed("Landlock", error);
	g_string_append_printf(steps, ", Landlock %ld", abi);
	return TRUE;
}

#else

static gboolean fall_landlock(GString *steps, GError **error)
{
	(void)error;
	g_string_append(steps, ", no Landlock in this build");
	return TRUE;
}

#endif

/*
 * 5. The system calls that are left (sandbox_filter_gen.c lists them); any other kills the process,
 * which the kernel's audit log shows as type=SECCOMP with the number of the call. Last, since the
 * steps before use calls that are not left.
 */
static gboolean fall_system_calls(GString *steps, GError **error)
{
	size_t n = sandbox_filter_size / sizeof(struct sock_filter);
	g_autofree struct sock_filter *program = g_new(struct sock_filter, n);

	memcpy(program, sandbox_filter, n * sizeof(*program));
	/* The filter is made when vmms is built; only now is the process known whose threads alone
	 * may be signalled. */
	for (size_t i = 0; i < n; i++) {
		if (BPF_CLASS(program[i].code) == BPF_JMP && program[i].k == SANDBOX_FILTER_SELF)
			program[i].k = (uint32_t)getpid();
	}

	const struct sock_fprog fprog = {.len = (unsigned short)n, .filter = program};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) < 0)
		return step_failed("the system call filter", error);
	g_string_append(steps, ", system call filter");
	return TRUE;
}

typedef gboolean (*sandbox_fall)(GString *, GError **);

static gboolean falls_take(const sandbox_fall *falls, size_t n, char **ret_steps, GError **error)
{
	GString *steps = g_string_new(NULL);

	for (size_t i = 0; i < n; i++) {
		if (!falls[i](steps, error)) {
			g_string_free(steps, TRUE);
			return FALSE;
		}
	}
	char *text = g_string_free(steps, FALSE);
	if (ret_steps)
		*ret_steps = text;
	else
		g_free(text);
	return TRUE;
}

gboolean sandbox_enter(char **ret_steps, GError **error)
{
	static const sandbox_fall falls[] = {
		fall_no_new_privs, fall_capabilities, fall_limits, fall_landlock, fall_system_calls,
	};

	return falls_take(falls, G_N_ELEMENTS(falls), ret_steps, error);
}

gboolean sandbox_enter_outer(char **ret_steps, GError **error)
{
	static const sandbox_fall falls[] = {fall_no_new_privs, fall_capabilities, fall_limits};

	return falls_take(falls, G_N_ELEMENTS(falls), ret_steps, error);
}
