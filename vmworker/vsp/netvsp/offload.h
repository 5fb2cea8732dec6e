/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is left to do on a frame, between RNDIS's words for it and struct virtio_net_hdr. Pure.
 * Frame headers are given as a private copy of the first bytes of the frame; both sides may lie.
 */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* Smaller segments than TCP ever uses would only be a way to make work. */
#define OFFLOAD_MSS_MIN 48u

struct offload_request { /* RNDIS_INFO_CHECKSUM and _LARGE_SEND of a packet of the guest */
	bool has_checksum, has_large_send;
	uint32_t checksum, large_send;
};

/*
 * Guest to back end: fills `out`, and makes the headers fit for it: lengths, the IPv4 checksum, and
 * the sum of the pseudo header where the checksum goes. header: size bytes of the frame, of
 * frame_size in all. NULL, or what is wrong with the request (static).
 */
const char *offload_send(const struct offload_request *request, uint8_t *header, size_t size,
			 size_t frame_size, struct virtio_net_hdr *out);

/* Does the checksum that `undone` asks for, for a back end that does not. frame[0] holds the
 * headers and is written to. False: undone points outside. */
bool offload_finish_checksum(const struct virtio_net_hdr *undone, const struct iovec *frame,
			     unsigned int n);

enum offload_kind {
	OFFLOAD_PLAIN,
	OFFLOAD_LARGE,	/* TCP, to be cut into segments or handed over as pieces of one */
	OFFLOAD_INVALID /* the header lies */
};

/* Back end to guest: what kind of frame it is, and the checksum information for the guest (0: let
 * it check by itself). Where a checksum is missing, it must be filled in first unless the frame is
 * large. */
enum offload_kind offload_receive(const struct virtio_net_hdr *header, const uint8_t *data,
				  size_t size, const struct frame *frame, uint32_t *checksum);

/* The same for a frame whose checksums are known to be right. */
uint32_t offload_good(const struct frame *frame);

#endif
