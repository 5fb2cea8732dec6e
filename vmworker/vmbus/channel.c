/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An open channel, on its device's thread: two rings, the guest's signals, and ours. */
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "record.h"
#include "vmbus_private.h"

/* Behind a packet's descriptor a guest may put this much before the payload: a list of pages. */
#define CHANNEL_LIST_MAX (64u * 1024u)
/* How often to look for room in the ring of a guest that does not tell. */
#define CHANNEL_ROOM_POLL_NS 1000000u

/* ---- closing -------------------------------------------------------------------------------- */

/* The VSP has it no more; the object stays until the guest or the connection lets go of it. */
static void channel_shut(struct vmbus_channel *channel)
{
	struct vmbus_device *device = channel->device;

	if (!channel->open)
		return;
	io_watch_free(channel->watch);
	channel->watch = NULL;
	io_timer_arm(channel->room_timer, 0);
	device->config.ops->closed(device->config.context, channel);
	channel->open = false;
	g_ptr_array_remove(device->channels, channel);
	g_ptr_array_set_size(channel->gpadls, 0);
}

/* After a fault. Sub-channels do not outlive the primary. */
void channel_fail(struct vmbus_channel *channel)
{
	struct vmbus_device *device = channel->device;

	for (guint i = device->channels->len; channel->index == 0 && i-- > 0;) {
		struct vmbus_channel *other = device->channels->pdata[i];

		if (other->index != 0)
			channel_shut(other);
	}
	channel_shut(channel);
}

void channel_free(struct vmbus_channel *channel)
{
	io_watch_free(channel->watch);
	io_timer_free(channel->room_timer);
	gpa_list_clear(&channel->buffer);
	g_ptr_array_unref(channel->gpadls);
	g_free(channel->packet);
	g_free(channel->pages);
	gpadl_unref(channel->ring_gpadl);
	device_unref(channel->device);
	g_free(channel);
}

void channel_close(struct vmbus_channel *channel)
{
	channel_shut(channel);
	channel_free(channel);
}

void vmbus_channel_fault(struct vmbus_channel *channel, const char *what)
{
	struct vmbus_device *device = channel->device;
	uint64_t one = 1;

	if (channel->faulted || !channel->open)
		return;
	channel->faulted = true;
	bus_complain(device->bus, &device->bus->faults, "channel %u of %s was closed: %s",
		     channel->index, device->name, what);
	/* Not in its own `ready`: wake ourselves, the watch finds the fault. */
	if (device->serving != channel)
		(void)!write(channel->fd, &one, sizeof(one));
}

/* ---- the guest's signals, and those to it ---------------------------------------------------- */

static void channel_publish_read(struct vmbus_channel *channel)
{
	channel->interrupt |= ring_in_publish(&channel->in);
}

void channel_interrupt(struct vmbus_channel *channel)
{
	const struct vmbus_config *config = &channel->device->bus->config;

	/* What comes while the bus is held could get lost beside the saved state. */
	if (!channel->interrupt || atomic_load(&channel->device->bus->held))
		return;
	channel->interrupt = false;
	config->hypervisor->signal_event(config->hypervisor_context, channel->target_vp, VMBUS_SINT,
					 channel->relid);
}

/* What was read goes first: a guest that is woken by an answer finds the room too. */
void vmbus_channel_flush(struct vmbus_channel *channel)
{
	if (!channel->open || channel->held)
		return;
	channel_publish_read(channel);
	channel->interrupt |= ring_out_publish(&channel->out);
	channel_interrupt(channel);
}

static void channel_serve(struct vmbus_channel *channel)
{
	struct vmbus_device *device = channel->device;

	if (channel->held)
		return;
	if (!channel->faulted) {
		device->serving = channel;
		device->config.ops->ready(device->config.context, channel);
		device->serving = NULL;
	}
	/* Room that was made is shown even when the VSP had nothing to send. */
	vmbus_channel_flush(channel);
	if (channel->faulted)
		channel_fail(channel);
}

static void channel_signalled(void *context, uint32_t events G_GNUC_UNUSED)
{
	channel_serve(context);
}

