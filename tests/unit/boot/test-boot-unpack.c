/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "kernel_builder.h"
#include "unpack.h"

static const char *const compressions[] = {"gzip", "bzip2", "xz", "lzma", "lz4", "zstd", "none"};

/* Unpacks bytes; *payload is what came out. */
static gboolean unpack(const void *data, size_t size, struct unpack_result *result,
		       GByteArray *payload, GError **error)
{
	int in = build_file(data, size), out = build_file("", 0);
	gboolean ok = unpack_kernel(in, "/boot/x", out, result, error);
	struct stat st;

	g_assert_cmpint(fstat(out, &st), ==, 0);
	g_byte_array_set_size(payload, (guint)st.st_size);
	g_assert_cmpint(pread(out, payload->data, payload->len, 0), ==, payload->len);
	close(in);
	close(out);
	return ok;
}

static void assert_refused(const void *data, size_t size, const char *text)
{
	g_autoptr(GByteArray) payload = g_byte_array_new();
	g_autoptr(GError) error = NULL;
	struct unpack_result result;

	g_assert_false(unpack(data, size, &result, payload, &error));
	g_assert_error(error, BOOT_ERROR, BOOT_ERROR_IMAGE);
	g_assert_true(g_str_has_prefix(error->message, "kernel /boot/x: "));
	if (!strstr(error->message, text))
		g_error("\"%s\" is not in: %s", text, error->message);
}

static void assert_same(const GByteArray *a, const GByteArray *b)
{
	g_assert_cmpuint(a->len, ==, b->len);
	g_assert_true(memcmp(a->data, b->data, a->len) == 0);
}

static GByteArray *bzimage(const char *compression)
{
	g_autoptr(GByteArray) elf = build_elf(&build_elf_linux);
	struct build_bzimage spec = build_bzimage_default;

	spec.compression = compression;
	return build_bzimage(&spec, elf);
}

/* Where the payload begins and ends in an image of build_bzimage_default. */
static size_t payload_begin(void)
{
	return (size_t)28 * 512 + build_bzimage_default.payload_offset;
}

static size_t payload_end(const GByteArray *image)
{
	return image->len - 4096;
}

static void test_every_compression(void)
{
	g_autoptr(GByteArray) elf = build_elf(&build_elf_linux);

	for (size_t i = 0; i < G_N_ELEMENTS(compressions); i++) {
		g_autoptr(GByteArray) image = bzimage(compressions[i]);
		g_autoptr(GByteArray) payload = g_byte_array_new();
		g_autoptr(GError) error = NULL;
		struct unpack_result result;

		g_assert_true(unpack(image->data, image->len, &result, payload, &error));
		g_assert_no_error(error);
		g_assert_false(result.is_elf);
		g_assert_cmpstr(result.compression, ==, compressions[i]);
		g_assert_cmpuint(result.size, ==, elf->len);
		assert_same(payload, elf);
	}
}

/* More than one lz4 block, and more than every decoder's buffers. */
static void test_large(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(compressions); i++) {
		struct build_elf spec = build_elf_linux;
		uint64_t size = strcmp(compressions[i], "lz4") == 0 ? 17u << 20 : 1u << 20;
		struct build_bzimage image_spec = build_bzimage_default;
		g_autoptr(GByteArray) payload = g_byte_array_new();
		g_autoptr(GError) error = NULL;
		struct unpack_result result;

		spec.segments[2].file_size = spec.segments[2].memory_size = size;
		g_autoptr(GByteArray) elf = build_elf(&spec);
		image_spec.compression = compressions[i];
		g_autoptr(GByteArray) image = build_bzimage(&image_spec, elf);
		g_assert_true(unpack(image->data, image->len, &result, payload, &error));
		g_assert_no_error(error);
		assert_same(payload, elf);
	}
}

static void test_elf(void)
{
	g_autoptr(GByteArray) elf = build_elf(&build_elf_linux);
	g_autoptr(GByteArray) payload = g_byte_array_new();
	struct unpack_result result;

	g_assert_true(unpack(elf->data, elf->len, &result, payload, NULL));
	g_assert_true(result.is_elf);
	g_assert_cmpuint(payload->len, ==, 0);
	assert_refused(elf->data, elf->len / 2, "truncated file?");
}

