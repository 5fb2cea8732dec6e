/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests on a connection. A request is a row of steps, each one command of the protocol, sent
 * from and received into the guest's own memory. What a step needs stays as it is until it was
 * answered, so that it can be sent again to another server.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "iov.h"
#include "nbd_private.h"

#define ROW_MAX	  64u
#define HEADS_MAX 16u /* sent at once */

_Static_assert((NBD_IN_FLIGHT & (NBD_IN_FLIGHT - 1)) == 0, "a mask of handles");

void nbd_io_init(struct nbd_block *nbd)
{
	nbd->fd = -1;
	nbd->last = &nbd->waiting;
}

/* ---- what waits ------------------------------------------------------------------------------ */

static void nbd_push(struct nbd_block *nbd, struct block_request *request)
{
	request->next = NULL;
	*nbd->last = request;
	nbd->last = &request->next;
}

static void nbd_push_front(struct nbd_block *nbd, struct block_request *request)
{
	request->next = nbd->waiting;
	nbd->waiting = request;
	if (!request->next)
		nbd->last = &request->next;
}

static struct block_request *nbd_pop(struct nbd_block *nbd)
{
	struct block_request *request = nbd->waiting;

	nbd->waiting = request->next;
	if (!nbd->waiting)
		nbd->last = &nbd->waiting;
	return request;
}

/* ---- slots ----------------------------------------------------------------------------------- */

static bool nbd_moves_data(const struct block_request *request)
{
	return request->op == BLOCK_READ || request->op == BLOCK_WRITE;
}

static struct nbd_slot *nbd_free_slot(struct nbd_block *nbd)
{
	for (unsigned int i = 1; i <= NBD_IN_FLIGHT; i++) {
		struct nbd_slot *slot = &nbd->slots[(nbd->serial + i) % NBD_IN_FLIGHT];

		if (!slot->request) {
			nbd->serial += i;
			slot->handle = nbd->serial;
			return slot;
		}
	}
	return NULL;
}

static bool nbd_has_slots(const struct nbd_block *nbd)
{
	for (unsigned int i = 0; i < NBD_IN_FLIGHT; i++) {
		if (nbd->slots[i].request)
			return true;
	}
	return false;
}

/* Gives those that wait a slot, in the order in which they came. */
static void nbd_place(struct nbd_block *nbd)
{
	struct nbd_slot *slot;

	while (nbd->waiting && (slot = nbd_free_slot(nbd))) {
		struct block_request *request = nbd_pop(nbd);
		uint64_t left = request->length - request->moved;

		slot->request = request;
		slot->sent = false;
		slot->mark = nbd->written;
		slot->size =
			(uint32_t)MIN(left, nbd_moves_data(request) ? NBD_DATA_MAX : NBD_SPAN_MAX);
		nbd->unsent[(nbd->first + nbd->n_unsent++) % NBD_IN_FLIGHT] =
			(uint8_t)(slot - nbd->slots);
	}
}