static void channel_look_for_room(void *context)
{
	struct vmbus_channel *channel = context;

	if (channel->open)
		channel_serve(channel);
}

void channel_set_target_vp(struct vmbus_channel *channel, uint32_t vp)
{
	channel->target_vp = vp;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* The ring GPADL, page by page; NULL unless it is whole pages of one range. */
static uint8_t **channel_map_pages(const struct gpadl *gpadl)
{
	const struct gpa_list *list = &gpadl->list;
	uint8_t **pages;
	uint32_t n = 0;

	if (gpadl->n_ranges != 1 || list->bytes != (uint64_t)list->pages * RING_PAGE_SIZE)
		return NULL;
	pages = g_new(uint8_t *, list->pages);
	for (uint32_t i = 0; i < list->n; i++) {
		uint8_t *at = list->parts[i].iov_base;

		for (size_t done = 0; done < list->parts[i].iov_len; done += RING_PAGE_SIZE)
			pages[n++] = at + done;
	}
	return pages;
}

bool channel_map_rings(struct vmbus_channel *channel)
{
	uint32_t n = channel->ring_gpadl->list.pages, to_guest_page = channel->to_guest_page;

	if (to_guest_page < 2 || to_guest_page >= n || n - to_guest_page < 2)
		return false;
	channel->pages = channel_map_pages(channel->ring_gpadl);
	return channel->pages &&
	       ring_in_init(&channel->in, channel->pages, to_guest_page) == RING_OK &&
	       ring_out_init(&channel->out, channel->pages + to_guest_page, n - to_guest_page) ==
		       RING_OK;
}

bool channel_start(struct vmbus_channel *channel)
{
	struct vmbus_device *device = channel->device;
	uint64_t one = 1;

	/* Each signal is an edge, so that the eventfd need not be read: a system call an I/O. */
	channel->watch = io_thread_watch(device->config.thread, channel->fd, EPOLLIN | EPOLLET,
					 channel_signalled, channel);
	if (!channel->watch)
		return false;
	/* Rings that are not empty at first are looked at without a signal. */
	(void)!write(channel->fd, &one, sizeof(one));
	if (channel->index == 0) {
		device->opening++;
		device->n_asked = 0;
	}
	channel->open = true;
	g_ptr_array_add(device->channels, channel);
	if (device->config.ops->opened(device->config.context, channel, channel->index,
				       channel->user_data))
		return true;
	channel->open = false;
	g_ptr_array_remove(device->channels, channel);
	return false;
}

struct vmbus_channel *channel_new(const struct channel_opening *opening)
{
	struct vmbus_channel *channel = g_new0(struct vmbus_channel, 1);

	channel->device = device_ref(opening->device);
	channel->index = opening->index;
	channel->relid = opening->device->relid + opening->index;
	channel->target_vp = opening->target_vp;
	channel->fd = opening->fd;
	channel->ring_gpadl = opening->ring;
	channel->to_guest_page = opening->to_guest_page;
	memcpy(channel->user_data, opening->user_data, sizeof(channel->user_data));
	channel->gpadls = g_ptr_array_new_with_free_func((GDestroyNotify)gpadl_unref);
	channel->room_timer =
		io_timer_new(channel->device->config.thread, channel_look_for_room, channel);
	return channel;
}

bool channel_device_is_open(const struct vmbus_device *device)
{
	const struct vmbus_channel *primary = device->slots[0].channel;

	return primary && primary->open && !primary->faulted;
}

struct vmbus_channel *channel_open(const struct channel_opening *opening)
{
	struct vmbus_channel *channel = channel_new(opening);

	if ((opening->index == 0 || channel_device_is_open(opening->device)) &&
	    channel_map_rings(channel) && channel_start(channel))
		return channel;
	channel_free(channel);
	return NULL;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static bool channel_bad(struct vmbus_channel *channel, const char *what)
{
	vmbus_channel_fault(channel, what);
	return false;
}

static bool channel_size_fits(const struct vmbus_channel *channel, const struct wire_packet *head,
			      uint32_t size)
{
	uint32_t before = head->offset8 * 8u;

	return before - (uint32_t)sizeof(*head) <= CHANNEL_LIST_MAX &&
	       size - before <= channel->device->config.max_packet;
}

/* Everything behind the descriptor, which was copied before and is not read again. */
static void channel_copy_out(struct vmbus_channel *channel, const struct wire_packet *head,
			     uint32_t size)
{
	if (size > channel->packet_room) {
		g_free(channel->packet);
		channel->packet_room = MAX(4096, size);
		channel->packet = g_malloc(channel->packet_room);
	}
	memcpy(channel->packet, head, sizeof(*head));
	ring_in_copy(&channel->in, sizeof(*head), channel->packet + sizeof(*head),
		     size - (uint32_t)sizeof(*head));
	ring_in_pop(&channel->in);
	/* The guest's writer gets room in good time, but not a cache line for every packet. */
	if (ring_in_unpublished(&channel->in) >= channel->in.memory.size / 4)
		channel_publish_read(channel);
}

static bool channel_read_buffer(struct vmbus_channel *channel, const struct wire_packet *head,
				struct vmbus_packet *packet)
{
	const uint8_t *list = channel->packet + sizeof(*head);
	uint32_t size = head->offset8 * 8u - (uint32_t)sizeof(*head);
	struct wire_gpa_list ranges;

	if (size < sizeof(ranges))
		return channel_bad(channel, "a packet without the list of pages that it announced");
	memcpy(&ranges, list, sizeof(ranges));
	if (!gpa_list_parse(&channel->buffer, channel->device->bus->config.partition,
			    ranges.range_count, list + sizeof(ranges), size - sizeof(ranges)))
		return channel_bad(channel, "a packet over memory that the guest does not have");
	packet->n_buffer = channel->buffer.n;
	packet->buffer_size = channel->buffer.bytes;
	packet->buffer = channel->buffer.n > 0 ? channel->buffer.parts : NULL;
	return true;
}

static bool channel_decode(struct vmbus_channel *channel, const struct wire_packet *head,
			   uint32_t size, struct vmbus_packet *packet)
{
	uint32_t before = head->offset8 * 8u;

	*packet = (struct vmbus_packet){
		.type = head->type,
		.flags = head->flags,
		.transaction_id = head->transaction_id,
		.payload = channel->packet + before,
		.size = size - before,
	};
	switch (head->type) {
	case VMBUS_PACKET_DATA_INBAND:
	case VMBUS_PACKET_COMPLETION:
		return true;
	case VMBUS_PACKET_DATA_USING_GPA_DIRECT:
		return channel_read_buffer(channel, head, packet);
	default:
		return channel_bad(channel, "a packet of a type that a guest does not send");
	}
}

bool vmbus_channel_receive(struct vmbus_channel *channel, struct vmbus_packet *packet)
{
	struct wire_packet head;
	uint32_t size;

	if (!channel->open || channel->faulted || channel->held)
		return false;
	switch (ring_in_peek(&channel->in, &head, &size)) {
	case RING_OK:
		break;
	case RING_EMPTY:
		/* A writer that waits for room does not wait for the VSP to flush. */
		channel_publish_read(channel);
		if (channel->interrupt)
			vmbus_channel_flush(channel);
		return false;
	default:
		return channel_bad(channel, "the ring holds what is no packet");
	}
	if (!channel_size_fits(channel, &head, size))
		return channel_bad(channel, "a packet larger than the device takes");
	channel_copy_out(channel, &head, size);
	if (!channel_decode(channel, &head, size, packet))
		return false;
	record_traffic(channel->device->name, packet->type, packet->flags,
		       &(struct iovec){(void *)packet->payload, packet->size}, packet->buffer,
		       packet->n_buffer);
	return true;
}

/* ---- sending -------------------------------------------------------------------------------- */

static uint64_t monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool channel_put(struct vmbus_channel *channel, struct wire_packet *head,
			struct iovec *parts, unsigned int n_before, const struct iovec *payload,
			unsigned int n)
{
	uint64_t before = 0, size = 0;
	bool signal;
	enum ring_result result;

	if (!channel->open || channel->faulted || channel->held)
		return false;
	g_assert(n <= VMBUS_PARTS_MAX);
	if (n > 0)
		memcpy(parts + n_before, payload, n * sizeof(*payload));
	for (unsigned int i = 0; i < n_before + n; i++) {
		size += parts[i].iov_len;
		before += i < n_before ? parts[i].iov_len : 0;
	}
	if (size > UINT16_MAX * 8u)
		return channel_bad(channel, "an answer that no packet can hold");
	head->offset8 = (uint16_t)(before / 8);
	head->length8 = (uint16_t)((size + 7) / 8);

	result = ring_out_put(&channel->out, parts, n_before + n, &signal);
	channel->interrupt |= signal;
	switch (result) {
	case RING_OK:
		return true;
	case RING_FULL:
		vmbus_channel_flush(channel);
		if (!ring_out_guest_signals(&channel->out))
			io_timer_arm(channel->room_timer, monotonic_now() + CHANNEL_ROOM_POLL_NS);
		return false;
	case RING_TOO_BIG:
		return channel_bad(channel, "a ring too small for an answer");
	default:
		return channel_bad(channel, "the ring towards the guest has wrong indices");
	}
}

bool vmbus_channel_send(struct vmbus_channel *channel, enum vmbus_packet_type type, uint16_t flags,
			uint64_t transaction_id, const struct iovec *payload, unsigned int n)
{
	struct wire_packet head = {
		.type = (uint16_t)type, .flags = flags, .transaction_id = transaction_id};
	struct iovec parts[1 + VMBUS_PARTS_MAX] = {{&head, sizeof(head)}};

	return channel_put(channel, &head, parts, 1, payload, n);
}

bool vmbus_channel_send_xfer(struct vmbus_channel *channel, uint64_t transaction_id,
			     uint16_t set_id, const struct vmbus_xfer_range *ranges,
			     unsigned int n_ranges, const struct iovec *payload, unsigned int n)
{
	struct wire_packet head = {.type = VMBUS_PACKET_DATA_USING_XFER_PAGES,
				   .flags = VMBUS_PACKET_WANTS_COMPLETION,
				   .transaction_id = transaction_id};
	struct wire_xfer_pages xfer = {.set_id = set_id, .range_count = n_ranges};
	struct iovec parts[3 + VMBUS_PARTS_MAX] = {
		{&head, sizeof(head)},
		{&xfer, sizeof(xfer)},
		{(void *)ranges, n_ranges * sizeof(*ranges)},
	};

	return channel_put(channel, &head, parts, 3, payload, n);
}

/* ---- the rest ------------------------------------------------------------------------------- */

const struct iovec *vmbus_channel_gpadl(struct vmbus_channel *channel, uint32_t id, uint32_t *n,
					uint64_t *size)
{
	const struct vmbus_device *device = channel->device;
	struct gpadl *gpadl;

	if (!channel->open)
		return NULL;
	gpadl = gpadl_table_find(device->bus->gpadls, id, device->relid,
				 device->config.max_sub_channels + 1u);
	if (!gpadl)
		return NULL;
	if (g_ptr_array_find(channel->gpadls, gpadl, NULL))
		gpadl_unref(gpadl);
	else
		g_ptr_array_add(channel->gpadls, gpadl);
	*n = gpadl->list.n;
	*size = gpadl->list.bytes;
	return gpadl->list.parts;
}

void vmbus_channel_gpadl_release(struct vmbus_channel *channel, uint32_t id)
{
	for (guint i = 0; i < channel->gpadls->len; i++) {
		const struct gpadl *gpadl = channel->gpadls->pdata[i];

		if (gpadl->id == id) {
			g_ptr_array_remove_index_fast(channel->gpadls, i);
			return;
		}
	}
}

struct vmbus_device *vmbus_channel_device(const struct vmbus_channel *channel)
{
	return channel->device;
}

uint16_t vmbus_channel_index(const struct vmbus_channel *channel)
{
	return channel->index;
}

void vmbus_channel_ring_sizes(const struct vmbus_channel *channel, uint32_t *to_host,
			      uint32_t *to_guest)
{
	*to_host = channel->in.memory.size;
	*to_guest = channel->out.memory.size;
}
