/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guest to back end. A packet is up to RNDIS_PACKETS_MAX messages in a row, which lie in a section
 * of the send buffer, in the packet's own buffer, or begin in the first and end in the second. Only
 * headers are copied (once) and looked at; payload goes from guest memory to the back end.
 */
#include <string.h>

#include "frame_iov.h"
#include "netvsp_private.h"
#include "record.h"
#include "segment.h"

/* Headers with room for a VLAN header to be put in. */
struct netvsp_frame {
	uint8_t header[FRAME_HEADER_MAX + FRAME_VLAN];
	struct virtio_net_hdr undone;
	struct iovec pieces[NET_FRAME_PIECES];
	unsigned int n;
	size_t size;
};

static bool netvsp_send_map(struct netvsp_channel *channel, const struct vmbus_packet *packet,
			    const struct nvsp_rndis_packet *rndis)
{
	struct netvsp *netvsp = channel->netvsp;
	unsigned int n = 0;

	channel->n_pieces = 0;
	channel->size = 0;
	if (rndis->section != NVSP_NO_SECTION && rndis->section_size > 0) {
		if (rndis->section >= netvsp->n_send_sections ||
		    rndis->section_size > NETVSP_SEND_SECTION)
			return false;
		n = net_buffer_slice(&netvsp->send_buffer,
				     (uint64_t)rndis->section * NETVSP_SEND_SECTION,
				     rndis->section_size, channel->pieces, NETVSP_PIECES);
		if (n == 0)
			return false;
		channel->size = rndis->section_size;
	}
	if (packet->n_buffer > NETVSP_PIECES - n ||
	    packet->buffer_size > (uint64_t)2 * NET_FRAME_MAX)
		return false;
	if (packet->n_buffer > 0)
		memcpy(channel->pieces + n, packet->buffer,
		       packet->n_buffer * sizeof(*packet->buffer));
	channel->n_pieces = n + packet->n_buffer;
	channel->size += packet->buffer_size;
	return channel->size >= sizeof(struct rndis_header);
}

static bool netvsp_send_is_data(const struct netvsp_channel *channel)
{
	uint32_t type = 0;

	frame_iov_read(channel->pieces, channel->n_pieces, 0, &type, sizeof(type));
	return type == RNDIS_PACKET;
}

void netvsp_send_begin(struct netvsp_channel *channel, const struct vmbus_packet *packet,
		       const struct nvsp_rndis_packet *rndis)
{
	channel->busy = true;
	channel->wants_completion = packet->flags & VMBUS_PACKET_WANTS_COMPLETION;
	channel->transaction = packet->transaction_id;
	channel->status = NVSP_STATUS_SUCCESS;
	channel->done = 0;
	channel->messages = 0;
	if (!netvsp_send_map(channel, packet, rndis)) {
		channel->netvsp->counters.send_invalid++;
		channel->status = NVSP_STATUS_FAILURE;
		channel->done = channel->size;
		return;
	}
	record_traffic("rndis", 0, 0, NULL, channel->pieces, channel->n_pieces);
	if (!netvsp_send_is_data(channel)) {
		netvsp_control_rndis(channel);
	} else if (!channel->netvsp->rndis.initialized) {
		channel->netvsp->counters.send_dropped++;
		channel->status = NVSP_STATUS_FAILURE;
		channel->done = channel->size;
	}
}

