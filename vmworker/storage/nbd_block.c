/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Servers that come and go. */
#include "nbd_block.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "nbd_private.h"
#include "storage_error.h"

#define BLOCK_SIZE	    512u
#define PHYSICAL_BLOCK_SIZE 4096u
#define ASK_NS		    UINT64_C(2000000000)
#define RETRY_NS	    UINT64_C(30000000000)
#define FRUITLESS_MAX	    3u /* an image that kills who reads it is not to do so for ever */
#define SUSPEND_NS	    UINT64_C(60000000000) /* with what is done to the image meanwhile */
#define SUSPEND_ASK_NS	    UINT64_C(15000000000) /* then whoever wanted that may have died */

static bool nbd_fail(GError **error, const char *name, const char *what)
{
	g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_FAILED,
		    "disk %s: its server does not serve it (%s); see the log of vmms-nbd", name,
		    what);
	return false;
}

static uint64_t nbd_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- a server comes -------------------------------------------------------------------------- */

/* Without these a guest's data would not be safe; every qemu-nbd has them. */
static bool nbd_look(const struct nbd_block *nbd, const char *name, GError **error)
{
	const uint32_t needed = NBD_EXPORT_FLUSH | NBD_EXPORT_FUA | NBD_EXPORT_ZEROES;

	if (nbd->config.read_only)
		return true;
	if (nbd->export.flags & NBD_EXPORT_READ_ONLY)
		return nbd_fail(error, name, "it is read-only there; make the disk read-only");
	return (nbd->export.flags & needed) == needed ||
	       nbd_fail(error, name, "it cannot flush or zero");
}

/* Takes fd. */
static bool nbd_begin(struct nbd_block *nbd, const char *name, int fd, GError **error)
{
	const char *wrong;

	nbd->fd = fd;
	wrong = fd < 0 ? g_strerror(errno) : nbd_shake_hands(fd, &nbd->export);
	if (wrong ? !nbd_fail(error, name, wrong) : !nbd_look(nbd, name, error))
		goto fail;
	nbd->watch = io_thread_watch(nbd->config.block.thread, fd, EPOLLIN, nbd_io_ready, nbd);
	if (nbd->watch) {
		nbd->state = NBD_SERVED;
		return true;
	}
	(void)nbd_fail(error, name, g_strerror(errno));
fail:
	if (fd >= 0)
		close(fd);
	nbd->fd = -1;
	return false;
}

bool nbd_block_serve(struct block *block, int fd, GError **error)
{
	struct nbd_block *nbd = block_backend(block);

	if (nbd->state == NBD_SERVED) {
		close(fd);
		g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_IN_USE,
			    "disk %s: its server is there; another is not needed",
			    block_name(block));
		return false;
	}
	if (!nbd_begin(nbd, block_name(block), fd, error))
		return false;
	io_timer_arm(nbd->timer, 0);
	nbd_io_settle(nbd);
	return true;
}

/* ---- a server goes --------------------------------------------------------------------------- */

static void nbd_close(struct nbd_block *nbd)
{
	nbd_io_forget(nbd);
	io_watch_free(nbd->watch);
	nbd->watch = NULL;
	if (nbd->fd >= 0)
		close(nbd->fd);
	nbd->fd = -1;
}

static void nbd_await(struct nbd_block *nbd, uint64_t give_up_ns, uint64_t ask_ns)
{
	uint64_t now = nbd_now();

	nbd->state = NBD_AWAITED;
	nbd->give_up_ns = now + give_up_ns;
	io_timer_arm(nbd->timer, now + MIN(ask_ns, give_up_ns));
}

static void nbd_ask(struct nbd_block *nbd)
{
	nbd_await(nbd, (uint64_t)nbd->config.await_ms * 1000000u, ASK_NS);
	if (nbd->config.lost)
		nbd->config.lost(nbd->config.block.context);
}

void nbd_ask_again(struct nbd_block *nbd)
{
	if (nbd_now() >= nbd->retry_ns)
		nbd_ask(nbd);
}

