/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "storvsp_guest.h"

#include <string.h>

/* ---- the host's side --------------------------------------------------------------------------
 */

void guest_init(struct storvsp_guest *guest, uint16_t max_sub_channels, unsigned int requests)
{
	struct storvsp_config config = {
		.name = "storvsp0", .max_sub_channels = max_sub_channels, .max_requests = requests};

	memset(guest, 0, sizeof(*guest));
	guest->bus = config.bus = fake_vmbus_new();
	guest->thread = config.thread = io_thread_new("test-storvsp", NULL);
	guest->vsp = storvsp_new(&config, NULL);
	g_assert_nonnull(guest->vsp);
	guest->device = fake_vmbus_find(guest->bus, "storvsp0");
	g_assert_nonnull(guest->device);
	guest->packet_size = VSTOR_PACKET_SIZE;
}

static void free_block(void *context)
{
	struct memory_block *memory = context;

	block_free(memory->block);
	memory_block_clear(memory);
}

void guest_clear(struct storvsp_guest *guest)
{
	storvsp_free(guest->vsp);
	for (unsigned int i = 0; i < STORVSP_LUNS; i++) {
		if (guest->memory[i].data)
			io_thread_call(guest->thread, free_block, &guest->memory[i]);
	}
	fake_vmbus_free(guest->bus);
	io_thread_free(guest->thread);
}

void guest_add_memory(struct storvsp_guest *guest, unsigned int lun, enum block_error_policy policy)
{
	const struct block_info info = {.block_size = 512,
					.physical_block_size = 4096,
					.write_back = true,
					.discard = true,
					.discard_zeroes = true};
	const struct block_config config = {
		.name = "disk", .thread = guest->thread, .policy = policy};
	struct storvsp_disk disk = {.kind = STORVSP_DISK, .id = {1, (uint8_t)lun}};

	disk.block = memory_block_new(&guest->memory[lun], GUEST_DISK_SIZE, &info, &config);
	g_assert_true(storvsp_add(guest->vsp, lun, &disk, NULL));
}

void guest_remove_memory(struct storvsp_guest *guest, unsigned int lun)
{
	g_assert_true(storvsp_remove(guest->vsp, lun, NULL));
	io_thread_call(guest->thread, free_block, &guest->memory[lun]);
}

static void release(void *context)
{
	memory_block_release(context);
}

void guest_release(struct storvsp_guest *guest, unsigned int lun)
{
	io_thread_call(guest->thread, release, &guest->memory[lun]);
}

/* ---- packets --------------------------------------------------------------------------------- */

bool guest_answer(struct vmbus_channel *channel, unsigned int timeout_ms,
		  struct guest_answer *answer)
{
	struct fake_sent sent;

	if (!fake_channel_wait(channel, timeout_ms, &sent))
		return false;
	memset(answer, 0, sizeof(*answer));
	answer->size = sent.size;
	answer->transaction_id = sent.transaction_id;
	g_assert_cmpuint(sent.size, <=, sizeof(answer->packet));
	memcpy(&answer->packet, sent.payload, sent.size);
	if (sent.type == VMBUS_PACKET_COMPLETION)
		g_assert_cmpuint(answer->packet.operation, ==, VSTOR_COMPLETE_IO);
	fake_sent_clear(&sent);
	return true;
}

uint32_t guest_control(struct storvsp_guest *guest, struct vmbus_channel *channel,
		       struct vstor_packet *packet)
{
	struct guest_answer answer;

