/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The whole adapter under a guest and a network that do as they like: an input is a row of packets,
 * frames and calls. Whatever happens, the adapter can be taken away afterwards, and what it says to
 * the guest lies in the guest's buffers.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_vmbus.h"
#include "net_backends.h"
#include "netvsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BUFFER (16u * 4096u)

enum {
	STEP_NVSP,     /* an in-band packet as it is */
	STEP_BUFFER,   /* an RNDIS packet with a buffer of these bytes */
	STEP_SECTION,  /* the same in a section */
	STEP_COMPLETE, /* the n-th of what came, or nonsense */
	STEP_NETWORK,  /* a frame with its header from the network */
	STEP_CHANNEL,  /* close and open */
	STEP_LIMIT,    /* of the ring */
	STEP_DRIVER,   /* what a driver says until frames flow */
	STEP_HOST,     /* link and limits */
	STEP_N
};

struct world {
	struct vmbus *bus;
	struct io_thread *thread;
	struct net_backend *backend;
	struct netvsp *netvsp;
	struct vmbus_device *device;
	struct vmbus_channel *channels[3];
	int network;
	uint64_t came[64];
	unsigned int n_came;
	uint8_t receive[BUFFER], send[BUFFER];
};

static void world_pull(struct world *w)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct fake_sent sent;

		while (w->channels[i] && fake_channel_is_open(w->channels[i]) &&
		       fake_channel_pull(w->channels[i], &sent)) {
			for (uint32_t j = 0; j < sent.n_ranges; j++)
				g_assert(sent.ranges[j].byte_offset <= BUFFER &&
					 sent.ranges[j].byte_count <=
						 BUFFER - sent.ranges[j].byte_offset);
			if (sent.type == VMBUS_PACKET_DATA_USING_XFER_PAGES)
				w->came[w->n_came++ % 64] = sent.transaction_id;
			fake_sent_clear(&sent);
		}
	}
}

static void world_packet(struct world *w, unsigned int channel, const struct fake_packet *packet)
{
	channel %= 3;
	if (w->channels[channel] && fake_channel_is_open(w->channels[channel]))
		fake_channel_send(w->channels[channel], packet);
}

static void world_nvsp(struct world *w, unsigned int channel, const uint32_t *words, uint32_t n)
{
	world_packet(w, channel,
		     &(struct fake_packet){.flags = VMBUS_PACKET_WANTS_COMPLETION,
					   .payload = words,
					   .size = 4 * n});
}

static void world_rndis(struct world *w, unsigned int channel, uint32_t kind, const uint8_t *data,
			uint32_t size)
{
	uint32_t words[10] = {107, kind, UINT32_MAX};
	struct iovec iov = {(void *)(uintptr_t)data, size};

	world_packet(w, channel,
		     &(struct fake_packet){.type = VMBUS_PACKET_DATA_USING_GPA_DIRECT,
					   .flags = VMBUS_PACKET_WANTS_COMPLETION,
					   .payload = words,
					   .size = sizeof(words),
					   .buffer = &iov,
					   .n_buffer = size ? 1 : 0});
}

static void world_driver(struct world *w, uint8_t options)
{
	static const uint32_t init[] = {2, 24, 1, 1, 0, 0x4000};
	static const uint32_t filter[] = {5, 32, 2, 0x0001010e, 4, 20, 0, 0x2f};
	uint32_t parameters[14] = {5, 56, 3, 0xfc01020c, 28, 20, 0, 0x1c0380};

	world_nvsp(w, 0, (const uint32_t[10]){1, 2, options & 1 ? 0x60001 : 0x40000}, 10);
	world_nvsp(w, 0, (const uint32_t[10]){125, 1514, 0, options & 2 ? 0xac : 0}, 10);
	world_nvsp(w, 0, (const uint32_t[10]){101, 7, 0xcafe}, 10);
	world_nvsp(w, 0, (const uint32_t[10]){104, 8}, 10);
	world_rndis(w, 0, 1, (const uint8_t *)init, sizeof(init));
	world_rndis(w, 0, 1, (const uint8_t *)filter, sizeof(filter));
	if (options & 4)
		memset((uint8_t *)parameters + 28 + 22, 2, 2); /* pieces of large frames */
	world_rndis(w, 0, 1, (const uint8_t *)parameters, sizeof(parameters));
	world_nvsp(w, 0, (const uint32_t[10]){133, 1, options >> 3}, 10);
}

static void world_section(struct world *w, uint8_t where, const uint8_t *data, uint32_t size)
{
	uint32_t words[10] = {107, where & 1, where >> 1 & 15, size};

	if (words[2] * 6144 + size <= BUFFER)
		memcpy(w->send + (size_t)words[2] * 6144, data, size);
	world_nvsp(w, where >> 5, words, 10);
}

