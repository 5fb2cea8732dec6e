/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acpi_tables.h"

#include <string.h>

#include "acpi_wire.h"
#include "boot.h"

#define OEM_ID	       "VMMS  "
#define OEM_TABLE_ID   "VMMS    "
#define FADT_REVISION  6u
#define MADT_REVISION  5u
#define SPACE_IO       1u
#define RESET_VALUE    0x06u
#define LATENCY_NONE   0xfffu /* no C2, no C3 */
#define PM1_EVT_LEN    4u
#define PM1_CNT_LEN    2u
#define PM_TMR_LEN     4u
#define GPE0_LEN       8u
#define PM1_CNT_OFFSET 4u
#define PM_TMR_OFFSET  8u

/* FADT flags. PWR_BUTTON (bit 4) stays clear: the power button is the fixed one. */
#define FADT_WBINVD	   (1u << 0)
#define FADT_PROC_C1	   (1u << 2)
#define FADT_SLP_BUTTON	   (1u << 5) /* there is no fixed sleep button */
#define FADT_FIX_RTC	   (1u << 6) /* the RTC does not wake the machine */
#define FADT_TMR_VAL_EXT   (1u << 8)
#define FADT_RESET_REG_SUP (1u << 10)
/* FADT IAPC_BOOT_ARCH: bits 1 (i8042) and 5 (no CMOS RTC) stay clear. */
#define IAPC_NO_VGA (1u << 2)

#define MADT_PCAT_COMPAT 1u
#define MADT_ENABLED	 1u
#define MADT_ANY_UID	 0xffu
#define INTI_LEVEL_HIGH	 0x000du

enum madt_type { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4 };

extern const char acpi_dsdt[];
extern const size_t acpi_dsdt_size;
extern const char acpi_dsdt_plain[]; /* the same without VMBus */
extern const size_t acpi_dsdt_plain_size;

/* The area, filled from the front. */
struct acpi_area {
	uint8_t *bytes;
	size_t size, used;
	uint64_t base;
};

/* Room for a table; NULL when there is none. */
static void *area_take(struct acpi_area *area, size_t size, size_t alignment)
{
	size_t at = (area->used + alignment - 1) & ~(alignment - 1);

	if (at > area->size || size > area->size - at)
		return NULL;
	area->used = at + size;
	return area->bytes + at;
}

static uint32_t area_address(const struct acpi_area *area, const void *table)
{
	return (uint32_t)(area->base + (uint64_t)((const uint8_t *)table - area->bytes));
}

/* What makes the bytes sum to 0. */
static uint8_t checksum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

static void header_fill(struct acpi_header *header, const char *signature, uint8_t revision,
			size_t length)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	header->length = (uint32_t)length;
	header->revision = revision;
	memcpy(header->oem_id, OEM_ID, sizeof(header->oem_id));
	memcpy(header->oem_table_id, OEM_TABLE_ID, sizeof(header->oem_table_id));
	header->oem_revision = 1;
	memcpy(header->creator_id, "VMMS", sizeof(header->creator_id));
	header->creator_revision = 1;
}

static void header_seal(struct acpi_header *header)
{
	header->checksum = 0;
	header->checksum = checksum(header, header->length);
}

static struct acpi_address io_address(uint32_t port, uint8_t bytes, uint8_t access_size)
{
	return (struct acpi_address){.space = SPACE_IO,
				     .bit_width = (uint8_t)(bytes * 8u),
				     .access_size = access_size,
				     .address = port};
}

static void fadt_fill(struct acpi_fadt *fadt, uint32_t facs, uint32_t dsdt)
{
	header_fill(&fadt->header, "FACP", FADT_REVISION, sizeof(*fadt));
	fadt->firmware_ctrl = facs;
	fadt->dsdt = dsdt;
	fadt->x_dsdt = dsdt;
	fadt->sci_int = MACHINE_SCI_GSI;
	fadt->pm1a_evt_blk = MACHINE_PM_BASE;
	fadt->pm1a_cnt_blk = MACHINE_PM_BASE + PM1_CNT_OFFSET;
	fadt->pm_tmr_blk = MACHINE_PM_BASE + PM_TMR_OFFSET;
	fadt->gpe0_blk = MACHINE_GPE_BASE;
	fadt->pm1_evt_len = PM1_EVT_LEN;
	fadt->pm1_cnt_len = PM1_CNT_LEN;
	fadt->pm_tmr_len = PM_TMR_LEN;
	fadt->gpe0_blk_len = GPE0_LEN;
	fadt->p_lvl2_lat = LATENCY_NONE;
	fadt->p_lvl3_lat = LATENCY_NONE;
	fadt->century = MACHINE_RTC_CENTURY;
	fadt->iapc_boot_arch = IAPC_NO_VGA;
	fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
		      FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP;
	fadt->reset_reg = io_address(MACHINE_RESET_PORT, 1, 1);
	fadt->reset_value = RESET_VALUE;
	fadt->x_pm1a_evt_blk = io_address(fadt->pm1a_evt_blk, PM1_EVT_LEN, 2);
	fadt->x_pm1a_cnt_blk = io_address(fadt->pm1a_cnt_blk, PM1_CNT_LEN, 2);
	fadt->x_pm_tmr_blk = io_address(fadt->pm_tmr_blk, PM_TMR_LEN, 3);
	fadt->x_gpe0_blk = io_address(fadt->gpe0_blk, GPE0_LEN, 1);
	header_seal(&fadt->header);
}

