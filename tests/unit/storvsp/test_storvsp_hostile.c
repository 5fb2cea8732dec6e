/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SRBs that lie. Each fails alone, or closes the channel; the controller goes on. */
#include <glib.h>
#include <string.h>

#include "scsi.h"
#include "storvsp_guest.h"

static uint8_t buffer[64 << 10];

static void set_up(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	guest_init(g, 0, 0);
	guest_add_memory(g, 0, BLOCK_ERROR_REPORT);
	memset(g->memory[0].data, 0x11, GUEST_DISK_SIZE);
	guest_connect(g, VSTOR_VERSION_6_2);
	memset(buffer, 0xee, sizeof(buffer));
}

/* Whatever it was: the next request is served, and nothing was written. */
static void tear_down(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb read = guest_rw(0, false, 0, 1, buffer);

	if (!fake_channel_is_open(g->channel))
		guest_connect(g, VSTOR_VERSION_6_2);
	g_assert_cmphex(guest_execute(g, &read).srb_status, ==, SRB_STATUS_SUCCESS);
	for (uint32_t i = 0; i < GUEST_DISK_SIZE; i++)
		g_assert_cmphex(g->memory[0].data[i], ==, 0x11);
	guest_clear(g);
}

static void assert_malformed(struct storvsp_guest *g, const struct guest_srb *srb)
{
	struct storvsp_stats before, after;
	struct vstor_srb answer;

	storvsp_get_stats(g->vsp, &before);
	answer = guest_execute(g, srb);
	g_assert_cmphex(answer.srb_status, ==, SRB_STATUS_INVALID_REQUEST);
	g_assert_cmpuint(answer.data_transfer_length, ==, 0);
	g_assert_cmpuint(answer.sense_info_length, ==, 0);
	storvsp_get_stats(g->vsp, &after);
	g_assert_cmpuint(after.malformed, ==, before.malformed + 1);
}

static void test_lengths(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb srb = guest_rw(0, false, 0, 8, buffer);

	srb.length = 4097; /* more than the buffer */
	assert_malformed(g, &srb);
	srb.length = UINT32_MAX;
	assert_malformed(g, &srb);
	srb.length = 4095; /* less than the CDB says */
	assert_malformed(g, &srb);
	srb.length = 0;
	assert_malformed(g, &srb);
	srb.length = 4096;
	srb.n_iov = 0; /* no buffer at all */
	assert_malformed(g, &srb);
	srb.length = 0;
	assert_malformed(g, &srb);
	srb = guest_rw(0, true, 0, 8, buffer);
	srb.iov[0].iov_len = 512;
	assert_malformed(g, &srb);
	for (size_t i = 0; i < sizeof(buffer); i++)
		g_assert_cmphex(buffer[i], ==, 0xee);
}