static void world_channel(struct world *w, uint8_t which)
{
	unsigned int i = which % 3;

	if (w->channels[i] && fake_channel_is_open(w->channels[i])) {
		fake_channel_close(w->channels[i]);
	} else if (i <= fake_device_sub_channels(w->device) &&
		   (i == 0 || (w->channels[0] && fake_channel_is_open(w->channels[0])))) {
		w->channels[i] = fake_channel_open(w->device, (uint16_t)i, NULL);
	}
}

static void world_complete(struct world *w, uint8_t which)
{
	uint32_t words[2] = {108, 1};
	uint64_t transaction = w->n_came ? w->came[which % MIN(w->n_came, 64u)] : which;

	if (which == 255)
		transaction ^= 0x100000001;
	world_packet(w, which >> 6,
		     &(struct fake_packet){.type = VMBUS_PACKET_COMPLETION,
					   .transaction_id = transaction,
					   .payload = words,
					   .size = sizeof(words)});
}

static void world_host(struct world *w, uint8_t option)
{
	struct netvsp_state state;

	if (option & 1)
		netvsp_set_link(w->netvsp, option & 2);
	if (option & 4)
		netvsp_set_limits(w->netvsp, option & 8 ? 1000 : 0, option & 16 ? 1000 : 0);
	netvsp_state(w->netvsp, &state);
	g_assert(state.channels <= 3);
}

static void world_step(struct world *w, uint8_t kind, uint8_t option, const uint8_t *data,
		       uint32_t size)
{
	switch (kind % STEP_N) {
	case STEP_NVSP:
		world_packet(w, option & 3,
			     &(struct fake_packet){
				     .flags = option >> 2 & 1, .payload = data, .size = size});
		break;
	case STEP_BUFFER:
		world_rndis(w, option & 3, option >> 2 & 1, data, size);
		break;
	case STEP_SECTION:
		world_section(w, option, data, size);
		break;
	case STEP_COMPLETE:
		world_complete(w, option);
		break;
	case STEP_NETWORK:
		(void)!send(w->network, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		fake_vmbus_settle(w->thread);
		break;
	case STEP_CHANNEL:
		world_channel(w, option);
		break;
	case STEP_LIMIT:
		if (w->channels[option % 3] && fake_channel_is_open(w->channels[option % 3]))
			fake_channel_limit(w->channels[option % 3],
					   option & 0x80 ? UINT32_MAX : option * 4u);
		break;
	case STEP_DRIVER:
		world_driver(w, option);
		break;
	default:
		world_host(w, option);
		break;
	}
	world_pull(w);
}

static void world_build(struct world *w)
{
	struct netvsp_config config = {.name = "nic0", .channels = 3, .mac = {2}};
	struct iovec receive[16], send_pages[16];
	int pair[2];

	g_assert(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	w->bus = fake_vmbus_new();
	w->thread = io_thread_new("fuzz-nic", NULL);
	w->network = pair[0];
	w->backend = net_port_new("nic0", pair[1], NULL);
	config.bus = w->bus;
	config.thread = w->thread;
	config.backend = w->backend;
	w->netvsp = netvsp_new(&config, NULL);
	w->device = fake_vmbus_find(w->bus, "nic0");
	for (size_t i = 0; i < 16; i++) {
		receive[i] = (struct iovec){w->receive + 4096 * (i ^ 1), 4096};
		send_pages[i] = (struct iovec){w->send + 4096 * i, 4096};
	}
	fake_device_add_gpadl(w->device, 7, receive, 16);
	fake_device_add_gpadl(w->device, 8, send_pages, 16);
	w->channels[0] = fake_channel_open(w->device, 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = g_new0(struct world, 1);
	/* Packets that wait borrow them. */
	g_autoptr(GPtrArray) buffers = g_ptr_array_new_with_free_func(g_free);

	world_build(w);
	while (size >= 4) {
		uint32_t n = (uint32_t)MIN((size_t)data[2] | (size_t)data[3] << 8, size - 4);
		uint8_t *bytes = g_malloc(n + 1);

		g_ptr_array_add(buffers, bytes);
		memcpy(bytes, data + 4, n);
		world_step(w, data[0], data[1], bytes, n);
		data += 4 + n;
		size -= 4 + n;
	}
	fake_vmbus_settle(w->thread);
	netvsp_free(w->netvsp);
	net_backend_free(w->backend);
	io_thread_free(w->thread);
	fake_vmbus_free(w->bus);
	close(w->network);
	g_free(w);
	return 0;
}