/*
 * The entries behind the processors': IOAPIC, SCI, NMI at LINT1. A PC's override of IRQ 0 is
 * absent: KVM's routing, as it is when the irqchip is created, takes the PIT to pin 0.
 */
struct madt_tail {
	struct acpi_madt_ioapic ioapic;
	struct acpi_madt_override sci;
	struct acpi_madt_lapic_nmi nmi;
} ACPI_PACKED;

static void madt_tail_fill(struct madt_tail *tail)
{
	*tail = (struct madt_tail){
		.ioapic = {.type = MADT_IOAPIC,
			   .length = sizeof(tail->ioapic),
			   .address = MACHINE_IOAPIC_BASE},
		.sci = {.type = MADT_OVERRIDE,
			.length = sizeof(tail->sci),
			.source = MACHINE_SCI_GSI,
			.gsi = MACHINE_SCI_GSI,
			.flags = INTI_LEVEL_HIGH},
		.nmi = {.type = MADT_LAPIC_NMI,
			.length = sizeof(tail->nmi),
			.processor_uid = MADT_ANY_UID,
			.lint = 1},
	};
}

static struct acpi_header *madt_build(struct acpi_area *area, uint32_t vp_count)
{
	size_t lapics = sizeof(struct acpi_madt_lapic) * vp_count;
	size_t size = sizeof(struct acpi_madt) + lapics + sizeof(struct madt_tail);
	struct acpi_madt *madt = area_take(area, size, 16);
	struct acpi_madt_lapic *lapic;

	if (!madt)
		return NULL;
	header_fill(&madt->header, "APIC", MADT_REVISION, size);
	madt->lapic_address = MACHINE_LAPIC_BASE;
	madt->flags = MADT_PCAT_COMPAT;
	lapic = (struct acpi_madt_lapic *)(madt + 1);
	for (uint32_t i = 0; i < vp_count; i++)
		lapic[i] = (struct acpi_madt_lapic){.type = MADT_LAPIC,
						    .length = sizeof(*lapic),
						    .processor_uid = (uint8_t)i,
						    .apic_id = (uint8_t)i,
						    .flags = MADT_ENABLED};
	madt_tail_fill((struct madt_tail *)(lapic + vp_count));
	header_seal(&madt->header);
	return &madt->header;
}

/* RSDT and XSDT name the FADT and the MADT; the FADT names the rest. */
#define N_ROOTED 2u
struct acpi_rsdt {
	struct acpi_header header;
	uint32_t tables[N_ROOTED];
} ACPI_PACKED;
struct acpi_xsdt {
	struct acpi_header header;
	uint64_t tables[N_ROOTED];
} ACPI_PACKED;

static void roots_fill(const struct acpi_area *area, struct acpi_rsdp *rsdp, struct acpi_rsdt *rsdt,
		       struct acpi_xsdt *xsdt, const void *const rooted[N_ROOTED])
{
	header_fill(&rsdt->header, "RSDT", 1, sizeof(*rsdt));
	header_fill(&xsdt->header, "XSDT", 1, sizeof(*xsdt));
	for (size_t i = 0; i < N_ROOTED; i++) {
		rsdt->tables[i] = area_address(area, rooted[i]);
		xsdt->tables[i] = area_address(area, rooted[i]);
	}
	header_seal(&rsdt->header);
	header_seal(&xsdt->header);
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->rsdt_address = area_address(area, rsdt);
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt_address = area_address(area, xsdt);
	rsdp->checksum = checksum(rsdp, offsetof(struct acpi_rsdp, length));
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

size_t acpi_tables_build(uint32_t vp_count, bool vmbus, uint64_t base, uint8_t *bytes, size_t size)
{
	struct acpi_area area = {.bytes = bytes, .size = size, .base = base};
	struct acpi_rsdp *rsdp = area_take(&area, sizeof(*rsdp), 16);
	struct acpi_rsdt *rsdt = area_take(&area, sizeof(*rsdt), 16);
	struct acpi_xsdt *xsdt = area_take(&area, sizeof(*xsdt), 16);
	struct acpi_fadt *fadt = area_take(&area, sizeof(*fadt), 16);
	struct acpi_facs *facs = area_take(&area, sizeof(*facs), 64);
	size_t dsdt_size = vmbus ? acpi_dsdt_size : acpi_dsdt_plain_size;
	uint8_t *dsdt = area_take(&area, dsdt_size, 16);
	struct acpi_header *madt;

	if (!rsdp || !rsdt || !xsdt || !fadt || !facs || !dsdt || vp_count > PARTITION_MAX_VPS)
		return 0;
	memset(bytes, 0, size);
	madt = madt_build(&area, vp_count);
	if (!madt)
		return 0;
	memcpy(facs->signature, "FACS", sizeof(facs->signature));
	facs->length = sizeof(*facs);
	facs->version = 2;
	memcpy(dsdt, vmbus ? acpi_dsdt : acpi_dsdt_plain, dsdt_size);
	fadt_fill(fadt, area_address(&area, facs), area_address(&area, dsdt));
	roots_fill(&area, rsdp, rsdt, xsdt, (const void *const[]){fadt, madt});
	return area.used;
}
