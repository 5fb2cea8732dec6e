/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The protocol around SRBs, and disks that come and go. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "scsi.h"
#include "storage_error.h"
#include "storvsp_guest.h"

static void set_up(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	guest_init(g, 3, 0);
}

static void tear_down(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	guest_clear(g);
}

static uint32_t control(struct storvsp_guest *g, uint32_t operation, uint16_t argument)
{
	struct vstor_packet packet = {.operation = operation, .protocol.version = argument};

	return guest_control(g, g->channel, &packet);
}

static void test_versions(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static const uint16_t good[] = {0x0200, 0x0402, 0x0501, 0x0600, 0x0602};
	struct storvsp_stats stats;
	uint8_t buffer[512];

	guest_add_memory(g, 0, BLOCK_ERROR_REPORT);
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		struct guest_srb read = guest_rw(0, false, 0, 1, buffer);

		guest_connect(g, good[i]);
		storvsp_get_stats(g->vsp, &stats);
		g_assert_true(stats.ready);
		g_assert_cmphex(stats.version, ==, good[i]);
		g_assert_cmphex(guest_execute(g, &read).srb_status, ==, SRB_STATUS_SUCCESS);
		guest_disconnect(g);
		storvsp_get_stats(g->vsp, &stats);
		g_assert_false(stats.ready);
	}
}

/* A newer guest asks for what nobody knows yet, then for older ones. */
static void test_version_refused(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	g->channel = fake_channel_open(g->device, 0, NULL);
	g_assert_cmphex(control(g, VSTOR_BEGIN_INITIALIZATION, 0), ==, 0);
	g_assert_cmphex(control(g, VSTOR_QUERY_PROTOCOL_VERSION, 0x0700), ==, 0xc0000059);
	g_assert_cmphex(control(g, VSTOR_QUERY_PROTOCOL_VERSION, 0x0603), ==, 0xc0000059);
	g_assert_cmphex(control(g, VSTOR_QUERY_PROTOCOL_VERSION, 0x0602), ==, 0);
}

static void test_order(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	const uint32_t wrong = (uint32_t)VSTOR_STATUS_INVALID_DEVICE_STATE;

	g->channel = fake_channel_open(g->device, 0, NULL);
	g_assert_cmphex(control(g, VSTOR_QUERY_PROTOCOL_VERSION, 0x0602), ==, wrong);
	g_assert_cmphex(control(g, VSTOR_QUERY_PROPERTIES, 0), ==, wrong);
	g_assert_cmphex(control(g, VSTOR_END_INITIALIZATION, 0), ==, wrong);
	g_assert_cmphex(control(g, VSTOR_CREATE_SUB_CHANNELS, 1), ==, wrong);
	g_assert_cmphex(control(g, VSTOR_EXECUTE_SRB, 0), ==, wrong);
	g_assert_cmphex(control(g, VSTOR_RESET_BUS, 0), ==, wrong);
	g_assert_cmphex(control(g, VSTOR_BEGIN_INITIALIZATION, 0), ==, 0);
	g_assert_cmphex(control(g, VSTOR_QUERY_PROTOCOL_VERSION, 0x0602), ==, 0);
	g_assert_cmphex(control(g, VSTOR_END_INITIALIZATION, 0), ==, 0);
	g_assert_cmphex(control(g, VSTOR_BEGIN_INITIALIZATION, 0), ==, wrong);
	g_assert_cmphex(control(g, VSTOR_FCHBA_DATA, 0), ==, 0xc0000010);
	g_assert_cmphex(control(g, 0, 0), ==, 0xc0000010);
	g_assert_cmphex(control(g, 14, 0), ==, 0xc0000010);
	g_assert_cmphex(control(g, 0xffffffff, 0), ==, 0xc0000010);
	g_assert_true(fake_channel_is_open(g->channel)); /* each failed alone */
}

