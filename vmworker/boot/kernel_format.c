/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel_format.h"

#include <string.h>

#include "boot.h"
#include "machine_name.h"

#define HEAD_SIZE 1024u

struct signature {
	size_t offset;
	const char *bytes;
	size_t size;
	const char *fault; /* "it is …; remedy" */
};

#define BYTES(text) text, sizeof(text) - 1
#define OTHER(name) "it is for another architecture (" name "); use an x86-64 kernel"
#define PACKED(name) \
	"it is a file packed by " name ", neither a bzImage nor an ELF file; unpack it first"

static const struct signature foreign[] = {
	{0x38, BYTES("ARM\x64"), OTHER("AArch64")},
	{0x24, BYTES("\x18\x28\x6f\x01"), OTHER("32-bit ARM")},
	{0x38, BYTES("RSC\x05"), OTHER("RISC-V")},
	{0, BYTES("\x1f\x8b"), PACKED("gzip")},
	{0, BYTES("BZh"), PACKED("bzip2")},
	{0,
	 BYTES("\xfd"
	       "7zXZ"),
	 PACKED("xz")},
	{0, BYTES("\x28\xb5\x2f\xfd"), PACKED("zstd")},
	{0, BYTES("\x04\x22\x4d\x18"), PACKED("lz4")},
};

static gboolean head_has(const uint8_t *head, size_t size, size_t offset, const void *bytes,
			 size_t n_bytes)
{
	return offset <= size && n_bytes <= size - offset &&
	       memcmp(head + offset, bytes, n_bytes) == 0;
}

/* The machine of a PE file ("MZ", e_lfanew at 0x3c, "PE\0\0", machine), or 0. */
static uint16_t head_pe_machine(const uint8_t *head, size_t size)
{
	uint32_t offset;
	uint16_t machine;

	if (!head_has(head, size, 0, "MZ", 2) || size < 0x40)
		return 0;
	memcpy(&offset, head + 0x3c, sizeof(offset));
	if (!head_has(head, size, offset, "PE\0", 4) || size - offset < 6)
		return 0;
	memcpy(&machine, head + offset + 4, sizeof(machine));
	return machine;
}

static void kernel_format_refuse(const struct image_file *file, const uint8_t *head, size_t size,
				 GError **error)
{
	uint16_t pe = head_pe_machine(head, size);
	const char *pe_name = pe ? machine_name_of_pe(pe) : NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
		if (head_has(head, size, foreign[i].offset, foreign[i].bytes, foreign[i].size)) {
			image_file_error(error, file, BOOT_ERROR_IMAGE, "%s", foreign[i].fault);
			return;
		}
	}
	if (pe_name && strcmp(pe_name, "x86-64") != 0)
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "it is for another architecture (%s); use an x86-64 kernel",
				 pe_name);
	else if (pe_name)
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "it is a UEFI program, neither a bzImage nor an ELF file; use the "
				 "kernel that it contains");
	else
		image_file_error(error, file, BOOT_ERROR_IMAGE,
				 "it is neither a bzImage nor an ELF file; use a Linux kernel "
				 "(/boot/vmlinuz-…) or an ELF vmlinux");
}

gboolean kernel_format_probe(const struct image_file *file, enum kernel_format *format,
			     GError **error)
{
	uint8_t head[HEAD_SIZE];
	size_t size;

	if (!image_file_read_some(file, 0, head, sizeof(head), &size, error))
		return FALSE;
	if (head_has(head, size, 0,
		     "\x7f"
		     "ELF",
		     4)) {
		*format = KERNEL_ELF;
		return TRUE;
	}
	/* Documentation/arch/x86/boot.rst: boot_flag and header */
	if (head_has(head, size, 0x1fe, "\x55\xaa", 2) && head_has(head, size, 0x202, "HdrS", 4)) {
		*format = KERNEL_BZIMAGE;
		return TRUE;
	}
	kernel_format_refuse(file, head, size, error);
	return FALSE;
}
