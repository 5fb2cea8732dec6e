/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest_nic.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_backends.h"
#include "net_packet.h"

#define WAIT_MS 2000u

const uint8_t guest_nic_mac[6] = {0x56, 0x4d, 0x53, 0x12, 0x34, 0x56};

void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)value);
	put16(at + 2, (uint16_t)(value >> 16));
}

uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return GUINT32_FROM_LE(value);
}

void guest_nic_make_memory(struct guest_nic *nic)
{
	nic->receive = g_malloc0(nic->receive_size);
	nic->send = g_malloc0(GUEST_NIC_SEND);
	nic->kept = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	nic->lent = g_hash_table_new_full(NULL, NULL, NULL, g_free);
}

void guest_nic_free_memory(struct guest_nic *nic)
{
	g_queue_clear_full(&nic->frames, (GDestroyNotify)guest_frame_free);
	g_queue_clear_full(&nic->answers, (GDestroyNotify)g_bytes_unref);
	g_queue_clear_full(&nic->completions, (GDestroyNotify)g_bytes_unref);
	g_array_unref(nic->kept);
	g_hash_table_unref(nic->lent);
	g_free(nic->receive);
	g_free(nic->send);
}

void guest_nic_build(struct guest_nic *nic, const struct guest_nic_options *options)
{
	struct netvsp_config config = {.name = "nic0",
				       .channels = options->channels ? options->channels : 1,
				       .fixed_mac = options->fixed_mac,
				       .send_limit = options->send_limit,
				       .receive_limit = options->receive_limit};
	int pair[2], large = 1 << 20;

	*nic = (struct guest_nic){.stream = options->stream, .transaction = 100};
	nic->bus = fake_vmbus_new();
	nic->thread = io_thread_new("test-nic", NULL);
	g_assert_cmpint(socketpair(AF_UNIX,
				   (options->stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC,
				   0, pair),
			==, 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	nic->network = pair[0];
	if (options->backend) {
		close(pair[1]);
		nic->backend = options->backend;
	} else if (options->tap) {
		g_assert_true(g_unix_set_fd_nonblocking(pair[1], TRUE, NULL));
		nic->backend = net_packet_new(false, &pair[1], 1);
	} else {
		nic->backend = options->stream ? net_user_new("nic0", pair[1], NULL)
					       : net_port_new("nic0", pair[1], NULL);
	}
	config.bus = nic->bus;
	config.thread = nic->thread;
	config.backend = nic->backend;
	memcpy(config.mac, guest_nic_mac, 6);
	nic->netvsp = netvsp_new(&config, NULL);
	g_assert_nonnull(nic->netvsp);
	nic->device = fake_vmbus_find(nic->bus, "nic0");
	g_assert_nonnull(nic->device);
	nic->receive_size = options->receive_size ? options->receive_size : GUEST_NIC_RECEIVE;
	guest_nic_make_memory(nic);
}

/* The buffers' pages in an order of their own, so that neighbours are not neighbours in memory. The
 * guest sees them as one: page i is at page_order(i) of the memory. */
static uint32_t page_order(uint32_t page, uint32_t n)
{
	return n % 2 == 0 ? page ^ 1 : page;
}

static void guest_nic_add_gpadl(struct guest_nic *nic, uint32_t gpadl, uint8_t *memory,
				uint32_t size)
{
	uint32_t n = size / 4096;
	g_autofree struct iovec *pages = g_new0(struct iovec, n + 1);

	for (uint32_t i = 0; i < n; i++)
		pages[i] = (struct iovec){memory + (size_t)page_order(i, n) * 4096, 4096};
	if (size % 4096)
		pages[n] = (struct iovec){memory + (size_t)n * 4096, size % 4096};
	fake_device_add_gpadl(nic->device, gpadl, pages, n + (size % 4096 ? 1 : 0));
}

void guest_nic_copy(uint8_t *memory, uint32_t size, uint32_t offset, uint8_t *data, uint32_t n,
		    bool out)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t page = (offset + i) / 4096, pages = size / 4096;
		size_t at =
			page < pages ? (size_t)page_order(page, pages) * 4096 : (size_t)page * 4096;

		at += (offset + i) % 4096;
		g_assert_cmpuint(at, <, size);
		if (out)
			memory[at] = data[i];
		else
			data[i] = memory[at];
	}
}

