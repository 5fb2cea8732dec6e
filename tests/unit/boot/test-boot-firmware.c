/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables as a guest reads them: from the RSDP on, by address; and what iasl makes of them. */
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "acpi_tables.h"
#include "acpi_wire.h"
#include "boot.h"
#include "smbios.h"

#define BASE	  0xe0000u
#define AREA_SIZE 0x10000u

struct area {
	uint8_t bytes[AREA_SIZE];
	size_t used;
};

static struct area *area_build(uint32_t vp_count)
{
	struct area *area = g_new(struct area, 1);

	memset(area->bytes, 0xa5, sizeof(area->bytes));
	area->used = acpi_tables_build(vp_count, true, BASE, area->bytes, sizeof(area->bytes));
	g_assert_cmpuint(area->used, >, 0);
	return area;
}

static unsigned int sum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	unsigned int total = 0;

	for (size_t i = 0; i < size; i++)
		total += bytes[i];
	return total & 0xff;
}

static const void *area_at(const struct area *area, uint64_t gpa, size_t size)
{
	g_assert_cmphex(gpa, >=, BASE);
	g_assert_cmphex(gpa + size, <=, BASE + area->used);
	return area->bytes + (gpa - BASE);
}

/* The table at gpa, whole, its checksum right. */
static const void *table_at(const struct area *area, uint64_t gpa, const char *signature)
{
	const struct acpi_header *header = area_at(area, gpa, sizeof(*header));

	area_at(area, gpa, header->length);
	g_assert_true(memcmp(header->signature, signature, 4) == 0);
	g_assert_cmpuint(sum(header, header->length), ==, 0);
	return header;
}

/* The table that XSDT and RSDT name at this index. */
static const void *rooted_table(const struct area *area, size_t index, const char *signature)
{
	const struct acpi_rsdp *rsdp = area_at(area, BASE, sizeof(*rsdp));
	const struct acpi_header *rsdt = table_at(area, rsdp->rsdt_address, "RSDT");
	const struct acpi_header *xsdt = table_at(area, rsdp->xsdt_address, "XSDT");
	uint32_t narrow;
	uint64_t wide;

	g_assert_cmpuint((rsdt->length - sizeof(*rsdt)) / 4, ==,
			 (xsdt->length - sizeof(*xsdt)) / 8);
	memcpy(&narrow, (const uint8_t *)(rsdt + 1) + index * 4, 4);
	memcpy(&wide, (const uint8_t *)(xsdt + 1) + index * 8, 8);
	g_assert_cmphex(narrow, ==, wide);
	return table_at(area, wide, signature);
}

static void test_rsdp(void)
{
	g_autofree struct area *area = area_build(1);
	const struct acpi_rsdp *rsdp = area_at(area, BASE, sizeof(*rsdp));

	g_assert_true(memcmp(rsdp->signature, "RSD PTR ", 8) == 0);
	g_assert_cmpuint(rsdp->revision, ==, 2);
	g_assert_cmpuint(sum(rsdp, 20), ==, 0);
	g_assert_cmpuint(sum(rsdp, 36), ==, 0);
}

