/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An adapter that takes up a saved state that anybody may have made: an input is the state as
 * fake_device_save writes it. What is taken up runs, and can be saved and taken up again; what it
 * says to the guest lies in the guest's buffers.
 */
#include <string.h>

#include "guest_nic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECEIVE_SIZE (64u * 1728u)

static void state_complete(struct vmbus_channel *channel, uint64_t transaction)
{
	uint32_t words[2] = {108, 1};

	fake_channel_push(channel, &(struct fake_packet){.type = VMBUS_PACKET_COMPLETION,
							 .transaction_id = transaction,
							 .payload = words,
							 .size = sizeof(words)});
}

/* Takes what came, and gives back every other packet. */
static void state_pull(struct guest_nic *nic)
{
	for (unsigned int i = 0; i < GUEST_NIC_CHANNELS; i++) {
		struct fake_sent sent;

		while (nic->channels[i] && fake_channel_is_open(nic->channels[i]) &&
		       fake_channel_pull(nic->channels[i], &sent)) {
			for (uint32_t j = 0; j < sent.n_ranges; j++)
				g_assert(sent.ranges[j].byte_offset <= RECEIVE_SIZE &&
					 sent.ranges[j].byte_count <=
						 RECEIVE_SIZE - sent.ranges[j].byte_offset);
			if (sent.n_ranges > 0 && sent.transaction_id % 2)
				state_complete(nic->channels[i], sent.transaction_id);
			fake_sent_clear(&sent);
		}
	}
}

static void state_traffic(struct guest_nic *nic)
{
	struct virtio_net_hdr large = {
		.flags = 1, .gso_type = 1, .gso_size = 1400, .csum_start = 34, .csum_offset = 16};
	uint8_t frame[4096], message[200];
	uint32_t n;
	size_t size;

	for (unsigned int i = 0; i < 8; i++) {
		struct test_frame wanted = {.payload = i % 2 ? 3000 : 60,
					    .source_port = (uint16_t)i};

		size = test_frame_make(&wanted, frame);
		guest_nic_network_send(nic, i % 2 ? &large : NULL, frame, size);
	}
	fake_vmbus_settle(nic->thread);
	size = test_frame_make(&(struct test_frame){.from_guest = true, .payload = 60}, frame);
	n = guest_nic_wrap(message, frame, (uint32_t)size, NULL, 0);
	nic->send_section = 6144;
	for (unsigned int i = 0; i < GUEST_NIC_CHANNELS; i++)
		if (nic->channels[i] && fake_channel_is_open(nic->channels[i]))
			guest_nic_send_section(nic, i, i, message, n);
	state_pull(nic);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_nic_options options = {.channels = 2, .receive_size = RECEIVE_SIZE};
	struct state_reader reader;
	struct guest_nic nic;
	bool restored;

	guest_nic_build(&nic, &options);
	guest_nic_make_gpadls(&nic);
	state_reader_init(&reader, data, size);
	restored = fake_device_restore(nic.device, nic.device, &reader, nic.channels,
				       GUEST_NIC_CHANNELS);
	g_assert(restored || *reader.fault);
	fake_device_release(nic.device);
	if (restored) {
		state_traffic(&nic);
		guest_nic_move(&nic, &options);
		state_traffic(&nic);
	}
	guest_nic_free(&nic);
	return 0;
}
