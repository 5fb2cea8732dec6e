/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The unit itself: whether it is ready, how large it is, what happened to it. */
#include "scsi_private.h"

enum { MEDIA_EVENT_EJECT_REQUEST = 1, MEDIA_EVENT_NEW = 2, MEDIA_EVENT_REMOVAL = 3 };

enum scsi_sense scsi_unit_take_attention(struct scsi_unit *unit)
{
	static const enum scsi_sense senses[] = {
		SCSI_ATTENTION_BUS_RESET, SCSI_ATTENTION_MEDIUM_CHANGED,
		SCSI_ATTENTION_CAPACITY_CHANGED, SCSI_ATTENTION_LUNS_CHANGED};

	for (unsigned int i = 0; i < sizeof(senses) / sizeof(senses[0]); i++) {
		if (unit->pending & 1u << i) {
			unit->pending &= (uint8_t) ~(1u << i);
			return senses[i];
		}
	}
	return SCSI_SENSE_NONE;
}

void scsi_unit_reset(struct scsi_unit *unit)
{
	unit->pending |= SCSI_PENDING_RESET;
	unit->removal_prevented = false;
}

void scsi_unit_set_size(struct scsi_unit *unit, uint64_t bytes)
{
	uint64_t n_blocks = bytes / unit->block_size;

	if (n_blocks == unit->n_blocks)
		return;
	unit->n_blocks = n_blocks;
	unit->pending |= unit->kind == SCSI_DVD ? SCSI_PENDING_MEDIUM : SCSI_PENDING_CAPACITY;
}

void scsi_unit_luns_changed(struct scsi_unit *unit)
{
	if (unit->kind != SCSI_DVD)
		unit->pending |= SCSI_PENDING_LUNS;
}

void scsi_unit_set_medium(struct scsi_unit *unit, uint64_t bytes)
{
	unit->tray_open = false;
	unit->n_blocks = bytes / unit->block_size;
	unit->media_event = unit->n_blocks ? MEDIA_EVENT_NEW : MEDIA_EVENT_REMOVAL;
	if (unit->n_blocks)
		unit->pending |= SCSI_PENDING_MEDIUM;
}

void scsi_op_test_unit_ready(const struct scsi_call *call)
{
	(void)call; /* what could stand in the way was looked at before */
}

void scsi_op_request_sense(const struct scsi_call *call)
{
	if (call->cdb[1] & 0x01) { /* descriptor format */
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	scsi_sense_fill(scsi_unit_take_attention(call->unit), scsi_reply(call, SCSI_SENSE_SIZE));
	scsi_reply_limit(call, call->cdb[4]);
}

void scsi_op_report_luns(const struct scsi_call *call)
{
	uint32_t allocation = be32(call->cdb + 6), n = 0;
	uint8_t select = call->cdb[2];
	uint8_t *p;

	if (select > 2 || allocation < 16) {
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	p = scsi_reply(call, 8 + 8 * SCSI_LUNS);
	for (uint8_t lun = 0; lun < SCSI_LUNS && select != 1; lun++) { /* 1: well-known only */
		if (call->input->luns & UINT64_C(1) << lun)
			p[8 + 8 * n++ + 1] = lun;
	}
	put_be32(p, 8 * n);
	call->command->reply_size = 8 + 8 * n;
	scsi_reply_limit(call, allocation);
}

void scsi_op_start_stop(const struct scsi_call *call)
{
	struct scsi_unit *unit = call->unit;
	bool start = call->cdb[4] & 0x01, load_eject = call->cdb[4] & 0x02;

	if (call->cdb[4] & 0xf0 || !load_eject) /* power conditions change nothing */
		return;
	if (unit->kind != SCSI_DVD) {
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	if (!start && unit->removal_prevented) {
		scsi_fail(call, SCSI_REMOVAL_PREVENTED);
		return;
	}
	if (unit->tray_open == !start)
		return;
	unit->tray_open = !start;
	unit->media_event = start && unit->n_blocks ? MEDIA_EVENT_NEW : MEDIA_EVENT_REMOVAL;
	if (start && unit->n_blocks)
		unit->pending |= SCSI_PENDING_MEDIUM;
}

void scsi_op_prevent_removal(const struct scsi_call *call)
{
	call->unit->removal_prevented = call->cdb[4] & 0x01;
}

void scsi_op_read_capacity10(const struct scsi_call *call)
{
	uint64_t last = call->unit->n_blocks - 1;
	uint8_t *p = scsi_reply(call, 8);

	put_be32(p, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	put_be32(p + 4, call->unit->block_size);
}

/* READ CAPACITY(16) (SBC-3 5.16) */
static void read_capacity16(const struct scsi_call *call)
{
	const struct scsi_unit *unit = call->unit;
	uint8_t *p = scsi_reply(call, 32);

	put_be64(p, unit->n_blocks - 1);
	put_be32(p + 8, unit->block_size);
	p[13] = (uint8_t)__builtin_ctz(unit->physical_block_size / unit->block_size);
	if (unit->discard)
		p[14] = unit->discard_zeroes ? 0xc0 : 0x80; /* LBPME, LBPRZ */
	scsi_reply_limit(call, be32(call->cdb + 10));
}

void scsi_op_service_action_in16(const struct scsi_call *call)
{
	if ((call->cdb[1] & 0x1f) == 0x10)
		read_capacity16(call);
	else
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
}