static void test_fadt(void)
{
	g_autofree struct area *area = area_build(4);
	const struct acpi_fadt *fadt = rooted_table(area, 0, "FACP");
	const struct acpi_facs *facs = area_at(area, fadt->firmware_ctrl, sizeof(*facs));

	g_assert_cmpuint(fadt->header.length, ==, 276);
	g_assert_cmpuint(fadt->header.revision, ==, 6);
	g_assert_cmphex(fadt->x_dsdt, ==, fadt->dsdt);
	table_at(area, fadt->x_dsdt, "DSDT");
	g_assert_true(memcmp(facs->signature, "FACS", 4) == 0);
	g_assert_cmpuint(facs->length, ==, 64);
	g_assert_cmpuint(fadt->firmware_ctrl % 64, ==, 0);
	g_assert_cmpuint(fadt->sci_int, ==, 9);
	/* both forms of every block agree */
	g_assert_cmphex(fadt->x_pm1a_evt_blk.address, ==, fadt->pm1a_evt_blk);
	g_assert_cmphex(fadt->pm1a_evt_blk, ==, 0x600);
	g_assert_cmpuint(fadt->x_pm1a_evt_blk.bit_width, ==, fadt->pm1_evt_len * UINT64_C(8));
	g_assert_cmphex(fadt->x_pm1a_cnt_blk.address, ==, fadt->pm1a_cnt_blk);
	g_assert_cmphex(fadt->pm1a_cnt_blk, ==, 0x604);
	g_assert_cmpuint(fadt->x_pm1a_cnt_blk.bit_width, ==, fadt->pm1_cnt_len * UINT64_C(8));
	g_assert_cmphex(fadt->x_pm_tmr_blk.address, ==, fadt->pm_tmr_blk);
	g_assert_cmphex(fadt->pm_tmr_blk, ==, 0x608);
	g_assert_cmpuint(fadt->x_pm_tmr_blk.bit_width, ==, fadt->pm_tmr_len * UINT64_C(8));
	g_assert_cmphex(fadt->x_gpe0_blk.address, ==, 0x620);
	g_assert_cmpuint(fadt->x_gpe0_blk.bit_width, ==, fadt->gpe0_blk_len * UINT64_C(8));
	g_assert_cmphex(fadt->reset_reg.address, ==, 0xcf9);
	g_assert_cmpuint(fadt->reset_reg.space, ==, 1);
	g_assert_cmphex(fadt->reset_value, ==, 6);
	g_assert_cmphex(fadt->flags & (1u << 10), !=, 0); /* the reset register works */
	g_assert_cmphex(fadt->flags & (1u << 8), !=, 0);  /* 32-bit timer */
	g_assert_cmphex(fadt->flags & (1u << 4), ==, 0);  /* fixed power button */
	g_assert_cmphex(fadt->flags & (1u << 20), ==, 0); /* not hardware-reduced */
	g_assert_cmphex(fadt->century, ==, 0x32);
	g_assert_cmphex(fadt->iapc_boot_arch, ==, 1u << 2);
}

struct madt_count {
	uint32_t lapics, ioapics, overrides, nmis;
};

static void madt_visit(const uint8_t *entry, struct madt_count *count)
{
	const struct acpi_madt_lapic *lapic = (const void *)entry;
	const struct acpi_madt_override *override = (const void *)entry;

	switch (entry[0]) {
	case 0:
		g_assert_cmpuint(lapic->apic_id, ==, count->lapics);
		g_assert_cmpuint(lapic->flags, ==, 1);
		count->lapics++;
		break;
	case 1:
		g_assert_cmphex(((const struct acpi_madt_ioapic *)lapic)->address, ==, 0xfec00000);
		count->ioapics++;
		break;
	case 2:
		/* the SCI's, and none of IRQ 0: KVM takes the PIT to pin 0 */
		g_assert_cmpuint(override->source, ==, MACHINE_SCI_GSI);
		g_assert_cmpuint(override->gsi, ==, MACHINE_SCI_GSI);
		g_assert_cmphex(override->flags, ==, 0xd);
		count->overrides++;
		break;
	default:
		g_assert_cmpuint(entry[0], ==, 4);
		count->nmis++;
	}
}

static void test_madt(void)
{
	static const uint32_t counts[] = {1, 2, 8, PARTITION_MAX_VPS};

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
		g_autofree struct area *area = area_build(counts[i]);
		const struct acpi_madt *madt = rooted_table(area, 1, "APIC");
		const uint8_t *entry = (const uint8_t *)(madt + 1);
		const uint8_t *end = (const uint8_t *)madt + madt->header.length;
		struct madt_count count = {0};

		g_assert_cmphex(madt->lapic_address, ==, 0xfee00000);
		while (entry < end) {
			g_assert_cmpuint(entry[1], >=, 2);
			madt_visit(entry, &count);
			entry += entry[1];
		}
		g_assert_true(entry == end);
		g_assert_cmpuint(count.lapics, ==, counts[i]);
		g_assert_cmpuint(count.ioapics, ==, 1);
		g_assert_cmpuint(count.overrides, ==, 1);
		g_assert_cmpuint(count.nmis, ==, 1);
	}
}

