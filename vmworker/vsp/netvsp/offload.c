/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "offload.h"

#include <string.h>

#include "rndis_wire.h"

#define TCP_CHECKSUM 16u
#define UDP_CHECKSUM 6u
#define TCP_FLAGS    13u
#define TCP_CWR	     0x80u

static bool offload_is_ip_sum_only(const struct offload_request *request)
{
	return !request->has_large_send &&
	       !(request->checksum & (RNDIS_CHECKSUM_TCP | RNDIS_CHECKSUM_UDP));
}

/* What the pseudo header counts: a short frame may have padding behind the IP packet. */
static uint32_t offload_transport_size(const uint8_t *header, size_t frame_size,
				       const struct frame *frame)
{
	const uint8_t *ip = header + frame->l3;
	size_t end = frame->l3 + (frame->ip == 4 ? (size_t)frame_get16(ip + 2)
						 : (size_t)frame_get16(ip + 4) + 40);

	if (end < frame->l4 || end > frame_size)
		end = frame_size;
	return (uint32_t)(end - frame->l4);
}

/* Asks for the checksum of the transport header, whose place holds the pseudo header's sum then. */
static const char *offload_partial(uint8_t *header, size_t size, size_t frame_size,
				   const struct frame *frame, struct virtio_net_hdr *out)
{
	size_t place = frame->protocol == FRAME_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
	size_t least = frame->protocol == FRAME_TCP ? 20 : 8;

	if (frame->l4 == 0 || frame->fragment || size < frame->l4 || size - frame->l4 < least)
		return "a checksum request for a packet without that header";
	frame_put16(header + frame->l4 + place,
		    frame_sum_fold(frame_sum_pseudo(
			    header, frame, offload_transport_size(header, frame_size, frame))));
	out->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	out->csum_start = frame->l4;
	out->csum_offset = (uint16_t)place;
	return NULL;
}

/* The guest leaves the length and the IPv4 checksum of a large packet for us to set. */
static const char *offload_set_length(uint8_t *header, size_t frame_size, const struct frame *frame)
{
	size_t length = frame_size - frame->l3 - (frame->ip == 6 ? 40 : 0);

	if (length > UINT16_MAX)
		return "a large send that is longer than an IP packet can be";
	if (frame->ip == 6) {
		frame_put16(header + frame->l3 + 4, (uint16_t)length);
		return NULL;
	}
	frame_put16(header + frame->l3 + 2, (uint16_t)length);
	frame_ip4_checksum(header + frame->l3);
	return NULL;
}

static const char *offload_large(uint32_t value, uint8_t *header, size_t size, size_t frame_size,
				 const struct frame *frame, struct virtio_net_hdr *out)
{
	uint32_t mss = RNDIS_LARGE_SEND_MSS(value);
	uint8_t ip = value & RNDIS_LARGE_SEND_IPV6 ? 6 : 4;
	size_t end = frame_tcp_end(header, size, frame);
	const char *wrong;

	if (end == 0 || frame->ip != ip)
		return "a large send that is not TCP of the IP version named";
	if (mss < OFFLOAD_MSS_MIN || mss > UINT16_MAX)
		return "a large send with an impossible segment size";
	wrong = offload_set_length(header, frame_size, frame);
	if (!wrong)
		wrong = offload_partial(header, size, frame_size, frame, out);
	if (wrong || frame_size - end <= mss) /* one segment is no large send */
		return wrong;
	out->gso_type = ip == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	if (header[frame->l4 + TCP_FLAGS] & TCP_CWR)
		out->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	out->gso_size = (uint16_t)mss;
	out->hdr_len = (uint16_t)end;
	return NULL;
}

