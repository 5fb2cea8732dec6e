/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Back end to guest. The receive buffer is cut into sections of one frame each; sections travel to
 * the guest in batches (one packet with a range for each) and come back when it completes the
 * packet. A large frame goes as pieces of one batch to a guest that can put them together, and is
 * cut into segments for others.
 */
#include <string.h>

#include "netvsp_private.h"
#include "segment.h"

/* The frame, its headers for RNDIS, and Hyper-V's own size for the common MTU. */
#define SECTION_SIZE(mtu) ((mtu) + FRAME_ETHERNET + FRAME_VLAN + RNDIS_RECEIVE_HEADER_MAX)
#define SECTION_MIN	  1728u
/* A guest that takes large frames in pieces works for each piece: a fifth of them, where its buffer
 * has enough sections for small frames all the same. Not 8 KiB, so that not all headers fall into
 * the same few lines of a cache. */
#define SECTION_LARGE	     8128u
#define SECTION_LARGE_ENOUGH 1024u

struct netvsp_input { /* a frame on its way */
	uint8_t *data;
	size_t size;
	struct virtio_net_hdr header;
	struct frame frame;
	struct rndis_receive rndis; /* what is told of it, without data_size and piece */
	enum offload_kind kind;
};

uint32_t netvsp_receive_section(uint32_t mtu)
{
	uint32_t size = (uint32_t)SECTION_SIZE(mtu) + NETVSP_SECTION_ALIGN - 1;

	return MAX(size - size % NETVSP_SECTION_ALIGN, SECTION_MIN);
}

static uint32_t netvsp_receive_choose_section(const struct netvsp *netvsp, uint64_t size)
{
	uint32_t least = netvsp_receive_section(netvsp->nvsp.mtu);

	if (netvsp->rndis.can_large_receive && least < SECTION_LARGE &&
	    size / SECTION_LARGE >= SECTION_LARGE_ENOUGH)
		return SECTION_LARGE;
	return least;
}

void netvsp_receive_set_buffer(struct netvsp *netvsp, const struct iovec *pages, uint32_t n,
			       uint32_t section)
{
	struct netvsp_sections *s = &netvsp->sections;

	netvsp_receive_clear(netvsp);
	net_buffer_set(&s->buffer, pages, n);
	s->size = section ? section : netvsp_receive_choose_section(netvsp, s->buffer.size);
	s->n = (uint32_t)MIN(s->buffer.size / s->size, NETVSP_SECTIONS_MAX);
	if (s->n == 0) {
		net_buffer_clear(&s->buffer);
		return;
	}
	s->free = g_new(uint32_t, s->n);
	s->free_flights = g_new(uint32_t, s->n);
	s->next = g_new(uint32_t, s->n);
	s->flights = g_new0(struct netvsp_flight, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		s->free[i] = s->free_flights[i] = s->n - 1 - i;
	s->n_free = s->n_free_flights = s->n;
}

void netvsp_receive_clear(struct netvsp *netvsp)
{
	struct netvsp_sections *s = &netvsp->sections;

	for (unsigned int i = 0; i < netvsp->n_channels; i++) {
		netvsp->channels[i].batch.n = 0;
		netvsp->channels[i].full = false;
	}
	net_buffer_clear(&s->buffer);
	g_clear_pointer(&s->free, g_free);
	g_clear_pointer(&s->free_flights, g_free);
	g_clear_pointer(&s->next, g_free);
	g_clear_pointer(&s->flights, g_free);
	s->n = s->n_free = s->n_free_flights = 0;
	s->generation++;
}

/* ---- batches ---- */

/* Sends ranges that lie in sections, which the guest has then. */
static bool netvsp_batch_send(struct netvsp_channel *channel, uint32_t kind,
			      const struct netvsp_batch *batch)
{
	struct netvsp_sections *s = &channel->netvsp->sections;
	struct nvsp_rndis_packet message = {
		.type = NVSP_SEND_RNDIS_PACKET, .channel = kind, .section = NVSP_NO_SECTION};
	struct iovec iov = {&message, sizeof(message)};
	uint32_t flight = s->free_flights[s->n_free_flights - 1];
	uint32_t first = NETVSP_NONE;

	if (!vmbus_channel_send_xfer(channel->vmbus, (uint64_t)s->generation << 32 | flight, s->id,
				     batch->ranges, batch->n, &iov, 1))
		return false;
	for (unsigned int i = 0; i < batch->n; i++) {
		s->next[batch->sections[i]] = first;
		first = batch->sections[i];
	}
	s->flights[flight] =
		(struct netvsp_flight){.used = true, .channel = channel->index, .first = first};
	s->n_free_flights--;
	channel->dirty = true;
	channel->netvsp->counters.batches++;
	return true;
}

bool netvsp_receive_flush(struct netvsp_channel *channel)
{
	struct netvsp_batch *batch = &channel->batch;

	if (batch->n == 0)
		return true;
	if (channel->held)
		return false;
	channel->full = !netvsp_batch_send(channel, NVSP_CHANNEL_DATA, batch);
	if (!channel->full)
		batch->n = 0;
	return !channel->full;
}

static void netvsp_flight_land(struct netvsp_sections *s, uint32_t index)
{
	struct netvsp_flight *flight = &s->flights[index];

	for (uint32_t section = flight->first; section != NETVSP_NONE;) {
		uint32_t next = s->next[section];

		s->free[s->n_free++] = section;
		section = next;
	}
	flight->used = false;
	s->free_flights[s->n_free_flights++] = index;
}

const char *netvsp_receive_complete(struct netvsp_channel *channel, uint64_t transaction)
{
	struct netvsp_sections *s = &channel->netvsp->sections;
	uint32_t generation = (uint32_t)(transaction >> 32), index = (uint32_t)transaction;

	/* What was on its way when a buffer was revoked may still come back. */
	if (generation < s->generation)
		return NULL;
	if (generation != s->generation || index >= s->n || !s->flights[index].used ||
	    s->flights[index].channel != channel->index)
		return "a completion of what was not sent";
	netvsp_flight_land(s, index);
	return NULL;
}

void netvsp_receive_abandon(struct netvsp_channel *channel)
{
	struct netvsp_sections *s = &channel->netvsp->sections;

	for (unsigned int i = 0; i < channel->batch.n; i++)
		s->free[s->n_free++] = channel->batch.sections[i];
	channel->batch.n = 0;
	channel->full = false;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->flights[i].used && s->flights[i].channel == channel->index)
			netvsp_flight_land(s, i);
}