void guest_nic_make_gpadls(struct guest_nic *nic)
{
	guest_nic_add_gpadl(nic, GUEST_NIC_RECEIVE_GPADL, nic->receive, nic->receive_size);
	guest_nic_add_gpadl(nic, GUEST_NIC_SEND_GPADL, nic->send, GUEST_NIC_SEND);
}

void guest_nic_open(struct guest_nic *nic)
{
	nic->channels[0] = fake_channel_open(nic->device, 0, NULL);
	g_assert_nonnull(nic->channels[0]);
	nic->n_channels = 1;
	guest_nic_make_gpadls(nic);
}

void guest_nic_free(struct guest_nic *nic)
{
	netvsp_free(nic->netvsp);
	net_backend_free(nic->backend);
	io_thread_free(nic->thread);
	fake_vmbus_free(nic->bus);
	close(nic->network);
	guest_nic_free_memory(nic);
}

/* ---- what comes ---- */

static gboolean guest_nic_is_of(gpointer key G_GNUC_UNUSED, gpointer value, gpointer transaction)
{
	return *(uint64_t *)value == *(uint64_t *)transaction;
}

static void guest_nic_complete(struct guest_nic *nic, unsigned int channel, uint64_t transaction)
{
	uint8_t message[8];

	g_hash_table_foreach_remove(nic->lent, guest_nic_is_of, &transaction);
	put32(message, 108);
	put32(message + 4, 1);
	fake_channel_send(nic->channels[channel],
			  &(struct fake_packet){.type = VMBUS_PACKET_COMPLETION,
						.transaction_id = transaction,
						.payload = message,
						.size = sizeof(message)});
}

void guest_nic_complete_kept(struct guest_nic *nic)
{
	g_autoptr(GArray) kept = g_steal_pointer(&nic->kept);

	nic->kept = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	for (guint i = 0; i + 1 < kept->len; i += 2)
		guest_nic_complete(nic, (unsigned int)g_array_index(kept, uint64_t, i + 1),
				   g_array_index(kept, uint64_t, i));
}

/* A data message as a driver reads it, with a driver's checks. */
static void guest_nic_take_frame(struct guest_nic *nic, unsigned int channel,
				 const uint8_t *message, uint32_t size)
{
	uint32_t data = get32(message + 8) + 8, length = get32(message + 12);
	uint32_t info = get32(message + 28) + 8, info_size = get32(message + 32), piece = 0;
	struct guest_frame *frame;

	g_assert_cmpuint(get32(message + 4), <=, size);
	g_assert_cmpuint(data, >=, 44);
	g_assert_cmpuint(data + length, <=, size);
	frame = g_new0(struct guest_frame, 1);
	*frame = (struct guest_frame){.checksum = UINT32_MAX,
				      .hash = UINT32_MAX,
				      .vlan = UINT32_MAX,
				      .n_pieces = 1,
				      .channel = channel};
	while (info_size > 0) {
		uint32_t value = get32(message + info + get32(message + info + 8));
		uint32_t type = get32(message + info + 4);

		g_assert_cmpuint(info + get32(message + info), <=, data);
		if (type == 0)
			frame->checksum = value;
		else if (type == 6)
			frame->vlan = value;
		else if (type == 8)
			frame->hash = value;
		else if (type == 0x80000001)
			piece = value >> 8 & 0xff;
		else
			g_assert_not_reached();
		g_assert_cmpuint(info_size, >=, get32(message + info));
		info_size -= get32(message + info);
		info += get32(message + info);
	}
	g_assert_true(nic->unfinished == (piece & 1 && !(piece & 2)));
	nic->unfinished = piece & 1 && !(piece & 4);
	if (piece & 1 && !(piece & 2)) { /* goes on with the last one */
		struct guest_frame *begun = g_queue_pop_tail(&nic->frames);

		g_free(frame);
		frame = begun;
		frame->n_pieces++;
	}
	frame->data = g_realloc(frame->data, frame->size + length);
	memcpy(frame->data + frame->size, message + data, length);
	frame->size += length;
	g_queue_push_tail(&nic->frames, frame);
}

