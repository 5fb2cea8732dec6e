/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmms-nbd: its orders, and how long it lives. */
#include "image_server.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "served_image.h"

#define SIZE (UINT64_C(1) << 20)

static struct vmms_nbd_order order_of(uint8_t format)
{
	return (struct vmms_nbd_order){.magic = VMMS_NBD_MAGIC, .n_layers = 1, .formats = {format}};
}

static void test_check(void)
{
	struct vmms_nbd_order good = order_of(VMMS_NBD_QCOW2), bad;

	g_assert_true(image_server_check(&good, sizeof(good), 2));
	g_assert_false(image_server_check(&good, sizeof(good) - 1, 2));
	g_assert_false(image_server_check(&good, sizeof(good), 1));
	g_assert_false(image_server_check(&good, sizeof(good), 3));
#define BAD(change, n_fds)                                                    \
	do {                                                                  \
		bad = good;                                                   \
		bad.change;                                                   \
		g_assert_false(image_server_check(&bad, sizeof(bad), n_fds)); \
	} while (0)
	BAD(magic[0] = 'X', 2);
	BAD(n_layers = 0, 1);
	BAD(n_layers = VMMS_NBD_LAYERS + 1, VMMS_NBD_LAYERS + 2);
	BAD(formats[0] = VMMS_NBD_FORMATS, 2);
	BAD(cache = VMMS_NBD_CACHES, 2);
	BAD(read_only = 2, 2);
	BAD(discard = 2, 2);
	BAD(lasting = 2, 2);
	BAD(size = UINT64_MAX, 2);
	good.size = SIZE;
	g_assert_true(image_server_check(&good, sizeof(good), 2));
	BAD(read_only = 1, 2);
#undef BAD
}

static char *words(const struct vmms_nbd_order *order)
{
	struct image_server_command command;

	image_server_command(order, &command);
	return g_strjoinv(" ", (char **)command.argv);
}

static void test_command(void)
{
	struct vmms_nbd_order order = order_of(VMMS_NBD_VHD);
	g_autofree char *one = words(&order);

	g_assert_cmpstr(one, ==,
			"qemu-nbd --shared=1 --cache=writeback --discard=ignore --image-opts "
			"driver=vpc,file.driver=file,file.filename=/dev/fd/4,file.locking=off");
	order = (struct vmms_nbd_order){.n_layers = 2,
					.formats = {VMMS_NBD_QCOW2, VMMS_NBD_RAW},
					.cache = VMMS_NBD_NONE,
					.lasting = 1,
					.read_only = 1,
					.discard = 1};
	g_autofree char *two = words(&order);
	g_assert_cmpstr(two, ==,
			"qemu-nbd --shared=1 --cache=none --discard=unmap --persistent --read-only "
			"--image-opts driver=qcow2,file.driver=file,file.filename=/dev/fd/4,"
			"file.locking=off,"
			"backing.driver=raw,backing.file.driver=file,"
			"backing.file.filename=/dev/fd/5,backing.file.locking=off");
	/* The longest there is is not cut off. */
	order.n_layers = VMMS_NBD_LAYERS;
	memset(order.formats, VMMS_NBD_QCOW2, sizeof(order.formats));
	g_autofree char *all = words(&order);
	g_assert_true(g_str_has_suffix(all, ".file.filename=/dev/fd/11,backing.backing.backing."
					    "backing.backing.backing.backing.file.locking=off"));
}

static void test_resize_command(void)
{
	struct vmms_nbd_order order = order_of(VMMS_NBD_QCOW2);
	struct image_server_command command;

	order.size = INT64_MAX;
	image_server_resize_command(&order, &command);
	g_autofree char *all = g_strjoinv(" ", (char **)command.argv);
	g_assert_cmpstr(all, ==,
			"qemu-img resize -q --shrink --image-opts driver=qcow2,file.driver=file,"
			"file.filename=/dev/fd/4,file.locking=off 9223372036854775807");
}

static void greeting_expect(struct served_image *image)
{
	char text[8];

	g_assert_cmpint(recv(image->fd, text, sizeof(text), MSG_PEEK | MSG_WAITALL), ==, 8);
	g_assert_cmpint(memcmp(text, "NBDMAGIC", 8), ==, 0);
}

/* Nobody has spoken with it yet, and nobody will. */
static void test_unneeded(void)
{
	struct served_image image;

	if (!served_image_new(&image, VMMS_NBD_QCOW2, SIZE))
		return;
	greeting_expect(&image);
	close(image.life_fd);
	image.life_fd = -1;
	g_assert_cmpint(served_image_wait(&image), ==, 0);
	served_image_clear(&image);
}

static void test_last_words(void)
{
	struct vmms_nbd_order order = order_of(VMMS_NBD_VHDX);
	struct served_image image;
	char text[VMMS_NBD_WORDS_MAX + 1], byte;
	ssize_t n;

	if (!served_image_new(&image, VMMS_NBD_QCOW2, SIZE))
		return;
	close(image.life_fd);
	(void)served_image_wait(&image);
	close(image.fd);
	served_image_serve(&image, &order);
	n = recv(image.life_fd, text, VMMS_NBD_WORDS_MAX, 0);
	g_assert_cmpint(n, >, 0);
	text[n] = '\0';
	g_assert_nonnull(strstr(text, "Could not open"));
	g_assert_cmpint(recv(image.life_fd, text, sizeof(text), 0), ==, 0);
	g_assert_cmpint(served_image_wait(&image), ==, 1);
	/* Who had connected learns of it, too. */
	n = recv(image.fd, &byte, 1, 0);
	g_assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
	served_image_clear(&image);
}

static void test_bad_order(void)
{
	struct vmms_nbd_order order = order_of(VMMS_NBD_FORMATS);
	struct served_image image;

	if (!served_image_new(&image, VMMS_NBD_QCOW2, SIZE))
		return;
	close(image.life_fd);
	(void)served_image_wait(&image);
	close(image.fd);
	served_image_serve(&image, &order);
	g_assert_cmpint(served_image_wait(&image), ==, 2);
	served_image_clear(&image);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/image-server/check", test_check);
	g_test_add_func("/image-server/command", test_command);
	g_test_add_func("/image-server/resize-command", test_resize_command);
	g_test_add_func("/image-server/unneeded", test_unneeded);
	g_test_add_func("/image-server/last-words", test_last_words);
	g_test_add_func("/image-server/bad-order", test_bad_order);
	return g_test_run();
}
