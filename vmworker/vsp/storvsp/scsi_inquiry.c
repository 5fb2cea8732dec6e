/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* INQUIRY and the vital product data (SPC-4 6.6, 7.8; SBC-3 6.6). */
#include "scsi_private.h"

#define VPD_HEADER 4u

struct scsi_vpd {
	uint8_t page;
	bool disk_only;
	void (*fill)(const struct scsi_call *call);
};

static uint8_t *vpd_reply(const struct scsi_call *call, uint8_t page, uint32_t size)
{
	uint8_t *p = scsi_reply(call, VPD_HEADER + size);

	p[0] = (uint8_t)call->unit->kind;
	p[1] = page;
	put_be16(p + 2, size);
	return p;
}

static void vpd_supported(const struct scsi_call *call);

static void vpd_serial(const struct scsi_call *call)
{
	const char *serial = call->unit->serial;
	uint32_t n = (uint32_t)strnlen(serial, sizeof(call->unit->serial));

	memcpy(vpd_reply(call, 0x80, n) + VPD_HEADER, serial, n);
}

/* Device identification: T10 vendor and serial number, and a locally assigned NAA identifier. */
static void vpd_identification(const struct scsi_call *call)
{
	const struct scsi_unit *unit = call->unit;
	uint32_t n = (uint32_t)strnlen(unit->serial, sizeof(unit->serial));
	uint8_t *p = vpd_reply(call, 0x83, 4 + 8 + n + 4 + 8) + VPD_HEADER;

	p[0] = 0x02; /* ASCII */
	p[1] = 0x01; /* T10 vendor ID, of the logical unit */
	p[3] = (uint8_t)(8 + n);
	scsi_text(p + 4, 8, unit->vendor);
	memcpy(p + 12, unit->serial, n);
	p += 12 + n;
	p[0] = 0x01; /* binary */
	p[1] = 0x03; /* NAA */
	p[3] = 8;
	memcpy(p + 4, unit->id, 8);
	p[4] = (uint8_t)(0x30 | (p[4] & 0x0f)); /* locally assigned */
}

static void vpd_block_limits(const struct scsi_call *call)
{
	const struct scsi_unit *unit = call->unit;
	uint8_t *p = vpd_reply(call, 0xb0, 0x3c);
	uint32_t granularity = unit->physical_block_size / unit->block_size;

	p[4] = 0x01; /* WSNZ */
	put_be16(p + 6, granularity);
	put_be32(p + 8, unit->max_transfer / unit->block_size);
	if (unit->discard) {
		put_be32(p + 20, (uint32_t)(SCSI_MAX_UNMAP / unit->block_size));
		put_be32(p + 24, SCSI_RANGES_MAX);
		put_be32(p + 28, granularity);
		put_be32(p + 32, 0x80000000); /* alignment 0 is valid */
	}
	put_be64(p + 36, SCSI_MAX_WRITE_SAME / unit->block_size);
}

static void vpd_characteristics(const struct scsi_call *call)
{
	put_be16(vpd_reply(call, 0xb1, 0x3c) + 4, 1); /* does not rotate */
}

static void vpd_provisioning(const struct scsi_call *call)
{
	uint8_t *p = vpd_reply(call, 0xb2, 4);

	if (!call->unit->discard)
		return;
	p[5] = 0xe0; /* UNMAP, WRITE SAME(16) and (10) with the UNMAP bit */
	if (call->unit->discard_zeroes)
		p[5] |= 0x04; /* LBPRZ */
	p[6] = 0x02;	      /* thin */
}

/* In order of page. */
static const struct scsi_vpd vpd_pages[] = {
	{0x00, false, vpd_supported},	   {0x80, false, vpd_serial},
	{0x83, false, vpd_identification}, {0xb0, true, vpd_block_limits},
	{0xb1, true, vpd_characteristics}, {0xb2, true, vpd_provisioning},
};

#define N_VPD_PAGES (sizeof(vpd_pages) / sizeof(vpd_pages[0]))

static bool vpd_has(const struct scsi_unit *unit, const struct scsi_vpd *vpd)
{
	return !vpd->disk_only || unit->kind == SCSI_DISK;
}

static void vpd_supported(const struct scsi_call *call)
{
	uint8_t *p = vpd_reply(call, 0x00, N_VPD_PAGES);
	uint8_t n = 0;

	for (size_t i = 0; i < N_VPD_PAGES; i++) {
		if (vpd_has(call->unit, &vpd_pages[i]))
			p[VPD_HEADER + n++] = vpd_pages[i].page;
	}
	p[3] = n;
	call->command->reply_size = VPD_HEADER + n;
}

static void inquiry_vpd(const struct scsi_call *call)
{
	for (size_t i = 0; i < N_VPD_PAGES; i++) {
		if (vpd_pages[i].page == call->cdb[2] && vpd_has(call->unit, &vpd_pages[i])) {
			vpd_pages[i].fill(call);
			return;
		}
	}
	scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
}

static void inquiry_standard(const struct scsi_call *call)
{
	const struct scsi_unit *unit = call->unit;
	uint8_t *p = scsi_reply(call, 36);

	p[0] = unit ? (uint8_t)unit->kind : 0x7f; /* 7fh: no such logical unit */
	p[2] = 0x06;				  /* SPC-4 */
	p[3] = 0x12;				  /* HISUP, and the format of this answer */
	p[4] = 36 - 5;
	if (!unit)
		return;
	if (unit->kind == SCSI_DVD)
		p[1] = 0x80; /* removable */
	p[7] = 0x02;	     /* CMDQUE */
	scsi_text(p + 8, 8, unit->vendor);
	scsi_text(p + 16, 16, unit->product);
	scsi_text(p + 32, 4, unit->revision);
}

void scsi_op_inquiry(const struct scsi_call *call)
{
	bool evpd = call->cdb[1] & 0x01;

	if (evpd && call->unit)
		inquiry_vpd(call);
	else if (evpd || call->cdb[1] || call->cdb[2])
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
	else
		inquiry_standard(call);
	scsi_reply_limit(call, be16(call->cdb + 3));
}