static void guest_nic_take_ranges(struct guest_nic *nic, unsigned int channel,
				  const struct fake_sent *sent)
{
	g_assert_cmpuint(sent->set_id, ==, GUEST_NIC_RECEIVE_ID);
	g_assert_cmpuint(get32(sent->payload), ==, 107);
	g_assert_cmpuint(get32(sent->payload + 8), ==, UINT32_MAX);
	for (uint32_t i = 0; i < sent->n_ranges; i++) {
		uint32_t size = sent->ranges[i].byte_count;
		g_autofree uint8_t *message = g_malloc(size);
		gpointer offset = GUINT_TO_POINTER(sent->ranges[i].byte_offset);

		g_assert_cmpuint(sent->ranges[i].byte_offset % nic->section_size, ==, 0);
		g_assert_false(g_hash_table_contains(nic->lent, offset)); /* it is ours now */
		g_hash_table_insert(nic->lent, offset,
				    g_memdup2(&sent->transaction_id, sizeof(uint64_t)));
		g_assert_cmpuint(size, <=, nic->section_size);
		guest_nic_copy(nic->receive, nic->receive_size, sent->ranges[i].byte_offset,
			       message, size, false);
		if (get32(message) == 1)
			guest_nic_take_frame(nic, channel, message, size);
		else
			g_queue_push_tail(&nic->answers, g_bytes_new(message, size));
	}
	g_assert_false(nic->unfinished); /* a driver drops what goes on in another packet */
	if (nic->keep) {
		uint64_t index = channel;

		g_array_append_val(nic->kept, sent->transaction_id);
		g_array_append_val(nic->kept, index);
	} else {
		guest_nic_complete(nic, channel, sent->transaction_id);
	}
}

static void guest_nic_take_inband(struct guest_nic *nic, const struct fake_sent *sent)
{
	switch (get32(sent->payload)) {
	case 128:
		g_assert_cmpuint(get32(sent->payload + 4), ==, 0); /* no VF */
		nic->associations++;
		break;
	case 134:
		g_assert_cmpuint(get32(sent->payload + 4), ==, 16);
		g_assert_cmpuint(get32(sent->payload + 8), ==, 40);
		g_assert_cmpuint(sent->size, >=, 40 + 64);
		for (unsigned int i = 0; i < 16; i++)
			nic->indirection[i] = get32(sent->payload + 40 + 4 * (size_t)i);
		nic->indirection_tables++;
		break;
	default:
		g_assert_not_reached();
	}
}

void guest_nic_poll(struct guest_nic *nic)
{
	for (unsigned int i = 0; i < nic->n_channels; i++) {
		struct fake_sent sent;

		while (fake_channel_pull(nic->channels[i], &sent)) {
			if (sent.type == VMBUS_PACKET_DATA_USING_XFER_PAGES)
				guest_nic_take_ranges(nic, i, &sent);
			else if (sent.type == VMBUS_PACKET_COMPLETION)
				g_queue_push_tail(&nic->completions,
						  g_bytes_new(sent.payload, sent.size));
			else
				guest_nic_take_inband(nic, &sent);
			fake_sent_clear(&sent);
		}
	}
}

