/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk's commands against bytes written down from SPC-4 and SBC-3. */
#include <errno.h>

#include "scsi_run.h"

/* 0x12345 sectors of 512 bytes. */
static void set_up(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	run->unit = (struct scsi_unit){
		.kind = SCSI_DISK,
		.n_blocks = 0x12345,
		.block_size = 512,
		.physical_block_size = 4096,
		.write_back = true,
		.discard = true,
		.discard_zeroes = true,
		.max_transfer = 512 << 10,
		.vendor = "Msft",
		.product = "Virtual Disk",
		.revision = "1.0",
		.serial = "S1",
		.id = {0xf1, 2, 3, 4, 5, 6, 7, 8},
	};
}

static void tear_down(struct scsi_run *run G_GNUC_UNUSED, gconstpointer data G_GNUC_UNUSED)
{
}

static void test_inquiry(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_reply(CDB(run, 0x12, 0, 0, 0, 96, 0), 0x00, 0x00, 0x06, 0x12, 31, 0, 0, 0x02, 'M',
		     's', 'f', 't', ' ', ' ', ' ', ' ', 'V', 'i', 'r', 't', 'u', 'a', 'l', ' ', 'D',
		     'i', 's', 'k', ' ', ' ', ' ', ' ', '1', '.', '0', ' ');
	assert_reply(CDB(run, 0x12, 0, 0, 0, 5, 0), 0x00, 0x00, 0x06, 0x12, 31);
	assert_nothing(CDB(run, 0x12, 0, 0, 0, 0, 0));
	assert_sense(CDB(run, 0x12, 0, 0x80, 0, 96, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0x12, 1, 0x85, 0, 96, 0), SCSI_INVALID_FIELD_IN_CDB);
}

