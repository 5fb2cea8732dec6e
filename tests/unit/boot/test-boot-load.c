/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <asm/bootparam.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "boot_layout.h"
#include "fake_partition.h"
#include "kernel_builder.h"
#include "memory_map.h"

#define MIB ((uint64_t)1 << 20)

struct fixture {
	struct partition *partition;
	GByteArray *elf, *image, *initrd;
	struct boot_config config;
	struct boot_entry entry;
};

/* A bzImage with its payload, and no initrd. */
static void setup(struct fixture *f, uint64_t memory, const struct build_elf *elf,
		  const struct build_bzimage *image)
{
	const struct partition_properties properties = {.memory_size = memory, .vp_count = 2};
	struct hv_fault fault;

	g_assert_cmpint(partition_create(&properties, &f->partition, &fault), ==,
			HV_STATUS_SUCCESS);
	f->elf = build_elf(elf);
	f->image = image ? build_bzimage(image, f->elf) : NULL;
	f->initrd = NULL;
	f->config = (struct boot_config){
		.kernel_fd = image ? build_file(f->image->data, f->image->len)
				   : build_file(f->elf->data, f->elf->len),
		.payload_fd = image ? build_file(f->elf->data, f->elf->len) : -1,
		.initrd_fd = -1,
		.cmdline = "console=ttyS0 quiet",
		.vp_count = 2,
		.kernel_name = "/boot/vmlinuz",
		.initrd_name = "/boot/initrd",
		.name = "web1",
	};
}

static void add_initrd(struct fixture *f, uint64_t size)
{
	f->initrd = g_byte_array_new();
	g_byte_array_set_size(f->initrd, (guint)size);
	for (guint i = 0; i < f->initrd->len; i++)
		f->initrd->data[i] = (guint8)(i * 31 + (i >> 10));
	f->config.initrd_fd = build_file(f->initrd->data, f->initrd->len);
}

static void teardown(struct fixture *f)
{
	partition_delete(f->partition);
	g_byte_array_unref(f->elf);
	g_clear_pointer(&f->image, g_byte_array_unref);
	g_clear_pointer(&f->initrd, g_byte_array_unref);
	close(f->config.kernel_fd);
	if (f->config.payload_fd >= 0)
		close(f->config.payload_fd);
	if (f->config.initrd_fd >= 0)
		close(f->config.initrd_fd);
}

static void load(struct fixture *f)
{
	g_autoptr(GError) error = NULL;

	boot_load(f->partition, &f->config, &f->entry, &error);
	g_assert_no_error(error);
}

static void assert_refused(struct fixture *f, int code, const char *text)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(boot_load(f->partition, &f->config, &f->entry, &error));
	g_assert_error(error, BOOT_ERROR, code);
	if (!strstr(error->message, text))
		g_error("\"%s\" is not in: %s", text, error->message);
}

static const void *at(const struct fixture *f, uint64_t gpa, uint64_t size)
{
	const void *pointer = partition_gpa_pointer(f->partition, gpa, size);

	g_assert_nonnull(pointer);
	return pointer;
}

/* Each byte of each segment is in place, and what is between them is zero. */
static void assert_loaded(const struct fixture *f, const struct build_elf *elf)
{
	for (size_t i = 0; i < elf->n_segments; i++) {
		const struct build_segment *s = &elf->segments[i];
		uint64_t end = i + 1 < elf->n_segments ? elf->segments[i + 1].address
						       : s->address + s->memory_size + 4096;
		const uint8_t *bytes = at(f, s->address, end - s->address);

		for (uint64_t j = 0; j < end - s->address; j++) {
			uint8_t want = j < s->file_size ? build_byte(i, j) : 0;

			if (bytes[j] != want)
				g_error("segment %zu byte 0x%" G_GINT64_MODIFIER
					"x is %02x, not %02x",
					i, j, bytes[j], want);
		}
	}
}