/* Polls until the queue has something. */
gpointer guest_nic_wait(struct guest_nic *nic, GQueue *queue)
{
	gint64 end = g_get_monotonic_time() + WAIT_MS * 1000;

	for (;;) {
		fake_vmbus_settle(nic->thread);
		guest_nic_poll(nic);
		if (queue->length > 0)
			return g_queue_pop_head(queue);
		if (g_get_monotonic_time() > end)
			return NULL;
		g_thread_yield();
	}
}

struct guest_frame *guest_nic_receive(struct guest_nic *nic)
{
	return guest_nic_wait(nic, &nic->frames);
}

void guest_frame_free(struct guest_frame *frame)
{
	if (!frame)
		return;
	g_free(frame->data);
	g_free(frame);
}

/* ---- NVSP ---- */

void guest_nic_tell(struct guest_nic *nic, const void *message, uint32_t size)
{
	fake_channel_send(nic->channels[0],
			  &(struct fake_packet){.payload = message, .size = size});
}

uint32_t guest_nic_ask(struct guest_nic *nic, const void *message, uint32_t size, uint8_t *answer,
		       uint32_t most)
{
	g_autoptr(GBytes) bytes = NULL;
	const uint8_t *data;
	gsize n;

	fake_channel_send(nic->channels[0],
			  &(struct fake_packet){.flags = VMBUS_PACKET_WANTS_COMPLETION,
						.transaction_id = nic->transaction++,
						.payload = message,
						.size = size});
	bytes = guest_nic_wait(nic, &nic->completions);
	g_assert_nonnull(bytes);
	data = g_bytes_get_data(bytes, &n);
	g_assert_cmpuint(n, <=, most);
	/* Drivers of Linux check for this much, whatever the type. */
	g_assert_true(n == 0 || n >= 28);
	if (n)
		memcpy(answer, data, n);
	return (uint32_t)n;
}

uint32_t guest_nic_negotiate(struct guest_nic *nic, uint32_t min, uint32_t max)
{
	uint8_t message[40] = {0}, answer[64];

	put32(message, 1);
	put32(message + 4, min);
	put32(message + 8, max);
	guest_nic_ask(nic, message, sizeof(message), answer, sizeof(answer));
	g_assert_cmpuint(get32(answer), ==, 2);
	if (get32(answer + 12) == 1)
		g_assert_cmpuint(get32(answer + 4), <=, max);
	return get32(answer + 12);
}

uint32_t guest_nic_lend(struct guest_nic *nic, bool send, uint32_t gpadl)
{
	uint8_t message[40] = {0}, answer[64];

	put32(message, send ? 104 : 101);
	put32(message + 4, gpadl);
	put16(message + 8, send ? 0 : GUEST_NIC_RECEIVE_ID);
	guest_nic_ask(nic, message, sizeof(message), answer, sizeof(answer));
	g_assert_cmpuint(get32(answer), ==, send ? 105 : 102);
	if (get32(answer + 4) != 1)
		return get32(answer + 4);
	if (send) {
		nic->send_section = get32(answer + 8);
		return 1;
	}
	g_assert_cmpuint(get32(answer + 8), ==, 1);  /* one section */
	g_assert_cmpuint(get32(answer + 12), ==, 0); /* from the start */
	g_hash_table_remove_all(nic->lent);
	nic->section_size = get32(answer + 16);
	nic->n_sections = get32(answer + 20);
	g_assert_cmpuint((uint64_t)nic->section_size * nic->n_sections, <=, nic->receive_size);
	return 1;
}

/* ---- RNDIS ---- */

uint32_t guest_nic_control(struct guest_nic *nic, const void *message, uint32_t size)
{
	g_autofree uint8_t *copy = g_memdup2(message, size);
	struct iovec iov[2] = {{copy, size / 2}, {copy + size / 2, size - size / 2}};
	uint8_t nvsp[40] = {0};
	uint32_t status;

	put32(nvsp, 107);
	put32(nvsp + 4, 1);
	put32(nvsp + 8, UINT32_MAX);
	fake_channel_send(nic->channels[0],
			  &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
						.flags = VMBUS_PACKET_WANTS_COMPLETION,
						.transaction_id = nic->transaction++,
						.payload = nvsp,
						.size = sizeof(nvsp),
						.buffer = iov,
						.n_buffer = 2});
	status = guest_nic_sent(nic);
	g_assert_cmpuint(status, !=, 0);
	return status;
}