static void test_vpd(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_reply(CDB(run, 0x12, 1, 0x00, 0, 255, 0), 0, 0x00, 0, 6, 0x00, 0x80, 0x83, 0xb0,
		     0xb1, 0xb2);
	assert_reply(CDB(run, 0x12, 1, 0x80, 0, 255, 0), 0, 0x80, 0, 2, 'S', '1');
	assert_reply(CDB(run, 0x12, 1, 0x83, 0, 255, 0), 0, 0x83, 0, 26,
		     /* T10 vendor ID */ 0x02, 0x01, 0, 10, 'M', 's', 'f', 't', ' ', ' ', ' ', ' ',
		     'S', '1',
		     /* NAA, locally assigned */ 0x01, 0x03, 0, 8, 0x31, 2, 3, 4, 5, 6, 7, 8);
	assert_reply(CDB(run, 0x12, 1, 0xb0, 0, 255, 0), 0, 0xb0, 0, 0x3c, 0x01, 0, 0, 8,
		     /* transfer */ 0, 0, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		     /* unmap: 2 GiB, 32 ranges, 4 KiB */ 0, 0x40, 0, 0, 0, 0, 0, 32, 0, 0, 0, 8,
		     0x80, 0, 0, 0, /* WRITE SAME: 64 MiB */ 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0,
		     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	g_assert_cmphex(CDB(run, 0x12, 1, 0xb1, 0, 255, 0)->reply[5], ==, 1);
	assert_reply(CDB(run, 0x12, 1, 0xb2, 0, 255, 0), 0, 0xb2, 0, 4, 0, 0xe4, 0x02, 0);
	run->unit.discard_zeroes = false;
	assert_reply(CDB(run, 0x12, 1, 0xb2, 0, 255, 0), 0, 0xb2, 0, 4, 0, 0xe0, 0x02, 0);
	run->unit.discard = false;
	assert_reply(CDB(run, 0x12, 1, 0xb2, 0, 255, 0), 0, 0xb2, 0, 4, 0, 0, 0, 0);
}

static void test_read_capacity(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_reply(CDB(run, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0x01, 0x23, 0x44, 0, 0, 2, 0);
	assert_reply(CDB(run, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0), 0, 0, 0, 0, 0,
		     0x01, 0x23, 0x44, 0, 0, 2, 0, 0, 3, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		     0, 0, 0, 0, 0);
	assert_sense(CDB(run, 0x9e, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0),
		     SCSI_INVALID_FIELD_IN_CDB);
	run->unit.n_blocks = UINT64_C(0x100000001);
	assert_reply(CDB(run, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0);
	assert_reply(CDB(run, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0), 0, 0, 0, 1, 0,
		     0, 0, 0);
}

static void test_mode_sense(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	/* Linux: page 3fh first, of 192 bytes, then the caching page without block descriptor */
	assert_reply(CDB(run, 0x1a, 0x08, 0x08, 0, 255, 0), 23, 0, 0x10, 0, 0x08, 0x12, 0x04, 0, 0,
		     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_reply(CDB(run, 0x1a, 0, 0x0a, 0, 255, 0), 23, 0, 0x10, 8, 0, 0x01, 0x23, 0x45, 0, 0,
		     2, 0, 0x0a, 0x0a, 0x02, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0, 0);
	assert_reply(CDB(run, 0x5a, 0x08, 0x08, 0, 0, 0, 0, 0, 255, 0), 0, 26, 0, 0x10, 0, 0, 0, 0,
		     0x08, 0x12, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	/* changeable: none */
	g_assert_cmphex(CDB(run, 0x1a, 0x08, 0x48, 0, 255, 0)->reply[6], ==, 0);
	assert_sense(CDB(run, 0x1a, 0x08, 0xc8, 0, 255, 0), SCSI_SAVING_NOT_SUPPORTED);
	assert_sense(CDB(run, 0x1a, 0x08, 0x2a, 0, 255, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0x1a, 0x08, 0x08, 1, 255, 0), SCSI_INVALID_FIELD_IN_CDB);
	g_assert_cmpuint(CDB(run, 0x1a, 0, 0x3f, 0, 4, 0)->reply_size, ==, 4);
	g_assert_cmpuint(CDB(run, 0x5a, 0, 0x3f, 0xff, 0, 0, 0, 1, 0, 0)->reply_size, ==,
			 16 + 12 + 20 + 12 + 12);
	run->unit.read_only = true;
	g_assert_cmphex(CDB(run, 0x1a, 0x08, 0x08, 0, 255, 0)->reply[2], ==, 0x90); /* WP */
	g_assert_cmphex(run->command.reply[6], ==, 0);
}

static void test_read_write(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_moves(CDB(run, 0x08, 0x01, 0x02, 0x03, 4, 0), SCSI_READ, 0x10203 * 512, 4 * 512);
	assert_moves(CDB(run, 0x08, 0xe0, 0, 0x10, 0, 0), SCSI_READ, 0x10 * 512, 256 * 512);
	assert_moves(CDB(run, 0x0a, 0, 0, 1, 1, 0), SCSI_WRITE, 512, 512);
	assert_moves(CDB(run, 0x28, 0, 0, 0, 0x12, 0x34, 0, 1, 0, 0), SCSI_READ, 0x1234 * 512,
		     256 * 512);
	g_assert_false(run->command.fua);
	assert_moves(CDB(run, 0x2a, 0x08, 0, 1, 0x23, 0x44, 0, 0, 1, 0), SCSI_WRITE, 0x12344 * 512,
		     512);
	g_assert_true(run->command.fua);
	assert_moves(CDB(run, 0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0), SCSI_READ, 5 * 512, 6 * 512);
	assert_moves(CDB(run, 0xaa, 0x08, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0), SCSI_WRITE, 5 * 512,
		     6 * 512);
	g_assert_true(run->command.fua);
	assert_moves(CDB(run, 0x88, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0), SCSI_READ,
		     0x10000 * 512, 1024);
	assert_moves(CDB(run, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0), SCSI_WRITE,
		     9 * 512, 1024);
	/* nothing is no error, not even at the end */
	assert_nothing(CDB(run, 0x28, 0, 0, 1, 0x23, 0x45, 0, 0, 0, 0));
	assert_nothing(CDB(run, 0x2f, 0, 0, 0, 0, 0, 0, 0xff, 0, 0)); /* VERIFY */
	assert_sense(CDB(run, 0x2f, 0x02, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_INVALID_FIELD_IN_CDB);
}

static void test_range(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_sense(CDB(run, 0x28, 0, 0, 1, 0x23, 0x45, 0, 0, 1, 0), SCSI_LBA_OUT_OF_RANGE);
	assert_sense(CDB(run, 0x28, 0, 0, 1, 0x23, 0x44, 0, 0, 2, 0), SCSI_LBA_OUT_OF_RANGE);
	assert_sense(CDB(run, 0x28, 0, 0, 1, 0x23, 0x46, 0, 0, 0, 0), SCSI_LBA_OUT_OF_RANGE);
	assert_sense(CDB(run, 0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0), SCSI_LBA_OUT_OF_RANGE);
	assert_sense(CDB(run, 0x0a, 0x1f, 0xff, 0xff, 0, 0), SCSI_LBA_OUT_OF_RANGE);
	assert_sense(
		CDB(run, 0x8a, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0),
		SCSI_LBA_OUT_OF_RANGE);
	assert_sense(CDB(run, 0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			 0xff, 0xff, 0, 0),
		     SCSI_LBA_OUT_OF_RANGE);
	/* more than one transfer may move; protection information; NACA; a short CDB */
	assert_sense(CDB(run, 0x28, 0, 0, 0, 0, 0, 0, 0x04, 0x01, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0x04), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0x28, 0, 0, 0, 0, 0, 0, 0, 1), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0xff, 0, 0, 0, 0, 0), SCSI_INVALID_OPCODE);
	assert_sense(CDB(run, 0x04, 0, 0, 0, 0, 0), SCSI_INVALID_OPCODE); /* FORMAT UNIT */
}

static void test_read_only(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	run->unit.read_only = true;
	run->unit.discard = false;
	assert_sense(CDB(run, 0x0a, 0, 0, 0, 1, 0), SCSI_WRITE_PROTECTED);
	assert_sense(CDB(run, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_WRITE_PROTECTED);
	assert_sense(CDB(run, 0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_WRITE_PROTECTED);
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0), SCSI_WRITE_PROTECTED);
	assert_moves(CDB(run, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_READ, 0, 512);
	assert_nothing(CDB(run, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

static void test_synchronize(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmpint(CDB(run, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0)->action, ==, SCSI_FLUSH);
	g_assert_cmpint(CDB(run, 0x35, 0x02, 0, 0, 0, 0, 0, 0, 8, 0)->action, ==, SCSI_FLUSH);
	g_assert_cmpint(CDB(run, 0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)->action, ==,
			SCSI_FLUSH);
	assert_sense(CDB(run, 0x35, 0, 0xff, 0, 0, 0, 0, 0, 1, 0), SCSI_LBA_OUT_OF_RANGE);
}

static void test_write_same(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	run->parameters_size = 512;
	assert_moves(CDB(run, 0x41, 0, 0, 0, 0, 7, 0, 0, 9, 0), SCSI_WRITE_ZEROES, 7 * 512,
		     9 * 512);
	g_assert_false(run->command.may_unmap || run->command.fua);
	assert_moves(CDB(run, 0x93, 0x08, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 0, 0, 0),
		     SCSI_WRITE_ZEROES, 7 * 512, 256 * 512);
	g_assert_true(run->command.may_unmap);
	run->parameters[511] = 1;
	assert_moves(CDB(run, 0x41, 0, 0, 0, 0, 7, 0, 0, 9, 0), SCSI_WRITE_SAME, 7 * 512, 9 * 512);
	assert_sense(CDB(run, 0x41, 0, 0, 0, 0, 7, 0, 0, 0, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0x41, 0x10, 0, 0, 0, 7, 0, 0, 1, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0x41, 0, 0, 1, 0x23, 0x45, 0, 0, 1, 0), SCSI_LBA_OUT_OF_RANGE);
	run->parameters_size = 511;
	assert_sense(CDB(run, 0x41, 0, 0, 0, 0, 7, 0, 0, 9, 0), SCSI_PARAMETER_LIST_LENGTH);
	run->parameters_size = 0; /* NDOB */
	assert_moves(CDB(run, 0x93, 0x09, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0),
		     SCSI_WRITE_ZEROES, 7 * 512, 512);
	run->unit.n_blocks = 1 << 20;
	assert_sense(CDB(run, 0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0),
		     SCSI_INVALID_FIELD_IN_CDB);
	run->unit.discard = false;
	assert_sense(CDB(run, 0x93, 0x09, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0),
		     SCSI_INVALID_FIELD_IN_CDB);
}

static void set_unmap(struct scsi_run *run, uint16_t size, uint16_t descriptors)
{
	memset(run->parameters, 0, sizeof(run->parameters));
	run->parameters[0] = (uint8_t)((size - 2) >> 8);
	run->parameters[1] = (uint8_t)(size - 2);
	run->parameters[2] = (uint8_t)(descriptors >> 8);
	run->parameters[3] = (uint8_t)descriptors;
	run->parameters_size = size;
}

static void test_unmap(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	struct scsi_command *command;

	set_unmap(run, 40, 32);
	run->parameters[15] = 5; /* sectors 5 to 7 */
	run->parameters[19] = 3;
	run->parameters[29] = 0x01; /* and the last one */
	run->parameters[30] = 0x23;
	run->parameters[31] = 0x44;
	run->parameters[35] = 1;
	command = CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0);
	g_assert_cmpint(command->action, ==, SCSI_UNMAP);
	g_assert_cmpuint(command->n_ranges, ==, 2);
	g_assert_cmpuint(command->ranges[0].offset, ==, 5 * 512);
	g_assert_cmpuint(command->ranges[0].length, ==, 3 * 512);
	g_assert_cmpuint(command->ranges[1].offset, ==, 0x12344 * 512);
	run->parameters[35] = 2;
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), SCSI_LBA_OUT_OF_RANGE);
	run->parameters[35] = run->parameters[19] = 0;
	assert_nothing(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0));
	assert_nothing(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	/* lists that say more than they are */
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0), SCSI_PARAMETER_LIST_LENGTH);
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0), SCSI_PARAMETER_LIST_LENGTH);
	run->parameters_size = 24;
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), SCSI_PARAMETER_LIST_LENGTH);
	set_unmap(run, 8 + 16 * 33, 16 * 33);
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 2, 24, 0), SCSI_INVALID_FIELD_IN_PARAMETERS);
	set_unmap(run, 40, 0xffff);
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), SCSI_INVALID_FIELD_IN_PARAMETERS);
	assert_sense(CDB(run, 0x42, 1, 0, 0, 0, 0, 0, 0, 40, 0), SCSI_INVALID_FIELD_IN_CDB);
	run->unit.discard = false;
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 40, 0), SCSI_INVALID_OPCODE);
}

