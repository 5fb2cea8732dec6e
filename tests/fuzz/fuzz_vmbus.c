/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that posts any messages, scribbles over its memory and signals, against the whole bus
 * with a device that answers. Beside raw bytes an input may name well-formed messages, so that what
 * lies behind an open channel is reached.
 */
#include <glib.h>
#include <unistd.h>

#include "fuzz_input.h"
#include "message.h"
#include "vmbus_bus.h"

#define MEMORY	   (1u << 20)
#define SCRIBBLED  (64u * 4096u) /* what the guest uses of it */
#define RELIDS	   4u
#define RING_PAGES 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct partition *partition;
	struct io_thread *thread;
	struct vmbus *bus;
	struct vmbus_device *device;
	bool full, refused;
	bool nowhere; /* the guest has no page for messages */
	int fds[VMBUS_RELIDS];
	uint32_t ring_page[RELIDS + 1]; /* where the last GPADL of each channel begins */
	int open;
};

/* ---- below and above ------------------------------------------------------------------------ */

static enum vmbus_post_result on_post(void *context, uint32_t vp, uint32_t sint,
				      const void *payload G_GNUC_UNUSED, size_t size)
{
	struct world *w = context;

	g_assert(vp < 2 && sint == 2 && size <= VMBUS_MESSAGE_SIZE_MAX);
	if (w->nowhere)
		return VMBUS_POST_NOWHERE;
	if (w->full) {
		w->refused = true;
		return VMBUS_POST_BUSY;
	}
	w->full = true;
	return VMBUS_POST_DONE;
}

static void on_signal(void *context G_GNUC_UNUSED, uint32_t vp, uint32_t sint, uint32_t flag)
{
	g_assert(vp < 2 && sint == 2 && flag < VMBUS_RELIDS);
}

static bool on_bind(void *context, uint32_t id, int fd)
{
	((struct world *)context)->fds[id - VMBUS_CHANNEL_CONNECTION(0)] = fd;
	return true;
}

static void on_unbind(void *context, uint32_t id, int fd G_GNUC_UNUSED)
{
	((struct world *)context)->fds[id - VMBUS_CHANNEL_CONNECTION(0)] = 0;
}

static void on_line(void *context G_GNUC_UNUSED, const char *line)
{
	g_assert(g_utf8_validate(line, -1, NULL));
}

static const struct vmbus_hypervisor hypervisor = {on_post, on_signal, on_bind, on_unbind};

static bool vsp_opened(void *context, struct vmbus_channel *channel G_GNUC_UNUSED,
		       uint16_t index G_GNUC_UNUSED, const uint8_t user_data[120])
{
	struct world *w = context;

	if (user_data[0] == 0xff)
		return false;
	w->open++;
	return true;
}

static void vsp_closed(void *context, struct vmbus_channel *channel G_GNUC_UNUSED)
{
	struct world *w = context;

	g_assert(--w->open >= 0);
}

static void vsp_ready(void *context, struct vmbus_channel *channel)
{
	struct world *w = context;
	struct vmbus_packet p;
	bool room = true;

	while (room && vmbus_channel_receive(channel, &p)) {
		static const uint8_t filler[5120];
		const struct vmbus_xfer_range range = {64, 0};
		struct iovec payload = {(void *)p.payload, p.size};
		uint32_t n;
		uint64_t size;

		g_assert(p.size <= 2048);
		for (uint32_t i = 0; i < p.n_buffer; i++)
			memset(p.buffer[i].iov_base, 0, p.buffer[i].iov_len);
		if (p.size >= 8 && p.payload[0] == 1)
			vmbus_device_offer_sub_channels(w->device, p.payload[1]);
		if (p.size >= 8 && p.payload[0] == 2)
			vmbus_channel_fault(channel, "told to");
		if (p.size >= 8 && p.payload[0] == 3)
			vmbus_channel_gpadl(channel, p.payload[1], &n, &size);
		if (p.size >= 8 && p.payload[0] == 4)
			payload = (struct iovec){(void *)filler, 20u * p.payload[1]};
		if (p.size >= 8 && p.payload[0] == 5)
			room = vmbus_channel_send_xfer(channel, p.transaction_id, 1, &range, 1,
						       &payload, 1);
		else
			room = vmbus_channel_send(channel, VMBUS_PACKET_COMPLETION, 0,
						  p.transaction_id, &payload, 1);
	}
	vmbus_channel_flush(channel);
}

