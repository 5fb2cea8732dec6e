/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MODE SENSE (SPC-4 6.11, 7.5; SBC-3 6.5; MMC-6 7). Nothing can be changed. */
#include "scsi_private.h"

enum { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

#define MODE_ALL_PAGES 0x3f

struct mode_page {
	uint8_t page, size; /* without the page's two bytes of header */
	bool disk, dvd;
	void (*fill)(const struct scsi_unit *unit, uint8_t *p); /* from the header on */
};

static void mode_nothing(const struct scsi_unit *unit, uint8_t *p)
{
	(void)unit;
	(void)p;
}

static void mode_caching(const struct scsi_unit *unit, uint8_t *p)
{
	if (unit->write_back && !unit->read_only)
		p[2] = 0x04; /* WCE */
}

static void mode_control(const struct scsi_unit *unit, uint8_t *p)
{
	(void)unit;
	p[2] = 0x02; /* GLTSD: no log is saved */
	p[3] = 0x10; /* unrestricted reordering */
	put_be16(p + 8, 0xffff);
}

static void mode_capabilities(const struct scsi_unit *unit, uint8_t *p)
{
	p[2] = 0x0b; /* reads CD-R, CD-RW, DVD-ROM */
	p[6] = (uint8_t)(0x29 | (unit->removal_prevented ? 0x02 : 0)); /* tray, eject, lock */
	put_be16(p + 8, 11080);					       /* 8 times DVD, in kB/s */
	put_be16(p + 14, 11080);
}

/* In ascending order, as "all pages" wants them. */
static const struct mode_page mode_pages[] = {
	{0x01, 0x0a, true, true, mode_nothing}, /* error recovery */
	{0x08, 0x12, true, false, mode_caching},      {0x0a, 0x0a, true, false, mode_control},
	{0x1c, 0x0a, true, true, mode_nothing}, /* informational exceptions */
	{0x2a, 0x12, false, true, mode_capabilities},
};

static uint32_t mode_add(const struct scsi_call *call, uint32_t at)
{
	uint8_t *reply = call->command->reply;
	uint8_t wanted = call->cdb[2] & 0x3f;

	for (size_t i = 0; i < sizeof(mode_pages) / sizeof(mode_pages[0]); i++) {
		const struct mode_page *page = &mode_pages[i];

		if (!(call->unit->kind == SCSI_DVD ? page->dvd : page->disk) ||
		    (wanted != MODE_ALL_PAGES && wanted != page->page))
			continue;
		/* Of what can be changed, none: zeroes. */
		if (call->cdb[2] >> 6 != PC_CHANGEABLE)
			page->fill(call->unit, reply + at);
		reply[at] = page->page;
		reply[at + 1] = page->size;
		at += 2u + page->size;
	}
	return at;
}

static void mode_block_descriptor(const struct scsi_unit *unit, uint8_t *p)
{
	put_be32(p, unit->n_blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)unit->n_blocks);
	put_be32(p + 4, unit->block_size); /* of 24 bits; the byte above is reserved */
}

void scsi_op_mode_sense(const struct scsi_call *call)
{
	const struct scsi_unit *unit = call->unit;
	bool ten = call->cdb[0] == 0x5a;
	bool descriptor = unit->kind == SCSI_DISK && !(call->cdb[1] & 0x08); /* DBD */
	uint32_t header = ten ? 8 : 4, begin = header + (descriptor ? 8 : 0), end;
	uint8_t specific = 0, *p;

	if (call->cdb[2] >> 6 == PC_SAVED) {
		scsi_fail(call, SCSI_SAVING_NOT_SUPPORTED);
		return;
	}
	p = scsi_reply(call, 256);
	end = mode_add(call, begin);
	if (end == begin || (call->cdb[3] != 0 && call->cdb[3] != 0xff)) {
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	if (unit->kind == SCSI_DISK) /* DPOFUA: READ and WRITE have FUA; and WP */
		specific = unit->read_only ? 0x90 : 0x10;
	if (ten) {
		put_be16(p, end - 2);
		p[3] = specific;
		p[7] = descriptor ? 8 : 0;
	} else {
		p[0] = (uint8_t)(end - 1);
		p[2] = specific;
		p[3] = descriptor ? 8 : 0;
	}
	if (descriptor)
		mode_block_descriptor(unit, p + header);
	call->command->reply_size = end;
	scsi_reply_limit(call, ten ? be16(call->cdb + 7) : call->cdb[4]);
}