/* A buffer that is larger than the request gets no more than was asked for. */
static void test_larger(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb srb = guest_rw(0, false, 0, 2, buffer);
	struct vstor_srb answer;

	srb.iov[0].iov_len = srb.length = 4096;
	answer = guest_execute(g, &srb);
	g_assert_cmphex(answer.srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint(answer.data_transfer_length, ==, 1024);
	g_assert_cmphex(buffer[1023], ==, 0x11);
	g_assert_cmphex(buffer[1024], ==, 0xee);
}

/* An answer ends where the shortest of allocation, data_transfer_length and buffer does. */
static void test_short_reply(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb srb = {.cdb = {0x12, 0, 0, 0, 36},
				.cdb_size = 6,
				.direction = SRB_DATA_IN,
				.iov = {{buffer, 3}, {buffer + 10, 4}},
				.n_iov = 2,
				.length = 5};
	struct vstor_srb answer = guest_execute(g, &srb);

	g_assert_cmpuint(answer.data_transfer_length, ==, 5);
	g_assert_cmphex(buffer[2], ==, 0x06);
	g_assert_cmphex(buffer[3], ==, 0xee);
	g_assert_cmphex(buffer[11], ==, 31);
	g_assert_cmphex(buffer[12], ==, 0xee);
}

static void test_direction(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb srb = guest_rw(0, false, 0, 1, buffer);

	srb.direction = SRB_DATA_OUT;
	assert_malformed(g, &srb);
	srb.direction = SRB_DATA_NONE;
	assert_malformed(g, &srb);
	srb.direction = 3;
	assert_malformed(g, &srb);
	srb = guest_rw(0, true, 0, 1, buffer);
	srb.direction = SRB_DATA_IN;
	assert_malformed(g, &srb);
	srb = (struct guest_srb){.cdb = {0x12, 0, 0, 0, 36},
				 .cdb_size = 6,
				 .direction = SRB_DATA_OUT,
				 .iov = {{buffer, 36}},
				 .n_iov = 1,
				 .length = 36};
	assert_malformed(g, &srb);
	g_assert_cmphex(buffer[0], ==, 0xee);
}

static void test_cdb_length(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	struct guest_srb srb = guest_rw(0, false, 0, 1, buffer);
	struct vstor_srb answer;

	srb.cdb_size = 0;
	assert_malformed(g, &srb);
	srb.cdb_size = 17;
	assert_malformed(g, &srb);
	srb.cdb_size = 255;
	assert_malformed(g, &srb);
	srb.cdb_size = 9;
	answer = guest_execute(g, &srb);
	g_assert_cmphex(guest_sense(&answer), ==, SCSI_INVALID_FIELD_IN_CDB);
}

static void send_raw(struct storvsp_guest *g, const struct fake_packet *packet)
{
	fake_channel_send(g->channel, packet);
}

/* A guest that gives no room for sense data gets none. */
static void test_sense_length(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t sizes[] = {0, 1, 13, 18, 20, 255};
	struct guest_srb srb = guest_rw(0, false, GUEST_DISK_SIZE, 1, buffer);

	for (size_t i = 0; i < sizeof(sizes); i++) {
		struct vstor_packet packet;
		struct guest_answer answer;

		guest_srb_fill(&srb, &packet);
		packet.srb.sense_info_length = sizes[i];
		send_raw(g, &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
						  .payload = &packet,
						  .size = sizeof(packet),
						  .buffer = srb.iov,
						  .n_buffer = 1});
		g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
		g_assert_cmpuint(answer.packet.srb.sense_info_length, ==, MIN(sizes[i], 18));
		g_assert_cmpint(!!(answer.packet.srb.srb_status & SRB_STATUS_AUTOSENSE_VALID), ==,
				sizes[i] != 0);
		for (unsigned int j = answer.packet.srb.sense_info_length; j < VSTOR_SENSE_SIZE;
		     j++)
			g_assert_cmphex(answer.packet.srb.sense_data[j], ==, 0);
	}
}

/* Thousands of pieces of one byte. */
static void test_pieces(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree struct iovec *iov = g_new(struct iovec, 4096);
	struct guest_srb srb = guest_rw(0, true, 0, 8, buffer);
	struct vstor_packet packet;
	struct guest_answer answer;

	for (uint32_t i = 0; i < 4096; i++)
		iov[i] = (struct iovec){buffer + i, 1};
	for (int same = 0; same < 2; same++) {
		guest_srb_fill(&srb, &packet);
		if (same) {
			packet.srb.cdb[0] = 0x41;
			packet.srb.data_transfer_length = 512;
		}
		send_raw(g, &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
						  .payload = &packet,
						  .size = sizeof(packet),
						  .buffer = iov,
						  .n_buffer = 4096});
		g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
		g_assert_cmphex(answer.packet.srb.srb_status, ==, SRB_STATUS_INVALID_REQUEST);
	}
}