	packet->flags = 1;
	fake_channel_send(channel, &(struct fake_packet){.flags = VMBUS_PACKET_WANTS_COMPLETION,
							 .transaction_id = ++guest->transaction,
							 .payload = packet,
							 .size = guest->packet_size});
	g_assert_true(guest_answer(channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmpuint(answer.transaction_id, ==, guest->transaction);
	*packet = answer.packet;
	return answer.packet.status;
}

void guest_connect(struct storvsp_guest *guest, uint16_t version)
{
	struct vstor_packet packet = {.operation = VSTOR_BEGIN_INITIALIZATION};

	guest->channel = fake_channel_open(guest->device, 0, NULL);
	g_assert_nonnull(guest->channel);
	guest->packet_size =
		version >= VSTOR_VERSION_5_1 ? VSTOR_PACKET_SIZE : VSTOR_PACKET_SIZE_OLD;
	g_assert_cmphex(guest_control(guest, guest->channel, &packet), ==, 0);
	packet = (struct vstor_packet){.operation = VSTOR_QUERY_PROTOCOL_VERSION,
				       .protocol.version = version};
	g_assert_cmphex(guest_control(guest, guest->channel, &packet), ==, 0);
	packet = (struct vstor_packet){.operation = VSTOR_QUERY_PROPERTIES};
	g_assert_cmphex(guest_control(guest, guest->channel, &packet), ==, 0);
	g_assert_cmpuint(packet.properties.max_transfer_bytes, ==, STORVSP_MAX_TRANSFER);
	packet = (struct vstor_packet){.operation = VSTOR_END_INITIALIZATION};
	g_assert_cmphex(guest_control(guest, guest->channel, &packet), ==, 0);
}

void guest_disconnect(struct storvsp_guest *guest)
{
	fake_channel_close(guest->channel);
	guest->channel = NULL;
}

void guest_srb_fill(const struct guest_srb *srb, struct vstor_packet *packet)
{
	*packet = (struct vstor_packet){
		.operation = VSTOR_EXECUTE_SRB,
		.flags = 1,
		.srb = {.length = sizeof(struct vstor_srb),
			.path_id = srb->path,
			.target_id = srb->target,
			.lun = srb->lun,
			.cdb_length = srb->cdb_size,
			.sense_info_length = VSTOR_SENSE_SIZE,
			.data_in = srb->direction,
			.data_transfer_length = srb->length},
	};
	memcpy(packet->srb.cdb, srb->cdb, sizeof(srb->cdb));
}

uint64_t guest_push(struct storvsp_guest *guest, struct vmbus_channel *channel,
		    const struct guest_srb *srb)
{
	struct vstor_packet packet;

	guest_srb_fill(srb, &packet);
	fake_channel_push(channel, &(struct fake_packet){
					   .type = srb->n_iov ? VMBUS_PACKET_DATA_USING_GPA_DIRECT
							      : VMBUS_PACKET_DATA_INBAND,
					   .flags = VMBUS_PACKET_WANTS_COMPLETION,
					   .transaction_id = ++guest->transaction,
					   .payload = &packet,
					   .size = guest->packet_size,
					   .buffer = srb->n_iov ? srb->iov : NULL,
					   .n_buffer = srb->n_iov,
				   });
	return guest->transaction;
}

struct vstor_srb guest_execute(struct storvsp_guest *guest, const struct guest_srb *srb)
{
	uint64_t id = guest_push(guest, guest->channel, srb);
	struct guest_answer answer;

	fake_channel_kick(guest->channel);
	g_assert_true(guest_answer(guest->channel, GUEST_TIMEOUT_MS, &answer));
	g_assert_cmpuint(answer.transaction_id, ==, id);
	g_assert_cmpuint(answer.size, ==, guest->packet_size);
	g_assert_cmphex(answer.packet.status, ==, 0);
	return answer.packet.srb;
}

struct guest_srb guest_rw(unsigned int lun, bool write, uint32_t lba, uint16_t blocks, void *buffer)
{
	return (struct guest_srb){
		.lun = (uint8_t)lun,
		.cdb = {write ? 0x2a : 0x28, 0, (uint8_t)(lba >> 24), (uint8_t)(lba >> 16),
			(uint8_t)(lba >> 8), (uint8_t)lba, 0, (uint8_t)(blocks >> 8),
			(uint8_t)blocks},
		.cdb_size = 10,
		.direction = write ? SRB_DATA_OUT : SRB_DATA_IN,
		.iov = {{buffer, blocks * 512u}},
		.n_iov = 1,
		.length = blocks * 512u,
	};
}

uint32_t guest_sense(const struct vstor_srb *srb)
{
	if (!(srb->srb_status & SRB_STATUS_AUTOSENSE_VALID) || srb->sense_info_length < 14)
		return 0;
	g_assert_cmpuint(srb->scsi_status, ==, SCSI_STATUS_CHECK_CONDITION);
	g_assert_cmphex(srb->sense_data[0], ==, 0x70);
	return (uint32_t)srb->sense_data[2] << 16 | (uint32_t)srb->sense_data[12] << 8 |
	       srb->sense_data[13];
}
