/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk and a DVD drive and whatever commands a guest sends them. */
#include <glib.h>
#include <string.h>

#include "scsi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Commands are in tables, and a fuzzer cannot see how near it is to an entry. */
static const uint8_t commands[] = {0x00, 0x03, 0x08, 0x0a, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28,
				   0x2a, 0x2f, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x5a,
				   0x88, 0x8a, 0x8f, 0x91, 0x93, 0x9e, 0xa0, 0xa8, 0xaa, 0xaf};

/*
 * An input is a row of these, each followed by the parameters that its command has. `unit` says
 * which unit (3: none), whether its medium changes afterwards (0x80), and whether the first byte of
 * the command is its place in the table above (0x40).
 */
struct step {
	uint8_t unit, cdb_size, cdb[SCSI_CDB_MAX];
};

static void units_init(struct scsi_unit units[3])
{
	units[0] = (struct scsi_unit){.kind = SCSI_DISK,
				      .n_blocks = 0x1000,
				      .block_size = 512,
				      .physical_block_size = 4096,
				      .discard = true,
				      .max_transfer = 512 << 10,
				      .serial = "0123456789abcdef0123456789abcdef0123"};
	units[1] = (struct scsi_unit){.kind = SCSI_DISK,
				      .n_blocks = UINT64_C(1) << 51,
				      .block_size = 4096,
				      .physical_block_size = 4096,
				      .discard = true,
				      .max_transfer = 512 << 10};
	units[2] = (struct scsi_unit){.kind = SCSI_DVD,
				      .n_blocks = 1000,
				      .block_size = 2048,
				      .physical_block_size = 2048,
				      .read_only = true,
				      .max_transfer = 512 << 10};
}

static void check_range(const struct scsi_unit *unit, const struct scsi_range *range)
{
	uint64_t size = unit->n_blocks * unit->block_size;

	if (range->length == 0 || range->length > size || range->offset > size - range->length ||
	    (range->offset | range->length) % unit->block_size)
		g_error("outside the medium");
}

static void check(const struct scsi_unit *unit, const struct scsi_command *command)
{
	switch (command->action) {
	case SCSI_REPLY:
		if (command->reply_size > SCSI_REPLY_MAX)
			g_error("a reply longer than there is room for");
		break;
	case SCSI_FAIL:
	case SCSI_FLUSH:
		break;
	case SCSI_UNMAP:
		for (uint32_t i = 0; i < command->n_ranges; i++)
			check_range(unit, &command->ranges[i]);
		break;
	default:
		check_range(unit, &command->range);
		break;
	}
	if (command->action >= SCSI_WRITE && unit && unit->read_only)
		g_error("a write to what is read-only");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scsi_unit units[3];
	struct step step;

	units_init(units);
	while (size >= sizeof(step)) {
		struct scsi_command command;
		struct scsi_unit *unit;
		struct scsi_input input = {.luns = 0x8000000000000005};

		memcpy(&step, data, sizeof(step));
		data += sizeof(step);
		size -= sizeof(step);
		if (step.unit & 0x40) {
			step.cdb[0] = commands[step.cdb[0] % sizeof(commands)];
			step.cdb_size = SCSI_CDB_MAX;
		}
		unit = step.unit % 4 == 3 ? NULL : &units[step.unit % 4];
		input.cdb = step.cdb;
		input.cdb_size = step.cdb_size % (SCSI_CDB_MAX + 1);
		input.parameters_size = scsi_parameters_size(unit, step.cdb);
		if (input.parameters_size > size)
			input.parameters_size = (uint32_t)size;
		/* a copy of that size, so that a byte too far is seen */
		g_autofree uint8_t *copy = g_memdup2(data, input.parameters_size);
		input.parameters = copy;
		data += input.parameters_size;
		size -= input.parameters_size;
		scsi_execute(unit, &input, &command);
		check(unit, &command);
		if (step.unit & 0x80 && unit)
			scsi_unit_set_medium(unit, (uint64_t)step.cdb[15] << 16);
	}
	return 0;
}
