/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One lock for everything here, taken for short times: never while an operation of the VSP runs.
 * Operations run through io_thread_call, so they are ordered with the test's thread.
 */
#include "fake_vmbus.h"

#include <string.h>

#include "fake_vmbus_private.h"
#include "record.h"

struct fake_gpadl {
	struct iovec *pages;
	uint32_t n;
	uint64_t size;
	bool used;
};

struct fake_pushed {
	struct vmbus_packet packet; /* its pointers are ours */
};

static void fake_pushed_free(gpointer data)
{
	struct fake_pushed *pushed = data;

	if (!pushed)
		return;
	g_free((gpointer)pushed->packet.payload);
	g_free((gpointer)pushed->packet.buffer);
	g_free(pushed);
}

void fake_sent_clear(struct fake_sent *sent)
{
	g_free(sent->payload);
	g_free(sent->ranges);
	memset(sent, 0, sizeof(*sent));
}

static void fake_sent_free(gpointer data)
{
	fake_sent_clear(data);
	g_free(data);
}

static void fake_gpadl_free(gpointer data)
{
	struct fake_gpadl *gpadl = data;

	g_free(gpadl->pages);
	g_free(gpadl);
}

/* ---- bus and devices ----------------------------------------------------------------------- */

struct vmbus *fake_vmbus_new(void)
{
	struct vmbus *bus = g_new0(struct vmbus, 1);

	bus->devices = g_ptr_array_new();
	return bus;
}

void fake_vmbus_free(struct vmbus *bus)
{
	g_assert_cmpuint(bus->devices->len, ==, 0);
	g_ptr_array_unref(bus->devices);
	g_free(bus);
}

void fake_vmbus_fail_offers(struct vmbus *bus, unsigned int n)
{
	bus->fail_offers = n;
}

static void nothing(void *context G_GNUC_UNUSED)
{
}

void fake_vmbus_settle(struct io_thread *thread)
{
	/* The second call waits for a turn that began after the first one's events were taken. */
	for (int i = 0; i < 3; i++)
		io_thread_call(thread, nothing, NULL);
}

static void fake_channel_free(gpointer data)
{
	struct vmbus_channel *channel = data;

	g_queue_clear_full(&channel->to_vsp, fake_pushed_free);
	g_queue_clear_full(&channel->from_vsp, fake_sent_free);
	fake_pushed_free(channel->in_use);
	g_free(channel->last_fault);
	g_mutex_clear(&channel->lock);
	g_cond_clear(&channel->sent_one);
	g_free(channel);
}

struct vmbus_device *vmbus_offer(struct vmbus *bus, const struct vmbus_device_config *config,
				 GError **error)
{
	struct vmbus_device *device;

	g_assert_nonnull(config->thread);
	g_assert_nonnull(config->name);
	g_assert_nonnull(config->ops->opened);
	g_assert_nonnull(config->ops->closed);
	g_assert_nonnull(config->ops->ready);
	g_assert_cmpuint(config->max_packet, >, 0);
	if (bus->fail_offers > 0) {
		bus->fail_offers--;
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no offer can be made of %s",
			    config->name);
		return NULL;
	}
	device = g_new0(struct vmbus_device, 1);
	device->bus = bus;
	device->config = *config;
	device->config.name = device->name = g_strdup(config->name);
	device->channels = g_ptr_array_new_with_free_func(fake_channel_free);
	device->gpadls = g_hash_table_new_full(NULL, NULL, NULL, fake_gpadl_free);
	device->torn = g_ptr_array_new_with_free_func(fake_gpadl_free);
	g_ptr_array_add(bus->devices, device);
	return device;
}

static void device_close_all(struct vmbus_device *device, bool primary)
{
	for (guint i = device->channels->len; i-- > 0;) {
		struct vmbus_channel *channel = device->channels->pdata[i];

		if (channel->open && (channel->index != 0 || primary))
			fake_channel_close(channel);
	}
}