/* QUERY and SET; the answer's bytes. */
static GBytes *guest_nic_request(struct guest_nic *nic, uint32_t type, uint32_t oid,
				 const void *input, uint32_t size)
{
	g_autofree uint8_t *message = g_malloc0(28 + (size_t)size);
	const uint8_t *data;
	GBytes *answer;

	put32(message, type);
	put32(message + 4, 28 + size);
	put32(message + 8, ++nic->request);
	put32(message + 12, oid);
	put32(message + 16, size);
	put32(message + 20, 20);
	if (size)
		memcpy(message + 28, input, size);
	g_assert_cmpuint(guest_nic_control(nic, message, 28 + size), ==, 1);
	answer = guest_nic_wait(nic, &nic->answers);
	g_assert_nonnull(answer);
	data = g_bytes_get_data(answer, NULL);
	g_assert_cmpuint(get32(data), ==, type | 0x80000000);
	g_assert_cmpuint(get32(data + 4), ==, g_bytes_get_size(answer));
	g_assert_cmpuint(get32(data + 8), ==, nic->request);
	return answer;
}

uint32_t guest_nic_query(struct guest_nic *nic, uint32_t oid, const void *input,
			 uint32_t input_size, void *value, uint32_t most, uint32_t *size)
{
	g_autoptr(GBytes) answer = guest_nic_request(nic, 4, oid, input, input_size);
	const uint8_t *data = g_bytes_get_data(answer, NULL);

	*size = get32(data + 16);
	g_assert_cmpuint(*size, <=, most);
	g_assert_cmpuint(8 + get32(data + 20) + *size, <=, g_bytes_get_size(answer));
	memcpy(value, data + 8 + get32(data + 20), *size);
	return get32(data + 12);
}

uint32_t guest_nic_set(struct guest_nic *nic, uint32_t oid, const void *value, uint32_t size)
{
	g_autoptr(GBytes) answer = guest_nic_request(nic, 5, oid, value, size);
	const uint8_t *data = g_bytes_get_data(answer, NULL);

	return get32(data + 12);
}

static void guest_nic_start_rndis(struct guest_nic *nic)
{
	g_autoptr(GBytes) answer = NULL;
	uint8_t message[24];
	const uint8_t *data;

	put32(message, 2);
	put32(message + 4, sizeof(message));
	put32(message + 8, ++nic->request);
	put32(message + 12, 1);
	put32(message + 16, 0);
	put32(message + 20, 0x4000);
	g_assert_cmpuint(guest_nic_control(nic, message, sizeof(message)), ==, 1);
	answer = guest_nic_wait(nic, &nic->answers);
	data = g_bytes_get_data(answer, NULL);
	g_assert_cmpuint(g_bytes_get_size(answer), ==, 52);
	g_assert_cmpuint(get32(data), ==, 0x80000002);
	g_assert_cmpuint(get32(data + 8), ==, nic->request);
	g_assert_cmpuint(get32(data + 12), ==, 0);
	g_assert_cmpuint(get32(data + 40), ==, 3); /* packets of one transfer are 8-byte aligned */
}

