/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nbd_handshake.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>

#include "nbd_wire.h"

#define HANDSHAKE_MS 10000u /* whoever connected has seen the server greet */
#define FLUSH_MS     30000u
#define WORDS_MAX    64u /* of an answer; longer ones are cut */
#define INFOS_MAX    16u

static uint64_t nbd_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* Until that time: a server that says a byte now and then is no better than a silent one. */
static bool nbd_wait(int fd, uint64_t until_ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint64_t now;
	int n;

	do {
		now = nbd_now_ms();
		n = now < until_ms ? poll(&wait, 1, (int)(until_ms - now)) : 0;
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

static bool nbd_take(int fd, void *data, size_t size, uint64_t until_ms)
{
	for (size_t got = 0; got < size;) {
		ssize_t n = recv(fd, (char *)data + got, size - got, MSG_DONTWAIT);

		if (n > 0)
			got += (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR) || !nbd_wait(fd, until_ms))
			return false;
	}
	return true;
}

/* A message is shorter than any socket's buffer, and nothing else is in it. */
static bool nbd_give(int fd, const void *data, size_t size)
{
	return send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

static bool nbd_skip(int fd, size_t size, uint64_t until_ms)
{
	char rest[WORDS_MAX];

	for (; size > 0; size -= size < sizeof(rest) ? size : sizeof(rest)) {
		if (!nbd_take(fd, rest, size < sizeof(rest) ? size : sizeof(rest), until_ms))
			return false;
	}
	return true;
}

/* One answer to "go". NULL and *done, NULL for more to come, or what is wrong. */
static const char *nbd_take_answer(int fd, struct nbd_export *ret, bool *done, uint64_t until_ms)
{
	struct nbd_option_reply reply;
	struct nbd_export_info info;
	uint32_t type, length;

	if (!nbd_take(fd, &reply, sizeof(reply), until_ms))
		return "it ends the handshake";
	type = be32toh(reply.type);
	length = be32toh(reply.length);
	if (be64toh(reply.magic) != NBD_OPTION_REPLY || be32toh(reply.option) != NBD_OPTION_GO ||
	    length > 4096)
		return "it answers in another protocol";
	if (type & NBD_OPTION_FAILED)
		return "it refuses its export";
	if (type == NBD_OPTION_ACK) {
		*done = true;
		return nbd_skip(fd, length, until_ms) ? NULL : "it ends the handshake";
	}
	if (type != NBD_OPTION_INFO || length < sizeof(info.type) ||
	    !nbd_take(fd, &info, length < sizeof(info) ? length : sizeof(info), until_ms) ||
	    !nbd_skip(fd, length < sizeof(info) ? 0 : length - sizeof(info), until_ms))
		return "it answers in another protocol";
	if (be16toh(info.type) != NBD_INFO_EXPORT || length < sizeof(info))
		return NULL;
	*ret = (struct nbd_export){.size = be64toh(info.size), .flags = be16toh(info.flags)};
	return NULL;
}

const char *nbd_shake_hands(int fd, struct nbd_export *ret)
{
	const struct nbd_go go = {
		.flags = htobe32(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES),
		.magic = htobe64(NBD_OPTION_MAGIC),
		.option = htobe32(NBD_OPTION_GO),
		.length = htobe32(sizeof(go.name_length) + sizeof(go.n_infos)),
	};
	uint64_t until_ms = nbd_now_ms() + HANDSHAKE_MS;
	struct nbd_greeting greeting;
	const char *wrong = NULL;
	bool done = false;

	*ret = (struct nbd_export){0};
	if (!nbd_take(fd, &greeting, sizeof(greeting), until_ms))
		return "it does not greet";
	if (be64toh(greeting.magic) != NBD_GREETING ||
	    be64toh(greeting.option_magic) != NBD_OPTION_MAGIC ||
	    !(be16toh(greeting.flags) & NBD_FIXED_NEWSTYLE))
		return "it greets in another protocol";
	if (!nbd_give(fd, &go, sizeof(go)))
		return "it ends the handshake";
	for (unsigned int i = 0; i < INFOS_MAX && !wrong && !done; i++)
		wrong = nbd_take_answer(fd, ret, &done, until_ms);
	if (wrong)
		return wrong;
	return done && ret->size > 0 && ret->size <= INT64_MAX ? NULL : "it names no size";
}

static bool nbd_send_command(int fd, enum nbd_command command)
{
	const struct nbd_request request = {.magic = htobe32(NBD_REQUEST_MAGIC),
					    .type = htobe16((uint16_t)command)};

	return nbd_give(fd, &request, sizeof(request));
}

int nbd_flush(int fd)
{
	struct nbd_reply reply;

	if (!nbd_send_command(fd, NBD_COMMAND_FLUSH) ||
	    !nbd_take(fd, &reply, sizeof(reply), nbd_now_ms() + FLUSH_MS) ||
	    be32toh(reply.magic) != NBD_REPLY_MAGIC)
		return -ENOTCONN;
	return reply.error ? -EIO : 0;
}

void nbd_leave(int fd)
{
	(void)nbd_send_command(fd, NBD_COMMAND_DISCONNECT);
}