void vmbus_tl_refuse(struct vmbus *bus, const struct vmbus_guid *endpoint,
		     const struct vmbus_guid *service)
{
	g_assert_true(endpoint && service);
	bus->refusals++;
}

unsigned int fake_vmbus_refusals(const struct vmbus *bus)
{
	return bus->refusals;
}

void vmbus_rescind(struct vmbus_device *device)
{
	if (!device)
		return;
	g_assert_true(g_ptr_array_find(device->bus->devices, device, NULL));
	device_close_all(device, false);
	device_close_all(device, true);
	g_ptr_array_remove(device->bus->devices, device);
	g_ptr_array_unref(device->channels);
	g_hash_table_unref(device->gpadls);
	g_ptr_array_unref(device->torn);
	g_free(device->name);
	g_free(device);
}

struct vmbus_device *fake_vmbus_find(struct vmbus *bus, const char *name)
{
	for (guint i = 0; i < bus->devices->len; i++) {
		struct vmbus_device *device = bus->devices->pdata[i];

		if (g_str_equal(device->name, name))
			return device;
	}
	return NULL;
}

struct vmbus_device *fake_vmbus_nth(struct vmbus *bus, unsigned int n)
{
	return n < bus->devices->len ? bus->devices->pdata[n] : NULL;
}

const struct vmbus_device_config *fake_device_config(const struct vmbus_device *device)
{
	return &device->config;
}

uint16_t fake_device_sub_channels(const struct vmbus_device *device)
{
	return device->n_sub_channels;
}

uint16_t vmbus_device_offer_sub_channels(struct vmbus_device *device, uint16_t n)
{
	uint16_t left = (uint16_t)(device->config.max_sub_channels - device->n_sub_channels);

	g_assert_true(io_thread_is_current(device->config.thread));
	n = MIN(n, left);
	device->n_sub_channels = (uint16_t)(device->n_sub_channels + n);
	return n;
}

void fake_device_add_gpadl(struct vmbus_device *device, uint32_t id, const struct iovec *pages,
			   uint32_t n)
{
	struct fake_gpadl *gpadl = g_new0(struct fake_gpadl, 1);

	g_assert_false(g_hash_table_contains(device->gpadls, GUINT_TO_POINTER(id)));
	gpadl->pages = g_memdup2(pages, n * sizeof(*pages));
	gpadl->n = n;
	for (uint32_t i = 0; i < n; i++)
		gpadl->size += pages[i].iov_len;
	g_hash_table_insert(device->gpadls, GUINT_TO_POINTER(id), gpadl);
}

void fake_device_remove_gpadl(struct vmbus_device *device, uint32_t id)
{
	for (guint i = 0; i < device->channels->len; i++)
		g_assert_false(((struct vmbus_channel *)device->channels->pdata[i])->open);
	g_assert_true(g_hash_table_remove(device->gpadls, GUINT_TO_POINTER(id)));
}

void fake_device_tear_gpadl(struct vmbus_device *device, uint32_t id)
{
	gpointer gpadl = NULL;

	g_assert_true(
		g_hash_table_steal_extended(device->gpadls, GUINT_TO_POINTER(id), NULL, &gpadl));
	g_ptr_array_add(device->torn, gpadl);
}

const struct iovec *vmbus_channel_gpadl(struct vmbus_channel *channel, uint32_t id, uint32_t *n,
					uint64_t *size)
{
	struct fake_gpadl *gpadl =
		g_hash_table_lookup(channel->device->gpadls, GUINT_TO_POINTER(id));

	g_assert_true(io_thread_is_current(channel->device->config.thread));
	if (!gpadl)
		return NULL;
	gpadl->used = true;
	*n = gpadl->n;
	*size = gpadl->size;
	return gpadl->pages;
}