static void assert_e820(const struct boot_params *params, const struct memory_range *want, size_t n)
{
	g_assert_cmpuint(params->e820_entries, ==, n);
	for (size_t i = 0; i < n; i++) {
		g_assert_cmphex(params->e820_table[i].addr, ==, want[i].base);
		g_assert_cmphex(params->e820_table[i].size, ==, want[i].size);
		g_assert_cmpuint(params->e820_table[i].type, ==, want[i].type);
	}
}

static void test_linux64(void)
{
	static const struct memory_range map[] = {
		{0, 0x9fc00, MEMORY_RAM},
		{0x9fc00, 0x400, MEMORY_RESERVED},
		{0xe0000, 0x20000, MEMORY_RESERVED},
		{0x100000, 127 * MIB, MEMORY_RAM},
	};
	struct fixture f;
	const struct boot_params *params;

	setup(&f, 128 * MIB, &build_elf_linux, &build_bzimage_default);
	add_initrd(&f, 3 * MIB + 5);
	load(&f);
	g_assert_cmpint(f.entry.protocol, ==, BOOT_LINUX64);
	g_assert_cmphex(f.entry.rip, ==, 0x1000000);
	assert_loaded(&f, &build_elf_linux);

	params = at(&f, f.entry.parameters, sizeof(*params));
	assert_e820(params, map, G_N_ELEMENTS(map));
	/* the header is the file's, but for what the loader fills in */
	g_assert_cmphex(params->hdr.version, ==, 0x020f);
	g_assert_cmphex(params->hdr.xloadflags, ==, build_bzimage_default.xloadflags);
	g_assert_cmpuint(params->hdr.setup_sects, ==, 27);
	g_assert_cmphex(params->hdr.type_of_loader, ==, 0xff);
	g_assert_cmpuint(params->sentinel, ==, 0);
	g_assert_cmpstr(at(&f, params->hdr.cmd_line_ptr, 64), ==, "console=ttyS0 quiet");
	g_assert_cmphex(params->acpi_rsdp_addr, ==, 0xe0000);
	g_assert_true(memcmp(at(&f, params->acpi_rsdp_addr, 8), "RSD PTR ", 8) == 0);
	g_assert_true(memcmp(at(&f, 0xf0000, 5), "_SM3_", 5) == 0);

	g_assert_cmphex(params->hdr.ramdisk_image, ==, (128 * MIB - (3 * MIB + 5)) & ~4095ull);
	g_assert_cmpuint(params->hdr.ramdisk_size, ==, 3 * MIB + 5);
	g_assert_cmpuint(params->ext_ramdisk_image, ==, 0);
	g_assert_true(memcmp(at(&f, params->hdr.ramdisk_image, f.initrd->len), f.initrd->data,
			     f.initrd->len) == 0);
	teardown(&f);
}

/* Walks the page tables as the processor does. */
static uint64_t translate(const struct fixture *f, uint64_t address)
{
	const uint64_t *table = at(f, f->entry.page_table, 4096);
	uint64_t entry = table[address >> 39 & 511];

	g_assert_cmpuint(entry & 3, ==, 3);
	table = at(f, entry & ~0xfffull, 4096);
	entry = table[address >> 30 & 511];
	g_assert_cmpuint(entry & 0x83, ==, 3);
	table = at(f, entry & ~0xfffull, 4096);
	entry = table[address >> 21 & 511];
	g_assert_cmpuint(entry & 0x83, ==, 0x83);
	return (entry & ~0x1fffffull) + (address & 0x1fffff);
}

static void test_page_tables(void)
{
	struct fixture f;

	setup(&f, 128 * MIB, &build_elf_linux, &build_bzimage_default);
	load(&f);
	for (uint64_t address = 0; address < 4096 * MIB; address += 2 * MIB - 1)
		g_assert_cmphex(translate(&f, address), ==, address);
	teardown(&f);
}