static void test_sub_channels(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct vstor_packet packet = {.operation = VSTOR_QUERY_PROPERTIES};
	struct vmbus_channel *sub;
	struct guest_srb read;
	struct guest_answer answer;
	uint8_t buffer[512];

	guest_add_memory(g, 0, BLOCK_ERROR_REPORT);
	memset(g->memory[0].data, 0x42, 512);
	guest_connect(g, VSTOR_VERSION_6_2);
	g_assert_cmphex(control(g, VSTOR_CREATE_SUB_CHANNELS, 0), ==, 0xc000000d);
	g_assert_cmphex(control(g, VSTOR_CREATE_SUB_CHANNELS, 4), ==, 0xc000000d);
	g_assert_cmphex(control(g, VSTOR_CREATE_SUB_CHANNELS, 2), ==, 0);
	g_assert_cmpuint(fake_device_sub_channels(g->device), ==, 2);
	g_assert_cmphex(control(g, VSTOR_CREATE_SUB_CHANNELS, 2), ==, 0xc000009a);
	sub = fake_channel_open(g->device, 2, NULL);
	g_assert_nonnull(sub);
	read = guest_rw(0, false, 0, 1, buffer);
	guest_push(g, sub, &read);
	fake_channel_kick(sub);
	g_assert_true(guest_answer(sub, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmphex(answer.packet.srb.srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmphex(buffer[511], ==, 0x42);
	/* none of a sub-channel's own, and no other version than the primary channel's */
	packet = (struct vstor_packet){.operation = VSTOR_CREATE_SUB_CHANNELS, .sub_channels = 1};
	g_assert_cmphex(guest_control(g, sub, &packet), ==, 0xc0000184);
	packet = (struct vstor_packet){.operation = VSTOR_BEGIN_INITIALIZATION};
	g_assert_cmphex(guest_control(g, sub, &packet), ==, 0);
	packet = (struct vstor_packet){.operation = VSTOR_QUERY_PROTOCOL_VERSION,
				       .protocol.version = VSTOR_VERSION_4_2};
	g_assert_cmphex(guest_control(g, sub, &packet), ==, 0xc0000059);
}

static void test_properties(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct vstor_packet packet = {.operation = VSTOR_QUERY_PROPERTIES};

	g->channel = fake_channel_open(g->device, 0, NULL);
	g_assert_cmphex(control(g, VSTOR_BEGIN_INITIALIZATION, 0), ==, 0);
	g_assert_cmphex(control(g, VSTOR_QUERY_PROTOCOL_VERSION, 0x0602), ==, 0);
	g_assert_cmphex(guest_control(g, g->channel, &packet), ==, 0);
	g_assert_cmpuint(packet.properties.max_channels, ==, 3);
	g_assert_cmphex(packet.properties.flags, ==, VSTOR_PROPERTY_MULTI_CHANNEL);
	g_assert_cmpuint(packet.properties.max_transfer_bytes, ==, 512 << 10);
}

/* ---- disks ----------------------------------------------------------------------------------- */

static struct guest_srb inquiry(unsigned int path, unsigned int target, unsigned int lun,
				uint8_t *reply)
{
	return (struct guest_srb){.path = (uint8_t)path,
				  .target = (uint8_t)target,
				  .lun = (uint8_t)lun,
				  .cdb = {0x12, 0, 0, 0, 36},
				  .cdb_size = 6,
				  .direction = SRB_DATA_IN,
				  .iov = {{reply, 36}},
				  .n_iov = 1,
				  .length = 36};
}

static struct guest_srb test_ready(unsigned int lun)
{
	return (struct guest_srb){.lun = (uint8_t)lun, .cdb_size = 6, .direction = SRB_DATA_NONE};
}

static void assert_type(struct storvsp_guest *g, unsigned int path, unsigned int target,
			unsigned int lun, uint8_t type)
{
	uint8_t reply[36];
	struct guest_srb srb = inquiry(path, target, lun, reply);
	struct vstor_srb answer = guest_execute(g, &srb);

	g_assert_cmphex(answer.srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint(answer.data_transfer_length, ==, 36);
	g_assert_cmphex(reply[0], ==, type);
}

static uint32_t count_luns(struct storvsp_guest *g, uint8_t target)
{
	uint8_t reply[600] = {0};
	struct guest_srb srb = {.target = target,
				.cdb = {0xa0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x58},
				.cdb_size = 12,
				.direction = SRB_DATA_IN,
				.iov = {{reply, 600}},
				.n_iov = 1,
				.length = 600};

	g_assert_cmphex(guest_execute(g, &srb).srb_status, ==, SRB_STATUS_SUCCESS);
	return ((uint32_t)reply[2] << 8 | reply[3]) / 8;
}

/* How Linux looks for disks: INQUIRY at each target, then REPORT LUNS; LUN 0 need not exist. */
static void test_scan(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb ready = test_ready(0);

	guest_add_memory(g, 5, BLOCK_ERROR_REPORT);
	guest_add_memory(g, 63, BLOCK_ERROR_REPORT);
	guest_connect(g, VSTOR_VERSION_6_2);
	assert_type(g, 0, 0, 0, 0x7f);
	g_assert_cmpuint(count_luns(g, 0), ==, 2);
	assert_type(g, 0, 0, 5, 0x00);
	assert_type(g, 0, 0, 63, 0x00);
	assert_type(g, 0, 0, 64, 0x7f);
	assert_type(g, 0, 1, 5, 0x7f);
	assert_type(g, 1, 0, 5, 0x7f);
	g_assert_cmpuint(count_luns(g, 1), ==, 0);
	g_assert_cmphex(guest_execute(g, &ready).srb_status, ==, SRB_STATUS_INVALID_LUN);
}

static void assert_enumerate(struct storvsp_guest *g)
{
	struct guest_answer answer;

	g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmpuint(answer.packet.operation, ==, VSTOR_ENUMERATE_BUS);
	g_assert_cmpuint(answer.transaction_id, ==, 0);
}

static void test_hot_plug(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_answer answer;
	struct guest_srb ready = test_ready(1);

	guest_connect(g, VSTOR_VERSION_6_2);
	g_assert_false(guest_answer(g->channel, 0, &answer));
	guest_add_memory(g, 1, BLOCK_ERROR_REPORT);
	assert_enumerate(g);
	g_assert_cmpuint(fake_channel_flushes(g->channel), ==, 5); /* 4 answers, and this */
	g_assert_cmphex(guest_execute(g, &ready).srb_status, ==, SRB_STATUS_SUCCESS);
	guest_remove_memory(g, 1);
	assert_enumerate(g);
	g_assert_cmphex(guest_execute(g, &ready).srb_status, ==, SRB_STATUS_INVALID_LUN);
	/* while the guest's ring has no room the message waits */
	fake_channel_limit(g->channel, 0);
	guest_add_memory(g, 1, BLOCK_ERROR_REPORT);
	g_assert_false(guest_answer(g->channel, 0, &answer));
	fake_channel_limit(g->channel, UINT32_MAX);
	assert_enumerate(g);
}

/* The disk goes while the guest uses it: what is in flight ends, the rest is told. */
static void test_surprise_removal(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[8][512];
	struct guest_answer answer;

	guest_add_memory(g, 0, BLOCK_ERROR_REPORT);
	guest_connect(g, VSTOR_VERSION_6_2);
	g->memory[0].hold = true;
	for (uint32_t i = 0; i < 8; i++) {
		struct guest_srb read = guest_rw(0, false, i, 1, buffer[i]);

		guest_push(g, g->channel, &read);
	}
	fake_channel_kick(g->channel);
	g_assert_false(guest_answer(g->channel, 0, &answer));
	guest_remove_memory(g, 0);
	for (uint32_t i = 0; i < 8; i++) {
		g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
		g_assert_cmphex(answer.packet.srb.srb_status, ==, SRB_STATUS_SUCCESS);
	}
	assert_enumerate(g);
}

/* What waits for the host's storage to be mended does not wait for a disk that is gone. */
static void test_removal_while_stopped(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static uint8_t buffer[512];
	struct guest_srb read = guest_rw(0, false, 0, 1, buffer);
	struct guest_answer answer;

	guest_add_memory(g, 0, BLOCK_ERROR_STOP);
	guest_connect(g, VSTOR_VERSION_6_2);
	g->memory[0].fail = -EIO;
	g->memory[0].fail_op = BLOCK_N_OPS;
	for (int i = 0; i < 3; i++)
		guest_push(g, g->channel, &read);
	fake_channel_kick(g->channel);
	g_assert_false(guest_answer(g->channel, 0, &answer));
	guest_remove_memory(g, 0);
	for (int i = 0; i < 3; i++) {
		g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
		g_assert_cmphex(answer.packet.srb.srb_status, ==, SRB_STATUS_INVALID_LUN);
	}
	assert_enumerate(g);
}

/* A guest that has not noticed that its disk has gone does not take the next one for it. */
static void test_replaced(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb ready = test_ready(1);
	uint8_t buffer[512];
	struct guest_srb write = guest_rw(1, true, 0, 1, buffer);

	guest_add_memory(g, 1, BLOCK_ERROR_REPORT);
	guest_connect(g, VSTOR_VERSION_6_2);
	g_assert_cmphex(guest_execute(g, &ready).srb_status, ==, SRB_STATUS_SUCCESS);
	for (int i = 0; i < 3; i++) { /* also of one that it was never shown */
		guest_remove_memory(g, 1);
		assert_enumerate(g);
		guest_add_memory(g, 1, BLOCK_ERROR_REPORT);
		assert_enumerate(g);
	}
	g_assert_cmpuint(count_luns(g, 0), ==, 0);
	assert_type(g, 0, 0, 1, 0x7f); /* that it asks for a name means nothing */
	memset(buffer, 0x42, sizeof(buffer));
	g_assert_cmphex(guest_execute(g, &write).srb_status, ==, SRB_STATUS_INVALID_LUN);
	g_assert_cmphex(g->memory[1].data[0], ==, 0);
	assert_enumerate(g);
	g_assert_cmpuint(count_luns(g, 0), ==, 1);
	g_assert_cmphex(guest_execute(g, &write).srb_status, ==, SRB_STATUS_SUCCESS);
	/* A driver that comes anew looks by itself. */
	guest_remove_memory(g, 1);
	guest_disconnect(g);
	guest_add_memory(g, 1, BLOCK_ERROR_REPORT);
	guest_connect(g, VSTOR_VERSION_6_2);
	g_assert_cmphex(guest_execute(g, &ready).srb_status, ==, SRB_STATUS_SUCCESS);
}

/* The other disks say that there are others; a DVD drive does not, whose disc is the same. */
static void test_luns_changed(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb ready = test_ready(0), drive = test_ready(7);
	struct storvsp_disk dvd = {.kind = STORVSP_DVD, .id = {7}};
	struct vstor_srb answer;

	guest_add_memory(g, 0, BLOCK_ERROR_REPORT);
	g_assert_true(storvsp_add(g->vsp, 7, &dvd, NULL));
	guest_connect(g, VSTOR_VERSION_6_2);
	/* Nothing of what happened before there was a driver. */
	g_assert_cmphex(guest_execute(g, &ready).srb_status, ==, SRB_STATUS_SUCCESS);
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			guest_add_memory(g, 1, BLOCK_ERROR_REPORT);
		else
			guest_remove_memory(g, 1);
		assert_enumerate(g);
		answer = guest_execute(g, &ready);
		g_assert_cmphex(guest_sense(&answer), ==, SCSI_ATTENTION_LUNS_CHANGED);
		g_assert_cmphex(guest_execute(g, &ready).srb_status, ==, SRB_STATUS_SUCCESS);
		answer = guest_execute(g, &drive);
		g_assert_cmphex(guest_sense(&answer), ==, SCSI_NOT_READY_TRAY_CLOSED);
	}
}

static void test_resize(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb ready = test_ready(0);
	uint8_t reply[8];
	struct guest_srb capacity = {.cdb = {0x25},
				     .cdb_size = 10,
				     .direction = SRB_DATA_IN,
				     .iov = {{reply, 8}},
				     .n_iov = 1,
				     .length = 8};
	struct vstor_srb answer;

	guest_add_memory(g, 0, BLOCK_ERROR_REPORT);
	guest_connect(g, VSTOR_VERSION_6_2);
	g->memory[0].size = GUEST_DISK_SIZE / 2;
	g_assert_true(storvsp_refresh(g->vsp, 0, NULL));
	assert_enumerate(g);
	answer = guest_execute(g, &ready);
	g_assert_cmphex(answer.srb_status, ==, SRB_STATUS_ERROR | SRB_STATUS_AUTOSENSE_VALID);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_ATTENTION_CAPACITY_CHANGED);
	answer = guest_execute(g, &capacity);
	g_assert_cmphex(answer.srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint((uint32_t)reply[2] << 8 | reply[3], ==, GUEST_DISK_SIZE / 1024 - 1);
	/* without the owner's word: found when the guest asks */
	g->memory[0].size = GUEST_DISK_SIZE;
	answer = guest_execute(g, &capacity);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_ATTENTION_CAPACITY_CHANGED);
}

/* ---- DVD ------------------------------------------------------------------------------------- */

static struct block *make_disc(struct storvsp_guest *g, struct memory_block *memory,
			       uint32_t sector)
{
	const struct block_info info = {
		.block_size = sector, .physical_block_size = 4096, .read_only = true};
	const struct block_config config = {.name = "iso", .thread = g->thread};

	return memory_block_new(memory, 64 << 10, &info, &config);
}

static void free_disc(void *context)
{
	struct memory_block *memory = context;

	block_free(memory->block);
	memory_block_clear(memory);
}

static void test_dvd(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	struct memory_block first, second, large;
	struct storvsp_disk drive = {.kind = STORVSP_DVD, .serial = "DVD1"};
	struct guest_srb ready = test_ready(2);
	uint8_t buffer[2048];
	struct guest_srb read = {.lun = 2,
				 .cdb = {0x28, 0, 0, 0, 0, 16, 0, 0, 1},
				 .cdb_size = 10,
				 .direction = SRB_DATA_IN,
				 .iov = {{buffer, 1000}, {buffer + 1000, 1048}},
				 .n_iov = 2,
				 .length = 2048};
	struct vstor_srb answer;

	g_assert_true(storvsp_add(g->vsp, 2, &drive, NULL));
	guest_connect(g, VSTOR_VERSION_6_2);
	assert_type(g, 0, 0, 2, 0x05);
	answer = guest_execute(g, &ready);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_NOT_READY_TRAY_CLOSED);
	make_disc(g, &first, 512);
	memset(first.data + 16 * 2048, 'C', 2048);
	g_assert_true(storvsp_change_medium(g->vsp, 2, first.block, NULL));
	answer = guest_execute(g, &ready);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_ATTENTION_MEDIUM_CHANGED);
	g_assert_cmphex(guest_execute(g, &read).srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmpint(buffer[0], ==, 'C');
	g_assert_cmpint(buffer[2047], ==, 'C');
	make_disc(g, &second, 512);
	g_assert_true(storvsp_change_medium(g->vsp, 2, second.block, NULL));
	io_thread_call(g->thread, free_disc, &first);
	g_assert_true(storvsp_change_medium(g->vsp, 2, NULL, NULL));
	io_thread_call(g->thread, free_disc, &second);
	make_disc(g, &large, 4096);
	g_assert_false(storvsp_change_medium(g->vsp, 2, large.block, &error));
	g_assert_error(error, STORAGE_ERROR, STORAGE_ERROR_INVALID);
	io_thread_call(g->thread, free_disc, &large);
}

/* ---- settings that are refused --------------------------------------------------------------- */

static void assert_refused(struct storvsp_guest *g, unsigned int lun,
			   const struct storvsp_disk *disk, const char *part)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(storvsp_add(g->vsp, lun, disk, &error));
	g_assert_error(error, STORAGE_ERROR, STORAGE_ERROR_INVALID);
	if (!strstr(error->message, part))
		g_error("\"%s\" is not in \"%s\"", part, error->message);
}