static void test_no_room(void)
{
	g_autofree struct area *area = area_build(8);
	g_autofree uint8_t *bytes = g_malloc(area->used);

	for (size_t size = 0; size < area->used; size++)
		g_assert_cmpuint(acpi_tables_build(8, true, BASE, bytes, size), ==, 0);
	g_assert_cmpuint(acpi_tables_build(8, true, BASE, bytes, area->used), ==, area->used);
	g_assert_cmpuint(acpi_tables_build(PARTITION_MAX_VPS + 1, true, BASE, bytes, area->used),
			 ==, 0);
}

/* iasl reads the table without a complaint; its source. */
static char *disassemble(const void *table, const char *name)
{
	const struct acpi_header *header = table;
	g_autofree char *dir = g_dir_make_tmp("vmms-acpi-XXXXXX", NULL);
	g_autofree char *aml = g_strdup_printf("%s/%s.aml", dir, name);
	g_autofree char *dsl = g_strdup_printf("%s/%s.dsl", dir, name);
	g_autofree char *output = NULL;
	g_autoptr(GError) error = NULL;
	char *argv[] = {(char *)(uintptr_t)IASL, (char *)(uintptr_t) "-d", aml, NULL};
	char *source = NULL;
	int status;

	g_assert_true(g_file_set_contents(aml, table, (gssize)header->length, &error));
	g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, &output,
		     &status, &error);
	g_assert_no_error(error);
	g_assert_true(g_spawn_check_wait_status(status, &error));
	g_assert_null(strstr(output, "Warning"));
	g_assert_null(strstr(output, "Error"));
	g_assert_null(strstr(output, "Invalid"));
	g_assert_true(g_file_get_contents(dsl, &source, NULL, &error));
	g_unlink(aml);
	g_unlink(dsl);
	g_rmdir(dir);
	return source;
}

static void assert_in(const char *source, const char *text)
{
	if (!strstr(source, text))
		g_error("\"%s\" is not in:\n%s", text, source);
}

static void test_iasl(void)
{
	g_autofree struct area *area = area_build(2);
	const struct acpi_rsdp *rsdp = area_at(area, BASE, sizeof(*rsdp));
	const struct acpi_fadt *fadt = rooted_table(area, 0, "FACP");
	g_autofree char *xsdt = disassemble(table_at(area, rsdp->xsdt_address, "XSDT"), "xsdt");
	g_autofree char *facp = disassemble(fadt, "facp");
	g_autofree char *apic = disassemble(rooted_table(area, 1, "APIC"), "apic");
	g_autofree char *dsdt = disassemble(table_at(area, fadt->x_dsdt, "DSDT"), "dsdt");

	assert_in(xsdt, "ACPI Table Address   0 : 00000000000E");
	assert_in(facp, "Reset Register Supported (V2) : 1");
	assert_in(facp, "8042 Present on ports 60/64 (V2) : 0");
	assert_in(facp, "CMOS RTC Not Present (V5) : 0");
	assert_in(facp, "Use Platform Timer (V4) : 0");
	assert_in(apic, "Processor Enabled : 1");
	assert_in(dsdt, "Name (_S5");
	assert_in(dsdt, "0x05,");
	g_assert_cmpuint(MACHINE_S5_SLP_TYP, ==, 5);
	assert_in(dsdt, "Name (_S4");
	assert_in(dsdt, "0x04,");
	g_assert_cmpuint(MACHINE_S4_SLP_TYP, ==, 4);
	g_assert_null(strstr(dsdt, "Name (_S3"));
	/* the resources are those of boot.h */
	assert_in(dsdt, "0x03F8,");
	assert_in(dsdt, "{4}");
	assert_in(dsdt, "0x02F8,");
	assert_in(dsdt, "{3}");
	assert_in(dsdt, "PNP0B00");
	assert_in(dsdt, "0x0070,");
	/* VMBus, in a module device with a window that is nobody else's */
	assert_in(dsdt, "\"ACPI0004\"");
	assert_in(dsdt, "\"MSFT1000\"");
	assert_in(dsdt, "\"VMBus\"");
	assert_in(dsdt, "DWordMemory (ResourceProducer");
	assert_in(dsdt, "0xF8000000,");
	assert_in(dsdt, "0xFEBFFFFF,");
	assert_in(dsdt, "0x06C00000,");
	g_assert_true(strstr(dsdt, "\"ACPI0004\"") < strstr(dsdt, "\"MSFT1000\""));
	g_assert_cmphex(MACHINE_VMBUS_MMIO_BASE, ==, 0xf8000000);
	g_assert_cmphex(MACHINE_VMBUS_MMIO_END, ==, 0xfebfffff + 1u);
	g_assert_cmphex(MACHINE_VMBUS_MMIO_END - MACHINE_VMBUS_MMIO_BASE, ==, 0x06c00000);
	g_assert_cmphex(MACHINE_VMBUS_MMIO_BASE, >=, PARTITION_LOW_LIMIT);
	g_assert_cmphex(MACHINE_VMBUS_MMIO_END, <=, MACHINE_IOAPIC_BASE);
	g_assert_cmphex(MACHINE_VMBUS_MMIO_END, <=, MACHINE_LAPIC_BASE);
	g_assert_cmpuint(MACHINE_COM1_PORT, ==, 0x3f8);
	g_assert_cmpuint(MACHINE_COM2_PORT, ==, 0x2f8);
	g_assert_cmpuint(MACHINE_RTC_PORT, ==, 0x70);
}