static const struct vmbus_device_ops ops = {
	.opened = vsp_opened, .closed = vsp_closed, .ready = vsp_ready};

static void world_start(struct world *w)
{
	const struct partition_properties properties = {.memory_size = MEMORY, .vp_count = 2};
	struct vmbus_config config = {
		.vp_count = 2, .hypervisor = &hypervisor, .hypervisor_context = w, .log = on_line};
	struct vmbus_device_config device = {.name = "fuzzed",
					     .max_sub_channels = RELIDS - 2,
					     .max_packet = 2048,
					     .ops = &ops,
					     .context = w};
	struct hv_fault fault;

	if (!w->partition) {
		g_assert(partition_create(&properties, &w->partition, &fault) == HV_STATUS_SUCCESS);
		w->thread = io_thread_new("fuzz", NULL);
	}
	memset(partition_gpa_pointer(w->partition, 0, SCRIBBLED), 0, SCRIBBLED);
	memset(w->ring_page, 0, sizeof(w->ring_page));
	w->full = w->refused = w->nowhere = false;
	config.partition = w->partition;
	config.thread = device.thread = w->thread;
	w->bus = vmbus_new(&config);
	w->device = vmbus_offer(w->bus, &device, NULL);
	g_assert(w->device);
}

/* ---- the guest ------------------------------------------------------------------------------ */

static void nothing(void *context G_GNUC_UNUSED)
{
}

/* One turn serves a message; what is readable is served in the turn after. */
static void settle(struct world *w, int turns)
{
	while (turns-- > 0)
		io_thread_call(w->thread, nothing, NULL);
}

static void slot_freed(struct world *w)
{
	bool refused = w->refused;

	w->full = w->refused = false;
	if (refused)
		vmbus_slot_freed(w->bus);
}

static void post_well_formed(struct world *w, struct fuzz_input *in)
{
	union {
		struct wire_header header;
		struct wire_relid relid;
		struct wire_open open;
		struct wire_gpadl_header gpadl;
		struct wire_initiate_contact contact;
		struct wire_modify_channel modify;
		uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX];
	} m = {0};
	uint8_t kind = fuzz_u8(in);
	uint32_t relid = 1 + (kind >> 4) % RELIDS, range[2] = {RING_PAGES * 4096, 0};
	uint64_t page = fuzz_u8(in) % 64;

	switch (kind % 6) {
	case 0:
		m.contact = (struct wire_initiate_contact){.header.type = VMBUS_INITIATE_CONTACT,
							   .version = VMBUS_VERSION_5_3,
							   .v5.sint = 2};
		break;
	case 1:
		m.header.type = VMBUS_REQUESTOFFERS;
		break;
	case 2:
		m.gpadl = (struct wire_gpadl_header){.header.type = VMBUS_GPADL_HEADER,
						     .relid = relid,
						     .gpadl = relid,
						     .range_bytes = 8 + 8 * RING_PAGES,
						     .range_count = 1};
		memcpy(m.gpadl.ranges, range, sizeof(range));
		w->ring_page[relid] = (uint32_t)page;
		for (uint32_t i = 0; i < RING_PAGES; i++, page = (page + 1) % 64)
			memcpy(m.gpadl.ranges + 8 + 8 * i, &page, sizeof(page));
		break;
	case 3:
		m.open = (struct wire_open){.header.type = VMBUS_OPENCHANNEL,
					    .relid = relid,
					    .ring_gpadl = relid,
					    .to_guest_page = RING_PAGES / 2,
					    .user_data[0] = page == 63 ? 0xff : 0};
		break;
	case 4:
		m.modify = (struct wire_modify_channel){.header.type = VMBUS_MODIFYCHANNEL,
							.relid = relid,
							.target_vp = (uint32_t)page % 3};
		break;
	default:
		m.relid = (struct wire_relid){.header.type = kind & 8 ? VMBUS_CLOSECHANNEL
								      : VMBUS_RELID_RELEASED,
					      .relid = relid};
		break;
	}
	vmbus_post(w->bus, &m, sizeof(m));
}