static void test_bad(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	struct storvsp_disk drive = {.kind = STORVSP_DVD};

	guest_add_memory(g, 0, BLOCK_ERROR_REPORT);
	assert_refused(g, 0, &drive, "LUN 0 of storvsp0: there is a disk already");
	assert_refused(g, 64, &drive, "LUN 64 of storvsp0: a controller has the LUNs 0 to 63");
	assert_refused(g, 1, &(struct storvsp_disk){.kind = STORVSP_DISK}, "needs an image");
	drive.serial = "a\tb";
	assert_refused(g, 1, &drive, "1 to 36 printable");
	drive.serial = "0123456789012345678901234567890123456";
	assert_refused(g, 1, &drive, "1 to 36 printable");
	drive.serial = "";
	assert_refused(g, 1, &drive, "1 to 36 printable");
	g_assert_false(storvsp_remove(g->vsp, 1, &error));
	g_assert_nonnull(strstr(error->message, "there is no disk"));
	g_clear_error(&error);
	g_assert_false(storvsp_change_medium(g->vsp, 0, NULL, &error));
	g_assert_nonnull(strstr(error->message, "only a DVD drive's medium"));
}

static void test_no_offer(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	const struct storvsp_config config = {
		.name = "storvsp1", .bus = g->bus, .thread = g->thread};

	fake_vmbus_fail_offers(g->bus, 1);
	g_assert_null(storvsp_new(&config, &error));
	g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, test) \
	g_test_add("/storvsp/" name, struct storvsp_guest, NULL, set_up, test, tear_down)
	ADD("versions", test_versions);
	ADD("version-refused", test_version_refused);
	ADD("order", test_order);
	ADD("properties", test_properties);
	ADD("sub-channels", test_sub_channels);
	ADD("scan", test_scan);
	ADD("hot-plug", test_hot_plug);
	ADD("surprise-removal", test_surprise_removal);
	ADD("removal-while-stopped", test_removal_while_stopped);
	ADD("replaced", test_replaced);
	ADD("luns-changed", test_luns_changed);
	ADD("resize", test_resize);
	ADD("dvd", test_dvd);
	ADD("bad", test_bad);
	ADD("no-offer", test_no_offer);
	return g_test_run();
}