void vmbus_channel_gpadl_release(struct vmbus_channel *channel, uint32_t id)
{
	struct fake_gpadl *gpadl =
		g_hash_table_lookup(channel->device->gpadls, GUINT_TO_POINTER(id));

	g_assert_true(io_thread_is_current(channel->device->config.thread));
	if (gpadl)
		gpadl->used = false;
}

bool fake_device_gpadl_is_used(const struct vmbus_device *device, uint32_t id)
{
	const struct fake_gpadl *gpadl = g_hash_table_lookup(device->gpadls, GUINT_TO_POINTER(id));

	g_assert_nonnull(gpadl);
	return gpadl->used;
}

/* ---- opening and closing ------------------------------------------------------------------- */

void fake_channel_run_opened(void *context)
{
	struct fake_opening *opening = context;
	struct vmbus_channel *channel = opening->channel;
	const struct vmbus_device_config *config = &channel->device->config;

	channel->open = true;
	if (!config->ops->opened(config->context, channel, channel->index, opening->user_data))
		channel->open = false;
}

struct vmbus_channel *fake_channel_new(struct vmbus_device *device, uint16_t index)
{
	struct vmbus_channel *channel = g_new0(struct vmbus_channel, 1);

	g_assert_cmpuint(index, <=, device->n_sub_channels);
	for (guint i = 0; i < device->channels->len; i++) {
		struct vmbus_channel *other = device->channels->pdata[i];

		g_assert_false(other->open && other->index == index);
	}
	channel->device = device;
	channel->index = index;
	channel->to_host = channel->to_guest = 128 * 1024;
	channel->room = UINT32_MAX;
	channel->last_fault = g_strdup("");
	g_mutex_init(&channel->lock);
	g_cond_init(&channel->sent_one);
	g_queue_init(&channel->to_vsp);
	g_queue_init(&channel->from_vsp);
	g_ptr_array_add(device->channels, channel);
	return channel;
}

struct vmbus_channel *fake_channel_open(struct vmbus_device *device, uint16_t index,
					const uint8_t *user_data)
{
	struct vmbus_channel *channel = fake_channel_new(device, index);
	struct fake_opening opening = {.channel = channel};

	if (user_data) {
		memcpy(opening.user_data, user_data, sizeof(opening.user_data));
		memcpy(channel->user_data, user_data, sizeof(channel->user_data));
	}
	io_thread_call(device->config.thread, fake_channel_run_opened, &opening);
	return channel->open ? channel : NULL;
}

static void channel_run_closed(void *context)
{
	struct vmbus_channel *channel = context;
	const struct vmbus_device_config *config = &channel->device->config;

	if (!channel->open)
		return;
	config->ops->closed(config->context, channel);
	channel->open = false;
	channel->closing = channel->held = false;
	if (channel->index == 0)
		channel->device->n_sub_channels = 0;
}

void fake_channel_close(struct vmbus_channel *channel)
{
	struct vmbus_device *device = channel->device;

	g_assert_true(channel->open);
	if (channel->index == 0)
		device_close_all(device, false);
	io_thread_call(device->config.thread, channel_run_closed, channel);
}

bool fake_channel_is_open(const struct vmbus_channel *channel)
{
	return channel->open;
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
	*to_host = channel->to_host;
	*to_guest = channel->to_guest;
}

void fake_channel_set_ring_sizes(struct vmbus_channel *channel, uint32_t to_host, uint32_t to_guest)
{
	channel->to_host = to_host;
	channel->to_guest = to_guest;
}

void vmbus_channel_fault(struct vmbus_channel *channel, const char *what)
{
	g_assert_true(io_thread_is_current(channel->device->config.thread));
	channel->faults++;
	g_free(channel->last_fault);
	channel->last_fault = g_strdup(what);
	channel->closing = true;
}

unsigned int fake_channel_faults(const struct vmbus_channel *channel)
{
	return channel->faults;
}

const char *fake_channel_last_fault(const struct vmbus_channel *channel)
{
	return channel->last_fault;
}

