/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elf_image.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "boot.h"
#include "machine_name.h"

#define NOTES_MAX		 65536u /* bytes of one PT_NOTE that are looked at */
#define XEN_ELFNOTE_PHYS32_ENTRY 18u	/* Xen, public/elfnote.h */
#define COPY_AGAIN		 "copy the kernel again"

static gboolean elf_header_check(const struct image_file *file, const Elf64_Ehdr *header,
				 GError **error)
{
	uint16_t machine = header->e_machine;

	if (header->e_ident[EI_DATA] == ELFDATA2MSB)
		machine = GUINT16_SWAP_LE_BE(machine);
	if (machine != EM_X86_64) {
		g_autofree char *unknown = g_strdup_printf("ELF machine %u", machine);
		const char *known = machine_name_of_elf(machine);

		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "it is for another architecture (%s); use an x86-64 kernel",
				 known ? known : unknown);
		return FALSE;
	}
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "it is not a 64-bit ELF file; use a 64-bit x86-64 kernel");
		return FALSE;
	}
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
		image_file_error(
			error, file, BOOT_ERROR_IMAGE,
			"it is an ELF file of type %u, not a linked kernel; use vmlinux or "
			"vmlinuz",
			header->e_type);
		return FALSE;
	}
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
	    header->e_phnum > ELF_IMAGE_MAX_SEGMENTS) {
		image_file_error(
			error, file, BOOT_ERROR_IMAGE,
			"its program headers are unusable (%u of %u bytes each); " COPY_AGAIN,
			header->e_phnum, header->e_phentsize);
		return FALSE;
	}
	return TRUE;
}

static gboolean elf_segment_add(const struct image_file *file, struct elf_image *image,
				const Elf64_Phdr *header, GError **error)
{
	struct elf_segment *segment = &image->segments[image->n_segments];
	uint64_t end;

	if (header->p_memsz == 0)
		return TRUE;
	if (header->p_filesz > header->p_memsz) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "the segment at 0x%" PRIx64 " has more bytes in the file than in "
				 "memory; " COPY_AGAIN,
				 header->p_paddr);
		return FALSE;
	}
	if (!image_file_contains(file, header->p_offset, header->p_filesz)) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "the file ends early: it has %" PRIu64
				 " bytes and the segment at 0x%" PRIx64
				 " needs more (truncated file?); " COPY_AGAIN,
				 file->size, header->p_paddr);
		return FALSE;
	}
	if (__builtin_add_overflow(header->p_paddr, header->p_memsz, &end)) {
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "the segment at 0x%" PRIx64
				 " goes beyond the address space; " COPY_AGAIN,
				 header->p_paddr);
		return FALSE;
	}
	*segment = (struct elf_segment){
		.offset = header->p_offset,
		.address = header->p_paddr,
		.file_size = header->p_filesz,
		.memory_size = header->p_memsz,
	};
	image->n_segments++;
	return TRUE;
}

static int elf_segment_compare(const void *a, const void *b)
{
	const struct elf_segment *left = a, *right = b;

	return (left->address > right->address) - (left->address < right->address);
}

static gboolean elf_segments_check(const struct image_file *file, struct elf_image *image,
				   GError **error)
{
	const struct elf_segment *last;

	if (image->n_segments == 0) {
		image_file_error(
			error, file, BOOT_ERROR_IMAGE,
			"it has nothing to load (a file of debug symbols?); use the kernel "
			"itself");
		return FALSE;
	}
	qsort(image->segments, image->n_segments, sizeof(image->segments[0]), elf_segment_compare);
	for (size_t i = 1; i < image->n_segments; i++) {
		const struct elf_segment *before = &image->segments[i - 1];

		if (before->address + before->memory_size <= image->segments[i].address)
			continue;
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "its segments at 0x%" PRIx64 " and 0x%" PRIx64
				 " overlap; " COPY_AGAIN,
				 before->address, image->segments[i].address);
		return FALSE;
	}
	last = &image->segments[image->n_segments - 1];
	image->base = image->segments[0].address;
	image->end = last->address + last->memory_size;
	return TRUE;
}

