/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Headers as they should be, and as hostile images have them. */
#include "qcow2_header.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "service_error.h"

#define CLUSTER 65536u
#define LENGTH	(4 * CLUSTER)

struct image {
	uint8_t data[LENGTH];
	size_t length;
};

static void put32(struct image *image, size_t at, uint32_t value)
{
	value = htobe32(value);
	memcpy(image->data + at, &value, sizeof(value));
}

static void put64(struct image *image, size_t at, uint64_t value)
{
	value = htobe64(value);
	memcpy(image->data + at, &value, sizeof(value));
}

static void image_init(struct image *image)
{
	memset(image, 0, sizeof(*image));
	image->length = LENGTH;
	put32(image, 0, 0x514649fb);
	put32(image, 4, 3);
	put32(image, 20, 16);	       /* cluster_bits */
	put64(image, 24, 1u << 20);    /* size */
	put32(image, 36, 1);	       /* l1_size */
	put64(image, 40, 3 * CLUSTER); /* l1 */
	put64(image, 48, 1 * CLUSTER); /* refcounts */
	put32(image, 56, 1);	       /* clusters of these */
	put32(image, 100, 104);	       /* header */
}

/* extension: "qcow2"; NULL: none */
static void put_backing(struct image *image, const char *extension, const char *name)
{
	size_t at = 104;

	if (extension) {
		put32(image, at, 0xe2792aca);
		put32(image, at + 4, (uint32_t)strlen(extension));
		memcpy(image->data + at + 8, extension, strlen(extension));
		at += 8 + (strlen(extension) + 7) / 8 * 8;
	}
	at += 8; /* the end of extensions */
	put64(image, 8, at);
	put32(image, 16, (uint32_t)strlen(name));
	memcpy(image->data + at, name, strlen(name));
}

static gboolean parse(const struct image *image, struct qcow2_header *header, GError **error)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	g_assert_cmpint(write(fd, image->data, image->length), ==, (gssize)image->length);
	gboolean ok = qcow2_header_read(fd, header, error);
	close(fd);
	return ok;
}

static void test_good(void)
{
	g_autofree struct image *image = g_new(struct image, 1);
	struct qcow2_header header;

	image_init(image);
	g_assert_true(parse(image, &header, NULL));
	g_assert_null(header.backing);
	put_backing(image, "raw", "base.img");
	g_assert_true(parse(image, &header, NULL));
	g_assert_cmpstr(header.backing, ==, "base.img");
	g_assert_cmpstr(header.backing_format, ==, "raw");
	qcow2_header_clear(&header);
	image_init(image);
	put_backing(image, NULL, "/a/b");
	g_assert_true(parse(image, &header, NULL));
	g_assert_cmpstr(header.backing, ==, "/a/b");
	g_assert_null(header.backing_format);
	qcow2_header_clear(&header);
	/* The old version has a shorter header. */
	image_init(image);
	put32(image, 4, 2);
	memset(image->data + 72, 0, 32);
	g_assert_true(parse(image, &header, NULL));
	qcow2_header_clear(&header);
}

#define DAMAGED "its qcow2 header is damaged or cut short; restore the image"

static void refuse(const struct image *image, const char *message)
{
	g_autoptr(GError) error = NULL;
	struct qcow2_header header;

	g_assert_false(parse(image, &header, &error));
	g_assert_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_IMAGE);
	g_assert_cmpstr(error->message, ==, message);
	qcow2_header_clear(&header);
}

static void test_bad(void)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *message;
	} rows[] = {
		{0, 0, DAMAGED},
		{4, 1,
		 "its qcow2 version is neither 2 nor 3; convert it with qemu-img convert -O qcow2"},
		{20, 8, DAMAGED},
		{20, 22, DAMAGED},
		{32, 1, "it is encrypted; convert it with qemu-img convert"},
		{36, 0xffffffff, DAMAGED}, /* many L1 entries */
		{40, 0xffffffff, DAMAGED}, /* far away */
		{44, LENGTH - 4, DAMAGED}, /* over the end */
		{48, 0xffffffff, DAMAGED},
		{56, 0xffffffff, DAMAGED},
		{76, 4,
		 "it keeps its data in another file; convert it with qemu-img convert -O qcow2"},
		{100, 0, DAMAGED},
		{100, 0xffffffff, DAMAGED},
	};
	g_autofree struct image *image = g_new(struct image, 1);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		image_init(image);
		put32(image, rows[i].at, rows[i].value);
		g_test_message("%zu", i);
		refuse(image, rows[i].message);
	}
}

static void test_bad_backing(void)
{
	static const struct {
		size_t at;
		uint32_t value;
	} rows[] = {
		{8, 1},		   /* beyond what is looked at */
		{12, 4},	   /* within the header */
		{12, CLUSTER - 2}, /* over its end */
		{16, 0},
		{16, 1024},
		{16, 0xffffffff},
		{108, 16}, /* the format: too long */
		{108, 0xffffffff},
	};
	g_autofree struct image *image = g_new(struct image, 1);

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		image_init(image);
		put_backing(image, "raw", "base.img");
		put32(image, rows[i].at, rows[i].value);
		g_test_message("%zu", i);
		refuse(image, DAMAGED);
	}
	/* A name with a NUL in it is two names. */
	image_init(image);
	put_backing(image, "raw", "base.img");
	image->data[104 + 16 + 8 + 3] = 0;
	refuse(image, DAMAGED);
}

static void test_cut(void)
{
	static const size_t lengths[] = {0, 4, 71, 72, 103, 104, 512, CLUSTER, 3 * CLUSTER + 7};
	g_autofree struct image *image = g_new(struct image, 1);

	image_init(image);
	for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
		image->length = lengths[i];
		refuse(image, DAMAGED);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/qcow2-header/good", test_good);
	g_test_add_func("/qcow2-header/bad", test_bad);
	g_test_add_func("/qcow2-header/bad-backing", test_bad_backing);
	g_test_add_func("/qcow2-header/cut", test_cut);
	return g_test_run();
}