/* Back among those that wait, before the others and in their order. */
void nbd_io_forget(struct nbd_block *nbd)
{
	for (;;) {
		struct nbd_slot *latest = NULL;

		for (unsigned int i = 0; i < NBD_IN_FLIGHT; i++) {
			struct nbd_slot *slot = &nbd->slots[i];
			if (slot->request && (!latest || slot->handle > latest->handle))
				latest = slot;
		}
		if (!latest)
			break;
		nbd_push_front(nbd, latest->request);
		latest->request = NULL;
	}
	nbd->n_unsent = 0;
	nbd->sent = 0;
	nbd->reading = NULL;
	nbd->reply_got = nbd->read_got = 0;
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void nbd_note_done(struct nbd_block *nbd, const struct nbd_slot *slot)
{
	const struct block_request *request = slot->request;
	bool writes = request->op == BLOCK_WRITE || request->op == BLOCK_WRITE_ZEROES;

	if (writes && !(request->flags & BLOCK_FUA) && !nbd->config.write_through)
		nbd->written++;
	else if (request->op == BLOCK_FLUSH)
		nbd->flushed = MAX(nbd->flushed, slot->mark);
}

/* error: 0 or -errno. */
static void nbd_step_over(struct nbd_block *nbd, struct nbd_slot *slot, int error)
{
	struct block_request *request = slot->request;

	nbd->fruitless = 0;
	if (!error)
		nbd_note_done(nbd, slot);
	slot->request = NULL;
	if (error || request->op == BLOCK_FLUSH) {
		block_finish(request, error);
		return;
	}
	if (nbd_moves_data(request))
		iov_advance(&request->iov, &request->n_iov, slot->size);
	request->moved += slot->size;
	if (request->moved < request->length)
		nbd_push(nbd, request);
	else
		block_finish(request, 0);
}

/* The first that waits, when it ends without a server. */
static bool nbd_end_early(struct nbd_block *nbd)
{
	struct block_request *request = nbd->waiting;
	int error = 0;

	if (nbd->state == NBD_GIVEN_UP)
		error = -ENOTCONN;
	else if (request->op == BLOCK_FLUSH && nbd->flush_fails)
		error = -EIO;
	else if (request->op == BLOCK_FLUSH || request->moved < request->length)
		return false;
	if (error == -EIO)
		nbd->flush_fails = false;
	block_finish(nbd_pop(nbd), error);
	return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

static size_t nbd_message_size(const struct nbd_slot *slot)
{
	return sizeof(struct nbd_request) + (slot->request->op == BLOCK_WRITE ? slot->size : 0);
}

static struct nbd_request nbd_head(const struct nbd_slot *slot)
{
	static const enum nbd_command commands[BLOCK_N_OPS] = {
		[BLOCK_READ] = NBD_COMMAND_READ,	   [BLOCK_WRITE] = NBD_COMMAND_WRITE,
		[BLOCK_FLUSH] = NBD_COMMAND_FLUSH,	   [BLOCK_DISCARD] = NBD_COMMAND_TRIM,
		[BLOCK_WRITE_ZEROES] = NBD_COMMAND_ZEROES,
	};
	const struct block_request *request = slot->request;
	bool writes = request->op == BLOCK_WRITE || request->op == BLOCK_WRITE_ZEROES;
	unsigned int flags = writes && request->flags & BLOCK_FUA ? NBD_COMMAND_FUA : 0;

	if (request->op == BLOCK_WRITE_ZEROES && !(request->flags & BLOCK_MAY_UNMAP))
		flags |= NBD_COMMAND_NO_HOLE;
	return (struct nbd_request){
		.magic = htobe32(NBD_REQUEST_MAGIC),
		.flags = htobe16((uint16_t)flags),
		.type = htobe16((uint16_t)commands[request->op]),
		.handle = htobe64(slot->handle),
		.offset =
			htobe64(request->op == BLOCK_FLUSH ? 0 : request->offset + request->moved),
		.length = htobe32(slot->size),
	};
}

/* What of a message comes after its first `skip` bytes. */
static uint32_t nbd_message_row(const struct nbd_slot *slot, struct nbd_request *head, size_t skip,
				struct iovec *row, uint32_t max)
{
	const struct block_request *request = slot->request;
	uint32_t n = 0;

	*head = nbd_head(slot);
	if (skip < sizeof(*head)) {
		row[n++] = (struct iovec){(uint8_t *)head + skip, sizeof(*head) - skip};
		skip = sizeof(*head);
	}
	if (request->op == BLOCK_WRITE)
		n += iov_part(request->iov, request->n_iov, skip - sizeof(*head),
			      slot->size - (skip - sizeof(*head)), row + n, max - n);
	return n;
}

static struct nbd_slot *nbd_unsent_at(struct nbd_block *nbd, unsigned int i)
{
	return &nbd->slots[nbd->unsent[(nbd->first + i) % NBD_IN_FLIGHT]];
}

static void nbd_note_sent(struct nbd_block *nbd, size_t n)
{
	while (n > 0) {
		struct nbd_slot *slot = nbd_unsent_at(nbd, 0);
		size_t left = nbd_message_size(slot) - nbd->sent;

		if (n < left) {
			nbd->sent += n;
			return;
		}
		n -= left;
		nbd->sent = 0;
		slot->sent = true;
		nbd->first = (nbd->first + 1) % NBD_IN_FLIGHT;
		nbd->n_unsent--;
	}
}

/* As much as one call takes. False: not now, or the connection has gone. */
static bool nbd_send(struct nbd_block *nbd)
{
	struct nbd_request heads[HEADS_MAX];
	struct iovec row[ROW_MAX];
	struct msghdr message = {.msg_iov = row};
	size_t skip = nbd->sent, size = 0;
	uint32_t n = 0;
	ssize_t sent;

	for (unsigned int i = 0; i < MIN(nbd->n_unsent, HEADS_MAX) && n < ROW_MAX; i++, skip = 0) {
		uint32_t more = nbd_message_row(nbd_unsent_at(nbd, i), &heads[i], skip, row + n,
						ROW_MAX - n);

		n += more;
		for (size = nbd_message_size(nbd_unsent_at(nbd, i)) - skip; more > 0; more--)
			size -= row[n - more].iov_len;
		if (size > 0) /* the row was too short, and nothing may come before the rest */
			break;
	}
	message.msg_iovlen = n;
	do
		sent = sendmsg(nbd->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent > 0)
		nbd_note_sent(nbd, (size_t)sent);
	else if (errno != EAGAIN)
		nbd_lose(nbd);
	return sent > 0;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* What servers may say; anything else is none of ours to interpret. */
static int nbd_error_of(uint32_t number)
{
	switch (number) {
	case 0:
		return 0;
	case EPERM:
	case ENOMEM:
	case EINVAL:
	case ENOSPC:
	case EOPNOTSUPP:
		return -(int)number;
	default:
		return -EIO;
	}
}

/* False: it is no answer to anything that was sent. */
static bool nbd_take_reply(struct nbd_block *nbd)
{
	uint64_t handle = be64toh(nbd->reply.handle);
	struct nbd_slot *slot = &nbd->slots[handle % NBD_IN_FLIGHT];
	int error = nbd_error_of(be32toh(nbd->reply.error));

	nbd->reply_got = 0;
	if (be32toh(nbd->reply.magic) != NBD_REPLY_MAGIC || !slot->request || !slot->sent ||
	    slot->handle != handle)
		return false;
	if (error || slot->request->op != BLOCK_READ) {
		nbd_step_over(nbd, slot, error);
		return true;
	}
	nbd->reading = slot;
	nbd->read_got = 0;
	return true;
}

/* The data of a read, and the reply behind it. */
static bool nbd_note_received(struct nbd_block *nbd, size_t n)
{
	if (nbd->reading) {
		struct nbd_slot *slot = nbd->reading;
		size_t part = MIN(n, slot->size - nbd->read_got);

		n -= part;
		nbd->read_got += part;
		if (nbd->read_got == slot->size) {
			nbd->reading = NULL;
			nbd_step_over(nbd, slot, 0);
		}
	}
	nbd->reply_got += n;
	return nbd->reply_got < sizeof(nbd->reply) || nbd_take_reply(nbd);
}

/* As much as one call gives. False: nothing now, or the connection has gone. */
static bool nbd_receive(struct nbd_block *nbd)
{
	struct iovec row[ROW_MAX];
	struct msghdr message = {.msg_iov = row};
	size_t left = nbd->reading ? nbd->reading->size - nbd->read_got : 0;
	uint32_t n = 0;
	ssize_t got;

	if (nbd->reading)
		n = iov_part(nbd->reading->request->iov, nbd->reading->request->n_iov,
			     nbd->read_got, left, row, ROW_MAX - 1);
	for (uint32_t i = 0; i < n; i++)
		left -= row[i].iov_len;
	if (left == 0)
		row[n++] = (struct iovec){(uint8_t *)&nbd->reply + nbd->reply_got,
					  sizeof(nbd->reply) - nbd->reply_got};
	message.msg_iovlen = n;
	do
		got = recvmsg(nbd->fd, &message, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got > 0 && nbd_note_received(nbd, (size_t)got))
		return true;
	nbd_lose(nbd);
	return false;
}

/* ---- for block.c ----------------------------------------------------------------------------- */

/* One round of what ends and what goes out. */
static bool nbd_advance(struct nbd_block *nbd)
{
	bool any = false;

	if (nbd->state == NBD_GIVEN_UP && nbd->waiting && !nbd->failing)
		nbd_ask_again(nbd);
	while (nbd->waiting && nbd_end_early(nbd))
		any = true;
	if (nbd->state == NBD_SERVED) {
		nbd_place(nbd);
		any = (nbd->n_unsent > 0 && nbd_send(nbd)) || any;
	}
	return any;
}

void nbd_io_settle(struct nbd_block *nbd)
{
	bool any = false;

	if (nbd->busy)
		return;
	nbd->busy = true;
	while (nbd_advance(nbd) || (nbd->state == NBD_GIVEN_UP && nbd->waiting))
		any = true;
	nbd->busy = false;
	nbd->failing = false;
	if (nbd->watch)
		io_watch_set_events(nbd->watch, EPOLLIN | (nbd->n_unsent > 0 ? EPOLLOUT : 0u));
	if (any)
		block_batch_end(nbd->block);
}

void nbd_io_ready(void *context, uint32_t events)
{
	struct nbd_block *nbd = context;

	(void)events; /* an error shows itself, too */
	nbd->busy = true;
	while (nbd->state == NBD_SERVED && nbd_receive(nbd))
		;
	nbd->busy = false;
	block_batch_end(nbd->block);
	nbd_io_settle(nbd);
}

static void nbd_submit(void *backend, struct block_request *request)
{
	nbd_push(backend, request);
}

static void nbd_commit(void *backend)
{
	nbd_io_settle(backend);
}

/* Nothing waits for a server that somebody else is to bring: that could be never. */
static void nbd_drain(void *backend)
{
	struct nbd_block *nbd = backend;

	nbd_io_settle(nbd);
	while (nbd_has_slots(nbd) || nbd->waiting) {
		struct pollfd wait = {.fd = nbd->fd,
				      .events = (short)(POLLIN | (nbd->n_unsent ? POLLOUT : 0))};

		if (nbd->state != NBD_SERVED) {
			nbd_give_up(nbd);
			nbd_io_settle(nbd);
			nbd->retry_ns = 0;
			continue;
		}
		(void)poll(&wait, 1, -1);
		nbd_io_ready(nbd, 0);
	}
}

static int nbd_refresh(void *backend, uint64_t *size)
{
	*size = ((const struct nbd_block *)backend)->export.size;
	return 0;
}

const struct block_ops nbd_block_ops = {
	.submit = nbd_submit,
	.commit = nbd_commit,
	.drain = nbd_drain,
	.refresh = nbd_refresh,
	.free = nbd_free,
};