/* Whether code can be entered at this physical address: bytes of the file are there. */
static gboolean elf_image_covers(const struct elf_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->n_segments; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (address >= segment->address && address - segment->address < segment->file_size)
			return TRUE;
	}
	return FALSE;
}

/* One note of [note, note + left); how many bytes it takes, or 0 at the end or when it is broken.
 */
static size_t elf_note_read(struct elf_image *image, const uint8_t *note, size_t left)
{
	Elf64_Nhdr header;
	size_t name, descriptor, next;

	if (left < sizeof(header))
		return 0;
	memcpy(&header, note, sizeof(header));
	if (header.n_namesz > left || header.n_descsz > left)
		return 0;
	name = sizeof(header);
	descriptor = name + ((header.n_namesz + 3u) & ~(size_t)3u);
	next = descriptor + ((header.n_descsz + 3u) & ~(size_t)3u);
	if (descriptor + header.n_descsz > left)
		return 0;
	if (header.n_type == XEN_ELFNOTE_PHYS32_ENTRY && header.n_namesz == sizeof("Xen") &&
	    memcmp(note + name, "Xen", sizeof("Xen")) == 0 &&
	    (header.n_descsz == sizeof(uint32_t) || header.n_descsz == sizeof(uint64_t))) {
		uint64_t entry = 0;

		memcpy(&entry, note + descriptor, header.n_descsz);
		if (entry <= UINT32_MAX && elf_image_covers(image, entry)) {
			image->pvh_entry = entry;
			image->has_pvh = TRUE;
		}
	}
	return MIN(next, left);
}

static gboolean elf_notes_read(const struct image_file *file, struct elf_image *image,
			       const Elf64_Phdr *header, GError **error)
{
	size_t size = (size_t)MIN(header->p_filesz, (uint64_t)NOTES_MAX);
	g_autofree uint8_t *notes = NULL;
	size_t at = 0, step;

	if (size == 0 || !image_file_contains(file, header->p_offset, header->p_filesz))
		return TRUE; /* notes are optional; what must be there is checked by the entry */
	notes = g_malloc(size);
	if (!image_file_read(file, header->p_offset, notes, size, error))
		return FALSE;
	while ((step = elf_note_read(image, notes + at, size - at)) > 0)
		at += step;
	return TRUE;
}

gboolean elf_image_parse(const struct image_file *file, struct elf_image *image, GError **error)
{
	Elf64_Phdr headers[ELF_IMAGE_MAX_SEGMENTS];
	Elf64_Ehdr header;

	*image = (struct elf_image){0};
	if (!image_file_read(file, 0, &header, sizeof(header), error) ||
	    !elf_header_check(file, &header, error))
		return FALSE;
	if (!image_file_contains(file, header.e_phoff, sizeof(headers[0]) * header.e_phnum)) {
		image_file_error(
			error, file, BOOT_ERROR_IMAGE,
			"the file ends before its program headers (truncated file?); " COPY_AGAIN);
		return FALSE;
	}
	if (!image_file_read(file, header.e_phoff, headers, sizeof(headers[0]) * header.e_phnum,
			     error))
		return FALSE;
	for (size_t i = 0; i < header.e_phnum; i++) {
		if (headers[i].p_type == PT_INTERP) {
			image_file_error(error, file, BOOT_ERROR_IMAGE,
					 "it is an ordinary program, not a kernel; use vmlinux or "
					 "vmlinuz");
			return FALSE;
		}
		if (headers[i].p_type == PT_LOAD &&
		    !elf_segment_add(file, image, &headers[i], error))
			return FALSE;
	}
	if (!elf_segments_check(file, image, error))
		return FALSE;
	for (size_t i = 0; i < header.e_phnum; i++) {
		if (headers[i].p_type == PT_NOTE &&
		    !elf_notes_read(file, image, &headers[i], error))
			return FALSE;
	}
	image->entry = header.e_entry;
	image->has_entry = elf_image_covers(image, header.e_entry);
	return TRUE;
}