/* The next section, filled; there is one. */
static struct vmbus_xfer_range netvsp_section_fill(struct netvsp_sections *s, uint32_t section,
						   const void *header, size_t header_size,
						   const struct iovec *data, unsigned int n)
{
	uint32_t offset = section * s->size;
	size_t size = header_size;

	net_buffer_write(&s->buffer, offset, header, header_size);
	for (unsigned int i = 0; i < n; i++) {
		net_buffer_write(&s->buffer, offset + size, data[i].iov_base, data[i].iov_len);
		size += data[i].iov_len;
	}
	return (struct vmbus_xfer_range){.byte_count = (uint32_t)size, .byte_offset = offset};
}

bool netvsp_receive_control(struct netvsp_channel *channel, const void *message, size_t size)
{
	struct netvsp_sections *s = &channel->netvsp->sections;
	struct netvsp_batch batch = {.n = 1};

	if (s->n == 0 || size > s->size)
		return true; /* revoked meanwhile: nobody waits for it */
	if (s->n_free == 0)
		return false;
	batch.sections[0] = s->free[s->n_free - 1];
	batch.ranges[0] = netvsp_section_fill(s, batch.sections[0], message, size, NULL, 0);
	if (!netvsp_batch_send(channel, NVSP_CHANNEL_CONTROL, &batch))
		return false;
	s->n_free--;
	return true;
}

/* ---- frames ---- */

/* Puts a frame, or a piece of one, into the channel's batch. False: it was dropped. */
static bool netvsp_receive_put(struct netvsp_channel *channel, const struct rndis_receive *rndis,
			       const struct iovec *data, unsigned int n)
{
	struct netvsp_sections *s = &channel->netvsp->sections;
	struct netvsp_batch *batch = &channel->batch;
	uint8_t header[RNDIS_RECEIVE_HEADER_MAX];
	size_t header_size;
	uint32_t section;

	if (batch->n == NETVSP_RANGES && !netvsp_receive_flush(channel))
		return false;
	if (s->n_free == 0)
		return false;
	header_size = rndis_build_packet(rndis, header);
	section = s->free[--s->n_free];
	batch->sections[batch->n] = section;
	batch->ranges[batch->n++] = netvsp_section_fill(s, section, header, header_size, data, n);
	return true;
}