unsigned int fake_channel_flushes(const struct vmbus_channel *channel)
{
	return channel->flushes;
}

/* ---- guest to host ------------------------------------------------------------------------- */

void fake_channel_push(struct vmbus_channel *channel, const struct fake_packet *packet)
{
	struct fake_pushed *pushed = g_new0(struct fake_pushed, 1);
	struct vmbus_packet *p = &pushed->packet;
	uint32_t padded = (packet->size + 7) & ~7u;
	uint8_t *payload = g_malloc0(MAX(padded, 8));

	if (packet->size > 0)
		memcpy(payload, packet->payload, packet->size);
	*p = (struct vmbus_packet){
		.type = packet->type ? packet->type : VMBUS_PACKET_DATA_INBAND,
		.flags = packet->flags,
		.transaction_id = packet->transaction_id,
		.payload = payload,
		.size = padded,
		.n_buffer = packet->n_buffer,
	};
	if (packet->n_buffer > 0)
		p->buffer = g_memdup2(packet->buffer, packet->n_buffer * sizeof(*packet->buffer));
	for (uint32_t i = 0; i < packet->n_buffer; i++)
		p->buffer_size += packet->buffer[i].iov_len;
	g_mutex_lock(&channel->lock);
	g_queue_push_tail(&channel->to_vsp, pushed);
	g_mutex_unlock(&channel->lock);
}

static void channel_run_ready(void *context)
{
	struct vmbus_channel *channel = context;
	const struct vmbus_device_config *config = &channel->device->config;

	if (!channel->open || channel->held)
		return;
	config->ops->ready(config->context, channel);
	if (channel->closing)
		channel_run_closed(channel);
}

void fake_channel_kick(struct vmbus_channel *channel)
{
	io_thread_call(channel->device->config.thread, channel_run_ready, channel);
}

void fake_channel_send(struct vmbus_channel *channel, const struct fake_packet *packet)
{
	fake_channel_push(channel, packet);
	fake_channel_kick(channel);
}

unsigned int fake_channel_backlog(const struct vmbus_channel *channel)
{
	return channel->to_vsp.length;
}

bool vmbus_channel_receive(struct vmbus_channel *channel, struct vmbus_packet *packet)
{
	g_assert_true(io_thread_is_current(channel->device->config.thread));
	g_assert_false(channel->held);
	fake_pushed_free(channel->in_use);
	channel->in_use = NULL;
	if (!channel->open || channel->closing)
		return false;
	g_mutex_lock(&channel->lock);
	channel->in_use = g_queue_pop_head(&channel->to_vsp);
	g_mutex_unlock(&channel->lock);
	if (!channel->in_use)
		return false;
	if (channel->in_use->packet.size > channel->device->config.max_packet) {
		vmbus_channel_fault(channel, "packet larger than the device takes");
		return false;
	}
	*packet = channel->in_use->packet;
	record_traffic(channel->device->name, packet->type, packet->flags,
		       &(struct iovec){(void *)packet->payload, packet->size}, packet->buffer,
		       packet->n_buffer);
	return true;
}

/* ---- host to guest ------------------------------------------------------------------------- */

