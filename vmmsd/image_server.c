/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image_server.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "duration.h"
#include "process.h"
#include "socket_at.h"

#define READY_US SECONDS(20) /* until qemu-nbd has opened the image and greets */
#define FRESH	 "nbd.new"   /* the listener's name, for an instant */

struct image_server {
	int fd, life_fd;
	sd_event_source *greeting, *words, *deadline;
	enum disk_format format;
	gboolean named; /* who wants to be served connects by name */
	image_server_done *done;
	void *context;
};

_Static_assert((int)DISK_FORMAT_QCOW2 == VMMS_NBD_QCOW2 && (int)DISK_FORMAT_VHD == VMMS_NBD_VHD &&
		       (int)DISK_FORMAT_VHDX == VMMS_NBD_VHDX,
	       "formats");
_Static_assert((int)DISK_CACHE_WRITETHROUGH == VMMS_NBD_WRITETHROUGH &&
		       (int)DISK_CACHE_NONE == VMMS_NBD_NONE &&
		       (int)DISK_CACHE_UNSAFE == VMMS_NBD_UNSAFE,
	       "cache modes");

gboolean image_server_check(enum disk_format format, GError **error)
{
	g_autofree char *path = g_find_program_in_path("qemu-nbd");

	if (path)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
		    "qemu-nbd, which serves images of the format %s, is not installed; install the "
		    "package qemu-utils",
		    definition_disk_format_name(format));
	return FALSE;
}

static void server_free(struct image_server *server)
{
	sd_event_source_disable_unref(server->greeting);
	sd_event_source_disable_unref(server->words);
	sd_event_source_disable_unref(server->deadline);
	fd_close(server->fd);
	fd_close(server->life_fd);
	g_free(server);
}

void image_server_cancel(struct image_server *server)
{
	if (server)
		server_free(server);
}

/* ---- its end, or its beginning --------------------------------------------------------------- */

/* Takes error. */
static void server_finish(struct image_server *server, GError *error)
{
	image_server_done *done = server->done;
	void *context = server->context;
	int fd = error ? -1 : fd_steal(&server->fd);
	int life_fd = error ? -1 : fd_steal(&server->life_fd);

	/* One client at a time. */
	if (fd >= 0 && server->named)
		(void)shutdown(fd, SHUT_RDWR);

	server_free(server);
	done(context, fd, life_fd, error);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	server_finish(userdata, g_error_new_literal(SERVICE_ERROR, SERVICE_ERROR_FAILED,
						    "qemu-nbd was not ready in time; the host may "
						    "be overloaded: try again"));
	return 0;
}

/* qemu-nbd: Failed to blk_new_open 'driver=…': Could not open …: what counts is at the end. */
static void words_trim(char *words)
{
	static const char noise[] = "': ";
	char *quote = strstr(words, "blk_new_open '");
	char *end = quote ? strstr(quote + strlen("blk_new_open '"), noise) : NULL;

	char *name;

	if (end)
		memmove(words, end + strlen(noise), strlen(end + strlen(noise)) + 1);
	/* Its name for the image is no other's. */
	name = strstr(words, "Could not open '/dev/fd/");
	end = name ? strstr(name, noise) : NULL;
	if (end)
		memmove(name, end + strlen(noise), strlen(end + strlen(noise)) + 1);
	for (char *c = words; *c; c++) {
		if ((unsigned char)*c < ' ')
			*c = ' ';
	}
	g_strstrip(words);
}

static int on_words(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct image_server *server = userdata;
	char words[VMMS_NBD_WORDS_MAX + 1];
	ssize_t n = recv(fd, words, sizeof(words) - 1, MSG_DONTWAIT);

	(void)source;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	words[MAX(n, 0)] = '\0';
	words_trim(words);
	g_autofree char *shown = g_utf8_make_valid(words, -1);
	server_finish(server,
		      g_error_new(SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE,
				  "it cannot be served as %s (%s); mend it with qemu-img check, or "
				  "restore it",
				  definition_disk_format_name(server->format),
				  *shown ? shown : "vmms-nbd ended; see its log"));
	return 0;
}

/* A server greets whoever connects, and does so when it has opened the image. The greeting is left
 * for the worker. */
static int on_greeting(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	char byte;
	ssize_t n = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

	(void)events;
	if (n > 0)
		server_finish(userdata, NULL);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR)) /* why comes by the other */
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* In a directory that is its user's alone, whoever made it. */
static int name_give(int runtime, const struct image_server_order *order)
{
	char name[32];

	(void)g_snprintf(name, sizeof(name), VMMS_DISK_SOCKET, order->disk->controller,
			 order->disk->lun);
	if (fchmodat(runtime, FRESH, 0666, 0) < 0 ||
	    renameat(runtime, FRESH, order->directory, name) < 0)
		return -errno;
	return 0;
}