/* Packets of every size from nothing to more than the largest. */
static void test_packet_sizes(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	uint8_t packet[256] = {VSTOR_EXECUTE_SRB};

	packet[12 + 8] = 6; /* TEST UNIT READY */
	for (uint32_t size = 0; size <= sizeof(packet); size += 8) {
		struct guest_answer answer;

		send_raw(g, &(struct fake_packet){.payload = packet, .size = size});
		if (size >= 64 && size <= 128) {
			g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
			g_assert_cmpuint(answer.size, ==, 64);
			continue;
		}
		g_assert_false(fake_channel_is_open(g->channel));
		g_assert_cmpuint(fake_channel_faults(g->channel), ==, 1);
		guest_connect(g, VSTOR_VERSION_6_2);
	}
}

static void test_packet_types(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	static const uint8_t packet[64] = {VSTOR_EXECUTE_SRB};
	struct guest_answer answer;

	send_raw(g, &(struct fake_packet){
			    .type = VMBUS_PACKET_COMPLETION, .payload = packet, .size = 64});
	g_assert_false(guest_answer(g->channel, 0, &answer));
	g_assert_true(fake_channel_is_open(g->channel));
	send_raw(g, &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_XFER_PAGES,
					  .payload = packet,
					  .size = 64});
	g_assert_false(fake_channel_is_open(g->channel));
	g_assert_cmpstr(fake_channel_last_fault(g->channel), ==,
			"storage packet of the wrong type or size");
}

/* Packets of random bytes, right in size, with buffers of their own. */
static void test_random(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	for (int i = 0; i < 20000; i++) {
		struct vstor_packet packet = {0};
		uint8_t *bytes = (uint8_t *)&packet;
		struct iovec iov[2] = {{buffer, g_random_int() % 9000},
				       {buffer + 10000, g_random_int() % 9000}};
		struct guest_answer answer;

		for (size_t j = 0; j < sizeof(packet); j++)
			bytes[j] = g_random_int() % 3 ? 0 : (uint8_t)g_random_int();
		packet.operation = g_random_int() % 16;
		if (g_random_int() % 2) {
			packet.operation = VSTOR_EXECUTE_SRB;
			packet.srb.path_id = packet.srb.target_id = packet.srb.lun = 0;
			packet.srb.cdb_length = 16;
			packet.srb.data_in = SRB_DATA_IN; /* the disk must stay as it is */
			packet.srb.data_transfer_length = g_random_int() % 18000;
		}
		if (packet.operation == VSTOR_EXECUTE_SRB && packet.srb.data_in == SRB_DATA_OUT)
			packet.srb.data_in = SRB_DATA_NONE;
		if (packet.srb.cdb[0] == 0x93 && packet.srb.cdb[1] & 1) /* zeroes without data */
			packet.srb.cdb[0] = 0;
		send_raw(g, &(struct fake_packet){
				    .type = g_random_int() % 2 ? VMBUS_PACKET_DATA_INBAND
							       : VMBUS_PACKET_DATA_USING_GPA_DIRECT,
				    .payload = &packet,
				    .size = sizeof(packet),
				    .buffer = iov,
				    .n_buffer = 2});
		g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
	}
	guest_disconnect(g);
	guest_connect(g, VSTOR_VERSION_6_2);
	/* resets may have left an attention */
	guest_execute(g, &(struct guest_srb){.cdb_size = 6, .direction = SRB_DATA_NONE});
}

/* The list of an UNMAP changes when the first of its ranges is in work: what was checked is done.
 */
