/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and closing. */
#include "nbd_block.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nbd_private.h"
#include "storage_error.h"

#define BOUNCE_BYTES	    ((size_t)NBD_BOUNCE_BUFFERS * NBD_BOUNCE_SIZE)
#define BLOCK_SIZE	    512u
#define PHYSICAL_BLOCK_SIZE 4096u

static bool nbd_fail(GError **error, const struct nbd_block_config *config, const char *what)
{
	g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_FAILED,
		    "disk %s: its server does not serve it (%s); see the log of vmms-nbd",
		    config->block.name, what);
	return false;
}

/* What a server says when it ends is more than that it has ended. */
static bool nbd_fail_call(GError **error, const struct nbd_block *nbd,
			  const struct nbd_block_config *config)
{
	const char *what = nbd->nbd.get_error();

	return nbd_fail(error, config, what ? what : "it says nothing");
}

static bool nbd_connect(struct nbd_block *nbd, const struct nbd_block_config *config, int *fd,
			GError **error)
{
	int given = *fd;

	nbd->fd = fcntl(given, F_DUPFD_CLOEXEC, 3);
	nbd->handle = nbd->nbd.create();
	if (nbd->fd < 0 || !nbd->handle)
		return nbd_fail(error, config, g_strerror(errno));
	/* Block sizes not asked for: the server then takes what a guest sends and aligns it. */
	if (nbd->nbd.set_request_block_size(nbd->handle, false) < 0 ||
	    nbd->nbd.set_pread_initialize(nbd->handle, false) < 0)
		return nbd_fail_call(error, nbd, config);
	*fd = -1; /* the library's */
	return nbd->nbd.connect_socket(nbd->handle, given) == 0 ||
	       nbd_fail_call(error, nbd, config);
}

static bool nbd_look(struct nbd_block *nbd, const struct nbd_block_config *config,
		     struct block_info *info, GError **error)
{
	int64_t size = nbd->nbd.get_size(nbd->handle);

	if (size < 0)
		return nbd_fail_call(error, nbd, config);
	if (!config->read_only && nbd->nbd.is_read_only(nbd->handle) != 0)
		return nbd_fail(error, config, "it is read-only there; make the disk read-only");
	nbd->can_flush = nbd->nbd.can_flush(nbd->handle) > 0;
	nbd->can_fua = nbd->nbd.can_fua(nbd->handle) > 0;
	nbd->can_zero = nbd->nbd.can_zero(nbd->handle) > 0;
	*info = (struct block_info){
		.size = (uint64_t)size,
		.block_size = BLOCK_SIZE,
		.physical_block_size = PHYSICAL_BLOCK_SIZE,
		.read_only = config->read_only,
		.write_back = !config->write_through,
		.discard = !config->read_only && !config->no_discard &&
			   nbd->nbd.can_trim(nbd->handle) > 0,
	};
	return true;
}

static bool nbd_open(struct nbd_block *nbd, const struct nbd_block_config *config, int *fd,
		     struct block_info *info, GError **error)
{
	void *bounce;

	if (!nbd_library_load(&nbd->nbd, error)) {
		g_prefix_error(error, "disk %s: ", config->block.name);
		return false;
	}
	if (!nbd_connect(nbd, config, fd, error) || !nbd_look(nbd, config, info, error))
		return false;
	bounce = mmap(NULL, BOUNCE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (bounce == MAP_FAILED)
		return nbd_fail(error, config, g_strerror(errno));
	nbd->bounce = bounce;
	nbd->bounce_free = (1u << NBD_BOUNCE_BUFFERS) - 1;
	nbd->watch = io_thread_watch(config->block.thread, nbd->fd, EPOLLIN, nbd_ready, nbd);
	return nbd->watch != NULL || nbd_fail(error, config, g_strerror(errno));
}

struct block *nbd_block_new(const struct nbd_block_config *config, GError **error)
{
	struct nbd_block *nbd = g_new0(struct nbd_block, 1);
	struct block_info info = {0};
	struct block *block;
	int fd = config->fd;

	nbd->fd = -1;
	nbd_queue_init(&nbd->waiting);
	nbd_queue_init(&nbd->ended);
	if (!nbd_open(nbd, config, &fd, &info, error)) {
		if (fd >= 0)
			close(fd);
		nbd_free(nbd);
		return NULL;
	}
	block = block_new(&nbd_block_ops, nbd, &info, &config->block, error);
	if (block)
		nbd->block = block;
	return block;
}

void nbd_free(void *backend)
{
	struct nbd_block *nbd = backend;

	io_watch_free(nbd->watch);
	if (nbd->handle) {
		/* Said properly, it lets the server close the image at once. */
		if (nbd->watch)
			(void)nbd->nbd.aio_disconnect(nbd->handle, 0);
		nbd->nbd.close(nbd->handle);
	}
	if (nbd->fd >= 0)
		close(nbd->fd);
	if (nbd->bounce)
		munmap(nbd->bounce, BOUNCE_BYTES);
	g_free(nbd);
}
