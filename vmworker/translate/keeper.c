/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keeper.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulator.h"
#include "worker_error.h"

union keeper_control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* The descriptor that came, -1: none with this message, -2: the worker is gone. */
static int keeper_receive(int fd)
{
	union keeper_control control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	int told = -1;

	if (n < 0 && errno == EINTR)
		return -1;
	if (n <= 0)
		return -2;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&told, CMSG_DATA(header), sizeof(told));
	return told;
}

static gboolean is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static void fd_replace(int *fd, int with)
{
	if (*fd >= 0)
		close(*fd);
	*fd = with;
}

/* The child. It has nothing of the worker but this descriptor and what it logs to. */
static void keeper_run(int fd)
{
	sigset_t all;
	int pidfd = -1, root = -1, r;

	(void)prctl(PR_SET_NAME, "vmworker-keeper");
	sigfillset(&all); /* a signal to the whole group must not end it before the worker */
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	if (dup2(fd, 3) < 0)
		_exit(1);
	(void)close_range(4, ~0u, 0);
	while ((r = keeper_receive(3)) != -2) {
		if (r >= 0)
			fd_replace(is_directory(r) ? &root : &pidfd, r);
	}
	if (pidfd < 0 && root >= 0)
		pidfd = emulator_pidfd(root, NULL);
	if (pidfd >= 0)
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	_exit(0);
}

int keeper_start(GError **error)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
		pid = fork();
		if (pid == 0)
			keeper_run(pair[1]);
		close(pair[1]);
		if (pid > 0)
			return pair[0];
		close(pair[0]);
	}
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "vmworker-translate: no process could be made to watch over QEMU (%s); raise "
		    "the limit of processes",
		    g_strerror(errno));
	return -1;
}

gboolean keeper_tell(int socket, int fd, GError **error)
{
	union keeper_control control = {0};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(socket, &message, MSG_NOSIGNAL) == 1)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_FAILED,
		    "the process that watches over QEMU is gone (%s); start the machine again",
		    g_strerror(errno));
	return FALSE;
}
