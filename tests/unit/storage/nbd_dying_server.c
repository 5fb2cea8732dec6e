/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nbd_dying_server.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nbd_wire.h"

#define EXPORT_BYTES  (UINT64_C(1) << 20)
#define REPLY_UNKNOWN (NBD_OPTION_FAILED | 1u)
#define FLAGS	      (1u | NBD_EXPORT_FLUSH | NBD_EXPORT_FUA | NBD_EXPORT_TRIM | NBD_EXPORT_ZEROES)

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
	const struct nbd_option_reply head = {
		.magic = htobe64(NBD_OPTION_REPLY),
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
	unsigned int flags = FLAGS | (server->how == DYING_READ_ONLY ? NBD_EXPORT_READ_ONLY : 0u);
	const struct nbd_export_info info = {.size = htobe64(EXPORT_BYTES),
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

		if (number == NBD_OPTION_GO)
			return reply(fd, number, NBD_OPTION_INFO, &info, sizeof(info)) &&
			       reply(fd, number, NBD_OPTION_ACK, NULL, 0);
		if (!reply(fd, number, REPLY_UNKNOWN, NULL, 0))
			return false;
	}
	return false;
}

static bool answer(const struct dying_server *server, const struct nbd_request *request)
{
	struct nbd_reply answer = {.magic = htobe32(NBD_REPLY_MAGIC), .handle = request->handle};

	if (server->how == DYING_EIO)
		answer.error = htobe32(EIO);
	if (server->how == DYING_GARBAGE)
		answer.magic = 0;
	return give(server->theirs, &answer, sizeof(answer));
}

static void serve(const struct dying_server *server)
{
	struct nbd_request request;
	unsigned int n = 0;

	while (take(server->theirs, &request, sizeof(request))) {
		unsigned int type = be16toh(request.type);

		if (type == NBD_COMMAND_DISCONNECT ||
		    (type == NBD_COMMAND_WRITE && !skip(server->theirs, be32toh(request.length))))
			return;
		if (server->how == DYING_EIO) {
			(void)answer(server, &request);
			continue;
		}
		if (++n <= server->after ||
		    (server->how == DYING_MID_READ && type != NBD_COMMAND_READ))
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