/* A page of a channel's rings, where post_well_formed has them. */
static uint8_t *ring_page(struct world *w, uint32_t relid, uint32_t n)
{
	return partition_gpa_pointer(w->partition, (w->ring_page[relid] + n) % 64 * 4096ull, 4096);
}

/* A packet as a driver puts it into its ring, with room for anything to be wrong with it. */
static void send_packet(struct world *w, struct fuzz_input *in, uint32_t relid)
{
	static const uint16_t types[] = {6, 6, 9, 11, 7, 0};
	struct ring_control *control = (void *)ring_page(w, relid, 0);
	struct wire_packet head = {.flags = VMBUS_PACKET_WANTS_COMPLETION};
	uint8_t packet[sizeof(head) + 256 + WIRE_PACKET_TRAILER] = {0};
	uint32_t write = control->write_index % ((RING_PAGES / 2 - 1) * 4096) & ~7u;
	uint8_t shape = fuzz_u8(in);
	size_t n = fuzz_bytes(in, packet + sizeof(head), fuzz_u8(in));
	size_t all = sizeof(head) + ((n + 7) & ~7u);

	head.type = types[shape % 6];
	head.length8 = (uint16_t)(all / 8);
	head.offset8 = (uint16_t)(2 + (shape >> 4)); /* pages of a buffer lie before the payload */
	memcpy(packet, &head, sizeof(head));
	all += WIRE_PACKET_TRAILER;
	for (size_t i = 0; i < all; i++, write++) {
		write %= (RING_PAGES / 2 - 1) * 4096;
		ring_page(w, relid, 1 + write / 4096)[write % 4096] = packet[i];
	}
	control->write_index = write % ((RING_PAGES / 2 - 1) * 4096);
}

/* What a driver does with a channel: send, take all that came, and wait for room. */
static void use_channel(struct world *w, struct fuzz_input *in)
{
	uint8_t what = fuzz_u8(in);
	uint32_t relid = 1 + (what >> 6) % RELIDS;
	struct ring_control *to_host = (void *)ring_page(w, relid, 0);
	struct ring_control *to_guest = (void *)ring_page(w, relid, RING_PAGES / 2);
	uint64_t one = 1;

	if (what & 1)
		send_packet(w, in, relid);
	if (what & 2)
		to_guest->read_index = to_guest->write_index;
	if (what & 4)
		to_host->pending_send_size = fuzz_u16(in);
	if (what & 8)
		to_guest->feature_bits = what >> 4 & 1;
	if (!(what & 32) && w->fds[relid] > 0)
		g_assert(write(w->fds[relid], &one, sizeof(one)) == sizeof(one));
}

static void guest_steps(struct world *w, struct fuzz_input *in)
{
	uint8_t bytes[VMBUS_MESSAGE_SIZE_MAX + 15];
	uint8_t kind = fuzz_u8(in);
	uint64_t one = 1;
	size_t n;

	switch (kind % 8) {
	case 0:
		n = fuzz_bytes(in, bytes, fuzz_u8(in));
		vmbus_post(w->bus, bytes, n);
		break;
	case 1:
	case 2:
		post_well_formed(w, in);
		break;
	case 3:
		w->nowhere = kind >> 4 == 15;
		slot_freed(w);
		break;
	case 4:
	case 5:
		n = (fuzz_u16(in) * 8u) % (SCRIBBLED - 256);
		fuzz_bytes(in, partition_gpa_pointer(w->partition, n, 256), fuzz_u8(in));
		break;
	case 6:
		n = 1 + (kind >> 4) % RELIDS;
		if (w->fds[n] > 0)
			g_assert(write(w->fds[n], &one, sizeof(one)) == sizeof(one));
		break;
	default:
		if (kind == 7)
			vmbus_reset(w->bus);
		else
			use_channel(w, in);
		break;
	}
	settle(w, kind % 8 >= 6 ? 2 : 1);
	if (kind & 8)
		slot_freed(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct fuzz_input in = {data, size};
	struct message message;

	message_parse(&message, data, size);
	world_start(&w);
	while (in.size > 0)
		guest_steps(&w, &in);
	settle(&w, 3);
	vmbus_rescind(w.device);
	vmbus_free(w.bus);
	g_assert(w.open == 0);
	return 0;
}
