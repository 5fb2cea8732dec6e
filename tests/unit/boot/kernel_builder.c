/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel_builder.h"

#include <asm/bootparam.h>
#include <bzlib.h>
#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define PAGE	      4096u
#define SECTOR	      512u
#define LZ4_BLOCK     (8u << 20)
#define HEADER_OFFSET 0x1f1u

const struct build_elf build_elf_linux = {
	.entry = 0x1000000,
	.pvh_entry = 0x1000040,
	.n_segments = 3,
	.segments = {{0x1000000, 0x6634, 0x6634, 0},
		     {0x1007000, 0x1000, 0x1000, 0},
		     {0x1008000, 0x800, 0x5000, 0}},
};

const struct build_bzimage build_bzimage_default = {
	.compression = "gzip",
	.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
	.setup_sectors = 27,
	.cmdline_size = 2047,
	.initrd_addr_max = 0x7fffffff,
	.payload_offset = 0x2c4,
};

uint8_t build_byte(size_t segment, uint64_t offset)
{
	/* compressible, but not trivially */
	return (uint8_t)((offset % 61) ^ ((offset >> 8) * 7) ^ (segment << 6));
}

static void elf_add_note(GByteArray *elf, Elf64_Phdr *header, uint64_t entry)
{
	struct {
		Elf64_Nhdr header;
		char name[4];
		uint64_t entry;
	} notes[2] = {
		{{4, 8, 1}, "GNU", 0}, /* one to step over */
		{{4, 8, 18}, "Xen", entry},
	};

	*header = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = elf->len, .p_filesz = sizeof(notes)};
	g_byte_array_append(elf, (const guint8 *)notes, sizeof(notes));
}

GByteArray *build_elf(const struct build_elf *spec)
{
	GByteArray *elf = g_byte_array_new();
	Elf64_Phdr headers[5] = {0};
	Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = spec->machine ? spec->machine : EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = spec->entry,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(headers[0]),
		.e_phnum = (uint16_t)(spec->n_segments + (spec->pvh_entry ? 1 : 0)),
	};

	g_byte_array_set_size(elf, sizeof(header) + sizeof(headers));
	for (size_t i = 0; i < spec->n_segments; i++) {
		const struct build_segment *segment = &spec->segments[i];
		guint offset = (elf->len + PAGE - 1) / PAGE * PAGE + (guint)segment->offset_skew;
		guint old = elf->len;

		g_byte_array_set_size(elf, offset + (guint)segment->file_size);
		memset(elf->data + old, 0xee, offset - old); /* what must not be loaded */
		for (uint64_t at = 0; at < segment->file_size; at++)
			elf->data[offset + at] = build_byte(i, at);
		headers[i] = (Elf64_Phdr){.p_type = PT_LOAD,
					  .p_offset = offset,
					  .p_paddr = segment->address,
					  .p_vaddr = 0xffffffff80000000 + segment->address,
					  .p_filesz = segment->file_size,
					  .p_memsz = segment->memory_size};
	}
	if (spec->pvh_entry)
		elf_add_note(elf, &headers[spec->n_segments], spec->pvh_entry);
	memcpy(elf->data, &header, sizeof(header));
	memcpy(elf->data + sizeof(header), headers, sizeof(headers));
	return elf;
}

static GByteArray *compress_gzip(const GByteArray *data)
{
	GByteArray *out = g_byte_array_new();
	z_stream z = {.next_in = data->data, .avail_in = data->len};

	g_assert_cmpint(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), ==, Z_OK);
	g_byte_array_set_size(out, (guint)deflateBound(&z, data->len));
	z.next_out = out->data;
	z.avail_out = out->len;
	g_assert_cmpint(deflate(&z, Z_FINISH), ==, Z_STREAM_END);
	g_byte_array_set_size(out, (guint)z.total_out);
	deflateEnd(&z);
	return out;
}

static GByteArray *compress_bzip2(const GByteArray *data)
{
	GByteArray *out = g_byte_array_new();
	unsigned int size = data->len + data->len / 50 + 4096;

	g_byte_array_set_size(out, size);
	g_assert_cmpint(BZ2_bzBuffToBuffCompress((char *)out->data, &size, (char *)data->data,
						 data->len, 9, 0, 0),
			==, BZ_OK);
	g_byte_array_set_size(out, size);
	return out;
}