static void test_changing_list(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	/* sectors 2 and 5 */
	uint8_t list[8 + 2 * 16] = {0, 38, 0, 32, [15] = 2, [19] = 1, [31] = 5, [35] = 1};
	const struct guest_srb unmap = {.direction = SRB_DATA_OUT,
					.cdb = {0x42, [8] = sizeof(list)},
					.cdb_size = 10,
					.iov = {{list, sizeof(list)}},
					.n_iov = 1,
					.length = sizeof(list)};
	struct guest_answer answer;

	g->memory[0].hold = true;
	guest_push(g, g->channel, &unmap);
	fake_channel_kick(g->channel);
	g_assert_false(guest_answer(g->channel, 0, &answer));
	memset(list + 8, 0xff, 32); /* far outside the disk */
	g->memory[0].hold = false;
	guest_release(g, 0);
	g_assert_true(guest_answer(g->channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmphex(answer.packet.srb.srb_status, ==, SRB_STATUS_SUCCESS);
	g_assert_cmpuint(g->memory[0].n[BLOCK_DISCARD], ==, 2);
	for (uint32_t i = 0; i < GUEST_DISK_SIZE; i++)
		g_assert_cmphex(g->memory[0].data[i], ==, i / 512 == 2 || i / 512 == 5 ? 0 : 0x11);
	memset(g->memory[0].data, 0x11, GUEST_DISK_SIZE);
}

/* The data of a WRITE SAME, which another byte fills each time that the disk is called. */
struct changing {
	uint8_t data[512];
	uint8_t calls;
};

static void change_data(void *context)
{
	struct changing *changing = context;

	memset(changing->data, ++changing->calls, sizeof(changing->data));
}

/* It changes while it is worked on: zeroes that were seen are what is written, and of other data,
 * which is the guest's to choose as with any WRITE, neither place nor length follow the change. */
static void test_changing_data(struct storvsp_guest *g, gconstpointer data G_GNUC_UNUSED)
{
	const uint32_t first = 3, count = 512;

	for (uint8_t fill = 0; fill < 2; fill++) {
		struct changing changing = {0};
		/* In pieces that do not begin with each other. */
		const struct guest_srb same = {
			.direction = SRB_DATA_OUT,
			.cdb = {0x41, [5] = (uint8_t)first, [7] = (uint8_t)(count >> 8)},
			.cdb_size = 10,
			.iov = {{changing.data, 100}, {changing.data + 100, 412}},
			.n_iov = 2,
			.length = sizeof(changing.data)};
		uint32_t at = first * 512;
		unsigned int steps;

		memset(changing.data, fill ? 0xff : 0, sizeof(changing.data));
		g->memory[0].serving = change_data;
		g->memory[0].context = &changing;
		g_assert_cmphex(guest_execute(g, &same).srb_status, ==, SRB_STATUS_SUCCESS);
		g->memory[0].serving = NULL;
		steps = g->memory[0].n[BLOCK_WRITE];
		g_assert_cmpuint(g->memory[0].n[BLOCK_WRITE_ZEROES], ==, 1);
		g_assert_cmpuint(changing.calls, ==, fill ? steps : 1);
		if (fill)
			g_assert_cmpuint(steps, >, 2);
		else
			g_assert_cmpuint(steps, ==, 0);
		for (uint32_t i = 0; i < GUEST_DISK_SIZE; i++) {
			const uint8_t *byte = &g->memory[0].data[i];

			if (i < at || i >= at + count * 512)
				g_assert_cmphex(*byte, ==, 0x11);
			else if (!fill)
				g_assert_cmphex(*byte, ==, 0);
			else /* what was there at one of the calls, in their order */
				g_assert_true(*byte >= 1 && *byte <= steps &&
					      (i == at || *byte >= byte[-1]));
		}
		memset(g->memory[0].data, 0x11, GUEST_DISK_SIZE);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(name, test) \
	g_test_add("/storvsp_hostile/" name, struct storvsp_guest, NULL, set_up, test, tear_down)
	ADD("lengths", test_lengths);
	ADD("larger", test_larger);
	ADD("short-reply", test_short_reply);
	ADD("direction", test_direction);
	ADD("cdb-length", test_cdb_length);
	ADD("sense-length", test_sense_length);
	ADD("pieces", test_pieces);
	ADD("packet-sizes", test_packet_sizes);
	ADD("packet-types", test_packet_types);
	ADD("changing-list", test_changing_list);
	ADD("changing-data", test_changing_data);
	ADD("random", test_random);
	return g_test_run();
}
