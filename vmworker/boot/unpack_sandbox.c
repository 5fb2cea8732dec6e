/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack_sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "boot.h"
#include "unpack.h"

#define ADDRESS_SPACE_MAX (1ull << 30)
#define CPU_SECONDS_MAX	  60u

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

/* The whole surface: no name can be opened, no process or socket made, no memory made executable.
 */
static const int allowed[] = {
	SCMP_SYS(read),		 SCMP_SYS(pread64),
	SCMP_SYS(write),	 SCMP_SYS(lseek),
	SCMP_SYS(fstat),	 SCMP_SYS(newfstatat),
	SCMP_SYS(brk),		 SCMP_SYS(munmap),
	SCMP_SYS(mremap),	 SCMP_SYS(madvise),
	SCMP_SYS(futex),	 SCMP_SYS(getrandom),
	SCMP_SYS(exit),		 SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigreturn),	 SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime),
#ifdef UNDER_SANITIZER
	SCMP_SYS(gettid),	 SCMP_SYS(getpid),
	SCMP_SYS(sched_yield),	 SCMP_SYS(sigaltstack),
#endif
};

static gboolean sandbox_limits_set(void)
{
	static const struct {
		int resource;
		rlim_t max;
	} limits[] = {
#ifndef UNDER_SANITIZER /* its shadow memory takes terabytes of address space */
		{RLIMIT_AS, ADDRESS_SPACE_MAX},
#endif
		{RLIMIT_CPU, CPU_SECONDS_MAX},
		{RLIMIT_FSIZE, UNPACK_PAYLOAD_MAX},
		{RLIMIT_CORE, 0},
		{RLIMIT_NPROC, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
		const struct rlimit limit = {limits[i].max, limits[i].max};

		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit) < 0)
			return FALSE;
	}
	return TRUE;
}

static int sandbox_filter_load(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < G_N_ELEMENTS(allowed) && result == 0; i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (result == 0) /* of mmap: nothing executable */
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (result == 0) /* also sets no_new_privs */
		result = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return result;
}

gboolean unpack_sandbox_enter(GError **error)
{
	int result = 0;

	if (!sandbox_limits_set())
		result = -errno;
	else
		result = sandbox_filter_load();
	if (result == 0)
		return TRUE;
	g_set_error(error, BOOT_ERROR, BOOT_ERROR_IO,
		    "vmms-unpack: confining itself failed: %s; a kernel with seccomp is needed",
		    strerrordesc_np(-result));
	return FALSE;
}
