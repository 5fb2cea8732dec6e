/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes small kernel files: ELF images and bzImages of every compression. */
#ifndef KERNEL_BUILDER_H
#define KERNEL_BUILDER_H

#include <glib.h>
#include <stdint.h>

struct build_segment {
	uint64_t address;
	uint64_t file_size, memory_size;
	uint64_t offset_skew; /* added to a page-aligned file offset */
};

struct build_elf {
	uint64_t entry;
	uint64_t pvh_entry; /* 0: no note */
	size_t n_segments;
	struct build_segment segments[4];
	uint16_t machine; /* 0: x86-64 */
};

/* A kernel like Linux's: 3 segments from 16 MiB on, one with .bss, a PVH note. */
extern const struct build_elf build_elf_linux;

/* The bytes of segment i are build_byte(i, offset). */
uint8_t build_byte(size_t segment, uint64_t offset);
GByteArray *build_elf(const struct build_elf *spec);

/* "gzip", "bzip2", "xz", "lzma", "lz4", "zstd", "none"; without the appended size. */
GByteArray *build_compressed(const char *compression, const GByteArray *data);

struct build_bzimage {
	const char *compression;
	uint16_t protocol;     /* 0: 0x020f */
	uint16_t xloadflags;   /* of protocol 2.12 and later */
	uint8_t setup_sectors; /* as in the header: 0 means 4 */
	uint32_t cmdline_size, initrd_addr_max;
	size_t payload_offset; /* behind the setup code */
};
extern const struct build_bzimage build_bzimage_default;

/* A bzImage around an ELF, packed as Linux's build does it. */
GByteArray *build_bzimage(const struct build_bzimage *spec, const GByteArray *elf);

/* An open memory file of these bytes; *pread*-able, offset 0. Never fails. */
int build_file(const void *data, size_t size);

#endif
