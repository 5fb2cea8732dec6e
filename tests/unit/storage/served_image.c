/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "served_image.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = {"raw", "qcow2", "vpc", "vhdx"};

static void run(const char *const *words)
{
	g_autoptr(GError) error = NULL;
	int status;

	g_spawn_sync(NULL, (char **)words, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
		     NULL, NULL, NULL, NULL, &status, &error);
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
}

bool served_image_new(struct served_image *image, enum vmms_nbd_format format, uint64_t size)
{
	g_autofree char *program = g_find_program_in_path("qemu-nbd");
	g_autofree char *length = g_strdup_printf("%" G_GUINT64_FORMAT, size);
	struct vmms_nbd_order order = {
		.magic = VMMS_NBD_MAGIC, .n_layers = 1, .formats = {(uint8_t)format}, .discard = 1};

	*image = (struct served_image){.fd = -1, .life_fd = -1, .format = format};
	if (!program) {
		g_test_skip("qemu-nbd is not installed (package qemu-utils)");
		return false;
	}
	close(g_file_open_tmp("vmms-served-XXXXXX", &image->path, NULL));
	/* Else a VHD's size is rounded up to cylinders. */
	run((const char *const[]){"qemu-img", "create", "-q", "-f", names[format], image->path,
				  length, format == VMMS_NBD_VHD ? "-o" : NULL, "force_size=on",
				  NULL});
	served_image_serve(image, &order);
	return true;
}

/* A name of the abstract kind, which nobody else learns. */
static int listen_somewhere(int *connected)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t size = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), ==, 0);
	g_assert_cmpint(listen(fd, 1), ==, 0);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
	*connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(*connected, (struct sockaddr *)&address, size), ==, 0);
	return fd;
}

static pid_t spawn(int life_fd)
{
	pid_t pid = fork();

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		if (life_fd == 3)
			(void)fcntl(3, F_SETFD, 0);
		else
			(void)dup2(life_fd, 3);
		(void)execl(VMMS_NBD, "vmms-nbd", NULL);
		_exit(127);
	}
	return pid;
}

static void send_order(int life_fd, const struct vmms_nbd_order *order, const int fds[2])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
	struct iovec iov = {(void *)order, sizeof(*order)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *files = CMSG_FIRSTHDR(&message);

	files->cmsg_level = SOL_SOCKET;
	files->cmsg_type = SCM_RIGHTS;
	files->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(files), fds, 2 * sizeof(int));
	g_assert_cmpint(sendmsg(life_fd, &message, 0), ==, sizeof(*order));
}

void served_image_serve(struct served_image *image, const struct vmms_nbd_order *order)
{
	int pair[2], listener = listen_somewhere(&image->fd);
	int file = open(image->path, (order->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	g_assert_cmpint(file, >=, 0);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	image->pid = spawn(pair[1]);
	close(pair[1]);
	image->life_fd = pair[0];
	send_order(image->life_fd, order, (const int[2]){listener, file});
	close(listener);
	close(file);
}

int served_image_wait(struct served_image *image)
{
	int status;

	if (!image->pid)
		return 0;
	g_assert_cmpint(waitpid(image->pid, &status, 0), ==, image->pid);
	image->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void end(struct served_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	if (image->life_fd >= 0)
		close(image->life_fd);
	image->fd = image->life_fd = -1;
	(void)served_image_wait(image);
}

char *served_image_contents(const struct served_image *image, gsize *size)
{
	g_autofree char *raw = g_strconcat(image->path, ".raw", NULL);
	char *contents = NULL;

	run((const char *const[]){"qemu-img", "convert", "-f", names[image->format], "-O", "raw",
				  image->path, raw, NULL});
	g_assert_true(g_file_get_contents(raw, &contents, size, NULL));
	g_unlink(raw);
	return contents;
}

void served_image_clear(struct served_image *image)
{
	end(image);
	if (image->path)
		g_unlink(image->path);
	g_clear_pointer(&image->path, g_free);
}