/* The back end does not know what is left to do. */
static bool netvsp_send_finished(struct netvsp_channel *channel, struct netvsp_frame *frame)
{
	static const struct virtio_net_hdr plain;
	struct net_backend *backend = channel->netvsp->backend;
	struct iovec pieces[NET_FRAME_PIECES];
	uint8_t header[FRAME_HEADER_MAX];
	struct segmenter segmenter;
	bool sent = true;
	unsigned int n;

	if (frame->undone.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return offload_finish_checksum(&frame->undone, frame->pieces, frame->n) &&
		       net_backend_send(backend, channel->index, &plain, frame->pieces, frame->n);
	if (!segmenter_init(&segmenter, frame->pieces, frame->n, frame->undone.gso_size))
		return false;
	while ((n = segmenter_next(&segmenter, header, pieces, NET_FRAME_PIECES)))
		sent = net_backend_send(backend, channel->index, &plain, pieces, n) && sent;
	/* Each costs as much as a frame; the message itself is counted by the caller. */
	channel->spent += segmenter.index > 0 ? segmenter.index - 1 : 0;
	return sent;
}

static uint32_t netvsp_send_needs(const struct virtio_net_hdr *undone)
{
	uint32_t needs = undone->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM ? NET_OFFLOAD_CHECKSUM : 0;

	switch (undone->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return needs | NET_OFFLOAD_TSO4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return needs | NET_OFFLOAD_TSO6;
	default:
		return needs;
	}
}

static void netvsp_send_out(struct netvsp_channel *channel, struct netvsp_frame *frame)
{
	struct netvsp *netvsp = channel->netvsp;
	bool sent;

	if (netvsp_send_needs(&frame->undone) & ~net_backend_offloads(netvsp->backend))
		sent = netvsp_send_finished(channel, frame);
	else
		sent = net_backend_send(netvsp->backend, channel->index, &frame->undone,
					frame->pieces, frame->n);
	if (!sent) {
		netvsp->counters.send_dropped++;
		return;
	}
	netvsp->counters.sent++;
	netvsp->counters.sent_bytes += frame->size;
	if (frame->undone.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		netvsp->counters.sent_large++;
}

static size_t netvsp_send_vlan(struct netvsp_frame *frame, size_t known, uint16_t vlan)
{
	uint8_t *at = frame->header + 12;

	memmove(at + FRAME_VLAN, at, known - 12);
	frame_put16(at, 0x8100);
	frame_put16(at + 2, vlan);
	frame->size += FRAME_VLAN;
	return known + FRAME_VLAN;
}

/* Makes a frame of a message. NULL, or what is wrong with it. */
static const char *netvsp_send_frame(struct netvsp_channel *channel, const struct iovec *message,
				     unsigned int n, size_t size, struct netvsp_frame *frame)
{
	const struct netvsp *netvsp = channel->netvsp;
	struct rndis_frame rndis;
	const char *wrong = rndis_parse_packet(message, n, size, &rndis);
	size_t known, rest;

	if (wrong)
		return wrong;
	if (rndis.data_size < NET_FRAME_MIN || rndis.data_size > NET_FRAME_MAX - FRAME_VLAN ||
	    (!rndis.offload.has_large_send &&
	     rndis.data_size > netvsp->nvsp.mtu + FRAME_ETHERNET + FRAME_VLAN))
		return "a frame of impossible size";
	frame->size = rndis.data_size;
	known = frame_iov_read(message, n, rndis.data, frame->header,
			       MIN(rndis.data_size, FRAME_HEADER_MAX));
	rest = rndis.data_size - known;
	if (netvsp->rndis.fixed_mac &&
	    memcmp(frame->header + 6, netvsp->rndis.permanent_mac, 6) != 0)
		return "a frame with a source address that the adapter may not use";
	frame->n = 1;
	if (rest > 0) {
		unsigned int more = frame_iov_slice(message, n, rndis.data + known, rest,
						    frame->pieces + 1, NET_FRAME_PIECES - 1);

		if (more == 0)
			return "a frame in too many pieces";
		frame->n += more;
	}
	if (rndis.has_vlan)
		known = netvsp_send_vlan(frame, known, rndis.vlan);
	frame->pieces[0] = (struct iovec){frame->header, known};
	return offload_send(&rndis.offload, frame->header, known, frame->size, &frame->undone);
}

/* The size of the message at `done`, or 0 when there is none that it may send. More than it was
 * told that a packet may have end it there: the first ones are on their way by then. */
static size_t netvsp_send_next(struct netvsp_channel *channel)
{
	struct rndis_header header;
	size_t left = channel->size - channel->done;

	if (channel->messages == RNDIS_PACKETS_MAX)
		return 0;
	if (left < sizeof(header) ||
	    frame_iov_read(channel->pieces, channel->n_pieces, channel->done, &header,
			   sizeof(header)) != sizeof(header))
		return 0;
	if (header.type != RNDIS_PACKET || header.size < sizeof(header) || header.size > left)
		return 0;
	return header.size;
}

static bool netvsp_send_allowed(struct netvsp *netvsp, size_t size)
{
	uint64_t again;

	if (!net_backend_can_send(netvsp->backend))
		return false;
	again = net_bucket_take(&netvsp->send_bucket, size,
				netvsp->send_bucket.rate ? netvsp_now() : 0);
	if (again == 0)
		return true;
	netvsp->counters.throttled++;
	io_timer_arm(netvsp->send_timer, again);
	return false;
}

bool netvsp_send_continue(struct netvsp_channel *channel)
{
	while (channel->done < channel->size) {
		struct iovec message[NETVSP_PIECES];
		struct netvsp_frame frame;
		size_t size = netvsp_send_next(channel);
		const char *wrong = "no RNDIS message where one should be, or one too many";
		unsigned int n;

		if (channel->spent >= NETVSP_BUDGET)
			return false;
		if (size > 0) {
			if (!netvsp_send_allowed(channel->netvsp, size))
				return false;
			n = frame_iov_slice(channel->pieces, channel->n_pieces, channel->done, size,
					    message, NETVSP_PIECES);
			wrong = netvsp_send_frame(channel, message, n, size, &frame);
		}
		if (wrong) {
			channel->netvsp->counters.send_invalid++;
			channel->status = NVSP_STATUS_INVALID_RNDIS_PACKET;
			g_debug("%s: %s", channel->netvsp->name, wrong);
		} else {
			netvsp_send_out(channel, &frame);
		}
		if (size == 0) /* no way to find the next one */
			break;
		channel->done += size;
		channel->messages++;
		channel->spent++;
	}
	channel->done = channel->size;
	return true;
}