/* String `index` (from 1) of the SMBIOS structure. */
static const char *smbios_string(const uint8_t *structure, uint8_t index)
{
	const char *text = (const char *)structure + structure[1];

	while (--index > 0)
		text += strlen(text) + 1;
	return text;
}

static const uint8_t *smbios_next(const uint8_t *structure)
{
	const uint8_t *at = structure + structure[1];

	while (at[0] || at[1])
		at++;
	return at + 2;
}

static void test_smbios(void)
{
	static const uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
					 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	static const uint8_t wire[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
					 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	static const uint8_t types[] = {0, 1, 3, 16, 127};
	const struct smbios_config config = {.name = "web1", .uuid = uuid, .memory_size = 1 << 30};
	uint8_t area[SMBIOS_MAX];
	size_t used = smbios_build(&config, 0xf0000, area);
	const uint8_t *structure = area + 32;
	uint64_t table;
	uint32_t size;

	g_assert_true(memcmp(area, "_SM3_", 5) == 0);
	g_assert_cmpuint(area[6], ==, 24);
	g_assert_cmpuint(sum(area, 24), ==, 0);
	memcpy(&size, area + 12, 4);
	memcpy(&table, area + 16, 8);
	g_assert_cmphex(table, ==, 0xf0020);
	g_assert_cmpuint(size, ==, used - 32);
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		g_assert_cmpuint(structure[0], ==, types[i]);
		if (types[i] == 0) /* a date that Linux takes for a machine with sane PCI */
			g_assert_cmpint(strtol(smbios_string(structure, 3) + 6, NULL, 10), >, 2001);
		if (types[i] == 1) {
			g_assert_cmpstr(smbios_string(structure, structure[7]), ==, "web1");
			g_assert_true(memcmp(structure + 8, wire, 16) == 0);
		}
		structure = smbios_next(structure);
	}
	g_assert_true(structure == area + used);
}

static void test_smbios_bounds(void)
{
	g_autofree char *name = g_strnfill(5000, 'n');
	const struct smbios_config config = {.name = name, .memory_size = UINT64_MAX};
	const struct smbios_config none = {.name = NULL};
	uint8_t area[SMBIOS_MAX];
	const uint8_t *system;

	g_assert_cmpuint(smbios_build(&config, 0xf0000, area), <=, SMBIOS_MAX);
	system = smbios_next(area + 32);
	g_assert_cmpuint(strlen(smbios_string(system, system[7])), ==, 64);
	smbios_build(&none, 0xf0000, area);
	system = smbios_next(area + 32);
	g_assert_cmpuint(system[7], ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/acpi/rsdp", test_rsdp);
	g_test_add_func("/boot/acpi/fadt", test_fadt);
	g_test_add_func("/boot/acpi/madt", test_madt);
	g_test_add_func("/boot/acpi/no-room", test_no_room);
	g_test_add_func("/boot/acpi/iasl", test_iasl);
	g_test_add_func("/boot/smbios/structures", test_smbios);
	g_test_add_func("/boot/smbios/bounds", test_smbios_bounds);
	return g_test_run();
}
