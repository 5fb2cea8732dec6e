/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "elf_image.h"
#include "kernel_builder.h"

static gboolean parse(const GByteArray *bytes, struct elf_image *image, GError **error)
{
	struct image_file file;
	int fd = build_file(bytes->data, bytes->len);
	gboolean ok = image_file_init(&file, fd, "kernel", "/boot/k", error) &&
		      elf_image_parse(&file, image, error);

	close(fd);
	return ok;
}

/* The file is refused with this in its one sentence. */
static void assert_refused(const GByteArray *bytes, const char *text)
{
	g_autoptr(GError) error = NULL;
	struct elf_image image;

	g_assert_false(parse(bytes, &image, &error));
	g_assert_error(error, BOOT_ERROR, BOOT_ERROR_IMAGE);
	g_assert_true(g_str_has_prefix(error->message, "kernel /boot/k: "));
	if (!strstr(error->message, text))
		g_error("\"%s\" is not in: %s", text, error->message);
}

static Elf64_Ehdr *ehdr(GByteArray *bytes)
{
	return (Elf64_Ehdr *)bytes->data;
}

static Elf64_Phdr *phdr(GByteArray *bytes, size_t i)
{
	return (Elf64_Phdr *)(bytes->data + ehdr(bytes)->e_phoff) + i;
}

static void test_linux(void)
{
	g_autoptr(GByteArray) bytes = build_elf(&build_elf_linux);
	g_autoptr(GError) error = NULL;
	struct elf_image image;

	g_assert_true(parse(bytes, &image, &error));
	g_assert_no_error(error);
	g_assert_true(image.has_entry);
	g_assert_cmphex(image.entry, ==, 0x1000000);
	g_assert_true(image.has_pvh);
	g_assert_cmphex(image.pvh_entry, ==, 0x1000040);
	g_assert_cmpuint(image.n_segments, ==, 3);
	g_assert_cmphex(image.base, ==, 0x1000000);
	g_assert_cmphex(image.end, ==, 0x100d000);
	g_assert_cmphex(image.segments[2].file_size, ==, 0x800);
	g_assert_cmphex(image.segments[2].memory_size, ==, 0x5000);
}

/* Segments in any order of the headers come out ascending. */
static void test_order(void)
{
	g_autoptr(GByteArray) bytes = build_elf(&build_elf_linux);
	Elf64_Phdr first = *phdr(bytes, 0);
	struct elf_image image;

	*phdr(bytes, 0) = *phdr(bytes, 2);
	*phdr(bytes, 2) = first;
	g_assert_true(parse(bytes, &image, NULL));
	g_assert_cmphex(image.segments[0].address, ==, 0x1000000);
	g_assert_cmphex(image.segments[2].address, ==, 0x1008000);
}

static void test_entries(void)
{
	struct build_elf spec = build_elf_linux;
	struct elf_image image;

	spec.pvh_entry = 0x1008900; /* in .bss: nothing is there to run */
	spec.entry = 0xffffffff81000000;
	g_autoptr(GByteArray) bytes = build_elf(&spec);
	g_assert_true(parse(bytes, &image, NULL));
	g_assert_false(image.has_pvh);
	g_assert_false(image.has_entry);

	/* EBX and EIP have 32 bits */
	spec.segments[1].address = spec.pvh_entry = 0x100000000;
	spec.segments[2].address = 0x100001000;
	g_autoptr(GByteArray) high = build_elf(&spec);
	g_assert_true(parse(high, &image, NULL));
	g_assert_false(image.has_pvh);

	spec.pvh_entry = 0;
	g_autoptr(GByteArray) without = build_elf(&spec);
	g_assert_true(parse(without, &image, NULL));
	g_assert_false(image.has_pvh);
}

