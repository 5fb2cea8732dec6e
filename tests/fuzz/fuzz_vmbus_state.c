/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bus with its devices that takes up a saved state that anybody may have made. An input is
 * changes to a good one: for each two bytes of place and one of content; with the first byte 0xff
 * it is a whole state instead. What is taken up runs, and can be saved and taken up again.
 */
#include <string.h>
#include <unistd.h>

#include "guest_bus.h"
#include "ic_kvp.h"
#include "ic_vss.h"
#include "keyboard.h"
#include "storvsp.h"
#include "vstor_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define USED	 (400u * 4096u) /* of the guest's memory */
#define TURN	 16u		/* packets; rings may lie over each other */
#define CHANNELS 6u

struct world {
	struct guest_bus g;
	struct ic_clock clock;
	GBytes *good;
	uint8_t *memory; /* as it was then */
	/* On the bus of now: */
	struct vmbus_device *device;
	struct storvsp *storvsp;
	struct keyboard *keyboard;
	struct ic_vss *vss;
	struct ic_kvp *kvp;
};

/* ---- a device with sub-channels -------------------------------------------------------------- */

static bool vsp_opened(void *context G_GNUC_UNUSED, struct vmbus_channel *channel, uint16_t index,
		       const uint8_t user_data[120])
{
	if (index == 0)
		vmbus_device_offer_sub_channels(vmbus_channel_device(channel), 2);
	return user_data[0] != 0xff;
}

static void vsp_nothing(void *context G_GNUC_UNUSED, struct vmbus_channel *channel G_GNUC_UNUSED)
{
}

static void vsp_ready(void *context G_GNUC_UNUSED, struct vmbus_channel *channel)
{
	struct vmbus_packet p;

	for (unsigned int i = 0; i < TURN && vmbus_channel_receive(channel, &p); i++)
		(void)vmbus_channel_send(channel, VMBUS_PACKET_COMPLETION, 0, p.transaction_id,
					 &(struct iovec){(void *)p.payload, p.size}, 1);
	vmbus_channel_flush(channel);
}

static void vsp_save(void *context G_GNUC_UNUSED, struct vmbus_channel *channel,
		     struct state_writer *writer)
{
	state_put_u16(writer, vmbus_channel_index(channel));
}

static void vsp_restore(void *context G_GNUC_UNUSED, struct vmbus_channel *channel,
			struct state_reader *reader)
{
	if (state_get_u16(reader) != vmbus_channel_index(channel))
		state_fail(reader, "another channel");
}

/* ---- life ------------------------------------------------------------------------------------ */

static uint64_t real_clock(void *context G_GNUC_UNUSED)
{
	return (uint64_t)g_get_monotonic_time() * 1000;
}

static void on_facts(void *context G_GNUC_UNUSED, const struct kvp_facts *facts)
{
	g_assert(facts);
}

static void world_offer(struct world *w)
{
	static const struct vmbus_device_ops ops = {.opened = vsp_opened,
						    .closed = vsp_nothing,
						    .ready = vsp_ready,
						    .hold = vsp_nothing,
						    .save = vsp_save,
						    .restore = vsp_restore};
	const struct vmbus_device_config device = {.instance_id.bytes = {1},
						   .name = "fuzzed",
						   .max_sub_channels = 2,
						   .max_packet = 2048,
						   .thread = w->g.thread,
						   .ops = &ops};
	const struct storvsp_config storvsp = {.name = "storvsp0",
					       .bus = w->g.bus,
					       .thread = w->g.thread,
					       .max_sub_channels = 1,
					       .max_requests = 8};
	const struct storvsp_disk dvd = {.kind = STORVSP_DVD, .id = {100}};
	const struct keyboard_config keyboard = {
		.bus = w->g.bus, .thread = w->g.thread, .monotonic_ns = real_clock};
	const struct ic_env env = {w->g.bus, w->g.thread, &w->clock, real_clock(NULL)};
	const struct ic_kvp_events events = {.changed = on_facts};

	w->device = vmbus_offer(w->g.bus, &device, NULL);
	w->storvsp = storvsp_new(&storvsp, NULL);
	g_assert(storvsp_add(w->storvsp, 1, &dvd, NULL));
	w->keyboard = keyboard_new(&keyboard, NULL);
	w->vss = ic_vss_new(&env, NULL, NULL, NULL);
	w->kvp = ic_kvp_new(&env, &events, NULL);
}

static void world_leave(struct world *w)
{
	vmbus_rescind(w->device);
	storvsp_free(w->storvsp);
	keyboard_free(w->keyboard);
	ic_vss_free(w->vss);
	ic_kvp_free(w->kvp);
	guest_bus_move(&w->g);
}

