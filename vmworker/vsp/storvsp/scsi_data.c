/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that touch the medium (SBC-3 clause 5). */
#include "scsi_private.h"

/* What READ, WRITE, VERIFY, SYNCHRONIZE CACHE and WRITE SAME share, by the size of the CDB. */
struct scsi_span {
	uint64_t lba;
	uint32_t blocks;
};

static struct scsi_span scsi_span_of(const uint8_t *cdb)
{
	switch (cdb[0] >> 5) {
	case 0: /* 6 bytes: no blocks means 256 */
		return (struct scsi_span){be32(cdb) & 0x1fffff, cdb[4] ? cdb[4] : 256};
	case 4:
		return (struct scsi_span){be64(cdb + 2), be32(cdb + 10)};
	case 5:
		return (struct scsi_span){be32(cdb + 2), be32(cdb + 6)};
	default:
		return (struct scsi_span){be32(cdb + 2), be16(cdb + 7)};
	}
}

static bool scsi_is_cdb6(const uint8_t *cdb)
{
	return cdb[0] >> 5 == 0;
}

static bool scsi_span_fits(const struct scsi_call *call, uint64_t lba, uint64_t blocks)
{
	uint64_t n = call->unit->n_blocks;

	return blocks <= n && lba <= n - blocks;
}

/* Bounds, limits and protection information (which no unit here has); sets the range. */
static bool scsi_data(const struct scsi_call *call, enum scsi_action action)
{
	struct scsi_span span = scsi_span_of(call->cdb);
	uint64_t length = (uint64_t)span.blocks * call->unit->block_size;

	if (!scsi_is_cdb6(call->cdb)) {
		if (call->cdb[1] & 0xe0) { /* RDPROTECT, WRPROTECT, VRPROTECT */
			scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
			return false;
		}
		call->command->fua = call->cdb[1] & 0x08;
	}
	if (!scsi_span_fits(call, span.lba, span.blocks)) {
		scsi_fail(call, SCSI_LBA_OUT_OF_RANGE);
		return false;
	}
	call->command->action = span.blocks ? action : SCSI_REPLY;
	call->command->range.offset = span.lba * call->unit->block_size;
	call->command->range.length = length;
	return true;
}

void scsi_op_read(const struct scsi_call *call)
{
	if (!scsi_data(call, SCSI_READ))
		return;
	if (call->command->range.length > call->unit->max_transfer)
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
}

void scsi_op_write(const struct scsi_call *call)
{
	if (call->unit->read_only)
		scsi_fail(call, SCSI_WRITE_PROTECTED);
	else if (scsi_data(call, SCSI_WRITE) &&
		 call->command->range.length > call->unit->max_transfer)
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
}

/* Without BYTCHK: that the medium can be read, which the host sees to. */
void scsi_op_verify(const struct scsi_call *call)
{
	if (call->cdb[1] & 0x06)
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
	else if (scsi_data(call, SCSI_REPLY))
		call->command->fua = false;
}

/* All of the cache, whatever part was named. With IMMED as without it the status comes afterwards,
 * which the guest cannot tell. */
void scsi_op_synchronize(const struct scsi_call *call)
{
	struct scsi_span span = scsi_span_of(call->cdb);

	if (!scsi_span_fits(call, span.lba, span.blocks))
		scsi_fail(call, SCSI_LBA_OUT_OF_RANGE);
	else if (!call->unit->read_only)
		call->command->action = SCSI_FLUSH;
}

static bool is_zero(const uint8_t *data, uint32_t size)
{
	return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

void scsi_op_write_same(const struct scsi_call *call)
{
	struct scsi_command *command = call->command;
	const struct scsi_input *input = call->input;
	bool unmap = call->cdb[1] & 0x08;
	bool no_data = call->cdb[0] == 0x93 && call->cdb[1] & 0x01; /* NDOB */

	if (call->unit->read_only) {
		scsi_fail(call, SCSI_WRITE_PROTECTED);
		return;
	}
	if (call->cdb[1] & 0x10 || (unmap && !call->unit->discard)) { /* ANCHOR */
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	if (!scsi_data(call, SCSI_WRITE_SAME))
		return;
	command->fua = false;
	command->may_unmap = unmap;
	if (command->range.length == 0 || command->range.length > SCSI_MAX_WRITE_SAME)
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB); /* WSNZ */
	else if (!no_data && input->parameters_size < call->unit->block_size)
		scsi_fail(call, SCSI_PARAMETER_LIST_LENGTH);
	else if (no_data || is_zero(input->parameters, call->unit->block_size))
		command->action = SCSI_WRITE_ZEROES;
}

static bool scsi_unmap_add(const struct scsi_call *call, const uint8_t *descriptor, uint64_t *total)
{
	uint64_t lba = be64(descriptor);
	uint32_t blocks = be32(descriptor + 8);
	uint32_t block_size = call->unit->block_size;

	if (!scsi_span_fits(call, lba, blocks)) {
		scsi_fail(call, SCSI_LBA_OUT_OF_RANGE);
		return false;
	}
	*total += (uint64_t)blocks * block_size;
	if (*total > SCSI_MAX_UNMAP) {
		scsi_fail(call, SCSI_INVALID_FIELD_IN_PARAMETERS);
		return false;
	}
	if (blocks)
		call->command->ranges[call->command->n_ranges++] =
			(struct scsi_range){lba * block_size, (uint64_t)blocks * block_size};
	return true;
}

/* Nothing is unmapped unless all of the list is right. */
void scsi_op_unmap(const struct scsi_call *call)
{
	const uint8_t *list = call->input->parameters;
	uint32_t size = be16(call->cdb + 7), descriptors;
	uint64_t total = 0;

	if (!call->unit->discard) {
		scsi_fail(call, call->unit->read_only ? SCSI_WRITE_PROTECTED : SCSI_INVALID_OPCODE);
		return;
	}
	if (call->cdb[1] & 0x01) { /* ANCHOR */
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	if (size == 0)
		return;
	if (size < 8 || call->input->parameters_size < 8) {
		scsi_fail(call, SCSI_PARAMETER_LIST_LENGTH);
		return;
	}
	descriptors = be16(list + 2) / 16;
	if (descriptors > SCSI_RANGES_MAX) {
		scsi_fail(call, SCSI_INVALID_FIELD_IN_PARAMETERS);
		return;
	}
	if (8 + descriptors * 16 > size || 8 + descriptors * 16 > call->input->parameters_size) {
		scsi_fail(call, SCSI_PARAMETER_LIST_LENGTH);
		return;
	}
	for (uint32_t i = 0; i < descriptors; i++) {
		if (!scsi_unmap_add(call, list + 8 + (size_t)i * 16, &total))
			return;
	}
	call->command->action = call->command->n_ranges ? SCSI_UNMAP : SCSI_REPLY;
}