/* What drivers/net/hyperv does for RSS, when the adapter has several queues. */
static void guest_nic_start_channels(struct guest_nic *nic)
{
	uint8_t value[64], message[40] = {0}, answer[64];
	uint8_t rss[40 + 512 + 40] = {0x89, 2, 40};
	uint32_t size, n;

	if (guest_nic_query(nic, 0x00010203, NULL, 0, value, sizeof(value), &size) != 0)
		return;
	g_assert_cmpuint(size, ==, 18);
	n = get32(value + 8);
	put32(message, 133);
	put32(message + 4, 1);
	put32(message + 8, n - 1);
	guest_nic_ask(nic, message, sizeof(message), answer, sizeof(answer));
	g_assert_cmpuint(get32(answer), ==, 133);
	g_assert_cmpuint(get32(answer + 4), ==, 1);
	g_assert_cmpuint(get32(answer + 8), ==, n - 1);
	for (uint32_t i = 1; i < n; i++) {
		nic->channels[i] = fake_channel_open(nic->device, (uint16_t)i, NULL);
		g_assert_nonnull(nic->channels[i]);
		nic->n_channels++;
	}
	put32(rss + 8, 0x1701);
	put16(rss + 12, 512);
	put32(rss + 16, 40);
	put16(rss + 20, 40);
	put32(rss + 24, 40 + 512);
	for (uint32_t i = 0; i < 128; i++)
		put32(rss + 40 + 4 * (size_t)i, i % n);
	for (unsigned int i = 0; i < 40; i++)
		rss[40 + 512 + i] = (uint8_t)(i * 37 + 11);
	g_assert_cmpuint(guest_nic_set(nic, 0x00010204, rss, sizeof(rss)), ==, 0);
}

static void guest_nic_start_offloads(struct guest_nic *nic, bool large_receive)
{
	uint8_t header[4] = {0xa7, 3, 156, 0}, value[256], parameters[28] = {0x80, 3, 28, 0};
	uint32_t size, filter = 0x0d;

	g_assert_cmpuint(guest_nic_query(nic, 0xfc01020d, header, 4, value, sizeof(value), &size),
			 ==, 0);
	g_assert_cmpuint(size, ==, 156);
	g_assert_cmpuint(value[0], ==, 0xa7);
	/* NDIS has BOOLEANs of a byte: where Linux looks for what may be coalesced. */
	g_assert_cmpuint(value[144], ==, large_receive);
	g_assert_cmpuint(value[145], ==, large_receive);
	memset(parameters + 4, 4, 5);
	memset(parameters + 11, 2, 2);
	parameters[22] = parameters[23] = large_receive ? 2 : 1;
	g_assert_cmpuint(guest_nic_set(nic, 0xfc01020c, parameters, sizeof(parameters)), ==, 0);
	g_assert_cmpuint(guest_nic_set(nic, 0x0001010e, &filter, 4), ==, 0);
}

void guest_nic_start(struct guest_nic *nic, const struct guest_nic_options *options)
{
	uint32_t version = options->version ? options->version : 0x60001;
	uint8_t message[40] = {0};

	g_assert_cmpuint(guest_nic_negotiate(nic, version, version), ==, 1);
	if (version > 2) {
		put32(message, 125);
		put32(message + 4, (options->mtu ? options->mtu : 1500) + 14);
		put32(message + 12, 0x2c | (options->large_receive ? 0x80 : 0));
		guest_nic_tell(nic, message, 20);
		memset(message, 0, sizeof(message));
	}
	put32(message, 100);
	put32(message + 4, 6);
	put32(message + 8, 30);
	guest_nic_tell(nic, message, 40);
	g_assert_cmpuint(guest_nic_lend(nic, false, GUEST_NIC_RECEIVE_GPADL), ==, 1);
	g_assert_cmpuint(guest_nic_lend(nic, true, GUEST_NIC_SEND_GPADL), ==, 1);
	guest_nic_start_rndis(nic);
	guest_nic_start_offloads(nic, options->large_receive);
	if (version >= 0x50000)
		guest_nic_start_channels(nic);
}

void guest_nic_up(struct guest_nic *nic, const struct guest_nic_options *options)
{
	guest_nic_build(nic, options);
	guest_nic_open(nic);
	guest_nic_start(nic, options);
}
