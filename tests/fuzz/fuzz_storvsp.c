/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's storage packets, with disks that stop, come and go meanwhile. */
#include <string.h>

#include "storvsp_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input is a row of these. */
struct step {
	uint8_t kind, type, size, buffers;
	uint16_t lengths[2];
	struct vstor_packet packet;
} __attribute__((packed));

static uint8_t memory[2][65536];

static void send(struct storvsp_guest *g, const struct step *step)
{
	static const enum vmbus_packet_type types[] = {
		VMBUS_PACKET_DATA_INBAND, VMBUS_PACKET_DATA_USING_GPA_DIRECT,
		VMBUS_PACKET_DATA_USING_XFER_PAGES, VMBUS_PACKET_COMPLETION};
	const struct iovec iov[2] = {{memory[0] + (step->buffers >> 4), step->lengths[0] / 2},
				     {memory[1], step->lengths[1]}};
	struct fake_packet packet = {
		.type = types[step->type % 16 < 12 ? 1 : step->type % 4],
		.flags = 1,
		.payload = &step->packet,
		/* mostly as large as it has to be */
		.size = step->size & 0x80 ? step->size % 65u : sizeof(step->packet),
	};

	if (packet.type == VMBUS_PACKET_DATA_USING_GPA_DIRECT && step->buffers % 3) {
		packet.buffer = iov;
		packet.n_buffer = step->buffers % 3;
	}
	fake_channel_push(g->channel, &packet);
	if (!(step->kind & 0x10))
		fake_channel_kick(g->channel);
}

static void do_step(struct storvsp_guest *g, const struct step *step)
{
	switch (step->kind % 16) {
	case 0:
		g->memory[0].hold = !g->memory[0].hold;
		break;
	case 1:
		guest_release(g, 0);
		break;
	case 2:
		if (g->memory[1].data)
			guest_remove_memory(g, 1);
		else
			guest_add_memory(g, 1, BLOCK_ERROR_STOP);
		break;
	case 3:
		g->memory[1].fail = g->memory[1].fail ? 0 : -5;
		break;
	case 4:
		fake_channel_limit(g->channel, step->lengths[0] % 512);
		break;
	case 5:
		fake_channel_limit(g->channel, UINT32_MAX);
		break;
	case 6:
		guest_disconnect(g);
		break;
	default:
		send(g, step);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct storvsp_guest g;
	struct step step;

	guest_init(&g, 0, 6);
	guest_add_memory(&g, 0, BLOCK_ERROR_REPORT);
	guest_add_memory(&g, 1, BLOCK_ERROR_STOP);
	guest_connect(&g, VSTOR_VERSION_6_2);
	for (; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
		memcpy(&step, data, sizeof(step));
		do_step(&g, &step);
		if (!g.channel || !fake_channel_is_open(g.channel)) {
			g.memory[0].hold = false;
			g.memory[1].fail = 0;
			guest_connect(&g, VSTOR_VERSION_6_2);
		}
	}
	guest_clear(&g);
	return 0;
}
