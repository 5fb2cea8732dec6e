/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RNDIS and what follows from it, pure: a packet message is parsed, its request for offloads is
 * met, and the frame is cut and summed; any other message is put to an adapter. The first byte
 * chooses where the input is split into pieces; with its top bit set, the input is what comes from
 * the network instead: a header of virtio's and a frame.
 */
#include <glib.h>
#include <string.h>

#include "frame_iov.h"
#include "rndis.h"
#include "rndis_adapter.h"
#include "segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_frame(const struct iovec *iov, unsigned int n, const struct rndis_frame *rndis)
{
	uint8_t header[FRAME_HEADER_MAX], segment[FRAME_HEADER_MAX];
	struct iovec frame[8], pieces[8];
	struct segmenter segmenter;
	struct virtio_net_hdr undone;
	unsigned int used = 1;
	size_t known;

	known = frame_iov_read(iov, n, rndis->data, header,
			       MIN(rndis->data_size, FRAME_HEADER_MAX));
	frame[0] = (struct iovec){header, known};
	if (known < rndis->data_size)
		used += frame_iov_slice(iov, n, rndis->data + known, rndis->data_size - known,
					frame + 1, 7);
	if (offload_send(&rndis->offload, header, known, rndis->data_size, &undone))
		return;
	if (undone.gso_type && segmenter_init(&segmenter, frame, used, undone.gso_size))
		while (segmenter_next(&segmenter, segment, pieces, 8))
			;
	if (undone.flags)
		offload_finish_checksum(&undone, frame, used);
}

static void fuzz_receive(const uint8_t *data, size_t size)
{
	struct virtio_net_hdr header;
	struct segmenter segmenter;
	struct frame parsed;
	struct iovec iov;
	uint32_t info;
	uint8_t segment[FRAME_HEADER_MAX];
	struct iovec pieces[2];
	g_autofree uint8_t *copy = NULL;
	enum offload_kind kind;

	if (size < sizeof(header) + 14)
		return;
	memcpy(&header, data, sizeof(header));
	size -= sizeof(header);
	copy = g_memdup2(data + sizeof(header), size);
	iov = (struct iovec){copy, size};
	frame_parse(copy, MIN(size, FRAME_HEADER_MAX), &parsed);
	kind = offload_receive(&header, copy, size, &parsed, &info);
	if (kind == OFFLOAD_LARGE && segmenter_init(&segmenter, &iov, 1, header.gso_size))
		while (segmenter_next(&segmenter, segment, pieces, 2))
			;
	else if (kind == OFFLOAD_PLAIN && header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		offload_finish_checksum(&header, &iov, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rndis_adapter adapter;
	uint8_t answer[RNDIS_CONTROL_MAX];
	struct rndis_header header;
	struct rndis_frame frame;
	const char *wrong;
	struct iovec iov[2];
	g_autofree uint8_t *exact = NULL;
	size_t cut, n;

	if (size < 1 + sizeof(header))
		return 0;
	cut = data[0];
	exact = g_memdup2(data + 1, --size);
	if (cut & 0x80) {
		fuzz_receive(exact, size);
		return 0;
	}
	memcpy(&header, exact, sizeof(header));
	if (header.type != RNDIS_PACKET) {
		adapter = (struct rndis_adapter){.n_channels = 4, .can_large_receive = true};
		rndis_adapter_reset(&adapter);
		n = rndis_adapter_control(&adapter, exact, size, answer, &wrong);
		g_assert(n <= sizeof(answer));
		return 0;
	}
	cut = MIN(cut, size);
	iov[0] = (struct iovec){exact, cut};
	iov[1] = (struct iovec){exact + cut, size - cut};
	if (!rndis_parse_packet(iov, 2, size, &frame)) {
		g_assert(frame.data <= size && frame.data_size <= size - frame.data);
		fuzz_frame(iov, 2, &frame);
	}
	return 0;
}