static void test_report_luns(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	run->luns = UINT64_C(1) << 63 | 0x05;
	assert_reply(CDB(run, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0), 0, 0, 0, 24, 0, 0, 0, 0, 0,
		     0, 0, 0, 0, 0, 0, 0);
	assert_reply(CDB(run, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0), 0, 0, 0, 24, 0, 0, 0, 0, 0,
		     0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 63, 0, 0, 0, 0, 0, 0);
	assert_reply(CDB(run, 0xa0, 0, 1, 0, 0, 0, 0, 0, 0, 64, 0, 0), 0, 0, 0, 0, 0, 0, 0, 0);
	assert_sense(CDB(run, 0xa0, 0, 3, 0, 0, 0, 0, 0, 0, 64, 0, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0), SCSI_INVALID_FIELD_IN_CDB);
	run->luns = UINT64_MAX;
	g_assert_cmpuint(CDB(run, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0)->reply_size, ==,
			 8 + 64 * 8);
}

/* A LUN that does not exist says so, in a way that has Linux go on to REPORT LUNS. */
static void test_absent(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	const uint8_t inquiry[] = {0x12, 0, 0, 0, 36, 0}, ready[] = {0, 0, 0, 0, 0, 0};
	const uint8_t vpd[] = {0x12, 1, 0x83, 0, 36, 0};
	const uint8_t luns[] = {0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0};
	struct scsi_command *command = scsi_run_cdb(run, NULL, inquiry, sizeof(inquiry));

	g_assert_cmpuint(command->reply_size, ==, 36);
	g_assert_cmphex(command->reply[0], ==, 0x7f);
	g_assert_cmphex(command->reply[2], ==, 0x06);
	assert_sense(scsi_run_cdb(run, NULL, ready, sizeof(ready)), SCSI_LUN_NOT_SUPPORTED);
	assert_sense(scsi_run_cdb(run, NULL, vpd, sizeof(vpd)), SCSI_INVALID_FIELD_IN_CDB);
	assert_reply(scsi_run_cdb(run, NULL, luns, sizeof(luns)), 0, 0, 0, 0, 0, 0, 0, 0);
}

