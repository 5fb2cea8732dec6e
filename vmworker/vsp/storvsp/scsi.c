/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which commands there are, and what holds for all of them. */
#include <errno.h>

#include "scsi_private.h"

const struct scsi_opcode scsi_disk_opcodes[256] = {
	[0x00] = {scsi_op_test_unit_ready, 0},
	[0x03] = {scsi_op_request_sense, SCSI_OP_ALWAYS},
	[0x08] = {scsi_op_read, 0}, /* READ(6) */
	[0x0a] = {scsi_op_write, 0},
	[0x12] = {scsi_op_inquiry, SCSI_OP_ALWAYS},
	[0x1a] = {scsi_op_mode_sense, 0}, /* (6) */
	[0x1b] = {scsi_op_start_stop, 0},
	[0x1e] = {scsi_op_prevent_removal, 0},
	[0x25] = {scsi_op_read_capacity10, SCSI_OP_MEDIUM},
	[0x28] = {scsi_op_read, 0}, /* (10) */
	[0x2a] = {scsi_op_write, 0},
	[0x2f] = {scsi_op_verify, 0},
	[0x35] = {scsi_op_synchronize, 0},
	[0x41] = {scsi_op_write_same, 0},
	[0x42] = {scsi_op_unmap, 0},
	[0x5a] = {scsi_op_mode_sense, 0},
	[0x88] = {scsi_op_read, 0}, /* (16) */
	[0x8a] = {scsi_op_write, 0},
	[0x8f] = {scsi_op_verify, 0},
	[0x91] = {scsi_op_synchronize, 0},
	[0x93] = {scsi_op_write_same, 0},
	[0x9e] = {scsi_op_service_action_in16, SCSI_OP_MEDIUM},
	[0xa0] = {scsi_op_report_luns, SCSI_OP_ALWAYS},
	[0xa8] = {scsi_op_read, 0}, /* (12) */
	[0xaa] = {scsi_op_write, 0},
	[0xaf] = {scsi_op_verify, 0},
};

const struct scsi_opcode scsi_dvd_opcodes[256] = {
	[0x00] = {scsi_op_test_unit_ready, SCSI_OP_MEDIUM},
	[0x03] = {scsi_op_request_sense, SCSI_OP_ALWAYS},
	[0x12] = {scsi_op_inquiry, SCSI_OP_ALWAYS},
	[0x1a] = {scsi_op_mode_sense, 0},
	[0x1b] = {scsi_op_start_stop, 0},
	[0x1e] = {scsi_op_prevent_removal, 0},
	[0x25] = {scsi_op_read_capacity10, SCSI_OP_MEDIUM},
	[0x28] = {scsi_op_read, SCSI_OP_MEDIUM},
	[0x2f] = {scsi_op_verify, SCSI_OP_MEDIUM},
	[0x35] = {scsi_op_synchronize, SCSI_OP_MEDIUM},
	[0x43] = {scsi_op_read_toc, SCSI_OP_MEDIUM},
	[0x46] = {scsi_op_get_configuration, SCSI_OP_ALWAYS},
	[0x4a] = {scsi_op_get_event_status, SCSI_OP_ALWAYS},
	[0x51] = {scsi_op_read_disc_information, SCSI_OP_MEDIUM},
	[0x5a] = {scsi_op_mode_sense, 0},
	[0xa0] = {scsi_op_report_luns, SCSI_OP_ALWAYS},
	[0xa8] = {scsi_op_read, SCSI_OP_MEDIUM},
};

/* A LUN that does not exist: enough to be told so. */
static const struct scsi_opcode scsi_absent_opcodes[256] = {
	[0x12] = {scsi_op_inquiry, SCSI_OP_ALWAYS},
	[0xa0] = {scsi_op_report_luns, SCSI_OP_ALWAYS},
};

static const struct scsi_opcode *scsi_opcode_of(const struct scsi_unit *unit, uint8_t opcode)
{
	if (!unit)
		return &scsi_absent_opcodes[opcode];
	return unit->kind == SCSI_DVD ? &scsi_dvd_opcodes[opcode] : &scsi_disk_opcodes[opcode];
}

/* By the group code, the top three bits of the opcode (SPC-4 4.2.5.1). */
static uint8_t scsi_cdb_size(uint8_t opcode)
{
	static const uint8_t sizes[8] = {6, 10, 10, 0, 16, 12, 0, 0};

	return sizes[opcode >> 5];
}