static size_t netvsp_receive_space(const struct netvsp *netvsp)
{
	return netvsp->sections.size - RNDIS_RECEIVE_HEADER_MAX;
}

static void netvsp_receive_pieces(struct netvsp_channel *channel, struct netvsp_input *input)
{
	size_t space = netvsp_receive_space(channel->netvsp), done = 0;

	input->rndis.has_piece = true;
	while (done < input->size) {
		size_t size = MIN(space, input->size - done);
		struct iovec iov = {input->data + done, size};

		input->rndis.data_size = (uint32_t)size;
		input->rndis.piece = RNDIS_PIECE;
		if (done == 0)
			input->rndis.piece |= RNDIS_PIECE_FIRST;
		if (done + size == input->size)
			input->rndis.piece |= RNDIS_PIECE_LAST;
		netvsp_receive_put(channel, &input->rndis, &iov, 1);
		done += size;
	}
}

static void netvsp_receive_segments(struct netvsp_channel *channel, struct netvsp_input *input,
				    struct segmenter *segmenter)
{
	uint8_t header[FRAME_HEADER_MAX];
	struct iovec pieces[2];
	unsigned int n;

	if (channel->netvsp->rndis.offloads.rx)
		input->rndis.checksum = offload_good(&input->frame);
	while ((n = segmenter_next(segmenter, header, pieces, 2))) {
		input->rndis.data_size =
			(uint32_t)(pieces[0].iov_len + (n > 1 ? pieces[1].iov_len : 0));
		if (!netvsp_receive_put(channel, &input->rndis, pieces, n)) {
			channel->netvsp->counters.receive_dropped++;
			return;
		}
	}
}

/* RNDIS carries the VLAN beside the frame. */
static void netvsp_receive_untag(struct netvsp_input *input)
{
	input->rndis.has_vlan = true;
	input->rndis.vlan = frame_get16(input->data + 14);
	memmove(input->data + FRAME_VLAN, input->data, 12);
	input->data += FRAME_VLAN;
	input->size -= FRAME_VLAN;
	input->frame.l3 = (uint16_t)(input->frame.l3 - FRAME_VLAN);
	if (input->frame.l4)
		input->frame.l4 = (uint16_t)(input->frame.l4 - FRAME_VLAN);
	input->header.csum_start = (uint16_t)(input->header.csum_start - FRAME_VLAN);
}

/* Sections that the frame takes; 0: it can never be received. */
static uint32_t netvsp_receive_needs(const struct netvsp *netvsp, const struct netvsp_input *input,
				     struct segmenter *segmenter, const struct iovec *whole)
{
	size_t space = netvsp_receive_space(netvsp), n;

	if (input->kind == OFFLOAD_PLAIN)
		return input->size <= space + (input->frame.vlan ? FRAME_VLAN : 0) ? 1 : 0;
	n = (input->size + space - 1) / space;
	if (netvsp->rndis.offloads.large_receive && n <= NETVSP_RANGES)
		return (uint32_t)n;
	if (!segmenter_init(segmenter, whole, 1, input->header.gso_size) ||
	    segmenter->header_size + input->header.gso_size > space)
		return 0;
	return segmenter_count(segmenter);
}