static void test_registers_linux64(void)
{
	struct hv_fault fault;
	struct fixture f;
	struct vp *vp;
	union hv_register_value cs;
	uint64_t descriptor;

	setup(&f, 128 * MIB, &build_elf_linux, &build_bzimage_default);
	load(&f);
	g_assert_cmpint(vp_create(f.partition, 0, &vp, &fault), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(boot_set_registers(vp, &f.entry), ==, HV_STATUS_SUCCESS);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_RIP).reg64, ==, 0x1000000);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_RSI).reg64, ==, f.entry.parameters);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_CR3).reg64, ==, f.entry.page_table);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_CR0).reg64 & 0x80000001, ==,
			0x80000001);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_CR4).reg64 & 0x20, ==, 0x20);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_EFER).reg64, ==, 0x500);
	/* no interrupts */
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_RFLAGS).reg64, ==, 2);
	cs = fake_vp_register(vp, HV_X64_REGISTER_CS);
	g_assert_cmphex(cs.segment.selector, ==, 0x10);
	g_assert_cmphex(cs.segment.attributes, ==, 0xa09b);
	/* the descriptor in the table says what is in the register */
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_GDTR).table.base, ==, f.entry.gdt);
	memcpy(&descriptor, at(&f, f.entry.gdt + cs.segment.selector, 8), 8);
	g_assert_cmphex(descriptor >> 40 & 0xf0ff, ==, cs.segment.attributes);
	memcpy(&descriptor, at(&f, f.entry.gdt + 0x18, 8), 8);
	g_assert_cmphex(descriptor >> 40 & 0xf0ff, ==,
			fake_vp_register(vp, HV_X64_REGISTER_DS).segment.attributes);
	teardown(&f);
}

/* Xen, docs/misc/pvh.pandoc: protected mode without paging, EBX at hvm_start_info. */
static void test_pvh(void)
{
	struct hv_fault fault;
	struct fixture f;
	struct vp *vp;
	const uint32_t *info;
	const uint64_t *wide, *module, *map;

	setup(&f, 128 * MIB, &build_elf_linux, NULL);
	add_initrd(&f, MIB);
	load(&f);
	g_assert_cmpint(f.entry.protocol, ==, BOOT_PVH);
	g_assert_cmphex(f.entry.rip, ==, 0x1000040);
	assert_loaded(&f, &build_elf_linux);
	info = at(&f, f.entry.parameters, 56);
	wide = (const uint64_t *)info;
	g_assert_cmphex(info[0], ==, 0x336ec578);
	g_assert_cmpuint(info[1], ==, 1);
	g_assert_cmpuint(info[3], ==, 1);
	module = at(&f, wide[2], 32);
	g_assert_cmphex(module[0], ==, 127 * MIB);
	g_assert_cmphex(module[1], ==, MIB);
	g_assert_cmpstr(at(&f, wide[3], 64), ==, "console=ttyS0 quiet");
	g_assert_cmphex(wide[4], ==, 0xe0000);
	g_assert_cmpuint(info[12], ==, 4);
	map = at(&f, wide[5], (uint64_t)info[12] * 24);
	g_assert_cmphex(map[9], ==, 0x100000);
	g_assert_cmphex(map[10], ==, 127 * MIB);
	g_assert_cmphex(map[11], ==, 1);

	g_assert_cmpint(vp_create(f.partition, 0, &vp, &fault), ==, HV_STATUS_SUCCESS);
	g_assert_cmpint(boot_set_registers(vp, &f.entry), ==, HV_STATUS_SUCCESS);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_RBX).reg64, ==, f.entry.parameters);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_CR0).reg64 & 0x80000001, ==, 1);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_CR4).reg64, ==, 0);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_CS).segment.attributes, ==, 0xc09b);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_TR).segment.attributes, ==, 0x8b);
	g_assert_cmphex(fake_vp_register(vp, HV_X64_REGISTER_TR).segment.limit, ==, 0x67);
	teardown(&f);
}