static void test_attention(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	scsi_unit_set_size(&run->unit, 0x12345 * 512);
	assert_nothing(CDB(run, 0, 0, 0, 0, 0, 0)); /* no change */
	scsi_unit_set_size(&run->unit, 0x20000 * 512 + 511);
	scsi_unit_reset(&run->unit);
	/* INQUIRY and REPORT LUNS do not take it */
	g_assert_cmpint(CDB(run, 0x12, 0, 0, 0, 36, 0)->action, ==, SCSI_REPLY);
	g_assert_cmpint(CDB(run, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0)->action, ==, SCSI_REPLY);
	assert_sense(CDB(run, 0, 0, 0, 0, 0, 0), SCSI_ATTENTION_BUS_RESET);
	assert_sense(CDB(run, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_ATTENTION_CAPACITY_CHANGED);
	assert_nothing(CDB(run, 0, 0, 0, 0, 0, 0));
	assert_reply(CDB(run, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0x01, 0xff, 0xff, 0, 0, 2, 0);
	/* REQUEST SENSE takes it as data */
	scsi_unit_reset(&run->unit);
	assert_reply(CDB(run, 0x03, 0, 0, 0, 18, 0), 0x70, 0, 0x06, 0, 0, 0, 0, 10, 0, 0, 0, 0,
		     0x29, 0x02, 0, 0, 0, 0);
	assert_reply(CDB(run, 0x03, 0, 0, 0, 3, 0), 0x70, 0, 0x00);
	assert_sense(CDB(run, 0x03, 1, 0, 0, 18, 0), SCSI_INVALID_FIELD_IN_CDB);
}

static void test_no_blocks(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	run->unit.n_blocks = 0; /* the file was cut to nothing */
	assert_sense(CDB(run, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), SCSI_NOT_READY_TRAY_CLOSED);
	assert_sense(CDB(run, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_LBA_OUT_OF_RANGE);
}

static void test_others(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_nothing(CDB(run, 0x00, 0, 0, 0, 0, 0));
	assert_nothing(CDB(run, 0x1b, 0, 0, 0, 1, 0)); /* START */
	assert_nothing(CDB(run, 0x1b, 0, 0, 0, 0, 0)); /* STOP */
	assert_sense(CDB(run, 0x1b, 0, 0, 0, 2, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_nothing(CDB(run, 0x1e, 0, 0, 0, 1, 0));
}

static void test_errno(struct scsi_run *run G_GNUC_UNUSED, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t sense[SCSI_SENSE_SIZE];

	g_assert_cmphex(scsi_sense_of_errno(-EIO, SCSI_READ), ==, 0x031100);
	g_assert_cmphex(scsi_sense_of_errno(-EIO, SCSI_WRITE), ==, 0x030c00);
	g_assert_cmphex(scsi_sense_of_errno(-EIO, SCSI_FLUSH), ==, 0x044400);
	g_assert_cmphex(scsi_sense_of_errno(-ENOSPC, SCSI_WRITE), ==, 0x072707);
	g_assert_cmphex(scsi_sense_of_errno(-EROFS, SCSI_WRITE), ==, 0x072700);
	g_assert_cmphex(scsi_sense_of_errno(-ERANGE, SCSI_READ), ==, 0x052100);
	scsi_sense_fill(0x052100, sense);
	g_assert_cmphex(sense[2], ==, 0x05);
	g_assert_cmphex(sense[12], ==, 0x21);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, test) \
	g_test_add("/scsi_disk/" name, struct scsi_run, NULL, set_up, test, tear_down)
	ADD("inquiry", test_inquiry);
	ADD("vpd", test_vpd);
	ADD("read-capacity", test_read_capacity);
	ADD("mode-sense", test_mode_sense);
	ADD("read-write", test_read_write);
	ADD("range", test_range);
	ADD("read-only", test_read_only);
	ADD("synchronize", test_synchronize);
	ADD("write-same", test_write_same);
	ADD("unmap", test_unmap);
	ADD("report-luns", test_report_luns);
	ADD("absent", test_absent);
	ADD("attention", test_attention);
	ADD("no-blocks", test_no_blocks);
	ADD("others", test_others);
	ADD("errno", test_errno);
	return g_test_run();
}