uint32_t scsi_parameters_size(const struct scsi_unit *unit, const uint8_t cdb[SCSI_CDB_MAX])
{
	uint32_t size = 0;

	if (!unit || unit->kind != SCSI_DISK)
		return 0;
	if (cdb[0] == 0x41 || cdb[0] == 0x93) /* WRITE SAME; with NDOB there is none */
		size = cdb[0] == 0x93 && cdb[1] & 0x01 ? 0 : unit->block_size;
	else if (cdb[0] == 0x42) /* UNMAP */
		size = be16(cdb + 7);
	return size < SCSI_PARAMETERS_MAX ? size : SCSI_PARAMETERS_MAX;
}

void scsi_execute(struct scsi_unit *unit, const struct scsi_input *input,
		  struct scsi_command *command)
{
	const struct scsi_opcode *opcode = scsi_opcode_of(unit, input->cdb[0]);
	const struct scsi_call call = {unit, input, input->cdb, command};
	enum scsi_sense attention;
	uint8_t size = scsi_cdb_size(input->cdb[0]);

	command->action = SCSI_REPLY;
	command->range = (struct scsi_range){0, 0};
	command->fua = command->may_unmap = false;
	command->reply_size = command->n_ranges = 0;
	command->sense = SCSI_SENSE_NONE;
	if (!opcode->execute) {
		scsi_fail(&call, unit ? SCSI_INVALID_OPCODE : SCSI_LUN_NOT_SUPPORTED);
		return;
	}
	/* A short one, or NACA in the control byte, which nobody here keeps an allegiance for. */
	if (input->cdb_size < size || input->cdb[size - 1] & 0x04) {
		scsi_fail(&call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	if (!(opcode->flags & SCSI_OP_ALWAYS)) {
		attention = scsi_unit_take_attention(unit);
		if (attention != SCSI_SENSE_NONE) {
			scsi_fail(&call, attention);
			return;
		}
	}
	if (opcode->flags & SCSI_OP_MEDIUM && (unit->tray_open || unit->n_blocks == 0)) {
		scsi_fail(&call,
			  unit->tray_open ? SCSI_NOT_READY_TRAY_OPEN : SCSI_NOT_READY_TRAY_CLOSED);
		return;
	}
	opcode->execute(&call);
}

void scsi_fail(const struct scsi_call *call, enum scsi_sense sense)
{
	call->command->action = SCSI_FAIL;
	call->command->sense = sense;
	call->command->reply_size = 0;
}

uint8_t *scsi_reply(const struct scsi_call *call, uint32_t size)
{
	call->command->action = SCSI_REPLY;
	call->command->reply_size = size;
	memset(call->command->reply, 0, size);
	return call->command->reply;
}

void scsi_reply_limit(const struct scsi_call *call, uint32_t allocation)
{
	if (call->command->reply_size > allocation)
		call->command->reply_size = allocation;
}

void scsi_text(uint8_t *field, size_t size, const char *text)
{
	size_t n = strnlen(text, size);

	memset(field, ' ', size);
	memcpy(field, text, n);
}

/* Fixed format, current error (SPC-4 4.5.3). */
void scsi_sense_fill(enum scsi_sense sense, uint8_t data[SCSI_SENSE_SIZE])
{
	memset(data, 0, SCSI_SENSE_SIZE);
	data[0] = 0x70;
	data[2] = (uint8_t)(sense >> 16);
	data[7] = SCSI_SENSE_SIZE - 8;
	data[12] = (uint8_t)(sense >> 8);
	data[13] = (uint8_t)sense;
}

enum scsi_sense scsi_sense_of_errno(int error, enum scsi_action action)
{
	switch (-error) {
	case EROFS:
		return SCSI_WRITE_PROTECTED;
	case ERANGE: /* it has just become smaller */
		return SCSI_LBA_OUT_OF_RANGE;
	case ENOSPC:
	case EDQUOT:
		return SCSI_SPACE_ALLOCATION_FAILED;
	default:
		break;
	}
	if (action == SCSI_READ)
		return SCSI_MEDIUM_READ_ERROR;
	return action == SCSI_FLUSH ? SCSI_INTERNAL_TARGET_FAILURE : SCSI_MEDIUM_WRITE_ERROR;
}