/* A VM that was paused by this asks at once when it is resumed. */
void nbd_give_up(struct nbd_block *nbd)
{
	nbd->state = NBD_GIVEN_UP;
	nbd->failing = true;
	nbd->retry_ns = nbd->config.block.policy == BLOCK_ERROR_STOP ? 0 : nbd_now() + RETRY_NS;
	io_timer_arm(nbd->timer, 0);
}

void nbd_lose(struct nbd_block *nbd)
{
	/* What a cache in the server held is lost with it. */
	if (nbd->written != nbd->flushed)
		nbd->flush_fails = true;
	nbd->flushed = nbd->written;
	nbd_close(nbd);
	if (++nbd->fruitless > FRUITLESS_MAX)
		nbd_give_up(nbd);
	else
		nbd_ask(nbd);
}

static void nbd_expired(void *context)
{
	struct nbd_block *nbd = context;
	uint64_t now = nbd_now();

	if (nbd->state != NBD_AWAITED)
		return;
	if (now >= nbd->give_up_ns) {
		nbd_give_up(nbd);
		nbd_io_settle(nbd);
		return;
	}
	io_timer_arm(nbd->timer, MIN(now + ASK_NS, nbd->give_up_ns));
	if (nbd->config.lost)
		nbd->config.lost(nbd->config.block.context);
}

bool nbd_block_is_awaited(const struct block *block)
{
	return ((const struct nbd_block *)block_backend(block))->state != NBD_SERVED;
}

bool nbd_block_suspend(struct block *block, GError **error)
{
	struct nbd_block *nbd = block_backend(block);
	int r = -ENOTCONN;

	block_drain(block);
	if (nbd->state == NBD_SERVED && !nbd->flush_fails)
		r = nbd_flush(nbd->fd);
	if (r < 0) {
		if (r == -ENOTCONN && nbd->state == NBD_SERVED && !nbd->flush_fails)
			nbd_lose(nbd);
		g_set_error(error, STORAGE_ERROR, STORAGE_ERROR_FAILED,
			    "disk %s: its server cannot make it durable (%s); see the log of "
			    "vmms-nbd",
			    block_name(block), g_strerror(-r));
		return false;
	}
	nbd->flushed = nbd->written;
	nbd_leave(nbd->fd);
	nbd_close(nbd);
	nbd_await(nbd, SUSPEND_NS, SUSPEND_ASK_NS);
	return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct block *nbd_block_new(const struct nbd_block_config *config, GError **error)
{
	struct nbd_block *nbd = g_new0(struct nbd_block, 1);
	struct block_info info;
	struct block *block;

	nbd->config = *config;
	if (!config->await_ms)
		nbd->config.await_ms = NBD_AWAIT_MS;
	nbd_io_init(nbd);
	if (!nbd_begin(nbd, config->block.name, config->fd, error)) {
		nbd_free(nbd);
		return NULL;
	}
	nbd->timer = io_timer_new(config->block.thread, nbd_expired, nbd);
	info = (struct block_info){
		.size = nbd->export.size,
		.block_size = BLOCK_SIZE,
		.physical_block_size = PHYSICAL_BLOCK_SIZE,
		.read_only = config->read_only,
		.write_back = !config->write_through,
		.discard = !config->read_only && !config->no_discard &&
			   nbd->export.flags & NBD_EXPORT_TRIM,
	};
	block = block_new(&nbd_block_ops, nbd, &info, &config->block, error);
	if (block)
		nbd->block = block;
	return block; /* without one the back end has gone, too */
}

void nbd_free(void *backend)
{
	struct nbd_block *nbd = backend;

	/* Left properly, it closes the image at once. */
	if (nbd->state == NBD_SERVED && nbd->watch)
		nbd_leave(nbd->fd);
	nbd_close(nbd);
	if (nbd->timer)
		io_timer_free(nbd->timer);
	g_free(nbd);
}