const char *offload_send(const struct offload_request *request, uint8_t *header, size_t size,
			 size_t frame_size, struct virtio_net_hdr *out)
{
	uint32_t sums = request->has_checksum ? request->checksum : 0;
	struct frame frame;

	*out = (struct virtio_net_hdr){0};
	if (!request->has_large_send && sums == 0)
		return NULL;
	frame_parse(header, size, &frame);
	if (request->has_large_send)
		return offload_large(request->large_send, header, size, frame_size, &frame, out);
	if (sums & RNDIS_CHECKSUM_IP_HEADER && sums & RNDIS_CHECKSUM_IS_IPV4) {
		if (frame.ip != 4)
			return "an IPv4 checksum request for another packet";
		frame_ip4_checksum(header + frame.l3);
	}
	if (offload_is_ip_sum_only(request))
		return NULL;
	if (frame.protocol != (sums & RNDIS_CHECKSUM_TCP ? FRAME_TCP : FRAME_UDP))
		return "a checksum request for another protocol";
	return offload_partial(header, size, frame_size, &frame, out);
}

bool offload_finish_checksum(const struct virtio_net_hdr *undone, const struct iovec *frame,
			     unsigned int n)
{
	size_t start = undone->csum_start, place = start + undone->csum_offset;
	struct iovec first;
	uint16_t sum;

	if (n == 0 || place + 2 > frame[0].iov_len || start >= frame[0].iov_len)
		return false;
	first = (struct iovec){(uint8_t *)frame[0].iov_base + start, frame[0].iov_len - start};
	sum = frame_sum_fold(frame_sum(0, first.iov_base, first.iov_len, false));
	if (n > 1) {
		uint64_t rest = frame_sum_iov(0, frame + 1, n - 1);

		/* After an odd number of bytes the words of the rest are shifted by one. */
		if (first.iov_len & 1)
			rest = (uint64_t)__builtin_bswap16(frame_sum_fold(rest));
		else
			rest = frame_sum_fold(rest);
		rest += sum;
		sum = (uint16_t)((rest & 0xffff) + (rest >> 16));
	}
	sum = (uint16_t)~sum;
	/* UDP: a sum of zero means that there is none. */
	if (sum == 0 && undone->csum_offset == UDP_CHECKSUM)
		sum = 0xffff;
	frame_put16((uint8_t *)frame[0].iov_base + place, sum);
	return true;
}

uint32_t offload_good(const struct frame *frame)
{
	uint32_t ip = frame->ip == 4 ? RNDIS_CHECKSUM_IP_GOOD : 0;

	if (frame->fragment || frame->l4 == 0)
		return 0;
	if (frame->protocol == FRAME_TCP)
		return RNDIS_CHECKSUM_TCP_GOOD | ip;
	return frame->protocol == FRAME_UDP ? RNDIS_CHECKSUM_UDP_GOOD | ip : 0;
}

/* Only a good sum is told: the guest checks by itself where nothing is. */
static uint32_t offload_checksum_info(const uint8_t *data, const struct frame *frame)
{
	uint32_t info = offload_good(frame);

	if (frame->ip == 4 && !frame_ip4_checksum_good(data + frame->l3))
		info &= ~RNDIS_CHECKSUM_IP_GOOD;
	return info;
}

enum offload_kind offload_receive(const struct virtio_net_hdr *header, const uint8_t *data,
				  size_t size, const struct frame *frame, uint32_t *checksum)
{
	uint8_t type = header->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	uint8_t ip = type == VIRTIO_NET_HDR_GSO_TCPV4 ? 4 : 6;

	*checksum = 0;
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    (size_t)header->csum_start + header->csum_offset + 2 > size)
		return OFFLOAD_INVALID;
	if (header->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
		*checksum = offload_checksum_info(data, frame);
	if (type == VIRTIO_NET_HDR_GSO_NONE)
		return OFFLOAD_PLAIN;
	if ((type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6) ||
	    frame->ip != ip || header->gso_size < OFFLOAD_MSS_MIN ||
	    frame_tcp_end(data, size < FRAME_HEADER_MAX ? size : FRAME_HEADER_MAX, frame) == 0)
		return OFFLOAD_INVALID;
	return OFFLOAD_LARGE;
}
