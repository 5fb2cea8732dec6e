/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A DVD drive's commands against bytes written down from MMC-6 and SPC-4. */
#include "scsi_run.h"

/* 1000 sectors: a small ISO image. */
static void set_up(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	run->unit = (struct scsi_unit){
		.kind = SCSI_DVD,
		.n_blocks = 1000,
		.block_size = 2048,
		.physical_block_size = 2048,
		.read_only = true,
		.max_transfer = 512 << 10,
		.vendor = "Msft",
		.product = "Virtual DVD-ROM",
		.revision = "1.0",
		.serial = "D",
	};
}

static void tear_down(struct scsi_run *run G_GNUC_UNUSED, gconstpointer data G_GNUC_UNUSED)
{
}

static void test_inquiry(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_reply(CDB(run, 0x12, 0, 0, 0, 8, 0), 0x05, 0x80, 0x06, 0x12, 31, 0, 0, 0x02);
	assert_reply(CDB(run, 0x12, 1, 0, 0, 255, 0), 0x05, 0, 0, 3, 0x00, 0x80, 0x83);
	assert_sense(CDB(run, 0x12, 1, 0xb0, 0, 255, 0), SCSI_INVALID_FIELD_IN_CDB);
}

static void test_read(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_reply(CDB(run, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0, 0x03, 0xe7, 0, 0, 8, 0);
	assert_moves(CDB(run, 0x28, 0, 0, 0, 0, 16, 0, 0, 2, 0), SCSI_READ, 16 * 2048, 4096);
	assert_moves(CDB(run, 0xa8, 0, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0), SCSI_READ, 16 * 2048, 4096);
	assert_sense(CDB(run, 0x28, 0, 0, 0, 0x03, 0xe8, 0, 0, 1, 0), SCSI_LBA_OUT_OF_RANGE);
	assert_sense(CDB(run, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_INVALID_OPCODE);
	assert_sense(CDB(run, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0), SCSI_INVALID_OPCODE);
}

static void test_toc(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_reply(CDB(run, 0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0), 0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0,
		     0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0x03, 0xe8);
	/* MSF: 1000 sectors and 2 seconds are 15 seconds and 25 frames */
	assert_reply(CDB(run, 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 20, 0), 0, 10, 1, 1, 0, 0x14, 0xaa, 0,
		     0, 0, 15, 25);
	assert_reply(CDB(run, 0x43, 2, 0, 0, 0, 0, 1, 0, 12, 0), 0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0,
		     2, 0);
	assert_reply(CDB(run, 0x43, 0, 1, 0, 0, 0, 0, 0, 20, 0), 0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0,
		     0, 0);
	assert_reply(CDB(run, 0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40), 0, 10, 1, 1, 0, 0x14, 1, 0, 0,
		     0, 0, 0);
	assert_sense(CDB(run, 0x43, 0, 0, 0, 0, 0, 2, 0, 20, 0), SCSI_INVALID_FIELD_IN_CDB);
	assert_sense(CDB(run, 0x43, 0, 4, 0, 0, 0, 0, 0, 20, 0), SCSI_INVALID_FIELD_IN_CDB);
}

static void test_configuration(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	struct scsi_command *command = CDB(run, 0x46, 0, 0, 0, 0, 0, 0, 0, 255, 0);

	g_assert_cmpuint(command->reply_size, ==, 8 + 12 + 12 + 8 + 8 + 12 + 8 + 8);
	g_assert_cmpuint(command->reply[3], ==, command->reply_size - 4);
	g_assert_cmphex(command->reply[7], ==, 0x08); /* of this size it passes for a CD */
	/* one feature: random readable, current */
	assert_reply(CDB(run, 0x46, 2, 0, 0x10, 0, 0, 0, 0, 255, 0), 0, 0, 0, 16, 0, 0, 0, 0x08, 0,
		     0x10, 0x01, 8, 0, 0, 8, 0, 0, 16, 0, 0);
	run->unit.n_blocks = 1000000;
	g_assert_cmphex(CDB(run, 0x46, 1, 0, 0x1f, 0, 0, 0, 0, 255, 0)->reply[7], ==, 0x10);
	g_assert_cmphex(run->command.reply[9], ==, 0x1f);
	run->unit.n_blocks = 0;
	g_assert_cmphex(CDB(run, 0x46, 1, 0, 0, 0, 0, 0, 0, 255, 0)->reply[7], ==, 0);
	g_assert_cmpuint(run->command.reply_size, ==, 8 + 12 + 12 + 8 + 8);
	assert_sense(CDB(run, 0x46, 3, 0, 0, 0, 0, 0, 0, 255, 0), SCSI_INVALID_FIELD_IN_CDB);
}

static void test_disc_information(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_reply(CDB(run, 0x51, 0, 0, 0, 0, 0, 0, 0, 8, 0), 0, 32, 0x0e, 1, 1, 1, 1, 0x20);
	assert_sense(CDB(run, 0x51, 1, 0, 0, 0, 0, 0, 0, 8, 0), SCSI_INVALID_FIELD_IN_CDB);
}

static void test_capabilities(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	struct scsi_command *command = CDB(run, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128, 0);

	g_assert_cmpuint(command->reply_size, ==, 8 + 20);
	g_assert_cmphex(command->reply[7], ==, 0); /* no block descriptor */
	g_assert_cmphex(command->reply[8], ==, 0x2a);
}

/* The guest ejects; the owner puts another disc in. */
static void test_medium(struct scsi_run *run, gconstpointer data G_GNUC_UNUSED)
{
	assert_reply(CDB(run, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0, 6, 4, 0x10, 0, 0x02, 0, 0);
	assert_nothing(CDB(run, 0x1e, 0, 0, 0, 1, 0));
	assert_sense(CDB(run, 0x1b, 0, 0, 0, 2, 0), SCSI_REMOVAL_PREVENTED);
	assert_nothing(CDB(run, 0x1e, 0, 0, 0, 0, 0));
	assert_nothing(CDB(run, 0x1b, 0, 0, 0, 2, 0));
	assert_sense(CDB(run, 0, 0, 0, 0, 0, 0), SCSI_NOT_READY_TRAY_OPEN);
	assert_sense(CDB(run, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), SCSI_NOT_READY_TRAY_OPEN);
	assert_reply(CDB(run, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0, 6, 4, 0x10, 3, 0x01, 0, 0);
	assert_reply(CDB(run, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0, 6, 4, 0x10, 0, 0x01, 0, 0);
	scsi_unit_set_medium(&run->unit, 5000 * 2048);
	assert_sense(CDB(run, 0, 0, 0, 0, 0, 0), SCSI_ATTENTION_MEDIUM_CHANGED);
	assert_nothing(CDB(run, 0, 0, 0, 0, 0, 0));
	assert_reply(CDB(run, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0), 0, 6, 4, 0x10, 2, 0x02, 0, 0);
	assert_reply(CDB(run, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, 0, 0x13, 0x87, 0, 0, 8, 0);
	scsi_unit_set_medium(&run->unit, 0);
	assert_sense(CDB(run, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), SCSI_NOT_READY_TRAY_CLOSED);
	assert_sense(CDB(run, 0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0), SCSI_NOT_READY_TRAY_CLOSED);
	assert_reply(CDB(run, 0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8, 0), 0, 2, 0x80, 0x10);
	assert_sense(CDB(run, 0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8, 0), SCSI_INVALID_FIELD_IN_CDB);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, test) \
	g_test_add("/scsi_dvd/" name, struct scsi_run, NULL, set_up, test, tear_down)
	ADD("inquiry", test_inquiry);
	ADD("read", test_read);
	ADD("toc", test_toc);
	ADD("configuration", test_configuration);
	ADD("disc-information", test_disc_information);
	ADD("capabilities", test_capabilities);
	ADD("medium", test_medium);
	return g_test_run();
}