/* A plain ELF without a PVH note is entered as Linux, with a header made up for it. */
static void test_plain_elf(void)
{
	struct build_elf elf = build_elf_linux;
	const struct boot_params *params;
	struct fixture f;

	elf.pvh_entry = 0;
	setup(&f, 64 * MIB, &elf, NULL);
	load(&f);
	g_assert_cmpint(f.entry.protocol, ==, BOOT_LINUX64);
	params = at(&f, f.entry.parameters, sizeof(*params));
	g_assert_cmphex(params->hdr.boot_flag, ==, 0xaa55);
	g_assert_cmphex(params->hdr.header, ==, 0x53726448);
	g_assert_cmphex(params->hdr.version, ==, 0x020f);
	g_assert_cmpuint(params->hdr.ramdisk_size, ==, 0);
	teardown(&f);

	elf.entry = 0xffffffff81000000;
	setup(&f, 64 * MIB, &elf, NULL);
	assert_refused(&f, BOOT_ERROR_IMAGE, "neither a 64-bit entry");
	teardown(&f);
}

/* Segments that cannot be mapped, or not whole, arrive all the same. */
static void test_unaligned_segments(void)
{
	const struct build_elf elf = {
		.entry = 0x100123,
		.n_segments = 4,
		.segments = {{0x100123, 0x5001, 0x5001, 0x123}, /* congruent, with head and tail */
			     {0x110000, 0x2345, 0x3000, 0x10},	/* not congruent */
			     {0x120ff0, 0x8, 0x8, 0xff0},	/* less than a page */
			     {0x130010, 0x1ff0, 0x2010, 0x10}}, /* ends on a page */
	};
	struct fixture f;

	setup(&f, 16 * MIB, &elf, &build_bzimage_default);
	load(&f);
	assert_loaded(&f, &elf);
	teardown(&f);
	setup(&f, 16 * MIB, &elf, NULL);
	load(&f);
	assert_loaded(&f, &elf);
	teardown(&f);
}

/* The guest's writes stay in the partition: the cached payload is shared. */
static void test_payload_unchanged(void)
{
	struct fixture f;
	g_autofree uint8_t *after = NULL;

	setup(&f, 128 * MIB, &build_elf_linux, &build_bzimage_default);
	load(&f);
	memset(partition_gpa_pointer(f.partition, 0x1000000, 0x6000), 0x55, 0x6000);
	after = g_malloc(f.elf->len);
	g_assert_cmpint(pread(f.config.payload_fd, after, f.elf->len, 0), ==, f.elf->len);
	g_assert_true(memcmp(after, f.elf->data, f.elf->len) == 0);
	teardown(&f);
}

/* Whether a change of the file shows in RAM at gpa: the page is the file's, not a copy. */
static gboolean shows(const struct fixture *f, int fd, uint64_t gpa, uint64_t offset)
{
	const volatile uint8_t *ram = at(f, gpa, 1);
	uint8_t before = *ram, changed = before ^ 0xff;

	g_assert_cmpint(pwrite(fd, &changed, 1, (off_t)offset), ==, 1);
	return *ram != before;
}

/* Whole pages of the cached payload are mapped; the rest, and all of a user's ELF, is copied. */
static void test_sharing(void)
{
	const struct build_elf elf = {
		.entry = 0x100123,
		.pvh_entry = 0x100123,
		.n_segments = 1,
		.segments = {{0x100123, 0x5001, 0x5001, 0x123}},
	};
	uint64_t offset = 0x1000; /* of 0x100000 in the file */
	struct fixture f;

	setup(&f, 16 * MIB, &elf, &build_bzimage_default);
	load(&f);
	g_assert_false(shows(&f, f.config.payload_fd, 0x100200, offset + 0x200));
	g_assert_true(shows(&f, f.config.payload_fd, 0x101000, offset + 0x1000));
	g_assert_true(shows(&f, f.config.payload_fd, 0x104fff, offset + 0x4fff));
	g_assert_false(shows(&f, f.config.payload_fd, 0x105000, offset + 0x5000));
	teardown(&f);
	setup(&f, 16 * MIB, &elf, NULL);
	load(&f);
	g_assert_false(shows(&f, f.config.kernel_fd, 0x101000, offset + 0x1000));
	teardown(&f);
}

static void test_initrd_limit(void)
{
	struct build_bzimage image = build_bzimage_default;
	const struct boot_params *params;
	struct fixture f;

	image.initrd_addr_max = 0x37ffffff;
	setup(&f, 1024 * MIB, &build_elf_linux, &image);
	add_initrd(&f, 4096);
	load(&f);
	params = at(&f, f.entry.parameters, sizeof(*params));
	g_assert_cmphex(params->hdr.ramdisk_image, ==, 0x38000000 - 4096);
	teardown(&f);
}