static bool channel_put(struct vmbus_channel *channel, const struct fake_sent *head,
			const struct iovec *payload, unsigned int n)
{
	struct fake_sent *sent = g_memdup2(head, sizeof(*head));
	uint32_t bytes = 16 + 8;

	g_assert_true(io_thread_is_current(channel->device->config.thread));
	g_assert_true(channel->open);  /* nothing is sent to a closed channel */
	g_assert_false(channel->held); /* or to one whose ring is being saved */
	g_assert_cmpuint(n, <=, VMBUS_PARTS_MAX);
	for (unsigned int i = 0; i < n; i++)
		sent->size += (uint32_t)payload[i].iov_len;
	bytes += (sent->size + 7) & ~7u;
	if (head->type == VMBUS_PACKET_DATA_USING_XFER_PAGES)
		bytes += 8 + 8 * head->n_ranges;
	g_mutex_lock(&channel->lock);
	if (channel->room != UINT32_MAX && channel->room < bytes) {
		channel->refused++;
		channel->wants_room = true;
		g_mutex_unlock(&channel->lock);
		g_free(sent);
		return false;
	}
	if (channel->room != UINT32_MAX)
		channel->room -= bytes;
	if (head->n_ranges > 0)
		sent->ranges = g_memdup2(head->ranges, head->n_ranges * sizeof(*head->ranges));
	sent->payload = g_malloc0(sent->size + 1);
	for (size_t i = 0, at = 0; i < n; at += payload[i].iov_len, i++) {
		if (payload[i].iov_len > 0)
			memcpy(sent->payload + at, payload[i].iov_base, payload[i].iov_len);
	}
	channel->unflushed = true;
	g_queue_push_tail(&channel->from_vsp, sent);
	g_cond_signal(&channel->sent_one);
	g_mutex_unlock(&channel->lock);
	return true;
}

bool vmbus_channel_send(struct vmbus_channel *channel, enum vmbus_packet_type type, uint16_t flags,
			uint64_t transaction_id, const struct iovec *payload, unsigned int n)
{
	struct fake_sent head = {.type = type, .flags = flags, .transaction_id = transaction_id};

	g_assert_true(type == VMBUS_PACKET_DATA_INBAND || type == VMBUS_PACKET_COMPLETION);
	return channel_put(channel, &head, payload, n);
}

bool vmbus_channel_send_xfer(struct vmbus_channel *channel, uint64_t transaction_id,
			     uint16_t set_id, const struct vmbus_xfer_range *ranges,
			     unsigned int n_ranges, const struct iovec *payload, unsigned int n)
{
	struct fake_sent head = {.type = VMBUS_PACKET_DATA_USING_XFER_PAGES,
				 .flags = VMBUS_PACKET_WANTS_COMPLETION,
				 .transaction_id = transaction_id,
				 .set_id = set_id,
				 .n_ranges = n_ranges,
				 .ranges = (struct vmbus_xfer_range *)ranges};

	g_assert_cmpuint(n_ranges, >, 0);
	return channel_put(channel, &head, payload, n);
}

void vmbus_channel_flush(struct vmbus_channel *channel)
{
	g_assert_true(io_thread_is_current(channel->device->config.thread));
	g_assert_false(channel->held);
	if (channel->unflushed)
		channel->flushes++;
	channel->unflushed = false;
}

bool fake_channel_wait(struct vmbus_channel *channel, unsigned int timeout_ms,
		       struct fake_sent *sent)
{
	gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	struct fake_sent *first;

	g_mutex_lock(&channel->lock);
	while (g_queue_is_empty(&channel->from_vsp) &&
	       g_cond_wait_until(&channel->sent_one, &channel->lock, end))
		;
	first = g_queue_pop_head(&channel->from_vsp);
	g_mutex_unlock(&channel->lock);
	memset(sent, 0, sizeof(*sent));
	if (!first)
		return false;
	*sent = *first;
	g_free(first);
	return true;
}

bool fake_channel_pull(struct vmbus_channel *channel, struct fake_sent *sent)
{
	return fake_channel_wait(channel, 0, sent);
}

void fake_channel_limit(struct vmbus_channel *channel, uint32_t bytes)
{
	bool wake;

	g_mutex_lock(&channel->lock);
	wake = channel->wants_room && bytes > channel->room;
	channel->room = bytes;
	if (wake)
		channel->wants_room = false;
	g_mutex_unlock(&channel->lock);
	if (wake)
		fake_channel_kick(channel);
}

unsigned int fake_channel_refused(const struct vmbus_channel *channel)
{
	return channel->refused;
}