static void send(struct guest_channel *c, uint16_t type, const void *data, uint32_t size)
{
	static struct guest_packet p;

	p = (struct guest_packet){.type = type,
				  .flags = VMBUS_PACKET_WANTS_COMPLETION,
				  .transaction_id = 1,
				  .size = size};
	memcpy(p.payload, data, size);
	guest_channel_send(c, &p);
}

/* The guest agrees on versions with everybody, and leaves some of the answers. */
static void guest_begins(struct guest_channel *channels)
{
	static const uint8_t chosen[] = {1, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0};
	static const struct vstor_packet packets[] = {
		{.operation = VSTOR_BEGIN_INITIALIZATION},
		{.operation = VSTOR_QUERY_PROTOCOL_VERSION, .protocol.version = VSTOR_VERSION_6_2},
		{.operation = VSTOR_END_INITIALIZATION}};
	static const uint32_t keyboard[2] = {1, 1u << 16};
	static struct guest_packet p;

	for (size_t i = 0; i < G_N_ELEMENTS(packets); i++)
		send(&channels[2], 6, &packets[i], sizeof(packets[i]));
	send(&channels[3], 6, keyboard, sizeof(keyboard));
	for (unsigned int i = 4; i < CHANNELS; i++) {
		guest_channel_receive(&channels[i], &p);
		memcpy(p.payload + 28, chosen, sizeof(chosen));
		p.payload[18] = sizeof(chosen);
		p.payload[19] = 0;
		p.payload[25] = 0x05;
		guest_channel_send(&channels[i], &p);
	}
	send(&channels[0], 6, keyboard, sizeof(keyboard));
}

static void world_make(struct world *w)
{
	static struct guest_channel channels[CHANNELS];
	struct guest_message m;
	uint32_t relids[16];

	guest_bus_init(&w->g);
	w->clock = (struct ic_clock){real_clock, real_clock, real_clock, NULL};
	world_offer(w);
	g_assert(guest_bus_connect(&w->g, VMBUS_VERSION_5_3, relids) == 5);
	g_assert(guest_channel_open(&channels[0], &w->g, relids[0], 0, 1) == 0);
	for (int i = 0; i < 2; i++)
		guest_bus_take(&w->g, VMBUS_OFFERCHANNEL, &m);
	g_assert(guest_channel_open(&channels[1], &w->g, relids[0] + 1, 40, 2) == 0);
	for (unsigned int i = 2; i < CHANNELS; i++)
		g_assert(guest_channel_open(&channels[i], &w->g, relids[i - 1], 40 * (uint64_t)i,
					    0) == 0);
	guest_begins(channels);
	for (uint32_t i = 0; i < 3; i++)
		guest_bus_post_relid(&w->g, VMBUS_CLOSECHANNEL, 1000 + i);
	guest_bus_settle(&w->g);
	w->good = guest_bus_save(&w->g);
	w->memory = g_memdup2(guest_bus_page(&w->g, 0), USED);
	world_leave(w);
}

/* ---- an input -------------------------------------------------------------------------------- */

static GBytes *input_state(const struct world *w, const uint8_t *data, size_t size)
{
	size_t n;
	uint8_t *bytes;

	if (size > 0 && data[0] == 0xff)
		return g_bytes_new(data + 1, size - 1);
	bytes = g_memdup2(g_bytes_get_data(w->good, &n), g_bytes_get_size(w->good));
	for (; size >= 3; data += 3, size -= 3)
		bytes[(size_t)(data[0] | data[1] << 8) % n] = data[2];
	return g_bytes_new_take(bytes, n);
}

static void world_run(struct world *w)
{
	for (uint32_t i = 1; i < VMBUS_RELIDS; i++) {
		const uint64_t one = 1;

		if (w->g.fds[i] > 0)
			g_assert(write(w->g.fds[i], &one, sizeof(one)) == sizeof(one));
	}
	g_mutex_lock(&w->g.lock);
	w->g.full = w->g.refused = false;
	g_mutex_unlock(&w->g.lock);
	guest_bus_settle(&w->g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	g_autoptr(GBytes) state = NULL;

	if (!w.good)
		world_make(&w);
	memcpy(guest_bus_page(&w.g, 0), w.memory, USED);
	state = input_state(&w, data, size);
	world_offer(&w);
	if (guest_bus_restore(&w.g, state)) {
		g_autoptr(GBytes) again = NULL;

		world_run(&w);
		again = guest_bus_save(&w.g);
		world_leave(&w);
		world_offer(&w);
		g_assert(guest_bus_restore(&w.g, again));
		world_run(&w);
	}
	world_leave(&w);
	return 0;
}