static void netvsp_receive_deliver(struct netvsp_channel *channel, struct netvsp_input *input)
{
	struct netvsp *netvsp = channel->netvsp;
	struct iovec whole = {0};
	struct segmenter segmenter;

	if (input->frame.vlan)
		netvsp_receive_untag(input);
	whole = (struct iovec){input->data, input->size};
	netvsp->counters.received++;
	netvsp->counters.received_bytes += input->size;
	if (input->kind == OFFLOAD_PLAIN) {
		if (input->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			offload_finish_checksum(&input->header, &whole, 1);
		input->rndis.data_size = (uint32_t)input->size;
		netvsp_receive_put(channel, &input->rndis, &whole, 1);
		return;
	}
	netvsp->counters.received_large++;
	if (netvsp->rndis.offloads.large_receive)
		netvsp_receive_pieces(channel, input);
	else if (segmenter_init(&segmenter, &whole, 1, input->header.gso_size))
		netvsp_receive_segments(channel, input, &segmenter);
}

static struct netvsp_channel *netvsp_receive_choose(struct netvsp *netvsp,
						    struct netvsp_input *input)
{
	struct netvsp_channel *channel = &netvsp->channels[0];
	uint16_t index;

	if (!rss_hash(&netvsp->rndis.rss, input->data, MIN(input->size, FRAME_HEADER_MAX),
		      &input->frame, &input->rndis.hash))
		return channel;
	input->rndis.has_hash = true;
	index = rss_channel(&netvsp->rndis.rss, input->rndis.hash);
	if (index < netvsp->n_channels && netvsp->channels[index].vmbus)
		channel = &netvsp->channels[index];
	return channel;
}

/* There is room for it, and the limit lets it pass. */
static bool netvsp_receive_allowed(struct netvsp_channel *channel, uint32_t needs, size_t size)
{
	struct netvsp *netvsp = channel->netvsp;
	uint64_t again;

	/* Pieces must all be in one batch. */
	if (channel->batch.n + needs > NETVSP_RANGES && channel->batch.n > 0)
		netvsp_receive_flush(channel);
	if (channel->full || netvsp->sections.n_free < needs) {
		netvsp->stalled = true;
		netvsp->counters.receive_stalls++;
		return false;
	}
	again = net_bucket_take(&netvsp->receive_bucket, size,
				netvsp->receive_bucket.rate ? netvsp_now() : 0);
	if (again == 0)
		return true;
	netvsp->counters.throttled++;
	io_timer_arm(netvsp->receive_timer, again);
	return false;
}

static bool netvsp_receive_ready(const struct netvsp *netvsp)
{
	return netvsp->channels[0].vmbus && !netvsp->channels[0].faulted && netvsp->sections.n &&
	       netvsp->rndis.initialized && netvsp->rndis.filter != 0 && netvsp->rndis.link_up;
}

static bool netvsp_received(void *context, const struct virtio_net_hdr *header, uint8_t *data,
			    size_t size)
{
	struct netvsp *netvsp = context;
	struct netvsp_input input = {.data = data, .size = size, .header = *header};
	struct netvsp_channel *channel;
	struct segmenter segmenter;
	struct iovec whole = {data, size};
	uint32_t needs = 0;

	if (!netvsp_receive_ready(netvsp)) {
		netvsp->counters.receive_dropped++;
		return true;
	}
	if (!rndis_adapter_accepts(&netvsp->rndis, data)) {
		netvsp->counters.receive_filtered++;
		return true;
	}
	frame_parse(data, MIN(size, FRAME_HEADER_MAX), &input.frame);
	input.kind = offload_receive(header, data, size, &input.frame, &input.rndis.checksum);
	if (!netvsp->rndis.offloads.rx)
		input.rndis.checksum = 0;
	if (input.kind != OFFLOAD_INVALID)
		needs = netvsp_receive_needs(netvsp, &input, &segmenter, &whole);
	if (needs == 0 || needs > netvsp->sections.n) {
		netvsp->counters.receive_dropped++;
		return true;
	}
	channel = netvsp_receive_choose(netvsp, &input);
	if (channel->held || netvsp->channels[0].held) {
		netvsp->stalled = true;
		return false;
	}
	if (!netvsp_receive_allowed(channel, needs, size))
		return false;
	netvsp_receive_deliver(channel, &input);
	return true;
}

static void netvsp_received_all(void *context)
{
	struct netvsp *netvsp = context;

	for (unsigned int i = 0; i < netvsp->n_channels; i++) {
		struct netvsp_channel *channel = &netvsp->channels[i];

		netvsp_receive_flush(channel);
		netvsp_channel_flush(channel);
	}
}

void netvsp_receive_resume(struct netvsp *netvsp)
{
	if (!netvsp->stalled)
		return;
	netvsp->stalled = false;
	net_backend_resume(netvsp->backend);
}

static void netvsp_writable(void *context)
{
	netvsp_turns(context);
}

static void netvsp_link_changed(void *context, bool up)
{
	struct netvsp *netvsp = context;

	netvsp->link_backend = up;
	netvsp_control_link(netvsp);
	netvsp_outbox_flush(netvsp);
	netvsp_received_all(netvsp);
}

const struct net_backend_events netvsp_backend_events = {
	.received = netvsp_received,
	.received_all = netvsp_received_all,
	.writable = netvsp_writable,
	.link_changed = netvsp_link_changed,
};
