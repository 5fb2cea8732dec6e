/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What servers say in the handshake, and what they should not. */
#include <endian.h>
#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nbd_handshake.h"
#include "nbd_wire.h"

static void say(GByteArray *said, const void *data, size_t size)
{
	g_byte_array_append(said, data, (guint)size);
}

static GByteArray *greeting(uint16_t flags)
{
	const struct nbd_greeting greeting = {.magic = htobe64(NBD_GREETING),
					      .option_magic = htobe64(NBD_OPTION_MAGIC),
					      .flags = htobe16(flags)};
	GByteArray *said = g_byte_array_new();

	say(said, &greeting, sizeof(greeting));
	return said;
}

static void answer(GByteArray *said, uint32_t option, uint32_t type, uint32_t length)
{
	const struct nbd_option_reply reply = {.magic = htobe64(NBD_OPTION_REPLY),
					       .option = htobe32(option),
					       .type = htobe32(type),
					       .length = htobe32(length)};

	say(said, &reply, sizeof(reply));
}

static void export(GByteArray *said, uint64_t size)
{
	const struct nbd_export_info info = {.size = htobe64(size), .flags = htobe16(0x6d)};

	answer(said, NBD_OPTION_GO, NBD_OPTION_INFO, sizeof(info));
	say(said, &info, sizeof(info));
}

/* The server has said all that it says, and has gone. said is used up. */
static const char *shake(GByteArray *said, struct nbd_export *ret)
{
	const char *wrong;
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	g_assert_cmpint(send(pair[1], said->data, said->len, 0), ==, said->len);
	g_assert_cmpint(shutdown(pair[1], SHUT_WR), ==, 0);
	wrong = nbd_shake_hands(pair[0], ret);
	close(pair[0]);
	close(pair[1]);
	g_byte_array_unref(said);
	return wrong;
}

static GByteArray *greeted(void)
{
	return greeting(NBD_FIXED_NEWSTYLE);
}

static void test_good(void)
{
	static const uint8_t block_size[14] = {0, 3, 0, 0, 0, 1};
	GByteArray *said = greeted();
	struct nbd_export found;

	/* What was not asked for is passed over. */
	answer(said, NBD_OPTION_GO, NBD_OPTION_INFO, sizeof(block_size));
	say(said, block_size, sizeof(block_size));
	export(said, 1 << 20);
	answer(said, NBD_OPTION_GO, NBD_OPTION_ACK, 0);
	g_assert_null(shake(said, &found));
	g_assert_cmpuint(found.size, ==, 1 << 20);
	g_assert_cmphex(found.flags, ==, 0x6d);
}

static void test_bad(void)
{
	struct nbd_export found;
	GByteArray *said = greeted();

	g_assert_cmpstr(shake(g_byte_array_new(), &found), ==, "it does not greet");
	g_byte_array_set_size(said, said->len - 1);
	g_assert_cmpstr(shake(said, &found), ==, "it does not greet");
	g_assert_cmpstr(shake(greeting(0), &found), ==, "it greets in another protocol");
	g_assert_cmpstr(shake(greeted(), &found), ==, "it ends the handshake");
	answer(said = greeted(), NBD_OPTION_GO, NBD_OPTION_FAILED | 6, 0);
	g_assert_cmpstr(shake(said, &found), ==, "it refuses its export");
	answer(said = greeted(), NBD_OPTION_GO + 1, NBD_OPTION_ACK, 0);
	g_assert_cmpstr(shake(said, &found), ==, "it answers in another protocol");
	answer(said = greeted(), NBD_OPTION_GO, NBD_OPTION_INFO, UINT32_MAX);
	g_assert_cmpstr(shake(said, &found), ==, "it answers in another protocol");
	answer(said = greeted(), NBD_OPTION_GO, NBD_OPTION_INFO, 1);
	g_assert_cmpstr(shake(said, &found), ==, "it answers in another protocol");
	answer(said = greeted(), NBD_OPTION_GO, NBD_OPTION_ACK, 0);
	g_assert_cmpstr(shake(said, &found), ==, "it names no size");
	export(said = greeted(), UINT64_MAX);
	answer(said, NBD_OPTION_GO, NBD_OPTION_ACK, 0);
	g_assert_cmpstr(shake(said, &found), ==, "it names no size");
	said = greeted();
	for (int i = 0; i < 100; i++)
		export(said, 512);
	g_assert_cmpstr(shake(said, &found), ==, "it names no size");
}

/* Any bytes at all: no more than what they are, and an end. */
static void test_random(void)
{
	for (int round = 0; round < 2000; round++) {
		GByteArray *said = greeted();
		struct nbd_export found;

		export(said, 1 << 20);
		answer(said, NBD_OPTION_GO, NBD_OPTION_ACK, 0);
		for (int i = g_random_int_range(1, 4); i > 0; i--)
			said->data[g_random_int_range(0, (gint32)said->len)] =
				(uint8_t)g_random_int();
		(void)shake(said, &found);
	}
}

static void test_flush(void)
{
	static const uint32_t magics[] = {NBD_REPLY_MAGIC, NBD_REPLY_MAGIC, 0};
	static const int errors[] = {0, EIO, 0}, expected[] = {0, -EIO, -ENOTCONN};

	for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
		const struct nbd_reply reply = {.magic = htobe32(magics[i]),
						.error = htobe32((uint32_t)errors[i])};
		struct nbd_request request;
		int pair[2];

		g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
		g_assert_cmpint(send(pair[1], &reply, sizeof(reply), 0), ==, sizeof(reply));
		g_assert_cmpint(nbd_flush(pair[0]), ==, expected[i]);
		g_assert_cmpint(recv(pair[1], &request, sizeof(request), 0), ==, sizeof(request));
		g_assert_cmpint(be16toh(request.type), ==, NBD_COMMAND_FLUSH);
		close(pair[1]);
		g_assert_cmpint(nbd_flush(pair[0]), ==, -ENOTCONN);
		close(pair[0]);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nbd-handshake/good", test_good);
	g_test_add_func("/nbd-handshake/bad", test_bad);
	g_test_add_func("/nbd-handshake/random", test_random);
	g_test_add_func("/nbd-handshake/flush", test_flush);
	return g_test_run();
}