/*
 * A listener and a connection to it, that waits in its backlog. Without a directory the name is
 * there for an instant only, so that nobody else can connect. 0 or -errno.
 */
static int make_pair(const struct service *service, const struct image_server_order *order,
		     int *listener, int *fd)
{
	autofd int runtime =
		open(service->options->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (runtime < 0)
		return -errno;
	*listener = socket_listen_at(runtime, FRESH, 1);
	if (*listener < 0)
		return *listener;
	*fd = socket_connect_at(runtime, FRESH);
	if (*fd >= 0 && order->directory >= 0)
		r = name_give(runtime, order);
	(void)unlinkat(runtime, FRESH, 0);
	return *fd < 0 ? *fd : r;
}

/* Our end, or -errno. */
static int keeper_spawn(const struct service *service)
{
	const char *const argv[] = {service->options->image_server, NULL};
	autofd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), ours = -1, theirs = -1;
	int pair[2], pidfd;
	pid_t pid;

	if (null_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	pidfd = process_spawn(
		&(struct process_spec){
			.argv = argv,
			.fds = {null_fd, null_fd, null_fd, theirs},
			.n_fds = 4,
			.new_session = TRUE,
		},
		&pid);
	if (pidfd < 0)
		return pidfd;
	process_reap_later(service->event, pidfd);
	return fd_steal(&ours);
}

static int keeper_connect(const struct service *service)
{
	autofd int directory =
		open(service->options->runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return directory < 0 ? -errno : socket_connect_packets_at(directory, VMMS_NBD_SOCKET);
}

/* 0 or -errno. */
static int order_send(int life_fd, const struct image_server_order *wanted, int listener)
{
	const struct definition_disk *disk = wanted->disk;
	const struct image_chain *chain = wanted->chain;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE((1 + VMMS_NBD_LAYERS) * sizeof(int))] = {
		0};
	struct vmms_nbd_order order = {
		.magic = VMMS_NBD_MAGIC,
		.n_layers = (uint8_t)chain->n,
		.cache = (uint8_t)disk->cache,
		.read_only = disk->read_only,
		.discard = disk->discard && !disk->read_only,
		.lasting = wanted->directory >= 0,
		.size = wanted->size,
	};
	struct iovec iov = {&order, sizeof(order)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = CMSG_SPACE((1 + chain->n) * sizeof(int))};
	struct cmsghdr *files = CMSG_FIRSTHDR(&message);

	files->cmsg_level = SOL_SOCKET;
	files->cmsg_type = SCM_RIGHTS;
	files->cmsg_len = CMSG_LEN((1 + chain->n) * sizeof(int));
	memcpy(CMSG_DATA(files), &listener, sizeof(int));
	memcpy(CMSG_DATA(files) + sizeof(int), chain->fds, chain->n * sizeof(int));
	for (size_t i = 0; i < chain->n; i++)
		order.formats[i] = (uint8_t)chain->formats[i];
	return sendmsg(life_fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(order) ? 0 : -errno;
}

static int server_open(struct image_server *server, const struct service *service,
		       const struct image_server_order *order)
{
	autofd int listener = -1;
	int r = make_pair(service, order, &listener, &server->fd);

	if (r < 0)
		return r;
	server->life_fd = service->units ? keeper_connect(service) : keeper_spawn(service);
	if (server->life_fd < 0)
		return server->life_fd;
	r = order_send(server->life_fd, order, listener);
	if (r >= 0)
		r = sd_event_add_io(service->event, &server->words, server->life_fd, EPOLLIN,
				    on_words, server);
	if (r >= 0)
		r = sd_event_add_io(service->event, &server->greeting, server->fd, EPOLLIN,
				    on_greeting, server);
	if (r >= 0)
		r = sd_event_add_time_relative(service->event, &server->deadline, CLOCK_MONOTONIC,
					       READY_US, 0, on_deadline, server);
	return r;
}

struct image_server *image_server_start(const struct service *service,
					const struct image_server_order *order,
					image_server_done *done, void *context, GError **error)
{
	struct image_server *server = g_new0(struct image_server, 1);
	int r;

	*server = (struct image_server){.fd = -1,
					.life_fd = -1,
					.format = order->disk->format,
					.named = order->directory >= 0,
					.done = done,
					.context = context};
	r = server_open(server, service, order);
	if (r >= 0)
		return server;
	server_free(server);
	if (service->units)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "its server cannot be reached at %s/" VMMS_NBD_SOCKET
			    " (%s); run systemctl start vmms-nbd.socket",
			    service->options->runtime_dir, g_strerror(-r));
	else
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "its server cannot be started (%s); see that %s is installed",
			    g_strerror(-r), service->options->image_server);
	return NULL;
}