/* Where low memory has no room, a kernel that allows it finds its initrd above 4 GiB. */
static void test_initrd_high(void)
{
	struct build_bzimage image = build_bzimage_default;
	const struct boot_params *params;
	struct fixture f;

	image.initrd_addr_max = 0x1100000;
	setup(&f, 5120 * MIB, &build_elf_linux, &image);
	add_initrd(&f, 2 * MIB);
	load(&f);
	params = at(&f, f.entry.parameters, sizeof(*params));
	g_assert_cmphex(params->ext_ramdisk_image, ==, 1);
	g_assert_cmphex(params->hdr.ramdisk_image, ==, 0x80000000 - 2 * MIB);
	g_assert_true(memcmp(at(&f, 0x180000000 - 2 * MIB, 2 * MIB), f.initrd->data, 2 * MIB) == 0);
	teardown(&f);

	image.xloadflags = XLF_KERNEL_64;
	setup(&f, 5120 * MIB, &build_elf_linux, &image);
	add_initrd(&f, 2 * MIB);
	assert_refused(&f, BOOT_ERROR_ROOM, "do not fit");
	teardown(&f);
}

static void test_room(void)
{
	struct fixture f;

	setup(&f, 16 * MIB, &build_elf_linux, &build_bzimage_default);
	assert_refused(&f, BOOT_ERROR_ROOM,
		       "kernel /boot/vmlinuz: it takes memory up to 17 MiB and the virtual machine "
		       "has 16 MiB; give it more than 17 MiB");
	teardown(&f);
	setup(&f, 1 * MIB, &build_elf_linux, &build_bzimage_default);
	assert_refused(&f, BOOT_ERROR_ROOM, "give it more than 17 MiB");
	teardown(&f);
	setup(&f, 20 * MIB, &build_elf_linux, &build_bzimage_default);
	add_initrd(&f, 4 * MIB);
	assert_refused(&f, BOOT_ERROR_ROOM,
		       "initrd /boot/initrd: its 4 MiB do not fit beside the kernel, which ends at "
		       "17 MiB, in the virtual machine's 20 MiB; give it more memory");
	teardown(&f);
}

static void test_load_address(void)
{
	struct build_elf elf = {
		.entry = 0x8000, .n_segments = 1, .segments = {{0x8000, 16, 16, 0}}};
	struct fixture f;

	setup(&f, 16 * MIB, &elf, NULL);
	assert_refused(&f, BOOT_ERROR_IMAGE, "at 0x8000, below 1 MiB");
	teardown(&f);
	elf.entry = elf.segments[0].address = 0x100000000;
	setup(&f, 5120 * MIB, &elf, NULL);
	assert_refused(&f, BOOT_ERROR_IMAGE, "above all low memory");
	teardown(&f);
}

static void test_cmdline(void)
{
	struct build_bzimage image = build_bzimage_default;
	g_autofree char *text = g_strnfill(2047, 'x');
	g_autofree char *longer = g_strnfill(2048, 'x');
	struct fixture f;

	setup(&f, 64 * MIB, &build_elf_linux, &image);
	f.config.cmdline = text;
	load(&f);
	g_assert_cmpstr(at(&f, BOOT_CMDLINE, 2048), ==, text);
	f.config.cmdline = longer;
	assert_refused(&f, BOOT_ERROR_IMAGE,
		       "the command line has 2048 bytes and this kernel takes 2047; shorten it");
	teardown(&f);

	image.cmdline_size = 255;
	setup(&f, 64 * MIB, &build_elf_linux, &image);
	f.config.cmdline = text;
	assert_refused(&f, BOOT_ERROR_IMAGE, "this kernel takes 255");
	f.config.cmdline = NULL;
	load(&f);
	g_assert_cmpstr(at(&f, BOOT_CMDLINE, 1), ==, "");
	teardown(&f);
}