static void test_architecture(void)
{
	static const struct {
		uint16_t machine;
		const char *text;
	} cases[] = {
		{EM_AARCH64, "for another architecture (AArch64)"},
		{EM_RISCV, "for another architecture (RISC-V)"},
		{EM_386, "for another architecture (32-bit x86)"},
		{0x7777, "for another architecture (ELF machine 30583)"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct build_elf spec = build_elf_linux;

		spec.machine = cases[i].machine;
		g_autoptr(GByteArray) bytes = build_elf(&spec);
		assert_refused(bytes, cases[i].text);
	}
	g_autoptr(GByteArray) big = build_elf(&build_elf_linux);
	ehdr(big)->e_ident[EI_DATA] = ELFDATA2MSB;
	ehdr(big)->e_machine = GUINT16_SWAP_LE_BE(EM_S390);
	assert_refused(big, "(s390x)");
}

/* Each case breaks one thing of a good file. */
static void break_overlap(GByteArray *b)
{
	phdr(b, 0)->p_memsz = 0x8000;
}
static void break_filesz(GByteArray *b)
{
	phdr(b, 1)->p_filesz = phdr(b, 1)->p_memsz + 1;
}
static void break_offset(GByteArray *b)
{
	phdr(b, 1)->p_offset = UINT64_MAX - 16;
}
static void break_wrap(GByteArray *b)
{
	phdr(b, 1)->p_paddr = UINT64_MAX - 16;
}
static void break_phoff(GByteArray *b)
{
	ehdr(b)->e_phoff = UINT64_MAX - 8;
}
static void break_phnum(GByteArray *b)
{
	ehdr(b)->e_phnum = 0xffff;
}
static void break_phentsize(GByteArray *b)
{
	ehdr(b)->e_phentsize = 8;
}
static void break_loads(GByteArray *b)
{
	for (size_t i = 0; i < 3; i++)
		phdr(b, i)->p_type = PT_NULL;
}
static void break_interp(GByteArray *b)
{
	phdr(b, 3)->p_type = PT_INTERP;
}
static void break_type(GByteArray *b)
{
	ehdr(b)->e_type = ET_REL;
}
static void break_class(GByteArray *b)
{
	ehdr(b)->e_ident[EI_CLASS] = ELFCLASS32;
}
static void break_short(GByteArray *b)
{
	g_byte_array_set_size(b, (guint)phdr(b, 2)->p_offset + 10);
}

static void test_broken(void)
{
	static const struct {
		void (*fault)(GByteArray *bytes);
		const char *text;
	} cases[] = {
		{break_overlap, "segments at 0x1000000 and 0x1007000 overlap"},
		{break_filesz, "more bytes in the file than in memory"},
		{break_offset, "the file ends early"},
		{break_wrap, "beyond the address space"},
		{break_phoff, "ends before its program headers"},
		{break_phnum, "program headers are unusable (65535 of 56 bytes"},
		{break_phentsize, "program headers are unusable"},
		{break_loads, "nothing to load"},
		{break_interp, "ordinary program, not a kernel"},
		{break_type, "not a linked kernel"},
		{break_class, "not a 64-bit ELF file"},
		{break_short, "truncated file?); copy the kernel again"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GByteArray) bytes = build_elf(&build_elf_linux);

		cases[i].fault(bytes);
		assert_refused(bytes, cases[i].text);
	}
}

/* Whatever is done to the file, what is accepted keeps the promises of elf_image.h. */
static void assert_sound(const GByteArray *bytes)
{
	g_autoptr(GError) error = NULL;
	struct elf_image image;
	uint64_t last = 0;

	if (!parse(bytes, &image, &error)) {
		g_assert_nonnull(error);
		return;
	}
	g_assert_cmpuint(image.n_segments, >=, 1);
	for (size_t i = 0; i < image.n_segments; i++) {
		const struct elf_segment *s = &image.segments[i];

		g_assert_cmpuint(s->file_size, <=, s->memory_size);
		g_assert_cmpuint(s->offset + s->file_size, <=, bytes->len);
		g_assert_cmpuint(s->address, >=, last);
		last = s->address + s->memory_size;
		g_assert_cmpuint(last, >, s->address);
	}
	g_assert_cmpuint(image.end, ==, last);
}

static void test_truncation(void)
{
	g_autoptr(GByteArray) whole = build_elf(&build_elf_linux);

	for (guint size = 1; size < whole->len; size += size < 512 ? 1 : 97) {
		g_autoptr(GByteArray) part = g_byte_array_new();

		g_byte_array_append(part, whole->data, size);
		assert_sound(part);
	}
}

static void test_bit_flips(void)
{
	g_autoptr(GByteArray) bytes = build_elf(&build_elf_linux);
	guint note = bytes->len - 48;

	for (guint bit = 0; bit < (64 + 5 * 56) * 8; bit++) {
		bytes->data[bit / 8] ^= (guint8)(1u << (bit % 8));
		assert_sound(bytes);
		bytes->data[bit / 8] ^= (guint8)(1u << (bit % 8));
	}
	for (guint bit = note * 8; bit < bytes->len * 8; bit++) {
		bytes->data[bit / 8] ^= (guint8)(1u << (bit % 8));
		assert_sound(bytes);
		bytes->data[bit / 8] ^= (guint8)(1u << (bit % 8));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/elf/linux", test_linux);
	g_test_add_func("/boot/elf/order", test_order);
	g_test_add_func("/boot/elf/entries", test_entries);
	g_test_add_func("/boot/elf/architecture", test_architecture);
	g_test_add_func("/boot/elf/broken", test_broken);
	g_test_add_func("/boot/elf/truncation", test_truncation);
	g_test_add_func("/boot/elf/bit-flips", test_bit_flips);
	return g_test_run();
}
