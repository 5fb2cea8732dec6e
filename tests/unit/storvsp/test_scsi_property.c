/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever a guest says: nothing outside the medium is touched, and no answer is longer than asked
 * for. */
#include "scsi_run.h"

static uint64_t random64(void)
{
	return (uint64_t)g_random_int() << 32 | g_random_int();
}

static void random_unit(struct scsi_unit *unit)
{
	static const uint32_t sizes[] = {512, 4096};

	*unit = (struct scsi_unit){
		.kind = g_random_boolean() ? SCSI_DISK : SCSI_DVD,
		.n_blocks = g_random_int() % 5 ? g_random_int() % 4096 : random64() >> 13,
		.read_only = g_random_int() % 4 == 0,
		.write_back = g_random_boolean(),
		.discard = g_random_boolean(),
		.discard_zeroes = g_random_boolean(),
		.max_transfer = 512 << 10,
		.vendor = "12345678",
		.product = "1234567890123456",
		.revision = "1234",
		.serial = "123456789012345678901234567890123456",
	};
	unit->block_size = unit->kind == SCSI_DVD ? 2048 : sizes[g_random_int() % 2];
	unit->physical_block_size = MAX(unit->block_size, 4096);
	unit->read_only |= unit->kind == SCSI_DVD;
	if (unit->read_only)
		unit->discard = false;
}

static void random_cdb(uint8_t cdb[SCSI_CDB_MAX])
{
	/* those that move data, more often than others */
	static const uint8_t opcodes[] = {0x08, 0x0a, 0x28, 0x2a, 0x88, 0x8a, 0xa8, 0xaa,
					  0x41, 0x42, 0x93, 0x35, 0x91, 0x9e, 0x12, 0x1a,
					  0x5a, 0xa0, 0x43, 0x46, 0x4a, 0x51};

	for (unsigned int i = 0; i < SCSI_CDB_MAX; i++)
		cdb[i] = g_random_int() % 3 ? 0 : (uint8_t)g_random_int();
	cdb[0] = g_random_int() % 4 ? opcodes[g_random_int() % sizeof(opcodes)]
				    : (uint8_t)g_random_int();
}

static void assert_range(const struct scsi_unit *unit, const struct scsi_range *range)
{
	uint64_t size = unit->n_blocks * unit->block_size;

	g_assert_cmpuint(range->length, <=, size);
	g_assert_cmpuint(range->offset, <=, size - range->length);
	g_assert_cmpuint(range->length, >, 0);
	g_assert_cmpuint((range->offset | range->length) % unit->block_size, ==, 0);
}

static void assert_command(const struct scsi_unit *unit, const struct scsi_command *command)
{
	switch (command->action) {
	case SCSI_REPLY:
		g_assert_cmpuint(command->reply_size, <=, SCSI_REPLY_MAX);
		break;
	case SCSI_FAIL:
		g_assert_cmphex(command->sense, !=, SCSI_SENSE_NONE);
		break;
	case SCSI_READ:
		assert_range(unit, &command->range);
		g_assert_cmpuint(command->range.length, <=, unit->max_transfer);
		break;
	case SCSI_UNMAP:
		g_assert_cmpuint(command->n_ranges, >, 0);
		g_assert_cmpuint(command->n_ranges, <=, SCSI_RANGES_MAX);
		for (uint32_t i = 0; i < command->n_ranges; i++)
			assert_range(unit, &command->ranges[i]);
		g_assert_true(unit->discard);
		G_GNUC_FALLTHROUGH;
	case SCSI_WRITE:
	case SCSI_WRITE_ZEROES:
	case SCSI_WRITE_SAME:
		if (command->action != SCSI_UNMAP)
			assert_range(unit, &command->range);
		G_GNUC_FALLTHROUGH;
	case SCSI_FLUSH:
		g_assert_false(unit->read_only);
		g_assert_cmpint(unit->kind, ==, SCSI_DISK);
		break;
	default:
		g_assert_not_reached();
	}
}

/* What the commands with an allocation length say about it. */
static uint32_t allocation(const uint8_t *cdb)
{
	switch (cdb[0]) {
	case 0x12:
		return (uint32_t)(cdb[3] << 8 | cdb[4]);
	case 0x03:
	case 0x1a:
		return cdb[4];
	case 0x43:
	case 0x46:
	case 0x4a:
	case 0x51:
	case 0x5a:
		return (uint32_t)(cdb[7] << 8 | cdb[8]);
	default:
		return UINT32_MAX;
	}
}

static void property_round(struct scsi_run *run)
{
	uint8_t cdb[SCSI_CDB_MAX];
	uint32_t wanted;
	struct scsi_command *command;
	struct scsi_unit *unit = g_random_int() % 16 ? &run->unit : NULL;

	random_cdb(cdb);
	wanted = scsi_parameters_size(unit, cdb);
	g_assert_cmpuint(wanted, <=, SCSI_PARAMETERS_MAX);
	run->parameters_size = g_random_int() % 4 ? wanted : g_random_int() % (wanted + 1);
	for (uint32_t i = 0; i < MIN(run->parameters_size, 40); i++)
		run->parameters[i] = g_random_int() % 4 ? 0 : (uint8_t)g_random_int();
	command = scsi_run_cdb(run, unit, cdb, (uint8_t)(g_random_int() % (SCSI_CDB_MAX + 1)));
	if (!unit) {
		g_assert_true(command->action == SCSI_REPLY || command->action == SCSI_FAIL);
		return;
	}
	assert_command(unit, command);
	if (command->action == SCSI_REPLY)
		g_assert_cmpuint(command->reply_size, <=, allocation(cdb));
}

static void test_property(void)
{
	static struct scsi_run run;

	for (int i = 0; i < 300; i++) {
		random_unit(&run.unit);
		for (int j = 0; j < 1000; j++)
			property_round(&run);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/scsi/property", test_property);
	return g_test_run();
}