static void test_setup_sectors_zero(void)
{
	g_autoptr(GByteArray) elf = build_elf(&build_elf_linux);
	g_autoptr(GByteArray) payload = g_byte_array_new();
	struct build_bzimage spec = build_bzimage_default;
	struct unpack_result result;

	spec.setup_sectors = 0;
	g_autoptr(GByteArray) image = build_bzimage(&spec, elf);
	g_assert_true(unpack(image->data, image->len, &result, payload, NULL));
	assert_same(payload, elf);
}

static void test_not_a_kernel(void)
{
	static const struct {
		size_t offset;
		const char *bytes;
		size_t size;
		const char *text;
	} cases[] = {
		{0, "#!/bin/sh\n", 10, "is neither a bzImage nor an ELF file"},
		{0x202, "HdrS", 4, "is neither a bzImage nor an ELF file"},
		{0x1fe, "\x55\xaa", 2, "is neither a bzImage nor an ELF file"},
		{0x38, "ARM\x64", 4, "for another architecture (AArch64)"},
		{0x38, "RSC\x05", 4, "for another architecture (RISC-V)"},
		{0x24, "\x18\x28\x6f\x01", 4, "for another architecture (32-bit ARM)"},
		{0, "\x1f\x8b\x08", 3, "packed by gzip"},
	};
	uint8_t pe[0x100] = {'M', 'Z', [0x3c] = 0x80, [0x80] = 'P', 'E', 0, 0, 0x64, 0xaa};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t data[2048] = {0};

		memcpy(data + cases[i].offset, cases[i].bytes, cases[i].size);
		assert_refused(data, sizeof(data), cases[i].text);
	}
	assert_refused(pe, sizeof(pe), "for another architecture (AArch64)");
	pe[0x84] = 0x64;
	pe[0x85] = 0x86;
	assert_refused(pe, sizeof(pe), "is a UEFI program");
	memset(pe + 0x3c, 0xff, 4);
	assert_refused(pe, sizeof(pe), "is neither a bzImage nor an ELF file");
	assert_refused("", 0, "the file is empty");
	assert_refused("x", 1, "is neither a bzImage nor an ELF file");
}

static void test_not_our_kernel(void)
{
	g_autoptr(GByteArray) elf = build_elf(&build_elf_linux);
	struct build_bzimage spec = build_bzimage_default;
	struct build_elf arm = build_elf_linux;

	spec.xloadflags = 0;
	g_autoptr(GByteArray) x86_32 = build_bzimage(&spec, elf);
	assert_refused(x86_32->data, x86_32->len, "is a 32-bit x86 kernel");
	spec.protocol = 0x0204;
	g_autoptr(GByteArray) old = build_bzimage(&spec, elf);
	assert_refused(old->data, old->len, "boot protocol 2.04 is too old");
	arm.machine = 183;
	g_autoptr(GByteArray) arm_elf = build_elf(&arm);
	g_autoptr(GByteArray) odd = build_bzimage(&build_bzimage_default, arm_elf);
	assert_refused(odd->data, odd->len, "for another architecture (AArch64)");
}

static void test_unknown_payload(void)
{
	g_autoptr(GByteArray) image = bzimage("lz4");

	memcpy(image->data + payload_begin(), (const uint8_t[]){0x89, 'L', 'Z', 'O'}, 4);
	assert_refused(image->data, image->len, "packed by lzo, which is not supported");
	memset(image->data + payload_begin(), '?', 4);
	assert_refused(image->data, image->len, "packed in no known way");
	memset(image->data + 0x24c, 0, 4);
	assert_refused(image->data, image->len, "names no payload");
}

/* A file cut anywhere is refused; cut behind the payload it is whole. */
static void test_truncation(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(compressions); i++) {
		g_autoptr(GByteArray) image = bzimage(compressions[i]);
		g_autoptr(GByteArray) payload = g_byte_array_new();
		struct unpack_result result;
		size_t end = payload_end(image);

		for (size_t size = 0x206; size < end; size += size < 0x300 ? 1 : 211)
			assert_refused(image->data, size, "copy the kernel again");
		assert_refused(image->data, end - 1, "the file ends early: it has ");
		g_assert_true(unpack(image->data, end, &result, payload, NULL));
	}
}

