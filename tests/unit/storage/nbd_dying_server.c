/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nbd_dying_server.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXPORT_BYTES   (UINT64_C(1) << 20)
#define OPTION_GO      7u
#define REPLY_ACK      1u
#define REPLY_INFO     3u
#define REPLY_UNKNOWN  0x80000001u
#define FLAGS	       0x6du /* has flags, flush, FUA, trim, write zeroes */
#define FLAG_READ_ONLY 0x02u
#define COMMAND_READ   0u
#define COMMAND_WRITE  1u
#define COMMAND_END    2u

struct __attribute__((packed)) option_reply {
	uint64_t magic;
	uint32_t option, type, length;
};

struct __attribute__((packed)) export_info {
	uint16_t type;
	uint64_t size;
	uint16_t flags;
};

struct __attribute__((packed)) request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t handle, offset;
	uint32_t length;
};

struct __attribute__((packed)) answer {
	uint32_t magic, error;
	uint64_t handle;
};

static bool take(int fd, void *data, size_t size)
{
	return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static bool skip(int fd, size_t size)
{
	g_autofree char *data = g_malloc(size + 1);

	return size == 0 || take(fd, data, size);
}

static bool give(int fd, const void *data, size_t size)
{
	return send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool reply(int fd, uint32_t option, uint32_t type, const void *data, size_t size)
{
	const struct option_reply head = {
		.magic = htobe64(UINT64_C(0x3e889045565a9)),
		.option = htobe32(option),
		.type = htobe32(type),
		.length = htobe32((uint32_t)size),
	};

	return give(fd, &head, sizeof(head)) && (size == 0 || give(fd, data, size));
}

/* Knows one option: go. */
static bool shake_hands(const struct dying_server *server)
{
	static const char greeting[] = "NBDMAGICIHAVEOPT\0\3";
	unsigned int flags = FLAGS | (server->how == DYING_READ_ONLY ? FLAG_READ_ONLY : 0u);
	const struct export_info info = {.size = htobe64(EXPORT_BYTES),
					 .flags = htobe16((uint16_t)flags)};
	struct __attribute__((packed)) {
		uint64_t magic;
		uint32_t option, length;
	} option;
	int fd = server->theirs;

	if (!give(fd, greeting, sizeof(greeting) - 1) || !skip(fd, 4))
		return false;
	while (take(fd, &option, sizeof(option)) && skip(fd, be32toh(option.length))) {
		uint32_t number = be32toh(option.option);

		if (number == OPTION_GO)
			return reply(fd, number, REPLY_INFO, &info, sizeof(info)) &&
			       reply(fd, number, REPLY_ACK, NULL, 0);
		if (!reply(fd, number, REPLY_UNKNOWN, NULL, 0))
			return false;
	}
	return false;
}

static bool answer(const struct dying_server *server, const struct request *request)
{
	struct answer answer = {.magic = htobe32(0x67446698), .handle = request->handle};

	if (server->how == DYING_EIO)
		answer.error = htobe32(EIO);
	if (server->how == DYING_GARBAGE)
		answer.magic = 0;
	return give(server->theirs, &answer, sizeof(answer));
}

static void serve(const struct dying_server *server)
{
	struct request request;
	unsigned int n = 0;

	while (take(server->theirs, &request, sizeof(request))) {
		unsigned int type = be16toh(request.type);

		if (type == COMMAND_END ||
		    (type == COMMAND_WRITE && !skip(server->theirs, be32toh(request.length))))
			return;
		if (server->how == DYING_EIO) {
			(void)answer(server, &request);
			continue;
		}
		if (++n <= server->after || (server->how == DYING_MID_READ && type != COMMAND_READ))
			continue;
		if (server->how != DYING_SILENT)
			(void)answer(server, &request);
		return;
	}
}

static void *run(void *context)
{
	struct dying_server *server = context;

	if (server->how == DYING_BEFORE)
		(void)give(server->theirs, "GARBAGE!GARBAGE!GARBAGE!", 24);
	else if (shake_hands(server))
		serve(server);
	close(server->theirs);
	return NULL;
}

void dying_server_start(struct dying_server *server, enum dying_how how, unsigned int after)
{
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	*server =
		(struct dying_server){.fd = pair[0], .theirs = pair[1], .how = how, .after = after};
	server->thread = g_thread_new("server", run, server);
}

void dying_server_join(struct dying_server *server)
{
	g_thread_join(server->thread);
}