static GByteArray *compress_lzma(const GByteArray *data, gboolean alone)
{
	GByteArray *out = g_byte_array_new();
	lzma_stream lzma = LZMA_STREAM_INIT;
	lzma_options_lzma options;
	lzma_ret code;

	lzma_lzma_preset(&options, 1);
	if (alone)
		code = lzma_alone_encoder(&lzma, &options);
	else
		code = lzma_easy_encoder(&lzma, 1, LZMA_CHECK_CRC32);
	g_assert_cmpint(code, ==, LZMA_OK);
	g_byte_array_set_size(out, data->len * 2 + 4096);
	lzma.next_in = data->data;
	lzma.avail_in = data->len;
	lzma.next_out = out->data;
	lzma.avail_out = out->len;
	g_assert_cmpint(lzma_code(&lzma, LZMA_FINISH), ==, LZMA_STREAM_END);
	g_byte_array_set_size(out, (guint)lzma.total_out);
	lzma_end(&lzma);
	return out;
}

static GByteArray *compress_lz4(const GByteArray *data)
{
	static const uint8_t magic[] = {0x02, 0x21, 0x4c, 0x18};
	GByteArray *out = g_byte_array_new();
	char *block = g_malloc((gsize)LZ4_compressBound((int)LZ4_BLOCK));

	g_byte_array_append(out, magic, sizeof(magic));
	for (guint at = 0; at < data->len; at += LZ4_BLOCK) {
		int size = LZ4_compress_default((const char *)data->data + at, block,
						(int)MIN(LZ4_BLOCK, data->len - at),
						LZ4_compressBound((int)LZ4_BLOCK));
		uint32_t field = (uint32_t)size;

		g_assert_cmpint(size, >, 0);
		g_byte_array_append(out, (const guint8 *)&field, sizeof(field));
		g_byte_array_append(out, (const guint8 *)block, (guint)size);
	}
	g_free(block);
	return out;
}

static GByteArray *compress_zstd(const GByteArray *data)
{
	GByteArray *out = g_byte_array_new();
	size_t size;

	g_byte_array_set_size(out, (guint)ZSTD_compressBound(data->len));
	size = ZSTD_compress(out->data, out->len, data->data, data->len, 3);
	g_assert_false(ZSTD_isError(size));
	g_byte_array_set_size(out, (guint)size);
	return out;
}

GByteArray *build_compressed(const char *compression, const GByteArray *data)
{
	GByteArray *copy;

	if (strcmp(compression, "gzip") == 0)
		return compress_gzip(data);
	if (strcmp(compression, "bzip2") == 0)
		return compress_bzip2(data);
	if (strcmp(compression, "xz") == 0)
		return compress_lzma(data, FALSE);
	if (strcmp(compression, "lzma") == 0)
		return compress_lzma(data, TRUE);
	if (strcmp(compression, "lz4") == 0)
		return compress_lz4(data);
	if (strcmp(compression, "zstd") == 0)
		return compress_zstd(data);
	g_assert_cmpstr(compression, ==, "none");
	copy = g_byte_array_new();
	return g_byte_array_append(copy, data->data, data->len);
}

GByteArray *build_bzimage(const struct build_bzimage *spec, const GByteArray *elf)
{
	g_autoptr(GByteArray) payload = build_compressed(spec->compression, elf);
	uint32_t size = elf->len;
	guint setup = ((spec->setup_sectors ? spec->setup_sectors : 4u) + 1u) * SECTOR;
	GByteArray *image = g_byte_array_new();
	struct setup_header header = {
		.setup_sects = spec->setup_sectors,
		.boot_flag = 0xaa55,
		.jump = 0x66eb, /* to 0x268: as long as protocol 2.15 has it */
		.header = 0x53726448,
		.version = spec->protocol ? spec->protocol : 0x020f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = spec->initrd_addr_max,
		.xloadflags = spec->xloadflags,
		.cmdline_size = spec->cmdline_size,
		.payload_offset = (uint32_t)spec->payload_offset,
	};

	/* gzip has the size in its own trailer */
	if (strcmp(spec->compression, "gzip") != 0 && strcmp(spec->compression, "none") != 0)
		g_byte_array_append(payload, (const guint8 *)&size, sizeof(size));
	header.payload_length = payload->len;
	g_byte_array_set_size(image, setup + (guint)spec->payload_offset);
	memset(image->data, 0xcc, image->len);
	memcpy(image->data, "MZ", 2);
	memcpy(image->data + HEADER_OFFSET, &header, sizeof(header));
	g_byte_array_append(image, payload->data, payload->len);
	/* the rest of the decompressor */
	g_byte_array_set_size(image, image->len + 4096);
	return image;
}

int build_file(const void *data, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, data, size), ==, (ssize_t)size);
	return fd;
}