/* The stream itself cut, its file and header whole: that is the payload's fault. */
static void test_truncated_stream(void)
{
	for (size_t i = 0; i + 1 < G_N_ELEMENTS(compressions); i++) {
		g_autoptr(GByteArray) image = bzimage(compressions[i]);
		uint32_t length = (uint32_t)(payload_end(image) - payload_begin());
		uint32_t size, half = length / 2;
		g_autofree char *text = g_strdup_printf("the %s payload ", compressions[i]);
		g_autofree char *early = g_strdup_printf(
			"the %s payload ends early (truncated file?); copy the file "
			"again",
			compressions[i]);

		memcpy(image->data + 0x24c, &half, sizeof(half));
		assert_refused(image->data, image->len, early);
		for (size = 1; size < length; size += 1 + length / 200) {
			memcpy(image->data + 0x24c, &size, sizeof(size));
			assert_refused(image->data, image->len, size < 12 ? "payload" : text);
		}
	}
}

static void test_wrong_size(void)
{
	for (size_t i = 0; i + 1 < G_N_ELEMENTS(compressions); i++) {
		g_autoptr(GByteArray) image = bzimage(compressions[i]);
		uint8_t *field = image->data + payload_end(image) - 4;

		field[0] ^= 1;
		assert_refused(image->data, image->len,
			       strcmp(compressions[i], "gzip") == 0 ? "damaged" : "announces");
	}
}

/* Every flip gives an error or the same ELF, or at least one that parses: never a crash. */
static void test_bit_flips(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(compressions); i++) {
		g_autoptr(GByteArray) image = bzimage(compressions[i]);
		g_autoptr(GByteArray) payload = g_byte_array_new();
		size_t end = payload_end(image) * 8;

		for (size_t bit = (size_t)0x1f1 * 8; bit < end;
		     bit += bit < (size_t)0x268 * 8 ? 1 : 131 + end / 300) {
			g_autoptr(GError) error = NULL;
			struct unpack_result result;
			gboolean ok;

			image->data[bit / 8] ^= (guint8)(1u << (bit % 8));
			ok = unpack(image->data, image->len, &result, payload, &error);
			g_assert_true(ok == (error == NULL));
			image->data[bit / 8] ^= (guint8)(1u << (bit % 8));
		}
	}
}

/* 1 GiB of zeros in a few KiB: the output is bounded. */
static void test_bomb(void)
{
	g_autoptr(GByteArray) zeros = g_byte_array_new();
	g_autoptr(GByteArray) block = NULL;
	g_autoptr(GByteArray) image = bzimage("lz4");
	g_autoptr(GByteArray) bomb = g_byte_array_new();
	uint32_t length;

	g_byte_array_set_size(zeros, 8u << 20);
	memset(zeros->data, 0, zeros->len);
	block = build_compressed("lz4", zeros);
	g_byte_array_append(bomb, image->data, (guint)payload_begin());
	for (size_t i = 0; i < 65; i++)
		g_byte_array_append(bomb, block->data, block->len);
	g_byte_array_append(bomb, (const guint8 *)"size", 4);
	length = (uint32_t)(bomb->len - payload_begin());
	memcpy(bomb->data + 0x24c, &length, sizeof(length));
	assert_refused(bomb->data, bomb->len, "more than 512 MiB");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/unpack/every-compression", test_every_compression);
	g_test_add_func("/boot/unpack/large", test_large);
	g_test_add_func("/boot/unpack/elf", test_elf);
	g_test_add_func("/boot/unpack/setup-sectors-zero", test_setup_sectors_zero);
	g_test_add_func("/boot/unpack/not-a-kernel", test_not_a_kernel);
	g_test_add_func("/boot/unpack/not-our-kernel", test_not_our_kernel);
	g_test_add_func("/boot/unpack/unknown-payload", test_unknown_payload);
	g_test_add_func("/boot/unpack/truncation", test_truncation);
	g_test_add_func("/boot/unpack/truncated-stream", test_truncated_stream);
	g_test_add_func("/boot/unpack/wrong-size", test_wrong_size);
	g_test_add_func("/boot/unpack/bit-flips", test_bit_flips);
	g_test_add_func("/boot/unpack/bomb", test_bomb);
	return g_test_run();
}