static void test_files(void)
{
	struct fixture f;

	setup(&f, 64 * MIB, &build_elf_linux, &build_bzimage_default);
	close(f.config.payload_fd);
	f.config.payload_fd = -1;
	assert_refused(&f, BOOT_ERROR_IMAGE, "its payload was not unpacked");
	f.config.initrd_fd = build_file("", 0);
	f.config.payload_fd = build_file(f.elf->data, f.elf->len);
	assert_refused(&f, BOOT_ERROR_IMAGE, "initrd /boot/initrd: the file is empty");
	teardown(&f);
}

/* What the map says for RAM sizes below, at and above the hole. */
static void test_memory_map(void)
{
	static const struct {
		uint64_t memory;
		uint64_t low_end, high_size;
	} cases[] = {
		{1 * MIB, 1 * MIB, 0},
		{128 * MIB, 128 * MIB, 0},
		{3072 * MIB, PARTITION_LOW_LIMIT, 0},
		{3073 * MIB, PARTITION_LOW_LIMIT, 1 * MIB},
		{5120 * MIB, PARTITION_LOW_LIMIT, 2048 * MIB},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct gpa_range ram[] = {{0, cases[i].low_end},
						{PARTITION_HIGH_BASE, cases[i].high_size}};
		uint64_t total = 0, end = 0;
		struct memory_map map;

		memory_map_build(ram, cases[i].high_size ? 2 : 1, &map);
		for (size_t j = 0; j < map.n; j++) {
			g_assert_cmphex(map.ranges[j].base, >=, end);
			end = map.ranges[j].base + map.ranges[j].size;
			if (map.ranges[j].type == MEMORY_RAM)
				total += map.ranges[j].size;
		}
		/* all RAM is told, but what lies under the EBDA, VGA and the firmware */
		g_assert_cmpuint(total, ==, cases[i].memory - (0x100000 - 0x9fc00));
		g_assert_cmphex(end, ==,
				cases[i].high_size ? PARTITION_HIGH_BASE + cases[i].high_size
						   : cases[i].low_end);
	}
}

/* Nothing that happens to the files does more than fail the load. */
static void test_mutations(void)
{
	struct fixture f;
	guint header = 0x268;

	setup(&f, 32 * MIB, &build_elf_linux, &build_bzimage_default);
	for (guint bit = 0; bit < header * 8; bit += bit < 0x1f0 * 8 ? 97 : 1) {
		g_autoptr(GError) error = NULL;
		guint8 byte = f.image->data[bit / 8] ^ (guint8)(1u << (bit % 8));

		g_assert_cmpint(pwrite(f.config.kernel_fd, &byte, 1, bit / 8), ==, 1);
		g_assert_true(boot_load(f.partition, &f.config, &f.entry, &error) ==
			      (error == NULL));
		g_assert_cmpint(pwrite(f.config.kernel_fd, f.image->data + bit / 8, 1, bit / 8), ==,
				1);
	}
	teardown(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/load/linux64", test_linux64);
	g_test_add_func("/boot/load/page-tables", test_page_tables);
	g_test_add_func("/boot/load/registers-linux64", test_registers_linux64);
	g_test_add_func("/boot/load/pvh", test_pvh);
	g_test_add_func("/boot/load/plain-elf", test_plain_elf);
	g_test_add_func("/boot/load/unaligned-segments", test_unaligned_segments);
	g_test_add_func("/boot/load/payload-unchanged", test_payload_unchanged);
	g_test_add_func("/boot/load/sharing", test_sharing);
	g_test_add_func("/boot/load/initrd-limit", test_initrd_limit);
	g_test_add_func("/boot/load/initrd-high", test_initrd_high);
	g_test_add_func("/boot/load/room", test_room);
	g_test_add_func("/boot/load/load-address", test_load_address);
	g_test_add_func("/boot/load/cmdline", test_cmdline);
	g_test_add_func("/boot/load/files", test_files);
	g_test_add_func("/boot/load/memory-map", test_memory_map);
	g_test_add_func("/boot/load/mutations", test_mutations);
	return g_test_run();
}
