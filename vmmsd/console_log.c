/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "console_log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "console_ring.h"
#include "duration.h"
#include "worker_dir.h"

#define PATIENCE_US SECONDS(60)
#define CHUNK	    4096u

struct reader {
	struct service *service;
	int ring;
	uint64_t header_size, size; /* of the file, checked */
	uint64_t at, end;	    /* byte numbers: what is left to send */
	sd_event_source *io, *patience;
};

static void reader_free(struct reader *reader)
{
	reader->service->console_readers = g_slist_remove(reader->service->console_readers, reader);
	sd_event_source_disable_unref(reader->io);
	sd_event_source_disable_unref(reader->patience);
	fd_close(reader->ring);
	g_free(reader);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	reader_free(userdata);
	return 0;
}

/* Sends one piece of the ring. FALSE: the reader is done with, for better or worse. */
static gboolean reader_feed(struct reader *reader, int fd)
{
	uint64_t offset = reader->at % reader->size;
	uint64_t left = MIN(reader->end - reader->at, reader->size - offset);
	char chunk[CHUNK];
	ssize_t size = pread(reader->ring, chunk, MIN(left, sizeof(chunk)),
			     (off_t)(reader->header_size + offset));

	if (size <= 0)
		return FALSE;
	size = send(fd, chunk, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (size < 0)
		return errno == EAGAIN || errno == EINTR;
	reader->at += (uint64_t)size;
	(void)sd_event_source_set_time_relative(reader->patience, PATIENCE_US);
	return reader->at < reader->end;
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct reader *reader = userdata;

	(void)source;
	if ((revents & (EPOLLHUP | EPOLLERR)) || !reader_feed(reader, fd))
		reader_free(reader);
	return 0;
}

/* A worker wrote the file, and a guest the bytes: nothing in it is believed unchecked. */
static const char *ring_fault(int fd, struct vmms_console_ring_header *header)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "not a regular file";
	if (pread(fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header))
		return "shorter than its header";
	if (memcmp(header->magic, VMMS_CONSOLE_RING_MAGIC, sizeof(header->magic)) != 0 ||
	    header->version != VMMS_CONSOLE_RING_VERSION || header->header_size != sizeof(*header))
		return "not a console ring of this version";
	if (header->size < VMMS_CONSOLE_RING_SIZE_MIN ||
	    header->size > VMMS_CONSOLE_RING_SIZE_MAX || (header->size & (header->size - 1)) != 0 ||
	    (uint64_t)st.st_size != header->header_size + header->size)
		return "its size is wrong";
	if (header->head > VMMS_CONSOLE_RING_HEAD_MAX || header->claim < header->head ||
	    header->claim - header->head > header->size)
		return "its counters are wrong";
	return NULL;
}

/* Where the first whole line begins, since the oldest one is probably cut: docs/console-ring.md. */
static uint64_t ring_first_line(int fd, const struct vmms_console_ring_header *header)
{
	uint64_t tail = header->claim > header->size ? header->claim - header->size : 0;
	uint64_t window = MIN(header->size / 4, (uint64_t)CHUNK);
	uint64_t offset = tail % header->size;
	char text[CHUNK];
	ssize_t size;
	const char *end;

	if (tail == 0 || tail >= header->head)
		return MIN(tail, header->head);
	size = pread(fd, text, MIN(MIN(window, header->head - tail), header->size - offset),
		     (off_t)(header->header_size + offset));
	if (size <= 0)
		return tail;
	end = memchr(text, '\n', (size_t)size);
	if (end)
		return tail + (uint64_t)(end + 1 - text);
	for (ssize_t i = 0; i < MIN(size, 3) && ((unsigned char)text[i] & 0xc0) == 0x80; i++)
		tail++;
	return tail;
}

static int ring_open(const struct service *service, const struct vm *vm, uint32_t port)
{
	autofd int directory = worker_dir_open(service->options->runtime_dir, vm->definition->uuid);
	int fd;

	if (directory < 0)
		return -1;
	fd = openat(directory, port ? VMMS_FILE_CONSOLE1 : VMMS_FILE_CONSOLE0,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd;
}

/* Takes ring. Returns the far end, or -errno. */
static int reader_start(struct service *service, int ring,
			const struct vmms_console_ring_header *header)
{
	struct reader *reader = g_new0(struct reader, 1);
	int pair[2], r;

	reader->service = service;
	reader->ring = ring;
	reader->header_size = header->header_size;
	reader->size = header->size;
	reader->end = header->head;
	reader->at = ring_first_line(ring, header);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		goto fail;
	}
	/* The far end is the client's and blocks as it likes; ours does not: MSG_DONTWAIT. */
	r = sd_event_add_io(service->event, &reader->io, pair[0], EPOLLOUT, on_writable, reader);
	if (r < 0) {
		fd_close(pair[0]);
		fd_close(pair[1]);
		goto fail;
	}
	(void)sd_event_source_set_io_fd_own(reader->io, 1);
	r = sd_event_add_time_relative(service->event, &reader->patience, CLOCK_MONOTONIC,
				       PATIENCE_US, 0, on_patience, reader);
	if (r < 0) {
		fd_close(pair[1]);
		goto fail;
	}
	service->console_readers = g_slist_prepend(service->console_readers, reader);
	return pair[1];
fail:
	reader_free(reader);
	return r;
}

int console_log_open(struct service *service, const struct vm *vm, uint32_t port, GError **error)
{
	const char *name = vm->definition->name, *fault;
	struct vmms_console_ring_header header = {0};
	autofd int ring = -1;
	int fd;

	ring = ring_open(service, vm, port);
	if (ring < 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
			    "VM %s: no output of console %u is kept; it has not run since the host "
			    "was booted",
			    name, port);
		return -1;
	}
	fault = ring_fault(ring, &header);
	if (fault) {
		g_set_error(
			error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			"VM %s: the kept output of console %u cannot be read: %s; the next start "
			"makes it anew",
			name, port, fault);
		return -1;
	}
	if (g_slist_length(service->console_readers) >= CONSOLE_LOG_READERS_MAX) {
		g_set_error(
			error, SERVICE_ERROR, SERVICE_ERROR_BUSY,
			"VM %s: %u readers of kept output are being served, which is the limit; "
			"try again",
			name, CONSOLE_LOG_READERS_MAX);
		return -1;
	}
	fd = reader_start(service, fd_steal(&ring), &header);
	if (fd >= 0)
		return fd;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED, "VM %s: no console stream: %s",
		    name, g_strerror(-fd));
	return -1;
}

static void reader_drop(void *reader)
{
	reader_free(reader);
}

void console_log_close_all(struct service *service)
{
	g_slist_free_full(g_steal_pointer(&service->console_readers), reader_drop);
}
