/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmms-switch [--lock FD]: the private networks of a host. Descriptor 3 is the listening socket, by
 * systemd's protocol. It ends when no network has a port any more. With --lock the listener ends
 * with it, and it only ends while it has the lock that connecting takes (vmmsd/switch_port.c).
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "switch_hub.h"

#ifdef SWITCH_CONFINED
/* It meets whatever guests send: no name can be opened, nothing made but memory and epoll sets. */
static const int allowed[] = {
	SCMP_SYS(epoll_wait),	 SCMP_SYS(epoll_pwait),	   SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_create1), SCMP_SYS(accept4),	   SCMP_SYS(getsockopt),
	SCMP_SYS(recvfrom),	 SCMP_SYS(sendto),	   SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),	 SCMP_SYS(write),	   SCMP_SYS(writev),
	SCMP_SYS(fstat),	 SCMP_SYS(newfstatat),	   SCMP_SYS(getpid),
	SCMP_SYS(close),	 SCMP_SYS(flock),	   SCMP_SYS(brk),
	SCMP_SYS(munmap),	 SCMP_SYS(mremap),	   SCMP_SYS(madvise),
	SCMP_SYS(futex),	 SCMP_SYS(getrandom),	   SCMP_SYS(exit),
	SCMP_SYS(exit_group),	 SCMP_SYS(rt_sigreturn),   SCMP_SYS(restart_syscall),
	SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigprocmask),
};

static int confine(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < G_N_ELEMENTS(allowed) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0) /* of mmap: nothing executable */
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0) /* also sets no_new_privs */
		r = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return r;
}
#else
static int confine(void) /* run-time libraries need calls of their own */
{
	return 0;
}
#endif

/* Every port is a descriptor. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Under the lock nobody connects. False: somebody has. */
static bool may_end(struct switch_hub *hub, int lock_fd)
{
	if (lock_fd < 0) /* systemd keeps the listener and what comes to it */
		return true;
	if (flock(lock_fd, LOCK_EX) == 0 && switch_hub_run(hub, 0) && switch_hub_is_idle(hub))
		return true;
	(void)flock(lock_fd, LOCK_UN);
	return false;
}

static int serve(int listener, int lock_fd)
{
	g_autoptr(GError) error = NULL;
	struct switch_hub *hub = switch_hub_new(listener, &error);
	bool good = hub != NULL;

	if (!hub)
		fprintf(stderr, "vmms-switch: %s\n", error->message);
	while (good) {
		good = switch_hub_run(hub, switch_hub_is_idle(hub) ? 0 : -1);
		if (!good)
			fprintf(stderr, "vmms-switch: %s\n", strerror(errno));
		else if (switch_hub_is_idle(hub) && may_end(hub, lock_fd))
			break;
	}
	switch_hub_free(hub);
	/* An exit closes descriptors in an order of its own: who gets the lock must find nobody. */
	close(listener);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	int lock_fd = -1, r;

	if (argc == 3 && strcmp(argv[1], "--lock") == 0) {
		lock_fd = (int)g_ascii_strtoll(argv[2], NULL, 10);
	} else if (argc != 1) {
		fprintf(stderr, "usage: vmms-switch [--lock FD]; vmmsd and systemd run it\n");
		return 2;
	}
	if (sd_listen_fds(1) != 1) {
		fprintf(stderr, "vmms-switch: there is no listening socket; let vmmsd or "
				"vmms-switch.socket start it\n");
		return EXIT_FAILURE;
	}
	raise_limit();
	r = confine();
	if (r < 0) {
		fprintf(stderr, "vmms-switch: confining itself failed: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	return serve(SD_LISTEN_FDS_START, lock_fd);
}
