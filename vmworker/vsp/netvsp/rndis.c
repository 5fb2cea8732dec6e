/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rndis.h"

#include <string.h>

#include "frame_iov.h"

/* A value of 32 bits, as every information that is taken has. */
static void rndis_take_info(struct rndis_frame *frame, uint32_t type, uint32_t value)
{
	switch (type) {
	case RNDIS_INFO_CHECKSUM:
		frame->offload.has_checksum = true;
		frame->offload.checksum = value;
		break;
	case RNDIS_INFO_LARGE_SEND:
		frame->offload.has_large_send = true;
		frame->offload.large_send = value;
		break;
	case RNDIS_INFO_8021Q:
		frame->has_vlan = true;
		frame->vlan = (uint16_t)((value & 7) << 13 | (value >> 3 & 1) << 12 |
					 (value >> 4 & 0xfff));
		break;
	default: /* others are hints */
		break;
	}
}

static const char *rndis_parse_info(const uint8_t *info, size_t size, struct rndis_frame *frame)
{
	uint32_t seen = 0;

	while (size > 0) {
		struct rndis_info header;
		uint32_t value = 0;

		if (size < sizeof(header))
			return "per-packet information that is cut off";
		memcpy(&header, info, sizeof(header));
		if (header.size < sizeof(header) || header.size > size ||
		    header.offset < sizeof(header) || header.offset > header.size)
			return "per-packet information that lies outside itself";
		if (header.type < 32) {
			if (seen & 1u << header.type)
				return "per-packet information that is there twice";
			seen |= 1u << header.type;
		}
		if (header.size - header.offset >= sizeof(value))
			memcpy(&value, info + header.offset, sizeof(value));
		else if (header.type == RNDIS_INFO_CHECKSUM ||
			 header.type == RNDIS_INFO_LARGE_SEND || header.type == RNDIS_INFO_8021Q)
			return "per-packet information without its value";
		rndis_take_info(frame, header.type, value);
		info += header.size;
		size -= header.size;
	}
	return NULL;
}

/* The range lies behind the packet's header and within `space` bytes. */
static bool rndis_within(uint32_t offset, uint32_t size, size_t space)
{
	return offset >= sizeof(struct rndis_packet) && offset <= space && size <= space - offset;
}

static bool rndis_overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < b ? b - a < a_size : a - b < b_size;
}

const char *rndis_parse_packet(const struct iovec *message, unsigned int n, size_t size,
			       struct rndis_frame *frame)
{
	uint8_t info[RNDIS_INFO_MAX];
	struct rndis_packet packet;
	size_t space;

	*frame = (struct rndis_frame){0};
	if (size < RNDIS_PACKET_HEADER || frame_iov_read(message, n, sizeof(struct rndis_header),
							 &packet, sizeof(packet)) != sizeof(packet))
		return "an RNDIS packet without its header";
	space = size - sizeof(struct rndis_header);
	if (packet.data_size == 0 || !rndis_within(packet.data_offset, packet.data_size, space))
		return "an RNDIS packet whose data lies outside";
	frame->data = packet.data_offset + (uint32_t)sizeof(struct rndis_header);
	frame->data_size = packet.data_size;
	if (packet.info_size == 0)
		return NULL;
	if (!rndis_within(packet.info_offset, packet.info_size, space))
		return "an RNDIS packet whose information lies outside";
	if (rndis_overlap(packet.info_offset, packet.info_size, packet.data_offset,
			  packet.data_size))
		return "an RNDIS packet whose information and data overlap";
	if (packet.info_size > sizeof(info))
		return "an RNDIS packet with too much information";
	if (frame_iov_read(message, n, sizeof(struct rndis_header) + packet.info_offset, info,
			   packet.info_size) != packet.info_size)
		return "an RNDIS packet whose information is not there";
	return rndis_parse_info(info, packet.info_size, frame);
}

static size_t rndis_put_info(uint8_t *at, uint32_t type, uint32_t value)
{
	struct rndis_info header = {
		.size = sizeof(header) + 4, .type = type, .offset = sizeof(header)};

	memcpy(at, &header, sizeof(header));
	memcpy(at + sizeof(header), &value, 4);
	return header.size;
}

size_t rndis_build_packet(const struct rndis_receive *receive,
			  uint8_t header[RNDIS_RECEIVE_HEADER_MAX])
{
	struct rndis_header outer = {.type = RNDIS_PACKET};
	struct rndis_packet packet = {.data_size = receive->data_size};
	size_t size = RNDIS_PACKET_HEADER;

	if (receive->checksum)
		size += rndis_put_info(header + size, RNDIS_INFO_CHECKSUM, receive->checksum);
	if (receive->has_vlan)
		size += rndis_put_info(header + size, RNDIS_INFO_8021Q,
				       (uint32_t)(receive->vlan >> 13) |
					       (uint32_t)(receive->vlan >> 12 & 1) << 3 |
					       (uint32_t)(receive->vlan & 0xfff) << 4);
	if (receive->has_hash)
		size += rndis_put_info(header + size, RNDIS_INFO_HASH, receive->hash);
	if (receive->has_piece)
		size += rndis_put_info(header + size, RNDIS_INFO_PACKET_ID,
				       RNDIS_PACKET_ID_VERSION | (uint32_t)receive->piece << 8);
	packet.info_size = (uint32_t)(size - RNDIS_PACKET_HEADER);
	packet.info_offset = packet.info_size ? sizeof(packet) : 0;
	packet.data_offset = (uint32_t)(size - sizeof(outer));
	outer.size = (uint32_t)size + receive->data_size;
	memcpy(header, &outer, sizeof(outer));
	memcpy(header + sizeof(outer), &packet, sizeof(packet));
	return size;
}

size_t rndis_build_indicate(uint32_t status, const uint32_t *value,
			    uint8_t message[RNDIS_INDICATE_MAX])
{
	struct rndis_header header = {.type = RNDIS_INDICATE,
				      .size = sizeof(header) + sizeof(struct rndis_indicate) +
					      (value ? 4 : 0)};
	struct rndis_indicate indicate = {
		.status = status, .size = value ? 4 : 0, .offset = value ? sizeof(indicate) : 0};

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), &indicate, sizeof(indicate));
	if (value)
		memcpy(message + sizeof(header) + sizeof(indicate), value, 4);
	return header.size;
}
