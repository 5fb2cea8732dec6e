/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmms-nbd: keeps one qemu-nbd as long as somebody needs it. Descriptor 3 is the socket of
 * image_server_wire.h. qemu-nbd alone would wait for ever for a client that never came to speak
 * with it, and would have nobody to tell why it could not serve.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image_server.h"

#define LIFE	   3
#define FDS_MAX	   (1u + VMMS_NBD_LAYERS)
#define ORDER_MS   10000 /* until it has come */
#define CLOSING_MS 20000 /* for qemu-nbd to write back what it holds */

struct server {
	struct vmms_nbd_order order;
	int fds[FDS_MAX]; /* the listener, the layers */
	size_t n_fds;
	pid_t pid;
	int pidfd, words_fd;
	char words[VMMS_NBD_WORDS_MAX]; /* the last of what qemu-nbd said */
	size_t n_words;
};

/* ---- the order ------------------------------------------------------------------------------- */

static void take_fds(struct server *server, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		server->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(server->fds, CMSG_DATA(c), server->n_fds * sizeof(int));
	}
}

static bool order_receive(struct server *server)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct iovec iov = {&server->order, sizeof(server->order)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct pollfd wait = {.fd = LIFE, .events = POLLIN};
	ssize_t n = -1;

	if (poll(&wait, 1, ORDER_MS) == 1)
		n = recvmsg(LIFE, &message, MSG_CMSG_CLOEXEC);
	if (n <= 0 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return false;
	take_fds(server, &message);
	return image_server_check(&server->order, (size_t)n, server->n_fds);
}

/* ---- qemu-nbd -------------------------------------------------------------------------------- */

/* Two steps, since a source may have the number that is another's target. */
static bool child_place_fds(const struct server *server, int words_fd)
{
	int high[FDS_MAX], last = IMAGE_SERVER_LISTENER + (int)server->n_fds;
	int words = fcntl(words_fd, F_DUPFD, last);

	for (size_t i = 0; i < server->n_fds; i++) {
		high[i] = fcntl(server->fds[i], F_DUPFD, last);
		if (high[i] < 0)
			return false;
	}
	for (size_t i = 0; i < server->n_fds; i++) {
		if (dup2(high[i], IMAGE_SERVER_LISTENER + (int)i) < 0)
			return false;
	}
	return words >= 0 && dup2(words, STDERR_FILENO) >= 0 &&
	       close_range((unsigned int)last, ~0u, 0) == 0;
}

static _Noreturn void child_run(const struct server *server,
				const struct image_server_command *command, int words_fd,
				pid_t parent)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    getppid() != parent || setenv("LISTEN_FDS", "1", 1) < 0 ||
	    setenv("LISTEN_PID", pid, 1) < 0 || unsetenv("LISTEN_FDNAMES") < 0 ||
	    !child_place_fds(server, words_fd))
		_exit(127);
	(void)execvp(command->argv[0], (char *const *)command->argv);
	fprintf(stderr, "%s cannot be run: %s; install the package qemu-utils\n", command->argv[0],
		strerror(errno));
	_exit(127);
}

static bool child_start(struct server *server, const struct image_server_command *command)
{
	pid_t parent = getpid();
	int words[2];

	if (pipe2(words, O_CLOEXEC) < 0)
		return false;
	server->pid = fork();
	if (server->pid == 0)
		child_run(server, command, words[1], parent);
	close(words[1]);
	server->words_fd = words[0];
	if (server->pid < 0)
		return false;
	server->pidfd = pidfd_open(server->pid, 0);
	return server->pidfd >= 0;
}

static bool server_start(struct server *server)
{
	struct image_server_command command;

	image_server_command(&server->order, &command);
	if (!child_start(server, &command))
		return false;
	/* The layers stay open: their locks are to last as long as anything here. The listener must
	 * not: who connects is to learn that nobody serves any more. */
	close(server->fds[0]);
	return true;
}

/* Keeps the end of what was said. False at the end of it. */
static bool words_read(struct server *server)
{
	char text[512];
	ssize_t n = read(server->words_fd, text, sizeof(text));
	size_t size = n > 0 ? (size_t)n : 0, keep = server->n_words;

	if (n <= 0)
		return n < 0 && errno == EINTR;
	(void)!write(STDERR_FILENO, text, size); /* the log */
	if (keep > sizeof(server->words) - size)
		keep = sizeof(server->words) - size;
	memmove(server->words, server->words + server->n_words - keep, keep);
	memcpy(server->words + keep, text, size);
	server->n_words = keep + size;
	return true;
}

static void words_send(struct server *server, int status)
{
	char text[64];
	size_t n;

	while (words_read(server))
		;
	if (server->n_words == 0) {
		if (WIFSIGNALED(status))
			snprintf(text, sizeof(text), "it was killed by signal %d",
				 WTERMSIG(status));
		else
			snprintf(text, sizeof(text), "it ended with status %d",
				 WEXITSTATUS(status));
		n = strlen(text);
		memcpy(server->words, text, n);
		server->n_words = n;
	}
	(void)!send(LIFE, server->words, server->n_words, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Until qemu-nbd ends, or nobody needs it. True: the former. */
static bool server_watch(struct server *server)
{
	struct pollfd fds[] = {{.fd = server->pidfd, .events = POLLIN},
			       {.fd = LIFE}, /* POLLHUP is always told */
			       {.fd = server->words_fd, .events = POLLIN}};

	for (;;) {
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return false;
		if (fds[0].revents)
			return true;
		if (fds[1].revents)
			return false;
		if (fds[2].revents && !words_read(server))
			fds[2].fd = -1;
	}
}

static void server_end(struct server *server)
{
	struct pollfd ended = {.fd = server->pidfd, .events = POLLIN};

	(void)pidfd_send_signal(server->pidfd, SIGTERM, NULL, 0);
	if (poll(&ended, 1, CLOSING_MS) == 0)
		(void)pidfd_send_signal(server->pidfd, SIGKILL, NULL, 0);
}

static int child_wait(const struct server *server)
{
	int status = 0;

	return waitpid(server->pid, &status, 0) < 0 ? 0 : status;
}

/* The image gets its size before anybody is served. False: it has not got it, and whoever waits
 * knows why. */
static bool image_resize(struct server *server)
{
	struct image_server_command command;
	int status;

	if (server->order.size == 0)
		return true;
	image_server_resize_command(&server->order, &command);
	if (!child_start(server, &command))
		return false;
	while (words_read(server))
		;
	status = child_wait(server);
	if (status != 0)
		words_send(server, status);
	close(server->words_fd);
	close(server->pidfd);
	return status == 0;
}

int main(void)
{
	const struct rlimit no_core = {0, 0}; /* the guest's data would be in it */
	struct server server = {.pidfd = -1, .words_fd = -1};
	int status;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (fcntl(LIFE, F_SETFD, FD_CLOEXEC) < 0 || !order_receive(&server)) {
		fprintf(stderr, "vmms-nbd: no order came; vmmsd runs this program, nobody else\n");
		return 2;
	}
	if (!image_resize(&server))
		return EXIT_FAILURE;
	if (!server_start(&server)) {
		perror("vmms-nbd: qemu-nbd cannot be started");
		return EXIT_FAILURE;
	}
	bool by_itself = server_watch(&server);
	if (!by_itself)
		server_end(&server);
	status = child_wait(&server);
	if (by_itself)
		words_send(&server, status);
	return by_itself && status != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
